//! A password that has to be enough by itself: for programs without a browser (cas-wire §12).
//!
//! Owns: that such a door is no way round the login page. Tries count with those there (SEC-069); whatever is wrong,
//! also that the account asks for more, is refused as a wrong password is: after the same work, with the same words, and
//! counted the same. So nobody learns through it that a password was right. Not here: tickets (`tickets`).

use app::{Refusal, Visitor, audit, throttle};
use domain::{Account, AuditEntry, AuditEvent, Method, Outcome, Proof, SecondFactor, SecretHash, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use store::View;

use crate::SignIn;
use crate::password::{Kept, Right, Tried, entry};
use crate::sessions::Proved;
use crate::tries::{Ended, somebody};

/// Somebody whose password was right, and is all that they sign in with.
pub(crate) struct Alone {
    pub account: Account,
    /// What is left to be done in the unit.
    pub kept: Kept,
    /// When the password was set.
    pub since: Timestamp,
}

impl SignIn {
    /// Begins a session for a program, by password alone. Its secret is the caller's: `ticket` is its hash.
    ///
    /// # Errors
    /// As [`SignIn::rest_user`].
    pub async fn rest_session(
        &self,
        visitor: &Visitor,
        username: &str,
        password: &SecretString,
        ticket: &SecretHash,
    ) -> Result<Account, Refusal> {
        let Alone { account, kept, .. } = self.password_alone(visitor, username, password, |_| None).await?;
        let now = self.app().now();
        let proof = Proof { method: Method::Password, at: now, known_browser: false };
        let proved = Proved { account: account.id, proof, also: None, device: None };
        // Programs have no cookie: the network that one comes from is what its owner is told of once.
        let words = format!("{} {}", account.id, throttle::network(visitor.address));
        let place = self.app().mac("rest place", words.as_bytes());
        let mut work = self.app().store().begin().await?;
        work.audit(entry(visitor, Outcome::Done, Some(&account), Some("REST session"), now)).await?;
        self.begin_rest_session(&mut *work, visitor, &proved, (ticket, &place)).await?;
        if !kept.counts_still(&mut *work, &account).await? {
            drop(work);
            return self.replaced(visitor, &account).await;
        }
        kept.tidy_up(&mut *work, &account).await?;
        work.commit().await?;
        Ok(account)
    }

    /// Whose password this is. No session comes of it.
    ///
    /// # Errors
    /// [`Refusal::SignInFailed`] for whatever is wrong, and for accounts that must show more than a password;
    /// [`Refusal::TooMany`] and [`Refusal::Busy`] with a time; [`Refusal::Forbidden`] where no password is taken at all;
    /// `Invalid` for one that is too long.
    pub async fn rest_user(
        &self,
        visitor: &Visitor,
        username: &str,
        password: &SecretString,
    ) -> Result<Account, Refusal> {
        let Alone { account, kept, .. } = self.password_alone(visitor, username, password, |_| None).await?;
        let now = self.app().now();
        let mut work = self.app().store().begin().await?;
        if !kept.counts_still(&mut *work, &account).await? {
            drop(work);
            return self.replaced(visitor, &account).await;
        }
        kept.tidy_up(&mut *work, &account).await?;
        work.audit(entry(visitor, Outcome::Done, Some(&account), Some("REST"), now)).await?;
        work.commit().await?;
        Ok(account)
    }

    /// Tries a password that has to be enough; `objection` says what else is wrong with whoever it belongs to.
    pub(crate) async fn password_alone(
        &self,
        visitor: &Visitor,
        username: &str,
        password: &SecretString,
        objection: impl FnOnce(&Account) -> Option<&'static str>,
    ) -> Result<Alone, Refusal> {
        if !self.settings().methods.password {
            return Err(Refusal::Forbidden);
        }
        if password.expose_secret().len() > app::MAX_PASSWORD_BYTES {
            return Err(Refusal::Invalid { field: "password", why: "is too long" });
        }
        let tried = self.try_password(visitor, username, password).await?;
        let account = match &tried {
            Tried::Right(right) => Some(&right.account),
            Tried::Wrong { account, .. } => account.as_ref(),
        };
        // The same is read whoever was named, and whether it was right or not.
        let mut view = self.app().store().read().await?;
        let is_more = self.asks_more(&mut *view, account).await?;
        drop(view);
        let right = match tried {
            Tried::Right(right) => *right,
            Tried::Wrong { account, why, counted } => {
                return self.wrong_password(visitor, account.as_ref(), why, &counted).await;
            }
        };
        let refused = if is_more { Some("another factor is needed") } else { objection(&right.account) };
        if let Some(why) = refused {
            let Right { account, under_way, .. } = right;
            let counted = self.end_counted(under_way, Ended::Wrong).await?;
            return self.wrong_password(visitor, Some(&account), why, &counted).await;
        }
        let since = right.since;
        let (account, kept) = self.whole(right).await?;
        Ok(Alone { account, kept, since })
    }

    /// Whether this account has to show more than its password: by its own app, or by policy.
    pub(crate) async fn asks_more(
        &self,
        view: &mut dyn View,
        account: Option<&Account>,
    ) -> Result<bool, Refusal> {
        let held = view.factors_held(&somebody(account)).await?;
        let policy = self.app().policies().now().await?;
        let (Some(held), Some(account)) = (held, account) else { return Ok(true) };
        Ok(held.asks_for_code() || policy.passwords_of(account).second_factor != SecondFactor::Optional)
    }

    async fn replaced<T>(&self, visitor: &Visitor, account: &Account) -> Result<T, Refusal> {
        let now = self.app().now();
        let why = audit::detail("password was replaced");
        let entry = audit::by(visitor, AuditEvent::PasswordTried, Outcome::Refused, now);
        let mut work = self.app().store().begin().await?;
        work.audit(AuditEntry { account: Some(account.id), detail: why, ..entry }).await?;
        work.commit().await?;
        Err(Refusal::SignInFailed)
    }
}
