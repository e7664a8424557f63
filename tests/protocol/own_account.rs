//! What owners do about their own account: what they say about themselves, a recovery that is not theirs, and a step that
//! cannot be met. From outside, without scripts.

use serde_json::json;
use testkit::{Administrator, Browser, Kind, Page, RelyingParty, Server};

const TABS: [&str; 8] = [
    "/account",
    "/account/devices",
    "/account/security",
    "/account/sessions",
    "/account/apps",
    "/account/activity",
    "/account/settings",
    "/account/lost",
];

struct Ground {
    server: Server,
    root: Administrator,
    shop: RelyingParty,
    password: String,
}

impl Ground {
    async fn new() -> Self {
        let server = Server::start().await;
        let root = server.administrator("root", &["superadmin"]).await;
        let shop = server.client_with("shop", &json!({"scope": "openid work"}));
        let password = server.user("ada");
        Self { server, root, shop, password }
    }

    /// Ada, signed in by her password.
    async fn ada(&self) -> Browser {
        let browser = self.server.browser();
        browser.sign_in(&self.shop.start().url, "ada", &self.password).await;
        browser
    }

    async fn ada_id(&self) -> String {
        let found = self.root.ask("GET", "/users?q=ada", None).await.json();
        found["items"][0]["id"].as_str().unwrap().to_owned()
    }

    async fn open_recovery(&self) {
        let body = json!({"user": "ada", "reason": "Lost the phone; identity card checked"});
        let opened = self.root.ask("POST", "/recoveries", Some(&body)).await;
        assert_eq!(opened.status, 201, "{}", opened.text());
    }

    async fn notices(&self, browser: &Browser) -> String {
        browser.get("/account/activity").await.html()
    }
}

/// A claim that its owner may set has a form; its limits hold, an edit of a page that is out of date is not written over
/// somebody else's, and relying parties are told what stands there.
#[tokio::test]
async fn owners_set_their_own_claims_on_the_account_page() {
    let ground = Ground::new().await;
    let owner = json!({
        "kind": "text", "scope": "work", "edited_by": "owner", "limits": {"longest": 12},
        "labels": {"en": "What to call me", "de": "Wie ich heiße"},
    });
    let admin = json!({"kind": "text", "scope": "work", "edited_by": "admin", "labels": {"en": "Rank"}});
    assert_eq!(ground.root.ask("PUT", "/claims/nick_here", Some(&owner)).await.status, 201);
    assert_eq!(ground.root.ask("PUT", "/claims/rank_here", Some(&admin)).await.status, 201);
    let browser = ground.ada().await;
    let page = browser.get("/account/settings").await;
    assert!(page.html().contains("What to call me") && !page.has("claim-rank_here"));

    let form = page.form("details").with("claim-nick_here", "longer than twelve");
    let bad = browser.submit(&page, &form).await;
    assert_eq!(bad.status(), 400);
    assert!(bad.alert().is_some());
    assert_eq!(bad.form("details").value("claim-nick_here"), Some("longer than twelve"), "as it was typed");
    // Fields that are not in the form are nothing.
    let form = bad.form("details").with("claim-nick_here", "Countess").with("claim-rank_here", "First");
    let done = browser.submit(&bad, &form).await;
    assert_eq!(done.status(), 200, "{}", done.html());
    assert!(done.has("done"));
    assert_eq!(done.form("details").value("claim-nick_here"), Some("Countess"));
    let late = browser.submit(&page, &page.form("details").with("claim-nick_here", "Late")).await;
    assert_eq!(late.status(), 409, "the account is another by now");
    assert_eq!(late.form("details").value("claim-nick_here"), Some("Countess"));
    assert!(ground.notices(&browser).await.contains("Your details were changed"));
    let told = ground.server.audit("account.changed").await;
    let told = told.iter().find(|entry| entry.detail.as_deref() == Some("nick_here")).unwrap();
    assert_eq!(told.actor.as_ref().map(ToString::to_string), Some(ground.ada_id().await));

    let started = ground.shop.start_with(&[("scope", "openid work")]);
    let landed = browser.follow(&started.url).await;
    let tokens = ground.shop.exchange(&started, &landed).await;
    let told = ground.shop.userinfo(&tokens.access_token).await.json();
    assert_eq!((&told["nick_here"], told.get("rank_here")), (&json!("Countess"), None));
}

/// Whoever is signed in sees a recovery of their account wherever they look, and calls it off with one button.
#[tokio::test]
async fn sec_086_an_owner_calls_off_a_recovery_from_every_page() {
    let ground = Ground::new().await;
    let browser = ground.ada().await;
    let stranger = ground.server.browser();
    ground.open_recovery().await;
    for path in TABS.into_iter().chain(["/recover"]) {
        let page = browser.get(path).await;
        assert!(page.has("recovery-running") && page.has("call-off"), "{path}");
    }
    let page = stranger.get("/recover").await;
    assert!(!page.has("recovery-running") && page.has("recover-help") && page.has("recover-sign-in"));

    // A form of another site does nothing.
    let page = browser.get("/account").await;
    let form = page.form("recovery-cancel");
    assert_ne!(browser.submit_once(&page, &form.clone().with("csrf", "guess")).await.status, 303);
    assert!(browser.get("/account").await.has("recovery-running"));
    let done = browser.submit(&page, &form).await;
    assert!(done.has("done") && !done.has("recovery-running"), "{}", done.html());
    assert!(!browser.get("/recover").await.has("recovery-running"));
    let again = browser.submit(&page, &form).await;
    assert!(again.has("done"), "twice is once");
    let told = ground.server.audit("recovery.cancelled").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].actor.as_ref().map(ToString::to_string), Some(ground.ada_id().await));
    assert!(ground.notices(&browser).await.contains("A recovery was cancelled"));

    // From the page of links as well.
    ground.open_recovery().await;
    let page: Page = browser.get("/recover").await;
    let done = browser.submit(&page, &page.form("recovery-cancel")).await;
    assert!(done.has("done"));
    let open = ground.root.ask("GET", "/recoveries?state=open", None).await.json();
    assert_eq!(open["items"], json!([]));
}

/// A password, one lost phone and no codes: the page says that nothing is left and where to go, and asks for nothing.
#[tokio::test]
async fn sec_086_whoever_has_nothing_left_is_led_to_the_way_out() {
    let ground = Ground::new().await;
    let phone = ground.server.phone("ada", &ground.password, Kind::App).await;
    let browser = ground.ada().await;
    let asked = async || {
        let page = browser.get("/phone/add").await;
        browser.submit(&page, &page.form("confirm")).await
    };
    let before = asked().await;
    assert!(before.find_form("login").is_some() && !before.has("way-out"), "the phone is at hand");
    let lost = ground
        .root
        .ask("POST", &format!("/devices/{}/lost", phone.device), Some(&json!({"reason": "lost"})))
        .await;
    assert_eq!(lost.status, 200, "{}", lost.text());
    let page = asked().await;
    assert_eq!(page.attribute("second-factor-page", "data-stage").as_deref(), Some("stuck"));
    assert!(
        page.has("way-out") && page.find_form("login").is_none() && page.find_form("second-factor").is_none()
    );
    let out = browser.follow("/recover").await;
    assert!(out.has("recover-help"));
    // Somebody else may sign in here all the same.
    let other = browser.follow(&format!("/login?journey={}&other=1", Browser::journey(&page))).await;
    assert!(other.find_form("login").is_some());
}
