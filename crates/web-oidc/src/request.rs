//! Reading requests of programs.
//!
//! Owns: the form body and the one `Authorization` header. Not here: what the parameters mean (`oidc`).

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE};
use oidc::{OAuthError, Params};

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
