//! A new password by mail, for who cannot sign in.
//!
//! Owns: asking for the link and using it (SEC-165, SEC-167). Not here: what may be a password and what is written
//! with it (`passwords`), the token (`links`).

use app::notices::{self, confirmed_address};
use app::passwords::{self, Surroundings};
use app::throttle::{key, network};
use app::{Change, Mandate, Refusal, Rule, audit};
use domain::{
    Account, AccountId, Actor, AuditEntry, AuditEvent, ClientAddress, NoticeAction, NoticeBy, NoticeKind,
    Outcome, PasswordHash, PeopleFilter, PeopleOrder, PeoplePage, Permission, SessionEnd, Timestamp,
    Username,
};
use secrecy::SecretString;

use crate::Registry;

/// Accounts of one address that get a mail each.
const SAME_ADDRESS: u32 = 5;

impl Registry {
    /// Somebody cannot sign in and asks for a link: by user name, or by a confirmed address. Who has a password and
    /// such an address gets one; the answer says nothing about that, and does not wait for it (SEC-165).
    ///
    /// # Errors
    /// `TooMany`, the same for names that nobody has.
    pub async fn ask_to_reset(&self, name: &str, from: ClientAddress) -> Result<(), Refusal> {
        let name = domain::text::shown(name, 254);
        let folded = domain::account::search_key(&name);
        let network = network(from);
        self.app.throttle().hit(Rule::ResetAddress, &network).await?;
        self.app.throttle().hit(Rule::ResetName, &key(&[&folded, &network])).await?;
        if self.app.mailer().is_none() || name.is_empty() {
            return Ok(());
        }
        let this = self.clone();
        tokio::spawn(async move {
            if let Err(refusal) = this.offer_reset(&name, from).await {
                tracing::warn!(cause = refusal.cause(), "A link for a new password was not made");
            }
        });
        Ok(())
    }

    async fn offer_reset(&self, name: &str, from: ClientAddress) -> Result<(), Refusal> {
        let mut view = self.app.store().read().await?;
        let mut found: Vec<Account> = Vec::new();
        if let Ok(username) = name.parse::<Username>() {
            found.extend(view.account_by_username(username.key()).await?);
        }
        if found.is_empty() && name.contains('@') {
            let filter = PeopleFilter { text: domain::account::search_key(name), ..PeopleFilter::default() };
            let page = PeoplePage {
                order: PeopleOrder::Username,
                descending: false,
                after: None,
                limit: SAME_ADDRESS,
            };
            let people = view.people(&filter, &page).await?;
            found.extend(people.into_iter().map(|person| person.account));
            found.retain(|account| {
                confirmed_address(account).is_some_and(|have| have.eq_ignore_ascii_case(name))
            });
        }
        drop(view);
        for account in found {
            if !account.is_active() || confirmed_address(&account).is_none() {
                continue;
            }
            // Who signs in by passkey or phone alone is given no password by whoever reads their mail (SEC-167).
            if !self.app.held(&account.id).await?.has_password() {
                continue;
            }
            // Many links are a nuisance for its owner, from wherever they are asked for.
            if self.app.throttle().hit(Rule::ResetMails, &account.id.to_string()).await.is_err() {
                continue;
            }
            self.mail_reset(&account, |now| audit::from(from, AuditEvent::PasswordReset, Outcome::Done, now))
                .await?;
        }
        Ok(())
    }

    /// An administrator sends somebody a link for a new password, to the confirmed address. The password so far counts
    /// until the link was used.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden`, also for an account that may do more than who asks (SEC-181); `Conflict`: `mail_off`,
    /// `state` (the account is disabled), `email` (no confirmed address), `no_password` (it signs in by something else).
    pub async fn send_reset(&self, by: &Mandate, account: &AccountId) -> Result<(), Refusal> {
        by.must(Permission::UsersLock)?;
        if self.app.mailer().is_none() {
            return Err(Refusal::Conflict("mail_off"));
        }
        let found = self.app.store().read().await?.account(account).await?.ok_or(Refusal::NotFound)?;
        if !found.is_active() {
            return Err(Refusal::Conflict("state"));
        }
        by.must_hold(found.roles)?;
        if confirmed_address(&found).is_none() {
            return Err(Refusal::Conflict("email"));
        }
        let held = self.app.held(&found.id).await?;
        if !held.has_password() && held.other_since.is_some() {
            return Err(Refusal::Conflict("no_password"));
        }
        self.mail_reset(&found, |now| by.entry(AuditEvent::PasswordReset, Outcome::Done, now)).await
    }

    /// The mail with the link, in place of any before it, and the entry that says who asked for it.
    async fn mail_reset(
        &self,
        account: &Account,
        entry: impl Fn(Timestamp) -> AuditEntry,
    ) -> Result<(), Refusal> {
        let deed = || async {
            let now = self.app.now();
            let mut work = self.app.store().begin().await?;
            let kind = NoticeKind::PasswordResetAsked;
            work.void_notices(&account.id, kind.as_str(), now).await?;
            notices::post(&self.app, &mut *work, account, kind, now).await?;
            work.audit(AuditEntry {
                account: Some(account.id),
                detail: audit::detail("asked for"),
                ..entry(now)
            })
            .await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await
    }

    /// Sets the password that the owner of a link chose, and ends all sessions. Nobody is signed in by it: the person
    /// signs in with it, and with every other factor that is asked for.
    ///
    /// # Errors
    /// `Gone`; `Invalid("password")`: another one may be tried with the same link.
    pub async fn reset_password(
        &self,
        token: &str,
        password: &SecretString,
        from: ClientAddress,
    ) -> Result<(), Refusal> {
        let (notice, action) = self.open(token, |action| action == NoticeAction::ResetPassword, from).await?;
        let mut view = self.app.store().read().await?;
        let account = view.account(&notice.account).await?.filter(Account::is_active).ok_or(Refusal::Gone)?;
        let held = view.factors_held(&account.id).await?.ok_or(Refusal::Gone)?;
        drop(view);
        if !held.has_password() && held.other_since.is_some() {
            return Err(Refusal::Gone);
        }
        let phc = self.chosen_hash(&account, password).await?;
        let deed = || async {
            let now = self.app.now();
            let mut work = self.app.store().begin().await?;
            let since = super::since(now, action.life_seconds());
            let taken = work.act_on_notice(&notice.id, since, now).await?.ok_or(Refusal::Gone)?;
            let account =
                work.account(&taken.account).await?.filter(Account::is_active).ok_or(Refusal::Gone)?;
            work.set_password(&PasswordHash { account: account.id, phc: phc.clone(), changed_at: now })
                .await?;
            let ended = work.end_sessions_of_account(&account.id, SessionEnd::SignedOut, now).await?;
            let kind = NoticeKind::PasswordChanged { by: NoticeBy::Owner };
            notices::post(&self.app, &mut *work, &account, kind, now).await?;
            // No link of before counts for the account any more: nor one to an address that somebody else asked for.
            for kind in [notice.kind.as_str(), notices::CONFIRM_EMAIL] {
                work.void_notices(&account.id, kind, now).await?;
            }
            let by = Actor::Account(account.id);
            work.audit(AuditEntry {
                account: Some(account.id),
                detail: audit::detail("done"),
                ..audit::of(&by, Some(from), AuditEvent::PasswordReset, Outcome::Done, now)
            })
            .await?;
            work.commit().await?;
            Ok(ended)
        };
        let ended = self.app.repeatable(deed).await?;
        self.tell_ended(Change::Account(account.id), &ended).await;
        Ok(())
    }

    /// Hashed outside the unit, after the rule for passwords that their owner chooses.
    async fn chosen_hash(&self, account: &Account, password: &SecretString) -> Result<String, Refusal> {
        let policy = self.app.policies().now().await?.passwords_of(account);
        let held = self.app.store().read().await?.factors_held(&account.id).await?;
        let has_other = held.is_some_and(|held| held.has_other_factor());
        let around = Surroundings::of(account, self.app.issuer().host());
        let normal = passwords::chosen(password, &policy, &around, has_other)?;
        self.app.hashing().hash(&normal).await
    }
}
