//! Client registration as JSON (RFC 7591 §2, OpenID Connect Dynamic Client Registration §2, and the members that
//! RFC 9101, 9126, 9449, 9701 and the logout specifications add).
//!
//! Owns: reading it into a client, writing a client as it, which values go together, and which addresses may be
//! registered (SEC-101). Not here: making ids and secrets, keeping clients (`registry`, `provider`), whether
//! keys are sound (`jose`), fetching the sector document (`provider`).
//!
//! Two may register: an operator, who may say everything, and a client itself (dynamic registration), which may not
//! vouch for itself. Members of ours are for operators: `latchbolt_require_pkce` (default false; always true for
//! public clients), `latchbolt_skip_consent`, `latchbolt_phishing_resistant_only`, `latchbolt_skip_check_code`,
//! `latchbolt_same_country_only` (default false), `latchbolt_enabled` (default true), `latchbolt_verified` (default
//! true: an operator who registers a client by hand vouches for its name), `latchbolt_access_token_format` (`jwt` or
//! `opaque`), `latchbolt_resources`, `latchbolt_serves`, `latchbolt_optional_scopes`, `latchbolt_cas`,
//! `latchbolt_cas_apps` (default false; a stranger's registration that names one of these two is refused). Members that are not known are
//! ignored, as RFC 7591 §2 demands, with two exceptions: a switch of ours that an operator misspelt, and a promise
//! of strictness that this version cannot keep; both would leave a client weaker than its operator believes.

mod addresses;
mod members;
mod metadata;
mod service;
mod types;
mod write;

use domain::text::plain_line;
use domain::{
    CasService, Client, ClientAuthMethod, ClientId, GrantType, ResponseType, SecretHash, SigningAlg,
    Timestamp,
};
use serde_json::Value;

use crate::claims::SCOPES;
use members::Members;
use types::{Types, names};

pub use service::cas_as_written;
pub use write::{to_client_json, to_json};

/// A JWK set inside a registration nests four deep; whatever nests deeper than this is no registration, and no
/// `claims` parameter either.
pub(crate) const MAX_DEPTH: u8 = 16;

/// What a registration says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration(Client);

/// What clients that register themselves may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Others are left out of a registration.
    pub grant_types: Vec<GrantType>,
    /// Others are left out of a registration.
    pub response_types: Vec<ResponseType>,
    /// Hosts that redirect URIs may have, in lower case: exactly, or `*.example.org` for every name below. Empty: any.
    pub redirect_hosts: Vec<String>,
}

impl Policy {
    fn allows_host(&self, uri: &str) -> bool {
        if self.redirect_hosts.is_empty() {
            return true;
        }
        let Some(host) = addresses::host(uri) else { return false };
        self.redirect_hosts.iter().any(|allowed| match allowed.strip_prefix("*.") {
            Some(domain) => {
                host.strip_suffix(domain).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            None => *allowed == host,
        })
    }
}

impl Default for Policy {
    /// All that a client can ask for in the name of people, at any host. What it does not name it does not have: a
    /// registration without lists is one for the code flow alone.
    fn default() -> Self {
        Self {
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::Implicit],
            response_types: ResponseType::ALL.to_vec(),
            redirect_hosts: Vec::new(),
        }
    }
}

/// Who registers.
#[derive(Debug, Clone, Copy)]
pub enum Caller<'a> {
    /// An operator, who may say everything and is told of every mistake.
    Operator,
    /// The client itself, within a policy.
    Itself(&'a Policy),
}

impl Caller<'_> {
    /// What this caller may not have is left out instead of refused.
    const fn is_narrowed(self) -> bool {
        matches!(self, Self::Itself(_))
    }
}

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
    /// Nobody's software statements are believed.
    #[error("software_statement: is not taken here; leave it out")]
    SoftwareStatement,
}

impl BadRegistration {
    /// The word of RFC 7591 §3.2.2.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RedirectUri { .. } => "invalid_redirect_uri",
            Self::Metadata { .. } => "invalid_client_metadata",
            Self::SoftwareStatement => "unapproved_software_statement",
        }
    }

    /// A member is wrong for a reason that was found elsewhere: unsound keys, a sector document that does not list
    /// what it must.
    #[must_use]
    pub fn member(member: &'static str, why: impl Into<String>) -> Self {
        bad(member, why)
    }
}

fn bad(member: &'static str, why: impl Into<String>) -> BadRegistration {
    BadRegistration::Metadata { member, why: why.into() }
}

const MAX_REDIRECT_URIS: usize = 50;
const MAX_OWN_SCOPES: usize = 30;
const LONGEST_SCOPE: usize = 100;

/// Members that promise a strictness this version does not have: present and meant, they are refused.
const NOT_YET: &[&str] = &[
    "tls_client_certificate_bound_access_tokens",
    "authorization_signed_response_alg",
    "authorization_encrypted_response_alg",
    "introspection_encrypted_response_alg",
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
    "latchbolt_access_token_format",
    "latchbolt_resources",
    "latchbolt_serves",
    "latchbolt_optional_scopes",
    service::MEMBER,
    service::APPS,
];

/// Reads JSON that came from outside: no member twice, at most 16 deep.
///
/// # Errors
/// It is none.
pub fn read_json(text: &[u8]) -> Result<Value, BadRegistration> {
    domain::json::read(text, MAX_DEPTH).map_err(|error| bad("client", format!("is no good JSON: {error}")))
}

impl Registration {
    /// Reads an operator's registration.
    ///
    /// # Errors
    /// Names the member that is wrong.
    pub fn parse(json: &Value) -> Result<Self, BadRegistration> {
        Self::parse_for(json, Caller::Operator)
    }

    /// Reads a registration.
    ///
    /// # Errors
    /// Names the member that is wrong.
    pub fn parse_for(json: &Value, caller: Caller<'_>) -> Result<Self, BadRegistration> {
        let members = Members(json.as_object().ok_or_else(|| bad("client", "must be a JSON object"))?);
        promises_nothing_new(&members)?;
        if caller.is_narrowed() {
            service::must_be_operators(&members)?;
        }
        let is_native = match members.text("application_type")? {
            None | Some("web") => false,
            Some("native") => true,
            Some(_) => return Err(bad("application_type", "must be web or native")),
        };
        let types = Types::read(&members, caller)?;
        let redirect_uris = redirect_uris(&members, is_native, &types, caller)?;
        let auth_method = auth_method(&members, &types)?;
        let is_public = auth_method == ClientAuthMethod::None;
        if is_public && types.grants.contains(&GrantType::ClientCredentials) {
            return Err(bad("grant_types", "client_credentials is not for public clients (RFC 6749 §4.4)"));
        }
        let scopes = scopes(members.text("scope")?, &types, caller)?;
        let known = metadata::Known {
            types: &types,
            redirect_uris: &redirect_uris,
            is_native,
            auth_method,
            scopes: &scopes,
            caller,
        };
        let metadata = metadata::read(&members, &known)?;
        let id_token_alg = metadata::signing_alg(&members, "id_token_signed_response_alg")?;
        // RS256 is the default of OpenID Connect Dynamic Client Registration §2, which strangers rely on.
        let usual_alg = if caller.is_narrowed() { SigningAlg::RS256 } else { SigningAlg::ES256 };
        let client = Client {
            // Both are set by `into_client`.
            id: "-".parse().map_err(|_| bad("client_id", "is not possible"))?,
            created_at: Timestamp::default(),
            name: name(&members, &redirect_uris, metadata.cas.as_ref())?,
            is_verified: false,
            is_enabled: true,
            is_native,
            auth_method,
            secret_hash: None,
            scopes,
            id_token_alg: id_token_alg.unwrap_or(usual_alg),
            requires_pkce: is_public,
            skips_consent: false,
            requires_phishing_resistant: false,
            skips_check_code: false,
            requires_same_country: false,
            default_max_age: members.seconds("default_max_age")?,
            logo_uri: members.web_address("logo_uri", true)?,
            client_uri: members.web_address("client_uri", true)?,
            policy_uri: members.web_address("policy_uri", true)?,
            tos_uri: members.web_address("tos_uri", true)?,
            redirect_uris,
            metadata,
        };
        match caller {
            Caller::Operator => Ok(Self(with_switches(client, &members)?)),
            Caller::Itself(_) => Ok(Self(client)),
        }
    }

    /// How it will authenticate.
    #[must_use]
    pub const fn auth_method(&self) -> ClientAuthMethod {
        self.0.auth_method
    }

    /// Whether the client needs a secret.
    #[must_use]
    pub const fn needs_secret(&self) -> bool {
        self.0.auth_method.has_secret()
    }

    /// Its keys, if they came along, as a JWK set: the caller says whether they are sound.
    #[must_use]
    pub fn key_set(&self) -> Option<&str> {
        match &self.0.metadata.keys {
            Some(domain::ClientKeys::Jwks(set)) => Some(set),
            _ => None,
        }
    }

    /// The document that must list all redirect URIs (OpenID Connect Core §8.1): to be fetched, and handed to
    /// [`Registration::is_listed`].
    #[must_use]
    pub fn sector_document(&self) -> Option<&str> {
        self.0.metadata.sector_identifier_uri.as_deref()
    }

    /// Whether the document lists what it must (SEC-132).
    ///
    /// # Errors
    /// It does not.
    pub fn is_listed(&self, in_document: &[String]) -> Result<(), BadRegistration> {
        match self.0.redirect_uris.iter().find(|uri| !in_document.contains(uri)) {
            Some(_) => Err(bad("sector_identifier_uri", "does not list every redirect URI")),
            None => Ok(()),
        }
    }

    /// The client with its id and the hash of its secret (dropped for a client that needs none).
    #[must_use]
    pub fn into_client(self, id: ClientId, secret_hash: Option<SecretHash>, now: Timestamp) -> Client {
        let secret_hash = secret_hash.filter(|_| self.needs_secret());
        Client { id, secret_hash, created_at: now, ..self.0 }
    }

    /// The client in place of the one before: its id, its secret where it still needs one, and what is not
    /// registered but was given to it stay.
    #[must_use]
    pub fn in_place_of(self, before: &Client) -> Client {
        let has_sealed = before.metadata.sealed_secret.is_some();
        // A secret kept as a hash alone cannot check an HMAC.
        let keeps =
            self.needs_secret() && (self.0.auth_method != ClientAuthMethod::ClientSecretJwt || has_sealed);
        let mut client =
            self.into_client(before.id.clone(), before.secret_hash.filter(|_| keeps), before.created_at);
        if client.auth_method == ClientAuthMethod::ClientSecretJwt {
            client.metadata.sealed_secret.clone_from(&before.metadata.sealed_secret);
        }
        client.metadata.registration_token.clone_from(&before.metadata.registration_token);
        client.metadata.is_dynamic = before.metadata.is_dynamic;
        client
    }
}

/// What an operator alone may set.
fn with_switches(client: Client, members: &Members<'_>) -> Result<Client, BadRegistration> {
    are_ours_known(members)?;
    let is_public = client.is_public();
    if is_public && !members.flag("latchbolt_require_pkce", true)? {
        return Err(bad("latchbolt_require_pkce", "cannot be false: public clients always need PKCE"));
    }
    let skips_consent = members.flag("latchbolt_skip_consent", false)?;
    if skips_consent && is_public {
        return Err(bad("latchbolt_skip_consent", "is not for public clients: they always ask"));
    }
    Ok(Client {
        is_verified: members.flag("latchbolt_verified", true)?,
        is_enabled: members.flag("latchbolt_enabled", true)?,
        requires_pkce: is_public || members.flag("latchbolt_require_pkce", false)?,
        skips_consent,
        requires_phishing_resistant: members.flag("latchbolt_phishing_resistant_only", false)?,
        skips_check_code: members.flag("latchbolt_skip_check_code", false)?,
        requires_same_country: members.flag("latchbolt_same_country_only", false)?,
        ..client
    })
}

/// SEC-196: a misspelt switch of ours must not pass unseen.
fn are_ours_known(members: &Members<'_>) -> Result<(), BadRegistration> {
    let strange = |name: &&String| name.starts_with("latchbolt_") && !OURS.contains(&name.as_str());
    let Some(name) = members.names().find(strange) else { return Ok(()) };
    let shown = domain::text::shown(name, 60);
    Err(bad("latchbolt_…", format!("has no {shown}; there are {}", OURS.join(", "))))
}

fn promises_nothing_new(members: &Members<'_>) -> Result<(), BadRegistration> {
    if members.present("software_statement").is_some() {
        return Err(BadRegistration::SoftwareStatement);
    }
    let is_meant = |value: &Value| match value {
        Value::Bool(is_on) => *is_on,
        Value::Array(items) => !items.is_empty(),
        _ => true,
    };
    match NOT_YET.iter().find(|name| members.present(name).is_some_and(is_meant)) {
        Some(name) => Err(bad(name, "is not supported by this version; leave it out")),
        None => Ok(()),
    }
}

fn redirect_uris(
    members: &Members<'_>,
    is_native: bool,
    types: &Types,
    caller: Caller<'_>,
) -> Result<Vec<String>, BadRegistration> {
    let uris = members.texts("redirect_uris", MAX_REDIRECT_URIS)?.unwrap_or_default();
    if uris.is_empty() && !types.is_machine() {
        return Err(bad("redirect_uris", format!("needs 1 to {MAX_REDIRECT_URIS} addresses")));
    }
    for uri in &uris {
        let refused = |why| BadRegistration::RedirectUri { uri: (*uri).to_owned(), why };
        let url = addresses::check_redirect(uri, is_native).map_err(refused)?;
        if let Caller::Itself(policy) = caller {
            if !policy.allows_host(uri) {
                return Err(refused("is at a host that is not allowed here"));
            }
            // OpenID Connect Dynamic Client Registration §2, `application_type`.
            if !is_native && types.has_front_channel_tokens() && url.scheme() != "https" {
                return Err(refused("must be https where tokens come from the front channel"));
            }
        }
    }
    Ok(uris.into_iter().map(str::to_owned).collect())
}

fn auth_method(members: &Members<'_>, types: &Types) -> Result<ClientAuthMethod, BadRegistration> {
    let known = |word: &str| ClientAuthMethod::ALL.iter().copied().find(|method| method.as_str() == word);
    let all = names(ClientAuthMethod::ALL, ClientAuthMethod::as_str);
    let method = members.word("token_endpoint_auth_method", known, &all)?;
    if !types.is_service_alone() {
        return Ok(method.unwrap_or(ClientAuthMethod::ClientSecretBasic));
    }
    match method {
        None | Some(ClientAuthMethod::None) => Ok(ClientAuthMethod::None),
        Some(_) => {
            Err(bad("token_endpoint_auth_method", "must be none: a service of CAS alone asks for no tokens"))
        }
    }
}

fn name(
    members: &Members<'_>,
    redirect_uris: &[String],
    cas: Option<&CasService>,
) -> Result<String, BadRegistration> {
    match members.text("client_name")? {
        Some(name) => plain_line(name, 80).map_err(|why| bad("client_name", why.to_string())),
        None => redirect_uris
            .first()
            .and_then(|uri| addresses::host(uri))
            .or_else(|| service::host(cas))
            .ok_or_else(|| bad("client_name", "is missing")),
    }
}

/// The scopes it may ask for, the known ones first. Without the member: all known ones. Others only where an
/// operator names them.
fn scopes(text: Option<&str>, types: &Types, caller: Caller<'_>) -> Result<Vec<String>, BadRegistration> {
    let refreshes = types.grants.contains(&GrantType::RefreshToken);
    let Some(text) = text else {
        let fits = |scope: &&str| !types.is_machine() && (refreshes || *scope != OFFLINE_ACCESS);
        return Ok(known_scopes().filter(fits).map(str::to_owned).collect());
    };
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    if !types.is_machine() && !words.contains(&"openid") {
        return Err(bad("scope", "must hold openid"));
    }
    let mut scopes: Vec<String> =
        known_scopes().filter(|scope| words.contains(scope)).map(str::to_owned).collect();
    if caller.is_narrowed() {
        return Ok(scopes);
    }
    let mut own = Vec::new();
    for word in words {
        if known_scopes().all(|scope| scope != word) && !own.contains(&word) {
            // RFC 6749 §3.3.
            let is_token = word.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
            if !is_token || word.len() > LONGEST_SCOPE {
                return Err(bad("scope", "holds what is no scope (RFC 6749 §3.3)"));
            }
            own.push(word);
        }
    }
    if own.len() > MAX_OWN_SCOPES {
        return Err(bad("scope", format!("holds more than {MAX_OWN_SCOPES} scopes of your own")));
    }
    scopes.extend(own.into_iter().map(str::to_owned));
    Ok(scopes)
}

const OFFLINE_ACCESS: &str = "offline_access";

fn known_scopes() -> impl Iterator<Item = &'static str> {
    let offline = Some(OFFLINE_ACCESS).filter(|scope| !SCOPES.contains(scope));
    SCOPES.iter().copied().chain(offline)
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
