//! What the adapter's tests begin with.

use std::sync::atomic::{AtomicU32, Ordering};

use backing::Postgres;
use domain::{AccountId, Grant, SessionId, Timestamp};
use store::conformance::given;
pub use store::conformance::given::{NOW, account, bytes, kept_account};
use store_sql::{PgSettings, Settings, SqlStore};

/// The name of a new database of the shared server, whose letters sort as Germans do.
pub fn database() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("icu{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let make = format!("CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de-DE'");
    Postgres::shared().query("postgres", &make).unwrap();
    name
}

pub fn settings(database: &str) -> PgSettings {
    PgSettings::new(Postgres::shared().url(database))
}

pub async fn open(settings: PgSettings) -> SqlStore {
    SqlStore::open(Settings::postgres(settings)).await.unwrap()
}

/// A store on a new database, and that database's name.
pub async fn fresh() -> (SqlStore, String) {
    let database = database();
    (open(settings(&database)).await, database)
}

/// Runs SQL past the store.
pub fn sql(database: &str, text: &str) -> String {
    Postgres::shared().query(database, text).unwrap()
}

pub fn grant(account: AccountId) -> Grant {
    Grant {
        expires_at: Timestamp::from_seconds(1_900_000_000),
        ..given::grant(account, "shop", SessionId::from_random(bytes()))
    }
}
