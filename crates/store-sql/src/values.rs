//! What is bound into statements and how stored words become values.
//!
//! Owns: the four kinds of column as one type each, and the reading of words and JSON texts.
//! Not here: how a database takes them (`work`).

use domain::id::Kind;
use domain::{ClientId, Id, SecretHash, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error as WordError, StrDeserializer};
use store::Result;

use crate::corrupt;

/// One bound value: the four kinds of column, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Nothing,
    Text(String),
    Number(i64),
    Flag(bool),
    Bytes(Vec<u8>),
}

/// Values in the order of `$1`, `$2`, …
pub(crate) type Values = Vec<Value>;

/// Lists the values of a statement.
macro_rules! bind {
    ($($value:expr),* $(,)?) => { ::std::vec![$($crate::values::Value::from($value)),*] };
}
pub(crate) use bind;

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}
impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(i64::from(number))
    }
}
impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}
impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_owned())
    }
}
impl From<&Vec<u8>> for Value {
    fn from(bytes: &Vec<u8>) -> Self {
        Self::Bytes(bytes.clone())
    }
}
impl From<&[u8; 16]> for Value {
    fn from(bytes: &[u8; 16]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}
impl From<&SecretHash> for Value {
    fn from(hash: &SecretHash) -> Self {
        Self::Bytes(hash.0.to_vec())
    }
}
impl From<Timestamp> for Value {
    fn from(at: Timestamp) -> Self {
        Self::Number(at.millis())
    }
}
impl<K: Kind> From<&Id<K>> for Value {
    fn from(id: &Id<K>) -> Self {
        Self::Text(id.to_string())
    }
}
impl From<&ClientId> for Value {
    fn from(id: &ClientId) -> Self {
        Self::Text(id.as_str().to_owned())
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Into::into)
    }
}

/// A stored word as the value whose serde name it is.
pub(crate) fn word<'a, T: Deserialize<'a>>(
    text: &'a str,
    table: &'static str,
    column: &'static str,
    id: &str,
) -> Result<T> {
    let source: StrDeserializer<'a, WordError> = text.into_deserializer();
    T::deserialize(source).map_err(|_| corrupt(table, column, id))
}

/// A stored text as the value it spells.
pub(crate) fn parsed<T: std::str::FromStr>(
    text: &str,
    table: &'static str,
    column: &'static str,
    id: &str,
) -> Result<T> {
    text.parse().map_err(|_| corrupt(table, column, id))
}

/// A stored JSON text.
pub(crate) fn json<T: DeserializeOwned>(
    text: &str,
    table: &'static str,
    column: &'static str,
    id: &str,
) -> Result<T> {
    serde_json::from_str(text).map_err(|_| corrupt(table, column, id))
}

/// Stored bytes of a fixed length.
pub(crate) fn fixed<const N: usize>(
    bytes: &[u8],
    table: &'static str,
    column: &'static str,
    id: &str,
) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| corrupt(table, column, id))
}

/// A stored number that must fit 32 bits.
pub(crate) fn small(number: i64, table: &'static str, column: &'static str, id: &str) -> Result<u32> {
    number.try_into().map_err(|_| corrupt(table, column, id))
}
