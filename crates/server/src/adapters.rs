//! Which adapter goes behind which port.
//!
//! Owns: opening the store and the live store that the configuration names, and the sentences when they cannot
//! be used. Not here: what they are used for (`wiring`), what the nodes agree on (`nodes`).

use std::path::Path;
use std::sync::Arc;

use live::{InProcess, Live};
use live_postgres::PostgresLive;
use live_redis::RedisLive;
use outbound::{Mailer, Outbound};
use outbound_net::Net;
use outbound_net::mail::Smtp;
use store::{Store, StoreError};
use store_sql::{PgSettings, SchemaState, SqlStore};

use crate::config::database::{self, Place, Postgres};
use crate::config::{Config, live as live_config};
use crate::failure::{Failure, sentence};

/// How the configured database is opened.
#[must_use]
pub fn store_settings(database: &database::Settings) -> store_sql::Settings {
    match &database.place {
        Place::Sqlite { file, readers } => {
            store_sql::Settings { readers: *readers, ..store_sql::Settings::file(file) }
        }
        Place::Postgres(postgres) => {
            store_sql::Settings::postgres(pg_settings(postgres, database.may_migrate))
        }
    }
}

fn pg_settings(postgres: &Postgres, migrate: bool) -> PgSettings {
    PgSettings {
        password: postgres.password.as_ref().map(|secret| secret.reveal().to_owned()),
        connections: postgres.connections,
        statement_timeout: postgres.statement_timeout,
        migrate,
        ..PgSettings::new(postgres.url.reveal())
    }
}

/// The outside: the guarded client, or nothing where that is switched off.
///
/// # Errors
/// A configured authority cannot be used.
pub fn outbound(config: &Config) -> Result<Arc<dyn Outbound>, Failure> {
    let Some(settings) = &config.outbound else { return Ok(Arc::new(outbound::Closed)) };
    let net = Net::new(settings.clone()).map_err(|bad| {
        Failure::new(format!("Requests to others cannot be set up: {bad}. Correct outbound.extra_ca."))
    })?;
    Ok(Arc::new(net))
}

/// The mail server, or none where mail is switched off.
///
/// # Errors
/// A configured authority cannot be used.
pub fn mailer(config: &Config) -> Result<Option<Arc<dyn Mailer>>, Failure> {
    let Some(settings) = &config.mail else { return Ok(None) };
    let smtp = Smtp::new(settings.clone()).map_err(|bad| {
        Failure::new(format!("Mail cannot be set up: {bad}. Correct mail.host or outbound.extra_ca."))
    })?;
    Ok(Some(Arc::new(smtp)))
}

/// Opens the database.
///
/// # Errors
/// It cannot be used, is newer than this program, or is older and may not be brought up to date.
pub async fn store(config: &Config) -> Result<Arc<dyn Store>, Failure> {
    let settings = store_settings(&config.database);
    if let Some(file) = config.database.file() {
        make_folder(file)?;
        if !config.database.may_migrate {
            must_be_current(&settings).await?;
        }
    }
    let store = SqlStore::open(settings).await.map_err(|error| unusable(config, &error))?;
    Ok(Arc::new(store))
}

/// `database.migrate = "never"` on SQLite.
async fn must_be_current(settings: &store_sql::Settings) -> Result<(), Failure> {
    let missing = match store_sql::schema::state(settings).await.map_err(app::Refusal::from)? {
        SchemaState::Empty => "it is empty".to_owned(),
        SchemaState::Older { missing } => format!("it misses {}", missing.join(", ")),
        // Opening it says what is wrong with a newer one.
        SchemaState::Current | SchemaState::Newer { .. } => return Ok(()),
    };
    Err(Failure::new(format!(
        "The database is older than this Latchbolt ({missing}). Run `latchbolt migrate`, or set database.migrate to \"at-start\"."
    )))
}

/// The database cannot be opened: the adapter's sentence for a server, which names the setting.
#[must_use]
pub fn unusable(config: &Config, error: &StoreError) -> Failure {
    match error {
        StoreError::Unavailable(why) if config.database.file().is_none() => Failure::new(sentence(why)),
        other => app::Refusal::from(other.clone()).into(),
    }
}

/// The live store that nodes share, or none when it is this process's own.
///
/// # Errors
/// It cannot be used.
pub async fn shared_live(config: &Config) -> Result<Option<Arc<dyn Live>>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(sentence(&error.to_string()));
    Ok(match (&config.live, &config.database.place) {
        (live_config::Settings::Redis(settings), _) => {
            let redis = RedisLive::connect((**settings).clone()).await.map_err(|error| failed(&error))?;
            Some(Arc::new(redis))
        }
        (live_config::Settings::Postgres, Place::Postgres(postgres)) => {
            let connected = PostgresLive::connect(live_pg_settings(postgres)).await;
            Some(Arc::new(connected.map_err(|error| failed(&error))?))
        }
        _ => None,
    })
}

fn live_pg_settings(postgres: &Postgres) -> live_postgres::Settings {
    live_postgres::Settings {
        password: postgres.password.as_ref().map(|secret| secret.reveal().to_owned()),
        ..live_postgres::Settings::new(postgres.url.reveal())
    }
}

/// The database whose tables for what is short-lived a migration makes as well, if they are in it.
#[must_use]
pub fn live_tables(config: &Config) -> Option<live_postgres::Settings> {
    match (&config.live, &config.database.place) {
        (live_config::Settings::Postgres, Place::Postgres(postgres)) => Some(live_pg_settings(postgres)),
        _ => None,
    }
}

/// A live store for this process alone.
#[must_use]
pub fn own_live() -> Arc<dyn Live> {
    Arc::new(InProcess::default())
}

/// Makes the folder of a database file, for its owner alone.
///
/// # Errors
/// It cannot be made.
pub fn make_folder(file: &Path) -> Result<(), Failure> {
    let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| {
        Failure::new(format!(
            "Cannot make the folder {}: {error}. Make it, or set database.url.",
            folder.display()
        ))
    })
}
