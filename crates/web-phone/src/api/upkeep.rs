//! `/devices/self/…`: what a phone does to its own registration. Every request is signed as a whole by the device key.

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use qr::wire::{
    self, NoticeTold, NoticesTold, RenameRequest, ReverifyRequest, RotateRequest, VerificationAnswer,
    VerificationRequest,
};
use registry::Registry;
use registry::devices::DeviceActor;
use signin::{NewKey, SignIn, UserProof};
use web::Refused;

use super::{devices, docs, json, read, refusal, signed};

/// As the use cases take it.
pub(super) fn proof(given: wire::UserProof) -> UserProof {
    UserProof { nonce: given.nonce, uv: given.uv, assertion: given.assertion }
}

/// `POST /devices/self/verification`
#[utoipa::path(
    post, path = "/api/phone/v1/devices/self/verification", tag = "The phone itself",
    summary = "Begin to verify the owner for one deed",
    description = "The nonce comes back with the deed, within three minutes. Subjects: purpose `rotate`, the new key's \
        thumbprint; `reverify`, `-`; `move`, the offer; `found`, the id of the phone that turned up.",
    request_body = docs::VerificationRequest,
    params(docs::SignedHeaders),
    responses(
        (status = 200, body = docs::VerificationAnswer),
        (status = 403, body = docs::Problem, description = "`forbidden`"),
    )
)]
pub(super) async fn verification(
    req: HttpRequest,
    signin: Data<SignIn>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let given: VerificationRequest = read(&req, &body)?;
    let asked = signed(&req, &body)?;
    let begun =
        signin.begin_verification(&asked, given.purpose, &given.subject).await.map_err(refusal::of)?;
    Ok(json(
        StatusCode::OK,
        &VerificationAnswer { nonce: begun.nonce, webauthn: begun.webauthn, expires_in: begun.expires_in },
    ))
}

/// `POST /devices/self/key`
#[utoipa::path(
    post, path = "/api/phone/v1/devices/self/key", tag = "The phone itself",
    summary = "Put a new key in the place of the present one",
    description = "The present key signs this request, the new one `latchbolt-rotation-v1`, and the owner is verified \
        (purpose `rotate`). From then on the old key does nothing any more.",
    request_body = docs::RotateRequest,
    params(docs::SignedHeaders),
    responses(
        (status = 200, body = docs::DeviceShown),
        (status = 400, body = docs::Problem, description = "`invalid_request`; `field` names what is wrong"),
        (status = 403, body = docs::Problem, description = "`forbidden`; `attestation_required`: enrol anew"),
        (status = 409, body = docs::Problem, description = "`key_known`"),
        (status = 410, body = docs::Problem, description = "`gone`: the nonce"),
    )
)]
pub(super) async fn rotate(
    req: HttpRequest,
    signin: Data<SignIn>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let given: RotateRequest = read(&req, &body)?;
    let asked = signed(&req, &body)?;
    let new = NewKey { key: given.key, signature: given.signature, proof: proof(given.proof) };
    let (device, account) = signin.rotate_key(&asked, new).await.map_err(refusal::of)?;
    Ok(json(StatusCode::OK, &devices::shown(&device, &account, false)))
}

/// `POST /devices/self/verify`
#[utoipa::path(
    post, path = "/api/phone/v1/devices/self/verify", tag = "The phone itself",
    summary = "The owner of a phone that was not used for long is there",
    description = "Purpose `reverify`. The phone can claim again.",
    request_body = docs::ReverifyRequest,
    params(docs::SignedHeaders),
    responses(
        (status = 204, description = "Verified"),
        (status = 403, body = docs::Problem, description = "`forbidden`"),
        (status = 410, body = docs::Problem, description = "`gone`: the nonce"),
    )
)]
pub(super) async fn reverify(
    req: HttpRequest,
    signin: Data<SignIn>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let given: ReverifyRequest = read(&req, &body)?;
    signin.reverify(&signed(&req, &body)?, &proof(given.proof)).await.map_err(refusal::of)?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /devices/self/name`
#[utoipa::path(
    post, path = "/api/phone/v1/devices/self/name", tag = "The phone itself",
    summary = "Give the phone another name",
    request_body = docs::RenameRequest,
    params(docs::SignedHeaders),
    responses(
        (status = 200, body = docs::DeviceShown),
        (status = 400, body = docs::Problem, description = "`invalid_request`"),
        (status = 403, body = docs::Problem, description = "`forbidden`"),
    )
)]
pub(super) async fn rename(
    req: HttpRequest,
    signin: Data<SignIn>,
    registry: Data<Registry>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let given: RenameRequest = read(&req, &body)?;
    let asked = signed(&req, &body)?;
    let (device, account) = signin.active_device(&asked).await.map_err(refusal::of)?;
    let by = DeviceActor::device(&device, asked.address);
    let device = registry.rename_device(&by, &device.id, &given.name, None).await.map_err(refusal::of)?;
    Ok(json(StatusCode::OK, &devices::shown(&device, &account, false)))
}

/// `POST /devices/self/notices`
#[utoipa::path(
    post, path = "/api/phone/v1/devices/self/notices", tag = "The phone itself",
    summary = "What happened to the account lately, newest first",
    description = "At most 30. A `new_sign_in` of a browser that this phone let in is ended by \
        `/devices/self/sessions/{session}/end`.",
    request_body = docs::Nothing,
    params(docs::SignedHeaders),
    responses(
        (status = 200, body = docs::NoticesTold),
        (status = 403, body = docs::Problem, description = "`forbidden`"),
    )
)]
pub(super) async fn notices(
    req: HttpRequest,
    signin: Data<SignIn>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let found = signin.phone_notices(&signed(&req, &body)?).await.map_err(refusal::of)?;
    let notices = found
        .into_iter()
        .map(|notice| NoticeTold {
            id: notice.id.to_string(),
            at: notice.created_at.seconds(),
            is_new: notice.seen_at.is_none(),
            notice: serde_json::to_value(&notice.kind).unwrap_or_default(),
        })
        .collect();
    Ok(json(StatusCode::OK, &NoticesTold { notices }))
}
