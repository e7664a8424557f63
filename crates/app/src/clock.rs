//! Reading the time.
//!
//! Owns: the one place that asks the system's clock, and that time never goes back while we run (SEC-214): a
//! code, channel or session that was over stays over when the system's clock is set back. Not here: what time
//! means (`domain::time`).

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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

    /// The time now, by which everything ends. It follows the system's clock forward and never back.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Kind::System => steady_now(),
            Kind::Shifted(by) => {
                Timestamp::from_millis(system_now().millis().saturating_add(by.load(Ordering::Relaxed)))
            }
            Kind::Manual(at) => Timestamp::from_millis(at.load(Ordering::Relaxed)),
        }
    }

    /// The time that others read off their clocks: for what they compare with it (`iat`, `exp`).
    #[must_use]
    pub fn wall(&self) -> Timestamp {
        match &self.0 {
            Kind::System => system_now(),
            Kind::Shifted(_) | Kind::Manual(_) => self.now(),
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

/// How far the system's clock was ahead of a count of milliseconds that never goes back, at most.
struct Steady(AtomicI64);

impl Steady {
    /// The time at this reading of both. The wall clock has to be read first: a pause between the readings then
    /// makes the difference smaller, never larger.
    fn at(&self, wall: i64, count: i64) -> i64 {
        let ahead = wall.saturating_sub(count);
        let most = self.0.fetch_max(ahead, Ordering::Relaxed).max(ahead);
        count.saturating_add(most)
    }
}

fn steady_now() -> Timestamp {
    static STEADY: Steady = Steady(AtomicI64::new(i64::MIN));
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(Instant::now);
    let wall = system_now().millis();
    let count = i64::try_from(start.elapsed().as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(STEADY.at(wall, count))
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
    fn sec_214_time_goes_on_when_the_system_s_clock_is_set_back() {
        let steady = Steady(AtomicI64::new(i64::MIN));
        assert_eq!(steady.at(1_000_000, 0), 1_000_000);
        assert_eq!(steady.at(1_005_000, 5_000), 1_005_000);
        // Ten minutes back: nothing that was over begins again, and time passes as before.
        assert_eq!(steady.at(405_000 + 1_000, 6_000), 1_006_000);
        assert_eq!(steady.at(405_000 + 61_000, 66_000), 1_066_000);
        // Set right again, and ahead: followed.
        assert_eq!(steady.at(1_067_000, 67_000), 1_067_000);
        assert_eq!(steady.at(1_668_000, 68_000), 1_668_000);
        // Paused between the readings: no jump.
        assert_eq!(steady.at(1_669_000, 70_000), 1_670_000);
        let (one, two) = (Clock::system().now(), Clock::system().wall());
        assert!(one.since(two) < Duration::from_secs(1) && two.since(one) < Duration::from_secs(1));
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
