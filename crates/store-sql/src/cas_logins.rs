//! CAS services of sessions, and those that are still to be told of an end.
//!
//! As in `logouts`: a notice is left by the unit that ends a session, or by the one that comes too late to be found
//! by it.

use async_trait::async_trait;
use domain::{SessionId, Timestamp};
use store::{CasLogin, CasLogins, CasLogoutNotice, EditCasLogins, Result, StoreError};

use crate::accounts::{CountRow, PAGE};
use crate::corrupt;
use crate::values::{bind, parsed, small};
use crate::work::{Cells, Entry, SqlWork, sql};

/// `ticket, session_id, client_id, service, username, by_server`
struct LoginRow {
    ticket: String,
    session_id: String,
    client_id: String,
    service: String,
    username: String,
    by_server: bool,
}

impl Entry for LoginRow {
    const TABLE: &'static str = "cas_logins";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self {
            ticket: row.text("ticket")?,
            session_id: row.text("session_id")?,
            client_id: row.text("client_id")?,
            service: row.text("service")?,
            username: row.text("username")?,
            by_server: row.flag("by_server")?,
        })
    }
}

impl TryFrom<LoginRow> for CasLogin {
    type Error = StoreError;

    fn try_from(row: LoginRow) -> Result<Self> {
        const T: &str = LoginRow::TABLE;
        let id = &row.session_id;
        Ok(Self {
            session: parsed(id, T, "session_id", id)?,
            client: parsed(&row.client_id, T, "client_id", id)?,
            ticket: row.ticket,
            service: row.service,
            user: row.username,
            by_server: row.by_server,
        })
    }
}

/// `ticket, client_id, service, username, attempts, created_at`, after an attempt was counted.
struct NoticeRow {
    ticket: String,
    client_id: String,
    service: String,
    username: String,
    attempts: i64,
    created_at: i64,
}

impl Entry for NoticeRow {
    const TABLE: &'static str = "cas_logout_notices";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self {
            ticket: row.text("ticket")?,
            client_id: row.text("client_id")?,
            service: row.text("service")?,
            username: row.text("username")?,
            attempts: row.number("attempts")?,
            created_at: row.number("created_at")?,
        })
    }
}

impl TryFrom<NoticeRow> for CasLogoutNotice {
    type Error = StoreError;

    fn try_from(row: NoticeRow) -> Result<Self> {
        const T: &str = NoticeRow::TABLE;
        let id = &row.client_id;
        let before = small(row.attempts, T, "attempts", id)?.checked_sub(1);
        Ok(Self {
            client: parsed(id, T, "client_id", id)?,
            attempts: before.ok_or_else(|| corrupt(T, "attempts", id))?,
            ticket: row.ticket,
            service: row.service,
            user: row.username,
            created_at: Timestamp::from_millis(row.created_at),
        })
    }
}

#[async_trait]
impl CasLogins for SqlWork {
    async fn cas_logins(&mut self, session: &SessionId) -> Result<Vec<CasLogin>> {
        self.all::<LoginRow>(
            sql!(
                "SELECT ticket, session_id, client_id, service, username, by_server
                   FROM cas_logins WHERE session_id = $1 LIMIT 1000"
            ),
            bind![session],
        )
        .await?
        .into_iter()
        .map(CasLogin::try_from)
        .collect()
    }

    async fn waiting_cas_logouts(&mut self) -> Result<u64> {
        let count =
            self.optional::<CountRow>(sql!("SELECT COUNT(*) FROM cas_logout_notices"), bind![]).await?;
        Ok(count.map_or(0, |CountRow(count)| count.unsigned_abs()))
    }
}

#[async_trait]
impl EditCasLogins for SqlWork {
    async fn note_cas_login(&mut self, login: &CasLogin, now: Timestamp) -> Result<bool> {
        let noted = self
            .run(
                sql!(
                    sqlite: "INSERT INTO cas_logins (session_id, ticket, client_id, service, username, by_server)
                     SELECT $1, $2, $3, $4, $5, $6 FROM sessions WHERE id = $1 AND ended_at IS NULL
                     ON CONFLICT (session_id, ticket) DO NOTHING",
                    // Whoever ends the session meanwhile waits, and finds the login.
                    postgres: "INSERT INTO cas_logins (session_id, ticket, client_id, service, username, by_server)
                     SELECT $1, $2, $3, $4, $5, $6 FROM sessions WHERE id = $1 AND ended_at IS NULL FOR SHARE
                     ON CONFLICT (session_id, ticket) DO NOTHING"
                ),
                bind![
                    &login.session,
                    &login.ticket,
                    &login.client,
                    &login.service,
                    &login.user,
                    login.by_server
                ],
            )
            .await?;
        if noted == 1 {
            let address = login.service.split('?').next().unwrap_or_default();
            self.run(
                sql!(
                    "DELETE FROM cas_logins
                      WHERE session_id = $1 AND client_id = $2 AND ticket <> $3
                        AND (service = $4 OR substr(service, 1, length($4) + 1) = $4 || '?')"
                ),
                bind![&login.session, &login.client, &login.ticket, address],
            )
            .await?;
        } else if login.by_server {
            self.run(
                sql!(
                    "INSERT INTO cas_logout_notices
                        (ticket, client_id, service, username, attempts, created_at, due_at)
                     SELECT $2, $3, $4, $5, 0, $6, $6 FROM sessions WHERE id = $1 AND ended_at IS NOT NULL
                     ON CONFLICT (ticket) DO NOTHING"
                ),
                bind![&login.session, &login.ticket, &login.client, &login.service, &login.user, now],
            )
            .await?;
        }
        Ok(noted == 1)
    }

    async fn claim_cas_logouts(
        &mut self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<CasLogoutNotice>> {
        let claimed = self
            .all::<NoticeRow>(
                sql!(
                    sqlite: "UPDATE cas_logout_notices SET due_at = $2, attempts = attempts + 1
                      WHERE ticket IN
                            (SELECT ticket FROM cas_logout_notices
                              WHERE due_at <= $1 ORDER BY due_at LIMIT $3)
                     RETURNING ticket, client_id, service, username, attempts, created_at",
                    postgres: "WITH due AS MATERIALIZED
                            (SELECT ticket FROM cas_logout_notices
                              WHERE due_at <= $1 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
                     UPDATE cas_logout_notices n SET due_at = $2, attempts = attempts + 1
                       FROM due WHERE n.ticket = due.ticket
                     RETURNING n.ticket, n.client_id, n.service, n.username, n.attempts, n.created_at"
                ),
                bind![now, until, limit.min(PAGE)],
            )
            .await?;
        let mut notices: Vec<CasLogoutNotice> =
            claimed.into_iter().map(CasLogoutNotice::try_from).collect::<Result<_>>()?;
        notices.sort_by(|one, other| {
            (one.created_at, &one.client, &one.ticket).cmp(&(other.created_at, &other.client, &other.ticket))
        });
        Ok(notices)
    }

    async fn settle_cas_logout(&mut self, ticket: &str) -> Result<bool> {
        let settled =
            self.run(sql!("DELETE FROM cas_logout_notices WHERE ticket = $1"), bind![ticket]).await?;
        Ok(settled == 1)
    }

    async fn postpone_cas_logout(&mut self, ticket: &str, due_at: Timestamp) -> Result<bool> {
        let postponed = self
            .run(sql!("UPDATE cas_logout_notices SET due_at = $2 WHERE ticket = $1"), bind![ticket, due_at])
            .await?;
        Ok(postponed == 1)
    }
}
