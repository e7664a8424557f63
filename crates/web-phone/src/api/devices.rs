//! `/devices/self`: what a phone asks about itself. Every request is signed as a whole by the device key.

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use app::Refusal;
use domain::{Account, Device};
use qr::wire::{DeviceShown, RevokeRequest, SessionShown, SessionsShown};
use registry::Registry;
use signin::SignIn;
use web::Refused;

use super::{docs, enrolments, json, read, refusal, signed};

/// `POST /devices/self`
#[utoipa::path(
    post, path = "/api/phone/v1/devices/self", tag = "The phone itself",
    summary = "Where the phone stands",
    description = "Also for a phone that may do nothing else: pending, suspended or revoked.",
    request_body = docs::Nothing,
    params(docs::SignedHeaders),
    responses(
        (status = 200, body = docs::DeviceShown),
        (status = 403, body = docs::Problem, description = "`forbidden`: unknown or unproven"),
    )
)]
pub(super) async fn standing(
    req: HttpRequest,
    signin: Data<SignIn>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let (device, account) = signin.device(&signed(&req, &body)?).await.map_err(refusal::of)?;
    let due = signin.is_reverification_due(&device, &account).await.map_err(refusal::of)?;
    Ok(json(StatusCode::OK, &shown(&device, &account, due && device.is_active())))
}

/// A phone, as it is told of itself.
pub(super) fn shown(device: &Device, account: &Account, reverify: bool) -> DeviceShown {
    DeviceShown {
        device: device.id.to_string(),
        state: device.state,
        kind: device.kind,
        name: device.name.clone(),
        account: enrolments::shown(account),
        reverify,
    }
}

/// `POST /devices/self/sessions`
#[utoipa::path(
    post, path = "/api/phone/v1/devices/self/sessions", tag = "The phone itself",
    summary = "Living sign-ins that the phone approved, newest first",
    request_body = docs::Nothing,
    params(docs::SignedHeaders),
    responses(
        (status = 200, body = docs::SessionsShown),
        (status = 403, body = docs::Problem, description = "`forbidden`"),
    )
)]
pub(super) async fn sessions(
    req: HttpRequest,
    signin: Data<SignIn>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let found = signin.approved_sessions(&signed(&req, &body)?).await.map_err(refusal::of)?;
    let sessions = found
        .into_iter()
        .map(|session| SessionShown {
            id: session.id.to_string(),
            browser: session.browser,
            address: session.address,
            started_at: session.created_at.seconds(),
            last_used_at: session.last_used_at.seconds(),
        })
        .collect();
    Ok(json(StatusCode::OK, &SessionsShown { sessions }))
}

/// `POST /devices/self/sessions/{session}/end`
#[utoipa::path(
    post, path = "/api/phone/v1/devices/self/sessions/{session}/end", tag = "The phone itself",
    summary = "End a sign-in that the phone approved",
    request_body = docs::Nothing,
    params(docs::SignedHeaders, ("session" = String, Path, description = "From the list")),
    responses(
        (status = 204, description = "Ended, with the tokens made from it"),
        (status = 403, body = docs::Problem, description = "`forbidden`"),
        (status = 404, body = docs::Problem, description = "`not_found`: no living sign-in of this phone"),
    )
)]
pub(super) async fn end_session(
    req: HttpRequest,
    signin: Data<SignIn>,
    session: Path<String>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let asked = signed(&req, &body)?;
    let session = session.parse().map_err(|_| refusal::of(Refusal::NotFound))?;
    signin.end_session(&asked, &session).await.map_err(refusal::of)?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /devices/self/revoke`
#[utoipa::path(
    post, path = "/api/phone/v1/devices/self/revoke", tag = "The phone itself",
    summary = "Remove the phone from its account for good",
    description = "Its key never works again; on request the sign-ins it approved end with it.",
    request_body = docs::RevokeRequest,
    params(docs::SignedHeaders),
    responses(
        (status = 204, description = "Removed"),
        (status = 403, body = docs::Problem, description = "`forbidden`"),
    )
)]
pub(super) async fn revoke(
    req: HttpRequest,
    signin: Data<SignIn>,
    registry: Data<Registry>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let given: RevokeRequest = read(&req, &body)?;
    let asked = signed(&req, &body)?;
    let (device, _) = signin.device(&asked).await.map_err(refusal::of)?;
    registry.leave(&device, given.end_sessions, asked.address).await.map_err(refusal::of)?;
    Ok(HttpResponse::NoContent().finish())
}
