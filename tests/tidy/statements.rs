//! Every SQL text of the store is prepared on freshly made tables: what a compiler would have checked.

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, SqlSafeStr as _};

use crate::source::{after, files, literal, product, without_comments};

/// The macros that make statements; nothing else can (their types have no other maker).
const MAKERS: &[&str] = &["sql!(", "last_sql!("];

/// Texts that `writer.rs` sends by itself.
const TRANSACTIONS: &[&str] = &["BEGIN IMMEDIATE", "COMMIT", "ROLLBACK", "PRAGMA data_version"];

/// The statements in a Rust text, and how often one is made.
fn statements(text: &str) -> (Vec<String>, usize) {
    let text = without_comments(product(text));
    // `last_sql!(` also ends in `sql!(`: counted once.
    let calls: Vec<&str> = after(&text, MAKERS[0]).collect();
    (calls.iter().filter_map(|call| literal(call)).collect(), calls.len())
}

async fn tables() -> SqliteConnection {
    let mut connection = SqliteConnectOptions::new().in_memory(true).connect().await.unwrap();
    for (_, text) in files("migrations/sqlite", ".sql") {
        connection.execute(AssertSqlSafe(text)).await.unwrap();
    }
    connection
}

/// What is wrong with a statement.
async fn fault(connection: &mut SqliteConnection, statement: &str) -> Option<String> {
    let prepared = connection.prepare(AssertSqlSafe(statement.to_owned()).into_sql_str()).await;
    prepared.err().map(|why| format!("{statement}\n  {why}"))
}

#[tokio::test]
async fn every_statement_can_be_prepared() {
    let mut connection = tables().await;
    let mut faults = Vec::new();
    let mut count = 0;
    for (path, text) in files("crates/store-sql/src", ".rs") {
        if path.ends_with("/work.rs") {
            // Where the macros are defined.
            continue;
        }
        let (found, calls) = statements(&text);
        assert_eq!(found.len(), calls, "{path}: a statement is no plain literal");
        count += calls;
        for statement in found {
            faults.extend(fault(&mut connection, &statement).await.map(|why| format!("{path}: {why}")));
        }
    }
    assert!(count > 60, "only {count} statements were found");
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn nothing_goes_round_the_statements() {
    for (path, text) in files("crates/store-sql/src", ".rs") {
        let text = without_comments(product(&text));
        if path.ends_with("/work.rs") {
            assert_eq!(after(&text, "sqlx::query").count(), 3, "execute, fetch_optional, fetch_all");
            continue;
        }
        assert!(!text.contains("sqlx::query") && !text.contains("AssertSqlSafe"), "{path}");
        for maker in ["Sql::new(", "Sql {", "LastSql {"] {
            assert!(!text.contains(maker), "{path}: {maker} outside the macros");
        }
        if path.ends_with("/writer.rs") {
            let called = ["execute(\"", "fetch_optional(&mut self.connection, \""];
            for text in called.iter().flat_map(|call| after(&text, call)) {
                let text = text.split('"').next().unwrap_or_default();
                assert!(TRANSACTIONS.contains(&text), "{path}: {text}");
            }
        }
    }
}

#[tokio::test]
async fn a_planted_fault_is_found() {
    let mut connection = tables().await;
    let (found, calls) = statements(
        "sql!(\"SELECT id FROM accounts\");\n // sql!(\"no\")\n last_sql!(\n \"SELECT id, nick\n FROM accounts\")",
    );
    assert_eq!((found.len(), calls), (2, 2));
    assert!(fault(&mut connection, &found[0]).await.is_none());
    assert!(fault(&mut connection, &found[1]).await.is_some_and(|why| why.contains("nick")));
    let (found, calls) = statements("sql!(SOME_TEXT)");
    assert_eq!((found.len(), calls), (0, 1));
}
