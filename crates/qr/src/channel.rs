//! The states of one channel and the moves between them.
//!
//! ```text
//! Created ──claim──▶ Claimed ──approve──▶ Approved ──redeem──▶ gone
//!    │ ╰rotate╯         │  ╰─wrong code×3─▶ Denied ◀──deny──╯
//!    ╰── replaced, cancelled, expired: at any time ──▶ gone
//! ```
//!
//! Owns: which move is allowed when (SEC-004…006, SEC-021…024, SEC-031, SEC-036, SEC-037) and every limit of
//! time. Each state is a type with only its own moves; a move takes the state, so it cannot be made twice.
//! Not here: keeping a state and letting one writer win (`live`), signatures (`approval`).

use std::time::Duration;

use domain::{AccountId, ClientAddress, ClientId, DeviceId, JourneyId, SecretHash, Timestamp, UserAgent};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::approval::{Decision, SignedApproval};
use crate::code::CheckCode;
use crate::facts::Asker;

/// A channel lives this long in all (SEC-004).
pub const CHANNEL_LIFE: Duration = Duration::from_secs(5 * 60);
/// An id may be scanned this long after it was first shown (SEC-004).
pub const ID_LIFE: Duration = Duration::from_secs(60);
/// A replaced id may be scanned this long after its replacement (SEC-004).
pub const REPLACED_ID_LIFE: Duration = Duration::from_secs(5);
/// From claim to decision (SEC-004).
pub const CLAIM_LIFE: Duration = Duration::from_secs(120);
/// From approval to redeem (SEC-017).
pub const APPROVAL_LIFE: Duration = Duration::from_secs(30);
/// This many wrong check codes deny the channel (SEC-024).
pub const MAX_WRONG_CODES: u8 = 3;

/// A move is not allowed. Doors answer most of these alike (SEC-053).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Expired, finished, or never there.
    #[error("the channel is gone")]
    Gone,
    /// Somebody else's turn: the state does not know this move (yet).
    #[error("not in this state")]
    NotNow,
    /// Another phone claimed it (SEC-021, SEC-022).
    #[error("another device claimed the channel")]
    AnotherDevice,
    /// The device or its account is not active (SEC-020, SEC-036).
    #[error("the device may not act")]
    DeviceNotActive,
    /// The channel belongs to another browser or journey (SEC-010, SEC-014).
    #[error("another browser's channel")]
    AnotherBrowser,
    /// No valid signature by the enrolled key over the canonical message.
    #[error("the signature does not fit")]
    BadSignature,
    /// The signed time is too far from ours.
    #[error("the signed time is off")]
    TimeOff,
    /// The user was not verified for this approval (SEC-031).
    #[error("the user was not verified")]
    UserNotVerified,
}

/// The browser as it was when it opened the channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Where it asked from.
    pub address: ClientAddress,
    /// What it says it is.
    pub agent: UserAgent,
    /// Its mark, if it was used before by anybody.
    pub mark: Option<SecretHash>,
}

/// What a channel is opened with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// Hash of the browser secret (SEC-010).
    pub browser: SecretHash,
    /// The journey, and with it the one authorization request (SEC-014).
    pub journey: JourneyId,
    /// Who asks, as the phone will show it.
    pub asker: Asker,
    /// What for.
    pub scopes: Vec<String>,
    /// The check code is asked for (SEC-023).
    pub needs_code: bool,
    /// Approvals from other countries are refused (SEC-027).
    pub same_country: bool,
    /// The browser.
    pub seen: Seen,
}

/// What every state knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Common {
    /// What it was opened with.
    pub opening: Opening,
    /// Opened.
    pub opened: Timestamp,
    /// The end of everything.
    pub ends: Timestamp,
}

impl Common {
    fn alive(&self, now: Timestamp) -> Result<(), Refused> {
        if now < self.ends { Ok(()) } else { Err(Refused::Gone) }
    }

    /// The relying party, if one asks.
    #[must_use]
    pub fn client(&self) -> Option<ClientId> {
        self.opening.asker.id.as_ref().and_then(|id| id.parse().ok())
    }

    fn within(&self, end: Timestamp) -> Timestamp {
        end.min(self.ends)
    }
}

/// An id that can be scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownId {
    /// Its MAC; the id itself is never kept (SEC-009).
    pub mac: SecretHash,
    /// Not at or after this.
    pub until: Timestamp,
}

/// Waits for a phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// What every state knows.
    pub common: Common,
    /// The id that is shown.
    pub shown: ShownId,
    /// The id before it, for those who are just scanning.
    pub replaced: Option<ShownId>,
}

/// Who claimed, and what they were told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// MAC of the id that was scanned.
    pub channel: SecretHash,
    /// Which phone (SEC-021).
    pub device: DeviceId,
    /// Whose: from the registration alone (SEC-034).
    pub account: AccountId,
    /// Makes the approval single-use (SEC-032).
    pub nonce: String,
    /// `facts::hash` of what the phone was told.
    pub facts: String,
    /// This account has signed in with this browser before.
    pub known_browser: bool,
    /// When.
    pub at: Timestamp,
    /// From where.
    pub address: ClientAddress,
}

/// Who wants to claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimant {
    /// The claim to be.
    pub claim: Claim,
    /// Device and account are active, now (SEC-020).
    pub is_active: bool,
}

/// A phone has come; its owner has not decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// What every state knows.
    pub common: Common,
    /// Who claimed.
    pub claim: Claim,
    /// What the browser shows.
    pub code: CheckCode,
    /// How often something else was typed.
    pub wrong_codes: u8,
    /// Not at or after this.
    pub until: Timestamp,
}

/// The owner said yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    /// What every state knows.
    pub common: Common,
    /// Who claimed.
    pub claim: Claim,
    /// When: the `auth_time`.
    pub at: Timestamp,
    /// Not at or after this.
    pub until: Timestamp,
}

/// Why it was denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyDenied {
    /// The owner declined.
    Declined,
    /// The owner declined: this was not me.
    Reported,
    /// Too many wrong check codes.
    WrongCodes,
}

/// The owner said no. Stays so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denied {
    /// What every state knows.
    pub common: Common,
    /// Who claimed.
    pub claim: Claim,
    /// Why.
    pub why: WhyDenied,
}

/// What is kept between requests: any one of the states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Waits for a phone.
    Created(Created),
    /// Waits for the owner.
    Claimed(Claimed),
    /// Waits for the browser.
    Approved(Approved),
    /// Over.
    Denied(Denied),
}

/// How the user of a phone was verified for this very approval (SEC-031).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserVerification {
    /// Not at all.
    None,
    /// By a passkey assertion with the UV flag over the facts, verified just now.
    Passkey,
    /// By the phone's keystore, which was enrolled as one that does (SEC-077).
    Keystore,
}

/// What a decision led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    /// The browser may be signed in.
    Approved(Approved),
    /// It may not.
    Denied(Denied),
    /// Something else was typed; so many tries are left.
    WrongCode(Claimed, u8),
}

/// What an approval amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vouched {
    /// Who signs in.
    pub account: AccountId,
    /// Whose phone vouched.
    pub device: DeviceId,
    /// When.
    pub at: Timestamp,
    /// This account has signed in with this browser before.
    pub known_browser: bool,
}

/// The words a browser is told (SEC-011).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// For a phone.
    Waiting,
    /// By a phone.
    Claimed,
    /// By its owner.
    Approved,
    /// By its owner, or for wrong codes.
    Denied,
    /// Show a new code.
    Expired,
}

impl State {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Claimed => "claimed",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
        }
    }
}

/// Where a channel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The word.
    pub state: State,
    /// What the countdown shows: until the shown id, or the state, ends.
    pub expires_in: Duration,
    /// When the word changes by itself; none when it does not.
    pub changes_at: Option<Timestamp>,
}

impl Created {
    /// Opens a channel that shows its first id.
    #[must_use]
    pub fn open(opening: Opening, id: SecretHash, now: Timestamp) -> Self {
        let common = Common { opening, opened: now, ends: now.after(CHANNEL_LIFE) };
        let shown = ShownId { mac: id, until: common.within(now.after(ID_LIFE)) };
        Self { common, shown, replaced: None }
    }

    /// Shows another id. The one before may still be scanned for a moment.
    ///
    /// # Errors
    /// `Gone` when the channel's time is over.
    pub fn rotate(self, id: SecretHash, now: Timestamp) -> Result<Self, Refused> {
        self.common.alive(now)?;
        let replaced = ShownId { until: self.shown.until.min(now.after(REPLACED_ID_LIFE)), ..self.shown };
        let shown = ShownId { mac: id, until: self.common.within(now.after(ID_LIFE)) };
        Ok(Self { common: self.common, shown, replaced: Some(replaced) })
    }

    /// The first phone to come locks the channel to itself (SEC-021).
    ///
    /// # Errors
    /// `DeviceNotActive`, or `Gone` when the id was not, or is no longer, shown.
    pub fn claim(self, by: Claimant, code: CheckCode, now: Timestamp) -> Result<Claimed, Refused> {
        self.common.alive(now)?;
        if !by.is_active {
            return Err(Refused::DeviceNotActive);
        }
        let scanned = by.claim.channel;
        let fits = |id: &ShownId| same(&id.mac, &scanned) && now < id.until;
        if !fits(&self.shown) && !self.replaced.as_ref().is_some_and(fits) {
            return Err(Refused::Gone);
        }
        let until = self.common.within(now.after(CLAIM_LIFE));
        Ok(Claimed { common: self.common, claim: by.claim, code, wrong_codes: 0, until })
    }
}

impl Claimed {
    /// The digits, for the one browser that shows them.
    ///
    /// # Errors
    /// `AnotherBrowser`, or `Gone` when the time to decide is over.
    pub fn code_for(&self, browser: &SecretHash, now: Timestamp) -> Result<Option<CheckCode>, Refused> {
        self.common.alive(now)?;
        if !same(&self.common.opening.browser, browser) {
            return Err(Refused::AnotherBrowser);
        }
        if now >= self.until {
            return Err(Refused::Gone);
        }
        Ok(self.common.opening.needs_code.then_some(self.code))
    }

    /// The owner decides. `user` is asked only when everything else fits an approval.
    ///
    /// # Errors
    /// `AnotherDevice`, `UserNotVerified`, or `Gone` when the time to decide is over.
    pub fn decide(
        self,
        signed: &SignedApproval,
        user: impl FnOnce() -> UserVerification,
        now: Timestamp,
    ) -> Result<Decided, Refused> {
        if now >= self.until {
            return Err(Refused::Gone);
        }
        self.claim.is_by(signed)?;
        if let Some(why) = refusal(signed.decision) {
            return Ok(Decided::Denied(Denied { common: self.common, claim: self.claim, why }));
        }
        if !self.code_fits(signed) {
            return Ok(self.wrong_code());
        }
        if !signed.uv || user() == UserVerification::None {
            return Err(Refused::UserNotVerified);
        }
        let until = self.common.within(now.after(APPROVAL_LIFE));
        Ok(Decided::Approved(Approved { common: self.common, claim: self.claim, at: now, until }))
    }

    fn code_fits(&self, signed: &SignedApproval) -> bool {
        match signed.code {
            Some(typed) => self.code.is(typed),
            None => !self.common.opening.needs_code,
        }
    }

    fn wrong_code(mut self) -> Decided {
        self.wrong_codes = self.wrong_codes.saturating_add(1);
        if self.wrong_codes >= MAX_WRONG_CODES {
            let why = WhyDenied::WrongCodes;
            return Decided::Denied(Denied { common: self.common, claim: self.claim, why });
        }
        let left = MAX_WRONG_CODES - self.wrong_codes;
        Decided::WrongCode(self, left)
    }
}

impl Approved {
    /// The owner changed their mind in time: the denial wins (SEC-037).
    ///
    /// # Errors
    /// `AnotherDevice`; `NotNow` for a second approval; `Gone` when the time to redeem is over.
    pub fn decide(self, signed: &SignedApproval, now: Timestamp) -> Result<Denied, Refused> {
        if now >= self.until {
            return Err(Refused::Gone);
        }
        self.claim.is_by(signed)?;
        let why = refusal(signed.decision).ok_or(Refused::NotNow)?;
        Ok(Denied { common: self.common, claim: self.claim, why })
    }

    /// Only the browser that asked, only for the request it asked for, only soon (SEC-010, 014, 017).
    ///
    /// # Errors
    /// `AnotherBrowser`, or `Gone` when the time to redeem is over.
    pub fn redeem(
        self,
        browser: &SecretHash,
        journey: &JourneyId,
        now: Timestamp,
    ) -> Result<Vouched, Refused> {
        if !same(&self.common.opening.browser, browser) || self.common.opening.journey != *journey {
            return Err(Refused::AnotherBrowser);
        }
        if now >= self.until {
            return Err(Refused::Gone);
        }
        let Claim { account, device, known_browser, .. } = self.claim;
        Ok(Vouched { account, device, at: self.at, known_browser })
    }
}

impl Claim {
    /// The signature was verified over this claim's own nonce, by this claim's own device.
    fn is_by(&self, signed: &SignedApproval) -> Result<(), Refused> {
        if self.device != signed.device || self.nonce != signed.nonce {
            return Err(Refused::AnotherDevice);
        }
        Ok(())
    }
}

impl Channel {
    /// What every state knows.
    #[must_use]
    pub const fn common(&self) -> &Common {
        match self {
            Self::Created(Created { common, .. })
            | Self::Claimed(Claimed { common, .. })
            | Self::Approved(Approved { common, .. })
            | Self::Denied(Denied { common, .. }) => common,
        }
    }

    /// Who claimed it, once somebody did.
    #[must_use]
    pub const fn claim(&self) -> Option<&Claim> {
        match self {
            Self::Created(_) => None,
            Self::Claimed(Claimed { claim, .. })
            | Self::Approved(Approved { claim, .. })
            | Self::Denied(Denied { claim, .. }) => Some(claim),
        }
    }

    /// Where it stands. Expiry is found out here, not by a sweeper (SEC-007).
    #[must_use]
    pub fn standing(&self, now: Timestamp) -> Standing {
        let (state, counts_to, ends) = match self {
            Self::Created(created) => (State::Waiting, created.shown.until, created.common.ends),
            Self::Claimed(claimed) => (State::Claimed, claimed.until, claimed.until),
            Self::Approved(approved) => (State::Approved, approved.until, approved.until),
            Self::Denied(_) => {
                return Standing { state: State::Denied, expires_in: Duration::ZERO, changes_at: None };
            }
        };
        if now >= ends {
            return Standing { state: State::Expired, expires_in: Duration::ZERO, changes_at: None };
        }
        Standing { state, expires_in: counts_to.since(now), changes_at: Some(ends) }
    }
}

const fn refusal(decision: Decision) -> Option<WhyDenied> {
    match decision {
        Decision::Approve => None,
        Decision::Deny => Some(WhyDenied::Declined),
        Decision::Report => Some(WhyDenied::Reported),
    }
}

fn same(one: &SecretHash, other: &SecretHash) -> bool {
    one.0.ct_eq(&other.0).into()
}

#[cfg(test)]
mod tests;
