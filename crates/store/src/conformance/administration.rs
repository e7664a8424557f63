//! Promises about API keys, and about what administrators find.

use domain::{ApiKey, ApiKeyId, Consent, Cursor, Permission, Permissions, SessionFilter, Timestamp};

use super::given::{NOW, at, bytes, client, hash, kept_account, kept_session, session, unit};
use crate::Store;

fn key(account: Option<domain::AccountId>, second: i64) -> ApiKey {
    ApiKey {
        id: ApiKeyId::from_random(bytes()),
        name: "backup".to_owned(),
        account,
        permissions: Permissions::NONE.with(Permission::UsersRead).with(Permission::AuditRead),
        networks: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
        created_at: at(second),
        expires_at: at(second + 1_000),
        last_used_at: None,
        last_address: None,
        revoked_at: None,
    }
}

fn end(created_at: Timestamp, id: &str) -> Cursor {
    Cursor { key: created_at.millis().to_string(), id: id.to_owned() }
}

/// A key comes back as it was kept, is revoked once, and remembers its last use.
pub async fn sec_184_an_api_key_survives_its_row_and_is_revoked_once(store: &dyn Store) {
    let account = kept_account(store, "ada").await;
    let (mine, ours) = (key(Some(account.id), 10), key(None, 20));
    let secret = hash();
    let mut work = unit(store).await;
    work.add_api_key(&mine, &secret).await.unwrap();
    work.add_api_key(&ours, &hash()).await.unwrap();
    work.commit().await.unwrap();

    let mut view = store.read().await.unwrap();
    assert_eq!(view.api_key(&mine.id).await.unwrap(), Some((mine.clone(), secret)));
    assert_eq!(view.api_key(&ApiKeyId::from_random(bytes())).await.unwrap(), None);
    let all = view.api_keys(None, 10).await.unwrap();
    assert_eq!(
        all.iter().map(|listed| listed.key.id).collect::<Vec<_>>(),
        [ours.id, mine.id],
        "newest first"
    );
    assert_eq!((all[0].username.as_deref(), all[1].username.as_deref()), (None, Some("ada")));
    let next = view.api_keys(Some(&end(ours.created_at, &ours.id.to_string())), 10).await.unwrap();
    assert_eq!(next.len(), 1);
    drop(view);

    let mut work = unit(store).await;
    work.touch_api_key(&mine.id, "192.0.2.9", at(50)).await.unwrap();
    work.touch_api_key(&mine.id, "192.0.2.8", at(40)).await.unwrap();
    assert!(work.revoke_api_key(&mine.id, at(60)).await.unwrap());
    assert!(!work.revoke_api_key(&mine.id, at(61)).await.unwrap());
    assert_eq!(work.revoke_api_keys_of(&account.id, at(62)).await.unwrap(), 0);
    work.commit().await.unwrap();
    let (kept, _) = store.read().await.unwrap().api_key(&mine.id).await.unwrap().unwrap();
    assert_eq!((kept.last_used_at, kept.last_address.as_deref()), (Some(at(50)), Some("192.0.2.9")));
    assert_eq!(kept.revoked_at, Some(at(60)));

    let second = key(Some(account.id), 30);
    let mut work = unit(store).await;
    work.add_api_key(&second, &hash()).await.unwrap();
    assert_eq!(work.revoke_api_keys_of(&account.id, at(70)).await.unwrap(), 1);
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    assert_eq!(view.api_key(&ours.id).await.unwrap().unwrap().0.revoked_at, None);
}

/// Living sessions are found by whose they are, by phone, by text and by time, newest first, page by page.
pub async fn sessions_are_found(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "Ada").await, kept_account(store, "bob").await);
    let mut kept = Vec::new();
    for (who, browser, second) in
        [(&ada, "Firefox on Linux", 1), (&ada, "100% Safari", 2), (&bob, "Chrome", 3)]
    {
        let mut one = session(who.id);
        browser.clone_into(&mut one.browser);
        one.created_at = Timestamp::from_millis(NOW.millis() + second);
        kept.push(kept_session(store, one).await);
    }
    let mut view = store.read().await.unwrap();
    let find = |filter: SessionFilter| filter;
    let all = view.find_sessions(&find(SessionFilter::default()), None, 10, NOW).await.unwrap();
    let ids: Vec<_> = all.iter().map(|listed| listed.session.id).collect();
    assert_eq!(ids, [kept[2].id, kept[1].id, kept[0].id]);
    assert_eq!(all[2].username, "Ada");
    assert_eq!(all[0].session, kept[2]);
    let after = end(kept[2].created_at, &kept[2].id.to_string());
    let next = view.find_sessions(&SessionFilter::default(), Some(&after), 1, NOW).await.unwrap();
    assert_eq!(next[0].session.id, kept[1].id);
    let text = |text: &str| SessionFilter { text: text.to_owned(), ..SessionFilter::default() };
    for (filter, count) in [
        (text("ada"), 2),
        (text("FIREFOX"), 1),
        (text("%"), 1),
        (text("nobody"), 0),
        (SessionFilter { account: Some(bob.id), ..SessionFilter::default() }, 1),
        (SessionFilter { account: Some(ada.id), text: "safari".to_owned(), ..SessionFilter::default() }, 1),
        (SessionFilter { since: Some(kept[1].created_at), ..SessionFilter::default() }, 2),
        (SessionFilter { until: Some(kept[1].created_at), ..SessionFilter::default() }, 1),
        (
            SessionFilter {
                device: Some(domain::DeviceId::from_random(bytes())),
                ..SessionFilter::default()
            },
            0,
        ),
    ] {
        assert_eq!(view.find_sessions(&filter, None, 10, NOW).await.unwrap().len(), count, "{filter:?}");
    }
    drop(view);
    let mut work = unit(store).await;
    work.end_session(&kept[0].id, domain::SessionEnd::EndedByAdmin, NOW).await.unwrap();
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    assert_eq!(view.find_sessions(&SessionFilter::default(), None, 10, NOW).await.unwrap().len(), 2);
}

/// Consents are found by person and by client, newest first, page by page.
pub async fn consents_are_found(store: &dyn Store) {
    let (ada, bob) = (kept_account(store, "ada").await, kept_account(store, "bob").await);
    let mut work = unit(store).await;
    for id in ["shop", "wiki"] {
        work.add_client(&client(id)).await.unwrap();
    }
    for (who, what, second) in [(&ada, "shop", 1), (&ada, "wiki", 2), (&bob, "shop", 3)] {
        let consent = Consent {
            account: who.id,
            client: what.parse().unwrap(),
            scopes: vec!["openid".to_owned()],
            declined: Vec::new(),
            given_at: at(second),
        };
        work.keep_consent(&consent).await.unwrap();
    }
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    let shop = "shop".parse().unwrap();
    let all = view.find_consents(None, None, None, 10).await.unwrap();
    let shown: Vec<_> = all.iter().map(|c| (c.username.as_str(), c.consent.client.as_str())).collect();
    assert_eq!(shown, [("bob", "shop"), ("ada", "wiki"), ("ada", "shop")]);
    assert!(!all[0].client_name.is_empty());
    let after = end(at(3), &format!("{} shop", bob.id));
    assert_eq!(view.find_consents(None, None, Some(&after), 10).await.unwrap().len(), 2);
    assert_eq!(view.find_consents(Some(&ada.id), None, None, 10).await.unwrap().len(), 2);
    assert_eq!(view.find_consents(None, Some(&shop), None, 10).await.unwrap().len(), 2);
    assert_eq!(view.find_consents(Some(&bob.id), Some(&shop), None, 10).await.unwrap().len(), 1);
}

/// Clients are found by a part of their id or name, whatever the case of its letters.
pub async fn clients_are_found(store: &dyn Store) {
    let mut work = unit(store).await;
    for (id, name, is_enabled) in
        [("a-shop", "Wares", true), ("b-wiki", "Our Wiki", true), ("c-shop", "Old", false)]
    {
        let mut one = client(id);
        name.clone_into(&mut one.name);
        one.is_enabled = is_enabled;
        work.add_client(&one).await.unwrap();
    }
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    for (text, is_enabled, found) in [
        ("", None, vec!["a-shop", "b-wiki", "c-shop"]),
        ("SHOP", None, vec!["a-shop", "c-shop"]),
        ("our w", None, vec!["b-wiki"]),
        ("shop", Some(true), vec!["a-shop"]),
        ("", Some(false), vec!["c-shop"]),
        ("_", None, vec![]),
    ] {
        let all = view.find_clients(text, is_enabled, None, 10).await.unwrap();
        assert_eq!(all.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), found, "{text}");
    }
    let after = Cursor { key: String::new(), id: "a-shop".to_owned() };
    let next = view.find_clients("", None, Some(&after), 1).await.unwrap();
    assert_eq!(next[0].id.as_str(), "b-wiki");
}
