//! Use cases of the registry: users, clients, phones, the first administrator, the audit query.
//!
//! Owns: what may be kept about each and who is told of a change. A use case opens one unit of work,
//! audits in it, and tells the caches after the commit.
//! Not here: signing in (`signin`), tokens and signing keys (`provider`), HTTP (doors), printing
//! (`server`).

pub mod api_keys;
pub mod approvals;
pub mod audit;
pub mod cas_devices;
pub mod chain;
pub mod claims;
pub mod clients;
pub mod consents;
pub mod devices;
pub mod enrolment;
pub mod enrolments;
pub mod factors;
pub mod groups;
pub mod housekeeping;
pub mod import;
pub mod jobs;
mod language;
pub mod letters;
pub mod lost;
pub mod moves;
pub mod notices;
pub mod people;
pub mod policies;
pub mod recoveries;
pub mod roles;
pub mod sessions;
pub mod setup;
pub mod statistics;
pub mod users;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use app::App;

/// What the operator may choose.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The shortest password taken, in characters (SEC-161).
    pub shortest_password: usize,
    /// Phones that one account may hold, revoked ones aside (SEC-074).
    pub devices_per_account: u32,
    /// How long an enrolment link or QR is good (SEC-071: at most 10 minutes).
    pub enrolment_life: Duration,
    /// A phone not used for so long, in whole days, has to be verified anew (SEC-089).
    pub device_unused: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shortest_password: 8,
            devices_per_account: 5,
            enrolment_life: Duration::from_secs(600),
            device_unused: Duration::from_secs(180 * 24 * 3600),
        }
    }
}

impl Settings {
    /// The policies that hold until others are saved.
    fn policies(&self) -> domain::Policies {
        let mut policies = domain::Policies::default();
        policies.devices.per_user = self.devices_per_account;
        let days = self.device_unused.as_secs().div_ceil(24 * 3600);
        policies.devices.reverify_days = u32::try_from(days).unwrap_or(3650);
        policies.passwords.shortest = u32::try_from(self.shortest_password).unwrap_or(128);
        let minutes = self.enrolment_life.as_secs().div_ceil(60).clamp(1, 10);
        policies.enrolments.screen_minutes = u32::try_from(minutes).unwrap_or(10);
        policies
    }
}

/// The registry's use cases over what every use case is given.
#[derive(Clone)]
pub struct Registry {
    pub(crate) app: App,
    pub(crate) settings: Arc<Settings>,
}

impl Registry {
    /// The registry over these ports.
    #[must_use]
    pub fn new(app: &App, settings: Settings) -> Self {
        app.policies().configure(settings.policies());
        Self { app: app.clone(), settings: Arc::new(settings) }
    }

    /// What the operator chose.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

/// The next page of a list: how many, and after which key.
#[derive(Debug, Clone, Default)]
pub struct Paging {
    /// The key that the page before ended with; none for the first page.
    pub after: Option<String>,
    /// How many; 0 means 100, more than 500 is refused (SEC-189).
    pub limit: u32,
}

impl Paging {
    pub(crate) fn page(&self) -> Result<store::Page<'_>, app::Refusal> {
        let limit = match self.limit {
            0 => 100,
            1..=500 => self.limit,
            _ => return Err(app::Refusal::Invalid { field: "limit", why: "at most 500" }),
        };
        Ok(store::Page { after: self.after.as_deref(), limit })
    }
}
