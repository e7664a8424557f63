//! Our keys as kept, and marks that nodes agree on.

use async_trait::async_trait;
use domain::{KeyRecord, KeyState, Timestamp};

use crate::Result;

/// Reads.
#[async_trait]
pub trait Keys: Send {
    /// All keys of ours (those that sign and those that decrypt), oldest first. After it was asked in a unit, no other unit changes them until that
    /// one ends: of many nodes that find a key missing, one makes it.
    async fn signing_keys(&mut self) -> Result<Vec<KeyRecord>>;

    /// A setting of the installation: `issuer`, `wrapping_key_check`.
    async fn setting(&mut self, name: &str) -> Result<Option<String>>;
}

/// Writes.
#[async_trait]
pub trait EditKeys: Keys {
    /// Adds a key.
    async fn add_signing_key(&mut self, key: &KeyRecord) -> Result<()>;

    /// Moves a key to a state.
    async fn move_signing_key(&mut self, kid: &str, to: KeyState, now: Timestamp) -> Result<bool>;

    /// Puts another sealed form of the same key in place: the wrapping key was replaced. `false` when there is none.
    async fn reseal_signing_key(&mut self, kid: &str, sealed: &[u8]) -> Result<bool>;

    /// Removes a key for good.
    async fn delete_signing_key(&mut self, kid: &str) -> Result<bool>;

    /// Keeps a setting unless it is there already; answers what is kept.
    async fn keep_setting(&mut self, name: &str, value: &str) -> Result<String>;

    /// Sets a setting, whatever was kept: an administrator changes what the nodes agreed on.
    async fn replace_setting(&mut self, name: &str, value: &str) -> Result<()>;
}
