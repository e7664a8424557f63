//! `user …`: people's accounts.

use domain::Account;
use registry::users::NewUser;
use serde_json::{Map, Value, json};

use super::next_page;
use crate::api::Api;
use crate::cli::User;
use crate::failure::Failure;
use crate::output::{Output, secret_from_stdin};
use crate::wiring::Ground;

/// Runs the command.
///
/// # Errors
/// What the use case refuses.
pub async fn run(ground: &Ground, api: &Api, command: User, output: Output) -> Result<(), Failure> {
    let registry = &ground.registry;
    match command {
        User::More(command) => return super::registry::user(api, command, output).await,
        User::Create { name, email, claims, password_stdin } => {
            let claims = match claims {
                Some(path) => read_claims(&path)?,
                None => Map::new(),
            };
            let password = if password_stdin { Some(secret_from_stdin("password")?) } else { None };
            let has_password = password.is_some();
            let new = NewUser { username: name.clone(), email, claims, password };
            let account = registry.create_user(new).await.map_err(|r| Failure::about("user", &name, &r))?;
            let hint = if has_password {
                String::new()
            } else {
                format!(
                    "\nThere is no password: `latchbolt user set-password {0}` sets one, `latchbolt device enrol --user {0}` enrols a phone.",
                    account.username
                )
            };
            output.either(
                &as_json(&account),
                &format!("User {} made: {}.{hint}", account.username, account.id),
            );
        }
        User::List => {
            let mut rows = Vec::new();
            let mut last = None;
            loop {
                let page = registry.users(&next_page(last)).await?;
                last = page.last().map(|account| account.username.key().to_owned());
                let is_last = page.len() < 500;
                rows.extend(page.iter().map(as_json));
                if is_last {
                    break;
                }
            }
            output.rows(&rows, &[("NAME", "username"), ("STATE", "state"), ("EMAIL", "email"), ("ID", "id")]);
        }
        User::Disable { name } => {
            let account =
                registry.disable_user(&name).await.map_err(|r| Failure::about("user", &name, &r))?;
            output.either(
                &as_json(&account),
                &format!("User {} is disabled; their sessions ended.", account.username),
            );
        }
        User::Enable { name } => {
            let account = registry.enable_user(&name).await.map_err(|r| Failure::about("user", &name, &r))?;
            output.either(&as_json(&account), &format!("User {} may sign in.", account.username));
        }
        User::SetPassword { name } => {
            let password = secret_from_stdin("password")?;
            let account = registry
                .set_password(&name, &password)
                .await
                .map_err(|r| Failure::about("user", &name, &r))?;
            output.either(
                &as_json(&account),
                &format!("Password of {} set; their sessions ended.", account.username),
            );
        }
    }
    Ok(())
}

fn read_claims(path: &std::path::Path) -> Result<Map<String, Value>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(format!("Cannot read {}: {error}. Name a readable file with --claims.", path.display()))
    })?;
    match serde_json::from_str(&text) {
        Ok(Value::Object(claims)) => Ok(claims),
        Ok(_) => {
            Err(Failure::new(format!("{} holds no JSON object. Write {{\"name\": …}}.", path.display())))
        }
        Err(error) => Err(Failure::new(format!("{} is not JSON: {error}. Correct it.", path.display()))),
    }
}

fn as_json(account: &Account) -> Value {
    json!({
        "id": account.id,
        "username": account.username.as_str(),
        "state": account.state,
        "email": account.claims.get("email"),
        "claims": account.claims,
        "created_at": account.created_at.seconds(),
        "updated_at": account.updated_at.seconds(),
    })
}
