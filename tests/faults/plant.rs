//! Losses planted behind the ledger's back in the real database, to see that each is found.

use crate::chain;
use crate::compare::compare;
use crate::findings::Check;
use crate::ledger::{Deed, Line};
use crate::rows::Rows;
use crate::world::World;

/// What is planted: the check that has to find it, how it is called, and the statement.
type Planted = (Check, &'static str, String);

/// The first certain deed that is asked for.
fn first(lines: &[Line], wanted: impl Fn(&Deed) -> Option<String>) -> Option<String> {
    lines.iter().filter(|line| line.is_certain).find_map(|line| wanted(&line.deed))
}

fn losses(lines: &[Line]) -> Vec<Option<Planted>> {
    let grant = first(lines, |deed| match deed {
        Deed::Tokens { grant, .. } => grant.clone(),
        _ => None,
    });
    let replayed = first(lines, |deed| match deed {
        Deed::Replayed { grant } => Some(grant.clone()),
        _ => None,
    });
    let ended = first(lines, |deed| match deed {
        Deed::SignedOut { secret } => Some(secret.clone()),
        _ => None,
    });
    let device = first(lines, |deed| match deed {
        Deed::Stopped { device, .. } => Some(device.clone()),
        _ => None,
    });
    let account = first(lines, |deed| match deed {
        Deed::Disabled { account } => Some(account.clone()),
        _ => None,
    });
    let session = first(lines, |deed| match deed {
        Deed::Session { secret, device: Some(_), .. } => secret.clone(),
        _ => None,
    });
    vec![
        grant.map(|id| (Check::Grants, "a grant is deleted", format!("DELETE FROM grants WHERE id = '{id}'"))),
        replayed.map(|id| {
            let sql = format!("UPDATE grants SET revoked_at = NULL WHERE id = '{id}'");
            (Check::ReplaysRevoked, "a revoked grant lives again", sql)
        }),
        ended.map(|secret| {
            let sql = format!(
                "UPDATE sessions SET ended_at = NULL, ended_why = NULL WHERE secret_hash = decode('{secret}', 'hex')"
            );
            (Check::SignOuts, "a session that signed out lives again", sql)
        }),
        device.map(|id| {
            let sql = format!("UPDATE devices SET state = 'active' WHERE id = '{id}'");
            (Check::Devices, "a stopped phone is active again", sql)
        }),
        account.map(|id| {
            let sql = format!("UPDATE accounts SET state = 'active' WHERE id = '{id}'");
            (Check::Accounts, "a disabled account is active again", sql)
        }),
        session.map(|secret| {
            let sql = format!("DELETE FROM sessions WHERE secret_hash = decode('{secret}', 'hex')");
            (Check::Sessions, "a session by phone is deleted", sql)
        }),
        Some((
            Check::Trail,
            "entries of the trail are deleted",
            "DELETE FROM audit WHERE event = 'session.started'".to_owned(),
        )),
    ]
}

/// Plants one loss after the other; answers how many were not found.
///
/// # Errors
/// The database cannot be read.
pub async fn and_find(world: &World) -> Result<usize, String> {
    let (lines, kids) = (world.ledger.lines(), world.ledger.kids());
    let look = || Rows::read(&world.stage).map(|rows| compare(&lines, &kids, &rows).found);
    let count = |found: &[(Check, String)], check: Check| found.iter().filter(|(of, _)| *of == check).count();
    let mut before = look()?;
    println!("before anything is planted: {} violations", before.len());
    let mut missed = chain::plant(world).await?;
    for planted in losses(&lines) {
        let Some((check, words, sql)) = planted else {
            println!("  MISSED: too little was acknowledged to plant something");
            missed += 1;
            continue;
        };
        world.stage.postgres.query(&world.stage.database, &sql)?;
        let after = look()?;
        if count(&after, check) > count(&before, check) {
            println!("  found: {words}");
        } else {
            println!("  MISSED: {words}");
            missed += 1;
        }
        before = after;
    }
    Ok(missed)
}
