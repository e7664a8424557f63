//! The link of a recovery by the helpdesk: what its owner gets for it (SEC-086).
//!
//! Owns: that the link is no sign-in. Together with the password or a recovery code, where the account has either, it
//! begins a short session that can set up a passkey or a phone and meets no other demand. Not here: opening and
//! completing a recovery (`registry::recoveries`), the session's strength (`app::strength`).

use app::strength::RECOVERY_LIFE;
use app::{Refusal, Rule, Secret, Visitor, audit, notices, throttle};
use domain::{
    Account, AuditEntry, AuditEvent, Held, Method, NoticeKind, Outcome, Proof, Recovery, SecretHash,
};
use secrecy::{ExposeSecret as _, SecretString};

use crate::password::Tried;
use crate::sessions::Proved;
use crate::{NewCookies, SignIn, recovery_code};

/// What stands beside the link.
enum Beside {
    /// The account has nothing else: the link, its wait and its notices are all there is.
    Nothing,
    Password,
    Code(SecretHash),
}

impl SignIn {
    /// Takes the link of a recovery, once, and begins the session in which its owner sets up something new.
    ///
    /// # Errors
    /// [`Refusal::Gone`] for every link that is unknown, used, late or cancelled; [`Refusal::SignInFailed`] when the
    /// account has a password or recovery codes and what was given is none of them: the link stays good;
    /// [`Refusal::TooMany`].
    pub async fn redeem_recovery(
        &self,
        visitor: &Visitor,
        token: &str,
        password: Option<&SecretString>,
        code: Option<&str>,
    ) -> Result<NewCookies, Refusal> {
        let app = self.app();
        app.throttle().hit(Rule::RecoveryAddress, &throttle::network(visitor.address)).await?;
        let token = Secret::parse(token).ok_or(Refusal::Gone)?.hash();
        let now = app.now();
        let mut view = app.store().read().await?;
        let found = view.recovery_by_token(&token).await?.filter(|found| found.expires_at > now);
        let recovery = found.ok_or(Refusal::Gone)?;
        let account = view.account(&recovery.account).await?.filter(Account::is_active);
        let account = account.ok_or(Refusal::Gone)?;
        let held = view.factors_held(&account.id).await?.ok_or(Refusal::Gone)?;
        drop(view);
        // Guesses at what stands beside a link count for the account, wherever they come from.
        app.throttle().hit(Rule::FactorAccount, &account.id.to_string()).await?;
        let beside = self.beside(visitor, &account, &held, password, code).await?;
        self.take_recovery(visitor, &account, &recovery, (&token, beside)).await
    }

    async fn beside(
        &self,
        visitor: &Visitor,
        account: &Account,
        held: &Held,
        password: Option<&SecretString>,
        code: Option<&str>,
    ) -> Result<Beside, Refusal> {
        if !held.has_password() && held.recovery_codes == 0 {
            return Ok(Beside::Nothing);
        }
        if let Some(code) = code.map(str::trim).filter(|code| !code.is_empty() && code.len() <= 64) {
            let hash = recovery_code::hash(self.app(), &account.id, code)?;
            return hash.map(Beside::Code).ok_or(Refusal::SignInFailed);
        }
        let Some(password) = password.filter(|password| !password.expose_secret().is_empty()) else {
            return Err(Refusal::SignInFailed);
        };
        match self.try_password(visitor, account.username.as_str(), password).await? {
            Tried::Right(right) => {
                let (account, kept) = self.whole(*right).await?;
                let mut work = self.app().store().begin().await?;
                kept.tidy_up(&mut *work, &account).await?;
                work.commit().await?;
                Ok(Beside::Password)
            }
            Tried::Wrong { account, why, counted } => {
                self.wrong_password(visitor, account.as_ref(), why, &counted).await
            }
        }
    }

    async fn take_recovery(
        &self,
        visitor: &Visitor,
        account: &Account,
        recovery: &Recovery,
        (token, beside): (&SecretHash, Beside),
    ) -> Result<NewCookies, Refusal> {
        let app = self.app();
        let now = app.now();
        let before = self.who(visitor).await?;
        let mut work = app.store().begin().await?;
        if let Beside::Code(hash) = &beside {
            if !work.take_recovery_code(&account.id, hash, now).await? {
                let entry = audit::by(visitor, AuditEvent::RecoveryCodeUsed, Outcome::Refused, now);
                let detail = audit::detail("wrong or used code");
                work.audit(AuditEntry { account: Some(account.id), detail, ..entry }).await?;
                work.commit().await?;
                return Err(Refusal::SignInFailed);
            }
            let left = work.factors_held(&account.id).await?.map_or(0, |held| held.recovery_codes);
            notices::post(app, &mut *work, account, NoticeKind::RecoveryCodeUsed { left }, now).await?;
        }
        if !work.take_recovery(&recovery.id, token, now).await? {
            return Err(Refusal::Gone);
        }
        let entry = audit::by(visitor, AuditEvent::RecoveryUsed, Outcome::Done, now);
        let detail = audit::detail(match beside {
            Beside::Nothing => "by its link",
            Beside::Password => "by its link and the password",
            Beside::Code(_) => "by its link and a recovery code",
        });
        work.audit(AuditEntry { account: Some(account.id), detail, ..entry }).await?;
        notices::post(app, &mut *work, account, NoticeKind::RecoveryCompleted, now).await?;
        let proof = Proof { method: Method::Recovery, at: now, known_browser: false };
        let proved = Proved { account: account.id, proof, also: None, device: None };
        let begun = self.begin_session(&mut *work, visitor, before.as_ref(), &proved, None).await?;
        work.commit().await?;
        tracing::info!(account.id = %account.id, life = RECOVERY_LIFE.as_secs(), "Recovery used");
        self.cookies_of(begun, visitor).await
    }
}
