//! Grants: redeemed codes and what was made from them.

use async_trait::async_trait;
use domain::{Account, Grant, GrantId, SecretHash, Timestamp};

use crate::Result;

/// What became of an authorization code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spend {
    /// This caller redeemed it.
    First,
    /// It was redeemed before; the grant of that time is revoked now (SEC-113).
    Again,
}

/// Reads.
#[async_trait]
pub trait Grants: Send {
    /// The grant and its account, in one statement.
    async fn grant(&mut self, id: &GrantId) -> Result<Option<(Grant, Account)>>;

    /// Whether a token that hangs on no grant was revoked; by the hash of its `jti`.
    async fn is_token_revoked(&mut self, token: &SecretHash) -> Result<bool>;
}

/// Writes.
#[async_trait]
pub trait EditGrants: Grants {
    /// Redeems a code by inserting its grant. Of many concurrent callers exactly one gets `First`; for
    /// the others the grant is revoked.
    async fn spend_code(&mut self, grant: &Grant, now: Timestamp) -> Result<Spend>;

    /// Revokes a grant; `false` when there is none or it was revoked before.
    async fn revoke_grant(&mut self, id: &GrantId, now: Timestamp) -> Result<bool>;

    /// Revokes a token that hangs on no grant (client credentials), by the hash of its `jti`; kept until the token
    /// would have ended by itself. Again is no error.
    async fn revoke_token(&mut self, token: &SecretHash, expires_at: Timestamp) -> Result<()>;

    /// Takes a client assertion's (or other token's) one use, by the hash of client and `jti` (SEC-117): `false`
    /// when it was taken before. Kept until `expires_at`.
    async fn spend_assertion(&mut self, assertion: &SecretHash, expires_at: Timestamp) -> Result<bool>;
}
