//! The JSON API for phones: `/api/phone/v1`.
//!
//! Owns: its routes, the limits of its bodies, reading JSON, the headers of signed requests. It knows no
//! cookies: whoever calls proves itself in the body or by the device's signature, so there is nothing for
//! another origin to borrow, and no answer invites one (no CORS headers).

pub mod claims;
pub mod devices;
pub mod docs;
pub mod enrolments;
pub mod moves;
pub mod others;
mod refusal;
mod swagger;
pub mod upkeep;

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, PayloadConfig, ServiceConfig, resource, scope};
use actix_web::{HttpRequest, HttpResponse};
use domain::DeviceId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use signin::DeviceAsked;
use web::Refused;

/// Bodies of small requests, in bytes (SEC-052).
const SMALL: usize = 8 * 1024;
/// Bodies that hold a passkey's registration, in bytes.
const LARGE: usize = 64 * 1024;

/// The routes.
pub(crate) fn mount(cfg: &mut ServiceConfig) {
    let small = || PayloadConfig::new(SMALL);
    cfg.service(
        scope("/api/phone/v1")
            // Enrolling
            .service(resource("/enrolments").app_data(small()).post(enrolments::begin))
            .service(
                resource("/enrolments/{enrolment}")
                    .app_data(PayloadConfig::new(LARGE))
                    .post(enrolments::complete),
            )
            // Signing a browser in
            .service(resource("/challenges").app_data(small()).post(claims::challenge))
            .service(resource("/claims").app_data(small()).post(claims::claim))
            .service(resource("/claims/{claim}/decision").app_data(small()).post(claims::decide))
            // The phone itself
            .service(resource("/devices/self").app_data(small()).post(devices::standing))
            .service(resource("/devices/self/sessions").app_data(small()).post(devices::sessions))
            .service(
                resource("/devices/self/sessions/{session}/end").app_data(small()).post(devices::end_session),
            )
            .service(resource("/devices/self/revoke").app_data(small()).post(devices::revoke))
            .service(resource("/devices/self/verification").app_data(small()).post(upkeep::verification))
            .service(resource("/devices/self/key").app_data(small()).post(upkeep::rotate))
            .service(resource("/devices/self/verify").app_data(small()).post(upkeep::reverify))
            .service(resource("/devices/self/name").app_data(small()).post(upkeep::rename))
            .service(resource("/devices/self/notices").app_data(small()).post(upkeep::notices))
            // The owner's other phones
            .service(resource("/devices/self/others").app_data(small()).post(others::others))
            .service(resource("/devices/self/others/{device}/lost").app_data(small()).post(others::lost))
            .service(resource("/devices/self/others/{device}/found").app_data(small()).post(others::found))
            // A new phone in the place of an old one
            .service(resource("/moves").app_data(small()).post(moves::open))
            .service(resource("/moves/state").app_data(small()).post(moves::state))
            .service(resource("/devices/self/moves/claim").app_data(small()).post(moves::claim))
            .service(resource("/devices/self/moves/approve").app_data(small()).post(moves::approve))
            .service(resource("/devices/self/moves/deny").app_data(small()).post(moves::deny)),
    );
    docs::mount(cfg);
}

/// Reads a JSON body. Browsers send `application/json` to another origin only after asking, and we never say
/// yes.
fn read<T: DeserializeOwned>(req: &HttpRequest, body: &Bytes) -> Result<T, Refused> {
    is_json(req)?;
    serde_json::from_slice(body).map_err(|error| {
        Refused::new(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "The body is not of the form that is described at /api/docs.",
        )
        .because(error)
    })
}

fn is_json(req: &HttpRequest) -> Result<(), Refused> {
    let mut all = req.headers().get_all(CONTENT_TYPE);
    let essence = all
        .next()
        .and_then(|value| value.to_str().ok())
        .map(|value| value.split(';').next().unwrap_or_default().trim());
    match essence {
        Some(essence) if essence.eq_ignore_ascii_case("application/json") && all.next().is_none() => Ok(()),
        _ => Err(Refused::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "wrong_content_type",
            "The body must be application/json.",
        )),
    }
}

fn json<T: Serialize>(status: StatusCode, value: &T) -> HttpResponse {
    HttpResponse::build(status).json(value)
}

/// The device with this id. What is no id at all is some unknown device: both are answered alike (SEC-053).
fn device_id(text: &str) -> DeviceId {
    text.parse().unwrap_or(DeviceId::from_random([0; 16]))
}

/// A request that the device signed as a whole, by its headers.
fn signed<'a>(req: &'a HttpRequest, body: &'a Bytes) -> Result<DeviceAsked<'a>, Refused> {
    is_json(req)?;
    let header = |name: &str| {
        let mut all = req.headers().get_all(name);
        let value = all.next().and_then(|value| value.to_str().ok());
        value.filter(|value| value.len() <= 200 && all.next().is_none()).ok_or_else(|| {
            Refused::new(
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "The headers lb-device, lb-challenge and lb-signature are needed, each once.",
            )
        })
    };
    Ok(DeviceAsked {
        device: device_id(header("lb-device")?),
        challenge: header("lb-challenge")?,
        signature: header("lb-signature")?,
        method: "POST",
        path: req.path(),
        body,
        address: address(req)?,
    })
}

/// Where the request came from (SEC-028).
fn address(req: &HttpRequest) -> Result<domain::ClientAddress, Refused> {
    Ok(web::address::of(req, web::Web::of(req)?.trusted_proxies()))
}

#[cfg(test)]
mod tests;
