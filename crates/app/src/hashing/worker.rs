//! One hashing thread.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, PasswordHash, Version};
use subtle::ConstantTimeEq as _;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::Verified;
use crate::Refusal;

/// A thread without work for so long gives its memory back.
const IDLE: Duration = Duration::from_secs(30);
const SALT_LEN: usize = 16;
const HASH_LEN: usize = 32;
/// Kept hashes that ask for more memory than this are not believed (4 GiB).
const MOST_KIB: u32 = 4 * 1024 * 1024;

pub(super) struct Queue {
    pub(super) jobs: Mutex<Jobs>,
    pub(super) news: Condvar,
}

#[derive(Default)]
pub(super) struct Jobs {
    pub(super) waiting: VecDeque<Job>,
    pub(super) is_closed: bool,
}

type Answer<T> = oneshot::Sender<Result<T, Refusal>>;

pub(super) enum Job {
    Hash {
        password: Zeroizing<Vec<u8>>,
        salt: [u8; SALT_LEN],
        params: Params,
        done: Answer<String>,
    },
    Verify {
        password: Zeroizing<Vec<u8>>,
        phc: Option<String>,
        /// For the hash that is made in place of one that is not there.
        salt: [u8; SALT_LEN],
        params: Params,
        done: Answer<Verified>,
    },
}

impl Job {
    /// Whoever asked has gone away.
    pub(super) fn is_abandoned(&self) -> bool {
        match self {
            Self::Hash { done, .. } => done.is_closed(),
            Self::Verify { done, .. } => done.is_closed(),
        }
    }
}

/// Takes jobs until the pool is gone.
pub(super) fn run(queue: &Queue) {
    let mut memory = Memory(Vec::new());
    while let Some(job) = next(queue, &mut memory) {
        if job.is_abandoned() {
            continue;
        }
        // An answer that nobody waits for any more is dropped.
        match job {
            Job::Hash { password, salt, params, done } => {
                let _ = done.send(hash(&mut memory, &password, &salt, &params));
            }
            Job::Verify { password, phc, salt, params, done } => {
                let _ = done.send(match phc {
                    Some(phc) => verify(&mut memory, &password, &phc, &params),
                    None => hash(&mut memory, &password, &salt, &params).map(|_| Verified::Wrong),
                });
            }
        }
    }
}

fn next(queue: &Queue, memory: &mut Memory) -> Option<Job> {
    let mut jobs = queue.jobs.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if jobs.is_closed {
            return None;
        }
        if let Some(job) = jobs.waiting.pop_front() {
            return Some(job);
        }
        if memory.0.is_empty() {
            jobs = queue.news.wait(jobs).unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        let (back, waited) = queue.news.wait_timeout(jobs, IDLE).unwrap_or_else(PoisonError::into_inner);
        jobs = back;
        if waited.timed_out() && jobs.waiting.is_empty() {
            memory.0 = Vec::new();
        }
    }
}

/// The blocks a thread hashes in.
struct Memory(Vec<Block>);

impl Memory {
    fn fill(
        &mut self,
        password: &[u8],
        salt: &[u8],
        argon: &Argon2<'_>,
        out: &mut [u8],
    ) -> Result<(), Refusal> {
        let blocks = argon.params().block_count();
        if self.0.len() < blocks {
            self.0 = Vec::new();
            self.0.resize(blocks, Block::default());
        }
        argon
            .hash_password_into_with_memory(password, salt, out, &mut self.0[..blocks])
            .map_err(|error| corrupt(&error))
    }
}

fn hash(memory: &mut Memory, password: &[u8], salt: &[u8], params: &Params) -> Result<String, Refusal> {
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    let mut out = Zeroizing::new([0; HASH_LEN]);
    memory.fill(password, salt, &argon, out.as_mut())?;
    let phc = PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params).map_err(|error| corrupt(&error))?,
        salt: Some(Salt::new(salt).map_err(|error| corrupt(&error))?),
        hash: Some(Output::new(out.as_ref()).map_err(|error| corrupt(&error))?),
    };
    Ok(phc.to_string())
}

fn verify(memory: &mut Memory, password: &[u8], phc: &str, today: &Params) -> Result<Verified, Refusal> {
    let kept = PasswordHash::new(phc).map_err(|error| corrupt(&error))?;
    let params = Params::try_from(&kept).map_err(|error| corrupt(&error))?;
    let (Some(salt), Some(expected)) = (&kept.salt, &kept.hash) else {
        return Err(Refusal::Corrupt("a kept password hash has no salt or no hash".to_owned()));
    };
    if params.m_cost() > MOST_KIB {
        return Err(Refusal::Corrupt("a kept password hash asks for too much memory".to_owned()));
    }
    let algorithm = Algorithm::try_from(kept.algorithm.as_str()).map_err(|error| corrupt(&error))?;
    let version =
        kept.version.map_or(Ok(Version::V0x13), Version::try_from).map_err(|error| corrupt(&error))?;
    let argon = Argon2::new(algorithm, version, params.clone());
    let mut out = Zeroizing::new(vec![0; expected.len()]);
    memory.fill(password, salt.as_ref(), &argon, &mut out)?;
    if !bool::from(out.ct_eq(expected.as_bytes())) {
        return Ok(Verified::Wrong);
    }
    // Hashes that cost more than today's are left alone: lowered settings do not weaken what is kept.
    let rehash = algorithm != Algorithm::Argon2id
        || version != Version::V0x13
        || expected.len() < HASH_LEN
        || params.m_cost() < today.m_cost()
        || params.t_cost() < today.t_cost();
    Ok(Verified::Right { rehash })
}

fn corrupt(error: &impl std::fmt::Display) -> Refusal {
    Refusal::Corrupt(format!("password hash: {error}"))
}
