//! The tables in a PostgreSQL database, and what is asked of the server before anything else.

use std::time::Duration;

use sqlx::migrate::{Migrate as _, MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use store::{Result, StoreError};
use tokio::time::timeout;

use super::{APPLIED, SchemaState, compare, names, refusal};
use crate::settings::PgSettings;
use crate::values::bind;
use crate::work::postgres::{self as pg, translate};
use crate::work::{PgSql, pg_sql};

/// How long the server may take to let us in when the program starts.
const ARRIVAL: Duration = Duration::from_secs(5);
/// How often a migration that met a lock is tried.
const TRIES: u32 = 10;
/// How long others have the tables to themselves before the next try.
const PAUSE: Duration = Duration::from_millis(300);
/// The oldest server whose statements are tested.
const OLDEST: u32 = 14;

/// What the server and the database are.
const QUALITIES: PgSql = pg_sql!(
    "SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on',
            CAST(pg_encoding_to_char(encoding) AS TEXT)
       FROM pg_database WHERE datname = current_database()"
);
const HAS_NOTES: PgSql = pg_sql!("SELECT to_regclass('_sqlx_migrations') IS NOT NULL");
/// Nodes that start together wait for the one that migrates; tables are waited for shortly, because everybody
/// else then waits behind us.
const BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '120s';
    SET LOCAL idle_in_transaction_session_timeout = 0";
const IN_TURN: PgSql = pg_sql!("SELECT pg_advisory_xact_lock(CAST(5497853135603 AS BIGINT))");
const BRIEFLY: &str = "SET LOCAL lock_timeout = '1s'";

fn migrator() -> Migrator {
    let mut migrator = super::migrator(|(_, _, _, postgres)| postgres);
    // Our own lock lasts until the commit.
    migrator.set_locking(false);
    migrator
}

/// Opens a connection to a database that will do, and brings its tables up to date or refuses older ones.
pub(crate) async fn open(options: &PgConnectOptions, settings: &PgSettings) -> Result<PgConnection> {
    let mut connection = connect(options).await?;
    match of(&mut connection).await? {
        SchemaState::Current => {}
        SchemaState::Newer { number } => return Err(refusal(MigrateError::VersionMissing(number))),
        SchemaState::Empty | SchemaState::Older { .. } if settings.migrate => {
            bring_up(&mut connection).await?;
        }
        SchemaState::Empty => return Err(older(&names())),
        SchemaState::Older { missing } => return Err(older(&missing)),
    }
    Ok(connection)
}

fn older(missing: &[&str]) -> StoreError {
    StoreError::Unavailable(format!(
        "the database is older than this Latchbolt (it misses {}); run `latchbolt migrate`, or set \
         database.migrate to \"at-start\"",
        missing.join(", ")
    ))
}

pub(super) async fn state(settings: &PgSettings) -> Result<SchemaState> {
    let mut connection = connect(&pg::options(settings)?).await?;
    let state = of(&mut connection).await;
    close(connection).await;
    state
}

pub(super) async fn migrate(settings: &PgSettings) -> Result<Vec<&'static str>> {
    let mut connection = connect(&pg::options(settings)?).await?;
    let done = bring_up(&mut connection).await;
    close(connection).await;
    done
}

async fn close(connection: PgConnection) {
    if let Err(why) = connection.close().await {
        tracing::debug!(%why, "A connection to PostgreSQL did not close");
    }
}

/// Connects, and refuses a server or database that will not do.
async fn connect(options: &PgConnectOptions) -> Result<PgConnection> {
    let late = |_| {
        StoreError::Unavailable(format!(
            "PostgreSQL at {} does not answer; check database.url, and that the server runs",
            pg::shown(options)
        ))
    };
    let connected = timeout(ARRIVAL, options.connect()).await.map_err(late)?;
    let mut connection = connected.map_err(|why| pg::refusal(options, &why))?;
    let asked = pg::ask(&mut connection, QUALITIES.0, bind![]);
    let answer = timeout(ARRIVAL, asked).await.map_err(late)?.map_err(|why| translate(&why))?;
    // As it introduced itself; a server of another make may not say.
    let version = connection.server_version_num().map_or(0, |number| number / 10_000);
    let qualities = answer.rows.first().ok_or(sqlx::Error::RowNotFound).and_then(pg::qualities);
    let qualities = qualities.map_err(|why| translate(&why))?;
    match qualities.fault(version, options) {
        None => Ok(connection),
        Some(fault) => {
            close(connection).await;
            Err(StoreError::Unavailable(fault))
        }
    }
}

impl pg::Qualities {
    /// Why it will not do.
    fn fault(&self, version: u32, options: &PgConnectOptions) -> Option<String> {
        let place = pg::shown(options);
        if version < OLDEST {
            return Some(format!(
                "PostgreSQL at {place} is version {version}, and Latchbolt needs {OLDEST} or newer; upgrade it, \
                 or correct database.url"
            ));
        }
        if self.is_standby {
            return Some(format!(
                "PostgreSQL at {place} is a standby, which only reads; name the primary server in database.url"
            ));
        }
        if self.only_reads {
            return Some(format!(
                "the database at {place} only reads (default_transaction_read_only is on); switch that off, \
                 or correct database.url"
            ));
        }
        if self.encoding != "UTF8" {
            return Some(format!(
                "the database at {place} has the encoding {}, and Latchbolt needs UTF8; make one with \
                 ENCODING 'UTF8', and name it in database.url",
                self.encoding
            ));
        }
        None
    }
}

async fn of(connection: &mut PgConnection) -> Result<SchemaState> {
    let answer = pg::ask(connection, HAS_NOTES.0, bind![]).await.map_err(|why| translate(&why))?;
    let has_notes = answer.rows.first().ok_or(sqlx::Error::RowNotFound).and_then(pg::flag);
    if !has_notes.map_err(|why| translate(&why))? {
        return Ok(SchemaState::Empty);
    }
    let applied = connection.list_applied_migrations(APPLIED).await.map_err(refusal)?;
    compare(&migrator(), &applied)
}

/// Runs what is missing, as one transaction, one node at a time.
async fn bring_up(connection: &mut PgConnection) -> Result<Vec<&'static str>> {
    let mut tries = 1;
    loop {
        let mut lock = connection.begin_with(BEGIN).await.map_err(|why| translate(&why))?;
        let done = in_turn(&mut lock).await;
        match done {
            Ok(done) => {
                lock.commit().await.map_err(|why| translate(&why))?;
                return Ok(done);
            }
            Err(why) => {
                lock.rollback().await.map_err(|why| translate(&why))?;
                match why {
                    StoreError::Contended(_) if tries < TRIES => {
                        tries += 1;
                        tokio::time::sleep(PAUSE).await;
                    }
                    StoreError::Contended(why) => {
                        return Err(StoreError::Unavailable(format!(
                            "the database cannot be brought up to date while others hold its tables ({why}); \
                             try again"
                        )));
                    }
                    other => return Err(other),
                }
            }
        }
    }
}

async fn in_turn(connection: &mut PgConnection) -> Result<Vec<&'static str>> {
    pg::ask(connection, IN_TURN.0, bind![]).await.map_err(|why| translate(&why))?;
    let missing = match of(connection).await? {
        SchemaState::Current => return Ok(Vec::new()),
        SchemaState::Newer { number } => return Err(refusal(MigrateError::VersionMissing(number))),
        SchemaState::Empty => names(),
        SchemaState::Older { missing } => missing,
    };
    pg::tell(connection, BRIEFLY).await.map_err(|why| translate(&why))?;
    match migrator().run(connection).await {
        Ok(()) => Ok(missing),
        Err(MigrateError::Execute(why) | MigrateError::ExecuteMigration(why, _))
            if pg::is_contended(&why) =>
        {
            Err(translate(&why))
        }
        Err(why) => Err(refusal(why)),
    }
}
