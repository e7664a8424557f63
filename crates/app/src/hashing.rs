//! Hashing passwords: Argon2id in a bounded pool (SEC-160, SEC-165, SEC-166).
//!
//! Owns: threads of their own, a bounded queue before them, and PHC strings. The memory a thread hashes in is
//! taken at its first hash, kept between hashes, and given back when it had nothing to do for a while.
//! Not here: normalising passwords, counting failures, keeping hashes.

mod worker;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use argon2::Params;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use self::worker::{Job, Queue};
use crate::{Entropy, Refusal};

/// Longer passwords are refused before they are hashed.
pub const MAX_PASSWORD_BYTES: usize = 1024;

/// Jobs that may wait, for each thread.
const WAITING_PER_THREAD: usize = 64;

/// How passwords are hashed.
#[derive(Debug, Clone)]
pub struct HashSettings {
    params: Params,
    threads: usize,
    waiting: usize,
}

/// The settings cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadHashSettings {
    /// Argon2id needs at least 19,456 KiB with two passes, or what costs as much (SEC-160).
    #[error("is weaker than 19456 KiB of memory with 2 passes and 1 lane")]
    TooWeak,
    /// More than the program takes: 4 GiB, 1,000 passes, 64 lanes.
    #[error("is out of range")]
    OutOfRange,
}

impl Default for HashSettings {
    /// m = 19,456 KiB, t = 2, p = 1; one thread a core.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { params: Params::DEFAULT, threads, waiting: threads * WAITING_PER_THREAD }
    }
}

impl HashSettings {
    /// Other costs than the usual: memory in KiB, passes over it, lanes.
    ///
    /// # Errors
    /// Weaker than the least that is acceptable, or out of range.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, BadHashSettings> {
        if memory_kib < Params::DEFAULT_M_COST || passes < Params::DEFAULT_T_COST {
            return Err(BadHashSettings::TooWeak);
        }
        if memory_kib > 4 * 1024 * 1024 || passes > 1000 || !(1..=64).contains(&lanes) {
            return Err(BadHashSettings::OutOfRange);
        }
        let params = Params::new(memory_kib, passes, lanes, None).map_err(|_| BadHashSettings::OutOfRange)?;
        Ok(Self { params, ..Self::default() })
    }

    /// With this many threads (at least one) and a queue in proportion.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        let threads = threads.clamp(1, 1024);
        Self { threads, waiting: threads * WAITING_PER_THREAD, ..self }
    }

    /// With this many jobs that may wait.
    #[must_use]
    pub fn with_waiting(self, waiting: usize) -> Self {
        Self { waiting, ..self }
    }
}

/// What became of a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// It is the one.
    Right {
        /// Its hash was made with lower costs than today's: hash it anew.
        rehash: bool,
    },
    /// It is not, or there is none.
    Wrong,
}

/// The pool.
pub struct HashPool {
    settings: HashSettings,
    entropy: Entropy,
    queue: Arc<Queue>,
    is_started: AtomicBool,
}

impl HashPool {
    /// A pool whose threads start with the first job.
    #[must_use]
    pub fn new(settings: HashSettings, entropy: Entropy) -> Self {
        let queue = Arc::new(Queue { jobs: Mutex::default(), news: Condvar::new() });
        Self { settings, entropy, queue, is_started: AtomicBool::new(false) }
    }

    /// Hashes a password with a fresh salt; answers the PHC string to keep.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for an oversized password, [`Refusal::Busy`] when too many wait.
    pub async fn hash(&self, password: &SecretString) -> Result<String, Refusal> {
        let (done, answer) = oneshot::channel();
        self.queue(Job::Hash {
            password: taken(password)?,
            salt: self.entropy.bytes(),
            params: self.settings.params.clone(),
            done,
        })?;
        answer.await.map_err(|_| gone())?
    }

    /// Compares a password with the PHC string that is kept. Without one (an unknown user) it takes the same
    /// time and is wrong (SEC-165).
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for an oversized password, [`Refusal::Busy`] when too many wait,
    /// [`Refusal::Corrupt`] when what is kept is no Argon2 hash.
    pub async fn verify(&self, password: &SecretString, phc: Option<&str>) -> Result<Verified, Refusal> {
        let (done, answer) = oneshot::channel();
        self.queue(Job::Verify {
            password: taken(password)?,
            phc: phc.map(str::to_owned),
            salt: self.entropy.bytes(),
            params: self.settings.params.clone(),
            done,
        })?;
        answer.await.map_err(|_| gone())?
    }

    fn queue(&self, job: Job) -> Result<(), Refusal> {
        let mut jobs = self.queue.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if jobs.waiting.len() >= self.settings.waiting {
            // Abandoned jobs are no reason to refuse somebody who still waits.
            jobs.waiting.retain(|waiting| !waiting.is_abandoned());
        }
        if jobs.waiting.len() >= self.settings.waiting {
            return Err(Refusal::Busy { retry_after: Duration::from_secs(2) });
        }
        jobs.waiting.push_back(job);
        drop(jobs);
        self.start()?;
        self.queue.news.notify_one();
        Ok(())
    }

    fn start(&self) -> Result<(), Refusal> {
        if self.is_started.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        for number in 0..self.settings.threads {
            let queue = Arc::clone(&self.queue);
            let thread = std::thread::Builder::new().name(format!("hash-{number}"));
            if let Err(error) = thread.spawn(move || worker::run(&queue)) {
                // With one thread at least the pool works, only slower.
                if number == 0 {
                    self.is_started.store(false, Ordering::Release);
                    return Err(Refusal::Unavailable(format!("no thread for hashing: {error}")));
                }
                tracing::warn!(%error, threads = number, "Fewer threads for hashing than wanted");
                break;
            }
        }
        Ok(())
    }
}

impl Drop for HashPool {
    fn drop(&mut self) {
        self.queue.jobs.lock().unwrap_or_else(PoisonError::into_inner).is_closed = true;
        self.queue.news.notify_all();
    }
}

impl std::fmt::Debug for HashPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HashPool({} threads)", self.settings.threads)
    }
}

/// A copy of the password that wipes itself.
fn taken(password: &SecretString) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let bytes = password.expose_secret().as_bytes();
    if bytes.len() > MAX_PASSWORD_BYTES {
        return Err(Refusal::Invalid { field: "password", why: "is too long" });
    }
    Ok(Zeroizing::new(bytes.to_vec()))
}

fn gone() -> Refusal {
    Refusal::Unavailable("a hashing thread is gone".to_owned())
}

#[cfg(test)]
mod tests;
