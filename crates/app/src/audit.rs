//! Beginnings of audit entries.
//!
//! Owns: what every entry takes from the one who acts. Not here: keeping it (same unit as the deed).
//!
//! ```text
//! work.audit(AuditEntry { account: Some(id), ..audit::by(&visitor, AuditEvent::SessionStarted, Outcome::Done, now) })
//! ```

use domain::{Actor, AuditEntry, AuditEvent, ClientAddress, Outcome, Timestamp, text};

use crate::Visitor;

/// Characters of a detail at most.
const DETAIL: usize = 200;

/// An entry about what a browser did; fill in the rest.
#[must_use]
pub fn by(visitor: &Visitor, event: AuditEvent, outcome: Outcome, now: Timestamp) -> AuditEntry {
    from(visitor.address, event, outcome, now)
}

/// An entry about what somebody at this address did; fill in the rest.
#[must_use]
pub fn from(address: ClientAddress, event: AuditEvent, outcome: Outcome, now: Timestamp) -> AuditEntry {
    AuditEntry { address: Some(address.to_string()), ..AuditEntry::new(event, outcome, now) }
}

/// An entry about what somebody did to what is another's, or the server by itself: fill in whose.
#[must_use]
pub fn of(
    actor: &Actor,
    address: Option<ClientAddress>,
    event: AuditEvent,
    outcome: Outcome,
    now: Timestamp,
) -> AuditEntry {
    let address = address.map(|address| address.to_string());
    AuditEntry { address, ..AuditEntry::new(event, outcome, now).by(actor.clone()) }
}

/// A detail that is fit to be kept and shown: plain, cut to its length.
#[must_use]
pub fn detail(words: &str) -> Option<String> {
    Some(text::shown(words, DETAIL)).filter(|shown| !shown.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_names_its_address_and_plain_details_only() {
        let address = ClientAddress([192, 0, 2, 1].into());
        let entry = from(address, AuditEvent::PasswordTried, Outcome::Refused, Timestamp::from_seconds(9));
        assert_eq!(entry.address.as_deref(), Some("192.0.2.1"));
        assert_eq!(entry.at, Timestamp::from_seconds(9));
        assert_eq!(detail("wrong\r\npassword").as_deref(), Some("wrongpassword"));
        assert_eq!(detail(&"x".repeat(500)).unwrap().chars().count(), DETAIL);
        assert_eq!(detail("\u{0}"), None);
    }
}
