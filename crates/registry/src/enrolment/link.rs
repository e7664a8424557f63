//! The link by which a signed-in browser lets a phone in.

use std::time::Duration;

use app::{Refusal, audit};
use domain::{AuditEvent, ClientAddress, Enrolment, EnrolmentOrigin, Method, Outcome, Timestamp};
use store::SignedIn;

use crate::Registry;

/// A proof is fresh for this long (SEC-070).
const FRESH: Duration = Duration::from_secs(5 * 60);

/// A link that lets one phone in, once.
#[derive(Debug)]
pub struct OwnLink {
    /// `<issuer>/phone#e1<token>`: a secret until it is used.
    pub url: String,
    /// Good until.
    pub expires_at: Timestamp,
}

impl Registry {
    /// Makes a link for the owner of this session; an earlier open one of the same owner ends (SEC-071).
    ///
    /// # Errors
    /// `StepUpNeeded` unless the owner proved themselves within five minutes by something else than a phone
    /// (SEC-042, SEC-070); `TooMany`.
    pub async fn enrolment_link(&self, who: &SignedIn, address: ClientAddress) -> Result<OwnLink, Refusal> {
        let now = self.app.now();
        if !is_fresh(who, now) {
            return Err(Refusal::StepUpNeeded);
        }
        self.app.throttle().hit(app::Rule::EnrolAccount, &who.account.id.to_string()).await?;
        let token = self.app.entropy().secret();
        let enrolment = Enrolment {
            id: self.app.entropy().id(),
            account: who.account.id,
            token_hash: token.hash(),
            origin: EnrolmentOrigin::Desktop,
            session: Some(who.session.id),
            created_at: now,
            expires_at: now.after(self.settings.enrolment_life),
        };
        let mut work = self.app.store().begin().await?;
        work.add_enrolment(&enrolment).await?;
        let mut entry = audit::from(address, AuditEvent::EnrolmentCreated, Outcome::Done, now);
        entry.account = Some(who.account.id);
        entry.session = Some(who.session.id);
        work.audit(entry).await?;
        work.commit().await?;
        let url = format!("{}#e1{}", self.app.issuer().url("/phone"), token.text());
        Ok(OwnLink { url, expires_at: enrolment.expires_at })
    }

    /// Whether the owner of this session may make such a link now.
    #[must_use]
    pub fn may_link(&self, who: &SignedIn) -> bool {
        is_fresh(who, self.app.now())
    }
}

fn is_fresh(who: &SignedIn, now: Timestamp) -> bool {
    who.session.proofs.iter().any(|proof| {
        proof.method != Method::Phone && now.since(proof.at) <= FRESH && proof.at <= now.after(FRESH)
    })
}
