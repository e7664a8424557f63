//! A phone's owner proves to be there, for one purpose.
//!
//! Owns: the single-use nonce for that, and what counts as proof (SEC-031, SEC-077): the passkey that was enrolled
//! with the phone, or a keystore that was enrolled as one that verifies its user. Not here: decisions on sign-ins
//! (`decide`; their nonce is the claim's).

use std::time::Duration;

use app::{App, Refusal};
use domain::{Account, Device, DeviceId, DeviceKind, Timestamp};
use live::Slot;
use qr::approval::{Purpose, verification_challenge};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::acting::{Acting, DeviceAsked};
use super::encode;
use crate::SignIn;
use crate::way::name;
use crate::webauthn::Assertion;

/// A verification is good for so long.
const LIFE: Duration = Duration::from_secs(3 * 60);
/// Subjects are thumbprints and ids.
const LONGEST_SUBJECT: usize = 200;

/// Verifications by the MAC of their nonce.
struct Verifications;

#[derive(Serialize, Deserialize)]
struct Begun {
    device: DeviceId,
    purpose: Purpose,
    subject: String,
    at: Timestamp,
}

impl Slot for Verifications {
    const KIND: &'static str = "device-verification";
    const TTL: Duration = LIFE;
    type Value = Begun;
}

/// What the phone answers next.
#[derive(Debug, Clone, PartialEq)]
pub struct VerificationAsked {
    /// Comes back with the deed.
    pub nonce: String,
    /// Options for `navigator.credentials.get` (kind `web`).
    pub webauthn: Option<Value>,
    /// Seconds.
    pub expires_in: u32,
}

/// What the phone says about its user, inside a request that its key signed as a whole.
#[derive(Debug, Clone)]
pub struct UserProof {
    /// From [`SignIn::begin_verification`].
    pub nonce: String,
    /// The phone says it verified its user for this.
    pub uv: bool,
    /// The WebAuthn assertion, from phones of the web kind.
    pub assertion: Option<Value>,
}

impl SignIn {
    /// A nonce for one deed of an active phone, and what its passkey is asked. The subject is what the deed is
    /// about: a thumbprint, an id, or `-`.
    ///
    /// # Errors
    /// As [`SignIn::device`]; [`Refusal::Forbidden`] also for a phone that may not act; [`Refusal::Invalid`] for the
    /// subject.
    pub async fn begin_verification(
        &self,
        asked: &DeviceAsked<'_>,
        purpose: Purpose,
        subject: &str,
    ) -> Result<VerificationAsked, Refusal> {
        let acting = self.acting(asked).await?;
        if !acting.is_active() {
            return Err(Refusal::Forbidden);
        }
        if subject.is_empty() || subject.len() > LONGEST_SUBJECT || subject.chars().any(char::is_control) {
            return Err(Refusal::Invalid { field: "subject", why: "1 to 200 plain characters" });
        }
        let app = self.app();
        let nonce = encode(app.entropy().bytes());
        let webauthn = match (acting.device.kind, &acting.passkey) {
            (DeviceKind::App, _) => None,
            (DeviceKind::Web, Some(passkey)) => {
                let challenge = verification_challenge(purpose, &acting.device.id, subject, &nonce);
                Some(self.passkeys()?.request(&challenge, Some(&passkey.credential_id)))
            }
            (DeviceKind::Web, None) | (DeviceKind::Cas, _) => return Err(Refusal::Forbidden),
        };
        let begun = Begun { device: acting.device.id, purpose, subject: subject.to_owned(), at: app.now() };
        app.slots::<Verifications>().put(&key(app, &nonce), &begun).await?;
        Ok(VerificationAsked { nonce, webauthn, expires_in: super::watch::seconds(LIFE) })
    }

    /// The phone that signed this request, if its owner proved to be there for this very purpose and subject.
    ///
    /// # Errors
    /// As [`SignIn::begin_verification`]; [`Refusal::Gone`] when the nonce is spent, late, or was for something
    /// else; [`Refusal::Forbidden`] when the owner was not verified: a wrong proof counts as a wrong signature.
    pub async fn verified_device(
        &self,
        asked: &DeviceAsked<'_>,
        purpose: Purpose,
        subject: &str,
        proof: &UserProof,
    ) -> Result<(Device, Account), Refusal> {
        let acting = self.acting(asked).await?;
        if !acting.is_active() {
            return Err(Refusal::Forbidden);
        }
        let app = self.app();
        let begun = app.slots::<Verifications>().take(&key(app, &proof.nonce)).await?.ok_or(Refusal::Gone)?;
        let is_for_this = begun.device == acting.device.id
            && begun.purpose == purpose
            && begun.subject == subject
            && app.now().since(begun.at) < LIFE;
        if !is_for_this {
            return Err(Refusal::Gone);
        }
        if !self.is_user_there(&acting, purpose, subject, proof).await? {
            self.wrong_signature(&acting.device.id, Some(&acting.account), asked.address).await?;
            return Err(Refusal::Forbidden);
        }
        Ok((acting.device, acting.account))
    }

    async fn is_user_there(
        &self,
        acting: &Acting,
        purpose: Purpose,
        subject: &str,
        proof: &UserProof,
    ) -> Result<bool, Refusal> {
        if !proof.uv {
            return Ok(false);
        }
        match acting.device.kind {
            // What was recorded at enrolment counts, whatever the phone says now (SEC-077).
            DeviceKind::App => Ok(acting.device.verifies_user),
            DeviceKind::Cas => Ok(false),
            DeviceKind::Web => {
                let challenge = verification_challenge(purpose, &acting.device.id, subject, &proof.nonce);
                let asserted = self.0.passkeys.as_ref().and_then(|passkeys| {
                    let kept = acting.passkey.as_ref()?;
                    let assertion = Assertion::read(proof.assertion.clone()?)?;
                    let asserted = passkeys.verify(&challenge, &assertion, kept, &acting.account)?;
                    Some((kept.clone(), asserted))
                });
                let Some((kept, asserted)) = asserted else { return Ok(false) };
                let state = asserted.changed.as_deref().unwrap_or(&kept.passkey);
                let mut work = self.app().store().begin().await?;
                work.passkey_used(&kept.id, state, self.app().now()).await?;
                work.commit().await?;
                Ok(true)
            }
        }
    }
}

fn key(app: &App, nonce: &str) -> String {
    name(&app.mac("device verification", nonce.as_bytes()))
}
