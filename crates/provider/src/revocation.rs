//! A client gives a token back (RFC 7009).
//!
//! Owns: finding what hangs on it and revoking that. Not here: who may ask (`client_auth`).

use app::{Change, Refusal, audit};
use domain::{AuditEntry, AuditEvent, Client, ClientAddress, GrantId, Outcome, Timestamp};
use oidc::{Params, introspection};

use crate::Provider;
use crate::client_auth::ClientAsked;
use crate::token::TokenRefused;
use crate::token::read::{grant_of, mark_of};

/// A token to be revoked.
#[derive(Debug, Clone, Copy)]
pub struct RevocationAsked<'r> {
    /// The `Authorization` header.
    pub authorization: Option<&'r str>,
    /// The form.
    pub params: &'r Params,
    /// From where.
    pub address: ClientAddress,
}

impl Provider {
    /// Revokes a token and everything that hangs on the same grant. A token that is unknown, over or another client's
    /// is no error and changes nothing (RFC 7009 §2.2, SEC-120).
    ///
    /// # Errors
    /// See [`TokenRefused`].
    pub async fn revoke(&self, asked: RevocationAsked<'_>) -> Result<(), TokenRefused> {
        let RevocationAsked { authorization, params, address } = asked;
        let client = ClientAsked { authorization, params, address, endpoint: "/revoke" };
        let client = self.authenticate(client).await?;
        let token = introspection::token(params)?;
        if let Some(claims) = self.signed_by_us(token, self.app().wall()) {
            if claims.client_id != client.id.as_str() {
                return Ok(());
            }
            match grant_of(&claims) {
                Some(grant) => self.revoke_grant_of(&client, &grant, address).await?,
                None => {
                    let ends_at = Timestamp::from_seconds(claims.exp);
                    self.revoke_single(&client, &claims.jti, ends_at, address).await?;
                }
            }
            return Ok(());
        }
        if let Some(token) = self.refresh_token(token)? {
            self.revoke_grant_of(&client, &token.grant, address).await?;
        }
        Ok(())
    }

    async fn revoke_grant_of(
        &self,
        client: &Client,
        grant: &GrantId,
        address: ClientAddress,
    ) -> Result<(), Refusal> {
        let Some((grant, _)) = self.app().store().read().await?.grant(grant).await? else { return Ok(()) };
        if grant.client != client.id {
            return Ok(());
        }
        let now = self.app().now();
        let mut work = self.app().store().begin().await?;
        if !work.revoke_grant(&grant.id, now).await? {
            return Ok(());
        }
        work.audit(AuditEntry {
            account: Some(grant.account),
            session: Some(grant.session),
            ..revoked(client, address, now)
        })
        .await?;
        work.commit().await?;
        self.app().tell(Change::Grant(grant.id)).await;
        Ok(())
    }

    async fn revoke_single(
        &self,
        client: &Client,
        jti: &str,
        ends_at: Timestamp,
        address: ClientAddress,
    ) -> Result<(), Refusal> {
        let mark = mark_of(jti);
        if self.app().store().read().await?.is_token_revoked(&mark).await? {
            return Ok(());
        }
        let mut work = self.app().store().begin().await?;
        work.revoke_token(&mark, ends_at).await?;
        work.audit(revoked(client, address, self.app().now())).await?;
        work.commit().await?;
        // Nothing finer is kept of tokens without a grant.
        self.app().tell(Change::Client(client.id.clone())).await;
        Ok(())
    }
}

fn revoked(client: &Client, address: ClientAddress, now: Timestamp) -> AuditEntry {
    AuditEntry {
        client: Some(client.id.clone()),
        ..audit::from(address, AuditEvent::TokenRevoked, Outcome::Done, now)
    }
}
