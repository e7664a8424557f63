//! `/jobs`: long work, its rows, and its letters.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use domain::{
    BulkAction, Cursor, Job, JobId, JobKind, JobRow, JobState, OutcomeFilter, RowFate, RowOutcome, Timestamp,
};
use registry::import::defused;
use registry::jobs::{JobQuery, RowQuery};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::ask::{self, Ask};
use super::listing::{Listed, Lists};
use super::openapi::Problem;
use super::route::{Answer, Route, route};

/// The routes. What a job does needs a permission of its own besides.
pub(super) const ROUTES: &[Route] = &[
    route!(Get "/jobs", JobsRead, list),
    route!(Get "/jobs/{id}", JobsRead, show),
    route!(Get "/jobs/{id}/rows", JobsRead, rows),
    route!(Get "/jobs/{id}/rows.csv", JobsRead, rows_csv),
    route!(Post "/jobs/{id}/start", JobsWrite, start),
    route!(Post "/jobs/{id}/cancel", JobsWrite, cancel),
    route!(Post "/jobs/{id}/undo", JobsWrite, undo),
    route!(Get "/jobs/{id}/letters.pdf", EnrolmentsWrite, letters),
    route!(Post "/jobs/{id}/letters/confirm", EnrolmentsWrite, confirm),
];

/// Their description.
#[derive(OpenApi)]
#[openapi(paths(list, show, rows, rows_csv, start, cancel, undo, letters, confirm))]
pub(super) struct Described;

/// Rows that are read at once for a file.
const AT_ONCE: u32 = 500;

/// Long work.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobShown {
    /// Its id.
    id: String,
    /// `import_users`, `import_devices`, `bulk_enrol` or `bulk_action`.
    kind: &'static str,
    /// What a bulk action does.
    action: Option<&'static str>,
    /// `ready` (looked at, nothing changed), `running`, `undoable`, `finalising`, `undoing`, `finished`, `cancelled`,
    /// `undone`.
    state: &'static str,
    /// Who planned it: an id, or `operator`.
    made_by: String,
    /// Its rows.
    rows: JobRows,
    /// Planned.
    created_at: String,
    /// Started.
    started_at: Option<String>,
    /// Over.
    finished_at: Option<String>,
    /// It may be undone until.
    undo_until: Option<String>,
    /// Its letters, while they may be fetched.
    letters: Option<JobLetters>,
}

/// Rows of each sort.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobRows {
    /// All.
    total: u32,
    /// To be made or changed, whether that is done already or not.
    to_do: u32,
    /// So already.
    unchanged: u32,
    /// Cannot be done: each says why.
    conflict: u32,
    /// Done.
    done: u32,
    /// Failed: each says why.
    failed: u32,
    /// Taken back.
    undone: u32,
}

/// Letters that may be fetched.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobLetters {
    /// Until then, unless they are confirmed before.
    until: String,
}

impl JobShown {
    pub(super) fn of(job: &Job, now: Timestamp) -> Self {
        let counts = job.counts;
        Self {
            id: job.id.to_string(),
            kind: job.kind.as_str(),
            action: job.action.map(BulkAction::as_str),
            state: job.state.as_str(),
            made_by: job.made_by.to_string(),
            rows: JobRows {
                total: counts.total(),
                to_do: counts.to_do,
                unchanged: counts.unchanged,
                conflict: counts.conflict,
                done: counts.done,
                failed: counts.failed,
                undone: counts.undone,
            },
            created_at: job.created_at.rfc3339(),
            started_at: job.started_at.map(Timestamp::rfc3339),
            finished_at: job.finished_at.map(Timestamp::rfc3339),
            undo_until: job.undo_until.map(Timestamp::rfc3339),
            letters: job
                .secrets_until
                .filter(|until| now < *until)
                .map(|until| JobLetters { until: until.rfc3339() }),
        }
    }
}

/// One row.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RowShown {
    /// From 1, in the order of the file.
    number: u32,
    /// A user name, a phone's name.
    label: String,
    /// `create`, `change`, `unchanged` or `conflict`.
    fate: &'static str,
    /// The field that is the reason.
    field: Option<String>,
    /// Why it cannot be done, or failed.
    reason: Option<String>,
    /// `done`, `final`, `failed` or `undone`; null while nothing was done.
    outcome: Option<&'static str>,
    /// The id of what was made or changed.
    subject: Option<String>,
}

impl From<JobRow> for RowShown {
    fn from(row: JobRow) -> Self {
        Self {
            number: row.number,
            label: row.label,
            fate: row.fate.as_str(),
            field: row.field,
            reason: row.reason,
            outcome: row.outcome.map(RowOutcome::as_str),
            subject: row.subject,
        }
    }
}

fn outcome(word: &str) -> Option<OutcomeFilter> {
    match word {
        "waiting" => Some(OutcomeFilter::Waiting),
        word => RowOutcome::from_word(word).map(OutcomeFilter::Is),
    }
}

fn shown(ask: &Ask, job: &Job) -> HttpResponse {
    ask::ok(&JobShown::of(job, ask.registry().now()))
}

#[utoipa::path(
    get, path = "/jobs", tag = "Long work",
    summary = "Long work, newest first",
    params(
        ("kind" = Option<String>, Query), ("state" = Option<String>, Query),
        ("cursor" = Option<String>, Query), ("limit" = Option<u32>, Query),
    ),
    responses((status = 200, body = Listed<JobShown>), (status = 400, body = Problem))
)]
async fn list(ask: Ask) -> Answer {
    let listing =
        ask.listing(&Lists { sorts: &["-created_at"], filters: &["kind", "state"], searches: false })?;
    let query = JobQuery {
        kind: listing.filter_as("kind", JobKind::from_word, "is no kind of long work")?,
        state: listing.filter_as("state", JobState::from_word, "is no state of long work")?,
        after: listing.cursor.clone(),
        rows: listing.fetch(),
    };
    let found = ask.registry().jobs(&query).await?;
    let now = ask.registry().now();
    let at = |job: &Job| (job.created_at.millis().to_string(), job.id.to_string());
    Ok(ask::ok(&listing.page(found, None, at, |job| JobShown::of(&job, now))))
}

#[utoipa::path(
    get, path = "/jobs/{id}", tag = "Long work",
    summary = "One piece of long work: where it stands",
    params(("id" = String, Path)),
    responses((status = 200, body = JobShown), (status = 404, body = Problem))
)]
async fn show(ask: Ask) -> Answer {
    ask.query(&[])?;
    let job = ask.registry().job(&ask.id::<JobId>("id")?).await?;
    Ok(shown(&ask, &job))
}

#[utoipa::path(
    get, path = "/jobs/{id}/rows", tag = "Long work",
    summary = "Rows: what will become of each, and what did",
    params(
        ("id" = String, Path), ("fate" = Option<String>, Query),
        ("outcome" = Option<String>, Query, description = "`waiting`, `done`, `final`, `failed` or `undone`"),
        ("cursor" = Option<String>, Query), ("limit" = Option<u32>, Query),
    ),
    responses((status = 200, body = Listed<RowShown>), (status = 404, body = Problem))
)]
async fn rows(ask: Ask) -> Answer {
    let listing =
        ask.listing(&Lists { sorts: &["number"], filters: &["fate", "outcome"], searches: false })?;
    let after = listing.cursor.as_ref().map(Cursor::number).transpose();
    let after = after.ok().and_then(|after| u32::try_from(after.unwrap_or(0)).ok());
    let query = RowQuery {
        fate: listing.filter_as(
            "fate",
            RowFate::from_word,
            "is none of create, change, unchanged, conflict",
        )?,
        outcome: listing.filter_as("outcome", outcome, "is none of waiting, done, final, failed, undone")?,
        after: after.ok_or_else(|| super::problem::Failed::invalid("cursor", "is none of this list"))?,
        rows: listing.fetch(),
    };
    let found = ask.registry().job_rows(&ask.id::<JobId>("id")?, query).await?;
    let at = |row: &JobRow| (row.number.to_string(), row.number.to_string());
    Ok(ask::ok(&listing.page(found, None, at, RowShown::from)))
}

#[utoipa::path(
    get, path = "/jobs/{id}/rows.csv", tag = "Long work",
    summary = "All rows as CSV; cells that a spreadsheet would take for a formula begin with an apostrophe",
    params(("id" = String, Path)),
    responses((status = 200, content_type = "text/csv", body = String), (status = 404, body = Problem))
)]
async fn rows_csv(ask: Ask) -> Answer {
    ask.query(&[])?;
    let id = ask.id::<JobId>("id")?;
    let mut text = String::from("number,label,fate,field,reason,outcome,subject\r\n");
    let mut after = 0;
    loop {
        let query = RowQuery { after, rows: AT_ONCE, ..RowQuery::default() };
        let found = ask.registry().job_rows(&id, query).await?;
        let Some(last) = found.last() else { break };
        after = last.number;
        for row in found {
            let number = row.number.to_string();
            let cells = [
                Some(number.as_str()),
                Some(row.label.as_str()),
                Some(row.fate.as_str()),
                row.field.as_deref(),
                row.reason.as_deref(),
                row.outcome.map(RowOutcome::as_str),
                row.subject.as_deref(),
            ];
            let cells: Vec<String> = cells.into_iter().map(|cell| quoted(cell.unwrap_or_default())).collect();
            text.push_str(&cells.join(","));
            text.push_str("\r\n");
        }
    }
    let name = format!("attachment; filename=\"{id}.csv\"");
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/csv; charset=utf-8"))
        .insert_header((CONTENT_DISPOSITION, name))
        .body(text))
}

/// A cell of RFC 4180.
fn quoted(cell: &str) -> String {
    let cell = defused(cell);
    if cell.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

#[utoipa::path(
    post, path = "/jobs/{id}/start", tag = "Long work",
    summary = "Start what was looked at",
    params(("id" = String, Path)),
    responses(
        (status = 200, body = JobShown), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem, description = "It is not `ready`"),
    )
)]
async fn start(ask: Ask) -> Answer {
    let job = ask.registry().start_job(ask.mandate(), &ask.id::<JobId>("id")?).await?;
    Ok(shown(&ask, &job))
}

#[utoipa::path(
    post, path = "/jobs/{id}/cancel", tag = "Long work",
    summary = "Stop: what was done stays, but for a bulk action that can be undone",
    params(("id" = String, Path)),
    responses(
        (status = 200, body = JobShown), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem, description = "It is over"),
    )
)]
async fn cancel(ask: Ask) -> Answer {
    let job = ask.registry().cancel_job(ask.mandate(), &ask.id::<JobId>("id")?).await?;
    Ok(shown(&ask, &job))
}

#[utoipa::path(
    post, path = "/jobs/{id}/undo", tag = "Long work",
    summary = "Undo a bulk action, while that may be done",
    params(("id" = String, Path)),
    responses(
        (status = 200, body = JobShown), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem, description = "It is too late (`undo_over`), or there is nothing to undo"),
    )
)]
async fn undo(ask: Ask) -> Answer {
    let job = ask.registry().undo_job(ask.mandate(), &ask.id::<JobId>("id")?).await?;
    Ok(shown(&ask, &job))
}

#[utoipa::path(
    get, path = "/jobs/{id}/letters.pdf", tag = "Long work",
    summary = "The letters as one PDF",
    description = "May be fetched again until they are confirmed or 24 hours have passed; then their secrets are nowhere.",
    params(
        ("id" = String, Path),
        ("layout" = Option<String>, Query, description = "`letter` (one page each) or `labels` (3 by 8 of 70 by 37 mm)"),
    ),
    responses(
        (status = 200, content_type = "application/pdf", body = Vec<u8>),
        (status = 404, body = Problem),
        (status = 410, body = Problem, description = "The secrets were dropped"),
    )
)]
async fn letters(ask: Ask) -> Answer {
    let params = ask.query(&["layout"])?;
    let id = ask.id::<JobId>("id")?;
    let layout = params.get("layout").unwrap_or("letter");
    let pdf = ask.registry().letters_pdf(ask.mandate(), &id, layout).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/pdf"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"letters-{id}.pdf\"")))
        .body(pdf))
}

#[utoipa::path(
    post, path = "/jobs/{id}/letters/confirm", tag = "Long work",
    summary = "The letters were printed: forget their secrets",
    params(("id" = String, Path)),
    responses(
        (status = 200, body = JobShown), (status = 404, body = Problem),
        (status = 410, body = Problem, description = "They were dropped already"),
    )
)]
async fn confirm(ask: Ask) -> Answer {
    let job = ask.registry().confirm_letters(ask.mandate(), &ask.id::<JobId>("id")?).await?;
    Ok(shown(&ask, &job))
}
