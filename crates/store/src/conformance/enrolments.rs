//! Promises about enrolments.

use domain::EnrolmentOrigin;
use futures_util::future::join_all;

use super::given::{NOW, at, enrolment, hash, kept_account, unit};
use crate::Store;

/// Of many that hold the token one gets the enrolment; late ones get nothing.
pub async fn sec_071_an_enrolment_is_taken_once(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let good = enrolment(ada.id);
    let mut late = enrolment(bob.id);
    late.origin = EnrolmentOrigin::Admin;
    late.session = None;
    let mut work = unit(store).await;
    work.add_enrolment(&good).await.unwrap();
    work.add_enrolment(&late).await.unwrap();
    work.commit().await.unwrap();
    let taken = join_all((0..50).map(|_| async {
        let mut work = unit(store).await;
        let taken = work.take_enrolment(&good.token_hash, at(1)).await.unwrap();
        work.commit().await.unwrap();
        taken
    }))
    .await;
    assert_eq!(taken.into_iter().flatten().collect::<Vec<_>>(), [good]);

    let mut work = unit(store).await;
    assert_eq!(work.take_enrolment(&hash(), NOW).await.unwrap(), None);
    assert_eq!(work.take_enrolment(&late.token_hash, late.expires_at).await.unwrap(), None);
    let in_time = at(599);
    assert_eq!(work.take_enrolment(&late.token_hash, in_time).await.unwrap(), Some(late));
    work.commit().await.unwrap();
}

/// An account has one open enrolment: the newest.
pub async fn sec_071_a_new_enrolment_ends_the_earlier(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let (first, second, other) = (enrolment(ada.id), enrolment(ada.id), enrolment(bob.id));
    let mut work = unit(store).await;
    for enrolment in [&first, &other, &second] {
        work.add_enrolment(enrolment).await.unwrap();
    }
    assert_eq!(work.take_enrolment(&first.token_hash, NOW).await.unwrap(), None);
    assert_eq!(work.take_enrolment(&second.token_hash, NOW).await.unwrap(), Some(second));
    assert_eq!(work.take_enrolment(&other.token_hash, NOW).await.unwrap(), Some(other));
    work.commit().await.unwrap();
}

/// Of enrolments that are opened at the same time one is open in the end (SEC-071).
pub async fn sec_071_of_parallel_enrolments_one_is_open(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let offered: Vec<_> = (0..12).map(|_| enrolment(ada.id)).collect();
    join_all(offered.iter().map(|enrolment| async move {
        let mut work = unit(store).await;
        work.add_enrolment(enrolment).await.unwrap();
        work.commit().await.unwrap();
    }))
    .await;
    let mut taken = 0;
    for enrolment in &offered {
        let mut work = unit(store).await;
        taken += u32::from(work.take_enrolment(&enrolment.token_hash, NOW).await.unwrap().is_some());
        work.commit().await.unwrap();
    }
    assert_eq!(taken, 1);
}
