//! Phones with apps made for CAS.
//!
//! Owns: registering one for a person, by an administrator or by its owner, and what a CAS server's endpoint for
//! devices does: listing, registering and removing them by the names that apps give themselves. Not here: what such an
//! app may do (`signin::cas_phone`), stopping and letting back by the phone's id (`devices::change`), a whole map of
//! them (`import`).
//!
//! Such an app has a name and no key. The name proves nothing, so nobody registers by it: only who is registered may use
//! it, nobody takes another's name over, and its owner is told (SEC-068, SEC-078, SEC-084, SEC-085).

#[cfg(test)]
mod tests;

use app::{Change, Mandate, Refusal, Rule, Visitor};
use cas::DeviceName;
use domain::notice::NoticeKind;
use domain::{
    Account, AccountId, Actor, AddedBy, AttestationWish, AuditEntry, AuditEvent, Device, DeviceKind,
    DeviceRecord, DeviceState, Permission, Timestamp, text,
};

use crate::Registry;
use crate::devices::change::{DeviceActor, Stop, StopAsked, Stopped, held};
use crate::devices::{OwnedDevice, plain};

/// What such a phone is said to run.
pub(crate) const PLATFORM: &str = "CAS";
const LONGEST: usize = 60;

/// A phone with an app made for CAS, to be registered.
#[derive(Debug, Clone)]
pub struct NewCasDevice {
    /// What the app calls itself: 1 to 128 of `[A-Za-z0-9._:@-]`; case does not matter.
    pub cas_name: String,
    /// The owner's name for it; the app's name where there is none.
    pub name: Option<String>,
}

impl Registry {
    /// Registers such a phone for an account, by somebody who may. Whose it is comes from the account alone (SEC-084,
    /// SEC-090).
    ///
    /// # Errors
    /// `Invalid` for a name; `Conflict("cas_name")` when a phone has it, whoever's that is;
    /// `Conflict("device_limit")` at the owner's limit (SEC-074).
    pub async fn register_cas_device(
        &self,
        by: &DeviceActor,
        owner: Account,
        new: &NewCasDevice,
    ) -> Result<OwnedDevice, Refusal> {
        let now = self.app.now();
        let mut device = self.cas_device(owner.id, &read(&new.cas_name)?, now);
        if let Some(name) = &new.name {
            device.name = plain("name", name)?;
        }
        device.record.changed_by = Some(by.actor.clone());
        device.record.added_by_account = match &by.actor {
            Actor::Account(account) => Some(*account),
            _ => None,
        };
        self.keep_cas_device(by, &owner, &device).await?;
        Ok(OwnedDevice { device, owner: Some(owner) })
    }

    /// Registers such a phone for whoever is signed in in this browser.
    ///
    /// # Errors
    /// `NotSignedIn`; `StepUpNeeded` unless the owner proved themselves within five minutes as strongly as for any
    /// phone (SEC-070); `Conflict("attestation_required")` where policy demands that somebody vouches for phones;
    /// `TooMany`; otherwise as [`Registry::register_cas_device`].
    pub async fn register_own_cas_device(
        &self,
        visitor: &Visitor,
        new: &NewCasDevice,
    ) -> Result<OwnedDevice, Refusal> {
        let who = self.signed_in(visitor).await?;
        self.app.strength_for_enrolment(&who).await?;
        self.app.throttle().hit(Rule::EnrolAccount, &who.account.id.to_string()).await?;
        let now = self.app.now();
        let owner = who.account.clone();
        let mut device = self.cas_device(owner.id, &read(&new.cas_name)?, now);
        if let Some(name) = &new.name {
            device.name = plain("name", name)?;
        }
        let policy = self.app.policies().now().await?.devices_of(&owner);
        // Nobody can vouch for what has no key (SEC-076).
        if policy.attestation == AttestationWish::Required {
            return Err(Refusal::Conflict("attestation_required"));
        }
        device.added_by = AddedBy::Desktop;
        device.agreed_at = Some(now);
        if policy.approval {
            device.state = DeviceState::Pending;
        }
        self.keep_cas_device(&DeviceActor::owner(owner.id, visitor.address), &owner, &device).await?;
        Ok(OwnedDevice { device, owner: Some(owner) })
    }

    /// Stops for good the phone whose app has this name, if it is the actor's to touch. Nothing is answered where
    /// there is none (SEC-083): who removes twice did no harm. Sessions that it approved end with it on request.
    ///
    /// # Errors
    /// The store.
    pub async fn remove_cas_device(
        &self,
        by: &DeviceActor,
        cas_name: &str,
        with_sessions: bool,
    ) -> Result<Option<Stopped>, Refusal> {
        let Some(name) = DeviceName::parse(cas_name) else { return Ok(None) };
        let asked = StopAsked { stop: Stop::Revoke, why: None, with_sessions, version: None };
        let deed = || async {
            let now = self.app.now();
            let mut work = self.app.store().begin().await?;
            let Some((device, _)) = work.device_by_cas_name(name.as_str()).await? else { return Ok(None) };
            let device = match held(&mut *work, by, &device.id, None).await {
                Ok(device) => device,
                Err(Refusal::NotFound) => return Ok(None),
                Err(other) => return Err(other),
            };
            let stopped = self.stop(&mut *work, by, device, asked, None, now).await?;
            work.commit().await?;
            Ok(Some(stopped))
        };
        let stopped = self.app.repeatable(deed).await?;
        if let Some(stopped) = &stopped {
            let id = stopped.device.id;
            self.tell_ended(Change::Device(id), &stopped.ended).await;
            tracing::info!(device.id = %id, sessions = stopped.ended.len(), "CAS app removed");
        }
        Ok(stopped)
    }

    /// `qrDevices`, GET: the names of a person's apps that may approve, in their order. Nobody has none.
    ///
    /// # Errors
    /// `Forbidden`; the store.
    pub async fn cas_devices_of(&self, by: &Mandate, principal: &str) -> Result<Vec<String>, Refusal> {
        by.must(Permission::DevicesRead)?;
        let owner = match self.owner(principal).await {
            Ok(owner) => owner,
            Err(Refusal::NotFound) => return Ok(Vec::new()),
            Err(other) => return Err(other),
        };
        let devices = self.app.store().read().await?.devices_of(&owner.id).await?;
        let active = devices.into_iter().filter(Device::is_active);
        let mut names: Vec<String> = active.filter_map(|device| device.cas_name).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// `qrDevices`, POST: a person's app may approve. If it may already, nothing changes.
    ///
    /// # Errors
    /// `Forbidden`, also for a person who may do more than who asks (SEC-181); `NotFound` for the person;
    /// `Conflict("device_state")` for one of theirs that was stopped: letting it back is another deed; otherwise as
    /// [`Registry::register_cas_device`].
    pub async fn allow_cas_device(
        &self,
        by: &Mandate,
        principal: &str,
        cas_name: &str,
    ) -> Result<(), Refusal> {
        by.must(Permission::DevicesWrite)?;
        let owner = self.owner(principal).await?;
        by.must_hold(owner.roles)?;
        let new = NewCasDevice { cas_name: cas_name.to_owned(), name: None };
        let name = read(cas_name)?;
        if self.is_allowed(&owner, &name).await? {
            return Ok(());
        }
        let account = owner.clone();
        match self.register_cas_device(&actor(by), owner, &new).await {
            // Another was quicker; perhaps with the very same.
            Err(Refusal::Conflict("cas_name")) if self.was_allowed(&account, &name).await? => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// `qrDevices`, DELETE: an app may not approve any more, and what it approved ends (W-14). One that is not there is
    /// fine.
    ///
    /// # Errors
    /// `Forbidden`; the store.
    pub async fn forbid_cas_device(&self, by: &Mandate, cas_name: &str) -> Result<(), Refusal> {
        by.must(Permission::DevicesWrite)?;
        self.remove_cas_device(&actor(by), cas_name, true).await.map(|_| ())
    }

    /// Whether this person's app of that name may approve already.
    async fn is_allowed(&self, owner: &Account, name: &DeviceName) -> Result<bool, Refusal> {
        let found = self.app.store().read().await?.device_by_cas_name(name.as_str()).await?;
        may_approve(found, owner)
    }

    /// The same after somebody was quicker: in a unit of its own, since what they did may not be seen outside yet, and
    /// answered when that is durable.
    async fn was_allowed(&self, owner: &Account, name: &DeviceName) -> Result<bool, Refusal> {
        let mut work = self.app.store().begin().await?;
        let found = work.device_by_cas_name(name.as_str()).await?;
        work.commit().await?;
        may_approve(found, owner)
    }

    /// The phone as an administrator registers it.
    pub(crate) fn cas_device(&self, owner: AccountId, name: &DeviceName, now: Timestamp) -> Device {
        Device {
            id: self.app.entropy().id(),
            account: owner,
            kind: DeviceKind::Cas,
            name: text::shown(name.as_str(), LONGEST),
            platform: PLATFORM.to_owned(),
            key: None,
            cas_name: Some(name.as_str().to_owned()),
            verifies_user: false,
            passkey: None,
            state: DeviceState::Active,
            added_by: AddedBy::Admin,
            agreed_at: None,
            created_at: now,
            last_used_at: None,
            record: DeviceRecord::new(now),
        }
    }

    /// One unit: the phone (at most so many, each name once), the audit trail, and word to its owner and their other
    /// phones.
    async fn keep_cas_device(
        &self,
        by: &DeviceActor,
        owner: &Account,
        device: &Device,
    ) -> Result<(), Refusal> {
        let limit = self.app.policies().now().await?.devices_of(owner).per_user;
        let now = device.created_at;
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            if !work.add_device(device, limit).await? {
                return Err(Refusal::Conflict("device_limit"));
            }
            let detail = Some(format!("cas by {}", device.added_by.as_str()));
            work.audit(AuditEntry { detail, ..by.entry(AuditEvent::DeviceAdded, device, now) }).await?;
            let name = device.name.clone();
            let is_pending = device.state == DeviceState::Pending;
            let kind = NoticeKind::DeviceAdded { device: device.id, name, is_pending };
            self.post(&mut *work, &device.account, kind, now).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        self.app.tell(Change::Device(device.id)).await;
        tracing::info!(device.id = %device.id, account.id = %device.account, "CAS app registered");
        Ok(())
    }
}

fn read(cas_name: &str) -> Result<DeviceName, Refusal> {
    DeviceName::parse(cas_name).ok_or(Refusal::Invalid {
        field: "cas_name",
        why: "has to be 1 to 128 letters and digits, or . _ : @ -",
    })
}

fn may_approve(found: Option<(Device, Account)>, owner: &Account) -> Result<bool, Refusal> {
    match found {
        Some((device, _)) if device.account != owner.id => Ok(false),
        Some((device, _)) if device.is_active() => Ok(true),
        Some(_) => Err(Refusal::Conflict("device_state")),
        None => Ok(false),
    }
}

fn actor(by: &Mandate) -> DeviceActor {
    DeviceActor { actor: by.actor.clone(), address: by.address, owner: None }
}
