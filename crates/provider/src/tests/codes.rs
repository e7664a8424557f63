//! Codes: issued without writing, redeemed once, bound to everything.

use super::*;

#[tokio::test]
async fn a_living_session_gets_a_code_at_once_and_nothing_is_written() {
    let world = world(&[shop()]).await;
    let before = world.events().await;
    let Outcome::Redirect(location) = world.ask(&[]).await else { panic!("no redirect") };
    let answer = answer(&location);
    assert!(location.starts_with("https://shop.example/cb?code="));
    assert_eq!((answer.get("state"), answer.get("iss")), (Some("st"), Some("https://id.example")));
    assert!(answer.get("code").unwrap().len() > 100);
    assert_ne!(world.code(&[]).await, world.code(&[]).await);
    assert_eq!(world.events().await, before);
}

#[tokio::test]
async fn sec_102_bad_clients_and_addresses_are_shown() {
    let world = world(&[shop()]).await;
    for (changes, word) in [
        (("client_id", "nobody"), "unknown_client"),
        (("client_id", ""), "unknown_client"),
        (("redirect_uri", "https://shop.example/cb/x"), "invalid_redirect_uri"),
        (("redirect_uri", ""), "invalid_redirect_uri"),
    ] {
        let Outcome::Page(shown) = world.ask(&[changes]).await else { panic!("{changes:?}") };
        assert_eq!(shown.as_str(), word);
    }
}

#[tokio::test]
async fn sec_112_a_code_is_bound_to_all_it_was_asked_with() {
    let other = Client { id: "other".parse().unwrap(), ..shop() };
    let post = ClientAuthMethod::ClientSecretPost;
    let world = world(&[shop(), Client { auth_method: post, ..other }]).await;
    let code = world.code(&[]).await;
    let wrong = "x".repeat(43);
    let as_other = [("client_id", "other"), ("client_secret", SECRET)];
    for changes in [
        &[("redirect_uri", "https://shop.example/cb2")][..],
        &[("code_verifier", &wrong)],
        &[("code_verifier", "")],
        &as_other,
        &[("code", &code[1..])],
        &[("code", "AAAA")],
        &[("code", "not base64!")],
    ] {
        assert_eq!(world.refused(&code, changes).await, ErrorCode::InvalidGrant, "{changes:?}");
    }
    // A bent code is no code: every place of it is sealed.
    for at in [0, 5, 40, code.len() - 1] {
        let mut bent = code.clone().into_bytes();
        bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
        let bent = String::from_utf8(bent).unwrap();
        assert_eq!(world.refused(&bent, &[]).await, ErrorCode::InvalidGrant, "{at}");
    }
    world.clock.advance(Duration::from_secs(59));
    assert!(world.redeem(&code, &[]).await.is_ok(), "what failed before did not spend it");
    let late = world.code(&[]).await;
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.refused(&late, &[]).await, ErrorCode::InvalidGrant);
}

#[tokio::test]
async fn sec_113_a_second_use_revokes_every_token() {
    let world = world(&[shop()]).await;
    let code = world.code(&[]).await;
    let tokens = world.redeem(&code, &[]).await.unwrap();
    let access_token = tokens["access_token"].as_str().unwrap();
    assert!(world.userinfo(access_token).await.is_some());
    assert_eq!(world.refused(&code, &[]).await, ErrorCode::InvalidGrant);
    assert_eq!(world.userinfo(access_token).await, None, "also out of the cache");
    assert_eq!(world.refused(&code, &[]).await, ErrorCode::InvalidGrant);
    let events = world.events().await;
    assert_eq!(events.iter().filter(|e| **e == AuditEvent::CodeRedeemed).count(), 1);
    assert!(events.contains(&AuditEvent::CodeReplayed));
}

#[tokio::test]
async fn sec_113_a_second_use_after_its_time_revokes_too() {
    let world = world(&[shop()]).await;
    let code = world.code(&[]).await;
    let tokens = world.redeem(&code, &[]).await.unwrap();
    world.clock.advance(Duration::from_secs(61));
    assert_eq!(world.refused(&code, &[]).await, ErrorCode::InvalidGrant);
    assert_eq!(world.userinfo(tokens["access_token"].as_str().unwrap()).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_114_of_many_parallel_redeems_one_gets_tokens() {
    let world = Arc::new(world(&[shop()]).await);
    let code = Arc::new(world.code(&[]).await);
    let tries: Vec<_> = (0..50)
        .map(|_| {
            let (world, code) = (Arc::clone(&world), Arc::clone(&code));
            tokio::spawn(async move { world.redeem(&code, &[]).await.is_ok() })
        })
        .collect();
    let mut won = 0;
    for one in tries {
        won += usize::from(one.await.unwrap());
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn sec_109_rights_are_looked_at_when_the_code_comes_back() {
    let first = world(&[shop()]).await;
    let code = first.code(&[]).await;
    first.end_session().await;
    assert_eq!(first.refused(&code, &[]).await, ErrorCode::InvalidGrant);
    assert!(matches!(first.ask(&[]).await, Outcome::SignIn { .. }));

    let second = world(&[shop()]).await;
    let code = second.code(&[]).await;
    second.disable_account().await;
    assert_eq!(second.refused(&code, &[]).await, ErrorCode::InvalidGrant);

    let third = world(&[shop()]).await;
    let code = third.code(&[]).await;
    let mut work = third.app.store().begin().await.unwrap();
    work.delete_client(&shop().id, third.app.now()).await.unwrap();
    work.commit().await.unwrap();
    third.app.tell(Change::Client(shop().id)).await;
    assert_eq!(third.refused(&code, &[]).await, ErrorCode::InvalidClient);
}

#[tokio::test]
async fn sec_115_failed_client_authentication_is_limited_and_noted() {
    let world = world(&[shop()]).await;
    let code = world.code(&[]).await;
    let wrong = format!("Basic {}", STANDARD.encode("shop:wrong"));
    let params: Params =
        [("grant_type", "authorization_code"), ("code", code.as_str())].into_iter().collect();
    let asked = TokenAsked { authorization: Some(&wrong), params: &params, proof: None, address: HERE };
    let mut limited = 0;
    for _ in 0..100 {
        match world.provider.token(asked).await {
            Err(TokenRefused::Client(refused)) => assert!(refused.basic),
            Err(TokenRefused::Later(app::Refusal::TooMany { .. })) => limited += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(limited > 50, "{limited}");
    assert!(world.events().await.contains(&AuditEvent::ClientRefused));
    let elsewhere = ClientAddress(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)));
    let asked = TokenAsked { address: elsewhere, ..asked };
    assert!(matches!(world.provider.token(asked).await, Err(TokenRefused::Client(_))));
}

#[tokio::test]
async fn sec_115_unknown_clients_and_wrong_secrets_leave_the_same_traces() {
    let world = world(&[shop()]).await;
    let params: Params = [("grant_type", "client_credentials")].into_iter().collect();
    for client in ["shop", "nobody"] {
        let wrong = format!("Basic {}", STANDARD.encode(format!("{client}:wrong")));
        let asked = TokenAsked { authorization: Some(&wrong), params: &params, proof: None, address: HERE };
        let Err(TokenRefused::Client(refused)) = world.provider.token(asked).await else { panic!("let in") };
        assert_eq!(refused.error.code, ErrorCode::InvalidClient);
    }
    let events = world.events().await;
    assert_eq!(events.iter().filter(|event| **event == AuditEvent::ClientRefused).count(), 2);
}

#[tokio::test]
async fn sec_113_a_replay_takes_the_token_from_the_front_channel_along() {
    let world = world(&[shop()]).await;
    let front = world.code_of(&shop(), "openid").who;
    let code = CodeContent { front: Some(front.grant), ..world.code_of(&shop(), "openid") };
    let beside = world.provider.access_token(&shop(), &front, None).unwrap().text;
    let now = world.app.now();
    let mut work = world.app.store().begin().await.unwrap();
    work.spend_code(&world.provider.grant_row(&front, now, now), now).await.unwrap();
    work.commit().await.unwrap();
    let code = world.sealed(&code);
    world.redeem(&code, &[]).await.unwrap();
    assert!(world.userinfo(&beside).await.is_some());
    assert_eq!(world.refused(&code, &[]).await, ErrorCode::InvalidGrant);
    assert_eq!(world.userinfo(&beside).await, None);
}

#[tokio::test]
async fn sec_116_public_clients_redeem_with_their_verifier_alone() {
    let app = Client {
        id: "app".parse().unwrap(),
        auth_method: ClientAuthMethod::None,
        secret_hash: None,
        is_native: true,
        redirect_uris: vec!["http://127.0.0.1/cb".to_owned()],
        ..shop()
    };
    let world = world(&[shop(), app]).await;
    let to = ("redirect_uri", "http://127.0.0.1:4711/cb");
    // Public clients always ask (SEC-108), so the journey's end is taken here.
    let Outcome::SignIn { .. } = world.ask(&[("client_id", "app"), to]).await else { panic!("asked") };
    assert_eq!(world.error(&[("client_id", "app"), to, ("prompt", "none")]).await, "consent_required");
    let code = world.code(&[]).await;
    assert_eq!(world.refused(&code, &[("client_id", "app")]).await, ErrorCode::InvalidGrant);
    assert_eq!(world.refused(&code, &[("client_id", "shop")]).await, ErrorCode::InvalidClient);
}
