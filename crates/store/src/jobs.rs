//! Long work, row by row.

/// Reads.
pub trait Jobs: Send {}

/// Writes.
pub trait EditJobs: Jobs {}
