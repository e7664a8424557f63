//! Compact JWE (RFC 7516) made and opened.
//!
//! Owns: our decryption keys, others' encryption keys, the algorithms in use. Not here: which key of a client
//! (`key_set`), what is inside.
//!
//! josekit does the work, but not alone: content is decrypted by [`content`], which checks what josekit leaves
//! open, and nothing is ever inflated (`zip` would turn 87 kB into 64 MB).

mod content;

use std::fmt;
use std::sync::LazyLock;

use domain::{ContentEncryption, KeyEncryptionAlg};
use josekit::jwe::{ECDH_ES, JweContext, JweDecrypter, JweEncrypter, JweHeader, RSA_OAEP_256};
use josekit::jwk::alg::ec::EcCurve;
use josekit::jwk::{Jwk, KeyPair as _};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::jws::{MAX_HEADER_BYTES, REFUSED_MEMBERS, decode};
use crate::key::{RSA_BITS, failed, public_members};
use crate::{KeyError, MAX_TOKEN_BYTES, strict, thumbprint};

/// A JWE cannot be made or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JweError {
    /// Longer than [`MAX_TOKEN_BYTES`].
    #[error("token too long")]
    TooLong,
    /// No compact JWE, or its header is no plain object with each member once.
    #[error("malformed encrypted token")]
    Malformed,
    /// The header holds a member that is never accepted (`zip`, `crit` and others).
    #[error("header member not accepted")]
    RefusedMember,
    /// `alg` or `enc` is not in use here.
    #[error("algorithm of encryption not in use")]
    Unsupported,
    /// No key of ours is meant.
    #[error("not encrypted for a key of ours")]
    WrongKey,
    /// It does not open, for whatever reason; or encrypting failed.
    #[error("cannot be opened")]
    Failed,
}

/// Without compression, and with our own handling of content.
static CONTEXT: LazyLock<JweContext> = LazyLock::new(|| {
    let mut context = JweContext::new();
    context.remove_compression("DEF");
    context.remove_content_encryption("A192CBC-HS384");
    for enc in ContentEncryption::ALL {
        context.add_content_encryption(Box::new(content::Checked::new(*enc)));
    }
    context
});

/// What the header of a JWE says, believed by nobody yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The key it was encrypted for.
    pub kid: Option<String>,
    /// How the content key was wrapped.
    pub alg: KeyEncryptionAlg,
    /// How the content was encrypted.
    pub enc: ContentEncryption,
    /// The media type of the content: `JWT` when it is a token itself.
    pub cty: Option<String>,
}

/// Whether a token has the five parts of a compact JWE (RFC 7516 §3.1).
#[must_use]
pub fn is_encrypted(token: &str) -> bool {
    token.bytes().filter(|byte| *byte == b'.').count() == 4
}

/// Reads the header, so that the right key can be found.
///
/// # Errors
/// Too long or malformed, or with members or algorithms that are not accepted.
pub fn header(token: &str) -> Result<Header, JweError> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(JweError::TooLong);
    }
    if !is_encrypted(token) {
        return Err(JweError::Malformed);
    }
    let mut parts = token.split('.');
    let first = parts.next().ok_or(JweError::Malformed)?;
    if first.len() > MAX_HEADER_BYTES {
        return Err(JweError::TooLong);
    }
    let header = decode(first).and_then(|bytes| strict::object(&bytes)).ok_or(JweError::Malformed)?;
    // josekit reads them less strictly.
    let sizes = parts.map(|part| decode(part).map(|bytes| bytes.len())).collect::<Option<Vec<_>>>();
    let [key, _, _, tag] = sizes.ok_or(JweError::Malformed)?[..] else { return Err(JweError::Malformed) };
    if tag == 0 {
        return Err(JweError::Malformed);
    }
    if REFUSED_MEMBERS.iter().any(|name| header.contains_key(*name)) {
        return Err(JweError::RefusedMember);
    }
    let text = |name: &str| match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(JweError::Malformed),
    };
    let alg = text("alg")?.and_then(KeyEncryptionAlg::from_word).ok_or(JweError::Unsupported)?;
    let enc = text("enc")?.and_then(ContentEncryption::from_word).ok_or(JweError::Unsupported)?;
    // Agreed keys are not wrapped (RFC 7518 §4.6), wrapped ones are.
    if (alg == KeyEncryptionAlg::EcdhEs) != (key == 0) {
        return Err(JweError::Malformed);
    }
    Ok(Header { kid: text("kid")?.map(str::to_owned), alg, enc, cty: text("cty")?.map(str::to_owned) })
}

/// A private key that opens what was encrypted for us. Parsed once, shared by all threads.
pub struct DecryptionKey {
    alg: KeyEncryptionAlg,
    kid: String,
    private_jwk: Zeroizing<Vec<u8>>,
    public_jwk: Value,
    decrypter: Box<dyn JweDecrypter>,
}

impl DecryptionKey {
    /// Makes a new key: RSA of 2048 bits, or P-256.
    ///
    /// # Errors
    /// OpenSSL failed.
    pub fn generate(alg: KeyEncryptionAlg) -> Result<Self, KeyError> {
        let jwk = match alg {
            KeyEncryptionAlg::RsaOaep256 => {
                RSA_OAEP_256.generate_key_pair(RSA_BITS).map_err(failed)?.to_jwk_key_pair()
            }
            KeyEncryptionAlg::EcdhEs => {
                ECDH_ES.generate_ec_key_pair(EcCurve::P256).map_err(failed)?.to_jwk_key_pair()
            }
        };
        Self::from_map(jwk.into(), alg)
    }

    /// Reads a key from its private JWK (JSON), whose `alg` says what it is for.
    ///
    /// # Errors
    /// No private JWK of these kinds, or its parts do not fit together.
    pub fn from_private_jwk(json: &[u8]) -> Result<Self, KeyError> {
        let map = strict::object(json).ok_or(KeyError::Malformed)?;
        let alg = map.get("alg").and_then(Value::as_str).and_then(KeyEncryptionAlg::from_word);
        Self::from_map(map, alg.ok_or(KeyError::Unsupported)?)
    }

    fn from_map(mut map: Map<String, Value>, alg: KeyEncryptionAlg) -> Result<Self, KeyError> {
        map.retain(|name, _| !matches!(name.as_str(), "kid" | "alg" | "use" | "key_ops"));
        let bare = Value::Object(map.clone());
        let fits = match alg {
            KeyEncryptionAlg::RsaOaep256 => bare["kty"] == "RSA",
            KeyEncryptionAlg::EcdhEs => bare["kty"] == "EC" && bare["crv"] == "P-256",
        };
        if !fits {
            return Err(KeyError::Unsupported);
        }
        let mut public = public_members(&bare)?;
        let kid = thumbprint(&bare)?;
        // josekit demands a `kid` of the token when the key has one: it gets the key without.
        let jwk = Jwk::from_map(map.clone()).map_err(|_| KeyError::Malformed)?;
        let decrypter: Box<dyn JweDecrypter> = match alg {
            KeyEncryptionAlg::RsaOaep256 => {
                Box::new(RSA_OAEP_256.decrypter_from_jwk(&jwk).map_err(|_| KeyError::Malformed)?)
            }
            KeyEncryptionAlg::EcdhEs => {
                Box::new(ECDH_ES.decrypter_from_jwk(&jwk).map_err(|_| KeyError::Malformed)?)
            }
        };
        for members in [&mut public, &mut map] {
            members.insert("kid".to_owned(), kid.clone().into());
            members.insert("alg".to_owned(), alg.as_str().into());
            members.insert("use".to_owned(), "enc".into());
        }
        let private_jwk = Zeroizing::new(serde_json::to_vec(&map).map_err(failed)?);
        let key = Self { alg, kid, private_jwk, public_jwk: Value::Object(public), decrypter };
        key.check_pair()?;
        Ok(key)
    }

    /// A JWK may hold a public part that is not the private part's own. Encrypting once shows it.
    fn check_pair(&self) -> Result<(), KeyError> {
        let public = EncryptionKey::from_public_jwk(&self.public_jwk, self.alg, None)?;
        let token = encrypt(&public, ContentEncryption::A128Gcm, b"pair", None).map_err(failed)?;
        self.decrypt(&token).map(|_| ()).map_err(|_| KeyError::Malformed)
    }

    /// Its name: the RFC 7638 thumbprint.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What it opens.
    #[must_use]
    pub fn alg(&self) -> KeyEncryptionAlg {
        self.alg
    }

    /// The public JWK with `kid`, `alg` and `use: enc`.
    #[must_use]
    pub fn public_jwk(&self) -> Value {
        self.public_jwk.clone()
    }

    /// The private JWK as JSON, with `kid`, `alg` and `use`. To be sealed at once.
    #[must_use]
    pub fn to_private_jwk(&self) -> Zeroizing<Vec<u8>> {
        self.private_jwk.clone()
    }

    /// Opens a compact JWE.
    ///
    /// # Errors
    /// See [`JweError`]. Why it does not open is not told apart: that would help guessing.
    pub fn decrypt(&self, token: &str) -> Result<Vec<u8>, JweError> {
        let said = header(token)?;
        if said.alg != self.alg || said.kid.is_some_and(|kid| kid != self.kid) {
            return Err(JweError::WrongKey);
        }
        let opened = CONTEXT.deserialize_compact(token, &*self.decrypter);
        opened.map(|(content, _)| content).map_err(|_| JweError::Failed)
    }
}

/// A public key of somebody else's.
pub struct EncryptionKey {
    alg: KeyEncryptionAlg,
    kid: Option<String>,
    encrypter: Box<dyn JweEncrypter>,
}

impl EncryptionKey {
    /// From a public JWK: RSA for RSA-OAEP-256; P-256, P-384, P-521 or X25519 for ECDH-ES.
    pub(crate) fn from_public_jwk(
        jwk: &Value,
        alg: KeyEncryptionAlg,
        kid: Option<String>,
    ) -> Result<Self, KeyError> {
        let public = Jwk::from_map(public_members(jwk)?).map_err(|_| KeyError::Malformed)?;
        let encrypter: Box<dyn JweEncrypter> = match (alg, public.key_type(), public.curve()) {
            (KeyEncryptionAlg::RsaOaep256, "RSA", _) => {
                Box::new(RSA_OAEP_256.encrypter_from_jwk(&public).map_err(|_| KeyError::Malformed)?)
            }
            (KeyEncryptionAlg::EcdhEs, "EC", Some("P-256" | "P-384" | "P-521"))
            | (KeyEncryptionAlg::EcdhEs, "OKP", Some("X25519")) => {
                Box::new(ECDH_ES.encrypter_from_jwk(&public).map_err(|_| KeyError::Malformed)?)
            }
            _ => return Err(KeyError::Unsupported),
        };
        Ok(Self { alg, kid, encrypter })
    }

    /// How it wraps or agrees on the content key.
    #[must_use]
    pub fn alg(&self) -> KeyEncryptionAlg {
        self.alg
    }

    /// Its name, as its owner gave it.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }
}

/// Encrypts: a compact JWE whose header names the key. `cty` is `JWT` when the payload is a token itself.
///
/// # Errors
/// [`JweError::Failed`]: OpenSSL failed.
pub fn encrypt(
    key: &EncryptionKey,
    enc: ContentEncryption,
    payload: &[u8],
    cty: Option<&str>,
) -> Result<String, JweError> {
    let mut header = JweHeader::new();
    header.set_content_encryption(enc.as_str());
    if let Some(kid) = &key.kid {
        header.set_key_id(kid);
    }
    if let Some(cty) = cty {
        header.set_content_type(cty);
    }
    CONTEXT.serialize_compact(payload, &header, &*key.encrypter).map_err(|_| JweError::Failed)
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecryptionKey({} {})", self.alg.as_str(), self.kid)
    }
}
impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptionKey({} {})", self.alg.as_str(), self.kid.as_deref().unwrap_or("-"))
    }
}

#[cfg(test)]
mod tests;
