//! Families of refresh tokens.

use std::time::Duration;

use async_trait::async_trait;
use domain::{Account, Grant, GrantId, RefreshFamily, Timestamp};

use crate::Result;

/// What became of a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotate {
    /// This caller spent it: the generation after it is good now.
    Rotated,
    /// It was spent a moment ago and its successor was not used yet: the same successor is still good, and nothing
    /// changed (a caller that lost the answer).
    Graced,
    /// It was spent before: somebody has a copy. The grant is revoked now (SEC-122).
    Replayed,
    /// There is no such family, its grant is revoked, its session was ended, its account is not active, or its time
    /// is over. Nothing changed.
    Over,
}

/// How a refresh token is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// Now.
    pub now: Timestamp,
    /// So long after a rotation the token before is answered with the same successor. Zero: never.
    pub grace: Duration,
    /// The family's new idle end; never later than its absolute one.
    pub idle_ends_at: Timestamp,
}

/// Reads.
#[async_trait]
pub trait Refresh: Send {
    /// The family of this grant, with grant and account, in one statement; revoked and ended ones too.
    async fn refresh_family(&mut self, grant: &GrantId) -> Result<Option<(RefreshFamily, Grant, Account)>>;
}

/// Writes.
#[async_trait]
pub trait EditRefresh: Refresh {
    /// Begins a family, in the unit that inserts its grant.
    async fn add_refresh_family(&mut self, family: &RefreshFamily) -> Result<()>;

    /// Spends the token of this generation. Of many concurrent callers one gets `Rotated`, the others `Graced` (or
    /// `Replayed`, which revokes the grant): a family never forks (SEC-123).
    async fn rotate_refresh(
        &mut self,
        grant: &GrantId,
        generation: u32,
        rotation: &Rotation,
    ) -> Result<Rotate>;
}
