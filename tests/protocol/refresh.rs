//! Refresh tokens at `/token`.

use serde_json::{Value, json};
use testkit::wire::{Answer, Request};
use testkit::{RelyingParty, Setup};

use crate::given::Scene;

const OFFLINE: &str = "openid email offline_access";

/// A relying party that may refresh.
pub(crate) fn offline_party(scene: &Scene, id: &str, more: &Value) -> RelyingParty {
    let mut metadata = json!({
        "scope": "openid profile email offline_access",
        "grant_types": ["authorization_code", "refresh_token"],
    });
    if let (Some(metadata), Some(more)) = (metadata.as_object_mut(), more.as_object()) {
        metadata.extend(more.clone());
    }
    scene.server.client_with(id, &metadata)
}

/// The answer to a code of this person for offline access.
pub(crate) async fn first(scene: &Scene, party: &RelyingParty) -> Value {
    let started = party.start_with(&[("scope", OFFLINE)]);
    let landed = scene.browser.follow(&started.url).await;
    party.exchange(&started, &landed).await.all
}

pub(crate) async fn refresh(party: &RelyingParty, token: &str, more: &[(&str, &str)]) -> Answer {
    let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
    fields.extend_from_slice(more);
    party.line.send(party.authenticated(Request::form("/token", &fields))).await
}

fn token(answer: &Value) -> String {
    answer["refresh_token"].as_str().unwrap_or_else(|| panic!("no refresh token in {answer}")).to_owned()
}

#[track_caller]
fn invalid_grant(answer: &Answer) {
    assert_eq!((answer.status, answer.word("error").as_str()), (400, "invalid_grant"), "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn sec_122_tokens_are_refreshed_in_families() {
    let mut scene = Scene::new().await;
    let party = offline_party(&scene, "mail", &json!({}));
    let first = first(&scene, &party).await;
    let second = refresh(&party, &token(&first), &[]).await;
    assert_eq!(second.status, 200, "{}", second.text());
    assert_eq!(second.header("cache-control"), Some("no-store"));
    let second = second.json();
    assert_eq!((&second["scope"], &second["token_type"]), (&json!(OFFLINE), &json!("Bearer")));
    assert!(second["expires_in"].as_u64().is_some_and(|seconds| seconds > 0));
    let (_, old) = party.verify(first["id_token"].as_str().unwrap()).await;
    let (_, new) = party.verify(second["id_token"].as_str().unwrap()).await;
    assert_eq!((&old["sub"], &old["auth_time"]), (&new["sub"], &new["auth_time"]));
    assert!(new.get("nonce").is_none());
    // The answer was lost: the same successor.
    assert_eq!(token(&refresh(&party, &token(&first), &[]).await.json()), token(&second));
    let third = refresh(&party, &token(&second), &[]).await.json();
    // A restart forgets nothing.
    scene.server.stop().await;
    scene.server.run_again().await;
    invalid_grant(&refresh(&party, &token(&first), &[]).await);
    invalid_grant(&refresh(&party, &token(&third), &[]).await);
    assert_eq!(party.userinfo(third["access_token"].as_str().unwrap()).await.status, 401);
    assert_eq!(scene.server.audit("refresh.replayed").await.len(), 1);
}

#[tokio::test]
async fn sec_122_without_grace_a_spent_token_ends_its_family_at_once() {
    let scene = Scene::with(Setup::default().set("tokens.refresh_grace_seconds", 0)).await;
    let party = offline_party(&scene, "mail", &json!({}));
    let first = first(&scene, &party).await;
    let second = refresh(&party, &token(&first), &[]).await.json();
    invalid_grant(&refresh(&party, &token(&first), &[]).await);
    invalid_grant(&refresh(&party, &token(&second), &[]).await);
}

#[tokio::test]
async fn sec_123_of_a_hundred_parallel_refreshes_one_successor_lives() {
    let scene = Scene::new().await;
    let party = offline_party(&scene, "mail", &json!({}));
    let spent = token(&first(&scene, &party).await);
    let tries: Vec<_> = (0..100)
        .map(|_| {
            let party = RelyingParty {
                line: scene.server.browser(),
                client_id: party.client_id.clone(),
                secret: party.secret.clone(),
                redirect_uri: String::new(),
                scope: String::new(),
            };
            let spent = spent.clone();
            tokio::spawn(async move { refresh(&party, &spent, &[]).await })
        })
        .collect();
    let mut successors = std::collections::BTreeSet::new();
    for one in tries {
        let answer = one.await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        successors.insert(token(&answer.json()));
    }
    assert_eq!(successors.len(), 1, "the family forked");
    assert_eq!(scene.server.audit("token.refreshed").await.len(), 1);
}

#[tokio::test]
async fn sec_124_the_next_refresh_fails_when_something_changed() {
    let scene = Scene::new().await;
    let party = offline_party(&scene, "mail", &json!({}));
    let other = offline_party(&scene, "other", &json!({}));
    let kept = token(&first(&scene, &party).await);
    // Another client's token.
    invalid_grant(&refresh(&other, &kept, &[]).await);
    let more = refresh(&party, &kept, &[("scope", "openid profile")]).await;
    assert_eq!((more.status, more.word("error").as_str()), (400, "invalid_scope"), "SEC-125");
    // None of these did harm; the person is disabled by the command line, beside the running server.
    let kept = token(&refresh(&party, &kept, &[]).await.json());
    let _ = scene.server.command(&["user", "disable", "ada"]).done();
    invalid_grant(&refresh(&party, &kept, &[]).await);
}
