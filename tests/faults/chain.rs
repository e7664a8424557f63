//! The chain over the audit trail (SEC-186): whole after everything, and broken by every change past the program.
//!
//! Owns: asking the program's own `audit verify`, and counting past it what it says to have checked.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::findings::Check;
use crate::stage::Said;
use crate::world::World;

/// Nodes seal every ten seconds; what came last is sealed after so long.
const SEALED: Duration = Duration::from_secs(60);

/// What `audit verify` says.
async fn verify(world: &World) -> Result<Value, String> {
    match world.stage.command(&["audit", "verify"], "").await {
        Said::Done(found) => Ok(found),
        Said::Failed(why) => Err(why),
    }
}

/// Waits until every entry is sealed.
///
/// # Errors
/// The trail is not what was sealed, or entries wait too long.
async fn sealed(world: &World) -> Result<Value, String> {
    let began = Instant::now();
    loop {
        let found = verify(world).await?;
        if found["waiting"] == 0 {
            return Ok(found);
        }
        if began.elapsed() > SEALED {
            return Err(format!("entries are not sealed within {SEALED:?}: {found}"));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn count(world: &World, sql: &str) -> Result<i64, String> {
    let text = world.stage.postgres.query(&world.stage.database, sql)?;
    text.trim().parse().map_err(|_| format!("{sql}: {text}"))
}

/// Checks that every entry is sealed, and that the chain holds as many as there are.
pub async fn is_whole(world: &World) {
    let held = async {
        let found = sealed(world).await?;
        let (entries, to) = (found["entries"].as_i64(), found["sealed_to"].as_i64().unwrap_or_default());
        let kept = count(world, &format!("SELECT count(*) FROM audit WHERE number <= {to}"))?;
        if found["intact"] == true
            && entries == Some(kept)
            && kept > 0
            && found["breaks"] == serde_json::json!([])
        {
            Ok(())
        } else {
            Err(format!("{kept} entries up to {to}, but the chain: {found}"))
        }
    };
    let held: Result<(), String> = held.await;
    world.findings.check(Check::Chain, held.is_ok(), || held.err().unwrap_or_default());
}

/// Changes, removes and adds an entry past the program; answers how many of that `audit verify` did not find. The
/// trail is as before then.
///
/// # Errors
/// The database cannot be changed, or the chain was not whole before.
pub async fn plant(world: &World) -> Result<usize, String> {
    let query = |sql: &str| world.stage.postgres.query(&world.stage.database, sql);
    sealed(world).await?;
    let middle = "SELECT number FROM audit ORDER BY number OFFSET (SELECT count(*) / 2 FROM audit) LIMIT 1";
    let at = count(world, middle)?;
    let last = count(world, "SELECT max(number) FROM audit")?;
    query("CREATE TABLE kept_audit AS SELECT * FROM audit WHERE FALSE")?;
    query(&format!("INSERT INTO kept_audit SELECT * FROM audit WHERE number IN ({at}, {last})"))?;
    let mut missed = 0;
    for (words, sql, number) in [
        ("an entry is changed", format!("UPDATE audit SET detail = 'nothing' WHERE number = {at}"), at),
        ("an entry's time is changed", format!("UPDATE audit SET at = at + 1 WHERE number = {at}"), at),
        ("an entry is removed", format!("DELETE FROM audit WHERE number = {at}"), at),
        ("the newest entry is removed", format!("DELETE FROM audit WHERE number = {last}"), last),
    ] {
        query(&sql)?;
        let said = verify(world).await;
        if said.as_ref().is_err_and(|why| why.contains(&format!("entry {number} was "))) {
            println!("  found: {words}");
        } else {
            println!("  MISSED: {words}: {said:?}");
            missed += 1;
        }
        query(&format!("DELETE FROM audit WHERE number = {number}"))?;
        query(&format!(
            "INSERT INTO audit OVERRIDING SYSTEM VALUE SELECT * FROM kept_audit WHERE number = {number}"
        ))?;
    }
    query("DROP TABLE kept_audit")?;
    verify(world).await?;
    Ok(missed)
}
