//! A browser's way through sign-in.
//!
//! ```text
//! ChooseMethod ──proved──▶ (StepUp ──proved──▶) Consent ──given──▶ Done
//!      ▲ │  ╲               ╱  │                   │
//!      │ │   half ▶ SecondFactor                   │
//!      │ ╰────── expired ──────┴───────────────────┴──▶ StartOver
//!      ╰── another account, signed out: at any time
//! ```

use std::time::Duration;

use domain::{AccountId, JourneyId, Proof, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{MethodPolicy, Methods, Need, with_proof};

/// How long a journey may take in all.
pub const JOURNEY_LIFE: Duration = Duration::from_secs(30 * 60);

/// How long a right password waits for its second factor.
pub const HALF_LIFE: Duration = Duration::from_secs(5 * 60);

/// How a second factor may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct SecondFactors {
    /// A code of the authenticator app.
    pub totp: bool,
    /// A recovery code.
    pub recovery_code: bool,
    /// There is none, and there must be: an authenticator app is set up now.
    pub setup: bool,
}

/// A password that was right, of somebody who is not signed in yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Half {
    /// Who.
    pub account: AccountId,
    /// The password's proof.
    pub proof: Proof,
    /// When that password was set: another one in its place ends the wait.
    pub password_since: Timestamp,
    /// What is asked for.
    pub asks: SecondFactors,
}

/// Somebody, and what they proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proven {
    /// Who.
    pub account: AccountId,
    /// What, the newest last.
    pub proofs: Vec<Proof>,
}

/// What is known about consent. Until it is settled the journey is not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum ConsentState {
    /// The ending was not asked yet.
    #[default]
    Unknown,
    /// The person has to agree to these scopes.
    Asked(Vec<String>),
    /// The person agreed to these scopes.
    Given(Vec<String>),
    /// Nothing to agree to.
    NotNeeded,
}

/// One browser's way to one end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journey {
    /// Its name; no secret.
    pub id: JourneyId,
    /// What is demanded.
    pub need: Need,
    /// What may be offered.
    pub methods: MethodPolicy,
    /// Who is signed in, as far as this journey knows.
    pub signed_in: Option<Proven>,
    /// Whose password was right and waits for a second factor.
    #[serde(default)]
    pub half: Option<Half>,
    /// Where consent stands.
    pub consent: ConsentState,
    /// Began.
    pub created: Timestamp,
    /// Ends.
    pub expires: Timestamp,
}

/// What the browser has to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The journey is over; begin at the relying party again.
    StartOver,
    /// Sign in by one of these. None offered: the need cannot be met here.
    ChooseMethod(Methods),
    /// The password was right; nobody is signed in until this is shown too.
    SecondFactor(SecondFactors),
    /// Signed in, but not well or freshly enough: prove it by one of these.
    StepUp(Methods),
    /// Agree to these scopes (none known yet: the ending has to be asked first).
    Consent(Vec<String>),
    /// Nothing more.
    Done,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The browser holds a living session.
    SessionFound(Proven),
    /// The browser holds none (any more).
    SessionGone,
    /// Somebody proved who they are, just now.
    Proved {
        /// Who.
        account: AccountId,
        /// How.
        proof: Proof,
    },
    /// Somebody's password was right, and a second factor is asked for.
    HalfProved(Half),
    /// The ending wants these scopes agreed to.
    ConsentAsked(Vec<String>),
    /// The ending wants nothing agreed to.
    ConsentNotNeeded,
    /// The person agreed to what was asked.
    ConsentGiven,
}

/// What a journey does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Its time is over.
    #[error("the journey is over")]
    Expired,
    /// The method was not offered (SEC-040).
    #[error("this method is not offered here")]
    MethodNotOffered,
    /// Another person was asked for.
    #[error("another account was asked for")]
    AnotherAccount,
    /// The event does not fit the state: consent without a question, a question without a person.
    #[error("not now")]
    NotNow,
}

impl Journey {
    /// A journey that begins now.
    #[must_use]
    pub fn new(id: JourneyId, need: Need, methods: MethodPolicy, now: Timestamp) -> Self {
        Self {
            id,
            need,
            methods,
            signed_in: None,
            half: None,
            consent: ConsentState::Unknown,
            created: now,
            expires: now.after(JOURNEY_LIFE),
        }
    }

    /// What the browser has to do next. The only place that decides it.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> Step {
        if self.expires <= now {
            return Step::StartOver;
        }
        let who = self.signed_in.as_ref().filter(|who| self.need.allows(&who.account));
        if !who.is_some_and(|who| self.need.met_by(&who.proofs))
            && let Some(half) = self.half(now)
        {
            return Step::SecondFactor(half.asks);
        }
        let Some(who) = who else {
            return Step::ChooseMethod(self.offered(now));
        };
        if !self.need.met_by(&who.proofs) {
            let offered = self.offered(now);
            // What is there already need not be proven again where two are needed.
            let proven =
                if self.need.two_factors { self.need.proven(&who.proofs) } else { Methods::default() };
            return Step::StepUp(offered.without(proven));
        }
        match &self.consent {
            ConsentState::Unknown => Step::Consent(Vec::new()),
            ConsentState::Asked(scopes) => Step::Consent(scopes.clone()),
            ConsentState::Given(_) | ConsentState::NotNeeded => Step::Done,
        }
    }

    /// The right password that still waits for its second factor.
    #[must_use]
    pub fn half(&self, now: Timestamp) -> Option<&Half> {
        self.half.as_ref().filter(|half| now.since(half.proof.at) < HALF_LIFE)
    }

    /// What may be offered: allowed, and able to meet the need.
    #[must_use]
    pub fn offered(&self, now: Timestamp) -> Methods {
        Methods::that_meet(&self.need, self.methods, now)
    }

    /// Takes note of what happened.
    ///
    /// # Errors
    /// Says why it does not count; the journey is lost then and stays as it was kept.
    pub fn record(mut self, event: Event, now: Timestamp) -> Result<Self, Refused> {
        if self.expires <= now {
            return Err(Refused::Expired);
        }
        match event {
            Event::SessionFound(who) => self.arrive(who),
            Event::SessionGone => {
                self.signed_in = None;
                self.consent = ConsentState::Unknown;
            }
            Event::Proved { account, proof } => {
                if !self.offered(now).has(proof.method) {
                    return Err(Refused::MethodNotOffered);
                }
                if !self.need.allows(&account) {
                    return Err(Refused::AnotherAccount);
                }
                self.half = None;
                let before = self.signed_in.take().filter(|who| who.account == account);
                let proofs = with_proof(before.as_ref().map_or(&[], |who| &who.proofs), proof);
                if before.is_none() {
                    self.consent = ConsentState::Unknown;
                }
                self.signed_in = Some(Proven { account, proofs });
            }
            Event::HalfProved(half) => {
                if !self.offered(now).has(half.proof.method) {
                    return Err(Refused::MethodNotOffered);
                }
                if !self.need.allows(&half.account) {
                    return Err(Refused::AnotherAccount);
                }
                self.half = Some(half);
            }
            Event::ConsentAsked(scopes) => {
                self.ready_for_consent()?;
                // Asking again for the same does not undo an answer; asking for more does.
                let answered = matches!(&self.consent, ConsentState::Given(given) if scopes.iter().all(|s| given.contains(s)));
                if !answered {
                    self.consent = ConsentState::Asked(scopes);
                }
            }
            Event::ConsentNotNeeded => {
                self.ready_for_consent()?;
                if !matches!(self.consent, ConsentState::Given(_)) {
                    // `prompt=consent` asks even where nothing new is to be agreed to.
                    let asks_anyway = self.need.consent;
                    self.consent =
                        if asks_anyway { ConsentState::Asked(Vec::new()) } else { ConsentState::NotNeeded };
                }
            }
            Event::ConsentGiven => {
                self.ready_for_consent()?;
                match std::mem::take(&mut self.consent) {
                    ConsentState::Asked(scopes) => self.consent = ConsentState::Given(scopes),
                    _ => return Err(Refused::NotNow),
                }
            }
        }
        Ok(self)
    }

    fn arrive(&mut self, who: Proven) {
        if self.signed_in.as_ref().is_none_or(|before| before.account != who.account) {
            self.consent = ConsentState::Unknown;
        }
        self.signed_in = Some(who);
    }

    /// Consent is asked last: of somebody who is signed in well enough.
    fn ready_for_consent(&self) -> Result<(), Refused> {
        match &self.signed_in {
            Some(who) if self.need.allows(&who.account) && self.need.met_by(&who.proofs) => Ok(()),
            _ => Err(Refused::NotNow),
        }
    }
}

#[cfg(test)]
mod tests;
