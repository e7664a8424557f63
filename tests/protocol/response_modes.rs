//! `response_mode` at `/authorize`, also after a sign-in.

use serde_json::json;
use testkit::{Page, Started};

use crate::given::Scene;
use crate::response_types::{fragment, hybrid};

const FORM: (&str, &str) = ("response_mode", "form_post");

/// The form of the page, which is posted to the client.
#[track_caller]
fn posted(scene: &Scene, page: &Page, started: &Started) -> Vec<(String, String)> {
    assert_eq!(page.status(), 200, "{}", page.html());
    let form = page.form("response");
    assert!(form.action.ends_with(".example/callback") && form.method == "post", "{}", form.action);
    let csp = page.answer.header("content-security-policy").unwrap();
    let origin = form.action.strip_suffix("/callback").unwrap();
    assert!(csp.contains(&format!("form-action {origin} https:;")), "{csp}");
    assert_eq!(page.answer.header("cache-control"), Some("no-store"));
    assert!(page.html().contains("<button") && page.html().contains("-response.js"), "a script and a button");
    let value = |name: &str| form.value(name).map(str::to_owned);
    assert_eq!(value("state").as_deref(), Some(started.state.as_str()));
    assert_eq!(value("iss").as_deref(), Some(scene.server.issuer.as_str()));
    form.pairs().into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn value<'f>(fields: &'f [(String, String)], name: &str) -> Option<&'f str> {
    fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}

#[tokio::test]
async fn form_post_carries_success_and_error_from_here_and_after_sign_in() {
    let scene = Scene::new().await;
    let client = hybrid(&scene, "hybrid");
    for response in ["code", "id_token token", "code id_token"] {
        let started = client.start_with(&[FORM, ("response_type", response)]);
        let fields = posted(&scene, &scene.browser.follow(&started.url).await, &started);
        assert_eq!(value(&fields, "code").is_some(), response.contains("code"));
        if let Some(code) = value(&fields, "code") {
            assert_eq!(client.redeem(&started, code).await.status, 200);
        }
        let started = client.start_with(&[FORM, ("response_type", response), ("scope", "none")]);
        let fields = posted(&scene, &scene.browser.follow(&started.url).await, &started);
        assert_eq!(value(&fields, "error"), Some("invalid_scope"));
        let started = client.start_with(&[FORM, ("response_type", response), ("prompt", "none")]);
        let fields = posted(&scene, &scene.server.browser().follow(&started.url).await, &started);
        assert_eq!(value(&fields, "error"), Some("login_required"));
    }
    let started = client.start_with(&[FORM]);
    let page = scene.server.browser().sign_in(&started.url, "ada", &scene.password).await;
    let code = value(&posted(&scene, &page, &started), "code").unwrap().to_owned();
    assert_eq!(client.redeem(&started, &code).await.status, 200);
    // What is wrong before the address is trusted ends on a page of ours.
    let bad = client.start_with(&[FORM, ("redirect_uri", "https://evil.test/")]);
    let page = scene.browser.follow(&bad.url).await;
    assert!(page.status() == 400 && !page.has("response") && page.has("refused"));
}

#[tokio::test]
async fn a_person_who_declines_is_told_of_by_form() {
    let scene = Scene::new().await;
    let client = scene.server.client_with("asking", &json!({"latchbolt_skip_consent": false}));
    let started = client.start_with(&[FORM]);
    let page = scene.browser.follow(&started.url).await;
    let form = testkit::press(&page, &page.form("consent"), "consent-deny");
    let fields = posted(&scene, &scene.browser.submit(&page, &form).await, &started);
    assert_eq!(value(&fields, "error"), Some("access_denied"));
}

#[tokio::test]
async fn sec_137_a_state_is_carried_byte_for_byte_in_every_mode() {
    let scene = Scene::new().await;
    let state = format!("{}\"><script>alert(1)</script>'&amp;+%2B ü", "s".repeat(600));
    for mode in ["query", "fragment", "form_post"] {
        let started = scene.shop.start_with(&[("response_mode", mode), ("state", &state)]);
        let landed = scene.browser.follow(&started.url).await;
        let got = match mode {
            "query" => landed.query("state"),
            "fragment" => fragment(&landed).remove("state"),
            _ => landed.form("response").value("state").map(str::to_owned),
        };
        assert_eq!(got.as_deref(), Some(state.as_str()), "{mode}");
    }
}

#[tokio::test]
async fn sec_106_a_mode_that_is_not_for_it_is_refused_where_the_answer_would_stand() {
    let scene = Scene::new().await;
    let client = hybrid(&scene, "hybrid");
    for (response, mode) in [("code id_token", "query"), ("id_token", "nonsense")] {
        let started = client.start_with(&[("response_type", response), ("response_mode", mode)]);
        let landed = scene.browser.follow(&started.url).await;
        assert_eq!(fragment(&landed)["error"], "invalid_request", "{}", landed.url);
        assert_eq!(landed.url.query(), None);
    }
}
