//! A ticket becomes a person, once (cas-wire §15).

use super::*;

#[tokio::test]
async fn a_service_is_told_who_it_is_and_what_it_is_registered_for() {
    let world = world(&[forum()]).await;
    let told = world.validate(FORUM, &world.ticket(FORUM).await).await.unwrap();
    assert_eq!(told.user, "ada");
    let all = attributes(&told.attributes);
    assert_eq!(all["mail"], text("ada@example.org"));
    assert_eq!(all["isFromNewLogin"], [Value::Flag(false)]);
    assert_eq!(all["longTermAuthenticationRequestTokenUsed"], [Value::Flag(false)]);
    assert_eq!(all["credentialType"], text("UsernamePasswordCredential"));
    assert!(!all.contains_key("phone") && !all.contains_key("isMemberOf"), "what is not known is not told");
    assert!(!all.contains_key("name"), "what is not registered is not told");
    let entries = world.events(AuditEvent::TicketValidated).await;
    assert_eq!((entries.len(), entries[0].outcome), (1, domain::Outcome::Done));
    assert_eq!(entries[0].client.as_ref().unwrap().as_str(), "forum");
    // Protocol 2 tells them as well, as CAS does; protocol 1 tells the name alone.
    for (endpoint, mail) in [
        (Endpoint::Validate, None),
        (Endpoint::ServiceValidate, Some(text("ada@example.org"))),
        (Endpoint::ProxyValidate, Some(text("ada@example.org"))),
    ] {
        let ticket = world.ticket(FORUM).await;
        let told = world.ask(endpoint, &[("service", FORUM), ("ticket", &ticket)]).await.unwrap();
        assert_eq!(told.user, "ada");
        assert_eq!(attributes(&told.attributes).get("mail").cloned(), mail);
    }
}

#[tokio::test]
async fn a_user_claim_is_told_in_place_of_the_user_name() {
    let named = |claim: &str| service("forum", |cas| cas.user_claim = Some(claim.to_owned()));
    let world = world(&[named("email")]).await;
    assert_eq!(world.validate(FORUM, &world.ticket(FORUM).await).await.unwrap().user, "ada@example.org");
    for (claim, expected) in [("sub", world.account.id.to_string()), ("phone_number", "ada".to_owned())] {
        world.update(&named(claim)).await;
        assert_eq!(world.validate(FORUM, &world.ticket(FORUM).await).await.unwrap().user, expected);
    }
}

#[tokio::test]
async fn nobody_names_themselves_to_a_service() {
    let world = world(&[service("forum", |cas| cas.user_claim = Some("email".to_owned()))]).await;
    let definition = domain::ClaimDefinition {
        name: "email".to_owned(),
        kind: domain::ClaimKind::Text,
        scope: None,
        labels: BTreeMap::new(),
        edited_by: domain::claim_definition::ClaimEditor::Owner,
        limits: domain::ClaimLimits::default(),
    };
    let mut work = world.app.store().begin().await.unwrap();
    assert!(work.define_claim(&definition, 0, world.app.now()).await.unwrap());
    work.commit().await.unwrap();
    world.app.tell(Change::Policies).await;
    // Its owner could have set it to anybody's.
    assert_eq!(world.validate(FORUM, &world.ticket(FORUM).await).await.unwrap().user, "ada");
}

#[tokio::test]
async fn a_ticket_dies_with_its_first_use_whatever_comes_of_it() {
    let world = world(&[forum()]).await;
    let ticket = world.ticket(FORUM).await;
    assert!(world.validate(FORUM, &ticket).await.is_ok());
    assert_eq!(world.validate(FORUM, &ticket).await.unwrap_err(), Failure::NotRecognised);
    let ticket = world.ticket(FORUM).await;
    let other = world.validate("https://forum.example/other", &ticket).await;
    assert_eq!(other.unwrap_err(), Failure::OtherService);
    assert_eq!(world.validate(FORUM, &ticket).await.unwrap_err(), Failure::NotRecognised);
    let ticket = world.ticket(FORUM).await;
    let asked = [("service", FORUM), ("ticket", ticket.as_str()), ("renew", "true")];
    assert_eq!(world.ask(Endpoint::Validate, &asked).await.unwrap_err(), Failure::NotFresh);
    assert_eq!(world.validate(FORUM, &ticket).await.unwrap_err(), Failure::NotRecognised);
    for made_up in ["", "ST-", "ST-1-abc", &ticket[..20], "TGT-x", &format!("ST-{}", "A".repeat(43))] {
        if !made_up.is_empty() {
            assert_eq!(
                world.validate(FORUM, made_up).await.unwrap_err(),
                Failure::NotRecognised,
                "{made_up}"
            );
        }
    }
    let refusals = world.events(AuditEvent::TicketValidated).await;
    assert_eq!(refusals.iter().filter(|entry| entry.outcome == domain::Outcome::Refused).count(), 2);
}

#[tokio::test]
async fn of_many_at_once_one_wins() {
    let world = world(&[forum()]).await;
    let ticket = world.ticket(FORUM).await;
    let all = futures_util::future::join_all((0..20).map(|_| world.validate(FORUM, &ticket))).await;
    assert_eq!(all.iter().filter(|told| told.is_ok()).count(), 1);
}

#[tokio::test]
async fn tickets_end_with_their_time_and_with_the_session_account_and_service() {
    let world = world(&[forum()]).await;
    let late = world.ticket(FORUM).await;
    world.clock.advance(Duration::from_secs(29));
    let ended = world.ticket(FORUM).await;
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.validate(FORUM, &late).await.unwrap_err(), Failure::NotRecognised);
    let gone = world.ticket(FORUM).await;
    world.update(&Client { is_enabled: false, ..forum() }).await;
    assert_eq!(world.validate(FORUM, &gone).await.unwrap_err(), Failure::UnknownService);
    world.update(&forum()).await;
    world.end_session().await;
    assert_eq!(world.validate(FORUM, &ended).await.unwrap_err(), Failure::NotRecognised);
    assert!(matches!(world.login(&[("service", FORUM)]).await, LoginOutcome::SignIn { .. }));
}

#[tokio::test]
async fn a_disabled_account_is_told_of_no_more() {
    let world = world(&[forum()]).await;
    let ticket = world.ticket(FORUM).await;
    let mut work = world.app.store().begin().await.unwrap();
    work.set_account_state(&world.account.id, AccountState::Disabled, world.app.now()).await.unwrap();
    work.commit().await.unwrap();
    assert_eq!(world.validate(FORUM, &ticket).await.unwrap_err(), Failure::NotRecognised);
}

#[tokio::test]
async fn claims_become_values_of_their_kind() {
    let world = world(&[forum()]).await;
    let claims = json!({
        "a": ["x", "", 3, true], "address": {"formatted": "Street 1"}, "email": "a@b.example", "empty": "",
        "half": 0.5, "none": null, "many": [], "n": 7,
    });
    let account = Account {
        claims: claims.as_object().unwrap().clone(),
        groups: vec!["staff".to_owned(), "ops".to_owned()],
        ..world.account.clone()
    };
    let told = |claim: &str| crate::validate::told(&account, claim);
    let words = |all: &[&str]| Some(all.iter().map(|one| Value::Text((*one).to_owned())).collect::<Vec<_>>());
    assert_eq!(told("groups"), words(&["staff", "ops"]));
    assert_eq!(told("a"), Some(vec![Value::Text("x".to_owned()), Value::Number(3), Value::Flag(true)]));
    assert_eq!(told("address"), words(&["Street 1"]));
    assert_eq!(told("preferred_username"), words(&["ada"]));
    assert_eq!(told("n"), Some(vec![Value::Number(7)]));
    assert_eq!(told("email_verified"), Some(vec![Value::Flag(false)]), "nobody vouched for it");
    for nothing in ["empty", "half", "none", "many", "phone_number_verified", "other"] {
        assert_eq!(told(nothing), None, "{nothing}");
    }
}
