//! The tables in an SQLite file.

use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{Migrate as _, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use store::Result;

use super::{APPLIED, SchemaState, compare, names, refusal};
use crate::place;
use crate::work::{self, sqlite, translate};

const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(10);

fn migrator() -> Migrator {
    super::migrator(|(_, _, sqlite, _)| sqlite)
}

/// Opens a connection and brings the tables up to date. All missing migrations are one transaction under
/// the write lock: of several programs that start together one migrates, and a crash leaves nothing half
/// done.
pub(crate) async fn open_migrated(options: &SqliteConnectOptions) -> Result<SqliteConnection> {
    let mut connection = opened(options).await.map_err(|why| translate(&why))?;
    bring_up(&mut connection, &migrator()).await?;
    Ok(connection)
}

/// The very first connections to a new file turn its log of writes on. Whoever meets another at that is told
/// "locked" at once, whatever patience was asked for.
async fn opened(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    for _ in 0..TRIES {
        match options.connect().await {
            Err(why) if sqlite::is_locked(&why) => tokio::time::sleep(PAUSE).await,
            opened => return opened,
        }
    }
    options.connect().await
}

async fn bring_up(connection: &mut SqliteConnection, migrator: &Migrator) -> Result<()> {
    let mut lock = connection.begin_with("BEGIN IMMEDIATE").await.map_err(|why| translate(&why))?;
    migrator.run(&mut *lock).await.map_err(refusal)?;
    lock.commit().await.map_err(|why| translate(&why))
}

pub(super) async fn state(path: &Path) -> Result<SchemaState> {
    if !path.exists() {
        return Ok(SchemaState::Empty);
    }
    let options = SqliteConnectOptions::new().filename(path).read_only(true).disable_statement_logging();
    let mut connection = options.connect().await.map_err(|why| translate(&why))?;
    let state = of(&mut connection).await;
    if let Err(why) = connection.close().await {
        tracing::debug!(%why, "A connection did not close");
    }
    state
}

async fn of(connection: &mut SqliteConnection) -> Result<SchemaState> {
    let applied = match connection.list_applied_migrations(APPLIED).await {
        Ok(applied) => applied,
        Err(why) if why.to_string().contains("no such table") => return Ok(SchemaState::Empty),
        Err(why) => return Err(refusal(why)),
    };
    compare(&migrator(), &applied)
}

pub(super) async fn migrate(path: &Path, patience: Duration) -> Result<Vec<&'static str>> {
    let before = state(path).await?;
    place::prepare(path)?;
    let connection = open_migrated(&work::options(path, true, patience)).await?;
    connection.close().await.map_err(|why| translate(&why))?;
    Ok(match before {
        SchemaState::Empty => names(),
        SchemaState::Older { missing } => missing,
        SchemaState::Current | SchemaState::Newer { .. } => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use store::StoreError;

    use super::*;
    use crate::place::Scratch;

    fn options(scratch: &Scratch) -> SqliteConnectOptions {
        crate::place::prepare(&scratch.file()).unwrap();
        work::options(&scratch.file(), false, Duration::from_millis(200))
    }

    #[tokio::test]
    async fn a_second_start_changes_nothing() {
        let scratch = Scratch::make().unwrap();
        for _ in 0..2 {
            open_migrated(&options(&scratch)).await.unwrap().close().await.unwrap();
        }
    }

    #[tokio::test]
    async fn starting_together_migrates_once() {
        let scratch = Scratch::make().unwrap();
        let options = options(&scratch).busy_timeout(Duration::from_secs(10));
        let (a, b, c) =
            tokio::join!(open_migrated(&options), open_migrated(&options), open_migrated(&options));
        assert!(a.is_ok() && b.is_ok() && c.is_ok(), "{:?} {:?} {:?}", a.err(), b.err(), c.err());
    }

    #[tokio::test]
    async fn a_newer_database_is_refused_with_a_sentence() {
        let scratch = Scratch::make().unwrap();
        let mut connection = open_migrated(&options(&scratch)).await.unwrap();
        sqlx::query("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 9")
            .execute(&mut connection)
            .await
            .unwrap();
        let refused = open_migrated(&options(&scratch)).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(why)) if why.contains("newer Latchbolt")));
    }

    #[tokio::test]
    async fn a_changed_migration_is_refused_with_a_sentence() {
        let scratch = Scratch::make().unwrap();
        let mut connection = open_migrated(&options(&scratch)).await.unwrap();
        sqlx::query("UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 2")
            .execute(&mut connection)
            .await
            .unwrap();
        let refused = open_migrated(&options(&scratch)).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(why)) if why.contains("migration 2")));
    }

    #[tokio::test]
    async fn no_database_is_no_database() {
        let scratch = Scratch::make().unwrap();
        let options = options(&scratch);
        std::fs::write(scratch.file(), "this is a letter to my grandmother, and not a database at all")
            .unwrap();
        assert!(matches!(open_migrated(&options).await, Err(StoreError::Unavailable(_))));
    }

    #[tokio::test]
    async fn the_state_is_told_and_nothing_is_changed() {
        let scratch = Scratch::make().unwrap();
        let path = scratch.file();
        assert_eq!(state(&path).await.unwrap(), SchemaState::Empty);
        assert!(!path.exists());
        let patience = Duration::from_millis(200);
        assert_eq!(migrate(&path, patience).await.unwrap(), names());
        assert_eq!(state(&path).await.unwrap(), SchemaState::Current);
        assert_eq!(migrate(&path, patience).await.unwrap(), Vec::<&str>::new());

        let mut connection = options(&scratch).connect().await.unwrap();
        let newest = *names().last().unwrap();
        sqlx::query(
            "DELETE FROM _sqlx_migrations WHERE version = (SELECT MAX(version) FROM _sqlx_migrations)",
        )
        .execute(&mut connection)
        .await
        .unwrap();
        let older = SchemaState::Older { missing: vec![newest] };
        assert_eq!(state(&path).await.unwrap(), older);
        sqlx::query("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 7")
            .execute(&mut connection)
            .await
            .unwrap();
        assert_eq!(state(&path).await.unwrap(), SchemaState::Newer { number: 9999 });
    }
}
