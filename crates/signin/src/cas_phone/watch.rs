//! The browser that waits for an app.
//!
//! Owns: who may listen to a channel (SEC-051, SEC-067), and what is told: a handle of its own, never what the app
//! sent. Not here: frames (`cas::stomp`).
//!
//! A listener subscribes first and then reads the slot, so no word can be missed, on whichever node the app speaks; what
//! is heard is a hint to read again. A result that is there when it comes is told to it at once (cas-wire §7.3).

use std::sync::PoisonError;
use std::time::Duration;

use app::{Refusal, Visitor};
use cas::{ChannelName, DeviceName, Told};
use domain::{JourneyId, SecretHash, Timestamp};
use live::Words;
use qr::cas_channel::MAX_FAILURES;
use qr::{CasChannel, CasState};
use subtle::ConstantTimeEq as _;

use super::{CasChannels, Listeners, topic};
use crate::SignIn;

/// So many may listen to one channel (SEC-051).
const MOST_LISTENERS: u8 = 2;

/// A running wait. Dropping it ends it.
pub struct CasWatch {
    signin: SignIn,
    key: String,
    words: Box<dyn Words>,
    /// How many failures were told, or were there before it came; what ended the channel is told all the same.
    failures: u8,
    /// Something was heard that was not looked into yet: `next` may be dropped and called again at any time.
    is_stale: bool,
    is_over: bool,
    changes_at: Option<Timestamp>,
    // Held for its drop.
    _seat: Seat,
}

struct Seat {
    key: String,
    all: Listeners,
}

impl SignIn {
    /// Listens to a channel, for the browser that it belongs to.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] while the mode is off; [`Refusal::Gone`] for a channel that is not there, over, or another
    /// browser's; [`Refusal::TooMany`] when two listen already.
    pub async fn cas_watch(&self, visitor: &Visitor, channel: &ChannelName) -> Result<CasWatch, Refusal> {
        self.cas_is_on()?;
        let key = self.cas_key(channel);
        let found = self.app().slots::<CasChannels>().get(&key).await?.map(|(channel, _)| channel);
        // Of a channel that is not there the same is asked (SEC-053).
        let nobody = JourneyId::from_random([0; 16]);
        let journey = found.as_ref().map_or(nobody, |channel| channel.common().opening.journey);
        let way = self.way(&journey, visitor).await;
        let channel = found.ok_or(Refusal::Gone)?;
        let way = way?;
        let is_its_own = is_same(&channel.common().opening.browser, &way.kept.browser);
        if !is_its_own || channel.standing(self.app().now()) == CasState::Expired {
            return Err(Refusal::Gone);
        }
        let seat = Seat::take(&key, &self.0.cas_listeners)?;
        let words = self.app().live().subscribe(&topic(&key)).await?;
        Ok(CasWatch {
            signin: self.clone(),
            key,
            words,
            failures: channel.failures().min(MAX_FAILURES - 1),
            is_stale: true,
            is_over: false,
            changes_at: None,
            _seat: seat,
        })
    }
}

impl CasWatch {
    /// The next thing to tell: each failed approval, and in the end the one that was good. `None` when nothing can
    /// come any more: the channel is over.
    pub async fn next(&mut self) -> Option<Told> {
        while !self.is_over {
            if !self.is_stale {
                self.wait().await?;
                self.is_stale = true;
            }
            // Boxed: a page that waits does not hold the room for looking.
            match Box::pin(self.look()).await {
                Ok(Some(told)) => return Some(told),
                Ok(None) => {}
                Err(refusal) => {
                    tracing::warn!(
                        cause = refusal.cause(),
                        "A channel that a browser waits at cannot be read"
                    );
                    self.is_over = true;
                }
            }
        }
        None
    }

    async fn look(&mut self) -> Result<Option<Told>, Refusal> {
        let app = self.signin.app();
        let found = app.slots::<CasChannels>().get(&self.key).await?.map(|(channel, _)| channel);
        let Some(channel) = found else {
            self.is_over = true;
            return Ok(None);
        };
        let standing = channel.standing(app.now());
        let there = channel.failures();
        match (&channel, standing) {
            (_, CasState::Expired) => {
                self.is_over = true;
                self.signin.end_cas(&self.key, "expired").await?;
                Ok(None)
            }
            (CasChannel::Approved(approved), _) => {
                self.is_over = true;
                let approval = &approved.approval;
                let handle = self.signin.cas_handle(&self.key, &approved.common.opening.browser, approval);
                Ok(DeviceName::parse(&approval.name).map(|device| Told::Success { handle, device }))
            }
            (_, CasState::Denied) => {
                self.is_over = true;
                Ok(Some(Told::Failure))
            }
            (_, CasState::Waiting(until) | CasState::Approved(until)) => {
                self.changes_at = Some(until);
                if there > self.failures {
                    self.failures += 1;
                    return Ok(Some(Told::Failure));
                }
                self.is_stale = false;
                Ok(None)
            }
        }
    }

    /// Until something was said, or the channel ends by itself.
    async fn wait(&mut self) -> Option<()> {
        let Some(at) = self.changes_at else { return self.words.next().await.map(|_| ()) };
        // A moment more, so that it is over when it is read.
        let left = at.since(self.signin.app().now()) + Duration::from_millis(20);
        match tokio::time::timeout(left, self.words.next()).await {
            Ok(word) => word.map(|_| ()),
            Err(_) => Some(()),
        }
    }
}

impl std::fmt::Debug for CasWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CasWatch(…)")
    }
}

impl Seat {
    fn take(key: &str, all: &Listeners) -> Result<Self, Refusal> {
        let mut taken = all.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(key.to_owned()).or_default();
        if *count >= MOST_LISTENERS {
            return Err(Refusal::TooMany { retry_after: Duration::from_secs(5) });
        }
        *count += 1;
        Ok(Self { key: key.to_owned(), all: Listeners::clone(all) })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.key);
            }
        }
    }
}

pub(super) fn is_same(one: &SecretHash, other: &SecretHash) -> bool {
    one.0.ct_eq(&other.0).into()
}
