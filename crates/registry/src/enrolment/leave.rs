//! A phone that leaves by itself.

use app::{Change, Refusal, audit};
use domain::{AuditEvent, ClientAddress, Device, DeviceState, Outcome, SessionEnd};

use crate::Registry;

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
        let now = self.app.now();
        let from = [DeviceState::Pending, DeviceState::Active, DeviceState::Suspended];
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            let was_there =
                work.move_device(&device.id, Some(&device.account), &from, DeviceState::Revoked, now).await?;
            if was_there {
                let mut entry = audit::from(address, AuditEvent::DeviceChanged, Outcome::Done, now);
                entry.account = Some(device.account);
                entry.device = Some(device.id);
                entry.detail = Some("revoked by itself".to_owned());
                work.audit(entry).await?;
            }
            let ended = if end_sessions {
                work.end_sessions_of_device(&device.id, SessionEnd::EndedByDevice, now).await?
            } else {
                Vec::new()
            };
            crate::users::audit_ended(&mut *work, &device.account, &ended, now).await?;
            work.commit().await?;
            Ok(ended)
        };
        let ended = self.app.repeatable(deed).await?;
        self.tell_ended(Change::Device(device.id), &ended).await;
        tracing::info!(device.id = %device.id, sessions = ended.len(), "Phone left");
        Ok(())
    }
}
