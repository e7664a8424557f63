//! The port's suite while a node of the next release brings the tables further: columns are added to every
//! table, and tables beside them. Nodes of this release go on (expand, then contract).

use std::time::Duration;

use backing::{Postgres, wait_until};
use store::Store as _;
use store_sql::SqlStore;

use crate::given::{self, sql};

const TABLES: &[&str] = &[
    "accounts",
    "passwords",
    "passkeys",
    "admin_setup",
    "devices",
    "enrolments",
    "sessions",
    "channel_ends",
    "known_browsers",
    "clients",
    "consents",
    "grants",
    "refresh_families",
    "revoked_tokens",
    "used_assertions",
    "session_clients",
    "logout_notices",
    "initial_tokens",
    "signing_keys",
    "settings",
    "audit",
    "groups",
    "group_members",
    "claim_definitions",
    "policies",
    "device_keys",
    "jobs",
    "job_rows",
    "totps",
    "recovery_codes",
    "recoveries",
    "notices",
    "api_keys",
    "audit_blocks",
    "statistics",
    "statistics_days",
    "cas_logins",
    "cas_logout_notices",
];

async fn expanding() -> SqlStore {
    let database = given::database();
    // Many tables are held one after the other: this is about what is promised, not about how soon.
    let mut settings = given::settings(&database);
    settings.patience = Duration::from_secs(20);
    settings.statement_timeout = Duration::from_secs(20);
    let store = given::open(settings).await;
    // Statements that are prepared before the tables change.
    store.check().await.unwrap();
    store.read().await.unwrap().has_accounts().await.unwrap();
    std::thread::spawn(move || {
        for (number, table) in TABLES.iter().enumerate() {
            std::thread::sleep(Duration::from_millis(3));
            let text = format!(
                "SET lock_timeout = '200ms';
                 ALTER TABLE {table} ADD COLUMN later TEXT;
                 ALTER TABLE {table} ADD COLUMN later_still BIGINT NOT NULL DEFAULT 7;
                 CREATE TABLE later_{number} (id TEXT NOT NULL PRIMARY KEY);"
            );
            // As the program does it: tables are waited for shortly, again and again.
            let server = Postgres::shared();
            assert!(wait_until(Duration::from_secs(20), || server.query(&database, &text).is_ok()));
        }
        let note = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                    VALUES (9999, 'later', TRUE, '\\x00', 0)";
        sql(&database, note);
    });
    store
}

#[test]
fn every_table_is_in_the_list() {
    let (_, database) = tokio::runtime::Runtime::new().unwrap().block_on(given::fresh());
    let found = sql(
        &database,
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '\\_%' ORDER BY 1",
    );
    let mut tables = TABLES.to_vec();
    tables.sort_unstable();
    assert_eq!(found.lines().collect::<Vec<_>>(), tables);
}

store::conformance!(expanding());
