//! Telling relying parties from server to server that a session ended, whatever protocol they speak.
//!
//! Owns: the queue on one node: when notices are claimed, how many requests run at once, when a failed one is tried
//! again, and the audit entry. Not here: leaving notices, which the unit does that ends a session, so that none is lost
//! (`store`); what is said to whom (the protocols' use cases); HTTP (`outbound`).
//!
//! ```text
//! unit ends session, leaves notices ──▶ claimed (for half a minute) ──▶ sent ──▶ settled, audited
//!                                               ▲                        │ no answer
//!                                               ╰──── due again ◀────────╯ at most 8 times in a day
//! ```
//! A node that dies with claimed notices leaves them to whoever looks next. A client is told at least once.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use async_trait::async_trait;
use domain::{AuditEntry, AuditEvent, ClientId, Outcome, SessionId, Timestamp};
use outbound::OutboundError;
use store::{CasLogoutNotice, LogoutNotice, View, Work};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::{App, Change, Refusal, audit};

/// Requests under way at once: in all, and to one client.
const PARALLEL: usize = 16;
const PER_CLIENT: usize = 8;
/// Notices taken at once, and for how long nobody else takes them.
const CLAIMED: u32 = 32;
const LEASE: Duration = Duration::from_secs(30);
/// How often it is looked for notices that are due again, or whose word was lost.
const LOOK: Duration = Duration::from_secs(5);
/// Between two looks because of words.
const BREATH: Duration = Duration::from_millis(50);
/// What became of notices is written down after so long, many in one unit.
const SETTLE: Duration = Duration::from_millis(200);
const SETTLED: usize = 64;
/// A client that did not answer is not tried for its other sessions for so long: less than the first pause.
const DOWN: Duration = Duration::from_secs(4);
/// After the first failure, the second, and so on.
const PAUSES: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(3600),
    Duration::from_secs(3 * 3600),
    Duration::from_secs(6 * 3600),
];
/// Given up after so many failures, or so long.
const MOST_TRIES: u32 = 8;
const GIVEN_UP: Duration = Duration::from_secs(24 * 3600);

/// What became of an attempt to tell somebody.
#[derive(Debug)]
pub enum Attempt {
    /// The client took it.
    Delivered,
    /// The client is not to be told (any more): deleted, disabled, or without an address.
    Nobody,
    /// It did not answer, or not as it should.
    Failed(String),
}

impl Attempt {
    /// For log and audit trail: what kind of failure it was.
    #[must_use]
    pub fn failed(error: &OutboundError) -> Self {
        Self::Failed(match error {
            OutboundError::Refused(_) => "its address may not be called".to_owned(),
            OutboundError::Unreachable(_) => "no answer".to_owned(),
            OutboundError::Status(status) => format!("answered with status {status}"),
            OutboundError::TooLong => "its answer is too long".to_owned(),
        })
    }
}

/// That somebody is to be told of a session's end.
pub trait Notice: Clone + Send + Sync + 'static {
    /// Whom.
    fn client(&self) -> &ClientId;
    /// Of which session, where that is known still.
    fn session(&self) -> Option<SessionId>;
    /// How often it was tried before.
    fn attempts(&self) -> u32;
    /// When the session ended.
    fn created_at(&self) -> Timestamp;
}

impl Notice for LogoutNotice {
    fn client(&self) -> &ClientId {
        &self.client
    }

    fn session(&self) -> Option<SessionId> {
        Some(self.session)
    }

    fn attempts(&self) -> u32 {
        self.attempts
    }

    fn created_at(&self) -> Timestamp {
        self.created_at
    }
}

impl Notice for CasLogoutNotice {
    fn client(&self) -> &ClientId {
        &self.client
    }

    fn session(&self) -> Option<SessionId> {
        None
    }

    fn attempts(&self) -> u32 {
        self.attempts
    }

    fn created_at(&self) -> Timestamp {
        self.created_at
    }
}

/// A protocol's way to tell its relying parties.
#[async_trait]
pub trait BackChannel: Clone + Send + Sync + 'static {
    /// What it is to tell.
    type Notice: Notice;

    /// How many notices wait.
    async fn waiting(&self, view: &mut dyn View) -> Result<u64, Refusal>;

    /// Takes notices that are due, at most `limit`; nobody else gets them before `until`.
    async fn claim(
        &self,
        work: &mut dyn Work,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Self::Notice>, Refusal>;

    /// Tells one.
    async fn attempt(&self, notice: &Self::Notice) -> Result<Attempt, Refusal>;

    /// It is to be told again then.
    async fn postpone(
        &self,
        work: &mut dyn Work,
        notice: &Self::Notice,
        due_at: Timestamp,
    ) -> Result<(), Refusal>;

    /// Told, or given up; `false`: somebody else has done that.
    async fn settle(&self, work: &mut dyn Work, notice: &Self::Notice) -> Result<bool, Refusal>;
}

/// Tells relying parties of ended sessions, for as long as it is polled. The server runs one of these a protocol.
pub async fn tell<N: BackChannel>(app: &App, channel: N) {
    let mut changes = app.changes();
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut work = Queue::new(app.clone(), channel);
    loop {
        work.go_on().await;
        let (claim_at, settle_at) = (work.claim_at, work.settle_at);
        tokio::select! {
            Some(finished) = work.running.join_next(), if !work.running.is_empty() => work.finished(finished),
            () = at(claim_at), if claim_at.is_some() && work.has_room() => work.must_claim = true,
            () = at(settle_at), if settle_at.is_some() => work.settle().await,
            _ = look.tick() => work.look_soon(),
            heard = changes.recv() => match heard {
                Ok(Change::Session(_) | Change::Account(_) | Change::Device(_) | Change::Missed)
                | Err(RecvError::Lagged(_)) => work.look_soon(),
                Ok(_) => {}
                Err(RecvError::Closed) => return,
            },
        }
    }
}

/// When a notice is tried again; none: it is given up.
fn next_try(notice: &impl Notice, now: Timestamp) -> Option<Timestamp> {
    let is_over = notice.attempts() + 1 >= MOST_TRIES || now.since(notice.created_at()) >= GIVEN_UP;
    let at = usize::try_from(notice.attempts()).unwrap_or(usize::MAX).min(PAUSES.len() - 1);
    (!is_over).then(|| now.after(PAUSES[at]))
}

async fn at(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}

/// What one node has to do with notices at a moment.
struct Queue<N: BackChannel> {
    app: App,
    channel: N,
    queue: VecDeque<N::Notice>,
    running: JoinSet<(N::Notice, Attempt)>,
    /// Requests under way by client.
    busy: HashMap<ClientId, usize>,
    /// Clients that did not answer, until when they are left alone.
    down: HashMap<ClientId, Instant>,
    done: Vec<(N::Notice, Attempt)>,
    must_claim: bool,
    claim_at: Option<Instant>,
    settle_at: Option<Instant>,
    looked_at: Option<Instant>,
}

impl<N: BackChannel> Queue<N> {
    fn new(app: App, channel: N) -> Self {
        Self {
            app,
            channel,
            queue: VecDeque::new(),
            running: JoinSet::new(),
            busy: HashMap::new(),
            down: HashMap::new(),
            done: Vec::new(),
            must_claim: true,
            claim_at: None,
            settle_at: None,
            looked_at: None,
        }
    }

    fn has_room(&self) -> bool {
        self.queue.len() < PARALLEL
    }

    /// Looks at once, or where that was just done, a moment later.
    fn look_soon(&mut self) {
        if self.claim_at.is_none() {
            let earliest = self.looked_at.map_or_else(Instant::now, |at| at + BREATH);
            self.claim_at = Some(earliest);
        }
    }

    async fn go_on(&mut self) {
        if self.must_claim && self.has_room() {
            self.claim().await;
        }
        self.start();
        if self.done.len() >= SETTLED || (!self.done.is_empty() && self.is_idle()) {
            self.settle().await;
        }
    }

    fn is_idle(&self) -> bool {
        self.running.is_empty() && self.queue.is_empty()
    }

    async fn claim(&mut self) {
        self.must_claim = false;
        self.claim_at = None;
        self.looked_at = Some(Instant::now());
        match self.claimed().await {
            Ok(notices) => {
                // There may be more.
                self.must_claim = notices.len() >= CLAIMED as usize;
                self.queue.extend(notices);
            }
            Err(refusal) => tracing::warn!(cause = refusal.cause(), "Logout notices could not be read"),
        }
    }

    /// Starts what may run: at most so many in all and to one client, none to a client that is down.
    fn start(&mut self) {
        let now = Instant::now();
        self.down.retain(|_, until| *until > now);
        let mut waiting = VecDeque::with_capacity(self.queue.len());
        while let Some(notice) = self.queue.pop_front() {
            if self.down.contains_key(notice.client()) {
                self.keep(notice, Attempt::Failed("no answer".to_owned()));
                continue;
            }
            let busy = self.busy.get(notice.client()).copied().unwrap_or_default();
            if busy >= PER_CLIENT || self.running.len() >= PARALLEL {
                waiting.push_back(notice);
                continue;
            }
            self.busy.insert(notice.client().clone(), busy + 1);
            let channel = self.channel.clone();
            self.running.spawn(async move {
                let attempt = channel.attempt(&notice).await.unwrap_or_else(|refusal| {
                    tracing::warn!(cause = refusal.cause(), client.id = %notice.client(), "A logout notice was not made");
                    Attempt::Failed("not sent".to_owned())
                });
                (notice, attempt)
            });
        }
        self.queue = waiting;
    }

    fn finished(&mut self, finished: Result<(N::Notice, Attempt), tokio::task::JoinError>) {
        // A task that panicked leaves its notice to the next who claims it.
        if self.running.is_empty() {
            self.busy.clear();
        }
        let Ok((notice, attempt)) = finished else { return };
        if let Some(busy) = self.busy.get_mut(notice.client()) {
            *busy = busy.saturating_sub(1);
            if *busy == 0 {
                self.busy.remove(notice.client());
            }
        }
        match &attempt {
            Attempt::Delivered => tracing::debug!(
                client.id = %notice.client(), tries = notice.attempts() + 1,
                "A client was told that a session ended"
            ),
            Attempt::Nobody => {}
            Attempt::Failed(why) => {
                tracing::warn!(
                    client.id = %notice.client(), tries = notice.attempts() + 1, why,
                    "A client was not told that a session ended"
                );
                self.down.insert(notice.client().clone(), Instant::now() + DOWN);
            }
        }
        self.keep(notice, attempt);
    }

    fn keep(&mut self, notice: N::Notice, attempt: Attempt) {
        self.done.push((notice, attempt));
        self.settle_at.get_or_insert_with(|| Instant::now() + SETTLE);
    }

    async fn settle(&mut self) {
        self.settle_at = None;
        let done = std::mem::take(&mut self.done);
        if let Err(refusal) = self.write_down(&done).await {
            // They come again when their half minute is over.
            tracing::warn!(
                cause = refusal.cause(),
                notices = done.len(),
                "What became of logout notices was not noted"
            );
        }
    }

    async fn claimed(&self) -> Result<Vec<N::Notice>, Refusal> {
        // Most changes leave no notice: a read is cheap, and a writer's turn is not.
        if self.channel.waiting(&mut *self.app.store().read().await?).await? == 0 {
            return Ok(Vec::new());
        }
        let now = self.app.now();
        let mut work = self.app.store().begin().await?;
        let claimed = self.channel.claim(&mut *work, now, now.after(LEASE), CLAIMED).await?;
        work.commit().await?;
        Ok(claimed)
    }

    async fn write_down(&self, done: &[(N::Notice, Attempt)]) -> Result<(), Refusal> {
        let now = self.app.now();
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            for (notice, attempt) in done {
                let (outcome, detail) = match attempt {
                    Attempt::Delivered => (Outcome::Done, ""),
                    Attempt::Nobody => (Outcome::Refused, "the client is not told any more"),
                    Attempt::Failed(why) => {
                        if let Some(due_at) = next_try(notice, now) {
                            self.channel.postpone(&mut *work, notice, due_at).await?;
                            continue;
                        }
                        (Outcome::Refused, why.as_str())
                    }
                };
                // Somebody else may have sent it too, after this node was slow.
                if self.channel.settle(&mut *work, notice).await? {
                    work.audit(AuditEntry {
                        session: notice.session(),
                        client: Some(notice.client().clone()),
                        detail: audit::detail(detail),
                        ..AuditEntry::new(AuditEvent::LogoutTold, outcome, now)
                    })
                    .await?;
                }
            }
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_134_tries_are_bounded_in_number_and_time() {
        let made = Timestamp::from_seconds(1_000_000);
        let notice = |attempts| CasLogoutNotice {
            ticket: "ST-1".to_owned(),
            service: "https://forum.example.org/".to_owned(),
            client: "shop".parse().unwrap(),
            user: "ada".to_owned(),
            attempts,
            created_at: made,
        };
        let mut now = made;
        let mut tries = 1;
        while let Some(due_at) = next_try(&notice(tries - 1), now) {
            assert!(due_at > now);
            now = due_at;
            tries += 1;
        }
        assert_eq!(tries, MOST_TRIES);
        assert!(now.since(made) < GIVEN_UP && now.since(made) > Duration::from_secs(3 * 3600));
        assert_eq!(next_try(&notice(0), made), Some(made.after(Duration::from_secs(5))));
        assert_eq!(next_try(&notice(0), made.after(GIVEN_UP)), None);
    }
}
