//! `/cas/actuator/qrDevices`: apps made for CAS, as scripts that were written for a CAS server list, register and remove
//! them (cas-wire §10.2).
//!
//! Owns: what those scripts send and what they are answered. Not here: the devices, which are those of `/devices`
//! (`registry::cas_devices`), and who calls: everything that holds for the admin API holds here, but that no cookie
//! counts and the query is empty.

use utoipa::OpenApi;

use super::ask::{self, Ask};
use super::openapi::Problem;
use super::route::{Answer, Route, route};

/// The routes. What is listed by a person's name is removed by a device's: one path for both.
pub(super) const ROUTES: &[Route] = &[
    route!(Get "/{name}", DevicesRead, list).for_programs(),
    route!(Delete "/{name}", DevicesWrite, remove).for_programs(),
    route!(Post "/{principal}/{device}", DevicesWrite, register).for_programs(),
];

/// Their description.
#[derive(OpenApi)]
#[openapi(paths(list, remove, register))]
pub(super) struct Described;

/// A part of the path with the three characters that are left in it undecoded, since they could end it or be read
/// twice: `%`, `/` and `+`.
fn name(ask: &Ask, part: &str) -> String {
    let mut rest = ask.path(part);
    let mut name = String::with_capacity(rest.len());
    while let Some(at) = rest.find('%') {
        let (before, escape) = rest.split_at(at);
        name.push_str(before);
        let (letter, length) = match escape.get(..3).map(str::to_ascii_uppercase).as_deref() {
            Some("%25") => ('%', 3),
            Some("%2B") => ('+', 3),
            Some("%2F") => ('/', 3),
            _ => ('%', 1),
        };
        name.push(letter);
        rest = escape.get(length..).unwrap_or_default();
    }
    name.push_str(rest);
    name
}

#[utoipa::path(
    get, path = "/{name}", tag = "CAS devices",
    summary = "The names of a person's apps that may approve",
    params(("name" = String, Path, description = "The person's user name")),
    responses((status = 200, body = Vec<String>, description = "In lower case; none for a person who is not known"))
)]
async fn list(ask: Ask) -> Answer {
    ask.query(&[])?;
    let names = ask.registry().cas_devices_of(ask.mandate(), &name(&ask, "name")).await?;
    Ok(ask::ok(&names))
}

#[utoipa::path(
    post, path = "/{principal}/{device}", tag = "CAS devices",
    summary = "Let a person's app approve",
    description = "The person is told. What is registered already stays as it is.",
    params(
        ("principal" = String, Path, description = "The person's user name"),
        ("device" = String, Path, description = "What the app calls itself: 1 to 128 letters and digits, or `. _ : @ -`; case does not matter"),
    ),
    responses(
        (status = 204, description = "It may approve"), (status = 400, body = Problem),
        (status = 404, body = Problem, description = "No such person"),
        (status = 409, body = Problem, description = "`cas_name`: somebody else's app has the name; `device_state`: it was stopped; `device_limit`"),
    )
)]
async fn register(ask: Ask) -> Answer {
    ask.query(&[])?;
    let (principal, device) = (name(&ask, "principal"), name(&ask, "device"));
    ask.registry().allow_cas_device(ask.mandate(), &principal, &device).await?;
    Ok(ask::nothing())
}

#[utoipa::path(
    delete, path = "/{name}", tag = "CAS devices",
    summary = "Let an app approve no more",
    description = "The sessions that it approved end with it, and what it approved and nobody fetched yet.",
    params(("name" = String, Path, description = "What the app calls itself")),
    responses((status = 204, description = "It may not approve, whether it might before or not"))
)]
async fn remove(ask: Ask) -> Answer {
    ask.query(&[])?;
    ask.registry().forbid_cas_device(ask.mandate(), &name(&ask, "name")).await?;
    Ok(ask::nothing())
}
