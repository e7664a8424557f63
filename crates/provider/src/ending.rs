//! What a journey of ours ends in.
//!
//! Owns: asking and remembering consent, and the code or error at the end. Not here: the journey (`signin`).

use app::journeys::Purpose;
use app::{ConsentAsked, Ending, FormPost, Landing, Refusal};
use async_trait::async_trait;
use domain::{AuditEntry, AuditEvent, Client, ClientAddress, ClientId, Outcome};
use oidc::authorize::{Answer, Checked, SentBack};
use oidc::{ErrorCode, OAuthError};
use std::sync::Arc;
use store::SignedIn;

use crate::Provider;
use crate::authorize::{DECLINED, KIND, Kept};
use crate::consent::Agreed;
use crate::par::PushedId;

impl Provider {
    async fn client_of(&self, id: &ClientId) -> Result<Arc<Client>, Refusal> {
        self.app().clients().find(id).await?.ok_or(Refusal::NotFound)
    }

    /// Takes up a kept request. Client and address are looked at again: both may have changed since
    /// (SEC-109), and then there is nowhere to go.
    async fn taken_up(&self, kept: Kept) -> Result<(Checked, Arc<Client>), Refusal> {
        let client = self.client_of(&kept.request.client).await?;
        let checked = kept.request.for_client(&client).map_err(|_| Refusal::Forbidden)?;
        Ok((checked, client))
    }

    async fn refused(
        &self,
        checked: Checked,
        error: OAuthError,
        pushed: Option<&PushedId>,
    ) -> Result<Landing, Refusal> {
        let back = SentBack { to: checked.back, error };
        self.landed(back.answer(self.app().issuer().as_str()), pushed).await
    }

    /// Where an answer goes; a pushed request gets just one (SEC-128).
    async fn landed(&self, answer: Answer, pushed: Option<&PushedId>) -> Result<Landing, Refusal> {
        if !self.is_first_answer(pushed).await? {
            return Err(Refusal::Gone);
        }
        Ok(match answer {
            Answer::SeeOther(location) => Landing::SeeOther(location),
            Answer::Form { action, fields } => Landing::Form(FormPost { action, fields }),
        })
    }
}

#[async_trait]
impl Ending for Provider {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn consent(&self, purpose: &Purpose, who: &SignedIn) -> Result<Option<ConsentAsked>, Refusal> {
        let request = Kept::read(purpose)?.request;
        let client = self.client_of(&request.client).await?;
        self.asked(&request, &client, who).await
    }

    async fn consent_given(
        &self,
        purpose: &Purpose,
        who: &SignedIn,
        chosen: &[String],
        address: ClientAddress,
    ) -> Result<Purpose, Refusal> {
        let kept = Kept::read(purpose)?;
        let client = self.client_of(&kept.request.client).await?;
        let agreed = Agreed::read(&kept.request, &client, chosen)?;
        self.keep_answer(&agreed, &client, who, address).await?;
        Kept { agreed: Some(agreed.scopes), ..kept }.purpose()
    }

    async fn finish(&self, purpose: &Purpose, who: &SignedIn) -> Result<Landing, Refusal> {
        let mark = self.caches().people().mark();
        let kept = Kept::read(purpose)?;
        let (hint, agreed, pushed) = (kept.hint, kept.agreed.clone(), kept.pushed.clone());
        let (mut checked, client) = self.taken_up(kept).await?;
        if let Err(error) = checked.request.narrow(&client) {
            return self.refused(checked, error, pushed.as_ref()).await;
        }
        let request = &checked.request;
        let account = hint.or_else(|| self.demanded(request, &client).flatten());
        if let Err(error) = request.wanted(&client, account, false).met_by(Some(&who.session)) {
            return self.refused(checked, error, pushed.as_ref()).await;
        }
        if let Err(error) = self.cut(&mut checked.request, &client, who, agreed.as_deref()).await? {
            return self.refused(checked, error, pushed.as_ref()).await;
        }
        let answer = self.respond(&checked, &client, &Arc::new(who.clone()), mark).await?;
        self.landed(answer, pushed.as_ref()).await
    }

    async fn declined(&self, purpose: &Purpose) -> Result<Landing, Refusal> {
        let kept = Kept::read(purpose)?;
        let pushed = kept.pushed.clone();
        let (checked, client) = self.taken_up(kept).await?;
        let now = self.app().now();
        let mut work = self.app().store().begin().await?;
        work.audit(AuditEntry {
            client: Some(client.id.clone()),
            ..AuditEntry::new(AuditEvent::ConsentRefused, Outcome::Refused, now)
        })
        .await?;
        work.commit().await?;
        // Somebody who cannot reach the demanded class has no other way to leave (SEC-039).
        let error = if checked.request.essential_acr.is_empty() { DECLINED } else { UNMET };
        self.refused(checked, error, pushed.as_ref()).await
    }
}

const UNMET: OAuthError = OAuthError::new(
    ErrorCode::UnmetAuthenticationRequirements,
    "The person left without reaching the demanded authentication context class",
);
