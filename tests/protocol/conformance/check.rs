//! The checks of the checklist's section 2, which every flow passes through. What only warns there fails here.
//!
//! Owns: server keys, authorization responses, ID tokens, token and userinfo responses, registrations, errors.
//! Not here: JSON types of people's claims (`claims`), signatures (`keys`).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use testkit::unb64;
use testkit::wire::Answer;
use url::Url;

use super::claims;
use super::flow::{Asked, Flow, Module, Response};
use super::keys::{half_hash, verify};
use super::party::Party;
use super::visitor::{End, Visit};

const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "k", "oth"];
const SIGNING: [&str; 4] = ["ES256", "RS256", "PS256", "EdDSA"];
const ENCRYPTING: [&str; 2] = ["RSA-OAEP-256", "ECDH-ES"];

/// Claims that belong to the protocol.
pub(crate) const PROTOCOL: [&str; 16] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "azp",
    "at_hash",
    "c_hash",
    "s_hash",
    "nbf",
    "jti",
    "sid",
];

/// Errors that are registered for the token endpoint.
const TOKEN_ERRORS: [&str; 9] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_target",
    "invalid_dpop_proof",
    "use_dpop_nonce",
];

#[track_caller]
fn is_json(answer: &Answer) {
    let kind = answer.header("content-type").unwrap_or_default();
    assert!(kind.split(';').next() == Some("application/json"), "{kind}: {}", answer.text());
}

/// Server keys.
#[track_caller]
pub(crate) fn keys(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "keys: {}", answer.text());
    let kind = answer.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("application/json") || kind.starts_with("application/jwk-set+json"), "{kind}");
    let set = answer.json();
    let keys = set["keys"].as_array().expect("an array of keys");
    let mut kids = BTreeSet::new();
    for key in keys {
        for member in PRIVATE {
            assert!(key.get(member).is_none(), "the private member {member}");
        }
        let kid = key["kid"].as_str().expect("a kid");
        assert!(kids.insert(kid), "two keys with the kid {kid}");
        let bytes = |member: &str| {
            let text = key[member].as_str().unwrap_or_else(|| panic!("no {member} in {key}"));
            assert!(!text.contains('='), "padding in {member}");
            unb64(text)
        };
        match key["kty"].as_str() {
            Some("EC") => {
                assert_eq!(key["crv"], "P-256");
                assert_eq!((bytes("x").len(), bytes("y").len()), (32, 32), "bytes cut off");
            }
            Some("RSA") => {
                let (n, e) = (bytes("n"), bytes("e"));
                assert!(n.len() >= 256 && n[0] != 0 && e[0] != 0, "a sign byte, or a short key");
            }
            Some("OKP") => {
                assert_eq!(key["crv"], "Ed25519");
                assert_eq!(bytes("x").len(), 32);
            }
            other => panic!("a key of the type {other:?}"),
        }
        let known: &[&str] = if key["use"] == "enc" { &ENCRYPTING } else { &SIGNING };
        assert!(key["use"] == "enc" || key["use"] == "sig", "{key}");
        assert!(known.contains(&key["alg"].as_str().unwrap_or_default()), "{key}");
    }
    set
}

/// Where a response is put.
fn parameters(m: &Module, party: &Party, asked: &Asked, visit: &Visit) -> Vec<(String, String)> {
    let wanted = asked.get("redirect_uri").unwrap_or(&party.redirect_uri);
    let wanted = Url::parse(wanted).expect("an address");
    if m.at.form_post {
        let End::Posted(action, fields) = &visit.end else { panic!("not posted: {:?}", visit.end) };
        assert_eq!(action, wanted.as_str(), "posted elsewhere");
        return fields.clone();
    }
    let End::Away(url) = &visit.end else { panic!("not sent back: {:?}", visit.end) };
    let base = |url: &Url| url.as_str().split(['?', '#']).next().unwrap_or_default().to_owned();
    assert_eq!(base(url), base(&wanted), "sent elsewhere: {url}");
    let registered: Vec<(String, String)> = wanted.query_pairs().into_owned().collect();
    let mut query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    // The client's own part of the query is kept.
    for own in &registered {
        let at = query.iter().position(|pair| pair == own);
        query.remove(at.unwrap_or_else(|| panic!("{own:?} was lost: {url}")));
    }
    let in_fragment: Vec<(String, String)> =
        url::form_urlencoded::parse(url.fragment().unwrap_or_default().as_bytes()).into_owned().collect();
    let is_in_fragment = m.at.has_front_tokens() && asked.get("response_type").is_some();
    let (used, other) = if is_in_fragment { (in_fragment, query) } else { (query, in_fragment) };
    assert_eq!(other, [], "in the wrong part of {url}");
    used
}

/// An authorization response, success or error.
#[track_caller]
pub(crate) fn response(m: &Module, party: &Party, asked: &Asked, visit: &Visit) -> Response {
    let fields = parameters(m, party, asked, visit);
    let mut found = BTreeMap::new();
    for (name, value) in fields {
        assert!(!value.is_empty(), "{name} is empty");
        assert!(found.insert(name.clone(), value).is_none(), "{name} comes twice");
    }
    let names: BTreeSet<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(found.get("state").map(String::as_str), asked.get("state"), "state of {found:?}");
    assert_eq!(found.get("iss"), Some(&m.house.issuer), "iss (RFC 9207)");
    if let Some(description) = found.get("error_description") {
        is_plain(description);
    }
    if names.contains("error") {
        let allowed = ["error", "error_description", "error_uri", "state", "session_state", "iss"];
        assert!(names.iter().all(|name| allowed.contains(name)), "more than an error: {found:?}");
        return Response(found);
    }
    let mut wanted = BTreeSet::from(["iss"]);
    wanted.extend(asked.get("state").map(|_| "state"));
    if m.at.has_code() {
        wanted.insert("code");
        let code = &found["code"];
        assert!(code.len() >= 16 && entropy(code) >= 96.0, "a weak code: {code}");
    }
    if m.at.has_id_token() {
        wanted.insert("id_token");
    }
    if m.at.has_token() {
        wanted.extend(["access_token", "token_type", "expires_in"]);
        assert!(found["token_type"].eq_ignore_ascii_case("bearer"));
        assert!(found["expires_in"].parse::<u32>().is_ok_and(|seconds| seconds > 0 && seconds <= 31_536_000));
        assert!(entropy(&found["access_token"]) >= 128.0);
    }
    assert!(wanted.is_subset(&names), "{wanted:?} in {names:?}");
    let more: Vec<&&str> =
        names.difference(&wanted).filter(|name| !["session_state", "scope"].contains(*name)).collect();
    assert!(more.is_empty(), "{more:?} beside {wanted:?}");
    Response(found)
}

/// `error_description`: printable ASCII without `"` and `\`, no CR, LF or TAB (RFC 6749 §4.1.2.1).
#[track_caller]
pub(crate) fn is_plain(description: &str) {
    let is_plain = |c: char| matches!(c, ' ' | '!' | '#'..='[' | ']'..='~');
    assert!(!description.is_empty() && description.chars().all(is_plain), "{description:?}");
}

/// Bits that a text holds by the frequency of its letters, as the suite measures it.
fn entropy(text: &str) -> f64 {
    let mut counts: BTreeMap<char, f64> = BTreeMap::new();
    for c in text.chars() {
        *counts.entry(c).or_default() += 1.0;
    }
    let total: f64 = counts.values().sum();
    total * -counts.values().map(|count| count / total * (count / total).log2()).sum::<f64>()
}

/// What an ID token came together with.
#[derive(Debug)]
pub(crate) struct Beside<'a> {
    pub(crate) code: Option<&'a str>,
    pub(crate) access_token: Option<&'a str>,
    /// From the authorization endpoint.
    pub(crate) is_front: bool,
}

/// An ID token; answers its claims.
#[track_caller]
pub(crate) fn id_token(
    m: &Module,
    party: &Party,
    asked: &Asked,
    token: &str,
    keys: &Value,
    beside: &Beside<'_>,
) -> Value {
    let (header, claims) = verify(token, keys);
    let alg = header["alg"].as_str().unwrap_or_default();
    assert_eq!(alg, party.id_token_alg(), "another algorithm than registered");
    assert_eq!(claims["iss"], m.house.issuer.as_str());
    assert!(claims["sub"].as_str().is_some_and(|sub| (1..=255).contains(&sub.len()) && sub.is_ascii()));
    match &claims["aud"] {
        Value::String(one) => assert_eq!(*one, party.id),
        Value::Array(some) => assert_eq!(some.as_slice(), [Value::from(party.id.as_str())]),
        other => panic!("aud: {other}"),
    }
    let now = m.house.now();
    let time = |name: &str| claims[name].as_i64().unwrap_or_else(|| panic!("{name} in {claims}"));
    assert!(time("exp") > now && time("exp") < now + 50 * 31_536_000, "exp: {claims}");
    assert!(time("iat") <= now + 1 && time("iat") > now - 300, "iat: {claims}, now {now}");
    assert!(time("auth_time") <= now + 1 && time("auth_time") > now - 31_536_000, "auth_time: {claims}");
    assert_eq!(claims.get("nonce").map(|n| n.as_str().expect("text")), asked.get("nonce"), "nonce");
    assert!(claims["acr"].as_str().is_some_and(|acr| !acr.is_empty()), "acr: {claims}");
    let hash = |member: &str, of: Option<&str>, is_due: bool| match (claims.get(member), of) {
        (Some(found), Some(text)) => assert_eq!(*found, half_hash(alg, text), "{member}"),
        (Some(_), None) => panic!("{member} of nothing: {claims}"),
        (None, _) => assert!(!is_due, "no {member}: {claims}"),
    };
    hash("at_hash", beside.access_token, beside.is_front && beside.access_token.is_some());
    hash("c_hash", beside.code, beside.is_front && beside.code.is_some());
    hash("s_hash", asked.get("state"), false);
    // Nothing beyond the protocol and what was asked for.
    let mut asked_for = asked.claims_by_name("id_token");
    if m.at.is_id_token_alone() {
        asked_for.extend(claims::of_scopes(asked.get("scope").unwrap_or_default()));
    }
    let members = claims.as_object().expect("an object");
    let is_known = |name: &String| PROTOCOL.contains(&name.as_str()) || asked_for.contains(name);
    let more: Vec<&String> = members.keys().filter(|name| !is_known(name)).collect();
    assert!(more.is_empty(), "{more:?} in an ID token");
    claims::are_typed(members);
    claims
}

/// A token response.
#[track_caller]
pub(crate) fn token_response(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "token: {}", answer.text());
    is_json(answer);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let tokens = answer.json();
    assert!(tokens["access_token"].as_str().is_some_and(|token| entropy(token) >= 128.0));
    assert!(tokens["token_type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")));
    assert!(tokens["id_token"].is_string(), "{tokens}");
    let seconds = tokens["expires_in"].as_i64().expect("expires_in, a number");
    assert!(seconds > 0 && seconds <= 31_536_000, "expires_in: {seconds}");
    if let Some(refresh) = tokens.get("refresh_token") {
        let refresh = refresh.as_str().expect("text");
        assert!(!refresh.is_empty() && refresh.chars().all(|c| ('!'..='~').contains(&c)), "{refresh}");
    }
    tokens
}

/// An error of the token endpoint.
#[track_caller]
pub(crate) fn token_error(answer: &Answer, error: &str) {
    is_json(answer);
    let told = answer.json();
    assert_eq!(told["error"], error, "{told}");
    assert!(TOKEN_ERRORS.contains(&error));
    assert_eq!(answer.status, if error == "invalid_client" { 401 } else { 400 }, "{told}");
    assert!(told.as_object().is_some_and(|all| all.keys().all(|name| name.starts_with("error"))), "{told}");
    if let Some(description) = told.get("error_description") {
        is_plain(description.as_str().expect("text"));
    }
}

/// A userinfo response in JSON.
#[track_caller]
pub(crate) fn userinfo(flow: &Flow, answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "userinfo: {}", answer.text());
    is_json(answer);
    let told = answer.json();
    userinfo_claims(flow, &told, &["sub"]);
    told
}

/// What userinfo says, in whatever form: `sub` of the ID token, and what was asked for, of the right types.
#[track_caller]
pub(crate) fn userinfo_claims(flow: &Flow, told: &Value, protocol: &[&str]) {
    assert_eq!(told["sub"], flow.claims()["sub"], "another person");
    let mut asked_for = claims::of_scopes(flow.asked.get("scope").unwrap_or_default());
    asked_for.extend(flow.asked.claims_by_name("userinfo"));
    let members = told.as_object().expect("an object");
    let is_known = |name: &String| protocol.contains(&name.as_str()) || asked_for.contains(name);
    let more: Vec<&String> = members.keys().filter(|name| !is_known(name)).collect();
    assert!(more.is_empty(), "{more:?} in userinfo");
    let missing: Vec<&String> = asked_for.iter().filter(|name| !members.contains_key(*name)).collect();
    assert!(missing.is_empty(), "{missing:?} are missing in userinfo");
    claims::are_typed(members);
}

/// A successful registration; answers what it says.
#[track_caller]
pub(crate) fn registration(sent: &Map<String, Value>, answer: &Answer) -> Value {
    assert_eq!(answer.status, 201, "registration: {}", answer.text());
    is_json(answer);
    assert_eq!(answer.header("cache-control"), Some("no-store"), "it may hold secrets");
    let told = answer.json();
    assert!(told["client_id"].as_str().is_some_and(|id| !id.is_empty()));
    for (name, value) in sent {
        assert_eq!(told[name], *value, "{name} is not echoed");
    }
    let method = sent.get("token_endpoint_auth_method").and_then(Value::as_str).unwrap_or_default();
    if method.starts_with("client_secret") {
        assert!(told["client_secret"].as_str().is_some_and(|secret| entropy(secret) >= 128.0));
        assert!(told["client_secret_expires_at"].is_u64(), "client_secret_expires_at: {told}");
    } else {
        assert!(told.get("client_secret").is_none(), "a secret for {method}");
    }
    let uri = told["registration_client_uri"].as_str().expect("registration_client_uri");
    assert!(uri.starts_with("https://"), "{uri}");
    assert!(told["registration_access_token"].is_string());
    told
}

/// A refused registration.
#[track_caller]
pub(crate) fn registration_error(answer: &Answer, codes: &[&str]) {
    is_json(answer);
    assert_eq!(answer.status, 400, "{}", answer.text());
    let error = answer.word("error");
    assert!(codes.contains(&error.as_str()), "{}", answer.text());
    if let Some(description) = answer.json()["error_description"].as_str() {
        is_plain(description);
    }
}
