//! The live port on PostgreSQL: the suite; crashes; refusals at the start.

#![expect(clippy::expect_used, clippy::panic, reason = "tests")]

mod crashes;
mod refusals;
mod suite;

use std::sync::Arc;
use std::time::Duration;

use live::Live;
use live::conformance::outages::{LONG, heals, hears_again, key, misses, taken_while, topic};
use live_postgres::{PostgresLive, Settings};

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
