//! What happens by itself: hearing other nodes, telling relying parties of ended sessions, sweeping, sealing the audit trail, keeping counts.
//!
//! Owns: when. Not here: what (`registry::housekeeping`, `provider::keys`, `provider::notices`, `tickets::notices`). Nothing depends on
//! it being on time: expiry is checked at use (SEC-007).

use std::sync::Arc;
use std::time::Duration;

use app::Refusal;
use registry::Registry;
use tokio::task::JoinHandle;

use crate::wiring::{Ground, House};

/// How often the audit trail is sealed.
const SEAL_EVERY: Duration = Duration::from_secs(10);
/// How often what was counted is kept.
const COUNT_EVERY: Duration = Duration::from_secs(10);
/// How often it is looked whether there is long work.
const WORK_EVERY: Duration = Duration::from_millis(500);
/// How long long work rests after a failure.
const LOST_WORK: Duration = Duration::from_secs(2);
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
pub fn start(ground: &Ground, house: &House) -> Clockwork {
    let app = ground.app.clone();
    let (provider, tickets, signin) =
        (house.provider().clone(), house.tickets().clone(), house.signin().clone());
    let (registry, mail) = (ground.registry.clone(), house.mail().clone());
    let mut tasks = vec![
        tokio::spawn(async move { app.listen().await }),
        tokio::spawn(provider::keys::follow(ground.app.clone())),
        tokio::spawn(async move { provider.tell_logouts().await }),
        tokio::spawn(async move { tickets.tell_services().await }),
        tokio::spawn(async move { signin.end_stopped_claims().await }),
        tokio::spawn(async move { registry.send_mails(&mail).await }),
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
    tasks.push(tokio::spawn(seal(ground.registry.clone())));
    tasks.push(tokio::spawn(count(ground.registry.clone())));
    tasks.push(tokio::spawn(work(ground.registry.clone(), ground.app.clone())));
    tasks.push(tokio::spawn(index_names(ground.registry.clone())));
    tasks.push(tokio::spawn(async move { sweep(&ground).await }));
    Clockwork(tasks)
}

/// Seals the audit trail: what was written until now, in blocks (SEC-186). Each node tries; of those that seal the
/// same block one wins.
async fn seal(registry: Registry) {
    loop {
        tokio::time::sleep(SEAL_EVERY).await;
        loop {
            match registry.seal_audit_step().await {
                Ok(0) => break,
                Ok(entries) => tracing::debug!(entries, "Sealed a block of the audit trail"),
                Err(Refusal::Busy { .. }) => {
                    tracing::warn!("Entries are being added to the audit trail for long: it is sealed later");
                    break;
                }
                Err(refusal) => {
                    tracing::warn!(
                        cause = refusal.cause(),
                        "The audit trail could not be sealed; it is tried again"
                    );
                    break;
                }
            }
            tokio::time::sleep(BREATH).await;
        }
    }
}

/// Looks after names from before they were looked at: at once when a server starts, then now and then, because an older
/// node beside this one goes on making accounts.
async fn index_names(registry: Registry) {
    loop {
        match registry.index_names_step().await {
            Ok(0) => tokio::time::sleep(SWEEP_EVERY).await,
            Ok(accounts) => {
                tracing::info!(accounts, "Noted what names of earlier accounts look like");
                tokio::time::sleep(BREATH).await;
            }
            Err(refusal) => {
                tracing::warn!(cause = refusal.cause(), "Names could not be looked after; it is tried again");
                tokio::time::sleep(SWEEP_EVERY).await;
            }
        }
    }
}

/// Keeps what was counted for charts.
async fn count(registry: Registry) {
    loop {
        tokio::time::sleep(COUNT_EVERY).await;
        keep_counts(&registry).await;
    }
}

/// Keeps what was counted since the last time: also once more when the server stops.
pub async fn keep_counts(registry: &Registry) {
    if let Err(refusal) = registry.keep_counts().await {
        tracing::warn!(cause = refusal.cause(), "Counts could not be kept; it is tried again");
    }
}

/// Does long work, row by row: any node, one at a time each piece. What a node does not finish another takes over.
async fn work(registry: Registry, app: app::App) {
    let node = app.entropy().secret().text();
    loop {
        match registry.run_jobs(&node).await {
            Ok(true) => tokio::task::yield_now().await,
            Ok(false) => tokio::time::sleep(WORK_EVERY).await,
            Err(refusal) => {
                tracing::warn!(cause = refusal.cause(), "Long work stopped; it is tried again");
                tokio::time::sleep(LOST_WORK).await;
            }
        }
    }
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
        match ground.registry.drop_old_secrets().await {
            Ok(false) => {}
            Ok(true) => tracing::info!("The secrets of letters were dropped: their time was over"),
            Err(refusal) => {
                tracing::warn!(cause = refusal.cause(), "Old letters' secrets could not be dropped");
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
