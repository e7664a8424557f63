//! Tests of clients that are services of CAS.

use domain::{Client, ClientAuthMethod, GrantType};
use serde_json::{Value, json};

use crate::registration::tests::parse;
use crate::registration::{BadRegistration, Caller, Policy, Registration, to_client_json, to_json};

fn cas(member: &Value) -> Result<Client, BadRegistration> {
    parse(&json!({"client_name": "Wiki", "latchbolt_cas": member}))
}

#[test]
fn a_service_of_cas_alone_needs_no_ways_back_and_has_no_secret() {
    let client = cas(&json!({
        "services": ["https://wiki.example/**"], "order": 7, "attributes": {"mail": "email"}, "user_claim": "email",
        "proxy_callbacks": ["https://wiki.example/pgt"], "single_logout": "front",
        "logout_url": "https://wiki.example/out", "required_acr": "phr", "texts": {"de": "Das Wiki"}}))
    .unwrap();
    assert_eq!(client.auth_method, ClientAuthMethod::None);
    assert!(client.secret_hash.is_none() && client.redirect_uris.is_empty());
    assert!(client.metadata.grant_types.is_empty() && client.metadata.response_types.is_empty());
    assert!(client.scopes.is_empty() && !client.metadata.takes_cas_apps);
    assert_eq!(client.metadata.cas.as_ref().unwrap().order, 7);
    assert_eq!(parse(&to_json(&client, None)).unwrap(), client, "it survives its JSON");
    assert!(to_client_json(&client, None).get("latchbolt_cas").is_none());
    let least = parse(&json!({"latchbolt_cas": {"services": ["https://wiki.example/"]}})).unwrap();
    assert_eq!(least.name, "wiki.example");
    assert_eq!(to_json(&least, None)["latchbolt_cas"], json!({"services": ["https://wiki.example/"]}));
}

#[test]
fn a_client_may_speak_both() {
    let both = json!({"redirect_uris": ["https://shop.example/cb"], "latchbolt_cas_apps": true,
        "latchbolt_cas": {"services": ["https://shop.example/"]}});
    let client = parse(&both).unwrap();
    assert!(client.metadata.may_use(GrantType::AuthorizationCode) && client.metadata.takes_cas_apps);
    assert!(client.secret_hash.is_some() && client.metadata.cas.is_some());
    assert_eq!(parse(&to_json(&client, None)).unwrap(), client);
    // Without the service there is nothing left to be.
    let nothing = json!({"client_name": "x", "grant_types": [], "response_types": [], "redirect_uris": []});
    assert!(parse(&nothing).is_err());
}

#[test]
fn what_is_wrong_with_a_service_is_said_by_its_member() {
    let services = json!(["https://a.example/"]);
    let many: Vec<String> = (0..21).map(|n| format!("https://a.example/{n}")).collect();
    let names: serde_json::Map<String, Value> = (0..51).map(|n| (format!("a{n}"), json!("email"))).collect();
    for (member, wrong) in [
        ("latchbolt_cas.services", json!({})),
        ("latchbolt_cas.services", json!({"services": []})),
        ("latchbolt_cas.services", json!({"services": many})),
        ("latchbolt_cas.services", json!({"services": ["https://a.example/", "https://a.example/"]})),
        ("latchbolt_cas.services", json!({"services": [""]})),
        ("latchbolt_cas", json!(["https://a.example/"])),
        ("latchbolt_cas", json!({"services": services, "serviceId": "x"})),
        ("latchbolt_cas.order", json!({"services": services, "order": -1})),
        ("latchbolt_cas.order", json!({"services": services, "order": 1u64 << 31})),
        ("latchbolt_cas.attributes", json!({"services": services, "attributes": names})),
        ("latchbolt_cas.attributes", json!({"services": services, "attributes": {"mail": ["email"]}})),
        ("latchbolt_cas.user_claim", json!({"services": services, "user_claim": "a b"})),
        (
            "latchbolt_cas.proxy_callbacks",
            json!({"services": services, "proxy_callbacks": ["http://a.example/"]}),
        ),
        ("latchbolt_cas.single_logout", json!({"services": services, "single_logout": "both"})),
        ("latchbolt_cas.logout_url", json!({"services": services, "logout_url": "http://a.example/out"})),
        (
            "latchbolt_cas.logout_url",
            json!({"services": services, "single_logout": "front",
            "logout_url": "https://b.example/out"}),
        ),
        (
            "latchbolt_cas.required_acr",
            json!({"services": services, "required_acr": "urn:latchbolt:acr:cas-app"}),
        ),
        ("latchbolt_cas.texts", json!({"services": services, "texts": {"en": "two\nlines"}})),
        ("latchbolt_cas.texts", json!({"services": services, "texts": {"not a tag": "x"}})),
    ] {
        match cas(&wrong) {
            Err(BadRegistration::Metadata { member: said, .. }) => assert_eq!(said, member, "{wrong}"),
            other => panic!("{wrong}: {other:?}"),
        }
    }
    let loopback = json!({"services": services, "logout_url": "http://127.0.0.1:8080/out"});
    assert!(cas(&loopback).is_ok(), "this machine");
    for wrong in [
        json!({"token_endpoint_auth_method": "client_secret_basic", "latchbolt_cas": {"services": services}}),
        json!({"grant_types": [], "redirect_uris": ["https://a.example/cb"], "latchbolt_cas": {"services": services}}),
    ] {
        assert!(parse(&wrong).is_err(), "{wrong}");
    }
}

#[test]
fn strangers_do_not_register_services_of_cas() {
    let policy = Policy::default();
    let uris = json!(["https://a.example/cb"]);
    for json in [
        json!({"redirect_uris": uris, "latchbolt_cas": {"services": ["https://a.example/"]}}),
        json!({"redirect_uris": uris, "latchbolt_cas": {}}),
        json!({"latchbolt_cas": {"services": ["https://a.example/"]}}),
        json!({"redirect_uris": uris, "latchbolt_cas_apps": true}),
    ] {
        let refused = Registration::parse_for(&json, Caller::Itself(&policy)).unwrap_err();
        assert_eq!(refused.code(), "invalid_client_metadata", "{json}");
        assert!(refused.to_string().starts_with("latchbolt_cas"), "{refused}");
    }
    let none = json!({"redirect_uris": uris, "latchbolt_cas": null, "latchbolt_cas_apps": false});
    assert!(Registration::parse_for(&none, Caller::Itself(&policy)).is_ok());
}
