//! Relying parties: register, change, list, delete; and rights to register them.
//!
//! Owns: the operator's use cases, making secrets. Not here: RFC 7591 JSON (`oidc::registration`), clients that
//! register themselves (`provider`).

pub mod initial;
#[cfg(test)]
mod tests;

use app::{Change, Refusal};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{AuditEntry, AuditEvent, Client, ClientAuthMethod, ClientId, Outcome, SecretHash};
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
    /// Never in practice: 22 letters of base64url are an id.
    pub fn new_client_id(&self) -> Result<ClientId, Refusal> {
        let random = URL_SAFE_NO_PAD.encode(self.app.entropy().bytes::<16>());
        random.parse().map_err(|_| Refusal::Corrupt("a random client id is none".to_owned()))
    }

    /// Registers a relying party. A confidential one gets the given secret, else one of 256 random bits.
    ///
    /// # Errors
    /// [`ClientRefused`].
    pub async fn create_client(
        &self,
        mut client: Client,
        secret: Option<SecretString>,
    ) -> Result<Registered, ClientRefused> {
        let secret = self.secret_for(&client, secret)?;
        self.set_secret(&mut client, secret.as_ref())?;
        self.add_client(&client).await?;
        tracing::info!(client.id = %client.id, "Client registered");
        Ok(Registered { client, secret })
    }

    /// Puts a registration in place of the one before. A client that needs a secret and comes without the hash of one
    /// gets a new one, and so does any whose secret is given.
    ///
    /// # Errors
    /// [`ClientRefused`]; `NotFound` when there is none with this id.
    pub async fn update_client(
        &self,
        mut client: Client,
        secret: Option<SecretString>,
    ) -> Result<Registered, ClientRefused> {
        let keeps = secret.is_none() && client.secret_hash.is_some() == client.auth_method.has_secret();
        let secret = if keeps { None } else { self.secret_for(&client, secret)? };
        if !keeps {
            self.set_secret(&mut client, secret.as_ref())?;
        }
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            if !work.update_client(&client).await? {
                return Err(Refusal::NotFound);
            }
            work.audit(self.client_entry(AuditEvent::ClientChanged, &client.id)).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        self.app.tell(Change::Client(client.id.clone())).await;
        tracing::info!(client.id = %client.id, "Client changed");
        Ok(Registered { client, secret })
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

    async fn add_client(&self, client: &Client) -> Result<(), Refusal> {
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            work.add_client(client).await?;
            work.audit(self.client_entry(AuditEvent::ClientCreated, &client.id)).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        self.app.tell(Change::Client(client.id.clone())).await;
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

    /// Removes a client with its consents and grants: its tokens end.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete_client(&self, id: &str) -> Result<(), Refusal> {
        let id: ClientId = id.parse().map_err(|_| Refusal::NotFound)?;
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            if !work.delete_client(&id, self.app.now()).await? {
                return Err(Refusal::NotFound);
            }
            work.audit(self.client_entry(AuditEvent::ClientDeleted, &id)).await?;
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

    fn client_entry(&self, event: AuditEvent, id: &ClientId) -> AuditEntry {
        AuditEntry { client: Some(id.clone()), ..AuditEntry::new(event, Outcome::Done, self.app.now()) }
    }
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
    /// The id is taken, or a port failed.
    #[error("{0}")]
    Refused(Refusal),
}

impl From<Refusal> for ClientRefused {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
