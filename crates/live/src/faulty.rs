//! A live store that can be lost and found again: for the tests of what is built on it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch;

use crate::{Counted, InProcess, Key, Live, LiveError, Lost, Result, Topic, Version, Word, Words};

/// An in-process live store behind a line that can be cut. While it is, every call answers `Unavailable`; its
/// listeners hear `Missed`, as those of a server do that went away.
#[derive(Debug)]
pub struct Faulty {
    inner: InProcess,
    is_lost: watch::Sender<bool>,
}

impl Default for Faulty {
    fn default() -> Self {
        Self { inner: InProcess::default(), is_lost: watch::Sender::new(false) }
    }
}

impl Faulty {
    /// A working one.
    #[must_use]
    pub fn shared() -> Arc<Self> {
        Arc::default()
    }

    /// Cuts the line.
    pub fn lose(&self) {
        self.is_lost.send_replace(true);
    }

    /// Mends it. What was kept is still there.
    pub fn find(&self) {
        self.is_lost.send_replace(false);
    }

    fn line(&self) -> Result<&InProcess> {
        if *self.is_lost.borrow() {
            return Err(LiveError::Unavailable("the line is cut".to_owned()));
        }
        Ok(&self.inner)
    }
}

struct Listener {
    inner: Box<dyn Words>,
    is_lost: watch::Receiver<bool>,
}

#[async_trait]
impl Words for Listener {
    async fn next(&mut self) -> Option<Word> {
        tokio::select! {
            word = self.inner.next() => word,
            changed = self.is_lost.changed() => changed.ok().map(|()| Word::Missed),
        }
    }
}

#[async_trait]
impl Live for Faulty {
    async fn put(&self, key: &Key, value: Bytes, ttl: Duration) -> Result<Version> {
        self.line()?.put(key, value, ttl).await
    }
    async fn put_making_room(&self, key: &Key, value: Bytes, ttl: Duration) -> Result<Version> {
        self.line()?.put_making_room(key, value, ttl).await
    }
    async fn get(&self, key: &Key) -> Result<Option<(Bytes, Version)>> {
        self.line()?.get(key).await
    }
    async fn swap(
        &self,
        key: &Key,
        seen: Version,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<Result<Version, Lost>> {
        self.line()?.swap(key, seen, value, ttl).await
    }
    async fn take(&self, key: &Key) -> Result<Option<Bytes>> {
        self.line()?.take(key).await
    }
    async fn count(&self, counter: &Key, amount: u64, window: Duration) -> Result<Counted> {
        self.line()?.count(counter, amount, window).await
    }
    async fn publish(&self, topic: &Topic, word: &str) -> Result<()> {
        self.line()?.publish(topic, word).await
    }
    async fn subscribe(&self, topic: &Topic) -> Result<Box<dyn Words>> {
        let inner = self.line()?.subscribe(topic).await?;
        Ok(Box::new(Listener { inner, is_lost: self.is_lost.subscribe() }))
    }
    async fn check(&self) -> Result<()> {
        self.line()?.check().await
    }
}
