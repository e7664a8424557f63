//! The live port on PostgreSQL: the suite; crashes; refusals at the start.

#![expect(clippy::expect_used, clippy::panic, reason = "tests")]

mod crashes;
mod refusals;
mod suite;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use live::{Key, Live, Topic, Word, Words};
use live_postgres::{PostgresLive, Settings};

const LONG: Duration = Duration::from_secs(60);

/// A handle: what a node has.
async fn node(url: &str) -> Arc<PostgresLive> {
    Arc::new(PostgresLive::connect(Settings::new(url)).await.expect("connected"))
}

/// As [`node`], for the suite: a busy machine is no failure.
async fn any(url: &str) -> Arc<dyn Live> {
    let settings = Settings { timeout: Duration::from_secs(20), ..Settings::new(url) };
    Arc::new(PostgresLive::connect(settings).await.expect("connected"))
}

/// The sentence with which the start is refused.
async fn refused(settings: Settings) -> String {
    match PostgresLive::connect(settings).await {
        Ok(_) => panic!("it connected"),
        Err(refusal) => {
            let sentence = refusal.to_string();
            assert!(sentence.starts_with("database."), "names no setting: {sentence}");
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

/// Waits until calls succeed again.
async fn heals(what: &str, most: Duration, live: &PostgresLive) -> Duration {
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

/// Says a word until it is heard. Words of the moment in which nobody listened are lost, and that is told as well.
async fn hears_again(live: &dyn Live, topic: &Topic, words: &mut Box<dyn Words>) {
    let told = async {
        loop {
            live.publish(topic, "again").await.expect("publish");
            let heard = tokio::time::timeout(Duration::from_millis(100), words.next());
            if heard.await == Ok(Some(Word::Said("again".to_owned()))) {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(5), told).await.expect("heard");
}
