//! The description of the API: OpenAPI at `/api/admin/v1/openapi.json`.
//!
//! Owns: putting the subjects' descriptions together, and what holds for all routes: ways in, the permission, refusals.
//! Not here: the page that shows it (`web-phone`, `/api/docs`).

use std::sync::OnceLock;

use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use serde::Serialize;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, RefOr, SecurityRequirement};
use utoipa::{OpenApi, ToSchema};
use web::Fixed;

use super::route::Needs;
use super::{routes, tables};

/// `GET /openapi.json`: no secret, for everybody. What is off is not in it.
pub(crate) async fn document(req: HttpRequest, has_cas_devices: bool) -> HttpResponse {
    static READY: [OnceLock<Fixed>; 2] = [OnceLock::new(), OnceLock::new()];
    let ready = READY[usize::from(has_cas_devices)].get_or_init(|| {
        let text = described(has_cas_devices).to_json().unwrap_or_default();
        Fixed::new("application/json", "public, max-age=300", Bytes::from(text))
    });
    ready.answer(&req)
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Latchbolt admin API", version = "1", description = ABOUT),
    components(schemas(Problem)),
)]
struct Frame;

const ABOUT: &str = include_str!("about.md");

/// The whole document.
pub(crate) fn described(has_cas_devices: bool) -> Document {
    let mut all = Document::new(Frame::openapi().info, utoipa::openapi::Paths::new());
    for (base, table) in tables(has_cas_devices) {
        let mut part = Frame::openapi();
        for module in table {
            part.merge((module.describe)());
        }
        all = all.nest(base, part);
    }
    if let Some(nested) = Frame::openapi().components {
        all.components.get_or_insert_default().schemas.extend(nested.schemas);
    }
    let components = all.components.get_or_insert_default();
    let cookie = ApiKey::Cookie(ApiKeyValue::new(web::cookies::SESSION));
    components.security_schemes.insert("session".to_owned(), RefOr::T(SecurityScheme::ApiKey(cookie)));
    let bearer = Http::builder().scheme(HttpAuthScheme::Bearer).build();
    components.security_schemes.insert("bearer".to_owned(), RefOr::T(SecurityScheme::Http(bearer)));
    let bearer_alone = SecurityRequirement::new::<_, _, String>("bearer", []);
    all.security = Some(vec![SecurityRequirement::new::<_, _, String>("session", []), bearer_alone.clone()]);
    for (base, row) in
        tables(has_cas_devices).flat_map(|(base, table)| routes(table).map(move |row| (base, row)))
    {
        let Some(item) = all.paths.paths.get_mut(&format!("{base}{}", row.path)) else { continue };
        let operation = match row.verb.as_str() {
            "GET" => &mut item.get,
            "POST" => &mut item.post,
            "PUT" => &mut item.put,
            "PATCH" => &mut item.patch,
            _ => &mut item.delete,
        };
        let Some(operation) = operation else { continue };
        let needs = match row.needs {
            Needs::One(permission) => format!("Needs `{}`.", permission.as_str()),
            Needs::Any => "For every administrator.".to_owned(),
        };
        let needs = if row.wants_fresh {
            format!("{needs} A session needs a passkey's proof of the last five minutes.")
        } else {
            needs
        };
        let said = operation.description.take().map(|text| format!("{text}\n\n{needs}"));
        operation.description = Some(said.unwrap_or(needs));
        let word = match row.needs {
            Needs::One(permission) => permission.as_str(),
            Needs::Any => "any",
        };
        let extensions = operation.extensions.get_or_insert_default();
        extensions.insert("x-permission".to_owned(), word.into());
        if row.wants_fresh {
            extensions.insert("x-fresh-proof".to_owned(), true.into());
        }
        if row.for_programs {
            operation.security = Some(vec![bearer_alone.clone()]);
        }
    }
    all
}

/// A refusal (RFC 9457).
#[derive(Serialize, ToSchema)]
pub(crate) struct Problem {
    /// `about:blank`.
    pub r#type: String,
    /// The status in words.
    pub title: String,
    /// The status.
    pub status: u16,
    /// The word for programs.
    pub code: String,
    /// The sentence for people.
    pub detail: String,
    /// The number under which the log knows the request.
    pub id: String,
    /// What is wrong: a member of the body, a parameter, a header.
    pub field: Option<String>,
    /// The row of a file, where one is wrong; the first is 1.
    pub row: Option<u32>,
    /// With 412: its version now.
    pub current_version: Option<i64>,
    /// With `step_up_needed`: how old the session's proof by passkey may be, in seconds.
    pub max_age: Option<u64>,
}
