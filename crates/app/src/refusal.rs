//! One word for why a use case did not do what was asked.
//!
//! Owns: the vocabulary where a use case joins several others. Display tells what may be told; the private
//! cause is for the log ([`Refusal::cause`]). Not here: statuses and pages (each door has its table).

use std::time::Duration;

use live::LiveError;
use store::StoreError;

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A field of the request is not acceptable.
    #[error("{field} {why}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// What is wrong with it: "is too long".
        why: &'static str,
    },
    /// Whatever was shown did not prove anybody. The same for every reason (SEC-165).
    #[error("sign-in failed")]
    SignInFailed,
    /// Nobody is signed in.
    #[error("not signed in")]
    NotSignedIn,
    /// Signed in, but not strongly or freshly enough.
    #[error("a stronger or fresher sign-in is needed")]
    StepUpNeeded,
    /// Signed in, and still not allowed.
    #[error("not allowed")]
    Forbidden,
    /// There is no such thing, or none that the caller may know of.
    #[error("not found")]
    NotFound,
    /// It was there and is over: show a new code.
    #[error("no longer valid")]
    Gone,
    /// It contradicts what is there already.
    #[error("{0} is taken already")]
    Conflict(&'static str),
    /// It was changed since the caller looked at it.
    #[error("it was changed meanwhile")]
    Outdated {
        /// Its version now.
        current: i64,
    },
    /// Tried too often.
    #[error("too many attempts")]
    TooMany {
        /// When to try again.
        retry_after: Duration,
    },
    /// More is being done than can be done.
    #[error("too busy")]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// Others were at the same rows; nothing was changed, and the same may be tried again at once
    /// ([`crate::App::repeatable`]). The cause is private.
    #[error("too busy")]
    Contended(String),
    /// A port failed; the cause is private.
    #[error("temporarily unavailable")]
    Unavailable(String),
    /// Something kept makes no sense; the cause is private and an alarm.
    #[error("internal error")]
    Corrupt(String),
}

impl Refusal {
    /// The private cause, for the log.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        match self {
            Self::Contended(cause) | Self::Unavailable(cause) | Self::Corrupt(cause) => Some(cause),
            _ => None,
        }
    }

    /// When to try again, where that is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooMany { retry_after } | Self::Busy { retry_after } => Some(*retry_after),
            Self::Contended(_) | Self::Unavailable(_) => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(what) => Self::Conflict(what),
            StoreError::Corrupt { .. } => Self::Corrupt(error.to_string()),
            StoreError::Contended(_) => Self::Contended(error.to_string()),
            StoreError::Unavailable(_) => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<LiveError> for Refusal {
    fn from(error: LiveError) -> Self {
        match error {
            LiveError::Unavailable(_) => Self::Unavailable(error.to_string()),
            LiveError::Full(_) => Self::Busy { retry_after: Duration::from_secs(5) },
            LiveError::Corrupt(_) => Self::Corrupt(error.to_string()),
        }
    }
}

impl From<jose::KeyError> for Refusal {
    /// Our own keys are at fault: they were checked when they were loaded.
    fn from(error: jose::KeyError) -> Self {
        match error {
            jose::KeyError::Malformed | jose::KeyError::Unsupported | jose::KeyError::Secret => {
                Self::Corrupt(error.to_string())
            }
            jose::KeyError::Failed(_) => Self::Unavailable(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_cause_is_not_told() {
        let refusal = Refusal::from(StoreError::Unavailable("disk /srv/db is full".to_owned()));
        assert!(!refusal.to_string().contains("disk"));
        assert!(refusal.cause().unwrap().contains("disk"));
        let row = StoreError::Corrupt { table: "accounts", column: "state", id: "acc_1".to_owned() };
        let refusal = Refusal::from(row);
        assert!(!refusal.to_string().contains("acc"));
        assert!(matches!(refusal, Refusal::Corrupt(cause) if cause.contains("accounts.state")));
    }
}
