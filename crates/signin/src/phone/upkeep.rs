//! What a phone does to its own registration: another key (SEC-082), its owner verified anew (SEC-089).
//!
//! Not here: enrolling, stopping and moving it (`registry`).

use app::{Change, Refusal, notices};
use domain::notice::{Notice, NoticeKind};
use domain::{Account, Actor, AttestationWish, AuditEntry, AuditEvent, Device, Outcome, Timestamp, text};
use qr::Jwk;
use qr::approval::{Purpose, RotationProof};
use store::ChangeNote;

use super::acting::{Acting, DeviceAsked};
use super::verification::UserProof;
use crate::SignIn;

/// Notices that a phone is told at a time.
const MOST_NOTICES: u32 = 30;

/// Another key for a phone.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// The key.
    pub key: Jwk,
    /// By it, over `RotationProof`; base64url.
    pub signature: String,
    /// The owner is there, for this key's thumbprint.
    pub proof: UserProof,
}

impl SignIn {
    /// Puts another key in the place of the one that signed this request. From the moment this is durable the old
    /// one does nothing any more; of many that come at once one is done. Nobody vouches for the new key.
    ///
    /// # Errors
    /// As [`SignIn::verified_device`]; [`Refusal::Invalid`] for the new key's signature;
    /// `Conflict("device_key")` for a key that any phone has or had; `Conflict("attestation_required")` where
    /// policy demands that somebody vouches for keys: enrol anew; [`Refusal::Forbidden`] when another rotation or a
    /// revocation was quicker.
    pub async fn rotate_key(
        &self,
        asked: &DeviceAsked<'_>,
        new: NewKey,
    ) -> Result<(Device, Account), Refusal> {
        let thumbprint = new.key.key().thumbprint.clone();
        let (device, account) = self.verified_device(asked, Purpose::Rotate, &thumbprint, &new.proof).await?;
        let app = self.app();
        if app.policies().now().await?.devices_of(&account).attestation == AttestationWish::Required {
            return Err(Refusal::Conflict("attestation_required"));
        }
        let proof = RotationProof {
            issuer: app.issuer().as_str(),
            device: &device.id,
            nonce: &new.proof.nonce,
            key: &thumbprint,
        };
        let message = proof.message();
        if !message.is_ok_and(|message| qr::key::is_signed(new.key.key(), &message, &new.signature)) {
            return Err(Refusal::Invalid {
                field: "signature",
                why: "is not the new key's over this rotation",
            });
        }
        let old = device.thumbprint().ok_or(Refusal::Forbidden)?.to_owned();
        let key = new.key.into_key();
        let deed = || async {
            let now = app.now();
            let mut work = app.store().begin().await?;
            if !work.rotate_device_key(&device.id, &old, &key, now).await? {
                return Err(Refusal::Forbidden);
            }
            let note = ChangeNote { by: &Actor::Device(device.id), why: Some("key rotated") };
            work.note_device_change(&device.id, &note, now).await?;
            work.audit(entry(asked, AuditEvent::DeviceRotated, &device, now)).await?;
            let kind =
                NoticeKind::DeviceKeyRotated { device: device.id, name: text::shown(&device.name, 60) };
            notices::post(app, &mut *work, &account, kind, now).await?;
            Ok(work.commit().await?)
        };
        app.repeatable(deed).await?;
        app.tell(Change::Device(device.id)).await;
        tracing::info!(device.id = %device.id, "Device key rotated");
        Ok((Device { key: Some(key), ..device }, account))
    }

    /// The owner of a phone that was not used for long proved to be there: it may claim again.
    ///
    /// # Errors
    /// As [`SignIn::verified_device`].
    pub async fn reverify(&self, asked: &DeviceAsked<'_>, proof: &UserProof) -> Result<(), Refusal> {
        let (device, _) = self.verified_device(asked, Purpose::Reverify, "-", proof).await?;
        let app = self.app();
        let deed = || async {
            let now = app.now();
            let mut work = app.store().begin().await?;
            if !work.device_verified(&device.id, &device.account, now).await? {
                return Err(Refusal::Forbidden);
            }
            work.audit(entry(asked, AuditEvent::DeviceReverified, &device, now)).await?;
            Ok(work.commit().await?)
        };
        app.repeatable(deed).await?;
        tracing::info!(device.id = %device.id, "Device verified anew");
        Ok(())
    }

    /// What happened to the phone owner's account lately, newest first (SEC-043, SEC-078).
    ///
    /// # Errors
    /// As [`SignIn::active_device`].
    pub async fn phone_notices(&self, asked: &DeviceAsked<'_>) -> Result<Vec<Notice>, Refusal> {
        let (_, account) = self.active_device(asked).await?;
        Ok(self.app().store().read().await?.notices_of(&account.id, None, MOST_NOTICES).await?)
    }

    /// Whether the owner of this phone has to be verified anew before it can claim (SEC-089).
    ///
    /// # Errors
    /// The store.
    pub async fn is_reverification_due(&self, device: &Device, owner: &Account) -> Result<bool, Refusal> {
        let days = self.app().policies().now().await?.devices_of(owner).reverify_days;
        let unused = std::time::Duration::from_secs(u64::from(days) * 86_400);
        Ok(days > 0 && self.app().now().since(device.seen_at()) >= unused)
    }

    /// Refuses a phone that has to be verified anew, with a word of its own: it knows its key, so it may know this.
    pub(super) async fn must_be_remembered(&self, acting: &Acting) -> Result<(), Refusal> {
        if self.is_reverification_due(&acting.device, &acting.account).await? {
            return Err(Refusal::Conflict("reverification"));
        }
        Ok(())
    }
}

fn entry(asked: &DeviceAsked<'_>, event: AuditEvent, device: &Device, now: Timestamp) -> AuditEntry {
    AuditEntry {
        account: Some(device.account),
        device: Some(device.id),
        ..app::audit::from(asked.address, event, Outcome::Done, now)
    }
}
