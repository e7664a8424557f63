//! What a journey of ours ends in: a ticket.

use app::journeys::Purpose;
use app::{ConsentAsked, Ending, FormPost, Landing, Refusal};
use async_trait::async_trait;
use cas::Method;
use domain::ClientAddress;
use journey::Need;
use store::SignedIn;

use crate::login::{Answer, KIND, Kept};
use crate::{Service, Tickets};

/// The page that says that one is signed in.
const HERE: &str = "/cas/login";

impl Tickets {
    /// Client and address are looked at again: both may have changed since.
    async fn taken_up(&self, kept: &Kept) -> Result<Option<Service>, Refusal> {
        let Some((url, client)) = &kept.service else { return Ok(None) };
        let service = self.service(url).await?.filter(|service| service.client.id == *client);
        service.map(Some).ok_or(Refusal::Forbidden)
    }
}

#[async_trait]
impl Ending for Tickets {
    fn kind(&self) -> &'static str {
        KIND
    }

    /// CAS asks for no consent: an administrator registered what a service is told.
    async fn consent(&self, purpose: &Purpose, _: &SignedIn) -> Result<Option<ConsentAsked>, Refusal> {
        Kept::read(purpose).map(|_| None)
    }

    async fn consent_given(
        &self,
        _: &Purpose,
        _: &SignedIn,
        _: &[String],
        _: ClientAddress,
    ) -> Result<Purpose, Refusal> {
        Err(Refusal::Invalid { field: "scope", why: "was not asked for" })
    }

    async fn finish(&self, purpose: &Purpose, who: &SignedIn) -> Result<Landing, Refusal> {
        let kept = Kept::read(purpose)?;
        let (Some(service), Some((url, _))) = (self.taken_up(&kept).await?, &kept.service) else {
            return Ok(Landing::Local(HERE.to_owned()));
        };
        let mut need = self.need(Some(&service), false);
        need.fresh_since = kept.renew.then_some(kept.at);
        if !need.met_by(&who.session.proofs) {
            return Err(Refusal::StepUpNeeded);
        }
        // Somebody who was signed in in another tab meanwhile entered nothing here, and yet just now. What an app made
        // for CAS approved is nothing that anybody entered (W-18).
        let is_new = Need { fresh_since: Some(kept.at), ..Need::default() }.met_by(&who.session.proofs);
        let method = if kept.method == Method::Header { Method::Get } else { kept.method };
        Ok(match self.answer(url, &service, who, method, is_new).await? {
            Answer::SeeOther(location) => Landing::SeeOther(location),
            Answer::Form { action, ticket } => {
                let fields = vec![(String::from("ticket"), ticket.text().to_owned())];
                Landing::Form(FormPost { action, fields })
            }
            Answer::Headers { service, .. } => Landing::SeeOther(service.location()),
        })
    }

    /// Nothing is asked that could be declined; who leaves goes back without a ticket.
    async fn declined(&self, purpose: &Purpose) -> Result<Landing, Refusal> {
        let kept = Kept::read(purpose)?;
        Ok(match (self.taken_up(&kept).await?, kept.service) {
            (Some(_), Some((url, _))) => Landing::SeeOther(url.location()),
            _ => Landing::Local(HERE.to_owned()),
        })
    }
}
