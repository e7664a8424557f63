//! Permissions to enrol, and what became of them.

use async_trait::async_trait;
use domain::{Enrolment, EnrolmentOrigin, SecretHash, Timestamp};
use store::{EditEnrolments, Enrolments, Result, StoreError};

use crate::devices::HOLD_ACCOUNT;
use crate::values::{bind, fixed, parsed, word};
use crate::work::{Cells, Entry, SqlWork, sql};

/// `id, account_id, token_hash, origin, session_id, created_at, expires_at`
struct EnrolmentRow {
    id: String,
    account_id: String,
    token_hash: Vec<u8>,
    origin: String,
    session_id: Option<String>,
    created_at: i64,
    expires_at: i64,
}

impl Entry for EnrolmentRow {
    const TABLE: &'static str = "enrolments";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self {
            id: row.text("id")?,
            account_id: row.text("account_id")?,
            token_hash: row.bytes("token_hash")?,
            origin: row.text("origin")?,
            session_id: row.maybe_text("session_id")?,
            created_at: row.number("created_at")?,
            expires_at: row.number("expires_at")?,
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
            token_hash: SecretHash(fixed(&row.token_hash, T, "token_hash", id)?),
            origin: word(&row.origin, T, "origin", id)?,
            session: row.session_id.map(|session| parsed(&session, T, "session_id", id)).transpose()?,
            created_at: Timestamp::from_millis(row.created_at),
            expires_at: Timestamp::from_millis(row.expires_at),
        })
    }
}

const fn origin_word(origin: EnrolmentOrigin) -> &'static str {
    match origin {
        EnrolmentOrigin::Desktop => "desktop",
        EnrolmentOrigin::Admin => "admin",
    }
}

#[async_trait]
impl Enrolments for SqlWork {}

#[async_trait]
impl EditEnrolments for SqlWork {
    async fn add_enrolment(&mut self, enrolment: &Enrolment) -> Result<()> {
        self.alone_with(HOLD_ACCOUNT, bind![&enrolment.account]).await?;
        self.run(sql!("DELETE FROM enrolments WHERE account_id = $1"), bind![&enrolment.account]).await?;
        self.run(
            sql!(
                "INSERT INTO enrolments
                    (id, account_id, token_hash, origin, session_id, created_at, expires_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)"
            ),
            bind![
                &enrolment.id,
                &enrolment.account,
                &enrolment.token_hash,
                origin_word(enrolment.origin),
                enrolment.session.as_ref(),
                enrolment.created_at,
                enrolment.expires_at,
            ],
        )
        .await?;
        Ok(())
    }

    async fn take_enrolment(&mut self, token_hash: &SecretHash, now: Timestamp) -> Result<Option<Enrolment>> {
        self.optional::<EnrolmentRow>(
            sql!(
                "DELETE FROM enrolments WHERE token_hash = $1 AND expires_at > $2
                 RETURNING id, account_id, token_hash, origin, session_id, created_at, expires_at"
            ),
            bind![token_hash, now],
        )
        .await?
        .map(Enrolment::try_from)
        .transpose()
    }
}
