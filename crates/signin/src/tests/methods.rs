//! Password, passkey, consent.

use std::time::Duration;

use app::throttle::Limit;
use app::{Landing, Limits, Refusal};
use domain::{Acr, DeviceState, Method};
use futures_util::future::join_all;
use journey::{Need, Step};
use secrecy::SecretString;
use store::Store as _;

use super::world::{PASSWORD, free_world, world, world_with};
use crate::{Answer, Next, Settings};

#[tokio::test]
async fn a_right_password_signs_in() {
    let world = world().await;
    world.account("Ada").await;
    let browser = world.browser();
    let before = browser.visitor();
    let progress = world.password(&browser, " ADA ", PASSWORD).await.unwrap();
    assert!(matches!(progress.next, Next::Land(Landing::SeeOther(_))));
    let who = world.who(&browser).await.unwrap();
    assert_eq!(who.account.username.as_str(), "Ada");
    assert_eq!(who.session.acr(), Some(Acr::Password));
    assert_eq!(world.events().await, ["password.tried", "session.started"]);
    // SEC-013: another browser secret than before.
    assert_ne!(browser.visitor().browser, before.browser);
}

#[tokio::test]
async fn sec_161_both_spellings_of_a_letter_are_one_password() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    let phc = world.app.hashing().hash(&SecretString::from("caf\u{e9} au lait, please")).await.unwrap();
    let mut work = world.store.begin().await.unwrap();
    let hash = domain::PasswordHash { account: ada.id, phc, changed_at: world.app.now() };
    work.set_password(&hash).await.unwrap();
    work.commit().await.unwrap();
    assert!(world.password(&world.browser(), "ada", "cafe\u{301} au lait, please").await.is_ok());
}

#[tokio::test]
async fn sec_165_all_failures_look_alike() {
    let world = free_world().await;
    world.account("ada").await;
    let bob = world.account("bob").await;
    world.disable(&bob).await;
    for (name, password) in [
        ("ada", "wrong"),
        ("ada", ""),
        ("nobody", PASSWORD),
        ("bob", PASSWORD),
        ("bob", "wrong"),
        ("", PASSWORD),
        ("a b", PASSWORD),
        (&"x".repeat(5000), PASSWORD),
    ] {
        let tried = world.password(&world.browser(), name, password).await;
        assert_eq!(tried, Err(Refusal::SignInFailed), "{name}");
    }
    let events = world.events().await;
    assert_eq!(events.len(), 8);
    assert!(events.iter().all(|event| *event == "password.tried"));
}

#[tokio::test]
async fn sec_166_an_oversized_password_is_refused_before_hashing() {
    let world = world().await;
    world.account("ada").await;
    let tried = world.password(&world.browser(), "ada", &"x".repeat(10_000_000)).await;
    assert_eq!(tried, Err(Refusal::Invalid { field: "password", why: "is too long" }));
}

#[tokio::test]
async fn sec_163_delays_grow_per_account_and_network_and_others_are_not_slowed() {
    let world = world().await;
    world.account("ada").await;
    let browser = world.browser();
    let mut waits = 0;
    for _ in 0..6 {
        match world.password(&browser, "ada", "wrong").await {
            Err(Refusal::SignInFailed) => {}
            Err(Refusal::TooMany { retry_after }) => {
                assert!(retry_after >= Duration::from_secs(1));
                waits += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(waits, 3);
    let elsewhere = world.browser();
    elsewhere.moves_to("198.51.100.7");
    assert!(world.password(&elsewhere, "ada", PASSWORD).await.is_ok());
    world.wait(1);
    assert!(world.password(&browser, "ada", PASSWORD).await.is_ok(), "after the wait");
}

#[tokio::test]
async fn sec_163_a_hundred_failures_switch_the_password_off_and_no_other_method() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    let mut work = world.store.begin().await.unwrap();
    for _ in 0..99 {
        work.count_wrong_password(&ada.id).await.unwrap();
    }
    work.commit().await.unwrap();
    assert!(world.password(&world.browser(), "ada", "wrong").await.is_err());
    assert_eq!(world.password(&world.browser(), "ada", PASSWORD).await, Err(Refusal::SignInFailed));
    let mut authenticator = world.authenticator(&ada).await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let options = world.signin.passkey_options(&id, &browser.visitor()).await.unwrap();
    assert!(world.signin.passkey(&id, &browser.visitor(), authenticator.get(&options)).await.is_ok());
}

#[tokio::test]
async fn a_right_password_forgets_the_wrong_ones() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    assert!(world.password(&world.browser(), "ada", "wrong").await.is_err());
    assert!(world.password(&world.browser(), "ada", PASSWORD).await.is_ok());
    let mut view = world.store.read().await.unwrap();
    let (.., failures) = view.account_for_password(ada.username.key()).await.unwrap().unwrap();
    assert_eq!(failures, 0);
}

#[tokio::test]
async fn right_passwords_do_not_use_up_the_limits_of_wrong_ones() {
    let limits = Limits {
        password_address: Limit { most: 3, ..Limits::default().password_address },
        ..Limits::default()
    };
    let world = world_with(limits, Settings::default()).await;
    world.account("ada").await;
    // Many at once, as in a company behind one address or in a test of load.
    let browsers: Vec<_> = (0..12).map(|_| world.browser()).collect();
    let all = join_all(browsers.iter().map(|browser| world.password(browser, "ada", PASSWORD))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    for _ in 0..3 {
        let wrong = world.password(&world.browser(), "nobody", "wrong").await;
        assert_eq!(wrong, Err(Refusal::SignInFailed));
    }
    let more = world.password(&world.browser(), "ada", PASSWORD).await;
    assert!(matches!(more, Err(Refusal::TooMany { .. })), "wrong ones do");
}

#[tokio::test]
async fn sec_163_wrong_passwords_at_once_all_count() {
    let world = world().await;
    world.account("ada").await;
    let browsers: Vec<_> = (0..8).map(|_| world.browser()).collect();
    let all = join_all(browsers.iter().map(|browser| world.password(browser, "ada", "wrong"))).await;
    assert!(all.iter().all(Result::is_err));
    let next = world.password(&world.browser(), "ada", PASSWORD).await;
    let Err(Refusal::TooMany { retry_after }) = next else { panic!("{next:?}") };
    assert!(retry_after >= Duration::from_secs(16), "{retry_after:?}");
}

#[tokio::test]
async fn only_the_person_asked_for_signs_in() {
    let world = free_world().await;
    world.account("ada").await;
    let bob = world.account("bob").await;
    let browser = world.browser();
    let need = Need { account: Some(bob.id), ..Need::default() };
    let id = world.journey_for(&browser, None, need).await;
    let password = SecretString::from(PASSWORD);
    let tried = world.signin.password(&id, &browser.visitor(), "ada", &password).await;
    assert_eq!(tried, Err(Refusal::SignInFailed));
    assert!(world.signin.password(&id, &browser.visitor(), "bob", &password).await.is_ok());
}

#[tokio::test]
async fn a_passkey_signs_in() {
    let world = world().await;
    let ada = world.account("ada").await;
    let mut authenticator = world.authenticator(&ada).await;
    for _ in 0..2 {
        let browser = world.browser();
        let id = world.journey(&browser).await;
        let options = world.signin.passkey_options(&id, &browser.visitor()).await.unwrap();
        let progress =
            world.signin.passkey(&id, &browser.visitor(), authenticator.get(&options)).await.unwrap();
        browser.take(&progress.cookies);
        let who = world.who(&browser).await.unwrap();
        assert_eq!((who.account.id, who.session.acr()), (ada.id, Some(Acr::Passkey)));
    }
}

/// Each check alone.
#[tokio::test]
async fn sec_170_sec_171_every_part_of_an_assertion_is_checked() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    let bob = world.account("bob").await;
    let mut authenticator = world.authenticator(&ada).await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let options = world.signin.passkey_options(&id, &browser.visitor()).await.unwrap();
    let last = authenticator.get(&options);
    assert!(world.signin.passkey(&id, &browser.visitor(), last.clone()).await.is_ok());

    let browser = world.browser();
    let id = world.journey(&browser).await;
    let encode =
        |bytes: &[u8]| base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes);
    for case in [
        "origin",
        "suffix",
        "rp",
        "uv",
        "challenge",
        "id",
        "type",
        "handle",
        "no handle",
        "signature",
        "replayed",
        "shape",
        "counter",
    ] {
        let mut options = world.signin.passkey_options(&id, &browser.visitor()).await.unwrap();
        let (origin, rp, counter) =
            (authenticator.origin.clone(), authenticator.rp_id.clone(), authenticator.counter);
        match case {
            "origin" => authenticator.origin = "https://evil.example".into(),
            "suffix" => authenticator.origin = "http://localhost:8400.evil.example".into(),
            "rp" => authenticator.rp_id = "evil.example".into(),
            "uv" => authenticator.verifies_user = false,
            "counter" => authenticator.counter = 0,
            "challenge" => options["publicKey"]["challenge"] = "A".repeat(43).into(),
            _ => {}
        }
        let mut given = authenticator.get(&options);
        (authenticator.origin, authenticator.rp_id, authenticator.verifies_user) = (origin, rp, true);
        authenticator.counter = counter + 1;
        match case {
            "id" => given["id"] = "AAAA".into(),
            "type" => given["type"] = "password".into(),
            "handle" => given["response"]["userHandle"] = encode(&bob.webauthn_handle).into(),
            "no handle" => given["response"]["userHandle"] = serde_json::Value::Null,
            "signature" => given["response"]["signature"] = "AAAA".into(),
            "replayed" => given = last.clone(),
            "shape" => given = serde_json::json!({}),
            _ => {}
        }
        let tried = world.signin.passkey(&id, &browser.visitor(), given).await;
        assert_eq!(tried, Err(Refusal::SignInFailed), "{case}");
    }
    let options = world.signin.passkey_options(&id, &browser.visitor()).await.unwrap();
    let given = authenticator.get(&options);
    assert!(
        world.signin.passkey(&id, &browser.visitor(), given).await.is_ok(),
        "nothing was wrong with the rest"
    );
}

#[tokio::test]
async fn sec_170_a_challenge_is_single_use_short_lived_and_of_one_journey() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    let mut authenticator = world.authenticator(&ada).await;
    let browser = world.browser();
    let (one, other) = (world.journey(&browser).await, world.journey(&browser).await);
    let options = world.signin.passkey_options(&one, &browser.visitor()).await.unwrap();
    world.signin.passkey_options(&other, &browser.visitor()).await.unwrap();
    let crossed = world.signin.passkey(&other, &browser.visitor(), authenticator.get(&options)).await;
    assert_eq!(crossed, Err(Refusal::SignInFailed));
    world.wait(301);
    let late = world.signin.passkey(&one, &browser.visitor(), authenticator.get(&options)).await;
    assert_eq!(late, Err(Refusal::SignInFailed));
    let twice = world.signin.passkey(&one, &browser.visitor(), authenticator.get(&options)).await;
    assert_eq!(twice, Err(Refusal::SignInFailed));
}

#[tokio::test]
async fn a_stopped_phone_takes_its_passkey_with_it() {
    let world = world().await;
    let ada = world.account("ada").await;
    let phone = world.web_phone(&ada).await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let options = world.signin.passkey_options(&id, &browser.visitor()).await.unwrap();
    world.move_device(&phone, DeviceState::Suspended).await;
    let given = phone.authenticator.lock().unwrap().as_mut().unwrap().get(&options);
    let tried = world.signin.passkey(&id, &browser.visitor(), given).await;
    assert_eq!(tried, Err(Refusal::SignInFailed));
}

#[tokio::test]
async fn sec_042_sec_174_adding_a_passkey_needs_a_fresh_proof_that_is_no_phone() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    let browser = world.browser();
    let add = async || world.signin.add_passkey_options(&browser.visitor()).await;
    assert_eq!(add().await, Err(Refusal::NotSignedIn));

    let phone = world.phone(&ada).await;
    let id = world.journey(&browser).await;
    world.approved(&browser, &id, &phone).await;
    world.redeem(&browser, &id).await.unwrap();
    assert_eq!(add().await, Err(Refusal::StepUpNeeded), "a QR session alone");

    world.password(&browser, "ada", PASSWORD).await.unwrap();
    let options = add().await.unwrap();
    let mut authenticator =
        super::authenticator::Authenticator::new(super::world::ISSUER, &ada.webauthn_handle);
    let credential = authenticator.create(&options);
    let added = world.signin.add_passkey(&browser.visitor(), credential.clone(), "My key").await;
    assert_eq!(added, Ok(()));
    let again = world.signin.add_passkey(&browser.visitor(), credential, "My key").await;
    assert_eq!(again, Err(Refusal::Gone), "the ceremony is single use");

    let fresh = world.browser();
    let id = world.journey(&fresh).await;
    let options = world.signin.passkey_options(&id, &fresh.visitor()).await.unwrap();
    assert!(world.signin.passkey(&id, &fresh.visitor(), authenticator.get(&options)).await.is_ok());

    world.wait(301);
    assert_eq!(add().await, Err(Refusal::StepUpNeeded), "the password is too long ago");
}

#[tokio::test]
async fn consent_is_asked_last_and_a_refusal_tells_the_client() {
    let world = free_world().await;
    world.account("ada").await;
    *world.ending.asks.lock().unwrap() = true;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let asked_too_early =
        world.signin.consent(&id, &browser.visitor(), Answer::Allow(vec!["email".into()])).await;
    assert_eq!(asked_too_early, Err(Refusal::NotSignedIn));

    let password = SecretString::from(PASSWORD);
    let progress = world.signin.password(&id, &browser.visitor(), "ada", &password).await.unwrap();
    assert_eq!(progress.next, Next::Ask);
    browser.take(&progress.cookies);
    let view = world.signin.journey(&id, &browser.visitor()).await.unwrap();
    assert_eq!(view.step, Step::Consent(vec!["openid".into(), "email".into()]));
    assert_eq!(view.consent.unwrap().names(), ["openid", "email"]);
    let progress =
        world.signin.consent(&id, &browser.visitor(), Answer::Allow(vec!["email".into()])).await.unwrap();
    assert!(matches!(progress.next, Next::Land(_)));
    assert_eq!(
        world.signin.consent(&id, &browser.visitor(), Answer::Allow(vec!["email".into()])).await,
        Err(Refusal::Gone)
    );

    // SEC-108: two tabs with the question. What is left out in one is not given there because the other gave it.
    *world.ending.asks.lock().unwrap() = true;
    let (one, two) = (world.journey(&browser).await, world.journey(&browser).await);
    world.ending.answers.lock().unwrap().clear();
    for (id, chosen) in [(one, vec!["email".to_owned()]), (two, Vec::new())] {
        let progress = world.signin.consent(&id, &browser.visitor(), Answer::Allow(chosen)).await.unwrap();
        assert!(matches!(progress.next, Next::Land(_)));
    }
    assert_eq!(*world.ending.answers.lock().unwrap(), [vec!["email".to_owned()], Vec::new()]);
    *world.ending.asks.lock().unwrap() = true;
    let id = world.journey(&browser).await;
    let progress = world.signin.consent(&id, &browser.visitor(), Answer::Deny).await.unwrap();
    let denied = "https://shop.example/cb?error=access_denied";
    assert_eq!(progress.next, Next::Land(Landing::SeeOther(denied.into())));
}

#[tokio::test]
async fn a_session_that_is_strong_enough_goes_on_by_itself() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    let browser = world.browser();
    world.password(&browser, "ada", PASSWORD).await.unwrap();
    let id = world.journey(&browser).await;
    assert_eq!(world.signin.journey(&id, &browser.visitor()).await.unwrap().step, Step::Done);
    assert!(matches!(world.signin.proceed(&id, &browser.visitor()).await.unwrap().next, Next::Land(_)));

    let need = Need { phishing_resistant: true, ..Need::default() };
    let id = world.journey_for(&browser, None, need).await;
    let view = world.signin.journey(&id, &browser.visitor()).await.unwrap();
    assert!(
        matches!(view.step, Step::StepUp(methods) if methods.passkey && !methods.password && !methods.phone)
    );
    let tried = world.signin.password(&id, &browser.visitor(), "ada", &SecretString::from(PASSWORD)).await;
    assert_eq!(tried, Err(Refusal::Forbidden));
    let mut authenticator = world.authenticator(&ada).await;
    let options = world.signin.passkey_options(&id, &browser.visitor()).await.unwrap();
    let progress = world.signin.passkey(&id, &browser.visitor(), authenticator.get(&options)).await.unwrap();
    browser.take(&progress.cookies);
    let methods: Vec<Method> =
        world.who(&browser).await.unwrap().session.proofs.iter().map(|p| p.method).collect();
    assert_eq!(methods, [Method::Password, Method::Passkey]);
}

#[tokio::test]
async fn the_operator_s_policy_takes_methods_away() {
    let methods = journey::MethodPolicy { password: false, passkey: true, phone: false, cas_phone: false };
    let world = world_with(app::Limits::default(), Settings { methods, ..Settings::default() }).await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let offers = world.signin.journey(&id, &browser.visitor()).await.unwrap().offers;
    assert!(!offers.password && offers.passkey && !offers.phone);
    let tried = world.signin.password(&id, &browser.visitor(), "ada", &SecretString::from(PASSWORD)).await;
    assert_eq!(tried, Err(Refusal::Forbidden));
    assert_eq!(world.signin.phone_open(&id, &browser.visitor()).await, Err(Refusal::Forbidden));
}

#[tokio::test]
async fn sign_in_without_a_relying_party_ends_on_our_own_page() {
    let world = free_world().await;
    world.account("ada").await;
    let browser = world.browser();
    let started = world.signin.default_journey(&browser.visitor()).await.unwrap();
    assert_eq!(started.cookies.browser, None);
    let password = SecretString::from(PASSWORD);
    let progress =
        world.signin.password(&started.journey, &browser.visitor(), "ada", &password).await.unwrap();
    assert_eq!(progress.next, Next::Land(Landing::Local("/login/done".into())));
    let mut fresh = browser.visitor();
    fresh.browser = None;
    let started = world.signin.default_journey(&fresh).await.unwrap();
    fresh.browser.clone_from(&started.cookies.browser);
    assert!(world.signin.journey(&started.journey, &fresh).await.is_ok());
}
