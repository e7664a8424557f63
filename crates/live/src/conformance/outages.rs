//! What adapters' own tests of outages have in common: names, waiting until all is well, and the race for what is
//! taken once while something happens to the server.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::tag;
use crate::{Key, Live, Topic, Word, Words};

/// Longer than any test.
pub const LONG: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(5);

/// A slot of a kind of its own.
#[must_use]
pub fn key(name: &str) -> Key {
    Key { kind: "test", id: tag(name) }
}

/// A topic that no other test uses.
#[must_use]
pub fn topic(name: &str) -> Topic {
    Topic(tag(name))
}

/// Waits until calls succeed again; answers how long that took.
pub async fn heals(what: &str, most: Duration, live: &dyn Live) -> Duration {
    let (since, key, topic) = (Instant::now(), key("heals"), topic("heals"));
    while live.put(&key, "x".into(), LONG).await.is_err() || live.publish(&topic, "x").await.is_err() {
        assert!(since.elapsed() < most, "{what}: not healed after {most:?}");
        sleep(Duration::from_millis(5)).await;
    }
    since.elapsed()
}

/// Waits until it is told that words were missed.
pub async fn misses(words: &mut Box<dyn Words>) {
    let told = async { while words.next().await != Some(Word::Missed) {} };
    timeout(SOON, told).await.expect("told that words were missed");
}

/// Waits for a word, past those that say that some were missed.
pub async fn hears(words: &mut Box<dyn Words>, word: &str) {
    let told = async { while words.next().await != Some(Word::Said(word.to_owned())) {} };
    timeout(SOON, told).await.expect("heard");
}

/// Says a word until it is heard. Words of the moment in which nobody listened are lost, and that is told as well.
pub async fn hears_again(live: &dyn Live, topic: &Topic, words: &mut Box<dyn Words>) {
    let told = async {
        loop {
            live.publish(topic, "again").await.expect("publish");
            let heard = timeout(Duration::from_millis(100), words.next());
            if heard.await == Ok(Some(Word::Said("again".to_owned()))) {
                return;
            }
        }
    };
    timeout(SOON, told).await.expect("heard");
}

/// SEC-006: eight tasks on two nodes take 200 slots while something happens to the server. Whoever is told that the
/// store is unavailable asks again, as people do. Nothing is taken twice; answers how many were taken.
pub async fn taken_while(nodes: [Arc<dyn Live>; 2], disturbance: impl Future<Output = ()>) -> usize {
    let keys: Arc<[Key]> = (0..200).map(|number| key(&format!("once-{number}"))).collect();
    for key in keys.iter() {
        nodes[0].put(key, "once".into(), LONG).await.expect("put");
    }
    let mut takers = JoinSet::new();
    for taker in 0..8 {
        takers.spawn(takes(Arc::clone(&nodes[taker % 2]), Arc::clone(&keys)));
    }
    disturbance.await;
    let mut got: Vec<usize> = takers.join_all().await.into_iter().flatten().collect();
    let all = got.len();
    got.sort_unstable();
    got.dedup();
    assert_eq!(got.len(), all, "taken twice");
    all
}

async fn takes(live: Arc<dyn Live>, keys: Arc<[Key]>) -> Vec<usize> {
    let mut got = Vec::new();
    for (number, key) in keys.iter().enumerate() {
        for _ in 0..2000 {
            match live.take(key).await {
                Ok(Some(_)) => got.push(number),
                Ok(None) => {}
                Err(_) => {
                    sleep(Duration::from_millis(10)).await;
                    continue;
                }
            }
            break;
        }
    }
    got
}
