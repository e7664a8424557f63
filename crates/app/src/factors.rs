//! Taking away what an account signs in with.
//!
//! Owns: the rule that the last way in stays (SEC-174), for its owner and for administrators alike. Not here: who may
//! (`signin::factors`, `web-admin`), what is left to be told (each use case).

use domain::{AccountId, CredentialId, Recovery};
use store::Work;

use crate::{App, Refusal};

/// So many wrong passwords and codes in a row switch the password off in strange browsers (SEC-163).
pub const MOST_FAILURES: u32 = 100;

/// Removes a passkey in this unit and answers its name, unless nothing would be left to sign in with.
///
/// # Errors
/// `NotFound` for one that is not there, or not theirs; `Conflict("last_factor")`; `Conflict("passkey_of_phone")`
/// while a phone approves with it.
pub async fn remove_passkey(
    work: &mut dyn Work,
    account: &AccountId,
    id: &CredentialId,
) -> Result<String, Refusal> {
    // Of two that remove the last two at the same time one waits, and finds the other gone.
    work.hold_account(account).await?;
    let passkeys = work.passkeys(account).await?;
    let passkey = passkeys.into_iter().find(|passkey| passkey.id == *id).ok_or(Refusal::NotFound)?;
    let before = work.factors_held(account).await?.ok_or(Refusal::NotFound)?;
    if !work.remove_passkey(account, id).await? {
        return Err(Refusal::Conflict("passkey_of_phone"));
    }
    let after = work.factors_held(account).await?.ok_or(Refusal::NotFound)?;
    // One that signed nobody in any more (its phone is gone) may always go.
    if after.ways_in() == 0 && before.ways_in() > 0 {
        return Err(Refusal::Conflict("last_factor"));
    }
    Ok(passkey.name)
}

impl App {
    /// The recovery of this account that is not over: for its owner to see, and to call off (SEC-086).
    ///
    /// # Errors
    /// The store.
    pub async fn running_recovery(&self, account: &AccountId) -> Result<Option<Recovery>, Refusal> {
        let filter = store::RecoveryFilter { account: Some(*account), open_at: Some(self.now()) };
        let found = self.store().read().await?.recoveries(&filter, None, 1).await?;
        Ok(found.into_iter().next().map(|listed| listed.recovery))
    }
}
