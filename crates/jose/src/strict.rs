//! JSON objects without duplicate members (RFC 7515 §4, RFC 7519 §4), nested no deeper than anybody needs.

use serde_json::{Map, Value};

/// Objects and lists may be nested so deep, the outermost counted.
pub const MAX_DEPTH: u8 = 32;

/// Reads one JSON object; `None` when it is no object, holds a member twice, is nested deeper than
/// [`MAX_DEPTH`], or is followed by something.
#[must_use]
pub fn object(bytes: &[u8]) -> Option<Map<String, Value>> {
    match domain::json::read(bytes, MAX_DEPTH) {
        Ok(Value::Object(map)) => Some(map),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_twice_is_refused_at_every_depth() {
        assert!(object(br#"{"a":1,"b":{"c":[null,true,1.5,"x"]}}"#).is_some());
        assert!(object(br#"{"a":1,"a":1}"#).is_none());
        assert!(object(br#"{"a":{"b":1,"b":2}}"#).is_none());
        assert!(object(br#"{"a":[{"b":1,"b":2}]}"#).is_none());
        assert!(object(br#"{"a":1,"\u0061":2}"#).is_none());
    }

    #[test]
    fn only_one_object_and_nothing_after_it() {
        for bad in [&b"[]"[..], b"1", b"", b"{} {}", b"{}x", b"\xff"] {
            assert!(object(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn sec_119_what_is_nested_too_deep_is_refused() {
        let nested = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        let listed = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(object(nested(32).as_bytes()).is_some() && object(listed(31).as_bytes()).is_some());
        for depth in [33, 100, 5000] {
            assert!(object(nested(depth).as_bytes()).is_none(), "{depth}");
            assert!(object(listed(depth - 1).as_bytes()).is_none(), "{depth}");
        }
    }
}
