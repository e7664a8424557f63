//! Clients register themselves (RFC 7591 §3), and read, change and delete their registration (RFC 7592 §2).

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, PRAGMA};
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use oidc::OAuthError;
use oidc::registration::BadRegistration;
use provider::Provider;
use provider::registration::{Asked, RegistrationRefused};
use serde_json::Value;
use web::{Refused, Web, address};

use crate::{refusal, request};

pub(crate) async fn post(
    req: HttpRequest,
    provider: Data<Provider>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let asked = match asked(&req)? {
        Ok(asked) => asked,
        Err(answer) => return Ok(answer),
    };
    if !is_json(&req) {
        return Ok(no_json());
    }
    Ok(answer(StatusCode::CREATED, provider.register(asked, &body).await))
}

pub(crate) async fn get(
    req: HttpRequest,
    provider: Data<Provider>,
    client_id: Path<String>,
) -> Result<HttpResponse, Refused> {
    let asked = match asked(&req)? {
        Ok(asked) => asked,
        Err(answer) => return Ok(answer),
    };
    Ok(answer(StatusCode::OK, provider.registration(asked, &client_id).await))
}

pub(crate) async fn put(
    req: HttpRequest,
    provider: Data<Provider>,
    client_id: Path<String>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let asked = match asked(&req)? {
        Ok(asked) => asked,
        Err(answer) => return Ok(answer),
    };
    if !is_json(&req) {
        return Ok(no_json());
    }
    Ok(answer(StatusCode::OK, provider.replace_registration(asked, &client_id, &body).await))
}

pub(crate) async fn delete(
    req: HttpRequest,
    provider: Data<Provider>,
    client_id: Path<String>,
) -> Result<HttpResponse, Refused> {
    let asked = match asked(&req)? {
        Ok(asked) => asked,
        Err(answer) => return Ok(answer),
    };
    Ok(match provider.delete_registration(asked, &client_id).await {
        Ok(()) => HttpResponse::NoContent()
            .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
            .finish(),
        Err(refused) => refusal::of_registration(refused),
    })
}

/// Who asks, or the answer to a header that cannot be read.
fn asked(req: &HttpRequest) -> Result<Result<Asked<'_>, HttpResponse>, Refused> {
    let address = address::of(req, Web::of(req)?.trusted_proxies());
    Ok(match request::authorization(req) {
        Ok(authorization) => Ok(Asked { authorization, address }),
        Err(error) => Err(bad_request(error)),
    })
}

fn bad_request(error: OAuthError) -> HttpResponse {
    refusal::json(StatusCode::BAD_REQUEST, error)
}

fn is_json(req: &HttpRequest) -> bool {
    let header = req.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = header.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

fn no_json() -> HttpResponse {
    refusal::of_registration(RegistrationRefused::Bad(BadRegistration::member(
        "Content-Type",
        "must be application/json",
    )))
}

fn answer(status: StatusCode, done: Result<Value, RegistrationRefused>) -> HttpResponse {
    match done {
        Ok(client) => HttpResponse::build(status)
            .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
            .insert_header((PRAGMA, HeaderValue::from_static("no-cache")))
            .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")))
            .body(client.to_string()),
        Err(refused) => refusal::of_registration(refused),
    }
}
