//! Any registration at all: no panic, and nothing taken that is not fit.

use proptest::prelude::*;
use serde_json::{Value, json};
use url::Url;

use super::{BadRegistration, Caller, Policy, Registration, read_json, to_client_json, to_json};
use domain::{Client, GrantType, ResponseType, Timestamp};

const MEMBERS: &[&str] = &[
    "redirect_uris",
    "client_name",
    "grant_types",
    "response_types",
    "token_endpoint_auth_method",
    "token_endpoint_auth_signing_alg",
    "application_type",
    "jwks",
    "jwks_uri",
    "scope",
    "contacts",
    "subject_type",
    "sector_identifier_uri",
    "id_token_signed_response_alg",
    "id_token_encrypted_response_alg",
    "id_token_encrypted_response_enc",
    "request_object_signing_alg",
    "request_uris",
    "default_max_age",
    "default_acr_values",
    "initiate_login_uri",
    "post_logout_redirect_uris",
    "frontchannel_logout_uri",
    "backchannel_logout_uri",
    "logo_uri",
    "software_statement",
    "latchbolt_skip_consent",
    "latchbolt_optional_scopes",
    "latchbolt_resources",
    "latchbolt_cas",
    "latchbolt_cas_apps",
];

const WORDS: &[&str] = &[
    "code",
    "id_token",
    "code id_token",
    "authorization_code",
    "implicit",
    "refresh_token",
    "client_credentials",
    "none",
    "private_key_jwt",
    "client_secret_jwt",
    "ES256",
    "ECDH-ES",
    "A128GCM",
    "pairwise",
    "native",
    "openid",
    "openid offline_access api",
    "https://a.example/cb",
    "https://b.example/cb",
    "http://127.0.0.1/cb",
    "org.example.app:/cb",
    "javascript:alert(1)",
    "https://a@b.example/",
    "phr",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(WORDS).prop_map(str::to_owned),
        1 => ".{0,20}",
        1 => "[a-z]{1,6}:(//)?[@a-z0-9.:#/?\\\\]{0,20}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => text().prop_map(Value::from),
        4 => prop::collection::vec(text(), 0..4).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => Just(json!({"keys": [{"kty": "EC"}]})),
        1 => text().prop_map(|name| json!({ name: 1 })),
        1 => (text(), text(), text()).prop_map(|(service, logout, claim)| json!({
            "services": [service], "logout_url": logout, "attributes": {"mail": claim}})),
    ]
}

fn registration() -> impl Strategy<Value = Value> {
    let members = prop::collection::vec((prop::sample::select(MEMBERS), value()), 0..8);
    (any::<bool>(), members).prop_map(|(has_address, members)| {
        let mut json =
            if has_address { json!({"redirect_uris": ["https://a.example/cb"]}) } else { json!({}) };
        for (name, value) in members {
            json[name] = value;
        }
        json
    })
}

fn client(read: Registration) -> Client {
    read.into_client("a".parse().unwrap(), None, Timestamp::from_seconds(1))
}

fn is_safe(uri: &str) -> bool {
    Url::parse(uri).is_ok_and(|url| match url.scheme() {
        "https" => true,
        "http" => matches!(url.host_str(), Some(host) if host == "localhost"
            || host.ends_with(".localhost") || host.starts_with("127.") || host == "[::1]"),
        scheme => scheme.contains('.'),
    }) && !uri.contains(['#', '@', '\\', '<', '"', ' '])
}

fn is_taken_soundly(
    json: &Value,
    caller: Caller<'_>,
    write: fn(&Client, Option<&str>) -> Value,
) -> Result<(), BadRegistration> {
    let read = client(Registration::parse_for(json, caller)?);
    assert!(read.redirect_uris.iter().all(|uri| is_safe(uri)), "{json}");
    assert!(read.metadata.post_logout_redirect_uris.iter().all(|uri| is_safe(uri)), "{json}");
    let has_front = read.metadata.response_types.iter().any(|r| r.has_id_token() || r.has_token());
    assert_eq!(has_front, read.metadata.may_use(GrantType::Implicit), "{json}");
    let again = Registration::parse_for(&write(&read, None), caller).map(client);
    assert_eq!(again, Ok(read), "what is written is read as the same: {json}");
    Ok(())
}

proptest! {
    #[test]
    fn whatever_is_taken_is_sound_and_survives_its_json(json in registration()) {
        let policy = Policy {
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            response_types: vec![ResponseType::Code],
            redirect_hosts: vec!["*.example".to_owned()],
        };
        let _ = is_taken_soundly(&json, Caller::Operator, to_json);
        let _ = is_taken_soundly(&json, Caller::Itself(&policy), to_client_json);
        let _ = is_taken_soundly(&json, Caller::Itself(&Policy::default()), to_client_json);
    }

    #[test]
    fn no_address_is_taken_that_a_browser_must_not_follow(uri in text(), native in any::<bool>()) {
        let json = json!({"redirect_uris": [uri], "client_name": "x",
            "application_type": if native { "native" } else { "web" }});
        if let Ok(read) = Registration::parse(&json) {
            prop_assert!(client(read).redirect_uris.iter().all(|uri| is_safe(uri)));
        }
    }

    #[test]
    fn bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_json(&bytes);
    }

    #[test]
    fn json_is_read_as_others_read_it(json in registration()) {
        prop_assert_eq!(read_json(json.to_string().as_bytes()).unwrap(), json);
    }
}
