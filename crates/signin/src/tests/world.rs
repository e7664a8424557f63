//! A small world: one server's use cases, its people, their browsers and phones.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use app::journeys::{NewJourney, Purpose, Shown};
use app::{
    App, Clock, ConsentAsked, ConsentItem, Ending, Entropy, HashSettings, Issuer, Landing, Limits, Parts,
    Refusal, Visitor, journeys,
};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{
    Account, AccountState, AddedBy, AuditEntry, AuditFilter, Client, ClientAddress, ClientAuthMethod, Device,
    DeviceKey, DeviceKind, DeviceState, JourneyId, KeyAlg, Passkey, PasswordHash, SigningAlg, Timestamp,
    UserAgent,
};
use jose::seal::MasterKey;
use journey::{MethodPolicy, Need};
use live::Live;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use store::{SignedIn, Store};
use store_sql::SqlStore;

use super::actors::{Browser, Held, Phone};
use super::authenticator::Authenticator;
use crate::webauthn::Passkeys;
use crate::{Decided, Progress, Settings, SignIn};

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
    pub answers: Mutex<Vec<Vec<String>>>,
    pub finished: Mutex<Vec<String>>,
}

fn item(name: &str, is_optional: bool) -> ConsentItem {
    ConsentItem {
        name: name.to_owned(),
        scope: name.to_owned(),
        is_optional,
        is_already: false,
        is_declined: false,
        facts: Vec::new(),
    }
}

#[async_trait]
impl Ending for TestEnding {
    fn kind(&self) -> &'static str {
        "test"
    }
    async fn consent(&self, _: &Purpose, _: &SignedIn) -> Result<Option<ConsentAsked>, Refusal> {
        let asked = ConsentAsked { items: vec![item("openid", false), item("email", true)] };
        Ok(self.asks.lock().unwrap().then_some(asked))
    }
    async fn consent_given(
        &self,
        purpose: &Purpose,
        _: &SignedIn,
        chosen: &[String],
        _: ClientAddress,
    ) -> Result<Purpose, Refusal> {
        *self.asks.lock().unwrap() = false;
        self.answers.lock().unwrap().push(chosen.to_vec());
        let payload = [std::slice::from_ref(&purpose.payload), chosen].concat().join("+");
        Ok(Purpose { payload, ..purpose.clone() })
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
    world_over(Arc::new(live::InProcess::default()), limits, settings).await
}

/// Over a live store that can be lost.
pub async fn world_over(live: Arc<dyn Live>, limits: Limits, settings: Settings) -> World {
    let store = SqlStore::open(store_sql::Settings::temporary()).await.unwrap();
    let clock = Clock::manual(START);
    let app = App::new(Parts {
        issuer: Issuer::parse(ISSUER).unwrap(),
        store: Arc::new(store.clone()),
        live,
        outbound: Arc::new(outbound::Closed),
        mailer: None,
        clock: clock.clone(),
        entropy: Entropy::system(),
        hashing: HashSettings::default().with_threads(2),
        master_key: MasterKey::new([7; 32]),
        limits,
    });
    app.vault().open(MasterKey::new([8; 32]));
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
            roles: domain::Roles::NONE,
            groups: Vec::new(),
            language: None,
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

    pub async fn sign_out(&self, browser: &Browser) {
        let who = self.who(browser).await.unwrap();
        self.app.sign_out(&who, &browser.visitor()).await.unwrap();
    }

    pub async fn disable(&self, account: &Account) {
        let mut work = self.store.begin().await.unwrap();
        assert!(work.set_account_state(&account.id, AccountState::Disabled, self.app.now()).await.unwrap());
        work.commit().await.unwrap();
        self.app.tell(app::Change::Account(account.id)).await;
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
            metadata: domain::ClientMetadata::default(),
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
            key: Some(DeviceKey { alg: KeyAlg::EdDSA, public, thumbprint }),
            cas_name: None,
            verifies_user: true,
            passkey: None,
            state: DeviceState::Active,
            added_by: AddedBy::Owner,
            agreed_at: Some(self.app.now()),
            created_at: self.app.now(),
            last_used_at: None,
            record: domain::DeviceRecord::new(self.app.now()),
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
