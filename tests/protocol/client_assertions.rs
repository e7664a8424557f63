//! Clients that prove themselves by assertions.

use serde_json::{Value, json};
use testkit::key::{assertion_claims, changed, sign_hs256};
use testkit::wire::{Answer, Request};
use testkit::{ClientKey, RelyingParty, unix_now};

use crate::given::Scene;

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

async fn ask(party: &RelyingParty, assertion: &str, more: &[(&str, &str)]) -> Answer {
    let mut fields = vec![
        ("grant_type", "client_credentials"),
        ("client_assertion", assertion),
        ("client_assertion_type", TYPE),
    ];
    fields.extend_from_slice(more);
    party.line.send(Request::form("/token", &fields)).await
}

#[track_caller]
fn not_let_in(answer: &Answer, why: &Value) {
    assert_eq!(
        (answer.status, answer.word("error").as_str()),
        (401, "invalid_client"),
        "{why}: {}",
        answer.text()
    );
}

fn machine(scene: &Scene, id: &str, method: &str, more: &Value) -> RelyingParty {
    let metadata = json!({"grant_types": ["client_credentials"], "response_types": [], "scope": "read",
                          "token_endpoint_auth_method": method});
    scene.server.client_with(id, &changed(metadata, more))
}

#[tokio::test]
async fn sec_117_an_assertion_proves_its_client_once() {
    let mut scene = Scene::new().await;
    let key = ClientKey::new();
    let party = machine(&scene, "machine", "private_key_jwt", &json!({"jwks": key.jwks()}));
    let issuer = party.line.issuer().to_owned();
    let good = |changes: &Value| key.assertion("machine", &issuer, changes);
    let once = good(&json!({}));
    assert_eq!(ask(&party, &once, &[]).await.status, 200);
    not_let_in(&ask(&party, &once, &[]).await, &json!("replayed"));
    scene.server.stop().await;
    scene.server.run_again().await;
    not_let_in(&ask(&party, &once, &[]).await, &json!("replayed after a restart"));
    let now = unix_now();
    for changes in [
        json!({"sub": null}),
        json!({"iss": "shop"}),
        json!({"aud": [issuer, "https://other.example"]}),
        json!({"aud": "https://other.example"}),
        json!({"exp": now - 300}),
        json!({"exp": (now + 60).to_string()}),
        json!({"exp": now + 7_200}),
        json!({"iat": now + 90}),
        json!({"nbf": now + 90}),
        json!({"jti": null}),
    ] {
        not_let_in(&ask(&party, &good(&changes), &[]).await, &changes);
    }
    let claims = assertion_claims("machine", &issuer);
    let none = format!("{}.", &key.sign(&json!({"alg": "none"}), &claims).rsplit_once('.').unwrap().0);
    let public = key.jwk().to_string();
    for bad in [
        none,
        sign_hs256(public.as_bytes(), &json!({"alg": "HS256", "kid": key.kid}), &claims),
        ClientKey::new().sign(&json!({"alg": "ES256", "kid": key.kid}), &claims),
        key.sign(&json!({"alg": "ES256", "typ": "dpop+jwt", "kid": key.kid}), &claims),
        key.sign(&json!({"alg": "RS256", "kid": key.kid}), &claims),
        key.sign(&json!({"alg": "ES256", "jwk": key.jwk()}), &claims),
    ] {
        not_let_in(&ask(&party, &bad, &[]).await, &json!(bad));
    }
    let two = ask(&party, &good(&json!({})), &[("client_secret", "x")]).await;
    assert_eq!((two.status, two.word("error").as_str()), (400, "invalid_request"), "SEC-116");
    not_let_in(&ask(&party, &good(&json!({})), &[("client_id", "shop")]).await, &json!("another name"));
    for changes in
        [json!({"nbf": now + 8}), json!({"aud": [issuer]}), json!({"aud": format!("{issuer}/token")})]
    {
        let answer = ask(&party, &good(&changes), &[("client_id", "machine")]).await;
        assert_eq!(answer.status, 200, "{changes}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_secret_signs_assertions_without_being_sent() {
    let scene = Scene::new().await;
    let party = machine(&scene, "machine", "client_secret_jwt", &json!({}));
    let secret = party.secret.clone().unwrap();
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let claims = || assertion_claims("machine", party.line.issuer());
    let once = sign_hs256(secret.as_bytes(), &header, &claims());
    assert_eq!(ask(&party, &once, &[]).await.status, 200);
    not_let_in(&ask(&party, &once, &[]).await, &json!("replayed"));
    not_let_in(&ask(&party, &sign_hs256(b"another", &header, &claims()), &[]).await, &json!("wrong secret"));
    let basic = party.authenticated(Request::form("/token", &[("grant_type", "client_credentials")]));
    not_let_in(&party.line.send(basic).await, &json!("SEC-116: the secret itself"));
    // Nor does the database show it (SEC-115).
    assert!(!scene.server.database_bytes().windows(secret.len()).any(|part| part == secret.as_bytes()));
}
