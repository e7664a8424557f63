//! API keys: make, list, revoke, and who calls with one (SEC-184).
//!
//! Owns: what a key may be (name, permissions, life, networks), making its secret, checking one. Not here: the key's
//! form (`domain::api_key`), what a permission opens (`web-admin`).
//!
//! Invariant: a key may no more than its maker may at the time of each call; a revoked one is refused by the next
//! statement that reads it, so nothing about keys is cached.

use std::time::Duration;

use app::{Mandate, Refusal, Secret, audit};
use domain::text::plain_line;
use domain::{
    Account, Actor, ApiKey, ApiKeyId, AuditEntry, AuditEvent, ClientAddress, Cursor, ListedApiKey, Network,
    Outcome, Permissions, Timestamp, api_key,
};
use subtle::ConstantTimeEq as _;

use crate::Registry;

/// The longest life.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);
/// Networks that one key may list.
const MOST_NETWORKS: usize = 20;
/// A key's use is noted this often at most.
const TOUCH: Duration = Duration::from_secs(60);

/// A key that was just made.
#[derive(Debug)]
pub struct NewKey {
    /// As it is kept.
    pub key: ApiKey,
    /// Its text, shown now and never again (SEC-183).
    pub text: String,
}

/// What a key is to be.
#[derive(Debug, Clone)]
pub struct KeyAsked {
    /// What it is for.
    pub name: String,
    /// What it may.
    pub permissions: Permissions,
    /// How long.
    pub life: Duration,
    /// From where; empty: from anywhere.
    pub networks: Vec<Network>,
}

impl Registry {
    /// Makes a key. It may no more than its maker (SEC-181), who is a person or the operator: a key made by a key or by a
    /// client would outlive what its maker was given, in time, networks and revocation (SEC-184).
    ///
    /// # Errors
    /// `Invalid`; `Forbidden` for permissions that the maker has not, and for makers that are keys or clients.
    pub async fn create_api_key(&self, by: &Mandate, asked: KeyAsked) -> Result<NewKey, Refusal> {
        if !matches!(by.actor, Actor::Account(_) | Actor::Operator) {
            return Err(Refusal::Forbidden);
        }
        let invalid = |field, why| Refusal::Invalid { field, why };
        let name = plain_line(&asked.name, 80)
            .map_err(|_| invalid("name", "has to be one plain line of 1 to 80 characters"))?;
        if asked.permissions.is_empty() {
            return Err(invalid("permissions", "has to hold at least one"));
        }
        if !by.permissions.contain(asked.permissions) {
            return Err(Refusal::Forbidden);
        }
        if asked.life.is_zero() || asked.life > LONGEST {
            return Err(invalid("days", "has to be a number from 1 to 366"));
        }
        if asked.networks.len() > MOST_NETWORKS {
            return Err(invalid("networks", "holds more than 20"));
        }
        let (now, secret) = (self.app.now(), self.app.entropy().secret());
        let key = ApiKey {
            id: self.app.entropy().id(),
            name,
            account: by.account,
            permissions: asked.permissions,
            networks: asked.networks,
            created_at: now,
            expires_at: now.after(asked.life),
            last_used_at: None,
            last_address: None,
            revoked_at: None,
        };
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            work.add_api_key(&key, &secret.hash()).await?;
            work.audit(key_entry(by, AuditEvent::ApiKeyCreated, &key, now)).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        tracing::info!(key.id = %key.id, "API key made");
        let text = api_key::text(&key.id, &secret.text());
        Ok(NewKey { key, text })
    }

    /// Keys, newest first; revoked and ended ones too.
    ///
    /// # Errors
    /// The store.
    pub async fn api_keys(&self, after: Option<&Cursor>, limit: u32) -> Result<Vec<ListedApiKey>, Refusal> {
        Ok(self.app.store().read().await?.api_keys(after, limit).await?)
    }

    /// One key.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn api_key(&self, id: &ApiKeyId) -> Result<ApiKey, Refusal> {
        let found = self.app.store().read().await?.api_key(id).await?;
        found.map(|(key, _)| key).ok_or(Refusal::NotFound)
    }

    /// Revokes a key: the next call with it is refused.
    ///
    /// # Errors
    /// `NotFound`, also when it was revoked before.
    pub async fn revoke_api_key(&self, by: &Mandate, id: &ApiKeyId) -> Result<ApiKey, Refusal> {
        let deed = || async {
            let now = self.app.now();
            let mut work = self.app.store().begin().await?;
            let (key, _) = work.api_key(id).await?.ok_or(Refusal::NotFound)?;
            if !work.revoke_api_key(id, now).await? {
                return Err(Refusal::NotFound);
            }
            work.audit(key_entry(by, AuditEvent::ApiKeyRevoked, &key, now)).await?;
            work.commit().await?;
            Ok(ApiKey { revoked_at: Some(now), ..key })
        };
        let key = self.app.repeatable(deed).await?;
        tracing::info!(key.id = %id, "API key revoked");
        Ok(key)
    }

    /// Who calls with this text, from this address, and whose key it is; none if it opens nothing here, whatever the
    /// reason.
    ///
    /// # Errors
    /// The store.
    pub async fn called_with_key(
        &self,
        text: &str,
        address: ClientAddress,
    ) -> Result<Option<(Mandate, Option<Account>)>, Refusal> {
        let Some((id, secret)) = api_key::parse(text) else { return Ok(None) };
        let Some(secret) = Secret::parse(secret) else { return Ok(None) };
        let mut view = self.app.store().read().await?;
        let Some((key, hash)) = view.api_key(&id).await? else { return Ok(None) };
        let account = match &key.account {
            None => None,
            Some(id) => match view.account(id).await? {
                Some(account) if account.is_active() => Some(account),
                _ => return Ok(None),
            },
        };
        drop(view);
        let now = self.app.now();
        if !bool::from(secret.hash().0.ct_eq(&hash.0)) || !key.is_good(now, address) {
            return Ok(None);
        }
        self.touch_api_key(&key, address, now);
        let held = account.as_ref().map_or_else(Permissions::all, |account| Permissions::of(account.roles));
        let mandate = Mandate {
            actor: Actor::ApiKey(key.id),
            account: key.account,
            permissions: key.permissions.common(held),
            address: Some(address),
            is_fresh: true,
        };
        Ok(Some((mandate, account)))
    }

    /// Nobody waits for the note.
    fn touch_api_key(&self, key: &ApiKey, address: ClientAddress, now: Timestamp) {
        if key.last_used_at.is_some_and(|at| now.since(at) < TOUCH) {
            return;
        }
        let (app, id, account) = (self.app.clone(), key.id, key.account);
        tokio::spawn(async move {
            let noted = async {
                let mut work = app.store().begin().await?;
                work.touch_api_key(&id, &address.to_string(), now).await?;
                work.audit(AuditEntry {
                    account,
                    ..audit::of(&Actor::ApiKey(id), Some(address), AuditEvent::ApiKeyUsed, Outcome::Done, now)
                })
                .await?;
                work.commit().await
            };
            if let Err(error) = noted.await {
                tracing::warn!(%error, key.id = %id, "Use of an API key was not noted");
            }
        });
    }
}

fn key_entry(by: &Mandate, event: AuditEvent, key: &ApiKey, now: Timestamp) -> AuditEntry {
    AuditEntry {
        account: key.account,
        detail: audit::detail(&format!("{} {}", key.id, key.name)),
        ..by.entry(event, Outcome::Done, now)
    }
}

#[cfg(test)]
mod tests {
    use domain::{Permission, Role, Roles};

    use super::*;
    use crate::tests::registry;

    /// A key that is stolen, ends or is revoked leaves no other one behind.
    #[tokio::test]
    async fn sec_184_no_key_and_no_client_makes_keys() {
        let registry = registry().await;
        let asked = || KeyAsked {
            name: "nightly".to_owned(),
            permissions: Permissions::NONE.with(Permission::UsersRead),
            life: Duration::from_secs(3600),
            networks: Vec::new(),
        };
        let permissions = Permissions::of(Roles::NONE.with(Role::Superadmin));
        for actor in [
            Actor::ApiKey(ApiKeyId::from_random([7; 16])),
            Actor::Client("machine".parse().unwrap()),
            Actor::System,
        ] {
            let by = Mandate { actor, account: None, permissions, address: None, is_fresh: true };
            assert_eq!(registry.create_api_key(&by, asked()).await.unwrap_err(), Refusal::Forbidden);
        }
        assert!(registry.create_api_key(&Mandate::operator(), asked()).await.is_ok());
    }
}
