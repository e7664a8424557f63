//! The one writing connection, and how many units share one commit.
//!
//! Owns: turns, the shared COMMIT, the undoing of dropped units, and recovery.
//! Not here: statements (one module a subject), reading beside the writer (`readers`).
//!
//! ```text
//! begin ──▶ turn ──statements──▶ commit ──▶ waits ─────────▶ answered
//!             │                    │ the turn goes on         ▲
//!             ╰──drop: undone──────┴──▶ next in line … last: COMMIT
//! ```
//!
//! One unit is active at a time. Its commit hands the turn to the next in line and waits; whoever finds
//! nobody waiting (or 128 units in the batch) runs the COMMIT for all.
//!
//! No savepoints: each would cost a copy of every page it touches and a further wake-up per unit, for the
//! rare unit that is dropped after a write. Instead the writes of a batch are noted; when a unit with
//! writes is dropped, the batch ends at once: all is rolled back, the neighbours' writes are run again,
//! and committed. They find the same tables (another process would be noticed) and so do the same.
//!
//! Should the COMMIT or any statement fail for a reason outside the tables' rules, the whole batch is
//! rolled back and every unit of it gets `Unavailable`: nothing that was acknowledged is lost, because
//! nothing was.
//!
//! A dropped future may leave a statement running on the connection's thread. Commands reach that thread
//! in order and are in its queue before the first await returns, so what is sent next (a rollback) always
//! comes after it.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::AuditEntry;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
use store::{Result, StoreError};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::audit;
use crate::values::Values;
use crate::work::{self, Sql, translate};

/// At most this many units share a commit.
const BATCH: usize = 128;
/// At most this many wait for a turn; more are refused at once.
const LINE: usize = 4096;
/// A unit that holds its turn longer than this does something that has no place in it.
const AGE: Duration = Duration::from_millis(250);

/// Gives out turns.
pub(crate) struct Writer(Arc<Line>);

struct Line {
    state: Mutex<State>,
    options: SqliteConnectOptions,
    patience: Duration,
    runtime: Handle,
}

#[derive(Default)]
struct State {
    /// The connection, when nobody has it.
    idle: Option<Box<Core>>,
    /// Who waits for a turn.
    waiting: VecDeque<oneshot::Sender<Result<Turn>>>,
    closed: bool,
}

/// The connection and the batch on it. Whoever holds it has the turn.
struct Core {
    connection: SqliteConnection,
    /// A transaction is open.
    is_open: bool,
    /// A dropped unit has written, or a statement of it may have ended the transaction unseen.
    is_spoilt: bool,
    /// What the batch has written so far.
    written: Vec<Written>,
    /// The batch cannot be committed any more, and why.
    broken: Option<String>,
    /// Who waits for the commit.
    batch: Vec<oneshot::Sender<Result<()>>>,
    /// Audit entries of the batch, written with its commit.
    audit: Vec<AuditEntry>,
}

/// A statement that was run, and how to run it again.
struct Written {
    text: &'static str,
    arguments: SqliteArguments,
}

/// A unit's hold on the connection.
pub(crate) struct Turn {
    core: Option<Box<Core>>,
    line: Arc<Line>,
    since: Instant,
    /// What the unit has written so far.
    written: Vec<Written>,
    /// A statement was sent and has not answered.
    is_running: bool,
    /// The batch is being ended, by the unit itself or by a task.
    finishing: Finishing,
    audit: Vec<AuditEntry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finishing {
    No,
    ByUnit,
    ByTask,
}

fn unavailable(why: &str) -> StoreError {
    StoreError::Unavailable(why.to_owned())
}

impl Writer {
    pub(crate) fn new(
        connection: SqliteConnection,
        options: SqliteConnectOptions,
        patience: Duration,
    ) -> Self {
        let core = Core {
            connection,
            is_open: false,
            is_spoilt: false,
            written: Vec::new(),
            broken: None,
            batch: Vec::with_capacity(BATCH),
            audit: Vec::new(),
        };
        let state = State { idle: Some(Box::new(core)), ..State::default() };
        Self(Arc::new(Line { state: Mutex::new(state), options, patience, runtime: Handle::current() }))
    }

    /// Waits for a turn.
    pub(crate) async fn begin(&self) -> Result<Turn> {
        self.turn(false).await
    }

    async fn turn(&self, to_close: bool) -> Result<Turn> {
        let turn = {
            let mut state = self.0.state();
            if state.closed && !to_close {
                return Err(unavailable("the store is closed"));
            }
            if let Some(core) = state.idle.take() {
                return Ok(Turn::new(core, &self.0));
            }
            if state.waiting.len() >= LINE {
                state.waiting.retain(|waiting| !waiting.is_closed());
                if state.waiting.len() >= LINE {
                    return Err(unavailable("too many units wait for a turn"));
                }
            }
            let (sender, turn) = oneshot::channel();
            state.waiting.push_back(sender);
            turn
        };
        match timeout(self.0.patience, turn).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(unavailable("the store is closed")),
            Err(_) => Err(unavailable("no turn in time")),
        }
    }

    /// Lets running units end, then closes the connection.
    pub(crate) async fn close(&self) {
        self.0.state().closed = true;
        let Ok(mut turn) = self.turn(true).await else { return };
        if let Err(why) = turn.finish().await {
            tracing::warn!(%why, "The last batch could not be committed");
        }
        if let Some(core) = turn.core.take()
            && let Err(why) = core.connection.close().await
        {
            tracing::warn!(%why, "The writing connection did not close");
        }
    }
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the connection to the next in line, or keeps it; with a batch to end and nobody in line (or
    /// the batch full or broken), has it ended first.
    fn pass_on(self: &Arc<Self>, mut core: Box<Core>) {
        loop {
            let next = {
                let mut state = self.state();
                if core.is_due() {
                    None
                } else {
                    match state.waiting.pop_front() {
                        Some(next) => Some(next),
                        None if core.is_clean() => {
                            state.idle = Some(core);
                            return;
                        }
                        None => None,
                    }
                }
            };
            match next {
                None => return self.finish_apart(core),
                // A waiting unit may be gone; then the turn comes back.
                Some(next) => match next.send(Ok(Turn::new(core, self))) {
                    Err(Ok(mut turn)) => match turn.core.take() {
                        Some(back) => core = back,
                        None => return,
                    },
                    Ok(()) | Err(Err(_)) => return,
                },
            }
        }
    }

    /// Ends the batch in a task of its own: no unit that is dropped meanwhile can stop it.
    fn finish_apart(self: &Arc<Self>, core: Box<Core>) {
        let mut turn = Turn::new(core, self);
        turn.finishing = Finishing::ByTask;
        let runtime = Handle::try_current().unwrap_or_else(|_| self.runtime.clone());
        runtime.spawn(async move {
            // Its units are told by `finish`.
            let _told = turn.finish().await;
        });
    }

    /// Takes the connection back as it is: the runtime is going down, nothing can be awaited.
    fn give_up(self: &Arc<Self>, mut core: Box<Core>) {
        core.break_off("the program is stopping");
        core.answer(&Err(unavailable("the program is stopping")));
        let mut state = self.state();
        state.waiting.clear();
        state.idle = Some(core);
    }

    /// Nobody needs to try in turn what just failed for all.
    fn refuse_waiting(&self, why: &StoreError) {
        let waiting = mem::take(&mut self.state().waiting);
        for unit in waiting {
            let _gone = unit.send(Err(why.clone()));
        }
    }
}

impl Core {
    /// The batch must end before anybody else gets a turn.
    fn is_due(&self) -> bool {
        self.broken.is_some() || self.is_spoilt || self.batch.len() >= BATCH
    }

    fn is_clean(&self) -> bool {
        !self.is_open && self.batch.is_empty() && self.broken.is_none() && self.audit.is_empty()
    }

    fn break_off(&mut self, why: impl Into<String>) {
        self.broken.get_or_insert_with(|| why.into());
    }

    fn answer(&mut self, outcome: &Result<()>) {
        for unit in self.batch.drain(..) {
            let _gone = unit.send(outcome.clone());
        }
    }

    async fn execute(&mut self, text: &'static str) -> Result<u64, sqlx::Error> {
        work::execute(&mut self.connection, text, SqliteArguments::default(), 1).await
    }

    async fn roll_back(&mut self) -> Result<(), sqlx::Error> {
        match self.execute("ROLLBACK").await {
            Err(why) if !work::is_no_transaction(&why) => Err(why),
            _ => Ok(()),
        }
    }

    /// A number that changes when another process has written.
    async fn foreign_writes(&mut self) -> Result<i64, sqlx::Error> {
        let row =
            work::fetch_optional(&mut self.connection, "PRAGMA data_version", SqliteArguments::default())
                .await?;
        row.ok_or(sqlx::Error::RowNotFound)?.try_get(0)
    }

    /// Undoes what dropped units wrote: rolls back, and runs again what the others wrote.
    async fn redo(&mut self) -> Result<(), sqlx::Error> {
        let before = self.foreign_writes().await?;
        self.roll_back().await?;
        self.is_open = false;
        self.is_spoilt = false;
        if self.written.is_empty() {
            return Ok(());
        }
        self.execute("BEGIN IMMEDIATE").await?;
        self.is_open = true;
        if self.foreign_writes().await? != before {
            return Err(sqlx::Error::Protocol("another process wrote while a batch was undone".into()));
        }
        for Written { text, arguments } in mem::take(&mut self.written) {
            work::fetch_all(&mut self.connection, text, arguments).await?;
        }
        Ok(())
    }

    /// Commits the batch with its audit entries.
    async fn close_batch(&mut self) -> Result<()> {
        if let Some(why) = &self.broken {
            return Err(StoreError::Unavailable(why.clone()));
        }
        if self.is_spoilt {
            self.redo().await.map_err(|why| translate(&why))?;
        }
        let (text, values) = match self.audit.as_slice() {
            [] if !self.is_open => return Ok(()),
            [] => ("COMMIT", Values::new()),
            [entry] if self.is_open => (audit::ONE.commit, audit::one(entry)),
            [entry] => (audit::ONE.whole, audit::one(entry)),
            entries if self.is_open => (audit::MANY.commit, audit::many(entries)?),
            entries => (audit::MANY.whole, audit::many(entries)?),
        };
        // All steps are waited for: the last one is the commit.
        let steps = usize::from(!self.audit.is_empty()) * (1 + usize::from(!self.is_open)) + 1;
        let ended = match work::arguments(values) {
            Ok(arguments) => work::execute(&mut self.connection, text, arguments, steps).await,
            Err(why) => Err(why),
        };
        ended.map_err(|why| translate(&why))?;
        self.is_open = false;
        self.written.clear();
        self.audit.clear();
        Ok(())
    }

    /// Makes the connection good again after a failure, or a new one.
    async fn recover(&mut self, options: &SqliteConnectOptions) {
        self.audit.clear();
        self.written.clear();
        self.is_open = false;
        self.is_spoilt = false;
        let Err(why) = self.roll_back().await else {
            self.broken = None;
            return;
        };
        tracing::warn!(%why, "The writing connection is no good; opening another");
        match options.connect().await {
            Ok(connection) => {
                self.connection = connection;
                self.broken = None;
            }
            Err(why) => self.broken = Some(why.to_string()),
        }
    }
}

impl Turn {
    fn new(core: Box<Core>, line: &Arc<Line>) -> Self {
        Self {
            core: Some(core),
            line: Arc::clone(line),
            since: Instant::now(),
            written: Vec::new(),
            is_running: false,
            finishing: Finishing::No,
            audit: Vec::new(),
        }
    }

    /// The connection, the text to run on it, and in how many steps: the first statement of a batch
    /// brings BEGIN along.
    fn ready(&mut self, sql: Sql) -> Result<(&mut SqliteConnection, &'static str, usize)> {
        let core = self.core.as_mut().ok_or_else(|| unavailable("the unit is over"))?;
        if let Some(why) = &core.broken {
            return Err(StoreError::Unavailable(why.clone()));
        }
        if mem::replace(&mut self.is_running, true) {
            return Err(unavailable("an earlier statement of the unit was given up"));
        }
        let is_first = !mem::replace(&mut core.is_open, true);
        let (text, steps) = if is_first { (sql.begin, 2) } else { (sql.plain, 1) };
        Ok((&mut core.connection, text, steps))
    }

    /// Looks at the answer of a statement and notes what it wrote.
    fn done<T>(
        &mut self,
        sql: Sql,
        arguments: Option<SqliteArguments>,
        answer: Result<T, sqlx::Error>,
    ) -> Result<T> {
        self.is_running = false;
        match answer {
            Ok(answer) => {
                if let Some(arguments) = arguments {
                    self.written.push(Written { text: sql.plain, arguments });
                }
                Ok(answer)
            }
            Err(why) => {
                let named = translate(&why);
                if !work::is_rule(&why)
                    && let Some(core) = &mut self.core
                {
                    core.break_off(why.to_string());
                    if work::is_locked(&why) {
                        self.line.refuse_waiting(&named);
                    }
                }
                Err(named)
            }
        }
    }

    pub(crate) async fn run(&mut self, sql: Sql, values: Values) -> Result<u64> {
        let arguments = work::arguments(values).map_err(|why| translate(&why))?;
        let again = sql.writes.then(|| arguments.clone());
        let (connection, text, steps) = self.ready(sql)?;
        let answer = work::execute(connection, text, arguments, steps).await;
        self.done(sql, again, answer)
    }

    pub(crate) async fn optional(&mut self, sql: Sql, values: Values) -> Result<Option<SqliteRow>> {
        let arguments = work::arguments(values).map_err(|why| translate(&why))?;
        let again = sql.writes.then(|| arguments.clone());
        let (connection, text, _) = self.ready(sql)?;
        let answer = work::fetch_optional(connection, text, arguments).await;
        self.done(sql, again, answer)
    }

    pub(crate) async fn all(&mut self, sql: Sql, values: Values) -> Result<Vec<SqliteRow>> {
        let arguments = work::arguments(values).map_err(|why| translate(&why))?;
        let again = sql.writes.then(|| arguments.clone());
        let (connection, text, _) = self.ready(sql)?;
        let answer = work::fetch_all(connection, text, arguments).await;
        self.done(sql, again, answer)
    }

    pub(crate) fn keep_audit(&mut self, entry: AuditEntry) {
        self.audit.push(entry);
    }

    /// Hands the turn on and answers when the batch is on disk.
    pub(crate) async fn commit(mut self) -> Result<()> {
        if self.is_running {
            return Err(unavailable("an earlier statement of the unit was given up"));
        }
        self.watch_age();
        let line = Arc::clone(&self.line);
        let Some(mut core) = self.core.take() else { return Err(unavailable("the unit is over")) };
        core.audit.append(&mut self.audit);
        core.written.append(&mut self.written);
        let late = |_| unavailable("the commit did not answer in time; whether it happened is unknown");
        if core.batch.is_empty() && line.state().waiting.is_empty() {
            // Alone: nobody else is hurt should this future be dropped in the middle.
            self.core = Some(core);
            self.finishing = Finishing::ByUnit;
            return timeout(line.patience, self.finish()).await.map_err(late)?;
        }
        let (sender, outcome) = oneshot::channel();
        core.batch.push(sender);
        line.pass_on(core);
        let outcome = timeout(line.patience, outcome).await.map_err(late)?;
        outcome.unwrap_or_else(|_| Err(unavailable("the program is stopping")))
    }

    /// Ends the batch and tells its units.
    async fn finish(&mut self) -> Result<()> {
        let core = self.core.as_mut().ok_or_else(|| unavailable("the unit is over"))?;
        let outcome = match core.close_batch().await {
            Ok(()) => Ok(()),
            Err(why) => {
                core.recover(&self.line.options).await;
                Err(match why {
                    StoreError::Unavailable(_) => why,
                    other => StoreError::Unavailable(other.to_string()),
                })
            }
        };
        core.answer(&outcome);
        self.finishing = Finishing::No;
        outcome
    }

    fn watch_age(&self) {
        let age = self.since.elapsed();
        if age > AGE {
            tracing::warn!(
                milliseconds = u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
                "A unit of work held its turn too long"
            );
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(mut core) = self.core.take() else { return };
        match self.finishing {
            Finishing::ByTask => return self.line.give_up(core),
            Finishing::ByUnit => core.break_off("the commit was interrupted"),
            Finishing::No => {
                self.watch_age();
                core.is_spoilt |= self.is_running || !self.written.is_empty();
            }
        }
        self.line.pass_on(core);
    }
}
