//! A cache that never serves what was read before it was dropped.
//!
//! Owns: values kept for a moment, each with the subjects it depends on. Telling that a subject changed makes
//! every value older than the telling worthless — also one that is still on its way from the store: a
//! reader takes a [`Mark`] *before* it reads, and the mark is judged when the value is used.
//!
//! ```text
//! reader:  mark ── read old row ─────────────── keep(mark) ── find → nothing: mark is older than the drop
//! writer:             commit ── drop_subject
//! ```

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use moka::sync::Cache;

use crate::Change;

/// Dropped subjects remembered one by one; with more, everything older is dropped at once.
const REMEMBERED: usize = 50_000;

/// When something was read: taken before the read.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    generation: u64,
    at: Instant,
}

/// A bounded cache whose values depend on subjects.
pub struct Fresh<K, V> {
    kept: Cache<K, Kept<V>>,
    life: Duration,
    /// Rises with every drop.
    generation: AtomicU64,
    /// Everything marked below this is worthless.
    floor: AtomicU64,
    dropped: RwLock<HashMap<Change, (u64, Instant)>>,
    /// The size of `dropped`, to look without a lock.
    remembered: AtomicUsize,
}

#[derive(Clone)]
struct Kept<V> {
    value: V,
    subjects: Vec<Change>,
    mark: Mark,
}

impl<K, V> Fresh<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Keeps at most `weight` (in the units of `weigh`) for `life` after each value was read.
    #[must_use]
    pub fn new(weight: u64, life: Duration, weigh: fn(&V) -> u32) -> Self {
        Self {
            kept: Cache::builder()
                .max_capacity(weight)
                .time_to_live(life)
                .weigher(move |_, kept: &Kept<V>| weigh(&kept.value))
                .build(),
            life,
            generation: AtomicU64::new(1),
            floor: AtomicU64::new(0),
            dropped: RwLock::default(),
            remembered: AtomicUsize::new(0),
        }
    }

    /// To be taken before a value is read from where it lasts.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark { generation: self.generation.load(Ordering::SeqCst), at: Instant::now() }
    }

    /// Keeps a value that was read after `mark` and depends on `subjects`.
    pub fn keep(&self, key: K, value: V, subjects: Vec<Change>, mark: Mark) {
        let kept = Kept { value, subjects, mark };
        if self.is_fresh(&kept) {
            self.kept.insert(key, kept);
        }
    }

    /// A kept value that is young enough and of which no subject changed.
    #[must_use]
    pub fn find<Q>(&self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.kept.get(key).filter(|kept| self.is_fresh(kept)).map(|kept| kept.value)
    }

    /// Forgets one value.
    pub fn forget<Q>(&self, key: &Q)
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.kept.invalidate(key);
    }

    /// From now on nothing is served that depends on this subject and was read before now.
    pub fn drop_subject(&self, subject: &Change) {
        let now = Instant::now();
        let mut dropped = self.dropped.write().unwrap_or_else(PoisonError::into_inner);
        if dropped.len() >= REMEMBERED {
            dropped.retain(|_, (_, at)| now.duration_since(*at) <= self.life);
        }
        if dropped.len() >= REMEMBERED {
            dropped.clear();
            self.floor.store(self.generation.load(Ordering::SeqCst) + 1, Ordering::SeqCst);
        }
        // The generation rises only after the drop can be seen: whoever marks the new one reads the new row.
        let generation = self.generation.load(Ordering::SeqCst);
        dropped.insert(subject.clone(), (generation, now));
        self.remembered.store(dropped.len(), Ordering::SeqCst);
        self.generation.store(generation + 1, Ordering::SeqCst);
    }

    /// From now on nothing is served that was read before now.
    pub fn drop_all(&self) {
        let mut dropped = self.dropped.write().unwrap_or_else(PoisonError::into_inner);
        let next = self.generation.load(Ordering::SeqCst) + 1;
        self.floor.store(next, Ordering::SeqCst);
        dropped.clear();
        self.remembered.store(0, Ordering::SeqCst);
        self.generation.store(next, Ordering::SeqCst);
        drop(dropped);
        self.kept.invalidate_all();
    }

    fn is_fresh(&self, kept: &Kept<V>) -> bool {
        if kept.mark.at.elapsed() >= self.life || kept.mark.generation < self.floor.load(Ordering::SeqCst) {
            return false;
        }
        if self.remembered.load(Ordering::SeqCst) == 0 {
            return true;
        }
        let dropped = self.dropped.read().unwrap_or_else(PoisonError::into_inner);
        kept.subjects
            .iter()
            .all(|subject| dropped.get(subject).is_none_or(|(at, _)| kept.mark.generation > *at))
    }
}

impl<K, V> std::fmt::Debug for Fresh<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fresh(…)")
    }
}

#[cfg(test)]
mod tests;
