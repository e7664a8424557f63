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
            || jwk.get("alg").is_some_and(|said| said.as_str() != Some(alg.as_str()))
        {
            return Err(JwsError::WrongAlgorithm);
        }
        let key = VerifyingKey::with_alg(jwk, alg).map_err(|_| JwsError::Malformed)?;
        let payload = token.verify_bare(&key)?;
        let claims = strict::object(&payload).ok_or(JwsError::Malformed)?;
        Ok(Self { jkt: key.kid().to_owned(), claims })
    }
}
