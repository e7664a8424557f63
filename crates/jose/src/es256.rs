//! ES256 (RFC 7518 §3.4) by ring, behind josekit's trait.
//!
//! A token endpoint does little else than sign. OpenSSL looks its algorithms up anew for every signature and
//! answers DER that has to be taken apart again; ring signs at once, in the fixed form that JWS wants.
//! Not here: keys and their JWK form, verifying (`key`, by josekit).

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::JoseError;
use josekit::jwk::Jwk;
use josekit::jws::{ES256, JwsAlgorithm, JwsSigner};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use zeroize::Zeroizing;

/// Bytes of a P-256 scalar or coordinate.
const PART: usize = 32;

/// A private P-256 key, shared by all threads.
#[derive(Clone)]
pub(crate) struct Signer {
    key: Arc<EcdsaKeyPair>,
    random: SystemRandom,
}

impl Signer {
    /// The key of a private JWK; none when a member is missing or malformed or the public part is another key's.
    pub(crate) fn from_jwk(jwk: &Jwk) -> Option<Self> {
        let mut public = Vec::with_capacity(1 + 2 * PART);
        public.push(4);
        public.extend_from_slice(part(jwk, "x")?.as_ref());
        public.extend_from_slice(part(jwk, "y")?.as_ref());
        let private = part(jwk, "d")?;
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let key =
            EcdsaKeyPair::from_private_key_and_public_key(algorithm, private.as_ref(), &public, &random);
        Some(Self { key: Arc::new(key.ok()?), random })
    }
}

/// A member as a number of fixed length. JWKs that leave out leading zeros are not right, but they exist.
fn part(jwk: &Jwk, name: &str) -> Option<Zeroizing<[u8; PART]>> {
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(jwk.parameter(name)?.as_str()?).ok()?);
    let mut fixed = Zeroizing::new([0; PART]);
    fixed.get_mut(PART.checked_sub(bytes.len())?..)?.copy_from_slice(&bytes);
    Some(fixed)
}

impl JwsSigner for Signer {
    fn algorithm(&self) -> &dyn JwsAlgorithm {
        &ES256
    }

    fn key_id(&self) -> Option<&str> {
        None
    }

    fn signature_len(&self) -> usize {
        2 * PART
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, JoseError> {
        let signature = self.key.sign(&self.random, message);
        let failed = |_| JoseError::InvalidSignature(std::io::Error::other("ring did not sign").into());
        Ok(signature.map_err(failed)?.as_ref().to_vec())
    }

    fn box_clone(&self) -> Box<dyn JwsSigner> {
        Box::new(self.clone())
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(ES256)")
    }
}

#[cfg(test)]
mod tests {
    use josekit::jwk::KeyPair as _;
    use josekit::jws::JwsVerifier as _;

    use super::*;

    #[test]
    fn josekit_verifies_what_ring_signs() {
        for _ in 0..300 {
            let jwk = ES256.generate_key_pair().unwrap().to_jwk_key_pair();
            let signature = Signer::from_jwk(&jwk).unwrap().sign(b"message").unwrap();
            let verifier = ES256.verifier_from_jwk(&jwk).unwrap();
            assert!(verifier.verify(b"message", &signature).is_ok());
            assert!(verifier.verify(b"massage", &signature).is_err());
        }
    }

    #[test]
    fn a_key_with_anothers_public_part_is_refused() {
        let jwk = |_| ES256.generate_key_pair().unwrap().to_jwk_key_pair();
        let [mut one, other] = [(); 2].map(jwk);
        one.set_parameter("x", other.parameter("x").cloned()).unwrap();
        one.set_parameter("y", other.parameter("y").cloned()).unwrap();
        assert!(Signer::from_jwk(&one).is_none());
    }

    #[test]
    fn leading_zeros_may_be_missing_and_nothing_may_be_too_long() {
        let mut jwk = Jwk::new("EC");
        jwk.set_parameter("d", Some("AQ".into())).unwrap();
        jwk.set_parameter("x", Some(URL_SAFE_NO_PAD.encode([1; 33]).into())).unwrap();
        assert_eq!(part(&jwk, "d").unwrap().last(), Some(&1));
        assert!(part(&jwk, "x").is_none() && part(&jwk, "y").is_none());
    }
}
