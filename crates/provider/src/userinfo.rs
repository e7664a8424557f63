//! A token becomes claims.
//!
//! Owns: answering userinfo (OpenID Connect Core §5.3), plain, signed or encrypted as the client registered. Not
//! here: finding the token in a request (`oidc::bearer`), whether it is good (`token::read`), what the claims are
//! (`oidc::claims`).

use app::Refusal;
use bytes::Bytes;
use oidc::bearer::{Presented, Scheme};
use oidc::claims::of_person;
use oidc::{OAuthError, dpop};
use serde_json::Value;

use crate::Provider;
use crate::dpop::{ProofAsked, ProofRefused};
use crate::token::read::Good;

/// The type of signed answers: they are no ID tokens (RFC 8725 §3.11).
const TYPE: &str = "userinfo+jwt";

/// A request to userinfo.
#[derive(Debug, Clone, Copy)]
pub struct UserinfoAsked<'r> {
    /// The access token, and how it was presented.
    pub presented: Presented<'r>,
    /// The `DPoP` header.
    pub proof: Option<&'r str>,
    /// The request's method.
    pub method: &'r str,
}

/// What userinfo answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserinfoAnswer {
    /// `application/json`.
    Json(Bytes),
    /// `application/jwt`: signed, encrypted, or both.
    Jwt(Bytes),
}

/// Why there are no claims.
#[derive(Debug)]
pub enum UserinfoRefused {
    /// The token is not good, whatever the reason (RFC 6750 §3.1 `invalid_token`).
    InvalidToken,
    /// It is good, but not for this (RFC 6750 §3.1 `insufficient_scope`).
    InsufficientScope,
    /// The proof is not good, or needs a nonce (RFC 9449 §7.1, §9).
    Proof(OAuthError),
    /// It is not the token's fault.
    Later(Refusal),
}

impl From<Refusal> for UserinfoRefused {
    fn from(refusal: Refusal) -> Self {
        Self::Later(refusal)
    }
}
impl From<ProofRefused> for UserinfoRefused {
    fn from(refused: ProofRefused) -> Self {
        match refused {
            ProofRefused::Error(error) => Self::Proof(error),
            ProofRefused::Later(refusal) => Self::Later(refusal),
        }
    }
}

impl Provider {
    /// Answers the claims of the person that an access token stands for.
    ///
    /// # Errors
    /// See [`UserinfoRefused`].
    pub async fn userinfo(&self, asked: UserinfoAsked<'_>) -> Result<UserinfoAnswer, UserinfoRefused> {
        let Presented { token, scheme } = asked.presented;
        let good = self.good_token(token).await?.ok_or(UserinfoRefused::InvalidToken)?;
        match (&good.claims.cnf, scheme) {
            (None, Scheme::Bearer) => {}
            // Who has it without its key has stolen it; and no proof is asked for that binds nothing.
            (Some(_), Scheme::Bearer) | (None, Scheme::Dpop) => return Err(UserinfoRefused::InvalidToken),
            (Some(bound), Scheme::Dpop) => {
                let proof = ProofAsked { proof: asked.proof, method: asked.method, path: "/userinfo" };
                let jkt = self.proved(proof, Some(token)).await?;
                let jkt = jkt.ok_or(UserinfoRefused::Proof(dpop::invalid("The proof is missing")))?;
                if jkt != bound.jkt {
                    return Err(UserinfoRefused::InvalidToken);
                }
            }
        }
        if !good.claims.aud.has(self.app().issuer().as_str()) {
            return Err(UserinfoRefused::InvalidToken);
        }
        if !good.claims.has_scope("openid") {
            return Err(UserinfoRefused::InsufficientScope);
        }
        if let Some(ready) = good.userinfo.get() {
            return Ok(ready.clone());
        }
        let answer = self.claims_of(&good).await?;
        // Whoever was faster answered the same.
        Ok(good.userinfo.get_or_init(|| answer).clone())
    }

    async fn claims_of(&self, good: &Good) -> Result<UserinfoAnswer, UserinfoRefused> {
        let account = good.account.as_ref().ok_or(UserinfoRefused::InsufficientScope)?;
        let corrupt = |e: serde_json::Error| Refusal::Corrupt(e.to_string());
        let custom = &self.app().policies().now().await?.claims;
        let mut claims = of_person(account, &good.claims.scope, &good.claims.userinfo_claims, custom);
        claims.insert("sub".to_owned(), Value::String(good.claims.sub.clone()));
        let metadata = &good.client.metadata;
        let Some(alg) = metadata.userinfo_alg else {
            let plain = serde_json::to_vec(&claims).map_err(corrupt)?;
            return Ok(match metadata.userinfo_encryption {
                None => UserinfoAnswer::Json(plain.into()),
                Some(how) => {
                    UserinfoAnswer::Jwt(self.encrypted(&good.client, how, &plain, None).await?.into())
                }
            });
        };
        // OpenID Connect Core §5.3.2.
        claims.insert("iss".to_owned(), self.app().issuer().as_str().into());
        claims.insert("aud".to_owned(), good.client.id.as_str().into());
        let payload = serde_json::to_vec(&claims).map_err(corrupt)?;
        let signed = self.app().keys().current(alg)?.sign(TYPE, &payload).map_err(Refusal::from)?;
        Ok(UserinfoAnswer::Jwt(match metadata.userinfo_encryption {
            None => signed.into(),
            Some(how) => self.encrypted(&good.client, how, signed.as_bytes(), Some("JWT")).await?.into(),
        }))
    }
}
