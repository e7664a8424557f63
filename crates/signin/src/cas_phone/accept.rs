//! An app approves (cas-wire §8).
//!
//! Owns: what an approval needs, what failures cost (C-14), and that the app is told nothing (C-17): whether a channel
//! exists, whether its token is good. Not here: the frame that it came in (`cas::stomp`).

use app::{Refusal, Rule, meters, throttle};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cas::stomp::Approval as Asked;
use domain::{AuditEntry, ClientAddress, text};
use live::Version;
use qr::CasChannel;
use qr::cas_channel::{Approval, Created};

use super::token::ActingApp;
use super::{CasChannels, Fence, hash, trail};
use crate::SignIn;

/// So often a channel that others move meanwhile is read anew.
const MOST_READS: u32 = 16;

impl SignIn {
    /// Takes what an app sent. It answers nothing; the browser that waits is told. What is begun is ended even if the
    /// app hangs up.
    pub async fn cas_accept(&self, asked: &Asked, address: ClientAddress) {
        if !self.settings().methods.cas_phone {
            return;
        }
        let (signin, asked) = (self.clone(), asked.clone());
        let accepting = tokio::spawn(async move { signin.take_approval(&asked, address).await });
        match accepting.await {
            Ok(Ok(()) | Err(Refusal::TooMany { .. })) => {}
            Ok(Err(refusal)) => tracing::warn!(cause = refusal.cause(), "An app's approval was not taken"),
            Err(_) => tracing::error!("An app's approval was cut off"),
        }
    }

    /// Counts something that no app sends: nothing came of it.
    pub async fn cas_abuse(&self, address: ClientAddress) {
        if let Err(refusal) = self.count_accept(address).await
            && !matches!(refusal, Refusal::TooMany { .. })
        {
            tracing::warn!(cause = refusal.cause(), "An abuse of the socket was not counted");
        }
    }

    async fn count_accept(&self, address: ClientAddress) -> Result<(), Refusal> {
        self.app().throttle().hit(Rule::CasAcceptAddress, &throttle::network(address)).await
    }

    async fn take_approval(&self, asked: &Asked, address: ClientAddress) -> Result<(), Refusal> {
        self.count_accept(address).await?;
        let acting = self.acting_app(asked.device.as_ref(), asked.token.as_ref()).await?;
        let acting = match acting {
            Some(acting) => self.not_too_often(acting).await?,
            None => None,
        };
        let key = self.cas_key(&asked.channel);
        let slots = self.app().slots::<CasChannels>();
        let mut is_known = false;
        for _ in 0..MOST_READS {
            let Some((channel, version)) = slots.get(&key).await? else { break };
            is_known = true;
            // One approval and no second, whoever it is from; what is over stays so.
            let CasChannel::Created(created) = channel else { return Ok(()) };
            if self.decided(&key, created, version, acting.as_ref(), address).await? {
                return Ok(());
            }
        }
        // A channel that never was counts double: whoever looks for some finds few.
        if is_known { Ok(()) } else { self.count_accept(address).await }
    }

    /// A device that approves all the time is broken or in wrong hands (SEC-055).
    async fn not_too_often(&self, acting: ActingApp) -> Result<Option<ActingApp>, Refusal> {
        match self.app().throttle().hit(Rule::ClaimDevice, &acting.device.id.to_string()).await {
            Ok(()) => Ok(Some(acting)),
            Err(Refusal::TooMany { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// One try to move the channel on; `false` when another was quicker.
    async fn decided(
        &self,
        key: &str,
        created: Created,
        version: Version,
        acting: Option<&ActingApp>,
        address: ClientAddress,
    ) -> Result<bool, Refusal> {
        let now = self.app().now();
        let approval = acting.map(|acting| self.approval(key, &created, acting, address));
        let approval = approval.filter(|approval| {
            created.may_approve(&approval.person, now).is_ok() && self.is_near(&created, address)
        });
        let moved = match approval {
            Some(approval) => created.approve(approval, now).map(CasChannel::Approved),
            None => created.fail(now),
        };
        // Its time is over: nobody listens any more.
        let Ok(moved) = moved else { return Ok(true) };
        let swapped = self.app().slots::<CasChannels>().swap(key, version, &moved).await?;
        if swapped.is_err() {
            return Ok(false);
        }
        self.settle_cas(key, &moved, address).await?;
        Ok(true)
    }

    /// Where app and browser must be in one network, they are now; asked again when the browser is signed in.
    fn is_near(&self, created: &Created, address: ClientAddress) -> bool {
        let browser = created.common.opening.seen.address;
        self.cas_fence() != Fence::SameNetwork || throttle::network(browser) == throttle::network(address)
    }

    fn approval(&self, key: &str, created: &Created, acting: &ActingApp, address: ClientAddress) -> Approval {
        let ActingApp { device, account, password_since } = acting;
        let nonce = URL_SAFE_NO_PAD.encode(self.app().entropy().bytes::<16>());
        let secret = self.cas_handle_secret(key, &created.common.opening.browser, &nonce);
        Approval {
            device: device.id,
            name: device.cas_name.clone().unwrap_or_default(),
            label: text::shown(&device.name, 60),
            account: account.id,
            username: account.username.to_string(),
            person: self.cas_person(account.username.key()),
            password_since: *password_since,
            address,
            nonce,
            handle: hash(&secret),
        }
    }

    /// After the channel moved: writes it down, then tells the browser. Should the unit fail, the channel is taken
    /// away, so that nothing goes on that was not written down.
    async fn settle_cas(&self, key: &str, moved: &CasChannel, address: ClientAddress) -> Result<(), Refusal> {
        let app = self.app();
        let now = app.now();
        let seen = &moved.common().opening.seen;
        let (entries, approval): (Vec<AuditEntry>, _) = match moved {
            CasChannel::Created(_) => {
                app.meters().count(meters::Event::RefusedPhone);
                self.say_cas(key, "failed").await;
                return Ok(());
            }
            CasChannel::Denied(denied) => {
                app.meters().count(meters::Event::RefusedPhone);
                let common = &denied.common;
                (vec![trail::opened(common), trail::denied(common, address, now)], None)
            }
            CasChannel::Approved(approved) => {
                let (common, approval) = (&approved.common, &*approved.approval);
                (vec![trail::opened(common), trail::approved(common, approval, approved.at)], Some(approval))
            }
        };
        let deed = || async {
            let mut work = app.store().begin().await?;
            if let Some(approval) = approval
                && !self.vouches_still(&mut *work, approval, Some(seen)).await?
            {
                return Err(Refusal::Forbidden);
            }
            for entry in &entries {
                work.audit(entry.clone()).await?;
            }
            Ok(work.commit().await?)
        };
        if let Err(refusal) = app.repeatable(deed).await {
            if let Err(error) = app.slots::<CasChannels>().take(key).await {
                tracing::error!(%error, "An approval that was not written down could not be taken back");
            }
            self.say_cas(key, "over").await;
            return Err(refusal);
        }
        self.say_cas(key, if approval.is_some() { "approved" } else { "failed" }).await;
        Ok(())
    }
}
