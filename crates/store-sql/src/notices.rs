//! Words to people about their account, and the mails that carry them.
//!
//! A mail is claimed by moving its turn into the future in one statement: whoever dies with it leaves it to whoever
//! looks when that time has come.

use async_trait::async_trait;
use domain::{AccountId, Cursor, MailCounts, MailState, Notice, NoticeId, NoticeMail, Timestamp};
use store::{EditNotices, Notices, Result, StoreError};

use crate::accounts::{CountRow, PAGE};
use crate::corrupt;
use crate::values::{bind, json, parsed, small};
use crate::work::{Cells, Entry, Sql, SqlWork, sql};

/// The columns in their order.
struct NoticeRow {
    id: String,
    account_id: String,
    content: String,
    is_listed: bool,
    created_at: i64,
    seen_at: Option<i64>,
    acted_at: Option<i64>,
    mail_to: Option<String>,
    mail_name: Option<String>,
    mail_language: Option<String>,
    mail_attempts: i64,
    mail_due_at: Option<i64>,
    mail_sent_at: Option<i64>,
    mail_failed_at: Option<i64>,
    mail_failure: Option<String>,
}

impl Entry for NoticeRow {
    const TABLE: &'static str = "notices";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        let id = row.text("id")?;
        let account_id = row.text("account_id")?;
        // The kind's word stands in the content too; its column is for statements.
        row.text("kind")?;
        Ok(Self {
            id,
            account_id,
            content: row.text("content")?,
            is_listed: row.flag("is_listed")?,
            created_at: row.number("created_at")?,
            seen_at: row.maybe_number("seen_at")?,
            acted_at: row.maybe_number("acted_at")?,
            mail_to: row.maybe_text("mail_to")?,
            mail_name: row.maybe_text("mail_name")?,
            mail_language: row.maybe_text("mail_language")?,
            mail_attempts: row.number("mail_attempts")?,
            mail_due_at: row.maybe_number("mail_due_at")?,
            mail_sent_at: row.maybe_number("mail_sent_at")?,
            mail_failed_at: row.maybe_number("mail_failed_at")?,
            mail_failure: row.maybe_text("mail_failure")?,
        })
    }
}

impl TryFrom<NoticeRow> for Notice {
    type Error = StoreError;

    fn try_from(row: NoticeRow) -> Result<Self> {
        const T: &str = NoticeRow::TABLE;
        let id = &row.id;
        let time = |at: Option<i64>| at.map(Timestamp::from_millis);
        let mail = match row.mail_to {
            None => None,
            Some(to) => Some(NoticeMail {
                to,
                name: row.mail_name.ok_or_else(|| corrupt(T, "mail_name", id))?,
                language: row.mail_language,
                attempts: small(row.mail_attempts, T, "mail_attempts", id)?,
                due_at: time(row.mail_due_at),
                sent_at: time(row.mail_sent_at),
                failed_at: time(row.mail_failed_at),
                failure: row.mail_failure,
            }),
        };
        Ok(Self {
            id: parsed(id, T, "id", id)?,
            account: parsed(&row.account_id, T, "account_id", id)?,
            kind: json(&row.content, T, "content", id)?,
            is_listed: row.is_listed,
            created_at: Timestamp::from_millis(row.created_at),
            seen_at: time(row.seen_at),
            acted_at: time(row.acted_at),
            mail,
        })
    }
}

/// `waiting, put_off, oldest_waiting`, then `sent`, then `failed`.
struct CountsRow(MailCounts);

impl Entry for CountsRow {
    const TABLE: &'static str = "notices";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        let count = |row: &mut Cells<'_>, column| row.number(column).map(i64::unsigned_abs);
        Ok(Self(MailCounts {
            waiting: count(row, "waiting")?,
            put_off: count(row, "put_off")?,
            sent: count(row, "sent")?,
            failed: count(row, "failed")?,
            oldest_waiting: row.maybe_number("oldest_waiting")?.map(Timestamp::from_millis),
        }))
    }
}

impl SqlWork {
    async fn notices(&mut self, sql: Sql, values: crate::values::Values) -> Result<Vec<Notice>> {
        self.all::<NoticeRow>(sql, values).await?.into_iter().map(Notice::try_from).collect()
    }
}

/// Before the first row of a page: later than everything.
fn before(after: Option<&Cursor>) -> Option<(i64, &str)> {
    match after {
        None => Some((i64::MAX, "")),
        Some(cursor) => Some((cursor.number().ok()?, &cursor.id)),
    }
}

#[async_trait]
impl Notices for SqlWork {
    async fn notice(&mut self, id: &NoticeId) -> Result<Option<Notice>> {
        self.optional::<NoticeRow>(
            sql!(
                "SELECT id, account_id, kind, content, is_listed, created_at, seen_at, acted_at, mail_to, mail_name,
                        mail_language, mail_attempts, mail_due_at, mail_sent_at, mail_failed_at, mail_failure
                   FROM notices WHERE id = $1"
            ),
            bind![id],
        )
        .await?
        .map(Notice::try_from)
        .transpose()
    }

    async fn notices_of(
        &mut self,
        account: &AccountId,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Vec<Notice>> {
        let Some((at, id)) = before(after) else { return Ok(Vec::new()) };
        self.notices(
            sql!(
                "SELECT id, account_id, kind, content, is_listed, created_at, seen_at, acted_at, mail_to, mail_name,
                        mail_language, mail_attempts, mail_due_at, mail_sent_at, mail_failed_at, mail_failure
                   FROM notices
                  WHERE account_id = $1 AND is_listed = TRUE AND (created_at, id) < ($2, $3)
                  ORDER BY created_at DESC, id DESC LIMIT $4"
            ),
            bind![account, at, id, limit.min(PAGE)],
        )
        .await
    }

    async fn unseen_notices(&mut self, account: &AccountId) -> Result<u64> {
        let count = self
            .optional::<CountRow>(
                sql!(
                    "SELECT COUNT(*) FROM notices
                      WHERE account_id = $1 AND is_listed = TRUE AND seen_at IS NULL"
                ),
                bind![account],
            )
            .await?;
        Ok(count.map_or(0, |CountRow(count)| count.unsigned_abs()))
    }

    async fn waiting_link(
        &mut self,
        account: &AccountId,
        kind: &str,
        since: Timestamp,
    ) -> Result<Option<Notice>> {
        let found = self
            .notices(
                sql!(
                    "SELECT id, account_id, kind, content, is_listed, created_at, seen_at, acted_at, mail_to,
                            mail_name, mail_language, mail_attempts, mail_due_at, mail_sent_at, mail_failed_at,
                            mail_failure
                       FROM notices
                      WHERE account_id = $1 AND created_at > $3 AND kind = $2 AND acted_at IS NULL
                      ORDER BY created_at DESC, id DESC LIMIT 1"
                ),
                bind![account, kind, since],
            )
            .await?;
        Ok(found.into_iter().next())
    }

    async fn has_due_mail(&mut self, now: Timestamp) -> Result<bool> {
        let any = self
            .optional::<CountRow>(
                sql!("SELECT CAST(1 AS BIGINT) FROM notices WHERE mail_due_at <= $1 LIMIT 1"),
                bind![now],
            )
            .await?;
        Ok(any.is_some())
    }

    async fn mail_counts(&mut self, since: Timestamp) -> Result<MailCounts> {
        let counts = self
            .optional::<CountsRow>(
                sql!(
                    "SELECT (SELECT COUNT(*) FROM notices WHERE mail_due_at IS NOT NULL) AS waiting,
                            (SELECT COUNT(*) FROM notices
                              WHERE mail_due_at IS NOT NULL AND mail_failure IS NOT NULL) AS put_off,
                            (SELECT COUNT(*) FROM notices
                              WHERE created_at >= $1 AND mail_sent_at IS NOT NULL) AS sent,
                            (SELECT COUNT(*) FROM notices WHERE mail_failed_at IS NOT NULL) AS failed,
                            (SELECT MIN(created_at) FROM notices WHERE mail_due_at IS NOT NULL) AS oldest_waiting"
                ),
                bind![since],
            )
            .await?;
        Ok(counts.map_or_else(MailCounts::default, |CountsRow(counts)| counts))
    }

    async fn mails(&mut self, state: MailState, after: Option<&Cursor>, limit: u32) -> Result<Vec<Notice>> {
        let Some((at, id)) = before(after) else { return Ok(Vec::new()) };
        let statement = match state {
            MailState::Waiting => sql!(
                "SELECT id, account_id, kind, content, is_listed, created_at, seen_at, acted_at, mail_to, mail_name,
                        mail_language, mail_attempts, mail_due_at, mail_sent_at, mail_failed_at, mail_failure
                   FROM notices
                  WHERE mail_due_at IS NOT NULL AND (created_at, id) < ($1, $2)
                  ORDER BY created_at DESC, id DESC LIMIT $3"
            ),
            MailState::Sent => sql!(
                "SELECT id, account_id, kind, content, is_listed, created_at, seen_at, acted_at, mail_to, mail_name,
                        mail_language, mail_attempts, mail_due_at, mail_sent_at, mail_failed_at, mail_failure
                   FROM notices
                  WHERE mail_sent_at IS NOT NULL AND (created_at, id) < ($1, $2)
                  ORDER BY created_at DESC, id DESC LIMIT $3"
            ),
            MailState::Failed => sql!(
                "SELECT id, account_id, kind, content, is_listed, created_at, seen_at, acted_at, mail_to, mail_name,
                        mail_language, mail_attempts, mail_due_at, mail_sent_at, mail_failed_at, mail_failure
                   FROM notices
                  WHERE mail_failed_at IS NOT NULL AND (created_at, id) < ($1, $2)
                  ORDER BY created_at DESC, id DESC LIMIT $3"
            ),
        };
        self.notices(statement, bind![at, id, limit.min(PAGE)]).await
    }
}

#[async_trait]
impl EditNotices for SqlWork {
    async fn add_notice(&mut self, notice: &Notice) -> Result<()> {
        let content = serde_json::to_string(&notice.kind)
            .map_err(|_| corrupt(NoticeRow::TABLE, "content", notice.id))?;
        let mail = notice.mail.as_ref();
        self.run(
            sql!(
                "INSERT INTO notices
                       (id, account_id, kind, content, is_listed, created_at, seen_at, acted_at, mail_to, mail_name,
                        mail_language, mail_attempts, mail_due_at, mail_sent_at, mail_failed_at, mail_failure)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
            ),
            bind![
                &notice.id,
                &notice.account,
                notice.kind.as_str(),
                content,
                notice.is_listed,
                notice.created_at,
                notice.seen_at,
                notice.acted_at,
                mail.map(|mail| &mail.to),
                mail.map(|mail| &mail.name),
                mail.and_then(|mail| mail.language.as_ref()),
                mail.map_or(0, |mail| mail.attempts),
                mail.and_then(|mail| mail.due_at),
                mail.and_then(|mail| mail.sent_at),
                mail.and_then(|mail| mail.failed_at),
                mail.and_then(|mail| mail.failure.as_ref()),
            ],
        )
        .await
        .map(drop)
    }

    async fn see_notice(&mut self, account: &AccountId, id: &NoticeId, now: Timestamp) -> Result<bool> {
        let seen = self
            .run(
                sql!(
                    "UPDATE notices SET seen_at = $3
                      WHERE id = $2 AND account_id = $1 AND is_listed = TRUE AND seen_at IS NULL"
                ),
                bind![account, id, now],
            )
            .await?;
        Ok(seen == 1)
    }

    async fn see_notices(&mut self, account: &AccountId, now: Timestamp) -> Result<u64> {
        self.run(
            sql!(
                "UPDATE notices SET seen_at = $2
                  WHERE account_id = $1 AND is_listed = TRUE AND seen_at IS NULL"
            ),
            bind![account, now],
        )
        .await
    }

    async fn act_on_notice(
        &mut self,
        id: &NoticeId,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Notice>> {
        self.optional::<NoticeRow>(
            sql!(
                "UPDATE notices SET acted_at = $3
                  WHERE id = $1 AND acted_at IS NULL AND created_at > $2
                 RETURNING id, account_id, kind, content, is_listed, created_at, seen_at, acted_at, mail_to, mail_name,
                        mail_language, mail_attempts, mail_due_at, mail_sent_at, mail_failed_at, mail_failure"
            ),
            bind![id, since, now],
        )
        .await?
        .map(Notice::try_from)
        .transpose()
    }

    async fn void_notices(&mut self, account: &AccountId, kind: &str, now: Timestamp) -> Result<u64> {
        self.run(
            sql!(
                "UPDATE notices SET acted_at = $3
                  WHERE account_id = $1 AND kind = $2 AND acted_at IS NULL"
            ),
            bind![account, kind, now],
        )
        .await
    }

    async fn claim_mails(&mut self, now: Timestamp, until: Timestamp, limit: u32) -> Result<Vec<Notice>> {
        let mut claimed = self
            .notices(
                sql!(
                    sqlite: "UPDATE notices SET mail_due_at = $2, mail_attempts = mail_attempts + 1
                      WHERE id IN (SELECT id FROM notices
                                    WHERE mail_due_at <= $1 ORDER BY mail_due_at LIMIT $3)
                     RETURNING id, account_id, kind, content, is_listed, created_at, seen_at, acted_at, mail_to, mail_name,
                        mail_language, mail_attempts, mail_due_at, mail_sent_at, mail_failed_at, mail_failure",
                    postgres: "WITH due AS MATERIALIZED
                            (SELECT id FROM notices
                              WHERE mail_due_at <= $1 ORDER BY mail_due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
                     UPDATE notices n SET mail_due_at = $2, mail_attempts = mail_attempts + 1
                       FROM due WHERE n.id = due.id
                     RETURNING n.id, n.account_id, n.kind, n.content, n.is_listed, n.created_at, n.seen_at, n.acted_at,
                        n.mail_to, n.mail_name, n.mail_language, n.mail_attempts, n.mail_due_at, n.mail_sent_at,
                        n.mail_failed_at, n.mail_failure"
                ),
                bind![now, until, limit.min(PAGE)],
            )
            .await?;
        claimed.sort_by_key(|notice| (notice.created_at, notice.id));
        Ok(claimed)
    }

    async fn settle_mail(&mut self, id: &NoticeId, now: Timestamp) -> Result<bool> {
        let settled = self
            .run(
                sql!(
                    "UPDATE notices
                        SET mail_due_at = NULL, mail_sent_at = $2, mail_failed_at = NULL, mail_failure = NULL
                      WHERE id = $1 AND mail_to IS NOT NULL AND mail_sent_at IS NULL"
                ),
                bind![id, now],
            )
            .await?;
        Ok(settled == 1)
    }

    async fn postpone_mail(&mut self, id: &NoticeId, due_at: Timestamp, why: &str) -> Result<bool> {
        let postponed = self
            .run(
                sql!(
                    "UPDATE notices SET mail_due_at = $2, mail_failure = $3
                      WHERE id = $1 AND mail_due_at IS NOT NULL"
                ),
                bind![id, due_at, why],
            )
            .await?;
        Ok(postponed == 1)
    }

    async fn fail_mail(&mut self, id: &NoticeId, now: Timestamp, why: &str) -> Result<bool> {
        let failed = self
            .run(
                sql!(
                    "UPDATE notices SET mail_due_at = NULL, mail_failed_at = $2, mail_failure = $3
                      WHERE id = $1 AND mail_due_at IS NOT NULL"
                ),
                bind![id, now, why],
            )
            .await?;
        Ok(failed == 1)
    }

    async fn retry_mail(&mut self, id: &NoticeId, now: Timestamp) -> Result<bool> {
        let retried = self
            .run(
                sql!(
                    "UPDATE notices SET mail_due_at = $2, mail_failed_at = NULL, mail_attempts = 0
                      WHERE id = $1 AND mail_to IS NOT NULL AND mail_sent_at IS NULL"
                ),
                bind![id, now],
            )
            .await?;
        Ok(retried == 1)
    }
}
