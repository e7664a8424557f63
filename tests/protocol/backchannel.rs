//! Telling relying parties from server to server (Back-Channel Logout): who is told, of what, and how often.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::site::{Reply, Site};
use testkit::{RelyingParty, b64};

use crate::logout::Ground;

/// The claims of the logout tokens that a path was sent, verified.
async fn told(site: &Site, path: &str, client: &RelyingParty, count: usize) -> Vec<(Value, Value)> {
    let mut all = Vec::new();
    for seen in site.wait_for(path, count).await {
        assert_eq!(seen.method, "POST");
        let form = seen.form();
        let [(name, token)] = form.as_slice() else { panic!("not one field: {form:?}") };
        assert_eq!(name, "logout_token");
        assert!(seen.header("authorization").is_none() && seen.header("cookie").is_none());
        all.push(client.verify(token).await);
    }
    all
}

fn receiver(ground: &Ground, path: &str, reply: Reply) -> Value {
    ground.site.put(path, reply);
    json!({"backchannel_logout_uri": ground.site.url(path), "backchannel_logout_session_required": true})
}

async fn sign_out(ground: &Ground) {
    let page = ground.browser.get("/logout").await;
    assert!(ground.browser.submit(&page, &page.form("logout")).await.has("logged-out"));
}

#[tokio::test]
async fn every_client_of_the_session_is_told_with_a_token_of_its_own() {
    let ground = Ground::new().await;
    let shop = ground.client("shop", &receiver(&ground, "/shop", Reply::status(200)));
    let mut more = receiver(&ground, "/cafe", Reply::status(204));
    more["id_token_signed_response_alg"] = "RS256".into();
    let cafe = ground.client("cafe", &more);
    let quiet = ground.client("quiet", &json!({}));
    let of_shop = ground.sign_in(&shop).await;
    let of_cafe = ground.sign_in(&cafe).await;
    let _ = ground.sign_in(&quiet).await;
    // A second visit to the same client is no second notice.
    let _ = ground.sign_in(&shop).await;
    sign_out(&ground).await;
    for (path, client, tokens, alg) in
        [("/shop", &shop, &of_shop, "ES256"), ("/cafe", &cafe, &of_cafe, "RS256")]
    {
        let all = told(&ground.site, path, client, 1).await;
        assert_eq!(all.len(), 1, "{path}");
        let (header, claims) = &all[0];
        assert_eq!((&header["typ"], &header["alg"]), (&json!("logout+jwt"), &json!(alg)));
        assert_eq!(claims["aud"], client.client_id.as_str());
        assert_eq!((&claims["sub"], &claims["sid"]), (&tokens.claims["sub"], &tokens.claims["sid"]));
        assert_eq!(claims["events"], json!({"http://schemas.openid.net/event/backchannel-logout": {}}));
        assert!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap() <= 120);
        assert!(claims.get("nonce").is_none());
    }
    ground.audited(2).await;
}

#[tokio::test]
async fn a_disabled_account_is_told_of_too() {
    let ground = Ground::new().await;
    let shop = ground.client("shop", &receiver(&ground, "/shop", Reply::status(200)));
    let tokens = ground.sign_in(&shop).await;
    let _ = ground.server.command(&["user", "disable", "ada", "--json"]).done();
    let all = told(&ground.site, "/shop", &shop, 1).await;
    assert_eq!(all[0].1["sid"], tokens.claims["sid"]);
}

#[tokio::test]
async fn what_fails_is_tried_again_with_another_token_and_then_no_more() {
    let ground = Ground::new().await;
    let shop = ground.client("shop", &receiver(&ground, "/shop", Reply::status(503)));
    let _ = ground.sign_in(&shop).await;
    sign_out(&ground).await;
    let _ = told(&ground.site, "/shop", &shop, 1).await;
    let failed_at = Instant::now();
    ground.site.put("/shop", Reply::status(200));
    let all = told(&ground.site, "/shop", &shop, 2).await;
    assert!(failed_at.elapsed() > Duration::from_secs(3), "after a pause");
    assert_ne!(all[0].1["jti"], all[1].1["jti"], "a token is used once");
    ground.audited(1).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(ground.site.seen("/shop").len(), 2);
}

#[tokio::test]
async fn notices_outlive_a_killed_server() {
    let mut ground = Ground::new().await;
    // Nobody answers while the server lives.
    let shop = ground.client("shop", &receiver(&ground, "/shop", Reply::status(503)));
    let tokens = ground.sign_in(&shop).await;
    sign_out(&ground).await;
    let _ = ground.site.wait_for("/shop", 1).await;
    ground.server.kill();
    let before = ground.site.seen("/shop").len();
    ground.site.put("/shop", Reply::status(200));
    ground.server.run_again().await;
    let wait = async {
        while ground.site.seen("/shop").len() == before {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    // At worst it was claimed in the very moment: then its half minute has to pass.
    tokio::time::timeout(Duration::from_secs(50), wait).await.expect("delivered after the restart");
    let all = told(&ground.site, "/shop", &shop, before + 1).await;
    assert_eq!(all[before].1["sid"], tokens.claims["sid"]);
}

#[tokio::test]
async fn one_dead_receiver_does_not_hold_the_others() {
    let ground = Ground::new().await;
    let dead = Reply { after: Duration::from_secs(60), ..Reply::status(200) };
    let dead = ground.client("dead", &receiver(&ground, "/dead", dead));
    let shop = ground.client("shop", &receiver(&ground, "/shop", Reply::status(200)));
    // Many sessions of the dead one, then one of the living.
    let mut browsers = Vec::new();
    for _ in 0..12 {
        let browser = ground.server.browser();
        let tokens = ground.sign_in_with(&browser, &dead).await;
        browsers.push((browser, tokens));
    }
    let _ = ground.sign_in(&shop).await;
    for (browser, tokens) in &browsers {
        let hint = tokens.all["id_token"].as_str().unwrap();
        assert!(browser.get(&format!("/logout?id_token_hint={hint}")).await.has("logged-out"));
    }
    let begun = Instant::now();
    sign_out(&ground).await;
    let _ = told(&ground.site, "/shop", &shop, 1).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn sec_130_receivers_inside_are_not_called() {
    let ground = Ground::new().await;
    let inside = Site::start(&ground.authority);
    inside.put("/", Reply::status(200));
    let shop = ground.client("shop", &json!({"backchannel_logout_uri": inside.url("/")}));
    let _ = ground.sign_in(&shop).await;
    sign_out(&ground).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(inside.seen("/").is_empty(), "it is trusted and not allowed");
}

#[tokio::test]
async fn sec_119_a_logout_token_is_no_other_token() {
    let ground = Ground::new().await;
    let shop = ground.client("shop", &receiver(&ground, "/shop", Reply::status(200)));
    let _ = ground.sign_in(&shop).await;
    sign_out(&ground).await;
    let _ = told(&ground.site, "/shop", &shop, 1).await;
    let token = ground.site.seen("/shop")[0].form()[0].1.clone();
    assert_eq!(shop.userinfo(&token).await.status, 401);
    let _ = ground.sign_in(&shop).await;
    let page = ground.browser.get(&format!("/logout?id_token_hint={token}")).await;
    assert!(page.has("logout-confirm"), "it is no hint");
    let payload = token.split('.').nth(1).unwrap();
    assert!(!payload.is_empty() && b64(b"") != *payload);
}

impl Ground {
    /// Waits until so many notices are written down as told.
    async fn audited(&self, count: usize) {
        for _ in 0..100 {
            let entries = self.server.audit("logout.told").await;
            if entries.len() >= count {
                assert_eq!(entries.len(), count);
                assert!(entries.iter().all(|entry| entry.client.is_some() && entry.session.is_some()));
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not written down");
    }
}
