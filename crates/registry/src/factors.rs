//! What an account is protected by, as the helpdesk sees and mends it: never a secret, a code or a hash (SEC-183).
//!
//! Owns: taking away what somebody lost or gave away, and unlocking a password. Not here: an owner's own changes
//! (`signin::factors`), recoveries (`recoveries`).

use app::{Mandate, Refusal, audit, notices};
use domain::{
    Account, AccountId, AuditEntry, AuditEvent, CredentialId, Held, NoticeBy, NoticeKind, Outcome, Passkey,
    SecondFactor,
};
use store::Work;

use crate::Registry;

/// What an account is protected by.
#[derive(Debug, Clone, Copy)]
pub struct FactorsShown {
    /// Counted.
    pub held: Held,
    /// There were so many wrong ones in a row that the password does not count in strange browsers (SEC-163).
    pub is_password_off: bool,
    /// A password alone is not enough for this account.
    pub is_second_factor_demanded: bool,
}

impl Registry {
    /// What an account is protected by.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn factors_of(&self, account: &AccountId) -> Result<FactorsShown, Refusal> {
        let mut view = self.app.store().read().await?;
        let owner = view.account(account).await?.ok_or(Refusal::NotFound)?;
        let held = view.factors_held(account).await?.ok_or(Refusal::NotFound)?;
        drop(view);
        let policy = self.app.policies().now().await?.passwords_of(&owner);
        Ok(FactorsShown {
            held,
            is_password_off: held.wrong_in_a_row >= app::factors::MOST_FAILURES,
            is_second_factor_demanded: policy.second_factor == SecondFactor::Required,
        })
    }

    /// The passkeys of an account, oldest first.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn passkeys_of(&self, account: &AccountId) -> Result<Vec<Passkey>, Refusal> {
        let mut view = self.app.store().read().await?;
        view.account(account).await?.ok_or(Refusal::NotFound)?;
        Ok(view.passkeys(account).await?)
    }

    /// Takes an authenticator app away: its owner lost it, and the helpdesk knows them.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` for an account that may do more than who acts (SEC-181).
    pub async fn remove_totp_of(&self, by: &Mandate, account: &AccountId) -> Result<(), Refusal> {
        let deed = || async {
            let now = self.app.now();
            let mut work = self.app.store().begin().await?;
            let owner = within_reach(&mut *work, by, account).await?;
            if !work.remove_totp(account).await? {
                return Err(Refusal::NotFound);
            }
            let entry = by.entry(AuditEvent::FactorRemoved, Outcome::Done, now);
            work.audit(AuditEntry { account: Some(owner.id), detail: audit::detail("totp"), ..entry })
                .await?;
            let told = NoticeKind::SecondFactorOff { by: NoticeBy::Admin };
            notices::post(&self.app, &mut *work, &owner, told, now).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await
    }

    /// Takes all recovery codes away: somebody else may know them.
    ///
    /// # Errors
    /// As [`Registry::remove_totp_of`].
    pub async fn remove_recovery_codes_of(&self, by: &Mandate, account: &AccountId) -> Result<(), Refusal> {
        let deed = || async {
            let now = self.app.now();
            let mut work = self.app.store().begin().await?;
            let owner = within_reach(&mut *work, by, account).await?;
            work.replace_recovery_codes(account, &[], now).await?;
            let entry = by.entry(AuditEvent::FactorRemoved, Outcome::Done, now);
            let detail = audit::detail("recovery codes");
            work.audit(AuditEntry { account: Some(owner.id), detail, ..entry }).await?;
            let told = NoticeKind::RecoveryCodesMade { by: NoticeBy::Admin };
            notices::post(&self.app, &mut *work, &owner, told, now).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await
    }

    /// Forgets the wrong passwords of an account, so that its password counts again (SEC-163): whoever could do that as
    /// often as they like could let somebody guess on.
    ///
    /// # Errors
    /// As [`Registry::remove_totp_of`].
    pub async fn unlock_password_of(&self, by: &Mandate, account: &AccountId) -> Result<(), Refusal> {
        let deed = || async {
            let now = self.app.now();
            let mut work = self.app.store().begin().await?;
            let owner = within_reach(&mut *work, by, account).await?;
            work.forget_wrong_passwords(account).await?;
            let entry = by.entry(AuditEvent::AccountChanged, Outcome::Done, now);
            let detail = audit::detail("wrong passwords forgotten");
            work.audit(AuditEntry { account: Some(owner.id), detail, ..entry }).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await
    }

    /// Removes a passkey of somebody, unless it is the last way in (SEC-174).
    ///
    /// # Errors
    /// As [`Registry::remove_totp_of`]; `Conflict("last_factor")`; `Conflict("passkey_of_phone")`.
    pub async fn remove_passkey_of(
        &self,
        by: &Mandate,
        account: &AccountId,
        id: &CredentialId,
    ) -> Result<(), Refusal> {
        let deed = || async {
            let now = self.app.now();
            let mut work = self.app.store().begin().await?;
            let owner = within_reach(&mut *work, by, account).await?;
            let name = app::factors::remove_passkey(&mut *work, account, id).await?;
            let entry = by.entry(AuditEvent::PasskeyRemoved, Outcome::Done, now);
            work.audit(AuditEntry { account: Some(owner.id), detail: audit::detail(&name), ..entry }).await?;
            let told = NoticeKind::PasskeyRemoved { name, by: NoticeBy::Admin };
            notices::post(&self.app, &mut *work, &owner, told, now).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await
    }
}

/// The account, if it may do no more than who acts (SEC-181).
async fn within_reach(work: &mut dyn Work, by: &Mandate, account: &AccountId) -> Result<Account, Refusal> {
    let owner = work.account(account).await?.ok_or(Refusal::NotFound)?;
    by.must_hold(owner.roles)?;
    Ok(owner)
}
