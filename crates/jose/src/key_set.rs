//! A client's public keys (RFC 7517 §5).
//!
//! Owns: reading a set that somebody else wrote, and finding the key that verifies or that we encrypt with.
//! Not here: fetching and caching it (`provider::client_keys`).

use domain::{KeyEncryptionAlg, SigningAlg};
use serde_json::{Map, Value};

use crate::encryption::EncryptionKey;
use crate::key::algs_of;
use crate::{JwsError, KeyError, Types, Unverified, VerifyingKey, strict};

/// A longer set is refused, in bytes.
pub const MAX_SET_BYTES: usize = 64 * 1024;
/// A set with more keys is refused.
pub const MAX_KEYS: usize = 50;
/// So many keys are tried for a token that does not say which.
const MAX_TRIED: usize = 8;

/// Members of private keys (RFC 7518 §6.2.2 and §6.3.2, RFC 8037 §2) and of symmetric ones (RFC 7518 §6.4).
const SECRET_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Whether a JWK is more than a public key.
pub(crate) fn holds_secret(jwk: &Map<String, Value>) -> bool {
    SECRET_MEMBERS.iter().any(|name| jwk.contains_key(*name))
        || jwk.get("kty").and_then(Value::as_str) == Some("oct")
}

/// The public keys of a client.
#[derive(Debug, Default)]
pub struct KeySet {
    verifying: Vec<(Option<String>, VerifyingKey)>,
    encrypting: Vec<(u8, EncryptionKey)>,
}

impl KeySet {
    /// Reads a JWK set. Keys of a type, curve or size that is not in use here are left out, as RFC 7517 §5 wants it.
    ///
    /// # Errors
    /// Too large or malformed, or a key in it is private or symmetric.
    pub fn parse(json: &[u8]) -> Result<Self, KeyError> {
        if json.len() > MAX_SET_BYTES {
            return Err(KeyError::Malformed);
        }
        let set = strict::object(json).ok_or(KeyError::Malformed)?;
        let keys = set.get("keys").and_then(Value::as_array).ok_or(KeyError::Malformed)?;
        if keys.len() > MAX_KEYS {
            return Err(KeyError::Malformed);
        }
        let mut found = Self::default();
        for jwk in keys {
            let members = jwk.as_object().ok_or(KeyError::Malformed)?;
            if holds_secret(members) {
                return Err(KeyError::Secret);
            }
            let kid = match members.get("kid") {
                None => None,
                Some(kid) => Some(kid.as_str().ok_or(KeyError::Malformed)?),
            };
            found.take(jwk, members, kid);
        }
        // The best fitting first, in the order of the set among equals.
        found.encrypting.sort_by_key(|(rank, _)| *rank);
        Ok(found)
    }

    fn take(&mut self, jwk: &Value, members: &Map<String, Value>, kid: Option<&str>) {
        let text = |name: &str| members.get(name).map(|value| value.as_str().unwrap_or_default());
        let operations =
            members.get("key_ops").map(|ops| ops.as_array().map(Vec::as_slice).unwrap_or_default());
        let may = |wanted: &[&str]| {
            operations
                .is_none_or(|ops| ops.iter().any(|op| op.as_str().is_some_and(|op| wanted.contains(&op))))
        };
        let (said_use, said_alg) = (text("use"), text("alg"));
        if said_use.is_none_or(|said| said == "sig") && may(&["verify"]) {
            for alg in algs_of(jwk).unwrap_or_default() {
                if said_alg.is_none_or(|said| SigningAlg::from_word(said) == Some(*alg))
                    && let Ok(key) = VerifyingKey::with_alg(jwk, *alg)
                {
                    self.verifying.push((kid.map(str::to_owned), key));
                }
            }
        }
        if said_use.is_none_or(|said| said == "enc")
            && may(&["encrypt", "wrapKey", "deriveKey", "deriveBits"])
        {
            for alg in KeyEncryptionAlg::ALL {
                if said_alg.is_none_or(|said| said == alg.as_str())
                    && let Ok(key) = EncryptionKey::from_public_jwk(jwk, *alg, kid.map(str::to_owned))
                {
                    let rank = 2 * u8::from(said_alg.is_none()) + u8::from(said_use.is_none());
                    self.encrypting.push((rank, key));
                }
            }
        }
    }

    /// Verifies a token with the right key of the set and answers its payload: the key that the header names, else
    /// (as long as there are few) each that fits the algorithm. Claims are the caller's to check.
    ///
    /// # Errors
    /// [`JwsError::WrongKey`] when the set has no key for it: it may be a new one, so that fetching the set again
    /// helps. The others are final.
    pub fn verify(
        &self,
        token: &Unverified<'_>,
        allowed: &[SigningAlg],
        types: Types,
    ) -> Result<Vec<u8>, JwsError> {
        let said = token.alg().and_then(SigningAlg::from_word).filter(|alg| allowed.contains(alg));
        let alg = said.ok_or(JwsError::WrongAlgorithm)?;
        token.check_type(types)?;
        // A key without a name may be the one that the token names.
        let is_named = |kid: &Option<String>| match (token.kid(), kid) {
            (Some(wanted), Some(kid)) => wanted == kid,
            _ => true,
        };
        let fitting = self.verifying.iter().filter(|(kid, key)| key.alg() == alg && is_named(kid));
        let mut verdict = JwsError::WrongKey;
        for (kid, key) in fitting.take(MAX_TRIED) {
            match token.verify_bare(key) {
                Ok(payload) => return Ok(payload),
                // The very key that was meant says no; with a guessed one the right one may still be to come.
                Err(error)
                    if error != JwsError::WrongSignature || (token.kid().is_some() && kid.is_some()) =>
                {
                    verdict = error;
                }
                Err(_) => {}
            }
        }
        Err(verdict)
    }

    /// The key to encrypt with: one that names the algorithm and the use before one that leaves them open.
    #[must_use]
    pub fn encryption_key(&self, alg: KeyEncryptionAlg) -> Option<&EncryptionKey> {
        self.encrypting.iter().map(|(_, key)| key).find(|key| key.alg() == alg)
    }

    /// Whether no key of the set is of use here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.verifying.is_empty() && self.encrypting.is_empty()
    }
}

#[cfg(test)]
mod tests;
