//! The port to what lasts.
//!
//! Owns: one trait of reads and one of writes per subject, joined in [`View`] and [`Work`]; the one error
//! type; and (feature `conformance`) the suite that is the meaning of the port.
//! Not here: SQL (`store-sql`), who may do what (use cases).
//!
//! Rules: a unit of work ([`Store::begin`]) is ended by [`Work::commit`], which answers only when the
//! work is durable; dropping it undoes it. One-time things are taken by one method that is one statement
//! and says what happened. Nothing slow (hashing, signing, fetching) happens while a unit is open.

mod accounts;
mod administration;
mod audit;
mod cas_logins;
mod clients;
mod devices;
mod enrolments;
mod error;
mod factors;
mod grants;
mod jobs;
mod keys;
mod logouts;
mod notices;
mod people;
mod refresh;
mod sessions;
mod statistics;

#[cfg(feature = "conformance")]
pub mod conformance;

use async_trait::async_trait;

pub use accounts::{Accounts, EditAccounts};
pub use administration::{Administration, EditAdministration};
pub use audit::{AuditTrail, EditAudit};
pub use cas_logins::{CasLogin, CasLogins, CasLogoutNotice, EditCasLogins};
pub use clients::{Clients, EditClients};
pub use devices::{ApprovalNote, ChangeNote, DeviceFilter, Devices, EditDevices};
pub use enrolments::{EditEnrolments, EnrolmentFilter, Enrolments};
pub use error::{Result, StoreError};
pub use factors::{EditFactors, Factors, RecoveryFilter};
pub use grants::{EditGrants, Grants, Spend};
pub use jobs::{
    AccountFit, DeviceFit, EditJobs, FoundAccount, FoundDevice, FoundSession, JobFilter, JobMove, Jobs,
    RowFilter, SecretRow,
};
pub use keys::{EditKeys, Keys};
pub use logouts::{EditLogouts, LogoutNotice, Logouts, SessionClient};
pub use notices::{EditNotices, Notices};
pub use people::{Decided, EditPeople, People, SavedPolicy};
pub use refresh::{EditRefresh, Refresh, Rotate, Rotation};
pub use sessions::{EditSessions, Sessions, SignedIn};
pub use statistics::{Count, EditStatistics, Statistics};

/// One page of a list: rows after a key, in the key's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page<'a> {
    /// The key of the last row of the page before; none for the first page.
    pub after: Option<&'a str>,
    /// At most this many rows; adapters cap it at 500 (SEC-189).
    pub limit: u32,
}

/// What lasts.
#[async_trait]
pub trait Store: Send + Sync {
    /// Opens a unit of work. Waits for a turn.
    async fn begin(&self) -> Result<Box<dyn Work>>;

    /// A read-only view beside the writer: sees what is committed, statement by statement.
    async fn read(&self) -> Result<Box<dyn View>>;

    /// Whether the store can be reached and written; for readiness.
    async fn check(&self) -> Result<()>;

    /// Removes rows whose time is over (expired sessions, grants, enrolments, old marks), at most
    /// `limit` of each kind; answers how many went (SEC-223).
    async fn sweep(&self, now: domain::Timestamp, limit: u32) -> Result<u64>;

    /// Finishes running units and closes; for a graceful stop.
    async fn close(&self);
}

/// Everything that can be read.
pub trait View:
    Accounts
    + Administration
    + AuditTrail
    + CasLogins
    + Clients
    + Devices
    + Enrolments
    + Factors
    + Grants
    + Jobs
    + Keys
    + Logouts
    + Notices
    + People
    + Refresh
    + Sessions
    + Statistics
{
}
impl<T> View for T where
    T: Accounts
        + Administration
        + AuditTrail
        + CasLogins
        + Clients
        + Devices
        + Enrolments
        + Factors
        + Grants
        + Jobs
        + Keys
        + Logouts
        + Notices
        + People
        + Refresh
        + Sessions
        + Statistics
{
}

/// A unit of work: reads see its own writes.
#[async_trait]
pub trait Work:
    View
    + EditAccounts
    + EditDevices
    + EditClients
    + EditSessions
    + EditGrants
    + EditRefresh
    + EditLogouts
    + EditCasLogins
    + EditKeys
    + EditAudit
    + EditAdministration
    + EditEnrolments
    + EditFactors
    + EditJobs
    + EditNotices
    + EditPeople
    + EditStatistics
{
    /// Makes everything durable, then answers.
    async fn commit(self: Box<Self>) -> Result<()>;
}
