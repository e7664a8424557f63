//! The link by which a signed-in browser lets a phone in.

use std::sync::Arc;
use std::time::Duration;

use app::{Refusal, Visitor, audit, meters};
use domain::{AuditEvent, Enrolment, EnrolmentKind, EnrolmentOrigin, Outcome};
use store::SignedIn;

use crate::Registry;

/// A link that lets one phone in, once.
#[derive(Debug)]
pub struct OwnLink {
    /// `<issuer>/phone#e1<token>`: a secret until it is used.
    pub url: String,
    /// Good for so long.
    pub life: Duration,
}

impl Registry {
    /// Makes a link for whoever is signed in in this browser; an earlier open one of the same owner ends
    /// (SEC-071).
    ///
    /// # Errors
    /// `NotSignedIn`; `StepUpNeeded` unless the owner proved themselves within five minutes strongly enough
    /// (`app::strength`; SEC-042, SEC-070); `TooMany`.
    pub async fn enrolment_link(&self, visitor: &Visitor) -> Result<OwnLink, Refusal> {
        let now = self.app.now();
        let who = self.signed_in(visitor).await?;
        self.app.strength_for_enrolment(&who).await?;
        self.app.throttle().hit(app::Rule::EnrolAccount, &who.account.id.to_string()).await?;
        let token = self.app.entropy().secret();
        let life = self.app.policies().now().await?.policies.enrolments.screen_life();
        let enrolment = Enrolment {
            id: self.app.entropy().id(),
            account: who.account.id,
            kind: EnrolmentKind::Link,
            token_hash: token.hash(),
            code_hash: None,
            origin: EnrolmentOrigin::Desktop,
            session: Some(who.session.id),
            job: None,
            created_at: now,
            expires_at: now.after(life),
            outcome: None,
            ended_at: None,
            device: None,
        };
        let mut work = self.app.store().begin().await?;
        work.add_enrolment(&enrolment).await?;
        let mut entry = audit::by(visitor, AuditEvent::EnrolmentCreated, Outcome::Done, now);
        entry.account = Some(who.account.id);
        entry.session = Some(who.session.id);
        work.audit(entry).await?;
        work.commit().await?;
        self.app.meters().count(meters::Event::EnrolmentMade);
        let url = format!("{}#e1{}", self.app.issuer().url("/phone"), token.text());
        Ok(OwnLink { url, life })
    }

    /// Whether such a link could be made in this browser now.
    ///
    /// # Errors
    /// As [`Registry::enrolment_link`].
    pub async fn may_link(&self, visitor: &Visitor) -> Result<(), Refusal> {
        let who = self.signed_in(visitor).await?;
        self.app.strength_for_enrolment(&who).await
    }

    pub(crate) async fn signed_in(&self, visitor: &Visitor) -> Result<Arc<SignedIn>, Refusal> {
        let secret = visitor.session.as_ref().ok_or(Refusal::NotSignedIn)?;
        self.app.sessions().current(secret).await?.ok_or(Refusal::NotSignedIn)
    }
}
