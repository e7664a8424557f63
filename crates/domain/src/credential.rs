//! What proves an account: the password hash and passkeys.
//!
//! Owns: their records. Not here: hashing (`app::hashing`), WebAuthn ceremonies (`signin::passkey`).

use serde::{Deserialize, Serialize};

use crate::{AccountId, CredentialId, DeviceId, Timestamp};

/// A password as kept: an Argon2id hash in PHC string form.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    /// Whose.
    pub account: AccountId,
    /// PHC string with parameters and salt.
    pub phc: String,
    /// When it was set.
    pub changed_at: Timestamp,
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PasswordHash({})", self.account)
    }
}

/// A registered passkey (WebAuthn Level 3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passkey {
    /// Ours.
    pub id: CredentialId,
    /// Whose.
    pub account: AccountId,
    /// The phone whose approvals it verifies; none for a passkey made to sign in by itself.
    pub device: Option<DeviceId>,
    /// The authenticator's credential id; unique in the whole system.
    pub credential_id: Vec<u8>,
    /// The `webauthn_rs` passkey as JSON: public key, counter, flags.
    pub passkey: String,
    /// The owner's name for it: one plain line, at most 60 characters.
    pub name: String,
    /// Made.
    pub created_at: Timestamp,
    /// Last used to sign in or approve.
    pub last_used_at: Option<Timestamp>,
}
