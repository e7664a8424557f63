//! The files of a folder.
//!
//! Owns: reading TOML and JSON, and refusing what nobody knows, with the nearest that somebody does.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::things::Kind;
use crate::failure::{Failure, sentence};

/// The largest file, in bytes.
const LARGEST: u64 = 64 * 1024 * 1024;

/// A thing as the files want it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    pub kind: Kind,
    pub name: String,
    pub members: Map<String, Value>,
}

/// Reads all `.toml` and `.json` files of a folder.
pub(super) fn read(dir: &Path) -> Result<Vec<Wanted>, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(format!("Cannot read {}: {error}. Name a folder with files.", dir.display()))
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if matches!(path.extension().and_then(|e| e.to_str()), Some("toml" | "json")) && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() {
        return Err(Failure::new(format!("{} holds no .toml and no .json file. Write some.", dir.display())));
    }
    let mut all: BTreeMap<(Kind, String), Wanted> = BTreeMap::new();
    for path in paths {
        let shown = path.display().to_string();
        let wrong = |why: String| Failure::new(format!("{shown}: {} Correct it.", sentence(&why)));
        let size = std::fs::metadata(&path).map_err(failed)?.len();
        if size > LARGEST {
            return Err(wrong("is larger than 64 MB".to_owned()));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
        let is_toml = path.extension().is_some_and(|extension| extension == "toml");
        for wanted in parse(&text, is_toml).map_err(wrong)? {
            let place = (wanted.kind, wanted.name.to_lowercase());
            let name = wanted.name.clone();
            if let Some(before) = all.insert(place, wanted) {
                return Err(wrong(format!("{} {name} is there a second time", before.kind.as_str())));
            }
        }
    }
    Ok(all.into_values().collect())
}

fn parse(text: &str, is_toml: bool) -> Result<Vec<Wanted>, String> {
    let value: Value = if is_toml {
        toml::from_str(text).map_err(|error| error.to_string().trim().replace('\n', " "))?
    } else {
        domain::json::read(text.as_bytes(), 20).map_err(|error| error.to_string())?
    };
    let Value::Object(tables) = value else { return Err("is no table".to_owned()) };
    let mut all = Vec::new();
    for (table, things) in tables {
        let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.table()).collect();
        let kind = Kind::ALL.iter().copied().find(|kind| kind.table() == table);
        let kind = kind.ok_or_else(|| unknown("table", &table, &known))?;
        let Value::Object(things) = things else {
            return Err(format!("{table} is no table of things by their names"));
        };
        for (name, members) in things {
            let Value::Object(members) = members else { return Err(format!("{table}.{name} is no table")) };
            for member in members.keys() {
                // A policy's members are the server's own: it says what it does not know.
                if !kind.members().is_empty() && !kind.members().contains(&member.as_str()) {
                    return Err(unknown(&format!("member of {table}.{name}"), member, kind.members()));
                }
            }
            all.push(Wanted { kind, name, members });
        }
    }
    Ok(all)
}

/// What is not known, with the nearest that is.
fn unknown(what: &str, word: &str, known: &[&str]) -> String {
    let near = known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(word, known), *known))
        .filter(|(distance, known)| *distance <= known.len().div_ceil(2))
        .min();
    let word = domain::text::shown(word, 60);
    match near {
        Some((_, near)) => format!("`{word}` is no {what}; is `{near}` meant?"),
        None => format!("`{word}` is no {what}; there are {}", known.join(", ")),
    }
}

/// The same without members that are null, which TOML has not.
pub(super) fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name, without_nulls(value)))
                .collect(),
        ),
        Value::Array(all) => {
            Value::Array(all.into_iter().filter(|one| !one.is_null()).map(without_nulls).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let toml = "[users.ada]\nemail = \"a@example.org\"\nroles = [\"auditor\"]\n[policies.devices]\nper_user = 3\n";
        let json = r#"{"users": {"ada": {"email": "a@example.org", "roles": ["auditor"]}}, "policies": {"devices": {"per_user": 3}}}"#;
        let (one, other) = (parse(toml, true).unwrap(), parse(json, false).unwrap());
        let sorted = |mut all: Vec<Wanted>| {
            all.sort_by_key(|wanted| wanted.kind);
            all
        };
        assert_eq!(sorted(one), sorted(other));
    }

    #[test]
    fn what_nobody_knows_is_refused_with_the_nearest() {
        for (text, near) in [
            ("[user.ada]\n", "is `users` meant?"),
            ("[users.ada]\nemial = \"x\"\n", "is `email` meant?"),
            ("[clients.shop]\nredirect_url = []\n", "is `redirect_uris` meant?"),
            ("[groups.staff]\nxyzzyplugh = 1\n", "there are description"),
            ("users = 3\n", "is no table of things"),
        ] {
            let why = parse(text, true).unwrap_err();
            assert!(why.contains(near), "{text}: {why}");
        }
        assert!(parse(r#"{"users": {}, "users": {}}"#, false).is_err(), "a member twice");
    }

    #[test]
    fn nulls_are_left_out() {
        assert_eq!(without_nulls(json!({"a": null, "b": [null, {"c": null}]})), json!({"b": [{}]}));
    }
}
