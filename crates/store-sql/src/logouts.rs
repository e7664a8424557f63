//! Relying parties of sessions, and those that are still to be told of an end.
//!
//! A notice is left by the unit that ends a session (`sessions`), or by the one that comes too late to be found by
//! it: both hold the session's row.

use async_trait::async_trait;
use domain::{ClientId, SessionId, Timestamp};
use store::{EditLogouts, LogoutNotice, Logouts, Result, SessionClient, StoreError};

use crate::accounts::{CountRow, PAGE};
use crate::corrupt;
use crate::values::{bind, parsed, small};
use crate::work::{Cells, Entry, SqlWork, sql};

/// `session_id, client_id, subject, by_server`
struct SessionClientRow {
    session_id: String,
    client_id: String,
    subject: String,
    by_server: bool,
}

impl Entry for SessionClientRow {
    const TABLE: &'static str = "session_clients";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self {
            session_id: row.text("session_id")?,
            client_id: row.text("client_id")?,
            subject: row.text("subject")?,
            by_server: row.flag("by_server")?,
        })
    }
}

impl TryFrom<SessionClientRow> for SessionClient {
    type Error = StoreError;

    fn try_from(row: SessionClientRow) -> Result<Self> {
        const T: &str = SessionClientRow::TABLE;
        let id = &row.session_id;
        Ok(Self {
            session: parsed(id, T, "session_id", id)?,
            client: parsed(&row.client_id, T, "client_id", id)?,
            subject: row.subject,
            by_server: row.by_server,
        })
    }
}

/// `session_id, client_id, subject, attempts, created_at`, after an attempt was counted.
struct NoticeRow {
    session_id: String,
    client_id: String,
    subject: String,
    attempts: i64,
    created_at: i64,
}

impl Entry for NoticeRow {
    const TABLE: &'static str = "logout_notices";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self {
            session_id: row.text("session_id")?,
            client_id: row.text("client_id")?,
            subject: row.text("subject")?,
            attempts: row.number("attempts")?,
            created_at: row.number("created_at")?,
        })
    }
}

impl TryFrom<NoticeRow> for LogoutNotice {
    type Error = StoreError;

    fn try_from(row: NoticeRow) -> Result<Self> {
        const T: &str = NoticeRow::TABLE;
        let id = &row.session_id;
        let before = small(row.attempts, T, "attempts", id)?.checked_sub(1);
        Ok(Self {
            session: parsed(id, T, "session_id", id)?,
            client: parsed(&row.client_id, T, "client_id", id)?,
            subject: row.subject,
            attempts: before.ok_or_else(|| corrupt(T, "attempts", id))?,
            created_at: Timestamp::from_millis(row.created_at),
        })
    }
}

#[async_trait]
impl Logouts for SqlWork {
    async fn session_clients(&mut self, session: &SessionId) -> Result<Vec<SessionClient>> {
        self.all::<SessionClientRow>(
            sql!(
                "SELECT session_id, client_id, subject, by_server
                   FROM session_clients WHERE session_id = $1 LIMIT 1000"
            ),
            bind![session],
        )
        .await?
        .into_iter()
        .map(SessionClient::try_from)
        .collect()
    }

    async fn waiting_logouts(&mut self) -> Result<u64> {
        let count = self.optional::<CountRow>(sql!("SELECT COUNT(*) FROM logout_notices"), bind![]).await?;
        Ok(count.map_or(0, |CountRow(count)| count.unsigned_abs()))
    }
}

#[async_trait]
impl EditLogouts for SqlWork {
    async fn note_session_client(&mut self, client: &SessionClient, now: Timestamp) -> Result<()> {
        let noted = self
            .run(
                sql!(
                    sqlite: "INSERT INTO session_clients (session_id, client_id, subject, by_server)
                 SELECT $1, $2, $3, $4 FROM sessions WHERE id = $1 AND ended_at IS NULL
                 ON CONFLICT (session_id, client_id) DO UPDATE
                    SET subject = excluded.subject, by_server = excluded.by_server",
                    // Whoever ends the session meanwhile waits, and finds the client.
                    postgres: "INSERT INTO session_clients (session_id, client_id, subject, by_server)
                 SELECT $1, $2, $3, $4 FROM sessions WHERE id = $1 AND ended_at IS NULL FOR SHARE
                 ON CONFLICT (session_id, client_id) DO UPDATE
                    SET subject = excluded.subject, by_server = excluded.by_server"
                ),
                bind![&client.session, &client.client, &client.subject, client.by_server],
            )
            .await?;
        if noted == 0 && client.by_server {
            self.run(
                sql!(
                    "INSERT INTO logout_notices
                        (session_id, client_id, subject, attempts, created_at, due_at)
                     SELECT $1, $2, $3, 0, $4, $4 FROM sessions WHERE id = $1 AND ended_at IS NOT NULL
                     ON CONFLICT (session_id, client_id) DO NOTHING"
                ),
                bind![&client.session, &client.client, &client.subject, now],
            )
            .await?;
        }
        Ok(())
    }

    async fn claim_logouts(
        &mut self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<LogoutNotice>> {
        let claimed = self
            .all::<NoticeRow>(
                sql!(
                    sqlite: "UPDATE logout_notices SET due_at = $2, attempts = attempts + 1
                      WHERE (session_id, client_id) IN
                            (SELECT session_id, client_id FROM logout_notices
                              WHERE due_at <= $1 ORDER BY due_at LIMIT $3)
                     RETURNING session_id, client_id, subject, attempts, created_at",
                    postgres: "WITH due AS MATERIALIZED
                            (SELECT session_id, client_id FROM logout_notices
                              WHERE due_at <= $1 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
                     UPDATE logout_notices n SET due_at = $2, attempts = attempts + 1
                       FROM due WHERE n.session_id = due.session_id AND n.client_id = due.client_id
                     RETURNING n.session_id, n.client_id, n.subject, n.attempts, n.created_at"
                ),
                bind![now, until, limit.min(PAGE)],
            )
            .await?;
        let mut notices: Vec<LogoutNotice> =
            claimed.into_iter().map(LogoutNotice::try_from).collect::<Result<_>>()?;
        notices.sort_by(|one, other| {
            (one.created_at, one.session, &one.client).cmp(&(other.created_at, other.session, &other.client))
        });
        Ok(notices)
    }

    async fn settle_logout(&mut self, session: &SessionId, client: &ClientId) -> Result<bool> {
        let settled = self
            .run(
                sql!("DELETE FROM logout_notices WHERE session_id = $1 AND client_id = $2"),
                bind![session, client],
            )
            .await?;
        Ok(settled == 1)
    }

    async fn postpone_logout(
        &mut self,
        session: &SessionId,
        client: &ClientId,
        due_at: Timestamp,
    ) -> Result<bool> {
        let postponed = self
            .run(
                sql!("UPDATE logout_notices SET due_at = $3 WHERE session_id = $1 AND client_id = $2"),
                bind![session, client, due_at],
            )
            .await?;
        Ok(postponed == 1)
    }
}
