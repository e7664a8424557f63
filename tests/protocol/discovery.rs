//! `/.well-known/openid-configuration` and the keys it names.

use serde_json::{Value, json};
use testkit::wire::Request;
use testkit::{Server, unb64};

fn holds(list: &Value, word: &str) -> bool {
    list.as_array().is_some_and(|all| all.iter().any(|one| one == word))
}

#[tokio::test]
async fn discovery_tells_what_is_there() {
    let server = Server::start().await;
    let browser = server.browser();
    let answer = browser.send(Request::get("/.well-known/openid-configuration")).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("application/json")));
    let found = answer.json();
    assert_eq!(found["issuer"], server.issuer.as_str());
    for member in ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"] {
        let url = found[member].as_str().unwrap_or_else(|| panic!("no {member}"));
        assert!(url.starts_with(&format!("{}/", server.issuer)), "{member}: {url}");
    }
    assert!(holds(&found["response_types_supported"], "code"));
    assert_eq!(found["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(found["authorization_response_iss_parameter_supported"], true);
    for (member, word) in [
        ("subject_types_supported", "public"),
        ("id_token_signing_alg_values_supported", "ES256"),
        ("id_token_signing_alg_values_supported", "RS256"),
        ("scopes_supported", "openid"),
        ("token_endpoint_auth_methods_supported", "client_secret_basic"),
        ("token_endpoint_auth_methods_supported", "client_secret_post"),
        ("token_endpoint_auth_methods_supported", "none"),
        ("grant_types_supported", "authorization_code"),
        ("claims_supported", "sub"),
        ("acr_values_supported", "urn:latchbolt:acr:qr"),
    ] {
        assert!(holds(&found[member], word), "{member} lacks {word}: {}", found[member]);
    }
    assert!(!holds(&found["id_token_signing_alg_values_supported"], "none"));
    for member in
        ["claims_parameter_supported", "request_parameter_supported", "request_uri_parameter_supported"]
    {
        assert!(found[member].is_boolean(), "{member} is told, its default differs");
    }
    // Unchanged: not sent again.
    let tag = answer.header("etag").expect("an entity tag").to_owned();
    let again =
        browser.send(Request::get("/.well-known/openid-configuration").header("if-none-match", &tag)).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
}

#[tokio::test]
async fn jwks_holds_public_keys_alone() {
    let server = Server::start().await;
    let answer = server.browser().send(Request::get("/jwks")).await;
    assert_eq!(answer.status, 200);
    let keys = answer.json()["keys"].as_array().unwrap().clone();
    assert!(keys.len() >= 2, "{keys:?}");
    let cache = answer.header("cache-control").expect("told how long to keep it");
    assert_eq!(cache, "public, max-age=300");
    for key in &keys {
        for secret in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key.get(secret).is_none(), "a private part {secret}");
        }
        let alg = key["alg"].as_str().unwrap();
        let expected = match alg {
            "ES256" => ("EC", "sig"),
            "RS256" | "PS256" => ("RSA", "sig"),
            "EdDSA" => ("OKP", "sig"),
            "ECDH-ES" => ("EC", "enc"),
            "RSA-OAEP-256" => ("RSA", "enc"),
            other => panic!("a key for {other}"),
        };
        assert_eq!((key["kty"].as_str().unwrap(), key["use"].as_str().unwrap()), expected, "{alg}");
        let canonical = match expected.0 {
            "EC" => format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, key["x"], key["y"]),
            "OKP" => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":{}}}"#, key["x"]),
            _ => {
                assert!(unb64(key["n"].as_str().unwrap()).len() >= 256);
                format!(r#"{{"e":{},"kty":"RSA","n":{}}}"#, key["e"], key["n"])
            }
        };
        assert_eq!(key["kid"], testkit::b64(&testkit::sha256(canonical.as_bytes())), "kid is the thumbprint");
    }
}

/// Members registered for provider metadata (IANA, OAuth Authorization Server Metadata) that we may send.
pub(crate) const REGISTERED: &[&str] = &[
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "userinfo_endpoint",
    "jwks_uri",
    "registration_endpoint",
    "scopes_supported",
    "response_types_supported",
    "response_modes_supported",
    "grant_types_supported",
    "acr_values_supported",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
    "id_token_encryption_alg_values_supported",
    "id_token_encryption_enc_values_supported",
    "userinfo_signing_alg_values_supported",
    "userinfo_encryption_alg_values_supported",
    "userinfo_encryption_enc_values_supported",
    "request_object_signing_alg_values_supported",
    "request_object_encryption_alg_values_supported",
    "request_object_encryption_enc_values_supported",
    "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported",
    "display_values_supported",
    "claim_types_supported",
    "claims_supported",
    "ui_locales_supported",
    "claims_parameter_supported",
    "request_parameter_supported",
    "request_uri_parameter_supported",
    "require_request_uri_registration",
    "code_challenge_methods_supported",
    "authorization_response_iss_parameter_supported",
    "prompt_values_supported",
    "pushed_authorization_request_endpoint",
    "require_pushed_authorization_requests",
    "require_signed_request_object",
    "introspection_endpoint",
    "introspection_endpoint_auth_methods_supported",
    "introspection_endpoint_auth_signing_alg_values_supported",
    "introspection_signing_alg_values_supported",
    "revocation_endpoint",
    "revocation_endpoint_auth_methods_supported",
    "revocation_endpoint_auth_signing_alg_values_supported",
    "dpop_signing_alg_values_supported",
    "end_session_endpoint",
    "check_session_iframe",
    "frontchannel_logout_supported",
    "frontchannel_logout_session_supported",
    "backchannel_logout_supported",
    "backchannel_logout_session_supported",
];

#[tokio::test]
async fn sec_136_the_metadata_has_registered_members_of_the_right_type_and_each_endpoint_is_there() {
    let server = testkit::Setup::default().set("registration.mode", "open").start().await;
    let line = server.browser();
    let found = line.send(Request::get("/.well-known/openid-configuration")).await.json();
    for (name, value) in found.as_object().unwrap() {
        assert!(REGISTERED.contains(&name.as_str()), "{name} is not registered");
        match name.as_str() {
            _ if name.ends_with("_endpoint") || name.ends_with("_uri") || name == "check_session_iframe" => {
                let path = value.as_str().and_then(|url| url.strip_prefix(&server.issuer)).expect(name);
                let status = line.send(Request::get(path)).await.status;
                assert!(status != 404 && status < 500, "{name}: {path} answers {status}");
            }
            "issuer" => {}
            _ if name.ends_with("_supported") && !value.is_boolean() => {
                let list = value.as_array().expect(name);
                assert!(!list.is_empty() && list.iter().all(Value::is_string), "{name}");
                assert!(list.iter().enumerate().all(|(at, one)| !list[..at].contains(one)), "{name} repeats");
            }
            _ => assert!(value.is_boolean(), "{name}: {value}"),
        }
    }
    for tag in found["ui_locales_supported"].as_array().unwrap() {
        let tag = tag.as_str().unwrap();
        let (language, region) = tag.split_once('-').unwrap_or((tag, ""));
        assert!(matches!(language.len(), 2 | 3) && language.bytes().all(|b| b.is_ascii_lowercase()), "{tag}");
        assert!(region.bytes().all(|b| b.is_ascii_alphanumeric()), "{tag}");
    }
    for (list, word) in found.as_object().unwrap().iter().filter(|(name, _)| name.contains("_signing_")) {
        assert!(!holds(word, "none") || list.starts_with("request_object"), "{list} names none");
    }
}

#[tokio::test]
async fn oauth_metadata_is_the_same_document() {
    let server = Server::start().await;
    let line = server.browser();
    let oidc = line.send(Request::get("/.well-known/openid-configuration")).await;
    let oauth = line
        .send(Request::get("/.well-known/oauth-authorization-server").header("origin", "https://a.example"))
        .await;
    assert_eq!((oauth.status, oauth.json()), (200, oidc.json()));
    assert_eq!(oauth.header("access-control-allow-origin"), Some("*"));
    assert!(oauth.header("access-control-allow-credentials").is_none());
}
