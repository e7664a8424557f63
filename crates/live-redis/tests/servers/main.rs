//! The live port on real servers: the suite on a single server, on Sentinel and on a cluster; crashes; refusals at
//! the start.

#![expect(clippy::expect_used, clippy::panic, reason = "tests")]

mod crashes;
mod failover;
mod refusals;
mod secure;
mod suite;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use live::{Key, Live, Topic, Word, Words};
use live_redis::{RedisLive, Settings};

/// A handle: what a node has.
async fn node(url: &str) -> Arc<RedisLive> {
    let settings = Settings::parse(url).expect("a good address");
    Arc::new(RedisLive::connect(settings).await.expect("connected"))
}

/// As [`node`], where a busy machine is no failure.
async fn patient(url: &str) -> Arc<RedisLive> {
    let mut settings = Settings::parse(url).expect("a good address");
    settings.timeout = Duration::from_secs(20);
    settings.connect_timeout = Duration::from_secs(20);
    Arc::new(RedisLive::connect(settings).await.expect("connected"))
}

/// As [`patient`], for the suite.
async fn any(url: &str) -> Arc<dyn Live> {
    patient(url).await
}

/// The sentence with which the start is refused.
async fn refused(settings: Settings) -> String {
    match RedisLive::connect(settings).await {
        Ok(_) => panic!("it connected"),
        Err(refusal) => {
            let sentence = refusal.to_string();
            assert!(sentence.starts_with("live."), "names no setting: {sentence}");
            assert!(!sentence.contains('\n') && !sentence.contains("hush"), "{sentence}");
            sentence
        }
    }
}

fn key(name: &str) -> Key {
    let run = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_nanos();
    Key { kind: "test", id: format!("{name}-{run:x}") }
}

fn topic(name: &str) -> Topic {
    Topic(key(name).id)
}

const LONG: Duration = Duration::from_secs(60);

/// Waits until a call succeeds again.
async fn heals(what: &str, most: Duration, live: &RedisLive) -> Duration {
    let since = std::time::Instant::now();
    let key = key("heals");
    while live.put(&key, "x".into(), LONG).await.is_err() || live.publish(&topic("heals"), "x").await.is_err()
    {
        assert!(since.elapsed() < most, "{what}: not healed after {most:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    since.elapsed()
}

/// Waits until it is told that words were missed.
async fn misses(words: &mut Box<dyn Words>) {
    let told = async { while words.next().await != Some(Word::Missed) {} };
    tokio::time::timeout(Duration::from_secs(5), told).await.expect("told that words were missed");
}

/// Waits for a word, past those that say that some were missed.
async fn hears(words: &mut Box<dyn Words>, word: &str) {
    let told = async { while words.next().await != Some(Word::Said(word.to_owned())) {} };
    tokio::time::timeout(Duration::from_secs(5), told).await.expect("heard");
}
