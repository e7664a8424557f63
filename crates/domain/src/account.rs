//! People's accounts.
//!
//! Owns: the account, its states, and how a user name is folded so that one person has one name.
//! Not here: passwords and passkeys (`credential`), phones (`device`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_security::{MixedScript as _, confusable_detection};

use crate::text::is_plain;
use crate::{AccountId, Roles, Timestamp};

/// A user name as its owner writes it, and the form in which it is compared: NFKC, lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Username {
    written: String,
    key: String,
}

/// The text is no user name: 1 to 128 plain characters without white space at the ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a user name has 1 to 128 plain characters and no white space")]
pub struct NotAUsername;

impl Username {
    /// As its owner writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The form that is compared and unique.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What it looks like: two names with one skeleton can be taken for one another (UTS 39 §4).
    #[must_use]
    pub fn skeleton(&self) -> String {
        // Once more: what is looked like may itself look like something, and capitals appear among the prototypes.
        let once: String = confusable_detection::skeleton(&self.key).collect();
        confusable_detection::skeleton(&folded(&once)).collect()
    }

    /// Whether its letters are of one script, or of scripts that are written together (UTS 39 §5.1). What is new
    /// has to be; what was kept earlier need not.
    #[must_use]
    pub fn is_of_one_script(&self) -> bool {
        self.key.as_str().is_single_script()
    }
}

fn folded(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).nfkc().collect()
}

/// Bytes of a folded user name at most: an index of PostgreSQL takes no longer ones.
const LONGEST_KEY: usize = 512;
/// Characters kept for the search of one account.
const LONGEST_SEARCH: usize = 400;

/// A text to search for, folded as [`Account::search_text`] is.
#[must_use]
pub fn search_key(text: &str) -> String {
    folded(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

impl FromStr for Username {
    type Err = NotAUsername;

    fn from_str(text: &str) -> Result<Self, NotAUsername> {
        let written: String = text.trim().nfc().collect();
        let count = written.chars().count();
        if count == 0 || count > 128 || written.chars().any(|c| !is_plain(c) || c.is_whitespace()) {
            return Err(NotAUsername);
        }
        let key = folded(&written);
        if key.len() > LONGEST_KEY {
            return Err(NotAUsername);
        }
        Ok(Self { written, key })
    }
}
impl TryFrom<String> for Username {
    type Error = NotAUsername;
    fn try_from(text: String) -> Result<Self, NotAUsername> {
        text.parse()
    }
}
impl From<Username> for String {
    fn from(name: Username) -> Self {
        name.written
    }
}
impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// Whether the account may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// May sign in.
    Active,
    /// May not: every flow refuses it, also at approval and redeem (SEC-036).
    Disabled,
}

impl AccountState {
    /// The word kept and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }
}

/// A person's account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Also the public subject (`sub`), never reassigned (SEC-127).
    pub id: AccountId,
    /// Unique by its key.
    pub username: Username,
    /// Whether it may sign in.
    pub state: AccountState,
    /// Claims of OpenID Connect Core §5.1 (and others), by claim name; never protocol claims such as
    /// `sub` or `iss`. `email` and `email_verified` live here too.
    pub claims: serde_json::Map<String, serde_json::Value>,
    /// The WebAuthn user handle: random, tells nothing (WebAuthn §14.6.1). 16 bytes of a UUID v4.
    pub webauthn_handle: [u8; 16],
    /// What it may do as an administrator: its own roles and those of its groups together.
    pub roles: Roles,
    /// The names of its groups, in their order.
    pub groups: Vec<String>,
    /// The language of what is sent to its owner: a tag of BCP 47 that the themes have, `de`.
    pub language: Option<String>,
    /// Made.
    pub created_at: Timestamp,
    /// Last changed by anybody (`updated_at` of OpenID Connect Core §5.1).
    pub updated_at: Timestamp,
}

impl Account {
    /// Whether it may sign in.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.state == AccountState::Active
    }

    /// What an administrator finds it by: user name, name and mail address, folded, a line each.
    #[must_use]
    pub fn search_text(&self) -> String {
        let mut text = self.username.key().to_owned();
        for claim in ["email", "name", "given_name", "family_name"] {
            if let Some(value) = self.claims.get(claim).and_then(serde_json::Value::as_str) {
                let value = search_key(value);
                if !text.contains(&value) {
                    text.push('\n');
                    text.push_str(&value);
                }
            }
        }
        text.chars().take(LONGEST_SEARCH).collect()
    }

    /// What to call the person: the claim `name`, else the user name.
    #[must_use]
    pub fn display_name(&self) -> &str {
        self.claims
            .get("name")
            .and_then(serde_json::Value::as_str)
            .filter(|name| !name.trim().is_empty())
            .unwrap_or_else(|| self.username.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_one_name_in_every_spelling() {
        let plain: Username = "Ada".parse().unwrap();
        assert_eq!(plain.key(), "ada");
        assert_eq!("ａｄａ".parse::<Username>().unwrap().key(), "ada");
        assert_eq!(" ADA ".parse::<Username>().unwrap().key(), "ada");
        assert_eq!("e\u{301}va".parse::<Username>().unwrap().key(), "éva".parse::<Username>().unwrap().key());
    }

    #[test]
    fn names_that_look_alike_have_one_skeleton() {
        let skeleton = |name: &str| name.parse::<Username>().unwrap().skeleton();
        for (one, other) in [
            ("paypal", "p\u{0430}ypal"),
            ("ada", "\u{0430}d\u{0430}"),
            ("user1", "userl"),
            ("user0", "usero"),
            ("modern", "rnodern"),
            ("ADA", "ada"),
        ] {
            assert_eq!(skeleton(one), skeleton(other), "{one} {other}");
        }
        for (one, other) in [("ada", "eva"), ("\u{e9}va", "eva"), ("user2", "user3"), ("ada.b", "ada-b")] {
            assert_ne!(skeleton(one), skeleton(other), "{one} {other}");
        }
    }

    #[test]
    fn scripts_are_not_mixed() {
        for good in [
            "ada",
            "ada.b-7@example.org",
            "\u{0430}\u{0434}\u{0430}",
            "\u{6f22}\u{3042}\u{30a2}",
            "jos\u{e9}",
        ] {
            assert!(good.parse::<Username>().unwrap().is_of_one_script(), "{good}");
        }
        for bad in ["p\u{0430}ypal", "\u{3c9}bob", "ad\u{0430}7"] {
            assert!(!bad.parse::<Username>().unwrap().is_of_one_script(), "{bad}");
        }
    }

    #[test]
    fn a_user_name_whose_folded_form_is_too_long_is_none() {
        assert!("\u{FDFA}".repeat(60).parse::<Username>().is_err());
    }

    #[test]
    fn a_user_name_has_no_blanks_or_controls() {
        for bad in ["", "a b", "a\u{0}", "a\u{202E}b", &"x".repeat(129)] {
            assert!(bad.parse::<Username>().is_err(), "{bad:?}");
        }
    }
}
