//! The port's suite on PostgreSQL.

use crate::given;

async fn fresh() -> store_sql::SqlStore {
    given::fresh().await.0
}

store::conformance!(fresh());
