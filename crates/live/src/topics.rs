//! Topics: who listens to what in this process.
//!
//! Owns: one broadcast channel per topic that somebody listens to; it goes with its last listener. Every adapter
//! hands out its words here: the in-process one at once, the others when a word comes back from the server.
//! Not here: how words travel between nodes (adapters).

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::{Word, Words};

const SHARDS: usize = 16;
/// Words kept for a listener that is slow; a topic of one subject says few.
const WORDS_OF_ONE_SUBJECT: usize = 8;
/// The topic that all caches listen to.
const BUSY_TOPIC: &str = "changes";
const WORDS_OF_BUSY_TOPIC: usize = 1024;

/// From so many topics on, telling all of them that words were missed is spread over time: each listener then
/// reads its slot again, and they need not all do so in the same millisecond.
const MANY_TOPICS: usize = 256;
const PAUSE_BETWEEN_SHARDS: Duration = Duration::from_millis(10);

/// `None`: words were missed.
type Sender = broadcast::Sender<Option<Arc<str>>>;

/// Who listens to what in this process.
#[derive(Debug)]
pub struct Topics {
    shards: [Mutex<HashMap<Arc<str>, Sender>>; SHARDS],
    hasher: RandomState,
    len: AtomicUsize,
}

impl Default for Topics {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            len: AtomicUsize::new(0),
        }
    }
}

impl Topics {
    fn shard(&self, topic: &str) -> MutexGuard<'_, HashMap<Arc<str>, Sender>> {
        let at = usize::try_from(self.hasher.hash_one(topic) % SHARDS as u64).unwrap_or(0);
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells those who listen here.
    pub fn publish(&self, topic: &str, word: &str) {
        let sender = self.shard(topic).get(topic).cloned();
        if let Some(sender) = sender {
            // Nobody listening any more is no failure.
            let _ = sender.send(Some(word.into()));
        }
    }

    /// Tells every listener that words were missed and the truth is to be read again. Where many listen it takes a
    /// sixth of a second; to be called when words arrive again.
    pub async fn missed(&self) {
        let is_spread = self.len.load(Ordering::Relaxed) > MANY_TOPICS;
        for shard in &self.shards {
            for sender in shard.lock().unwrap_or_else(PoisonError::into_inner).values() {
                let _ = sender.send(None);
            }
            if is_spread {
                tokio::time::sleep(PAUSE_BETWEEN_SHARDS).await;
            }
        }
    }

    /// Listens from now on; `None` when `cap` topics are listened to already.
    #[must_use]
    pub fn listen(topics: &Arc<Self>, topic: &str, cap: usize) -> Option<Listener> {
        let mut shard = topics.shard(topic);
        let (name, words) = match shard.get_key_value(topic) {
            Some((name, sender)) => (Arc::clone(name), sender.subscribe()),
            None => {
                if topics.len.load(Ordering::Relaxed) >= cap {
                    return None;
                }
                let most = if topic == BUSY_TOPIC { WORDS_OF_BUSY_TOPIC } else { WORDS_OF_ONE_SUBJECT };
                let (sender, words) = broadcast::channel(most);
                let name: Arc<str> = topic.into();
                shard.insert(Arc::clone(&name), sender);
                topics.len.fetch_add(1, Ordering::Relaxed);
                (name, words)
            }
        };
        drop(shard);
        Some(Listener { topics: Arc::clone(topics), topic: name, words: Some(words) })
    }

    /// How many topics are listened to.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap().len()).sum()
    }
}

/// One listener: a receiver and the name of its topic.
#[derive(Debug)]
pub struct Listener {
    topics: Arc<Topics>,
    topic: Arc<str>,
    words: Option<broadcast::Receiver<Option<Arc<str>>>>,
}

#[async_trait]
impl Words for Listener {
    async fn next(&mut self) -> Option<Word> {
        match self.words.as_mut()?.recv().await {
            Ok(Some(word)) => Some(Word::Said(word.as_ref().to_owned())),
            Ok(None) | Err(RecvError::Lagged(_)) => Some(Word::Missed),
            Err(RecvError::Closed) => None,
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // The receiver goes first, so that of several listeners leaving at once the last sees none left.
        self.words = None;
        let mut shard = self.topics.shard(&self.topic);
        if shard.get(&self.topic).is_some_and(|sender| sender.receiver_count() == 0) {
            shard.remove(&self.topic);
            self.topics.len.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
