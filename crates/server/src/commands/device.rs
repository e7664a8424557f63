//! `device …`: phones in the registry.

use std::path::Path;

use serde_json::{Value, json};

use super::registry::{Desk, seconds, text};
use crate::api::{Api, escaped, failure};
use crate::cli;
use crate::failure::Failure;
use crate::output::Output;
use crate::terminal_qr;

/// A JWK is no deeper.
const DEEPEST: u8 = 8;

/// Runs the command.
///
/// # Errors
/// What the API refuses.
pub async fn run(api: &Api, command: cli::Device, output: Output) -> Result<(), Failure> {
    let desk = Desk { api, output };
    match command {
        cli::Device::More(command) => super::registry::device(desk, command).await?,
        cli::Device::List { user } => {
            let (path, name) = match &user {
                Some(name) => (format!("/devices?user={}", escaped(name)), name.as_str()),
                None => ("/devices".to_owned(), ""),
            };
            let devices = api.all(&path).await.map_err(|refused| failure("user", name, &refused))?;
            let rows: Vec<Value> = devices.iter().map(owned).collect();
            let columns = [
                ("ID", "id"),
                ("USER", "username"),
                ("NAME", "name"),
                ("KIND", "kind"),
                ("STATE", "state"),
                ("PLATFORM", "platform"),
            ];
            output.rows(&rows, &columns);
        }
        cli::Device::Add { user, public_key, cas_id, name, platform } => {
            let body = match (public_key, cas_id) {
                (Some(path), _) => {
                    let key = read_key(&path)?;
                    json!({"user": user, "public_key": key, "name": name, "platform": platform})
                }
                (None, cas_id) => {
                    json!({"user": user, "kind": "cas", "cas_name": cas_id, "name": name})
                }
            };
            let device = desk.send(("user", &user), "POST", "/devices", Some(&body)).await?;
            output.either(&owned(&device), &format!("Device {} added for {user}.", text(&device, "id")));
        }
        cli::Device::Suspend { id } => {
            let device = deed(desk, &id, "suspend", &json!({})).await?;
            output.either(&plain(&device), &format!("Device {id} is suspended."));
        }
        cli::Device::Restore { id } => {
            let device = deed(desk, &id, "restore", &json!({})).await?;
            output.either(&plain(&device), &format!("Device {id} is active."));
        }
        cli::Device::Revoke { id, end_sessions } => {
            let revoked = deed(desk, &id, "revoke", &json!({"end_sessions": end_sessions})).await?;
            let mut json = plain(&revoked["device"]);
            json["ended_sessions"] = revoked["ended_sessions"].clone();
            let sentence = format!("Device {id} is revoked; {} sessions ended.", revoked["ended_sessions"]);
            output.either(&json, &sentence);
        }
        cli::Device::Enrol { user } => {
            let body = json!({"user": user, "kind": "link"});
            let made = desk.send(("user", &user), "POST", "/enrolments", Some(&body)).await?;
            let url = text(&made, "url");
            let json = json!({
                "username": made["user"]["username"],
                "url": url,
                "expires_at": seconds(&made["expires_at"]),
            });
            if output.json {
                output.line(&json.to_string());
                return Ok(());
            }
            output.line(&format!(
                "Give this link to {user} and nobody else. It enrols one phone, once, within ten minutes:\n\n  {url}\n"
            ));
            if let Some(symbol) = terminal_qr::draw(&url) {
                output.line(&symbol);
            }
        }
    }
    Ok(())
}

async fn deed(desk: Desk<'_>, id: &str, deed: &str, body: &Value) -> Result<Value, Failure> {
    let path = format!("/devices/{}/{deed}", escaped(id));
    desk.send(("device", id), "POST", &path, Some(body)).await
}

fn read_key(path: &Path) -> Result<Value, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(format!("Cannot read {shown}: {error}. Name a readable file with --public-key."))
    })?;
    domain::json::read(text.as_bytes(), DEEPEST)
        .map_err(|error| Failure::new(format!("{shown} is no JSON: {error}. Name a JWK with --public-key.")))
}

/// With whose it is.
fn owned(device: &Value) -> Value {
    let mut json = plain(device);
    json["username"] = device["user"]["username"].clone();
    json
}

/// The form that these commands always had.
fn plain(device: &Value) -> Value {
    json!({
        "id": device["id"],
        "account": device["user"]["id"],
        "name": device["name"],
        "platform": device["platform"],
        "kind": device["kind"],
        "cas_name": device["cas_name"],
        "state": device["state"],
        "added_by": device["added_by"],
        "verifies_user": device["verifies_user"],
        "key": device["key"],
        "created_at": seconds(&device["created_at"]),
        "last_used_at": seconds(&device["last_used_at"]),
    })
}
