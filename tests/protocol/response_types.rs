//! Response types at `/authorize`: off until registered, and where their answers stand.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testkit::{Page, RelyingParty, b64, sha256};

use crate::given::Scene;

const ALL: [&str; 6] =
    ["code", "id_token", "id_token token", "code id_token", "code token", "code id_token token"];

/// A client that registered all of them.
pub(crate) fn hybrid(scene: &Scene, id: &str) -> RelyingParty {
    scene
        .server
        .client_with(id, &json!({"grant_types": ["authorization_code", "implicit"], "response_types": ALL}))
}

/// The parameters in the fragment of where a browser landed.
pub(crate) fn fragment(page: &Page) -> BTreeMap<String, String> {
    let text = page.url.fragment().unwrap_or_default();
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

fn half(text: &str) -> Value {
    b64(&sha256(text.as_bytes())[..16]).into()
}

#[tokio::test]
async fn sec_106_response_types_are_off_until_registered() {
    let scene = Scene::new().await;
    for (response, error) in [
        ("id_token", "unauthorized_client"),
        ("code id_token", "unauthorized_client"),
        ("token", "unsupported_response_type"),
    ] {
        let started = scene.shop.start_with(&[("response_type", response)]);
        let landed = scene.browser.follow(&started.url).await;
        let told = fragment(&landed);
        assert_eq!(landed.url.query(), None, "{}", landed.url);
        assert_eq!((told["error"].as_str(), told["state"].as_str()), (error, started.state.as_str()));
        assert_eq!(told["iss"], scene.server.issuer);
    }
}

#[tokio::test]
async fn hybrid_and_implicit_answers_hold_what_they_say() {
    let scene = Scene::new().await;
    let client = hybrid(&scene, "hybrid");
    for response in &ALL[1..] {
        let started = client.start_with(&[("response_type", response), ("scope", "openid email")]);
        let landed = scene.browser.follow(&started.url).await;
        let got = fragment(&landed);
        assert_eq!(landed.url.query(), None, "{}", landed.url);
        let has = |word: &str| response.split(' ').any(|w| w == word);
        assert_eq!(got.contains_key("code"), has("code"), "{response}");
        assert_eq!(got.contains_key("access_token"), has("token"));
        assert_eq!(
            (got["state"].as_str(), got["iss"].as_str()),
            (started.state.as_str(), scene.server.issuer.as_str())
        );
        if has("id_token") {
            let (_, claims) = client.verify(&got["id_token"]).await;
            assert_eq!(claims["nonce"], started.nonce.as_str());
            assert_eq!(claims.get("c_hash"), got.get("code").map(|code| half(code)).as_ref());
            assert_eq!(claims.get("at_hash"), got.get("access_token").map(|token| half(token)).as_ref());
        }
        if has("token") {
            assert_eq!(client.userinfo(&got["access_token"]).await.status, 200);
        }
        if has("code") {
            let answer = client.redeem(&started, &got["code"]).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            // oidcc-codereuse-30seconds: what was given beside the code goes with it.
            assert_eq!(client.redeem(&started, &got["code"]).await.word("error"), "invalid_grant");
            if has("token") {
                assert_eq!(client.userinfo(&got["access_token"]).await.status, 401);
            }
        }
    }
}

#[tokio::test]
async fn oidcc_ensure_request_without_nonce() {
    let scene = Scene::new().await;
    let client = hybrid(&scene, "hybrid");
    for response in &ALL[1..] {
        let started = client.start_with(&[("response_type", response), ("nonce", "")]);
        let told = fragment(&scene.browser.follow(&started.url).await);
        let expected = (*response != "code token").then_some("invalid_request");
        assert_eq!(told.get("error").map(String::as_str), expected, "{response}");
    }
    // oidcc-response-type-missing: told in the query.
    let landed = scene.browser.follow(&client.start_with(&[("response_type", "")]).url).await;
    assert_eq!(landed.query("error").as_deref(), Some("invalid_request"));
}

#[tokio::test]
async fn oidcc_prompt_none_not_logged_in_stands_in_the_fragment() {
    let scene = Scene::new().await;
    let client = hybrid(&scene, "hybrid");
    let state = "s".repeat(512);
    let fields = [("response_type", "code id_token"), ("prompt", "none"), ("state", state.as_str())];
    let told = fragment(&scene.server.browser().follow(&client.start_with(&fields).url).await);
    assert_eq!((told["error"].as_str(), &told["state"]), ("login_required", &state));
}
