//! Signing out, and who is told (cas-wire §14, §17).

use app::{FrontChannel as _, FrontChannels};
use cas::LogoutAsked;

use super::*;
use crate::{LogoutOutcome, Source};

impl World {
    async fn logout(&self, pairs: &[(&str, &str)], source: &Source) -> LogoutOutcome {
        self.tickets.logout(&LogoutAsked::read(&params(pairs)), &self.visitor, source).await.unwrap()
    }

    /// Runs the queue until so many were told.
    async fn told(&self, count: usize) -> Vec<String> {
        let wait = async {
            while self.outside.asked().len() < count {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            () = self.tickets.tell_services() => {}
            done = tokio::time::timeout(Duration::from_secs(20), wait) => done.unwrap(),
        }
        self.outside.asked()
    }
}

fn page(url: &str) -> Source {
    Source::Page(url.parse().unwrap())
}

fn onward(outcome: &LogoutOutcome) -> Option<&str> {
    match outcome {
        LogoutOutcome::Ask { onward, .. } | LogoutOutcome::Out { onward, .. } => onward.as_deref(),
    }
}

#[tokio::test]
async fn sec_134_nobody_is_signed_out_by_a_page_of_strangers() {
    let off = Client { is_enabled: false, ..service("off", |_| {}) };
    let world = world(&[forum(), off]).await;
    for source in [
        Source::Unknown,
        page("https://evil.example/"),
        page("https://evil.example/?https://forum.example/"),
        page("http://forum.example/"),
        page("https://forum.example:8443/"),
        page("https://off.example/"),
    ] {
        let outcome = world.logout(&[("service", FORUM)], &source).await;
        assert!(matches!(&outcome, LogoutOutcome::Ask { name, .. } if name == "Ada L"), "{source:?}");
        assert_eq!(onward(&outcome), Some(FORUM));
    }
    assert!(world.events(AuditEvent::SessionEnded).await.is_empty());
    // A service's own page may; and then it is over.
    let outcome = world.logout(&[], &page("https://forum.example/anything")).await;
    assert!(matches!(outcome, LogoutOutcome::Out { left: Some(_), onward: None, link: None }));
    assert_eq!(world.events(AuditEvent::SessionEnded).await.len(), 1);
    let again = world.logout(&[], &Source::Unknown).await;
    assert!(matches!(again, LogoutOutcome::Out { left: None, .. }), "nobody is there any more");
}

#[tokio::test]
async fn a_browser_goes_on_to_registered_services_alone() {
    let mut world = world(&[forum()]).await;
    world.visitor = visitor(None);
    for (asked, to, link) in [
        (&[("service", FORUM)][..], Some(FORUM), false),
        (&[("service", "https://evil.example/")], None, false),
        (&[("service", "https://evil.example/"), ("url", FORUM)], None, true),
        (&[("service", FORUM), ("url", FORUM)], Some(FORUM), false),
        (&[("url", "https://evil.example/")], None, false),
    ] {
        let LogoutOutcome::Out { onward, link: shown, .. } = world.logout(asked, &Source::Unknown).await
        else {
            panic!("{asked:?}")
        };
        assert_eq!((onward.as_deref(), shown.is_some()), (to, link), "{asked:?}");
    }
}

#[tokio::test]
async fn each_service_is_told_of_the_last_ticket_that_it_validated() {
    let back = service("forum", |cas| cas.single_logout = SingleLogout::Back);
    let own = service("own", |cas| {
        cas.single_logout = SingleLogout::Back;
        cas.logout_url = Some("https://own.example/slo".to_owned());
    });
    let world = world(&[back, own, service("quiet", |_| {})]).await;
    let mut tickets = Vec::new();
    for url in [FORUM, FORUM, "https://own.example/a#b", "https://quiet.example/"] {
        let ticket = world.ticket(url).await;
        assert!(world.validate(url, &ticket).await.is_ok());
        tickets.push(ticket);
    }
    let unused = world.ticket(FORUM).await;
    let outcome = world.logout(&[], &Source::Person).await;
    let LogoutOutcome::Out { left: Some(left), .. } = outcome else { panic!() };
    assert_eq!(left.services.len(), 2);
    assert!(world.tickets.frames(&left).await.unwrap().is_empty(), "the server tells them");
    let all = world.told(2).await.join("\n");
    for ticket in &tickets[1..3] {
        assert_eq!(all.matches(&format!("<samlp:SessionIndex>{ticket}</samlp:SessionIndex>")).count(), 1);
    }
    assert!(!all.contains(&tickets[0]), "one after it went to the same address");
    assert!(!all.contains(&tickets[3]) && !all.contains(&unused));
    assert_eq!(all.matches("https://forum.example/in logoutRequest=<samlp:LogoutRequest ").count(), 1);
    assert_eq!(all.matches("https://own.example/slo logoutRequest=").count(), 1);
    assert!(all.contains(">ada</saml:NameID>"));
    // Each once, also when it is looked again.
    tokio::time::timeout(Duration::from_millis(600), world.tickets.tell_services()).await.unwrap_err();
    assert_eq!(world.outside.asked().len(), 2);
    assert_eq!(world.events(AuditEvent::LogoutTold).await.len(), 2);
}

#[tokio::test]
async fn a_session_that_is_ended_by_others_is_told_of_too_and_again_after_a_failure() {
    let world = world(&[service("forum", |cas| cas.single_logout = SingleLogout::Back)]).await;
    assert!(world.validate(FORUM, &world.ticket(FORUM).await).await.is_ok());
    *world.outside.is_down.lock().unwrap() = true;
    world.end_session().await;
    world.told(1).await;
    tokio::time::timeout(Duration::from_millis(600), world.tickets.tell_services()).await.unwrap_err();
    assert_eq!(world.outside.asked().len(), 1, "not before a pause");
    *world.outside.is_down.lock().unwrap() = false;
    world.clock.advance(Duration::from_secs(31));
    world.told(2).await;
    tokio::time::timeout(Duration::from_millis(600), world.tickets.tell_services()).await.unwrap_err();
    assert_eq!(world.outside.asked().len(), 2);
}

#[tokio::test]
async fn services_in_the_front_are_told_by_frames() {
    let world = world(&[service("forum", |cas| cas.single_logout = SingleLogout::Front)]).await;
    let ticket = world.ticket(FORUM).await;
    assert!(world.validate(FORUM, &ticket).await.is_ok());
    let LogoutOutcome::Out { left: Some(left), .. } = world.logout(&[], &Source::Person).await else {
        panic!()
    };
    let channels = FrontChannels::new(vec![Arc::new(world.tickets.clone())]);
    let frames = channels.frames(&left).await.unwrap();
    assert_eq!(frames.len(), 1);
    assert!(frames[0].as_str().starts_with("https://forum.example/in?logoutRequest="), "{}", frames[0]);
    tokio::time::timeout(Duration::from_millis(300), world.tickets.tell_services()).await.unwrap_err();
    assert!(world.outside.asked().is_empty());
    // One that changed its mind is not told.
    world.update(&forum()).await;
    assert!(channels.frames(&left).await.unwrap().is_empty());
}
