//! The ledger: what the server acknowledged, and what it may have done without saying so.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// One deed. Ids are the database's; sessions are named by what is kept of their secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// An account was made.
    Account { account: String, name: String },
    /// Its password was set; of `generation` from then on.
    Password { account: String, generation: u32 },
    /// It was disabled.
    Disabled { account: String },
    /// A browser signed in, from an address that no other sign-in comes from.
    Session {
        /// Unknown when nobody told.
        secret: Option<String>,
        account: String,
        /// The phone that approved it.
        device: Option<String>,
        address: String,
        /// Of the password that it was made with.
        generation: u32,
    },
    /// It signed out.
    SignedOut { secret: String },
    /// A code of this session became tokens.
    Tokens {
        /// Unknown when nobody told.
        grant: Option<String>,
        secret: String,
        client: String,
    },
    /// A code came twice.
    Replayed { grant: String },
    /// A consent was given.
    Consent { account: String, client: String },
    /// Somebody tried to enrol one phone for the account.
    Enrolment { account: String },
    /// A phone was enrolled.
    Device { device: String, account: String },
    /// It waits until an administrator lets it in.
    Waits { device: String },
    /// An administrator did.
    LetIn { device: String },
    /// It was suspended or revoked.
    Stopped { device: String, state: &'static str, with_sessions: bool },
    /// It approved a sign-in.
    Approved { device: String },
    /// A relying party was registered.
    Client { client: String },
    /// It was deleted.
    ClientDeleted { client: String },
    /// The signing keys were rotated.
    Rotated,
}

/// A line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub deed: Deed,
    /// Acknowledged; else it may have happened.
    pub is_certain: bool,
    /// When we heard of it: milliseconds since 1970.
    pub at: i64,
    /// What was asked and answered.
    pub trail: Vec<String>,
}

#[derive(Debug, Default)]
struct Inner {
    lines: Vec<Line>,
    kids: BTreeSet<String>,
}

/// The book itself.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Inner>);

impl Ledger {
    fn write(&self, deed: Deed, is_certain: bool, trail: &[String]) {
        // The last steps are enough to see what went on.
        let trail = trail[trail.len().saturating_sub(6)..].to_vec();
        let line = Line { deed, is_certain, at: now(), trail };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).lines.push(line);
    }

    /// The server said so.
    pub fn certain(&self, deed: Deed, trail: &[String]) {
        self.write(deed, true, trail);
    }

    /// It may have happened.
    pub fn maybe(&self, deed: Deed, trail: &[String]) {
        self.write(deed, false, trail);
    }

    /// A token signed with this key was handed out.
    pub fn signed_by(&self, kid: &str) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !inner.kids.contains(kid) {
            inner.kids.insert(kid.to_owned());
        }
    }

    /// A copy of all lines.
    pub fn lines(&self) -> Vec<Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).lines.clone()
    }

    /// The keys that signed what was handed out.
    pub fn kids(&self) -> BTreeSet<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).kids.clone()
    }
}

/// Milliseconds since 1970.
pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
