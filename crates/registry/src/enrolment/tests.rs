//! The ceremony over a real database, with a passkey and a device key in software.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use app::{App, Clock, Entropy, HashSettings, Issuer, Limits, Parts, Visitor};
use domain::{
    BrowserSession, Device, DeviceKind, DeviceState, Method, Proof, SessionEnd, SessionId, Timestamp,
};
use jose::seal::MasterKey;
use serde_json::{Value, json};
use testkit::{DeviceKey, SoftPasskey, canonical};

use super::*;
use crate::users::NewUser;
use crate::{Paging, Settings};

mod lives;

const ISSUER: &str = "https://id.example";
const HERE: ClientAddress = ClientAddress(IpAddr::V4(Ipv4Addr::LOCALHOST));

struct Place {
    registry: Registry,
    clock: Clock,
    ada: Account,
}

async fn place() -> Place {
    place_at(ISSUER).await
}

async fn place_at(issuer: &str) -> Place {
    let clock = Clock::manual(Timestamp::from_seconds(1_800_000_000));
    let app = App::new(Parts {
        issuer: Issuer::parse(issuer).unwrap(),
        store: Arc::new(store_sql::SqlStore::open(store_sql::Settings::temporary()).await.unwrap()),
        live: Arc::new(live::InProcess::default()),
        outbound: Arc::new(outbound::Closed),
        mailer: None,
        clock: clock.clone(),
        entropy: Entropy::system(),
        hashing: HashSettings::default(),
        master_key: MasterKey::new([7; 32]),
        limits: Limits::default().scaled(10),
    });
    let registry = Registry::new(&app, Settings::default());
    let ada =
        registry.create_user(NewUser { username: "ada".to_owned(), ..NewUser::default() }).await.unwrap();
    Place { registry, clock, ada }
}

impl Place {
    /// The first phone by its owner's password; further ones by a link of an administrator (SEC-070).
    async fn begin(&self) -> Begun {
        match self.registry.enrol_begin(Right::Owner(self.ada.clone()), HERE).await {
            Err(Refusal::StepUpNeeded) => {
                let link = self.registry.offer_enrolment("ada").await.unwrap();
                let token = link.url.split_once("#e1").unwrap().1.to_owned();
                self.registry.enrol_begin(Right::Token(token), HERE).await.unwrap()
            }
            begun => begun.unwrap(),
        }
    }

    async fn demand(&self, attestation: &str) {
        let wanted = serde_json::json!({ "attestation": attestation });
        let by = app::Mandate::operator();
        self.registry.save_policy(&by, "devices", &wanted, None).await.unwrap();
    }

    async fn finish(&self, completion: Completion) -> Result<(Device, Account), Refusal> {
        self.registry.enrol_complete(completion).await
    }

    async fn devices(&self) -> Vec<Device> {
        let all = self.registry.devices(&Paging::default()).await.unwrap();
        all.into_iter().map(|owned| owned.device).collect()
    }

    async fn session(&self, number: u8, proofs: &[(Method, Timestamp)]) -> (SessionId, Visitor) {
        let now = self.clock.now();
        let secret = Secret::new([number; 32]);
        let session = BrowserSession {
            id: SessionId::from_random([number; 16]),
            account: self.ada.id,
            secret_hash: secret.hash(),
            proofs: proofs.iter().map(|&(method, at)| Proof { method, at, known_browser: false }).collect(),
            device: None,
            browser: "Firefox on Linux".to_owned(),
            address: "127.0.0.1".to_owned(),
            created_at: now,
            last_used_at: now,
            idle_seconds: 3600,
            expires_at: now.after(Duration::from_secs(36_000)),
            ended: None,
        };
        let mut work = self.registry.app.store().begin().await.unwrap();
        work.add_session(&session, None).await.unwrap();
        work.commit().await.unwrap();
        let visitor = Visitor {
            browser: None,
            session: Some(secret),
            known: None,
            address: HERE,
            agent: domain::UserAgent::default(),
        };
        (session.id, visitor)
    }
}

fn jwk(key: &DeviceKey) -> qr::Jwk {
    serde_json::from_value(key.jwk()).unwrap()
}

fn signature(begun: &Begun, key: &DeviceKey, issuer: &str) -> String {
    key.sign(&canonical(
        "latchbolt-enrolment-v1",
        &[
            ("issuer", issuer),
            ("enrolment", &begun.handle),
            ("nonce", &begun.nonce),
            ("key", &key.thumbprint()),
            ("name", "Phone"),
            ("platform", "Test"),
            ("agree", "true"),
        ],
    ))
}

fn completion(begun: &Begun, key: &DeviceKey, verification: Verification) -> Completion {
    Completion {
        handle: begun.handle.clone(),
        key: jwk(key),
        name: "Phone".to_owned(),
        platform: "Test".to_owned(),
        model: None,
        agree: true,
        signature: signature(begun, key, ISSUER),
        verification,
        address: HERE,
    }
}

fn keystore(verifies: bool) -> Verification {
    Verification::Keystore { verifies, attestation: None }
}

fn app_phone(begun: &Begun) -> Completion {
    completion(begun, &DeviceKey::generate(), keystore(true))
}

fn web_phone(begun: &Begun) -> (SoftPasskey, Completion) {
    let (passkey, answer) = SoftPasskey::create(begun.webauthn.as_ref().unwrap(), ISSUER);
    (passkey, completion(begun, &DeviceKey::generate(), Verification::NewPasskey(answer)))
}

fn is_invalid<T: std::fmt::Debug>(result: &Result<T, Refusal>, expected: &str) -> bool {
    matches!(result, Err(Refusal::Invalid { field, .. }) if *field == expected)
}

#[tokio::test]
async fn a_web_phone_is_enrolled_with_key_and_passkey() {
    let place = place().await;
    let begun = place.begin().await;
    let options = &begun.webauthn.as_ref().unwrap()["publicKey"];
    assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(options["authenticatorSelection"]["requireResidentKey"], true);
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(options["rp"]["id"], "id.example");
    assert!(begun.existing.is_none());
    let (_, completion) = web_phone(&begun);
    let (device, account) = place.finish(completion).await.unwrap();
    assert_eq!(
        (device.kind, device.state, device.verifies_user),
        (DeviceKind::Web, DeviceState::Active, true)
    );
    assert_eq!(account.id, place.ada.id);
    assert!(device.agreed_at.is_some());
    let (kept, owner, passkey) =
        place.registry.app.store().read().await.unwrap().device_to_act(&device.id).await.unwrap().unwrap();
    assert_eq!((kept, owner.id), (device.clone(), place.ada.id));
    assert_eq!(passkey.unwrap().device, Some(device.id));
}

#[tokio::test]
async fn a_phone_with_a_passkey_of_the_account_proves_that_one() {
    let place = place().await;
    let begun = place.begin().await;
    let (mut passkey, first) = web_phone(&begun);
    let (first, _) = place.finish(first).await.unwrap();
    let begun = place.begin().await;
    let excluded = &begun.webauthn.as_ref().unwrap()["publicKey"]["excludeCredentials"];
    assert_eq!(excluded.as_array().unwrap().len(), 1);
    let answer = passkey.assert(begun.existing.as_ref().unwrap(), ISSUER);
    let again = completion(&begun, &DeviceKey::generate(), Verification::KnownPasskey(answer));
    let (second, _) = place.finish(again).await.unwrap();
    assert_ne!(second.id, first.id);
    assert_eq!((second.passkey, second.verifies_user), (first.passkey, true));
    // Without user verification it proves nothing.
    let begun = place.begin().await;
    passkey.verifies_user = false;
    let answer = passkey.assert(begun.existing.as_ref().unwrap(), ISSUER);
    let refused = completion(&begun, &DeviceKey::generate(), Verification::KnownPasskey(answer));
    assert!(is_invalid(&place.finish(refused).await, "credential"));
}

#[tokio::test]
async fn sec_071_a_right_is_used_once_and_in_time() {
    let place = place().await;
    let begun = place.begin().await;
    place.finish(app_phone(&begun)).await.unwrap();
    assert_eq!(place.finish(app_phone(&begun)).await.unwrap_err(), Refusal::Gone);
    let begun = place.begin().await;
    place.clock.advance(Duration::from_secs(600));
    assert_eq!(place.finish(app_phone(&begun)).await.unwrap_err(), Refusal::Gone);
    let mut begun = place.begin().await;
    begun.handle = Secret::new([5; 32]).text();
    assert_eq!(place.finish(app_phone(&begun)).await.unwrap_err(), Refusal::Gone);
    assert_eq!(place.devices().await.len(), 1);
}

#[tokio::test]
async fn sec_071_a_right_that_a_live_store_brings_back_is_over() {
    let place = place().await;
    let begun = place.begin().await;
    let app = &place.registry.app;
    let (slots, key) = (app.slots::<EnrollingSlot>(), slot_key(app, &begun.handle));
    let (kept, _) = slots.get(&key).await.unwrap().unwrap();
    place.finish(app_phone(&begun)).await.unwrap();
    // A replica took over that had not heard of the last command.
    slots.put(&key, &kept).await.unwrap();
    assert_eq!(place.finish(app_phone(&begun)).await.unwrap_err(), Refusal::Gone);
    assert_eq!(place.devices().await.len(), 1);
}

#[tokio::test]
async fn sec_071_a_link_is_for_one_phone_of_its_user_and_ends_with_a_newer_one() {
    let place = place().await;
    let first = place.registry.offer_enrolment("ada").await.unwrap();
    let second = place.registry.offer_enrolment("ada").await.unwrap();
    let token = |url: &str| url.split_once("/phone#e1").unwrap().1.to_owned();
    let begin = async |token: String| place.registry.enrol_begin(Right::Token(token), HERE).await;
    assert_eq!(begin(token(&first.url)).await.unwrap_err(), Refusal::Gone);
    let begun = begin(token(&second.url)).await.unwrap();
    assert_eq!(begun.account.id, place.ada.id);
    assert_eq!(begin(token(&second.url)).await.unwrap_err(), Refusal::Gone);
    let (device, _) = place.finish(app_phone(&begun)).await.unwrap();
    assert_eq!(device.added_by, AddedBy::Admin);
    let late = place.registry.offer_enrolment("ada").await.unwrap();
    let counts = place.registry.app.meters().take(place.registry.now());
    let counts: Vec<_> = counts.iter().map(|one| (one.name.as_str(), one.count)).collect();
    assert_eq!(counts, [("enrolment.used", 1), ("enrolment.made", 3)]);
    place.clock.advance(Duration::from_secs(600));
    for bad in [token(&late.url), "nonsense".to_owned(), Secret::new([3; 32]).text()] {
        assert_eq!(begin(bad).await.unwrap_err(), Refusal::Gone);
    }
}

#[tokio::test]
async fn sec_071_a_link_ends_with_the_session_that_asked() {
    let place = place().await;
    let now = place.clock.now();
    let (session, visitor) = place.session(9, &[(Method::Password, now)]).await;
    let token = |url: &str| Right::Token(url.split_once("/phone#e1").unwrap().1.to_owned());
    let begun = {
        let link = place.registry.enrolment_link(&visitor).await.unwrap();
        place.registry.enrol_begin(token(&link.url), HERE).await.unwrap()
    };
    let open = place.registry.enrolment_link(&visitor).await.unwrap();
    let mut work = place.registry.app.store().begin().await.unwrap();
    work.end_session(&session, SessionEnd::SignedOut, now).await.unwrap();
    work.commit().await.unwrap();
    assert_eq!(place.registry.enrol_begin(token(&open.url), HERE).await.unwrap_err(), Refusal::Gone);
    assert_eq!(place.finish(app_phone(&begun)).await.unwrap_err(), Refusal::Gone);
}

#[tokio::test]
async fn sec_042_sec_070_a_link_needs_a_fresh_proof_that_is_no_phone() {
    let place = place().await;
    let now = place.clock.now();
    let long_ago = now.before(Duration::from_secs(301));
    let lately = now.before(Duration::from_secs(299));
    let cases: [(&[(Method, Timestamp)], bool); 6] = [
        (&[(Method::Password, lately)], true),
        (&[(Method::Passkey, lately), (Method::Phone, now)], true),
        (&[(Method::Password, long_ago)], false),
        (&[(Method::Phone, now)], false),
        (&[(Method::Password, long_ago), (Method::Phone, now)], false),
        (&[], false),
    ];
    for (number, (proofs, may)) in (1..).zip(cases) {
        let (_, visitor) = place.session(number, proofs).await;
        let result = place.registry.enrolment_link(&visitor).await;
        assert_eq!(place.registry.may_link(&visitor).await.is_ok(), may, "{proofs:?}");
        match result {
            Ok(link) => assert!(may && link.url.starts_with("https://id.example/phone#e1"), "{proofs:?}"),
            Err(refusal) => assert!(!may && refusal == Refusal::StepUpNeeded, "{proofs:?}"),
        }
    }
    let (_, mut visitor) = place.session(9, &[(Method::Password, now)]).await;
    visitor.session = None;
    assert_eq!(place.registry.enrolment_link(&visitor).await.unwrap_err(), Refusal::NotSignedIn);
}

#[tokio::test]
async fn sec_079_a_phone_leaves_and_takes_its_sessions_with_it() {
    let place = place().await;
    let (device, _) = place.finish(app_phone(&place.begin().await)).await.unwrap();
    let now = place.clock.now();
    let mut work = place.registry.app.store().begin().await.unwrap();
    let session = BrowserSession {
        id: SessionId::from_random([4; 16]),
        account: place.ada.id,
        secret_hash: Secret::new([4; 32]).hash(),
        proofs: vec![Proof { method: Method::Phone, at: now, known_browser: false }],
        device: Some(device.id),
        browser: "Firefox on Linux".to_owned(),
        address: "127.0.0.1".to_owned(),
        created_at: now,
        last_used_at: now,
        idle_seconds: 3600,
        expires_at: now.after(Duration::from_secs(36_000)),
        ended: None,
    };
    work.add_session(&session, None).await.unwrap();
    work.commit().await.unwrap();
    place.registry.leave(&device, true, HERE).await.unwrap();
    assert_eq!(place.devices().await[0].state, DeviceState::Revoked);
    let ended = place.registry.app.store().read().await.unwrap().session(&session.id).await.unwrap().unwrap();
    assert_eq!(ended.ended, Some((now, SessionEnd::EndedByDevice)));
    // Leaving twice is leaving once.
    place.registry.leave(&device, false, HERE).await.unwrap();
    let filter = domain::AuditFilter { device: Some(device.id), ..Default::default() };
    let mut view = place.registry.app.store().read().await.unwrap();
    let told = view.audit_page(&filter, domain::AuditOrder::OldestFirst, None, 50).await.unwrap();
    let words: Vec<_> = told.entries.iter().map(|stored| stored.entry.event).collect();
    assert_eq!(words.iter().filter(|event| **event == AuditEvent::DeviceRevoked).count(), 1, "{words:?}");
    assert!(!words.contains(&AuditEvent::DeviceChanged), "{words:?}");
}

#[tokio::test]
async fn sec_072_the_key_is_proven_and_accepted_once() {
    let place = place().await;
    let key = DeviceKey::generate();
    let begun = place.begin().await;
    let good = || completion(&begun, &key, keystore(true));
    let foreign = Completion { signature: signature(&begun, &key, "https://other.example"), ..good() };
    assert!(is_invalid(&place.finish(foreign).await, "signature"));
    let other_key = Completion { key: jwk(&DeviceKey::generate()), ..good() };
    assert!(is_invalid(&place.finish(other_key).await, "signature"));
    let renamed = Completion { name: "Another".to_owned(), ..good() };
    assert!(is_invalid(&place.finish(renamed).await, "signature"));
    let two_lines = Completion { name: "Phone\nplatform=x".to_owned(), ..good() };
    assert!(is_invalid(&place.finish(two_lines).await, "signature"));
    // A proof of another enrolment is none of this one.
    let stale = Completion { signature: signature(&place.begin().await, &key, ISSUER), ..good() };
    assert!(is_invalid(&place.finish(stale).await, "signature"));
    place.finish(good()).await.unwrap();

    let bob =
        place.registry.create_user(NewUser { username: "bob".into(), ..NewUser::default() }).await.unwrap();
    let begun = place.registry.enrol_begin(Right::Owner(bob), HERE).await.unwrap();
    let same = completion(&begun, &key, keystore(true));
    assert_eq!(place.finish(same).await.unwrap_err(), Refusal::Conflict("device_key"));
}

#[tokio::test]
async fn sec_081_a_revoked_key_never_returns() {
    let place = place().await;
    let key = DeviceKey::generate();
    let begun = place.begin().await;
    let (device, _) = place.finish(completion(&begun, &key, keystore(true))).await.unwrap();
    place.registry.revoke_device(&device.id.to_string(), false).await.unwrap();
    let begun = place.begin().await;
    let again = completion(&begun, &key, keystore(true));
    assert_eq!(place.finish(again).await.unwrap_err(), Refusal::Conflict("device_key"));
}

#[tokio::test]
async fn sec_073_sec_038_a_passkey_must_answer_this_ceremony_with_its_user_verified() {
    let place = place().await;
    let begun = place.begin().await;
    let options = begun.webauthn.as_ref().unwrap();
    let other = place.begin().await;
    let answer_to = |options: &Value, origin: &str| SoftPasskey::create(options, origin).1;
    let mut empty = answer_to(options, ISSUER);
    empty["response"]["attestationObject"] = json!("");
    for bad in [
        answer_to(other.webauthn.as_ref().unwrap(), ISSUER),
        answer_to(options, "https://id.example.evil.test"),
        empty,
        json!({}),
        Value::Null,
    ] {
        let refused = completion(&begun, &DeviceKey::generate(), Verification::NewPasskey(bad.clone()));
        assert!(is_invalid(&place.finish(refused).await, "credential"), "{bad}");
    }
    // There was no known passkey to ask for.
    let (passkey, _) = SoftPasskey::create(options, ISSUER);
    let asserted =
        passkey.assert(&json!({ "publicKey": { "challenge": "AAAA", "rpId": "id.example" } }), ISSUER);
    let refused = completion(&begun, &DeviceKey::generate(), Verification::KnownPasskey(asserted));
    assert!(is_invalid(&place.finish(refused).await, "credential"));
    assert!(place.devices().await.is_empty());
}

#[tokio::test]
async fn sec_074_the_sixth_phone_is_refused_also_in_parallel() {
    let place = place().await;
    let mut begun = Vec::new();
    for _ in 0..8 {
        begun.push(place.begin().await);
    }
    let tries = begun.iter().map(|begun| place.finish(app_phone(begun)));
    let results = join_all(tries).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 5);
    for refused in results.into_iter().filter_map(Result::err) {
        assert_eq!(refused, Refusal::Conflict("device_limit"));
    }
    assert_eq!(place.devices().await.len(), 5);
}

async fn join_all<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut waiting: Vec<_> = futures.map(Box::pin).collect();
    let mut done = Vec::new();
    std::future::poll_fn(|context| {
        waiting.retain_mut(|future| match future.as_mut().poll(context) {
            std::task::Poll::Ready(result) => {
                done.push(result);
                false
            }
            std::task::Poll::Pending => true,
        });
        if waiting.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}

#[tokio::test]
async fn sec_076_the_server_alone_decides_about_attestation() {
    let place = place().await;
    let begun = place.begin().await;
    // The policy is "none": nothing is asked for, and what a passkey says about itself raises nothing.
    assert_eq!(begun.webauthn.as_ref().unwrap()["publicKey"]["attestation"], "none");
    let (_, answer) = SoftPasskey::create(begun.webauthn.as_ref().unwrap(), ISSUER);
    // "none" in the attestation object (CBOR text "fmt", text "none") turned into a format that claims more.
    let mut object = testkit::unb64(answer["response"]["attestationObject"].as_str().unwrap());
    let at = object.windows(4).position(|four| four == b"none").unwrap();
    object[at..at + 4].copy_from_slice(b"tpmx");
    let mut bent = answer;
    bent["response"]["attestationObject"] = json!(testkit::b64(&object));
    let refused = completion(&begun, &DeviceKey::generate(), Verification::NewPasskey(bent));
    assert!(is_invalid(&place.finish(refused).await, "credential"));
}

#[tokio::test]
async fn sec_077_the_keystores_word_is_kept_as_given() {
    let place = place().await;
    let begun = place.begin().await;
    let without = completion(&begun, &DeviceKey::generate(), keystore(false));
    let (device, _) = place.finish(without).await.unwrap();
    assert!(!device.verifies_user);
    assert_eq!(device.kind, DeviceKind::App);
}

#[tokio::test]
async fn the_owner_must_agree_and_be_active() {
    let place = place().await;
    let begun = place.begin().await;
    let silent = Completion { agree: false, ..app_phone(&begun) };
    assert!(is_invalid(&place.finish(silent).await, "agree"));
    place.registry.disable_user("ada").await.unwrap();
    assert_eq!(place.finish(app_phone(&begun)).await.unwrap_err(), Refusal::Gone);
}

#[tokio::test]
async fn at_an_ip_address_only_apps_can_be_enrolled() {
    let place = place_at("http://127.0.0.1:8400").await;
    let begun = place.begin().await;
    assert!(begun.webauthn.is_none() && begun.existing.is_none());
    let key = DeviceKey::generate();
    let signature = signature(&begun, &key, "http://127.0.0.1:8400");
    let web = Completion {
        signature: signature.clone(),
        ..completion(&begun, &key, Verification::NewPasskey(json!({})))
    };
    assert!(is_invalid(&place.finish(web).await, "kind"));
    let app = Completion { signature, ..completion(&begun, &key, keystore(true)) };
    place.finish(app).await.unwrap();
}

#[tokio::test]
async fn sec_070_the_password_is_enough_for_the_first_phone_only() {
    let place = place().await;
    let owner = || Right::Owner(place.ada.clone());
    let begun = place.begin().await;
    place.finish(app_phone(&begun)).await.unwrap();
    assert_eq!(place.registry.enrol_begin(owner(), HERE).await.unwrap_err(), Refusal::StepUpNeeded);
}

#[tokio::test]
async fn sec_076_what_the_policy_demands_no_phone_talks_away() {
    let place = place().await;
    place.demand("required").await;
    let begun = place.begin().await;
    let refused = Refusal::Conflict("attestation_required");
    assert_eq!(begun.webauthn.as_ref().unwrap()["publicKey"]["attestation"], "direct");
    let (_, none) = web_phone(&begun);
    assert_eq!(place.finish(none).await.unwrap_err(), refused, "a passkey with the form none");
    assert_eq!(place.finish(app_phone(&begun)).await.unwrap_err(), refused, "an app with none");
    let made_up = qr::wire::KeyAttestation {
        format: "latchbolt-x5c-v1".to_owned(),
        x5c: vec!["AAAA".to_owned()],
        signature: "AAAA".to_owned(),
    };
    let bad = Verification::Keystore { verifies: true, attestation: Some(made_up) };
    let bad = completion(&begun, &DeviceKey::generate(), bad);
    assert_eq!(place.finish(bad).await.unwrap_err(), refused, "an app with a made-up one");
    assert_eq!(place.devices().await, []);
    place.demand("wanted").await;
    let (device, _) = place.finish(web_phone(&begun).1).await.unwrap();
    assert_eq!((device.record.attestation, device.record.attested_by), (domain::Attestation::None, None));
}
