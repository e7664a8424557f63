//! Compact JWS taken apart and verified.
//!
//! Not here: making one ([`crate::SigningKey::sign`]).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::{VerifyingKey, strict};

/// Longer tokens are refused before anything is decoded.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Header members that would make a verifier fetch or trust a key of the sender's choice, or understand
/// extensions that nobody here knows (RFC 7515 §4.1.11; RFC 8725 §3.10).
const REFUSED_MEMBERS: [&str; 8] = ["crit", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "zip"];

/// A token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Longer than [`MAX_TOKEN_BYTES`].
    #[error("token too long")]
    TooLong,
    /// No compact JWS, or its header is no plain object with each member once.
    #[error("malformed token")]
    Malformed,
    /// The header holds a member that is never accepted.
    #[error("header member not accepted")]
    RefusedMember,
    /// The header names another algorithm than the key's (`none` too).
    #[error("wrong algorithm")]
    WrongAlgorithm,
    /// The header names another key.
    #[error("wrong key")]
    WrongKey,
    /// The token is of another type.
    #[error("wrong type of token")]
    WrongType,
    /// The signature is not the key's.
    #[error("wrong signature")]
    WrongSignature,
}

/// A token whose header was read so that the right key can be found. Nothing of it is believed yet.
#[derive(Debug)]
pub struct Unverified<'t> {
    message: &'t str,
    payload: &'t str,
    signature: Vec<u8>,
    header: Map<String, Value>,
}

impl<'t> Unverified<'t> {
    /// Takes a compact JWS apart.
    ///
    /// # Errors
    /// It is too long or malformed, or its header holds what is never accepted.
    pub fn parse(token: &'t str) -> Result<Self, JwsError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(JwsError::TooLong);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(JwsError::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(JwsError::Malformed)?;
        if payload.contains('.') {
            return Err(JwsError::Malformed);
        }
        let header = decode(header).and_then(|bytes| strict::object(&bytes)).ok_or(JwsError::Malformed)?;
        // `b64` (RFC 7797) is refused with `crit`, without which it may not stand.
        if REFUSED_MEMBERS.iter().any(|name| header.contains_key(*name)) || header.contains_key("b64") {
            return Err(JwsError::RefusedMember);
        }
        let signature = decode(signature).ok_or(JwsError::Malformed)?;
        Ok(Self { message, payload, signature, header })
    }

    /// The key it says it was signed with.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.header.get("kid").and_then(Value::as_str)
    }

    /// Verifies with this key and answers the payload.
    ///
    /// # Errors
    /// The header disagrees with key or type, or the signature is not the key's.
    pub fn verify(&self, key: &VerifyingKey, typ: &str) -> Result<Vec<u8>, JwsError> {
        if self.header.get("alg").and_then(Value::as_str) != Some(key.alg().as_str()) {
            return Err(JwsError::WrongAlgorithm);
        }
        if self.header.get("kid").is_some_and(|kid| kid.as_str() != Some(key.kid())) {
            return Err(JwsError::WrongKey);
        }
        if !self.header.get("typ").and_then(Value::as_str).is_some_and(|said| is_type(said, typ)) {
            return Err(JwsError::WrongType);
        }
        let payload = decode(self.payload).ok_or(JwsError::Malformed)?;
        key.check(self.message.as_bytes(), &self.signature)?;
        Ok(payload)
    }
}

/// Media types compare without case, and `application/` may be left out (RFC 7515 §4.1.9).
fn is_type(said: &str, wanted: &str) -> bool {
    let bare =
        said.get(..12).filter(|p| p.eq_ignore_ascii_case("application/")).map_or(said, |_| &said[12..]);
    bare.eq_ignore_ascii_case(wanted)
}

/// Base64url without padding, in its one canonical form.
fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests;
