//! The program as it comes, with nothing set: who gets in (nobody).

use serde_json::{Value, json};
use testkit::wire::Request;
use testkit::{DeviceKey, Kind, Phone, Server, Setup, b64};

use crate::admin_api::code;

/// What is not enrolled signs nobody in, and nothing that ships opens a door by itself.
#[tokio::test]
async fn sec_085_a_server_as_it_comes_lets_no_phone_and_nobody_in() {
    let server = Setup::one_node().start().await;
    let shop = server.client("shop");
    let browser = server.browser();
    let page = browser.follow(&shop.start().url).await;
    let shown = browser.show_qr(&page).await;
    // A code is shown to whoever asks, and no phone may claim it.
    let account = b64(&[1; 16]);
    for device in
        ["dev_aaaaaaaaaaaaaaaaaaaaaaaaaa", "default", "*", "", "00000000-0000-0000-0000-000000000000"]
    {
        let stranger = Phone::of(server.browser(), device, &account, DeviceKey::generate());
        let answer = stranger.try_scan(&shown.url).await;
        assert_eq!(code(&answer), (403, "forbidden".to_owned()), "{device}: {}", answer.text());
    }
    assert_eq!(browser.poll(&page).await.word("state"), "waiting");
    // Nobody enrols one: not with a made-up link, not with names and passwords that other programs ship with, not with
    // nothing at all.
    let begin =
        async |body: Value| server.browser().send(Request::json("/api/phone/v1/enrolments", &body)).await;
    for body in [
        json!({}),
        json!({"token": ""}),
        json!({"token": b64(&[0; 32])}),
        json!({"username": "admin", "code": "0000"}),
        json!({"move": b64(&[0; 32])}),
    ] {
        let answer = begin(body.clone()).await;
        assert!((400..500).contains(&answer.status), "{body}: {}", answer.text());
    }
    for (name, password) in [
        ("admin", "admin"),
        ("admin", "change-me"),
        ("admin", ""),
        ("administrator", "password"),
        ("root", "root"),
        ("latchbolt", "latchbolt"),
        ("casuser", "Mellon"),
        ("keycloak", "keycloak"),
    ] {
        let line = server.browser();
        let refused = Phone::try_enrol(line, name, password, Kind::App).await.unwrap_err();
        assert!([400, 401, 429].contains(&refused.status), "{name}: {}", refused.text());
        let visitor = server.browser();
        let landed = visitor.sign_in(&shop.start().url, name, password).await;
        assert!(landed.query("code").is_none(), "{name}");
        assert!(visitor.cookie("__Host-lb_session").is_none(), "{name}");
    }
    // No relying party registers itself, no API answers without a caller, and no key is known before it is made.
    let registration = json!({"redirect_uris": ["https://new.example/cb"]});
    let answer = server.browser().send(Request::json("/register", &registration)).await;
    assert!([401, 403, 404].contains(&answer.status), "{}", answer.text());
    for bearer in ["Bearer admin", "Bearer change-me", "Bearer lbk_", "Basic YWRtaW46YWRtaW4="] {
        let request = testkit::api_request("GET", "/me", None).header("authorization", bearer);
        assert_eq!(server.browser().send(request).await.status, 401, "{bearer}");
    }
    // The shipped configuration sets no secret: each server makes its own.
    let shipped =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../config/latchbolt.toml")).unwrap();
    for line in shipped.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let name = line.split('=').next().unwrap_or_default();
        let is_secret =
            ["secret", "wrapping_key", "password", "token"].iter().any(|word| name.trim() == *word);
        assert!(!is_secret, "{line}");
    }
    let other = Setup::one_node().start().await;
    let wrapping = |server: &Server| {
        let files = std::fs::read_dir(server.folder()).unwrap().flatten();
        let mut keys = files.filter(|file| file.path().extension().is_some_and(|end| end == "key"));
        std::fs::read(keys.next().expect("a key of its own").path()).unwrap()
    };
    assert_ne!(wrapping(&server), wrapping(&other));
    let key_of = async |server: &Server| server.browser().send(Request::get("/jwks")).await.text();
    assert_ne!(key_of(&server).await, key_of(&other).await);
}
