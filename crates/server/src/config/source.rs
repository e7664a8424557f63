//! Reading the configuration: the file, then the environment over it.
//!
//! Owns: where each value came from (line, variable), the search for misspelt keys, and the sentences
//! about both. Not here: what the values mean (the sections' `resolve`).

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Table, Value};

use super::section::{Key, Section};
use super::{Given, SECTIONS};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A line of the file, counted from 1, and the column.
    File {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// An environment variable.
    Variable(String),
    /// Nobody gave it.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line, column } => write!(f, "{}:{line}:{column}", file.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Something is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub origin: Origin,
    /// Which key (`section.key`), when one is to blame.
    pub key: Option<String>,
    /// What is wrong: a sentence.
    pub what: String,
    /// The nearest known key, when one is misspelt.
    pub nearest: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.origin, &self.key) {
            (Origin::Default, Some(key)) => write!(f, "{key}: {}", self.what)?,
            (Origin::Default, None) => f.write_str(&self.what)?,
            (origin, Some(key)) => write!(f, "{origin}: {key}: {}", self.what)?,
            (origin, None) => write!(f, "{origin}: {}", self.what)?,
        }
        match &self.nearest {
            Some(nearest) => write!(f, " Did you mean `{nearest}`?"),
            None => Ok(()),
        }
    }
}

/// A refusal of a section's `resolve`: which key of the section and what is wrong with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key within the section.
    pub key: &'static str,
    /// What is wrong and what to do: a sentence.
    pub what: String,
}

impl Fault {
    /// A fault of a key.
    pub fn new(key: &'static str, what: impl Into<String>) -> Self {
        Self { key, what: what.into() }
    }
}

/// What was read, and from where.
#[derive(Debug, Clone, Default)]
pub struct Read {
    /// The values.
    pub given: Given,
    /// Where each given `section.key` came from.
    pub origins: BTreeMap<String, Origin>,
}

impl Read {
    /// Where a value came from.
    #[must_use]
    pub fn origin(&self, section: &str, key: &str) -> Origin {
        self.origins.get(&format!("{section}.{key}")).cloned().unwrap_or(Origin::Default)
    }
}

/// Reads the file, if any, and the environment's `LATCHBOLT__…` variables over it.
///
/// # Errors
/// Everything that is wrong with either, in order.
pub fn read(file: Option<&Path>, variables: &[(String, String)]) -> Result<Read, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut origins = BTreeMap::new();
    let mut table = Table::new();
    if let Some(path) = file {
        match std::fs::read_to_string(path) {
            Ok(text) => read_text(path, &text, &mut table, &mut origins, &mut problems),
            Err(error) => problems.push(Problem {
                origin: Origin::Default,
                key: None,
                what: format!("Cannot read {}: {error}. Give a readable file with --config.", path.display()),
                nearest: None,
            }),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    for (name, value) in variables {
        if let Some(path) = name.strip_prefix("LATCHBOLT__")
            && let Err(problem) = read_variable(name, path, value, &mut table, &mut origins)
        {
            problems.push(problem);
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    match Given::deserialize(table) {
        Ok(given) => Ok(Read { given, origins }),
        Err(error) => Err(vec![Problem {
            origin: Origin::Default,
            key: None,
            what: sentence(error.message()),
            nearest: None,
        }]),
    }
}

fn read_text(
    path: &Path,
    text: &str,
    table: &mut Table,
    origins: &mut BTreeMap<String, Origin>,
    problems: &mut Vec<Problem>,
) {
    let place = |at: usize| {
        let before = text.get(..at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
        Origin::File { file: path.to_owned(), line, column }
    };
    let (document, errors) = toml::de::DeTable::parse_recoverable(text);
    for error in &errors {
        problems.push(Problem {
            origin: place(error.span().map_or(0, |span| span.start)),
            key: None,
            what: format!("This is not TOML: {}", sentence(error.message())),
            nearest: None,
        });
    }
    if !errors.is_empty() {
        return;
    }
    for (name, value) in document.get_ref() {
        let section_name: &str = name.get_ref();
        let Some(section) = SECTIONS.iter().find(|s| s.name == section_name) else {
            problems.push(unknown_section(place(name.span().start), section_name));
            continue;
        };
        let toml::de::DeValue::Table(keys) = value.get_ref() else {
            problems.push(Problem {
                origin: place(name.span().start),
                key: Some(section_name.to_owned()),
                what: format!(
                    "`{section_name}` is a section: write `[{section_name}]` on a line of its own."
                ),
                nearest: None,
            });
            continue;
        };
        for (key, _) in keys {
            let key_name: &str = key.get_ref();
            let origin = place(key.span().start);
            if section.keys.iter().any(|k| k.name == key_name) {
                origins.insert(format!("{section_name}.{key_name}"), origin);
            } else {
                problems.push(unknown_key(origin, section, key_name));
            }
        }
    }
    if !problems.is_empty() {
        return;
    }
    if let Err(error) = toml::from_str::<Given>(text) {
        let at = error.span().map_or(0, |span| span.start);
        let origin = place(at);
        let key = origins
            .iter()
            .filter(|(_, o)| matches!((o, &origin), (Origin::File { line: a, .. }, Origin::File { line: b, .. }) if a <= b))
            .max_by_key(|(_, o)| match o {
                Origin::File { line, .. } => *line,
                _ => 0,
            })
            .map(|(key, _)| key.clone());
        let what = with_kind(key.as_deref(), &sentence(error.message()));
        problems.push(Problem { origin, key, what, nearest: None });
        return;
    }
    match toml::from_str::<Table>(text) {
        Ok(read) => *table = read,
        Err(error) => problems.push(Problem {
            origin: place(error.span().map_or(0, |span| span.start)),
            key: None,
            what: sentence(error.message()),
            nearest: None,
        }),
    }
}

fn read_variable(
    name: &str,
    path: &str,
    value: &str,
    table: &mut Table,
    origins: &mut BTreeMap<String, Origin>,
) -> Result<(), Problem> {
    let origin = Origin::Variable(name.to_owned());
    let problem =
        |key: Option<String>, what: String| Problem { origin: origin.clone(), key, what, nearest: None };
    let path = path.to_ascii_lowercase();
    let Some((section_name, key_name)) = path.split_once("__") else {
        return Err(problem(None, "A variable is named LATCHBOLT__SECTION__KEY.".to_owned()));
    };
    let Some(section) = SECTIONS.iter().find(|s| s.name == section_name) else {
        return Err(unknown_section(origin, section_name));
    };
    let (key, value) = match find_key(section, key_name) {
        Some(Found::Itself(key)) => (key, value.to_owned()),
        Some(Found::InFile(key)) => {
            let text = std::fs::read_to_string(value).map_err(|error| {
                problem(
                    Some(format!("{section_name}.{}", key.name)),
                    format!("Cannot read the secret's file: {error}. Name a readable file."),
                )
            })?;
            (key, text.trim_end_matches(['\r', '\n']).to_owned())
        }
        None => return Err(unknown_key(origin, section, key_name)),
    };
    let full = format!("{section_name}.{}", key.name);
    let value = if key.is_text {
        Value::String(value)
    } else {
        let parsed = toml::from_str::<Table>(&format!("value = {value}"));
        match parsed.ok().and_then(|mut table| table.remove("value")) {
            Some(value) => value,
            None => {
                return Err(problem(Some(full), format!("Write the value as in the file ({}).", key.kind)));
            }
        }
    };
    let mut tried = table.clone();
    let entry = tried.entry(section_name).or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(keys) = entry {
        keys.insert(key.name.to_owned(), value);
    }
    if let Err(error) = Given::deserialize(tried.clone()) {
        let what = with_kind(Some(&full), &sentence(error.message()));
        return Err(problem(Some(full), what));
    }
    *table = tried;
    origins.insert(full, origin);
    Ok(())
}

enum Found {
    Itself(&'static Key),
    InFile(&'static Key),
}

fn find_key(section: &'static Section, name: &str) -> Option<Found> {
    let by_name = |name: &str| section.keys.iter().find(|key| key.name == name);
    if let Some(key) = by_name(name) {
        return Some(Found::Itself(key));
    }
    name.strip_suffix("_file").and_then(by_name).filter(|key| key.is_secret).map(Found::InFile)
}

fn unknown_section(origin: Origin, name: &str) -> Problem {
    let nearest = nearest(name, SECTIONS.iter().map(|s| s.name)).map(|n| format!("[{n}]"));
    Problem { origin, key: None, what: format!("There is no section `[{name}]`."), nearest }
}

fn unknown_key(origin: Origin, section: &Section, name: &str) -> Problem {
    let here = nearest(name, section.keys.iter().map(|k| k.name)).map(str::to_owned);
    // Right name, wrong section?
    let elsewhere = || {
        SECTIONS.iter().find(|s| s.keys.iter().any(|k| k.name == name)).map(|s| format!("{}.{name}", s.name))
    };
    let nearest = match here {
        Some(key) if strsim::damerau_levenshtein(&key, name) <= 2 => Some(format!("{}.{key}", section.name)),
        other => elsewhere().or_else(|| other.map(|key| format!("{}.{key}", section.name))),
    };
    Problem { origin, key: None, what: format!("There is no key `{}.{name}`.", section.name), nearest }
}

fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|k| (strsim::normalized_damerau_levenshtein(name, k).max(strsim::jaro_winkler(name, k)), k))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(score, _)| *score > 0.5)
        .map(|(_, k)| k)
}

fn with_kind(full: Option<&str>, message: &str) -> String {
    let kind = full.and_then(|full| full.split_once('.')).and_then(|(section, key)| {
        let section = SECTIONS.iter().find(|s| s.name == section)?;
        section.keys.iter().find(|k| k.name == key).map(|k| k.kind)
    });
    match kind {
        Some(kind) => format!("{message} This key takes: {kind}."),
        None => message.to_owned(),
    }
}

/// A parser's message as a sentence.
fn sentence(message: &str) -> String {
    let message = message.trim().replace('\n', ", ");
    let mut letters = message.chars();
    let mut text: String = match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => return "Cannot be read.".to_owned(),
    };
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}
