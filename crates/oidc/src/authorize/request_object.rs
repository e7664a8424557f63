//! Requests that come as a JWT (RFC 9101, OpenID Connect Core §6).
//!
//! Owns: what the claims of a request object must say, and the parameters they become. Not here: opening and
//! verifying the JWT (`jose`), fetching it (`provider`).
//!
//! Only its members count: nothing outside is added to them or takes their place (SEC-129).

use std::time::Duration;

use domain::{Client, Timestamp};
use serde_json::{Map, Value};

use crate::{ErrorCode, MAX_VALUE, OAuthError, Params, numeric};

/// Clocks may differ by this much.
const LEEWAY: Duration = Duration::from_secs(60);
/// A client that must sign says when its request was made and ends, at most this far apart from now.
const LONGEST: Duration = Duration::from_secs(60 * 60);
const MOST_MEMBERS: usize = 100;
const MOST_AUDIENCES: usize = 10;

/// Members that speak about the JWT, not about the request.
const OF_THE_JWT: &[&str] = &["iss", "aud", "exp", "nbf", "iat", "jti", "sub"];

/// What a request object is held against.
#[derive(Debug, Clone, Copy)]
pub struct Opened<'a> {
    /// Who sent it.
    pub client: &'a Client,
    /// Us.
    pub issuer: &'a str,
    /// Now.
    pub now: Timestamp,
    /// A key of the client's signed it.
    pub is_signed: bool,
}

/// `invalid_request_object` with a sentence.
const fn bad(description: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidRequestObject, description)
}

/// The claims become parameters; `client_id` is always among them.
///
/// # Errors
/// `invalid_request_object`.
pub fn read(claims: &Map<String, Value>, opened: &Opened<'_>) -> Result<Params, OAuthError> {
    if claims.len() > MOST_MEMBERS {
        return Err(bad("The request object has too many members"));
    }
    issued_for_us(claims, opened)?;
    in_time(claims, opened)?;
    if claims.contains_key("request") || claims.contains_key("request_uri") {
        return Err(bad("The request object holds request or request_uri"));
    }
    let client_id = opened.client.id.as_str();
    match claims.get("client_id") {
        None => {}
        Some(Value::String(id)) if id == client_id => {}
        Some(_) => return Err(bad("client_id of the request object is another")),
    }
    let mut pairs = vec![("client_id".to_owned(), client_id.to_owned())];
    for (name, value) in claims {
        if name != "client_id" && !OF_THE_JWT.contains(&name.as_str()) {
            member(name, value, &mut pairs)?;
        }
    }
    Ok(pairs.into_iter().collect())
}

/// RFC 9101 §4 and §10.8: `iss` is the client, `aud` has us; no `sub`, or an assertion that authenticates the client
/// could be passed off as its request (SEC-119).
fn issued_for_us(claims: &Map<String, Value>, opened: &Opened<'_>) -> Result<(), OAuthError> {
    match claims.get("iss") {
        Some(Value::String(iss)) if iss == opened.client.id.as_str() => {}
        None if !opened.is_signed => {}
        _ => return Err(bad("iss of the request object is not the client")),
    }
    let is_us = |value: &Value| value.as_str() == Some(opened.issuer);
    match claims.get("aud") {
        Some(one @ Value::String(_)) if is_us(one) => {}
        Some(Value::Array(many)) if many.len() <= MOST_AUDIENCES && many.iter().any(is_us) => {}
        None if !opened.is_signed => {}
        _ => return Err(bad("aud of the request object is not this issuer")),
    }
    if claims.get("sub").is_some_and(|sub| sub.as_str() == Some(opened.client.id.as_str())) {
        return Err(bad("The request object has the client as sub: it is a client assertion"));
    }
    Ok(())
}

fn in_time(claims: &Map<String, Value>, opened: &Opened<'_>) -> Result<(), OAuthError> {
    let Opened { client, now, .. } = opened;
    let must_sign = client.metadata.requires_signed_request;
    let at = |name: &str| match numeric::date(claims, name) {
        Ok(seconds) => Ok(seconds.map(Timestamp::from_seconds)),
        Err(()) => Err(bad("A time of the request object is no number of seconds")),
    };
    match at("exp")? {
        Some(exp) if exp.after(LEEWAY) <= *now => return Err(bad("The request object has expired")),
        Some(exp) if must_sign && exp > now.after(LONGEST).after(LEEWAY) => {
            return Err(bad("exp of the request object is too far ahead"));
        }
        None if must_sign => return Err(bad("The request object has no exp")),
        _ => {}
    }
    match at("nbf")? {
        Some(nbf) if nbf > now.after(LEEWAY) => return Err(bad("The request object is not good yet")),
        Some(nbf) if must_sign && nbf.after(LONGEST).after(LEEWAY) < *now => {
            return Err(bad("nbf of the request object is too long ago"));
        }
        _ => {}
    }
    match at("iat")? {
        Some(iat) if iat > now.after(LEEWAY) => Err(bad("The request object was made in the future")),
        _ => Ok(()),
    }
}

/// RFC 9101 §4: parameters are members, numbers may be JSON numbers, `claims` and its like JSON objects, and what
/// comes several times an array.
fn member(name: &str, value: &Value, pairs: &mut Vec<(String, String)>) -> Result<(), OAuthError> {
    let text = match value {
        Value::Null => return Ok(()),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Object(_) => value.to_string(),
        Value::Array(many) if name == "resource" && many.len() <= super::MOST_RESOURCES => {
            return many.iter().try_for_each(|one| match one {
                Value::String(_) => member(name, one, pairs),
                _ => Err(bad("resource of the request object is no list of texts")),
            });
        }
        // Of these a parameter that we know makes no sense; others are ignored.
        Value::Array(_) | Value::Bool(_) if super::KNOWN.contains(&name) => {
            return Err(bad("A parameter of the request object has the wrong type"));
        }
        Value::Array(_) | Value::Bool(_) => return Ok(()),
    };
    if text.len() > MAX_VALUE || text.contains('\0') {
        return Err(bad("A parameter of the request object is too long or not text"));
    }
    pairs.push((name.to_owned(), text));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::client;
    use super::*;
    use domain::ClientMetadata;
    use proptest::prelude::*;
    use serde_json::json;

    const NOW: i64 = 1_800_000_000;
    const ISSUER: &str = "https://id.example";

    fn read_as(client: &Client, is_signed: bool, claims: &Value) -> Result<Params, OAuthError> {
        let Value::Object(claims) = claims else { panic!("no object") };
        let opened = Opened { client, issuer: ISSUER, now: Timestamp::from_seconds(NOW), is_signed };
        let read = read(claims, &opened);
        if let Err(error) = read {
            assert!(error.is_well_formed() && error.code == ErrorCode::InvalidRequestObject);
        }
        read
    }

    fn good() -> Value {
        json!({"iss": "shop", "aud": ISSUER, "exp": NOW + 60, "nbf": NOW, "client_id": "shop", "state": "s",
               "max_age": 10, "claims": {"id_token": {"acr": null}}, "resource": ["https://a.example", "https://b.example"],
               "jti": "1", "unknown": [true], "flag": true, "nothing": null})
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = good();
        claims[name] = value;
        claims
    }

    fn without(name: &str) -> Value {
        let mut claims = good();
        claims.as_object_mut().unwrap().remove(name);
        claims
    }

    #[test]
    fn members_become_parameters() {
        let params = read_as(&client(), true, &good()).unwrap();
        assert_eq!(params.get("client_id"), Some("shop"));
        assert_eq!((params.get("state"), params.get("max_age")), (Some("s"), Some("10")));
        assert_eq!(params.get("claims"), Some(r#"{"id_token":{"acr":null}}"#));
        assert_eq!(params.all("resource").collect::<Vec<_>>(), ["https://a.example", "https://b.example"]);
        for gone in ["iss", "aud", "exp", "nbf", "jti", "unknown", "flag", "nothing"] {
            assert_eq!(params.get(gone), None, "{gone}");
        }
        assert_eq!(read_as(&client(), false, &json!({})).unwrap().get("client_id"), Some("shop"));
    }

    #[test]
    fn sec_129_iss_aud_and_times_are_checked() {
        let lax = client();
        let metadata = ClientMetadata { requires_signed_request: true, ..ClientMetadata::default() };
        let strict = Client { metadata, ..client() };
        for claims in [
            with("aud", json!(["https://other.example", ISSUER])),
            with("nbf", json!(NOW + 8)),
            with("exp", json!(NOW - 10)),
            with("exp", json!(NOW as f64 + 0.5)),
            with("sub", json!("somebody")),
        ] {
            assert!(read_as(&strict, true, &claims).is_ok(), "{claims}");
        }
        for claims in [
            without("iss"),
            with("iss", json!("other")),
            without("aud"),
            with("aud", json!("https://id.example/")),
            with("aud", json!([])),
            with("aud", json!({ISSUER: 1})),
            with("aud", json!(vec![ISSUER; 11])),
            with("exp", json!(NOW - 61)),
            with("exp", json!("soon")),
            with("exp", json!(-1)),
            with("exp", json!(1e300)),
            with("exp", Value::Null),
            with("exp", json!([NOW + 60])),
            with("nbf", json!(NOW + 61)),
            with("nbf", json!(u64::MAX)),
            with("iat", json!(NOW + 61)),
            with("sub", json!("shop")),
            with("client_id", json!("other")),
            with("client_id", json!(1)),
            with("request", json!("x")),
            with("request_uri", json!("urn:x")),
            with("state", json!(["s"])),
            with("scope", json!(true)),
            with("resource", json!([1])),
            with("resource", json!(vec!["https://a.example"; 11])),
            with("state", json!("x".repeat(MAX_VALUE + 1))),
            with("state", json!("a\0b")),
        ] {
            assert!(read_as(&lax, true, &claims).is_err(), "{claims}");
        }
        // Who must sign must also say until when, and not for long.
        for claims in [without("exp"), with("exp", json!(NOW + 70 * 60)), with("nbf", json!(NOW - 70 * 60))] {
            assert!(read_as(&strict, true, &claims).is_err(), "{claims}");
            assert!(read_as(&lax, true, &claims).is_ok(), "{claims}");
        }
        // What is not signed need not say, but must not say otherwise.
        assert!(read_as(&lax, false, &json!({"state": "s"})).is_ok());
        assert!(read_as(&lax, false, &json!({"aud": "https://other.example"})).is_err());
        let many: Map<String, Value> = (0..101).map(|n| (format!("m{n}"), json!(1))).collect();
        assert!(read_as(&lax, false, &Value::Object(many)).is_err());
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,20}".prop_map(Value::from),
            Just(json!("shop")),
            Just(json!(ISSUER)),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map("[a-z_]{1,8}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn sec_129_no_change_of_a_protecting_member_is_accepted(
            name in prop::sample::select(vec!["iss", "aud", "client_id"]), value in any_json()
        ) {
            let ours = match name {
                "aud" => value == json!(ISSUER)
                    || value.as_array().is_some_and(|many| many.contains(&json!(ISSUER))),
                _ => value == json!("shop"),
            };
            prop_assert_eq!(read_as(&client(), true, &with(name, value)).is_ok(), ours);
        }

        #[test]
        fn any_object_is_read_or_refused(claims in prop::collection::hash_map(
            prop_oneof!["[a-z_]{1,12}".boxed(), prop::sample::select(super::super::KNOWN.to_vec()).prop_map(str::to_owned).boxed(),
                        prop::sample::select(OF_THE_JWT.to_vec()).prop_map(str::to_owned).boxed()], any_json(), 0..8),
            is_signed in any::<bool>())
        {
            let claims = Value::Object(claims.into_iter().collect());
            if let Ok(params) = read_as(&client(), is_signed, &claims) {
                prop_assert!(!is_signed || claims["iss"] == json!("shop"));
                prop_assert_eq!(params.get("client_id"), Some("shop"));
                prop_assert!(!params.is_repeated("client_id") && !params.has_repeated_but("resource"));
            }
        }
    }
}
