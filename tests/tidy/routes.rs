//! No two doors claim the same path, and nothing outside the doors claims one of theirs.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{after, crate_of, files, literal, product, without_comments};

/// What names a path in its first argument.
const CALLS: &[&str] =
    &["resource(", ".route(", "#[get(", "#[post(", "#[put(", "#[delete(", "#[patch(", "#[head("];

/// Functions of a crate that make a route of their first argument.
fn own_calls(text: &str) -> Vec<String> {
    after(text, "fn ")
        .filter_map(|rest| rest.split_once("(path: &"))
        .map(|(name, _)| name.to_owned())
        .filter(|name| name.chars().all(|c| c.is_alphanumeric() || c == '_'))
        .map(|name| format!("{name}("))
        .collect()
}

/// `/a/{b}` and `/a/{c}` are the same route.
fn plain(path: &str) -> String {
    let mut plain = String::new();
    let mut is_inside = false;
    for letter in path.chars() {
        match letter {
            '{' => {
                is_inside = true;
                plain.push_str("{}");
            }
            '}' => is_inside = false,
            other if !is_inside => plain.push(other),
            _ => {}
        }
    }
    plain
}

/// The paths a crate's texts declare. A scope's path stands before the routes that follow it in its file.
fn declared(texts: &[String]) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    let mut calls: Vec<String> = CALLS.iter().map(|call| (*call).to_owned()).collect();
    calls.extend(texts.iter().flat_map(|text| own_calls(text)));
    for text in texts {
        let scope =
            text.find("scope(").map(|at| (at, literal(&text[at + "scope(".len()..]).unwrap_or_default()));
        for call in &calls {
            for (at, _) in text.match_indices(call.as_str()) {
                // The whole word: `only(` is not the end of `commonly(`.
                let before = text[..at].chars().next_back();
                if before.is_some_and(|c| c.is_alphanumeric() || c == '_') && !call.starts_with(['.', '#']) {
                    continue;
                }
                let Some(path) = literal(&text[at + call.len()..]).filter(|path| path.starts_with('/'))
                else {
                    continue;
                };
                let scope = scope.as_ref().filter(|(start, _)| *start < at).map_or("", |(_, scope)| scope);
                paths.insert(plain(&format!("{scope}{path}")));
            }
        }
    }
    paths
}

/// Paths that more than one crate declares.
fn clashes(crates: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut owners: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, texts) in crates {
        for path in declared(texts) {
            owners.entry(path).or_default().push(name);
        }
    }
    let shared = owners.into_iter().filter(|(_, names)| names.len() > 1);
    shared.map(|(path, names)| format!("{path}: {}", names.join(", "))).collect()
}

/// The doors and the server that mounts them, with their texts. The demo has an address of its own.
fn doors() -> BTreeMap<String, Vec<String>> {
    let mut crates: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, text) in files("crates", ".rs") {
        let name = crate_of(&path);
        let is_test = path.ends_with("/tests.rs") || !path.contains("/src/");
        if (name.starts_with("web") || name == "server") && !is_test {
            crates.entry(name.to_owned()).or_default().push(without_comments(product(&text)));
        }
    }
    crates
}

#[test]
fn no_two_doors_claim_the_same_path() {
    let doors = doors();
    let all: BTreeSet<String> = doors.values().flat_map(|texts| declared(texts)).collect();
    for known in ["/authorize", "/token", "/login", "/api/phone/v1/claims"] {
        assert!(all.contains(known), "{known} was not found among {all:?}");
    }
    assert_eq!(clashes(&doors), Vec::<String>::new());
}

#[test]
fn a_planted_fault_is_found() {
    let crates = |other: &str| {
        BTreeMap::from([
            ("web-a".to_owned(), vec!["#[get(\"/a/{id}\")]\nweb::resource(\n \"/b\")".to_owned()]),
            ("web-b".to_owned(), vec![other.to_owned()]),
        ])
    };
    assert_eq!(clashes(&crates("resource(\"/c\")")), Vec::<String>::new());
    assert_eq!(clashes(&crates(".route(\"/a/{name}\", get())")), ["/a/{}: web-a, web-b"]);
    assert_eq!(clashes(&crates("fn only(path: &str) {}\nonly(\"/b\")")), ["/b: web-a, web-b"]);
    assert_eq!(clashes(&crates("scope(\"/x\").service(resource(\"/b\"))")), Vec::<String>::new());
    assert_eq!(clashes(&crates("scope(\"/a\").service(resource(\"/{z}\"))")), ["/a/{}: web-a, web-b"]);
}
