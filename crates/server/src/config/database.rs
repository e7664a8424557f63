//! `[database]`: where what lasts is kept.

use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use super::section::{Address, Secret, section};
use super::source::Fault;

section! {
    /// Where accounts, phones, clients, sessions and keys are kept.
    "database" {
        /// SQLite for one node: `sqlite:` and the path of the database file; the file and its folder are made
        /// at first start. PostgreSQL 14 or newer for one node or many: `postgres://user@host/database`, with
        /// `?sslmode=verify-full&sslrootcert=…` wherever it is not on this machine.
        url: Address = "sqlite:data/latchbolt.db".into();
        /// PostgreSQL's password. Give it by the environment, LATCHBOLT__DATABASE__PASSWORD or
        /// LATCHBOLT__DATABASE__PASSWORD_FILE.
        password: Option<Secret> = None, example "(PostgreSQL's password)";
        /// SQLite: connections that read beside the one that writes.
        readers: u16 = 2;
        /// PostgreSQL: connections that this node opens at most. All nodes together stay below the server's
        /// `max_connections`.
        connections: u16 = 16;
        /// PostgreSQL: milliseconds after which a statement is given up.
        statement_ms: u32 = 1500;
        /// `at-start`: a node that starts brings the tables up to date. `never`: it refuses to start until
        /// `latchbolt migrate` did.
        migrate: String = "at-start".to_owned();
    }
}

/// Where and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which database.
    pub place: Place,
    /// A start may bring the tables up to date.
    pub may_migrate: bool,
}

/// Which database.
#[derive(Debug, Clone)]
pub enum Place {
    /// A file on this machine.
    Sqlite {
        /// The database file.
        file: PathBuf,
        /// Connections that read.
        readers: u32,
    },
    /// A server.
    Postgres(Postgres),
}

/// How a PostgreSQL server is reached.
#[derive(Debug, Clone)]
pub struct Postgres {
    /// Where it is; the password may be in it.
    pub url: Address,
    /// The password, if it is not.
    pub password: Option<Secret>,
    /// Connections at most.
    pub connections: u32,
    /// For one statement.
    pub statement_timeout: Duration,
}

impl Settings {
    /// SQLite's file, if it is that.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match &self.place {
            Place::Sqlite { file, .. } => Some(file),
            Place::Postgres(_) => None,
        }
    }

    /// The database as it may be shown: without a password.
    #[must_use]
    pub fn shown(&self) -> String {
        match &self.place {
            Place::Sqlite { file, .. } => file.display().to_string(),
            Place::Postgres(postgres) => postgres.url.shown(),
        }
    }
}

impl Given {
    /// What it means.
    ///
    /// # Errors
    /// Another database than these two, an address that is none, or a number out of its range.
    pub fn resolve(&self) -> Result<Settings, Fault> {
        let url = self.url.reveal();
        let place = if let Some(path) = url.strip_prefix("sqlite:") {
            self.sqlite(path)?
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            Place::Postgres(self.postgres(url)?)
        } else {
            let what = "Write \"sqlite:\" and a path, or \"postgres://user@host/database\".";
            return Err(Fault::new("url", what));
        };
        let may_migrate = match self.migrate.as_str() {
            "at-start" => true,
            "never" => false,
            _ => return Err(Fault::new("migrate", "Write \"at-start\" or \"never\".")),
        };
        Ok(Settings { place, may_migrate })
    }

    fn sqlite(&self, path: &str) -> Result<Place, Fault> {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.contains('?') || path.starts_with(":memory:") {
            return Err(Fault::new("url", "Write \"sqlite:\" and the path of a file, without parameters."));
        }
        if Path::new(path).file_name().is_none() {
            return Err(Fault::new("url", "The path names a folder; name a file in it."));
        }
        if self.password.is_some() {
            return Err(Fault::new(
                "password",
                "SQLite knows no password: take it away, or set database.url.",
            ));
        }
        if !(1..=64).contains(&self.readers) {
            return Err(Fault::new("readers", "Take a number from 1 to 64."));
        }
        Ok(Place::Sqlite { file: PathBuf::from(path), readers: u32::from(self.readers) })
    }

    fn postgres(&self, text: &str) -> Result<Postgres, Fault> {
        let fault = |what: &str| Fault::new("url", what);
        let url = Url::parse(text)
            .map_err(|_| fault("This is not an address; write it as \"postgres://user@host/database\"."))?;
        if url.fragment().is_some() {
            return Err(fault("There is a `#` in the address; write it as %23 where it belongs to a name."));
        }
        if url.host_str().is_none_or(str::is_empty) && !url.query_pairs().any(|(name, _)| name == "host") {
            return Err(fault("The host is missing; write it as \"postgres://user@host/database\"."));
        }
        if url.path().trim_matches('/').is_empty() {
            return Err(fault("The database's name is missing; write \"postgres://user@host/database\"."));
        }
        for (name, value) in url.query_pairs() {
            match name.as_ref() {
                "password" => {
                    return Err(fault(
                        "Give the password by LATCHBOLT__DATABASE__PASSWORD, not as a parameter.",
                    ));
                }
                "sslmode" => {
                    const MODES: &[&str] =
                        &["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];
                    if !MODES.contains(&value.as_ref()) {
                        return Err(fault(
                            "sslmode is one of disable, prefer, require, verify-ca, verify-full.",
                        ));
                    }
                }
                "sslrootcert" if std::fs::File::open(value.as_ref()).is_err() => {
                    return Err(fault("The file that sslrootcert names cannot be read; name one that can."));
                }
                "host" | "sslrootcert" | "sslcert" | "sslkey" => {}
                _ => {
                    let what = "The address takes the parameters sslmode, sslrootcert, sslcert, sslkey and host; take others away.";
                    return Err(fault(what));
                }
            }
        }
        if !(1..=1000).contains(&self.connections) {
            return Err(Fault::new("connections", "Take a number from 1 to 1000."));
        }
        if !(100..=60_000).contains(&self.statement_ms) {
            return Err(Fault::new("statement_ms", "Take a number from 100 to 60000."));
        }
        if url.password().is_some() && self.password.is_some() {
            return Err(Fault::new("password", "The address holds a password already: take that one away."));
        }
        Ok(Postgres {
            url: self.url.clone(),
            password: self.password.clone(),
            connections: u32::from(self.connections),
            statement_timeout: Duration::from_millis(u64::from(self.statement_ms)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str) -> Given {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn sec_196_an_address_that_cannot_be_one_is_refused_with_what_to_write() {
        for (bad, key, word) in [
            ("url = 'mysql://db/latchbolt'", "url", "postgres://user@host/database"),
            ("url = 'sqlite:'", "url", "path of a file"),
            ("url = 'sqlite:a.db?mode=ro'", "url", "without parameters"),
            ("url = 'sqlite:data/..'", "url", "name a file"),
            ("url = 'sqlite:a.db'\npassword = 'x'", "password", "SQLite knows no password"),
            ("url = 'postgres://latchbolt@db.example.org'", "url", "name is missing"),
            ("url = 'postgres:///latchbolt'", "url", "host is missing"),
            ("url = 'postgres://db:port/latchbolt'", "url", "not an address"),
            ("url = 'postgres://a@db/latchbolt?password=hunter2'", "url", "LATCHBOLT__DATABASE__PASSWORD"),
            ("url = 'postgres://a@db/latchbolt?sslmode=full'", "url", "verify-full"),
            ("url = 'postgres://a@db/latchbolt?sslrootcert=/nowhere/ca.pem'", "url", "cannot be read"),
            ("url = 'postgres://a@db/latchbolt?statement_timeout=1'", "url", "take others away"),
            ("url = 'postgres://a:hunter2@db/latchbolt'\npassword = 'hunter2'", "password", "already"),
            ("url = 'postgres://a@db/latchbolt'\nconnections = 0", "connections", "from 1"),
            ("url = 'postgres://a@db/latchbolt'\nstatement_ms = 1", "statement_ms", "from 100"),
            ("migrate = 'sometimes'", "migrate", "\"never\""),
            ("readers = 0", "readers", "1 to 64"),
        ] {
            let fault = given(bad).resolve().unwrap_err();
            assert_eq!(fault.key, key, "{bad}");
            assert!(fault.what.contains(word), "{bad}: {}", fault.what);
            assert!(!fault.what.contains("hunter2"), "{bad}: {}", fault.what);
        }
    }

    #[test]
    fn both_databases_are_taken() {
        let settings = given("url = 'sqlite:/srv/latchbolt.db'").resolve().unwrap();
        assert_eq!(settings.file(), Some(Path::new("/srv/latchbolt.db")));
        assert!(settings.may_migrate);
        for good in [
            "url = 'postgres://latchbolt@db.example.org:5432/latchbolt?sslmode=verify-full'",
            "url = 'postgresql://latchbolt@[::1]/latchbolt'",
            "url = 'postgres://latchbolt@localhost/latchbolt?host=/var/run/postgresql'",
        ] {
            let settings = given(&format!("{good}\nmigrate = 'never'")).resolve().unwrap();
            assert!(settings.file().is_none() && !settings.may_migrate);
        }
    }

    #[test]
    fn sec_193_a_password_is_never_printed() {
        let split = given("url = 'postgres://ada@db/latchbolt?sslmode=require'\npassword = 'hunter2 @/:'");
        let whole = given("url = 'postgres://ada:hunter2@db/latchbolt'");
        for given in [split, whole] {
            let settings = given.resolve().unwrap();
            let printed = [
                format!("{given:?}"),
                format!("{settings:?}"),
                toml::to_string(&given).unwrap(),
                settings.shown(),
            ];
            for printed in printed {
                assert!(!printed.contains("hunter2"), "{printed}");
            }
            assert!(settings.shown().starts_with("postgres://ada"), "{settings:?}");
        }
    }
}
