//! Phones: list, add by an administrator, suspend, restore, revoke, and the link by which a person
//! enrols one.
//!
//! Not here: the enrolment ceremony (`enrolment`), what a phone signs (`qr::approval`).

pub mod change;
pub mod listing;

use app::{Change, Mandate, Refusal};
use domain::notice::NoticeKind;
use domain::{
    Account, Actor, AddedBy, AuditEntry, AuditEvent, Device, DeviceId, DeviceKind, DeviceRecord, DeviceState,
    EnrolmentKind, SessionId, Timestamp,
};

pub use change::{DeviceActor, Stop, StopAsked, Stopped};

use crate::{Paging, Registry};

/// A phone (or native app) whose public key an administrator adds.
#[derive(Debug, Clone)]
pub struct NewDevice {
    /// Whose.
    pub username: String,
    /// The public key as a JWK: P-256 or Ed25519, without a private part (SEC-073).
    pub public_jwk: String,
    /// The owner's name for it.
    pub name: String,
    /// Operating system or model.
    pub platform: String,
    /// Model, if told apart.
    pub model: Option<String>,
}

/// A device and whose it is.
#[derive(Debug, Clone)]
pub struct OwnedDevice {
    /// The device.
    pub device: Device,
    /// Its owner; none when the account is gone.
    pub owner: Option<Account>,
}

/// A link that lets one phone enrol for one account, once.
#[derive(Debug)]
pub struct EnrolmentLink {
    /// For whom.
    pub account: Account,
    /// `<issuer>/phone#e1<token>`: a secret until it is used.
    pub url: String,
    /// Good until.
    pub expires_at: Timestamp,
}

/// What a revocation did.
#[derive(Debug, Clone)]
pub struct Revoked {
    /// The device.
    pub device: Device,
    /// Sessions that ended with it.
    pub ended: Vec<SessionId>,
}

impl Registry {
    /// Devices in the order of their ids; the next page begins after the last one's id.
    ///
    /// # Errors
    /// A page too large, or the store.
    pub async fn devices(&self, paging: &Paging) -> Result<Vec<OwnedDevice>, Refusal> {
        let mut view = self.app.store().read().await?;
        let mut owned = Vec::new();
        for device in view.devices(paging.page()?).await? {
            let owner = view.account(&device.account).await?;
            owned.push(OwnedDevice { device, owner });
        }
        Ok(owned)
    }

    /// All devices of one person, revoked ones included.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn devices_of(&self, username: &str) -> Result<Vec<OwnedDevice>, Refusal> {
        let owner = self.user(username).await?;
        let devices = self.app.store().read().await?.devices_of(&owner.id).await?;
        Ok(devices.into_iter().map(|device| OwnedDevice { device, owner: Some(owner.clone()) }).collect())
    }

    /// Adds a native app's public key for a person. The administrator vouches that the key is this
    /// person's and that the app verifies its user before it signs.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for the key, name or platform; `Conflict("device_key")` when the key is known;
    /// `Conflict("device_limit")` at the owner's limit (SEC-074).
    pub async fn add_device(&self, new: NewDevice) -> Result<OwnedDevice, Refusal> {
        let owner = self.user(&new.username).await?;
        self.register_device(&DeviceActor::operator(), owner, new).await
    }

    /// The same for an account, by somebody. The key is the phone's; whose it is comes from the account alone
    /// (SEC-084, SEC-090).
    ///
    /// # Errors
    /// As [`Registry::add_device`].
    pub async fn register_device(
        &self,
        by: &DeviceActor,
        owner: Account,
        new: NewDevice,
    ) -> Result<OwnedDevice, Refusal> {
        let key = qr::Jwk::parse(&new.public_jwk)
            .map_err(|_| Refusal::Invalid {
                field: "public_key",
                why: "has to be a public JWK of P-256 or Ed25519, without a private part",
            })?
            .into_key();
        let name = plain("name", &new.name)?;
        let platform = plain("platform", &new.platform)?;
        let model = new.model.as_deref().map(|model| plain("model", model)).transpose()?;
        let limit = self.app.policies().now().await?.devices_of(&owner).per_user;
        let now = self.app.now();
        let device = Device {
            id: self.app.entropy().id(),
            account: owner.id,
            kind: DeviceKind::App,
            name,
            platform,
            key: Some(key),
            cas_name: None,
            verifies_user: true,
            passkey: None,
            state: DeviceState::Active,
            added_by: AddedBy::Admin,
            agreed_at: None,
            created_at: now,
            last_used_at: None,
            record: DeviceRecord {
                model,
                added_by_account: match &by.actor {
                    Actor::Account(account) => Some(*account),
                    _ => None,
                },
                changed_by: Some(by.actor.clone()),
                ..DeviceRecord::new(now)
            },
        };
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            if !work.add_device(&device, limit).await? {
                return Err(Refusal::Conflict("device_limit"));
            }
            let detail = Some("by an administrator".to_owned());
            work.audit(AuditEntry { detail, ..by.entry(AuditEvent::DeviceAdded, &device, now) }).await?;
            let name = device.name.clone();
            let kind = NoticeKind::DeviceAdded { device: device.id, name, is_pending: false };
            self.post(&mut *work, &device.account, kind, now).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        self.app.tell(Change::Device(device.id)).await;
        tracing::info!(device.id = %device.id, account.id = %owner.id, "Device added");
        Ok(OwnedDevice { device, owner: Some(owner) })
    }

    /// Stops a device for the time being.
    ///
    /// # Errors
    /// `NotFound`; `Conflict("device_state")` when it is not active.
    pub async fn suspend_device(&self, id: &str) -> Result<Device, Refusal> {
        let device = self.device(id).await?;
        if device.state != DeviceState::Active {
            return Err(Refusal::Conflict("device_state"));
        }
        let asked = StopAsked { stop: Stop::Suspend, why: None, with_sessions: false, version: None };
        Ok(self.stop_device(&DeviceActor::operator(), &device.id, asked).await?.device)
    }

    /// Lets a suspended (or pending) device act again.
    ///
    /// # Errors
    /// `NotFound`; `Conflict("device_state")` when it is revoked or active.
    pub async fn restore_device(&self, id: &str) -> Result<Device, Refusal> {
        let id: DeviceId = id.parse().map_err(|_| Refusal::NotFound)?;
        let from = [DeviceState::Suspended, DeviceState::Pending];
        self.activate(&DeviceActor::operator(), &id, &from, None).await
    }

    /// Stops a device for good (SEC-079, SEC-080): its running claims end; on request so do the sessions
    /// it approved. Revoking a revoked device changes nothing more.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn revoke_device(&self, id: &str, with_sessions: bool) -> Result<Revoked, Refusal> {
        let id: DeviceId = id.parse().map_err(|_| Refusal::NotFound)?;
        let asked = StopAsked { stop: Stop::Revoke, why: None, with_sessions, version: None };
        let Stopped { device, ended } = self.stop_device(&DeviceActor::operator(), &id, asked).await?;
        Ok(Revoked { device, ended })
    }

    /// Makes the link by which a person enrols a phone, for the operator ([`Registry::make_enrolment`]).
    ///
    /// # Errors
    /// `NotFound`; `Conflict("account_state")` for a disabled account.
    pub async fn offer_enrolment(&self, username: &str) -> Result<EnrolmentLink, Refusal> {
        let account = self.user(username).await?.id.to_string();
        let made = self.make_enrolment(&Mandate::operator(), &account, EnrolmentKind::Link).await?;
        let url =
            made.url.ok_or_else(|| Refusal::Corrupt("an enrolment link without its link".to_owned()))?;
        Ok(EnrolmentLink { account: made.account, url, expires_at: made.enrolment.expires_at })
    }

    async fn device(&self, id: &str) -> Result<Device, Refusal> {
        let id: DeviceId = id.parse().map_err(|_| Refusal::NotFound)?;
        self.app.store().read().await?.device(&id).await?.ok_or(Refusal::NotFound)
    }
}

/// A plain line of at most 60 characters.
pub(crate) fn plain(field: &'static str, given: &str) -> Result<String, Refusal> {
    domain::text::plain_line(given, 60)
        .map_err(|_| Refusal::Invalid { field, why: "1 to 60 plain characters" })
}
