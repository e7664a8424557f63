//! `notice …`: mails to people, and how they stand.

use serde_json::json;

use super::{Desk, text};
use crate::api::{escaped, failure};
use crate::cli::admin::Notice;
use crate::failure::Failure;

pub(super) async fn notice(desk: Desk<'_>, command: Notice) -> Result<(), Failure> {
    match command {
        Notice::List { state } => {
            let path = state
                .map_or_else(|| "/notices".to_owned(), |state| format!("/notices?state={}", escaped(&state)));
            let mails = desk.api.all(&path).await.map_err(|refused| failure("notice", "", &refused))?;
            let columns = [
                ("ID", "id"),
                ("USER", "user"),
                ("KIND", "kind"),
                ("TO", "to"),
                ("STATE", "state"),
                ("TRIES", "attempts"),
                ("FAILURE", "failure"),
            ];
            desk.output.rows(&mails, &columns);
        }
        Notice::Status => {
            let shown = desk.api.get("/notices/outbox").await;
            desk.show(&shown.map_err(|refused| failure("notice", "", &refused))?);
        }
        Notice::Test { to, language } => {
            let body = json!({"to": to, "language": language});
            let sent = desk.send(("notice", &to), "POST", "/notices/test", Some(&body)).await?;
            if sent["sent"] == true {
                desk.output.either(&sent, &format!("The mail server took a mail to {to}."));
                return Ok(());
            }
            if desk.output.json {
                desk.output.line(&sent.to_string());
            }
            return Err(Failure::new(format!(
                "The mail was not sent: {}. Check [mail] of the configuration.",
                text(&sent, "failure").trim_end_matches('.')
            )));
        }
        Notice::Retry { id } => {
            let path = format!("/notices/{}/retry", escaped(&id));
            let mail = desk.send(("notice", &id), "POST", &path, None).await?;
            desk.output.either(&mail, &format!("Mail {id} is tried again."));
        }
    }
    Ok(())
}
