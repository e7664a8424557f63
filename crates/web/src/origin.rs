//! Who sent a request: our own page or somebody else's (SEC-012, SEC-050, SEC-144).
//!
//! Owns: the exact comparison of `Origin` with the issuer's origin, and the token of forms. Not here:
//! bearer tokens and device signatures, which need neither.

use actix_web::http::header::{HeaderName, HeaderValue, ORIGIN};
use actix_web::{HttpRequest, HttpResponse};
use app::Secret;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use crate::Web;
use crate::refused::Refused;
use crate::visitor::Visitor;

const CONTEXT: &[u8] = b"latchbolt csrf v1\n";
/// The header by which scripts send the token of forms, and learn the one that goes with the browser's present secret.
const TOKEN: &str = "x-csrf-token";

/// The token that forms of a browser carry in the field `csrf` (scripts: header `x-csrf-token`).
#[must_use]
pub fn csrf_token(browser: &Secret) -> String {
    let text = browser.text();
    let digest = Sha256::new().chain_update(CONTEXT).chain_update(text.as_bytes()).finalize();
    BASE64_URL_SAFE_NO_PAD.encode(digest)
}

/// The field `execution` of forms that go to CAS's sign-in address: the journey, and the token of forms.
#[must_use]
pub fn execution(journey: &str, csrf: &str) -> String {
    format!("{journey}.{csrf}")
}

/// Takes such a field apart: the journey's text and the token.
#[must_use]
pub fn read_execution(text: &str) -> Option<(&str, &str)> {
    text.rsplit_once('.')
}

/// The request is a plain form of our own page: it carries the token of this browser, and neither `Origin`
/// nor `Sec-Fetch-Site` says that it comes from elsewhere. A browser that sends neither header is old, not
/// foreign: the token, which no other site can know, stands alone then. `field` is the form's `csrf`.
pub fn check_form(
    req: &HttpRequest,
    web: &Web,
    browser: Option<&Secret>,
    field: Option<&str>,
) -> Result<(), Refused> {
    must_not_be_foreign(req, web)?;
    check_token(req, browser, field)
}

/// The request is a change that a script of our own page asked for: like a form's, and its `Origin` is exactly
/// ours (when absent, `Sec-Fetch-Site` says so): what runs our scripts sends one of them.
pub fn check_script(
    req: &HttpRequest,
    web: &Web,
    browser: Option<&Secret>,
    field: Option<&str>,
) -> Result<(), Refused> {
    must_be_ours(req, web)?;
    check_token(req, browser, field)
}

/// Tells a script of our own page the form token of the browser's present secret. Other origins cannot read it.
#[must_use]
pub fn with_token(mut answer: HttpResponse, visitor: &Visitor) -> HttpResponse {
    let token = visitor.browser.as_ref().map(csrf_token);
    if let Some(value) = token.and_then(|token| HeaderValue::from_str(&token).ok()) {
        answer.headers_mut().insert(HeaderName::from_static(TOKEN), value);
    }
    answer
}

/// A refusal for a script of our own page; one because of an old token carries the new one.
#[must_use]
pub fn refuse_script(refused: Refused, visitor: &Visitor) -> HttpResponse {
    let is_stale = refused.code == "stale_form";
    let answer = HttpResponse::from_error(refused);
    if is_stale { with_token(answer, visitor) } else { answer }
}

fn check_token(req: &HttpRequest, browser: Option<&Secret>, field: Option<&str>) -> Result<(), Refused> {
    let header = req.headers().get(TOKEN).and_then(|v| v.to_str().ok());
    let sent = field.or(header).ok_or_else(Refused::stale_form)?;
    // A browser that lost its cookie (or refuses cookies) is told so, not accused.
    let expected = csrf_token(browser.ok_or_else(Refused::no_cookie)?);
    if bool::from(expected.as_bytes().ct_eq(sent.as_bytes())) { Ok(()) } else { Err(Refused::stale_form()) }
}

/// The request comes from our own origin: for changes, streams and sockets. No `Origin` and no
/// `Sec-Fetch-Site` means no.
pub fn must_be_ours(req: &HttpRequest, web: &Web) -> Result<(), Refused> {
    match said(req, web) {
        Some(true) => Ok(()),
        _ => Err(Refused::cross_site()),
    }
}

/// The request does not say that it comes from elsewhere: for plain reading, whose answer other origins cannot
/// see anyway.
pub fn must_not_be_foreign(req: &HttpRequest, web: &Web) -> Result<(), Refused> {
    match said(req, web) {
        Some(false) => Err(Refused::cross_site()),
        _ => Ok(()),
    }
}

/// What the request says about its origin: ours, another, or nothing.
fn said(req: &HttpRequest, web: &Web) -> Option<bool> {
    let mut origins = req.headers().get_all(ORIGIN);
    if let Some(origin) = origins.next() {
        return Some(origin.as_bytes() == web.origin().as_bytes() && origins.next().is_none());
    }
    let site = req.headers().get("sec-fetch-site")?;
    Some(site.as_bytes() == b"same-origin")
}
