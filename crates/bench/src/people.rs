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
    "CREATE UNIQUE INDEX people_by_n ON people (n)",
    "INSERT INTO accounts (id, username, username_key, state, claims, webauthn_handle, is_admin, created_at,
                           updated_at, search, skeleton)
     SELECT p.account, 'person' || p.n, 'person' || p.n, t.state,
            '{\"email\":\"person' || p.n || '@mail.example\",\"email_verified\":true,\"name\":\"Person ' || p.n || '\"}',
            {16}, t.is_admin, t.created_at - p.n * 1000, t.updated_at,
            'person' || p.n || '{line}person' || p.n || '@mail.example{line}person ' || p.n,
            'like person' || p.n
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
                          passkey_id, state, added_by, agreed_at, created_at, changed_at, last_used_at, verified_at,
                          seen_at, name_key)
     SELECT p.device, p.account, t.kind, t.name, t.platform, t.key_alg, t.key_public,
            substr(p.device || p.session, 5, 43), t.verifies_user, p.passkey, t.state, t.added_by, t.agreed_at,
            t.created_at - p.n * 1000, t.changed_at, t.last_used_at, t.created_at - p.n * 1000,
            t.created_at - p.n * 1000, t.name_key
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

/// What a registry holds besides: more phones than people, and a long trail. After [`STATEMENTS`], in the same unit.
const REGISTRY: &[&str] = &[
    "CREATE TEMP TABLE more AS
     SELECT n, 'dev_' || {id} AS device, 'grp_' || {id} AS grp FROM {numbers}",
    "CREATE UNIQUE INDEX more_by_n ON more (n)",
    "INSERT INTO devices (id, account_id, kind, name, platform, key_alg, key_public, key_thumbprint, verifies_user,
                          passkey_id, state, added_by, agreed_at, created_at, changed_at, last_used_at, verified_at,
                          seen_at, name_key)
     SELECT m.device, p.account, 'app', 'Phone ' || m.n, t.platform, t.key_alg, t.key_public,
            substr(m.device || m.grp, 5, 43), {yes}, NULL,
            CASE m.n % 50 WHEN 0 THEN 'suspended' WHEN 1 THEN 'pending' WHEN 2 THEN 'revoked' ELSE 'active' END,
            t.added_by, t.agreed_at, t.created_at - m.n * 1000, t.changed_at,
            t.created_at - m.n * 60000, t.created_at - m.n * 1000, t.created_at - m.n * 60000, 'phone ' || m.n
       FROM more m JOIN people p ON p.n = m.n, devices t JOIN accounts a ON a.id = t.account_id
      WHERE a.username_key = 'user0'",
    "INSERT INTO devices (id, account_id, kind, name, platform, key_alg, key_public, key_thumbprint, verifies_user,
                          passkey_id, state, added_by, agreed_at, created_at, changed_at, last_used_at, verified_at,
                          seen_at, name_key)
     SELECT 'dev_' || substr(m.grp, 5), p.account, 'app', 'Tablet ' || m.n, t.platform, t.key_alg, t.key_public,
            substr(m.grp || m.device, 5, 43), {yes}, NULL, 'active', t.added_by, t.agreed_at,
            t.created_at - m.n * 1000, t.changed_at, NULL, t.created_at, t.created_at - m.n * 1000, 'tablet ' || m.n
       FROM more m JOIN people p ON p.n = m.n, devices t JOIN accounts a ON a.id = t.account_id
      WHERE a.username_key = 'user0' AND m.n % 4 = 1",
    "INSERT INTO device_keys (thumbprint, device_id, added_at)
     SELECT d.key_thumbprint, d.id, d.created_at FROM devices d
      WHERE NOT EXISTS (SELECT 1 FROM device_keys k WHERE k.thumbprint = d.key_thumbprint)",
    "INSERT INTO groups (id, name, name_key, description, roles, overrides, version, created_at, changed_at)
     SELECT m.grp, 'Group ' || m.n, 'group ' || m.n, '', '[]', '{}', 1, 1, 1 FROM more m WHERE m.n <= 1000",
    "INSERT INTO group_members (group_id, account_id, added_at)
     SELECT m.grp, p.account, 1 FROM people p JOIN more m ON m.n = p.n % 1000 + 1",
    "UPDATE accounts SET state = 'disabled' WHERE id IN (SELECT account FROM people WHERE n % 50 = 7)",
    "UPDATE accounts SET own_roles = '[\"helpdesk\"]', roles = '[\"helpdesk\"]'
      WHERE id IN (SELECT account FROM people WHERE n % 2000 = 9)",
    "INSERT INTO enrolments (id, account_id, token_hash, origin, created_at, expires_at, kind, outcome, ended_at)
     SELECT 'enr_' || substr(m.grp, 5), p.account, {32}, 'admin', t.created_at - p.n * 1000,
            t.created_at + 1209600000, 'letter',
            CASE p.n % 5 WHEN 0 THEN 'completed' WHEN 1 THEN 'cancelled' WHEN 2 THEN 'replaced' END,
            CASE WHEN p.n % 5 < 3 THEN t.created_at END
       FROM people p JOIN more m ON m.n = p.n, accounts t WHERE t.username_key = 'user0'",
    "INSERT INTO recoveries (id, account_id, state, reason, opened_by, opened_at, ready_at, expires_at, ended_at,
                             cancelled_by)
     SELECT 'rcv_' || substr(m.grp, 5), p.account, CASE WHEN p.n % 100 = 0 THEN 'waiting' ELSE 'cancelled' END,
            'The phone is gone', 'operator', t.created_at - p.n * 1000, t.created_at, t.created_at + 1209600000,
            CASE WHEN p.n % 100 > 0 THEN t.created_at END, CASE WHEN p.n % 100 > 0 THEN 'operator' END
       FROM people p JOIN more m ON m.n = p.n, accounts t WHERE t.username_key = 'user0' AND p.n % 10 = 0",
    "INSERT INTO notices (id, account_id, kind, content, is_listed, created_at, mail_to, mail_name, mail_attempts,
                          mail_due_at, mail_sent_at, mail_failed_at, mail_failure)
     SELECT 'ntc_' || substr(d.id, 5), d.account_id, 'device_added',
            '{\"kind\":\"device_added\",\"device\":\"' || d.id || '\",\"name\":\"Phone\",\"is_pending\":false}', {yes},
            t.created_at - p.n * 1000, 'person' || p.n || '@mail.example', 'Person ' || p.n, 1,
            CASE WHEN p.n % 1000 = 0 THEN t.created_at + 86400000 END,
            CASE WHEN p.n % 1000 > 1 THEN t.created_at END, CASE WHEN p.n % 1000 = 1 THEN t.created_at END,
            CASE WHEN p.n % 1000 < 2 THEN 'refused' END
       FROM people p JOIN devices d ON d.account_id = p.account, accounts t WHERE t.username_key = 'user0'",
    "INSERT INTO jobs (id, kind, action, state, made_by, options, created_at, finished_at)
     SELECT 'job_' || substr(m.grp, 5), CASE WHEN m.n % 2 = 0 THEN 'bulk_action' ELSE 'import_users' END,
            CASE WHEN m.n % 2 = 0 THEN 'suspend_devices' END, CASE WHEN m.n % 3 = 0 THEN 'cancelled' ELSE 'finished' END,
            'operator', '{}', t.created_at - m.n * 60000, t.created_at
       FROM more m, accounts t WHERE t.username_key = 'user0' AND m.n <= 2000",
    "INSERT INTO statistics (hour, name, bucket, count)
     SELECT t.created_at / 3600000 - h.n,
            CASE WHEN k.n = 1 THEN 'sign_in.password' WHEN k.n = 2 THEN 'sign_in.phone' WHEN k.n = 3 THEN 'qr.shown'
                 WHEN k.n % 3 = 0 THEN 'qr.claimed' WHEN k.n % 3 = 1 THEN 'qr.approved' ELSE 'qr.redeemed' END,
            CASE WHEN k.n <= 3 THEN 0 ELSE k.n / 3 END, h.n % 97 + k.n
       FROM (SELECT n FROM more WHERE n <= 2160) h, (SELECT n FROM more WHERE n <= 45) k, accounts t
      WHERE t.username_key = 'user0'",
    "DELETE FROM statistics_days",
    "INSERT INTO statistics_days (day, name, bucket, count)
     SELECT hour / 24, name, bucket, SUM(count) FROM statistics GROUP BY hour / 24, name, bucket",
    // What the program has sealed is sealed anew: times rise with numbers, to yesterday.
    "DELETE FROM audit_blocks",
    "UPDATE audit SET at = at - 51 * CAST(86400000 AS BIGINT)",
    "INSERT INTO audit (at, event, outcome, account_id, device_id, client_id, session_id, address, detail)
     SELECT t.at + turns.n * CAST(86400000 AS BIGINT) + p.n * CAST(80000000 AS BIGINT) / {people},
            CASE (p.n + turns.n) % 5 WHEN 0 THEN 'password.tried' WHEN 1 THEN 'session.started'
                 WHEN 2 THEN 'channel.approved' WHEN 3 THEN 'code.redeemed' ELSE 'session.ended' END,
            CASE WHEN (p.n + turns.n) % 40 = 0 THEN 'refused' ELSE 'done' END, p.account,
            CASE WHEN (p.n + turns.n) % 5 = 2 THEN p.device END,
            CASE WHEN (p.n + turns.n) % 5 = 3 THEN 'client' || (p.n % {clients} + 1) END, p.session, t.address,
            CASE WHEN (p.n + turns.n) % 40 = 0 THEN 'wrong password' END
       FROM (SELECT n FROM people WHERE n <= {turns}) turns, people p,
            (SELECT e.* FROM audit e JOIN accounts a ON a.id = e.account_id
              WHERE a.username_key = 'user0' AND e.session_id IS NOT NULL LIMIT 1) t
      ORDER BY turns.n, p.n",
];

/// How much is put in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Users.
    pub(crate) people: u64,
    /// Relying parties.
    pub(crate) clients: u64,
    /// Entries of the audit trail for each user, beside the first; with them come groups, and one and a half phones
    /// for each user. At most as many as there are users.
    pub(crate) turns: u64,
}

impl Size {
    /// A million people.
    pub(crate) const MILLION: Self = Self { people: PEOPLE, clients: CLIENTS, turns: 0 };
}

/// Words of a dialect for the holes in the statements.
struct Dialect {
    id: &'static str,
    bytes16: &'static str,
    bytes32: &'static str,
    numbers: &'static str,
    line: &'static str,
    yes: &'static str,
}

/// Hexadecimal digits that base32 does not have become others; the last letter's spare bits are zero.
const SQLITE: Dialect = Dialect {
    id: "substr(replace(replace(replace(replace(lower(hex(randomblob(13))), '0', 'g'), '1', 'h'), '8', 'i'),
         '9', 'j'), 1, 25) || 'a'",
    bytes16: "randomblob(16)",
    bytes32: "randomblob(32)",
    numbers: "(WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {people})
               SELECT n FROM numbers)",
    line: "' || char(10) || '",
    yes: "1",
};

const POSTGRES: Dialect = Dialect {
    id: "left(translate(replace(gen_random_uuid()::text, '-', ''), '0189', 'ghij'), 25) || 'a'",
    bytes16: "decode(replace(gen_random_uuid()::text, '-', ''), 'hex')",
    bytes32: "decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')",
    numbers: "generate_series(CAST(1 AS BIGINT), {people}) AS numbers(n)",
    line: "' || chr(10) || '",
    yes: "TRUE",
};

fn written_for(dialect: &Dialect, size: Size) -> Vec<String> {
    let fill = |text: &&str| {
        text.replace("{numbers}", dialect.numbers)
            .replace("{id}", dialect.id)
            .replace("{16}", dialect.bytes16)
            .replace("{32}", dialect.bytes32)
            .replace("{line}", dialect.line)
            .replace("{yes}", dialect.yes)
            .replace("{people}", &size.people.to_string())
            .replace("{clients}", &size.clients.to_string())
            .replace("{turns}", &size.turns.to_string())
    };
    let registry = if size.turns > 0 { REGISTRY } else { &[] };
    STATEMENTS.iter().chain(registry).map(fill).collect()
}

/// Puts them in. `user0` must have a phone, a session, a known browser and a grant.
pub(crate) async fn settle(ground: &Ground, size: Size) {
    match ground.on {
        On::Sqlite => settle_in_file(&ground.file(), size).await,
        On::Postgres | On::PostgresRedis => {
            let text = written_for(&POSTGRES, size).join(";\n");
            let _ = ground.query(&format!("BEGIN;\n{text};\nCOMMIT"));
            let _ = ground.query("VACUUM (ANALYZE)");
            let _ = ground.query("CHECKPOINT");
        }
    }
}

/// An API key of the operator with these permissions (JSON) and the SHA-256 of its secret; answers its id without `key_`.
pub(crate) async fn put_key(ground: &Ground, hash: &str, permissions: &str) -> String {
    let id = "aaaaaaaaaaaaaaaaaaaaaaaaaa";
    let row = |hash: &str| {
        format!(
            "INSERT INTO api_keys (id, name, secret_hash, permissions, networks, created_at, expires_at)
             VALUES ('key_{id}', 'bench', {hash}, '{permissions}', '[]', 1, 9000000000000)"
        )
    };
    match ground.on {
        On::Sqlite => {
            let options = SqliteConnectOptions::new().filename(ground.file());
            let mut connection = options.connect().await.expect("the database");
            let done =
                sqlx::raw_sql(AssertSqlSafe(row(&format!("x'{hash}'")))).execute(&mut connection).await;
            done.expect("the statement runs");
            connection.close().await.expect("closed");
        }
        On::Postgres | On::PostgresRedis => drop(ground.query(&row(&format!("decode('{hash}', 'hex')")))),
    }
    id.to_owned()
}

async fn settle_in_file(file: &Path, size: Size) {
    let options = SqliteConnectOptions::from_str(&format!("sqlite:{}", file.display()))
        .expect("a file")
        .journal_mode(SqliteJournalMode::Off)
        .synchronous(SqliteSynchronous::Off)
        .foreign_keys(true)
        .pragma("cache_size", "-2000000")
        .pragma("temp_store", "MEMORY");
    let mut connection = options.connect().await.expect("the database");
    for text in
        std::iter::once("BEGIN".to_owned()).chain(written_for(&SQLITE, size)).chain(["COMMIT".to_owned()])
    {
        let done = sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await;
        done.expect("the statement runs");
    }
    sqlx::raw_sql("PRAGMA journal_mode = WAL").execute(&mut connection).await.expect("WAL");
    connection.close().await.expect("closed");
    // What is still to be written would be waited for by the server's first commit.
    let file = std::fs::File::options().write(true).open(file).expect("the database");
    file.sync_all().expect("on disk");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_hole_is_left_in_a_statement() {
        let size = Size { turns: 50, ..Size::MILLION };
        for text in written_for(&SQLITE, size).iter().chain(&written_for(&POSTGRES, size)) {
            for hole in
                ["{id}", "{16}", "{32}", "{people}", "{clients}", "{numbers}", "{line}", "{yes}", "{turns}"]
            {
                assert!(!text.contains(hole), "{text}");
            }
        }
    }
}
