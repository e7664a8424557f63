//! Records of our keys.
//!
//! Owns: the record as it is kept. Not here: the keys themselves (`jose`).

use serde::{Deserialize, Serialize};

use crate::{KeyEncryptionAlg, SigningAlg, Timestamp};

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

/// What a key of ours is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyUse {
    /// Signs tokens.
    Sign(SigningAlg),
    /// Opens what was encrypted for us: request objects.
    Decrypt(KeyEncryptionAlg),
}

impl KeyUse {
    /// All of them, in order of preference.
    pub fn all() -> impl Iterator<Item = Self> {
        let signing = SigningAlg::ALL.iter().copied().map(Self::Sign);
        signing.chain(KeyEncryptionAlg::ALL.iter().copied().map(Self::Decrypt))
    }

    /// The JOSE name of the algorithm: no two uses share one.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sign(alg) => alg.as_str(),
            Self::Decrypt(alg) => alg.as_str(),
        }
    }

    /// The use with this name.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::all().find(|known| known.as_str() == word)
    }
}

/// A key of ours as kept: the private part is sealed (SEC-190).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// `kid`: the RFC 7638 thumbprint.
    pub kid: String,
    /// What it is for.
    pub used_for: KeyUse,
    /// Where it stands.
    pub state: KeyState,
    /// The private JWK, sealed with the wrapping key; `kid` is its associated data.
    pub sealed: Vec<u8>,
    /// Made.
    pub created_at: Timestamp,
    /// Retired; it leaves the JWKS some time after.
    pub retired_at: Option<Timestamp>,
}
