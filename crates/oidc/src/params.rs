//! Parameters as they arrive: `application/x-www-form-urlencoded` in a query or a body.
//!
//! Owns: limits, and knowing which names came twice (SEC-107). Not here: what a parameter
//! means.

use domain::form::{BadForm, decode, percent_encode};

/// Longest decoded value in bytes (SEC-107).
pub const MAX_VALUE: usize = 8 * 1024;
/// Longest authorization code: it is ours, and a `nonce` of [`MAX_VALUE`] is sealed in it (SEC-137).
pub const MAX_CODE: usize = 16 * 1024;
const MAX_NAME: usize = 128;
const MAX_COUNT: usize = 100;

/// Decoded parameters in order of arrival.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params {
    pairs: Vec<(String, String)>,
}

/// The text is no acceptable list of parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadParams {
    /// A broken percent sequence, bytes that are not UTF-8, or NUL.
    #[error("a parameter is not correctly encoded")]
    Encoding,
    /// A value of more than 8 kB (a code of more than 16 kB), or a name of more than 128 bytes.
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
        let mut pairs = Vec::new();
        for part in text.split(|b| *b == b'&').filter(|part| !part.is_empty()) {
            if pairs.len() == MAX_COUNT {
                return Err(BadParams::TooMany);
            }
            let (name, value) = match part.iter().position(|b| *b == b'=') {
                Some(at) => (&part[..at], &part[at + 1..]),
                None => (part, &[][..]),
            };
            let name = decode(name, MAX_NAME)?;
            let max = if name == "code" { MAX_CODE } else { MAX_VALUE };
            pairs.push((name, decode(value, max)?));
        }
        Ok(Self { pairs })
    }

    /// The value of a parameter. An empty one counts as absent (RFC 6749 §3.1); of a repeated one it is
    /// the first.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
    }

    /// Whether a parameter came more than once.
    #[must_use]
    pub fn is_repeated(&self, name: &str) -> bool {
        self.pairs.iter().filter(|(n, _)| n == name).count() > 1
    }

    /// Whether any parameter came more than once.
    #[must_use]
    pub fn has_repeated(&self) -> bool {
        self.pairs.iter().enumerate().any(|(at, (name, _))| self.pairs[..at].iter().any(|(n, _)| n == name))
    }

    /// The same, but this one may.
    #[must_use]
    pub fn has_repeated_but(&self, may: &str) -> bool {
        let twice = |(at, (name, _)): (usize, &(String, String))| {
            name != may && self.pairs[..at].iter().any(|(n, _)| n == name)
        };
        self.pairs.iter().enumerate().any(twice)
    }

    /// All values of a parameter, in order; empty ones count as absent.
    pub fn all<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p str> {
        self.pairs.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
    }

    /// Only those of these names.
    #[must_use]
    pub fn only(mut self, names: &[&str]) -> Self {
        self.pairs.retain(|(name, _)| names.contains(&name.as_str()));
        self
    }

    /// The same with one more.
    #[must_use]
    pub fn plus(mut self, name: &str, value: &str) -> Self {
        self.pairs.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The same parameters as a query, in the same order, repeated ones included.
    #[must_use]
    pub fn to_query(&self) -> String {
        let mut query = String::with_capacity(self.pairs.iter().map(|(n, v)| n.len() + v.len() + 8).sum());
        for (name, value) in &self.pairs {
            if !query.is_empty() {
                query.push('&');
            }
            percent_encode(name, &mut query);
            query.push('=');
            percent_encode(value, &mut query);
        }
        query
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Params {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self { pairs: pairs.into_iter().map(|(n, v)| (n.into(), v.into())).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_107_ill_encoded_and_oversized_parameters_are_refused() {
        for bad in ["a=%", "a=%4", "a=%zz", "a=%ff", "a=%00", "%C3=1", "a=%C3%28"] {
            assert_eq!(Params::parse(bad.as_bytes()), Err(BadParams::Encoding), "{bad}");
        }
        let long = format!("state={}", "x".repeat(MAX_VALUE));
        assert!(Params::parse(long.as_bytes()).is_ok());
        assert_eq!(Params::parse(format!("{long}x").as_bytes()), Err(BadParams::TooLong));
        let code = format!("code={}", "x".repeat(MAX_CODE));
        assert!(
            Params::parse(code.as_bytes()).is_ok() && Params::parse(format!("{code}x").as_bytes()).is_err()
        );
        assert_eq!(Params::parse("a=1&".repeat(101).as_bytes()), Err(BadParams::TooMany));
    }

    #[test]
    fn sec_107_repeated_names_are_noticed_also_when_equal_or_empty() {
        assert!(Params::parse(b"a=1&b=2&a=1").unwrap().has_repeated());
        assert!(Params::parse(b"a=&a=1").unwrap().is_repeated("a"));
        assert!(!Params::parse(b"a=1&b=1").unwrap().has_repeated());
    }

    #[test]
    fn empty_counts_as_absent() {
        let params = Params::parse(b"state=&nonce&&x=1").unwrap();
        assert_eq!((params.get("state"), params.get("nonce"), params.get("x")), (None, None, Some("1")));
    }

    #[test]
    fn sec_137_values_survive_a_query_byte_for_byte() {
        let odd = "a+b %2B&=#\"<ü>\u{1F511}~";
        let params: Params = [("state", odd), ("x", "1")].into_iter().collect();
        let query = params.to_query();
        assert!(query.is_ascii() && !query.contains('+'));
        assert_eq!(Params::parse(query.as_bytes()).unwrap(), params);
    }
}
