//! The tables and how they come about.
//!
//! Owns: the embedded migrations, which of them a database has, and the refusals. Migrations are only ever
//! added; one that has been released is never changed (its checksum is kept in the database). They expand:
//! nodes of the last release go on beside those of this one (a tidy test sees to it). A node that runs does
//! not mind a newer schema; one that starts does.
//! Not here: the statements on the tables (one module a subject).

pub(crate) mod postgres;
pub(crate) mod sqlite;

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{AppliedMigration, MigrateError, Migration, MigrationType, Migrator};
use store::{Result, StoreError};

use crate::settings::{Place, Settings};

macro_rules! migrations {
    ($($number:literal $name:literal,)*) => {
        /// Number and name of every migration, its text for SQLite and for PostgreSQL.
        const MIGRATIONS: &[(i64, &str, &str, &str)] = &[
            $((
                $number,
                $name,
                include_str!(concat!("../../../migrations/sqlite/", $name, ".sql")),
                include_str!(concat!("../../../migrations/postgres/", $name, ".sql")),
            ),)*
        ];
    };
}

migrations! {
    1 "0001_accounts",
    2 "0002_devices",
    3 "0003_sessions",
    4 "0004_clients",
    5 "0005_grants",
    6 "0006_keys",
    7 "0007_audit",
    8 "0008_nodes",
    9 "0009_relying_parties",
    10 "0010_people",
    11 "0011_registry",
    12 "0012_enrolments",
    13 "0013_factors",
    14 "0014_notices",
    15 "0015_administration",
    16 "0016_audit_chain",
    17 "0017_audit_index",
    18 "0018_personal_data",
    19 "0019_cas",
}

/// Where sqlx notes which migrations were run.
const APPLIED: &str = "_sqlx_migrations";

/// How the tables of a database stand to this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaState {
    /// There is nothing yet.
    Empty,
    /// Some migrations were not run yet.
    Older {
        /// Their names, in order.
        missing: Vec<&'static str>,
    },
    /// Just right.
    Current,
    /// A newer Latchbolt has changed it.
    Newer {
        /// The number of its last migration.
        number: i64,
    },
}

/// How the tables of the database stand; changes nothing.
///
/// # Errors
/// `Unavailable` with a sentence: it cannot be reached or read, or an altered Latchbolt has written it.
pub async fn state(settings: &Settings) -> Result<SchemaState> {
    match &settings.place {
        Place::Postgres(settings) => postgres::state(settings).await,
        Place::File(path) => sqlite::state(path).await,
        Place::Temporary => Ok(SchemaState::Empty),
    }
}

/// Brings the tables of the database up to date; answers the names of the migrations it ran, in order.
/// Several that start together run each once, and a crash leaves nothing half done.
///
/// # Errors
/// `Unavailable` with a sentence, as [`SqlStore::open`](crate::SqlStore::open) says.
pub async fn migrate(settings: &Settings) -> Result<Vec<&'static str>> {
    match &settings.place {
        Place::Postgres(settings) => postgres::migrate(settings).await,
        Place::File(path) => sqlite::migrate(path, settings.patience).await,
        Place::Temporary => Ok(Vec::new()),
    }
}

fn migrator(text: impl Fn(&(i64, &'static str, &'static str, &'static str)) -> &'static str) -> Migrator {
    let all = MIGRATIONS.iter().map(|migration| {
        let (number, name, ..) = migration;
        let text = text(migration).into_sql_str();
        Migration::new(*number, (*name).into(), MigrationType::Simple, text, false)
    });
    Migrator::with_migrations(all.collect())
}

/// How a database with these migrations stands.
fn compare(migrator: &Migrator, applied: &[AppliedMigration]) -> Result<SchemaState> {
    let last = applied.iter().map(|done| done.version).max();
    let newest = MIGRATIONS.last().map_or(0, |(number, ..)| *number);
    match last {
        None => return Ok(SchemaState::Empty),
        Some(number) if number > newest => return Ok(SchemaState::Newer { number }),
        Some(_) => {}
    }
    for done in applied {
        let ours = migrator.iter().find(|ours| ours.version == done.version);
        if ours.is_none_or(|ours| ours.checksum != done.checksum) {
            return Err(refusal(MigrateError::VersionMismatch(done.version)));
        }
    }
    let is_missing = |number: &i64| applied.iter().all(|done| done.version != *number);
    let missing: Vec<&'static str> =
        MIGRATIONS.iter().filter(|(number, ..)| is_missing(number)).map(|(_, name, ..)| *name).collect();
    Ok(if missing.is_empty() { SchemaState::Current } else { SchemaState::Older { missing } })
}

/// The names of all migrations: what an empty database misses.
fn names() -> Vec<&'static str> {
    MIGRATIONS.iter().map(|(_, name, ..)| *name).collect()
}

fn refusal(why: MigrateError) -> StoreError {
    StoreError::Unavailable(match why {
        MigrateError::VersionMissing(number) => format!(
            "the database was written by a newer Latchbolt (migration {number} is unknown here); \
             start that version, or restore a backup made before the upgrade"
        ),
        MigrateError::VersionMismatch(number) => format!(
            "migration {number} in the database is not the one of this Latchbolt; \
             start the version that made the database"
        ),
        other => format!("the database cannot be brought up to date: {other}"),
    })
}
