//! The tables and how they come about.
//!
//! Owns: the embedded migrations and their refusals. Migrations are only ever added; one that has been
//! released is never changed (its checksum is kept in the database).
//! Not here: the statements on the tables (one module a subject).

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, SqlSafeStr as _};
use store::{Result, StoreError};

use crate::work::translate;

macro_rules! migrations {
    ($($number:literal $name:literal,)*) => {
        /// Number, name and text of every migration.
        const MIGRATIONS: &[(i64, &str, &str)] = &[
            $(($number, $name, include_str!(concat!("../../../migrations/sqlite/", $name, ".sql"))),)*
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
}

fn migrator() -> Migrator {
    let all = MIGRATIONS.iter().map(|(number, name, text)| {
        Migration::new(*number, (*name).into(), MigrationType::Simple, text.into_sql_str(), false)
    });
    Migrator::with_migrations(all.collect())
}

/// Opens a connection and brings the tables up to date. All missing migrations are one transaction under
/// the write lock: of several programs that start together one migrates, and a crash leaves nothing half
/// done.
pub(crate) async fn open_migrated(options: &SqliteConnectOptions) -> Result<SqliteConnection> {
    let mut connection = options.connect().await.map_err(|why| translate(&why))?;
    migrate(&mut connection, &migrator()).await?;
    Ok(connection)
}

async fn migrate(connection: &mut SqliteConnection, migrator: &Migrator) -> Result<()> {
    let mut lock = connection.begin_with("BEGIN IMMEDIATE").await.map_err(|why| translate(&why))?;
    migrator.run(&mut *lock).await.map_err(refusal)?;
    lock.commit().await.map_err(|why| translate(&why))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Scratch;
    use crate::work;
    use std::time::Duration;

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
        sqlx::query("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 7")
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
}
