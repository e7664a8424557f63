//! Reading the time.
//!
//! Owns: the one place that asks the system's clock. Not here: what time means (`domain::time`).

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::Timestamp;

/// A clock that is handed in. Cloning gives the same clock.
#[derive(Debug, Clone)]
pub struct Clock(Kind);

#[derive(Debug, Clone)]
enum Kind {
    System,
    /// The system's clock and so many milliseconds.
    Shifted(Arc<AtomicI64>),
    /// Stands still at so many milliseconds since 1970.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self(Kind::System)
    }

    /// The system's clock, shifted by so many milliseconds: for tests of a whole server.
    #[must_use]
    pub const fn shifted(millis: Arc<AtomicI64>) -> Self {
        Self(Kind::Shifted(millis))
    }

    /// A clock that stands still until it is moved: for tests.
    #[must_use]
    pub fn manual(at: Timestamp) -> Self {
        Self(Kind::Manual(Arc::new(AtomicI64::new(at.millis()))))
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Kind::System => system_now(),
            Kind::Shifted(by) => {
                Timestamp::from_millis(system_now().millis().saturating_add(by.load(Ordering::Relaxed)))
            }
            Kind::Manual(at) => Timestamp::from_millis(at.load(Ordering::Relaxed)),
        }
    }

    /// Moves a manual or shifted clock forward; the system's clock is not moved.
    pub fn advance(&self, span: Duration) {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        match &self.0 {
            Kind::System => {}
            Kind::Shifted(value) | Kind::Manual(value) => {
                value.fetch_add(millis, Ordering::Relaxed);
            }
        }
    }
}

fn system_now() -> Timestamp {
    // A clock before 1970 is a broken one; 1970 then makes everything look not yet begun.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told_and_for_all_its_clones() {
        let clock = Clock::manual(Timestamp::from_seconds(100));
        let same = clock.clone();
        clock.advance(Duration::from_secs(5));
        assert_eq!(same.now(), Timestamp::from_seconds(105));
    }

    #[test]
    fn a_shifted_clock_goes_on() {
        let by = Arc::new(AtomicI64::new(0));
        let clock = Clock::shifted(Arc::clone(&by));
        let before = clock.now();
        by.store(3_600_000, Ordering::Relaxed);
        let later = clock.now().since(before);
        assert!(later >= Duration::from_secs(3600) && later < Duration::from_secs(3700));
        assert!(Clock::system().now().seconds() > 1_700_000_000);
    }
}
