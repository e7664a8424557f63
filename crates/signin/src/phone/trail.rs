//! The audit trail of a channel (SEC-063).
//!
//! Opening and claiming cost no durable commit of their own: their entries are written with the decision, in
//! its unit of work, each with its own time; or when a claimed channel ends without one. A channel that no
//! phone ever came to leaves a count and no entry.

use app::audit;
use domain::{AuditEntry, AuditEvent, Outcome, Timestamp};
use qr::{Channel, Claim, Common};

/// An entry about a channel. `phone` says who acted: the phone, or the browser.
pub(super) fn entry(
    common: &Common,
    claim: &Claim,
    event: AuditEvent,
    at: Timestamp,
    by_phone: bool,
) -> AuditEntry {
    let browser = common.opening.seen.address.to_string();
    let phone = claim.address.to_string();
    let (address, other) = if by_phone { (phone, browser) } else { (browser, phone) };
    AuditEntry {
        account: Some(claim.account),
        device: Some(claim.device),
        client: common.client(),
        address: Some(address),
        other_address: Some(other),
        ..AuditEntry::new(event, Outcome::Done, at)
    }
}

/// What happened up to the claim. The browser that opened the channel was nobody's then.
pub(super) fn until_claim(common: &Common, claim: &Claim) -> [AuditEntry; 2] {
    let opened = AuditEntry {
        account: None,
        device: None,
        other_address: None,
        ..entry(common, claim, AuditEvent::ChannelOpened, common.opened, false)
    };
    [opened, entry(common, claim, AuditEvent::ChannelClaimed, claim.at, true)]
}

/// The entries of a channel that ended by time or was cancelled: none where no phone came, or where the
/// decision wrote them all.
pub(super) fn end(channel: &Channel, why: &str, now: Timestamp) -> Vec<AuditEntry> {
    let expired = |common, claim| AuditEntry {
        detail: audit::detail(why),
        ..entry(common, claim, AuditEvent::ChannelExpired, now, false)
    };
    match channel {
        Channel::Created(_) | Channel::Denied(_) => Vec::new(),
        Channel::Claimed(claimed) => {
            let mut entries = until_claim(&claimed.common, &claimed.claim).to_vec();
            entries.push(expired(&claimed.common, &claimed.claim));
            entries
        }
        Channel::Approved(approved) => vec![expired(&approved.common, &approved.claim)],
    }
}
