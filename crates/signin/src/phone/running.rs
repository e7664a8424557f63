//! Running claims end with their phone (SEC-079).
//!
//! Owns: which claims were taken on this node and may still be decided, and ending those whose phone or owner may
//! not act any more. Not here: stopping a phone (`registry`), which tells `Change::Device`.
//!
//! The node that took a claim ends it: it hears of every change, and looks again when words may have been lost or none
//! came for a moment. A node that dies leaves its claims to their short lives; a stopped phone decides nothing anyway.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use app::{Change, Refusal};
use domain::{AccountId, DeviceId, Timestamp};
use tokio::sync::broadcast::error::RecvError;

use super::{CLAIM_AND_APPROVAL, Phones};
use crate::SignIn;

/// Claims that one phone may have running here at a time; more are left to their time.
const MOST_OF_ONE: usize = 16;

/// Without a word for so long, a few claims are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const LOOK_AT: usize = 100;

/// The claims of this node.
#[derive(Default)]
pub(super) struct Running {
    claims: Mutex<HashMap<DeviceId, Vec<Taken>>>,
    /// Grows with every change that is heard.
    heard: AtomicU64,
}

struct Taken {
    handle: String,
    account: AccountId,
    until: Timestamp,
}

impl Running {
    /// To be read before a phone's state is.
    pub(super) fn heard(&self) -> u64 {
        self.heard.load(Ordering::Acquire)
    }

    fn note(&self, device: DeviceId, taken: Taken, now: Timestamp) {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        claims.retain(|_, all| {
            all.retain(|taken| taken.until > now);
            !all.is_empty()
        });
        let all = claims.entry(device).or_default();
        if all.len() < MOST_OF_ONE {
            all.push(taken);
        }
    }

    /// Phones with running claims that this change may concern.
    fn concerned(&self, change: &Change) -> Vec<DeviceId> {
        let claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        match change {
            Change::Device(id) => claims.contains_key(id).then_some(*id).into_iter().collect(),
            Change::Account(id) => claims
                .iter()
                .filter(|(_, all)| all.iter().any(|taken| taken.account == *id))
                .map(|(device, _)| *device)
                .collect(),
            Change::Missed => claims.keys().copied().collect(),
            _ => Vec::new(),
        }
    }

    /// A few phones with running claims, the longest first.
    fn some(&self, most: usize) -> Vec<DeviceId> {
        let claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<(Timestamp, DeviceId)> =
            claims.iter().filter_map(|(id, all)| Some((all.first()?.until, *id))).collect();
        all.sort_unstable_by_key(|(until, _)| *until);
        all.into_iter().take(most).map(|(_, id)| id).collect()
    }

    fn remove(&self, device: &DeviceId) -> Vec<Taken> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner).remove(device).unwrap_or_default()
    }
}

impl SignIn {
    /// Ends the running claims of phones that are stopped, for as long as it is polled. The server runs one of
    /// these.
    pub async fn end_stopped_claims(&self) {
        let mut changes = self.app().changes();
        loop {
            let running = &self.0.phones.running;
            let concerned = match tokio::time::timeout(LOOK_EVERY, changes.recv()).await {
                Ok(Err(RecvError::Closed)) => return,
                Ok(heard) => {
                    running.heard.fetch_add(1, Ordering::AcqRel);
                    running.concerned(&heard.unwrap_or(Change::Missed))
                }
                // The command line says nothing to a server whose live store is its own.
                Err(_) => running.some(LOOK_AT),
            };
            for device in concerned {
                if let Err(refusal) = self.end_if_stopped(&device).await {
                    tracing::warn!(
                        device.id = %device, cause = refusal.cause(),
                        "Running claims of a phone that may be stopped were not ended"
                    );
                }
            }
        }
    }

    /// Notes a claim that was just taken; ends it where its phone was stopped since `heard` was read.
    pub(super) async fn note_running(
        &self,
        device: &DeviceId,
        account: &AccountId,
        handle: &str,
        heard: u64,
    ) -> Result<(), Refusal> {
        let now = self.app().now();
        let running = &self.0.phones.running;
        let taken =
            Taken { handle: handle.to_owned(), account: *account, until: now.after(CLAIM_AND_APPROVAL) };
        running.note(*device, taken, now);
        if running.heard() != heard && self.end_if_stopped(device).await? {
            return Err(Refusal::Forbidden);
        }
        Ok(())
    }

    async fn end_if_stopped(&self, device: &DeviceId) -> Result<bool, Refusal> {
        let found = self.app().store().read().await?.device_to_act(device).await?;
        let may_act = found.is_some_and(|(device, owner, _)| device.is_active() && owner.is_active());
        if may_act {
            return Ok(false);
        }
        let Phones { running, .. } = &self.0.phones;
        for taken in running.remove(device) {
            self.cancel_as(&taken.handle, "phone stopped").await?;
        }
        Ok(true)
    }
}
