//! Signing in by phone: the QR channel's use cases.
//!
//! Owns: where a channel is kept and found, and who hears of its moves. Not here: the moves themselves
//! (`qr::channel`).
//!
//! A channel lives in one slot under a random handle. The journey knows the handle; the QR carries a channel
//! id, which leads to the handle by its MAC; the claiming phone gets a sealed handle. So a browser finds its
//! channel through its journey alone (SEC-010), a phone by what it scanned, and the ids themselves are
//! nowhere kept (SEC-009).

mod acting;
mod claim;
mod decide;
mod open;
mod redeem;
mod running;
mod symbol;
mod trail;
mod upkeep;
mod verification;
mod watch;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use app::journeys::KeptJourney;
use app::{App, Refusal, Sealer};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{JourneyId, SecretHash, Timestamp};
use live::{Slot, Topic, Version};
use qr::{Channel, State};

pub use acting::{Challenge, DeviceAsked};
pub use claim::{ClaimAsked, Claimed};
pub use decide::{Decided, Decision};
pub use open::Opened;
pub(crate) use open::full;
pub use redeem::CheckCode;
pub use upkeep::NewKey;
pub use verification::{UserProof, VerificationAsked};
pub use watch::{StateWord, Watch};

use crate::SignIn;
use crate::way::name;

/// Channels by handle. Kept a little longer than they live, so that their end is seen and noted.
pub(crate) struct Channels;

impl Slot for Channels {
    const KIND: &'static str = "channel";
    const TTL: Duration = Duration::from_secs(6 * 60);
    type Value = Channel;
}

/// From claim to the end of an approval that is not redeemed.
const CLAIM_AND_APPROVAL: Duration = Duration::from_secs(150);

/// Handles by the MAC of a channel id. An id leads to its channel only as long as it can be scanned.
struct ChannelIds;

impl Slot for ChannelIds {
    const KIND: &'static str = "channel-id";
    const TTL: Duration = Duration::from_secs(70);
    type Value = String;
}

/// What the phone use cases keep in the process.
pub(crate) struct Phones {
    claims: Sealer,
    counts: Counters,
    running: running::Running,
    listeners: Arc<Mutex<HashMap<JourneyId, u8>>>,
}

impl Phones {
    pub(crate) fn new(app: &App) -> Self {
        Self {
            claims: app.sealer("qr claim"),
            counts: Counters::default(),
            running: running::Running::default(),
            listeners: Arc::default(),
        }
    }
}

/// Counts since the start of the process: what happens too often, and means too little, for an audit entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Channels opened.
    pub opened: u64,
    /// Channels that ended without any phone.
    pub expired_unclaimed: u64,
}

#[derive(Default)]
struct Counters {
    opened: AtomicU64,
    expired_unclaimed: AtomicU64,
}

/// A channel as found.
struct Found {
    handle: String,
    channel: Channel,
    version: Version,
}

impl Phones {
    /// Counts a channel that was opened, of either mode.
    pub(crate) fn count_opened(&self) {
        self.counts.opened.fetch_add(1, Ordering::Relaxed);
    }
}

impl SignIn {
    /// How many channels were opened and not used, since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let counts = &self.0.phones.counts;
        Counts {
            opened: counts.opened.load(Ordering::Relaxed),
            expired_unclaimed: counts.expired_unclaimed.load(Ordering::Relaxed),
        }
    }

    /// What the store keeps of a channel that is over for good. Of the handle, not of a scanned id: a channel
    /// has several of those.
    fn channel_end(&self, handle: &str) -> SecretHash {
        self.app().mac("channel end", handle.as_bytes())
    }

    async fn channel(&self, handle: &str) -> Result<Option<Found>, Refusal> {
        let found = self.app().slots::<Channels>().get(handle).await?;
        Ok(found.map(|(channel, version)| Found { handle: handle.to_owned(), channel, version }))
    }

    async fn channel_of(&self, kept: &KeptJourney) -> Result<Option<Found>, Refusal> {
        match &kept.channel {
            Some(handle) => self.channel(handle).await,
            None => Ok(None),
        }
    }

    /// The channel that shows this id. Unknown ids cost the same steps as known ones (SEC-053).
    async fn channel_by_id(&self, mac: &SecretHash) -> Result<Option<Found>, Refusal> {
        let handle = self.app().slots::<ChannelIds>().get(&name(mac)).await?;
        self.channel(handle.as_ref().map_or("unknown", |(handle, _)| handle)).await
    }

    /// What is kept in place of a channel id.
    fn channel_mac(&self, id: &str) -> SecretHash {
        self.app().mac("qr channel id", id.as_bytes())
    }

    /// A channel whose time is over: noted once, whoever comes by (SEC-063).
    async fn bury(&self, found: &Found, now: Timestamp) -> Result<(), Refusal> {
        if found.channel.standing(now).state != State::Expired {
            return Ok(());
        }
        if let Some(channel) = self.app().slots::<Channels>().take(&found.handle).await? {
            self.note_end(&channel, "expired", now).await?;
        }
        Ok(())
    }

    /// Ends a journey's channel because something else took its place; what a phone did with it is noted.
    pub(crate) async fn end_channel(&self, kept: &KeptJourney) -> Result<(), Refusal> {
        let Some(handle) = &kept.channel else { return Ok(()) };
        self.cancel(handle).await
    }

    /// As [`SignIn::end_channel`], after a sign-in by another method that is done whatever becomes of this.
    pub(crate) async fn drop_channel(&self, kept: &KeptJourney) {
        if let Err(refusal) = self.end_channel(kept).await {
            tracing::warn!(cause = refusal.cause(), "A channel that is not needed any more was not ended");
        }
        self.drop_cas_channel(kept).await;
    }

    async fn cancel(&self, handle: &str) -> Result<(), Refusal> {
        self.cancel_as(handle, "cancelled").await
    }

    /// Takes a channel away, whoever has it; `word` says why in the audit trail.
    async fn cancel_as(&self, handle: &str, word: &str) -> Result<(), Refusal> {
        let Some(channel) = self.app().slots::<Channels>().take(handle).await? else { return Ok(()) };
        let now = self.app().now();
        let why = if channel.standing(now).state == State::Expired { "expired" } else { word };
        self.say(&channel.common().opening.journey, State::Expired).await;
        self.note_end(&channel, why, now).await
    }

    /// A hint to the browser that waits. The slot is the truth, so a lost word delays and breaks nothing.
    pub(crate) async fn say(&self, journey: &JourneyId, state: State) {
        if let Err(error) = self.app().live().publish(&topic(journey), state.as_str()).await {
            tracing::warn!(%error, "A waiting browser was not told of a change at once");
        }
    }

    async fn note_end(&self, channel: &Channel, why: &str, now: Timestamp) -> Result<(), Refusal> {
        let entries = trail::end(channel, why, now);
        if entries.is_empty() {
            if matches!(channel, Channel::Created(_)) {
                self.0.phones.counts.expired_unclaimed.fetch_add(1, Ordering::Relaxed);
            }
            return Ok(());
        }
        let deed = || async {
            let mut work = self.app().store().begin().await?;
            for entry in &entries {
                work.audit(entry.clone()).await?;
            }
            Ok(work.commit().await?)
        };
        self.app().repeatable(deed).await
    }
}

/// Draws a link of ours as a QR code: an SVG, dark on white.
///
/// # Errors
/// [`Refusal::Corrupt`] when the link is too long for a code.
pub fn drawn(link: &str) -> Result<String, Refusal> {
    symbol::svg(link).map_err(|error| Refusal::Corrupt(format!("no QR code: {error}")))
}

/// The topic of a waiting browser. It stays the same when a new channel takes an old one's place.
fn topic(journey: &JourneyId) -> Topic {
    Topic(format!("waiting:{journey}"))
}

/// 16 random bytes as text.
fn encode(bytes: [u8; 16]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
