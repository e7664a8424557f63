//! A phone that leaves by itself.

use app::Refusal;
use domain::{ClientAddress, Device};

use crate::Registry;
use crate::devices::change::{DeviceActor, Stop, StopAsked};

impl Registry {
    /// Revokes a phone at its own word, which its key signed (`signin` checked that), for good (SEC-079,
    /// SEC-081); on request the sessions it approved end with it. A phone that left already changes nothing
    /// more.
    ///
    /// # Errors
    /// The store.
    pub async fn leave(
        &self,
        device: &Device,
        end_sessions: bool,
        address: ClientAddress,
    ) -> Result<(), Refusal> {
        let by = DeviceActor::device(device, address);
        let asked = StopAsked {
            stop: Stop::Revoke,
            why: Some("revoked by itself"),
            with_sessions: end_sessions,
            version: None,
        };
        self.stop_device(&by, &device.id, asked).await?;
        Ok(())
    }
}
