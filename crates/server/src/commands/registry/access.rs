//! `session …`, `consent …`, `api-key …` and `policy …`.

use serde_json::{Value, json};

use super::{Desk, assignments, text};
use crate::api::{escaped, failure};
use crate::cli::admin::{ApiKey, Consent, Policy, Session};
use crate::failure::Failure;

pub(super) async fn session(desk: Desk<'_>, command: Session) -> Result<(), Failure> {
    match command {
        Session::List { user } => {
            let path = match user {
                Some(name) => format!("/sessions?user={}", desk.user_id(&name).await?),
                None => "/sessions".to_owned(),
            };
            let sessions = desk.api.all(&path).await.map_err(|refused| failure("session", "", &refused))?;
            let columns = [
                ("ID", "id"),
                ("USER", "username"),
                ("BROWSER", "browser"),
                ("ADDRESS", "address"),
                ("SINCE", "created_at"),
                ("LAST USED", "last_used_at"),
            ];
            desk.output.rows(&sessions, &columns);
        }
        Session::End { id } => {
            let path = format!("/sessions/{}", escaped(&id));
            let _ = desk.send(("session", &id), "DELETE", &path, None).await?;
            desk.output.either(&json!({"id": id, "ended": true}), &format!("Session {id} ended."));
        }
    }
    Ok(())
}

pub(super) async fn consent(desk: Desk<'_>, command: Consent) -> Result<(), Failure> {
    match command {
        Consent::List { user, client } => {
            let mut path = "/consents?".to_owned();
            if let Some(name) = user {
                path.push_str(&format!("user={}&", desk.user_id(&name).await?));
            }
            if let Some(client) = client {
                path.push_str(&format!("client={}", escaped(&client)));
            }
            let path = path.trim_end_matches(['?', '&']);
            let consents = desk.api.all(path).await.map_err(|refused| failure("consent", "", &refused))?;
            let columns = [
                ("USER", "username"),
                ("CLIENT_ID", "client_id"),
                ("NAME", "client_name"),
                ("SINCE", "given_at"),
            ];
            desk.output.rows(&consents, &columns);
        }
        Consent::Withdraw { user, client } => {
            let path = format!("/consents/{}/{}", desk.user_id(&user).await?, escaped(&client));
            let _ = desk.send(("consent", &client), "DELETE", &path, None).await?;
            let json = json!({"user": user, "client_id": client, "withdrawn": true});
            desk.output.either(&json, &format!("The consent of {user} to {client} is taken back."));
        }
    }
    Ok(())
}

pub(super) async fn api_key(desk: Desk<'_>, command: ApiKey) -> Result<(), Failure> {
    match command {
        ApiKey::Create { name, permissions, days, networks } => {
            let body = json!({"name": name, "permissions": permissions, "days": days, "networks": networks});
            let key = desk.send(("API key", &name), "POST", "/api-keys", Some(&body)).await?;
            let sentence = format!(
                "{}\n\nShown this once. A program sends it as `Authorization: Bearer …` until {}.",
                text(&key, "key"),
                text(&key, "expires_at")
            );
            desk.output.either(&key, &sentence);
        }
        ApiKey::List => {
            let keys = desk.api.all("/api-keys").await.map_err(|refused| failure("api-key", "", &refused))?;
            let columns = [
                ("ID", "id"),
                ("NAME", "name"),
                ("STATE", "state"),
                ("MADE BY", "username"),
                ("EXPIRES", "expires_at"),
                ("LAST USED", "last_used_at"),
            ];
            desk.output.rows(&keys, &columns);
        }
        ApiKey::Revoke { id } => {
            let path = format!("/api-keys/{}", escaped(&id));
            let _ = desk.send(("api-key", &id), "DELETE", &path, None).await?;
            desk.output.either(&json!({"id": id, "revoked": true}), &format!("API key {id} is revoked."));
        }
    }
    Ok(())
}

pub(super) async fn policy(desk: Desk<'_>, command: Policy) -> Result<(), Failure> {
    match command {
        Policy::Show { name: Some(name) } => {
            let shown = desk.api.get(&format!("/policies/{}", escaped(&name))).await;
            let policy = shown.map_err(|refused| failure("policy", &name, &refused))?;
            if desk.output.json { desk.show(&policy) } else { desk.show(&policy["value"]) }
        }
        Policy::Show { name: None } => {
            let policies =
                desk.api.items("/policies").await.map_err(|refused| failure("policy", "", &refused))?;
            desk.output.rows(&policies, &[("NAME", "name"), ("VERSION", "version"), ("VALUE", "value")]);
        }
        Policy::Set { name, values } => {
            let body = Value::Object(assignments(&values)?);
            let path = format!("/policies/{}", escaped(&name));
            let policy = desk.send(("policy", &name), "PATCH", &path, Some(&body)).await?;
            desk.output.either(&policy, &format!("Policy {name} is version {} now.", policy["version"]));
        }
    }
    Ok(())
}
