//! What lasts, in SQLite or PostgreSQL.
//!
//! Owns: the adapter of the `store` port. On SQLite `writer` is the group commit, `readers` the connections
//! beside it, `place` the file; on PostgreSQL `unit` is the transaction, `pool` the connections. `schema` has
//! the migrations, and `work` is the one module that knows which database it is; the other modules hold one
//! port trait each, every statement written once.
//! Not here: who may do what (use cases), what the methods mean (`store`, and its conformance suite).
//!
//! Invariants: no statement is assembled from text; `commit` answers only when the work is on disk; a row
//! that is no valid value leaves as `Corrupt`, never as a guess.

mod accounts;
mod administration;
mod audit;
mod cas_logins;
mod clients;
mod devices;
mod enrolments;
mod factors;
mod grants;
mod jobs;
mod keys;
mod logouts;
mod notices;
mod people;
mod place;
mod pool;
mod readers;
mod refresh;
pub mod schema;
mod sessions;
mod settings;
mod statistics;
mod unit;
mod values;
mod work;
mod writer;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::Timestamp;
use store::{Result, Store, StoreError, View, Work};

pub use crate::schema::{SchemaState, migrate};
pub use crate::settings::{PgSettings, Place, Settings};
use crate::values::bind;
use crate::work::{Database, sql};

/// A good answer of [`Store::check`] is repeated for this long, so that probes cost no disk writes.
const CHECK_HOLDS: Duration = Duration::from_secs(1);
/// A browser that was not seen for this long is forgotten.
const MARK_LIFE: Duration = Duration::from_secs(400 * 24 * 3600);
/// The end of a channel is kept for so long; a channel lives for minutes, and no live store keeps one for hours.
const CHANNEL_END_LIFE: Duration = Duration::from_secs(24 * 3600);

/// A family of refresh tokens that nobody used is removed with its grant so long after its end: access tokens made
/// from it last are over by then.
const FAMILY_REST: Duration = Duration::from_secs(24 * 3600);
/// What became of an enrolment can be seen for so long after its end.
const ENROLMENT_REST: Duration = Duration::from_secs(90 * 24 * 3600);
/// Words to people are kept half a year.
const WORDS_LIFE: Duration = Duration::from_secs(180 * 24 * 3600);
/// Long work is forgotten so long after it was planned; drafts 89 days earlier.
const JOB_REST: Duration = Duration::from_secs(90 * 24 * 3600);
/// A notice that was not delivered is forgotten after this; it is tried for a day.
const NOTICE_LIFE: Duration = Duration::from_secs(48 * 3600);
/// Counts for charts are kept so long.
const STATISTICS_LIFE: Duration = Duration::from_secs(400 * 24 * 3600);

/// The store. Cheap to clone; all clones are one store.
#[derive(Clone)]
pub struct SqlStore(Arc<Inner>);

struct Inner {
    database: Database,
    checked: Mutex<Option<Instant>>,
}

impl std::fmt::Debug for SqlStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SqlStore")
    }
}

impl SqlStore {
    /// Opens the database and brings its tables up to date; makes an SQLite database if it is not there.
    ///
    /// # Errors
    /// `Unavailable` with a sentence. For a file: the folder is missing or lies on a network file system, the
    /// file is locked or no database. For PostgreSQL: it cannot be reached or lets nobody in, is too old,
    /// only reads, has the wrong encoding. For both: a newer or altered Latchbolt has written it.
    pub async fn open(settings: Settings) -> Result<Self> {
        let database = Database::open(settings).await?;
        Ok(Self(Arc::new(Inner { database, checked: Mutex::default() })))
    }
}

#[async_trait]
impl Store for SqlStore {
    async fn begin(&self) -> Result<Box<dyn Work>> {
        Ok(Box::new(self.0.database.unit().await?))
    }

    async fn read(&self) -> Result<Box<dyn View>> {
        Ok(Box::new(self.0.database.view()))
    }

    async fn check(&self) -> Result<()> {
        let lately = |at: Instant| at.elapsed() < CHECK_HOLDS;
        if self.0.checked.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(lately) {
            return Ok(());
        }
        let check = sql!(
            "INSERT INTO settings (name, value) VALUES ('check', $1)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        );
        self.0.database.alone(check, bind!["writable"]).await?;
        *self.0.checked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        Ok(())
    }

    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<u64> {
        let forgotten = now.before(MARK_LIFE);
        let statements = [
            (
                sql!(
                    sqlite: "DELETE FROM sessions WHERE id IN
                     (SELECT id FROM sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
                    postgres: "DELETE FROM sessions WHERE id IN
                     (SELECT id FROM sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2
                      FOR UPDATE SKIP LOCKED)"
                ),
                now,
            ),
            (
                sql!(
                    sqlite: "DELETE FROM grants WHERE id IN
                     (SELECT id FROM grants WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
                    postgres: "DELETE FROM grants WHERE id IN
                     (SELECT id FROM grants WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2
                      FOR UPDATE SKIP LOCKED)"
                ),
                now,
            ),
            (
                sql!(
                    sqlite: "DELETE FROM enrolments WHERE id IN
                     (SELECT id FROM enrolments WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
                    postgres: "DELETE FROM enrolments WHERE id IN
                     (SELECT id FROM enrolments WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2
                      FOR UPDATE SKIP LOCKED)"
                ),
                now.before(ENROLMENT_REST),
            ),
            // Long work and its rows; drafts, whose rows were never all written, after a day.
            (
                sql!(
                    sqlite: "DELETE FROM job_rows WHERE (job_id, number) IN
                     (SELECT r.job_id, r.number FROM jobs j JOIN job_rows r ON r.job_id = j.id
                       WHERE j.created_at <= $1 OR (j.state = 'draft' AND j.created_at <= $1 + 7689600000) LIMIT $2)",
                    postgres: "DELETE FROM job_rows WHERE (job_id, number) IN
                     (SELECT r.job_id, r.number FROM jobs j JOIN job_rows r ON r.job_id = j.id COLLATE \"default\"
                       WHERE j.created_at <= $1 OR (j.state = 'draft' AND j.created_at <= $1 + 7689600000) LIMIT $2
                      FOR UPDATE OF r SKIP LOCKED)"
                ),
                now.before(JOB_REST),
            ),
            (
                sql!(
                    sqlite: "DELETE FROM jobs WHERE id IN
                     (SELECT j.id FROM jobs j
                       WHERE (j.created_at <= $1 OR (j.state = 'draft' AND j.created_at <= $1 + 7689600000))
                         AND NOT EXISTS (SELECT 1 FROM job_rows r WHERE r.job_id = j.id) LIMIT $2)",
                    postgres: "DELETE FROM jobs WHERE id IN
                     (SELECT j.id FROM jobs j
                       WHERE (j.created_at <= $1 OR (j.state = 'draft' AND j.created_at <= $1 + 7689600000))
                         AND NOT EXISTS (SELECT 1 FROM job_rows r WHERE r.job_id = j.id COLLATE \"default\") LIMIT $2)"
                ),
                now.before(JOB_REST),
            ),
            (
                sql!(
                    sqlite: "DELETE FROM known_browsers WHERE (account_id, browser_hash) IN
                     (SELECT account_id, browser_hash FROM known_browsers
                       WHERE last_seen_at <= $1 ORDER BY last_seen_at LIMIT $2)",
                    postgres: "DELETE FROM known_browsers WHERE (account_id, browser_hash) IN
                     (SELECT account_id, browser_hash FROM known_browsers
                       WHERE last_seen_at <= $1 ORDER BY last_seen_at LIMIT $2
                       FOR UPDATE SKIP LOCKED)"
                ),
                forgotten,
            ),
            (
                sql!(
                    sqlite: "DELETE FROM channel_ends WHERE channel_hash IN
                     (SELECT channel_hash FROM channel_ends WHERE ended_at <= $1 ORDER BY ended_at LIMIT $2)",
                    postgres: "DELETE FROM channel_ends WHERE channel_hash IN
                     (SELECT channel_hash FROM channel_ends WHERE ended_at <= $1 ORDER BY ended_at LIMIT $2
                      FOR UPDATE SKIP LOCKED)"
                ),
                now.before(CHANNEL_END_LIFE),
            ),
            (
                sql!(
                    sqlite: "DELETE FROM grants WHERE id IN
                     (SELECT grant_id FROM refresh_families WHERE idle_ends_at <= $1
                       ORDER BY idle_ends_at LIMIT $2)",
                    postgres: "DELETE FROM grants WHERE id IN
                     (SELECT grant_id FROM refresh_families WHERE idle_ends_at <= $1
                       ORDER BY idle_ends_at LIMIT $2 FOR UPDATE SKIP LOCKED)"
                ),
                now.before(FAMILY_REST),
            ),
            (
                sql!(
                    sqlite: "DELETE FROM revoked_tokens WHERE token_hash IN
                     (SELECT token_hash FROM revoked_tokens WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
                    postgres: "DELETE FROM revoked_tokens WHERE token_hash IN
                     (SELECT token_hash FROM revoked_tokens WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2
                      FOR UPDATE SKIP LOCKED)"
                ),
                now,
            ),
            (
                sql!(
                    sqlite: "DELETE FROM used_assertions WHERE assertion_hash IN
                     (SELECT assertion_hash FROM used_assertions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
                    postgres: "DELETE FROM used_assertions WHERE assertion_hash IN
                     (SELECT assertion_hash FROM used_assertions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2
                      FOR UPDATE SKIP LOCKED)"
                ),
                now,
            ),
            (
                sql!(
                    sqlite: "DELETE FROM initial_tokens WHERE token_hash IN
                     (SELECT token_hash FROM initial_tokens WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
                    postgres: "DELETE FROM initial_tokens WHERE token_hash IN
                     (SELECT token_hash FROM initial_tokens WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2
                      FOR UPDATE SKIP LOCKED)"
                ),
                now,
            ),
            (
                sql!(
                    sqlite: "DELETE FROM logout_notices WHERE (session_id, client_id) IN
                     (SELECT session_id, client_id FROM logout_notices WHERE created_at <= $1 ORDER BY created_at LIMIT $2)",
                    postgres: "DELETE FROM logout_notices WHERE (session_id, client_id) IN
                     (SELECT session_id, client_id FROM logout_notices WHERE created_at <= $1 ORDER BY created_at LIMIT $2
                      FOR UPDATE SKIP LOCKED)"
                ),
                now.before(NOTICE_LIFE),
            ),
            (
                sql!(
                    sqlite: "DELETE FROM cas_logout_notices WHERE ticket IN
                     (SELECT ticket FROM cas_logout_notices WHERE created_at <= $1 ORDER BY created_at LIMIT $2)",
                    postgres: "DELETE FROM cas_logout_notices WHERE ticket IN
                     (SELECT ticket FROM cas_logout_notices WHERE created_at <= $1 ORDER BY created_at LIMIT $2
                      FOR UPDATE SKIP LOCKED)"
                ),
                now.before(NOTICE_LIFE),
            ),
            (
                sql!(
                    sqlite: "DELETE FROM statistics WHERE (hour, name, bucket) IN
                     (SELECT hour, name, bucket FROM statistics WHERE hour < $1 / 3600000 ORDER BY hour LIMIT $2)",
                    postgres: "DELETE FROM statistics WHERE (hour, name, bucket) IN
                     (SELECT hour, name, bucket FROM statistics WHERE hour < $1 / 3600000 ORDER BY hour LIMIT $2
                      FOR UPDATE SKIP LOCKED)"
                ),
                now.before(STATISTICS_LIFE),
            ),
            (
                sql!(
                    sqlite: "DELETE FROM statistics_days WHERE (day, name, bucket) IN
                     (SELECT day, name, bucket FROM statistics_days WHERE day < $1 / 86400000 ORDER BY day LIMIT $2)",
                    postgres: "DELETE FROM statistics_days WHERE (day, name, bucket) IN
                     (SELECT day, name, bucket FROM statistics_days WHERE day < $1 / 86400000 ORDER BY day LIMIT $2
                      FOR UPDATE SKIP LOCKED)"
                ),
                now.before(STATISTICS_LIFE),
            ),
            (
                sql!(
                    sqlite: "DELETE FROM notices WHERE id IN
                     (SELECT id FROM notices WHERE created_at <= $1 ORDER BY created_at LIMIT $2)",
                    postgres: "DELETE FROM notices WHERE id IN
                     (SELECT id FROM notices WHERE created_at <= $1 ORDER BY created_at LIMIT $2
                      FOR UPDATE SKIP LOCKED)"
                ),
                now.before(WORDS_LIFE),
            ),
        ];
        let mut removed = 0;
        for (statement, until) in statements {
            // A unit each: sign-ins get their turn in between.
            removed += self.0.database.alone(statement, bind![until, limit]).await?;
        }
        Ok(removed)
    }

    async fn close(&self) {
        self.0.database.close().await;
        *self.0.checked.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// A stored value is not what it should be.
fn corrupt(table: &'static str, column: &'static str, id: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt { table, column, id: id.to_string() }
}
