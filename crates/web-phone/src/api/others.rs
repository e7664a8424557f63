//! `/devices/self/others`: a phone looks after the other phones of its owner.

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use app::Refusal;
use domain::{DeviceId, DeviceState};
use qr::approval::Purpose;
use qr::wire::{FoundRequest, LostRequest, OtherPhone, OtherPhones};
use registry::Registry;
use registry::devices::DeviceActor;
use registry::lost::LostReason;
use signin::SignIn;
use web::Refused;

use super::upkeep::proof;
use super::{docs, enrolments, json, read, refusal, signed};

/// `POST /devices/self/others`
#[utoipa::path(
    post, path = "/api/phone/v1/devices/self/others", tag = "Other phones",
    summary = "The other phones of this one's owner",
    request_body = docs::Nothing,
    params(docs::SignedHeaders),
    responses(
        (status = 200, body = docs::OtherPhones),
        (status = 403, body = docs::Problem, description = "`forbidden`"),
    )
)]
pub(super) async fn others(
    req: HttpRequest,
    signin: Data<SignIn>,
    registry: Data<Registry>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let asked = signed(&req, &body)?;
    let (device, account) = signin.active_device(&asked).await.map_err(refusal::of)?;
    let all = registry.devices_of(account.username.as_str()).await.map_err(refusal::of)?;
    let phones = all
        .into_iter()
        .map(|owned| owned.device)
        .filter(|other| other.id != device.id && other.state != DeviceState::Revoked)
        .map(|other| OtherPhone {
            device: other.id.to_string(),
            name: other.name,
            platform: other.platform,
            state: other.state,
            last_used_at: other.last_used_at.map(domain::Timestamp::seconds),
        })
        .collect();
    Ok(json(StatusCode::OK, &OtherPhones { phones }))
}

/// `POST /devices/self/others/{device}/lost`
#[utoipa::path(
    post, path = "/api/phone/v1/devices/self/others/{device}/lost", tag = "Other phones",
    summary = "Another phone of the owner was lost or stolen",
    description = "A lost one is suspended, a stolen one revoked, at once; the sign-ins that it approved end.",
    request_body = docs::LostRequest,
    params(docs::SignedHeaders, ("device" = String, Path, description = "From the list")),
    responses(
        (status = 204, description = "Stopped"),
        (status = 400, body = docs::Problem, description = "`invalid_request`"),
        (status = 403, body = docs::Problem, description = "`forbidden`"),
        (status = 404, body = docs::Problem, description = "`not_found`: no such phone of this owner"),
        (status = 409, body = docs::Problem, description = "`device_state`: it is revoked, or waits for an administrator"),
    )
)]
pub(super) async fn lost(
    req: HttpRequest,
    signin: Data<SignIn>,
    registry: Data<Registry>,
    other: Path<String>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let given: LostRequest = read(&req, &body)?;
    let asked = signed(&req, &body)?;
    let (device, _) = signin.active_device(&asked).await.map_err(refusal::of)?;
    let reason = LostReason::from_word(&given.reason)
        .ok_or_else(|| enrolments::invalid("reason", "reason is lost or stolen."))?;
    let other = known(&other)?;
    let by = DeviceActor::device(&device, asked.address);
    registry.lost_device(&by, &other, reason, given.note.as_deref()).await.map_err(refusal::of)?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /devices/self/others/{device}/found`
#[utoipa::path(
    post, path = "/api/phone/v1/devices/self/others/{device}/found", tag = "Other phones",
    summary = "A lost phone turned up",
    description = "The owner is verified on this phone (purpose `found`).",
    request_body = docs::FoundRequest,
    params(docs::SignedHeaders, ("device" = String, Path, description = "From the list")),
    responses(
        (status = 204, description = "It may act again"),
        (status = 403, body = docs::Problem, description = "`forbidden`"),
        (status = 404, body = docs::Problem, description = "`not_found`: no such phone of this owner"),
        (status = 409, body = docs::Problem, description = "`device_state`: it is not suspended"),
        (status = 410, body = docs::Problem, description = "`gone`: the nonce"),
    )
)]
pub(super) async fn found(
    req: HttpRequest,
    signin: Data<SignIn>,
    registry: Data<Registry>,
    other: Path<String>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let given: FoundRequest = read(&req, &body)?;
    let asked = signed(&req, &body)?;
    let (device, _) = signin
        .verified_device(&asked, Purpose::Found, &other, &proof(given.proof))
        .await
        .map_err(refusal::of)?;
    let other = known(&other)?;
    registry.found_device(&DeviceActor::device(&device, asked.address), &other).await.map_err(refusal::of)?;
    Ok(HttpResponse::NoContent().finish())
}

fn known(id: &str) -> Result<DeviceId, Refused> {
    id.parse().map_err(|_| refusal::of(Refusal::NotFound))
}
