//! `/initial-tokens`: rights to register relying parties (RFC 7591 §3: initial access tokens).

use std::time::Duration;

use domain::InitialToken;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::ask::{self, Ask};
use super::listing::Listed;
use super::openapi::Problem;
use super::route::{Answer, Route, route};

/// The routes.
pub(super) const ROUTES: &[Route] = &[
    route!(Get "/initial-tokens", ClientsRead, list),
    route!(Post "/initial-tokens", ClientsWrite, create).fresh(),
    route!(Delete "/initial-tokens/{name}", ClientsWrite, delete),
];

/// Their description.
#[derive(OpenApi)]
#[openapi(paths(list, create, delete))]
pub(super) struct Described;

/// A right to register relying parties.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InitialTokenShown {
    /// What it is for; it is told apart by it.
    name: String,
    /// How many relying parties may still be registered with it.
    uses_left: u32,
    /// When it ends.
    expires_at: String,
    /// When it was made.
    created_at: String,
    /// The token, this once: in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl From<&InitialToken> for InitialTokenShown {
    fn from(kept: &InitialToken) -> Self {
        Self {
            name: kept.name.clone(),
            uses_left: kept.uses_left,
            expires_at: kept.expires_at.rfc3339(),
            created_at: kept.created_at.rfc3339(),
            token: None,
        }
    }
}

/// What a right is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewInitialToken {
    /// What it is for.
    #[schema(max_length = 100)]
    name: String,
    /// How many relying parties may be registered with it.
    #[serde(default = "one")]
    #[schema(default = 1, minimum = 1)]
    uses: u32,
    /// How many days it is good.
    #[serde(default = "week")]
    #[schema(default = 7, minimum = 1)]
    days: u32,
}

const fn one() -> u32 {
    1
}

const fn week() -> u32 {
    7
}

#[utoipa::path(
    get, path = "/initial-tokens", tag = "Relying parties",
    summary = "Rights to register relying parties, without their tokens",
    responses((status = 200, body = Listed<InitialTokenShown>))
)]
async fn list(ask: Ask) -> Answer {
    ask.query(&[])?;
    let all = ask.registry().initial_tokens().await?;
    Ok(ask::ok(&Listed::whole(all.iter().map(InitialTokenShown::from).collect())))
}

#[utoipa::path(
    post, path = "/initial-tokens", tag = "Relying parties",
    summary = "Make a right to register relying parties",
    description = "Its token is in this answer and in no other.",
    request_body = NewInitialToken,
    responses(
        (status = 201, body = InitialTokenShown),
        (status = 400, body = Problem),
        (status = 409, body = Problem, description = "`conflict`: the name is taken"),
    )
)]
async fn create(ask: Ask) -> Answer {
    let NewInitialToken { name, uses, days } = ask.json()?;
    let life = Duration::from_secs(u64::from(days) * 24 * 3600);
    let made = ask.registry().create_initial_token_by(ask.mandate(), &name, uses, life).await?;
    let mut shown = InitialTokenShown::from(&made.kept);
    shown.token = Some(made.token.text());
    let name: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    Ok(ask::created(&format!("/initial-tokens/{}", name.replace('+', "%20")), &shown, None))
}

#[utoipa::path(
    delete, path = "/initial-tokens/{name}", tag = "Relying parties",
    summary = "Take a right back",
    params(("name" = String, Path)),
    responses((status = 204, description = "Taken back"), (status = 404, body = Problem))
)]
async fn delete(ask: Ask) -> Answer {
    ask.registry().delete_initial_token_by(ask.mandate(), ask.path("name")).await?;
    Ok(ask::nothing())
}
