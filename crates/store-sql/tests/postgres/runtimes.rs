//! Several runtimes over one store, as the server's workers are: each ends when it will, and takes its
//! connections along.

use store::Store as _;

use crate::given::{database, kept_account, open, settings};

/// A worker in a thread of its own that does something and ends.
async fn worker(store: &store_sql::SqlStore, name: &'static str) {
    let store = store.clone();
    let ended = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            kept_account(&store, name).await;
            store.read().await.unwrap().has_accounts().await.unwrap();
        });
    });
    ended.await.unwrap();
}

#[tokio::test]
async fn a_worker_that_ended_breaks_no_other_s_units() {
    for connections in [1, 8] {
        let mut wanted = settings(&database());
        wanted.connections = connections;
        let store = open(wanted).await;
        for name in ["ada", "bob", "eve"] {
            worker(&store, name).await;
        }
        for name in ["joe", "kim", "lea"] {
            kept_account(&store, name).await;
        }
        assert!(store.read().await.unwrap().has_accounts().await.unwrap());
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_is_busy_holds_nobody_up() {
    let mut wanted = settings(&database());
    wanted.connections = 8;
    let store = open(wanted).await;
    // The one connection there is.
    let mut held = store.begin().await.unwrap();
    held.has_accounts().await.unwrap();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let (go_on, may_go_on) = tokio::sync::oneshot::channel::<()>();
    let (busy, is_busy) = tokio::sync::oneshot::channel();
    let worker = tokio::task::spawn_blocking({
        let store = store.clone();
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut work = store.begin().await.unwrap();
                work.has_accounts().await.unwrap();
                begun.send(()).unwrap();
                may_go_on.await.unwrap();
                work.commit().await.unwrap();
                busy.send(()).unwrap();
                // Nothing else of this worker moves, the wires of its connections neither.
                std::thread::sleep(std::time::Duration::from_secs(4));
            });
        }
    });
    has_begun.await.unwrap();
    held.commit().await.unwrap();
    go_on.send(()).unwrap();
    is_busy.await.unwrap();
    for number in 0..10 {
        kept_account(&store, &format!("joe{number}")).await;
    }
    assert!(!worker.is_finished(), "the worker was to be busy all the while");
    worker.await.unwrap();
}
