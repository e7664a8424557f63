//! Relying parties: register, change, list, delete; and rights to register them.
//!
//! Owns: the operator's use cases, making secrets. Not here: RFC 7591 JSON (`oidc::registration`), clients that
//! register themselves (`provider`).

pub mod initial;
pub mod services;
#[cfg(test)]
mod tests;

use app::{Change, Mandate, Refusal};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{
    AuditEntry, AuditEvent, Client, ClientAuthMethod, ClientId, Cursor, Outcome, Permissions, SecretHash,
};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::{Paging, Registry};

/// A given secret is at least this long (SEC-196).
const SHORTEST_SECRET: usize = 32;
const LONGEST_SECRET: usize = 512;
/// What secrets that check an HMAC are sealed for; `provider` opens them. The client's id is associated data.
const CLIENT_SECRET: &str = "client secret";

/// A registered client and, this once, its secret.
#[derive(Debug)]
pub struct Registered {
    /// The client as it is kept.
    pub client: Client,
    /// Shown now and never again (SEC-183); none for a public client.
    pub secret: Option<SecretString>,
}

impl Registry {
    /// An id for a client that wants none of its own.
    ///
    /// # Errors
    /// Never in practice: 23 letters of base64url are an id.
    pub fn new_client_id(&self) -> Result<ClientId, Refusal> {
        // A letter first: on a command line nobody takes it for an option.
        let random = format!("c{}", URL_SAFE_NO_PAD.encode(self.app.entropy().bytes::<16>()));
        random.parse().map_err(|_| Refusal::Corrupt("a random client id is none".to_owned()))
    }

    /// Registers a relying party for the operator: [`Registry::create_client_by`].
    ///
    /// # Errors
    /// [`ClientRefused`].
    pub async fn create_client(
        &self,
        client: Client,
        secret: Option<SecretString>,
    ) -> Result<Registered, ClientRefused> {
        self.create_client_by(&Mandate::operator(), client, secret).await
    }

    /// Registers a relying party. A confidential one gets the given secret, else one of 256 random bits. Scopes that
    /// open the administration are for those who hold what they open (SEC-181).
    ///
    /// # Errors
    /// [`ClientRefused`].
    pub async fn create_client_by(
        &self,
        by: &Mandate,
        mut client: Client,
        secret: Option<SecretString>,
    ) -> Result<Registered, ClientRefused> {
        must_hold_scopes(by, &client)?;
        services::check(&client)?;
        let secret = self.secret_for(&client, secret)?;
        self.set_secret(&mut client, secret.as_ref())?;
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            work.add_client(&client).await?;
            work.audit(self.client_entry(by, AuditEvent::ClientCreated, &client.id)).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        self.app.tell(Change::Client(client.id.clone())).await;
        tracing::info!(client.id = %client.id, "Client registered");
        Ok(Registered { client, secret })
    }

    /// Puts a registration in place of the one before for the operator: [`Registry::update_client_by`].
    ///
    /// # Errors
    /// [`ClientRefused`]; `NotFound` when there is none with this id.
    pub async fn update_client(
        &self,
        client: Client,
        secret: Option<SecretString>,
    ) -> Result<Registered, ClientRefused> {
        self.update_client_by(&Mandate::operator(), client, secret, None).await
    }

    /// Puts a registration in place of the one before, whose version was `seen`. A client that needs a secret and comes
    /// without the hash of one gets a new one, and so does any whose secret is given.
    ///
    /// # Errors
    /// [`ClientRefused`]; `NotFound` when there is none with this id; `Outdated`; `Forbidden` where the client's scopes,
    /// before or after, open more of the administration than the caller holds (SEC-181).
    pub async fn update_client_by(
        &self,
        by: &Mandate,
        mut client: Client,
        secret: Option<SecretString>,
        seen: Option<i64>,
    ) -> Result<Registered, ClientRefused> {
        must_hold_scopes(by, &client)?;
        services::check(&client)?;
        let keeps = secret.is_none() && client.secret_hash.is_some() == client.auth_method.has_secret();
        let secret = if keeps { None } else { self.secret_for(&client, secret)? };
        if !keeps {
            self.set_secret(&mut client, secret.as_ref())?;
        }
        self.put_client(by, &client, AuditEvent::ClientChanged, seen).await?;
        Ok(Registered { client, secret })
    }

    /// Gives a client a new secret in place of the one before, which is good no more.
    ///
    /// # Errors
    /// [`ClientRefused`]; `NotFound`; `Forbidden` as in [`Registry::update_client_by`].
    pub async fn replace_secret(&self, by: &Mandate, id: &str) -> Result<Registered, ClientRefused> {
        let mut client = self.client(id).await?;
        if !client.auth_method.has_secret() {
            return Err(ClientRefused::Secret("a client with this authentication method has none"));
        }
        let seen = client_version(&client);
        let secret = self.secret_for(&client, None)?;
        self.set_secret(&mut client, secret.as_ref())?;
        self.put_client(by, &client, AuditEvent::ClientSecretReplaced, Some(seen)).await?;
        Ok(Registered { client, secret })
    }

    /// Lets a client be used, or stops it: while it is stopped its tokens are good no more.
    ///
    /// # Errors
    /// `NotFound`; `Outdated`; `Forbidden` as in [`Registry::update_client_by`].
    pub async fn enable_client(
        &self,
        by: &Mandate,
        id: &str,
        is_enabled: bool,
        seen: Option<i64>,
    ) -> Result<Client, Refusal> {
        let before = self.client(id).await?;
        let seen = seen.unwrap_or_else(|| client_version(&before));
        let client = Client { is_enabled, ..before };
        self.put_client(by, &client, AuditEvent::ClientChanged, Some(seen)).await?;
        Ok(client)
    }

    async fn put_client(
        &self,
        by: &Mandate,
        client: &Client,
        event: AuditEvent,
        seen: Option<i64>,
    ) -> Result<(), Refusal> {
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            let before = work.client(&client.id).await?.ok_or(Refusal::NotFound)?;
            must_hold_scopes(by, &before)?;
            must_be_seen(&before, seen)?;
            if !work.update_client(client).await? {
                return Err(Refusal::NotFound);
            }
            work.audit(self.client_entry(by, event, &client.id)).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        self.app.tell(Change::Client(client.id.clone())).await;
        tracing::info!(client.id = %client.id, "Client changed");
        Ok(())
    }

    /// Keeps a secret as its hash (SEC-115); sealed only where it has to check an HMAC.
    fn set_secret(&self, client: &mut Client, secret: Option<&SecretString>) -> Result<(), Refusal> {
        client.secret_hash = secret.map(hash_secret);
        client.metadata.sealed_secret = match secret {
            Some(secret) if client.auth_method == ClientAuthMethod::ClientSecretJwt => {
                let sealer = self.app.lasting_sealer(CLIENT_SECRET)?;
                Some(sealer.try_seal(client.id.as_str().as_bytes(), secret.expose_secret().as_bytes())?)
            }
            _ => None,
        };
        Ok(())
    }

    /// The client with this id.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn client(&self, id: &str) -> Result<Client, Refusal> {
        let id: ClientId = id.parse().map_err(|_| Refusal::NotFound)?;
        self.app.store().read().await?.client(&id).await?.ok_or(Refusal::NotFound)
    }

    /// Clients in the order of their ids; the next page begins after the last one's id.
    ///
    /// # Errors
    /// A page too large, or the store.
    pub async fn clients(&self, paging: &Paging) -> Result<Vec<Client>, Refusal> {
        Ok(self.app.store().read().await?.clients(paging.page()?).await?)
    }

    /// Clients whose id or name holds `text`, in the order of their ids, which are the cursor's.
    ///
    /// # Errors
    /// The store.
    pub async fn find_clients(
        &self,
        text: &str,
        is_enabled: Option<bool>,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Vec<Client>, Refusal> {
        Ok(self.app.store().read().await?.find_clients(text, is_enabled, after, limit).await?)
    }

    /// Removes a client for the operator: [`Registry::delete_client_by`].
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete_client(&self, id: &str) -> Result<(), Refusal> {
        self.delete_client_by(&Mandate::operator(), id, None).await
    }

    /// Removes a client with its consents and grants: its tokens end.
    ///
    /// # Errors
    /// `NotFound`; `Outdated` when its version is not `seen`; `Forbidden` as in [`Registry::update_client_by`].
    pub async fn delete_client_by(&self, by: &Mandate, id: &str, seen: Option<i64>) -> Result<(), Refusal> {
        let id: ClientId = id.parse().map_err(|_| Refusal::NotFound)?;
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            let before = work.client(&id).await?.ok_or(Refusal::NotFound)?;
            must_hold_scopes(by, &before)?;
            must_be_seen(&before, seen)?;
            if !work.delete_client(&id, self.app.now()).await? {
                return Err(Refusal::NotFound);
            }
            work.audit(self.client_entry(by, AuditEvent::ClientDeleted, &id)).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        self.app.tell(Change::Client(id.clone())).await;
        tracing::info!(client.id = %id, "Client deleted");
        Ok(())
    }

    fn secret_for(
        &self,
        client: &Client,
        given: Option<SecretString>,
    ) -> Result<Option<SecretString>, ClientRefused> {
        if !client.auth_method.has_secret() {
            return match given {
                None => Ok(None),
                Some(_) => Err(ClientRefused::Secret("a client with this authentication method has none")),
            };
        }
        let Some(given) = given else {
            return Ok(Some(SecretString::from(URL_SAFE_NO_PAD.encode(self.app.entropy().bytes::<32>()))));
        };
        let text = given.expose_secret();
        let is_good = (SHORTEST_SECRET..=LONGEST_SECRET).contains(&text.len())
            && text.bytes().all(|b| (0x20..0x7f).contains(&b));
        if is_good {
            Ok(Some(given))
        } else {
            Err(ClientRefused::Secret("has to be 32 to 512 ASCII characters"))
        }
    }

    fn client_entry(&self, by: &Mandate, event: AuditEvent, id: &ClientId) -> AuditEntry {
        AuditEntry { client: Some(id.clone()), ..by.entry(event, Outcome::Done, self.app.now()) }
    }
}

/// The version of a registration: a number that another registration has not. What is kept has no counter, so it is
/// made of the registration itself, secret and all (59 bits of its SHA-256).
#[must_use]
pub fn client_version(client: &Client) -> i64 {
    let text = serde_json::to_vec(client).unwrap_or_default();
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(Sha256::digest(text));
    i64::from_be_bytes([a, b, c, d, e, f, g, h]).wrapping_shr(5) & ((1 << 58) - 1)
}

fn must_be_seen(client: &Client, seen: Option<i64>) -> Result<(), Refusal> {
    let current = client_version(client);
    if seen.is_none_or(|seen| seen == current) { Ok(()) } else { Err(Refusal::Outdated { current }) }
}

/// Who holds a client can have what its scopes open, so it takes all of that to touch it (SEC-181).
fn must_hold_scopes(by: &Mandate, client: &Client) -> Result<(), Refusal> {
    let opens = Permissions::of_scopes(&client.scopes.join(" "));
    if by.permissions.contain(opens) { Ok(()) } else { Err(Refusal::Forbidden) }
}

/// What is kept in a secret's place (SEC-115).
#[must_use]
pub fn hash_secret(secret: &SecretString) -> SecretHash {
    SecretHash(Sha256::digest(secret.expose_secret().as_bytes()).into())
}

/// Why a client was not registered.
#[derive(Debug, thiserror::Error)]
pub enum ClientRefused {
    /// The given secret cannot be taken.
    #[error("client_secret: {0}")]
    Secret(&'static str),
    /// What it is as a service of CAS cannot be taken.
    #[error("{member}: {why}")]
    Service {
        /// Which member of its registration.
        member: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The id is taken, or a port failed.
    #[error("{0}")]
    Refused(Refusal),
}

impl From<Refusal> for ClientRefused {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
