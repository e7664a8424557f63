//! The store's suite runs whole: every promise is in the list that adapters run.

use std::collections::BTreeSet;

use crate::source::{after, files};

/// Promises in the suite's modules, as `module name`.
fn promises(texts: &[(String, String)]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (path, text) in texts {
        let module = path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
        for rest in after(text, "\npub async fn ") {
            all.insert(format!("{module} {}", rest.split('(').next().unwrap_or_default()));
        }
    }
    all
}

/// Promises in the list of the macro.
fn listed(text: &str) -> BTreeSet<String> {
    let start = text.find("@each $open;").unwrap();
    let list = &text[start + "@each $open;".len()..];
    let end = list.find("(@each").unwrap();
    let (mut all, mut module) = (BTreeSet::new(), "");
    let words: Vec<&str> = list[..end].split_whitespace().collect();
    for (at, word) in words.iter().enumerate() {
        if words.get(at + 1) == Some(&"{") {
            module = word;
        } else if word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
            all.insert(format!("{module} {word}"));
        }
    }
    all
}

#[test]
fn adapters_run_every_promise() {
    let texts = files("crates/store/src/conformance", ".rs");
    let (_, list) = texts.iter().find(|(path, _)| path.ends_with("/mod.rs")).unwrap();
    // What they begin with is lent to adapters' own tests as well, and promises nothing.
    let modules: Vec<_> = texts.iter().filter(|(path, _)| !path.ends_with("/given.rs")).cloned().collect();
    let promises = promises(&modules);
    assert!(promises.len() > 40);
    assert_eq!(listed(list), promises);
}

#[test]
fn a_planted_fault_is_found() {
    let texts = [("x/accounts.rs".to_owned(), "\npub async fn one(\n\npub async fn two(".to_owned())];
    let list = "@each $open;\n accounts {\n one\n }\n };\n (@each";
    assert_ne!(listed(list), promises(&texts));
    assert_eq!(listed(&list.replace("one", "one two")), promises(&texts));
}
