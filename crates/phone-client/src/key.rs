//! The key of a phone that has no keystore: P-256, kept as PKCS#8.
//!
//! Owns: making it, its public JWK and thumbprint (RFC 7638), signing.
//! Not here: what is signed (`qr`), where it is kept (`state`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::error::{PhoneError, Result};

/// A device key pair (ES256).
pub struct DeviceKeyPair {
    pair: EcdsaKeyPair,
    pkcs8: Vec<u8>,
    random: SystemRandom,
}

impl std::fmt::Debug for DeviceKeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DeviceKeyPair({})", self.thumbprint())
    }
}

impl DeviceKeyPair {
    /// Makes a new one from the system's randomness.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn generate() -> Result<Self> {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .map_err(|_| PhoneError::BadKey("no randomness"))?;
        Self::from_pkcs8(document.as_ref())
    }

    /// Reads a kept one.
    ///
    /// # Errors
    /// The bytes are no P-256 key in PKCS#8.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &random)
            .map_err(|_| PhoneError::BadKey("not a P-256 key in PKCS#8"))?;
        Ok(Self { pair, pkcs8: pkcs8.to_vec(), random })
    }

    /// The private key to keep. Whoever has it is this phone.
    #[must_use]
    pub fn to_pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The coordinates in base64url.
    fn coordinates(&self) -> (String, String) {
        // Uncompressed point: 0x04, x (32 bytes), y (32 bytes).
        let point = self.pair.public_key().as_ref();
        let (x, y) = point.get(1..65).map_or((&[][..], &[][..]), |xy| xy.split_at(32));
        (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y))
    }

    /// The public key as JWK (RFC 7517).
    #[must_use]
    pub fn public_jwk(&self) -> Value {
        let (x, y) = self.coordinates();
        json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })
    }

    /// RFC 7638 thumbprint with SHA-256, base64url.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let (x, y) = self.coordinates();
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        URL_SAFE_NO_PAD.encode(Sha256::digest(canonical.as_bytes()))
    }

    /// Signs a canonical message: r and s, 64 bytes, base64url (WebCrypto's form).
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn sign(&self, message: &[u8]) -> Result<String> {
        let signature =
            self.pair.sign(&self.random, message).map_err(|_| PhoneError::BadKey("cannot sign"))?;
        Ok(URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    #[test]
    fn a_kept_key_is_the_same_key() {
        let key = DeviceKeyPair::generate().unwrap();
        let again = DeviceKeyPair::from_pkcs8(key.to_pkcs8()).unwrap();
        assert_eq!(key.thumbprint(), again.thumbprint());
        assert_eq!(key.public_jwk(), again.public_jwk());
        assert!(DeviceKeyPair::from_pkcs8(b"nonsense").is_err());
    }

    #[test]
    fn signatures_are_fixed_length_and_verify() {
        let key = DeviceKeyPair::generate().unwrap();
        let signature = URL_SAFE_NO_PAD.decode(key.sign(b"message").unwrap()).unwrap();
        assert_eq!(signature.len(), 64);
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.pair.public_key().as_ref());
        assert!(public.verify(b"message", &signature).is_ok());
        assert!(public.verify(b"massage", &signature).is_err());
    }

    #[test]
    fn debug_output_hides_the_private_key() {
        let key = DeviceKeyPair::generate().unwrap();
        assert_eq!(format!("{key:?}"), format!("DeviceKeyPair({})", key.thumbprint()));
    }
}
