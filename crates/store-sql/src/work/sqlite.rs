//! SQLite: how its connections are opened, its statements run, its errors named.

use std::path::Path;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteRow, SqliteSynchronous,
};
use sqlx::{Arguments as _, ConnectOptions as _, Either, Executor as _};
use store::StoreError;

use super::{STATEMENTS, conflict};
use crate::values::{Value, Values};

/// How connections are opened.
pub(crate) fn options(path: &Path, durable: bool, patience: Duration) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(if durable { SqliteSynchronous::Full } else { SqliteSynchronous::Off })
        .foreign_keys(true)
        .busy_timeout(patience)
        .statement_cache_capacity(STATEMENTS)
        // Fewer checkpoints write each changed page less often; the log stays below 16 MB in calm hours.
        .pragma("wal_autocheckpoint", "4000")
        .pragma("journal_size_limit", "67108864")
        .pragma("cache_size", "-4096")
        // Pages kept for undoing a statement stay out of files.
        .pragma("temp_store", "memory")
        .disable_statement_logging()
        .thread_name(|number| format!("sqlite-{number}"))
}

/// The values as this database takes them.
pub(crate) fn arguments(values: Values) -> Result<SqliteArguments, sqlx::Error> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(values.len(), 0);
    for value in values {
        match value {
            Value::Text(text) => arguments.add(text),
            Value::Number(number) => arguments.add(number),
            Value::Flag(flag) => arguments.add(flag),
            Value::Bytes(bytes) => arguments.add(bytes),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

/// Runs a text of so many statements; answers how many rows the last one changed. Does not wait for the
/// end of the answers after the last: that would be one more wake-up.
pub(crate) async fn execute(
    connection: &mut SqliteConnection,
    text: &'static str,
    arguments: SqliteArguments,
    mut steps: usize,
) -> Result<u64, sqlx::Error> {
    let mut answers = connection.fetch_many(sqlx::query_with(text, arguments));
    let mut changed = 0;
    while steps > 0
        && let Some(step) = answers.try_next().await?
    {
        if let Either::Left(done) = step {
            // BEGIN repeats the count of an earlier statement: only the last one counts.
            changed = done.rows_affected();
            steps -= 1;
        }
    }
    if steps > 0 {
        return Err(sqlx::Error::WorkerCrashed);
    }
    Ok(changed)
}

pub(crate) async fn fetch_optional(
    connection: &mut SqliteConnection,
    text: &'static str,
    arguments: SqliteArguments,
) -> Result<Option<SqliteRow>, sqlx::Error> {
    connection.fetch_optional(sqlx::query_with(text, arguments)).await
}

pub(crate) async fn fetch_all(
    connection: &mut SqliteConnection,
    text: &'static str,
    arguments: SqliteArguments,
) -> Result<Vec<SqliteRow>, sqlx::Error> {
    connection.fetch_all(sqlx::query_with(text, arguments)).await
}

/// Whether the statement alone was refused by a rule of the tables, and the transaction goes on.
pub(crate) fn is_rule(why: &sqlx::Error) -> bool {
    why.as_database_error().is_some_and(|error| {
        error.kind() != ErrorKind::Other || error.code().is_some_and(|code| primary(&code) == 19)
    })
}

/// Whether another process holds the lock.
pub(crate) fn is_locked(why: &sqlx::Error) -> bool {
    let code = why.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| matches!(primary(&code), 5 | 6))
}

/// Whether there was nothing to roll back.
pub(crate) fn is_no_transaction(why: &sqlx::Error) -> bool {
    why.as_database_error().is_some_and(|error| error.message().contains("no transaction is active"))
}

/// The primary result code in an extended one.
fn primary(code: &str) -> i32 {
    code.parse::<i32>().map_or(0, |code| code & 0xff)
}

/// Names an error of the database in the port's words.
pub(crate) fn translate(why: &sqlx::Error) -> StoreError {
    let Some(error) = why.as_database_error() else {
        return StoreError::Unavailable(why.to_string());
    };
    match error.kind() {
        ErrorKind::UniqueViolation => conflict(error.message().rsplit(": ").next().unwrap_or_default()),
        ErrorKind::ForeignKeyViolation => StoreError::Conflict("reference"),
        _ => StoreError::Unavailable(error.to_string()),
    }
}
