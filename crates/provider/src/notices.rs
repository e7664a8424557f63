//! Telling relying parties from server to server that a session ended (OpenID Connect Back-Channel Logout 1.0).
//!
//! Owns: the logout token of an attempt, and to whom it goes. Not here: when and how often (`app::back_channel`);
//! leaving the notices, which the unit does that ends a session (`store`); HTTP (`outbound`).

use std::sync::Arc;

use app::Refusal;
use app::back_channel::{self, Attempt, BackChannel};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Client, Timestamp};
use oidc::logout::{LogoutToken, TOKEN_TYPE, Told};
use store::{LogoutNotice, View, Work};
use url::Url;

use crate::Provider;

impl Provider {
    /// Tells clients of ended sessions, for as long as it is polled. The server runs one of these.
    pub async fn tell_logouts(&self) {
        back_channel::tell(self.app(), self.clone()).await;
    }

    /// Signed with the algorithm of the client's ID tokens, encrypted where those are (Back-Channel Logout §2.4), and
    /// made anew for each attempt.
    async fn logout_token(&self, client: &Arc<Client>, notice: &LogoutNotice) -> Result<String, Refusal> {
        let jti = URL_SAFE_NO_PAD.encode(self.app().entropy().bytes::<16>());
        let session = notice.session.to_string();
        let told = Told {
            issuer: self.app().issuer().as_str(),
            client: client.id.as_str(),
            subject: &notice.subject,
            session: &session,
        };
        let claims = LogoutToken::new(told, &jti, self.app().wall());
        let payload = serde_json::to_vec(&claims).map_err(|e| Refusal::Corrupt(e.to_string()))?;
        let signed = self.app().keys().current(client.id_token_alg)?.sign(TOKEN_TYPE, &payload)?;
        match client.metadata.id_token_encryption {
            None => Ok(signed),
            Some(how) => self.encrypted(client, how, signed.as_bytes(), Some("JWT")).await,
        }
    }
}

#[async_trait]
impl BackChannel for Provider {
    type Notice = LogoutNotice;

    async fn waiting(&self, view: &mut dyn View) -> Result<u64, Refusal> {
        Ok(view.waiting_logouts().await?)
    }

    async fn claim(
        &self,
        work: &mut dyn Work,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<LogoutNotice>, Refusal> {
        Ok(work.claim_logouts(now, until, limit).await?)
    }

    async fn attempt(&self, notice: &LogoutNotice) -> Result<Attempt, Refusal> {
        let client = self.app().clients().find(&notice.client).await?.filter(|client| client.is_enabled);
        let Some(client) = client else { return Ok(Attempt::Nobody) };
        let Some(receiver) = &client.metadata.backchannel_logout else { return Ok(Attempt::Nobody) };
        let Ok(url) = Url::parse(&receiver.uri) else { return Ok(Attempt::Nobody) };
        let token = self.logout_token(&client, notice).await?;
        Ok(match self.app().outbound().post_form(&url, &[("logout_token", &token)]).await {
            Ok(()) => Attempt::Delivered,
            Err(error) => Attempt::failed(&error),
        })
    }

    async fn postpone(
        &self,
        work: &mut dyn Work,
        notice: &LogoutNotice,
        due_at: Timestamp,
    ) -> Result<(), Refusal> {
        work.postpone_logout(&notice.session, &notice.client, due_at).await?;
        Ok(())
    }

    async fn settle(&self, work: &mut dyn Work, notice: &LogoutNotice) -> Result<bool, Refusal> {
        Ok(work.settle_logout(&notice.session, &notice.client).await?)
    }
}
