//! PostgreSQL: how its connections are opened, its statements run, its errors named.

use futures_util::TryStreamExt as _;
use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgRow};
use sqlx::{Arguments as _, ConnectOptions as _, Either, Executor as _, Row as _};
use store::{Result, StoreError};

use super::{STATEMENTS, conflict};
use crate::settings::PgSettings;
use crate::values::{Value, Values};

/// How connections are opened. What they may not do is set as they start, so that it costs no trip.
pub(crate) fn options(settings: &PgSettings) -> Result<PgConnectOptions> {
    let mut options: PgConnectOptions = settings.url.parse().map_err(|why: sqlx::Error| {
        let why = match why {
            sqlx::Error::Configuration(why) => why.to_string(),
            other => other.to_string(),
        };
        StoreError::Unavailable(format!("database.url is no address of a PostgreSQL database: {why}"))
    })?;
    if let Some(password) = &settings.password {
        options = options.password(password);
    }
    let lock = settings.patience.as_millis().max(1);
    let statement = settings.statement_timeout.as_millis().max(1);
    Ok(options
        .application_name("latchbolt")
        .statement_cache_capacity(STATEMENTS)
        .options([
            ("statement_timeout", statement.to_string()),
            ("lock_timeout", lock.to_string()),
            // A list's statement is prepared for all its filters: compiling it takes longer than running it.
            ("jit", "off".to_owned()),
            // A node that stands still in the middle of a unit must not hold its locks for long.
            ("idle_in_transaction_session_timeout", "5000".to_owned()),
        ])
        .disable_statement_logging())
}

/// Where the database is, for messages: without user and password.
pub(crate) fn shown(options: &PgConnectOptions) -> String {
    options.get_socket().map_or_else(
        || format!("{}:{}", options.get_host(), options.get_port()),
        |socket| format!("{} (port {})", socket.display(), options.get_port()),
    )
}

/// Why no connection was made, with the setting to change.
pub(crate) fn refusal(options: &PgConnectOptions, why: &sqlx::Error) -> StoreError {
    let place = shown(options);
    let user = options.get_username();
    StoreError::Unavailable(match why {
        sqlx::Error::Database(error) => match error.code().as_deref() {
            Some("28P01" | "28000") => format!(
                "PostgreSQL at {place} does not let the user {user} in ({}); check the user in database.url \
                 and database.password",
                error.message()
            ),
            Some("3D000") => format!(
                "there is no database {} at {place}; make it, or correct database.url",
                options.get_database().unwrap_or(user)
            ),
            Some("53300") => format!(
                "PostgreSQL at {place} has no connection left ({}); lower database.connections or raise its \
                 max_connections",
                error.message()
            ),
            _ => format!("PostgreSQL at {place} refuses connections: {}", error.message()),
        },
        sqlx::Error::Tls(why) => format!(
            "no TLS connection to PostgreSQL at {place} can be made ({why}); check sslmode and sslrootcert in \
             database.url"
        ),
        other => format!(
            "PostgreSQL at {place} cannot be reached ({other}); check database.url, and that the server runs"
        ),
    })
}

/// What a statement answered.
#[derive(Default)]
pub(crate) struct Answer {
    pub(crate) rows: Vec<PgRow>,
    pub(crate) changed: u64,
}

/// Runs a statement to the end of its answers: one by itself is durable only then.
pub(crate) async fn ask(
    connection: &mut PgConnection,
    text: &'static str,
    values: Values,
) -> Result<Answer, sqlx::Error> {
    let mut answers = connection.fetch_many(sqlx::query_with(text, arguments(values)?));
    let mut answer = Answer::default();
    while let Some(step) = answers.try_next().await? {
        match step {
            Either::Left(done) => answer.changed += done.rows_affected(),
            Either::Right(row) => answer.rows.push(row),
        }
    }
    Ok(answer)
}

/// Runs a text without values that answers nothing.
pub(crate) async fn tell(connection: &mut PgConnection, text: &'static str) -> Result<(), sqlx::Error> {
    connection.execute(text).await.map(drop)
}

/// The values as this database takes them.
fn arguments(values: Values) -> Result<PgArguments, sqlx::Error> {
    let mut arguments = PgArguments::default();
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

fn code(why: &sqlx::Error) -> Option<std::borrow::Cow<'_, str>> {
    why.as_database_error().and_then(DatabaseError::code)
}

/// Whether the statement alone was refused by a rule of the tables.
pub(crate) fn is_rule(why: &sqlx::Error) -> bool {
    why.as_database_error().is_some_and(|error| error.kind() != ErrorKind::Other)
}

/// Whether others were in the way: a conflict of transactions, a deadlock, a lock that did not come.
pub(crate) fn is_contended(why: &sqlx::Error) -> bool {
    matches!(code(why).as_deref(), Some("40001" | "40P01" | "55P03"))
}

/// Whether the connection is of no more use: it is broken, the server ends it, or the server behind it is
/// no longer the one that writes.
pub(crate) fn is_dead(why: &sqlx::Error) -> bool {
    match why.as_database_error() {
        None => true,
        Some(error) => error.code().is_none_or(|code| {
            code.starts_with("08")
                || matches!(&*code, "25006" | "25P03" | "57P01" | "57P02" | "57P03" | "57P05")
        }),
    }
}

/// Whether no answer came in time.
pub(crate) fn is_late(why: &sqlx::Error) -> bool {
    matches!(why, sqlx::Error::Io(why) if why.kind() == std::io::ErrorKind::TimedOut)
}

/// The error of an answer that did not come.
pub(crate) fn late() -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "PostgreSQL did not answer in time"))
}

/// Names an error of the database in the port's words.
pub(crate) fn translate(why: &sqlx::Error) -> StoreError {
    let Some(error) = why.as_database_error() else {
        return StoreError::Unavailable(why.to_string());
    };
    match error.kind() {
        ErrorKind::UniqueViolation => conflict(error.constraint().unwrap_or_default()),
        ErrorKind::ForeignKeyViolation => StoreError::Conflict("reference"),
        _ if is_contended(why) => StoreError::Contended(error.message().to_owned()),
        _ => StoreError::Unavailable(error.message().to_owned()),
    }
}

/// What a server and a database are.
pub(crate) struct Qualities {
    pub(crate) is_standby: bool,
    pub(crate) only_reads: bool,
    pub(crate) encoding: String,
}

pub(crate) fn qualities(row: &PgRow) -> Result<Qualities, sqlx::Error> {
    Ok(Qualities { is_standby: row.try_get(0)?, only_reads: row.try_get(1)?, encoding: row.try_get(2)? })
}

/// The one cell of a row.
pub(crate) fn flag(row: &PgRow) -> Result<bool, sqlx::Error> {
    row.try_get(0)
}
