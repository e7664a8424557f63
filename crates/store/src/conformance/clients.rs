//! Promises about relying parties and consents.

use domain::{ClientAuthMethod, Consent, SessionId, SigningAlg};

use super::given::{NOW, at, bytes, client, grant, kept_account, kept_grant, revoked_at, unit};
use crate::{Page, Store, StoreError};

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
    let first =
        Consent { account: ada.id, client: shop.id.clone(), scopes: vec!["openid".into()], given_at: NOW };
    let mut second = first.clone();
    second.scopes.push("profile".into());
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
        work.keep_consent(&Consent { account: ada.id, client: client.id, scopes, given_at: NOW })
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
