//! Metadata.

use serde_json::Value;
use testkit::wire::Request;
use url::Url;

use crate::conformance::check::PROTOCOL;
use crate::conformance::flow::Module;
use crate::conformance::house::claims_of_the_user;
use crate::discovery::REGISTERED;

#[track_caller]
fn list<'a>(metadata: &'a Value, member: &str) -> Vec<&'a str> {
    let all = metadata[member].as_array().unwrap_or_else(|| panic!("{member} is no list: {metadata}"));
    assert!(!all.is_empty(), "{member} is empty");
    all.iter().map(|one| one.as_str().unwrap_or_else(|| panic!("{member}: {one}"))).collect()
}

pub(crate) async fn oidcc_discovery_endpoint_verification(m: &Module) {
    let answer = m.line.send(Request::get("/.well-known/openid-configuration")).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("application/json")));
    let found = answer.json();
    assert_eq!(
        found["issuer"],
        m.house.issuer.as_str(),
        "the address minus /.well-known/openid-configuration"
    );
    let issuer = Url::parse(&m.house.issuer).expect("an address");
    assert!(issuer.scheme() == "https" && issuer.query().is_none() && issuer.fragment().is_none());
    let members = found.as_object().expect("an object");
    for (name, value) in members {
        assert!(REGISTERED.contains(&name.as_str()), "{name} is not registered");
        assert!(!value.is_null(), "{name} is null");
        if name.ends_with("_endpoint") || ["jwks_uri", "check_session_iframe"].contains(&name.as_str()) {
            let url = Url::parse(value.as_str().expect("text")).expect("an address");
            assert!(url.scheme() == "https" && url.fragment().is_none(), "{name}: {url}");
        }
        if name.ends_with("_supported") {
            let is_flag = matches!(
                name.as_str(),
                "claims_parameter_supported"
                    | "request_parameter_supported"
                    | "request_uri_parameter_supported"
                    | "authorization_response_iss_parameter_supported"
                    | "frontchannel_logout_supported"
                    | "frontchannel_logout_session_supported"
                    | "backchannel_logout_supported"
                    | "backchannel_logout_session_supported"
            );
            assert!(if is_flag { value.is_boolean() } else { !list(&found, name).is_empty() }, "{name}");
        }
        if name.ends_with("_alg_values_supported") && !name.starts_with("request_object") {
            assert!(!list(&found, name).contains(&"none"), "{name}");
        }
    }
    for endpoint in ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "registration_endpoint"]
    {
        assert!(members.contains_key(endpoint), "no {endpoint}");
    }
    let has = |member: &str, words: &[&str]| {
        let all = list(&found, member);
        assert!(words.iter().all(|word| all.contains(word)), "{member}: {all:?} lacks some of {words:?}");
    };
    has("response_types_supported", &["code", "id_token", "id_token token"]);
    has("response_types_supported", &["code id_token", "code token", "code id_token token"]);
    has("response_modes_supported", &["query", "fragment", "form_post"]);
    has("grant_types_supported", &["authorization_code", "implicit", "refresh_token"]);
    has("id_token_signing_alg_values_supported", &["RS256"]);
    has("scopes_supported", &["openid"]);
    has("claims_supported", &["sub"]);
    // Whoever tests needs a user with a value for each of them.
    let known = claims_of_the_user();
    // Groups are no claim of an account: whoever tests puts the user into one.
    let of_the_user = |name: &&str| known.get(*name).is_some() || ["updated_at", "groups"].contains(name);
    let strange: Vec<&str> =
        list(&found, "claims_supported").into_iter().filter(|name| !of_the_user(name)).collect();
    assert!(strange.iter().all(|name| PROTOCOL.contains(name)), "{strange:?}");
    has("code_challenge_methods_supported", &["S256"]);
    has(
        "token_endpoint_auth_methods_supported",
        &["client_secret_basic", "client_secret_post", "private_key_jwt"],
    );
    assert!(list(&found, "subject_types_supported").iter().all(|kind| ["public", "pairwise"].contains(kind)));
    for member in ["ui_locales_supported", "claims_locales_supported"] {
        if members.contains_key(member) {
            assert!(list(&found, member).iter().all(|tag| is_language(tag)), "{}", found[member]);
        }
    }
    m.keys().await;
    // RFC 8414 finds the same.
    let same = m.line.send(Request::get("/.well-known/oauth-authorization-server")).await;
    assert_eq!(same.json(), found);
}

/// A tag of BCP 47 in its usual case: `en`, `de-CH`, `zh-Hant-TW`.
fn is_language(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let language = parts.next().unwrap_or_default();
    let is_lower = |part: &str| part.bytes().all(|b| b.is_ascii_lowercase());
    (2..=3).contains(&language.len())
        && is_lower(language)
        // ISO 639 has no such language; it is China's country code.
        && language != "cn"
        && parts.all(|part| match part.len() {
            2 => part.bytes().all(|b| b.is_ascii_uppercase()),
            4 => part[..1].bytes().all(|b| b.is_ascii_uppercase()) && is_lower(&part[1..]),
            _ => part.bytes().all(|b| b.is_ascii_alphanumeric()),
        })
}

#[track_caller]
fn all_true(m: &Module, members: &[&str]) {
    m.endpoint("end_session_endpoint");
    for member in members {
        assert_eq!(m.metadata[*member], true, "{member}");
    }
}

pub(crate) async fn oidcc_rp_initiated_logout_discovery_endpoint_verification(m: &Module) {
    all_true(m, &[]);
}

pub(crate) async fn oidcc_session_management_discovery_endpoint_verification(m: &Module) {
    m.endpoint("check_session_iframe");
    all_true(m, &[]);
}

pub(crate) async fn oidcc_frontchannel_logout_discovery_endpoint_verification(m: &Module) {
    all_true(m, &["frontchannel_logout_supported", "frontchannel_logout_session_supported"]);
}

pub(crate) async fn oidcc_backchannel_logout_discovery_endpoint_verification(m: &Module) {
    all_true(m, &["backchannel_logout_supported", "backchannel_logout_session_supported"]);
}
