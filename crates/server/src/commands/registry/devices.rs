//! `device …`, what the API does, and `approval list`.

use serde_json::json;

use super::{Desk, text, work};
use crate::api::{escaped, failure};
use crate::cli::admin::Device;
use crate::failure::Failure;

pub(super) async fn device(desk: Desk<'_>, command: Device) -> Result<(), Failure> {
    match command {
        Device::Show { id } => {
            let shown = desk.api.get(&format!("/devices/{}", escaped(&id))).await;
            desk.show(&shown.map_err(|refused| failure("device", &id, &refused))?);
        }
        Device::Approve { ids } => decide(desk, &ids, "approve", None).await?,
        Device::Reject { ids, reason } => decide(desk, &ids, "reject", reason).await?,
        Device::Lost { id, stolen, note } => {
            let mut body = json!({"reason": if stolen { "stolen" } else { "lost" }});
            if let Some(note) = note {
                body["note"] = note.into();
            }
            let path = format!("/devices/{}/lost", escaped(&id));
            let answer = desk.send(("device", &id), "POST", &path, Some(&body)).await?;
            let state = text(&answer["device"], "state");
            let sentence = format!("Device {id} is {state}; {} sessions ended.", answer["ended_sessions"]);
            desk.output.either(&answer, &sentence);
        }
        Device::Import { file, yes } => work::import(desk, "devices", &file, yes).await?,
    }
    Ok(())
}

async fn decide(
    desk: Desk<'_>,
    ids: &[String],
    decision: &str,
    reason: Option<String>,
) -> Result<(), Failure> {
    let mut body = json!({"ids": ids, "decision": decision});
    if let Some(reason) = reason {
        body["reason"] = reason.into();
    }
    let answer = desk
        .send(("device", ids.first().map_or("", String::as_str)), "POST", "/approvals/decide", Some(&body))
        .await?;
    let results = answer["results"].as_array().cloned().unwrap_or_default();
    desk.output.rows(&results, &[("ID", "id"), ("OUTCOME", "outcome")]);
    match results.iter().find(|one| one["outcome"] != "done") {
        None => Ok(()),
        Some(one) => Err(Failure::new(format!(
            "Device {} was not decided: {}. See `latchbolt approval list`.",
            text(one, "id"),
            text(one, "outcome")
        ))),
    }
}

pub(super) async fn approvals(desk: Desk<'_>) -> Result<(), Failure> {
    let mut waiting = desk.api.all("/approvals").await.map_err(|refused| failure("device", "", &refused))?;
    for one in &mut waiting {
        one["username"] = one["user"]["username"].clone();
    }
    let columns = [
        ("ID", "id"),
        ("USER", "username"),
        ("NAME", "name"),
        ("KIND", "kind"),
        ("ADDED BY", "added_by"),
        ("SINCE", "created_at"),
    ];
    desk.output.rows(&waiting, &columns);
    Ok(())
}
