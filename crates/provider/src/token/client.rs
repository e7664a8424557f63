//! A client acts for itself (RFC 6749 §4.4). Nothing is written.

use bytes::Bytes;
use domain::Client;
use oidc::claims::SCOPES;
use oidc::token::ClientExchange;
use oidc::{ErrorCode, OAuthError};

use super::{Asking, TokenRefused, answer};
use crate::Provider;

const PUBLIC: OAuthError =
    OAuthError::new(ErrorCode::UnauthorizedClient, "A public client has nothing to prove itself with");
const NOT_ITS_SCOPE: OAuthError =
    OAuthError::new(ErrorCode::InvalidScope, "scope holds what the client is not registered for");
const NOT_ITS_TARGET: OAuthError =
    OAuthError::new(ErrorCode::InvalidTarget, "resource is not one that the client is registered for");

impl Provider {
    pub(super) fn for_itself(
        &self,
        asking: Asking<'_>,
        exchange: &ClientExchange,
    ) -> Result<Bytes, TokenRefused> {
        let client = asking.client;
        if client.is_public() {
            return Err(PUBLIC.into());
        }
        let scope = scope_of(client, exchange.scope.as_deref())?;
        if !exchange.resources.iter().all(|asked| client.metadata.resources.contains(asked)) {
            return Err(NOT_ITS_TARGET.into());
        }
        let minted = self.client_token(client, scope.clone(), &exchange.resources, asking.jkt)?;
        Ok(answer(asking, &minted, &scope, None, None)?)
    }
}

/// The scopes that a client has of its own: those that are about a person need one. All of them where none is named
/// (RFC 6749 §3.3).
fn scope_of(client: &Client, asked: Option<&str>) -> Result<String, OAuthError> {
    let own = || client.scopes.iter().map(String::as_str).filter(|scope| !SCOPES.contains(scope));
    let Some(asked) = asked else { return Ok(own().collect::<Vec<_>>().join(" ")) };
    let words = || asked.split(' ').filter(|word| !word.is_empty());
    if !words().all(|word| own().any(|scope| scope == word)) {
        return Err(NOT_ITS_SCOPE);
    }
    Ok(own().filter(|scope| words().any(|word| word == *scope)).collect::<Vec<_>>().join(" "))
}
