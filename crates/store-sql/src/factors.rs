//! Second factors, recovery codes, recoveries.

use async_trait::async_trait;
use domain::{
    AccountId, Actor, CredentialId, Cursor, Held, ListedRecovery, Recovery, RecoveryId, SecretHash,
    SessionEnd, SessionId, Timestamp, Totp,
};
use store::{EditFactors, Factors, RecoveryFilter, Result, StoreError};

use crate::accounts::{CountRow, PAGE};
use crate::corrupt;
use crate::devices::HOLD_ACCOUNT;
use crate::sessions::SessionIdRow;
use crate::values::{bind, fixed, parsed, small, word};
use crate::work::{Cells, Entry, SqlWork, pg_sql, sql};

/// `changed_at, wrong_in_a_row, confirmed_at`, then the counts of codes, passkeys, phones, then since when there are any.
struct HeldRow {
    password_since: Option<i64>,
    wrong_in_a_row: i64,
    totp_since: Option<i64>,
    recovery_codes: i64,
    passkeys: i64,
    phones: i64,
    codes_since: Option<i64>,
    passkeys_since: Option<i64>,
    phones_since: Option<i64>,
}

impl Entry for HeldRow {
    const TABLE: &'static str = "accounts";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self {
            password_since: row.maybe_number("changed_at")?,
            wrong_in_a_row: row.number("wrong_in_a_row")?,
            totp_since: row.maybe_number("confirmed_at")?,
            recovery_codes: row.number("recovery_codes")?,
            passkeys: row.number("passkeys")?,
            phones: row.number("phones")?,
            codes_since: row.maybe_number("codes_since")?,
            passkeys_since: row.maybe_number("passkeys_since")?,
            phones_since: row.maybe_number("phones_since")?,
        })
    }
}

impl HeldRow {
    fn held(&self, account: &AccountId) -> Result<Held> {
        let id = account.to_string();
        let count = |value, column| small(value, Self::TABLE, column, &id);
        let others = [self.totp_since, self.codes_since, self.passkeys_since, self.phones_since];
        Ok(Held {
            password_since: self.password_since.map(Timestamp::from_millis),
            wrong_in_a_row: count(self.wrong_in_a_row, "wrong_in_a_row")?,
            totp_since: self.totp_since.map(Timestamp::from_millis),
            recovery_codes: count(self.recovery_codes, "recovery_codes")?,
            passkeys: count(self.passkeys, "passkeys")?,
            phones: count(self.phones, "phones")?,
            other_since: others.into_iter().flatten().min().map(Timestamp::from_millis),
        })
    }
}

struct TotpRow {
    account_id: String,
    sealed: Vec<u8>,
    last_step: i64,
    confirmed_at: i64,
}

impl Entry for TotpRow {
    const TABLE: &'static str = "totps";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self {
            account_id: row.text("account_id")?,
            sealed: row.bytes("sealed")?,
            last_step: row.number("last_step")?,
            confirmed_at: row.number("confirmed_at")?,
        })
    }
}

impl TryFrom<TotpRow> for Totp {
    type Error = StoreError;

    fn try_from(row: TotpRow) -> Result<Self> {
        Ok(Self {
            account: parsed(&row.account_id, TotpRow::TABLE, "account_id", &row.account_id)?,
            sealed: row.sealed,
            last_step: row.last_step,
            confirmed_at: Timestamp::from_millis(row.confirmed_at),
        })
    }
}

/// The columns in their order.
struct RecoveryRow {
    id: String,
    account_id: String,
    state: String,
    reason: String,
    opened_by: String,
    opened_at: i64,
    ready_at: i64,
    expires_at: i64,
    completed_by: Option<String>,
    completed_at: Option<i64>,
    token_hash: Option<Vec<u8>>,
    ended_at: Option<i64>,
    cancelled_by: Option<String>,
}

impl Entry for RecoveryRow {
    const TABLE: &'static str = "recoveries";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self {
            id: row.text("id")?,
            account_id: row.text("account_id")?,
            state: row.text("state")?,
            reason: row.text("reason")?,
            opened_by: row.text("opened_by")?,
            opened_at: row.number("opened_at")?,
            ready_at: row.number("ready_at")?,
            expires_at: row.number("expires_at")?,
            completed_by: row.maybe_text("completed_by")?,
            completed_at: row.maybe_number("completed_at")?,
            token_hash: row.maybe_bytes("token_hash")?,
            ended_at: row.maybe_number("ended_at")?,
            cancelled_by: row.maybe_text("cancelled_by")?,
        })
    }
}

impl TryFrom<RecoveryRow> for Recovery {
    type Error = StoreError;

    fn try_from(row: RecoveryRow) -> Result<Self> {
        const T: &str = RecoveryRow::TABLE;
        let id = &row.id;
        let actor = |text: &str, column| text.parse::<Actor>().map_err(|_| corrupt(T, column, id));
        let completed = match (row.completed_by, row.completed_at) {
            (None, None) => None,
            (Some(by), Some(at)) => Some((actor(&by, "completed_by")?, Timestamp::from_millis(at))),
            _ => return Err(corrupt(T, "completed_at", id)),
        };
        let token_hash = row.token_hash.map(|hash| fixed(&hash, T, "token_hash", id)).transpose()?;
        Ok(Self {
            id: parsed(id, T, "id", id)?,
            account: parsed(&row.account_id, T, "account_id", id)?,
            state: word(&row.state, T, "state", id)?,
            reason: row.reason,
            opened_by: actor(&row.opened_by, "opened_by")?,
            opened_at: Timestamp::from_millis(row.opened_at),
            ready_at: Timestamp::from_millis(row.ready_at),
            expires_at: Timestamp::from_millis(row.expires_at),
            completed,
            token_hash: token_hash.map(SecretHash),
            ended_at: row.ended_at.map(Timestamp::from_millis),
            cancelled_by: row.cancelled_by.map(|by| actor(&by, "cancelled_by")).transpose()?,
        })
    }
}

/// A recovery, then `username`.
struct ListedRow(RecoveryRow, String);

impl Entry for ListedRow {
    const TABLE: &'static str = "recoveries";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self(RecoveryRow::read(row)?, row.text("username")?))
    }
}

#[async_trait]
impl Factors for SqlWork {
    async fn factors_held(&mut self, account: &AccountId) -> Result<Option<Held>> {
        let row = self
            .optional::<HeldRow>(
                sql!(
                    sqlite: "SELECT p.changed_at, COALESCE(p.wrong_in_a_row, 0), t.confirmed_at,
                            (SELECT COUNT(*) FROM recovery_codes c
                              WHERE c.account_id = a.id AND c.used_at IS NULL),
                            (SELECT COUNT(*) FROM passkeys k
                              WHERE k.account_id = a.id
                                AND (k.device_id IS NULL
                                     OR EXISTS (SELECT 1 FROM devices d
                                                 WHERE d.account_id = a.id AND d.passkey_id = k.id
                                                   AND d.state = 'active'))),
                            (SELECT COUNT(*) FROM devices d
                              WHERE d.account_id = a.id AND d.kind <> 'cas' AND d.state = 'active'),
                            (SELECT MIN(c.created_at) FROM recovery_codes c
                              WHERE c.account_id = a.id AND c.used_at IS NULL),
                            (SELECT MIN(k.created_at) FROM passkeys k WHERE k.account_id = a.id),
                            (SELECT MIN(d.created_at) FROM devices d
                              WHERE d.account_id = a.id AND d.kind <> 'cas' AND d.state <> 'pending')
                       FROM accounts a LEFT JOIN passwords p ON p.account_id = a.id
                       LEFT JOIN totps t ON t.account_id = a.id
                      WHERE a.id = $1",
                    postgres: "SELECT p.changed_at, COALESCE(p.wrong_in_a_row, 0), t.confirmed_at,
                            (SELECT COUNT(*) FROM recovery_codes c
                              WHERE c.account_id = a.id COLLATE \"default\" AND c.used_at IS NULL),
                            (SELECT COUNT(*) FROM passkeys k
                              WHERE k.account_id = a.id COLLATE \"default\"
                                AND (k.device_id IS NULL
                                     OR EXISTS (SELECT 1 FROM devices d
                                                 WHERE d.account_id = a.id COLLATE \"default\" AND d.passkey_id = k.id
                                                   AND d.state = 'active'))),
                            (SELECT COUNT(*) FROM devices d
                              WHERE d.account_id = a.id COLLATE \"default\" AND d.kind <> 'cas' AND d.state = 'active'),
                            (SELECT MIN(c.created_at) FROM recovery_codes c
                              WHERE c.account_id = a.id COLLATE \"default\" AND c.used_at IS NULL),
                            (SELECT MIN(k.created_at) FROM passkeys k WHERE k.account_id = a.id COLLATE \"default\"),
                            (SELECT MIN(d.created_at) FROM devices d
                              WHERE d.account_id = a.id COLLATE \"default\" AND d.kind <> 'cas' AND d.state <> 'pending')
                       FROM accounts a LEFT JOIN passwords p ON p.account_id = a.id COLLATE \"default\"
                       LEFT JOIN totps t ON t.account_id = a.id COLLATE \"default\"
                      WHERE a.id = $1"
                ),
                bind![account],
            )
            .await?;
        row.map(|row| row.held(account)).transpose()
    }

    async fn totp(&mut self, account: &AccountId) -> Result<Option<Totp>> {
        self.optional::<TotpRow>(
            sql!("SELECT account_id, sealed, last_step, confirmed_at FROM totps WHERE account_id = $1"),
            bind![account],
        )
        .await?
        .map(Totp::try_from)
        .transpose()
    }

    async fn wrong_in_browser(&mut self, account: &AccountId, browser: &SecretHash) -> Result<Option<u32>> {
        self.optional::<CountRow>(
            sql!("SELECT wrong_in_a_row FROM known_browsers WHERE account_id = $1 AND browser_hash = $2"),
            bind![account, browser],
        )
        .await?
        .map(|CountRow(count)| small(count, "known_browsers", "wrong_in_a_row", &account.to_string()))
        .transpose()
    }

    async fn recovery(&mut self, id: &RecoveryId) -> Result<Option<Recovery>> {
        self.optional::<RecoveryRow>(
            sql!(
                "SELECT id, account_id, state, reason, opened_by, opened_at, ready_at, expires_at, completed_by,
                        completed_at, token_hash, ended_at, cancelled_by
                   FROM recoveries WHERE id = $1"
            ),
            bind![id],
        )
        .await?
        .map(Recovery::try_from)
        .transpose()
    }

    async fn recovery_by_token(&mut self, token: &SecretHash) -> Result<Option<Recovery>> {
        self.optional::<RecoveryRow>(
            sql!(
                "SELECT id, account_id, state, reason, opened_by, opened_at, ready_at, expires_at, completed_by,
                        completed_at, token_hash, ended_at, cancelled_by
                   FROM recoveries WHERE token_hash = $1 AND state = 'completed'"
            ),
            bind![token],
        )
        .await?
        .map(Recovery::try_from)
        .transpose()
    }

    async fn recoveries(
        &mut self,
        filter: &RecoveryFilter,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Vec<ListedRecovery>> {
        let (at, id) = match after {
            None => (i64::MAX, ""),
            Some(cursor) => match cursor.number() {
                Ok(at) => (at, cursor.id.as_str()),
                Err(_) => return Ok(Vec::new()),
            },
        };
        let found = self
            .all::<ListedRow>(
            sql!(
                "SELECT r.id, r.account_id, r.state, r.reason, r.opened_by, r.opened_at, r.ready_at, r.expires_at,
                        r.completed_by, r.completed_at, r.token_hash, r.ended_at, r.cancelled_by, a.username
                   FROM recoveries r JOIN accounts a ON a.id = r.account_id
                  WHERE (CAST($1 AS TEXT) IS NULL OR r.account_id = $1)
                    AND (CAST($2 AS BIGINT) IS NULL
                         OR (r.state IN ('waiting', 'completed') AND r.expires_at > $2))
                    AND (r.opened_at, r.id) < ($3, $4)
                  ORDER BY r.opened_at DESC, r.id DESC LIMIT $5"
            ),
            bind![filter.account.as_ref(), filter.open_at, at, id, limit.min(PAGE)],
        )
        .await?;
        let listed = |ListedRow(row, username)| Ok(ListedRecovery { recovery: row.try_into()?, username });
        found.into_iter().map(listed).collect()
    }
}

#[async_trait]
impl EditFactors for SqlWork {
    async fn hold_account(&mut self, account: &AccountId) -> Result<()> {
        self.alone_with(HOLD_ACCOUNT, bind![account]).await
    }

    async fn add_totp(&mut self, totp: &Totp) -> Result<bool> {
        let added = self
            .run(
                sql!(
                    "INSERT INTO totps (account_id, sealed, last_step, confirmed_at) VALUES ($1, $2, $3, $4)
                     ON CONFLICT (account_id) DO NOTHING"
                ),
                bind![&totp.account, &totp.sealed, totp.last_step, totp.confirmed_at],
            )
            .await?;
        Ok(added == 1)
    }

    async fn take_totp_step(&mut self, account: &AccountId, step: i64) -> Result<bool> {
        let taken = self
            .run(
                sql!("UPDATE totps SET last_step = $2 WHERE account_id = $1 AND last_step < $2"),
                bind![account, step],
            )
            .await?;
        Ok(taken == 1)
    }

    async fn remove_totp(&mut self, account: &AccountId) -> Result<bool> {
        let removed = self.run(sql!("DELETE FROM totps WHERE account_id = $1"), bind![account]).await?;
        Ok(removed == 1)
    }

    async fn replace_recovery_codes(
        &mut self,
        account: &AccountId,
        codes: &[SecretHash],
        now: Timestamp,
    ) -> Result<()> {
        // Who makes others meanwhile waits: in the end there is one set.
        self.alone_with(HOLD_ACCOUNT, bind![account]).await?;
        self.run(sql!("DELETE FROM recovery_codes WHERE account_id = $1"), bind![account]).await?;
        for code in codes {
            self.run(
                sql!("INSERT INTO recovery_codes (account_id, code_hash, created_at) VALUES ($1, $2, $3)"),
                bind![account, code, now],
            )
            .await?;
        }
        Ok(())
    }

    async fn take_recovery_code(
        &mut self,
        account: &AccountId,
        code: &SecretHash,
        now: Timestamp,
    ) -> Result<bool> {
        let taken = self
            .run(
                sql!(
                    "UPDATE recovery_codes SET used_at = $3
                      WHERE account_id = $1 AND code_hash = $2 AND used_at IS NULL"
                ),
                bind![account, code, now],
            )
            .await?;
        Ok(taken == 1)
    }

    async fn count_wrong_in_browser(&mut self, account: &AccountId, browser: &SecretHash) -> Result<u32> {
        let count = self
            .optional::<CountRow>(
                sql!(
                    "UPDATE known_browsers SET wrong_in_a_row = wrong_in_a_row + 1
                      WHERE account_id = $1 AND browser_hash = $2 RETURNING wrong_in_a_row"
                ),
                bind![account, browser],
            )
            .await?;
        let CountRow(count) = count.unwrap_or(CountRow(0));
        small(count, "known_browsers", "wrong_in_a_row", &account.to_string())
    }

    async fn forget_wrong_in_browser(&mut self, account: &AccountId, browser: &SecretHash) -> Result<()> {
        self.run(
            sql!(
                "UPDATE known_browsers SET wrong_in_a_row = 0
                  WHERE account_id = $1 AND browser_hash = $2 AND wrong_in_a_row <> 0"
            ),
            bind![account, browser],
        )
        .await?;
        Ok(())
    }

    async fn rename_passkey(&mut self, account: &AccountId, id: &CredentialId, name: &str) -> Result<bool> {
        let renamed = self
            .run(
                sql!("UPDATE passkeys SET name = $3 WHERE account_id = $1 AND id = $2"),
                bind![account, id, name],
            )
            .await?;
        Ok(renamed == 1)
    }

    async fn remove_passkey(&mut self, account: &AccountId, id: &CredentialId) -> Result<bool> {
        let removed = self
            .run(
                sql!(
                    "DELETE FROM passkeys
                      WHERE account_id = $1 AND id = $2
                        AND NOT EXISTS (SELECT 1 FROM devices d
                                         WHERE d.account_id = $1 AND d.passkey_id = $2 AND d.state <> 'revoked')"
                ),
                bind![account, id],
            )
            .await?;
        Ok(removed == 1)
    }

    async fn end_other_sessions(
        &mut self,
        account: &AccountId,
        keep: &SessionId,
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
                      WHERE account_id = $1 AND id <> $4 AND ended_at IS NULL AND expires_at > $2
                        AND last_used_at + idle_seconds * 1000 > $2
                     RETURNING id"
                ),
                bind![account, now, why.as_str(), keep],
            )
            .await?;
        self.run(
            sql!(
                "UPDATE grants SET revoked_at = $2
                  WHERE account_id = $1 AND session_id IS DISTINCT FROM $3 AND revoked_at IS NULL"
            ),
            bind![account, now, keep],
        )
        .await?;
        if !ended.is_empty() {
            self.tell_of_account(account, now).await?;
        }
        ended.into_iter().map(SessionId::try_from).collect()
    }

    async fn add_recovery(&mut self, recovery: &Recovery) -> Result<()> {
        self.run(
            sql!(
                "UPDATE recoveries SET state = 'cancelled', ended_at = expires_at
                  WHERE account_id = $1 AND state IN ('waiting', 'completed') AND expires_at <= $2"
            ),
            bind![&recovery.account, recovery.opened_at],
        )
        .await?;
        let added = self
            .run(
                sql!(
                    "INSERT INTO recoveries
                        (id, account_id, state, reason, opened_by, opened_at, ready_at, expires_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                     ON CONFLICT (account_id) WHERE state IN ('waiting', 'completed') DO NOTHING"
                ),
                bind![
                    &recovery.id,
                    &recovery.account,
                    recovery.state.as_str(),
                    &recovery.reason,
                    recovery.opened_by.to_string(),
                    recovery.opened_at,
                    recovery.ready_at,
                    recovery.expires_at,
                ],
            )
            .await?;
        if added == 1 { Ok(()) } else { Err(StoreError::Conflict("recovery_open")) }
    }

    async fn cancel_recovery(&mut self, id: &RecoveryId, by: &Actor, now: Timestamp) -> Result<bool> {
        let cancelled = self
            .run(
                sql!(
                    "UPDATE recoveries SET state = 'cancelled', cancelled_by = $2, ended_at = $3
                      WHERE id = $1 AND state IN ('waiting', 'completed') AND expires_at > $3"
                ),
                bind![id, by.to_string(), now],
            )
            .await?;
        Ok(cancelled == 1)
    }

    async fn complete_recovery(
        &mut self,
        id: &RecoveryId,
        by: &Actor,
        link: (&SecretHash, Timestamp),
        now: Timestamp,
    ) -> Result<bool> {
        let completed = self
            .run(
                sql!(
                    "UPDATE recoveries
                        SET state = 'completed', completed_by = $2, completed_at = $3, token_hash = $4,
                            expires_at = $5
                      WHERE id = $1 AND state = 'waiting' AND ready_at <= $3 AND expires_at > $3"
                ),
                bind![id, by.to_string(), now, link.0, link.1],
            )
            .await?;
        Ok(completed == 1)
    }

    async fn take_recovery(&mut self, id: &RecoveryId, token: &SecretHash, now: Timestamp) -> Result<bool> {
        let taken = self
            .run(
                sql!(
                    "UPDATE recoveries SET state = 'used', ended_at = $3
                      WHERE id = $1 AND token_hash = $2 AND state = 'completed' AND expires_at > $3"
                ),
                bind![id, token, now],
            )
            .await?;
        Ok(taken == 1)
    }
}
