//! What somebody can do who has a password and nothing else, or a session that was ended.

use app::Refusal;
use domain::DeviceState;
use journey::{SecondFactors, Step};
use store::Store as _;

use super::world::{PASSWORD, free_world};

/// Beside a phone a stolen password sets nothing up that would then count as the other factor, and takes nothing away.
#[tokio::test]
async fn sec_070_a_stolen_password_makes_itself_no_second_factor() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    world.phone(&ada).await;
    world.wait(1);
    let thief = world.browser();
    world.password(&thief, "ada", PASSWORD).await.unwrap();
    let visitor = thief.visitor();
    let signin = &world.signin;
    assert_eq!(signin.begin_totp(&visitor).await.err(), Some(Refusal::StepUpNeeded));
    assert_eq!(signin.confirm_totp(&visitor, "123456").await, Err(Refusal::StepUpNeeded));
    assert_eq!(signin.make_recovery_codes(&visitor).await, Err(Refusal::StepUpNeeded));
    assert_eq!(signin.add_passkey_options(&visitor).await, Err(Refusal::StepUpNeeded));
    assert_eq!(signin.remove_totp(&visitor).await, Err(Refusal::StepUpNeeded));
    assert!(!signin.factors(&visitor).await.unwrap().is_fresh);
    // With the phone to it, the owner does.
    let started = signin.strong_journey(&visitor, "/account/security").await.unwrap();
    let phone = world.phone(&ada).await;
    world.approved(&thief, &started.journey, &phone).await;
    world.redeem(&thief, &started.journey).await.unwrap();
    assert_eq!(signin.make_recovery_codes(&thief.visitor()).await.map(|codes| codes.len()), Ok(10));
}

/// Whoever is signed in may call a phone lost. That makes nobody somebody whose password is all there is.
#[tokio::test]
async fn sec_086_a_phone_called_lost_leaves_no_way_in_by_the_password_alone() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    let phone = world.phone(&ada).await;
    world.wait(1);
    let thief = world.browser();
    world.password(&thief, "ada", PASSWORD).await.unwrap();
    for state in [DeviceState::Suspended, DeviceState::Revoked] {
        world.move_device(&phone, state).await;
        let visitor = thief.visitor();
        let first = world.signin.verify_password(&visitor, "ada", &PASSWORD.into()).await;
        assert_eq!(first.unwrap_err(), Refusal::StepUpNeeded, "{state:?}");
        let enrol = world.signin.strength_for_enrolment(&visitor).await;
        assert_eq!(enrol.unwrap_err(), Refusal::StepUpNeeded, "{state:?}");
        assert_eq!(world.signin.make_recovery_codes(&visitor).await, Err(Refusal::StepUpNeeded), "{state:?}");
    }
}

/// Recovery codes open the way back without an authenticator app, too: after the password, once each.
#[tokio::test]
async fn sec_086_a_recovery_code_and_the_password_set_a_new_phone_up() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    let owner = world.browser();
    world.password(&owner, "ada", PASSWORD).await.unwrap();
    let codes = world.signin.make_recovery_codes(&owner.visitor()).await.unwrap();
    let phone = world.phone(&ada).await;
    world.move_device(&phone, DeviceState::Suspended).await;
    world.wait(600);
    let signin = &world.signin;
    let started = signin.strong_journey(&owner.visitor(), "/phone/add").await.unwrap();
    let id = started.journey;
    signin.password(&id, &owner.visitor(), "ada", &PASSWORD.into()).await.unwrap();
    let asks = SecondFactors { recovery_code: true, ..SecondFactors::default() };
    let shown = signin.journey(&id, &owner.visitor()).await.unwrap();
    assert_eq!(shown.step, Step::SecondFactor(asks));
    let wrong = signin.second_factor(&id, &owner.visitor(), "x4k2-9fmd-0q7w-rh3n").await;
    assert_eq!(wrong, Err(Refusal::SignInFailed));
    owner.take(&signin.second_factor(&id, &owner.visitor(), &codes[3]).await.unwrap().cookies);
    assert!(signin.strength_for_enrolment(&owner.visitor()).await.is_ok());
    // An ordinary sign-in asks for none.
    assert!(world.password(&world.browser(), "ada", PASSWORD).await.unwrap().cookies.session.is_some());
}

/// A session that its owner ended changes nothing more, whatever this node still believes.
#[tokio::test]
async fn sec_154_a_session_that_was_ended_changes_no_factor() {
    let world = free_world().await;
    world.account("ada").await;
    let thief = world.browser();
    world.password(&thief, "ada", PASSWORD).await.unwrap();
    let who = world.who(&thief).await.unwrap();
    let mut work = world.store.begin().await.unwrap();
    let ended = work.end_session(&who.session.id, domain::SessionEnd::SignedOut, world.app.now()).await;
    assert!(ended.unwrap());
    work.commit().await.unwrap();
    // Another node ended it; this one was not told yet.
    assert!(world.who(&thief).await.is_some());
    let made = world.signin.make_recovery_codes(&thief.visitor()).await;
    assert_eq!(made, Err(Refusal::NotSignedIn));
}
