//! `enrol …`, `job …` and imports.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Desk, file, text};
use crate::api::{escaped, failure};
use crate::cli::admin::{Enrol, EnrolmentKind, Job};
use crate::failure::Failure;
use crate::terminal_qr;

/// How often a running job is looked at.
const LOOK: Duration = Duration::from_millis(300);
/// Rows that a person is shown.
const SHOWN: usize = 50;

pub(super) async fn enrol(desk: Desk<'_>, command: Enrol) -> Result<(), Failure> {
    match command {
        Enrol::Create { name, kind } => {
            let kind = match kind {
                EnrolmentKind::Link => "link",
                EnrolmentKind::Code => "code",
                EnrolmentKind::Letter => "letter",
            };
            let body = json!({"user": name, "kind": kind});
            let made = desk.send(("user", &name), "POST", "/enrolments", Some(&body)).await?;
            if desk.output.json {
                desk.show(&made);
                return Ok(());
            }
            let until = text(&made, "expires_at");
            desk.output.line(&format!("For {name} and nobody else, until {until}. Shown this once.\n"));
            if let Some(url) = made["url"].as_str() {
                desk.output.line(&format!("  {url}\n"));
                if let Some(symbol) = terminal_qr::draw(url) {
                    desk.output.line(&symbol);
                }
            }
            if let Some(code) = made["code"].as_str() {
                desk.output.line(&format!("  {code}\n"));
            }
        }
        Enrol::List { state } => {
            let path = state.map_or_else(
                || "/enrolments".to_owned(),
                |state| format!("/enrolments?state={}", escaped(&state)),
            );
            let mut rows = desk.api.all(&path).await.map_err(|refused| failure("enrolment", "", &refused))?;
            for row in &mut rows {
                row["username"] = row["user"]["username"].clone();
            }
            let columns = [
                ("ID", "id"),
                ("USER", "username"),
                ("KIND", "kind"),
                ("STATE", "state"),
                ("EXPIRES", "expires_at"),
            ];
            desk.output.rows(&rows, &columns);
        }
        Enrol::Cancel { id } => {
            let path = format!("/enrolments/{}", escaped(&id));
            let cancelled = desk.send(("enrolment", &id), "DELETE", &path, None).await?;
            desk.output.either(&cancelled, &format!("Enrolment {id} is cancelled."));
        }
        Enrol::Bulk { letters, file: list, group, without_device, labels } => {
            let job = match (list, group) {
                (Some(list), _) => upload(desk, "letters", &list).await?,
                (None, group) => {
                    let body = json!({"group": group, "without_device": without_device});
                    desk.send(
                        ("group", group.as_deref().unwrap_or_default()),
                        "POST",
                        "/imports/letters",
                        Some(&body),
                    )
                    .await?
                }
            };
            let id = text(&job, "id");
            let job = start(desk, &id).await?;
            let layout = if labels { "labels" } else { "letter" };
            let pdf = desk.api.download(&format!("/jobs/{id}/letters.pdf?layout={layout}")).await;
            let pdf = pdf.map_err(|refused| failure("job", &id, &refused))?;
            write_secret(&letters, &pdf).map_err(|error| {
                Failure::new(format!(
                    "Cannot write {}: {error}. The letters stay for a day: fetch them again from /admin/jobs/{id}.",
                    letters.display()
                ))
            })?;
            let _ = desk.send(("job", &id), "POST", &format!("/jobs/{id}/letters/confirm"), None).await?;
            let count = &job["rows"]["done"];
            desk.output.either(
                &job,
                &format!("{count} letters are in {}. Print them and delete the file.", letters.display()),
            );
        }
    }
    Ok(())
}

pub(super) async fn job(desk: Desk<'_>, command: Job) -> Result<(), Failure> {
    match command {
        Job::List => {
            let jobs = desk.api.all("/jobs").await.map_err(|refused| failure("job", "", &refused))?;
            let columns = [
                ("ID", "id"),
                ("KIND", "kind"),
                ("STATE", "state"),
                ("BY", "made_by"),
                ("MADE", "created_at"),
            ];
            desk.output.rows(&jobs, &columns);
        }
        Job::Show { id } => {
            let shown = desk.api.get(&format!("/jobs/{}", escaped(&id))).await;
            desk.show(&shown.map_err(|refused| failure("job", &id, &refused))?);
        }
        Job::Start { id } => {
            let job = start(desk, &id).await?;
            report(desk, &job);
        }
        Job::Undo { id } => {
            let path = format!("/jobs/{}/undo", escaped(&id));
            let job = desk.send(("job", &id), "POST", &path, None).await?;
            let job = carried_out(desk, &id, job).await?;
            let sentence = format!(
                "Job {id} is {}: {} of {} undone.",
                text(&job, "state"),
                job["rows"]["undone"],
                job["rows"]["done"]
            );
            desk.output.either(&job, &sentence);
        }
    }
    Ok(())
}

/// Sends a file, shows what it would do, and does it where that was said.
pub(super) async fn import(desk: Desk<'_>, kind: &str, path: &Path, yes: bool) -> Result<(), Failure> {
    let job = upload(desk, kind, path).await?;
    let id = text(&job, "id");
    if !desk.output.json {
        let rows = desk
            .api
            .all(&format!("/jobs/{id}/rows"))
            .await
            .map_err(|refused| failure("job", &id, &refused))?;
        let columns =
            [("ROW", "number"), ("WHAT", "label"), ("FATE", "fate"), ("FIELD", "field"), ("WHY", "reason")];
        desk.output.rows(rows.get(..SHOWN).unwrap_or(&rows), &columns);
        if rows.len() > SHOWN {
            desk.output.line(&format!("… and {} more.", rows.len() - SHOWN));
        }
    }
    if yes {
        let job = start(desk, &id).await?;
        report(desk, &job);
        return Ok(());
    }
    let rows = &job["rows"];
    let sentence = format!(
        "\n{} of {} rows would be done, {} stay, {} cannot be. Start it with `latchbolt job start {id}`.",
        rows["to_do"], rows["total"], rows["unchanged"], rows["conflict"]
    );
    desk.output.either(&job, &sentence);
    Ok(())
}

pub(in crate::commands) async fn upload(desk: Desk<'_>, kind: &str, path: &Path) -> Result<Value, Failure> {
    let name = path.display().to_string();
    let sent = desk.api.upload(&format!("/imports?kind={kind}"), "text/csv", file(path)?).await;
    sent.map_err(|refused| {
        let row = refused.more.as_ref().and_then(|more| more.get("row")).and_then(Value::as_u64);
        match row {
            Some(row) => Failure::new(format!("{name}, row {row}: {} Correct it.", refused.detail)),
            None => failure("import", &name, &refused),
        }
    })
}

/// Starts a job, and works on it as long as it takes: no server need run.
pub(in crate::commands) async fn start(desk: Desk<'_>, id: &str) -> Result<Value, Failure> {
    let path = format!("/jobs/{}", escaped(id));
    let job = desk.send(("job", id), "POST", &format!("{path}/start"), None).await?;
    carried_out(desk, id, job).await
}

/// Works on a job until nothing is to be done now; a server elsewhere does, and is looked at.
pub(in crate::commands) async fn carried_out(
    desk: Desk<'_>,
    id: &str,
    mut job: Value,
) -> Result<Value, Failure> {
    let path = format!("/jobs/{}", escaped(id));
    while matches!(job["state"].as_str(), Some("running" | "finalising" | "undoing")) {
        desk.api.work().await?;
        tokio::time::sleep(LOOK).await;
        job = desk.api.get(&path).await.map_err(|refused| failure("job", id, &refused))?;
    }
    Ok(job)
}

fn report(desk: Desk<'_>, job: &Value) {
    let rows = &job["rows"];
    let sentence = format!(
        "Job {} is {}: {} done, {} failed.",
        text(job, "id"),
        text(job, "state"),
        rows["done"],
        rows["failed"]
    );
    let sentence = match job["undo_until"].as_str().filter(|_| job["state"] == "undoable") {
        Some(until) => format!(
            "{sentence} Until {until} `latchbolt job undo {}` takes it back; a running server makes it final then.",
            text(job, "id")
        ),
        None => sentence,
    };
    desk.output.either(job, &sentence);
}

/// Writes what holds secrets, for its owner's eyes alone.
fn write_secret(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
