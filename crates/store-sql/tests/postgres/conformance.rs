//! The port's suite on PostgreSQL.

use backing::Postgres;
use store_sql::{PgSettings, Settings, SqlStore};

async fn fresh() -> SqlStore {
    let server = Postgres::shared();
    let url = server.url(&server.new_database().keep());
    SqlStore::open(Settings::postgres(PgSettings::new(url))).await.unwrap()
}

store::conformance!(fresh());
