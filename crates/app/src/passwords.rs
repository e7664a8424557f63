//! Trying a password: the one way in which it is done, so that no path gives more guesses than another
//! (SEC-163, SEC-164, SEC-165).
//!
//! Owns: the order of throttle, lookup, hash and count; what an unknown, a disabled and a passwordless account
//! have in common with a wrong password. Not here: what a right password is good for (`signin`,
//! `registry::enrolment`), setting one (`registry::users`).

use domain::{Account, AuditEntry, AuditEvent, ClientAddress, Outcome, PasswordHash, Username};
use secrecy::{ExposeSecret as _, SecretString};
use store::{EditAccounts, StoreError};
use unicode_normalization::UnicodeNormalization as _;

use crate::{App, MAX_PASSWORD_BYTES, Refusal, Rule, Verified, audit, throttle};

/// Wrong passwords in a row after which the password no longer counts (SEC-163). Passkeys and phones still do.
pub const MOST_WRONG: u32 = 100;

/// One try.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The user name as typed.
    pub username: &'a str,
    /// The password as typed.
    pub password: &'a SecretString,
    /// From where.
    pub address: ClientAddress,
}

/// The password was right. Whoever acts on it calls [`Right::note`] in the unit of work of that act.
#[derive(Debug, Clone)]
#[must_use = "the unit of work that uses the right password has to note it"]
pub struct Right {
    /// Whose password it is; active.
    pub account: Account,
    wrong_before: u32,
    hashed_anew: Option<PasswordHash>,
}

impl Right {
    /// Forgets the wrong passwords before it, and keeps the hash at today's cost if the old one was cheaper.
    ///
    /// # Errors
    /// The store.
    pub async fn note(&self, work: &mut dyn EditAccounts) -> Result<(), StoreError> {
        match &self.hashed_anew {
            Some(hash) => work.set_password(hash).await,
            None if self.wrong_before > 0 => work.forget_wrong_passwords(&self.account.id).await,
            None => Ok(()),
        }
    }
}

/// Tries a password. Every failure is counted and audited here; a success is for the caller to audit.
///
/// # Errors
/// `SignInFailed` whatever was wrong: the name, the password, the state of the account, too many wrong ones
/// before. `TooMany`, `Busy`; `Invalid` for a password that is too long to be one.
pub async fn check(app: &App, attempt: Attempt<'_>) -> Result<Right, Refusal> {
    if attempt.password.expose_secret().len() > MAX_PASSWORD_BYTES {
        return Err(Refusal::Invalid { field: "password", why: "is too long" });
    }
    let network = throttle::network(attempt.address);
    app.throttle().hit(Rule::PasswordAddress, &network).await?;
    let name: Option<Username> = attempt.username.parse().ok();
    // One spelling, one count. What is no name at all shares one count a network.
    let counter = throttle::key(&[name.as_ref().map_or("", Username::key), &network]);
    app.throttle().peek(Rule::PasswordAccountAddress, &counter).await?;

    let found = match &name {
        Some(name) => app.store().read().await?.account_for_password(name.key()).await?,
        None => None,
    };
    let phc = found.as_ref().and_then(|(account, hash, wrong)| {
        let counts = account.is_active() && *wrong < MOST_WRONG;
        hash.as_ref().filter(|_| counts).map(|hash| hash.phc.as_str())
    });
    let password = normalised(attempt.password);
    let verified = app.hashing().verify(&password, phc).await?;
    match (verified, found) {
        (Verified::Right { rehash }, Some((account, _, wrong_before))) => {
            let hashed_anew = if rehash {
                let phc = app.hashing().hash(&password).await?;
                Some(PasswordHash { account: account.id, phc, changed_at: app.now() })
            } else {
                None
            };
            Ok(Right { account, wrong_before, hashed_anew })
        }
        (_, found) => {
            // The count may be over its limit by now; the answer to this try is the same.
            match app.throttle().hit(Rule::PasswordAccountAddress, &counter).await {
                Ok(()) | Err(Refusal::TooMany { .. }) => {}
                Err(refusal) => return Err(refusal),
            }
            refuse(app, attempt.address, found.map(|(account, _, _)| account)).await
        }
    }
}

/// Counts and audits a wrong try. An unknown name costs a commit too, so that it takes as long.
async fn refuse(app: &App, address: ClientAddress, account: Option<Account>) -> Result<Right, Refusal> {
    let entry = AuditEntry {
        account: account.as_ref().map(|account| account.id),
        ..audit::from(address, AuditEvent::PasswordTried, Outcome::Refused, app.now())
    };
    let mut work = app.store().begin().await?;
    if let Some(account) = &account {
        let wrong = work.count_wrong_password(&account.id).await?;
        if wrong == MOST_WRONG {
            tracing::warn!(account.id = %account.id, "Too many wrong passwords in a row: the password no longer counts");
        }
    }
    work.audit(entry).await?;
    work.commit().await?;
    Err(Refusal::SignInFailed)
}

/// Unicode NFC, nothing else changed (SEC-161): the same password from every keyboard.
fn normalised(password: &SecretString) -> SecretString {
    SecretString::from(password.expose_secret().nfc().collect::<String>())
}
