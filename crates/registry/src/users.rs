//! People's accounts: make, list, disable, enable, set a password.

use app::{Change, Refusal};
use domain::{
    Account, AccountId, AccountState, AuditEntry, AuditEvent, Outcome, PasswordHash, SessionEnd, SessionId,
    Timestamp, Username,
};
use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::{Paging, Registry, passwords};

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

/// Claims that the provider makes itself; an account cannot hold them (SEC-127, SEC-145).
const PROTOCOL_CLAIMS: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "nonce",
    "auth_time",
    "acr",
    "amr",
    "azp",
    "sid",
    "at_hash",
    "c_hash",
    "s_hash",
    "cnf",
    "act",
    "may_act",
    "scope",
    "client_id",
    "events",
    "updated_at",
    "typ",
    "token_use",
];
const TEXT_CLAIMS: &[&str] = &[
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "email",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "phone_number",
];
const LONGEST_CLAIMS: usize = 16 * 1024;
const DEEPEST_CLAIM: usize = 8;

impl Registry {
    /// Makes an account.
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
        self.app.repeatable(deed).await?;
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
        let now = self.app.now();
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            let changed = work.set_account_state(&account.id, AccountState::Disabled, now).await?;
            let ended = work.end_sessions_of_account(&account.id, SessionEnd::EndedByAdmin, now).await?;
            if changed {
                work.audit(entry(AuditEvent::AccountChanged, &account.id, now, Some("disabled"))).await?;
            }
            audit_ended(&mut *work, &account.id, &ended, now).await?;
            work.commit().await?;
            Ok(ended)
        };
        let ended = self.app.repeatable(deed).await?;
        self.tell_ended(Change::Account(account.id), &ended).await;
        tracing::info!(account.id = %account.id, sessions = ended.len(), "Account disabled");
        Ok(Account { state: AccountState::Disabled, ..account })
    }

    /// Lets an account sign in again.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn enable_user(&self, username: &str) -> Result<Account, Refusal> {
        let account = self.user(username).await?;
        let now = self.app.now();
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            if work.set_account_state(&account.id, AccountState::Active, now).await? {
                work.audit(entry(AuditEvent::AccountChanged, &account.id, now, Some("enabled"))).await?;
            }
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        self.app.tell(Change::Account(account.id)).await;
        tracing::info!(account.id = %account.id, "Account enabled");
        Ok(Account { state: AccountState::Active, ..account })
    }

    /// Sets or replaces an account's password and ends its sessions.
    ///
    /// # Errors
    /// `NotFound`, or `Invalid` for a password that may not be one.
    pub async fn set_password(&self, username: &str, password: &SecretString) -> Result<Account, Refusal> {
        let account = self.user(username).await?;
        let phc = self.hash(password).await?;
        let now = self.app.now();
        let hash = PasswordHash { account: account.id, phc, changed_at: now };
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            work.set_password(&hash).await?;
            let ended = work.end_sessions_of_account(&account.id, SessionEnd::EndedByAdmin, now).await?;
            work.audit(entry(AuditEvent::AccountChanged, &account.id, now, Some("password set"))).await?;
            audit_ended(&mut *work, &account.id, &ended, now).await?;
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
        let username: Username = new.username.parse().map_err(|_| Refusal::Invalid {
            field: "username",
            why: "1 to 128 plain characters without white space",
        })?;
        let mut claims = new.claims;
        if let Some(email) = new.email {
            claims.insert("email".to_owned(), Value::String(email));
        }
        check_claims(&claims)?;
        if claims.contains_key("email") {
            claims.entry("email_verified").or_insert(Value::Bool(false));
        }
        let phc = match &new.password {
            Some(password) => Some(self.hash(password).await?),
            None => None,
        };
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
        Ok(Prepared { account, phc })
    }

    pub(crate) async fn hash(&self, password: &SecretString) -> Result<String, Refusal> {
        let normal = passwords::to_hash(password, self.settings.shortest_password)?;
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

fn entry(event: AuditEvent, account: &AccountId, now: Timestamp, detail: Option<&str>) -> AuditEntry {
    AuditEntry {
        account: Some(*account),
        detail: detail.map(str::to_owned),
        ..AuditEntry::new(event, Outcome::Done, now)
    }
}

/// Whether these claims may be kept of an account.
fn check_claims(claims: &Map<String, Value>) -> Result<(), Refusal> {
    let refuse = |why: &'static str| Err(Refusal::Invalid { field: "claims", why });
    for (name, value) in claims {
        if PROTOCOL_CLAIMS.contains(&name.as_str()) {
            return refuse("names a claim that only the provider makes, such as sub or iss");
        }
        if name.is_empty() || name.len() > 100 || !name.chars().all(domain::text::is_plain) {
            return refuse("has a claim name that is empty, too long or not plain");
        }
        if depth(value) > DEEPEST_CLAIM {
            return refuse("is nested too deeply");
        }
        if TEXT_CLAIMS.contains(&name.as_str()) && !value.as_str().is_some_and(is_showable) {
            return refuse("has a claim that has to be one line of text and is not");
        }
        if matches!(name.as_str(), "email_verified" | "phone_number_verified") && !value.is_boolean() {
            return refuse("has email_verified or phone_number_verified that is neither true nor false");
        }
        if name == "address" && !value.is_object() {
            return refuse("has an address that is not an object (OpenID Connect Core §5.1.1)");
        }
    }
    if let Some(email) = claims.get("email").and_then(Value::as_str)
        && !is_email(email)
    {
        return Err(Refusal::Invalid { field: "email", why: "is no mail address" });
    }
    let size = serde_json::to_vec(claims).map_or(usize::MAX, |bytes| bytes.len());
    if size > LONGEST_CLAIMS {
        return refuse("is larger than 16 kB");
    }
    Ok(())
}

fn is_showable(text: &str) -> bool {
    domain::text::plain_line(text, 1000).is_ok()
}

fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else { return false };
    text.len() <= 254
        && !local.is_empty()
        && local.len() <= 64
        && !host.is_empty()
        && !text.contains(char::is_whitespace)
        && text.chars().all(domain::text::is_plain)
        && !host.starts_with('.')
        && !host.ends_with('.')
        && !local.contains('@')
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(value: &Value) -> Result<(), Refusal> {
        check_claims(value.as_object().unwrap())
    }

    #[test]
    fn sec_127_an_account_cannot_hold_protocol_claims() {
        for name in PROTOCOL_CLAIMS {
            let mut claims = Map::new();
            claims.insert((*name).to_owned(), json!("x"));
            assert!(check_claims(&claims).is_err(), "{name}");
        }
    }

    #[test]
    fn claims_have_the_types_of_the_specification() {
        assert!(check(&json!({"name": "Ada", "email": "ada@example.org", "email_verified": true})).is_ok());
        assert!(check(&json!({"groups": ["a", "b"], "address": {"locality": "Berlin"}})).is_ok());
        for bad in [
            json!({"name": 7}),
            json!({"name": "a\u{202E}b"}),
            json!({"email": "nobody"}),
            json!({"email": "a b@example.org"}),
            json!({"email_verified": "yes"}),
            json!({"address": "Berlin"}),
            json!({"": 1}),
            json!({"x": [[[[[[[[1]]]]]]]]}),
            json!({"x": "y".repeat(17_000)}),
        ] {
            assert!(check(&bad).is_err(), "{bad}");
        }
    }
}
