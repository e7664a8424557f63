//! Who is the provider of somebody with an address here? (RFC 7033, OpenID Connect Discovery §2)

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use oidc::OAuthError;
use oidc::webfinger::{Asked, BadResource};
use provider::Provider;

use crate::{refusal, request};

const JRD: HeaderValue = HeaderValue::from_static("application/jrd+json");

pub(crate) async fn get(req: HttpRequest, provider: Data<Provider>) -> HttpResponse {
    let asked = match request::query(&req).map(|params| Asked::read(&params)) {
        Ok(Ok(asked)) => asked,
        Ok(Err(_)) => {
            return bad_request(OAuthError::invalid_request("resource must be one absolute URI"));
        }
        Err(error) => return bad_request(error),
    };
    match provider.webfinger(&asked) {
        Ok(document) => HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, JRD))
            .insert_header((CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600")))
            .body(document.to_string()),
        Err(BadResource::Foreign) => HttpResponse::NotFound().finish(),
        Err(BadResource::Malformed) => {
            bad_request(OAuthError::invalid_request("resource must be one absolute URI"))
        }
    }
}

fn bad_request(error: OAuthError) -> HttpResponse {
    refusal::json(StatusCode::BAD_REQUEST, error)
}
