//! What guards the demo's site: its own host name, its own pages, its own headers.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, ORIGIN};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest, HttpResponse, HttpResponseBuilder};
use url::Url;

use crate::DemoError;

/// The site and where it is.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    origin: String,
    port: u16,
}

impl Site {
    pub(crate) fn new(base: &str) -> Result<Self, DemoError> {
        let bad = || DemoError::BadAddress(base.to_owned());
        let url = Url::parse(base).map_err(|_| bad())?;
        let port = url.port_or_known_default().ok_or_else(bad)?;
        Ok(Self { origin: url.origin().ascii_serialization(), port })
    }

    /// Whether a request came here by a name of this computer: another name would be somebody else's page
    /// that leads its own name here (DNS rebinding).
    fn is_called_right(&self, req: &HttpRequest) -> bool {
        let host = req.headers().get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let own = ["localhost", "127.0.0.1", "[::1]"];
        own.iter().any(|name| host == format!("{name}:{}", self.port))
            || self.origin.ends_with(&format!("//{host}"))
    }

    fn is_from_own_page(&self, req: &HttpRequest) -> bool {
        let origin = req.headers().get(ORIGIN).and_then(|value| value.to_str().ok());
        origin == Some(self.origin.as_str())
    }
}

/// A request that may be answered: called by the right name and, when it changes something, sent by a page of
/// this site.
#[derive(Debug)]
pub(crate) struct Own;

impl FromRequest for Own {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(site) = req.app_data::<Data<Site>>() else {
            return ready(Err(actix_web::error::ErrorInternalServerError("no site")));
        };
        let is_safe = req.method().is_safe() || site.is_from_own_page(req);
        if site.is_called_right(req) && is_safe {
            return ready(Ok(Self));
        }
        let answer = answer(StatusCode::FORBIDDEN)
            .content_type("text/plain; charset=utf-8")
            .body("The demo answers to its own pages only.");
        ready(Err(InternalError::from_response("not from our own page", answer).into()))
    }
}

/// An answer with the headers that all answers carry.
pub(crate) fn answer(status: StatusCode) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((
            "content-security-policy",
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ))
        .insert_header(("x-content-type-options", "nosniff"))
        .insert_header(("referrer-policy", "same-origin"))
        .insert_header(("cross-origin-opener-policy", "same-origin-allow-popups"));
    answer
}

/// A page.
pub(crate) fn page(status: StatusCode, template: &impl askama::Template) -> HttpResponse {
    match template.render() {
        Ok(html) => answer(status).insert_header((CONTENT_TYPE, "text/html; charset=utf-8")).body(html),
        Err(why) => {
            tracing::error!(%why, "A page of the demo cannot be drawn");
            answer(StatusCode::INTERNAL_SERVER_ERROR).finish()
        }
    }
}
