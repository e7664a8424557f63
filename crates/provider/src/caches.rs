//! What is kept in this process for a moment, so that the usual path reads nothing.
//!
//! Owns: verified tokens, remembered consents, and people whose code was just issued. Every change that this
//! node hears of is taken note of before anything is served (SEC-153).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use app::cache::Fresh;
use app::{App, Change};
use domain::{AccountId, ClientId, SessionId};
use store::SignedIn;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

use crate::consent::Remembered;

use crate::token::read::Good;

/// How long a change may stay unseen whose word never comes: lost on the way from another node, or made by the
/// command line, which is a process of its own (SEC-153).
const MOMENT: Duration = Duration::from_secs(2);
/// About how many bytes of verified tokens are kept at most.
const TOKEN_BYTES: u64 = 16 * 1024 * 1024;
const CONSENTS: u64 = 20_000;
const PEOPLE: u64 = 5_000;

pub(crate) struct Caches {
    changes: Mutex<Receiver<Change>>,
    tokens: Fresh<[u8; 32], Arc<Good>>,
    consents: Fresh<(AccountId, ClientId), Arc<Remembered>>,
    people: Fresh<SessionId, Arc<SignedIn>>,
}

impl Caches {
    pub(crate) fn new(app: &App, token_life: Duration) -> Self {
        Self {
            changes: Mutex::new(app.changes()),
            tokens: Fresh::new(TOKEN_BYTES, token_life.min(MOMENT), |token| token.weight()),
            consents: Fresh::new(CONSENTS, MOMENT, |_| 1),
            people: Fresh::new(PEOPLE, MOMENT, |_| 1),
        }
    }

    /// Verified tokens by the SHA-256 of the token.
    pub(crate) fn tokens(&self) -> &Fresh<[u8; 32], Arc<Good>> {
        self.catch_up();
        &self.tokens
    }

    /// Remembered consents.
    pub(crate) fn consents(&self) -> &Fresh<(AccountId, ClientId), Arc<Remembered>> {
        self.catch_up();
        &self.consents
    }

    /// Who was signed in when a code was issued, by session.
    pub(crate) fn people(&self) -> &Fresh<SessionId, Arc<SignedIn>> {
        self.catch_up();
        &self.people
    }

    fn catch_up(&self) {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match changes.try_recv() {
                Ok(Change::Missed) | Err(TryRecvError::Lagged(_)) => {
                    self.tokens.drop_all();
                    self.consents.drop_all();
                    self.people.drop_all();
                }
                // A key that was taken out of use takes along what it signed; what is told may be defined anew.
                Ok(Change::Keys | Change::Policies) => self.tokens.drop_all(),
                Ok(Change::Device(_)) => {}
                Ok(change) => {
                    self.tokens.drop_subject(&change);
                    self.consents.drop_subject(&change);
                    self.people.drop_subject(&change);
                }
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }
}
