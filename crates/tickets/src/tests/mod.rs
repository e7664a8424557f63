//! The use cases over a real database and real live state. The outside writes down what it is asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use app::{
    App, Change, Clock, Ending, Entropy, HashSettings, Issuer, Landing, Limits, Parts, Secret, Visitor,
};
use async_trait::async_trait;
use cas::{Attributes, Endpoint, Failure, LoginAsked, Params, ProxyAsked, Ticket, ValidateAsked, Value};
use domain::{
    Account, AccountState, AuditEvent, BrowserSession, CasService, Client, ClientAddress, ClientAuthMethod,
    ClientMetadata, Method, Proof, SessionEnd, SigningAlg, SingleLogout, Timestamp, UserAgent,
};
use jose::seal::MasterKey;
use outbound::{Fetched, Outbound, OutboundError};
use serde_json::json;
use store_sql::SqlStore;
use url::Url;

use crate::{Answer, LoginOutcome, Settings, Tickets, Told};

mod asking;
mod leaving;
mod programs;
mod proxies;
mod validating;

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
const HERE: ClientAddress = ClientAddress(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
const FORUM: &str = "https://forum.example/in";

/// The outside: what it was asked, and what it answers.
#[derive(Default)]
struct Outside {
    asked: Mutex<Vec<String>>,
    is_down: Mutex<bool>,
}

impl Outside {
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn answer(&self, what: String) -> Result<(), OutboundError> {
        self.asked.lock().unwrap().push(what);
        if *self.is_down.lock().unwrap() { Err(OutboundError::Status(500)) } else { Ok(()) }
    }
}

#[async_trait]
impl Outbound for Outside {
    async fn get(&self, url: &Url, _: &str, _: usize) -> Result<Fetched, OutboundError> {
        self.answer(url.to_string()).map(|()| Fetched::default())
    }

    async fn post_form(&self, url: &Url, form: &[(&str, &str)]) -> Result<(), OutboundError> {
        self.answer(format!("{url} {}={}", form[0].0, form[0].1))
    }
}

struct World {
    app: App,
    clock: Clock,
    outside: Arc<Outside>,
    tickets: Tickets,
    account: Account,
    session: BrowserSession,
    visitor: Visitor,
}

/// A service with what is usual here.
fn service(id: &str, change: impl FnOnce(&mut CasService)) -> Client {
    let mut cas = CasService {
        services: vec![format!("https://{id}.example/**")],
        single_logout: SingleLogout::None,
        ..CasService::default()
    };
    change(&mut cas);
    Client {
        id: id.parse().unwrap(),
        name: id.to_owned(),
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
        created_at: START,
    }
}

fn forum() -> Client {
    service("forum", |cas| {
        let told = [("mail", "email"), ("isMemberOf", "groups"), ("phone", "phone_number")];
        cas.attributes = told.map(|(name, claim)| (name.to_owned(), claim.to_owned())).into_iter().collect();
    })
}

/// Ada, signed in by password ten seconds ago, and these services.
async fn world(clients: &[Client]) -> World {
    let clock = Clock::manual(START);
    let outside = Arc::new(Outside::default());
    let app = App::new(Parts {
        issuer: Issuer::parse("https://id.example").unwrap(),
        store: Arc::new(SqlStore::open(store_sql::Settings::temporary()).await.unwrap()),
        live: Arc::new(live::InProcess::default()),
        outbound: Arc::clone(&outside) as Arc<dyn Outbound>,
        mailer: None,
        clock: clock.clone(),
        entropy: Entropy::system(),
        hashing: HashSettings::default(),
        master_key: MasterKey::new([7; 32]),
        limits: Limits::default(),
    });
    let claims = json!({"name": "Ada L", "email": "ada@example.org", "locale": " "});
    let account = Account {
        id: app.entropy().id(),
        username: "ada".parse().unwrap(),
        state: AccountState::Active,
        claims: claims.as_object().unwrap().clone(),
        webauthn_handle: [1; 16],
        roles: domain::Roles::NONE,
        groups: Vec::new(),
        language: None,
        created_at: START,
        updated_at: START,
    };
    let secret = app.entropy().secret();
    let session = session(&app, &account, &secret);
    let mut work = app.store().begin().await.unwrap();
    work.add_account(&account).await.unwrap();
    work.add_session(&session, None).await.unwrap();
    for client in clients {
        work.add_client(client).await.unwrap();
    }
    work.commit().await.unwrap();
    clock.advance(Duration::from_secs(10));
    let tickets = Tickets::new(&app, Settings::default());
    let visitor = visitor(Some(secret));
    World { app, clock, outside, tickets, account, session, visitor }
}

fn session(app: &App, account: &Account, secret: &Secret) -> BrowserSession {
    BrowserSession {
        id: app.entropy().id(),
        account: account.id,
        secret_hash: secret.hash(),
        proofs: vec![Proof { method: Method::Password, at: app.now(), known_browser: false }],
        device: None,
        browser: "Firefox on Linux".to_owned(),
        address: "127.0.0.1".to_owned(),
        created_at: app.now(),
        last_used_at: app.now(),
        idle_seconds: 3_600,
        expires_at: app.now().after(Duration::from_secs(36_000)),
        ended: None,
    }
}

fn visitor(session: Option<Secret>) -> Visitor {
    Visitor { browser: None, session, known: None, address: HERE, agent: UserAgent::default() }
}

fn params(pairs: &[(&str, &str)]) -> Params {
    pairs.iter().copied().collect()
}

impl World {
    async fn login(&self, pairs: &[(&str, &str)]) -> LoginOutcome {
        let asked = LoginAsked::read(&params(pairs)).unwrap();
        self.tickets.login(&asked, &self.visitor).await.unwrap()
    }

    /// The ticket for an address, of the session that is there.
    async fn ticket(&self, url: &str) -> String {
        let LoginOutcome::Back(Answer::SeeOther(location)) = self.login(&[("service", url)]).await else {
            panic!("no ticket")
        };
        let ticket = location.rsplit_once("ticket=").unwrap().1;
        ticket.split('#').next().unwrap().to_owned()
    }

    async fn ask(&self, endpoint: Endpoint, pairs: &[(&str, &str)]) -> Told {
        let asked = ValidateAsked::read(endpoint, &params(pairs)).unwrap();
        self.tickets.validate(endpoint, &asked, HERE).await
    }

    async fn validate(&self, url: &str, ticket: &str) -> Told {
        self.ask(Endpoint::P3ServiceValidate, &[("service", url), ("ticket", ticket)]).await
    }

    async fn proxy(&self, pgt: &str, target: &str) -> Result<Ticket, cas::ProxyRefused> {
        let asked = ProxyAsked::read(&params(&[("pgt", pgt), ("targetService", target)])).unwrap();
        self.tickets.proxy(&asked, HERE).await
    }

    /// Puts a service's registration in place.
    async fn update(&self, client: &Client) {
        let mut work = self.app.store().begin().await.unwrap();
        assert!(work.update_client(client).await.unwrap());
        work.commit().await.unwrap();
        self.app.tell(Change::Client(client.id.clone())).await;
    }

    async fn end_session(&self) {
        let mut work = self.app.store().begin().await.unwrap();
        assert!(work.end_session(&self.session.id, SessionEnd::SignedOut, self.app.now()).await.unwrap());
        work.commit().await.unwrap();
        self.app.tell(Change::Session(self.session.id)).await;
    }

    async fn events(&self, event: AuditEvent) -> Vec<domain::AuditEntry> {
        let mut view = self.app.store().read().await.unwrap();
        let trail = view.audit_trail(&domain::AuditFilter::default(), 0, 500).await.unwrap();
        trail.into_iter().map(|kept| kept.entry).filter(|entry| entry.event == event).collect()
    }
}

fn attributes(all: &Attributes) -> BTreeMap<String, Vec<Value>> {
    all.iter().map(|(name, values)| (name.to_owned(), values.to_vec())).collect()
}

fn text(value: &str) -> Vec<Value> {
    vec![Value::Text(value.to_owned())]
}
