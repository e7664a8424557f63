//! When the virtual phone approved, so that the relying party can say how long the way back took.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Older approvals belong to another sign-in.
const LATEST: Duration = Duration::from_secs(60);

/// The last approval of the virtual phone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Moments(Arc<Mutex<Option<Instant>>>);

impl Moments {
    /// The owner has just pressed "approve".
    pub(crate) fn approved(&self, at: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    /// The time since the last approval, told once.
    pub(crate) fn take(&self, now: Instant) -> Option<Duration> {
        let at = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(now.saturating_duration_since(at)).filter(|since| *since <= LATEST)
    }
}
