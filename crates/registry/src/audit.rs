//! Asking the audit trail, and taking it out.
//!
//! Owns: pages of the trail with the names of whom they are about, and the lines of an export. Not here: the chain
//! (`chain`), who may ask (doors).

mod export;

use std::collections::BTreeMap;

use app::Refusal;
use domain::{AccountId, AuditEvent, Outcome};
use store::{AuditFilter, AuditOrder, AuditPage, StoredAudit};

use crate::Registry;

pub use export::{ExportForm, head_line, line};

/// What the trail is asked, for doors.
pub mod ask {
    pub use store::{AuditFilter as Filter, AuditOrder as Order, AuditPage as Page, StoredAudit as Stored};
}

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

    /// A page of the trail beyond `after`, in this order. It may hold less than `limit` (capped at 500), even nothing,
    /// though there is more: then `next` says where to go on.
    ///
    /// # Errors
    /// The store.
    pub async fn audit_page(
        &self,
        filter: &AuditFilter,
        order: AuditOrder,
        after: Option<i64>,
        limit: u32,
    ) -> Result<AuditPage, Refusal> {
        let mut view = self.app.store().read().await?;
        Ok(view.audit_page(filter, order, after, limit.clamp(1, 500)).await?)
    }

    /// The number of the newest entry; 0 when there is none.
    ///
    /// # Errors
    /// The store.
    pub async fn audit_end(&self) -> Result<i64, Refusal> {
        let page = self.audit_page(&AuditFilter::default(), AuditOrder::NewestFirst, None, 1).await?;
        Ok(page.entries.first().map_or(0, |stored| stored.number))
    }

    /// The user names of those whom these entries are about, by one question; who is gone is left out.
    ///
    /// # Errors
    /// The store.
    pub async fn audit_names(&self, entries: &[StoredAudit]) -> Result<BTreeMap<AccountId, String>, Refusal> {
        let mut ids: Vec<AccountId> = entries.iter().filter_map(|stored| stored.entry.account).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut view = self.app.store().read().await?;
        Ok(view.usernames(&ids).await?.into_iter().collect())
    }

    /// Writes down that the trail was taken out, and by whom.
    ///
    /// # Errors
    /// The store.
    pub async fn audit_exported(&self, by: &app::Mandate, what: &str) -> Result<(), Refusal> {
        let mut entry = by.entry(AuditEvent::AuditExported, Outcome::Done, self.app.now());
        entry.account = by.account;
        entry.detail = app::audit::detail(what);
        self.app.write_down(entry).await
    }
}
