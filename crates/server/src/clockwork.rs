//! What happens by itself: hearing other nodes, telling clients of ended sessions, sweeping.
//!
//! Owns: when. Not here: what (`registry::housekeeping`, `provider::keys`, `provider::notices`). Nothing depends on
//! it being on time: expiry is checked at use (SEC-007).

use std::sync::Arc;
use std::time::Duration;

use provider::Provider;
use tokio::task::JoinHandle;

use crate::wiring::Ground;

const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// How often the live store is told, and asked, whose it is.
const MARK_EVERY: Duration = Duration::from_secs(600);
/// Between two steps of one sweep, so that requests get the database in between (SEC-223).
const BREATH: Duration = Duration::from_millis(50);

/// What runs by itself beside a server. Dropping it ends it: before the store is closed, not after.
pub struct Clockwork(Vec<JoinHandle<()>>);

impl Drop for Clockwork {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// Starts it on the current runtime.
#[must_use]
pub fn start(ground: &Ground, provider: &Provider) -> Clockwork {
    let app = ground.app.clone();
    let told = provider.clone();
    let mut tasks = vec![
        tokio::spawn(async move { app.listen().await }),
        tokio::spawn(provider::keys::follow(ground.app.clone())),
        tokio::spawn(async move { told.tell_logouts().await }),
    ];
    let ground = ground.clone();
    if ground.shares_live {
        let (installation, live) = (ground.installation.clone(), Arc::clone(ground.app.live()));
        tasks.push(tokio::spawn(async move {
            loop {
                tokio::time::sleep(MARK_EVERY).await;
                if let Err(error) = installation.mark(&live).await {
                    tracing::error!(%error, "The live store could not be marked as this installation's");
                }
            }
        }));
    }
    tasks.push(tokio::spawn(async move { sweep(&ground).await }));
    Clockwork(tasks)
}

async fn sweep(ground: &Ground) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        let mut removed = 0;
        loop {
            match ground.registry.sweep_step().await {
                Ok(0) => break,
                Ok(rows) => removed += rows,
                Err(refusal) => {
                    tracing::warn!(cause = refusal.cause(), "Sweeping failed; it is tried again");
                    break;
                }
            }
            tokio::time::sleep(BREATH).await;
        }
        if let Some(every) = ground.rotate_keys {
            match provider::keys::rotate_due(&ground.app, every).await {
                Ok(0) => {}
                Ok(keys) => tracing::info!(keys, "Keys were rotated"),
                Err(error) => tracing::error!(%error, "Keys could not be rotated; it is tried again"),
            }
        }
        match provider::keys::sweep(&ground.app).await {
            Ok(keys) => removed += u64::from(keys),
            Err(error) => tracing::warn!(%error, "Old signing keys could not be removed; it is tried again"),
        }
        if removed > 0 {
            tracing::debug!(rows = removed, "Swept what was over");
        }
    }
}
