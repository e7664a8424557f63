//! The audit trail.
//!
//! Entries of a unit are kept in it and written at its end by one statement: on SQLite for the whole batch,
//! travelling with the COMMIT, so that a unit's entries cost no trip of their own.

use async_trait::async_trait;
use domain::{AuditEntry, AuditEvent, Timestamp};
use store::{AuditFilter, AuditTrail, EditAudit, Result, StoreError, StoredAudit};

use crate::accounts::PAGE;
use crate::corrupt;
use crate::values::{Values, bind, clean, parsed, word};
use crate::work::{Cells, Entry, LastSql, SqlWork, last_sql, sql};

/// Writes one entry.
pub(crate) const ONE: LastSql = last_sql!(
    "INSERT INTO audit
        (at, event, outcome, account_id, device_id, client_id, session_id, address, other_address, detail)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
);

/// Writes a JSON list of entries, in its order.
pub(crate) const MANY: LastSql = last_sql!(
    sqlite: "INSERT INTO audit
        (at, event, outcome, account_id, device_id, client_id, session_id, address, other_address, detail)
     SELECT value ->> 'at', value ->> 'event', value ->> 'outcome', value ->> 'account',
            value ->> 'device', value ->> 'client', value ->> 'session', value ->> 'address',
            value ->> 'other_address', value ->> 'detail'
       FROM json_each($1) ORDER BY key",
    postgres: "INSERT INTO audit
        (at, event, outcome, account_id, device_id, client_id, session_id, address, other_address, detail)
     SELECT CAST(value ->> 'at' AS BIGINT), value ->> 'event', value ->> 'outcome', value ->> 'account',
            value ->> 'device', value ->> 'client', value ->> 'session', value ->> 'address',
            value ->> 'other_address', value ->> 'detail'
       FROM json_array_elements(CAST($1 AS JSON)) WITH ORDINALITY AS entries (value, place) ORDER BY place"
);

const fn outcome_word(outcome: domain::Outcome) -> &'static str {
    match outcome {
        domain::Outcome::Done => "done",
        domain::Outcome::Refused => "refused",
    }
}

/// The values of [`ONE`].
pub(crate) fn one(entry: &AuditEntry) -> Values {
    bind![
        entry.at,
        entry.event.as_str(),
        outcome_word(entry.outcome),
        entry.account.as_ref(),
        entry.device.as_ref(),
        entry.client.as_ref(),
        entry.session.as_ref(),
        entry.address.as_ref(),
        entry.other_address.as_ref(),
        entry.detail.as_ref(),
    ]
}

/// The value of [`MANY`].
pub(crate) fn many(entries: &[AuditEntry]) -> Result<Values> {
    let text = serde_json::to_string(entries).map_err(|_| corrupt(AuditRow::TABLE, "detail", "new"))?;
    Ok(bind![text])
}

/// `number, at, event, outcome, account_id, device_id, client_id, session_id, address, other_address,
/// detail`
struct AuditRow {
    number: i64,
    at: i64,
    event: String,
    outcome: String,
    account_id: Option<String>,
    device_id: Option<String>,
    client_id: Option<String>,
    session_id: Option<String>,
    address: Option<String>,
    other_address: Option<String>,
    detail: Option<String>,
}

impl Entry for AuditRow {
    const TABLE: &'static str = "audit";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self {
            number: row.number("number")?,
            at: row.number("at")?,
            event: row.text("event")?,
            outcome: row.text("outcome")?,
            account_id: row.maybe_text("account_id")?,
            device_id: row.maybe_text("device_id")?,
            client_id: row.maybe_text("client_id")?,
            session_id: row.maybe_text("session_id")?,
            address: row.maybe_text("address")?,
            other_address: row.maybe_text("other_address")?,
            detail: row.maybe_text("detail")?,
        })
    }
}

impl TryFrom<AuditRow> for StoredAudit {
    type Error = StoreError;

    fn try_from(row: AuditRow) -> Result<Self> {
        const T: &str = AuditRow::TABLE;
        let id = &row.number.to_string();
        let entry = AuditEntry {
            at: Timestamp::from_millis(row.at),
            event: word(&row.event, T, "event", id)?,
            outcome: word(&row.outcome, T, "outcome", id)?,
            account: row.account_id.map(|account| parsed(&account, T, "account_id", id)).transpose()?,
            device: row.device_id.map(|device| parsed(&device, T, "device_id", id)).transpose()?,
            client: row.client_id.map(|client| parsed(&client, T, "client_id", id)).transpose()?,
            session: row.session_id.map(|session| parsed(&session, T, "session_id", id)).transpose()?,
            address: row.address,
            other_address: row.other_address,
            detail: row.detail,
        };
        Ok(Self { number: row.number, entry })
    }
}

#[async_trait]
impl AuditTrail for SqlWork {
    async fn audit_trail(
        &mut self,
        filter: &AuditFilter,
        after: i64,
        limit: u32,
    ) -> Result<Vec<StoredAudit>> {
        let limit = limit.min(PAGE);
        let event = filter.event.map(AuditEvent::as_str);
        let since = filter.since.unwrap_or(Timestamp::from_millis(i64::MIN));
        let rows = match &filter.account {
            // By its own index.
            Some(account) => {
                self.all::<AuditRow>(
                    sql!(
                        "SELECT number, at, event, outcome, account_id, device_id, client_id, session_id,
                                address, other_address, detail
                           FROM audit
                          WHERE account_id = $1 AND number > $2 AND at >= $3
                            AND (CAST($4 AS TEXT) IS NULL OR event = $4)
                          ORDER BY number LIMIT $5"
                    ),
                    bind![account, after, since, event, limit],
                )
                .await?
            }
            None => {
                self.all::<AuditRow>(
                    sql!(
                        "SELECT number, at, event, outcome, account_id, device_id, client_id, session_id,
                                address, other_address, detail
                           FROM audit
                          WHERE number > $1 AND at >= $2 AND (CAST($3 AS TEXT) IS NULL OR event = $3)
                          ORDER BY number LIMIT $4"
                    ),
                    bind![after, since, event, limit],
                )
                .await?
            }
        };
        rows.into_iter().map(StoredAudit::try_from).collect()
    }
}

#[async_trait]
impl EditAudit for SqlWork {
    async fn audit(&mut self, mut entry: AuditEntry) -> Result<()> {
        for text in [&mut entry.address, &mut entry.other_address, &mut entry.detail] {
            *text = text.take().map(clean);
        }
        self.keep_audit(entry)
    }
}
