//! A token becomes claims.
//!
//! Owns: verifying access tokens of ours and answering userinfo (OpenID Connect Core §5.3). Not here: finding
//! the token in a request (`oidc::bearer`), what the claims are (`oidc::claims`).

use app::{Change, Refusal};
use bytes::Bytes;
use domain::{GrantId, Timestamp};
use oidc::claims::{AccessToken, of_person};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use store::StoreError;

use crate::Provider;
use crate::caches::VerifiedToken;

/// Why there are no claims.
#[derive(Debug)]
pub enum UserinfoRefused {
    /// The token is not good, whatever the reason (RFC 6750 §3.1 `invalid_token`).
    InvalidToken,
    /// It is not the token's fault.
    Later(Refusal),
}

impl From<Refusal> for UserinfoRefused {
    fn from(refusal: Refusal) -> Self {
        Self::Later(refusal)
    }
}
impl From<StoreError> for UserinfoRefused {
    fn from(error: StoreError) -> Self {
        Self::Later(error.into())
    }
}

impl Provider {
    /// Answers the claims of the person that an access token stands for, as a JSON body.
    ///
    /// # Errors
    /// See [`UserinfoRefused`].
    pub async fn userinfo(&self, token: &str) -> Result<Bytes, UserinfoRefused> {
        let key: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        // Tokens end by the clock that is written into them.
        let now = self.app().wall();
        let tokens = self.caches().tokens();
        if let Some(known) = tokens.find(&key) {
            if now < known.expires_at {
                return Ok(known.answer);
            }
            return Err(UserinfoRefused::InvalidToken);
        }
        let mark = tokens.mark();
        let (claims, grant_id) = self.verified(token, now).ok_or(UserinfoRefused::InvalidToken)?;
        let mut view = self.app().store().read().await?;
        let (grant, account) = view.grant(&grant_id).await?.ok_or(UserinfoRefused::InvalidToken)?;
        // The end of a session revokes its grants; one that was being made just then is found here.
        let session = view.session(&grant.session).await?;
        drop(view);
        let client = self.app().clients().find(&grant.client).await?;
        let is_good = grant.revoked_at.is_none()
            && session.is_some_and(|session| session.ended.is_none())
            && account.is_active()
            && client.is_some_and(|client| client.is_enabled)
            && grant.client.as_str() == claims.client_id
            && account.id.to_string() == claims.sub;
        if !is_good {
            return Err(UserinfoRefused::InvalidToken);
        }
        let mut answer = of_person(&account, &claims.scope, &claims.userinfo_claims);
        answer.insert("sub".to_owned(), Value::String(claims.sub));
        let answer = serde_json::to_vec(&answer).map_err(|e| Refusal::Corrupt(e.to_string()))?;
        let answer = Bytes::from(answer);
        let expires_at = Timestamp::from_seconds(claims.exp);
        let subjects = vec![
            Change::Grant(grant.id),
            Change::Session(grant.session),
            Change::Account(account.id),
            Change::Client(grant.client),
        ];
        tokens.keep(key, VerifiedToken { answer: answer.clone(), expires_at }, subjects, mark);
        Ok(answer)
    }

    /// What an access token says, if it is one of ours, for us, and its time is not over.
    fn verified(&self, token: &str, now: Timestamp) -> Option<(AccessToken, GrantId)> {
        let token = jose::Unverified::parse(token).ok()?;
        let key = self.app().keys().by_kid(token.kid()?)?;
        let payload = token.verify(key.public(), "at+jwt").ok()?;
        let claims = jose::strict::object(&payload)?;
        let claims: AccessToken = serde_json::from_value(Value::Object(claims)).ok()?;
        let issuer = self.app().issuer().as_str();
        let is_ours = claims.iss == issuer && claims.aud == issuer;
        let is_in_time = now < Timestamp::from_seconds(claims.exp);
        if !is_ours || !is_in_time || !claims.scope.split(' ').any(|scope| scope == "openid") {
            return None;
        }
        let grant = claims.jti.split_once('.')?.0.parse().ok()?;
        Some((claims, grant))
    }
}
