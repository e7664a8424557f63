//! `audit …`: checking the trail's seals, and taking the trail out.

use domain::AuditOrder;
use std::io::Write;

use app::Mandate;
use registry::audit::{ExportForm, head_line, line, read_filter};
use registry::chain::{Broken, Verified};
use serde_json::{Value, json};

use crate::cli::{Audit, AuditForm};
use crate::failure::Failure;
use crate::output::Output;
use crate::wiring::Ground;

/// Entries read at once.
const STEP: u32 = 500;

/// Runs the command.
///
/// # Errors
/// The trail was changed, or what the use case refuses.
pub async fn run(ground: &Ground, command: Audit, output: Output) -> Result<(), Failure> {
    match command {
        Audit::Verify { from, expect } => {
            provider::keys::ensure(&ground.app).await.map_err(super::keys::unusable)?;
            verified(&ground.registry.verify_audit(from, expect).await?, output)
        }
        Audit::Export { since, until, event, user, outcome, format } => {
            let account = match &user {
                None => None,
                Some(name) => {
                    let found = ground.registry.user(name).await;
                    Some(found.map_err(|refusal| Failure::about("user", name, &refusal))?.id.to_string())
                }
            };
            let filter = read_filter(|name| match name {
                "since" => since.as_deref(),
                "until" => until.as_deref(),
                "event" => event.as_deref(),
                "outcome" => outcome.as_deref(),
                "account" => account.as_deref(),
                _ => None,
            })?;
            let form = match format {
                AuditForm::Jsonl => ExportForm::JsonLines,
                AuditForm::Csv => ExportForm::Csv,
            };
            ground.registry.audit_exported(&Mandate::operator(), form.as_str()).await?;
            let mut out = std::io::stdout().lock();
            let (mut text, mut after) = (head_line(form), None);
            loop {
                let page = ground.registry.audit_page(&filter, AuditOrder::OldestFirst, after, STEP).await?;
                page.entries.iter().for_each(|stored| text.push_str(&line(form, stored)));
                // A closed pipe is the reader's choice, not a failure.
                if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
                    return Ok(());
                }
                text.clear();
                after = page.next;
                if after.is_none() {
                    return Ok(());
                }
            }
        }
    }
}

fn verified(found: &Verified, output: Output) -> Result<(), Failure> {
    let json = json!({
        "intact": found.broken.is_none(),
        "blocks": found.blocks,
        "entries": found.entries,
        "sealed_to": found.sealed_to,
        "waiting": found.waiting,
        "head": found.head_text(),
        "breaks": found.breaks.iter().map(|at| json!({ "block": at.block, "first": at.first, "kid": at.kid })).collect::<Vec<_>>(),
        "broken": found.broken.as_ref().map(broken),
    });
    if let Some(broken) = &found.broken {
        if output.json {
            output.line(&json.to_string());
        }
        return Err(Failure::new(format!(
            "The audit trail is not what was sealed: {broken}. Up to entry {} it is intact. Keep a copy of the database as it is, find out who could write to it, and compare with an export or a backup.",
            found.sealed_to
        )));
    }
    let mut text = format!(
        "The audit trail is intact: {} entries in {} blocks, up to number {}. {} more are not sealed yet.",
        found.entries, found.blocks, found.sealed_to, found.waiting
    );
    if let Some(head) = found.head_text() {
        text.push_str(&format!(
            "\nHead: {head}\nKept elsewhere, it shows with --expect that nothing was cut off the end."
        ));
    }
    for at in &found.breaks {
        text.push_str(&format!(
            "\nThe key {} was taken out of use by hand before entry {}: for what is before, the seals made since then vouch.",
            at.kid, at.first
        ));
    }
    output.either(&json, &text);
    Ok(())
}

fn broken(broken: &Broken) -> Value {
    let why = broken.to_string();
    match broken {
        Broken::Entry { number, what } => json!({ "entry": number, "what": what.as_str(), "why": why }),
        Broken::Block { block, .. } | Broken::Expected { block } => json!({ "block": block, "why": why }),
    }
}
