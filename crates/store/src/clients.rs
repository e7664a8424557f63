//! Relying parties and what people agreed to give them.

use async_trait::async_trait;
use domain::{AccountId, Client, ClientId, Consent, Timestamp};

use crate::{Page, Result};

/// Reads.
#[async_trait]
pub trait Clients: Send {
    /// The client with this id.
    async fn client(&mut self, id: &ClientId) -> Result<Option<Client>>;

    /// Clients in the order of their ids; the page key is the id.
    async fn clients(&mut self, page: Page<'_>) -> Result<Vec<Client>>;

    /// The remembered consent.
    async fn consent(&mut self, account: &AccountId, client: &ClientId) -> Result<Option<Consent>>;
}

/// Writes.
#[async_trait]
pub trait EditClients: Clients {
    /// Registers a client. `Conflict("client_id")` when the id is taken.
    async fn add_client(&mut self, client: &Client) -> Result<()>;

    /// Removes a client, its consents and its grants; `false` when there is none.
    async fn delete_client(&mut self, id: &ClientId, now: Timestamp) -> Result<bool>;

    /// Keeps a consent in place of the one before.
    async fn keep_consent(&mut self, consent: &Consent) -> Result<()>;
}
