//! The signing keys in use.
//!
//! Owns: which key signs, which are published, and the ready-made JWKS. Not here: loading, making and
//! rotating them (`provider::keys`, which calls [`Keyring::replace`]).

use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use domain::{KeyState, SigningAlg};
use jose::SigningKey;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::Refusal;

/// A key and where it stands.
#[derive(Debug, Clone)]
pub struct KeyInUse {
    /// The key.
    pub key: Arc<SigningKey>,
    /// Whether it signs, will sign or signed.
    pub state: KeyState,
}

/// A ready-made answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The body.
    pub bytes: Bytes,
    /// Its strong entity tag, quoted.
    pub etag: String,
}

/// All keys of one moment; replaced as a whole.
#[derive(Debug)]
pub struct Keyring(RwLock<Arc<Loaded>>);

#[derive(Debug)]
struct Loaded {
    keys: Vec<KeyInUse>,
    jwks: Arc<Published>,
}

impl Default for Keyring {
    /// Without keys: nothing can be signed until [`Keyring::replace`].
    fn default() -> Self {
        Self(RwLock::new(Arc::new(Loaded::new(Vec::new()))))
    }
}

impl Keyring {
    fn loaded(&self) -> Arc<Loaded> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes these keys in place of all before; of several current ones of an algorithm the last signs.
    pub fn replace(&self, keys: Vec<KeyInUse>) {
        let loaded = Arc::new(Loaded::new(keys));
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = loaded;
    }

    /// The key that signs with this algorithm.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] when none is loaded.
    pub fn current(&self, alg: SigningAlg) -> Result<Arc<SigningKey>, Refusal> {
        let loaded = self.loaded();
        let signs = |held: &&KeyInUse| held.state == KeyState::Current && held.key.alg() == alg;
        let found = loaded.keys.iter().rev().find(signs);
        found
            .map(|held| Arc::clone(&held.key))
            .ok_or_else(|| Refusal::Unavailable(format!("no current {} signing key", alg.as_str())))
    }

    /// The key with this name, whatever its state: for tokens of ours that come back.
    #[must_use]
    pub fn by_kid(&self, kid: &str) -> Option<Arc<SigningKey>> {
        self.loaded().keys.iter().find(|held| held.key.kid() == kid).map(|held| Arc::clone(&held.key))
    }

    /// Algorithms that can sign now, in order of preference.
    #[must_use]
    pub fn algs(&self) -> Vec<SigningAlg> {
        SigningAlg::ALL.iter().copied().filter(|alg| self.current(*alg).is_ok()).collect()
    }

    /// All public keys as a JWK set (RFC 7517 §5), ready to be sent.
    #[must_use]
    pub fn jwks(&self) -> Arc<Published> {
        Arc::clone(&self.loaded().jwks)
    }
}

impl Loaded {
    fn new(keys: Vec<KeyInUse>) -> Self {
        let rank = |state| match state {
            KeyState::Current => 0,
            KeyState::Next => 1,
            KeyState::Retired => 2,
        };
        let mut shown: Vec<&KeyInUse> = keys.iter().collect();
        shown.sort_by_key(|held| (rank(held.state), held.key.alg()));
        let set: Vec<_> = shown.iter().map(|held| held.key.public_jwk()).collect();
        let jwks = Arc::new(Published::new(json!({ "keys": set }).to_string()));
        Self { keys, jwks }
    }
}

impl Published {
    /// With an entity tag made from the bytes.
    #[must_use]
    pub fn new(body: impl Into<Bytes>) -> Self {
        let bytes = body.into();
        let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(&bytes)[..12]));
        Self { bytes, etag }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(state: KeyState) -> KeyInUse {
        KeyInUse { key: Arc::new(SigningKey::generate(SigningAlg::ES256).unwrap()), state }
    }

    #[test]
    fn without_keys_nothing_is_signed() {
        let ring = Keyring::default();
        assert!(matches!(ring.current(SigningAlg::ES256), Err(Refusal::Unavailable(_))));
        assert_eq!(&ring.jwks().bytes[..], br#"{"keys":[]}"#);
    }

    #[test]
    fn sec_191_all_keys_are_published_and_only_the_current_one_signs() {
        let ring = Keyring::default();
        let (retired, current, next) =
            (held(KeyState::Retired), held(KeyState::Current), held(KeyState::Next));
        let before = ring.jwks();
        ring.replace(vec![retired.clone(), current.clone(), next.clone()]);
        assert_eq!(ring.current(SigningAlg::ES256).unwrap().kid(), current.key.kid());
        assert!(ring.current(SigningAlg::RS256).is_err());
        assert_eq!(ring.algs(), [SigningAlg::ES256]);
        assert!(ring.by_kid(retired.key.kid()).is_some() && ring.by_kid("x").is_none());
        let published = ring.jwks();
        assert_ne!(published.etag, before.etag);
        let set: serde_json::Value = serde_json::from_slice(&published.bytes).unwrap();
        let kids: Vec<_> =
            set["keys"].as_array().unwrap().iter().map(|k| k["kid"].as_str().unwrap()).collect();
        assert_eq!(kids, [current.key.kid(), next.key.kid(), retired.key.kid()]);
        assert!(!String::from_utf8_lossy(&published.bytes).contains("\"d\""));
    }
}
