//! Relying parties and what people agreed to give them.

use async_trait::async_trait;
use domain::{AccountId, Client, ClientId, Consent, InitialToken, SecretHash, Timestamp};

use crate::{Page, Result};

/// Reads.
#[async_trait]
pub trait Clients: Send {
    /// The client with this id; in a unit nobody else changes it until that is over.
    async fn client(&mut self, id: &ClientId) -> Result<Option<Client>>;

    /// Clients in the order of their ids; the page key is the id.
    async fn clients(&mut self, page: Page<'_>) -> Result<Vec<Client>>;

    /// The clients that are CAS services, enabled or not, in their order, at most `limit` (10,000 and no more).
    async fn cas_services(&mut self, limit: u32) -> Result<Vec<Client>>;

    /// The remembered consent.
    async fn consent(&mut self, account: &AccountId, client: &ClientId) -> Result<Option<Consent>>;

    /// What a person agreed to, with the clients as they are now, in the order of the clients' ids, which are the
    /// page key; in one statement.
    async fn consents_of(&mut self, account: &AccountId, page: Page<'_>) -> Result<Vec<(Consent, Client)>>;

    /// All rights to register clients, newest first, at most `limit`.
    async fn initial_tokens(&mut self, limit: u32) -> Result<Vec<InitialToken>>;
}

/// Writes.
#[async_trait]
pub trait EditClients: Clients {
    /// Registers a client. `Conflict("client_id")` when the id is taken.
    async fn add_client(&mut self, client: &Client) -> Result<()>;

    /// Puts a client's registration in place of the one before, all but `created_at`; `false` when there is none.
    async fn update_client(&mut self, client: &Client) -> Result<bool>;

    /// Removes a client, its consents and its grants; `false` when there is none.
    async fn delete_client(&mut self, id: &ClientId, now: Timestamp) -> Result<bool>;

    /// Keeps a consent in place of the one before.
    async fn keep_consent(&mut self, consent: &Consent) -> Result<()>;

    /// Takes a consent back and revokes all grants of that account to that client (SEC-124); answers whether there
    /// was one. Grants are revoked also where no consent was kept.
    async fn delete_consent(
        &mut self,
        account: &AccountId,
        client: &ClientId,
        now: Timestamp,
    ) -> Result<bool>;

    /// Adds a right to register clients. `Conflict("initial_token")` when its name is taken.
    async fn add_initial_token(&mut self, token: &InitialToken) -> Result<()>;

    /// Takes one use of a right to register clients: of many callers at most `uses_left` are told `true`, and none
    /// after its end.
    async fn spend_initial_token(&mut self, token: &SecretHash, now: Timestamp) -> Result<bool>;

    /// Removes a right to register clients by its name; `false` when there is none.
    async fn delete_initial_token(&mut self, name: &str) -> Result<bool>;
}
