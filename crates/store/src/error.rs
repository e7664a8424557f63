//! The one error type of the port.

/// A call of the port failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// A unique name, key or id is taken already; the word says which: `username`, `client_id`,
    /// `device_key`, `passkey`…
    #[error("{0} is taken already")]
    Conflict(&'static str),
    /// A stored row is no valid value.
    #[error("corrupt row in {table}.{column}, id {id}")]
    Corrupt {
        /// Where.
        table: &'static str,
        /// In which column.
        column: &'static str,
        /// Of which row.
        id: String,
    },
    /// Other units were in the way (a deadlock, a lock that did not come in time). Nothing was changed: the
    /// whole unit may be tried again.
    #[error("store contended: {0}")]
    Contended(String),
    /// The database cannot be reached, is locked, full or read-only.
    #[error("store unavailable: {0}")]
    Unavailable(String),
}

/// Result of a port call.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;
