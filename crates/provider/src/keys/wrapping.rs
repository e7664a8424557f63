//! The key that our keys are sealed with, and the data key that what lasts hangs on (SEC-190).
//!
//! Owns: the check that all nodes have the same wrapping key, making and opening the data key, and sealing all
//! of it anew under another wrapping key. Not here: where the wrapping key comes from (`server`), what is
//! derived from the data key (`app::Vault`).

use app::{App, Refusal, Sealer};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Actor, AuditEntry, AuditEvent, Outcome};
use jose::seal::MasterKey;
use store::{Store, StoreError};
use zeroize::Zeroizing;

use super::KeysUnusable;

/// The setting that tells whether a wrapping key is the right one.
pub(super) const CHECK: &str = "wrapping_key_check";
const CHECK_TEXT: &[u8] = b"latchbolt";
/// The setting that holds the sealed data key.
const DATA_KEY: &str = "data_key";

pub(super) fn sealer(app: &App) -> Sealer {
    app.sealer(PURPOSE)
}

const PURPOSE: &str = "signing keys";

/// Whether what this database noted was sealed with this key.
pub(super) fn is_ours(sealer: &Sealer, noted: Option<&str>) -> bool {
    noted.and_then(|noted| opened(sealer, CHECK, noted)).is_some_and(|text| text.as_slice() == CHECK_TEXT)
}

/// A setting sealed; its name is the associated data.
fn sealed(sealer: &Sealer, name: &str, plain: &[u8]) -> Result<String, Refusal> {
    Ok(URL_SAFE_NO_PAD.encode(sealer.try_seal(name.as_bytes(), plain)?))
}

fn opened(sealer: &Sealer, name: &str, kept: &str) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = URL_SAFE_NO_PAD.decode(kept).ok()?;
    sealer.open(name.as_bytes(), &bytes).map(Zeroizing::new)
}

/// Compares the master key with the one that this database was made with, which is noted at first start: so all
/// nodes have the same (SEC-190). Opens the data key, which is made at first start, too.
///
/// # Errors
/// [`KeysUnusable::WrongMasterKey`], [`KeysUnusable::DataKeyDamaged`], or the store.
pub async fn check(app: &App) -> Result<(), KeysUnusable> {
    let sealer = sealer(app);
    let mut view = app.store().read().await?;
    let noted = (view.setting(CHECK).await?, view.setting(DATA_KEY).await?);
    drop(view);
    let (mark, data_key) = match noted {
        (Some(mark), Some(data_key)) => (mark, data_key),
        _ => {
            let mark = sealed(&sealer, CHECK, CHECK_TEXT)?;
            let fresh = Zeroizing::new(app.entropy().bytes::<32>());
            let data_key = sealed(&sealer, DATA_KEY, fresh.as_ref())?;
            let deed = || async {
                let mut work = app.store().begin().await?;
                let mark = work.keep_setting(CHECK, &mark).await?;
                // Nothing is added under another key than the one of this database.
                if !is_ours(&sealer, Some(&mark)) {
                    return Ok((mark, String::new()));
                }
                let data_key = work.keep_setting(DATA_KEY, &data_key).await?;
                work.commit().await?;
                Ok((mark, data_key))
            };
            app.repeatable(deed).await?
        }
    };
    if !is_ours(&sealer, Some(&mark)) {
        return Err(KeysUnusable::WrongMasterKey);
    }
    let key = opened(&sealer, DATA_KEY, &data_key).ok_or(KeysUnusable::DataKeyDamaged)?;
    let key: [u8; 32] = key.as_slice().try_into().map_err(|_| KeysUnusable::DataKeyDamaged)?;
    if !app.vault().is_open() {
        app.vault().open(MasterKey::new(key));
    }
    Ok(())
}

/// Whether a database was started with a wrapping key before: a key that is missing then must not be made anew.
///
/// # Errors
/// The store.
pub async fn has_wrapping(store: &dyn Store) -> Result<bool, StoreError> {
    Ok(store.read().await?.setting(CHECK).await?.is_some())
}

/// Seals the data key and all keys anew under another wrapping key, in one unit: all of it or nothing. Answers how
/// many keys there were. From then on only nodes that are started with the new key can load keys; running ones keep
/// those they have, and make and rotate none.
///
/// # Errors
/// See [`KeysUnusable`]; nothing changes then.
pub async fn rewrap(app: &App, new: &MasterKey) -> Result<usize, KeysUnusable> {
    check(app).await?;
    let (old, new, now) = (sealer(app), app.sealer_under(new, PURPOSE), app.now());
    let deed = || async {
        let mut work = app.store().begin().await?;
        let kept = work.signing_keys().await?;
        if !is_ours(&old, work.setting(CHECK).await?.as_deref()) {
            return Ok(Err(KeysUnusable::WrongMasterKey));
        }
        for key in &kept {
            let Some(jwk) = old.open(key.kid.as_bytes(), &key.sealed).map(Zeroizing::new) else {
                return Ok(Err(KeysUnusable::Damaged(key.kid.clone())));
            };
            work.reseal_signing_key(&key.kid, &new.try_seal(key.kid.as_bytes(), &jwk)?).await?;
        }
        let data_key = work.setting(DATA_KEY).await?.and_then(|kept| opened(&old, DATA_KEY, &kept));
        let Some(data_key) = data_key else { return Ok(Err(KeysUnusable::DataKeyDamaged)) };
        work.replace_setting(DATA_KEY, &sealed(&new, DATA_KEY, &data_key)?).await?;
        work.replace_setting(CHECK, &sealed(&new, CHECK, CHECK_TEXT)?).await?;
        let detail = Some(format!("{} keys under another wrapping key", kept.len()));
        work.audit(AuditEntry {
            detail,
            ..AuditEntry::new(AuditEvent::WrappingKeyReplaced, Outcome::Done, now).by(Actor::Operator)
        })
        .await?;
        work.commit().await?;
        Ok(Ok(kept.len()))
    };
    app.repeatable(deed).await?
}
