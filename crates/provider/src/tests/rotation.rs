//! Our keys: made once, sealed, rotated, retired, swept, sealed anew.

use app::Refusal;
use domain::{Actor, ContentEncryption, KeyEncryptionAlg, KeyState, KeyUse};
use jose::seal::MasterKey;

use super::*;
use crate::keys::{Haste, KeysUnusable, Retired};

const ES256: KeyUse = KeyUse::Sign(SigningAlg::ES256);

/// The key of a use that stands there.
async fn kid(app: &App, used_for: KeyUse, state: KeyState) -> Option<String> {
    let listed = keys::list(app).await.unwrap();
    listed.into_iter().find(|key| key.used_for == used_for && key.state == state).map(|key| key.kid)
}

#[tokio::test]
async fn sec_190_a_wrong_master_key_fails_closed_and_says_so() {
    let store = store().await;
    let clock = Clock::manual(START);
    let first = app_on(Arc::clone(&store), clock.clone(), 7);
    keys::ensure(&first).await.unwrap();
    let made = keys::list(&first).await.unwrap();
    let again = app_on(Arc::clone(&store), clock.clone(), 7);
    keys::ensure(&again).await.unwrap();
    assert_eq!(keys::list(&again).await.unwrap(), made, "a second start makes no keys");
    let wrong = app_on(Arc::clone(&store), clock, 8);
    let error = keys::ensure(&wrong).await.unwrap_err();
    assert!(matches!(error, KeysUnusable::WrongMasterKey));
    assert!(error.to_string().contains("master key does not fit"));
    assert!(wrong.keys().current(SigningAlg::ES256).is_err());
    let mut view = store.read().await.unwrap();
    for key in view.signing_keys().await.unwrap() {
        assert!(!key.sealed.windows(5).any(|part| part == b"\"kty\""), "nothing of the key is readable");
    }
}

#[tokio::test]
async fn sec_190_exchanged_rows_are_noticed() {
    let world = world(&[]).await;
    let mut work = world.app.store().begin().await.unwrap();
    let kept = work.signing_keys().await.unwrap();
    let (one, two) = (&kept[0], &kept[1]);
    work.delete_signing_key(&one.kid).await.unwrap();
    work.add_signing_key(&domain::KeyRecord { sealed: two.sealed.clone(), ..one.clone() }).await.unwrap();
    work.commit().await.unwrap();
    let error = keys::load(&world.app).await.unwrap_err();
    assert!(matches!(error, KeysUnusable::Damaged(kid) if kid == one.kid));
}

#[tokio::test]
async fn sec_191_a_key_is_published_before_it_signs_and_after() {
    let world = world(&[shop()]).await;
    let published = |world: &World| -> Vec<String> {
        let jwks: Value = serde_json::from_slice(&world.provider.jwks().bytes).unwrap();
        jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    };
    let before = published(&world);
    let old = world.redeem(&world.code(&[]).await, &[]).await.unwrap();
    let early = keys::rotate(&world.app, &Actor::Operator, ES256, Haste::Gentle).await.unwrap_err();
    assert!(
        matches!(early, KeysUnusable::TooSoon { used_for: ES256, wait } if wait > keys::JWKS_MAX_AGE),
        "{early}"
    );
    world.clock.advance(keys::JWKS_MAX_AGE + Duration::from_secs(60));
    keys::rotate(&world.app, &Actor::Operator, ES256, Haste::Gentle).await.unwrap();
    let new = world.redeem(&world.code(&[]).await, &[]).await.unwrap();
    let kid =
        |tokens: &Value| header(tokens["id_token"].as_str().unwrap())["kid"].as_str().unwrap().to_owned();
    assert_ne!(kid(&old), kid(&new));
    assert!(before.contains(&kid(&new)), "who fetched the keys before can verify");
    assert!(published(&world).contains(&kid(&old)), "what was signed before can be verified");
    assert!(world.userinfo(old["access_token"].as_str().unwrap()).await.is_some());
    let mut states: Vec<_> = keys::list(&world.app)
        .await
        .unwrap()
        .into_iter()
        .filter(|key| key.used_for == ES256)
        .map(|key| key.state)
        .collect();
    states.sort_by_key(|state| state.as_str());
    assert_eq!(states, [KeyState::Current, KeyState::Next, KeyState::Retired]);
    assert!(world.events().await.contains(&AuditEvent::KeyRotated));
    assert_eq!(keys::sweep(&world.app).await.unwrap(), 0);
    world.clock.advance(Duration::from_secs(8 * 24 * 3600));
    assert_eq!(keys::sweep(&world.app).await.unwrap(), 1);
    assert!(!published(&world).contains(&kid(&old)));
}

#[tokio::test]
async fn the_slow_keys_are_made_later_and_once() {
    let world = world(&[]).await;
    let count = async || keys::list(&world.app).await.unwrap().len();
    assert_eq!(count().await, 6);
    assert_eq!(world.app.keys().algs(), [SigningAlg::ES256, SigningAlg::RS256, SigningAlg::EdDSA]);
    assert_eq!(world.app.keys().encryption_algs(), [KeyEncryptionAlg::EcdhEs]);
    assert!(keys::complete(&world.app).await.unwrap());
    assert!(!keys::complete(&world.app).await.unwrap());
    assert_eq!(count().await, 10);
    assert_eq!(world.app.keys().algs(), SigningAlg::ALL);
    assert_eq!(world.app.keys().encryption_algs(), KeyEncryptionAlg::ALL);
    keys::rotate(&world.app, &Actor::Operator, KeyUse::Sign(SigningAlg::RS256), Haste::AtOnce).await.unwrap();
    assert_eq!(count().await, 11);
}

#[tokio::test]
async fn sec_136_every_key_is_published_once_and_under_its_own_name() {
    let world = world(&[]).await;
    keys::complete(&world.app).await.unwrap();
    for used_for in KeyUse::all() {
        keys::rotate(&world.app, &Actor::Operator, used_for, Haste::AtOnce).await.unwrap();
    }
    let jwks: Value = serde_json::from_slice(&world.provider.jwks().bytes).unwrap();
    let shown = jwks["keys"].as_array().unwrap();
    // Current, next and retired ones that sign; current ones that decrypt.
    assert_eq!(shown.len(), 3 * SigningAlg::ALL.len() + KeyEncryptionAlg::ALL.len());
    let names: std::collections::BTreeSet<_> = shown.iter().map(|key| key["kid"].as_str().unwrap()).collect();
    assert_eq!(names.len(), shown.len());
    for key in shown {
        assert_eq!(jose::thumbprint(key).unwrap(), key["kid"].as_str().unwrap());
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert!(key.get(private).is_none(), "{private}");
        }
    }
}

#[tokio::test]
async fn what_was_encrypted_before_a_rotation_still_opens() {
    let world = world(&[]).await;
    let used_for = KeyUse::Decrypt(KeyEncryptionAlg::EcdhEs);
    let set = jose::KeySet::parse(&world.provider.jwks().bytes).unwrap();
    let key = set.encryption_key(KeyEncryptionAlg::EcdhEs).unwrap();
    let token = jose::encrypt(key, ContentEncryption::A256Gcm, b"request", None).unwrap();
    keys::rotate(&world.app, &Actor::Operator, used_for, Haste::Gentle).await.unwrap();
    assert_eq!(world.app.keys().open(&token).unwrap(), b"request");
    let now = jose::KeySet::parse(&world.provider.jwks().bytes).unwrap();
    assert_ne!(now.encryption_key(KeyEncryptionAlg::EcdhEs).unwrap().kid(), key.kid());
    world.clock.advance(Duration::from_secs(8 * 24 * 3600));
    keys::sweep(&world.app).await.unwrap();
    assert_eq!(world.app.keys().open(&token), Err(jose::JweError::WrongKey));
}

#[tokio::test]
async fn sec_191_a_key_is_retired_gently_or_removed_at_once() {
    let world = world(&[shop()]).await;
    let app = &world.app;
    let current = async || kid(app, ES256, KeyState::Current).await.unwrap();
    let tokens = world.redeem(&world.code(&[]).await, &[]).await.unwrap();
    let token = tokens["access_token"].as_str().unwrap();
    let first = current().await;
    let early = keys::retire(app, &Actor::Operator, &first, Haste::Gentle).await;
    assert!(matches!(early, Err(KeysUnusable::TooSoon { .. })));
    world.clock.advance(Duration::from_secs(400));
    assert_eq!(keys::retire(app, &Actor::Operator, &first, Haste::Gentle).await.unwrap(), Retired::Kept);
    assert_ne!(current().await, first);
    assert!(world.userinfo(token).await.is_some(), "what it signed is still good");
    let again = keys::retire(app, &Actor::Operator, &first, Haste::Gentle).await;
    assert!(matches!(again, Err(KeysUnusable::RetiredAlready(kid)) if kid == first));
    assert_eq!(keys::retire(app, &Actor::Operator, &first, Haste::AtOnce).await.unwrap(), Retired::Gone);
    assert!(world.userinfo(token).await.is_none(), "what it signed is good no more");
    // A stolen key that signs is gone in one step, however new the next one is.
    let stolen = current().await;
    assert_eq!(keys::retire(app, &Actor::Operator, &stolen, Haste::AtOnce).await.unwrap(), Retired::Gone);
    assert_ne!(current().await, stolen);
    assert!(!String::from_utf8_lossy(&world.provider.jwks().bytes).contains(&stolen));
    assert!(world.events().await.contains(&AuditEvent::KeyRetired));
    // A next one is exchanged for another.
    let next = kid(app, ES256, KeyState::Next).await.unwrap();
    assert_eq!(keys::retire(app, &Actor::Operator, &next, Haste::Gentle).await.unwrap(), Retired::Gone);
    assert_ne!(kid(app, ES256, KeyState::Next).await.unwrap(), next);
    assert!(matches!(
        keys::retire(app, &Actor::Operator, "none", Haste::AtOnce).await,
        Err(KeysUnusable::NoSuchKey(_))
    ));
    assert!(world.redeem(&world.code(&[]).await, &[]).await.is_ok());
}

#[tokio::test]
async fn sec_190_another_wrapping_key_opens_all_that_lasts() {
    let store = store().await;
    let clock = Clock::manual(START);
    let old = app_on(Arc::clone(&store), clock.clone(), 7);
    assert!(matches!(old.lasting_key("x"), Err(Refusal::Unavailable(_))), "not loaded yet");
    keys::ensure(&old).await.unwrap();
    keys::complete(&old).await.unwrap();
    let published = old.keys().jwks();
    let (key, mac) = (old.lasting_key("x").unwrap(), old.lasting_mac("x", b"y").unwrap());
    let sealed = old.lasting_sealer("x").unwrap().seal(b"row", b"secret");

    assert_eq!(keys::rewrap(&old, &MasterKey::new([8; 32])).await.unwrap(), 10);
    let new = app_on(Arc::clone(&store), clock.clone(), 8);
    keys::ensure(&new).await.unwrap();
    assert_eq!(new.keys().jwks(), published);
    assert_eq!((new.lasting_key("x").unwrap(), new.lasting_mac("x", b"y").unwrap()), (key, mac));
    assert_eq!(new.lasting_sealer("x").unwrap().open(b"row", &sealed).unwrap(), b"secret");

    // A node that still runs with the old key serves on, and adds nothing that the others could not open.
    assert!(matches!(keys::load(&old).await, Err(KeysUnusable::WrongMasterKey)));
    assert!(old.keys().current(SigningAlg::ES256).is_ok());
    for refused in [
        keys::rotate(&old, &Actor::Operator, ES256, Haste::AtOnce).await,
        keys::rewrap(&old, &MasterKey::new([9; 32])).await.map(|_| ()),
        keys::ensure(&app_on(Arc::clone(&store), clock.clone(), 7)).await,
    ] {
        assert!(matches!(refused, Err(KeysUnusable::WrongMasterKey)));
    }
    let mut work = store.begin().await.unwrap();
    let next = kid(&new, ES256, KeyState::Next).await.unwrap();
    assert!(work.delete_signing_key(&next).await.unwrap());
    work.commit().await.unwrap();
    assert!(matches!(keys::complete(&old).await, Err(KeysUnusable::WrongMasterKey)));
    assert!(keys::complete(&new).await.unwrap());
    keys::load(&new).await.unwrap();
}

#[tokio::test]
async fn sec_190_a_damaged_data_key_is_noticed() {
    let store = store().await;
    let app = app_on(Arc::clone(&store), Clock::manual(START), 7);
    keys::ensure(&app).await.unwrap();
    let mut work = store.begin().await.unwrap();
    let check = work.setting("wrapping_key_check").await.unwrap().unwrap();
    work.replace_setting("data_key", &check).await.unwrap();
    work.commit().await.unwrap();
    let again = app_on(Arc::clone(&store), Clock::manual(START), 7);
    assert!(matches!(keys::ensure(&again).await, Err(KeysUnusable::DataKeyDamaged)));
    assert!(again.lasting_key("x").is_err());
    assert!(matches!(
        keys::rewrap(&again, &MasterKey::new([8; 32])).await,
        Err(KeysUnusable::DataKeyDamaged)
    ));
}

#[tokio::test]
async fn a_rotation_on_another_node_is_followed() {
    let store = store().await;
    let clock = Clock::manual(START);
    let here = app_on(Arc::clone(&store), clock.clone(), 7);
    keys::ensure(&here).await.unwrap();
    let there = app_on(store, clock, 7);
    keys::ensure(&there).await.unwrap();
    let following = tokio::spawn(keys::follow(here.clone()));
    tokio::task::yield_now().await;
    keys::rotate(&there, &Actor::Operator, ES256, Haste::AtOnce).await.unwrap();
    let expected = there.keys().current(SigningAlg::ES256).unwrap().kid().to_owned();
    assert_ne!(here.keys().current(SigningAlg::ES256).unwrap().kid(), expected);
    for _ in 0..1_000 {
        here.tell(Change::Keys).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        if here.keys().current(SigningAlg::ES256).unwrap().kid() == expected {
            following.abort();
            return;
        }
    }
    panic!("not followed");
}
