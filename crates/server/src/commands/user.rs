//! `user …`: people's accounts.
//!
//! A password is given at the server's own computer and nowhere else: the admin API has no way to choose one (SEC-185).

use app::Mandate;
use registry::people::NewPerson;
use registry::users::NewUser;
use serde_json::{Map, Value, json};

use super::registry::{Desk, seconds, text};
use crate::api::{Api, failure};
use crate::cli::User;
use crate::failure::Failure;
use crate::output::{Output, secret_from_stdin};

/// Runs the command.
///
/// # Errors
/// What the API refuses.
pub async fn run(api: &Api, command: User, output: Output) -> Result<(), Failure> {
    let desk = Desk { api, output };
    match command {
        User::More(command) => super::registry::user(desk, command).await?,
        User::Create { name, email, claims, password_stdin } => {
            let claims = match claims {
                Some(path) => read_claims(&path)?,
                None => Map::new(),
            };
            let user = if password_stdin {
                with_password(desk, &name, email, claims).await?
            } else {
                let mut body = json!({"username": name, "claims": claims});
                if let Some(email) = email {
                    body["email"] = email.into();
                }
                desk.send(("user", &name), "POST", "/users", Some(&body)).await?
            };
            let username = text(&user, "username");
            let hint = if password_stdin {
                String::new()
            } else {
                format!(
                    "\nThere is no password: `latchbolt user set-password {username}` sets one, `latchbolt device enrol --user {username}` enrols a phone."
                )
            };
            output.either(&plain(&user), &format!("User {username} made: {}.{hint}", text(&user, "id")));
        }
        User::List => {
            let users = api.all("/users").await.map_err(|refused| failure("user", "", &refused))?;
            let rows: Vec<Value> = users.iter().map(plain).collect();
            output.rows(&rows, &[("NAME", "username"), ("STATE", "state"), ("EMAIL", "email"), ("ID", "id")]);
        }
        User::Disable { name } => {
            let user = deed(desk, &name, "disable").await?;
            let username = text(&user, "username");
            output.either(&plain(&user), &format!("User {username} is disabled; their sessions ended."));
        }
        User::Enable { name } => {
            let user = deed(desk, &name, "enable").await?;
            output.either(&plain(&user), &format!("User {} may sign in.", text(&user, "username")));
        }
        User::SetPassword { name } => {
            let ground = api.ground()?;
            let username = text(&desk.user(&name).await?, "username");
            let password = secret_from_stdin("password")?;
            let set = ground.registry.set_password(&username, &password).await;
            let account = set.map_err(|refusal| Failure::about("user", &name, &refusal))?;
            let user = desk.user(&account.id.to_string()).await?;
            output.either(&plain(&user), &format!("Password of {username} set; their sessions ended."));
        }
    }
    Ok(())
}

/// Account and password in one unit, with the operator's mandate.
async fn with_password(
    desk: Desk<'_>,
    name: &str,
    email: Option<String>,
    claims: Map<String, Value>,
) -> Result<Value, Failure> {
    let ground = desk.api.ground()?;
    let password = Some(secret_from_stdin("password")?);
    let user = NewUser { username: name.to_owned(), email, claims, password };
    let made =
        ground.registry.create_person(&Mandate::operator(), NewPerson { user, ..NewPerson::default() }).await;
    let made = made.map_err(|refusal| Failure::about("user", name, &refusal))?;
    desk.user(&made.account.id.to_string()).await
}

async fn deed(desk: Desk<'_>, name: &str, deed: &str) -> Result<Value, Failure> {
    let path = format!("/users/{}/{deed}", desk.user_id(name).await?);
    desk.send(("user", name), "POST", &path, Some(&json!({}))).await
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

/// The form that these commands always had.
fn plain(user: &Value) -> Value {
    json!({
        "id": user["id"],
        "username": user["username"],
        "state": user["state"],
        "email": user["email"],
        "claims": user["claims"],
        "created_at": seconds(&user["created_at"]),
        "updated_at": seconds(&user["updated_at"]),
    })
}
