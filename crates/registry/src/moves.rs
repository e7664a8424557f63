//! A new phone takes the place of an old one.
//!
//! Owns: the offer that the new phone shows, the number that the owner carries from the new phone to the old one, and
//! the right to enrol that comes of it. Not here: the proof that the owner of the old phone is there (`signin`), the
//! new phone's ceremony (`enrolment`: the same as for every phone).
//!
//! ```text
//! new phone: open ─▶ Waiting ──old phone scans──▶ Claimed ──number typed there, owner verified──▶ Approved
//!                       │                           ╰── wrong number ×3, or denied ──▶ Denied          │
//!                       ╰── 5 minutes ─▶ gone              new phone: enrol_begin, enrol_complete ◀────╯
//! ```
//! The device keeps its id, name, owner, sessions and history; key, passkey, kind and what vouches for the key are the
//! new phone's, by one statement (decision 024). The old key is dead from then on, and never comes back.

use std::time::Duration;

use app::throttle::{self, Rule};
use app::{App, Refusal, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Account, AccountId, ClientAddress, Device, DeviceId, Timestamp};
use live::Slot;
use qr::CheckCode;
use serde::{Deserialize, Serialize};

use crate::Registry;
use crate::devices::plain;

/// How long an offer can be scanned and answered.
const LIFE: Duration = Duration::from_secs(5 * 60);
/// So many wrong numbers end it.
const MOST_WRONG: u8 = 3;
/// Offers are 22 characters.
const LONGEST_OFFER: usize = 32;

/// Offers by the MAC of what the new phone shows.
struct Offers;

impl Slot for Offers {
    const KIND: &'static str = "move-offer";
    const TTL: Duration = LIFE;
    type Value = Offered;
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Offered {
    platform: String,
    model: Option<String>,
    address: ClientAddress,
    expires_at: Timestamp,
    state: State,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum State {
    Waiting,
    Claimed { old: Old, number: CheckCode, wrong: u8 },
    Approved { old: Old },
    Denied,
}

/// The phone whose place is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Old {
    pub(crate) device: DeviceId,
    pub(crate) account: AccountId,
    /// Thumbprint of the key that it had when it agreed.
    pub(crate) key: String,
}

/// An offer, for the phone that made it.
#[derive(Debug)]
pub struct OpenedMove {
    /// Comes back with every question about it. A secret.
    pub secret: String,
    /// What the old phone scans: `<issuer>/phone#m1<offer>`.
    pub url: String,
    /// How long it can be scanned.
    pub life: Duration,
}

/// Where an offer stands, for the phone that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MoveStanding {
    /// Nobody scanned it.
    Waiting,
    /// An old phone scanned it: the number is to be typed there.
    Claimed {
        /// Three digits.
        number: String,
        /// Whose phone that is.
        username: String,
    },
    /// The owner agreed: enrol now.
    Approved {
        /// Whose phone that is.
        username: String,
    },
    /// The owner did not agree.
    Denied,
}

/// What the old phone shows of the new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedMove {
    /// Operating system.
    pub platform: String,
    /// Model, if it told one.
    pub model: Option<String>,
    /// It is in the same network as the old phone, as far as the addresses tell.
    pub same_address: bool,
    /// How long it can be answered.
    pub left: Duration,
}

/// What became of the owner's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveAnswered {
    /// The new phone may enrol in this one's place.
    Approved,
    /// Another number was typed. With none left the offer is over.
    WrongNumber {
        /// Tries left.
        left: u8,
    },
}

impl Registry {
    /// The new phone makes an offer.
    ///
    /// # Errors
    /// `Invalid` for platform or model; `TooMany`.
    pub async fn open_move(
        &self,
        platform: &str,
        model: Option<&str>,
        address: ClientAddress,
    ) -> Result<OpenedMove, Refusal> {
        self.app.throttle().hit(Rule::EnrolAddress, &throttle::network(address)).await?;
        let offered = Offered {
            platform: plain("platform", platform)?,
            model: model.map(|model| plain("model", model)).transpose()?,
            address,
            expires_at: self.app.now().after(LIFE),
            state: State::Waiting,
        };
        let secret = self.app.entropy().secret();
        let offer = offer_of(&self.app, &secret);
        self.app.slots::<Offers>().put(&slot_key(&self.app, &offer), &offered).await?;
        let url = format!("{}#m1{offer}", self.app.issuer().url("/phone"));
        Ok(OpenedMove { secret: secret.text(), url, life: LIFE })
    }

    /// Where the offer stands, for the phone that made it.
    ///
    /// # Errors
    /// `Gone` when it is over; `TooMany`.
    pub async fn move_standing(&self, secret: &str, address: ClientAddress) -> Result<MoveStanding, Refusal> {
        self.app.throttle().hit(Rule::ChallengeAddress, &throttle::network(address)).await?;
        let secret = Secret::parse(secret).ok_or(Refusal::Gone)?;
        let (offered, _) = self.offered(&offer_of(&self.app, &secret)).await?;
        Ok(match offered.state {
            State::Waiting => MoveStanding::Waiting,
            State::Claimed { old, number, .. } => {
                MoveStanding::Claimed { number: number.text(), username: self.name_of(&old).await? }
            }
            State::Approved { old } => MoveStanding::Approved { username: self.name_of(&old).await? },
            State::Denied => MoveStanding::Denied,
        })
    }

    /// The old phone, whose key `signin` verified, scanned the offer. The first one has it.
    ///
    /// # Errors
    /// `Gone` when it is over or another's.
    pub async fn claim_move(
        &self,
        device: &Device,
        offer: &str,
        address: ClientAddress,
    ) -> Result<ClaimedMove, Refusal> {
        let (mut offered, version) = self.offered(offer).await?;
        if !matches!(offered.state, State::Waiting) {
            return Err(Refusal::Gone);
        }
        let number = CheckCode::from_number(self.app.entropy().digits3())
            .ok_or_else(|| Refusal::Corrupt("a number of more than three digits".to_owned()))?;
        // What has no key has no place to be taken.
        let key = device.thumbprint().ok_or(Refusal::Gone)?.to_owned();
        let old = Old { device: device.id, account: device.account, key };
        offered.state = State::Claimed { old, number, wrong: 0 };
        self.swap(offer, version, &offered).await?;
        Ok(ClaimedMove {
            platform: offered.platform,
            model: offered.model,
            same_address: throttle::network(offered.address) == throttle::network(address),
            left: offered.expires_at.since(self.app.now()),
        })
    }

    /// The owner of the old phone, verified for this offer by `signin`, typed the number that the new one shows.
    ///
    /// # Errors
    /// `Gone` when the offer is over or another's.
    pub async fn approve_move(
        &self,
        device: &Device,
        offer: &str,
        typed: CheckCode,
    ) -> Result<MoveAnswered, Refusal> {
        let (mut offered, version) = self.offered(offer).await?;
        let State::Claimed { old, number, wrong } = offered.state else { return Err(Refusal::Gone) };
        if old.device != device.id || Some(old.key.as_str()) != device.thumbprint() {
            return Err(Refusal::Gone);
        }
        let answered = if number.is(typed) {
            offered.state = State::Approved { old };
            MoveAnswered::Approved
        } else {
            let wrong = wrong + 1;
            let left = MOST_WRONG.saturating_sub(wrong);
            offered.state = if left == 0 { State::Denied } else { State::Claimed { old, number, wrong } };
            MoveAnswered::WrongNumber { left }
        };
        self.swap(offer, version, &offered).await?;
        Ok(answered)
    }

    /// The owner of the old phone does not agree.
    ///
    /// # Errors
    /// `Gone` when the offer is over or another's.
    pub async fn deny_move(&self, device: &Device, offer: &str) -> Result<(), Refusal> {
        let (mut offered, version) = self.offered(offer).await?;
        match &offered.state {
            State::Claimed { old, .. } | State::Approved { old } if old.device == device.id => {
                offered.state = State::Denied;
                self.swap(offer, version, &offered).await
            }
            _ => Err(Refusal::Gone),
        }
    }

    /// The right that an approved offer gives, once: whose phone, and which one's place.
    pub(crate) async fn take_move(&self, secret: &str) -> Result<(Account, Old), Refusal> {
        let secret = Secret::parse(secret).ok_or(Refusal::Gone)?;
        let offer = offer_of(&self.app, &secret);
        let (offered, _) = self.offered(&offer).await?;
        if !matches!(offered.state, State::Approved { .. }) {
            return Err(Refusal::Gone);
        }
        // What counts is what is taken: the owner may have changed their mind meanwhile.
        let taken = self.app.slots::<Offers>().take(&slot_key(&self.app, &offer)).await?;
        let Some(Offered { state: State::Approved { old }, .. }) = taken else { return Err(Refusal::Gone) };
        let found = self.app.store().read().await?.device_to_act(&old.device).await?;
        let (device, account, _) = found.ok_or(Refusal::Gone)?;
        let has_same_key = device.thumbprint() == Some(old.key.as_str());
        let is_as_agreed = device.is_active() && account.is_active() && has_same_key;
        if is_as_agreed { Ok((account, old)) } else { Err(Refusal::Gone) }
    }

    async fn offered(&self, offer: &str) -> Result<(Offered, live::Version), Refusal> {
        if offer.len() > LONGEST_OFFER {
            return Err(Refusal::Gone);
        }
        let found = self.app.slots::<Offers>().get(&slot_key(&self.app, offer)).await?;
        let now = self.app.now();
        found.filter(|(offered, _)| now < offered.expires_at).ok_or(Refusal::Gone)
    }

    async fn swap(&self, offer: &str, seen: live::Version, to: &Offered) -> Result<(), Refusal> {
        let swapped = self.app.slots::<Offers>().swap(&slot_key(&self.app, offer), seen, to).await?;
        swapped.map(|_| ()).map_err(|_| Refusal::Gone)
    }

    async fn name_of(&self, old: &Old) -> Result<String, Refusal> {
        let found = self.app.store().read().await?.account(&old.account).await?.ok_or(Refusal::Gone)?;
        Ok(found.username.as_str().to_owned())
    }
}

/// What the new phone shows: it follows from its secret, and gives no right to anything by itself.
fn offer_of(app: &App, secret: &Secret) -> String {
    let mac = app.mac("move offer", secret.text().as_bytes());
    let half: &[u8] = mac.0.get(..16).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(half)
}

fn slot_key(app: &App, offer: &str) -> String {
    URL_SAFE_NO_PAD.encode(app.mac("move offer slot", offer.as_bytes()).0)
}
