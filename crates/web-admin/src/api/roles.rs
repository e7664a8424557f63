//! `/roles`: what there is to be given.

use domain::{Permission, Role, Roles};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::ask::{self, Ask};
use super::listing::Listed;
use super::route::{Answer, Route, route};

/// The routes.
pub(super) const ROUTES: &[Route] = &[route!(Get "/roles", UsersRead, list)];

/// Their description.
#[derive(OpenApi)]
#[openapi(paths(list))]
pub(super) struct Described;

/// A role.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RoleShown {
    /// Its word.
    role: &'static str,
    /// What it allows.
    permissions: Vec<&'static str>,
    /// Whether the caller may give and take it (SEC-181).
    may_give: bool,
}

#[utoipa::path(
    get, path = "/roles", tag = "Users", summary = "The roles, and what each allows",
    responses((status = 200, body = Listed<RoleShown>))
)]
async fn list(ask: Ask) -> Answer {
    ask.query(&[])?;
    let mandate = ask.mandate();
    let shown = |role: &Role| RoleShown {
        role: role.as_str(),
        permissions: role.permissions().iter().map(|permission| permission.as_str()).collect(),
        may_give: mandate.may(Permission::RolesWrite) && mandate.must_hold(Roles::NONE.with(*role)).is_ok(),
    };
    Ok(ask::ok(&Listed::whole(Role::ALL.iter().map(shown).collect())))
}
