//! Access tokens that come back.
//!
//! Owns: verifying them, asking whether what they hang on still counts, and remembering that for a moment. Not
//! here: what a good one is good for (`userinfo`, `introspection`).

use std::sync::{Arc, OnceLock};

use app::{Change, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Account, Client, Grant, GrantId, SecretHash, Timestamp};
use oidc::claims::{AccessToken, OFFLINE_ACCESS};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::Provider;
use crate::mint::OPAQUE;
use crate::userinfo::UserinfoAnswer;

/// An access token that is good: ours, in its time, and not taken back.
pub(crate) struct Good {
    pub claims: AccessToken,
    /// Whose; none for a client that acts for itself.
    pub account: Option<Account>,
    pub client: Arc<Client>,
    pub expires_at: Timestamp,
    /// What userinfo answered, once it was asked.
    pub userinfo: OnceLock<UserinfoAnswer>,
    weight: u32,
}

impl Good {
    /// About how many bytes it takes.
    pub(crate) const fn weight(&self) -> u32 {
        self.weight
    }
}

impl Provider {
    /// What an access token stands for, if it is good.
    ///
    /// # Errors
    /// The store.
    pub(crate) async fn good_token(&self, token: &str) -> Result<Option<Arc<Good>>, Refusal> {
        let key: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        // Tokens end by the clock that is written into them.
        let now = self.app().wall();
        let tokens = self.caches().tokens();
        if let Some(known) = tokens.find(&key) {
            return Ok(Some(known).filter(|known| now < known.expires_at));
        }
        let mark = tokens.mark();
        let Some(claims) = self.signed_by_us(token, now) else { return Ok(None) };
        let found = match grant_of(&claims) {
            Some(grant) => self.of_grant(claims, &grant).await?,
            None => self.of_client(claims).await?,
        };
        let Some((good, mut subjects)) = found else { return Ok(None) };
        subjects.push(Change::Client(good.client.id.clone()));
        let good = Arc::new(good);
        tokens.keep(key, Arc::clone(&good), subjects, mark);
        Ok(Some(good))
    }

    async fn of_grant(
        &self,
        claims: AccessToken,
        grant: &GrantId,
    ) -> Result<Option<(Good, Vec<Change>)>, Refusal> {
        let mut view = self.app().store().read().await?;
        let Some((grant, account)) = view.grant(grant).await? else { return Ok(None) };
        // The end of a session revokes its grants; one that was being made just then is found here.
        let session = view.session(&grant.session).await?;
        drop(view);
        let Some(client) = self.enabled_client(&claims).await? else { return Ok(None) };
        // Offline access goes on when the session has expired and its row is gone (decision 014).
        let is_offline = grant.scope.split(' ').any(|scope| scope == OFFLINE_ACCESS);
        let session_counts = session.map_or(is_offline, |session| session.ended.is_none());
        let Grant { id, session, .. } = grant;
        let is_good = grant.revoked_at.is_none()
            && session_counts
            && account.is_active()
            && grant.client == client.id
            && self.subject_of(&client, &account.id)? == claims.sub;
        let subjects = vec![Change::Grant(id), Change::Session(session), Change::Account(account.id)];
        Ok(is_good.then(|| (good(claims, Some(account), client), subjects)))
    }

    async fn of_client(&self, claims: AccessToken) -> Result<Option<(Good, Vec<Change>)>, Refusal> {
        let Some(client) = self.enabled_client(&claims).await? else { return Ok(None) };
        if claims.sub != claims.client_id {
            return Ok(None);
        }
        let revoked = self.app().store().read().await?.is_token_revoked(&mark_of(&claims.jti)).await?;
        Ok((!revoked).then(|| (good(claims, None, client), Vec::new())))
    }

    async fn enabled_client(&self, claims: &AccessToken) -> Result<Option<Arc<Client>>, Refusal> {
        let Ok(id) = claims.client_id.parse() else { return Ok(None) };
        Ok(self.app().clients().find(&id).await?.filter(|client| client.is_enabled))
    }

    /// What an access token says, if we made it and its time is not over.
    pub(crate) fn signed_by_us(&self, token: &str, now: Timestamp) -> Option<AccessToken> {
        let payload = if token.contains('.') {
            let token = jose::Unverified::parse(token).ok()?;
            let key = self.app().keys().by_kid(token.kid()?)?;
            token.verify(key.public(), "at+jwt").ok()?
        } else {
            self.access_tokens().open(OPAQUE, &URL_SAFE_NO_PAD.decode(token).ok()?)?
        };
        let claims = jose::strict::object(&payload)?;
        let claims: AccessToken = serde_json::from_value(Value::Object(claims)).ok()?;
        let is_ours = claims.iss == self.app().issuer().as_str();
        (is_ours && now < Timestamp::from_seconds(claims.exp)).then_some(claims)
    }
}

/// The grant that a token hangs on; none for a client that acts for itself.
pub(crate) fn grant_of(claims: &AccessToken) -> Option<GrantId> {
    claims.jti.split_once('.')?.0.parse().ok()
}

/// By what a token without grant is known to be revoked.
pub(crate) fn mark_of(jti: &str) -> SecretHash {
    SecretHash(Sha256::digest(jti.as_bytes()).into())
}

fn good(claims: AccessToken, account: Option<Account>, client: Arc<Client>) -> Good {
    let of_person = account.as_ref().map_or(0, |account| {
        account.claims.iter().map(|(name, value)| name.len() + value.to_string().len()).sum()
    });
    // The claims once as they are and once as the answer made of them.
    let weight = u32::try_from(1_500 + 2 * of_person).unwrap_or(u32::MAX);
    let expires_at = Timestamp::from_seconds(claims.exp);
    Good { claims, account, client, expires_at, userinfo: OnceLock::new(), weight }
}
