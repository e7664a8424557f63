//! The port on PostgreSQL: one statement an operation.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use live::{Counted, Key, Live, LiveError, Lost, Result, Topic, Topics, Version, Versions, Words};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::listener::{self, CHANNEL};
use crate::pool::{Pool, Statement, unavailable};
use crate::settings::Settings;
use crate::start::{self, StartError};

/// Topics that this node may listen to at once (SEC-222).
const MOST_TOPICS: usize = 200_000;
/// What NOTIFY carries at most, in bytes (PostgreSQL documentation, NOTIFY).
const LONGEST_WORD: usize = 7_999;
/// Nothing is kept longer, whatever is asked for: ten years, in milliseconds.
const LONGEST: u128 = 10 * 365 * 24 * 3600 * 1000;
const SWEEP: Duration = Duration::from_secs(30);
/// Rows that one statement of the sweep removes at most.
const SWEPT_AT_ONCE: i64 = 5_000;

// `statement_timestamp()` is the server's clock when the statement arrived: one value throughout the statement.
const PUT: &str = "INSERT INTO live_slots AS kept (kind, id, value, version, ends_at)
    VALUES ($1, $2, $3, $4, statement_timestamp() + $5 * INTERVAL '1 millisecond')
    ON CONFLICT (kind, id) DO UPDATE
       SET value = excluded.value,
           version = GREATEST(excluded.version, kept.version + 1),
           ends_at = excluded.ends_at
    RETURNING version";
const GET: &str = "SELECT value, version FROM live_slots
    WHERE kind = $1 AND id = $2 AND ends_at > statement_timestamp()";
const SWAP: &str = "UPDATE live_slots
    SET value = $4, version = $5,
        ends_at = COALESCE(statement_timestamp() + $6 * INTERVAL '1 millisecond', ends_at)
    WHERE kind = $1 AND id = $2 AND version = $3 AND ends_at > statement_timestamp()
    RETURNING version";
const TAKE: &str = "DELETE FROM live_slots
    WHERE kind = $1 AND id = $2 AND ends_at > statement_timestamp()
    RETURNING value";
const COUNT: &str = "INSERT INTO live_counters AS kept (kind, id, sum, ends_at)
    VALUES ($1, $2, $3, statement_timestamp() + $4 * INTERVAL '1 millisecond')
    ON CONFLICT (kind, id) DO UPDATE
       SET sum = CASE WHEN kept.ends_at > statement_timestamp() THEN kept.sum + excluded.sum
                      ELSE excluded.sum END,
           ends_at = CASE WHEN kept.ends_at > statement_timestamp() THEN kept.ends_at
                          ELSE excluded.ends_at END
    RETURNING sum, CAST(FLOOR(EXTRACT(EPOCH FROM ends_at - statement_timestamp()) * 1000) AS BIGINT)";
const COUNTED: &str =
    "SELECT sum, CAST(FLOOR(EXTRACT(EPOCH FROM ends_at - statement_timestamp()) * 1000) AS BIGINT)
    FROM live_counters WHERE kind = $1 AND id = $2 AND ends_at > statement_timestamp()";
const SAY: &str = "SELECT pg_notify($1, $2)";
// Rows that somebody writes just now are left for the next time.
const SWEEP_SLOTS: &str = "WITH ended AS (
        SELECT kind, id FROM live_slots WHERE ends_at <= statement_timestamp()
        LIMIT $1 FOR UPDATE SKIP LOCKED),
    swept AS (DELETE FROM live_slots USING ended
        WHERE live_slots.kind = ended.kind AND live_slots.id = ended.id RETURNING 1)
    SELECT COUNT(*) FROM swept";
/// Of a kind whose oldest makes room: those that would end first, beyond so many.
const CUT_BACK: &str = "WITH kept AS (
        SELECT ends_at FROM live_slots WHERE kind = $2 ORDER BY ends_at DESC OFFSET $3 LIMIT 1),
    over AS (
        SELECT kind, id FROM live_slots
        WHERE kind = $2 AND ends_at <= (SELECT ends_at FROM kept) LIMIT $1 FOR UPDATE SKIP LOCKED),
    swept AS (DELETE FROM live_slots USING over
        WHERE live_slots.kind = over.kind AND live_slots.id = over.id RETURNING 1)
    SELECT COUNT(*) FROM swept";
const SWEEP_COUNTERS: &str = "WITH ended AS (
        SELECT kind, id FROM live_counters WHERE ends_at <= statement_timestamp()
        LIMIT $1 FOR UPDATE SKIP LOCKED),
    swept AS (DELETE FROM live_counters USING ended
        WHERE live_counters.kind = ended.kind AND live_counters.id = ended.id RETURNING 1)
    SELECT COUNT(*) FROM swept";

/// Live state in PostgreSQL. Dropping it ends its tasks and connections.
#[derive(Debug)]
pub struct PostgresLive {
    pool: Arc<Pool>,
    topics: Arc<Topics>,
    versions: Versions,
    crowd: Arc<Crowd>,
    tasks: [JoinHandle<()>; 2],
}

/// Kinds of slots whose oldest make room (SEC-222), and how many of one kind are kept.
#[derive(Debug)]
struct Crowd {
    most: u32,
    kinds: RwLock<Vec<&'static str>>,
}

impl Crowd {
    fn kinds(&self) -> Vec<&'static str> {
        self.kinds.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, kind: &'static str) {
        if !self.kinds.read().unwrap_or_else(PoisonError::into_inner).contains(&kind) {
            let mut kinds = self.kinds.write().unwrap_or_else(PoisonError::into_inner);
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
    }
}

impl PostgresLive {
    /// Looks at the server, makes the tables when they are missing, and listens.
    ///
    /// # Errors
    /// One sentence that names the setting to change: unreachable, refused, too old, only reading, without the
    /// right to make or use the tables, behind a pooler that passes no words on.
    pub async fn connect(settings: Settings) -> Result<Self, StartError> {
        let options = start::options(&settings)?;
        let listener = start::prepare(&options).await?;
        let pool = Pool::new(options.clone(), settings.connections, settings.timeout);
        let topics = Arc::<Topics>::default();
        let hearing = listener::hear(listener, options, Arc::clone(&topics), Arc::clone(&pool));
        let crowd = Arc::new(Crowd { most: settings.slots_per_kind, kinds: RwLock::default() });
        let sweeping = sweep_for_good(Arc::clone(&pool), Arc::clone(&crowd));
        let tasks = [tokio::spawn(hearing), tokio::spawn(sweeping)];
        Ok(Self { pool, topics, versions: Versions::default(), crowd, tasks })
    }

    /// Removes what has ended, as happens every half minute by itself; answers how much it was.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn sweep(&self) -> Result<u64> {
        sweep(&self.pool, &self.crowd).await
    }

    fn version(&self, seen: u64) -> Result<i64> {
        let random = getrandom::u64().map_err(|error| unavailable(&format!("no randomness: {error}")))?;
        i64::try_from(self.versions.next(seen, random))
            .map_err(|_| unavailable("the clock is centuries ahead"))
    }
}

impl Drop for PostgresLive {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn at<'q>(sql: &'static str, key: &'q Key) -> Statement<'q> {
    sqlx::query(sql).bind(key.kind).bind(key.id.as_str())
}

#[async_trait]
impl Live for PostgresLive {
    async fn put(&self, key: &Key, value: Bytes, ttl: Duration) -> Result<Version> {
        let statement = at(PUT, key).bind(&value[..]).bind(self.version(0)?).bind(millis(ttl));
        let row = self.pool.ask(statement).await?;
        version(row.as_ref(), 0, key.kind)
    }

    async fn put_making_room(&self, key: &Key, value: Bytes, ttl: Duration) -> Result<Version> {
        self.crowd.note(key.kind);
        self.put(key, value, ttl).await
    }

    async fn get(&self, key: &Key) -> Result<Option<(Bytes, Version)>> {
        let row = self.pool.read(|| at(GET, key)).await?;
        row.map(|row| Ok((value(&row, key.kind)?, version(Some(&row), 1, key.kind)?))).transpose()
    }

    async fn swap(
        &self,
        key: &Key,
        seen: Version,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<Result<Version, Lost>> {
        // No version that does not fit was ever given out.
        let Ok(old) = i64::try_from(seen.0) else { return Ok(Err(Lost)) };
        let statement =
            at(SWAP, key).bind(old).bind(&value[..]).bind(self.version(seen.0)?).bind(ttl.map(millis));
        let row = self.pool.ask(statement).await?;
        row.map(|row| version(Some(&row), 0, key.kind)).transpose().map(|version| version.ok_or(Lost))
    }

    async fn take(&self, key: &Key) -> Result<Option<Bytes>> {
        let row = self.pool.ask(at(TAKE, key)).await?;
        row.map(|row| value(&row, key.kind)).transpose()
    }

    async fn count(&self, counter: &Key, amount: u64, window: Duration) -> Result<Counted> {
        let row = match i64::try_from(amount).unwrap_or(i64::MAX) {
            0 => self.pool.read(|| at(COUNTED, counter)).await?,
            amount => self.pool.ask(at(COUNT, counter).bind(amount).bind(millis(window))).await?,
        };
        let Some(row) = row else { return Ok(Counted { sum: 0, ends_in: Duration::ZERO }) };
        let corrupt = |_| LiveError::Corrupt(counter.kind);
        let (sum, left): (i64, i64) = (row.try_get(0).map_err(corrupt)?, row.try_get(1).map_err(corrupt)?);
        let positive = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok(Counted { sum: positive(sum), ends_in: Duration::from_millis(positive(left)) })
    }

    async fn publish(&self, topic: &Topic, word: &str) -> Result<()> {
        let payload = format!("{}\n{word}", topic.0);
        let said = if payload.len() > LONGEST_WORD {
            Err(unavailable("a word is too long for NOTIFY"))
        } else {
            self.pool.ask(sqlx::query(SAY).bind(CHANNEL).bind(&payload)).await.map(|_| ())
        };
        if said.is_err() {
            // Who listens on this node hears it all the same; twice does no harm.
            self.topics.publish(&topic.0, word);
        }
        said
    }

    async fn subscribe(&self, topic: &Topic) -> Result<Box<dyn Words>> {
        match Topics::listen(&self.topics, &topic.0, MOST_TOPICS) {
            Some(listener) => Ok(Box::new(listener)),
            None => Err(LiveError::Full("topic")),
        }
    }

    async fn check(&self) -> Result<()> {
        self.pool.read(|| sqlx::query("SELECT 1")).await.map(|_| ())
    }
}

fn value(row: &PgRow, kind: &'static str) -> Result<Bytes> {
    row.try_get::<Vec<u8>, _>(0).map(Bytes::from).map_err(|_| LiveError::Corrupt(kind))
}

fn version(row: Option<&PgRow>, column: usize, kind: &'static str) -> Result<Version> {
    let number = row.and_then(|row| row.try_get::<i64, _>(column).ok());
    number.and_then(|number| u64::try_from(number).ok()).map(Version).ok_or(LiveError::Corrupt(kind))
}

/// At least one: what is put lives for a moment.
fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis().clamp(1, LONGEST)).unwrap_or(i64::MAX)
}

async fn sweep_for_good(pool: Arc<Pool>, crowd: Arc<Crowd>) {
    loop {
        sleep(SWEEP).await;
        if let Err(error) = sweep(&pool, &crowd).await {
            tracing::debug!(%error, "What has ended was not swept");
        }
    }
}

async fn sweep(pool: &Pool, crowd: &Crowd) -> Result<u64> {
    let mut all = 0;
    for sql in [SWEEP_SLOTS, SWEEP_COUNTERS] {
        all += in_parts(pool, || sqlx::query(sql).bind(SWEPT_AT_ONCE)).await?;
    }
    for kind in crowd.kinds() {
        let cut = || sqlx::query(CUT_BACK).bind(SWEPT_AT_ONCE).bind(kind).bind(i64::from(crowd.most));
        all += in_parts(pool, cut).await?;
    }
    Ok(all)
}

/// Runs a statement that removes rows until it finds no full part any more.
async fn in_parts(pool: &Pool, statement: impl Fn() -> Statement<'static>) -> Result<u64> {
    let mut all = 0;
    loop {
        let row = pool.ask(statement()).await?;
        let swept: i64 = row.and_then(|row| row.try_get(0).ok()).unwrap_or(0);
        all += u64::try_from(swept).unwrap_or(0);
        if swept < SWEPT_AT_ONCE {
            return Ok(all);
        }
    }
}
