//! Loss of Redis degrades and heals; loss of PostgreSQL refuses what needs it, and nothing else (SEC-212, SEC-213).

use std::time::{Duration, Instant};

use backing::{PgOptions, Postgres, Redis, RedisOptions, Wire};
use testkit::wire::{Answer, Request};
use testkit::{Browser, Setup, Tokens};

use crate::given::{Login, Scene, becomes, come_back};

/// Back after the server is.
const BACK: Duration = Duration::from_secs(5);
/// A refusal comes within this (SEC-212), and what a busy machine adds.
const REFUSED: Duration = Duration::from_millis(3_500);

async fn get(browser: &Browser, target: &str) -> Answer {
    browser.send(Request::get(target).header("accept", "text/html")).await
}

fn path(url: &str) -> &str {
    &url[url.find("/authorize").unwrap()..]
}

/// What everybody may read without any store.
async fn public_things_are_up(scene: &Scene) {
    for target in ["/.well-known/openid-configuration", "/jwks", "/healthz"] {
        for node in 0..scene.server.nodes.len() {
            let answer = get(&scene.server.browser_at(node), target).await;
            assert_eq!(answer.status, 200, "{target} on node {node}: {}", answer.text());
        }
    }
}

/// A living session goes on: silent sign-in, token, userinfo.
async fn a_session_goes_on(scene: &Scene, browser: &Browser, old: &Tokens) {
    for node in 0..scene.server.nodes.len() {
        browser.go_to(scene.port(node));
        let shop = scene.shop_at(node);
        let started = shop.start_with(&[("prompt", "none")]);
        let landed = browser.follow(&started.url).await;
        assert!(landed.query("code").is_some(), "node {node}: {} {}", landed.status(), landed.url);
        let tokens = shop.exchange(&started, &landed).await;
        assert_eq!(shop.userinfo(&tokens.access_token).await.status, 200);
        assert_eq!(shop.userinfo(&old.access_token).await.status, 200);
    }
}

/// What needs a slot says so, soon, and lets nobody in.
async fn sign_ins_are_put_off(scene: &Scene, login: &Login) {
    for node in 0..scene.server.nodes.len() {
        let began = Instant::now();
        let browser = scene.server.browser_at(node);
        let answer = get(&browser, path(&scene.shop.start().url)).await;
        come_back(&answer);
        assert!(answer.text().contains("<main"), "no page: {}", answer.text());
        assert!(began.elapsed() < REFUSED, "{:?}", began.elapsed());
        login.browser.go_to(scene.port(node));
        come_back(&login.browser.ask_qr(&login.page).await);
        come_back(&login.browser.poll(&login.page).await);
        come_back(&login.browser.redeem_once(&login.page).await);
        let form = login.page.form("login").with("username", "ada").with("password", &scene.password);
        come_back(&login.browser.submit_once(&login.page, &form).await);
    }
}

enum Loss {
    Killed,
    Paused,
    Cut,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_213_without_redis_sessions_go_on_and_sign_ins_wait() {
    let redis = Redis::start(RedisOptions::default());
    let wire = Wire::to(redis.port());
    let url = format!("redis://127.0.0.1:{}", wire.port());
    let scene = Scene::with(Setup::cluster(2).set("live.url", url).set("limits.off", true)).await;
    let phone = scene.phone().await;
    let (browser, tokens) = scene.signed_in().await;
    for (name, loss) in [("cut off", Loss::Cut), ("paused", Loss::Paused), ("killed", Loss::Killed)] {
        let login = scene.shown_by(0).await;
        let (claim, code) = login.claimed_by(&phone).await;
        match loss {
            Loss::Killed => redis.kill9(),
            Loss::Paused => redis.pause(),
            Loss::Cut => wire.cut(),
        }
        public_things_are_up(&scene).await;
        a_session_goes_on(&scene, &browser, &tokens).await;
        sign_ins_are_put_off(&scene, &login).await;
        let answer = phone.decide(&claim, "approve", Some(&code)).await;
        come_back(&answer);
        a_session_goes_on(&scene, &browser, &tokens).await;

        match loss {
            Loss::Killed => redis.start_again(),
            Loss::Paused => redis.resume(),
            Loss::Cut => wire.mend(),
        }
        for node in 0..2 {
            becomes(&format!("Redis {name}: sign-ins on node {node} work again"), BACK, async || {
                let shown = get(&scene.server.browser_at(node), path(&scene.shop.start().url)).await;
                shown.status == 303
            })
            .await;
        }
        // What was not lost goes on; what was, is refused and begun anew.
        login.browser.go_to(scene.port(1));
        phone.line.go_to(scene.port(1));
        let state = login.browser.poll(&login.page).await;
        assert!(state.status < 500, "{} {}", state.status, state.text());
        if !matches!(loss, Loss::Killed) {
            assert_eq!(state.word("state"), "claimed");
            let answer = phone.decide(&claim, "approve", Some(&code)).await;
            assert_eq!(answer.status, 204, "{}", answer.text());
            let landed = login.browser.redeem(&login.page).await;
            scene.shop.exchange(&login.started, &landed).await;
        }
        let fresh = scene.shown_by(1).await;
        let mut events = fresh.browser.watch(&fresh.page).await;
        assert_eq!(events.next().await.unwrap().state, "waiting");
        phone.line.go_to(scene.port(0));
        let (claim, code) = fresh.claimed_by(&phone).await;
        phone.approve(&claim, &code).await;
        events.until("approved").await.expect("words from the other node come again");
        let landed = fresh.browser.redeem(&fresh.page).await;
        scene.shop.exchange(&fresh.started, &landed).await;
        a_session_goes_on(&scene, &browser, &tokens).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_survives_the_loss_of_redis_or_ends_and_comes_back() {
    let redis = Redis::start(RedisOptions::default());
    let wire = Wire::to(redis.port());
    let url = format!("redis://127.0.0.1:{}", wire.port());
    let scene = Scene::with(Setup::cluster(2).set("live.url", url)).await;
    let phone = scene.phone().await;
    let login = scene.shown_by(0).await;
    let mut events = login.browser.watch(&login.page).await;
    assert_eq!(events.next().await.unwrap().state, "waiting");
    wire.cut();
    tokio::time::sleep(Duration::from_millis(300)).await;
    wire.mend();
    phone.line.go_to(scene.port(1));
    becomes("the other node works again", BACK, async || {
        phone.post("/challenges", &serde_json::json!({"device": phone.device})).await.status == 200
    })
    .await;
    // The word may fall into the gap before the subscription is back: the slot is read again after it.
    let claim = phone.scan(&login.qr.url).await;
    let began = Instant::now();
    loop {
        match events.next_within(Duration::from_secs(5)).await {
            Some(told) if told.state == "claimed" => break,
            Some(_) => {}
            None => events = login.browser.watch(&login.page).await,
        }
        assert!(began.elapsed() < Duration::from_secs(10), "the page never hears of the claim");
    }
    println!("Redis gone and back: the page hears after {:?}", began.elapsed());
    phone.approve(&claim, &login.browser.check_code(&login.page).await).await;
    let landed = login.browser.redeem(&login.page).await;
    scene.shop.exchange(&login.started, &landed).await;
}

/// Everything that needs the database says so, soon.
async fn the_database_is_missed(scene: &Scene, browser: &Browser, tokens: &Tokens) {
    // Short-lived caches end first: nothing is allowed from stale data.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    for node in 0..scene.server.nodes.len() {
        browser.go_to(scene.port(node));
        let shop = scene.shop_at(node);
        let began = Instant::now();
        come_back(&get(browser, path(&shop.start().url)).await);
        assert!(began.elapsed() < REFUSED, "authorize: {:?}", began.elapsed());
        let began = Instant::now();
        let answer = shop.redeem(&shop.start(), "no-such-code").await;
        assert!([400, 401, 503].contains(&answer.status), "{} {}", answer.status, answer.text());
        assert!(began.elapsed() < REFUSED, "token: {:?}", began.elapsed());
        let began = Instant::now();
        let answer = shop.userinfo(&tokens.access_token).await;
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(began.elapsed() < REFUSED, "userinfo: {:?}", began.elapsed());
        let began = Instant::now();
        assert_eq!(get(browser, "/readyz").await.status, 503);
        assert!(began.elapsed() < REFUSED, "readyz: {:?}", began.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_212_without_postgres_what_needs_it_waits_and_is_back_in_time() {
    let postgres = Postgres::start(PgOptions::default());
    let wire = Wire::to(postgres.port());
    let database = postgres.new_database();
    let setup = Setup::cluster(2)
        .set("database.url", postgres.url_at(wire.port(), database.name()))
        .set("limits.off", true);
    let scene = Scene::with(setup).await;
    let phone = scene.phone().await;
    let (browser, tokens) = scene.signed_in().await;
    for (name, loss) in [("cut off", Loss::Cut), ("paused", Loss::Paused), ("killed", Loss::Killed)] {
        let login = scene.shown_by(0).await;
        let (claim, code) = login.claimed_by(&phone).await;
        match loss {
            Loss::Killed => postgres.kill9(),
            Loss::Paused => postgres.pause(),
            Loss::Cut => wire.cut(),
        }
        public_things_are_up(&scene).await;
        the_database_is_missed(&scene, &browser, &tokens).await;
        let answer = phone.decide(&claim, "approve", Some(&code)).await;
        assert_eq!(answer.status, 503, "{}", answer.text());
        public_things_are_up(&scene).await;

        match loss {
            Loss::Killed => postgres.start_again(),
            Loss::Paused => postgres.resume(),
            Loss::Cut => wire.mend(),
        }
        for node in 0..2 {
            browser.go_to(scene.port(node));
            becomes(&format!("PostgreSQL {name}: node {node} is back"), BACK, async || {
                scene.silently(&browser).await.query("code").is_some()
                    && get(&browser, "/readyz").await.status == 200
            })
            .await;
        }
        a_session_goes_on(&scene, &browser, &tokens).await;
        // The sign-in that was interrupted goes on, or a new code does.
        let answer = phone.decide(&claim, "approve", Some(&code)).await;
        if answer.status == 204 {
            let landed = login.browser.redeem(&login.page).await;
            scene.shop.exchange(&login.started, &landed).await;
        } else {
            assert!((400..500).contains(&answer.status), "{} {}", answer.status, answer.text());
        }
        scene.shown_by(1).await.finish(&phone, &scene.shop_at(0)).await;
    }
}
