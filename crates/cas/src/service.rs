//! A service: an application's address as it names itself, and the patterns that take it (§13.1, §15.1).
//!
//! Owns: what an acceptable address is, putting a ticket into it, and matching. Not here: which services there
//! are (`domain::CasService`, `tickets`).
//!
//! An address is kept byte for byte. Its scheme, host and port are never matched by a pattern but compared as
//! values, and an address that another reader could understand differently (user names, backslashes, control
//! characters, unusual spellings of hosts) is none; so nothing but the registered host is ever sent a ticket.

mod overlap;

use std::fmt;
use std::str::FromStr;

use domain::form::percent;
use regex::Regex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

use crate::Ticket;

/// Longest address and pattern in bytes.
pub const MAX_LENGTH: usize = 2048;
/// Most stars in a pattern.
const MAX_STARS: usize = 16;

/// A text is no acceptable address of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadService {
    /// Nothing, or more than 2048 bytes.
    #[error("is empty or longer than 2048 bytes")]
    Length,
    /// Neither `http://` nor `https://`.
    #[error("is neither http:// nor https://")]
    Scheme,
    /// No host in its plain spelling, a port that is none, or a user name.
    #[error("has no plain host and port")]
    Host,
    /// A control or invisible character, a line break or a backslash.
    #[error("holds a character that may not stand in an address")]
    Character,
    /// Plain http where only https will do.
    #[error("is not https")]
    NotHttps,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Origin {
    is_https: bool,
    host: String,
    port: u16,
}

/// An application's address as asked: absolute, `http` or `https`, with nothing in it that readers disagree on.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServiceUrl {
    text: String,
    origin: Origin,
    /// Where the path, the query or the fragment begins.
    rest: usize,
}

impl ServiceUrl {
    /// Reads an address, keeping it byte for byte.
    ///
    /// # Errors
    /// See [`BadService`].
    pub fn parse(text: &str) -> Result<Self, BadService> {
        let (origin, rest) = split(text)?;
        let fits = |c: char| c != '\\' && domain::text::is_plain(c);
        if !text.chars().all(fits) {
            return Err(BadService::Character);
        }
        Ok(Self { text: text.to_owned(), origin, rest })
    }

    /// The address as asked.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Host name in lower case; an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.origin.host
    }

    /// Whether it is `https`.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.origin.is_https
    }

    /// The address without `#` and what follows: what validation compares (§15.1).
    #[must_use]
    pub fn without_fragment(&self) -> &str {
        without_fragment(&self.text)
    }

    /// Whether a text names the same service: equal byte for byte, apart from fragments (§15.1).
    #[must_use]
    pub fn is_named_by(&self, text: &str) -> bool {
        without_fragment(text) == self.without_fragment()
    }

    /// Where a browser is sent: the address; what no header can hold is percent-encoded, as browsers do.
    #[must_use]
    pub fn location(&self) -> String {
        let mut out = String::with_capacity(self.text.len());
        push_encoded(&self.text, &mut out);
        out
    }

    /// The address with `ticket=…` added to its query; all that is there stays (§13.3).
    #[must_use]
    pub fn with_ticket(&self, ticket: &Ticket) -> String {
        self.with(&[("ticket", ticket.text())])
    }

    /// The address with parameters added to its query, before the fragment.
    pub(crate) fn with(&self, parameters: &[(&str, &str)]) -> String {
        let base = self.without_fragment();
        let mut out = String::with_capacity(self.text.len() + 64);
        push_encoded(base, &mut out);
        for (name, value) in parameters {
            match out.find('?') {
                None => out.push('?'),
                // Only the first begins the query; another is a part of it.
                Some(at) if at + 1 == out.len() || out.ends_with('&') => {}
                Some(_) => out.push('&'),
            }
            out.push_str(name);
            out.push('=');
            domain::form::percent_encode(value, &mut out);
        }
        push_encoded(&self.text[base.len()..], &mut out);
        out
    }

    /// Path and query as they are matched: never empty.
    fn target(&self) -> String {
        target(without_fragment(&self.text[self.rest..]))
    }
}

fn without_fragment(text: &str) -> &str {
    text.split_once('#').map_or(text, |(before, _)| before)
}

/// `http://host` and `http://host?x` mean `http://host/` and `http://host/?x`.
fn target(rest: &str) -> String {
    if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") }
}

fn push_encoded(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>') {
            out.push(char::from(byte));
        } else {
            percent(byte, out);
        }
    }
}

/// Takes an address apart: its origin, and where the rest begins.
fn split(text: &str) -> Result<(Origin, usize), BadService> {
    if text.is_empty() || text.len() > MAX_LENGTH {
        return Err(BadService::Length);
    }
    let starts = |with: &str| text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    let (is_https, start) = match (starts("https://"), starts("http://")) {
        (true, _) => (true, 8),
        (_, true) => (false, 7),
        _ => return Err(BadService::Scheme),
    };
    let rest = text[start..].find(['/', '?', '#']).map_or(text.len(), |at| start + at);
    let authority = &text[start..rest];
    let (host, port) = match authority.rfind(':').filter(|at| !authority[*at..].contains(']')) {
        Some(at) => (&authority[..at], Some(&authority[at + 1..])),
        None => (authority, None),
    };
    let host = host.to_ascii_lowercase();
    let port = match port {
        None => {
            if is_https {
                443
            } else {
                80
            }
        }
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0') => {
            digits.parse().map_err(|_| BadService::Host)?
        }
        Some(_) => return Err(BadService::Host),
    };
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    // What browsers read as the host must be what stands there: no `0x7f.1`, no `[0:0::1]`.
    let read = Url::parse(&text[..rest]).map_err(|_| BadService::Host)?;
    if host.is_empty() || !host.bytes().all(is_plain) || read.host_str() != Some(host.as_str()) {
        return Err(BadService::Host);
    }
    Ok((Origin { is_https, host, port }, rest))
}

/// A text is no acceptable pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// Without its stars it would be no address.
    #[error(transparent)]
    Address(#[from] BadService),
    /// A star in scheme, host or port.
    #[error("has a star in its host; only what follows the host may have one")]
    StarInHost,
    /// More than two stars in a row, or more than 16 in all.
    #[error("has too many stars")]
    Stars,
    /// `#` and what follows takes no part in matching.
    #[error("has a fragment")]
    Fragment,
    /// A pattern whose path has `.` or `..` or encoded slashes could match nothing.
    #[error("has dot segments or encoded slashes beside its stars")]
    Path,
}

/// Which addresses are a service. Scheme, host and port are literal. In the rest, `*` stands for any characters
/// but `/`, `?` and `#`, and `**` for any but `#`; without a star it is exact. A fragment takes no part.
///
/// A pattern with a star never takes a path with `.` or `..` as a segment or with an encoded dot, slash or
/// backslash: another reader could find another path there.
#[derive(Clone)]
pub struct ServicePattern {
    text: String,
    origin: Origin,
    rest: Rest,
}

#[derive(Clone)]
enum Rest {
    Exact(String),
    Wild(Regex),
}

impl ServicePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// See [`BadPattern`].
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        if text.contains('#') {
            return Err(BadPattern::Fragment);
        }
        let stars = text.matches('*').count();
        if stars > MAX_STARS || text.contains("***") {
            return Err(BadPattern::Stars);
        }
        // As a star cannot stand in a host, an address with a letter in its place has the same host.
        let address = match ServiceUrl::parse(text) {
            Err(BadService::Host | BadService::Scheme) if stars > 0 => return Err(BadPattern::StarInHost),
            other => other?,
        };
        let target = address.target();
        let rest = if stars == 0 {
            Rest::Exact(target)
        } else if !is_plain_path(&target) {
            return Err(BadPattern::Path);
        } else {
            // It is built from literals and two classes: it always compiles.
            Rest::Wild(Regex::new(&expression(&target)).map_err(|_| BadPattern::Stars)?)
        };
        Ok(Self { text: text.to_owned(), origin: address.origin, rest })
    }

    /// Whether this address is the service.
    #[must_use]
    pub fn matches(&self, service: &ServiceUrl) -> bool {
        self.origin == service.origin && {
            let target = service.target();
            match &self.rest {
                Rest::Exact(exact) => *exact == target,
                Rest::Wild(expression) => is_plain_path(&target) && expression.is_match(&target),
            }
        }
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether an address has the scheme, host and port of the pattern.
    #[must_use]
    pub fn is_origin_of(&self, address: &ServiceUrl) -> bool {
        self.origin == address.origin
    }

    /// Whether there is no star in it.
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        matches!(self.rest, Rest::Exact(_))
    }

    /// The one host whose addresses it takes.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.origin.host
    }

    /// Whether it takes `https` addresses.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.origin.is_https
    }
}

/// The path and query of a pattern as an anchored regular expression: linear in the address's length.
fn expression(target: &str) -> String {
    let mut out = String::from(r"\A");
    for (at, part) in target.split("**").enumerate() {
        if at > 0 {
            out.push_str("[^#]*");
        }
        for (at, literal) in part.split('*').enumerate() {
            if at > 0 {
                out.push_str("[^/?#]*");
            }
            out.push_str(&regex::escape(literal));
        }
    }
    out.push_str(r"\z");
    out
}

/// Whether nothing in the path can be read as another path: no segment of dots (also before a `;`), no encoded
/// dot, slash, backslash or NUL, encoded once or twice.
fn is_plain_path(target: &str) -> bool {
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    let is_dots = |segment: &str| {
        let name = segment.split_once(';').map_or(segment, |(name, _)| name);
        name == "." || name == ".."
    };
    let lower = path.to_ascii_lowercase();
    let is_hiding = ["2e", "2f", "5c", "00"]
        .iter()
        .any(|code| lower.contains(&format!("%{code}")) || lower.contains(&format!("%25{code}")));
    !is_hiding && !path.split('/').any(is_dots)
}

macro_rules! text {
    ($name:ident, $error:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.text)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.text)
            }
        }
        impl FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                Self::parse(text)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.text)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

text!(ServiceUrl, BadService);
text!(ServicePattern, BadPattern);

impl PartialEq for ServicePattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
impl Eq for ServicePattern {}

#[cfg(test)]
mod tests;
