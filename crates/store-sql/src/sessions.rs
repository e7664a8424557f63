//! Browser sessions and known browsers.
//!
//! A session is alive (`BrowserSession::is_alive`) when it has not ended, its absolute end is ahead, and
//! its last use is not too long ago; the statements below say the same.

use async_trait::async_trait;
use domain::{AccountId, BrowserSession, DeviceId, Proof, SecretHash, SessionEnd, SessionId, Timestamp};
use store::{EditSessions, Result, Sessions, SignedIn, StoreError};

use crate::accounts::{AccountRow, CountRow, PAGE};
use crate::corrupt;
use crate::values::{bind, fixed, json, parsed, small, word};
use crate::work::{Cells, Entry, Sql, SqlWork, pg_sql, sql};

/// `id, account_id, secret_hash, proofs, device_id, browser, address, created_at, last_used_at,
/// idle_seconds, expires_at, ended_at, ended_why`
pub(crate) struct SessionRow {
    id: String,
    account_id: String,
    secret_hash: Vec<u8>,
    proofs: String,
    device_id: Option<String>,
    browser: String,
    address: String,
    created_at: i64,
    last_used_at: i64,
    idle_seconds: i64,
    expires_at: i64,
    ended_at: Option<i64>,
    ended_why: Option<String>,
}

impl Entry for SessionRow {
    const TABLE: &'static str = "sessions";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self {
            id: row.text("id")?,
            account_id: row.text("account_id")?,
            secret_hash: row.bytes("secret_hash")?,
            proofs: row.text("proofs")?,
            device_id: row.maybe_text("device_id")?,
            browser: row.text("browser")?,
            address: row.text("address")?,
            created_at: row.number("created_at")?,
            last_used_at: row.number("last_used_at")?,
            idle_seconds: row.number("idle_seconds")?,
            expires_at: row.number("expires_at")?,
            ended_at: row.maybe_number("ended_at")?,
            ended_why: row.maybe_text("ended_why")?,
        })
    }
}

impl TryFrom<SessionRow> for BrowserSession {
    type Error = StoreError;

    fn try_from(row: SessionRow) -> Result<Self> {
        const T: &str = SessionRow::TABLE;
        let id = &row.id;
        let ended = match (row.ended_at, row.ended_why) {
            (None, None) => None,
            (Some(at), Some(why)) => Some((Timestamp::from_millis(at), word(&why, T, "ended_why", id)?)),
            _ => return Err(corrupt(T, "ended_at", id)),
        };
        Ok(Self {
            id: parsed(id, T, "id", id)?,
            account: parsed(&row.account_id, T, "account_id", id)?,
            secret_hash: SecretHash(fixed(&row.secret_hash, T, "secret_hash", id)?),
            proofs: json(&format!("[{}]", row.proofs), T, "proofs", id)?,
            device: row.device_id.map(|device| parsed(&device, T, "device_id", id)).transpose()?,
            browser: row.browser,
            address: row.address,
            created_at: Timestamp::from_millis(row.created_at),
            last_used_at: Timestamp::from_millis(row.last_used_at),
            idle_seconds: small(row.idle_seconds, T, "idle_seconds", id)?,
            expires_at: Timestamp::from_millis(row.expires_at),
            ended,
        })
    }
}

/// A session and its account.
struct SignedInRow {
    session: SessionRow,
    account: AccountRow,
}

impl Entry for SignedInRow {
    const TABLE: &'static str = "sessions";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self { session: SessionRow::read(row)?, account: AccountRow::read(row)? })
    }
}

impl TryFrom<SignedInRow> for SignedIn {
    type Error = StoreError;

    fn try_from(row: SignedInRow) -> Result<Self> {
        Ok(Self { session: row.session.try_into()?, account: row.account.try_into()? })
    }
}

/// The id of an ended session.
pub(crate) struct SessionIdRow(String);

impl Entry for SessionIdRow {
    const TABLE: &'static str = "sessions";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self(row.text("id")?))
    }
}

impl TryFrom<SessionIdRow> for SessionId {
    type Error = StoreError;

    fn try_from(row: SessionIdRow) -> Result<Self> {
        parsed(&row.0, SessionIdRow::TABLE, "id", &row.0)
    }
}

/// One proof as it stands in the column.
fn proof_text(proof: &Proof, id: &SessionId) -> Result<String> {
    serde_json::to_string(proof).map_err(|_| corrupt(SessionRow::TABLE, "proofs", id))
}

/// Whoever asked for it is to be told of the sessions of account `$1` that ended at `$2`.
const TELL_OF_ACCOUNT: Sql = sql!(
    sqlite: "INSERT INTO logout_notices
                        (session_id, client_id, subject, attempts, created_at, due_at)
                     SELECT c.session_id, c.client_id, c.subject, 0, $2, $2
                       FROM session_clients c JOIN sessions s ON s.id = c.session_id
                      WHERE s.account_id = $1 AND s.ended_at = $2 AND c.by_server
                     ON CONFLICT (session_id, client_id) DO NOTHING",
    postgres: "INSERT INTO logout_notices
                        (session_id, client_id, subject, attempts, created_at, due_at)
                     SELECT c.session_id, c.client_id, c.subject, 0, $2, $2
                       FROM session_clients c JOIN sessions s ON s.id COLLATE \"default\" = c.session_id
                      WHERE s.account_id = $1 AND s.ended_at = $2 AND c.by_server
                     ON CONFLICT (session_id, client_id) DO NOTHING"
);

/// The same for services that speak CAS.
const TELL_SERVICES_OF_ACCOUNT: Sql = sql!(
    "INSERT INTO cas_logout_notices
                        (ticket, client_id, service, username, attempts, created_at, due_at)
                     SELECT c.ticket, c.client_id, c.service, c.username, 0, $2, $2
                       FROM cas_logins c JOIN sessions s ON s.id = c.session_id
                      WHERE s.account_id = $1 AND s.ended_at = $2 AND c.by_server
                     ON CONFLICT (ticket) DO NOTHING"
);

impl SqlWork {
    /// Leaves the notices for relying parties and services that took part in the sessions of the account that ended now.
    pub(crate) async fn tell_of_account(&mut self, account: &AccountId, now: Timestamp) -> Result<()> {
        self.run(TELL_OF_ACCOUNT, bind![account, now]).await?;
        self.run(TELL_SERVICES_OF_ACCOUNT, bind![account, now]).await?;
        Ok(())
    }
}

#[async_trait]
impl Sessions for SqlWork {
    async fn session_by_secret(&mut self, secret: &SecretHash) -> Result<Option<SignedIn>> {
        self.optional::<SignedInRow>(
            sql!(
                "SELECT s.id, s.account_id, s.secret_hash, s.proofs, s.device_id, s.browser, s.address,
                        s.created_at, s.last_used_at, s.idle_seconds, s.expires_at, s.ended_at, s.ended_why,
                        a.id, a.username, a.state, a.claims, a.webauthn_handle, a.roles, a.group_names, a.language,
                        a.created_at, a.updated_at
                   FROM sessions s JOIN accounts a ON a.id = s.account_id
                  WHERE s.secret_hash = $1"
            ),
            bind![secret],
        )
        .await?
        .map(SignedIn::try_from)
        .transpose()
    }

    async fn session(&mut self, id: &SessionId) -> Result<Option<BrowserSession>> {
        self.optional::<SessionRow>(
            sql!(
                "SELECT id, account_id, secret_hash, proofs, device_id, browser, address, created_at,
                        last_used_at, idle_seconds, expires_at, ended_at, ended_why
                   FROM sessions WHERE id = $1"
            ),
            bind![id],
        )
        .await?
        .map(BrowserSession::try_from)
        .transpose()
    }

    async fn sessions_of_device(
        &mut self,
        device: &DeviceId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<BrowserSession>> {
        self.all::<SessionRow>(
            sql!(
                "SELECT id, account_id, secret_hash, proofs, device_id, browser, address, created_at,
                        last_used_at, idle_seconds, expires_at, ended_at, ended_why
                   FROM sessions
                  WHERE device_id = $1 AND ended_at IS NULL AND expires_at > $2
                    AND last_used_at + idle_seconds * 1000 > $2
                  ORDER BY created_at DESC, id LIMIT $3"
            ),
            bind![device, now, limit.min(PAGE)],
        )
        .await?
        .into_iter()
        .map(BrowserSession::try_from)
        .collect()
    }

    async fn sessions_of_account(
        &mut self,
        account: &AccountId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<BrowserSession>> {
        self.all::<SessionRow>(
            sql!(
                "SELECT id, account_id, secret_hash, proofs, device_id, browser, address, created_at,
                        last_used_at, idle_seconds, expires_at, ended_at, ended_why
                   FROM sessions
                  WHERE account_id = $1 AND ended_at IS NULL AND expires_at > $2
                    AND last_used_at + idle_seconds * 1000 > $2
                  ORDER BY last_used_at DESC, id LIMIT $3"
            ),
            bind![account, now, limit.min(PAGE)],
        )
        .await?
        .into_iter()
        .map(BrowserSession::try_from)
        .collect()
    }

    async fn is_known_browser(&mut self, account: &AccountId, browser: &SecretHash) -> Result<bool> {
        let known = self
            .optional::<CountRow>(
                sql!(
                    "SELECT CAST(1 AS BIGINT) FROM known_browsers WHERE account_id = $1 AND browser_hash = $2"
                ),
                bind![account, browser],
            )
            .await?;
        Ok(known.is_some())
    }
}

#[async_trait]
impl EditSessions for SqlWork {
    async fn add_session(&mut self, session: &BrowserSession, browser: Option<&SecretHash>) -> Result<()> {
        let proofs: Vec<String> =
            session.proofs.iter().map(|proof| proof_text(proof, &session.id)).collect::<Result<_>>()?;
        let added = self
            .run(
                sql!(
                    sqlite: "INSERT INTO sessions
                    (id, account_id, secret_hash, proofs, device_id, browser, address, created_at,
                     last_used_at, idle_seconds, expires_at, ended_at, ended_why)
                 SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13
                   FROM accounts WHERE id = $2 AND state = 'active'",
                    // Whoever disables the account meanwhile waits, and finds the session.
                    postgres: "INSERT INTO sessions
                    (id, account_id, secret_hash, proofs, device_id, browser, address, created_at,
                     last_used_at, idle_seconds, expires_at, ended_at, ended_why)
                 SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13
                   FROM accounts WHERE id = $2 AND state = 'active' FOR SHARE"
                ),
                bind![
                    &session.id,
                    &session.account,
                    &session.secret_hash,
                    proofs.join(","),
                    session.device.as_ref(),
                    &session.browser,
                    &session.address,
                    session.created_at,
                    session.last_used_at,
                    session.idle_seconds,
                    session.expires_at,
                    session.ended.map(|(at, _)| at),
                    session.ended.map(|(_, why)| why.as_str()),
                ],
            )
            .await?;
        if added == 0 {
            return Err(StoreError::Conflict("account_state"));
        }
        if let Some(browser) = browser {
            self.run(
                sql!(
                    "INSERT INTO known_browsers (account_id, browser_hash, last_seen_at) VALUES ($1, $2, $3)
                     ON CONFLICT (account_id, browser_hash) DO UPDATE SET last_seen_at = excluded.last_seen_at"
                ),
                bind![&session.account, browser, session.created_at],
            )
            .await?;
        }
        Ok(())
    }

    async fn end_channel(&mut self, channel: &SecretHash, now: Timestamp) -> Result<bool> {
        let ended = self
            .run(
                sql!(
                    "INSERT INTO channel_ends (channel_hash, ended_at) VALUES ($1, $2)
                     ON CONFLICT (channel_hash) DO NOTHING"
                ),
                bind![channel, now],
            )
            .await?;
        Ok(ended == 1)
    }

    async fn strengthen_session(
        &mut self,
        id: &SessionId,
        proof: &Proof,
        secret: &SecretHash,
        now: Timestamp,
    ) -> Result<bool> {
        let changed = self
            .run(
                sql!(
                    "UPDATE sessions
                        SET proofs = CASE WHEN proofs = '' THEN $2 ELSE proofs || ',' || $2 END,
                            secret_hash = $3, last_used_at = $4
                      WHERE id = $1 AND ended_at IS NULL AND expires_at > $4
                        AND last_used_at + idle_seconds * 1000 > $4"
                ),
                bind![id, proof_text(proof, id)?, secret, now],
            )
            .await?;
        Ok(changed == 1)
    }

    async fn touch_session(&mut self, id: &SessionId, now: Timestamp) -> Result<()> {
        // Only what is alive is touched: a late touch must not wake what was idle too long.
        self.run(
            sql!(
                "UPDATE sessions SET last_used_at = $2
                  WHERE id = $1 AND ended_at IS NULL AND last_used_at < $2 AND expires_at > $2
                    AND last_used_at + idle_seconds * 1000 > $2"
            ),
            bind![id, now],
        )
        .await?;
        Ok(())
    }

    async fn hold_session(&mut self, id: &SessionId) -> Result<bool> {
        self.alone_with(pg_sql!("SELECT id FROM sessions WHERE id = $1 FOR SHARE"), bind![id]).await?;
        Ok(self.session(id).await?.is_some_and(|session| session.ended.is_none()))
    }

    async fn end_session(&mut self, id: &SessionId, why: SessionEnd, now: Timestamp) -> Result<bool> {
        let ended = self
            .run(
                sql!(
                    "UPDATE sessions SET ended_at = $2, ended_why = $3
                      WHERE id = $1 AND ended_at IS NULL AND expires_at > $2
                        AND last_used_at + idle_seconds * 1000 > $2"
                ),
                bind![id, now, why.as_str()],
            )
            .await?;
        // Also when it was over already: its tokens may outlive it.
        self.run(
            sql!("UPDATE grants SET revoked_at = $2 WHERE session_id = $1 AND revoked_at IS NULL"),
            bind![id, now],
        )
        .await?;
        if ended == 1 {
            self.run(
                sql!(
                    "INSERT INTO logout_notices
                        (session_id, client_id, subject, attempts, created_at, due_at)
                     SELECT session_id, client_id, subject, 0, $2, $2
                       FROM session_clients WHERE session_id = $1 AND by_server
                     ON CONFLICT (session_id, client_id) DO NOTHING"
                ),
                bind![id, now],
            )
            .await?;
            self.run(
                sql!(
                    "INSERT INTO cas_logout_notices
                        (ticket, client_id, service, username, attempts, created_at, due_at)
                     SELECT ticket, client_id, service, username, 0, $2, $2
                       FROM cas_logins WHERE session_id = $1 AND by_server
                     ON CONFLICT (ticket) DO NOTHING"
                ),
                bind![id, now],
            )
            .await?;
        }
        Ok(ended == 1)
    }

    async fn end_sessions_of_device(
        &mut self,
        device: &DeviceId,
        why: SessionEnd,
        now: Timestamp,
    ) -> Result<Vec<SessionId>> {
        // Sessions that are being made just now are waited for: their unit noted the use of the phone.
        let held = pg_sql!("SELECT id FROM devices WHERE id = $1 FOR UPDATE");
        self.alone_with(held, bind![device]).await?;
        let ended = self
            .all::<SessionIdRow>(
                sql!(
                    "UPDATE sessions SET ended_at = $2, ended_why = $3
                      WHERE device_id = $1 AND ended_at IS NULL AND expires_at > $2
                        AND last_used_at + idle_seconds * 1000 > $2
                     RETURNING id"
                ),
                bind![device, now, why.as_str()],
            )
            .await?;
        self.run(
            sql!(
                    sqlite: "UPDATE grants SET revoked_at = $2
                  WHERE session_id IN (SELECT id FROM sessions WHERE device_id = $1)
                    AND revoked_at IS NULL",
                    postgres: "UPDATE grants SET revoked_at = $2
                  WHERE session_id IN (SELECT id COLLATE \"default\" FROM sessions WHERE device_id = $1)
                    AND revoked_at IS NULL"
            ),
            bind![device, now],
        )
        .await?;
        if !ended.is_empty() {
            self.run(
                sql!(
                    sqlite: "INSERT INTO logout_notices
                        (session_id, client_id, subject, attempts, created_at, due_at)
                     SELECT c.session_id, c.client_id, c.subject, 0, $2, $2
                       FROM session_clients c JOIN sessions s ON s.id = c.session_id
                      WHERE s.device_id = $1 AND s.ended_at = $2 AND c.by_server
                     ON CONFLICT (session_id, client_id) DO NOTHING",
                    postgres: "INSERT INTO logout_notices
                        (session_id, client_id, subject, attempts, created_at, due_at)
                     SELECT c.session_id, c.client_id, c.subject, 0, $2, $2
                       FROM session_clients c JOIN sessions s ON s.id COLLATE \"default\" = c.session_id
                      WHERE s.device_id = $1 AND s.ended_at = $2 AND c.by_server
                     ON CONFLICT (session_id, client_id) DO NOTHING"
                ),
                bind![device, now],
            )
            .await?;
            self.run(
                sql!(
                    "INSERT INTO cas_logout_notices
                        (ticket, client_id, service, username, attempts, created_at, due_at)
                     SELECT c.ticket, c.client_id, c.service, c.username, 0, $2, $2
                       FROM cas_logins c JOIN sessions s ON s.id = c.session_id
                      WHERE s.device_id = $1 AND s.ended_at = $2 AND c.by_server
                     ON CONFLICT (ticket) DO NOTHING"
                ),
                bind![device, now],
            )
            .await?;
        }
        ended.into_iter().map(SessionId::try_from).collect()
    }

    async fn end_sessions_of_account(
        &mut self,
        account: &AccountId,
        why: SessionEnd,
        now: Timestamp,
    ) -> Result<Vec<SessionId>> {
        // Sessions that are being made just now are waited for: they refer to the account.
        let held = pg_sql!("SELECT id FROM accounts WHERE id = $1 FOR UPDATE");
        self.alone_with(held, bind![account]).await?;
        let ended = self
            .all::<SessionIdRow>(
                sql!(
                    "UPDATE sessions SET ended_at = $2, ended_why = $3
                      WHERE account_id = $1 AND ended_at IS NULL AND expires_at > $2
                        AND last_used_at + idle_seconds * 1000 > $2
                     RETURNING id"
                ),
                bind![account, now, why.as_str()],
            )
            .await?;
        self.run(
            sql!("UPDATE grants SET revoked_at = $2 WHERE account_id = $1 AND revoked_at IS NULL"),
            bind![account, now],
        )
        .await?;
        if !ended.is_empty() {
            self.tell_of_account(account, now).await?;
        }
        ended.into_iter().map(SessionId::try_from).collect()
    }
}
