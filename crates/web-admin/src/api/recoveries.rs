//! `/recoveries`: the way back of somebody who has nothing left to sign in with (SEC-086).

use domain::{AccountId, ListedRecovery, RecoveryId, Timestamp};
use registry::recoveries::RecoveryQuery;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::ask::{self, Ask};
use super::listing::{Listed, Lists};
use super::openapi::Problem;
use super::problem::Failed;
use super::route::{Answer, Route, route};

/// The routes.
pub(super) const ROUTES: &[Route] = &[
    route!(Get "/recoveries", RecoveriesRead, list),
    route!(Post "/recoveries", RecoveriesWrite, open),
    route!(Get "/recoveries/{id}", RecoveriesRead, show),
    route!(Post "/recoveries/{id}/cancel", RecoveriesWrite, cancel),
    route!(Post "/recoveries/{id}/complete", RecoveriesWrite, complete).fresh(),
];

/// Their description.
#[derive(OpenApi)]
#[openapi(paths(list, open, show, cancel, complete))]
pub(super) struct Described;

/// A recovery.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RecoveryShown {
    /// Its id.
    #[schema(example = "rcv_aaaqeayeaudaocajbifqydiob4")]
    id: String,
    /// Whose.
    user: UserNamed,
    /// `waiting`, `ready`, `completed`, `used`, `cancelled` or `expired`.
    state: &'static str,
    /// Why, in the helpdesk's words.
    reason: String,
    /// Who opened it, as the audit trail names them.
    opened_by: String,
    /// When.
    opened_at: String,
    /// From when on it can be completed.
    ready_at: String,
    /// When it is over, wherever it stands.
    expires_at: String,
    /// Who completed it.
    completed_by: Option<String>,
    /// When.
    completed_at: Option<String>,
    /// Who called it off.
    cancelled_by: Option<String>,
    /// When it was used or called off.
    ended_at: Option<String>,
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UserNamed {
    /// Their id.
    id: String,
    /// Their user name.
    username: String,
}

/// What is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRecovery {
    /// Whose: an id or a user name.
    user: String,
    /// Who asked, and how you know them: one plain line of 3 to 200 characters.
    reason: String,
}

/// A completed recovery and its link.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RecoveryCompleted {
    /// The recovery.
    recovery: RecoveryShown,
    /// The link for its owner: a secret, shown this once.
    url: String,
    /// Good until.
    expires_at: String,
}

fn shown(one: ListedRecovery, now: Timestamp) -> RecoveryShown {
    let ListedRecovery { recovery, username } = one;
    let state = recovery.standing(now);
    let (completed_by, completed_at) = recovery.completed.unzip();
    RecoveryShown {
        id: recovery.id.to_string(),
        user: UserNamed { id: recovery.account.to_string(), username },
        state,
        reason: recovery.reason,
        opened_by: recovery.opened_by.to_string(),
        opened_at: recovery.opened_at.rfc3339(),
        ready_at: recovery.ready_at.rfc3339(),
        expires_at: recovery.expires_at.rfc3339(),
        completed_by: completed_by.map(|by| by.to_string()),
        completed_at: completed_at.map(Timestamp::rfc3339),
        cancelled_by: recovery.cancelled_by.map(|by| by.to_string()),
        ended_at: recovery.ended_at.map(Timestamp::rfc3339),
    }
}

const LISTS: Lists = Lists { sorts: &["-opened_at"], filters: &["user", "state"], searches: false };

#[utoipa::path(
    get, path = "/recoveries", tag = "Recoveries",
    summary = "Recoveries, newest first",
    params(
        ("user" = Option<String>, Query, description = "Of this account"),
        ("state" = Option<String>, Query, description = "`open`: those that wait, are ready or completed"),
        ("cursor" = Option<String>, Query),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200),
    ),
    responses((status = 200, body = Listed<RecoveryShown>), (status = 400, body = Problem))
)]
async fn list(ask: Ask) -> Answer {
    let listing = ask.listing(&LISTS)?;
    let open = |text: &str| (text == "open").then_some(());
    let query = RecoveryQuery {
        account: listing.filter_as("user", |text| text.parse().ok(), "must be an account's id")?,
        is_open: listing.filter_as("state", open, "can only be open")?.is_some(),
    };
    let found = ask.registry().recoveries(&query, listing.cursor.as_ref(), listing.fetch()).await?;
    let now = ask.app().now();
    let at =
        |one: &ListedRecovery| (one.recovery.opened_at.millis().to_string(), one.recovery.id.to_string());
    Ok(ask::ok(&listing.page(found, None, at, |one| shown(one, now))))
}

#[utoipa::path(
    post, path = "/recoveries", tag = "Recoveries",
    summary = "Open a recovery",
    description = "Its owner is told on every channel and can call it off. After the waiting time of the policy it can be \
                   completed.",
    request_body = NewRecovery,
    responses(
        (status = 201, body = RecoveryShown),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "`recovery_open`, `account_state`"),
    )
)]
async fn open(ask: Ask) -> Answer {
    let new: NewRecovery = ask.json()?;
    let account: AccountId = match new.user.parse() {
        Ok(id) => id,
        Err(_) => ask.registry().user(&new.user).await?.id,
    };
    let opened = ask.registry().open_recovery(ask.mandate(), &account, &new.reason).await?;
    let path = format!("/recoveries/{}", opened.recovery.id);
    Ok(ask::created(&path, &shown(opened, ask.app().now()), None))
}

#[utoipa::path(
    get, path = "/recoveries/{id}", tag = "Recoveries", summary = "One recovery",
    params(("id" = String, Path)),
    responses((status = 200, body = RecoveryShown), (status = 404, body = Problem))
)]
async fn show(ask: Ask) -> Answer {
    let id: RecoveryId = ask.id("id")?;
    let found = ask.registry().recovery(&id).await?;
    Ok(ask::ok(&shown(found, ask.app().now())))
}

#[utoipa::path(
    post, path = "/recoveries/{id}/cancel", tag = "Recoveries", summary = "Call a recovery off",
    params(("id" = String, Path)),
    responses((status = 200, body = RecoveryShown), (status = 404, body = Problem), (status = 409, body = Problem))
)]
async fn cancel(ask: Ask) -> Answer {
    let id: RecoveryId = ask.id("id")?;
    let cancelled = ask.registry().cancel_recovery(ask.mandate(), &id).await?;
    Ok(ask::ok(&shown(cancelled, ask.app().now())))
}

#[utoipa::path(
    post, path = "/recoveries/{id}/complete", tag = "Recoveries",
    summary = "Complete a recovery whose wait is over",
    description = "Answers the link for its owner, once. With their password or a recovery code it lets them set up a \
                   passkey or a phone, and signs them in nowhere else.",
    params(("id" = String, Path)),
    responses(
        (status = 200, body = RecoveryCompleted),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "`recovery_waiting`, `recovery_state`, `recovery_same_person`"),
    )
)]
async fn complete(ask: Ask) -> Answer {
    let id: RecoveryId = ask.id("id")?;
    let done = ask.registry().complete_recovery(ask.mandate(), &id).await.map_err(Failed::from)?;
    let recovery = shown(done.recovery, ask.app().now());
    let expires_at = recovery.expires_at.clone();
    Ok(ask::ok(&RecoveryCompleted { recovery, url: done.url, expires_at }))
}
