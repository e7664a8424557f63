//! The person agrees, or does not.

use app::{Refusal, Visitor};
use domain::JourneyId;
use journey::Step;

use crate::{NewCookies, Next, Progress, SignIn};

impl SignIn {
    /// Takes the answer to the consent page. What is agreed to is what the journey asks for, whatever the
    /// form says (SEC-108).
    ///
    /// # Errors
    /// [`Refusal::Gone`] when the journey is over or another browser's; [`Refusal::NotSignedIn`] when nobody
    /// is signed in (any more); [`Refusal::StepUpNeeded`] when it is not consent's turn.
    pub async fn consent(&self, id: &JourneyId, visitor: &Visitor, allow: bool) -> Result<Progress, Refusal> {
        let way = self.way(id, visitor).await?;
        let cookies = NewCookies::default();
        let who = self.who(visitor).await?.ok_or(Refusal::NotSignedIn)?;
        let stand = self.stand(&way.kept, Some(&who)).await?;
        match stand.step {
            Step::Consent(_) | Step::Done => {}
            Step::StartOver => return Err(Refusal::Gone),
            Step::ChooseMethod(_) | Step::StepUp(_) => return Err(Refusal::StepUpNeeded),
        }
        if !allow {
            return self.decline(id, visitor).await;
        }
        if matches!(stand.step, Step::Consent(_)) {
            let purpose = &way.kept.purpose;
            self.ending(&purpose.kind)?.consent_given(purpose, &who, visitor.address).await?;
        }
        Ok(Progress { next: self.finish(way, &who).await?, cookies })
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
