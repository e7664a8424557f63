//! Signing out by a relying party's request and by the person (RP-Initiated Logout; the modules of the official plan
//! are in `conformance`).

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::site::{Reply, Site};
use testkit::tls::Authority;
use testkit::wire::{Answer, Request, encode};
use testkit::{Browser, Page, RelyingParty, Server, Setup, Tokens};

/// A server that may call a relying party's site, a person, and a browser of theirs.
pub(crate) struct Ground {
    pub(crate) server: Server,
    pub(crate) site: Site,
    pub(crate) authority: Authority,
    pub(crate) browser: Browser,
    password: String,
    _papers: TempDir,
}

impl Ground {
    pub(crate) async fn new() -> Self {
        let authority = Authority::new();
        let site = Site::start(&authority);
        let papers = tempfile::tempdir().unwrap();
        let ca = papers.path().join("ca.pem");
        std::fs::write(&ca, authority.pem()).unwrap();
        let server = Setup::default()
            .set("outbound.extra_ca", ca.to_str().unwrap())
            .set("outbound.allow", vec![site.host()])
            .start()
            .await;
        let password = server.user("ada");
        let browser = server.browser();
        Self { server, site, authority, browser, password, _papers: papers }
    }

    /// A client that can be gone back to.
    pub(crate) fn client(&self, id: &str, more: &Value) -> RelyingParty {
        let mut all = json!({"post_logout_redirect_uris": [back(id)]});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.server.client_with(id, &all)
    }

    /// Signs in (or goes on, where that was done) with this client.
    pub(crate) async fn sign_in(&self, client: &RelyingParty) -> Tokens {
        self.sign_in_with(&self.browser, client).await
    }

    pub(crate) async fn sign_in_with(&self, browser: &Browser, client: &RelyingParty) -> Tokens {
        let started = client.start();
        let page = browser.follow(&started.url).await;
        let landed = match page.find_form("login") {
            Some(_) => browser.fill_in(&page, "ada", &self.password).await,
            None => page,
        };
        client.exchange(&started, &landed).await
    }

    pub(crate) async fn is_signed_in(&self, client: &RelyingParty) -> bool {
        self.browser.is_signed_in(&client.start_with(&[("prompt", "none")]).url).await
    }

    pub(crate) async fn logout(&self, fields: &[(&str, &str)]) -> Page {
        self.browser.get(&format!("/logout?{}", encode(fields))).await
    }
}

pub(crate) fn back(id: &str) -> String {
    format!("https://{id}.example/bye")
}

fn location(answer: &Answer) -> &str {
    answer.header("location").unwrap_or_default()
}

fn id_token(tokens: &Tokens) -> String {
    tokens.all["id_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn sec_134_a_hint_for_this_browsers_session_signs_out_at_once_and_for_good() {
    let ground = Ground::new().await;
    let shop = ground.client("shop", &json!({}));
    let tokens = ground.sign_in(&shop).await;
    let hint = id_token(&tokens);
    let old = ground.browser.cookie("__Host-lb_session").unwrap();
    let page = ground
        .logout(&[
            ("id_token_hint", &hint),
            ("post_logout_redirect_uri", &back("shop")),
            ("state", "a b+c%&"),
        ])
        .await;
    assert_eq!(page.status(), 303);
    assert_eq!(location(&page.answer), format!("{}?state=a%20b%2Bc%25%26", back("shop")));
    assert!(!ground.is_signed_in(&shop).await);
    // The cookie is gone from the browser, and opens nothing where it was kept.
    assert_eq!(ground.browser.cookie("__Host-lb_session"), None);
    assert_eq!(ground.browser.cookie("__Host-lb_state"), None);
    ground.browser.set_cookie("__Host-lb_session", &old);
    assert!(!ground.is_signed_in(&shop).await);
    // Its tokens ended with it.
    assert_eq!(shop.userinfo(&tokens.access_token).await.status, 401);
    assert_eq!(ground.server.audit("session.ended").await.len(), 1);
    // Whoever is signed out already is sent on as well, and asked nothing.
    let again = ground.logout(&[("id_token_hint", &hint), ("post_logout_redirect_uri", &back("shop"))]).await;
    assert_eq!(location(&again.answer), back("shop"));
}

#[tokio::test]
async fn sec_134_without_a_hint_of_this_session_nothing_ends_unasked() {
    let ground = Ground::new().await;
    let (shop, cafe) = (ground.client("shop", &json!({})), ground.client("cafe", &json!({})));
    let hint = id_token(&ground.sign_in(&shop).await);
    // Another person's, honestly come by, in another browser.
    let other = ground.server.user("eve");
    let eve = ground.server.browser();
    let started = shop.start();
    let landed = eve.sign_in(&started.url, "eve", &other).await;
    let foreign = id_token(&shop.exchange(&started, &landed).await);
    let (message, signature) = hint.rsplit_once('.').unwrap();
    let forged = format!("{message}.{}", signature.replace(|c: char| c.is_ascii_lowercase(), "A"));
    let (at, to) = (back("shop"), ("post_logout_redirect_uri", back("cafe")));
    for fields in [
        vec![],
        vec![("post_logout_redirect_uri", at.as_str())],
        vec![("client_id", "shop"), ("post_logout_redirect_uri", at.as_str())],
        vec![("id_token_hint", foreign.as_str()), ("post_logout_redirect_uri", at.as_str())],
        vec![("id_token_hint", forged.as_str()), ("post_logout_redirect_uri", at.as_str())],
        vec![("id_token_hint", "nonsense")],
        vec![("id_token_hint", "a.b.c.d.e"), ("post_logout_redirect_uri", at.as_str())],
        vec![("id_token_hint", hint.as_str()), (to.0, to.1.as_str())],
        vec![
            ("id_token_hint", hint.as_str()),
            ("client_id", "cafe"),
            ("post_logout_redirect_uri", at.as_str()),
        ],
        vec![("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", "https://evil.example/")],
        vec![("logout_hint", "ada")],
    ] {
        let page = ground.logout(&fields).await;
        assert_eq!(page.status(), 200, "{fields:?}");
        assert!(page.has("logout-confirm") && !page.has("logged-out"), "{fields:?}: {}", page.html());
        assert!(ground.is_signed_in(&shop).await, "{fields:?}");
    }
    // A yes signs out, and goes on only where that is proven to be wanted.
    let page = ground.logout(&[("post_logout_redirect_uri", &at)]).await;
    let done = ground.browser.submit(&page, &page.form("logout")).await;
    assert!(done.has("logged-out"), "{}", done.html());
    assert!(!ground.is_signed_in(&cafe).await);
}

#[tokio::test]
async fn a_hint_of_another_person_leads_on_after_a_yes() {
    let ground = Ground::new().await;
    let shop = ground.client("shop", &json!({}));
    let _ = ground.sign_in(&shop).await;
    let other = ground.server.user("eve");
    let eve = ground.server.browser();
    let started = shop.start();
    let landed = eve.sign_in(&started.url, "eve", &other).await;
    let foreign = id_token(&shop.exchange(&started, &landed).await);
    let fields =
        [("id_token_hint", foreign.as_str()), ("post_logout_redirect_uri", &back("shop")), ("state", "s")];
    let page = ground.logout(&fields).await;
    // The browser lets the form end there.
    assert!(
        page.answer
            .header("content-security-policy")
            .unwrap()
            .contains("form-action 'self' https://shop.example")
    );
    let done = ground.browser.submit_once(&page, &page.form("logout")).await;
    assert_eq!(location(&done), format!("{}?state=s", back("shop")));
    assert!(!ground.is_signed_in(&shop).await);
}

#[tokio::test]
async fn sec_134_other_sites_cannot_post_a_yes() {
    let ground = Ground::new().await;
    let shop = ground.client("shop", &json!({}));
    let hint = id_token(&ground.sign_in(&shop).await);
    let token = ground.browser.csrf();
    // With a token that was guessed, and with the right one from elsewhere.
    for (csrf, origin) in
        [("guessed", ground.browser.origin()), (token.as_str(), "https://evil.example".to_owned())]
    {
        let request = Request::form("/logout", &[("csrf", csrf)]).header("origin", &origin);
        assert_eq!(ground.browser.send(request).await.status, 403);
    }
    assert!(ground.is_signed_in(&shop).await);
    // What relying parties post is the same as what they ask by GET.
    let fields =
        [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", &back("shop")), ("state", "s")];
    let posted =
        Request::form("/logout", &fields).header("origin", "https://shop.example").header("cookie", "");
    let answer = ground.browser.send(posted).await;
    assert_eq!(answer.status, 303);
    assert!(ground.is_signed_in(&shop).await);
    let done = ground.browser.follow(location(&answer)).await;
    assert_eq!(done.url.as_str(), format!("{}?state=s", back("shop")));
    assert!(!ground.is_signed_in(&shop).await);
}

#[tokio::test]
async fn sec_109_a_disabled_client_is_not_gone_back_to() {
    let ground = Ground::new().await;
    let shop = ground.client("shop", &json!({}));
    let hint = id_token(&ground.sign_in(&shop).await);
    let _ = ground.server.command(&["client", "delete", "shop", "--json"]).done();
    let fields = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", &back("shop"))];
    let mut page = ground.logout(&fields).await;
    for _ in 0..20 {
        if page.status() == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        page = ground.logout(&fields).await;
    }
    assert_eq!(page.status(), 200, "{}", location(&page.answer));
}

#[tokio::test]
async fn bad_requests_are_a_page_that_says_so() {
    let ground = Ground::new().await;
    let long = "x".repeat(9000);
    for query in ["state=a&state=b", "id_token_hint=%ff", &format!("state={long}")] {
        let page = ground.browser.get(&format!("/logout?{query}")).await;
        assert_eq!(page.status(), 400, "{}", &query[..15]);
        assert_eq!(page.attribute("refused", "data-error").as_deref(), Some("invalid_request"));
    }
    let answer = ground.browser.send(Request::json("/logout", &json!({}))).await;
    assert_eq!(answer.status, 415);
    let answer = ground.browser.send(Request::new("HEAD", "/logout")).await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, POST")));
}

#[tokio::test]
async fn the_page_speaks_the_asked_language_also_after_the_question() {
    let ground = Ground::new().await;
    let shop = ground.client("shop", &json!({}));
    let _ = ground.sign_in(&shop).await;
    let page = ground.logout(&[("ui_locales", "de en")]).await;
    assert!(page.html().contains("Abmelden?"), "{}", page.html());
    assert_eq!(page.form("logout").value("ui_locales"), Some("de en"));
}

#[tokio::test]
async fn sec_134_dead_receivers_do_not_delay_the_person() {
    let ground = Ground::new().await;
    ground.site.put("/slow", Reply { after: Duration::from_secs(30), ..Reply::status(200) });
    let shop = ground.client("shop", &json!({"backchannel_logout_uri": ground.site.url("/slow")}));
    let hint = id_token(&ground.sign_in(&shop).await);
    let begun = Instant::now();
    let page = ground.logout(&[("id_token_hint", &hint), ("post_logout_redirect_uri", &back("shop"))]).await;
    assert_eq!(page.status(), 303);
    // Half a minute if it waited; a busy machine may need a moment.
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let _ = ground.site.wait_for("/slow", 1).await;
}

#[tokio::test]
async fn sec_124_signing_out_ends_the_refresh_tokens_of_the_session() {
    let ground = Ground::new().await;
    let more =
        json!({"grant_types": ["authorization_code", "refresh_token"], "scope": "openid offline_access"});
    let mut shop = ground.client("shop", &more);
    shop.scope = "openid offline_access".to_owned();
    let tokens = ground.sign_in(&shop).await;
    let refresh = tokens.all["refresh_token"].as_str().expect("a refresh token").to_owned();
    let _ = ground.logout(&[("id_token_hint", &id_token(&tokens))]).await;
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    let answer = shop.line.send(shop.authenticated(Request::form("/token", &fields))).await;
    assert_eq!((answer.status, answer.word("error").as_str()), (400, "invalid_grant"));
}
