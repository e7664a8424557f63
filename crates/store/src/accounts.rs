//! Accounts, passwords and passkeys.

use async_trait::async_trait;
use domain::{Account, AccountId, AccountState, CredentialId, Passkey, PasswordHash, Timestamp};

use crate::{Page, Result};

/// Reads.
#[async_trait]
pub trait Accounts: Send {
    /// The account with this id.
    async fn account(&mut self, id: &AccountId) -> Result<Option<Account>>;

    /// The account with this folded user name, its password if it has one, and how many wrong passwords
    /// came in a row since the last right one. One statement.
    async fn account_for_password(
        &mut self,
        username_key: &str,
    ) -> Result<Option<(Account, Option<PasswordHash>, u32)>>;

    /// The account with this folded user name.
    async fn account_by_username(&mut self, username_key: &str) -> Result<Option<Account>>;

    /// The account with this WebAuthn user handle.
    async fn account_by_handle(&mut self, handle: &[u8; 16]) -> Result<Option<Account>>;

    /// Accounts in the order of their folded user names; the page key is that name.
    async fn accounts(&mut self, page: Page<'_>) -> Result<Vec<Account>>;

    /// Whether there is any account at all.
    async fn has_accounts(&mut self) -> Result<bool>;

    /// The passkey with this WebAuthn credential id.
    async fn passkey(&mut self, credential_id: &[u8]) -> Result<Option<Passkey>>;

    /// All passkeys of an account, oldest first (at most 100).
    async fn passkeys(&mut self, account: &AccountId) -> Result<Vec<Passkey>>;
}

/// Writes.
#[async_trait]
pub trait EditAccounts: Accounts {
    /// Adds an account with its own roles, in no group. `Conflict("username")` when the folded name is taken
    /// or another one looks the same (UTS 39).
    async fn add_account(&mut self, account: &Account) -> Result<()>;

    /// Sets the state; `false` when there is no such account or nothing changed.
    async fn set_account_state(
        &mut self,
        id: &AccountId,
        state: AccountState,
        now: Timestamp,
    ) -> Result<bool>;

    /// Sets or replaces the password and forgets its failures. Who adds a session to the account meanwhile is
    /// waited for, so that this unit can end it.
    async fn set_password(&mut self, hash: &PasswordHash) -> Result<()>;

    /// Keeps another hash of the same password; `false`, and nothing changed, when `old` is its hash no more.
    async fn rehash_password(&mut self, account: &AccountId, old: &str, new: &str) -> Result<bool>;

    /// Counts one more wrong password in a row; answers the new count (0 if there is no password).
    async fn count_wrong_password(&mut self, account: &AccountId) -> Result<u32>;

    /// Forgets wrong passwords after a right one.
    async fn forget_wrong_passwords(&mut self, account: &AccountId) -> Result<()>;

    /// Adds a passkey. `Conflict("passkey")` when the credential id is known already.
    async fn add_passkey(&mut self, passkey: &Passkey) -> Result<()>;

    /// Keeps the passkey's new state (counter, flags) and when it was used.
    async fn passkey_used(&mut self, id: &CredentialId, passkey: &str, now: Timestamp) -> Result<bool>;

    /// Keeps the one-time hash that lets the first administrator in, in place of one that was not taken:
    /// `false` when one was taken before.
    async fn offer_admin_setup(&mut self, token_hash: &domain::SecretHash, now: Timestamp) -> Result<bool>;

    /// Takes the one-time hash; `false` when it is not the one or taken already.
    async fn take_admin_setup(&mut self, token_hash: &domain::SecretHash, now: Timestamp) -> Result<bool>;

    /// Makes an account an administrator.
    async fn make_admin(&mut self, account: &AccountId, now: Timestamp) -> Result<()>;
}
