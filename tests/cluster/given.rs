//! Where the tests of several nodes begin.

use std::time::{Duration, Instant};

use testkit::wire::Answer;
use testkit::{Browser, Claim, Kind, Page, Phone, QrShown, RelyingParty, Server, Setup, Started, Tokens};

/// Nodes without limits of tries that wait for Redis as long as they may: for tests that are not about times.
pub(crate) fn patient(nodes: usize) -> Setup {
    Setup::cluster(nodes).set("limits.off", true).set("live.timeout_ms", 2_000)
}

/// Nodes, a user and a relying party.
pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) password: String,
    pub(crate) shop: RelyingParty,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with(Setup::cluster(3)).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let server = setup.start().await;
        let password = server.user("ada");
        let shop = server.client("shop");
        Self { server, password, shop }
    }

    /// A phone of ada's.
    pub(crate) async fn phone(&self) -> Phone {
        self.server.phone("ada", &self.password, Kind::App).await
    }

    /// The port of a node.
    pub(crate) fn port(&self, node: usize) -> u16 {
        self.server.nodes[node].port
    }

    /// The relying party, which talks to one node.
    pub(crate) fn shop_at(&self, node: usize) -> RelyingParty {
        let shop = self.shop();
        shop.line.go_to(self.port(node));
        shop
    }

    /// The relying party with a line of its own through nginx.
    pub(crate) fn shop(&self) -> RelyingParty {
        RelyingParty {
            line: self.server.browser(),
            client_id: self.shop.client_id.clone(),
            secret: self.shop.secret.clone(),
            redirect_uri: self.shop.redirect_uri.clone(),
            scope: self.shop.scope.clone(),
        }
    }

    /// A browser with its QR, shown by one node.
    pub(crate) async fn shown_by(&self, node: usize) -> Login {
        Login::start(self.server.browser_at(node), self.shop.start()).await
    }

    /// A browser with its QR, through nginx.
    pub(crate) async fn shown(&self) -> Login {
        Login::start(self.server.browser(), self.shop.start()).await
    }

    /// A browser that signed in by password, through nginx.
    pub(crate) async fn signed_in(&self) -> (Browser, Tokens) {
        let (browser, started) = (self.server.browser(), self.shop.start());
        let landed = browser.sign_in(&started.url, "ada", &self.password).await;
        let tokens = self.shop.exchange(&started, &landed).await;
        (browser, tokens)
    }

    /// What a silent request of this browser is answered with: a code, an error, nothing.
    pub(crate) async fn silently(&self, browser: &Browser) -> Page {
        browser.follow(&self.shop.start_with(&[("prompt", "none")]).url).await
    }
}

/// A sign-in by phone on its way.
pub(crate) struct Login {
    pub(crate) browser: Browser,
    pub(crate) started: Started,
    pub(crate) page: Page,
    pub(crate) qr: QrShown,
}

impl Login {
    pub(crate) async fn start(browser: Browser, started: Started) -> Self {
        let page = browser.follow(&started.url).await;
        assert_eq!(page.status(), 200, "login page: {}", page.html());
        let qr = browser.show_qr(&page).await;
        Self { browser, started, page, qr }
    }

    /// Claimed by a phone: the claim, and the code on the screen.
    pub(crate) async fn claimed_by(&self, phone: &Phone) -> (Claim, String) {
        let claim = phone.scan(&self.qr.url).await;
        (claim, self.browser.check_code(&self.page).await)
    }

    /// Claimed, approved and redeemed: tokens.
    pub(crate) async fn finish(&self, phone: &Phone, shop: &RelyingParty) -> Tokens {
        let (claim, code) = self.claimed_by(phone).await;
        phone.approve(&claim, &code).await;
        let landed = self.browser.redeem(&self.page).await;
        shop.exchange(&self.started, &landed).await
    }
}

/// Whether the answer gives a session.
pub(crate) fn gives_session(answer: &Answer) -> bool {
    answer.all("set-cookie").any(|line| line.starts_with("__Host-lb_session=") && !line.contains("=;"))
}

/// Refused: 503 and when to come back.
#[track_caller]
pub(crate) fn come_back(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text());
    let after = answer.header("retry-after").and_then(|value| value.parse::<u64>().ok());
    assert!(after.is_some_and(|seconds| (1..=60).contains(&seconds)), "{:?}", answer.headers);
    assert!(!gives_session(answer));
}

/// Waits until something is so, and says how long that took.
pub(crate) async fn becomes(what: &str, most: Duration, mut is_so: impl AsyncFnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < most, "{what}: not within {most:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let took = began.elapsed();
    println!("{what}: {took:?}");
    assert!(took < most + Duration::from_millis(500), "{what}: {took:?}, not within {most:?}");
    took
}
