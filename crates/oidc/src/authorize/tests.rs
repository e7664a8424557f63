//! Tables: requests, clients, sessions, and what becomes of them.

use domain::{
    AccountId, Acr, BrowserSession, Client, ClientAuthMethod, Method, Proof, SecretHash, SessionId,
    SigningAlg, Timestamp,
};

use super::*;
use crate::{ErrorCode, OAuthError, Params};

mod cas_apps;
mod properties;
mod responses;

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const NOW: Timestamp = Timestamp::from_seconds(10_000);
const ISSUER: &str = "https://id.example";

pub(crate) fn client() -> Client {
    Client {
        id: "shop".parse().unwrap(),
        name: "Shop".to_owned(),
        is_verified: true,
        is_enabled: true,
        redirect_uris: vec!["https://shop.example/cb".to_owned(), "https://shop.example/q?a=b".to_owned()],
        is_native: false,
        auth_method: ClientAuthMethod::ClientSecretBasic,
        secret_hash: Some(SecretHash([1; 32])),
        scopes: ["openid", "profile", "email"].map(str::to_owned).to_vec(),
        id_token_alg: SigningAlg::ES256,
        requires_pkce: true,
        skips_consent: false,
        requires_phishing_resistant: false,
        skips_check_code: false,
        requires_same_country: false,
        default_max_age: None,
        logo_uri: None,
        client_uri: None,
        policy_uri: None,
        tos_uri: None,
        metadata: domain::ClientMetadata::default(),
        created_at: Timestamp::default(),
    }
}

const GOOD: &[(&str, &str)] = &[
    ("client_id", "shop"),
    ("redirect_uri", "https://shop.example/cb"),
    ("response_type", "code"),
    ("scope", "openid"),
    ("state", "st"),
    ("code_challenge", CHALLENGE),
    ("code_challenge_method", "S256"),
];

/// The good request with some parameters set, removed (empty) or added.
fn request(changes: &[(&str, &str)]) -> Params {
    let kept = GOOD.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    kept.chain(changes).copied().collect()
}

fn check_for(client: &Client, params: Params) -> Result<Checked, OAuthError> {
    let bound = Asked::new(params).for_client(client).expect("bound");
    bound.checked(NOW).map_err(|back| {
        assert!(back.error.is_well_formed(), "{}", back.error);
        back.error
    })
}

pub(crate) fn check(changes: &[(&str, &str)]) -> Result<Checked, ErrorCode> {
    check_for(&client(), request(changes)).map_err(|e| e.code)
}

#[test]
fn sec_100_mutated_redirect_uris_are_shown_never_sent_back() {
    for uri in [
        "https://shop.example.evil.test/cb",
        "https://evilshop.example/cb",
        "https://shop.example@evil.test/cb",
        "https://user@shop.example/cb",
        "https://shop.example:443/cb",
        "https://shop.example:8443/cb",
        "https://shop.example/cb/",
        "https://shop.example/CB",
        "https://SHOP.example/cb",
        "HTTPS://shop.example/cb",
        "https://shop.example/%63b",
        "https://shop.example/x/../cb",
        "https://shop.example//cb",
        "https://shop.example\\cb",
        "https://shop.example/cb#",
        "https://shop.example/cb#x",
        "https://shop.example/cb?",
        "https://shop.example/cb?x=1",
        "https://shop.example./cb",
        "https://shop.example/cb.",
        "https://shop.ex\u{430}mple/cb",
        "http://shop.example/cb",
        "//shop.example/cb",
        "https://shop.example/cb ",
        " https://shop.example/cb",
        "https://shop.example/cb\u{0}",
        "javascript:alert(1)",
        "https://shop.example/q",
        "https://shop.example/q?a=c",
        "https://shop.example/q?a=b&c=d",
        "*",
        "null",
    ] {
        let asked = Asked::new(request(&[("redirect_uri", uri)]));
        assert_eq!(asked.for_client(&client()).err(), Some(Shown::UnknownRedirectUri), "{uri:?}");
    }
    let missing = Asked::new(request(&[("redirect_uri", "")])).for_client(&client()).err();
    assert_eq!(missing, Some(Shown::MissingRedirectUri));
}

#[test]
fn sec_100_only_the_loopback_port_of_native_apps_is_free() {
    let native = Client {
        is_native: true,
        redirect_uris: vec!["http://127.0.0.1/cb".to_owned(), "http://[::1]:7/cb?x=1".to_owned()],
        ..client()
    };
    let is_good = |client: &Client, uri: &str| {
        ReturnAddress::for_client(client, uri, None, ResponseMode::Query).is_ok()
    };
    for good in
        ["http://127.0.0.1/cb", "http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb", "http://[::1]/cb?x=1"]
    {
        assert!(is_good(&native, good), "{good}");
    }
    for bad in [
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:01/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:1/cb/",
        "http://127.0.0.1:1",
        "http://127.0.0.1.evil.test/cb",
        "http://127.0.0.2:1/cb",
        "http://127.0.0.1:1@evil.test/cb",
        "https://127.0.0.1:1/cb",
        "http://localhost:1/cb",
        "http://127.1:1/cb",
        "http://127.0.0.1:1:2/cb",
        "http://[::1]:1/cb",
    ] {
        assert!(!is_good(&native, bad), "{bad}");
    }
    assert!(!is_good(&Client { is_native: false, ..native }, "http://127.0.0.1:1/cb"));
}

#[test]
fn sec_102_a_bad_client_is_shown() {
    for (id, expected) in
        [("", Shown::UnknownClient), ("other", Shown::UnknownClient), ("a b", Shown::UnknownClient)]
    {
        assert_eq!(
            Asked::new(request(&[("client_id", id)])).for_client(&client()).err(),
            Some(expected),
            "{id}"
        );
    }
    let disabled = Client { is_enabled: false, ..client() };
    assert_eq!(Asked::new(request(&[])).for_client(&disabled).err(), Some(Shown::DisabledClient));
}

#[test]
fn sec_107_repeated_parameters_are_refused() {
    for (name, value) in GOOD {
        for again in [*value, "other"] {
            let params: Params = GOOD.iter().copied().chain([(*name, again)]).collect();
            let client = client();
            let bound = Asked::new(params).for_client(&client);
            match *name {
                "client_id" | "redirect_uri" => assert_eq!(bound.err(), Some(Shown::Repeated)),
                _ => {
                    let back = bound.unwrap().checked(NOW).unwrap_err();
                    assert_eq!(back.error.code, ErrorCode::InvalidRequest, "{name}");
                    assert_eq!(back.to.state().is_none(), *name == "state");
                }
            }
        }
    }
}

#[test]
fn each_rule_refuses_by_its_name() {
    use ErrorCode::{
        InvalidRequest, InvalidScope, InvalidTarget, RegistrationNotSupported, UnauthorizedClient,
        UnmetAuthenticationRequirements, UnsupportedResponseType,
    };
    let short = &CHALLENGE[..42];
    let impossible = r#"{"id_token":{"acr":{"essential":true,"values":["gold"]}}}"#;
    let cases: &[(&[(&str, &str)], ErrorCode)] = &[
        (&[("registration", "{}")], RegistrationNotSupported),
        (&[("response_type", "")], InvalidRequest),
        (&[("response_type", "token")], UnsupportedResponseType),
        (&[("response_type", "code id_token")], UnauthorizedClient),
        (&[("response_type", "id_token")], UnauthorizedClient),
        (&[("response_type", "none")], UnsupportedResponseType),
        (&[("response_mode", "query.jwt")], InvalidRequest),
        (&[("response_mode", "Form_post")], InvalidRequest),
        (&[("scope", "")], InvalidScope),
        (&[("scope", "profile")], InvalidScope),
        (&[("scope", "OpenID")], InvalidScope),
        (&[("code_challenge", "")], InvalidRequest),
        (&[("code_challenge", ""), ("code_challenge_method", "")], InvalidRequest),
        (&[("code_challenge_method", "")], InvalidRequest),
        (&[("code_challenge_method", "plain")], InvalidRequest),
        (&[("code_challenge_method", "s256")], InvalidRequest),
        (&[("code_challenge", short)], InvalidRequest),
        (&[("prompt", "none login")], InvalidRequest),
        (&[("prompt", "nonsense")], InvalidRequest),
        (&[("max_age", "-1")], InvalidRequest),
        (&[("max_age", "1.5")], InvalidRequest),
        (&[("max_age", "soon")], InvalidRequest),
        (&[("claims", "nonsense")], InvalidRequest),
        (&[("claims", r#"{"id_token":{},"id_token":{}}"#)], InvalidRequest),
        (&[("claims", impossible)], UnmetAuthenticationRequirements),
        (&[("resource", "https://api.example")], InvalidTarget),
        (&[("dpop_jkt", "short")], InvalidRequest),
    ];
    for (changes, code) in cases {
        assert_eq!(check(changes).err(), Some(*code), "{changes:?}");
    }
}

#[test]
fn what_has_to_be_accepted_is() {
    let cases: &[&[(&str, &str)]] = &[
        &[],
        &[("extra", "foobar")],
        &[("nonce", "")],
        &[("state", "")],
        &[("display", "page")],
        &[("display", "hologram")],
        &[("ui_locales", "se de-CH xx_YY")],
        &[("claims_locales", "se")],
        &[("login_hint", "buffy@id.example")],
        &[("acr_values", "1 2")],
        &[("prompt", "login consent")],
        &[("prompt", "select_account")],
        &[("max_age", "99999999999999999999")],
        &[("response_mode", "query")],
        &[("response_mode", "fragment")],
        &[("response_mode", "form_post")],
        &[("dpop_jkt", CHALLENGE)],
        &[("scope", "email openid unknown")],
        &[("claims", r#"{"userinfo":{"name":{"essential":true}}}"#)],
    ];
    for changes in cases {
        assert!(check(changes).is_ok(), "{changes:?}");
    }
}

#[test]
fn pkce_may_be_absent_only_where_a_confidential_client_need_not() {
    let without = || request(&[("code_challenge", ""), ("code_challenge_method", "")]);
    let lax = Client { requires_pkce: false, ..client() };
    assert!(check_for(&lax, without()).is_ok());
    assert!(check_for(&Client { auth_method: ClientAuthMethod::None, ..lax }, without()).is_err());
}

#[test]
fn sec_108_scopes_are_those_known_registered_and_asked_for() {
    let checked = check(&[
        ("scope", "phone email openid email admin"),
        ("claims", r#"{"userinfo":{"name":null,"phone_number":null}}"#),
    ])
    .unwrap();
    assert_eq!(checked.request.scopes, ["openid", "email"]);
    assert_eq!(checked.request.userinfo_claims, ["name"], "phone is not registered for the client");
    assert_eq!(checked.request.scopes_to_agree(), ["openid", "email", "profile"]);
}

#[test]
fn sec_103_137_answers_carry_state_and_iss_and_keep_the_query() {
    let state = format!("{}+ %&\"<\u{1F511}", "s".repeat(600));
    let client = client();
    for (uri, start) in [
        ("https://shop.example/cb", "https://shop.example/cb?"),
        ("https://shop.example/q?a=b", "https://shop.example/q?a=b&"),
    ] {
        let checked = check(&[("redirect_uri", uri), ("state", &state)]).unwrap();
        let kept: Request = serde_json::from_str(&serde_json::to_string(&checked.request).unwrap()).unwrap();
        let back = kept.for_client(&client).unwrap().back;
        assert_eq!(back, checked.back);
        let refused = SentBack { to: back.clone(), error: OAuthError::new(ErrorCode::AccessDenied, "No") };
        let given = back.with(&Given { code: Some("c0de"), ..Given::default() }, ISSUER);
        for (answer, first) in [(given, "code=c0de"), (refused.answer(ISSUER), "error=access_denied")] {
            let Answer::SeeOther(location) = answer else { panic!("a form") };
            assert!(location.starts_with(&format!("{start}{first}&")), "{location}");
            let query = location.split_once('?').unwrap().1.strip_suffix('#').unwrap();
            let params = Params::parse(query.as_bytes()).unwrap();
            assert_eq!(params.get("state"), Some(state.as_str()));
            assert_eq!(params.get("iss"), Some(ISSUER));
            let form: std::collections::HashMap<_, _> =
                url::form_urlencoded::parse(query.as_bytes()).collect();
            assert_eq!(form["state"], state);
        }
    }
    let silent = check(&[("state", "")]).unwrap().back.with(&Given::default(), ISSUER);
    assert_eq!(silent, Answer::SeeOther("https://shop.example/cb?iss=https%3A%2F%2Fid.example#".to_owned()));
}

#[test]
fn sec_109_a_kept_request_dies_with_its_client_or_address() {
    let request = check(&[]).unwrap().request;
    let moved = Client { redirect_uris: vec!["https://other.example".to_owned()], ..client() };
    assert_eq!(request.clone().for_client(&moved).err(), Some(Shown::UnknownRedirectUri));
    let disabled = Client { is_enabled: false, ..client() };
    assert_eq!(request.clone().for_client(&disabled).err(), Some(Shown::DisabledClient));
    let other = Client { id: "other".parse().unwrap(), ..client() };
    assert_eq!(request.for_client(&other).err(), Some(Shown::UnknownClient));
}

#[test]
fn sec_108_109_a_kept_request_grants_what_its_client_may_ask_for_in_the_end() {
    let mut before = client();
    before.scopes = ["openid", "profile", "email", "orders"].map(str::to_owned).to_vec();
    before.metadata.resources = vec!["https://api.example".to_owned()];
    let claims = r#"{"userinfo":{"email":{"essential":true},"name":null}}"#;
    let changes =
        [("scope", "openid profile email orders"), ("claims", claims), ("resource", "https://api.example")];
    let kept = check_for(&before, request(&changes)).unwrap().request;
    let mut same = kept.clone();
    assert_eq!((same.narrow(&before), &same), (Ok(()), &kept));
    let mut less = before.clone();
    less.scopes = ["openid", "profile"].map(str::to_owned).to_vec();
    let mut narrowed = kept.clone();
    assert_eq!(narrowed.narrow(&less), Ok(()));
    assert_eq!(narrowed.scopes, ["openid", "profile"]);
    assert_eq!(narrowed.userinfo_claims, ["name"]);
    assert!(narrowed.essential_claims.is_empty());
    let mut less = before.clone();
    less.metadata.resources.clear();
    assert_eq!(kept.clone().narrow(&less).unwrap_err().code, ErrorCode::InvalidTarget);
    before.metadata.grant_types = vec![domain::GrantType::ClientCredentials];
    assert_eq!(kept.clone().narrow(&before).unwrap_err().code, ErrorCode::UnauthorizedClient);
}

fn session(proofs: &[(Method, i64)]) -> BrowserSession {
    let proof = |(method, at): &(Method, i64)| Proof {
        method: *method,
        at: Timestamp::from_seconds(*at),
        known_browser: false,
    };
    BrowserSession {
        id: SessionId::from_random([1; 16]),
        account: AccountId::from_random([2; 16]),
        secret_hash: SecretHash([0; 32]),
        proofs: proofs.iter().map(proof).collect(),
        device: None,
        browser: String::new(),
        address: String::new(),
        created_at: Timestamp::from_seconds(9_000),
        last_used_at: NOW,
        idle_seconds: 3_600,
        expires_at: Timestamp::from_seconds(90_000),
        ended: None,
    }
}

#[derive(Debug, PartialEq)]
enum Then {
    SignIn,
    Consent,
    Issue,
    Refuse(ErrorCode),
}

fn then(
    client: &Client,
    changes: &[(&str, &str)],
    session: Option<&BrowserSession>,
    remembered: &[&str],
) -> Then {
    let remembered: Vec<String> = remembered.iter().map(|s| (*s).to_owned()).collect();
    let checked = check_for(client, request(changes)).unwrap();
    let standing = Standing { session, remembered: Some(&remembered), ..Standing::default() };
    match checked.decide(client, standing) {
        Decision::SignIn(_) => Then::SignIn,
        Decision::Consent(_) => Then::Consent,
        Decision::Issue => Then::Issue,
        Decision::Refuse(error) => Then::Refuse(error.code),
    }
}

#[test]
fn sec_106_prompts_and_max_age_are_obeyed() {
    let client = client();
    let old = session(&[(Method::Password, 9_995)]);
    let all: &[&str] = &["openid"];
    for (changes, session, remembered, expected) in [
        (&[][..], None, all, Then::SignIn),
        (&[], Some(&old), all, Then::Issue),
        (&[], Some(&old), &[], Then::Consent),
        (&[("scope", "openid email")], Some(&old), all, Then::Consent),
        (&[("prompt", "none")], None, all, Then::Refuse(ErrorCode::LoginRequired)),
        (&[("prompt", "none")], Some(&old), all, Then::Issue),
        (&[("prompt", "none")], Some(&old), &[], Then::Refuse(ErrorCode::ConsentRequired)),
        (&[("prompt", "login")], Some(&old), all, Then::SignIn),
        (&[("prompt", "select_account")], Some(&old), all, Then::SignIn),
        (&[("prompt", "consent")], Some(&old), all, Then::Consent),
        (&[("max_age", "5")], Some(&old), all, Then::Issue),
        (&[("max_age", "4")], Some(&old), all, Then::SignIn),
        (&[("max_age", "0")], Some(&old), all, Then::SignIn),
        (&[("max_age", "4"), ("prompt", "none")], Some(&old), all, Then::Refuse(ErrorCode::LoginRequired)),
    ] {
        assert_eq!(then(&client, changes, session, remembered), expected, "{changes:?}");
    }
    let impatient = Client { default_max_age: Some(4), ..client };
    assert_eq!(then(&impatient, &[], Some(&old), all), Then::SignIn);
    assert_eq!(then(&impatient, &[("max_age", "60")], Some(&old), all), Then::Issue);
}

#[test]
fn prompt_login_is_answered_by_one_sign_in_after_the_request() {
    let client = client();
    let checked = check(&[("prompt", "login")]).unwrap();
    let wanted = checked.request.wanted(&client, None, false);
    assert!(wanted.met_by(Some(&session(&[(Method::Password, 9_999)]))).is_err());
    assert!(wanted.met_by(Some(&session(&[(Method::Password, 9_999), (Method::Password, 10_000)]))).is_ok());
}

/// What does not stand alone opens nothing here either: the browser's way and this decision say the same.
#[test]
fn sec_156_a_recovery_or_a_code_alone_is_no_sign_in() {
    let wanted = Wanted {
        acr: None,
        wished_acr: Vec::new(),
        fresh_since: None,
        account: None,
        consent: false,
        phishing_resistant: false,
    };
    for method in [Method::Recovery, Method::Totp, Method::RecoveryCode] {
        assert!(wanted.met_by(Some(&session(&[(method, 9_999)]))).is_err(), "{method:?}");
        let fresh = Wanted { fresh_since: Some(Timestamp::from_seconds(9_990)), ..wanted.clone() };
        let stale = session(&[(Method::Password, 9_980), (method, 9_999)]);
        assert!(fresh.met_by(Some(&stale)).is_err(), "{method:?}");
        assert!(wanted.met_by(Some(&stale)).is_ok());
    }
}

#[test]
fn sec_108_public_clients_always_ask() {
    let public = Client { auth_method: ClientAuthMethod::None, ..client() };
    let session = session(&[(Method::Password, 9_995)]);
    let own = Client { skips_consent: true, ..client() };
    assert_eq!(then(&public, &[], Some(&session), &["openid"]), Then::Consent);
    assert_eq!(
        then(&Client { skips_consent: true, ..public }, &[], Some(&session), &["openid"]),
        Then::Consent
    );
    assert_eq!(then(&own, &[], Some(&session), &[]), Then::Issue);
    assert_eq!(then(&own, &[("prompt", "consent")], Some(&session), &[]), Then::Consent);
}

#[test]
fn sec_039_an_essential_class_that_is_not_reached_is_said_so() {
    let client = client();
    let phr = r#"{"id_token":{"acr":{"essential":true,"values":["phr"]}}}"#;
    let by_phone = session(&[(Method::Phone, 9_995)]);
    let by_passkey = session(&[(Method::Passkey, 9_990), (Method::Password, 9_995)]);
    let with = |prompt: &'static str| [("claims", phr), ("prompt", prompt)];
    assert_eq!(
        then(&client, &with("none"), Some(&by_phone), &["openid"]),
        Then::Refuse(ErrorCode::UnmetAuthenticationRequirements)
    );
    assert_eq!(then(&client, &with(""), Some(&by_phone), &["openid"]), Then::SignIn);
    assert_eq!(then(&client, &with("none"), Some(&by_passkey), &["openid"]), Then::Issue);
    // Old proofs lend nothing to fresh ones.
    let fresh = [("claims", phr), ("prompt", "none"), ("max_age", "7")];
    assert_eq!(
        then(&client, &fresh, Some(&by_passkey), &["openid"]),
        Then::Refuse(ErrorCode::UnmetAuthenticationRequirements)
    );
    let strict = Client { requires_phishing_resistant: true, ..client };
    assert_eq!(then(&strict, &[], Some(&by_phone), &["openid"]), Then::SignIn);
    assert_eq!(then(&strict, &[], Some(&by_passkey), &["openid"]), Then::Issue);
}

#[test]
fn sec_039_tokens_state_what_is_true() {
    let stated = |changes: &[(&str, &str)], proofs: &[(Method, i64)]| {
        check(changes)
            .unwrap()
            .request
            .stated(&session(proofs))
            .map(|s| (s.acr, s.auth_time.seconds(), s.amr))
    };
    let phone = (Method::Phone, 9_995);
    let passkey = (Method::Passkey, 9_990);
    let wish = &[("acr_values", "phr urn:latchbolt:acr:password")][..];
    assert_eq!(stated(wish, &[phone]).unwrap().0, Acr::Password, "the wished class that is reached");
    assert_eq!(stated(&[("acr_values", "phr")], &[phone]).unwrap().0, Acr::Qr, "never more than is true");
    assert_eq!(
        stated(&[], &[passkey, phone]),
        Some((Acr::Passkey, 9_995, vec!["swk", "user", "mfa", "mca"]))
    );
    assert_eq!(
        stated(&[("max_age", "7")], &[passkey, phone]),
        Some((Acr::Qr, 9_995, vec!["swk", "user", "mca", "mfa"]))
    );
    assert_eq!(stated(&[], &[]), None);
}

#[test]
fn hints_and_demanded_subjects_name_one_person() {
    let client = client();
    let here = session(&[(Method::Password, 9_995)]);
    let other = AccountId::from_random([9; 16]);
    let remembered = ["openid".to_owned()];
    let sub = |id: &str| format!(r#"{{"id_token":{{"sub":{{"value":"{id}"}}}}}}"#);
    let decide = |changes: &[(&str, &str)], hint| {
        let checked = check(changes).unwrap();
        // The subject is the client's word for a person: here it is the account's id.
        let demanded = checked.request.sub.as_deref().map(|sub| sub.parse().ok());
        checked
            .decide(&client, Standing { session: Some(&here), remembered: Some(&remembered), hint, demanded })
    };
    assert_eq!(decide(&[], Some(here.account)), Decision::Issue);
    assert!(matches!(decide(&[], Some(other)), Decision::SignIn(w) if w.account == Some(other)));
    assert!(matches!(
        decide(&[("prompt", "none")], Some(other)),
        Decision::Refuse(e) if e.code == ErrorCode::LoginRequired
    ));
    let (mine, others) = (sub(&here.account.to_string()), sub(&other.to_string()));
    assert_eq!(decide(&[("claims", &mine)], None), Decision::Issue);
    assert!(matches!(decide(&[("claims", &others)], None), Decision::SignIn(_)));
    assert!(matches!(decide(&[("claims", &others)], Some(here.account)), Decision::Refuse(_)));
    assert!(matches!(decide(&[("claims", &sub("nobody"))], None), Decision::Refuse(_)));
}
