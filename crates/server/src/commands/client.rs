//! `client …`: relying parties, and rights to register them.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use domain::{ClientId, InitialToken};
use oidc::registration::{Registration, to_json};
use registry::Registry;
use registry::clients::{ClientRefused, Registered};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::next_page;
use crate::cli::{Client, ClientToken};
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
            let registration = read_registration(ground, &file, client_secret_stdin).await?;
            let id = match &client_id {
                Some(id) => id.parse::<ClientId>().map_err(|_| {
                    Failure::new("A client id has 1 to 200 visible ASCII characters. Choose another.")
                })?,
                None => registry.new_client_id()?,
            };
            let secret = if client_secret_stdin { Some(secret_from_stdin("client secret")?) } else { None };
            let name = id.to_string();
            let client = registration.into_client(id, None, ground.app.now());
            let registered = registry.create_client(client, secret).await;
            print(&registered.map_err(|refused| failure(&name, refused))?, output);
        }
        Client::Update { client_id, file, client_secret_stdin } => {
            let registration = read_registration(ground, &file, client_secret_stdin).await?;
            let before =
                registry.client(&client_id).await.map_err(|r| Failure::about("client", &client_id, &r))?;
            let secret = if client_secret_stdin { Some(secret_from_stdin("client secret")?) } else { None };
            let registered = registry.update_client(registration.in_place_of(&before), secret).await;
            print(&registered.map_err(|refused| failure(&client_id, refused))?, output);
        }
        Client::Show { client_id } => {
            let client =
                registry.client(&client_id).await.map_err(|r| Failure::about("client", &client_id, &r))?;
            print(&Registered { client, secret: None }, output);
        }
        Client::Token(command) => token(registry, command, output).await?,
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

async fn token(registry: &Registry, command: ClientToken, output: Output) -> Result<(), Failure> {
    match command {
        ClientToken::Create { name, uses, days } => {
            let life = Duration::from_secs(u64::from(days) * 24 * 3600);
            let made = registry.create_initial_token(&name, uses, life).await;
            let made = made.map_err(|r| Failure::about("registration token", &name, &r))?;
            let mut row = row(&made.kept);
            row["token"] = made.token.text().into();
            output.either(
                &row,
                &format!(
                    "{}\n\nShown this once. Whoever registers sends it as `Authorization: Bearer …`.",
                    made.token.text()
                ),
            );
        }
        ClientToken::List => {
            let rows: Vec<Value> = registry.initial_tokens().await?.iter().map(row).collect();
            output.rows(&rows, &[("NAME", "name"), ("USES LEFT", "uses_left"), ("EXPIRES", "expires_at")]);
        }
        ClientToken::Delete { name } => {
            let deleted = registry.delete_initial_token(&name).await;
            deleted.map_err(|r| Failure::about("registration token", &name, &r))?;
            output.either(
                &json!({"name": name, "deleted": true}),
                &format!("Registration token {name} deleted."),
            );
        }
    }
    Ok(())
}

fn row(token: &InitialToken) -> Value {
    json!({
        "name": token.name,
        "uses_left": token.uses_left,
        "expires_at": token.expires_at.seconds(),
        "created_at": token.created_at.seconds(),
    })
}

/// RFC 7591 is the form for people too.
fn print(registered: &Registered, output: Output) {
    let secret = registered.secret.as_ref().map(ExposeSecret::expose_secret);
    let answer = to_json(&registered.client, secret);
    let pretty = serde_json::to_string_pretty(&answer).unwrap_or_default();
    output.either(&answer, &pretty);
}

fn failure(name: &str, refused: ClientRefused) -> Failure {
    match refused {
        ClientRefused::Secret(_) => {
            Failure::new(format!("The registration cannot be taken: {refused}. Correct it."))
        }
        ClientRefused::Refused(refusal) => Failure::about("client", name, &refusal),
    }
}

async fn read_registration(
    ground: &Ground,
    path: &Path,
    is_secret_on_stdin: bool,
) -> Result<Registration, Failure> {
    if is_secret_on_stdin && path == Path::new("-") {
        return Err(Failure::new(
            "Standard input cannot be both the registration and the secret. Name a file with --file.",
        ));
    }
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
    let refused = |bad| Failure::new(format!("The registration cannot be taken: {bad}. Correct it."));
    let registration = Registration::parse(&metadata).map_err(refused)?;
    provider::registration::check_outside(&ground.app, &registration).await.map_err(refused)?;
    Ok(registration)
}
