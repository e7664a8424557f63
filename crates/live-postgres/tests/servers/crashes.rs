//! A server that dies, stands still, and comes back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backing::{PgOptions, Postgres, Wire};
use live::{Live, LiveError};

use crate::{LONG, heals, hears_again, key, misses, node, taken_while, topic};

fn is_unavailable<T: std::fmt::Debug>(answer: &Result<T, LiveError>) -> bool {
    matches!(answer, Err(LiveError::Unavailable(_)))
}

/// SEC-006 when the server is killed in the middle: what many take at once is taken once or not at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sec_006_nothing_is_taken_twice_when_the_server_is_killed() {
    let server = Arc::new(Postgres::start(PgOptions::default()));
    let nodes = [node(&server.url("postgres")).await, node(&server.url("postgres")).await];
    for round in 0..3 {
        let again = Arc::clone(&server);
        let kill = async move {
            tokio::time::sleep(Duration::from_millis(20 + 30 * round)).await;
            let kill = move || {
                again.kill9();
                again.start_again();
            };
            tokio::task::spawn_blocking(kill).await.expect("started again");
        };
        taken_while([nodes[0].clone(), nodes[1].clone()], kill).await;
        for live in &nodes {
            heals("after a kill", Duration::from_secs(3), &**live).await;
        }
    }
}

/// A server that stands still is told to callers within the time set; afterwards all is well by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_stands_still_is_unavailable_in_time_and_heals_by_itself() {
    let server = Postgres::start(PgOptions::default());
    let live = node(&server.url("postgres")).await;
    let (key, topic) = (key("still"), topic("still"));
    live.put(&key, "kept".into(), LONG).await.expect("put");
    let mut words = live.subscribe(&topic).await.expect("subscribe");
    server.pause();
    for _ in 0..3 {
        let since = Instant::now();
        let answers = tokio::join!(
            live.get(&key),
            live.take(&key),
            live.count(&key, 1, LONG),
            live.publish(&topic, "into the void"),
            live.check(),
        );
        assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
        assert!(is_unavailable(&answers.0) && is_unavailable(&answers.1) && is_unavailable(&answers.2));
        assert!(is_unavailable(&answers.3) && is_unavailable(&answers.4));
    }
    server.resume();
    heals("after a stop", Duration::from_secs(3), &*live).await;
    misses(&mut words).await;
    hears_again(&*live, &topic, &mut words).await;
}

/// Killed and started again: the tables are empty, nobody has to do anything, and listeners read the truth again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_a_restart_words_are_heard_again_and_listeners_know_what_they_missed() {
    let server = Postgres::start(PgOptions::default());
    let nodes = [node(&server.url("postgres")).await, node(&server.url("postgres")).await];
    let (lost, topic) = (key("lost"), topic("restart"));
    nodes[0].put(&lost, "x".into(), LONG).await.expect("put");
    let mut words = nodes[1].subscribe(&topic).await.expect("subscribe");
    server.kill9();
    assert!(is_unavailable(&nodes[0].get(&lost).await));
    server.start_again();
    for live in &nodes {
        let took = heals("after a kill", Duration::from_secs(2), &**live).await;
        eprintln!("healed after {took:?}");
    }
    assert_eq!(nodes[0].get(&lost).await.expect("get"), None, "what is unlogged is lost in a crash");
    misses(&mut words).await;
    hears_again(&*nodes[0], &topic, &mut words).await;
}

/// Stopped in good order and started again, and nobody asked meanwhile: the next one is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_restart_that_nobody_noticed_is_not_told_to_the_next_caller() {
    let server = Postgres::start(PgOptions::default());
    let live = node(&server.url("postgres")).await;
    let kept = key("kept");
    live.put(&kept, "x".into(), LONG).await.expect("put");
    server.stop();
    server.start_again();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(live.take(&kept).await.expect("take").is_some());
    live.publish(&topic("quiet"), "x").await.expect("publish");
}

/// A cut wire, and one that lets nothing pass.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cut_or_stalled_network_is_survived() {
    let server = Postgres::start(PgOptions::default());
    let wire = Wire::to(server.port());
    let live = node(&server.url_at(wire.port(), "postgres")).await;
    let topic = topic("wire");
    let mut words = live.subscribe(&topic).await.expect("subscribe");
    wire.cut();
    assert!(is_unavailable(&live.get(&key("cut")).await));
    wire.mend();
    heals("after a cut", Duration::from_secs(2), &*live).await;
    misses(&mut words).await;
    wire.stall();
    let since = Instant::now();
    assert!(is_unavailable(&live.get(&key("stall")).await));
    assert!(since.elapsed() < Duration::from_millis(1500));
    tokio::time::sleep(Duration::from_secs(2)).await;
    wire.mend();
    heals("after a stall", Duration::from_secs(3), &*live).await;
    misses(&mut words).await;
    hears_again(&*live, &topic, &mut words).await;
}

/// The listener's connection alone is ended by an administrator.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_listener_that_is_ended_listens_again() {
    let server = Postgres::start(PgOptions::default());
    let live = node(&server.url("postgres")).await;
    let topic = topic("ended");
    let mut words = live.subscribe(&topic).await.expect("subscribe");
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE application_name = 'latchbolt-live'";
    server.query("postgres", end).expect("ended");
    misses(&mut words).await;
    heals("after being ended", Duration::from_secs(2), &*live).await;
    hears_again(&*live, &topic, &mut words).await;
}

/// The server comes back as another one, without the tables (a restored copy): they are made again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tables_that_are_gone_are_made_again() {
    let server = Postgres::start(PgOptions::default());
    let live = node(&server.url("postgres")).await;
    server.query("postgres", "DROP TABLE live_slots, live_counters").expect("dropped");
    assert!(is_unavailable(&live.get(&key("gone")).await));
    server.stop();
    server.start_again();
    heals("without tables", Duration::from_secs(3), &*live).await;
}
