//! `[live]`: where short-lived state is kept.

use std::path::PathBuf;
use std::time::Duration;

use live_redis::Password;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::database;
use super::section::{Address, Secret, section};
use super::source::Fault;
use crate::failure::sentence;

section! {
    /// Where short-lived state is kept: sign-ins on their way, QR channels, counters. Nothing in it has to
    /// survive a restart.
    "live" {
        /// Empty: in the memory of the program with SQLite, in the same database with PostgreSQL. Else
        /// `memory:` (one node only), `postgres:` (the database of `database.url`), or Redis 6.2 or newer:
        /// `redis://host:6379`, `redis+sentinel://h1:26379,h2:26379/mymaster` or
        /// `redis+cluster://h1:6379,h2:6379`; with TLS `rediss://`, `rediss+sentinel://`, `rediss+cluster://`.
        url: Address = "".into();
        /// The Redis user, where it has users.
        username: Option<String> = None, example "latchbolt";
        /// The Redis password. Give it by the environment, LATCHBOLT__LIVE__PASSWORD or
        /// LATCHBOLT__LIVE__PASSWORD_FILE.
        password: Option<Secret> = None, example "(Redis's password)";
        /// What the names of all our Redis keys and channels begin with; another one for each installation.
        prefix: String = "latchbolt:".to_owned();
        /// A PEM file with the certification authority of Redis; without it those that browsers know.
        ca_file: Option<String> = None, example "/etc/latchbolt/redis-ca.pem";
        /// Milliseconds that Redis may take for an answer before it counts as gone.
        timeout_ms: u32 = 500;
    }
}

/// Which live store.
#[derive(Debug, Clone)]
pub enum Settings {
    /// In this process.
    InProcess,
    /// In the PostgreSQL of `[database]`.
    Postgres,
    /// In Redis or Valkey.
    Redis(Box<live_redis::Settings>),
    /// Not said: the database decides.
    AsDatabase,
}

impl Settings {
    /// Settles what depends on the database.
    ///
    /// # Errors
    /// Live state is to go into a PostgreSQL that there is none of.
    pub(super) fn settle(&mut self, database: &database::Settings) -> Result<(), Fault> {
        match (&self, database.file().is_some()) {
            (Self::AsDatabase, true) => *self = Self::InProcess,
            (Self::AsDatabase, false) => *self = Self::Postgres,
            (Self::Postgres, true) => {
                let what = "The database is SQLite: leave live.url empty, or set database.url to PostgreSQL.";
                return Err(Fault::new("url", what));
            }
            _ => {}
        }
        Ok(())
    }
}

impl Given {
    /// What it means.
    ///
    /// # Errors
    /// A store that this version does not know, an address that is none, a number out of its range.
    pub fn resolve(&self) -> Result<Settings, Fault> {
        let settings = match self.url.reveal() {
            "" => Settings::AsDatabase,
            "memory:" => Settings::InProcess,
            "postgres:" => Settings::Postgres,
            text if text.starts_with("redis") => {
                return self.redis(text).map(|redis| Settings::Redis(Box::new(redis)));
            }
            text if text.starts_with("postgres") => {
                let what = "Live state goes into the database of database.url: write \"postgres:\" alone.";
                return Err(Fault::new("url", what));
            }
            _ => {
                let what = "Write \"redis://host:6379\", \"postgres:\", \"memory:\", or leave it empty.";
                return Err(Fault::new("url", what));
            }
        };
        for (key, is_given) in [
            ("username", self.username.is_some()),
            ("password", self.password.is_some()),
            ("ca_file", self.ca_file.is_some()),
        ] {
            if is_given {
                return Err(Fault::new(key, "This is for Redis: set live.url to it, or take this away."));
            }
        }
        Ok(settings)
    }

    fn redis(&self, text: &str) -> Result<live_redis::Settings, Fault> {
        let mut redis =
            live_redis::Settings::parse(text).map_err(|what| Fault::new("url", sentence(&what)))?;
        if self.username.is_some() && redis.username.is_some() {
            return Err(Fault::new("username", "The address holds a user already: take one of them away."));
        }
        if self.password.is_some() && redis.password.is_some() {
            return Err(Fault::new("password", "The address holds a password already: take that one away."));
        }
        redis.username = self.username.clone().or(redis.username);
        redis.password =
            self.password.as_ref().map(|secret| Password::new(secret.reveal())).or(redis.password);
        let is_prefix = !self.prefix.is_empty()
            && self.prefix.len() <= 64
            && self.prefix.bytes().all(|b| b.is_ascii_graphic() && !b"{}*?[]\\".contains(&b));
        if !is_prefix {
            let what = "Take 1 to 64 visible ASCII characters without braces, brackets, * and ?, such as \"latchbolt:\".";
            return Err(Fault::new("prefix", what));
        }
        if !(50..=2000).contains(&self.timeout_ms) {
            return Err(Fault::new("timeout_ms", "Take a number from 50 to 2000."));
        }
        redis.prefix.clone_from(&self.prefix);
        redis.timeout = Duration::from_millis(u64::from(self.timeout_ms));
        match (&mut redis.tls, self.ca_file()?) {
            (_, None) => {}
            (Some(tls), file) => tls.ca_file = file,
            (None, Some(_)) => {
                let what = "Without TLS nobody asks for it: write rediss:// in live.url.";
                return Err(Fault::new("ca_file", what));
            }
        }
        Ok(redis)
    }

    fn ca_file(&self) -> Result<Option<PathBuf>, Fault> {
        let Some(path) = &self.ca_file else { return Ok(None) };
        let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        match read {
            Ok(certificates) if !certificates.is_empty() => Ok(Some(PathBuf::from(path))),
            _ => {
                Err(Fault::new("ca_file", "The file cannot be read as PEM certificates; name one that can."))
            }
        }
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
            ("url = 'memcached://host'", "url", "redis://host:6379"),
            ("url = 'postgres://db/live'", "url", "\"postgres:\" alone"),
            ("url = 'redis:host'", "url", "redis://host:6379"),
            ("url = 'redis+ssl://host'", "url", "is not known"),
            ("url = 'redis://'", "url", "is no host"),
            ("url = 'redis://host:0'", "url", "is no host"),
            ("url = 'redis://host/zero'", "url", "is no number"),
            ("url = 'redis://host?db=1'", "url", "must not hold"),
            ("url = 'redis://a:6379,b:6379'", "url", "redis+cluster://"),
            ("url = 'redis+cluster://a:6379/1'", "url", "numbered databases"),
            ("url = 'redis+sentinel://a:26379,b:26379'", "url", "name of the master"),
            ("url = 'redis://ada:hunter2@host'\npassword = 'hunter2'", "password", "already"),
            ("url = 'redis://ada:hunter2@host'\nusername = 'bob'", "username", "already"),
            ("url = 'redis://host'\nprefix = ''", "prefix", "1 to 64"),
            ("url = 'redis://host'\nprefix = 'a{b}:'", "prefix", "braces"),
            ("url = 'redis://host'\ntimeout_ms = 5", "timeout_ms", "50 to 2000"),
            ("url = 'rediss://host'\nca_file = '/nowhere/x.pem'", "ca_file", "PEM"),
            ("password = 'hunter2'", "password", "for Redis"),
            ("url = 'memory:'\nusername = 'ada'", "username", "for Redis"),
        ] {
            let fault = given(bad).resolve().unwrap_err();
            assert_eq!(fault.key, key, "{bad}");
            assert!(fault.what.contains(word), "{bad}: {}", fault.what);
            let is_sentence = !fault.what.starts_with(char::is_lowercase) && fault.what.ends_with('.');
            assert!(is_sentence && !fault.what.contains("hunter2"), "{bad}: {}", fault.what);
        }
    }

    #[test]
    fn a_certification_authority_is_for_tls() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let ca = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(&path, ca.cert.pem()).unwrap();
        let with = |url: &str| given(&format!("url = '{url}'\nca_file = '{}'", path.display())).resolve();
        let Settings::Redis(redis) = with("rediss://host").unwrap() else { panic!() };
        assert_eq!(redis.tls.unwrap().ca_file, Some(path.clone()));
        assert!(with("redis://host").unwrap_err().what.contains("rediss://"));
    }

    #[test]
    fn sec_193_a_password_is_taken_and_never_printed() {
        let whole = given("url = 'redis://ada:hunter2@host/0'");
        let split = given("url = 'redis://host/0'\nusername = 'ada'\npassword = 'hunter2'");
        for given in [whole, split] {
            let settings = given.resolve().unwrap();
            let Settings::Redis(redis) = &settings else { panic!() };
            assert_eq!(redis.username.as_deref(), Some("ada"));
            assert_eq!(redis.password, Some(Password::new("hunter2")));
            for printed in [format!("{given:?}"), format!("{settings:?}"), toml::to_string(&given).unwrap()] {
                assert!(!printed.contains("hunter2"), "{printed}");
            }
        }
    }

    #[test]
    fn without_redis_there_is_little_to_say() {
        assert!(matches!(Given::default().resolve(), Ok(Settings::AsDatabase)));
        assert!(matches!(given("url = 'memory:'").resolve(), Ok(Settings::InProcess)));
        assert!(matches!(given("url = 'postgres:'").resolve(), Ok(Settings::Postgres)));
    }
}
