//! Units in each other's way, and more than there is room for.

use std::time::{Duration, Instant};

use domain::{AccountState, PasswordHash, Timestamp};
use futures_util::future::join_all;
use store::{Spend, Store as _, StoreError};

use crate::given::{NOW, database, fresh, grant, kept_account, open, settings};

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_millis(NOW.millis() + seconds * 1000)
}

#[tokio::test]
async fn a_deadlock_is_contended_for_one_and_nothing_of_it_is_done() {
    let (store, _) = fresh().await;
    let (ada, bob) = (kept_account(&store, "ada").await, kept_account(&store, "bob").await);
    let (mut one, mut other) = (store.begin().await.unwrap(), store.begin().await.unwrap());
    one.make_admin(&ada.id, later(1)).await.unwrap();
    other.make_admin(&bob.id, later(2)).await.unwrap();
    let (first, second) =
        tokio::join!(one.make_admin(&bob.id, later(1)), other.make_admin(&ada.id, later(2)));
    let (lost, won) = match (&first, &second) {
        (Err(StoreError::Contended(_)), Ok(())) => (one, other),
        (Ok(()), Err(StoreError::Contended(_))) => (other, one),
        both => panic!("{both:?}"),
    };
    let at = if first.is_ok() { later(1) } else { later(2) };
    let mut lost = lost;
    assert!(matches!(lost.account(&ada.id).await, Err(StoreError::Contended(_))));
    assert!(matches!(lost.commit().await, Err(StoreError::Contended(_))));
    won.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    for id in [ada.id, bob.id] {
        assert_eq!(view.account(&id).await.unwrap().unwrap().updated_at, at);
    }
}

#[tokio::test]
async fn sec_212_a_lock_that_does_not_come_is_contended_in_time() {
    let (store, _) = fresh().await;
    let ada = kept_account(&store, "ada").await;
    let mut holder = store.begin().await.unwrap();
    holder.make_admin(&ada.id, NOW).await.unwrap();
    let start = Instant::now();
    let mut waiting = store.begin().await.unwrap();
    let refused = waiting.set_account_state(&ada.id, AccountState::Disabled, NOW).await;
    assert!(matches!(refused, Err(StoreError::Contended(_) | StoreError::Unavailable(_))), "{refused:?}");
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    holder.commit().await.unwrap();
    assert!(store.read().await.unwrap().account(&ada.id).await.unwrap().unwrap().is_active());
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_unavailable() {
    let mut short = settings(&database());
    short.statement_timeout = Duration::from_millis(200);
    short.patience = Duration::from_secs(5);
    let store = open(short).await;
    let ada = kept_account(&store, "ada").await;
    let mut holder = store.begin().await.unwrap();
    holder.make_admin(&ada.id, NOW).await.unwrap();
    let start = Instant::now();
    let mut waiting = store.begin().await.unwrap();
    let refused = waiting.make_admin(&ada.id, NOW).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert!(waiting.commit().await.is_err());
    holder.commit().await.unwrap();
}

#[tokio::test]
async fn sec_212_no_connection_left_is_unavailable_in_time() {
    let mut few = settings(&database());
    few.connections = 2;
    let store = open(few).await;
    let ada = kept_account(&store, "ada").await;
    let (one, other) = (store.begin().await.unwrap(), store.begin().await.unwrap());
    let start = Instant::now();
    let (unit, read) =
        tokio::join!(store.begin(), async { store.read().await.unwrap().account(&ada.id).await });
    assert!(matches!(unit.err(), Some(StoreError::Unavailable(_))));
    assert!(matches!(read, Err(StoreError::Unavailable(_))));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    drop(one);
    other.commit().await.unwrap();
    assert!(store.read().await.unwrap().account(&ada.id).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_113_of_nodes_that_redeem_a_code_at_once_one_is_first() {
    let database = database();
    let nodes = join_all((0..3).map(|_| open(settings(&database)))).await;
    let ada = kept_account(&nodes[0], "ada").await;
    for _ in 0..20 {
        let code = grant(ada.id);
        let spent = join_all(nodes.iter().cycle().take(9).map(|node| async {
            let mut work = node.begin().await.unwrap();
            let spent = work.spend_code(&code, NOW).await.unwrap();
            work.commit().await.unwrap();
            spent
        }))
        .await;
        assert_eq!(spent.iter().filter(|spent| **spent == Spend::First).count(), 1);
        let kept = nodes[1].read().await.unwrap().grant(&code.id).await.unwrap().unwrap().0;
        assert_eq!(kept.revoked_at, Some(NOW));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_pool_serves_many() {
    let mut few = settings(&database());
    few.connections = 3;
    let store = open(few).await;
    let ada = kept_account(&store, "ada").await;
    let hash = PasswordHash { account: ada.id, phc: "$".into(), changed_at: NOW };
    let mut work = store.begin().await.unwrap();
    work.set_password(&hash).await.unwrap();
    work.commit().await.unwrap();
    join_all((0..200).map(|number| {
        let store = store.clone();
        async move {
            let mut work = store.begin().await.unwrap();
            work.count_wrong_password(&ada.id).await.unwrap();
            if number % 2 == 0 {
                work.commit().await.unwrap();
            }
        }
    }))
    .await;
    let kept = store.read().await.unwrap().account_for_password("ada").await.unwrap().unwrap();
    assert_eq!(kept.2, 100);
}
