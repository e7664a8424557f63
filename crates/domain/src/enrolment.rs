//! Enrolments: permission to register one phone for one account.
//!
//! Owns: the record. Not here: the ceremony (`registry::enrolment`).

use serde::{Deserialize, Serialize};

use crate::{AccountId, EnrolmentId, SecretHash, SessionId, Timestamp};

/// Who made the enrolment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnrolmentOrigin {
    /// The owner's signed-in desktop browser, freshly re-authenticated.
    Desktop,
    /// An administrator.
    Admin,
}

/// A single-use permission to register one phone (SEC-071).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// Its id.
    pub id: EnrolmentId,
    /// For whom: taken from here and never from a request (SEC-090).
    pub account: AccountId,
    /// SHA-256 of the token in the link or QR.
    pub token_hash: SecretHash,
    /// Who made it.
    pub origin: EnrolmentOrigin,
    /// The browser session that asked for it.
    pub session: Option<SessionId>,
    /// Made.
    pub created_at: Timestamp,
    /// Good until.
    pub expires_at: Timestamp,
}
