//! How often things may be tried (SEC-054, SEC-055, SEC-163, SEC-222).
//!
//! Owns: the rules, their limits, and counting by them in the live store, so that all nodes share one count.
//! Not here: the wrong passwords in a row that are kept with the account (`store::accounts`).
//!
//! Keys are MACed before they become names of counters: the live store learns no user names or addresses.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::ClientAddress;
use jose::seal::{Macer, MasterKey};
use live::{Caps, Counted, InProcess, Key, Live, LiveError};
use tokio::time::Instant;

use crate::{Refusal, sealing};

/// At most `most` in each `window`. The window begins with the first count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// This many are let through; `u32::MAX` lets all through without counting.
    pub most: u32,
    /// In this time.
    pub window: Duration,
}

impl Limit {
    /// At most `most` in `seconds`.
    #[must_use]
    pub const fn new(most: u32, seconds: u64) -> Self {
        Self { most, window: Duration::from_secs(seconds) }
    }

    /// No limit.
    pub const NONE: Self = Self::new(u32::MAX, 60);
}

macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident $field:ident $name:literal $most:literal per $seconds:literal;)*) => {
        /// What is counted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Rule { $($(#[$doc])* $rule,)* }

        /// How much of each is let through.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct Limits { $($(#[$doc])* pub $field: Limit,)* }

        impl Rule {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$rule,)*];

            /// Its name, also the kind of its counters.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$rule => $name,)* }
            }
        }

        impl Limits {
            /// The limit of a rule.
            #[must_use]
            pub const fn of(&self, rule: Rule) -> Limit {
                match rule { $(Rule::$rule => self.$field,)* }
            }

            /// No limits at all: for load tests on a machine of one's own, never for people.
            #[must_use]
            pub const fn unlimited() -> Self {
                Self { $($field: Limit::NONE,)* }
            }

            /// These limits, each `factor` times as high.
            #[must_use]
            pub const fn scaled(mut self, factor: u32) -> Self {
                $(self.$field.most = self.$field.most.saturating_mul(factor);)*
                self
            }
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($field: Limit::new($most, $seconds),)* }
            }
        }
    };
}

rules! {
    /// Wrong passwords for one user name from one network (key: folded name, network).
    PasswordAccountAddress password_account_address "throttle.password.account_address" 10 per 900;
    /// Wrong passwords from one network (key: network).
    PasswordAddress password_address "throttle.password.address" 100 per 900;
    /// Wrong passwords in one browser that the account has used (key: folded name, mark).
    PasswordBrowser password_browser "throttle.password.browser" 10 per 900;
    /// Codes of one account that are set up, made, or shown beside the link of a recovery (key: account).
    FactorAccount factor_account "throttle.factor.account" 20 per 600;
    /// Links of recoveries that were tried, from one network (key: network).
    RecoveryAddress recovery_address "throttle.recovery.address" 20 per 600;
    /// Failed passkeys from one network (key: network).
    PasskeyAddress passkey_address "throttle.passkey.address" 100 per 900;
    /// Journeys begun from one network (key: network).
    JourneyAddress journey_address "throttle.journey.address" 600 per 60;
    /// QR channels opened from one network (key: network).
    ChannelAddress channel_address "throttle.channel.address" 120 per 60;
    /// Codes shown anew in one network's channels (key: network). A page shows one a minute.
    RotateAddress rotate_address "throttle.rotate.address" 1_200 per 60;
    /// QR channels opened by one browser (key: hash of the browser secret).
    ChannelBrowser channel_browser "throttle.channel.browser" 30 per 60;
    /// QR channels opened in all (key: empty).
    ChannelTotal channel_total "throttle.channel.total" 60_000 per 60;
    /// What apps made for CAS send to channels, from one network (key: network).
    CasAcceptAddress cas_accept_address "throttle.cas.accept" 30 per 60;
    /// Challenges given to one phone (key: device).
    ChallengeDevice challenge_device "throttle.challenge.device" 60 per 60;
    /// Challenges asked for from one network (key: network).
    ChallengeAddress challenge_address "throttle.challenge.address" 300 per 60;
    /// Claims by one phone (key: device).
    ClaimDevice claim_device "throttle.claim.device" 30 per 60;
    /// Claims from one network (key: network).
    ClaimAddress claim_address "throttle.claim.address" 120 per 60;
    /// Wrong signatures in the name of one phone (key: device).
    BadSignatureDevice bad_signature_device "throttle.signature.device" 10 per 600;
    /// Wrong signatures in the name of one account's phones (key: account).
    BadSignatureAccount bad_signature_account "throttle.signature.account" 30 per 600;
    /// Wrong signatures from one network (key: network).
    BadSignatureAddress bad_signature_address "throttle.signature.address" 30 per 600;
    /// Wrong check codes typed on one phone (key: device).
    WrongCodeDevice wrong_code_device "throttle.code.device" 9 per 600;
    /// Wrong check codes typed on one account's phones (key: account).
    WrongCodeAccount wrong_code_account "throttle.code.account" 15 per 600;
    /// Enrolments begun from one network (key: network).
    EnrolAddress enrol_address "throttle.enrolment.address" 300 per 600;
    /// Enrolments begun for one account (key: account or folded name).
    EnrolAccount enrol_account "throttle.enrolment.account" 10 per 600;
    /// Enrolment codes typed for one user name (key: folded name). With 49 bits and two weeks' life: 7,000 tries.
    EnrolCodeAccount enrol_code_account "throttle.enrolment_code.account" 5 per 900;
    /// Enrolment codes typed from one network (key: network).
    EnrolCodeAddress enrol_code_address "throttle.enrolment_code.address" 30 per 900;
    /// One enrolment code typed for many user names (key: MAC of the code).
    EnrolCode enrol_code "throttle.enrolment_code.code" 10 per 900;
    /// Failed client authentications for one client from one network (key: client id, network).
    ClientAuthAddress client_auth_address "throttle.client.address" 30 per 60;
    /// Clients that register themselves, or change their registration, from one network (key: network).
    RegisterAddress register_address "throttle.register.address" 100 per 3600;
    /// Calls of the admin API without a right to, from one network (key: network).
    AdminAddress admin_address "throttle.admin.address" 100 per 600;
    /// Links for a new password asked for from one network (key: network).
    ResetAddress reset_address "throttle.reset.address" 30 per 900;
    /// Links for a new password asked for one name from one network (key: folded name, network).
    ResetName reset_name "throttle.reset.name" 5 per 900;
    /// Links for a new password sent to one account (key: account).
    ResetMails reset_mails "throttle.reset.mails" 5 per 3600;
    /// Links sent to confirm addresses of one account (key: account).
    ConfirmAccount confirm_account "throttle.confirm.account" 5 per 3600;
    /// Tokens of mails that do not work, from one network (key: network).
    LinkAddress link_address "throttle.link.address" 30 per 600;
    /// Tries to use the administrator's one-time link (key: network).
    AdminSetupAddress admin_setup_address "throttle.admin_setup.address" 10 per 600;
}

/// The live store that did not answer is not asked again for so long by those who can do without.
const LOST_FOR: Duration = Duration::from_secs(1);
/// Counters that a node keeps by itself meanwhile.
const ALONE: Caps = Caps { slots_per_kind: 1, counters_per_kind: 50_000, topics: 1 };

/// Counts and refuses.
pub struct Throttle {
    live: Arc<dyn Live>,
    limits: Limits,
    macer: Macer,
    /// Counts of this node alone, while the live store is lost.
    alone: InProcess,
    lost_at: Mutex<Option<Instant>>,
}

impl Throttle {
    pub(crate) fn new(live: Arc<dyn Live>, limits: Limits, master: &MasterKey) -> Self {
        let macer = sealing::macer(master, "throttle");
        Self { live, limits, macer, alone: InProcess::new(ALONE), lost_at: Mutex::default() }
    }

    /// Counts one and refuses when that is too many.
    ///
    /// # Errors
    /// [`Refusal::TooMany`] with the time until the window ends; the live store is unavailable or full.
    pub async fn hit(&self, rule: Rule, key: &str) -> Result<(), Refusal> {
        self.check(rule, key, 1).await
    }

    /// Counts so many at once: for what costs us more than usual.
    ///
    /// # Errors
    /// As [`Throttle::hit`].
    pub async fn hit_by(&self, rule: Rule, key: &str, amount: u32) -> Result<(), Refusal> {
        self.check(rule, key, u64::from(amount.max(1))).await
    }

    /// Refuses when the next [`Throttle::hit`] would be too many, without counting: for rules that count
    /// failures only, before something is tried.
    ///
    /// # Errors
    /// As [`Throttle::hit`].
    pub async fn peek(&self, rule: Rule, key: &str) -> Result<(), Refusal> {
        self.check(rule, key, 0).await
    }

    /// As [`Throttle::hit`], and without the live store this node counts by itself: for what protects a secret
    /// that cannot be guessed anyway, so that relying parties are served on (SEC-213). A person's password or code
    /// is never tried without the common count.
    ///
    /// # Errors
    /// [`Refusal::TooMany`].
    pub async fn hit_or_alone(&self, rule: Rule, key: &str) -> Result<(), Refusal> {
        self.check_or_alone(rule, key, 1).await
    }

    /// As [`Throttle::peek`], and without the live store as [`Throttle::hit_or_alone`].
    ///
    /// # Errors
    /// [`Refusal::TooMany`].
    pub async fn peek_or_alone(&self, rule: Rule, key: &str) -> Result<(), Refusal> {
        self.check_or_alone(rule, key, 0).await
    }

    async fn check(&self, rule: Rule, key: &str, amount: u64) -> Result<(), Refusal> {
        let limit = self.limits.of(rule);
        if limit.most == u32::MAX {
            return Ok(());
        }
        let counted = self.live.count(&self.counter(rule, key), amount, limit.window).await?;
        within(limit, counted, amount)
    }

    async fn check_or_alone(&self, rule: Rule, key: &str, amount: u64) -> Result<(), Refusal> {
        let limit = self.limits.of(rule);
        if limit.most == u32::MAX {
            return Ok(());
        }
        let counter = self.counter(rule, key);
        if !self.is_lost() {
            match self.live.count(&counter, amount, limit.window).await {
                Ok(counted) => return within(limit, counted, amount),
                Err(LiveError::Unavailable(_)) => self.lost(),
                Err(other) => return Err(other.into()),
            }
        }
        match self.alone.count(&counter, amount, limit.window).await {
            Ok(counted) => within(limit, counted, amount),
            // Its table is full: nobody is locked out by that.
            Err(_) => Ok(()),
        }
    }

    fn counter(&self, rule: Rule, key: &str) -> Key {
        let mac = self.macer.mac(format!("{}\n{key}", rule.name()).as_bytes());
        Key { kind: rule.name(), id: URL_SAFE_NO_PAD.encode(&mac[..16]) }
    }

    /// The live store did not answer a moment ago.
    fn is_lost(&self) -> bool {
        let lost_at = self.lost_at.lock().unwrap_or_else(PoisonError::into_inner);
        lost_at.is_some_and(|at| at.elapsed() < LOST_FOR)
    }

    fn lost(&self) {
        *self.lost_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// The limits in force.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// Whether counted already or only looked at: this one must be within the limit.
fn within(limit: Limit, counted: Counted, amount: u64) -> Result<(), Refusal> {
    if counted.sum + u64::from(amount == 0) <= u64::from(limit.most) {
        return Ok(());
    }
    Err(Refusal::TooMany { retry_after: counted.ends_in.max(Duration::from_secs(1)) })
}

/// The network that an address counts for: itself, or for IPv6 its first 64 bits, which one customer has to
/// himself. IPv4 written as IPv6 is IPv4.
#[must_use]
pub fn network(address: ClientAddress) -> String {
    match address.0.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let mut parts = address.segments();
            parts[4..].fill(0);
            format!("{}/64", Ipv6Addr::from(parts))
        }
    }
}

/// A key of several parts, which cannot be mistaken for other parts.
#[must_use]
pub fn key(parts: &[&str]) -> String {
    let mut key = String::new();
    for part in parts {
        key.push_str(&part.len().to_string());
        key.push(':');
        key.push_str(part);
    }
    key
}

#[cfg(test)]
mod tests;
