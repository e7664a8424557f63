//! What a client is as a service of CAS: the member `latchbolt_cas`.
//!
//! Owns: its JSON, both ways, its limits, and where sign-outs may be told. Not here: the grammar of patterns and the names
//! of attributes (`cas`, asked by `registry` before a client is kept).

use std::collections::BTreeMap;

use domain::text::plain_line;
use domain::{Acr, CasService, SingleLogout};
use serde_json::{Map, Value};

use super::members::Members;
use super::types::names;
use super::{BadRegistration, Caller, addresses, bad};

/// The member.
pub(super) const MEMBER: &str = "latchbolt_cas";
/// The switch for apps made for CAS.
pub(super) const APPS: &str = "latchbolt_cas_apps";
const MAX_PATTERNS: usize = 20;
const MAX_ATTRIBUTES: usize = 50;
const MAX_TEXTS: usize = 40;
const LONGEST_PATTERN: usize = 2048;
const LONGEST_NAME: usize = 100;
const LONGEST_TEXT: usize = 200;
/// Rows keep the order as a number of 32 bits with a sign.
const LAST: u32 = i32::MAX.unsigned_abs();

/// Members of ours and what they are called where they are wrong.
const INSIDE: &[(&str, &str)] = &[
    ("services", "latchbolt_cas.services"),
    ("order", "latchbolt_cas.order"),
    ("attributes", "latchbolt_cas.attributes"),
    ("user_claim", "latchbolt_cas.user_claim"),
    ("proxy_callbacks", "latchbolt_cas.proxy_callbacks"),
    ("single_logout", "latchbolt_cas.single_logout"),
    ("logout_url", "latchbolt_cas.logout_url"),
    ("required_acr", "latchbolt_cas.required_acr"),
    ("texts", "latchbolt_cas.texts"),
];

/// Whether an operator registers a service of CAS.
pub(super) fn is_there(members: &Members<'_>, caller: Caller<'_>) -> bool {
    !caller.is_narrowed() && members.present(MEMBER).is_some()
}

/// Strangers do not say where tickets go.
pub(super) fn must_be_operators(members: &Members<'_>) -> Result<(), BadRegistration> {
    let is_meant = |member: &&&str| members.present(member).is_some_and(|value| *value != Value::Bool(false));
    match [MEMBER, APPS].iter().find(is_meant) {
        Some(member) => Err(bad(member, "is for operators alone; leave it out")),
        None => Ok(()),
    }
}

/// Reads the member.
pub(super) fn read(members: &Members<'_>) -> Result<Option<CasService>, BadRegistration> {
    let Some(value) = members.present(MEMBER) else { return Ok(None) };
    let object = value.as_object().ok_or_else(|| bad(MEMBER, "must be a JSON object"))?;
    service(&Members(object)).map(Some).map_err(inside)
}

fn inside(wrong: BadRegistration) -> BadRegistration {
    match wrong {
        BadRegistration::Metadata { member, why } => {
            let whole = INSIDE.iter().find(|(name, _)| *name == member).map_or(member, |(_, whole)| whole);
            bad(whole, why)
        }
        other => other,
    }
}

fn service(members: &Members<'_>) -> Result<CasService, BadRegistration> {
    let is_strange = |name: &&String| INSIDE.iter().all(|(known, _)| known != name);
    if let Some(name) = members.names().find(is_strange) {
        let all: Vec<&str> = INSIDE.iter().map(|(name, _)| *name).collect();
        let shown = domain::text::shown(name, 60);
        return Err(bad(MEMBER, format!("has no {shown}; there are {}", all.join(", "))));
    }
    let services = patterns(members, "services")?;
    if services.is_empty() {
        return Err(bad("services", format!("needs 1 to {MAX_PATTERNS} addresses")));
    }
    let single_logout = members.word(
        "single_logout",
        |word| SingleLogout::ALL.iter().copied().find(|one| one.as_str() == word),
        &names(SingleLogout::ALL, SingleLogout::as_str),
    )?;
    let single_logout = single_logout.unwrap_or_default();
    let logout_url = logout_url(members, single_logout, &services)?;
    let user_claim = members.text("user_claim")?;
    if user_claim.is_some_and(|claim| !is_claim(claim)) {
        return Err(bad("user_claim", "must be the name of a claim"));
    }
    let asked = |word: &str| Acr::ASKED.iter().copied().find(|acr| acr.as_str() == word);
    Ok(CasService {
        order: order(members)?,
        attributes: attributes(members)?,
        user_claim: user_claim.map(str::to_owned),
        proxy_callbacks: proxy_callbacks(members)?,
        single_logout,
        logout_url,
        required_acr: members.word("required_acr", asked, &names(Acr::ASKED, Acr::as_str))?,
        texts: texts(members)?,
        services,
    })
}

fn patterns(members: &Members<'_>, member: &'static str) -> Result<Vec<String>, BadRegistration> {
    let mut all: Vec<String> = Vec::new();
    for text in members.texts(member, MAX_PATTERNS)?.unwrap_or_default() {
        if text.is_empty() || text.len() > LONGEST_PATTERN {
            return Err(bad(member, format!("holds one that has not 1 to {LONGEST_PATTERN} bytes")));
        }
        if all.iter().any(|known| known == text) {
            return Err(bad(member, format!("holds {} twice", domain::text::shown(text, 100))));
        }
        all.push(text.to_owned());
    }
    Ok(all)
}

fn proxy_callbacks(members: &Members<'_>) -> Result<Vec<String>, BadRegistration> {
    const MEMBER: &str = "proxy_callbacks";
    let all = patterns(members, MEMBER)?;
    match all.iter().find(|text| !text.starts_with("https://")) {
        Some(plain) => {
            let shown = domain::text::shown(plain, 100);
            Err(bad(MEMBER, format!("must hold https addresses alone: {shown} is none")))
        }
        None => Ok(all),
    }
}

fn order(members: &Members<'_>) -> Result<u32, BadRegistration> {
    let Some(value) = members.present("order") else { return Ok(0) };
    let number =
        value.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|number| *number <= LAST);
    number.ok_or_else(|| bad("order", format!("must be a whole number from 0 to {LAST}")))
}

fn attributes(members: &Members<'_>) -> Result<BTreeMap<String, String>, BadRegistration> {
    const MEMBER: &str = "attributes";
    let all = object(members, MEMBER, MAX_ATTRIBUTES)?;
    let mut attributes = BTreeMap::new();
    for (name, claim) in all.into_iter().flatten() {
        let shown = domain::text::shown(name, 60);
        if name.is_empty() || name.len() > LONGEST_NAME {
            return Err(bad(MEMBER, format!("holds a name that has not 1 to {LONGEST_NAME} bytes")));
        }
        let claim = claim.as_str().filter(|claim| is_claim(claim));
        let claim =
            claim.ok_or_else(|| bad(MEMBER, format!("{shown} must name a claim, as \"mail\": \"email\"")))?;
        attributes.insert(name.clone(), claim.to_owned());
    }
    Ok(attributes)
}

fn is_claim(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}

fn texts(members: &Members<'_>) -> Result<BTreeMap<String, String>, BadRegistration> {
    const MEMBER: &str = "texts";
    let is_language = |tag: &str| {
        (2..=35).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let mut texts = BTreeMap::new();
    for (language, text) in object(members, MEMBER, MAX_TEXTS)?.into_iter().flatten() {
        let line = text.as_str().filter(|_| is_language(language));
        let line =
            line.ok_or_else(|| bad(MEMBER, "must hold lines by their languages, as {\"en\": \"…\"}"))?;
        let line = plain_line(line, LONGEST_TEXT).map_err(|why| bad(MEMBER, format!("{language} {why}")))?;
        texts.insert(language.clone(), line);
    }
    Ok(texts)
}

fn object<'a>(
    members: &Members<'a>,
    member: &'static str,
    most: usize,
) -> Result<Option<&'a Map<String, Value>>, BadRegistration> {
    let Some(value) = members.present(member) else { return Ok(None) };
    let object = value.as_object().ok_or_else(|| bad(member, "must be a JSON object"))?;
    if object.len() > most {
        return Err(bad(member, format!("holds more than {most} values")));
    }
    Ok(Some(object))
}

/// Browsers are sent to the service's own site alone, so that nobody is made to call another's.
fn logout_url(
    members: &Members<'_>,
    way: SingleLogout,
    services: &[String],
) -> Result<Option<String>, BadRegistration> {
    const MEMBER: &str = "logout_url";
    let Some(text) = members.text(MEMBER)? else { return Ok(None) };
    let url = addresses::check_redirect(text, false).map_err(|why| bad(MEMBER, why))?;
    if way == SingleLogout::Front && !addresses::shares_origin(&url, services) {
        return Err(bad(MEMBER, "must have scheme, host and port of a service where browsers call it"));
    }
    Ok(Some(text.to_owned()))
}

/// The host of the first service: its name, if it has no other.
pub(super) fn host(service: Option<&CasService>) -> Option<String> {
    addresses::host(service?.services.first()?)
}

/// The member as it is written: what is as it would be without being said is left out.
pub(super) fn written(service: &CasService) -> Value {
    let mut json = Map::new();
    let mut set = |name: &str, value: Value| json.insert(name.to_owned(), value);
    set("services", service.services.clone().into());
    if service.order != 0 {
        set("order", service.order.into());
    }
    let object = |map: &BTreeMap<String, String>| -> Value {
        map.iter()
            .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
            .collect::<Map<_, _>>()
            .into()
    };
    if !service.attributes.is_empty() {
        set("attributes", object(&service.attributes));
    }
    if let Some(claim) = &service.user_claim {
        set("user_claim", claim.as_str().into());
    }
    if !service.proxy_callbacks.is_empty() {
        set("proxy_callbacks", service.proxy_callbacks.clone().into());
    }
    if service.single_logout != SingleLogout::default() {
        set("single_logout", service.single_logout.as_str().into());
    }
    if let Some(url) = &service.logout_url {
        set("logout_url", url.as_str().into());
    }
    if let Some(acr) = service.required_acr {
        set("required_acr", acr.as_str().into());
    }
    if !service.texts.is_empty() {
        set("texts", object(&service.texts));
    }
    Value::Object(json)
}

/// The member in the one form in which it is written; none: it cannot be taken.
#[must_use]
pub fn cas_as_written(member: &Value) -> Option<Value> {
    service(&Members(member.as_object()?)).ok().map(|service| written(&service))
}

#[cfg(test)]
mod tests;
