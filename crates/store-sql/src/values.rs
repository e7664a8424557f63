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

/// One bound value: the four kinds of column. Nothing is of a kind too: a statement is prepared once, with
/// the kinds it was first given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(Option<String>),
    Number(Option<i64>),
    Flag(Option<bool>),
    Bytes(Option<Vec<u8>>),
}

/// Values in the order of `$1`, `$2`, …
pub(crate) type Values = Vec<Value>;

/// What can be bound, and as which kind.
pub(crate) trait Bound: Sized {
    /// The value, or nothing of its kind.
    fn value(it: Option<Self>) -> Value;
}

/// Lists the values of a statement.
macro_rules! bind {
    ($($value:expr),* $(,)?) => { ::std::vec![$($crate::values::Bound::value(Some($value))),*] };
}
pub(crate) use bind;

/// PostgreSQL keeps no text with a zero in it. Such a text is no name of anything: it is kept, and looked
/// for, with a mark in its place, on both databases.
pub(crate) fn clean(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{FFFD}") } else { text }
}

fn text(text: Option<String>) -> Value {
    Value::Text(text.map(clean))
}

impl Bound for String {
    fn value(it: Option<Self>) -> Value {
        text(it)
    }
}
impl Bound for &str {
    fn value(it: Option<Self>) -> Value {
        text(it.map(str::to_owned))
    }
}
impl Bound for &String {
    fn value(it: Option<Self>) -> Value {
        text(it.cloned())
    }
}
impl Bound for i64 {
    fn value(it: Option<Self>) -> Value {
        Value::Number(it)
    }
}
impl Bound for u32 {
    fn value(it: Option<Self>) -> Value {
        Value::Number(it.map(i64::from))
    }
}
impl Bound for Timestamp {
    fn value(it: Option<Self>) -> Value {
        Value::Number(it.map(Self::millis))
    }
}
impl Bound for bool {
    fn value(it: Option<Self>) -> Value {
        Value::Flag(it)
    }
}
impl Bound for &[u8] {
    fn value(it: Option<Self>) -> Value {
        Value::Bytes(it.map(<[u8]>::to_vec))
    }
}
impl Bound for &Vec<u8> {
    fn value(it: Option<Self>) -> Value {
        Value::Bytes(it.cloned())
    }
}
impl Bound for &[u8; 16] {
    fn value(it: Option<Self>) -> Value {
        Value::Bytes(it.map(|bytes| bytes.to_vec()))
    }
}
impl Bound for &SecretHash {
    fn value(it: Option<Self>) -> Value {
        Value::Bytes(it.map(|hash| hash.0.to_vec()))
    }
}
impl<K: Kind> Bound for &Id<K> {
    fn value(it: Option<Self>) -> Value {
        Value::Text(it.map(ToString::to_string))
    }
}
impl Bound for &ClientId {
    fn value(it: Option<Self>) -> Value {
        text(it.map(|id| id.as_str().to_owned()))
    }
}
impl<T: Bound> Bound for Option<T> {
    fn value(it: Option<Self>) -> Value {
        T::value(it.flatten())
    }
}

/// The pattern of texts that hold `part`, for `LIKE … ESCAPE '!'`.
pub(crate) fn like(part: &str) -> String {
    let mut pattern = String::with_capacity(part.len() + 2);
    pattern.push('%');
    for c in part.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_of_a_kind() {
        let values: Values =
            bind![None::<&str>, None::<Timestamp>, None::<bool>, None::<&SecretHash>, Some(7_u32)];
        let kinds = [
            Value::Text(None),
            Value::Number(None),
            Value::Flag(None),
            Value::Bytes(None),
            Value::Number(Some(7)),
        ];
        assert_eq!(values, kinds);
    }

    #[test]
    fn a_zero_is_marked() {
        assert_eq!(bind!["a\0b"], [Value::Text(Some("a\u{FFFD}b".to_owned()))]);
    }
}
