//! Permissions to enrol, and what became of them.

use async_trait::async_trait;
use domain::{
    Account, AccountId, Cursor, DeviceId, Enrolment, EnrolmentId, EnrolmentKind, EnrolmentState, JobId,
    SecretHash, Timestamp,
};

use crate::Result;

/// Which enrolments are looked for; what is none does not matter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EnrolmentFilter<'a> {
    /// Part of the folded user name.
    pub search: Option<&'a str>,
    /// Where it stands.
    pub state: Option<EnrolmentState>,
    /// How its secret reaches the phone.
    pub kind: Option<EnrolmentKind>,
    /// Whose.
    pub account: Option<&'a AccountId>,
    /// The long work that made it.
    pub job: Option<&'a JobId>,
}

/// Reads.
#[async_trait]
pub trait Enrolments: Send {
    /// The enrolment with this id, and its account.
    async fn enrolment(&mut self, id: &EnrolmentId) -> Result<Option<(Enrolment, Account)>>;

    /// Enrolments with their accounts, newest first; the cursor's key is the time made, in milliseconds.
    async fn enrolments(
        &mut self,
        filter: EnrolmentFilter<'_>,
        after: Option<&Cursor>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<(Enrolment, Account)>>;
}

/// Writes.
#[async_trait]
pub trait EditEnrolments: Enrolments {
    /// Adds an enrolment and ends the account's earlier open one of the same sort: on a screen, or on paper
    /// (SEC-071).
    async fn add_enrolment(&mut self, enrolment: &Enrolment) -> Result<()>;

    /// Takes the enrolment with this token, if it is still good at `now`: of many callers one gets it.
    async fn take_enrolment(&mut self, token_hash: &SecretHash, now: Timestamp) -> Result<Option<Enrolment>>;

    /// The same for a code that was typed for this account.
    async fn take_enrolment_by_code(
        &mut self,
        account: &AccountId,
        code_hash: &SecretHash,
        now: Timestamp,
    ) -> Result<Option<Enrolment>>;

    /// Notes the phone that an enrolment led to.
    async fn complete_enrolment(&mut self, id: &EnrolmentId, device: &DeviceId, now: Timestamp)
    -> Result<()>;

    /// Takes an open enrolment back; `false` when it is not open.
    async fn cancel_enrolment(&mut self, id: &EnrolmentId, now: Timestamp) -> Result<bool>;

    /// Takes all open enrolments of an account back; answers how many there were.
    async fn cancel_enrolments_of(&mut self, account: &AccountId, now: Timestamp) -> Result<u64>;
}
