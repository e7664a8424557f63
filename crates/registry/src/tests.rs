//! The use cases over a real database and real live state.

use std::sync::Arc;

use app::{App, Clock, Entropy, HashSettings, Issuer, Limits, Parts, Refusal};
use domain::{
    AccountState, AuditEvent, AuditFilter, Client, ClientAddress, ClientAuthMethod, DeviceState, Grant,
    GrantId, SessionId, SigningAlg, Timestamp,
};
use jose::seal::MasterKey;
use live::{Faulty, InProcess, Live};
use secrecy::SecretString;
use store::Store;

use crate::devices::NewDevice;
use crate::setup::SetupOffer;
use crate::users::NewUser;
use crate::{Paging, Registry, Settings};

const P256: &str = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#;

pub(crate) async fn store() -> Arc<dyn Store> {
    Arc::new(store_sql::SqlStore::open(store_sql::Settings::temporary()).await.unwrap())
}

pub(crate) async fn registry() -> Registry {
    registry_on(store().await, Arc::new(InProcess::default()))
}

/// A node over a store and a live store that it may share with others.
pub(crate) fn registry_on(store: Arc<dyn Store>, live: Arc<dyn Live>) -> Registry {
    let app = App::new(Parts {
        issuer: Issuer::parse("https://id.example").unwrap(),
        store,
        live,
        outbound: Arc::new(outbound::Closed),
        mailer: None,
        clock: Clock::manual(Timestamp::from_seconds(1_800_000_000)),
        entropy: Entropy::system(),
        hashing: HashSettings::default(),
        master_key: MasterKey::new([7; 32]),
        limits: Limits::default(),
    });
    Registry::new(&app, Settings::default())
}

fn ada() -> NewUser {
    NewUser { username: "Ada".to_owned(), email: Some("ada@example.org".to_owned()), ..NewUser::default() }
}

fn password(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

const HERE: ClientAddress = ClientAddress(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

pub(crate) async fn events(registry: &Registry) -> Vec<AuditEvent> {
    let trail = registry.audit_trail(&AuditFilter::default(), 0, 500).await.unwrap();
    trail.into_iter().map(|kept| kept.entry.event).collect()
}

#[tokio::test]
async fn an_account_is_made_once_in_every_spelling_and_stopped_and_started() {
    let registry = registry().await;
    registry.create_user(ada()).await.unwrap();
    let again = registry.create_user(NewUser { username: "aDA".to_owned(), ..NewUser::default() }).await;
    assert_eq!(again.unwrap_err(), Refusal::Conflict("username"));
    assert_eq!(registry.disable_user("ada").await.unwrap().state, AccountState::Disabled);
    assert!(!registry.user("ADA").await.unwrap().is_active());
    registry.enable_user("ada").await.unwrap();
    assert!(registry.user("ada").await.unwrap().is_active());
    assert_eq!(registry.disable_user("nobody").await.unwrap_err(), Refusal::NotFound);
    assert_eq!(
        events(&registry).await,
        [AuditEvent::AccountCreated, AuditEvent::AccountDisabled, AuditEvent::AccountEnabled]
    );
}

#[tokio::test]
async fn sec_188_the_newest_setup_link_works_once() {
    let store = store().await;
    let lost = token(&registry_on(Arc::clone(&store), Arc::new(InProcess::default()))).await;
    // The next start of the program.
    let registry = registry_on(store, Arc::new(InProcess::default()));
    let token = token(&registry).await;
    let by_lost = registry.take_setup(&lost, "root", password("long enough"), HERE).await;
    assert_eq!(by_lost.unwrap_err(), Refusal::Gone, "the newer link took its place");

    let short = registry.take_setup(&token, "root", password("short"), HERE).await;
    assert!(matches!(short, Err(Refusal::Invalid { field: "password", .. })));
    let wrong = "A".repeat(43);
    let guessed = registry.take_setup(&wrong, "root", password("long enough"), HERE).await;
    assert_eq!(guessed.unwrap_err(), Refusal::Gone);
    registry.take_setup(&token, "root", password("long enough"), HERE).await.unwrap();
    let twice = registry.take_setup(&token, "other", password("long enough"), HERE).await;
    assert_eq!(twice.unwrap_err(), Refusal::Gone);
    assert!(matches!(registry.offer_setup().await.unwrap(), SetupOffer::NotNeeded));
    assert_eq!(registry.users(&Paging::default()).await.unwrap().len(), 1);
}

async fn token(registry: &Registry) -> String {
    match registry.offer_setup().await.unwrap() {
        SetupOffer::Token(token) => token.text(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn sec_188_of_nodes_that_start_together_one_shows_a_link_that_works() {
    let (store, live): (_, Arc<dyn Live>) = (store().await, Arc::new(InProcess::default()));
    let nodes: Vec<_> = (0..5).map(|_| registry_on(Arc::clone(&store), Arc::clone(&live))).collect();
    let mut tokens = Vec::new();
    for node in &nodes {
        match node.offer_setup().await.unwrap() {
            SetupOffer::Token(token) => tokens.push(token.text()),
            SetupOffer::ShownElsewhere => {}
            SetupOffer::NotNeeded => panic!("there is no administrator"),
        }
    }
    assert_eq!(tokens.len(), 1);
    nodes[4].take_setup(&tokens[0], "root", password("long enough"), HERE).await.unwrap();
    for node in &nodes {
        assert!(matches!(node.offer_setup().await.unwrap(), SetupOffer::NotNeeded));
    }
}

#[tokio::test]
async fn sec_213_what_an_administrator_does_is_done_without_the_live_store() {
    let live = Faulty::shared();
    let registry = registry_on(store().await, live.clone());
    registry.create_user(ada()).await.unwrap();
    live.lose();
    assert_eq!(registry.disable_user("ada").await.unwrap().state, AccountState::Disabled);
    registry.enable_user("ada").await.unwrap();
    registry.set_password("ada", &password("long enough")).await.unwrap();
    let new = NewDevice {
        username: "ada".to_owned(),
        public_jwk: P256.to_owned(),
        name: "Phone".to_owned(),
        platform: "app".to_owned(),
        model: None,
    };
    let device = registry.add_device(new).await.unwrap().device;
    let revoked = registry.revoke_device(&device.id.to_string(), true).await.unwrap();
    assert_eq!(revoked.device.state, DeviceState::Revoked);
    // The link's tries cannot be counted, so none is taken.
    let refused = registry.take_setup("guess", "root", password("long enough"), HERE).await;
    assert!(matches!(refused, Err(Refusal::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn accounts_made_by_the_command_line_do_not_take_the_setup_link_away() {
    let registry = registry().await;
    registry.create_user(ada()).await.unwrap();
    let token = token(&registry).await;
    let taken = registry.take_setup(&token, "ada", password("long enough"), HERE).await;
    assert_eq!(taken.unwrap_err(), Refusal::Conflict("username"));
    registry.take_setup(&token, "root", password("long enough"), HERE).await.unwrap();
}

#[tokio::test]
async fn sec_189_pages_are_capped() {
    let registry = registry().await;
    let huge = Paging { after: None, limit: 1_000_000 };
    assert!(matches!(registry.users(&huge).await, Err(Refusal::Invalid { .. })));
    assert!(matches!(registry.clients(&huge).await, Err(Refusal::Invalid { .. })));
}

fn shop(id: &str) -> Client {
    Client {
        id: id.parse().unwrap(),
        name: "The Shop".to_owned(),
        is_verified: true,
        is_enabled: true,
        redirect_uris: vec!["https://shop.example/cb".to_owned()],
        is_native: false,
        auth_method: ClientAuthMethod::ClientSecretBasic,
        secret_hash: None,
        scopes: vec!["openid".to_owned()],
        id_token_alg: SigningAlg::ES256,
        requires_pkce: false,
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
        created_at: Timestamp::from_seconds(1_800_000_000),
    }
}

#[tokio::test]
async fn a_client_is_registered_listed_and_deleted() {
    let registry = registry().await;
    let made = registry.create_client(shop("shop"), None).await.unwrap();
    assert!(made.secret.is_some() && made.client.secret_hash.is_some());
    assert!(registry.create_client(shop("shop"), None).await.is_err());
    assert_eq!(registry.clients(&Paging::default()).await.unwrap(), [made.client]);
    registry.delete_client("shop").await.unwrap();
    assert_eq!(registry.delete_client("shop").await.unwrap_err(), Refusal::NotFound);
}

#[tokio::test]
async fn sec_196_a_given_client_secret_has_to_be_long() {
    let registry = registry().await;
    for secret in ["short", &"x".repeat(31), &"ü".repeat(32)] {
        let refused = registry.create_client(shop("shop"), Some(password(secret))).await;
        assert!(refused.is_err(), "{secret}");
    }
}

fn phone() -> NewDevice {
    NewDevice {
        username: "ada".to_owned(),
        public_jwk: P256.to_owned(),
        name: "Phone".to_owned(),
        platform: "Android".to_owned(),
        model: None,
    }
}

#[tokio::test]
async fn sec_081_a_revoked_device_and_its_key_never_come_back() {
    let registry = registry().await;
    registry.create_user(ada()).await.unwrap();
    let id = registry.add_device(phone()).await.unwrap().device.id.to_string();
    assert_eq!(registry.suspend_device(&id).await.unwrap().state, DeviceState::Suspended);
    assert_eq!(registry.restore_device(&id).await.unwrap().state, DeviceState::Active);
    registry.revoke_device(&id, true).await.unwrap();
    assert_eq!(registry.restore_device(&id).await.unwrap_err(), Refusal::Conflict("device_state"));
    assert_eq!(registry.add_device(phone()).await.unwrap_err(), Refusal::Conflict("device_key"));
    assert_eq!(registry.devices(&Paging::default()).await.unwrap()[0].device.state, DeviceState::Revoked);
}

#[tokio::test]
async fn sec_073_a_private_or_odd_key_is_refused() {
    let registry = registry().await;
    registry.create_user(ada()).await.unwrap();
    let private = P256.replacen("\"kty\"", "\"d\":\"AAAA\",\"kty\"", 1);
    for bad in [private.as_str(), "{}", "", r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#] {
        let new = NewDevice { public_jwk: bad.to_owned(), ..phone() };
        assert!(matches!(registry.add_device(new).await, Err(Refusal::Invalid { .. })), "{bad}");
    }
}

#[tokio::test]
async fn an_enrolment_link_is_for_an_active_account() {
    let registry = registry().await;
    registry.create_user(ada()).await.unwrap();
    let link = registry.offer_enrolment("ada").await.unwrap();
    assert!(link.url.starts_with("https://id.example/phone#e1"));
    registry.disable_user("ada").await.unwrap();
    assert_eq!(registry.offer_enrolment("ada").await.unwrap_err(), Refusal::Conflict("account_state"));
}

#[tokio::test]
async fn sec_214_a_node_ten_minutes_ahead_sweeps_no_spent_code_that_others_still_take() {
    let registry = registry().await;
    let account = registry.create_user(ada()).await.unwrap();
    let now = registry.app.now();
    let minutes = |minutes: u64| std::time::Duration::from_secs(60 * minutes);
    let mut work = registry.app.store().begin().await.unwrap();
    for (number, ended) in [(1, 9), (2, 20)] {
        let grant = Grant {
            id: GrantId::from_random([number; 16]),
            account: account.id,
            client: "shop".parse().unwrap(),
            session: SessionId::from_random([3; 16]),
            scope: "openid".to_owned(),
            created_at: now.before(minutes(30)),
            expires_at: now.before(minutes(ended)),
            revoked_at: None,
        };
        work.spend_code(&grant, now).await.unwrap();
    }
    work.commit().await.unwrap();
    assert_eq!(registry.sweep_step().await.unwrap(), 1, "the one that is over everywhere");
    let mut view = registry.app.store().read().await.unwrap();
    assert!(view.grant(&GrantId::from_random([1; 16])).await.unwrap().is_some());
}

#[tokio::test]
async fn a_client_is_changed_and_gets_a_secret_when_it_needs_one() {
    let registry = registry().await;
    let made = registry.create_client(shop("shop"), None).await.unwrap();
    let renamed = Client { name: "New".to_owned(), ..made.client.clone() };
    let changed = registry.update_client(renamed, None).await.unwrap();
    assert!(changed.secret.is_none());
    assert_eq!(changed.client.secret_hash, made.client.secret_hash);
    assert_eq!(registry.client("shop").await.unwrap().name, "New");
    let public = Client { auth_method: ClientAuthMethod::None, secret_hash: None, ..changed.client.clone() };
    let changed = registry.update_client(public, None).await.unwrap();
    assert!(changed.secret.is_none() && changed.client.secret_hash.is_none());
    let again = Client { auth_method: ClientAuthMethod::ClientSecretPost, ..changed.client };
    let changed = registry.update_client(again, None).await.unwrap();
    assert!(changed.secret.is_some() && changed.client.secret_hash.is_some());
    assert_ne!(changed.client.secret_hash, made.client.secret_hash);
    assert!(registry.update_client(shop("none"), None).await.is_err());
    assert!(events(&registry).await.contains(&AuditEvent::ClientChanged));
}

#[tokio::test]
async fn sec_115_a_secret_that_checks_an_hmac_is_sealed() {
    let registry = registry().await;
    let hmac = Client { auth_method: ClientAuthMethod::ClientSecretJwt, ..shop("shop") };
    assert!(registry.create_client(hmac.clone(), None).await.is_err(), "the data key is not loaded");
    registry.app.vault().open(MasterKey::new([9; 32]));
    let made = registry.create_client(hmac, None).await.unwrap();
    let sealed = made.client.metadata.sealed_secret.clone().unwrap();
    let secret = made.secret.unwrap();
    let sealer = registry.app.lasting_sealer("client secret").unwrap();
    let secret = secrecy::ExposeSecret::expose_secret(&secret);
    assert_eq!(sealer.open(b"shop", &sealed).as_deref(), Some(secret.as_bytes()));
    assert_eq!(sealer.open(b"other", &sealed), None);
    let plain = Client { auth_method: ClientAuthMethod::PrivateKeyJwt, ..shop("keys") };
    let made = registry.create_client(plain.clone(), None).await.unwrap();
    assert!(made.secret.is_none() && made.client.secret_hash.is_none());
    let given = Some(password("a secret of more than 32 characters"));
    assert!(registry.create_client(Client { id: "k2".parse().unwrap(), ..plain }, given).await.is_err());
}

#[tokio::test]
async fn sec_131_a_right_to_register_is_kept_as_its_hash_and_taken_back() {
    use std::time::Duration;
    let registry = registry().await;
    let day = Duration::from_secs(24 * 3600);
    let made = registry.create_initial_token("partner", 2, day).await.unwrap();
    assert_eq!(made.kept.hash, made.token.hash());
    assert!(registry.create_initial_token("partner", 1, day).await.is_err(), "the name is taken");
    for (name, uses, life) in [
        ("", 1, day),
        ("a\nb", 1, day),
        ("a", 0, day),
        ("a", 10_001, day),
        ("a", 1, Duration::ZERO),
        ("a", 1, day * 367),
    ] {
        let refused = registry.create_initial_token(name, uses, life).await;
        assert!(matches!(refused, Err(Refusal::Invalid { .. })), "{name:?} {uses} {life:?}");
    }
    assert_eq!(registry.initial_tokens().await.unwrap(), [made.kept]);
    registry.delete_initial_token("partner").await.unwrap();
    assert_eq!(registry.delete_initial_token("partner").await, Err(Refusal::NotFound));
    let told = events(&registry).await;
    assert_eq!(told.iter().filter(|e| **e == AuditEvent::InitialTokenChanged).count(), 2);
}

/// A program that opens the administration is deleted by nobody who could not have registered it.
#[tokio::test]
async fn sec_181_a_client_manager_deletes_no_client_that_opens_more() {
    let registry = registry().await;
    for (id, scope) in [("nightly", "admin"), ("shop", "openid")] {
        let client = Client { scopes: vec![scope.to_owned()], ..shop(id) };
        registry.create_client(client, None).await.unwrap();
    }
    let permissions = domain::Permissions::of(domain::Roles::NONE.with(domain::Role::ClientManager));
    let manager = app::Mandate { permissions, ..app::Mandate::operator() };
    assert_eq!(registry.delete_client_by(&manager, "nightly", None).await, Err(Refusal::Forbidden));
    assert_eq!(registry.delete_client_by(&manager, "shop", None).await, Ok(()));
    assert_eq!(registry.delete_client_by(&app::Mandate::operator(), "nightly", None).await, Ok(()));
}

#[tokio::test]
async fn sec_079_owners_let_back_only_what_they_stopped_themselves() {
    let registry = registry().await;
    let owner = registry.create_user(ada()).await.unwrap();
    let device = registry.add_device(phone()).await.unwrap().device;
    let owner = crate::devices::DeviceActor::owner(owner.id, HERE);
    registry.suspend_device(&device.id.to_string()).await.unwrap();
    // Calling it lost changes nothing about who had stopped it.
    registry.lost_device(&owner, &device.id, crate::lost::LostReason::Lost, None).await.unwrap();
    assert_eq!(registry.found_device(&owner, &device.id).await, Err(Refusal::Forbidden));
    registry.restore_device(&device.id.to_string()).await.unwrap();
    registry.lost_device(&owner, &device.id, crate::lost::LostReason::Lost, None).await.unwrap();
    assert_eq!(registry.found_device(&owner, &device.id).await.unwrap().state, DeviceState::Active);
}

/// The trail says who let others register relying parties, not only that somebody did.
#[tokio::test]
async fn sec_186_the_trail_names_who_made_an_initial_token() {
    let registry = registry().await;
    let actor = domain::Actor::Account(domain::AccountId::from_random([3; 16]));
    let by = app::Mandate { actor: actor.clone(), ..app::Mandate::operator() };
    let day = std::time::Duration::from_secs(24 * 3600);
    registry.create_initial_token_by(&by, "partners", 2, day).await.unwrap();
    registry.delete_initial_token_by(&by, "partners").await.unwrap();
    let trail = registry.audit_trail(&AuditFilter::default(), 0, 500).await.unwrap();
    let told = trail.iter().filter(|kept| kept.entry.event == AuditEvent::InitialTokenChanged);
    assert!(told.clone().all(|kept| kept.entry.actor == Some(actor.clone())));
    assert_eq!(told.count(), 2);
}
