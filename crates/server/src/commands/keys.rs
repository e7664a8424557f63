//! `keys …`: keys that sign and decrypt, and the key that wraps them.

use std::path::Path;

use domain::KeyUse;
use jose::seal::MasterKey;
use provider::keys::{self, Haste, KeysUnusable, Retired};
use serde_json::{Value, json};

use crate::cli::Keys;
use crate::failure::Failure;
use crate::keyfile;
use crate::output::Output;
use crate::wiring::Ground;

/// Runs the command. Running nodes are told what was changed; without a word they see it within seconds.
///
/// # Errors
/// What the use case refuses.
pub async fn run(ground: &Ground, command: Keys, output: Output) -> Result<(), Failure> {
    let app = &ground.app;
    keys::ensure(app).await.map_err(unusable)?;
    match command {
        Keys::List => {}
        Keys::Rotate { alg, force } => rotate(ground, alg.as_deref(), haste(force)).await?,
        Keys::Retire { kid, force } => {
            let retired = keys::retire(app, &kid, haste(force)).await.map_err(unusable)?;
            if !output.json {
                output.line(match retired {
                    Retired::Kept => "Retired; it stays published until what it signed has ended.",
                    Retired::Gone => "Gone; running nodes know within five seconds.",
                });
            }
        }
        Keys::Rewrap { new_key_file } => return rewrap(ground, &new_key_file, output).await,
    }
    list(ground, output).await
}

const fn haste(force: bool) -> Haste {
    if force { Haste::AtOnce } else { Haste::Gentle }
}

async fn rotate(ground: &Ground, alg: Option<&str>, haste: Haste) -> Result<(), Failure> {
    let app = &ground.app;
    // A key that was never made has no successor: made here, not by a node that starts later.
    keys::complete(app).await.map_err(unusable)?;
    let uses: Vec<KeyUse> = match alg {
        None => KeyUse::all().collect(),
        Some(word) => vec![KeyUse::from_word(word).ok_or_else(|| {
            let known: Vec<_> = KeyUse::all().map(KeyUse::as_str).collect();
            Failure::new(format!("No keys of {word}: take one of {}.", known.join(", ")))
        })?],
    };
    for used_for in uses {
        keys::rotate(app, used_for, haste).await.map_err(unusable)?;
    }
    Ok(())
}

async fn rewrap(ground: &Ground, file: &Path, output: Output) -> Result<(), Failure> {
    let (key, is_new) = keyfile::another(file)?;
    let count = keys::rewrap(&ground.app, &MasterKey::new(key)).await.map_err(unusable)?;
    let shown = std::path::absolute(file).unwrap_or_else(|_| file.to_owned()).display().to_string();
    output.either(
        &json!({ "keys": count, "key_file": shown, "made": is_new }),
        &format!(
            "{count} keys and the data key are sealed with the wrapping key of {shown} now. Set keys.key_file = \"{shown}\" on every node (or put the file in the old one's place) and restart them: running nodes go on with what they loaded, but cannot load or rotate keys. Keep the old key as long as backups that were made with it."
        ),
    );
    Ok(())
}

async fn list(ground: &Ground, output: Output) -> Result<(), Failure> {
    let listed = keys::list(&ground.app).await.map_err(unusable)?;
    let row = |key: &keys::ListedKey| {
        json!({
            "kid": key.kid,
            "alg": key.used_for.as_str(),
            "use": match key.used_for {
                KeyUse::Sign(_) => "sig",
                KeyUse::Decrypt(_) => "enc",
            },
            "state": key.state,
            "created_at": key.created_at.seconds(),
            "retired_at": key.retired_at.map(domain::Timestamp::seconds),
        })
    };
    let rows: Vec<Value> = listed.iter().map(row).collect();
    output.rows(&rows, &[("KID", "kid"), ("ALG", "alg"), ("STATE", "state"), ("CREATED", "created_at")]);
    Ok(())
}

/// Keys that cannot be used, as a failure.
#[must_use]
pub fn unusable(error: KeysUnusable) -> Failure {
    match error {
        KeysUnusable::Refused(refusal) => refusal.into(),
        KeysUnusable::WrongMasterKey => Failure::new(
            "The wrapping key is not the one this database was made with. Give the right key (keys.key_file or LATCHBOLT__KEYS__WRAPPING_KEY), or restore it. After `keys rewrap` it is the new one.",
        ),
        KeysUnusable::Damaged(kid) => Failure::new(format!(
            "The signing key {kid} cannot be opened: its row was damaged or exchanged. Restore the database from a backup."
        )),
        KeysUnusable::DataKeyDamaged => Failure::new(
            "The data key cannot be opened: its setting was damaged or exchanged. Restore the database from a backup.",
        ),
        KeysUnusable::TooSoon { used_for, wait } => Failure::new(format!(
            "The next {} key is too new: those who keep a copy of the key set do not know it yet. Try again in {} s, or force it with --force.",
            used_for.as_str(),
            wait.as_secs() + 1
        )),
        KeysUnusable::NoSuchKey(kid) => {
            Failure::new(format!("There is no key {kid}. `latchbolt keys list` shows them."))
        }
        KeysUnusable::RetiredAlready(kid) => Failure::new(format!(
            "The key {kid} is retired already; it goes when what it signed has ended. With --force it goes now."
        )),
    }
}
