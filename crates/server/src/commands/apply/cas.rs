//! `import cas`: what a CAS server was configured with, taken over.
//!
//! Owns: reading its files, the plan and the report of what has no equivalent, and doing it over the admin API. Without
//! `--apply` nothing is changed. Not here: reading a definition (`cas::import`), what becomes of one (`services`, `openid`).

mod openid;
mod services;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cas::import::{self, Lost, MAX_FILE};
use serde_json::{Map, Value, json};

use super::files::Wanted;
use super::things::{self, Kind};
use super::{Step, differences};
use crate::api::{Api, escaped, failure};
use crate::cli::admin::ImportCas;
use crate::commands::registry::{Desk, carried_out, start, text, upload};
use crate::failure::Failure;
use crate::output::Output;
use services::Taken;

/// Files of definitions, by their endings.
const READ: [&str; 2] = ["json", "hjson"];
/// Endings that CAS reads and we do not.
const NOT_READ: [&str; 2] = ["yml", "yaml"];

/// Folders in folders; a link that leads back ends there.
const DEEPEST: usize = 8;

/// A file that says nothing to us.
struct Unread {
    file: String,
    why: String,
}

/// What is to be done with one definition.
struct Item {
    taken: Taken,
    /// What differs; none: it cannot be taken, or nothing does.
    step: Option<Step>,
    /// Why it was not done.
    failed: Option<String>,
    /// Shown this once.
    secret: Option<String>,
}

impl Item {
    fn action(&self) -> &'static str {
        match (&self.taken.members, &self.step) {
            (Err(_), _) => "not possible",
            (Ok(_), None) => "unchanged",
            (Ok(_), Some(step)) if step.have.is_some() => "update",
            (Ok(_), Some(_)) => "create",
        }
    }

    fn as_json(&self) -> Value {
        let taken = &self.taken;
        let changes = self.step.as_ref().map(|step| step.as_json()["changes"].clone());
        let lost: Vec<Value> = taken.lost.iter().map(lost).collect();
        let mut json = json!({
            "file": taken.file, "name": taken.name, "client_id": taken.id, "action": self.action(),
            "enabled": taken.is_enabled, "changes": changes.unwrap_or_else(|| json!([])), "lost": lost,
        });
        if let Some(why) = taken.members.as_ref().err().or(self.failed.as_ref()) {
            json["why"] = why.as_str().into();
        }
        if let Some(secret) = &self.secret {
            json["client_secret"] = secret.as_str().into();
        }
        json
    }

    fn print(&self, output: Output) {
        let taken = &self.taken;
        let id = taken.id.as_deref().unwrap_or("-");
        let name = domain::text::shown(&taken.name, 80);
        output.line(&format!("{:12} {id}  ({name}, {})", self.action(), taken.file));
        if let Err(why) = &taken.members {
            output.line(&format!("    {}", domain::text::shown(why, 300)));
        }
        for (member, from, to) in self.step.iter().flat_map(|step| &step.changes) {
            match self.action() {
                "update" => output.line(&format!("    {member}: {from} → {to}")),
                _ => output.line(&format!("    {member}: {to}")),
            }
        }
        for Lost { field, value, why, is_restriction } in &taken.lost {
            let mark = if *is_restriction { "! " } else { "" };
            output.line(&format!("    {mark}{field} = {value}: {why}"));
        }
        if taken.members.is_ok() && !taken.is_enabled {
            output.line("    It is registered as disabled. Look at the lines with ! before you enable it.");
        }
    }
}

fn lost(Lost { field, value, why, is_restriction }: &Lost) -> Value {
    json!({"field": field, "value": value, "why": why, "restriction": is_restriction})
}

/// Runs the command.
///
/// # Errors
/// A file cannot be read, or the API refuses something.
pub async fn run(api: &Api, command: &ImportCas, output: Output) -> Result<(), Failure> {
    let desk = Desk { api, output };
    let (mut items, unread) = match &command.services {
        Some(dir) => plan(api, command, dir).await?,
        None => (Vec::new(), Vec::new()),
    };
    if command.apply && !unread.is_empty() {
        let Unread { file, why } = &unread[0];
        return Err(Failure::new(format!("{file}: {why}. Nothing was changed: correct or remove it.")));
    }
    // People first: phones are theirs.
    let users = match &command.users {
        Some(file) => Some(import(desk, "users", file, command.apply).await?),
        None => None,
    };
    if command.apply {
        for item in &mut items {
            carry_out(api, item).await;
        }
    }
    let phones = match &command.qr_devices {
        Some(file) => Some(import(desk, "cas_devices", file, command.apply).await?),
        None => None,
    };
    let phones = phones.map(|phones| awaiting(phones, users.as_ref()));
    let failed = items.iter().filter(|item| item.failed.is_some()).count();
    if output.json {
        let shown: Vec<Value> = items.iter().map(Item::as_json).collect();
        let unread: Vec<Value> = unread.iter().map(|one| json!({"file": one.file, "why": one.why})).collect();
        let whole = json!({"applied": command.apply, "services": shown, "not_read": unread, "users": users, "devices": phones});
        output.line(&whole.to_string());
    } else {
        print(&items, output);
        print_rows("People", users.as_ref(), output);
        print_rows("Phones", phones.as_ref(), output);
        for Unread { file, why } in &unread {
            output.line(&format!("not read     {file}: {why}"));
        }
        output.line(&summary(&items, command.apply));
    }
    if failed > 0 {
        return Err(Failure::new(format!(
            "{failed} services were not taken over. See why above, and run it again."
        )));
    }
    match unread.first() {
        Some(Unread { file, .. }) => Err(Failure::new(format!(
            "{} files cannot be read: {file}. Correct or remove them.",
            unread.len()
        ))),
        None => Ok(()),
    }
}

fn summary(items: &[Item], is_applied: bool) -> String {
    let count = |action: &str| items.iter().filter(|item| item.action() == action).count();
    let lost: usize = items.iter().map(|item| item.taken.lost.len()).sum();
    let done = if is_applied { "Done" } else { "Nothing was changed. Do it with --apply" };
    format!(
        "\n{} services to create, {} to update, {} unchanged, {} not possible; {lost} settings have no equivalent. {done}.",
        count("create"),
        count("update"),
        count("unchanged"),
        count("not possible")
    )
}

fn print(items: &[Item], output: Output) {
    for item in items {
        item.print(output);
        if let Some(why) = &item.failed {
            output.line(&format!("    It was not taken over: {why}"));
        }
        if let Some(secret) = &item.secret {
            output.line(&format!("    Its secret, shown this once: {secret}"));
        }
    }
}

fn print_rows(what: &str, job: Option<&Value>, output: Output) {
    let Some(job) = job else { return };
    output.line(&format!("\n{what}:"));
    let columns = [
        ("ROW", "number"),
        ("WHAT", "label"),
        ("FATE", "fate"),
        ("FIELD", "field"),
        ("WHY", "reason"),
        ("DONE", "outcome"),
    ];
    output.rows(job["rows"].as_array().map_or(&[][..], Vec::as_slice), &columns);
}

/// What is to be done with the definitions of a folder.
async fn plan(api: &Api, command: &ImportCas, dir: &Path) -> Result<(Vec<Item>, Vec<Unread>), Failure> {
    let (read, unread) = definitions(dir)?;
    let defined = api.items("/claims").await.map_err(|refused| failure("claim", "", &refused))?;
    let names = |all: &mut dyn Iterator<Item = &Value>| all.map(|claim| text(claim, "name")).collect();
    let of_owners = names(&mut defined.iter().filter(|claim| claim["edited_by"] == "owner"));
    let defined = names(&mut defined.iter());
    let own = services::own_claims(&command.claims)?;
    let mut items = Vec::new();
    for mut taken in services::take(read, &services::Claims { own, defined, of_owners }) {
        let step = match (&taken.id, &taken.members) {
            (Some(id), Ok(members)) => step(api, command, id, members, &mut taken.is_enabled).await?,
            _ => None,
        };
        items.push(Item { taken, step, failed: None, secret: None });
    }
    Ok((items, unread))
}

async fn step(
    api: &Api,
    command: &ImportCas,
    id: &str,
    members: &Map<String, Value>,
    is_enabled: &mut bool,
) -> Result<Option<Step>, Failure> {
    let mut members = members.clone();
    let have = things::get(api, Kind::Client, id).await?;
    if let Some(have) = have.as_ref().filter(|_| command.keep_enabled) {
        members.remove("latchbolt_enabled");
        *is_enabled = have.get("latchbolt_enabled") == Some(&Value::Bool(true));
    }
    let changes = differences(&members, have.as_ref());
    let wanted = Wanted { kind: Kind::Client, name: id.to_owned(), members };
    Ok((have.is_none() || !changes.is_empty()).then_some(Step { wanted, have, changes }))
}

async fn carry_out(api: &Api, item: &mut Item) {
    let Some(step) = &mut item.step else { return };
    let mut is_given = false;
    if let (None, Some(secret)) = (&step.have, &item.taken.secret) {
        step.wanted.members.insert("client_secret".to_owned(), secret.expose().into());
        is_given = true;
    }
    let done = things::put(api, &step.wanted, step.have.as_ref(), &step.changes).await;
    step.wanted.members.remove("client_secret");
    match done {
        Ok(secret) => item.secret = secret.filter(|_| !is_given),
        Err(why) => item.failed = Some(why.to_string()),
    }
}

type Read = (String, import::Planned);

/// The definitions of all files of a folder, and what could not be read.
fn definitions(dir: &Path) -> Result<(Vec<Read>, Vec<Unread>), Failure> {
    let wrong = |error: std::io::Error| {
        Failure::new(format!("Cannot read {}: {error}. Name the folder with --services.", dir.display()))
    };
    let mut paths: Vec<PathBuf> = Vec::new();
    walk(dir, DEEPEST, &mut paths).map_err(wrong)?;
    paths.sort();
    let (mut read, mut unread) = (Vec::new(), Vec::new());
    for path in &paths {
        let file = path.strip_prefix(dir).unwrap_or(path).to_string_lossy().into_owned();
        let ending =
            path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
        if NOT_READ.contains(&&*ending) {
            unread.push(Unread { file, why: "is YAML, which is not read; write it as JSON".to_owned() });
        } else if READ.contains(&&*ending) {
            match planned(path) {
                Ok(all) => read.extend(all.into_iter().map(|one| (file.clone(), one))),
                Err(why) => unread.push(Unread { file, why }),
            }
        }
    }
    if read.is_empty() && unread.is_empty() {
        return Err(Failure::new(format!(
            "{} holds no .json file of a CAS service. Name the folder with --services.",
            dir.display()
        )));
    }
    Ok((read, unread))
}

/// The files of a folder and of those in it, as CAS reads them.
fn walk(dir: &Path, depth: usize, into: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_file() {
            into.push(path);
        } else if path.is_dir() {
            if depth == 0 {
                return Err(std::io::Error::other(format!("{} lies too deep", path.display())));
            }
            walk(&path, depth - 1, into)?;
        }
    }
    Ok(())
}

fn planned(path: &Path) -> Result<Vec<import::Planned>, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MAX_FILE as u64 {
        return Err("is larger than 16 MB".to_owned());
    }
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    import::services(&text).map_err(|error| error.to_string())
}

/// Sends a file as long work: what it would do, or what it did. What is not to be done is taken back.
async fn import(desk: Desk<'_>, kind: &str, file: &Path, is_applied: bool) -> Result<Value, Failure> {
    let job = upload(desk, kind, file).await?;
    let id = text(&job, "id");
    let job = if is_applied && job["rows"]["to_do"].as_u64().unwrap_or(0) > 0 {
        let job = start(desk, &id).await?;
        carried_out(desk, &id, job).await?
    } else {
        let path = format!("/jobs/{}/cancel", escaped(&id));
        desk.send(("job", &id), "POST", &path, Some(&json!({}))).await?
    };
    let rows = desk.api.all(&format!("/jobs/{id}/rows")).await;
    let rows = rows.map_err(|refused| failure("job", &id, &refused))?;
    Ok(json!({"job": id, "state": job["state"], "counts": job["rows"], "rows": rows}))
}

/// Phones whose people are yet to be made: in a plan they are nobody's.
fn awaiting(mut phones: Value, users: Option<&Value>) -> Value {
    let made: BTreeSet<String> = users
        .and_then(|users| users["rows"].as_array())
        .into_iter()
        .flatten()
        .filter(|row| row["fate"] == "create" && row["outcome"].is_null())
        .map(|row| text(row, "label").to_lowercase())
        .collect();
    for row in phones["rows"].as_array_mut().into_iter().flatten() {
        let label = text(row, "label");
        let owner = label.split_once(": ").map(|(_, owner)| owner.to_lowercase());
        if row["fate"] == "conflict"
            && row["field"] == "username"
            && owner.is_some_and(|owner| made.contains(&owner))
        {
            row["fate"] = "create".into();
            row["reason"] = "once the account is there".into();
            row["field"] = Value::Null;
        }
    }
    phones
}

#[cfg(test)]
mod tests;
