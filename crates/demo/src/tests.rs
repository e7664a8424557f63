use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, http::StatusCode};

use super::*;

fn settings(issuer: &str) -> Settings {
    Settings {
        issuer: issuer.to_owned(),
        base: "http://localhost:8401".to_owned(),
        client_id: "demo".to_owned(),
        client_secret: None,
        username: "demo".to_owned(),
        enrolment: String::new(),
        phone_file: None,
        connect_to: None,
        extra_ca: None,
    }
}

async fn ask(demo: &Demo, request: TestRequest) -> (StatusCode, String) {
    let service = init_service(App::new().configure(|c| demo.configure(c))).await;
    let answer = call_service(&service, request.to_request()).await;
    let status = answer.status();
    (status, String::from_utf8_lossy(&read_body(answer).await).into_owned())
}

fn get(path: &str) -> TestRequest {
    TestRequest::get().uri(path).insert_header(("host", "localhost:8401"))
}

#[actix_web::test]
async fn the_virtual_phone_carries_its_banner() {
    let demo = Demo::new(settings("http://localhost:8400")).unwrap();
    let (status, page) = ask(&demo, get("/virtual-phone")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("Virtual phone: for the demo only"));
    assert_eq!(demo.virtual_phone().as_deref(), Some("http://localhost:8401/virtual-phone"));
}

#[actix_web::test]
async fn there_is_no_virtual_phone_when_the_issuer_is_elsewhere() {
    let demo = Demo::new(settings("https://login.example.org")).unwrap();
    assert_eq!(demo.virtual_phone(), None);
    assert!(matches!(demo.enrol_phone().await, Err(DemoError::NotLoopback)));
    assert_eq!(ask(&demo, get("/virtual-phone")).await.0, StatusCode::NOT_FOUND);
    let scan = TestRequest::post()
        .uri("/virtual-phone/scan")
        .insert_header(("host", "localhost:8401"))
        .insert_header(("origin", "http://localhost:8401"))
        .set_json(serde_json::json!({"link": "x"}));
    assert_eq!(ask(&demo, scan).await.0, StatusCode::NOT_FOUND);
    let (_, home) = ask(&demo, get("/")).await;
    assert!(!home.contains("virtual phone"));
}

#[actix_web::test]
async fn pages_elsewhere_cannot_use_the_phone() {
    let demo = Demo::new(settings("http://localhost:8400")).unwrap();
    let decide = |host: &str, origin: Option<&str>| {
        let mut request = TestRequest::post()
            .uri("/virtual-phone/decide")
            .insert_header(("host", host.to_owned()))
            .set_json(serde_json::json!({"claim": "x", "decision": "deny"}));
        if let Some(origin) = origin {
            request = request.insert_header(("origin", origin.to_owned()));
        }
        request
    };
    for (host, origin) in [
        ("localhost:8401", None),
        ("localhost:8401", Some("null")),
        ("localhost:8401", Some("http://localhost:8400")),
        ("localhost:8401", Some("http://localhost:8401.evil.test")),
        ("evil.test:8401", Some("http://evil.test:8401")),
        ("evil.test:8401", Some("http://localhost:8401")),
    ] {
        assert_eq!(ask(&demo, decide(host, origin)).await.0, StatusCode::FORBIDDEN, "{host} {origin:?}");
    }
    // The right page is let in: this phone is just not enrolled yet.
    let (status, _) = ask(&demo, decide("localhost:8401", Some("http://localhost:8401"))).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let foreign = TestRequest::get().uri("/").insert_header(("host", "evil.test:8401"));
    assert_eq!(ask(&demo, foreign).await.0, StatusCode::FORBIDDEN);
}

#[actix_web::test]
async fn an_answer_without_a_request_is_refused() {
    let demo = Demo::new(settings("http://localhost:8400")).unwrap();
    let (status, page) = ask(&demo, get("/callback?code=x&state=y&iss=http://localhost:8400")).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    assert!(page.contains("belongs to no sign-in"));
}
