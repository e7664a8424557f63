//! Groups, roles, custom claims, policies, and people as an administrator finds them.

/// Reads.
pub trait People: Send {}

/// Writes.
pub trait EditPeople: People {}
