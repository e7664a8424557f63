//! Tickets for programs (cas-wire §12).

use app::Refusal;

use super::*;
use crate::TicketStatus;

/// A session whose secret is a ticket-granting ticket.
async fn granting(world: &World) -> String {
    let ticket = world.tickets.new_granting_ticket();
    let own = BrowserSession {
        id: world.app.entropy().id(),
        secret_hash: ticket.hash(),
        ..session(&world.app, &world.account, &world.app.entropy().secret())
    };
    let mut work = world.app.store().begin().await.unwrap();
    work.add_session(&own, None).await.unwrap();
    work.commit().await.unwrap();
    ticket.text().to_owned()
}

#[tokio::test]
async fn a_granting_ticket_is_good_for_service_tickets_until_it_is_ended() {
    let world = world(&[forum(), service("vault", |cas| cas.required_acr = Some(domain::Acr::Qr))]).await;
    let tgt = granting(&world).await;
    let url = FORUM.parse().unwrap();
    let ticket = world.tickets.service_ticket(&tgt, &url, false).await.unwrap();
    assert_eq!(world.tickets.status(&tgt).await.unwrap(), TicketStatus::Good);
    assert_eq!(world.tickets.status(ticket.text()).await.unwrap(), TicketStatus::Good);
    assert_eq!(
        world.tickets.status(ticket.text()).await.unwrap(),
        TicketStatus::Good,
        "looking uses nothing up"
    );
    assert_eq!(world.validate(FORUM, ticket.text()).await.unwrap().user, "ada");
    assert_eq!(world.tickets.status(ticket.text()).await.unwrap(), TicketStatus::NotFound);
    for (url, refusal) in
        [("https://evil.example/", Refusal::Forbidden), ("https://vault.example/", Refusal::Forbidden)]
    {
        let refused = world.tickets.service_ticket(&tgt, &url.parse().unwrap(), false).await;
        assert_eq!(refused.unwrap_err(), refusal, "{url}");
    }
    // With credentials that were entered for it.
    let ticket = world.tickets.service_ticket(&tgt, &url, true).await.unwrap();
    let asked = [("service", FORUM), ("ticket", ticket.text()), ("renew", "true")];
    assert!(world.ask(Endpoint::ServiceValidate, &asked).await.is_ok());
    for _ in 0..2 {
        world.tickets.end(&tgt, HERE).await.unwrap();
    }
    assert_eq!(world.tickets.status(&tgt).await.unwrap(), TicketStatus::NotFound);
    let refused = world.tickets.service_ticket(&tgt, &url, false).await;
    assert_eq!(refused.unwrap_err(), Refusal::NotFound);
    assert_eq!(world.events(AuditEvent::SessionEnded).await.len(), 1);
    // The browser's session is another.
    assert!(matches!(world.login(&[("service", FORUM)]).await, LoginOutcome::Back(_)));
}

#[tokio::test]
async fn no_other_secret_is_a_granting_ticket() {
    let world = world(&[forum()]).await;
    let cookie = world.visitor.session.as_ref().unwrap().text().to_string();
    let service_ticket = world.ticket(FORUM).await;
    let url = FORUM.parse().unwrap();
    for text in [cookie.clone(), format!("TGT-{cookie}"), service_ticket, "TGT-".to_owned(), String::new()] {
        assert!(world.tickets.holder(&text).await.unwrap().is_none(), "{text}");
        let refused = world.tickets.service_ticket(&text, &url, false).await;
        assert_eq!(refused.unwrap_err(), Refusal::NotFound);
        world.tickets.end(&text, HERE).await.unwrap();
    }
    assert!(world.events(AuditEvent::SessionEnded).await.is_empty());
}

#[tokio::test]
async fn a_verified_person_is_told_of_as_a_service_is_registered_for() {
    let world = world(&[forum(), service("vault", |cas| cas.required_acr = Some(domain::Acr::Qr))]).await;
    let url = FORUM.parse().unwrap();
    let (user, told, method, _) = world.tickets.told_of(&world.account, Some(&url)).await.unwrap();
    assert_eq!((user.as_str(), method), ("ada", "UsernamePasswordAuthenticationHandler"));
    assert_eq!(attributes(&told)["mail"], text("ada@example.org"));
    let (_, told, ..) = world.tickets.told_of(&world.account, None).await.unwrap();
    assert!(attributes(&told).is_empty());
    // Not registered, and one that asks for more than a password.
    for other in ["https://evil.example/", "https://vault.example/"] {
        let told = world.tickets.told_of(&world.account, Some(&other.parse().unwrap())).await;
        assert_eq!(told.unwrap_err(), Refusal::Forbidden, "{other}");
    }
}
