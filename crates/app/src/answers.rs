//! Answers that are remembered, so that a request may be sent again without being done again.
//!
//! Owns: one answer for each key that a caller chose, for a day, sealed, because answers may hold what is shown once.
//! Not here: which requests may carry a key and what an answer is made of (`web-admin`).
//!
//! Of two requests with one key exactly one is the first: a counter of the live store decides. A live store that
//! forgets lets a key be used anew.

use std::time::Duration;

use domain::SecretHash;
use live::{Key, Slot};
use serde::{Deserialize, Serialize};

use crate::{App, Refusal, Sealer};

/// How long an answer is remembered.
const LIFE: Duration = Duration::from_secs(24 * 3600);
/// A longer answer is not kept; the key is used up all the same.
const LONGEST: usize = 64 * 1024;
/// What answers are sealed for.
const PURPOSE: &str = "admin answer";
const COUNTER: &str = "admin.first";

/// An answer as it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// `Content-Type`, if there is a body.
    pub content_type: Option<String>,
    /// `ETag`.
    pub etag: Option<String>,
    /// `Location`.
    pub location: Option<String>,
    /// The body, which is text.
    pub body: String,
}

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Nothing: the caller is the first, does it, and says how it ended.
    New(First),
    /// It was done; this was the answer.
    Answered(Box<Answer>),
    /// It was used for another request.
    Other,
    /// The first request has no answer yet, or one that was not kept.
    NoAnswer,
}

/// The right to answer for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct First {
    id: String,
    request: SecretHash,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    request: SecretHash,
    state: State,
}

#[derive(Serialize, Deserialize)]
enum State {
    Running,
    /// It was refused, so nothing was done: the next one may try.
    Free,
    Answered(Vec<u8>),
}

struct Answers;

impl Slot for Answers {
    const KIND: &'static str = "admin.answer";
    const TTL: Duration = LIFE;
    const MAKES_ROOM: bool = true;
    type Value = Kept;
}

impl App {
    /// Looks a key up, and takes it if it is new. `caller` keeps callers' keys apart; `request` is the MAC of all that
    /// makes a request the same.
    ///
    /// # Errors
    /// The live store.
    pub async fn remembered(&self, caller: &str, key: &str, request: &[u8]) -> Result<Known, Refusal> {
        let name = self.mac("admin answer key", crate::throttle::key(&[caller, key]).as_bytes());
        let id: String = name.0.iter().map(|byte| format!("{byte:02x}")).collect();
        let request = self.mac("admin answer request", request);
        let first = First { id, request };
        let slots = self.slots::<Answers>();
        let counted = self.live().count(&Key { kind: COUNTER, id: first.id.clone() }, 1, LIFE).await?;
        if counted.sum == 1 {
            slots.put(&first.id, &Kept { request, state: State::Running }).await?;
            return Ok(Known::New(first));
        }
        let Some((kept, seen)) = slots.get(&first.id).await? else { return Ok(Known::NoAnswer) };
        if kept.request != request {
            return Ok(Known::Other);
        }
        match kept.state {
            State::Running => Ok(Known::NoAnswer),
            State::Free => {
                let taken = slots.swap(&first.id, seen, &Kept { request, state: State::Running }).await?;
                Ok(if taken.is_ok() { Known::New(first) } else { Known::NoAnswer })
            }
            State::Answered(sealed) => {
                let answer = self.answers().open(first.id.as_bytes(), &sealed);
                let answer = answer.and_then(|plain| serde_json::from_slice(&plain).ok());
                Ok(answer.map_or(Known::NoAnswer, |answer| Known::Answered(Box::new(answer))))
            }
        }
    }

    /// Remembers the answer; none when nothing was done.
    ///
    /// # Errors
    /// The live store.
    pub async fn remember(&self, first: &First, answer: Option<&Answer>) -> Result<(), Refusal> {
        let state = match answer {
            None => State::Free,
            Some(answer) => {
                let plain = serde_json::to_vec(answer).map_err(|e| Refusal::Corrupt(e.to_string()))?;
                if plain.len() > LONGEST {
                    return Ok(());
                }
                State::Answered(self.answers().try_seal(first.id.as_bytes(), &plain)?)
            }
        };
        self.slots::<Answers>().put(&first.id, &Kept { request: first.request, state }).await?;
        Ok(())
    }

    fn answers(&self) -> Sealer {
        self.sealer(PURPOSE)
    }
}
