//! Section 1.2: binding to the browser and to the transaction.

use testkit::wire::Request;
use testkit::{Browser, Kind, b64, random, sha256, unb64};

use crate::clock::Timed;
use crate::given::{Scene, Waiting, refused, went_nowhere};

const SECRET: &str = "__Host-lb_browser";

#[tokio::test]
async fn sec_010_only_the_browser_that_began_may_watch_poll_and_redeem() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    let journey = Browser::journey(&waiting.page);
    let secret = waiting.browser.cookie(SECRET).expect("the browser secret");
    assert!(unb64(&secret).len() >= 16 && !secret.contains(&waiting.qr.channel));

    // The cookie cannot be read by script, sent to another host or over plain http elsewhere.
    let fresh = scene.server.browser();
    let first = fresh.get(&scene.shop.start().url).await;
    let line =
        first.answer.all("set-cookie").find(|line| line.starts_with(SECRET)).unwrap().to_ascii_lowercase();
    for word in ["secure", "httponly", "path=/", "samesite=lax"] {
        assert!(line.contains(word), "{line}");
    }
    assert!(!line.contains("domain="), "{line}");

    let nobody = scene.server.browser();
    let another = scene.waiting().await.browser;
    let from_qr = scene.server.browser();
    from_qr.set_cookie(SECRET, &b64(&sha256(waiting.qr.channel.as_bytes())));
    let same_text = scene.server.browser();
    same_text.set_cookie(SECRET, &waiting.qr.channel);

    let intrude = async |state: &str| {
        for browser in [&nobody, &another, &from_qr, &same_text] {
            for path in ["/login/state", "/login/code"] {
                let request = Request::get(&format!("{path}?journey={journey}"));
                refused(&browser.send(request.header("sec-fetch-site", "same-origin")).await);
            }
            let events = browser.try_watch(&journey, &[]).await;
            refused(&events.head);
            let request = waiting.browser.script_request(&waiting.page, "/login/phone");
            went_nowhere(&browser.send(request).await);
            let request = waiting.browser.script_request(&waiting.page, "/login/qr");
            refused(&browser.send(request).await);
        }
        assert_eq!(waiting.state().await, state);
    };
    intrude("waiting").await;
    let (claim, code) = waiting.claimed_by(&phone).await;
    intrude("claimed").await;
    phone.approve(&claim, &code).await;
    intrude("approved").await;
    scene.shop.code(&waiting.started, &waiting.redeem().await);
}

#[tokio::test]
async fn sec_011_the_stream_carries_state_words_only() {
    let scene = Scene::new().await;
    // A name that no random value holds by chance, as "ada" is in hex.
    let phone = scene.phone_of("grace").await;
    let waiting = scene.waiting().await;
    let mut events = waiting.browser.watch(&waiting.page).await;
    let mut heard = String::new();
    let mut poll = async || {
        let answer = waiting.browser.poll(&waiting.page).await;
        heard.push_str(&format!("{:?}\n{}\n", answer.headers, answer.text()));
        for member in answer.json().as_object().unwrap().keys() {
            assert!(["state", "expires_in", "version", "id"].contains(&member.as_str()), "{member}");
        }
    };
    poll().await;
    events.next().await.unwrap();
    let before = waiting.browser.cookies();
    let (claim, code) = waiting.claimed_by(&phone).await;
    events.until("claimed").await.unwrap();
    poll().await;
    phone.approve(&claim, &code).await;
    events.until("approved").await.unwrap();
    poll().await;
    let landed = waiting.redeem().await;
    let tokens = scene.shop.exchange(&waiting.started, &landed).await;
    heard.push_str(&events.seen);

    let mut worth_stealing: Vec<String> =
        before.into_values().chain(waiting.browser.cookies().into_values()).collect();
    worth_stealing.extend([
        waiting.qr.channel.clone(),
        landed.query("code").unwrap(),
        tokens.access_token.clone(),
        tokens.all["id_token"].as_str().unwrap().to_owned(),
        claim.claim.clone(),
        claim.nonce.clone(),
        phone.account.clone(),
        phone.device.clone(),
        "grace".to_owned(),
    ]);
    for secret in worth_stealing {
        assert!(!heard.contains(&secret), "{secret} was on the wire: {heard}");
    }
    assert!(
        !events.seen.contains(&format!("\"{code}\"")),
        "the check code was on the stream: {}",
        events.seen
    );
}

#[tokio::test]
async fn sec_012_the_login_is_completed_by_a_same_origin_post_alone() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    waiting.approved_by(&phone).await;
    let browser = &waiting.browser;
    let journey = Browser::journey(&waiting.page);
    let csrf = waiting.page.csrf().expect("an anti-forgery value");

    for target in [format!("/login/phone?journey={journey}&csrf={csrf}"), "/login/phone".to_owned()] {
        refused(&browser.send(Request::get(&target)).await);
    }
    let form = || Request::form("/login/phone", &[("journey", &journey), ("csrf", &csrf)]);
    let issuer = &scene.server.issuer;
    for origin in [
        "http://evil.example",
        "null",
        "http://localhost",
        &format!("{issuer}.evil.example"),
        &issuer.replace("http", "https"),
    ] {
        refused(&browser.send(form().header("origin", origin).header("sec-fetch-site", "cross-site")).await);
        refused(&browser.send(form().header("origin", origin)).await);
    }
    refused(&browser.send(form()).await);
    refused(&browser.send(form().header("sec-fetch-site", "cross-site")).await);
    refused(&browser.send(form().header("sec-fetch-site", "same-site")).await);
    for bad in ["", "x", &b64(&random::<32>())] {
        let request = Request::form("/login/phone", &[("journey", &journey), ("csrf", bad)]);
        refused(&browser.send(browser.same_origin(request)).await);
    }
    refused(
        &browser.send(browser.same_origin(Request::form("/login/phone", &[("journey", &journey)]))).await,
    );
    assert_eq!(waiting.state().await, "approved");
    scene.shop.code(&waiting.started, &waiting.redeem().await);
}

#[tokio::test]
async fn sec_013_the_sign_in_gives_a_new_session_and_ends_the_old_secret() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    // An attacker plants the cookies of a journey of their own in the victim's browser.
    let attacker = scene.waiting().await;
    let planted = attacker.browser.cookie(SECRET).unwrap();
    let victim = scene.server.browser();
    victim.set_cookie(SECRET, &planted);
    victim.set_cookie("__Host-lb_session", &b64(&random::<32>()));
    let planted_session = victim.cookie("__Host-lb_session").unwrap();
    let waiting = scene.waiting_in(victim).await;
    waiting.approved_by(&phone).await;
    scene.shop.code(&waiting.started, &waiting.redeem().await);

    assert_ne!(waiting.browser.cookie(SECRET), Some(planted));
    assert_ne!(waiting.browser.cookie("__Host-lb_session"), Some(planted_session.clone()));
    assert!(scene.is_signed_in(&waiting.browser).await);
    assert!(!scene.is_signed_in(&attacker.browser).await);
    attacker.browser.set_cookie("__Host-lb_session", &planted_session);
    assert!(!scene.is_signed_in(&attacker.browser).await);
}

#[tokio::test]
async fn sec_014_an_approval_is_spent_on_the_request_it_was_given_for() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let bank = scene.server.client("bank");
    // Two tabs of one browser, two relying parties.
    let browser = scene.server.browser();
    let shop_tab = scene.waiting_in(browser).await;
    let bank_started = bank.start();
    let bank_page = shop_tab.browser.follow(&bank_started.url).await;
    shop_tab.browser.show_qr(&bank_page).await;

    let (claim, code) = shop_tab.claimed_by(&phone).await;
    assert_eq!(claim.facts()["client"]["id"], "shop");
    phone.approve(&claim, &code).await;

    // The other tab's handle does not redeem it …
    went_nowhere(&shop_tab.browser.redeem_once(&bank_page).await);
    // … nor does a form of the one with the journey of the other.
    let form = Request::form(
        "/login/phone",
        &[("journey", &Browser::journey(&bank_page)), ("csrf", &shop_tab.page.csrf().unwrap())],
    );
    went_nowhere(&shop_tab.browser.send(shop_tab.browser.same_origin(form)).await);

    // The code is the shop's and nobody else's.
    let landed = shop_tab.redeem().await;
    let spent_by_bank = bank.redeem(&shop_tab.started, &scene.shop.code(&shop_tab.started, &landed)).await;
    assert_eq!(spent_by_bank.status, 400);
    assert_eq!(spent_by_bank.word("error"), "invalid_grant");
}

#[tokio::test]
async fn two_tabs_end_at_their_own_relying_parties() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let bank = scene.server.client("bank");
    let shop_tab = scene.waiting().await;
    let bank_started = bank.start();
    let bank_page = shop_tab.browser.follow(&bank_started.url).await;
    let bank_qr = shop_tab.browser.show_qr(&bank_page).await;

    let bank_claim = phone.scan(&bank_qr.url).await;
    let shop_claim = phone.scan(&shop_tab.qr.url).await;
    assert_eq!(bank_claim.facts()["client"]["id"], "bank");
    phone.approve(&bank_claim, &shop_tab.browser.check_code(&bank_page).await).await;
    phone.approve(&shop_claim, &shop_tab.browser.check_code(&shop_tab.page).await).await;

    let landed = shop_tab.browser.redeem(&bank_page).await;
    let tokens = bank.exchange(&bank_started, &landed).await;
    assert!(tokens.claims["aud"] == "bank" || tokens.claims["aud"][0] == "bank");
    // The first sign-in changed the browser secret: the other tab goes on from the session, at the latest
    // after it is loaded again, and ends at its own relying party.
    let page = shop_tab.browser.follow(shop_tab.page.url.as_str()).await;
    let page = if page.status() == 200 { shop_tab.browser.redeem(&page).await } else { page };
    if let Some(code) = page.query("code") {
        assert!(page.url.as_str().starts_with("https://shop.example/"), "{} {code}", page.url);
    }
    let again = scene.shop.start();
    let landed = shop_tab.browser.follow(&again.url).await;
    scene.shop.exchange(&again, &landed).await;
}

#[tokio::test]
async fn sec_015_nobody_signs_a_foreign_browser_into_their_own_account_unseen() {
    let scene = Scene::new().await;
    let mallory = scene.phone_of("mallory").await;
    let victims_phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    let mut events = waiting.browser.watch(&waiting.page).await;
    // Mallory photographs the victim's screen and scans first.
    let claim = mallory.scan(&waiting.qr.url).await;
    // The victim's screen says so, and the victim's own phone is told that it came too late.
    assert!(events.until("claimed").await.is_some());
    refused(&victims_phone.try_scan(&waiting.qr.url).await);
    // Mallory does not see the code that the victim's screen shows: three guesses of a thousand.
    let code = waiting.browser.check_code(&waiting.page).await;
    let guesses = ["000", "111", "222", "333"].into_iter().filter(|guess| *guess != code);
    for guess in guesses.take(3) {
        refused(&mallory.decide(&claim, "approve", Some(guess)).await);
    }
    assert_eq!(waiting.state().await, "denied");
    refused(&mallory.decide(&claim, "approve", Some(&code)).await);
    went_nowhere(&waiting.browser.redeem_once(&waiting.page).await);
    assert!(!scene.is_signed_in(&waiting.browser).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_016_only_the_newest_code_of_a_tab_can_be_scanned() {
    let timed = Timed::new().await;
    let scene = &timed.scene;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    let mut shown = vec![waiting.qr.url.clone()];
    for _ in 0..4 {
        shown.push(waiting.browser.show_qr(&waiting.page).await.url);
    }
    timed.advance(6);
    let newest = shown.pop().unwrap();
    for old in &shown {
        refused(&phone.try_scan(old).await);
    }
    phone.scan(&newest).await;
}

#[tokio::test]
async fn sec_016_a_browser_has_few_channels() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    // Many tabs of one browser: the channels of the oldest are gone.
    let mut waiting = scene.waiting().await;
    let first = waiting.qr.url.clone();
    for _ in 0..12 {
        waiting = Waiting::start_at(waiting.browser, scene.shop.start()).await;
    }
    refused(&phone.try_scan(&first).await);
    phone.scan(&waiting.qr.url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_017_an_approval_waits_thirty_seconds_at_most() {
    let timed = Timed::new().await;
    let scene = &timed.scene;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    waiting.approved_by(&phone).await;
    timed.advance(31);
    went_nowhere(&waiting.browser.redeem_once(&waiting.page).await);
    assert!(!scene.is_signed_in(&waiting.browser).await);
    // The way out: a new code. In time it is redeemed.
    let qr = waiting.browser.show_qr(&waiting.page).await;
    let claim = phone.scan(&qr.url).await;
    phone.approve(&claim, &waiting.browser.check_code(&waiting.page).await).await;
    timed.advance(28);
    scene.shop.code(&waiting.started, &waiting.redeem().await);
}
