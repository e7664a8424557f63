//! `migrate`: the tables of the database, and whose it is.

use serde_json::json;
use store_sql::SchemaState;

use crate::cli::Migrate;
use crate::config::Config;
use crate::failure::{Failure, sentence};
use crate::output::Output;
use crate::{adapters, nodes};

/// The tables for what is short-lived, as they are listed.
const LIVE: &str = "0001_live";

/// Runs the command.
///
/// # Errors
/// The database cannot be used, or something is missing and nothing was to be changed.
pub async fn run(config: &Config, command: &Migrate, output: Output) -> Result<(), Failure> {
    if command.check {
        return check(config, output).await;
    }
    if let Some(file) = config.database.file() {
        adapters::make_folder(file)?;
    }
    let settings = adapters::store_settings(&config.database);
    let mut ran = store_sql::migrate(&settings).await.map_err(|error| adapters::unusable(config, &error))?;
    if let Some(live) = adapters::live_tables(config)
        && live_postgres::migrate(&live).await.map_err(|error| Failure::new(sentence(&error.to_string())))?
    {
        ran.push(LIVE);
    }
    let mut text = match ran.as_slice() {
        [] => "Nothing was missing.".to_owned(),
        names => format!("Added {}.", names.join(", ")),
    };
    let mut json = json!({"added": ran});
    if command.adopt_issuer {
        let store = adapters::store(config).await?;
        let before = nodes::adopt_issuer(&*store, &config.issuer).await;
        store.close().await;
        let before = before?;
        text.push_str(&format!("\nThe database belongs to the issuer {} now", config.issuer));
        match before.as_deref().filter(|before| *before != config.issuer) {
            Some(before) => text.push_str(&format!(
                ", and no longer to {before}. Passkeys and enrolled phones of another host do not work any more."
            )),
            None => text.push('.'),
        }
        json["issuer"] = json!(config.issuer);
        json["issuer_before"] = json!(before);
    }
    output.either(&json, &text);
    Ok(())
}

async fn check(config: &Config, output: Output) -> Result<(), Failure> {
    let settings = adapters::store_settings(&config.database);
    let mut state =
        store_sql::schema::state(&settings).await.map_err(|error| adapters::unusable(config, &error))?;
    if let Some(live) = adapters::live_tables(config) {
        let has_live = live_postgres::is_migrated(&live).await;
        let has_live = has_live.map_err(|error| Failure::new(sentence(&error.to_string())))?;
        match &mut state {
            SchemaState::Current if !has_live => state = SchemaState::Older { missing: vec![LIVE] },
            SchemaState::Older { missing } if !has_live => missing.push(LIVE),
            _ => {}
        }
    }
    let (word, missing, failure) = match state {
        SchemaState::Current => ("current", Vec::new(), None),
        SchemaState::Empty => {
            ("empty", Vec::new(), Some("The database is empty. Run `latchbolt migrate`.".to_owned()))
        }
        SchemaState::Older { missing } => {
            let what = format!("The database misses {}. Run `latchbolt migrate`.", missing.join(", "));
            ("older", missing, Some(what))
        }
        SchemaState::Newer { number } => {
            let what = format!(
                "The database was written by a newer Latchbolt (migration {number} is unknown here). Start that version."
            );
            ("newer", Vec::new(), Some(what))
        }
    };
    let json = json!({"state": word, "missing": missing});
    match failure {
        None => output.either(&json, "Nothing is missing."),
        Some(_) if output.json => output.line(&json.to_string()),
        Some(_) => {}
    }
    failure.map_or(Ok(()), |what| Err(Failure::new(what)))
}
