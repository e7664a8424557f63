//! When the next key takes over, and when an old one goes (SEC-191).
//!
//! Owns: rotation by hand and by schedule, retiring, sweeping. Safe with many nodes at once: whatever is done is
//! done in one unit that sees all keys, and only if they still stand as they were seen.

use std::time::Duration;

use app::{App, Change, Refusal};
use domain::{Actor, AuditEvent, KeyRecord, KeyState, KeyUse};

use super::{JWKS_MAX_AGE, KeysUnusable, ListedKey, Wanted, complete, entry, generate, list, load, wrapping};

/// A key has to be published so long before it signs: copies of the JWKS from before are old then, and a minute
/// is for nodes that hear late of a new key and for clocks that differ.
const PUBLISHED_AHEAD: Duration = JWKS_MAX_AGE.saturating_add(Duration::from_secs(60));
/// A retired key stays published so long: tokens of it are over after a day at most, hints come later.
const RETIRED_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

/// How a key is taken out of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Haste {
    /// Only when nobody can notice.
    Gentle,
    /// At once, as after a theft: those with an old copy of the JWKS may have to fetch it again.
    AtOnce,
}

/// What became of a key that was to be retired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retired {
    /// It is in use no more, but published until what it signed has ended.
    Kept,
    /// It is gone: what it signed is good no more.
    Gone,
}

/// Lets the next key of a use take over, retires the one before, and makes a new next one. `by`: who asked for it.
///
/// # Errors
/// [`KeysUnusable::TooSoon`] when the next key is too new to be known to all, unless at once. Nothing changes on errors.
pub async fn rotate(app: &App, by: &Actor, used_for: KeyUse, haste: Haste) -> Result<(), KeysUnusable> {
    let kept = list(app).await?;
    rotated(app, by, used_for, haste, &kept).await.map(|_| ())
}

/// The same for keys as they were seen; `false` when somebody else was faster.
async fn rotated(
    app: &App,
    by: &Actor,
    used_for: KeyUse,
    haste: Haste,
    kept: &[ListedKey],
) -> Result<bool, KeysUnusable> {
    wrapping::check(app).await?;
    let next = kept.iter().find(|key| key.used_for == used_for && key.state == KeyState::Next);
    if matches!(used_for, KeyUse::Sign(_)) && haste == Haste::Gentle {
        let published = next.map_or(Duration::ZERO, |key| app.now().since(key.created_at));
        if let Some(wait) = PUBLISHED_AHEAD.checked_sub(published).filter(|wait| !wait.is_zero()) {
            return Err(KeysUnusable::TooSoon { used_for, wait });
        }
    }
    let wanted: &[Wanted] = match (used_for, next.is_some()) {
        (KeyUse::Sign(_), true) => &[(used_for, KeyState::Next)],
        (KeyUse::Sign(_), false) => &[(used_for, KeyState::Current), (used_for, KeyState::Next)],
        (KeyUse::Decrypt(_), _) => &[(used_for, KeyState::Current)],
    };
    let is_done = turn(app, by, used_for, kept, wanted).await?;
    load(app).await?;
    app.tell(Change::Keys).await;
    Ok(is_done)
}

/// The change itself; nothing happens, and the answer is `false`, when other keys than those seen are in use by now.
async fn turn(
    app: &App,
    by: &Actor,
    used_for: KeyUse,
    seen: &[ListedKey],
    wanted: &[Wanted],
) -> Result<bool, KeysUnusable> {
    let kids = |keys: &mut dyn Iterator<Item = (&String, KeyState)>| -> Vec<(String, KeyState)> {
        let living = keys.filter(|(_, state)| *state != KeyState::Retired);
        living.map(|(kid, state)| (kid.clone(), state)).collect()
    };
    let of_use = seen.iter().filter(|key| key.used_for == used_for);
    let seen = kids(&mut of_use.map(|key| (&key.kid, key.state)));
    let made = generate(wanted).await?;
    let (sealer, now) = (wrapping::sealer(app), app.now());
    let deed = || async {
        let mut work = app.store().begin().await?;
        let mut kept: Vec<KeyRecord> = work.signing_keys().await?;
        kept.retain(|key| key.used_for == used_for);
        if !wrapping::is_ours(&sealer, work.setting(wrapping::CHECK).await?.as_deref()) {
            return Ok(None);
        }
        if kids(&mut kept.iter().map(|key| (&key.kid, key.state))) != seen {
            return Ok(Some(false));
        }
        for key in &kept {
            match key.state {
                KeyState::Current => {
                    work.move_signing_key(&key.kid, KeyState::Retired, now).await?;
                    work.audit(entry(by, AuditEvent::KeyRotated, key, now)).await?;
                }
                KeyState::Next => {
                    work.move_signing_key(&key.kid, KeyState::Current, now).await?;
                }
                KeyState::Retired => {}
            }
        }
        for key in &made {
            let record = key.sealed(&sealer, now)?;
            work.add_signing_key(&record).await?;
            work.audit(entry(by, AuditEvent::KeyCreated, &record, now)).await?;
        }
        work.commit().await?;
        Ok(Some(true))
    };
    app.repeatable(deed).await?.ok_or(KeysUnusable::WrongMasterKey)
}

/// Rotates what is due: a key signs for `every`, which is counted from the moment its successor was made. Of
/// several nodes that find the same, one does it. Answers how many uses were rotated.
///
/// # Errors
/// See [`KeysUnusable`].
pub async fn rotate_due(app: &App, every: Duration) -> Result<u32, KeysUnusable> {
    let kept = list(app).await?;
    let mut done = 0;
    for used_for in KeyUse::all() {
        let tells = match used_for {
            KeyUse::Sign(_) => KeyState::Next,
            KeyUse::Decrypt(_) => KeyState::Current,
        };
        let since = kept.iter().filter(|key| key.used_for == used_for && key.state == tells);
        let Some(since) = since.map(|key| key.created_at).max() else { continue };
        if app.now() < since.after(every) {
            continue;
        }
        done += u32::from(rotated(app, &Actor::System, used_for, Haste::Gentle, &kept).await?);
    }
    Ok(done)
}

/// Takes one key out of use: the current one as by [`rotate`], a next one for another next one. At once means: it
/// leaves the JWKS now, and what it signed is good no more.
///
/// # Errors
/// [`KeysUnusable::NoSuchKey`]; [`KeysUnusable::TooSoon`] and [`KeysUnusable::RetiredAlready`], unless at once.
pub async fn retire(app: &App, by: &Actor, kid: &str, haste: Haste) -> Result<Retired, KeysUnusable> {
    let find = |keys: Vec<ListedKey>| keys.into_iter().find(|key| key.kid == kid);
    let missing = || KeysUnusable::NoSuchKey(kid.to_owned());
    let key = find(list(app).await?).ok_or_else(missing)?;
    if key.state == KeyState::Current {
        rotate(app, by, key.used_for, haste).await?;
    }
    match (key.state, haste) {
        (KeyState::Current, Haste::Gentle) => return Ok(Retired::Kept),
        (KeyState::Retired, Haste::Gentle) => return Err(KeysUnusable::RetiredAlready(kid.to_owned())),
        (KeyState::Next, Haste::Gentle) | (_, Haste::AtOnce) => {}
    }
    remove(app, &[kid.to_owned()], Some((by, AuditEvent::KeyRetired))).await?;
    complete(app).await?;
    Ok(Retired::Gone)
}

/// Removes keys that were retired long ago; answers how many went.
///
/// # Errors
/// See [`KeysUnusable`].
pub async fn sweep(app: &App) -> Result<u32, KeysUnusable> {
    let before = app.now().before(RETIRED_LIFE);
    let is_old =
        |key: &ListedKey| key.state == KeyState::Retired && key.retired_at.is_some_and(|at| at < before);
    let old: Vec<_> = list(app).await?.into_iter().filter(is_old).map(|key| key.kid).collect();
    if old.is_empty() {
        return Ok(0);
    }
    remove(app, &old, None).await
}

async fn remove(
    app: &App,
    kids: &[String],
    event: Option<(&Actor, AuditEvent)>,
) -> Result<u32, KeysUnusable> {
    let now = app.now();
    let deed = || async {
        let mut work = app.store().begin().await?;
        let kept = work.signing_keys().await?;
        let mut gone = 0;
        for key in kept.iter().filter(|key| kids.contains(&key.kid)) {
            // One that signs by now, because another node turned it meanwhile, stays.
            if key.state == KeyState::Current {
                return Err(Refusal::Busy { retry_after: Duration::from_secs(1) });
            }
            gone += u32::from(work.delete_signing_key(&key.kid).await?);
            if let Some((by, event)) = event {
                work.audit(entry(by, event, key, now)).await?;
            }
        }
        work.commit().await?;
        Ok(gone)
    };
    let gone = app.repeatable(deed).await?;
    load(app).await?;
    app.tell(Change::Keys).await;
    Ok(gone)
}
