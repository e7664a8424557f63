//! The words of letters, a language each.

use serde::Deserialize;

/// A day of the calendar, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// The year.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

/// What stands in a letter of one language (`themes/default/print/*.toml`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    pub(crate) title: String,
    pub(crate) greeting: String,
    pub(crate) intro: String,
    pub(crate) steps: Vec<String>,
    pub(crate) username: String,
    pub(crate) code: String,
    pub(crate) until: String,
    date: String,
    pub(crate) warning: String,
}

const BUILT_IN: &[(&str, &str)] = &[
    ("en", include_str!("../../../themes/default/print/en.toml")),
    ("de", include_str!("../../../themes/default/print/de.toml")),
];

impl Words {
    /// The languages that there are, by their tags; the first is for everybody else.
    #[must_use]
    pub fn languages() -> Vec<&'static str> {
        BUILT_IN.iter().map(|(tag, _)| *tag).collect()
    }

    /// The words for a language tag such as `de-AT`, else English.
    ///
    /// # Errors
    /// The file cannot be read, with its name: a fault of the program.
    pub fn of(language: Option<&str>) -> Result<Self, String> {
        let wanted = language.unwrap_or_default().to_ascii_lowercase();
        let wanted = wanted.split(['-', '_']).next().unwrap_or_default();
        let (tag, text) =
            BUILT_IN.iter().find(|(tag, _)| *tag == wanted).or(BUILT_IN.first()).copied().unwrap_or_default();
        toml::from_str(text).map_err(|why| format!("print/{tag}.toml: {why}"))
    }

    pub(crate) fn day(&self, day: Day) -> String {
        self.date
            .replace("{y}", &format!("{:04}", day.year))
            .replace("{m}", &format!("{:02}", day.month))
            .replace("{d}", &format!("{:02}", day.day))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_is_whole_and_found_by_its_tag() {
        for tag in Words::languages() {
            let words = Words::of(Some(tag)).unwrap();
            assert_eq!(words.steps.len(), 3, "{tag}");
            assert!(words.until.contains("{date}") && words.greeting.contains("{name}"), "{tag}");
            assert!(words.steps.iter().any(|step| step.contains("{address}")), "{tag}");
        }
        assert_eq!(Words::of(Some("de-AT")).unwrap(), Words::of(Some("DE")).unwrap());
        assert_eq!(Words::of(Some("fr")).unwrap(), Words::of(None).unwrap());
        let day = Day { year: 2026, month: 3, day: 7 };
        assert_eq!(Words::of(Some("de")).unwrap().day(day), "07.03.2026");
        assert_eq!(Words::of(None).unwrap().day(day), "2026-03-07");
    }
}
