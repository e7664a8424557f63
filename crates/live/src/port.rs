//! The trait and its values.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

/// Where a slot is: its kind and its own key (already hashed where it is secret).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The kind of slot: `journey`, `channel`…
    pub kind: &'static str,
    /// The slot's own key.
    pub id: String,
}

/// Changes with every write of a slot and never comes back; a swap makes it grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(pub u64);

/// Where a counter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// The sum in the current window; 0 when none runs.
    pub sum: u64,
    /// How long until the window ends; zero when none runs.
    pub ends_in: Duration,
}

/// Somebody else wrote first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost;

/// What is talked about: `channel:<hash>` for one channel, `changes` for everybody's caches. Without line breaks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Topic(pub String);

/// A hint that something changed. Short, never secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// A word and, where the topic has many subjects, whom it concerns (an id).
    Said(String),
    /// Words were lost on the way: read the truth again.
    Missed,
}

/// The live store failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LiveError {
    /// It cannot be reached.
    #[error("live state unavailable: {0}")]
    Unavailable(String),
    /// It is at its limit (in-process: too many slots of this kind).
    #[error("too many live {0} slots")]
    Full(&'static str),
    /// A kept value is no valid value of its kind.
    #[error("corrupt live {0} slot")]
    Corrupt(&'static str),
}

/// Result of a port call.
pub type Result<T, E = LiveError> = std::result::Result<T, E>;

/// A running subscription. Dropping it ends it.
#[async_trait]
pub trait Words: Send {
    /// Waits for the next word; `None` when the live store is closed.
    async fn next(&mut self) -> Option<Word>;
}

/// What is short-lived.
#[async_trait]
pub trait Live: Send + Sync {
    /// Writes, whatever was there.
    async fn put(&self, key: &Key, value: Bytes, ttl: Duration) -> Result<Version>;

    /// As [`Live::put`]; at the cap of this kind of slot the one that would end first makes room. For what may
    /// be lost at the price of a new start, never for marks of single use (SEC-222).
    async fn put_making_room(&self, key: &Key, value: Bytes, ttl: Duration) -> Result<Version> {
        self.put(key, value, ttl).await
    }

    /// Reads.
    async fn get(&self, key: &Key) -> Result<Option<(Bytes, Version)>>;

    /// Writes only if nobody wrote since `seen`; keeps the time to live unless one is given.
    async fn swap(
        &self,
        key: &Key,
        seen: Version,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<Result<Version, Lost>>;

    /// Reads and removes in one move: of many callers one gets it.
    async fn take(&self, key: &Key) -> Result<Option<Bytes>>;

    /// Adds `amount` to a counter and answers where it stands in its current window; the window begins with
    /// the first count and ends `window` later. `amount` 0 only reads.
    async fn count(&self, counter: &Key, amount: u64, window: Duration) -> Result<Counted>;

    /// Says a word on a topic.
    async fn publish(&self, topic: &Topic, word: &str) -> Result<()>;

    /// Listens to a topic from now on. A word said a moment before may still come; none said after is lost without
    /// a [`Word::Missed`].
    async fn subscribe(&self, topic: &Topic) -> Result<Box<dyn Words>>;

    /// Whether it can be reached; for readiness.
    async fn check(&self) -> Result<()>;
}
