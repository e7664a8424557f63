//! What the suite begins with: people, phones, clients, sessions.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::{
    Account, AccountId, AccountState, AddedBy, BrowserSession, Client, ClientAuthMethod, ClientId,
    CredentialId, Device, DeviceId, DeviceKey, DeviceKind, DeviceRecord, DeviceState, Enrolment, EnrolmentId,
    EnrolmentKind, EnrolmentOrigin, Grant, GrantId, KeyAlg, Method, Passkey, Proof, SecretHash, SessionId,
    SigningAlg, Timestamp,
};

use crate::{Store, Work};

/// The suite's now.
pub const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// So many seconds after [`NOW`], or before it.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(NOW.millis() + seconds * 1000)
}

/// Bytes that were not given before; spread, so that their order is no order of time.
pub fn bytes() -> [u8; 16] {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = (u64::from(std::process::id()) << 32) + NEXT.fetch_add(1, Ordering::Relaxed);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    bytes
}

/// A hash that was not given before.
pub fn hash() -> SecretHash {
    let mut all = [7; 32];
    all[..16].copy_from_slice(&bytes());
    SecretHash(all)
}

/// An open unit.
pub async fn unit(store: &dyn Store) -> Box<dyn Work> {
    store.begin().await.unwrap()
}

/// An account, not kept yet.
pub fn account(username: &str) -> Account {
    let claims =
        serde_json::json!({ "name": "Ada Lovelace", "email": "ada@example.com", "email_verified": true });
    Account {
        id: AccountId::from_random(bytes()),
        username: username.parse().unwrap(),
        state: AccountState::Active,
        claims: claims.as_object().unwrap().clone(),
        webauthn_handle: bytes(),
        roles: domain::Roles::NONE,
        groups: Vec::new(),
        language: None,
        created_at: at(-100),
        updated_at: at(-50),
    }
}

/// An account that is kept.
pub async fn kept_account(store: &dyn Store, username: &str) -> Account {
    let account = account(username);
    let mut work = unit(store).await;
    work.add_account(&account).await.unwrap();
    work.commit().await.unwrap();
    account
}

/// A phone, not kept yet.
pub fn device(owner: AccountId) -> Device {
    let bytes = bytes();
    Device {
        id: DeviceId::from_random(bytes),
        account: owner,
        kind: DeviceKind::Web,
        name: "Ada's phone".into(),
        platform: "Android".into(),
        key: Some(DeviceKey {
            alg: KeyAlg::ES256,
            public: bytes.repeat(4),
            thumbprint: DeviceId::from_random(bytes).to_string(),
        }),
        cas_name: None,
        verifies_user: true,
        passkey: Some(CredentialId::from_random(self::bytes())),
        state: DeviceState::Active,
        added_by: AddedBy::Owner,
        agreed_at: Some(at(-40)),
        created_at: at(-40),
        last_used_at: None,
        record: DeviceRecord::new(at(-40)),
    }
}

/// A phone with an app made for CAS, not kept yet.
pub fn cas_device(owner: AccountId, name: &str) -> Device {
    Device {
        kind: DeviceKind::Cas,
        name: name.to_owned(),
        platform: "CAS".into(),
        key: None,
        cas_name: Some(name.to_owned()),
        verifies_user: false,
        passkey: None,
        added_by: AddedBy::Admin,
        agreed_at: None,
        ..device(owner)
    }
}

/// A phone that is kept.
pub async fn kept_device(store: &dyn Store, owner: AccountId) -> Device {
    let device = device(owner);
    let mut work = unit(store).await;
    assert!(work.add_device(&device, 100).await.unwrap());
    work.commit().await.unwrap();
    device
}

/// A passkey, not kept yet.
pub fn passkey(owner: AccountId) -> Passkey {
    Passkey {
        id: CredentialId::from_random(bytes()),
        account: owner,
        device: None,
        credential_id: bytes().to_vec(),
        passkey: r#"{"counter":0}"#.into(),
        name: "Key".into(),
        created_at: at(-30),
        last_used_at: None,
    }
}

/// A living session, not kept yet.
pub fn session(owner: AccountId) -> BrowserSession {
    BrowserSession {
        id: SessionId::from_random(bytes()),
        account: owner,
        secret_hash: hash(),
        proofs: vec![Proof { method: Method::Password, at: at(-10), known_browser: false }],
        device: None,
        browser: "Firefox on Linux".into(),
        address: "192.0.2.7".into(),
        created_at: at(-10),
        last_used_at: at(-5),
        idle_seconds: 600,
        expires_at: at(3600),
        ended: None,
    }
}

/// A session that is kept.
pub async fn kept_session(store: &dyn Store, session: BrowserSession) -> BrowserSession {
    let mut work = unit(store).await;
    work.add_session(&session, None).await.unwrap();
    work.commit().await.unwrap();
    session
}

/// A client, not kept yet.
pub fn client(id: &str) -> Client {
    Client {
        id: id.parse().unwrap(),
        name: "The Shop".into(),
        is_verified: false,
        is_enabled: true,
        redirect_uris: vec!["https://shop.example/back".into(), "https://shop.example/other".into()],
        is_native: false,
        auth_method: ClientAuthMethod::ClientSecretBasic,
        secret_hash: Some(hash()),
        scopes: vec!["openid".into(), "profile".into()],
        id_token_alg: SigningAlg::ES256,
        requires_pkce: true,
        skips_consent: false,
        requires_phishing_resistant: false,
        skips_check_code: false,
        requires_same_country: false,
        default_max_age: None,
        logo_uri: None,
        client_uri: Some("https://shop.example/".into()),
        policy_uri: None,
        tos_uri: None,
        metadata: domain::ClientMetadata::default(),
        created_at: at(-1000),
    }
}

/// A grant, not kept yet.
pub fn grant(account: AccountId, client: &str, session: SessionId) -> Grant {
    let client: ClientId = client.parse().unwrap();
    Grant {
        id: GrantId::from_random(bytes()),
        account,
        client,
        session,
        scope: "openid profile".into(),
        created_at: NOW,
        expires_at: at(3600),
        revoked_at: None,
    }
}

/// A grant that is kept.
pub async fn kept_grant(store: &dyn Store, grant: Grant) -> Grant {
    let mut work = unit(store).await;
    assert_eq!(work.spend_code(&grant, NOW).await.unwrap(), crate::Spend::First);
    work.commit().await.unwrap();
    grant
}

/// When the grant was revoked.
pub async fn revoked_at(store: &dyn Store, id: &GrantId) -> Option<Timestamp> {
    store.read().await.unwrap().grant(id).await.unwrap().unwrap().0.revoked_at
}

/// An enrolment, not kept yet.
pub fn enrolment(owner: AccountId) -> Enrolment {
    Enrolment {
        id: EnrolmentId::from_random(bytes()),
        account: owner,
        kind: EnrolmentKind::Link,
        token_hash: hash(),
        code_hash: None,
        origin: EnrolmentOrigin::Desktop,
        session: Some(SessionId::from_random(bytes())),
        job: None,
        created_at: NOW,
        expires_at: at(600),
        outcome: None,
        ended_at: None,
        device: None,
    }
}
