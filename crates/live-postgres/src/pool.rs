//! A few connections.
//!
//! Owns: how many there are, who has one, and dropping those that are of no use. Not sqlx's pool, which asks a
//! connection for a sign of life after each use: a trip for every operation.
//!
//! A connection lives on the runtime that opened it, and each of the server's workers is one: its own connections
//! come first. Another worker's would wait for that worker's turn, and break when it ends before this one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use live::LiveError;
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::{Error, Postgres};
use tokio::runtime::{Handle, Id};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

/// A statement and its values.
pub(crate) type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// An idle connection is not used after so long: something on the way may have forgotten it.
const REST: Duration = Duration::from_secs(300);

/// The connections.
#[derive(Debug)]
pub(crate) struct Pool {
    options: PgConnectOptions,
    places: Semaphore,
    /// How many more may be open, on loan or idle.
    rooms: Arc<Semaphore>,
    idle: Mutex<Idle>,
    timeout: Duration,
}

/// An open connection.
#[derive(Debug)]
struct Link {
    connection: PgConnection,
    /// The runtime that opened it.
    home: Id,
    // Held for its drop.
    _room: OwnedSemaphorePermit,
}

#[derive(Debug, Default)]
struct Idle {
    /// The one used last is at the end.
    links: Vec<(Link, Instant)>,
    /// Grows when all connections there are were found to be of no use.
    age: u64,
}

/// A connection on loan. Comes back only after an answer was read to its end.
struct Lent<'a> {
    link: Option<Link>,
    age: u64,
    was_idle: bool,
    pool: &'a Pool,
    // Held for its drop.
    _place: SemaphorePermit<'a>,
}

impl Pool {
    pub(crate) fn new(options: PgConnectOptions, connections: u32, timeout: Duration) -> Arc<Self> {
        let count = usize::try_from(connections.clamp(1, 1000)).unwrap_or(1);
        let (places, rooms) = (Semaphore::new(count), Arc::new(Semaphore::new(count)));
        Arc::new(Self { options, places, rooms, idle: Mutex::default(), timeout })
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops all connections: the server went away or is another.
    pub(crate) fn forget(&self) {
        let mut idle = self.idle();
        idle.age += 1;
        let gone = std::mem::take(&mut idle.links);
        drop(idle);
        drop(gone);
    }

    /// Sends a statement once. What became of it is not known when this fails.
    pub(crate) async fn ask(&self, statement: Statement<'_>) -> Result<Option<PgRow>, LiveError> {
        self.once(statement, self.until()).await.map_err(|(error, _)| error)
    }

    /// Sends a statement that changes nothing; once more on a fresh connection when an old one was dead.
    pub(crate) async fn read<'q>(
        &self,
        statement: impl Fn() -> Statement<'q>,
    ) -> Result<Option<PgRow>, LiveError> {
        let until = self.until();
        match self.once(statement(), until).await {
            Err((_, true)) => self.once(statement(), until).await.map_err(|(error, _)| error),
            answer => answer.map_err(|(error, _)| error),
        }
    }

    fn until(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// Fails with whether an old connection was dead.
    async fn once(
        &self,
        statement: Statement<'_>,
        until: Instant,
    ) -> Result<Option<PgRow>, (LiveError, bool)> {
        let late = || (unavailable("PostgreSQL does not answer in time"), false);
        let mut lent = timeout_at(until, self.lend()).await.map_err(|_| late())??;
        let Some(mut link) = lent.link.take() else { return Err(late()) };
        match timeout_at(until, statement.fetch_optional(&mut link.connection)).await {
            Ok(Ok(row)) => {
                lent.link = Some(link);
                Ok(row)
            }
            Ok(Err(error @ Error::Database(_))) if !is_over(&error) => {
                lent.link = Some(link);
                Err((cause(&error), false))
            }
            Ok(Err(error)) => {
                self.forget();
                Err((cause(&error), lent.was_idle))
            }
            // The connection is in the middle of something and goes.
            Err(_) => Err(late()),
        }
    }

    async fn lend(&self) -> Result<Lent<'_>, (LiveError, bool)> {
        let place = self.places.acquire().await.map_err(|_| (unavailable("closed"), false))?;
        let lent = |link, age, was_idle| Lent { link: Some(link), age, was_idle, pool: self, _place: place };
        if let (Some(link), age) = self.rested(true) {
            return Ok(lent(link, age, true));
        }
        let room = match Arc::clone(&self.rooms).try_acquire_owned() {
            Ok(room) => room,
            // Another worker's is better than none.
            Err(_) => match self.rested(false) {
                (Some(link), age) => return Ok(lent(link, age, true)),
                (None, _) => {
                    let room = Arc::clone(&self.rooms).acquire_owned().await;
                    room.map_err(|_| (unavailable("closed"), false))?
                }
            },
        };
        let age = self.idle().age;
        let connection = self.options.connect().await.map_err(|error| (cause(&error), false))?;
        Ok(lent(Link { connection, home: Handle::current().id(), _room: room }, age, false))
    }

    /// The connection that was used last (of this runtime, or of any), if it has not rested too long; and the age.
    fn rested(&self, is_own: bool) -> (Option<Link>, u64) {
        let here = Handle::current().id();
        let mut idle = self.idle();
        let age = idle.age;
        let at = idle.links.iter().rposition(|(link, _)| !is_own || link.home == here);
        let found = at.map(|at| idle.links.remove(at));
        drop(idle);
        (found.filter(|(_, since)| since.elapsed() < REST).map(|(link, _)| link), age)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(link) = self.link.take() {
            let mut idle = self.pool.idle();
            if idle.age == self.age {
                idle.links.push((link, Instant::now()));
            }
        }
    }
}

pub(crate) fn unavailable(cause: &str) -> LiveError {
    LiveError::Unavailable(cause.to_owned())
}

fn cause(error: &Error) -> LiveError {
    LiveError::Unavailable(format!("PostgreSQL: {error}"))
}

/// Whether the server ends the connection with this (class 57: it stops, was killed, or is starting; 25006: it
/// only reads by now).
fn is_over(error: &Error) -> bool {
    let Error::Database(error) = error else { return true };
    error.code().is_some_and(|code| matches!(code.as_ref(), "57P01" | "57P02" | "57P03" | "57P05" | "25006"))
}
