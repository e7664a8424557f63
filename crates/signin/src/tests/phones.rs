//! Signing in by phone.

use app::Refusal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{AuditEvent, DeviceKey, DeviceKind, DeviceState, KeyAlg, Method};
use journey::Need;
use qr::CheckCode;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::Value;

use super::actors::{Draft, draft};
use super::world::{free_world, world, world_with};
use crate::{Decided, Network, Next, Places, Settings};

pub fn wrong(code: &str) -> String {
    let number: u16 = code.parse().unwrap();
    format!("{:03}", (number + 1) % 1000)
}

#[tokio::test]
async fn a_browser_signs_in_because_a_phone_said_yes() {
    let world = world().await;
    let ada = world.account("ada").await;
    world.client("shop", |_| {}).await;
    let phone = world.phone(&ada).await;
    let browser = world.browser();
    let id = world.journey_for(&browser, Some("shop"), Need::default()).await;

    let opened = world.signin.phone_open(&id, &browser.visitor()).await.unwrap();
    assert!(opened.url.starts_with("http://localhost:8400/s#1") && opened.svg.starts_with("<svg"));
    assert_eq!((opened.state, opened.expires_in), ("waiting", 60));
    let held = phone.scan(&world, &opened).await.unwrap();
    assert!(held.claimed.code_needed);
    assert_eq!(world.state(&browser, &id).await, "claimed");
    let code = world.signin.phone_code(&id, &browser.visitor()).await.unwrap();
    world.wait(3);
    assert_eq!(phone.approve(&world, &held, code.text()).await, Ok(Decided::Done));
    assert_eq!(world.state(&browser, &id).await, "approved");
    world.wait(2);
    let progress = world.redeem(&browser, &id).await.unwrap();
    assert!(matches!(progress.next, Next::Land(_)));

    let who = world.who(&browser).await.unwrap();
    assert_eq!(who.account.id, ada.id);
    assert_eq!(who.session.proofs.len(), 1);
    assert_eq!(who.session.proofs[0].method, Method::Phone);
    // SEC-039: the time of the approval.
    assert_eq!(who.session.auth_time().unwrap().seconds(), super::world::START.seconds() + 3);
    assert_eq!(*world.ending.finished.lock().unwrap(), ["ada"]);
}

#[tokio::test]
async fn a_phone_of_the_web_kind_approves_with_its_passkey() {
    let world = world().await;
    let ada = world.account("ada").await;
    let phone = world.web_phone(&ada).await;
    for _ in 0..2 {
        let browser = world.browser();
        let id = world.journey(&browser).await;
        let held = world.scanned(&browser, &id, &phone).await;
        assert!(held.claimed.webauthn.is_some());
        let code = world.signin.phone_code(&id, &browser.visitor()).await.unwrap();
        assert_eq!(phone.approve(&world, &held, code.text()).await, Ok(Decided::Done));
        assert!(world.redeem(&browser, &id).await.is_ok());
    }
}

#[tokio::test]
async fn sec_031_a_passkey_without_user_verification_approves_nothing() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    let phone = world.web_phone(&ada).await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let held = world.scanned(&browser, &id, &phone).await;
    let code = world.signin.phone_code(&id, &browser.visitor()).await.unwrap();
    let code = code.text();

    phone.authenticator.lock().unwrap().as_mut().unwrap().verifies_user = false;
    assert_eq!(phone.approve(&world, &held, code).await, Err(app::Refusal::Forbidden));
    phone.authenticator.lock().unwrap().as_mut().unwrap().verifies_user = true;

    // The assertion of another claim's facts, with everything else in order.
    let mut other = held.clone();
    other.claimed.webauthn.as_mut().unwrap()["publicKey"]["challenge"] = "A".repeat(43).into();
    assert_eq!(phone.approve(&world, &other, code).await, Err(app::Refusal::Forbidden));

    let mut without = held.clone();
    without.claimed.webauthn = None;
    assert_eq!(phone.approve(&world, &without, code).await, Err(app::Refusal::Forbidden));

    let yes = Draft { code: CheckCode::parse(code), ..draft(&world, qr::Decision::Approve) };
    let unverified = Draft { uv: false, ..yes };
    assert_eq!(phone.decide(&world, &held, &unverified).await, Err(app::Refusal::Forbidden));
    assert_eq!(world.state(&browser, &id).await, "claimed");
    assert_eq!(phone.approve(&world, &held, code).await, Ok(Decided::Done));
}

#[tokio::test]
async fn sec_077_a_key_enrolled_without_user_verification_never_claims_it() {
    let world = world().await;
    let ada = world.account("ada").await;
    let phone = world.phone_with(&ada, |device| device.verifies_user = false).await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let held = world.scanned(&browser, &id, &phone).await;
    let code = world.signin.phone_code(&id, &browser.visitor()).await.unwrap();
    assert_eq!(phone.approve(&world, &held, code.text()).await, Err(app::Refusal::Forbidden));
}

#[tokio::test]
async fn sec_003_an_id_that_was_not_issued_claims_nothing() {
    let world = world().await;
    let phone = world.phone(&world.account("ada").await).await;
    for channel in ["AAAAAAAAAAAAAAAAAAAAAA", "", "x", &"A".repeat(300)] {
        assert!(matches!(phone.claim(&world, channel).await, Err(app::Refusal::Gone)), "{channel}");
    }
}

#[tokio::test]
async fn sec_004_ids_rotate_and_expire() {
    let world = free_world().await;
    let phone = world.phone(&world.account("ada").await).await;
    let browser = world.browser();
    let open = async |id| world.signin.phone_open(id, &browser.visitor()).await.unwrap();

    let id = world.journey(&browser).await;
    let first = open(&id).await;
    let second = open(&id).await;
    assert_ne!(first.url, second.url);
    world.wait(6);
    assert!(phone.scan(&world, &first).await.is_err(), "replaced six seconds ago");
    world.wait(53);
    assert!(phone.scan(&world, &second).await.is_ok(), "59 s old");

    let id = world.journey(&browser).await;
    let shown = open(&id).await;
    world.wait(66);
    assert!(phone.scan(&world, &shown).await.is_err(), "66 s old");
    assert_eq!(world.state(&browser, &id).await, "waiting");

    let id = world.journey(&browser).await;
    open(&id).await;
    world.wait(301);
    assert_eq!(world.state(&browser, &id).await, "expired");
    let again = open(&id).await;
    assert!(phone.scan(&world, &again).await.is_ok(), "a new channel takes its place");
    world.wait(121);
    assert_eq!(world.state(&browser, &id).await, "expired");
}

#[tokio::test]
async fn sec_010_sec_053_only_the_browser_that_began_sees_anything() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    let phone = world.phone(&ada).await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    world.approved(&browser, &id, &phone).await;

    let stranger = world.browser();
    let mut nobody = stranger.visitor();
    nobody.browser = None;
    for visitor in [stranger.visitor(), nobody] {
        let signin = &world.signin;
        assert_eq!(signin.phone_state(&id, &visitor).await, Err(app::Refusal::Gone));
        assert!(matches!(signin.phone_watch(&id, &visitor).await, Err(app::Refusal::Gone)));
        assert_eq!(signin.phone_code(&id, &visitor).await, Err(app::Refusal::Gone));
        assert_eq!(signin.phone_redeem(&id, &visitor).await, Err(app::Refusal::Gone));
        assert_eq!(signin.phone_open(&id, &visitor).await, Err(app::Refusal::Gone));
        assert_eq!(signin.phone_cancel(&id, &visitor).await, Err(app::Refusal::Gone));
    }
    assert!(world.redeem(&browser, &id).await.is_ok());
}

#[tokio::test]
async fn sec_014_an_approval_is_good_for_its_own_journey_alone() {
    let world = world().await;
    let ada = world.account("ada").await;
    world.client("shop", |_| {}).await;
    world.client("bank", |_| {}).await;
    let phone = world.phone(&ada).await;
    let browser = world.browser();
    let shop = world.journey_for(&browser, Some("shop"), Need::default()).await;
    let bank = world.journey_for(&browser, Some("bank"), Need::default()).await;
    world.signin.phone_open(&bank, &browser.visitor()).await.unwrap();
    world.approved(&browser, &shop, &phone).await;
    assert_eq!(world.redeem(&browser, &bank).await, Err(app::Refusal::Conflict("approval")));
    let progress = world.redeem(&browser, &shop).await.unwrap();
    assert_eq!(progress.next, Next::Land(app::Landing::SeeOther("https://shop.example/cb?for=shop".into())));
    // The other tab goes on in the same browser, though its secret is a new one.
    assert_eq!(world.state(&browser, &bank).await, "waiting");
}

#[tokio::test]
async fn sec_016_a_tab_has_one_channel_and_a_browser_five() {
    let world = free_world().await;
    let phone = world.phone(&world.account("ada").await).await;
    let browser = world.browser();
    let mut tabs = Vec::new();
    for _ in 0..6 {
        let id = world.journey(&browser).await;
        let opened = world.signin.phone_open(&id, &browser.visitor()).await.unwrap();
        tabs.push((id, opened));
    }
    assert!(phone.scan(&world, &tabs[0].1).await.is_err(), "the oldest was cancelled");
    assert_eq!(world.state(&browser, &tabs[0].0).await, "expired");
    assert!(phone.scan(&world, &tabs[1].1).await.is_ok());
}

#[tokio::test]
async fn sec_020_only_an_active_enrolled_phone_that_proves_its_key_claims() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let opened = world.signin.phone_open(&id, &browser.visitor()).await.unwrap();
    let channel = qr::wire::parse_qr_text(&opened.url, super::world::ISSUER).unwrap();

    let phone = world.phone(&ada).await;
    let challenge = world.signin.challenge(&phone.device.id, phone.address).await.unwrap().challenge;
    let unsigned = phone.claim_signed(&world, channel, &challenge, "").await;
    assert!(matches!(unsigned, Err(app::Refusal::Forbidden)));
    // The challenge is spent now, even for the right signature.
    let text = qr::approval::ClaimProof {
        issuer: super::world::ISSUER,
        channel,
        device: &phone.device.id.to_string(),
        challenge: &challenge,
    };
    let signature = phone.sign(&text.message().unwrap());
    let replayed = phone.claim_signed(&world, channel, &challenge, &signature).await;
    assert!(matches!(replayed, Err(app::Refusal::Forbidden)));

    let mut unknown = world.phone(&ada).await;
    unknown.device.id = world.app.entropy().id();
    assert!(matches!(unknown.scan(&world, &opened).await, Err(app::Refusal::Forbidden)));
    for state in [DeviceState::Pending, DeviceState::Suspended, DeviceState::Revoked] {
        let stopped = world.phone_with(&ada, |device| device.state = state).await;
        assert!(matches!(stopped.scan(&world, &opened).await, Err(app::Refusal::Forbidden)), "{state:?}");
    }
    let bob = world.account("bob").await;
    let his = world.phone(&bob).await;
    world.disable(&bob).await;
    assert!(matches!(his.scan(&world, &opened).await, Err(app::Refusal::Forbidden)));

    assert!(phone.scan(&world, &opened).await.is_ok());
}

/// A phone with an app made for CAS has no key. Nobody signs for it, not even with the key that unknown phones are
/// checked against, whose private half is known to all.
#[tokio::test]
async fn sec_065_a_phone_without_a_key_signs_nothing() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let opened = world.signin.phone_open(&id, &browser.visitor()).await.unwrap();
    let channel = qr::wire::parse_qr_text(&opened.url, super::world::ISSUER).unwrap();
    let app = world
        .phone_with(&ada, |device| {
            device.kind = DeviceKind::Cas;
            device.key = None;
            device.cas_name = Some("phone".into());
            device.verifies_user = false;
        })
        .await;
    let mut unknown = world.phone(&ada).await;
    unknown.device.id = world.app.entropy().id();
    for phone in [&app, &unknown] {
        assert_eq!(phone.scan(&world, &opened).await.err(), Some(Refusal::Forbidden));
        let asked = phone.ask(&world, "/devices/self", |signin, ask| async move {
            signin.device(&ask.asked()).await.map(|_| ())
        });
        assert_eq!(asked.await, Err(Refusal::Forbidden));
        let challenge = world.signin.challenge(&phone.device.id, phone.address).await.unwrap().challenge;
        let device = phone.device.id.to_string();
        let proof = qr::approval::ClaimProof {
            issuer: super::world::ISSUER,
            channel,
            device: &device,
            challenge: &challenge,
        };
        let signature = by_everybodys_key(&proof.message().unwrap());
        let claimed = phone.claim_signed(&world, channel, &challenge, &signature).await;
        assert_eq!(claimed.err(), Some(Refusal::Forbidden));
    }
    // A decision in its name over the claim of a phone that may: refused like an unknown phone's, too.
    let phone = world.phone(&ada).await;
    let held = phone.scan(&world, &opened).await.unwrap();
    let code = world.signin.phone_code(&id, &browser.visitor()).await.unwrap();
    let as_app = app.approve(&world, &held, code.text()).await;
    let as_unknown = unknown.approve(&world, &held, code.text()).await;
    assert!(as_app.is_err() && as_app == as_unknown, "{as_app:?} {as_unknown:?}");
    assert_eq!(world.state(&browser, &id).await, "claimed");
}

/// Signed with the private key 1, whose public half is the base point of P-256.
fn by_everybodys_key(message: &str) -> String {
    const BASE: [u8; 65] = [
        0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2,
        0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f,
        0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce,
        0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
    ];
    let random = SystemRandom::new();
    let mut one = [0; 32];
    one[31] = 1;
    let pair =
        EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, &one, &BASE, &random)
            .unwrap();
    let signature = URL_SAFE_NO_PAD.encode(pair.sign(&random, message.as_bytes()).unwrap());
    let key = DeviceKey { alg: KeyAlg::ES256, public: BASE.to_vec(), thumbprint: String::new() };
    assert!(qr::key::is_signed(&key, message, &signature), "it is a signature");
    signature
}

#[tokio::test]
async fn sec_022_another_phone_cannot_decide() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    let (phone, second) = (world.phone(&ada).await, world.phone(&ada).await);
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let held = world.scanned(&browser, &id, &phone).await;
    let code = world.signin.phone_code(&id, &browser.visitor()).await.unwrap();
    assert_eq!(second.approve(&world, &held, code.text()).await, Err(app::Refusal::Gone));
    assert_eq!(second.deny(&world, &held).await, Err(app::Refusal::Gone));
    assert_eq!(world.state(&browser, &id).await, "claimed");
}

#[tokio::test]
async fn sec_023_sec_024_wrong_codes_deny_and_count_across_channels() {
    let world = world().await;
    let ada = world.account("ada").await;
    let phone = world.phone(&ada).await;
    for _ in 0..3 {
        let browser = world.browser();
        let id = world.journey(&browser).await;
        let held = world.scanned(&browser, &id, &phone).await;
        let code = world.signin.phone_code(&id, &browser.visitor()).await.unwrap();
        let none = draft(&world, qr::Decision::Approve);
        let without = phone.decide(&world, &held, &none).await;
        assert_eq!(without, Ok(Decided::WrongCode { left: 2 }));
        for left in [1, 0] {
            let tried = phone.approve(&world, &held, &wrong(code.text())).await;
            assert_eq!(tried, Ok(Decided::WrongCode { left }));
        }
        assert_eq!(world.state(&browser, &id).await, "denied");
        assert!(phone.approve(&world, &held, code.text()).await.is_err());
    }
    // Nine wrong codes on this phone: a fresh channel gives no fresh tries.
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let held = world.scanned(&browser, &id, &phone).await;
    let code = world.signin.phone_code(&id, &browser.visitor()).await.unwrap();
    let tried = phone.approve(&world, &held, code.text()).await;
    assert!(matches!(tried, Err(app::Refusal::TooMany { .. })), "{tried:?}");
    assert_eq!(phone.deny(&world, &held).await, Ok(Decided::Done), "denying is always possible");
}

#[tokio::test]
async fn sec_023_an_administrator_can_switch_the_code_off_for_a_client() {
    let world = world().await;
    world.client("kiosk", |client| client.skips_check_code = true).await;
    let phone = world.phone(&world.account("ada").await).await;
    let browser = world.browser();
    let id = world.journey_for(&browser, Some("kiosk"), Need::default()).await;
    let held = world.scanned(&browser, &id, &phone).await;
    assert!(!held.claimed.code_needed);
    assert_eq!(world.signin.phone_code(&id, &browser.visitor()).await, Err(app::Refusal::NotFound));
    let yes = draft(&world, qr::Decision::Approve);
    assert_eq!(phone.decide(&world, &held, &yes).await, Ok(Decided::Done));
}

#[tokio::test]
async fn sec_025_the_phone_is_told_what_is_asked_and_from_where() {
    let places = Places::new(vec![Network {
        addresses: "192.0.2.0/24".parse().unwrap(),
        place: domain::Place {
            network: Some("Office Berlin".into()),
            city: Some("Berlin".into()),
            country: Some("DE".into()),
        },
    }]);
    let world = world_with(app::Limits::default(), Settings { places, ..Settings::default() }).await;
    world.client("shop", |_| {}).await;
    let phone = world.phone(&world.account("ada").await).await;
    let browser = world.browser();
    let id = world.journey_for(&browser, Some("shop"), Need::default()).await;
    let held = world.scanned(&browser, &id, &phone).await;
    let facts: Value = serde_json::from_str(&held.claimed.facts).unwrap();
    assert_eq!(
        facts,
        serde_json::json!({
            "client": {"id": "shop", "name": "The shop", "host": "shop.example", "verified": false},
            "provider": "localhost",
            "browser": {"label": "Firefox on Linux", "browser": "Firefox", "system": "Linux", "known": false},
            "place": {"network": "Office Berlin", "city": "Berlin", "country": "DE"},
            "proximity": "same_network",
            "started_at": super::world::START.seconds(),
            "scopes": ["openid"],
        })
    );
    // SEC-058: nothing about anybody in it.
    assert!(!held.claimed.facts.contains("ada"));
}

#[tokio::test]
async fn sec_027_a_client_can_refuse_approvals_from_afar() {
    let world = world().await;
    world.client("bank", |client| client.requires_same_country = true).await;
    let phone = world.phone(&world.account("ada").await).await;
    let browser = world.browser();
    let id = world.journey_for(&browser, Some("bank"), Need::default()).await;
    let opened = world.signin.phone_open(&id, &browser.visitor()).await.unwrap();
    assert!(matches!(phone.scan(&world, &opened).await, Err(app::Refusal::Gone)), "unknown is not near");
    browser.moves_to("192.0.2.20");
    let near = world.journey_for(&browser, Some("bank"), Need::default()).await;
    let opened = world.signin.phone_open(&near, &browser.visitor()).await.unwrap();
    assert!(phone.scan(&world, &opened).await.is_ok(), "the same address is");
}

#[tokio::test]
async fn sec_029_denying_and_reporting_end_the_channel() {
    let world = world().await;
    let phone = world.phone(&world.account("ada").await).await;
    for decision in [qr::Decision::Deny, qr::Decision::Report] {
        let browser = world.browser();
        let id = world.journey(&browser).await;
        let held = world.scanned(&browser, &id, &phone).await;
        assert_eq!(phone.decide(&world, &held, &draft(&world, decision)).await, Ok(Decided::Done));
        assert_eq!(world.state(&browser, &id).await, "denied");
        assert_eq!(world.redeem(&browser, &id).await, Err(app::Refusal::Gone));
    }
    let reported = world.trail().await.into_iter().find(|e| e.event == AuditEvent::ChannelReported).unwrap();
    assert_eq!(reported.address.as_deref(), Some("192.0.2.20"));
    assert_eq!(reported.other_address.as_deref(), Some("192.0.2.10"));
    // Further starts from there are limited.
    for opens in 0..4 {
        let browser = world.browser();
        let id = world.journey(&browser).await;
        let opened = world.signin.phone_open(&id, &browser.visitor()).await;
        assert_eq!(opened.is_ok(), opens < 3, "{opens}");
    }
}

#[tokio::test]
async fn sec_054_at_the_cap_starts_are_refused_and_other_methods_go_on() {
    let limits = app::Limits { channel_total: app::throttle::Limit::new(5, 60), ..app::Limits::default() };
    let world = world_with(limits, Settings::default()).await;
    world.account("ada").await;
    let mut refused = 0;
    for _ in 0..10 {
        let browser = world.browser();
        let id = world.journey(&browser).await;
        match world.signin.phone_open(&id, &browser.visitor()).await {
            Ok(_) => {}
            Err(app::Refusal::TooMany { .. }) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(refused, 5);
    let browser = world.browser();
    assert!(world.password(&browser, "ada", super::world::PASSWORD).await.is_ok());
    let id = world.journey(&browser).await;
    assert!(world.signin.passkey_options(&id, &browser.visitor()).await.is_ok());
}

#[tokio::test]
async fn sec_009_neither_channel_ids_nor_browser_secrets_are_kept() {
    let world = world().await;
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let opened = world.signin.phone_open(&id, &browser.visitor()).await.unwrap();
    let channel = qr::wire::parse_qr_text(&opened.url, super::world::ISSUER).unwrap();
    let way = world.signin.way(&id, &browser.visitor()).await.unwrap();
    let handle = way.kept.channel.clone().unwrap();
    let key = live::Key { kind: "channel", id: handle };
    let (kept, _) = world.app.live().get(&key).await.unwrap().unwrap();
    let kept = format!("{}{}", String::from_utf8_lossy(&kept), serde_json::to_string(&way.kept).unwrap());
    assert!(!kept.contains(channel));
    assert!(!kept.contains(&browser.visitor().browser.unwrap().text()));
}

#[tokio::test]
async fn sec_224_what_one_network_is_refused_uses_up_nobody_else_s_share() {
    use app::throttle::Limit;
    let limits = app::Limits {
        channel_total: Limit::new(10, 60),
        channel_address: Limit::new(3, 60),
        rotate_address: Limit::new(4, 60),
        ..app::Limits::default()
    };
    let world = world_with(limits, Settings::default()).await;
    let mut shown = 0;
    for _ in 0..30 {
        let browser = world.browser();
        let id = world.journey(&browser).await;
        shown += u32::from(world.signin.phone_open(&id, &browser.visitor()).await.is_ok());
    }
    assert_eq!(shown, 3);
    let browser = world.browser();
    browser.moves_to("198.51.100.7");
    let id = world.journey(&browser).await;
    assert!(world.signin.phone_open(&id, &browser.visitor()).await.is_ok(), "from another network");
    // Showing another code of an open channel is bounded too.
    let mut shown = 0;
    for _ in 0..10 {
        shown += u32::from(world.signin.phone_open(&id, &browser.visitor()).await.is_ok());
    }
    assert_eq!(shown, 4);
}
