//! What a token is, for those that may know (RFC 7662, RFC 9701).
//!
//! Owns: whom a token is told about, and the answer, plain or signed. Not here: whether a token is good
//! (`token::read`).

use app::Refusal;
use bytes::Bytes;
use domain::{Client, ClientAddress, SigningAlg};
use oidc::Params;
use oidc::claims::{AccessToken, Audience};
use oidc::client_auth::{self, FAILED};
use oidc::introspection::{self as wire, Told};
use oidc::token::FamilyContent;

use crate::Provider;
use crate::client_auth::ClientAsked;
use crate::token::TokenRefused;
use crate::token::refresh::counts;

/// A question about a token.
#[derive(Debug, Clone, Copy)]
pub struct IntrospectionAsked<'r> {
    /// The `Authorization` header.
    pub authorization: Option<&'r str>,
    /// The form.
    pub params: &'r Params,
    /// From where.
    pub address: ClientAddress,
    /// `Accept` names [`wire::MEDIA_TYPE`].
    pub wants_jwt: bool,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntrospectionAnswer {
    /// `application/json`.
    Json(Bytes),
    /// `application/token-introspection+jwt`.
    Jwt(Bytes),
}

impl Provider {
    /// Answers whether a token is good, to the client it was given to and to the resource server it is for; to all
    /// others every token is none (SEC-120).
    ///
    /// # Errors
    /// See [`TokenRefused`].
    pub async fn introspect(
        &self,
        asked: IntrospectionAsked<'_>,
    ) -> Result<IntrospectionAnswer, TokenRefused> {
        let IntrospectionAsked { authorization, params, address, wants_jwt } = asked;
        let client = ClientAsked { authorization, params, address, endpoint: "/introspect" };
        let client = self.authenticate(client).await?;
        if client.is_public() {
            // Anybody could ask in its name (SEC-121).
            return Err(TokenRefused::Client(client_auth::Refused { error: FAILED, basic: false }));
        }
        let token = wire::token(params)?;
        let told = match self.told_of_access(&client, token).await? {
            Some(told) => Some(told),
            None => self.told_of_refresh(&client, token).await?,
        };
        let corrupt = |e: serde_json::Error| Refusal::Corrupt(e.to_string());
        if !wants_jwt {
            let body = serde_json::to_vec(&wire::answer(told.as_ref())).map_err(corrupt)?;
            return Ok(IntrospectionAnswer::Json(body.into()));
        }
        let claims = wire::signed(
            self.app().issuer().as_str(),
            client.id.as_str(),
            self.app().wall().seconds(),
            told.as_ref(),
        );
        let payload = serde_json::to_vec(&claims).map_err(corrupt)?;
        // RFC 9701 §6: RS256 where nothing was registered.
        let alg = client.metadata.introspection_alg.unwrap_or(SigningAlg::RS256);
        let key = self.app().keys().current(alg)?;
        let signed = key.sign(wire::TYPE, &payload).map_err(Refusal::from)?;
        Ok(IntrospectionAnswer::Jwt(signed.into()))
    }

    async fn told_of_access(&self, client: &Client, token: &str) -> Result<Option<Told>, Refusal> {
        let Some(good) = self.good_token(token).await? else { return Ok(None) };
        if !may_know(client, &good.claims) {
            return Ok(None);
        }
        Ok(Some(Told::of_access(&good.claims)))
    }

    async fn told_of_refresh(&self, client: &Client, token: &str) -> Result<Option<Told>, TokenRefused> {
        let Some(token) = self.refresh_token(token)? else { return Ok(None) };
        let Some((family, grant, account)) = self.family_of(&token.grant).await? else { return Ok(None) };
        let is_good = token.generation == family.generation
            && counts(&family, &grant, &account, self.app().now())
            && grant.client == client.id;
        if !is_good {
            return Ok(None);
        }
        let content: FamilyContent = serde_json::from_str(&family.content)
            .map_err(|e| Refusal::Corrupt(format!("refresh family {}: {e}", grant.id)))?;
        Ok(Some(Told {
            iss: self.app().issuer().as_str().to_owned(),
            sub: self.subject_of(client, &account.id)?,
            aud: Audience::One(self.app().issuer().as_str().to_owned()),
            client_id: client.id.as_str().to_owned(),
            scope: content.who.scope,
            exp: family.idle_ends_at.min(family.ends_at).seconds(),
            iat: Some(family.rotated_at.unwrap_or(grant.created_at).seconds()),
            ..Told::default()
        }))
    }
}

/// The client it was given to, and the resource server it is for.
fn may_know(client: &Client, claims: &AccessToken) -> bool {
    claims.client_id == client.id.as_str() || client.metadata.serves.iter().any(|name| claims.aud.has(name))
}
