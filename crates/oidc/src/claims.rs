//! Claims about a person, and what tokens say.
//!
//! Owns: which scope holds which claim, the JSON type of each (OpenID Connect Core §5.1), and the claim sets
//! of the ID token and the access token. Not here: signing (`jose`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Account;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Scopes we know, in the order in which they are shown.
pub const SCOPES: &[&str] = &["openid", "profile", "email", "address", "phone"];

/// Claims we can give besides the person's: those of the protocol.
pub const PROTOCOL_CLAIMS: &[&str] =
    &["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Flag,
    Number,
    Birthdate,
    Address,
}

/// Name, the scope that holds it, and its JSON type (OpenID Connect Core §5.1, §5.4).
const CLAIMS: &[(&str, &str, Form)] = &[
    ("name", "profile", Form::Text),
    ("family_name", "profile", Form::Text),
    ("given_name", "profile", Form::Text),
    ("middle_name", "profile", Form::Text),
    ("nickname", "profile", Form::Text),
    ("preferred_username", "profile", Form::Text),
    ("profile", "profile", Form::Text),
    ("picture", "profile", Form::Text),
    ("website", "profile", Form::Text),
    ("gender", "profile", Form::Text),
    ("birthdate", "profile", Form::Birthdate),
    ("zoneinfo", "profile", Form::Text),
    ("locale", "profile", Form::Text),
    ("updated_at", "profile", Form::Number),
    ("email", "email", Form::Text),
    ("email_verified", "email", Form::Flag),
    ("address", "address", Form::Address),
    ("phone_number", "phone", Form::Text),
    ("phone_number_verified", "phone", Form::Flag),
];

const ADDRESS_MEMBERS: &[&str] =
    &["formatted", "street_address", "locality", "region", "postal_code", "country"];

/// Names of the claims about a person that we can give.
pub fn personal_claims() -> impl Iterator<Item = &'static str> {
    CLAIMS.iter().map(|(name, _, _)| *name)
}

/// The scope that holds a claim; `None` for claims we do not know.
#[must_use]
pub fn scope_of(claim: &str) -> Option<&'static str> {
    CLAIMS.iter().find(|(name, _, _)| *name == claim).map(|(_, scope, _)| *scope)
}

/// The claims of a person that these scopes hold, and those asked for by name. Wrongly typed, empty and
/// absent ones are left out.
#[must_use]
pub fn of_person(account: &Account, scope: &str, by_name: &[String]) -> Map<String, Value> {
    let mut claims = Map::new();
    for (name, of_scope, form) in CLAIMS {
        let is_wanted = scope.split(' ').any(|s| s == *of_scope) || by_name.iter().any(|n| n == name);
        if is_wanted && let Some(value) = claim(account, name, *form) {
            claims.insert((*name).to_owned(), value);
        }
    }
    claims
}

fn claim(account: &Account, name: &str, form: Form) -> Option<Value> {
    match name {
        "updated_at" => return Some(account.updated_at.seconds().into()),
        "preferred_username" if !account.claims.contains_key(name) => {
            return Some(account.username.as_str().into());
        }
        _ => {}
    }
    // An address or number nobody vouched for is told as not verified.
    for (flag, about) in [("email_verified", "email"), ("phone_number_verified", "phone_number")] {
        if name == flag {
            typed(account.claims.get(about)?, Form::Text)?;
            return Some(account.claims.get(name).and_then(|v| typed(v, form)).unwrap_or(Value::Bool(false)));
        }
    }
    typed(account.claims.get(name)?, form)
}

/// The value, if it has the type the standard wants.
fn typed(value: &Value, form: Form) -> Option<Value> {
    match (form, value) {
        (Form::Text, Value::String(text)) if is_filled(text) => Some(value.clone()),
        (Form::Birthdate, Value::String(text)) if is_birthdate(text) => Some(value.clone()),
        (Form::Flag, Value::Bool(_)) | (Form::Number, Value::Number(_)) => Some(value.clone()),
        (Form::Address, Value::Object(members)) => {
            let members: Map<String, Value> = members
                .iter()
                .filter(|(name, _)| ADDRESS_MEMBERS.contains(&name.as_str()))
                .filter_map(|(name, value)| Some((name.clone(), typed(value, Form::Text)?)))
                .collect();
            (!members.is_empty()).then_some(Value::Object(members))
        }
        _ => None,
    }
}

fn is_filled(text: &str) -> bool {
    !text.trim().is_empty() && text != "null"
}

/// `YYYY-MM-DD`, `0000-MM-DD` or `YYYY`.
fn is_birthdate(text: &str) -> bool {
    let digits = |part: &str, len: usize| part.len() == len && part.bytes().all(|b| b.is_ascii_digit());
    let in_range = |part: &str, max: u8| part.parse::<u8>().is_ok_and(|n| (1..=max).contains(&n));
    match text.split('-').collect::<Vec<_>>().as_slice() {
        [year] => digits(year, 4),
        [year, month, day] => {
            digits(year, 4) && digits(month, 2) && digits(day, 2) && in_range(month, 12) && in_range(day, 31)
        }
        _ => false,
    }
}

/// What an ID token says (OpenID Connect Core §2).
#[derive(Debug, Clone, Serialize)]
pub struct IdToken<'a> {
    /// Issuer.
    pub iss: &'a str,
    /// Subject.
    pub sub: &'a str,
    /// For this client.
    pub aud: &'a str,
    /// Ends, in seconds since 1970.
    pub exp: i64,
    /// Made, in seconds since 1970.
    pub iat: i64,
    /// The person proved who they are, in seconds since 1970.
    pub auth_time: i64,
    /// The request's, absent if it had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<&'a str>,
    /// Class.
    pub acr: &'a str,
    /// Methods.
    pub amr: &'a [String],
    /// Hash of the access token.
    pub at_hash: &'a str,
    /// Browser session.
    pub sid: &'a str,
    /// Claims asked for by name in the `claims` parameter.
    #[serde(flatten)]
    pub personal: &'a Map<String, Value>,
}

/// What an access token says (RFC 9068 §2.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessToken {
    /// Issuer.
    pub iss: String,
    /// Subject.
    pub sub: String,
    /// Where it is taken: our own userinfo, so the issuer.
    pub aud: String,
    /// Ends, in seconds since 1970.
    pub exp: i64,
    /// Made, in seconds since 1970.
    pub iat: i64,
    /// Grant id, a full stop, and what tells tokens of one grant apart.
    pub jti: String,
    /// For this client.
    pub client_id: String,
    /// Granted scopes, space-separated.
    pub scope: String,
    /// The person proved who they are, in seconds since 1970.
    pub auth_time: i64,
    /// Class.
    pub acr: String,
    /// Claims asked for by name from userinfo.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub userinfo_claims: Vec<String>,
}

/// `at_hash` for tokens signed with SHA-256 (OpenID Connect Core §3.1.3.6).
#[must_use]
pub fn at_hash(access_token: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(access_token.as_bytes())[..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{AccountId, AccountState, Timestamp};
    use serde_json::json;

    fn account(claims: Value) -> Account {
        let Value::Object(claims) = claims else { panic!("not an object") };
        Account {
            id: AccountId::from_random([1; 16]),
            username: "Ada".parse().unwrap(),
            state: AccountState::Active,
            claims,
            webauthn_handle: [0; 16],
            created_at: Timestamp::from_seconds(1),
            updated_at: Timestamp::from_millis(1_700_000_000_123),
        }
    }

    #[test]
    fn claims_follow_the_scopes() {
        let ada = account(json!({
            "name": "Ada", "email": "ada@example.org", "email_verified": true, "phone_number": "+49 1",
            "address": {"country": "DE", "formatted": "", "planet": "Earth"}, "role": "boss", "sub": "x"}));
        let keys = |scope: &str, names: &[&str]| {
            let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
            Value::Object(of_person(&ada, scope, &names))
        };
        assert_eq!(keys("openid", &[]), json!({}));
        assert_eq!(keys("openid", &["name", "role", "sub"]), json!({"name": "Ada"}));
        assert_eq!(keys("email openid", &[]), json!({"email": "ada@example.org", "email_verified": true}));
        assert_eq!(
            keys("openid phone", &[]),
            json!({"phone_number": "+49 1", "phone_number_verified": false})
        );
        assert_eq!(keys("openid address", &[]), json!({"address": {"country": "DE"}}));
        assert_eq!(
            keys("openid profile", &[]),
            json!({"name": "Ada", "preferred_username": "Ada", "updated_at": 1_700_000_000})
        );
    }

    #[test]
    fn wrongly_typed_claims_are_left_out() {
        for (name, bad) in [
            ("name", json!("")),
            ("name", json!("null")),
            ("name", json!(null)),
            ("name", json!(["a"])),
            ("birthdate", json!("1.2.2000")),
            ("birthdate", json!("2000-13-01")),
            ("address", json!("Street 1")),
            ("address", json!({"country": 1})),
            ("picture", json!({"url": "x"})),
        ] {
            let ada = account(json!({ name: bad.clone() }));
            assert!(!of_person(&ada, "openid profile address", &[]).contains_key(name), "{name} {bad}");
        }
        let ada = account(json!({"email": "a@b", "email_verified": "true"}));
        assert_eq!(
            Value::Object(of_person(&ada, "email", &[])),
            json!({"email": "a@b", "email_verified": false})
        );
        let ada = account(json!({"email_verified": true}));
        assert!(of_person(&ada, "email", &[]).is_empty());
        for good in ["2000-02-29", "0000-02-29", "1999"] {
            assert!(is_birthdate(good));
        }
    }

    #[test]
    fn at_hash_is_the_left_half() {
        // OpenID Connect Core appendix A.3.
        assert_eq!(at_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"), "77QmUPtjPfzWtF2AnpK9RQ");
    }

    #[test]
    fn sec_137_a_nonce_is_embedded_as_it_came_or_absent() {
        let personal = Map::new();
        let mut token = IdToken {
            iss: "https://id.example",
            sub: "s",
            aud: "c",
            exp: 2,
            iat: 1,
            auth_time: 1,
            nonce: Some("<\"ü\">"),
            acr: "a",
            amr: &[],
            at_hash: "h",
            sid: "d",
            personal: &personal,
        };
        assert_eq!(serde_json::to_value(&token).unwrap()["nonce"], "<\"ü\">");
        token.nonce = None;
        assert!(serde_json::to_value(&token).unwrap().get("nonce").is_none());
    }
}
