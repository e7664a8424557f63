//! What an account is protected by, as its owner changes it: authenticator app, recovery codes, passkeys.
//!
//! Owns: that each change needs a fresh proof, that the last way in stays (SEC-174), and that the owner hears of it on the
//! other channels. Not here: the password (`password_change`), phones (`registry::devices`), adding a passkey
//! (`passkey`), pages (`web-account`).

use app::strength::FRESH;
use app::{Refusal, Visitor, audit, notices, strength};
use domain::{
    Account, AuditEntry, AuditEvent, CredentialId, Held, NoticeBy, NoticeKind, Outcome, Passkey,
    SecondFactor, text,
};
use store::{SignedIn, Work};

use crate::totp::{Place, TotpSetup};
use crate::{SignIn, recovery_code};

/// What an account is protected by.
#[derive(Debug, Clone)]
pub struct Factors {
    /// Counted.
    pub held: Held,
    /// The passkeys, oldest first.
    pub passkeys: Vec<Passkey>,
    /// A password alone is not enough for this account.
    pub is_second_factor_demanded: bool,
    /// The session's proof is fresh enough for changes.
    pub is_fresh: bool,
}

impl SignIn {
    /// What the account that is signed in is protected by.
    ///
    /// # Errors
    /// [`Refusal::NotSignedIn`]; the store failed.
    pub async fn factors(&self, visitor: &Visitor) -> Result<Factors, Refusal> {
        let who = self.who(visitor).await?.ok_or(Refusal::NotSignedIn)?;
        let app = self.app();
        let mut view = app.store().read().await?;
        let held = view.factors_held(&who.account.id).await?.ok_or(Refusal::NotSignedIn)?;
        let passkeys = view.passkeys(&who.account.id).await?;
        drop(view);
        let is_fresh = strength::enough_to_change(&held, &who.session.proofs, FRESH, app.now());
        let is_second_factor_demanded = self.demands(&who.account).await?;
        Ok(Factors { held, passkeys, is_second_factor_demanded, is_fresh })
    }

    async fn demands(&self, account: &Account) -> Result<bool, Refusal> {
        let policy = self.app().policies().now().await?.passwords_of(account);
        Ok(policy.second_factor == SecondFactor::Required)
    }

    /// Begins to set up an authenticator app: what it is shown. The same again until it is confirmed.
    ///
    /// # Errors
    /// [`Refusal::NotSignedIn`], [`Refusal::StepUpNeeded`]; `Conflict("second_factor")` when there is one.
    pub async fn begin_totp(&self, visitor: &Visitor) -> Result<TotpSetup, Refusal> {
        let who = self.freshly_proven(visitor, FRESH).await?;
        if self.app().held(&who.account.id).await?.totp_since.is_some() {
            return Err(Refusal::Conflict("second_factor"));
        }
        self.set_up(Place::Session(who.session.id), &who.account).await
    }

    /// Confirms the app by its first code. From now on it is asked for after the password.
    ///
    /// # Errors
    /// As [`SignIn::begin_totp`]; `Invalid` for a wrong code; [`Refusal::TooMany`]; [`Refusal::Gone`]: begin again.
    pub async fn confirm_totp(&self, visitor: &Visitor, code: &str) -> Result<(), Refusal> {
        let who = self.freshly_proven(visitor, FRESH).await?;
        let app = self.app();
        app.throttle().hit(app::Rule::FactorAccount, &who.account.id.to_string()).await?;
        let digits: String = code.chars().filter(|c| !matches!(c, ' ' | '-')).take(16).collect();
        let place = Place::Session(who.session.id);
        let totp = self.confirmed(place, &who.account.id, &digits).await?;
        let totp =
            totp.ok_or(Refusal::Invalid { field: "code", why: "is not the one that the app shows now" })?;
        let mut work = app.store().begin().await?;
        if !work.add_totp(&totp).await? {
            return Err(Refusal::Conflict("second_factor"));
        }
        still_signed_in(&mut *work, &who).await?;
        work.audit(entry(visitor, &who, AuditEvent::FactorAdded, "totp", totp.confirmed_at)).await?;
        notices::post(app, &mut *work, &who.account, NoticeKind::SecondFactorOn, totp.confirmed_at).await?;
        work.commit().await?;
        self.set_up_done(place).await;
        Ok(())
    }

    /// Takes the authenticator app away.
    ///
    /// # Errors
    /// [`Refusal::NotSignedIn`], [`Refusal::StepUpNeeded`]; [`Refusal::NotFound`] when there is none;
    /// `Conflict("second_factor_demanded")` where a password alone is not enough and nothing else is there.
    pub async fn remove_totp(&self, visitor: &Visitor) -> Result<(), Refusal> {
        let who = self.freshly_proven(visitor, FRESH).await?;
        let is_demanded = self.demands(&who.account).await?;
        let app = self.app();
        let now = app.now();
        let mut work = app.store().begin().await?;
        work.hold_account(&who.account.id).await?;
        still_signed_in(&mut *work, &who).await?;
        let held = work.factors_held(&who.account.id).await?.ok_or(Refusal::NotFound)?;
        if is_demanded && held.passkeys == 0 && held.phones == 0 {
            return Err(Refusal::Conflict("second_factor_demanded"));
        }
        if !work.remove_totp(&who.account.id).await? {
            return Err(Refusal::NotFound);
        }
        work.audit(entry(visitor, &who, AuditEvent::FactorRemoved, "totp", now)).await?;
        let kind = NoticeKind::SecondFactorOff { by: NoticeBy::Owner };
        notices::post(app, &mut *work, &who.account, kind, now).await?;
        work.commit().await?;
        Ok(())
    }

    /// Makes recovery codes in place of all earlier ones. They are shown this once.
    ///
    /// # Errors
    /// [`Refusal::NotSignedIn`], [`Refusal::StepUpNeeded`]; [`Refusal::TooMany`].
    pub async fn make_recovery_codes(&self, visitor: &Visitor) -> Result<Vec<String>, Refusal> {
        let who = self.freshly_proven(visitor, FRESH).await?;
        let app = self.app();
        app.throttle().hit(app::Rule::FactorAccount, &who.account.id.to_string()).await?;
        let count = app.policies().now().await?.policies.recovery.codes;
        let codes: Vec<_> = (0..count).map(|_| recovery_code::make(app)).collect();
        let mut hashes = Vec::with_capacity(codes.len());
        for code in &codes {
            hashes.extend(recovery_code::hash(app, &who.account.id, code)?);
        }
        let now = app.now();
        let mut work = app.store().begin().await?;
        work.replace_recovery_codes(&who.account.id, &hashes, now).await?;
        still_signed_in(&mut *work, &who).await?;
        work.audit(entry(visitor, &who, AuditEvent::RecoveryCodesMade, &count.to_string(), now)).await?;
        let kind = NoticeKind::RecoveryCodesMade { by: NoticeBy::Owner };
        notices::post(app, &mut *work, &who.account, kind, now).await?;
        work.commit().await?;
        Ok(codes.iter().map(|code| code.to_string()).collect())
    }

    /// Gives a passkey another name.
    ///
    /// # Errors
    /// [`Refusal::NotSignedIn`]; `Invalid` for the name; [`Refusal::NotFound`] for one that is not there, or not theirs.
    pub async fn rename_passkey(&self, visitor: &Visitor, id: &str, name: &str) -> Result<(), Refusal> {
        let who = self.who(visitor).await?.ok_or(Refusal::NotSignedIn)?;
        let id: CredentialId = id.parse().map_err(|_| Refusal::NotFound)?;
        let why = "is not one plain line of 1 to 60 characters";
        let name = text::plain_line(name, 60).map_err(|_| Refusal::Invalid { field: "name", why })?;
        let now = self.app().now();
        let mut work = self.app().store().begin().await?;
        if !work.rename_passkey(&who.account.id, &id, &name).await? {
            return Err(Refusal::NotFound);
        }
        still_signed_in(&mut *work, &who).await?;
        work.audit(entry(visitor, &who, AuditEvent::PasskeyRenamed, &name, now)).await?;
        work.commit().await?;
        Ok(())
    }

    /// Removes a passkey, unless it is the last way in (SEC-174).
    ///
    /// # Errors
    /// [`Refusal::NotSignedIn`], [`Refusal::StepUpNeeded`]; [`Refusal::NotFound`] for one that is not there, or not
    /// theirs; `Conflict("last_factor")`; `Conflict("passkey_of_phone")` while a phone approves with it: remove the
    /// phone.
    pub async fn remove_passkey(&self, visitor: &Visitor, id: &str) -> Result<(), Refusal> {
        let who = self.freshly_proven(visitor, FRESH).await?;
        let id: CredentialId = id.parse().map_err(|_| Refusal::NotFound)?;
        let app = self.app();
        let now = app.now();
        let mut work = app.store().begin().await?;
        let name = app::factors::remove_passkey(&mut *work, &who.account.id, &id).await?;
        still_signed_in(&mut *work, &who).await?;
        work.audit(entry(visitor, &who, AuditEvent::PasskeyRemoved, &name, now)).await?;
        let kind = NoticeKind::PasskeyRemoved { name, by: NoticeBy::Owner };
        notices::post(app, &mut *work, &who.account, kind, now).await?;
        work.commit().await?;
        Ok(())
    }
}

/// Asked in the unit: whoever was signed out meanwhile, perhaps by the owner who noticed, changes nothing more.
pub(crate) async fn still_signed_in(work: &mut dyn Work, who: &SignedIn) -> Result<(), Refusal> {
    if work.hold_session(&who.session.id).await? { Ok(()) } else { Err(Refusal::NotSignedIn) }
}

pub(crate) fn entry(
    visitor: &Visitor,
    who: &SignedIn,
    event: AuditEvent,
    detail: &str,
    now: domain::Timestamp,
) -> AuditEntry {
    AuditEntry {
        account: Some(who.account.id),
        session: Some(who.session.id),
        detail: audit::detail(detail),
        ..audit::by(visitor, event, Outcome::Done, now)
    }
}
