//! `/users/{id}/reset-password`: a link for a new password, sent to its owner.

use domain::AccountId;
use utoipa::OpenApi;

use super::ask::{self, Ask};
use super::openapi::Problem;
use super::route::{Answer, Route, route};

/// The routes.
pub(super) const ROUTES: &[Route] = &[route!(Post "/users/{id}/reset-password", UsersLock, send)];

/// Their description.
#[derive(OpenApi)]
#[openapi(paths(send))]
pub(super) struct Described;

#[utoipa::path(
    post, path = "/users/{id}/reset-password", tag = "People",
    summary = "Send a user a link for a new password",
    description = "It goes to the confirmed address. The password so far counts until the link was used.",
    params(("id" = String, Path)),
    responses(
        (status = 204, description = "The mail waits in the outbox"),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "`conflict` of `mail_off` (no mail is configured), `state` (the account is disabled) or `email` (no confirmed address)"),
    )
)]
async fn send(ask: Ask) -> Answer {
    let id: AccountId = ask.id("id")?;
    ask.registry().send_reset(ask.mandate(), &id).await?;
    Ok(ask::nothing())
}
