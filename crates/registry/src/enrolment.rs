//! Enrolling a phone: who may, what the phone must prove, what is kept.
//!
//! Owns: the ceremony ([`Registry::enrol_begin`], [`Registry::enrol_complete`]), the link by which a
//! signed-in browser lets a phone in ([`Registry::enrolment_link`]), and a phone that leaves by itself
//! ([`Registry::leave`]).
//! Not here: the administrator's link (`devices::offer_enrolment`), what the phone signs
//! (`qr::approval::EnrolmentProof`), HTTP (`web-phone`).
//!
//! ```text
//! password or token ──begin──▶ Enrolling (≤ 10 min, live) ──complete──▶ Device, Passkey (one unit)
//! ```
//! The right to enrol is given at `begin` and belongs to whoever holds the handle that it answers; the
//! account is taken from that right alone, never from a request (SEC-090).

mod attestation;
mod ceremony;
mod code;
mod complete;
mod leave;
mod link;

use std::time::Duration;

use app::throttle::{self, Rule};
use app::{App, Refusal, Secret};
use domain::{
    Account, AccountId, AddedBy, AuditEvent, ClientAddress, Enrolment, EnrolmentId, EnrolmentOrigin, Outcome,
    SessionId, Timestamp,
};
use live::Slot;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::Work;

pub use complete::{Completion, Verification};
pub use link::OwnLink;

use crate::Registry;
use crate::moves::Old;
use ceremony::Ceremony;

/// How long a phone may take between the two steps.
const LIFE: Duration = Duration::from_secs(10 * 60);

/// Why somebody may enrol a phone.
#[derive(Debug)]
pub enum Right {
    /// They are this account's owner: `signin` verified their password on the phone just now. Enough for the first
    /// phone of an account that has nothing else (SEC-070).
    Owner(Account),
    /// They hold the token of an enrolment link.
    Token(String),
    /// They typed a code, and for whom it is.
    Code {
        /// The user name as typed.
        username: String,
        /// The code as typed.
        code: String,
    },
    /// They hold an offer that the owner of an old phone approved: this one takes its place (`moves`).
    Move(String),
}

/// What the phone needs for the second step.
#[derive(Debug)]
pub struct Begun {
    /// The handle, 256 random bits: whoever has it may enrol one phone.
    pub handle: String,
    /// To be signed.
    pub nonce: String,
    /// Whose phone it will be.
    pub account: Account,
    /// Options for `navigator.credentials.create`; none where the issuer's host can have no passkeys (an IP
    /// address).
    pub webauthn: Option<Value>,
    /// Options for `navigator.credentials.get`, for a phone that holds a passkey of the account already:
    /// it cannot make a second one.
    pub existing: Option<Value>,
    /// How long the second step may take.
    pub expires_in: Duration,
}

/// The right to enrol one phone, between the two steps.
struct EnrollingSlot;

impl Slot for EnrollingSlot {
    const KIND: &'static str = "enrolling";
    const TTL: Duration = LIFE;
    type Value = Enrolling;
}

#[derive(Serialize, Deserialize)]
struct Enrolling {
    account: AccountId,
    added_by: AddedBy,
    /// The browser session that asked; it must be alive still (SEC-071).
    session: Option<SessionId>,
    /// What it came from; none where it was the owner's password or old phone.
    #[serde(default)]
    enrolment: Option<EnrolmentId>,
    /// The phone whose place this one takes.
    #[serde(default)]
    replaces: Option<Old>,
    nonce: String,
    ceremony: Option<Ceremony>,
    expires_at: Timestamp,
}

/// A right to enrol, before the phone is asked for anything.
struct Permitted {
    account: Account,
    added_by: AddedBy,
    session: Option<SessionId>,
    enrolment: Option<EnrolmentId>,
    replaces: Option<Old>,
}

impl Registry {
    /// What phones enrol at, and sign into what they sign.
    #[must_use]
    pub fn issuer(&self) -> &app::Issuer {
        self.app.issuer()
    }

    /// First step: says what the phone must prove. A token is taken here: its right lives on in the handle.
    ///
    /// # Errors
    /// `Gone` for every token that is unknown, used, late, or whose session ended; `TooMany`.
    pub async fn enrol_begin(&self, right: Right, address: ClientAddress) -> Result<Begun, Refusal> {
        self.app.throttle().hit(Rule::EnrolAddress, &throttle::network(address)).await?;
        let permitted = match right {
            Right::Owner(account) => {
                self.app.may_enrol_by_password(&account.id).await?;
                Permitted {
                    account,
                    added_by: AddedBy::Owner,
                    session: None,
                    enrolment: None,
                    replaces: None,
                }
            }
            Right::Move(secret) => {
                let (account, old) = self.take_move(&secret).await?;
                Permitted {
                    account,
                    added_by: AddedBy::Owner,
                    session: None,
                    enrolment: None,
                    replaces: Some(old),
                }
            }
            Right::Token(token) => self.permitted_by_token(&token, address).await?,
            Right::Code { username, code } => self.permitted_by_code(&username, &code, address).await?,
        };
        let Permitted { account, added_by, session, enrolment, replaces } = permitted;
        self.app.throttle().hit(Rule::EnrolAccount, &account.id.to_string()).await?;

        let wish = self.app.policies().now().await?.devices_of(&account).attestation;
        let passkeys = self.app.store().read().await?.passkeys(&account.id).await?;
        let (ceremony, asked) = match ceremony::begin(self.app.issuer(), &account, &passkeys, wish)? {
            Some((ceremony, asked)) => (Some(ceremony), asked),
            None => (None, ceremony::Asked::default()),
        };
        let handle = self.app.entropy().secret().text();
        let nonce = Secret::new(self.app.entropy().bytes()).text();
        let enrolling = Enrolling {
            account: account.id,
            added_by,
            session,
            enrolment,
            replaces,
            nonce: nonce.clone(),
            ceremony,
            expires_at: self.app.now().after(LIFE),
        };
        self.app.slots::<EnrollingSlot>().put(&slot_key(&self.app, &handle), &enrolling).await?;
        Ok(Begun { handle, nonce, account, webauthn: asked.create, existing: asked.get, expires_in: LIFE })
    }

    async fn permitted_by_token(&self, token: &str, address: ClientAddress) -> Result<Permitted, Refusal> {
        let token = Secret::parse(token).ok_or(Refusal::Gone)?;
        let now = self.app.now();
        let mut work = self.app.store().begin().await?;
        let enrolment = work.take_enrolment(&token.hash(), now).await?.ok_or(Refusal::Gone)?;
        self.permitted(work, enrolment, address).await
    }

    /// What was taken gives its right, if its account and the session that asked for it are alive still.
    async fn permitted(
        &self,
        mut work: Box<dyn Work>,
        enrolment: Enrolment,
        address: ClientAddress,
    ) -> Result<Permitted, Refusal> {
        let now = self.app.now();
        let account = work.account(&enrolment.account).await?.filter(Account::is_active);
        let is_asked_for = match &enrolment.session {
            Some(id) => work.session(id).await?.is_some_and(|session| session.is_alive(now)),
            None => true,
        };
        let mut entry = app::audit::from(address, AuditEvent::EnrolmentUsed, Outcome::Done, now);
        entry.account = Some(enrolment.account);
        entry.detail = Some(format!("{} {}", enrolment.kind.as_str(), enrolment.id));
        if account.is_none() || !is_asked_for {
            entry.outcome = Outcome::Refused;
        }
        work.audit(entry).await?;
        // Taken in any case: a link that was tried once is no secret any more.
        work.commit().await?;
        let account = account.filter(|_| is_asked_for).ok_or_else(|| {
            tracing::info!(enrolment.id = %enrolment.id, address = %address, "Enrolment of an ended session or account");
            Refusal::Gone
        })?;
        let added_by = match enrolment.origin {
            EnrolmentOrigin::Desktop => AddedBy::Desktop,
            EnrolmentOrigin::Admin => AddedBy::Admin,
        };
        let session = enrolment.session;
        Ok(Permitted { account, added_by, session, enrolment: Some(enrolment.id), replaces: None })
    }
}

/// Handles are kept as MACs only: who reads the live store cannot enrol.
fn slot_key(app: &App, handle: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(app.mac("enrolling", handle.as_bytes()).0)
}

#[cfg(test)]
mod tests;
