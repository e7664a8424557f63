//! A device's public key as JWK: what enters the registry (SEC-073).
//!
//! Owns: reading and writing the JWK, the RFC 7638 thumbprint, verifying a signature with a device key.
//! Not here: private keys (they never reach the server), where keys are kept (`store::devices`).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{DeviceKey, KeyAlg};
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::curve;

/// Why a JWK is no device key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// No JSON object with the members of a public key, each once and well formed.
    #[error("the key is malformed")]
    Malformed,
    /// It holds a private or symmetric part.
    #[error("the key holds a private part")]
    Private,
    /// Neither P-256 nor Ed25519, or meant for something else than signing.
    #[error("only P-256 and Ed25519 signing keys are taken")]
    Unsupported,
    /// Not a point of its curve, the point at infinity, or of small order.
    #[error("the key is not a good point of its curve")]
    BadPoint,
}

/// A checked public key. Reading it from JSON refuses everything else, members that come twice included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwk(DeviceKey);

impl Jwk {
    /// Reads a JWK.
    ///
    /// # Errors
    /// Says why it is no device key.
    pub fn parse(json: &str) -> Result<Self, BadKey> {
        serde_json::from_str::<Members>(json).map_err(|_| BadKey::Malformed)?.check()
    }

    /// The JWK of a kept key.
    #[must_use]
    pub const fn of(key: DeviceKey) -> Self {
        Self(key)
    }

    /// The key as it is kept.
    #[must_use]
    pub const fn key(&self) -> &DeviceKey {
        &self.0
    }

    /// The key as it is kept.
    #[must_use]
    pub fn into_key(self) -> DeviceKey {
        self.0
    }
}

/// Whether `signature` (base64url; ES256: r and s, 64 bytes) is this key's over `message`.
#[must_use]
pub fn is_signed(key: &DeviceKey, message: &str, signature: &str) -> bool {
    // 64 bytes are 86 letters; anything longer is not worth decoding.
    if signature.len() > 90 {
        return false;
    }
    let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
    match key.alg {
        KeyAlg::ES256 => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &key.public)
            .verify(message.as_bytes(), &signature)
            .is_ok(),
        KeyAlg::EdDSA => {
            UnparsedPublicKey::new(&ED25519, &key.public).verify(message.as_bytes(), &signature).is_ok()
        }
    }
}

/// The members a device key may have, as they came.
#[derive(Default)]
struct Members {
    kty: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    alg: Option<String>,
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    private: bool,
}

impl Members {
    fn check(self) -> Result<Jwk, BadKey> {
        if self.private {
            return Err(BadKey::Private);
        }
        let (Some(kty), Some(crv), Some(x)) = (&self.kty, &self.crv, &self.x) else {
            return Err(BadKey::Malformed);
        };
        let signs = self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self.key_ops.as_ref().is_none_or(|ops| ops.iter().all(|op| op == "verify"));
        if !signs {
            return Err(BadKey::Unsupported);
        }
        let alg = match (kty.as_str(), crv.as_str(), self.alg.as_deref()) {
            ("EC", "P-256", None | Some("ES256")) => KeyAlg::ES256,
            ("OKP", "Ed25519", None | Some("EdDSA" | "Ed25519")) => KeyAlg::EdDSA,
            _ => return Err(BadKey::Unsupported),
        };
        match (alg, &self.y) {
            (KeyAlg::ES256, Some(y)) => p256(&coordinate(x)?, &coordinate(y)?),
            (KeyAlg::EdDSA, None) => ed25519(&coordinate(x)?),
            _ => Err(BadKey::Malformed),
        }
    }
}

fn p256(x: &[u8; 32], y: &[u8; 32]) -> Result<Jwk, BadKey> {
    if !curve::is_on_p256(x, y) {
        return Err(BadKey::BadPoint);
    }
    let mut public = Vec::with_capacity(65);
    public.push(4);
    public.extend_from_slice(x);
    public.extend_from_slice(y);
    let thumbprint = thumbprint(&format!(
        r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
        URL_SAFE_NO_PAD.encode(x),
        URL_SAFE_NO_PAD.encode(y)
    ));
    Ok(Jwk(DeviceKey { alg: KeyAlg::ES256, public, thumbprint }))
}

fn ed25519(x: &[u8; 32]) -> Result<Jwk, BadKey> {
    if !curve::is_good_ed25519(x) {
        return Err(BadKey::BadPoint);
    }
    let thumbprint =
        thumbprint(&format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, URL_SAFE_NO_PAD.encode(x)));
    Ok(Jwk(DeviceKey { alg: KeyAlg::EdDSA, public: x.to_vec(), thumbprint }))
}

/// RFC 7638 §3: SHA-256 of the required members in lexical order.
fn thumbprint(canonical: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(canonical.as_bytes()))
}

/// 32 bytes, with the leading zeros that RFC 7518 §6.2.1.2 demands.
fn coordinate(text: &str) -> Result<[u8; 32], BadKey> {
    if text.len() != 43 {
        return Err(BadKey::Malformed);
    }
    URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(BadKey::Malformed)
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JWK")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Members::default();
        let mut seen: Vec<String> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            // RFC 7517 §4: member names must be unique. Parsers disagree on which of two counts.
            if seen.contains(&name) {
                return Err(A::Error::custom("a member comes twice"));
            }
            match name.as_str() {
                "kty" => members.kty = Some(map.next_value()?),
                "crv" => members.crv = Some(map.next_value()?),
                "x" => members.x = Some(map.next_value()?),
                "y" => members.y = Some(map.next_value()?),
                "alg" => members.alg = Some(map.next_value()?),
                "use" => members.usage = Some(map.next_value()?),
                "key_ops" => members.key_ops = Some(map.next_value()?),
                // WebCrypto's exportKey writes `ext`.
                "ext" => drop(map.next_value::<bool>()?),
                "kid" => drop(map.next_value::<String>()?),
                "d" | "p" | "q" | "dp" | "dq" | "qi" | "oth" | "k" => {
                    map.next_value::<IgnoredAny>()?;
                    members.private = true;
                }
                _ => return Err(A::Error::custom("a member that a device key does not have")),
            }
            seen.push(name);
        }
        Ok(members)
    }
}

impl<'de> Deserialize<'de> for Jwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Members::deserialize(deserializer)?.check().map_err(D::Error::custom)
    }
}

impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let part =
            |from: usize, to: usize| URL_SAFE_NO_PAD.encode(self.0.public.get(from..to).unwrap_or_default());
        let mut map = serializer.serialize_map(None)?;
        match self.0.alg {
            KeyAlg::ES256 => {
                map.serialize_entry("kty", "EC")?;
                map.serialize_entry("crv", "P-256")?;
                map.serialize_entry("x", &part(1, 33))?;
                map.serialize_entry("y", &part(33, 65))?;
            }
            KeyAlg::EdDSA => {
                map.serialize_entry("kty", "OKP")?;
                map.serialize_entry("crv", "Ed25519")?;
                map.serialize_entry("x", &part(0, 32))?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests;
