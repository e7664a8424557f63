//! People's accounts: make, list, disable, enable, set a password.

use app::passwords::{self, Surroundings};
use app::{Change, Mandate, Refusal};
use domain::notice::{NoticeBy, NoticeKind};
use domain::{
    Account, AccountId, AccountState, AuditEntry, AuditEvent, Outcome, PasswordHash, SessionEnd, SessionId,
    Timestamp, Username,
};
use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::claims::check_claims;
use crate::people::username;
use crate::{Paging, Registry};

/// An account to be made.
#[derive(Debug, Default)]
pub struct NewUser {
    /// As its owner will write it.
    pub username: String,
    /// Becomes the claim `email`.
    pub email: Option<String>,
    /// Claims of OpenID Connect Core §5.1 and others.
    pub claims: Map<String, Value>,
    /// None: the person signs in by passkey or phone, or gets a password later.
    pub password: Option<SecretString>,
}

/// An account ready to be added, and its password's hash.
pub(crate) struct Prepared {
    pub(crate) account: Account,
    pub(crate) phc: Option<String>,
}

impl Registry {
    /// Makes an account for the operator.
    ///
    /// # Errors
    /// `Invalid` names what cannot be kept; `Conflict("username")` when the name is taken.
    pub async fn create_user(&self, new: NewUser) -> Result<Account, Refusal> {
        let Prepared { account, phc } = self.prepare_user(new).await?;
        let now = account.created_at;
        let hash = phc.map(|phc| PasswordHash { account: account.id, phc, changed_at: now });
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            work.add_account(&account).await?;
            if let Some(hash) = &hash {
                work.set_password(hash).await?;
            }
            work.audit(entry(AuditEvent::AccountCreated, &account.id, now, None)).await?;
            Ok(work.commit().await?)
        };
        if let Err(refusal) = self.app.repeatable(deed).await {
            return Err(self.taken(refusal, &account).await);
        }
        tracing::info!(account.id = %account.id, "Account made");
        Ok(account)
    }

    /// Accounts in the order of their names; the next page begins after the last one's `username.key()`.
    ///
    /// # Errors
    /// A page too large, or the store.
    pub async fn users(&self, paging: &Paging) -> Result<Vec<Account>, Refusal> {
        let mut view = self.app.store().read().await?;
        Ok(view.accounts(paging.page()?).await?)
    }

    /// The account with this user name, in any spelling.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn user(&self, username: &str) -> Result<Account, Refusal> {
        let username: Username = username.parse().map_err(|_| Refusal::NotFound)?;
        let mut view = self.app.store().read().await?;
        view.account_by_username(username.key()).await?.ok_or(Refusal::NotFound)
    }

    /// Stops an account: every flow refuses it from now on, and its sessions and their tokens end
    /// (SEC-153). Disabling a disabled account changes nothing.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn disable_user(&self, username: &str) -> Result<Account, Refusal> {
        let account = self.user(username).await?;
        Ok(self.disable_person(&Mandate::operator(), &account.id, None).await?.account)
    }

    /// Lets an account sign in again.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn enable_user(&self, username: &str) -> Result<Account, Refusal> {
        let account = self.user(username).await?;
        Ok(self.enable_person(&Mandate::operator(), &account.id).await?.account)
    }

    /// Sets or replaces an account's password for the operator, ends its sessions and tells its owner. Administrators
    /// start a reset instead: they neither choose nor see a password (SEC-185).
    ///
    /// # Errors
    /// `NotFound`, or `Invalid` for a password that may not be one.
    pub async fn set_password(&self, username: &str, password: &SecretString) -> Result<Account, Refusal> {
        let account = self.user(username).await?;
        let phc = self.hash(&account, password).await?;
        let now = self.app.now();
        let hash = PasswordHash { account: account.id, phc, changed_at: now };
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            work.set_password(&hash).await?;
            let ended = work.end_sessions_of_account(&account.id, SessionEnd::EndedByAdmin, now).await?;
            work.audit(entry(AuditEvent::AccountChanged, &account.id, now, Some("password set"))).await?;
            audit_ended(&mut *work, &account.id, &ended, now).await?;
            let kind = NoticeKind::PasswordChanged { by: NoticeBy::Admin };
            app::notices::post(&self.app, &mut *work, &account, kind, now).await?;
            work.commit().await?;
            Ok(ended)
        };
        let ended = self.app.repeatable(deed).await?;
        self.tell_ended(Change::Account(account.id), &ended).await;
        tracing::info!(account.id = %account.id, sessions = ended.len(), "Password set");
        Ok(account)
    }

    /// Checks everything that can be checked without a unit of work, and hashes the password.
    pub(crate) async fn prepare_user(&self, new: NewUser) -> Result<Prepared, Refusal> {
        let username = username(&new.username)?;
        let mut claims = new.claims;
        if let Some(email) = new.email {
            claims.insert("email".to_owned(), Value::String(email));
        }
        check_claims(&claims)?;
        if claims.contains_key("email") {
            claims.entry("email_verified").or_insert(Value::Bool(false));
        }
        let now = self.app.now();
        let account = Account {
            id: self.app.entropy().id(),
            username,
            state: AccountState::Active,
            claims,
            webauthn_handle: uuid::Builder::from_random_bytes(self.app.entropy().bytes::<16>())
                .into_uuid()
                .into_bytes(),
            roles: domain::Roles::NONE,
            groups: Vec::new(),
            language: None,
            created_at: now,
            updated_at: now,
        };
        let phc = match &new.password {
            Some(password) => Some(self.hash(&account, password).await?),
            None => None,
        };
        Ok(Prepared { account, phc })
    }

    /// Of a password that an operator gives this account, by the rule for those (SEC-161, SEC-162).
    pub(crate) async fn hash(&self, account: &Account, password: &SecretString) -> Result<String, Refusal> {
        let mut policy = self.app.policies().now().await?.passwords_of(account);
        // The configuration's floor holds whatever policy was saved.
        let floor = u32::try_from(self.settings.shortest_password).unwrap_or(128);
        policy.shortest = policy.shortest.max(floor);
        let around = Surroundings::of(account, self.app.issuer().host());
        let normal = passwords::given(password, &policy, &around)?;
        self.app.hashing().hash(&normal).await
    }

    /// Tells of a change, and of the sessions that ended with it.
    pub(crate) async fn tell_ended(&self, change: Change, sessions: &[SessionId]) {
        let mut changes = vec![change];
        changes.extend(sessions.iter().copied().map(Change::Session));
        self.app.tell_all(&changes).await;
    }
}

pub(crate) async fn audit_ended(
    work: &mut dyn store::Work,
    account: &AccountId,
    sessions: &[SessionId],
    now: Timestamp,
) -> Result<(), Refusal> {
    for session in sessions {
        let ended = AuditEntry {
            session: Some(*session),
            ..entry(AuditEvent::SessionEnded, account, now, Some("by an administrator"))
        };
        work.audit(ended).await?;
    }
    Ok(())
}

/// The operator's deed.
fn entry(event: AuditEvent, account: &AccountId, now: Timestamp, detail: Option<&str>) -> AuditEntry {
    AuditEntry {
        account: Some(*account),
        detail: detail.map(str::to_owned),
        ..Mandate::operator().entry(event, Outcome::Done, now)
    }
}
