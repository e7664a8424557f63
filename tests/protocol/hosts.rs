//! Under which name we are called does not matter (SEC-111): issuer, links and redirects come from the
//! configuration.

use serde_json::json;
use testkit::wire::{Answer, Request, encode};
use testkit::{Server, Setup};

const FOREIGN: &str = "evil.example";
/// The port that a stranger gives us.
const PORT: &str = "64443";

/// The name that a stranger gives us, in every header in which one can.
fn misled(request: Request) -> Request {
    request
        .header("forwarded", "for=192.0.2.9;host=evil.example;proto=https")
        .header("x-forwarded-host", FOREIGN)
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-port", PORT)
        .header("x-forwarded-server", FOREIGN)
        .header("x-host", FOREIGN)
        .header("x-original-url", "https://evil.example/")
}

fn is_free_of_it(what: &str, answer: &Answer) {
    assert!(!answer.text().contains(FOREIGN), "{what}: {}", answer.text());
    for (name, value) in &answer.headers {
        // No port of ours begins like that: those are below 61,000.
        assert!(!value.contains(FOREIGN) && !value.contains(PORT), "{what}: {name}: {value}");
    }
}

#[tokio::test]
async fn sec_111_no_header_changes_issuer_links_or_redirects() {
    let server = Setup::one_node().set("registration.mode", "open").start().await;
    let party = server.client("shop");
    let started = party.start();
    let authorize = started.url.strip_prefix(&server.issuer).unwrap().to_owned();
    let (_, query) = authorize.split_once('?').unwrap();
    let mut push = Request::new("POST", "/par").header("content-type", "application/x-www-form-urlencoded");
    push.body = query.as_bytes().to_vec();
    let host = server.issuer.strip_prefix("http://").unwrap();
    let webfinger = format!("/.well-known/webfinger?{}", encode(&[("resource", &format!("acct:a@{host}"))]));
    let registration = json!({"redirect_uris": ["https://new.example/cb"], "client_name": "New"});
    let requests = [
        Request::get("/"),
        Request::get("/login"),
        Request::get("/logout"),
        Request::get("/.well-known/openid-configuration"),
        Request::get("/.well-known/oauth-authorization-server"),
        Request::get(&webfinger),
        Request::get("/session/check"),
        Request::get(&authorize),
        party.authenticated(push),
        Request::json("/register", &registration),
        Request::get("/nowhere"),
    ];
    let line = server.browser();
    for request in requests {
        let what = request.target.clone();
        let plain = line.send(request.clone()).await;
        let told = line.send(misled(request.clone())).await;
        assert_eq!(told.status, plain.status, "{what}");
        is_free_of_it(&what, &told);
        if let (Some(one), Some(other)) = (plain.header("location"), told.header("location")) {
            let base = |text: &str| text.split('?').next().unwrap_or_default().to_owned();
            assert_eq!(base(one), base(other), "{what}");
        }
        // The name itself may be refused, but never taken up.
        is_free_of_it(&what, &line.send(request.header("host", FOREIGN)).await);
    }
}

#[tokio::test]
async fn sec_111_a_registration_and_the_metadata_name_the_configured_issuer() {
    let server = Setup::one_node().set("registration.mode", "open").start().await;
    let line = server.browser();
    let found = line.send(misled(Request::get("/.well-known/openid-configuration"))).await.json();
    assert_eq!(found["issuer"], server.issuer.as_str());
    for (name, value) in found.as_object().unwrap() {
        if let Some(address) = value.as_str().filter(|text| text.contains("://")) {
            let rest = address.strip_prefix(&server.issuer);
            assert!(rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')), "{name}: {address}");
        }
    }
    let body = json!({"redirect_uris": ["https://new.example/cb"], "client_name": "New"});
    let made = line.send(misled(Request::json("/register", &body))).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let home = made.json()["registration_client_uri"].as_str().unwrap().to_owned();
    assert!(home.starts_with(&format!("{}/register/", server.issuer)), "{home}");
}

#[tokio::test]
async fn sec_192_all_signing_keys_are_of_the_four_kinds_and_long_enough() {
    let server = Server::start().await;
    // Keys that take long to make come a moment later.
    let keys = async || server.browser().send(Request::get("/jwks")).await.json()["keys"].clone();
    let mut all = keys().await;
    for _ in 0..200 {
        if all.as_array().unwrap().iter().filter(|key| key["alg"] == "PS256").count() == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        all = keys().await;
    }
    let mut algs = std::collections::BTreeSet::new();
    for key in all.as_array().unwrap().iter().filter(|key| key["use"] == "sig") {
        let alg = key["alg"].as_str().unwrap();
        algs.insert(alg.to_owned());
        let part = |name: &str| testkit::unb64(key[name].as_str().unwrap());
        match alg {
            "ES256" => assert_eq!((key["crv"].as_str(), part("x").len()), (Some("P-256"), 32)),
            "EdDSA" => assert_eq!((key["crv"].as_str(), part("x").len()), (Some("Ed25519"), 32)),
            "RS256" | "PS256" => assert!(part("n").len() >= 256 && part("n")[0] >= 0x80, "{key}"),
            other => panic!("a key for {other}"),
        }
    }
    assert_eq!(algs.into_iter().collect::<Vec<_>>(), ["ES256", "EdDSA", "PS256", "RS256"]);
}
