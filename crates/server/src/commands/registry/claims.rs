//! `claim …`: claims that the operator defines.

use serde_json::{Map, Value, json};

use super::{Desk, assignments};
use crate::api::{escaped, failure};
use crate::cli::admin::{Claim, ClaimEditor, ClaimKind, ClaimTraits};
use crate::failure::Failure;

/// What of an answer is sent back.
const MEMBERS: [&str; 5] = ["kind", "scope", "labels", "edited_by", "limits"];

pub(super) async fn claim(desk: Desk<'_>, command: Claim) -> Result<(), Failure> {
    match command {
        Claim::List => {
            let claims = desk.api.items("/claims").await.map_err(|refused| failure("claim", "", &refused))?;
            let columns = [
                ("NAME", "name"),
                ("KIND", "kind"),
                ("SCOPE", "scope"),
                ("EDITED BY", "edited_by"),
                ("LIMITS", "limits"),
            ];
            desk.output.rows(&claims, &columns);
        }
        Claim::Create { name, kind, traits } => {
            let path = format!("/claims/{}", escaped(&name));
            match desk.api.get(&path).await {
                Ok(_) => {
                    return Err(Failure::new(format!(
                        "The claim `{name}` is defined already. Change it: `latchbolt claim update {name} …`."
                    )));
                }
                Err(refused) if refused.status.as_u16() == 404 => {}
                Err(refused) => return Err(failure("claim", &name, &refused)),
            }
            let mut body = json!({"kind": kind_word(kind), "edited_by": "admin"});
            put_on(&mut body, &traits)?;
            let claim = desk.send(("claim", &name), "PUT", &path, Some(&body)).await?;
            desk.output.either(&claim, &format!("Claim {name} is defined."));
        }
        Claim::Update { name, kind, traits } => {
            let path = format!("/claims/{}", escaped(&name));
            let seen = desk.api.call("GET", &path, None, None).await;
            let seen = seen.map_err(|refused| failure("claim", &name, &refused))?;
            let mut body = json!({});
            for member in MEMBERS {
                body[member] = seen.body[member].clone();
            }
            if let Some(kind) = kind {
                body["kind"] = kind_word(kind).into();
            }
            put_on(&mut body, &traits)?;
            // As it was looked at: somebody else's change in between is not lost.
            let put = desk.api.call("PUT", &path, Some(&body), seen.etag.as_deref()).await;
            let claim = put.map_err(|refused| failure("claim", &name, &refused))?.body;
            desk.output.either(&claim, &format!("Claim {name} is version {} now.", claim["version"]));
        }
        Claim::Delete { name } => {
            let path = format!("/claims/{}", escaped(&name));
            let _ = desk.send(("claim", &name), "DELETE", &path, None).await?;
            desk.output.either(&json!({"name": name, "deleted": true}), &format!("Claim {name} deleted."));
        }
    }
    Ok(())
}

const fn kind_word(kind: ClaimKind) -> &'static str {
    match kind {
        ClaimKind::Text => "text",
        ClaimKind::Number => "number",
        ClaimKind::Boolean => "boolean",
        ClaimKind::TextList => "text_list",
    }
}

/// Puts what was named in place of what was there.
fn put_on(body: &mut Value, traits: &ClaimTraits) -> Result<(), Failure> {
    if let Some(scope) = &traits.scope {
        body["scope"] = if scope == "none" { Value::Null } else { scope.as_str().into() };
    }
    if let Some(editor) = traits.edited_by {
        body["edited_by"] = match editor {
            ClaimEditor::Admin => "admin".into(),
            ClaimEditor::Owner => "owner".into(),
        };
    }
    let labels = traits.labels.iter().map(|label| {
        let pair = label.split_once('=');
        pair.map(|(language, text)| {
            (language.to_owned(), if text.is_empty() { Value::Null } else { text.into() })
        })
        .ok_or_else(|| Failure::new(format!("`{label}` names no text. Write LANGUAGE=TEXT.")))
    });
    merge(body, "labels", labels.collect::<Result<_, _>>()?);
    merge(body, "limits", assignments(&traits.limits)?);
    Ok(())
}

/// Sets members of a member; null removes.
fn merge(body: &mut Value, member: &str, named: Map<String, Value>) {
    if named.is_empty() {
        return;
    }
    let mut all = body[member].as_object().cloned().unwrap_or_default();
    all.extend(named);
    all.retain(|_, value| !value.is_null());
    body[member] = Value::Object(all);
}
