//! The app's token and the browser's handle: what each is good for, and what it is not (SEC-067, SEC-068, SEC-069).

use serde_json::json;
use testkit::Setup;
use testkit::wire::Request;

use super::super::{FORUM, code as failure};
use super::world::{Apps, DEVICE, code};

const REFUSED: &str = r#"{"authentication_exceptions":["FailedLoginException: Invalid credentials."]}"#;

/// W-1, W-14: nothing registers itself, and what is not registered is refused as a wrong password is.
#[tokio::test]
async fn sec_068_a_token_needs_the_persons_own_active_device() {
    let apps = Apps::new().await;
    let bobs = apps.ground.server.user("bob");
    let _ = apps.register("bob", "Bobs-App");
    let token = apps.token().await;
    for (user, password, device) in [
        ("ada", apps.ground.password.as_str(), "Unknown-App"),
        ("ada", &apps.ground.password, "Bobs-App"),
        ("bob", &bobs, "Adas-App"),
        ("ada", "wrong", "Adas-App"),
        ("nobody", "wrong", "Adas-App"),
    ] {
        let answer = apps.token_of(user, password, device).await;
        assert_eq!((answer.status, answer.text().as_str()), (401, REFUSED), "{user} {device}");
        // Failures in a row are slowed down, whatever failed.
        let _ = apps.token().await;
    }
    assert_eq!(
        apps.token_of("ada", &apps.ground.password, "adas-APP").await.status,
        201,
        "compared without case"
    );
    // Stopped for a while, and for good: no new token, and the old one is nothing.
    let shown = apps.shown().await;
    let mut page = shown.listen().await;
    for command in ["suspend", "revoke"] {
        let _ = apps.ground.server.command(&["device", command, &apps.device, "--json"]).done();
        let answer = apps.token_of("ada", &apps.ground.password, "Adas-App").await;
        assert_eq!((answer.status, answer.text().as_str()), (401, REFUSED), "{command}");
        apps.approve(&shown.channel, "Adas-App", &token).await;
        assert_eq!(page.frame().await.json(), json!({"error": "cas.authn.qr.fail"}), "{command}");
    }
    // Its successor of the same name is another device: an old token is none of its own.
    let _ = apps.register("ada", "Adas-App");
    apps.approve(&shown.channel, "Adas-App", &token).await;
    assert_eq!(page.frame().await.json(), json!({"error": "cas.authn.qr.fail"}));
    apps.approve(&shown.channel, "Adas-App", &apps.token().await).await;
    assert_eq!(page.frame().await.json()["success"], "true");
}

#[tokio::test]
async fn sec_068_a_token_acts_for_its_own_device_alone() {
    let apps = Apps::new().await;
    let token = apps.token().await;
    let _ = apps.register("ada", "Second-App");
    let shown = apps.shown().await;
    let mut page = shown.listen().await;
    for device in ["Second-App", "Unknown", "", "a b"] {
        apps.approve(&shown.channel, device, &token).await;
        assert_eq!(page.frame().await.json(), json!({"error": "cas.authn.qr.fail"}), "{device}");
    }
    apps.approve(&shown.channel, "ADAS-APP", &token).await;
    assert_eq!(page.frame().await.json()["success"], "true");
}

/// W-6: nothing that the caller writes changes what the token stands for.
#[tokio::test]
async fn sec_068_parameters_override_nothing() {
    let apps = Apps::new().await;
    let _ = apps.ground.server.user("admin");
    let fields = [
        ("username", "ada"),
        ("password", apps.ground.password.as_str()),
        ("token", "true"),
        (DEVICE, "Adas-App"),
        ("sub", "admin"),
        ("jti", "TGT-1-x"),
        ("iss", "https://evil.example"),
        ("aud", "everybody"),
        ("exp", "9999999999"),
        ("account", "admin"),
        ("amr", "mfa"),
    ];
    let made = apps.ask_token(&fields).await;
    assert_eq!((made.status, made.header("cache-control")), (201, Some("no-store")));
    let token = made.text();
    // W-11: opaque, and free of anything that was sent.
    assert!(
        token.len() < 4096 && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
        "{token}"
    );
    let shown = apps.shown().await;
    let handle = apps.handle(&shown, &token).await;
    let ticket = shown.finish(&handle).await.query("ticket").unwrap();
    assert!(apps.ground.validate(FORUM, &ticket).await.contains("<cas:user>ada</cas:user>"));
}

/// W-10, W-12, W-13.
#[tokio::test]
async fn sec_069_credentials_come_in_the_body_and_are_written_nowhere() {
    let apps = Apps::new().await;
    let fields = [
        ("username", "ada"),
        ("password", apps.ground.password.as_str()),
        ("token", "true"),
        (DEVICE, "Adas-App"),
    ];
    let query = testkit::wire::encode(&fields);
    let browser = apps.ground.server.browser();
    for body in [&[][..], &fields[2..]] {
        let answer = browser.send(Request::form(&format!("/cas/v1/tickets?{query}"), body)).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
    }
    let get = browser.send(Request::get(&format!("/cas/v1/tickets?{query}"))).await;
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
    let shown = apps.shown().await;
    let token = apps.token().await;
    let handle = apps.handle(&shown, &token).await;
    shown.refuses(&token, "Adas-App").await;
    assert!(shown.finish(&handle).await.query("ticket").is_some());
    let (log, data) = (apps.ground.server.log(), apps.ground.server.database_bytes());
    for secret in
        [token.as_str(), &handle, &shown.channel, &apps.ground.password, "long+secret", "long%20secret"]
    {
        assert!(!log.contains(secret), "in the log: {secret}");
        assert!(
            !data.windows(secret.len()).any(|part| part == secret.as_bytes()),
            "in the database: {secret}"
        );
    }
    // Guesses here count with those at the form.
    let mut is_limited = false;
    for _ in 0..40 {
        let answer = apps.token_of("ada", "wrong", "Adas-App").await;
        is_limited = answer.status == 423;
        if is_limited {
            assert!(answer.header("retry-after").is_some());
            break;
        }
        assert_eq!(answer.status, 401);
    }
    assert!(is_limited, "guesses are limited");
    let page = browser.follow(&super::super::login(&[])).await;
    assert_eq!(browser.fill_in(&page, "ada", "wrong too").await.status(), 429);
}

/// W-4, W-11: the token is good for approvals and nothing else.
#[tokio::test]
async fn sec_068_an_apps_token_opens_nothing_else() {
    let apps = Apps::with(Setup::default().set("cas_rest.enabled", true)).await;
    let token = apps.token().await;
    let shown = apps.shown().await;
    shown.refuses(&token, "Adas-App").await;
    let browser = apps.ground.server.browser();
    for text in [token.clone(), format!("TGT-{token}"), format!("ST-{token}")] {
        let path = format!("/cas/v1/tickets/{text}");
        assert_eq!(browser.send(Request::get(&path)).await.status, 404);
        let made = browser.send(Request::form(&path, &[("service", FORUM)])).await;
        assert_eq!((made.status, made.text().contains("ST-")), (404, false));
        assert_eq!(browser.send(Request::new("DELETE", &path)).await.status, 200, "as for any text");
        assert_eq!(failure(&apps.ground.validate(FORUM, &text).await), "INVALID_TICKET");
        let asked =
            Request::get(&format!("/cas/proxy?pgt={text}&targetService=https%3A%2F%2Fforum.example%2Fin"));
        assert!(browser.send(asked).await.text().contains("proxyFailure"));
        for path in ["/userinfo", "/api/admin/v1/users"] {
            let answer =
                browser.send(Request::get(path).header("authorization", &format!("Bearer {text}"))).await;
            assert!((400..500).contains(&answer.status), "{path} {}", answer.status);
        }
    }
    let thief = apps.ground.server.browser();
    thief.set_cookie("__Host-lb_session", &token);
    assert!(thief.follow(&super::super::login(&[("service", FORUM)])).await.find_form("login").is_some());
    // It still does what it is for.
    let handle = apps.handle(&shown, &token).await;
    assert!(shown.finish(&handle).await.query("ticket").is_some());
}

/// W-2, W-4: what the browser was told is worth nothing elsewhere, and nothing a second time.
#[tokio::test]
async fn sec_067_a_handle_works_once_in_its_browser_for_its_page() {
    let apps = Apps::new().await;
    let (shown, other) = (apps.shown().await, apps.shown().await);
    let token = apps.token().await;
    let handle = apps.handle(&shown, &token).await;
    assert_ne!(handle, token);
    // Another browser with its own page, with this page's key, and without any cookie.
    other.refuses(&handle, "Adas-App").await;
    for stranger in [&other.browser, &apps.ground.server.browser()] {
        let answer = shown.redeem_in(stranger, &handle, "Adas-App").await;
        assert!(answer.status == 303 || answer.status == 403, "{}", answer.status);
        assert!(stranger.cookie("__Host-lb_session").is_none());
    }
    // The right browser with another page of its own, another device, a changed handle, or the channel's name.
    let second = shown.browser.follow(&super::super::login(&[("service", FORUM)])).await;
    let form = second.form("qrform").with("token", &handle).with("deviceId", "Adas-App");
    assert_eq!(shown.browser.submit_once(&second, &form).await.status, 401);
    let mut changed = handle.clone();
    changed.replace_range(50..51, if &handle[50..51] == "A" { "B" } else { "A" });
    for (text, device) in [
        (handle.as_str(), "Other-App"),
        (&handle, ""),
        (&changed, "Adas-App"),
        (&handle[..43], "Adas-App"),
        (&shown.channel, "Adas-App"),
        ("", "Adas-App"),
    ] {
        let answer = shown.redeem(text, device).await;
        assert!(matches!(answer.status, 303 | 401), "{}", answer.status);
        assert!(shown.browser.cookie("__Host-lb_session").is_none());
    }
    assert_eq!(failure(&apps.ground.validate(FORUM, &handle).await), "INVALID_TICKET");
    let question = shown.question(&handle).await;
    shown.refuses(&handle, "Adas-App").await;
    // One "yes" is one session, however often it is sent.
    let form = question.form("cas-confirm-form").with("answer", "yes");
    assert!(shown.browser.submit(&question, &form).await.query("ticket").is_some());
    let again = shown.browser.submit_once(&question, &form).await;
    assert!(!super::super::location(&again).contains("ticket="), "{}", again.status);
    assert_eq!(apps.ground.server.audit("session.started").await.len(), 1);
}

/// A channel takes one approval. The same token may do it again on the next (scan and go).
#[tokio::test]
async fn sec_068_each_channel_takes_a_token_once() {
    let apps = Apps::new().await;
    let bobs = apps.ground.server.user("bob");
    let _ = apps.register("bob", "Bobs-App");
    let token = apps.token().await;
    let others = apps.token_of("bob", &bobs, "Bobs-App").await.text();
    let shown = apps.shown().await;
    let handle = apps.handle(&shown, &token).await;
    for (device, token) in [("Adas-App", &token), ("Bobs-App", &others)] {
        apps.approve(&shown.channel, device, token).await;
    }
    // The same handle for the same person, whoever came later.
    let told = shown.listen().await.frame().await.json();
    assert_eq!(
        (told["token"].as_str(), told["deviceId"].as_str()),
        (Some(handle.as_str()), Some("adas-app"))
    );
    let ticket = shown.finish(&handle).await.query("ticket").unwrap();
    assert!(apps.ground.validate(FORUM, &ticket).await.contains("<cas:user>ada</cas:user>"));
    apps.approve(&shown.channel, "Adas-App", &token).await;
    assert_eq!(apps.ground.server.audit("channel.approved").await.len(), 1);
    // A fresh channel takes it, on a page that was refreshed as well as in a new browser.
    let second = apps.shown().await;
    let fresh = super::world::Shown { channel: code(&second.browser, &second.page).await, ..second };
    let handle = apps.handle(&fresh, &token).await;
    assert!(fresh.finish(&handle).await.query("ticket").is_some());
}

/// Another password ends what came of the old one.
#[tokio::test]
async fn sec_068_a_token_ends_with_its_password() {
    let apps = Apps::new().await;
    let token = apps.token().await;
    let shown = apps.shown().await;
    let reset = ["user", "set-password", "ada"];
    let _ = apps.ground.server.command_with(&reset, "ada has quite another secret 8\n").done();
    assert_eq!(apps.told(&shown, "Adas-App", &token).await, json!({"error": "cas.authn.qr.fail"}));
}
