//! `keys …`: signing keys.

use domain::SigningAlg;
use provider::keys::{self, KeysUnusable};
use serde_json::{Value, json};

use crate::cli::Keys;
use crate::failure::Failure;
use crate::output::Output;
use crate::wiring::Ground;

/// Runs the command. Running nodes are told what was rotated; without a word they see it within seconds.
///
/// # Errors
/// What the use case refuses.
pub async fn run(ground: &Ground, command: Keys, output: Output) -> Result<(), Failure> {
    let app = &ground.app;
    keys::ensure(app).await.map_err(unusable)?;
    if let Keys::Rotate = command {
        for alg in SigningAlg::ALL {
            keys::rotate(app, *alg).await.map_err(unusable)?;
        }
    }
    let rows: Vec<Value> = keys::list(app)
        .await
        .map_err(unusable)?
        .iter()
        .map(|key| {
            json!({
                "kid": key.kid,
                "alg": key.alg,
                "state": key.state,
                "created_at": key.created_at.seconds(),
                "retired_at": key.retired_at.map(domain::Timestamp::seconds),
            })
        })
        .collect();
    output.rows(&rows, &[("KID", "kid"), ("ALG", "alg"), ("STATE", "state"), ("CREATED", "created_at")]);
    Ok(())
}

/// Keys that cannot be used, as a failure.
#[must_use]
pub fn unusable(error: KeysUnusable) -> Failure {
    match error {
        KeysUnusable::Refused(refusal) => refusal.into(),
        KeysUnusable::WrongMasterKey => Failure::new(
            "The wrapping key is not the one this database was made with. Give the right key (keys.key_file or LATCHBOLT__KEYS__WRAPPING_KEY), or restore it.",
        ),
        KeysUnusable::Damaged(kid) => Failure::new(format!(
            "The signing key {kid} cannot be opened: its row was damaged or exchanged. Restore the database from a backup."
        )),
    }
}
