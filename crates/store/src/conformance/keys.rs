//! Promises about signing keys and settings.

use domain::{KeyEncryptionAlg, KeyRecord, KeyState, KeyUse, SigningAlg};
use futures_util::future::join_all;

use super::given::{NOW, at, unit};
use crate::{Store, StoreError};

fn key(kid: &str, state: KeyState) -> KeyRecord {
    KeyRecord {
        kid: kid.into(),
        used_for: KeyUse::Sign(SigningAlg::ES256),
        state,
        sealed: vec![0, 1, 255],
        created_at: NOW,
        retired_at: None,
    }
}

/// Keys come back as they were kept, oldest first; a kid is known once.
pub async fn a_signing_key_survives_its_row(store: &dyn Store) {
    let (current, mut next, mut retired) =
        (key("b", KeyState::Current), key("a", KeyState::Next), key("c", KeyState::Retired));
    next.used_for = KeyUse::Sign(SigningAlg::PS256);
    retired.used_for = KeyUse::Decrypt(KeyEncryptionAlg::EcdhEs);
    next.created_at = at(1);
    retired.created_at = at(-100);
    retired.retired_at = Some(at(-1));
    let mut work = unit(store).await;
    for key in [&current, &next, &retired] {
        work.add_signing_key(key).await.unwrap();
    }
    let refused = work.add_signing_key(&current).await;
    assert!(matches!(refused, Err(StoreError::Conflict("kid"))), "{refused:?}");
    work.commit().await.unwrap();
    let kept = store.read().await.unwrap().signing_keys().await.unwrap();
    assert_eq!(kept, [retired, current, next]);
}

/// A key moves to a state, with the time of its retirement, and is removed for good.
pub async fn a_signing_key_moves_and_goes(store: &dyn Store) {
    let mut work = unit(store).await;
    work.add_signing_key(&key("a", KeyState::Next)).await.unwrap();
    assert!(work.move_signing_key("a", KeyState::Current, NOW).await.unwrap());
    assert!(!work.move_signing_key("a", KeyState::Current, NOW).await.unwrap());
    assert!(!work.move_signing_key("b", KeyState::Current, NOW).await.unwrap());
    assert_eq!(work.signing_keys().await.unwrap(), [key("a", KeyState::Current)]);
    assert!(work.move_signing_key("a", KeyState::Retired, at(9)).await.unwrap());
    assert_eq!(work.signing_keys().await.unwrap()[0].retired_at, Some(at(9)));
    assert!(work.delete_signing_key("a").await.unwrap());
    assert!(!work.delete_signing_key("a").await.unwrap());
    work.commit().await.unwrap();
    assert_eq!(store.read().await.unwrap().signing_keys().await.unwrap(), []);
}

/// Of many nodes that start together one's value is kept, and all are told it.
pub async fn a_setting_is_kept_once(store: &dyn Store) {
    assert_eq!(store.read().await.unwrap().setting("issuer").await.unwrap(), None);
    let told = join_all((0..20).map(|number| async move {
        let mut work = unit(store).await;
        let kept = work.keep_setting("issuer", &format!("https://{number}.example")).await.unwrap();
        work.commit().await.unwrap();
        kept
    }))
    .await;
    let kept = store.read().await.unwrap().setting("issuer").await.unwrap().unwrap();
    assert!(told.iter().all(|value| *value == kept), "{told:?}");
    assert_eq!(store.read().await.unwrap().setting("other").await.unwrap(), None);
    let mut work = unit(store).await;
    for name in ["issuer", "other"] {
        work.replace_setting(name, "https://new.example").await.unwrap();
    }
    work.commit().await.unwrap();
    for name in ["issuer", "other"] {
        let kept = store.read().await.unwrap().setting(name).await.unwrap();
        assert_eq!(kept.as_deref(), Some("https://new.example"), "{name}");
    }
}

/// Nodes that start together all look, find no key, and make one: one of them does.
pub async fn of_nodes_that_find_no_key_one_makes_it(store: &dyn Store) {
    join_all((0..12).map(|number| async move {
        let mut work = unit(store).await;
        if work.signing_keys().await.unwrap().is_empty() {
            work.add_signing_key(&key(&format!("key-{number}"), KeyState::Current)).await.unwrap();
        }
        work.commit().await.unwrap();
    }))
    .await;
    assert_eq!(store.read().await.unwrap().signing_keys().await.unwrap().len(), 1);
}

/// A key's sealed form is replaced and nothing else of it.
pub async fn a_signing_key_is_sealed_anew(store: &dyn Store) {
    let (one, other) = (key("a", KeyState::Current), key("b", KeyState::Next));
    let mut work = unit(store).await;
    work.add_signing_key(&one).await.unwrap();
    work.add_signing_key(&other).await.unwrap();
    assert!(work.reseal_signing_key("a", &[9, 0, 9]).await.unwrap());
    assert!(!work.reseal_signing_key("c", &[1]).await.unwrap());
    work.commit().await.unwrap();
    let kept = store.read().await.unwrap().signing_keys().await.unwrap();
    assert_eq!(kept, [KeyRecord { sealed: vec![9, 0, 9], ..one }, other]);
}
