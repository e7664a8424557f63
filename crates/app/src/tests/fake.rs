//! A store with one session and one client, whose reads can be held. It has no writes: a unit of work is
//! counted and refused.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use domain::audit::chain::{AuditBlock, KeptEntry};
use domain::{
    Account, AccountId, AccountState, AuditFilter, AuditOrder, AuditPage, BrowserSession, Client,
    ClientAuthMethod, ClientId, Consent, Device, DeviceId, Grant, GrantId, InitialToken, KeyRecord, Method,
    Passkey, PasswordHash, Proof, RefreshFamily, SecretHash, SessionEnd, SessionId, SigningAlg, Timestamp,
};
use store::{
    Accounts, AuditTrail, CasLogin, CasLogins, Clients, Devices, Grants, Keys, Logouts, Page, Refresh,
    Result, SessionClient, Sessions, SignedIn, Store, StoreError, View, Work,
};
use tokio::sync::Notify;

mod registry;

/// Holds a read between the row and its reader.
#[derive(Default)]
pub struct Gate {
    pub has_read: Notify,
    pub go_on: Notify,
}

pub struct FakeStore {
    session: Mutex<SignedIn>,
    client: Mutex<Client>,
    gate: Mutex<Option<Arc<Gate>>>,
    reads: AtomicUsize,
    notes: AtomicUsize,
    is_broken: AtomicBool,
}

impl FakeStore {
    pub fn with_session(secret_hash: SecretHash, now: Timestamp) -> Self {
        let account = Account {
            id: AccountId::from_random([1; 16]),
            username: "ada".parse().unwrap(),
            state: AccountState::Active,
            claims: serde_json::Map::new(),
            webauthn_handle: [0; 16],
            roles: domain::Roles::NONE,
            groups: Vec::new(),
            language: None,
            created_at: now,
            updated_at: now,
        };
        let session = BrowserSession {
            id: SessionId::from_random([2; 16]),
            account: account.id,
            secret_hash,
            proofs: vec![Proof { method: Method::Password, at: now, known_browser: false }],
            device: None,
            browser: "Firefox on Linux".to_owned(),
            address: "192.0.2.1".to_owned(),
            created_at: now,
            last_used_at: now,
            idle_seconds: 900,
            expires_at: now.after(std::time::Duration::from_secs(3600)),
            ended: None,
        };
        let client = Client {
            id: "shop".parse().unwrap(),
            name: "Shop".to_owned(),
            is_verified: true,
            is_enabled: true,
            redirect_uris: vec!["https://shop.example/cb".to_owned()],
            is_native: false,
            auth_method: ClientAuthMethod::None,
            secret_hash: None,
            scopes: vec!["openid".to_owned()],
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
            created_at: now,
        };
        Self {
            session: Mutex::new(SignedIn { session, account }),
            client: Mutex::new(client),
            gate: Mutex::default(),
            reads: AtomicUsize::new(0),
            notes: AtomicUsize::new(0),
            is_broken: AtomicBool::new(false),
        }
    }

    pub fn session(&self) -> SignedIn {
        self.session.lock().unwrap().clone()
    }
    pub fn end_session(&self, now: Timestamp) {
        self.session.lock().unwrap().session.ended = Some((now, SessionEnd::SignedOut));
    }
    pub fn change_account(&self, change: impl FnOnce(&mut Account)) {
        change(&mut self.session.lock().unwrap().account);
    }
    pub fn disable_client(&self) {
        self.client.lock().unwrap().is_enabled = false;
    }
    pub fn hold_next_read(&self) -> Arc<Gate> {
        let gate = Arc::new(Gate::default());
        *self.gate.lock().unwrap() = Some(Arc::clone(&gate));
        gate
    }
    pub fn break_down(&self) {
        self.is_broken.store(true, Ordering::SeqCst);
    }
    pub fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
    /// Units of work that were asked for.
    pub fn notes(&self) -> usize {
        self.notes.load(Ordering::SeqCst)
    }
}

/// A store handle; the view needs the shared part.
pub struct Handle(pub Arc<FakeStore>);

#[async_trait]
impl Store for Handle {
    async fn begin(&self) -> Result<Box<dyn Work>> {
        self.0.notes.fetch_add(1, Ordering::SeqCst);
        Err(StoreError::Unavailable("read-only".to_owned()))
    }
    async fn read(&self) -> Result<Box<dyn View>> {
        if self.0.is_broken.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("disk is full".to_owned()));
        }
        Ok(Box::new(FakeView(Arc::clone(&self.0))))
    }
    async fn check(&self) -> Result<()> {
        Ok(())
    }
    async fn sweep(&self, _: Timestamp, _: u32) -> Result<u64> {
        Ok(0)
    }
    async fn close(&self) {}
}

struct FakeView(Arc<FakeStore>);

#[async_trait]
impl Sessions for FakeView {
    async fn session_by_secret(&mut self, secret: &SecretHash) -> Result<Option<SignedIn>> {
        self.0.reads.fetch_add(1, Ordering::SeqCst);
        let found = Some(self.0.session()).filter(|who| who.session.secret_hash == *secret);
        let gate = self.0.gate.lock().unwrap().take();
        if let Some(gate) = gate {
            gate.has_read.notify_one();
            gate.go_on.notified().await;
        }
        Ok(found)
    }
    async fn session(&mut self, _: &SessionId) -> Result<Option<BrowserSession>> {
        Ok(None)
    }
    async fn sessions_of_device(
        &mut self,
        _: &DeviceId,
        _: Timestamp,
        _: u32,
    ) -> Result<Vec<BrowserSession>> {
        Ok(Vec::new())
    }
    async fn sessions_of_account(
        &mut self,
        _: &AccountId,
        _: Timestamp,
        _: u32,
    ) -> Result<Vec<BrowserSession>> {
        Ok(Vec::new())
    }
    async fn is_known_browser(&mut self, _: &AccountId, _: &SecretHash) -> Result<bool> {
        Ok(false)
    }
}

#[async_trait]
impl Clients for FakeView {
    async fn client(&mut self, id: &ClientId) -> Result<Option<Client>> {
        Ok(Some(self.0.client.lock().unwrap().clone()).filter(|client| client.id == *id))
    }
    async fn cas_services(&mut self, _: u32) -> Result<Vec<Client>> {
        Ok(Vec::new())
    }
    async fn clients(&mut self, _: Page<'_>) -> Result<Vec<Client>> {
        Ok(Vec::new())
    }
    async fn consent(&mut self, _: &AccountId, _: &ClientId) -> Result<Option<Consent>> {
        Ok(None)
    }
    async fn consents_of(&mut self, _: &AccountId, _: Page<'_>) -> Result<Vec<(Consent, Client)>> {
        Ok(Vec::new())
    }
    async fn initial_tokens(&mut self, _: u32) -> Result<Vec<InitialToken>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Accounts for FakeView {
    async fn account(&mut self, _: &AccountId) -> Result<Option<Account>> {
        Ok(None)
    }
    async fn account_for_password(
        &mut self,
        _: &str,
    ) -> Result<Option<(Account, Option<PasswordHash>, u32)>> {
        Ok(None)
    }
    async fn account_by_username(&mut self, _: &str) -> Result<Option<Account>> {
        Ok(None)
    }
    async fn account_by_handle(&mut self, _: &[u8; 16]) -> Result<Option<Account>> {
        Ok(None)
    }
    async fn accounts(&mut self, _: Page<'_>) -> Result<Vec<Account>> {
        Ok(Vec::new())
    }
    async fn has_accounts(&mut self) -> Result<bool> {
        Ok(true)
    }
    async fn passkey(&mut self, _: &[u8]) -> Result<Option<Passkey>> {
        Ok(None)
    }
    async fn passkeys(&mut self, _: &AccountId) -> Result<Vec<Passkey>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Devices for FakeView {
    async fn device(&mut self, _: &DeviceId) -> Result<Option<Device>> {
        Ok(None)
    }
    async fn device_to_act(&mut self, _: &DeviceId) -> Result<Option<(Device, Account, Option<Passkey>)>> {
        Ok(None)
    }
    async fn device_by_cas_name(&mut self, _: &str) -> Result<Option<(Device, Account)>> {
        Ok(None)
    }
    async fn devices_with_cas_names(&mut self, _: &[String]) -> Result<Vec<Device>> {
        Ok(Vec::new())
    }
    async fn devices_of(&mut self, _: &AccountId) -> Result<Vec<Device>> {
        Ok(Vec::new())
    }
    async fn devices(&mut self, _: Page<'_>) -> Result<Vec<Device>> {
        Ok(Vec::new())
    }
    async fn find_devices(
        &mut self,
        _: &store::DeviceFilter<'_>,
        _: domain::DeviceSort,
        _: bool,
        _: Option<&domain::list::Cursor>,
        _: u32,
    ) -> Result<Vec<domain::ListedDevice>> {
        Ok(Vec::new())
    }
    async fn keys_of_device(&mut self, _: &DeviceId) -> Result<Vec<domain::PastKey>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Grants for FakeView {
    async fn grant(&mut self, _: &GrantId) -> Result<Option<(Grant, Account)>> {
        Ok(None)
    }
    async fn is_token_revoked(&mut self, _: &SecretHash) -> Result<bool> {
        Ok(false)
    }
}

#[async_trait]
impl Refresh for FakeView {
    async fn refresh_family(&mut self, _: &GrantId) -> Result<Option<(RefreshFamily, Grant, Account)>> {
        Ok(None)
    }
}

#[async_trait]
impl Logouts for FakeView {
    async fn session_clients(&mut self, _: &SessionId) -> Result<Vec<SessionClient>> {
        Ok(Vec::new())
    }
    async fn waiting_logouts(&mut self) -> Result<u64> {
        Ok(0)
    }
}

#[async_trait]
impl CasLogins for FakeView {
    async fn cas_logins(&mut self, _: &SessionId) -> Result<Vec<CasLogin>> {
        Ok(Vec::new())
    }
    async fn waiting_cas_logouts(&mut self) -> Result<u64> {
        Ok(0)
    }
}

#[async_trait]
impl Keys for FakeView {
    async fn signing_keys(&mut self) -> Result<Vec<KeyRecord>> {
        Ok(Vec::new())
    }
    async fn setting(&mut self, _: &str) -> Result<Option<String>> {
        Ok(None)
    }
}

#[async_trait]
impl AuditTrail for FakeView {
    async fn audit_page(
        &mut self,
        _: &AuditFilter,
        _: AuditOrder,
        _: Option<i64>,
        _: u32,
    ) -> Result<AuditPage> {
        Ok(AuditPage { entries: Vec::new(), next: None })
    }
    async fn kept_audit(&mut self, _: i64, _: u32) -> Result<Vec<KeptEntry>> {
        Ok(Vec::new())
    }
    async fn usernames(&mut self, _: &[AccountId]) -> Result<Vec<(AccountId, String)>> {
        Ok(Vec::new())
    }
    async fn audit_writers(&mut self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
    async fn audit_head(&mut self) -> Result<Option<AuditBlock>> {
        Ok(None)
    }
    async fn audit_blocks(&mut self, _: i64, _: u32) -> Result<Vec<AuditBlock>> {
        Ok(Vec::new())
    }
}
