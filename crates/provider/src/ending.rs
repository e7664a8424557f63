//! What a journey of ours ends in.
//!
//! Owns: asking and remembering consent, and the code or error at the end. Not here: the journey (`signin`).

use app::journeys::Purpose;
use app::{ConsentAsked, Ending, Landing, Refusal, audit};
use async_trait::async_trait;
use domain::{AuditEntry, AuditEvent, Client, ClientAddress, ClientId, Outcome};
use oidc::authorize::{Checked, SentBack};
use oidc::{ErrorCode, OAuthError};
use std::sync::Arc;
use store::SignedIn;

use crate::Provider;
use crate::authorize::{DECLINED, KIND, Kept, grown};

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

    fn told(&self, checked: Checked, error: OAuthError) -> Landing {
        let back = SentBack { to: checked.back, error };
        Landing::SeeOther(back.location(self.app().issuer().as_str()))
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
        let remembered = self.remembered(who.account.id, &client).await?;
        if !request.consent_is_due(&client, Some(&remembered)) {
            return Ok(None);
        }
        let scopes = request.scopes_to_agree();
        let already = scopes.iter().filter(|scope| remembered.contains(scope)).cloned().collect();
        Ok(Some(ConsentAsked { scopes, already }))
    }

    async fn consent_given(
        &self,
        purpose: &Purpose,
        who: &SignedIn,
        address: ClientAddress,
    ) -> Result<(), Refusal> {
        let request = Kept::read(purpose)?.request;
        let client = self.client_of(&request.client).await?;
        let now = self.app().now();
        let deed = || async {
            let mut work = self.app().store().begin().await?;
            let before = work.consent(&who.account.id, &client.id).await?;
            work.keep_consent(&grown(before, who, &request, now)).await?;
            work.audit(AuditEntry {
                account: Some(who.account.id),
                client: Some(client.id.clone()),
                session: Some(who.session.id),
                detail: audit::detail(&request.scopes_to_agree().join(" ")),
                ..audit::from(address, AuditEvent::ConsentGiven, Outcome::Done, now)
            })
            .await?;
            Ok(work.commit().await?)
        };
        self.app().repeatable(deed).await?;
        self.app().tell(app::Change::Account(who.account.id)).await;
        Ok(())
    }

    async fn finish(&self, purpose: &Purpose, who: &SignedIn) -> Result<Landing, Refusal> {
        let mark = self.caches().people().mark();
        let kept = Kept::read(purpose)?;
        let hint = kept.hint;
        let (checked, client) = self.taken_up(kept).await?;
        let request = &checked.request;
        let account = hint.or(request.demanded_account().flatten());
        if let Err(error) = request.wanted(&client, account, false).met_by(Some(&who.session)) {
            return Ok(self.told(checked, error));
        }
        // The journey saw to consent; where it is remembered, it has to be there (SEC-108).
        if request.may_remember(&client) {
            let remembered = self.remembered(who.account.id, &client).await?;
            if request.consent_is_due(&client, Some(&remembered)) {
                let error = OAuthError::new(ErrorCode::ConsentRequired, "The person did not give consent");
                return Ok(self.told(checked, error));
            }
        }
        Ok(Landing::SeeOther(self.issue(&checked, &Arc::new(who.clone()), mark)?))
    }

    async fn declined(&self, purpose: &Purpose) -> Result<Landing, Refusal> {
        let (checked, client) = self.taken_up(Kept::read(purpose)?).await?;
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
        Ok(self.told(checked, error))
    }
}

const UNMET: OAuthError = OAuthError::new(
    ErrorCode::UnmetAuthenticationRequirements,
    "The person left without reaching the demanded authentication context class",
);
