//! The audit trail.

use async_trait::async_trait;
use domain::{AccountId, AuditEntry, AuditEvent, Timestamp};

use crate::Result;

/// What to look for; empty finds all.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Of this account.
    pub account: Option<AccountId>,
    /// Of this kind.
    pub event: Option<AuditEvent>,
    /// Not before.
    pub since: Option<Timestamp>,
}

/// A kept entry with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAudit {
    /// Rising number, in the order of writing: with one writer that of commits; of units that commit at the
    /// same time on a database with many writers a lower number may be seen after a higher one.
    pub number: i64,
    /// The entry.
    pub entry: AuditEntry,
}

/// Reads.
#[async_trait]
pub trait AuditTrail: Send {
    /// Entries with a number above `after`, oldest first, at most `limit` (capped at 500).
    async fn audit_trail(&mut self, filter: &AuditFilter, after: i64, limit: u32)
    -> Result<Vec<StoredAudit>>;
}

/// Writes.
#[async_trait]
pub trait EditAudit: AuditTrail {
    /// Appends an entry. Kept with the unit, at its commit at the latest; entries are never changed or
    /// removed.
    async fn audit(&mut self, entry: AuditEntry) -> Result<()>;
}
