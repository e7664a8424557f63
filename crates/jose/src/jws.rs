//! Compact JWS taken apart and verified.
//!
//! Not here: making one ([`crate::SigningKey::sign`]).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::SigningAlg;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value};
use sha2::Sha256;

use crate::{VerifyingKey, strict};

/// Longer tokens are refused before anything is decoded.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Longer headers (in base64url) are refused: the longest of use holds an RSA key of 8192 bits.
pub(crate) const MAX_HEADER_BYTES: usize = 4 * 1024;

/// Keys of HS256 are at least as long as its hash (RFC 7518 §3.2), in bytes.
const MIN_HMAC_KEY: usize = 32;

/// Header members that would make a verifier fetch or trust a key of the sender's choice, or understand
/// extensions that nobody here knows (RFC 7515 §4.1.11; RFC 8725 §3.10).
/// `b64` (RFC 7797) may not stand without `crit`.
pub(crate) const REFUSED_MEMBERS: [&str; 9] =
    ["crit", "b64", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "zip"];

/// The types of token (`typ`, RFC 8725 §3.11) that somebody takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Types {
    /// The values that are taken; media types without `application/`, compared without case.
    pub allowed: &'static [&'static str],
    /// Whether the member may be left out.
    pub may_lack: bool,
}

impl Types {
    /// What authenticates a client (RFC 7523, and the type of draft-ietf-oauth-rfc7523bis).
    pub const CLIENT_ASSERTION: Self =
        Self { allowed: &["JWT", "client-authentication+jwt"], may_lack: true };
    /// Request objects (RFC 9101 §10.8).
    pub const REQUEST_OBJECT: Self = Self { allowed: &["JWT", "oauth-authz-req+jwt"], may_lack: true };

    /// Whether a header says one of them.
    fn take(self, header: &Map<String, Value>) -> Result<(), JwsError> {
        let fits = match header.get("typ") {
            None => self.may_lack,
            Some(said) => said.as_str().is_some_and(|said| self.allowed.iter().any(|typ| is_type(said, typ))),
        };
        if fits { Ok(()) } else { Err(JwsError::WrongType) }
    }
}

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
        Self::read(token, |name| REFUSED_MEMBERS.contains(&name))
    }

    /// The same for a token that brings its own key (RFC 9449 §4.2).
    pub(crate) fn parse_with_key(token: &'t str) -> Result<Self, JwsError> {
        Self::read(token, |name| name != "jwk" && REFUSED_MEMBERS.contains(&name))
    }

    fn read(token: &'t str, is_refused: impl Fn(&str) -> bool) -> Result<Self, JwsError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(JwsError::TooLong);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(JwsError::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(JwsError::Malformed)?;
        if payload.contains('.') {
            return Err(JwsError::Malformed);
        }
        if header.len() > MAX_HEADER_BYTES {
            return Err(JwsError::TooLong);
        }
        let header = decode(header).and_then(|bytes| strict::object(&bytes)).ok_or(JwsError::Malformed)?;
        if header.keys().any(|name| is_refused(name)) {
            return Err(JwsError::RefusedMember);
        }
        if header.get("kid").is_some_and(|kid| !kid.is_string()) {
            return Err(JwsError::Malformed);
        }
        let signature = decode(signature).ok_or(JwsError::Malformed)?;
        Ok(Self { message, payload, signature, header })
    }

    /// The key it says it was signed with.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.header.get("kid").and_then(Value::as_str)
    }

    /// The algorithm it says it was signed with.
    #[must_use]
    pub fn alg(&self) -> Option<&str> {
        self.header.get("alg").and_then(Value::as_str)
    }

    pub(crate) fn member(&self, name: &str) -> Option<&Value> {
        self.header.get(name)
    }

    /// Whether it is of one of these types.
    ///
    /// # Errors
    /// [`JwsError::WrongType`].
    pub fn check_type(&self, types: Types) -> Result<(), JwsError> {
        types.take(&self.header)
    }

    /// The payload of a token that says `alg: none` and has no signature; `None` for all others. Nobody vouches
    /// for it: for request objects of clients that may send them so (OpenID Connect Core §6.1).
    #[must_use]
    pub fn unsigned(&self) -> Option<Vec<u8>> {
        if self.alg() != Some("none") || !self.signature.is_empty() {
            return None;
        }
        decode(self.payload)
    }

    /// Verifies with this key and answers the payload.
    ///
    /// # Errors
    /// The header disagrees with key or type, or the signature is not the key's.
    pub fn verify(&self, key: &VerifyingKey, typ: &str) -> Result<Vec<u8>, JwsError> {
        if self.alg() != Some(key.alg().as_str()) {
            return Err(JwsError::WrongAlgorithm);
        }
        if self.kid().is_some_and(|kid| kid != key.kid()) {
            return Err(JwsError::WrongKey);
        }
        if !self.header.get("typ").and_then(Value::as_str).is_some_and(|said| is_type(said, typ)) {
            return Err(JwsError::WrongType);
        }
        self.verify_bare(key)
    }

    /// Algorithm and signature alone: whether the key is the right one was decided before.
    pub(crate) fn verify_bare(&self, key: &VerifyingKey) -> Result<Vec<u8>, JwsError> {
        if self.alg().and_then(SigningAlg::from_word) != Some(key.alg()) {
            return Err(JwsError::WrongAlgorithm);
        }
        let payload = decode(self.payload).ok_or(JwsError::Malformed)?;
        key.check(self.message.as_bytes(), &self.signature)?;
        Ok(payload)
    }
}

/// Verifies an HMAC-SHA256 under a secret that is shared with the sender (`client_secret_jwt`, OpenID Connect
/// Core §9) and answers the payload. Only for a client that is registered to use it: never because a token says so.
///
/// # Errors
/// Another algorithm or type, another signature, or a secret of less than 32 bytes, which nothing is accepted with
/// (an empty one above all).
pub fn verify_hs256(token: &Unverified<'_>, secret: &[u8], types: Types) -> Result<Vec<u8>, JwsError> {
    if token.alg() != Some("HS256") {
        return Err(JwsError::WrongAlgorithm);
    }
    if secret.len() < MIN_HMAC_KEY {
        return Err(JwsError::WrongKey);
    }
    token.check_type(types)?;
    let payload = decode(token.payload).ok_or(JwsError::Malformed)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| JwsError::WrongKey)?;
    mac.update(token.message.as_bytes());
    mac.verify_slice(&token.signature).map_err(|_| JwsError::WrongSignature)?;
    Ok(payload)
}

/// Media types compare without case, and `application/` may be left out (RFC 7515 §4.1.9).
fn is_type(said: &str, wanted: &str) -> bool {
    let bare =
        said.get(..12).filter(|p| p.eq_ignore_ascii_case("application/")).map_or(said, |_| &said[12..]);
    bare.eq_ignore_ascii_case(wanted)
}

/// Base64url without padding, in its one canonical form.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests;
