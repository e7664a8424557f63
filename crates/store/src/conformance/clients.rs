//! Promises about relying parties and consents.

use std::pin::pin;
use std::time::Duration;

use domain::{
    Client, ClientAuthMethod, ClientKeys, ClientMetadata, Consent, GrantType, InitialToken, LogoutUri,
    ResponseType, SessionId, SigningAlg, SubjectType,
};
use futures_util::future::{join, join_all};
use futures_util::poll;

use super::given::{NOW, at, bytes, client, grant, hash, kept_account, kept_grant, revoked_at, unit};
use crate::{Page, Store, StoreError};

/// Metadata with something of every kind.
fn metadata() -> ClientMetadata {
    ClientMetadata {
        grant_types: GrantType::ALL.to_vec(),
        response_types: ResponseType::ALL.to_vec(),
        keys: Some(ClientKeys::Jwks(r#"{"keys":[]}"#.into())),
        subject: SubjectType::Pairwise { sector: "shop.example".into() },
        backchannel_logout: Some(LogoutUri {
            uri: "https://shop.example/out".into(),
            session_required: true,
        }),
        optional_scopes: vec!["email".into()],
        sealed_secret: Some(vec![0, 255, 7]),
        registration_token: Some(hash()),
        ..ClientMetadata::default()
    }
}

/// A client comes back as it was kept, with everything set and with everything left out.
pub async fn a_client_survives_its_row(store: &dyn Store) {
    let plain = client("plain");
    let mut full = client("full");
    full.is_verified = true;
    full.is_native = true;
    full.auth_method = ClientAuthMethod::ClientSecretPost;
    full.id_token_alg = SigningAlg::RS256;
    full.skips_consent = true;
    full.requires_phishing_resistant = true;
    full.skips_check_code = true;
    full.requires_same_country = true;
    full.default_max_age = Some(u32::MAX);
    full.logo_uri = Some("https://shop.example/logo".into());
    full.policy_uri = Some("https://shop.example/policy".into());
    full.tos_uri = Some("https://shop.example/terms".into());
    full.metadata = metadata();
    let mut public = client("public");
    public.is_enabled = false;
    public.auth_method = ClientAuthMethod::None;
    public.secret_hash = None;
    public.requires_pkce = false;
    public.redirect_uris.clear();
    let mut work = unit(store).await;
    for client in [&plain, &full, &public] {
        work.add_client(client).await.unwrap();
    }
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    for client in [plain, full, public] {
        assert_eq!(view.client(&client.id).await.unwrap(), Some(client));
    }
    assert_eq!(view.client(&"nobody".parse().unwrap()).await.unwrap(), None);
}

/// An id belongs to one client; letters count as they are written.
pub async fn a_client_id_is_taken_once(store: &dyn Store) {
    let mut work = unit(store).await;
    work.add_client(&client("shop")).await.unwrap();
    let refused = work.add_client(&client("shop")).await;
    assert!(matches!(refused, Err(StoreError::Conflict("client_id"))), "{refused:?}");
    work.add_client(&client("Shop")).await.unwrap();
    work.commit().await.unwrap();
}

/// Pages follow the ids.
pub async fn clients_come_in_pages(store: &dyn Store) {
    let mut work = unit(store).await;
    for id in ["c", "a", "B", "e", "d"] {
        work.add_client(&client(id)).await.unwrap();
    }
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    let first = view.clients(Page { after: None, limit: 3 }).await.unwrap();
    let rest = view.clients(Page { after: Some("b"), limit: 30 }).await.unwrap();
    let ids = |page: &[domain::Client]| page.iter().map(|c| c.id.to_string()).collect::<Vec<_>>();
    assert_eq!(ids(&first), ["B", "a", "c"]);
    assert_eq!(ids(&rest), ["c", "d", "e"]);
}

/// A consent is kept in place of the one before.
pub async fn a_consent_is_replaced(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let shop = client("shop");
    let first = Consent {
        account: ada.id,
        client: shop.id.clone(),
        scopes: vec!["openid".into()],
        declined: vec!["email".into()],
        given_at: NOW,
    };
    let mut second = first.clone();
    second.scopes.push("profile".into());
    second.declined.clear();
    second.given_at = at(5);
    let mut work = unit(store).await;
    work.add_client(&shop).await.unwrap();
    assert_eq!(work.consent(&ada.id, &shop.id).await.unwrap(), None);
    for consent in [&first, &second] {
        work.keep_consent(consent).await.unwrap();
        assert_eq!(work.consent(&ada.id, &shop.id).await.unwrap().as_ref(), Some(consent));
    }
    work.commit().await.unwrap();
}

/// With a client go its consents, and its grants are revoked; others keep theirs.
pub async fn a_deleted_client_takes_its_consents_and_grants(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let mut work = unit(store).await;
    for id in ["shop", "club"] {
        let client = client(id);
        work.add_client(&client).await.unwrap();
        let scopes = vec!["openid".into()];
        work.keep_consent(&Consent {
            account: ada.id,
            client: client.id,
            scopes,
            declined: vec![],
            given_at: NOW,
        })
        .await
        .unwrap();
    }
    work.commit().await.unwrap();
    let session = SessionId::from_random(bytes());
    let gone = kept_grant(store, grant(ada.id, "shop", session)).await;
    let stays = kept_grant(store, grant(ada.id, "club", session)).await;

    let mut work = unit(store).await;
    assert!(work.delete_client(&gone.client, at(7)).await.unwrap());
    assert!(!work.delete_client(&gone.client, at(8)).await.unwrap());
    work.commit().await.unwrap();

    let mut view = store.read().await.unwrap();
    assert_eq!(view.client(&gone.client).await.unwrap(), None);
    assert_eq!(view.consent(&ada.id, &gone.client).await.unwrap(), None);
    assert!(view.consent(&ada.id, &stays.client).await.unwrap().is_some());
    assert_eq!(revoked_at(store, &gone.id).await, Some(at(7)));
    assert_eq!(revoked_at(store, &stays.id).await, None);
}

/// All of a registration is replaced but its time; others stay as they are.
pub async fn a_client_is_updated(store: &dyn Store) {
    let (shop, club) = (client("shop"), client("club"));
    let changed = Client {
        name: "The other shop".into(),
        is_verified: true,
        is_enabled: false,
        redirect_uris: vec!["https://other.example/back".into()],
        is_native: true,
        auth_method: ClientAuthMethod::PrivateKeyJwt,
        secret_hash: None,
        scopes: vec!["openid".into()],
        id_token_alg: SigningAlg::EdDSA,
        requires_pkce: false,
        skips_consent: true,
        requires_phishing_resistant: true,
        skips_check_code: true,
        requires_same_country: true,
        default_max_age: Some(7),
        logo_uri: Some("https://other.example/logo".into()),
        client_uri: None,
        policy_uri: Some("https://other.example/policy".into()),
        tos_uri: Some("https://other.example/terms".into()),
        created_at: at(77),
        metadata: metadata(),
        ..shop.clone()
    };
    let mut work = unit(store).await;
    work.add_client(&shop).await.unwrap();
    work.add_client(&club).await.unwrap();
    assert!(work.update_client(&changed).await.unwrap());
    assert!(!work.update_client(&client("nobody")).await.unwrap());
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    let expected = Client { created_at: shop.created_at, ..changed };
    assert_eq!(view.client(&shop.id).await.unwrap(), Some(expected));
    assert_eq!(view.client(&club.id).await.unwrap(), Some(club));
    assert_eq!(view.client(&"nobody".parse().unwrap()).await.unwrap(), None);
}

/// What a person agreed to comes in pages, with the clients as they are, and nobody else's.
pub async fn consents_come_in_pages_with_their_clients(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let mut work = unit(store).await;
    let mut expected = Vec::new();
    for id in ["c", "a", "B", "e", "d"] {
        let client = Client { metadata: metadata(), ..client(id) };
        work.add_client(&client).await.unwrap();
        let consent = |account| Consent {
            account,
            client: client.id.clone(),
            scopes: vec!["openid".into(), id.into()],
            declined: vec!["offline_access".into()],
            given_at: at(3),
        };
        if id != "e" {
            work.keep_consent(&consent(ada.id)).await.unwrap();
            expected.push((consent(ada.id), client.clone()));
        }
        work.keep_consent(&consent(bob.id)).await.unwrap();
    }
    work.commit().await.unwrap();
    expected.sort_by(|(a, _), (b, _)| a.client.as_str().cmp(b.client.as_str()));
    let mut view = store.read().await.unwrap();
    let first = view.consents_of(&ada.id, Page { after: None, limit: 3 }).await.unwrap();
    let rest = view.consents_of(&ada.id, Page { after: Some("c"), limit: 30 }).await.unwrap();
    assert_eq!(first, expected[..3]);
    assert_eq!(rest, expected[3..]);
}

/// With a consent go the grants of that person to that client, also where none was kept (SEC-124).
pub async fn sec_124_a_consent_that_is_taken_back_revokes_its_grants(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let mut work = unit(store).await;
    for id in ["shop", "club"] {
        let client = client(id);
        work.add_client(&client).await.unwrap();
        for account in [ada.id, bob.id] {
            let scopes = vec!["openid".into()];
            let consent =
                Consent { account, client: client.id.clone(), scopes, declined: vec![], given_at: NOW };
            work.keep_consent(&consent).await.unwrap();
        }
    }
    work.commit().await.unwrap();
    let session = SessionId::from_random(bytes());
    let gone = kept_grant(store, grant(ada.id, "shop", session)).await;
    let also = kept_grant(store, grant(ada.id, "shop", SessionId::from_random(bytes()))).await;
    let others = [
        kept_grant(store, grant(ada.id, "club", session)).await,
        kept_grant(store, grant(bob.id, "shop", session)).await,
    ];
    let mut work = unit(store).await;
    assert!(work.delete_consent(&ada.id, &gone.client, at(7)).await.unwrap());
    assert_eq!(work.consent(&ada.id, &gone.client).await.unwrap(), None);
    work.commit().await.unwrap();
    for grant in [&gone, &also] {
        assert_eq!(revoked_at(store, &grant.id).await, Some(at(7)));
    }
    for grant in &others {
        assert_eq!(revoked_at(store, &grant.id).await, None);
        assert!(store.read().await.unwrap().consent(&grant.account, &grant.client).await.unwrap().is_some());
    }
    // No consent was kept, a grant was made all the same: a client whose people are not asked.
    let unasked = kept_grant(store, grant(ada.id, "shop", session)).await;
    let mut work = unit(store).await;
    assert!(!work.delete_consent(&ada.id, &unasked.client, at(8)).await.unwrap());
    work.commit().await.unwrap();
    assert_eq!(revoked_at(store, &unasked.id).await, Some(at(8)));
    assert_eq!(revoked_at(store, &gone.id).await, Some(at(7)), "the first revocation counts");
}

fn initial_token(name: &str, uses_left: u32) -> InitialToken {
    InitialToken { hash: hash(), name: name.into(), uses_left, expires_at: at(60), created_at: NOW }
}

/// A right to register is used as often as it says and no more, whoever comes together; and it ends (SEC-131).
pub async fn sec_131_a_right_to_register_has_its_uses(store: &dyn Store) {
    let (few, mut later) = (initial_token("few", 3), initial_token("later", 1));
    later.created_at = at(1);
    let mut work = unit(store).await;
    work.add_initial_token(&few).await.unwrap();
    work.add_initial_token(&later).await.unwrap();
    let refused = work.add_initial_token(&initial_token("few", 9)).await;
    assert!(matches!(refused, Err(StoreError::Conflict("initial_token"))), "{refused:?}");
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    assert_eq!(view.initial_tokens(10).await.unwrap(), [later.clone(), few.clone()]);
    assert_eq!(view.initial_tokens(1).await.unwrap(), [later.clone()]);
    let spend = |hash, now| async move {
        let mut work = unit(store).await;
        let spent = work.spend_initial_token(&hash, now).await.unwrap();
        work.commit().await.unwrap();
        spent
    };
    let spent = join_all((0..20).map(|_| spend(few.hash, NOW))).await;
    assert_eq!(spent.iter().filter(|spent| **spent).count(), 3);
    assert!(!spend(hash(), NOW).await, "nobody's");
    assert!(!spend(later.hash, at(60)).await, "its end");
    assert!(spend(later.hash, at(59)).await);
    assert!(view.initial_tokens(10).await.unwrap().iter().all(|token| token.uses_left == 0));
    let mut work = unit(store).await;
    assert!(work.delete_initial_token("later").await.unwrap());
    assert!(!work.delete_initial_token("later").await.unwrap());
    work.commit().await.unwrap();
    assert_eq!(store.sweep(at(59), 10).await.unwrap(), 0);
    assert_eq!(store.sweep(at(60), 10).await.unwrap(), 1);
    assert_eq!(view.initial_tokens(10).await.unwrap(), []);
}

/// A client that changes its registration reads it first; an operator who disables it meanwhile is not undone.
pub async fn sec_109_a_client_that_a_unit_has_read_is_changed_after_it(store: &dyn Store) {
    let shop = client("shop");
    let mut work = unit(store).await;
    work.add_client(&shop).await.unwrap();
    work.commit().await.unwrap();
    let mut work = unit(store).await;
    let read = work.client(&shop.id).await.unwrap().unwrap();
    let disabled = Client { is_enabled: false, ..shop.clone() };
    let mut disabling = pin!(async {
        let mut work = unit(store).await;
        assert!(work.update_client(&disabled).await.unwrap());
        work.commit().await.unwrap();
    });
    // It gets as far as it can.
    let mut is_done = false;
    for _ in 0..20 {
        is_done = is_done || poll!(&mut disabling).is_ready();
        std::thread::sleep(Duration::from_millis(5));
    }
    let changing = async {
        assert!(work.update_client(&Client { name: "Shop 2".into(), ..read }).await.unwrap());
        work.commit().await.unwrap();
    };
    let disabling = async {
        if !is_done {
            disabling.await;
        }
    };
    join(changing, disabling).await;
    assert!(!store.read().await.unwrap().client(&shop.id).await.unwrap().unwrap().is_enabled);
}
