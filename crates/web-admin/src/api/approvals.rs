//! `/approvals`: phones that wait for an administrator (SEC-075).

use domain::{DeviceKind, ListedDevice};
use registry::approvals::Decision;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::ask::{self, Ask};
use super::listing::{Listed, Lists};
use super::openapi::Problem;
use super::problem::Failed;
use super::route::{Answer, Route, route};

/// The routes.
pub(super) const ROUTES: &[Route] =
    &[route!(Get "/approvals", DevicesRead, list), route!(Post "/approvals/decide", DevicesWrite, decide)];

/// Their description.
#[derive(OpenApi)]
#[openapi(paths(list, decide))]
pub(super) struct Described;

/// A phone that waits, with what its approver has to see.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PendingShown {
    /// Its id.
    id: String,
    /// Whose it is to be: their id.
    user: String,
    /// Their user name.
    username: String,
    /// What its owner calls it.
    name: String,
    /// Operating system, as it told.
    platform: String,
    /// Model, where one is known.
    model: Option<String>,
    /// `web`, `app` or `cas`.
    kind: &'static str,
    /// Who added it and how: `owner`, `desktop` or `admin`.
    added_by: &'static str,
    /// Thumbprint of its key; null for the kind `cas`, which has none.
    thumbprint: Option<String>,
    /// Whether it verifies its user.
    verifies_user: bool,
    /// Whether its maker vouches for it: `none` or `verified`.
    attestation: &'static str,
    /// Since when it waits.
    created_at: String,
}

impl From<ListedDevice> for PendingShown {
    fn from(listed: ListedDevice) -> Self {
        let device = listed.device;
        Self {
            id: device.id.to_string(),
            user: device.account.to_string(),
            username: listed.username,
            name: device.name,
            platform: device.platform,
            model: device.record.model,
            kind: DeviceKind::as_str(device.kind),
            added_by: device.added_by.as_str(),
            thumbprint: device.key.map(|key| key.thumbprint),
            verifies_user: device.verifies_user,
            attestation: device.record.attestation.as_str(),
            created_at: device.created_at.rfc3339(),
        }
    }
}

/// What is decided about which.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Decide {
    /// Phones, at most 200.
    ids: Vec<String>,
    /// `approve` or `reject`.
    decision: String,
    /// Why: one plain line.
    reason: Option<String>,
}

/// What became of each.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DecidedShown {
    results: Vec<DecidedOne>,
}

/// What became of one.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DecidedOne {
    /// Which.
    id: String,
    /// `done`, `not_found` or `not_pending`.
    outcome: &'static str,
}

#[utoipa::path(
    get, path = "/approvals", tag = "Devices",
    summary = "Phones that wait for approval, the longest first",
    params(
        ("q" = Option<String>, Query, description = "Beginning of the phone's or its owner's name"),
        ("cursor" = Option<String>, Query), ("limit" = Option<u32>, Query),
    ),
    responses((status = 200, body = Listed<PendingShown>), (status = 400, body = Problem))
)]
async fn list(ask: Ask) -> Answer {
    let listing = ask.listing(&Lists { sorts: &["created_at"], filters: &[], searches: true })?;
    let search = listing.q.as_deref().map(str::to_lowercase);
    let found = ask.registry().approvals(search.as_deref(), listing.cursor.as_ref(), listing.fetch()).await?;
    let at = |one: &ListedDevice| (one.device.created_at.millis().to_string(), one.device.id.to_string());
    Ok(ask::ok(&listing.page(found, None, at, PendingShown::from)))
}

#[utoipa::path(
    post, path = "/approvals/decide", tag = "Devices",
    summary = "Approve or reject phones that wait",
    description = "Each is decided by itself; what became of it is told. A rejected phone's key never works.",
    request_body = Decide,
    responses((status = 200, body = DecidedShown), (status = 400, body = Problem))
)]
async fn decide(ask: Ask) -> Answer {
    let asked: Decide = ask.json()?;
    let decision = match asked.decision.as_str() {
        "approve" => Decision::Approve,
        "reject" => Decision::Reject,
        _ => return Err(Failed::invalid("decision", "is neither approve nor reject")),
    };
    let results =
        ask.registry().decide_approvals(ask.mandate(), &asked.ids, decision, asked.reason.as_deref()).await?;
    let results =
        results.into_iter().map(|(id, outcome)| DecidedOne { id, outcome: outcome.as_str() }).collect();
    Ok(ask::ok(&DecidedShown { results }))
}
