//! The reference of the configuration, made from the declarations: as the commented file
//! `config/latchbolt.toml` and as the page `docs/configuration.md`.

use std::fmt::Write as _;

use toml::{Table, Value};

use super::{Given, Key, SECTIONS};

/// The commented file: every key with its sentence; keys with a default hold it, the others are comments.
#[must_use]
pub fn as_toml() -> String {
    let defaults = defaults();
    let mut text = String::from(
        "# Latchbolt: every key, its default and what it does. Whatever is left out has its default.\n\
         # An environment variable LATCHBOLT__SECTION__KEY wins over the file.\n\
         # Made by `latchbolt check-config --print-reference toml`; a test keeps it so.\n",
    );
    for section in SECTIONS {
        let _ = write!(text, "\n{}[{}]\n", commented(section.about), section.name);
        for key in section.keys {
            let _ = write!(text, "\n{}", commented(key.about));
            match default_of(&defaults, section.name, key) {
                Some(value) => {
                    let _ = writeln!(text, "{} = {value}", key.name);
                }
                None => {
                    let _ = writeln!(text, "# {} = {}", key.name, Value::from(key.example.unwrap_or("…")));
                }
            }
        }
    }
    text
}

/// The page of the book.
#[must_use]
pub fn as_markdown() -> String {
    let defaults = defaults();
    let mut text = String::from(
        "# Configuration reference\n\n\
         <!-- Made by `latchbolt check-config --print-reference markdown`; a test keeps it so. -->\n\n\
         One file in TOML, named with `--config` (without it `config/latchbolt.toml`, if it is there). \
         Whatever is left out has the default shown here. Every key can be given by an environment variable \
         `LATCHBOLT__SECTION__KEY` instead, which wins over the file: texts as they are, everything else \
         written as in the file. A secret can also be given by the name of a file that holds it: \
         `LATCHBOLT__SECTION__KEY_FILE`.\n\n\
         Unknown keys stop the start. `latchbolt check-config` says what is wrong, where, and which known key \
         is nearest; if nothing is, it prints the configuration that is in effect, without secrets.\n",
    );
    for section in SECTIONS {
        let _ = write!(text, "\n## `[{}]`\n\n{}\n", section.name, section.about.trim());
        for key in section.keys {
            let default = match default_of(&defaults, section.name, key) {
                Some(value) => format!("default `{value}`"),
                None => "no default".to_owned(),
            };
            let variable = format!("LATCHBOLT__{}__{}", section.name, key.name).to_ascii_uppercase();
            let _ = write!(
                text,
                "\n### `{}.{}`\n\n{}\n\n{}; {default}; `{variable}`\n",
                section.name,
                key.name,
                key.about.trim(),
                capital(key.kind),
            );
        }
    }
    text
}

fn defaults() -> Table {
    Table::try_from(Given::default()).unwrap_or_default()
}

fn default_of(defaults: &Table, section: &str, key: &Key) -> Option<Value> {
    defaults.get(section)?.get(key.name).cloned()
}

/// The text as comment lines of at most 100 characters.
fn commented(text: &str) -> String {
    let mut lines = String::new();
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > 100 {
            lines.push_str(&line);
            lines.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    lines.push_str(&line);
    lines.push('\n');
    lines
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
