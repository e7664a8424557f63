//! The audit trail of a channel for apps made for CAS (SEC-063): as `phone::trail`, with the mode in its details.

use app::audit;
use domain::{AuditEntry, AuditEvent, ClientAddress, Outcome, Timestamp};
use qr::cas_channel::{Approval, Approved, Common};

/// What its entries say of the mode.
const MODE: &str = "CAS app";

fn browser(common: &Common, event: AuditEvent, at: Timestamp) -> AuditEntry {
    AuditEntry {
        client: Some(common.opening.client.clone()),
        address: Some(common.opening.seen.address.to_string()),
        detail: audit::detail(MODE),
        ..AuditEntry::new(event, Outcome::Done, at)
    }
}

/// The page showed a code. Nobody was anybody then.
pub(super) fn opened(common: &Common) -> AuditEntry {
    browser(common, AuditEvent::ChannelOpened, common.opened)
}

/// An app approved.
pub(super) fn approved(common: &Common, approval: &Approval, at: Timestamp) -> AuditEntry {
    AuditEntry {
        account: Some(approval.account),
        device: Some(approval.device),
        address: Some(approval.address.to_string()),
        other_address: Some(common.opening.seen.address.to_string()),
        ..browser(common, AuditEvent::ChannelApproved, at)
    }
}

/// Failed approvals ended it; the last one came from this address.
pub(super) fn denied(common: &Common, address: ClientAddress, at: Timestamp) -> AuditEntry {
    AuditEntry {
        address: Some(address.to_string()),
        other_address: Some(common.opening.seen.address.to_string()),
        detail: audit::detail("CAS app: failed approvals"),
        ..browser(common, AuditEvent::ChannelDenied, at)
    }
}

/// The browser did something with an approval: was signed in, or was not.
pub(super) fn by_browser(
    common: &Common,
    approval: &Approval,
    address: ClientAddress,
    event: AuditEvent,
    at: Timestamp,
) -> AuditEntry {
    AuditEntry {
        account: Some(approval.account),
        device: Some(approval.device),
        address: Some(address.to_string()),
        other_address: Some(approval.address.to_string()),
        ..browser(common, event, at)
    }
}

/// An approval that led nowhere.
pub(super) fn ended(approved: &Approved, why: &str, now: Timestamp) -> AuditEntry {
    let Approved { common, approval, .. } = approved;
    let address = common.opening.seen.address;
    AuditEntry {
        detail: audit::detail(&format!("{MODE}: {why}")),
        ..by_browser(common, approval, address, AuditEvent::ChannelExpired, now)
    }
}
