//! Changing one's password, or setting a first one.
//!
//! Owns: what it takes (SEC-167), and what ends with it. Not here: the rule for a new one (`app::passwords`), an operator
//! who sets one and a reset by mail (`registry`).

use app::passwords::{self, Surroundings};
use app::strength::{self, FRESH};
use app::{Change, Refusal, Visitor, notices};
use domain::{AuditEvent, NoticeBy, NoticeKind, PasswordHash, SessionEnd};
use secrecy::SecretString;

use crate::SignIn;
use crate::factors::entry;
use crate::password::Tried;

/// What its owner asks for.
#[derive(Debug)]
pub struct PasswordChange {
    /// The current one; none where another fresh proof stands for it.
    pub current: Option<SecretString>,
    /// The new one.
    pub new: SecretString,
    /// Whether all other browsers are signed out, and what applications may do without a browser ends.
    pub end_others: bool,
}

impl SignIn {
    /// Changes the password, or sets the first one; answers how many other sessions ended.
    ///
    /// # Errors
    /// [`Refusal::NotSignedIn`]; [`Refusal::StepUpNeeded`] without the current one and without a fresh proof;
    /// [`Refusal::SignInFailed`] and [`Refusal::TooMany`] as for a password at the login page; `Invalid { field:
    /// "password", … }` says what to mend about the new one.
    pub async fn change_password(&self, visitor: &Visitor, change: PasswordChange) -> Result<usize, Refusal> {
        let app = self.app();
        let who = self.who(visitor).await?.ok_or(Refusal::NotSignedIn)?;
        let account = &who.account;
        let held = app.held(&account.id).await?;
        let kept = match &change.current {
            Some(current) => match self.try_password(visitor, account.username.as_str(), current).await? {
                Tried::Right(right) => Some(self.whole(*right).await?.1),
                Tried::Wrong { account, why, counted } => {
                    return self.wrong_password(visitor, account.as_ref(), why, &counted).await;
                }
            },
            None if strength::enough_to_change(&held, &who.session.proofs, FRESH, app.now()) => None,
            None => return Err(Refusal::StepUpNeeded),
        };
        let policy = app.policies().now().await?.passwords_of(account);
        let around = Surroundings::of(account, app.issuer().host());
        let normal = passwords::chosen(&change.new, &policy, &around, held.has_other_factor())?;
        let phc = app.hashing().hash(&normal).await?;
        let now = app.now();
        let mut work = app.store().begin().await?;
        work.hold_account(&account.id).await?;
        if let Some(kept) = &kept {
            if !kept.counts_still(&mut *work, account).await? {
                return Err(Refusal::SignInFailed);
            }
            kept.tidy_up(&mut *work, account).await?;
        }
        work.set_password(&PasswordHash { account: account.id, phc, changed_at: now }).await?;
        // Disabled or signed out meanwhile: then nothing is changed.
        if !work.hold_session(&who.session.id).await? {
            return Err(Refusal::NotSignedIn);
        }
        let ended = if change.end_others {
            work.end_other_sessions(&account.id, &who.session.id, SessionEnd::SignedOut, now).await?
        } else {
            Vec::new()
        };
        let detail = if change.end_others { "other sessions ended" } else { "other sessions stay" };
        work.audit(entry(visitor, &who, AuditEvent::PasswordChanged, detail, now)).await?;
        let kind = NoticeKind::PasswordChanged { by: NoticeBy::Owner };
        notices::post(app, &mut *work, account, kind, now).await?;
        work.commit().await?;
        let changes: Vec<Change> = ended.iter().copied().map(Change::Session).collect();
        app.tell_all(&changes).await;
        Ok(ended.len())
    }
}
