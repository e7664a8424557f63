//! Apps made for CAS, and the world that takes them.

use std::sync::Arc;

use app::{App, Entropy, HashSettings, Issuer, Limits, Parts, Refusal};
use cas::stomp::Approval;
use cas::{ChannelName, DeviceName, Secret, Told};
use domain::{
    Account, AddedBy, Attestation, ClientAddress, Device, DeviceKind, DeviceRecord, DeviceState, JourneyId,
};
use jose::seal::MasterKey;
use journey::{MethodPolicy, Need};
use secrecy::SecretString;
use store::Store as _;

use super::actors::Browser;
use super::world::{ISSUER, PASSWORD, World, address, world_with};
use crate::{CasOpened, CasPhoneSettings, CasRedeemed, CasWatch, Fence, Progress, Settings, SignIn};

/// An app on a phone that is registered.
pub struct CasApp {
    pub device: Device,
    pub name: DeviceName,
    pub address: ClientAddress,
}

pub fn settings(fence: Fence) -> Settings {
    Settings {
        methods: MethodPolicy::ALL,
        cas_phone: CasPhoneSettings { fence, ..CasPhoneSettings::default() },
        ..Settings::default()
    }
}

/// A world that takes such apps, and a relying party `wiki` that does. Its networks may do as they like.
pub async fn cas_world(fence: Fence) -> World {
    cas_world_with(Limits::unlimited(), settings(fence)).await
}

pub async fn cas_world_with(limits: Limits, settings: Settings) -> World {
    let world = world_with(limits, settings).await;
    world.client("wiki", |client| client.metadata.takes_cas_apps = true).await;
    world
}

impl World {
    /// Another node over the same stores.
    pub fn node(&self, settings: Settings) -> SignIn {
        let app = App::new(Parts {
            issuer: Issuer::parse(ISSUER).unwrap(),
            store: Arc::new(self.store.clone()),
            live: Arc::clone(self.app.live()),
            outbound: Arc::new(outbound::Closed),
            mailer: None,
            clock: self.clock.clone(),
            entropy: Entropy::system(),
            hashing: HashSettings::default().with_threads(1),
            master_key: MasterKey::new([7; 32]),
            limits: Limits::unlimited(),
        });
        app.vault().open(MasterKey::new([8; 32]));
        SignIn::new(&app, settings, vec![self.ending.clone()])
    }

    pub async fn cas_app(&self, owner: &Account, name: &str) -> CasApp {
        self.cas_app_with(owner, name, |_| {}).await
    }

    pub async fn cas_app_with(
        &self,
        owner: &Account,
        name: &str,
        change: impl FnOnce(&mut Device),
    ) -> CasApp {
        let name = DeviceName::parse(name).unwrap();
        let now = self.app.now();
        let mut device = Device {
            id: self.app.entropy().id(),
            account: owner.id,
            kind: DeviceKind::Cas,
            name: "The old app".into(),
            platform: "Test".into(),
            key: None,
            cas_name: Some(name.as_str().to_owned()),
            verifies_user: false,
            passkey: None,
            state: DeviceState::Active,
            added_by: AddedBy::Admin,
            agreed_at: Some(now),
            created_at: now,
            last_used_at: None,
            record: DeviceRecord { attestation: Attestation::None, ..DeviceRecord::new(now) },
        };
        change(&mut device);
        let mut work = self.store.begin().await.unwrap();
        assert!(work.add_device(&device, 50).await.unwrap());
        work.commit().await.unwrap();
        CasApp { device, name, address: address("192.0.2.10") }
    }

    pub async fn move_cas_app(&self, app: &CasApp, to: DeviceState) {
        let mut work = self.store.begin().await.unwrap();
        let from = [DeviceState::Active, DeviceState::Pending, DeviceState::Suspended];
        assert!(work.move_device(&app.device.id, None, &from, to, self.app.now()).await.unwrap());
        work.commit().await.unwrap();
    }

    pub async fn wiki_journey(&self, browser: &Browser) -> JourneyId {
        self.journey_for(browser, Some("wiki"), Need::default()).await
    }

    pub async fn cas_open(&self, browser: &Browser, id: &JourneyId) -> CasOpened {
        self.signin.cas_open(id, &browser.visitor(), None).await.unwrap()
    }

    pub async fn cas_watch(&self, browser: &Browser, channel: &ChannelName) -> CasWatch {
        self.signin.cas_watch(&browser.visitor(), channel).await.unwrap()
    }

    /// Opens the page, has the app approve, and answers the handle that the browser is told.
    pub async fn cas_approved(&self, browser: &Browser, id: &JourneyId, app: &CasApp) -> Secret {
        let token = app.token(self).await.unwrap();
        let opened = self.cas_open(browser, id).await;
        let mut watch = self.cas_watch(browser, &opened.channel).await;
        app.approve(&self.signin, &opened.channel, &token).await;
        handle(watch.next().await, app)
    }

    pub async fn cas_redeem(
        &self,
        browser: &Browser,
        id: &JourneyId,
        handle: &Secret,
        app: &CasApp,
    ) -> Result<CasRedeemed, Refusal> {
        let device = app.name.as_str();
        let redeemed = self.signin.cas_redeem(id, &browser.visitor(), handle.expose(), device).await;
        if let Ok(CasRedeemed::Done(progress)) = &redeemed {
            browser.take(&progress.cookies);
        }
        redeemed
    }

    pub async fn cas_confirm(&self, browser: &Browser, id: &JourneyId) -> Result<Progress, Refusal> {
        let confirmed = self.signin.cas_confirm(id, &browser.visitor()).await;
        confirmed.inspect(|progress| browser.take(&progress.cookies))
    }

    /// All of it, with the default fence.
    pub async fn signed_in_by(&self, app: &CasApp) -> Browser {
        let browser = self.browser();
        let id = self.wiki_journey(&browser).await;
        let handle = self.cas_approved(&browser, &id, app).await;
        let redeemed = self.cas_redeem(&browser, &id, &handle, app).await.unwrap();
        assert!(matches!(redeemed, CasRedeemed::Confirm(_)));
        self.cas_confirm(&browser, &id).await.unwrap();
        browser
    }

    /// How many wrong ones in a row are kept with the account.
    pub async fn wrong_in_a_row(&self, account: &Account) -> u32 {
        let held = self.store.read().await.unwrap().factors_held(&account.id).await.unwrap();
        held.unwrap().wrong_in_a_row
    }
}

impl CasApp {
    pub async fn token(&self, world: &World) -> Result<Secret, Refusal> {
        self.token_for(world, "ada", PASSWORD).await
    }

    pub async fn token_for(&self, world: &World, name: &str, password: &str) -> Result<Secret, Refusal> {
        let mut visitor = world.browser().visitor();
        visitor.address = self.address;
        world.signin.cas_token(&visitor, name, &SecretString::from(password), &self.name).await
    }

    pub async fn approve(&self, signin: &SignIn, channel: &ChannelName, token: &Secret) {
        let (device, token) = (Some(self.name.clone()), Some(token.clone()));
        signin.cas_accept(&Approval { channel: channel.clone(), device, token }, self.address).await;
    }
}

/// The handle in what a browser was told.
pub fn handle(told: Option<Told>, app: &CasApp) -> Secret {
    match told {
        Some(Told::Success { handle, device }) => {
            assert_eq!(device, app.name);
            handle
        }
        other => panic!("{other:?}"),
    }
}

/// A world with Ada and her app.
pub async fn adas(fence: Fence) -> (World, CasApp) {
    let world = cas_world(fence).await;
    let ada = world.account("ada").await;
    let app = world.cas_app(&ada, "AdasPhone").await;
    (world, app)
}

/// Ends what an app stands on.
pub async fn stop(world: &World, app: &CasApp, what: &str) {
    let owner = world.store.read().await.unwrap().account(&app.device.account).await.unwrap().unwrap();
    match what {
        "device" => world.move_cas_app(app, DeviceState::Suspended).await,
        "account" => world.disable(&owner).await,
        "password" => {
            let phc = world.app.hashing().hash(&SecretString::from("another one, please")).await.unwrap();
            let changed_at = world.app.now().after(std::time::Duration::from_millis(1));
            let mut work = world.store.begin().await.unwrap();
            let hash = domain::PasswordHash { account: owner.id, phc, changed_at };
            work.set_password(&hash).await.unwrap();
            work.commit().await.unwrap();
        }
        other => panic!("{other}"),
    }
}
