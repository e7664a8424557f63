//! The use cases over a real database and real live state.

use std::sync::Arc;
use std::time::Duration;

use app::{App, Change, Clock, Entropy, HashSettings, Issuer, Limits, Parts, Secret, Visitor};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::{
    Account, AccountState, AuditEvent, BrowserSession, Client, ClientAddress, ClientAuthMethod, Method,
    Proof, SessionEnd, SigningAlg, Timestamp, UserAgent,
};
use jose::seal::MasterKey;
use oidc::bearer::{Presented, Scheme};
use oidc::client_auth::secret_hash;
use oidc::token::{Authorization, CodeContent};
use oidc::{ErrorCode, Params};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use store::Store;
use store_sql::SqlStore;

use crate::{
    Outcome, Provider, Settings, TokenAsked, TokenRefused, UserinfoAnswer, UserinfoAsked, UserinfoRefused,
    keys,
};

mod clients;
mod codes;
mod consent;
mod dpop;
mod journeys;
mod lookups;
mod nodes;
mod outside;
mod pushed;
mod refresh;
mod requests;
mod responses;
mod rotation;
mod tokens;

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
const SECRET: &str = "a-secret-of-more-than-32-characters";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const HERE: ClientAddress = ClientAddress(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

struct World {
    app: App,
    clock: Clock,
    provider: Provider,
    account: Account,
    session: BrowserSession,
    visitor: Visitor,
}

async fn store() -> Arc<dyn Store> {
    Arc::new(SqlStore::open(store_sql::Settings::temporary()).await.unwrap())
}

fn app_on(store: Arc<dyn Store>, clock: Clock, master: u8) -> App {
    app_over(store, Arc::new(live::InProcess::default()), clock, master)
}

fn app_over(store: Arc<dyn Store>, live: Arc<dyn live::Live>, clock: Clock, master: u8) -> App {
    App::new(Parts {
        issuer: Issuer::parse("https://id.example").unwrap(),
        store,
        live,
        outbound: Arc::new(outbound::Closed),
        mailer: None,
        clock,
        entropy: Entropy::system(),
        hashing: HashSettings::default(),
        master_key: MasterKey::new([master; 32]),
        limits: Limits::default(),
    })
}

fn shop() -> Client {
    Client {
        id: "shop".parse().unwrap(),
        name: "Shop".to_owned(),
        is_verified: true,
        is_enabled: true,
        redirect_uris: vec!["https://shop.example/cb".to_owned()],
        is_native: false,
        auth_method: ClientAuthMethod::ClientSecretBasic,
        secret_hash: Some(secret_hash(SECRET.as_bytes())),
        scopes: oidc::claims::SCOPES.iter().map(|s| (*s).to_owned()).collect(),
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
        metadata: domain::ClientMetadata::default(),
        created_at: START,
    }
}

/// Ada, signed in by password ten seconds ago, and these clients.
async fn world(clients: &[Client]) -> World {
    world_over(Arc::new(live::InProcess::default()), clients).await
}

async fn world_over(live: Arc<dyn live::Live>, clients: &[Client]) -> World {
    world_on(store().await, live, clients).await
}

async fn world_on(store: Arc<dyn Store>, live: Arc<dyn live::Live>, clients: &[Client]) -> World {
    let clock = Clock::manual(START);
    let app = app_over(store, live, clock.clone(), 7);
    let Value::Object(claims) =
        json!({"name": "Ada L", "email": "ada@example.org", "email_verified": true, "phone_number": "+49 1"})
    else {
        unreachable!()
    };
    let account = Account {
        id: app.entropy().id(),
        username: "ada".parse().unwrap(),
        state: AccountState::Active,
        claims,
        webauthn_handle: [1; 16],
        roles: domain::Roles::NONE,
        groups: Vec::new(),
        language: None,
        created_at: START,
        updated_at: START,
    };
    let secret = app.entropy().secret();
    let session = BrowserSession {
        id: app.entropy().id(),
        account: account.id,
        secret_hash: secret.hash(),
        proofs: vec![Proof { method: Method::Password, at: START, known_browser: false }],
        device: None,
        browser: "Firefox on Linux".to_owned(),
        address: "127.0.0.1".to_owned(),
        created_at: START,
        last_used_at: START,
        idle_seconds: 3_600,
        expires_at: START.after(Duration::from_secs(36_000)),
        ended: None,
    };
    let mut work = app.store().begin().await.unwrap();
    work.add_account(&account).await.unwrap();
    work.add_session(&session, None).await.unwrap();
    for client in clients {
        work.add_client(client).await.unwrap();
    }
    work.commit().await.unwrap();
    keys::ensure(&app).await.unwrap();
    let provider = Provider::new(&app, Settings::default()).unwrap();
    clock.advance(Duration::from_secs(10));
    let visitor = Visitor {
        browser: None,
        session: Some(secret),
        known: None,
        address: HERE,
        agent: UserAgent::default(),
    };
    World { app, clock, provider, account, session, visitor }
}

fn params(changes: &[(&str, &str)]) -> Params {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let good = [
        ("client_id", "shop"),
        ("redirect_uri", "https://shop.example/cb"),
        ("response_type", "code"),
        ("scope", "openid email"),
        ("state", "st"),
        ("nonce", "n0nce"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    let kept = good.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    kept.chain(changes).copied().collect()
}

/// The parameters of an answer sent to the client.
fn answer(location: &str) -> Params {
    let query = location.split_once('?').unwrap().1.trim_end_matches('#');
    Params::parse(query.as_bytes()).unwrap()
}

impl World {
    async fn ask(&self, changes: &[(&str, &str)]) -> Outcome {
        self.provider.authorize(params(changes), &self.visitor).await.unwrap()
    }

    /// The error that goes back to the client.
    async fn error(&self, changes: &[(&str, &str)]) -> String {
        match self.ask(changes).await {
            Outcome::Redirect(location) => answer(&location).get("error").unwrap_or("none").to_owned(),
            other => format!("{other:?}"),
        }
    }

    async fn code(&self, changes: &[(&str, &str)]) -> String {
        let Outcome::Redirect(location) = self.ask(changes).await else { panic!("no redirect") };
        let answer = answer(&location);
        assert_eq!(answer.get("error"), None, "{location}");
        answer.get("code").unwrap().to_owned()
    }

    async fn redeem(&self, code: &str, changes: &[(&str, &str)]) -> Result<Value, TokenRefused> {
        let good = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", "https://shop.example/cb"),
            ("code_verifier", VERIFIER),
        ];
        let kept = good.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        let params: Params = kept.chain(changes).copied().collect();
        self.token(&params, None).await
    }

    /// As the shop with its secret, unless the form says who asks.
    async fn token(&self, params: &Params, proof: Option<&str>) -> Result<Value, TokenRefused> {
        let basic = basic("shop");
        let says_who = params.get("client_id").is_some() || params.get("client_assertion").is_some();
        let authorization = (!says_who).then_some(basic.as_str());
        let asked = TokenAsked { authorization, params, proof, address: HERE };
        self.provider.token(asked).await.map(|json| serde_json::from_slice(&json).unwrap())
    }

    async fn refused(&self, code: &str, changes: &[(&str, &str)]) -> ErrorCode {
        refusal(self.redeem(code, changes).await)
    }

    async fn userinfo(&self, token: &str) -> Option<Value> {
        match self.userinfo_by(token, Scheme::Bearer, None).await {
            Ok(UserinfoAnswer::Json(json)) => Some(serde_json::from_slice(&json).unwrap()),
            Err(UserinfoRefused::InvalidToken) => None,
            other => panic!("{other:?}"),
        }
    }

    async fn userinfo_by(
        &self,
        token: &str,
        scheme: Scheme,
        proof: Option<&str>,
    ) -> Result<UserinfoAnswer, UserinfoRefused> {
        let asked = UserinfoAsked { presented: Presented { token, scheme }, proof, method: "GET" };
        self.provider.userinfo(asked).await
    }

    /// A code as it would be issued for this person, whatever the client would have had to ask before.
    fn code_of(&self, client: &Client, scope: &str) -> CodeContent {
        CodeContent {
            who: Authorization {
                grant: self.app.entropy().id(),
                client: client.id.clone(),
                account: self.account.id,
                session: self.session.id,
                auth_time: START,
                acr: domain::Acr::Password,
                amr: vec!["pwd".to_owned()],
                scope: scope.to_owned(),
                id_token_claims: Vec::new(),
                userinfo_claims: Vec::new(),
                resources: Vec::new(),
            },
            redirect_uri: "https://shop.example/cb".to_owned(),
            challenge: Some(URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))),
            nonce: Some("n0nce".to_owned()),
            jkt: None,
            front: None,
            expires_at: self.app.now().after(Duration::from_secs(60)),
        }
    }

    fn sealed(&self, code: &CodeContent) -> String {
        let plain = serde_json::to_vec(code).unwrap();
        let sealed = self.provider.codes().try_seal(crate::response::CODE, &plain).unwrap();
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// Puts a client's registration in place.
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

    async fn disable_account(&self) {
        let mut work = self.app.store().begin().await.unwrap();
        work.set_account_state(&self.account.id, AccountState::Disabled, self.app.now()).await.unwrap();
        work.commit().await.unwrap();
        self.app.tell(Change::Account(self.account.id)).await;
    }

    async fn events(&self) -> Vec<AuditEvent> {
        let mut view = self.app.store().read().await.unwrap();
        let trail = view.audit_trail(&domain::AuditFilter::default(), 0, 500).await.unwrap();
        trail.into_iter().map(|kept| kept.entry.event).collect()
    }
}

fn basic(client: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{client}:{SECRET}")))
}

/// The error of a refused request.
#[track_caller]
fn refusal(answer: Result<Value, TokenRefused>) -> ErrorCode {
    match answer {
        Err(TokenRefused::Error(error)) => error.code,
        Err(TokenRefused::Client(refused)) => refused.error.code,
        other => panic!("{other:?}"),
    }
}

/// The claims inside a token, not verified.
fn inside(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn header(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}
