//! Signing in by user name and password.
//!
//! Owns: what is tried and answered (SEC-160…166). Every failure is one and the same answer, after one hash and one
//! durable commit, whoever was named. Not here: the hash (`app::hashing`), counting (`tries`), what comes after a right
//! password where it is not enough (`second_factor`).

use app::{Refusal, Verified, Visitor, audit, meters};
use domain::{Account, AuditEntry, AuditEvent, JourneyId, Method, Outcome, Proof, Timestamp, Username};
use journey::{Event, Half, SecondFactors, with_proof};
use secrecy::{ExposeSecret as _, SecretString};
use unicode_normalization::UnicodeNormalization as _;

use crate::sessions::Proved;
use crate::tries::{Counted, Ended, Try};
use crate::way::Way;
use crate::{NewCookies, Next, Progress, SignIn};

/// A user name that is longer is none, and is not looked up.
const MAX_USERNAME_BYTES: usize = 1024;

/// A password that was right when it was looked at.
pub(crate) struct Right {
    pub account: Account,
    /// The hash that it fits.
    phc: String,
    /// When that was set.
    pub since: Timestamp,
    failures: u32,
    /// A better hash of it, where that one is old.
    rehashed: Option<String>,
    /// The try, which is not over: what follows says whether it was right in the end.
    pub under_way: Try,
}

/// What was found out about a try.
#[expect(clippy::large_enum_variant, reason = "moved once, out of the one function that makes it")]
pub(crate) enum Tried {
    Right(Box<Right>),
    Wrong { account: Option<Account>, why: &'static str, counted: Counted },
}

impl SignIn {
    /// Tries a password.
    ///
    /// # Errors
    /// [`Refusal::SignInFailed`] for whatever is wrong; [`Refusal::TooMany`] and [`Refusal::Busy`] with a time;
    /// [`Refusal::Forbidden`] where no password is taken; [`Refusal::Gone`] when the journey is over.
    pub async fn password(
        &self,
        id: &JourneyId,
        visitor: &Visitor,
        username: &str,
        password: &SecretString,
    ) -> Result<Progress, Refusal> {
        let way = self.way(id, visitor).await?;
        if !self.offered(&way.kept.journey).password {
            return Err(Refusal::Forbidden);
        }
        if password.expose_secret().len() > app::MAX_PASSWORD_BYTES {
            return Err(Refusal::Invalid { field: "password", why: "is too long" });
        }
        let tried = self.try_password(visitor, username, password).await?;
        self.sign_in_by_password(way, visitor, tried).await
    }

    /// Whether this is the person's password, and enough by itself: for other doors that verify one (enrolling the first
    /// phone). Counts with the tries at the login page (SEC-164).
    ///
    /// # Errors
    /// As [`SignIn::password`]; [`Refusal::StepUpNeeded`] when the account has another factor, or a password is not
    /// enough for a first phone (SEC-070).
    pub async fn verify_password(
        &self,
        visitor: &Visitor,
        username: &str,
        password: &SecretString,
    ) -> Result<Account, Refusal> {
        let right = match self.try_password(visitor, username, password).await? {
            Tried::Right(right) => *right,
            Tried::Wrong { account, why, counted } => {
                return self.wrong_password(visitor, account.as_ref(), why, &counted).await;
            }
        };
        if let Err(refusal) = self.app().may_enrol_by_password(&right.account.id).await {
            self.end_counted(right.under_way, Ended::Untried).await?;
            if refusal == Refusal::StepUpNeeded {
                self.right_but_refused(visitor, &right.account, "another factor is needed").await?;
            }
            return Err(refusal);
        }
        let (account, kept) = self.whole(right).await?;
        let now = self.app().now();
        let mut work = self.app().store().begin().await?;
        kept.tidy_up(&mut *work, &account).await?;
        work.audit(entry(visitor, Outcome::Done, Some(&account), None, now)).await?;
        work.commit().await?;
        Ok(account)
    }

    async fn sign_in_by_password(
        &self,
        way: Way,
        visitor: &Visitor,
        tried: Tried,
    ) -> Result<Progress, Refusal> {
        let now = self.app().now();
        let right = match tried {
            Tried::Right(right) => *right,
            Tried::Wrong { account, why, counted } => {
                return self.wrong_password(visitor, account.as_ref(), why, &counted).await;
            }
        };
        let proof = Proof { method: Method::Password, at: now, known_browser: false };
        let event = Event::Proved { account: right.account.id, proof };
        if way.kept.journey.clone().record(event, now).is_err() {
            // The right password of somebody else than the one asked for.
            self.end_counted(right.under_way, Ended::Right).await?;
            return self.fail(visitor, &right.account, "another account").await;
        }
        let before = self.who(visitor).await?;
        let need = &way.kept.journey.need;
        let same = before.as_ref().filter(|who| who.account.id == right.account.id);
        let proofs = with_proof(same.map_or(&[][..], |who| &who.session.proofs), proof);
        let is_strong_needed = need.two_factors && !need.met_by(&proofs);
        if let Some(asks) = self.asks_for_more(&right.account, is_strong_needed).await? {
            return self.wait_for_second_factor(way, visitor, right, proof, asks).await;
        }
        let (account, kept) = self.whole(right).await?;
        let proved = Proved { account: account.id, proof, also: None, device: None };
        let client = way.kept.shown.client_id.as_ref();
        let mut work = self.app().store().begin().await?;
        work.audit(AuditEntry {
            client: client.cloned(),
            ..entry(visitor, Outcome::Done, Some(&account), None, now)
        })
        .await?;
        let begun = self.begin_session(&mut *work, visitor, before.as_ref(), &proved, client).await?;
        // From here on a new password waits for this unit, and ends the session; one that came before is seen.
        if !kept.counts_still(&mut *work, &account).await? {
            drop(work);
            return self.fail(visitor, &account, "password was replaced").await;
        }
        kept.tidy_up(&mut *work, &account).await?;
        work.commit().await?;
        self.drop_channel(&way.kept).await;
        self.go_on_as(begun, visitor, way).await
    }

    /// The right password of an account that needs a second factor: its journey waits, and nobody is signed in. What
    /// was counted against the account stays until the second factor is right too: else whoever has the password would
    /// have as many tries at the code as they like.
    async fn wait_for_second_factor(
        &self,
        way: Way,
        visitor: &Visitor,
        right: Right,
        proof: Proof,
        asks: SecondFactors,
    ) -> Result<Progress, Refusal> {
        let now = self.app().now();
        let Right { account, phc, since, rehashed, under_way, .. } = right;
        self.end_counted(under_way, Ended::Untried).await?;
        let mut work = self.app().store().begin().await?;
        let detail = Some("second factor asked for");
        work.audit(AuditEntry {
            client: way.kept.shown.client_id.clone(),
            ..entry(visitor, Outcome::Done, Some(&account), detail, now)
        })
        .await?;
        if let Some(better) = &rehashed {
            work.rehash_password(&account.id, &phc, better).await?;
        }
        work.commit().await?;
        let half = Half { account: account.id, proof, password_since: since, asks };
        self.keep_half(way, half).await?;
        Ok(Progress { next: Next::Ask, cookies: NewCookies::default() })
    }

    /// Ends a try whose password was enough.
    pub(crate) async fn whole(&self, right: Right) -> Result<(Account, Kept), Refusal> {
        let Right { account, phc, failures, rehashed, under_way, .. } = right;
        let counted = self.end_counted(under_way, Ended::Right).await?;
        Ok((account, Kept { phc, failures, rehashed, counted }))
    }

    /// One durable commit, whoever was named (SEC-165).
    pub(crate) async fn wrong_password<T>(
        &self,
        visitor: &Visitor,
        account: Option<&Account>,
        why: &str,
        counted: &Counted,
    ) -> Result<T, Refusal> {
        let now = self.app().now();
        let mut work = self.app().store().begin().await?;
        counted.count_wrong(&mut *work, account).await?;
        work.audit(entry(visitor, Outcome::Refused, account, Some(why), now)).await?;
        work.commit().await?;
        self.app().meters().count(meters::Event::RefusedPassword);
        Err(Refusal::SignInFailed)
    }

    async fn fail<T>(&self, visitor: &Visitor, account: &Account, why: &str) -> Result<T, Refusal> {
        self.right_but_refused(visitor, account, why).await?;
        Err(Refusal::SignInFailed)
    }

    async fn right_but_refused(
        &self,
        visitor: &Visitor,
        account: &Account,
        why: &str,
    ) -> Result<(), Refusal> {
        let now = self.app().now();
        let mut work = self.app().store().begin().await?;
        work.audit(entry(visitor, Outcome::Refused, Some(account), Some(why), now)).await?;
        Ok(work.commit().await?)
    }

    pub(crate) async fn try_password(
        &self,
        visitor: &Visitor,
        username: &str,
        password: &SecretString,
    ) -> Result<Tried, Refusal> {
        let app = self.app();
        let username: Option<Username> =
            (username.len() <= MAX_USERNAME_BYTES).then(|| username.parse().ok()).flatten();
        let mut view = app.store().read().await?;
        let found = match &username {
            Some(username) => view.account_for_password(username.key()).await?,
            None => None,
        };
        let account = found.as_ref().map(|(account, ..)| account);
        let under_way = self.begin_counted(&mut *view, visitor, username.as_ref(), account).await?;
        drop(view);
        // Unicode in one form, once (SEC-161).
        let password = SecretString::from(password.expose_secret().nfc().collect::<String>());
        let phc = found.as_ref().and_then(|(_, hash, failures)| {
            hash.as_ref().filter(|_| under_way.may_count(*failures)).map(|hash| hash.phc.as_str())
        });
        let verified = match app.hashing().verify(&password, phc).await {
            Ok(verified) => verified,
            Err(refusal) => {
                // A queue that is full says nothing about the password.
                self.end_counted(under_way, Ended::Untried).await?;
                return Err(refusal);
            }
        };
        let (account, failures) = match (found, verified) {
            (Some((account, Some(hash), failures)), Verified::Right { rehash }) if account.is_active() => {
                let rehashed = if rehash { Some(app.hashing().hash(&password).await?) } else { None };
                let (phc, since) = (hash.phc, hash.changed_at);
                let right = Right { account, phc, since, failures, rehashed, under_way };
                return Ok(Tried::Right(Box::new(right)));
            }
            (Some((account, _, failures)), _) => (Some(account), failures),
            (None, _) => (None, 0),
        };
        let why = match &account {
            None => "unknown user",
            Some(account) if !account.is_active() => "disabled",
            Some(_) if !under_way.may_count(failures) => "password is off",
            Some(_) => "wrong password",
        };
        let counted = self.end_counted(under_way, Ended::Wrong).await?;
        Ok(Tried::Wrong { account, why, counted })
    }
}

/// What a right password leaves to be done in the unit.
pub(crate) struct Kept {
    phc: String,
    failures: u32,
    rehashed: Option<String>,
    counted: Counted,
}

impl Kept {
    /// Whether it is the person's password still. Hashing took a while.
    pub async fn counts_still(&self, work: &mut dyn store::Work, account: &Account) -> Result<bool, Refusal> {
        let found = work.account_for_password(account.username.key()).await?;
        Ok(found.and_then(|(_, hash, _)| hash).is_some_and(|hash| hash.phc == self.phc))
    }

    /// Failures are forgotten, an old hash is replaced.
    pub async fn tidy_up(&self, work: &mut dyn store::Work, account: &Account) -> Result<(), Refusal> {
        self.counted.forget_wrong(work, &account.id, self.failures).await?;
        if let Some(better) = &self.rehashed {
            work.rehash_password(&account.id, &self.phc, better).await?;
        }
        Ok(())
    }
}

pub(crate) fn entry(
    visitor: &Visitor,
    outcome: Outcome,
    account: Option<&Account>,
    detail: Option<&str>,
    now: Timestamp,
) -> AuditEntry {
    AuditEntry {
        account: account.map(|account| account.id),
        detail: detail.and_then(audit::detail),
        ..audit::by(visitor, AuditEvent::PasswordTried, outcome, now)
    }
}
