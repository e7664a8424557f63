//! Tokens of apps made for CAS, and passwords that come without a browser.

use std::time::Duration;

use app::{Limits, Refusal};
use cas::{Kind, Secret, Ticket, Told};
use domain::{Account, AuditEvent, DeviceState, Outcome, Totp};
use secrecy::SecretString;
use store::Store as _;

use super::cas_world::{CasApp, cas_world, cas_world_with, settings, stop};
use super::world::{PASSWORD, START, World, address};
use crate::{CasPhoneSettings, Fence, Settings};

/// Whether an app's token is good, now.
async fn is_good(world: &World, app: &CasApp, token: &Secret) -> bool {
    let browser = world.browser();
    let id = world.wiki_journey(&browser).await;
    let opened = world.cas_open(&browser, &id).await;
    let mut watch = world.cas_watch(&browser, &opened.channel).await;
    app.approve(&world.signin, &opened.channel, token).await;
    match watch.next().await {
        Some(Told::Success { .. }) => true,
        Some(Told::Failure) => false,
        None => panic!("over"),
    }
}

async fn add_totp(world: &World, account: &Account) {
    let now = world.app.now();
    let totp = Totp { account: account.id, sealed: vec![1; 48], last_step: 0, confirmed_at: now };
    let mut work = world.store.begin().await.unwrap();
    assert!(work.add_totp(&totp).await.unwrap());
    work.commit().await.unwrap();
}

#[tokio::test]
async fn sec_068_a_token_needs_a_registered_active_device_of_its_owner() {
    let world = cas_world(Fence::Confirm).await;
    let (ada, bob) = (world.account("ada").await, world.account("bob").await);
    let app = world.cas_app(&ada, "adasphone").await;
    let bobs = world.cas_app(&bob, "bobsphone").await;
    let waiting = world.cas_app_with(&ada, "waiting", |device| device.state = DeviceState::Pending).await;
    let unknown =
        CasApp { name: cas::DeviceName::parse("unknown").unwrap(), ..world.cas_app(&ada, "x").await };
    let native = world.phone(&ada).await;
    let named = cas::DeviceName::parse(&native.device.id.to_string()).unwrap();
    let native = CasApp { name: named, ..world.cas_app(&ada, "y").await };
    for (app, why) in [(&bobs, "another's"), (&waiting, "waits"), (&unknown, "none"), (&native, "native")] {
        assert_eq!(app.token(&world).await, Err(Refusal::SignInFailed), "{why}");
    }
    let token = app.token(&world).await.unwrap();
    assert!(token.expose().len() == 43 && token.expose().bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(is_good(&world, &app, &token).await);
    // Another device's header: not with its own, nor with a stranger's.
    for name in ["waiting", "bobsphone", "unknown"] {
        let other = CasApp {
            name: cas::DeviceName::parse(name).unwrap(),
            ..world.cas_app(&ada, name_of(name)).await
        };
        assert!(!is_good(&world, &other, &token).await, "{name}");
    }
    world.move_cas_app(&app, DeviceState::Revoked).await;
    assert_eq!(app.token(&world).await, Err(Refusal::SignInFailed));
    // The name is free again. The new device is another one: the old token is nothing to it.
    let again = world.cas_app(&ada, "adasphone").await;
    assert!(!is_good(&world, &again, &token).await);
}

fn name_of(name: &str) -> &'static str {
    match name {
        "waiting" => "z1",
        "bobsphone" => "z2",
        _ => "z3",
    }
}

#[tokio::test]
async fn sec_068_a_token_ends_with_device_account_password_and_its_time() {
    for what in ["device", "account", "password"] {
        let world = cas_world(Fence::Confirm).await;
        let app = world.cas_app(&world.account("ada").await, "adasphone").await;
        let token = app.token(&world).await.unwrap();
        assert!(is_good(&world, &app, &token).await);
        stop(&world, &app, what).await;
        assert!(!is_good(&world, &app, &token).await, "{what}");
    }
    let world = cas_world(Fence::Confirm).await;
    let app = world.cas_app(&world.account("ada").await, "adasphone").await;
    let token = app.token(&world).await.unwrap();
    world.wait(3599);
    assert!(is_good(&world, &app, &token).await);
    world.wait(1);
    assert!(!is_good(&world, &app, &token).await, "an hour old");
    // An operator who wants more than eight hours gets eight.
    let long = CasPhoneSettings { token_life: Duration::from_secs(90_000), fence: Fence::Confirm };
    let long = Settings { cas_phone: long, ..settings(Fence::Confirm) };
    let world = cas_world_with(Limits::unlimited(), long).await;
    let app = world.cas_app(&world.account("ada").await, "adasphone").await;
    let token = app.token(&world).await.unwrap();
    world.wait(8 * 3600);
    assert!(!is_good(&world, &app, &token).await);
}

#[tokio::test]
async fn sec_068_a_token_is_good_for_approvals_and_nothing_else() {
    let world = cas_world(Fence::SameNetwork).await;
    let app = world.cas_app(&world.account("ada").await, "adasphone").await;
    let token = app.token(&world).await.unwrap();
    // Not a session, not a ticket.
    let browser = world.browser();
    browser.0.lock().unwrap().session = app::Secret::parse(token.expose());
    assert!(world.who(&browser).await.is_none());
    assert!(Ticket::read_any(token.expose()).is_none());
    assert_eq!(world.events().await, ["password.tried"], "nobody is signed in by asking for it");
    // Texts that look like other kinds of tokens are none.
    for forged in
        ["", "x", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.", "A", &"A".repeat(43), &"A".repeat(5000)]
    {
        assert!(!is_good(&world, &app, &Secret::new(forged)).await);
    }
}

#[tokio::test]
async fn sec_068_who_must_show_a_second_factor_gets_no_token_and_no_rest_session() {
    let world = cas_world(Fence::Confirm).await;
    let ada = world.account("ada").await;
    let app = world.cas_app(&ada, "adasphone").await;
    let token = app.token(&world).await.unwrap();
    add_totp(&world, &ada).await;
    assert_eq!(app.token(&world).await, Err(Refusal::SignInFailed));
    assert!(!is_good(&world, &app, &token).await, "nor does one count that was given before");
    let (visitor, password) = (world.browser().visitor(), SecretString::from(PASSWORD));
    let ticket = Ticket::new(Kind::Tgt, &[1; 32]);
    let rest = world.signin.rest_session(&visitor, "ada", &password, &ticket.hash()).await;
    assert_eq!(rest, Err(Refusal::SignInFailed));
    assert_eq!(world.signin.rest_user(&visitor, "ada", &password).await, Err(Refusal::SignInFailed));
    assert!(world.app.sessions().by_hash(&ticket.hash()).await.unwrap().is_none());
}

#[tokio::test]
async fn sec_069_all_failures_look_alike_and_count_alike() {
    let world = cas_world(Fence::Confirm).await;
    let (ada, bob, off) =
        (world.account("ada").await, world.account("bob").await, world.account("off").await);
    let app = world.cas_app(&ada, "adasphone").await;
    let unknown =
        CasApp { name: cas::DeviceName::parse("unknown").unwrap(), ..world.cas_app(&ada, "x").await };
    let strict = world.account("strict").await;
    let stricts = world.cas_app(&strict, "stricts").await;
    add_totp(&world, &strict).await;
    let offs = world.cas_app(&off, "offs").await;
    world.disable(&off).await;
    let rows = [
        (&app, "ada", "wrong", Some(&ada)),
        (&app, "nobody", PASSWORD, None),
        (&app, "", PASSWORD, None),
        (&unknown, "ada", "wrong", Some(&ada)),
        // Right passwords, and still: neither the answer nor what it leaves says so.
        (&unknown, "ada", PASSWORD, Some(&ada)),
        (&app, "bob", PASSWORD, Some(&bob)),
        (&stricts, "strict", PASSWORD, Some(&strict)),
        (&offs, "off", PASSWORD, Some(&off)),
    ];
    for (app, name, password, account) in rows {
        let before = match account {
            Some(account) => world.wrong_in_a_row(account).await,
            None => 0,
        };
        let entries = world.trail().await.len();
        assert_eq!(app.token_for(&world, name, password).await, Err(Refusal::SignInFailed), "{name}");
        if let Some(account) = account {
            assert_eq!(world.wrong_in_a_row(account).await, before + 1, "{name} {password}");
        }
        let trail = world.trail().await;
        assert_eq!(trail.len(), entries + 1);
        let last = &trail[entries];
        assert_eq!((last.event, last.outcome), (AuditEvent::PasswordTried, Outcome::Refused));
    }
    let long = SecretString::from("x".repeat(100_000));
    let visitor = world.browser().visitor();
    let tried = world.signin.cas_token(&visitor, "ada", &long, &app.name).await;
    assert_eq!(tried, Err(Refusal::Invalid { field: "password", why: "is too long" }));
}

#[tokio::test]
async fn sec_069_form_token_and_rest_share_one_count() {
    let world = cas_world_with(Limits::default(), settings(Fence::Confirm)).await;
    let ada = world.account("ada").await;
    let app = world.cas_app(&ada, "adasphone").await;
    let browser = world.browser();
    let visitor = browser.visitor();
    let wrong = SecretString::from("wrong");
    // Three tries at three doors; the fourth has to wait, at each of them.
    assert_eq!(world.password(&browser, "ada", "wrong").await, Err(Refusal::SignInFailed));
    assert_eq!(app.token_for(&world, "ada", "wrong").await, Err(Refusal::SignInFailed));
    assert_eq!(world.signin.rest_user(&visitor, "ada", &wrong).await, Err(Refusal::SignInFailed));
    assert_eq!(world.wrong_in_a_row(&ada).await, 3);
    let is_waiting = |refusal| matches!(refusal, Refusal::TooMany { .. });
    assert!(is_waiting(app.token(&world).await.unwrap_err()));
    assert!(is_waiting(world.password(&browser, "ada", PASSWORD).await.unwrap_err()));
    let right = SecretString::from(PASSWORD);
    assert!(is_waiting(world.signin.rest_user(&visitor, "ada", &right).await.unwrap_err()));
    // Somebody else is not hindered by that.
    let mut elsewhere = world.cas_app(&ada, "other").await;
    elsewhere.address = address("198.51.100.7");
    assert!(elsewhere.token(&world).await.is_ok());
    world.wait(1);
    assert!(app.token(&world).await.is_ok());
    assert_eq!(world.wrong_in_a_row(&ada).await, 0, "a right one forgets, as at the form");
}

#[tokio::test]
async fn sec_069_a_browsers_mark_brings_an_app_nothing() {
    let world = cas_world_with(Limits::default(), settings(Fence::Confirm)).await;
    let ada = world.account("ada").await;
    let app = world.cas_app(&ada, "adasphone").await;
    let browser = world.browser();
    world.password(&browser, "ada", PASSWORD).await.unwrap();
    let known = browser.visitor();
    assert!(known.known.is_some());
    for _ in 0..3 {
        let wrong = SecretString::from("wrong");
        let tried = world.signin.cas_token(&known, "ada", &wrong, &app.name).await;
        assert_eq!(tried, Err(Refusal::SignInFailed));
    }
    // The browser that the account has used has its own count, and goes on.
    assert!(world.password(&browser, "ada", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn sec_069_accepts_are_limited_and_unknown_channels_count_double() {
    let world = cas_world_with(Limits::default(), settings(Fence::Confirm)).await;
    let app = world.cas_app(&world.account("ada").await, "adasphone").await;
    let token = app.token(&world).await.unwrap();
    for _ in 0..14 {
        app.approve(&world.signin, &cas::ChannelName::from_random(world.app.entropy().bytes()), &token).await;
    }
    assert!(is_good(&world, &app, &token).await, "28 of 30");
    for _ in 0..2 {
        world.signin.cas_abuse(app.address).await;
    }
    // Over the limit nothing is taken and nothing is said.
    let browser = world.browser();
    let id = world.wiki_journey(&browser).await;
    let opened = world.cas_open(&browser, &id).await;
    app.approve(&world.signin, &opened.channel, &token).await;
    let mut watch = world.cas_watch(&browser, &opened.channel).await;
    let told = tokio::time::timeout(Duration::from_millis(50), watch.next()).await;
    assert!(told.is_err(), "{told:?}");
    // Another network's apps are not hindered.
    let elsewhere = CasApp { address: address("198.51.100.7"), ..app };
    elsewhere.approve(&world.signin, &opened.channel, &token).await;
    assert!(matches!(watch.next().await, Some(Told::Success { .. })));
}

#[tokio::test]
async fn a_program_signs_in_by_password_and_its_ticket_is_its_session() {
    let world = cas_world(Fence::Confirm).await;
    let ada = world.account("ada").await;
    let (visitor, password) = (world.browser().visitor(), SecretString::from(PASSWORD));
    let ticket = Ticket::new(Kind::Tgt, &world.app.entropy().bytes());
    let account = world.signin.rest_session(&visitor, "ADA", &password, &ticket.hash()).await.unwrap();
    assert_eq!(account.id, ada.id);
    let who = world.app.sessions().by_hash(&ticket.hash()).await.unwrap().unwrap();
    assert_eq!((who.account.id, who.session.device), (ada.id, None));
    assert_eq!(who.session.acr(), Some(domain::Acr::Password));
    assert_eq!(who.session.auth_time(), Some(START));
    // Another of the same network is the same place: its owner is told once.
    let again = Ticket::new(Kind::Tgt, &world.app.entropy().bytes());
    world.signin.rest_session(&visitor, "ada", &password, &again.hash()).await.unwrap();
    let told = world.store.read().await.unwrap().notices_of(&ada.id, None, 10).await.unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(world.signin.rest_user(&visitor, "ada", &password).await.unwrap().id, ada.id);
    let sessions = world.events().await.into_iter().filter(|event| *event == "session.started").count();
    assert_eq!(sessions, 2);
    // Where no password is taken there is no door beside the form.
    let mut none = settings(Fence::Confirm);
    none.methods.password = false;
    let world = cas_world_with(Limits::unlimited(), none).await;
    let app = world.cas_app(&world.account("ada").await, "adasphone").await;
    assert_eq!(app.token(&world).await, Err(Refusal::Forbidden));
    let rest = world.signin.rest_session(&visitor, "ada", &password, &ticket.hash()).await;
    assert_eq!(rest, Err(Refusal::Forbidden));
}
