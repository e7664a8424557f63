//! Promises about phones.

use domain::list::Cursor;
use domain::{
    AccountState, Actor, AddedBy, Attestation, Device, DeviceId, DeviceKey, DeviceKind, DeviceRecord,
    DeviceSort, DeviceState, KeyAlg,
};
use futures_util::future::join_all;

use super::given::{NOW, at, bytes, cas_device, device, kept_account, kept_device, passkey, unit};
use crate::{ApprovalNote, ChangeNote, DeviceFilter, Page, Store, StoreError};

const ALL: &[DeviceState] =
    &[DeviceState::Pending, DeviceState::Active, DeviceState::Suspended, DeviceState::Revoked];

/// A phone comes back as it was kept.
pub async fn a_device_survives_its_row(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let first = device(ada.id);
    let mut second = device(ada.id);
    second.kind = DeviceKind::App;
    second.key = second.key.map(|key| DeviceKey { alg: KeyAlg::EdDSA, public: vec![0; 32], ..key });
    second.verifies_user = false;
    second.passkey = None;
    second.state = DeviceState::Pending;
    second.added_by = AddedBy::Admin;
    second.agreed_at = None;
    second.created_at = NOW;
    second.last_used_at = Some(NOW);
    second.record = DeviceRecord {
        model: Some("Pixel".into()),
        attestation: Attestation::Verified,
        attested_by: Some("packed".into()),
        added_by_account: Some(bob.id),
        last_place: Some("DE".into()),
        last_browser: Some("Firefox on Linux".into()),
        last_approved_at: Some(at(-1)),
        changed_by: Some(Actor::Operator),
        changed_why: Some("lost".into()),
        version: 7,
        ..DeviceRecord::new(NOW)
    };
    let mut third = device(ada.id);
    third.state = DeviceState::Revoked;
    third.added_by = AddedBy::Desktop;
    third.created_at = at(1);
    let mut work = unit(store).await;
    for device in [&third, &second, &first] {
        assert!(work.add_device(device, 10).await.unwrap());
    }
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    for device in [&first, &second, &third] {
        assert_eq!(view.device(&device.id).await.unwrap().as_ref(), Some(device));
    }
    assert_eq!(view.devices_of(&ada.id).await.unwrap(), [first, second, third]);
    assert_eq!(view.devices_of(&bob.id).await.unwrap(), []);
    assert_eq!(view.device(&DeviceId::from_random(bytes())).await.unwrap(), None);
}

/// One answer holds the phone, its owner and the passkey that verifies its user.
pub async fn a_device_acts_with_its_owner_and_passkey(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let mut phone = device(ada.id);
    let mut key = passkey(ada.id);
    key.device = Some(phone.id);
    phone.passkey = Some(key.id);
    let mut bare = device(ada.id);
    bare.passkey = None;
    // A row that names another's passkey gets none.
    let foreign = passkey(bob.id);
    let mut wrong = device(ada.id);
    wrong.passkey = Some(foreign.id);
    let mut work = unit(store).await;
    for device in [&phone, &bare, &wrong] {
        assert!(work.add_device(device, 10).await.unwrap());
    }
    work.add_passkey(&key).await.unwrap();
    work.add_passkey(&foreign).await.unwrap();
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    for (device, passkey) in [(phone, Some(key)), (bare, None), (wrong, None)] {
        let seen = view.device_to_act(&device.id).await.unwrap();
        assert_eq!(seen, Some((device, ada.clone(), passkey)));
    }
    assert_eq!(view.device_to_act(&DeviceId::from_random(bytes())).await.unwrap(), None);
}

/// Pages follow the ids.
pub async fn devices_come_in_pages(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(kept_device(store, ada.id).await.id.to_string());
    }
    ids.sort();
    let mut view = store.read().await.unwrap();
    let first = view.devices(Page { after: None, limit: 2 }).await.unwrap();
    let rest = view.devices(Page { after: Some(&ids[1]), limit: 500 }).await.unwrap();
    let seen: Vec<String> = first.iter().chain(&rest).map(|device| device.id.to_string()).collect();
    assert_eq!((first.len(), seen), (2, ids));
}

/// A device key belongs to one phone, also a revoked one's (SEC-072, SEC-081).
pub async fn sec_072_a_key_is_known_once(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let mut revoked = device(ada.id);
    revoked.state = DeviceState::Revoked;
    let mut work = unit(store).await;
    assert!(work.add_device(&revoked, 5).await.unwrap());
    for owner in [ada.id, bob.id] {
        let mut again = device(owner);
        again.key = revoked.key.clone();
        let refused = work.add_device(&again, 5).await;
        assert!(matches!(refused, Err(StoreError::Conflict("device_key"))), "{refused:?}");
    }
    work.commit().await.unwrap();
}

/// Of many parallel enrolments of one account no more than the limit succeed; revoked phones do not
/// count, other people's neither.
pub async fn sec_074_parallel_enrolments_stop_at_the_limit(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let mut revoked = device(ada.id);
    revoked.state = DeviceState::Revoked;
    let mut work = unit(store).await;
    assert!(work.add_device(&revoked, 3).await.unwrap());
    assert!(work.add_device(&device(bob.id), 3).await.unwrap());
    work.commit().await.unwrap();
    let added = join_all((0..40).map(|_| async {
        let mut work = unit(store).await;
        let added = work.add_device(&device(ada.id), 3).await.unwrap();
        work.commit().await.unwrap();
        added
    }))
    .await;
    assert_eq!(added.iter().filter(|added| **added).count(), 3);
    assert_eq!(store.read().await.unwrap().devices_of(&ada.id).await.unwrap().len(), 4);
}

/// Phones move between states as asked; revoked is for good, whatever is asked.
pub async fn sec_081_a_revoked_device_never_returns(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let phone = kept_device(store, ada.id).await;
    let mut work = unit(store).await;
    let (active, suspended) = (DeviceState::Active, DeviceState::Suspended);
    assert!(!work.move_device(&phone.id, None, &[suspended], active, NOW).await.unwrap());
    assert!(
        work.move_device(&phone.id, None, &[DeviceState::Pending, active], suspended, NOW).await.unwrap()
    );
    assert_eq!(work.device(&phone.id).await.unwrap().unwrap().state, suspended);
    assert!(work.move_device(&phone.id, Some(&ada.id), &[suspended], active, NOW).await.unwrap());
    assert!(work.move_device(&phone.id, Some(&ada.id), ALL, DeviceState::Revoked, NOW).await.unwrap());
    for to in ALL {
        assert!(!work.move_device(&phone.id, None, ALL, *to, NOW).await.unwrap(), "{to:?}");
    }
    work.commit().await.unwrap();
    let kept = store.read().await.unwrap().device(&phone.id).await.unwrap().unwrap();
    assert_eq!(kept.state, DeviceState::Revoked);
}

/// A phone moves only for its owner, or for one who asks without naming an owner.
pub async fn sec_083_a_stranger_moves_no_device(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let phone = kept_device(store, ada.id).await;
    let mut work = unit(store).await;
    assert!(!work.move_device(&phone.id, Some(&bob.id), ALL, DeviceState::Revoked, NOW).await.unwrap());
    let unknown = DeviceId::from_random(bytes());
    assert!(!work.move_device(&unknown, None, ALL, DeviceState::Revoked, NOW).await.unwrap());
    assert!(!work.device_used(&phone.id, &bob.id, NOW).await.unwrap());
    work.commit().await.unwrap();
    assert_eq!(store.read().await.unwrap().device(&phone.id).await.unwrap(), Some(phone));
}

/// The note of use is the check: both phone and account must be active at that moment.
pub async fn sec_036_only_the_active_are_used(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let phone = kept_device(store, ada.id).await;
    let mut work = unit(store).await;
    assert!(work.device_used(&phone.id, &ada.id, at(3)).await.unwrap());
    assert_eq!(work.device(&phone.id).await.unwrap().unwrap().last_used_at, Some(at(3)));
    work.set_account_state(&ada.id, AccountState::Disabled, NOW).await.unwrap();
    assert!(!work.device_used(&phone.id, &ada.id, at(4)).await.unwrap());
    work.set_account_state(&ada.id, AccountState::Active, NOW).await.unwrap();
    assert!(work.device_used(&phone.id, &ada.id, at(5)).await.unwrap());
    for state in [DeviceState::Suspended, DeviceState::Revoked] {
        work.move_device(&phone.id, None, ALL, state, NOW).await.unwrap();
        assert!(!work.device_used(&phone.id, &ada.id, at(6)).await.unwrap(), "{state:?}");
    }
    work.commit().await.unwrap();
    let kept = store.read().await.unwrap().device(&phone.id).await.unwrap().unwrap();
    assert_eq!(kept.last_used_at, Some(at(5)));
}

/// Of many rotations of one key one is done; the key before it never comes back, for no phone (SEC-081, SEC-082).
pub async fn sec_082_one_key_follows_another(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let phone = kept_device(store, ada.id).await;
    let first = thumbprint(&phone);
    let done = join_all((0..20).map(|_| async {
        let next = key(ada.id);
        let mut work = unit(store).await;
        let done = work.rotate_device_key(&phone.id, &first, &next, at(1)).await.unwrap();
        work.commit().await.unwrap();
        done.then_some(next)
    }))
    .await;
    let [second] = done.into_iter().flatten().collect::<Vec<_>>().try_into().unwrap();
    let mut work = unit(store).await;
    assert_eq!(work.device(&phone.id).await.unwrap().unwrap().key.as_ref(), Some(&second));
    let old = phone.key.clone().unwrap();
    let back = work.rotate_device_key(&phone.id, &second.thumbprint, &old, at(2)).await;
    assert!(matches!(back, Err(StoreError::Conflict("device_key"))), "{back:?}");
    let mut other = device(ada.id);
    other.key = phone.key.clone();
    let again = work.add_device(&other, 9).await;
    assert!(matches!(again, Err(StoreError::Conflict("device_key"))), "{again:?}");
    let third = key(ada.id);
    assert!(!work.rotate_device_key(&phone.id, &first, &third, at(3)).await.unwrap());
    work.move_device(&phone.id, None, ALL, DeviceState::Suspended, at(3)).await.unwrap();
    assert!(!work.rotate_device_key(&phone.id, &second.thumbprint, &third, at(3)).await.unwrap());
    work.commit().await.unwrap();
    let keys = store.read().await.unwrap().keys_of_device(&phone.id).await.unwrap();
    let seen: Vec<_> = keys.iter().map(|key| (key.thumbprint.as_str(), key.ended_at)).collect();
    assert_eq!(seen, [(first.as_str(), Some(at(1))), (second.thumbprint.as_str(), None)]);
}

/// Another phone takes a phone's place: key and what goes with it are the new one's, the rest stays.
pub async fn a_device_is_bound_to_another_phone(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let old = kept_device(store, ada.id).await;
    let mut new = Device { id: old.id, name: old.name.clone(), ..device(ada.id) };
    new.kind = DeviceKind::App;
    new.passkey = None;
    new.platform = "iOS".into();
    new.record.model = Some("iPhone".into());
    let mut work = unit(store).await;
    assert!(!work.rebind_device(&new, "another", at(5)).await.unwrap());
    assert!(work.rebind_device(&new, &thumbprint(&old), at(5)).await.unwrap());
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    let seen = view.device(&old.id).await.unwrap().unwrap();
    assert_eq!(
        (&seen.key, seen.kind, seen.passkey, seen.platform.as_str()),
        (&new.key, DeviceKind::App, None, "iOS")
    );
    assert_eq!((seen.created_at, seen.record.verified_at, seen.state), (old.created_at, at(5), old.state));
    assert_eq!(view.keys_of_device(&old.id).await.unwrap().len(), 2);
}

/// An approval counts for the key that the phone has, while phone and account are active (SEC-079, SEC-082).
pub async fn sec_079_only_the_key_in_use_approves(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let phone = kept_device(store, ada.id).await;
    let note = ApprovalNote { key: phone.thumbprint(), place: Some("DE"), browser: "Firefox" };
    let mut work = unit(store).await;
    assert!(work.device_approved(&phone.id, &ada.id, &note, at(1)).await.unwrap());
    let seen = work.device(&phone.id).await.unwrap().unwrap().record;
    assert_eq!((seen.last_place.as_deref(), seen.last_browser.as_deref()), (Some("DE"), Some("Firefox")));
    assert_eq!((seen.last_approved_at, seen.version), (Some(at(1)), 1));
    for key in [Some("another"), None] {
        let other = ApprovalNote { key, ..note };
        assert!(!work.device_approved(&phone.id, &ada.id, &other, at(2)).await.unwrap());
    }
    assert!(!work.device_approved(&phone.id, &kept_nobody(), &note, at(2)).await.unwrap());
    work.set_account_state(&ada.id, AccountState::Disabled, NOW).await.unwrap();
    assert!(!work.device_approved(&phone.id, &ada.id, &note, at(2)).await.unwrap());
    work.set_account_state(&ada.id, AccountState::Active, NOW).await.unwrap();
    work.move_device(&phone.id, None, ALL, DeviceState::Revoked, at(2)).await.unwrap();
    assert!(!work.device_approved(&phone.id, &ada.id, &note, at(3)).await.unwrap());
    work.commit().await.unwrap();
}

fn kept_nobody() -> domain::AccountId {
    domain::AccountId::from_random(bytes())
}

/// Changes are noted with their actor and reason, and make the version grow; a verification makes the phone seen.
pub async fn a_device_tells_who_changed_it(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let phone = kept_device(store, ada.id).await;
    let mut work = unit(store).await;
    assert_eq!(work.hold_device(&phone.id).await.unwrap().as_ref(), Some(&phone));
    assert_eq!(work.hold_device(&DeviceId::from_random(bytes())).await.unwrap(), None);
    let by = Actor::Account(ada.id);
    work.note_device_change(&phone.id, &ChangeNote { by: &by, why: Some("lost") }, at(4)).await.unwrap();
    assert!(work.rename_device(&phone.id, "Élan").await.unwrap());
    assert!(work.device_verified(&phone.id, &ada.id, at(6)).await.unwrap());
    assert!(!work.device_verified(&phone.id, &kept_nobody(), at(7)).await.unwrap());
    let seen = work.device(&phone.id).await.unwrap().unwrap();
    assert_eq!((seen.name.as_str(), seen.record.version, seen.seen_at()), ("Élan", 2, at(6)));
    let record = seen.record;
    assert_eq!(
        (record.changed_at, record.changed_by, record.changed_why.as_deref()),
        (at(4), Some(by), Some("lost"))
    );
    work.move_device(&phone.id, None, ALL, DeviceState::Revoked, at(7)).await.unwrap();
    assert!(!work.rename_device(&phone.id, "again").await.unwrap());
    assert!(!work.device_verified(&phone.id, &ada.id, at(8)).await.unwrap());
    work.commit().await.unwrap();
}

/// Lists are sorted, filtered, and go on where the page before ended.
pub async fn devices_are_found_sorted_and_filtered(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let mut phones = Vec::new();
    for (n, (owner, name)) in
        [(ada.id, "Éa"), (ada.id, "alpha"), (bob.id, "Beta"), (bob.id, "beta")].iter().enumerate()
    {
        let mut phone = device(*owner);
        phone.name = (*name).to_owned();
        phone.created_at = at(i64::try_from(n).unwrap());
        phone.record = DeviceRecord::new(phone.created_at);
        phones.push(phone);
    }
    phones[1].state = DeviceState::Suspended;
    phones[2].kind = DeviceKind::App;
    phones[0].last_used_at = Some(at(100));
    let mut work = unit(store).await;
    for phone in &phones {
        assert!(work.add_device(phone, 9).await.unwrap());
    }
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    let all = DeviceFilter::default();
    for (sort, key) in [
        (
            DeviceSort::Created,
            (|device: &Device| device.created_at.millis().to_string()) as fn(&Device) -> String,
        ),
        (DeviceSort::Used, |device| device.seen_at().millis().to_string()),
        (DeviceSort::Name, |device| device.name.to_lowercase()),
    ] {
        for descending in [false, true] {
            let whole = view.find_devices(&all, sort, descending, None, 10).await.unwrap();
            assert_eq!(whole.len(), 4, "{sort:?}");
            let mut walked = Vec::new();
            let mut after: Option<Cursor> = None;
            loop {
                let page = view.find_devices(&all, sort, descending, after.as_ref(), 1).await.unwrap();
                let Some(last) = page.last() else { break };
                after = Some(Cursor { key: key(&last.device), id: last.device.id.to_string() });
                walked.extend(page);
            }
            assert_eq!(walked, whole, "{sort:?} {descending}");
            let mut turned = view.find_devices(&all, sort, !descending, None, 10).await.unwrap();
            turned.reverse();
            assert_eq!(turned, whole, "{sort:?} {descending}");
        }
    }
    let newest = view.find_devices(&all, DeviceSort::Created, true, None, 1).await.unwrap();
    assert_eq!((&newest[0].device, newest[0].username.as_str()), (&phones[3], "bob"));
    let thumbprint = thumbprint(&phones[3]);
    let id = phones[0].id.to_string();
    let filters = [
        (DeviceFilter { state: Some(DeviceState::Suspended), ..all }, vec![1]),
        (DeviceFilter { kind: Some(DeviceKind::App), ..all }, vec![2]),
        (DeviceFilter { attestation: Some(Attestation::Verified), ..all }, vec![]),
        (DeviceFilter { unused_since: Some(at(2)), ..all }, vec![1]),
        (DeviceFilter { query: Some("BETA"), ..all }, vec![2, 3]),
        (DeviceFilter { query: Some("é"), ..all }, vec![0]),
        (DeviceFilter { query: Some("ad"), ..all }, vec![0, 1]),
        (DeviceFilter { query: Some(&thumbprint), ..all }, vec![3]),
        (DeviceFilter { query: Some(&id), ..all }, vec![0]),
        (DeviceFilter { query: Some("%"), ..all }, vec![]),
    ];
    for (filter, expected) in filters {
        let found = view.find_devices(&filter, DeviceSort::Created, false, None, 10).await.unwrap();
        let found: Vec<_> = found.into_iter().map(|listed| listed.device).collect();
        let expected: Vec<_> = expected.into_iter().map(|n: usize| phones[n].clone()).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
}

fn thumbprint(device: &Device) -> String {
    device.thumbprint().unwrap().to_owned()
}

fn key(owner: domain::AccountId) -> DeviceKey {
    device(owner).key.unwrap()
}

/// A phone with a CAS app is found by its name, with its owner, while it is not revoked (SEC-068).
pub async fn sec_068_a_cas_app_is_found_by_its_name(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let app = cas_device(ada.id, "my.phone");
    let mut work = unit(store).await;
    assert!(work.add_device(&app, 5).await.unwrap());
    assert!(work.add_device(&cas_device(bob.id, "other"), 5).await.unwrap());
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    assert_eq!(view.device(&app.id).await.unwrap().as_ref(), Some(&app));
    assert_eq!(view.device_to_act(&app.id).await.unwrap(), Some((app.clone(), ada.clone(), None)));
    assert_eq!(view.device_by_cas_name("my.phone").await.unwrap(), Some((app.clone(), ada.clone())));
    for unknown in ["", "my.phon", "my.phone2", "%", "My.Phone"] {
        assert_eq!(view.device_by_cas_name(unknown).await.unwrap(), None, "{unknown}");
    }
    assert_eq!(view.keys_of_device(&app.id).await.unwrap(), [], "it has no key and had none");
    let names = ["my.phone".to_owned(), "no\"body".to_owned()];
    assert_eq!(view.devices_with_cas_names(&names).await.unwrap(), std::slice::from_ref(&app));
    let filter = DeviceFilter { kind: Some(DeviceKind::Cas), ..DeviceFilter::default() };
    assert_eq!(view.find_devices(&filter, DeviceSort::Created, false, None, 9).await.unwrap().len(), 2);
    drop(view);
    for (to, is_found) in [(DeviceState::Suspended, true), (DeviceState::Revoked, false)] {
        let mut work = unit(store).await;
        assert!(work.move_device(&app.id, None, ALL, to, at(1)).await.unwrap());
        let found = work.device_by_cas_name("my.phone").await.unwrap();
        assert_eq!(found.map(|(device, _)| device.state), is_found.then_some(to));
        assert_eq!(work.devices_with_cas_names(&names).await.unwrap().len(), usize::from(is_found));
        work.commit().await.unwrap();
    }
}

/// The name of a CAS app belongs to one phone at a time: nobody takes it over, of many at once one has it (SEC-084).
pub async fn sec_084_a_cas_name_is_never_taken_over(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let owners = [ada.id, bob.id];
    let made = join_all((0..20).map(|n| async move {
        let app = cas_device(owners[n % 2], "phone");
        let mut work = unit(store).await;
        let made = work.add_device(&app, 50).await;
        if let Err(refused) = made {
            assert!(matches!(refused, StoreError::Conflict("cas_name")), "{refused:?}");
            return None;
        }
        work.commit().await.unwrap();
        Some(app)
    }))
    .await;
    let [first] = made.into_iter().flatten().collect::<Vec<_>>().try_into().unwrap();
    let mut work = unit(store).await;
    let again = work.add_device(&cas_device(bob.id, "phone"), 50).await;
    assert!(matches!(again, Err(StoreError::Conflict("cas_name"))), "{again:?}");
    // A refusal leaves the unit as it was; a name that was given up is free.
    assert!(work.move_device(&first.id, None, ALL, DeviceState::Revoked, at(1)).await.unwrap());
    assert!(work.add_device(&cas_device(bob.id, "phone"), 50).await.unwrap());
    assert!(!work.move_device(&first.id, None, ALL, DeviceState::Active, at(2)).await.unwrap());
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    let (_, owner) = view.device_by_cas_name("phone").await.unwrap().unwrap();
    assert_eq!(owner.id, bob.id);
}

/// A phone without a key never gets one, and approves as one without (SEC-065).
pub async fn sec_065_a_cas_app_never_gets_a_key(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let app = cas_device(ada.id, "phone");
    let phone = kept_device(store, ada.id).await;
    let mut work = unit(store).await;
    assert!(work.add_device(&app, 5).await.unwrap());
    let whatever_stands_there = format!("cas:{}", app.id);
    let new = key(ada.id);
    for old in [whatever_stands_there.as_str(), "phone", ""] {
        assert!(!work.rotate_device_key(&app.id, old, &new, at(1)).await.unwrap());
        let other = Device { id: app.id, ..device(ada.id) };
        assert!(!work.rebind_device(&other, old, at(1)).await.unwrap());
    }
    let nameless = Device { id: phone.id, ..cas_device(ada.id, "another") };
    assert!(!work.rebind_device(&nameless, &thumbprint(&phone), at(1)).await.unwrap());
    let note = ApprovalNote { key: None, place: Some("DE"), browser: "Firefox" };
    assert!(work.device_approved(&app.id, &ada.id, &note, at(2)).await.unwrap());
    for key in [Some("phone"), Some(""), phone.thumbprint()] {
        assert!(!work.device_approved(&app.id, &ada.id, &ApprovalNote { key, ..note }, at(3)).await.unwrap());
    }
    for (key, cas_name) in [(None, None), (Some(new.clone()), Some("x".to_owned()))] {
        let odd = Device { key, cas_name, ..cas_device(ada.id, "odd") };
        assert!(work.add_device(&odd, 9).await.is_err(), "a phone has a key or a name");
    }
    work.commit().await.unwrap();
    let seen = store.read().await.unwrap().device(&app.id).await.unwrap().unwrap();
    assert_eq!((seen.key, seen.cas_name.as_deref(), seen.kind), (None, Some("phone"), DeviceKind::Cas));
}
