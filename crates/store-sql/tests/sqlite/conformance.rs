//! The port's suite on SQLite.

use store_sql::{Settings, SqlStore};

async fn temporary() -> SqlStore {
    SqlStore::open(Settings::temporary()).await.unwrap()
}

store::conformance!(temporary());
