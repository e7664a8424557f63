//! The frame that clients' pages ask whether their person's state changed (OpenID Connect Session Management §3.2).
//!
//! The one page of ours that any site may frame: it shows nothing, has no form, and answers a client's page only
//! what that page could learn with a request of its own.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
};
use actix_web::{HttpRequest, HttpResponse};
use app::Refusal;
use web::{Refused, Web, policy};

/// Sites that isolate themselves may frame it too.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const EMBEDDER_POLICY: HeaderName = HeaderName::from_static("cross-origin-embedder-policy");

pub(crate) async fn get(req: HttpRequest) -> Result<HttpResponse, Refused> {
    let page = Web::of(&req)?.page(&req, &[]);
    let script = page.asset("check-session.js").map_err(|error| Refusal::Corrupt(error.to_string()))?;
    let nonce = &page.nonce;
    let csp = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'{}",
        policy::FRAMED_BY_ALL
    );
    let html = format!(
        "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\"><title>Session</title></head><body>\
         <script nonce=\"{nonce}\" src=\"{script}\"></script></body></html>\n",
        page.lang
    );
    let csp = HeaderValue::from_str(&csp).map_err(|error| Refusal::Corrupt(error.to_string()))?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .insert_header((CONTENT_SECURITY_POLICY, csp))
        .insert_header((RESOURCE_POLICY, HeaderValue::from_static("cross-origin")))
        .insert_header((EMBEDDER_POLICY, HeaderValue::from_static("require-corp")))
        .body(html))
}
