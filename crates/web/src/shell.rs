//! What surrounds every request.
//!
//! Owns: the correlation id and the one log line, security headers on every answer, the early limit on bodies,
//! and the dress of refusals: a page for a person, problem+json (RFC 9457) for a program.
//! Mounted as the outermost middleware: `App::new().wrap(from_fn(web::shell::shell))`.

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, REFERRER_POLICY, RETRY_AFTER, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use actix_web::http::{ConnectionType, Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::page::PERMISSIONS_POLICY;
use crate::params::LARGEST_BODY;
use crate::policy::{self, Policy};
use crate::refused::Refused;
use crate::{Web, address, body};

const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The largest file that administrators may send, in bytes.
const LARGEST_FILE: usize = 32 * 1024 * 1024;

/// The number under which the log knows this request; in the request's extensions.
#[derive(Debug, Clone)]
pub struct Reference(pub std::sync::Arc<str>);

/// The outermost middleware.
pub async fn shell(
    mut req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let web = Web::of(req.request())?.clone();
    let began = Instant::now();
    let reference = Reference(web.reference().into());
    req.extensions_mut().insert(reference.clone());

    let mut res = if body_is_too_large(&req) {
        req.into_response(actix_web::Error::from(Refused::of_status(StatusCode::PAYLOAD_TOO_LARGE)))
    } else {
        body::limit_time(&mut req);
        // Handlers' refusals arrive as answers; an error here is a middleware's own, and nobody has one. The
        // request cannot be kept aside for it: routing needs to be its only owner.
        next.call(req).await?.map_into_boxed_body()
    };

    let refused = refusal_of(&res);
    if let Some(refused) = &refused {
        let dressed = dress(res.request(), &web, refused);
        let (request, bare) = res.into_parts();
        res = ServiceResponse::new(request, keep_headers(&bare, dressed));
    }
    guard(res.headers_mut(), &web);
    if web.is_draining() && res.status() != StatusCode::SWITCHING_PROTOCOLS {
        res.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    if let Ok(value) = HeaderValue::from_str(&reference.0) {
        res.headers_mut().insert(REQUEST_ID, value);
    }
    log(&res, &web, &reference, refused.as_ref(), began);
    Ok(res)
}

fn body_is_too_large(req: &ServiceRequest) -> bool {
    req.headers()
        .get(CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.parse::<u64>().ok())
        .is_some_and(|length| length > largest(req.path()) as u64)
}

/// Routes of the admin API have limits of their own, which they look at when they know who calls.
fn largest(path: &str) -> usize {
    if path.starts_with("/api/admin/") { LARGEST_FILE } else { LARGEST_BODY }
}

/// A refusal that still needs its body: a [`Refused`] or parameters refused, or a bare status of actix's own.
fn refusal_of(res: &ServiceResponse) -> Option<Refused> {
    let answer = res.response();
    if let Some(error) = answer.error() {
        if let Some(refused) = error.as_error::<Refused>() {
            return Some(refused.clone());
        }
        if let Some(bad) = error.as_error::<crate::params::BadParams>() {
            return Some((*bad).into());
        }
        // An error of actix or of an extractor: its own words may quote the request.
        return Some(Refused::of_status(answer.status()).because(error));
    }
    let is_bare = matches!(answer.body().size(), BodySize::None | BodySize::Sized(0))
        && !answer.headers().contains_key(CONTENT_TYPE);
    (is_bare && answer.status().as_u16() >= 400).then(|| Refused::of_status(answer.status()))
}

/// The refusal as a page or as problem+json, whichever the asker reads.
#[must_use]
pub fn dress(req: &HttpRequest, web: &Web, refused: &Refused) -> HttpResponse {
    let wants_page = !req.path().starts_with("/api/")
        && req.headers().get(ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("text/html"));
    let mut answer = if wants_page {
        match same_page(req).filter(|_| refused.onward.is_none()) {
            Some(path) if refused.code == "temporarily_unavailable" => {
                crate::pages::refused(web.page(req, &[]), &refused.clone().onward(path))
            }
            _ => crate::pages::refused(web.page(req, &[]), refused),
        }
    } else {
        problem(refused, &reference_of(req))
    };
    if let Some(after) = refused.retry_after {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
    }
    answer
}

/// The address that was asked for, to be asked for again.
fn same_page(req: &HttpRequest) -> Option<String> {
    let path = req.uri().path_and_query()?.as_str();
    let is_ours = path.starts_with('/') && !path.starts_with("//") && !path.contains('\\');
    (req.method() == Method::GET && is_ours).then(|| path.to_owned())
}

/// problem+json (RFC 9457) with `code`, our word for the refusal, and `id`, the number the log knows it by.
#[must_use]
pub fn problem(refused: &Refused, reference: &str) -> HttpResponse {
    let mut body = Map::new();
    body.insert("type".to_owned(), json!("about:blank"));
    body.insert("title".to_owned(), json!(refused.status.canonical_reason().unwrap_or("Refused")));
    body.insert("status".to_owned(), json!(refused.status.as_u16()));
    body.insert("code".to_owned(), json!(refused.code));
    body.insert("detail".to_owned(), json!(refused.detail));
    body.insert("id".to_owned(), json!(reference));
    if let Some(more) = &refused.more {
        body.extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    HttpResponse::build(refused.status)
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/problem+json")))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .body(Value::Object(body).to_string())
}

/// The request's number.
#[must_use]
pub fn reference_of(req: &HttpRequest) -> String {
    req.extensions().get::<Reference>().map(|reference| reference.0.to_string()).unwrap_or_default()
}

/// Takes over what the bare answer carried (cookies, `Allow`) unless the dressed one says otherwise.
fn keep_headers(bare: &HttpResponse, mut dressed: HttpResponse) -> HttpResponse {
    for (name, value) in bare.headers() {
        if !dressed.headers().contains_key(name) && *name != CONTENT_LENGTH {
            dressed.headers_mut().append(name.clone(), value.clone());
        }
    }
    dressed
}

/// The headers of SEC-140 and SEC-141, where the answer has none of its own.
fn guard(headers: &mut HeaderMap, web: &Web) {
    // The one kind of page that others may frame says so itself.
    let may_be_framed = headers
        .get(CONTENT_SECURITY_POLICY)
        .is_some_and(|csp| csp.as_bytes().ends_with(policy::FRAMED_BY_ALL.as_bytes()));
    let mut add = |name: HeaderName, value: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    add(CONTENT_SECURITY_POLICY, policy::NO_PAGE);
    add(X_CONTENT_TYPE_OPTIONS, "nosniff");
    if !may_be_framed {
        add(X_FRAME_OPTIONS, "DENY");
    }
    add(REFERRER_POLICY, "no-referrer");
    add(OPENER, "same-origin");
    add(RESOURCE, "same-origin");
    add(PERMISSIONS_POLICY, Policy::default().permissions());
    if web.is_https() {
        add(STRICT_TRANSPORT_SECURITY, "max-age=63072000");
    }
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// One line a request: the route's pattern, never the path or the query, which may hold what is secret.
fn log(res: &ServiceResponse, web: &Web, reference: &Reference, refused: Option<&Refused>, began: Instant) {
    let request = res.request();
    let route = request.match_pattern();
    let route = route.as_deref().unwrap_or("-");
    let status = res.status().as_u16();
    let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    let method = request.method().as_str();
    let id = &*reference.0;
    if let Some((code, cause)) = refused.and_then(|r| r.cause.as_ref().map(|cause| (&r.code, cause))) {
        if status >= 500 {
            tracing::error!(id, method, route, status, code = %code, cause = %cause, "Request failed");
        } else {
            tracing::debug!(id, method, route, status, code = %code, cause = %cause, "Request refused");
        }
    }
    if tracing::enabled!(target: "request", tracing::Level::INFO) {
        let client = address::of(request, web.trusted_proxies());
        let code = refused.map_or("", |r| r.code.as_ref());
        tracing::info!(target: "request", id, method, route, status, micros, address = %client, code, "Request");
    }
}
