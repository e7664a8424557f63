//! Sentences of the console.
//!
//! Owns: reading `themes/default/console/*.toml`, and handing them to the scripts as JSON. Which there are is said by the
//! scripts; tests compare both and all languages.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use web::Fixed;
use web::texts::{BadTexts, Catalogue};

/// The files, the fall-back first.
const FILES: &[(&str, &str)] = &[
    ("en", include_str!("../../../../themes/default/console/en.toml")),
    ("de", include_str!("../../../../themes/default/console/de.toml")),
];

/// Section, name, sentence.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(transparent)]
pub struct Texts(BTreeMap<String, BTreeMap<String, String>>);

impl Texts {
    /// A sentence of the shell. A wrong name fails the rendering, and with it the test of the page.
    pub fn say(&self, section: &str, name: &str) -> Result<&str, askama::Error> {
        self.0
            .get(section)
            .and_then(|all| all.get(name))
            .map(String::as_str)
            .ok_or_else(|| askama::Error::Custom(format!("no sentence {section}.{name}").into()))
    }
}

struct Ready {
    texts: Catalogue<Texts>,
    json: Vec<(&'static str, Fixed)>,
}

fn ready() -> Result<&'static Ready, BadTexts> {
    static READ: OnceLock<Result<Ready, BadTexts>> = OnceLock::new();
    let read = READ.get_or_init(|| {
        let texts = Catalogue::<Texts>::parse(FILES)?;
        let mut json = Vec::new();
        for language in texts.languages() {
            let body = serde_json::to_vec(&texts.of(language).0)
                .map_err(|error| BadTexts { language, why: error.to_string() })?;
            json.push((language, Fixed::new("application/json", "no-cache", body.into())));
        }
        Ok(Ready { texts, json })
    });
    read.as_ref().map_err(Clone::clone)
}

/// The sentences in this language.
pub fn of(language: &str) -> Result<&'static Texts, BadTexts> {
    Ok(ready()?.texts.of(language))
}

/// The same as the scripts fetch them; nothing for a language that there is not.
pub fn json(language: &str) -> Result<Option<&'static Fixed>, BadTexts> {
    Ok(ready()?.json.iter().find(|(other, _)| *other == language).map(|(_, fixed)| fixed))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_language_fills_every_sentence_alike() {
        assert_eq!(web::texts::differences(FILES), Vec::<String>::new());
        let ours: Vec<&str> = FILES.iter().map(|(language, _)| *language).collect();
        let built_in: Vec<&str> = web::texts::BUILT_IN.iter().map(|(language, _)| *language).collect();
        assert_eq!(ours, built_in);
    }

    /// The first argument of every call that begins so: what is before the next quotation mark.
    fn called<'s>(script: &'s str, call: &'s str) -> impl Iterator<Item = &'s str> {
        let end = call.chars().last().unwrap_or('"');
        script
            .match_indices(call)
            .filter(|(at, _)| {
                !script[..*at].ends_with(|c: char| c.is_ascii_alphanumeric() || "_$.".contains(c))
            })
            .filter_map(move |(at, _)| script[at + call.len()..].split(end).next())
    }

    /// What scripts say by `t("section.name")` and `n("section.name", count)`, and what they compose
    /// (`t(`section.name_${word}`)`: then some sentence must begin so).
    #[test]
    fn every_sentence_that_a_script_says_is_there() {
        let texts = of("en").unwrap();
        let names: BTreeSet<String> = texts
            .0
            .iter()
            .flat_map(|(section, all)| all.keys().map(move |name| format!("{section}.{name}")))
            .collect();
        let mut missing = BTreeSet::new();
        for asset in web::assets::all().iter().filter(|asset| asset.name.starts_with("console/")) {
            let Ok(script) = std::str::from_utf8(asset.plain) else { continue };
            for said in called(script, "t(\"") {
                if !names.contains(said) {
                    missing.insert(format!("{}: {said}", asset.name));
                }
            }
            for said in called(script, "n(\"") {
                for form in ["one", "other"] {
                    if !names.contains(&format!("{said}_{form}")) {
                        missing.insert(format!("{}: {said}_{form}", asset.name));
                    }
                }
            }
            for begun in
                called(script, "t(`").filter_map(|said| said.split_once("${")).map(|(begun, _)| begun)
            {
                if !names.iter().any(|name| name.starts_with(begun)) {
                    missing.insert(format!("{}: {begun}…", asset.name));
                }
            }
        }
        assert_eq!(missing, BTreeSet::new());
    }
}
