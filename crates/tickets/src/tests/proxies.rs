//! Services that ask on behalf of a person (cas-wire §16).

use cas::ProxyRefused;

use super::*;

const PORTAL: &str = "https://portal.example/";
const CALLBACK: &str = "https://portal.example/pgt?x=1";

fn portal() -> Client {
    service("portal", |cas| cas.proxy_callbacks = vec!["https://portal.example/pgt?x=1".to_owned()])
}

/// What the callback was given: the word and the ticket.
fn brought(world: &World) -> (String, String) {
    let asked = world.outside.asked();
    let url = Url::parse(asked.last().unwrap()).unwrap();
    let field = |name: &str| url.query_pairs().find(|(n, _)| n == name).unwrap().1.into_owned();
    assert_eq!(field("x"), "1");
    (field("pgtIou"), field("pgtId"))
}

async fn granting(world: &World) -> String {
    let ticket = world.ticket(PORTAL).await;
    let asked = [("service", PORTAL), ("ticket", ticket.as_str()), ("pgtUrl", CALLBACK)];
    let told = world.ask(Endpoint::ServiceValidate, &asked).await.unwrap();
    let (iou, pgt) = brought(world);
    assert_eq!(told.pgt_iou.unwrap().text(), iou);
    assert!(iou.starts_with("PGTIOU-") && pgt.starts_with("PGT-"));
    pgt
}

#[tokio::test]
async fn a_proxy_gets_tickets_for_others_and_is_named_to_them() {
    let world = world(&[forum(), portal()]).await;
    let pgt = granting(&world).await;
    for _ in 0..2 {
        let ticket = world.proxy(&pgt, FORUM).await.unwrap();
        let asked = [("service", FORUM), ("ticket", ticket.text())];
        let told = world.ask(Endpoint::P3ProxyValidate, &asked).await.unwrap();
        assert_eq!((told.user.as_str(), told.proxies), ("ada", vec![CALLBACK.to_owned()]));
        assert!(world.ask(Endpoint::P3ProxyValidate, &asked).await.is_err(), "once");
    }
    assert_eq!(world.events(AuditEvent::TicketProxied).await.len(), 2);
    // Where none but service tickets are taken, it is refused and dies.
    let ticket = world.proxy(&pgt, FORUM).await.unwrap();
    let asked = [("service", FORUM), ("ticket", ticket.text())];
    assert_eq!(world.ask(Endpoint::P3ServiceValidate, &asked).await.unwrap_err(), Failure::OtherKind);
    assert_eq!(world.ask(Endpoint::P3ProxyValidate, &asked).await.unwrap_err(), Failure::NotRecognised);
    let ticket = world.proxy(&pgt, FORUM).await.unwrap();
    let asked = [("service", FORUM), ("ticket", ticket.text()), ("renew", "true")];
    assert_eq!(world.ask(Endpoint::ProxyValidate, &asked).await.unwrap_err(), Failure::NotFresh);
}

#[tokio::test]
async fn a_chain_names_all_its_proxies_the_last_first() {
    let middle = service("middle", |cas| cas.proxy_callbacks = vec!["https://middle.example/pgt".to_owned()]);
    let world = world(&[forum(), portal(), middle]).await;
    let first = granting(&world).await;
    let between = "https://middle.example/api";
    let ticket = world.proxy(&first, between).await.unwrap();
    let asked = [("service", between), ("ticket", ticket.text()), ("pgtUrl", "https://middle.example/pgt")];
    assert!(world.ask(Endpoint::ProxyValidate, &asked).await.is_ok());
    let url = Url::parse(world.outside.asked().last().unwrap()).unwrap();
    let second = url.query_pairs().find(|(name, _)| name == "pgtId").unwrap().1.into_owned();
    let ticket = world.proxy(&second, FORUM).await.unwrap();
    let told = world.ask(Endpoint::ProxyValidate, &[("service", FORUM), ("ticket", ticket.text())]).await;
    assert_eq!(told.unwrap().proxies, ["https://middle.example/pgt", CALLBACK]);
}

#[tokio::test]
async fn sec_130_nothing_is_sent_to_a_callback_that_is_not_registered() {
    let world = world(&[forum(), portal()]).await;
    for (service, callback, expected) in [
        (FORUM, "https://forum.example/pgt", Failure::MayNotProxy),
        (PORTAL, "https://portal.example/pgt?x=2", Failure::Callback),
        (PORTAL, "https://evil.example/pgt?x=1", Failure::Callback),
        (PORTAL, "http://portal.example/pgt?x=1", Failure::Callback),
        (PORTAL, "javascript:alert(1)", Failure::Callback),
    ] {
        let ticket = world.ticket(service).await;
        let asked = [("service", service), ("ticket", ticket.as_str()), ("pgtUrl", callback)];
        assert_eq!(world.ask(Endpoint::ServiceValidate, &asked).await.unwrap_err(), expected, "{callback}");
        assert!(world.ask(Endpoint::ServiceValidate, &asked).await.is_err(), "the ticket is dead");
    }
    assert!(world.outside.asked().is_empty());
}

#[tokio::test]
async fn a_callback_that_does_not_answer_gets_nothing_that_works() {
    let world = world(&[forum(), portal()]).await;
    *world.outside.is_down.lock().unwrap() = true;
    let ticket = world.ticket(PORTAL).await;
    let asked = [("service", PORTAL), ("ticket", ticket.as_str()), ("pgtUrl", CALLBACK)];
    assert_eq!(world.ask(Endpoint::ServiceValidate, &asked).await.unwrap_err(), Failure::Callback);
    let (_, pgt) = brought(&world);
    assert_eq!(world.proxy(&pgt, FORUM).await.unwrap_err(), ProxyRefused::NotRecognised);
}

#[tokio::test]
async fn a_granting_ticket_ends_with_session_registration_and_right() {
    let world =
        world(&[forum(), portal(), service("vault", |cas| cas.required_acr = Some(domain::Acr::Qr))]).await;
    let pgt = granting(&world).await;
    assert_eq!(world.proxy("PGT-x", FORUM).await.unwrap_err(), ProxyRefused::NotRecognised);
    let elsewhere = world.proxy(&pgt, "https://evil.example/").await;
    assert_eq!(elsewhere.unwrap_err(), ProxyRefused::UnknownService);
    let more = world.proxy(&pgt, "https://vault.example/").await;
    assert_eq!(more.unwrap_err(), ProxyRefused::MayNotProxy, "the person proved less than it asks");
    world.update(&service("portal", |_| {})).await;
    assert_eq!(world.proxy(&pgt, FORUM).await.unwrap_err(), ProxyRefused::MayNotProxy);
    // Nor is it good any more where its callback was another.
    let moved = |cas: &mut CasService| cas.proxy_callbacks = vec!["https://portal.example/new".to_owned()];
    world.update(&service("portal", moved)).await;
    assert_eq!(world.proxy(&pgt, FORUM).await.unwrap_err(), ProxyRefused::MayNotProxy);
    world.update(&portal()).await;
    assert!(world.proxy(&pgt, FORUM).await.is_ok());
    world.end_session().await;
    assert_eq!(world.proxy(&pgt, FORUM).await.unwrap_err(), ProxyRefused::NotRecognised);
}
