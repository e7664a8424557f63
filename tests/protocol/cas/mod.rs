//! CAS over HTTP, as browsers, services and programs see it (cas-wire §12 to §19).

mod browsers;
mod devices;
mod leaving;
mod own_apps;
mod programs;
mod services;
mod socket;

use std::collections::BTreeMap;

use domain::{CasService, Client, ClientAuthMethod, ClientMetadata, SigningAlg, SingleLogout, Timestamp};
use store::Store as _;
use tempfile::TempDir;
use testkit::site::{Reply, Site};
use testkit::tls::Authority;
use testkit::wire::{Answer, Request, encode};
use testkit::{Browser, Page, Server, Setup};

pub(crate) const FORUM: &str = "https://forum.example/in";

/// A server that speaks CAS and may call a service's site, a person, and a browser of theirs.
pub(crate) struct Ground {
    pub(crate) server: Server,
    pub(crate) site: Site,
    pub(crate) browser: Browser,
    pub(crate) password: String,
    _papers: TempDir,
}

/// A service at `https://{id}.example/**`.
pub(crate) fn service(id: &str, change: impl FnOnce(&mut CasService)) -> Client {
    let mut cas = CasService {
        services: vec![format!("https://{id}.example/**")],
        single_logout: SingleLogout::None,
        ..CasService::default()
    };
    change(&mut cas);
    Client {
        id: id.parse().unwrap(),
        name: format!("The {id}"),
        is_verified: true,
        is_enabled: true,
        redirect_uris: Vec::new(),
        is_native: false,
        auth_method: ClientAuthMethod::None,
        secret_hash: None,
        scopes: Vec::new(),
        id_token_alg: SigningAlg::ES256,
        requires_pkce: true,
        skips_consent: true,
        requires_phishing_resistant: false,
        skips_check_code: false,
        requires_same_country: false,
        default_max_age: None,
        logo_uri: None,
        client_uri: None,
        policy_uri: None,
        tos_uri: None,
        metadata: ClientMetadata { cas: Some(cas), ..ClientMetadata::default() },
        created_at: Timestamp::from_seconds(1_700_000_000),
    }
}

/// A forum that is told the user name as an attribute too.
pub(crate) fn forum() -> Client {
    service("forum", |cas| {
        cas.attributes = BTreeMap::from([("nick".to_owned(), "preferred_username".to_owned())]);
    })
}

impl Ground {
    pub(crate) async fn new(services: impl FnOnce(&Site) -> Vec<Client>) -> Self {
        Self::with(Setup::default(), services).await
    }

    pub(crate) async fn with(setup: Setup, services: impl FnOnce(&Site) -> Vec<Client>) -> Self {
        let authority = Authority::new();
        let site = Site::start(&authority);
        let papers = tempfile::tempdir().unwrap();
        let ca = papers.path().join("ca.pem");
        std::fs::write(&ca, authority.pem()).unwrap();
        let server = setup
            .set("cas.enabled", true)
            .set("outbound.extra_ca", ca.to_str().unwrap())
            .set("outbound.allow", vec![site.host()])
            .start()
            .await;
        let password = server.user("ada");
        let store = server.store().await;
        let mut work = store.begin().await.unwrap();
        for client in services(&site) {
            work.add_client(&client).await.unwrap();
        }
        work.commit().await.unwrap();
        store.close().await;
        let browser = server.browser();
        Self { server, site, browser, password, _papers: papers }
    }

    /// Goes for a ticket, signs in where that is asked for, and answers where the browser lands.
    pub(crate) async fn login(&self, query: &[(&str, &str)]) -> Page {
        let page = self.browser.follow(&login(query)).await;
        match page.find_form("login") {
            Some(_) => self.browser.fill_in(&page, "ada", &self.password).await,
            None => page,
        }
    }

    pub(crate) async fn ticket(&self, service: &str) -> String {
        let page = self.login(&[("service", service)]).await;
        page.query("ticket").unwrap_or_else(|| panic!("no ticket at {}: {}", page.url, page.html()))
    }

    /// A service asks, from its own computer.
    pub(crate) async fn ask(&self, path: &str, query: &[(&str, &str)]) -> Answer {
        let service = self.server.browser();
        service.send(Request::get(&format!("/cas/{path}?{}", encode(query)))).await
    }

    pub(crate) async fn validate(&self, service: &str, ticket: &str) -> String {
        self.ask("p3/serviceValidate", &[("service", service), ("ticket", ticket)]).await.text()
    }

    /// Asks without following: status, and where to.
    pub(crate) async fn sent(&self, request: Request) -> Answer {
        self.browser.send(request.header("accept", "text/html")).await
    }
}

pub(crate) fn login(query: &[(&str, &str)]) -> String {
    format!("/cas/login?{}", encode(query))
}

pub(crate) fn location(answer: &Answer) -> &str {
    answer.header("location").unwrap_or_default()
}

/// The `code` of a failure in XML.
pub(crate) fn code(xml: &str) -> &str {
    xml.split_once("code=\"").and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default()
}

#[tokio::test]
async fn sec_065_nothing_is_there_while_it_is_off() {
    let server = Server::start().await;
    let stranger = server.browser();
    for path in [
        "login",
        "logout",
        "validate",
        "serviceValidate",
        "proxyValidate",
        "p3/serviceValidate",
        "p3/proxyValidate",
        "proxy",
        "v1/tickets",
        "v1/tickets/TGT-a",
        "v1/users",
        "login/confirm",
        "qr-websocket",
        "qr-websocket/info",
        "qr-websocket/websocket",
        "qr-websocket/1/2/websocket",
        "actuator/qrDevices",
        "",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let answer = stranger.send(Request::new(method, &format!("/cas/{path}"))).await;
            assert_eq!(answer.status, 404, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn sec_069_passwords_are_not_taken_by_programs_unless_that_is_on() {
    let ground = Ground::new(|_| vec![forum()]).await;
    for path in ["v1/tickets", "v1/tickets/TGT-a", "v1/users"] {
        let fields = [("username", "ada"), ("password", ground.password.as_str())];
        let answer = ground.sent(Request::form(&format!("/cas/{path}"), &fields)).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    let reply = Reply::status(200);
    ground.site.put("/x", reply);
}
