//! Tables of other releases, and nodes that start together.

use futures_util::future::join_all;
use store::{Store as _, StoreError};
use store_sql::{SchemaState, Settings, SqlStore, migrate, schema};

use crate::given::{database, kept_account, open, settings, sql};

async fn refused(settings: Settings) -> String {
    match SqlStore::open(settings).await {
        Err(StoreError::Unavailable(why)) => why,
        other => panic!("{other:?}"),
    }
}

/// What is made anew then.
const LAST: [&str; 4] = ["0016_audit_chain", "0017_audit_index", "0018_personal_data", "0019_cas"];

/// How many migrations there are.
const ALL: usize = 19;

/// Takes a database back to before the last migrations.
fn before_the_last(database: &str) {
    sql(
        database,
        "DROP TABLE cas_logins, cas_logout_notices;
         ALTER TABLE clients DROP COLUMN cas_order;
         ALTER TABLE devices DROP COLUMN cas_name;
         DROP INDEX accounts_to_index;
         ALTER TABLE job_rows DROP COLUMN about;
         DROP TABLE audit_blocks, statistics, statistics_days;
         DROP INDEX audit_by_account, audit_by_device, audit_by_client, audit_by_event;
         ALTER TABLE audit DROP COLUMN actor;
         CREATE INDEX audit_of_account ON audit (account_id) WHERE account_id IS NOT NULL;
         DELETE FROM _sqlx_migrations WHERE version >= 16",
    );
}

/// Takes a database back to what the release before the registry had made of it.
fn before_the_registry(database: &str) {
    before_the_last(database);
    sql(
        database,
        "DROP TABLE group_members, groups, claim_definitions, policies, device_keys, job_rows, jobs, totps,
                    recovery_codes, recoveries, notices, api_keys;
         DROP INDEX accounts_by_creation, accounts_by_name, devices_held, enrolments_by_start, passkeys_named,
                    sessions_by_age, consents_by_age;
         ALTER TABLE accounts
            DROP COLUMN roles, DROP COLUMN own_roles, DROP COLUMN group_names, DROP COLUMN language,
            DROP COLUMN version, DROP COLUMN search, DROP COLUMN skeleton;
         ALTER TABLE devices
            DROP COLUMN model, DROP COLUMN attestation, DROP COLUMN attested_by, DROP COLUMN added_by_account,
            DROP COLUMN verified_at, DROP COLUMN last_place, DROP COLUMN last_browser,
            DROP COLUMN last_approved_at, DROP COLUMN changed_by, DROP COLUMN changed_why,
            DROP COLUMN version, DROP COLUMN seen_at, DROP COLUMN name_key;
         ALTER TABLE enrolments
            DROP COLUMN kind, DROP COLUMN code_hash, DROP COLUMN job_id, DROP COLUMN outcome,
            DROP COLUMN ended_at, DROP COLUMN device_id;
         ALTER TABLE known_browsers DROP COLUMN wrong_in_a_row;
         DELETE FROM _sqlx_migrations WHERE version > 9",
    );
}

#[tokio::test]
async fn nodes_that_start_together_migrate_once() {
    let database = database();
    let stores = join_all((0..6).map(|_| open(settings(&database)))).await;
    assert_eq!(sql(&database, "SELECT count(*) FROM _sqlx_migrations"), ALL.to_string());
    for store in &stores {
        store.check().await.unwrap();
    }
}

#[tokio::test]
async fn the_state_is_told_and_nothing_is_changed() {
    let database = database();
    let mut wanted = settings(&database);
    wanted.migrate = false;
    let wanted = Settings::postgres(wanted);
    assert_eq!(schema::state(&wanted).await.unwrap(), SchemaState::Empty);
    assert_eq!(sql(&database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
    let why = refused(wanted.clone()).await;
    assert!(why.contains("0001_accounts") && why.contains("database.migrate"), "{why}");
    assert_eq!(migrate(&wanted).await.unwrap().len(), ALL);
    assert_eq!(schema::state(&wanted).await.unwrap(), SchemaState::Current);
    assert_eq!(migrate(&wanted).await.unwrap(), Vec::<&str>::new());
    SqlStore::open(wanted).await.unwrap();
}

#[tokio::test]
async fn a_database_with_data_upgrades_from_the_last_release() {
    let database = database();
    let store = open(settings(&database)).await;
    let ada = kept_account(&store, "ada").await;
    store.close().await;
    before_the_last(&database);
    let mut wanted = settings(&database);
    wanted.migrate = false;
    let older = Settings::postgres(wanted.clone());
    assert_eq!(schema::state(&older).await.unwrap(), SchemaState::Older { missing: LAST.to_vec() });
    let why = refused(older).await;
    assert!(why.contains("0016_audit_chain") && why.contains("latchbolt migrate"), "{why}");
    wanted.migrate = true;
    let store = open(wanted).await;
    assert_eq!(store.read().await.unwrap().account(&ada.id).await.unwrap(), Some(ada));
    assert_eq!(sql(&database, "SELECT count(*) FROM statistics"), "0");
}

#[tokio::test]
async fn people_and_phones_of_the_release_before_the_registry_are_kept() {
    let database = database();
    let store = open(settings(&database)).await;
    let ada = kept_account(&store, "ada").await;
    let phone = store::conformance::given::kept_device(&store, ada.id).await;
    store.close().await;
    before_the_registry(&database);
    sql(&database, "UPDATE accounts SET is_admin = TRUE WHERE username_key = 'ada'");
    let mut wanted = settings(&database);
    wanted.migrate = true;
    let store = open(wanted).await;
    let mut view = store.read().await.unwrap();
    let kept = view.account(&ada.id).await.unwrap().unwrap();
    assert_eq!(kept.username, ada.username);
    assert!(kept.roles.has(domain::role::Role::Superadmin), "who administered goes on to");
    let kept = view.device(&phone.id).await.unwrap().unwrap();
    assert_eq!((kept.name, kept.key, kept.record.version), (phone.name.clone(), phone.key.clone(), 1));
    let keys = view.keys_of_device(&phone.id).await.unwrap();
    assert_eq!(
        keys.iter().map(|key| key.thumbprint.as_str()).collect::<Vec<_>>(),
        [phone.thumbprint().unwrap()]
    );
    // Their names are looked at once, a few at a time.
    for left in [1, 0] {
        let mut work = store.begin().await.unwrap();
        assert_eq!(work.index_names(100).await.unwrap(), left);
        work.commit().await.unwrap();
    }
    let skeleton = sql(&database, "SELECT skeleton FROM accounts WHERE username_key = 'ada'");
    assert_eq!(skeleton, ada.username.skeleton());
}

#[tokio::test]
async fn a_newer_database_is_refused_by_a_node_that_starts() {
    let database = database();
    let running = open(settings(&database)).await;
    sql(&database, "UPDATE _sqlx_migrations SET version = 9999 WHERE version = 16");
    let wanted = Settings::postgres(settings(&database));
    assert_eq!(schema::state(&wanted).await.unwrap(), SchemaState::Newer { number: 9999 });
    assert!(refused(wanted.clone()).await.contains("newer Latchbolt"));
    assert!(migrate(&wanted).await.is_err());
    kept_account(&running, "ada").await;
}

#[tokio::test]
async fn a_changed_migration_is_refused() {
    let database = database();
    open(settings(&database)).await.close().await;
    sql(&database, "UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 2");
    assert!(refused(Settings::postgres(settings(&database))).await.contains("migration 2"));
}

#[tokio::test]
async fn a_migration_waits_its_turn_and_leaves_nothing_half_done() {
    let database = database();
    let running = open(settings(&database)).await;
    let ada = kept_account(&running, "ada").await;
    before_the_last(&database);
    // A unit holds the table; the migration waits for its end.
    let mut work = running.begin().await.unwrap();
    work.account(&ada.id).await.unwrap();
    work.touch_session(&domain::SessionId::from_random([0; 16]), crate::given::NOW).await.unwrap();
    let wanted = Settings::postgres(settings(&database));
    let held = async {
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        work.commit().await.unwrap();
    };
    let (done, ()) = tokio::join!(migrate(&wanted), held);
    assert_eq!(done.unwrap(), LAST);
}
