//! One connection that is there again by itself.
//!
//! Owns: connecting, noticing that a connection is of no use, connecting again with a short pause, and the
//! subscription of the connection that hears words. Not here: which connection a command takes (`cluster`, `store`).
//!
//! A connection is given up when it ends, when somebody waited on it in vain, when it does not answer a ping, or
//! when its server is not the master any more. While the first attempt to replace it runs, callers wait for it;
//! after that they are told at once, so that an outage does not collect waiting requests.

use std::sync::Arc;
use std::time::Duration;

use live::{LiveError, Topics};
use redis::aio::MultiplexedConnection;
use redis::{Cmd, PushInfo, PushKind, RedisError, Value};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::access::{Access, OnPush};
use crate::error::{is_broken, unavailable};
use crate::settings::Address;
use crate::target::Target;

const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);
/// How often a connection is asked whether it is still there, and its server whether it is the right one.
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// One connection that is there again by itself. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct Link {
    state: watch::Receiver<State>,
    broken: Broken,
    task: JoinHandle<()>,
}

/// The highest number of a connection that was found to be of no use.
type Broken = Arc<watch::Sender<u64>>;

#[derive(Debug, Clone)]
enum State {
    /// The first attempt is running.
    Connecting,
    Up(Up),
    /// The last attempt failed.
    Down(Arc<str>),
}

#[derive(Clone)]
struct Up {
    connection: MultiplexedConnection,
    number: u64,
}

impl std::fmt::Debug for Up {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Up({})", self.number)
    }
}

/// What a link that hears words listens to.
#[derive(Debug, Clone)]
pub(crate) struct Ear {
    /// The channel that carries the words of all topics.
    pub(crate) channel: String,
    /// Who listens here.
    pub(crate) topics: Arc<Topics>,
}

/// Why a command has no answer.
#[derive(Debug)]
pub(crate) enum Failed {
    /// It was not sent.
    NotSent(LiveError),
    /// It was sent and nobody knows what became of it, or the server refused it.
    Sent(RedisError),
    /// It was sent and no answer came in time.
    TooLate,
}

impl From<Failed> for LiveError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::NotSent(error) => error,
            Failed::Sent(error) => unavailable(format!("Redis: {error}")),
            Failed::TooLate => unavailable("Redis does not answer in time"),
        }
    }
}

impl Link {
    /// Connects in the background, for good.
    pub(crate) fn open(access: Arc<Access>, target: Target, ear: Option<Ear>, patience: Duration) -> Self {
        let (tell, state) = watch::channel(State::Connecting);
        let broken: Broken = Arc::new(watch::channel(0).0);
        let keeper = Keeper { access, target, ear, patience, broken: Arc::clone(&broken), tell };
        Self { state, broken, task: tokio::spawn(keeper.keep()) }
    }

    /// Whether a connection is there.
    pub(crate) fn is_up(&self) -> bool {
        matches!(*self.state.borrow(), State::Up(_))
    }

    /// Sends a command once and waits for its answer.
    pub(crate) async fn ask(&self, command: &Cmd, until: Instant) -> Result<Value, Failed> {
        let Up { mut connection, number } = self.connection(until).await?;
        let answer = timeout_at(until, command.query_async(&mut connection)).await;
        self.judge(answer, number)
    }

    /// Sends `ASKING` and a command, as one.
    pub(crate) async fn ask_importing(&self, command: &Cmd, until: Instant) -> Result<Value, Failed> {
        let Up { mut connection, number } = self.connection(until).await?;
        let mut both = redis::pipe();
        both.cmd("ASKING").ignore().add_command(command.clone());
        let answer = timeout_at(until, both.query_async::<(Value,)>(&mut connection)).await;
        self.judge(answer.map(|answer| answer.map(|(value,)| value)), number)
    }

    fn judge(
        &self,
        answer: Result<Result<Value, RedisError>, tokio::time::error::Elapsed>,
        number: u64,
    ) -> Result<Value, Failed> {
        match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                if is_broken(&error) {
                    report(&self.broken, number);
                }
                Err(Failed::Sent(error))
            }
            Err(_) => {
                report(&self.broken, number);
                Err(Failed::TooLate)
            }
        }
    }

    async fn connection(&self, until: Instant) -> Result<Up, Failed> {
        if let Some(found) = at_once(&self.state.borrow()) {
            return found;
        }
        let mut state = self.state.clone();
        let waited = timeout_at(until, state.wait_for(|state| !matches!(state, State::Connecting))).await;
        match waited {
            Ok(Ok(state)) => at_once(&state).unwrap_or_else(|| Err(not_sent("Redis is being connected to"))),
            Ok(Err(_)) => Err(not_sent("the connection to Redis was closed")),
            Err(_) => Err(not_sent("Redis does not answer in time")),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn at_once(state: &State) -> Option<Result<Up, Failed>> {
    match state {
        State::Up(up) => Some(Ok(up.clone())),
        State::Down(cause) => Some(Err(not_sent(cause))),
        State::Connecting => None,
    }
}

fn not_sent(cause: &str) -> Failed {
    Failed::NotSent(unavailable(cause))
}

fn report(broken: &watch::Sender<u64>, number: u64) {
    broken.send_if_modified(|worst| {
        let is_news = *worst < number;
        *worst = number.max(*worst);
        is_news
    });
}

/// The task behind a link.
struct Keeper {
    access: Arc<Access>,
    target: Target,
    ear: Option<Ear>,
    patience: Duration,
    broken: Broken,
    tell: watch::Sender<State>,
}

impl Keeper {
    async fn keep(self) {
        let (mut number, mut tries, mut pause) = (0, 0, FIRST_PAUSE);
        loop {
            number += 1;
            match self.connect(number, tries).await {
                Ok((connection, at)) => {
                    if tries > 0 {
                        tracing::info!(server = %at, "Redis is there again");
                    }
                    let since = Instant::now();
                    let _ = self.tell.send(State::Up(Up { connection: connection.clone(), number }));
                    let cause = self.look_after(connection, &at, number).await;
                    tracing::warn!(server = %at, cause, "The connection to Redis is given up");
                    let _ = self.tell.send(State::Connecting);
                    // Those who wait look at once, and can say that they are cut off.
                    self.tell_missed();
                    tries = 0;
                    if since.elapsed() > LOOK_AFTER {
                        pause = FIRST_PAUSE;
                    } else {
                        // A server that accepts and hangs up is not asked without end.
                        sleep(pause).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                }
                Err(cause) => {
                    if tries == 0 {
                        tracing::warn!(cause, "Redis cannot be reached");
                    }
                    let _ = self.tell.send(State::Down(cause.into()));
                    tries += 1;
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    async fn connect(&self, number: u64, tries: usize) -> Result<(MultiplexedConnection, Address), String> {
        let at = self.target.find(tries).await?;
        match timeout(self.patience, self.greet(&at, number)).await {
            Ok(Ok(connection)) => Ok((connection, at)),
            Ok(Err(cause)) => Err(format!("Redis at {at}: {cause}")),
            Err(_) => Err(format!("Redis at {at} does not answer")),
        }
    }

    /// A connection to a master that is ready, and that hears words if it is to.
    async fn greet(&self, at: &Address, number: u64) -> Result<MultiplexedConnection, String> {
        let text = |error: RedisError| error.to_string();
        let mut connection = self.access.open(at, self.on_push(number)).await.map_err(text)?;
        let info: String =
            redis::cmd("INFO").arg("replication").query_async(&mut connection).await.map_err(text)?;
        if info.lines().any(|line| line.trim() == "role:slave") {
            return Err("it is a replica, which cannot be written".to_owned());
        }
        // A server that still reads its data from disk says so here.
        redis::cmd("PING").query_async::<()>(&mut connection).await.map_err(text)?;
        if let Some(ear) = &self.ear {
            connection.subscribe(&ear.channel).await.map_err(text)?;
            if number > 1 {
                self.tell_missed();
            }
        }
        Ok(connection)
    }

    /// What was said while nobody heard is lost: the slots are the truth.
    fn tell_missed(&self) {
        if let Some(ear) = &self.ear {
            let topics = Arc::clone(&ear.topics);
            tokio::spawn(async move { topics.missed().await });
        }
    }

    fn on_push(&self, number: u64) -> OnPush {
        let (broken, ear) = (Arc::clone(&self.broken), self.ear.clone());
        Box::new(move |info: PushInfo| match (&info.kind, &ear) {
            (PushKind::Disconnection, _) => report(&broken, number),
            (PushKind::Message, Some(ear)) => {
                if let Some((topic, word)) = said(&info) {
                    ear.topics.publish(topic, word);
                }
            }
            _ => {}
        })
    }

    /// Comes back with the reason when the connection is of no use any more.
    async fn look_after(
        &self,
        mut connection: MultiplexedConnection,
        at: &Address,
        number: u64,
    ) -> &'static str {
        let mut broken = self.broken.subscribe();
        loop {
            tokio::select! {
                _ = broken.wait_for(|worst| *worst >= number) => return "it broke",
                () = sleep(LOOK_AFTER) => {}
            }
            let ping = redis::cmd("PING");
            let answer = timeout(self.patience, ping.query_async::<()>(&mut connection)).await;
            if !matches!(answer, Ok(Ok(()))) {
                return "it does not answer";
            }
            if self.target.is_elsewhere(at).await {
                return "another server is the master";
            }
        }
    }
}

/// Topic and word of a message of our channel.
fn said(info: &PushInfo) -> Option<(&str, &str)> {
    let Some(Value::BulkString(payload)) = info.data.get(1) else { return None };
    std::str::from_utf8(payload).ok()?.split_once('\n')
}
