//! Watching a channel: one way for streams, sockets and polling.
//!
//! Owns: the word of state (SEC-011), the wait for the next one, and how many may listen (SEC-051). Not
//! here: frames (`web-login`).
//!
//! A listener subscribes first and then reads the slot, so no word can be missed; what is heard is a hint to
//! read again. While it waits a listener holds an id, a subscription and a timer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use app::journeys::JourneySlot;
use app::{Refusal, Visitor};
use domain::{JourneyId, Timestamp};
use live::Words;
use qr::{Standing, State};

use super::topic;
use crate::SignIn;

/// So many may listen to one journey's channel (SEC-051).
const MOST_LISTENERS: u8 = 2;
/// Polling faster than this is told to slow down (SEC-057).
const POLLS: u64 = 40;
const POLL_WINDOW: Duration = Duration::from_secs(20);
/// Going on in spite of that is refused for longer.
const ABUSIVE_POLLS: u64 = 200;
const ABUSE_WINDOW: Duration = Duration::from_secs(5 * 60);

/// What a waiting browser is told, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateWord {
    /// `waiting`, `claimed`, `approved`, `denied` or `expired`; `offline` when it cannot be said.
    pub state: &'static str,
    /// Seconds until what is shown ends.
    pub expires_in: u32,
    /// Grows with every change: the id of the event.
    pub version: u64,
}

/// A running wait. Dropping it ends it.
pub struct Watch {
    signin: SignIn,
    journey: JourneyId,
    words: Box<dyn Words>,
    told: Option<(State, u64)>,
    /// Something was heard that was not looked into yet: `next` may be dropped and called again at any time.
    is_stale: bool,
    /// The channel could not be read, and that was told: over.
    is_lost: bool,
    changes_at: Option<Timestamp>,
    // Held for its drop.
    _seat: Seat,
}

struct Seat {
    journey: JourneyId,
    all: Arc<Mutex<HashMap<JourneyId, u8>>>,
}

impl SignIn {
    /// Where the journey's channel stands.
    ///
    /// # Errors
    /// [`Refusal::Gone`] when the journey is over or another browser's; [`Refusal::TooMany`] for hasty polling.
    pub async fn phone_state(&self, id: &JourneyId, visitor: &Visitor) -> Result<StateWord, Refusal> {
        let way = self.way(id, visitor).await?;
        // Counted for its own browser only: whoever else knows the journey's id cannot use its polls up.
        self.poll_slowly(id).await?;
        let now = self.app().now();
        let Some(found) = self.channel_of(&way.kept).await? else { return Ok(word(none(), 0)) };
        self.bury(&found, now).await?;
        Ok(word(found.channel.standing(now), found.version.0))
    }

    /// Listens to the journey's channel, and to the next one that takes its place.
    ///
    /// # Errors
    /// [`Refusal::Gone`] when the journey is over or another browser's; [`Refusal::TooMany`] when two listen
    /// already.
    pub async fn phone_watch(&self, id: &JourneyId, visitor: &Visitor) -> Result<Watch, Refusal> {
        self.way(id, visitor).await?;
        let seat = Seat::take(id, &self.0.phones.listeners)?;
        let words = self.app().live().subscribe(&topic(id)).await?;
        Ok(Watch {
            signin: self.clone(),
            journey: *id,
            words,
            told: None,
            is_stale: true,
            is_lost: false,
            changes_at: None,
            _seat: seat,
        })
    }

    /// The standing of a journey's channel; `None` when the journey is over.
    async fn standing(&self, id: &JourneyId) -> Result<Option<(Standing, u64)>, Refusal> {
        let now = self.app().now();
        let Some((kept, _)) = self.app().slots::<JourneySlot>().get(&id.to_string()).await? else {
            return Ok(None);
        };
        if kept.journey.expires <= now {
            return Ok(None);
        }
        let Some(found) = self.channel_of(&kept).await? else { return Ok(Some((none(), 0))) };
        self.bury(&found, now).await?;
        Ok(Some((found.channel.standing(now), found.version.0)))
    }

    async fn poll_slowly(&self, id: &JourneyId) -> Result<(), Refusal> {
        let live = self.app().live();
        let key = |kind| live::Key { kind, id: id.to_string() };
        let abuse = live.count(&key("qr-poll-abuse"), 0, ABUSE_WINDOW).await?;
        if abuse.sum > ABUSIVE_POLLS {
            return Err(Refusal::TooMany { retry_after: abuse.ends_in.max(Duration::from_secs(1)) });
        }
        let polls = live.count(&key("qr-poll"), 1, POLL_WINDOW).await?;
        if polls.sum > POLLS {
            live.count(&key("qr-poll-abuse"), 1, ABUSE_WINDOW).await?;
            return Err(Refusal::TooMany { retry_after: polls.ends_in.max(Duration::from_secs(1)) });
        }
        Ok(())
    }
}

impl Watch {
    /// The next word: the first at once, later ones when something changed. `None` when the journey is over, and
    /// after the word `offline`: who waits has to come back.
    pub async fn next(&mut self) -> Option<StateWord> {
        loop {
            if self.is_lost {
                return None;
            }
            if !self.is_stale {
                self.wait().await?;
                self.is_stale = true;
            }
            // Boxed: a page that waits does not hold the room for looking.
            let (standing, version) = match Box::pin(self.signin.standing(&self.journey)).await {
                Ok(found) => found?,
                Err(refusal) => {
                    tracing::warn!(cause = refusal.cause(), "A waiting browser's channel cannot be read");
                    self.is_lost = true;
                    return Some(OFFLINE);
                }
            };
            self.is_stale = false;
            self.changes_at = standing.changes_at;
            let now = (standing.state, version);
            if self.told != Some(now) {
                self.told = Some(now);
                return Some(word(standing, version));
            }
        }
    }

    /// Until something was said, or the state ends by itself.
    async fn wait(&mut self) -> Option<()> {
        let Some(at) = self.changes_at else { return self.words.next().await.map(|_| ()) };
        // A moment more, so that the state is over when it is read.
        let left = at.since(self.signin.app().now()) + Duration::from_millis(20);
        match tokio::time::timeout(left, self.words.next()).await {
            Ok(word) => word.map(|_| ()),
            Err(_) => Some(()),
        }
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Watch({})", self.journey)
    }
}

impl Seat {
    fn take(journey: &JourneyId, all: &Arc<Mutex<HashMap<JourneyId, u8>>>) -> Result<Self, Refusal> {
        let mut taken = all.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(*journey).or_default();
        if *count >= MOST_LISTENERS {
            return Err(Refusal::TooMany { retry_after: Duration::from_secs(5) });
        }
        *count += 1;
        Ok(Self { journey: *journey, all: Arc::clone(all) })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.journey) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.journey);
            }
        }
    }
}

/// Nobody knows just now.
const OFFLINE: StateWord = StateWord { state: "offline", expires_in: 0, version: 0 };

/// No channel, or one that is over: show a new code.
const fn none() -> Standing {
    Standing { state: State::Expired, expires_in: Duration::ZERO, changes_at: None }
}

fn word(standing: Standing, version: u64) -> StateWord {
    StateWord { state: standing.state.as_str(), expires_in: seconds(standing.expires_in), version }
}

/// Whole seconds, rounded up: 59.2 s left are shown as 60, and 0 is really over.
pub(super) fn seconds(span: Duration) -> u32 {
    u32::try_from(span.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}
