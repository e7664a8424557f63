//! `/moves` and `/devices/self/moves`: a new phone takes the place of an old one.

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use qr::approval::Purpose;
use qr::wire::{
    Hidden, MoveApproval, MoveClaim, MoveClaimed, MoveOffer, MoveOpened, MoveQuestion, MoveStood,
};
use registry::Registry;
use registry::moves::{MoveAnswered, MoveStanding};
use signin::SignIn;
use web::Refused;

use super::upkeep::proof;
use super::{address, docs, json, read, refusal, signed};

fn seconds(span: std::time::Duration) -> u32 {
    u32::try_from(span.as_secs()).unwrap_or(u32::MAX)
}

/// `POST /moves`
#[utoipa::path(
    post, path = "/api/phone/v1/moves", tag = "A new phone",
    summary = "The new phone offers to take an old one's place",
    description = "Show `url` as a QR code (`svg`) to the old phone, and ask `/moves/state` every two seconds.",
    request_body = docs::MoveOffer,
    responses(
        (status = 201, body = docs::MoveOpened),
        (status = 400, body = docs::Problem, description = "`invalid_request`"),
        (status = 429, body = docs::Problem, description = "`slow_down`, with `Retry-After`"),
    )
)]
pub(super) async fn open(
    req: HttpRequest,
    registry: Data<Registry>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let given: MoveOffer = read(&req, &body)?;
    let opened = registry
        .open_move(&given.platform, given.model.as_deref(), address(&req)?)
        .await
        .map_err(refusal::of)?;
    let opened = MoveOpened {
        secret: Hidden(opened.secret),
        svg: signin::phone::drawn(&opened.url).map_err(refusal::of)?,
        url: opened.url,
        expires_in: seconds(opened.life),
    };
    Ok(json(StatusCode::CREATED, &opened))
}

/// `POST /moves/state`
#[utoipa::path(
    post, path = "/api/phone/v1/moves/state", tag = "A new phone",
    summary = "Where the offer stands",
    description = "`claimed`: show `number`, the owner types it on the old phone. `approved`: `POST /enrolments` with \
        `move`, and complete as every phone does.",
    request_body = docs::MoveQuestion,
    responses(
        (status = 200, body = docs::MoveStood),
        (status = 410, body = docs::Problem, description = "`gone`: over"),
        (status = 429, body = docs::Problem, description = "`slow_down`, with `Retry-After`"),
    )
)]
pub(super) async fn state(
    req: HttpRequest,
    registry: Data<Registry>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let given: MoveQuestion = read(&req, &body)?;
    let standing = registry.move_standing(&given.secret.0, address(&req)?).await.map_err(refusal::of)?;
    let (state, number, username) = match standing {
        MoveStanding::Waiting => ("waiting", None, None),
        MoveStanding::Claimed { number, username } => {
            ("claimed", qr::CheckCode::parse(&number), Some(username))
        }
        MoveStanding::Approved { username } => ("approved", None, Some(username)),
        MoveStanding::Denied => ("denied", None, None),
    };
    Ok(json(StatusCode::OK, &MoveStood { state: state.to_owned(), number, username }))
}

/// `POST /devices/self/moves/claim`
#[utoipa::path(
    post, path = "/api/phone/v1/devices/self/moves/claim", tag = "A new phone",
    summary = "The old phone scanned the new one's QR code",
    request_body = docs::MoveClaim,
    params(docs::SignedHeaders),
    responses(
        (status = 200, body = docs::MoveClaimed),
        (status = 403, body = docs::Problem, description = "`forbidden`"),
        (status = 410, body = docs::Problem, description = "`gone`: over, or another phone's"),
    )
)]
pub(super) async fn claim(
    req: HttpRequest,
    signin: Data<SignIn>,
    registry: Data<Registry>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let given: MoveClaim = read(&req, &body)?;
    let asked = signed(&req, &body)?;
    let (device, _) = signin.active_device(&asked).await.map_err(refusal::of)?;
    let claimed = registry.claim_move(&device, &given.offer, asked.address).await.map_err(refusal::of)?;
    Ok(json(
        StatusCode::OK,
        &MoveClaimed {
            platform: claimed.platform,
            model: claimed.model,
            same_network: claimed.same_address,
            expires_in: seconds(claimed.left),
        },
    ))
}

/// `POST /devices/self/moves/approve`
#[utoipa::path(
    post, path = "/api/phone/v1/devices/self/moves/approve", tag = "A new phone",
    summary = "The owner lets the new phone take the old one's place",
    description = "The owner typed the number that the new phone shows, and is verified (purpose `move`). The old key \
        works until the new phone has completed.",
    request_body = docs::MoveApproval,
    params(docs::SignedHeaders),
    responses(
        (status = 204, description = "The new phone may enrol"),
        (status = 403, body = docs::Problem, description = "`forbidden`"),
        (status = 410, body = docs::Problem, description = "`gone`"),
        (status = 422, body = docs::Problem, description = "`wrong_check_code`; `left` says how many tries are left"),
    )
)]
pub(super) async fn approve(
    req: HttpRequest,
    signin: Data<SignIn>,
    registry: Data<Registry>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let given: MoveApproval = read(&req, &body)?;
    let asked = signed(&req, &body)?;
    let (device, _) = signin
        .verified_device(&asked, Purpose::Move, &given.offer, &proof(given.proof))
        .await
        .map_err(refusal::of)?;
    match registry.approve_move(&device, &given.offer, given.number).await.map_err(refusal::of)? {
        MoveAnswered::Approved => Ok(HttpResponse::NoContent().finish()),
        MoveAnswered::WrongNumber { left } => Err(refusal::wrong_code(left)),
    }
}

/// `POST /devices/self/moves/deny`
#[utoipa::path(
    post, path = "/api/phone/v1/devices/self/moves/deny", tag = "A new phone",
    summary = "The owner does not let the new phone take the old one's place",
    request_body = docs::MoveClaim,
    params(docs::SignedHeaders),
    responses(
        (status = 204, description = "The offer is over"),
        (status = 403, body = docs::Problem, description = "`forbidden`"),
        (status = 410, body = docs::Problem, description = "`gone`"),
    )
)]
pub(super) async fn deny(
    req: HttpRequest,
    signin: Data<SignIn>,
    registry: Data<Registry>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let given: MoveClaim = read(&req, &body)?;
    let asked = signed(&req, &body)?;
    let (device, _) = signin.active_device(&asked).await.map_err(refusal::of)?;
    registry.deny_move(&device, &given.offer).await.map_err(refusal::of)?;
    Ok(HttpResponse::NoContent().finish())
}
