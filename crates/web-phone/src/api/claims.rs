//! `/challenges` and `/claims`: a phone scans and its owner decides.

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use qr::wire::{ChallengeAnswer, ChallengeRequest, ClaimAnswer, ClaimRequest, DecisionRequest};
use signin::{ClaimAsked, Decided, Decision, SignIn};
use web::Refused;

use super::{address, device_id, docs, json, read, refusal};

/// `POST /challenges`
#[utoipa::path(
    post, path = "/api/phone/v1/challenges", tag = "Signing a browser in",
    summary = "A challenge to be signed next",
    description = "Single use, 60 seconds. Unknown phones get one too.",
    request_body = docs::ChallengeRequest,
    responses(
        (status = 200, body = docs::ChallengeAnswer),
        (status = 429, body = docs::Problem, description = "`slow_down`, with `Retry-After`"),
    )
)]
pub(super) async fn challenge(
    req: HttpRequest,
    signin: Data<SignIn>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let given: ChallengeRequest = read(&req, &body)?;
    let made = signin.challenge(&device_id(&given.device), address(&req)?).await.map_err(refusal::of)?;
    Ok(json(StatusCode::OK, &ChallengeAnswer { challenge: made.challenge, expires_in: made.expires_in }))
}

/// `POST /claims`
#[utoipa::path(
    post, path = "/api/phone/v1/claims", tag = "Signing a browser in",
    summary = "Claim the sign-in that a QR code names",
    description = "The device key signs `latchbolt-claim-v1`. The first phone to claim has it; from then on nobody \
        else can see, approve or deny it.",
    request_body = docs::ClaimRequest,
    responses(
        (status = 200, body = docs::ClaimAnswer),
        (status = 403, body = docs::Problem, description = "`forbidden`: unknown, inactive or unproven phone, all alike"),
        (status = 410, body = docs::Problem, description = "`gone`: unknown, expired, finished or another phone's, all alike"),
        (status = 429, body = docs::Problem, description = "`slow_down`, with `Retry-After`"),
    )
)]
pub(super) async fn claim(
    req: HttpRequest,
    signin: Data<SignIn>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let given: ClaimRequest = read(&req, &body)?;
    let asked = ClaimAsked {
        device: device_id(&given.device),
        channel: &given.channel,
        challenge: &given.challenge,
        signature: &given.signature,
        address: address(&req)?,
    };
    let claimed = signin.claim(asked).await.map_err(refusal::of)?;
    Ok(json(
        StatusCode::OK,
        &ClaimAnswer {
            claim: claimed.claim,
            nonce: claimed.nonce,
            facts: claimed.facts,
            expires_in: claimed.expires_in,
            webauthn: claimed.webauthn,
            code_needed: claimed.code_needed,
        },
    ))
}

/// `POST /claims/{claim}/decision`
#[utoipa::path(
    post, path = "/api/phone/v1/claims/{claim}/decision", tag = "Signing a browser in",
    summary = "Approve, deny or report",
    description = "The device key signs `latchbolt-approval-v1`. To approve, the owner must have been verified for \
        this very approval (`uv`; kind `web` sends the passkey's `assertion`) and typed the check code. Denying \
        and reporting need neither.",
    params(("claim" = String, Path, description = "From the claim")),
    request_body = docs::DecisionRequest,
    responses(
        (status = 204, description = "It counts"),
        (status = 403, body = docs::Problem, description = "`forbidden`: inactive phone, wrong signature, or owner not verified"),
        (status = 410, body = docs::Problem, description = "`gone`: the claim is over"),
        (status = 422, body = docs::Problem, description = "`wrong_check_code`; `left` says how many tries are left. At 0 the sign-in is denied"),
        (status = 429, body = docs::Problem, description = "`slow_down`, with `Retry-After`"),
    )
)]
pub(super) async fn decide(
    req: HttpRequest,
    signin: Data<SignIn>,
    claim: Path<String>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let given: DecisionRequest = read(&req, &body)?;
    let decision = Decision {
        device: device_id(&given.device),
        claim: &claim,
        decision: given.decision,
        check_code: given.check_code,
        uv: given.uv,
        time: given.time,
        signature: &given.signature,
        assertion: given.assertion,
        address: address(&req)?,
    };
    match signin.decide(decision).await.map_err(refusal::of)? {
        Decided::Done => Ok(HttpResponse::NoContent().finish()),
        Decided::WrongCode { left } => Err(refusal::wrong_code(left)),
    }
}
