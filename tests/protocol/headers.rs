//! Headers of every answer (SEC-140, SEC-141), found by walking over the pages.

use std::collections::BTreeSet;

use testkit::wire::Request;

use crate::given::Scene;

#[tokio::test]
async fn sec_140_every_page_carries_its_headers() {
    let scene = Scene::new().await;
    let visitor = scene.server.browser();
    let mut todo = vec![
        scene.shop.start().url,
        "/login".to_owned(),
        "/logout".to_owned(),
        "/phone".to_owned(),
        "/s".to_owned(),
        "/login/done".to_owned(),
        "/login/passkey/new".to_owned(),
        "/admin/setup".to_owned(),
        "/no/such/page".to_owned(),
        "/authorize".to_owned(),
    ];
    let mut seen = BTreeSet::new();
    while let Some(address) = todo.pop() {
        for browser in [&visitor, &scene.browser] {
            let page = browser.follow(&address).await;
            if page.status() == 0 {
                continue;
            }
            assert!(page.status() < 500, "{address}: {}", page.status());
            let header = |name: &str| page.answer.header(name).unwrap_or_default().to_owned();
            assert_eq!(header("x-content-type-options"), "nosniff", "{address}");
            assert!(header("server").is_empty() && header("x-powered-by").is_empty(), "{address}");
            if header("content-type").starts_with("text/html") {
                let csp = header("content-security-policy");
                for part in ["frame-ancestors 'none'", "base-uri 'none'", "object-src 'none'"] {
                    let is_covered = csp.contains(part)
                        || part.starts_with("object") && csp.contains("default-src 'none'");
                    assert!(is_covered, "{address}: {part} is missing in {csp}");
                }
                for part in csp.split(';').map(str::trim).filter(|part| !part.starts_with("form-action")) {
                    for bad in ["'unsafe-inline'", "'unsafe-eval'", " *", "http:", "https:", "data:"] {
                        let is_picture = part.starts_with("img-src");
                        assert!(!part.contains(bad) || is_picture, "{address}: {csp}");
                    }
                }
                assert!(
                    ["no-referrer", "same-origin"].contains(&header("referrer-policy").as_str()),
                    "{address}"
                );
                assert_eq!(header("cache-control"), "no-store", "{address}");
                assert!(!page.html().contains(" onclick=") && !page.html().contains(" style="), "{address}");
            }
            for link in page.links() {
                let Ok(url) = page.url.join(&link) else { continue };
                let is_ours = url.origin().ascii_serialization() == scene.server.issuer;
                let path = url.path().to_owned();
                if is_ours && !path.starts_with("/logout") && seen.insert(path.clone()) {
                    todo.push(path);
                }
            }
        }
        assert!(seen.len() < 500);
    }
    assert!(seen.iter().any(|path| path.starts_with("/assets/")), "{seen:?}");
}

#[tokio::test]
async fn sec_141_nonces_are_fresh_and_apis_are_not_shared() {
    let scene = Scene::new().await;
    let browser = scene.server.browser();
    let nonce = async || {
        let page = browser.get("/phone").await;
        let csp = page.answer.header("content-security-policy").unwrap_or_default().to_owned();
        csp.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).map(str::to_owned)
    };
    if let (Some(one), Some(two)) = (nonce().await, nonce().await) {
        assert_ne!(one, two);
        assert!(one.len() >= 16);
    }
    // No door is opened to other origins, but for what everybody may read.
    for (method, target) in [
        ("GET", "/login"),
        ("POST", "/token"),
        ("POST", "/api/phone/v1/challenges"),
        ("OPTIONS", "/api/phone/v1/claims"),
        ("OPTIONS", "/login/qr"),
        ("GET", "/userinfo"),
    ] {
        let request = Request::new(method, target)
            .header("origin", "https://evil.example")
            .header("access-control-request-method", "POST");
        let answer = browser.send(request).await;
        let allowed = answer.header("access-control-allow-origin");
        assert!(
            allowed.is_none() || answer.header("access-control-allow-credentials").is_none(),
            "{target}: {allowed:?}"
        );
        if target.starts_with("/login") || target.starts_with("/api") {
            assert_eq!(allowed, None, "{target}");
        }
    }
}

#[tokio::test]
async fn health_is_told_without_details() {
    let scene = Scene::new().await;
    for path in ["/healthz", "/readyz"] {
        let answer = scene.browser.send(Request::get(path)).await;
        assert_eq!(answer.status, 200);
        assert!(answer.body.len() < 200, "{}", answer.text());
        assert!(!answer.text().contains("sqlite") && !answer.text().contains("0.1"), "{}", answer.text());
    }
}

#[tokio::test]
async fn the_phone_api_is_described_without_a_cdn() {
    let scene = Scene::new().await;
    let page = scene.browser.follow("/api/docs").await;
    assert_eq!(page.status(), 200, "{}", page.url);
    for link in page.links() {
        let url = page.url.join(&link).unwrap();
        assert_eq!(url.origin().ascii_serialization(), scene.server.issuer, "{link}");
    }
}
