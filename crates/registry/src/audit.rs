//! Asking the audit trail.

use app::Refusal;
use store::{AuditFilter, StoredAudit};

use crate::Registry;

impl Registry {
    /// Entries with a number above `after`, oldest first; at most `limit`, which is capped at 500.
    ///
    /// # Errors
    /// The store.
    pub async fn audit_trail(
        &self,
        filter: &AuditFilter,
        after: i64,
        limit: u32,
    ) -> Result<Vec<StoredAudit>, Refusal> {
        let mut view = self.app.store().read().await?;
        Ok(view.audit_trail(filter, after, limit.clamp(1, 500)).await?)
    }
}
