//! Tests of registrations.

use serde_json::json;

use super::*;

pub(super) fn parse(json: &Value) -> Result<Client, BadRegistration> {
    let registration = Registration::parse(json)?;
    let hash = Some(SecretHash([7; 32]));
    Ok(registration.into_client("shop".parse().unwrap(), hash, Timestamp::from_seconds(5)))
}

#[test]
fn defaults_are_those_of_the_standard_and_safe() {
    let client =
        parse(&json!({"redirect_uris": ["https://shop.example/cb"], "contacts": ["x"], "new": 1})).unwrap();
    assert_eq!(client.auth_method, ClientAuthMethod::ClientSecretBasic);
    assert_eq!(client.name, "shop.example");
    assert_eq!(client.scopes, ["openid", "profile", "email", "address", "phone"]);
    assert_eq!(client.metadata.contacts, ["x"]);
    assert!(client.is_enabled && client.secret_hash.is_some());
    assert!(!client.skips_consent && !client.skips_check_code && !client.is_native);
}

#[test]
fn sec_104_public_clients_must_use_pkce_and_confidential_ones_when_they_say_so() {
    let requires = |method: &str, asked: Value| {
        let uris = ["https://shop.example/cb"];
        let json = json!({"redirect_uris": uris, "token_endpoint_auth_method": method,
            "latchbolt_require_pkce": asked});
        parse(&json).unwrap().requires_pkce
    };
    assert!(requires("none", Value::Null) && requires("none", json!(true)));
    for asked in [Value::Null, json!(false), json!(true)] {
        assert_eq!(requires("client_secret_basic", asked.clone()), asked == json!(true));
        assert_eq!(requires("client_secret_post", asked.clone()), asked == json!(true));
    }
}

#[test]
fn a_client_survives_its_json() {
    let client = parse(&json!({
        "redirect_uris": ["http://127.0.0.1/cb", "org.example.app:/cb"], "application_type": "native",
        "token_endpoint_auth_method": "none", "client_name": "  App ", "scope": "email openid nonsense",
        "default_max_age": 60, "logo_uri": "https://shop.example/l.png",
        "id_token_signed_response_alg": "RS256", "latchbolt_verified": false,
        "latchbolt_phishing_resistant_only": true}))
    .unwrap();
    assert_eq!((client.name.as_str(), client.scopes.join(" ").as_str()), ("App", "openid email nonsense"));
    assert!(client.requires_pkce && client.secret_hash.is_none());
    assert_eq!(parse(&to_json(&client, None)).unwrap(), client);
    assert_eq!(to_json(&client, Some("s"))["client_secret_expires_at"], 0);
}

#[test]
fn sec_101_dangerous_addresses_are_not_registered() {
    for native in ["web", "native"] {
        for uri in [
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "vbscript:x",
            "about:blank",
            "blob:https://x/y",
            "http://shop.example/cb",
            "https://shop.example/cb#f",
            "https://a@b.example/",
            "https://@b.example/",
            "https://*.example/cb",
            "https://",
            "/cb",
            "shop.example/cb",
            "https://b.example/ü",
            "https://b.example/\\x",
            "https://b.example/a b",
            "http://localhost.evil.example/",
            "app:/cb",
            "https://b.example/\n",
        ] {
            let json = json!({"redirect_uris": [uri], "client_name": "x", "application_type": native});
            assert_eq!(parse(&json).unwrap_err().code(), "invalid_redirect_uri", "{native} {uri}");
        }
    }
    let custom = json!({"redirect_uris": ["org.example.app:/cb"], "client_name": "x"});
    assert!(parse(&custom).is_err(), "a web client has no private scheme");
    for uri in
        ["https://shop.example/cb?a=b", "http://localhost:8401/cb", "http://[::1]:1/cb", "http://127.0.0.1"]
    {
        assert!(parse(&json!({"redirect_uris": [uri]})).is_ok(), "{uri}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (member, value) in [
        ("client_name", json!("Shop\u{202E}")),
        ("client_name", json!("x".repeat(81))),
        ("redirect_uris", json!("https://shop.example")),
        ("redirect_uris", json!([])),
        ("token_endpoint_auth_method", json!("private_key_jwt")),
        ("id_token_signed_response_alg", json!("none")),
        ("grant_types", json!(["password"])),
        ("grant_types", json!([])),
        ("response_types", json!(["token"])),
        ("default_max_age", json!(-1)),
        ("logo_uri", json!("http://shop.example/l.png")),
        ("tos_uri", json!("javascript:x")),
        ("application_type", json!("desktop")),
        ("latchbolt_skip_consent", json!("yes")),
        ("subject_type", json!("odd")),
        ("tls_client_certificate_bound_access_tokens", json!(true)),
        ("software_statement", json!("a.b.c")),
        ("id_token_signed_response_alg", json!("HS256")),
        ("userinfo_signed_response_alg", json!("none")),
        ("id_token_encrypted_response_alg", json!("RSA1_5")),
        ("id_token_encrypted_response_alg", json!("ECDH-ES")),
        ("id_token_encrypted_response_enc", json!("A128GCM")),
        ("request_object_signing_alg", json!("ES256")),
        ("require_signed_request_object", json!(true)),
        ("initiate_login_uri", json!("http://localhost/start")),
        ("request_uris", json!(["http://shop.example/r"])),
        ("request_uris", json!(vec!["https://shop.example/r"; 21])),
        ("jwks_uri", json!("http://shop.example/jwks")),
        ("sector_identifier_uri", json!("http://shop.example/s")),
        ("post_logout_redirect_uris", json!(["http://shop.example/bye"])),
        ("post_logout_redirect_uris", json!(["javascript:alert(1)"])),
        ("frontchannel_logout_uri", json!("https://other.example/bye")),
        ("frontchannel_logout_uri", json!("https://shop.example:444/bye")),
        ("frontchannel_logout_uri", json!("https://shop.example/bye#x")),
        ("backchannel_logout_uri", json!("http://127.0.0.1/bye")),
        ("contacts", json!(vec!["a"; 11])),
        ("contacts", json!(["a\nb"])),
        ("default_acr_values", json!(["gold"])),
        ("latchbolt_access_token_format", json!("xml")),
        ("latchbolt_resources", json!(["no uri"])),
        ("latchbolt_resources", json!(["https://api.example/#f"])),
        ("latchbolt_optional_scopes", json!(["openid"])),
        ("latchbolt_optional_scopes", json!(["admin"])),
        ("scope", json!("openid \u{e9}")),
        ("scope", json!("email")),
    ] {
        let mut json = json!({"redirect_uris": ["https://shop.example/cb"]});
        json[member] = value.clone();
        let error = parse(&json).expect_err(member);
        assert!(error.to_string().starts_with(member), "{member} {value}: {error}");
    }
    let public = json!({"redirect_uris": ["https://a.example"], "token_endpoint_auth_method": "none",
        "latchbolt_skip_consent": true});
    assert!(parse(&public).is_err());
    let public = json!({"redirect_uris": ["https://a.example"], "token_endpoint_auth_method": "none",
        "latchbolt_require_pkce": false});
    assert!(parse(&public).is_err());
}

#[test]
fn sec_196_a_misspelt_member_of_ours_is_refused_and_a_strange_one_ignored() {
    let with = |name: &str| parse(&json!({"redirect_uris": ["https://shop.example/cb"], name: true}));
    assert!(with("latchbolt_phishing_resistant_only").unwrap().requires_phishing_resistant);
    for wrong in ["latchbolt_requires_phishing_resistant", "latchbolt_", "latchbolt_Verified"] {
        assert!(with(wrong).unwrap_err().to_string().contains(wrong));
    }
    assert!(with("x_latchbolt").is_ok());
}

fn open() -> Policy {
    Policy {
        grant_types: GrantType::ALL.to_vec(),
        response_types: ResponseType::ALL.to_vec(),
        redirect_hosts: Vec::new(),
    }
}

fn code_alone() -> Policy {
    Policy {
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        response_types: vec![ResponseType::Code],
        redirect_hosts: Vec::new(),
    }
}

fn by_itself(json: &Value, policy: &Policy) -> Result<Client, BadRegistration> {
    let registration = Registration::parse_for(json, Caller::Itself(policy))?;
    let hash = Some(SecretHash([7; 32]));
    Ok(registration.into_client("shop".parse().unwrap(), hash, Timestamp::from_seconds(5)))
}

fn key() -> Value {
    json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "a", "x": "AA", "y": "AA"}]})
}

/// Everything at once.
fn full() -> Value {
    json!({
        "redirect_uris": ["https://shop.example/cb", "https://shop.example/cb2?x=1"],
        "client_name": "A client with a long name and a few spaces in it",
        "client_name#de": "Ein Laden",
        "contacts": ["ops@shop.example", "+1 555 0100"],
        "grant_types": ["authorization_code", "implicit", "refresh_token", "client_credentials"],
        "response_types": ["code", "id_token", "token id_token", "code id_token", "code token",
            "code id_token token"],
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "PS256",
        "jwks": key(),
        "id_token_signed_response_alg": "EdDSA",
        "id_token_encrypted_response_alg": "ECDH-ES",
        "userinfo_signed_response_alg": "PS256",
        "userinfo_encrypted_response_alg": "RSA-OAEP-256",
        "userinfo_encrypted_response_enc": "A256GCM",
        "introspection_signed_response_alg": "ES256",
        "request_object_signing_alg": "RS256",
        "request_object_encryption_alg": "RSA-OAEP-256",
        "request_object_encryption_enc": "A192GCM",
        "request_uris": ["https://shop.example/request#abc"],
        "require_signed_request_object": true,
        "require_pushed_authorization_requests": true,
        "dpop_bound_access_tokens": true,
        "subject_type": "pairwise",
        "sector_identifier_uri": "https://Sector.example/uris.json",
        "default_acr_values": ["phr"],
        "default_max_age": 3600,
        "require_auth_time": true,
        "initiate_login_uri": "https://shop.example/start",
        "post_logout_redirect_uris": ["https://shop.example/bye"],
        "frontchannel_logout_uri": "https://shop.example/out?x=1",
        "frontchannel_logout_session_required": true,
        "backchannel_logout_uri": "https://shop.example/back",
        "scope": "openid email api:read offline_access",
        "software_id": "4NRB1-0XZABZI9E6-5SM3R",
        "software_version": "2.0",
        "latchbolt_access_token_format": "opaque",
        "latchbolt_resources": ["https://api.example/", "urn:example:api"],
        "latchbolt_serves": ["https://api.example/"],
        "latchbolt_optional_scopes": ["email"],
    })
}

#[test]
fn every_member_is_kept_and_echoed() {
    let client = parse(&full()).unwrap();
    let metadata = &client.metadata;
    assert_eq!(metadata.response_types.len(), 6);
    assert_eq!(client.scopes, ["openid", "email", "offline_access", "api:read"]);
    let enc = domain::ContentEncryption::A128CbcHs256;
    assert_eq!(metadata.id_token_encryption.map(|e| e.enc), Some(enc), "the default of `enc`");
    assert_eq!(
        metadata.subject,
        domain::SubjectType::Pairwise { sector: "sector.example".to_owned() },
        "in lower case"
    );
    let echo = to_json(&client, None);
    for (name, value) in full().as_object().unwrap() {
        match name.as_str() {
            "client_name#de" => assert!(echo.get(name).is_none()),
            "scope" => assert_eq!(echo[name], "openid email offline_access api:read"),
            "response_types" => assert_eq!(echo[name][2], "id_token token"),
            _ => assert_eq!(&echo[name], value, "{name}"),
        }
    }
    assert_eq!(parse(&echo).unwrap(), client, "what is written is read as the same");
    assert!(echo.as_object().unwrap().values().all(|value| !value.is_null()));
}

#[test]
fn sec_131_a_client_that_registers_itself_cannot_vouch_for_itself() {
    let client = by_itself(&full(), &open()).unwrap();
    assert!(!client.is_verified && client.metadata.is_dynamic);
    assert!(client.metadata.resources.is_empty() && client.metadata.serves.is_empty());
    assert_eq!(client.metadata.access_token_format, domain::AccessTokenFormat::Jwt);
    assert_eq!(client.scopes, ["openid", "email", "offline_access"], "no scope of its own");
    let mut greedy = json!({"redirect_uris": ["https://shop.example/cb"], "client_id": "mine",
        "registration_access_token": "x", "sealed_secret": [1], "is_verified": true, "secret_hash": "x"});
    // Two of ours are refused, not passed over: see `service`.
    for ours in OURS.iter().filter(|ours| !ours.starts_with("latchbolt_cas")) {
        greedy[*ours] = true.into();
    }
    let client = by_itself(&greedy, &open()).unwrap();
    let plain = by_itself(&json!({"redirect_uris": ["https://shop.example/cb"]}), &open()).unwrap();
    assert_eq!(client, plain, "nothing of it counts");
    assert!(!client.skips_consent && !client.skips_check_code && client.id.as_str() == "shop");
    assert_eq!(client.id_token_alg, SigningAlg::RS256, "the default of the standard");
    let echo = to_client_json(&client, Some("s"));
    assert!(echo.as_object().unwrap().keys().all(|name| !name.starts_with("latchbolt_")), "{echo}");
    assert_eq!(by_itself(&echo, &open()).unwrap(), client);
}

#[test]
fn a_policy_narrows_what_a_stranger_gets() {
    let all = json!({"redirect_uris": ["https://shop.example/cb"],
        "grant_types": ["authorization_code", "implicit", "refresh_token", "password"],
        "response_types": ["code", "id_token", "code id_token token", "token"]});
    let client = by_itself(&all, &code_alone()).unwrap();
    assert_eq!(client.metadata.response_types, [ResponseType::Code]);
    assert_eq!(client.metadata.grant_types, [GrantType::AuthorizationCode, GrantType::RefreshToken]);
    let client = by_itself(&all, &open()).unwrap();
    assert_eq!(client.metadata.response_types.len(), 3);
    let implicit = json!({"redirect_uris": ["https://shop.example/cb"], "response_types": ["id_token"]});
    assert_eq!(by_itself(&implicit, &code_alone()).unwrap_err().code(), "invalid_client_metadata");
    let http = json!({"redirect_uris": ["http://localhost/cb"], "response_types": ["id_token"]});
    assert_eq!(by_itself(&http, &open()).unwrap_err().code(), "invalid_redirect_uri");
    let silent = json!({"redirect_uris": ["https://shop.example/cb"]});
    let client = by_itself(&silent, &open()).unwrap();
    assert_eq!(client.metadata.response_types, [ResponseType::Code], "only what is named");
    assert_eq!(client.metadata.grant_types, [GrantType::AuthorizationCode]);
    let machine = json!({"client_name": "x", "grant_types": ["client_credentials"]});
    assert!(by_itself(&machine, &code_alone()).is_err());
}

#[test]
fn a_policy_names_hosts() {
    let hosts = vec!["shop.example".to_owned(), "*.club.example".to_owned()];
    let policy = Policy { redirect_hosts: hosts, ..Policy::default() };
    let at = |uri: &str| {
        by_itself(&json!({"redirect_uris": [uri], "application_type": "native", "client_name": "x"}), &policy)
    };
    for good in [
        "https://shop.example/cb",
        "https://SHOP.example:8443/",
        "https://a.club.example/",
        "https://a.b.club.example/",
    ] {
        assert!(at(good).is_ok(), "{good}");
    }
    for bad in [
        "https://a.shop.example/",
        "https://club.example/",
        "https://evilclub.example/",
        "https://shop.example.evil/",
        "http://localhost/",
        "org.example.app:/cb",
        "org.example.app://shop.example/cb",
    ] {
        assert_eq!(at(bad).unwrap_err().code(), "invalid_redirect_uri", "{bad}");
    }
}

#[test]
fn one_list_of_types_says_the_other() {
    let types = |more: Value| {
        let mut json = json!({"redirect_uris": ["https://shop.example/cb"], "client_name": "x"});
        json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        parse(&json).map(|client| {
            let echo = to_json(&client, None);
            (echo["grant_types"].clone(), echo["response_types"].clone())
        })
    };
    for (given, grants, responses) in [
        (json!({}), json!(["authorization_code"]), json!(["code"])),
        (json!({"response_types": ["id_token"]}), json!(["implicit"]), json!(["id_token"])),
        (
            json!({"response_types": ["token code"]}),
            json!(["authorization_code", "implicit"]),
            json!(["code token"]),
        ),
        (json!({"grant_types": ["implicit"]}), json!(["implicit"]), json!(["id_token"])),
        (json!({"grant_types": ["client_credentials"]}), json!(["client_credentials"]), json!([])),
    ] {
        assert_eq!(types(given.clone()).unwrap(), (grants, responses), "{given}");
    }
    for bad in [
        json!({"grant_types": ["authorization_code"], "response_types": ["id_token"]}),
        json!({"grant_types": ["implicit"], "response_types": ["code id_token"]}),
        json!({"grant_types": ["implicit"], "response_types": ["code"]}),
        json!({"grant_types": ["client_credentials"], "token_endpoint_auth_method": "none"}),
        json!({"grant_types": ["refresh_token"]}),
    ] {
        assert!(types(bad.clone()).is_err(), "{bad}");
    }
}

#[test]
fn keys_are_public_and_in_one_place() {
    let with = |more: Value| {
        let mut json = json!({"redirect_uris": ["https://shop.example/cb"]});
        json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        parse(&json)
    };
    assert!(with(json!({"jwks": key()})).is_ok());
    assert!(with(json!({"jwks_uri": "https://shop.example/jwks"})).is_ok());
    assert!(with(json!({"jwks": key(), "jwks_uri": "https://shop.example/jwks"})).is_err());
    for secret in PRIVATE_MEMBERS {
        let mut set = key();
        set["keys"][0][*secret] = "AA".into();
        let refused = with(json!({"jwks": set})).unwrap_err();
        assert!(refused.to_string().starts_with("jwks: holds a private"), "{refused}");
    }
    for bad in
        [json!({}), json!([]), json!({"keys": []}), json!({"keys": [1]}), json!({"keys": [{}]}), json!("x")]
    {
        assert!(with(json!({"jwks": bad.clone()})).is_err(), "{bad}");
    }
    let many: Vec<Value> = (0..51).map(|_| key()["keys"][0].clone()).collect();
    assert!(with(json!({"jwks": {"keys": many}})).is_err());
    let hmac = json!({"token_endpoint_auth_method": "client_secret_jwt"});
    assert!(with(hmac).unwrap().auth_method.has_secret());
    let wrong = json!({"token_endpoint_auth_method": "client_secret_jwt", "token_endpoint_auth_signing_alg": "RS256"});
    assert!(with(wrong).is_err());
}

const PRIVATE_MEMBERS: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

#[test]
fn sec_132_pairwise_subjects_need_one_sector() {
    let with = |uris: Value, document: Value| {
        Registration::parse(&json!({"redirect_uris": uris, "client_name": "x", "subject_type": "pairwise",
            "sector_identifier_uri": document, "application_type": "native"}))
    };
    let sector = |registration: Registration| match registration
        .into_client("a".parse().unwrap(), None, Timestamp::default())
        .metadata
        .subject
    {
        domain::SubjectType::Pairwise { sector } => sector,
        domain::SubjectType::Public => panic!("public"),
    };
    let two = json!(["https://a.example/cb", "https://b.example/cb"]);
    assert!(with(two.clone(), Value::Null).is_err());
    assert!(with(json!(["https://a.example/cb", "org.example.app:/cb"]), Value::Null).is_err());
    // Any app may write a name there: it would see people under the subjects of that name's sector.
    for app in ["org.example.app://a.example/cb", "org.example.app://a.example:443"] {
        assert!(with(json!([app]), Value::Null).is_err(), "{app}");
        assert!(with(json!(["https://a.example/", app]), Value::Null).is_err(), "{app}");
    }
    let same = json!(["https://a.example/cb", "https://A.example:8443/other"]);
    assert_eq!(sector(with(same, Value::Null).unwrap()), "a.example");
    let listed = with(two, json!("https://S.example/list")).unwrap();
    assert_eq!(listed.sector_document(), Some("https://S.example/list"));
    let list = |uris: &[&str]| listed.is_listed(&uris.iter().map(|u| (*u).to_owned()).collect::<Vec<_>>());
    assert!(list(&["https://b.example/cb", "https://c.example/", "https://a.example/cb"]).is_ok());
    assert_eq!(list(&["https://a.example/cb"]).unwrap_err().code(), "invalid_client_metadata");
    assert!(list(&[]).is_err());
    assert_eq!(sector(listed), "s.example");
}

#[test]
fn a_registration_in_place_of_another_keeps_what_was_given() {
    let mut before = by_itself(&json!({"redirect_uris": ["https://shop.example/cb"]}), &open()).unwrap();
    before.metadata.registration_token = Some(SecretHash([9; 32]));
    let put = |method: &str| {
        let json = json!({"redirect_uris": ["https://new.example/cb"], "token_endpoint_auth_method": method});
        Registration::parse_for(&json, Caller::Itself(&open())).unwrap().in_place_of(&before)
    };
    let after = put("client_secret_post");
    assert_eq!((&after.id, after.created_at), (&before.id, before.created_at));
    assert_eq!(after.secret_hash, before.secret_hash);
    assert_eq!(after.metadata.registration_token, before.metadata.registration_token);
    assert_eq!(after.redirect_uris, ["https://new.example/cb"]);
    assert_eq!(put("none").secret_hash, None);
    assert_eq!(
        put("client_secret_jwt").secret_hash,
        None,
        "a hash cannot check an HMAC: a new secret is due"
    );
}

#[test]
fn json_from_strangers_is_read_strictly() {
    assert_eq!(read_json(br#"{"a": [1, -2, 0.5, null, true, "x"]}"#).unwrap()["a"][5], "x");
    let deep = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
    assert!(read_json(deep(16).as_bytes()).is_ok());
    for bad in
        [&deep(17), &deep(100_000), r#"{"a":1,"a":1}"#, r#"{"b":{"a":1,"a":2}}"#, "{} {}", "{", "", "\u{0}"]
    {
        assert!(read_json(bad.as_bytes()).is_err(), "{bad:.20}");
    }
}
