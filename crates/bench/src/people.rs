//! A million users and 10,000 clients, put into the tables of a database that nobody uses meanwhile.
//!
//! Owns: the statements. Every row is modelled on one that the program itself has made for `user0`, so it looks
//! like a real one whatever a column means; ids, names and secrets are its own. Not here: when (`big`).

use std::path::Path;
use std::str::FromStr as _;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use crate::ground::{Ground, On};

/// Users.
pub(crate) const PEOPLE: u64 = 1_000_000;
/// Relying parties.
pub(crate) const CLIENTS: u64 = 10_000;

/// In order; `{people}` and `{clients}` are numbers, `{id}` the 26 characters of an id, `{16}` and `{32}`
/// random bytes. `MATERIALIZED` keeps each person's ids the same in all statements.
const STATEMENTS: &[&str] = &[
    "CREATE TEMP TABLE people AS
     SELECT n, 'acc_' || {id} AS account, 'dev_' || {id} AS device, 'crd_' || {id} AS passkey,
            'ses_' || {id} AS session, 'grt_' || {id} AS code
       FROM {numbers}",
    "INSERT INTO accounts (id, username, username_key, state, claims, webauthn_handle, is_admin, created_at,
                           updated_at)
     SELECT p.account, 'person' || p.n, 'person' || p.n, t.state,
            '{\"email\":\"person' || p.n || '@mail.example\",\"email_verified\":true,\"name\":\"Person ' || p.n || '\"}',
            {16}, t.is_admin, t.created_at - p.n * 1000, t.updated_at
       FROM people p, accounts t WHERE t.username_key = 'user0'",
    "INSERT INTO passwords (account_id, phc, changed_at, wrong_in_a_row)
     SELECT p.account, t.phc, t.changed_at - p.n * 1000, 0
       FROM people p, passwords t JOIN accounts a ON a.id = t.account_id WHERE a.username_key = 'user0'",
    "INSERT INTO clients (id, name, is_verified, is_enabled, redirect_uris, is_native, auth_method, secret_hash,
                          scopes, id_token_alg, requires_pkce, skips_consent, requires_phishing_resistant,
                          skips_check_code, requires_same_country, default_max_age, created_at)
     SELECT 'client' || p.n, 'Client ' || p.n, t.is_verified, t.is_enabled, t.redirect_uris, t.is_native,
            t.auth_method, t.secret_hash, t.scopes, t.id_token_alg, t.requires_pkce, t.skips_consent,
            t.requires_phishing_resistant, t.skips_check_code, t.requires_same_country, t.default_max_age,
            t.created_at
       FROM people p, clients t WHERE t.id = 'bench' AND p.n <= {clients}",
    "INSERT INTO passkeys (id, account_id, device_id, credential_id, passkey, name, created_at, last_used_at)
     SELECT p.passkey, p.account, p.device, {32}, t.passkey, t.name, t.created_at - p.n * 1000, t.last_used_at
       FROM people p, passkeys t JOIN accounts a ON a.id = t.account_id
      WHERE a.username_key = 'user0' AND p.n % 4 = 0",
    "INSERT INTO devices (id, account_id, kind, name, platform, key_alg, key_public, key_thumbprint, verifies_user,
                          passkey_id, state, added_by, agreed_at, created_at, changed_at, last_used_at)
     SELECT p.device, p.account, t.kind, t.name, t.platform, t.key_alg, t.key_public,
            substr(p.device || p.session, 5, 43), t.verifies_user, p.passkey, t.state, t.added_by, t.agreed_at,
            t.created_at - p.n * 1000, t.changed_at, t.last_used_at
       FROM people p, devices t JOIN accounts a ON a.id = t.account_id
      WHERE a.username_key = 'user0' AND p.n % 4 = 0",
    "INSERT INTO sessions (id, account_id, secret_hash, proofs, device_id, browser, address, created_at,
                           last_used_at, idle_seconds, expires_at)
     SELECT p.session, p.account, {32}, t.proofs, CASE WHEN p.n % 4 = 0 THEN p.device END, t.browser, t.address,
            t.created_at + p.n, t.last_used_at + p.n, t.idle_seconds, t.expires_at + p.n
       FROM people p,
            (SELECT s.* FROM sessions s JOIN accounts a ON a.id = s.account_id
              WHERE a.username_key = 'user0' AND s.ended_at IS NULL LIMIT 1) t
      WHERE p.n % 2 = 0",
    "INSERT INTO known_browsers (account_id, browser_hash, last_seen_at)
     SELECT p.account, {32}, t.last_seen_at - p.n
       FROM people p,
            (SELECT b.* FROM known_browsers b JOIN accounts a ON a.id = b.account_id
              WHERE a.username_key = 'user0' LIMIT 1) t
      WHERE p.n % 2 = 0",
    "INSERT INTO consents (account_id, client_id, scopes, given_at)
     SELECT p.account, 'client' || (p.n % {clients} + 1), t.scopes, t.created_at
       FROM people p, clients t WHERE t.id = 'bench' AND p.n % 2 = 0",
    "INSERT INTO grants (id, account_id, client_id, session_id, scope, created_at, expires_at)
     SELECT p.code, p.account, 'client' || (p.n % {clients} + 1), p.session, t.scope, t.created_at + p.n,
            t.expires_at + p.n + 86400000
       FROM people p,
            (SELECT g.* FROM grants g JOIN accounts a ON a.id = g.account_id
              WHERE a.username_key = 'user0' LIMIT 1) t
      WHERE p.n % 4 = 0",
    "INSERT INTO audit (at, event, outcome, account_id, client_id, session_id, address)
     SELECT t.at + p.n, t.event, t.outcome, p.account, t.client_id, p.session, t.address
       FROM people p,
            (SELECT e.* FROM audit e JOIN accounts a ON a.id = e.account_id
              WHERE a.username_key = 'user0' AND e.session_id IS NOT NULL LIMIT 1) t",
];

/// Words of a dialect for the holes in the statements.
struct Dialect {
    id: &'static str,
    bytes16: &'static str,
    bytes32: &'static str,
    numbers: &'static str,
}

/// Hexadecimal digits that base32 does not have become others; the last letter's spare bits are zero.
const SQLITE: Dialect = Dialect {
    id: "substr(replace(replace(replace(replace(lower(hex(randomblob(13))), '0', 'g'), '1', 'h'), '8', 'i'),
         '9', 'j'), 1, 25) || 'a'",
    bytes16: "randomblob(16)",
    bytes32: "randomblob(32)",
    numbers: "(WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {people})
               SELECT n FROM numbers)",
};

const POSTGRES: Dialect = Dialect {
    id: "left(translate(replace(gen_random_uuid()::text, '-', ''), '0189', 'ghij'), 25) || 'a'",
    bytes16: "decode(replace(gen_random_uuid()::text, '-', ''), 'hex')",
    bytes32: "decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')",
    numbers: "generate_series(1, {people}) AS numbers(n)",
};

fn written_for(dialect: &Dialect) -> Vec<String> {
    let fill = |text: &&str| {
        text.replace("{numbers}", dialect.numbers)
            .replace("{id}", dialect.id)
            .replace("{16}", dialect.bytes16)
            .replace("{32}", dialect.bytes32)
            .replace("{people}", &PEOPLE.to_string())
            .replace("{clients}", &CLIENTS.to_string())
    };
    STATEMENTS.iter().map(fill).collect()
}

/// Puts them in. `user0` must have a phone, a session, a known browser and a grant.
pub(crate) async fn settle(ground: &Ground) {
    match ground.on {
        On::Sqlite => settle_in_file(&ground.file()).await,
        On::Postgres | On::PostgresRedis => {
            let text = written_for(&POSTGRES).join(";\n");
            let _ = ground.query(&format!("BEGIN;\n{text};\nCOMMIT"));
            let _ = ground.query("VACUUM (ANALYZE)");
            let _ = ground.query("CHECKPOINT");
        }
    }
}

async fn settle_in_file(file: &Path) {
    let options = SqliteConnectOptions::from_str(&format!("sqlite:{}", file.display()))
        .expect("a file")
        .journal_mode(SqliteJournalMode::Off)
        .synchronous(SqliteSynchronous::Off)
        .foreign_keys(true)
        .pragma("cache_size", "-2000000")
        .pragma("temp_store", "MEMORY");
    let mut connection = options.connect().await.expect("the database");
    for text in std::iter::once("BEGIN".to_owned()).chain(written_for(&SQLITE)).chain(["COMMIT".to_owned()]) {
        let done = sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await;
        done.expect("the statement runs");
    }
    sqlx::raw_sql("PRAGMA journal_mode = WAL").execute(&mut connection).await.expect("WAL");
    connection.close().await.expect("closed");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_hole_is_left_in_a_statement() {
        for text in written_for(&SQLITE).iter().chain(&written_for(&POSTGRES)) {
            for hole in ["{id}", "{16}", "{32}", "{people}", "{clients}", "{numbers}"] {
                assert!(!text.contains(hole), "{text}");
            }
        }
    }
}
