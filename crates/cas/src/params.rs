//! Parameters as they arrive: `application/x-www-form-urlencoded` in a query or a body.
//!
//! Owns: limits. Not here: what a parameter means. Of a repeated one the first counts (§15.1).

use std::fmt;

use domain::form::{BadForm, decode};
use zeroize::Zeroize as _;

/// Longest decoded value in bytes.
pub const MAX_VALUE: usize = 8 * 1024;
const MAX_NAME: usize = 128;
const MAX_COUNT: usize = 100;

/// Decoded parameters in order of arrival. Wiped when dropped, as a password may be among them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Params {
    pairs: Vec<(String, String)>,
}

/// The text is no acceptable list of parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadParams {
    /// A broken percent sequence, bytes that are not UTF-8, or NUL.
    #[error("a parameter is not correctly encoded")]
    Encoding,
    /// A value of more than 8 kB, or a name of more than 128 bytes.
    #[error("a parameter is too long")]
    TooLong,
    /// More than 100 parameters.
    #[error("there are too many parameters")]
    TooMany,
}

impl From<BadForm> for BadParams {
    fn from(bad: BadForm) -> Self {
        match bad {
            BadForm::Encoding => Self::Encoding,
            BadForm::TooLong => Self::TooLong,
        }
    }
}

impl Params {
    /// Reads parameters from a query (without `?`) or a form body.
    ///
    /// # Errors
    /// See [`BadParams`].
    pub fn parse(text: &[u8]) -> Result<Self, BadParams> {
        let mut all = Self::default();
        for part in text.split(|b| *b == b'&').filter(|part| !part.is_empty()) {
            if all.pairs.len() == MAX_COUNT {
                return Err(BadParams::TooMany);
            }
            let mut sides = part.splitn(2, |b| *b == b'=');
            let name = decode(sides.next().unwrap_or_default(), MAX_NAME)?;
            all.pairs.push((name, decode(sides.next().unwrap_or_default(), MAX_VALUE)?));
        }
        Ok(all)
    }

    /// The first value of a parameter. An empty one counts as absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.first(name).filter(|value| !value.is_empty())
    }

    /// The first value of a parameter, also an empty one.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// How often a parameter came.
    #[must_use]
    pub fn count(&self, name: &str) -> usize {
        self.pairs.iter().filter(|(n, _)| n == name).count()
    }

    /// Whether a switch such as `renew` is set: `true` in any case, or there without a value, as older clients
    /// send it (§13.1).
    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        self.first(name).is_some_and(|value| value.is_empty() || value.eq_ignore_ascii_case("true"))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Params {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self { pairs: pairs.into_iter().map(|(n, v)| (n.into(), v.into())).collect() }
    }
}

impl Drop for Params {
    fn drop(&mut self) {
        for (_, value) in &mut self.pairs {
            value.zeroize();
        }
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.pairs.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_may_come_encoded_or_not_and_the_first_counts() {
        for query in [
            "service=https%3A%2F%2Fa.example%2Fx%3Fy%3D1",
            "service=https://a.example/x?y=1&service=https://b.example/",
        ] {
            let params = Params::parse(query.as_bytes()).unwrap();
            assert_eq!(params.get("service"), Some("https://a.example/x?y=1"), "{query}");
        }
        assert_eq!(Params::parse(b"a=1&a=2").unwrap().count("a"), 2);
    }

    #[test]
    fn switches_are_true_or_empty() {
        for (query, set) in [
            ("renew=true", true),
            ("renew=TRUE", true),
            ("renew", true),
            ("renew=", true),
            ("renew=false", false),
            ("renew=1", false),
            ("", false),
        ] {
            assert_eq!(Params::parse(query.as_bytes()).unwrap().is_set("renew"), set, "{query}");
        }
    }

    #[test]
    fn bad_encoding_and_size_are_refused() {
        for bad in ["a=%", "a=%4", "a=%zz", "a=%ff", "a=%00", "%C3=1"] {
            assert_eq!(Params::parse(bad.as_bytes()), Err(BadParams::Encoding), "{bad}");
        }
        let long = format!("a={}", "x".repeat(MAX_VALUE + 1));
        assert_eq!(Params::parse(long.as_bytes()), Err(BadParams::TooLong));
        assert_eq!(Params::parse("a=1&".repeat(101).as_bytes()), Err(BadParams::TooMany));
    }

    #[test]
    fn values_are_not_printed() {
        let params = Params::parse(b"username=ada&password=Mellon").unwrap();
        assert_eq!(format!("{params:?}"), r#"["username", "password"]"#);
    }
}
