//! A sign-in by phone, end to end.

use testkit::Kind;

use crate::given::{Scene, Waiting};

#[tokio::test]
async fn a_person_signs_in_by_scanning_with_a_native_app() {
    signs_in(Kind::App).await;
}

#[tokio::test]
async fn a_person_signs_in_by_scanning_with_the_web_app_and_a_passkey() {
    signs_in(Kind::Web).await;
}

async fn signs_in(kind: Kind) {
    let scene = Scene::new().await;
    let phone = scene.phone(kind).await;
    let waiting = scene.waiting().await;
    let mut events = waiting.browser.watch(&waiting.page).await;
    assert_eq!(events.next().await.unwrap().state, "waiting");

    let claim = phone.scan(&waiting.qr.url).await;
    assert_eq!(events.until("claimed").await.unwrap().state, "claimed");
    let code = waiting.browser.check_code(&waiting.page).await;
    assert!(code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit()), "{code}");

    phone.approve(&claim, &code).await;
    assert_eq!(events.until("approved").await.unwrap().state, "approved");
    let landed = waiting.redeem().await;
    let tokens = scene.shop.exchange(&waiting.started, &landed).await;
    assert_eq!(tokens.claims["acr"], "urn:latchbolt:acr:qr");
    assert_eq!(tokens.claims["amr"], serde_json::json!(["swk", "user", "mca", "mfa"]));
    assert_eq!(tokens.claims["sub"], scene.shop.userinfo(&tokens.access_token).await.json()["sub"]);
    assert!(scene.is_signed_in(&waiting.browser).await);
}

#[tokio::test]
async fn the_second_time_the_browser_is_known() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let first = scene.waiting().await;
    let (claim, code) = first.claimed_by(&phone).await;
    assert_eq!(claim.facts()["browser"]["known"], false);
    phone.approve(&claim, &code).await;
    scene.shop.code(&first.started, &first.redeem().await);

    let again = Waiting::start_at(first.browser, scene.shop.start_with(&[("prompt", "login")])).await;
    let (claim, code) = again.claimed_by(&phone).await;
    assert_eq!(claim.facts()["browser"]["known"], true);
    phone.approve(&claim, &code).await;
    let tokens = scene.shop.exchange(&again.started, &again.redeem().await).await;
    assert_eq!(tokens.claims["acr"], "urn:latchbolt:acr:qr-known-browser");
}

#[tokio::test]
async fn a_wrong_code_may_be_corrected() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    let (claim, code) = waiting.claimed_by(&phone).await;
    let wrong = if code == "000" { "001" } else { "000" };
    let answer = phone.decide(&claim, "approve", Some(wrong)).await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert_eq!(answer.word("code"), "wrong_check_code");
    assert_eq!(answer.json()["left"], 2);
    phone.approve(&claim, &code).await;
    scene.shop.code(&waiting.started, &waiting.redeem().await);
}

#[tokio::test]
async fn every_state_survives_a_reload() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    let reload = async || waiting.browser.get(waiting.page.url.as_str()).await;

    let page = reload().await;
    assert!(page.has("qr"), "waiting: {}", page.html());
    // A reloaded page asks for its code anew, and that is the code to scan.
    let qr = waiting.browser.show_qr(&page).await;
    assert_eq!(waiting.state().await, "waiting");

    let claim = phone.scan(&qr.url).await;
    assert!(reload().await.has("qr"));
    let again = waiting.browser.ask_qr(&page).await;
    assert_eq!(
        again.word("state"),
        "claimed",
        "a claimed channel is not replaced by a reload: {}",
        again.text()
    );
    let code = waiting.browser.check_code(&page).await;
    assert_eq!(code, waiting.browser.check_code(&page).await, "one code for a claim");

    phone.approve(&claim, &code).await;
    assert!(reload().await.has("qr"));
    assert_eq!(waiting.state().await, "approved");
    scene.shop.code(&waiting.started, &waiting.redeem().await);
    // The journey is over: its page says so or starts over, and is never a fault.
    assert!(reload().await.status() < 500);
}

#[tokio::test]
async fn a_denied_or_ended_channel_can_be_replaced_by_a_new_code() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    let (claim, _) = waiting.claimed_by(&phone).await;
    assert_eq!(phone.decide(&claim, "deny", None).await.status, 204);
    assert_eq!(waiting.state().await, "denied");
    let qr = waiting.browser.show_qr(&waiting.page).await;
    assert_eq!(qr.state, "waiting");
    let claim = phone.scan(&qr.url).await;
    let code = waiting.browser.check_code(&waiting.page).await;
    phone.approve(&claim, &code).await;
    scene.shop.code(&waiting.started, &waiting.redeem().await);
}

#[tokio::test]
async fn a_cut_stream_is_resumed_by_its_last_event() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    let mut events = waiting.browser.watch(&waiting.page).await;
    let first = events.next().await.unwrap();
    drop(events);
    // Missed while away:
    let (claim, code) = waiting.claimed_by(&phone).await;
    let journey = testkit::Browser::journey(&waiting.page);
    let mut events = waiting.browser.try_watch(&journey, &[("last-event-id", &first.id)]).await;
    assert_eq!(events.head.status, 200);
    assert_eq!(events.next().await.unwrap().state, "claimed", "the truth is told first");
    phone.approve(&claim, &code).await;
    assert_eq!(events.until("approved").await.unwrap().state, "approved");
}

#[tokio::test]
async fn polling_tells_the_same_words() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    assert_eq!(waiting.state().await, "waiting");
    let (claim, code) = waiting.claimed_by(&phone).await;
    assert_eq!(waiting.state().await, "claimed");
    phone.approve(&claim, &code).await;
    let answer = waiting.browser.poll(&waiting.page).await;
    assert_eq!(answer.word("state"), "approved");
    assert!(answer.json()["expires_in"].as_u64().is_some_and(|left| left <= 30));
}

#[tokio::test]
async fn a_socket_tells_the_same_words() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    let mut socket = waiting.browser.connect().await;
    let jar: Vec<String> = waiting.browser.cookies().iter().map(|(n, v)| format!("{n}={v}")).collect();
    let journey = testkit::Browser::journey(&waiting.page);
    let request = testkit::wire::Request::get(&format!("/login/wait/ws?journey={journey}"))
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("origin", &scene.server.issuer)
        .header("cookie", &jar.join("; "));
    socket.write(&request.bytes(&format!("localhost:{}", scene.server.port))).await.unwrap();
    assert_eq!(socket.head().await.unwrap().status, 101);
    let mut held = Vec::new();
    // Text frames of the server: 0x81, a length below 126, JSON (RFC 6455 §5.2).
    let mut until = async |word: &str| loop {
        while held.len() < 2 || held.len() < 2 + usize::from(held[1]) {
            held.extend(socket.some_bytes().await.unwrap());
        }
        let frame: Vec<u8> = held.drain(..2 + usize::from(held[1])).collect();
        if frame[0] != 0x81 {
            continue;
        }
        let told: serde_json::Value = serde_json::from_slice(&frame[2..]).unwrap();
        assert_eq!(told.as_object().unwrap().len(), 2, "{told}");
        assert!(told["expires_in"].is_u64(), "{told}");
        if told["state"] == word {
            break;
        }
    };
    until("waiting").await;
    let (claim, code) = waiting.claimed_by(&phone).await;
    until("claimed").await;
    phone.approve(&claim, &code).await;
    until("approved").await;
    scene.shop.code(&waiting.started, &waiting.redeem().await);
}
