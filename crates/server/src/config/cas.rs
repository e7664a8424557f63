//! `[cas]`: relying parties that speak CAS.

use std::time::Duration;

use super::section::section;
use super::source::Fault;

section! {
    /// Relying parties that speak CAS, below `/cas` of the issuer. Off, there is nothing at these addresses.
    "cas" {
        /// Serve them.
        enabled: bool = false;
        /// Seconds that a ticket is good which nobody validates; from 10 to 60.
        ticket_seconds: u32 = 30;
    }
}

/// What they are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// They are served.
    pub is_enabled: bool,
    /// Life of a service or proxy ticket.
    pub ticket_life: Duration,
}

impl Given {
    /// What it means.
    ///
    /// # Errors
    /// A life out of its range.
    pub fn resolve(&self) -> Result<Settings, Fault> {
        if !(10..=60).contains(&self.ticket_seconds) {
            return Err(Fault::new("ticket_seconds", "Take a number of seconds from 10 to 60."));
        }
        Ok(Settings {
            is_enabled: self.enabled,
            ticket_life: Duration::from_secs(u64::from(self.ticket_seconds)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_065_it_is_off_and_its_tickets_are_short_lived() {
        let ours = Given::default().resolve().unwrap();
        assert!(!ours.is_enabled);
        assert_eq!(ours.ticket_life, tickets::Settings::default().ticket_life);
        for bad in [0, 9, 61] {
            assert!(Given { ticket_seconds: bad, ..Given::default() }.resolve().is_err());
        }
    }
}
