//! What the adapter's tests begin with.

use std::path::Path;

use domain::{Account, AccountId, AccountState, Grant, SessionId, Timestamp};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use store::Store as _;
use store::conformance::given;
pub use store::conformance::given::{NOW, bytes};
use store_sql::{Settings, SqlStore};

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
        roles: domain::Roles::NONE,
        groups: Vec::new(),
        language: None,
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

pub fn grant(account: AccountId) -> Grant {
    Grant {
        expires_at: Timestamp::from_seconds(1_900_000_000),
        ..given::grant(account, "shop", SessionId::from_random(bytes()))
    }
}
