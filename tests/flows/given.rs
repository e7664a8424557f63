//! Where most tests begin.

use std::time::{Duration, Instant};

use testkit::wire::Answer;
use testkit::{Browser, Claim, Kind, Page, Phone, QrShown, RelyingParty, Server, Setup, Started};

/// A server, a user and a relying party.
pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) password: String,
    pub(crate) shop: RelyingParty,
}

/// A browser that shows a QR code.
pub(crate) struct Waiting {
    pub(crate) browser: Browser,
    pub(crate) started: Started,
    pub(crate) page: Page,
    pub(crate) qr: QrShown,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let server = setup.start().await;
        let password = server.user("ada");
        let shop = server.client("shop");
        Self { server, password, shop }
    }

    /// A phone of ada's.
    pub(crate) async fn phone(&self, kind: Kind) -> Phone {
        self.server.phone("ada", &self.password, kind).await
    }

    /// A phone of another person's.
    pub(crate) async fn phone_of(&self, name: &str) -> Phone {
        let password = self.server.user(name);
        self.server.phone(name, &password, Kind::App).await
    }

    /// A new browser at the login page with its QR code.
    pub(crate) async fn waiting(&self) -> Waiting {
        self.waiting_in(self.server.browser()).await
    }

    /// The same in a browser of choice.
    pub(crate) async fn waiting_in(&self, browser: Browser) -> Waiting {
        Waiting::start(browser, &self.shop).await
    }

    /// Whether a browser is signed in, asked silently.
    pub(crate) async fn is_signed_in(&self, browser: &Browser) -> bool {
        browser.is_signed_in(&self.shop.start_with(&[("prompt", "none")]).url).await
    }

    /// Waits until no node takes the browser for signed in: five seconds at most (SEC-153).
    pub(crate) async fn is_signed_out(&self, browser: &Browser) {
        let since = Instant::now();
        // Whichever node answers: so often that each of three has.
        let mut refused = 0;
        while refused < 6 {
            refused = if self.is_signed_in(browser).await { 0 } else { refused + 1 };
            assert!(since.elapsed() < Duration::from_secs(5), "still signed in");
        }
    }
}

impl Waiting {
    pub(crate) async fn start(browser: Browser, shop: &RelyingParty) -> Self {
        Self::start_at(browser, shop.start()).await
    }

    pub(crate) async fn start_at(browser: Browser, started: Started) -> Self {
        let page = browser.follow(&started.url).await;
        assert_eq!(page.status(), 200, "login page: {}", page.html());
        let qr = browser.show_qr(&page).await;
        Self { browser, started, page, qr }
    }

    /// Claimed by a phone: the claim and the code on the screen.
    pub(crate) async fn claimed_by(&self, phone: &Phone) -> (Claim, String) {
        let claim = phone.scan(&self.qr.url).await;
        let code = self.browser.check_code(&self.page).await;
        (claim, code)
    }

    /// Approved by a phone.
    pub(crate) async fn approved_by(&self, phone: &Phone) -> Claim {
        let (claim, code) = self.claimed_by(phone).await;
        phone.approve(&claim, &code).await;
        claim
    }

    /// The state word, by polling.
    pub(crate) async fn state(&self) -> String {
        let answer = self.browser.poll(&self.page).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.word("state")
    }

    /// Goes on after the approval; where that leads.
    pub(crate) async fn redeem(&self) -> Page {
        self.browser.redeem(&self.page).await
    }
}

/// Refused: a 4xx, no new session.
#[track_caller]
pub(crate) fn refused(answer: &Answer) {
    assert!((400..500).contains(&answer.status), "not refused: {} {}", answer.status, answer.text());
    assert!(
        !answer.all("set-cookie").any(|line| line.starts_with("__Host-lb_session=") && !line.contains("=;")),
        "a session all the same: {:?}",
        answer.headers
    );
}

/// A page, or a redirect back to the login page, but nobody signed in and no code.
#[track_caller]
pub(crate) fn went_nowhere(answer: &Answer) {
    let to = answer.header("location").unwrap_or_default();
    assert!(!to.contains("code="), "a code: {to}");
    assert!(answer.status < 500, "{} {}", answer.status, answer.text());
    assert!(
        !answer.all("set-cookie").any(|line| line.starts_with("__Host-lb_session=") && !line.contains("=;")),
        "a session: {:?}",
        answer.headers
    );
}

/// Another server, its user and phone: a stranger's installation.
pub(crate) async fn elsewhere() -> Scene {
    Scene::new().await
}
