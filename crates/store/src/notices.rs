//! Words to people about their account, and what they confirm by mail.

/// Reads.
pub trait Notices: Send {}

/// Writes.
pub trait EditNotices: Notices {}
