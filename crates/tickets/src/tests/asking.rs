//! A browser asks for a ticket (cas-wire §13).

use app::journeys::Purpose;
use domain::Acr;
use store::SignedIn;

use super::*;
use crate::login::{KIND, Kept};

#[tokio::test]
async fn whoever_is_signed_in_goes_back_with_a_ticket() {
    let world = world(&[forum()]).await;
    for (asked, start) in [
        ("https://forum.example/in", "https://forum.example/in?ticket=ST-"),
        ("https://forum.example/in?a=%20b", "https://forum.example/in?a=%20b&ticket=ST-"),
        ("https://forum.example/in#top", "https://forum.example/in?ticket=ST-"),
    ] {
        let LoginOutcome::Back(Answer::SeeOther(location)) = world.login(&[("service", asked)]).await else {
            panic!("{asked}")
        };
        assert!(location.starts_with(start), "{location}");
        assert_eq!(location.ends_with("#top"), asked.ends_with("#top"));
    }
    let asked = [("service", FORUM), ("method", "POST")];
    let LoginOutcome::Back(Answer::Form { action, ticket }) = world.login(&asked).await else { panic!() };
    assert_eq!(action, FORUM);
    assert!(world.validate(FORUM, ticket.text()).await.is_ok());
    let asked = [("service", FORUM), ("method", "header")];
    assert!(matches!(world.login(&asked).await, LoginOutcome::Back(Answer::Headers { .. })));
    assert!(matches!(world.login(&[]).await, LoginOutcome::SignedIn { name } if name == "Ada L"));
}

#[tokio::test]
async fn what_is_not_registered_is_gone_to_under_no_circumstances() {
    let off = Client { is_enabled: false, ..service("off", |_| {}) };
    let mut world = world(&[forum(), off]).await;
    for _ in 0..2 {
        for url in [
            "https://forum.example.evil.example/in",
            "https://forum.example:444/in",
            "http://forum.example/in",
            "https://evil.example/https://forum.example/in",
            "https://off.example/in",
        ] {
            for more in ["gateway", "renew", "x"] {
                let outcome = world.login(&[("service", url), (more, "true")]).await;
                assert!(matches!(outcome, LoginOutcome::NotRegistered), "{url}: {outcome:?}");
            }
        }
        // The same without a session.
        world.visitor = visitor(None);
    }
}

#[tokio::test]
async fn a_gateway_asks_nobody() {
    let mut world = world(&[forum()]).await;
    let asked = [("service", FORUM), ("gateway", "true")];
    let LoginOutcome::Back(Answer::SeeOther(with)) = world.login(&asked).await else { panic!() };
    assert!(with.contains("ticket=ST-"));
    world.visitor = visitor(None);
    let LoginOutcome::Back(Answer::SeeOther(without)) = world.login(&asked).await else { panic!() };
    assert_eq!(without, FORUM);
    // `renew` wins, and without a service there is no gateway.
    for asked in [&[("service", FORUM), ("gateway", "true"), ("renew", "true")][..], &[("gateway", "true")]] {
        assert!(matches!(world.login(asked).await, LoginOutcome::SignIn { .. }), "{asked:?}");
    }
}

#[tokio::test]
async fn who_is_not_signed_in_or_not_well_enough_is_asked() {
    let mut world = world(&[forum(), service("vault", |cas| cas.required_acr = Some(Acr::Qr))]).await;
    for asked in [
        &[("service", FORUM), ("renew", "true")][..],
        &[("service", "https://vault.example/")],
        &[("renew", "true")],
    ] {
        let LoginOutcome::SignIn { url, browser } = world.login(asked).await else { panic!("{asked:?}") };
        assert!(url.starts_with("https://id.example/login?journey="), "{url}");
        assert!(browser.is_some(), "the browser gets a secret");
    }
    world.visitor = visitor(None);
    assert!(matches!(world.login(&[("service", FORUM)]).await, LoginOutcome::SignIn { .. }));
    assert!(matches!(world.login(&[]).await, LoginOutcome::SignIn { .. }));
}

#[tokio::test]
async fn sec_065_what_one_service_takes_from_an_app_signs_nobody_in_for_another() {
    let mut takes = service("takes", |_| {});
    takes.metadata.takes_cas_apps = true;
    let world = world(&[forum(), takes]).await;
    // A person whom an app made for CAS signed in, for the one that takes such apps.
    let secret = world.app.entropy().secret();
    let proofs = vec![Proof { method: Method::CasPhone, at: world.app.now(), known_browser: false }];
    let by_app = BrowserSession { proofs, ..session(&world.app, &world.account, &secret) };
    let mut work = world.app.store().begin().await.unwrap();
    work.add_session(&by_app, None).await.unwrap();
    work.commit().await.unwrap();
    let world = World { visitor: visitor(Some(secret)), ..world };
    let url = "https://takes.example/";
    assert!(matches!(world.login(&[("service", url)]).await, LoginOutcome::Back(_)));
    assert!(matches!(world.login(&[("service", FORUM)]).await, LoginOutcome::SignIn { .. }));
    let asked = [("service", FORUM), ("gateway", "true")];
    let LoginOutcome::Back(Answer::SeeOther(back)) = world.login(&asked).await else { panic!() };
    assert_eq!(back, FORUM, "without a ticket");
    let (begun, who) =
        (purpose(&world, Some(FORUM), false), SignedIn { session: by_app, account: world.account.clone() });
    let landed = world.tickets.finish(&begun, &who).await;
    assert_eq!(landed.unwrap_err(), app::Refusal::StepUpNeeded);
}

/// A journey's purpose as it is kept, begun now.
fn purpose(world: &World, service: Option<&str>, renew: bool) -> Purpose {
    let service = service.map(|url| (url.parse().unwrap(), "forum".parse().unwrap()));
    let kept = Kept { service, method: cas::Method::Get, renew, at: world.app.now() };
    Purpose { kind: KIND.to_owned(), payload: serde_json::to_string(&kept).unwrap() }
}

fn who(world: &World, at: Timestamp) -> SignedIn {
    let proofs = vec![Proof { method: Method::Password, at, known_browser: false }];
    let session = BrowserSession { proofs, ..world.session.clone() };
    SignedIn { session, account: world.account.clone() }
}

#[tokio::test]
async fn a_journey_ends_in_a_ticket_that_says_whether_credentials_were_entered_for_it() {
    let world = world(&[forum()]).await;
    let begun = purpose(&world, Some(FORUM), false);
    assert!(world.tickets.consent(&begun, &who(&world, START)).await.unwrap().is_none());
    for (at, is_new) in [(world.app.now(), true), (START, false)] {
        let Landing::SeeOther(location) = world.tickets.finish(&begun, &who(&world, at)).await.unwrap()
        else {
            panic!()
        };
        let ticket = location.rsplit_once("ticket=").unwrap().1;
        let told = world.validate(FORUM, ticket).await.unwrap();
        assert_eq!(attributes(&told.attributes)["isFromNewLogin"], [Value::Flag(is_new)]);
    }
    assert_eq!(world.tickets.declined(&begun).await.unwrap(), Landing::SeeOther(FORUM.to_owned()));
    let nowhere = purpose(&world, None, false);
    let landed = world.tickets.finish(&nowhere, &who(&world, world.app.now())).await.unwrap();
    assert_eq!(landed, Landing::Local("/cas/login".to_owned()));
}

#[tokio::test]
async fn renew_takes_nothing_that_was_proven_before() {
    let world = world(&[forum()]).await;
    let begun = purpose(&world, Some(FORUM), true);
    let before = world.tickets.finish(&begun, &who(&world, START)).await;
    assert_eq!(before.unwrap_err(), app::Refusal::StepUpNeeded);
    assert!(world.tickets.finish(&begun, &who(&world, world.app.now())).await.is_ok());
}

#[tokio::test]
async fn a_service_that_is_taken_away_meanwhile_gets_nobody() {
    let world = world(&[forum()]).await;
    let begun = purpose(&world, Some(FORUM), false);
    world.update(&Client { is_enabled: false, ..forum() }).await;
    let landed = world.tickets.finish(&begun, &who(&world, world.app.now())).await;
    assert_eq!(landed.unwrap_err(), app::Refusal::Forbidden);
    assert!(world.tickets.declined(&begun).await.is_err());
    // Nor one whose addresses are another's now.
    world
        .update(&Client {
            is_enabled: true,
            ..service("forum", |cas| cas.services = vec!["https://b.example/".into()])
        })
        .await;
    assert!(world.tickets.finish(&begun, &who(&world, world.app.now())).await.is_err());
}

#[tokio::test]
async fn of_several_services_the_first_in_order_is_taken() {
    let one = service("one", |cas| {
        cas.services = vec!["https://a.example/**".to_owned()];
        cas.order = 5;
        cas.attributes.insert("which".to_owned(), "preferred_username".to_owned());
    });
    let two = service("two", |cas| {
        cas.services = vec!["https://a.example/app/*".to_owned()];
        cas.order = 1;
    });
    let world = world(&[one, two]).await;
    let told = |url: &'static str| {
        let world = &world;
        async move { attributes(&world.validate(url, &world.ticket(url).await).await.unwrap().attributes) }
    };
    assert!(!told("https://a.example/app/x").await.contains_key("which"));
    assert_eq!(told("https://a.example/other").await["which"], text("ada"));
}
