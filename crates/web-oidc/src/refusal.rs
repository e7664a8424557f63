//! From refusals to answers: the only place here that knows status codes of errors.
//!
//! Owns: OAuth JSON errors (RFC 6749 §5.2), bearer errors (RFC 6750 §3), and the page for what a client may not be
//! told. Causes are logged here and not sent.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderValue, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE,
};
use actix_web::{HttpRequest, HttpResponse};
use app::Refusal;
use oidc::authorize::Shown;
use oidc::bearer::Scheme;
use oidc::{ErrorCode, OAuthError, client_auth};
use provider::registration::RegistrationRefused;
use provider::{TokenRefused, UserinfoRefused};
use web::{Refused, Web};

const REALM: &str = "latchbolt";
/// What proofs may be signed with (RFC 9449 §7.1); a test compares it with what is verified.
const DPOP_ALGS: &str = ", algs=\"ES256 RS256 PS256 EdDSA\"";

/// The answer of the token endpoint.
#[must_use]
pub fn of_token(refused: TokenRefused) -> HttpResponse {
    match refused {
        TokenRefused::Error(error) => json(StatusCode::BAD_REQUEST, error),
        TokenRefused::Client(client_auth::Refused { error, basic }) => {
            let is_401 = error.code == ErrorCode::InvalidClient;
            let status = if is_401 { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
            let mut answer = json(status, error);
            if is_401 && basic {
                challenge(&mut answer, &format!("Basic realm=\"{REALM}\", charset=\"UTF-8\""));
            }
            answer
        }
        TokenRefused::Later(refusal) => later(&refusal),
    }
}

/// The answer of userinfo to a token that is not good, or not for this, as it was presented.
#[must_use]
pub fn of_userinfo(refused: UserinfoRefused, scheme: Scheme) -> HttpResponse {
    match refused {
        UserinfoRefused::InvalidToken => {
            let error = OAuthError::new(ErrorCode::InvalidToken, "The access token is not good");
            challenged(StatusCode::UNAUTHORIZED, error, scheme, "")
        }
        UserinfoRefused::InsufficientScope => {
            let error =
                OAuthError::new(ErrorCode::InsufficientScope, "The access token lacks the scope openid");
            challenged(StatusCode::FORBIDDEN, error, scheme, ", scope=\"openid\"")
        }
        UserinfoRefused::Proof(error) => of_proof(error),
        UserinfoRefused::Later(refusal) => later(&refusal),
    }
}

/// The answer of userinfo to a proof that is not good, or needs a nonce (RFC 9449 §7.1, §9).
#[must_use]
pub fn of_proof(error: OAuthError) -> HttpResponse {
    challenged(StatusCode::UNAUTHORIZED, error, Scheme::Dpop, "")
}

/// The answer of userinfo to a request that is not well formed.
#[must_use]
pub fn of_bearer(error: OAuthError) -> HttpResponse {
    challenged(StatusCode::BAD_REQUEST, error, Scheme::Bearer, "")
}

/// The answer of userinfo to a request without a token: it names no error (RFC 6750 §3.1).
#[must_use]
pub fn no_token() -> HttpResponse {
    let mut answer = HttpResponse::Unauthorized()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")))
        .body("{}");
    challenge(&mut answer, &format!("Bearer realm=\"{REALM}\""));
    answer
}

/// An OAuth error as JSON.
#[must_use]
pub fn json(status: StatusCode, error: OAuthError) -> HttpResponse {
    let body = serde_json::json!({ "error": error.code.as_str(), "error_description": error.description });
    HttpResponse::build(status)
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .insert_header((PRAGMA, HeaderValue::from_static("no-cache")))
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")))
        .body(body.to_string())
}

fn challenged(status: StatusCode, error: OAuthError, scheme: Scheme, more: &str) -> HttpResponse {
    let mut answer = json(status, error);
    let OAuthError { code, description } = error;
    let code = code.as_str();
    let (scheme, algs) = match scheme {
        Scheme::Bearer => ("Bearer", ""),
        Scheme::Dpop => ("DPoP", DPOP_ALGS),
    };
    challenge(
        &mut answer,
        &format!(
            "{scheme} realm=\"{REALM}\", error=\"{code}\", error_description=\"{description}\"{algs}{more}"
        ),
    );
    answer
}

fn challenge(answer: &mut HttpResponse, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
}

/// The answer of the registration and configuration endpoints (RFC 7591 §3.2.2, RFC 7592 §2).
#[must_use]
pub fn of_registration(refused: RegistrationRefused) -> HttpResponse {
    match refused {
        RegistrationRefused::Off => json(
            StatusCode::NOT_FOUND,
            OAuthError::new(ErrorCode::RegistrationNotSupported, "Clients cannot register themselves here"),
        ),
        RegistrationRefused::NoToken => no_token(),
        RegistrationRefused::BadToken => {
            let error = OAuthError::new(ErrorCode::InvalidToken, "The token is not good for this");
            challenged(StatusCode::UNAUTHORIZED, error, Scheme::Bearer, "")
        }
        RegistrationRefused::Bad(bad) => {
            let body =
                serde_json::json!({ "error": bad.code(), "error_description": permitted(&bad.to_string()) });
            HttpResponse::BadRequest()
                .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
                .insert_header((PRAGMA, HeaderValue::from_static("no-cache")))
                .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")))
                .body(body.to_string())
        }
        RegistrationRefused::Later(refusal) => later(&refusal),
    }
}

/// A sentence that may hold words of a request, in the characters that a description may have (RFC 6749 §5.2).
fn permitted(sentence: &str) -> String {
    let fit = |c| match c {
        '"' => '\'',
        ' '..='~' if c != '\\' => c,
        _ => '?',
    };
    sentence.chars().take(300).map(fit).collect()
}

/// What is not the client's fault, or too much of it.
fn later(refusal: &Refusal) -> HttpResponse {
    let busy = OAuthError::new(ErrorCode::TemporarilyUnavailable, "Try again later");
    let (status, error) = match refusal {
        Refusal::TooMany { .. } => (
            StatusCode::TOO_MANY_REQUESTS,
            OAuthError::new(ErrorCode::TemporarilyUnavailable, "Too many failed attempts"),
        ),
        Refusal::Busy { .. } | Refusal::Contended(_) | Refusal::Unavailable(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, busy)
        }
        _ => (
            StatusCode::INTERNAL_SERVER_ERROR,
            OAuthError::new(ErrorCode::ServerError, "Something went wrong"),
        ),
    };
    if let Some(cause) = refusal.cause() {
        tracing::error!(cause, "A relying party was not served");
    }
    let mut answer = json(status, error);
    if let Some(after) = refusal.retry_after() {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
    }
    answer
}

/// The page for what the client may not be told (SEC-102).
#[must_use]
pub fn page(req: &HttpRequest, web: &Web, shown: Shown) -> HttpResponse {
    let sentence = match shown {
        Shown::Unreadable(_) => "The parameters cannot be read.",
        Shown::Repeated => "client_id or redirect_uri comes more than once.",
        Shown::UnknownClient => "No such client is registered.",
        Shown::DisabledClient => "The client is disabled.",
        Shown::MissingRedirectUri => "redirect_uri is missing.",
        Shown::UnknownRedirectUri => "redirect_uri is not registered for this client.",
        Shown::InvalidRequestUri => "request_uri leads to no request that could be answered.",
        Shown::InvalidRequestObject => "The request object is not good.",
    };
    shown_page(req, web, &Refused::shown(shown.as_str(), sentence))
}

/// The page for a form that is none, or comes with a query.
#[must_use]
pub fn bad_form(req: &HttpRequest, web: &Web, status: StatusCode, why: &'static str) -> HttpResponse {
    let is_no_form = status == StatusCode::UNSUPPORTED_MEDIA_TYPE;
    let code = if is_no_form { "wrong_content_type" } else { "invalid_request" };
    shown_page(req, web, &Refused::new(status, code, why))
}

/// A page also for those who did not say that they read HTML: this endpoint is for browsers.
fn shown_page(req: &HttpRequest, web: &Web, refused: &Refused) -> HttpResponse {
    web::pages::refused(web.page(req, &[]), refused)
}
