//! Discovery and keys: bytes that are ready before anybody asks.

use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue,
};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use app::Published;
use provider::Provider;

/// A site may read them although they come from another one.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

pub(crate) async fn discovery(req: HttpRequest, provider: Data<Provider>) -> HttpResponse {
    answer(&req, provider.discovery(), "application/json", "public, max-age=3600")
}

/// A new key is published long before it signs, so an old copy does for a while.
pub(crate) async fn jwks(req: HttpRequest, provider: Data<Provider>) -> HttpResponse {
    answer(&req, &provider.jwks(), "application/json", "public, max-age=300")
}

fn answer(
    req: &HttpRequest,
    ready: &Published,
    content_type: &'static str,
    cache: &'static str,
) -> HttpResponse {
    let is_known = ::web::fixed::is_known(req, &ready.etag);
    let mut answer = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer
        .insert_header((CACHE_CONTROL, HeaderValue::from_static(cache)))
        .insert_header((ETAG, ready.etag.as_str()))
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")))
        .insert_header((RESOURCE_POLICY, HeaderValue::from_static("cross-origin")));
    if is_known {
        return answer.finish();
    }
    answer.insert_header((CONTENT_TYPE, HeaderValue::from_static(content_type))).body(ready.bytes.clone())
}
