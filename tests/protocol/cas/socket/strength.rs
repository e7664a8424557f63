//! What such a login is worth, what the deployment adds to it, and how it ends (SEC-066, SEC-068).

use serde_json::{Value, json};
use testkit::{Browser, Setup};

use super::super::{FORUM, code as failure, location, login};
use super::world::{Apps, Shown, ask_code};

const APPS: &str = "latchbolt_cas_apps";

/// W-18: it says of itself what it is, to a relying party and to a service.
#[tokio::test]
async fn sec_068_such_a_login_is_reported_as_what_it_is() {
    let apps = Apps::new().await;
    let server = &apps.ground.server;
    let shop = server.client_with("shop", &json!({APPS: true}));
    let started = shop.start();
    let browser = server.browser();
    let page = browser.follow(&started.url).await;
    let channel = super::world::code(&browser, &page).await;
    let shown = Shown { browser, page, channel };
    let handle = apps.handle(&shown, &apps.token().await).await;
    let landed = shown.finish(&handle).await;
    let claims = shop.exchange(&started, &landed).await.claims;
    assert_eq!((&claims["amr"], &claims["acr"]), (&json!(["mca"]), &json!("urn:latchbolt:acr:cas-app")));
    let age = testkit::unix_now().checked_sub(claims["auth_time"].as_u64().unwrap()).unwrap();
    assert!(age < 60, "when the app approved, {age} s ago");
    // A service in the same session is told so too; what was asked for anew this is not.
    let browser = &shown.browser;
    let to = browser.follow(&login(&[("service", FORUM)])).await;
    let told = apps.ground.validate(FORUM, &to.query("ticket").unwrap()).await;
    assert!(
        told.contains("<cas:isFromNewLogin>false<") && told.contains("QRAuthenticationTokenCredential"),
        "{told}"
    );
    let fresh = apps.signed_in().await.1.query("ticket").unwrap();
    let asked = [("service", FORUM), ("ticket", fresh.as_str()), ("renew", "true")];
    let told = apps.ground.ask("p3/serviceValidate", &asked).await.text();
    assert_eq!(failure(&told), "INVALID_TICKET", "a cached token is nobody's new login: {told}");
    let fresh = apps.signed_in().await.1.query("ticket").unwrap();
    assert!(apps.ground.validate(FORUM, &fresh).await.contains("<cas:isFromNewLogin>false<"));
}

#[tokio::test]
async fn sec_068_whoever_asks_for_more_is_not_shown_a_code() {
    let apps = Apps::new().await;
    let server = &apps.ground.server;
    let shop = server.client_with("shop", &json!({APPS: true}));
    let none = server.client("none");
    let (browser, _) = apps.signed_in().await;
    let essential =
        |value: &str| json!({"id_token": {"acr": {"essential": true, "value": value}}}).to_string();
    let (password, qr) = (essential("urn:latchbolt:acr:password"), essential("urn:latchbolt:acr:qr"));
    for more in [
        &[("prompt", "login")][..],
        &[("max_age", "0")],
        &[("claims", password.as_str())],
        &[("claims", &qr)],
    ] {
        for at in [&server.browser(), &browser] {
            let page = at.follow(&shop.start_with(more).url).await;
            assert!(!page.has("qrlogin"), "{more:?}");
            assert!(page.query("code").is_none(), "{more:?} {}", page.url);
            assert_eq!(ask_code(at, &page, &[]).await.status, 403, "{more:?}");
        }
    }
    // A relying party that takes no such apps shows no code, and asks whom one signed in for more where it wants more.
    let page = server.browser().follow(&none.start().url).await;
    assert!(!page.has("qrlogin"));
    let page = browser.follow(&none.start().url).await;
    assert!(page.query("code").is_none(), "{}", page.url);
    let page = browser.follow(&login(&[("service", FORUM), ("renew", "true")])).await;
    assert!(page.find_form("login").is_some(), "{}", page.url);
    // Where nothing more is asked for the session is one.
    assert!(browser.follow(&shop.start().url).await.query("code").is_some());
}

/// C-11 (W-7): the browser names whom and what, and no is no.
#[tokio::test]
async fn sec_068_the_browser_asks_before_it_is_signed_in() {
    let apps = Apps::new().await;
    let token = apps.token().await;
    let shown = apps.shown().await;
    let question = shown.question(&apps.handle(&shown, &token).await).await;
    assert_eq!(question.answer.header("cache-control"), Some("no-store"));
    let form = question.form("cas-confirm-form");
    // Nobody else answers it: not another browser, nor another site with this one's cookies.
    let other = apps.shown().await;
    let forged = other.browser.submit_once(&question, &form.clone().with("answer", "yes")).await;
    assert!(
        matches!(forged.status, 400 | 403) && !location(&forged).contains("ticket="),
        "{}",
        forged.status
    );
    let request =
        testkit::wire::Request::form("/cas/login/confirm", &form.clone().with("answer", "yes").pairs());
    let request = request.header("origin", "https://evil.example").header("sec-fetch-site", "cross-site");
    assert_eq!(shown.browser.send(request).await.status, 403);
    let no = shown.browser.submit_once(&question, &form.clone().with("answer", "no")).await;
    assert_eq!(no.status, 303);
    let late = shown.browser.submit_once(&question, &form.with("answer", "yes")).await;
    assert!(!location(&late).contains("ticket="), "{}", late.status);
    assert!(shown.browser.cookie("__Host-lb_session").is_none());
    assert_eq!(apps.ground.server.audit("channel.denied").await.len(), 1);
    assert!(apps.ground.server.audit("session.started").await.is_empty());
}

#[tokio::test]
async fn sec_068_one_network_for_app_and_browser() {
    let apps = Apps::with(Setup::default().set("cas_qr.fence", "same-network")).await;
    let token = apps.token().await;
    let shown = apps.shown().await;
    let mut page = shown.listen().await;
    let far = apps.ground.server.browser().from_address([127, 0, 0, 66]);
    apps.approve_from(&far, &shown.channel, "Adas-App", &token).await;
    assert_eq!(page.frame().await.json(), json!({"error": "cas.authn.qr.fail"}));
    apps.approve(&shown.channel, "Adas-App", &token).await;
    let told = page.frame().await.json();
    // Nothing is asked: the deployment chose so.
    let done = shown.redeem(told["token"].as_str().unwrap(), "Adas-App").await;
    assert_eq!(done.status, 303);
    assert!(location(&done).starts_with("https://forum.example/in?ticket=ST-"), "{}", location(&done));
}

#[tokio::test]
async fn sec_068_the_person_who_was_named_approves() {
    let apps = Apps::with(Setup::default().set("cas_qr.fence", "username")).await;
    let browser = apps.ground.server.browser();
    let page = browser.follow(&login(&[("service", FORUM)])).await;
    assert_eq!(ask_code(&browser, &page, &[]).await.status, 400, "a name first");
    let token = apps.token().await;
    let mut shown = Shown { browser, page, channel: String::new() };
    for (name, is_her) in [("bob", false), ("nobody", false), ("Ada", true)] {
        let made = ask_code(&shown.browser, &shown.page, &[("username", name)]).await;
        assert_eq!(made.status, 200, "nobody learns who there is: {name}");
        shown.channel = made.word("channel");
        let told = apps.told(&shown, "Adas-App", &token).await;
        assert_eq!(told["success"] == "true", is_her, "{name} {told}");
        if is_her {
            let done = shown.redeem(told["token"].as_str().unwrap(), "Adas-App").await;
            assert!(location(&done).contains("ticket=ST-"), "{}", done.status);
        }
    }
}

/// C-16 (W-14, W-17): the session knows its device, and ends with it where the operator says so.
#[tokio::test]
async fn sec_068_whoever_ends_a_device_ends_what_it_approved() {
    let apps = Apps::new().await;
    let (first, _) = apps.signed_in().await;
    let (second, _) = apps.signed_in().await;
    let by_password = apps.ground.server.browser();
    let _ = by_password.sign_in(&login(&[("service", FORUM)]), "ada", &apps.ground.password).await;
    let is_in = async |browser: &Browser| browser.get("/cas/login").await.has("signed-in");
    assert!(is_in(&first).await && is_in(&second).await && is_in(&by_password).await);
    let begun = apps.ground.server.audit("session.started").await;
    let device = Some(apps.device.as_str());
    let of_device = |entry: &&domain::AuditEntry| entry.device.map(|id| id.to_string()).as_deref() == device;
    assert_eq!(begun.iter().filter(of_device).count(), 2);
    let page = first.get("/account/sessions").await;
    assert!(page.html().to_lowercase().contains("adas-app"), "the person sees it: {}", page.html());
    let ended = apps.ground.server.command(&["device", "revoke", &apps.device, "--end-sessions", "--json"]);
    assert_eq!(ended.done().json()["ended_sessions"], json!(2));
    // The server hears of it a moment after the command that ran beside it.
    let began = std::time::Instant::now();
    while is_in(&first).await || is_in(&second).await {
        assert!(began.elapsed().as_secs() < 60, "what it approved is over");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(is_in(&by_password).await, "and nothing else");
}

/// SEC-066: the whole way stands in the trail, by event, with device, addresses and mode.
#[tokio::test]
async fn sec_066_the_way_is_in_the_trail() {
    let apps = Apps::new().await;
    let _ = apps.signed_in().await;
    let trail = apps.ground.server.audit("").await;
    let words: Vec<&str> = trail.iter().map(|entry| entry.event.as_str()).collect();
    let at = |word: &str| {
        words.iter().position(|one| *one == word).unwrap_or_else(|| panic!("no {word} in {words:?}"))
    };
    assert!(at("password.tried") < at("channel.opened"), "{words:?}");
    assert!(at("channel.opened") < at("channel.approved"), "{words:?}");
    assert!(at("channel.approved") < at("channel.redeemed"), "{words:?}");
    let _ = at("session.started");
    let approved = &trail[at("channel.approved")];
    assert!(approved.device.is_some() && approved.account.is_some() && approved.other_address.is_some());
    assert_eq!(approved.client.as_ref().map(ToString::to_string).as_deref(), Some("forum"));
    let told: Value = serde_json::to_value(&trail).unwrap();
    assert!(told.to_string().contains("CAS app"), "{told}");
}

/// What was approved and not fetched is over with its half minute, and is written down (SEC-017).
#[tokio::test]
async fn sec_066_an_approval_that_nobody_fetches_is_over() {
    let apps = Apps::new().await;
    let shown = apps.shown().await;
    let handle = apps.handle(&shown, &apps.token().await).await;
    tokio::time::sleep(std::time::Duration::from_secs(31)).await;
    shown.refuses(&handle, "Adas-App").await;
    assert!(apps.ground.server.audit("session.started").await.is_empty());
}
