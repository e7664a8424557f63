//! Query strings and forms.
//!
//! Owns: strict parsing of `application/x-www-form-urlencoded`: a repeated name, more than 100 fields, a
//! value of more than 8 kB or bytes that are not UTF-8 are refused (RFC 6749 §3.1, SEC-107, SEC-218).

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpRequest};

use crate::refused::Refused;

/// The most fields one request may have.
pub const MOST_FIELDS: usize = 100;
/// The longest value in bytes. A passkey's answer is about 1 kB.
pub const LONGEST_VALUE: usize = 8 * 1024;
/// The largest body in bytes.
pub const LARGEST_BODY: usize = 64 * 1024;

/// Named texts, each name once.
#[derive(Default, Clone, PartialEq, Eq)]
pub struct Params(Vec<(String, String)>);

/// Why a query or form is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadParams {
    /// A name occurs twice.
    #[error("a parameter is given twice")]
    Repeated,
    /// More than [`MOST_FIELDS`].
    #[error("too many parameters")]
    TooMany,
    /// A value longer than [`LONGEST_VALUE`], or a name longer than 100 bytes.
    #[error("a parameter is too long")]
    TooLong,
    /// Percent encoding or UTF-8 is wrong, or there is a NUL.
    #[error("a parameter is not properly encoded")]
    Encoding,
    /// The body is no form.
    #[error("the body must be application/x-www-form-urlencoded")]
    NotAForm,
    /// The body is larger than [`LARGEST_BODY`].
    #[error("the body is too large")]
    BodyTooLarge,
    /// The body ended early.
    #[error("the body could not be read")]
    Unreadable,
}

impl Params {
    /// Parses a query string or a form's body.
    pub fn parse(text: &[u8]) -> Result<Self, BadParams> {
        Self::parse_many(text, None).map(|(params, _)| params)
    }

    /// The same, where one name may come several times: its values, and all else.
    fn parse_many(text: &[u8], many: Option<&str>) -> Result<(Self, Vec<String>), BadParams> {
        let mut fields: Vec<(String, String)> = Vec::new();
        let mut values = Vec::new();
        for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            if fields.len() + values.len() == MOST_FIELDS {
                return Err(BadParams::TooMany);
            }
            let at = pair.iter().position(|byte| *byte == b'=');
            let (name, value) = at.map_or((pair, &[][..]), |at| (&pair[..at], &pair[at + 1..]));
            // Encoding can make three bytes of one; nothing longer can be short enough once decoded.
            if name.len() > 300 || value.len() > 3 * LONGEST_VALUE {
                return Err(BadParams::TooLong);
            }
            let (name, value) = (decode(name)?, decode(value)?);
            if name.len() > 100 || value.len() > LONGEST_VALUE {
                return Err(BadParams::TooLong);
            }
            if many == Some(name.as_str()) {
                values.push(value);
                continue;
            }
            if fields.iter().any(|(other, _)| *other == name) {
                return Err(BadParams::Repeated);
            }
            fields.push((name, value));
        }
        Ok((Self(fields), values))
    }

    /// The value of a parameter. One sent without a value counts as not sent (RFC 6749 §3.1).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(other, value)| other == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// The value, or nothing as an empty text.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// Takes the value out.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(other, value)| other == name && !value.is_empty())?;
        Some(self.0.swap_remove(at).1)
    }

    /// All pairs as sent, empty values too.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// All pairs as sent.
    #[must_use]
    pub fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }

    /// Whether nothing was sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Names only: values may be secrets.
impl std::fmt::Debug for Params {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

fn decode(text: &[u8]) -> Result<String, BadParams> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digit = |byte: Option<u8>| {
                    byte.and_then(|b| char::from(b).to_digit(16)).and_then(|d| u8::try_from(d).ok())
                };
                let high = digit(rest.next()).ok_or(BadParams::Encoding)?;
                let low = digit(rest.next()).ok_or(BadParams::Encoding)?;
                bytes.push(high * 16 + low);
            }
            other => bytes.push(other),
        }
    }
    if bytes.contains(&0) {
        return Err(BadParams::Encoding);
    }
    String::from_utf8(bytes).map_err(|_| BadParams::Encoding)
}

/// The query string, parsed. As an argument of a handler it refuses with 400; `Result<Query, BadParams>`
/// hands the refusal to the handler.
#[derive(Debug)]
pub struct Query(pub Params);

/// The form in the body, parsed. `Result<Form, BadParams>` hands the refusal to the handler.
#[derive(Debug)]
pub struct Form(pub Params);

impl FromRequest for Query {
    type Error = BadParams;
    type Future = std::future::Ready<Result<Self, BadParams>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(Params::parse(req.query_string().as_bytes()).map(Self))
    }
}

impl FromRequest for Form {
    type Error = BadParams;
    type Future = Pin<Box<dyn Future<Output = Result<Self, BadParams>>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = body(req, payload);
        Box::pin(async move { Params::parse(&body.await?).map(Self) })
    }
}

/// A form of boxes to tick: the field `scope` comes once for each that was ticked. Everything else in it comes once.
#[derive(Debug)]
pub struct ManyForm {
    /// All other fields.
    pub params: Params,
    /// What was ticked.
    pub many: Vec<String>,
}

impl FromRequest for ManyForm {
    type Error = BadParams;
    type Future = Pin<Box<dyn Future<Output = Result<Self, BadParams>>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = body(req, payload);
        Box::pin(async move {
            let (params, many) = Params::parse_many(&body.await?, Some("scope"))?;
            Ok(Self { params, many })
        })
    }
}

/// The body of a form.
fn body(
    req: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<actix_web::web::Bytes, BadParams>> + use<> {
    let is_form = req
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.split(';').next())
        .is_some_and(|v| v.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"));
    let payload = is_form.then(|| payload.take());
    async move {
        let payload = payload.ok_or(BadParams::NotAForm)?;
        actix_web::body::to_bytes_limited(actix_web::body::BodyStream::new(payload), LARGEST_BODY)
            .await
            .map_err(|_| BadParams::BodyTooLarge)?
            .map_err(|_| BadParams::Unreadable)
    }
}

impl actix_web::ResponseError for BadParams {
    fn status_code(&self) -> actix_web::http::StatusCode {
        Refused::from(*self).status
    }

    fn error_response(&self) -> actix_web::HttpResponse {
        actix_web::HttpResponse::new(self.status_code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded() {
        let params = Params::parse(b"a=1&b=x+y%20z&c=%C3%A9&d&e=").unwrap();
        assert_eq!(
            (params.get("a"), params.get("b"), params.get("c")),
            (Some("1"), Some("x y z"), Some("é"))
        );
        assert_eq!((params.get("d"), params.get("e"), params.get("f")), (None, None, None));
        assert_eq!(params.iter().count(), 5);
    }

    #[test]
    fn sec_107_a_repeated_name_is_refused() {
        for text in ["a=1&a=1", "a=1&a=2", "a=1&%61=2", "a&a"] {
            assert_eq!(Params::parse(text.as_bytes()), Err(BadParams::Repeated), "{text}");
        }
    }

    #[test]
    fn sec_107_one_name_may_come_again_where_boxes_are_ticked() {
        let (params, many) = Params::parse_many(b"a=1&scope=x+y&scope=z&b=2", Some("scope")).unwrap();
        assert_eq!((params.get("a"), params.get("b"), params.get("scope")), (Some("1"), Some("2"), None));
        assert_eq!(many, ["x y", "z"]);
        let again = Params::parse_many(b"scope=1&a=1&a=1", Some("scope"));
        assert_eq!(again, Err(BadParams::Repeated));
        let many = vec!["scope=1"; MOST_FIELDS + 1].join("&");
        assert_eq!(Params::parse_many(many.as_bytes(), Some("scope")), Err(BadParams::TooMany));
    }

    #[test]
    fn sec_107_ill_encoded_values_are_refused() {
        for text in ["a=%", "a=%2", "a=%zz", "a=%ff", "a=%00", "%c3=1"] {
            assert_eq!(Params::parse(text.as_bytes()), Err(BadParams::Encoding), "{text}");
        }
    }

    #[test]
    fn sec_218_fields_and_lengths_are_bounded() {
        let many: Vec<String> = (0..=MOST_FIELDS).map(|n| format!("p{n}=1")).collect();
        assert_eq!(Params::parse(many.join("&").as_bytes()), Err(BadParams::TooMany));
        assert!(Params::parse(many[1..].join("&").as_bytes()).is_ok());
        let long = format!("a={}", "x".repeat(LONGEST_VALUE + 1));
        assert_eq!(Params::parse(long.as_bytes()), Err(BadParams::TooLong));
        let most = format!("a={}", "%20".repeat(LONGEST_VALUE));
        assert!(Params::parse(most.as_bytes()).is_ok());
    }

    #[test]
    fn a_debug_print_shows_no_values() {
        let shown = format!("{:?}", Params::parse(b"password=hunter2").unwrap());
        assert!(!shown.contains("hunter2") && shown.contains("password"));
    }
}
