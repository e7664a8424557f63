//! A key of a client: signs assertions and proofs, written out plainly over `ring` (not by our own `jose`).
//!
//! Owns: ES256 keys, their JWK and thumbprint, signed JWTs with any header and claims, HS256.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::{b64, random, sha256, unix_now};

/// An ES256 key.
#[derive(Debug)]
pub struct ClientKey {
    pair: EcdsaKeyPair,
    /// Its name in headers and in its JWK.
    pub kid: String,
}

impl ClientKey {
    /// A new one.
    ///
    /// # Panics
    /// When ring fails.
    #[must_use]
    pub fn new() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random);
        Self { pair: pair.expect("its own key"), kid: b64(&crate::random::<8>()) }
    }

    fn bare_jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        json!({"crv": "P-256", "kty": "EC", "x": b64(&point[1..33]), "y": b64(&point[33..])})
    }

    /// Its public JWK, for registration.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let mut jwk = self.bare_jwk();
        jwk["kid"] = json!(self.kid);
        jwk["alg"] = json!("ES256");
        jwk["use"] = json!("sig");
        jwk
    }

    /// A JWK set with this key alone.
    #[must_use]
    pub fn jwks(&self) -> Value {
        json!({ "keys": [self.jwk()] })
    }

    /// Its RFC 7638 thumbprint.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let jwk = self.bare_jwk();
        let text = format!("{{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":{},\"y\":{}}}", jwk["x"], jwk["y"]);
        b64(&sha256(text.as_bytes()))
    }

    /// A JWT with this header and these claims.
    ///
    /// # Panics
    /// When ring fails.
    #[must_use]
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let message =
            format!("{}.{}", b64(header.to_string().as_bytes()), b64(claims.to_string().as_bytes()));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).expect("a signature");
        format!("{message}.{}", b64(signature.as_ref()))
    }

    /// A client assertion (RFC 7523) with these changes to good claims; null takes a claim away.
    #[must_use]
    pub fn assertion(&self, client_id: &str, audience: &str, changes: &Value) -> String {
        let claims = changed(assertion_claims(client_id, audience), changes);
        self.sign(&json!({"alg": "ES256", "kid": self.kid, "typ": "JWT"}), &claims)
    }

    /// The header of a DPoP proof by this key.
    #[must_use]
    pub fn proof_header(&self) -> Value {
        json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": self.bare_jwk()})
    }

    /// The claims of a DPoP proof for a request.
    #[must_use]
    pub fn proof_claims(method: &str, url: &str, nonce: Option<&str>, access_token: Option<&str>) -> Value {
        let mut claims = json!({"jti": b64(&random::<16>()), "htm": method, "htu": url, "iat": unix_now()});
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        if let Some(token) = access_token {
            claims["ath"] = json!(b64(&sha256(token.as_bytes())));
        }
        claims
    }

    /// A DPoP proof (RFC 9449 §4.2).
    #[must_use]
    pub fn proof(&self, method: &str, url: &str, nonce: Option<&str>, access_token: Option<&str>) -> String {
        self.sign(&self.proof_header(), &Self::proof_claims(method, url, nonce, access_token))
    }
}

impl Default for ClientKey {
    fn default() -> Self {
        Self::new()
    }
}

/// The claims of a good client assertion.
#[must_use]
pub fn assertion_claims(client_id: &str, audience: &str) -> Value {
    let now = unix_now();
    json!({"iss": client_id, "sub": client_id, "aud": audience, "iat": now, "exp": now + 60,
           "jti": b64(&random::<16>())})
}

/// A JWT signed with HS256 under a secret.
#[must_use]
pub fn sign_hs256(secret: &[u8], header: &Value, claims: &Value) -> String {
    let message = format!("{}.{}", b64(header.to_string().as_bytes()), b64(claims.to_string().as_bytes()));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
    format!("{message}.{}", b64(ring::hmac::sign(&key, message.as_bytes()).as_ref()))
}

/// An object with these members in place; null takes one away.
#[must_use]
pub fn changed(mut object: Value, changes: &Value) -> Value {
    if let (Some(object), Some(changes)) = (object.as_object_mut(), changes.as_object()) {
        for (name, value) in changes {
            if value.is_null() {
                object.remove(name);
            } else {
                object.insert(name.clone(), value.clone());
            }
        }
    }
    object
}
