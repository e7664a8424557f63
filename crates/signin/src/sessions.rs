//! Browser sessions: beginning, strengthening, replacing.
//!
//! Owns: what a session is given at a sign-in (SEC-013, SEC-151, SEC-152, SEC-155). Not here: finding the one
//! of a cookie, and signing out (`app::sessions`).

use std::sync::Arc;
use std::time::Duration;

use app::strength::{self, RECOVERY_LIFE};
use app::{Change, Refusal, Secret, Visitor, audit, notices};
use domain::{
    AccountId, AuditEntry, AuditEvent, BrowserSession, ClientId, DeviceId, Method, NoticeKind, Outcome,
    Proof, SecretHash, SessionEnd, SessionId, Timestamp, text,
};
use journey::with_proof;
use store::{SignedIn, StoreError, Work};

use crate::way::Way;
use crate::{NewCookies, Progress, SignIn};

/// How long a session lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// Unused for so long, it ends.
    pub idle: Duration,
    /// It ends after so long, whatever happens.
    pub absolute: Duration,
}

/// Who proved themselves, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proved {
    pub account: AccountId,
    pub proof: Proof,
    /// The second factor that was shown with it.
    pub also: Option<Proof>,
    pub device: Option<DeviceId>,
}

/// A session that begins, or has new strength, with the unit's commit.
pub(crate) struct Begun {
    pub id: SessionId,
    secret: Secret,
    browser: Secret,
    known: Secret,
    changed: Option<Change>,
}

impl SignIn {
    /// What a sign-in leaves in the unit of work: a session, and the end of the one before it.
    ///
    /// A living session of the same account is strengthened and gets a new secret; its id stays, and with it
    /// what relying parties were given. For a phone the session is new, so that it is listed on that phone
    /// (SEC-043). Another account's session ends: nobody inherits it (SEC-155).
    pub(crate) async fn begin_session(
        &self,
        work: &mut dyn Work,
        visitor: &Visitor,
        before: Option<&Arc<SignedIn>>,
        proved: &Proved,
        client: Option<&ClientId>,
    ) -> Result<Begun, Refusal> {
        let app = self.app();
        let now = app.now();
        let (secret, browser) = (app.entropy().secret(), app.entropy().secret());
        let known = visitor.known.clone().unwrap_or_else(|| app.entropy().secret());
        let same = before.filter(|who| who.account.id == proved.account);
        if let (Some(who), None) = (same, proved.device) {
            let id = who.session.id;
            if work.strengthen_session(&id, &proved.proof, &secret.hash(), now).await? {
                if let Some(also) = &proved.also {
                    work.strengthen_session(&id, also, &secret.hash(), now).await?;
                }
                work.audit(started(visitor, proved, client, id, "strengthened", now)).await?;
                app.meters().signed_in(proved.proof.method);
                return Ok(Begun { id, secret, browser, known, changed: Some(Change::Session(id)) });
            }
        }
        let mut changed = None;
        if let Some(who) = before {
            let old = who.session.id;
            if work.end_session(&old, SessionEnd::Replaced, now).await? {
                work.audit(ended(visitor, who, SessionEnd::Replaced, now)).await?;
            }
            changed = Some(Change::Session(old));
        }
        let is_told = self.is_told(work, visitor, proved).await?;
        let session = self.session(visitor, same, proved, &secret.hash(), now);
        match work.add_session(&session, Some(&known.hash())).await {
            // Disabled since it proved itself.
            Err(StoreError::Conflict("account_state")) => return Err(Refusal::SignInFailed),
            added => added?,
        }
        let detail = proved.proof.method.as_str();
        work.audit(started(visitor, proved, client, session.id, detail, now)).await?;
        app.meters().signed_in(proved.proof.method);
        if is_told {
            self.tell_of(work, visitor, proved, &session, now).await?;
        }
        Ok(Begun { id: session.id, secret, browser, known, changed })
    }

    /// What a sign-in of a program leaves in the unit of work: a session whose secret is the program's own, `secret` its
    /// hash. `place` stands for the browser that a program has not: where it is new, the owner is told.
    pub(crate) async fn begin_rest_session(
        &self,
        work: &mut dyn Work,
        visitor: &Visitor,
        proved: &Proved,
        (secret, place): (&SecretHash, &SecretHash),
    ) -> Result<(), Refusal> {
        let now = self.app().now();
        let is_told = !work.is_known_browser(&proved.account, place).await?;
        let session = self.session(visitor, None, proved, secret, now);
        match work.add_session(&session, Some(place)).await {
            // Disabled since it proved itself.
            Err(StoreError::Conflict("account_state")) => return Err(Refusal::SignInFailed),
            added => added?,
        }
        work.audit(started(visitor, proved, None, session.id, "REST", now)).await?;
        self.app().meters().signed_in(proved.proof.method);
        if is_told {
            self.tell_of(work, visitor, proved, &session, now).await?;
        }
        Ok(())
    }

    /// Its owner is told of a sign-in by phone, and of one in a browser that this account had not used (SEC-043).
    async fn is_told(
        &self,
        work: &mut dyn Work,
        visitor: &Visitor,
        proved: &Proved,
    ) -> Result<bool, Refusal> {
        let Some(known) = visitor.known.as_ref().filter(|_| proved.device.is_none()) else { return Ok(true) };
        Ok(!work.is_known_browser(&proved.account, &known.hash()).await?)
    }

    async fn tell_of(
        &self,
        work: &mut dyn Work,
        visitor: &Visitor,
        proved: &Proved,
        session: &BrowserSession,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let Some(account) = work.account(&proved.account).await? else { return Ok(()) };
        let place = self.settings().places.of(visitor.address);
        let words: Vec<String> = [place.network, place.city, place.country].into_iter().flatten().collect();
        let kind = NoticeKind::NewSignIn {
            session: session.id,
            method: proved.proof.method,
            browser: session.browser.clone(),
            address: session.address.clone(),
            place: Some(text::shown(&words.join(", "), 120)).filter(|words| !words.is_empty()),
        };
        notices::post(self.app(), work, &account, kind, now).await
    }

    fn session(
        &self,
        visitor: &Visitor,
        same: Option<&Arc<SignedIn>>,
        proved: &Proved,
        secret_hash: &SecretHash,
        now: Timestamp,
    ) -> BrowserSession {
        let is_by_phone = matches!(proved.proof.method, Method::Phone | Method::CasPhone);
        let is_new_to_phone = is_by_phone && !proved.proof.known_browser;
        let limits = match proved.proof.method {
            Method::Recovery => SessionLimits { idle: RECOVERY_LIFE, absolute: RECOVERY_LIFE },
            _ if is_new_to_phone => self.settings().unknown_browser_session,
            _ => self.settings().session,
        };
        let mut proofs = with_proof(&self.still_counting(same, now), proved.proof);
        if let Some(also) = proved.also {
            proofs = with_proof(&proofs, also);
        }
        BrowserSession {
            id: self.app().entropy().id(),
            account: proved.account,
            secret_hash: *secret_hash,
            proofs,
            device: proved.device,
            browser: text::shown(&visitor.agent.label(), 120),
            address: visitor.address.to_string(),
            created_at: now,
            last_used_at: now,
            idle_seconds: u32::try_from(limits.idle.as_secs()).unwrap_or(u32::MAX),
            expires_at: now.after(limits.absolute),
            ended: None,
        }
    }

    /// Proofs of the session before that a session of now may still carry. Each sign-in by phone makes a new
    /// session with a new end; a proof must not live on in them beyond what one session may last (SEC-156).
    fn still_counting(&self, same: Option<&Arc<SignedIn>>, now: Timestamp) -> Vec<Proof> {
        let since = now.before(self.settings().session.absolute);
        let proofs = same.map_or(&[][..], |who| &who.session.proofs);
        proofs.iter().copied().filter(|proof| proof.at > since).collect()
    }

    /// After the commit: tells the caches, replaces the browser secret, and goes on with the journey.
    pub(crate) async fn go_on_as(
        &self,
        begun: Begun,
        visitor: &Visitor,
        way: Way,
    ) -> Result<Progress, Refusal> {
        let cookies = self.cookies_of(begun, visitor).await?;
        let secret = cookies.session.as_ref().ok_or(Refusal::SignInFailed)?;
        // Not found only if the account was disabled or the session ended in this very moment.
        let who = self.app().sessions().current(secret).await?.ok_or(Refusal::SignInFailed)?;
        let next = self.go_on(way, &who).await?;
        Ok(Progress { next, cookies })
    }

    /// After the commit: tells the caches, and replaces the browser secret.
    pub(crate) async fn cookies_of(&self, begun: Begun, visitor: &Visitor) -> Result<NewCookies, Refusal> {
        let Begun { id, secret, browser, known, changed } = begun;
        if let Some(change) = changed {
            self.app().tell(change).await;
        }
        if let Err(refusal) = self.replaced_browser(visitor.browser_hash(), &browser.hash()).await {
            // The sign-in is done; only other tabs of this browser have to begin again.
            tracing::warn!(cause = refusal.cause(), "A replaced browser secret was not remembered");
        }
        // Without it clients' pages learn of changes no later than their next request.
        let state = self.app().browser_state(&id).ok();
        Ok(NewCookies { session: Some(secret), browser: Some(browser), known: Some(known), state })
    }

    /// Who is signed in, if it was proven freshly (within `limit`) by a passkey, or by a password and another factor where
    /// there is one: the condition for changing what an account is protected by (SEC-042, SEC-174).
    ///
    /// # Errors
    /// [`Refusal::NotSignedIn`]; [`Refusal::StepUpNeeded`]: [`SignIn::strong_journey`] leads there.
    pub async fn freshly_proven(&self, visitor: &Visitor, limit: Duration) -> Result<Arc<SignedIn>, Refusal> {
        let who = self.who(visitor).await?.ok_or(Refusal::NotSignedIn)?;
        let held = self.app().held(&who.account.id).await?;
        let is_enough = strength::enough_to_change(&held, &who.session.proofs, limit, self.app().now());
        if is_enough { Ok(who) } else { Err(Refusal::StepUpNeeded) }
    }

    /// Who is signed in, if they proved anew who they are, by whatever they sign in with.
    ///
    /// # Errors
    /// [`Refusal::NotSignedIn`]; [`Refusal::StepUpNeeded`]: [`SignIn::renewing_journey`] leads there.
    pub async fn proven_anew(&self, visitor: &Visitor) -> Result<Arc<SignedIn>, Refusal> {
        let who = self.who(visitor).await?.ok_or(Refusal::NotSignedIn)?;
        let is_new = strength::is_proven_anew(&who.session.proofs, self.app().now());
        if is_new { Ok(who) } else { Err(Refusal::StepUpNeeded) }
    }

    /// Who is signed in, if they may add a phone now (SEC-070).
    ///
    /// # Errors
    /// [`Refusal::NotSignedIn`]; [`Refusal::StepUpNeeded`]: [`SignIn::strong_journey`] leads there.
    pub async fn strength_for_enrolment(&self, visitor: &Visitor) -> Result<Arc<SignedIn>, Refusal> {
        let who = self.who(visitor).await?.ok_or(Refusal::NotSignedIn)?;
        self.app().strength_for_enrolment(&who).await?;
        Ok(who)
    }
}

fn started(
    visitor: &Visitor,
    proved: &Proved,
    client: Option<&ClientId>,
    session: SessionId,
    detail: &str,
    now: Timestamp,
) -> AuditEntry {
    AuditEntry {
        account: Some(proved.account),
        device: proved.device,
        client: client.cloned(),
        session: Some(session),
        detail: audit::detail(detail),
        ..audit::by(visitor, AuditEvent::SessionStarted, Outcome::Done, now)
    }
}

fn ended(visitor: &Visitor, who: &SignedIn, why: SessionEnd, now: Timestamp) -> AuditEntry {
    AuditEntry {
        account: Some(who.account.id),
        session: Some(who.session.id),
        detail: audit::detail(why.as_str()),
        ..audit::by(visitor, AuditEvent::SessionEnded, Outcome::Done, now)
    }
}
