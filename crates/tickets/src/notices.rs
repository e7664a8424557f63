//! Telling services from server to server that a session ended (cas-wire §17.1).
//!
//! Owns: sending the notices that the store keeps, until they are delivered or given up. Not here: leaving them,
//! which the unit does that ends a session, so that none is lost (`store`); HTTP (`outbound`).
//!
//! ```text
//! unit ends session, leaves notices ──▶ claimed (for half a minute) ──▶ sent ──▶ settled, audited
//!                                               ▲                        │ no answer
//!                                               ╰──── due again ◀────────╯ at most 8 times in a day
//! ```
//! A node that dies with claimed notices leaves them to whoever looks next. A service is told at least once of each ticket.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use app::{Change, Refusal, audit};
use cas::single_logout::LogoutNotice;
use cas::{Kind, Ticket};
use domain::{AuditEntry, AuditEvent, ClientId, Outcome, SingleLogout, Timestamp};
use outbound::OutboundError;
use store::CasLogoutNotice;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use url::Url;

use crate::Tickets;

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

/// What became of an attempt.
#[derive(Debug)]
enum Attempt {
    /// The client took it.
    Delivered,
    /// The client is not to be told (any more): deleted, disabled, or without an address.
    Nobody,
    /// It did not answer, or not with 2xx.
    Failed(String),
}

impl Tickets {
    /// Tells clients of ended sessions, for as long as it is polled. The server runs one of these.
    pub async fn tell_services(&self) {
        let mut changes = self.app().changes();
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut work = Work::new(self.clone());
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

    async fn claim_notices(&self) -> Result<Vec<CasLogoutNotice>, Refusal> {
        // Most changes leave no notice: a read is cheap, and a writer's turn is not.
        if self.app().store().read().await?.waiting_cas_logouts().await? == 0 {
            return Ok(Vec::new());
        }
        let now = self.app().now();
        let mut work = self.app().store().begin().await?;
        let claimed = work.claim_cas_logouts(now, now.after(LEASE), CLAIMED).await?;
        work.commit().await?;
        Ok(claimed)
    }

    async fn attempt(&self, notice: &CasLogoutNotice) -> Result<Attempt, Refusal> {
        let Some(service) = self.service_of(&notice.client).await? else { return Ok(Attempt::Nobody) };
        if service.cas.single_logout != SingleLogout::Back {
            return Ok(Attempt::Nobody);
        }
        let address = service.cas.logout_url.as_deref().unwrap_or(&notice.service);
        let Ok(url) = Url::parse(address) else { return Ok(Attempt::Nobody) };
        let message = LogoutNotice {
            id: &Ticket::new(Kind::Lr, &self.app().entropy().bytes()),
            at: notice.created_at,
            user: &notice.user,
            ticket: &notice.ticket,
        };
        Ok(match self.app().outbound().post_form(&url, &[("logoutRequest", &message.xml())]).await {
            // A service's page may answer as it likes: what counts is that it was reached.
            Ok(()) | Err(OutboundError::TooLong) => Attempt::Delivered,
            Err(OutboundError::Status(status)) if status < 500 => Attempt::Delivered,
            Err(error) => Attempt::Failed(said(&error)),
        })
    }

    async fn note_told(&self, done: &[(CasLogoutNotice, Attempt)]) -> Result<(), Refusal> {
        let now = self.app().now();
        let deed = || async {
            let mut work = self.app().store().begin().await?;
            for (notice, attempt) in done {
                let (outcome, detail) = match attempt {
                    Attempt::Delivered => (Outcome::Done, ""),
                    Attempt::Nobody => (Outcome::Refused, "the client is not told any more"),
                    Attempt::Failed(why) => {
                        if let Some(due_at) = next_try(notice, now) {
                            work.postpone_cas_logout(&notice.ticket, due_at).await?;
                            continue;
                        }
                        (Outcome::Refused, why.as_str())
                    }
                };
                // Somebody else may have sent it too, after this node was slow.
                if work.settle_cas_logout(&notice.ticket).await? {
                    work.audit(AuditEntry {
                        client: Some(notice.client.clone()),
                        detail: audit::detail(detail),
                        ..AuditEntry::new(AuditEvent::LogoutTold, outcome, now)
                    })
                    .await?;
                }
            }
            Ok(work.commit().await?)
        };
        self.app().repeatable(deed).await
    }
}

/// When a notice is tried again; none: it is given up.
fn next_try(notice: &CasLogoutNotice, now: Timestamp) -> Option<Timestamp> {
    let is_over = notice.attempts + 1 >= MOST_TRIES || now.since(notice.created_at) >= GIVEN_UP;
    let at = usize::try_from(notice.attempts).unwrap_or(usize::MAX).min(PAUSES.len() - 1);
    (!is_over).then(|| now.after(PAUSES[at]))
}

/// For log and audit trail: what kind of failure it was.
fn said(error: &OutboundError) -> String {
    match error {
        OutboundError::Refused(_) => "its address may not be called".to_owned(),
        OutboundError::Unreachable(_) => "no answer".to_owned(),
        OutboundError::Status(status) => format!("answered with status {status}"),
        OutboundError::TooLong => "its answer is too long".to_owned(),
    }
}

async fn at(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}

/// What one node has to do with notices at a moment.
struct Work {
    tickets: Tickets,
    queue: VecDeque<CasLogoutNotice>,
    running: JoinSet<(CasLogoutNotice, Attempt)>,
    /// Requests under way by client.
    busy: HashMap<ClientId, usize>,
    /// Clients that did not answer, until when they are left alone.
    down: HashMap<ClientId, Instant>,
    done: Vec<(CasLogoutNotice, Attempt)>,
    must_claim: bool,
    claim_at: Option<Instant>,
    settle_at: Option<Instant>,
    looked_at: Option<Instant>,
}

impl Work {
    fn new(tickets: Tickets) -> Self {
        Self {
            tickets,
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
        match self.tickets.claim_notices().await {
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
            if self.down.contains_key(&notice.client) {
                self.keep(notice, Attempt::Failed("no answer".to_owned()));
                continue;
            }
            let busy = self.busy.get(&notice.client).copied().unwrap_or_default();
            if busy >= PER_CLIENT || self.running.len() >= PARALLEL {
                waiting.push_back(notice);
                continue;
            }
            self.busy.insert(notice.client.clone(), busy + 1);
            let tickets = self.tickets.clone();
            self.running.spawn(async move {
                let attempt = tickets.attempt(&notice).await.unwrap_or_else(|refusal| {
                    tracing::warn!(cause = refusal.cause(), client.id = %notice.client, "A logout token was not made");
                    Attempt::Failed("not sent".to_owned())
                });
                (notice, attempt)
            });
        }
        self.queue = waiting;
    }

    fn finished(&mut self, finished: Result<(CasLogoutNotice, Attempt), tokio::task::JoinError>) {
        // A task that panicked leaves its notice to the next who claims it.
        if self.running.is_empty() {
            self.busy.clear();
        }
        let Ok((notice, attempt)) = finished else { return };
        if let Some(busy) = self.busy.get_mut(&notice.client) {
            *busy = busy.saturating_sub(1);
            if *busy == 0 {
                self.busy.remove(&notice.client);
            }
        }
        match &attempt {
            Attempt::Delivered => tracing::debug!(
                client.id = %notice.client, tries = notice.attempts + 1,
                "A client was told that a session ended"
            ),
            Attempt::Nobody => {}
            Attempt::Failed(why) => {
                tracing::warn!(
                    client.id = %notice.client, tries = notice.attempts + 1, why,
                    "A client was not told that a session ended"
                );
                self.down.insert(notice.client.clone(), Instant::now() + DOWN);
            }
        }
        self.keep(notice, attempt);
    }

    fn keep(&mut self, notice: CasLogoutNotice, attempt: Attempt) {
        self.done.push((notice, attempt));
        self.settle_at.get_or_insert_with(|| Instant::now() + SETTLE);
    }

    async fn settle(&mut self) {
        self.settle_at = None;
        let done = std::mem::take(&mut self.done);
        if let Err(refusal) = self.tickets.note_told(&done).await {
            // They come again when their half minute is over.
            tracing::warn!(
                cause = refusal.cause(),
                notices = done.len(),
                "What became of logout notices was not noted"
            );
        }
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
