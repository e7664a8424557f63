//! What a client's assertion must say (OpenID Connect Core §9, RFC 7523 §3, SEC-117).

use domain::{ClientId, Timestamp};
use serde_json::{Map, Value};

use crate::numeric::date;

/// An assertion may say that it is good for so many seconds at most, and clocks may differ by [`LEEWAY`]. An hour is
/// what widespread clients write (Python's Authlib); it is good once all the same.
const LONGEST: i64 = 3600;
/// The same where FAPI rules.
const LONGEST_STRICT: i64 = 300;
const LEEWAY: i64 = 60;
/// Expired is expired but for clocks that are a little behind.
const PAST: i64 = 10;
/// Longest `jti` in bytes.
const MAX_JTI: usize = 512;

/// Whom an assertion may be for.
#[derive(Debug, Clone, Copy)]
pub struct Audiences<'a> {
    /// Our issuer.
    pub issuer: &'a str,
    /// Addresses of ours that stand for it: the token endpoint and the one that was called.
    pub endpoints: &'a [String],
    /// Only the issuer, as one string (FAPI 2.0 Security Profile §5.3.2.1).
    pub is_strict: bool,
}

/// What has to be remembered of an assertion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertion {
    /// Used once.
    pub jti: String,
    /// From then on it is refused by its `exp`.
    pub ends_at: Timestamp,
}

/// The client that an assertion names, before anything of it is believed.
#[must_use]
pub fn named(claims: &Map<String, Value>) -> Option<ClientId> {
    claims.get("sub").and_then(Value::as_str)?.parse().ok()
}

/// Checks the claims of an assertion whose signature is right. `Err` is a word for the log.
///
/// # Errors
/// Something is missing, of another type, for somebody else, or not for now.
pub fn check(
    claims: &Map<String, Value>,
    client: &ClientId,
    audiences: Audiences<'_>,
    now: Timestamp,
) -> Result<Assertion, &'static str> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(client.as_str()) || text("sub") != Some(client.as_str()) {
        return Err("iss or sub is not the client");
    }
    if !claims.get("aud").is_some_and(|aud| audiences.fit(aud)) {
        return Err("aud is not this server");
    }
    let now = now.seconds();
    let exp = date(claims, "exp").ok().flatten().ok_or("exp is missing or no date")?;
    if now >= exp + PAST {
        return Err("expired");
    }
    let longest = if audiences.is_strict { LONGEST_STRICT } else { LONGEST };
    if exp > now + longest + LEEWAY {
        return Err("exp is too far away");
    }
    for name in ["iat", "nbf"] {
        if date(claims, name).map_err(|()| "iat or nbf is no date")?.is_some_and(|at| at > now + LEEWAY) {
            return Err("not valid yet");
        }
    }
    let jti = text("jti").filter(|jti| !jti.is_empty() && jti.len() <= MAX_JTI).ok_or("jti is missing")?;
    Ok(Assertion { jti: jti.to_owned(), ends_at: Timestamp::from_seconds(exp + PAST) })
}

impl Audiences<'_> {
    /// One string; many libraries send a list, and with one member it says the same.
    fn fit(&self, aud: &Value) -> bool {
        let is_us = |text: &str| {
            text == self.issuer || !self.is_strict && self.endpoints.iter().any(|endpoint| endpoint == text)
        };
        match aud {
            Value::String(one) => is_us(one),
            Value::Array(list) if !self.is_strict => {
                matches!(list.as_slice(), [Value::String(one)] if is_us(one))
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const NOW: i64 = 1_800_000_000;
    const ISSUER: &str = "https://id.example";

    fn claims(change: &[(&str, Value)]) -> Map<String, Value> {
        let good =
            json!({"iss": "shop", "sub": "shop", "aud": ISSUER, "exp": NOW + 60, "iat": NOW, "jti": "one"});
        let mut claims = good.as_object().unwrap().clone();
        for (name, value) in change {
            if value.is_null() {
                claims.remove(*name);
            } else {
                claims.insert((*name).to_owned(), value.clone());
            }
        }
        claims
    }

    fn is_good(claims: &Map<String, Value>, is_strict: bool) -> bool {
        let endpoints = ["https://id.example/token".to_owned(), "https://id.example/par".to_owned()];
        let audiences = Audiences { issuer: ISSUER, endpoints: &endpoints, is_strict };
        check(claims, &"shop".parse().unwrap(), audiences, Timestamp::from_seconds(NOW)).is_ok()
    }

    #[test]
    fn sec_117_an_assertion_says_who_for_whom_and_until_when() {
        assert!(is_good(&claims(&[]), false) && is_good(&claims(&[]), true));
        for (name, value) in [
            ("iss", Value::Null),
            ("iss", json!("bank")),
            ("iss", json!(["shop"])),
            ("sub", Value::Null),
            ("sub", json!("bank")),
            ("aud", Value::Null),
            ("aud", json!("https://id.example/")),
            ("aud", json!("https://other.example")),
            ("aud", json!([ISSUER, "https://other.example"])),
            ("aud", json!([ISSUER, ISSUER])),
            ("aud", json!([])),
            ("aud", json!({"a": ISSUER})),
            ("exp", Value::Null),
            ("exp", json!((NOW + 60).to_string())),
            ("exp", json!([NOW + 60])),
            ("exp", json!(NOW - 10)),
            ("exp", json!(NOW - 300)),
            ("exp", json!(NOW + 3661)),
            ("exp", json!(1e300)),
            ("exp", json!(-1)),
            ("iat", json!(NOW + 61)),
            ("iat", json!("now")),
            ("nbf", json!(NOW + 61)),
            ("nbf", json!(true)),
            ("jti", Value::Null),
            ("jti", json!("")),
            ("jti", json!(5)),
        ] {
            assert!(!is_good(&claims(&[(name, value.clone())]), false), "{name} {value}");
        }
        for (name, value) in [
            ("nbf", json!(NOW + 8)),
            ("iat", Value::Null),
            ("exp", json!(NOW - 9)),
            ("exp", json!(NOW + 300)),
            ("more", json!("is ignored")),
        ] {
            assert!(is_good(&claims(&[(name, value.clone())]), true), "{name} {value}");
        }
    }

    #[test]
    fn sec_117_a_strict_audience_is_the_issuer_as_one_string() {
        for aud in [json!([ISSUER]), json!("https://id.example/token"), json!("https://id.example/par")] {
            assert!(is_good(&claims(&[("aud", aud.clone())]), false), "{aud}");
            assert!(!is_good(&claims(&[("aud", aud.clone())]), true), "{aud}");
        }
    }

    proptest! {
        #[test]
        fn an_assertion_of_or_for_anybody_else_is_none(name in "iss|sub|aud", value in "[ -~]{0,30}") {
            let right = value == if name == "aud" { ISSUER } else { "shop" };
            prop_assert_eq!(is_good(&claims(&[(&name, json!(value))]), true), right);
        }

        #[test]
        fn its_time_has_two_ends(off in -5_000i64..5_000, is_strict: bool) {
            let longest = if is_strict { 300 } else { 3600 };
            let right = off > -PAST && off <= longest + LEEWAY;
            prop_assert_eq!(is_good(&claims(&[("exp", json!(NOW + off))]), is_strict), right);
        }
    }
}
