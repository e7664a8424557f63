//! Phones.

use async_trait::async_trait;
use domain::list::Cursor;
use domain::{
    AccountId, Actor, Attestation, Device, DeviceId, DeviceKey, DeviceKind, DeviceSort, DeviceState,
    ListedDevice, Passkey, PastKey, Timestamp,
};

use crate::{Page, Result};

/// Which phones a list shows. What is none restricts nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeviceFilter<'a> {
    /// Where they stand.
    pub state: Option<DeviceState>,
    /// Of which kind.
    pub kind: Option<DeviceKind>,
    /// Vouched for, or not.
    pub attestation: Option<Attestation>,
    /// Last used (or enrolled) before this.
    pub unused_since: Option<Timestamp>,
    /// Beginning of the phone's or its owner's name, in small letters; the whole id or thumbprint; or
    /// the whole name of a CAS app.
    pub query: Option<&'a str>,
}

/// Where and for which browser a phone approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApprovalNote<'a> {
    /// Thumbprint of the key that signed; none: a phone of kind `cas`, which signs nothing.
    pub key: Option<&'a str>,
    /// Network, place or country, where known.
    pub place: Option<&'a str>,
    /// "Firefox on Linux".
    pub browser: &'a str,
}

/// Who changed a phone, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeNote<'a> {
    /// Who.
    pub by: &'a Actor,
    /// A word or the sentence that was given.
    pub why: Option<&'a str>,
}

/// Reads.
#[async_trait]
pub trait Devices: Send {
    /// The device with this id.
    async fn device(&mut self, id: &DeviceId) -> Result<Option<Device>>;

    /// The device, its owner, and the passkey that verifies its user: what a claim and an approval need,
    /// in one statement.
    async fn device_to_act(
        &mut self,
        id: &DeviceId,
    ) -> Result<Option<(Device, domain::Account, Option<Passkey>)>>;

    /// The phone that a CAS app calls so, in lower case, and its owner; one that is not revoked, in whatever other
    /// state, in one statement.
    async fn device_by_cas_name(&mut self, name: &str) -> Result<Option<(Device, domain::Account)>>;

    /// Phones that are not revoked and that CAS apps call so, in lower case; at most 500 names at once.
    async fn devices_with_cas_names(&mut self, names: &[String]) -> Result<Vec<Device>>;

    /// All devices of an account, oldest first, revoked ones included.
    async fn devices_of(&mut self, account: &AccountId) -> Result<Vec<Device>>;

    /// Devices in the order of their ids; the page key is the id.
    async fn devices(&mut self, page: Page<'_>) -> Result<Vec<Device>>;

    /// Phones with their owners' names, sorted; after the cursor, `limit` at most (capped at 500).
    async fn find_devices(
        &mut self,
        filter: &DeviceFilter<'_>,
        sort: DeviceSort,
        descending: bool,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Vec<ListedDevice>>;

    /// The keys that a phone has and had, oldest first.
    async fn keys_of_device(&mut self, id: &DeviceId) -> Result<Vec<PastKey>>;
}

/// Writes.
#[async_trait]
pub trait EditDevices: Devices {
    /// Adds a device unless its owner has `limit` or more that are not revoked; `false` at the limit
    /// (SEC-074; one statement, so parallel enrolments cannot pass it). `Conflict("device_key")` when
    /// the key is known in the system, also as a revoked one (SEC-072, SEC-081); `Conflict("cas_name")` when a
    /// phone that is not revoked has the name already, whoever's it is (SEC-084).
    async fn add_device(&mut self, device: &Device, limit: u32) -> Result<bool>;

    /// Moves a device from one of `from` to `to`; `false` when it is not there or owned by another
    /// (`owner` none: whoever owns it).
    async fn move_device(
        &mut self,
        id: &DeviceId,
        owner: Option<&AccountId>,
        from: &[DeviceState],
        to: DeviceState,
        now: Timestamp,
    ) -> Result<bool>;

    /// Notes that an active device of an active account was used; `false` when either is not active
    /// (SEC-036: the check and the note are one statement).
    async fn device_used(&mut self, id: &DeviceId, owner: &AccountId, now: Timestamp) -> Result<bool>;

    /// The device, so that nobody else changes it before this unit ends.
    async fn hold_device(&mut self, id: &DeviceId) -> Result<Option<Device>>;

    /// Notes who changed a device just now and why; makes its version grow.
    async fn note_device_change(
        &mut self,
        id: &DeviceId,
        note: &ChangeNote<'_>,
        now: Timestamp,
    ) -> Result<()>;

    /// Notes an approval by an active device with this very key, of an active account; `false` when one of
    /// that is not so any more (SEC-079, SEC-082: the check and the note are one statement).
    async fn device_approved(
        &mut self,
        id: &DeviceId,
        owner: &AccountId,
        note: &ApprovalNote<'_>,
        now: Timestamp,
    ) -> Result<bool>;

    /// Gives a device that is not revoked another name.
    async fn rename_device(&mut self, id: &DeviceId, name: &str) -> Result<bool>;

    /// Notes that the owner of an active device was verified anew (SEC-089).
    async fn device_verified(&mut self, id: &DeviceId, owner: &AccountId, now: Timestamp) -> Result<bool>;

    /// Puts a new key, which nobody vouches for, in the place of `old`; `false` when the device is not active or `old` is not its key
    /// any more (one without a key never gets one): of many that rotate one wins (SEC-082). `Conflict("device_key")` for a key that any device
    /// has or had.
    async fn rotate_device_key(
        &mut self,
        id: &DeviceId,
        old: &str,
        new: &DeviceKey,
        now: Timestamp,
    ) -> Result<bool>;

    /// Puts another phone in the place of the one that a device was: its key, kind, platform, model, passkey,
    /// user verification and attestation are taken from `device`; id, owner, name and history stay. `false`
    /// and errors as for [`EditDevices::rotate_device_key`].
    async fn rebind_device(&mut self, device: &Device, old: &str, now: Timestamp) -> Result<bool>;
}
