//! API keys; sessions, consents and clients as an administrator finds them.

/// Reads.
pub trait Administration: Send {}

/// Writes.
pub trait EditAdministration: Administration {}
