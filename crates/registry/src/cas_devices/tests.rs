//! Phones with CAS apps over a real database.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use app::{App, Clock, Entropy, HashSettings, Issuer, Limits, Parts, Secret};
use domain::{
    AuditFilter, BrowserSession, ClientAddress, Method, Permissions, Proof, Role, Roles, RowFate, RowOutcome,
    SessionId,
};
use futures_util::future::join_all;
use jose::seal::MasterKey;
use store::Store;

use super::*;
use crate::Settings;
use crate::import::{ImportKind, NotImported};
use crate::jobs::RowQuery;
use crate::users::NewUser;

const HERE: ClientAddress = ClientAddress(IpAddr::V4(Ipv4Addr::LOCALHOST));

struct Place {
    registry: Registry,
    store: Arc<dyn Store>,
    clock: Clock,
    ada: Account,
    bob: Account,
}

async fn place() -> Place {
    let clock = Clock::manual(Timestamp::from_seconds(1_800_000_000));
    let store: Arc<dyn Store> =
        Arc::new(store_sql::SqlStore::open(store_sql::Settings::temporary()).await.unwrap());
    let app = App::new(Parts {
        issuer: Issuer::parse("https://id.example").unwrap(),
        store: Arc::clone(&store),
        live: Arc::new(live::InProcess::default()),
        outbound: Arc::new(outbound::Closed),
        mailer: None,
        clock: clock.clone(),
        entropy: Entropy::system(),
        hashing: HashSettings::default(),
        master_key: MasterKey::new([7; 32]),
        limits: Limits::unlimited(),
    });
    app.vault().open(MasterKey::new([8; 32]));
    let registry = Registry::new(&app, Settings::default());
    let new = |name: &str| NewUser { username: name.to_owned(), ..NewUser::default() };
    let ada = registry.create_user(new("ada")).await.unwrap();
    let bob = registry.create_user(new("bob")).await.unwrap();
    Place { registry, store, clock, ada, bob }
}

fn named(cas_name: &str) -> NewCasDevice {
    NewCasDevice { cas_name: cas_name.to_owned(), name: None }
}

fn with(role: Role) -> Mandate {
    Mandate { permissions: Permissions::of(Roles::NONE.with(role)), ..Mandate::operator() }
}

impl Place {
    async fn add(&self, owner: &Account, cas_name: &str) -> Result<Device, Refusal> {
        let by = DeviceActor::operator();
        let owned = self.registry.register_cas_device(&by, owner.clone(), &named(cas_name)).await;
        owned.map(|owned| owned.device)
    }

    async fn found(&self, cas_name: &str) -> Option<Device> {
        let found = self.store.read().await.unwrap().device_by_cas_name(cas_name).await.unwrap();
        found.map(|(device, _)| device)
    }

    async fn notices(&self, owner: &Account) -> Vec<NoticeKind> {
        let all = self.store.read().await.unwrap().notices_of(&owner.id, None, 50).await.unwrap();
        all.into_iter().map(|notice| notice.kind).collect()
    }

    async fn events(&self, event: AuditEvent) -> usize {
        let trail = self.registry.audit_trail(&AuditFilter::default(), 0, 500).await.unwrap();
        trail.iter().filter(|kept| kept.entry.event == event).count()
    }

    async fn visitor(&self, number: u8, proofs: &[(Method, u64)]) -> Visitor {
        let now = self.clock.now();
        let secret = Secret::new([number; 32]);
        let proof = |&(method, ago): &(Method, u64)| Proof {
            method,
            at: now.before(Duration::from_secs(ago)),
            known_browser: true,
        };
        let session = BrowserSession {
            id: SessionId::from_random([number; 16]),
            account: self.ada.id,
            secret_hash: secret.hash(),
            proofs: proofs.iter().map(proof).collect(),
            device: None,
            browser: "Firefox on Linux".to_owned(),
            address: "127.0.0.1".to_owned(),
            created_at: now,
            last_used_at: now,
            idle_seconds: 3600,
            expires_at: now.after(Duration::from_secs(36_000)),
            ended: None,
        };
        let mut work = self.store.begin().await.unwrap();
        work.add_session(&session, None).await.unwrap();
        work.commit().await.unwrap();
        let agent = domain::UserAgent::default();
        Visitor { browser: None, session: Some(secret), known: None, address: HERE, agent }
    }
}

#[tokio::test]
async fn sec_085_only_what_is_registered_is_there() {
    let place = place().await;
    assert!(place.found("my-phone").await.is_none(), "there is no permissive default");
    let device = place.add(&place.ada, "My-Phone").await.unwrap();
    assert_eq!(place.found("my-phone").await.unwrap(), device);
    assert_eq!((device.kind, device.state), (DeviceKind::Cas, DeviceState::Active));
    assert_eq!((device.key, device.verifies_user, device.passkey), (None, false, None));
    assert_eq!((device.cas_name.as_deref(), device.name.as_str()), (Some("my-phone"), "my-phone"));
    for bad in ["", "my phone", "phöne", "a\nb", "a/b", "*", &"x".repeat(129)] {
        let refused = place.add(&place.ada, bad).await;
        assert!(matches!(refused, Err(Refusal::Invalid { field: "cas_name", .. })), "{bad:?}");
    }
    let odd = NewCasDevice { cas_name: "fine".to_owned(), name: Some("a\u{202e}b".to_owned()) };
    let by = DeviceActor::operator();
    let refused = place.registry.register_cas_device(&by, place.ada.clone(), &odd).await;
    assert!(matches!(refused, Err(Refusal::Invalid { field: "name", .. })));
}

#[tokio::test]
async fn sec_084_nobody_takes_a_name_over() {
    let place = place().await;
    let first = place.add(&place.ada, "phone").await.unwrap();
    for (owner, name) in [(&place.bob, "phone"), (&place.bob, "PHONE"), (&place.ada, "Phone")] {
        assert_eq!(place.add(owner, name).await, Err(Refusal::Conflict("cas_name")), "{name}");
    }
    let by = Mandate::operator();
    let taken = place.registry.allow_cas_device(&by, "bob", "Phone").await;
    assert_eq!(taken, Err(Refusal::Conflict("cas_name")));
    assert_eq!(place.found("phone").await.unwrap(), first, "it is who it was, and whose it was");
    // Also while it is stopped; once it is given up the name is free, and the phone before stays what it was.
    place.registry.suspend_device(&first.id.to_string()).await.unwrap();
    assert_eq!(place.add(&place.bob, "phone").await, Err(Refusal::Conflict("cas_name")));
    place.registry.revoke_device(&first.id.to_string(), true).await.unwrap();
    let second = place.add(&place.bob, "phone").await.unwrap();
    assert_ne!(second.id, first.id);
    let back = place.registry.restore_device(&first.id.to_string()).await;
    assert_eq!(back, Err(Refusal::Conflict("device_state")));
    assert_eq!(place.found("phone").await.unwrap().account, place.bob.id);
}

#[tokio::test]
async fn sec_074_cas_apps_count_like_other_phones() {
    let place = place().await;
    let made = join_all((0..12).map(|n| {
        let place = &place;
        async move { place.add(&place.ada, &format!("phone{n}")).await }
    }))
    .await;
    assert_eq!(made.iter().filter(|one| one.is_ok()).count(), 5);
    assert!(
        made.iter().filter_map(|one| one.as_ref().err()).all(|r| *r == Refusal::Conflict("device_limit"))
    );
    assert!(place.add(&place.bob, "bobs").await.is_ok());
}

#[tokio::test]
async fn sec_078_the_owner_is_told_of_each_change() {
    let place = place().await;
    let id = place.add(&place.ada, "phone").await.unwrap().id;
    place.clock.advance(Duration::from_secs(1));
    place.registry.suspend_device(&id.to_string()).await.unwrap();
    place.clock.advance(Duration::from_secs(1));
    place.registry.restore_device(&id.to_string()).await.unwrap();
    place.clock.advance(Duration::from_secs(1));
    place.registry.remove_cas_device(&DeviceActor::operator(), "PHONE", true).await.unwrap().unwrap();
    let told = place.notices(&place.ada).await;
    assert!(matches!(
        &told[..],
        [
            NoticeKind::DeviceRevoked { .. },
            NoticeKind::DeviceRestored { .. },
            NoticeKind::DeviceSuspended { .. },
            NoticeKind::DeviceAdded { is_pending: false, .. },
        ]
    ));
    assert_eq!(place.notices(&place.bob).await.len(), 0);
    for event in [AuditEvent::DeviceAdded, AuditEvent::DeviceSuspended, AuditEvent::DeviceRevoked] {
        assert_eq!(place.events(event).await, 1, "{event:?}");
    }
}

#[tokio::test]
async fn sec_083_owners_remove_their_own_alone_and_twice_does_no_harm() {
    let place = place().await;
    place.add(&place.ada, "phone").await.unwrap();
    let bob = DeviceActor::owner(place.bob.id, HERE);
    let unknown = place.registry.remove_cas_device(&bob, "nobodys", true).await.unwrap();
    let foreign = place.registry.remove_cas_device(&bob, "phone", true).await.unwrap();
    assert!(unknown.is_none() && foreign.is_none(), "a foreign one is answered like none");
    assert!(place.found("phone").await.is_some());
    let ada = DeviceActor::owner(place.ada.id, HERE);
    let removed = place.registry.remove_cas_device(&ada, "phone", true).await.unwrap().unwrap();
    assert_eq!(removed.device.state, DeviceState::Revoked);
    for name in ["phone", "no name", ""] {
        assert!(place.registry.remove_cas_device(&ada, name, true).await.unwrap().is_none(), "{name}");
    }
    // On its own page an app is removed even where no other way in is left: it was none.
    let last = place.add(&place.ada, "last").await.unwrap();
    place.registry.remove_device(&place.ada.id, HERE, &last.id).await.unwrap();
}

#[tokio::test]
async fn sec_068_the_endpoint_for_devices_lists_registers_and_removes() {
    let place = place().await;
    let registry = &place.registry;
    let by = Mandate::operator();
    assert_eq!(registry.cas_devices_of(&by, "nobody").await.unwrap(), Vec::<String>::new());
    for _ in 0..2 {
        registry.allow_cas_device(&by, "ADA", "One").await.unwrap();
    }
    registry.allow_cas_device(&by, "ada", "two").await.unwrap();
    assert_eq!(registry.cas_devices_of(&by, "ada").await.unwrap(), ["one", "two"]);
    assert_eq!(place.events(AuditEvent::DeviceAdded).await, 2, "registering twice is once");
    assert_eq!(registry.allow_cas_device(&by, "nobody", "x").await, Err(Refusal::NotFound));
    let two = place.found("two").await.unwrap().id.to_string();
    registry.suspend_device(&two).await.unwrap();
    assert_eq!(registry.cas_devices_of(&by, "ada").await.unwrap(), ["one"]);
    let stopped = registry.allow_cas_device(&by, "ada", "two").await;
    assert_eq!(stopped, Err(Refusal::Conflict("device_state")), "it is let back by who stopped it");
    for _ in 0..2 {
        registry.forbid_cas_device(&by, "ONE").await.unwrap();
    }
    registry.forbid_cas_device(&by, "never there").await.unwrap();
    assert_eq!(registry.cas_devices_of(&by, "ada").await.unwrap(), Vec::<String>::new());
    let done = join_all((0..8).map(|_| registry.allow_cas_device(&by, "bob", "at-once"))).await;
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    assert_eq!(registry.cas_devices_of(&by, "bob").await.unwrap(), ["at-once"]);
}

#[tokio::test]
async fn sec_181_who_may_less_registers_and_lists_nothing() {
    let place = place().await;
    let registrar = with(Role::DeviceRegistrar);
    let mut work = place.store.begin().await.unwrap();
    let boss = Roles::NONE.with(Role::Superadmin);
    work.set_own_roles(&place.bob.id, boss, None, place.registry.now()).await.unwrap();
    work.commit().await.unwrap();
    place.registry.allow_cas_device(&registrar, "ada", "adas").await.unwrap();
    let above = place.registry.allow_cas_device(&registrar, "bob", "bobs").await;
    assert_eq!(above, Err(Refusal::Forbidden));
    let nobody = Mandate { permissions: Permissions::NONE, ..Mandate::operator() };
    assert_eq!(place.registry.cas_devices_of(&nobody, "ada").await, Err(Refusal::Forbidden));
    assert_eq!(place.registry.allow_cas_device(&nobody, "ada", "x").await, Err(Refusal::Forbidden));
    assert_eq!(place.registry.forbid_cas_device(&nobody, "adas").await, Err(Refusal::Forbidden));
    assert!(place.found("adas").await.is_some() && place.found("bobs").await.is_none());
}

#[tokio::test]
async fn sec_070_owners_register_after_a_fresh_strong_proof_alone() {
    let place = place().await;
    let nobody = Visitor { session: None, ..place.visitor(1, &[]).await };
    let refused = place.registry.register_own_cas_device(&nobody, &named("a")).await;
    assert!(matches!(refused, Err(Refusal::NotSignedIn)));
    // Ada holds something by now, so that a password alone is not enough.
    let mut work = place.store.begin().await.unwrap();
    let since = place.clock.now().before(Duration::from_secs(86_400));
    let totp = domain::Totp { account: place.ada.id, sealed: vec![1], last_step: 1, confirmed_at: since };
    assert!(work.add_totp(&totp).await.unwrap());
    work.commit().await.unwrap();
    for (number, proofs) in [
        (2, vec![(Method::Password, 10)]),
        (3, vec![(Method::Phone, 10)]),
        (4, vec![(Method::Password, 600), (Method::Totp, 600)]),
        (5, vec![(Method::CasPhone, 10)]),
        (6, vec![(Method::CasPhone, 10), (Method::Password, 10)]),
    ] {
        let visitor = place.visitor(number, &proofs).await;
        let refused = place.registry.register_own_cas_device(&visitor, &named("a")).await;
        assert!(matches!(refused, Err(Refusal::StepUpNeeded)), "{proofs:?}");
    }
    let strong = place.visitor(9, &[(Method::Password, 10), (Method::Totp, 10)]).await;
    let made = place.registry.register_own_cas_device(&strong, &named("A")).await.unwrap().device;
    assert_eq!(
        (made.account, made.added_by, made.state),
        (place.ada.id, AddedBy::Desktop, DeviceState::Active)
    );
    assert!(made.agreed_at.is_some());
}

#[tokio::test]
async fn sec_075_sec_076_policies_hold_for_what_owners_register() {
    let place = place().await;
    let by = Mandate::operator();
    let policy = |value: serde_json::Value| {
        let (place, by) = (&place, &by);
        async move { place.registry.save_policy(by, "devices", &value, None).await.unwrap() }
    };
    policy(serde_json::json!({"approval": true})).await;
    let visitor = place.visitor(2, &[(Method::Passkey, 10)]).await;
    let made = place.registry.register_own_cas_device(&visitor, &named("waits")).await.unwrap().device;
    assert_eq!(made.state, DeviceState::Pending);
    assert_eq!(place.registry.cas_devices_of(&by, "ada").await.unwrap(), Vec::<String>::new());
    policy(serde_json::json!({"approval": false, "attestation": "required"})).await;
    let refused = place.registry.register_own_cas_device(&visitor, &named("unvouched")).await;
    assert!(matches!(refused, Err(Refusal::Conflict("attestation_required"))), "{refused:?}");
}

const MAP: &str = r#"{
  # Hjson, as CAS writes it
  "Adas-Phone": "ada"
  "bobs": "BOB"
  "theirs": "ada"
  "known": "ada"
  "ada": "stranger"
  "lost": "stranger"
  "bad id": "ada"
}"#;

#[tokio::test]
async fn sec_084_a_map_is_planned_first_and_takes_nothing_over() {
    let place = place().await;
    place.add(&place.bob, "theirs").await.unwrap();
    place.add(&place.ada, "known").await.unwrap();
    let by = Mandate::operator();
    let job = place.registry.import(&by, ImportKind::CasDevices, MAP.as_bytes()).await.unwrap();
    let rows = async || {
        let query = RowQuery { rows: 20, ..RowQuery::default() };
        place.registry.job_rows(&job.id, query).await.unwrap()
    };
    let planned = rows().await;
    let fate = |label: &str| planned.iter().find(|row| row.label == label).map(|row| row.fate).unwrap();
    assert_eq!(fate("adas-phone: ada"), RowFate::Create);
    assert_eq!(fate("bobs: BOB"), RowFate::Create);
    assert_eq!(fate("known: ada"), RowFate::Unchanged);
    for label in ["theirs: ada", "ada: stranger", "lost: stranger", "bad id"] {
        assert_eq!(fate(label), RowFate::Conflict, "{label}");
    }
    let turned = planned.iter().find(|row| row.label == "ada: stranger").unwrap();
    assert!(turned.reason.as_ref().unwrap().contains("wrong way round"));
    assert!(place.found("adas-phone").await.is_none(), "nothing is changed by looking");
    // Meanwhile somebody registers one of them.
    place.add(&place.ada, "bobs").await.unwrap();
    place.registry.start_job(&by, &job.id).await.unwrap();
    while place.registry.run_jobs("node").await.unwrap() {}
    let done = rows().await;
    let outcome = |label: &str| done.iter().find(|row| row.label == label).unwrap().outcome;
    assert_eq!(outcome("adas-phone: ada"), Some(RowOutcome::Done));
    assert_eq!(outcome("bobs: BOB"), Some(RowOutcome::Failed));
    let made = place.found("adas-phone").await.unwrap();
    assert_eq!((made.account, made.kind, made.key), (place.ada.id, DeviceKind::Cas, None));
    assert_eq!(place.found("theirs").await.unwrap().account, place.bob.id);
    assert_eq!(place.found("bobs").await.unwrap().account, place.ada.id);
    for unread in ["[]", "{", "\u{0}"] {
        let refused = place.registry.import(&by, ImportKind::CasDevices, unread.as_bytes()).await;
        assert!(matches!(refused, Err(NotImported::File(_))), "{unread}");
    }
    let refused = place.registry.import(&by, ImportKind::CasDevices, &[0xff, 0xfe]).await;
    assert!(matches!(refused, Err(NotImported::File(_))));
    let auditor = with(Role::Auditor);
    let refused = place.registry.import(&auditor, ImportKind::CasDevices, MAP.as_bytes()).await;
    assert!(matches!(refused, Err(NotImported::Refused(Refusal::Forbidden))));
}
