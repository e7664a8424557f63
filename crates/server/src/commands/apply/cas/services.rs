//! What becomes of a service definition: a registration and what it cannot say.
//!
//! Owns: ids of clients, which claim an attribute is, what is left out of a registration that is not taken whole.
//! Not here: OAuth and OpenID Connect (`openid`), reading files (`cas`).

use std::collections::{BTreeMap, BTreeSet};

use cas::answer::is_attribute_name;
use cas::import::{Lost, Planned, PlannedCas, PlannedKind, PlannedLogout, Release, Released};
use cas::{Secret, ServicePattern};
use domain::Acr;
use oidc::registration::{BadRegistration, Registration, cas_as_written};
use serde_json::{Map, Value, json};

use super::openid;
use crate::failure::Failure;

/// What a phone or a passkey reaches and a password does not.
pub(super) const SECOND_FACTOR: Acr = Acr::Qr;
const LONGEST_SLUG: usize = 60;
const LAST_ORDER: i64 = i32::MAX as i64;

/// What stands for all attributes, as directories call them, and the claims that hold them.
const ALL: &[(&str, &str)] = &[
    ("mail", "email"),
    ("email", "email"),
    ("cn", "name"),
    ("displayName", "name"),
    ("givenName", "given_name"),
    ("sn", "family_name"),
    ("uid", "preferred_username"),
    ("memberOf", "groups"),
    ("telephoneNumber", "phone_number"),
];

/// Members that are left out, and said to be, where they are not taken.
const CAN_GO: [&str; 6] = [
    "logo_uri",
    "client_uri",
    "policy_uri",
    "backchannel_logout_uri",
    "frontchannel_logout_uri",
    "latchbolt_cas.logout_url",
];

/// Which claims there are.
pub(super) struct Claims {
    /// Attribute → claim, as the command line says.
    pub own: BTreeMap<String, String>,
    /// Those that administrators defined.
    pub defined: BTreeSet<String>,
    /// Those of them that people set themselves.
    pub of_owners: BTreeSet<String>,
}

impl Claims {
    /// The claim that holds an attribute: as the command line says, as usual, or one of its name.
    fn of(&self, attribute: &str, usual: Option<&str>) -> Option<String> {
        let claim = self.own.get(attribute).map(String::as_str).or(usual).map(str::to_owned);
        claim.or_else(|| {
            let lower = attribute.to_lowercase();
            let is_known =
                self.defined.contains(&lower) || domain::claim_definition::STANDARD_CLAIMS.contains(&&*lower);
            is_known.then_some(lower)
        })
    }

    /// The claim that people may be known by: the user name, a mail address, what an administrator set, or what the
    /// command line says. Not a name that two people can have, nor what people say of themselves.
    fn naming(&self, user: &Released) -> Option<String> {
        let claim = self.of(&user.attribute, user.claim)?;
        let is_set_for_them = self.defined.contains(&claim) && !self.of_owners.contains(&claim);
        let is_theirs = matches!(claim.as_str(), "preferred_username" | "email") || is_set_for_them;
        (is_theirs || self.own.contains_key(&user.attribute)).then_some(claim)
    }
}

/// A definition as it would be here.
pub(super) struct Taken {
    pub file: String,
    pub name: String,
    /// The client's.
    pub id: Option<String>,
    /// Its registration, or why there can be none.
    pub members: Result<Map<String, Value>, String>,
    /// What it would have.
    pub is_enabled: bool,
    /// Given there in the clear.
    pub secret: Option<Secret>,
    pub lost: Vec<Lost>,
}

/// `ATTRIBUTE=CLAIM` of the command line.
pub(super) fn own_claims(all: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let read = |one: &String| {
        let (attribute, claim) = one.split_once('=').filter(|(a, c)| !a.is_empty() && !c.is_empty())?;
        Some((attribute.to_owned(), claim.to_owned()))
    };
    all.iter()
        .map(|one| {
            read(one).ok_or_else(|| Failure::new(format!("`{one}` names no claim. Write ATTRIBUTE=CLAIM.")))
        })
        .collect()
}

/// All definitions, in the order of their numbers: the first of a name has the plain id.
pub(super) fn take(mut all: Vec<(String, Planned)>, claims: &Claims) -> Vec<Taken> {
    all.sort_by(|(one, a), (other, b)| {
        (a.number.unwrap_or(i64::MAX), &a.name, one).cmp(&(b.number.unwrap_or(i64::MAX), &b.name, other))
    });
    let mut ids = BTreeSet::new();
    let mut numbers: BTreeMap<i64, String> = BTreeMap::new();
    let mut taken = Vec::new();
    for (file, mut planned) in all {
        if let Some(number) = planned.number {
            if let Some(other) = numbers.get(&number) {
                let why =
                    format!("is the number of {other} too: CAS used one of the two, both are read here");
                lose(&mut planned.lost, "id", &number.to_string(), &why);
            }
            numbers.entry(number).or_insert_with(|| file.clone());
        }
        taken.push(one(file, planned, claims, &mut ids));
    }
    taken
}

fn one(file: String, mut planned: Planned, claims: &Claims, ids: &mut BTreeSet<String>) -> Taken {
    let mut lost = std::mem::take(&mut planned.lost);
    let name = planned.name.clone();
    let mut secret = None;
    let mut is_enabled = planned.is_enabled;
    let (id, members) = match &mut planned.kind {
        PlannedKind::Unsupported { class } => (
            None,
            Err(format!(
                "{} is spoken by nobody here: no CAS, OAuth 2 or OpenID Connect",
                domain::text::shown(class, 80)
            )),
        ),
        PlannedKind::OpenId(openid) => {
            secret = openid.client_secret.take();
            let made = openid::members(openid, planned.wants_second_factor, &mut secret, &mut lost);
            (Some(openid.client_id.clone()).filter(|id| !id.is_empty()), made)
        }
        PlannedKind::Cas(cas) => {
            let id = id_of(&planned.name, planned.number, ids);
            (id, members(cas, planned.order, planned.wants_second_factor, claims, &mut lost))
        }
    };
    let members = match &id {
        None if members.is_ok() => Err("has neither a name nor a number to make an id of".to_owned()),
        Some(id) if !ids.insert(id.clone()) => Err(format!("the id {id} is another definition's already")),
        _ => members,
    };
    is_enabled &= !lost.iter().any(|lost| lost.is_restriction);
    let members = members.and_then(|mut members| {
        common(&planned, &mut members, &mut lost);
        members.insert("latchbolt_enabled".to_owned(), is_enabled.into());
        fitting(members, &mut lost)
    });
    Taken { file, name, id, members, is_enabled, secret, lost }
}

/// `cas-` and the name's letters; with the number where the plain one is taken.
fn id_of(name: &str, number: Option<i64>, taken: &BTreeSet<String>) -> Option<String> {
    let slug = slug(name);
    let plain = format!("cas-{slug}");
    if !slug.is_empty() && !taken.contains(&plain) {
        return Some(plain);
    }
    let number = number?.unsigned_abs();
    Some(if slug.is_empty() { format!("cas-{number}") } else { format!("{plain}-{number}") })
}

fn slug(name: &str) -> String {
    let mut slug = String::new();
    for letter in name.chars().flat_map(char::to_lowercase) {
        match letter {
            'ä' => slug.push_str("ae"),
            'ö' => slug.push_str("oe"),
            'ü' => slug.push_str("ue"),
            'ß' => slug.push_str("ss"),
            letter if letter.is_ascii_alphanumeric() => slug.push(letter),
            _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
        if slug.len() >= LONGEST_SLUG {
            break;
        }
    }
    slug.trim_end_matches('-').to_owned()
}

/// What all kinds say: name and links.
fn common(planned: &Planned, members: &mut Map<String, Value>, lost: &mut Vec<Lost>) {
    let shown = domain::text::shown(&planned.name, 80);
    if shown != planned.name.trim() {
        lose(
            lost,
            "name",
            &planned.name,
            &format!("becomes “{shown}”: a name is one plain line of 80 characters"),
        );
    }
    members.insert("client_name".to_owned(), shown.into());
    let links = &planned.links;
    for (member, link) in
        [("logo_uri", &links.logo), ("client_uri", &links.information), ("policy_uri", &links.privacy)]
    {
        if let Some(link) = link {
            members.insert(member.to_owned(), link.as_str().into());
        }
    }
    if let Some(description) = &planned.description {
        lose(
            lost,
            "description",
            description,
            "has no equivalent; a line for the sign-in page is latchbolt_cas.texts",
        );
    }
}

fn members(
    cas: &PlannedCas,
    order: i64,
    wants_second_factor: bool,
    claims: &Claims,
    lost: &mut Vec<Lost>,
) -> Result<Map<String, Value>, String> {
    if cas.patterns.is_empty() {
        return Err("its addresses cannot be translated: register it by hand with `latchbolt client create`"
            .to_owned());
    }
    let texts =
        |all: &[ServicePattern]| -> Vec<String> { all.iter().map(|one| one.as_str().to_owned()).collect() };
    let mut service = json!({ "services": texts(&cas.patterns) });
    let kept = order.clamp(0, LAST_ORDER);
    if kept != order {
        lose(
            lost,
            "evaluationOrder",
            &order.to_string(),
            &format!("becomes {kept}: orders are from 0 to {LAST_ORDER}"),
        );
    }
    service["order"] = kept.into();
    if let Some(user) = &cas.user {
        match claims.naming(user) {
            // It is told the user name anyway.
            Some(claim) if claim == "preferred_username" => {}
            Some(claim) => service["user_claim"] = claim.into(),
            None => lost.push(Lost {
                field: "usernameAttributeProvider.usernameAttribute".to_owned(),
                value: domain::text::shown(&user.attribute, 200),
                why: "is no claim that is one person's alone: name one with --claim ATTRIBUTE=CLAIM"
                    .to_owned(),
                // Otherwise people might be somebody else there.
                is_restriction: true,
            }),
        }
    }
    service["attributes"] = attributes(&cas.release, claims, lost).into();
    service["proxy_callbacks"] = texts(&cas.proxy_callbacks).into();
    service["single_logout"] = match cas.logout {
        PlannedLogout::Off => "none",
        PlannedLogout::Back => "back",
        PlannedLogout::Front => "front",
    }
    .into();
    if let Some(url) = &cas.logout_url {
        service["logout_url"] = url.as_str().into();
    }
    if wants_second_factor {
        service["required_acr"] = SECOND_FACTOR.as_str().into();
        let why = "becomes required_acr: an approval by phone or a passkey; codes of an authenticator app do not reach it";
        lose(lost, "multifactorPolicy", SECOND_FACTOR.as_str(), why);
    }
    let members = json!({
        "redirect_uris": [], "grant_types": [], "response_types": [], "token_endpoint_auth_method": "none",
        "latchbolt_cas": service,
    });
    Ok(members.as_object().cloned().unwrap_or_default())
}

fn attributes(release: &Release, claims: &Claims, lost: &mut Vec<Lost>) -> Map<String, Value> {
    const FIELD: &str = "attributeReleasePolicy";
    let mut told = Map::new();
    match release {
        Release::Nothing => {}
        Release::All => {
            told.extend(ALL.iter().map(|(name, claim)| ((*name).to_owned(), Value::from(*claim))));
            told.extend(claims.own.iter().map(|(name, claim)| (name.clone(), claim.as_str().into())));
            let names: Vec<&str> = told.keys().map(String::as_str).collect();
            let why = format!("becomes {}: others have to be named", names.join(", "));
            lose(lost, FIELD, "all attributes", &why);
        }
        Release::Named(all) => {
            for Released { attribute, name, claim } in all {
                let field = format!("{FIELD}.{attribute}");
                match claims.of(attribute, *claim) {
                    None => {
                        let why =
                            "is no claim: define one of this name, or name one with --claim ATTRIBUTE=CLAIM";
                        lose(lost, &field, name, why);
                    }
                    Some(_) if !is_attribute_name(name) => {
                        lose(lost, &field, name, "is no name that an attribute may have here");
                    }
                    Some(_) if told.contains_key(name) => {
                        lose(lost, &field, name, "is told already under this name");
                    }
                    Some(claim) => {
                        told.insert(name.clone(), claim.into());
                    }
                }
            }
        }
    }
    told
}

/// The registration as it will be taken: members that can go, go, and are said.
fn fitting(mut members: Map<String, Value>, lost: &mut Vec<Lost>) -> Result<Map<String, Value>, String> {
    for _ in 0..=CAN_GO.len() {
        let wrong = match Registration::parse(&Value::Object(members.clone())) {
            Ok(_) => {
                // One form, so that a second run finds the same.
                if let Some(service) = members.get_mut("latchbolt_cas")
                    && let Some(written) = cas_as_written(service)
                {
                    *service = written;
                }
                return Ok(members);
            }
            Err(wrong) => wrong,
        };
        let BadRegistration::Metadata { member, why } = &wrong else { return Err(wrong.to_string()) };
        if !CAN_GO.contains(member) {
            return Err(wrong.to_string());
        }
        let gone = match member.split_once('.') {
            Some((outer, inner)) => {
                members.get_mut(outer).and_then(Value::as_object_mut).and_then(|m| m.remove(inner))
            }
            None => members.remove(*member),
        };
        let gone = gone.as_ref().and_then(Value::as_str).unwrap_or_default();
        lose(lost, member, gone, &format!("is left out: it {why}"));
    }
    Err("cannot be taken as a registration".to_owned())
}

/// Notes what is not taken over.
pub(super) fn lose(lost: &mut Vec<Lost>, field: &str, value: &str, why: &str) {
    lost.push(Lost {
        field: field.to_owned(),
        value: domain::text::shown(value, 200),
        why: why.to_owned(),
        is_restriction: false,
    });
}
