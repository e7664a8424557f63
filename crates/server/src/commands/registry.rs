//! Commands that call the admin API: people, groups, phones, enrolments, long work, sessions, keys, policies.
//!
//! Owns: which calls a command is, and what is printed of the answers: with `--json` the API's JSON, else a table or a
//! sentence. Not here: names and arguments (`cli::admin`), the API (`web-admin`).

mod access;
mod claims;
mod devices;
mod notices;
mod people;
mod recovery;
mod work;

use serde_json::{Map, Value};

pub(super) use work::{carried_out, start, upload};

use crate::api::{Api, escaped, failure};
use crate::cli::{Command, admin};
use crate::failure::Failure;
use crate::output::Output;

/// A command at work.
#[derive(Clone, Copy)]
pub(super) struct Desk<'a> {
    pub(super) api: &'a Api,
    pub(super) output: Output,
}

/// Runs a command of the registry.
///
/// # Errors
/// What the API refuses.
pub async fn run(api: &Api, command: Command, output: Output) -> Result<(), Failure> {
    let desk = Desk { api, output };
    match command {
        Command::Group(command) => people::group(desk, command).await,
        Command::Enrol(command) => work::enrol(desk, command).await,
        Command::Approval(admin::Approval::List) => devices::approvals(desk).await,
        Command::Job(command) => work::job(desk, command).await,
        Command::Session(command) => access::session(desk, command).await,
        Command::Consent(command) => access::consent(desk, command).await,
        Command::ApiKey(command) => access::api_key(desk, command).await,
        Command::Policy(command) => access::policy(desk, command).await,
        Command::Claim(command) => claims::claim(desk, command).await,
        Command::Recovery(command) => recovery::recovery(desk, command).await,
        Command::Notice(command) => notices::notice(desk, command).await,
        _ => Err(Failure::new("This command is none of the registry. Report it.")),
    }
}

/// Runs `user …`, what the API does.
///
/// # Errors
/// What the API refuses.
pub(super) async fn user(desk: Desk<'_>, command: admin::User) -> Result<(), Failure> {
    people::user(desk, command).await
}

/// Runs `device …`, what the API does.
///
/// # Errors
/// What the API refuses.
pub(super) async fn device(desk: Desk<'_>, command: admin::Device) -> Result<(), Failure> {
    devices::device(desk, command).await
}

impl Desk<'_> {
    /// The account with this user name or id.
    pub(super) async fn user(self, name: &str) -> Result<Value, Failure> {
        let refused = |refused: Box<web::Refused>| failure("user", name, &refused);
        if name.starts_with("acc_") {
            return self.api.get(&format!("/users/{}", escaped(name))).await.map_err(refused);
        }
        let missing = || Failure::about("user", name, &app::Refusal::NotFound);
        // A filter of nothing is none.
        if name.is_empty() {
            return Err(missing());
        }
        let found = self.api.items(&format!("/users?username={}", escaped(name))).await.map_err(refused)?;
        found.into_iter().next().ok_or_else(missing)
    }

    pub(super) async fn user_id(self, name: &str) -> Result<String, Failure> {
        Ok(text(&self.user(name).await?, "id"))
    }

    /// The group with this name or id.
    async fn group(self, name: &str) -> Result<Value, Failure> {
        let refused = |refused: Box<web::Refused>| failure("group", name, &refused);
        if name.starts_with("grp_") {
            return self.api.get(&format!("/groups/{}", escaped(name))).await.map_err(refused);
        }
        let found = self.api.all(&format!("/groups?q={}", escaped(name))).await.map_err(refused)?;
        let is_it = |group: &Value| text(group, "name").to_lowercase() == name.to_lowercase();
        found.into_iter().find(is_it).ok_or_else(|| Failure::about("group", name, &app::Refusal::NotFound))
    }

    /// Calls a route that changes something, and answers what it says.
    pub(super) async fn send(
        self,
        (kind, name): (&str, &str),
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let answered = self.api.call(method, path, body, None).await;
        Ok(answered.map_err(|refused| failure(kind, name, &refused))?.body)
    }

    /// Prints one thing: its JSON, or its members, one a line.
    fn show(self, thing: &Value) {
        if self.output.json {
            self.output.line(&thing.to_string());
            return;
        }
        let Some(members) = thing.as_object() else { return };
        let width = members.keys().map(String::len).max().unwrap_or(0);
        for (name, value) in members {
            let shown = match value {
                Value::Null => "-".to_owned(),
                Value::String(text) => domain::text::shown(text, 200),
                other => other.to_string(),
            };
            self.output.line(&format!("{name:width$}  {shown}"));
        }
    }
}

/// A time of the API in seconds since 1970, as the first commands print it.
pub(super) fn seconds(time: &Value) -> Value {
    let time = time.as_str().and_then(domain::Timestamp::from_rfc3339);
    time.map_or(Value::Null, |time| time.seconds().into())
}

/// A member's text.
pub(super) fn text(thing: &Value, member: &str) -> String {
    thing[member].as_str().unwrap_or_default().to_owned()
}

/// `name=value`: the value as JSON where it is JSON, else as text; nothing is null.
fn assigned(text: &str) -> Result<(String, Value), Failure> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| Failure::new(format!("`{text}` names no value. Write NAME=VALUE.")))?;
    let value = match value {
        "" => Value::Null,
        value => serde_json::from_str(value).unwrap_or_else(|_| value.into()),
    };
    Ok((name.to_owned(), value))
}

/// Several of them.
fn assignments(all: &[String]) -> Result<Map<String, Value>, Failure> {
    all.iter().map(|one| assigned(one)).collect()
}

/// Reads a file that is sent.
fn file(path: &std::path::Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| {
        Failure::new(format!("Cannot read {}: {error}. Name a readable file.", path.display()))
    })
}
