//! Deeds that may be begun again.
//!
//! Owns: how often, and how long between. Not here: which deeds (each use case says so of itself).

use std::future::Future;
use std::time::Duration;

use crate::{App, Refusal};

/// A deed is begun so often at most.
const MOST: u32 = 3;
/// The longest pause before the second time, in microseconds; it doubles. A random part of it is waited for, so that
/// those who met do not meet again.
const PAUSE: u64 = 8_000;

impl App {
    /// Carries out a deed that is one unit of work and nothing else, again when others were at the same rows
    /// ([`Refusal::Contended`]): nothing was changed then. Whatever else a use case does (taking a slot, hashing,
    /// telling) stays outside.
    ///
    /// # Errors
    /// What the deed refuses; `Contended` when it was in vain three times.
    pub async fn repeatable<T, F>(&self, deed: impl Fn() -> F) -> Result<T, Refusal>
    where
        F: Future<Output = Result<T, Refusal>>,
    {
        let mut longest = PAUSE;
        for _ in 1..MOST {
            match deed().await {
                Err(Refusal::Contended(_)) => {}
                done => return done,
            }
            let pause = u64::from_be_bytes(self.entropy().bytes()) % longest;
            tokio::time::sleep(Duration::from_micros(pause)).await;
            longest *= 2;
        }
        deed().await
    }
}
