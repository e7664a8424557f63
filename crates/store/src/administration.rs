//! API keys; sessions, consents and clients as an administrator finds them.

use async_trait::async_trait;
use domain::{
    AccountId, ApiKey, ApiKeyId, Client, ClientId, Cursor, ListedApiKey, ListedConsent, ListedSession,
    SecretHash, SessionFilter, Timestamp,
};

use crate::Result;

/// Reads.
#[async_trait]
pub trait Administration: Send {
    /// The API key with this id and the hash of its secret; revoked and expired ones too.
    async fn api_key(&mut self, id: &ApiKeyId) -> Result<Option<(ApiKey, SecretHash)>>;

    /// API keys, newest first; the cursor's key is when they were made, in milliseconds.
    async fn api_keys(&mut self, after: Option<&Cursor>, limit: u32) -> Result<Vec<ListedApiKey>>;

    /// Living sessions, newest first; the cursor's key is when they began, in milliseconds.
    async fn find_sessions(
        &mut self,
        filter: &SessionFilter,
        after: Option<&Cursor>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<ListedSession>>;

    /// Consents, newest first; the cursor's key is when they were given, in milliseconds, and its id is the account's id,
    /// a space, and the client's.
    async fn find_consents(
        &mut self,
        account: Option<&AccountId>,
        client: Option<&ClientId>,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Vec<ListedConsent>>;

    /// Clients whose id or name holds `text` (without regard to case of ASCII letters), in the order of their ids, which
    /// are the cursor's id.
    async fn find_clients(
        &mut self,
        text: &str,
        is_enabled: Option<bool>,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Vec<Client>>;
}

/// Writes.
#[async_trait]
pub trait EditAdministration: Administration {
    /// Adds an API key.
    async fn add_api_key(&mut self, key: &ApiKey, secret: &SecretHash) -> Result<()>;

    /// Revokes an API key; `false` when there is none or it was revoked before.
    async fn revoke_api_key(&mut self, id: &ApiKeyId, now: Timestamp) -> Result<bool>;

    /// Revokes all API keys that an account made; answers how many were not revoked before.
    async fn revoke_api_keys_of(&mut self, account: &AccountId, now: Timestamp) -> Result<u64>;

    /// Notes that an API key was used.
    async fn touch_api_key(&mut self, id: &ApiKeyId, address: &str, now: Timestamp) -> Result<()>;
}
