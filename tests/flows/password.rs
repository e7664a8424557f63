//! Signing in by password, and the consent that may follow.

use serde_json::json;

use crate::given::Scene;

#[tokio::test]
async fn a_person_signs_in_by_password_and_is_remembered() {
    let scene = Scene::new().await;
    let browser = scene.server.browser();
    let started = scene.shop.start();
    let landed = browser.sign_in(&started.url, "ada", &scene.password).await;
    let tokens = scene.shop.exchange(&started, &landed).await;
    assert_eq!(tokens.claims["acr"], "urn:latchbolt:acr:password");
    assert_eq!(tokens.claims["amr"], json!(["pwd"]));
    // The second relying party asks nothing.
    let bank = scene.server.client("bank");
    let started = bank.start();
    let again = bank.exchange(&started, &browser.follow(&started.url).await).await;
    assert_eq!(again.claims["auth_time"], tokens.claims["auth_time"]);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_are_told_alike() {
    let scene = Scene::new().await;
    let mut told = Vec::new();
    for (name, password) in [("ada", "not her password"), ("nobody", "not her password"), ("ada", "")] {
        let browser = scene.server.browser();
        let page = browser.sign_in(&scene.shop.start().url, name, password).await;
        assert!(page.find_form("login").is_some(), "{}", page.html());
        assert!(browser.cookie("__Host-lb_session").is_none());
        if !password.is_empty() {
            told.push((page.status(), page.alert()));
        }
    }
    assert!(told[0].1.is_some());
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn a_disabled_person_is_not_let_in_and_loses_the_session() {
    let scene = Scene::new().await;
    let browser = scene.server.browser();
    let started = scene.shop.start();
    let landed = browser.sign_in(&started.url, "ada", &scene.password).await;
    let tokens = scene.shop.exchange(&started, &landed).await;
    let _ = scene.server.command(&["user", "disable", "ada"]).done();
    scene.is_signed_out(&browser).await;
    assert_eq!(scene.shop.userinfo(&tokens.access_token).await.status, 401);
    let page = scene.server.browser().sign_in(&scene.shop.start().url, "ada", &scene.password).await;
    assert_eq!(page.query("code"), None);
}

#[tokio::test]
async fn guesses_are_limited_without_locking_the_person_out_elsewhere() {
    let scene = Scene::new().await;
    let mut limited = false;
    for _ in 0..30 {
        let browser = scene.server.browser().from_address([127, 40, 0, 1]);
        let page = browser.follow(&scene.shop.start().url).await;
        let form = page.form("login").with("username", "ada").with("password", "a wrong guess");
        let answer = browser.submit_once(&page, &form).await;
        if answer.status == 429 {
            assert!(answer.header("retry-after").is_some());
            limited = true;
            break;
        }
    }
    assert!(limited, "thirty guesses");
    let browser = scene.server.browser().from_address([127, 41, 0, 1]);
    let started = scene.shop.start();
    let landed = browser.sign_in(&started.url, "ada", &scene.password).await;
    scene.shop.code(&started, &landed);
}

#[tokio::test]
async fn consent_is_asked_once_and_remembered() {
    let scene = Scene::new().await;
    let party = scene.server.client_with("asks", &json!({"latchbolt_skip_consent": false}));
    let browser = scene.server.browser();
    let started = party.start_with(&[("scope", "openid profile")]);
    let page = browser.sign_in(&started.url, "ada", &scene.password).await;
    let form = page.form("consent");
    let html = page.html();
    assert!(html.contains("id=\"consent-allow\"") && html.contains("id=\"consent-deny\""));
    assert!(html.contains("The asks"), "who asks is named: {html}");
    let landed = browser.submit(&page, &testkit::press(&page, &form, "consent-allow")).await;
    let tokens = party.exchange(&started, &landed).await;
    assert!(tokens.claims["sub"].is_string());
    // Remembered.
    let again = party.start_with(&[("scope", "openid profile"), ("prompt", "none")]);
    party.code(&again, &browser.follow(&again.url).await);
    // More is asked for again.
    let more = party.start_with(&[("scope", "openid profile email")]);
    assert!(browser.follow(&more.url).await.find_form("consent").is_some());
    let silent = party.start_with(&[("scope", "openid profile email"), ("prompt", "none")]);
    let refused = browser.follow(&silent.url).await;
    assert_eq!(refused.query("error").as_deref(), Some("consent_required"));
}

#[tokio::test]
async fn a_refused_consent_goes_back_as_access_denied() {
    let scene = Scene::new().await;
    let party = scene.server.client_with("asks", &json!({"latchbolt_skip_consent": false}));
    let browser = scene.server.browser();
    let started = party.start();
    let page = browser.sign_in(&started.url, "ada", &scene.password).await;
    let form = page.form("consent");
    let landed = browser.submit(&page, &testkit::press(&page, &form, "consent-deny")).await;
    assert_eq!(landed.query("error").as_deref(), Some("access_denied"));
    assert_eq!(landed.query("state"), Some(started.state));
    assert_eq!(landed.query("iss").as_deref(), Some(scene.server.issuer.as_str()));
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let scene = Scene::new().await;
    let browser = scene.server.browser();
    browser.sign_in(&scene.shop.start().url, "ada", &scene.password).await;
    assert!(scene.is_signed_in(&browser).await);
    let page = browser.follow("/logout").await;
    // Looking at the page ends nothing.
    assert!(scene.is_signed_in(&browser).await);
    let stolen = browser.cookie("__Host-lb_session").unwrap();
    let after = browser.submit(&page, &testkit::press(&page, &page.form("logout"), "logout-confirm")).await;
    assert!(after.status() < 400, "{}", after.status());
    assert!(!scene.is_signed_in(&browser).await);
    // The cookie of before is of no use either.
    let thief = scene.server.browser();
    thief.set_cookie("__Host-lb_session", &stolen);
    assert!(!scene.is_signed_in(&thief).await);
}

#[tokio::test]
async fn another_account_takes_the_place_of_the_first() {
    let scene = Scene::new().await;
    let grace = scene.server.user("grace");
    let browser = scene.server.browser();
    let started = scene.shop.start_with(&[("scope", "openid profile")]);
    let landed = browser.sign_in(&started.url, "ada", &scene.password).await;
    let first = scene.shop.exchange(&started, &landed).await;
    let started = scene.shop.start_with(&[("scope", "openid profile"), ("prompt", "login")]);
    let landed = browser.sign_in(&started.url, "grace", &grace).await;
    let second = scene.shop.exchange(&started, &landed).await;
    assert_ne!(first.claims["sub"], second.claims["sub"]);
    assert_eq!(scene.server.audit("session.ended").await.len(), 1);
}
