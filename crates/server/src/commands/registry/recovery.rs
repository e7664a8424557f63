//! `recovery …`: ways back for people who have nothing left to sign in with.

use serde_json::{Value, json};

use super::{Desk, text};
use crate::api::{escaped, failure};
use crate::cli::admin::Recovery;
use crate::failure::{Failure, sentence};

pub(super) async fn recovery(desk: Desk<'_>, command: Recovery) -> Result<(), Failure> {
    match command {
        Recovery::Open { user, reason } => {
            let body = json!({"user": user, "reason": reason});
            let opened = desk.api.call("POST", "/recoveries", Some(&body), None).await;
            let opened = opened.map_err(|refused| not_done("user", &user, &refused))?.body;
            let until = text(&opened, "ready_at");
            desk.output.either(
                &opened,
                &format!(
                    "Recovery {} is open; {user} is told. From {until} on: `latchbolt recovery complete {0}`.",
                    text(&opened, "id")
                ),
            );
        }
        Recovery::List { state, user } => {
            let mut path = "/recoveries?".to_owned();
            if let Some(name) = user {
                path.push_str(&format!("user={}&", desk.user_id(&name).await?));
            }
            if let Some(state) = state {
                path.push_str(&format!("state={}", escaped(&state)));
            }
            let path = path.trim_end_matches(['?', '&']);
            let mut rows = desk.api.all(path).await.map_err(|refused| failure("recovery", "", &refused))?;
            for row in &mut rows {
                row["username"] = row["user"]["username"].clone();
            }
            let columns = [
                ("ID", "id"),
                ("USER", "username"),
                ("STATE", "state"),
                ("OPENED", "opened_at"),
                ("READY", "ready_at"),
                ("REASON", "reason"),
            ];
            desk.output.rows(&rows, &columns);
        }
        Recovery::Show { id } => {
            let shown = desk.api.get(&format!("/recoveries/{}", escaped(&id))).await;
            desk.show(&shown.map_err(|refused| failure("recovery", &id, &refused))?);
        }
        Recovery::Cancel { id } => {
            let cancelled = deed(desk, &id, "cancel").await?;
            desk.output.either(&cancelled, &format!("Recovery {id} is called off."));
        }
        Recovery::Complete { id } => {
            let done = deed(desk, &id, "complete").await?;
            let (name, url) = (text(&done["recovery"]["user"], "username"), text(&done, "url"));
            desk.output.either(
                &done,
                &format!(
                    "For {name} and nobody else, until {}. Shown this once.\n\n  {url}\n",
                    text(&done, "expires_at")
                ),
            );
        }
    }
    Ok(())
}

async fn deed(desk: Desk<'_>, id: &str, deed: &str) -> Result<Value, Failure> {
    let path = format!("/recoveries/{}/{deed}", escaped(id));
    let done = desk.api.call("POST", &path, None, None).await;
    Ok(done.map_err(|refused| not_done("recovery", id, &refused))?.body)
}

/// What stands in the way of a recovery, in words.
fn not_done(kind: &str, name: &str, refused: &web::Refused) -> Failure {
    let field = refused.more.as_ref().and_then(|more| more.get("field")).and_then(Value::as_str);
    let said = match field.filter(|_| refused.status.as_u16() == 409) {
        Some("recovery_open") => {
            "a recovery of this account is open already: see `latchbolt recovery list --state open`"
        }
        Some("recovery_waiting") => "its waiting time is not over: `latchbolt recovery show` says when it is",
        Some("recovery_state") => "it is over, or completed already: see `latchbolt recovery show`",
        Some("recovery_same_person") => "somebody else than who opened it has to complete it",
        _ => return failure(kind, name, refused),
    };
    Failure::new(sentence(said))
}
