//! `/authorize`.

use serde_json::json;
use testkit::wire::Request;
use testkit::{Page, b64, sha256};

use crate::given::Scene;

/// The browser was not sent away: a page of our own says why.
#[track_caller]
fn shown(page: &Page, error: &str) {
    assert!(page.status() >= 400 && page.status() < 500, "{} {}", page.status(), page.url);
    assert!(page.answer.header("location").is_none());
    let told = page.attribute("refused", "data-error");
    assert_eq!(told.as_deref(), Some(error), "{}", page.url);
}

/// The error went back to the client, with state and issuer.
#[track_caller]
fn sent_back(scene: &Scene, landed: &Page, state: &str, error: &str) {
    assert!(landed.url.as_str().starts_with(&scene.shop.redirect_uri), "{} {}", landed.url, landed.html());
    assert_eq!(landed.query("error").as_deref(), Some(error), "{}", landed.url);
    assert_eq!(landed.query("state").as_deref(), Some(state));
    assert_eq!(landed.query("iss").as_deref(), Some(scene.server.issuer.as_str()));
    assert_eq!(landed.query("code"), None);
}

#[tokio::test]
async fn sec_100_a_redirect_uri_is_taken_to_the_letter() {
    let scene = Scene::new().await;
    let good = &scene.shop.redirect_uri;
    assert_eq!(good, "https://shop.example/callback");
    let mutations = [
        "https://shop.example.evil.test/callback",
        "https://evil.test/callback",
        "https://shop.example@evil.test/callback",
        "https://user:pw@shop.example/callback",
        "https://shop.example:443/callback",
        "https://shop.example:8443/callback",
        "http://shop.example/callback",
        "https://SHOP.example/callback",
        "https://shop.example/Callback",
        "https://shop.example/callback/",
        "https://shop.example/callback/..",
        "https://shop.example/x/../callback",
        "https://shop.example/./callback",
        "https://shop.example//callback",
        "https://shop.example/callback%2f",
        "https://shop.example/%63allback",
        "https://shop.example\\callback",
        "https://shop.example/callback\\",
        "https://shop.example/callback#",
        "https://shop.example/callback#fragment",
        "https://shop.example/callback?",
        "https://shop.example/callback?extra=1",
        "https://shop.example./callback",
        "https://sh\u{43e}p.example/callback",
        "https://shop.example/callback\u{200b}",
        " https://shop.example/callback",
        "https://shop.example/callback ",
        "https://shop.example/callback\n",
        "https://shop.example/callback\0",
        "//shop.example/callback",
        "/callback",
        "callback",
        "https://",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "https://shop.example/callback,https://evil.test/",
        "https://shop.example/callback https://evil.test/",
        "*",
    ];
    for uri in mutations {
        let page = scene.browser.follow(&scene.shop.start_with(&[("redirect_uri", uri)]).url).await;
        // With NUL in it the whole request is malformed.
        let is_broken = uri.contains('\0');
        shown(&page, if is_broken { "invalid_request" } else { "invalid_redirect_uri" });
    }
    let page = scene.browser.follow(&scene.shop.start_with(&[("redirect_uri", "")]).url).await;
    assert!(page.status() >= 400 && page.answer.header("location").is_none());
}

#[tokio::test]
async fn sec_100_native_clients_choose_their_loopback_port() {
    let scene = Scene::new().await;
    let app = scene.server.client_with(
        "app",
        &json!({"application_type": "native", "token_endpoint_auth_method": "none",
                "latchbolt_skip_consent": false, "redirect_uris": ["http://127.0.0.1/callback"]}),
    );
    let try_uri = async |uri: &str| {
        let page = scene.server.browser().follow(&app.start_with(&[("redirect_uri", uri)]).url).await;
        page.find_form("login").is_some()
    };
    assert!(try_uri("http://127.0.0.1:49152/callback").await);
    for uri in [
        "http://127.0.0.1:49152/other",
        "http://127.0.0.2:49152/callback",
        "http://localhost:49152/callback",
        "https://127.0.0.1:49152/callback",
    ] {
        assert!(!try_uri(uri).await, "{uri}");
    }
}

#[tokio::test]
async fn sec_101_dangerous_schemes_cannot_be_registered() {
    let scene = Scene::new().await;
    let uris = [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "vbscript:x",
        "blob:x",
        "about:blank",
        "http://shop.example/callback",
        "https://shop.example/cb#x",
    ];
    for (at, uri) in uris.iter().enumerate() {
        let id = format!("bad{at}");
        let file = scene.server.file(&format!("{id}.json"), &json!({"redirect_uris": [uri]}).to_string());
        let run = scene.server.command(&[
            "client",
            "create",
            "--file",
            &file.to_string_lossy(),
            "--client-id",
            &id,
        ]);
        assert_eq!(run.code, 1, "{uri}: {run:?}");
        assert!(run.err.contains("redirect_uri"), "{run:?}");
    }
}

#[tokio::test]
async fn sec_102_errors_are_told_to_the_right_one() {
    let scene = Scene::new().await;
    // With a bad client or address: a page, never a redirect, whatever else is wrong.
    for more in [vec![], vec![("response_type", "token")], vec![("prompt", "none")], vec![("scope", "")]] {
        let mut fields = vec![("client_id", "nobody")];
        fields.extend(more.clone());
        shown(&scene.browser.follow(&scene.shop.start_with(&fields).url).await, "unknown_client");
        let mut fields = vec![("redirect_uri", "https://evil.test/")];
        fields.extend(more);
        shown(&scene.browser.follow(&scene.shop.start_with(&fields).url).await, "invalid_redirect_uri");
    }
    // Otherwise back to the client.
    for (name, value, error) in [
        ("response_type", "none", "unsupported_response_type"),
        ("response_type", "", "invalid_request"),
        ("scope", "profile", "invalid_scope"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge", "too-short", "invalid_request"),
        ("prompt", "none login", "invalid_request"),
        ("max_age", "-1", "invalid_request"),
        ("max_age", "soon", "invalid_request"),
        ("request", "eyJhbGciOiJub25lIn0.bm9uc2Vuc2U.", "invalid_request_object"),
        ("request_uri", "https://shop.example/request", "invalid_request_uri"),
        ("resource", "https://api.example", "invalid_target"),
        ("response_mode", "nonsense", "invalid_request"),
        ("registration", "{}", "registration_not_supported"),
    ] {
        let started = scene.shop.start_with(&[(name, value)]);
        let landed = scene.browser.follow(&started.url).await;
        if name == "scope" && landed.query("error").as_deref() == Some("invalid_request") {
            continue;
        }
        sent_back(&scene, &landed, &started.state, error);
    }
}

#[tokio::test]
async fn sec_103_every_answer_names_its_issuer() {
    let scene = Scene::new().await;
    let (_, landed) = scene.landed().await;
    assert_eq!(landed.query("iss").as_deref(), Some(scene.server.issuer.as_str()));
    let landed = scene.browser.follow(&scene.shop.start_with(&[("response_type", "none")]).url).await;
    assert_eq!(landed.query("iss").as_deref(), Some(scene.server.issuer.as_str()));
}

#[tokio::test]
async fn sec_104_pkce_is_demanded_of_public_clients_and_never_plain() {
    let scene = Scene::new().await;
    let good = b64(&sha256(b"x"));
    for (challenge, method) in [
        ("", "S256"),
        (good.as_str(), ""),
        (good.as_str(), "plain"),
        (good.as_str(), "s256"),
        (&good[..42], "S256"),
        (&format!("{good}A"), "S256"),
        (&format!("{}+", &good[..42]), "S256"),
        (&format!("{}=", &good[..42]), "S256"),
    ] {
        let started =
            scene.shop.start_with(&[("code_challenge", challenge), ("code_challenge_method", method)]);
        sent_back(&scene, &scene.browser.follow(&started.url).await, &started.state, "invalid_request");
    }
    // A client with a secret may leave it out (docs/decisions/006), unless it said that it never does.
    let without = [("code_challenge", ""), ("code_challenge_method", "")];
    let landed = scene.browser.follow(&scene.shop.start_with(&without).url).await;
    assert!(landed.query("code").is_some(), "{}", landed.url);
    let public = json!({"token_endpoint_auth_method": "none", "latchbolt_skip_consent": false});
    for (id, more) in [("app", public), ("strict", json!({"latchbolt_require_pkce": true}))] {
        let client = scene.server.client_with(id, &more);
        let landed = scene.browser.follow(&client.start_with(&without).url).await;
        assert_eq!(landed.query("error").as_deref(), Some("invalid_request"), "{id} {}", landed.url);
    }
}

#[tokio::test]
async fn sec_106_prompts_and_max_age_are_obeyed() {
    let scene = Scene::new().await;
    let nobody = scene.server.browser();
    let started = scene.shop.start_with(&[("prompt", "none")]);
    sent_back(&scene, &nobody.follow(&started.url).await, &started.state, "login_required");
    // Signed in: no question. prompt=login asks all the same.
    let started = scene.shop.start_with(&[("prompt", "none")]);
    scene.shop.code(&started, &scene.browser.follow(&started.url).await);
    let page = scene.browser.follow(&scene.shop.start_with(&[("prompt", "login")]).url).await;
    assert!(page.find_form("login").is_some());
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    let page = scene.browser.follow(&scene.shop.start_with(&[("max_age", "1")]).url).await;
    assert!(page.find_form("login").is_some(), "{}", page.url);
    let started = scene.shop.start_with(&[("max_age", "1"), ("prompt", "none")]);
    sent_back(&scene, &scene.browser.follow(&started.url).await, &started.state, "login_required");
    // Answered anew, auth_time is new.
    let started = scene.shop.start_with(&[("max_age", "1")]);
    let landed = scene.browser.sign_in(&started.url, "ada", &scene.password).await;
    let tokens = scene.shop.exchange(&started, &landed).await;
    let auth_time = tokens.claims["auth_time"].as_u64().unwrap();
    assert!(testkit::unix_now() - auth_time <= 2);
}

#[tokio::test]
async fn sec_107_repeated_and_oversized_parameters_are_refused() {
    let scene = Scene::new().await;
    let started = scene.shop.start();
    let query = started.url.split_once('?').unwrap().1.to_owned();
    for pair in query.split('&') {
        let (name, _) = pair.split_once('=').unwrap();
        for again in [pair.to_owned(), format!("{name}=other")] {
            let page = scene.browser.follow(&format!("/authorize?{query}&{again}")).await;
            assert_eq!(page.query("code"), None, "{again}");
            assert!(
                page.status() >= 400 || page.query("error").as_deref() == Some("invalid_request"),
                "{again}"
            );
        }
        // In query and body at once.
        let both = Request::new("POST", &format!("/authorize?{pair}"))
            .header("content-type", "application/x-www-form-urlencoded");
        let both = Request { body: query.clone().into_bytes(), ..both };
        let answer = scene.browser.send(both).await;
        assert!(!answer.header("location").unwrap_or_default().contains("code="), "{name}");
    }
    let long = "x".repeat(9_000);
    let page = scene.browser.follow(&scene.shop.start_with(&[("state", &long)]).url).await;
    assert!(page.query("code").is_none() && page.status() < 500);
    for bad in ["%ff%fe", "%00", "%zz"] {
        let page = scene.browser.follow(&format!("/authorize?{query}&login_hint={bad}")).await;
        assert!(page.status() < 500, "{bad}: {}", page.status());
    }
}

#[tokio::test]
async fn the_request_may_come_by_post() {
    let scene = Scene::new().await;
    let started = scene.shop.start();
    let query = started.url.split_once('?').unwrap().1;
    let request =
        Request::new("POST", "/authorize").header("content-type", "application/x-www-form-urlencoded");
    let answer = scene.browser.send(Request { body: query.as_bytes().to_vec(), ..request }).await;
    let to = answer.header("location").unwrap_or_default().to_owned();
    let landed = if to.starts_with('/') || to.starts_with(&scene.server.issuer) {
        scene.browser.follow(&to).await
    } else {
        Page { url: url::Url::parse(&to).unwrap(), answer: testkit::wire::Answer::default() }
    };
    scene.shop.code(&started, &landed);
}

#[tokio::test]
async fn hints_and_unknown_parameters_are_accepted() {
    let scene = Scene::new().await;
    let nobody = scene.server.browser();
    let started = scene.shop.start_with(&[
        ("login_hint", "ada"),
        ("ui_locales", "de-AT de en"),
        ("display", "page"),
        ("acr_values", "one two"),
        ("claims_locales", "de"),
        ("id_token_hint", ""),
        ("something_else", "1"),
    ]);
    let page = nobody.follow(&started.url).await;
    let form = page.form("login");
    assert_eq!(form.value("username"), Some("ada"), "login_hint fills the name in");
    assert!(page.html().contains("lang=\"de"), "ui_locales chooses the language");
    assert!(page.html().contains("The shop"));
}

#[tokio::test]
async fn unregistered_scopes_are_not_given() {
    let scene = Scene::new().await;
    let narrow = scene.server.client_with("narrow", &json!({"scope": "openid"}));
    let started = narrow.start_with(&[("scope", "openid email profile")]);
    let landed = scene.browser.follow(&started.url).await;
    if landed.query("error").is_some() {
        assert_eq!(landed.query("error").as_deref(), Some("invalid_scope"));
        return;
    }
    let tokens = narrow.exchange(&started, &landed).await;
    let userinfo = narrow.userinfo(&tokens.access_token).await.json();
    assert!(userinfo.get("email").is_none() && userinfo.get("preferred_username").is_none(), "{userinfo}");
}
