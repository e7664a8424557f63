//! Long work, row by row, and finding many things in one statement.

use async_trait::async_trait;
use domain::{
    Account, AccountId, AccountState, Cursor, DeviceId, DeviceState, Job, JobCounts, JobId, JobKind, JobRow,
    JobState, OutcomeFilter, RowDone, RowFate, SessionId, Timestamp,
};

use crate::Result;

/// Which work is looked for; what is none does not matter. Drafts are never found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// What kind.
    pub kind: Option<JobKind>,
    /// Where it stands.
    pub state: Option<JobState>,
}

/// Which rows are looked for; what is none does not matter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowFilter {
    /// What will become of it.
    pub fate: Option<RowFate>,
    /// What became of it.
    pub outcome: Option<OutcomeFilter>,
}

/// A row whose secret is kept still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRow {
    /// Which row.
    pub number: u32,
    /// What was to be done.
    pub input: String,
    /// What was made.
    pub subject: String,
    /// Sealed, base64url.
    pub secret: String,
}

/// How a piece of work moves on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobMove {
    /// To where.
    pub to: JobState,
    /// Noted as its start.
    pub started_at: Option<Timestamp>,
    /// Noted as its end.
    pub finished_at: Option<Timestamp>,
    /// May be undone until.
    pub undo_until: Option<Timestamp>,
    /// The secrets of its letters are kept until.
    pub secrets_until: Option<Timestamp>,
}

impl JobMove {
    /// To this state, and nothing else noted.
    #[must_use]
    pub const fn to(to: JobState) -> Self {
        Self { to, started_at: None, finished_at: None, undo_until: None, secrets_until: None }
    }
}

/// What checking a row needs to know of an account.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundAccount {
    /// The account.
    pub account: Account,
    /// Its phones that are not revoked.
    pub devices: u32,
}

/// What checking a row needs to know of a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundDevice {
    /// Its id.
    pub id: DeviceId,
    /// Its owner.
    pub account: AccountId,
    /// Its owner's name.
    pub username: String,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: DeviceState,
    /// Of its key; for a phone without one a text that is none.
    pub thumbprint: String,
}

/// What checking a row needs to know of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundSession {
    /// Its id.
    pub id: SessionId,
    /// Whose.
    pub account: AccountId,
    /// Their name.
    pub username: String,
}

/// Which accounts fit; what is none does not matter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AccountFit<'a> {
    /// In the group of this name.
    pub group: Option<&'a str>,
    /// Whether it may sign in.
    pub state: Option<AccountState>,
    /// Part of the folded name.
    pub search: Option<&'a str>,
    /// Only those without a phone that is not revoked; an app made for CAS is none.
    pub without_device: bool,
}

/// Which phones fit; what is none does not matter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeviceFit<'a> {
    /// Of people in the group of this name.
    pub group: Option<&'a str>,
    /// Where it stands.
    pub state: Option<DeviceState>,
    /// Part of its owner's folded name.
    pub search: Option<&'a str>,
    /// Made and last used before.
    pub unused_since: Option<Timestamp>,
}

/// Reads. Lists of names and ids have at most 500 entries; what is not there is left out of the answer.
#[async_trait]
pub trait Jobs: Send {
    /// The work with this id; no draft.
    async fn job(&mut self, id: &JobId) -> Result<Option<Job>>;

    /// Work, newest first; the cursor's key is the time made, in milliseconds.
    async fn jobs(&mut self, filter: JobFilter, after: Option<&Cursor>, limit: u32) -> Result<Vec<Job>>;

    /// Rows after this number, in their order.
    async fn job_rows(
        &mut self,
        id: &JobId,
        filter: RowFilter,
        after: u32,
        limit: u32,
    ) -> Result<Vec<JobRow>>;

    /// Rows with a secret after this number, in their order.
    async fn job_secrets(&mut self, id: &JobId, after: u32, limit: u32) -> Result<Vec<SecretRow>>;

    /// Whether there is work that a node may take now.
    async fn is_work_due(&mut self, now: Timestamp) -> Result<bool>;

    /// Accounts by their folded names.
    async fn accounts_named(&mut self, keys: &[String]) -> Result<Vec<FoundAccount>>;

    /// Accounts by their ids.
    async fn accounts_with_ids(&mut self, ids: &[String]) -> Result<Vec<FoundAccount>>;

    /// Accounts that fit, in the order of their ids, after this id.
    async fn accounts_that_fit(
        &mut self,
        fit: AccountFit<'_>,
        after: &str,
        limit: u32,
    ) -> Result<Vec<FoundAccount>>;

    /// Phones by their ids.
    async fn devices_with_ids(&mut self, ids: &[String]) -> Result<Vec<FoundDevice>>;

    /// Phones by the thumbprints of their keys.
    async fn devices_with_keys(&mut self, thumbprints: &[String]) -> Result<Vec<FoundDevice>>;

    /// Phones that fit, in the order of their ids, after this id.
    async fn devices_that_fit(
        &mut self,
        fit: DeviceFit<'_>,
        after: &str,
        limit: u32,
    ) -> Result<Vec<FoundDevice>>;

    /// Living sessions by their ids.
    async fn sessions_with_ids(&mut self, ids: &[String], now: Timestamp) -> Result<Vec<FoundSession>>;
}

/// Writes.
#[async_trait]
pub trait EditJobs: Jobs {
    /// Adds work without its rows.
    async fn add_job(&mut self, job: &Job) -> Result<()>;

    /// Adds rows to a draft, at most 500.
    async fn add_job_rows(&mut self, id: &JobId, rows: &[JobRow]) -> Result<()>;

    /// A draft is complete: so many rows of each sort. `false` when it is no draft.
    async fn ready_job(&mut self, id: &JobId, counts: JobCounts) -> Result<bool>;

    /// Moves work on from one of these states; `false` when it is in another. What is not given stays.
    async fn move_job(&mut self, id: &JobId, from: &[JobState], step: JobMove) -> Result<bool>;

    /// Replaces what is common to all rows.
    async fn set_job_options(&mut self, id: &JobId, options: &str) -> Result<()>;

    /// Takes work that is running, or whose time to be undone is over, for this node until then: of many nodes
    /// one gets it, and another when the first no longer holds it.
    async fn claim_job(&mut self, node: &str, now: Timestamp, until: Timestamp) -> Result<Option<Job>>;

    /// Whether the work is still this node's and in this state; holds it for longer. Until the unit ends nobody
    /// else moves it.
    async fn hold_job(&mut self, id: &JobId, node: &str, state: JobState, until: Timestamp) -> Result<bool>;

    /// Lets go of it, so that any node may take it at once.
    async fn release_job(&mut self, id: &JobId, node: &str) -> Result<()>;

    /// Writes what became of rows, at most 500, and counts them: done, failed, undone.
    async fn close_rows(&mut self, id: &JobId, rows: &[RowDone], counted: JobCounts) -> Result<()>;

    /// Forgets the secrets of a job's letters; `false` when there are none.
    async fn drop_secrets(&mut self, id: &JobId) -> Result<bool>;

    /// Forgets the secrets whose time is over, of one job; answers whether there was one.
    async fn drop_old_secrets(&mut self, now: Timestamp) -> Result<bool>;
}
