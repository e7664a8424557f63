//! Counts for charts, by hour.

use async_trait::async_trait;

use crate::Result;

/// How often something was counted in an hour.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count {
    /// Hours since 1970.
    pub hour: i64,
    /// What.
    pub name: String,
    /// Which part of the scale a time fell into; 0 for what is only counted.
    pub bucket: u32,
    /// How often.
    pub count: u64,
}

/// Reads.
#[async_trait]
pub trait Statistics: Send {
    /// Sums for each name over stretches of `hours` hours, from `since` on and before `until` (hours since 1970);
    /// `bucket` is 0. Ordered by hour and name. The stretches begin at multiples of their length.
    async fn counted(&mut self, since: i64, until: i64, hours: u32) -> Result<Vec<Count>>;

    /// Sums of each bucket of this name from `since` on and before `until`; `hour` is `since`. Ordered by bucket.
    async fn histogram(&mut self, name: &str, since: i64, until: i64) -> Result<Vec<Count>>;

    /// Browser sessions that are alive, counted up to `most`.
    async fn live_sessions(&mut self, now: domain::Timestamp, most: u32) -> Result<u64>;
}

/// Writes.
#[async_trait]
pub trait EditStatistics: Statistics {
    /// Adds these to what was counted before.
    async fn count(&mut self, counts: &[Count]) -> Result<()>;
}
