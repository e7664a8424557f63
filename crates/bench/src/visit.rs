//! Visitors, who do one operation after another.
//!
//! Not here: the town they visit (`town`), how many there are at once (`load`).

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use testkit::wire::{Connection, Request};
use testkit::{Browser, Phone, RelyingParty, basic};

use crate::grants::{ProofKey, Teller};
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
    Refresh,
    DpopRefresh,
    ClientCredentials,
    Introspection,
    Par,
}

impl Operation {
    pub(crate) const ALL: &'static [Self] = &[
        Self::Sso,
        Self::Par,
        Self::Refresh,
        Self::DpopRefresh,
        Self::ClientCredentials,
        Self::Introspection,
        Self::Discovery,
        Self::Jwks,
        Self::Userinfo,
        Self::Password,
        Self::Qr,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Jwks => "jwks",
            Self::Userinfo => "userinfo",
            Self::Sso => "sso",
            Self::Password => "password",
            Self::Qr => "qr",
            Self::Refresh => "refresh",
            Self::DpopRefresh => "dpop-refresh",
            Self::ClientCredentials => "client-creds",
            Self::Introspection => "introspection",
            Self::Par => "par+sso",
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
    /// With what it comes to the token endpoint.
    teller: Option<Teller>,
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
            teller: None,
            issuer: town.issuer.clone(),
        }
    }

    pub(crate) async fn prepare(&mut self, operation: Operation) {
        let ready = match operation {
            Operation::Discovery => Request::get("/.well-known/openid-configuration"),
            Operation::Jwks => Request::get("/jwks"),
            Operation::Userinfo | Operation::Sso | Operation::Introspection | Operation::Par => {
                let started = self.party.start();
                let landed = self.browser.sign_in(&started.url, &self.user, PASSWORD).await;
                let tokens = self.party.exchange(&started, &landed).await;
                if operation == Operation::Introspection {
                    let request = Request::form("/introspect", &[("token", tokens.access_token.as_str())]);
                    self.party.authenticated(request)
                } else {
                    let bearer = format!("Bearer {}", tokens.access_token);
                    Request::get("/userinfo").header("authorization", &bearer)
                }
            }
            Operation::Refresh | Operation::DpopRefresh => return self.begin_family(operation).await,
            Operation::ClientCredentials => {
                let fields = [("grant_type", "client_credentials"), ("scope", "bench.read")];
                self.party.authenticated(Request::form("/token", &fields))
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
            Operation::ClientCredentials | Operation::Introspection => {
                let answer = self.line.send_bytes(&self.ready, "POST").await.expect("an answer");
                assert_eq!(answer.status, 200, "{}", answer.text());
                let is_one = answer.json().get("access_token").is_some() || answer.json()["active"] == true;
                assert!(is_one, "{}", answer.text());
            }
            Operation::Refresh | Operation::DpopRefresh => {
                self.teller.as_mut().expect("a family").refresh(&mut self.line).await;
            }
            Operation::Par => {
                let started = self.party.start();
                let (_, query) = started.url.split_once('?').expect("a query");
                let mut push =
                    Request::new("POST", "/par").header("content-type", "application/x-www-form-urlencoded");
                push.body = query.as_bytes().to_vec();
                let answer = self.line.send(&self.party.authenticated(push)).await.expect("an answer");
                assert_eq!(answer.status, 201, "{}", answer.text());
                let uri = answer.json()["request_uri"].as_str().expect("a request_uri").to_owned();
                let fields = [("client_id", "bench"), ("request_uri", uri.as_str())];
                let to = format!("{}/authorize?{}", self.issuer, testkit::wire::encode(&fields));
                let landed = self.browser.follow(&to).await;
                let code = landed.query("code").expect("a code");
                let answer = self.party.redeem(&started, &code).await;
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

    /// Signs in with offline access: the first refresh token of a family.
    async fn begin_family(&mut self, operation: Operation) {
        let mut teller = Teller {
            basic: basic("bench", self.party.secret.as_deref().unwrap_or_default()),
            issuer: self.issuer.clone(),
            refresh: String::new(),
            key: (operation == Operation::DpopRefresh).then(ProofKey::new),
        };
        "openid offline_access".clone_into(&mut self.party.scope);
        let started = self.party.start();
        let landed = self.browser.sign_in(&started.url, &self.user, PASSWORD).await;
        let code = self.party.code(&started, &landed);
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", self.party.redirect_uri.as_str()),
            ("code_verifier", started.verifier.as_str()),
        ];
        let answer = teller.token(&mut self.line, &fields).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["refresh_token"].as_str().expect("a refresh token").clone_into(&mut teller.refresh);
        self.teller = Some(teller);
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
