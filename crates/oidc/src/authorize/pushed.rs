//! Requests that were pushed (RFC 9126).
//!
//! Owns: the form of their `request_uri`, and what may not be pushed. Not here: keeping them (`provider`).

use std::time::Duration;

use domain::Client;

use super::asked::Asked;
use crate::{OAuthError, Params};

/// What the `request_uri` of a pushed request begins with (RFC 9126 §2.2).
const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
/// 256 bits as base64url.
const ID_CHARS: usize = 43;

/// How long a pushed request may be begun with (`expires_in`).
pub const PUSHED_LIFE: Duration = Duration::from_secs(60);

/// The `request_uri` of a request kept under this id.
#[must_use]
pub fn request_uri(id: &str) -> String {
    format!("{PREFIX}{id}")
}

/// Whether this is the `request_uri` of a pushed request at all.
pub(super) fn is_pushed(uri: &str) -> bool {
    // The prefix of a URN is compared without case (RFC 8141 §3.1); ours is written in one way only.
    uri.get(..4).is_some_and(|urn| urn.eq_ignore_ascii_case("urn:"))
}

/// The id in such a `request_uri`, if it is well formed.
pub(super) fn id_of(uri: &str) -> Option<&str> {
    let id = uri.strip_prefix(PREFIX)?;
    let is_id =
        id.len() == ID_CHARS && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    is_id.then_some(id)
}

impl Asked {
    /// A request pushed by this client (RFC 9126 §2.1). It may leave out `client_id`, since it authenticated.
    ///
    /// # Errors
    /// `invalid_request`: `request_uri` is pushed, something comes twice, or `client_id` is another.
    pub fn pushed_by(client: &Client, params: Params) -> Result<Self, OAuthError> {
        if params.has_repeated_but("resource") {
            return Err(super::checks::TWICE);
        }
        if params.get("request_uri").is_some() {
            return Err(OAuthError::invalid_request("request_uri cannot be pushed"));
        }
        match params.get("client_id") {
            Some(id) if id == client.id.as_str() => Ok(Self::new(params)),
            Some(_) => Err(OAuthError::invalid_request("client_id is not the client that authenticated")),
            None => Ok(Self::new(params.plus("client_id", client.id.as_str()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::client;
    use super::*;

    #[test]
    fn sec_128_an_id_is_256_bits_in_one_spelling() {
        let id = "a".repeat(43);
        assert_eq!(id_of(&request_uri(&id)), Some(id.as_str()));
        for bad in [
            "",
            PREFIX,
            "https://shop.example/r",
            &request_uri(&"a".repeat(42)),
            &request_uri(&"a".repeat(44)),
            &request_uri(&format!("{}=", "a".repeat(42))),
            &request_uri(&id).to_uppercase(),
        ] {
            assert_eq!(id_of(bad), None, "{bad}");
        }
        assert!(is_pushed("URN:x") && !is_pushed("https://x") && !is_pushed("ü"));
    }

    #[test]
    fn sec_128_what_is_pushed_is_the_clients_own_and_no_reference() {
        let push = |fields: &[(&str, &str)]| Asked::pushed_by(&client(), fields.iter().copied().collect());
        assert_eq!(push(&[("scope", "openid")]).unwrap().client_id().unwrap(), client().id);
        assert!(push(&[("client_id", "shop"), ("resource", "a"), ("resource", "b")]).is_ok());
        for bad in [
            &[("client_id", "other")][..],
            &[("request_uri", "https://shop.example/r")],
            &[("request_uri", &request_uri(&"a".repeat(43)))],
            &[("scope", "a"), ("scope", "a")],
        ] {
            assert!(push(bad).is_err(), "{bad:?}");
        }
    }
}
