//! Second factors, recovery codes, recoveries, and what an account holds in all.

use async_trait::async_trait;
use domain::{
    AccountId, Actor, CredentialId, Cursor, Held, ListedRecovery, Recovery, RecoveryId, SecretHash,
    SessionEnd, SessionId, Timestamp, Totp,
};

use crate::Result;

/// Which recoveries are wanted.
#[derive(Debug, Clone, Default)]
pub struct RecoveryFilter {
    /// Only this account's.
    pub account: Option<AccountId>,
    /// Only those that are waiting or completed and not over at this time.
    pub open_at: Option<Timestamp>,
}

/// Reads.
#[async_trait]
pub trait Factors: Send {
    /// Everything the account can prove itself with, counted, in one statement; none: there is no such account.
    async fn factors_held(&mut self, account: &AccountId) -> Result<Option<Held>>;

    /// The account's authenticator app.
    async fn totp(&mut self, account: &AccountId) -> Result<Option<Totp>>;

    /// Wrong passwords in a row in the browser with this mark; none: the account has not used it.
    async fn wrong_in_browser(&mut self, account: &AccountId, browser: &SecretHash) -> Result<Option<u32>>;

    /// The recovery with this id.
    async fn recovery(&mut self, id: &RecoveryId) -> Result<Option<Recovery>>;

    /// The completed recovery whose link has this secret and was not used.
    async fn recovery_by_token(&mut self, token: &SecretHash) -> Result<Option<Recovery>>;

    /// Recoveries, newest first, after the one with this time and id; at most `limit`, which adapters cap at 500.
    async fn recoveries(
        &mut self,
        filter: &RecoveryFilter,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Vec<ListedRecovery>>;
}

/// Writes.
#[async_trait]
pub trait EditFactors: Factors {
    /// Whoever changes what the account can prove itself with waits for this unit: what was counted in it still holds
    /// when it takes something away (SEC-174).
    async fn hold_account(&mut self, account: &AccountId) -> Result<()>;

    /// Sets the authenticator app; `false`, and nothing changed, when the account has one.
    async fn add_totp(&mut self, totp: &Totp) -> Result<bool>;

    /// Takes the code of this step: of many callers with the same code one gets `true`, and none with an older code.
    async fn take_totp_step(&mut self, account: &AccountId, step: i64) -> Result<bool>;

    /// Takes the authenticator app away; `false` when there was none.
    async fn remove_totp(&mut self, account: &AccountId) -> Result<bool>;

    /// Puts these recovery codes in place of all earlier ones; none: there are no codes any more.
    async fn replace_recovery_codes(
        &mut self,
        account: &AccountId,
        codes: &[SecretHash],
        now: Timestamp,
    ) -> Result<()>;

    /// Takes a recovery code: of many callers one gets `true` (SEC-086).
    async fn take_recovery_code(
        &mut self,
        account: &AccountId,
        code: &SecretHash,
        now: Timestamp,
    ) -> Result<bool>;

    /// Counts one more wrong password in this browser; answers the new count (0 if the account does not know it).
    async fn count_wrong_in_browser(&mut self, account: &AccountId, browser: &SecretHash) -> Result<u32>;

    /// Forgets the wrong passwords in this browser.
    async fn forget_wrong_in_browser(&mut self, account: &AccountId, browser: &SecretHash) -> Result<()>;

    /// Gives a passkey of this account another name; `false` when it is not there, or another's.
    async fn rename_passkey(&mut self, account: &AccountId, id: &CredentialId, name: &str) -> Result<bool>;

    /// Removes a passkey of this account; `false` when it is not there, another's, or an active, waiting or suspended
    /// phone approves with it.
    async fn remove_passkey(&mut self, account: &AccountId, id: &CredentialId) -> Result<bool>;

    /// Ends all living sessions of an account but one and revokes its grants but those of that one; answers the ids of
    /// those that were alive. Notices are left as by [`crate::EditSessions::end_session`].
    async fn end_other_sessions(
        &mut self,
        account: &AccountId,
        keep: &SessionId,
        why: SessionEnd,
        now: Timestamp,
    ) -> Result<Vec<SessionId>>;

    /// Adds a recovery; one of the same account that ran out is put aside. `Conflict("recovery_open")` when there is
    /// one that did not.
    async fn add_recovery(&mut self, recovery: &Recovery) -> Result<()>;

    /// Calls off a recovery that waits or was completed and is not over; `false` otherwise.
    async fn cancel_recovery(&mut self, id: &RecoveryId, by: &Actor, now: Timestamp) -> Result<bool>;

    /// Completes a recovery that waits, whose time has come and is not over, with the secret of its link; `false`
    /// otherwise.
    async fn complete_recovery(
        &mut self,
        id: &RecoveryId,
        by: &Actor,
        link: (&SecretHash, Timestamp),
        now: Timestamp,
    ) -> Result<bool>;

    /// Takes the link of a completed recovery: of many callers one gets `true`.
    async fn take_recovery(&mut self, id: &RecoveryId, token: &SecretHash, now: Timestamp) -> Result<bool>;
}
