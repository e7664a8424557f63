//! Topics: who listens to what in this process.
//!
//! Owns: one broadcast channel per topic that somebody listens to; it goes with its last listener.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

type Sender = broadcast::Sender<Arc<str>>;

#[derive(Debug)]
pub(super) struct Topics {
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

    pub(super) fn publish(&self, topic: &str, word: &str) {
        let sender = self.shard(topic).get(topic).cloned();
        if let Some(sender) = sender {
            // Nobody listening any more is no failure.
            let _ = sender.send(word.into());
        }
    }

    /// Listens from now on; `None` when `cap` topics are listened to already.
    pub(super) fn listen(topics: &Arc<Self>, topic: &str, cap: usize) -> Option<Listener> {
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
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap().len()).sum()
    }
}

/// One listener: a receiver and the name of its topic.
#[derive(Debug)]
pub(super) struct Listener {
    topics: Arc<Topics>,
    topic: Arc<str>,
    words: Option<broadcast::Receiver<Arc<str>>>,
}

#[async_trait]
impl Words for Listener {
    async fn next(&mut self) -> Option<Word> {
        match self.words.as_mut()?.recv().await {
            Ok(word) => Some(Word::Said(word.as_ref().to_owned())),
            Err(RecvError::Lagged(_)) => Some(Word::Missed),
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
