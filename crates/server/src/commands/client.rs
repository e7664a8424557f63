//! `client …`: relying parties.

use std::io::Read;
use std::path::Path;

use domain::ClientId;
use oidc::registration::{Registration, to_json};
use registry::clients::ClientRefused;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::next_page;
use crate::cli::Client;
use crate::failure::Failure;
use crate::output::{Output, secret_from_stdin};
use crate::wiring::Ground;

/// Runs the command.
///
/// # Errors
/// What the use case refuses.
pub async fn run(ground: &Ground, command: Client, output: Output) -> Result<(), Failure> {
    let registry = &ground.registry;
    match command {
        Client::Create { file, client_id, client_secret_stdin } => {
            if client_secret_stdin && file == Path::new("-") {
                return Err(Failure::new(
                    "Standard input cannot be both the registration and the secret. Name a file with --file.",
                ));
            }
            let registration = read_registration(&file)?;
            let id = match &client_id {
                Some(id) => id.parse::<ClientId>().map_err(|_| {
                    Failure::new("A client id has 1 to 200 visible ASCII characters. Choose another.")
                })?,
                None => registry.new_client_id()?,
            };
            let secret = if client_secret_stdin { Some(secret_from_stdin("client secret")?) } else { None };
            let name = id.to_string();
            let client = registration.into_client(id, None, ground.app.now());
            let registered =
                registry.create_client(client, secret).await.map_err(|refused| match refused {
                    ClientRefused::Secret(_) => {
                        Failure::new(format!("The registration cannot be taken: {refused}. Correct it."))
                    }
                    ClientRefused::Refused(refusal) => Failure::about("client", &name, &refusal),
                })?;
            let secret = registered.secret.as_ref().map(ExposeSecret::expose_secret);
            let answer = to_json(&registered.client, secret);
            // RFC 7591 is the form for people too.
            let pretty = serde_json::to_string_pretty(&answer).unwrap_or_default();
            output.either(&answer, &pretty);
        }
        Client::List => {
            let mut rows = Vec::new();
            let mut last = None;
            loop {
                let page = registry.clients(&next_page(last)).await?;
                last = page.last().map(|client| client.id.as_str().to_owned());
                let is_last = page.len() < 500;
                rows.extend(page.iter().map(|client| to_json(client, None)));
                if is_last {
                    break;
                }
            }
            let columns = [
                ("CLIENT_ID", "client_id"),
                ("NAME", "client_name"),
                ("AUTH", "token_endpoint_auth_method"),
                ("ENABLED", "latchbolt_enabled"),
            ];
            output.rows(&rows, &columns);
        }
        Client::Delete { client_id } => {
            registry.delete_client(&client_id).await.map_err(|r| Failure::about("client", &client_id, &r))?;
            output.either(
                &json!({"client_id": client_id, "deleted": true}),
                &format!("Client {client_id} deleted."),
            );
        }
    }
    Ok(())
}

fn read_registration(path: &Path) -> Result<Registration, Failure> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(1 << 20).read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(path).map(|read| text = read)
    };
    read.map_err(|error| {
        Failure::new(format!("Cannot read {}: {error}. Name a readable file with --file.", path.display()))
    })?;
    let metadata: Value = serde_json::from_str(&text)
        .map_err(|error| Failure::new(format!("{} is not JSON: {error}. Correct it.", path.display())))?;
    Registration::parse(&metadata)
        .map_err(|bad| Failure::new(format!("The registration cannot be taken: {bad}. Correct it.")))
}
