//! `/imports`: files of many rows, looked at before anything is changed.

use actix_web::http::StatusCode;
use registry::import::{FileFault, ImportKind, NotImported};
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};
use web::Refused;

use super::ask::{self, Ask};
use super::jobs::JobShown;
use super::openapi::Problem;
use super::problem::Failed;
use super::route::{Answer, Route, route};

/// Bytes of a file, and a little more: what is larger is told so by the reader of files.
const MOST: usize = 20 * 1024 * 1024 + 1024;

/// The routes. What a file holds needs a permission of its own besides.
pub(super) const ROUTES: &[Route] = &[
    route!(Post "/imports", JobsWrite, upload).taking(&["text/csv"], MOST),
    route!(Post "/imports/letters", EnrolmentsWrite, letters),
];

/// Their description.
#[derive(OpenApi)]
#[openapi(paths(upload, letters))]
pub(super) struct Described;

/// Who is to get a letter.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLetters {
    /// Members of this group, by its name; everybody where there is none.
    group: Option<String>,
    /// Only those without a phone.
    #[serde(default = "yes")]
    #[schema(default = true)]
    without_device: bool,
}

const fn yes() -> bool {
    true
}

fn failed(why: NotImported) -> Failed {
    match why {
        NotImported::Refused(refusal) => refusal.into(),
        NotImported::File(FileFault { line, field, why }) => {
            let refused = Refused::new(StatusCode::BAD_REQUEST, "invalid_file", "");
            let mut refused = Refused { detail: why.into(), ..refused };
            if let Some(line) = line {
                refused = refused.with("row", line);
            }
            if let Some(field) = field {
                refused = refused.with("field", field);
            }
            refused.into()
        }
    }
}

#[utoipa::path(
    post, path = "/imports", tag = "Long work",
    summary = "Look at a CSV file: what would become of each row",
    description = "UTF-8 with a header line; cells separated by commas, semicolons or tabs; at most 20 MB, 100,000 rows, \
        10 kB a line. Nothing is changed until the answered work is started.\n\n\
        - `users`: `username,email,name,given_name,family_name,groups,language` and custom claims; only `username` must \
        be there. Groups are separated by semicolons. People who are there already are not changed.\n\
        - `devices`: `username,public_key,name,platform`; the key is a JWK, or base64url of the JWK, of the point of \
        P-256 (65 bytes) or of the Ed25519 key (32 bytes).\n\
        - `letters`: `username,language`.\n\
        - `cas_devices`: no table but the map of a CAS server, device id to user, as JSON or Hjson.",
    params(("kind" = String, Query, description = "`users`, `devices`, `letters` or `cas_devices`")),
    request_body(content = String, content_type = "text/csv"),
    responses(
        (status = 201, body = JobShown),
        (status = 400, body = Problem, description = "`invalid_file`: `row` is the line and `field` the column at fault"),
        (status = 403, body = Problem),
    )
)]
async fn upload(ask: Ask) -> Answer {
    let params = ask.query(&["kind"])?;
    let kind = params.get("kind").and_then(ImportKind::from_word);
    let kind =
        kind.ok_or_else(|| Failed::invalid("kind", "is none of users, devices, letters, cas_devices"))?;
    let job = ask.registry().import(ask.mandate(), kind, ask.body()).await.map_err(failed)?;
    let path = format!("/jobs/{}", job.id);
    Ok(ask::created(&path, &JobShown::of(&job, ask.registry().now()), None))
}

#[utoipa::path(
    post, path = "/imports/letters", tag = "Long work",
    summary = "Plan letters for everybody who fits",
    request_body = NewLetters,
    responses((status = 201, body = JobShown), (status = 400, body = Problem), (status = 403, body = Problem))
)]
async fn letters(ask: Ask) -> Answer {
    let new: NewLetters = ask.json()?;
    let job = ask.registry().plan_letters(ask.mandate(), new.group.as_deref(), new.without_device).await?;
    let path = format!("/jobs/{}", job.id);
    Ok(ask::created(&path, &JobShown::of(&job, ask.registry().now()), None))
}
