//! People's accounts.
//!
//! Owns: the account, its states, and how a user name is folded so that one person has one name.
//! Not here: passwords and passkeys (`credential`), phones (`device`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

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
}

impl FromStr for Username {
    type Err = NotAUsername;

    fn from_str(text: &str) -> Result<Self, NotAUsername> {
        let written: String = text.trim().nfc().collect();
        let count = written.chars().count();
        if count == 0 || count > 128 || written.chars().any(|c| !is_plain(c) || c.is_whitespace()) {
            return Err(NotAUsername);
        }
        let key: String = written.nfkc().flat_map(char::to_lowercase).nfkc().collect();
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
    fn a_user_name_has_no_blanks_or_controls() {
        for bad in ["", "a b", "a\u{0}", "a\u{202E}b", &"x".repeat(129)] {
            assert!(bad.parse::<Username>().is_err(), "{bad:?}");
        }
    }
}
