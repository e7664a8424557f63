//! Where most tests begin.

use testkit::{Browser, Page, RelyingParty, Server, Setup, Started, Tokens};

/// A server, a user, a relying party and a browser that is signed in.
pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) password: String,
    pub(crate) shop: RelyingParty,
    pub(crate) browser: Browser,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let server = setup.start().await;
        let password = server.user("ada");
        let shop = server.client("shop");
        let browser = server.browser();
        let landed = browser.sign_in(&shop.start().url, "ada", &password).await;
        assert!(landed.query("code").is_some(), "{} {}", landed.url, landed.html());
        Self { server, password, shop, browser }
    }

    /// A request that is answered at once, and where it landed.
    pub(crate) async fn landed(&self) -> (Started, Page) {
        let started = self.shop.start();
        let landed = self.browser.follow(&started.url).await;
        (started, landed)
    }

    /// A fresh code.
    pub(crate) async fn code(&self) -> (Started, String) {
        let (started, landed) = self.landed().await;
        let code = self.shop.code(&started, &landed);
        (started, code)
    }

    /// Fresh tokens.
    pub(crate) async fn tokens(&self) -> Tokens {
        let (started, landed) = self.landed().await;
        self.shop.exchange(&started, &landed).await
    }
}
