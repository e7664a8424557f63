//! `keys …`: keys that sign and decrypt, and the key that wraps them.

use std::path::Path;

use domain::KeyUse;
use jose::seal::MasterKey;
use provider::keys::{self, KeysUnusable};
use serde_json::{Value, json};
use web::Refused;

use super::registry::seconds;
use crate::api::{Api, failure};
use crate::cli::Keys;
use crate::failure::Failure;
use crate::keyfile;
use crate::output::Output;
use crate::wiring::Ground;

/// Runs the command. Running nodes are told what was changed; without a word they see it within seconds.
///
/// # Errors
/// What the API refuses.
pub async fn run(api: &Api, command: Keys, output: Output) -> Result<(), Failure> {
    if let Ok(ground) = api.ground() {
        // As at a start: before the first one there are none.
        keys::ensure(&ground.app).await.map_err(unusable)?;
    }
    match command {
        Keys::List => {}
        Keys::Rotate { alg, force } => {
            if let Some(word) = alg.as_deref().filter(|word| KeyUse::from_word(word).is_none()) {
                let known: Vec<_> = KeyUse::all().map(KeyUse::as_str).collect();
                return Err(Failure::new(format!("No keys of {word}: take one of {}.", known.join(", "))));
            }
            let body = json!({"alg": alg, "force": force});
            let done = api.call("POST", "/keys/rotate", Some(&body), None).await;
            let _ = done.map_err(|refused| not_done("", &refused))?;
        }
        Keys::Retire { kid, force } => {
            let body = json!({"kid": kid, "force": force});
            let done = api.call("POST", "/keys/retire", Some(&body), None).await;
            let done = done.map_err(|refused| not_done(&kid, &refused))?.body;
            if !output.json {
                output.line(if done["gone"] == true {
                    "Gone; running nodes know within five seconds."
                } else {
                    "Retired; it stays published until what it signed has ended."
                });
            }
        }
        Keys::Rewrap { new_key_file } => return rewrap(api.ground()?, &new_key_file, output).await,
    }
    list(api, output).await
}

/// The sentences of [`unusable`], where there are some.
fn not_done(kid: &str, refused: &Refused) -> Failure {
    let more = |name: &str| refused.more.as_ref().and_then(|more| more.get(name));
    match (refused.status.as_u16(), &*refused.code) {
        (_, "too_soon") => {
            let alg = more("alg").and_then(Value::as_str).unwrap_or_default();
            too_soon(alg, more("wait").and_then(Value::as_u64).unwrap_or(1))
        }
        (404, "not_found") => unusable(KeysUnusable::NoSuchKey(kid.to_owned())),
        (409, "conflict") => unusable(KeysUnusable::RetiredAlready(kid.to_owned())),
        _ => failure("key", kid, refused),
    }
}

fn too_soon(alg: &str, seconds: u64) -> Failure {
    Failure::new(format!(
        "The next {alg} key is too new: those who keep a copy of the key set do not know it yet. Try again in {seconds} s, or force it with --force."
    ))
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

async fn list(api: &Api, output: Output) -> Result<(), Failure> {
    let mut rows = api.items("/keys").await.map_err(|refused| failure("key", "", &refused))?;
    for row in &mut rows {
        for time in ["created_at", "retired_at"] {
            row[time] = seconds(&row[time]);
        }
    }
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
        KeysUnusable::TooSoon { used_for, wait } => too_soon(used_for.as_str(), wait.as_secs() + 1),
        KeysUnusable::NoSuchKey(kid) => {
            Failure::new(format!("There is no key {kid}. `latchbolt keys list` shows them."))
        }
        KeysUnusable::RetiredAlready(kid) => Failure::new(format!(
            "The key {kid} is retired already; it goes when what it signed has ended. With --force it goes now."
        )),
    }
}
