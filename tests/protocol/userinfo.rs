//! `/userinfo`.

use serde_json::json;
use testkit::wire::Request;
use testkit::{b64, random};

use crate::given::Scene;

#[tokio::test]
async fn userinfo_gives_the_claims_of_the_scopes() {
    let scene = Scene::new().await;
    let claims = json!({"name": "Grace Hopper", "given_name": "Grace"});
    let file = scene.server.file("claims.json", &claims.to_string()).to_string_lossy().into_owned();
    let args = [
        "user",
        "create",
        "grace",
        "--email",
        "grace@mail.example",
        "--claims",
        &file,
        "--password-stdin",
        "--json",
    ];
    let _ = scene.server.command_with(&args, "a long secret of an admiral\n").done();
    let browser = scene.server.browser();
    let started = scene.shop.start_with(&[("scope", "openid profile email")]);
    let landed = browser.sign_in(&started.url, "grace", "a long secret of an admiral").await;
    let tokens = scene.shop.exchange(&started, &landed).await;
    for method in ["GET", "POST"] {
        let bearer = format!("Bearer {}", tokens.access_token);
        let answer =
            scene.shop.line.send(Request::new(method, "/userinfo").header("authorization", &bearer)).await;
        assert_eq!(answer.status, 200, "{method}: {}", answer.text());
        let info = answer.json();
        assert_eq!(info["sub"], tokens.claims["sub"]);
        assert_eq!(info["name"], "Grace Hopper");
        assert_eq!(info["preferred_username"], "grace");
        assert_eq!(info["email"], "grace@mail.example");
    }
    // The token in the body of a form (RFC 6750 §2.2).
    let form = Request::form("/userinfo", &[("access_token", &tokens.access_token)]);
    assert_eq!(scene.shop.line.send(form).await.status, 200);
    // Less was asked for: less is given.
    let info = scene.shop.userinfo(&scene.tokens().await.access_token).await.json();
    assert!(info["sub"].is_string() && info.get("email").is_none() && info.get("name").is_none(), "{info}");
}

#[tokio::test]
async fn bad_tokens_are_refused_with_a_challenge() {
    let scene = Scene::new().await;
    let tokens = scene.tokens().await;
    let token = &tokens.access_token;
    let id_token = tokens.all["id_token"].as_str().unwrap().to_owned();
    let parts: Vec<&str> = token.split('.').collect();
    let none = b64(br#"{"alg":"none","typ":"at+jwt"}"#);
    let bad = [
        String::new(),
        "x".to_owned(),
        b64(&random::<64>()),
        id_token,
        format!("{none}.{}.", parts[1]),
        format!("{none}.{}.{}", parts[1], parts[2]),
        format!("{}.{}.{}", parts[0], parts[1], b64(&random::<64>())),
        format!("{}.{}x.{}", parts[0], parts[1], parts[2]),
    ];
    for token in bad {
        let answer = scene.shop.userinfo(&token).await;
        // No token after the word is a malformed request (RFC 6750 §3.1).
        assert_eq!(answer.status, if token.is_empty() { 400 } else { 401 }, "{token}");
        assert!(answer.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")));
    }
    let bare = scene.shop.line.send(Request::get("/userinfo")).await;
    assert_eq!(bare.status, 401);
    // In the address a token would stay in logs: refused (RFC 6750 §5.3).
    let query = scene.shop.line.send(Request::get(&format!("/userinfo?access_token={token}"))).await;
    assert!((400..500).contains(&query.status));
    // A session cookie is no token.
    assert_eq!(scene.browser.send(Request::get("/userinfo")).await.status, 401);
}

#[tokio::test]
async fn tokens_end_with_the_session() {
    let scene = Scene::new().await;
    let tokens = scene.tokens().await;
    assert_eq!(scene.shop.userinfo(&tokens.access_token).await.status, 200);
    let page = scene.browser.follow("/logout").await;
    let form = testkit::press(&page, &page.form("logout"), "logout-confirm");
    scene.browser.submit(&page, &form).await;
    assert_eq!(scene.shop.userinfo(&tokens.access_token).await.status, 401);
}
