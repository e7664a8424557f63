//! Records of signing keys.
//!
//! Owns: the record as it is kept. Not here: the keys themselves (`jose`).

use serde::{Deserialize, Serialize};

use crate::{SigningAlg, Timestamp};

/// Where a signing key stands: `Next` is published but does not sign yet, `Current` signs, `Retired` is
/// published until the last token it signed has ended (SEC-191).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// Published, does not sign yet.
    Next,
    /// Signs.
    Current,
    /// Published, signs no more.
    Retired,
}

impl KeyState {
    /// The word kept and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Current => "current",
            Self::Retired => "retired",
        }
    }
}

/// A signing key as kept: the private part is sealed (SEC-190).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKeyRecord {
    /// `kid`: the RFC 7638 thumbprint.
    pub kid: String,
    /// What it signs with.
    pub alg: SigningAlg,
    /// Where it stands.
    pub state: KeyState,
    /// The private JWK, sealed with the wrapping key; `kid` is its associated data.
    pub sealed: Vec<u8>,
    /// Made.
    pub created_at: Timestamp,
    /// Retired; it leaves the JWKS some time after.
    pub retired_at: Option<Timestamp>,
}
