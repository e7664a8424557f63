//! Permissions to enrol, and what became of them.

use async_trait::async_trait;
use domain::{
    Account, AccountId, Cursor, DeviceId, Enrolment, EnrolmentId, EnrolmentKind, SecretHash, Timestamp,
};
use store::{EditEnrolments, EnrolmentFilter, Enrolments, Result, StoreError};

use crate::accounts::{AccountRow, PAGE};
use crate::devices::HOLD_ACCOUNT;
use crate::values::{bind, fixed, like, parsed, word};
use crate::work::{Cells, Entry, SqlWork, sql};

/// `id, account_id, kind, token_hash, code_hash, origin, session_id, job_id, created_at, expires_at, outcome,
/// ended_at, device_id`
struct EnrolmentRow {
    id: String,
    account_id: String,
    kind: String,
    token_hash: Vec<u8>,
    code_hash: Option<Vec<u8>>,
    origin: String,
    session_id: Option<String>,
    job_id: Option<String>,
    created_at: i64,
    expires_at: i64,
    outcome: Option<String>,
    ended_at: Option<i64>,
    device_id: Option<String>,
}

impl Entry for EnrolmentRow {
    const TABLE: &'static str = "enrolments";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self {
            id: row.text("id")?,
            account_id: row.text("account_id")?,
            kind: row.text("kind")?,
            token_hash: row.bytes("token_hash")?,
            code_hash: row.maybe_bytes("code_hash")?,
            origin: row.text("origin")?,
            session_id: row.maybe_text("session_id")?,
            job_id: row.maybe_text("job_id")?,
            created_at: row.number("created_at")?,
            expires_at: row.number("expires_at")?,
            outcome: row.maybe_text("outcome")?,
            ended_at: row.maybe_number("ended_at")?,
            device_id: row.maybe_text("device_id")?,
        })
    }
}

impl TryFrom<EnrolmentRow> for Enrolment {
    type Error = StoreError;

    fn try_from(row: EnrolmentRow) -> Result<Self> {
        const T: &str = EnrolmentRow::TABLE;
        let id = &row.id;
        Ok(Self {
            id: parsed(id, T, "id", id)?,
            account: parsed(&row.account_id, T, "account_id", id)?,
            kind: word(&row.kind, T, "kind", id)?,
            token_hash: SecretHash(fixed(&row.token_hash, T, "token_hash", id)?),
            code_hash: row
                .code_hash
                .map(|hash| fixed(&hash, T, "code_hash", id).map(SecretHash))
                .transpose()?,
            origin: word(&row.origin, T, "origin", id)?,
            session: row.session_id.map(|session| parsed(&session, T, "session_id", id)).transpose()?,
            job: row.job_id.map(|job| parsed(&job, T, "job_id", id)).transpose()?,
            created_at: Timestamp::from_millis(row.created_at),
            expires_at: Timestamp::from_millis(row.expires_at),
            outcome: row.outcome.map(|outcome| word(&outcome, T, "outcome", id)).transpose()?,
            ended_at: row.ended_at.map(Timestamp::from_millis),
            device: row.device_id.map(|device| parsed(&device, T, "device_id", id)).transpose()?,
        })
    }
}

/// An enrolment and its account.
struct OwnedRow(EnrolmentRow, AccountRow);

impl Entry for OwnedRow {
    const TABLE: &'static str = "enrolments";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self(EnrolmentRow::read(row)?, AccountRow::read(row)?))
    }
}

impl TryFrom<OwnedRow> for (Enrolment, Account) {
    type Error = StoreError;

    fn try_from(row: OwnedRow) -> Result<Self> {
        Ok((row.0.try_into()?, row.1.try_into()?))
    }
}

#[async_trait]
impl Enrolments for SqlWork {
    async fn enrolment(&mut self, id: &EnrolmentId) -> Result<Option<(Enrolment, Account)>> {
        self.optional::<OwnedRow>(
            sql!(
                "SELECT e.id, e.account_id, e.kind, e.token_hash, e.code_hash, e.origin, e.session_id, e.job_id, e.created_at,
                        e.expires_at, e.outcome, e.ended_at, e.device_id,
                        a.id, a.username, a.state, a.claims, a.webauthn_handle, a.roles, a.group_names, a.language,
                        a.created_at, a.updated_at
                   FROM enrolments e
                   JOIN accounts a ON a.id = e.account_id
                  WHERE e.id = $1"
            ),
            bind![id],
        )
        .await?
        .map(TryFrom::try_from)
        .transpose()
    }

    async fn enrolments(
        &mut self,
        filter: EnrolmentFilter<'_>,
        after: Option<&Cursor>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<(Enrolment, Account)>> {
        let search = filter.search.map(like);
        // Whose they are, where these are few.
        let of = match (filter.account, &search) {
            (Some(account), _) => Some(serde_json::json!([account.to_string()]).to_string()),
            (None, Some(pattern)) => self.accounts_like(pattern).await?,
            (None, None) => None,
        };
        let statement = if of.is_some() {
            sql!(
                sqlite: "SELECT e.id, e.account_id, e.kind, e.token_hash, e.code_hash, e.origin, e.session_id, e.job_id, e.created_at,
                        e.expires_at, e.outcome, e.ended_at, e.device_id,
                        a.id, a.username, a.state, a.claims, a.webauthn_handle, a.roles, a.group_names, a.language,
                        a.created_at, a.updated_at
                   FROM enrolments e
                   JOIN accounts a ON a.id = e.account_id
                  WHERE (e.created_at < $1 OR (e.created_at = $1 AND e.id < $2))
                    AND (CAST($3 AS TEXT) IS NULL OR a.username_key LIKE $3 ESCAPE '!')
                    AND (CAST($4 AS TEXT) IS NULL
                         OR $4 = CASE WHEN e.outcome IS NOT NULL THEN e.outcome
                                      WHEN e.expires_at > $5 THEN 'open' ELSE 'expired' END)
                    AND (CAST($6 AS TEXT) IS NULL OR e.kind = $6)
                    AND e.account_id IN (SELECT value FROM json_each($7))
                    AND (CAST($8 AS TEXT) IS NULL OR e.job_id = $8)
                  ORDER BY e.created_at DESC, e.id DESC LIMIT $9",
                postgres: "SELECT e.id, e.account_id, e.kind, e.token_hash, e.code_hash, e.origin, e.session_id, e.job_id, e.created_at,
                        e.expires_at, e.outcome, e.ended_at, e.device_id,
                        a.id, a.username, a.state, a.claims, a.webauthn_handle, a.roles, a.group_names, a.language,
                        a.created_at, a.updated_at
                   FROM enrolments e
                   JOIN accounts a ON a.id = e.account_id
                  WHERE (e.created_at < $1 OR (e.created_at = $1 AND e.id < $2))
                    AND (CAST($3 AS TEXT) IS NULL OR a.username_key LIKE $3 ESCAPE '!')
                    AND (CAST($4 AS TEXT) IS NULL
                         OR $4 = CASE WHEN e.outcome IS NOT NULL THEN e.outcome
                                      WHEN e.expires_at > $5 THEN 'open' ELSE 'expired' END)
                    AND (CAST($6 AS TEXT) IS NULL OR e.kind = $6)
                    AND e.account_id IN (SELECT json_array_elements_text(CAST($7 AS JSON)))
                    AND (CAST($8 AS TEXT) IS NULL OR e.job_id = $8)
                  ORDER BY e.created_at DESC, e.id DESC LIMIT $9"
            )
        } else {
            sql!(
                "SELECT e.id, e.account_id, e.kind, e.token_hash, e.code_hash, e.origin, e.session_id, e.job_id, e.created_at,
                        e.expires_at, e.outcome, e.ended_at, e.device_id,
                        a.id, a.username, a.state, a.claims, a.webauthn_handle, a.roles, a.group_names, a.language,
                        a.created_at, a.updated_at
                   FROM enrolments e
                   JOIN accounts a ON a.id = e.account_id
                  WHERE (e.created_at < $1 OR (e.created_at = $1 AND e.id < $2))
                    AND (CAST($3 AS TEXT) IS NULL OR a.username_key LIKE $3 ESCAPE '!')
                    AND (CAST($4 AS TEXT) IS NULL
                         OR $4 = CASE WHEN e.outcome IS NOT NULL THEN e.outcome
                                      WHEN e.expires_at > $5 THEN 'open' ELSE 'expired' END)
                    AND (CAST($6 AS TEXT) IS NULL OR e.kind = $6)
                    AND CAST($7 AS TEXT) IS NULL
                    AND (CAST($8 AS TEXT) IS NULL OR e.job_id = $8)
                  ORDER BY e.created_at DESC, e.id DESC LIMIT $9"
            )
        };
        self.all::<OwnedRow>(
            statement,
            bind![
                after.map_or(i64::MAX, |cursor| cursor.number().unwrap_or(i64::MAX)),
                after.map_or("", |cursor| &cursor.id),
                search,
                filter.state.map(domain::EnrolmentState::as_str),
                now,
                filter.kind.map(EnrolmentKind::as_str),
                of,
                filter.job,
                limit.min(PAGE),
            ],
        )
        .await?
        .into_iter()
        .map(TryFrom::try_from)
        .collect()
    }
}

#[async_trait]
impl EditEnrolments for SqlWork {
    async fn add_enrolment(&mut self, enrolment: &Enrolment) -> Result<()> {
        self.alone_with(HOLD_ACCOUNT, bind![&enrolment.account]).await?;
        self.run(
            sql!(
                "UPDATE enrolments SET outcome = 'replaced', ended_at = $2
                  WHERE account_id = $1 AND outcome IS NULL AND (kind = 'letter') = $3"
            ),
            bind![&enrolment.account, enrolment.created_at, enrolment.kind.is_letter()],
        )
        .await?;
        self.run(
            sql!(
                "INSERT INTO enrolments
                    (id, account_id, kind, token_hash, code_hash, origin, session_id, job_id, created_at,
                     expires_at, outcome, ended_at, device_id)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
            ),
            bind![
                &enrolment.id,
                &enrolment.account,
                enrolment.kind.as_str(),
                &enrolment.token_hash,
                enrolment.code_hash.as_ref(),
                enrolment.origin.as_str(),
                enrolment.session.as_ref(),
                enrolment.job.as_ref(),
                enrolment.created_at,
                enrolment.expires_at,
                enrolment.outcome.map(domain::EnrolmentOutcome::as_str),
                enrolment.ended_at,
                enrolment.device.as_ref(),
            ],
        )
        .await?;
        Ok(())
    }

    async fn take_enrolment(&mut self, token_hash: &SecretHash, now: Timestamp) -> Result<Option<Enrolment>> {
        self.optional::<EnrolmentRow>(
            sql!(
                "UPDATE enrolments SET outcome = 'begun', ended_at = $2
                  WHERE token_hash = $1 AND outcome IS NULL AND expires_at > $2
                 RETURNING id, account_id, kind, token_hash, code_hash, origin, session_id, job_id, created_at, expires_at,
                           outcome, ended_at, device_id"
            ),
            bind![token_hash, now],
        )
        .await?
        .map(Enrolment::try_from)
        .transpose()
    }

    async fn take_enrolment_by_code(
        &mut self,
        account: &AccountId,
        code_hash: &SecretHash,
        now: Timestamp,
    ) -> Result<Option<Enrolment>> {
        self.optional::<EnrolmentRow>(
            sql!(
                "UPDATE enrolments SET outcome = 'begun', ended_at = $3
                  WHERE account_id = $1 AND code_hash = $2 AND outcome IS NULL AND expires_at > $3
                 RETURNING id, account_id, kind, token_hash, code_hash, origin, session_id, job_id, created_at, expires_at,
                           outcome, ended_at, device_id"
            ),
            bind![account, code_hash, now],
        )
        .await?
        .map(Enrolment::try_from)
        .transpose()
    }

    async fn complete_enrolment(
        &mut self,
        id: &EnrolmentId,
        device: &DeviceId,
        now: Timestamp,
    ) -> Result<()> {
        self.run(
            sql!(
                "UPDATE enrolments SET outcome = 'completed', ended_at = $3, device_id = $2
                  WHERE id = $1 AND outcome = 'begun'"
            ),
            bind![id, device, now],
        )
        .await?;
        Ok(())
    }

    async fn cancel_enrolment(&mut self, id: &EnrolmentId, now: Timestamp) -> Result<bool> {
        let cancelled = self
            .run(
                sql!(
                    "UPDATE enrolments SET outcome = 'cancelled', ended_at = $2
                      WHERE id = $1 AND outcome IS NULL AND expires_at > $2"
                ),
                bind![id, now],
            )
            .await?;
        Ok(cancelled == 1)
    }

    async fn cancel_enrolments_of(&mut self, account: &AccountId, now: Timestamp) -> Result<u64> {
        self.alone_with(HOLD_ACCOUNT, bind![account]).await?;
        self.run(
            sql!(
                "UPDATE enrolments SET outcome = 'cancelled', ended_at = $2
                  WHERE account_id = $1 AND outcome IS NULL AND expires_at > $2"
            ),
            bind![account, now],
        )
        .await
    }
}
