//! A waiting page whose node dies goes on at another.

use std::time::{Duration, Instant};

use testkit::Browser;

use crate::given::Scene;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_goes_on_at_another_node_after_its_own_was_killed() {
    let mut scene = Scene::new().await;
    let phone = scene.phone().await;
    let login = scene.shown_by(0).await;
    let mut events = login.browser.watch(&login.page).await;
    let first = events.next().await.unwrap();
    assert_eq!(first.state, "waiting");
    scene.server.nodes[0].kill();
    assert!(events.next().await.is_none(), "the stream of a dead node goes on");

    // Claimed while nobody listened; told at once by the next node.
    phone.line.go_to(scene.port(2));
    let claim = phone.scan(&login.qr.url).await;
    login.browser.go_to(scene.port(1));
    let began = Instant::now();
    let journey = Browser::journey(&login.page);
    let mut events = login.browser.try_watch(&journey, &[("last-event-id", &first.id)]).await;
    assert_eq!(events.head.status, 200);
    assert_eq!(events.next().await.unwrap().state, "claimed");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let code = login.browser.check_code(&login.page).await;
    phone.approve(&claim, &code).await;
    let approved = events.until("approved").await.unwrap();
    assert_ne!(approved.id, first.id);
    let landed = login.browser.redeem(&login.page).await;
    scene.shop.exchange(&login.started, &landed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_word_reaches_a_page_on_another_node_at_once() {
    let scene = Scene::with(testkit::Setup::cluster(2).set("limits.off", true)).await;
    let phone = scene.phone().await;
    let mut times = Vec::new();
    for _ in 0..30 {
        let login = scene.shown_by(0).await;
        let mut events = login.browser.watch(&login.page).await;
        events.next().await.unwrap();
        phone.line.go_to(scene.port(1));
        let (claim, code) = login.claimed_by(&phone).await;
        events.until("claimed").await.unwrap();
        let draft = phone.draft(&claim, "approve", Some(&code));
        let began = Instant::now();
        let (answer, word) = tokio::join!(phone.send(&claim, &draft), events.until("approved"));
        times.push(began.elapsed());
        assert!(answer.status == 204 && word.is_some(), "{}", answer.text());
    }
    times.sort();
    println!("approve on one node → word on another: median {:?}, longest {:?}", times[15], times[29]);
    assert!(times[29] < Duration::from_secs(1), "{times:?}");
}
