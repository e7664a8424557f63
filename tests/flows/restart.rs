//! A server that stops in the middle of a sign-in, or cannot write.

use store::Store as _;
use testkit::Kind;

use crate::given::{Scene, refused, went_nowhere};

#[tokio::test]
async fn a_restart_in_mid_login_leads_to_a_new_code_and_never_to_a_fault() {
    let mut scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    let (claim, code) = waiting.claimed_by(&phone).await;
    scene.server.kill();
    scene.server.run_again().await;

    refused(&phone.decide(&claim, "approve", Some(&code)).await);
    refused(&phone.try_scan(&waiting.qr.url).await);
    let poll = waiting.browser.poll(&waiting.page).await;
    assert!(poll.status < 500, "{} {}", poll.status, poll.text());
    went_nowhere(&waiting.browser.redeem_once(&waiting.page).await);
    // The reloaded page leads out: at the latest by starting again from the relying party.
    let page = waiting.browser.get(waiting.page.url.as_str()).await;
    assert!(page.status() < 500, "{}", page.html());
    let again = scene.waiting_in(waiting.browser).await;
    again.approved_by(&phone).await;
    scene.shop.code(&again.started, &again.redeem().await);
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let mut scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    waiting.approved_by(&phone).await;
    let tokens = scene.shop.exchange(&waiting.started, &waiting.redeem().await).await;
    scene.server.kill();
    scene.server.run_again().await;
    // The session, the tokens' grant and the phone are there; the keys are the same.
    assert!(scene.is_signed_in(&waiting.browser).await);
    assert_eq!(scene.shop.userinfo(&tokens.access_token).await.status, 200);
    scene.shop.verify(tokens.all["id_token"].as_str().unwrap()).await;
    let again = scene.waiting().await;
    again.approved_by(&phone).await;
    scene.shop.code(&again.started, &again.redeem().await);
}

#[tokio::test]
async fn a_stop_ends_open_streams_and_answers_what_runs() {
    let mut scene = Scene::new().await;
    let waiting = scene.waiting().await;
    let mut events = waiting.browser.watch(&waiting.page).await;
    assert!(events.next().await.is_some());
    let began = std::time::Instant::now();
    assert_eq!(scene.server.stop().await, 0, "{}", scene.server.log());
    assert!(began.elapsed() < std::time::Duration::from_secs(8), "{:?}", began.elapsed());
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_locked_database_fails_what_needs_it_and_nothing_else() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let signed_in = scene.waiting().await;
    signed_in.approved_by(&phone).await;
    let tokens = scene.shop.exchange(&signed_in.started, &signed_in.redeem().await).await;
    let waiting = scene.waiting().await;
    let (claim, code) = waiting.claimed_by(&phone).await;

    // Another program holds the one write lock.
    let store = scene.server.store().await;
    let mut unit = store.begin().await.unwrap();
    unit.keep_setting("held", "by a test").await.unwrap();
    let answer = phone.decide(&claim, "approve", Some(&code)).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    let browser = scene.server.browser();
    let page = browser.follow(&scene.shop.start().url).await;
    let form = page.form("login").with("username", "ada").with("password", &scene.password);
    let answer = browser.submit_once(&page, &form).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("retry-after").is_some());
    assert!(browser.cookie("__Host-lb_session").is_none(), "a session that was never written");
    // What only reads goes on; the log says what is wrong.
    assert_eq!(scene.shop.userinfo(&tokens.access_token).await.status, 200);
    assert!(scene.is_signed_in(&signed_in.browser).await);
    assert!(scene.server.log().to_lowercase().contains("lock"), "{}", scene.server.log());

    drop(unit);
    store.close().await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let started = scene.shop.start();
    let landed = browser.sign_in(&started.url, "ada", &scene.password).await;
    scene.shop.exchange(&started, &landed).await;
    // The phone's owner tries once more, or the browser shows a new code: never a dead end.
    let answer = phone.decide(&claim, "approve", Some(&code)).await;
    if answer.status != 204 {
        refused(&answer);
        let qr = waiting.browser.show_qr(&waiting.page).await;
        let claim = phone.scan(&qr.url).await;
        phone.approve(&claim, &waiting.browser.check_code(&waiting.page).await).await;
    }
    scene.shop.code(&waiting.started, &waiting.redeem().await);
}
