//! Sessions.

use domain::Method;
use journey::Need;
use secrecy::SecretString;

use super::world::{PASSWORD, free_world};

#[tokio::test]
async fn sec_013_sec_151_every_sign_in_gives_new_secrets() {
    let world = free_world().await;
    world.account("ada").await;
    let browser = world.browser();
    let planted = browser.visitor();
    world.password(&browser, "ada", PASSWORD).await.unwrap();
    let first = browser.visitor();
    assert_ne!(first.browser, planted.browser);
    world.password(&browser, "ada", PASSWORD).await.unwrap();
    let second = browser.visitor();
    assert_ne!(first.session, second.session);
    assert!(world.signin.who(&planted).await.unwrap().is_none());
    assert!(world.signin.who(&first).await.unwrap().is_none(), "the secret before is good for nothing");
    assert!(world.signin.who(&second).await.unwrap().is_some());
}

#[tokio::test]
async fn sec_013_the_secret_before_opens_no_journey_of_the_new_one() {
    let world = free_world().await;
    world.account("ada").await;
    let browser = world.browser();
    let planted = browser.visitor();
    let tab = world.journey(&browser).await;
    world.password(&browser, "ada", PASSWORD).await.unwrap();
    assert!(world.signin.journey(&tab, &browser.visitor()).await.is_ok(), "a tab from before goes on");
    let new = world.journey(&browser).await;
    assert!(world.signin.journey(&new, &planted).await.is_err());
}

#[tokio::test]
async fn sec_155_another_account_never_inherits_a_session() {
    let world = free_world().await;
    world.account("ada").await;
    world.account("bob").await;
    let browser = world.browser();
    world.password(&browser, "ada", PASSWORD).await.unwrap();
    let adas = browser.visitor();
    world.password(&browser, "bob", PASSWORD).await.unwrap();
    assert!(world.signin.who(&adas).await.unwrap().is_none());
    let who = world.who(&browser).await.unwrap();
    assert_eq!(who.account.username.as_str(), "bob");
    assert_eq!(who.session.proofs.len(), 1);
}

#[tokio::test]
async fn sec_156_proofs_of_one_person_add_up() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    let browser = world.browser();
    world.password(&browser, "ada", PASSWORD).await.unwrap();
    let sid = world.who(&browser).await.unwrap().session.id;
    world.password(&browser, "ada", PASSWORD).await.unwrap();
    assert_eq!(world.who(&browser).await.unwrap().session.id, sid, "what clients were given goes on");
    let phone = world.phone(&ada).await;
    let need = Need { fresh_since: Some(world.app.now()), ..Need::default() };
    let id = world.journey_for(&browser, None, need).await;
    world.approved(&browser, &id, &phone).await;
    world.redeem(&browser, &id).await.unwrap();
    let session = world.who(&browser).await.unwrap().session.clone();
    assert_ne!(session.id, sid);
    assert_eq!(session.device, Some(phone.device.id));
    assert!(session.proofs.iter().any(|p| p.method == Method::Password));
    assert_eq!(session.proofs.last().unwrap().method, Method::Phone);
}

#[tokio::test]
async fn sec_156_a_proof_does_not_outlive_a_session_in_those_that_phones_renew() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    let phone = world.phone(&ada).await;
    let browser = world.browser();
    world.password(&browser, "ada", PASSWORD).await.unwrap();
    let methods = async || -> Vec<Method> {
        world.who(&browser).await.unwrap().session.proofs.iter().map(|proof| proof.method).collect()
    };
    for half_hours in 1..=50 {
        world.wait(1800);
        if half_hours % 10 == 0 {
            let need = Need { fresh_since: Some(world.app.now()), ..Need::default() };
            let id = world.journey_for(&browser, None, need).await;
            world.approved(&browser, &id, &phone).await;
            world.redeem(&browser, &id).await.unwrap();
        }
        // Used, so that it does not end by idleness.
        let has_password = methods().await.contains(&Method::Password);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        assert_eq!(has_password, half_hours < 50, "after {half_hours} half hours");
    }
}

#[tokio::test]
async fn sec_152_sessions_end_by_idleness_and_by_age_and_sooner_by_phone_in_a_new_browser() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    let browser = world.browser();
    world.password(&browser, "ada", PASSWORD).await.unwrap();
    let usual = world.who(&browser).await.unwrap().session.clone();
    assert_eq!(usual.idle_seconds, 3600);
    assert_eq!(usual.expires_at.since(usual.created_at).as_secs(), 24 * 3600);
    world.wait(3600);
    assert!(world.who(&browser).await.is_none());

    let phone = world.phone(&ada).await;
    let new = world.browser();
    let id = world.journey(&new).await;
    world.approved(&new, &id, &phone).await;
    world.redeem(&new, &id).await.unwrap();
    let session = world.who(&new).await.unwrap().session.clone();
    assert_eq!(session.idle_seconds, 1800);
    assert_eq!(session.expires_at.since(session.created_at).as_secs(), 8 * 3600);
    assert!(!session.proofs[0].known_browser);

    // The same browser again: now this account has used it before.
    new.drops_session();
    let id = world.journey(&new).await;
    world.approved(&new, &id, &phone).await;
    world.redeem(&new, &id).await.unwrap();
    let session = world.who(&new).await.unwrap().session.clone();
    assert!(session.proofs[0].known_browser);
    assert_eq!(session.idle_seconds, 3600);
}

#[tokio::test]
async fn sec_157_a_known_browser_asks_for_no_less() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    let phone = world.phone(&ada).await;
    let browser = world.browser();
    world.password(&browser, "ada", PASSWORD).await.unwrap();
    browser.drops_session();
    let id = world.journey(&browser).await;
    let held = world.scanned(&browser, &id, &phone).await;
    assert!(held.claimed.facts.contains("\"known\":true"));
    assert!(held.claimed.code_needed);
}

#[tokio::test]
async fn sec_153_signing_out_takes_effect_at_once() {
    let world = free_world().await;
    world.account("ada").await;
    let browser = world.browser();
    world.password(&browser, "ada", PASSWORD).await.unwrap();
    assert!(world.who(&browser).await.is_some());
    world.sign_out(&browser).await;
    assert!(world.who(&browser).await.is_none());
    assert_eq!(world.events().await.last(), Some(&"session.ended"));
}

#[tokio::test]
async fn a_password_verified_for_another_door_counts_as_one() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    let visitor = world.browser().visitor();
    let verify =
        async |text: &str| world.signin.verify_password(&visitor, "ada", &SecretString::from(text)).await;
    assert_eq!(verify(PASSWORD).await.unwrap().id, ada.id);
    assert_eq!(verify("wrong").await, Err(app::Refusal::SignInFailed));
    assert_eq!(world.events().await, ["password.tried", "password.tried"]);
}
