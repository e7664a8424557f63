//! `[keys]`: the key that wraps the keys (SEC-190), and how long a key signs (SEC-191).

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::section::{Secret, section};
use super::source::Fault;

section! {
    /// The key that wraps the signing keys in the database. Keep a copy of it away from the database's
    /// backups: without it the database is of no use, and with both it is everything. `latchbolt keys rewrap`
    /// replaces it.
    "keys" {
        /// The wrapping key itself: 32 random bytes in base64 (`openssl rand -base64 32`). Give it by the
        /// environment, LATCHBOLT__KEYS__WRAPPING_KEY or LATCHBOLT__KEYS__WRAPPING_KEY_FILE. Every node needs
        /// the same.
        wrapping_key: Option<Secret> = None, example "(32 random bytes in base64)";
        /// Where the wrapping key is kept when it is not given: a file that only its owner may read, made
        /// at first start. Without this key: beside SQLite's database, with the ending `.key`. With PostgreSQL
        /// one of the two has to be given.
        key_file: Option<String> = None, example "/var/lib/latchbolt/latchbolt.key";
        /// Days that a key signs before the next one, which is published all the while, takes its place by
        /// itself; at most 3650. 0: only by `latchbolt keys rotate`.
        rotate_days: u32 = 90;
    }
}

/// PostgreSQL without a key.
pub const SHARED: &str = "With PostgreSQL every node needs the same wrapping key: give it by LATCHBOLT__KEYS__WRAPPING_KEY or …_FILE (`openssl rand -base64 32` makes one), or set keys.key_file.";

/// What is said about keys.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the wrapping key comes from.
    pub wrapping: Source,
    /// How long a key signs; none means until it is rotated by hand.
    pub rotate_every: Option<Duration>,
}

/// Where the wrapping key comes from.
#[derive(Clone)]
pub enum Source {
    /// Given.
    Given(Box<[u8; 32]>),
    /// Kept in this file; none means beside SQLite's database.
    File(Option<PathBuf>),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Given(_) => f.write_str("Given(…)"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

impl Given {
    /// What it means.
    ///
    /// # Errors
    /// A key that is not 32 bytes in base64, or plainly not random (SEC-196); too many days.
    pub fn resolve(&self) -> Result<Settings, Fault> {
        let wrapping = match &self.wrapping_key {
            None => Source::File(self.key_file.as_ref().map(PathBuf::from)),
            Some(_) if self.key_file.is_some() => {
                return Err(Fault::new(
                    "key_file",
                    "The wrapping key is given already: take keys.key_file away.",
                ));
            }
            Some(text) => parse_key(text.reveal())
                .map(|key| Source::Given(Box::new(key)))
                .map_err(|what| Fault::new("wrapping_key", what))?,
        };
        let rotate_every = match self.rotate_days {
            0 => None,
            days @ 1..=3650 => Some(Duration::from_secs(u64::from(days) * 24 * 3600)),
            _ => return Err(Fault::new("rotate_days", "Take a number of days from 0 (by hand) to 3650.")),
        };
        Ok(Settings { wrapping, rotate_every })
    }
}

/// Reads a wrapping key.
///
/// # Errors
/// A sentence: it is not 32 bytes in base64, or plainly not random.
pub fn parse_key(text: &str) -> Result<[u8; 32], &'static str> {
    let text = text.trim();
    let bytes = STANDARD
        .decode(text)
        .or_else(|_| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')))
        .map_err(|_| "The wrapping key is not base64; make one with `openssl rand -base64 32`.")?;
    let key: [u8; 32] = bytes
        .try_into()
        .map_err(|_| "The wrapping key has to be 32 bytes; make one with `openssl rand -base64 32`.")?;
    // 32 random bytes hold fewer than 20 different values once in 10^17 times.
    let different = key.iter().collect::<std::collections::BTreeSet<_>>().len();
    let printable = key.iter().all(|b| (0x20..0x7f).contains(b));
    if different < 16 || printable {
        return Err("The wrapping key is not random; make one with `openssl rand -base64 32`.");
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_196_weak_wrapping_keys_are_refused() {
        let b64 = |bytes: &[u8]| STANDARD.encode(bytes);
        assert!(parse_key(&b64(&[0; 32])).is_err());
        assert!(parse_key(&b64(&[1, 2].repeat(16))).is_err());
        assert!(parse_key(&b64(b"correct horse battery staple 123")).is_err());
        assert!(parse_key(&b64(&[7; 31])).is_err());
        assert!(parse_key("not base64 at all").is_err());
        let good: Vec<u8> = (0u8..32).map(|i| i.wrapping_mul(37).wrapping_add(129)).collect();
        assert_eq!(parse_key(&b64(&good)).map(|k| k.to_vec()), Ok(good));
    }

    #[test]
    fn sec_193_a_wrapping_key_is_never_printed() {
        let key = (0u8..32).map(|i| i.wrapping_mul(37).wrapping_add(129)).collect::<Vec<_>>();
        let text = STANDARD.encode(&key);
        let given: Given = toml::from_str(&format!("wrapping_key = '{text}'")).unwrap();
        let settings = given.resolve().unwrap();
        for printed in [format!("{given:?}"), format!("{settings:?}"), toml::to_string(&given).unwrap()] {
            assert!(!printed.contains(&text), "{printed}");
        }
    }

    #[test]
    fn keys_are_rotated_by_themselves_unless_zero_days_are_given() {
        let every = |days| Given { rotate_days: days, ..Given::default() }.resolve().map(|s| s.rotate_every);
        assert_eq!(Given::default().resolve().unwrap().rotate_every, Some(Duration::from_secs(90 * 86400)));
        assert_eq!(every(0).unwrap(), None);
        assert_eq!(every(1).unwrap(), Some(Duration::from_secs(86400)));
        assert!(every(3651).is_err());
    }
}
