//! Tokens say what is true, and are taken only where they belong.

use openidconnect::core::{CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet};
use openidconnect::{AccessTokenHash, ClientId, IssuerUrl, Nonce};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::*;

/// Verifies an ID token with a library that is not ours.
fn verified(world: &World, tokens: &Value, alg: &str) -> Value {
    let jwks: CoreJsonWebKeySet = serde_json::from_slice(&world.provider.jwks().bytes).unwrap();
    let issuer = IssuerUrl::new("https://id.example".to_owned()).unwrap();
    let alg = serde_json::from_value(json!(alg)).unwrap();
    // The library's clock type reads RFC 3339.
    let now = OffsetDateTime::from_unix_timestamp(world.app.now().seconds()).unwrap();
    let now = now.format(&Rfc3339).unwrap();
    let verifier = CoreIdTokenVerifier::new_public_client(ClientId::new("shop".to_owned()), issuer, jwks)
        .set_allowed_algs([alg])
        .set_time_fn(move || serde_json::from_value(json!(now)).unwrap());
    let token: CoreIdToken = serde_json::from_value(tokens["id_token"].clone()).unwrap();
    let claims = token.claims(&verifier, &Nonce::new("n0nce".to_owned())).unwrap();
    let made = AccessTokenHash::from_token(
        &openidconnect::AccessToken::new(tokens["access_token"].as_str().unwrap().to_owned()),
        token.signing_alg().unwrap(),
        token.signing_key(&verifier).unwrap(),
    )
    .unwrap();
    assert_eq!(claims.access_token_hash(), Some(&made));
    serde_json::to_value(claims).unwrap()
}

#[tokio::test]
async fn sec_127_id_tokens_are_verified_by_another_library() {
    for alg in [SigningAlg::ES256, SigningAlg::RS256] {
        let world = world(&[Client { id_token_alg: alg, ..shop() }]).await;
        let code = world.code(&[]).await;
        let tokens = world.redeem(&code, &[]).await.unwrap();
        let claims = verified(&world, &tokens, alg.as_str());
        assert_eq!(claims["sub"], world.account.id.to_string());
        assert_eq!(claims["auth_time"], START.seconds());
        let id_token = tokens["id_token"].as_str().unwrap();
        assert_eq!(header(id_token)["typ"], "JWT");
        assert_eq!(header(id_token)["alg"], alg.as_str());
        let inside = inside(id_token);
        assert_eq!(inside["sid"], world.session.id.to_string());
        assert_eq!((&inside["acr"], &inside["amr"]), (&json!("urn:latchbolt:acr:password"), &json!(["pwd"])));
        let mut names: Vec<_> = inside.as_object().unwrap().keys().cloned().collect();
        names.sort();
        let protocol =
            ["acr", "amr", "at_hash", "aud", "auth_time", "exp", "iat", "iss", "nonce", "sid", "sub"];
        assert_eq!(names, protocol, "nothing of the person without being asked");
    }
}

#[tokio::test]
async fn the_token_answer_and_the_access_token_are_as_the_standards_say() {
    let world = world(&[shop()]).await;
    let code = world.code(&[("nonce", "")]).await;
    let tokens = world.redeem(&code, &[]).await.unwrap();
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(600)));
    assert_eq!(tokens["scope"], "openid email");
    assert!(inside(tokens["id_token"].as_str().unwrap()).get("nonce").is_none());
    let access_token = tokens["access_token"].as_str().unwrap();
    assert_eq!(header(access_token)["typ"], "at+jwt");
    let claims = inside(access_token);
    assert_eq!((&claims["aud"], &claims["client_id"]), (&json!("https://id.example"), &json!("shop")));
    assert!(claims["jti"].as_str().unwrap().starts_with("grt_"));
}

#[tokio::test]
async fn userinfo_answers_what_scopes_and_claims_ask_for() {
    let world = world(&[shop()]).await;
    let sub = world.account.id.to_string();
    for (changes, expected) in [
        (&[("scope", "openid")][..], json!({"sub": sub})),
        (&[], json!({"sub": sub, "email": "ada@example.org", "email_verified": true})),
        (
            &[("scope", "openid"), ("claims", r#"{"userinfo":{"name":{"essential":true}}}"#)],
            json!({"sub": sub, "name": "Ada L"}),
        ),
    ] {
        let code = world.code(changes).await;
        let tokens = world.redeem(&code, &[]).await.unwrap();
        let token = tokens["access_token"].as_str().unwrap();
        assert_eq!(world.userinfo(token).await, Some(expected.clone()), "{changes:?}");
        assert_eq!(world.userinfo(token).await, Some(expected), "from the cache");
    }
    let claims = r#"{"id_token":{"name":null}}"#;
    let code = world.code(&[("claims", claims)]).await;
    let tokens = world.redeem(&code, &[]).await.unwrap();
    assert_eq!(inside(tokens["id_token"].as_str().unwrap())["name"], "Ada L");
}

#[tokio::test]
async fn sec_119_each_token_is_taken_only_where_it_belongs() {
    let world = world(&[shop()]).await;
    let code = world.code(&[]).await;
    let tokens = world.redeem(&code, &[]).await.unwrap();
    let access_token = tokens["access_token"].as_str().unwrap();
    let id_token = tokens["id_token"].as_str().unwrap();
    assert_eq!(world.userinfo(id_token).await, None);
    assert_eq!(world.userinfo(&code).await, None);
    assert_eq!(world.error(&[("id_token_hint", access_token)]).await, "invalid_request");
    assert_eq!(world.error(&[("id_token_hint", "x.y.z")]).await, "invalid_request");
    // SEC-118: somebody else's signature, none, and bent ones.
    let (head, rest) = access_token.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let first = if signature.starts_with('A') { "B" } else { "A" };
    let bent = format!("{first}{}", &signature[1..]);
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"at+jwt"}"#);
    let other = jose::SigningKey::generate(SigningAlg::ES256).unwrap();
    let foreign = other.sign("at+jwt", &URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    for bad in [
        format!("{none}.{payload}."),
        format!("{head}.{payload}."),
        format!("{head}.{payload}.{bent}"),
        foreign,
        String::new(),
    ] {
        assert_eq!(world.userinfo(&bad).await, None, "{bad}");
    }
    assert!(world.userinfo(access_token).await.is_some());
}

#[tokio::test]
async fn access_tokens_end_with_their_time_session_and_account() {
    let first = world(&[shop()]).await;
    let tokens = first.redeem(&first.code(&[]).await, &[]).await.unwrap();
    let token = tokens["access_token"].as_str().unwrap();
    first.clock.advance(Duration::from_secs(599));
    assert!(first.userinfo(token).await.is_some());
    first.clock.advance(Duration::from_secs(1));
    assert_eq!(first.userinfo(token).await, None, "also out of the cache");

    for ending in 0..2 {
        let world = world(&[shop()]).await;
        let tokens = world.redeem(&world.code(&[]).await, &[]).await.unwrap();
        let token = tokens["access_token"].as_str().unwrap();
        assert!(world.userinfo(token).await.is_some());
        if ending == 0 {
            world.end_session().await;
        } else {
            world.disable_account().await;
        }
        assert_eq!(world.userinfo(token).await, None);
    }
}

#[tokio::test]
async fn sec_153_a_change_that_nobody_told_of_ends_access_tokens_too() {
    let world = world(&[shop()]).await;
    let tokens = world.redeem(&world.code(&[]).await, &[]).await.unwrap();
    let token = tokens["access_token"].as_str().unwrap();
    assert!(world.userinfo(token).await.is_some());
    // As `latchbolt user disable` does it beside a running server: the database changes, no word is said.
    let mut work = world.app.store().begin().await.unwrap();
    work.set_account_state(&world.account.id, AccountState::Disabled, world.app.now()).await.unwrap();
    work.commit().await.unwrap();
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(world.userinfo(token).await, None);
}

#[tokio::test]
async fn sec_136_discovery_and_keys_are_ready() {
    let world = world(&[shop()]).await;
    let discovery: Value = serde_json::from_slice(&world.provider.discovery().await.bytes).unwrap();
    assert_eq!(discovery["issuer"], "https://id.example");
    assert_eq!(discovery["token_endpoint"], "https://id.example/token");
    let jwks: Value = serde_json::from_slice(&world.provider.jwks().bytes).unwrap();
    let keys = jwks["keys"].as_array().unwrap();
    for alg in world.app.keys().algs() {
        assert!(keys.iter().any(|key| key["alg"] == alg.as_str()), "{}", alg.as_str());
    }
    for key in keys {
        for private in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
            assert!(key.get(private).is_none());
        }
        assert!(key["use"] == "sig" || key["use"] == "enc" && key["alg"] == "ECDH-ES", "{key}");
    }
}
