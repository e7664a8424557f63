//! Every SQL text of the store is prepared on freshly made tables: what a compiler would have checked.

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, Row as _, SqlSafeStr as _};

use crate::extraction::statements;
use crate::source::{after, files, product, without_comments};

/// Texts without values that are sent beside the statements: turns, transactions and their limits.
const TRANSACTIONS: &[(&str, &[&str])] = &[
    ("writer.rs", &["BEGIN IMMEDIATE", "COMMIT", "ROLLBACK", "PRAGMA data_version"]),
    ("pool.rs", &["ROLLBACK"]),
    ("unit.rs", &["ROLLBACK", "ROLLBACK TO SAVEPOINT latchbolt", "COMMIT"]),
];

/// Where the macros are defined and statements are run: how often each file may call sqlx.
const RUNNERS: &[(&str, usize)] = &[("src/work.rs", 0), ("work/sqlite.rs", 3), ("work/postgres.rs", 1)];

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

/// What is said in other words for PostgreSQL and means the same: the words by which sweeping nodes pass each other
/// (SQLite has no others beside it), and the members of a JSON list.
const ALIKE: &[(&str, &str)] = &[
    // Ids are ordered by their bytes where they are made, and compared as the database does where they are referred to:
    // an index of those is good for that alone.
    (" COLLATE \"default\"", ""),
    (" FOR UPDATE SKIP LOCKED)", ")"),
    (" FOR UPDATE OF r SKIP LOCKED)", ")"),
    ("SELECT json_array_elements_text(CAST($1 AS json))", "SELECT value FROM json_each($1)"),
    ("SELECT json_array_elements_text(CAST($1 AS JSON))", "SELECT value FROM json_each($1)"),
    ("SELECT json_array_elements_text(CAST($7 AS JSON))", "SELECT value FROM json_each($7)"),
    ("SELECT json_array_elements_text(CAST($8 AS JSON))", "SELECT value FROM json_each($8)"),
    ("SELECT w FROM json_array_elements_text(CAST($1 AS JSON)) w", "SELECT value FROM json_each($1)"),
    ("SELECT w FROM json_array_elements_text(CAST($2 AS JSON)) w", "SELECT value FROM json_each($2)"),
];

/// Where statements are not the same for both databases: the file, how many, and why.
const UNLIKE: &[(&str, usize, &str)] = &[
    ("src/audit.rs", 2, "the members of a JSON list in their order; locks that only PostgreSQL has"),
    ("audit/search/along.rs", 10, "each planner is told in its own way which index to go along"),
    ("src/cas_logins.rs", 2, "rows are held, and passed by where another node holds them"),
    ("devices/edit.rs", 1, "the account's row is held: PostgreSQL has other writers"),
    ("src/jobs.rs", 2, "a member of a kept JSON list"),
    ("jobs/edit.rs", 2, "columns of a JSON list of objects"),
    ("src/logouts.rs", 2, "rows are held, and passed by where another node holds them"),
    ("src/notices.rs", 1, "rows are passed by where another node holds them"),
    ("people/edit.rs", 3, "a JSON list is made of rows; columns of a JSON list of objects"),
    ("src/sessions.rs", 1, "the account's row is held: PostgreSQL has other writers"),
    ("src/statistics.rs", 2, "columns of a JSON list of objects"),
];

/// A statement without its line breaks, and in the words of SQLite where they only differ.
fn words(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    ALIKE.iter().fold(words, |words, (postgres, sqlite)| words.replace(postgres, sqlite))
}

#[tokio::test]
async fn every_statement_can_be_prepared() {
    let mut connection = tables().await;
    let mut faults = Vec::new();
    let mut count = 0;
    for (path, text) in files("crates/store-sql/src", ".rs") {
        if path.ends_with("src/work.rs") {
            // Where the macros are defined.
            continue;
        }
        let (found, calls) = statements(&text);
        assert_eq!(found.len(), calls, "{path}: a statement is no plain literal");
        count += calls;
        let mut unlike = 0;
        for statement in found {
            let Some(sqlite) = statement.sqlite else { continue };
            unlike += usize::from(words(&sqlite) != words(&statement.postgres));
            faults.extend(fault(&mut connection, &sqlite).await.map(|why| format!("{path}: {why}")));
        }
        let listed =
            UNLIKE.iter().find(|(file, ..)| path.ends_with(file)).map_or(0, |(_, unlike, _)| *unlike);
        assert_eq!(unlike, listed, "{path}: statements that are not the same for both databases");
    }
    assert!(count > 60, "only {count} statements were found");
    assert_eq!(faults, Vec::<String>::new());
}

/// The first step of how SQLite goes about an `UPDATE … FROM json_each(…)`; none for another statement.
async fn first_step(connection: &mut SqliteConnection, statement: &str) -> Option<String> {
    let words = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    if !words.starts_with("UPDATE")
        || !words.contains(" FROM json_each($2) AS r") && !words.contains(" FROM json_each($1) AS r")
    {
        return None;
    }
    let plan = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")));
    let steps = plan.fetch_all(connection).await.unwrap();
    Some(steps[0].get("detail"))
}

/// Of the rows given and those of a table, the given ones lead: the other way round all that waits is gone through,
/// and all that is given for each of it.
#[tokio::test]
async fn given_rows_lead_to_those_that_change() {
    let mut connection = tables().await;
    let mut count = 0;
    for (path, text) in files("crates/store-sql/src", ".rs") {
        for statement in statements(&text).0.into_iter().filter_map(|statement| statement.sqlite) {
            if let Some(step) = first_step(&mut connection, &statement).await {
                assert!(step.starts_with("SCAN r "), "{path}: {step}: {statement}");
                count += 1;
            }
        }
    }
    assert!(count > 1, "only {count} were found");
    let planted = "UPDATE accounts SET search = '' FROM json_each($1) AS r
                    WHERE accounts.id = json_extract(r.value, '$.id') AND accounts.skeleton IS NULL";
    assert!(
        first_step(&mut connection, planted).await.is_some_and(|step| step.starts_with("SEARCH accounts"))
    );
}

#[test]
fn nothing_goes_round_the_statements() {
    for (path, text) in files("crates/store-sql/src", ".rs") {
        let text = without_comments(product(&text));
        if let Some((_, most)) = RUNNERS.iter().find(|(name, _)| path.ends_with(name)) {
            assert_eq!(after(&text, "sqlx::query").count(), *most, "{path}");
            continue;
        }
        assert!(!text.contains("sqlx::query") && !text.contains("AssertSqlSafe"), "{path}");
        for maker in ["Sql::new(", "LastSql {", "PgSql("] {
            let calls = after(&text, maker).count();
            assert!(calls == 0 || path.ends_with("/unit.rs"), "{path}: {maker} outside the macros");
        }
        let sent =
            ["execute(\"", "fetch_optional(&mut self.connection, \"", "tell(\"", "tell(&mut connection, \""];
        for text in sent.iter().flat_map(|call| after(&text, call)) {
            let text = text.split('"').next().unwrap_or_default();
            let known =
                TRANSACTIONS.iter().any(|(file, texts)| path.ends_with(file) && texts.contains(&text));
            assert!(known, "{path}: {text}");
        }
    }
}

#[tokio::test]
async fn a_planted_fault_is_found() {
    let mut connection = tables().await;
    let (found, _) =
        statements("sql!(\"SELECT id FROM accounts\"); last_sql!(\"SELECT nick FROM accounts\")");
    let texts: Vec<String> = found.into_iter().filter_map(|statement| statement.sqlite).collect();
    assert!(fault(&mut connection, &texts[0]).await.is_none());
    assert!(fault(&mut connection, &texts[1]).await.is_some_and(|why| why.contains("nick")));
}
