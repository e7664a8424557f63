//! Looking for entries of the audit trail.
//!
//! Owns: what may be asked, and what is found. Not here: finding it (`store::AuditTrail`), who may ask (doors).

use super::{Actor, AuditEntry, AuditEvent, Outcome};
use crate::{AccountId, ClientId, DeviceId, SessionId, Timestamp};

/// What to look for; empty finds all, several narrow each other.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// One of these kinds; empty: any.
    pub events: Vec<AuditEvent>,
    /// With this result.
    pub outcome: Option<Outcome>,
    /// Of this account.
    pub account: Option<AccountId>,
    /// Of this phone.
    pub device: Option<DeviceId>,
    /// Of this relying party.
    pub client: Option<ClientId>,
    /// Of this browser session.
    pub session: Option<SessionId>,
    /// Done by this one for another.
    pub actor: Option<Actor>,
    /// Not before. Nodes whose clocks differ by up to ten minutes are reckoned with.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// The detail holds this, whatever the case.
    pub text: Option<String>,
}

impl AuditFilter {
    /// Whether nothing but a time is asked for.
    #[must_use]
    pub fn is_all_but_time(&self) -> bool {
        let Self { events, outcome, account, device, client, session, actor, since: _, until: _, text } =
            self;
        let has_nobody = account.is_none() && device.is_none() && client.is_none() && session.is_none();
        has_nobody && events.is_empty() && outcome.is_none() && actor.is_none() && text.is_none()
    }
}

/// Which end of the trail comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditOrder {
    /// The newest.
    NewestFirst,
    /// The oldest.
    OldestFirst,
}

/// A kept entry with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAudit {
    /// Rising number, in the order of writing: with one writer that of commits; of units that commit at the
    /// same time on a database with many writers a lower number may be seen after a higher one.
    pub number: i64,
    /// The entry.
    pub entry: AuditEntry,
}

/// What was found, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// At most as many as were asked for. Fewer, even none, though there is a next page: the search ends after a
    /// while and goes on from `next`, so that no question costs without limit (SEC-189).
    pub entries: Vec<StoredAudit>,
    /// The number to go on after; none: that was all.
    pub next: Option<i64>,
}
