//! The person agrees, or does not, or takes it back.

use app::{Change, Refusal, Visitor, audit};
use domain::{AuditEntry, AuditEvent, Client, ClientId, Consent, JourneyId, Outcome};
use journey::Step;
use store::Page;

use crate::{NewCookies, Next, Progress, SignIn};

/// So many relying parties stand on one page of those that have access.
const PAGE: u32 = 20;

/// What a person answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Yes, and of what may be left out to this.
    Allow(Vec<String>),
    /// No.
    Deny,
}

/// The relying parties that a person gave access to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// What was agreed to, and with whom, in the order of their ids.
    pub consents: Vec<(Consent, Client)>,
    /// There are more after the last of these.
    pub has_more: bool,
}

impl SignIn {
    /// Takes the answer to the consent page. What can be agreed to is what the journey asks for, whatever the
    /// form says (SEC-108).
    ///
    /// # Errors
    /// [`Refusal::Gone`] when the journey is over or another browser's; [`Refusal::NotSignedIn`] when nobody
    /// is signed in (any more); [`Refusal::StepUpNeeded`] when it is not consent's turn; [`Refusal::Invalid`] for
    /// something that was not asked for.
    pub async fn consent(
        &self,
        id: &JourneyId,
        visitor: &Visitor,
        answer: Answer,
    ) -> Result<Progress, Refusal> {
        let way = self.way(id, visitor).await?;
        let cookies = NewCookies::default();
        let who = self.who(visitor).await?.ok_or(Refusal::NotSignedIn)?;
        let stand = self.stand(&way.kept, Some(&who)).await?;
        match stand.step {
            Step::Consent(_) | Step::Done => {}
            Step::StartOver => return Err(Refusal::Gone),
            Step::ChooseMethod(_) | Step::SecondFactor(_) | Step::StepUp(_) => {
                return Err(Refusal::StepUpNeeded);
            }
        }
        let Answer::Allow(chosen) = answer else { return self.decline(id, visitor).await };
        // Also where nothing would be asked any more, because it was agreed to in another tab: what was left out on
        // this page is not given.
        let purpose = &way.kept.purpose;
        let ending = self.ending(&purpose.kind)?;
        let agreed = ending.consent_given(purpose, &who, &chosen, visitor.address).await?;
        Ok(Progress { next: self.finish(way, &who, Some(agreed)).await?, cookies })
    }

    /// Whom the person in this browser gave access to, a page after this one.
    ///
    /// # Errors
    /// The store is unavailable.
    pub async fn given(&self, visitor: &Visitor, after: Option<&ClientId>) -> Result<Given, Refusal> {
        let Some(who) = self.who(visitor).await? else { return Ok(Given::default()) };
        let page = Page { after: after.map(ClientId::as_str), limit: PAGE + 1 };
        let mut consents = self.app().store().read().await?.consents_of(&who.account.id, page).await?;
        let has_more = consents.len() > PAGE as usize;
        consents.truncate(PAGE as usize);
        Ok(Given { consents, has_more })
    }

    /// Takes back what the person in this browser gave a relying party: the consent, and all tokens made from it
    /// (SEC-124). That there was nothing to take back is no error.
    ///
    /// # Errors
    /// [`Refusal::NotSignedIn`]; the store is unavailable.
    pub async fn take_back(&self, visitor: &Visitor, client: &ClientId) -> Result<(), Refusal> {
        let who = self.who(visitor).await?.ok_or(Refusal::NotSignedIn)?;
        let (account, now) = (who.account.id, self.app().now());
        let deed = || async {
            let mut work = self.app().store().begin().await?;
            let was_given = work.delete_consent(&account, client, now).await?;
            if was_given {
                work.audit(AuditEntry {
                    account: Some(account),
                    client: Some(client.clone()),
                    session: Some(who.session.id),
                    ..audit::from(visitor.address, AuditEvent::ConsentRevoked, Outcome::Done, now)
                })
                .await?;
            }
            Ok(work.commit().await?)
        };
        self.app().repeatable(deed).await?;
        self.app().tell(Change::Account(account)).await;
        Ok(())
    }

    /// Ends a journey without a sign-in: the relying party is told `access_denied`.
    ///
    /// # Errors
    /// [`Refusal::Gone`] when the journey is over or another browser's.
    pub async fn decline(&self, id: &JourneyId, visitor: &Visitor) -> Result<Progress, Refusal> {
        let way = self.way(id, visitor).await?;
        self.end_channel(&way.kept).await?;
        let slots = self.app().slots::<app::journeys::JourneySlot>();
        let kept = slots.take(&way.id.to_string()).await?.ok_or(Refusal::Gone)?;
        let landing = self.ending(&kept.purpose.kind)?.declined(&kept.purpose).await?;
        Ok(Progress { next: Next::Land(landing), cookies: NewCookies::default() })
    }
}
