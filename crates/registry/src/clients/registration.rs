//! A client's registration as JSON: RFC 7591 §2 in, RFC 7591 §3.2.1 out, with members of our own that
//! begin with `latchbolt_`.
//!
//! Unknown members are ignored, as the RFC demands, but not our own: a misspelt switch that makes a client
//! stricter must not pass unseen. Members that would make the client stricter than it
//! would then be (encryption, DPoP, pairwise subjects…) are refused until we can keep the promise.

use domain::{Client, ClientAuthMethod, ClientId, SigningAlg, Timestamp};
use serde_json::{Map, Value, json};
use url::{Host, Url};

/// A registration cannot be taken: which member, and what it has to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {why}")]
pub struct BadRegistration {
    /// The JSON member.
    pub member: &'static str,
    /// What it has to be, or why it is refused.
    pub why: String,
}

impl BadRegistration {
    /// For this member.
    pub fn new(member: &'static str, why: impl Into<String>) -> Self {
        Self { member, why: why.into() }
    }

    /// The error code of RFC 7591 §3.2.2.
    #[must_use]
    pub fn code(&self) -> &'static str {
        if self.member == "redirect_uris" { "invalid_redirect_uri" } else { "invalid_client_metadata" }
    }
}

type Result<T> = std::result::Result<T, BadRegistration>;

/// Scopes a client gets that asks for none.
const DEFAULT_SCOPES: &str = "openid profile email address phone";
const MOST_REDIRECT_URIS: usize = 50;
const LONGEST_URI: usize = 2000;

/// Members that promise something this version does not do: present and meant, they are refused.
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
    "backchannel_logout_uri",
    "frontchannel_logout_uri",
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

/// Reads a registration. The secret's hash is not set yet.
pub(super) fn parse(metadata: &Value, id: ClientId, now: Timestamp) -> Result<Client> {
    let Some(members) = metadata.as_object() else {
        return Err(BadRegistration::new("(document)", "has to be a JSON object"));
    };
    for name in NOT_YET {
        if members.get(*name).is_some_and(is_meant) {
            return Err(BadRegistration::new(name, "is not supported by this version; leave it out"));
        }
    }
    if let Some(name) = members.keys().find(|n| n.starts_with("latchbolt_") && !OURS.contains(&n.as_str())) {
        let shown = domain::text::shown(name, 60);
        let why = format!("there is no {shown}; there are {}", OURS.join(", "));
        return Err(BadRegistration::new("latchbolt_…", why));
    }
    if let Some(subject) = text(members, "subject_type")?
        && subject != "public"
    {
        return Err(BadRegistration::new("subject_type", "only \"public\" is supported"));
    }
    let is_native = match text(members, "application_type")? {
        None | Some("web") => false,
        Some("native") => true,
        Some(_) => return Err(BadRegistration::new("application_type", "\"web\" or \"native\"")),
    };
    let auth_method = match text(members, "token_endpoint_auth_method")? {
        None | Some("client_secret_basic") => ClientAuthMethod::ClientSecretBasic,
        Some("client_secret_post") => ClientAuthMethod::ClientSecretPost,
        Some("none") => ClientAuthMethod::None,
        Some(_) => {
            let why = "\"client_secret_basic\", \"client_secret_post\" or \"none\"";
            return Err(BadRegistration::new("token_endpoint_auth_method", why));
        }
    };
    let is_public = auth_method == ClientAuthMethod::None;
    must_hold(members, "grant_types", "authorization_code")?;
    must_hold(members, "response_types", "code")?;
    let redirect_uris = redirect_uris(members, is_native)?;
    let name = match text(members, "client_name")? {
        Some(name) => domain::text::plain_line(name, 80)
            .map_err(|bad| BadRegistration::new("client_name", bad.to_string()))?,
        None => domain::text::shown(id.as_str(), 80),
    };
    let requires_pkce = flag(members, "latchbolt_require_pkce")?.unwrap_or(is_public);
    if is_public && !requires_pkce {
        return Err(BadRegistration::new("latchbolt_require_pkce", "public clients always need PKCE"));
    }
    let skips_consent = flag(members, "latchbolt_skip_consent")?.unwrap_or(false);
    if is_public && skips_consent {
        return Err(BadRegistration::new(
            "latchbolt_skip_consent",
            "people are always asked for public clients",
        ));
    }
    Ok(Client {
        id,
        name,
        is_verified: flag(members, "latchbolt_verified")?.unwrap_or(true),
        is_enabled: true,
        redirect_uris,
        is_native,
        auth_method,
        secret_hash: None,
        scopes: scopes(members)?,
        id_token_alg: id_token_alg(members)?,
        requires_pkce,
        skips_consent,
        requires_phishing_resistant: flag(members, "latchbolt_phishing_resistant_only")?.unwrap_or(false),
        skips_check_code: flag(members, "latchbolt_skip_check_code")?.unwrap_or(false),
        requires_same_country: flag(members, "latchbolt_same_country_only")?.unwrap_or(false),
        default_max_age: default_max_age(members)?,
        logo_uri: web_page(members, "logo_uri")?,
        client_uri: web_page(members, "client_uri")?,
        policy_uri: web_page(members, "policy_uri")?,
        tos_uri: web_page(members, "tos_uri")?,
        created_at: now,
    })
}

/// The client as a registration response (RFC 7591 §3.2.1); the secret is given only right after it was
/// made.
#[must_use]
pub fn registration_json(client: &Client, secret: Option<&str>) -> Value {
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
    put("client_id", json!(client.id));
    put("client_id_issued_at", json!(client.created_at.seconds()));
    if let Some(secret) = secret {
        put("client_secret", json!(secret));
        put("client_secret_expires_at", json!(0));
    }
    put("client_name", json!(client.name));
    put("redirect_uris", json!(client.redirect_uris));
    put("token_endpoint_auth_method", json!(client.auth_method.as_str()));
    put("grant_types", json!(["authorization_code"]));
    put("response_types", json!(["code"]));
    put("application_type", json!(if client.is_native { "native" } else { "web" }));
    put("scope", json!(client.scopes.join(" ")));
    put("subject_type", json!("public"));
    put("id_token_signed_response_alg", json!(client.id_token_alg.as_str()));
    if let Some(seconds) = client.default_max_age {
        put("default_max_age", json!(seconds));
    }
    for (name, uri) in [
        ("logo_uri", &client.logo_uri),
        ("client_uri", &client.client_uri),
        ("policy_uri", &client.policy_uri),
        ("tos_uri", &client.tos_uri),
    ] {
        if let Some(uri) = uri {
            put(name, json!(uri));
        }
    }
    put("latchbolt_verified", json!(client.is_verified));
    put("latchbolt_enabled", json!(client.is_enabled));
    put("latchbolt_require_pkce", json!(client.requires_pkce));
    put("latchbolt_skip_consent", json!(client.skips_consent));
    put("latchbolt_phishing_resistant_only", json!(client.requires_phishing_resistant));
    put("latchbolt_skip_check_code", json!(client.skips_check_code));
    put("latchbolt_same_country_only", json!(client.requires_same_country));
    Value::Object(members)
}

fn is_meant(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(items) => !items.is_empty(),
        _ => true,
    }
}

fn text<'m>(members: &'m Map<String, Value>, name: &'static str) -> Result<Option<&'m str>> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(BadRegistration::new(name, "has to be a text")),
    }
}

fn flag(members: &Map<String, Value>, name: &'static str) -> Result<Option<bool>> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(BadRegistration::new(name, "has to be true or false")),
    }
}

fn texts<'m>(members: &'m Map<String, Value>, name: &'static str) -> Result<Option<Vec<&'m str>>> {
    let wrong = || BadRegistration::new(name, "has to be a list of texts");
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(items)) => {
            items.iter().map(|item| item.as_str().ok_or_else(wrong)).collect::<Result<_>>().map(Some)
        }
        Some(_) => Err(wrong()),
    }
}

/// What we support of a list has to be in it; the rest is left out, and the answer says so (RFC 7591
/// §3.2.1 allows replacing).
fn must_hold(members: &Map<String, Value>, name: &'static str, ours: &str) -> Result<()> {
    match texts(members, name)? {
        None => Ok(()),
        Some(given) if given.contains(&ours) => Ok(()),
        Some(_) => Err(BadRegistration::new(name, format!("has to hold \"{ours}\", the only one supported"))),
    }
}

fn scopes(members: &Map<String, Value>) -> Result<Vec<String>> {
    let asked = text(members, "scope")?.unwrap_or(DEFAULT_SCOPES);
    let mut scopes: Vec<String> = Vec::new();
    for scope in asked.split(' ').filter(|s| !s.is_empty()) {
        // RFC 6749 §3.3.
        let is_token = scope.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
        if !is_token || scope.len() > 100 {
            return Err(BadRegistration::new(
                "scope",
                "scope values separated by single spaces (RFC 6749 §3.3)",
            ));
        }
        if !scopes.iter().any(|s| s == scope) {
            scopes.push(scope.to_owned());
        }
    }
    if scopes.len() > 100 {
        return Err(BadRegistration::new("scope", "at most 100 values"));
    }
    if scopes.iter().any(|s| s == "openid") {
        Ok(scopes)
    } else {
        Err(BadRegistration::new("scope", "has to hold \"openid\""))
    }
}

fn id_token_alg(members: &Map<String, Value>) -> Result<SigningAlg> {
    match text(members, "id_token_signed_response_alg")? {
        None => Ok(SigningAlg::ES256),
        Some(name) => SigningAlg::ALL
            .iter()
            .copied()
            .find(|alg| alg.as_str() == name)
            .ok_or_else(|| BadRegistration::new("id_token_signed_response_alg", "\"ES256\" or \"RS256\"")),
    }
}

fn default_max_age(members: &Map<String, Value>) -> Result<Option<u32>> {
    match members.get("default_max_age") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_u64()
            .and_then(|seconds| u32::try_from(seconds).ok())
            .map(Some)
            .ok_or_else(|| BadRegistration::new("default_max_age", "whole seconds")),
    }
}

fn web_page(members: &Map<String, Value>, name: &'static str) -> Result<Option<String>> {
    let Some(given) = text(members, name)? else { return Ok(None) };
    let url = Url::parse(given).ok().filter(|url| {
        let is_local = matches!(url.host(), Some(Host::Domain("localhost")))
            || matches!(url.host(), Some(Host::Ipv4(a)) if a.is_loopback());
        given.len() <= LONGEST_URI
            && (url.scheme() == "https" || (url.scheme() == "http" && is_local))
            && url.host().is_some()
            && url.username().is_empty()
            && url.password().is_none()
    });
    match url {
        Some(url) => Ok(Some(url.into())),
        None => Err(BadRegistration::new(name, "has to be an https address")),
    }
}

fn redirect_uris(members: &Map<String, Value>, is_native: bool) -> Result<Vec<String>> {
    let given = texts(members, "redirect_uris")?.unwrap_or_default();
    if given.is_empty() || given.len() > MOST_REDIRECT_URIS {
        return Err(BadRegistration::new("redirect_uris", "a list of 1 to 50 addresses"));
    }
    for uri in &given {
        check_redirect_uri(uri, is_native)
            .map_err(|why| BadRegistration::new("redirect_uris", format!("{uri:?} {why}")))?;
    }
    Ok(given.into_iter().map(str::to_owned).collect())
}

/// SEC-100, SEC-101: an absolute address without wildcard, fragment or user information; https, or http
/// on this computer; native clients may have a scheme of their own, which holds a dot (RFC 8252 §7.1).
fn check_redirect_uri(text: &str, is_native: bool) -> std::result::Result<(), &'static str> {
    if text.len() > LONGEST_URI || !text.bytes().all(|b| (0x21..0x7f).contains(&b)) {
        return Err("has to be visible ASCII of at most 2000 characters");
    }
    if text.contains(['*', '\\', '<', '>', '"', '`', '{', '}', '|', '^']) {
        return Err("holds a character that has no place in it");
    }
    let url = Url::parse(text).map_err(|_| "is no absolute address")?;
    if text.contains('#') {
        return Err("has a fragment (RFC 6749 §3.1.2)");
    }
    if authority(text).contains('@') {
        return Err("has user information");
    }
    // Parsers of addresses forgive missing or extra slashes; a registered one needs no forgiveness.
    if matches!(url.scheme(), "http" | "https")
        && (authority(text).is_empty() || !text.starts_with(&format!("{}://", url.scheme())))
    {
        return Err("has to begin with https:// and a host");
    }
    match url.scheme() {
        "https" if url.host().is_some() => Ok(()),
        "http" => match url.host() {
            Some(Host::Ipv4(address)) if address.is_loopback() => Ok(()),
            Some(Host::Ipv6(address)) if address.is_loopback() => Ok(()),
            Some(Host::Domain(name)) if name == "localhost" || name.ends_with(".localhost") => Ok(()),
            _ => Err("has to be https; plain http is for this computer only"),
        },
        scheme if is_native && scheme.contains('.') => Ok(()),
        _ if is_native => {
            Err("has to be https, http on loopback, or a scheme of your own domain (com.example.app:/…)")
        }
        _ => Err("has to be https"),
    }
}

fn authority(text: &str) -> &str {
    let rest = text.split_once("//").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or("")
}
