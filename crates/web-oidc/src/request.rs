//! Reading requests of programs.
//!
//! Owns: the form body, the one `Authorization` header, the one `DPoP` header and the nonce that answers it. Not here:
//! what the parameters mean (`oidc`).

use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use oidc::{OAuthError, Params, dpop};
use provider::Provider;

const DPOP: HeaderName = HeaderName::from_static("dpop");
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// The parameters of a request that has to be a form. There must be none in the query: also secrets would be, and
/// addresses end up in logs (RFC 6749 §2.3.1).
pub(crate) fn form(req: &HttpRequest, body: &[u8]) -> Result<Params, OAuthError> {
    if !is_form(req) {
        return Err(OAuthError::invalid_request("The body must be application/x-www-form-urlencoded"));
    }
    if !req.query_string().is_empty() {
        return Err(OAuthError::invalid_request("Parameters do not belong in the query"));
    }
    params(body)
}

/// Whether the body says it is a form.
pub(crate) fn is_form(req: &HttpRequest) -> bool {
    let header = req.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = header.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The parameters of the query.
pub(crate) fn query(req: &HttpRequest) -> Result<Params, OAuthError> {
    params(req.query_string().as_bytes())
}

/// The parameters of a form.
pub(crate) fn params(text: &[u8]) -> Result<Params, OAuthError> {
    Params::parse(text).map_err(|bad| {
        OAuthError::invalid_request(match bad {
            oidc::BadParams::Encoding => "A parameter is not correctly encoded",
            oidc::BadParams::TooLong => "A parameter is too long",
            oidc::BadParams::TooMany => "There are too many parameters",
        })
    })
}

/// The `Authorization` header, if there is just one and it is text.
pub(crate) fn authorization(req: &HttpRequest) -> Result<Option<&str>, OAuthError> {
    let mut all = req.headers().get_all(AUTHORIZATION);
    let first = all.next();
    if all.next().is_some() {
        return Err(OAuthError::invalid_request("There is more than one Authorization header"));
    }
    first
        .map(|value| value.to_str())
        .transpose()
        .map_err(|_| OAuthError::invalid_request("The Authorization header is not text"))
}

/// The `DPoP` header, if there is just one and it is text (RFC 9449 §4.3 no. 1).
pub(crate) fn proof(req: &HttpRequest) -> Result<Option<&str>, OAuthError> {
    let mut all = req.headers().get_all(DPOP);
    let first = all.next();
    if all.next().is_some() {
        return Err(dpop::invalid("There is more than one DPoP header"));
    }
    first.map(|value| value.to_str()).transpose().map_err(|_| dpop::invalid("The DPoP header is not text"))
}

/// Whoever came with a proof learns the nonce for the next one, also when it was done (RFC 9449 §8.2).
pub(crate) fn with_nonce(req: &HttpRequest, provider: &Provider, answer: HttpResponse) -> HttpResponse {
    if req.headers().contains_key(DPOP) { put_nonce(provider, answer) } else { answer }
}

/// The nonce for the next proof.
pub(crate) fn put_nonce(provider: &Provider, mut answer: HttpResponse) -> HttpResponse {
    if let Some(nonce) = provider.dpop_nonce().and_then(|nonce| HeaderValue::from_str(&nonce).ok()) {
        answer.headers_mut().insert(DPOP_NONCE, nonce);
    }
    answer
}
