//! Permissions to enrol, batches of letters.

/// Reads.
pub trait Enrolments: Send {}

/// Writes.
pub trait EditEnrolments: Enrolments {}
