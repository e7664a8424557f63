//! A row that is no valid value leaves as `Corrupt`, with its table, column and id.

use domain::{
    AddedBy, AuditEntry, AuditEvent, AuditFilter, BrowserSession, Device, DeviceId, DeviceKey, DeviceKind,
    DeviceState, KeyAlg, KeyRecord, KeyState, KeyUse, Method, Outcome, PasswordHash, Proof, SecretHash,
    SessionId, SigningAlg,
};
use store::{Store as _, StoreError};
use store_sql::SqlStore;

use crate::given::{NOW, account, bytes, grant, kept_account, raw, store};

/// Reads everything there is; the first refusal comes back.
async fn read_all(
    store: &SqlStore,
    device: &DeviceId,
    session: &SessionId,
    grant: &domain::GrantId,
) -> store::Result<()> {
    let mut view = store.read().await?;
    view.account_for_password("ada").await?;
    view.device(device).await?;
    view.session(session).await?;
    view.grant(grant).await?;
    view.signing_keys().await?;
    view.audit_trail(&AuditFilter::default(), 0, 10).await?;
    Ok(())
}

#[tokio::test]
async fn a_broken_row_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latchbolt.db");
    let store = store(&path).await;
    let ada = kept_account(&store).await;
    let device = Device {
        id: DeviceId::from_random(bytes()),
        account: ada.id,
        kind: DeviceKind::Web,
        name: "phone".into(),
        platform: "Android".into(),
        key: Some(DeviceKey { alg: KeyAlg::ES256, public: vec![4; 65], thumbprint: "t".into() }),
        cas_name: None,
        verifies_user: true,
        passkey: None,
        state: DeviceState::Active,
        added_by: AddedBy::Owner,
        agreed_at: None,
        created_at: NOW,
        last_used_at: None,
        record: domain::DeviceRecord::new(NOW),
    };
    let session = BrowserSession {
        id: SessionId::from_random(bytes()),
        account: ada.id,
        secret_hash: SecretHash([3; 32]),
        proofs: vec![Proof { method: Method::Password, at: NOW, known_browser: false }],
        device: None,
        browser: "Firefox".into(),
        address: "192.0.2.7".into(),
        created_at: NOW,
        last_used_at: NOW,
        idle_seconds: 60,
        expires_at: NOW,
        ended: None,
    };
    let grant = grant(ada.id);
    let key = KeyRecord {
        kid: "k".into(),
        used_for: KeyUse::Sign(SigningAlg::ES256),
        state: KeyState::Current,
        sealed: vec![1],
        created_at: NOW,
        retired_at: None,
    };
    let mut work = store.begin().await.unwrap();
    work.set_password(&PasswordHash { account: ada.id, phc: "$".into(), changed_at: NOW }).await.unwrap();
    assert!(work.add_device(&device, 5).await.unwrap());
    work.add_session(&session, None).await.unwrap();
    work.spend_code(&grant, NOW).await.unwrap();
    work.add_signing_key(&key).await.unwrap();
    work.audit(AuditEntry::new(AuditEvent::KeyCreated, Outcome::Done, NOW)).await.unwrap();
    work.commit().await.unwrap();
    read_all(&store, &device.id, &session.id, &grant.id).await.unwrap();

    let ada_id = account().id.to_string();
    let (device_id, session_id, grant_id) =
        (device.id.to_string(), session.id.to_string(), grant.id.to_string());
    let mut database = raw(&path).await;
    for (fault, repair, table, column, id) in [
        (
            "UPDATE accounts SET state = 'asleep'",
            "UPDATE accounts SET state = 'active'",
            "accounts",
            "state",
            &ada_id,
        ),
        (
            "UPDATE accounts SET claims = '[]'",
            "UPDATE accounts SET claims = '{}'",
            "accounts",
            "claims",
            &ada_id,
        ),
        (
            "UPDATE accounts SET username = 'a b'",
            "UPDATE accounts SET username = 'ada'",
            "accounts",
            "username",
            &ada_id,
        ),
        (
            "UPDATE accounts SET webauthn_handle = x'01'",
            "UPDATE accounts SET webauthn_handle = x'01010101010101010101010101010101'",
            "accounts",
            "webauthn_handle",
            &ada_id,
        ),
        (
            "UPDATE passwords SET wrong_in_a_row = -1",
            "UPDATE passwords SET wrong_in_a_row = 0",
            "passwords",
            "wrong_in_a_row",
            &ada_id,
        ),
        (
            "UPDATE devices SET state = 'gone'",
            "UPDATE devices SET state = 'active'",
            "devices",
            "state",
            &device_id,
        ),
        (
            "UPDATE devices SET key_alg = 'none'",
            "UPDATE devices SET key_alg = 'ES256'",
            "devices",
            "key_alg",
            &device_id,
        ),
        (
            "UPDATE devices SET kind = 'cas'",
            "UPDATE devices SET kind = 'web'",
            "devices",
            "key_alg",
            &device_id,
        ),
        (
            "UPDATE devices SET passkey_id = 'dev_x'",
            "UPDATE devices SET passkey_id = NULL",
            "devices",
            "passkey_id",
            &device_id,
        ),
        (
            "UPDATE sessions SET ended_at = 1",
            "UPDATE sessions SET ended_at = NULL",
            "sessions",
            "ended_at",
            &session_id,
        ),
        (
            "UPDATE sessions SET proofs = '{'",
            "UPDATE sessions SET proofs = ''",
            "sessions",
            "proofs",
            &session_id,
        ),
        (
            "UPDATE grants SET client_id = ''",
            "UPDATE grants SET client_id = 'shop'",
            "grants",
            "client_id",
            &grant_id,
        ),
        (
            "UPDATE signing_keys SET alg = 'none'",
            "UPDATE signing_keys SET alg = 'ES256'",
            "signing_keys",
            "alg",
            &"k".to_owned(),
        ),
        (
            "UPDATE audit SET event = 'nothing'",
            "UPDATE audit SET event = 'key.created'",
            "audit",
            "event",
            &"1".to_owned(),
        ),
    ] {
        sqlx::query(fault).execute(&mut database).await.unwrap();
        let refused = read_all(&store, &device.id, &session.id, &grant.id).await;
        match refused {
            Err(StoreError::Corrupt { table: in_table, column: in_column, id: of }) => {
                assert_eq!((in_table, in_column, &of), (table, column, id), "{fault}");
            }
            other => panic!("{fault}: {other:?}"),
        }
        sqlx::query(repair).execute(&mut database).await.unwrap();
        read_all(&store, &device.id, &session.id, &grant.id).await.unwrap();
    }
    // A value that is missing where one must be is found out by the tables themselves.
    let missing = sqlx::query("UPDATE accounts SET state = NULL").execute(&mut database).await;
    assert!(missing.is_err());
    store.close().await;
}
