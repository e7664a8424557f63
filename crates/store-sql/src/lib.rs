//! What lasts, in SQLite.
//!
//! Owns: the adapter of the `store` port. `writer` is the group commit, `readers` the connections beside
//! it, `schema` the migrations, `place` the file, `work` the one file that knows which database it is;
//! the other modules hold one port trait each, every statement written once.
//! Not here: who may do what (use cases), what the methods mean (`store`, and its conformance suite).
//!
//! Invariants: no statement is assembled from text; `commit` answers only when the work is on disk; a row
//! that is no valid value leaves as `Corrupt`, never as a guess.

mod accounts;
mod audit;
mod clients;
mod devices;
mod grants;
mod keys;
mod place;
mod readers;
mod schema;
mod sessions;
mod values;
mod work;
mod writer;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::Timestamp;
use store::{Result, Store, StoreError, View, Work};

use crate::place::Scratch;
use crate::readers::Readers;
use crate::values::bind;
use crate::work::{SqlWork, sql};
use crate::writer::Writer;

/// A good answer of [`Store::check`] is repeated for this long, so that probes cost no disk writes.
const CHECK_HOLDS: Duration = Duration::from_secs(1);
/// A browser that was not seen for this long is forgotten.
const MARK_LIFE: Duration = Duration::from_secs(400 * 24 * 3600);

/// Where the database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file on a local disk; made with mode 0600 if it is not there.
    File(PathBuf),
    /// A file that is removed with the store and not made durable: for tests and demonstrations.
    Temporary,
}

/// How to open the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where.
    pub place: Place,
    /// Connections for reading beside the writer (1 to 64), opened when first needed.
    pub readers: u32,
    /// How long a statement waits for a lock that another process holds, and a unit for its turn or its
    /// commit, before the answer is `Unavailable` (SEC-212: at most 2 s).
    pub patience: Duration,
}

impl Settings {
    /// A file, with the defaults.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { place: Place::File(path.into()), ..Self::temporary() }
    }

    /// A temporary database, with the defaults.
    #[must_use]
    pub const fn temporary() -> Self {
        Self { place: Place::Temporary, readers: 4, patience: Duration::from_millis(1500) }
    }
}

/// The store on SQLite. Cheap to clone; all clones are one store.
#[derive(Clone)]
pub struct SqlStore(Arc<Inner>);

struct Inner {
    // Before the scratch folder: connections are closed before their file is removed.
    writer: Writer,
    readers: Arc<Readers>,
    checked: Mutex<Option<Instant>>,
    _scratch: Option<Scratch>,
}

impl std::fmt::Debug for SqlStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SqlStore")
    }
}

impl SqlStore {
    /// Opens the database, makes it if it is not there, and brings its tables up to date.
    ///
    /// # Errors
    /// `Unavailable` with a sentence: the folder is missing or lies on a network file system, the file is
    /// locked or no database, or a newer or altered Latchbolt has written it.
    pub async fn open(settings: Settings) -> Result<Self> {
        let (path, scratch) = match settings.place {
            Place::File(path) => (path, None),
            Place::Temporary => {
                let scratch = Scratch::make()?;
                (scratch.file(), Some(scratch))
            }
        };
        place::prepare(&path)?;
        let options = work::options(&path, scratch.is_none(), settings.patience);
        let connection = schema::open_migrated(&options).await?;
        let readers = Readers::new(options.clone().read_only(true), settings.readers.clamp(1, 64));
        let writer = Writer::new(connection, options, settings.patience);
        let inner =
            Inner { writer, readers: Arc::new(readers), checked: Mutex::default(), _scratch: scratch };
        Ok(Self(Arc::new(inner)))
    }

    async fn unit(&self) -> Result<SqlWork> {
        Ok(SqlWork::Writer(self.0.writer.begin().await?))
    }
}

#[async_trait]
impl Store for SqlStore {
    async fn begin(&self) -> Result<Box<dyn Work>> {
        Ok(Box::new(self.unit().await?))
    }

    async fn read(&self) -> Result<Box<dyn View>> {
        Ok(Box::new(SqlWork::Reader(Arc::clone(&self.0.readers))))
    }

    async fn check(&self) -> Result<()> {
        let lately = |at: Instant| at.elapsed() < CHECK_HOLDS;
        if self.0.checked.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(lately) {
            return Ok(());
        }
        let mut unit = self.unit().await?;
        unit.run(
            sql!(
                "INSERT INTO settings (name, value) VALUES ('check', $1)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value"
            ),
            bind!["writable"],
        )
        .await?;
        Box::new(unit).commit().await?;
        *self.0.checked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        Ok(())
    }

    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<u64> {
        let forgotten = now.before(MARK_LIFE);
        let statements = [
            (
                sql!(
                    "DELETE FROM sessions WHERE id IN
                     (SELECT id FROM sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)"
                ),
                now,
            ),
            (
                sql!(
                    "DELETE FROM grants WHERE id IN
                     (SELECT id FROM grants WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)"
                ),
                now,
            ),
            (
                sql!(
                    "DELETE FROM enrolments WHERE id IN
                     (SELECT id FROM enrolments WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)"
                ),
                now,
            ),
            (
                sql!(
                    "DELETE FROM known_browsers WHERE (account_id, browser_hash) IN
                     (SELECT account_id, browser_hash FROM known_browsers
                       WHERE last_seen_at <= $1 ORDER BY last_seen_at LIMIT $2)"
                ),
                forgotten,
            ),
        ];
        let mut removed = 0;
        for (statement, until) in statements {
            // A unit each: sign-ins get their turn in between.
            let mut unit = self.unit().await?;
            removed += unit.run(statement, bind![until, limit]).await?;
            Box::new(unit).commit().await?;
        }
        Ok(removed)
    }

    async fn close(&self) {
        self.0.readers.close().await;
        self.0.writer.close().await;
    }
}

/// A stored value is not what it should be.
fn corrupt(table: &'static str, column: &'static str, id: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt { table, column, id: id.to_string() }
}
