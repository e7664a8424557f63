//! Nodes whose wall clocks are ten minutes apart, and clocks that step (SEC-214).
//!
//! Nodes in this process: the program's own wiring, each with a clock that the test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use app::Clock;
use testkit::{Kind, Phone, Server, Setup};

use crate::given::{Login, Scene, gives_session};

const TEN_MINUTES: i64 = 600_000;

/// Nodes with a clock each.
struct Clocks {
    scene: Scene,
    offsets: Vec<Arc<AtomicI64>>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Clocks {
    async fn start(setup: Setup, milliseconds: &[i64]) -> Self {
        let server: Server = setup.prepare();
        let offsets: Vec<Arc<AtomicI64>> =
            milliseconds.iter().map(|offset| Arc::new(AtomicI64::new(*offset))).collect();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (ready, is_ready) = mpsc::channel::<()>();
        let nodes: Vec<_> = server.configs().into_iter().zip(offsets.clone()).collect();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let (mut running, mut stoppers) = (Vec::new(), Vec::new());
                for (file, offset) in nodes {
                    let config = server::config::load_from(Some(&file), &[]).expect("a good configuration");
                    let ground =
                        server::wiring::ground_at(&config, Clock::shifted(offset)).await.expect("the ground");
                    let node = server::serve::start(&config, &ground).await.expect("a node");
                    stoppers.push(node.stopper());
                    running.push(actix_web::rt::spawn(node.server));
                }
                ready.send(()).expect("somebody waits");
                let _ = stopped.await;
                for stopper in stoppers {
                    stopper.stop().await;
                }
                for node in running {
                    let _ = node.await;
                }
            });
        });
        tokio::task::block_in_place(|| is_ready.recv_timeout(Duration::from_secs(30))).expect("nodes");
        let password = server.user("ada");
        let shop = server.client("shop");
        let scene = Scene { server, password, shop };
        Self { scene, offsets, stop: Some(stop), thread: Some(thread) }
    }

    fn set(&self, node: usize, milliseconds: i64) {
        self.offsets[node].store(milliseconds, Ordering::SeqCst);
    }
}

impl Drop for Clocks {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_214_nodes_five_seconds_apart_agree() {
    let clocks = Clocks::start(Setup::cluster(3), &[0, 5_000, -5_000]).await;
    let scene = &clocks.scene;
    let phone = scene.phone().await;
    for way in [[0, 1, 2], [1, 2, 0], [2, 0, 1], [1, 0, 2]] {
        let login = scene.shown_by(way[0]).await;
        phone.line.go_to(scene.port(way[1]));
        let (claim, code) = login.claimed_by(&phone).await;
        phone.line.go_to(scene.port(way[2]));
        phone.approve(&claim, &code).await;
        login.browser.go_to(scene.port(way[1]));
        let landed = login.browser.redeem(&login.page).await;
        scene.shop_at(way[2]).exchange(&login.started, &landed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_214_nodes_ten_minutes_apart_accept_nothing_wrong_and_lose_no_session() {
    let setup = Setup::cluster(2).set("limits.off", true);
    let clocks = Clocks::start(setup, &[0, TEN_MINUTES]).await;
    let scene = &clocks.scene;
    let phone = Phone::enrol(scene.server.browser_at(0), "ada", &scene.password, Kind::App).await;

    // Shown on the slow node: over by the clock of the fast one, which refuses; the slow one goes on by itself.
    let login = scene.shown_by(0).await;
    phone.line.go_to(scene.port(1));
    let answer = phone.try_scan(&login.qr.url).await;
    assert!((400..500).contains(&answer.status), "{} {}", answer.status, answer.text());
    let fresh = scene.shown_by(0).await;
    phone.line.go_to(scene.port(0));
    fresh.finish(&phone, &scene.shop_at(0)).await;
    // A session of the one is a session on the other: it lives for hours.
    fresh.browser.go_to(scene.port(1));
    assert!(scene.silently(&fresh.browser).await.query("code").is_some(), "a session is lost");
    fresh.browser.go_to(scene.port(0));
    assert!(scene.silently(&fresh.browser).await.query("code").is_some(), "a session is lost");

    // Made by the fast node: seen by the slow one as of the future. Whatever it says, it gives one session at most,
    // and never a fault.
    let login = scene.shown_by(1).await;
    phone.line.go_to(scene.port(1));
    let (claim, code) = login.claimed_by(&phone).await;
    phone.line.go_to(scene.port(0));
    let answer = phone.decide(&claim, "approve", Some(&code)).await;
    assert!(answer.status < 500, "{} {}", answer.status, answer.text());
    let mut sessions = 0;
    for node in [0, 1, 0, 1] {
        login.browser.go_to(scene.port(node));
        let answer = login.browser.redeem_once(&login.page).await;
        assert!(answer.status < 500, "{} {}", answer.status, answer.text());
        sessions += usize::from(gives_session(&answer));
    }
    assert!(sessions <= 1, "{sessions}");

    // A code of the slow node is over for the fast one, and stays so.
    let started = scene.shop.start();
    fresh.browser.go_to(scene.port(0));
    let landed = fresh.browser.follow(&started.url).await;
    let code = scene.shop.code(&started, &landed);
    let answer = scene.shop_at(1).redeem(&started, &code).await;
    assert_eq!((answer.status, answer.word("error").as_str()), (400, "invalid_grant"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_214_a_clock_that_steps_revives_nothing() {
    let clocks = Clocks::start(Setup::cluster(2).set("limits.off", true), &[0, 0]).await;
    let scene = &clocks.scene;
    let phone = scene.server.phone("ada", &scene.password, Kind::App).await;
    let (browser, tokens) = scene.signed_in().await;
    let used = scene.shown().await;
    used.finish(&phone, &scene.shop).await;
    let old = scene.shown().await;
    let spent_started = scene.shop.start();
    let spent = scene.shop.code(&spent_started, &browser.follow(&spent_started.url).await);
    assert_eq!(scene.shop.redeem(&spent_started, &spent).await.status, 200);

    for step in [TEN_MINUTES, 0, -TEN_MINUTES, 0] {
        for node in 0..2 {
            clocks.set(node, step);
        }
        // What was good once is not good again at any hour.
        let answer = scene.shop.redeem(&spent_started, &spent).await;
        assert_eq!((answer.status, answer.word("error").as_str()), (400, "invalid_grant"), "{step}");
        let answer = used.browser.redeem_once(&used.page).await;
        assert!(
            answer.status < 500 && !gives_session(&answer),
            "{step}: {} {}",
            answer.status,
            answer.text()
        );
        let answer = phone.try_scan(&used.qr.url).await;
        assert!((400..500).contains(&answer.status), "{step}: {}", answer.text());
        if step > 0 {
            let answer = phone.try_scan(&old.qr.url).await;
            assert!((400..500).contains(&answer.status), "expired, and claimed: {}", answer.text());
        }
        assert!(scene.silently(&browser).await.query("code").is_some(), "{step}: a session is lost");
        assert!(scene.shop.userinfo(&tokens.access_token).await.status < 500);
        // And everything new works by the new time; a phone's clock follows its own network's.
        let login: Login = scene.shown().await;
        let claim = phone.scan(&login.qr.url).await;
        let code = login.browser.check_code(&login.page).await;
        let mut draft = phone.draft(&claim, "approve", Some(&code));
        let time = testkit::unix_now().saturating_add_signed(step / 1000);
        draft.sign_other("time", &time.to_string());
        draft.body["time"] = time.into();
        let answer = phone.send(&claim, &draft).await;
        assert_eq!(answer.status, 204, "{step}: {}", answer.text());
        assert!(gives_session(&login.browser.redeem_once(&login.page).await), "{step}");
    }
}
