//! Bad input: sizes, broken forms, broken HTTP.

use testkit::wire::Request;

use crate::given::Scene;

#[tokio::test]
async fn oversized_bodies_are_413() {
    let scene = Scene::new().await;
    let large = "x".repeat(300 * 1024);
    for path in ["/token", "/authorize", "/userinfo", "/login/password", "/consent", "/logout"] {
        let request = Request::form(path, &[("grant_type", &large)]);
        let answer = scene.browser.send(scene.browser.same_origin(request)).await;
        assert_eq!(answer.status, 413, "{path}: {}", answer.text());
    }
    let json = Request::json("/api/phone/v1/claims", &serde_json::json!({"device": large}));
    let answer = scene.browser.send(json).await;
    assert_eq!(answer.status, 413);
    assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("application/problem+json")));
    // Announced but never sent: answered without waiting for it.
    let mut connection = scene.browser.connect().await;
    let head = "POST /token HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 99999999999\r\n\r\n";
    let answer = connection.send_bytes(head.as_bytes(), "POST").await.unwrap();
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn malformed_forms_are_400_with_a_sentence() {
    let scene = Scene::new().await;
    let csrf = {
        let page = scene.server.browser().follow(&scene.shop.start().url).await;
        page.csrf().unwrap()
    };
    for (path, body) in [
        ("/login/password", "username=%ff%fe&password=x"),
        ("/login/password", "username=a&username=b&password=x"),
        ("/login/password", "no form at all"),
        ("/login/password", ""),
        ("/consent", "x=%"),
        ("/logout", "csrf=a&csrf=b"),
    ] {
        let request = Request::new("POST", path).header("content-type", "application/x-www-form-urlencoded");
        let request = Request { body: format!("{body}&csrf={csrf}").into_bytes(), ..request };
        let answer = scene.browser.send(scene.browser.same_origin(request)).await;
        assert!((400..500).contains(&answer.status), "{path} {body}: {}", answer.status);
        assert!(answer.body.len() > 40, "a sentence: {}", answer.text());
    }
    // Another content type.
    let request = Request { body: b"username=a".to_vec(), ..Request::new("POST", "/login/password") };
    let answer =
        scene.browser.send(scene.browser.same_origin(request.header("content-type", "text/plain"))).await;
    assert!((400..500).contains(&answer.status), "{}", answer.status);
    // The phone's API wants JSON and says so.
    let request = Request { body: b"{}".to_vec(), ..Request::new("POST", "/api/phone/v1/challenges") };
    assert_eq!(scene.browser.send(request.header("content-type", "text/plain")).await.status, 415);
    let request = Request { body: b"{".to_vec(), ..Request::new("POST", "/api/phone/v1/challenges") };
    let answer = scene.browser.send(request.header("content-type", "application/json")).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["status"], 400);
}

#[tokio::test]
async fn broken_http_is_refused_and_hurts_nobody() {
    let scene = Scene::new().await;
    let floods: [&[u8]; 5] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /login HTTP/1.1\r\nhost: a\r\nhost: b\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        b"POST /token HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nZZZ\r\n",
        &[b'A'; 200_000],
    ];
    for bytes in floods {
        let mut connection = scene.browser.connect().await;
        let _ = connection.write(bytes).await;
        let answer = tokio::time::timeout(std::time::Duration::from_secs(15), connection.head()).await;
        if let Ok(Ok(answer)) = answer {
            assert!((400..600).contains(&answer.status), "{}", answer.status);
            assert_ne!(answer.status, 500);
        }
    }
    // Methods nobody serves, and a foreign host name that must not get into links.
    for method in ["PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
        let status = scene.browser.send(Request::new(method, "/login")).await.status;
        assert!((400..=501).contains(&status) && status != 500, "{method}: {status}");
    }
    let answer = scene
        .browser
        .send(Request::get("/.well-known/openid-configuration").header("host", "evil.example"))
        .await;
    assert!(!answer.text().contains("evil.example"));
    assert_eq!(scene.browser.send(Request::get("/readyz")).await.status, 200);
}
