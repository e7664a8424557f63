//! Visitors, who do one operation after another.
//!
//! Not here: the town they visit (`town`), how many there are at once (`load`).

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use testkit::wire::{Connection, Request};
use testkit::{Browser, Phone, RelyingParty};

use crate::town::{PASSWORD, Town, VISITORS};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Discovery,
    Jwks,
    Userinfo,
    Sso,
    Password,
    Qr,
}

impl Operation {
    pub(crate) const ALL: &'static [Self] =
        &[Self::Sso, Self::Discovery, Self::Jwks, Self::Userinfo, Self::Password, Self::Qr];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Jwks => "jwks",
            Self::Userinfo => "userinfo",
            Self::Sso => "sso",
            Self::Password => "password",
            Self::Qr => "qr",
        }
    }
}

/// Among how many a visitor draws anew each time; zero: always as themselves, always at the same party.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Roam {
    /// People `person1`…
    pub(crate) people: u64,
    /// Relying parties `client1`…
    pub(crate) clients: u64,
}

/// One of so many names.
fn draw(name: &str, many: u64) -> String {
    format!("{name}{}", u64::from_le_bytes(testkit::random()) % many + 1)
}

/// Somebody who does an operation again and again.
pub(crate) struct Visitor {
    user: String,
    pub(crate) roam: Roam,
    pub(crate) phone: Arc<Phone>,
    line: Connection,
    browser: Browser,
    party: RelyingParty,
    /// A request made ready, where it is always the same.
    ready: Vec<u8>,
    issuer: String,
}

impl Visitor {
    pub(crate) async fn of(town: &Town, index: usize) -> Self {
        let party = RelyingParty {
            line: Browser::new(&town.issuer),
            client_id: "bench".to_owned(),
            secret: Some(town.secret.clone()),
            redirect_uri: "https://bench.example/callback".to_owned(),
            scope: "openid".to_owned(),
        };
        let host = format!("localhost:{}", town.at.port());
        Self {
            user: format!("user{}", index % VISITORS),
            roam: Roam::default(),
            phone: town.phone(index),
            line: Connection::open(town.at, &host, IpAddr::V4(Ipv4Addr::LOCALHOST))
                .await
                .expect("the server"),
            browser: Browser::new(&town.issuer),
            party,
            ready: Vec::new(),
            issuer: town.issuer.clone(),
        }
    }

    pub(crate) async fn prepare(&mut self, operation: Operation) {
        let ready = match operation {
            Operation::Discovery => Request::get("/.well-known/openid-configuration"),
            Operation::Jwks => Request::get("/jwks"),
            Operation::Userinfo | Operation::Sso => {
                let started = self.party.start();
                let landed = self.browser.sign_in(&started.url, &self.user, PASSWORD).await;
                let tokens = self.party.exchange(&started, &landed).await;
                let bearer = format!("Bearer {}", tokens.access_token);
                Request::get("/userinfo").header("authorization", &bearer)
            }
            Operation::Password | Operation::Qr => return,
        };
        self.ready = ready.bytes("localhost");
    }

    pub(crate) async fn once(&mut self, operation: Operation) {
        if self.roam.people > 0 {
            self.user = draw("person", self.roam.people);
        }
        if self.roam.clients > 0 {
            self.party.client_id = draw("client", self.roam.clients);
        }
        match operation {
            Operation::Discovery | Operation::Jwks | Operation::Userinfo => {
                let answer = self.line.send_bytes(&self.ready, "GET").await.expect("an answer");
                assert_eq!(answer.status, 200, "{}", answer.text());
            }
            Operation::Sso => {
                let started = self.party.start();
                let landed = self.browser.follow(&started.url).await;
                let code = landed.query("code").expect("a code");
                let answer = self.party.redeem(&started, &code).await;
                assert_eq!(answer.status, 200, "{}", answer.text());
            }
            Operation::Password => {
                let browser = Browser::new(&self.issuer);
                let landed = browser.sign_in(&self.party.start().url, &self.user, PASSWORD).await;
                assert!(landed.query("code").is_some(), "{}", landed.html());
            }
            Operation::Qr => {
                self.sign_in_by_phone().await;
            }
        }
    }

    /// All requests of browser and phone; the time from sending the approval to the word in the browser.
    pub(crate) async fn sign_in_by_phone(&mut self) -> Duration {
        let browser = Browser::new(&self.issuer);
        let page = browser.follow(&self.party.start().url).await;
        let qr = browser.show_qr(&page).await;
        let mut events = browser.watch(&page).await;
        let claim = self.phone.scan(&qr.url).await;
        events.until("claimed").await.expect("claimed");
        let code = browser.check_code(&page).await;
        let draft = self.phone.draft(&claim, "approve", Some(&code));
        let sent = Instant::now();
        let (answer, told) = tokio::join!(self.phone.send(&claim, &draft), async {
            events.until("approved").await.expect("approved");
            sent.elapsed()
        });
        assert_eq!(answer.status, 204, "{}", answer.text());
        let landed = browser.redeem(&page).await;
        assert!(landed.query("code").is_some(), "{}", landed.html());
        told
    }
}
