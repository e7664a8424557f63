//! Signing in by passkey.

use serde_json::json;
use testkit::wire::Request;
use testkit::{Browser, Page, SoftPasskey};

use crate::given::{Scene, went_nowhere};

/// Signs in by password and adds a passkey to the account.
async fn with_passkey(scene: &Scene) -> (Browser, SoftPasskey) {
    let browser = scene.server.browser();
    browser.sign_in(&scene.shop.start().url, "ada", &scene.password).await;
    let page = browser.follow("/login/passkey/new").await;
    assert_eq!(page.status(), 200, "{} {}", page.url, page.html());
    let csrf = page.csrf().expect("an anti-forgery value");
    let ask = |path: &str, body: &serde_json::Value| {
        browser.same_origin(Request::json(path, body)).header("x-csrf-token", &csrf)
    };
    let options = browser.send(ask("/login/passkey/new/options", &json!({}))).await;
    assert_eq!(options.status, 200, "{}", options.text());
    let (passkey, credential) = SoftPasskey::create(&options.json(), &browser.origin());
    let done = browser.send(ask("/login/passkey/new", &json!({"credential": credential}))).await;
    assert!(done.status < 300, "{} {}", done.status, done.text());
    (browser, passkey)
}

async fn options(browser: &Browser, page: &Page) -> serde_json::Value {
    let request = passkey_request(browser, page, "/login/passkey/options", &json!({}));
    let mut answer = browser.send(request.clone()).await;
    // A page without forms learns its token from the first answer, as its script does.
    if let Some(fresh) = answer.header("x-csrf-token").filter(|_| answer.status == 403).map(str::to_owned) {
        let mut again = request;
        again.headers.retain(|(name, _)| name != "x-csrf-token");
        answer = browser.send(again.header("x-csrf-token", &fresh)).await;
    }
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn passkey_request(browser: &Browser, page: &Page, path: &str, more: &serde_json::Value) -> Request {
    let mut body = json!({"journey": Browser::journey(page)});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let csrf = page.csrf().unwrap_or_else(|| browser.csrf());
    browser.same_origin(Request::json(path, &body)).header("x-csrf-token", &csrf)
}

async fn present(browser: &Browser, page: &Page, credential: &serde_json::Value) -> testkit::wire::Answer {
    browser.send(passkey_request(browser, page, "/login/passkey", &json!({"credential": credential}))).await
}

/// Where the answer of the sign-in sends the script: to a page of ours or straight on.
async fn go_on(browser: &Browser, answer: &testkit::wire::Answer) -> Page {
    assert!(answer.status < 400, "{} {}", answer.status, answer.text());
    let to = match answer.header("location") {
        Some(to) => to.to_owned(),
        None => answer.word("location"),
    };
    if to.starts_with('/') || to.starts_with(browser.issuer()) {
        return browser.follow(&to).await;
    }
    Page { url: url::Url::parse(&to).unwrap(), answer: testkit::wire::Answer::default() }
}

#[tokio::test]
async fn sec_041_a_passkey_over_hybrid_transport_signs_in() {
    let scene = Scene::new().await;
    let (_, mut passkey) = with_passkey(&scene).await;
    passkey.transport = "hybrid";
    let browser = scene.server.browser();
    let started = scene.shop.start_with(&[("acr_values", "phr")]);
    let page = browser.follow(&started.url).await;
    let options = options(&browser, &page).await;
    let inner = options.get("publicKey").unwrap_or(&options);
    assert_eq!(inner["userVerification"], "required");
    // Nobody is named: the same question for everybody.
    assert!(inner["allowCredentials"].as_array().is_none_or(Vec::is_empty), "{inner}");
    let answer = present(&browser, &page, &passkey.assert(&options, &browser.origin())).await;
    let landed = go_on(&browser, &answer).await;
    let tokens = scene.shop.exchange(&started, &landed).await;
    assert_eq!(tokens.claims["acr"], "phr");
    assert_eq!(tokens.claims["amr"], json!(["swk", "user", "mfa"]));
}

#[tokio::test]
async fn a_passkey_assertion_is_good_once_here_and_now() {
    let scene = Scene::new().await;
    let (_, mut passkey) = with_passkey(&scene).await;
    let browser = scene.server.browser();
    let page = browser.follow(&scene.shop.start().url).await;
    let first = options(&browser, &page).await;
    let good = passkey.assert(&first, &browser.origin());
    // Another site's, without verification, for a challenge never given.
    went_nowhere(&present(&browser, &page, &passkey.assert(&first, "https://evil.example")).await);
    passkey.verifies_user = false;
    let second = options(&browser, &page).await;
    went_nowhere(&present(&browser, &page, &passkey.assert(&second, &browser.origin())).await);
    passkey.verifies_user = true;
    // The first answer is stale by now: its challenge was used or replaced.
    went_nowhere(&present(&browser, &page, &good).await);
    assert!(!scene.is_signed_in(&browser).await);
    let third = options(&browser, &page).await;
    let credential = passkey.assert(&third, &browser.origin());
    // In another browser it is of no use.
    let thief = scene.server.browser();
    let their_page = thief.follow(&scene.shop.start().url).await;
    went_nowhere(&present(&thief, &their_page, &credential).await);
    let answer = present(&browser, &page, &credential).await;
    assert!(answer.status < 400, "{} {}", answer.status, answer.text());
    went_nowhere(&present(&browser, &page, &credential).await);
}

#[tokio::test]
async fn a_client_that_wants_no_phishing_gets_a_passkey() {
    let scene = Scene::new().await;
    let (_, passkey) = with_passkey(&scene).await;
    let strict = scene.server.client_with("strict", &json!({"latchbolt_phishing_resistant_only": true}));
    let browser = scene.server.browser();
    let started = strict.start();
    let page = browser.follow(&started.url).await;
    let options = options(&browser, &page).await;
    let answer = present(&browser, &page, &passkey.assert(&options, &browser.origin())).await;
    let landed = go_on(&browser, &answer).await;
    let tokens = strict.exchange(&started, &landed).await;
    assert_eq!(tokens.claims["acr"], "phr");
}
