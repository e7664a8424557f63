//! The token endpoint: servers of relying parties, and apps, come here.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, PRAGMA};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use oidc::OAuthError;
use provider::{Provider, TokenAsked};
use web::{Refused, Web, address};

use crate::{refusal, request};

pub(crate) async fn post(
    req: HttpRequest,
    provider: Data<Provider>,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let invalid = |error| refusal::json(StatusCode::BAD_REQUEST, error);
    if !request::is_form(&req) {
        return Ok(invalid(OAuthError::invalid_request(
            "The body must be application/x-www-form-urlencoded",
        )));
    }
    // Also secrets: addresses end up in logs (RFC 6749 §2.3.1).
    if !req.query_string().is_empty() {
        return Ok(invalid(OAuthError::invalid_request("Parameters do not belong in the query")));
    }
    let (params, authorization) = match (request::params(&body), request::authorization(&req)) {
        (Ok(params), Ok(authorization)) => (params, authorization),
        (Err(error), _) | (_, Err(error)) => return Ok(invalid(error)),
    };
    let address = address::of(&req, Web::of(&req)?.trusted_proxies());
    match provider.token(TokenAsked { authorization, params: &params, address }).await {
        Ok(json) => Ok(HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
            .insert_header((PRAGMA, HeaderValue::from_static("no-cache")))
            .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")))
            .body(json)),
        Err(refused) => Ok(refusal::of_token(refused)),
    }
}
