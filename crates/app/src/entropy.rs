//! Randomness.
//!
//! Owns: the one place that asks the system for random bytes, in buffers of one thread each. Used bytes are
//! wiped. Not here: what ids and secrets mean.

use std::cell::RefCell;

use domain::id::{Id, Kind};
use zeroize::{Zeroize, Zeroizing};

use crate::Secret;

const BUFFER: usize = 4096;

/// A source of random bytes fit for keys.
#[derive(Debug, Clone)]
pub struct Entropy(());

struct Buffer {
    bytes: Vec<u8>,
    used: usize,
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

thread_local! {
    static BUFFERED: RefCell<Buffer> =
        const { RefCell::new(Buffer { bytes: Vec::new(), used: 0 }) };
}

impl Entropy {
    /// The system's source (`getrandom`).
    #[must_use]
    pub const fn system() -> Self {
        Self(())
    }

    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    /// Fills a slice with random bytes.
    pub fn fill(&self, out: &mut [u8]) {
        if out.len() > BUFFER / 4 {
            return ask_system(out);
        }
        BUFFERED.with_borrow_mut(|buffer| buffer.take(out));
    }

    /// A new id of any kind.
    #[must_use]
    pub fn id<K: Kind>(&self) -> Id<K> {
        Id::from_random(self.bytes())
    }

    /// A new secret of 32 bytes.
    #[must_use]
    pub fn secret(&self) -> Secret {
        let mut bytes = Zeroizing::new([0; 32]);
        self.fill(bytes.as_mut());
        Secret::new(*bytes)
    }

    /// A number from 0 to 999, each as likely as the others.
    #[must_use]
    pub fn digits3(&self) -> u16 {
        loop {
            // 65,000 is the largest multiple of 1,000 that fits; what lies above would favour small numbers.
            let number = u16::from_be_bytes(self.bytes());
            if number < 65_000 {
                return number % 1000;
            }
        }
    }
}

impl Buffer {
    fn take(&mut self, out: &mut [u8]) {
        if self.bytes.len() - self.used < out.len() {
            self.bytes.resize(BUFFER, 0);
            ask_system(&mut self.bytes);
            self.used = 0;
        }
        let taken = &mut self.bytes[self.used..self.used + out.len()];
        out.copy_from_slice(taken);
        taken.zeroize();
        self.used += out.len();
    }
}

fn ask_system(out: &mut [u8]) {
    if let Err(error) = getrandom::fill(out) {
        // Nothing that this program does is safe without randomness, and no caller could go on.
        tracing::error!(%error, "The system gives no random bytes");
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn sec_001_random_bytes_show_no_structure() {
        let entropy = Entropy::system();
        let all: HashSet<[u8; 16]> = (0..10_000).map(|_| entropy.bytes()).collect();
        assert_eq!(all.len(), 10_000);
        for bit in 0..128 {
            let ones = all.iter().filter(|id| id[bit / 8] >> (bit % 8) & 1 == 1).count();
            // Six standard deviations of a fair coin thrown 10,000 times.
            assert!((4_700..=5_300).contains(&ones), "bit {bit}: {ones}");
        }
    }

    #[test]
    fn large_and_small_requests_are_filled() {
        let entropy = Entropy::system();
        let large: [u8; 5000] = entropy.bytes();
        assert!(large.iter().filter(|byte| **byte == 0).count() < 100);
        for _ in 0..1000 {
            assert_ne!(entropy.bytes::<24>(), [0; 24]);
        }
        let here = entropy.bytes::<32>();
        let there = std::thread::spawn(|| Entropy::system().bytes::<32>()).join().unwrap();
        assert_ne!(here, there);
    }

    #[test]
    fn three_digits_are_even() {
        let entropy = Entropy::system();
        let mut seen = [0u32; 1000];
        for _ in 0..200_000 {
            seen[usize::from(entropy.digits3())] += 1;
        }
        // 200 expected each; seven standard deviations.
        assert!(seen.iter().all(|count| (100..=300).contains(count)), "{seen:?}");
    }
}
