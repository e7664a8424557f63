//! Promises about counts for charts.

use futures_util::future::join_all;

use super::given::unit;
use crate::{Count, Store};

fn count(hour: i64, name: &str, bucket: u32, count: u64) -> Count {
    Count { hour, name: name.to_owned(), bucket, count }
}

/// What several nodes count adds up; sums are by stretch and name, and by bucket.
pub async fn counts_add_up(store: &dyn Store) {
    let counts = [
        count(100, "qr.claimed", 3, 2),
        count(100, "qr.claimed", 9, 1),
        count(100, "sign_in.password", 0, 7),
        count(101, "qr.claimed", 3, 5),
        count(124, "sign_in.password", 0, 1),
    ];
    join_all((0..10).map(|node| {
        let mut counts = counts.to_vec();
        if node % 2 == 0 {
            counts.reverse();
        }
        async move {
            let mut work = unit(store).await;
            work.count(&counts).await.unwrap();
            work.commit().await.unwrap();
        }
    }))
    .await;
    let mut work = unit(store).await;
    work.count(&[]).await.unwrap();
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    assert_eq!(
        view.counted(0, 1_000, 1).await.unwrap(),
        [
            count(100, "qr.claimed", 0, 30),
            count(100, "sign_in.password", 0, 70),
            count(101, "qr.claimed", 0, 50),
            count(124, "sign_in.password", 0, 10),
        ]
    );
    assert_eq!(
        view.counted(96, 144, 24).await.unwrap(),
        [
            count(96, "qr.claimed", 0, 80),
            count(96, "sign_in.password", 0, 70),
            count(120, "sign_in.password", 0, 10),
        ]
    );
    assert_eq!(view.counted(102, 124, 1).await.unwrap(), []);
    assert_eq!(
        view.histogram("qr.claimed", 100, 101).await.unwrap(),
        [count(100, "qr.claimed", 3, 20), count(100, "qr.claimed", 9, 10)]
    );
    assert_eq!(view.histogram("qr", 0, 1_000).await.unwrap(), []);
}

/// Only sessions that are alive count, up to the number asked for.
pub async fn live_sessions_are_counted(store: &dyn Store) {
    let now = super::given::NOW;
    assert_eq!(store.read().await.unwrap().live_sessions(now, 10).await.unwrap(), 0);
    let ada = super::given::kept_account(store, "ada").await;
    for _ in 0..3 {
        super::given::kept_session(store, super::given::session(ada.id)).await;
    }
    let mut view = store.read().await.unwrap();
    assert_eq!(view.live_sessions(now, 10).await.unwrap(), 3);
    assert_eq!(view.live_sessions(now, 2).await.unwrap(), 2);
    let later = now.after(std::time::Duration::from_secs(400 * 24 * 3600));
    assert_eq!(view.live_sessions(later, 10).await.unwrap(), 0);
}
