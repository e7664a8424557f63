//! The shell around real requests.

use actix_web::http::StatusCode;
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App as Server, HttpResponse, web as routes};

use super::*;

fn web_for(issuer: &str) -> Web {
    let issuer = app::Issuer::parse(issuer).unwrap();
    Web(Arc::new(Inner {
        origin: issuer.origin().to_owned(),
        host: issuer.host().into(),
        is_https: issuer.is_https(),
        app: None,
        entropy: Entropy::system(),
        trusted_proxies: Vec::new(),
        theme: Arc::new(Theme::built_in().unwrap()),
        texts: Catalogue::parse(texts::BUILT_IN).unwrap(),
        virtual_phone: None,
        phase: watch::Sender::new(Phase::Open),
    }))
}

async fn echo(Form(params): Form) -> HttpResponse {
    HttpResponse::Ok().body(params.text("a").to_owned())
}

async fn fails() -> Result<HttpResponse, Refused> {
    Err(app::Refusal::Unavailable("disk /srv/secret is full".to_owned()).into())
}

async fn change(
    req: HttpRequest,
    web: Data<Web>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<&'static str, Refused> {
    origin::check_form(&req, &web, visitor.browser.as_ref(), form.get("csrf"))?;
    Ok("done")
}

async fn stream(req: HttpRequest, web: Data<Web>) -> Result<&'static str, Refused> {
    origin::must_be_ours(&req, &web)?;
    Ok("words")
}

macro_rules! server {
    ($web:expr) => {{
        let web = $web;
        init_service(Server::new().wrap(from_fn(shell::shell)).configure(move |c| {
            mount(c, &web);
            c.route("/echo", routes::post().to(echo))
                .route("/change", routes::post().to(change))
                .route("/stream", routes::get().to(stream))
                .route("/json", routes::post().to(|_: routes::Json<Vec<u8>>| async { "ok" }))
                .service(routes::resource("/fails").route(routes::get().to(fails)));
        }))
        .await
    }};
}

const HTML: (&str, &str) = ("accept", "text/html,application/xhtml+xml");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[actix_web::test]
async fn sec_141_every_answer_has_the_headers_of_safety() {
    let server = server!(web_for("https://id.example"));
    for path in ["/nothing", "/fails", "/assets/none", "/favicon.ico"] {
        let res = call_service(&server, TestRequest::get().uri(path).insert_header(HTML).to_request()).await;
        for name in [
            "content-security-policy",
            "x-content-type-options",
            "referrer-policy",
            "cross-origin-opener-policy",
            "cross-origin-resource-policy",
            "permissions-policy",
            "strict-transport-security",
            "x-request-id",
        ] {
            assert!(res.headers().contains_key(name), "{path}: {name}");
        }
        let csp = res.headers().get("content-security-policy").unwrap().to_str().unwrap();
        assert!(csp.starts_with("default-src 'none'") && csp.contains("frame-ancestors 'none'"), "{path}");
    }
    let plain = server!(web_for("http://localhost:8400"));
    let res = call_service(&plain, TestRequest::get().uri("/nothing").to_request()).await;
    assert!(!res.headers().contains_key("strict-transport-security"));
}

#[actix_web::test]
async fn sec_140_the_nonce_differs_each_time() {
    let server = server!(web_for("https://id.example"));
    let mut seen = Vec::new();
    for _ in 0..2 {
        let res =
            call_service(&server, TestRequest::get().uri("/nothing").insert_header(HTML).to_request()).await;
        seen.push(res.headers().get("content-security-policy").unwrap().to_str().unwrap().to_owned());
    }
    assert!(seen[0].contains("'nonce-") && seen[0] != seen[1]);
}

#[actix_web::test]
async fn sec_147_a_refusal_is_a_page_for_people_and_problem_json_for_programs() {
    let server = server!(web_for("https://id.example"));
    let res = call_service(&server, TestRequest::get().uri("/fails").insert_header(HTML).to_request()).await;
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(res.headers().contains_key("retry-after"));
    let id = res.headers().get("x-request-id").unwrap().to_str().unwrap().to_owned();
    let page = String::from_utf8(read_body(res).await.to_vec()).unwrap();
    assert!(page.contains("data-error=\"temporarily_unavailable\"") && page.contains(&id));
    assert!(!page.contains("disk"));
    assert!(page.contains("href=\"/fails\""), "the same page can be asked for again");

    let res = call_service(&server, TestRequest::get().uri("/fails").to_request()).await;
    assert_eq!(res.headers().get("content-type").unwrap(), "application/problem+json");
    let body = String::from_utf8(read_body(res).await.to_vec()).unwrap();
    assert!(body.contains("\"code\":\"temporarily_unavailable\"") && !body.contains("disk"), "{body}");
}

#[actix_web::test]
async fn pages_speak_the_asked_language() {
    let server = server!(web_for("https://id.example"));
    let req = TestRequest::get().uri("/nothing").insert_header(HTML).insert_header(("accept-language", "de"));
    let page =
        String::from_utf8(read_body(call_service(&server, req.to_request()).await).await.to_vec()).unwrap();
    assert!(page.contains("lang=\"de\"") && page.contains("Unter dieser Adresse gibt es nichts."));
}

#[actix_web::test]
async fn sec_149_wrong_methods_and_types_are_refused() {
    let server = server!(web_for("https://id.example"));
    let status = |req: TestRequest| call_service(&server, req.to_request());
    assert_eq!(status(TestRequest::post().uri("/fails")).await.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(
        status(TestRequest::post().uri("/echo").set_payload("a=1")).await.status(),
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    let res = status(
        TestRequest::post()
            .uri("/json")
            .insert_header(("content-type", "application/json"))
            .set_payload("{oops"),
    )
    .await;
    assert_eq!(res.status(), StatusCode::BAD_REQUEST);
    let body = String::from_utf8(read_body(res).await.to_vec()).unwrap();
    assert!(body.contains("\"code\"") && !body.contains("line 1"), "{body}");
}

#[actix_web::test]
async fn sec_218_large_bodies_are_refused_without_reading_on() {
    let server = server!(web_for("https://id.example"));
    let long = format!("a={}", "x".repeat(70_000));
    for announce in [true, false] {
        let mut req = TestRequest::post().uri("/echo").insert_header(FORM).set_payload(long.clone());
        if announce {
            req = req.insert_header(("content-length", "70002"));
        }
        let res = call_service(&server, req.to_request()).await;
        assert_eq!(res.status(), StatusCode::PAYLOAD_TOO_LARGE, "announced: {announce}");
    }
    let req = TestRequest::post().uri("/echo").insert_header(FORM).set_payload("a=1&a=2");
    assert_eq!(call_service(&server, req.to_request()).await.status(), StatusCode::BAD_REQUEST);
}

#[actix_web::test]
async fn sec_144_a_form_counts_only_from_our_own_page() {
    let server = server!(web_for("https://id.example"));
    let secret = Entropy::system().secret();
    let token = origin::csrf_token(&secret);
    let cookie = format!("{}={}", cookies::BROWSER, secret.text());
    let other = origin::csrf_token(&Entropy::system().secret());
    let ours = ("origin", "https://id.example");
    type Header<'h> = Option<(&'h str, &'h str)>;
    let cases: &[(&str, Header<'_>, Option<&str>, &str, u16)] = &[
        ("good", Some(ours), Some(&cookie), &token, 200),
        (
            "fetch metadata instead of origin",
            Some(("sec-fetch-site", "same-origin")),
            Some(&cookie),
            &token,
            200,
        ),
        ("an old browser that says nothing, with its token", None, Some(&cookie), &token, 200),
        ("says nothing and has no token", None, Some(&cookie), "", 403),
        ("says nothing and has another browser's token", None, Some(&cookie), &other, 403),
        ("null origin", Some(("origin", "null")), Some(&cookie), &token, 403),
        ("longer host", Some(("origin", "https://id.example.evil.test")), Some(&cookie), &token, 403),
        ("other prefix", Some(("origin", "https://evilid.example")), Some(&cookie), &token, 403),
        ("other scheme", Some(("origin", "http://id.example")), Some(&cookie), &token, 403),
        ("other port", Some(("origin", "https://id.example:444")), Some(&cookie), &token, 403),
        ("same site is not same origin", Some(("sec-fetch-site", "same-site")), Some(&cookie), &token, 403),
        ("no token", Some(ours), Some(&cookie), "", 403),
        ("another browser's token", Some(ours), Some(&cookie), &other, 403),
        ("no cookie", Some(ours), None, &token, 403),
    ];
    for (name, origin, cookie, token, expected) in cases {
        let mut req =
            TestRequest::post().uri("/change").insert_header(FORM).set_payload(format!("csrf={token}"));
        if let Some(origin) = origin {
            req = req.insert_header(*origin);
        }
        if let Some(cookie) = cookie {
            req = req.insert_header(("cookie", *cookie));
        }
        assert_eq!(call_service(&server, req.to_request()).await.status().as_u16(), *expected, "{name}");
    }
}

#[actix_web::test]
async fn sec_050_streams_compare_origins_exactly() {
    let server = server!(web_for("https://id.example"));
    let ask = |header: Option<(&'static str, &'static str)>| {
        let mut req = TestRequest::get().uri("/stream");
        if let Some(header) = header {
            req = req.insert_header(header);
        }
        call_service(&server, req.to_request())
    };
    for good in [("origin", "https://id.example"), ("sec-fetch-site", "same-origin")] {
        assert_eq!(ask(Some(good)).await.status(), StatusCode::OK, "{good:?}");
    }
    assert_eq!(ask(None).await.status(), StatusCode::FORBIDDEN);
    for bad in [
        ("origin", "null"),
        ("origin", "https://id.example.evil.test"),
        ("origin", "https://evilid.example"),
        ("origin", "https://id.exampl"),
        ("origin", ""),
        ("sec-fetch-site", "none"),
        ("sec-fetch-site", "cross-site"),
    ] {
        assert_eq!(ask(Some(bad)).await.status(), StatusCode::FORBIDDEN, "{bad:?}");
    }
}

#[actix_web::test]
async fn the_word_of_closing_reaches_those_who_wait() {
    let web = web_for("https://id.example");
    let mut closing = web.closing();
    assert!(!closing.has_begun());
    let waiting = actix_web::rt::spawn(async move { closing.begun().await });
    web.close();
    waiting.await.unwrap();
    assert!(web.closing().has_begun());
}

#[actix_web::test]
async fn sec_215_a_node_that_will_close_asks_for_other_connections() {
    let web = web_for("https://id.example");
    let server = server!(web.clone());
    let is_last = |res: &actix_web::dev::ServiceResponse| !res.response().head().keep_alive();
    let get = || TestRequest::get().uri("/nothing").to_request();
    assert!(!is_last(&call_service(&server, get()).await));
    let mut closing = web.closing();
    web.drain();
    assert!(web.is_draining() && !closing.has_begun());
    assert!(is_last(&call_service(&server, get()).await));
    web.close();
    closing.begun().await;
    assert!(web.is_draining());
}
