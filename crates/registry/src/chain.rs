//! Sealing the audit trail, and checking its seals (SEC-186).
//!
//! Owns: when entries may be sealed, the signature over a block, and what a check finds. Not here: the chain's bytes
//! (`domain::audit::chain`), when a step is due (`server::clockwork`).
//!
//! A deed never waits for this. A node seals what every reader sees already: it notes the newest entry, then waits
//! for the units that were adding entries at that moment, because theirs may have lower numbers; what comes later has
//! higher ones. No clock is part of that. Of nodes that seal the same block one wins, by the block's number.

use std::time::Duration;

use app::Refusal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::SigningAlg;
use domain::audit::chain::{AuditBlock, KeptEntry, Link, Linked, NO_HEAD};
use jose::VerifyingKey;
use serde::{Deserialize, Serialize};

use crate::Registry;

mod verify;

pub use verify::{Break, Broken, Expected, Verified};

/// Entries of a block at most.
const BLOCK: u32 = 4_000;
/// The most that are read at once.
const READ: u32 = 5_000;
/// How long a step waits for units that add entries. One that takes longer is waited for by the next step.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(25);
/// The type of the signature.
const TYPE: &str = "latchbolt-audit+jwt";

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Claims {
    iss: String,
    block: i64,
    first: i64,
    last: i64,
    entries: u32,
    /// base64url, as `before`.
    head: String,
    before: String,
    /// Seconds since 1970.
    iat: i64,
    /// The head before was signed by a key that was none of this installation's any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    breaks: bool,
}

impl Claims {
    fn of(issuer: &str, linked: &Linked, number: i64, before: &[u8; 32], breaks: bool) -> Self {
        Self {
            iss: issuer.to_owned(),
            block: number,
            first: linked.first,
            last: linked.last,
            entries: linked.entries,
            head: URL_SAFE_NO_PAD.encode(linked.head),
            before: URL_SAFE_NO_PAD.encode(before),
            iat: 0,
            breaks,
        }
    }
}

impl Registry {
    /// Seals the next entries, at most a block of them; answers how many were sealed. More is waiting when that is
    /// not zero.
    ///
    /// # Errors
    /// The store, or no key that signs. [`Refusal::Busy`] while a unit that adds entries takes too long.
    pub async fn seal_audit_step(&self) -> Result<u32, Refusal> {
        let app = &self.app;
        let head = app.store().read().await?.audit_head().await?;
        let after = head.as_ref().map_or(0, |head| head.last);
        let entries = self.settled_entries(after).await?;
        if entries.is_empty() {
            return Ok(0);
        }
        let key = app.keys().current(SigningAlg::ES256)?;
        let before = head.as_ref().map_or(NO_HEAD, |head| head.head);
        let number = head.as_ref().map_or(1, |head| head.block + 1);
        let mut link = Link::after(&before, number, key.kid());
        entries.iter().for_each(|entry| link.take(entry));
        let Some(linked) = link.close() else { return Ok(0) };
        let breaks = head.as_ref().is_some_and(|head| !self.is_vouched(head));
        if breaks {
            tracing::warn!(
                block = number,
                "The head of the audit trail was signed by no key of this installation: it is noted in the chain"
            );
        }
        let now = app.now();
        let claims = Claims {
            iat: now.seconds(),
            ..Claims::of(app.issuer().as_str(), &linked, number, &before, breaks)
        };
        let payload = serde_json::to_vec(&claims).map_err(|error| Refusal::Corrupt(error.to_string()))?;
        let signature = key.sign(TYPE, &payload).map_err(|error| Refusal::Unavailable(error.to_string()))?;
        let block = AuditBlock {
            block: number,
            first: linked.first,
            last: linked.last,
            entries: linked.entries,
            sealed_at: now,
            head: linked.head,
            kid: key.kid().to_owned(),
            public_key: key.public_jwk().to_string(),
            signature,
            marks: linked.marks,
        };
        let mut work = app.store().begin().await?;
        let is_first = work.seal_audit(&block).await?;
        work.commit().await?;
        // Another node was quicker: it sealed the same.
        Ok(if is_first { block.entries } else { 0 })
    }

    /// The newest sealed block.
    ///
    /// # Errors
    /// The store.
    pub async fn audit_head(&self) -> Result<Option<AuditBlock>, Refusal> {
        Ok(self.app.store().read().await?.audit_head().await?)
    }

    /// Entries above `after`, oldest first, below the last of which none will come any more.
    async fn settled_entries(&self, after: i64) -> Result<Vec<KeptEntry>, Refusal> {
        let mut view = self.app.store().read().await?;
        let seen = view.kept_audit(after, BLOCK).await?;
        let Some(last) = seen.last().map(|entry| entry.number) else { return Ok(seen) };
        let writers = view.audit_writers().await?;
        let begun = tokio::time::Instant::now();
        let mut left = writers;
        while !left.is_empty() {
            if begun.elapsed() > PATIENCE {
                return Err(Refusal::Busy { retry_after: PATIENCE });
            }
            tokio::time::sleep(LOOK).await;
            let now = view.audit_writers().await?;
            left.retain(|writer| now.contains(writer));
        }
        // Those that were not seen and have ended are seen now.
        let mut entries = view.kept_audit(after, READ).await?;
        entries.retain(|entry| entry.number <= last);
        Ok(entries)
    }

    /// Whether a key that is ours today signed it.
    fn is_vouched(&self, block: &AuditBlock) -> bool {
        let key = self.app.keys().by_kid(&block.kid);
        key.is_some_and(|key| signed(block, key.public()).is_some())
    }
}

/// What the block's key signed; none when it did not sign this block.
fn signed(block: &AuditBlock, key: &VerifyingKey) -> Option<Claims> {
    let payload = key.verify(&block.signature, TYPE).ok()?;
    let claims: Claims = serde_json::from_slice(&payload).ok()?;
    let is_this = claims.block == block.block && claims.head == URL_SAFE_NO_PAD.encode(block.head);
    is_this.then_some(claims)
}

#[cfg(test)]
mod tests;
