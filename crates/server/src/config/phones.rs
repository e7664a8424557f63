//! `[phones]`: the registry of phones.

use std::time::Duration;

use super::section::section;
use super::source::Fault;

section! {
    /// The registry of phones.
    "phones" {
        /// Phones that one person may hold.
        per_person: u32 = 5;
        /// Minutes that an enrolment link or QR is good; at most 10.
        link_minutes: u32 = 10;
        /// Days without use after which a phone's owner is verified anew.
        unused_days: u32 = 180;
    }
}

/// What the registry keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Phones of one account.
    pub per_person: u32,
    /// Life of an enrolment link.
    pub link_life: Duration,
    /// A phone unused for so long is not taken any more.
    pub unused: Duration,
}

impl Given {
    /// What it means.
    ///
    /// # Errors
    /// A number out of its range (SEC-071, SEC-074, SEC-089).
    pub fn resolve(&self) -> Result<Settings, Fault> {
        if !(1..=100).contains(&self.per_person) {
            return Err(Fault::new("per_person", "Take a number from 1 to 100."));
        }
        if !(1..=10).contains(&self.link_minutes) {
            return Err(Fault::new("link_minutes", "Take a number from 1 to 10."));
        }
        if !(1..=3650).contains(&self.unused_days) {
            return Err(Fault::new("unused_days", "Take a number from 1 to 3650."));
        }
        Ok(Settings {
            per_person: self.per_person,
            link_life: Duration::from_secs(u64::from(self.link_minutes) * 60),
            unused: Duration::from_secs(u64::from(self.unused_days) * 24 * 3600),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_ones_of_the_crates_that_use_them() {
        let ours = Given::default().resolve().unwrap();
        let registry = registry::Settings::default();
        assert_eq!(
            (ours.per_person, ours.link_life),
            (registry.devices_per_account, registry.enrolment_life)
        );
        assert_eq!(ours.unused, registry.device_unused);
    }
}
