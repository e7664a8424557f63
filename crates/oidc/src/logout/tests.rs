use serde_json::json;

use super::*;
use crate::authorize::tests::client;

const ISSUER: &str = "https://id.example";
const HOME: &str = "https://shop.example/bye?lang=en";

fn shop() -> Client {
    let mut client = client();
    client.metadata.post_logout_redirect_uris = vec!["https://shop.example/bye".to_owned(), HOME.to_owned()];
    client
}

fn hint() -> Hint {
    Hint { client: "shop".parse().unwrap(), subject: "acc_x".to_owned(), session: None }
}

fn asked(pairs: &[(&str, &str)]) -> Asked {
    Asked::read(&pairs.iter().copied().collect()).unwrap()
}

#[test]
fn sec_134_the_way_back_is_one_that_was_registered_exactly() {
    let to = |uri: &str| asked(&[("post_logout_redirect_uri", uri)]).way_back(&hint(), &shop());
    assert_eq!(to("https://shop.example/bye").as_deref(), Some("https://shop.example/bye"));
    assert_eq!(to(HOME).as_deref(), Some(HOME));
    for bad in [
        "https://shop.example/bye?foo=bar",
        "https://shop.example/bye/",
        "https://shop.example/BYE",
        "https://shop.example",
        "https://shop.example:443/bye",
        "https://shop.example.evil.example/bye",
        "https://shop.example@evil.example/bye",
        "https://evil.example/bye",
        "//shop.example/bye",
        "javascript:alert(1)",
        "https://shop.example/bye#x",
        "https://shop.example/%62ye",
    ] {
        assert_eq!(to(bad), None, "{bad}");
    }
    assert_eq!(asked(&[]).way_back(&hint(), &shop()), None);
}

#[test]
fn sec_134_only_the_client_of_the_hint_is_gone_back_to() {
    let request = asked(&[("post_logout_redirect_uri", HOME), ("client_id", "shop")]);
    assert!(request.way_back(&hint(), &shop()).is_some());
    let another = asked(&[("post_logout_redirect_uri", HOME), ("client_id", "cafe")]);
    assert_eq!(another.way_back(&hint(), &shop()), None);
    assert!(!another.fits(&hint()));
    let foreign = Hint { client: "cafe".parse().unwrap(), ..hint() };
    assert_eq!(asked(&[("post_logout_redirect_uri", HOME)]).way_back(&foreign, &shop()), None);
    let disabled = Client { is_enabled: false, ..shop() };
    assert_eq!(request.way_back(&hint(), &disabled), None);
}

#[test]
fn state_comes_back_byte_for_byte_and_only_where_there_was_one() {
    let long = "s p+a%c&e=?#/ü".repeat(40);
    let back =
        asked(&[("post_logout_redirect_uri", HOME), ("state", &long)]).way_back(&hint(), &shop()).unwrap();
    let query = back.strip_prefix("https://shop.example/bye?").unwrap();
    let read = Params::parse(query.as_bytes()).unwrap();
    assert_eq!((read.get("lang"), read.get("state")), (Some("en"), Some(long.as_str())));
    let without = asked(&[("post_logout_redirect_uri", "https://shop.example/bye"), ("state", "")]);
    assert_eq!(without.way_back(&hint(), &shop()).as_deref(), Some("https://shop.example/bye"));
}

#[test]
fn a_repeated_parameter_is_no_request() {
    for name in NAMES {
        let params: Params = [(name, "a"), (name, "a")].into_iter().collect();
        assert_eq!(Asked::read(&params), Err(BadLogout::Repeated), "{name}");
    }
    let unknown: Params = [("x", "1"), ("x", "2")].into_iter().collect();
    assert_eq!(Asked::read(&unknown), Ok(Asked::default()));
}

#[test]
fn a_request_asked_again_is_the_same_request() {
    let pairs = [
        ("id_token_hint", "a.b.c"),
        ("client_id", "shop"),
        ("post_logout_redirect_uri", HOME),
        ("state", "a b"),
        ("ui_locales", "de en"),
    ];
    let request = asked(&pairs);
    assert_eq!(Asked::read(&request.fields().into_iter().collect()), Ok(request));
}

#[test]
fn a_hint_is_an_id_token_of_this_issuer_for_one_client() {
    let session: SessionId = SessionId::from_random([7; 16]);
    let good = json!({"iss": ISSUER, "aud": "shop", "sub": "acc_x", "sid": session.to_string(), "exp": 1});
    let read = |value: &Value| Hint::of_claims(value.as_object().unwrap(), ISSUER);
    assert_eq!(read(&good), Some(Hint { session: Some(session), ..hint() }));
    let with = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed[name] = value;
        read(&changed)
    };
    assert!(with("aud", json!(["shop"])).is_some());
    for (name, value) in [
        ("aud", json!(["shop", "cafe"])),
        ("aud", json!([])),
        ("aud", json!(1)),
        ("aud", json!("")),
        ("iss", json!("https://evil.example")),
        ("iss", json!(null)),
        ("sub", json!(1)),
    ] {
        assert_eq!(with(name, value.clone()), None, "{name} {value}");
    }
    assert_eq!(with("sid", json!("nonsense")), Some(hint()));
}

#[test]
fn a_frame_is_the_registered_address_with_issuer_and_session() {
    let session: SessionId = SessionId::from_random([7; 16]);
    let at = |uri: &str| {
        frame(&LogoutUri { uri: uri.to_owned(), session_required: false }, ISSUER, &session)
            .map(|url| url.to_string())
    };
    let tail = format!("iss=https%3A%2F%2Fid.example&sid={session}");
    assert_eq!(at("https://shop.example/out"), Some(format!("https://shop.example/out?{tail}")));
    assert_eq!(at("https://shop.example/out?a=b"), Some(format!("https://shop.example/out?a=b&{tail}")));
    assert_eq!(at("javascript:alert(1)"), None);
    assert_eq!(at("nothing"), None);
}

#[test]
fn a_logout_token_says_what_the_standard_wants_and_no_nonce() {
    let told = Told { issuer: ISSUER, client: "shop", subject: "acc_x", session: "ses_y" };
    let claims = serde_json::to_value(LogoutToken::new(told, "j1", Timestamp::from_seconds(1000))).unwrap();
    assert_eq!(
        claims,
        json!({
            "iss": ISSUER, "sub": "acc_x", "aud": "shop", "iat": 1000, "exp": 1120, "jti": "j1", "sid": "ses_y",
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        })
    );
}
