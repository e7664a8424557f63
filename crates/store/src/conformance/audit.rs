//! Promises about the audit trail.

use domain::{AuditEntry, AuditEvent, DeviceId, Outcome, SessionId};
use futures_util::future::join_all;

use super::given::{NOW, at, bytes, kept_account, unit};
use crate::{AuditFilter, Store};

/// Entries come back as they were kept, in their order, with rising numbers.
pub async fn every_event_survives_its_row(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let mut kept = Vec::new();
    let mut work = unit(store).await;
    for event in AuditEvent::ALL {
        let mut entry = AuditEntry::new(*event, Outcome::Refused, NOW);
        entry.account = Some(ada.id);
        entry.device = Some(DeviceId::from_random(bytes()));
        entry.client = Some("shop".parse().unwrap());
        entry.session = Some(SessionId::from_random(bytes()));
        entry.address = Some("192.0.2.7".into());
        entry.other_address = Some("2001:db8::1".into());
        entry.detail = Some("a \"quoted\" word, ünïcode, \\".into());
        work.audit(entry.clone()).await.unwrap();
        let bare = AuditEntry::new(*event, Outcome::Done, at(1));
        work.audit(bare.clone()).await.unwrap();
        kept.extend([entry, bare]);
    }
    work.commit().await.unwrap();

    let mut view = store.read().await.unwrap();
    let trail = view.audit_trail(&AuditFilter::default(), 0, 500).await.unwrap();
    assert!(trail.windows(2).all(|pair| pair[0].number < pair[1].number));
    assert_eq!(trail.iter().map(|stored| stored.entry.clone()).collect::<Vec<_>>(), kept);

    // A unit with one entry and nothing else.
    let mut single = kept[0].clone();
    single.detail = None;
    let mut work = unit(store).await;
    work.audit(single.clone()).await.unwrap();
    work.commit().await.unwrap();
    let after = trail.last().unwrap().number;
    let last = view.audit_trail(&AuditFilter::default(), after, 500).await.unwrap();
    assert_eq!(last.into_iter().map(|stored| stored.entry).collect::<Vec<_>>(), [single]);
}

/// Filters by account, event and time narrow each other; numbers and limits cut.
pub async fn entries_are_filtered(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let mut work = unit(store).await;
    for (second, owner) in [(0, Some(ada.id)), (1, Some(bob.id)), (2, None), (3, Some(ada.id))] {
        for event in [AuditEvent::SessionStarted, AuditEvent::SessionEnded] {
            let mut entry = AuditEntry::new(event, Outcome::Done, at(second));
            entry.account = owner;
            work.audit(entry).await.unwrap();
        }
    }
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    let ended = Some(AuditEvent::SessionEnded);
    for (account, event, since, count) in [
        (None, None, None, 8),
        (Some(ada.id), None, None, 4),
        (Some(ada.id), ended, None, 2),
        (Some(ada.id), ended, Some(at(1)), 1),
        (None, ended, Some(at(1)), 3),
        (None, None, Some(at(4)), 0),
    ] {
        let filter = AuditFilter { account, event, since };
        let found = view.audit_trail(&filter, 0, 500).await.unwrap();
        assert_eq!(found.len(), count, "{filter:?}");
    }
    let first = view.audit_trail(&AuditFilter::default(), 0, 3).await.unwrap();
    assert_eq!(first.len(), 3);
    let rest = view.audit_trail(&AuditFilter::default(), first[2].number, 500).await.unwrap();
    assert_eq!(rest.len(), 5);
}

/// What parallel units tell is all there, each unit's entries in their order.
pub async fn entries_of_parallel_units_are_all_kept(store: &dyn Store) {
    join_all((0..60).map(|number| async move {
        let mut work = unit(store).await;
        for part in ["first", "second"] {
            let mut entry = AuditEntry::new(AuditEvent::PasswordTried, Outcome::Done, NOW);
            entry.detail = Some(format!("{number} {part}"));
            work.audit(entry).await.unwrap();
        }
        // Some are dropped: their entries go with them.
        if number % 4 != 3 {
            work.commit().await.unwrap();
        }
    }))
    .await;
    let trail = store.read().await.unwrap().audit_trail(&AuditFilter::default(), 0, 500).await.unwrap();
    let told: Vec<String> = trail.into_iter().filter_map(|stored| stored.entry.detail).collect();
    assert_eq!(told.len(), 90);
    for number in 0..60 {
        let place = |part: &str| told.iter().position(|text| *text == format!("{number} {part}"));
        match (place("first"), place("second")) {
            (Some(first), Some(second)) => assert!(number % 4 != 3 && first < second, "{number}"),
            (None, None) => assert_eq!(number % 4, 3),
            other => panic!("{number}: {other:?}"),
        }
    }
}
