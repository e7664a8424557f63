//! The right to register clients (RFC 7591 §3, "initial access token").
//!
//! Owns: the record. Not here: its text, which is shown once (`registry`).

use serde::{Deserialize, Serialize};

use crate::{SecretHash, Timestamp};

/// A right to register clients, as kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitialToken {
    /// SHA-256 of the token.
    pub hash: SecretHash,
    /// What it was made for: one plain line of at most 80 characters, told apart by it.
    pub name: String,
    /// How many clients may still be registered with it.
    pub uses_left: u32,
    /// Good until.
    pub expires_at: Timestamp,
    /// Made.
    pub created_at: Timestamp,
}
