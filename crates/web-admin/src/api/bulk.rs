//! `/bulk`: one deed to many, looked at before it is done, undone for a minute after.

use domain::{AccountState, BulkAction, BulkSubject, DeviceState};
use registry::jobs::{BulkAsked, BulkFilter};
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use super::ask::{self, Ask};
use super::jobs::JobShown;
use super::openapi::Problem;
use super::problem::Failed;
use super::route::{Answer, Route, route};

/// The routes. What is done needs a permission of its own besides.
pub(super) const ROUTES: &[Route] = &[route!(Post "/bulk", JobsWrite, plan)];

/// Their description.
#[derive(OpenApi)]
#[openapi(paths(plan))]
pub(super) struct Described;

/// What is to be done to which.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewBulk {
    /// `suspend_devices`, `restore_devices`, `revoke_devices`, `approve_devices`, `reject_devices`, `disable_users`,
    /// `enable_users`, `end_user_sessions`, `add_to_group`, `remove_from_group` or `end_sessions`.
    action: String,
    /// Ids, at most 10,000. Either these or a filter.
    ids: Option<Vec<String>>,
    /// What fits, at most 10,000.
    filter: Option<NewFilter>,
    /// The group that people are put into or taken out of: its name or id.
    group: Option<String>,
    /// Why: one plain line.
    reason: Option<String>,
}

/// Which things; what is not said does not matter.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewFilter {
    /// Where phones or people stand.
    state: Option<String>,
    /// Of people in this group, by its name.
    group: Option<String>,
    /// Part of the user name.
    q: Option<String>,
    /// Phones not used for so many days.
    unused_days: Option<u32>,
    /// Sessions of this user: name or id.
    user: Option<String>,
}

fn filter(subject: BulkSubject, given: NewFilter) -> Result<BulkFilter, Failed> {
    let word = |word: &str, words: &[&str]| words.contains(&word);
    let state = given.state.as_deref();
    let mut read = BulkFilter {
        group: given.group,
        search: given.q,
        unused_days: given.unused_days,
        user: given.user,
        ..BulkFilter::default()
    };
    match (subject, state) {
        (_, None) => {}
        (BulkSubject::Devices, Some(state))
            if word(state, &["pending", "active", "suspended", "revoked"]) =>
        {
            read.device_state = Some(match state {
                "pending" => DeviceState::Pending,
                "active" => DeviceState::Active,
                "suspended" => DeviceState::Suspended,
                _ => DeviceState::Revoked,
            });
        }
        (BulkSubject::Users, Some("active")) => read.account_state = Some(AccountState::Active),
        (BulkSubject::Users, Some("disabled")) => read.account_state = Some(AccountState::Disabled),
        _ => return Err(Failed::invalid("filter.state", "is no state of what this is done to")),
    }
    let is_misplaced = match subject {
        BulkSubject::Devices => read.user.is_some(),
        BulkSubject::Users => read.user.is_some() || read.unused_days.is_some(),
        BulkSubject::Sessions => read.group.is_some() || read.search.is_some() || read.unused_days.is_some(),
    };
    if is_misplaced {
        return Err(Failed::invalid("filter", "has a member that does not fit what this is done to"));
    }
    Ok(read)
}

#[utoipa::path(
    post, path = "/bulk", tag = "Long work",
    summary = "Look at what a deed to many would change",
    description = "Nothing is changed until the answered work is started. It can be undone for 60 seconds after its last \
        row, but for ended sessions. Phones that are to be revoked are suspended at once and revoked when that time is \
        over; those to be rejected go on waiting until then.",
    request_body = NewBulk,
    responses((status = 201, body = JobShown), (status = 400, body = Problem), (status = 403, body = Problem))
)]
async fn plan(ask: Ask) -> Answer {
    let new: NewBulk = ask.json()?;
    let action = BulkAction::from_word(&new.action)
        .ok_or_else(|| Failed::invalid("action", "is no action that can be done to many"))?;
    if new.ids.is_some() == new.filter.is_some() {
        return Err(Failed::invalid("ids", "or filter is needed, and not both"));
    }
    let asked = BulkAsked {
        action,
        ids: new.ids,
        filter: filter(action.subject(), new.filter.unwrap_or_default())?,
        group: new.group,
        reason: new.reason,
    };
    let job = ask.registry().plan_bulk(ask.mandate(), asked).await?;
    let path = format!("/jobs/{}", job.id);
    Ok(ask::created(&path, &JobShown::of(&job, ask.registry().now()), None))
}
