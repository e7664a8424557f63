//! `/token`.

use serde_json::json;
use testkit::wire::Request;
use testkit::{RelyingParty, b64, basic, random};

use crate::given::Scene;

#[track_caller]
fn refused(answer: &testkit::wire::Answer, status: u16, error: &str) {
    assert_eq!((answer.status, answer.word("error").as_str()), (status, error), "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.json().get("access_token").is_none());
}

#[tokio::test]
async fn a_code_becomes_tokens() {
    let scene = Scene::new().await;
    let (started, code) = scene.code().await;
    let answer = scene.shop.redeem(&started, &code).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let tokens = scene.shop.check(&started, &answer).await;
    assert!(tokens.all["token_type"].as_str().unwrap().eq_ignore_ascii_case("bearer"));
    assert!(tokens.all["expires_in"].as_u64().is_some_and(|seconds| (30..=3600).contains(&seconds)));
    assert_eq!(tokens.header["alg"], "ES256");
    assert!(tokens.claims["sub"].is_string() && tokens.claims["sid"].is_string());
    assert!(tokens.claims.get("email").is_none(), "claims of scopes come from userinfo: {}", tokens.claims);
    // The access token is a JWT of RFC 9068.
    let (header, claims) = scene.shop.verify(&tokens.access_token).await;
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(claims["client_id"], "shop");
    assert!(claims["jti"].is_string() && claims["exp"].is_u64());
}

#[tokio::test]
async fn rs256_is_there_for_those_that_need_it() {
    let scene = Scene::new().await;
    let old = scene.server.client_with("old", &json!({"id_token_signed_response_alg": "RS256"}));
    let started = old.start();
    let landed = scene.browser.follow(&started.url).await;
    let tokens = old.exchange(&started, &landed).await;
    assert_eq!(tokens.header["alg"], "RS256");
}

#[tokio::test]
async fn sec_105_a_code_needs_its_verifier() {
    let scene = Scene::new().await;
    for verifier in ["", &b64(&random::<32>()), "x"] {
        let (_, code) = scene.code().await;
        let answer = scene.shop.redeem_with(&code, &scene.shop.redirect_uri, verifier).await;
        assert!(answer.status == 400, "{}", answer.text());
        assert!(["invalid_grant", "invalid_request"].contains(&answer.word("error").as_str()));
    }
    // The other direction: a verifier for a code that was made without a challenge (RFC 9700 §2.1.1).
    let started = scene.shop.start_with(&[("code_challenge", ""), ("code_challenge_method", "")]);
    let landed = scene.browser.follow(&started.url).await;
    if landed.query("code").is_some() {
        let code = scene.shop.code(&started, &landed);
        refused(&scene.shop.redeem(&started, &code).await, 400, "invalid_grant");
    }
}

#[tokio::test]
async fn sec_110_a_code_is_bound_to_client_and_redirect_uri() {
    let scene = Scene::new().await;
    let bank = scene.server.client("bank");
    let (started, code) = scene.code().await;
    refused(
        &bank.redeem_with(&code, &scene.shop.redirect_uri, &started.verifier).await,
        400,
        "invalid_grant",
    );
    let (started, code) = scene.code().await;
    let answer = scene.shop.redeem_with(&code, "https://shop.example/other", &started.verifier).await;
    refused(&answer, 400, "invalid_grant");
    for made_up in [b64(&random::<64>()), "x".to_owned(), format!("{code}A"), code[1..].to_owned()] {
        refused(&scene.shop.redeem(&started, &made_up).await, 400, "invalid_grant");
    }
}

#[tokio::test]
async fn sec_113_a_code_used_twice_takes_its_tokens_along() {
    let scene = Scene::new().await;
    let (started, code) = scene.code().await;
    let first = scene.shop.redeem(&started, &code).await;
    let token = first.word("access_token");
    assert_eq!(scene.shop.userinfo(&token).await.status, 200);
    refused(&scene.shop.redeem(&started, &code).await, 400, "invalid_grant");
    assert_eq!(
        scene.shop.userinfo(&token).await.status,
        401,
        "the first redeemer's token outlived the replay"
    );
    assert_eq!(scene.server.audit("code.replayed").await.len(), 1);
}

#[tokio::test]
async fn of_two_hundred_parallel_redeems_one_succeeds() {
    let scene = Scene::new().await;
    let (started, code) = scene.code().await;
    let tries: Vec<_> = (0..200)
        .map(|_| {
            let party = RelyingParty {
                line: scene.server.browser(),
                client_id: scene.shop.client_id.clone(),
                secret: scene.shop.secret.clone(),
                redirect_uri: scene.shop.redirect_uri.clone(),
                scope: String::new(),
            };
            let (started, code) = (started.clone(), code.clone());
            tokio::spawn(async move { party.redeem(&started, &code).await })
        })
        .collect();
    let mut won = Vec::new();
    for one in tries {
        let answer = one.await.unwrap();
        assert!(answer.status < 500, "{}", answer.text());
        if answer.status == 200 {
            won.push(answer.word("access_token"));
        }
    }
    assert_eq!(won.len(), 1);
    // The others were replays: the one token is revoked.
    assert_eq!(scene.shop.userinfo(&won[0]).await.status, 401);
}

#[tokio::test]
async fn clients_prove_themselves_in_their_registered_way() {
    let scene = Scene::new().await;
    let secret = scene.shop.secret.clone().unwrap();
    let (started, code) = scene.code().await;
    let form = |more: &[(&str, &str)]| {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", scene.shop.redirect_uri.as_str()),
            ("code_verifier", started.verifier.as_str()),
        ];
        fields.extend_from_slice(more);
        Request::form("/token", &fields)
    };
    let send = async |request: Request| scene.shop.line.send(request).await;
    let wrong = send(form(&[]).header("authorization", &basic("shop", "wrong"))).await;
    refused(&wrong, 401, "invalid_client");
    assert!(wrong.header("www-authenticate").is_some_and(|value| value.starts_with("Basic")));
    refused(&send(form(&[])).await, 401, "invalid_client");
    refused(&send(form(&[("client_id", "shop")])).await, 401, "invalid_client");
    refused(&send(form(&[]).header("authorization", &basic("nobody", &secret))).await, 401, "invalid_client");
    refused(&send(form(&[]).header("authorization", "Basic %%%")).await, 401, "invalid_client");
    // Registered for Basic: the form is another way, and two ways at once are none.
    refused(&send(form(&[("client_id", "shop"), ("client_secret", &secret)])).await, 401, "invalid_client");
    let both = form(&[("client_id", "shop"), ("client_secret", &secret)])
        .header("authorization", &basic("shop", &secret));
    let both = send(both).await;
    assert!(both.status == 400 || both.status == 401, "{}", both.text());
    let other = send(form(&[("client_id", "bank")]).header("authorization", &basic("shop", &secret))).await;
    assert!(other.status == 400 || other.status == 401, "{}", other.text());
    // None of these spent the code.
    let right = send(form(&[]).header("authorization", &basic("shop", &secret))).await;
    assert_eq!(right.status, 200, "{}", right.text());
}

#[tokio::test]
async fn post_and_public_clients_are_served() {
    let scene = Scene::new().await;
    let posting =
        scene.server.client_with("posting", &json!({"token_endpoint_auth_method": "client_secret_post"}));
    let started = posting.start();
    let code = posting.code(&started, &scene.browser.follow(&started.url).await);
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", posting.redirect_uri.as_str()),
        ("code_verifier", started.verifier.as_str()),
        ("client_id", "posting"),
        ("client_secret", posting.secret.as_deref().unwrap()),
    ];
    assert_eq!(posting.line.send(Request::form("/token", &fields)).await.status, 200);

    let public = scene.server.client_with(
        "public",
        &json!({"token_endpoint_auth_method": "none", "latchbolt_skip_consent": false}),
    );
    assert!(public.secret.is_none());
    let started = public.start();
    let page = scene.browser.follow(&started.url).await;
    // SEC-108: people are always asked for public clients.
    let form = page.form("consent");
    let landed = scene.browser.submit(&page, &testkit::press(&page, &form, "consent-allow")).await;
    public.exchange(&started, &landed).await;
}

#[tokio::test]
async fn malformed_requests_are_refused_in_words() {
    let scene = Scene::new().await;
    let (started, code) = scene.code().await;
    let authenticated = |request: Request| scene.shop.authenticated(request);
    let send = async |request: Request| scene.shop.line.send(authenticated(request)).await;
    refused(&send(Request::form("/token", &[])).await, 400, "invalid_request");
    refused(
        &send(Request::form("/token", &[("grant_type", "password")])).await,
        400,
        "unsupported_grant_type",
    );
    let answer = send(Request::form("/token", &[("grant_type", "authorization_code")])).await;
    refused(&answer, 400, "invalid_request");
    // Twice the same parameter.
    let mut twice =
        Request::form("/token", &[("grant_type", "authorization_code"), ("code", &code), ("code", &code)]);
    twice.body.extend_from_slice(format!("&code_verifier={}", started.verifier).as_bytes());
    refused(&send(twice).await, 400, "invalid_request");
    // Not a form; in the query; by GET.
    let json = Request::json("/token", &json!({"grant_type": "authorization_code", "code": code}));
    assert!((400..500).contains(&send(json).await.status));
    let query = Request::form(&format!("/token?code={code}"), &[("grant_type", "authorization_code")]);
    assert!((400..500).contains(&send(query).await.status));
    assert_eq!(send(Request::get("/token")).await.status, 405);
    assert_eq!(scene.shop.redeem(&started, &code).await.status, 200, "none of these spent the code");
}
