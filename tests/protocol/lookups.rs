//! `/introspect`, `/revoke`, and the forms of `/userinfo`.

use serde_json::json;
use testkit::wire::{Answer, Request};
use testkit::{RelyingParty, b64, random};

use crate::given::Scene;
use crate::refresh::{first, offline_party, refresh};

async fn ask(party: &RelyingParty, path: &str, token: &str) -> Answer {
    party.line.send(party.authenticated(Request::form(path, &[("token", token)]))).await
}

#[tokio::test]
async fn sec_120_introspection_tells_a_client_about_its_own_tokens() {
    let scene = Scene::new().await;
    let party = offline_party(&scene, "mail", &json!({"introspection_signed_response_alg": "ES256"}));
    let tokens = first(&scene, &party).await;
    let access = tokens["access_token"].as_str().unwrap();
    for token in [access, tokens["refresh_token"].as_str().unwrap()] {
        let answer = ask(&party, "/introspect", token).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
        let told = answer.json();
        assert_eq!((&told["active"], &told["client_id"]), (&json!(true), &json!("mail")), "{told}");
        assert!(told["exp"].is_u64() && told["sub"].is_string());
        assert_eq!(ask(&scene.shop, "/introspect", token).await.json(), json!({"active": false}));
    }
    let id_token = tokens["id_token"].as_str().unwrap();
    for none in [id_token, "x", &b64(&random::<52>())] {
        assert_eq!(ask(&party, "/introspect", none).await.json(), json!({"active": false}));
    }
    let signed = party.authenticated(Request::form("/introspect", &[("token", access)]));
    let signed = signed.header("accept", "application/token-introspection+jwt");
    let signed = party.line.send(signed).await;
    assert_eq!(signed.header("content-type"), Some("application/token-introspection+jwt"));
    let (header, claims) = party.verify(&signed.text()).await;
    assert_eq!(header["typ"], "token-introspection+jwt");
    assert_eq!((&claims["aud"], &claims["token_introspection"]["active"]), (&json!("mail"), &json!(true)));
}

#[tokio::test]
async fn sec_121_introspection_and_revocation_ask_who_asks() {
    let scene = Scene::new().await;
    let public = scene
        .server
        .client_with("app", &json!({"token_endpoint_auth_method": "none", "latchbolt_skip_consent": false}));
    let token = scene.tokens().await.access_token;
    for path in ["/introspect", "/revoke"] {
        let anonymous = public.line.send(Request::form(path, &[("token", &token)])).await;
        assert_eq!((anonymous.status, anonymous.word("error").as_str()), (401, "invalid_client"), "{path}");
        assert_eq!(scene.shop.line.send(Request::get(path)).await.status, 405);
        let missing = scene.shop.authenticated(Request::form(path, &[]));
        let missing = scene.shop.line.send(missing).await;
        assert_eq!((missing.status, missing.word("error").as_str()), (400, "invalid_request"));
    }
    let fields = [("token", token.as_str()), ("client_id", "app")];
    let asked = public.line.send(Request::form("/introspect", &fields)).await;
    assert_eq!((asked.status, asked.word("error").as_str()), (401, "invalid_client"));
    // A public client may give back, but only what is its own.
    assert_eq!(public.line.send(Request::form("/revoke", &fields)).await.status, 200);
    assert_eq!(scene.shop.userinfo(&token).await.status, 200);
}

#[tokio::test]
async fn sec_120_a_client_revokes_its_own_tokens_alone() {
    let scene = Scene::new().await;
    let party = offline_party(&scene, "mail", &json!({}));
    for which in ["access_token", "refresh_token"] {
        let tokens = first(&scene, &party).await;
        let access = tokens["access_token"].as_str().unwrap();
        let given = tokens[which].as_str().unwrap();
        assert_eq!(ask(&scene.shop, "/revoke", given).await.status, 200, "no error, and no effect");
        assert_eq!(party.userinfo(access).await.status, 200);
        assert_eq!(ask(&party, "/revoke", "unknown").await.status, 200);
        for _ in 0..2 {
            assert_eq!(ask(&party, "/revoke", given).await.status, 200);
        }
        assert_eq!(party.userinfo(access).await.status, 401);
        let again = refresh(&party, tokens["refresh_token"].as_str().unwrap(), &[]).await;
        assert_eq!((again.status, again.word("error").as_str()), (400, "invalid_grant"));
    }
}

#[tokio::test]
async fn userinfo_is_signed_for_those_that_registered_it() {
    let scene = Scene::new().await;
    let signing = scene.server.client_with("signing", &json!({"userinfo_signed_response_alg": "ES256"}));
    let started = signing.start();
    let landed = scene.browser.follow(&started.url).await;
    let tokens = signing.exchange(&started, &landed).await;
    let answer = signing.userinfo(&tokens.access_token).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/jwt")));
    let (_, claims) = signing.verify(&answer.text()).await;
    assert_eq!((&claims["aud"], &claims["sub"]), (&json!("signing"), &tokens.claims["sub"]));
    assert_eq!(claims["iss"], signing.line.issuer());
}

#[tokio::test]
async fn opaque_tokens_and_pairwise_subjects_hold_together() {
    let scene = Scene::new().await;
    let hidden = scene.server.client_with(
        "hidden",
        &json!({"latchbolt_access_token_format": "opaque", "subject_type": "pairwise"}),
    );
    let started = hidden.start();
    let landed = scene.browser.follow(&started.url).await;
    let tokens = hidden.exchange(&started, &landed).await;
    assert!(!tokens.access_token.contains('.'));
    let info = hidden.userinfo(&tokens.access_token).await.json();
    assert_eq!(info["sub"], tokens.claims["sub"]);
    assert_ne!(info["sub"], scene.tokens().await.claims["sub"]);
    let told = ask(&hidden, "/introspect", &tokens.access_token).await.json();
    assert_eq!((&told["active"], &told["sub"]), (&json!(true), &info["sub"]));
}

#[tokio::test]
async fn sec_135_scripts_of_other_sites_may_call_what_needs_no_cookie() {
    let scene = Scene::new().await;
    let line = &scene.shop.line;
    let origin = "https://shop.example";
    for (path, method) in [
        ("/token", "POST"),
        ("/userinfo", "GET"),
        ("/revoke", "POST"),
        ("/jwks", "GET"),
        ("/.well-known/openid-configuration", "GET"),
    ] {
        let preflight = Request::new("OPTIONS", path)
            .header("origin", origin)
            .header("access-control-request-method", method)
            .header("access-control-request-headers", "authorization, dpop");
        let answer = line.send(preflight).await;
        assert_eq!(answer.status, 204, "{path}: {}", answer.text());
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert!(answer.header("access-control-allow-headers").is_some_and(|value| value.contains("dpop")));
        assert!(answer.header("access-control-allow-methods").is_some_and(|value| value.contains(method)));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        let called = line.send(Request::new(method, path).header("origin", origin)).await;
        assert_eq!(called.header("access-control-allow-origin"), Some("*"), "{path}, also on errors");
        assert!(called.header("access-control-expose-headers").is_some_and(|v| v.contains("dpop-nonce")));
        assert_eq!(called.header("access-control-allow-credentials"), None);
    }
    for path in ["/introspect", "/authorize", "/login", "/consent", "/account"] {
        for request in [Request::get(path), Request::new("OPTIONS", path)] {
            let answer = line.send(request.header("origin", origin)).await;
            assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
        }
    }
    let tokens = scene.tokens().await;
    assert_eq!(scene.shop.userinfo(&tokens.access_token).await.header("cache-control"), Some("no-store"));
}
