//! What is counted for charts: how people sign in, where they give up, and how long the steps of a sign-in by QR take.
//!
//! Owns: the closed lists of what is counted, and the counts of this process since they were last taken. Counting is
//! one atomic addition. Not here: keeping (`registry::statistics`), what an operator measures (`server::telemetry`).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::{Method, Timestamp};
use store::Count;

macro_rules! named {
    ($(#[$doc:meta])* $list:ident { $($(#[$item:meta])* $name:ident $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $list { $($(#[$item])* $name,)* }

        impl $list {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The word kept.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

named! {
    /// What is only counted.
    Event {
        /// Signed in by password.
        SignInPassword "sign_in.password",
        /// Signed in by passkey.
        SignInPasskey "sign_in.passkey",
        /// Signed in by phone.
        SignInPhone "sign_in.phone",
        /// Proved a further factor: one-time code or recovery code.
        SignInFactor "sign_in.factor",
        /// A code was shown: a channel opened.
        QrShown "qr.shown",
        /// A phone denied.
        QrDenied "qr.denied",
        /// A phone's owner said: this was not me.
        QrReported "qr.reported",
        /// Refused: the wrong password.
        RefusedPassword "refused.password",
        /// Refused: a passkey's answer.
        RefusedPasskey "refused.passkey",
        /// Refused: a phone, or what it sent.
        RefusedPhone "refused.phone",
        /// Refused: digits typed wrong on the phone.
        RefusedCheckCode "refused.check_code",
        /// Refused: a further factor.
        RefusedFactor "refused.factor",
        /// An enrolment was used: a phone was added.
        Enrolled "enrolment.used",
        /// An enrolment was made.
        EnrolmentMade "enrolment.made",
    }
}

named! {
    /// What is counted with the time it took, from the step before.
    Step {
        /// A phone claimed: since the code was first shown.
        Claimed "qr.claimed",
        /// A phone approved: since it claimed.
        Approved "qr.approved",
        /// The browser was signed in: since the phone approved.
        Redeemed "qr.redeemed",
    }
}

/// The longest time of each bucket in milliseconds: two for each doubling from 10 ms on. The last bucket has no end.
const BOUNDS: [u64; 39] = [
    10, 14, 20, 28, 40, 57, 80, 113, 160, 226, 320, 453, 640, 905, 1_280, 1_810, 2_560, 3_620, 5_120, 7_241,
    10_240, 14_482, 20_480, 28_963, 40_960, 57_926, 81_920, 115_852, 163_840, 231_705, 327_680, 463_410,
    655_360, 926_819, 1_310_720, 1_853_638, 2_621_440, 3_707_276, 5_242_880,
];

/// How many parts the scale has.
pub const BUCKETS: usize = BOUNDS.len() + 1;

/// The longest time of a bucket; none for the last one, which has no end.
#[must_use]
pub fn bound(bucket: u32) -> Option<Duration> {
    BOUNDS.get(bucket as usize).copied().map(Duration::from_millis)
}

/// The bucket that a time falls into.
fn bucket(took: Duration) -> usize {
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    BOUNDS.partition_point(|bound| *bound < millis)
}

/// The counts of this process.
#[derive(Debug)]
pub struct Meters {
    events: [AtomicU64; Event::ALL.len()],
    steps: [[AtomicU64; BUCKETS]; Step::ALL.len()],
}

impl Default for Meters {
    fn default() -> Self {
        Self {
            events: std::array::from_fn(|_| AtomicU64::new(0)),
            steps: std::array::from_fn(|_| std::array::from_fn(|_| AtomicU64::new(0))),
        }
    }
}

impl Meters {
    /// Counts one.
    pub fn count(&self, event: Event) {
        if let Some(count) = self.events.get(event as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a sign-in by this method.
    pub fn signed_in(&self, method: Method) {
        self.count(match method {
            Method::Password => Event::SignInPassword,
            Method::Passkey => Event::SignInPasskey,
            Method::Phone | Method::CasPhone => Event::SignInPhone,
            _ => Event::SignInFactor,
        });
    }

    /// Counts a step, and the time since the one before.
    pub fn took(&self, step: Step, since: Timestamp, now: Timestamp) {
        if let Some(count) = self.steps.get(step as usize).and_then(|step| step.get(bucket(now.since(since))))
        {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes what was counted since the last time, for the hour of `now`.
    #[must_use]
    pub fn take(&self, now: Timestamp) -> Vec<Count> {
        let hour = hour(now);
        let mut counts = Vec::new();
        let mut take = |name: &str, bucket: usize, count: &AtomicU64| {
            let count = count.swap(0, Ordering::Relaxed);
            if count > 0 {
                let bucket = u32::try_from(bucket).unwrap_or_default();
                counts.push(Count { hour, name: name.to_owned(), bucket, count });
            }
        };
        for (event, count) in Event::ALL.iter().zip(&self.events) {
            take(event.as_str(), 0, count);
        }
        for (step, counts) in Step::ALL.iter().zip(&self.steps) {
            counts.iter().enumerate().for_each(|(bucket, count)| take(step.as_str(), bucket, count));
        }
        counts
    }

    /// Gives back what was taken and could not be kept.
    pub fn give_back(&self, counts: &[Count]) {
        for Count { name, bucket, count, .. } in counts {
            let event = Event::ALL.iter().position(|event| event.as_str() == name);
            let step = Step::ALL.iter().position(|step| step.as_str() == name);
            let place = match (event, step) {
                (Some(event), _) => self.events.get(event),
                (None, Some(step)) => self.steps.get(step).and_then(|step| step.get(*bucket as usize)),
                (None, None) => None,
            };
            if let Some(place) = place {
                place.fetch_add(*count, Ordering::Relaxed);
            }
        }
    }
}

/// Hours since 1970.
#[must_use]
pub const fn hour(now: Timestamp) -> i64 {
    now.millis().div_euclid(3_600_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_taken_once() {
        let (meters, now) = (Meters::default(), Timestamp::from_seconds(7_200));
        meters.signed_in(Method::Phone);
        meters.signed_in(Method::Phone);
        meters.count(Event::QrShown);
        meters.took(Step::Claimed, now, now.after(Duration::from_millis(12)));
        meters.took(Step::Claimed, now, now.after(Duration::from_secs(1_000_000)));
        meters.took(Step::Redeemed, now, now);
        // A clock that went back counts as no time at all.
        meters.took(Step::Redeemed, now.after(Duration::from_secs(5)), now);
        let taken = meters.take(now);
        let count = |name: &str, bucket, count| Count { hour: 2, name: name.to_owned(), bucket, count };
        let last = u32::try_from(BUCKETS - 1).unwrap();
        let expected = [
            count("sign_in.phone", 0, 2),
            count("qr.shown", 0, 1),
            count("qr.claimed", 1, 1),
            count("qr.claimed", last, 1),
            count("qr.redeemed", 0, 2),
        ];
        assert_eq!(taken, expected);
        assert_eq!(meters.take(now), []);
        meters.give_back(&taken);
        assert_eq!(meters.take(now), expected);
    }

    #[test]
    fn the_scale_rises_and_names_are_told_apart() {
        assert!(BOUNDS.windows(2).all(|pair| pair[0] < pair[1]));
        for (place, bound) in BOUNDS.iter().enumerate() {
            assert_eq!(bucket(Duration::from_millis(*bound)), place);
            assert_eq!(bucket(Duration::from_millis(*bound + 1)), place + 1);
        }
        assert!(bound(0).is_some() && bound(u32::try_from(BUCKETS - 1).unwrap()).is_none());
        let mut names: Vec<_> = Event::ALL.iter().map(|event| event.as_str()).collect();
        names.extend(Step::ALL.iter().map(|step| step.as_str()));
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
