//! Groups of people.
//!
//! Owns: the group and how its name is compared. Not here: who is in it (`store::people`), what its roles allow
//! (`role`).

use unicode_normalization::UnicodeNormalization as _;

use crate::text::{BadText, plain_line};
use crate::{GroupId, Overrides, Roles, Timestamp};

/// A group's name as it is shown, and the form in which it is compared: NFKC, lower case, single blanks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GroupName {
    written: String,
    key: String,
}

impl GroupName {
    /// Takes one plain line of at most 100 characters.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, BadText> {
        let written = plain_line(text, 100)?;
        let folded: String = written.nfkc().flat_map(char::to_lowercase).nfkc().collect();
        let key = folded.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(Self { written, key })
    }

    /// As it is shown.
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

/// A group of people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Unique by its key. Members have it in the claim `groups`.
    pub name: GroupName,
    /// One plain line, or nothing.
    pub description: String,
    /// What its members may do as administrators.
    pub roles: Roles,
    /// What it wants for its members in place of the policies.
    pub overrides: Overrides,
    /// Rises with each change.
    pub version: u32,
    /// Made.
    pub created_at: Timestamp,
    /// Last changed.
    pub changed_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_group_one_name_in_every_spelling() {
        let name = |text: &str| GroupName::parse(text).unwrap();
        assert_eq!(name("Field Staff").key(), name(" ｆield   staff ").key());
        assert_eq!(name(" Field Staff ").as_str(), "Field Staff");
        for bad in ["", " ", "a\u{202E}b", "a\nb", &"x".repeat(101)] {
            assert!(GroupName::parse(bad).is_err(), "{bad:?}");
        }
    }
}
