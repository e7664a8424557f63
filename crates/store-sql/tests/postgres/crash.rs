//! What was acknowledged outlives the server, killed in the middle of commits; what was given up is not there.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use backing::{PgOptions, Postgres};
use domain::{AccountId, AuditEntry, AuditEvent, AuditFilter, GrantId, Outcome};
use store::{Spend, Store as _, StoreError};
use store_sql::{PgSettings, SqlStore};

use crate::given::{NOW, grant, kept_account, open};

#[derive(Default)]
struct Heard {
    kept: BTreeSet<GrantId>,
    revoked: BTreeSet<GrantId>,
    dropped: BTreeSet<GrantId>,
    refused: u32,
}

/// One after the other, until it is time; what fails fails as `Unavailable`, in time.
async fn write(store: SqlStore, ada: AccountId, heard: Arc<Mutex<Heard>>, is_over: Arc<AtomicBool>) {
    for round in 0_u32.. {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        let grant = grant(ada);
        let start = Instant::now();
        let kept = async {
            let mut work = store.begin().await?;
            work.spend_code(&grant, NOW).await?;
            let mut entry = AuditEntry::new(AuditEvent::CodeRedeemed, Outcome::Done, NOW);
            entry.detail = Some(grant.id.to_string());
            work.audit(entry).await?;
            if round % 7 == 3 {
                heard.lock().unwrap().dropped.insert(grant.id);
                return Ok(());
            }
            work.commit().await?;
            heard.lock().unwrap().kept.insert(grant.id);
            if round % 3 == 0 {
                let mut work = store.begin().await?;
                work.revoke_grant(&grant.id, NOW).await?;
                work.commit().await?;
                heard.lock().unwrap().revoked.insert(grant.id);
            }
            Ok(())
        };
        match kept.await {
            Ok(()) => {}
            Err(StoreError::Unavailable(_)) => {
                heard.lock().unwrap().refused += 1;
                assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

/// Waits until that is so.
async fn becomes(heard: &Mutex<Heard>, is_so: impl Fn(&Heard) -> bool) {
    let start = Instant::now();
    while !is_so(&heard.lock().unwrap()) {
        assert!(start.elapsed() < Duration::from_secs(30), "nothing happens");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn look(store: &SqlStore, heard: &Mutex<Heard>) {
    let heard = std::mem::take(&mut *heard.lock().unwrap());
    assert!(!heard.kept.is_empty() && !heard.dropped.is_empty() && heard.refused > 0);
    let mut view = store.read().await.unwrap();
    for id in &heard.kept {
        let (grant, _) = view.grant(id).await.unwrap().unwrap_or_else(|| panic!("{id} was lost"));
        assert!(!heard.revoked.contains(id) || grant.revoked_at.is_some(), "{id} is good again");
    }
    for id in &heard.dropped {
        assert!(view.grant(id).await.unwrap().is_none(), "{id} was dropped");
    }
    let (mut told, mut after) = (BTreeSet::new(), 0);
    loop {
        let page = view.audit_trail(&AuditFilter::default(), after, 500).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.number;
        told.extend(page.into_iter().filter_map(|stored| stored.entry.detail));
    }
    assert!(heard.kept.iter().all(|id| told.contains(&id.to_string())));
    assert!(heard.dropped.iter().all(|id| !told.contains(&id.to_string())));
    for id in heard.kept.iter().take(20) {
        let mut spent = grant(AccountId::from_random([0; 16]));
        spent.id = *id;
        let mut work = store.begin().await.unwrap();
        assert_eq!(work.spend_code(&spent, NOW).await.unwrap(), Spend::Again);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_080_sec_210_sec_212_what_was_acknowledged_survives_kill_9() {
    let server = Arc::new(Postgres::start(PgOptions { fsync: true, ..PgOptions::default() }));
    let store = open(PgSettings::new(server.url("postgres"))).await;
    let ada = kept_account(&store, "ada").await.id;
    for round in 0..6 {
        let (heard, is_over) = (Arc::new(Mutex::new(Heard::default())), Arc::new(AtomicBool::new(false)));
        let writers: Vec<_> = (0..12)
            .map(|_| tokio::spawn(write(store.clone(), ada, Arc::clone(&heard), Arc::clone(&is_over))))
            .collect();
        // Long enough that there is something to lose, also where the machine is busy.
        tokio::time::sleep(Duration::from_millis(250 + 61 * round)).await;
        becomes(&heard, |heard| !heard.kept.is_empty() && !heard.dropped.is_empty()).await;
        let killed = Arc::clone(&server);
        tokio::task::spawn_blocking(move || {
            killed.kill9();
            std::thread::sleep(Duration::from_millis(100));
            killed.start_again();
        })
        .await
        .unwrap();
        // The server answers; so must the store, soon.
        let start = Instant::now();
        while store.check().await.is_err() {
            assert!(start.elapsed() < Duration::from_secs(5), "not back in time");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        becomes(&heard, |heard| heard.refused > 0).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        is_over.store(true, Ordering::Relaxed);
        for writer in writers {
            writer.await.unwrap();
        }
        look(&store, &heard).await;
    }
}
