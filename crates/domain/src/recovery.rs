//! A recovery by the helpdesk: the way back of somebody who has nothing left to sign in with (SEC-086).
//!
//! Owns: the record and what it may become. Not here: who may open one (`role`), how long it waits (`policy`), what
//! its link lets its owner do (`signin`).
//!
//! ```text
//! Waiting ──ready_at──▶ (ready) ──complete──▶ Completed ──link used──▶ Used
//!    ╰──────────────cancel───────────────────────╯──▶ Cancelled
//! ```

use serde::{Deserialize, Serialize};

use crate::{AccountId, Actor, RecoveryId, SecretHash, Timestamp};

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryState {
    /// Opened: its time runs, its owner may object.
    Waiting,
    /// Completed: there is a link.
    Completed,
    /// The link was used.
    Used,
    /// Called off.
    Cancelled,
}

impl RecoveryState {
    /// The word kept.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Completed => "completed",
            Self::Used => "used",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A recovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Ours; no secret.
    pub id: RecoveryId,
    /// Whose.
    pub account: AccountId,
    /// How far.
    pub state: RecoveryState,
    /// Why, in the helpdesk's words: one plain line.
    pub reason: String,
    /// Who opened it.
    pub opened_by: Actor,
    /// When.
    pub opened_at: Timestamp,
    /// From when on it can be completed.
    pub ready_at: Timestamp,
    /// After this it is over, wherever it stands.
    pub expires_at: Timestamp,
    /// Who completed it, and when.
    pub completed: Option<(Actor, Timestamp)>,
    /// The hash of the link's secret, once completed.
    pub token_hash: Option<SecretHash>,
    /// When it was used or cancelled.
    pub ended_at: Option<Timestamp>,
    /// Who cancelled it.
    pub cancelled_by: Option<Actor>,
}

impl Recovery {
    /// The word shown for how it stands at `now`: `waiting`, `ready`, `completed`, `used`, `cancelled` or `expired`.
    #[must_use]
    pub fn standing(&self, now: Timestamp) -> &'static str {
        match self.state {
            RecoveryState::Waiting | RecoveryState::Completed if self.expires_at <= now => "expired",
            RecoveryState::Waiting if self.ready_at <= now => "ready",
            state => state.as_str(),
        }
    }
}

/// A recovery, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRecovery {
    /// The recovery.
    pub recovery: Recovery,
    /// The user name.
    pub username: String,
}
