//! Refresh tokens: one good one at a time, and all is asked again.

use super::*;

/// A shop that may refresh.
fn offline_shop() -> Client {
    let mut shop = shop();
    shop.metadata.grant_types.push(domain::GrantType::RefreshToken);
    shop
}

const SCOPE: &str = "openid email offline_access";

impl World {
    async fn first(&self) -> Value {
        let code = self.code(&[("scope", SCOPE)]).await;
        self.redeem(&code, &[]).await.unwrap()
    }

    async fn refresh_with(&self, token: &str, more: &[(&str, &str)]) -> Result<Value, TokenRefused> {
        let good = [("grant_type", "refresh_token"), ("refresh_token", token)];
        let params: Params = good.iter().chain(more).copied().collect();
        self.token(&params, None).await
    }

    async fn refresh(&self, token: &str) -> Result<Value, TokenRefused> {
        self.refresh_with(token, &[]).await
    }
}

fn text<'v>(tokens: &'v Value, name: &str) -> &'v str {
    tokens[name].as_str().unwrap_or_else(|| panic!("no {name} in {tokens}"))
}

#[tokio::test]
async fn a_refresh_token_becomes_new_tokens() {
    let world = world(&[offline_shop()]).await;
    let first = world.first().await;
    assert_eq!(first["scope"], SCOPE);
    world.clock.advance(Duration::from_secs(300));
    let second = world.refresh(text(&first, "refresh_token")).await.unwrap();
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_ne!(second["access_token"], first["access_token"]);
    assert_eq!((&second["scope"], &second["expires_in"]), (&json!(SCOPE), &json!(600)));
    let (old, new) = (inside(text(&first, "id_token")), inside(text(&second, "id_token")));
    for same in ["iss", "sub", "aud", "auth_time", "sid", "acr", "amr"] {
        assert_eq!(old[same], new[same], "{same}");
    }
    assert_eq!(new["iat"].as_i64().unwrap(), old["iat"].as_i64().unwrap() + 300);
    assert!(new.get("nonce").is_none(), "OpenID Connect Core 12.2");
    assert!(world.userinfo(text(&second, "access_token")).await.is_some());
    assert!(world.events().await.contains(&AuditEvent::TokenRefreshed));
}

#[tokio::test]
async fn without_offline_access_or_the_grant_type_there_is_none() {
    let without = world(&[offline_shop()]).await;
    let code = without.code(&[]).await;
    assert!(without.redeem(&code, &[]).await.unwrap().get("refresh_token").is_none());
    let never = world(&[shop()]).await;
    let code = never.code(&[("scope", SCOPE)]).await;
    let tokens = never.redeem(&code, &[]).await.unwrap();
    assert!(tokens.get("refresh_token").is_none());
    assert_eq!(refusal(never.refresh("x").await), ErrorCode::UnauthorizedClient);
}

#[tokio::test]
async fn sec_122_a_spent_token_ends_its_family_but_for_a_lost_answer() {
    let world = world(&[offline_shop()]).await;
    let first = world.first().await;
    let spent = text(&first, "refresh_token");
    let second = world.refresh(spent).await.unwrap();
    world.clock.advance(Duration::from_secs(59));
    // The answer was lost: the same successor, never a second one.
    let again = world.refresh(spent).await.unwrap();
    assert_eq!(again["refresh_token"], second["refresh_token"]);
    // The successor is used: now the first one can only be a copy.
    let third = world.refresh(text(&second, "refresh_token")).await.unwrap();
    assert_eq!(refusal(world.refresh(spent).await), ErrorCode::InvalidGrant);
    for gone in [spent, text(&second, "refresh_token"), text(&third, "refresh_token")] {
        assert_eq!(refusal(world.refresh(gone).await), ErrorCode::InvalidGrant);
    }
    assert_eq!(world.userinfo(text(&third, "access_token")).await, None, "what came of it is revoked too");
    assert!(world.events().await.contains(&AuditEvent::RefreshReplayed));
}

#[tokio::test]
async fn sec_122_after_its_grace_a_spent_token_ends_its_family() {
    let world = world(&[offline_shop()]).await;
    let first = world.first().await;
    let second = world.refresh(text(&first, "refresh_token")).await.unwrap();
    world.clock.advance(Duration::from_secs(61));
    assert_eq!(refusal(world.refresh(text(&first, "refresh_token")).await), ErrorCode::InvalidGrant);
    assert_eq!(refusal(world.refresh(text(&second, "refresh_token")).await), ErrorCode::InvalidGrant);
}

#[tokio::test]
async fn sec_122_a_family_ends_when_it_is_idle_and_in_any_case() {
    let day = Duration::from_secs(24 * 3600);
    let idle = world(&[offline_shop()]).await;
    let first = idle.first().await;
    idle.clock.advance(day * 29);
    let second = idle.refresh(text(&first, "refresh_token")).await.unwrap();
    idle.clock.advance(day * 30);
    assert_eq!(refusal(idle.refresh(text(&second, "refresh_token")).await), ErrorCode::InvalidGrant);

    let old = world(&[offline_shop()]).await;
    let mut token = text(&old.first().await, "refresh_token").to_owned();
    let mut days = 0;
    loop {
        old.clock.advance(day * 20);
        days += 20;
        match old.refresh(&token).await {
            Ok(next) => token = text(&next, "refresh_token").to_owned(),
            Err(_) => break,
        }
    }
    assert_eq!(days, 180);
}

#[tokio::test]
async fn offline_access_goes_on_when_the_session_expires() {
    let world = world(&[offline_shop()]).await;
    let first = world.first().await;
    world.clock.advance(Duration::from_secs(36_001));
    world.app.store().sweep(world.app.now(), 100).await.unwrap();
    let second = world.refresh(text(&first, "refresh_token")).await.unwrap();
    assert!(world.userinfo(text(&second, "access_token")).await.is_some());
}

#[tokio::test]
async fn sec_124_everything_is_asked_again() {
    let fails = async |world: &World, first: &Value| {
        assert_eq!(refusal(world.refresh(text(first, "refresh_token")).await), ErrorCode::InvalidGrant);
    };
    let signed_out = world(&[offline_shop()]).await;
    let first = signed_out.first().await;
    signed_out.end_session().await;
    fails(&signed_out, &first).await;

    let disabled = world(&[offline_shop()]).await;
    let first = disabled.first().await;
    disabled.disable_account().await;
    fails(&disabled, &first).await;

    let withdrawn = world(&[offline_shop()]).await;
    let first = withdrawn.first().await;
    let mut work = withdrawn.app.store().begin().await.unwrap();
    work.delete_consent(&withdrawn.account.id, &shop().id, withdrawn.app.now()).await.unwrap();
    work.commit().await.unwrap();
    fails(&withdrawn, &first).await;

    let off = world(&[offline_shop()]).await;
    let first = off.first().await;
    off.update(&Client { is_enabled: false, ..offline_shop() }).await;
    assert_eq!(refusal(off.refresh(text(&first, "refresh_token")).await), ErrorCode::InvalidClient);

    let less = world(&[offline_shop()]).await;
    let first = less.first().await;
    let scopes = vec!["openid".to_owned(), "offline_access".to_owned()];
    less.update(&Client { scopes, ..offline_shop() }).await;
    let second = less.refresh(text(&first, "refresh_token")).await.unwrap();
    assert_eq!(second["scope"], "openid offline_access");
    less.update(&Client { scopes: vec!["openid".to_owned()], ..offline_shop() }).await;
    assert_eq!(refusal(less.refresh(text(&second, "refresh_token")).await), ErrorCode::UnauthorizedClient);
}

#[tokio::test]
async fn sec_124_a_session_that_ends_while_a_family_begins_takes_it_along() {
    let world = world(&[offline_shop()]).await;
    let code = world.code(&[("scope", SCOPE)]).await;
    // The cache of people still says that the session lives: no word was said.
    let mut work = world.app.store().begin().await.unwrap();
    work.end_session(&world.session.id, SessionEnd::SignedOut, world.app.now()).await.unwrap();
    work.commit().await.unwrap();
    assert_eq!(world.refused(&code, &[]).await, ErrorCode::InvalidGrant);
}

#[tokio::test]
async fn sec_125_scope_shrinks_for_one_answer_and_never_grows() {
    let world = world(&[offline_shop()]).await;
    let first = world.first().await;
    let more = world.refresh_with(text(&first, "refresh_token"), &[("scope", "openid profile")]).await;
    assert_eq!(refusal(more), ErrorCode::InvalidScope);
    let target =
        world.refresh_with(text(&first, "refresh_token"), &[("resource", "https://api.example")]).await;
    assert_eq!(refusal(target), ErrorCode::InvalidTarget);
    let less = world.refresh_with(text(&first, "refresh_token"), &[("scope", "email")]).await.unwrap();
    assert_eq!(less["scope"], "email", "and what failed did not spend the token");
    assert!(less.get("id_token").is_none(), "openid was not asked for");
    assert_eq!(inside(text(&less, "access_token"))["scope"], "email");
    let all = world.refresh(text(&less, "refresh_token")).await.unwrap();
    assert_eq!(all["scope"], SCOPE, "the family keeps what was granted");
}

#[tokio::test]
async fn sec_125_resources_of_a_code_only_shrink() {
    let mut shop = offline_shop();
    shop.metadata.resources = vec!["https://a.example".to_owned(), "https://b.example".to_owned()];
    let world = world(&[shop.clone()]).await;
    let mut code = world.code_of(&shop, SCOPE);
    code.who.resources.clone_from(&shop.metadata.resources);
    let code = world.sealed(&code);
    assert_eq!(world.refused(&code, &[("resource", "https://c.example")]).await, ErrorCode::InvalidTarget);
    let first = world.redeem(&code, &[("resource", "https://b.example")]).await.unwrap();
    assert_eq!(inside(text(&first, "access_token"))["aud"], "https://b.example");
    assert_eq!(world.userinfo(text(&first, "access_token")).await, None, "it is not for us");
    let second = world.refresh(text(&first, "refresh_token")).await.unwrap();
    assert_eq!(
        inside(text(&second, "access_token"))["aud"],
        json!(["https://a.example", "https://b.example"])
    );
    shop.metadata.resources = vec!["https://a.example".to_owned()];
    world.update(&shop).await;
    let third = world.refresh(text(&second, "refresh_token")).await.unwrap();
    assert_eq!(inside(text(&third, "access_token"))["aud"], "https://a.example");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_123_of_many_parallel_refreshes_one_successor_lives() {
    let world = Arc::new(world(&[offline_shop()]).await);
    let token = Arc::new(text(&world.first().await, "refresh_token").to_owned());
    let tries: Vec<_> = (0..50)
        .map(|_| {
            let (world, token) = (Arc::clone(&world), Arc::clone(&token));
            tokio::spawn(async move { world.refresh(&token).await.unwrap() })
        })
        .collect();
    let mut successors = std::collections::BTreeSet::new();
    for one in tries {
        successors.insert(text(&one.await.unwrap(), "refresh_token").to_owned());
    }
    assert_eq!(successors.len(), 1);
    let events = world.events().await;
    assert_eq!(events.iter().filter(|event| **event == AuditEvent::TokenRefreshed).count(), 1);
    assert!(world.refresh(successors.first().unwrap()).await.is_ok());
}

#[tokio::test]
async fn sec_122_other_peoples_and_bent_tokens_are_none() {
    let other = Client {
        id: "other".parse().unwrap(),
        auth_method: ClientAuthMethod::ClientSecretPost,
        ..offline_shop()
    };
    let world = world(&[offline_shop(), other]).await;
    let first = world.first().await;
    let token = text(&first, "refresh_token");
    let as_other = [("client_id", "other"), ("client_secret", SECRET)];
    assert_eq!(refusal(world.refresh_with(token, &as_other).await), ErrorCode::InvalidGrant);
    let bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
    for at in [0, 15, 16, 19, 20, 51] {
        let mut bent = bytes.clone();
        bent[at] ^= 1;
        let bent = URL_SAFE_NO_PAD.encode(bent);
        assert_eq!(refusal(world.refresh(&bent).await), ErrorCode::InvalidGrant, "{at}");
    }
    for none in ["x", &"A".repeat(70), text(&first, "access_token"), text(&first, "id_token")] {
        assert_eq!(refusal(world.refresh(none).await), ErrorCode::InvalidGrant);
    }
    assert!(world.refresh(token).await.is_ok(), "none of these did harm");
}

#[tokio::test]
async fn sec_113_a_code_used_twice_ends_the_family_too() {
    let world = world(&[offline_shop()]).await;
    let code = world.code(&[("scope", SCOPE)]).await;
    let first = world.redeem(&code, &[]).await.unwrap();
    assert_eq!(world.refused(&code, &[]).await, ErrorCode::InvalidGrant);
    assert_eq!(refusal(world.refresh(text(&first, "refresh_token")).await), ErrorCode::InvalidGrant);
}
