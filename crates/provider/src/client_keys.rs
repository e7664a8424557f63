//! The public keys of clients: what they sign assertions and request objects with, and what is encrypted for them.
//!
//! Owns: reading `jwks`, fetching `jwks_uri`, and how long what was fetched counts. Not here: what is verified with
//! the keys (`client_auth`, `request_object`), the keys' form (`jose`), the fetching itself (`outbound`).
//!
//! One fetch at a time per client; those who come meanwhile wait for it. What cannot be read, or holds no key of
//! use, never takes the place of a good set: that one goes on counting for a day.

use std::sync::Arc;
use std::time::Duration;

use domain::{Client, ClientId, ClientKeys, Timestamp};
use jose::KeySet;
use moka::sync::Cache;
use outbound::OutboundError;
use tokio::sync::Mutex;
use url::Url;

use crate::Provider;

/// A fetched set counts for what its `max-age` says, within these bounds.
const SHORTEST: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(3600);
/// Where its sender said nothing.
const USUAL: Duration = Duration::from_secs(300);
/// Between two fetches because of an unknown key, and after one that failed.
const PAUSE: Duration = Duration::from_secs(10);
/// A set that cannot be fetched anew goes on counting for so long.
const STALE: Duration = Duration::from_secs(24 * 3600);
/// About how many bytes of sets are kept at most, as JSON.
const BYTES: u64 = 16 * 1024 * 1024;
const FLIGHTS: u64 = 20_000;
const ACCEPT: &str = "application/jwk-set+json, application/json";

/// A client's keys cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientKeysError {
    /// It registered none.
    #[error("the client registered no keys")]
    NotRegistered,
    /// They are no key set, or none of them is of use.
    #[error("the client's key set cannot be used: {0}")]
    Unusable(String),
    /// They could not be fetched. For our log alone (SEC-130).
    #[error("the client's keys could not be fetched: {0}")]
    NotFetched(#[from] OutboundError),
}

/// Key sets by client.
pub(crate) struct ClientKeyCache {
    kept: Cache<ClientId, Arc<Kept>>,
    flights: Cache<(ClientId, String), Arc<Mutex<Flight>>>,
}

struct Kept {
    /// What the client had registered then.
    source: ClientKeys,
    set: Arc<KeySet>,
    bytes: u32,
    /// Tells one fetch from the next.
    round: u64,
    /// Fetched anew after this; never for `jwks`.
    fresh_until: Option<Timestamp>,
    usable_until: Option<Timestamp>,
}

/// What is known of the fetches from one address for one client. Its lock is held while one runs.
#[derive(Default)]
struct Flight {
    round: u64,
    failed_at: Option<Timestamp>,
    again_at: Option<Timestamp>,
    cause: Option<ClientKeysError>,
}

impl ClientKeyCache {
    pub(crate) fn new() -> Self {
        let weigh = |id: &ClientId, kept: &Arc<Kept>| {
            kept.bytes.saturating_add(u32::try_from(id.as_str().len() + 500).unwrap_or(u32::MAX))
        };
        Self {
            kept: Cache::builder().max_capacity(BYTES).weigher(weigh).time_to_idle(STALE).build(),
            flights: Cache::builder().max_capacity(FLIGHTS).time_to_idle(STALE).build(),
        }
    }

    /// What is kept of the keys that this client has registered now.
    fn of(&self, client: &Client, source: &ClientKeys) -> Option<Arc<Kept>> {
        self.kept.get(&client.id).filter(|kept| kept.source == *source)
    }
}

impl Kept {
    fn is_fresh(&self, now: Timestamp) -> bool {
        self.fresh_until.is_none_or(|until| now < until)
    }

    fn is_usable(&self, now: Timestamp) -> bool {
        self.usable_until.is_none_or(|until| now < until)
    }
}

impl Provider {
    /// The keys of a client, from memory where possible.
    ///
    /// # Errors
    /// See [`ClientKeysError`].
    pub(crate) async fn client_keys(&self, client: &Client) -> Result<Arc<KeySet>, ClientKeysError> {
        let source = client.metadata.keys.as_ref().ok_or(ClientKeysError::NotRegistered)?;
        if let Some(kept) = self.client_key_cache().of(client, source)
            && kept.is_fresh(self.app().now())
        {
            return Ok(Arc::clone(&kept.set));
        }
        match source {
            ClientKeys::Jwks(text) => {
                let set = Arc::new(parsed(text.as_bytes())?);
                let kept = Kept {
                    source: source.clone(),
                    set: Arc::clone(&set),
                    bytes: size(text.len()),
                    round: 0,
                    fresh_until: None,
                    usable_until: None,
                };
                self.client_key_cache().kept.insert(client.id.clone(), Arc::new(kept));
                Ok(set)
            }
            ClientKeys::JwksUri(uri) => self.fetched_keys(client, source, uri, false).await,
        }
    }

    /// The keys of a client of which none fitted: fetched again at once, so that a rotated key is found, but for a
    /// client only every ten seconds. Registered ones (`jwks`) are what they were.
    ///
    /// # Errors
    /// See [`ClientKeysError`].
    pub(crate) async fn client_keys_again(&self, client: &Client) -> Result<Arc<KeySet>, ClientKeysError> {
        match &client.metadata.keys {
            Some(source @ ClientKeys::JwksUri(uri)) => self.fetched_keys(client, source, uri, true).await,
            _ => self.client_keys(client).await,
        }
    }

    async fn fetched_keys(
        &self,
        client: &Client,
        source: &ClientKeys,
        uri: &str,
        again: bool,
    ) -> Result<Arc<KeySet>, ClientKeysError> {
        let cache = self.client_key_cache();
        let round_before = cache.of(client, source).map(|kept| kept.round);
        let flight = cache.flights.get_with((client.id.clone(), uri.to_owned()), Arc::default);
        let mut flight = flight.lock().await;
        let now = self.app().now();
        let kept = cache.of(client, source).filter(|kept| kept.is_usable(now));
        let is_paused = |at: Option<Timestamp>| at.is_some_and(|at| now.since(at) < PAUSE);
        if let Some(kept) = &kept {
            // Somebody else fetched while we waited for the turn.
            let is_new = Some(kept.round) != round_before;
            let is_too_soon = if again { is_paused(flight.again_at) } else { is_paused(flight.failed_at) };
            if is_new || is_too_soon || (!again && kept.is_fresh(now)) {
                return Ok(Arc::clone(&kept.set));
            }
        } else if is_paused(flight.failed_at) {
            // An address that does not answer is not called for everybody who asks.
            let cause = flight.cause.clone();
            return Err(cause.unwrap_or_else(|| ClientKeysError::Unusable("tried a moment ago".to_owned())));
        }
        if again {
            flight.again_at = Some(now);
        }
        match self.fetch_keys(uri).await {
            Ok((set, bytes, life)) => {
                let fetched_at = self.app().now();
                *flight = Flight { round: flight.round + 1, again_at: flight.again_at, ..Flight::default() };
                let kept = Kept {
                    source: source.clone(),
                    set: Arc::new(set),
                    bytes,
                    round: flight.round,
                    fresh_until: Some(fetched_at.after(life)),
                    usable_until: Some(fetched_at.after(STALE)),
                };
                let set = Arc::clone(&kept.set);
                cache.kept.insert(client.id.clone(), Arc::new(kept));
                Ok(set)
            }
            Err(cause) => {
                tracing::warn!(client.id = %client.id, %cause, kept = kept.is_some(), "A client's keys were not fetched");
                flight.failed_at = Some(self.app().now());
                flight.cause = Some(cause.clone());
                kept.map(|kept| Arc::clone(&kept.set)).ok_or(cause)
            }
        }
    }

    async fn fetch_keys(&self, uri: &str) -> Result<(KeySet, u32, Duration), ClientKeysError> {
        let url = Url::parse(uri).map_err(|error| ClientKeysError::Unusable(error.to_string()))?;
        let fetched = self.app().outbound().get(&url, ACCEPT, outbound::MAX_BYTES).await?;
        let set = parsed(&fetched.body)?;
        let life = fetched.max_age.unwrap_or(USUAL).clamp(SHORTEST, LONGEST);
        Ok((set, size(fetched.body.len()), life))
    }
}

fn parsed(json: &[u8]) -> Result<KeySet, ClientKeysError> {
    let set = KeySet::parse(json).map_err(|error| ClientKeysError::Unusable(error.to_string()))?;
    if set.is_empty() {
        return Err(ClientKeysError::Unusable("it holds no key of use".to_owned()));
    }
    Ok(set)
}

fn size(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
