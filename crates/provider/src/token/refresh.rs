//! A refresh token becomes tokens (RFC 6749 §6).
//!
//! Owns: asking again whether everything is still so (SEC-124), and spending the token. Not here: rotation itself,
//! which is one statement (`store::EditRefresh`).

use app::{Change, Refusal, audit};
use bytes::Bytes;
use domain::{Account, AuditEntry, AuditEvent, Client, Grant, GrantId, Outcome, RefreshFamily, Timestamp};
use oidc::token::{Authorization, FamilyContent, RefreshExchange, RefreshToken};
use oidc::{ErrorCode, OAuthError};
use store::{Rotate, Rotation};

use super::{Asking, Beside, TokenRefused, may_refresh};
use crate::Provider;

/// The MAC of refresh tokens.
const REFRESH: &str = "refresh token";
const NO_GOOD: OAuthError = OAuthError::invalid_grant("The refresh token is not good");
const REPLAYED: OAuthError = OAuthError::invalid_grant("The refresh token was used before");
const OTHER_KEY: OAuthError = OAuthError::invalid_grant("The refresh token is bound to another DPoP key");

impl Provider {
    pub(super) async fn refresh(
        &self,
        asking: Asking<'_>,
        exchange: &RefreshExchange,
    ) -> Result<Bytes, TokenRefused> {
        let now = self.app().now();
        let token = self.refresh_token(&exchange.token)?.ok_or(NO_GOOD)?;
        let (family, grant, account) = self.family_of(&token.grant).await?.ok_or(NO_GOOD)?;
        if grant.client != asking.client.id {
            return Err(NO_GOOD.into());
        }
        let content: FamilyContent = serde_json::from_str(&family.content)
            .map_err(|e| Refusal::Corrupt(format!("refresh family {}: {e}", grant.id)))?;
        if content.jkt.is_some() && content.jkt.as_deref() != asking.jkt {
            return Err(OTHER_KEY.into());
        }
        let narrowed = still_allowed(asking.client, content.who)?
            .narrowed(exchange.scope.as_deref(), &exchange.resources)?;
        let successor = token.generation.checked_add(1).ok_or(NO_GOOD)?;
        // Signed before the unit is opened; for nobody who comes with what was spent long ago.
        let answer = if successor >= family.generation && counts(&family, &grant, &account, now) {
            let text = self.refresh_text(&token.grant, successor)?;
            let beside = Beside { nonce: None, refresh_token: Some(&text) };
            Some(self.tokens(asking, &account, &narrowed, beside).await?)
        } else {
            None
        };
        self.spend(asking, &token, &family, &grant, now).await?;
        Ok(answer.ok_or(NO_GOOD)?)
    }

    async fn spend(
        &self,
        asking: Asking<'_>,
        token: &RefreshToken,
        family: &RefreshFamily,
        grant: &Grant,
        now: Timestamp,
    ) -> Result<(), TokenRefused> {
        let settings = self.settings();
        let rotation = Rotation {
            now,
            grace: settings.refresh_grace,
            idle_ends_at: now.after(settings.refresh_idle).min(family.ends_at),
        };
        let entry = AuditEntry {
            account: Some(grant.account),
            client: Some(grant.client.clone()),
            session: Some(grant.session),
            ..audit::from(asking.address, AuditEvent::TokenRefreshed, Outcome::Done, now)
        };
        let mut work = self.app().store().begin().await?;
        match work.rotate_refresh(&token.grant, token.generation, &rotation).await? {
            Rotate::Rotated => {
                work.audit(entry).await?;
                work.commit().await?;
                Ok(())
            }
            // Nothing was changed: the same successor once more.
            Rotate::Graced => Ok(()),
            Rotate::Replayed => {
                let event = AuditEvent::RefreshReplayed;
                work.audit(AuditEntry { event, outcome: Outcome::Refused, ..entry }).await?;
                work.commit().await?;
                tracing::warn!(client.id = %grant.client, grant.id = %grant.id,
                    "A refresh token came twice: its family is revoked");
                self.app().tell(Change::Grant(grant.id)).await;
                Err(REPLAYED.into())
            }
            Rotate::Over => Err(NO_GOOD.into()),
        }
    }

    /// The text of a generation of a family.
    ///
    /// # Errors
    /// The lasting key is not loaded.
    pub(crate) fn refresh_text(&self, grant: &GrantId, generation: u32) -> Result<String, Refusal> {
        let mac = self.app().lasting_mac(REFRESH, &RefreshToken::named(grant, generation))?;
        Ok(RefreshToken::new(*grant, generation, mac).text())
    }

    /// A refresh token that we made, whatever became of it since.
    ///
    /// # Errors
    /// The lasting key is not loaded.
    pub(crate) fn refresh_token(&self, text: &str) -> Result<Option<RefreshToken>, Refusal> {
        let Some(token) = RefreshToken::parse(text) else { return Ok(None) };
        let mac = self.app().lasting_mac(REFRESH, &RefreshToken::named(&token.grant, token.generation))?;
        Ok(Some(token).filter(|token| token.is_right(&mac)))
    }

    /// The family of a grant.
    ///
    /// # Errors
    /// The store.
    pub(crate) async fn family_of(
        &self,
        grant: &GrantId,
    ) -> Result<Option<(RefreshFamily, Grant, Account)>, Refusal> {
        Ok(self.app().store().read().await?.refresh_family(grant).await?)
    }
}

/// Whether tokens may still come of it. A session that was ended has revoked the grant; one that merely expired has
/// not (decision 014).
pub(crate) fn counts(family: &RefreshFamily, grant: &Grant, account: &Account, now: Timestamp) -> bool {
    grant.revoked_at.is_none() && account.is_active() && now < family.idle_ends_at && now < family.ends_at
}

/// What was granted, less what the client is no longer registered for (SEC-124).
fn still_allowed(client: &Client, who: Authorization) -> Result<Authorization, OAuthError> {
    if !may_refresh(client, &who) {
        return Err(OAuthError::new(ErrorCode::UnauthorizedClient, "The client may no longer refresh"));
    }
    let is_left = |scope: &str| scope == "openid" || client.scopes.iter().any(|known| known == scope);
    let scope = who.scope.split(' ').filter(|scope| is_left(scope)).collect::<Vec<_>>().join(" ");
    let had_some = !who.resources.is_empty();
    let resources: Vec<String> =
        who.resources.iter().filter(|asked| client.metadata.resources.contains(asked)).cloned().collect();
    if had_some && resources.is_empty() {
        return Err(OAuthError::new(ErrorCode::InvalidTarget, "The resources are no longer the client's"));
    }
    Ok(Authorization { scope, resources, ..who })
}
