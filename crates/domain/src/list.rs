//! Lists that are looked at page by page.
//!
//! Owns: the cursor. Not here: what is listed, filtered and sorted (each subject's port).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// Where a page ended: the value that the list is sorted by, and the id that tells equal ones apart. Written as
/// opaque text; it gives no right to anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// What the list is sorted by, of the last row: a text, or a number in decimal digits.
    pub key: String,
    /// The last row's id.
    pub id: String,
}

/// The text is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this list")]
pub struct NotACursor;

/// A longer text is no cursor.
const LONGEST: usize = 1024;

impl Cursor {
    /// As it stands in an address.
    #[must_use]
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}\u{0}{}", self.id, self.key))
    }

    /// Reads it.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, NotACursor> {
        if text.len() > LONGEST {
            return Err(NotACursor);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NotACursor)?;
        let text = String::from_utf8(bytes).map_err(|_| NotACursor)?;
        let (id, key) = text.split_once('\u{0}').ok_or(NotACursor)?;
        Ok(Self { key: key.to_owned(), id: id.to_owned() })
    }

    /// The key as a number, for lists that are sorted by one.
    ///
    /// # Errors
    /// It is none.
    pub fn number(&self) -> Result<i64, NotACursor> {
        self.key.parse().map_err(|_| NotACursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text_and_nothing_else_is_one() {
        for key in ["", "ada", "17", "a\u{1F600}b"] {
            let cursor = Cursor { key: key.to_owned(), id: "acc_x".to_owned() };
            assert_eq!(Cursor::parse(&cursor.to_text()), Ok(cursor));
        }
        for bad in ["", "!", "YQ", &"A".repeat(2000)] {
            assert_eq!(Cursor::parse(bad), Err(NotACursor), "{bad}");
        }
        assert!(Cursor { key: "x".to_owned(), id: String::new() }.number().is_err());
    }
}
