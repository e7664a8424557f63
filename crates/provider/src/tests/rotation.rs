//! Signing keys: made once, sealed, rotated, swept.

use domain::KeyState;

use super::*;
use crate::keys::KeysUnusable;

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
    work.add_signing_key(&domain::SigningKeyRecord { sealed: two.sealed.clone(), ..one.clone() })
        .await
        .unwrap();
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
    keys::rotate(&world.app, SigningAlg::ES256).await.unwrap();
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
        .filter(|key| key.alg == SigningAlg::ES256)
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
async fn the_next_rsa_key_is_made_later_and_once() {
    let world = world(&[]).await;
    let count = async || keys::list(&world.app).await.unwrap().len();
    assert_eq!(count().await, 3);
    assert!(keys::complete(&world.app).await.unwrap());
    assert!(!keys::complete(&world.app).await.unwrap());
    assert_eq!(count().await, 4);
    keys::rotate(&world.app, SigningAlg::RS256).await.unwrap();
    assert_eq!(count().await, 5);
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
    keys::rotate(&there, SigningAlg::ES256).await.unwrap();
    let expected = there.keys().current(SigningAlg::ES256).unwrap().kid().to_owned();
    assert_ne!(here.keys().current(SigningAlg::ES256).unwrap().kid(), expected);
    for _ in 0..100 {
        here.tell(Change::Keys).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        if here.keys().current(SigningAlg::ES256).unwrap().kid() == expected {
            following.abort();
            return;
        }
    }
    panic!("not followed");
}
