//! Promises about phones.

use domain::{AccountState, AddedBy, DeviceId, DeviceKind, DeviceState, KeyAlg};
use futures_util::future::join_all;

use super::given::{NOW, at, bytes, device, kept_account, kept_device, passkey, unit};
use crate::{Page, Store, StoreError};

const ALL: &[DeviceState] =
    &[DeviceState::Pending, DeviceState::Active, DeviceState::Suspended, DeviceState::Revoked];

/// A phone comes back as it was kept.
pub async fn a_device_survives_its_row(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let first = device(ada.id);
    let mut second = device(ada.id);
    second.kind = DeviceKind::App;
    second.key.alg = KeyAlg::EdDSA;
    second.key.public = vec![0; 32];
    second.verifies_user = false;
    second.passkey = None;
    second.state = DeviceState::Pending;
    second.added_by = AddedBy::Admin;
    second.agreed_at = None;
    second.created_at = NOW;
    second.last_used_at = Some(NOW);
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
