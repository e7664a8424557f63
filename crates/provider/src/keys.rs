//! The life of signing keys: made, published, used, retired.
//!
//! Owns: making the first keys, loading, rotating and sweeping them, and the check that the master key is the
//! one they were sealed with (SEC-190, SEC-191). Not here: the keys in use (`app::Keyring`), algorithms (`jose`).
//!
//! ```text
//! Next (published) ──rotate──▶ Current (signs) ──rotate──▶ Retired (published) ──sweep──▶ gone
//! ```

use std::sync::Arc;
use std::time::Duration;

use app::{App, Change, KeyInUse, Refusal, Sealer};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{AuditEntry, AuditEvent, KeyState, Outcome, SigningAlg, SigningKeyRecord, Timestamp};
use jose::SigningKey;
use store::{Store, StoreError};
use tokio::sync::broadcast::error::RecvError;

const CHECK: &str = "wrapping_key_check";
const CHECK_TEXT: &[u8] = b"latchbolt";
/// A retired key stays published so long: tokens of it are over after minutes, hints come later.
const RETIRED_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long a change by another node, or by the command line, may stay unseen when its word is lost. A key is
/// published long before it signs, so that nothing hangs on it.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

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

/// A signing key as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedKey {
    /// Its name.
    pub kid: String,
    /// What it signs with.
    pub alg: SigningAlg,
    /// Where it stands.
    pub state: KeyState,
    /// Made.
    pub created_at: Timestamp,
    /// Retired.
    pub retired_at: Option<Timestamp>,
}

/// Makes the signing keys that are missing, and loads all. To be run at start, before anything is signed. The
/// next RSA key, which takes a while to make, is left to [`follow`].
///
/// # Errors
/// See [`KeysUnusable`]; nothing is loaded then.
pub async fn ensure(app: &App) -> Result<(), KeysUnusable> {
    let sealer = sealer(app);
    check_wrapping(app, &sealer).await?;
    let is_slow =
        |(alg, state): &(SigningAlg, KeyState)| *alg == SigningAlg::RS256 && *state == KeyState::Next;
    make_missing(app, &sealer, |wanted| !is_slow(wanted)).await?;
    load(app).await
}

/// Makes those missing keys that are picked; answers whether there were any.
async fn make_missing(
    app: &App,
    sealer: &Sealer,
    picked: impl Fn(&(SigningAlg, KeyState)) -> bool,
) -> Result<bool, KeysUnusable> {
    let mut view = app.store().read().await?;
    let mut missing = missing(&view.signing_keys().await?);
    drop(view);
    missing.retain(picked);
    if missing.is_empty() {
        return Ok(false);
    }
    // Made before the unit is opened: an RSA key takes some tenths of a second.
    let made = generate(&missing).await?;
    let now = app.now();
    let deed = || async {
        let mut work = app.store().begin().await?;
        // From here on no other node changes the keys until the unit ends.
        let mut kept = work.signing_keys().await?;
        for (key, state) in &made {
            // Another node may have been faster.
            if kept.iter().any(|k| k.alg == key.alg() && k.state == *state) {
                continue;
            }
            let record = sealed(sealer, key, *state, now)?;
            work.add_signing_key(&record).await?;
            work.audit(entry(AuditEvent::KeyCreated, &record, now)).await?;
            kept.push(record);
        }
        Ok(work.commit().await?)
    };
    app.repeatable(deed).await?;
    Ok(true)
}

/// Makes what [`ensure`] left out and loads it; answers whether there was anything.
///
/// # Errors
/// See [`KeysUnusable`].
pub async fn complete(app: &App) -> Result<bool, KeysUnusable> {
    let made = make_missing(app, &sealer(app), |_| true).await?;
    if made {
        load(app).await?;
        app.tell(Change::Keys).await;
    }
    Ok(made)
}

/// Loads all kept keys into the keyring.
///
/// # Errors
/// See [`KeysUnusable`]; the keyring stays as it is then.
pub async fn load(app: &App) -> Result<(), KeysUnusable> {
    let mut view = app.store().read().await?;
    let kept = view.signing_keys().await?;
    drop(view);
    let sealer = sealer(app);
    let mut keys = Vec::with_capacity(kept.len());
    for record in kept {
        let damaged = || KeysUnusable::Damaged(record.kid.clone());
        let jwk = sealer.open(record.kid.as_bytes(), &record.sealed).ok_or_else(damaged)?;
        let key = SigningKey::from_private_jwk(&jwk).map_err(|_| damaged())?;
        if key.kid() != record.kid || key.alg() != record.alg {
            return Err(damaged());
        }
        keys.push(KeyInUse { key: Arc::new(key), state: record.state });
    }
    app.keys().replace(keys);
    Ok(())
}

/// Follows what other nodes and the command line do to the keys, for as long as it is polled. The server runs
/// one of these.
pub async fn follow(app: App) {
    let mut changes = app.changes();
    let mut known = list(&app).await.ok();
    // An interval, not a sleep in the loop: changes must not put off the next look for ever.
    let mut look = tokio::time::interval_at(tokio::time::Instant::now() + LOOK_AGAIN, LOOK_AGAIN);
    loop {
        let must_load = tokio::select! {
            change = changes.recv() => match change {
                Ok(Change::Keys | Change::Missed) | Err(RecvError::Lagged(_)) => true,
                Ok(_) => false,
                Err(RecvError::Closed) => return,
            },
            _ = look.tick() => {
                if let Err(error) = complete(&app).await {
                    tracing::error!(%error, "The next signing keys could not be made");
                }
                let now = list(&app).await.ok();
                now.is_some() && now != known
            }
        };
        if !must_load {
            continue;
        }
        known = list(&app).await.ok();
        if let Err(error) = load(&app).await {
            tracing::error!(%error, "Signing keys could not be loaded again; the old ones stay in use");
        }
    }
}

/// Lets the next key of an algorithm sign, retires the one that did, and makes a new next one.
///
/// # Errors
/// See [`KeysUnusable`]; nothing changes then.
pub async fn rotate(app: &App, alg: SigningAlg) -> Result<(), KeysUnusable> {
    let sealer = sealer(app);
    check_wrapping(app, &sealer).await?;
    let mut view = app.store().read().await?;
    let has_next = view.signing_keys().await?.iter().any(|k| k.alg == alg && k.state == KeyState::Next);
    drop(view);
    // Without a next key the new current one was not published before; `ensure` and `follow` see to that.
    let wanted = [(alg, KeyState::Next), (alg, KeyState::Current)];
    let made = generate(if has_next { &wanted[..1] } else { &wanted }).await?;
    let now = app.now();
    let mut work = app.store().begin().await?;
    let kept: Vec<_> = work.signing_keys().await?.into_iter().filter(|key| key.alg == alg).collect();
    for key in kept.iter().filter(|key| key.state == KeyState::Current) {
        work.move_signing_key(&key.kid, KeyState::Retired, now).await?;
    }
    let promoted = kept.iter().find(|key| key.state == KeyState::Next);
    if promoted.is_none() && has_next {
        return Err(Refusal::Busy { retry_after: Duration::from_secs(1) }.into());
    }
    if let Some(key) = promoted {
        work.move_signing_key(&key.kid, KeyState::Current, now).await?;
        work.audit(entry(AuditEvent::KeyRotated, key, now)).await?;
    }
    for (key, state) in made {
        if state == KeyState::Current && promoted.is_some() {
            continue;
        }
        let record = sealed(&sealer, &key, state, now)?;
        work.add_signing_key(&record).await?;
        work.audit(entry(AuditEvent::KeyCreated, &record, now)).await?;
    }
    work.commit().await?;
    app.tell(Change::Keys).await;
    load(app).await
}

/// Removes keys that were retired long ago; answers how many went.
///
/// # Errors
/// See [`KeysUnusable`].
pub async fn sweep(app: &App) -> Result<u32, KeysUnusable> {
    let before = app.now().before(RETIRED_LIFE);
    let is_old =
        |key: &ListedKey| key.state == KeyState::Retired && key.retired_at.is_some_and(|at| at < before);
    let old: Vec<_> = list(app).await?.into_iter().filter(is_old).collect();
    if old.is_empty() {
        return Ok(0);
    }
    let mut work = app.store().begin().await?;
    let mut gone = 0;
    for key in old {
        gone += u32::from(work.delete_signing_key(&key.kid).await?);
    }
    work.commit().await?;
    load(app).await?;
    app.tell(Change::Keys).await;
    Ok(gone)
}

/// All keys, oldest first, without their private parts.
///
/// # Errors
/// The store is unavailable.
pub async fn list(app: &App) -> Result<Vec<ListedKey>, KeysUnusable> {
    let mut view = app.store().read().await?;
    let kept = view.signing_keys().await?;
    Ok(kept
        .into_iter()
        .map(|key| ListedKey {
            kid: key.kid,
            alg: key.alg,
            state: key.state,
            created_at: key.created_at,
            retired_at: key.retired_at,
        })
        .collect())
}

fn sealer(app: &App) -> Sealer {
    app.sealer("signing keys")
}

/// Compares the master key with the one that this database was made with, which is noted at first start: so all
/// nodes have the same (SEC-190).
///
/// # Errors
/// [`KeysUnusable::WrongMasterKey`], or the store.
pub async fn check(app: &App) -> Result<(), KeysUnusable> {
    check_wrapping(app, &sealer(app)).await
}

/// Whether a database was started with a wrapping key before: a key that is missing then must not be made anew.
///
/// # Errors
/// The store.
pub async fn has_wrapping(store: &dyn Store) -> Result<bool, StoreError> {
    Ok(store.read().await?.setting(CHECK).await?.is_some())
}

async fn check_wrapping(app: &App, sealer: &Sealer) -> Result<(), KeysUnusable> {
    let mut view = app.store().read().await?;
    let noted = view.setting(CHECK).await?;
    drop(view);
    let noted = match noted {
        Some(noted) => noted,
        None => {
            let mark = URL_SAFE_NO_PAD.encode(sealer.try_seal(CHECK.as_bytes(), CHECK_TEXT)?);
            let deed = || async {
                let mut work = app.store().begin().await?;
                let noted = work.keep_setting(CHECK, &mark).await?;
                work.commit().await?;
                Ok(noted)
            };
            app.repeatable(deed).await?
        }
    };
    let opened = URL_SAFE_NO_PAD.decode(noted).ok().and_then(|mark| sealer.open(CHECK.as_bytes(), &mark));
    if opened.as_deref() == Some(CHECK_TEXT) { Ok(()) } else { Err(KeysUnusable::WrongMasterKey) }
}

fn missing(kept: &[SigningKeyRecord]) -> Vec<(SigningAlg, KeyState)> {
    let mut missing = Vec::new();
    for alg in SigningAlg::ALL {
        for state in [KeyState::Current, KeyState::Next] {
            if !kept.iter().any(|key| key.alg == *alg && key.state == state) {
                missing.push((*alg, state));
            }
        }
    }
    missing
}

async fn generate(wanted: &[(SigningAlg, KeyState)]) -> Result<Vec<(SigningKey, KeyState)>, Refusal> {
    let tasks: Vec<_> = wanted
        .iter()
        .map(|(alg, state)| {
            let (alg, state) = (*alg, *state);
            tokio::task::spawn_blocking(move || SigningKey::generate(alg).map(|key| (key, state)))
        })
        .collect();
    let mut made = Vec::with_capacity(tasks.len());
    for task in tasks {
        let key = task.await.map_err(|e| Refusal::Unavailable(format!("making a key: {e}")))?;
        made.push(key?);
    }
    Ok(made)
}

fn sealed(
    sealer: &Sealer,
    key: &SigningKey,
    state: KeyState,
    now: Timestamp,
) -> Result<SigningKeyRecord, Refusal> {
    Ok(SigningKeyRecord {
        kid: key.kid().to_owned(),
        alg: key.alg(),
        state,
        sealed: sealer.try_seal(key.kid().as_bytes(), &key.to_private_jwk())?,
        created_at: now,
        retired_at: None,
    })
}

fn entry(event: AuditEvent, key: &SigningKeyRecord, now: Timestamp) -> AuditEntry {
    let detail = format!("{} {}", key.alg.as_str(), key.kid);
    AuditEntry { detail: Some(detail), ..AuditEntry::new(event, Outcome::Done, now) }
}
