//! Reading the members of a registration, one kind of value at a time.
//!
//! Owns: their JSON types and the sentence when one is of another. `null` counts as absent. Not here: what
//! they mean (`metadata`), which addresses are fit (`addresses`).

use serde_json::{Map, Value};

use super::{BadRegistration, addresses, bad};

/// The members of one registration.
pub(super) struct Members<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Members<'a> {
    pub(super) fn names(&self) -> impl Iterator<Item = &'a String> {
        self.0.keys()
    }

    pub(super) fn present(&self, member: &str) -> Option<&'a Value> {
        self.0.get(member).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, member: &'static str) -> Result<Option<&'a str>, BadRegistration> {
        self.present(member).map(|v| v.as_str().ok_or_else(|| bad(member, "must be a string"))).transpose()
    }

    /// One plain line, as it is kept and echoed.
    pub(super) fn line(&self, member: &'static str, max: usize) -> Result<Option<String>, BadRegistration> {
        let line = self.text(member)?.map(|text| domain::text::plain_line(text, max));
        line.transpose().map_err(|why| bad(member, why.to_string()))
    }

    pub(super) fn flag(&self, member: &'static str, default: bool) -> Result<bool, BadRegistration> {
        self.present(member)
            .map_or(Ok(default), |v| v.as_bool().ok_or_else(|| bad(member, "must be true or false")))
    }

    pub(super) fn texts(
        &self,
        member: &'static str,
        most: usize,
    ) -> Result<Option<Vec<&'a str>>, BadRegistration> {
        let wrong = || bad(member, "must be a list of strings");
        let Some(value) = self.present(member) else { return Ok(None) };
        let items = value.as_array().ok_or_else(wrong)?;
        if items.len() > most {
            return Err(bad(member, format!("holds more than {most} values")));
        }
        items.iter().map(Value::as_str).collect::<Option<_>>().ok_or_else(wrong).map(Some)
    }

    /// A word of a closed list.
    pub(super) fn word<T>(
        &self,
        member: &'static str,
        known: impl Fn(&str) -> Option<T>,
        all: &[&str],
    ) -> Result<Option<T>, BadRegistration> {
        let Some(text) = self.text(member)? else { return Ok(None) };
        known(text).map(Some).ok_or_else(|| bad(member, format!("must be one of {}", all.join(", "))))
    }

    /// Words of a closed list, without repeats. Unknown ones are refused, or left out for those whose registration
    /// may be narrowed (RFC 7591 §3.2.1).
    pub(super) fn words<T: PartialEq>(
        &self,
        member: &'static str,
        known: impl Fn(&str) -> Option<T>,
        all: &[&str],
        narrows: bool,
    ) -> Result<Option<Vec<T>>, BadRegistration> {
        let Some(texts) = self.texts(member, 50)? else { return Ok(None) };
        let mut words = Vec::new();
        for text in texts {
            match known(text) {
                Some(word) if !words.contains(&word) => words.push(word),
                None if !narrows => {
                    return Err(bad(member, format!("must hold only {}", all.join(", "))));
                }
                _ => {}
            }
        }
        Ok(Some(words))
    }

    pub(super) fn seconds(&self, member: &'static str) -> Result<Option<u32>, BadRegistration> {
        let wrong = || bad(member, "must be a whole number of seconds");
        let Some(value) = self.present(member) else { return Ok(None) };
        value.as_u64().and_then(|n| u32::try_from(n).ok()).ok_or_else(wrong).map(Some)
    }

    /// An https address without user name and password; a fragment only where `fragment` says so.
    pub(super) fn web_address(
        &self,
        member: &'static str,
        fragment: bool,
    ) -> Result<Option<String>, BadRegistration> {
        let Some(text) = self.text(member)? else { return Ok(None) };
        addresses::check_https(text, fragment).map_err(|why| bad(member, why))?;
        Ok(Some(text.to_owned()))
    }
}
