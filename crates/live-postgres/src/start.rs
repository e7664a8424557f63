//! What is asked of the database before it is used.
//!
//! Owns: the tables (made when they are missing), and the sentences. Each names the setting to change and holds no
//! secret.

use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener};
use sqlx::{ConnectOptions as _, Connection as _, Error, Row as _};
use tokio::time::timeout;

use crate::listener::{self, CHANNEL};
use crate::settings::Settings;

/// The oldest that is tested.
const OLDEST: i32 = 14;
/// How long the server may take to let us in.
const ARRIVAL: Duration = Duration::from_secs(3);
/// Nodes that start together make the tables one after the other.
const IN_TURN: &str = "SELECT pg_advisory_xact_lock(CAST(5497853135610 AS BIGINT))";
const TABLES: &str = include_str!("../../../migrations/live/0001_live.sql");

/// Why the live store cannot be used: one sentence that names the setting to change. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

/// Reads the address.
pub(crate) fn options(settings: &Settings) -> Result<PgConnectOptions, StartError> {
    let options = PgConnectOptions::from_str(&settings.url).map_err(|_| {
        StartError(
            "database.url is no address of PostgreSQL such as postgres://user@host:5432/database".to_owned(),
        )
    })?;
    let options = match &settings.password {
        Some(password) => options.password(password),
        None => options,
    };
    // A statement ends before its caller gives up on it, and what is lost in a crash is lost anyway.
    let millis = settings.timeout.as_millis().clamp(50, 60_000).to_string();
    let options = options.application_name("latchbolt-live").statement_cache_capacity(64).options([
        ("synchronous_commit", "off"),
        ("statement_timeout", millis.as_str()),
        ("lock_timeout", millis.as_str()),
        ("idle_in_transaction_session_timeout", "10s"),
    ]);
    Ok(options.disable_statement_logging())
}

/// Looks at the server, makes the tables, tries the statements, and listens.
pub(crate) async fn prepare(options: &PgConnectOptions) -> Result<PgListener, StartError> {
    with(options, async |connection| {
        make_tables(connection, options).await?;
        try_out(connection, options).await?;
        hears(connection, options).await
    })
    .await
}

/// Makes the tables when they are missing, as a start does: for nodes whose role may not. Answers whether they were.
///
/// # Errors
/// As [`PostgresLive::connect`](crate::PostgresLive::connect).
pub async fn migrate(settings: &Settings) -> Result<bool, StartError> {
    let options = options(settings)?;
    with(&options, async |connection| make_tables(connection, &options).await).await
}

/// Whether the tables are there; changes nothing.
///
/// # Errors
/// As [`PostgresLive::connect`](crate::PostgresLive::connect).
pub async fn is_migrated(settings: &Settings) -> Result<bool, StartError> {
    let options = options(settings)?;
    let asked = async |connection: &mut PgConnection| {
        are_there(connection).await.map_err(|error| refused(&options, &error))
    };
    with(&options, asked).await
}

/// Does something on a connection of its own to a server that will do.
async fn with<T, F>(options: &PgConnectOptions, deed: F) -> Result<T, StartError>
where
    F: AsyncFnOnce(&mut PgConnection) -> Result<T, StartError>,
{
    let place = place(options);
    let late =
        |_| StartError(format!("database.url: PostgreSQL at {place} does not answer; check that it runs"));
    let connected = timeout(ARRIVAL, options.connect()).await.map_err(late)?;
    let mut connection = connected.map_err(|error| refused(options, &error))?;
    let done = async {
        is_fit(&mut connection, &place).await?;
        deed(&mut connection).await
    };
    let done = timeout(ARRIVAL * 2, done).await.map_err(late)??;
    let _ = timeout(ARRIVAL, connection.close()).await;
    Ok(done)
}

async fn is_fit(connection: &mut PgConnection, place: &str) -> Result<(), StartError> {
    let row = sqlx::query(
        "SELECT CAST(current_setting('server_version_num') AS INTEGER) / 10000,
                pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on',
                CAST(current_setting('server_encoding') AS TEXT)",
    )
    .fetch_one(connection)
    .await;
    let read = row.and_then(|row| {
        Ok((row.try_get::<i32, _>(0)?, row.try_get::<bool, _>(1)?, row.try_get::<String, _>(2)?))
    });
    let (version, only_reads, encoding) =
        read.map_err(|error| StartError(format!("database.url: PostgreSQL at {place} says: {error}")))?;
    if version < OLDEST {
        return Err(StartError(format!(
            "database.url: PostgreSQL at {place} is version {version}; {OLDEST} is the oldest that can be used"
        )));
    }
    if only_reads {
        return Err(StartError(format!(
            "database.url: PostgreSQL at {place} only reads; name the primary server"
        )));
    }
    if encoding != "UTF8" {
        return Err(StartError(format!(
            "database.url: the database at {place} has the encoding {encoding}; name one with UTF8"
        )));
    }
    Ok(())
}

async fn make_tables(connection: &mut PgConnection, options: &PgConnectOptions) -> Result<bool, StartError> {
    let made = tables(connection).await;
    made.map_err(|error| no_right(options, "make its tables (migrations/live)", &error))
}

async fn are_there(connection: &mut PgConnection) -> Result<bool, Error> {
    let there = "SELECT to_regclass('live_slots') IS NOT NULL AND to_regclass('live_counters') IS NOT NULL";
    sqlx::query(there).fetch_one(connection).await?.try_get(0)
}

/// Makes the tables when they are missing, and answers whether they were. A role that may not make tables can use
/// them when they are there.
pub(crate) async fn tables(connection: &mut PgConnection) -> Result<bool, Error> {
    if are_there(connection).await? {
        return Ok(false);
    }
    let mut transaction = connection.begin().await?;
    // What the tables hold may be lost in a crash, the tables may not.
    sqlx::query(
        "SELECT set_config('lock_timeout', '0', TRUE), set_config('statement_timeout', '0', TRUE),
                set_config('synchronous_commit', 'on', TRUE)",
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query(IN_TURN).execute(&mut *transaction).await?;
    sqlx::raw_sql(TABLES).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Does what will be done, on a row of its own.
async fn try_out(connection: &mut PgConnection, options: &PgConnectOptions) -> Result<(), StartError> {
    for statement in [
        "INSERT INTO live_slots (kind, id, value, version, ends_at)
         VALUES ('check', CAST(pg_backend_pid() AS TEXT), '', 1, statement_timestamp())
         ON CONFLICT (kind, id) DO UPDATE SET ends_at = excluded.ends_at",
        "DELETE FROM live_slots WHERE kind = 'check' AND id = CAST(pg_backend_pid() AS TEXT) RETURNING value",
        "INSERT INTO live_counters (kind, id, sum, ends_at)
         VALUES ('check', CAST(pg_backend_pid() AS TEXT), 1, statement_timestamp())
         ON CONFLICT (kind, id) DO UPDATE SET ends_at = excluded.ends_at",
        "DELETE FROM live_counters WHERE kind = 'check' AND id = CAST(pg_backend_pid() AS TEXT) RETURNING sum",
    ] {
        let done = sqlx::query(statement).execute(&mut *connection).await;
        done.map_err(|error| no_right(options, "read and write live_slots and live_counters", &error))?;
    }
    Ok(())
}

/// A pooler that lends a connection per transaction takes LISTEN and passes nothing on.
async fn hears(connection: &mut PgConnection, options: &PgConnectOptions) -> Result<PgListener, StartError> {
    let mut listener = listener::listen(options).await.map_err(|error| refused(options, &error))?;
    let said = sqlx::query("SELECT pg_notify($1, 'check')").bind(CHANNEL).execute(connection).await;
    said.map_err(|error| refused(options, &error))?;
    match timeout(ARRIVAL, listener.try_recv()).await {
        Ok(Ok(Some(_))) => Ok(listener),
        _ => Err(StartError(format!(
            "database.url: what NOTIFY says at {} is not heard; name PostgreSQL itself, not a pooler before it",
            place(options)
        ))),
    }
}

fn no_right(options: &PgConnectOptions, what: &str, error: &Error) -> StartError {
    if code(error).as_deref() == Some("42501") {
        return StartError(format!(
            "database.url: the role `{}` may not {what} in the database at {} ({error}); grant it",
            options.get_username(),
            place(options)
        ));
    }
    refused(options, error)
}

fn refused(options: &PgConnectOptions, error: &Error) -> StartError {
    let place = place(options);
    let code = code(error);
    let (user, database) = (options.get_username(), options.get_database().unwrap_or_default());
    StartError(match (code.as_deref(), error) {
        (Some("28P01" | "28000"), _) => {
            format!(
                "database.password: PostgreSQL at {place} refuses the role `{user}` ({error}); correct database.url or database.password"
            )
        }
        (Some("3D000"), _) => {
            format!(
                "database.url: PostgreSQL at {place} has no database `{database}`; make it, or correct the name"
            )
        }
        (Some("42501"), _) => {
            format!("database.url: PostgreSQL at {place} denies the role `{user}` something ({error})")
        }
        (_, Error::Tls(cause)) => {
            format!(
                "database.url: TLS with PostgreSQL at {place} failed ({cause}); check sslmode and sslrootcert"
            )
        }
        _ => format!("database.url: PostgreSQL at {place} cannot be used ({error})"),
    })
}

fn code(error: &Error) -> Option<Cow<'_, str>> {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code)
}

/// Host and port, without secrets.
fn place(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}
