//! A locked database, a runtime that is gone, callers that give up.

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use domain::{AuditEntry, AuditEvent, AuditFilter, Outcome};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use store::{Store as _, StoreError};
use store_sql::{Settings, SqlStore};

use crate::given::{NOW, account, grant, kept_account, raw, store};

#[tokio::test]
async fn sec_212_a_locked_database_is_unavailable_within_two_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latchbolt.db");
    let store = store(&path).await;
    let ada = kept_account(&store).await;
    let mut other = raw(&path).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();

    let start = Instant::now();
    let outcomes = join_all((0..40).map(|_| async {
        let mut work = store.begin().await?;
        work.spend_code(&grant(ada.id), NOW).await?;
        work.commit().await
    }))
    .await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(StoreError::Unavailable(_)))));
    assert!(matches!(store.check().await, Err(StoreError::Unavailable(_))));
    // All units waited together, the check after them.
    assert!(start.elapsed() < Duration::from_millis(3900), "{:?}", start.elapsed());
    // Reading goes on.
    assert!(store.read().await.unwrap().account(&ada.id).await.unwrap().is_some());

    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    let mut work = store.begin().await.unwrap();
    let kept = grant(ada.id);
    work.spend_code(&kept, NOW).await.unwrap();
    work.commit().await.unwrap();
    assert!(store.read().await.unwrap().grant(&kept.id).await.unwrap().is_some());
    store.check().await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn a_new_database_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latchbolt.db");
    let store = store(&path).await;
    kept_account(&store).await;
    for end in ["", "-wal", "-shm"] {
        let file = folder.path().join(format!("latchbolt.db{end}"));
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    store.close().await;
}

#[tokio::test]
async fn a_temporary_database_goes_with_its_store() {
    let before = temporary_folders();
    let store = SqlStore::open(Settings::temporary()).await.unwrap();
    kept_account(&store).await;
    let made: Vec<_> = temporary_folders().into_iter().filter(|folder| !before.contains(folder)).collect();
    assert!(!made.is_empty());
    store.close().await;
    drop(store);
    // Other tests of this program make some too; one of those seen is gone.
    assert!(made.iter().any(|folder| !folder.exists()));
}

fn temporary_folders() -> Vec<std::path::PathBuf> {
    let mine = format!("latchbolt-{}-", std::process::id());
    std::fs::read_dir(std::env::temp_dir())
        .unwrap()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&mine)))
        .collect()
}

#[tokio::test]
async fn a_unit_that_gave_up_a_statement_cannot_go_on() {
    let store = SqlStore::open(Settings::temporary()).await.unwrap();
    let ada = kept_account(&store).await;
    let (first, second) = (grant(ada.id), grant(ada.id));
    // On a busy machine the connection's thread may answer before the first poll is over: then again.
    let mut work = loop {
        let mut work = store.begin().await.unwrap();
        if work.spend_code(&first, NOW).now_or_never().is_none() {
            break work;
        }
    };
    assert!(matches!(work.spend_code(&second, NOW).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(work.commit().await, Err(StoreError::Unavailable(_))));
    let mut work = store.begin().await.unwrap();
    assert!(work.grant(&first.id).await.unwrap().is_none());
    assert!(work.grant(&second.id).await.unwrap().is_none());
    drop(work);
    store.close().await;
}

#[tokio::test]
async fn neighbours_of_a_dropped_unit_keep_what_they_wrote_once() {
    let store = SqlStore::open(Settings::temporary()).await.unwrap();
    let ada = kept_account(&store).await;
    // One holds the turn while the others line up: all of them share a batch.
    let mut holder = store.begin().await.unwrap();
    holder.spend_code(&grant(ada.id), NOW).await.unwrap();
    let grants: Vec<_> = (0..30).map(|_| grant(ada.id)).collect();
    let others = join_all(grants.iter().enumerate().map(|(number, grant)| {
        let store = store.clone();
        async move {
            let mut work = store.begin().await.unwrap();
            work.spend_code(grant, NOW).await.unwrap();
            let mut entry = AuditEntry::new(AuditEvent::CodeRedeemed, Outcome::Done, NOW);
            entry.detail = Some(number.to_string());
            work.audit(entry).await.unwrap();
            if number % 10 == 9 {
                drop(work);
            } else {
                work.commit().await.unwrap();
            }
        }
    }));
    let release = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        holder.commit().await.unwrap();
    };
    tokio::join!(others, release);
    let mut view = store.read().await.unwrap();
    for (number, grant) in grants.iter().enumerate() {
        let kept = view.grant(&grant.id).await.unwrap();
        assert_eq!(kept.is_some(), number % 10 != 9, "{number}");
        assert!(
            kept.is_none_or(|(grant, _)| grant.revoked_at.is_none()),
            "run again, a code is not replayed"
        );
    }
    let told = view.audit_trail(&AuditFilter::default(), 0, 500).await.unwrap();
    assert_eq!(told.len(), 27);
    store.close().await;
}

#[test]
fn a_store_outlives_the_runtime_it_was_opened_on() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let (store, ada) = first.block_on(async {
        let store = SqlStore::open(Settings::temporary()).await.unwrap();
        let ada = kept_account(&store).await;
        (store, ada)
    });
    // A unit is dropped where its undoing cannot be run any more.
    let mut work = first.block_on(store.begin()).unwrap();
    first.block_on(work.spend_code(&grant(ada.id), NOW)).unwrap();
    drop(first);
    drop(work);
    runtime().block_on(async {
        // The first unit after it may be refused, then all is well.
        let mut refused = 0;
        loop {
            let mut work = store.begin().await.unwrap();
            let spent = work.spend_code(&grant(account().id), NOW).await;
            match spent {
                Ok(_) => break work.commit().await.unwrap(),
                Err(_) => refused += 1,
            }
            drop(work);
            tokio::task::yield_now().await;
            assert!(refused < 3);
        }
        store.close().await;
    });
}
