//! A walk over SockJS (cas-wire §6): addresses, pages, methods and origins.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use testkit::wire::Request;
use testkit::{Setup, sha256};

use super::raw::{RAW, begin, upgrade};
use super::world::Apps;

pub const BASE: &str = "/cas/qr-websocket";
pub const NO_STORE: Option<&str> = Some("no-store, no-cache, must-revalidate, max-age=0");

#[tokio::test]
async fn the_greeting_and_what_is_offered() {
    let apps = Apps::new().await;
    let browser = apps.ground.server.browser();
    for path in ["", "/"] {
        let answer = browser.send(Request::get(&format!("{BASE}{path}"))).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/plain;charset=UTF-8")));
        assert_eq!(answer.text(), "Welcome to SockJS!\n");
    }
    let mut seen = Vec::new();
    for _ in 0..3 {
        let info = browser.send(Request::get(&format!("{BASE}/info?t=1700000000000"))).await;
        assert_eq!((info.status, info.header("content-type")), (200, Some("application/json;charset=UTF-8")));
        assert_eq!(info.header("cache-control"), NO_STORE);
        assert_eq!(info.header("access-control-allow-origin"), None);
        let info = info.json();
        assert_eq!(
            (&info["websocket"], &info["origins"], &info["cookie_needed"]),
            (&json!(true), &json!(["*:*"]), &json!(true))
        );
        seen.push(i32::try_from(info["entropy"].as_i64().unwrap()).unwrap());
    }
    assert!(seen[0] != seen[1] || seen[1] != seen[2], "{seen:?}");
    // A socket is asked for as RFC 6455 says, or refused by its statuses.
    for path in [RAW, "/cas/qr-websocket/042/abc/websocket"] {
        let answer = browser.send(Request::get(path)).await;
        assert_eq!((answer.status, answer.text().as_str()), (400, "Can \"Upgrade\" only to \"WebSocket\"."));
        let change = |name: &str, value: &str| {
            let mut request = upgrade(path);
            request.headers.retain(|(n, _)| n != name);
            request.header(name, value)
        };
        for (request, status) in [
            (change("sec-websocket-version", "12"), 426),
            (change("sec-websocket-key", "short"), 400),
            (change("connection", "close"), 400),
        ] {
            assert_eq!(begin(&browser, request).await.1.status, status);
        }
    }
}

#[tokio::test]
async fn the_frames_page_loads_our_script_alone() {
    let apps = Apps::new().await;
    let browser = apps.ground.server.browser();
    for name in ["iframe.html", "iframe-a.b_0.html"] {
        let page = browser.send(Request::get(&format!("{BASE}/{name}?t=1"))).await;
        assert_eq!((page.status, page.header("content-type")), (200, Some("text/html;charset=UTF-8")));
        assert_eq!(page.header("cache-control"), Some("public, max-age=31536000"));
        assert!(page.header("expires").is_some() && page.header("set-cookie").is_none());
        assert_eq!(page.header("x-frame-options"), Some("SAMEORIGIN"));
        let html = page.text();
        let script = html.split_once("<script src=\"").unwrap().1.split_once('"').unwrap().0;
        let inline = html.split_once("<script>").unwrap().1.split_once("</script>").unwrap().0;
        let policy = page.header("content-security-policy").unwrap();
        let wanted = format!(
            "script-src {}{script} 'sha256-{}';",
            apps.ground.server.issuer,
            STANDARD.encode(sha256(inline.as_bytes()))
        );
        assert!(policy.starts_with("default-src 'none'") && policy.contains(&wanted), "{policy}");
        assert!(
            policy.contains("connect-src 'self'") && policy.contains("frame-ancestors 'self'"),
            "{policy}"
        );
        assert_eq!(html.matches("<script").count(), 2);
        let script = browser.send(Request::get(script)).await;
        assert_eq!(
            (script.status, script.header("content-type")),
            (200, Some("text/javascript; charset=utf-8"))
        );
        assert!(script.text().contains("bootstrap_iframe"));
        let etag = page.header("etag").unwrap();
        let known = browser.send(Request::get(&format!("{BASE}/{name}")).header("if-none-match", etag)).await;
        assert_eq!((known.status, known.body.len()), (304, 0));
        let other =
            browser.send(Request::get(&format!("{BASE}/{name}")).header("if-none-match", "\"x\"")).await;
        assert_eq!(other.status, 200);
    }
}

#[tokio::test]
async fn what_is_no_address_is_404_and_no_method_405() {
    let apps = Apps::new().await;
    let browser = apps.ground.server.browser();
    for path in [
        "/042/abc/jsonp",
        "/042/abc/jsonp_send",
        "/042/abc/XHR",
        "/042/abc/xhr;x=1",
        "/042/abc/xhr/",
        "/042/abc",
        "/042",
        "/042/a.b/xhr",
        "/0.2/abc/xhr",
        "//abc/xhr",
        "/042//xhr",
        "/042/abc/1/xhr",
        "/iframe/a.html",
        "/IFRAME.html",
        "/iframe.htm",
        "/info/",
        "/%69nfo",
        "x",
    ] {
        for method in ["GET", "POST", "OPTIONS"] {
            let answer = browser.send(Request::new(method, &format!("{BASE}{path}"))).await;
            assert_eq!(answer.status, 404, "{method} {path}");
        }
    }
    for (path, allow) in [
        ("", "GET"),
        ("/", "GET"),
        ("/websocket", "GET"),
        ("/iframe.html", "GET"),
        ("/info", "GET, OPTIONS"),
        ("/042/abc/websocket", "GET"),
        ("/042/abc/eventsource", "GET"),
        ("/042/abc/htmlfile", "GET"),
        ("/042/abc/xhr", "POST, OPTIONS"),
        ("/042/abc/xhr_send", "POST, OPTIONS"),
        ("/042/abc/xhr_streaming", "POST, OPTIONS"),
    ] {
        for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS"] {
            if allow.split(", ").any(|known| known == method) {
                continue;
            }
            let answer = browser.send(Request::new(method, &format!("{BASE}{path}"))).await;
            assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)), "{method} {path}");
        }
        if allow.ends_with("OPTIONS") {
            let answer = browser.send(Request::new("OPTIONS", &format!("{BASE}{path}"))).await;
            assert_eq!(
                (answer.status, answer.header("cache-control")),
                (204, Some("public, max-age=31536000")),
                "{path}"
            );
            assert!(
                answer.header("expires").is_some() && answer.header("access-control-allow-methods").is_none()
            );
        }
    }
}

/// W-15: the rule stands, and nothing follows from it.
#[tokio::test]
async fn pages_of_other_origins_are_refused_unless_they_are_known() {
    let apps = Apps::with(Setup::default().set("cas_qr.allowed_origins", vec!["https://app.example"])).await;
    let browser = apps.ground.server.browser();
    let own = apps.ground.server.issuer.clone();
    let addresses = [
        ("GET", ""),
        ("GET", "/info"),
        ("OPTIONS", "/info"),
        ("POST", "/042/abc/xhr"),
        ("POST", "/042/abc/xhr_send"),
        ("OPTIONS", "/042/abc/xhr"),
        ("POST", "/042/abc/xhr_streaming"),
        ("GET", "/042/abc/eventsource"),
        ("GET", "/042/abc/htmlfile?c=x"),
        ("GET", "/iframe.html"),
    ];
    for origin in [
        "https://evil.example",
        "null",
        "https://app.example.evil.example",
        "http://app.example",
        "https://app.example:8443",
    ] {
        for (method, path) in addresses {
            let request = Request::new(method, &format!("{BASE}{path}")).header("origin", origin);
            let answer = browser.send(request).await;
            assert_eq!(
                (answer.status, answer.header("access-control-allow-origin")),
                (403, None),
                "{origin} {path}"
            );
        }
        for path in [RAW, BASE, "/cas/qr-websocket/042/abc/websocket"] {
            assert_eq!(
                begin(&browser, upgrade(path).header("origin", origin)).await.1.status,
                403,
                "{origin}"
            );
        }
    }
    for (origin, told) in [("https://app.example", Some("https://app.example")), (own.as_str(), None)] {
        let answer = browser.send(Request::get(&format!("{BASE}/info")).header("origin", origin)).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, told));
        assert_eq!(answer.header("access-control-allow-credentials"), told.map(|_| "true"));
        assert!(answer.all("vary").any(|vary| vary.contains("Origin")));
        let asked = Request::new("OPTIONS", &format!("{BASE}/042/abc/xhr_send")).header("origin", origin);
        let answer = browser.send(asked.header("access-control-request-method", "POST")).await;
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("access-control-allow-methods"), told.map(|_| "POST, OPTIONS"));
        assert_eq!(begin(&browser, upgrade(RAW).header("origin", origin)).await.1.status, 101);
    }
    let two = upgrade(RAW).header("origin", &own).header("origin", "https://app.example");
    assert_eq!(begin(&browser, two).await.1.status, 403);
    // Where others are let in, frames are not: they could not use them.
    assert_eq!(browser.send(Request::get(&format!("{BASE}/iframe.html"))).await.status, 404);
}
