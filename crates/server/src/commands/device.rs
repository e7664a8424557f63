//! `device …`: phones in the registry.

use domain::Device;
use registry::devices::{NewDevice, OwnedDevice};
use serde_json::{Value, json};

use super::next_page;
use crate::api::Api;
use crate::cli;
use crate::failure::Failure;
use crate::output::Output;
use crate::terminal_qr;
use crate::wiring::Ground;

/// Runs the command.
///
/// # Errors
/// What the use case refuses.
pub async fn run(ground: &Ground, api: &Api, command: cli::Device, output: Output) -> Result<(), Failure> {
    let registry = &ground.registry;
    let about = |id: &str, refusal| Failure::about("device", id, &refusal);
    match command {
        cli::Device::More(command) => return super::registry::device(api, command, output).await,
        cli::Device::List { user } => {
            let rows = match user {
                Some(name) => {
                    let devices =
                        registry.devices_of(&name).await.map_err(|r| Failure::about("user", &name, &r))?;
                    devices.iter().map(as_json).collect()
                }
                None => all(ground).await?,
            };
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
        cli::Device::Add { user, public_key, name, platform } => {
            let public_jwk = std::fs::read_to_string(&public_key).map_err(|error| {
                let path = public_key.display();
                Failure::new(format!("Cannot read {path}: {error}. Name a readable file with --public-key."))
            })?;
            let new = NewDevice { username: user.clone(), public_jwk, name, platform, model: None };
            let added = registry.add_device(new).await.map_err(|r| Failure::about("user", &user, &r))?;
            output.either(&as_json(&added), &format!("Device {} added for {user}.", added.device.id));
        }
        cli::Device::Suspend { id } => {
            let device = registry.suspend_device(&id).await.map_err(|r| about(&id, r))?;
            output.either(&device_json(&device), &format!("Device {id} is suspended."));
        }
        cli::Device::Restore { id } => {
            let device = registry.restore_device(&id).await.map_err(|r| about(&id, r))?;
            output.either(&device_json(&device), &format!("Device {id} is active."));
        }
        cli::Device::Revoke { id, end_sessions } => {
            let revoked = registry.revoke_device(&id, end_sessions).await.map_err(|r| about(&id, r))?;
            let mut json = device_json(&revoked.device);
            json["ended_sessions"] = json!(revoked.ended.len());
            output.either(&json, &format!("Device {id} is revoked; {} sessions ended.", revoked.ended.len()));
        }
        cli::Device::Enrol { user } => {
            let link =
                registry.offer_enrolment(&user).await.map_err(|r| Failure::about("user", &user, &r))?;
            let json = json!({
                "username": link.account.username.as_str(),
                "url": link.url,
                "expires_at": link.expires_at.seconds(),
            });
            if output.json {
                output.line(&json.to_string());
            } else {
                output.line(&format!(
                    "Give this link to {user} and nobody else. It enrols one phone, once, within ten minutes:\n\n  {}\n",
                    link.url
                ));
                if let Some(symbol) = terminal_qr::draw(&link.url) {
                    output.line(&symbol);
                }
            }
        }
    }
    Ok(())
}

async fn all(ground: &Ground) -> Result<Vec<Value>, Failure> {
    let mut rows = Vec::new();
    let mut last = None;
    loop {
        let page = ground.registry.devices(&next_page(last)).await?;
        last = page.last().map(|owned| owned.device.id.to_string());
        let is_last = page.len() < 500;
        rows.extend(page.iter().map(as_json));
        if is_last {
            return Ok(rows);
        }
    }
}

fn as_json(owned: &OwnedDevice) -> Value {
    let mut json = device_json(&owned.device);
    json["username"] = json!(owned.owner.as_ref().map(|account| account.username.as_str()));
    json
}

fn device_json(device: &Device) -> Value {
    json!({
        "id": device.id,
        "account": device.account,
        "name": device.name,
        "platform": device.platform,
        "kind": device.kind,
        "state": device.state,
        "added_by": device.added_by,
        "verifies_user": device.verifies_user,
        "key": {"alg": device.key.alg, "thumbprint": device.key.thumbprint},
        "created_at": device.created_at.seconds(),
        "last_used_at": device.last_used_at.map(domain::Timestamp::seconds),
    })
}
