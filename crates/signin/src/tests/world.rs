//! A small world: one server's use cases, its people, their browsers and phones.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use app::journeys::{NewJourney, Purpose, Shown};
use app::{
    App, Clock, ConsentAsked, Ending, Entropy, HashSettings, Issuer, Landing, Limits, Parts, Refusal,
    Visitor, journeys,
};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{
    Account, AccountState, AddedBy, AuditEntry, Client, ClientAddress, ClientAuthMethod, Device, DeviceId,
    DeviceKey, DeviceKind, DeviceState, JourneyId, KeyAlg, Passkey, PasswordHash, SigningAlg, Timestamp,
    UserAgent,
};
use jose::seal::MasterKey;
use journey::{MethodPolicy, Need};
use qr::approval::{self, Bound, ClaimProof, DeviceProof, Said};
use qr::{CheckCode, facts};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use secrecy::SecretString;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use store::{AuditFilter, SignedIn, Store};
use store_sql::SqlStore;

use super::authenticator::Authenticator;
use crate::webauthn::Passkeys;
use crate::{
    ClaimAsked, Claimed, Decided, Decision, DeviceAsked, NewCookies, Opened, Progress, Settings, SignIn,
};

pub const ISSUER: &str = "http://localhost:8400";
pub const PASSWORD: &str = "correct horse battery";
pub const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

pub struct World {
    pub app: App,
    pub signin: SignIn,
    pub clock: Clock,
    pub store: SqlStore,
    pub ending: Arc<TestEnding>,
}

/// An ending that asks for consent when told so, and notes what it was told.
#[derive(Default)]
pub struct TestEnding {
    pub asks: Mutex<bool>,
    pub finished: Mutex<Vec<String>>,
}

#[async_trait]
impl Ending for TestEnding {
    fn kind(&self) -> &'static str {
        "test"
    }
    async fn consent(&self, _: &Purpose, _: &SignedIn) -> Result<Option<ConsentAsked>, Refusal> {
        let asked = ConsentAsked { scopes: vec!["openid".into()], already: vec![] };
        Ok(self.asks.lock().unwrap().then_some(asked))
    }
    async fn consent_given(&self, _: &Purpose, _: &SignedIn, _: ClientAddress) -> Result<(), Refusal> {
        *self.asks.lock().unwrap() = false;
        Ok(())
    }
    async fn finish(&self, purpose: &Purpose, who: &SignedIn) -> Result<Landing, Refusal> {
        self.finished.lock().unwrap().push(who.account.username.to_string());
        Ok(Landing::SeeOther(format!("https://shop.example/cb?for={}", purpose.payload)))
    }
    async fn declined(&self, _: &Purpose) -> Result<Landing, Refusal> {
        Ok(Landing::SeeOther("https://shop.example/cb?error=access_denied".into()))
    }
}

pub async fn world() -> World {
    world_with(Limits::default(), Settings::default()).await
}

pub async fn free_world() -> World {
    world_with(Limits::unlimited(), Settings::default()).await
}

pub async fn world_with(limits: Limits, settings: Settings) -> World {
    let store = SqlStore::open(store_sql::Settings::temporary()).await.unwrap();
    let clock = Clock::manual(START);
    let app = App::new(Parts {
        issuer: Issuer::parse(ISSUER).unwrap(),
        store: Arc::new(store.clone()),
        live: Arc::new(live::InProcess::default()),
        clock: clock.clone(),
        entropy: Entropy::system(),
        hashing: HashSettings::default().with_threads(2),
        master_key: MasterKey::new([7; 32]),
        limits,
    });
    let ending = Arc::new(TestEnding::default());
    let endings: Vec<Arc<dyn Ending>> = vec![ending.clone()];
    let signin = SignIn::new(&app, settings, endings);
    World { app, signin, clock, store, ending }
}

pub fn address(text: &str) -> ClientAddress {
    ClientAddress(text.parse().unwrap())
}

impl World {
    pub async fn account(&self, name: &str) -> Account {
        let now = self.app.now();
        let account = Account {
            id: self.app.entropy().id(),
            username: name.parse().unwrap(),
            state: AccountState::Active,
            claims: serde_json::Map::new(),
            webauthn_handle: self.app.entropy().bytes(),
            created_at: now,
            updated_at: now,
        };
        let phc = self.app.hashing().hash(&SecretString::from(PASSWORD)).await.unwrap();
        let mut work = self.store.begin().await.unwrap();
        work.add_account(&account).await.unwrap();
        work.set_password(&PasswordHash { account: account.id, phc, changed_at: now }).await.unwrap();
        work.commit().await.unwrap();
        account
    }

    pub async fn disable(&self, account: &Account) {
        let mut work = self.store.begin().await.unwrap();
        assert!(work.set_account_state(&account.id, AccountState::Disabled, self.app.now()).await.unwrap());
        work.commit().await.unwrap();
        self.app.tell(app::Change::Account(account.id)).await.unwrap();
    }

    pub async fn client(&self, id: &str, change: impl FnOnce(&mut Client)) {
        let mut client = Client {
            id: id.parse().unwrap(),
            name: format!("The {id}"),
            is_verified: true,
            is_enabled: true,
            redirect_uris: vec!["https://shop.example/cb".into()],
            is_native: false,
            auth_method: ClientAuthMethod::None,
            secret_hash: None,
            scopes: vec!["openid".into()],
            id_token_alg: SigningAlg::ES256,
            requires_pkce: true,
            skips_consent: false,
            requires_phishing_resistant: false,
            skips_check_code: false,
            requires_same_country: false,
            default_max_age: None,
            logo_uri: None,
            client_uri: None,
            policy_uri: None,
            tos_uri: None,
            created_at: self.app.now(),
        };
        change(&mut client);
        let mut work = self.store.begin().await.unwrap();
        work.add_client(&client).await.unwrap();
        work.commit().await.unwrap();
    }

    pub async fn journey(&self, browser: &Browser) -> JourneyId {
        self.journey_for(browser, None, Need::default()).await
    }

    pub async fn journey_for(&self, browser: &Browser, client: Option<&str>, need: Need) -> JourneyId {
        let new = NewJourney {
            need,
            purpose: Purpose { kind: "test".into(), payload: client.unwrap_or("none").into() },
            shown: Shown {
                client_id: client.map(|id| id.parse().unwrap()),
                client_name: "The shop".into(),
                host: "shop.example".into(),
                scopes: vec!["openid".into()],
                ..Shown::default()
            },
            methods: MethodPolicy::ALL,
        };
        let hash = browser.visitor().browser_hash().unwrap();
        journeys::start(&self.app, new, &hash).await.unwrap()
    }

    pub async fn trail(&self) -> Vec<AuditEntry> {
        let mut view = self.store.read().await.unwrap();
        let all = view.audit_trail(&AuditFilter::default(), 0, 500).await.unwrap();
        all.into_iter().map(|stored| stored.entry).collect()
    }

    pub async fn events(&self) -> Vec<&'static str> {
        self.trail().await.iter().map(|entry| entry.event.as_str()).collect()
    }

    pub fn browser(&self) -> Browser {
        Browser(Mutex::new(Visitor {
            browser: Some(self.app.entropy().secret()),
            session: None,
            known: None,
            address: address("192.0.2.10"),
            agent: UserAgent { browser: Some("Firefox".into()), system: Some("Linux".into()) },
        }))
    }

    /// A phone whose keystore verifies its user.
    pub async fn phone(&self, owner: &Account) -> Phone {
        self.phone_with(owner, |_| {}).await
    }

    pub async fn phone_with(&self, owner: &Account, change: impl FnOnce(&mut Device)) -> Phone {
        let pair = Ed25519KeyPair::from_seed_unchecked(&self.app.entropy().bytes::<32>()).unwrap();
        let mut device = self.device(owner, &pair);
        change(&mut device);
        let mut work = self.store.begin().await.unwrap();
        assert!(work.add_device(&device, 50).await.unwrap());
        work.commit().await.unwrap();
        Phone { pair, device, authenticator: Mutex::new(None), address: address("192.0.2.20") }
    }

    /// A phone of the web kind: its user is verified by a passkey.
    pub async fn web_phone(&self, owner: &Account) -> Phone {
        let (authenticator, mut passkey) = self.passkey(owner);
        let pair = Ed25519KeyPair::from_seed_unchecked(&self.app.entropy().bytes::<32>()).unwrap();
        let mut device = self.device(owner, &pair);
        device.kind = DeviceKind::Web;
        device.passkey = Some(passkey.id);
        passkey.device = Some(device.id);
        let mut work = self.store.begin().await.unwrap();
        work.add_passkey(&passkey).await.unwrap();
        assert!(work.add_device(&device, 50).await.unwrap());
        work.commit().await.unwrap();
        Phone { pair, device, authenticator: Mutex::new(Some(authenticator)), address: address("192.0.2.20") }
    }

    fn device(&self, owner: &Account, pair: &Ed25519KeyPair) -> Device {
        let public = pair.public_key().as_ref().to_vec();
        let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(&public));
        Device {
            id: self.app.entropy().id(),
            account: owner.id,
            kind: DeviceKind::App,
            name: "My phone".into(),
            platform: "Test".into(),
            key: DeviceKey { alg: KeyAlg::EdDSA, public, thumbprint },
            verifies_user: true,
            passkey: None,
            state: DeviceState::Active,
            added_by: AddedBy::Owner,
            agreed_at: Some(self.app.now()),
            created_at: self.app.now(),
            last_used_at: None,
        }
    }

    pub async fn move_device(&self, phone: &Phone, to: DeviceState) {
        let mut work = self.store.begin().await.unwrap();
        let from = [DeviceState::Active, DeviceState::Pending, DeviceState::Suspended];
        assert!(work.move_device(&phone.device.id, None, &from, to, self.app.now()).await.unwrap());
        work.commit().await.unwrap();
    }

    /// A passkey that signs in by itself.
    pub async fn authenticator(&self, owner: &Account) -> Authenticator {
        let (authenticator, passkey) = self.passkey(owner);
        let mut work = self.store.begin().await.unwrap();
        work.add_passkey(&passkey).await.unwrap();
        work.commit().await.unwrap();
        authenticator
    }

    fn passkey(&self, owner: &Account) -> (Authenticator, Passkey) {
        let passkeys = Passkeys::new(self.app.issuer(), "Test").unwrap();
        let authenticator = Authenticator::new(ISSUER, &owner.webauthn_handle);
        let (options, state) = passkeys.register(owner, &[]).unwrap();
        let registered = passkeys.registered(&state, authenticator.create(&options)).unwrap();
        let passkey = Passkey {
            id: self.app.entropy().id(),
            account: owner.id,
            device: None,
            credential_id: registered.credential_id,
            passkey: registered.passkey,
            name: "Key".into(),
            created_at: self.app.now(),
            last_used_at: None,
        };
        (authenticator, passkey)
    }

    pub async fn password(&self, browser: &Browser, name: &str, password: &str) -> Result<Progress, Refusal> {
        let id = self.journey(browser).await;
        let tried = self.signin.password(&id, &browser.visitor(), name, &SecretString::from(password)).await;
        tried.inspect(|progress| browser.take(&progress.cookies))
    }

    pub async fn who(&self, browser: &Browser) -> Option<Arc<SignedIn>> {
        self.signin.who(&browser.visitor()).await.unwrap()
    }

    /// Opens the page and scans it.
    pub async fn scanned(&self, browser: &Browser, id: &JourneyId, phone: &Phone) -> Held {
        let opened = self.signin.phone_open(id, &browser.visitor()).await.unwrap();
        phone.scan(self, &opened).await.unwrap()
    }

    /// Scans and approves.
    pub async fn approved(&self, browser: &Browser, id: &JourneyId, phone: &Phone) -> Held {
        let held = self.scanned(browser, id, phone).await;
        let code = self.signin.phone_code(id, &browser.visitor()).await.unwrap();
        assert_eq!(phone.approve(self, &held, code.text()).await, Ok(Decided::Done));
        held
    }

    pub async fn redeem(&self, browser: &Browser, id: &JourneyId) -> Result<Progress, Refusal> {
        let redeemed = self.signin.phone_redeem(id, &browser.visitor()).await;
        redeemed.inspect(|progress| browser.take(&progress.cookies))
    }

    pub async fn state(&self, browser: &Browser, id: &JourneyId) -> &'static str {
        self.signin.phone_state(id, &browser.visitor()).await.unwrap().state
    }

    pub fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

/// A browser and its cookies.
pub struct Browser(pub Mutex<Visitor>);

impl Browser {
    pub fn visitor(&self) -> Visitor {
        self.0.lock().unwrap().clone()
    }
    pub fn take(&self, cookies: &NewCookies) {
        let mut visitor = self.0.lock().unwrap();
        if cookies.session.is_some() {
            visitor.session.clone_from(&cookies.session);
        }
        if cookies.browser.is_some() {
            visitor.browser.clone_from(&cookies.browser);
        }
        if cookies.known.is_some() {
            visitor.known.clone_from(&cookies.known);
        }
    }
    pub fn moves_to(&self, text: &str) {
        self.0.lock().unwrap().address = address(text);
    }
    pub fn drops_session(&self) {
        self.0.lock().unwrap().session = None;
    }
}

/// A phone: a key, and perhaps a passkey.
pub struct Phone {
    pub pair: Ed25519KeyPair,
    pub device: Device,
    pub authenticator: Mutex<Option<Authenticator>>,
    pub address: ClientAddress,
}

/// A claim as the phone holds it.
#[derive(Clone)]
pub struct Held {
    pub channel: String,
    pub claimed: Claimed,
    pub client: Option<String>,
}

/// A decision before it is signed.
#[derive(Clone)]
pub struct Draft {
    pub decision: qr::Decision,
    pub uv: bool,
    pub code: Option<CheckCode>,
    pub time: i64,
}

impl Phone {
    pub fn sign(&self, message: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.pair.sign(message.as_bytes()))
    }

    pub async fn scan(&self, world: &World, opened: &Opened) -> Result<Held, Refusal> {
        let channel = qr::wire::parse_qr_text(&opened.url, ISSUER).unwrap().to_owned();
        self.claim(world, &channel).await
    }

    pub async fn claim(&self, world: &World, channel: &str) -> Result<Held, Refusal> {
        let challenge = world.signin.challenge(&self.device.id, self.address).await?.challenge;
        let proof = ClaimProof {
            issuer: ISSUER,
            channel,
            device: &self.device.id.to_string(),
            challenge: &challenge,
        };
        let signature = self.sign(&proof.message().unwrap());
        self.claim_signed(world, channel, &challenge, &signature).await
    }

    pub async fn claim_signed(
        &self,
        world: &World,
        channel: &str,
        challenge: &str,
        signature: &str,
    ) -> Result<Held, Refusal> {
        let asked =
            ClaimAsked { device: self.device.id, channel, challenge, signature, address: self.address };
        let claimed = world.signin.claim(asked).await?;
        let facts: Value = serde_json::from_str(&claimed.facts).unwrap();
        let client = facts["client"]["id"].as_str().map(str::to_owned);
        Ok(Held { channel: channel.to_owned(), claimed, client })
    }

    pub async fn approve(&self, world: &World, held: &Held, code: &str) -> Result<Decided, Refusal> {
        let code = CheckCode::parse(code);
        self.decide(world, held, &Draft { code, ..draft(world, qr::Decision::Approve) }).await
    }

    pub async fn deny(&self, world: &World, held: &Held) -> Result<Decided, Refusal> {
        self.decide(world, held, &draft(world, qr::Decision::Deny)).await
    }

    pub async fn decide(&self, world: &World, held: &Held, draft: &Draft) -> Result<Decided, Refusal> {
        let signature = self.signed(held, draft);
        self.send(world, held, draft, &signature).await
    }

    pub fn signed(&self, held: &Held, draft: &Draft) -> String {
        self.sign(&message(held, draft, self.device.id, &self.device.account))
    }

    pub async fn send(
        &self,
        world: &World,
        held: &Held,
        draft: &Draft,
        signature: &str,
    ) -> Result<Decided, Refusal> {
        let assertion = match (&held.claimed.webauthn, draft.decision) {
            (Some(options), qr::Decision::Approve) => {
                self.authenticator.lock().unwrap().as_mut().map(|it| it.get(options))
            }
            _ => None,
        };
        let decision = Decision {
            device: self.device.id,
            claim: &held.claimed.claim,
            decision: draft.decision,
            check_code: draft.code,
            uv: draft.uv,
            time: draft.time,
            signature,
            assertion,
            address: self.address,
        };
        world.signin.decide(decision).await
    }

    pub async fn ask<T, F: Future<Output = T>>(
        &self,
        world: &World,
        path: &str,
        then: impl FnOnce(SignIn, OwnedAsk) -> F,
    ) -> T {
        let challenge = world.signin.challenge(&self.device.id, self.address).await.unwrap().challenge;
        let proof = DeviceProof {
            issuer: ISSUER,
            device: &self.device.id.to_string(),
            challenge: &challenge,
            method: "POST",
            path,
            body: b"{}",
        };
        let signature = self.sign(&proof.message().unwrap());
        let ask = OwnedAsk {
            device: self.device.id,
            challenge,
            signature,
            path: path.into(),
            address: self.address,
        };
        then(world.signin.clone(), ask).await
    }
}

/// A signed request that owns its parts.
pub struct OwnedAsk {
    pub device: DeviceId,
    pub challenge: String,
    pub signature: String,
    pub path: String,
    pub address: ClientAddress,
}

impl OwnedAsk {
    pub fn asked(&self) -> DeviceAsked<'_> {
        DeviceAsked {
            device: self.device,
            challenge: &self.challenge,
            signature: &self.signature,
            method: "POST",
            path: &self.path,
            body: b"{}",
            address: self.address,
        }
    }
}

pub fn draft(world: &World, decision: qr::Decision) -> Draft {
    let uv = decision == qr::Decision::Approve;
    Draft { decision, uv, code: None, time: world.app.now().seconds() }
}

pub fn message(held: &Held, draft: &Draft, device: DeviceId, account: &domain::AccountId) -> String {
    let client = held.client.as_ref().map(|id| id.parse().unwrap());
    let bound = Bound {
        issuer: ISSUER,
        channel: &held.channel,
        nonce: &held.claimed.nonce,
        facts: &facts::hash(&held.claimed.facts),
        client: client.as_ref(),
        account,
        device: &device,
    };
    let said =
        Said { decision: draft.decision, uv: draft.uv, code: draft.code, time: draft.time, signature: "" };
    approval::decision_message(&bound, &said).unwrap()
}

/// How often each word occurs.
pub fn tally(words: impl IntoIterator<Item = &'static str>) -> HashMap<&'static str, usize> {
    let mut counts = HashMap::new();
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    counts
}
