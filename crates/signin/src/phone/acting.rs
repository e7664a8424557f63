//! A phone that acts: it proves by its key that it is the enrolled one.
//!
//! Owns: single-use challenges, verifying a signed request, and what a phone may do about the sessions it
//! approved (SEC-020, SEC-035, SEC-043). Not here: enrolling and revoking (`registry`).

use std::time::Duration;

use app::{Change, Refusal, Rule, audit, throttle};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{
    Account, AuditEntry, AuditEvent, BrowserSession, ClientAddress, Device, DeviceId, DeviceKey, KeyAlg,
    Outcome, Passkey, SessionEnd, SessionId, Timestamp,
};
use live::Slot;
use qr::approval::DeviceProof;
use qr::{Malformed, key};
use serde::{Deserialize, Serialize};

use crate::SignIn;
use crate::way::name;

/// A challenge is good for so long.
const CHALLENGE_LIFE: Duration = Duration::from_secs(60);
/// Sessions listed at most.
const MOST_SESSIONS: u32 = 100;

/// Challenges by their MAC.
struct Challenges;

#[derive(Serialize, Deserialize)]
struct Given {
    device: DeviceId,
    at: Timestamp,
}

impl Slot for Challenges {
    const KIND: &'static str = "device-challenge";
    const TTL: Duration = CHALLENGE_LIFE;
    type Value = Given;
}

/// What a phone signs next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// base64url of 16 random bytes.
    pub challenge: String,
    /// Seconds.
    pub expires_in: u32,
}

/// A request that a phone signed as a whole.
#[derive(Debug, Clone, Copy)]
pub struct DeviceAsked<'a> {
    /// Which phone it says it is.
    pub device: DeviceId,
    /// From [`SignIn::challenge`].
    pub challenge: &'a str,
    /// base64url.
    pub signature: &'a str,
    /// HTTP method in capitals.
    pub method: &'a str,
    /// Path as sent.
    pub path: &'a str,
    /// Body as sent.
    pub body: &'a [u8],
    /// Where it came from.
    pub address: ClientAddress,
}

/// A phone whose key was proven just now, in whatever state it is.
pub(super) struct Acting {
    pub device: Device,
    pub account: Account,
    pub passkey: Option<Passkey>,
}

impl Acting {
    /// Phone and owner may act (SEC-036).
    pub(super) fn is_active(&self) -> bool {
        self.device.is_active() && self.account.is_active()
    }
}

impl SignIn {
    /// A challenge for a phone. Unknown ones get one too.
    ///
    /// # Errors
    /// [`Refusal::TooMany`]; the live store is unavailable.
    pub async fn challenge(&self, device: &DeviceId, address: ClientAddress) -> Result<Challenge, Refusal> {
        let app = self.app();
        app.throttle().hit(Rule::ChallengeAddress, &throttle::network(address)).await?;
        app.throttle().hit(Rule::ChallengeDevice, &device.to_string()).await?;
        let challenge = URL_SAFE_NO_PAD.encode(app.entropy().bytes::<16>());
        let given = Given { device: *device, at: app.now() };
        app.slots::<Challenges>().put(&self.challenge_key(&challenge), &given).await?;
        let expires_in = u32::try_from(CHALLENGE_LIFE.as_secs()).unwrap_or(u32::MAX);
        Ok(Challenge { challenge, expires_in })
    }

    /// The phone that signed this request, in whatever state it is: a pending one may ask for its state.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], the same for unknown phones, spent challenges and wrong signatures;
    /// [`Refusal::TooMany`].
    pub async fn device(&self, asked: &DeviceAsked<'_>) -> Result<(Device, Account), Refusal> {
        let acting = self.acting(asked).await?;
        Ok((acting.device, acting.account))
    }

    pub(super) async fn acting(&self, asked: &DeviceAsked<'_>) -> Result<Acting, Refusal> {
        let device = asked.device.to_string();
        let proof = DeviceProof {
            issuer: self.app().issuer().as_str(),
            device: &device,
            challenge: asked.challenge,
            method: asked.method,
            path: asked.path,
            body: asked.body,
        };
        let signed = Signed {
            device: asked.device,
            challenge: asked.challenge,
            signature: asked.signature,
            message: proof.message(),
            address: asked.address,
        };
        self.proven(signed).await
    }

    /// The living sessions that a phone approved, newest first (SEC-043).
    ///
    /// # Errors
    /// As [`SignIn::device`]; [`Refusal::Forbidden`] also for a phone that may not act.
    pub async fn approved_sessions(&self, asked: &DeviceAsked<'_>) -> Result<Vec<BrowserSession>, Refusal> {
        let (device, _) = self.active_device(asked).await?;
        let mut view = self.app().store().read().await?;
        Ok(view.sessions_of_device(&device.id, self.app().now(), MOST_SESSIONS).await?)
    }

    /// Ends a session that a phone approved (SEC-043).
    ///
    /// # Errors
    /// As [`SignIn::approved_sessions`]; [`Refusal::NotFound`] when the phone approved no such living session.
    pub async fn end_session(&self, asked: &DeviceAsked<'_>, id: &SessionId) -> Result<(), Refusal> {
        let (device, _) = self.active_device(asked).await?;
        let app = self.app();
        let now = app.now();
        let deed = || async {
            let mut work = app.store().begin().await?;
            let session = work.session(id).await?.filter(|session| session.device == Some(device.id));
            if session.is_none() || !work.end_session(id, SessionEnd::EndedByDevice, now).await? {
                return Err(Refusal::NotFound);
            }
            work.audit(AuditEntry {
                account: Some(device.account),
                device: Some(device.id),
                session: Some(*id),
                detail: audit::detail(SessionEnd::EndedByDevice.as_str()),
                ..audit::from(asked.address, AuditEvent::SessionEnded, Outcome::Done, now)
            })
            .await?;
            Ok(work.commit().await?)
        };
        app.repeatable(deed).await?;
        app.tell(Change::Session(*id)).await;
        Ok(())
    }

    /// The phone that signed this request, if it may act.
    ///
    /// # Errors
    /// As [`SignIn::device`]; [`Refusal::Forbidden`] also for a phone that may not act.
    pub async fn active_device(&self, asked: &DeviceAsked<'_>) -> Result<(Device, Account), Refusal> {
        let acting = self.acting(asked).await?;
        if acting.is_active() { Ok((acting.device, acting.account)) } else { Err(Refusal::Forbidden) }
    }

    /// Verifies a message that a phone signed over a challenge of ours. The challenge is spent either way.
    pub(super) async fn proven(&self, signed: Signed<'_>) -> Result<Acting, Refusal> {
        let app = self.app();
        self.may_sign(&signed.device, signed.address).await?;
        let key = self.challenge_key(signed.challenge);
        let given = app.slots::<Challenges>().take(&key).await?;
        let is_ours = given
            .is_some_and(|given| given.device == signed.device && app.now().since(given.at) < CHALLENGE_LIFE);
        let found = app.store().read().await?.device_to_act(&signed.device).await?;
        // A phone without a key signs nothing: it is an unknown one here (SEC-065).
        let found = found.filter(|(device, ..)| device.key.is_some());
        let key = found.as_ref().and_then(|(device, ..)| device.key.clone()).unwrap_or_else(nobody);
        let is_signed = signed.message.is_ok_and(|text| key::is_signed(&key, &text, signed.signature));
        match found {
            Some((device, account, passkey)) if is_ours && is_signed => {
                Ok(Acting { device, account, passkey })
            }
            found => {
                let account = found.as_ref().map(|(_, account, _)| account);
                self.wrong_signature(&signed.device, account, signed.address).await?;
                Err(Refusal::Forbidden)
            }
        }
    }

    /// Too many wrong signatures stop a phone's name and a network for a while (SEC-055).
    pub(super) async fn may_sign(&self, device: &DeviceId, address: ClientAddress) -> Result<(), Refusal> {
        let throttle = self.app().throttle();
        throttle.peek(Rule::BadSignatureAddress, &throttle::network(address)).await?;
        throttle.peek(Rule::BadSignatureDevice, &device.to_string()).await
    }

    pub(super) async fn wrong_signature(
        &self,
        device: &DeviceId,
        account: Option<&Account>,
        address: ClientAddress,
    ) -> Result<(), Refusal> {
        self.app().meters().count(app::meters::Event::RefusedPhone);
        let throttle = self.app().throttle();
        throttle.hit(Rule::BadSignatureAddress, &throttle::network(address)).await?;
        throttle.hit(Rule::BadSignatureDevice, &device.to_string()).await?;
        if let Some(account) = account {
            throttle.hit(Rule::BadSignatureAccount, &account.id.to_string()).await?;
        }
        Ok(())
    }

    fn challenge_key(&self, challenge: &str) -> String {
        name(&self.app().mac("device challenge", challenge.as_bytes()))
    }
}

/// A signed message and who is said to have signed it.
pub(super) struct Signed<'a> {
    pub device: DeviceId,
    pub challenge: &'a str,
    pub signature: &'a str,
    pub message: Result<String, Malformed>,
    pub address: ClientAddress,
}

/// A key that no phone holds, so that an unknown phone costs a verification too (SEC-053): the base point of
/// P-256. Whoever signs with it is refused all the same.
fn nobody() -> DeviceKey {
    const BASE: [u8; 65] = [
        0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2,
        0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f,
        0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce,
        0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
    ];
    DeviceKey { alg: KeyAlg::ES256, public: BASE.to_vec(), thumbprint: String::new() }
}
