//! Every SQL text of the store is prepared on freshly migrated tables, as the tidy tests do on SQLite.

use std::path::Path;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, SqlSafeStr as _};

use crate::extraction::statements;
use crate::given::{fresh, settings};

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("src/work.rs") {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

async fn fault(connection: &mut PgConnection, statement: &str) -> Option<String> {
    let prepared = connection.prepare(AssertSqlSafe(statement.to_owned()).into_sql_str()).await;
    prepared.err().map(|why| format!("{statement}\n  {why}"))
}

#[tokio::test]
async fn every_statement_can_be_prepared() {
    let (_store, database) = fresh().await;
    let options: PgConnectOptions = settings(&database).url.parse().unwrap();
    let mut connection = options.connect().await.unwrap();
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut faults = Vec::new();
    let mut count = 0;
    for (path, text) in files {
        let (found, calls) = statements(&text);
        assert_eq!(found.len(), calls, "{path}: a statement is no plain literal");
        count += calls;
        for statement in found {
            faults.extend(
                fault(&mut connection, &statement.postgres).await.map(|why| format!("{path}: {why}")),
            );
        }
    }
    assert!(count > 70, "only {count} statements were found");
    assert_eq!(faults, Vec::<String>::new());
    assert!(
        fault(&mut connection, "SELECT nick FROM accounts").await.is_some_and(|why| why.contains("nick"))
    );
}
