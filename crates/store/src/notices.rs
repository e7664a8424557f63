//! Words to people about their account, and the mails that carry them.

use async_trait::async_trait;
use domain::{AccountId, Cursor, MailCounts, MailState, Notice, NoticeId, Timestamp};

use crate::Result;

/// Reads.
#[async_trait]
pub trait Notices: Send {
    /// One notice.
    async fn notice(&mut self, id: &NoticeId) -> Result<Option<Notice>>;

    /// The list of an account, newest first: those before the cursor (`key`: milliseconds of `created_at`).
    async fn notices_of(
        &mut self,
        account: &AccountId,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Vec<Notice>>;

    /// How many of an account's list its owner has not seen.
    async fn unseen_notices(&mut self, account: &AccountId) -> Result<u64>;

    /// The newest notice of this kind that an account got after `since` and whose link was not used.
    async fn waiting_link(
        &mut self,
        account: &AccountId,
        kind: &str,
        since: Timestamp,
    ) -> Result<Option<Notice>>;

    /// Whether a mail is due at `now`.
    async fn has_due_mail(&mut self, now: Timestamp) -> Result<bool>;

    /// How the mails stand; `sent` counts those of notices since `since`.
    async fn mail_counts(&mut self, since: Timestamp) -> Result<MailCounts>;

    /// Mails of one state, newest first, paged as [`Notices::notices_of`].
    async fn mails(&mut self, state: MailState, after: Option<&Cursor>, limit: u32) -> Result<Vec<Notice>>;
}

/// Writes.
#[async_trait]
pub trait EditNotices: Notices {
    /// Adds a notice.
    async fn add_notice(&mut self, notice: &Notice) -> Result<()>;

    /// Marks one of an account's list as seen; false: there is none, or it was seen.
    async fn see_notice(&mut self, account: &AccountId, id: &NoticeId, now: Timestamp) -> Result<bool>;

    /// Marks all of an account's list as seen; answers how many were not.
    async fn see_notices(&mut self, account: &AccountId, now: Timestamp) -> Result<u64>;

    /// Takes the one action of a notice that was made after `since`: once.
    async fn act_on_notice(
        &mut self,
        id: &NoticeId,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Notice>>;

    /// Takes the action away from all notices of this kind that an account has: earlier links count no more.
    async fn void_notices(&mut self, account: &AccountId, kind: &str, now: Timestamp) -> Result<u64>;

    /// Takes mails that are due, oldest first, at most `limit`; nobody else gets them before `until`. Counts an
    /// attempt for each.
    async fn claim_mails(&mut self, now: Timestamp, until: Timestamp, limit: u32) -> Result<Vec<Notice>>;

    /// A mail server took it; false: it was noted already.
    async fn settle_mail(&mut self, id: &NoticeId, now: Timestamp) -> Result<bool>;

    /// Puts a mail off until `due_at`; false: it is not waiting.
    async fn postpone_mail(&mut self, id: &NoticeId, due_at: Timestamp, why: &str) -> Result<bool>;

    /// Gives a mail up; false: it is not waiting.
    async fn fail_mail(&mut self, id: &NoticeId, now: Timestamp, why: &str) -> Result<bool>;

    /// Makes a mail that was given up, or was put off, due at once, with all its attempts again.
    async fn retry_mail(&mut self, id: &NoticeId, now: Timestamp) -> Result<bool>;
}
