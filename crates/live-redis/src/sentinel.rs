//! Who the master is, by the word of the sentinels (Redis documentation, "Guidelines for Redis clients with
//! support for Redis Sentinel").
//!
//! All sentinels are asked at once; the address that most of them name counts, so that one that was cut off and
//! still names the old master does not lead us there.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use redis::{ErrorKind, RedisError};

use crate::access::Access;
use crate::settings::Address;

/// The sentinels of one master.
#[derive(Debug)]
pub(crate) struct Sentinels {
    pub(crate) access: Arc<Access>,
    pub(crate) at: Vec<Address>,
    pub(crate) master: String,
    /// How long one sentinel may take to answer.
    pub(crate) timeout: Duration,
}

impl Sentinels {
    /// Where the master is.
    ///
    /// # Errors
    /// What they said, when nobody names one.
    pub(crate) async fn master(&self) -> Result<Address, String> {
        let mut asked: FuturesUnordered<_> = self.at.iter().map(|at| self.ask(at)).collect();
        let mut votes: HashMap<Address, usize> = HashMap::new();
        let mut refusals = Vec::new();
        while let Some(answer) = asked.next().await {
            match answer {
                Ok(address) => {
                    let count = votes.entry(address.clone()).or_default();
                    *count += 1;
                    if *count * 2 > self.at.len() {
                        return Ok(address);
                    }
                }
                Err(refusal) => refusals.push(refusal),
            }
        }
        let most = votes.into_iter().max_by_key(|(_, count)| *count).map(|(address, _)| address);
        most.ok_or_else(|| refusals.join("; "))
    }

    async fn ask(&self, at: &Address) -> Result<Address, String> {
        let answer = match tokio::time::timeout(self.timeout, self.ask_once(at, false)).await {
            // The password is shown to those alone who want one.
            Ok(Err(error)) if wants_password(&error) && self.access.has_password() => {
                tokio::time::timeout(self.timeout, self.ask_once(at, true)).await
            }
            answer => answer,
        };
        match answer {
            Ok(Ok(Some((host, port)))) => Ok(Address { host, port }),
            Ok(Ok(None)) => Err(format!("the sentinel {at} knows no master `{}`", self.master)),
            Ok(Err(error)) => Err(format!("the sentinel {at}: {error}")),
            Err(_) => Err(format!("the sentinel {at} does not answer")),
        }
    }

    async fn ask_once(&self, at: &Address, is_told: bool) -> Result<Option<(String, u16)>, RedisError> {
        let mut connection = self.access.open_sentinel(at, is_told).await?;
        let mut question = redis::cmd("SENTINEL");
        question.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.master);
        question.query_async(&mut connection).await
    }
}

fn wants_password(error: &RedisError) -> bool {
    error.kind() == ErrorKind::AuthenticationFailed || matches!(error.code(), Some("NOAUTH" | "NOPERM"))
}
