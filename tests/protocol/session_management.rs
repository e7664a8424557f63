//! What clients' pages learn in a frame of ours (Session Management); the frame's script runs in Chromium
//! (`tests/clients`, `tests/browser`).

use serde_json::json;
use testkit::{b64, sha256};

use crate::logout::Ground;

#[tokio::test]
async fn the_frame_may_be_framed_by_anybody_and_does_nothing_else() {
    let ground = Ground::new().await;
    let page = ground.browser.get("/session/check").await;
    assert_eq!(page.status(), 200);
    assert_eq!(page.answer.header("x-frame-options"), None);
    let policy = page.answer.header("content-security-policy").unwrap();
    assert!(
        policy.ends_with("; frame-ancestors *") && policy.starts_with("default-src 'none'; "),
        "{policy}"
    );
    assert!(policy.contains("form-action 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.all("script", "src").len(), 1);
    let script = ground.browser.get(&page.all("script", "src")[0]).await;
    assert!(script.status() == 200 && script.html().contains("postMessage"));
    // Nothing else is framed.
    for path in ["/login", "/logout", "/", "/jwks"] {
        let page = ground.browser.get(path).await;
        assert_eq!(page.answer.header("x-frame-options"), Some("DENY"), "{path}");
        let policy = page.answer.header("content-security-policy").unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
    }
}

#[tokio::test]
async fn session_state_fits_the_browsers_state_until_it_signs_out() {
    let ground = Ground::new().await;
    let shop = ground.client("shop", &json!({}));
    let _ = ground.sign_in(&shop).await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        let landed = ground.browser.follow(&shop.start().url).await;
        let value = landed.query("session_state").expect("session_state");
        let (hash, salt) = value.rsplit_once('.').expect("a salt after the dot");
        let state = ground.browser.cookie("__Host-lb_state").expect("the browser's state");
        let text = format!("shop https://shop.example {state} {salt}");
        assert_eq!(hash, b64(&sha256(text.as_bytes())));
        assert_ne!(Some(&state), ground.browser.cookie("__Host-lb_session").as_ref());
        seen.push(value);
    }
    assert_ne!(seen[0], seen[1], "salted anew");
    let page = ground.browser.get("/logout").await;
    let _ = ground.browser.submit(&page, &page.form("logout")).await;
    assert_eq!(ground.browser.cookie("__Host-lb_state"), None);
    // Another session is another state.
    let _ = ground.sign_in(&shop).await;
    let state = ground.browser.cookie("__Host-lb_state").expect("the browser's state");
    let (hash, salt) = seen[0].rsplit_once('.').expect("a salt");
    assert_ne!(hash, b64(&sha256(format!("shop https://shop.example {state} {salt}").as_bytes())));
}
