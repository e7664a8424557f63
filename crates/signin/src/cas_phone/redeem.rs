//! The browser is signed in by what an app approved.
//!
//! Owns: that one approval gives at most one session, in the browser that asked, for the request it asked for, behind
//! the deployment's fence (SEC-006, SEC-010, SEC-014, SEC-017, SEC-036, SEC-068). Not here: the session (`sessions`).

use std::time::Duration;

use app::{Refusal, Visitor, audit, meters, throttle};
use cas::DeviceName;
use domain::{AuditEntry, AuditEvent, JourneyId, Method, Outcome, Proof, SecretHash, text};
use journey::Event;
use live::Slot;
use qr::CasChannel;
use qr::cas_channel::{APPROVAL_LIFE, Approved, Redeeming, Vouched};
use serde::{Deserialize, Serialize};

use super::watch::is_same;
use super::{CasChannels, Fence, page, read_handle, trail};
use crate::sessions::Proved;
use crate::way::Way;
use crate::{Progress, SignIn};

/// Approvals that were redeemed and wait for "continue", by journey.
struct CasConfirming;

impl Slot for CasConfirming {
    const KIND: &'static str = "cas-confirming";
    const TTL: Duration = APPROVAL_LIFE;
    type Value = Confirming;
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Confirming {
    key: String,
    vouched: Vouched,
}

/// What the browser's user is asked before being signed in: "Continue as ada? My phone approved this."
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CasConfirmation {
    /// The user name of the account. Not what its owner calls themselves, which a stranger can choose.
    pub account: String,
    /// The owner's name for the device.
    pub device: String,
    /// Seconds until it is too late.
    pub expires_in: u16,
}

/// What became of a handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CasRedeemed {
    /// Signed in.
    Done(Progress),
    /// The browser's user confirms it first ([`SignIn::cas_confirm`]).
    Confirm(CasConfirmation),
}

impl SignIn {
    /// Takes the handle that the browser was told, with the name of the device that it was told. The channel is gone
    /// afterwards if they fit, whatever happens then: single use is worth more than a retry.
    ///
    /// # Errors
    /// [`Refusal::SignInFailed`] for whatever is wrong with it; [`Refusal::Forbidden`] where such apps are not taken (any
    /// more); [`Refusal::NotFound`] while the mode is off; [`Refusal::Gone`] when the journey is over.
    pub async fn cas_redeem(
        &self,
        id: &JourneyId,
        visitor: &Visitor,
        handle: &str,
        device: &str,
    ) -> Result<CasRedeemed, Refusal> {
        self.cas_is_on()?;
        let way = self.way(id, visitor).await?;
        self.takes_cas_apps(&way).await?;
        let Some((key, vouched)) = self.taken(&way, handle, device).await? else {
            self.app().meters().count(meters::Event::RefusedPhone);
            return Err(Refusal::SignInFailed);
        };
        match self.cas_fence() {
            Fence::Confirm => {
                let confirmation = self.confirmation(&vouched)?;
                let confirming = Confirming { key, vouched };
                self.app().slots::<CasConfirming>().put(&page(id), &confirming).await?;
                Ok(CasRedeemed::Confirm(confirmation))
            }
            Fence::SameNetwork => {
                let here = throttle::network(visitor.address);
                let is_near = here == throttle::network(vouched.approval.address)
                    && here == throttle::network(vouched.common.opening.seen.address);
                if !is_near {
                    return self.not_signed_in(visitor, &vouched, "another network").await;
                }
                self.cas_sign_in(way, visitor, &key, vouched).await.map(CasRedeemed::Done)
            }
            // Asked when the app approved: the name was entered before the code was shown.
            Fence::Username => self.cas_sign_in(way, visitor, &key, vouched).await.map(CasRedeemed::Done),
        }
    }

    /// What waits to be confirmed on this journey.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]: nothing does (any more); [`Refusal::Gone`] when the journey is over or another browser's.
    pub async fn cas_confirmation(
        &self,
        id: &JourneyId,
        visitor: &Visitor,
    ) -> Result<CasConfirmation, Refusal> {
        self.cas_is_on()?;
        let way = self.way(id, visitor).await?;
        let found = self.app().slots::<CasConfirming>().get(&page(id)).await?;
        let (Confirming { vouched, .. }, _) = found.ok_or(Refusal::NotFound)?;
        if !is_same(&vouched.common.opening.browser, &way.kept.browser) {
            return Err(Refusal::NotFound);
        }
        self.confirmation(&vouched).map_err(|_| Refusal::NotFound)
    }

    /// The browser's user goes on as the account that was named.
    ///
    /// # Errors
    /// [`Refusal::Gone`] when it is too late, or was confirmed before; otherwise as [`SignIn::cas_redeem`].
    pub async fn cas_confirm(&self, id: &JourneyId, visitor: &Visitor) -> Result<Progress, Refusal> {
        let (way, Confirming { key, vouched }) = self.confirming(id, visitor).await?;
        self.takes_cas_apps(&way).await?;
        vouched.alive(self.app().now()).map_err(|_| Refusal::Gone)?;
        self.cas_sign_in(way, visitor, &key, vouched).await
    }

    /// The browser's user is not who was named.
    ///
    /// # Errors
    /// [`Refusal::Gone`] as for [`SignIn::cas_confirm`].
    pub async fn cas_decline(&self, id: &JourneyId, visitor: &Visitor) -> Result<(), Refusal> {
        let (_, Confirming { vouched, .. }) = self.confirming(id, visitor).await?;
        let Vouched { common, approval, .. } = &vouched;
        let now = self.app().now();
        let entry = trail::by_browser(common, approval, visitor.address, AuditEvent::ChannelDenied, now);
        self.write_one(AuditEntry { detail: audit::detail("CAS app: declined in the browser"), ..entry })
            .await?;
        self.app().meters().count(meters::Event::QrDenied);
        Ok(())
    }

    async fn confirming(&self, id: &JourneyId, visitor: &Visitor) -> Result<(Way, Confirming), Refusal> {
        self.cas_is_on()?;
        let way = self.way(id, visitor).await?;
        let found = self.app().slots::<CasConfirming>().take(&page(id)).await?.ok_or(Refusal::Gone)?;
        let is_its_own = is_same(&found.vouched.common.opening.browser, &way.kept.browser);
        if is_its_own { Ok((way, found)) } else { Err(Refusal::Gone) }
    }

    fn confirmation(&self, vouched: &Vouched) -> Result<CasConfirmation, Refusal> {
        let now = self.app().now();
        vouched.alive(now).map_err(|_| Refusal::SignInFailed)?;
        let seconds = vouched.until.since(now).as_millis().div_ceil(1000);
        Ok(CasConfirmation {
            account: text::shown(&vouched.approval.username, 128),
            device: vouched.approval.label.clone(),
            expires_in: u16::try_from(seconds).unwrap_or(u16::MAX),
        })
    }

    /// The approval that this handle is for, taken from the channel. A handle that does not fit takes nothing.
    async fn taken(
        &self,
        way: &Way,
        handle: &str,
        device: &str,
    ) -> Result<Option<(String, Vouched)>, Refusal> {
        let Some((key, shown)) = read_handle(handle) else { return Ok(None) };
        let Some(device) = DeviceName::parse(device) else { return Ok(None) };
        let slots = self.app().slots::<CasChannels>();
        let redeem = |approved: Approved| {
            let by = Redeeming {
                browser: &way.kept.browser,
                journey: &way.id,
                handle: &shown,
                device: device.as_str(),
            };
            approved.redeem(by, self.app().now()).ok()
        };
        let Some((CasChannel::Approved(approved), _)) = slots.get(key).await? else { return Ok(None) };
        if redeem(approved).is_none() {
            return Ok(None);
        }
        // What counts is the state that is taken: of many who come at once one gets it.
        let Some(CasChannel::Approved(approved)) = slots.take(key).await? else { return Ok(None) };
        Ok(redeem(approved).map(|vouched| (key.to_owned(), vouched)))
    }

    async fn not_signed_in<T>(&self, visitor: &Visitor, vouched: &Vouched, why: &str) -> Result<T, Refusal> {
        self.write_one(self.redeemed(visitor, vouched, Some(why))).await?;
        self.app().meters().count(meters::Event::RefusedPhone);
        Err(Refusal::SignInFailed)
    }

    fn redeemed(&self, visitor: &Visitor, vouched: &Vouched, why: Option<&str>) -> AuditEntry {
        let Vouched { common, approval, .. } = vouched;
        let now = self.app().now();
        let entry = trail::by_browser(common, approval, visitor.address, AuditEvent::ChannelRedeemed, now);
        match why {
            None => entry,
            Some(why) => {
                let detail = audit::detail(&format!("CAS app: {why}"));
                AuditEntry { outcome: Outcome::Refused, detail, ..entry }
            }
        }
    }

    async fn write_one(&self, entry: AuditEntry) -> Result<(), Refusal> {
        let deed = || async {
            let mut work = self.app().store().begin().await?;
            work.audit(entry.clone()).await?;
            Ok(work.commit().await?)
        };
        self.app().repeatable(deed).await
    }

    async fn cas_sign_in(
        &self,
        way: Way,
        visitor: &Visitor,
        key: &str,
        vouched: Vouched,
    ) -> Result<Progress, Refusal> {
        let app = self.app();
        let now = app.now();
        let approval = &*vouched.approval;
        // Whatever this browser did before: it was an app that verifies nobody.
        let proof = Proof { method: Method::CasPhone, at: vouched.at, known_browser: false };
        let event = Event::Proved { account: approval.account, proof };
        let is_wanted = way.kept.journey.clone().record(event, now).is_ok();
        let before = self.who(visitor).await?;
        let proved = Proved { account: approval.account, proof, also: None, device: Some(approval.device) };
        let client = &vouched.common.opening.client;
        let channel = self.cas_channel_end(key);

        let deed = || async {
            let mut work = app.store().begin().await?;
            let why = if !work.end_channel(&channel, now).await? {
                // As for phones: should the live store have an approval back that it gave away, the store knows.
                Some("over before")
            } else if !is_wanted {
                Some("another account")
            } else if !self.vouches_still(&mut *work, approval, None).await? {
                // Asked in the same unit as the session: a revocation before it wins.
                Some("device or owner not active")
            } else {
                None
            };
            if why.is_some() {
                work.audit(self.redeemed(visitor, &vouched, why)).await?;
                work.commit().await?;
                return Ok(None);
            }
            let begun =
                self.begin_session(&mut *work, visitor, before.as_ref(), &proved, Some(client)).await?;
            let entry = self.redeemed(visitor, &vouched, None);
            work.audit(AuditEntry { session: Some(begun.id), ..entry }).await?;
            work.commit().await?;
            Ok(Some(begun))
        };
        // The approval is taken: the unit is begun again where it may be, since the approval cannot be.
        let Some(begun) = app.repeatable(deed).await? else {
            app.meters().count(meters::Event::RefusedPhone);
            return Err(Refusal::SignInFailed);
        };
        self.drop_channel(&way.kept).await;
        self.go_on_as(begun, visitor, way).await
    }

    /// The channel that the store must not see redeemed twice.
    fn cas_channel_end(&self, key: &str) -> SecretHash {
        self.app().mac("cas channel end", key.as_bytes())
    }
}
