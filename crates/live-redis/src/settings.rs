//! Where Redis is and how to get in.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Where Redis is, how to get in, and how long to wait for it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which servers, and how they belong together.
    pub topology: Topology,
    /// TLS, if the scheme asked for it. Sentinels are spoken to in the same way.
    pub tls: Option<Tls>,
    /// The user of Redis' access control list; without one the password is that of the default user.
    pub username: Option<String>,
    /// The password.
    pub password: Option<Password>,
    /// What all keys and the channel of words begin with.
    pub prefix: String,
    /// How long an operation may take in all. Default 500 ms.
    pub timeout: Duration,
    /// How long connecting to one server may take in all. Default 1 s.
    pub connect_timeout: Duration,
}

/// Which servers, and how they belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topology {
    /// One server.
    Single {
        /// Where it is.
        at: Address,
        /// The number of the database.
        database: i64,
    },
    /// A master that the sentinels name.
    Sentinel {
        /// The sentinels.
        at: Vec<Address>,
        /// The name of the master.
        master: String,
        /// The number of the database.
        database: i64,
    },
    /// Masters that share the keys.
    Cluster {
        /// Some of them; the others are found.
        at: Vec<Address>,
    },
}

/// Host and port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// Name or number; a number of IPv6 without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// How TLS is done. The names in the certificates are always checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// A PEM file of the authorities to trust instead of the public ones.
    pub ca_file: Option<PathBuf>,
}

/// A password; it does not show itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Keeps it.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl Address {
    /// Reads `host`, `host:port`, `[::1]` or `[::1]:port`.
    pub(crate) fn parse(text: &str, usual: u16) -> Option<Self> {
        let (host, rest) = match text.strip_prefix('[') {
            Some(text) => text.split_once(']')?,
            None => text.find(':').map_or((text, ""), |at| text.split_at(at)),
        };
        let port = match rest {
            "" => usual,
            rest => rest.strip_prefix(':')?.parse().ok().filter(|port| *port != 0)?,
        };
        let is_host =
            !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._:".contains(c));
        is_host.then(|| Self { host: host.to_owned(), port })
    }
}

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26_379;

impl Settings {
    /// Reads `redis://[user[:password]@]host[:port][/database]`, `redis+sentinel://host,…/master[/database]` and
    /// `redis+cluster://host,…`; with `rediss` in the place of `redis`, over TLS. The other settings are the usual.
    ///
    /// # Errors
    /// What is wrong with the address, without what might be a password. Who reads it from somewhere says where.
    pub fn parse(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").ok_or("this is no URL such as redis://host:6379")?;
        let (base, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        let tls = match base {
            "redis" => None,
            "rediss" => Some(Tls::default()),
            _ => return Err(format!("the scheme {scheme}:// is not known")),
        };
        if rest.contains(['?', '#']) {
            return Err(
                "the address must not hold ? or #; write them as %3F and %23 in a password".to_owned()
            );
        }
        let (user, rest) = rest.rsplit_once('@').map_or((None, rest), |(user, rest)| (Some(user), rest));
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let usual = if kind == "sentinel" { SENTINEL_PORT } else { PORT };
        let at = addresses(hosts, usual)?;
        let topology = match (kind, <[Address; 1]>::try_from(at)) {
            ("", Ok([at])) => Topology::Single { at, database: database(path)? },
            ("", Err(_)) => {
                return Err("the address names several servers: write redis+sentinel:// or redis+cluster://"
                    .to_owned());
            }
            ("sentinel", at) => {
                let (master, path) = path.split_once('/').unwrap_or((path, ""));
                if master.is_empty() {
                    let sentence = "the name of the master is missing (redis+sentinel://host:26379/NAME)";
                    return Err(sentence.to_owned());
                }
                let at = at.map_or_else(|many| many, |one| one.to_vec());
                Topology::Sentinel { at, master: decoded(master)?, database: database(path)? }
            }
            ("cluster", at) => {
                if !path.is_empty() {
                    return Err("a cluster has no numbered databases; drop what follows the hosts".to_owned());
                }
                Topology::Cluster { at: at.map_or_else(|many| many, |one| one.to_vec()) }
            }
            _ => return Err(format!("the scheme {scheme}:// is not known")),
        };
        let (username, password) = match user.map(|user| user.split_once(':').unwrap_or((user, ""))) {
            Some((name, password)) => (decoded(name)?, decoded(password)?),
            None => (String::new(), String::new()),
        };
        Ok(Self {
            topology,
            tls,
            username: (!username.is_empty()).then_some(username),
            password: (!password.is_empty()).then(|| Password::new(password)),
            prefix: "latchbolt:".to_owned(),
            timeout: Duration::from_millis(500),
            connect_timeout: Duration::from_secs(1),
        })
    }

    pub(crate) fn database(&self) -> i64 {
        match self.topology {
            Topology::Single { database, .. } | Topology::Sentinel { database, .. } => database,
            Topology::Cluster { .. } => 0,
        }
    }
}

fn addresses(hosts: &str, usual: u16) -> Result<Vec<Address>, String> {
    hosts
        .split(',')
        .map(|host| Address::parse(host, usual).ok_or_else(|| format!("`{host}` is no host with a port")))
        .collect()
}

fn database(path: &str) -> Result<i64, String> {
    if path.is_empty() {
        return Ok(0);
    }
    let number = path.parse::<u16>().map_err(|_| "the database after the host is no number")?;
    Ok(i64::from(number))
}

/// Undoes `%41` for `A`.
fn decoded(text: &str) -> Result<String, String> {
    let wrong = || "a % is not followed by two hexadecimal digits of UTF-8".to_owned();
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let (byte, tail) = match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let digit =
                    |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                (digit(high).zip(digit(low)).map(|(high, low)| high * 16 + low).ok_or_else(wrong)?, tail)
            }
            (b'%', _) => return Err(wrong()),
            (byte, tail) => (*byte, tail),
        };
        bytes.push(byte);
        rest = tail;
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(host: &str, port: u16) -> Address {
        Address { host: host.to_owned(), port }
    }

    #[test]
    fn a_single_server_is_read() {
        let settings = Settings::parse("redis://localhost").unwrap();
        assert_eq!(settings.topology, Topology::Single { at: at("localhost", 6379), database: 0 });
        assert!(settings.tls.is_none() && settings.username.is_none() && settings.password.is_none());
        let settings = Settings::parse("rediss://app:s%40cret%25@[::1]:7000/3").unwrap();
        assert_eq!(settings.topology, Topology::Single { at: at("::1", 7000), database: 3 });
        assert_eq!(settings.tls, Some(Tls::default()));
        assert_eq!(settings.username.as_deref(), Some("app"));
        assert_eq!(settings.password, Some(Password::new("s@cret%")));
        // The default user's password, as Redis' own tools write it.
        let settings = Settings::parse("redis://:word@h:1").unwrap();
        assert_eq!((settings.username, settings.password), (None, Some(Password::new("word"))));
    }

    #[test]
    fn sentinels_and_clusters_are_read() {
        let settings = Settings::parse("redis+sentinel://a,b:2,[::1]:3/mymaster").unwrap();
        let hosts = vec![at("a", 26_379), at("b", 2), at("::1", 3)];
        let expected = Topology::Sentinel { at: hosts, master: "mymaster".to_owned(), database: 0 };
        assert_eq!(settings.topology, expected);
        let settings = Settings::parse("rediss+cluster://u:p@a:1,b").unwrap();
        assert_eq!(settings.topology, Topology::Cluster { at: vec![at("a", 1), at("b", 6379)] });
        assert!(settings.tls.is_some());
    }

    #[test]
    fn what_is_wrong_is_said_in_a_sentence_without_the_password() {
        for url in [
            "localhost:6379",
            "http://h",
            "redis+x://h",
            "redis://",
            "redis://a,b",
            "redis://h:0",
            "redis://h:70000",
            "redis://h/x",
            "redis://h?protocol=resp3",
            "redis+sentinel://a,b",
            "redis+cluster://a/1",
            "redis://u:hush%4@h",
            "redis://u:hush%zz@h",
            "redis://u:hush@h h",
        ] {
            let sentence = Settings::parse(url).unwrap_err();
            assert!(!sentence.contains("hush"), "{url}: {sentence}");
        }
    }

    #[test]
    fn a_password_does_not_show_itself() {
        let settings = Settings::parse("redis://u:hush@h").unwrap();
        assert!(!format!("{settings:?}").contains("hush"));
    }
}
