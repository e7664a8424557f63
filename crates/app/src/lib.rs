//! What every use case is given: ports, clock, entropy, hash pool, keys, throttles, caches, and one word for
//! refusals.
//!
//! Owns: [`App`] and its parts; how a protocol continues after sign-in ([`journeys`]); who is asking
//! ([`visitor`]); how nodes tell each other what changed ([`Change`]).
//! Not here: use cases (`signin`, `provider`, `registry`), configuration (`server`), HTTP (`web`).

pub mod answers;
pub mod audit;
pub mod back_channel;
pub mod cache;
mod change;
mod clients;
mod clock;
mod entropy;
pub mod factors;
mod front_channel;
mod hashing;
mod issuer;
pub mod journeys;
mod keyring;
mod mandate;
pub mod meters;
pub mod notices;
pub mod passwords;
mod policies;
mod refusal;
mod repeat;
mod sealing;
mod secret;
mod sessions;
pub mod strength;
pub mod throttle;
mod vault;
pub mod visitor;

use std::sync::Arc;

use domain::{SecretHash, Timestamp};
use jose::seal::MasterKey;
use live::{Live, LiveError, Slot, Slots};
use outbound::{Mailer, Outbound};
use store::Store;
use tokio::sync::broadcast;
use zeroize::Zeroizing;

pub use change::Change;
pub use clients::ClientCache;
pub use clock::Clock;
pub use entropy::Entropy;
pub use front_channel::{FrontChannel, FrontChannels, Left};
pub use hashing::{BadHashSettings, HashPool, HashSettings, MAX_PASSWORD_BYTES, Verified};
pub use issuer::{BadIssuer, Issuer};
pub use journeys::{ConsentAsked, ConsentItem, Ending, Fact, FormPost, Landing};
pub use keyring::{KeyInUse, Keyring, Published};
pub use mandate::Mandate;
pub use meters::Meters;
pub use policies::{Decisions, PolicyCache};
pub use refusal::Refusal;
pub use sealing::Sealer;
pub use secret::Secret;
pub use sessions::SessionCache;
pub use throttle::{Limits, Rule, Throttle};
pub use vault::Vault;
pub use visitor::Visitor;

use change::Changes;
use sealing::Macs;

/// Everything a use case needs, shared; cloning copies a pointer.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    issuer: Issuer,
    store: Arc<dyn Store>,
    live: Arc<dyn Live>,
    outbound: Arc<dyn Outbound>,
    mailer: Option<Arc<dyn Mailer>>,
    clock: Clock,
    entropy: Entropy,
    hashing: HashPool,
    master_key: MasterKey,
    macs: Macs,
    keys: Keyring,
    vault: Vault,
    throttle: Throttle,
    sessions: SessionCache,
    clients: ClientCache,
    policies: PolicyCache,
    changes: Changes,
    meters: Meters,
}

/// What an [`App`] is made of.
pub struct Parts {
    /// Our name on the web.
    pub issuer: Issuer,
    /// What lasts.
    pub store: Arc<dyn Store>,
    /// What is short-lived.
    pub live: Arc<dyn Live>,
    /// The outside.
    pub outbound: Arc<dyn Outbound>,
    /// The mail server; none: no mail is sent.
    pub mailer: Option<Arc<dyn Mailer>>,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
    /// How passwords are hashed.
    pub hashing: HashSettings,
    /// The key from outside the database that sealing and MACs hang on.
    pub master_key: MasterKey,
    /// How often things may be tried.
    pub limits: throttle::Limits,
}

impl App {
    /// Puts the parts together. Starts no task and no thread; [`App::listen`] has to be run by the server.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { issuer, store, live, outbound, mailer, clock, entropy, hashing, master_key, limits } =
            parts;
        let macs = Macs::new();
        Self(Arc::new(Inner {
            hashing: HashPool::new(hashing, entropy.clone()),
            throttle: Throttle::new(Arc::clone(&live), limits, &master_key),
            sessions: SessionCache::new(Arc::clone(&store), clock.clone()),
            clients: ClientCache::new(Arc::clone(&store)),
            policies: PolicyCache::new(Arc::clone(&store)),
            changes: Changes::new(&entropy),
            meters: Meters::default(),
            keys: Keyring::default(),
            vault: Vault::default(),
            issuer,
            store,
            live,
            outbound,
            mailer,
            clock,
            entropy,
            master_key,
            macs,
        }))
    }

    /// Our name on the web.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.0.issuer
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// The time that others read off their clocks: for what they compare with it.
    #[must_use]
    pub fn wall(&self) -> Timestamp {
        self.0.clock.wall()
    }

    /// The clock itself, for those who must hand it on.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Randomness.
    #[must_use]
    pub fn entropy(&self) -> &Entropy {
        &self.0.entropy
    }

    /// What lasts.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        &*self.0.store
    }

    /// What is short-lived.
    #[must_use]
    pub fn live(&self) -> &Arc<dyn Live> {
        &self.0.live
    }

    /// The outside.
    #[must_use]
    pub fn outbound(&self) -> &dyn Outbound {
        &*self.0.outbound
    }

    /// The mail server; none: no mail is sent.
    #[must_use]
    pub fn mailer(&self) -> Option<&Arc<dyn Mailer>> {
        self.0.mailer.as_ref()
    }

    /// The short-lived slots of one kind.
    #[must_use]
    pub fn slots<S: Slot>(&self) -> Slots<S> {
        Slots::of(&self.0.live)
    }

    /// The bounded pool that hashes passwords.
    #[must_use]
    pub fn hashing(&self) -> &HashPool {
        &self.0.hashing
    }

    /// The signing keys in use.
    #[must_use]
    pub fn keys(&self) -> &Keyring {
        &self.0.keys
    }

    /// The data key, which outlives a replaced wrapping key. `provider::keys` opens it at start.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.0.vault
    }

    /// A key for one purpose that outlives a replaced wrapping key; derived once.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] until the data key is loaded.
    pub fn lasting_key(&self, purpose: &'static str) -> Result<Zeroizing<[u8; 32]>, Refusal> {
        self.0.vault.key(purpose)
    }

    /// Seals and opens for one purpose what is kept for long: it opens after the wrapping key was replaced.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] until the data key is loaded.
    pub fn lasting_sealer(&self, purpose: &'static str) -> Result<Sealer, Refusal> {
        self.0.vault.sealer(purpose, &self.0.entropy)
    }

    /// HMAC-SHA256 for one purpose that is the same after the wrapping key was replaced.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] until the data key is loaded.
    pub fn lasting_mac(&self, purpose: &'static str, data: &[u8]) -> Result<[u8; 32], Refusal> {
        self.0.vault.mac(purpose, data)
    }

    /// Seals and opens for one purpose. Deriving it costs: make it once and keep it.
    #[must_use]
    pub fn sealer(&self, purpose: &'static str) -> Sealer {
        Sealer::new(self.0.master_key.sealer(purpose), self.0.entropy.clone())
    }

    /// The same under another master key: for sealing anew what this one sealed.
    #[must_use]
    pub fn sealer_under(&self, master: &MasterKey, purpose: &'static str) -> Sealer {
        Sealer::new(master.sealer(purpose), self.0.entropy.clone())
    }

    /// HMAC-SHA256 under a subkey for this purpose: what is kept in place of a secret id.
    #[must_use]
    pub fn mac(&self, purpose: &'static str, data: &[u8]) -> SecretHash {
        self.0.macs.mac(&self.0.master_key, purpose, data)
    }

    /// Limits of how often things may be tried.
    #[must_use]
    pub fn throttle(&self) -> &Throttle {
        &self.0.throttle
    }

    /// Living browser sessions, cached for a moment.
    #[must_use]
    pub fn sessions(&self) -> &SessionCache {
        &self.0.sessions
    }

    /// Relying parties, cached for a moment.
    #[must_use]
    pub fn clients(&self) -> &ClientCache {
        &self.0.clients
    }

    /// Policies and what else is decided for everybody, cached for a moment.
    #[must_use]
    pub fn policies(&self) -> &PolicyCache {
        &self.0.policies
    }

    /// What is counted for charts.
    #[must_use]
    pub fn meters(&self) -> &Meters {
        &self.0.meters
    }

    /// Tells all nodes, and this one at once, that something changed. To be called after the commit: the deed is
    /// done whatever becomes of the word. One that cannot be said is logged, and the other nodes notice within two
    /// seconds by themselves (SEC-153).
    pub async fn tell(&self, change: Change) {
        self.tell_all(&[change]).await;
    }

    /// Drops what this node has cached of something that it found changed by itself. Nobody else is told.
    pub fn noticed(&self, change: &Change) {
        self.apply(change);
    }

    /// The same for several changes of one deed.
    pub async fn tell_all(&self, changes: &[Change]) {
        for change in changes {
            self.apply(change);
        }
        for change in changes {
            let said = self.0.live.publish(&change::topic(), &self.0.changes.word(change)).await;
            if let Err(error) = said {
                tracing::warn!(%error, "Other nodes were not told of a change at once");
                if matches!(error, LiveError::Unavailable(_)) {
                    // The others would wait for the same answer, one after the other.
                    return;
                }
            }
        }
    }

    /// Every change that this node hears of, its own included. A receiver that lagged must forget all it
    /// cached; so must one that hears [`Change::Missed`].
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.0.changes.listen()
    }

    /// Hears what other nodes tell, for as long as it is polled. The server runs one of these.
    pub async fn listen(&self) {
        loop {
            match self.0.live.subscribe(&change::topic()).await {
                Ok(mut words) => {
                    // What was said before the subscription is lost to us.
                    self.apply(&Change::Missed);
                    while let Some(word) = words.next().await {
                        if let Some(change) = self.0.changes.heard(word) {
                            self.apply(&change);
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "Cannot listen to changes of other nodes"),
            }
            tokio::time::sleep(change::RETRY).await;
        }
    }

    fn apply(&self, change: &Change) {
        self.0.sessions.drop_what(change);
        self.0.clients.drop_what(change);
        self.0.policies.drop_what(change);
        self.0.changes.pass_on(change);
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "App({})", self.0.issuer.as_str())
    }
}

#[cfg(test)]
mod tests;
