//! The waiting browser: shows the check code, and is signed in.
//!
//! Owns: that one approval gives at most one session, in the browser that asked, for the request it asked for
//! (SEC-006, SEC-010, SEC-014, SEC-036). Not here: the session itself (`sessions`).

use app::{Refusal, Visitor, audit, meters};
use domain::{AuditEntry, AuditEvent, JourneyId, Method, Outcome, Proof};
use journey::Event;
use qr::{Channel, State};

use super::{Channels, trail};
use crate::sessions::Proved;
use crate::{Progress, SignIn};

/// The digits that the person carries to the phone.
#[derive(Clone, PartialEq, Eq)]
pub struct CheckCode(String);

impl CheckCode {
    /// Three digits.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for CheckCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CheckCode(…)")
    }
}

impl SignIn {
    /// The check code, for the browser that shows it, while a phone has the channel.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] when no phone has it, or no code is asked for; [`Refusal::Gone`] when the journey is
    /// over or another browser's.
    pub async fn phone_code(&self, id: &JourneyId, visitor: &Visitor) -> Result<CheckCode, Refusal> {
        let way = self.way(id, visitor).await?;
        let found = self.channel_of(&way.kept).await?.ok_or(Refusal::NotFound)?;
        let Channel::Claimed(claimed) = &found.channel else { return Err(Refusal::NotFound) };
        let code = claimed.code_for(&way.kept.browser, self.app().now()).map_err(|_| Refusal::NotFound)?;
        code.map(|code| CheckCode(code.text())).ok_or(Refusal::NotFound)
    }

    /// Signs the browser in with its journey's approved channel. The channel is gone afterwards, whatever
    /// happens: single use is worth more than a retry.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] while it is not approved; [`Refusal::Gone`] when it was denied, is over or redeemed;
    /// [`Refusal::SignInFailed`] when phone or owner may not act any more.
    pub async fn phone_redeem(&self, id: &JourneyId, visitor: &Visitor) -> Result<Progress, Refusal> {
        let way = self.way(id, visitor).await?;
        let app = self.app();
        let now = app.now();
        let found = self.channel_of(&way.kept).await?.ok_or(Refusal::Gone)?;
        match found.channel.standing(now).state {
            State::Approved => {}
            State::Waiting | State::Claimed => return Err(Refusal::Conflict("approval")),
            State::Denied | State::Expired => return Err(Refusal::Gone),
        }
        // What counts is the state that is taken: a denial that came in between is found here (SEC-037).
        let taken = app.slots::<Channels>().take(&found.handle).await?.ok_or(Refusal::Gone)?;
        let Channel::Approved(approved) = taken else { return Err(Refusal::Gone) };
        let (common, claim) = (approved.common.clone(), approved.claim.clone());
        let vouched = approved.redeem(&way.kept.browser, &way.id, now).map_err(|_| Refusal::Gone)?;
        let proof = Proof { method: Method::Phone, at: vouched.at, known_browser: vouched.known_browser };
        let event = Event::Proved { account: vouched.account, proof };
        let is_wanted = way.kept.journey.clone().record(event, now).is_ok();
        let before = self.who(visitor).await?;
        let proved = Proved { account: vouched.account, proof, also: None, device: Some(vouched.device) };
        let channel = self.channel_end(&found.handle);

        let client = common.client();
        let deed = || async {
            let entry = trail::entry(&common, &claim, AuditEvent::ChannelRedeemed, now, false);
            let mut work = app.store().begin().await?;
            // The live store has given the channel away once. Should it lose its last moments in a failover and
            // have the channel back, the store knows.
            if !work.end_channel(&channel, now).await? {
                work.audit(AuditEntry {
                    outcome: Outcome::Refused,
                    detail: audit::detail("over before"),
                    ..entry
                })
                .await?;
                work.commit().await?;
                return Err(Refusal::Gone);
            }
            // Device and account are asked in the same unit as the session: a revocation before it wins.
            if !is_wanted || !work.device_used(&vouched.device, &vouched.account, now).await? {
                let why = if is_wanted { "phone or owner not active" } else { "another account" };
                work.audit(AuditEntry { outcome: Outcome::Refused, detail: audit::detail(why), ..entry })
                    .await?;
                work.commit().await?;
                return Ok(None);
            }
            let begun =
                self.begin_session(&mut *work, visitor, before.as_ref(), &proved, client.as_ref()).await?;
            work.audit(AuditEntry { session: Some(begun.id), ..entry }).await?;
            work.commit().await?;
            Ok(Some(begun))
        };
        // The channel is taken: the unit is begun again where it may be, since the approval cannot be.
        let Some(begun) = app.repeatable(deed).await? else {
            app.meters().count(meters::Event::RefusedPhone);
            return Err(Refusal::SignInFailed);
        };
        app.meters().took(meters::Step::Redeemed, vouched.at, now);
        self.go_on_as(begun, visitor, way).await
    }
}
