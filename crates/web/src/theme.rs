//! The look an operator may choose.
//!
//! Owns: `theme.toml` (name, accent colours, logo) and the small style sheet made of it. Not here: markup and
//! rules, which a theme cannot change.

use std::fmt::Write as _;

use bytes::Bytes;
use serde::Deserialize;

use crate::fixed::Fixed;

/// `theme.toml` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    name: String,
    logo: Option<String>,
    #[serde(default)]
    colours: Colours,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Colours {
    accent: Option<String>,
    accent_dark: Option<String>,
}

/// A theme, checked.
#[derive(Debug, Clone)]
pub struct Theme {
    /// The provider's name as people know it; empty: its host.
    pub name: String,
    /// Address of a logo: https only.
    pub logo: Option<String>,
    /// The accent by day: for mails, which get no style sheet.
    pub accent: String,
    /// The style sheet with its colours, under `/theme.css?<version>`; none when nothing differs.
    pub sheet: Option<(Fixed, String)>,
}

/// `theme.toml` is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("theme.toml: {0}")]
pub struct BadTheme(String);

const BUILT_IN: &str = include_str!("../../../themes/default/theme.toml");
const DEFAULT_ACCENT: &str = "#3d4ed6";
const DEFAULT_ACCENT_DARK: &str = "#a9b4ff";
/// Text on the accent: white by day, near black by night (`--on-accent` of style.css).
const ON_ACCENT: &str = "#ffffff";
const ON_ACCENT_DARK: &str = "#10121c";

impl Theme {
    /// The built-in theme.
    pub fn built_in() -> Result<Self, BadTheme> {
        Self::parse(BUILT_IN)
    }

    /// Reads `theme.toml`.
    pub fn parse(text: &str) -> Result<Self, BadTheme> {
        let given: Given = toml::from_str(text).map_err(|error| BadTheme(error.to_string()))?;
        if given.name.chars().count() > 60 || given.name.chars().any(char::is_control) {
            return Err(BadTheme("name: one line of at most 60 characters".to_owned()));
        }
        if let Some(logo) = &given.logo
            && url::Url::parse(logo).map_or(true, |url| url.scheme() != "https")
        {
            return Err(BadTheme("logo: must be an https address".to_owned()));
        }
        let mut css = String::new();
        let day = given.colours.accent.clone().unwrap_or_else(|| DEFAULT_ACCENT.to_owned());
        if let Some(accent) = given.colours.accent.filter(|colour| colour != DEFAULT_ACCENT) {
            readable("colours.accent", &accent, ON_ACCENT)?;
            let _ = write!(css, ":root{{--accent:{accent};--accent-strong:{accent}}}");
        }
        if let Some(accent) = given.colours.accent_dark.filter(|colour| colour != DEFAULT_ACCENT_DARK) {
            readable("colours.accent_dark", &accent, ON_ACCENT_DARK)?;
            let _ = write!(
                css,
                "@media(prefers-color-scheme:dark){{:root{{--accent:{accent};--accent-strong:{accent}}}}}"
            );
        }
        let sheet = (!css.is_empty()).then(|| {
            let version = crate::fixed::etag_of(css.as_bytes()).trim_matches('"').to_owned();
            let sheet = Fixed::new("text/css; charset=utf-8", "public, max-age=86400", Bytes::from(css));
            (sheet, format!("/theme.css?{version}"))
        });
        Ok(Self { name: given.name, logo: given.logo, accent: day, sheet })
    }
}

/// A colour that text can be read on: contrast of at least 4.5 (WCAG 2.2 §1.4.3).
fn readable(key: &str, colour: &str, text: &str) -> Result<(), BadTheme> {
    let (Some(ours), Some(theirs)) = (luminance(colour), luminance(text)) else {
        return Err(BadTheme(format!("{key}: must be #rrggbb")));
    };
    let contrast = (ours.max(theirs) + 0.05) / (ours.min(theirs) + 0.05);
    if contrast < 4.5 {
        return Err(BadTheme(format!(
            "{key}: text on {colour} has a contrast of {contrast:.1}; 4.5 is needed"
        )));
    }
    Ok(())
}

/// Relative luminance (WCAG 2.2).
fn luminance(colour: &str) -> Option<f64> {
    let digits = colour.strip_prefix('#').filter(|d| d.len() == 6 && d.is_ascii())?;
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&digits[at..at + 2], 16).ok()?) / 255.0;
        Some(if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) })
    };
    Some(0.2126 * channel(0)? + 0.7152 * channel(2)? + 0.0722 * channel(4)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_theme_needs_no_sheet() {
        let theme = Theme::built_in().unwrap();
        assert!(theme.sheet.is_none() && !theme.name.is_empty());
    }

    #[test]
    fn colours_must_be_readable() {
        assert!(Theme::parse("name = \"A\"\n[colours]\naccent = \"#0a7a4b\"").unwrap().sheet.is_some());
        for bad in ["#ffff00", "red", "#12345", "#12345g", "#fff;}"] {
            let text = format!("name = \"A\"\n[colours]\naccent = \"{bad}\"");
            assert!(Theme::parse(&text).is_err(), "{bad}");
        }
    }

    #[test]
    fn unknown_keys_and_plain_http_logos_are_refused() {
        assert!(Theme::parse("name = \"A\"\ncolour = 1").is_err());
        assert!(Theme::parse("name = \"A\"\nlogo = \"http://example.com/a.png\"").is_err());
    }

    /// The palette of style.css: every pair of text and ground that is used.
    #[test]
    fn the_palette_has_the_contrast_of_wcag_aa() {
        let css = std::str::from_utf8(crate::assets::find("style.css").unwrap().plain).unwrap();
        let (light, dark) = css.split_once("prefers-color-scheme: dark").unwrap();
        let value = |part: &str, name: &str| {
            let after = part.split_once(&format!("--{name}:")).unwrap_or_else(|| panic!("no --{name}")).1;
            after.split(';').next().unwrap().trim().to_owned()
        };
        let contrast = |a: &str, b: &str| {
            let (a, b) = (luminance(a).unwrap(), luminance(b).unwrap());
            (a.max(b) + 0.05) / (a.min(b) + 0.05)
        };
        for (scheme, part) in [("light", light), ("dark", dark)] {
            for (text, ground, least) in [
                ("ink", "ground", 7.0),
                ("ink", "card", 7.0),
                ("ink-soft", "ground", 4.5),
                ("ink-soft", "card", 4.5),
                ("ink-soft", "card-quiet", 4.5),
                ("ink", "card-quiet", 7.0),
                ("on-accent", "accent", 4.5),
                ("on-accent", "accent-strong", 4.5),
                ("accent", "ground", 4.5),
                ("accent", "card", 4.5),
                ("accent", "card-quiet", 4.5),
                ("good", "card-quiet", 4.5),
                ("bad", "card-quiet", 4.5),
                ("bad", "card", 4.5),
                ("bad-ink", "bad-ground", 4.5),
                ("warn-ink", "warn-ground", 4.5),
                ("edge-strong", "card", 3.0),
                ("edge-strong", "card-quiet", 3.0),
            ] {
                let found = contrast(&value(part, text), &value(part, ground));
                assert!(found >= least, "{scheme}: {text} on {ground} is {found:.2}, needs {least}");
            }
        }
    }
}
