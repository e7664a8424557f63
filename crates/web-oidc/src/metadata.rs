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
    let document = provider.discovery().await;
    answer(&req, &document, "application/json", "public, max-age=3600")
}

/// How long a copy of the keys does: a new one is published longer than that before it signs
/// ([`provider::keys::JWKS_MAX_AGE`]).
const JWKS_CACHE: &str = "public, max-age=300";

pub(crate) async fn jwks(req: HttpRequest, provider: Data<Provider>) -> HttpResponse {
    answer(&req, &provider.jwks(), "application/json", JWKS_CACHE)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_191_the_key_set_may_be_kept_as_long_as_rotation_reckons_with() {
        let seconds = provider::keys::JWKS_MAX_AGE.as_secs();
        assert_eq!(JWKS_CACHE, format!("public, max-age={seconds}"));
    }
}
