//! One service definition of CAS as a plan (`…RegisteredService`, JSON or Hjson).
//!
//! Owns: which member means what, and the report of the others. Not here: attributes of accounts, how a plan
//! becomes a client (`tickets::import`).

use std::fmt;

use serde_json::{Map, Value};

use super::planned::{
    Links, Lost, Planned, PlannedCas, PlannedKind, PlannedLogout, PlannedOpenId, Release, Released,
};
use super::{NotRead, hjson, translate};
use crate::{Secret, ServicePattern, ServiceUrl};
use members::{
    claim_for, class_of, is_idle, is_nothing, object_of, text_is, text_of, texts_of, without_java,
};

mod members;

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

const NO_EQUIVALENT: &str = "has no equivalent";
/// What a member that is not taken over is here, where it is something.
fn instead(field: &str) -> &'static str {
    match field {
        "bypassApprovalPrompt" => "is not taken over: say latchbolt_skip_consent for a site of your own",
        "subjectType" | "sectorIdentifierUri" => {
            "is not taken over: say subject_type and sector_identifier_uri; its users get other subjects than before"
        }
        "jwks" | "jwksUri" => "is not taken over: say jwks_uri",
        "idTokenSigningAlg" => "is not taken over: say id_token_signed_response_alg",
        "theme" | "locale" | "templateName" => "is not taken over: themes are for the whole server",
        "responseType" => "is not taken over: the app asks for it with method=POST",
        "responseMode" => "is not taken over: the app asks for it with response_mode",
        _ => NO_EQUIVALENT,
    }
}

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
        let is_cas = matches!(class.as_str(), "CasRegisteredService" | "RegexRegisteredService");
        let user = if is_cas { self.user() } else { None };
        let wants_second_factor = self.second_factor();
        self.common();
        let kind = match class.as_str() {
            _ if is_cas => PlannedKind::Cas(self.cas(user)),
            "OidcRegisteredService" => PlannedKind::OpenId(self.openid(true)),
            "OAuthRegisteredService" => PlannedKind::OpenId(self.openid(false)),
            _ => PlannedKind::Unsupported { class },
        };
        for (field, value) in std::mem::take(&mut self.rest) {
            self.lose(&field, &value, instead(&field), false);
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
        let (_, name) = field.rsplit_once('.').unwrap_or_default();
        if is_idle(if name.is_empty() { field } else { name }, value) {
            return;
        }
        let lower = field.to_ascii_lowercase();
        let may_be_secret = !matches!(value, Value::Bool(_) | Value::Number(_))
            && ["secret", "password", "key", "jwks", "token"].iter().any(|word| lower.contains(word));
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
            policy.insert("multifactorAuthenticationProviders".into(), providers.into());
            self.lose_object("multifactorPolicy", &class, policy, true);
            return true;
        }
        if !providers.is_empty() {
            let value = Value::from(providers.clone());
            let why = "becomes a demand for any second factor";
            self.lose("multifactorPolicy.multifactorAuthenticationProviders", &value, why, false);
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

    /// The attribute that a service is told as user name, where nothing is done to it on the way.
    fn user(&mut self) -> Option<Released> {
        const NAME: &str = "usernameAttributeProvider";
        let provider = self.rest.get(NAME)?.as_object()?;
        let is_attribute = provider
            .get("@class")?
            .as_str()?
            .ends_with(".PrincipalAttributeRegisteredServiceUsernameProvider");
        let attribute = provider.get("usernameAttribute")?.as_str()?.trim().to_owned();
        let is_plain = provider.iter().all(|(name, value)| {
            matches!(name.as_str(), "@class" | "usernameAttribute") || is_idle(name, value)
        });
        if !is_attribute || !is_plain || attribute.is_empty() {
            return None;
        }
        self.rest.remove(NAME);
        Some(released(&attribute, &attribute))
    }

    fn cas(&mut self, user: Option<Released>) -> PlannedCas {
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
        PlannedCas { patterns, user, release, proxy_callbacks, logout, logout_url }
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
                let expression = text_of(&mut policy, "pattern");
                if expression.is_none() && policy.get("useServiceId") != Some(&Value::Bool(true)) {
                    let why = "is missing: it gets no proxy-granting tickets";
                    self.lose("proxyPolicy.pattern", &Value::from("(none)"), why, false);
                }
                self.lose_rest("proxyPolicy", &policy, false);
                expression.map(|text| self.patterns("proxyPolicy.pattern", &text)).unwrap_or_default()
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

fn released(attribute: &str, name: &str) -> Released {
    Released { attribute: attribute.to_owned(), name: name.to_owned(), claim: claim_for(attribute) }
}

#[cfg(test)]
mod tests;
