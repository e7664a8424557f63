//! What the authorization endpoint gives: codes, and where a client registered for them, tokens.
//!
//! Owns: sealing codes, making what stands beside them, and the grant that a token from here hangs on. Not here:
//! whether it is given (`authorize`, `ending`), tokens themselves (`mint`), the address it goes to
//! (`oidc::authorize`).
//!
//! A code alone writes nothing. A token given here hangs on a grant of its own, written first, so that it can be
//! revoked like any other; a replay of the code beside it revokes that too.

use std::sync::Arc;

use app::cache::Mark;
use app::{Refusal, audit};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{AuditEntry, AuditEvent, Client, GrantId, Outcome};
use oidc::authorize::{Answer, Checked, FrontToken, Given, SentBack};
use oidc::token::{Authorization, CodeContent};
use oidc::{ErrorCode, MAX_CODE, OAuthError};
use store::{SignedIn, Spend};

use crate::Provider;
use crate::authorize::{TOO_LONG, subjects};
use crate::mint::{IdTokenWith, Minted};

/// Binds sealed codes to what they are.
pub(crate) const CODE: &[u8] = b"code";

const NO_KEYS: OAuthError =
    OAuthError::new(ErrorCode::TemporarilyUnavailable, "The answer could not be made: try again later");

impl Provider {
    /// The answer to a request of this person that is to be granted.
    ///
    /// # Errors
    /// A port failed, or no key can sign.
    pub(crate) async fn respond(
        &self,
        checked: &Checked,
        client: &Client,
        who: &Arc<SignedIn>,
        mark: Mark,
    ) -> Result<Answer, Refusal> {
        let request = &checked.request;
        let (response, issuer) = (request.response, self.app().issuer().as_str());
        let refused = |error| SentBack { to: checked.back.clone(), error }.answer(issuer);
        let authorized = self.authorized(checked, who)?;
        let front = response
            .has_token()
            .then(|| Authorization { grant: self.app().entropy().id(), ..authorized.clone() });
        let code = match response.has_code() {
            true => Some(self.code(checked, &authorized, front.as_ref().map(|front| front.grant))?),
            false => None,
        };
        // Whoever is to redeem it could not send it.
        if code.as_ref().is_some_and(|code| code.len() > MAX_CODE) {
            return Ok(refused(TOO_LONG));
        }
        if code.is_some() {
            self.caches().people().keep(who.session.id, Arc::clone(who), subjects(who), mark);
        }
        let jkt = request.jkt.as_deref();
        let token = front.as_ref().map(|front| self.access_token(client, front, jkt)).transpose()?;
        let id_token = if response.has_id_token() {
            let with = IdTokenWith {
                nonce: request.nonce.as_deref(),
                access_token: token.as_ref().map(|token| token.text.as_str()),
                code: code.as_deref(),
                state: request.state.as_deref(),
                // No access token comes of this request, so nothing else could fetch them (§5.4).
                scope_claims: !response.has_code() && !response.has_token(),
            };
            match self.id_token(client, &who.account, &authorized, with).await {
                Ok(id_token) => Some(id_token),
                // The keys to encrypt with are the client's own: it is told.
                Err(refusal @ Refusal::Unavailable(_)) => {
                    tracing::warn!(client.id = %client.id, cause = refusal.cause(), "No ID token could be made");
                    return Ok(refused(NO_KEYS));
                }
                Err(refusal) => return Err(refusal),
            }
        } else {
            None
        };
        let is_noted = id_token.is_some() && client.metadata.wants_logouts();
        if (front.is_some() || is_noted) && !self.written(client, &authorized, front.as_ref()).await? {
            return Ok(refused(OAuthError::new(ErrorCode::LoginRequired, "The person has signed out")));
        }
        let session_state = self.session_state(client, checked.back.uri(), &who.session.id)?;
        let given = Given {
            code: code.as_deref(),
            token: token.as_ref().map(|Minted { text, expires_in }| FrontToken {
                text,
                token_type: if jkt.is_some() { "DPoP" } else { "Bearer" },
                expires_in: *expires_in,
                scope: &authorized.scope,
            }),
            id_token: id_token.as_deref(),
            session_state: Some(&session_state),
        };
        Ok(checked.back.with(&given, issuer))
    }

    fn authorized(&self, checked: &Checked, who: &SignedIn) -> Result<Authorization, Refusal> {
        let request = &checked.request;
        let stated = request
            .stated(&who.session)
            .ok_or_else(|| Refusal::Corrupt("a session without proof".to_owned()))?;
        Ok(Authorization {
            grant: self.app().entropy().id(),
            client: request.client.clone(),
            account: who.account.id,
            session: who.session.id,
            auth_time: stated.auth_time,
            acr: stated.acr,
            amr: stated.amr.into_iter().map(str::to_owned).collect(),
            scope: request.scopes.join(" "),
            id_token_claims: request.id_token_claims.clone(),
            userinfo_claims: request.userinfo_claims.clone(),
            resources: request.resources.clone(),
        })
    }

    /// The code is the sealed grant itself: nothing is written.
    fn code(
        &self,
        checked: &Checked,
        who: &Authorization,
        front: Option<GrantId>,
    ) -> Result<String, Refusal> {
        let request = &checked.request;
        let content = CodeContent {
            who: who.clone(),
            redirect_uri: request.redirect_uri.clone(),
            challenge: request.challenge.clone(),
            nonce: request.nonce.clone(),
            jkt: request.jkt.clone(),
            front,
            expires_at: self.app().now().after(self.settings().code_life),
        };
        let plain = serde_json::to_vec(&content).map_err(|e| Refusal::Corrupt(e.to_string()))?;
        Ok(URL_SAFE_NO_PAD.encode(self.codes().try_seal(CODE, &plain)?))
    }

    /// Writes what has to last of an answer with tokens: the grant that the access token hangs on, and that the
    /// session led to this client. `false` when the session ended meanwhile, here or on another node.
    async fn written(
        &self,
        client: &Client,
        who: &Authorization,
        front: Option<&Authorization>,
    ) -> Result<bool, Refusal> {
        let now = self.app().now();
        let deed = || async {
            let mut work = self.app().store().begin().await?;
            if !work.session(&who.session).await?.is_some_and(|session| session.is_alive(now)) {
                return Ok(false);
            }
            if let Some(front) = front {
                let ends_at = now.after(self.settings().access_token_life);
                if work.spend_code(&self.grant_row(front, now, ends_at), now).await? != Spend::First {
                    return Err(Refusal::Corrupt("a new grant was there already".to_owned()));
                }
            }
            self.note_session_client(&mut *work, client, &who.session, &who.account).await?;
            work.audit(AuditEntry {
                account: Some(who.account),
                client: Some(client.id.clone()),
                session: Some(who.session),
                detail: audit::detail(&who.scope),
                ..AuditEntry::new(AuditEvent::TokensGiven, Outcome::Done, now)
            })
            .await?;
            work.commit().await?;
            Ok(true)
        };
        self.app().repeatable(deed).await
    }
}
