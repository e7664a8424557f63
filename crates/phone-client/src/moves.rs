//! A new phone in the place of an old one: both sides.
//!
//! ```text
//! new: open, show `url` ─▶ wait ─▶ show the number ───────▶ wait ─▶ Phone::enrol(credentials)
//! old:             scan_move ─▶ owner types the number ─▶ approve_move
//! ```

use qr::approval::Purpose;
use qr::wire::{Hidden, MoveClaim, MoveClaimed, MoveOpened, MoveQuestion, MoveStood};
use serde_json::json;

use crate::error::{PhoneError, Result};
use crate::phone::{Credentials, Phone, plain};
use crate::service::{Service, to_json};

/// What the new phone shows to the old one.
#[derive(Debug)]
pub struct MoveOffer {
    service: Service,
    secret: Hidden,
    /// The text of the QR: `<issuer>/phone#m1<offer>`.
    pub url: String,
    /// How long it can be scanned and answered, in seconds.
    pub expires_in: u32,
}

/// Where an offer stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MoveStanding {
    /// Nobody scanned it.
    Waiting,
    /// An old phone scanned it.
    Claimed {
        /// Three digits for its owner to type there.
        number: String,
        /// Whose phone it is.
        username: String,
    },
    /// The owner agreed: enrol now.
    Approved,
    /// The owner did not agree.
    Denied,
}

/// What the old phone shows of the new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newcomer {
    /// The offer to decide by.
    pub offer: String,
    /// Operating system, as it says.
    pub platform: String,
    /// Model, if it says one.
    pub model: Option<String>,
    /// Both come from the same network.
    pub same_network: bool,
    /// How long it can be answered, in seconds.
    pub expires_in: u32,
}

impl MoveOffer {
    /// The new phone offers to take an old one's place.
    ///
    /// # Errors
    /// The service cannot be reached or refuses.
    pub async fn open(service: Service, platform: &str) -> Result<Self> {
        let question = json!({ "platform": plain(platform, "platform")? });
        let MoveOpened { secret, url, expires_in, .. } = service.ask("/moves", &question).await?;
        if qr::wire::parse_move_text(&url, service.issuer()).is_none() {
            return Err(PhoneError::Nonsense("an offer of another service".to_owned()));
        }
        Ok(Self { service, secret, url, expires_in })
    }

    /// Asks where it stands: every two seconds or so.
    ///
    /// # Errors
    /// It is over, or the service cannot be reached.
    pub async fn standing(&self) -> Result<MoveStanding> {
        let stood: MoveStood =
            self.service.ask("/moves/state", &MoveQuestion { secret: self.secret.clone() }).await?;
        Ok(match (stood.state.as_str(), stood.number) {
            ("waiting", _) => MoveStanding::Waiting,
            ("claimed", Some(number)) => {
                MoveStanding::Claimed { number: number.text(), username: stood.username.unwrap_or_default() }
            }
            ("approved", _) => MoveStanding::Approved,
            ("denied", _) => MoveStanding::Denied,
            _ => return Err(PhoneError::Nonsense("an odd state of an offer".to_owned())),
        })
    }

    /// What lets the new phone be enrolled, once the owner agreed.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        Credentials::Move(self.secret.0.clone())
    }
}

impl Phone {
    /// Scans the QR of a new phone: no other phone can have it then.
    ///
    /// # Errors
    /// The code is none of this service's; it is over or taken; the phone may not.
    pub async fn scan_move(&self, qr_text: &str) -> Result<Newcomer> {
        let offer = qr::wire::parse_move_text(qr_text.trim(), self.service.issuer())
            .ok_or(PhoneError::NotASignInCode("it is none that a new phone of this service shows"))?;
        let question = to_json(&MoveClaim { offer: offer.to_owned() })?;
        let claimed: MoveClaimed = self.signed("/devices/self/moves/claim", &question).await?.read()?;
        Ok(Newcomer {
            offer: offer.to_owned(),
            platform: claimed.platform,
            model: claimed.model,
            same_network: claimed.same_network,
            expires_in: claimed.expires_in,
        })
    }

    /// Lets the new phone take this one's place; `number` is what it shows. The caller has verified the phone's user for
    /// this. This phone works until the new one has enrolled, and never again.
    ///
    /// # Errors
    /// The number is not three digits or wrong; the offer is over; the phone may not.
    pub async fn approve_move(&self, offer: &str, number: &str) -> Result<()> {
        let number = qr::CheckCode::parse(number.trim()).ok_or(PhoneError::NotACheckCode)?;
        let proof = self.proof(Purpose::Move, offer).await?;
        let body = to_json(&qr::wire::MoveApproval { offer: offer.to_owned(), number, proof })?;
        self.signed("/devices/self/moves/approve", &body).await?.accepted().map(|_| ())
    }

    /// Does not let it.
    ///
    /// # Errors
    /// The offer is over; the phone may not.
    pub async fn deny_move(&self, offer: &str) -> Result<()> {
        let body = to_json(&MoveClaim { offer: offer.to_owned() })?;
        self.signed("/devices/self/moves/deny", &body).await?.accepted().map(|_| ())
    }
}
