//! Second factors, recovery codes, recoveries.

/// Reads.
pub trait Factors: Send {}

/// Writes.
pub trait EditFactors: Factors {}
