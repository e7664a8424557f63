//! Proof of possession at `/token` and `/userinfo` (RFC 9449).

use serde_json::{Value, json};
use testkit::key::changed;
use testkit::wire::{Answer, Request};
use testkit::{ClientKey, RelyingParty, unix_now};

use crate::given::Scene;

/// A code, redeemed with this proof.
async fn redeem(scene: &Scene, proof: &str) -> Answer {
    let (started, code) = scene.code().await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", scene.shop.redirect_uri.as_str()),
        ("code_verifier", started.verifier.as_str()),
    ];
    let request = scene.shop.authenticated(Request::form("/token", &fields)).header("dpop", proof);
    scene.shop.line.send(request).await
}

async fn userinfo(party: &RelyingParty, scheme: &str, token: &str, proofs: &[&str]) -> Answer {
    let mut request = Request::get("/userinfo").header("authorization", &format!("{scheme} {token}"));
    for proof in proofs {
        request = request.header("DPoP", proof);
    }
    party.line.send(request).await
}

struct Bound {
    scene: Scene,
    key: ClientKey,
    token: String,
    nonce: String,
    url: String,
}

impl Bound {
    async fn new() -> Self {
        let scene = Scene::new().await;
        let key = ClientKey::new();
        let issuer = scene.shop.line.issuer().to_owned();
        let at_token = format!("{issuer}/token");
        let first = redeem(&scene, &key.proof("POST", &at_token, None, None)).await;
        assert_eq!((first.status, first.word("error").as_str()), (400, "use_dpop_nonce"), "{}", first.text());
        let nonce = first.header("dpop-nonce").unwrap().to_owned();
        let answer = redeem(&scene, &key.proof("POST", &at_token, Some(&nonce), None)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.header("dpop-nonce").is_some(), "also on success");
        assert_eq!(answer.json()["token_type"], "DPoP");
        let token = answer.word("access_token");
        let (_, claims) = scene.shop.verify(&token).await;
        assert_eq!(claims["cnf"]["jkt"], key.thumbprint());
        Self { scene, key, token, nonce, url: format!("{issuer}/userinfo") }
    }

    fn claims(&self, changes: &Value) -> Value {
        changed(ClientKey::proof_claims("GET", &self.url, Some(&self.nonce), Some(&self.token)), changes)
    }

    fn proof(&self, header: &Value, changes: &Value) -> String {
        self.key.sign(&changed(self.key.proof_header(), header), &self.claims(changes))
    }

    async fn ask(&self, proofs: &[&str]) -> Answer {
        userinfo(&self.scene.shop, "DPoP", &self.token, proofs).await
    }
}

#[tokio::test]
async fn sec_126_userinfo_refuses_what_proves_nothing() {
    let bound = Bound::new().await;
    let none = json!({});
    let refused = async |proofs: &[&str], why: &Value| {
        let answer = bound.ask(proofs).await;
        assert!([400, 401].contains(&answer.status), "{why}: {} {}", answer.status, answer.text());
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with("DPoP "), "{why}: {challenge}");
    };
    let good = || bound.proof(&none, &none);
    assert_eq!(bound.ask(&[&good()]).await.status, 200);
    refused(&[&good(), &good()], &json!("two headers")).await;
    refused(&[], &json!("none")).await;
    refused(&["x.y.z"], &json!("malformed")).await;
    for header in [
        json!({"typ": null}),
        json!({"typ": "JWT"}),
        json!({"alg": null}),
        json!({"alg": "none"}),
        json!({"alg": "RS256"}),
        json!({"alg": "HS256"}),
        json!({"jwk": null}),
        json!({"jwk": ClientKey::new().proof_header()["jwk"]}),
        json!({"jwk": changed(bound.key.jwk(), &json!({"d": "AAAA"}))}),
    ] {
        refused(&[&bound.proof(&header, &none)], &header).await;
    }
    for claims in [
        json!({"jti": null}),
        json!({"htm": null}),
        json!({"htm": "POST"}),
        json!({"htu": null}),
        json!({"htu": format!("{}x", bound.url)}),
        json!({"htu": "https://other.example/userinfo"}),
        json!({"iat": null}),
        json!({"iat": unix_now() - 3_600}),
        json!({"iat": unix_now() + 3_600}),
        json!({"ath": null}),
        json!({"ath": "AAAA"}),
    ] {
        refused(&[&bound.proof(&none, &claims)], &claims).await;
    }
    let other = ClientKey::new();
    refused(&[&other.sign(&other.proof_header(), &bound.claims(&none))], &json!("another key")).await;
    let used = good();
    assert_eq!(bound.ask(&[&used]).await.status, 200);
    refused(&[&used], &json!("used before")).await;
    let stale = bound.ask(&[&bound.proof(&none, &json!({"nonce": "x"}))]).await;
    assert_eq!((stale.status, stale.word("error").as_str()), (401, "use_dpop_nonce"));
    assert!(stale.header("dpop-nonce").is_some());
    // Not as if it were bound to nothing.
    let bearer = userinfo(&bound.scene.shop, "Bearer", &bound.token, &[&good()]).await;
    assert_eq!((bearer.status, bearer.word("error").as_str()), (401, "invalid_token"));
}

#[tokio::test]
async fn sec_126_userinfo_takes_what_means_the_same() {
    let bound = Bound::new().await;
    let none = json!({});
    let upper = bound.url.replace("http://", "HTTP://").replace("localhost", "LOCALHOST");
    for claims in [
        none.clone(),
        json!({"htu": format!("{}?a=b#c", bound.url)}),
        json!({"htu": upper}),
        json!({"iat": unix_now() - 10}),
        json!({"iat": unix_now() + 10}),
        json!({"nbf": unix_now(), "exp": unix_now() + 60, "more": [1]}),
    ] {
        for scheme in ["DPoP", "dpop", "DPOP"] {
            let proof = bound.proof(&none, &claims);
            let answer = userinfo(&bound.scene.shop, scheme, &bound.token, &[&proof]).await;
            assert_eq!(answer.status, 200, "{claims} {scheme}: {}", answer.text());
            assert!(answer.header("dpop-nonce").is_some());
        }
    }
}

#[tokio::test]
async fn sec_126_a_client_that_must_prove_gets_nothing_without() {
    let scene = Scene::new().await;
    let bank = scene.server.client_with("bank", &json!({"dpop_bound_access_tokens": true}));
    let started = bank.start();
    let landed = scene.browser.follow(&started.url).await;
    let answer = bank.redeem(&started, &bank.code(&started, &landed)).await;
    assert_eq!(
        (answer.status, answer.word("error").as_str()),
        (400, "invalid_dpop_proof"),
        "{}",
        answer.text()
    );
}
