//! How nodes tell each other what changed.
//!
//! Owns: the words on the topic `changes`. Not here: what is cached (`sessions`, `clients`, the provider's
//! tokens). A word names an id and nothing secret.

use std::time::Duration;

use domain::{AccountId, ClientId, DeviceId, GrantId, SessionId};
use live::{Topic, Word};
use tokio::sync::broadcast;

use crate::Entropy;

/// How long to wait before subscribing again.
pub(crate) const RETRY: Duration = Duration::from_secs(1);
/// Changes that a slow listener of this process may be behind.
const BEHIND: usize = 256;

/// Something that lasts was changed, so what is cached about it is old.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Change {
    /// A session ended, was strengthened or has a new secret.
    Session(SessionId),
    /// An account was changed or disabled.
    Account(AccountId),
    /// A relying party was changed or deleted.
    Client(ClientId),
    /// A phone changed its state.
    Device(DeviceId),
    /// A grant was revoked.
    Grant(GrantId),
    /// Signing keys were made or rotated: load them again.
    Keys,
    /// Policies, wishes of groups or custom claims were changed.
    Policies,
    /// Words of other nodes may have been lost: everything cached may be old.
    Missed,
}

/// The topic of all changes.
pub(crate) fn topic() -> Topic {
    Topic("changes".to_owned())
}

/// This node's end of the topic.
#[derive(Debug)]
pub(crate) struct Changes {
    /// Random; marks our own words, which need no second look.
    node: String,
    here: broadcast::Sender<Change>,
}

impl Changes {
    pub(crate) fn new(entropy: &Entropy) -> Self {
        let node = format!("{:016x}", u64::from_be_bytes(entropy.bytes()));
        Self { node, here: broadcast::channel(BEHIND).0 }
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Change> {
        self.here.subscribe()
    }

    pub(crate) fn pass_on(&self, change: &Change) {
        // Nobody listening is no failure.
        let _ = self.here.send(change.clone());
    }

    /// The word for a change: `session ses_… @node`.
    pub(crate) fn word(&self, change: &Change) -> String {
        let node = &self.node;
        match change {
            Change::Session(id) => format!("session {id} @{node}"),
            Change::Account(id) => format!("account {id} @{node}"),
            Change::Client(id) => format!("client {id} @{node}"),
            Change::Device(id) => format!("device {id} @{node}"),
            Change::Grant(id) => format!("grant {id} @{node}"),
            Change::Keys => format!("keys @{node}"),
            Change::Policies => format!("policies @{node}"),
            Change::Missed => format!("missed @{node}"),
        }
    }

    /// What a word means here; nothing if we said it ourselves. A word that nobody understands (of a newer
    /// version) may concern anything.
    pub(crate) fn heard(&self, word: Word) -> Option<Change> {
        let Word::Said(text) = word else { return Some(Change::Missed) };
        let (text, node) = text.rsplit_once(" @").unwrap_or((&text, ""));
        if node == self.node {
            return None;
        }
        Some(read(text).unwrap_or(Change::Missed))
    }
}

fn read(text: &str) -> Option<Change> {
    if text == "keys" {
        return Some(Change::Keys);
    }
    if text == "policies" {
        return Some(Change::Policies);
    }
    let (subject, id) = text.split_once(' ')?;
    match subject {
        "session" => id.parse().ok().map(Change::Session),
        "account" => id.parse().ok().map(Change::Account),
        "client" => id.parse().ok().map(Change::Client),
        "device" => id.parse().ok().map(Change::Device),
        "grant" => id.parse().ok().map(Change::Grant),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_survives_its_word_and_is_not_heard_by_its_teller() {
        let (one, other) = (Changes::new(&Entropy::system()), Changes::new(&Entropy::system()));
        let all = [
            Change::Session(SessionId::from_random([1; 16])),
            Change::Account(AccountId::from_random([2; 16])),
            // A client's id may hold the very marks of a word.
            Change::Client("shop@home".parse().unwrap()),
            Change::Device(DeviceId::from_random([3; 16])),
            Change::Grant(GrantId::from_random([4; 16])),
            Change::Keys,
            Change::Policies,
            Change::Missed,
        ];
        for change in all {
            let word = Word::Said(one.word(&change));
            assert_eq!(other.heard(word.clone()), Some(change));
            assert_eq!(one.heard(word), None);
        }
    }

    #[test]
    fn lost_and_unknown_words_mean_that_anything_may_have_changed() {
        let here = Changes::new(&Entropy::system());
        assert_eq!(here.heard(Word::Missed), Some(Change::Missed));
        for word in ["", "moon full", "session nonsense", "session"] {
            assert_eq!(here.heard(Word::Said(word.to_owned())), Some(Change::Missed), "{word}");
        }
        let id = SessionId::from_random([1; 16]);
        assert_eq!(here.heard(Word::Said(format!("session {id}"))), Some(Change::Session(id)));
    }
}
