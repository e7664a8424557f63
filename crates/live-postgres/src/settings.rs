//! Where the database is.

use std::fmt;
use std::time::Duration;

/// Where the database is, and how long to wait for it.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// `postgres://user@host:port/database?sslmode=verify-full&sslrootcert=…`.
    pub url: String,
    /// The user's password, if it is not in the URL.
    pub password: Option<String>,
    /// Connections at most, beside the listener's. Default 8.
    pub connections: u32,
    /// How long an operation may take in all. Default 1 s.
    pub timeout: Duration,
    /// Slots of one kind that are kept where the oldest makes room; a flood is cut back to so many with the next
    /// sweep. Default 200,000.
    pub slots_per_kind: u32,
}

impl Settings {
    /// A database, with the defaults.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            password: None,
            connections: 8,
            timeout: Duration::from_secs(1),
            slots_per_kind: 200_000,
        }
    }
}

/// Shows neither the password nor the URL, which may hold it.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("connections", &self.connections)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
