//! Promises about units of work, views, and the store as a whole.

use std::time::Duration;

use domain::{AccountId, AuditEntry, AuditEvent, AuditFilter, Outcome, SessionId};
use futures_util::FutureExt as _;
use futures_util::future::join_all;

use super::given::{
    NOW, account, at, bytes, device, enrolment, grant, kept_account, kept_grant, kept_session, passkey,
    session, unit,
};
use crate::{Store, StoreError};

/// What a dropped unit wrote was never there.
pub async fn a_dropped_unit_leaves_nothing(store: &dyn Store) {
    let kept = kept_account(store, "kept").await;
    let gone = account("gone");
    let mut work = unit(store).await;
    work.add_account(&gone).await.unwrap();
    work.make_admin(&kept.id, NOW).await.unwrap();
    work.audit(AuditEntry::new(AuditEvent::AccountCreated, Outcome::Done, NOW)).await.unwrap();
    drop(work);
    // The next unit, and a view.
    let mut work = unit(store).await;
    assert_eq!(work.account(&gone.id).await.unwrap(), None);
    work.add_account(&gone).await.unwrap();
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    assert_eq!(view.account(&gone.id).await.unwrap(), Some(gone));
    assert_eq!(view.account(&kept.id).await.unwrap(), Some(kept));
    assert_eq!(view.audit_trail(&AuditFilter::default(), 0, 10).await.unwrap(), []);
}

/// Of many parallel units those that are dropped leave nothing, and those beside them everything.
pub async fn dropped_units_harm_no_neighbours(store: &dyn Store) {
    let people: Vec<_> = (0..150).map(|number| account(&format!("person-{number:03}"))).collect();
    let outcomes = join_all(people.iter().enumerate().map(|(number, person)| async move {
        let mut work = unit(store).await;
        work.add_account(person).await.unwrap();
        let key = passkey(person.id);
        work.add_passkey(&key).await.unwrap();
        let keeps = number % 3 != 1;
        if keeps {
            work.commit().await.unwrap();
        }
        keeps
    }))
    .await;
    let mut view = store.read().await.unwrap();
    for (person, kept) in people.iter().zip(outcomes) {
        assert_eq!(view.account(&person.id).await.unwrap().is_some(), kept, "{}", person.username);
        assert_eq!(view.passkeys(&person.id).await.unwrap().len(), usize::from(kept));
    }
}

/// Callers that go away in the middle (of waiting, of a statement, of a commit) harm nobody: what was
/// acknowledged is there, what was given up before its commit is not.
pub async fn cancelled_units_harm_no_neighbours(store: &dyn Store) {
    let people: Vec<_> = (0..160).map(|number| account(&format!("person-{number:03}"))).collect();
    let outcomes = join_all(people.iter().enumerate().map(|(number, person)| async move {
        if number % 8 == 1 {
            // Gone while it waits for its turn.
            drop(store.begin().now_or_never());
            return Some(false);
        }
        let mut work = unit(store).await;
        if number % 8 == 3 {
            // Gone while its first statement runs.
            drop(work.add_account(person).now_or_never());
            return Some(false);
        }
        work.add_account(person).await.unwrap();
        if number % 8 == 5 {
            // Gone while its second statement runs.
            drop(work.make_admin(&person.id, NOW).now_or_never());
            return Some(false);
        }
        if number % 8 == 7 {
            // Gone while it commits: either way is right.
            return work.commit().now_or_never().map(|done| done.is_ok());
        }
        work.commit().await.unwrap();
        Some(true)
    }))
    .await;
    // The turn still goes round.
    kept_account(store, "last").await;
    let mut view = store.read().await.unwrap();
    for (person, outcome) in people.iter().zip(outcomes) {
        let is_there = view.account(&person.id).await.unwrap().is_some();
        assert!(outcome.is_none_or(|kept| kept == is_there), "{}: {outcome:?}", person.username);
    }
}

/// A view sees what is committed; a unit sees its own writes besides.
pub async fn a_view_sees_what_is_committed(store: &dyn Store) {
    let ada = account("ada");
    let mut view = store.read().await.unwrap();
    let mut work = unit(store).await;
    work.add_account(&ada).await.unwrap();
    assert_eq!(work.account(&ada.id).await.unwrap().as_ref(), Some(&ada));
    assert_eq!(view.account(&ada.id).await.unwrap(), None);
    work.commit().await.unwrap();
    assert_eq!(view.account(&ada.id).await.unwrap(), Some(ada));
}

/// A statement refused by a rule undoes itself alone: its unit goes on and may commit.
pub async fn a_refused_statement_leaves_the_unit_whole(store: &dyn Store) {
    let (ada, bob) = (account("ada"), account("bob"));
    let mut work = unit(store).await;
    work.add_account(&ada).await.unwrap();
    assert!(matches!(work.add_account(&account("ada")).await, Err(StoreError::Conflict("username"))));
    work.add_account(&bob).await.unwrap();
    work.commit().await.unwrap();
    // Refused as the first statement of its unit.
    let mut work = unit(store).await;
    assert!(matches!(work.add_account(&account("bob")).await, Err(StoreError::Conflict("username"))));
    let carl = account("carl");
    work.add_account(&carl).await.unwrap();
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    for person in [ada, bob, carl] {
        assert!(view.account(&person.id).await.unwrap().is_some());
    }
}

/// What belongs to somebody needs that somebody.
pub async fn a_row_without_its_owner_is_refused(store: &dyn Store) {
    let nobody = AccountId::from_random(bytes());
    let mut work = unit(store).await;
    assert!(work.add_device(&device(nobody), 5).await.is_err());
    assert!(work.add_passkey(&passkey(nobody)).await.is_err());
    assert!(work.add_session(&session(nobody), None).await.is_err());
    work.commit().await.unwrap();
}

/// A good store says so, again and again.
pub async fn the_store_says_whether_it_can_be_written(store: &dyn Store) {
    for _ in 0..3 {
        store.check().await.unwrap();
    }
}

/// The sweep takes what is over, at most so much of each kind, and nothing else (SEC-223).
pub async fn sec_223_the_sweep_takes_what_is_over_in_bounds(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let (mut old_grants, mut old_sessions) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let mut old = session(ada.id);
        old.expires_at = NOW;
        old_sessions.push(kept_session(store, old).await.id);
        let mut old = grant(ada.id, "shop", SessionId::from_random(bytes()));
        old.expires_at = at(-1);
        old_grants.push(kept_grant(store, old).await.id);
    }
    let session = kept_session(store, session(ada.id)).await;
    let grant = kept_grant(store, grant(ada.id, "shop", session.id)).await;
    let fresh = enrolment(ada.id);
    // What became of an enrolment can be seen for ninety days after its end.
    let mut over = enrolment(kept_account(store, "bob").await.id);
    over.expires_at = NOW.before(Duration::from_secs(90 * 24 * 3600));
    let mut work = unit(store).await;
    work.add_enrolment(&fresh).await.unwrap();
    work.add_enrolment(&over).await.unwrap();
    work.commit().await.unwrap();

    assert_eq!(store.sweep(NOW, 2).await.unwrap(), 5, "two sessions, two grants and the enrolment");
    assert_eq!(store.sweep(NOW, 2).await.unwrap(), 2);
    assert_eq!(store.sweep(NOW, 2).await.unwrap(), 0);
    let mut view = store.read().await.unwrap();
    for id in old_sessions {
        assert_eq!(view.session(&id).await.unwrap(), None);
    }
    for id in old_grants {
        assert_eq!(view.grant(&id).await.unwrap(), None);
    }
    assert_eq!(view.session(&session.id).await.unwrap(), Some(session));
    assert!(view.grant(&grant.id).await.unwrap().is_some());
    assert_eq!(view.enrolment(&over.id).await.unwrap(), None);
    assert_eq!(store.sweep(fresh.expires_at, 2).await.unwrap(), 0, "it can still be seen");
    assert!(view.enrolment(&fresh.id).await.unwrap().is_some());
}

/// After the end nothing is begun or read.
pub async fn a_closed_store_refuses(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let mut view = store.read().await.unwrap();
    store.close().await;
    assert!(matches!(store.begin().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(view.account(&ada.id).await, Err(StoreError::Unavailable(_))));
    assert!(store.check().await.is_err());
}

/// Units whose statements were refused, early or late, again and again, do what else they are told.
pub async fn units_go_on_after_many_were_refused(store: &dyn Store) {
    kept_account(store, "ada").await;
    let mut work = unit(store).await;
    for round in 0..40 {
        assert!(matches!(work.add_account(&account("ada")).await, Err(StoreError::Conflict("username"))));
        work.add_account(&account(&format!("person-{round:02}"))).await.unwrap();
        assert!(work.add_session(&session(AccountId::from_random(bytes())), None).await.is_err());
    }
    work.audit(AuditEntry::new(AuditEvent::AccountCreated, Outcome::Done, NOW)).await.unwrap();
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    assert_eq!(view.accounts(crate::Page { after: None, limit: 100 }).await.unwrap().len(), 41);
    assert_eq!(view.audit_trail(&AuditFilter::default(), 0, 10).await.unwrap().len(), 1);
}
