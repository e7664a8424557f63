//! Signing in with apps made for the QR module of CAS (cas-wire §3 to §9, §21; SEC-065 to SEC-069).
//!
//! Owns: where such a channel is kept and found, and what the deployment adds to it ([`Fence`]). Not here: its states
//! (`qr::cas_channel`), frames and sockets (`cas::stomp`, `web-cas`), phones of our own ([`crate::phone`]).
//!
//! An app proves little: it holds a token that a password gave to its registered device, and it verifies nobody. So
//! the channel is ours all the same. It lives in one slot by the MAC of the UUID that is shown; it belongs to one browser
//! and one journey; what the browser is told is a handle that the server alone can make, good once, there, and for
//! half a minute. Nothing of the other mode leads here, nor the reverse.

mod accept;
mod open;
mod redeem;
mod token;
mod trail;
mod watch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use app::journeys::KeptJourney;
use app::{Refusal, Visitor};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cas::ChannelName;
use domain::{JourneyId, SecretHash};
use live::{Slot, Topic};
use qr::CasChannel;
use qr::cas_channel::Approval;
use sha2::{Digest as _, Sha256};

pub use open::CasOpened;
pub use redeem::{CasConfirmation, CasRedeemed};
pub use watch::CasWatch;

use crate::SignIn;
use crate::way::name;

/// An app's token is good for so long at most (C-7).
pub const LONGEST_TOKEN_LIFE: Duration = Duration::from_secs(8 * 3600);

/// What the deployment adds to the approval of an app, which shows nobody what it approves (SEC-068).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fence {
    /// The browser names account and device, and is signed in when its user confirms that.
    #[default]
    Confirm,
    /// App and browser come from the same network: the same address, or the same 64 bits of an IPv6 address.
    SameNetwork,
    /// The user name is entered in the browser before a code is shown, and only its owner can approve.
    Username,
}

/// What the operator decides about such apps. Whether they are taken at all: `Settings.methods.cas_phone`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CasPhoneSettings {
    /// What is added to their approvals.
    pub fence: Fence,
    /// How long a token of theirs is good: 8 hours at most, whatever is said.
    pub token_life: Duration,
}

impl Default for CasPhoneSettings {
    fn default() -> Self {
        Self { fence: Fence::Confirm, token_life: Duration::from_secs(3600) }
    }
}

/// Channels, by the MAC of what is shown. Kept a little longer than they live, so that their end is seen and noted.
struct CasChannels;

impl Slot for CasChannels {
    const KIND: &'static str = "cas-channel";
    const TTL: Duration = Duration::from_secs(150);
    type Value = CasChannel;
}

/// How many listen to a channel here.
pub(crate) type Listeners = Arc<Mutex<HashMap<String, u8>>>;

impl SignIn {
    /// What is added to the approvals of apps. With [`Fence::Username`] a page asks for the name before it shows a code.
    #[must_use]
    pub fn cas_fence(&self) -> Fence {
        self.settings().cas_phone.fence
    }

    /// Whether apps made for CAS may approve here.
    #[must_use]
    pub fn has_cas_apps(&self) -> bool {
        self.settings().methods.cas_phone
    }

    /// While the mode is off there is none of it (SEC-065).
    fn cas_is_on(&self) -> Result<(), Refusal> {
        if self.has_cas_apps() { Ok(()) } else { Err(Refusal::NotFound) }
    }

    /// What a channel is kept under in place of its name (SEC-009).
    fn cas_key(&self, channel: &ChannelName) -> String {
        name(&self.app().mac("cas channel", channel.as_str().as_bytes()))
    }

    /// What is kept of a user name that was entered.
    fn cas_person(&self, username_key: &str) -> SecretHash {
        self.app().mac("cas channel person", username_key.as_bytes())
    }

    /// The part of a handle that only the server can make: for one approval of one channel, for one browser.
    fn cas_handle_secret(&self, key: &str, browser: &SecretHash, nonce: &str) -> SecretHash {
        let words = format!("{key} {} {nonce}", name(browser));
        self.app().mac("cas handle", words.as_bytes())
    }

    /// What the browser is given for an approval, and nobody else. It begins with the way to the channel, so that an
    /// approval is redeemed even if the page showed another code a moment later.
    fn cas_handle(&self, key: &str, browser: &SecretHash, approval: &Approval) -> cas::Secret {
        let secret = self.cas_handle_secret(key, browser, &approval.nonce);
        cas::Secret::new(format!("{key}{}", name(&secret)))
    }

    /// Ends what a journey shows, because it went on without: signed in by another method, or over.
    pub(crate) async fn drop_cas_channel(&self, kept: &KeptJourney) {
        if !self.settings().methods.cas_phone || !kept.journey.methods.cas_phone {
            return;
        }
        if let Err(refusal) = self.end_cas_page(&kept.journey.id).await {
            tracing::warn!(
                cause = refusal.cause(),
                "A channel for an app that is not needed any more was not ended"
            );
        }
    }

    /// A hint to those who listen. The slot is the truth, so a lost word delays and breaks nothing.
    async fn say_cas(&self, key: &str, word: &'static str) {
        if let Err(error) = self.app().live().publish(&topic(key), word).await {
            tracing::warn!(%error, "A waiting browser was not told of an app's approval at once");
        }
    }

    /// Takes a channel away, and writes down what an app did with it.
    async fn end_cas(&self, key: &str, why: &'static str) -> Result<(), Refusal> {
        let Some(channel) = self.app().slots::<CasChannels>().take(key).await? else { return Ok(()) };
        self.say_cas(key, "over").await;
        let CasChannel::Approved(approved) = channel else { return Ok(()) };
        let entry = trail::ended(&approved, why, self.app().now());
        let deed = || async {
            let mut work = self.app().store().begin().await?;
            work.audit(entry.clone()).await?;
            Ok(work.commit().await?)
        };
        self.app().repeatable(deed).await
    }
}

/// Where a channel's listeners listen. Its key tells nothing.
fn topic(key: &str) -> Topic {
    Topic(format!("cas-waiting:{key}"))
}

/// The two parts of a handle: the key of the channel, and the hash of what the server made.
fn read_handle(handle: &str) -> Option<(&str, SecretHash)> {
    let (key, secret) = handle.split_at_checked(43)?;
    let bytes: [u8; 32] = URL_SAFE_NO_PAD.decode(secret).ok()?.try_into().ok()?;
    URL_SAFE_NO_PAD.decode(key).ok().filter(|key| key.len() == 32)?;
    Some((key, hash(&SecretHash(bytes))))
}

fn hash(secret: &SecretHash) -> SecretHash {
    SecretHash(Sha256::digest(secret.0).into())
}

/// An app's request: of a browser's cookies nothing counts, whatever came along.
fn bare(visitor: &Visitor) -> Visitor {
    Visitor {
        browser: None,
        session: None,
        known: None,
        address: visitor.address,
        agent: visitor.agent.clone(),
    }
}

/// The key of a journey's slots.
fn page(journey: &JourneyId) -> String {
    journey.to_string()
}
