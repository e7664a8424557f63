//! The live port on real servers: the suite on a single server, on Sentinel and on a cluster; crashes; refusals at
//! the start.

#![expect(clippy::expect_used, clippy::panic, reason = "tests")]

mod crashes;
mod failover;
mod refusals;
mod secure;
mod suite;

use std::sync::Arc;
use std::time::Duration;

use live::Live;
use live::conformance::outages::{LONG, heals, hears, key, misses, taken_while, topic};
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
