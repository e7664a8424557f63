//! The admin API: `/api/admin/v1`, and what answers like it at a CAS server's address.
//!
//! Owns: the table of routes, and the one way that every request takes: who calls ([`principal`]), may they
//! ([`route`]), the body ([`ask`]), was it done already ([`idempotency`]), the handler. A route that is not in the
//! table does not exist, and a row without a permission does not compile (SEC-180).
//! Not here: what is done (`registry`, `provider`, `signin`).
//!
//! A subject is a module with `pub(super) const ROUTES: &[Route]` and `pub(super) struct Described` (its OpenAPI), and a
//! line in [`MODULES`]. `initial_tokens` is the example.

pub(crate) mod ask;
pub(crate) mod etag;
pub(crate) mod idempotency;
pub(crate) mod listing;
pub(crate) mod openapi;
pub(crate) mod principal;
pub(crate) mod problem;
pub(crate) mod route;
#[cfg(test)]
mod tests;

mod api_keys;
mod approvals;
mod audit;
mod bulk;
mod cas_devices;
mod claims;
mod clients;
mod consents;
mod devices;
mod enrolments;
mod factors;
mod groups;
mod imports;
mod initial_tokens;
mod jobs;
mod keys;
mod me;
mod notices;
mod policies;
mod recoveries;
mod resets;
mod roles;
mod sessions;
mod statistics;
mod users;

use std::collections::BTreeMap;

use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::web::{Payload, ServiceConfig, get, method, resource, scope, to};
use actix_web::{HttpRequest, HttpResponse, Scope};
use web::Refused;

pub use route::{Described, described};

use crate::Admin;
use ask::Ask;
use problem::Failed;
use route::{Module, Route, module};

/// Where the API is.
pub const BASE: &str = "/api/admin/v1";

/// All subjects.
pub(crate) const MODULES: &[Module] = &[
    module!(audit),
    module!(statistics),
    module!(me),
    module!(enrolments),
    module!(approvals),
    module!(imports),
    module!(bulk),
    module!(jobs),
    module!(notices),
    module!(resets),
    module!(api_keys),
    module!(clients),
    module!(consents),
    module!(initial_tokens),
    module!(keys),
    module!(sessions),
    module!(devices),
    module!(claims),
    module!(groups),
    module!(policies),
    module!(roles),
    module!(users),
    module!(factors),
    module!(recoveries),
];

/// Where a CAS server has its endpoint for devices.
pub(crate) const CAS_DEVICES_BASE: &str = "/cas/actuator/qrDevices";

/// What is there, where it is on ([`Admin::with_cas_devices`]).
pub(crate) const CAS_DEVICES: &[Module] = &[module!(cas_devices)];

/// The tables with where they are.
pub(crate) fn tables(has_cas_devices: bool) -> impl Iterator<Item = (&'static str, &'static [Module])> {
    let cas_devices = has_cas_devices.then_some((CAS_DEVICES_BASE, CAS_DEVICES));
    [(BASE, MODULES)].into_iter().chain(cas_devices)
}

/// All routes of a table.
pub(crate) fn routes(table: &'static [Module]) -> impl Iterator<Item = &'static Route> {
    table.iter().flat_map(|module| module.routes)
}

/// The routes, as actix sees them: a path is found before a pattern that would match it too, because `{` sorts behind
/// all letters.
pub(crate) fn mount(cfg: &mut ServiceConfig, admin: &Admin) {
    let is_whole = admin.has_cas_devices();
    let document = move |req: HttpRequest| openapi::document(req, is_whole);
    for (base, table) in tables(is_whole) {
        let mut under = scope(base);
        if base == BASE {
            under = under.route("/openapi.json", get().to(document));
        }
        cfg.service(with_routes(under, table, admin));
    }
}

fn with_routes(mut under: Scope, table: &'static [Module], admin: &Admin) -> Scope {
    let mut paths: BTreeMap<&'static str, Vec<&'static Route>> = BTreeMap::new();
    for row in routes(table) {
        paths.entry(row.path).or_default().push(row);
    }
    for (path, rows) in paths {
        let verbs: Vec<&str> = rows.iter().map(|row| row.verb.as_str()).collect();
        let allow = verbs.join(", ");
        let mut one = resource(path).default_service(to(move || no_such_method(allow.clone())));
        for row in rows {
            let admin = admin.clone();
            let handle = move |req: HttpRequest, payload: Payload| run(admin.clone(), row, req, payload);
            one = one.route(method(row.verb.method()).to(handle));
        }
        under = under.service(one);
    }
    under.default_service(to(|| async { Err::<HttpResponse, _>(Refused::no_such_page()) }))
}

async fn no_such_method(allow: String) -> HttpResponse {
    let mut answer = HttpResponse::MethodNotAllowed().finish();
    if let Ok(allow) = HeaderValue::from_str(&allow) {
        answer.headers_mut().insert(ALLOW, allow);
    }
    answer
}

async fn run(admin: Admin, row: &'static Route, req: HttpRequest, payload: Payload) -> HttpResponse {
    match answer(admin, row, req, payload).await {
        Ok(answer) => answer,
        Err(failed) => failed.into_response(),
    }
}

async fn answer(
    admin: Admin,
    row: &'static Route,
    req: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Failed> {
    let caller = principal::caller(&admin, row, &req).await?;
    principal::must(&admin, &caller, row).await?;
    let body = ask::body(row, &req, payload).await?;
    let ask = Ask::new(admin, caller, row, req, body);
    idempotency::answer(ask).await
}
