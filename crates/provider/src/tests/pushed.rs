//! How long pushed requests stay.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use live::{Counted, InProcess, Key, Live, Lost, Result, Topic, Version, Words};

use super::*;
use crate::PushAsked;

/// A live store that notes for how long pushed requests are kept.
#[derive(Default)]
struct Noted {
    inner: InProcess,
    lives: Mutex<Vec<Duration>>,
}

impl Noted {
    fn note(&self, key: &Key, life: Option<Duration>) {
        if key.kind == "pushed" {
            self.lives.lock().unwrap_or_else(PoisonError::into_inner).extend(life);
        }
    }

    fn noted(&self) -> Vec<u64> {
        let lives = std::mem::take(&mut *self.lives.lock().unwrap_or_else(PoisonError::into_inner));
        lives.iter().map(Duration::as_secs).collect()
    }
}

#[async_trait]
impl Live for Noted {
    async fn put(&self, key: &Key, value: Bytes, ttl: Duration) -> Result<Version> {
        self.note(key, Some(ttl));
        self.inner.put(key, value, ttl).await
    }

    async fn get(&self, key: &Key) -> Result<Option<(Bytes, Version)>> {
        self.inner.get(key).await
    }

    async fn swap(
        &self,
        key: &Key,
        seen: Version,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<Result<Version, Lost>> {
        self.note(key, ttl);
        self.inner.swap(key, seen, value, ttl).await
    }

    async fn take(&self, key: &Key) -> Result<Option<Bytes>> {
        self.inner.take(key).await
    }

    async fn count(&self, counter: &Key, amount: u64, window: Duration) -> Result<Counted> {
        self.inner.count(counter, amount, window).await
    }

    async fn publish(&self, topic: &Topic, word: &str) -> Result<()> {
        self.inner.publish(topic, word).await
    }

    async fn subscribe(&self, topic: &Topic) -> Result<Box<dyn Words>> {
        self.inner.subscribe(topic).await
    }

    async fn check(&self) -> Result<()> {
        self.inner.check().await
    }
}

#[tokio::test]
async fn sec_222_only_what_began_a_journey_stays_as_long_as_one() {
    let live = Arc::new(Noted::default());
    let mut world = world_over(Arc::clone(&live) as Arc<dyn Live>, &[shop()]).await;
    let (basic, params) = (basic("shop"), params(&[]));
    let asked = PushAsked { authorization: Some(&basic), proof: None, params: &params, address: HERE };
    let uri = world.provider.push(asked).await.unwrap().request_uri;
    let begins = [("client_id", "shop"), ("request_uri", uri.as_str())];
    assert_eq!(live.noted(), [65], "a little longer than it may be begun with");
    let secret = world.visitor.session.take();
    for _ in 0..2 {
        let begun = world.provider.authorize(begins.into_iter().collect(), &world.visitor).await.unwrap();
        assert!(matches!(begun, Outcome::SignIn { .. }));
        assert_eq!(live.noted(), [35 * 60], "longer than a journey of 30 minutes");
    }
    world.visitor.session = secret;
    let answered = world.provider.authorize(begins.into_iter().collect(), &world.visitor).await.unwrap();
    assert!(matches!(answered, Outcome::Redirect(_)) && live.noted().is_empty());
}
