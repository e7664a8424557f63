//! EdDSA with Ed25519 (RFC 8037) by ring, behind josekit's traits.
//!
//! ring signs several times as fast as OpenSSL and refuses signatures in a form that is not the canonical one.
//! Not here: keys and their JWK form (`key`).

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::JoseError;
use josekit::jwk::Jwk;
use josekit::jws::alg::eddsa::EddsaJwsAlgorithm::Eddsa;
use josekit::jws::{JwsAlgorithm, JwsSigner, JwsVerifier};
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use zeroize::Zeroizing;

/// Bytes of a signature.
const SIGNATURE: usize = 64;

/// A private Ed25519 key, shared by all threads.
#[derive(Clone)]
pub(crate) struct Signer(Arc<Ed25519KeyPair>);

impl Signer {
    /// The key of a private JWK; none when a member is missing or malformed or the public part is another key's.
    pub(crate) fn from_jwk(jwk: &Jwk) -> Option<Self> {
        let (seed, public) = (member(jwk, "d")?, member(jwk, "x")?);
        let key = Ed25519KeyPair::from_seed_and_public_key(seed.as_ref(), public.as_ref());
        Some(Self(Arc::new(key.ok()?)))
    }
}

/// A public Ed25519 key.
#[derive(Clone)]
pub(crate) struct Verifier([u8; 32]);

impl Verifier {
    /// The key of a JWK; none when its member is missing or malformed.
    pub(crate) fn from_jwk(jwk: &Jwk) -> Option<Self> {
        Some(Self(*member(jwk, "x")?))
    }
}

/// A member of exactly 32 bytes (RFC 8037 §2).
fn member(jwk: &Jwk, name: &str) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(jwk.parameter(name)?.as_str()?).ok()?);
    Some(Zeroizing::new(bytes.as_slice().try_into().ok()?))
}

impl JwsSigner for Signer {
    fn algorithm(&self) -> &dyn JwsAlgorithm {
        &Eddsa
    }

    fn key_id(&self) -> Option<&str> {
        None
    }

    fn signature_len(&self) -> usize {
        SIGNATURE
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, JoseError> {
        Ok(self.0.sign(message).as_ref().to_vec())
    }

    fn box_clone(&self) -> Box<dyn JwsSigner> {
        Box::new(self.clone())
    }
}

impl JwsVerifier for Verifier {
    fn algorithm(&self) -> &dyn JwsAlgorithm {
        &Eddsa
    }

    fn key_id(&self) -> Option<&str> {
        None
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), JoseError> {
        let wrong = |_| JoseError::InvalidSignature(std::io::Error::other("not the key's").into());
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).map_err(wrong)
    }

    fn box_clone(&self) -> Box<dyn JwsVerifier> {
        Box::new(self.clone())
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(EdDSA)")
    }
}
impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(EdDSA)")
    }
}

#[cfg(test)]
mod tests {
    use josekit::jwk::KeyPair as _;
    use josekit::jwk::alg::ed::EdCurve;

    use super::*;

    #[test]
    fn josekit_verifies_what_ring_signs_and_the_other_way_round() {
        for _ in 0..50 {
            let jwk = Eddsa.generate_key_pair(EdCurve::Ed25519).unwrap().to_jwk_key_pair();
            let (ours, theirs) = (Signer::from_jwk(&jwk).unwrap(), Eddsa.signer_from_jwk(&jwk).unwrap());
            let signature = ours.sign(b"message").unwrap();
            assert!(Eddsa.verifier_from_jwk(&jwk).unwrap().verify(b"message", &signature).is_ok());
            let verifier = Verifier::from_jwk(&jwk).unwrap();
            let signature = theirs.sign(b"message").unwrap();
            assert!(verifier.verify(b"message", &signature).is_ok());
            assert!(verifier.verify(b"massage", &signature).is_err());
        }
    }

    #[test]
    fn the_example_of_rfc_8037_a_4() {
        let mut jwk = Jwk::new("OKP");
        jwk.set_parameter("d", Some("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A".into())).unwrap();
        jwk.set_parameter("x", Some("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".into())).unwrap();
        let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = Signer::from_jwk(&jwk).unwrap().sign(message).unwrap();
        assert_eq!(
            URL_SAFE_NO_PAD.encode(signature),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        );
    }

    #[test]
    fn a_key_with_anothers_public_part_is_refused() {
        let jwk = |_| Eddsa.generate_key_pair(EdCurve::Ed25519).unwrap().to_jwk_key_pair();
        let [mut one, other] = [(); 2].map(jwk);
        one.set_parameter("x", other.parameter("x").cloned()).unwrap();
        assert!(Signer::from_jwk(&one).is_none());
    }
}
