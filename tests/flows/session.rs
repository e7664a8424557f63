//! Section 1.4, second half: what a sign-in by phone amounts to and may do.

use serde_json::json;
use testkit::Kind;
use testkit::wire::Request;

use crate::given::{Scene, Waiting, refused};

#[tokio::test]
async fn sec_039_the_id_token_tells_the_truth() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::Web).await;
    let started = scene.shop.start_with(&[("acr_values", "phr phrh"), ("max_age", "600")]);
    let waiting = Waiting::start_at(scene.server.browser(), started).await;
    let before = testkit::unix_now();
    waiting.approved_by(&phone).await;
    let after = testkit::unix_now();
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    let tokens = scene.shop.exchange(&waiting.started, &waiting.redeem().await).await;
    assert_eq!(tokens.claims["acr"], "urn:latchbolt:acr:qr");
    let methods = tokens.claims["amr"].as_array().cloned().unwrap_or_default();
    assert!(!methods.contains(&json!("phr")) && !methods.contains(&json!("phrh")), "{}", tokens.claims);
    let at = tokens.claims["auth_time"].as_u64().unwrap();
    assert!((before..=after).contains(&at), "auth_time {at} is not the approval's {before}…{after}");

    // An essential class that a phone cannot give ends in an error at the relying party.
    let claims = json!({"id_token": {"acr": {"essential": true, "values": ["phr"]}}}).to_string();
    let silent = scene.shop.start_with(&[("claims", &claims), ("prompt", "none")]);
    let landed = waiting.browser.follow(&silent.url).await;
    let error = landed.query("error").unwrap_or_default();
    assert!(
        ["unmet_authentication_requirements", "login_required", "interaction_required"]
            .contains(&error.as_str()),
        "{}",
        landed.url
    );
    assert_eq!(landed.query("state"), Some(silent.state));
}

#[tokio::test]
async fn sec_039_an_essential_class_is_never_met_by_a_phone() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::Web).await;
    let claims = json!({"id_token": {"acr": {"essential": true, "values": ["phr"]}}}).to_string();
    let started = scene.shop.start_with(&[("claims", &claims)]);
    let browser = scene.server.browser();
    let page = browser.follow(&started.url).await;
    if page.status() == 0 {
        assert_eq!(page.query("error").as_deref(), Some("unmet_authentication_requirements"));
        return;
    }
    // The page is there for a passkey; a phone is not offered, or does not lead to a code.
    let answer = browser.ask_qr(&page).await;
    if answer.status == 200 {
        let qr = testkit::QrShown::read(&answer);
        let claim = phone.scan(&qr.url).await;
        phone.approve(&claim, &browser.check_code(&page).await).await;
        let landed = browser.redeem(&page).await;
        assert_eq!(landed.query("code"), None);
    } else {
        refused(&answer);
    }
}

#[tokio::test]
async fn sec_040_a_client_can_exclude_the_phone() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::Web).await;
    let strict = scene.server.client_with("strict", &json!({"latchbolt_phishing_resistant_only": true}));
    let browser = scene.server.browser();
    let page = browser.follow(&strict.start().url).await;
    assert!(!page.has("qr"), "QR is offered: {}", page.html());
    refused(&browser.ask_qr(&page).await);
    // Nor does a session that a phone made help.
    let waiting = scene.waiting().await;
    waiting.approved_by(&phone).await;
    scene.shop.code(&waiting.started, &waiting.redeem().await);
    let landed = waiting.browser.follow(&strict.start_with(&[("prompt", "none")]).url).await;
    assert_eq!(landed.query("code"), None, "{}", landed.url);
}

#[tokio::test]
async fn sec_041_a_passkey_is_offered_before_the_phone() {
    let scene = Scene::new().await;
    let page = scene.server.browser().follow(&scene.shop.start().url).await;
    let html = page.html();
    let at = |part: &str| html.find(part).unwrap_or_else(|| panic!("no {part} in {html}"));
    assert!(at("id=\"passkey\"") < at("id=\"qr\""), "the phone comes before the passkey");
    // Conditional mediation: autofill of the user name field.
    assert!(html.contains("username webauthn"), "no autofill by passkey: {html}");
}

#[tokio::test]
async fn sec_042_a_session_by_phone_cannot_change_how_its_owner_signs_in() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    waiting.approved_by(&phone).await;
    scene.shop.code(&waiting.started, &waiting.redeem().await);
    let browser = &waiting.browser;

    // Adding a passkey: the page asks for another proof, the calls are refused.
    let page = browser.follow("/login/passkey/new").await;
    let is_asked = page.has("step-up") || page.find_form("login").is_some();
    assert!(is_asked && page.find_form("passkey-new").is_none(), "{} {}", page.url, page.html());
    let csrf = page.csrf().unwrap_or_default();
    for path in ["/login/passkey/new/options", "/login/passkey/new"] {
        let request =
            Request::json(path, &json!({"credential": {}, "name": "x"})).header("x-csrf-token", &csrf);
        let answer = browser.send(browser.same_origin(request)).await;
        assert!([401, 403].contains(&answer.status), "{path}: {} {}", answer.status, answer.text());
    }
    let request = Request::form("/phone/add", &[("csrf", &csrf)]);
    let answer = browser.send(browser.same_origin(request)).await;
    let page = testkit::Page { url: page.url.clone(), answer };
    assert!(page.attribute("add-phone", "data-state").as_deref() == Some("confirm") && !page.has("enrol-qr"));
    // Enrolling a phone from the desktop: no enrolment code is shown.
    let page = browser.follow("/phone/add").await;
    assert!(page.attribute("add-phone", "data-state").as_deref() == Some("confirm"), "{}", page.html());
    // The administration does not exist for it.
    for path in ["/admin", "/admin/setup", "/api/admin/v1/users"] {
        let page = browser.get(path).await;
        assert!(page.status() >= 400 || page.html().contains("setup"), "{path}: {}", page.status());
    }
    // The way on asks for a passkey, or for a password besides the phone; a phone alone is not accepted as that step-up.
    let page = browser.follow("/login/passkey/new").await;
    let page = if page.has("step-up") { browser.submit(&page, &page.form("confirm")).await } else { page };
    assert!(page.find_form("login").is_some(), "{} {}", page.url, page.html());
    let shown = browser.show_qr(&page).await;
    let claim = phone.scan(&shown.url).await;
    phone.approve(&claim, &browser.check_code(&page).await).await;
    let page = browser.redeem(&page).await;
    assert!(page.find_form("passkey-new").is_none(), "{} {}", page.url, page.html());
    assert!(browser.follow("/login/passkey/new").await.find_form("passkey-new").is_none());
    let page =
        if page.find_form("login").is_some() { page } else { browser.follow("/login/passkey/new").await };
    let page = browser.fill_in(&page, "ada", &scene.password).await;
    assert!(page.find_form("passkey-new").is_some() || page.status() == 200, "{} {}", page.url, page.html());
    assert!(browser.follow("/login/passkey/new").await.find_form("passkey-new").is_some());
}

#[tokio::test]
async fn sec_043_a_session_can_be_ended_from_the_phone_that_approved_it() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let other = scene.phone(Kind::App).await;
    let grace = scene.phone_of("grace").await;
    let waiting = scene.waiting().await;
    waiting.approved_by(&phone).await;
    let tokens = scene.shop.exchange(&waiting.started, &waiting.redeem().await).await;

    let list = phone.signed("/devices/self/sessions", None).await;
    assert_eq!(list.status, 200, "{}", list.text());
    let body = list.json();
    let sessions = body["sessions"].as_array().or_else(|| body.as_array()).unwrap();
    assert_eq!(sessions.len(), 1, "{body}");
    let id = sessions[0]["id"].as_str().unwrap();
    // Nobody else sees or ends it.
    for stranger in [&other, &grace] {
        assert!(!stranger.signed("/devices/self/sessions", None).await.text().contains(id));
        let answer = stranger.signed(&format!("/devices/self/sessions/{id}/end"), None).await;
        assert!(scene.is_signed_in(&waiting.browser).await, "{}", answer.text());
    }
    let ended = phone.signed(&format!("/devices/self/sessions/{id}/end"), None).await;
    assert!(ended.status < 300, "{}", ended.text());
    scene.is_signed_out(&waiting.browser).await;
    assert_eq!(scene.shop.userinfo(&tokens.access_token).await.status, 401);
}

#[test]
fn sec_044_the_risk_assessment_is_written_down() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/qr-risk-assessment.md");
    let text = std::fs::read_to_string(path).expect("docs/qr-risk-assessment.md");
    // RFC 10027 §6.1 has sixteen mitigations; each is named as used or not.
    for number in 1..=16 {
        assert!(text.contains(&format!("6.1.{number}")), "mitigation 6.1.{number} is not named");
    }
    for word in ["check code", "relay", "passkey", "urn:latchbolt:acr:qr"] {
        assert!(text.contains(word), "{word} is not mentioned");
    }
}
