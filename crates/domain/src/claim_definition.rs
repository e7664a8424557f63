//! Claims that the operator defines.
//!
//! Owns: the definition, its limits, and whether a value is one of its claim. Not here: who is told a claim
//! (`oidc::claims`), keeping definitions (`store::people`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::text::plain_line;

/// What a claim holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimKind {
    /// One line of text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A list of lines.
    TextList,
}

/// Who may set a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimEditor {
    /// Administrators.
    Admin,
    /// Also its owner, on the account page.
    Owner,
}

/// What is defined about a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimDefinition {
    /// The claim's name: `department`.
    pub name: String,
    /// What it holds.
    pub kind: ClaimKind,
    /// The scope that tells it to relying parties; none: it is told to nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// What people are shown, by language: `{"en": "Department"}`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Who may set it.
    pub edited_by: ClaimEditor,
    /// Its limits.
    #[serde(default)]
    pub limits: ClaimLimits,
}

/// Limits of a claim's values; those that do not fit its kind are not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClaimLimits {
    /// Characters of a line at most: 1 to 1000, else 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest: Option<u32>,
    /// Lines of a list at most: 1 to 100, else 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most: Option<u32>,
    /// The smallest number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    /// The largest number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
}

/// Why a definition cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field} {why}")]
pub struct NotADefinition {
    /// Which of its fields.
    pub field: &'static str,
    /// What is wrong with it.
    pub why: &'static str,
}

/// Claims that the provider makes itself; nobody can hold or define them (SEC-127, SEC-145).
pub const PROTOCOL_CLAIMS: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "nonce",
    "auth_time",
    "acr",
    "amr",
    "azp",
    "sid",
    "at_hash",
    "c_hash",
    "s_hash",
    "cnf",
    "act",
    "may_act",
    "scope",
    "client_id",
    "events",
    "updated_at",
    "typ",
    "token_use",
    "active",
    "username",
    "token_type",
];
/// Claims of OpenID Connect Core §5.1, whose kinds and scopes are given, and `groups`, which the groups give.
pub const STANDARD_CLAIMS: &[&str] = &[
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "email",
    "email_verified",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "phone_number",
    "phone_number_verified",
    "address",
    "groups",
];
/// Scopes with a meaning of their own that no custom claim may take over.
const TAKEN_SCOPES: &[&str] = &["openid", "offline_access", "groups", "admin"];

impl ClaimDefinition {
    /// Whether it can be kept.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn check(&self) -> Result<(), NotADefinition> {
        let refuse = |field, why| Err(NotADefinition { field, why });
        if !is_name(&self.name) {
            return refuse(
                "name",
                "is 1 to 64 small letters, digits and underscores, and begins with a letter",
            );
        }
        if PROTOCOL_CLAIMS.contains(&self.name.as_str()) {
            return refuse("name", "is a claim that only the provider makes, such as sub or iss");
        }
        if STANDARD_CLAIMS.contains(&self.name.as_str()) {
            return refuse("name", "is a claim of OpenID Connect, which is defined already");
        }
        if let Some(scope) = &self.scope {
            if !is_scope(scope) {
                return refuse("scope", "is 1 to 64 letters, digits and - _ . : /");
            }
            if TAKEN_SCOPES.contains(&scope.as_str()) || scope.starts_with("admin:") {
                return refuse("scope", "has a meaning of its own");
            }
        }
        let is_label = |(language, label): (&String, &String)| {
            (2..=35).contains(&language.len())
                && language.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && plain_line(label, 80).is_ok()
        };
        if self.labels.len() > 40 || !self.labels.iter().all(is_label) {
            return refuse(
                "labels",
                "has one plain line of at most 80 characters per language, as {\"en\": \"…\"}",
            );
        }
        self.limits.check(self.kind)
    }

    /// Whether this is a value of the claim.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check_value(&self, value: &Value) -> Result<(), &'static str> {
        let longest = self.limits.longest.unwrap_or(200) as usize;
        let is_line = |value: &Value| value.as_str().is_some_and(|line| plain_line(line, longest).is_ok());
        match self.kind {
            ClaimKind::Text if !is_line(value) => Err("is not one plain line of text within its length"),
            ClaimKind::Boolean if !value.is_boolean() => Err("is neither true nor false"),
            ClaimKind::Number => self.limits.check_number(value),
            ClaimKind::TextList => {
                let most = self.limits.most.unwrap_or(50) as usize;
                let lines = value.as_array().filter(|lines| lines.len() <= most);
                if lines.is_some_and(|lines| lines.iter().all(is_line)) {
                    Ok(())
                } else {
                    Err("is not a list of plain lines within its lengths")
                }
            }
            ClaimKind::Text | ClaimKind::Boolean => Ok(()),
        }
    }

    /// What people are shown, in the first of these languages that it has, else English, else the name.
    #[must_use]
    pub fn label<'a>(&'a self, language: &str) -> &'a str {
        self.labels.get(language).or_else(|| self.labels.get("en")).map_or(self.name.as_str(), String::as_str)
    }
}

impl ClaimLimits {
    fn check(&self, kind: ClaimKind) -> Result<(), NotADefinition> {
        let refuse = |why| Err(NotADefinition { field: "limits", why });
        let is_text = matches!(kind, ClaimKind::Text | ClaimKind::TextList);
        if self.longest.is_some_and(|longest| !is_text || !(1..=1000).contains(&longest)) {
            return refuse("may say longest for texts alone, from 1 to 1000");
        }
        if self.most.is_some_and(|most| kind != ClaimKind::TextList || !(1..=100).contains(&most)) {
            return refuse("may say most for lists alone, from 1 to 100");
        }
        if (self.min.is_some() || self.max.is_some()) && kind != ClaimKind::Number {
            return refuse("may say min and max for numbers alone");
        }
        if let (Some(min), Some(max)) = (self.min, self.max)
            && min > max
        {
            return refuse("has a min that is larger than its max");
        }
        Ok(())
    }

    fn check_number(&self, value: &Value) -> Result<(), &'static str> {
        // As JSON's readers take numbers: up to 2^53 (RFC 8259 §6).
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let Some(number) = value.as_f64().filter(|number| number.abs() <= EXACT) else {
            return Err("is no number");
        };
        #[expect(clippy::cast_precision_loss, reason = "a limit beyond 2^53 limits nothing")]
        let (min, max) = (self.min.map(|min| min as f64), self.max.map(|max| max as f64));
        if min.is_some_and(|min| number < min) || max.is_some_and(|max| number > max) {
            return Err("is a number outside its limits");
        }
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn is_scope(scope: &str) -> bool {
    (1..=64).contains(&scope.len())
        && scope.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn definition(kind: ClaimKind) -> ClaimDefinition {
        ClaimDefinition {
            name: "department".into(),
            kind,
            scope: Some("work".into()),
            labels: BTreeMap::from([("en".into(), "Department".into()), ("de".into(), "Abteilung".into())]),
            edited_by: ClaimEditor::Admin,
            limits: ClaimLimits::default(),
        }
    }

    #[test]
    fn sec_127_protocol_claims_and_scopes_cannot_be_defined() {
        assert_eq!(definition(ClaimKind::Text).check(), Ok(()));
        for name in PROTOCOL_CLAIMS.iter().chain(STANDARD_CLAIMS).chain(&["", "A", "1a", "a b", "a-b", "é"])
        {
            let bad = ClaimDefinition { name: (*name).to_owned(), ..definition(ClaimKind::Text) };
            assert_eq!(bad.check().map_err(|why| why.field), Err("name"), "{name}");
        }
        for scope in ["openid", "offline_access", "groups", "admin", "admin:users.read", "a b", "", "a\"b"] {
            let bad = ClaimDefinition { scope: Some(scope.to_owned()), ..definition(ClaimKind::Text) };
            assert_eq!(bad.check().map_err(|why| why.field), Err("scope"), "{scope}");
        }
    }

    #[test]
    fn values_are_of_their_kind_and_within_limits() {
        let with = |kind, limits| ClaimDefinition { limits, ..definition(kind) };
        let text = with(ClaimKind::Text, ClaimLimits { longest: Some(3), ..ClaimLimits::default() });
        assert!(text.check().is_ok() && text.check_value(&json!("abc")).is_ok());
        for bad in [json!("abcd"), json!(7), json!("a\nb"), json!("a\u{202E}"), json!(""), json!(null)] {
            assert!(text.check_value(&bad).is_err(), "{bad}");
        }
        let number =
            with(ClaimKind::Number, ClaimLimits { min: Some(1), max: Some(9), ..ClaimLimits::default() });
        assert!(number.check().is_ok() && number.check_value(&json!(1.5)).is_ok());
        for bad in [json!(0), json!(10), json!("5"), json!(1e300)] {
            assert!(number.check_value(&bad).is_err(), "{bad}");
        }
        let list = with(ClaimKind::TextList, ClaimLimits { most: Some(2), ..ClaimLimits::default() });
        assert!(list.check().is_ok() && list.check_value(&json!(["a", "b"])).is_ok());
        for bad in [json!(["a", "b", "c"]), json!("a"), json!([1]), json!([["a"]])] {
            assert!(list.check_value(&bad).is_err(), "{bad}");
        }
        let flag = definition(ClaimKind::Boolean);
        assert!(flag.check_value(&json!(true)).is_ok() && flag.check_value(&json!("true")).is_err());
        for (kind, limits) in [
            (ClaimKind::Number, ClaimLimits { longest: Some(3), ..ClaimLimits::default() }),
            (ClaimKind::Text, ClaimLimits { most: Some(3), ..ClaimLimits::default() }),
            (ClaimKind::Text, ClaimLimits { min: Some(3), ..ClaimLimits::default() }),
            (ClaimKind::Number, ClaimLimits { min: Some(3), max: Some(2), ..ClaimLimits::default() }),
        ] {
            assert!(with(kind, limits).check().is_err(), "{kind:?} {limits:?}");
        }
    }

    #[test]
    fn a_claim_is_shown_in_the_readers_language() {
        let definition = definition(ClaimKind::Text);
        assert_eq!((definition.label("de"), definition.label("fr")), ("Abteilung", "Department"));
        assert_eq!(ClaimDefinition { labels: BTreeMap::new(), ..definition }.label("de"), "department");
    }
}
