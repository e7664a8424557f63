//! The other kinds of live store: PostgreSQL alone, Sentinel with a fail-over, Cluster.

use std::time::Duration;

use backing::{RedisCluster, Sentinel};
use testkit::Setup;

use crate::given::{Scene, becomes};

async fn across_two_nodes(scene: &Scene) {
    let phone = scene.phone().await;
    let login = scene.shown_by(0).await;
    let mut events = login.browser.watch(&login.page).await;
    assert_eq!(events.next().await.unwrap().state, "waiting");
    phone.line.go_to(scene.port(1));
    let claim = phone.scan(&login.qr.url).await;
    events.until("claimed").await.expect("the word of the other node");
    let code = login.browser.check_code(&login.page).await;
    phone.approve(&claim, &code).await;
    events.until("approved").await.expect("the word of the other node");
    let landed = login.browser.redeem(&login.page).await;
    scene.shop_at(1).exchange(&login.started, &landed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_alone_carries_a_sign_in_across_two_nodes() {
    let scene = Scene::with(Setup::cluster(2).set("live.url", "")).await;
    across_two_nodes(&scene).await;
    let slots = scene.server.postgres().query("SELECT count(*) FROM live_slots").unwrap();
    assert_ne!(slots, "0", "the live store is not in PostgreSQL");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_cluster_carries_a_sign_in_across_two_nodes() {
    let redis = RedisCluster::start();
    let url = format!("redis+cluster://{}", redis.addresses().join(","));
    let scene = Scene::with(Setup::cluster(2).set("live.url", url)).await;
    across_two_nodes(&scene).await;
    let keys: Vec<String> = redis.masters.iter().map(|master| master.cli(&["dbsize"])).collect();
    assert!(keys.iter().any(|count| count != "0"), "{keys:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fail_over_of_sentinels_costs_at_most_a_new_code() {
    let redis = Sentinel::start();
    let url = format!("redis+sentinel://{}/{}", redis.addresses().join(","), Sentinel::MASTER);
    let scene = Scene::with(Setup::cluster(2).set("live.url", url).set("limits.off", true)).await;
    across_two_nodes(&scene).await;

    let phone = scene.phone().await;
    let (browser, _) = scene.signed_in().await;
    let login = scene.shown_by(0).await;
    phone.line.go_to(scene.port(1));
    let (claim, code) = login.claimed_by(&phone).await;
    let redis = tokio::task::spawn_blocking(move || {
        redis.fail_over();
        redis
    })
    .await
    .unwrap();
    // The replica knows the claim, or nobody does: never a fault, never a second session.
    for node in 0..2 {
        login.browser.go_to(scene.port(node));
        becomes(&format!("node {node} follows the sentinels"), Duration::from_secs(5), async || {
            login.browser.poll(&login.page).await.status < 500
        })
        .await;
    }
    assert!(scene.silently(&browser).await.query("code").is_some(), "a session is lost");
    let answer = phone.decide(&claim, "approve", Some(&code)).await;
    assert!(answer.status < 500, "{} {}", answer.status, answer.text());
    if answer.status == 204 {
        let landed = login.browser.redeem(&login.page).await;
        scene.shop.exchange(&login.started, &landed).await;
        assert!(!crate::given::gives_session(&login.browser.redeem_once(&login.page).await));
    }
    becomes("a new sign-in", Duration::from_secs(5), async || {
        scene.server.browser().follow(&scene.shop.start().url).await.status() == 200
    })
    .await;
    across_two_nodes(&scene).await;
    drop(redis);
}
