//! What an approval is bound to, how it ends, and what is written down.

use domain::DeviceState;
use journey::Need;
use qr::CheckCode;

use super::actors::{Draft, draft, message};
use super::world::{address, free_world, world};
use crate::Decided;

use super::phones::wrong;

#[tokio::test]
async fn sec_030_an_old_signature_fits_no_other_field() {
    let world = free_world().await;
    let phone = world.phone(&world.account("ada").await).await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let held = world.scanned(&browser, &id, &phone).await;
    let code = world.signin.phone_code(&id, &browser.visitor()).await.unwrap();
    let yes = Draft { code: CheckCode::parse(code.text()), ..draft(&world, qr::Decision::Approve) };
    let signature = phone.signed(&held, &yes);
    let changes: [(&str, Draft); 4] = [
        ("decision", Draft { decision: qr::Decision::Deny, ..yes.clone() }),
        ("uv", Draft { uv: false, ..yes.clone() }),
        ("code", Draft { code: CheckCode::parse(&wrong(code.text())), ..yes.clone() }),
        ("time", Draft { time: yes.time - 1, ..yes.clone() }),
    ];
    for (field, changed) in changes {
        let sent = phone.send(&world, &held, &changed, &signature).await;
        assert_eq!(sent, Err(app::Refusal::Forbidden), "{field}");
    }
    // What the server knows better: each is the phone's own idea of another value.
    let account = world.app.entropy().id();
    let mut other = held.clone();
    other.claimed.nonce = "AAAAAAAAAAAAAAAAAAAAAA".into();
    let mut facts = held.clone();
    facts.claimed.facts.push(' ');
    let mut client = held.clone();
    client.client = Some("shop".into());
    let mut channel = held.clone();
    channel.channel = "AAAAAAAAAAAAAAAAAAAAAA".into();
    let own = &phone.device.account;
    for (field, text) in [
        ("account", message(&held, &yes, phone.device.id, &account)),
        ("device", message(&held, &yes, world.app.entropy().id(), own)),
        ("nonce", message(&other, &yes, phone.device.id, own)),
        ("facts", message(&facts, &yes, phone.device.id, own)),
        ("client", message(&client, &yes, phone.device.id, own)),
        ("channel", message(&channel, &yes, phone.device.id, own)),
        ("issuer", message(&held, &yes, phone.device.id, own).replace("localhost", "localhosd")),
    ] {
        let sent = phone.send(&world, &held, &yes, &phone.sign(&text)).await;
        assert_eq!(sent, Err(app::Refusal::Forbidden), "{field}");
    }
    assert_eq!(world.state(&browser, &id).await, "claimed");
    assert_eq!(phone.send(&world, &held, &yes, &signature).await, Ok(Decided::Done));
}

#[tokio::test]
async fn sec_032_a_signed_approval_works_once_and_on_one_channel() {
    let world = free_world().await;
    let phone = world.phone(&world.account("ada").await).await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let held = world.scanned(&browser, &id, &phone).await;
    let code = world.signin.phone_code(&id, &browser.visitor()).await.unwrap();
    let yes = Draft { code: CheckCode::parse(code.text()), ..draft(&world, qr::Decision::Approve) };
    let signature = phone.signed(&held, &yes);
    assert_eq!(phone.send(&world, &held, &yes, &signature).await, Ok(Decided::Done));
    assert_eq!(phone.send(&world, &held, &yes, &signature).await, Err(app::Refusal::Gone));
    let other = world.journey(&browser).await;
    let second = world.scanned(&browser, &other, &phone).await;
    assert_eq!(phone.send(&world, &second, &yes, &signature).await, Err(app::Refusal::Forbidden));
}

#[tokio::test]
async fn sec_036_phone_and_owner_are_asked_again_at_redeem() {
    for disable_account in [true, false] {
        let world = world().await;
        let ada = world.account("ada").await;
        let phone = world.phone(&ada).await;
        let browser = world.browser();
        let id = world.journey(&browser).await;
        world.approved(&browser, &id, &phone).await;
        if disable_account {
            world.disable(&ada).await;
        } else {
            world.move_device(&phone, DeviceState::Revoked).await;
        }
        assert_eq!(world.redeem(&browser, &id).await, Err(app::Refusal::SignInFailed));
        assert!(world.who(&browser).await.is_none());
        assert_eq!(world.events().await.last(), Some(&"channel.redeemed"));
    }
}

#[tokio::test]
async fn sec_036_phone_and_owner_are_asked_again_at_the_approval() {
    let world = world().await;
    let ada = world.account("ada").await;
    let phone = world.phone(&ada).await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let held = world.scanned(&browser, &id, &phone).await;
    let code = world.signin.phone_code(&id, &browser.visitor()).await.unwrap();
    world.move_device(&phone, DeviceState::Suspended).await;
    assert_eq!(phone.approve(&world, &held, code.text()).await, Err(app::Refusal::Forbidden));
}

#[tokio::test]
async fn sec_037_a_denial_after_the_approval_wins() {
    let world = world().await;
    let phone = world.phone(&world.account("ada").await).await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let held = world.approved(&browser, &id, &phone).await;
    assert_eq!(phone.deny(&world, &held).await, Ok(Decided::Done));
    assert_eq!(world.redeem(&browser, &id).await, Err(app::Refusal::Gone));
    assert!(world.who(&browser).await.is_none());
}

#[tokio::test]
async fn sec_040_where_a_passkey_is_demanded_no_phone_is_taken() {
    let world = world().await;
    world.client("bank", |client| client.requires_phishing_resistant = true).await;
    let browser = world.browser();
    let need = Need { phishing_resistant: true, ..Need::default() };
    let id = world.journey_for(&browser, None, need).await;
    assert!(!world.signin.journey(&id, &browser.visitor()).await.unwrap().offers.phone);
    assert_eq!(world.signin.phone_open(&id, &browser.visitor()).await, Err(app::Refusal::Forbidden));
    // Also where the journey was begun before the client was changed.
    let id = world.journey_for(&browser, Some("bank"), Need::default()).await;
    assert_eq!(world.signin.phone_open(&id, &browser.visitor()).await, Err(app::Refusal::Forbidden));
}

#[tokio::test]
async fn sec_043_a_phone_lists_and_ends_what_it_approved() {
    let world = world().await;
    let ada = world.account("ada").await;
    let (phone, other) = (world.phone(&ada).await, world.phone(&ada).await);
    let browser = world.browser();
    let id = world.journey(&browser).await;
    world.approved(&browser, &id, &phone).await;
    world.redeem(&browser, &id).await.unwrap();
    let list = async |phone: &super::actors::Phone| {
        phone.ask(&world, "/sessions", async |s, ask| s.approved_sessions(&ask.asked()).await).await.unwrap()
    };
    assert!(list(&other).await.is_empty());
    let sessions = list(&phone).await;
    assert_eq!(sessions.len(), 1);
    let id = sessions[0].id;
    let end = async |phone: &super::actors::Phone| {
        phone.ask(&world, "/end", async move |s, ask| s.end_session(&ask.asked(), &id).await).await
    };
    assert_eq!(end(&other).await, Err(app::Refusal::NotFound));
    assert!(world.who(&browser).await.is_some());
    assert_eq!(end(&phone).await, Ok(()));
    assert!(world.who(&browser).await.is_none());
    assert!(list(&phone).await.is_empty());
}

#[tokio::test]
async fn sec_055_wrong_signatures_stop_a_phone_and_no_other() {
    let world = world().await;
    let ada = world.account("ada").await;
    let phone = world.phone(&ada).await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let held = world.scanned(&browser, &id, &phone).await;
    let mut stopped = false;
    for _ in 0..40 {
        let no = draft(&world, qr::Decision::Deny);
        match phone.send(&world, &held, &no, &"A".repeat(86)).await {
            Err(app::Refusal::Forbidden) => assert!(!stopped),
            Err(app::Refusal::TooMany { .. }) => stopped = true,
            other => panic!("{other:?}"),
        }
    }
    assert!(stopped);
    let mut bobs = world.phone(&world.account("bob").await).await;
    bobs.address = address("192.0.2.99");
    let browser = world.browser();
    let id = world.journey(&browser).await;
    world.approved(&browser, &id, &bobs).await;
}

#[tokio::test]
async fn sec_055_approvals_without_a_verified_user_are_limited_too() {
    let world = world().await;
    let ada = world.account("ada").await;
    let phone = world.web_phone(&ada).await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let held = world.scanned(&browser, &id, &phone).await;
    let code = world.signin.phone_code(&id, &browser.visitor()).await.unwrap();
    phone.authenticator.lock().unwrap().as_mut().unwrap().verifies_user = false;
    let mut refused = Vec::new();
    for _ in 0..20 {
        refused.push(phone.approve(&world, &held, code.text()).await.unwrap_err());
    }
    assert_eq!(refused[0], app::Refusal::Forbidden);
    assert!(matches!(refused[19], app::Refusal::TooMany { .. }));
}

#[tokio::test]
async fn sec_063_the_trail_is_whole_ordered_and_without_secrets() {
    let world = world().await;
    world.client("shop", |_| {}).await;
    let ada = world.account("ada").await;
    let phone = world.phone(&ada).await;
    let browser = world.browser();
    let id = world.journey_for(&browser, Some("shop"), Need::default()).await;
    let held = world.approved(&browser, &id, &phone).await;
    world.redeem(&browser, &id).await.unwrap();
    let trail = world.trail().await;
    let words: Vec<_> = trail.iter().map(|entry| entry.event.as_str()).collect();
    assert_eq!(
        words,
        ["channel.opened", "channel.claimed", "channel.approved", "session.started", "channel.redeemed"]
    );
    for entry in &trail {
        assert_eq!(entry.client.as_ref().map(domain::ClientId::as_str), Some("shop"));
    }
    assert!(trail[0].account.is_none() && trail[0].address.as_deref() == Some("192.0.2.10"));
    for entry in &trail[1..] {
        assert_eq!((entry.account, entry.device), (Some(ada.id), Some(phone.device.id)));
    }
    assert_eq!(trail[2].other_address.as_deref(), Some("192.0.2.10"));
    assert_eq!(trail[4].other_address.as_deref(), Some("192.0.2.20"));
    let text = format!("{trail:?}");
    let secrets = [&held.channel, &held.claimed.claim, &held.claimed.nonce];
    assert!(secrets.iter().all(|secret| !text.contains(secret.as_str())));
}

#[tokio::test]
async fn sec_063_a_claim_that_led_to_nothing_is_noted_once() {
    let world = world().await;
    let phone = world.phone(&world.account("ada").await).await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    world.scanned(&browser, &id, &phone).await;
    world.wait(121);
    for _ in 0..3 {
        assert_eq!(world.state(&browser, &id).await, "expired");
    }
    assert_eq!(world.events().await, ["channel.opened", "channel.claimed", "channel.expired"]);
    let unused = world.journey(&browser).await;
    world.signin.phone_open(&unused, &browser.visitor()).await.unwrap();
    world.wait(301);
    world.state(&browser, &unused).await;
    assert_eq!(world.events().await.len(), 3);
    assert_eq!(world.signin.counts().expired_unclaimed, 1);
    assert_eq!(world.signin.counts().opened, 2);
}

#[tokio::test]
async fn sec_089_a_phone_that_nobody_used_must_be_verified_again() {
    let world = world().await;
    let phone = world.phone(&world.account("ada").await).await;
    world.wait(181 * 24 * 3600);
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let opened = world.signin.phone_open(&id, &browser.visitor()).await.unwrap();
    let refused = Err(app::Refusal::Conflict("reverification"));
    assert_eq!(phone.scan(&world, &opened).await.map(|_| ()), refused);
    let (due, _) = super::upkeep::standing(&world, &phone).await;
    assert!(due);
    // Its owner is there, and not only somebody who holds it.
    let absent = super::upkeep::reverify(&world, &phone, false).await;
    assert_eq!(absent, Err(app::Refusal::Forbidden));
    assert_eq!(phone.scan(&world, &opened).await.map(|_| ()), refused);
    super::upkeep::reverify(&world, &phone, true).await.unwrap();
    let opened = world.signin.phone_open(&id, &browser.visitor()).await.unwrap();
    let held = phone.scan(&world, &opened).await.unwrap();
    let code = world.signin.phone_code(&id, &browser.visitor()).await.unwrap();
    assert_eq!(phone.approve(&world, &held, code.text()).await, Ok(Decided::Done));
    assert!(world.events().await.contains(&"device.reverified"));
}

#[tokio::test]
async fn a_claimed_channel_stays_when_the_page_is_loaded_again() {
    let world = world().await;
    let phone = world.phone(&world.account("ada").await).await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let held = world.scanned(&browser, &id, &phone).await;
    let again = world.signin.phone_open(&id, &browser.visitor()).await.unwrap();
    assert_eq!((again.state, again.url.as_str(), again.svg.as_str()), ("claimed", "", ""));
    let code = world.signin.phone_code(&id, &browser.visitor()).await.unwrap();
    assert_eq!(phone.approve(&world, &held, code.text()).await, Ok(Decided::Done));
    assert_eq!(world.signin.phone_open(&id, &browser.visitor()).await.unwrap().state, "approved");
}

#[tokio::test]
async fn a_cancelled_channel_cannot_be_approved() {
    let world = world().await;
    let phone = world.phone(&world.account("ada").await).await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let held = world.scanned(&browser, &id, &phone).await;
    let code = world.signin.phone_code(&id, &browser.visitor()).await.unwrap();
    world.signin.phone_cancel(&id, &browser.visitor()).await.unwrap();
    assert_eq!(phone.approve(&world, &held, code.text()).await, Err(app::Refusal::Gone));
    assert_eq!(world.state(&browser, &id).await, "expired");
}
