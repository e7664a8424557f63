//! JSON from strangers: no member twice, and no deep nest.
//!
//! Two parsers may read different values from `{"a":1,"a":2}`; so such an object is refused, at every depth
//! (RFC 7515 §4, RFC 7519 §4). Owns: reading it. Not here: how long or deep it may be, what it has to say.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads one JSON value whose objects and lists are nested `max_depth` deep at most, the outermost counted.
///
/// # Errors
/// It is no JSON, is nested deeper, has an object with a member twice, or is followed by something; the text says
/// which.
pub fn read(bytes: &[u8], max_depth: u8) -> Result<Value, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { left: max_depth }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Reads a value that may be nested `left` deep.
#[derive(Clone, Copy)]
struct Strict {
    left: u8,
}

impl Strict {
    fn inner<E: Error>(self) -> Result<Self, E> {
        let left = self.left.checked_sub(1).ok_or_else(|| E::custom("is nested too deeply"))?;
        Ok(Self { left })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("has a number that is not finite"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut all = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut all = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if all.insert(name, value).is_some() {
                return Err(A::Error::custom("has a member twice"));
            }
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said() {
        for (text, why) in [
            (r#"{"a":1,"a":1}"#, "has a member twice"),
            (r#"{"a":[{"b":1,"\u0062":2}]}"#, "has a member twice"),
            ("[[[[1]]]]", "is nested too deeply"),
            (r#"{"a":[{"b":[]}]}"#, "is nested too deeply"),
            ("1e400", "number out of range"),
            ("{} {}", "trailing characters"),
            ("{", "EOF while parsing an object"),
            ("", "EOF while parsing a value"),
        ] {
            let error = read(text.as_bytes(), 3).unwrap_err().to_string();
            assert!(error.starts_with(why), "{text}: {error}");
        }
    }

    #[test]
    fn a_value_is_read_as_it_is() {
        let text = r#"{"a":[1,-2,0.5,null,true,"x"],"b":{"c":[]}}"#;
        assert_eq!(read(text.as_bytes(), 3).unwrap().to_string(), text);
        assert_eq!(read(b"1", 0).unwrap(), 1);
    }
}
