//! Numbers for writes that many nodes make, without asking anybody.
//!
//! Owns: how a version is made of the clock and of chance. Not here: comparing them (the server does, in the
//! statement that writes).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

const RANDOM_BITS: u32 = 20;
/// How far a number may leap over the one that it must exceed, when the clock stands or lags.
const LEAP_BITS: u32 = 16;

/// Makes versions that do not come twice: milliseconds since 1970, then 20 random bits. They grow on one node
/// whatever its clock does, and along each chain of swaps whichever nodes make them.
#[derive(Debug, Default)]
pub struct Versions {
    last: AtomicU64,
}

impl Versions {
    /// A version for a write over `seen` (0: over whatever is there). `random` is fresh for each call, from the
    /// system: it keeps apart what two nodes write in the same millisecond.
    #[must_use]
    pub fn next(&self, seen: u64, random: u64) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        self.next_at(u64::try_from(now).unwrap_or(0), seen, random)
    }

    fn next_at(&self, millis: u64, seen: u64, random: u64) -> u64 {
        let by_clock = (millis << RANDOM_BITS) | (random & ((1 << RANDOM_BITS) - 1));
        let leap = 1 + (random & ((1 << LEAP_BITS) - 1));
        let mut last = self.last.load(Ordering::Relaxed);
        loop {
            let floor = last.max(seen);
            let number = if by_clock > floor { by_clock } else { floor.saturating_add(leap) };
            match self.last.compare_exchange_weak(last, number, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return number,
                Err(now) => last = now,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_grow_also_when_the_clock_stands_or_steps_back() {
        let versions = Versions::default();
        let mut last = 0;
        for (round, millis) in [1_000_000, 1_000_000, 400_000, 400_000, 1_000_001].into_iter().enumerate() {
            let number = versions.next_at(millis, 0, round as u64 * 7919);
            assert!(number > last, "round {round}");
            last = number;
        }
    }

    #[test]
    fn a_swap_grows_over_what_a_node_with_a_clock_ahead_has_written() {
        let (ahead, behind) = (Versions::default(), Versions::default());
        let seen = ahead.next_at(2_000_000, 0, 5);
        let swapped = behind.next_at(1_000_000, seen, 9);
        assert!(swapped > seen);
        // And what this node writes next is over that again.
        assert!(behind.next_at(1_000_000, 0, 1) > swapped);
    }

    #[test]
    fn two_nodes_in_the_same_millisecond_differ_by_chance() {
        let (one, other) = (Versions::default(), Versions::default());
        assert_ne!(one.next_at(1_000, 0, 1), other.next_at(1_000, 0, 2));
        assert_ne!(one.next_at(1_000, 1 << 60, 1), other.next_at(1_000, 1 << 60, 2));
    }

    #[test]
    fn numbers_fit_into_a_signed_column_for_two_centuries() {
        let in_2200 = 7_258_118_400_000;
        assert!(i64::try_from(Versions::default().next_at(in_2200, 0, u64::MAX)).is_ok());
    }
}
