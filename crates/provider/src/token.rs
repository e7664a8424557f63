//! A code becomes tokens.
//!
//! Owns: authenticating the client, opening and spending the code, making the tokens. Not here: reading the
//! request and what it is checked against (`oidc::token`, `oidc::client_auth`).

use std::sync::Arc;

use app::{Change, Refusal, Rule, audit, throttle};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use domain::{
    Account, AuditEntry, AuditEvent, Client, ClientAddress, ClientAuthMethod, Grant, Outcome, SigningAlg,
    Timestamp,
};
use oidc::claims::{AccessToken, IdToken, at_hash, of_person};
use oidc::client_auth::{self, Presented};
use oidc::token::{CodeContent, CodeExchange, Exchange};
use oidc::{OAuthError, Params};
use serde::Serialize;
use store::{SignedIn, Spend, StoreError};

use crate::Provider;
use crate::authorize::{CODE, subjects};

/// A token request as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct TokenAsked<'r> {
    /// The `Authorization` header.
    pub authorization: Option<&'r str>,
    /// The form.
    pub params: &'r Params,
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

#[derive(Serialize)]
struct Answer<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
    id_token: &'a str,
    scope: &'a str,
}

const NO_GOOD: OAuthError = OAuthError::invalid_grant("The code is not good");

impl Provider {
    /// Takes a token request (OpenID Connect Core §3.1.3) and answers the JSON body.
    ///
    /// # Errors
    /// See [`TokenRefused`].
    pub async fn token(&self, asked: TokenAsked<'_>) -> Result<Bytes, TokenRefused> {
        let client = self.authenticated(asked).await?;
        match Exchange::read(asked.params)? {
            Exchange::Code(exchange) => self.redeem(&client, &exchange, asked.address).await,
        }
    }

    async fn authenticated(&self, asked: TokenAsked<'_>) -> Result<Arc<Client>, TokenRefused> {
        if asked.params.is_repeated("client_id") || asked.params.is_repeated("client_secret") {
            return Err(OAuthError::invalid_request("A parameter comes more than once").into());
        }
        let presented =
            client_auth::presented(asked.authorization, asked.params).map_err(TokenRefused::Client)?;
        let key = throttle::key(&[presented.client_id.as_str(), &throttle::network(asked.address)]);
        if presented.method != ClientAuthMethod::None {
            self.app().throttle().peek_or_alone(Rule::ClientAuthAddress, &key).await?;
        }
        let client = self.app().clients().find(&presented.client_id).await?;
        match (client_auth::authenticate(client.as_deref(), &presented), client) {
            (Ok(()), Some(client)) => Ok(client),
            (Ok(()), None) => Err(Refusal::Corrupt("nobody was authenticated".to_owned()).into()),
            (Err(refused), client) => {
                self.app().throttle().hit_or_alone(Rule::ClientAuthAddress, &key).await?;
                if client.is_some() {
                    self.note_refusal(&presented, asked.address).await?;
                }
                Err(TokenRefused::Client(refused))
            }
        }
    }

    async fn note_refusal(&self, presented: &Presented, address: ClientAddress) -> Result<(), Refusal> {
        let mut work = self.app().store().begin().await?;
        work.audit(AuditEntry {
            client: Some(presented.client_id.clone()),
            detail: audit::detail(presented.method.as_str()),
            ..audit::from(address, AuditEvent::ClientRefused, Outcome::Refused, self.app().now())
        })
        .await?;
        Ok(work.commit().await?)
    }

    async fn redeem(
        &self,
        client: &Client,
        exchange: &CodeExchange,
        address: ClientAddress,
    ) -> Result<Bytes, TokenRefused> {
        let now = self.app().now();
        let code = self.open(&exchange.code).ok_or(NO_GOOD)?;
        if let Err(error) = code.check(&client.id, exchange, now) {
            if code.client == client.id && now >= code.expires_at {
                self.revoke_if_spent(&code, address, now).await?;
            }
            return Err(error.into());
        }
        let who = self.still_signed_in(&code, now).await?.ok_or(NO_GOOD)?;
        // Signed before the unit is opened, so that nobody waits for us.
        let answer = self.tokens(client, &code, &who.account)?;
        let (grant, entry) = self.grant(&code, address, now);
        let mut work = self.app().store().begin().await?;
        match work.spend_code(&grant, now).await? {
            Spend::First => {
                work.audit(entry).await?;
                work.commit().await?;
                Ok(answer)
            }
            Spend::Again => {
                let event = AuditEvent::CodeReplayed;
                work.audit(AuditEntry { event, outcome: Outcome::Refused, ..entry }).await?;
                work.commit().await?;
                self.tell_revoked(&code).await;
                Err(OAuthError::invalid_grant("The code was used before").into())
            }
        }
    }

    fn open(&self, code: &str) -> Option<CodeContent> {
        let sealed = URL_SAFE_NO_PAD.decode(code).ok()?;
        serde_json::from_slice(&self.codes().open(CODE, &sealed)?).ok()
    }

    fn grant(&self, code: &CodeContent, address: ClientAddress, now: Timestamp) -> (Grant, AuditEntry) {
        let settings = self.settings();
        let grant = Grant {
            id: code.grant,
            account: code.account,
            client: code.client.clone(),
            session: code.session,
            scope: code.scope.clone(),
            created_at: now,
            // As long as a token of it or the code itself could still come, also one that a node with its clock
            // ahead has made.
            expires_at: now.after(settings.access_token_life).max(code.expires_at),
            revoked_at: None,
        };
        let entry = AuditEntry {
            account: Some(code.account),
            client: Some(code.client.clone()),
            session: Some(code.session),
            ..audit::from(address, AuditEvent::CodeRedeemed, Outcome::Done, now)
        };
        (grant, entry)
    }

    /// A code that came after its time may have been redeemed in time: then somebody has a copy of it.
    async fn revoke_if_spent(
        &self,
        code: &CodeContent,
        address: ClientAddress,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let mut work = self.app().store().begin().await?;
        if !work.revoke_grant(&code.grant, now).await? {
            return Ok(());
        }
        let (_, entry) = self.grant(code, address, now);
        let event = AuditEvent::CodeReplayed;
        work.audit(AuditEntry { event, outcome: Outcome::Refused, ..entry }).await?;
        work.commit().await?;
        self.tell_revoked(code).await;
        Ok(())
    }

    async fn tell_revoked(&self, code: &CodeContent) {
        tracing::warn!(client.id = %code.client, grant.id = %code.grant, "A code came twice: its tokens are revoked");
        self.app().tell(Change::Grant(code.grant)).await;
    }

    /// The person of a code, if account and session still count (SEC-109).
    async fn still_signed_in(
        &self,
        code: &CodeContent,
        now: Timestamp,
    ) -> Result<Option<Arc<SignedIn>>, Refusal> {
        let counts = |who: &Arc<SignedIn>| {
            let session = &who.session;
            who.account.is_active() && session.ended.is_none() && now < session.expires_at
        };
        let people = self.caches().people();
        if let Some(who) = people.find(&code.session) {
            return Ok(Some(who).filter(counts));
        }
        let mark = people.mark();
        let mut view = self.app().store().read().await?;
        let Some(session) = view.session(&code.session).await? else { return Ok(None) };
        let Some(account) = view.account(&code.account).await? else { return Ok(None) };
        drop(view);
        if session.account != account.id {
            return Ok(None);
        }
        let who = Arc::new(SignedIn { session, account, is_admin: false });
        if counts(&who) {
            people.keep(code.session, Arc::clone(&who), subjects(&who), mark);
            return Ok(Some(who));
        }
        Ok(None)
    }

    fn tokens(&self, client: &Client, code: &CodeContent, account: &Account) -> Result<Bytes, Refusal> {
        // What relying parties compare with their own clocks.
        let now = self.app().wall();
        let auth_time = code.auth_time.min(now).seconds();
        let corrupt = |e: serde_json::Error| Refusal::Corrupt(e.to_string());
        let settings = self.settings();
        let issuer = self.app().issuer().as_str();
        let (sub, sid) = (code.account.to_string(), code.session.to_string());
        let tail = URL_SAFE_NO_PAD.encode(self.app().entropy().bytes::<6>());
        let claims = AccessToken {
            iss: issuer.to_owned(),
            sub: sub.clone(),
            aud: issuer.to_owned(),
            exp: now.after(settings.access_token_life).seconds(),
            iat: now.seconds(),
            jti: format!("{}.{tail}", code.grant),
            client_id: client.id.as_str().to_owned(),
            scope: code.scope.clone(),
            auth_time,
            acr: code.acr.as_str().to_owned(),
            userinfo_claims: code.userinfo_claims.clone(),
        };
        let key = self.app().keys().current(SigningAlg::ES256)?;
        let access_token = key.sign("at+jwt", &serde_json::to_vec(&claims).map_err(corrupt)?)?;
        let personal = of_person(account, "", &code.id_token_claims);
        let id_claims = IdToken {
            iss: issuer,
            sub: &sub,
            aud: client.id.as_str(),
            exp: now.after(settings.id_token_life).seconds(),
            iat: now.seconds(),
            auth_time,
            nonce: code.nonce.as_deref(),
            acr: code.acr.as_str(),
            amr: &code.amr,
            at_hash: &at_hash(&access_token),
            sid: &sid,
            personal: &personal,
        };
        let key = self.app().keys().current(client.id_token_alg)?;
        let id_token = key.sign("JWT", &serde_json::to_vec(&id_claims).map_err(corrupt)?)?;
        let answer = Answer {
            access_token: &access_token,
            token_type: "Bearer",
            expires_in: settings.access_token_life.as_secs(),
            id_token: &id_token,
            scope: &code.scope,
        };
        Ok(Bytes::from(serde_json::to_vec(&answer).map_err(corrupt)?))
    }
}
