//! Connections to PostgreSQL.
//!
//! Owns: how many there are, who has one, and what becomes of those that are broken or come back in the
//! middle of something. Not sqlx's pool, which asks a connection for a sign of life after each use: a trip
//! for every unit.
//!
//! After the server was away, idle connections are dead. Whoever meets one drops them all and opens another;
//! there is no back-off, so that all is well as soon as the server is.
//!
//! A connection lives on the runtime that opened it, and each of the server's workers is one: its own connections
//! come first. Another worker's would wait for that worker's turn, and break when it ends before this one.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use store::{Result, StoreError};
use tokio::runtime::{Handle, Id};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::settings::PgSettings;
use crate::values::Values;
use crate::work::Sql;
use crate::work::postgres::{self as pg, Answer};

/// An idle connection is closed after so long: something on the way may have forgotten it.
const REST: Duration = Duration::from_secs(300);
/// Added to the server's own limit of a statement, whose answer says more.
const GRACE: Duration = Duration::from_millis(250);
/// How often a statement that changed nothing is tried.
const TRIES: u32 = 4;

/// The connections.
pub(crate) struct Pool {
    options: PgConnectOptions,
    idle: Mutex<VecDeque<Idle>>,
    places: Arc<Semaphore>,
    /// How many more may be open, on loan or idle.
    rooms: Arc<Semaphore>,
    count: u32,
    patience: Duration,
    limit: Duration,
    is_closed: AtomicBool,
    runtime: Handle,
}

/// An open connection.
struct Link {
    connection: PgConnection,
    /// The runtime that opened it.
    home: Id,
    // Held for its drop.
    _room: OwnedSemaphorePermit,
}

struct Idle {
    link: Link,
    since: Instant,
}

/// A connection on loan; goes back when dropped.
pub(crate) struct Lent {
    link: Option<Link>,
    /// Something was sent and has not answered, or a transaction is open.
    is_dirty: bool,
    /// How long it was idle; nothing for a new one.
    rested: Option<Duration>,
    pool: Arc<Pool>,
    place: Option<OwnedSemaphorePermit>,
}

fn unavailable(why: &str) -> StoreError {
    StoreError::Unavailable(why.to_owned())
}

impl Pool {
    /// `first`: a connection that is open already.
    ///
    /// # Errors
    /// None in practice: there is room for one.
    pub(crate) fn new(
        options: PgConnectOptions,
        settings: &PgSettings,
        first: PgConnection,
    ) -> Result<Arc<Self>> {
        let count = settings.connections.clamp(1, 1000);
        let rooms = Arc::new(Semaphore::new(count as usize));
        let room = Arc::clone(&rooms).try_acquire_owned().map_err(|_| unavailable("no room"))?;
        let link = Link { connection: first, home: home(), _room: room };
        Ok(Arc::new(Self {
            options,
            idle: Mutex::new(VecDeque::from([Idle { link, since: Instant::now() }])),
            places: Arc::new(Semaphore::new(count as usize)),
            rooms,
            count,
            patience: settings.patience,
            limit: settings.statement_timeout.saturating_add(GRACE),
            is_closed: AtomicBool::new(false),
            runtime: Handle::current(),
        }))
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn closed(&self) -> Result<()> {
        if self.is_closed.load(Ordering::Relaxed) { Err(unavailable("the store is closed")) } else { Ok(()) }
    }

    /// Lends a connection; waits until one is free.
    pub(crate) async fn lend(self: &Arc<Self>) -> Result<Lent> {
        self.closed()?;
        // Free at once, as most of the time: without a timer.
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned()
            && let Some(idle) = self.rested(true)
        {
            return Ok(self.lent(idle.link, Some(idle.since.elapsed()), place));
        }
        let waited = timeout(self.patience, async {
            let place = Arc::clone(&self.places).acquire_owned().await;
            let place = place.map_err(|_| unavailable("the store is closed"))?;
            self.closed()?;
            if let Some(idle) = self.rested(true) {
                return Ok(self.lent(idle.link, Some(idle.since.elapsed()), place));
            }
            let room = match Arc::clone(&self.rooms).try_acquire_owned() {
                Ok(room) => room,
                // Another worker's is better than none.
                Err(_) => match self.rested(false) {
                    Some(idle) => return Ok(self.lent(idle.link, Some(idle.since.elapsed()), place)),
                    None => Arc::clone(&self.rooms)
                        .acquire_owned()
                        .await
                        .map_err(|_| unavailable("the store is closed"))?,
                },
            };
            let connection = self.options.connect().await;
            let connection = connection.map_err(|why| pg::refusal(&self.options, &why))?;
            Ok(self.lent(Link { connection, home: home(), _room: room }, None, place))
        });
        waited.await.map_err(|_| unavailable("no connection to PostgreSQL in time"))?
    }

    fn lent(self: &Arc<Self>, link: Link, rested: Option<Duration>, place: OwnedSemaphorePermit) -> Lent {
        Lent { link: Some(link), is_dirty: false, rested, pool: Arc::clone(self), place: Some(place) }
    }

    /// The connection that was used last (of this runtime, or of any), if it has not rested too long.
    fn rested(&self, is_own: bool) -> Option<Idle> {
        let here = home();
        let mut idle = self.idle();
        let at = idle.iter().rposition(|idle| !is_own || idle.link.home == here)?;
        let found = idle.remove(at);
        drop(idle);
        found.filter(|idle| idle.since.elapsed() < REST)
    }

    fn give_back(&self, link: Link) {
        if self.is_closed.load(Ordering::Relaxed) {
            return;
        }
        let now = Instant::now();
        let mut idle = self.idle();
        idle.push_back(Idle { link, since: now });
        let oldest = idle.pop_front_if(|oldest| now.duration_since(oldest.since) >= REST);
        drop(idle);
        drop(oldest);
    }

    /// Drops all idle connections: one of them was found dead.
    fn forget_idle(&self) {
        let dead = std::mem::take(&mut *self.idle());
        drop(dead);
    }

    /// Runs a statement by itself. Tried again when it changed nothing, and on another connection when an
    /// idle one was dead: so it must be a read, or do no harm when it is run twice.
    pub(crate) async fn ask(self: &Arc<Self>, sql: Sql, values: Values) -> Result<Answer> {
        let mut tries = 1;
        loop {
            let mut lent = self.lend().await?;
            let why = match lent.ask(sql.postgres, values.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(why) => why,
            };
            let is_again = lent.met(&why) || pg::is_contended(&why);
            drop(lent);
            if !is_again || tries == TRIES {
                return Err(pg::translate(&why));
            }
            tries += 1;
        }
    }

    /// Lends nothing from now on, waits a moment for what is lent, and closes.
    pub(crate) async fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        let all = Arc::clone(&self.places).acquire_many_owned(self.count);
        if timeout(self.patience, all).await.is_err() {
            tracing::warn!("Some units did not end before the store was closed");
        }
        self.places.close();
        let idle = std::mem::take(&mut *self.idle());
        for idle in idle {
            let closed = timeout(self.patience, idle.link.connection.close()).await;
            if !matches!(closed, Ok(Ok(()))) {
                tracing::debug!("A connection to PostgreSQL did not close");
            }
        }
    }
}

impl Lent {
    /// Whether the connection is new, or was used a moment ago: not one whose server may have gone since.
    pub(crate) fn is_lively(&self) -> bool {
        self.rested.is_none_or(|rested| rested < Duration::from_secs(1))
    }

    /// Runs a statement.
    pub(crate) async fn ask(&mut self, text: &'static str, values: Values) -> Result<Answer, sqlx::Error> {
        let limit = self.pool.limit;
        self.within(limit, async |connection| pg::ask(connection, text, values).await).await
    }

    /// Runs a text without values that takes no time.
    pub(crate) async fn tell(&mut self, text: &'static str) -> Result<(), sqlx::Error> {
        let limit = self.pool.patience;
        self.within(limit, async |connection| pg::tell(connection, text).await).await
    }

    async fn within<T, F>(&mut self, limit: Duration, run: F) -> Result<T, sqlx::Error>
    where
        F: AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    {
        let Some(link) = self.link.as_mut() else { return Err(pg::late()) };
        let was_dirty = std::mem::replace(&mut self.is_dirty, true);
        let answer = timeout(limit, run(&mut link.connection)).await.unwrap_or_else(|_| Err(pg::late()));
        self.is_dirty = was_dirty;
        answer
    }

    /// Looks at an error: a dead connection is not given back. Whether the same may be tried on another one,
    /// because this one had died while it was idle.
    pub(crate) fn met(&mut self, why: &sqlx::Error) -> bool {
        if !pg::is_dead(why) {
            return false;
        }
        self.link = None;
        self.place = None;
        self.pool.forget_idle();
        self.rested.is_some() && !pg::is_late(why)
    }

    /// Whether a transaction is open on it, which is rolled back should it be dropped.
    pub(crate) fn mark(&mut self, is_open: bool) {
        self.is_dirty = is_open;
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(mut link) = self.link.take() else { return };
        if !self.is_dirty {
            return self.pool.give_back(link);
        }
        let (pool, place, limit) = (Arc::clone(&self.pool), self.place.take(), self.pool.patience);
        let runtime = Handle::try_current().unwrap_or_else(|_| self.pool.runtime.clone());
        runtime.spawn(async move {
            // Waits for what was still running.
            let cleaned = timeout(limit, pg::tell(&mut link.connection, "ROLLBACK")).await;
            if matches!(cleaned, Ok(Ok(()))) {
                pool.give_back(link);
            }
            drop(place);
        });
    }
}

/// The runtime we are on.
fn home() -> Id {
    Handle::current().id()
}
