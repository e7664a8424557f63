//! The step after a right password: a code of the authenticator app, a recovery code, or setting an app up.
//!
//! Owns: who is asked, what counts, and that nobody is signed in before. Tries are counted with those of the password
//! (SEC-164). Not here: the order of steps (`journey`), the codes themselves (`totp`, `recovery_code`).

use app::journeys::JourneySlot;
use app::{Refusal, Visitor, audit, meters, notices};
use domain::{
    Account, AuditEntry, AuditEvent, JourneyId, Method, NoticeKind, Outcome, PasswordHash, Proof,
    SecondFactor, SecretHash, Timestamp, Totp,
};
use journey::{Event, Half, SecondFactors};
use store::Work;

use crate::sessions::Proved;
use crate::totp::Place;
use crate::tries::{Counted, Ended};
use crate::way::Way;
use crate::{Next, Progress, SignIn, recovery_code};

/// So often a journey that others change meanwhile is read anew.
const MOST_READS: u32 = 8;
/// A longer text is no code.
const LONGEST_CODE: usize = 64;

/// A second factor as it was shown, looked at outside the unit.
enum Shown {
    Step(i64),
    Code(SecretHash),
    Setup(Totp),
    Nothing,
}

impl SignIn {
    /// What this account has to show after its password, if anything.
    pub(crate) async fn asks_for_more(
        &self,
        account: &Account,
        is_strong_needed: bool,
    ) -> Result<Option<SecondFactors>, Refusal> {
        let held = self.app().held(&account.id).await?;
        let recovery_code = held.recovery_codes > 0;
        if held.asks_for_code() {
            return Ok(Some(SecondFactors { totp: true, recovery_code, setup: false }));
        }
        let policy = self.app().policies().now().await?.passwords_of(account);
        if policy.second_factor == SecondFactor::Optional {
            // A phone that is at hand comes first; codes are for the day when it is not (SEC-086).
            let asks = is_strong_needed && recovery_code && held.phones == 0;
            return Ok(asks.then_some(SecondFactors { recovery_code, ..SecondFactors::default() }));
        }
        // Whoever has, or had, a passkey or a phone uses that: a password alone must not add an app to them (SEC-070).
        let setup = held.other_since.is_none();
        Ok(Some(SecondFactors { totp: false, recovery_code, setup }))
    }

    /// Notes in the journey whose password was right.
    pub(crate) async fn keep_half(&self, way: Way, half: Half) -> Result<(), Refusal> {
        let slots = self.app().slots::<JourneySlot>();
        let Way { id, mut kept, mut version } = way;
        for _ in 0..MOST_READS {
            kept.journey = kept
                .journey
                .record(Event::HalfProved(half.clone()), self.app().now())
                .map_err(|_| Refusal::Gone)?;
            if slots.swap(&id.to_string(), version, &kept).await?.is_ok() {
                return Ok(());
            }
            // The page opened a channel meanwhile.
            (kept, version) = slots.get(&id.to_string()).await?.ok_or(Refusal::Gone)?;
        }
        Err(Refusal::Busy { retry_after: std::time::Duration::from_secs(1) })
    }

    /// Takes the second factor of whoever's password was right on this journey.
    ///
    /// # Errors
    /// [`Refusal::SignInFailed`] for whatever is wrong with it; [`Refusal::StepUpNeeded`] when no password waits for one
    /// (any more); [`Refusal::TooMany`]; [`Refusal::Gone`] when the journey is over.
    pub async fn second_factor(
        &self,
        id: &JourneyId,
        visitor: &Visitor,
        code: &str,
    ) -> Result<Progress, Refusal> {
        let way = self.way(id, visitor).await?;
        let now = self.app().now();
        let half = way.kept.journey.half(now).ok_or(Refusal::StepUpNeeded)?.clone();
        let mut view = self.app().store().read().await?;
        let account = view.account(&half.account).await?.filter(Account::is_active);
        let account = account.ok_or(Refusal::StepUpNeeded)?;
        let password = view.account_for_password(account.username.key()).await?;
        let Some(failures) = still_waits(password, &half) else { return Err(Refusal::StepUpNeeded) };
        let begun = self.begin_counted(&mut *view, visitor, Some(&account.username), Some(&account)).await?;
        drop(view);
        if !begun.may_count(failures) {
            let counted = self.end_counted(begun, Ended::Wrong).await?;
            return self.wrong_code(visitor, &account, "password is off", &counted).await;
        }
        let shown = match self.shown(&way, &half, code).await {
            Ok(shown) => shown,
            Err(refusal) => {
                self.end_counted(begun, Ended::Untried).await?;
                return Err(refusal);
            }
        };
        let before = self.who(visitor).await?;
        let client = way.kept.shown.client_id.as_ref();
        let mut work = self.app().store().begin().await?;
        let Some(method) = take(&mut *work, &account, &shown, now).await? else {
            drop(work);
            let counted = self.end_counted(begun, Ended::Wrong).await?;
            return self.wrong_code(visitor, &account, "wrong or used code", &counted).await;
        };
        self.tell_of_factor(&mut *work, visitor, &account, method, &shown).await?;
        let also = Proof { method, at: now, known_browser: false };
        let proved = Proved { account: account.id, proof: half.proof, also: Some(also), device: None };
        let session = self.begin_session(&mut *work, visitor, before.as_ref(), &proved, client).await?;
        // As after a password: one that was replaced meanwhile does not count.
        let password = work.account_for_password(account.username.key()).await?;
        if still_waits(password, &half).is_none() {
            drop(work);
            self.end_counted(begun, Ended::Untried).await?;
            return Err(Refusal::StepUpNeeded);
        }
        let counted = self.end_counted(begun, Ended::Right).await?;
        counted.forget_wrong(&mut *work, &account.id, failures).await?;
        work.commit().await?;
        self.app().meters().signed_in(method);
        if let Shown::Setup(_) = shown {
            self.set_up_done(Place::Journey(*id)).await;
        }
        self.drop_channel(&way.kept).await;
        let journey = way.id;
        let progress = self.go_on_as(session, visitor, way).await?;
        if progress.next == Next::Ask {
            self.forget_half(&journey).await;
        }
        Ok(progress)
    }

    /// Looks at what was typed.
    async fn shown(&self, way: &Way, half: &Half, code: &str) -> Result<Shown, Refusal> {
        let code = code.trim();
        if code.len() > LONGEST_CODE {
            return Ok(Shown::Nothing);
        }
        let digits: String = code.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        let is_of_app = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
        if half.asks.setup {
            let app = self.confirmed(Place::Journey(way.id), &half.account, &digits).await?;
            return Ok(app.map_or(Shown::Nothing, Shown::Setup));
        }
        if is_of_app && half.asks.totp {
            let totp = self.app().store().read().await?.totp(&half.account).await?;
            let Some(totp) = totp else { return Ok(Shown::Nothing) };
            return Ok(self.totp_step(&totp, &digits)?.map_or(Shown::Nothing, Shown::Step));
        }
        if half.asks.recovery_code {
            let hash = recovery_code::hash(self.app(), &half.account, code)?;
            return Ok(hash.map_or(Shown::Nothing, Shown::Code));
        }
        Ok(Shown::Nothing)
    }

    /// What a taken factor leaves: entries and notices.
    async fn tell_of_factor(
        &self,
        work: &mut dyn Work,
        visitor: &Visitor,
        account: &Account,
        method: Method,
        shown: &Shown,
    ) -> Result<(), Refusal> {
        let app = self.app();
        let now = app.now();
        let event = match shown {
            Shown::Code(_) => AuditEvent::RecoveryCodeUsed,
            Shown::Setup(_) => AuditEvent::FactorAdded,
            Shown::Step(_) | Shown::Nothing => AuditEvent::FactorUsed,
        };
        let entry = audit::by(visitor, event, Outcome::Done, now);
        let detail = audit::detail(method.as_str());
        work.audit(AuditEntry { account: Some(account.id), detail, ..entry }).await?;
        match shown {
            Shown::Code(_) => {
                let left = work.factors_held(&account.id).await?.map_or(0, |held| held.recovery_codes);
                notices::post(app, work, account, NoticeKind::RecoveryCodeUsed { left }, now).await
            }
            Shown::Setup(_) => notices::post(app, work, account, NoticeKind::SecondFactorOn, now).await,
            Shown::Step(_) | Shown::Nothing => Ok(()),
        }
    }

    /// Counts with the wrong passwords.
    async fn wrong_code<T>(
        &self,
        visitor: &Visitor,
        account: &Account,
        why: &str,
        counted: &Counted,
    ) -> Result<T, Refusal> {
        let now = self.app().now();
        let mut work = self.app().store().begin().await?;
        counted.count_wrong(&mut *work, Some(account)).await?;
        let entry = audit::by(visitor, AuditEvent::FactorUsed, Outcome::Refused, now);
        work.audit(AuditEntry { account: Some(account.id), detail: audit::detail(why), ..entry }).await?;
        work.commit().await?;
        self.app().meters().count(meters::Event::RefusedFactor);
        Err(Refusal::SignInFailed)
    }

    /// The journey goes on with somebody who is signed in. Should it not be noted, the session counts all the same.
    async fn forget_half(&self, id: &JourneyId) {
        let slots = self.app().slots::<JourneySlot>();
        let forgotten = async {
            let Some((mut kept, version)) = slots.get(&id.to_string()).await? else { return Ok(()) };
            kept.journey.half = None;
            slots.swap(&id.to_string(), version, &kept).await.map(drop)
        };
        if let Err(error) = forgotten.await {
            tracing::warn!(%error, "A second factor that was shown was not noted in its journey");
        }
    }
}

/// How many wrong ones were in a row, if the password that was right is the account's still.
fn still_waits(found: Option<(Account, Option<PasswordHash>, u32)>, half: &Half) -> Option<u32> {
    let (_, password, failures) = found?;
    password.filter(|password| password.changed_at == half.password_since).map(|_| failures)
}

/// Takes it, once; none: it is wrong, or somebody was quicker.
async fn take(
    work: &mut dyn Work,
    account: &Account,
    shown: &Shown,
    now: Timestamp,
) -> Result<Option<Method>, Refusal> {
    let (taken, method) = match shown {
        Shown::Step(step) => (work.take_totp_step(&account.id, *step).await?, Method::Totp),
        Shown::Code(hash) => (work.take_recovery_code(&account.id, hash, now).await?, Method::RecoveryCode),
        Shown::Setup(totp) => {
            work.hold_account(&account.id).await?;
            let held = work.factors_held(&account.id).await?;
            let has_other = held.is_none_or(|held| held.other_since.is_some());
            (!has_other && work.add_totp(totp).await?, Method::Totp)
        }
        Shown::Nothing => (false, Method::Totp),
    };
    Ok(taken.then_some(method))
}
