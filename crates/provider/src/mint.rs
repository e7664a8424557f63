//! Access tokens and ID tokens, made and signed.
//!
//! Owns: putting together what tokens say and signing it with the client's algorithm; encrypting for clients that
//! registered it; the row of a grant. Not here: when tokens are given (`token`, `authorize`), what the claims are
//! (`oidc::claims`). Nothing here may run while a unit of work is open.

use std::sync::Arc;

use app::Refusal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{AccessTokenFormat, Account, Client, Encryption, Grant, SigningAlg, Timestamp};
use oidc::claims::{AccessToken, Audience, Confirmation, IdToken, left_half, of_person};
use oidc::token::Authorization;

use crate::Provider;

/// Binds opaque access tokens to what they are.
pub(crate) const OPAQUE: &[u8] = b"access token";
/// Signs access tokens (RFC 9068), which no client verifies.
const ACCESS_ALG: SigningAlg = SigningAlg::ES256;

/// An access token, ready to be sent.
pub(crate) struct Minted {
    pub text: String,
    /// Seconds.
    pub expires_in: u64,
}

/// What stands beside an ID token.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct IdTokenWith<'a> {
    /// The request's nonce.
    pub nonce: Option<&'a str>,
    /// The access token in the same answer.
    pub access_token: Option<&'a str>,
    /// The code in the same answer.
    pub code: Option<&'a str>,
    /// The `state` of the same answer, where it is to be hashed in.
    pub state: Option<&'a str>,
    /// The claims that scopes hold belong in it, as no access token could fetch them (OpenID Connect Core §5.4).
    pub scope_claims: bool,
}

impl Provider {
    /// An access token for what a person authorized; with `jkt` only for the holder of that key.
    ///
    /// # Errors
    /// No key can sign.
    pub(crate) fn access_token(
        &self,
        client: &Client,
        who: &Authorization,
        jkt: Option<&str>,
    ) -> Result<Minted, Refusal> {
        let now = self.app().wall();
        let tail = URL_SAFE_NO_PAD.encode(self.app().entropy().bytes::<6>());
        let claims = AccessToken {
            sub: self.subject_of(client, &who.account)?,
            aud: Audience::of(&who.resources, self.app().issuer().as_str()),
            jti: format!("{}.{tail}", who.grant),
            scope: who.scope.clone(),
            auth_time: Some(who.auth_time.min(now).seconds()),
            acr: Some(who.acr.as_str().to_owned()),
            userinfo_claims: who.userinfo_claims.clone(),
            ..self.bare_claims(client, jkt, now)
        };
        self.minted(client, &claims)
    }

    /// An access token for a client that acts for itself; it hangs on no grant.
    ///
    /// # Errors
    /// No key can sign.
    pub(crate) fn client_token(
        &self,
        client: &Client,
        scope: String,
        resources: &[String],
        jkt: Option<&str>,
    ) -> Result<Minted, Refusal> {
        let claims = AccessToken {
            sub: client.id.as_str().to_owned(),
            aud: Audience::of(resources, self.app().issuer().as_str()),
            jti: URL_SAFE_NO_PAD.encode(self.app().entropy().bytes::<16>()),
            scope,
            ..self.bare_claims(client, jkt, self.app().wall())
        };
        self.minted(client, &claims)
    }

    fn bare_claims(&self, client: &Client, jkt: Option<&str>, now: Timestamp) -> AccessToken {
        AccessToken {
            iss: self.app().issuer().as_str().to_owned(),
            sub: String::new(),
            aud: Audience::Many(Vec::new()),
            exp: now.after(self.settings().access_token_life).seconds(),
            iat: now.seconds(),
            jti: String::new(),
            client_id: client.id.as_str().to_owned(),
            scope: String::new(),
            auth_time: None,
            acr: None,
            cnf: jkt.map(|jkt| Confirmation { jkt: jkt.to_owned() }),
            userinfo_claims: Vec::new(),
        }
    }

    fn minted(&self, client: &Client, claims: &AccessToken) -> Result<Minted, Refusal> {
        let payload = serde_json::to_vec(claims).map_err(|e| Refusal::Corrupt(e.to_string()))?;
        let text = match client.metadata.access_token_format {
            AccessTokenFormat::Jwt => self.app().keys().current(ACCESS_ALG)?.sign("at+jwt", &payload)?,
            AccessTokenFormat::Opaque => {
                URL_SAFE_NO_PAD.encode(self.access_tokens().try_seal(OPAQUE, &payload)?)
            }
        };
        Ok(Minted { text, expires_in: self.settings().access_token_life.as_secs() })
    }

    /// An ID token (OpenID Connect Core §2), signed with the client's algorithm and encrypted if it wants that.
    ///
    /// # Errors
    /// No key can sign, or the client's keys cannot be had.
    pub(crate) async fn id_token(
        &self,
        client: &Client,
        account: &Account,
        who: &Authorization,
        with: IdTokenWith<'_>,
    ) -> Result<String, Refusal> {
        // What relying parties compare with their own clocks.
        let now = self.app().wall();
        let alg = client.id_token_alg;
        let hash = |text: Option<&str>| text.map(|text| left_half(alg, text));
        let (at_hash, c_hash, s_hash) = (hash(with.access_token), hash(with.code), hash(with.state));
        let (sub, sid) = (self.subject_of(client, &who.account)?, who.session.to_string());
        let scope = if with.scope_claims { who.scope.as_str() } else { "" };
        // Nothing is asked of the store where no scope tells anything.
        let decisions = if scope.is_empty() { Arc::default() } else { self.app().policies().now().await? };
        let personal = of_person(account, scope, &who.id_token_claims, &decisions.claims);
        let claims = IdToken {
            iss: self.app().issuer().as_str(),
            sub: &sub,
            aud: client.id.as_str(),
            exp: now.after(self.settings().id_token_life).seconds(),
            iat: now.seconds(),
            auth_time: who.auth_time.min(now).seconds(),
            nonce: with.nonce,
            acr: who.acr.as_str(),
            amr: &who.amr,
            at_hash: at_hash.as_deref(),
            c_hash: c_hash.as_deref(),
            s_hash: s_hash.as_deref(),
            sid: &sid,
            personal: &personal,
        };
        let payload = serde_json::to_vec(&claims).map_err(|e| Refusal::Corrupt(e.to_string()))?;
        let signed = self.app().keys().current(alg)?.sign("JWT", &payload)?;
        match client.metadata.id_token_encryption {
            None => Ok(signed),
            Some(how) => self.encrypted(client, how, signed.as_bytes(), Some("JWT")).await,
        }
    }

    /// Encrypts something for a client, with a key of its own.
    ///
    /// # Errors
    /// The client's keys cannot be had, or none fits.
    pub(crate) async fn encrypted(
        &self,
        client: &Client,
        how: Encryption,
        content: &[u8],
        cty: Option<&str>,
    ) -> Result<String, Refusal> {
        let unusable = |why: String| Refusal::Unavailable(format!("keys of the client {}: {why}", client.id));
        let mut keys = self.client_keys(client).await.map_err(|e| unusable(e.to_string()))?;
        if keys.encryption_key(how.alg).is_none() {
            keys = self.client_keys_again(client).await.map_err(|e| unusable(e.to_string()))?;
        }
        let key = keys
            .encryption_key(how.alg)
            .ok_or_else(|| unusable(format!("none to encrypt with {}", how.alg.as_str())))?;
        jose::encrypt(key, how.enc, content, cty).map_err(|e| unusable(e.to_string()))
    }

    /// The row of what a person authorized; tokens of it end at `ends_at` at the latest.
    pub(crate) fn grant_row(&self, who: &Authorization, now: Timestamp, ends_at: Timestamp) -> Grant {
        Grant {
            id: who.grant,
            account: who.account,
            client: who.client.clone(),
            session: who.session,
            scope: who.scope.clone(),
            created_at: now,
            // As long as a token of it could still come, also one that a node with its clock ahead has made.
            expires_at: now.after(self.settings().access_token_life).max(ends_at),
            revoked_at: None,
        }
    }
}
