//! `/claims`: claims that the operator defines.

use std::collections::BTreeMap;

use app::Refusal;
use domain::{ClaimDefinition, ClaimEditor, ClaimKind, ClaimLimits};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::ask::{self, Ask};
use super::listing::Listed;
use super::openapi::Problem;
use super::route::{Answer, Route, route};
use super::users::seen;

/// The routes.
pub(super) const ROUTES: &[Route] = &[
    route!(Get "/claims", ClaimsRead, list),
    route!(Get "/claims/{name}", ClaimsRead, show),
    route!(Put "/claims/{name}", ClaimsWrite, define),
    route!(Delete "/claims/{name}", ClaimsWrite, remove),
];

/// Their description.
#[derive(OpenApi)]
#[openapi(paths(list, show, define, remove))]
pub(super) struct Described;

/// A claim.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ClaimShown {
    /// Its name.
    name: String,
    /// `text`, `number`, `boolean` or `text_list`.
    #[schema(value_type = String)]
    kind: ClaimKind,
    /// The scope that tells it; null: it is told to nobody.
    scope: Option<String>,
    /// What people are shown, by language.
    labels: BTreeMap<String, String>,
    /// `admin` or `owner`.
    #[schema(value_type = String)]
    edited_by: ClaimEditor,
    /// Limits of its values: `longest`, `most`, `min`, `max`.
    #[schema(value_type = Object)]
    limits: ClaimLimits,
    /// What `If-Match` wants.
    version: u32,
}

impl From<(ClaimDefinition, u32)> for ClaimShown {
    fn from((definition, version): (ClaimDefinition, u32)) -> Self {
        let ClaimDefinition { name, kind, scope, labels, edited_by, limits } = definition;
        Self { name, kind, scope, labels, edited_by, limits, version }
    }
}

#[utoipa::path(
    get, path = "/claims", tag = "Claims", summary = "The claims that are defined",
    responses((status = 200, body = Listed<ClaimShown>))
)]
async fn list(ask: Ask) -> Answer {
    ask.query(&[])?;
    let all = ask.registry().claim_definitions().await?;
    Ok(ask::ok(&Listed::whole(all.into_iter().map(ClaimShown::from).collect())))
}

async fn found(ask: &Ask) -> Result<(ClaimDefinition, u32), Refusal> {
    let all = ask.registry().claim_definitions().await?;
    all.into_iter().find(|(definition, _)| definition.name == ask.path("name")).ok_or(Refusal::NotFound)
}

#[utoipa::path(
    get, path = "/claims/{name}", tag = "Claims", summary = "A claim",
    params(("name" = String, Path)),
    responses((status = 200, body = ClaimShown), (status = 404, body = Problem))
)]
async fn show(ask: Ask) -> Answer {
    ask.query(&[])?;
    let (definition, version) = found(&ask).await?;
    Ok(ask::versioned(&ClaimShown::from((definition, version)), i64::from(version)))
}

/// What a claim is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClaimAsked {
    /// `text`, `number`, `boolean` or `text_list`.
    #[schema(value_type = String)]
    kind: ClaimKind,
    /// The scope that tells it; null: it is told to nobody.
    #[serde(default)]
    scope: Option<String>,
    /// What people are shown, by language.
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// `admin` or `owner`.
    #[schema(value_type = String)]
    edited_by: ClaimEditor,
    /// Limits of its values: `longest`, `most`, `min`, `max`.
    #[serde(default)]
    #[schema(value_type = Object)]
    limits: ClaimLimits,
}

#[utoipa::path(
    put, path = "/claims/{name}", tag = "Claims", summary = "Define a claim, or change its definition",
    description = "Values that users have stay; the next edit of one has to fit.",
    params(("name" = String, Path)), request_body = ClaimAsked,
    responses(
        (status = 200, body = ClaimShown, description = "Changed"),
        (status = 201, body = ClaimShown, description = "Defined"),
        (status = 400, body = Problem),
        (status = 412, body = Problem, description = "It was changed since: `current_version`"),
    )
)]
async fn define(ask: Ask) -> Answer {
    let ClaimAsked { kind, scope, labels, edited_by, limits } = ask.json()?;
    let name = ask.path("name").to_owned();
    let definition = ClaimDefinition { name, kind, scope, labels, edited_by, limits };
    let version = ask.registry().define_claim(ask.mandate(), &definition, seen(ask.if_match()?)).await?;
    let path = format!("/claims/{}", definition.name);
    let shown = ClaimShown::from((definition, version));
    Ok(if version == 1 {
        ask::created(&path, &shown, Some(1))
    } else {
        ask::versioned(&shown, i64::from(version))
    })
}

#[utoipa::path(
    delete, path = "/claims/{name}", tag = "Claims", summary = "Remove the definition of a claim",
    description = "It is told to nobody any more. Values that users have stay until they are edited.",
    params(("name" = String, Path)),
    responses((status = 204, description = "Removed"), (status = 404, body = Problem), (status = 412, body = Problem))
)]
async fn remove(ask: Ask) -> Answer {
    let name = ask.path("name");
    ask.registry().remove_claim(ask.mandate(), name, seen(ask.if_match()?)).await?;
    Ok(ask::nothing())
}
