//! The workspace as texts.

use std::path::{Path, PathBuf};

/// The workspace's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The texts of all files below `folder` (from the root) whose name ends so, by their path from the root.
pub fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    walk(&root().join(folder), ending, &mut found);
    found.sort();
    found
}

fn walk(folder: &Path, ending: &str, found: &mut Vec<(String, String)>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !["target", "node_modules", "out"].contains(&name.as_str()) {
                walk(&path, ending, found);
            }
        } else if name.ends_with(ending) {
            let shown = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            found.push((shown, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The crate's folder name of a path such as `crates/web/src/lib.rs`.
pub fn crate_of(path: &str) -> &str {
    path.split('/').nth(1).unwrap_or_default()
}

/// A Rust text without its tests: everything above the first `#[cfg(test)]`.
pub fn product(text: &str) -> &str {
    text.find("#[cfg(test)]").map_or(text, |at| &text[..at])
}

/// A Rust text without its comment lines.
pub fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The string literal at the start of a Rust text, after white space: its value.
pub fn literal(text: &str) -> Option<String> {
    let mut value = String::new();
    let mut letters = text.trim_start().strip_prefix('"')?.chars();
    loop {
        match letters.next()? {
            '"' => return Some(value),
            '\\' => match letters.next()? {
                'n' => value.push('\n'),
                '\n' => {
                    let rest = letters.as_str().trim_start();
                    letters = rest.chars();
                }
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
}

/// What follows each occurrence of `word` in a text.
pub fn after<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(word).map(move |(at, _)| &text[at + word.len()..])
}

#[test]
fn literals_are_read_as_rust_reads_them() {
    assert_eq!(literal("  \"a \\\"b\\\" \\\n   c\" rest").as_deref(), Some("a \"b\" c"));
    assert_eq!(literal("name"), None);
    assert_eq!(product("a\n#[cfg(test)]\nmod tests {}"), "a\n");
}
