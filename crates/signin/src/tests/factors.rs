//! Second factors, recovery codes, passkeys and passwords as their owner keeps them.

use std::time::Duration;

use app::Refusal;
use domain::{Account, Method, NoticeKind, Passkey, Policy as _, Recovery, RecoveryState, Timestamp};
use journey::{Need, SecondFactors, Step};
use secrecy::SecretString;
use store::Store as _;

use super::actors::Browser;
use super::world::{PASSWORD, World, free_world, world};
use crate::totp::tests::code;
use crate::{Next, PasswordChange, Progress};

const CODE: Step = Step::SecondFactor(SecondFactors { totp: true, recovery_code: false, setup: false });

async fn step(world: &World, browser: &Browser, id: &domain::JourneyId) -> Step {
    world.signin.journey(id, &browser.visitor()).await.unwrap().step
}

/// Signs in by password in this browser, and sets an app up; answers its key.
async fn with_app(world: &World, browser: &Browser) -> String {
    world.password(browser, "ada", PASSWORD).await.unwrap();
    let setup = world.signin.begin_totp(&browser.visitor()).await.unwrap();
    let first = code(&setup.secret, world.app.wall());
    world.signin.confirm_totp(&browser.visitor(), &first).await.unwrap();
    world.wait(60);
    setup.secret
}

async fn try_code(world: &World, browser: &Browser, code: &str) -> Result<Progress, Refusal> {
    let id = world.journey(browser).await;
    let asked = world.signin.password(&id, &browser.visitor(), "ada", &PASSWORD.into()).await?;
    assert_eq!(asked.next, Next::Ask);
    assert!(asked.cookies.session.is_none(), "half a sign-in is none");
    world.signin.second_factor(&id, &browser.visitor(), code).await
}

async fn require_second_factor(world: &World) {
    let policy = domain::PasswordPolicy {
        second_factor: domain::SecondFactor::Required,
        ..domain::PasswordPolicy::default()
    };
    let value = serde_json::to_string(&policy).unwrap();
    let mut work = world.store.begin().await.unwrap();
    let name = domain::PasswordPolicy::NAME;
    assert!(work.save_policy(name, &value, 0, world.app.now()).await.unwrap());
    work.commit().await.unwrap();
    world.app.tell(app::Change::Policies).await;
}

async fn notices(world: &World, account: &Account) -> Vec<NoticeKind> {
    let mut view = world.store.read().await.unwrap();
    let all = view.notices_of(&account.id, None, 100).await.unwrap();
    all.into_iter().map(|notice| notice.kind).collect()
}

#[tokio::test]
async fn a_code_of_the_app_follows_the_password_and_counts_once() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    let key = with_app(&world, &world.browser()).await;
    assert!(notices(&world, &ada).await.contains(&NoticeKind::SecondFactorOn));

    let browser = world.browser();
    let id = world.journey(&browser).await;
    let asked = world.signin.password(&id, &browser.visitor(), "ada", &PASSWORD.into()).await.unwrap();
    assert_eq!((asked.next, asked.cookies.session.is_none()), (Next::Ask, true));
    assert_eq!(step(&world, &browser, &id).await, CODE);
    assert_eq!(world.signin.factors(&browser.visitor()).await.unwrap_err(), Refusal::NotSignedIn);
    let now = code(&key, world.app.wall());
    let other = world.browser();
    let foreign = world.signin.second_factor(&id, &other.visitor(), &now).await;
    assert_eq!(foreign, Err(Refusal::Gone), "another browser's journey");
    browser.take(&world.signin.second_factor(&id, &browser.visitor(), &now).await.unwrap().cookies);
    let who = world.app.sessions().current(&browser.visitor().session.unwrap()).await.unwrap().unwrap();
    let methods: Vec<_> = who.session.proofs.iter().map(|proof| proof.method).collect();
    assert_eq!(methods, [Method::Password, Method::Totp]);
    assert_eq!(who.session.acr(), Some(domain::Acr::Password));
    assert_eq!(who.session.amr(), ["pwd", "otp", "mfa"]);

    let again = try_code(&world, &world.browser(), &now).await;
    assert_eq!(again, Err(Refusal::SignInFailed), "a code counts once");
    let before = code(&key, world.app.wall().before(Duration::from_secs(30)));
    assert_eq!(
        try_code(&world, &world.browser(), &before).await,
        Err(Refusal::SignInFailed),
        "nor an older one"
    );
    world.wait(30);
    let spaced = code(&key, world.app.wall());
    let spaced = format!(" {} {}", &spaced[..3], &spaced[3..]);
    assert!(try_code(&world, &world.browser(), &spaced).await.is_ok());
}

#[tokio::test]
async fn of_many_with_one_code_one_is_signed_in() {
    let world = free_world().await;
    world.account("ada").await;
    let key = with_app(&world, &world.browser()).await;
    let now = code(&key, world.app.wall());
    let browsers: Vec<_> = (0..8).map(|_| world.browser()).collect();
    let tries = browsers.iter().map(|browser| try_code(&world, browser, &now));
    let done = futures_util::future::join_all(tries).await;
    assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 1, "{done:?}");
}

/// Codes are counted with passwords: a right password between wrong codes forgets nothing.
#[tokio::test]
async fn sec_164_wrong_codes_count_with_wrong_passwords() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    let key = with_app(&world, &world.browser()).await;
    for _ in 0..100 {
        assert_eq!(try_code(&world, &world.browser(), "000000").await, Err(Refusal::SignInFailed));
    }
    let mut view = world.store.read().await.unwrap();
    let held = view.factors_held(&ada.id).await.unwrap().unwrap();
    assert_eq!(held.wrong_in_a_row, 100);
    drop(view);
    let right = code(&key, world.app.wall());
    assert_eq!(
        try_code(&world, &world.browser(), &right).await,
        Err(Refusal::SignInFailed),
        "the password is off"
    );

    // The growing wait is shared as well, by all spellings of the name.
    let world = super::world::world().await;
    world.account("ada").await;
    with_app(&world, &world.browser()).await;
    let browser = world.browser();
    for name in ["ada", "ADA"] {
        assert_eq!(world.password(&browser, name, "wrong").await, Err(Refusal::SignInFailed));
    }
    assert_eq!(try_code(&world, &browser, "000000").await, Err(Refusal::SignInFailed));
    let next = world.password(&browser, "Ada", PASSWORD).await;
    assert!(matches!(next, Err(Refusal::TooMany { .. })), "{next:?}");
    world.wait(2);
    assert_eq!(world.password(&browser, "Ada", PASSWORD).await.map(|done| done.next), Ok(Next::Ask));
}

#[tokio::test]
async fn half_a_sign_in_waits_a_few_minutes_and_for_this_password_only() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    let key = with_app(&world, &world.browser()).await;
    for change in ["time", "password", "disabled"] {
        let browser = world.browser();
        let id = world.journey(&browser).await;
        world.signin.password(&id, &browser.visitor(), "ada", &PASSWORD.into()).await.unwrap();
        let mut work = world.store.begin().await.unwrap();
        match change {
            "time" => world.wait(301),
            "password" => {
                world.wait(1);
                let phc = world.app.hashing().hash(&PASSWORD.into()).await.unwrap();
                let hash = domain::PasswordHash { account: ada.id, phc, changed_at: world.app.now() };
                work.set_password(&hash).await.unwrap();
            }
            _ => {
                let state = domain::AccountState::Disabled;
                assert!(work.set_account_state(&ada.id, state, world.app.now()).await.unwrap());
            }
        }
        work.commit().await.unwrap();
        let right = code(&key, world.app.wall());
        let late = world.signin.second_factor(&id, &browser.visitor(), &right).await;
        assert_eq!(late, Err(Refusal::StepUpNeeded), "{change}");
    }
}

#[tokio::test]
async fn sec_086_a_recovery_code_stands_in_for_the_app_once() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    let owner = world.browser();
    with_app(&world, &owner).await;
    let codes = world.signin.make_recovery_codes(&owner.visitor()).await.unwrap();
    assert_eq!(codes.len(), 10);
    let first = codes[0].to_uppercase().replace('-', " ");
    let browser = world.browser();
    browser.take(&try_code(&world, &browser, &first).await.unwrap().cookies);
    let factors = world.signin.factors(&browser.visitor()).await.unwrap();
    assert_eq!(factors.held.recovery_codes, 9);
    assert!(notices(&world, &ada).await.contains(&NoticeKind::RecoveryCodeUsed { left: 9 }));
    assert_eq!(try_code(&world, &world.browser(), &codes[0]).await, Err(Refusal::SignInFailed), "once");
    // It has the strength to enrol something new (SEC-070).
    assert!(world.signin.strength_for_enrolment(&browser.visitor()).await.is_ok());
    let more = world.signin.make_recovery_codes(&owner.visitor()).await.unwrap();
    assert_eq!(
        try_code(&world, &world.browser(), &codes[1]).await,
        Err(Refusal::SignInFailed),
        "an earlier set"
    );
    assert!(try_code(&world, &world.browser(), &more[1]).await.is_ok());
    let kept = format!("{:?}", world.trail().await);
    assert!(codes.iter().chain(&more).all(|code| !kept.contains(code.as_str())));
}

#[tokio::test]
async fn whoever_must_and_has_none_sets_an_app_up_on_the_way() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    require_second_factor(&world).await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    world.signin.password(&id, &browser.visitor(), "ada", &PASSWORD.into()).await.unwrap();
    let asks = SecondFactors { setup: true, ..SecondFactors::default() };
    assert_eq!(step(&world, &browser, &id).await, Step::SecondFactor(asks));
    let setup = world.signin.second_factor_setup(&id, &browser.visitor()).await.unwrap();
    let same = world.signin.second_factor_setup(&id, &browser.visitor()).await.unwrap();
    assert_eq!(setup.secret, same.secret, "shown anew, not made anew");
    let stranger = world.browser();
    assert!(world.signin.second_factor_setup(&id, &stranger.visitor()).await.is_err());
    let wrong = world.signin.second_factor(&id, &browser.visitor(), "000000").await;
    assert_eq!(wrong, Err(Refusal::SignInFailed));
    let counts = world.app.meters().take(world.app.now());
    assert!(counts.iter().any(|one| (one.name.as_str(), one.count) == ("refused.factor", 1)), "{counts:?}");
    let right = code(&setup.secret, world.app.wall());
    browser.take(&world.signin.second_factor(&id, &browser.visitor(), &right).await.unwrap().cookies);
    let factors = world.signin.factors(&browser.visitor()).await.unwrap();
    assert!(factors.held.totp_since.is_some() && factors.is_second_factor_demanded);
    assert!(notices(&world, &ada).await.contains(&NoticeKind::SecondFactorOn));
    assert_eq!(
        world.signin.remove_totp(&browser.visitor()).await,
        Err(Refusal::Conflict("second_factor_demanded"))
    );
}

/// Whoever knows the password alone must not add an app beside a passkey.
#[tokio::test]
async fn sec_070_a_password_alone_adds_no_app_beside_another_factor() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    world.authenticator(&ada).await;
    require_second_factor(&world).await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    world.signin.password(&id, &browser.visitor(), "ada", &PASSWORD.into()).await.unwrap();
    assert_eq!(step(&world, &browser, &id).await, Step::SecondFactor(SecondFactors::default()));
    assert!(world.signin.second_factor_setup(&id, &browser.visitor()).await.is_err());
    let tried = world.signin.second_factor(&id, &browser.visitor(), "123456").await;
    assert_eq!(tried, Err(Refusal::SignInFailed));
}

#[tokio::test]
async fn sec_070_a_phone_is_added_by_password_where_that_is_all_there_is() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    let browser = world.browser();
    let verify = async || {
        let visitor = browser.visitor();
        world.signin.verify_password(&visitor, "ada", &PASSWORD.into()).await
    };
    assert!(verify().await.is_ok(), "the first phone");
    world.password(&browser, "ada", PASSWORD).await.unwrap();
    assert!(world.signin.strength_for_enrolment(&browser.visitor()).await.is_ok());
    world.phone(&ada).await;
    assert_eq!(verify().await.unwrap_err(), Refusal::StepUpNeeded);
    let tried = world.signin.strength_for_enrolment(&browser.visitor()).await;
    assert_eq!(tried.unwrap_err(), Refusal::StepUpNeeded, "the password is fresh, and not enough");
    // The journey that leads there asks for what is missing.
    let started = world.signin.strong_journey(&browser.visitor(), "/phone/add").await.unwrap();
    let Step::StepUp(methods) = step(&world, &browser, &started.journey).await else { panic!() };
    assert!(methods.phone && methods.passkey && !methods.password, "{methods:?}");
    // A wrong password is no other answer than before.
    let wrong = world.signin.verify_password(&browser.visitor(), "ada", &"wrong".into()).await;
    assert_eq!(wrong.unwrap_err(), Refusal::SignInFailed);
}

/// A password, one phone that was lost and nothing else: the step cannot be met, and says so to whoever proved the
/// password, and to nobody else.
#[tokio::test]
async fn sec_086_whoever_has_nothing_left_for_a_step_is_told_so() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    world.phone_with(&ada, |device| device.state = domain::DeviceState::Suspended).await;
    let browser = world.browser();
    world.password(&browser, "ada", PASSWORD).await.unwrap();
    let is_stuck = async || {
        let started = world.signin.strong_journey(&browser.visitor(), "/phone/add").await.unwrap();
        let view = world.signin.journey(&started.journey, &browser.visitor()).await.unwrap();
        assert!(matches!(view.step, Step::StepUp(_)), "{:?}", view.step);
        view.is_stuck
    };
    assert!(is_stuck().await);
    world.phone(&ada).await;
    assert!(!is_stuck().await, "another phone is at hand");

    // Where the password alone signs nobody in, the step after it says the same.
    require_second_factor(&world).await;
    let bob = world.account("bob").await;
    world.phone_with(&bob, |device| device.state = domain::DeviceState::Suspended).await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let view = world.signin.journey(&id, &browser.visitor()).await.unwrap();
    assert!(!view.is_stuck, "nobody has said who they are");
    world.signin.password(&id, &browser.visitor(), "bob", &PASSWORD.into()).await.unwrap();
    let view = world.signin.journey(&id, &browser.visitor()).await.unwrap();
    assert_eq!((view.step, view.is_stuck), (Step::SecondFactor(SecondFactors::default()), true));
    world.phone(&bob).await;
    assert!(!world.signin.journey(&id, &browser.visitor()).await.unwrap().is_stuck);
}

fn passkey(account: &Account, name: &str, number: u8) -> Passkey {
    Passkey {
        id: domain::CredentialId::from_random([number; 16]),
        account: account.id,
        device: None,
        credential_id: vec![number; 32],
        passkey: "{}".to_owned(),
        name: name.to_owned(),
        created_at: Timestamp::from_seconds(1),
        last_used_at: None,
    }
}

/// Signs in by a passkey, anew.
async fn prove(world: &World, browser: &Browser, authenticator: &mut super::authenticator::Authenticator) {
    let need = Need { fresh_since: Some(world.app.now()), ..Need::default() };
    let id = world.journey_for(browser, None, need).await;
    let options = world.signin.passkey_options(&id, &browser.visitor()).await.unwrap();
    let answer = authenticator.get(&options);
    browser.take(&world.signin.passkey(&id, &browser.visitor(), answer).await.unwrap().cookies);
}

#[tokio::test]
async fn sec_174_the_last_way_in_stays_and_others_go_with_a_fresh_proof() {
    let world = free_world().await;
    let (ada, bob) = (world.account("ada").await, world.account("bob").await);
    let (first, second, foreign) =
        (passkey(&ada, "Laptop", 1), passkey(&ada, "Key", 2), passkey(&bob, "Bob's", 3));
    let mut work = world.store.begin().await.unwrap();
    for one in [&first, &second, &foreign] {
        work.add_passkey(one).await.unwrap();
    }
    work.commit().await.unwrap();
    let browser = world.browser();
    world.password(&browser, "ada", PASSWORD).await.unwrap();
    // The password alone is not enough beside a passkey.
    let alone = world.signin.remove_passkey(&browser.visitor(), &first.id.to_string()).await;
    assert_eq!(alone, Err(Refusal::StepUpNeeded));
    let mut authenticator = world.authenticator(&ada).await;
    prove(&world, &browser, &mut authenticator).await;
    let visitor = browser.visitor();
    world.signin.rename_passkey(&visitor, &first.id.to_string(), "Work laptop").await.unwrap();
    assert!(world.signin.rename_passkey(&visitor, &first.id.to_string(), "a\u{202E}b").await.is_err());
    for id in [foreign.id.to_string(), "crd_nonsense".to_owned(), String::new()] {
        assert_eq!(world.signin.rename_passkey(&visitor, &id, "x").await, Err(Refusal::NotFound));
        assert_eq!(world.signin.remove_passkey(&visitor, &id).await, Err(Refusal::NotFound));
    }
    world.wait(301);
    let stale = world.signin.remove_passkey(&visitor, &first.id.to_string()).await;
    assert_eq!(stale, Err(Refusal::StepUpNeeded));
    prove(&world, &browser, &mut authenticator).await;
    let visitor = browser.visitor();
    world.signin.remove_passkey(&visitor, &first.id.to_string()).await.unwrap();
    let told = NoticeKind::PasskeyRemoved { name: "Work laptop".to_owned(), by: domain::NoticeBy::Owner };
    assert!(notices(&world, &ada).await.contains(&told));
    let names: Vec<String> =
        world.signin.factors(&visitor).await.unwrap().passkeys.into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["Key", "Key"], "the one that proved it, too");

    // Without a password a passkey may be the last way in.
    let carol = Account {
        id: world.app.entropy().id(),
        username: "carol".parse().unwrap(),
        webauthn_handle: world.app.entropy().bytes(),
        ..ada
    };
    let mut work = world.store.begin().await.unwrap();
    work.add_account(&carol).await.unwrap();
    work.commit().await.unwrap();
    let mut authenticator = world.authenticator(&carol).await;
    let browser = world.browser();
    prove(&world, &browser, &mut authenticator).await;
    let only = world.signin.factors(&browser.visitor()).await.unwrap().passkeys.remove(0).id.to_string();
    let last = world.signin.remove_passkey(&browser.visitor(), &only).await;
    assert_eq!(last, Err(Refusal::Conflict("last_factor")));
    world.signin.change_password(&browser.visitor(), change(None, NEW, false)).await.unwrap();
    assert_eq!(
        world.signin.remove_passkey(&browser.visitor(), &only).await,
        Ok(()),
        "with another in its place"
    );
}

fn change(current: Option<&str>, new: &str, end_others: bool) -> PasswordChange {
    PasswordChange { current: current.map(SecretString::from), new: SecretString::from(new), end_others }
}

const NEW: &str = "seven quiet herons at dusk";

#[tokio::test]
async fn sec_167_a_change_needs_the_current_password_or_another_fresh_factor() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    let (here, elsewhere) = (world.browser(), world.browser());
    for browser in [&here, &elsewhere] {
        world.password(browser, "ada", PASSWORD).await.unwrap();
    }
    world.wait(400);
    let visitor = here.visitor();
    let tried = world.signin.change_password(&visitor, change(None, NEW, true)).await;
    assert_eq!(tried, Err(Refusal::StepUpNeeded));
    let tried = world.signin.change_password(&visitor, change(Some("wrong"), NEW, true)).await;
    assert_eq!(tried, Err(Refusal::SignInFailed));
    for bad in ["short", "passwordpassword", "qwertyuiopasdfgh", "localhost localhost localhost"] {
        let tried = world.signin.change_password(&visitor, change(Some(PASSWORD), bad, true)).await;
        assert!(matches!(tried, Err(Refusal::Invalid { field: "password", .. })), "{bad}: {tried:?}");
    }
    let ended = world.signin.change_password(&visitor, change(Some(PASSWORD), NEW, true)).await;
    assert_eq!(ended, Ok(1));
    let is_in = async |browser: &Browser| {
        let session = browser.visitor().session.unwrap();
        world.app.sessions().current(&session).await.unwrap().is_some()
    };
    assert!(is_in(&here).await && !is_in(&elsewhere).await);
    let told = NoticeKind::PasswordChanged { by: domain::NoticeBy::Owner };
    assert!(notices(&world, &ada).await.contains(&told));
    assert_eq!(world.password(&world.browser(), "ada", PASSWORD).await, Err(Refusal::SignInFailed));
    world.password(&elsewhere, "ada", NEW).await.unwrap();
    // A fresh proof stands for the current one, and other sessions may stay.
    let again = world
        .signin
        .change_password(&elsewhere.visitor(), change(None, "eight loud geese at dawn", false))
        .await;
    assert_eq!(again, Ok(0));
    assert!(is_in(&here).await);
}

/// While others guess, the owner gets in where the account was used before, by passkey, and by phone.
#[tokio::test]
async fn sec_163_the_owner_gets_in_while_others_guess() {
    let world = world().await;
    let ada = world.account("ada").await;
    let owner = world.browser();
    world.password(&owner, "ada", PASSWORD).await.unwrap();
    owner.drops_session();
    let mut work = world.store.begin().await.unwrap();
    for _ in 0..100 {
        work.count_wrong_password(&ada.id).await.unwrap();
    }
    work.commit().await.unwrap();
    // From the owner's own network too.
    for _ in 0..10 {
        let guess = world.password(&world.browser(), "ada", "wrong").await;
        assert!(guess.is_err());
    }
    let stranger = world.password(&world.browser(), "ada", PASSWORD).await;
    assert!(stranger.is_err(), "strange browsers are not let in, whatever they know");
    world.password(&owner, "ada", PASSWORD).await.unwrap();
    let mut view = world.store.read().await.unwrap();
    assert_eq!(view.factors_held(&ada.id).await.unwrap().unwrap().wrong_in_a_row, 0, "and forgets");
}

/// A known browser is no way around the limits.
#[tokio::test]
async fn sec_163_guesses_in_a_known_browser_are_few() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    let owner = world.browser();
    world.password(&owner, "ada", PASSWORD).await.unwrap();
    owner.drops_session();
    let mut work = world.store.begin().await.unwrap();
    for _ in 0..100 {
        work.count_wrong_password(&ada.id).await.unwrap();
    }
    work.commit().await.unwrap();
    for _ in 0..10 {
        assert_eq!(world.password(&owner, "ada", "wrong").await, Err(Refusal::SignInFailed));
    }
    assert_eq!(world.password(&owner, "ada", PASSWORD).await, Err(Refusal::SignInFailed));
}

async fn recovery(world: &World, ada: &Account) -> (Recovery, app::Secret) {
    let (now, token) = (world.app.now(), world.app.entropy().secret());
    let recovery = Recovery {
        id: world.app.entropy().id(),
        account: ada.id,
        state: RecoveryState::Waiting,
        reason: "lost everything".to_owned(),
        opened_by: domain::Actor::Operator,
        opened_at: now,
        ready_at: now,
        expires_at: now.after(Duration::from_secs(3600)),
        completed: None,
        token_hash: None,
        ended_at: None,
        cancelled_by: None,
    };
    let mut work = world.store.begin().await.unwrap();
    work.add_recovery(&recovery).await.unwrap();
    let link = (&token.hash(), now.after(Duration::from_secs(3600)));
    assert!(work.complete_recovery(&recovery.id, &domain::Actor::Operator, link, now).await.unwrap());
    work.commit().await.unwrap();
    (recovery, token)
}

#[tokio::test]
async fn sec_086_a_recovery_lets_its_owner_set_up_something_new_and_nothing_else() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    let (_, token) = recovery(&world, &ada).await;
    let browser = world.browser();
    let visitor = browser.visitor();
    let redeem = async |token: &str, password: Option<&str>, code: Option<&str>| {
        let password = password.map(SecretString::from);
        world.signin.redeem_recovery(&visitor, token, password.as_ref(), code).await
    };
    assert_eq!(redeem("nonsense", Some(PASSWORD), None).await, Err(Refusal::Gone));
    let other = world.app.entropy().secret().text();
    assert_eq!(redeem(&other, Some(PASSWORD), None).await, Err(Refusal::Gone));
    // The link alone is not enough, and a wrong password does not use it up.
    assert_eq!(redeem(&token.text(), None, None).await, Err(Refusal::SignInFailed));
    assert_eq!(redeem(&token.text(), Some("wrong"), None).await, Err(Refusal::SignInFailed));
    assert_eq!(redeem(&token.text(), None, Some("x4k2-9fmd-0q7w-rh3n")).await, Err(Refusal::SignInFailed));
    let cookies = redeem(&token.text(), Some(PASSWORD), None).await.unwrap();
    assert_eq!(redeem(&token.text(), Some(PASSWORD), None).await, Err(Refusal::Gone), "once");
    browser.take(&cookies);
    let visitor = browser.visitor();
    assert!(world.signin.freshly_proven(&visitor, Duration::from_secs(300)).await.is_ok());
    assert!(world.signin.strength_for_enrolment(&visitor).await.is_ok());
    // No relying party gets anything for it.
    let id = world.journey(&browser).await;
    assert!(matches!(step(&world, &browser, &id).await, Step::StepUp(_)));
    world.wait(901);
    assert_eq!(
        world.signin.freshly_proven(&visitor, Duration::from_secs(300)).await.unwrap_err(),
        Refusal::NotSignedIn
    );
    let trail = world.events().await;
    assert!(trail.contains(&"recovery.used"), "{trail:?}");
}

#[tokio::test]
async fn sec_165_a_second_factor_is_asked_for_after_a_right_password_only() {
    let world = free_world().await;
    world.account("ada").await;
    world.account("bob").await;
    with_app(&world, &world.browser()).await;
    for name in ["ada", "bob", "nobody"] {
        let browser = world.browser();
        let id = world.journey(&browser).await;
        let wrong = world.signin.password(&id, &browser.visitor(), name, &"wrong".into()).await;
        assert_eq!(wrong, Err(Refusal::SignInFailed), "{name}");
        assert!(matches!(step(&world, &browser, &id).await, Step::ChooseMethod(_)), "{name}");
        let early = world.signin.second_factor(&id, &browser.visitor(), "123456").await;
        assert_eq!(early, Err(Refusal::StepUpNeeded), "{name}");
    }
}
