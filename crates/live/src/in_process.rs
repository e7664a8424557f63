//! Live state in this process: sharded maps, lost with the process by design.
//!
//! Owns: one [`table::Table`] per kind of slot and of counter, and the topics. Every table is bounded
//! (SEC-222): at its cap what has expired goes first, then new entries are refused; nothing that still
//! counts is forgotten early, except where the kind of slot says that its oldest makes room. No lock is held across an await; a waiting listener is one boxed receiver.

mod table;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use self::table::{AtCap, Table};
use crate::{Counted, Key, Live, LiveError, Lost, Result, Topic, Topics, Version, Words};

/// How much is kept at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Slots of one kind.
    pub slots_per_kind: usize,
    /// Counters of one kind.
    pub counters_per_kind: usize,
    /// Topics that somebody listens to.
    pub topics: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self { slots_per_kind: 200_000, counters_per_kind: 1_000_000, topics: 200_000 }
    }
}

/// Live state of a single node, in its own memory.
#[derive(Debug, Default)]
pub struct InProcess {
    caps: Caps,
    slots: Kinds<Slot>,
    counters: Kinds<u64>,
    topics: Arc<Topics>,
}

/// What a slot holds.
#[derive(Debug)]
struct Slot {
    value: Bytes,
    version: Version,
}

impl InProcess {
    /// Empty, with these caps. [`InProcess::default`] has the usual ones.
    #[must_use]
    pub fn new(caps: Caps) -> Self {
        Self { caps, ..Self::default() }
    }

    fn slots(&self, kind: &'static str) -> Arc<Table<Slot>> {
        self.slots.table(kind, self.caps.slots_per_kind)
    }
}

#[async_trait]
impl Live for InProcess {
    async fn put(&self, key: &Key, value: Bytes, ttl: Duration) -> Result<Version> {
        self.slots(key.kind)
            .put(&key.id, ttl, AtCap::Refuse, |number| Slot { value, version: Version(number) })
            .map(Version)
            .ok_or(LiveError::Full(key.kind))
    }

    async fn put_making_room(&self, key: &Key, value: Bytes, ttl: Duration) -> Result<Version> {
        self.slots(key.kind)
            .put(&key.id, ttl, AtCap::MakeRoom, |number| Slot { value, version: Version(number) })
            .map(Version)
            .ok_or(LiveError::Full(key.kind))
    }

    async fn get(&self, key: &Key) -> Result<Option<(Bytes, Version)>> {
        Ok(self.slots(key.kind).look(&key.id, |slot| (slot.value.clone(), slot.version)))
    }

    async fn swap(
        &self,
        key: &Key,
        seen: Version,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<Result<Version, Lost>> {
        let written = self.slots(key.kind).change(&key.id, ttl, |slot, number| {
            if slot.version != seen {
                return Err(Lost);
            }
            *slot = Slot { value, version: Version(number) };
            Ok(slot.version)
        });
        Ok(written.unwrap_or(Err(Lost)))
    }

    async fn take(&self, key: &Key) -> Result<Option<Bytes>> {
        Ok(self.slots(key.kind).take(&key.id).map(|slot| slot.value))
    }

    async fn count(&self, counter: &Key, amount: u64, window: Duration) -> Result<Counted> {
        let table = self.counters.table(counter.kind, self.caps.counters_per_kind);
        if amount == 0 {
            let stand = table.look_until(&counter.id, |sum, ends_in| Counted { sum: *sum, ends_in });
            return Ok(stand.unwrap_or(Counted { sum: 0, ends_in: Duration::ZERO }));
        }
        table
            .add(&counter.id, amount, window)
            .map(|(sum, ends_in)| Counted { sum, ends_in })
            .ok_or(LiveError::Full(counter.kind))
    }

    async fn publish(&self, topic: &Topic, word: &str) -> Result<()> {
        self.topics.publish(&topic.0, word);
        Ok(())
    }

    async fn subscribe(&self, topic: &Topic) -> Result<Box<dyn Words>> {
        match Topics::listen(&self.topics, &topic.0, self.caps.topics) {
            Some(listener) => Ok(Box::new(listener)),
            None => Err(LiveError::Full("topic")),
        }
    }

    async fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// One table per kind; there are few kinds, and they are named in the source.
#[derive(Debug)]
struct Kinds<V>(RwLock<HashMap<&'static str, Arc<Table<V>>>>);

impl<V> Default for Kinds<V> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<V> Kinds<V> {
    fn table(&self, kind: &'static str, cap: usize) -> Arc<Table<V>> {
        if let Some(table) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(kind) {
            return Arc::clone(table);
        }
        let mut kinds = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(kinds.entry(kind).or_insert_with(|| Arc::new(Table::new(cap))))
    }
}

#[cfg(test)]
mod tests;
