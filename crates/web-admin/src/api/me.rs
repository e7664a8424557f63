//! `/me`: the caller.

use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::ask::{self, Ask};
use super::route::{Answer, Route, route};

/// The routes.
pub(super) const ROUTES: &[Route] = &[route!(Get "/me", any, show)];

/// Their description.
#[derive(OpenApi)]
#[openapi(paths(show))]
pub(super) struct Described;

/// The caller.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    /// The account's id; null for the command line and for clients that act for themselves.
    #[schema(example = "acc_aaaqeayeaudaocajbifqydiob4")]
    id: Option<String>,
    /// User name.
    username: Option<String>,
    /// What to call them.
    name: Option<String>,
    /// Roles, their own and those of their groups.
    #[schema(example = json!(["helpdesk"]))]
    roles: Vec<&'static str>,
    /// What this caller may, which may be less than the roles allow.
    #[schema(example = json!(["users.read"]))]
    permissions: Vec<&'static str>,
    /// To be sent in `lb-csrf` with every change; null for callers without cookie.
    csrf: Option<String>,
}

#[utoipa::path(
    get, path = "/me", tag = "The caller",
    summary = "Who calls, and what they may",
    responses((status = 200, body = Me))
)]
async fn show(ask: Ask) -> Answer {
    let caller = ask.caller();
    let account = caller.account.as_ref();
    Ok(ask::ok(&Me {
        id: account.map(|account| account.id.to_string()),
        username: account.map(|account| account.username.as_str().to_owned()),
        name: account.map(|account| domain::text::shown(account.display_name(), 80)),
        roles: account
            .map(|account| account.roles.iter().map(domain::Role::as_str).collect())
            .unwrap_or_default(),
        permissions: caller.mandate.permissions.iter().map(domain::Permission::as_str).collect(),
        csrf: caller.csrf.clone(),
    }))
}
