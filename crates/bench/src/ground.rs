//! The ground a town stands on: where it keeps what lasts and what is short-lived.
//!
//! Owns: starting PostgreSQL and Redis for a run, and the sections of the configuration that name them. Not
//! here: the processes themselves (`backing`), the nodes (`town`).

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use backing::{PgOptions, Postgres, Redis, RedisOptions};

use crate::machine::Process;
use crate::meter::Meter;

/// On what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    /// A file of SQLite.
    Sqlite,
    /// PostgreSQL for everything.
    Postgres,
    /// PostgreSQL for what lasts, Redis for the rest.
    PostgresRedis,
}

impl On {
    /// The word of `--on`.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        [Self::Sqlite, Self::Postgres, Self::PostgresRedis].into_iter().find(|on| on.name() == word)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::PostgresRedis => "postgres+redis",
        }
    }
}

/// Servers that run, and a folder.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) on: On,
    folder: PathBuf,
    is_counting: bool,
    /// The same for all nodes.
    wrapping_key: String,
    postgres: Option<Postgres>,
    redis: Option<Redis>,
}

/// The database's name in PostgreSQL.
const DATABASE: &str = "bench";

impl Ground {
    /// Starts what is needed. PostgreSQL is as it comes (`fsync` and `synchronous_commit` on, 100
    /// connections), with 256 MB of buffers; Redis keeps nothing on disk. With `is_counting` what is tried
    /// is counted, against limits that are out of reach; without, nothing is counted.
    pub(crate) fn start(on: On, folder: &Path, is_counting: bool) -> Self {
        let postgres = (on != On::Sqlite).then(|| {
            let extra = [("shared_buffers", "'256MB'"), ("autovacuum_naptime", "'1min'")];
            let extra = extra.map(|(name, value)| (name, value.to_owned())).to_vec();
            let postgres = Postgres::start(PgOptions { fsync: true, max_connections: 100, extra });
            postgres.query("postgres", &format!("CREATE DATABASE {DATABASE}")).expect("a database");
            postgres
        });
        let redis = (on == On::PostgresRedis).then(|| Redis::start(RedisOptions::default()));
        let wrapping_key = STANDARD.encode(testkit::random::<32>());
        Self { on, folder: folder.to_owned(), is_counting, wrapping_key, postgres, redis }
    }

    /// The file of SQLite.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join("latchbolt.db")
    }

    /// Runs SQL in PostgreSQL.
    pub(crate) fn query(&self, sql: &str) -> Option<String> {
        let postgres = self.postgres.as_ref()?;
        Some(postgres.query(DATABASE, sql).expect("the statement runs"))
    }

    /// The sections `limits`, `database`, `keys` and `live` of the configuration.
    pub(crate) fn sections(&self) -> String {
        let mut text =
            if self.is_counting { "[limits]\nfactor = 1000\n" } else { "[limits]\noff = true\n" }.to_owned();
        match &self.postgres {
            None => text += &format!("[database]\nurl = \"sqlite:{}\"\n", self.file().display()),
            Some(postgres) => {
                text += &format!(
                    "[database]\nurl = \"postgres://{}@127.0.0.1:{}/{DATABASE}\"\npassword = \"{}\"\n\
                     [keys]\nwrapping_key = \"{}\"\n",
                    postgres.user(),
                    postgres.port(),
                    postgres.password(),
                    self.wrapping_key
                );
            }
        }
        if let Some(redis) = &self.redis {
            text += &format!("[live]\nurl = \"{}\"\n", redis.url());
        }
        text
    }

    /// The servers' processes.
    pub(crate) fn meter(&self) -> Meter {
        Meter {
            nodes: Vec::new(),
            postgres: self.postgres.as_ref().map(|server| Process::of(server.pid())),
            redis: self.redis.as_ref().map(|server| Process::of(server.pid())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_names_its_ground() {
        for on in [On::Sqlite, On::Postgres, On::PostgresRedis] {
            assert_eq!(On::parse(on.name()), Some(on));
        }
        assert_eq!(On::parse("oracle"), None);
    }
}
