//! Statements on the database: the only module that knows which one it is.
//!
//! Owns: the form of a statement, how it is run in a unit or on a reader, how rows are read and how
//! errors are named; `sqlite` and `postgres` below hold what only one of them does.
//! Not here: turns and commits (`writer`, `unit`), connections (`readers`, `pool`), the statements (one
//! module a subject).

use std::sync::Arc;

use async_trait::async_trait;
use domain::AuditEntry;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, ValueRef as _};
use store::{Result, StoreError, Work};

use crate::corrupt;
use crate::place::{self, Scratch};
use crate::pool::Pool;
use crate::readers::Readers;
use crate::schema;
use crate::settings::{Place, Settings};
use crate::unit::Unit;
use crate::values::Values;
use crate::writer::{Turn, Writer};

pub(crate) mod postgres;
pub(crate) mod sqlite;

pub(crate) use sqlite::{
    arguments, execute, fetch_all, fetch_optional, is_locked, is_no_transaction, is_rule, options, translate,
};

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
    /// For PostgreSQL.
    pub(crate) postgres: &'static str,
    /// It changes something.
    pub(crate) writes: bool,
    /// It adds rows and may be refused for it.
    pub(crate) inserts: bool,
}

impl Sql {
    pub(crate) const fn new(plain: &'static str, begin: &'static str, postgres: &'static str) -> Self {
        let start = plain.as_bytes();
        let reads = matches!(start, [b'S', b'E', b'L', b'E', b'C', b'T', b' ' | b'\n', ..]);
        let inserts = matches!(start, [b'I', b'N', b'S', b'E', b'R', b'T', b' ' | b'\n', ..]);
        Self { plain, begin, postgres, writes: !reads, inserts }
    }
}

/// A statement, known when the program is compiled. Reads begin with the word `SELECT`. Where the databases
/// need different words, both are given.
macro_rules! sql {
    ($text:literal) => {
        $crate::work::Sql::new($text, ::std::concat!("BEGIN IMMEDIATE; ", $text), $text)
    };
    (sqlite: $sqlite:literal, postgres: $postgres:literal $(,)?) => {
        $crate::work::Sql::new($sqlite, ::std::concat!("BEGIN IMMEDIATE; ", $sqlite), $postgres)
    };
}
pub(crate) use sql;

/// A statement for PostgreSQL alone, made by [`pg_sql!`]: SQLite, where one unit writes at a time, needs
/// none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PgSql(pub(crate) &'static str);

/// A statement for PostgreSQL alone.
macro_rules! pg_sql {
    ($text:literal) => {
        $crate::work::PgSql($text)
    };
}
pub(crate) use pg_sql;

/// The last statement of a batch, made by [`last_sql!`] alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LastSql {
    /// With the commit.
    pub(crate) commit: &'static str,
    /// With begin and commit, when the batch has done nothing else.
    pub(crate) whole: &'static str,
    /// For PostgreSQL, where the commit comes by itself.
    pub(crate) postgres: &'static str,
}

/// A statement that ends a batch.
macro_rules! last_sql {
    ($text:literal) => {
        $crate::work::last_sql!(sqlite: $text, postgres: $text)
    };
    (sqlite: $sqlite:literal, postgres: $postgres:literal $(,)?) => {
        $crate::work::LastSql {
            commit: ::std::concat!($sqlite, "; COMMIT"),
            whole: ::std::concat!("BEGIN IMMEDIATE; ", $sqlite, "; COMMIT"),
            postgres: $postgres,
        }
    };
}
pub(crate) use last_sql;

/// An open database.
pub(crate) enum Database {
    // The scratch folder comes last: connections are closed before their file is removed.
    Sqlite { writer: Writer, readers: Arc<Readers>, _scratch: Option<Scratch> },
    Postgres(Arc<Pool>),
}

impl Database {
    pub(crate) async fn open(settings: Settings) -> Result<Self> {
        let (path, scratch) = match settings.place {
            Place::Postgres(settings) => {
                let options = postgres::options(&settings)?;
                let connection = schema::postgres::open(&options, &settings).await?;
                return Ok(Self::Postgres(Pool::new(options, &settings, connection)?));
            }
            Place::File(path) => (path, None),
            Place::Temporary => {
                let scratch = Scratch::make()?;
                (scratch.file(), Some(scratch))
            }
        };
        place::prepare(&path)?;
        let options = options(&path, scratch.is_none(), settings.patience);
        let connection = schema::sqlite::open_migrated(&options).await?;
        let readers = Readers::new(options.clone().read_only(true), settings.readers.clamp(1, 64));
        let writer = Writer::new(connection, options, settings.patience);
        Ok(Self::Sqlite { writer, readers: Arc::new(readers), _scratch: scratch })
    }

    pub(crate) async fn unit(&self) -> Result<SqlWork> {
        Ok(match self {
            Self::Sqlite { writer, .. } => SqlWork::Writer(writer.begin().await?),
            Self::Postgres(pool) => SqlWork::PgUnit(Box::new(Unit::begin(pool).await?)),
        })
    }

    pub(crate) fn view(&self) -> SqlWork {
        match self {
            Self::Sqlite { readers, .. } => SqlWork::Reader(Arc::clone(readers)),
            Self::Postgres(pool) => SqlWork::PgView(Arc::clone(pool)),
        }
    }

    /// Runs a statement that is a unit by itself and does no harm when it is run twice; says how many rows it
    /// changed.
    pub(crate) async fn alone(&self, sql: Sql, values: Values) -> Result<u64> {
        match self {
            Self::Sqlite { writer, .. } => {
                let mut turn = writer.begin().await?;
                let changed = turn.run(sql, values).await?;
                turn.commit().await?;
                Ok(changed)
            }
            Self::Postgres(pool) => Ok(pool.ask(sql, values).await?.changed),
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers, .. } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// A unit of work, or a view that only reads.
pub(crate) enum SqlWork {
    /// Runs each statement on a reader.
    Reader(Arc<Readers>),
    /// Holds the writer's turn.
    Writer(Turn),
    /// Runs each statement on a connection of the pool.
    PgView(Arc<Pool>),
    /// Holds a connection of the pool.
    PgUnit(Box<Unit>),
}

/// A stored row of one table or join.
pub(crate) trait Entry: Sized {
    /// What a broken row is reported under.
    const TABLE: &'static str;
    /// Takes the columns in the order of the statement.
    fn read(row: &mut Cells<'_>) -> Result<Self>;
}

/// A row of either database.
#[derive(Clone, Copy)]
enum Row<'a> {
    Sqlite(&'a SqliteRow),
    Postgres(&'a PgRow),
}

impl<'a> Row<'a> {
    fn get<T>(self, at: usize) -> Option<T>
    where
        T: sqlx::Decode<'a, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
        T: sqlx::Decode<'a, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        match self {
            Self::Sqlite(row) => row.try_get(at).ok(),
            Self::Postgres(row) => row.try_get(at).ok(),
        }
    }

    fn is_nothing(self, at: usize) -> Result<bool, sqlx::Error> {
        match self {
            Self::Sqlite(row) => row.try_get_raw(at).map(|raw| raw.is_null()),
            Self::Postgres(row) => row.try_get_raw(at).map(|raw| raw.is_null()),
        }
    }
}

/// The cells of a row, taken from left to right. The names are for the report of a broken one.
pub(crate) struct Cells<'a> {
    row: Row<'a>,
    next: usize,
    table: &'static str,
}

impl<'a> Cells<'a> {
    fn take<T>(&mut self, column: &'static str) -> Result<T>
    where
        T: sqlx::Decode<'a, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
        T: sqlx::Decode<'a, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        let at = self.next;
        self.next += 1;
        self.row.get(at).ok_or_else(|| {
            let id = self.row.get::<String>(0).unwrap_or_default();
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
        self.row.is_nothing(self.next).map_err(|why| translate(&why))
    }
}

/// Reads one row.
fn read<E: Entry>(row: Row<'_>) -> Result<E> {
    E::read(&mut Cells { row, next: 0, table: E::TABLE })
}

fn read_sqlite<E: Entry>(row: &SqliteRow) -> Result<E> {
    read(Row::Sqlite(row))
}

fn read_postgres<E: Entry>(row: &PgRow) -> Result<E> {
    read(Row::Postgres(row))
}

fn a_view_cannot_write() -> StoreError {
    StoreError::Unavailable("a view cannot write".into())
}

impl SqlWork {
    /// Runs a statement that answers no rows; says how many rows it changed.
    pub(crate) async fn run(&mut self, sql: Sql, values: Values) -> Result<u64> {
        match self {
            Self::Reader(_) | Self::PgView(_) => Err(a_view_cannot_write()),
            Self::Writer(turn) => turn.run(sql, values).await,
            Self::PgUnit(unit) => Ok(unit.ask(sql, values).await?.changed),
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
            Self::PgView(pool) => {
                return pool.ask(sql, values).await?.rows.first().map(read_postgres).transpose();
            }
            Self::PgUnit(unit) => {
                return unit.ask(sql, values).await?.rows.first().map(read_postgres).transpose();
            }
        };
        row.as_ref().map(read_sqlite).transpose()
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
            Self::PgView(pool) => {
                return pool.ask(sql, values).await?.rows.iter().map(read_postgres).collect();
            }
            Self::PgUnit(unit) => {
                return unit.ask(sql, values).await?.rows.iter().map(read_postgres).collect();
            }
        };
        rows.iter().map(read_sqlite).collect()
    }

    /// On PostgreSQL, in a unit: waits for those that are in the way of what comes next, and keeps them out
    /// until the unit ends. On SQLite a unit has no others beside it.
    pub(crate) async fn alone_with(&mut self, sql: PgSql, values: Values) -> Result<()> {
        if let Self::PgUnit(unit) = self {
            unit.hold(sql, values).await?;
        }
        Ok(())
    }

    /// Keeps an audit entry for the end of the unit.
    pub(crate) fn keep_audit(&mut self, entry: AuditEntry) -> Result<()> {
        match self {
            Self::Reader(_) | Self::PgView(_) => return Err(a_view_cannot_write()),
            Self::Writer(turn) => turn.keep_audit(entry),
            Self::PgUnit(unit) => unit.keep_audit(entry),
        }
        Ok(())
    }
}

#[async_trait]
impl Work for SqlWork {
    async fn commit(self: Box<Self>) -> Result<()> {
        match *self {
            Self::Reader(_) | Self::PgView(_) => Ok(()),
            Self::Writer(turn) => turn.commit().await,
            Self::PgUnit(unit) => unit.commit().await,
        }
    }
}

/// What is taken when a value is there already: SQLite names the column, PostgreSQL the constraint.
const UNIQUE: &[(&str, &str, &str)] = &[
    ("accounts.username_key", "accounts_username_key_key", "username"),
    ("accounts.skeleton", "accounts_by_skeleton", "username"),
    ("groups.name_key", "groups_name_key_key", "group"),
    ("accounts.webauthn_handle", "accounts_webauthn_handle_key", "webauthn_handle"),
    ("accounts.id", "accounts_pkey", "account"),
    ("passkeys.credential_id", "passkeys_credential_id_key", "passkey"),
    ("passkeys.id", "passkeys_pkey", "passkey"),
    ("devices.key_thumbprint", "devices_key_thumbprint_key", "device_key"),
    ("device_keys.thumbprint", "device_keys_pkey", "device_key"),
    ("devices.cas_name", "devices_by_cas_name", "cas_name"),
    ("devices.id", "devices_pkey", "device"),
    ("enrolments.token_hash", "enrolments_token_hash_key", "enrolment"),
    ("enrolments.id", "enrolments_pkey", "enrolment"),
    ("sessions.secret_hash", "sessions_secret_hash_key", "session"),
    ("sessions.id", "sessions_pkey", "session"),
    ("clients.id", "clients_pkey", "client_id"),
    ("signing_keys.kid", "signing_keys_pkey", "kid"),
    ("refresh_families.grant_id", "refresh_families_pkey", "refresh_family"),
    ("initial_tokens.name", "initial_tokens_name_key", "initial_token"),
    ("initial_tokens.token_hash", "initial_tokens_pkey", "initial_token"),
];

/// The port's word for a column or constraint.
fn conflict(name: &str) -> StoreError {
    let known = UNIQUE.iter().find(|(sqlite, postgres, _)| *sqlite == name || *postgres == name);
    StoreError::Conflict(known.map_or("row", |(_, _, word)| *word))
}
