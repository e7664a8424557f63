//! The token endpoint: what is common to all grants.
//!
//! Owns: the order of phases (client, possession of a key, the grant), the answer, and who redeems what. Not here:
//! reading the request and what it is checked against (`oidc::token`), the client's proof (`client_auth`), making
//! tokens (`mint`).

mod client;
mod code;
pub(crate) mod read;
pub(crate) mod refresh;

use app::Refusal;
use bytes::Bytes;
use domain::{Account, Client, ClientAddress, GrantType};
use oidc::claims::OFFLINE_ACCESS;
use oidc::token::{Authorization, Exchange};
use oidc::{ErrorCode, OAuthError, Params, client_auth, dpop};
use serde::Serialize;
use store::StoreError;

use crate::Provider;
use crate::client_auth::ClientAsked;
use crate::dpop::{ProofAsked, ProofRefused};
use crate::mint::{IdTokenWith, Minted};

/// A token request as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct TokenAsked<'r> {
    /// The `Authorization` header.
    pub authorization: Option<&'r str>,
    /// The form.
    pub params: &'r Params,
    /// The `DPoP` header.
    pub proof: Option<&'r str>,
    /// From where.
    pub address: ClientAddress,
}

/// Why there are no tokens.
#[derive(Debug)]
pub enum TokenRefused {
    /// The client did not prove itself.
    Client(client_auth::Refused),
    /// What it asked for is not given.
    Error(OAuthError),
    /// It is not the client's fault.
    Later(Refusal),
}

impl From<OAuthError> for TokenRefused {
    fn from(error: OAuthError) -> Self {
        Self::Error(error)
    }
}
impl From<Refusal> for TokenRefused {
    fn from(refusal: Refusal) -> Self {
        Self::Later(refusal)
    }
}
impl From<StoreError> for TokenRefused {
    fn from(error: StoreError) -> Self {
        Self::Later(error.into())
    }
}
impl From<ProofRefused> for TokenRefused {
    fn from(refused: ProofRefused) -> Self {
        match refused {
            ProofRefused::Error(error) => Self::Error(error),
            ProofRefused::Later(refusal) => Self::Later(refusal),
        }
    }
}

/// What a proved client is answered with.
#[derive(Serialize)]
struct Answer<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'a str,
}

/// Who asks, and what is known of the request.
#[derive(Clone, Copy)]
struct Asking<'r> {
    client: &'r Client,
    /// The key whose possession was proved.
    jkt: Option<&'r str>,
    address: ClientAddress,
}

const PROOF_MISSING: OAuthError = dpop::invalid("This client has to prove possession of a key");
const NOT_OURS: OAuthError = OAuthError::invalid_grant("The code or refresh token is not good");
const NOT_FOR_IT: OAuthError =
    OAuthError::new(ErrorCode::UnauthorizedClient, "The client is not registered for this grant_type");

impl Provider {
    /// Takes a token request (OpenID Connect Core §3.1.3, §12) and answers the JSON body.
    ///
    /// # Errors
    /// See [`TokenRefused`].
    pub async fn token(&self, asked: TokenAsked<'_>) -> Result<Bytes, TokenRefused> {
        let TokenAsked { authorization, params, proof, address } = asked;
        let client = ClientAsked { authorization, params, address, endpoint: "/token" };
        let client = self.authenticate(client).await?;
        let exchange = Exchange::read(params)?;
        let grant_type = match &exchange {
            Exchange::Code(_) => GrantType::AuthorizationCode,
            Exchange::Refresh(_) => GrantType::RefreshToken,
            Exchange::Client(_) => GrantType::ClientCredentials,
        };
        if !client.metadata.may_use(grant_type) {
            return Err(NOT_FOR_IT.into());
        }
        // A proof is remembered, and anybody can ask in a public client's name: only who has something of ours.
        let has_something = match &exchange {
            Exchange::Code(exchange) => self.is_code(&exchange.code),
            Exchange::Refresh(exchange) => self.refresh_token(&exchange.token)?.is_some(),
            Exchange::Client(_) => true,
        };
        if proof.is_some() && client.is_public() && !has_something {
            return Err(NOT_OURS.into());
        }
        let jkt = self.proved(ProofAsked { proof, method: "POST", path: "/token" }, None).await?;
        if client.metadata.requires_dpop && jkt.is_none() {
            return Err(PROOF_MISSING.into());
        }
        let asking = Asking { client: &client, jkt: jkt.as_deref(), address };
        match exchange {
            Exchange::Code(exchange) => self.redeem(asking, &exchange).await,
            Exchange::Refresh(exchange) => self.refresh(asking, &exchange).await,
            Exchange::Client(exchange) => Ok(self.for_itself(asking, &exchange)?),
        }
    }

    /// Access token and ID token for what a person authorized, ready to be sent.
    async fn tokens(
        &self,
        asking: Asking<'_>,
        account: &Account,
        who: &Authorization,
        beside: Beside<'_>,
    ) -> Result<Bytes, Refusal> {
        let access = self.access_token(asking.client, who, asking.jkt)?;
        let id_token = if who.has_scope("openid") {
            let with = IdTokenWith {
                nonce: beside.nonce,
                access_token: Some(&access.text),
                ..IdTokenWith::default()
            };
            Some(self.id_token(asking.client, account, who, with).await?)
        } else {
            None
        };
        answer(asking, &access, &who.scope, id_token.as_deref(), beside.refresh_token)
    }
}

/// What an answer for a person holds besides.
#[derive(Clone, Copy, Default)]
struct Beside<'a> {
    nonce: Option<&'a str>,
    refresh_token: Option<&'a str>,
}

fn answer(
    asking: Asking<'_>,
    access: &Minted,
    scope: &str,
    id_token: Option<&str>,
    refresh_token: Option<&str>,
) -> Result<Bytes, Refusal> {
    let answer = Answer {
        access_token: &access.text,
        token_type: if asking.jkt.is_some() { "DPoP" } else { "Bearer" },
        expires_in: access.expires_in,
        id_token,
        refresh_token,
        scope,
    };
    let body = serde_json::to_vec(&answer).map_err(|e| Refusal::Corrupt(e.to_string()))?;
    Ok(Bytes::from(body))
}

/// Whether a client may be given refresh tokens for what a person authorized.
fn may_refresh(client: &Client, who: &Authorization) -> bool {
    who.is_offline()
        && client.metadata.may_use(GrantType::RefreshToken)
        && client.scopes.iter().any(|scope| scope == OFFLINE_ACCESS)
}
