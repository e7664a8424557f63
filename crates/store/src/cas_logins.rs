//! Which CAS services a session led to, and those that are still to be told that it ended.
//!
//! Beside `logouts`: a relying party has one subject in a session, a CAS service has a session of its own for each
//! ticket that it validated, and is told of each (cas-wire §17).

use async_trait::async_trait;
use domain::{ClientId, SessionId, Timestamp};

use crate::Result;

/// A ticket that a service validated: by its text the service knows the session it opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CasLogin {
    /// The ticket. It was used up before it came here.
    pub ticket: String,
    /// In which session.
    pub session: SessionId,
    /// Which client the service is.
    pub client: ClientId,
    /// The service's address as it was asked for, without a fragment.
    pub service: String,
    /// The user name that it was told.
    pub user: String,
    /// It is to be told by our server; else by the browser that signs out.
    pub by_server: bool,
}

/// A service that is still to be told that a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CasLogoutNotice {
    /// The ticket by which it knows the session.
    pub ticket: String,
    /// Whom to tell.
    pub client: ClientId,
    /// The service's address.
    pub service: String,
    /// The user name that it was told.
    pub user: String,
    /// How often it was tried before.
    pub attempts: u32,
    /// The session ended.
    pub created_at: Timestamp,
}

/// Reads.
#[async_trait]
pub trait CasLogins: Send {
    /// What services validated in a session, at most 1,000.
    async fn cas_logins(&mut self, session: &SessionId) -> Result<Vec<CasLogin>>;

    /// How many notices wait.
    async fn waiting_cas_logouts(&mut self) -> Result<u64>;
}

/// Writes.
#[async_trait]
pub trait EditCasLogins: CasLogins {
    /// Notes that a service validated a ticket. A session that is ended already leaves its notice at once, so that
    /// nobody is forgotten; answers whether the session is alive. A service is told of its last ticket at an address:
    /// earlier ones of the same session, client and address, but for its query, are forgotten, as CAS does.
    async fn note_cas_login(&mut self, login: &CasLogin, now: Timestamp) -> Result<bool>;

    /// Takes notices that are due, oldest first, at most `limit`; nobody else gets them before `until`. Counts an
    /// attempt for each.
    async fn claim_cas_logouts(
        &mut self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<CasLogoutNotice>>;

    /// Removes a notice: told, or given up.
    async fn settle_cas_logout(&mut self, ticket: &str) -> Result<bool>;

    /// Puts a notice off until `due_at`.
    async fn postpone_cas_logout(&mut self, ticket: &str, due_at: Timestamp) -> Result<bool>;
}
