//! Telling relying parties by frames (Front-Channel Logout), in browsers of every age.

use serde_json::json;

use crate::logout::{Ground, back};

#[tokio::test]
async fn a_page_frames_the_clients_of_the_session_and_goes_on_in_every_browser() {
    let ground = Ground::new().await;
    let front = |path: &str| json!({"frontchannel_logout_uri": format!("https://{path}.example/out?own=1")});
    let (shop, cafe) = (ground.client("shop", &front("shop")), ground.client("cafe", &front("cafe")));
    let _elsewhere = ground.client("never", &front("never"));
    let tokens = ground.sign_in(&shop).await;
    let _ = ground.sign_in(&cafe).await;
    let hint = tokens.all["id_token"].as_str().unwrap();
    let fields = [("id_token_hint", hint), ("post_logout_redirect_uri", &back("shop")), ("state", "\"a\"&b")];
    let page = ground.logout(&fields).await;
    assert_eq!(page.status(), 200);
    let mut frames = page.all("iframe", "src");
    frames.sort();
    let (issuer, sid) = (ground.browser.issuer(), tokens.claims["sid"].as_str().unwrap());
    let tail = testkit::wire::encode(&[("iss", issuer), ("sid", sid)]);
    assert_eq!(frames.len(), 2);
    for (frame, host) in frames.iter().zip(["cafe", "shop"]) {
        let (base, query) = frame.split_once("?own=1&").expect("its own query stays");
        assert_eq!(base, format!("https://{host}.example/out"));
        assert_eq!(
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect::<Vec<_>>(),
            url::form_urlencoded::parse(tail.as_bytes()).into_owned().collect::<Vec<_>>()
        );
    }
    let policy = page.answer.header("content-security-policy").unwrap();
    let sources = policy.split(';').find_map(|part| part.trim().strip_prefix("frame-src ")).unwrap();
    let mut sources: Vec<&str> = sources.split(' ').collect();
    sources.sort_unstable();
    assert_eq!(sources, ["https://cafe.example", "https://shop.example"]);
    assert!(policy.contains("frame-ancestors 'none'"));
    // On without a script, with an old one, and by hand: to the same place.
    let onward = format!("{}?state=%22a%22%26b", back("shop"));
    assert!(page.all("meta", "content").contains(&format!("2;url={onward}")), "{}", page.html());
    assert_eq!(page.attribute("logout-go-on", "href").as_deref(), Some(onward.as_str()));
    let script = page.all("script", "src").pop().unwrap();
    let text = ground.browser.get(&script).await.html();
    for modern in ["=>", "const ", "let ", "`", "async ", "?.", "import "] {
        assert!(!text.contains(modern), "{modern:?} in {text}");
    }
    assert!(text.contains("window.onload") && text.contains("2000"));
    // It is done already, whatever the frames do.
    assert!(!ground.is_signed_in(&shop).await);
    assert_eq!(ground.browser.cookie("__Host-lb_session"), None);
}

#[tokio::test]
async fn without_a_place_to_go_to_the_page_ends_at_signed_out() {
    let ground = Ground::new().await;
    let shop = ground.client("shop", &json!({"frontchannel_logout_uri": "https://shop.example/out"}));
    let _ = ground.sign_in(&shop).await;
    let page = ground.browser.get("/logout").await;
    let page = ground.browser.submit(&page, &page.form("logout")).await;
    assert_eq!(page.all("iframe", "src").len(), 1);
    let onward = page.attribute("logout-go-on", "href").unwrap();
    assert!(ground.browser.follow(&onward).await.has("logged-out"));
}
