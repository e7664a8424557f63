//! Every language has every sentence, with the same places to fill.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::files;

/// Sentences by their full key.
fn sentences(text: &str) -> BTreeMap<String, String> {
    fn collect(before: &str, table: &toml::Table, all: &mut BTreeMap<String, String>) {
        for (name, value) in table {
            let key = if before.is_empty() { name.clone() } else { format!("{before}.{name}") };
            match value {
                toml::Value::Table(inner) => collect(&key, inner, all),
                toml::Value::String(sentence) => drop(all.insert(key, sentence.clone())),
                other => drop(all.insert(key, other.to_string())),
            }
        }
    }
    let mut all = BTreeMap::new();
    collect("", &text.parse().unwrap(), &mut all);
    all
}

/// The `{places}` of a sentence.
fn places(sentence: &str) -> BTreeSet<&str> {
    sentence.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(place, _)| place).collect()
}

/// What a language lacks, has too much, or fills differently.
fn faults(language: &str, model: &str) -> Vec<String> {
    let (language, model) = (sentences(language), sentences(model));
    let mut faults = Vec::new();
    for (key, sentence) in &model {
        match language.get(key) {
            None => faults.push(format!("{key} is missing")),
            Some(own) if own.trim().is_empty() => faults.push(format!("{key} is empty")),
            Some(own) if places(own) != places(sentence) => faults.push(format!("{key} has other places")),
            Some(_) => {}
        }
    }
    faults.extend(
        language.keys().filter(|key| !model.contains_key(*key)).map(|key| format!("{key} is too much")),
    );
    faults
}

#[test]
fn every_language_has_every_sentence() {
    let all = files("themes/default/texts", ".toml");
    let (_, model) = all.iter().find(|(path, _)| path.ends_with("/en.toml")).expect("en.toml is the model");
    assert!(sentences(model).len() > 30);
    for (path, text) in &all {
        assert_eq!(faults(text, model), Vec::<String>::new(), "{path}");
    }
}

#[test]
fn a_planted_fault_is_found() {
    let model = "[a]\nb = \"Hello {name}\"\nc = \"Bye\"\n";
    assert_eq!(faults("[a]\nb = \"Hallo {name}\"\nc = \"Auf bald\"\n", model), Vec::<String>::new());
    assert_eq!(
        faults("[a]\nb = \"Hallo {nam}\"\nd = \"x\"\n", model),
        ["a.b has other places", "a.c is missing", "a.d is too much"]
    );
}
