//! Ids: one type per kind of thing, so that an account's id cannot be passed where a device's is due.
//!
//! Owns: their text form (`acc_` and 26 characters of base32), parsing, and the hash of a secret.
//! Not here: making random bytes (`app::entropy`).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Names the kind of a thing for its id: the letters before the underscore.
pub trait Kind: 'static {
    /// Three lower-case letters.
    const PREFIX: &'static str;
}

/// A 128-bit random id of one kind of thing. Not a credential: knowing it gives no right.
pub struct Id<K: Kind> {
    bytes: [u8; 16],
    kind: PhantomData<fn() -> K>,
}

/// The text is no id of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind")]
pub struct NotAnId;

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const TEXT_LEN: usize = 26;

impl<K: Kind> Id<K> {
    /// Makes an id from 16 random bytes.
    #[must_use]
    pub const fn from_random(bytes: [u8; 16]) -> Self {
        Self { bytes, kind: PhantomData }
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.bytes
    }
}

impl<K: Kind> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K: Kind> Copy for Id<K> {}
impl<K: Kind> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}
impl<K: Kind> Eq for Id<K> {}
impl<K: Kind> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K: Kind> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.bytes.cmp(&other.bytes)
    }
}
impl<K: Kind> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}
impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0u8; TEXT_LEN];
        let mut buffer = 0u32;
        let mut bits = 0u32;
        let mut at = 0;
        for byte in self.bytes {
            buffer = (buffer << 8) | u32::from(byte);
            bits += 8;
            while bits >= 5 {
                bits -= 5;
                text[at] = ALPHABET[((buffer >> bits) & 31) as usize];
                at += 1;
            }
        }
        if bits > 0 {
            text[at] = ALPHABET[((buffer << (5 - bits)) & 31) as usize];
        }
        f.write_str(K::PREFIX)?;
        f.write_str("_")?;
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl<K: Kind> FromStr for Id<K> {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let body = text.strip_prefix(K::PREFIX).and_then(|rest| rest.strip_prefix('_')).ok_or(NotAnId)?;
        if body.len() != TEXT_LEN {
            return Err(NotAnId);
        }
        let mut bytes = [0u8; 16];
        let mut buffer = 0u32;
        let mut bits = 0u32;
        let mut at = 0;
        for letter in body.bytes() {
            let value = match letter {
                b'a'..=b'z' => letter - b'a',
                b'2'..=b'7' => letter - b'2' + 26,
                _ => return Err(NotAnId),
            };
            buffer = (buffer << 5) | u32::from(value);
            bits += 5;
            if bits >= 8 {
                bits -= 8;
                bytes[at] = ((buffer >> bits) & 0xff) as u8;
                at += 1;
            }
        }
        // Left-over bits must be zero: one id has one text.
        if buffer & ((1 << bits) - 1) != 0 {
            return Err(NotAnId);
        }
        Ok(Self::from_random(bytes))
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $kind:ident $prefix:literal;)*) => {$(
        #[doc(hidden)]
        #[derive(Debug)]
        pub enum $kind {}
        impl Kind for $kind { const PREFIX: &'static str = $prefix; }
        $(#[$doc])*
        pub type $name = Id<$kind>;
    )*};
}

ids! {
    /// Id of a person's account; also the public subject (`sub`), never given twice.
    AccountId AccountKind "acc";
    /// Id of an enrolled phone.
    DeviceId DeviceKindTag "dev";
    /// Id of a browser session; the `sid` of ID tokens. The cookie holds another, secret value.
    SessionId SessionKind "ses";
    /// Id of a grant; equals the id of the authorization code it came from.
    GrantId GrantKind "grt";
    /// Id of a passkey.
    CredentialId CredentialKind "crd";
    /// Id of an enrolment that somebody may complete.
    EnrolmentId EnrolmentKind "enr";
    /// Id of a browser's way through sign-in.
    JourneyId JourneyKind "jrn";
    /// Id of an audit entry.
    AuditId AuditKind "aud";
    /// Id of a group of people.
    GroupId GroupKind "grp";
    /// Id of long work: an import, a bulk action.
    JobId JobKindTag "job";
    /// Id of a batch of enrolments that are printed together.
    BatchId BatchKind "bat";
    /// Id of a word to a person about their account.
    NoticeId NoticeKindTag "ntc";
    /// Id of a recovery that the helpdesk opened.
    RecoveryId RecoveryKind "rcv";
    /// Id of an API key.
    ApiKeyId ApiKeyKind "key";
}

/// The name by which a relying party is known (`client_id`, RFC 6749 §2.2): 1 to 200 visible ASCII
/// characters, chosen at registration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(std::sync::Arc<str>);

impl ClientId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl FromStr for ClientId {
    type Err = NotAnId;
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        if text.is_empty() || text.len() > 200 || !text.bytes().all(|b| (0x21..=0x7e).contains(&b)) {
            return Err(NotAnId);
        }
        Ok(Self(text.into()))
    }
}
impl TryFrom<String> for ClientId {
    type Error = NotAnId;
    fn try_from(text: String) -> Result<Self, NotAnId> {
        text.parse()
    }
}
impl From<ClientId> for String {
    fn from(id: ClientId) -> Self {
        id.0.as_ref().to_owned()
    }
}
impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// SHA-256 (or MAC) of a secret; what is kept in its place (SEC-009, SEC-151). Compare secrets by
/// comparing these.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretHash(pub [u8; 32]);

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}
impl Serialize for SecretHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(64);
        for byte in self.0 {
            text.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
            text.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
        }
        serializer.serialize_str(&text)
    }
}
impl<'de> Deserialize<'de> for SecretHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom("not a hash");
        if text.len() != 64 {
            return Err(wrong());
        }
        let mut bytes = [0u8; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            let pair = text.get(at * 2..at * 2 + 2).ok_or_else(wrong)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text() {
        let id = AccountId::from_random([0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0x81]);
        let text = id.to_string();
        assert_eq!(text.len(), 30);
        assert_eq!(text.parse::<AccountId>(), Ok(id));
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let text = AccountId::from_random([7; 16]).to_string();
        assert_eq!(text.parse::<DeviceId>(), Err(NotAnId));
    }

    #[test]
    fn an_id_has_one_text_only() {
        let mut text = AccountId::from_random([0; 16]).to_string();
        text.pop();
        text.push('b');
        assert_eq!(text.parse::<AccountId>(), Err(NotAnId));
        assert_eq!("acc_AAAAAAAAAAAAAAAAAAAAAAAAAA".parse::<AccountId>(), Err(NotAnId));
    }

    #[test]
    fn a_client_id_is_visible_ascii() {
        assert!("shop".parse::<ClientId>().is_ok());
        for bad in ["", "a b", "ü", "a\n", &"x".repeat(201)] {
            assert!(bad.parse::<ClientId>().is_err(), "{bad:?}");
        }
    }
}
