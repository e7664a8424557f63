//! What the database holds when all is over.
//!
//! Owns: reading it with `psql`, past the program: what the program would say about itself is not asked.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::stage::Stage;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    pub username_key: String,
    pub is_active: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Device {
    pub account: String,
    pub state: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Session {
    pub id: String,
    pub account: String,
    /// In hex.
    pub secret: String,
    pub device: Option<String>,
    pub address: String,
    pub created_at: i64,
    pub ended_why: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grant {
    pub client: String,
    pub session: String,
    pub is_revoked: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Key {
    pub kid: String,
    pub alg: String,
    pub state: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    pub event: String,
    pub is_done: bool,
    pub account: Option<String>,
    pub device: Option<String>,
    pub client: Option<String>,
    pub session: Option<String>,
    pub detail: Option<String>,
}

/// The tables, as far as the ledger speaks of them.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    pub accounts: BTreeMap<String, Account>,
    pub devices: BTreeMap<String, Device>,
    pub sessions: Vec<Session>,
    pub clients: BTreeSet<String>,
    pub consents: BTreeSet<(String, String)>,
    pub grants: BTreeMap<String, Grant>,
    pub keys: Vec<Key>,
    pub audit: Vec<Entry>,
}

/// One row as a list of cells.
struct Cells(Vec<Value>);

impl Cells {
    fn text(&self, at: usize) -> String {
        self.maybe(at).unwrap_or_default()
    }

    fn maybe(&self, at: usize) -> Option<String> {
        self.0.get(at).and_then(Value::as_str).map(str::to_owned)
    }

    fn number(&self, at: usize) -> i64 {
        self.0.get(at).and_then(Value::as_i64).unwrap_or_default()
    }

    fn flag(&self, at: usize) -> bool {
        self.0.get(at).and_then(Value::as_bool).unwrap_or_default()
    }
}

fn query(stage: &Stage, columns: &str, table: &str) -> Result<Vec<Cells>, String> {
    let text =
        stage.postgres.query(&stage.database, &format!("SELECT json_build_array({columns}) FROM {table}"))?;
    let line =
        |line: &str| serde_json::from_str(line).map(Cells).map_err(|why| format!("{table}: {why}: {line}"));
    text.lines().map(line).collect()
}

impl Rows {
    /// Reads all tables.
    ///
    /// # Errors
    /// What `psql` said.
    pub fn read(stage: &Stage) -> Result<Self, String> {
        let all = |columns: &str, table: &str| query(stage, columns, table);
        let mut rows = Self::default();
        for row in all("id, username_key, state = 'active'", "accounts")? {
            rows.accounts.insert(row.text(0), Account { username_key: row.text(1), is_active: row.flag(2) });
        }
        for row in all("id, account_id, state", "devices")? {
            rows.devices.insert(row.text(0), Device { account: row.text(1), state: row.text(2) });
        }
        let columns = "id, account_id, encode(secret_hash, 'hex'), device_id, address, created_at, ended_why";
        for row in all(columns, "sessions")? {
            rows.sessions.push(Session {
                id: row.text(0),
                account: row.text(1),
                secret: row.text(2),
                device: row.maybe(3),
                address: row.text(4),
                created_at: row.number(5),
                ended_why: row.maybe(6),
            });
        }
        rows.clients = all("id", "clients")?.iter().map(|row| row.text(0)).collect();
        rows.consents =
            all("account_id, client_id", "consents")?.iter().map(|row| (row.text(0), row.text(1))).collect();
        for row in all("id, client_id, session_id, revoked_at IS NOT NULL", "grants")? {
            let grant = Grant { client: row.text(1), session: row.text(2), is_revoked: row.flag(3) };
            rows.grants.insert(row.text(0), grant);
        }
        for row in all("kid, alg, state", "signing_keys")? {
            rows.keys.push(Key { kid: row.text(0), alg: row.text(1), state: row.text(2) });
        }
        let columns = "event, outcome = 'done', account_id, device_id, client_id, session_id, detail";
        for row in all(columns, "audit")? {
            rows.audit.push(Entry {
                event: row.text(0),
                is_done: row.flag(1),
                account: row.maybe(2),
                device: row.maybe(3),
                client: row.maybe(4),
                session: row.maybe(5),
                detail: row.maybe(6),
            });
        }
        Ok(rows)
    }
}
