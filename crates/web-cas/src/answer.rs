//! What answers have in common.
//!
//! Owns: redirects, cache headers (cas-wire §18.4), bodies that are no pages. Not here: pages (`pages`).

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, EXPIRES, HeaderMap, HeaderValue, LOCATION, PRAGMA, RETRY_AFTER,
};
use app::Refusal;
use cas::rest::PLAIN_TYPE;
use web::Refused;

/// 303: whatever the method was, the browser comes with GET and sends nothing onward (SEC-110).
pub(crate) fn see_other(location: &str) -> Result<HttpResponse, Refused> {
    let location = HeaderValue::from_str(location).map_err(|error| Refusal::Corrupt(error.to_string()))?;
    Ok(kept_by_nobody(HttpResponse::SeeOther().insert_header((LOCATION, location)).finish()))
}

/// A body of this type.
pub(crate) fn body(status: StatusCode, content_type: &'static str, body: impl Into<String>) -> HttpResponse {
    let mut answer = HttpResponse::build(status);
    answer.insert_header((CONTENT_TYPE, HeaderValue::from_static(content_type)));
    kept_by_nobody(answer.body(body.into()))
}

/// A sentence for a program.
pub(crate) fn plain(status: StatusCode, sentence: &str) -> HttpResponse {
    body(status, PLAIN_TYPE, sentence)
}

/// Says in every dialect that nobody is to keep it.
pub(crate) fn kept_by_nobody(mut answer: HttpResponse) -> HttpResponse {
    forbid_keeping(answer.headers_mut());
    answer
}

fn forbid_keeping(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(EXPIRES, HeaderValue::from_static("0"));
}

/// When to come again.
pub(crate) fn later(mut answer: HttpResponse, refusal: &Refusal) -> HttpResponse {
    if let Some(after) = refusal.retry_after() {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
    }
    answer
}
