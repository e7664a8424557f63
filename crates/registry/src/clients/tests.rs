//! Tests of registrations.

use super::registration::{parse, registration_json};
use super::*;
use domain::{SigningAlg, Timestamp};
use serde_json::json;

fn read(metadata: &Value) -> Result<Client, BadRegistration> {
    parse(metadata, "shop".parse().unwrap(), Timestamp::from_seconds(1_800_000_000))
}

#[test]
fn the_least_registration_is_a_confidential_client_with_strict_defaults() {
    let client = read(&json!({"redirect_uris": ["https://shop.example/cb"]})).unwrap();
    assert_eq!(client.auth_method, ClientAuthMethod::ClientSecretBasic);
    assert_eq!(client.id_token_alg, SigningAlg::ES256);
    assert!(client.is_enabled && !client.skips_consent && !client.skips_check_code);
    assert!(client.scopes.iter().any(|s| s == "openid"));
    assert_eq!(client.name, "shop");
}

#[test]
fn sec_104_public_clients_must_use_pkce_and_confidential_ones_when_they_say_so() {
    let requires = |method: &str, asked: Value| {
        let uris = ["https://shop.example/cb"];
        read(&json!({"redirect_uris": uris, "token_endpoint_auth_method": method, "latchbolt_require_pkce": asked}))
            .map(|client| client.requires_pkce)
    };
    assert!(requires("none", Value::Null).unwrap() && requires("none", json!(true)).unwrap());
    assert!(requires("none", json!(false)).is_err());
    for method in ["client_secret_basic", "client_secret_post"] {
        assert!(!requires(method, Value::Null).unwrap() && !requires(method, json!(false)).unwrap());
        assert!(requires(method, json!(true)).unwrap());
    }
}

#[test]
fn sec_196_a_misspelt_member_of_ours_is_refused_and_a_strange_one_ignored() {
    let with = |name: &str| read(&json!({"redirect_uris": ["https://shop.example/cb"], name: true}));
    assert!(with("latchbolt_phishing_resistant_only").unwrap().requires_phishing_resistant);
    for bad in ["latchbolt_requires_phishing_resistant", "latchbolt_", "latchbolt_Verified"] {
        assert!(with(bad).unwrap_err().to_string().contains(bad));
    }
    assert!(with("x_latchbolt").is_ok());
}

#[test]
fn what_goes_out_comes_in_again() {
    let client = read(&json!({
        "redirect_uris": ["http://127.0.0.1/cb", "com.example.app:/cb"], "application_type": "native",
        "client_name": "The Shop", "token_endpoint_auth_method": "none", "scope": "openid email",
        "id_token_signed_response_alg": "RS256", "default_max_age": 60, "tos_uri": "https://shop.example/tos",
        "latchbolt_phishing_resistant_only": true, "something_unknown": {"a": 1},
    }))
    .unwrap();
    assert_eq!(read(&registration_json(&client, None)).unwrap(), client);
    assert!(registration_json(&client, None).get("client_secret").is_none());
    assert_eq!(registration_json(&client, Some("s"))["client_secret_expires_at"], 0);
}

#[test]
fn sec_100_redirect_uris_are_whole_addresses() {
    for bad in [
        "https://shop.example/*",
        "https://*.shop.example/cb",
        "https://shop.example/cb#x",
        "/cb",
        "shop.example/cb",
        "https://ada@shop.example/cb",
        "https://a:b@shop.example/cb",
        "https://shop.example\\@evil.example/cb",
        "http://shop.example/cb",
        "http://10.0.0.1/cb",
        "https://shop.example/c b",
        "https:///cb?",
        "",
        "com.example.app:/cb",
    ] {
        assert!(read(&json!({"redirect_uris": [bad]})).is_err(), "{bad}");
    }
    for good in [
        "https://shop.example/cb?x=a@b",
        "http://localhost:3000/cb",
        "http://[::1]/cb",
        "https://shop.example",
    ] {
        assert!(read(&json!({"redirect_uris": [good]})).is_ok(), "{good}");
    }
}

#[test]
fn sec_101_dangerous_schemes_cannot_be_registered() {
    for scheme in [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "vbscript:x",
        "blob:https://x",
        "about:blank",
    ] {
        for kind in ["web", "native"] {
            let metadata = json!({"redirect_uris": [scheme], "application_type": kind});
            assert!(read(&metadata).is_err(), "{scheme} {kind}");
        }
    }
}

#[test]
fn what_we_cannot_promise_is_refused_by_name() {
    let base = json!({"redirect_uris": ["https://shop.example/cb"]});
    for (name, value) in [
        ("grant_types", json!(["client_credentials"])),
        ("response_types", json!(["id_token"])),
        ("token_endpoint_auth_method", json!("private_key_jwt")),
        ("subject_type", json!("pairwise")),
        ("dpop_bound_access_tokens", json!(true)),
        ("id_token_signed_response_alg", json!("none")),
        ("scope", json!("email")),
        ("client_name", json!("a\u{202E}b")),
        ("logo_uri", json!("javascript:1")),
        ("policy_uri", json!("http://shop.example/")),
        ("default_max_age", json!(-1)),
        ("redirect_uris", json!("https://shop.example/cb")),
    ] {
        let mut metadata = base.clone();
        metadata[name] = value;
        let refused = read(&metadata).unwrap_err();
        assert_eq!(refused.member, name, "{refused}");
    }
    let public = json!({"redirect_uris": ["https://shop.example/cb"], "token_endpoint_auth_method": "none"});
    for name in ["latchbolt_skip_consent", "latchbolt_require_pkce"] {
        let mut metadata = public.clone();
        metadata[name] = json!(name == "latchbolt_skip_consent");
        assert_eq!(read(&metadata).unwrap_err().member, name);
    }
}

#[test]
fn sec_115_a_secret_is_kept_as_its_hash() {
    let secret = SecretString::from("correct horse battery staple, no".to_owned());
    let hash = hash_secret(&secret);
    assert_eq!(hash.0[..4], [0xeb, 0x95, 0xfb, 0x0f]);
}
