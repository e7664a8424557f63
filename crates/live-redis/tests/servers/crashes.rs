//! Servers that die, stand still, and come back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backing::{Redis, RedisCluster, RedisOptions};
use live::{Live, LiveError};

use crate::{LONG, heals, hears, key, misses, node, patient, taken_while, topic};

fn is_unavailable<T: std::fmt::Debug>(answer: &Result<T, LiveError>) -> bool {
    matches!(answer, Err(LiveError::Unavailable(_)))
}

/// SEC-006 when the server is killed in the middle: what many take at once is taken once or not at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sec_006_nothing_is_taken_twice_when_the_server_is_killed() {
    // What is kept survives the kill: the dangerous case.
    let extra = vec![("appendonly", "yes".to_owned()), ("appendfsync", "always".to_owned())];
    let redis = Arc::new(Redis::start(RedisOptions { extra, tls: false }));
    let nodes = [node(&redis.url()).await, node(&redis.url()).await];
    for round in 0..4 {
        let again = Arc::clone(&redis);
        let kill = async move {
            tokio::time::sleep(Duration::from_millis(10 + 15 * round)).await;
            let kill = move || {
                again.kill9();
                again.start_again();
            };
            tokio::task::spawn_blocking(kill).await.expect("started again");
        };
        let all = taken_while([nodes[0].clone(), nodes[1].clone()], kill).await;
        assert!(all > 100, "the race was not run: {all}");
    }
}

/// A server that stands still is told to callers within the time set, and words that were missed meanwhile too.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_stands_still_is_unavailable_in_time_and_heals_by_itself() {
    let redis = Redis::start(RedisOptions::default());
    let live = node(&redis.url()).await;
    let (key, topic) = (key("still"), topic("still"));
    live.put(&key, "kept".into(), LONG).await.expect("put");
    let mut words = live.subscribe(&topic).await.expect("subscribe");
    redis.pause();
    for _ in 0..3 {
        let since = Instant::now();
        let answers = tokio::join!(
            live.get(&key),
            live.take(&key),
            live.count(&key, 1, LONG),
            live.publish(&topic, "into the void"),
            live.check(),
        );
        assert!(since.elapsed() < Duration::from_millis(1500), "{:?}", since.elapsed());
        assert!(is_unavailable(&answers.0) && is_unavailable(&answers.1) && is_unavailable(&answers.2));
        assert!(is_unavailable(&answers.3) && is_unavailable(&answers.4));
    }
    // Known to be gone: nobody waits any more.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let since = Instant::now();
    assert!(is_unavailable(&live.get(&key).await));
    assert!(since.elapsed() < Duration::from_millis(200), "{:?}", since.elapsed());
    redis.resume();
    heals("after a stop", Duration::from_secs(2), &*live).await;
    misses(&mut words).await;
    live.publish(&topic, "again").await.expect("publish");
    hears(&mut words, "again").await;
}

/// Killed and started again: there within a second, and every listener reads the truth again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_a_restart_words_are_heard_again_and_listeners_know_what_they_missed() {
    let redis = Redis::start(RedisOptions::default());
    let nodes = [node(&redis.url()).await, node(&redis.url()).await];
    let topic = topic("restart");
    let mut words = nodes[1].subscribe(&topic).await.expect("subscribe");
    redis.kill9();
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(is_unavailable(&nodes[0].get(&key("gone")).await));
    assert!(is_unavailable(&nodes[0].check().await));
    redis.start_again();
    let took = heals("after a kill", Duration::from_secs(2), &*nodes[0]).await;
    heals("after a kill", Duration::from_secs(2), &*nodes[1]).await;
    eprintln!("healed after {took:?}");
    misses(&mut words).await;
    nodes[0].publish(&topic, "again").await.expect("publish");
    hears(&mut words, "again").await;
}

/// Killed while nobody asks: the next one finds a fresh connection, not an error.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_restart_that_nobody_noticed_is_not_told_to_the_next_caller() {
    let redis = Redis::start(RedisOptions::default());
    let live = node(&redis.url()).await;
    redis.kill9();
    redis.start_again();
    tokio::time::sleep(Duration::from_secs(1)).await;
    live.put(&key("quiet"), "x".into(), LONG).await.expect("put");
    live.publish(&topic("quiet"), "x").await.expect("publish");
}

/// A cut wire, and one that lets nothing pass.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cut_or_stalled_network_is_survived() {
    let redis = Redis::start(RedisOptions::default());
    let wire = backing::Wire::to(redis.port());
    let live = node(&format!("redis://127.0.0.1:{}", wire.port())).await;
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
    assert!(since.elapsed() < Duration::from_secs(1));
    tokio::time::sleep(Duration::from_millis(1500)).await;
    wire.mend();
    heals("after a stall", Duration::from_secs(3), &*live).await;
    misses(&mut words).await;
    live.publish(&topic, "again").await.expect("publish");
    hears(&mut words, "again").await;
}

/// The server forgets scripts when it is told to; that is no failure.
#[tokio::test]
async fn a_forgotten_script_is_told_again() {
    let redis = Redis::start(RedisOptions::default());
    let live = node(&redis.url()).await;
    let key = key("script");
    let seen = live.put(&key, "one".into(), LONG).await.expect("put");
    assert_eq!(redis.cli(&["script", "flush"]), "OK");
    live.swap(&key, seen, "two".into(), None).await.expect("swap").expect("won");
    assert_eq!(redis.cli(&["script", "flush"]), "OK");
    assert_eq!(live.count(&key, 2, LONG).await.expect("count").sum, 2);
}

/// A value that is none of ours is told as such, and hurts nobody.
#[tokio::test]
async fn a_foreign_value_is_corrupt() {
    let redis = Redis::start(RedisOptions::default());
    let live = node(&redis.url()).await;
    assert_eq!(redis.cli(&["set", "latchbolt:{test:short}", "x"]), "OK");
    assert_eq!(redis.cli(&["rpush", "latchbolt:{test:list}", "x"]), "1");
    let at = |id: &str| live::Key { kind: "test", id: id.to_owned() };
    assert!(matches!(live.get(&at("short")).await, Err(LiveError::Corrupt("test"))));
    assert!(live.get(&at("list")).await.is_err());
    assert!(live.put(&at("list"), "x".into(), LONG).await.is_ok());
}

/// A server whose memory is full refuses the new and keeps the old.
#[tokio::test]
async fn sec_222_a_full_server_refuses_the_new_and_keeps_the_old() {
    let redis = Redis::start(RedisOptions::default());
    let live = node(&redis.url()).await;
    let old = key("old");
    let seen = live.put(&old, "kept".into(), LONG).await.expect("put");
    live.count(&old, 1, LONG).await.expect("count");
    // Less than it uses already.
    assert_eq!(redis.cli(&["config", "set", "maxmemory", "100kb"]), "OK");
    assert!(matches!(live.put(&key("new"), "x".into(), LONG).await, Err(LiveError::Full("test"))));
    assert!(matches!(live.count(&key("new"), 1, LONG).await, Err(LiveError::Full("test"))));
    assert!(matches!(live.swap(&old, seen, "new".into(), None).await, Err(LiveError::Full("test"))));
    assert_eq!(live.count(&old, 0, LONG).await.expect("count").sum, 1);
    assert_eq!(live.get(&old).await.expect("get"), Some(("kept".into(), seen)));
    assert!(live.take(&old).await.expect("take").is_some());
}

/// Ten thousand listeners cost no trip to the server, and all of them learn that words were missed.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sec_050_ten_thousand_listeners_wait_and_all_learn_what_they_missed() {
    let redis = Redis::start(RedisOptions::default());
    let live = node(&redis.url()).await;
    let mut waiting = Vec::new();
    let since = Instant::now();
    for number in 0..10_000 {
        waiting.push(live.subscribe(&topic(&format!("many-{number}"))).await.expect("subscribe"));
    }
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    assert_eq!(redis.cli(&["pubsub", "channels"]), "latchbolt:words");
    redis.kill9();
    redis.start_again();
    for words in &mut waiting {
        misses(words).await;
    }
}

/// One master of a cluster takes its own slots along and no others, and is back when it is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_dead_master_of_a_cluster_takes_only_its_own_slots_along() {
    let cluster = RedisCluster::start();
    let url = format!("redis+cluster://{}", cluster.addresses().join(","));
    let live = node(&url).await;
    let topic = topic("cluster");
    let mut words = live.subscribe(&topic).await.expect("subscribe");
    let keys: Vec<_> = (0..60).map(|number| key(&format!("dead-{number}"))).collect();
    for key in &keys {
        live.put(key, "x".into(), LONG).await.expect("put");
    }
    for (dead, master) in cluster.masters.iter().enumerate() {
        master.kill9();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let (mut lost, mut slowest) = (0, Duration::ZERO);
        for key in &keys {
            let since = Instant::now();
            lost += usize::from(live.get(key).await.is_err());
            slowest = slowest.max(since.elapsed());
        }
        assert!((5..45).contains(&lost), "{lost} of 60 are gone with master {dead}");
        assert!(slowest < Duration::from_secs(1), "{slowest:?}");
        live.check().await.expect("the others answer");
        // Words go on through another master.
        heals_words(&live, &mut words, &topic).await;
        master.start_again();
        let since = Instant::now();
        for key in &keys {
            while live.put(key, "y".into(), LONG).await.is_err() {
                assert!(since.elapsed() < Duration::from_secs(10), "master {dead} is not used again");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

async fn heals_words(live: &live_redis::RedisLive, words: &mut Box<dyn live::Words>, topic: &live::Topic) {
    let since = Instant::now();
    while live.publish(topic, "through another").await.is_err() {
        assert!(since.elapsed() < Duration::from_secs(3), "no other master carries words");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    hears(words, "through another").await;
}

/// Slots that move while they are used: nothing fails, nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn slots_that_move_between_masters_are_followed() {
    let cluster = RedisCluster::start();
    let live = patient(&format!("redis+cluster://{}", cluster.addresses().join(","))).await;
    let keys: Vec<_> = (0..300).map(|number| key(&format!("move-{number}"))).collect();
    let mut seen = Vec::new();
    for key in &keys {
        seen.push(live.put(key, "0".into(), LONG).await.expect("put"));
    }
    let from = cluster.masters[0].cli(&["cluster", "myid"]);
    let to = cluster.masters[1].cli(&["cluster", "myid"]);
    let at = cluster.addresses()[0].clone();
    let moving = tokio::task::spawn_blocking(move || {
        std::process::Command::new("/usr/bin/redis-cli")
            .args(["--cluster", "reshard", &at, "--cluster-from", &from, "--cluster-to", &to])
            .args(["--cluster-slots", "2000", "--cluster-yes", "--cluster-pipeline", "1"])
            .output()
            .expect("redis-cli starts")
    });
    let mut rounds = 0;
    while !moving.is_finished() || rounds < 3 {
        rounds += 1;
        for (key, seen) in keys.iter().zip(&mut seen) {
            let swapped = live.swap(key, *seen, rounds.to_string().into(), None).await;
            *seen = swapped.expect("no failure while slots move").expect("nobody else wrote");
        }
    }
    assert!(moving.await.expect("moved").status.success());
    for key in &keys {
        let (value, _) = live.get(key).await.expect("get").expect("there");
        assert_eq!(value, rounds.to_string().as_bytes());
        assert!(live.take(key).await.expect("take").is_some());
        assert!(live.take(key).await.expect("take").is_none());
    }
}
