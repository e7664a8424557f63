//! Promises about what a column takes and how it is ordered: whatever the database, its locale and its
//! types, the same comes back in the same order.

use domain::{
    AuditEntry, AuditEvent, AuditFilter, Consent, KeyRecord, KeyState, KeyUse, Outcome, SigningAlg, Timestamp,
};

use super::given::{NOW, account, at, bytes, client, device, kept_account, passkey, session, unit};
use crate::{Page, Store};

/// Texts come back letter by letter: empty, long, in any script, composed or not, with quotes and controls.
pub async fn every_text_survives(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let long = "ä€𝄞x".repeat(100_000);
    let texts = [
        "",
        " ",
        "null",
        "NULL",
        "'",
        "\"\\\"",
        "$1",
        "%_",
        "e\u{301}",
        "é",
        "🧑‍🚀",
        "\u{FEFF}\r\n\t\u{1}",
        &long,
    ];
    for text in texts {
        let mut phone = device(ada.id);
        phone.name = text.to_owned();
        let mut key = passkey(ada.id);
        key.passkey = text.to_owned();
        let mut entry = AuditEntry::new(AuditEvent::DeviceChanged, Outcome::Done, NOW);
        entry.detail = Some(text.to_owned());
        let mut work = unit(store).await;
        assert!(work.add_device(&phone, 100).await.unwrap());
        work.add_passkey(&key).await.unwrap();
        // One entry, and several: they may be written in different ways.
        work.audit(entry.clone()).await.unwrap();
        work.commit().await.unwrap();
        let mut work = unit(store).await;
        work.audit(entry.clone()).await.unwrap();
        work.audit(entry).await.unwrap();
        work.commit().await.unwrap();
        let mut view = store.read().await.unwrap();
        assert_eq!(view.device(&phone.id).await.unwrap().unwrap().name, text);
        assert_eq!(view.passkey(&key.credential_id).await.unwrap().unwrap().passkey, text);
    }
    let told = store.read().await.unwrap().audit_trail(&AuditFilter::default(), 0, 500).await.unwrap();
    let told: Vec<_> = told.into_iter().filter_map(|stored| stored.entry.detail).collect();
    assert_eq!(told, texts.iter().flat_map(|text| [*text; 3]).collect::<Vec<_>>());
}

/// A zero in a text harms nobody: what is asked for is not found, what is kept has a mark in its place.
pub async fn a_zero_in_a_text_harms_nobody(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let mut view = store.read().await.unwrap();
    assert_eq!(view.account_by_username("ada\0").await.unwrap(), None);
    assert_eq!(view.account_for_password("\0").await.unwrap(), None);
    assert_eq!(view.setting("\0").await.unwrap(), None);
    let page = view.accounts(Page { after: Some("\0"), limit: 5 }).await.unwrap();
    assert!(page.len() <= 1);

    let mut phone = device(ada.id);
    phone.name = "a\0b".into();
    let mut entry = AuditEntry::new(AuditEvent::DeviceChanged, Outcome::Done, NOW);
    entry.detail = Some("a\0b".into());
    let mut work = unit(store).await;
    assert!(work.add_device(&phone, 5).await.unwrap());
    for _ in 0..2 {
        work.audit(entry.clone()).await.unwrap();
    }
    work.commit().await.unwrap();
    let marked = "a\u{FFFD}b";
    assert_eq!(view.device(&phone.id).await.unwrap().unwrap().name, marked);
    for stored in view.audit_trail(&AuditFilter::default(), 0, 9).await.unwrap() {
        assert_eq!(stored.entry.detail.as_deref(), Some(marked));
    }
}

/// Bytes come back byte by byte: none, all of them, many.
pub async fn every_byte_survives(store: &dyn Store) {
    let every: Vec<u8> = (0..=255).collect();
    let many = every.repeat(2000);
    let mut work = unit(store).await;
    for (kid, sealed) in [("none", Vec::new()), ("zero", vec![0]), ("every", every), ("many", many)] {
        let key = KeyRecord { kid: kid.into(), sealed, ..key(kid) };
        work.add_signing_key(&key).await.unwrap();
        assert!(work.signing_keys().await.unwrap().contains(&key), "{kid}");
    }
    work.commit().await.unwrap();
}

fn key(kid: &str) -> KeyRecord {
    KeyRecord {
        kid: kid.into(),
        used_for: KeyUse::Sign(SigningAlg::ES256),
        state: KeyState::Retired,
        sealed: vec![1],
        created_at: NOW,
        retired_at: None,
    }
}

/// Times come back to the millisecond, also from before 1970 and from far ahead.
pub async fn every_time_survives(store: &dyn Store) {
    for (number, millis) in
        [-62_135_596_800_000, -1, 0, 1, 1_800_000_000_123, 253_402_300_799_999].into_iter().enumerate()
    {
        let mut person = account(&format!("person-{number}"));
        person.created_at = Timestamp::from_millis(millis);
        let mut work = unit(store).await;
        work.add_account(&person).await.unwrap();
        work.commit().await.unwrap();
        assert_eq!(store.read().await.unwrap().account(&person.id).await.unwrap(), Some(person));
    }
}

/// Lists follow the letters' numbers in Unicode, not anybody's alphabet: a page key means the same everywhere.
pub async fn lists_follow_code_points(store: &dyn Store) {
    let sorted = ["!", "-a", "1", "10", "2", "A", "Z", "_", "a", "a b", "a-b", "ab", "b", "ä", "ｚ", "𝄞"];
    let mut mixed = sorted;
    mixed.reverse();
    mixed.swap(2, 9);
    let mut work = unit(store).await;
    for kid in mixed {
        work.add_signing_key(&key(kid)).await.unwrap();
    }
    let ids = ["B", "_", "a", "A", "a.b", "a-b", "ab", "~"];
    for id in ids {
        work.add_client(&client(id)).await.unwrap();
    }
    for name in ["bob", "_bob", "bob-1", "bob.2", "bobby", "ßob", "ωbob"] {
        work.add_account(&account(name)).await.unwrap();
    }
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    let kids: Vec<String> = view.signing_keys().await.unwrap().into_iter().map(|key| key.kid).collect();
    assert_eq!(kids, sorted);
    let all = view.clients(Page { after: None, limit: 100 }).await.unwrap();
    assert_eq!(
        all.iter().map(|client| client.id.as_str()).collect::<Vec<_>>(),
        ["A", "B", "_", "a", "a-b", "a.b", "ab", "~"]
    );
    let after = view.clients(Page { after: Some("a-b"), limit: 100 }).await.unwrap();
    assert_eq!(after.len(), 3);
    let people = view.accounts(Page { after: None, limit: 100 }).await.unwrap();
    let names: Vec<&str> = people.iter().map(|person| person.username.key()).collect();
    let mut expected = names.clone();
    expected.sort_unstable();
    assert_eq!(names, expected);
}

/// Names that differ in case or accent alone are different names.
pub async fn names_are_compared_letter_by_letter(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    let scopes = |word: &str| vec![word.to_owned()];
    let mut work = unit(store).await;
    for id in ["shop", "Shop", "SHOP"] {
        let client = client(id);
        work.add_client(&client).await.unwrap();
        work.keep_consent(&Consent {
            account: ada.id,
            client: client.id,
            scopes: scopes(id),
            declined: scopes(id),
            given_at: NOW,
        })
        .await
        .unwrap();
        assert_eq!(work.keep_setting(id, id).await.unwrap(), id);
    }
    work.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    for id in ["shop", "Shop", "SHOP"] {
        let consent = view.consent(&ada.id, &id.parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(consent.scopes, scopes(id));
        assert_eq!(view.setting(id).await.unwrap().as_deref(), Some(id));
    }
    assert_eq!(view.setting("sHOP").await.unwrap(), None);
}

/// The same statement with something and with nothing in each place, in either order, is the same statement.
pub async fn nothing_is_no_other_statement(store: &dyn Store) {
    let ada = kept_account(store, "ada").await;
    for round in 0..4 {
        let full = round % 2 == 1;
        let mut key = passkey(ada.id);
        key.device = full.then(|| domain::DeviceId::from_random(bytes()));
        key.last_used_at = full.then_some(at(9));
        let mut phone = device(ada.id);
        phone.passkey = full.then_some(key.id);
        phone.agreed_at = full.then_some(NOW);
        phone.last_used_at = full.then_some(at(3));
        let mut session = session(ada.id);
        session.device = full.then_some(phone.id);
        let mut shop = client(&format!("shop-{round}"));
        shop.secret_hash = full.then(super::given::hash);
        shop.default_max_age = full.then_some(7);
        shop.logo_uri = full.then(|| "https://shop.example/logo".to_owned());
        let mut entry = AuditEntry::new(AuditEvent::DeviceChanged, Outcome::Done, NOW);
        entry.account = full.then_some(ada.id);
        entry.client = full.then(|| shop.id.clone());
        let mut work = unit(store).await;
        work.add_passkey(&key).await.unwrap();
        assert!(work.add_device(&phone, 100).await.unwrap());
        work.add_session(&session, full.then(super::given::hash).as_ref()).await.unwrap();
        work.add_client(&shop).await.unwrap();
        work.audit(entry.clone()).await.unwrap();
        work.commit().await.unwrap();
        let mut view = store.read().await.unwrap();
        assert_eq!(view.passkey(&key.credential_id).await.unwrap(), Some(key));
        assert_eq!(view.device(&phone.id).await.unwrap(), Some(phone));
        assert_eq!(view.session(&session.id).await.unwrap(), Some(session));
        assert_eq!(view.client(&shop.id).await.unwrap(), Some(shop));
        let told = view.audit_trail(&AuditFilter::default(), 0, 9).await.unwrap();
        assert_eq!(told.last().unwrap().entry, entry);
    }
}
