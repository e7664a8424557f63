//! A client proves itself: for the token endpoint, pushed requests, introspection and revocation.
//!
//! Owns: finding the client, verifying its assertion and spending it, limiting and noting failures. Not here: what
//! was presented and what it must say (`oidc::client_auth`).

use std::sync::Arc;

use app::{Refusal, Rule, audit, throttle};
use domain::{
    AssertionAlg, AuditEntry, AuditEvent, Client, ClientAddress, ClientAuthMethod, Outcome, SecretHash,
    SigningAlg,
};
use jose::{JwsError, Types, Unverified};
use oidc::Params;
use oidc::client_auth::{self, FAILED, Presented, Refused, Shown, assertion};
use sha2::{Digest as _, Sha256};

use crate::{Provider, TokenRefused};

/// Types of client assertions (RFC 7523 says none; newer drafts say the second).
const ASSERTION: Types = Types { allowed: &["JWT", "client-authentication+jwt"], may_lack: true };
/// Seals the secrets of `client_secret_jwt`; the client's id is the associated data.
pub(crate) const CLIENT_SECRET: &str = "client secret";

/// What a client showed to prove itself, and where.
#[derive(Debug, Clone, Copy)]
pub struct ClientAsked<'r> {
    /// The `Authorization` header.
    pub authorization: Option<&'r str>,
    /// The form.
    pub params: &'r Params,
    /// From where.
    pub address: ClientAddress,
    /// The endpoint's path: `/token`.
    pub endpoint: &'static str,
}

impl Provider {
    /// The client that asks, proved by exactly its registered method (SEC-116).
    ///
    /// # Errors
    /// See [`TokenRefused`].
    pub async fn authenticate(&self, asked: ClientAsked<'_>) -> Result<Arc<Client>, TokenRefused> {
        let shown =
            client_auth::presented(asked.authorization, asked.params).map_err(TokenRefused::Client)?;
        match shown {
            Shown::Plain(presented) => self.known(&presented, None, asked).await,
            Shown::Assertion { token, client_id } => {
                let nobody = || TokenRefused::Client(Refused { error: FAILED, basic: false });
                let parsed = Unverified::parse(&token).map_err(|_| nobody())?;
                let named = unverified_claims(&token).as_ref().and_then(assertion::named);
                let named = named.ok_or_else(nobody)?;
                if client_id.is_some_and(|given| given != named) {
                    return Err(nobody());
                }
                let method = match parsed.alg() {
                    Some("HS256") => ClientAuthMethod::ClientSecretJwt,
                    _ => ClientAuthMethod::PrivateKeyJwt,
                };
                self.known(&Presented::by_assertion(named, method), Some(&parsed), asked).await
            }
        }
    }

    async fn known(
        &self,
        presented: &Presented,
        assertion: Option<&Unverified<'_>>,
        asked: ClientAsked<'_>,
    ) -> Result<Arc<Client>, TokenRefused> {
        let network = throttle::network(asked.address);
        let key = throttle::key(&[presented.client_id.as_str(), &network]);
        if presented.method != ClientAuthMethod::None {
            self.app().throttle().peek_or_alone(Rule::ClientAuthAddress, &key).await?;
        }
        let client = self.app().clients().find(&presented.client_id).await?;
        let mut verdict = client_auth::authenticate(client.as_deref(), presented);
        if let (Ok(()), Some(client), Some(token)) = (&verdict, &client, assertion)
            && let Err(why) = self.verified(client, token, asked.endpoint).await?
        {
            tracing::info!(client.id = %client.id, why, "A client assertion was refused");
            verdict = Err(Refused { error: FAILED, basic: false });
        }
        match (verdict, client) {
            (Ok(()), Some(client)) => Ok(client),
            (Ok(()), None) => Err(Refusal::Corrupt("nobody was authenticated".to_owned()).into()),
            (Err(refused), _) => {
                self.app().throttle().hit_or_alone(Rule::ClientAuthAddress, &key).await?;
                self.note_refusal(presented, asked.address, &network).await?;
                Err(TokenRefused::Client(refused))
            }
        }
    }

    /// Noted for unknown clients as for known ones, so that both take the same time (SEC-115); but one network does
    /// not fill the trail.
    async fn note_refusal(
        &self,
        presented: &Presented,
        address: ClientAddress,
        network: &str,
    ) -> Result<(), Refusal> {
        let all = throttle::key(&["", network]);
        if self.app().throttle().hit_or_alone(Rule::ClientAuthAddress, &all).await.is_err() {
            return Ok(());
        }
        let mut work = self.app().store().begin().await?;
        work.audit(AuditEntry {
            client: Some(presented.client_id.clone()),
            detail: audit::detail(presented.method.as_str()),
            ..audit::from(address, AuditEvent::ClientRefused, Outcome::Refused, self.app().now())
        })
        .await?;
        Ok(work.commit().await?)
    }

    /// Verifies an assertion and takes its one use (SEC-117). The inner `Err` is a word for the log.
    async fn verified(
        &self,
        client: &Client,
        token: &Unverified<'_>,
        endpoint: &'static str,
    ) -> Result<Result<(), &'static str>, Refusal> {
        let payload = match client.auth_method {
            ClientAuthMethod::ClientSecretJwt => self.verified_by_secret(client, token)?,
            ClientAuthMethod::PrivateKeyJwt => self.verified_by_key(client, token).await?,
            _ => None,
        };
        let Some(claims) = payload.as_deref().and_then(jose::strict::object) else {
            return Ok(Err("signature"));
        };
        let issuer = self.app().issuer();
        let endpoints = [issuer.url("/token"), issuer.url(endpoint)];
        let metadata = &client.metadata;
        let audiences = assertion::Audiences {
            issuer: issuer.as_str(),
            endpoints: &endpoints,
            // A client that registered the whole of FAPI 2.0 is held to all of it.
            is_strict: metadata.requires_par && metadata.requires_dpop,
        };
        let said = match assertion::check(&claims, &client.id, audiences, self.app().wall()) {
            Ok(said) => said,
            Err(why) => return Ok(Err(why)),
        };
        let mut once = Sha256::new();
        once.update(client.id.as_str().as_bytes());
        once.update([0]);
        once.update(said.jti.as_bytes());
        let once = SecretHash(once.finalize().into());
        // Its own unit: it is spent whatever becomes of the request.
        let mut work = self.app().store().begin().await?;
        if !work.spend_assertion(&once, said.ends_at).await? {
            return Ok(Err("jti was used before"));
        }
        work.commit().await?;
        Ok(Ok(()))
    }

    fn verified_by_secret(
        &self,
        client: &Client,
        token: &Unverified<'_>,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        if matches!(client.metadata.assertion_alg, Some(AssertionAlg::Asymmetric(_))) {
            return Ok(None);
        }
        let Some(sealed) = &client.metadata.sealed_secret else { return Ok(None) };
        let sealer = self.app().lasting_sealer(CLIENT_SECRET)?;
        let secret = sealer
            .open(client.id.as_str().as_bytes(), sealed)
            .ok_or_else(|| Refusal::Corrupt(format!("the sealed secret of client {}", client.id)))?;
        Ok(jose::verify_hs256(token, &secret, ASSERTION).ok())
    }

    async fn verified_by_key(
        &self,
        client: &Client,
        token: &Unverified<'_>,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        let one;
        let allowed = match client.metadata.assertion_alg {
            None => SigningAlg::ALL,
            Some(AssertionAlg::Asymmetric(alg)) => {
                one = [alg];
                &one[..]
            }
            Some(AssertionAlg::HS256) => return Ok(None),
        };
        let keys = match self.client_keys(client).await {
            Ok(keys) => keys,
            Err(error) => return self.no_keys(client, &error),
        };
        match keys.verify(token, allowed, ASSERTION) {
            Ok(payload) => Ok(Some(payload)),
            // It may have new keys.
            Err(JwsError::WrongKey | JwsError::WrongSignature) => {
                match self.client_keys_again(client).await {
                    Ok(keys) => Ok(keys.verify(token, allowed, ASSERTION).ok()),
                    Err(error) => self.no_keys(client, &error),
                }
            }
            Err(_) => Ok(None),
        }
    }

    /// Keys that cannot be fetched are the client's own affair: it is not let in, and nobody else learns why.
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "reads as the other ways to verify")]
    fn no_keys(&self, client: &Client, error: &crate::ClientKeysError) -> Result<Option<Vec<u8>>, Refusal> {
        tracing::warn!(client.id = %client.id, %error, "The keys of a client cannot be had");
        Ok(None)
    }
}

/// The claims of a JWT before anything was verified: only to find the client.
fn unverified_claims(token: &str) -> Option<serde_json::Map<String, serde_json::Value>> {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let payload = token.split('.').nth(1)?;
    jose::strict::object(&URL_SAFE_NO_PAD.decode(payload).ok()?)
}
