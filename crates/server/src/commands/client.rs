//! `client …`: relying parties, and rights to register them.

use std::io::Read;
use std::path::Path;

use domain::ClientId;
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use web::Refused;

use super::registry::{Desk, seconds, text};
use crate::api::{Api, escaped, failure};
use crate::cli::{Client, ClientToken};
use crate::failure::Failure;
use crate::output::{Output, secret_from_stdin};

/// Runs the command.
///
/// # Errors
/// What the API refuses.
pub async fn run(api: &Api, command: Client, output: Output) -> Result<(), Failure> {
    let desk = Desk { api, output };
    match command {
        Client::Create { file, client_id, client_secret_stdin } => {
            let mut registration = read_registration(&file, client_secret_stdin)?;
            let name = client_id.clone().unwrap_or_default();
            if let Some(id) = client_id {
                id.parse::<ClientId>().map_err(|_| {
                    Failure::new("A client id has 1 to 200 visible ASCII characters. Choose another.")
                })?;
                registration.insert("client_id".to_owned(), id.into());
            }
            put(desk, &name, "POST", "/clients", registration).await?;
        }
        Client::Update { client_id, file, client_secret_stdin } => {
            let registration = read_registration(&file, client_secret_stdin)?;
            let path = format!("/clients/{}", escaped(&client_id));
            put(desk, &client_id, "PUT", &path, registration).await?;
        }
        Client::Show { client_id } => print(&show(api, &client_id).await?, output),
        Client::Token(command) => token(desk, command).await?,
        Client::List => {
            let mut rows = api.all("/clients").await.map_err(|refused| failure("client", "", &refused))?;
            if output.json {
                let mut whole = Vec::with_capacity(rows.len());
                for row in rows {
                    whole.push(show(api, &text(&row, "client_id")).await?);
                }
                rows = whole;
            }
            let columns = [
                ("CLIENT_ID", "client_id"),
                ("NAME", "client_name"),
                ("AUTH", "token_endpoint_auth_method"),
                ("ENABLED", "enabled"),
            ];
            output.rows(&rows, &columns);
        }
        Client::Delete { client_id } => {
            let path = format!("/clients/{}", escaped(&client_id));
            let _ = desk.send(("client", &client_id), "DELETE", &path, None).await?;
            output.either(
                &json!({"client_id": client_id, "deleted": true}),
                &format!("Client {client_id} deleted."),
            );
        }
    }
    Ok(())
}

async fn show(api: &Api, id: &str) -> Result<Value, Failure> {
    let shown = api.get(&format!("/clients/{}", escaped(id))).await;
    shown.map_err(|refused| failure("client", id, &refused))
}

/// Sends a registration, and prints it as it was taken.
async fn put(
    desk: Desk<'_>,
    name: &str,
    method: &str,
    path: &str,
    registration: Map<String, Value>,
) -> Result<(), Failure> {
    let put = desk.api.call(method, path, Some(&Value::Object(registration)), None).await;
    print(&put.map_err(|refused| not_taken(name, &refused))?.body, desk.output);
    Ok(())
}

async fn token(desk: Desk<'_>, command: ClientToken) -> Result<(), Failure> {
    const KIND: &str = "registration token";
    match command {
        ClientToken::Create { name, uses, days } => {
            let body = json!({"name": name, "uses": uses, "days": days});
            let made = desk.send((KIND, &name), "POST", "/initial-tokens", Some(&body)).await?;
            let token = text(&made, "token");
            let mut row = row(&made);
            row["token"] = token.as_str().into();
            desk.output.either(
                &row,
                &format!(
                    "{token}\n\nShown this once. Whoever registers sends it as `Authorization: Bearer …`."
                ),
            );
        }
        ClientToken::List => {
            let tokens =
                desk.api.items("/initial-tokens").await.map_err(|refused| failure(KIND, "", &refused))?;
            let rows: Vec<Value> = tokens.iter().map(row).collect();
            desk.output
                .rows(&rows, &[("NAME", "name"), ("USES LEFT", "uses_left"), ("EXPIRES", "expires_at")]);
        }
        ClientToken::Delete { name } => {
            let path = format!("/initial-tokens/{}", escaped(&name));
            let _ = desk.send((KIND, &name), "DELETE", &path, None).await?;
            desk.output.either(
                &json!({"name": name, "deleted": true}),
                &format!("Registration token {name} deleted."),
            );
        }
    }
    Ok(())
}

/// The form that these commands always had.
fn row(token: &Value) -> Value {
    json!({
        "name": token["name"],
        "uses_left": token["uses_left"],
        "expires_at": seconds(&token["expires_at"]),
        "created_at": seconds(&token["created_at"]),
    })
}

/// RFC 7591 is the form for people too.
fn print(registered: &Value, output: Output) {
    let pretty = serde_json::to_string_pretty(registered).unwrap_or_default();
    output.either(registered, &pretty);
}

/// What is wrong with a registration is a sentence of its own.
fn not_taken(name: &str, refused: &Refused) -> Failure {
    let field = refused.more.as_ref().and_then(|more| more.get("field")).and_then(Value::as_str);
    let why = refused.detail.trim_end_matches('.');
    match (&*refused.code, field) {
        ("invalid_client_metadata" | "invalid_redirect_uri", _) => {
            Failure::new(format!("The registration cannot be taken: {why}. Correct it."))
        }
        ("invalid_request", Some("client_secret")) => {
            Failure::new(format!("The registration cannot be taken: client_secret: {why}. Correct it."))
        }
        _ => failure("client", name, refused),
    }
}

fn read_registration(path: &Path, is_secret_on_stdin: bool) -> Result<Map<String, Value>, Failure> {
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
    let Value::Object(mut registration) = metadata else {
        return Err(Failure::new(
            "The registration cannot be taken: client: must be a JSON object. Correct it.",
        ));
    };
    // As `client show` printed them, or as another provider did: id and secret are not the file's to choose.
    registration.retain(|member, _| member != "client_id" && member != "client_secret");
    if is_secret_on_stdin {
        let secret = secret_from_stdin("client secret")?;
        registration.insert("client_secret".to_owned(), secret.expose_secret().into());
    }
    Ok(registration)
}
