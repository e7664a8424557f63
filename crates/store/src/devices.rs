//! Phones.

use async_trait::async_trait;
use domain::{AccountId, Device, DeviceId, DeviceState, Passkey, Timestamp};

use crate::{Page, Result};

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

    /// All devices of an account, oldest first, revoked ones included.
    async fn devices_of(&mut self, account: &AccountId) -> Result<Vec<Device>>;

    /// Devices in the order of their ids; the page key is the id.
    async fn devices(&mut self, page: Page<'_>) -> Result<Vec<Device>>;
}

/// Writes.
#[async_trait]
pub trait EditDevices: Devices {
    /// Adds a device unless its owner has `limit` or more that are not revoked; `false` at the limit
    /// (SEC-074; one statement, so parallel enrolments cannot pass it). `Conflict("device_key")` when
    /// the key is known in the system, also as a revoked one (SEC-072, SEC-081).
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
}
