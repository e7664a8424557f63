//! Promises about enrolments.

use domain::{
    Cursor, DeviceId, Enrolment, EnrolmentKind, EnrolmentOrigin, EnrolmentOutcome, EnrolmentState, JobId,
    Timestamp,
};
use futures_util::future::join_all;

use super::given::{NOW, at, bytes, enrolment, hash, kept_account, unit};
use crate::{EnrolmentFilter, Store};

fn begun(enrolment: &Enrolment, now: Timestamp) -> Enrolment {
    Enrolment { outcome: Some(EnrolmentOutcome::Begun), ended_at: Some(now), ..enrolment.clone() }
}

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
    assert_eq!(taken.into_iter().flatten().collect::<Vec<_>>(), [begun(&good, at(1))]);

    let mut work = unit(store).await;
    assert_eq!(work.take_enrolment(&hash(), NOW).await.unwrap(), None);
    assert_eq!(work.take_enrolment(&late.token_hash, late.expires_at).await.unwrap(), None);
    let in_time = at(599);
    assert_eq!(work.take_enrolment(&late.token_hash, in_time).await.unwrap(), Some(begun(&late, in_time)));
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
    assert_eq!(work.take_enrolment(&second.token_hash, NOW).await.unwrap(), Some(begun(&second, NOW)));
    assert_eq!(work.take_enrolment(&other.token_hash, NOW).await.unwrap(), Some(begun(&other, NOW)));
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

/// A letter and an enrolment on a screen stand beside each other; a code is good for its account alone, and once.
pub async fn sec_071_a_code_is_taken_once_by_its_account(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let mut letter = enrolment(ada.id);
    letter.kind = EnrolmentKind::Letter;
    letter.code_hash = Some(hash());
    letter.job = Some(JobId::from_random(bytes()));
    letter.expires_at = at(14 * 86_400);
    let mut code = enrolment(ada.id);
    code.kind = EnrolmentKind::Code;
    code.code_hash = Some(hash());
    let mut work = unit(store).await;
    work.add_enrolment(&letter).await.unwrap();
    work.add_enrolment(&code).await.unwrap();
    work.commit().await.unwrap();
    let (paper, screen) = (letter.code_hash.unwrap(), code.code_hash.unwrap());
    let mut work = unit(store).await;
    assert_eq!(work.take_enrolment_by_code(&bob.id, &paper, NOW).await.unwrap(), None);
    assert_eq!(work.take_enrolment_by_code(&ada.id, &hash(), NOW).await.unwrap(), None);
    assert_eq!(work.take_enrolment_by_code(&ada.id, &screen, at(600)).await.unwrap(), None);
    work.commit().await.unwrap();
    let taken = join_all((0..30).map(|_| async {
        let mut work = unit(store).await;
        let taken = work.take_enrolment_by_code(&ada.id, &paper, at(700)).await.unwrap();
        work.commit().await.unwrap();
        taken
    }))
    .await;
    assert_eq!(taken.into_iter().flatten().collect::<Vec<_>>(), [begun(&letter, at(700))]);
    let mut work = unit(store).await;
    assert_eq!(
        work.take_enrolment(&letter.token_hash, at(700)).await.unwrap(),
        None,
        "one secret, two forms"
    );
    assert!(work.take_enrolment_by_code(&ada.id, &screen, NOW).await.unwrap().is_some());
    work.commit().await.unwrap();
}

/// What became of an enrolment stays to be seen; what is over cannot be taken back.
pub async fn an_enrolment_is_seen_after_its_end(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob_b").await);
    let (used, open, taken_back) = (enrolment(ada.id), enrolment(ada.id), enrolment(bob.id));
    let phone = DeviceId::from_random(bytes());
    let mut work = unit(store).await;
    work.add_enrolment(&used).await.unwrap();
    work.take_enrolment(&used.token_hash, at(1)).await.unwrap().unwrap();
    work.complete_enrolment(&used.id, &phone, at(2)).await.unwrap();
    work.add_enrolment(&open).await.unwrap();
    work.add_enrolment(&taken_back).await.unwrap();
    assert!(work.cancel_enrolment(&taken_back.id, at(3)).await.unwrap());
    assert!(!work.cancel_enrolment(&taken_back.id, at(3)).await.unwrap());
    assert!(!work.cancel_enrolment(&used.id, at(3)).await.unwrap());
    assert_eq!(work.take_enrolment(&taken_back.token_hash, at(4)).await.unwrap(), None);
    work.commit().await.unwrap();

    let mut view = store.read().await.unwrap();
    let (kept, owner) = view.enrolment(&used.id).await.unwrap().unwrap();
    assert_eq!(
        (kept.state(at(9)), kept.device, owner.id),
        (EnrolmentState::Ended(EnrolmentOutcome::Completed), Some(phone), ada.id)
    );
    let ids = |found: Vec<(Enrolment, domain::Account)>| {
        found.into_iter().map(|(one, _)| one.id).collect::<Vec<_>>()
    };
    let all = ids(view.enrolments(EnrolmentFilter::default(), None, 10, at(5)).await.unwrap());
    assert_eq!(all.len(), 3);
    let first = view.enrolments(EnrolmentFilter::default(), None, 1, at(5)).await.unwrap().remove(0).0;
    let cursor = Cursor { key: first.created_at.millis().to_string(), id: first.id.to_string() };
    let rest = ids(view.enrolments(EnrolmentFilter::default(), Some(&cursor), 10, at(5)).await.unwrap());
    assert_eq!(rest, all[1..]);
    for (state, id, now) in [
        (EnrolmentState::Open, &open.id, at(5)),
        (EnrolmentState::Expired, &open.id, at(600)),
        (EnrolmentState::Ended(EnrolmentOutcome::Cancelled), &taken_back.id, at(5)),
        (EnrolmentState::Ended(EnrolmentOutcome::Completed), &used.id, at(5)),
    ] {
        let filter = EnrolmentFilter { state: Some(state), ..EnrolmentFilter::default() };
        assert_eq!(ids(view.enrolments(filter, None, 10, now).await.unwrap()), [*id], "{state:?}");
    }
    let by = |search| EnrolmentFilter { search: Some(search), ..EnrolmentFilter::default() };
    assert_eq!(ids(view.enrolments(by("b_"), None, 10, at(5)).await.unwrap()), [taken_back.id]);
    assert_eq!(ids(view.enrolments(by("%"), None, 10, at(5)).await.unwrap()), []);
    let of = EnrolmentFilter {
        account: Some(&ada.id),
        kind: Some(EnrolmentKind::Link),
        ..EnrolmentFilter::default()
    };
    assert_eq!(ids(view.enrolments(of, None, 10, at(5)).await.unwrap()).len(), 2);

    let mut work = unit(store).await;
    assert_eq!(work.cancel_enrolments_of(&ada.id, at(6)).await.unwrap(), 1);
    assert_eq!(work.take_enrolment(&open.token_hash, at(7)).await.unwrap(), None);
    work.commit().await.unwrap();
}
