//! What the adapter's tests begin with.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use backing::Postgres;
use domain::{Account, AccountId, AccountState, Grant, GrantId, SessionId, Timestamp};
use store::Store as _;
use store_sql::{PgSettings, Settings, SqlStore};

pub const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

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

pub fn account(name: &str) -> Account {
    Account {
        id: AccountId::from_random(bytes()),
        username: name.parse().unwrap(),
        state: AccountState::Active,
        claims: serde_json::Map::new(),
        webauthn_handle: bytes(),
        created_at: NOW,
        updated_at: NOW,
    }
}

pub async fn kept_account(store: &SqlStore, name: &str) -> Account {
    let account = account(name);
    let mut work = store.begin().await.unwrap();
    work.add_account(&account).await.unwrap();
    work.commit().await.unwrap();
    account
}

/// Bytes that this process has not given before.
pub fn bytes() -> [u8; 16] {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = (u64::from(std::process::id()) << 32) + NEXT.fetch_add(1, Ordering::Relaxed);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    bytes
}

pub fn grant(account: AccountId) -> Grant {
    Grant {
        id: GrantId::from_random(bytes()),
        account,
        client: "shop".parse().unwrap(),
        session: SessionId::from_random(bytes()),
        scope: "openid".into(),
        created_at: NOW,
        expires_at: Timestamp::from_seconds(1_900_000_000),
        revoked_at: None,
    }
}
