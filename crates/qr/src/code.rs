//! The check code: what a person carries from the browser's screen to the phone (SEC-023).
//!
//! Owns: its form and its comparison. Not here: drawing it (`app::Entropy`), counting wrong ones
//! (`channel`).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::ConstantTimeEq;

/// Three decimal digits, made per claim.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CheckCode([u8; 3]);

impl CheckCode {
    /// From a number; `None` above 999.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        let digit = |n: u16| u8::try_from(n % 10).map(|d| b'0' + d).ok();
        (number < 1000).then_some(())?;
        Some(Self([digit(number / 100)?, digit(number / 10)?, digit(number)?]))
    }

    /// From exactly three ASCII digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits: [u8; 3] = text.as_bytes().try_into().ok()?;
        digits.iter().all(u8::is_ascii_digit).then_some(Self(digits))
    }

    /// The three digits, to be shown to the one browser they belong to.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.iter().copied().map(char::from).collect()
    }

    /// Whether this is what was typed; takes the same time whatever differs.
    #[must_use]
    pub fn is(&self, typed: Self) -> bool {
        self.0.ct_eq(&typed.0).into()
    }
}

impl fmt::Debug for CheckCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CheckCode(…)")
    }
}
impl Serialize for CheckCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}
impl<'de> Deserialize<'de> for CheckCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not three digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_one_text_and_only_three_digits_are_one() {
        for number in 0..1000u16 {
            let code = CheckCode::from_number(number).unwrap();
            assert_eq!(code.text(), format!("{number:03}"));
            assert_eq!(CheckCode::parse(&code.text()), Some(code));
        }
        assert_eq!(CheckCode::from_number(1000), None);
        for bad in ["", "12", "1234", "12a", " 12", "１２３", "-12", "+12"] {
            assert_eq!(CheckCode::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn only_the_same_code_is_it() {
        let code = CheckCode::parse("407").unwrap();
        assert!(code.is(CheckCode::parse("407").unwrap()));
        for other in ["408", "417", "507", "740"] {
            assert!(!code.is(CheckCode::parse(other).unwrap()));
        }
    }

    #[test]
    fn sec_024_debug_output_hides_the_code() {
        assert!(!format!("{:?}", CheckCode::parse("407").unwrap()).contains("407"));
    }
}
