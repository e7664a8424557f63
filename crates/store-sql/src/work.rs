//! Statements on the database: the only file that knows which one it is.
//!
//! Owns: the form of a statement, how it is run in a unit or on a reader, how rows are read and how
//! errors are named.
//! Not here: turns and commits (`writer`), the statements (one module a subject).

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::AuditEntry;
use futures_util::TryStreamExt as _;
use sqlx::error::ErrorKind;
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteRow, SqliteSynchronous,
};
use sqlx::{Arguments as _, ConnectOptions as _, Either, Executor as _, Row as _};
use store::{Result, StoreError, Work};

use crate::corrupt;
use crate::readers::Readers;
use crate::values::{Value, Values};
use crate::writer::Turn;

/// More than all statements in all their forms: none is ever prepared twice.
const STATEMENTS: usize = 512;

/// A statement, made by [`sql!`] alone. A trip to the writer's thread costs more than most statements,
/// so what has to come before travels with it, in one text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sql {
    /// By itself.
    pub(crate) plain: &'static str,
    /// As the first of a batch.
    pub(crate) begin: &'static str,
    /// It changes something.
    pub(crate) writes: bool,
}

impl Sql {
    pub(crate) const fn new(plain: &'static str, begin: &'static str) -> Self {
        let start = plain.as_bytes();
        let reads = matches!(start, [b'S', b'E', b'L', b'E', b'C', b'T', b' ' | b'\n', ..]);
        Self { plain, begin, writes: !reads }
    }
}

/// A statement, known when the program is compiled. Reads begin with the word `SELECT`.
macro_rules! sql {
    ($text:literal) => {
        $crate::work::Sql::new($text, ::std::concat!("BEGIN IMMEDIATE; ", $text))
    };
}
pub(crate) use sql;

/// The last statement of a batch, made by [`last_sql!`] alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LastSql {
    /// With the commit.
    pub(crate) commit: &'static str,
    /// With begin and commit, when the batch has done nothing else.
    pub(crate) whole: &'static str,
}

/// A statement that ends a batch.
macro_rules! last_sql {
    ($text:literal) => {
        $crate::work::LastSql {
            commit: ::std::concat!($text, "; COMMIT"),
            whole: ::std::concat!("BEGIN IMMEDIATE; ", $text, "; COMMIT"),
        }
    };
}
pub(crate) use last_sql;

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

/// A unit of work, or a view that only reads.
pub(crate) enum SqlWork {
    /// Runs each statement on a reader.
    Reader(Arc<Readers>),
    /// Holds the writer's turn.
    Writer(Turn),
}

/// A stored row of one table or join.
pub(crate) trait Entry: Sized {
    /// What a broken row is reported under.
    const TABLE: &'static str;
    /// Takes the columns in the order of the statement.
    fn read(row: &mut Cells<'_>) -> Result<Self>;
}

/// The cells of a row, taken from left to right. The names are for the report of a broken one.
pub(crate) struct Cells<'a> {
    row: &'a SqliteRow,
    next: usize,
    table: &'static str,
}

impl<'a> Cells<'a> {
    fn take<T>(&mut self, column: &'static str) -> Result<T>
    where
        T: sqlx::Decode<'a, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    {
        let at = self.next;
        self.next += 1;
        self.row.try_get(at).map_err(|_| {
            let id = self.row.try_get::<String, _>(0).unwrap_or_default();
            corrupt(self.table, column, id)
        })
    }

    pub(crate) fn text(&mut self, column: &'static str) -> Result<String> {
        self.take(column)
    }
    pub(crate) fn maybe_text(&mut self, column: &'static str) -> Result<Option<String>> {
        self.take(column)
    }
    pub(crate) fn number(&mut self, column: &'static str) -> Result<i64> {
        self.take(column)
    }
    pub(crate) fn maybe_number(&mut self, column: &'static str) -> Result<Option<i64>> {
        self.take(column)
    }
    pub(crate) fn flag(&mut self, column: &'static str) -> Result<bool> {
        self.take(column)
    }
    pub(crate) fn bytes(&mut self, column: &'static str) -> Result<Vec<u8>> {
        self.take(column)
    }
    pub(crate) fn maybe_bytes(&mut self, column: &'static str) -> Result<Option<Vec<u8>>> {
        self.take(column)
    }

    /// Whether the next cell holds nothing; an outer join found no partner. Does not move on.
    pub(crate) fn is_nothing(&self) -> Result<bool> {
        let raw = self.row.try_get_raw(self.next).map_err(|why| translate(&why))?;
        Ok(sqlx::ValueRef::is_null(&raw))
    }
}

/// Reads one row.
fn read<E: Entry>(row: &SqliteRow) -> Result<E> {
    E::read(&mut Cells { row, next: 0, table: E::TABLE })
}

impl SqlWork {
    /// Runs a statement that answers no rows; says how many rows it changed.
    pub(crate) async fn run(&mut self, sql: Sql, values: Values) -> Result<u64> {
        match self {
            Self::Reader(_) => Err(StoreError::Unavailable("a view cannot write".into())),
            Self::Writer(turn) => turn.run(sql, values).await,
        }
    }

    /// Runs a statement that answers at most one row.
    pub(crate) async fn optional<E: Entry>(&mut self, sql: Sql, values: Values) -> Result<Option<E>> {
        let row = match self {
            Self::Reader(readers) => {
                let arguments = arguments(values).map_err(|why| translate(&why))?;
                let mut lent = readers.lend().await?;
                match fetch_optional(lent.connection()?, sql.plain, arguments).await {
                    Ok(row) => row,
                    Err(why) => {
                        lent.discard();
                        return Err(translate(&why));
                    }
                }
            }
            Self::Writer(turn) => turn.optional(sql, values).await?,
        };
        row.as_ref().map(read).transpose()
    }

    /// Runs a statement that answers rows.
    pub(crate) async fn all<E: Entry>(&mut self, sql: Sql, values: Values) -> Result<Vec<E>> {
        let rows = match self {
            Self::Reader(readers) => {
                let arguments = arguments(values).map_err(|why| translate(&why))?;
                let mut lent = readers.lend().await?;
                match fetch_all(lent.connection()?, sql.plain, arguments).await {
                    Ok(rows) => rows,
                    Err(why) => {
                        lent.discard();
                        return Err(translate(&why));
                    }
                }
            }
            Self::Writer(turn) => turn.all(sql, values).await?,
        };
        rows.iter().map(read).collect()
    }

    /// Keeps an audit entry for the end of the unit.
    pub(crate) fn keep_audit(&mut self, entry: AuditEntry) -> Result<()> {
        match self {
            Self::Reader(_) => Err(StoreError::Unavailable("a view cannot write".into())),
            Self::Writer(turn) => {
                turn.keep_audit(entry);
                Ok(())
            }
        }
    }
}

#[async_trait]
impl Work for SqlWork {
    async fn commit(self: Box<Self>) -> Result<()> {
        match *self {
            Self::Reader(_) => Ok(()),
            Self::Writer(turn) => turn.commit().await,
        }
    }
}

/// The values as this database takes them.
pub(crate) fn arguments(values: Values) -> Result<SqliteArguments, sqlx::Error> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(values.len(), 0);
    for value in values {
        match value {
            Value::Nothing => arguments.add(None::<i64>),
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
    let code = why.as_database_error().and_then(sqlx::error::DatabaseError::code);
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

/// Which columns are taken when a value is there already.
const UNIQUE: &[(&str, &str)] = &[
    ("accounts.username_key", "username"),
    ("accounts.webauthn_handle", "webauthn_handle"),
    ("accounts.id", "account"),
    ("passkeys.credential_id", "passkey"),
    ("passkeys.id", "passkey"),
    ("devices.key_thumbprint", "device_key"),
    ("devices.id", "device"),
    ("enrolments.token_hash", "enrolment"),
    ("enrolments.id", "enrolment"),
    ("sessions.secret_hash", "session"),
    ("sessions.id", "session"),
    ("clients.id", "client_id"),
    ("signing_keys.kid", "kid"),
];

/// Names an error of the database in the port's words.
pub(crate) fn translate(why: &sqlx::Error) -> StoreError {
    let Some(error) = why.as_database_error() else {
        return StoreError::Unavailable(why.to_string());
    };
    match error.kind() {
        ErrorKind::UniqueViolation => {
            let column = error.message().rsplit(": ").next().unwrap_or_default();
            let word = UNIQUE.iter().find(|(name, _)| *name == column).map_or("row", |(_, word)| *word);
            StoreError::Conflict(word)
        }
        ErrorKind::ForeignKeyViolation => StoreError::Conflict("reference"),
        _ => StoreError::Unavailable(error.to_string()),
    }
}
