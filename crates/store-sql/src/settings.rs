//! Where the database is and how to open it.

use std::path::PathBuf;
use std::time::Duration;

/// Where the database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file on a local disk; made with mode 0600 if it is not there.
    File(PathBuf),
    /// A file that is removed with the store and not made durable: for tests and demonstrations.
    Temporary,
    /// A database of a PostgreSQL server, 14 or newer.
    Postgres(PgSettings),
}

/// How to reach a PostgreSQL database and what may be asked of it.
#[derive(Clone, PartialEq, Eq)]
pub struct PgSettings {
    /// `postgres://user@host:port/database?sslmode=verify-full&sslrootcert=…`, or with the folder of a socket
    /// as `?host=/run/postgresql`.
    pub url: String,
    /// The user's password, if it is not in the URL.
    pub password: Option<String>,
    /// Connections at most (1 to 1000), opened when first needed.
    pub connections: u32,
    /// How long a unit or a read waits for a connection, and a begin or commit for its answer, before it is
    /// `Unavailable` (SEC-212: at most 2 s). A statement waits as long for a lock before it is `Contended`.
    pub patience: Duration,
    /// How long a statement may take before it is `Unavailable`.
    pub statement_timeout: Duration,
    /// Whether [`SqlStore::open`](crate::SqlStore::open) brings the tables up to date; else it refuses older
    /// ones.
    pub migrate: bool,
}

impl PgSettings {
    /// A database, with the defaults.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            password: None,
            connections: 16,
            patience: Duration::from_millis(1500),
            statement_timeout: Duration::from_millis(1500),
            migrate: true,
        }
    }
}

/// Shows neither the password nor the URL, which may hold it.
impl std::fmt::Debug for PgSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PgSettings")
            .field("connections", &self.connections)
            .field("patience", &self.patience)
            .field("statement_timeout", &self.statement_timeout)
            .field("migrate", &self.migrate)
            .finish_non_exhaustive()
    }
}

/// How to open the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where.
    pub place: Place,
    /// On SQLite: connections for reading beside the writer (1 to 64), opened when first needed.
    pub readers: u32,
    /// On SQLite: how long a statement waits for a lock that another process holds, and a unit for its turn
    /// or its commit, before the answer is `Unavailable` (SEC-212: at most 2 s).
    pub patience: Duration,
}

impl Settings {
    /// A file, with the defaults.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { place: Place::File(path.into()), ..Self::temporary() }
    }

    /// A temporary database, with the defaults.
    #[must_use]
    pub const fn temporary() -> Self {
        Self { place: Place::Temporary, readers: 4, patience: Duration::from_millis(1500) }
    }

    /// A PostgreSQL database.
    #[must_use]
    pub fn postgres(settings: PgSettings) -> Self {
        Self { place: Place::Postgres(settings), ..Self::temporary() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_show_no_password() {
        let mut settings = PgSettings::new("postgres://latchbolt:hunter2@localhost/latchbolt");
        settings.password = Some("hunter2".to_owned());
        assert!(!format!("{:?}", Settings::postgres(settings)).contains("hunter2"));
    }
}
