//! A bounded map whose entries expire.
//!
//! Owns: sharding, the cap, cleaning up. Each write also removes a few expired entries of its shard, so
//! memory follows use without a task of its own.

use std::cmp::Reverse;
use std::collections::hash_map::{Entry as MapEntry, RandomState};
use std::collections::{BinaryHeap, HashMap};
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const SHARDS: usize = 16;
/// How many expired entries one write removes at most.
const SWEPT_PER_WRITE: usize = 8;

/// What happens to a new entry when there are as many as may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtCap {
    /// It is refused.
    Refuse,
    /// The entry that would end first goes.
    MakeRoom,
}

/// A bounded, sharded map from text to `V`, with expiry.
#[derive(Debug)]
pub(super) struct Table<V> {
    shards: [Mutex<Shard<V>>; SHARDS],
    hasher: RandomState,
    cap: usize,
    len: AtomicUsize,
    numbers: AtomicU64,
}

#[derive(Debug)]
struct Shard<V> {
    entries: HashMap<Arc<str>, Entry<V>>,
    /// When to look at which entry again. One item per entry; items of entries that were taken stay until
    /// their time or until they are half of all.
    ends: BinaryHeap<Reverse<(Instant, Arc<str>)>>,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    ends: Instant,
}

impl<V> Default for Shard<V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), ends: BinaryHeap::new() }
    }
}

impl<V> Table<V> {
    pub(super) fn new(cap: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            cap,
            len: AtomicUsize::new(0),
            numbers: AtomicU64::new(0),
        }
    }

    /// Writes, whatever was there; answers the number of the write, or `None` at the cap.
    pub(super) fn put(
        &self,
        id: &str,
        ttl: Duration,
        at_cap: AtCap,
        make: impl FnOnce(u64) -> V,
    ) -> Option<u64> {
        let now = Instant::now();
        let number = self.number();
        let ends = end(now, ttl);
        let mut shard = self.shard_with_room(id, now, at_cap)?;
        match shard.entries.get_mut(id) {
            Some(entry) => *entry = Entry { value: make(number), ends },
            None => self.insert(&mut shard, id, Entry { value: make(number), ends }),
        }
        Some(number)
    }

    /// Reads.
    pub(super) fn look<R>(&self, id: &str, read: impl FnOnce(&V) -> R) -> Option<R> {
        self.look_until(id, |value, _| read(value))
    }

    /// Reads, with the time left.
    pub(super) fn look_until<R>(&self, id: &str, read: impl FnOnce(&V, Duration) -> R) -> Option<R> {
        let now = Instant::now();
        let shard = self.shard(id);
        let entry = shard.entries.get(id).filter(|entry| entry.ends > now)?;
        Some(read(&entry.value, entry.ends - now))
    }

    /// Changes a living entry; a time to live, if given, counts only when the change is accepted.
    pub(super) fn change<R, E>(
        &self,
        id: &str,
        ttl: Option<Duration>,
        change: impl FnOnce(&mut V, u64) -> Result<R, E>,
    ) -> Option<Result<R, E>> {
        let now = Instant::now();
        let mut shard = self.shard(id);
        self.sweep(&mut shard, now, SWEPT_PER_WRITE);
        let entry = shard.entries.get_mut(id).filter(|entry| entry.ends > now)?;
        let changed = change(&mut entry.value, self.number());
        if let (Ok(_), Some(ttl)) = (&changed, ttl) {
            entry.ends = end(now, ttl);
        }
        Some(changed)
    }

    /// Reads and removes.
    pub(super) fn take(&self, id: &str) -> Option<V> {
        let now = Instant::now();
        let mut shard = self.shard(id);
        self.sweep(&mut shard, now, SWEPT_PER_WRITE);
        let entry = shard.entries.remove(id)?;
        self.len.fetch_sub(1, Ordering::Relaxed);
        (entry.ends > now).then_some(entry.value)
    }

    /// How many entries it counts.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// How many entries and heap items there are.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize) {
        let shards = self.shards.iter().map(|shard| shard.lock().unwrap());
        shards.fold((0, 0), |(e, h), shard| (e + shard.entries.len(), h + shard.ends.len()))
    }

    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn shard(&self, id: &str) -> MutexGuard<'_, Shard<V>> {
        let at = usize::try_from(self.hasher.hash_one(id) % SHARDS as u64).unwrap_or(0);
        // A panic while a shard was locked leaves it whole: no step below can stop half-way.
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The shard of this id, swept, with room for one more entry if the id is new.
    fn shard_with_room(&self, id: &str, now: Instant, at_cap: AtCap) -> Option<MutexGuard<'_, Shard<V>>> {
        let mut shard = self.shard(id);
        self.sweep(&mut shard, now, SWEPT_PER_WRITE);
        if self.len.load(Ordering::Relaxed) < self.cap || shard.entries.contains_key(id) {
            return Some(shard);
        }
        drop(shard);
        for other in &self.shards {
            self.sweep(&mut other.lock().unwrap_or_else(PoisonError::into_inner), now, usize::MAX);
        }
        let mut shard = self.shard(id);
        let has_room = self.len.load(Ordering::Relaxed) < self.cap || shard.entries.contains_key(id);
        (has_room || (at_cap == AtCap::MakeRoom && self.drop_first_to_end(&mut shard))).then_some(shard)
    }

    /// Removes the entry of this shard that would end first; ids are spread evenly, so it is about the first of
    /// all. Answers whether there was one.
    fn drop_first_to_end(&self, shard: &mut Shard<V>) -> bool {
        while let Some(Reverse((ends, name))) = shard.ends.pop() {
            let MapEntry::Occupied(entry) = shard.entries.entry(Arc::clone(&name)) else { continue };
            if entry.get().ends > ends {
                // Written anew since: its turn comes at its new end.
                let ends = entry.get().ends;
                shard.ends.push(Reverse((ends, name)));
                continue;
            }
            entry.remove();
            self.len.fetch_sub(1, Ordering::Relaxed);
            return true;
        }
        false
    }

    fn insert(&self, shard: &mut Shard<V>, id: &str, entry: Entry<V>) {
        let name: Arc<str> = id.into();
        shard.ends.push(Reverse((entry.ends, Arc::clone(&name))));
        if shard.entries.insert(name, entry).is_none() {
            self.len.fetch_add(1, Ordering::Relaxed);
        }
        shard.drop_stale_ends();
    }

    fn sweep(&self, shard: &mut Shard<V>, now: Instant, most: usize) {
        for _ in 0..most {
            match shard.ends.peek() {
                Some(Reverse((ends, _))) if *ends <= now => {}
                _ => break,
            }
            let Some(Reverse((_, name))) = shard.ends.pop() else { break };
            // The entry may have been written anew since: then it is looked at again at its new end.
            if let MapEntry::Occupied(entry) = shard.entries.entry(Arc::clone(&name)) {
                if entry.get().ends <= now {
                    entry.remove();
                    self.len.fetch_sub(1, Ordering::Relaxed);
                } else {
                    let ends = entry.get().ends;
                    shard.ends.push(Reverse((ends, name)));
                }
            }
        }
        if shard.entries.capacity() > 1024 && shard.entries.len() < shard.entries.capacity() / 8 {
            shard.entries.shrink_to(shard.entries.len() * 2);
            shard.ends.shrink_to(shard.ends.len() * 2);
        }
    }
}

impl Table<u64> {
    /// Adds to a counter and answers the sum and the time left in its window; `None` at the cap.
    pub(super) fn add(&self, id: &str, amount: u64, window: Duration) -> Option<(u64, Duration)> {
        let now = Instant::now();
        let mut shard = self.shard_with_room(id, now, AtCap::Refuse)?;
        let fresh = Entry { value: amount, ends: end(now, window) };
        match shard.entries.get_mut(id) {
            Some(entry) if entry.ends > now => {
                entry.value = entry.value.saturating_add(amount);
                return Some((entry.value, entry.ends - now));
            }
            Some(entry) => *entry = fresh,
            None => self.insert(&mut shard, id, fresh),
        }
        Some((amount, window))
    }
}

impl<V> Shard<V> {
    /// Keeps the heap in proportion when entries come and are taken faster than their time passes. An
    /// entry taken and put again may have two items; the later one finds nothing to do.
    fn drop_stale_ends(&mut self) {
        if self.ends.len() > 64 + self.entries.len() * 2 {
            self.ends =
                self.entries.iter().map(|(name, entry)| Reverse((entry.ends, Arc::clone(name)))).collect();
        }
    }
}

fn end(now: Instant, ttl: Duration) -> Instant {
    now.checked_add(ttl).unwrap_or_else(|| now + Duration::from_secs(365 * 24 * 3600))
}
