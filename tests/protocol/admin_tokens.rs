//! Programs at the admin API: access tokens that are bound to a key, and the ends of API keys.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::key::changed;
use testkit::wire::{Answer, Request};
use testkit::{ClientKey, RelyingParty, Server, Setup, api_request};

use crate::admin_api::code;

/// A program whose tokens are bound to its key.
struct Bound {
    server: Server,
    machine: RelyingParty,
    key: ClientKey,
    resource: String,
    url: String,
}

impl Bound {
    async fn new() -> Self {
        let server = Setup::one_node().set("limits.factor", 1000).start().await;
        let resource = format!("{}/api/admin/v1", server.issuer);
        let machine = server.client_with(
            "machine",
            &json!({"grant_types": ["client_credentials"], "scope": "admin:sessions.read", "response_types": [],
                    "dpop_bound_access_tokens": true, "latchbolt_resources": [resource]}),
        );
        let url = format!("{resource}/sessions");
        Self { server, machine, key: ClientKey::new(), resource, url }
    }

    async fn asked(&self, proof: Option<&str>) -> Answer {
        let fields = [
            ("grant_type", "client_credentials"),
            ("scope", "admin:sessions.read"),
            ("resource", &self.resource),
        ];
        let mut request = self.machine.authenticated(Request::form("/token", &fields));
        if let Some(proof) = proof {
            request = request.header("dpop", proof);
        }
        self.machine.line.send(request).await
    }

    async fn token(&self) -> String {
        let at_token = format!("{}/token", self.server.issuer);
        let first = self.asked(Some(&self.key.proof("POST", &at_token, None, None))).await;
        let nonce = first.header("dpop-nonce").unwrap().to_owned();
        let answer = self.asked(Some(&self.key.proof("POST", &at_token, Some(&nonce), None))).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.word("token_type"), "DPoP");
        answer.word("access_token")
    }

    async fn call(&self, authorization: &str, proofs: &[&str]) -> Answer {
        let mut request = api_request("GET", "/sessions", None).header("authorization", authorization);
        for proof in proofs {
            request = request.header("dpop", proof);
        }
        self.server.browser().send(request).await
    }
}

#[tokio::test]
async fn sec_126_a_bound_token_opens_the_administration_with_its_keys_proof_alone() {
    let bound = Bound::new().await;
    assert_eq!(bound.asked(None).await.status, 400, "such a program gets no token without a proof");
    let token = bound.token().await;
    let dpop = format!("DPoP {token}");
    // The first proof learns the nonce that it has to hold.
    let first = bound.call(&dpop, &[&bound.key.proof("GET", &bound.url, None, Some(&token))]).await;
    assert_eq!(code(&first), (401, "use_dpop_nonce".to_owned()), "{}", first.text());
    let nonce = first.header("dpop-nonce").unwrap().to_owned();
    let proof = |key: &ClientKey, changes: &Value| {
        let claims = ClientKey::proof_claims("GET", &bound.url, Some(&nonce), Some(&token));
        key.sign(&key.proof_header(), &changed(claims, changes))
    };
    let none = json!({});
    let good = proof(&bound.key, &none);
    let answer = bound.call(&dpop, &[&good]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());

    let invalid = (401, "invalid_token".to_owned());
    let stranger = ClientKey::new();
    for (what, authorization, proofs) in [
        ("no proof", &dpop, vec![]),
        ("as if it were bound to nothing", &format!("Bearer {token}"), vec![]),
        ("as bearer, with a proof", &format!("Bearer {token}"), vec![proof(&bound.key, &none)]),
        ("another key", &dpop, vec![proof(&stranger, &none)]),
        ("the same proof again", &dpop, vec![good]),
        ("two proofs", &dpop, vec![proof(&bound.key, &none), proof(&bound.key, &none)]),
        ("for another method", &dpop, vec![proof(&bound.key, &json!({"htm": "POST"}))]),
        (
            "for another path",
            &dpop,
            vec![proof(&bound.key, &json!({"htu": format!("{}/userinfo", bound.server.issuer)}))],
        ),
        ("for another token", &dpop, vec![proof(&bound.key, &json!({"ath": "AAAA"}))]),
        ("for no token", &dpop, vec![proof(&bound.key, &json!({"ath": null}))]),
        ("an old one", &dpop, vec![proof(&bound.key, &json!({"iat": testkit::unix_now() - 3600}))]),
    ] {
        let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
        let answer = bound.call(authorization, &proofs).await;
        assert_eq!(code(&answer), invalid, "{what}: {}", answer.text());
    }
    // A token that is bound to nothing is not made better by a proof.
    let plain = bound.server.client_with(
        "plain",
        &json!({"grant_types": ["client_credentials"], "scope": "admin:sessions.read", "response_types": [],
                "latchbolt_resources": [bound.resource]}),
    );
    let fields = [("grant_type", "client_credentials"), ("resource", &bound.resource)];
    let bearer =
        plain.line.send(plain.authenticated(Request::form("/token", &fields))).await.word("access_token");
    let over = ClientKey::proof_claims("GET", &bound.url, Some(&nonce), Some(&bearer));
    let over = bound.key.sign(&bound.key.proof_header(), &over);
    assert_eq!(bound.call(&format!("Bearer {bearer}"), &[]).await.status, 200);
    assert_eq!(code(&bound.call(&format!("DPoP {bearer}"), &[&over]).await), invalid);
}

#[tokio::test]
async fn sec_184_an_api_key_ends_with_its_time_its_maker_and_at_once_when_revoked() {
    let server = Setup::one_node().set("limits.factor", 1000).start().await;
    let root = server.administrator("root", &["superadmin"]).await;
    let call = async |key: &str| {
        let request = api_request("GET", "/sessions", None).header("authorization", &format!("Bearer {key}"));
        server.browser().send(request).await
    };
    let invalid = (401, "invalid_token".to_owned());
    // By itself, at its time.
    let since = Instant::now();
    let short = server.api_key(&["sessions.read"], Duration::from_secs(3)).await;
    assert_eq!(call(&short).await.status, 200);
    loop {
        let answer = call(&short).await;
        let elapsed = since.elapsed();
        if answer.status != 200 {
            assert_eq!(code(&answer), invalid);
            assert!(elapsed > Duration::from_secs(2), "it ended after {elapsed:?}");
            break;
        }
        assert!(elapsed < Duration::from_secs(8), "it lives for {elapsed:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let listed = root.ask("GET", "/api-keys", None).await.json();
    assert_eq!(listed["items"][0]["state"], "expired", "{listed}");
    // A deed of an hour ago is no way around it: one that ended cannot be revoked back to life, or used as it was.
    let over = server.api_key(&["sessions.read"], Duration::ZERO).await;
    assert_eq!(code(&call(&over).await), invalid);
    // At once, when it is revoked: the next call is refused, and so is one after a restart.
    let made = async |who: &testkit::Administrator| {
        let body = json!({"name": "reader", "permissions": ["sessions.read"], "days": 1});
        let answer = who.ask("POST", "/api-keys", Some(&body)).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        (answer.word("id"), answer.word("key"))
    };
    let (id, key) = made(&root).await;
    let (_, kept) = made(&root).await;
    assert_eq!(call(&key).await.status, 200);
    assert_eq!(root.ask("DELETE", &format!("/api-keys/{id}"), None).await.status, 204);
    assert_eq!(code(&call(&key).await), invalid);
    assert_eq!(root.ask("DELETE", &format!("/api-keys/{id}"), None).await.status, 404);
    // What a key may ends with what its maker may, and the key with its maker's account.
    let other = server.administrator("other", &["superadmin"]).await;
    let (_, theirs) = made(&other).await;
    assert_eq!(call(&theirs).await.status, 200);
    let path = format!("/users/{}", other.account);
    let roles = root.request("PUT", &format!("{path}/roles"), Some(&json!({"roles": ["client_manager"]})));
    let done = root.browser.send(roles.header("if-match", "*")).await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(code(&call(&theirs).await), (403, "forbidden".to_owned()));
    let done = root.ask("POST", &format!("{path}/disable"), None).await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(code(&call(&theirs).await), invalid);
    let mut server = server;
    server.kill();
    server.run_again().await;
    let call = async |key: &str| {
        let request = api_request("GET", "/sessions", None).header("authorization", &format!("Bearer {key}"));
        server.browser().send(request).await
    };
    for over in [&key, &short, &over, &theirs] {
        assert_eq!(code(&call(over).await), invalid);
    }
    assert_eq!(call(&kept).await.status, 200);
}
