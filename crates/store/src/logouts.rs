//! Which relying parties a session led to, and those that are still to be told that it ended.

use async_trait::async_trait;
use domain::{ClientId, SessionId, Timestamp};

use crate::Result;

/// A relying party that a session led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionClient {
    /// In which session.
    pub session: SessionId,
    /// Which.
    pub client: ClientId,
    /// The subject it knows the person as.
    pub subject: String,
    /// It is to be told by our server (OpenID Connect Back-Channel Logout).
    pub by_server: bool,
}

/// A relying party that is still to be told that a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutNotice {
    /// Which session.
    pub session: SessionId,
    /// Whom to tell.
    pub client: ClientId,
    /// The subject it knows the person as.
    pub subject: String,
    /// How often it was tried before.
    pub attempts: u32,
    /// The session ended.
    pub created_at: Timestamp,
}

/// Reads.
#[async_trait]
pub trait Logouts: Send {
    /// The relying parties of a session that want to be told, at most 1,000.
    async fn session_clients(&mut self, session: &SessionId) -> Result<Vec<SessionClient>>;

    /// How many notices wait; for readiness and tests.
    async fn waiting_logouts(&mut self) -> Result<u64>;
}

/// Writes.
#[async_trait]
pub trait EditLogouts: Logouts {
    /// Notes that a session led to a relying party that wants to be told. Again is no error. A session that is
    /// ended already leaves its notice at once, so that nobody is forgotten.
    async fn note_session_client(&mut self, client: &SessionClient, now: Timestamp) -> Result<()>;

    /// Takes notices that are due, oldest first, at most `limit`; nobody else gets them before `until`. Counts an
    /// attempt for each.
    async fn claim_logouts(
        &mut self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<LogoutNotice>>;

    /// Removes a notice: told, or given up.
    async fn settle_logout(&mut self, session: &SessionId, client: &ClientId) -> Result<bool>;

    /// Puts a notice off until `due_at`.
    async fn postpone_logout(
        &mut self,
        session: &SessionId,
        client: &ClientId,
        due_at: Timestamp,
    ) -> Result<bool>;
}
