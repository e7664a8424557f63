//! The port's suite on SQLite.

use store_sql::{Settings, SqlStore};

async fn temporary() -> SqlStore {
    SqlStore::open(Settings::temporary()).await.expect("a temporary database opens")
}

store::conformance!(temporary());
