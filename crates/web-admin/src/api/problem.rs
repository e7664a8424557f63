//! Refusals of the admin API (RFC 9457).
//!
//! Owns: what a refusal of a use case becomes here, and the refusals of the frame itself. How it is written is the
//! shell's (`web::shell`): `{type, title, status, code, detail, id}` and, where known, `field`, `row`,
//! `current_version`, `max_age`.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue, WWW_AUTHENTICATE};
use app::{Refusal, strength};
use web::Refused;

const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// A refusal on its way out. `?` makes it of an `app::Refusal` and of a `web::Refused`.
#[derive(Debug)]
pub(crate) struct Failed {
    refused: Box<Refused>,
    nonce: Option<HeaderValue>,
}

impl Failed {
    /// The body or a parameter is wrong: which, and why.
    pub(crate) fn invalid(field: impl Into<String>, why: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        let refused =
            Refused { detail: why.into(), ..Refused::new(StatusCode::BAD_REQUEST, "invalid_request", "") };
        refused.with("field", field.into()).into()
    }

    /// The request has to say which version it changes (RFC 6585 §3).
    pub(crate) fn match_needed() -> Self {
        Refused::new(
            StatusCode::PRECONDITION_REQUIRED,
            "precondition_required",
            "Send If-Match with the version you looked at.",
        )
        .into()
    }

    /// The session's proof by passkey is older than this, or there is none: in seconds in `max_age`, as RFC 9470 has it.
    pub(crate) fn step_up(limit: Duration) -> Self {
        Refused::from(Refusal::StepUpNeeded).with("max_age", limit.as_secs()).into()
    }

    /// The proof of the token's key has to hold this nonce (RFC 9449 §9).
    pub(crate) fn nonce(nonce: &str) -> Self {
        let refused = Refused::new(
            StatusCode::UNAUTHORIZED,
            "use_dpop_nonce",
            "The proof needs the nonce of this answer.",
        );
        Self { nonce: HeaderValue::from_str(nonce).ok(), ..refused.into() }
    }

    /// The answer.
    pub(crate) fn into_response(self) -> HttpResponse {
        let needs_proof = self.refused.status == StatusCode::UNAUTHORIZED;
        let mut answer = HttpResponse::from_error(*self.refused);
        if let Some(nonce) = self.nonce {
            answer.headers_mut().insert(DPOP_NONCE, nonce);
            let again = HeaderValue::from_static("DPoP error=\"use_dpop_nonce\"");
            answer.headers_mut().insert(WWW_AUTHENTICATE, again);
        } else if needs_proof {
            // RFC 9110 §11.6.1; the cookie's way in has no scheme.
            let realm = HeaderValue::from_static("Bearer realm=\"admin\"");
            answer.headers_mut().insert(WWW_AUTHENTICATE, realm);
        }
        answer
    }
}

impl From<Refused> for Failed {
    fn from(refused: Refused) -> Self {
        Self { refused: Box::new(refused), nonce: None }
    }
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            // What is taken is named by its field, so that a form can point at it.
            Refusal::Conflict(what) => {
                let why = format!("{what} does not go with what is there already.");
                let refused = Refused::new(StatusCode::CONFLICT, "conflict", "");
                Refused { detail: why.into(), ..refused }.with("field", what).into()
            }
            // Keys and tokens never hear it from a deed: what they may is all they need.
            Refusal::StepUpNeeded => Self::step_up(strength::FRESH),
            other => Refused::from(other).into(),
        }
    }
}
