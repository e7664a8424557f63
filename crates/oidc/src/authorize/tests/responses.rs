//! Response types and modes: who may ask for what, where it goes, and what it needs.

use domain::{ClientMetadata, GrantType, ResponseType};

use super::*;

/// A client that registered these response types, and what they need.
fn with_types(types: &[ResponseType]) -> Client {
    let metadata = ClientMetadata {
        grant_types: vec![GrantType::AuthorizationCode, GrantType::Implicit],
        response_types: types.to_vec(),
        ..ClientMetadata::default()
    };
    Client { metadata, ..client() }
}

fn answered(client: &Client, changes: &[(&str, &str)]) -> Result<Checked, SentBack> {
    Asked::new(request(changes)).for_client(client).expect("bound").checked(NOW)
}

#[test]
fn sec_106_response_types_are_off_until_registered() {
    for response in ResponseType::ALL {
        let asked = [("response_type", response.as_str()), ("nonce", "n")];
        let all = with_types(ResponseType::ALL);
        let mode = ResponseMode::default_of(*response);
        let checked = answered(&all, &asked).unwrap();
        assert_eq!((checked.request.response, checked.request.mode), (*response, mode));
        // The words in another order are the same.
        let turned: Vec<&str> = response.as_str().rsplit(' ').collect();
        assert!(answered(&all, &[("response_type", &turned.join(" ")), ("nonce", "n")]).is_ok());
        if *response == ResponseType::Code {
            continue;
        }
        for refusing in [
            client(),
            with_types(&[ResponseType::Code]),
            Client {
                metadata: ClientMetadata {
                    response_types: ResponseType::ALL.to_vec(),
                    ..ClientMetadata::default()
                },
                ..client()
            },
        ] {
            let back = answered(&refusing, &asked).unwrap_err();
            assert_eq!(back.error.code, ErrorCode::UnauthorizedClient, "{response:?}");
            assert_eq!(back.to.mode(), mode, "the refusal stands where the answer would");
        }
        let no_code = ClientMetadata { grant_types: vec![GrantType::Implicit], ..all.metadata.clone() };
        let refused = answered(&Client { metadata: no_code, ..all }, &asked).is_err();
        assert_eq!(refused, response.has_code());
    }
    for never in ["token", "none", "code code", "id_token token none", "CODE"] {
        let back = answered(&with_types(ResponseType::ALL), &[("response_type", never)]).unwrap_err();
        assert_eq!(back.error.code, ErrorCode::UnsupportedResponseType, "{never}");
    }
}

#[test]
fn oidcc_ensure_request_without_nonce() {
    let all = with_types(ResponseType::ALL);
    for (response, needs) in [
        ("code", false),
        ("code token", false),
        ("id_token", true),
        ("id_token token", true),
        ("code id_token", true),
        ("code id_token token", true),
    ] {
        let answer = answered(&all, &[("response_type", response), ("nonce", "")]);
        assert_eq!(answer.is_err(), needs, "{response}");
        if let Err(back) = answer {
            assert_eq!(
                (back.error.code, back.to.mode()),
                (ErrorCode::InvalidRequest, ResponseMode::Fragment)
            );
        }
    }
}

#[test]
fn tokens_never_stand_in_a_query() {
    let all = with_types(ResponseType::ALL);
    let modes: &[(&str, &str, Result<ResponseMode, ResponseMode>)] = &[
        ("code", "fragment", Ok(ResponseMode::Fragment)),
        ("code", "form_post", Ok(ResponseMode::FormPost)),
        ("id_token", "form_post", Ok(ResponseMode::FormPost)),
        ("id_token", "query", Err(ResponseMode::Fragment)),
        ("code token", "query", Err(ResponseMode::Fragment)),
        ("code", "nonsense", Err(ResponseMode::Query)),
        ("id_token", "nonsense", Err(ResponseMode::Fragment)),
    ];
    for (response, mode, expected) in modes {
        let answer = answered(&all, &[("response_type", response), ("response_mode", mode), ("nonce", "n")]);
        let got = answer.map(|checked| checked.back.mode()).map_err(|back| {
            assert_eq!(back.error.code, ErrorCode::InvalidRequest);
            back.to.mode()
        });
        assert_eq!(got, *expected, "{response} {mode}");
    }
    let app = Client { redirect_uris: vec!["com.example.app:/cb".to_owned()], ..all };
    let form = [("redirect_uri", "com.example.app:/cb"), ("response_mode", "form_post")];
    let back = answered(&app, &form).unwrap_err();
    assert_eq!((back.error.code, back.to.mode()), (ErrorCode::InvalidRequest, ResponseMode::Query));
}

#[test]
fn sec_102_103_137_every_mode_carries_all_and_nothing_in_the_address_of_a_form() {
    let state = "a+b &=%\"<\u{1F511}".to_owned() + &"s".repeat(8_000);
    let token = FrontToken { text: "t0ken", token_type: "Bearer", expires_in: 600, scope: "openid email" };
    let given =
        Given { code: Some("c0de"), token: Some(token), id_token: Some("a.b.c"), session_state: Some("x.y") };
    let names = [
        "code",
        "access_token",
        "token_type",
        "expires_in",
        "scope",
        "id_token",
        "session_state",
        "state",
        "iss",
    ];
    for (mode, start) in [("fragment", "https://shop.example/q?a=b#"), ("form_post", "")] {
        let changes = [
            ("redirect_uri", "https://shop.example/q?a=b"),
            ("response_mode", mode),
            ("state", state.as_str()),
        ];
        let back = check(&changes).unwrap().back;
        let refused = SentBack { to: back.clone(), error: OAuthError::new(ErrorCode::AccessDenied, "No") };
        for (answer, names) in [
            (back.with(&given, ISSUER), &names[..]),
            (refused.answer(ISSUER), &["error", "error_description", "state", "iss"]),
        ] {
            let fields = match answer {
                Answer::SeeOther(location) => {
                    let fragment = location.strip_prefix(start).unwrap();
                    url::form_urlencoded::parse(fragment.as_bytes()).into_owned().collect()
                }
                Answer::Form { action, fields } => {
                    assert_eq!((mode, action.as_str()), ("form_post", "https://shop.example/q?a=b"));
                    fields
                }
            };
            assert_eq!(fields.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), names);
            let value = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
            assert_eq!((value("state"), value("iss")), (Some(state.as_str()), Some(ISSUER)));
            if names[0] == "code" {
                assert_eq!((value("expires_in"), value("scope")), (Some("600"), Some("openid email")));
            }
        }
    }
}

#[test]
fn sec_104_pkce_goes_with_codes_alone() {
    let all = with_types(ResponseType::ALL);
    let without = |response| {
        let changes = [
            ("response_type", response),
            ("nonce", "n"),
            ("code_challenge", ""),
            ("code_challenge_method", ""),
        ];
        answered(&all, &changes).is_ok()
    };
    assert!(without("id_token") && without("id_token token"));
    assert!(!without("code") && !without("code id_token") && !without("code token"));
}

#[test]
fn sec_128_129_a_client_that_pushes_or_signs_does_so_always() {
    let strict = |requires_par, requires_signed_request| Client {
        metadata: ClientMetadata { requires_par, requires_signed_request, ..ClientMetadata::default() },
        ..client()
    };
    for (client, came, is_good) in [
        (strict(true, false), Came::default(), false),
        (strict(true, false), Came { pushed: true, signed: false }, true),
        (strict(false, true), Came { pushed: true, signed: false }, false),
        (strict(false, true), Came { pushed: false, signed: true }, true),
        (strict(true, true), Came { pushed: true, signed: true }, true),
    ] {
        let answer = Asked::holding(request(&[]), came).for_client(&client).unwrap().checked(NOW);
        assert_eq!(answer.is_ok(), is_good, "{came:?}");
        if let Err(back) = answer {
            assert_eq!(back.error.code, ErrorCode::InvalidRequest);
        }
    }
}

#[test]
fn a_request_is_in_one_place() {
    let carried = |fields: &[(&str, &str)]| {
        let asked = Asked::new(request(fields));
        asked.carrier().map(|carrier| format!("{carrier:?}")).map_err(|error| error.code)
    };
    let urn = request_uri(&"a".repeat(43));
    assert_eq!(carried(&[]).unwrap(), "Here");
    assert_eq!(carried(&[("request", "a.b.")]).unwrap(), "Object(\"a.b.\")");
    assert_eq!(carried(&[("request_uri", "https://x")]).unwrap(), "Reference(\"https://x\")");
    assert!(carried(&[("request_uri", &urn)]).unwrap().starts_with("Pushed(\"aaa"));
    assert_eq!(carried(&[("request_uri", "urn:other")]), Err(ErrorCode::InvalidRequestUri));
    assert_eq!(carried(&[("request_uri", &urn), ("request", "a.b.")]), Err(ErrorCode::InvalidRequest));
    assert_eq!(carried(&[("request", "a"), ("request", "a")]), Err(ErrorCode::InvalidRequest));
}

#[test]
fn sec_102_an_object_that_cannot_be_opened_is_refused_where_a_good_address_stands_beside_it() {
    let bad = OAuthError::new(ErrorCode::InvalidRequestObject, "No");
    let gone = OAuthError::new(ErrorCode::InvalidRequestUri, "No");
    let told = |changes: &[(&str, &str)], error| Asked::new(request(changes)).refuse(&client(), error);
    let back = told(&[("request", "x"), ("response_mode", "form_post")], bad).unwrap();
    assert_eq!((back.to.state(), back.to.mode()), (Some("st"), ResponseMode::FormPost));
    for uri in ["", "https://evil.test/"] {
        assert_eq!(told(&[("redirect_uri", uri)], bad), Err(Shown::InvalidRequestObject));
        assert_eq!(told(&[("redirect_uri", uri)], gone), Err(Shown::InvalidRequestUri));
    }
    for shown in [
        Shown::Repeated,
        Shown::UnknownClient,
        Shown::DisabledClient,
        Shown::MissingRedirectUri,
        Shown::UnknownRedirectUri,
        Shown::InvalidRequestUri,
        Shown::InvalidRequestObject,
        Shown::Unreadable(crate::BadParams::TooLong),
    ] {
        assert!(shown.told().is_well_formed());
    }
}

#[test]
fn resources_may_repeat_and_must_be_registered() {
    let metadata = ClientMetadata {
        resources: ["https://a.example", "https://b.example/x"].map(str::to_owned).to_vec(),
        ..ClientMetadata::default()
    };
    let client = Client { metadata, ..client() };
    let ask = |resources: &[&str]| {
        let fields: Vec<_> = resources.iter().map(|resource| ("resource", *resource)).collect();
        answered(&client, &fields).map(|checked| checked.request.resources).map_err(|back| back.error.code)
    };
    assert_eq!(ask(&["https://b.example/x", "https://a.example", "https://a.example"]).unwrap().len(), 2);
    for bad in ["https://a.example/", "https://A.example", "https://c.example", "a", "https://a.example#f"] {
        assert_eq!(ask(&["https://a.example", bad]), Err(ErrorCode::InvalidTarget), "{bad}");
    }
    assert_eq!(ask(&["https://a.example"; 11]), Err(ErrorCode::InvalidTarget));
}

#[test]
fn scopes_of_its_own_and_offline_access() {
    let scopes = ["openid", "email", "orders:read", "offline_access", "orders:write"].map(str::to_owned);
    let grant_types = vec![GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::Implicit];
    let metadata = ClientMetadata {
        grant_types,
        response_types: ResponseType::ALL.to_vec(),
        ..ClientMetadata::default()
    };
    let client = Client { scopes: scopes.to_vec(), metadata, ..client() };
    let granted = |client: &Client, response: &str| {
        let scope = "orders:read offline_access unknown openid orders:read email admin";
        let changes = [("scope", scope), ("response_type", response), ("nonce", "n")];
        answered(client, &changes).unwrap().request.scopes
    };
    assert_eq!(granted(&client, "code"), ["openid", "email", "offline_access", "orders:read"]);
    assert_eq!(granted(&client, "id_token token"), ["openid", "email", "orders:read"]);
    let mut cannot = client.clone();
    cannot.metadata.grant_types.retain(|grant| *grant != GrantType::RefreshToken);
    assert_eq!(granted(&cannot, "code"), ["openid", "email", "orders:read"]);
    let changes =
        [("scope", "openid email"), ("claims", r#"{"userinfo":{"email":null},"id_token":{"email":null}}"#)];
    let mut request = answered(&client, &changes).unwrap().request;
    request.keep_to(&["openid".to_owned()]);
    assert_eq!((request.scopes_to_agree(), request.userinfo_claims.len()), (vec!["openid".to_owned()], 0));
}

#[test]
fn default_acr_values_count_when_nothing_is_said() {
    let metadata = ClientMetadata { default_acr: vec![Acr::Passkey], ..ClientMetadata::default() };
    let client = Client { metadata, ..client() };
    let wished = |changes: &[(&str, &str)]| answered(&client, changes).unwrap().request.wished_acr;
    assert_eq!(wished(&[]), [Acr::Passkey]);
    assert_eq!(wished(&[("acr_values", "1 2")]), []);
    assert_eq!(wished(&[("acr_values", "urn:latchbolt:acr:qr")]), [Acr::Qr]);
    assert_eq!(
        wished(&[("claims", r#"{"id_token":{"acr":{"value":"urn:latchbolt:acr:password"}}}"#)]),
        [Acr::Password]
    );
}

#[test]
fn a_client_that_has_its_tokens_bound_gets_none_unbound_from_here() {
    let mut client = with_types(ResponseType::ALL);
    client.metadata.requires_dpop = true;
    let ask = |response, jkt| {
        answered(&client, &[("response_type", response), ("nonce", "n"), ("dpop_jkt", jkt)]).is_ok()
    };
    assert!(ask("code", "") && ask("id_token", "") && ask("code token", CHALLENGE));
    assert!(!ask("code token", "") && !ask("id_token token", ""));
}

#[test]
fn requests_kept_by_older_nodes_are_read() {
    let kept = r#"{"client":"shop","redirect_uri":"https://shop.example/cb","state":null,"nonce":null,
        "scopes":["openid"],"challenge":null,"prompt":{"none":false,"login":false,"consent":false},
        "fresh_since":null,"essential_acr":[],"wished_acr":[],"id_token_claims":[],"userinfo_claims":[],"sub":null}"#;
    let request: Request = serde_json::from_str(kept).unwrap();
    assert_eq!((request.response, request.mode), (ResponseType::Code, ResponseMode::Query));
    // And theirs may read ours: what is usual has no member of its own.
    let ours = serde_json::to_value(check(&[]).unwrap().request).unwrap();
    assert!(["response", "mode", "resources", "jkt"].iter().all(|new| ours.get(new).is_none()));
}
