//! One service definition of CAS as a plan (`…RegisteredService`, JSON or Hjson).
//!
//! Owns: which member means what, and the report of the others. Not here: attributes of accounts, how a plan
//! becomes a client (`tickets::import`).

use std::fmt;

use serde_json::{Map, Value};

use super::{NotRead, hjson, translate};
use crate::{Secret, ServicePattern, ServiceUrl};

/// A member of a definition that has no equivalent here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Its path: `accessStrategy.requiredAttributes`.
    pub field: String,
    /// Its value as JSON, cut to 200 characters; hidden if it may be a secret.
    pub value: String,
    /// What differs.
    pub why: String,
    /// Losing it would let somebody in who was kept out: the service is planned as disabled.
    pub is_restriction: bool,
}

/// What a service is told about people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Release {
    /// Nothing.
    Nothing,
    /// All there is.
    All,
    /// These.
    Named(Vec<Released>),
}

/// One attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// Its name in CAS's own directory.
    pub attribute: String,
    /// Its name for the service.
    pub name: String,
    /// The standard claim that holds it here, if its name is a usual one.
    pub claim: Option<&'static str>,
}

/// How a service is told of the end of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlannedLogout {
    /// Not at all.
    Off,
    /// By a POST of the server's.
    Back,
    /// By the browser.
    Front,
}

/// An application that speaks CAS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedCas {
    /// Empty: its addresses could not be translated and must be given by hand.
    pub patterns: Vec<ServicePattern>,
    /// What it is told.
    pub release: Release,
    /// Whether it may have proxy-granting tickets, and where they may be sent. Without such an address it may not.
    pub proxy_callbacks: Vec<ServicePattern>,
    /// How it is told of the end.
    pub logout: PlannedLogout,
    /// Where, if not at the address of its ticket.
    pub logout_url: Option<ServiceUrl>,
}

/// An application that speaks OAuth 2 or OpenID Connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedOpenId {
    /// `clientId`.
    pub client_id: String,
    /// `clientSecret`, if it stood there in the clear.
    pub client_secret: Option<Secret>,
    /// The exact ones among its addresses; others must be given by hand.
    pub redirect_uris: Vec<String>,
    /// `scopes`.
    pub scopes: Vec<String>,
    /// `supportedGrantTypes`.
    pub grant_types: Vec<String>,
    /// `supportedResponseTypes`.
    pub response_types: Vec<String>,
    /// OpenID Connect, not OAuth 2 alone.
    pub is_openid: bool,
    /// `logoutUrl` for the back or the front channel.
    pub logout: PlannedLogout,
    /// The address itself.
    pub logout_url: Option<String>,
}

/// What an application speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlannedKind {
    /// CAS.
    Cas(PlannedCas),
    /// OAuth 2 or OpenID Connect.
    OpenId(PlannedOpenId),
    /// Something we do not: SAML, WS-Federation. Nothing is planned.
    Unsupported {
        /// The Java class's own name.
        class: String,
    },
}

/// Addresses shown to people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Links {
    /// `logo`.
    pub logo: Option<String>,
    /// `informationUrl`.
    pub information: Option<String>,
    /// `privacyUrl`.
    pub privacy: Option<String>,
}

/// One service as it could be here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// `name`.
    pub name: String,
    /// `id`.
    pub number: Option<i64>,
    /// `description`.
    pub description: Option<String>,
    /// `evaluationOrder`: the lowest is asked first.
    pub order: i64,
    /// Enabled there, and nothing was lost that kept somebody out.
    pub is_enabled: bool,
    /// A second factor was demanded.
    pub wants_second_factor: bool,
    /// What it speaks.
    pub kind: PlannedKind,
    /// Addresses shown to people.
    pub links: Links,
    /// All that has no equivalent.
    pub lost: Vec<Lost>,
}

/// Reads one file of definitions: one object, or a list of them.
///
/// # Errors
/// It is no JSON or Hjson, or holds something else than definitions.
pub fn services(text: &str) -> Result<Vec<Planned>, NotRead> {
    let read = without_java(hjson::read(text)?);
    let all = if let Value::Array(all) = read { all } else { vec![read] };
    all.into_iter()
        .map(|one| match one {
            Value::Object(members) if members.contains_key("@class") => Ok(Definition::new(members).plan()),
            _ => Err(NotRead { line: 1, why: "is no service definition: it has no @class" }),
        })
        .collect()
}

/// Takes off the marks of typed collections: `["java.util.ArrayList", […]]`.
fn without_java(value: Value) -> Value {
    match value {
        Value::Array(mut items) => {
            let is_typed = items.len() == 2
                && items[0].as_str().is_some_and(|class| class.starts_with("java.") && !class.contains(' '));
            if is_typed {
                return items.pop().map_or(Value::Null, without_java);
            }
            Value::Array(items.into_iter().map(without_java).collect())
        }
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, value)| (name, without_java(value))).collect())
        }
        other => other,
    }
}

/// The last part of a Java class's name.
fn class_of(members: &mut Map<String, Value>) -> String {
    let class = text_of(members, "@class").unwrap_or_default();
    class.rsplit(['.', '$']).next().unwrap_or_default().to_owned()
}

/// Takes a text out; one of another kind stays and is reported.
fn text_of(members: &mut Map<String, Value>, name: &str) -> Option<String> {
    if !members.get(name)?.is_string() {
        return None;
    }
    match members.remove(name) {
        Some(Value::String(text)) if !text.trim().is_empty() => Some(text),
        _ => None,
    }
}

/// Takes a list of texts out (or one text).
fn texts_of(members: &mut Map<String, Value>, name: &str) -> Vec<String> {
    let all = match members.get(name) {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(items)) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => return Vec::new(),
    };
    members.remove(name);
    all
}

fn object_of(members: &mut Map<String, Value>, name: &str) -> Option<Map<String, Value>> {
    if !members.get(name)?.is_object() {
        return None;
    }
    match members.remove(name) {
        Some(Value::Object(object)) => Some(object),
        _ => None,
    }
}

/// Whether a value says nothing: null, empty, or an object of nothing but its class.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.iter().all(|(name, value)| name == "@class" || is_nothing(value)),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The standard claim for a usual attribute's name.
fn claim_for(attribute: &str) -> Option<&'static str> {
    Some(match attribute.to_ascii_lowercase().as_str() {
        "mail" | "email" => "email",
        "displayname" | "cn" | "name" => "name",
        "givenname" | "given_name" | "firstname" => "given_name",
        "sn" | "surname" | "familyname" | "family_name" | "lastname" => "family_name",
        "uid" | "username" | "preferred_username" => "preferred_username",
        "memberof" | "groupmembership" | "group" | "groups" => "groups",
        "telephonenumber" | "phone" | "phone_number" => "phone_number",
        "preferredlanguage" | "locale" => "locale",
        _ => return None,
    })
}

const NO_EQUIVALENT: &str = "has no equivalent";
const NO_ADDRESS: &str = "is no acceptable address";

/// A definition while it is taken apart.
struct Definition {
    rest: Map<String, Value>,
    lost: Vec<Lost>,
}

impl Definition {
    const fn new(rest: Map<String, Value>) -> Self {
        Self { rest, lost: Vec::new() }
    }

    fn plan(mut self) -> Planned {
        let class = class_of(&mut self.rest);
        let name = text_of(&mut self.rest, "name").unwrap_or_else(|| "(no name)".into());
        let number = self.number("id");
        let description = text_of(&mut self.rest, "description");
        let order = self.number("evaluationOrder").unwrap_or_default();
        let links = Links {
            logo: text_of(&mut self.rest, "logo"),
            information: text_of(&mut self.rest, "informationUrl"),
            privacy: text_of(&mut self.rest, "privacyUrl"),
        };
        let is_enabled = self.access();
        let wants_second_factor = self.second_factor();
        self.common();
        let kind = match class.as_str() {
            "CasRegisteredService" | "RegexRegisteredService" => PlannedKind::Cas(self.cas()),
            "OidcRegisteredService" => PlannedKind::OpenId(self.openid(true)),
            "OAuthRegisteredService" => PlannedKind::OpenId(self.openid(false)),
            _ => PlannedKind::Unsupported { class },
        };
        for (field, value) in std::mem::take(&mut self.rest) {
            self.lose(&field, &value, NO_EQUIVALENT, false);
        }
        let is_enabled = is_enabled && !self.lost.iter().any(|lost| lost.is_restriction);
        Planned {
            name,
            number,
            description,
            order,
            is_enabled,
            wants_second_factor,
            kind,
            links,
            lost: self.lost,
        }
    }

    /// Reports a member, unless it says nothing.
    fn lose(&mut self, field: &str, value: &Value, why: impl fmt::Display, is_restriction: bool) {
        if is_nothing(value) {
            return;
        }
        let lower = field.to_ascii_lowercase();
        let may_be_secret =
            ["secret", "password", "key", "jwks", "token"].iter().any(|word| lower.contains(word));
        let value =
            if may_be_secret { "(hidden)".into() } else { domain::text::shown(&value.to_string(), 200) };
        self.lost.push(Lost { field: field.to_owned(), value, why: why.to_string(), is_restriction });
    }

    /// Reports what is left of an object.
    fn lose_rest(&mut self, field: &str, rest: &Map<String, Value>, is_restriction: bool) {
        for (name, value) in rest.iter().filter(|(name, _)| *name != "@class") {
            self.lose(&format!("{field}.{name}"), value, NO_EQUIVALENT, is_restriction);
        }
    }

    /// Reports an object of an unknown class as a whole.
    fn lose_object(&mut self, field: &str, class: &str, rest: Map<String, Value>, is_restriction: bool) {
        let mut value = rest;
        value.insert("@class".into(), class.into());
        // The class alone says something too.
        value.insert("class".into(), class.into());
        value.remove("@class");
        self.lose(field, &Value::Object(value), NO_EQUIVALENT, is_restriction);
    }

    fn number(&mut self, name: &str) -> Option<i64> {
        let number = self.rest.get(name)?.as_i64()?;
        self.rest.remove(name);
        Some(number)
    }

    fn access(&mut self) -> bool {
        let Some(mut access) = object_of(&mut self.rest, "accessStrategy") else { return true };
        let class = class_of(&mut access);
        if class != "DefaultRegisteredServiceAccessStrategy" {
            self.lose_object("accessStrategy", &class, access, true);
            return false;
        }
        let is_enabled = access.remove("enabled").is_none_or(|value| value.as_bool() == Some(true));
        if access.get("ssoEnabled") == Some(&Value::Bool(true)) {
            access.remove("ssoEnabled");
        }
        // How the others are read, and where those go who are refused: nothing without them.
        for name in ["order", "requireAllAttributes", "caseInsensitive", "unauthorizedRedirectUrl"] {
            if let Some(value) = access.remove(name)
                && name == "unauthorizedRedirectUrl"
            {
                self.lose("accessStrategy.unauthorizedRedirectUrl", &value, NO_EQUIVALENT, false);
            }
        }
        self.lose_rest("accessStrategy", &access, true);
        is_enabled
    }

    fn second_factor(&mut self) -> bool {
        let Some(mut policy) = object_of(&mut self.rest, "multifactorPolicy") else { return false };
        let class = class_of(&mut policy);
        let providers = texts_of(&mut policy, "multifactorAuthenticationProviders");
        if !class.starts_with("Default") {
            self.lose_object("multifactorPolicy", &class, policy, true);
            return true;
        }
        if !providers.is_empty() {
            let value = Value::from(providers.clone());
            let why = "becomes a demand for any second factor";
            self.lose("multifactorPolicy.multifactorAuthenticationProviders", &value, why, false);
        }
        if policy.get("bypassEnabled") == Some(&Value::Bool(false)) {
            policy.remove("bypassEnabled");
        }
        self.lose_rest("multifactorPolicy", &policy, false);
        !providers.is_empty()
    }

    /// Members that all kinds have and none of ours needs, unless they differ from the usual.
    fn common(&mut self) {
        for (name, usual, is_restriction) in [
            ("usernameAttributeProvider", "DefaultRegisteredServiceUsernameProvider", true),
            ("matchingStrategy", "FullRegexRegisteredServiceMatchingStrategy", false),
        ] {
            let Some(mut object) = object_of(&mut self.rest, name) else { continue };
            let class = class_of(&mut object);
            if class != usual {
                self.lose_object(name, &class, object, is_restriction);
                continue;
            }
            if object.get("canonicalizationMode").and_then(Value::as_str) == Some("NONE") {
                object.remove("canonicalizationMode");
            }
            if object.get("encryptUsername") == Some(&Value::Bool(false)) {
                object.remove("encryptUsername");
            }
            self.lose_rest(name, &object, is_restriction);
        }
        if let Some(mut expiry) = object_of(&mut self.rest, "expirationPolicy") {
            let has_date = expiry.get("expirationDate").is_some_and(|date| !is_nothing(date));
            if has_date {
                expiry.remove("@class");
                self.lose("expirationPolicy", &Value::Object(expiry), NO_EQUIVALENT, true);
            }
        }
        for name in
            ["authenticationPolicy", "requiredHandlers", "requiredAuthenticationHandlers", "environments"]
        {
            if let Some(value) = self.rest.remove(name) {
                self.lose(name, &value, NO_EQUIVALENT, true);
            }
        }
        // What a ticket travels by is asked for by each request.
        if text_is(&self.rest, "responseType", "REDIRECT") {
            self.rest.remove("responseType");
        }
    }

    /// The addresses of `serviceId`.
    fn addresses(&mut self) -> Vec<ServicePattern> {
        let Some(expression) = text_of(&mut self.rest, "serviceId") else { return Vec::new() };
        self.patterns("serviceId", &expression)
    }

    fn patterns(&mut self, field: &str, expression: &str) -> Vec<ServicePattern> {
        let found = translate(expression);
        if found.patterns.is_empty() || !found.notes.is_empty() {
            let what =
                if found.patterns.is_empty() { "cannot be translated" } else { "is translated to less" };
            let why = format!("{what}: {}", found.notes.join("; "));
            self.lose(field, &Value::from(expression), why, false);
        }
        found.patterns
    }

    fn cas(&mut self) -> PlannedCas {
        let patterns = self.addresses();
        let release = self.release();
        let proxy_callbacks = self.proxy();
        let logout = self.logout_kind();
        let logout_url =
            text_of(&mut self.rest, "logoutUrl").and_then(|text| match ServiceUrl::parse(&text) {
                Ok(address) => Some(address),
                Err(why) => {
                    self.lose("logoutUrl", &Value::from(text), format!("{NO_ADDRESS}: it {why}"), false);
                    None
                }
            });
        PlannedCas { patterns, release, proxy_callbacks, logout, logout_url }
    }

    /// CAS tells by the back channel unless told otherwise.
    fn logout_kind(&mut self) -> PlannedLogout {
        let known = match self.rest.get("logoutType").and_then(Value::as_str) {
            None | Some("BACK_CHANNEL") => PlannedLogout::Back,
            Some("FRONT_CHANNEL") => PlannedLogout::Front,
            Some("NONE") => PlannedLogout::Off,
            Some(_) => return PlannedLogout::Back,
        };
        self.rest.remove("logoutType");
        known
    }

    fn proxy(&mut self) -> Vec<ServicePattern> {
        let Some(mut policy) = object_of(&mut self.rest, "proxyPolicy") else { return Vec::new() };
        let class = class_of(&mut policy);
        match class.as_str() {
            "RefuseRegisteredServiceProxyPolicy" => Vec::new(),
            "RegexMatchingRegisteredServiceProxyPolicy" => {
                let expression = text_of(&mut policy, "pattern").unwrap_or_default();
                policy.remove("useServiceId");
                policy.remove("exactMatch");
                self.lose_rest("proxyPolicy", &policy, false);
                self.patterns("proxyPolicy.pattern", &expression)
            }
            _ => {
                self.lose_object("proxyPolicy", &class, policy, false);
                Vec::new()
            }
        }
    }

    /// Without a policy CAS releases what is configured for all; here it is nothing.
    fn release(&mut self) -> Release {
        let Some(mut policy) = object_of(&mut self.rest, "attributeReleasePolicy") else {
            return Release::Nothing;
        };
        let class = class_of(&mut policy);
        let release = match class.as_str() {
            "DenyAllAttributeReleasePolicy" => Release::Nothing,
            "ReturnAllAttributeReleasePolicy" => Release::All,
            "ReturnAllowedAttributeReleasePolicy" => {
                let names = texts_of(&mut policy, "allowedAttributes");
                Release::Named(names.into_iter().map(|name| released(&name, &name)).collect())
            }
            "ReturnMappedAttributeReleasePolicy" => self.mapped(&mut policy),
            _ => {
                self.lose_object("attributeReleasePolicy", &class, policy, false);
                return Release::Nothing;
            }
        };
        // A filter that is lost must not tell more than before.
        for name in ["attributeFilter", "excludedAttributes"] {
            if let Some(filter) = policy.remove(name).filter(|filter| !is_nothing(filter)) {
                let why = "has no equivalent: nothing is released";
                self.lose(&format!("attributeReleasePolicy.{name}"), &filter, why, false);
                self.lose_rest("attributeReleasePolicy", &policy, false);
                return Release::Nothing;
            }
        }
        for name in [
            "authorizedToReleaseCredentialPassword",
            "authorizedToReleaseProxyGrantingTicket",
            "excludeDefaultAttributes",
        ] {
            if policy.get(name) == Some(&Value::Bool(false)) {
                policy.remove(name);
            }
        }
        self.lose_rest("attributeReleasePolicy", &policy, false);
        release
    }

    fn mapped(&mut self, policy: &mut Map<String, Value>) -> Release {
        let mut all = Vec::new();
        for (attribute, names) in object_of(policy, "allowedAttributes").unwrap_or_default() {
            let field = format!("attributeReleasePolicy.allowedAttributes.{attribute}");
            let names = match names {
                Value::String(name) => vec![name],
                Value::Array(items) => {
                    items.into_iter().filter_map(|i| i.as_str().map(str::to_owned)).collect()
                }
                other => {
                    if attribute != "@class" {
                        self.lose(&field, &other, NO_EQUIVALENT, false);
                    }
                    continue;
                }
            };
            for name in names.into_iter().filter(|_| attribute != "@class") {
                // Scripts stand where names stand.
                if name.contains(['{', '(', ' ']) || name.starts_with("groovy") || name.starts_with("file:") {
                    self.lose(&field, &Value::from(name), "is a script", false);
                } else {
                    all.push(released(&attribute, &name));
                }
            }
        }
        Release::Named(all)
    }

    fn openid(&mut self, is_openid: bool) -> PlannedOpenId {
        let client_id = text_of(&mut self.rest, "clientId").unwrap_or_default();
        if client_id.is_empty() {
            self.lose("clientId", &Value::from("(missing)"), "is missing", true);
        }
        let client_secret = text_of(&mut self.rest, "clientSecret").and_then(|secret| {
            // `{cas-cipher}…`: only CAS can read it.
            if secret.starts_with('{') {
                self.lose(
                    "clientSecret",
                    &Value::from(secret),
                    "is encrypted: a new one must be made",
                    false,
                );
                return None;
            }
            Some(Secret::new(secret))
        });
        let expression = text_of(&mut self.rest, "serviceId").unwrap_or_default();
        let (exact, wild): (Vec<_>, Vec<_>) =
            self.patterns("serviceId", &expression).into_iter().partition(ServicePattern::is_exact);
        for pattern in wild {
            let why = "is not one address: redirect URIs are compared exactly";
            self.lose("serviceId", &Value::from(pattern.as_str()), why, false);
        }
        let logout = self.logout_kind();
        if is_openid && let Some(policy) = object_of(&mut self.rest, "attributeReleasePolicy") {
            let mut policy = policy;
            let class = class_of(&mut policy);
            self.lose_object("attributeReleasePolicy", &class, policy, false);
        }
        PlannedOpenId {
            client_id,
            client_secret,
            redirect_uris: exact.iter().map(|pattern| pattern.as_str().to_owned()).collect(),
            scopes: texts_of(&mut self.rest, "scopes"),
            grant_types: texts_of(&mut self.rest, "supportedGrantTypes"),
            response_types: texts_of(&mut self.rest, "supportedResponseTypes"),
            is_openid,
            logout,
            logout_url: text_of(&mut self.rest, "logoutUrl"),
        }
    }
}

fn text_is(members: &Map<String, Value>, name: &str, text: &str) -> bool {
    members.get(name).and_then(Value::as_str) == Some(text)
}

fn released(attribute: &str, name: &str) -> Released {
    Released { attribute: attribute.to_owned(), name: name.to_owned(), claim: claim_for(attribute) }
}

#[cfg(test)]
mod tests;
