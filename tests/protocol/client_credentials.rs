//! Clients that act for themselves at `/token`.

use serde_json::json;
use testkit::wire::Request;

use crate::given::Scene;

#[tokio::test]
async fn sec_120_a_client_gets_a_token_for_one_resource_server() {
    let scene = Scene::new().await;
    let machine = scene.server.client_with(
        "machine",
        &json!({"grant_types": ["client_credentials"], "scope": "read write", "response_types": [],
                "latchbolt_resources": ["https://api.example"]}),
    );
    let ask = async |more: &[(&str, &str)]| {
        let mut fields = vec![("grant_type", "client_credentials")];
        fields.extend_from_slice(more);
        machine.line.send(machine.authenticated(Request::form("/token", &fields))).await
    };
    let answer = ask(&[("scope", "read"), ("resource", "https://api.example")]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let tokens = answer.json();
    assert_eq!((&tokens["scope"], &tokens["token_type"]), (&json!("read"), &json!("Bearer")));
    assert!(tokens["expires_in"].is_u64() && tokens.get("id_token").is_none());
    assert!(tokens.get("refresh_token").is_none());
    let (header, claims) = machine.verify(tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(
        (&claims["sub"], &claims["client_id"], &claims["aud"]),
        (&json!("machine"), &json!("machine"), &json!("https://api.example"))
    );
    for (more, error) in [
        (("scope", "openid"), "invalid_scope"),
        (("scope", "admin"), "invalid_scope"),
        (("resource", "https://other.example"), "invalid_target"),
    ] {
        let answer = ask(&[more]).await;
        assert_eq!((answer.status, answer.word("error").as_str()), (400, error), "{more:?}");
    }
    let shop = Request::form("/token", &[("grant_type", "client_credentials")]);
    let answer = scene.shop.line.send(scene.shop.authenticated(shop)).await;
    assert_eq!((answer.status, answer.word("error").as_str()), (400, "unauthorized_client"));
    // No person is behind it.
    let plain = ask(&[]).await.word("access_token");
    let answer = machine.userinfo(&plain).await;
    assert_eq!((answer.status, answer.word("error").as_str()), (403, "insufficient_scope"));
    assert!(answer.header("www-authenticate").is_some_and(|value| value.contains("scope=\"openid\"")));
}
