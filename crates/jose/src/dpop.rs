//! DPoP proofs (RFC 9449 §4): a token that brings the key it is signed with.
//!
//! Owns: that the proof is signed by its own key, and that key's thumbprint. Not here: what the claims must say
//! (`oidc::dpop`), that a proof is used once (`provider::dpop`).

use serde_json::{Map, Value};

use crate::key::algs_of;
use crate::key_set::holds_secret;
use crate::{JwsError, Types, Unverified, VerifyingKey, strict};
use domain::SigningAlg;

const TYPES: Types = Types { allowed: &["dpop+jwt"], may_lack: false };

/// A proof that its own key signed. Its claims are still to be checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Proof {
    /// The RFC 7638 thumbprint of the key: `cnf.jkt` of tokens bound to it.
    pub jkt: String,
    /// The claims as sent.
    pub claims: Map<String, Value>,
}

impl Proof {
    /// Reads a proof and verifies it with the public `jwk` of its header (RFC 9449 §4.3, steps 1 to 7).
    ///
    /// # Errors
    /// Malformed; of another type; signed with an algorithm that is not ours, or not asymmetric; the key is none,
    /// private, or not the one that signed.
    pub fn parse(token: &str) -> Result<Self, JwsError> {
        let token = Unverified::parse_with_key(token)?;
        token.check_type(TYPES)?;
        let alg = token.alg().and_then(SigningAlg::from_word).ok_or(JwsError::WrongAlgorithm)?;
        let jwk = token.member("jwk").filter(|jwk| jwk.is_object()).ok_or(JwsError::Malformed)?;
        if jwk.as_object().is_some_and(holds_secret) {
            return Err(JwsError::RefusedMember);
        }
        if !algs_of(jwk).is_ok_and(|fitting| fitting.contains(&alg))
            || jwk.get("alg").is_some_and(|said| said.as_str().and_then(SigningAlg::from_word) != Some(alg))
        {
            return Err(JwsError::WrongAlgorithm);
        }
        let key = VerifyingKey::with_alg(jwk, alg).map_err(|_| JwsError::Malformed)?;
        let payload = token.verify_bare(&key)?;
        let claims = strict::object(&payload).ok_or(JwsError::Malformed)?;
        Ok(Self { jkt: key.kid().to_owned(), claims })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;
    use crate::SigningKey;

    fn proof(key: &SigningKey, header: &Value, payload: &str) -> String {
        let message =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(payload));
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(key.sign_bytes(message.as_bytes()).unwrap()))
    }

    #[test]
    fn the_newer_name_of_ed25519_is_understood() {
        let key = SigningKey::generate(SigningAlg::EdDSA).unwrap();
        let mut jwk = key.public_jwk();
        for alg in ["EdDSA", "Ed25519"] {
            jwk["alg"] = alg.into();
            let header = json!({"typ": "dpop+jwt", "alg": "Ed25519", "jwk": jwk});
            assert_eq!(Proof::parse(&proof(&key, &header, "{}")).unwrap().jkt, key.kid());
        }
    }

    fn usual(key: &SigningKey) -> Value {
        json!({"typ": "dpop+jwt", "alg": key.alg().as_str(), "jwk": key.public_jwk()})
    }

    #[test]
    fn a_proof_is_verified_with_the_key_it_brings() {
        for alg in SigningAlg::ALL {
            let key = SigningKey::generate(*alg).unwrap();
            let read = Proof::parse(&proof(&key, &usual(&key), r#"{"jti":"1"}"#)).unwrap();
            assert_eq!((read.jkt.as_str(), &read.claims["jti"]), (key.kid(), &json!("1")));
            let other = SigningKey::generate(*alg).unwrap();
            let forged = proof(&other, &usual(&key), "{}");
            assert_eq!(Proof::parse(&forged), Err(JwsError::WrongSignature));
        }
    }

    #[test]
    fn the_example_of_rfc_9449() {
        let example = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
        let read = Proof::parse(example).unwrap();
        assert_eq!(read.jkt, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
        assert_eq!(read.claims["htm"], "POST");
    }

    #[test]
    fn sec_118_a_proof_by_anything_but_a_public_key_of_its_own_is_refused() {
        let key = SigningKey::generate(SigningAlg::ES256).unwrap();
        let with = |name: &str, value: Value| {
            let mut header = usual(&key);
            header[name] = value;
            Proof::parse(&proof(&key, &header, "{}"))
        };
        let whole: Value = serde_json::from_slice(&key.to_private_jwk()).unwrap();
        assert_eq!(with("jwk", whole), Err(JwsError::RefusedMember));
        assert_eq!(with("jwk", json!({"kty": "oct", "k": "AA"})), Err(JwsError::RefusedMember));
        for jwk in [json!(null), json!("x"), json!([])] {
            assert_eq!(with("jwk", jwk), Err(JwsError::Malformed));
        }
        assert_eq!(with("jwk", json!({})), Err(JwsError::WrongAlgorithm));
        for alg in ["none", "HS256", "RS256", "ES384", ""] {
            assert_eq!(with("alg", json!(alg)), Err(JwsError::WrongAlgorithm), "{alg}");
        }
        for member in ["crit", "jku", "x5c", "x5u", "b64", "zip"] {
            assert_eq!(with(member, json!(["x"])), Err(JwsError::RefusedMember), "{member}");
        }
        let lacking = proof(&key, &json!({"typ": "dpop+jwt", "alg": "ES256"}), "{}");
        assert_eq!(Proof::parse(&lacking), Err(JwsError::Malformed));
        let claims = proof(&key, &usual(&key), r#"{"jti":"1","jti":"2"}"#);
        assert_eq!(Proof::parse(&claims), Err(JwsError::Malformed));
    }

    #[test]
    fn sec_119_no_token_of_another_type_is_a_proof() {
        let key = SigningKey::generate(SigningAlg::ES256).unwrap();
        for typ in [json!("JWT"), json!("at+jwt"), json!(null), json!("")] {
            let header = json!({"typ": typ, "alg": "ES256", "jwk": key.public_jwk()});
            assert_eq!(Proof::parse(&proof(&key, &header, "{}")), Err(JwsError::WrongType), "{typ}");
        }
        let without = json!({"alg": "ES256", "jwk": key.public_jwk()});
        assert_eq!(Proof::parse(&proof(&key, &without, "{}")), Err(JwsError::WrongType));
        // And the other way round: a proof brings a key, which nothing else may.
        let token = proof(&key, &usual(&key), "{}");
        assert_eq!(Unverified::parse(&token).map(|_| ()), Err(JwsError::RefusedMember));
    }
}
