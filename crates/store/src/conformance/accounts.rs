//! Promises about accounts, passwords and passkeys.

use domain::{AccountId, AccountState, PasswordHash};
use futures_util::future::join_all;

use super::given::{NOW, account, at, bytes, hash, kept_account, passkey, session, unit};
use crate::{Page, Store, StoreError};

/// An account comes back as it was kept, by every one of its names.
pub async fn an_account_is_found_in_every_way(store: &dyn Store) {
    let mut view = store.read().await.unwrap();
    assert!(!view.has_accounts().await.unwrap());
    let ada = kept_account(store, "Ada").await;
    kept_account(store, "Bob").await;
    assert!(view.has_accounts().await.unwrap());
    assert_eq!(view.account(&ada.id).await.unwrap().as_ref(), Some(&ada));
    assert_eq!(view.account_by_username("ada").await.unwrap().as_ref(), Some(&ada));
    assert_eq!(view.account_by_handle(&ada.webauthn_handle).await.unwrap().as_ref(), Some(&ada));
    assert_eq!(view.account_for_password("ada").await.unwrap(), Some((ada, None, 0)));

    assert_eq!(view.account(&AccountId::from_random(bytes())).await.unwrap(), None);
    assert_eq!(view.account_by_username("Ada").await.unwrap(), None, "asked by the folded name");
    assert_eq!(view.account_by_handle(&bytes()).await.unwrap(), None);
    assert_eq!(view.account_for_password("eve").await.unwrap(), None);
}

/// A folded user name belongs to one account.
pub async fn a_username_is_taken_once(store: &dyn Store) {
    kept_account(store, "ada").await;
    let mut work = unit(store).await;
    let refused = work.add_account(&account("ADA")).await;
    assert!(matches!(refused, Err(StoreError::Conflict("username"))), "{refused:?}");
}

/// Pages follow the folded names and never exceed the limit.
pub async fn accounts_come_in_pages(store: &dyn Store) {
    for name in ["dora", "Bob", "éva", "ada", "Carl"] {
        kept_account(store, name).await;
    }
    let mut view = store.read().await.unwrap();
    let mut seen: Vec<String> = Vec::new();
    loop {
        let after = seen.last().cloned();
        let page = view.accounts(Page { after: after.as_deref(), limit: 2 }).await.unwrap();
        assert!(page.len() <= 2);
        if page.is_empty() {
            break;
        }
        seen.extend(page.iter().map(|account| account.username.key().to_owned()));
    }
    assert_eq!(seen, ["ada", "bob", "carl", "dora", "éva"]);
}

/// A state is set once, and noted.
pub async fn an_account_is_disabled_and_enabled(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let mut work = unit(store).await;
    assert!(work.set_account_state(&ada.id, AccountState::Disabled, NOW).await.unwrap());
    assert!(!work.set_account_state(&ada.id, AccountState::Disabled, at(1)).await.unwrap());
    assert!(
        !work.set_account_state(&AccountId::from_random(bytes()), AccountState::Disabled, NOW).await.unwrap()
    );
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    let kept = view.account(&ada.id).await.unwrap().unwrap();
    assert_eq!((kept.state, kept.updated_at), (AccountState::Disabled, NOW));

    let mut work = unit(store).await;
    assert!(work.set_account_state(&ada.id, AccountState::Active, at(2)).await.unwrap());
    work.commit().await.unwrap();
    assert!(view.account(&ada.id).await.unwrap().unwrap().is_active());
}

/// Wrong passwords in a row are counted, forgotten after a right one, and with a new password.
pub async fn wrong_passwords_are_counted(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let first = PasswordHash { account: ada.id, phc: "$argon2id$one".into(), changed_at: at(-20) };
    let second = PasswordHash { account: ada.id, phc: "$argon2id$two".into(), changed_at: NOW };
    let mut work = unit(store).await;
    assert_eq!(work.count_wrong_password(&ada.id).await.unwrap(), 0, "there is no password");
    work.set_password(&first).await.unwrap();
    assert_eq!(work.count_wrong_password(&ada.id).await.unwrap(), 1);
    assert_eq!(work.count_wrong_password(&ada.id).await.unwrap(), 2);
    let seen = work.account_for_password("ada").await.unwrap();
    assert_eq!(seen, Some((ada.clone(), Some(first), 2)));
    work.forget_wrong_passwords(&ada.id).await.unwrap();
    assert_eq!(work.count_wrong_password(&ada.id).await.unwrap(), 1);
    work.set_password(&second).await.unwrap();
    work.commit().await.unwrap();
    let seen = store.read().await.unwrap().account_for_password("ada").await.unwrap();
    assert_eq!(seen, Some((ada, Some(second), 0)));
}

/// Another hash is kept of the password that it is of, and of no other one.
pub async fn a_password_that_was_replaced_is_not_hashed_anew(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let hash = |phc: &str| PasswordHash { account: ada.id, phc: phc.into(), changed_at: NOW };
    let mut work = unit(store).await;
    assert!(!work.rehash_password(&ada.id, "$old", "$new").await.unwrap());
    work.set_password(&hash("$old")).await.unwrap();
    assert!(work.rehash_password(&ada.id, "$old", "$old, better").await.unwrap());
    work.set_password(&hash("$other")).await.unwrap();
    assert!(!work.rehash_password(&ada.id, "$old, better", "$old, best").await.unwrap());
    work.commit().await.unwrap();
    let seen = store.read().await.unwrap().account_for_password("ada").await.unwrap();
    assert_eq!(seen, Some((ada.clone(), Some(hash("$other")), 0)));
}

/// No guess among many at once is free.
pub async fn parallel_wrong_passwords_are_all_counted(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let mut work = unit(store).await;
    work.set_password(&PasswordHash { account: ada.id, phc: "$x".into(), changed_at: NOW }).await.unwrap();
    work.commit().await.unwrap();
    let mut counts = join_all((0..50).map(|_| async {
        let mut work = unit(store).await;
        let count = work.count_wrong_password(&ada.id).await.unwrap();
        work.commit().await.unwrap();
        count
    }))
    .await;
    counts.sort_unstable();
    assert_eq!(counts, (1..=50).collect::<Vec<u32>>());
}

/// A passkey comes back as it was kept; its credential id belongs to one account.
pub async fn a_passkey_is_known_once(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let mut older = passkey(ada.id);
    older.created_at = at(-60);
    older.device = Some(domain::DeviceId::from_random(bytes()));
    let newer = passkey(ada.id);
    let mut work = unit(store).await;
    work.add_passkey(&newer).await.unwrap();
    work.add_passkey(&older).await.unwrap();
    let mut stolen = passkey(bob.id);
    stolen.credential_id.clone_from(&older.credential_id);
    let refused = work.add_passkey(&stolen).await;
    assert!(matches!(refused, Err(StoreError::Conflict("passkey"))), "{refused:?}");
    work.commit().await.unwrap();

    let mut view = store.read().await.unwrap();
    assert_eq!(view.passkey(&older.credential_id).await.unwrap().as_ref(), Some(&older));
    assert_eq!(view.passkey(&bytes()).await.unwrap(), None);
    assert_eq!(view.passkeys(&ada.id).await.unwrap(), [older, newer.clone()]);
    assert_eq!(view.passkeys(&bob.id).await.unwrap(), []);

    let mut work = unit(store).await;
    assert!(work.passkey_used(&newer.id, r#"{"counter":9}"#, NOW).await.unwrap());
    assert!(!work.passkey_used(&stolen.id, "{}", NOW).await.unwrap());
    work.commit().await.unwrap();
    let used = view.passkey(&newer.credential_id).await.unwrap().unwrap();
    assert_eq!((used.passkey.as_str(), used.last_used_at), (r#"{"counter":9}"#, Some(NOW)));
}

/// The first administrator's key is taken by one; until then a newer one replaces it, afterwards none does.
pub async fn the_first_administrator_is_set_up_once(store: &dyn Store) {
    let (token, other) = (hash(), hash());
    let mut work = unit(store).await;
    assert!(!work.take_admin_setup(&token, NOW).await.unwrap(), "nothing is offered yet");
    assert!(work.offer_admin_setup(&other, NOW).await.unwrap());
    assert!(work.offer_admin_setup(&token, NOW).await.unwrap());
    assert!(!work.take_admin_setup(&other, NOW).await.unwrap(), "a newer one took its place");
    work.commit().await.unwrap();

    let taken = join_all((0..20).map(|_| async {
        let mut work = unit(store).await;
        let taken = work.take_admin_setup(&token, NOW).await.unwrap();
        work.commit().await.unwrap();
        taken
    }))
    .await;
    assert_eq!(taken.iter().filter(|taken| **taken).count(), 1);

    let ada = kept_account(store, "ada").await;
    let session = session(ada.id);
    let mut work = unit(store).await;
    assert!(!work.offer_admin_setup(&other, NOW).await.unwrap(), "also after it was taken");
    work.add_session(&session, None).await.unwrap();
    assert!(work.session_by_secret(&session.secret_hash).await.unwrap().unwrap().account.roles.is_empty());
    work.make_admin(&ada.id, NOW).await.unwrap();
    work.commit().await.unwrap();
    let seen = store.read().await.unwrap().session_by_secret(&session.secret_hash).await.unwrap().unwrap();
    assert!(seen.account.roles.has(domain::Role::Superadmin));
}

/// Of many who ask for the same name at once one has it; the others are told.
pub async fn of_many_who_want_a_username_one_has_it(store: &dyn Store) {
    let outcomes = join_all((0..30).map(|_| async {
        let mut work = unit(store).await;
        let added = work.add_account(&account("ada")).await;
        if added.is_ok() {
            work.commit().await.unwrap();
        }
        added
    }))
    .await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let told = outcomes.iter().filter(|outcome| matches!(outcome, Err(StoreError::Conflict("username"))));
    assert_eq!(told.count(), 29, "{outcomes:?}");
}
