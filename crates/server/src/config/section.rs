//! How a section of the configuration is declared.
//!
//! Owns: the macro that makes a section's `Given` (as written, with defaults) and the table of its keys
//! from one declaration, and the kinds of values. Not here: the sections themselves, reading them
//! (`source`), printing them (`reference`).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// One key of a section.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// As written in the file.
    pub name: &'static str,
    /// What it does: one or two sentences.
    pub about: &'static str,
    /// What kind of value it takes, in words.
    pub kind: &'static str,
    /// The value is one text: an environment variable is taken as it is, without TOML's quotes.
    pub is_text: bool,
    /// Never printed; may be given by an environment variable ending in `_FILE`.
    pub is_secret: bool,
    /// A value to show where there is no default.
    pub example: Option<&'static str>,
}

/// One section.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// As written in the file: `[name]`.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// Its keys in the order of the reference.
    pub keys: &'static [Key],
}

/// A kind of value that a key can have.
pub trait Kind {
    /// In words, for the reference.
    const WORDS: &'static str;
    /// See [`Key::is_text`].
    const IS_TEXT: bool = false;
    /// See [`Key::is_secret`].
    const IS_SECRET: bool = false;
}

impl Kind for String {
    const WORDS: &'static str = "text";
    const IS_TEXT: bool = true;
}
impl Kind for Option<String> {
    const WORDS: &'static str = "text, may be left out";
    const IS_TEXT: bool = true;
}
impl Kind for Option<Secret> {
    const WORDS: &'static str = "secret text, may be left out";
    const IS_TEXT: bool = true;
    const IS_SECRET: bool = true;
}
impl Kind for Address {
    const WORDS: &'static str = "text";
    const IS_TEXT: bool = true;
}
impl Kind for bool {
    const WORDS: &'static str = "true or false";
}
impl Kind for u16 {
    const WORDS: &'static str = "whole number";
}
impl Kind for u32 {
    const WORDS: &'static str = "whole number";
}
impl Kind for u64 {
    const WORDS: &'static str = "whole number";
}
impl Kind for Vec<String> {
    const WORDS: &'static str = "list of texts";
}
impl Kind for BTreeMap<String, String> {
    const WORDS: &'static str = "table of texts";
}

/// A secret as written. Prints as a mark only.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The secret itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}
impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("(hidden)")
    }
}

/// An address that may hold a password. Prints without it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Address(String);

impl Address {
    /// The address itself, with the password that may be in it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The address with a mark in the password's place. Whatever looks like one counts as one.
    #[must_use]
    pub fn shown(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once("://") else { return self.0.clone() };
        let (user, rest) = match rest.rsplit_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, rest),
        };
        let user = match user.map(|user| user.split_once(':').ok_or(user)) {
            Some(Ok((name, _))) => format!("{name}:(hidden)@"),
            Some(Err(name)) => format!("{name}@"),
            None => String::new(),
        };
        match rest.split_once('?') {
            Some((rest, query)) if query.contains("password") => format!("{scheme}://{user}{rest}?(hidden)"),
            _ => format!("{scheme}://{user}{rest}"),
        }
    }
}
impl From<&str> for Address {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.shown())
    }
}
impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown())
    }
}

/// Declares a section: `Given` with its defaults, and `SECTION`, the table that the reference and the
/// search for misspelt keys use.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $name:literal {
            $( $(#[doc = $doc:literal])+ $key:ident : $kind:ty = $default:expr $(, example $example:literal)? ; )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq, serde::Deserialize, serde::Serialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Given {
            $( $(#[doc = $doc])+ pub $key: $kind, )+
        }

        impl Default for Given {
            fn default() -> Self {
                Self { $( $key: $default, )+ }
            }
        }

        /// The section's table of keys.
        pub const SECTION: $crate::config::section::Section = $crate::config::section::Section {
            name: $name,
            about: concat!($($about),+),
            keys: &[ $( $crate::config::section::Key {
                name: stringify!($key),
                about: concat!($($doc),+),
                kind: <$kind as $crate::config::section::Kind>::WORDS,
                is_text: <$kind as $crate::config::section::Kind>::IS_TEXT,
                is_secret: <$kind as $crate::config::section::Kind>::IS_SECRET,
                example: $crate::config::section::first(&[$($example)?]),
            }, )+ ],
        };
    };
}
pub(crate) use section;

/// The first of a list that has one member or none.
#[must_use]
pub const fn first(of: &[&'static str]) -> Option<&'static str> {
    match of {
        [one, ..] => Some(one),
        [] => None,
    }
}
