//! The audit trail and the chain over it.

use async_trait::async_trait;
use domain::audit::chain::{AuditBlock, KeptEntry};
use domain::{AccountId, AuditEntry, AuditFilter, AuditOrder, AuditPage, StoredAudit};

use crate::Result;

/// Reads.
#[async_trait]
pub trait AuditTrail: Send {
    /// Entries beyond the number `after` in this order (none: from its beginning), at most `limit` (capped at 500).
    async fn audit_page(
        &mut self,
        filter: &AuditFilter,
        order: AuditOrder,
        after: Option<i64>,
        limit: u32,
    ) -> Result<AuditPage>;

    /// Entries with a number above `after`, oldest first, at most `limit` (capped at 500): the search goes on until
    /// it has them or none is left.
    async fn audit_trail(
        &mut self,
        filter: &AuditFilter,
        after: i64,
        limit: u32,
    ) -> Result<Vec<StoredAudit>> {
        let (mut found, mut from) = (Vec::new(), Some(after));
        let limit = limit.min(500);
        while let Some(after) = from
            && found.len() < limit as usize
        {
            let left = limit.saturating_sub(u32::try_from(found.len()).unwrap_or(limit));
            let page = self.audit_page(filter, AuditOrder::OldestFirst, Some(after), left).await?;
            found.extend(page.entries);
            from = page.next;
        }
        Ok(found)
    }

    /// Entries as they are kept, with a number above `after`, oldest first, at most `limit` (capped at 5,000).
    async fn kept_audit(&mut self, after: i64, limit: u32) -> Result<Vec<KeptEntry>>;

    /// Names of the units that are adding entries at this moment. An entry with a lower number than one that is
    /// seen now can come from these alone: when all of them are gone, none will come any more.
    async fn audit_writers(&mut self) -> Result<Vec<String>>;

    /// The user names of these accounts (at most 500); those that are gone are left out.
    async fn usernames(&mut self, ids: &[AccountId]) -> Result<Vec<(AccountId, String)>>;

    /// The newest sealed block.
    async fn audit_head(&mut self) -> Result<Option<AuditBlock>>;

    /// Sealed blocks with a number above `after`, in their order, at most `limit` (capped at 100).
    async fn audit_blocks(&mut self, after: i64, limit: u32) -> Result<Vec<AuditBlock>>;
}

/// Writes.
#[async_trait]
pub trait EditAudit: AuditTrail {
    /// Appends an entry. Kept with the unit, at its commit at the latest; entries are never changed or
    /// removed.
    async fn audit(&mut self, entry: AuditEntry) -> Result<()>;

    /// Adds a block, unless there is one with its number; answers whether it was added.
    async fn seal_audit(&mut self, block: &AuditBlock) -> Result<bool>;
}
