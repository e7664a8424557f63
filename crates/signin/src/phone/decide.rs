//! The phone's owner decides.
//!
//! Owns: verifying the signed decision and the passkey behind it, counting wrong codes (SEC-024), and the
//! audit of opening, claim and decision in one unit of work. Not here: what a decision may do
//! (`qr::channel`).

use app::{Refusal, Rule, meters};
use domain::{
    Account, AuditEntry, AuditEvent, ClientAddress, ClientId, Device, DeviceId, DeviceKind, Passkey,
    Timestamp, text,
};
use qr::approval::{self, Bound, Said, SignedApproval};
use qr::{Channel, CheckCode, Claim, Common, Denied, Refused, State, UserVerification, WhyDenied, facts};
use serde_json::Value;
use store::ApprovalNote;

use super::{Channels, Found, trail};
use crate::SignIn;
use crate::webauthn::{Asserted, Assertion};

/// What the phone sends.
#[derive(Debug, Clone)]
pub struct Decision<'a> {
    /// Which phone it says it is.
    pub device: DeviceId,
    /// The handle from [`SignIn::claim`].
    pub claim: &'a str,
    /// Approve, deny or report.
    pub decision: qr::Decision,
    /// What was typed.
    pub check_code: Option<CheckCode>,
    /// The phone says it verified its user for this very decision.
    pub uv: bool,
    /// The phone's clock: seconds since 1970.
    pub time: i64,
    /// base64url.
    pub signature: &'a str,
    /// The WebAuthn assertion, from phones of the web kind.
    pub assertion: Option<Value>,
    /// Where it came from.
    pub address: ClientAddress,
}

/// What became of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// It counts.
    Done,
    /// Something else than the check code was typed. With none left the channel is denied.
    WrongCode {
        /// Tries left.
        left: u8,
    },
}

/// A decision, applied to the channel as it was found.
struct Applied {
    channel: Channel,
    outcome: Outcome,
    passkey: Option<(Passkey, Asserted)>,
}

#[derive(Clone, Copy)]
enum Outcome {
    Approved,
    Denied { was_approved: bool },
    WrongCode { left: u8 },
}

impl SignIn {
    /// Takes the owner's decision.
    ///
    /// # Errors
    /// [`Refusal::Gone`] for every claim that cannot be decided; [`Refusal::Forbidden`] for an inactive phone or
    /// owner, a wrong signature and an unverified user; [`Refusal::Invalid`] when the phone's clock is off;
    /// [`Refusal::TooMany`].
    pub async fn decide(&self, decision: Decision<'_>) -> Result<Decided, Refusal> {
        let (signin, claim, signature) =
            (self.clone(), decision.claim.to_owned(), decision.signature.to_owned());
        let Decision { device, decision, check_code, uv, time, assertion, address, .. } = decision;
        // A phone that hangs up leaves nothing half done: what moved is written down, and a wrong code counts.
        let deciding = tokio::spawn(async move {
            let (claim, signature) = (claim.as_str(), signature.as_str());
            let decision =
                Decision { device, claim, decision, check_code, uv, time, signature, assertion, address };
            signin.take_decision(decision).await
        });
        deciding.await.map_err(|_| Refusal::Unavailable("a decision was cut off".to_owned()))?
    }

    async fn take_decision(&self, decision: Decision<'_>) -> Result<Decided, Refusal> {
        let app = self.app();
        self.may_sign(&decision.device, decision.address).await?;
        let (handle, channel_id) = self.open_claim(&decision.device, decision.claim).ok_or(Refusal::Gone)?;
        let (device, account, passkey) =
            app.store().read().await?.device_to_act(&decision.device).await?.ok_or(Refusal::Forbidden)?;
        if !device.is_active() || !account.is_active() || device.key.is_none() {
            return Err(Refusal::Forbidden);
        }
        if decision.decision == qr::Decision::Approve {
            app.throttle().peek(Rule::WrongCodeDevice, &device.id.to_string()).await?;
            app.throttle().peek(Rule::WrongCodeAccount, &account.id.to_string()).await?;
        }
        let by = By { device, account, passkey, address: decision.address };
        // A swap is lost only to another decision of this very phone; then its own turn comes again.
        for _ in 0..3 {
            let now = app.now();
            let found = self.channel(&handle).await?.ok_or(Refusal::Gone)?;
            let (signed, claim) = self.verified(&decision, &found, &by, &channel_id).await?;
            let applied = match self.apply(found.channel, &signed, &decision, &by, now) {
                Ok(applied) => applied,
                Err(refused) => {
                    if refused == Refused::UserNotVerified {
                        self.wrong_signature(&by.device.id, Some(&by.account), decision.address).await?;
                    }
                    return Err(refusal(refused));
                }
            };
            let swapped = app.slots::<Channels>().swap(&handle, found.version, &applied.channel).await?;
            if swapped.is_ok() {
                return self.settle(&handle, applied, &claim, &by, now).await;
            }
        }
        Err(Refusal::Gone)
    }

    /// The decision's signature, over what the server knows (SEC-030).
    async fn verified(
        &self,
        decision: &Decision<'_>,
        found: &Found,
        by: &By,
        channel_id: &str,
    ) -> Result<(SignedApproval, Claim), Refusal> {
        let common = found.channel.common();
        let claim = found.channel.claim().cloned().ok_or(Refusal::Gone)?;
        let is_its_own = claim.device == by.device.id
            && claim.account == by.account.id
            && claim.channel == self.channel_mac(channel_id);
        if !is_its_own {
            return Err(Refusal::Gone);
        }
        let client: Option<ClientId> = common.client();
        let bound = Bound {
            issuer: self.app().issuer().as_str(),
            channel: channel_id,
            nonce: &claim.nonce,
            facts: &claim.facts,
            client: client.as_ref(),
            account: &claim.account,
            device: &claim.device,
        };
        let said = Said {
            decision: decision.decision,
            uv: decision.uv,
            code: decision.check_code,
            time: decision.time,
            signature: decision.signature,
        };
        // The phone's clock is compared with the one on the wall, which may have been set back (SEC-214).
        let key = by.device.key.as_ref().ok_or(Refusal::Forbidden)?;
        match approval::verify(&bound, &said, key, self.app().wall()) {
            Ok(signed) => Ok((signed, claim)),
            Err(Refused::TimeOff) => {
                Err(Refusal::Invalid { field: "time", why: "is too far from the server's" })
            }
            Err(_) => {
                self.wrong_signature(&by.device.id, Some(&by.account), decision.address).await?;
                Err(Refusal::Forbidden)
            }
        }
    }

    fn apply(
        &self,
        channel: Channel,
        signed: &SignedApproval,
        decision: &Decision<'_>,
        by: &By,
        now: Timestamp,
    ) -> Result<Applied, Refused> {
        match channel {
            Channel::Claimed(claimed) => {
                let mut passkey = None;
                let (facts, nonce) = (claimed.claim.facts.clone(), claimed.claim.nonce.clone());
                let user = || self.user_verification(decision, by, &facts, &nonce, &mut passkey);
                let (channel, outcome) = match claimed.decide(signed, user, now)? {
                    qr::Decided::Approved(approved) => (Channel::Approved(approved), Outcome::Approved),
                    qr::Decided::Denied(denied) if denied.why == WhyDenied::WrongCodes => {
                        (Channel::Denied(denied), Outcome::WrongCode { left: 0 })
                    }
                    qr::Decided::Denied(denied) => {
                        (Channel::Denied(denied), Outcome::Denied { was_approved: false })
                    }
                    qr::Decided::WrongCode(claimed, left) => {
                        (Channel::Claimed(claimed), Outcome::WrongCode { left })
                    }
                };
                Ok(Applied { channel, outcome, passkey })
            }
            Channel::Approved(approved) => {
                let denied = approved.decide(signed, now)?;
                let outcome = Outcome::Denied { was_approved: true };
                Ok(Applied { channel: Channel::Denied(denied), outcome, passkey: None })
            }
            Channel::Created(_) | Channel::Denied(_) => Err(Refused::Gone),
        }
    }

    /// How the phone's user was verified for this approval (SEC-031): by the passkey that answered for these
    /// very facts, or by a keystore that was enrolled as one that does so.
    fn user_verification(
        &self,
        decision: &Decision<'_>,
        by: &By,
        facts: &str,
        nonce: &str,
        used: &mut Option<(Passkey, Asserted)>,
    ) -> UserVerification {
        match by.device.kind {
            DeviceKind::App if by.device.verifies_user => UserVerification::Keystore,
            DeviceKind::App | DeviceKind::Cas => UserVerification::None,
            DeviceKind::Web => {
                let challenge = facts::passkey_challenge(facts, nonce);
                let asserted = self.0.passkeys.as_ref().and_then(|passkeys| {
                    let kept = by.passkey.as_ref()?;
                    let assertion = Assertion::read(decision.assertion.clone()?)?;
                    let asserted = passkeys.verify(&challenge, &assertion, kept, &by.account)?;
                    Some((kept.clone(), asserted))
                });
                *used = asserted;
                if used.is_some() { UserVerification::Passkey } else { UserVerification::None }
            }
        }
    }

    /// After the channel moved: counts or audits, then tells the browser. Should the unit fail, the channel is
    /// taken away, so that nothing goes on that was not written down.
    async fn settle(
        &self,
        handle: &str,
        applied: Applied,
        claim: &Claim,
        by: &By,
        now: Timestamp,
    ) -> Result<Decided, Refusal> {
        let common = applied.channel.common();
        if let Outcome::WrongCode { left } = applied.outcome {
            self.app().meters().count(meters::Event::RefusedCheckCode);
            self.count_wrong_code(by).await?;
            if left > 0 {
                return Ok(Decided::WrongCode { left });
            }
        }
        let written = self.app().repeatable(|| self.write(handle, &applied, (common, claim), by, now)).await;
        if let Err(refusal) = written {
            if let Err(error) = self.app().slots::<Channels>().take(handle).await {
                tracing::error!(%error, "A decision that was not written down could not be taken back");
            }
            self.say(&common.opening.journey, State::Expired).await;
            return Err(refusal);
        }
        if let Channel::Denied(Denied { why: WhyDenied::Reported, .. }) = &applied.channel
            && let Err(refusal) = self.reported(common.opening.seen.address).await
        {
            tracing::warn!(cause = refusal.cause(), "A report is written down but does not count");
        }
        match &applied.channel {
            Channel::Approved(_) => self.app().meters().took(meters::Step::Approved, claim.at, now),
            Channel::Denied(Denied { why: WhyDenied::Reported, .. }) => {
                self.app().meters().count(meters::Event::QrReported);
            }
            Channel::Denied(_) => self.app().meters().count(meters::Event::QrDenied),
            Channel::Created(_) | Channel::Claimed(_) => {}
        }
        self.say(&common.opening.journey, applied.channel.standing(now).state).await;
        match applied.outcome {
            Outcome::WrongCode { left } => Ok(Decided::WrongCode { left }),
            Outcome::Approved | Outcome::Denied { .. } => Ok(Decided::Done),
        }
    }

    /// One durable commit for opening, claim and decision. A denial ends the channel there as well: no live store
    /// can undo it then (SEC-037).
    async fn write(
        &self,
        handle: &str,
        applied: &Applied,
        (common, claim): (&Common, &Claim),
        by: &By,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let mut work = self.app().store().begin().await?;
        if matches!(applied.outcome, Outcome::Approved) {
            let seen = &common.opening.seen;
            let place = self.settings().places.of(by.address);
            let browser = text::shown(&seen.agent.label(), 120);
            let place = place.city.or(place.network).or(place.country).map(|it| text::shown(&it, 60));
            let key = Some(by.device.thumbprint().ok_or(Refusal::Forbidden)?);
            let note = ApprovalNote { key, place: place.as_deref(), browser: &browser };
            // A phone that was stopped meanwhile, or has another key, approved nothing (SEC-079, SEC-082).
            if !work.device_approved(&by.device.id, &by.account.id, &note, now).await? {
                return Err(Refusal::Forbidden);
            }
        }
        if matches!(applied.channel, Channel::Denied(_))
            && !work.end_channel(&self.channel_end(handle), now).await?
        {
            return Err(Refusal::Gone);
        }
        if !matches!(applied.outcome, Outcome::Denied { was_approved: true }) {
            for entry in trail::until_claim(common, claim) {
                work.audit(entry).await?;
            }
        }
        let (event, detail) = match &applied.channel {
            Channel::Denied(Denied { why: WhyDenied::Reported, .. }) => (AuditEvent::ChannelReported, None),
            Channel::Denied(Denied { why: WhyDenied::WrongCodes, .. }) => {
                (AuditEvent::ChannelDenied, Some("wrong check codes".to_owned()))
            }
            Channel::Denied(_) => (AuditEvent::ChannelDenied, None),
            _ => (AuditEvent::ChannelApproved, None),
        };
        work.audit(AuditEntry { detail, ..trail::entry(common, claim, event, now, true) }).await?;
        if let Some((passkey, asserted)) = &applied.passkey {
            let state = asserted.changed.as_deref().unwrap_or(&passkey.passkey);
            work.passkey_used(&passkey.id, state, now).await?;
        }
        work.commit().await?;
        Ok(())
    }

    /// Wrong codes count across channels, so that a new one does not give new tries (SEC-024).
    async fn count_wrong_code(&self, by: &By) -> Result<(), Refusal> {
        let throttle = self.app().throttle();
        for (rule, key) in [
            (Rule::WrongCodeDevice, by.device.id.to_string()),
            (Rule::WrongCodeAccount, by.account.id.to_string()),
        ] {
            match throttle.hit(rule, &key).await {
                Ok(()) | Err(Refusal::TooMany { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }
}

/// Who decides.
struct By {
    device: Device,
    account: Account,
    passkey: Option<Passkey>,
    address: ClientAddress,
}

fn refusal(refused: Refused) -> Refusal {
    match refused {
        Refused::UserNotVerified | Refused::BadSignature | Refused::DeviceNotActive => Refusal::Forbidden,
        Refused::TimeOff => Refusal::Invalid { field: "time", why: "is too far from the server's" },
        Refused::Gone | Refused::NotNow | Refused::AnotherDevice | Refused::AnotherBrowser => Refusal::Gone,
    }
}
