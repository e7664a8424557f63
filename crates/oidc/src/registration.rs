//! Client registration as JSON (RFC 7591 §2, OpenID Connect Dynamic Client Registration §2).
//!
//! Owns: reading it into a client, writing a client as it, and which redirect URIs may be registered
//! (SEC-101). Not here: making ids and secrets, keeping clients (`registry`).
//!
//! Members of ours, for operators: `latchbolt_require_pkce` (default false; always true for public
//! clients), `latchbolt_skip_consent`, `latchbolt_phishing_resistant_only`, `latchbolt_skip_check_code`, `latchbolt_same_country_only`
//! (default false), `latchbolt_verified` (default true: an operator who registers a client by hand vouches
//! for its name). Members that are not known are ignored, as RFC 7591 §2 demands, with two exceptions: a
//! misspelt switch of ours, and a promise of strictness that this version cannot keep; both would leave a
//! client weaker than its operator believes.

use domain::text::plain_line;
use domain::{Client, ClientAuthMethod, ClientId, SecretHash, SigningAlg, Timestamp};
use serde_json::{Map, Value, json};
use url::{Host, Url};

use crate::claims::SCOPES;

/// What a registration says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration(Client);

/// A registration is refused. The codes are those of RFC 7591 §3.2.2.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRegistration {
    /// A redirect URI.
    #[error("redirect_uris: {uri:?} {why}")]
    RedirectUri {
        /// Which.
        uri: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Something else.
    #[error("{member}: {why}")]
    Metadata {
        /// Which member.
        member: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl BadRegistration {
    /// The word of RFC 7591 §3.2.2.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RedirectUri { .. } => "invalid_redirect_uri",
            Self::Metadata { .. } => "invalid_client_metadata",
        }
    }
}

fn bad(member: &'static str, why: impl Into<String>) -> BadRegistration {
    BadRegistration::Metadata { member, why: why.into() }
}

const MAX_REDIRECT_URIS: usize = 50;

/// Members that promise a strictness this version does not have: present and meant, they are refused.
const NOT_YET: &[&str] = &[
    "software_statement",
    "userinfo_signed_response_alg",
    "userinfo_encrypted_response_alg",
    "id_token_encrypted_response_alg",
    "request_object_signing_alg",
    "request_object_encryption_alg",
    "require_pushed_authorization_requests",
    "require_signed_request_object",
    "dpop_bound_access_tokens",
    "tls_client_certificate_bound_access_tokens",
    "authorization_signed_response_alg",
];

/// Our own members.
const OURS: &[&str] = &[
    "latchbolt_verified",
    "latchbolt_enabled",
    "latchbolt_require_pkce",
    "latchbolt_skip_consent",
    "latchbolt_phishing_resistant_only",
    "latchbolt_skip_check_code",
    "latchbolt_same_country_only",
];

impl Registration {
    /// Reads a registration.
    ///
    /// # Errors
    /// Names the member that is wrong.
    pub fn parse(json: &Value) -> Result<Self, BadRegistration> {
        let members = Members(json.as_object().ok_or_else(|| bad("client", "must be a JSON object"))?);
        members.are_ours_known()?;
        members.promise_nothing_new()?;
        if members.text("subject_type")?.is_some_and(|subject| subject != "public") {
            return Err(bad("subject_type", "must be public"));
        }
        let is_native = match members.text("application_type")? {
            None | Some("web") => false,
            Some("native") => true,
            Some(_) => return Err(bad("application_type", "must be web or native")),
        };
        let redirect_uris = members.texts("redirect_uris")?.unwrap_or_default();
        if redirect_uris.is_empty() || redirect_uris.len() > MAX_REDIRECT_URIS {
            return Err(bad("redirect_uris", format!("needs 1 to {MAX_REDIRECT_URIS} addresses")));
        }
        for uri in &redirect_uris {
            check_redirect_uri(uri, is_native)
                .map_err(|why| BadRegistration::RedirectUri { uri: uri.clone(), why })?;
        }
        members.must_hold("grant_types", "authorization_code")?;
        members.must_hold("response_types", "code")?;
        let auth_method = match members.text("token_endpoint_auth_method")? {
            None | Some("client_secret_basic") => ClientAuthMethod::ClientSecretBasic,
            Some("client_secret_post") => ClientAuthMethod::ClientSecretPost,
            Some("none") => ClientAuthMethod::None,
            Some(_) => {
                let known = "must be client_secret_basic, client_secret_post or none";
                return Err(bad("token_endpoint_auth_method", known));
            }
        };
        let id_token_alg = match members.text("id_token_signed_response_alg")? {
            None => SigningAlg::ES256,
            Some(name) => *SigningAlg::ALL
                .iter()
                .find(|alg| alg.as_str() == name)
                .ok_or_else(|| bad("id_token_signed_response_alg", "must be ES256 or RS256"))?,
        };
        let name = match members.text("client_name")? {
            Some(name) => plain_line(name, 80).map_err(|why| bad("client_name", why.to_string()))?,
            None => Url::parse(&redirect_uris[0])
                .ok()
                .and_then(|url| url.host_str().map(str::to_owned))
                .ok_or_else(|| bad("client_name", "is missing"))?,
        };
        let is_public = auth_method == ClientAuthMethod::None;
        if is_public && !members.flag("latchbolt_require_pkce", true)? {
            return Err(bad("latchbolt_require_pkce", "cannot be false: public clients always need PKCE"));
        }
        let skips_consent = members.flag("latchbolt_skip_consent", false)?;
        if skips_consent && is_public {
            return Err(bad("latchbolt_skip_consent", "is not for public clients: they always ask"));
        }
        Ok(Self(Client {
            // Both are set by `into_client`.
            id: "-".parse().map_err(|_| bad("client_id", "is not possible"))?,
            created_at: Timestamp::default(),
            name,
            is_verified: members.flag("latchbolt_verified", true)?,
            is_enabled: true,
            redirect_uris,
            is_native,
            auth_method,
            secret_hash: None,
            scopes: scopes(members.text("scope")?)?,
            id_token_alg,
            requires_pkce: is_public || members.flag("latchbolt_require_pkce", false)?,
            skips_consent,
            requires_phishing_resistant: members.flag("latchbolt_phishing_resistant_only", false)?,
            skips_check_code: members.flag("latchbolt_skip_check_code", false)?,
            requires_same_country: members.flag("latchbolt_same_country_only", false)?,
            default_max_age: members.seconds("default_max_age")?,
            logo_uri: members.web_address("logo_uri")?,
            client_uri: members.web_address("client_uri")?,
            policy_uri: members.web_address("policy_uri")?,
            tos_uri: members.web_address("tos_uri")?,
            metadata: domain::ClientMetadata::default(),
        }))
    }

    /// Whether the client needs a secret.
    #[must_use]
    pub fn needs_secret(&self) -> bool {
        !self.0.is_public()
    }

    /// The client with its id and the hash of its secret (dropped for a public client).
    #[must_use]
    pub fn into_client(self, id: ClientId, secret_hash: Option<SecretHash>, now: Timestamp) -> Client {
        let secret_hash = secret_hash.filter(|_| self.needs_secret());
        Client { id, secret_hash, created_at: now, ..self.0 }
    }
}

/// A client as an RFC 7591 §3.2.1 response; `secret` only when it was just made.
#[must_use]
pub fn to_json(client: &Client, secret: Option<&str>) -> Value {
    let mut json = json!({
        "client_id": client.id.as_str(),
        "client_id_issued_at": client.created_at.seconds(),
        "client_name": client.name,
        "application_type": if client.is_native { "native" } else { "web" },
        "redirect_uris": client.redirect_uris,
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": client.auth_method.as_str(),
        "id_token_signed_response_alg": client.id_token_alg.as_str(),
        "scope": client.scopes.join(" "),
        "subject_type": "public",
        "latchbolt_verified": client.is_verified,
        "latchbolt_enabled": client.is_enabled,
        "latchbolt_require_pkce": client.requires_pkce,
        "latchbolt_skip_consent": client.skips_consent,
        "latchbolt_phishing_resistant_only": client.requires_phishing_resistant,
        "latchbolt_skip_check_code": client.skips_check_code,
        "latchbolt_same_country_only": client.requires_same_country,
    });
    if let Some(secret) = secret {
        json["client_secret"] = secret.into();
        json["client_secret_expires_at"] = 0.into();
    }
    if let Some(seconds) = client.default_max_age {
        json["default_max_age"] = seconds.into();
    }
    for (name, uri) in [
        ("logo_uri", &client.logo_uri),
        ("client_uri", &client.client_uri),
        ("policy_uri", &client.policy_uri),
        ("tos_uri", &client.tos_uri),
    ] {
        if let Some(uri) = uri {
            json[name] = uri.as_str().into();
        }
    }
    json
}

/// Known scopes of the list; all of them when none is given.
fn scopes(text: Option<&str>) -> Result<Vec<String>, BadRegistration> {
    let is_asked = |scope: &str| text.is_none_or(|t| t.split(' ').any(|word| word == scope));
    if !is_asked("openid") {
        return Err(bad("scope", "must hold openid"));
    }
    Ok(SCOPES.iter().filter(|scope| is_asked(scope)).map(|scope| (*scope).to_owned()).collect())
}

/// Whether this address may be registered (SEC-100, SEC-101): https; http to the machine itself; for native
/// apps also a private scheme that is a reversed domain name (RFC 8252 §7.1).
fn check_redirect_uri(uri: &str, is_native: bool) -> Result<(), &'static str> {
    if uri.len() > 2000 {
        return Err("is longer than 2000 characters");
    }
    if !uri.bytes().all(|b| (0x21..=0x7e).contains(&b) && !b"\"<>\\^`{|}".contains(&b)) {
        return Err("holds a character that no URL has");
    }
    let url = Url::parse(uri).map_err(|_| "is not an absolute URL")?;
    if uri.contains('#') {
        return Err("has a fragment");
    }
    match url.scheme() {
        "https" | "http" => {
            if !url.username().is_empty()
                || url.password().is_some()
                || uri.contains('@') && has_userinfo(uri)
            {
                return Err("has a user name or password");
            }
            let is_loopback = match url.host() {
                Some(Host::Ipv4(ip)) => ip.is_loopback(),
                Some(Host::Ipv6(ip)) => ip.is_loopback(),
                Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
                None => return Err("has no host"),
            };
            if url.host_str().is_some_and(|host| host.contains('*')) {
                return Err("has a wildcard: addresses are compared exactly");
            }
            if url.scheme() == "http" && !is_loopback {
                return Err("must be https, or http to this machine (127.0.0.1, [::1], localhost)");
            }
            Ok(())
        }
        scheme if is_native && scheme.contains('.') && !scheme.starts_with('.') => Ok(()),
        _ if is_native => Err("must be https, loopback http, or a scheme that is a reversed domain name"),
        _ => Err("must be https (or http to this machine)"),
    }
}

/// An at sign before the path, also with an empty user name, which parsers forget.
fn has_userinfo(uri: &str) -> bool {
    uri.split_once("://").is_some_and(|(_, rest)| {
        rest.split(['/', '?']).next().is_some_and(|authority| authority.contains('@'))
    })
}

struct Members<'a>(&'a Map<String, Value>);

impl<'a> Members<'a> {
    fn present(&self, member: &str) -> Option<&'a Value> {
        self.0.get(member).filter(|value| !value.is_null())
    }

    fn text(&self, member: &'static str) -> Result<Option<&'a str>, BadRegistration> {
        self.present(member).map(|v| v.as_str().ok_or_else(|| bad(member, "must be a string"))).transpose()
    }

    /// SEC-196: a misspelt switch of ours must not pass unseen.
    fn are_ours_known(&self) -> Result<(), BadRegistration> {
        let strange = |name: &&String| name.starts_with("latchbolt_") && !OURS.contains(&name.as_str());
        let Some(name) = self.0.keys().find(strange) else { return Ok(()) };
        let shown = domain::text::shown(name, 60);
        Err(bad("latchbolt_…", format!("has no {shown}; there are {}", OURS.join(", "))))
    }

    fn promise_nothing_new(&self) -> Result<(), BadRegistration> {
        let is_meant = |value: &Value| match value {
            Value::Bool(is_on) => *is_on,
            Value::Array(items) => !items.is_empty(),
            _ => true,
        };
        match NOT_YET.iter().find(|name| self.present(name).is_some_and(is_meant)) {
            Some(name) => Err(bad(name, "is not supported by this version; leave it out")),
            None => Ok(()),
        }
    }

    fn flag(&self, member: &'static str, default: bool) -> Result<bool, BadRegistration> {
        self.present(member)
            .map_or(Ok(default), |v| v.as_bool().ok_or_else(|| bad(member, "must be true or false")))
    }

    fn texts(&self, member: &'static str) -> Result<Option<Vec<String>>, BadRegistration> {
        let wrong = || bad(member, "must be a list of strings");
        let Some(value) = self.present(member) else { return Ok(None) };
        let items = value.as_array().ok_or_else(wrong)?;
        items.iter().map(|v| v.as_str().map(str::to_owned)).collect::<Option<_>>().ok_or_else(wrong).map(Some)
    }

    fn must_hold(&self, member: &'static str, word: &'static str) -> Result<(), BadRegistration> {
        match self.texts(member)? {
            Some(words) if !words.iter().any(|w| w == word) => Err(bad(member, format!("must hold {word}"))),
            _ => Ok(()),
        }
    }

    fn seconds(&self, member: &'static str) -> Result<Option<u32>, BadRegistration> {
        let wrong = || bad(member, "must be a whole number of seconds");
        let Some(value) = self.present(member) else { return Ok(None) };
        value.as_u64().and_then(|n| u32::try_from(n).ok()).ok_or_else(wrong).map(Some)
    }

    fn web_address(&self, member: &'static str) -> Result<Option<String>, BadRegistration> {
        let Some(text) = self.text(member)? else { return Ok(None) };
        let is_fit = text.len() <= 2000
            && text.bytes().all(|b| (0x21..=0x7e).contains(&b))
            && Url::parse(text).is_ok_and(|url| url.scheme() == "https" && url.has_host());
        if !is_fit {
            return Err(bad(member, "must be an https address"));
        }
        Ok(Some(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &Value) -> Result<Client, BadRegistration> {
        let registration = Registration::parse(json)?;
        let hash = Some(SecretHash([7; 32]));
        Ok(registration.into_client("shop".parse().unwrap(), hash, Timestamp::from_seconds(5)))
    }

    #[test]
    fn defaults_are_those_of_the_standard_and_safe() {
        let client =
            parse(&json!({"redirect_uris": ["https://shop.example/cb"], "contacts": ["x"], "new": 1}))
                .unwrap();
        assert_eq!(client.auth_method, ClientAuthMethod::ClientSecretBasic);
        assert_eq!(client.name, "shop.example");
        assert_eq!(client.scopes, SCOPES);
        assert!(client.is_enabled && client.secret_hash.is_some());
        assert!(!client.skips_consent && !client.skips_check_code && !client.is_native);
    }

    #[test]
    fn sec_104_public_clients_must_use_pkce_and_confidential_ones_when_they_say_so() {
        let requires = |method: &str, asked: Value| {
            let uris = ["https://shop.example/cb"];
            let json = json!({"redirect_uris": uris, "token_endpoint_auth_method": method,
                "latchbolt_require_pkce": asked});
            parse(&json).unwrap().requires_pkce
        };
        assert!(requires("none", Value::Null) && requires("none", json!(true)));
        for asked in [Value::Null, json!(false), json!(true)] {
            assert_eq!(requires("client_secret_basic", asked.clone()), asked == json!(true));
            assert_eq!(requires("client_secret_post", asked.clone()), asked == json!(true));
        }
    }

    #[test]
    fn a_client_survives_its_json() {
        let client = parse(&json!({
            "redirect_uris": ["http://127.0.0.1/cb", "org.example.app:/cb"], "application_type": "native",
            "token_endpoint_auth_method": "none", "client_name": "  App ", "scope": "email openid nonsense",
            "default_max_age": 60, "logo_uri": "https://shop.example/l.png",
            "id_token_signed_response_alg": "RS256", "latchbolt_verified": false,
            "latchbolt_phishing_resistant_only": true}))
        .unwrap();
        assert_eq!((client.name.as_str(), client.scopes.join(" ").as_str()), ("App", "openid email"));
        assert!(client.requires_pkce && client.secret_hash.is_none());
        assert_eq!(parse(&to_json(&client, None)).unwrap(), client);
        assert_eq!(to_json(&client, Some("s"))["client_secret_expires_at"], 0);
    }

    #[test]
    fn sec_101_dangerous_addresses_are_not_registered() {
        for native in ["web", "native"] {
            for uri in [
                "javascript:alert(1)",
                "data:text/html,x",
                "file:///etc/passwd",
                "vbscript:x",
                "about:blank",
                "blob:https://x/y",
                "http://shop.example/cb",
                "https://shop.example/cb#f",
                "https://a@b.example/",
                "https://@b.example/",
                "https://*.example/cb",
                "https://",
                "/cb",
                "shop.example/cb",
                "https://b.example/ü",
                "https://b.example/\\x",
                "https://b.example/a b",
                "http://localhost.evil.example/",
                "app:/cb",
                "https://b.example/\n",
            ] {
                let json = json!({"redirect_uris": [uri], "client_name": "x", "application_type": native});
                assert_eq!(parse(&json).unwrap_err().code(), "invalid_redirect_uri", "{native} {uri}");
            }
        }
        let custom = json!({"redirect_uris": ["org.example.app:/cb"], "client_name": "x"});
        assert!(parse(&custom).is_err(), "a web client has no private scheme");
        for uri in [
            "https://shop.example/cb?a=b",
            "http://localhost:8401/cb",
            "http://[::1]:1/cb",
            "http://127.0.0.1",
        ] {
            assert!(parse(&json!({"redirect_uris": [uri]})).is_ok(), "{uri}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (member, value) in [
            ("client_name", json!("Shop\u{202E}")),
            ("client_name", json!("x".repeat(81))),
            ("redirect_uris", json!("https://shop.example")),
            ("redirect_uris", json!([])),
            ("token_endpoint_auth_method", json!("private_key_jwt")),
            ("id_token_signed_response_alg", json!("none")),
            ("grant_types", json!(["client_credentials"])),
            ("response_types", json!(["token"])),
            ("default_max_age", json!(-1)),
            ("logo_uri", json!("http://shop.example/l.png")),
            ("tos_uri", json!("javascript:x")),
            ("application_type", json!("desktop")),
            ("latchbolt_skip_consent", json!("yes")),
            ("subject_type", json!("pairwise")),
            ("dpop_bound_access_tokens", json!(true)),
            ("scope", json!("email")),
        ] {
            let mut json = json!({"redirect_uris": ["https://shop.example/cb"]});
            json[member] = value.clone();
            let error = parse(&json).unwrap_err();
            assert!(error.to_string().starts_with(member), "{member} {value}: {error}");
        }
        let public = json!({"redirect_uris": ["https://a.example"], "token_endpoint_auth_method": "none",
            "latchbolt_skip_consent": true});
        assert!(parse(&public).is_err());
        let public = json!({"redirect_uris": ["https://a.example"], "token_endpoint_auth_method": "none",
            "latchbolt_require_pkce": false});
        assert!(parse(&public).is_err());
    }

    #[test]
    fn sec_196_a_misspelt_member_of_ours_is_refused_and_a_strange_one_ignored() {
        let with = |name: &str| parse(&json!({"redirect_uris": ["https://shop.example/cb"], name: true}));
        assert!(with("latchbolt_phishing_resistant_only").unwrap().requires_phishing_resistant);
        for wrong in ["latchbolt_requires_phishing_resistant", "latchbolt_", "latchbolt_Verified"] {
            assert!(with(wrong).unwrap_err().to_string().contains(wrong));
        }
        assert!(with("x_latchbolt").is_ok());
    }
}
