//! Promises about browser sessions and known browsers.

use std::pin::pin;
use std::time::Duration;

use domain::{AccountState, BrowserSession, DeviceId, Method, Proof, SessionEnd, SessionId};

use futures_util::future::{join, join_all};
use futures_util::poll;

use super::given::{
    NOW, at, bytes, grant, hash, kept_account, kept_device, kept_grant, kept_session, revoked_at, session,
    unit,
};
use crate::{SignedIn, Spend, Store, StoreError};

/// A session comes back as it was kept, with its account.
pub async fn a_session_survives_its_row(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let plain = kept_session(store, session(ada.id)).await;
    let mut full = session(ada.id);
    full.device = Some(DeviceId::from_random(bytes()));
    full.proofs.push(Proof { method: Method::Phone, at: NOW, known_browser: true });
    full.proofs.push(Proof { method: Method::Passkey, at: at(1), known_browser: false });
    full.ended = Some((at(2), SessionEnd::Replaced));
    let full = kept_session(store, full).await;
    let mut view = store.read().await.unwrap();
    for session in [plain, full.clone()] {
        assert_eq!(view.session(&session.id).await.unwrap().as_ref(), Some(&session));
        let expected = SignedIn { session: session.clone(), account: ada.clone() };
        assert_eq!(view.session_by_secret(&session.secret_hash).await.unwrap(), Some(expected));
    }
    assert_eq!(view.session(&SessionId::from_random(bytes())).await.unwrap(), None);
    assert_eq!(view.session_by_secret(&hash()).await.unwrap(), None);

    let mut work = unit(store).await;
    let mut same = session(ada.id);
    same.secret_hash = full.secret_hash;
    assert!(matches!(work.add_session(&same, None).await, Err(StoreError::Conflict("session"))));
}

/// Step-up adds the proof and changes the cookie's secret; what is over is not woken.
pub async fn sec_151_a_stronger_session_has_a_new_secret(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let proof = Proof { method: Method::Passkey, at: NOW, known_browser: false };
    let mut bare = session(ada.id);
    bare.proofs.clear();
    for before in [session(ada.id), bare] {
        let before = kept_session(store, before).await;
        let secret = hash();
        let mut work = unit(store).await;
        assert!(work.strengthen_session(&before.id, &proof, &secret, NOW).await.unwrap());
        work.commit().await.unwrap();
        let mut view = store.read().await.unwrap();
        assert_eq!(view.session_by_secret(&before.secret_hash).await.unwrap(), None);
        let after = view.session_by_secret(&secret).await.unwrap().unwrap().session;
        let mut expected = before.clone();
        expected.proofs.push(proof);
        expected.secret_hash = secret;
        expected.last_used_at = NOW;
        assert_eq!(after, expected);
    }
    for over in dead(ada.id) {
        let over = kept_session(store, over).await;
        let mut work = unit(store).await;
        assert!(!work.strengthen_session(&over.id, &proof, &hash(), NOW).await.unwrap());
        work.commit().await.unwrap();
        assert_eq!(store.read().await.unwrap().session(&over.id).await.unwrap(), Some(over));
    }
}

/// Sessions that are over: ended, past their end, idle too long.
fn dead(owner: domain::AccountId) -> [BrowserSession; 3] {
    let (mut ended, mut past, mut idle) = (session(owner), session(owner), session(owner));
    ended.ended = Some((at(-1), SessionEnd::SignedOut));
    past.expires_at = NOW;
    idle.last_used_at = at(-600);
    idle.created_at = at(-700);
    let all = [ended, past, idle];
    assert!(all.iter().all(|session| !session.is_alive(NOW)));
    all
}

/// A late note of use neither turns time back nor wakes a session that is over.
pub async fn a_touch_never_goes_back_or_wakes(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let alive = kept_session(store, session(ada.id)).await;
    let mut work = unit(store).await;
    work.touch_session(&alive.id, at(60)).await.unwrap();
    work.touch_session(&alive.id, at(30)).await.unwrap();
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    assert_eq!(view.session(&alive.id).await.unwrap().unwrap().last_used_at, at(60));
    for over in dead(ada.id) {
        let over = kept_session(store, over).await;
        let mut work = unit(store).await;
        work.touch_session(&over.id, NOW).await.unwrap();
        work.commit().await.unwrap();
        assert_eq!(view.session(&over.id).await.unwrap(), Some(over));
    }
}

/// The end of a session is kept with its reason, and what was made in it is revoked.
pub async fn ending_a_session_revokes_its_grants(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let session = kept_session(store, session(ada.id)).await;
    let inside = kept_grant(store, grant(ada.id, "shop", session.id)).await;
    let outside = kept_grant(store, grant(ada.id, "shop", SessionId::from_random(bytes()))).await;
    let mut work = unit(store).await;
    assert!(work.end_session(&session.id, SessionEnd::SignedOut, at(4)).await.unwrap());
    assert!(!work.end_session(&session.id, SessionEnd::EndedByAdmin, at(5)).await.unwrap());
    assert!(!work.end_session(&SessionId::from_random(bytes()), SessionEnd::SignedOut, NOW).await.unwrap());
    work.commit().await.unwrap();
    let kept = store.read().await.unwrap().session(&session.id).await.unwrap().unwrap();
    assert_eq!(kept.ended, Some((at(4), SessionEnd::SignedOut)));
    assert_eq!(revoked_at(store, &inside.id).await, Some(at(4)));
    assert_eq!(revoked_at(store, &outside.id).await, None);
    for over in dead(ada.id) {
        let over = kept_session(store, over).await;
        let mut work = unit(store).await;
        assert!(!work.end_session(&over.id, SessionEnd::SignedOut, NOW).await.unwrap());
        work.commit().await.unwrap();
    }
}

/// What a phone approved ends with it, and nothing else.
pub async fn ending_the_sessions_of_a_device(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let (phone, tablet) = (DeviceId::from_random(bytes()), DeviceId::from_random(bytes()));
    let by = |device| BrowserSession { device: Some(device), ..session(ada.id) };
    let (first, second) = (kept_session(store, by(phone)).await, kept_session(store, by(phone)).await);
    let other = kept_session(store, by(tablet)).await;
    let [ended, _, _] = dead(ada.id);
    kept_session(store, BrowserSession { device: Some(phone), ..ended }).await;
    let inside = kept_grant(store, grant(ada.id, "shop", first.id)).await;
    let outside = kept_grant(store, grant(ada.id, "shop", other.id)).await;

    let mut work = unit(store).await;
    let mut told = work.end_sessions_of_device(&phone, SessionEnd::EndedByDevice, at(6)).await.unwrap();
    assert_eq!(work.end_sessions_of_device(&phone, SessionEnd::EndedByDevice, at(7)).await.unwrap(), []);
    work.commit().await.unwrap();
    let mut expected = vec![first.id, second.id];
    told.sort();
    expected.sort();
    assert_eq!(told, expected);
    let mut view = store.read().await.unwrap();
    for id in told {
        let end = view.session(&id).await.unwrap().unwrap().ended;
        assert_eq!(end, Some((at(6), SessionEnd::EndedByDevice)));
    }
    assert_eq!(view.session(&other.id).await.unwrap(), Some(other));
    assert_eq!(revoked_at(store, &inside.id).await, Some(at(6)));
    assert_eq!(revoked_at(store, &outside.id).await, None);
}

/// All of an account's sessions end, and no other's.
pub async fn ending_the_sessions_of_an_account(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let (first, second) =
        (kept_session(store, session(ada.id)).await, kept_session(store, session(ada.id)).await);
    let other = kept_session(store, session(bob.id)).await;
    let inside = kept_grant(store, grant(ada.id, "shop", second.id)).await;
    let outside = kept_grant(store, grant(bob.id, "shop", other.id)).await;
    let mut work = unit(store).await;
    let mut told = work.end_sessions_of_account(&ada.id, SessionEnd::EndedByAdmin, at(6)).await.unwrap();
    work.commit().await.unwrap();
    let mut expected = vec![first.id, second.id];
    told.sort();
    expected.sort();
    assert_eq!(told, expected);
    assert_eq!(store.read().await.unwrap().session(&other.id).await.unwrap(), Some(other));
    assert_eq!(revoked_at(store, &inside.id).await, Some(at(6)));
    assert_eq!(revoked_at(store, &outside.id).await, None);
}

/// Living sessions that the phone approved, newest first, at most as many as asked for.
pub async fn the_sessions_of_a_device_are_listed(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let phone = DeviceId::from_random(bytes());
    let mut expected = Vec::new();
    for age in [30, 10, 20] {
        let session = BrowserSession { device: Some(phone), created_at: at(-age), ..session(ada.id) };
        expected.push(kept_session(store, session).await);
    }
    expected.sort_by_key(|session| std::cmp::Reverse(session.created_at));
    kept_session(store, session(ada.id)).await;
    for over in dead(ada.id) {
        kept_session(store, BrowserSession { device: Some(phone), ..over }).await;
    }
    let mut view = store.read().await.unwrap();
    assert_eq!(view.sessions_of_device(&phone, NOW, 50).await.unwrap(), expected);
    assert_eq!(view.sessions_of_device(&phone, NOW, 2).await.unwrap(), expected[..2]);
    assert_eq!(view.sessions_of_device(&DeviceId::from_random(bytes()), NOW, 50).await.unwrap(), []);
}

/// Living sessions of an account, last used first; not those that ended, nor anybody else's.
pub async fn the_sessions_of_an_account_are_listed(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let mut expected = Vec::new();
    for age in [30, 10, 20] {
        let session = BrowserSession { created_at: at(-40), last_used_at: at(-age), ..session(ada.id) };
        expected.push(kept_session(store, session).await);
    }
    expected.sort_by_key(|session| std::cmp::Reverse(session.last_used_at));
    kept_session(store, session(bob.id)).await;
    for over in dead(ada.id) {
        kept_session(store, over).await;
    }
    let mut view = store.read().await.unwrap();
    assert_eq!(view.sessions_of_account(&ada.id, NOW, 50).await.unwrap(), expected);
    assert_eq!(view.sessions_of_account(&ada.id, NOW, 2).await.unwrap(), expected[..2]);
    assert_eq!(view.sessions_of_account(&bob.id, NOW, 50).await.unwrap().len(), 1);
}

/// A browser is known to the accounts that signed in with it, to no other.
pub async fn a_browser_is_known_per_account(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let mark = hash();
    let mut work = unit(store).await;
    assert!(!work.is_known_browser(&ada.id, &mark).await.unwrap());
    for _ in 0..2 {
        work.add_session(&session(ada.id), Some(&mark)).await.unwrap();
    }
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    assert!(view.is_known_browser(&ada.id, &mark).await.unwrap());
    assert!(!view.is_known_browser(&bob.id, &mark).await.unwrap());
    assert!(!view.is_known_browser(&ada.id, &hash()).await.unwrap());
}

/// A QR channel is over once, by a session or by a denial, and a unit that is dropped has not ended it.
pub async fn sec_006_a_channel_ends_once(store: &dyn Store) {
    let channel = hash();
    let mut work = unit(store).await;
    assert!(work.end_channel(&channel, NOW).await.unwrap());
    drop(work);
    let outcomes = join_all((0..20).map(|_| async {
        let mut work = unit(store).await;
        let is_first = work.end_channel(&channel, NOW).await.unwrap();
        work.commit().await.unwrap();
        is_first
    }))
    .await;
    assert_eq!(outcomes.iter().filter(|is_first| **is_first).count(), 1, "{outcomes:?}");

    let mut work = unit(store).await;
    assert!(!work.end_channel(&channel, NOW).await.unwrap());
    assert!(work.end_channel(&hash(), NOW).await.unwrap());
    work.commit().await.unwrap();
}

/// Nobody is signed in to an account that is not active.
pub async fn an_account_that_is_not_active_gets_no_session(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let mut work = unit(store).await;
    work.set_account_state(&ada.id, AccountState::Disabled, NOW).await.unwrap();
    work.commit().await.unwrap();
    let mut work = unit(store).await;
    let refused = work.add_session(&session(ada.id), Some(&hash())).await;
    assert!(matches!(refused, Err(StoreError::Conflict("account_state"))), "{refused:?}");
    drop(work);
    let mut work = unit(store).await;
    work.set_account_state(&ada.id, AccountState::Active, NOW).await.unwrap();
    work.add_session(&session(ada.id), Some(&hash())).await.unwrap();
    work.commit().await.unwrap();
}

/// A session that is being made while those of its account, or of its phone, end: it ends with them, or comes
/// after them (SEC-153).
pub async fn sec_153_what_is_being_made_ends_too(store: &dyn Store) {
    for by_phone in [false, true] {
        let owner = kept_account(store, if by_phone { "ada" } else { "bob" }).await;
        let phone = kept_device(store, owner.id).await;
        let mut made = session(owner.id);
        made.device = Some(phone.id);
        let mut work = unit(store).await;
        assert!(work.device_used(&phone.id, &owner.id, NOW).await.unwrap());
        work.add_session(&made, None).await.unwrap();
        let mut ending = pin!(async {
            let mut work = unit(store).await;
            let why = SessionEnd::EndedByAdmin;
            if by_phone {
                work.end_sessions_of_device(&phone.id, why, NOW).await.unwrap();
            } else {
                work.end_sessions_of_account(&owner.id, why, NOW).await.unwrap();
            }
            work.commit().await.unwrap();
        });
        // It gets as far as it can.
        let mut has_ended = false;
        for _ in 0..20 {
            has_ended = has_ended || poll!(&mut ending).is_ready();
            std::thread::sleep(Duration::from_millis(5));
        }
        let making = async { work.commit().await.unwrap() };
        let ending = async {
            if !has_ended {
                ending.await;
            }
        };
        join(making, ending).await;
        let kept = store.read().await.unwrap().session(&made.id).await.unwrap().unwrap();
        assert!(kept.ended.is_some(), "by phone: {by_phone}");
    }
}

/// Who holds a session while it makes something finds it living, and whoever ends it meanwhile finds what was made;
/// also when this node's clock is behind the one that noted the last use.
pub async fn sec_124_a_session_that_is_held_ends_after_the_unit(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let mut living = session(ada.id);
    living.last_used_at = at(2);
    let living = kept_session(store, living).await;
    let made = grant(ada.id, "shop", living.id);
    let mut work = unit(store).await;
    assert_eq!(work.spend_code(&made, NOW).await.unwrap(), Spend::First);
    assert!(work.hold_session(&living.id).await.unwrap());
    let mut ending = pin!(async {
        let mut work = unit(store).await;
        assert!(work.end_session(&living.id, SessionEnd::SignedOut, at(3)).await.unwrap());
        work.commit().await.unwrap();
    });
    // It gets as far as it can.
    let mut has_ended = false;
    for _ in 0..20 {
        has_ended = has_ended || poll!(&mut ending).is_ready();
        std::thread::sleep(Duration::from_millis(5));
    }
    let making = async { work.commit().await.unwrap() };
    let ending = async {
        if !has_ended {
            ending.await;
        }
    };
    join(making, ending).await;
    assert_eq!(revoked_at(store, &made.id).await, Some(at(3)));
    let mut work = unit(store).await;
    assert!(!work.hold_session(&living.id).await.unwrap());
    assert!(!work.hold_session(&SessionId::from_random(bytes())).await.unwrap());
}
