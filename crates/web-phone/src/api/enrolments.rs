//! `/enrolments`: a phone becomes somebody's.

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use domain::{Account, DeviceKind};
use qr::wire::{AccountShown, EnrolmentBegun, EnrolmentCompletion, EnrolmentDone, EnrolmentRequest};
use registry::Registry;
use registry::enrolment::{Completion, Right, Verification};
use secrecy::SecretString;
use signin::SignIn;
use web::{Refused, Visitor, Web};

use super::{address, docs, json, read, refusal};

/// `POST /enrolments`
#[utoipa::path(
    post, path = "/api/phone/v1/enrolments", tag = "Enrolling",
    summary = "Begin: say why this phone may be enrolled",
    description = "Either the owner's user name and password, or the token of an enrolment link \
        (`<issuer>/phone#e1<token>`), or the user name and a code that was given to them. Token and code are spent \
        by this call.",
    request_body = docs::EnrolmentRequest,
    responses(
        (status = 200, body = docs::EnrolmentBegun),
        (status = 401, body = docs::Problem, description = "`sign_in_failed`: name or password is wrong"),
        (status = 410, body = docs::Problem, description = "`gone`: the token or code is unknown, used or late"),
        (status = 429, body = docs::Problem, description = "`slow_down`, with `Retry-After`"),
        (status = 503, body = docs::Problem, description = "`temporarily_unavailable`, with `Retry-After`"),
    )
)]
pub(super) async fn begin(
    req: HttpRequest,
    signin: Data<SignIn>,
    registry: Data<Registry>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let given: EnrolmentRequest = read(&req, &body)?;
    let visitor = Visitor::of(&req, Web::of(&req)?);
    let right = match (given.username, given.password, given.code, given.token, given.moving) {
        (None, None, None, None, Some(secret)) => Right::Move(secret.0),
        (Some(username), None, Some(code), None, None) => Right::Code { username, code: code.0 },
        (Some(username), Some(password), None, None, None) => {
            let password = SecretString::from(password.0);
            Right::Owner(signin.verify_password(&visitor, &username, &password).await.map_err(refusal::of)?)
        }
        (None, None, None, Some(token), None) => Right::Token(token.0),
        _ => {
            return Err(Refused::new(
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "Give either username with password or code, or token, or move.",
            ));
        }
    };
    let begun = registry.enrol_begin(right, visitor.address).await.map_err(refusal::of)?;
    Ok(json(
        StatusCode::OK,
        &EnrolmentBegun {
            enrolment: begun.handle,
            nonce: begun.nonce,
            issuer: issuer(&registry),
            account: shown(&begun.account),
            webauthn: begun.webauthn,
            existing: begun.existing,
            expires_in: u32::try_from(begun.expires_in.as_secs()).unwrap_or(u32::MAX),
        },
    ))
}

/// `POST /enrolments/{enrolment}`
#[utoipa::path(
    post, path = "/api/phone/v1/enrolments/{enrolment}", tag = "Enrolling",
    summary = "Complete: prove the key and the owner",
    description = "The device key signs `latchbolt-enrolment-v1` (see the description of messages above). Kind \
        `web` adds the answer of the passkey ceremony: `credential` to `webauthn`, or `assertion` to `existing`.",
    params(("enrolment" = String, Path, description = "From the first step")),
    request_body = docs::EnrolmentCompletion,
    responses(
        (status = 201, body = docs::EnrolmentDone),
        (status = 400, body = docs::Problem, description = "`invalid_request`; `field` names what is wrong. The enrolment stays open"),
        (status = 409, body = docs::Problem, description = "`too_many_devices`, `key_known` or `passkey_known`"),
        (status = 410, body = docs::Problem, description = "`gone`: unknown, used or late"),
        (status = 429, body = docs::Problem, description = "`slow_down`, with `Retry-After`"),
    )
)]
pub(super) async fn complete(
    req: HttpRequest,
    registry: Data<Registry>,
    handle: Path<String>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let given: EnrolmentCompletion = read(&req, &body)?;
    let verification = match (given.kind, given.credential, given.assertion) {
        (DeviceKind::Web, Some(credential), None) => Verification::NewPasskey(credential),
        (DeviceKind::Web, None, Some(assertion)) => Verification::KnownPasskey(assertion),
        (DeviceKind::App, None, None) => {
            Verification::Keystore { verifies: given.verifies_user, attestation: given.attestation }
        }
        (DeviceKind::Web, ..) => {
            return Err(invalid("credential", "Kind web needs either credential or assertion."));
        }
        (DeviceKind::Cas, ..) => return Err(invalid("kind", "Only phones with a key enrol: web or app.")),
        (DeviceKind::App, ..) => {
            return Err(invalid("credential", "Kind app has neither credential nor assertion."));
        }
    };
    let completion = Completion {
        handle: handle.into_inner(),
        key: given.key,
        name: given.name,
        platform: given.platform,
        model: given.model,
        agree: given.agree,
        signature: given.signature,
        verification,
        address: address(&req)?,
    };
    let (device, account) = registry.enrol_complete(completion).await.map_err(refusal::of)?;
    Ok(json(
        StatusCode::CREATED,
        &EnrolmentDone {
            device: device.id.to_string(),
            state: device.state,
            account: shown(&account),
            issuer: issuer(&registry),
        },
    ))
}

pub(super) fn invalid(field: &'static str, why: &'static str) -> Refused {
    Refused::new(StatusCode::BAD_REQUEST, "invalid_request", why).with("field", field)
}

fn issuer(registry: &Registry) -> String {
    registry.issuer().as_str().to_owned()
}

/// Whose phone it is, as phones are told.
pub(super) fn shown(account: &Account) -> AccountShown {
    AccountShown {
        id: account.id.to_string(),
        username: account.username.as_str().to_owned(),
        name: account.display_name().to_owned(),
    }
}
