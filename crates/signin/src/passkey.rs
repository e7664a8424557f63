//! Signing in by passkey, and adding one.
//!
//! Owns: the ceremonies' challenges (single use, five minutes, bound to one browser's journey or one
//! session), and what a passkey proves. Not here: the cryptography (`webauthn`).

use std::time::Duration;

use app::{Refusal, Rule, Visitor, audit, meters, notices, throttle};
use domain::{
    Account, AuditEntry, AuditEvent, JourneyId, Method, NoticeKind, Outcome, Passkey, Proof, SecretHash,
    Timestamp, text,
};
use journey::Event;
use live::Slot;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::factors::still_signed_in;
use crate::sessions::Proved;
use crate::webauthn::{Asserted, Assertion, CEREMONY_LIFE, Challenge, Passkeys};
use crate::{Progress, SignIn};

/// The session that adds a passkey was proven within this time (SEC-174).
pub(crate) const FRESH: Duration = Duration::from_secs(5 * 60);
/// Passkeys of one account at most.
const MOST_PASSKEYS: usize = 50;

/// A challenge that waits for an assertion, by journey.
struct LoginCeremony;

#[derive(Serialize, Deserialize)]
struct LoginWaits {
    challenge: Challenge,
    browser: SecretHash,
    since: Timestamp,
}

impl Slot for LoginCeremony {
    const KIND: &'static str = "passkey-login";
    const TTL: Duration = CEREMONY_LIFE;
    const MAKES_ROOM: bool = true;
    type Value = LoginWaits;
}

/// A registration that waits for its credential, by session.
struct AddCeremony;

#[derive(Serialize, Deserialize)]
struct AddWaits {
    state: String,
    since: Timestamp,
}

impl Slot for AddCeremony {
    const KIND: &'static str = "passkey-add";
    const TTL: Duration = CEREMONY_LIFE;
    type Value = AddWaits;
}

impl SignIn {
    /// Options for `navigator.credentials.get`: discoverable, the same for everybody.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] where no passkey is taken; [`Refusal::Gone`] when the journey is over.
    pub async fn passkey_options(&self, id: &JourneyId, visitor: &Visitor) -> Result<Value, Refusal> {
        let way = self.way(id, visitor).await?;
        if !self.offered(&way.kept.journey).passkey {
            return Err(Refusal::Forbidden);
        }
        let passkeys = self.passkeys()?;
        let challenge: Challenge = self.app().entropy().bytes();
        let waits = LoginWaits { challenge, browser: way.kept.browser, since: self.app().now() };
        self.app().slots::<LoginCeremony>().put(&id.to_string(), &waits).await?;
        Ok(passkeys.request(&challenge, None))
    }

    /// Takes the assertion.
    ///
    /// # Errors
    /// [`Refusal::SignInFailed`] whatever is wrong with it; [`Refusal::TooMany`]; [`Refusal::Forbidden`] where
    /// no passkey is taken; [`Refusal::Gone`] when the journey is over.
    pub async fn passkey(
        &self,
        id: &JourneyId,
        visitor: &Visitor,
        credential: Value,
    ) -> Result<Progress, Refusal> {
        let way = self.way(id, visitor).await?;
        if !self.offered(&way.kept.journey).passkey {
            return Err(Refusal::Forbidden);
        }
        let app = self.app();
        let network = throttle::network(visitor.address);
        app.throttle().peek(Rule::PasskeyAddress, &network).await?;
        let waits = app.slots::<LoginCeremony>().take(&id.to_string()).await?;
        let now = app.now();
        let waits = waits.filter(|w| w.browser == way.kept.browser && now.since(w.since) < CEREMONY_LIFE);
        let client = way.kept.shown.client_id.clone();
        let found = match waits {
            Some(waits) => self.assertion(&waits.challenge, credential).await?,
            None => Err("no challenge"),
        };
        let proof = Proof { method: Method::Passkey, at: now, known_browser: false };
        let found = found.and_then(|(account, kept, asserted)| {
            let event = Event::Proved { account: account.id, proof };
            way.kept.journey.clone().record(event, now).map_err(|_| "another account")?;
            Ok((account, kept, asserted))
        });
        let (account, kept, asserted) = match found {
            Ok(found) => found,
            Err(why) => {
                let mut work = app.store().begin().await?;
                let entry = audit::by(visitor, AuditEvent::PasskeyTried, Outcome::Refused, now);
                work.audit(AuditEntry { client, detail: audit::detail(why), ..entry }).await?;
                work.commit().await?;
                app.meters().count(meters::Event::RefusedPasskey);
                // Only failures count: a whole company may sign in from one address.
                return match app.throttle().hit(Rule::PasskeyAddress, &network).await {
                    Ok(()) | Err(Refusal::TooMany { .. }) => Err(Refusal::SignInFailed),
                    Err(other) => Err(other),
                };
            }
        };
        let before = self.who(visitor).await?;
        let proved = Proved { account: account.id, proof, also: None, device: None };
        let mut work = app.store().begin().await?;
        let state = asserted.changed.as_deref().unwrap_or(&kept.passkey);
        if !work.passkey_used(&kept.id, state, now).await? {
            return Err(Refusal::SignInFailed);
        }
        let entry = audit::by(visitor, AuditEvent::PasskeyTried, Outcome::Done, now);
        work.audit(AuditEntry { account: Some(account.id), client: client.clone(), ..entry }).await?;
        let begun =
            self.begin_session(&mut *work, visitor, before.as_ref(), &proved, client.as_ref()).await?;
        work.commit().await?;
        self.drop_channel(&way.kept).await;
        self.go_on_as(begun, visitor, way).await
    }

    /// Options for `navigator.credentials.create`.
    ///
    /// # Errors
    /// [`Refusal::NotSignedIn`], [`Refusal::StepUpNeeded`] (SEC-042, SEC-174), [`Refusal::Forbidden`] where
    /// passkeys cannot be used.
    pub async fn add_passkey_options(&self, visitor: &Visitor) -> Result<Value, Refusal> {
        let who = self.freshly_proven(visitor, FRESH).await?;
        let app = self.app();
        let have = app.store().read().await?.passkeys(&who.account.id).await?;
        if have.len() >= MOST_PASSKEYS {
            return Err(Refusal::Invalid { field: "passkey", why: "would be one too many" });
        }
        let made = self.passkeys()?.register(&who.account, &have);
        let (options, state) = made.ok_or_else(|| Refusal::Corrupt("no passkey options".to_owned()))?;
        let waits = AddWaits { state, since: app.now() };
        app.slots::<AddCeremony>().put(&who.session.id.to_string(), &waits).await?;
        Ok(options)
    }

    /// Takes the new credential.
    ///
    /// # Errors
    /// As [`SignIn::add_passkey_options`]; [`Refusal::Gone`] when the ceremony is over; [`Refusal::Invalid`]
    /// when the credential does not fit; [`Refusal::Conflict`] when it is known already.
    pub async fn add_passkey(
        &self,
        visitor: &Visitor,
        credential: Value,
        label: &str,
    ) -> Result<(), Refusal> {
        let who = self.freshly_proven(visitor, FRESH).await?;
        let app = self.app();
        let name = match text::plain_line(label, 60) {
            Ok(name) => name,
            Err(text::BadText::Empty) => visitor.agent.label(),
            Err(_) => {
                return Err(Refusal::Invalid {
                    field: "name",
                    why: "is not one plain line of 60 characters",
                });
            }
        };
        let now = app.now();
        let waits = app.slots::<AddCeremony>().take(&who.session.id.to_string()).await?;
        let waits = waits.filter(|w| now.since(w.since) < CEREMONY_LIFE).ok_or(Refusal::Gone)?;
        let registered = self
            .passkeys()?
            .registered(&waits.state, credential)
            .ok_or(Refusal::Invalid { field: "credential", why: "does not fit" })?;
        let passkey = Passkey {
            id: app.entropy().id(),
            account: who.account.id,
            device: None,
            credential_id: registered.credential_id,
            passkey: registered.passkey,
            name,
            created_at: now,
            last_used_at: None,
        };
        let mut work = app.store().begin().await?;
        work.add_passkey(&passkey).await?;
        still_signed_in(&mut *work, &who).await?;
        work.audit(AuditEntry {
            account: Some(who.account.id),
            session: Some(who.session.id),
            ..audit::by(visitor, AuditEvent::PasskeyAdded, Outcome::Done, now)
        })
        .await?;
        let kind = NoticeKind::PasskeyAdded { name: passkey.name.clone() };
        notices::post(app, &mut *work, &who.account, kind, now).await?;
        work.commit().await?;
        Ok(())
    }

    pub(crate) fn passkeys(&self) -> Result<&Passkeys, Refusal> {
        self.0.passkeys.as_ref().ok_or(Refusal::Forbidden)
    }

    /// Whose assertion it is, or what is wrong with it.
    async fn assertion(
        &self,
        challenge: &Challenge,
        credential: Value,
    ) -> Result<Result<(Account, Passkey, Asserted), &'static str>, Refusal> {
        let Some(assertion) = Assertion::read(credential) else { return Ok(Err("malformed")) };
        if !assertion.names_user() {
            return Ok(Err("names no user"));
        }
        let mut view = self.app().store().read().await?;
        let Some(kept) = view.passkey(assertion.credential_id()).await? else {
            return Ok(Err("unknown passkey"));
        };
        let Some(account) = view.account(&kept.account).await? else { return Ok(Err("unknown account")) };
        // A phone that was stopped takes its passkey with it, unless another phone of its owner goes on with it.
        let stopped = kept.device.is_some()
            && !view
                .devices_of(&account.id)
                .await?
                .iter()
                .any(|d| d.is_active() && d.passkey == Some(kept.id));
        if stopped {
            return Ok(Err("its phone is not active"));
        }
        drop(view);
        if !account.is_active() {
            return Ok(Err("disabled"));
        }
        let asserted = self.passkeys()?.verify(challenge, &assertion, &kept, &account);
        Ok(asserted.map(|asserted| (account, kept, asserted)).ok_or("does not fit"))
    }
}
