//! `apply` and `export`: what is to be, as files.
//!
//! Owns: comparing files with what is there, the plan, and doing it over the admin API. What no file names stays as it
//! is, and nothing is deleted; so the same files applied again change nothing. Not here: reading files (`files`), how a
//! thing is read and changed (`things`).

pub mod cas;
mod files;
mod things;

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use oidc::registration::cas_as_written;
use serde_json::{Map, Value, json};

use crate::api::Api;
use crate::cli::admin;
use crate::failure::Failure;
use crate::output::Output;
use files::Wanted;
use things::Kind;

/// One thing that is not as the files want it.
struct Step {
    wanted: Wanted,
    /// What is there now; none: it has to be made.
    have: Option<Map<String, Value>>,
    /// What differs: member, before, after.
    changes: Vec<(String, Value, Value)>,
}

impl Step {
    fn as_json(&self) -> Value {
        let changes: Vec<Value> = self
            .changes
            .iter()
            .map(|(member, from, to)| json!({"member": member, "from": from, "to": to}))
            .collect();
        json!({
            "kind": self.wanted.kind.as_str(),
            "name": self.wanted.name,
            "action": if self.have.is_some() { "change" } else { "create" },
            "changes": changes,
        })
    }

    fn print(&self, output: Output) {
        let sign = if self.have.is_some() { '~' } else { '+' };
        output.line(&format!("{sign} {} {}", self.wanted.kind.as_str(), self.wanted.name));
        for (member, from, to) in &self.changes {
            match (self.have.is_some(), from) {
                (true, from) => output.line(&format!("    {member}: {from} → {to}")),
                (false, _) => output.line(&format!("    {member}: {to}")),
            }
        }
    }
}

/// Runs `apply`.
///
/// # Errors
/// A file is wrong, the API refuses, or, with `--dry-run`, something is not as the files want it.
pub async fn run(api: &Api, command: &admin::Apply, output: Output) -> Result<(), Failure> {
    let wanted = files::read(&command.dir)?;
    let steps = plan(api, wanted).await?;
    let shown: Vec<Value> = steps.iter().map(Step::as_json).collect();
    if steps.is_empty() {
        output.either(&json!({"plan": [], "applied": false}), "Everything is as the files want it.");
        return Ok(());
    }
    if !output.json {
        for step in &steps {
            step.print(output);
        }
    }
    if command.dry_run {
        if output.json {
            output.line(&json!({"plan": shown, "applied": false}).to_string());
        }
        return Err(Failure::new(format!(
            "{} things are not as the files want them. Run it with --yes to change them.",
            steps.len()
        )));
    }
    if !command.yes && !agrees(steps.len(), output)? {
        return Err(Failure::new("Nothing was changed. Run it with --yes, or look with --dry-run."));
    }
    let mut secrets = Map::new();
    for step in &steps {
        if let Some(secret) = things::put(api, &step.wanted, step.have.as_ref(), &step.changes).await? {
            secrets.insert(step.wanted.name.clone(), secret.into());
        }
    }
    let mut done = json!({"plan": shown, "applied": true});
    let mut sentence = format!("{} things are as the files want them now.", steps.len());
    if !secrets.is_empty() {
        for (client, secret) in &secrets {
            let secret = secret.as_str().unwrap_or_default();
            sentence.push_str(&format!("\nThe secret of the client {client}, shown this once: {secret}"));
        }
        done["client_secrets"] = Value::Object(secrets);
    }
    output.either(&done, &sentence);
    Ok(())
}

/// What has to be done, in the order in which things lean on one another.
async fn plan(api: &Api, mut wanted: Vec<Wanted>) -> Result<Vec<Step>, Failure> {
    wanted.sort_by(|one, other| (one.kind, &one.name).cmp(&(other.kind, &other.name)));
    let mut steps = Vec::new();
    for wanted in wanted {
        let have = things::get(api, wanted.kind, &wanted.name).await?;
        if have.is_none() && wanted.kind == Kind::Policy {
            return Err(Failure::new(format!(
                "There is no policy `{}`. See `latchbolt policy show`.",
                wanted.name
            )));
        }
        let changes = differences(&wanted.members, have.as_ref());
        if have.is_none() || !changes.is_empty() {
            steps.push(Step { wanted, have, changes });
        }
    }
    Ok(steps)
}

/// Members that are not as they are wanted. Claims of people are compared one by one, lists of names as sets.
fn differences(
    wanted: &Map<String, Value>,
    have: Option<&Map<String, Value>>,
) -> Vec<(String, Value, Value)> {
    let mut changes = Vec::new();
    for (member, to) in wanted {
        let from = have.and_then(|have| have.get(member)).cloned().unwrap_or_default();
        if let (true, Some(claims)) = (member == "claims", to.as_object()) {
            for (claim, to) in claims {
                let from = from.get(claim).cloned().unwrap_or_default();
                if from != *to {
                    changes.push((format!("claims.{claim}"), from, to.clone()));
                }
            }
        } else if !is_same(member, &from, to) {
            changes.push((member.clone(), from, to.clone()));
        }
    }
    changes
}

fn is_same(member: &str, one: &Value, other: &Value) -> bool {
    let nothing =
        |value: &Value| value.is_null() || value == "" || *value == json!([]) || *value == json!({});
    match (one, other) {
        (Value::Array(one), Value::Array(other)) if matches!(member, "roles" | "groups") => {
            let sorted = |all: &[Value]| {
                let mut all: Vec<String> = all.iter().map(|one| one.to_string().to_lowercase()).collect();
                all.sort();
                all
            };
            sorted(one) == sorted(other)
        }
        (Value::String(one), Value::String(other)) if member == "scope" => {
            let sorted = |text: &str| {
                let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
                words.sort();
                words
            };
            sorted(one) == sorted(other)
        }
        // What is left out of it is as it would be.
        (Value::Object(_), Value::Object(_)) if member == "latchbolt_cas" => {
            one == other || cas_as_written(one).is_some_and(|one| Some(one) == cas_as_written(other))
        }
        _ => one == other || (nothing(one) && nothing(other)),
    }
}

/// Asks at the terminal.
fn agrees(count: usize, output: Output) -> Result<bool, Failure> {
    if output.json || !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    print!("Change these {count} things? [y/N] ");
    let failed = |error| Failure::new(format!("Cannot ask: {error}. Run it with --yes."));
    std::io::stdout().flush().map_err(failed)?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(failed)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Runs `export`.
///
/// # Errors
/// The API refuses, or a file cannot be written.
pub async fn export(api: &Api, command: &admin::Export, output: Output) -> Result<(), Failure> {
    let failed = |path: &std::path::Path, error: &dyn std::fmt::Display| {
        Failure::new(format!("Cannot write {}: {error}. Name a folder to write into.", path.display()))
    };
    std::fs::create_dir_all(&command.dir).map_err(|error| failed(&command.dir, &error))?;
    let mut counts = Map::new();
    for kind in Kind::ALL {
        let mut all = Map::new();
        for (name, members) in things::all(api, *kind).await? {
            all.insert(name, files::without_nulls(Value::Object(members)));
        }
        counts.insert(kind.table().to_owned(), all.len().into());
        let path = command.dir.join(format!("{}.toml", kind.table()));
        let text =
            toml::to_string_pretty(&json!({ kind.table(): all })).map_err(|error| failed(&path, &error))?;
        std::fs::write(&path, text).map_err(|error| failed(&path, &error))?;
    }
    let sentence: Vec<String> = counts.iter().map(|(table, count)| format!("{count} {table}")).collect();
    output.either(
        &Value::Object(counts.clone()),
        &format!("{} are in {}. Secrets are not.", sentence.join(", "), command.dir.display()),
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }

    #[test]
    fn only_what_differs_is_changed() {
        let have = object(json!({
            "email": "a@example.org", "roles": ["helpdesk", "auditor"], "scope": "openid email", "language": null,
            "claims": {"department": "Sales", "floor": 3}, "groups": ["Staff"],
        }));
        let same = object(json!({
            "email": "a@example.org", "roles": ["auditor", "helpdesk"], "scope": "email openid", "language": "",
            "claims": {"floor": 3}, "groups": ["staff"],
        }));
        assert_eq!(differences(&same, Some(&have)), []);
        let other = object(json!({"email": "b@example.org", "claims": {"floor": 4, "new": true}}));
        let changes = differences(&other, Some(&have));
        let mut members: Vec<&str> = changes.iter().map(|(member, ..)| member.as_str()).collect();
        members.sort_unstable();
        assert_eq!(members, ["claims.floor", "claims.new", "email"]);
        assert_eq!(differences(&other, None).len(), 3);
    }
}
