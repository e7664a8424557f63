//! A server that takes apps made for CAS, an app, and browsers that wait for it.

use serde_json::{Value, json};
use testkit::wire::{Answer, Request};
use testkit::{Browser, Page, Setup};

use super::super::{FORUM, Ground, forum, location, login, service};
use super::raw::{RAW, Stomp};

pub const DEVICE: &str = "QR_AUTHENTICATION_DEVICE_ID";
pub const CHANNEL: &str = "QR_AUTHENTICATION_CHANNEL_ID";

/// Ada, whose app is registered, and a forum that takes such apps. `wiki` does not.
pub struct Apps {
    pub ground: Ground,
    /// The app's registration.
    pub device: String,
}

/// What a browser shows.
pub struct Shown {
    pub browser: Browser,
    pub page: Page,
    pub channel: String,
}

impl Apps {
    pub async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    pub async fn with(setup: Setup) -> Self {
        let setup = setup.set("cas_qr.enabled", true).set("log.level", "debug");
        let ground = Ground::with(setup, |_| {
            let mut forum = forum();
            forum.metadata.takes_cas_apps = true;
            vec![forum, service("wiki", |_| {})]
        })
        .await;
        let apps = Self { ground, device: String::new() };
        let device = apps.register("ada", "Adas-App");
        Self { device, ..apps }
    }

    /// Registers an app; answers its id here.
    pub fn register(&self, user: &str, name: &str) -> String {
        let added =
            self.ground.server.command(&["device", "add", "--user", user, "--cas-id", name, "--json"]);
        added.done().json()["id"].as_str().unwrap().to_owned()
    }

    /// `POST /cas/v1/tickets` as an app sends it.
    pub async fn ask_token(&self, fields: &[(&str, &str)]) -> Answer {
        self.ground.server.browser().send(Request::form("/cas/v1/tickets", fields)).await
    }

    pub async fn token_of(&self, username: &str, password: &str, device: &str) -> Answer {
        let fields = [("username", username), ("password", password), ("token", "true"), (DEVICE, device)];
        self.ask_token(&fields).await
    }

    pub async fn token(&self) -> String {
        let made = self.token_of("ada", &self.ground.password, "Adas-App").await;
        assert_eq!(
            (made.status, made.header("content-type")),
            (201, Some("text/plain;charset=UTF-8")),
            "{}",
            made.text()
        );
        made.text()
    }

    /// A new browser at the forum's sign-in page, with a code.
    pub async fn shown(&self) -> Shown {
        self.shown_in(self.ground.server.browser()).await
    }

    pub async fn shown_in(&self, browser: Browser) -> Shown {
        let page = browser.follow(&login(&[("service", FORUM)])).await;
        let channel = code(&browser, &page).await;
        Shown { browser, page, channel }
    }

    /// An app approves and hangs up as stompjs does. It is told nothing but receipts.
    pub async fn approve(&self, channel: &str, device: &str, token: &str) {
        self.approve_from(&self.ground.server.browser(), channel, device, token).await;
    }

    pub async fn approve_from(&self, line: &Browser, channel: &str, device: &str, token: &str) {
        let mut app = Stomp::connect(line, RAW, "1.2,1.1,1.0").await;
        app.accept(channel, device, &json!({"token": token}).to_string()).await;
        app.say("DISCONNECT", &[("receipt", "close-1")], "").await;
        app.receipt("close-1").await;
        assert_eq!(app.closed().await, 1000);
    }

    /// What a listener is told of this approval.
    pub async fn told(&self, shown: &Shown, device: &str, token: &str) -> Value {
        let mut page = shown.listen().await;
        self.approve(&shown.channel, device, token).await;
        page.frame().await.json()
    }

    /// A good approval: the handle.
    pub async fn handle(&self, shown: &Shown, token: &str) -> String {
        let told = self.told(shown, "Adas-App", token).await;
        assert_eq!((&told["success"], &told["deviceId"]), (&json!("true"), &json!("adas-app")), "{told}");
        told["token"].as_str().unwrap().to_owned()
    }

    /// From the sign-in page to a session, in a new browser.
    pub async fn signed_in(&self) -> (Browser, Page) {
        let shown = self.shown().await;
        let handle = self.handle(&shown, &self.token().await).await;
        let landed = shown.finish(&handle).await;
        (shown.browser, landed)
    }
}

/// What `POST /cas/login/code` answers to the page's script.
pub async fn ask_code(browser: &Browser, page: &Page, more: &[(&str, &str)]) -> Answer {
    let (csrf, journey) = (page.csrf().unwrap_or_default(), Browser::journey(page));
    let fields = [&[("journey", journey.as_str()), ("csrf", csrf.as_str())][..], more].concat();
    browser.send(browser.same_origin(Request::form("/cas/login/code", &fields))).await
}

pub async fn code(browser: &Browser, page: &Page) -> String {
    let shown = ask_code(browser, page, &[]).await;
    assert_eq!((shown.status, shown.header("cache-control")), (200, Some("no-store")), "{}", shown.text());
    shown.word("channel")
}

impl Shown {
    /// Listens as the page does.
    pub async fn listen(&self) -> Stomp {
        let mut socket = Stomp::connect(&self.browser, RAW, "1.2").await;
        socket.subscribe(&self.channel).await;
        socket
    }

    /// The page's hidden form with what its script fills in.
    pub async fn redeem_in(&self, browser: &Browser, handle: &str, device: &str) -> Answer {
        let form = self.page.form("qrform").with("token", handle).with("deviceId", device);
        browser.submit_once(&self.page, &form).await
    }

    pub async fn redeem(&self, handle: &str, device: &str) -> Answer {
        self.redeem_in(&self.browser, handle, device).await
    }

    /// The question that follows, as a page.
    pub async fn question(&self, handle: &str) -> Page {
        let answer = self.redeem(handle, "Adas-App").await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        let page = self.browser.follow(location(&answer)).await;
        assert!(page.find_form("cas-confirm-form").is_some(), "{} {}", page.status(), page.html());
        page
    }

    /// Redeems and says yes.
    pub async fn finish(&self, handle: &str) -> Page {
        let page = self.question(handle).await;
        let form = page.form("cas-confirm-form").with("answer", "yes");
        self.browser.submit(&page, &form).await
    }

    /// A handle that is nothing here: the sign-in page again, and nobody signed in.
    pub async fn refuses(&self, handle: &str, device: &str) {
        let answer = self.redeem(handle, device).await;
        assert_eq!((answer.status, location(&answer)), (401, ""), "{}", answer.text());
        assert!(self.browser.cookie("__Host-lb_session").is_none());
    }
}

impl Stomp {
    /// SEND to `/qr/accept`, and its receipt.
    pub async fn accept(&mut self, channel: &str, device: &str, body: &str) {
        let length = body.len().to_string();
        let headers = [
            ("destination", "/qr/accept"),
            (CHANNEL, channel),
            (DEVICE, device),
            ("receipt", "sent"),
            ("content-length", &length),
        ];
        self.say("SEND", &headers, body).await;
        self.receipt("sent").await;
    }
}
