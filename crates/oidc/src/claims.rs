//! Claims about a person, and what tokens say.
//!
//! Owns: which scope holds which claim, the JSON type of each (OpenID Connect Core §5.1), and the claim sets
//! of the ID token and the access token. Not here: signing (`jose`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Account, ClaimDefinition, SigningAlg};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256, Sha512};

/// Asks for refresh tokens (OpenID Connect Core §11).
pub const OFFLINE_ACCESS: &str = "offline_access";

/// Tells the names of a person's groups, in a claim of the same name. No client has this scope unless it was registered
/// for it by name.
pub const GROUPS: &str = "groups";

/// Scopes we know, in the order in which they are shown.
pub const SCOPES: &[&str] = &["openid", "profile", "email", "address", "phone", OFFLINE_ACCESS];

/// Claims we can give besides the person's: those of the protocol.
pub const PROTOCOL_CLAIMS: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "at_hash",
    "c_hash",
    "s_hash",
    "sid",
];

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

/// The claims of a person that these scopes hold, and those asked for by name; of the operator's own claims those that
/// the scopes hold. Wrongly typed, empty and absent ones are left out.
#[must_use]
pub fn of_person(
    account: &Account,
    scope: &str,
    by_name: &[String],
    custom: &[ClaimDefinition],
) -> Map<String, Value> {
    let mut claims = Map::new();
    let has = |wanted: &str| scope.split(' ').any(|given| given == wanted);
    if has(GROUPS) {
        claims.insert(GROUPS.to_owned(), account.groups.iter().map(String::as_str).collect());
    }
    for definition in custom {
        if definition.scope.as_deref().is_some_and(has)
            && scope_of(&definition.name).is_none()
            && let Some(value) = account.claims.get(&definition.name)
            && definition.check_value(value).is_ok()
        {
            claims.insert(definition.name.clone(), value.clone());
        }
    }
    for (name, of_scope, form) in CLAIMS {
        let is_wanted = has(of_scope) || by_name.iter().any(|n| n == name);
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
    /// Hash of the access token beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_hash: Option<&'a str>,
    /// Hash of the code beside it (OpenID Connect Core §3.3.2.11).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub c_hash: Option<&'a str>,
    /// Hash of the `state` beside it (Financial-grade API, part 2 §5.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s_hash: Option<&'a str>,
    /// Browser session.
    pub sid: &'a str,
    /// Claims of the person.
    #[serde(flatten)]
    pub personal: &'a Map<String, Value>,
}

/// Where a token is taken: one name, or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Audience {
    /// These resources, or the issuer where there are none: our own userinfo.
    #[must_use]
    pub fn of(resources: &[String], issuer: &str) -> Self {
        match resources {
            [] => Self::One(issuer.to_owned()),
            [one] => Self::One(one.clone()),
            many => Self::Many(many.to_vec()),
        }
    }

    /// Whether this is one of them.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::One(one) => one == name,
            Self::Many(many) => many.iter().any(|one| one == name),
        }
    }
}

/// The key that a token is bound to (RFC 7800 §3, RFC 9449 §6.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// RFC 7638 thumbprint of the key that DPoP proofs are signed with.
    pub jkt: String,
}

/// What an access token says (RFC 9068 §2.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessToken {
    /// Issuer.
    pub iss: String,
    /// Subject; the client itself where no person is behind it.
    pub sub: String,
    /// Where it is taken.
    pub aud: Audience,
    /// Ends, in seconds since 1970.
    pub exp: i64,
    /// Made, in seconds since 1970.
    pub iat: i64,
    /// Grant id, a full stop, and what tells tokens of one grant apart; without a full stop it hangs on no grant.
    pub jti: String,
    /// For this client.
    pub client_id: String,
    /// Granted scopes, space-separated.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// The person proved who they are, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// Class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// Only with proofs by this key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
    /// Claims asked for by name from userinfo.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub userinfo_claims: Vec<String>,
}

impl AccessToken {
    /// Whether it was given this scope.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|given| given == scope)
    }
}

/// `at_hash`, `c_hash` and `s_hash`: the left half of the hash that the ID token's own algorithm uses
/// (OpenID Connect Core §3.1.3.6, §3.3.2.11).
#[must_use]
pub fn left_half(alg: SigningAlg, text: &str) -> String {
    match alg {
        SigningAlg::ES256 | SigningAlg::RS256 | SigningAlg::PS256 => {
            URL_SAFE_NO_PAD.encode(&Sha256::digest(text.as_bytes())[..16])
        }
        // Ed25519 hashes with SHA-512 (RFC 8032 §5.1).
        SigningAlg::EdDSA => URL_SAFE_NO_PAD.encode(&Sha512::digest(text.as_bytes())[..32]),
    }
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
            roles: domain::Roles::NONE,
            groups: Vec::new(),
            language: None,
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
            Value::Object(of_person(&ada, scope, &names, &[]))
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
            assert!(!of_person(&ada, "openid profile address", &[], &[]).contains_key(name), "{name} {bad}");
        }
        let ada = account(json!({"email": "a@b", "email_verified": "true"}));
        assert_eq!(
            Value::Object(of_person(&ada, "email", &[], &[])),
            json!({"email": "a@b", "email_verified": false})
        );
        let ada = account(json!({"email_verified": true}));
        assert!(of_person(&ada, "email", &[], &[]).is_empty());
        for good in ["2000-02-29", "0000-02-29", "1999"] {
            assert!(is_birthdate(good));
        }
    }

    #[test]
    fn at_hash_is_the_left_half_of_the_algorithms_own_hash() {
        // OpenID Connect Core appendix A.3.
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        for alg in [SigningAlg::ES256, SigningAlg::RS256, SigningAlg::PS256] {
            assert_eq!(left_half(alg, token), "77QmUPtjPfzWtF2AnpK9RQ");
        }
        assert_eq!(left_half(SigningAlg::EdDSA, token).len(), 43);
    }

    #[test]
    fn an_audience_is_one_text_or_a_list() {
        let both = ["https://a.example".to_owned(), "https://b.example".to_owned()];
        assert_eq!(
            serde_json::to_value(Audience::of(&[], "https://id.example")).unwrap(),
            "https://id.example"
        );
        assert_eq!(serde_json::to_value(Audience::of(&both[..1], "x")).unwrap(), "https://a.example");
        let many = Audience::of(&both, "x");
        assert!(many.has("https://b.example") && !many.has("x") && !many.has("https://b.exampl"));
        assert_eq!(serde_json::from_value::<Audience>(json!(both)).unwrap(), many);
        assert!(serde_json::from_value::<Audience>(json!(1)).is_err());
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
            at_hash: Some("h"),
            c_hash: None,
            s_hash: None,
            sid: "d",
            personal: &personal,
        };
        assert_eq!(serde_json::to_value(&token).unwrap()["nonce"], "<\"ü\">");
        token.nonce = None;
        let value = serde_json::to_value(&token).unwrap();
        assert!(["nonce", "c_hash", "s_hash"].iter().all(|absent| value.get(absent).is_none()));
    }

    #[test]
    fn groups_and_own_claims_are_told_by_their_scopes_alone() {
        let definition = |name: &str, scope: Option<&str>| ClaimDefinition {
            name: name.to_owned(),
            kind: domain::ClaimKind::Text,
            scope: scope.map(str::to_owned),
            labels: std::collections::BTreeMap::new(),
            edited_by: domain::ClaimEditor::Admin,
            limits: domain::ClaimLimits::default(),
        };
        let custom = [
            definition("department", Some("work")),
            definition("badge", Some("work")),
            definition("secret", None),
            // What a later version of the standard may define stays the standard's.
            definition("email", Some("work")),
        ];
        let mut account = account(serde_json::json!({}));
        account.groups = vec!["Field Staff".to_owned()];
        for (name, value) in
            [("department", Value::from("IT")), ("badge", Value::from(7)), ("secret", "x".into())]
        {
            account.claims.insert(name.to_owned(), value);
        }
        assert!(of_person(&account, "openid", &[], &custom).is_empty());
        let told = of_person(&account, "openid work", &[], &custom);
        assert_eq!(
            Value::Object(told),
            serde_json::json!({"department": "IT"}),
            "a value of the wrong kind is not told"
        );
        let told = of_person(&account, "groups", &[], &[]);
        assert_eq!(Value::Object(told), serde_json::json!({"groups": ["Field Staff"]}));
        let by_name = ["department".to_owned(), "secret".to_owned(), "groups".to_owned()];
        assert!(of_person(&account, "openid", &by_name, &custom).is_empty());
    }
}
