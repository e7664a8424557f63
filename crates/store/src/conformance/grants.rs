//! Promises about grants and codes.

use domain::{GrantId, SessionId};
use futures_util::future::join_all;

use super::given::{NOW, at, bytes, grant, hash, kept_account, kept_grant, revoked_at, unit};
use crate::{Spend, Store};

/// A grant comes back as it was kept, with its account as it is now.
pub async fn a_grant_is_found_with_its_account(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let grant = kept_grant(store, grant(ada.id, "shop", SessionId::from_random(bytes()))).await;
    let mut view = store.read().await.unwrap();
    assert_eq!(view.grant(&grant.id).await.unwrap(), Some((grant, ada)));
    assert_eq!(view.grant(&GrantId::from_random(bytes())).await.unwrap(), None);
}

/// Of 200 that bring the same code exactly one is first; the grant is revoked for all of them
/// (SEC-113). Codes that come once stay good.
pub async fn sec_113_a_code_is_redeemed_once(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let session = SessionId::from_random(bytes());
    let code = grant(ada.id, "shop", session);
    let other = kept_grant(store, grant(ada.id, "shop", session)).await;
    let spent = join_all((0..200).map(|number| {
        let code = &code;
        async move {
            let mut work = unit(store).await;
            let spent = work.spend_code(code, at(number)).await.unwrap();
            work.commit().await.unwrap();
            spent
        }
    }))
    .await;
    assert_eq!(spent.iter().filter(|spent| **spent == Spend::First).count(), 1);
    let revoked = revoked_at(store, &code.id).await;
    assert!(revoked.is_some());
    assert_eq!(revoked_at(store, &other.id).await, None);

    let mut work = unit(store).await;
    assert_eq!(work.spend_code(&code, at(900)).await.unwrap(), Spend::Again);
    work.commit().await.unwrap();
    assert_eq!(revoked_at(store, &code.id).await, revoked, "the first revocation counts");
}

/// A grant is revoked once, and the time is kept.
pub async fn a_grant_is_revoked_once(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let grant = kept_grant(store, grant(ada.id, "shop", SessionId::from_random(bytes()))).await;
    let mut work = unit(store).await;
    assert!(work.revoke_grant(&grant.id, at(2)).await.unwrap());
    assert!(!work.revoke_grant(&grant.id, at(3)).await.unwrap());
    assert!(!work.revoke_grant(&GrantId::from_random(bytes()), NOW).await.unwrap());
    work.commit().await.unwrap();
    assert_eq!(revoked_at(store, &grant.id).await, Some(at(2)));
}

/// A token that hangs on no grant is revoked, again without harm, and forgotten when it has ended.
pub async fn a_token_without_a_grant_is_revoked(store: &dyn Store) {
    let (token, other) = (hash(), hash());
    let mut work = unit(store).await;
    assert!(!work.is_token_revoked(&token).await.unwrap());
    for _ in 0..2 {
        work.revoke_token(&token, at(60)).await.unwrap();
    }
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    assert!(view.is_token_revoked(&token).await.unwrap());
    assert!(!view.is_token_revoked(&other).await.unwrap());
    assert_eq!(store.sweep(at(59), 10).await.unwrap(), 0);
    assert_eq!(store.sweep(at(60), 10).await.unwrap(), 1);
    assert!(!view.is_token_revoked(&token).await.unwrap());
}

/// Of 64 that bring the same assertion exactly one is first (SEC-117), until it would be refused anyway.
pub async fn sec_117_an_assertion_is_spent_once(store: &dyn Store) {
    let assertion = hash();
    let spent = join_all((0..64).map(|_| async {
        let mut work = unit(store).await;
        let is_first = work.spend_assertion(&assertion, at(60)).await.unwrap();
        work.commit().await.unwrap();
        is_first
    }))
    .await;
    assert_eq!(spent.iter().filter(|is_first| **is_first).count(), 1, "{spent:?}");
    let mut work = unit(store).await;
    assert!(work.spend_assertion(&hash(), at(60)).await.unwrap());
    drop(work);
    assert_eq!(store.sweep(at(59), 10).await.unwrap(), 0);
    let mut work = unit(store).await;
    assert!(!work.spend_assertion(&assertion, at(60)).await.unwrap());
    work.commit().await.unwrap();
    assert_eq!(store.sweep(at(60), 10).await.unwrap(), 1);
}
