//! Introspection: resource servers ask what a token is.

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use oidc::introspection::MEDIA_TYPE;
use provider::{IntrospectionAnswer, IntrospectionAsked, Provider};
use web::{Refused, Web, address};

use crate::{refusal, request};

pub(crate) async fn post(
    req: HttpRequest,
    provider: Data<Provider>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let address = address::of(&req, Web::of(&req)?.trusted_proxies());
    let read = request::form(&req, &body).and_then(|params| Ok((params, request::authorization(&req)?)));
    let (params, authorization) = match read {
        Ok(read) => read,
        Err(error) => return Ok(refusal::json(StatusCode::BAD_REQUEST, error)),
    };
    let asked = IntrospectionAsked { authorization, params: &params, address, wants_jwt: wants_jwt(&req) };
    let (body, content_type) = match provider.introspect(asked).await {
        Ok(IntrospectionAnswer::Json(body)) => (body, "application/json"),
        Ok(IntrospectionAnswer::Jwt(body)) => (body, MEDIA_TYPE),
        Err(refused) => return Ok(refusal::of_token(refused)),
    };
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .insert_header((CONTENT_TYPE, HeaderValue::from_static(content_type)))
        .body(body))
}

/// RFC 9701 §4: who names the media type gets a signed answer.
fn wants_jwt(req: &HttpRequest) -> bool {
    let accepted = req.headers().get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    let mut essences = accepted.flat_map(|value| value.split(','));
    essences.any(|range| range.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(MEDIA_TYPE))
}
