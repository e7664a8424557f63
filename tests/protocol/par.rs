//! `/par` (RFC 9126, SEC-128).

use serde_json::json;
use testkit::wire::{Answer, Request};
use testkit::{Page, RelyingParty, Started};

use crate::given::Scene;

/// The parameters of a request as a form.
fn fields(started: &Started) -> Vec<(String, String)> {
    url::Url::parse(&started.url).unwrap().query_pairs().into_owned().collect()
}

async fn push_with(client: &RelyingParty, started: &Started, more: &[(&str, &str)]) -> Answer {
    let own = fields(started);
    let kept = own.iter().filter(|(name, _)| !more.iter().any(|(other, _)| other == name));
    let all: Vec<(&str, &str)> =
        kept.map(|(n, v)| (n.as_str(), v.as_str())).chain(more.iter().copied()).collect();
    client.line.send(client.authenticated(Request::form("/par", &all))).await
}

async fn push(client: &RelyingParty, started: &Started) -> String {
    let answer = push_with(client, started, &[]).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.json()["expires_in"], 60);
    answer.word("request_uri")
}

fn address(client: &RelyingParty, uri: &str) -> String {
    let fields = [("client_id", client.client_id.as_str()), ("request_uri", uri)];
    format!("/authorize?{}", testkit::wire::encode(&fields))
}

#[track_caller]
fn gone(page: &Page) {
    assert_eq!(
        page.attribute("refused", "data-error").as_deref(),
        Some("invalid_request_uri"),
        "{}",
        page.url
    );
    assert!(page.status() == 400 && page.answer.header("location").is_none());
}

#[tokio::test]
async fn sec_128_a_pushed_request_is_answered_once_for_its_client() {
    let scene = Scene::new().await;
    let other = scene.server.client("other");
    let started = scene.shop.start();
    let uri = push(&scene.shop, &started).await;
    gone(&scene.browser.follow(&address(&other, &uri)).await);
    // par-ensure-reused-request-uri-prior-to-auth-completion-succeeds: pages may be opened again.
    let person = scene.server.browser();
    for _ in 0..2 {
        assert!(person.follow(&address(&scene.shop, &uri)).await.find_form("login").is_some());
    }
    let landed = person.sign_in(&address(&scene.shop, &uri), "ada", &scene.password).await;
    let code = scene.shop.code(&started, &landed);
    assert_eq!(scene.shop.redeem(&started, &code).await.status, 200);
    gone(&person.follow(&address(&scene.shop, &uri)).await);
    gone(&scene.browser.follow(&address(&scene.shop, "urn:ietf:params:oauth:request_uri:made-up")).await);
}

#[tokio::test]
async fn sec_128_what_may_not_be_pushed_is_refused_as_json() {
    let scene = Scene::new().await;
    let started = scene.shop.start();
    let uri = push(&scene.shop, &started).await;
    for (more, error) in [
        (("request_uri", uri.as_str()), "invalid_request"),
        (("redirect_uri", "https://evil.test/"), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", "id_token"), "unauthorized_client"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("scope", "profile"), "invalid_scope"),
        (("request", "nonsense"), "invalid_request_object"),
    ] {
        let answer = push_with(&scene.shop, &started, &[more]).await;
        assert_eq!((answer.status, answer.word("error").as_str()), (400, error), "{more:?}");
    }
    let own = fields(&started);
    let all: Vec<(&str, &str)> = own.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let nobody = scene.shop.line.send(Request::form("/par", &all)).await;
    assert_eq!((nobody.status, nobody.word("error").as_str()), (401, "invalid_client"));
    assert_eq!(scene.shop.line.send(Request::get("/par")).await.status, 405);
}

#[tokio::test]
async fn sec_128_clients_that_must_push_are_answered_only_so() {
    let scene = Scene::new().await;
    let strict = scene.server.client_with("strict", &json!({"require_pushed_authorization_requests": true}));
    let started = strict.start();
    let landed = scene.browser.follow(&started.url).await;
    assert_eq!(landed.query("error").as_deref(), Some("invalid_request"));
    let uri = push(&strict, &started).await;
    strict.code(&started, &scene.browser.follow(&address(&strict, &uri)).await);
    // A public client proves nothing and may push all the same.
    let public = json!({"token_endpoint_auth_method": "none", "latchbolt_skip_consent": false});
    let public = scene.server.client_with("public", &public);
    let uri = push(&public, &public.start()).await;
    assert!(scene.browser.follow(&address(&public, &uri)).await.find_form("consent").is_some());
}

#[tokio::test]
async fn a_server_may_demand_it_of_all() {
    let mut setup = testkit::Setup::default().set("requests.require_par", true);
    setup = setup.set("limits.factor", 10_i64);
    let server = setup.start().await;
    let shop = server.client("shop");
    let started = shop.start();
    let landed = server.browser().follow(&started.url).await;
    assert_eq!(landed.query("error").as_deref(), Some("invalid_request"));
    let uri = push(&shop, &started).await;
    assert!(server.browser().follow(&address(&shop, &uri)).await.find_form("login").is_some());
}
