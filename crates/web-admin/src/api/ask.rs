//! A request whose caller is known and may make it.
//!
//! Owns: what handlers take from it: ids, JSON, lists, versions; and reading its body within limits (SEC-149,
//! SEC-218). Not here: who calls (`principal`).

use std::str::FromStr;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ETAG, LOCATION};
use actix_web::web::{Bytes, Payload};
use actix_web::{HttpRequest, HttpResponse};
use app::{App, Mandate, Refusal};
use registry::Registry;
use serde::Serialize;
use serde::de::DeserializeOwned;
use web::{Params, Refused};

use super::listing::{Listing, Lists};
use super::principal::Caller;
use super::problem::Failed;
use super::route::{Route, Takes};
use super::{BASE, etag};
use crate::Admin;

/// The largest JSON body, in bytes.
const LARGEST: usize = 64 * 1024;
/// How deep JSON may be nested.
const DEEPEST: u8 = 16;

/// A request.
pub(crate) struct Ask {
    admin: Admin,
    caller: Caller,
    row: &'static Route,
    req: HttpRequest,
    body: Bytes,
}

impl Ask {
    pub(crate) const fn new(
        admin: Admin,
        caller: Caller,
        row: &'static Route,
        req: HttpRequest,
        body: Bytes,
    ) -> Self {
        Self { admin, caller, row, req, body }
    }

    /// Who calls.
    pub(crate) const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Who calls, as use cases want it.
    pub(crate) const fn mandate(&self) -> &Mandate {
        &self.caller.mandate
    }

    /// The row of the table.
    pub(crate) const fn row(&self) -> &'static Route {
        self.row
    }

    /// The door: for what goes on after the answer has begun.
    pub(crate) const fn admin(&self) -> &Admin {
        &self.admin
    }

    /// What every use case is given.
    pub(crate) fn app(&self) -> &App {
        self.admin.app()
    }

    /// People, phones, clients.
    pub(crate) fn registry(&self) -> &Registry {
        self.admin.registry()
    }

    /// The request itself: for what is not asked for here.
    pub(crate) const fn request(&self) -> &HttpRequest {
        &self.req
    }

    /// A part of the path, decoded.
    pub(crate) fn path(&self, name: &str) -> &str {
        self.req.match_info().get(name).unwrap_or_default()
    }

    /// An id in the path. What is no id is an id of nothing.
    pub(crate) fn id<T: FromStr>(&self, name: &str) -> Result<T, Failed> {
        self.path(name).parse().map_err(|_| Refusal::NotFound.into())
    }

    /// Which page of a list.
    pub(crate) fn listing(&self, lists: &Lists) -> Result<Listing, Failed> {
        Listing::read(self.req.query_string(), lists)
    }

    /// The query of what is no list. Names that are not among `known` are refused.
    pub(crate) fn query(&self, known: &[&str]) -> Result<Params, Failed> {
        let params = Params::parse(self.req.query_string().as_bytes()).map_err(Refused::from)?;
        let unknown = params
            .iter()
            .find(|(name, _)| !known.contains(name))
            .map(|(name, _)| domain::text::shown(name, 60));
        match unknown {
            Some(name) => Err(Failed::invalid(name, "is no parameter of this address")),
            None => Ok(params),
        }
    }

    /// A header, once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.req, name)
    }

    /// The body as it came.
    pub(crate) const fn body(&self) -> &Bytes {
        &self.body
    }

    /// The content type of the body, without its parameters, in lower case.
    pub(crate) fn content_type(&self) -> String {
        essence(&self.req).unwrap_or_default()
    }

    /// The JSON of the body. No member twice (`domain::json`); let the type refuse unknown ones
    /// (`#[serde(deny_unknown_fields)]`).
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Failed> {
        if essence(&self.req).as_deref() != Some("application/json") {
            return Err(wrong_type());
        }
        let wrong = |error: serde_json::Error| {
            // It may quote what was sent, to whom it was sent by: plain, and cut.
            Failed::invalid("body", domain::text::shown(&error.to_string(), 300))
        };
        let value = domain::json::read(&self.body, DEEPEST).map_err(wrong)?;
        serde_json::from_value(value).map_err(wrong)
    }

    /// The JSON of the body, or what nothing amounts to where the body is empty.
    pub(crate) fn json_or_nothing<T: DeserializeOwned + Default>(&self) -> Result<T, Failed> {
        if self.body.is_empty() { Ok(T::default()) } else { self.json() }
    }

    /// The version in `If-Match`, if one is named.
    pub(crate) fn if_match(&self) -> Result<Option<i64>, Failed> {
        etag::if_match(&self.req)
    }

    /// The version in `If-Match`, which must be there: where losing somebody's edit would hurt. `*` means "whatever it
    /// is". The operator at the command line changes what is there.
    pub(crate) fn must_match(&self) -> Result<Option<i64>, Failed> {
        let named = self.if_match()?;
        let is_named = self.req.headers().contains_key(actix_web::http::header::IF_MATCH);
        if is_named || self.caller.is_operator() { Ok(named) } else { Err(Failed::match_needed()) }
    }
}

/// 200 with JSON.
pub(crate) fn ok<T: Serialize>(value: &T) -> HttpResponse {
    HttpResponse::Ok().json(value)
}

/// 200 with JSON and its version.
pub(crate) fn versioned<T: Serialize>(value: &T, version: i64) -> HttpResponse {
    HttpResponse::Ok().insert_header((ETAG, etag::text(version))).json(value)
}

/// 201 with JSON; `path` under the base, for `Location`.
pub(crate) fn created<T: Serialize>(path: &str, value: &T, version: Option<i64>) -> HttpResponse {
    let mut answer = HttpResponse::Created();
    answer.insert_header((LOCATION, format!("{BASE}{path}")));
    if let Some(version) = version {
        answer.insert_header((ETAG, etag::text(version)));
    }
    answer.json(value)
}

/// 204.
pub(crate) fn nothing() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

fn header<'r>(req: &'r HttpRequest, name: &str) -> Option<&'r str> {
    let mut all = req.headers().get_all(name);
    let value = all.next()?.to_str().ok()?;
    if all.next().is_some() { None } else { Some(value) }
}

fn essence(req: &HttpRequest) -> Option<String> {
    let value = header(req, CONTENT_TYPE.as_str())?;
    Some(value.split(';').next()?.trim().to_ascii_lowercase())
}

fn wrong_type() -> Failed {
    Refused::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE).into()
}

/// Reads the body, if the route takes one of its kind and size.
pub(crate) async fn body(row: &Route, req: &HttpRequest, payload: Payload) -> Result<Bytes, Failed> {
    if !row.verb.changes() {
        return Ok(Bytes::new());
    }
    let (types, limit): (&[&str], usize) = match row.takes {
        Takes::Json => (&["application/json"], LARGEST),
        Takes::Files(types, limit) => (types, limit),
    };
    let too_large = || Failed::from(Refused::of_status(StatusCode::PAYLOAD_TOO_LARGE));
    let body = payload.to_bytes_limited(limit).await.map_err(|_| too_large())?;
    let body = body.map_err(|error| Refused::of_status(StatusCode::BAD_REQUEST).because(error))?;
    let is_known = essence(req).is_some_and(|essence| types.contains(&essence.as_str()));
    if body.is_empty() || is_known { Ok(body) } else { Err(wrong_type()) }
}
