//! What the store promises about second factors, recovery codes and recoveries.

use domain::{
    Actor, DeviceState, Held, ListedRecovery, Recovery, RecoveryId, RecoveryState, SecretHash, SessionEnd,
    Totp,
};

use futures_util::future::join_all;

use super::given::{self, NOW, at, bytes, hash, unit};
use crate::{RecoveryFilter, Store, StoreError};

fn recovery(account: &domain::AccountId) -> Recovery {
    Recovery {
        id: RecoveryId::from_random(bytes()),
        account: *account,
        state: RecoveryState::Waiting,
        reason: "lost the phone \u{1F4F1}".to_owned(),
        opened_by: Actor::Operator,
        opened_at: NOW,
        ready_at: at(3600),
        expires_at: at(7200),
        completed: None,
        token_hash: None,
        ended_at: None,
        cancelled_by: None,
    }
}

/// What an account holds is counted; passkeys of stopped phones and used codes are not.
pub async fn what_is_held_is_counted(store: &dyn Store) {
    let account = given::account("ada");
    let mut work = unit(store).await;
    work.add_account(&account).await.unwrap();
    assert_eq!(work.factors_held(&account.id).await.unwrap(), Some(Held::default()));
    assert_eq!(work.factors_held(&domain::AccountId::from_random(bytes())).await.unwrap(), None);
    let own = given::passkey(account.id);
    let mut of_phone = given::passkey(account.id);
    let mut phone = given::device(account.id);
    of_phone.device = Some(phone.id);
    phone.passkey = Some(of_phone.id);
    work.add_passkey(&own).await.unwrap();
    work.add_passkey(&of_phone).await.unwrap();
    assert!(work.add_device(&phone, 5).await.unwrap());
    let totp = Totp { account: account.id, sealed: vec![1, 2, 3], last_step: 7, confirmed_at: at(-5) };
    assert!(work.add_totp(&totp).await.unwrap());
    let codes = [hash(), hash(), hash()];
    work.replace_recovery_codes(&account.id, &codes, NOW).await.unwrap();
    assert!(work.take_recovery_code(&account.id, &codes[0], NOW).await.unwrap());
    let held = work.factors_held(&account.id).await.unwrap().unwrap();
    let since = [own.created_at, of_phone.created_at, phone.created_at, at(-5)].into_iter().min();
    let all = Held {
        totp_since: Some(at(-5)),
        recovery_codes: 2,
        passkeys: 2,
        phones: 1,
        other_since: since,
        ..Held::default()
    };
    assert_eq!(held, all);
    let from = [DeviceState::Active];
    assert!(work.move_device(&phone.id, None, &from, DeviceState::Suspended, NOW).await.unwrap());
    let held = work.factors_held(&account.id).await.unwrap().unwrap();
    assert_eq!((held.passkeys, held.phones), (1, 0), "a stopped phone takes its passkey with it");
    work.commit().await.unwrap();

    // A phone that was stopped was there; one that waits was not.
    let account = given::account("bob");
    let mut work = unit(store).await;
    work.add_account(&account).await.unwrap();
    let (waiting, mut stopped) = (given::device(account.id), given::device(account.id));
    stopped.created_at = at(-9);
    let waiting = domain::Device { state: DeviceState::Pending, ..waiting };
    assert!(work.add_device(&waiting, 5).await.unwrap());
    assert_eq!(work.factors_held(&account.id).await.unwrap().unwrap().other_since, None);
    assert!(work.add_device(&stopped, 5).await.unwrap());
    assert!(work.move_device(&stopped.id, None, &from, DeviceState::Revoked, NOW).await.unwrap());
    let held = work.factors_held(&account.id).await.unwrap().unwrap();
    assert_eq!((held.phones, held.other_since), (0, Some(at(-9))));
    work.commit().await.unwrap();

    // An app made for CAS verifies nobody: it is no factor (SEC-068).
    let account = given::account("eve");
    let mut work = unit(store).await;
    work.add_account(&account).await.unwrap();
    assert!(work.add_device(&given::cas_device(account.id, "eves"), 5).await.unwrap());
    assert_eq!(work.factors_held(&account.id).await.unwrap(), Some(Held::default()));
    work.commit().await.unwrap();
}

/// One authenticator app an account; each step once, and never an older one.
pub async fn a_step_is_taken_once(store: &dyn Store) {
    let account = given::account("ada");
    let mut work = unit(store).await;
    work.add_account(&account).await.unwrap();
    let totp = Totp { account: account.id, sealed: vec![0, 255], last_step: 10, confirmed_at: NOW };
    assert!(work.add_totp(&totp).await.unwrap());
    assert!(!work.add_totp(&Totp { last_step: 0, ..totp.clone() }).await.unwrap(), "one an account");
    assert_eq!(work.totp(&account.id).await.unwrap(), Some(totp));
    work.commit().await.unwrap();
    let taken = join_all((0..8).map(|_| async {
        let mut work = unit(store).await;
        let taken = work.take_totp_step(&account.id, 11).await.unwrap();
        work.commit().await.unwrap();
        taken
    }))
    .await;
    assert_eq!(taken.iter().filter(|taken| **taken).count(), 1);
    let mut work = unit(store).await;
    assert!(!work.take_totp_step(&account.id, 10).await.unwrap());
    assert!(work.take_totp_step(&account.id, 12).await.unwrap());
    assert!(work.remove_totp(&account.id).await.unwrap());
    assert!(!work.remove_totp(&account.id).await.unwrap());
    assert!(!work.take_totp_step(&account.id, 13).await.unwrap());
    work.commit().await.unwrap();
}

/// A recovery code counts once, for its account, until new ones are made.
pub async fn sec_086_a_recovery_code_is_taken_once(store: &dyn Store) {
    let (account, other) = (given::account("ada"), given::account("bob"));
    let codes: Vec<SecretHash> = (0..10).map(|_| hash()).collect();
    let mut work = unit(store).await;
    work.add_account(&account).await.unwrap();
    work.add_account(&other).await.unwrap();
    work.replace_recovery_codes(&account.id, &codes, NOW).await.unwrap();
    assert!(!work.take_recovery_code(&other.id, &codes[0], NOW).await.unwrap(), "another's");
    work.commit().await.unwrap();
    let taken = join_all((0..8).map(|_| async {
        let mut work = unit(store).await;
        let taken = work.take_recovery_code(&account.id, &codes[0], NOW).await.unwrap();
        work.commit().await.unwrap();
        taken
    }))
    .await;
    assert_eq!(taken.iter().filter(|taken| **taken).count(), 1);
    let mut work = unit(store).await;
    work.replace_recovery_codes(&account.id, &[hash()], NOW).await.unwrap();
    assert!(!work.take_recovery_code(&account.id, &codes[1], NOW).await.unwrap(), "an earlier set");
    work.commit().await.unwrap();
}

/// A passkey is renamed and removed by its owner, and not from under a phone.
pub async fn sec_174_a_passkey_is_its_owners(store: &dyn Store) {
    let (account, other) = (given::account("ada"), given::account("bob"));
    let mut work = unit(store).await;
    work.add_account(&account).await.unwrap();
    work.add_account(&other).await.unwrap();
    let own = given::passkey(account.id);
    let mut of_phone = given::passkey(account.id);
    let mut phone = given::device(account.id);
    of_phone.device = Some(phone.id);
    phone.passkey = Some(of_phone.id);
    work.add_passkey(&own).await.unwrap();
    work.add_passkey(&of_phone).await.unwrap();
    assert!(work.add_device(&phone, 5).await.unwrap());
    work.hold_account(&account.id).await.unwrap();
    assert!(!work.rename_passkey(&other.id, &own.id, "mine now").await.unwrap());
    assert!(!work.remove_passkey(&other.id, &own.id).await.unwrap());
    assert!(work.rename_passkey(&account.id, &own.id, "Laptop").await.unwrap());
    assert_eq!(work.passkey(&own.credential_id).await.unwrap().unwrap().name, "Laptop");
    assert!(!work.remove_passkey(&account.id, &of_phone.id).await.unwrap(), "its phone approves with it");
    let from = [DeviceState::Active];
    assert!(work.move_device(&phone.id, None, &from, DeviceState::Revoked, NOW).await.unwrap());
    assert!(work.remove_passkey(&account.id, &of_phone.id).await.unwrap());
    assert!(work.remove_passkey(&account.id, &own.id).await.unwrap());
    assert!(!work.remove_passkey(&account.id, &own.id).await.unwrap());
    assert!(work.passkeys(&account.id).await.unwrap().is_empty());
    work.commit().await.unwrap();
}

/// Wrong passwords are counted per browser that the account knows.
pub async fn sec_163_wrong_passwords_are_counted_per_browser(store: &dyn Store) {
    let account = given::account("ada");
    let (known, strange) = (hash(), hash());
    let mut work = unit(store).await;
    work.add_account(&account).await.unwrap();
    let session = given::session(account.id);
    work.add_session(&session, Some(&known)).await.unwrap();
    assert_eq!(work.wrong_in_browser(&account.id, &known).await.unwrap(), Some(0));
    assert_eq!(work.wrong_in_browser(&account.id, &strange).await.unwrap(), None);
    assert_eq!(work.count_wrong_in_browser(&account.id, &strange).await.unwrap(), 0);
    assert_eq!(work.count_wrong_in_browser(&account.id, &known).await.unwrap(), 1);
    assert_eq!(work.count_wrong_in_browser(&account.id, &known).await.unwrap(), 2);
    assert_eq!(work.wrong_in_browser(&account.id, &known).await.unwrap(), Some(2));
    work.forget_wrong_in_browser(&account.id, &known).await.unwrap();
    assert_eq!(work.wrong_in_browser(&account.id, &known).await.unwrap(), Some(0));
    work.commit().await.unwrap();
}

/// All sessions of an account end but the one that is kept.
pub async fn sec_167_the_other_sessions_end(store: &dyn Store) {
    let (account, other) = (given::account("ada"), given::account("bob"));
    let mut work = unit(store).await;
    work.add_account(&account).await.unwrap();
    work.add_account(&other).await.unwrap();
    let (kept, gone, foreign) =
        (given::session(account.id), given::session(account.id), given::session(other.id));
    for session in [&kept, &gone, &foreign] {
        work.add_session(session, None).await.unwrap();
    }
    let ended = work.end_other_sessions(&account.id, &kept.id, SessionEnd::SignedOut, NOW).await.unwrap();
    assert_eq!(ended, [gone.id]);
    for (session, is_alive) in [(&kept, true), (&gone, false), (&foreign, true)] {
        assert_eq!(work.session(&session.id).await.unwrap().unwrap().is_alive(NOW), is_alive);
    }
    work.commit().await.unwrap();
}

/// A recovery waits, is completed once its time has come, and its link is taken once.
pub async fn sec_086_a_recovery_takes_its_time(store: &dyn Store) {
    let account = given::account("ada");
    let mut work = unit(store).await;
    work.add_account(&account).await.unwrap();
    let opened = recovery(&account.id);
    work.add_recovery(&opened).await.unwrap();
    assert_eq!(work.recovery(&opened.id).await.unwrap(), Some(opened.clone()));
    let again = work.add_recovery(&recovery(&account.id)).await;
    assert!(matches!(again, Err(StoreError::Conflict("recovery_open"))), "{again:?}");
    let (link, by) = (hash(), Actor::System);
    let end = at(4500);
    assert!(!work.complete_recovery(&opened.id, &by, (&link, end), at(3599)).await.unwrap(), "too early");
    assert!(work.complete_recovery(&opened.id, &by, (&link, end), at(3600)).await.unwrap());
    assert!(!work.complete_recovery(&opened.id, &by, (&hash(), end), at(3600)).await.unwrap(), "once");
    let completed = work.recovery_by_token(&link).await.unwrap().unwrap();
    assert_eq!(completed.completed, Some((Actor::System, at(3600))));
    assert_eq!((completed.state, completed.expires_at), (RecoveryState::Completed, end));
    assert!(!work.take_recovery(&opened.id, &hash(), at(3700)).await.unwrap(), "another link");
    assert!(!work.take_recovery(&opened.id, &link, end).await.unwrap(), "too late");
    assert!(work.take_recovery(&opened.id, &link, at(3700)).await.unwrap());
    assert!(!work.take_recovery(&opened.id, &link, at(3700)).await.unwrap(), "once");
    assert_eq!(work.recovery_by_token(&link).await.unwrap(), None);
    assert!(!work.cancel_recovery(&opened.id, &Actor::Operator, at(3800)).await.unwrap(), "over");
    work.commit().await.unwrap();
}

/// A recovery is called off; one that ran out is in nobody's way; they come in pages.
pub async fn recoveries_are_cancelled_and_listed(store: &dyn Store) {
    let (account, other) = (given::account("ada"), given::account("bob"));
    let mut work = unit(store).await;
    work.add_account(&account).await.unwrap();
    work.add_account(&other).await.unwrap();
    let first = recovery(&account.id);
    work.add_recovery(&first).await.unwrap();
    assert!(work.cancel_recovery(&first.id, &Actor::Account(account.id), at(10)).await.unwrap());
    assert!(!work.cancel_recovery(&first.id, &Actor::Operator, at(11)).await.unwrap());
    let kept = work.recovery(&first.id).await.unwrap().unwrap();
    assert_eq!(kept.cancelled_by, Some(Actor::Account(account.id)));
    assert_eq!(kept.ended_at, Some(at(10)));
    assert!(!work.complete_recovery(&first.id, &Actor::System, (&hash(), at(7200)), at(3600)).await.unwrap());
    let stale = Recovery { expires_at: at(30), ..recovery(&account.id) };
    work.add_recovery(&stale).await.unwrap();
    let fresh = Recovery { opened_at: at(31), ..recovery(&account.id) };
    work.add_recovery(&fresh).await.unwrap();
    let theirs = Recovery { opened_at: at(32), ..recovery(&other.id) };
    work.add_recovery(&theirs).await.unwrap();
    let ids =
        |found: Vec<ListedRecovery>| found.into_iter().map(|found| found.recovery.id).collect::<Vec<_>>();
    let all = RecoveryFilter::default();
    let page = work.recoveries(&all, None, 2).await.unwrap();
    assert_eq!(ids(page.clone()), [theirs.id, fresh.id]);
    assert_eq!(page[0].username, "bob");
    let last = &page.last().unwrap().recovery;
    let after = domain::Cursor { key: last.opened_at.millis().to_string(), id: last.id.to_string() };
    assert_eq!(work.recoveries(&all, Some(&after), 10).await.unwrap().len(), 2);
    let open = RecoveryFilter { account: Some(account.id), open_at: Some(at(40)) };
    assert_eq!(ids(work.recoveries(&open, None, 10).await.unwrap()), [fresh.id]);
    work.commit().await.unwrap();
}
