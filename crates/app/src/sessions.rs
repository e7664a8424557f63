//! Living browser sessions, cached for a moment.
//!
//! Owns: who is signed in with a cookie's secret, noting that a session was used, and signing out. Not here:
//! beginning sessions and ending those of others (`signin`, `registry`).

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{AuditEntry, AuditEvent, Outcome, SecretHash, SessionEnd, SessionId, Timestamp};
use moka::sync::Cache;
use store::{SignedIn, Store};

use crate::cache::Fresh;
use crate::{App, Change, Clock, Left, Refusal, Secret, Visitor, audit};

/// How long another node's change may stay unseen when its word is lost.
const LIFE: Duration = Duration::from_secs(2);
/// About how many bytes of sessions are kept at most.
const BYTES: u64 = 32 * 1024 * 1024;
/// A session's use is noted this often at most.
const TOUCH: Duration = Duration::from_secs(60);
/// Sessions whose last note is remembered.
const TOUCHED: u64 = 50_000;

/// Signed-in browsers by the secret of their cookie.
pub struct SessionCache {
    store: Arc<dyn Store>,
    clock: Clock,
    fresh: Fresh<SecretHash, Arc<SignedIn>>,
    /// Sessions noted as used lately, so that a stale copy does not cause a second note.
    touched: Cache<SessionId, Timestamp>,
}

impl SessionCache {
    pub(crate) fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        let touched = Cache::builder().max_capacity(TOUCHED).time_to_live(TOUCH).build();
        Self { store, clock, fresh: Fresh::new(BYTES, LIFE, weight), touched }
    }

    /// Who is signed in with this secret, if the session is alive and the account active. Counts as use of
    /// the session by its person (SEC-152), noted at most once a minute.
    ///
    /// # Errors
    /// The store is unavailable or corrupt.
    pub async fn current(&self, secret: &Secret) -> Result<Option<Arc<SignedIn>>, Refusal> {
        let found = self.peek(secret).await?;
        if let Some(who) = &found {
            self.touch(who);
        }
        Ok(found)
    }

    /// As [`SessionCache::current`], but no use by the person: for polling and waiting (SEC-152).
    ///
    /// # Errors
    /// The store is unavailable or corrupt.
    pub async fn peek(&self, secret: &Secret) -> Result<Option<Arc<SignedIn>>, Refusal> {
        let hash = secret.hash();
        let found = match self.fresh.find(&hash) {
            Some(who) => Some(who),
            None => self.read(hash).await?,
        };
        Ok(found.filter(|who| self.counts(who)))
    }

    /// As [`SessionCache::current`], by the hash of the secret: for tickets that are a session's secret in another form.
    ///
    /// # Errors
    /// The store is unavailable or corrupt.
    pub async fn by_hash(&self, hash: &SecretHash) -> Result<Option<Arc<SignedIn>>, Refusal> {
        let found = match self.fresh.find(hash) {
            Some(who) => Some(who),
            None => self.read(*hash).await?,
        };
        let found = found.filter(|who| self.counts(who));
        if let Some(who) = &found {
            self.touch(who);
        }
        Ok(found)
    }

    async fn read(&self, hash: SecretHash) -> Result<Option<Arc<SignedIn>>, Refusal> {
        let mark = self.fresh.mark();
        let Some(who) = self.store.read().await?.session_by_secret(&hash).await? else { return Ok(None) };
        let who = Arc::new(who);
        // Only what counts is kept: a caller without a session fills nothing.
        if self.counts(&who) {
            let subjects = vec![Change::Session(who.session.id), Change::Account(who.account.id)];
            self.fresh.keep(hash, Arc::clone(&who), subjects, mark);
        }
        Ok(Some(who))
    }

    fn counts(&self, who: &SignedIn) -> bool {
        who.account.is_active() && self.is_alive(who)
    }

    /// A cached copy does not know of the last note, so the later of both times counts.
    fn is_alive(&self, who: &SignedIn) -> bool {
        let now = self.clock.now();
        if who.session.is_alive(now) {
            return true;
        }
        self.touched.get(&who.session.id).is_some_and(|at| {
            let mut session = who.session.clone();
            session.last_used_at = session.last_used_at.max(at);
            session.is_alive(now)
        })
    }

    fn touch(&self, who: &SignedIn) {
        let (now, id) = (self.clock.now(), who.session.id);
        let last =
            self.touched.get(&id).map_or(who.session.last_used_at, |at| at.max(who.session.last_used_at));
        if now.since(last) < TOUCH {
            return;
        }
        self.touched.insert(id, now);
        let store = Arc::clone(&self.store);
        // Nobody waits for the note; should it be lost, the session only ends a little earlier.
        tokio::spawn(async move {
            let noted = async {
                let mut work = store.begin().await?;
                work.touch_session(&id, now).await?;
                work.commit().await
            };
            if let Err(error) = noted.await {
                tracing::warn!(%error, session.id = %id, "Use of a session was not noted");
            }
        });
    }

    pub(crate) fn drop_what(&self, change: &Change) {
        match change {
            Change::Session(_) | Change::Account(_) => self.fresh.drop_subject(change),
            Change::Missed => self.fresh.drop_all(),
            Change::Client(_) | Change::Device(_) | Change::Grant(_) | Change::Keys | Change::Policies => {}
        }
    }
}

impl App {
    /// Ends a browser's session, and answers where it led: the relying parties that want to know. Those that our
    /// server tells have their notices in the same unit.
    ///
    /// # Errors
    /// The store is unavailable.
    pub async fn sign_out(&self, who: &SignedIn, visitor: &Visitor) -> Result<Left, Refusal> {
        let (now, id) = (self.now(), who.session.id);
        let why = SessionEnd::SignedOut;
        let deed = || async {
            let mut work = self.store().begin().await?;
            let clients = work.session_clients(&id).await?;
            let services = work.cas_logins(&id).await?;
            if work.end_session(&id, why, now).await? {
                work.audit(AuditEntry {
                    account: Some(who.account.id),
                    session: Some(id),
                    detail: audit::detail(why.as_str()),
                    ..audit::by(visitor, AuditEvent::SessionEnded, Outcome::Done, now)
                })
                .await?;
            }
            work.commit().await?;
            Ok(Left { session: id, at: now, clients, services })
        };
        let left = self.repeatable(deed).await?;
        self.tell(Change::Session(id)).await;
        Ok(left)
    }

    /// What a browser's scripts may know of its session: the same as long as the session is (OpenID Connect Session
    /// Management §2). It says nothing by itself and opens nothing.
    ///
    /// # Errors
    /// The lasting key is not loaded.
    pub fn browser_state(&self, session: &SessionId) -> Result<String, Refusal> {
        Ok(URL_SAFE_NO_PAD.encode(self.lasting_mac("browser state", session.as_bytes())?))
    }
}

/// About how many bytes a session takes.
fn weight(who: &Arc<SignedIn>) -> u32 {
    let claims: usize = who.account.claims.iter().map(|(name, value)| 64 + name.len() + size(value)).sum();
    u32::try_from(700 + claims).unwrap_or(u32::MAX)
}

fn size(value: &serde_json::Value) -> usize {
    use serde_json::Value;
    32 + match value {
        Value::String(text) => text.len(),
        Value::Array(all) => all.iter().map(size).sum(),
        Value::Object(all) => all.iter().map(|(name, value)| 64 + name.len() + size(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}
