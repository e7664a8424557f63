//! The states of one channel for apps made for CAS, and the moves between them.
//!
//! ```text
//! Created ──approve──▶ Approved ──redeem──▶ Vouched (once)
//!    │ ╰─failure×5─▶ Denied
//!    ╰── replaced, expired: at any time ──▶ gone
//! ```
//!
//! Owns: which move is allowed when (SEC-005, SEC-010, SEC-014, SEC-017, SEC-068) and every limit of time and number
//! (cas-wire C-1, C-14). Beside [`crate::channel`], and apart from it: no state of one mode is a state of the other
//! (SEC-065). Not here: keeping a state and letting one writer win (`live`), what the app's token is worth and the
//! fences that look at networks (`signin::cas_phone`).

use std::time::Duration;

use domain::{AccountId, ClientAddress, ClientId, DeviceId, JourneyId, SecretHash, Timestamp};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::Seen;

/// A channel lives this long in all (C-1).
pub const CHANNEL_LIFE: Duration = Duration::from_secs(120);
/// What is shown may be approved this long (SEC-004, which SEC-066 leaves in force).
pub const CODE_LIFE: Duration = Duration::from_secs(60);
/// From the approval to the session (SEC-017).
pub const APPROVAL_LIFE: Duration = Duration::from_secs(30);
/// So many failed approvals end the channel (C-14).
pub const MAX_FAILURES: u8 = 5;

/// A move is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Its time is over.
    #[error("the channel is gone")]
    Gone,
    /// It belongs to another browser or journey (SEC-010, SEC-014).
    #[error("another browser's channel")]
    AnotherBrowser,
    /// Not what was handed out for this approval, or with another device's name (SEC-067).
    #[error("not this approval's handle")]
    NotTheHandle,
    /// Somebody else approved than the one who was named in the browser (SEC-068).
    #[error("another person approved")]
    AnotherPerson,
}

/// What a channel is opened with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// Hash of the browser secret (SEC-010).
    pub browser: SecretHash,
    /// The journey, and with it the one request (SEC-014).
    pub journey: JourneyId,
    /// The relying party: none but one that takes such apps (SEC-065).
    pub client: ClientId,
    /// MAC of the user name that was entered in the browser, where one is asked for.
    pub person: Option<SecretHash>,
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

/// Waits for an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// What every state knows.
    pub common: Common,
    /// How many approvals failed.
    pub failures: u8,
}

/// What an app with a good token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Which device.
    pub device: DeviceId,
    /// What it calls itself: its CAS id in lower case.
    pub name: String,
    /// Its owner's name for it.
    pub label: String,
    /// Whose: by the registration alone (SEC-034).
    pub account: AccountId,
    /// The owner's user name.
    pub username: String,
    /// MAC of that user name.
    pub person: SecretHash,
    /// When the password was set that the token came from.
    pub password_since: Timestamp,
    /// From where.
    pub address: ClientAddress,
    /// Makes the handle of this approval; worth nothing without the server's key.
    pub nonce: String,
    /// Hash of the handle that the browser is given (SEC-067).
    pub handle: SecretHash,
}

/// An app said yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    /// What every state knows.
    pub common: Common,
    /// Who.
    pub approval: Box<Approval>,
    /// When: the `auth_time`.
    pub at: Timestamp,
    /// Not at or after this.
    pub until: Timestamp,
}

/// Too many approvals failed. Stays so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denied {
    /// What every state knows.
    pub common: Common,
}

/// What is kept between requests: any one of the states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CasChannel {
    /// Waits for an app.
    Created(Created),
    /// Waits for the browser.
    Approved(Approved),
    /// Over.
    Denied(Denied),
}

/// What the browser shows to be signed in.
#[derive(Debug, Clone, Copy)]
pub struct Redeeming<'a> {
    /// Hash of its secret.
    pub browser: &'a SecretHash,
    /// The journey it is on.
    pub journey: &'a JourneyId,
    /// Hash of the handle it shows.
    pub handle: &'a SecretHash,
    /// The device it names, in lower case.
    pub device: &'a str,
}

/// What an approval amounts to, in the browser that asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vouched {
    /// What every state knows.
    pub common: Common,
    /// Who.
    pub approval: Box<Approval>,
    /// When.
    pub at: Timestamp,
    /// Not at or after this.
    pub until: Timestamp,
}

/// Where a channel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CasState {
    /// For an app, until then.
    Waiting(Timestamp),
    /// For the browser, until then.
    Approved(Timestamp),
    /// Failures ended it.
    Denied,
    /// Time ended it.
    Expired,
}

impl Created {
    /// Opens a channel.
    #[must_use]
    pub fn open(opening: Opening, now: Timestamp) -> Self {
        let common = Common { opening, opened: now, ends: now.after(CHANNEL_LIFE) };
        Self { common, failures: 0 }
    }

    /// Until when it may be approved.
    #[must_use]
    pub fn until(&self) -> Timestamp {
        self.common.opened.after(CODE_LIFE).min(self.common.ends)
    }

    fn alive(&self, now: Timestamp) -> Result<(), Refused> {
        if now < self.until() { Ok(()) } else { Err(Refused::Gone) }
    }

    /// Whether the person who approves is the one who was named in the browser, where one was.
    ///
    /// # Errors
    /// `AnotherPerson`, or `Gone` when its time is over.
    pub fn may_approve(&self, person: &SecretHash, now: Timestamp) -> Result<(), Refused> {
        self.alive(now)?;
        let named = self.common.opening.person.as_ref();
        if named.is_none_or(|named| same(named, person)) { Ok(()) } else { Err(Refused::AnotherPerson) }
    }

    /// The one approval that a channel takes (SEC-068): the state that takes it is gone.
    ///
    /// # Errors
    /// As [`Created::may_approve`].
    pub fn approve(self, approval: Approval, now: Timestamp) -> Result<Approved, Refused> {
        self.may_approve(&approval.person, now)?;
        let until = now.after(APPROVAL_LIFE).min(self.common.ends);
        Ok(Approved { common: self.common, approval: Box::new(approval), at: now, until })
    }

    /// An approval failed. The last one that may ends the channel.
    ///
    /// # Errors
    /// `Gone` when its time is over.
    pub fn fail(self, now: Timestamp) -> Result<CasChannel, Refused> {
        self.alive(now)?;
        let failures = self.failures.saturating_add(1);
        if failures >= MAX_FAILURES {
            return Ok(CasChannel::Denied(Denied { common: self.common }));
        }
        Ok(CasChannel::Created(Self { failures, ..self }))
    }
}

impl Approved {
    /// Only the browser that asked, for the request it asked for, with the handle that it was given, soon (SEC-010,
    /// SEC-014, SEC-017, SEC-067).
    ///
    /// # Errors
    /// `AnotherBrowser`, `NotTheHandle`, or `Gone` when its time is over.
    pub fn redeem(self, by: Redeeming<'_>, now: Timestamp) -> Result<Vouched, Refused> {
        let Self { common, approval, at, until } = self;
        if !same(&common.opening.browser, by.browser) || common.opening.journey != *by.journey {
            return Err(Refused::AnotherBrowser);
        }
        if !same(&approval.handle, by.handle) || approval.name != by.device {
            return Err(Refused::NotTheHandle);
        }
        let vouched = Vouched { common, approval, at, until };
        vouched.alive(now)?;
        Ok(vouched)
    }
}

impl Vouched {
    /// Whether there is time left to be signed in.
    ///
    /// # Errors
    /// `Gone`.
    pub fn alive(&self, now: Timestamp) -> Result<(), Refused> {
        if now < self.until { Ok(()) } else { Err(Refused::Gone) }
    }
}

impl CasChannel {
    /// What every state knows.
    #[must_use]
    pub const fn common(&self) -> &Common {
        match self {
            Self::Created(Created { common, .. })
            | Self::Approved(Approved { common, .. })
            | Self::Denied(Denied { common }) => common,
        }
    }

    /// How many approvals failed.
    #[must_use]
    pub const fn failures(&self) -> u8 {
        match self {
            Self::Created(created) => created.failures,
            Self::Approved(_) => 0,
            Self::Denied(_) => MAX_FAILURES,
        }
    }

    /// Where it stands. Expiry is found out here, not by a sweeper (SEC-007).
    #[must_use]
    pub fn standing(&self, now: Timestamp) -> CasState {
        match self {
            Self::Created(created) if now < created.until() => CasState::Waiting(created.until()),
            Self::Approved(approved) if now < approved.until => CasState::Approved(approved.until),
            Self::Denied(denied) if now < denied.common.ends => CasState::Denied,
            Self::Created(_) | Self::Approved(_) | Self::Denied(_) => CasState::Expired,
        }
    }
}

fn same(one: &SecretHash, other: &SecretHash) -> bool {
    one.0.ct_eq(&other.0).into()
}

#[cfg(test)]
mod tests;
