//! What comes through the browser for other response types and modes, and what it hangs on.

use domain::{ClientMetadata, GrantType, ResponseType, SubjectType};
use oidc::claims::left_half;

use super::*;

fn hybrid() -> Client {
    let metadata = ClientMetadata {
        grant_types: vec![GrantType::AuthorizationCode, GrantType::Implicit],
        response_types: ResponseType::ALL.to_vec(),
        ..ClientMetadata::default()
    };
    Client { metadata, ..shop() }
}

impl World {
    async fn given(&self, changes: &[(&str, &str)]) -> Params {
        let Outcome::Redirect(location) = self.ask(changes).await else { panic!("no redirect") };
        let fragment =
            location.strip_prefix("https://shop.example/cb#").unwrap_or_else(|| panic!("{location}"));
        Params::parse(fragment.as_bytes()).unwrap()
    }
}

#[tokio::test]
async fn every_response_type_holds_what_it_says_and_hashes_that_fit() {
    for alg in SigningAlg::ALL {
        let world = world(&[Client { id_token_alg: *alg, ..hybrid() }]).await;
        // Keys that are slow to make are made after the start.
        keys::complete(&world.app).await.unwrap();
        for response in ResponseType::ALL.iter().skip(1) {
            let got = world.given(&[("response_type", response.as_str())]).await;
            assert_eq!(got.get("code").is_some(), response.has_code(), "{response:?}");
            assert_eq!(got.get("access_token").is_some(), response.has_token());
            assert_eq!(got.get("token_type"), response.has_token().then_some("Bearer"));
            assert_eq!(got.get("expires_in"), response.has_token().then_some("600"));
            assert_eq!((got.get("state"), got.get("iss")), (Some("st"), Some("https://id.example")));
            assert!(got.get("session_state").is_some_and(|state| state.contains('.')));
            let Some(token) = got.get("id_token") else {
                assert!(!response.has_id_token());
                continue;
            };
            assert_eq!(header(token)["alg"], alg.as_str());
            let claims = inside(token);
            let half = |name: &str| got.get(name).map(|text| Value::from(left_half(*alg, text)));
            assert_eq!(claims.get("c_hash"), half("code").as_ref(), "{alg:?} {response:?}");
            assert_eq!(claims.get("at_hash"), half("access_token").as_ref());
            assert_eq!(claims.get("s_hash"), half("state").as_ref());
            assert_eq!(claims["nonce"], "n0nce");
            // Without any access token the claims of scopes belong in it, else not.
            assert_eq!(claims.get("email").is_some(), *response == ResponseType::IdToken);
        }
    }
}

#[tokio::test]
async fn a_token_from_the_browser_works_and_can_be_revoked() {
    let world = world(&[hybrid()]).await;
    let got = world.given(&[("response_type", "id_token token")]).await;
    let token = got.get("access_token").unwrap();
    assert_eq!(world.userinfo(token).await.unwrap()["email"], "ada@example.org");
    assert!(world.events().await.contains(&AuditEvent::TokensGiven));
    world.end_session().await;
    assert_eq!(world.userinfo(token).await, None, "it hangs on a grant of its session");
}

#[tokio::test]
async fn sec_113_a_replayed_code_takes_the_token_beside_it_along() {
    let world = world(&[hybrid()]).await;
    let got = world.given(&[("response_type", "code id_token token")]).await;
    let (code, front) = (got.get("code").unwrap(), got.get("access_token").unwrap());
    let tokens = world.redeem(code, &[]).await.unwrap();
    let (first, second) =
        (inside(got.get("id_token").unwrap()), inside(tokens["id_token"].as_str().unwrap()));
    for claim in ["iss", "sub", "nonce", "auth_time", "sid"] {
        assert_eq!(first[claim], second[claim], "{claim}");
    }
    assert!(world.userinfo(front).await.is_some());
    assert_eq!(world.refused(code, &[]).await, ErrorCode::InvalidGrant);
    assert_eq!(world.userinfo(front).await, None);
    assert_eq!(world.userinfo(tokens["access_token"].as_str().unwrap()).await, None);
}

#[tokio::test]
async fn a_code_alone_writes_nothing_and_form_post_carries_it() {
    let world = world(&[hybrid()]).await;
    let before = world.events().await;
    let Outcome::Form(form) = world.ask(&[("response_mode", "form_post")]).await else { panic!("no form") };
    assert_eq!(form.action, "https://shop.example/cb");
    let code = &form.fields.iter().find(|(name, _)| name == "code").unwrap().1;
    assert_eq!(world.events().await, before);
    assert!(world.redeem(code, &[]).await.is_ok());
    let Outcome::Form(form) = world.ask(&[("response_mode", "form_post"), ("scope", "x")]).await else {
        panic!("no form")
    };
    assert_eq!(form.fields[0], ("error".to_owned(), "invalid_scope".to_owned()));
}

#[tokio::test]
async fn sec_109_nobody_gets_tokens_whose_session_ended_elsewhere() {
    let world = world(&[hybrid()]).await;
    let mut work = world.app.store().begin().await.unwrap();
    assert!(work.session(&world.session.id).await.unwrap().is_some());
    drop(work);
    // The session is known here, and ends on a node whose word did not come yet.
    let _ = world.given(&[("response_type", "id_token")]).await;
    let mut work = world.app.store().begin().await.unwrap();
    work.end_session(&world.session.id, SessionEnd::SignedOut, world.app.now()).await.unwrap();
    work.commit().await.unwrap();
    if let Outcome::Redirect(location) = world.ask(&[("response_type", "id_token token")]).await {
        assert!(
            location.contains("error=login_required") && !location.contains("access_token"),
            "{location}"
        );
    }
}

#[tokio::test]
async fn sec_137_long_states_and_nonces_work_or_are_refused_cleanly() {
    let world = world(&[hybrid()]).await;
    let long = "n+ %".repeat(2 * 1024);
    let code = world.code(&[("nonce", &long), ("state", &long)]).await;
    let tokens = world.redeem(&code, &[]).await.unwrap();
    assert_eq!(inside(tokens["id_token"].as_str().unwrap())["nonce"], long.as_str());
    // Written as JSON these take twice the room.
    assert_eq!(world.error(&[("nonce", &"\"".repeat(8 * 1024))]).await, "invalid_request");
}

#[tokio::test]
async fn pairwise_subjects_are_understood_in_hints_and_demands() {
    let mut client = hybrid();
    client.metadata.subject = SubjectType::Pairwise { sector: "shop.example".to_owned() };
    let world = world(&[client]).await;
    let got = world.given(&[("response_type", "id_token")]).await;
    let hint = got.get("id_token").unwrap().to_owned();
    let sub = inside(&hint)["sub"].as_str().unwrap().to_owned();
    assert_ne!(sub, world.account.id.to_string());
    world.clock.advance(Duration::from_secs(3_000));
    let demand = |sub: &str| format!(r#"{{"id_token":{{"sub":{{"value":"{sub}"}}}}}}"#);
    world.code(&[("id_token_hint", &hint), ("prompt", "none"), ("claims", &demand(&sub))]).await;
    let public = demand(&world.account.id.to_string());
    assert_eq!(world.error(&[("claims", &public), ("prompt", "none")]).await, "login_required");
    let (head, _) = hint.rsplit_once('.').unwrap();
    assert_eq!(world.error(&[("id_token_hint", &format!("{head}.AAAA"))]).await, "invalid_request");
}
