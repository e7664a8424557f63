//! What goes on when the live store is lost, and after.

use app::{Limits, Refusal};
use live::Faulty;
use secrecy::SecretString;

use super::world::{PASSWORD, World, world_over};
use crate::{Next, Settings};

async fn world() -> (World, std::sync::Arc<Faulty>) {
    let live = Faulty::shared();
    (world_over(live.clone(), Limits::default(), Settings::default()).await, live)
}

fn is_unavailable<T: std::fmt::Debug>(answer: Result<T, Refusal>) {
    let refusal = answer.unwrap_err();
    assert!(matches!(refusal, Refusal::Unavailable(_)), "{refusal:?}");
}

#[tokio::test]
async fn sec_213_nobody_gets_in_while_tries_cannot_be_counted() {
    let (world, live) = world().await;
    let ada = world.account("ada").await;
    let phone = world.phone(&ada).await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let held = world.scanned(&browser, &id, &phone).await;
    let code = world.signin.phone_code(&id, &browser.visitor()).await.unwrap();
    live.lose();
    let right = SecretString::from(PASSWORD);
    is_unavailable(world.signin.password(&id, &browser.visitor(), "ada", &right).await);
    is_unavailable(world.signin.verify_password(&browser.visitor(), "ada", &right).await);
    is_unavailable(world.signin.phone_open(&id, &browser.visitor()).await);
    is_unavailable(world.signin.phone_redeem(&id, &browser.visitor()).await);
    is_unavailable(phone.approve(&world, &held, code.text()).await);
    assert!(world.who(&browser).await.is_none());
    // It heals by itself, and what was on its way goes on.
    live.find();
    phone.approve(&world, &held, code.text()).await.unwrap();
    assert!(matches!(world.redeem(&browser, &id).await.unwrap().next, Next::Land(_)));
    assert_eq!(world.who(&browser).await.unwrap().account.id, ada.id);
}

#[tokio::test]
async fn sec_213_who_is_signed_in_stays_so_and_can_sign_out_without_the_live_store() {
    let (world, live) = world().await;
    let ada = world.account("ada").await;
    let phone = world.phone(&ada).await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    world.approved(&browser, &id, &phone).await;
    world.redeem(&browser, &id).await.unwrap();
    live.lose();
    assert!(world.who(&browser).await.is_some());
    world.sign_out(&browser).await;
    assert!(world.who(&browser).await.is_none());
}

#[tokio::test]
async fn a_waiting_browser_is_told_that_it_has_to_come_back() {
    let (world, live) = world().await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    world.signin.phone_open(&id, &browser.visitor()).await.unwrap();
    let mut watch = world.signin.phone_watch(&id, &browser.visitor()).await.unwrap();
    assert_eq!(watch.next().await.unwrap().state, "waiting");
    live.lose();
    assert_eq!(watch.next().await.unwrap().state, "offline");
    assert_eq!(watch.next().await, None);
    drop(watch);
    assert!(world.signin.phone_watch(&id, &browser.visitor()).await.is_err());
    is_unavailable(world.signin.phone_state(&id, &browser.visitor()).await);
    live.find();
    let mut watch = world.signin.phone_watch(&id, &browser.visitor()).await.unwrap();
    assert_eq!(watch.next().await.unwrap().state, "waiting");
}
