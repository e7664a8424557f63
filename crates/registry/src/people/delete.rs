//! Deleting a person (SEC-199).

use app::{Change, Mandate, Refusal};
use domain::{AccountId, AuditEvent, SessionEnd};

use super::entry;
use crate::Registry;
use crate::groups::{is_seen, keep_a_superadmin};

impl Registry {
    /// Deletes a person and everything that belongs to it: sessions, tokens and phones end, and relying parties that
    /// asked for it are told. Its audit entries stay; they name an id and no person. Cannot be undone, and the id is
    /// never given again (SEC-127).
    ///
    /// # Errors
    /// `NotFound`; `Outdated`; `Forbidden` when the person has roles that the caller does not hold; `Invalid` when nobody
    /// would be left who may do everything.
    pub async fn delete_person(
        &self,
        by: &Mandate,
        id: &AccountId,
        seen: Option<u32>,
    ) -> Result<(), Refusal> {
        let now = self.app.now();
        let deed = || async {
            let mut work = self.hold_people().await?;
            let before = work.person(id).await?.ok_or(Refusal::NotFound)?;
            is_seen(before.version, seen)?;
            by.must_hold(before.account.roles)?;
            let admins = work.count_superadmins().await?;
            let devices: Vec<_> = work.devices_of(id).await?.into_iter().map(|device| device.id).collect();
            // Ended before they go: this leaves the notices to relying parties.
            let ended = work.end_sessions_of_account(id, SessionEnd::EndedByAdmin, now).await?;
            if !work.delete_account(id).await? {
                return Err(Refusal::NotFound);
            }
            keep_a_superadmin(&mut *work, admins).await?;
            work.audit(entry(by, AuditEvent::AccountDeleted, id, now, None)).await?;
            work.commit().await?;
            Ok((ended, devices))
        };
        let (ended, devices) = self.app.repeatable(deed).await?;
        for device in devices {
            self.app.tell(Change::Device(device)).await;
        }
        self.tell_ended(Change::Account(*id), &ended).await;
        tracing::info!(account.id = %id, sessions = ended.len(), "Account deleted");
        Ok(())
    }
}
