//! Signing in with apps made for CAS: what it amounts to, and what the deployment adds.

use app::Refusal;
use cas::{Secret, Told};
use domain::{Acr, AuditEvent, Method, Timestamp};
use futures_util::future::join_all;
use journey::{Need, Step};
use secrecy::SecretString;

use super::cas_world::{adas, handle};
use super::world::{PASSWORD, START, address};
use crate::{CasRedeemed, Fence};

#[tokio::test]
async fn sec_068_each_channel_takes_one_approval() {
    let (world, app) = adas(Fence::SameNetwork).await;
    let bob = world.account("bob").await;
    let other = world.cas_app(&bob, "bobs").await;
    let browser = world.browser();
    let id = world.wiki_journey(&browser).await;
    let (mine, theirs) =
        (app.token(&world).await.unwrap(), other.token_for(&world, "bob", PASSWORD).await.unwrap());
    let opened = world.cas_open(&browser, &id).await;
    app.approve(&world.signin, &opened.channel, &mine).await;
    for _ in 0..6 {
        other.approve(&world.signin, &opened.channel, &theirs).await;
        other.approve(&world.signin, &opened.channel, &Secret::new("wrong")).await;
        app.approve(&world.signin, &opened.channel, &mine).await;
    }
    let mut watch = world.cas_watch(&browser, &opened.channel).await;
    let handle = handle(watch.next().await, &app);
    assert_eq!(watch.next().await, None);
    world.cas_redeem(&browser, &id, &handle, &app).await.unwrap();
    assert_eq!(world.who(&browser).await.unwrap().account.username.as_str(), "ada");
    let approved = world.events().await.into_iter().filter(|event| *event == "channel.approved").count();
    assert_eq!(approved, 1);
    app.approve(&world.signin, &opened.channel, &mine).await;
    assert!(world.signin.cas_watch(&browser.visitor(), &opened.channel).await.is_err(), "redeemed, and gone");

    // Of many at once one counts.
    let browser = world.browser();
    let id = world.wiki_journey(&browser).await;
    let opened = world.cas_open(&browser, &id).await;
    join_all((0..10).flat_map(|_| {
        [
            app.approve(&world.signin, &opened.channel, &mine),
            other.approve(&world.signin, &opened.channel, &theirs),
        ]
    }))
    .await;
    let approved = world.events().await.into_iter().filter(|event| *event == "channel.approved").count();
    assert_eq!(approved, 2);
}

#[tokio::test]
async fn sec_068_such_a_login_is_one_factor_with_the_lowest_class() {
    let (world, app) = adas(Fence::Confirm).await;
    let browser = world.signed_in_by(&app).await;
    let who = world.who(&browser).await.unwrap();
    assert_eq!(who.session.acr(), Some(Acr::CasApp));
    assert_eq!(who.session.proofs.len(), 1);
    assert_eq!(who.session.proofs[0].method, Method::CasPhone);
    assert_eq!(who.session.proofs[0].amr(), ["mca"]);
    assert!(Acr::ALL.iter().all(|acr| *acr >= Acr::CasApp));
    // Short, as all sessions by phone in browsers that are not known.
    let limit = world.signin.settings().unknown_browser_session;
    assert_eq!(who.session.expires_at, who.session.created_at.after(limit.absolute));

    // It opens nothing that asks for more.
    let asks = [
        Need { acr: Some(Acr::Password), ..Need::default() },
        Need { acr: Some(Acr::Qr), ..Need::default() },
        Need { fresh_since: Some(world.app.now()), ..Need::default() },
        Need { fresh_since: Some(START), ..Need::default() },
        Need { phishing_resistant: true, ..Need::default() },
        Need { two_factors: true, ..Need::default() },
    ];
    for need in asks {
        let id = world.journey_for(&browser, Some("wiki"), need.clone()).await;
        let view = world.signin.journey(&id, &browser.visitor()).await.unwrap();
        assert!(matches!(view.step, Step::StepUp(_)), "{need:?}: {:?}", view.step);
        assert!(!view.offers.cas_phone, "{need:?}");
        let opened = world.signin.cas_open(&id, &browser.visitor(), None).await;
        assert_eq!(opened, Err(Refusal::Forbidden), "{need:?}");
    }
    // SEC-042: nor may it change what the account is protected by.
    let fresh = world.signin.freshly_proven(&browser.visitor(), app::strength::FRESH).await;
    assert_eq!(fresh.unwrap_err(), Refusal::StepUpNeeded);
    assert_eq!(
        world.signin.strength_for_enrolment(&browser.visitor()).await.unwrap_err(),
        Refusal::StepUpNeeded
    );
}

#[tokio::test]
async fn sec_068_renewal_is_not_met_by_an_app_in_another_tab() {
    let (world, app) = adas(Fence::Confirm).await;
    let browser = world.browser();
    world.password(&browser, "ada", PASSWORD).await.unwrap();
    world.wait(10);
    let since: Timestamp = world.app.now();
    let need = Need { fresh_since: Some(since), ..Need::default() };
    let renew = world.journey_for(&browser, Some("wiki"), need).await;
    world.wait(1);
    let other = world.wiki_journey(&browser).await;
    let handle = world.cas_approved(&browser, &other, &app).await;
    world.cas_redeem(&browser, &other, &handle, &app).await.unwrap();
    world.cas_confirm(&browser, &other).await.unwrap();
    let view = world.signin.journey(&renew, &browser.visitor()).await.unwrap();
    assert!(matches!(view.step, Step::StepUp(_)), "{:?}", view.step);
}

#[tokio::test]
async fn sec_068_fence_confirm_asks_in_the_browser_and_no_is_no() {
    let (world, app) = adas(Fence::Confirm).await;
    let (browser, other) = (world.browser(), world.browser());
    let id = world.wiki_journey(&browser).await;
    assert_eq!(world.cas_confirm(&browser, &id).await, Err(Refusal::Gone), "nothing to confirm");
    let handle = world.cas_approved(&browser, &id, &app).await;
    world.cas_redeem(&browser, &id, &handle, &app).await.unwrap();
    // Another browser neither sees nor confirms it.
    assert_eq!(world.signin.cas_confirmation(&id, &other.visitor()).await, Err(Refusal::Gone));
    assert_eq!(world.cas_confirm(&other, &id).await, Err(Refusal::Gone));
    assert_eq!(world.signin.cas_decline(&id, &other.visitor()).await, Err(Refusal::Gone));
    world.signin.cas_decline(&id, &browser.visitor()).await.unwrap();
    assert_eq!(world.cas_confirm(&browser, &id).await, Err(Refusal::Gone));
    assert_eq!(world.signin.cas_confirmation(&id, &browser.visitor()).await, Err(Refusal::NotFound));
    assert!(world.who(&browser).await.is_none());
    assert_eq!(world.trail().await.pop().unwrap().event, AuditEvent::ChannelDenied);
}

#[tokio::test]
async fn sec_068_fence_same_network_keeps_others_out() {
    // The app elsewhere when it approves.
    let (world, mut app) = adas(Fence::SameNetwork).await;
    let browser = world.browser();
    let id = world.wiki_journey(&browser).await;
    let token = app.token(&world).await.unwrap();
    let opened = world.cas_open(&browser, &id).await;
    let mut watch = world.cas_watch(&browser, &opened.channel).await;
    app.address = address("198.51.100.7");
    app.approve(&world.signin, &opened.channel, &token).await;
    assert_eq!(watch.next().await, Some(Told::Failure));
    app.address = address("192.0.2.10");
    app.approve(&world.signin, &opened.channel, &token).await;
    let good = handle(watch.next().await, &app);
    // The browser elsewhere when it is signed in: over, for good.
    browser.moves_to("198.51.100.7");
    assert_eq!(world.cas_redeem(&browser, &id, &good, &app).await, Err(Refusal::SignInFailed));
    browser.moves_to("192.0.2.10");
    assert_eq!(world.cas_redeem(&browser, &id, &good, &app).await, Err(Refusal::SignInFailed));
    assert!(world.who(&browser).await.is_none());
    // Two of one IPv6 network are near, of two they are not.
    for (phone, is_near) in [("2001:db8:1:2::9", true), ("2001:db8:1:3::9", false)] {
        browser.moves_to("2001:db8:1:2::1");
        app.address = address(phone);
        let id = world.wiki_journey(&browser).await;
        let opened = world.cas_open(&browser, &id).await;
        let mut watch = world.cas_watch(&browser, &opened.channel).await;
        app.approve(&world.signin, &opened.channel, &token).await;
        assert_eq!(matches!(watch.next().await, Some(Told::Success { .. })), is_near, "{phone}");
    }
}

#[tokio::test]
async fn sec_068_fence_username_takes_the_one_who_was_named() {
    let (world, app) = adas(Fence::Username).await;
    let browser = world.browser();
    let id = world.wiki_journey(&browser).await;
    let token = app.token(&world).await.unwrap();
    for none in [None, Some(""), Some("a b"), Some(" ")] {
        let opened = world.signin.cas_open(&id, &browser.visitor(), none).await;
        assert!(matches!(opened, Err(Refusal::Invalid { field: "username", .. })), "{none:?}");
    }
    // A name that nobody has gets a code like any other, and nobody signs in with it.
    for name in ["nobody", "bob"] {
        let opened = world.signin.cas_open(&id, &browser.visitor(), Some(name)).await.unwrap();
        let mut watch = world.cas_watch(&browser, &opened.channel).await;
        app.approve(&world.signin, &opened.channel, &token).await;
        assert_eq!(watch.next().await, Some(Told::Failure), "{name}");
    }
    let opened = world.signin.cas_open(&id, &browser.visitor(), Some(" ADA ")).await.unwrap();
    let mut watch = world.cas_watch(&browser, &opened.channel).await;
    app.approve(&world.signin, &opened.channel, &token).await;
    let handle = handle(watch.next().await, &app);
    let redeemed = world.cas_redeem(&browser, &id, &handle, &app).await;
    assert!(matches!(redeemed, Ok(CasRedeemed::Done(_))));
    assert_eq!(world.who(&browser).await.unwrap().account.username.as_str(), "ada");
}

#[tokio::test]
async fn sec_068_another_way_in_ends_the_code_on_the_page() {
    let (world, app) = adas(Fence::Confirm).await;
    let browser = world.browser();
    let id = world.wiki_journey(&browser).await;
    let token = app.token(&world).await.unwrap();
    let opened = world.cas_open(&browser, &id).await;
    let mut watch = world.cas_watch(&browser, &opened.channel).await;
    let progress =
        world.signin.password(&id, &browser.visitor(), "ada", &SecretString::from(PASSWORD)).await.unwrap();
    browser.take(&progress.cookies);
    app.approve(&world.signin, &opened.channel, &token).await;
    assert_eq!(watch.next().await, None);
    assert!(!world.events().await.contains(&"channel.approved"));
}

#[tokio::test]
async fn sec_068_the_owner_sees_what_the_app_did_and_ends_it() {
    let (world, app) = adas(Fence::Confirm).await;
    let browser = world.signed_in_by(&app).await;
    let mut view = store::Store::read(&world.store).await.unwrap();
    let device = view.device(&app.device.id).await.unwrap().unwrap();
    assert_eq!(device.last_used_at, Some(START));
    assert_eq!(device.record.last_approved_at, Some(START));
    let notices = view.notices_of(&app.device.account, None, 10).await.unwrap();
    assert_eq!(notices.len(), 1, "SEC-043: told of the sign-in");
    drop(view);
    let who = world.who(&browser).await.unwrap();
    world.app.sign_out(&who, &browser.visitor()).await.unwrap();
    assert!(world.who(&browser).await.is_none());
}
