//! The life of our keys: made, published, used, retired.
//!
//! Owns: making the first keys, loading and following them. Below it: [`rotation`] (when the next key takes over,
//! and when an old one goes), [`wrapping`] (the key they are sealed with: SEC-190). Not here: the keys in use
//! (`app::Keyring`), algorithms (`jose`).
//!
//! ```text
//! Next (published) ──rotate──▶ Current (signs) ──rotate──▶ Retired (published) ──sweep──▶ gone
//! ```
//!
//! Keys that decrypt have no next: a new one is good from the moment it is published, and the retired one still
//! opens what was encrypted by an old copy of the JWKS.

mod rotation;
mod wrapping;

use std::sync::Arc;
use std::time::Duration;

use app::{App, Change, KeyInUse, Refusal, Sealer};
use domain::{
    Actor, AuditEntry, AuditEvent, KeyEncryptionAlg, KeyRecord, KeyState, KeyUse, Outcome, SigningAlg,
    Timestamp,
};
use jose::{DecryptionKey, SigningKey};
use store::StoreError;
use tokio::sync::broadcast::error::RecvError;
use zeroize::Zeroizing;

pub use rotation::{Haste, Retired, retire, rotate, rotate_due, sweep};
pub use wrapping::{check, has_wrapping, rewrap};

/// How long others may keep their copy of the JWKS.
pub const JWKS_MAX_AGE: Duration = Duration::from_secs(300);
/// How long a change by another node, or by the command line, may stay unseen when its word is lost. A key is
/// published long before it signs, so that nothing hangs on it.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Before a missing key is made nobody waits longer.
const LONGEST_PAUSE: Duration = Duration::from_millis(600);

/// Keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysUnusable {
    /// The master key is another one than the database was made with.
    #[error(
        "the master key does not fit this database: its signing keys were sealed with another one. \
         Start with the key file (or environment) that was used before"
    )]
    WrongMasterKey,
    /// One key does not open although the master key is right: its row was changed.
    #[error("signing key {0} cannot be opened: its row in the database was damaged or exchanged")]
    Damaged(String),
    /// The data key does not open although the master key is right: its setting was changed.
    #[error("the data key cannot be opened: its setting in the database was damaged or exchanged")]
    DataKeyDamaged,
    /// The next key was not published long enough: those who keep a copy of the JWKS would not know it.
    #[error("the next {} key was not published long enough: wait {} s", .used_for.as_str(), .wait.as_secs())]
    TooSoon {
        /// Whose turn it would be.
        used_for: KeyUse,
        /// How much longer it has to be published.
        wait: Duration,
    },
    /// There is no key with this name.
    #[error("no key {0}")]
    NoSuchKey(String),
    /// The key was retired before: it goes by itself once nothing that it signed is good any more.
    #[error("key {0} is retired already")]
    RetiredAlready(String),
    /// A port failed.
    #[error("{refusal}{because}", refusal = .0, because = .0.cause().map(|c| format!(": {c}")).unwrap_or_default())]
    Refused(Refusal),
}

impl From<Refusal> for KeysUnusable {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
impl From<StoreError> for KeysUnusable {
    fn from(error: StoreError) -> Self {
        Self::Refused(error.into())
    }
}

/// A key as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedKey {
    /// Its name.
    pub kid: String,
    /// What it is for.
    pub used_for: KeyUse,
    /// Where it stands.
    pub state: KeyState,
    /// Made.
    pub created_at: Timestamp,
    /// Retired.
    pub retired_at: Option<Timestamp>,
}

/// A key that is to be, or was just made.
type Wanted = (KeyUse, KeyState);

/// Making an RSA key takes some tenths of a second: at start only the one that most relying parties ask for is made.
fn is_slow((used_for, state): Wanted) -> bool {
    match used_for {
        KeyUse::Sign(SigningAlg::RS256) => state != KeyState::Current,
        KeyUse::Sign(SigningAlg::PS256) | KeyUse::Decrypt(KeyEncryptionAlg::RsaOaep256) => true,
        KeyUse::Sign(SigningAlg::ES256 | SigningAlg::EdDSA) | KeyUse::Decrypt(KeyEncryptionAlg::EcdhEs) => {
            false
        }
    }
}

/// Opens the data key, makes the keys that are missing, and loads all. To be run at start, before anything is
/// signed. Most RSA keys, which take a while to make, are left to [`follow`].
///
/// # Errors
/// See [`KeysUnusable`]; nothing is loaded then.
pub async fn ensure(app: &App) -> Result<(), KeysUnusable> {
    check(app).await?;
    make_missing(app, |wanted| !is_slow(wanted)).await?;
    load(app).await
}

/// Makes what [`ensure`] left out, one after the other, and loads it; answers whether there was anything.
///
/// # Errors
/// See [`KeysUnusable`].
pub async fn complete(app: &App) -> Result<bool, KeysUnusable> {
    let mut view = app.store().read().await?;
    let missing = missing(&view.signing_keys().await?);
    drop(view);
    for wanted in &missing {
        make_missing(app, |key| key == *wanted).await?;
        load(app).await?;
        app.tell(Change::Keys).await;
    }
    Ok(!missing.is_empty())
}

/// Makes what is missing one key after the other, each after a pause of random length and picked at random, those
/// that sign before those that follow them: of nodes that start together one then makes each key, and none is busy
/// with all of them while people sign in.
async fn complete_in_turns(app: &App) -> Result<(), KeysUnusable> {
    while !missing_now(app).await?.is_empty() {
        let [pause, pick] = app.entropy().bytes::<2>();
        tokio::time::sleep(LONGEST_PAUSE * u32::from(pause) / u32::from(u8::MAX)).await;
        let missing = missing_now(app).await?;
        let Some(wanted) = picked(&missing, pick) else { break };
        make_missing(app, |key| key == wanted).await?;
        load(app).await?;
        app.tell(Change::Keys).await;
    }
    Ok(())
}

/// One of these keys; a key to come waits for the current ones, without which nobody is served.
fn picked(missing: &[Wanted], pick: u8) -> Option<Wanted> {
    let (urgent, rest): (Vec<Wanted>, Vec<Wanted>) =
        missing.iter().partition(|(_, state)| *state == KeyState::Current);
    let from = if urgent.is_empty() { rest } else { urgent };
    from.get(usize::from(pick) % from.len().max(1)).copied()
}

async fn missing_now(app: &App) -> Result<Vec<Wanted>, KeysUnusable> {
    Ok(missing(&app.store().read().await?.signing_keys().await?))
}

/// Makes those missing keys that are picked.
async fn make_missing(app: &App, is_picked: impl Fn(Wanted) -> bool) -> Result<(), KeysUnusable> {
    let mut view = app.store().read().await?;
    let mut missing = missing(&view.signing_keys().await?);
    drop(view);
    missing.retain(|wanted| is_picked(*wanted));
    if missing.is_empty() {
        return Ok(());
    }
    // Made before the unit is opened: an RSA key takes some tenths of a second.
    let made = generate(&missing).await?;
    let (sealer, now) = (wrapping::sealer(app), app.now());
    let deed = || async {
        let mut work = app.store().begin().await?;
        // From here on no other node changes the keys until the unit ends.
        let mut kept = work.signing_keys().await?;
        if !wrapping::is_ours(&sealer, work.setting(wrapping::CHECK).await?.as_deref()) {
            return Ok(false);
        }
        for key in &made {
            // Another node may have been faster.
            if kept.iter().any(|k| k.used_for == key.used_for && k.state == key.state) {
                continue;
            }
            let record = key.sealed(&sealer, now)?;
            work.add_signing_key(&record).await?;
            work.audit(entry(&Actor::System, AuditEvent::KeyCreated, &record, now)).await?;
            kept.push(record);
        }
        work.commit().await?;
        Ok(true)
    };
    if app.repeatable(deed).await? { Ok(()) } else { Err(KeysUnusable::WrongMasterKey) }
}

/// Loads all kept keys into the keyring.
///
/// # Errors
/// See [`KeysUnusable`]; the keyring stays as it is then.
pub async fn load(app: &App) -> Result<(), KeysUnusable> {
    let mut view = app.store().read().await?;
    let kept = view.signing_keys().await?;
    let noted = view.setting(wrapping::CHECK).await?;
    drop(view);
    let sealer = wrapping::sealer(app);
    if !wrapping::is_ours(&sealer, noted.as_deref()) {
        return Err(KeysUnusable::WrongMasterKey);
    }
    let (mut signing, mut opening) = (Vec::new(), Vec::new());
    for KeyRecord { kid, used_for, state, sealed, .. } in kept {
        let damaged = || KeysUnusable::Damaged(kid.clone());
        let jwk = Zeroizing::new(sealer.open(kid.as_bytes(), &sealed).ok_or_else(damaged)?);
        match used_for {
            KeyUse::Sign(alg) => {
                let key = SigningKey::from_private_jwk(&jwk).map_err(|_| damaged())?;
                if key.kid() != kid || key.alg() != alg {
                    return Err(damaged());
                }
                signing.push(KeyInUse { key: Arc::new(key), state });
            }
            KeyUse::Decrypt(alg) => {
                let key = DecryptionKey::from_private_jwk(&jwk).map_err(|_| damaged())?;
                if key.kid() != kid || key.alg() != alg {
                    return Err(damaged());
                }
                opening.push(KeyInUse { key: Arc::new(key), state });
            }
        }
    }
    app.keys().replace(signing, opening);
    Ok(())
}

/// Makes what is missing, and follows what other nodes and the command line do to the keys, for as long as it is
/// polled. The server runs one of these.
pub async fn follow(app: App) {
    let mut changes = app.changes();
    let mut known = list(&app).await.ok();
    // An interval, not a sleep in the loop: changes must not put off the next look for ever. Its first tick is now.
    let mut look = tokio::time::interval(LOOK_AGAIN);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let mut was_noticed = false;
        let must_load = tokio::select! {
            change = changes.recv() => match change {
                Ok(Change::Keys | Change::Missed) | Err(RecvError::Lagged(_)) => true,
                Ok(_) => false,
                Err(RecvError::Closed) => return,
            },
            _ = look.tick() => {
                if let Err(error) = complete_in_turns(&app).await {
                    tracing::error!(%error, "The next keys could not be made");
                }
                let now = list(&app).await.ok();
                was_noticed = now.is_some() && now != known;
                was_noticed
            }
        };
        if !must_load {
            continue;
        }
        known = list(&app).await.ok();
        if let Err(error) = load(&app).await {
            tracing::error!(%error, "Keys could not be loaded again; the old ones stay in use");
        } else if was_noticed {
            // Nobody told of it: a command beside us changed them. What a stolen key signed goes with the key.
            app.noticed(&Change::Keys);
        }
    }
}

/// All keys, oldest first, without their private parts.
///
/// # Errors
/// The store is unavailable.
pub async fn list(app: &App) -> Result<Vec<ListedKey>, KeysUnusable> {
    let mut view = app.store().read().await?;
    let kept = view.signing_keys().await?;
    let listed = |key: KeyRecord| ListedKey {
        kid: key.kid,
        used_for: key.used_for,
        state: key.state,
        created_at: key.created_at,
        retired_at: key.retired_at,
    };
    Ok(kept.into_iter().map(listed).collect())
}

fn missing(kept: &[KeyRecord]) -> Vec<Wanted> {
    let mut missing = Vec::new();
    for used_for in KeyUse::all() {
        let states: &[KeyState] = match used_for {
            KeyUse::Sign(_) => &[KeyState::Current, KeyState::Next],
            KeyUse::Decrypt(_) => &[KeyState::Current],
        };
        for state in states {
            if !kept.iter().any(|key| key.used_for == used_for && key.state == *state) {
                missing.push((used_for, *state));
            }
        }
    }
    missing
}

/// A key that was just made.
struct Made {
    used_for: KeyUse,
    state: KeyState,
    kid: String,
    jwk: Zeroizing<Vec<u8>>,
}

impl Made {
    fn now((used_for, state): Wanted) -> Result<Self, Refusal> {
        let (kid, jwk) = match used_for {
            KeyUse::Sign(alg) => {
                let key = SigningKey::generate(alg)?;
                (key.kid().to_owned(), key.to_private_jwk())
            }
            KeyUse::Decrypt(alg) => {
                let key = DecryptionKey::generate(alg)?;
                (key.kid().to_owned(), key.to_private_jwk())
            }
        };
        Ok(Self { used_for, state, kid, jwk })
    }

    fn sealed(&self, sealer: &Sealer, now: Timestamp) -> Result<KeyRecord, Refusal> {
        Ok(KeyRecord {
            kid: self.kid.clone(),
            used_for: self.used_for,
            state: self.state,
            sealed: sealer.try_seal(self.kid.as_bytes(), &self.jwk)?,
            created_at: now,
            retired_at: None,
        })
    }
}

async fn generate(wanted: &[Wanted]) -> Result<Vec<Made>, Refusal> {
    let made = |wanted: &Wanted| {
        let wanted = *wanted;
        tokio::task::spawn_blocking(move || Made::now(wanted))
    };
    let tasks: Vec<_> = wanted.iter().map(made).collect();
    let mut made = Vec::with_capacity(tasks.len());
    for task in tasks {
        made.push(task.await.map_err(|e| Refusal::Unavailable(format!("making a key: {e}")))??);
    }
    Ok(made)
}

fn entry(by: &Actor, event: AuditEvent, key: &KeyRecord, now: Timestamp) -> AuditEntry {
    let detail = format!("{} {}", key.used_for.as_str(), key.kid);
    AuditEntry { detail: Some(detail), ..AuditEntry::new(event, Outcome::Done, now).by(by.clone()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_sign_are_made_before_those_that_follow_them() {
        let all = missing(&[]);
        let current = all.iter().filter(|(_, state)| *state == KeyState::Current).count();
        assert!(current > 1 && all.len() > current);
        for pick in 0..=u8::MAX {
            assert_eq!(picked(&all, pick).unwrap().1, KeyState::Current);
        }
        let rest: Vec<Wanted> = all.into_iter().filter(|(_, state)| *state == KeyState::Next).collect();
        let seen: std::collections::BTreeSet<usize> = (0..=u8::MAX)
            .map(|pick| rest.iter().position(|key| *key == picked(&rest, pick).unwrap()).unwrap())
            .collect();
        assert_eq!(seen.len(), rest.len(), "each has its turn");
        assert_eq!(picked(&[], 7), None);
    }
}
