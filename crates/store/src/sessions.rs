//! Browser sessions and browsers that were used before.

use async_trait::async_trait;
use domain::{
    Account, AccountId, BrowserSession, DeviceId, Proof, SecretHash, SessionEnd, SessionId, Timestamp,
};

use crate::Result;

/// A session and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The session.
    pub session: BrowserSession,
    /// Its account as it is now.
    pub account: Account,
}

/// Reads.
#[async_trait]
pub trait Sessions: Send {
    /// The session with this cookie secret and its account, in one statement. Ended and expired ones
    /// too: the caller asks `is_alive`.
    async fn session_by_secret(&mut self, secret: &SecretHash) -> Result<Option<SignedIn>>;

    /// The session with this id.
    async fn session(&mut self, id: &SessionId) -> Result<Option<BrowserSession>>;

    /// Living sessions that a phone approved, newest first, at most `limit`.
    async fn sessions_of_device(
        &mut self,
        device: &DeviceId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<BrowserSession>>;

    /// Living sessions of an account, last used first, at most `limit`.
    async fn sessions_of_account(
        &mut self,
        account: &AccountId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<BrowserSession>>;

    /// Whether this account signed in before with the browser that holds this mark.
    async fn is_known_browser(&mut self, account: &AccountId, browser: &SecretHash) -> Result<bool>;
}

/// Writes.
#[async_trait]
pub trait EditSessions: Sessions {
    /// Adds a session and remembers its browser's mark for the account (if given). `Conflict("account_state")`
    /// when the account is not active; whoever disables it meanwhile finds this session or is found by it.
    async fn add_session(&mut self, session: &BrowserSession, browser: Option<&SecretHash>) -> Result<()>;

    /// Ends a QR channel for good: by the session it leads to, or by its denial. `false` when it was over
    /// already (SEC-006, SEC-037): the last gate, should a live store bring back what it had given away. The right
    /// to enrol a phone ends so as well (SEC-071).
    async fn end_channel(&mut self, channel: &SecretHash, now: Timestamp) -> Result<bool>;

    /// Adds a proof to a living session (step-up) and gives it a new cookie secret (SEC-151).
    async fn strengthen_session(
        &mut self,
        id: &SessionId,
        proof: &Proof,
        secret: &SecretHash,
        now: Timestamp,
    ) -> Result<bool>;

    /// Notes that a session was used.
    async fn touch_session(&mut self, id: &SessionId, now: Timestamp) -> Result<()>;

    /// Whether a session was not ended, though it may have run out; whoever ends it from here on waits until the unit
    /// is over, and finds what that made.
    async fn hold_session(&mut self, id: &SessionId) -> Result<bool>;

    /// Ends a living session and revokes the grants made in it; `false` when it was not alive. Leaves a
    /// [`crate::LogoutNotice`] for every client of the session that is to be told by our server: all three ends do.
    async fn end_session(&mut self, id: &SessionId, why: SessionEnd, now: Timestamp) -> Result<bool>;

    /// Ends all living sessions that a phone approved and revokes their grants; answers their ids.
    async fn end_sessions_of_device(
        &mut self,
        device: &DeviceId,
        why: SessionEnd,
        now: Timestamp,
    ) -> Result<Vec<SessionId>>;

    /// Ends all living sessions of an account and revokes all its grants, also those of sessions that are over
    /// (offline access); answers the ids of those that were alive.
    async fn end_sessions_of_account(
        &mut self,
        account: &AccountId,
        why: SessionEnd,
        now: Timestamp,
    ) -> Result<Vec<SessionId>>;
}
