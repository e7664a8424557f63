//! Promises about the audit trail.

use domain::audit::chain::{AuditBlock, Link, NO_HEAD};
use domain::{
    AccountId, Actor, AuditEntry, AuditEvent, AuditFilter, AuditOrder, DeviceId, Outcome, SessionId,
};
use futures_util::future::join_all;

use super::given::{NOW, at, bytes, kept_account, unit};
use crate::Store;

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
        entry.actor = Some(Actor::Client("import".parse().unwrap()));
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
        let events = event.into_iter().collect();
        let filter = AuditFilter { account, events, since, ..AuditFilter::default() };
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

/// Pages follow one another in both orders, whatever is asked for, and together are what was asked for.
pub async fn pages_of_the_trail_are_whole(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let (phone, session) = (DeviceId::from_random(bytes()), SessionId::from_random(bytes()));
    let events = [
        AuditEvent::SessionStarted,
        AuditEvent::SessionEnded,
        AuditEvent::KeyCreated,
        AuditEvent::KeyRotated,
    ];
    let mut work = unit(store).await;
    for number in 0..120_i64 {
        let outcome = if number % 5 == 0 { Outcome::Refused } else { Outcome::Done };
        let mut entry =
            AuditEntry::new(events[usize::try_from(number % 4).unwrap()], outcome, at(number * 60));
        entry.account = (number % 3 != 0).then_some(if number % 2 == 0 { ada.id } else { bob.id });
        entry.device = (number % 7 == 0).then_some(phone);
        entry.client = (number % 4 == 1).then(|| "shop".parse().unwrap());
        entry.session = (number % 10 == 3).then_some(session);
        entry.actor = (number % 6 == 0).then_some(Actor::Operator);
        entry.detail = Some(format!("Step {number}%_!"));
        work.audit(entry).await.unwrap();
    }
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    let mut names = view.usernames(&[bob.id, AccountId::from_random(bytes()), ada.id]).await.unwrap();
    names.sort_by(|one, other| one.1.cmp(&other.1));
    assert_eq!(names, [(ada.id, "ada".to_owned()), (bob.id, "bob".to_owned())]);
    let all = view.audit_trail(&AuditFilter::default(), 0, 500).await.unwrap();
    let any = AuditFilter::default;
    type Fits = Box<dyn Fn(&AuditEntry) -> bool>;
    let cases: Vec<(AuditFilter, Fits)> = vec![
        (any(), Box::new(|_| true)),
        (AuditFilter { account: Some(ada.id), ..any() }, Box::new(move |e| e.account == Some(ada.id))),
        (AuditFilter { device: Some(phone), ..any() }, Box::new(move |e| e.device == Some(phone))),
        (AuditFilter { client: Some("shop".parse().unwrap()), ..any() }, Box::new(|e| e.client.is_some())),
        (AuditFilter { session: Some(session), ..any() }, Box::new(|e| e.session.is_some())),
        (AuditFilter { actor: Some(Actor::Operator), ..any() }, Box::new(|e| e.actor.is_some())),
        (AuditFilter { actor: Some(Actor::System), ..any() }, Box::new(|_| false)),
        (
            AuditFilter { outcome: Some(Outcome::Refused), ..any() },
            Box::new(|e| e.outcome == Outcome::Refused),
        ),
        (
            AuditFilter { events: vec![AuditEvent::KeyCreated], ..any() },
            Box::new(|e| e.event == AuditEvent::KeyCreated),
        ),
        (
            AuditFilter {
                events: vec![AuditEvent::KeyCreated, AuditEvent::SessionEnded],
                outcome: Some(Outcome::Done),
                ..any()
            },
            Box::new(|e| {
                matches!(e.event, AuditEvent::KeyCreated | AuditEvent::SessionEnded)
                    && e.outcome == Outcome::Done
            }),
        ),
        (
            AuditFilter { events: AuditEvent::ALL.to_vec(), outcome: Some(Outcome::Refused), ..any() },
            Box::new(|e| e.outcome == Outcome::Refused),
        ),
        (
            AuditFilter {
                account: Some(bob.id),
                client: Some("shop".parse().unwrap()),
                events: events[..2].to_vec(),
                ..any()
            },
            Box::new(move |e| {
                e.account == Some(bob.id) && e.client.is_some() && events[..2].contains(&e.event)
            }),
        ),
        (
            AuditFilter { text: Some("STEP 1".into()), ..any() },
            Box::new(|e| e.detail.as_ref().is_some_and(|detail| detail.starts_with("Step 1"))),
        ),
        (
            AuditFilter { text: Some("7%_!".into()), ..any() },
            Box::new(|e| e.detail.as_ref().is_some_and(|detail| detail.ends_with("7%_!"))),
        ),
        (AuditFilter { text: Some("7_!".into()), ..any() }, Box::new(|_| false)),
        (
            AuditFilter { since: Some(at(600)), until: Some(at(3600)), ..any() },
            Box::new(|e| e.at >= at(600) && e.at < at(3600)),
        ),
        (AuditFilter { since: Some(at(1_000_000)), ..any() }, Box::new(|_| false)),
        (
            AuditFilter { account: Some(ada.id), until: Some(at(3000)), ..any() },
            Box::new(move |e| e.account == Some(ada.id) && e.at < at(3000)),
        ),
    ];
    for (filter, fits) in cases {
        let mut wanted: Vec<_> = all.iter().filter(|stored| fits(&stored.entry)).cloned().collect();
        for order in [AuditOrder::OldestFirst, AuditOrder::NewestFirst] {
            let (mut found, mut after) = (Vec::new(), None);
            for _ in 0..100 {
                let page = view.audit_page(&filter, order, after, 7).await.unwrap();
                assert!(page.entries.len() <= 7);
                found.extend(page.entries);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(found, wanted, "{filter:?}");
            wanted.reverse();
        }
    }
}

/// Blocks are added once, in their order, and come back as they were; entries come as they are kept.
pub async fn blocks_are_sealed_once(store: &dyn Store) {
    let mut work = unit(store).await;
    for _ in 0..5 {
        let mut entry = AuditEntry::new(AuditEvent::KeyCreated, Outcome::Done, NOW).by(Actor::System);
        entry.detail = Some("ES256".into());
        work.audit(entry).await.unwrap();
    }
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    assert_eq!(view.audit_head().await.unwrap(), None);
    assert_eq!(view.audit_writers().await.unwrap(), Vec::<String>::new());
    let kept = view.kept_audit(0, 5_000).await.unwrap();
    assert_eq!(kept.len(), 5);
    let words = [
        Some("key.created"),
        Some("done"),
        Some("system"),
        None,
        None,
        None,
        None,
        None,
        None,
        Some("ES256"),
    ];
    assert!(kept.iter().all(|entry| entry.words.each_ref().map(Option::as_deref) == words));
    let mut before = NO_HEAD;
    let mut blocks = Vec::new();
    for (number, entries) in [(1, &kept[..3]), (2, &kept[3..])] {
        let mut link = Link::after(&before, number, "k1");
        entries.iter().for_each(|entry| link.take(entry));
        let linked = link.close().unwrap();
        before = linked.head;
        blocks.push(AuditBlock {
            block: number,
            first: linked.first,
            last: linked.last,
            entries: linked.entries,
            sealed_at: NOW,
            head: linked.head,
            kid: "k1".into(),
            public_key: "{}".into(),
            signature: "a.b.c".into(),
            marks: linked.marks,
        });
    }
    for block in &blocks {
        for is_first in [true, false] {
            let mut work = unit(store).await;
            let mut same = block.clone();
            same.kid.push_str(if is_first { "" } else { "x" });
            assert_eq!(work.seal_audit(&same).await.unwrap(), is_first);
            work.commit().await.unwrap();
        }
        assert_eq!(view.audit_head().await.unwrap().as_ref(), Some(block));
    }
    assert_eq!(view.audit_blocks(0, 100).await.unwrap(), blocks);
    assert_eq!(view.audit_blocks(1, 100).await.unwrap(), blocks[1..]);
}
