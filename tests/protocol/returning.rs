//! Where browsers are sent, and what stands in addresses: nobody else's site (SEC-146), and no secrets (SEC-148).

use serde_json::{Value, json};
use testkit::wire::{Answer, Request, encode};
use testkit::{Kind, Phone, Server, Setup};
use url::Url;

use crate::given::Scene;

/// What leads elsewhere in one browser or another.
const ELSEWHERE: &[&str] = &[
    "https://evil.example/",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https://localhost@evil.example/",
    "https://localhost.evil.example/",
    "/%2f%2fevil.example",
    "%2f%2fevil.example",
    "/%5cevil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\nlocation: https://evil.example",
    "\u{0}//evil.example",
    " //evil.example",
    "javascript:alert(1)//evil.example",
    "data:text/html,evil.example",
    "/.//evil.example",
    "/..//evil.example",
    "/login/..//evil.example",
    "https://evil.example%00.localhost/",
    "https://evil.example#@localhost",
    "\u{ff0f}\u{ff0f}evil.example",
];

/// What such parameters are called here and elsewhere.
const NAMES: &[&str] = &[
    "next",
    "return",
    "return_to",
    "returnTo",
    "return_url",
    "redirect",
    "redirect_to",
    "redirect_url",
    "url",
    "uri",
    "to",
    "target",
    "target_link_uri",
    "continue",
    "goto",
    "dest",
    "destination",
    "back",
    "callback",
    "forward",
    "path",
    "r",
    "u",
    "done",
    "after",
    "other",
    "journey",
    "login_hint",
    "service",
    "RelayState",
    "cursor",
    "tab",
];

fn stays(server: &Server, what: &str, answer: &Answer) {
    assert!(answer.status < 500, "{what}: {}", answer.status);
    assert!(answer.all("location").count() <= 1, "{what}");
    assert!(answer.header("refresh").is_none(), "{what}");
    let Some(to) = answer.header("location") else { return };
    assert!(!to.chars().any(|c| c.is_control() || c == '\\'), "{what}: {to:?}");
    let base = Url::parse(&format!("{}/login", server.issuer)).unwrap();
    let to = base.join(to).unwrap();
    assert_eq!(to.origin().ascii_serialization(), server.issuer, "{what}: {to}");
    assert!(!to.path().starts_with("//"), "{what}: {to}");
}

#[tokio::test]
async fn sec_146_nothing_sends_a_browser_elsewhere() {
    let scene = Scene::with(Setup::one_node().set("limits.off", true)).await;
    let (server, shop) = (&scene.server, &scene.shop);
    let pages = [
        "/",
        "/login",
        "/login/done",
        "/login/forgot",
        "/login/reset",
        "/login/passkey/new",
        "/recover",
        "/consent",
        "/logout",
        "/phone",
        "/phone/add",
        "/s",
        "/admin",
        "/admin/setup",
        "/account",
        "/account/devices",
        "/account/lost",
        "/account/security",
        "/account/sessions",
        "/account/apps",
        "/account/activity",
        "/account/settings",
        "/account/notice",
        "/account/email/verify",
    ];
    let visitor = server.browser();
    for payload in ELSEWHERE {
        let fields: Vec<(&str, &str)> = NAMES.iter().map(|name| (*name, *payload)).collect();
        let all = encode(&fields);
        for page in pages {
            for browser in [&visitor, &scene.browser] {
                let what = format!("GET {page} {payload:?}");
                stays(server, &what, &browser.send(Request::get(&format!("{page}?{all}"))).await);
            }
        }
        // Forms of ours with the same fields beside their own.
        for path in
            ["/login/password", "/consent", "/logout", "/login/forgot", "/account/sessions/end-others"]
        {
            let csrf = scene.browser.csrf();
            let mut form = fields.clone();
            form.push(("csrf", &csrf));
            let request = scene.browser.same_origin(Request::form(path, &form));
            stays(server, &format!("POST {path} {payload:?}"), &visitor.send(request).await);
        }
        // As part of the address itself.
        for prefix in ["", "/login/", "/account/", "/admin/", "/assets/"] {
            let path =
                payload.replace(|c: char| c.is_control() || c == ' ', "%09").replace('\u{ff0f}', "%EF%BC%8F");
            let target = format!("{prefix}{path}");
            let target = if target.starts_with('/') { target } else { format!("/{target}") };
            let target = target.replace('#', "%23");
            stays(server, &format!("GET {target}"), &visitor.send(Request::get(&target)).await);
        }
        // The two parameters that do name other sites: registered ones, compared as they are.
        for (path, name) in [("/authorize", "redirect_uri"), ("/logout", "post_logout_redirect_uri")] {
            let query = match name {
                "redirect_uri" => {
                    shop.start_with(&[(name, payload)]).url.split_once('?').unwrap().1.to_owned()
                }
                _ => encode(&[(name, payload), ("client_id", &shop.client_id)]),
            };
            let answer = scene.browser.send(Request::get(&format!("{path}?{query}"))).await;
            stays(server, &format!("{path} {payload:?}"), &answer);
            assert!(
                !answer.text().contains("href=\"https://evil")
                    && !answer.text().contains("action=\"https://evil")
            );
        }
    }
    for near in [
        "https://shop.example/callback/",
        "https://shop.example/callback/../x",
        "https://shop.example/callback?x=1",
        "https://shop.example:444/callback",
        "http://shop.example/callback",
        "https://SHOP.example/callback/%2e%2e",
        "https://shop.example.evil.example/callback",
        "https://user@shop.example/callback",
    ] {
        let url = shop.start_with(&[("redirect_uri", near)]).url;
        let target = url.strip_prefix(server.issuer.as_str()).unwrap();
        stays(server, near, &scene.browser.send(Request::get(target)).await);
    }
    // Signing in after all of that leads where it should.
    let started = shop.start();
    let landed = scene.browser.follow(&started.url).await;
    assert!(landed.url.as_str().starts_with("https://shop.example/callback?"), "{}", landed.url);
}

fn is_not_kept(what: &str, answer: &Answer) {
    let kept = answer.header("cache-control").unwrap_or_default().to_owned();
    assert!(kept.contains("no-store"), "{what}: {} {kept:?}", answer.status);
}

#[tokio::test]
async fn sec_148_secrets_are_in_no_cache_and_no_address() {
    let setup = Setup::one_node().set("limits.factor", 1000).set("log.level", "trace");
    let scene = Scene::with(setup).await;
    let (server, shop) = (&scene.server, &scene.shop);
    let mut secrets: Vec<(&str, String)> = vec![("the password", scene.password.clone())];
    let root = server.administrator("root", &["superadmin"]).await;

    // Everything that hands out a secret says that it is not to be kept.
    let key = json!({"name": "k", "permissions": ["users.read"], "days": 1});
    let registration =
        json!({"client_id": "made", "client_name": "Made", "redirect_uris": ["https://made.example/cb"]});
    for (path, body, member) in [
        ("/api-keys", key, "key"),
        ("/clients", registration, "client_secret"),
        ("/clients/made/secret", json!({}), "client_secret"),
        ("/initial-tokens", json!({"name": "partner"}), "token"),
        ("/enrolments", json!({"user": "ada", "kind": "code"}), "code"),
        ("/enrolments", json!({"user": "ada", "kind": "link"}), "url"),
    ] {
        let answer = root.ask("POST", path, Some(&body)).await;
        assert!(answer.status < 300, "{path}: {}", answer.text());
        is_not_kept(path, &answer);
        let said = answer.json();
        let text = said[member].as_str().unwrap_or_else(|| panic!("no {member} in {said}")).to_owned();
        secrets.push((member, text.split_once('#').map_or(text.clone(), |(_, token)| token.to_owned())));
    }
    is_not_kept("/me", &root.ask("GET", "/me", None).await);
    is_not_kept("/users", &root.ask("GET", "/users", None).await);

    let url = root.ask("POST", "/enrolments", Some(&json!({"user": "ada"}))).await.word("url");
    assert!(url.starts_with(&format!("{}/phone#", server.issuer)), "the token stands in the fragment: {url}");
    let token = url.split_once("#e1").unwrap().1.to_owned();
    let line = server.browser();
    let begun = line.send(Request::json("/api/phone/v1/enrolments", &json!({"token": token}))).await;
    is_not_kept("enrolments", &begun);
    secrets.push(("an enrolment link", token));
    let phone = Phone::enrol_by_link(
        server.browser(),
        &root.ask("POST", "/enrolments", Some(&json!({"user": "ada"}))).await.word("url"),
        Kind::App,
    )
    .await;
    let challenge = phone.post("/challenges", &json!({"device": phone.device})).await;
    is_not_kept("challenges", &challenge);
    secrets.push(("a challenge", challenge.word("challenge")));

    // A sign-in by QR, over and over the same addresses: none holds what is secret.
    let browser = server.browser();
    let started = shop.start();
    let page = browser.follow(&started.url).await;
    is_not_kept("/login", &page.answer);
    let shown = browser.ask_qr(&page).await;
    is_not_kept("/login/qr", &shown);
    let shown = testkit::QrShown::read(&shown);
    assert!(shown.url.contains("/s#1"), "the channel stands in the fragment: {}", shown.url);
    secrets.push(("a channel", shown.channel.clone()));
    let claim = phone.scan(&shown.url).await;
    is_not_kept("/login/code", &browser.ask_code(&page).await);
    is_not_kept("/login/state", &browser.poll(&page).await);
    phone.approve(&claim, &browser.check_code(&page).await).await;
    let redeemed = browser.redeem_once(&page).await;
    is_not_kept("/login/phone", &redeemed);
    let landed = browser.follow(&started.url).await;
    let code = shop.code(&started, &landed);
    let answer = shop.redeem(&started, &code).await;
    is_not_kept("/token", &answer);
    let tokens = answer.json();
    let access = tokens["access_token"].as_str().unwrap();
    is_not_kept("/userinfo", &shop.userinfo(access).await);
    secrets.push(("a code", code));
    secrets.push(("an access token", access.to_owned()));
    secrets.push(("an ID token", tokens["id_token"].as_str().unwrap().to_owned()));
    for browser in [&browser, &scene.browser, &root.browser] {
        for (name, value) in browser.cookies() {
            secrets.push(("a cookie", value.clone()));
            assert!(name.starts_with("__Host-"), "{name}");
        }
    }
    for path in
        ["/account", "/account/devices", "/account/security", "/account/sessions", "/phone/add", "/logout"]
    {
        let page = browser.get(path).await;
        is_not_kept(path, &page.answer);
        for address in page.links().into_iter().chain(page.answer.header("location").map(str::to_owned)) {
            for (what, secret) in &secrets {
                assert!(
                    secret.len() < 8 || !address.contains(secret.as_str()),
                    "{path}: {what} in {address}"
                );
            }
        }
    }
    // The log of all these requests, at the most talkative level.
    let log = server.log();
    assert!(log.contains("/login/qr") && log.contains("/api/phone/v1/challenges"));
    for (what, secret) in &secrets {
        assert!(secret.len() < 8 || !log.contains(secret.as_str()), "{what} stands in the log");
    }
    // A secret in a query is no secret any more, and is not taken as one.
    let fields = [("username", "ada"), ("password", scene.password.as_str())];
    for target in ["/login", "/login/password", "/api/phone/v1/enrolments"] {
        let visitor = server.browser();
        let answer = visitor.send(Request::get(&format!("{target}?{}", encode(&fields)))).await;
        assert!(answer.status < 500 && visitor.cookie("__Host-lb_session").is_none(), "{target}");
    }
    for target in [format!("/userinfo?access_token={access}"), "/api/admin/v1/me?access_token=x".to_owned()] {
        assert!([400, 401].contains(&server.browser().send(Request::get(&target)).await.status), "{target}");
    }
    let body: Value = json!({});
    let token_by_query =
        format!("/token?{}", encode(&[("grant_type", "client_credentials"), ("client_secret", "x")]));
    assert!(server.browser().send(Request::json(&token_by_query, &body)).await.status >= 400);
}
