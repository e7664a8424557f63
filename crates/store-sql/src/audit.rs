//! The audit trail.
//!
//! Entries of a unit are kept in it and written at its end by one statement: on SQLite for the whole batch,
//! travelling with the COMMIT, so that a unit's entries cost no trip of their own.

use async_trait::async_trait;
use domain::audit::chain::{AuditBlock, KeptEntry};
use domain::{AccountId, AuditEntry, AuditFilter, AuditOrder, AuditPage, StoredAudit, Timestamp};
use store::{AuditTrail, EditAudit, Result, StoreError};

use crate::accounts::PAGE;
use crate::corrupt;
use crate::values::{Values, bind, clean, fixed, parsed, small, word};
use crate::work::{Cells, Entry, LastSql, SqlWork, last_sql, sql};

mod search;

/// Entries read at once to be sealed or verified.
const MOST_KEPT: u32 = 5_000;
/// Blocks read at once.
const MOST_BLOCKS: u32 = 100;

/// Writes one entry.
pub(crate) const ONE: LastSql = last_sql!(
    "INSERT INTO audit
        (at, event, outcome, account_id, device_id, client_id, session_id, address, other_address, detail,
         actor)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
);

/// Writes a JSON list of entries, in its order.
pub(crate) const MANY: LastSql = last_sql!(
    sqlite: "INSERT INTO audit
        (at, event, outcome, account_id, device_id, client_id, session_id, address, other_address, detail,
         actor)
     SELECT value ->> 'at', value ->> 'event', value ->> 'outcome', value ->> 'account',
            value ->> 'device', value ->> 'client', value ->> 'session', value ->> 'address',
            value ->> 'other_address', value ->> 'detail', value ->> 'actor'
       FROM json_each($1) ORDER BY key",
    postgres: "INSERT INTO audit
        (at, event, outcome, account_id, device_id, client_id, session_id, address, other_address, detail,
         actor)
     SELECT CAST(value ->> 'at' AS BIGINT), value ->> 'event', value ->> 'outcome', value ->> 'account',
            value ->> 'device', value ->> 'client', value ->> 'session', value ->> 'address',
            value ->> 'other_address', value ->> 'detail', value ->> 'actor'
       FROM json_array_elements(CAST($1 AS JSON)) WITH ORDINALITY AS entries (value, place) ORDER BY place"
);

/// The values of [`ONE`].
pub(crate) fn one(entry: &AuditEntry) -> Values {
    bind![
        entry.at,
        entry.event.as_str(),
        entry.outcome.as_str(),
        entry.account.as_ref(),
        entry.device.as_ref(),
        entry.client.as_ref(),
        entry.session.as_ref(),
        entry.address.as_ref(),
        entry.other_address.as_ref(),
        entry.detail.as_ref(),
        entry.actor.as_ref().map(ToString::to_string),
    ]
}

/// The value of [`MANY`].
pub(crate) fn many(entries: &[AuditEntry]) -> Result<Values> {
    let text = serde_json::to_string(entries).map_err(|_| corrupt(AuditRow::TABLE, "detail", "new"))?;
    Ok(bind![text])
}

/// `number, at, event, outcome, account_id, device_id, client_id, session_id, address, other_address, detail,
/// actor`
pub(crate) struct AuditRow {
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
    actor: Option<String>,
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
            actor: row.maybe_text("actor")?,
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
            actor: row.actor.map(|actor| parsed(&actor, T, "actor", id)).transpose()?,
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

impl From<AuditRow> for KeptEntry {
    fn from(row: AuditRow) -> Self {
        let words = [
            Some(row.event),
            Some(row.outcome),
            row.actor,
            row.account_id,
            row.device_id,
            row.client_id,
            row.session_id,
            row.address,
            row.other_address,
            row.detail,
        ];
        Self { number: row.number, at: row.at, words }
    }
}

/// One column of text.
struct Name(String);

impl Entry for Name {
    const TABLE: &'static str = "pg_locks";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        row.text("virtualtransaction").map(Self)
    }
}

struct Username(AccountId, String);

impl Entry for Username {
    const TABLE: &'static str = "accounts";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        let id = row.text("id")?;
        Ok(Self(parsed(&id, Self::TABLE, "id", &id)?, row.text("username")?))
    }
}

struct BlockRow(AuditBlock);

impl Entry for BlockRow {
    const TABLE: &'static str = "audit_blocks";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        const T: &str = BlockRow::TABLE;
        let block = row.number("block")?;
        let id = &block.to_string();
        Ok(Self(AuditBlock {
            block,
            first: row.number("first_number")?,
            last: row.number("last_number")?,
            entries: small(row.number("entries")?, T, "entries", id)?,
            sealed_at: Timestamp::from_millis(row.number("sealed_at")?),
            head: fixed(&row.bytes("head")?, T, "head", id)?,
            kid: row.text("kid")?,
            public_key: row.text("public_key")?,
            signature: row.text("signature")?,
            marks: row.bytes("marks")?,
        }))
    }
}

#[async_trait]
impl AuditTrail for SqlWork {
    async fn audit_page(
        &mut self,
        filter: &AuditFilter,
        order: AuditOrder,
        after: Option<i64>,
        limit: u32,
    ) -> Result<AuditPage> {
        self.search_audit(filter, order, after, limit.clamp(1, PAGE)).await
    }

    async fn kept_audit(&mut self, after: i64, limit: u32) -> Result<Vec<KeptEntry>> {
        let rows = self.all::<AuditRow>(
            sql!(
                "SELECT number, at, event, outcome, account_id, device_id, client_id, session_id, address,
                        other_address, detail, actor
                   FROM audit WHERE number > $1 ORDER BY number LIMIT $2"
            ),
            bind![after, limit.min(MOST_KEPT)],
        );
        Ok(rows.await?.into_iter().map(KeptEntry::from).collect())
    }

    async fn audit_writers(&mut self) -> Result<Vec<String>> {
        // An INSERT has this lock before it draws a number, and until its transaction ends. On SQLite there is one
        // writer: whoever sees an entry sees all before it.
        let names = self.all::<Name>(
            sql!(
                sqlite: "SELECT '' WHERE FALSE",
                postgres: "SELECT virtualtransaction FROM pg_locks
                            WHERE locktype = 'relation' AND mode = 'RowExclusiveLock'
                              AND relation = CAST(CAST('audit' AS REGCLASS) AS OID)
                              AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            ),
            bind![],
        );
        Ok(names.await?.into_iter().map(|Name(name)| name).collect())
    }

    async fn usernames(&mut self, ids: &[AccountId]) -> Result<Vec<(AccountId, String)>> {
        let ids: Vec<_> = ids.iter().take(PAGE as usize).map(ToString::to_string).collect();
        let rows = self.all::<Username>(
            sql!(
                sqlite: "SELECT id, username FROM accounts WHERE id IN (SELECT value FROM json_each($1))",
                postgres: "SELECT id, username FROM accounts
                            WHERE id IN (SELECT json_array_elements_text(CAST($1 AS JSON)))"
            ),
            bind![serde_json::Value::from(ids).to_string()],
        );
        Ok(rows.await?.into_iter().map(|Username(id, name)| (id, name)).collect())
    }

    async fn audit_head(&mut self) -> Result<Option<AuditBlock>> {
        let row = self.optional::<BlockRow>(
            sql!(
                "SELECT block, first_number, last_number, entries, sealed_at, head, kid, public_key, signature, marks
                   FROM audit_blocks ORDER BY block DESC LIMIT 1"
            ),
            bind![],
        );
        Ok(row.await?.map(|BlockRow(block)| block))
    }

    async fn audit_blocks(&mut self, after: i64, limit: u32) -> Result<Vec<AuditBlock>> {
        let rows = self.all::<BlockRow>(
            sql!(
                "SELECT block, first_number, last_number, entries, sealed_at, head, kid, public_key, signature, marks
                   FROM audit_blocks WHERE block > $1 ORDER BY block LIMIT $2"
            ),
            bind![after, limit.min(MOST_BLOCKS)],
        );
        Ok(rows.await?.into_iter().map(|BlockRow(block)| block).collect())
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

    async fn seal_audit(&mut self, block: &AuditBlock) -> Result<bool> {
        let added = self.run(
            sql!(
                "INSERT INTO audit_blocks
                    (block, first_number, last_number, entries, sealed_at, head, kid, public_key, signature, marks)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                 ON CONFLICT (block) DO NOTHING"
            ),
            bind![
                block.block,
                block.first,
                block.last,
                block.entries,
                block.sealed_at,
                block.head.as_slice(),
                &block.kid,
                &block.public_key,
                &block.signature,
                &block.marks,
            ],
        );
        Ok(added.await? == 1)
    }
}
