//! The visitor as the use cases want it.
//!
//! Owns: making `app::visitor::Visitor` from a request: cookies, address, browser label.

use actix_web::dev::Payload;
use actix_web::http::header::USER_AGENT;
use actix_web::{FromRequest, HttpRequest};

use crate::{Web, address, agent, cookies};

/// Who asks, from the request. Derefs to `app::visitor::Visitor`.
pub struct Visitor(pub app::visitor::Visitor);

impl Visitor {
    /// Reads the request.
    #[must_use]
    pub fn of(req: &HttpRequest, web: &Web) -> Self {
        let header = req.headers().get(USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or_default();
        Self(app::visitor::Visitor {
            browser: cookies::read(req, cookies::BROWSER),
            session: cookies::read(req, cookies::SESSION),
            known: cookies::read(req, cookies::KNOWN),
            address: address::of(req, web.trusted_proxies()),
            agent: agent::label(header),
        })
    }
}

impl std::ops::Deref for Visitor {
    type Target = app::visitor::Visitor;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl FromRequest for Visitor {
    type Error = actix_web::Error;
    type Future = std::future::Ready<Result<Self, actix_web::Error>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(Web::of(req).map(|web| Self::of(req, web)).map_err(Into::into))
    }
}
