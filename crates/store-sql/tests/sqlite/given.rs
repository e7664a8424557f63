//! What the adapter's tests begin with.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::{Account, AccountId, AccountState, Grant, GrantId, SessionId, Timestamp};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use store::Store as _;
use store_sql::{Settings, SqlStore};

pub const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

pub async fn store(path: &Path) -> SqlStore {
    SqlStore::open(Settings::file(path)).await.unwrap()
}

/// A connection past the store.
pub async fn raw(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).foreign_keys(false).connect().await.unwrap()
}

pub fn account() -> Account {
    Account {
        id: AccountId::from_random([1; 16]),
        username: "ada".parse().unwrap(),
        state: AccountState::Active,
        claims: serde_json::Map::new(),
        webauthn_handle: [2; 16],
        created_at: NOW,
        updated_at: NOW,
    }
}

pub async fn kept_account(store: &SqlStore) -> Account {
    let account = account();
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
