//! Refusals as answers.
//!
//! Owns: the one table from `app::Refusal` (and from what HTTP itself refuses) to status and public word. How
//! the answer looks is decided in `shell`: a page for a person, problem+json for a program. The cause stays
//! inside: it is logged once and never sent.

use std::borrow::Cow;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use app::Refusal;

use crate::params::BadParams;

/// A refusal on its way out. Handlers return it as their error.
#[derive(Debug, Clone)]
pub struct Refused {
    /// HTTP status.
    pub status: StatusCode,
    /// The public word: an OAuth error code or one of ours (`data-error`, `code`).
    pub code: Cow<'static, str>,
    /// A public sentence for programs; no text of the asker's.
    pub detail: Cow<'static, str>,
    /// When to come again.
    pub retry_after: Option<Duration>,
    /// A path of ours where the person can go on.
    pub onward: Option<Box<str>>,
    /// Further members of problem+json, such as `left`.
    pub more: Option<Box<serde_json::Map<String, serde_json::Value>>>,
    /// What happened, for the log alone.
    pub cause: Option<Box<str>>,
}

impl Refused {
    /// A refusal with this status, word and sentence.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: &'static str) -> Self {
        Self {
            status,
            code: Cow::Borrowed(code),
            detail: Cow::Borrowed(detail),
            retry_after: None,
            onward: None,
            more: None,
            cause: None,
        }
    }

    /// An error of a protocol that may not be sent back and is shown to the person (RFC 6749 §4.1.2.1).
    #[must_use]
    pub fn shown(code: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code: code.into(),
            detail: detail.into(),
            ..Self::new(StatusCode::BAD_REQUEST, "invalid_request", "")
        }
    }

    /// Adds a member to problem+json.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<serde_json::Value>) -> Self {
        self.more.get_or_insert_default().insert(name.to_owned(), value.into());
        self
    }

    /// Adds the private cause.
    #[must_use]
    pub fn because(mut self, cause: impl std::fmt::Display) -> Self {
        self.cause = Some(cause.to_string().into());
        self
    }

    /// No such address on this server.
    #[must_use]
    pub fn no_such_page() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is nothing at this address.")
    }

    /// The request was not made by our own page.
    #[must_use]
    pub fn cross_site() -> Self {
        Self::new(StatusCode::FORBIDDEN, "cross_site", "The request did not come from this site's own page.")
    }

    /// Our own page, but with the token of another browser secret: it was opened before a sign-in in another tab.
    #[must_use]
    pub fn stale_form() -> Self {
        Self::new(StatusCode::FORBIDDEN, "stale_form", "The page is out of date. Load it again.")
    }

    /// Names a path of ours where the person can go on.
    #[must_use]
    pub fn onward(mut self, path: String) -> Self {
        self.onward = Some(path.into());
        self
    }

    /// The browser sent no cookie of ours where one was due.
    #[must_use]
    pub fn no_cookie() -> Self {
        Self::new(StatusCode::FORBIDDEN, "no_cookie", "The browser sent no cookie of this site.")
    }

    fn later(status: StatusCode, code: &'static str, detail: &'static str, after: Duration) -> Self {
        Self { retry_after: Some(after), ..Self::new(status, code, detail) }
    }

    fn busy(after: Duration) -> Self {
        let detail = "The server is busy. Try again in a moment.";
        Self::later(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", detail, after)
    }

    /// What a refusal by HTTP itself means: answers without a body get one from here.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::no_such_page(),
            StatusCode::METHOD_NOT_ALLOWED => {
                Self::new(status, "method_not_allowed", "This address does not take that method.")
            }
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(status, "too_large", "The body is too large."),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                Self::new(status, "wrong_content_type", "The body has the wrong content type.")
            }
            status if status.is_server_error() => Self::new(status, "server_error", "Something went wrong."),
            status => Self::new(status, "invalid_request", "The request cannot be understood."),
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        use Refusal as R;
        match refusal {
            R::Invalid { field, why } => {
                Self::new(StatusCode::BAD_REQUEST, "invalid_request", why).with("field", field)
            }
            R::SignInFailed => Self::new(StatusCode::UNAUTHORIZED, "sign_in_failed", "Sign-in failed."),
            R::NotSignedIn => Self::new(StatusCode::UNAUTHORIZED, "login_required", "Sign in first."),
            R::StepUpNeeded => {
                Self::new(StatusCode::FORBIDDEN, "step_up_needed", "A fresh sign-in is needed for this.")
            }
            R::Forbidden => Self::new(StatusCode::FORBIDDEN, "forbidden", "This is not allowed."),
            R::NotFound => Self::new(StatusCode::NOT_FOUND, "not_found", "There is no such thing."),
            R::Gone => Self::new(StatusCode::GONE, "gone", "This has ended. Start again."),
            R::Conflict(why) => Self::new(StatusCode::CONFLICT, "conflict", why),
            R::Outdated { current } => Self::new(
                StatusCode::PRECONDITION_FAILED,
                "outdated",
                "It was changed meanwhile. Look at it again.",
            )
            .with("current_version", current),
            R::TooMany { retry_after } => Self::later(
                StatusCode::TOO_MANY_REQUESTS,
                "slow_down",
                "Too many tries. Come again later.",
                retry_after,
            ),
            R::Busy { retry_after } => Self::busy(retry_after),
            R::Contended(cause) => Self::busy(Duration::from_secs(1)).because(cause),
            R::Unavailable(cause) => Self::later(
                StatusCode::SERVICE_UNAVAILABLE,
                "temporarily_unavailable",
                "Something this needs does not answer. Try again in a moment.",
                Duration::from_secs(2),
            )
            .because(cause),
            R::Corrupt(cause) => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "Something went wrong.")
                    .because(cause)
            }
        }
    }
}

impl From<BadParams> for Refused {
    fn from(bad: BadParams) -> Self {
        let (status, code, detail) = match bad {
            BadParams::Repeated => (400, "invalid_request", "A parameter is given twice."),
            BadParams::TooMany => (400, "invalid_request", "There are too many parameters."),
            BadParams::TooLong => (400, "invalid_request", "A parameter is too long."),
            BadParams::Encoding => (400, "invalid_request", "A parameter is not properly encoded."),
            BadParams::Unreadable => (400, "invalid_request", "The body could not be read."),
            BadParams::NotAForm => {
                (415, "wrong_content_type", "The body must be application/x-www-form-urlencoded.")
            }
            BadParams::BodyTooLarge => (413, "too_large", "The body is too large."),
        };
        Self::new(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), code, detail)
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    /// Bare; `shell` dresses it.
    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::new(self.status);
        if let Some(after) = self.retry_after {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
        answer
    }
}
