//! Grants: redeemed codes and what was made from them.

use async_trait::async_trait;
use domain::{Account, Grant, GrantId, Timestamp};

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
}

/// Writes.
#[async_trait]
pub trait EditGrants: Grants {
    /// Redeems a code by inserting its grant. Of many concurrent callers exactly one gets `First`; for
    /// the others the grant is revoked.
    async fn spend_code(&mut self, grant: &Grant, now: Timestamp) -> Result<Spend>;

    /// Revokes a grant; `false` when there is none or it was revoked before.
    async fn revoke_grant(&mut self, id: &GrantId, now: Timestamp) -> Result<bool>;
}
