//! What was found out: violations, counts, times.
//!
//! Owns: the kinds of checks, what was counted under which name, the journal in a file. Not here: the
//! checks themselves, the summary (`report`).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::plan::Kind;

macro_rules! checks {
    ($($name:ident $words:literal,)*) => {
        /// A kind of check. Each passes or fails as a whole.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Check { $($name,)* }

        impl Check {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            pub const fn words(self) -> &'static str {
                match self { $(Self::$name => $words,)* }
            }
        }
    };
}

checks! {
    Accounts "every acknowledged account, disabling and password is in the database",
    Sessions "every acknowledged session is in the database",
    SignOuts "every acknowledged sign-out is in the database",
    Grants "every acknowledged token has its grant",
    Consents "every acknowledged consent is in the database",
    Devices "every acknowledged phone is there, in its acknowledged state",
    Clients "every acknowledged relying party is there, every deleted one gone",
    Keys "every signing key is there: one signs, one comes next",
    Trail "every acknowledged deed is in the audit trail",
    Chain "every entry of the trail is sealed, and the chain is whole",
    Unasked "nothing ended that nobody asked to end",
    CodesOnce "a code gives tokens once",
    ReplaysRevoked "a code that came twice has lost its tokens",
    ChannelsOnce "a channel makes one session at most",
    EnrolmentsOnce "an enrolment makes one phone at most",
    DeadStaysDead "nothing revoked, ended or disabled is alive",
    LivingLives "what was acknowledged and not ended is taken by every node",
    LongWork "long work goes on whatever becomes of its node, and loses no row",
    NoFault "no answer is a fault of the server (500), no node ends by itself",
    RetryAfter "every 503 says when to come back",
    Patience "a running node answers within 4 s, whatever is broken around it",
    Lighthouse "discovery, JWKS and liveness stay up on every running node",
    Healing "whole again in time",
    Stops "a stop in good order ends in time, with exit code 0",
    Work "every kind of operation and of fault came",
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The server said that it is done: it is in the ledger.
    Acknowledged,
    /// The server said no, or could not be reached: nothing happened.
    Refused,
    /// No answer, or 503 after it may have been written: it may or may not have happened.
    Unknown,
}

#[derive(Debug, Default)]
struct Inner {
    violations: Vec<(Check, String)>,
    checked: BTreeMap<Check, u64>,
    operations: BTreeMap<(&'static str, Outcome), u64>,
    answers: BTreeMap<u16, u64>,
    slowest: BTreeMap<&'static str, (Duration, String)>,
    faults: BTreeMap<Kind, u64>,
    healed: BTreeMap<Kind, Vec<Duration>>,
    journal: Option<BufWriter<File>>,
}

/// Shared by everyone.
#[derive(Debug)]
pub struct Findings {
    began: Instant,
    inner: Mutex<Inner>,
}

/// The figures for the summary.
#[derive(Debug, Default, Clone)]
pub struct Figures {
    pub violations: Vec<(Check, String)>,
    pub checked: BTreeMap<Check, u64>,
    pub operations: BTreeMap<(&'static str, Outcome), u64>,
    pub answers: BTreeMap<u16, u64>,
    pub slowest: BTreeMap<&'static str, (Duration, String)>,
    pub faults: BTreeMap<Kind, u64>,
    pub healed: BTreeMap<Kind, Vec<Duration>>,
}

impl Findings {
    /// With a journal in this file, if one is wanted and can be written.
    pub fn new(journal: Option<&Path>) -> Self {
        let journal = journal.and_then(|path| File::create(path).ok()).map(BufWriter::new);
        Self { began: Instant::now(), inner: Mutex::new(Inner { journal, ..Inner::default() }) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seconds since the beginning, for journal and traces.
    pub fn clock(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Writes a line into the journal.
    pub fn note(&self, line: &str) {
        let at = self.clock();
        if let Some(journal) = self.inner().journal.as_mut() {
            let _ = writeln!(journal, "{at:9.3} {line}");
        }
    }

    /// Writes down what the journal still holds back.
    pub fn flush(&self) {
        if let Some(journal) = self.inner().journal.as_mut() {
            let _ = journal.flush();
        }
    }

    /// Something that must not be.
    pub fn violation(&self, check: Check, what: impl Into<String>) {
        let what = what.into();
        let at = self.clock();
        self.note(&format!("VIOLATION {check:?}: {what}"));
        println!("{at:9.3} VIOLATION: {:.160}", what.lines().next().unwrap_or_default());
        self.inner().violations.push((check, what));
    }

    /// Counts one look at something; it is a violation when it is not so.
    pub fn check(&self, check: Check, is_so: bool, otherwise: impl FnOnce() -> String) {
        *self.inner().checked.entry(check).or_default() += 1;
        if !is_so {
            self.violation(check, otherwise());
        }
    }

    /// Somebody else looked so often.
    pub fn looked(&self, check: Check, looks: u64) {
        *self.inner().checked.entry(check).or_default() += looks;
    }

    /// An operation ended.
    pub fn operation(&self, name: &'static str, outcome: Outcome) {
        *self.inner().operations.entry((name, outcome)).or_default() += 1;
    }

    /// An answer with this status came.
    pub fn answer(&self, status: u16) {
        *self.inner().answers.entry(status).or_default() += 1;
    }

    /// Something of this class took so long; `of` says what it was.
    pub fn took(&self, class: &'static str, time: Duration, of: impl FnOnce() -> String) {
        let mut inner = self.inner();
        if inner.slowest.get(class).is_none_or(|(slowest, _)| time > *slowest) {
            inner.slowest.insert(class, (time, of()));
        }
    }

    /// A fault was inflicted.
    pub fn fault(&self, kind: Kind) {
        *self.inner().faults.entry(kind).or_default() += 1;
    }

    /// After faults of these kinds it was whole again after so long.
    pub fn healed(&self, kinds: &[Kind], after: Duration) {
        let mut inner = self.inner();
        for kind in kinds {
            inner.healed.entry(*kind).or_default().push(after);
        }
    }

    /// A copy of all figures.
    pub fn figures(&self) -> Figures {
        let inner = self.inner();
        Figures {
            violations: inner.violations.clone(),
            checked: inner.checked.clone(),
            operations: inner.operations.clone(),
            answers: inner.answers.clone(),
            slowest: inner.slowest.clone(),
            faults: inner.faults.clone(),
            healed: inner.healed.clone(),
        }
    }
}
