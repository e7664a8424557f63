//! Counts for charts.

/// Reads.
pub trait Statistics: Send {}

/// Writes.
pub trait EditStatistics: Statistics {}
