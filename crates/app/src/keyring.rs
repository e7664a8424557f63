//! The keys in use: those that sign and those that decrypt.
//!
//! Owns: which key signs, which open what was encrypted for us, which are published, and the ready-made JWKS. Not here: loading, making and
//! rotating them (`provider::keys`, which calls [`Keyring::replace`]).

use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use domain::{KeyEncryptionAlg, KeyState, SigningAlg};
use jose::{DecryptionKey, JweError, SigningKey};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::Refusal;

/// A key and where it stands.
#[derive(Debug)]
pub struct KeyInUse<K = SigningKey> {
    /// The key.
    pub key: Arc<K>,
    /// Whether it is in use, will be or was.
    pub state: KeyState,
}

impl<K> Clone for KeyInUse<K> {
    fn clone(&self) -> Self {
        Self { key: Arc::clone(&self.key), state: self.state }
    }
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
    opening: Vec<KeyInUse<DecryptionKey>>,
    jwks: Arc<Published>,
}

impl Default for Keyring {
    /// Without keys: nothing can be signed until [`Keyring::replace`].
    fn default() -> Self {
        Self(RwLock::new(Arc::new(Loaded::new(Vec::new(), Vec::new()))))
    }
}

impl Keyring {
    fn loaded(&self) -> Arc<Loaded> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes these keys in place of all before, those that sign and those that decrypt; of several current ones of
    /// an algorithm the last signs.
    pub fn replace(&self, signing: Vec<KeyInUse>, opening: Vec<KeyInUse<DecryptionKey>>) {
        let loaded = Arc::new(Loaded::new(signing, opening));
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

    /// Opens a compact JWE that was encrypted for a key of ours, a retired one too: its sender may have an old
    /// copy of the JWKS.
    ///
    /// # Errors
    /// See [`JweError`]; [`JweError::WrongKey`] when no key is the one meant.
    pub fn open(&self, token: &str) -> Result<Vec<u8>, JweError> {
        let said = jose::encryption::header(token)?;
        let loaded = self.loaded();
        let is_meant = |held: &&KeyInUse<DecryptionKey>| {
            held.key.alg() == said.alg && said.kid.as_deref().is_none_or(|kid| kid == held.key.kid())
        };
        let mut verdict = JweError::WrongKey;
        // Without a name each is tried, the newest first.
        for held in loaded.opening.iter().rev().filter(is_meant) {
            match held.key.decrypt(token) {
                Ok(content) => return Ok(content),
                Err(error) => verdict = error,
            }
        }
        Err(verdict)
    }

    /// What may be encrypted for us with, in order of preference.
    #[must_use]
    pub fn encryption_algs(&self) -> Vec<KeyEncryptionAlg> {
        let loaded = self.loaded();
        let is_current = |alg: &KeyEncryptionAlg| {
            loaded.opening.iter().any(|held| held.key.alg() == *alg && held.state == KeyState::Current)
        };
        KeyEncryptionAlg::ALL.iter().copied().filter(is_current).collect()
    }

    /// All public keys as a JWK set (RFC 7517 §5), ready to be sent.
    #[must_use]
    pub fn jwks(&self) -> Arc<Published> {
        Arc::clone(&self.loaded().jwks)
    }
}

impl Loaded {
    fn new(keys: Vec<KeyInUse>, opening: Vec<KeyInUse<DecryptionKey>>) -> Self {
        let rank = |state| match state {
            KeyState::Current => 0,
            KeyState::Next => 1,
            KeyState::Retired => 2,
        };
        let mut shown: Vec<&KeyInUse> = keys.iter().collect();
        shown.sort_by_key(|held| (rank(held.state), held.key.alg()));
        let signing = shown.iter().map(|held| held.key.public_jwk());
        // Nobody is to encrypt with a key that is on its way out.
        let current = opening.iter().filter(|held| held.state == KeyState::Current);
        let set: Vec<_> = signing.chain(current.map(|held| held.key.public_jwk())).collect();
        let jwks = Arc::new(Published::new(json!({ "keys": set }).to_string()));
        Self { keys, opening, jwks }
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
        ring.replace(vec![retired.clone(), current.clone(), next.clone()], Vec::new());
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
    #[test]
    fn what_was_encrypted_for_a_retired_key_opens_but_only_the_current_one_is_published() {
        let made = |state| KeyInUse {
            key: Arc::new(DecryptionKey::generate(KeyEncryptionAlg::EcdhEs).unwrap()),
            state,
        };
        let (retired, current) = (made(KeyState::Retired), made(KeyState::Current));
        let ring = Keyring::default();
        assert!(ring.encryption_algs().is_empty());
        ring.replace(Vec::new(), vec![retired.clone(), current.clone()]);
        assert_eq!(ring.encryption_algs(), [KeyEncryptionAlg::EcdhEs]);
        let published: serde_json::Value = serde_json::from_slice(&ring.jwks().bytes).unwrap();
        assert_eq!(published, json!({ "keys": [current.key.public_jwk()] }));
        for held in [&retired, &current] {
            for named in [true, false] {
                let mut jwk = held.key.public_jwk();
                if !named {
                    jwk.as_object_mut().unwrap().remove("kid");
                }
                let set = jose::KeySet::parse(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
                let key = set.encryption_key(KeyEncryptionAlg::EcdhEs).unwrap();
                let token = jose::encrypt(key, domain::ContentEncryption::A256Gcm, b"x", None).unwrap();
                assert_eq!(ring.open(&token).unwrap(), b"x");
            }
        }
        let set = json!({ "keys": [made(KeyState::Current).key.public_jwk()] }).to_string();
        let set = jose::KeySet::parse(set.as_bytes()).unwrap();
        let key = set.encryption_key(KeyEncryptionAlg::EcdhEs).unwrap();
        let token = jose::encrypt(key, domain::ContentEncryption::A256Gcm, b"x", None).unwrap();
        assert_eq!(ring.open(&token), Err(JweError::WrongKey));
    }
}
