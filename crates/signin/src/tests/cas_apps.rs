//! Signing in with apps made for CAS: the channel and the browser.

use std::collections::HashSet;

use app::{Landing, Limits, Refusal};
use cas::stomp::Approval;
use cas::{ChannelName, DeviceName, Secret, Told};
use domain::{AuditEvent, Outcome};
use futures_util::future::join_all;
use journey::Need;

use super::cas_world::{adas, cas_world_with, handle, settings, stop};
use super::world::{PASSWORD, START};
use crate::{CasRedeemed, Fence, Next, Settings};

fn invented() -> ChannelName {
    ChannelName::from_random([9; 16])
}

#[tokio::test]
async fn a_browser_signs_in_because_an_app_made_for_cas_approved() {
    let (world, app) = adas(Fence::Confirm).await;
    let browser = world.browser();
    let id = world.wiki_journey(&browser).await;
    let view = world.signin.journey(&id, &browser.visitor()).await.unwrap();
    assert!(view.offers.cas_phone);

    let token = app.token(&world).await.unwrap();
    let opened = world.cas_open(&browser, &id).await;
    assert!(opened.svg.starts_with("<svg") && opened.expires_in == 60);
    assert_eq!(ChannelName::parse(opened.channel.as_str()), Some(opened.channel.clone()));
    let mut watch = world.cas_watch(&browser, &opened.channel).await;
    world.wait(3);
    app.approve(&world.signin, &opened.channel, &token).await;
    let handle = handle(watch.next().await, &app);
    assert_eq!(watch.next().await, None);
    world.wait(2);
    // Nobody is signed in before the browser's user says so.
    let redeemed = world.cas_redeem(&browser, &id, &handle, &app).await.unwrap();
    let CasRedeemed::Confirm(asked) = redeemed else { panic!("{redeemed:?}") };
    assert_eq!((asked.account.as_str(), asked.device.as_str(), asked.expires_in), ("ada", "The old app", 28));
    assert_eq!(world.signin.cas_confirmation(&id, &browser.visitor()).await, Ok(asked));
    assert!(world.who(&browser).await.is_none());
    let progress = world.cas_confirm(&browser, &id).await.unwrap();
    assert!(matches!(progress.next, Next::Land(Landing::SeeOther(_))));

    let who = world.who(&browser).await.unwrap();
    assert_eq!(who.account.username.as_str(), "ada");
    assert_eq!(who.session.device, Some(app.device.id));
    // SEC-039: the time of the approval.
    assert_eq!(who.session.auth_time().unwrap().seconds(), START.seconds() + 3);
    // SEC-013: another browser secret.
    assert_eq!(world.cas_confirm(&browser, &id).await, Err(Refusal::Gone));
}

#[tokio::test]
async fn sec_065_while_the_mode_is_off_there_is_none_of_it() {
    let world = cas_world_with(Limits::unlimited(), Settings::default()).await;
    let ada = world.account("ada").await;
    let app = world.cas_app(&ada, "adasphone").await;
    let browser = world.browser();
    let (visitor, id) = (browser.visitor(), world.wiki_journey(&browser).await);
    assert!(!world.signin.journey(&id, &visitor).await.unwrap().offers.cas_phone);
    let signin = &world.signin;
    assert_eq!(app.token(&world).await, Err(Refusal::NotFound));
    assert_eq!(signin.cas_open(&id, &visitor, Some("ada")).await, Err(Refusal::NotFound));
    assert!(matches!(signin.cas_watch(&visitor, &invented()).await, Err(Refusal::NotFound)));
    assert_eq!(signin.cas_redeem(&id, &visitor, "x", "adasphone").await, Err(Refusal::NotFound));
    assert_eq!(signin.cas_confirmation(&id, &visitor).await, Err(Refusal::NotFound));
    assert_eq!(signin.cas_confirm(&id, &visitor).await, Err(Refusal::NotFound));
    assert_eq!(signin.cas_decline(&id, &visitor).await, Err(Refusal::NotFound));
    app.approve(signin, &invented(), &Secret::new("x")).await;
    assert!(world.events().await.is_empty());
    assert!(!Settings::default().methods.cas_phone, "off by default");
}

#[tokio::test]
async fn sec_065_a_relying_party_takes_such_apps_only_if_it_says_so() {
    let (world, _) = adas(Fence::Confirm).await;
    world.client("shop", |_| {}).await;
    world
        .client("bank", |client| {
            client.metadata.takes_cas_apps = true;
            client.requires_phishing_resistant = true;
        })
        .await;
    world
        .client("gone", |client| {
            client.metadata.takes_cas_apps = true;
            client.is_enabled = false;
        })
        .await;
    let browser = world.browser();
    for client in [None, Some("shop"), Some("bank"), Some("gone")] {
        let id = world.journey_for(&browser, client, Need::default()).await;
        let opened = world.signin.cas_open(&id, &browser.visitor(), None).await;
        assert_eq!(opened, Err(Refusal::Forbidden), "{client:?}");
    }
    // Switched off while the page waits: what was approved is worth nothing.
    let (world, app) = adas(Fence::SameNetwork).await;
    let browser = world.browser();
    let id = world.wiki_journey(&browser).await;
    let handle = world.cas_approved(&browser, &id, &app).await;
    let mut wiki =
        world.app.clients().find(&"wiki".parse().unwrap()).await.unwrap().unwrap().as_ref().clone();
    wiki.metadata.takes_cas_apps = false;
    let mut work = store::Store::begin(&world.store).await.unwrap();
    assert!(work.update_client(&wiki).await.unwrap());
    work.commit().await.unwrap();
    world.app.tell(app::Change::Client(wiki.id)).await;
    assert_eq!(world.cas_redeem(&browser, &id, &handle, &app).await, Err(Refusal::Forbidden));
    assert!(world.who(&browser).await.is_none());
}

#[tokio::test]
async fn sec_065_a_channel_of_one_mode_is_nothing_to_the_other() {
    let (world, app) = adas(Fence::SameNetwork).await;
    let phone = world.phone(&world.account("bob").await).await;
    let browser = world.browser();
    let id = world.wiki_journey(&browser).await;
    let token = app.token(&world).await.unwrap();
    // Both codes stand on one page.
    let native = world.signin.phone_open(&id, &browser.visitor()).await.unwrap();
    let opened = world.cas_open(&browser, &id).await;
    // A phone claims no such channel, and an app approves none of a phone: not even the names fit.
    for text in [opened.channel.as_str(), &opened.channel.as_str().replace('-', "")[..22]] {
        assert!(matches!(phone.claim(&world, text).await, Err(Refusal::Gone)));
    }
    let native_id = qr::wire::parse_qr_text(&native.url, super::world::ISSUER).unwrap();
    assert_eq!(ChannelName::parse(native_id), None);
    assert!(matches!(world.signin.cas_watch(&browser.visitor(), &invented()).await, Err(Refusal::Gone)));

    // What one approved, the other's door does not redeem.
    app.approve(&world.signin, &opened.channel, &token).await;
    assert_eq!(world.state(&browser, &id).await, "waiting");
    assert_eq!(world.redeem(&browser, &id).await, Err(Refusal::Conflict("approval")));
    let other = world.browser();
    let id = world.wiki_journey(&other).await;
    world.approved(&other, &id, &phone).await;
    for handle in ["", native_id, &"A".repeat(86)] {
        let redeemed = world.signin.cas_redeem(&id, &other.visitor(), handle, app.name.as_str()).await;
        assert_eq!(redeemed, Err(Refusal::SignInFailed));
    }
    assert!(world.redeem(&other, &id).await.is_ok());
    // A device of the one mode is none of the other.
    let key = world.signin.challenge(&app.device.id, app.address).await;
    let none = world.signin.challenge(&world.app.entropy().id(), app.address).await;
    assert_eq!(key.is_ok(), none.is_ok(), "as for a phone that is not there");
}

#[tokio::test]
async fn sec_066_what_is_shown_is_good_for_a_minute_and_what_replaced_it_alone() {
    let (world, app) = adas(Fence::Confirm).await;
    let browser = world.browser();
    let id = world.wiki_journey(&browser).await;
    let token = app.token(&world).await.unwrap();

    let first = world.cas_open(&browser, &id).await;
    let second = world.cas_open(&browser, &id).await;
    assert_ne!(first.channel, second.channel);
    let gone = world.signin.cas_watch(&browser.visitor(), &first.channel).await;
    assert!(matches!(gone, Err(Refusal::Gone)), "replaced");
    let mut watch = world.cas_watch(&browser, &second.channel).await;
    world.wait(59);
    app.approve(&world.signin, &first.channel, &token).await;
    app.approve(&world.signin, &second.channel, &token).await;
    assert!(matches!(watch.next().await, Some(Told::Success { .. })), "59 s old");

    let third = world.cas_open(&browser, &id).await;
    let mut watch = world.cas_watch(&browser, &third.channel).await;
    world.wait(66);
    app.approve(&world.signin, &third.channel, &token).await;
    assert_eq!(watch.next().await, None, "66 s old");
    assert!(world.signin.cas_watch(&browser.visitor(), &third.channel).await.is_err());
}

#[tokio::test]
async fn sec_066_five_codes_of_a_browser_live_at_once() {
    let (world, _) = adas(Fence::Confirm).await;
    let browser = world.browser();
    let mut all = Vec::new();
    for _ in 0..6 {
        let id = world.wiki_journey(&browser).await;
        all.push(world.cas_open(&browser, &id).await.channel);
    }
    let names: HashSet<&str> = all.iter().map(ChannelName::as_str).collect();
    assert_eq!(names.len(), 6);
    let mut lives = Vec::new();
    for channel in &all {
        lives.push(world.signin.cas_watch(&browser.visitor(), channel).await.is_ok());
    }
    assert_eq!(lives, [false, true, true, true, true, true]);
}

#[tokio::test]
async fn sec_066_starts_are_limited_and_other_ways_go_on() {
    let world = cas_world_with(Limits::default(), settings(Fence::Confirm)).await;
    world.account("ada").await;
    let browser = world.browser();
    let id = world.wiki_journey(&browser).await;
    let mut refused = 0;
    for _ in 0..40 {
        match world.signin.cas_open(&id, &browser.visitor(), None).await {
            Ok(_) => {}
            Err(Refusal::TooMany { .. }) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(refused, 10);
    assert!(world.password(&browser, "ada", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn sec_066_one_approval_signs_in_once_however_many_ask() {
    let (world, app) = adas(Fence::SameNetwork).await;
    let browser = world.browser();
    let id = world.wiki_journey(&browser).await;
    let handle = world.cas_approved(&browser, &id, &app).await;
    let visitor = browser.visitor();
    let all = (0..50).map(|_| world.signin.cas_redeem(&id, &visitor, handle.expose(), "adasphone"));
    let won = join_all(all).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(won, 1);
    let started = world.events().await.into_iter().filter(|event| *event == "session.started").count();
    assert_eq!(started, 1);

    // The same where it is confirmed: one handle, one confirmation, one session.
    let (world, app) = adas(Fence::Confirm).await;
    let browser = world.browser();
    let id = world.wiki_journey(&browser).await;
    let handle = world.cas_approved(&browser, &id, &app).await;
    let visitor = browser.visitor();
    let all = (0..20).map(|_| world.signin.cas_redeem(&id, &visitor, handle.expose(), "adasphone"));
    assert_eq!(join_all(all).await.into_iter().filter(Result::is_ok).count(), 1);
    let all = (0..20).map(|_| world.signin.cas_confirm(&id, &visitor));
    assert_eq!(join_all(all).await.into_iter().filter(Result::is_ok).count(), 1);
}

#[tokio::test]
async fn sec_066_an_approval_is_good_for_half_a_minute_until_the_session() {
    for (before, after, is_good) in [(29, 0, true), (31, 0, false), (10, 19, true), (10, 21, false)] {
        let (world, app) = adas(Fence::Confirm).await;
        let browser = world.browser();
        let id = world.wiki_journey(&browser).await;
        let handle = world.cas_approved(&browser, &id, &app).await;
        world.wait(before);
        let redeemed = world.cas_redeem(&browser, &id, &handle, &app).await;
        world.wait(after);
        let confirmed = world.cas_confirm(&browser, &id).await;
        assert_eq!(redeemed.is_ok() && confirmed.is_ok(), is_good, "{before} + {after}: {confirmed:?}");
        assert_eq!(world.who(&browser).await.is_some(), is_good);
    }
}

#[tokio::test]
async fn sec_066_an_approval_counts_for_the_request_it_was_asked_for() {
    let (world, app) = adas(Fence::SameNetwork).await;
    world.client("other", |client| client.metadata.takes_cas_apps = true).await;
    let browser = world.browser();
    let id = world.wiki_journey(&browser).await;
    let elsewhere = world.journey_for(&browser, Some("other"), Need::default()).await;
    let handle = world.cas_approved(&browser, &id, &app).await;
    assert_eq!(world.cas_redeem(&browser, &elsewhere, &handle, &app).await, Err(Refusal::SignInFailed));
    assert!(world.cas_redeem(&browser, &id, &handle, &app).await.is_ok(), "and it is not lost by that");
}

#[tokio::test]
async fn sec_066_who_is_stopped_between_approval_and_session_is_not_signed_in() {
    for what in ["device", "account", "password"] {
        for is_confirming in [false, true] {
            let (world, app) = adas(Fence::Confirm).await;
            let browser = world.browser();
            let id = world.wiki_journey(&browser).await;
            let handle = world.cas_approved(&browser, &id, &app).await;
            if is_confirming {
                assert!(world.cas_redeem(&browser, &id, &handle, &app).await.is_ok());
            }
            stop(&world, &app, what).await;
            if !is_confirming {
                assert!(world.cas_redeem(&browser, &id, &handle, &app).await.is_ok());
            }
            let confirmed = world.cas_confirm(&browser, &id).await;
            assert_eq!(confirmed, Err(Refusal::SignInFailed), "{what}");
            assert!(world.who(&browser).await.is_none());
            let last = world.trail().await.pop().unwrap();
            assert_eq!((last.event, last.outcome), (AuditEvent::ChannelRedeemed, Outcome::Refused), "{what}");
        }
    }
}

#[tokio::test]
async fn sec_066_the_whole_way_is_in_the_trail_without_secrets() {
    let (world, app) = adas(Fence::Confirm).await;
    let browser = world.browser();
    let id = world.wiki_journey(&browser).await;
    let token = app.token(&world).await.unwrap();
    let opened = world.cas_open(&browser, &id).await;
    app.approve(&world.signin, &opened.channel, &token).await;
    let mut watch = world.cas_watch(&browser, &opened.channel).await;
    let handle = handle(watch.next().await, &app);
    world.cas_redeem(&browser, &id, &handle, &app).await.unwrap();
    world.cas_confirm(&browser, &id).await.unwrap();
    let trail = world.trail().await;
    let words: Vec<&str> = trail.iter().map(|entry| entry.event.as_str()).collect();
    assert_eq!(
        words,
        ["password.tried", "channel.opened", "channel.approved", "session.started", "channel.redeemed"]
    );
    for entry in &trail[2..] {
        assert_eq!((entry.device, entry.account), (Some(app.device.id), Some(app.device.account)));
    }
    assert_eq!(trail[2].client.as_ref().unwrap().as_str(), "wiki");
    assert!(trail[4].address.is_some() && trail[4].other_address.is_some() && trail[4].session.is_some());
    let told = format!("{trail:?}");
    for secret in [token.expose(), handle.expose(), opened.channel.as_str(), PASSWORD] {
        assert!(!told.contains(secret));
    }
}

#[tokio::test]
async fn sec_067_only_the_browser_that_shows_the_code_is_told() {
    let (world, app) = adas(Fence::SameNetwork).await;
    let (browser, other) = (world.browser(), world.browser());
    let id = world.wiki_journey(&browser).await;
    let token = app.token(&world).await.unwrap();
    let opened = world.cas_open(&browser, &id).await;
    let mut nobody = other.visitor();
    nobody.browser = None;
    let mut derived = other.visitor();
    derived.browser = app::Secret::parse(&"A".repeat(43));
    for stranger in [other.visitor(), nobody, derived] {
        let watched = world.signin.cas_watch(&stranger, &opened.channel).await;
        assert!(matches!(watched, Err(Refusal::Gone)));
    }
    assert!(matches!(world.signin.cas_watch(&browser.visitor(), &invented()).await, Err(Refusal::Gone)));

    let first = world.cas_watch(&browser, &opened.channel).await;
    let mut second = world.cas_watch(&browser, &opened.channel).await;
    let third = world.signin.cas_watch(&browser.visitor(), &opened.channel).await;
    assert!(matches!(third, Err(Refusal::TooMany { .. })), "SEC-051");
    drop(first);
    assert!(world.signin.cas_watch(&browser.visitor(), &opened.channel).await.is_ok());

    app.approve(&world.signin, &opened.channel, &token).await;
    let handle = handle(second.next().await, &app);
    // Fresh, and nothing of the app's.
    assert_ne!(handle, token);
    assert!(!handle.expose().contains(token.expose()));
    // In another browser, on its own journey for the same service, it is nothing.
    let theirs = world.wiki_journey(&other).await;
    assert_eq!(world.cas_redeem(&other, &theirs, &handle, &app).await, Err(Refusal::SignInFailed));
    assert_eq!(world.cas_redeem(&other, &id, &handle, &app).await, Err(Refusal::Gone));
    // The app's own token is no handle anywhere.
    assert_eq!(world.cas_redeem(&browser, &id, &token, &app).await, Err(Refusal::SignInFailed));
    // Nor is the handle good with another device's name.
    let visitor = browser.visitor();
    for device in ["other", "", "Ädas"] {
        let redeemed = world.signin.cas_redeem(&id, &visitor, handle.expose(), device).await;
        assert_eq!(redeemed, Err(Refusal::SignInFailed));
    }
    // A letter of it changed.
    for at in [0, 42, 43, 80] {
        let mut bytes = handle.expose().to_owned().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let wrong = String::from_utf8(bytes).unwrap();
        let redeemed = world.signin.cas_redeem(&id, &visitor, &wrong, "adasphone").await;
        assert_eq!(redeemed, Err(Refusal::SignInFailed), "{at}");
    }
    let redeemed = world.signin.cas_redeem(&id, &visitor, handle.expose(), "AdasPhone").await;
    assert!(redeemed.is_ok(), "names are compared without case");
    assert_eq!(world.cas_redeem(&browser, &id, &handle, &app).await, Err(Refusal::Gone), "once");
}

#[tokio::test]
async fn sec_067_a_result_that_is_known_is_told_to_whoever_comes_late() {
    let (world, app) = adas(Fence::SameNetwork).await;
    let browser = world.browser();
    let id = world.wiki_journey(&browser).await;
    let token = app.token(&world).await.unwrap();
    let opened = world.cas_open(&browser, &id).await;
    app.approve(&world.signin, &opened.channel, &token).await;
    let mut watch = world.cas_watch(&browser, &opened.channel).await;
    let first = handle(watch.next().await, &app);
    // The page shows another code meanwhile: the approval is not lost.
    world.cas_open(&browser, &id).await;
    let mut again = world.cas_watch(&browser, &opened.channel).await;
    assert_eq!(handle(again.next().await, &app), first);
    assert!(world.cas_redeem(&browser, &id, &first, &app).await.is_ok());
}

#[tokio::test]
async fn sec_067_a_browser_waits_on_one_node_for_an_app_that_speaks_to_another() {
    let (world, app) = adas(Fence::SameNetwork).await;
    let other = world.node(settings(Fence::SameNetwork));
    let browser = world.browser();
    let id = world.wiki_journey(&browser).await;
    let token = app.token(&world).await.unwrap();
    let opened = world.cas_open(&browser, &id).await;
    let mut watch = world.cas_watch(&browser, &opened.channel).await;
    let waiting = tokio::spawn(async move { (watch.next().await, watch.next().await) });
    tokio::task::yield_now().await;
    app.approve(&other, &opened.channel, &Secret::new("wrong")).await;
    app.approve(&other, &opened.channel, &token).await;
    let (one, two) = waiting.await.unwrap();
    // The failure may have been overtaken by what came after it.
    let told = if one == Some(Told::Failure) { two } else { one };
    let handle = handle(told, &app);
    let progress = other.cas_redeem(&id, &browser.visitor(), handle.expose(), "adasphone").await.unwrap();
    let CasRedeemed::Done(progress) = progress else { panic!("{progress:?}") };
    browser.take(&progress.cookies);
    assert!(world.who(&browser).await.is_some());
}

#[tokio::test]
async fn sec_067_failures_are_told_and_five_end_the_channel() {
    let (world, app) = adas(Fence::Confirm).await;
    let browser = world.browser();
    let id = world.wiki_journey(&browser).await;
    let token = app.token(&world).await.unwrap();
    let opened = world.cas_open(&browser, &id).await;
    let mut watch = world.cas_watch(&browser, &opened.channel).await;
    let ask = |device: Option<&str>, token: Option<&str>| Approval {
        channel: opened.channel.clone(),
        device: device.map(|name| DeviceName::parse(name).unwrap()),
        token: token.map(Secret::new),
    };
    for bad in [
        ask(Some("adasphone"), None),
        ask(Some("adasphone"), Some("")),
        ask(Some("other"), Some(token.expose())),
        ask(None, Some(token.expose())),
        ask(Some("adasphone"), Some(&token.expose().to_lowercase())),
    ] {
        world.signin.cas_accept(&bad, app.address).await;
        assert_eq!(watch.next().await, Some(Told::Failure));
    }
    assert_eq!(watch.next().await, None);
    app.approve(&world.signin, &opened.channel, &token).await;
    let mut late = world.cas_watch(&browser, &opened.channel).await;
    assert_eq!((late.next().await, late.next().await), (Some(Told::Failure), None));
    let last = world.trail().await.pop().unwrap();
    assert_eq!(last.event, AuditEvent::ChannelDenied);
    assert!(last.account.is_none() && last.other_address.is_some());
}
