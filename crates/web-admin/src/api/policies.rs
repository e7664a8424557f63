//! `/policies`: what the operator wants of phones, passwords, enrolments and recoveries.

use registry::policies::PolicyNow;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::{OpenApi, ToSchema};

use super::ask::{self, Ask};
use super::listing::Listed;
use super::openapi::Problem;
use super::route::{Answer, Route, route};
use super::users::seen;

/// The routes.
pub(super) const ROUTES: &[Route] = &[
    route!(Get "/policies", PolicyRead, list),
    route!(Get "/policies/{name}", PolicyRead, show),
    route!(Put "/policies/{name}", PolicyWrite, replace).fresh(),
    route!(Patch "/policies/{name}", PolicyWrite, change).fresh(),
];

/// Their description.
#[derive(OpenApi)]
#[openapi(paths(list, show, replace, change))]
pub(super) struct Described;

/// A policy as it holds.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PolicyShown {
    /// `devices`, `passwords`, `enrolments` or `recovery`.
    name: &'static str,
    /// All its fields.
    #[schema(value_type = Object)]
    value: Value,
    /// What `If-Match` wants; 0: none was saved, it is what the configuration says.
    version: u32,
    /// When it was saved.
    changed_at: Option<String>,
}

impl From<PolicyNow> for PolicyShown {
    fn from(policy: PolicyNow) -> Self {
        Self {
            name: policy.name,
            value: policy.value,
            version: policy.version,
            changed_at: policy.changed_at.map(domain::Timestamp::rfc3339),
        }
    }
}

fn versioned(policy: PolicyNow) -> Answer {
    let version = i64::from(policy.version);
    Ok(ask::versioned(&PolicyShown::from(policy), version))
}

#[utoipa::path(
    get, path = "/policies", tag = "Policies", summary = "All policies",
    responses((status = 200, body = Listed<PolicyShown>))
)]
async fn list(ask: Ask) -> Answer {
    ask.query(&[])?;
    let all = ask.registry().policies().await?;
    Ok(ask::ok(&Listed::whole(all.into_iter().map(PolicyShown::from).collect())))
}

#[utoipa::path(
    get, path = "/policies/{name}", tag = "Policies", summary = "A policy",
    params(("name" = String, Path)),
    responses((status = 200, body = PolicyShown), (status = 404, body = Problem))
)]
async fn show(ask: Ask) -> Answer {
    ask.query(&[])?;
    versioned(ask.registry().policy(ask.path("name")).await?)
}

#[utoipa::path(
    put, path = "/policies/{name}", tag = "Policies", summary = "Save a policy as a whole",
    description = "Fields that are left out are the defaults.",
    params(("name" = String, Path), ("If-Match" = String, Header, description = "The version that was seen")),
    request_body = Object,
    responses(
        (status = 200, body = PolicyShown),
        (status = 400, body = Problem),
        (status = 404, body = Problem),
        (status = 412, body = Problem, description = "It was changed since: `current_version`"),
        (status = 428, body = Problem),
    )
)]
async fn replace(ask: Ask) -> Answer {
    let version = seen(ask.must_match()?);
    let value: Map<String, Value> = ask.json()?;
    versioned(
        ask.registry().save_policy(ask.mandate(), ask.path("name"), &Value::Object(value), version).await?,
    )
}

#[utoipa::path(
    patch, path = "/policies/{name}", tag = "Policies", summary = "Change some fields of a policy",
    params(("name" = String, Path), ("If-Match" = String, Header, description = "The version that was seen")),
    request_body = Object,
    responses(
        (status = 200, body = PolicyShown),
        (status = 400, body = Problem),
        (status = 404, body = Problem),
        (status = 412, body = Problem, description = "It was changed since: `current_version`"),
        (status = 428, body = Problem),
    )
)]
async fn change(ask: Ask) -> Answer {
    let version = seen(ask.must_match()?);
    let some: Map<String, Value> = ask.json()?;
    versioned(ask.registry().change_policy(ask.mandate(), ask.path("name"), some, version).await?)
}
