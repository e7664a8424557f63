//! `/sessions`: living browser sessions.

use domain::{AccountId, ListedSession, SessionFilter, SessionId, Timestamp};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::ask::{self, Ask};
use super::listing::{Listed, Lists};
use super::openapi::Problem;
use super::problem::Failed;
use super::route::{Answer, Route, route};

/// The routes.
pub(super) const ROUTES: &[Route] = &[
    route!(Get "/sessions", SessionsRead, list),
    route!(Delete "/sessions/{id}", SessionsEnd, end),
    route!(Get "/users/{id}/sessions", SessionsRead, list_of_user),
    route!(Delete "/users/{id}/sessions", SessionsEnd, end_of_user),
];

/// Their description.
#[derive(OpenApi)]
#[openapi(paths(list, end, list_of_user, end_of_user))]
pub(super) struct Described;

/// A signed-in browser.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionShown {
    /// Its id.
    #[schema(example = "ses_aaaqeayeaudaocajbifqydiob4")]
    id: String,
    /// Whose: the account's id.
    user: String,
    /// Their user name.
    username: String,
    /// The phone that approved it.
    device: Option<String>,
    /// How they proved who they are, the newest last.
    methods: Vec<&'static str>,
    /// What that amounts to: the strongest `acr`.
    acr: Option<&'static str>,
    /// "Firefox on Linux".
    browser: String,
    /// The address it began from.
    address: String,
    /// Began.
    created_at: String,
    /// Last used, to the minute.
    last_used_at: String,
    /// Ends by itself at the latest.
    expires_at: String,
}

impl From<ListedSession> for SessionShown {
    fn from(ListedSession { session, username }: ListedSession) -> Self {
        Self {
            id: session.id.to_string(),
            user: session.account.to_string(),
            username,
            device: session.device.map(|device| device.to_string()),
            methods: session.proofs.iter().map(|proof| proof.method.as_str()).collect(),
            acr: session.acr().map(domain::Acr::as_str),
            created_at: session.created_at.rfc3339(),
            last_used_at: session.last_used_at.rfc3339(),
            expires_at: session.expires_at.rfc3339(),
            browser: session.browser,
            address: session.address,
        }
    }
}

const LISTS: Lists =
    Lists { sorts: &["-created_at"], filters: &["user", "device", "since", "until"], searches: true };

#[utoipa::path(
    get, path = "/sessions", tag = "Sessions",
    summary = "Living sessions, newest first",
    params(
        ("q" = Option<String>, Query, description = "Part of the user name, the browser's label or the address"),
        ("user" = Option<String>, Query, description = "Of this account"),
        ("device" = Option<String>, Query, description = "Approved by this phone"),
        ("since" = Option<String>, Query, description = "Begun then or later (RFC 3339, or a date)"),
        ("until" = Option<String>, Query, description = "Begun before"),
        ("cursor" = Option<String>, Query),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200),
    ),
    responses((status = 200, body = Listed<SessionShown>), (status = 400, body = Problem))
)]
async fn list(ask: Ask) -> Answer {
    let listing = ask.listing(&LISTS)?;
    let time = |name| listing.filter_as(name, Timestamp::from_rfc3339, "must be a time of RFC 3339");
    let query = SessionFilter {
        account: listing.filter_as("user", |text| text.parse().ok(), "must be an account's id")?,
        device: listing.filter_as("device", |text| text.parse().ok(), "must be a device's id")?,
        text: listing.q.clone().unwrap_or_default(),
        since: time("since")?,
        until: time("until")?,
    };
    let found = ask.registry().sessions(&query, listing.cursor.as_ref(), listing.fetch()).await?;
    let at = |one: &ListedSession| (one.session.created_at.millis().to_string(), one.session.id.to_string());
    Ok(ask::ok(&listing.page(found, None, at, SessionShown::from)))
}

#[utoipa::path(
    delete, path = "/sessions/{id}", tag = "Sessions",
    summary = "End a session",
    description = "Tokens that were made in it end with it; its relying parties and its owner are told.",
    params(("id" = String, Path)),
    responses((status = 204, description = "Ended"), (status = 404, body = Problem))
)]
async fn end(ask: Ask) -> Answer {
    let id: SessionId = ask.id("id")?;
    ask.registry().end_session(ask.mandate(), &id).await.map_err(Failed::from)?;
    Ok(ask::nothing())
}

/// How many ended.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionsEnded {
    /// Sessions that were alive.
    ended: usize,
}

const OF_USER: Lists = Lists { sorts: &["-created_at"], filters: &[], searches: false };

#[utoipa::path(
    get, path = "/users/{id}/sessions", tag = "Sessions",
    summary = "Living sessions of a person, newest first",
    params(
        ("id" = String, Path),
        ("cursor" = Option<String>, Query),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200),
    ),
    responses((status = 200, body = Listed<SessionShown>), (status = 400, body = Problem))
)]
async fn list_of_user(ask: Ask) -> Answer {
    let listing = ask.listing(&OF_USER)?;
    let query = SessionFilter { account: Some(ask.id("id")?), ..SessionFilter::default() };
    let found = ask.registry().sessions(&query, listing.cursor.as_ref(), listing.fetch()).await?;
    let at = |one: &ListedSession| (one.session.created_at.millis().to_string(), one.session.id.to_string());
    Ok(ask::ok(&listing.page(found, None, at, SessionShown::from)))
}

#[utoipa::path(
    delete, path = "/users/{id}/sessions", tag = "Sessions",
    summary = "End all sessions of a person",
    description = "Their tokens end with them, also those that outlive sessions; relying parties and the person are told.",
    params(("id" = String, Path)),
    responses((status = 200, body = SessionsEnded), (status = 404, body = Problem))
)]
async fn end_of_user(ask: Ask) -> Answer {
    let id: AccountId = ask.id("id")?;
    let ended = ask.registry().end_sessions_of(ask.mandate(), &id).await?;
    Ok(ask::ok(&SessionsEnded { ended }))
}
