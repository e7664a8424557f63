//! The stream of a waiting page.
//!
//! Owns: words out of Server-Sent Events, one after another. Not here: how the stream is asked for (`browser`).

use std::time::Duration;

use serde_json::Value;

use crate::wire::{Answer, Connection};

/// One word of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// `waiting`, `claimed`, `approved`, `denied`, `expired`.
    pub state: String,
    /// Countdown in seconds.
    pub expires_in: u64,
    /// For `Last-Event-ID`.
    pub id: String,
}

/// A running stream of events.
#[derive(Debug)]
pub struct Events {
    connection: Connection,
    /// Status and headers.
    pub head: Answer,
    text: String,
    /// Every byte that came, for searching.
    pub seen: String,
}

impl Events {
    /// The stream after its head.
    pub(crate) fn begin(connection: Connection, head: Answer) -> Self {
        Self { connection, head, text: String::new(), seen: String::new() }
    }

    /// The next word; comments are skipped.
    ///
    /// # Panics
    /// When none comes within 30 seconds.
    pub async fn next(&mut self) -> Option<Told> {
        tokio::time::timeout(Duration::from_secs(30), self.read()).await.expect("a word on the stream")
    }

    /// The next word within a time, if one comes.
    pub async fn next_within(&mut self, time: Duration) -> Option<Told> {
        tokio::time::timeout(time, self.read()).await.ok().flatten()
    }

    /// Waits for a word with this state; none when the stream ends first.
    pub async fn until(&mut self, state: &str) -> Option<Told> {
        loop {
            let told = self.next().await?;
            if told.state == state {
                return Some(told);
            }
        }
    }

    async fn read(&mut self) -> Option<Told> {
        loop {
            while let Some(end) = self.text.find("\n\n") {
                let block = self.text[..end].to_owned();
                self.text.drain(..end + 2);
                if let Some(told) = parse_event(&block) {
                    return Some(told);
                }
            }
            let bytes = self.connection.chunk().await.ok().flatten()?;
            let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
            self.seen.push_str(&text);
            self.text.push_str(&text);
        }
    }
}

fn parse_event(block: &str) -> Option<Told> {
    let mut id = String::new();
    let mut data = String::new();
    for line in block.lines() {
        if let Some(value) = line.strip_prefix("id:") {
            value.trim().clone_into(&mut id);
        } else if let Some(value) = line.strip_prefix("data:") {
            data.push_str(value.trim_start());
        }
    }
    let data: Value = serde_json::from_str(&data).ok()?;
    Some(Told {
        state: data["state"].as_str()?.to_owned(),
        expires_in: data["expires_in"].as_u64().unwrap_or_default(),
        id,
    })
}
