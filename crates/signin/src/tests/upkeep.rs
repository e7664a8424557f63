//! What a phone does to its own registration, and what ends with it.

use app::{Change, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{DeviceState, PastKey};
use futures_util::future::join_all;
use qr::approval::{Purpose, RotationProof};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::json;

use super::actors::Phone;
use super::world::{ISSUER, World, free_world, world};
use crate::{Decided, NewKey, UserProof};

/// Whether the phone has to be verified anew, and its thumbprint as kept.
pub async fn standing(world: &World, phone: &Phone) -> (bool, String) {
    let (device, owner) = phone
        .ask(world, "/devices/self", |signin, ask| async move { signin.device(&ask.asked()).await })
        .await
        .unwrap();
    (world.signin.is_reverification_due(&device, &owner).await.unwrap(), device.key.unwrap().thumbprint)
}

async fn nonce(world: &World, phone: &Phone, purpose: Purpose, subject: &str) -> Result<String, Refusal> {
    let subject = subject.to_owned();
    let asked = phone.ask(world, "/verification", |signin, ask| async move {
        signin.begin_verification(&ask.asked(), purpose, &subject).await
    });
    asked.await.map(|asked| asked.nonce)
}

pub async fn reverify(world: &World, phone: &Phone, uv: bool) -> Result<(), Refusal> {
    let nonce = nonce(world, phone, Purpose::Reverify, "-").await?;
    let proof = UserProof { nonce, uv, assertion: None };
    phone
        .ask(world, "/verify", |signin, ask| async move { signin.reverify(&ask.asked(), &proof).await })
        .await
}

fn another(world: &World) -> (Ed25519KeyPair, qr::Jwk) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&world.app.entropy().bytes::<32>()).unwrap();
    let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
    let key = serde_json::from_value(json!({"kty": "OKP", "crv": "Ed25519", "x": x})).unwrap();
    (pair, key)
}

/// Rotates; answers the pair that works from then on.
async fn rotate(world: &World, phone: &Phone) -> Result<Ed25519KeyPair, Refusal> {
    let (pair, key) = another(world);
    let thumbprint = key.key().thumbprint.clone();
    let nonce = nonce(world, phone, Purpose::Rotate, &thumbprint).await?;
    let message = RotationProof { issuer: ISSUER, device: &phone.device.id, nonce: &nonce, key: &thumbprint }
        .message()
        .unwrap();
    let signature = URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes()));
    let new = NewKey { key, signature, proof: UserProof { nonce, uv: true, assertion: None } };
    phone
        .ask(world, "/key", |signin, ask| async move { signin.rotate_key(&ask.asked(), new).await })
        .await
        .map(|_| pair)
}

#[tokio::test]
async fn sec_082_among_200_rotations_and_approvals_one_key_works_at_a_time() {
    let world = free_world().await;
    let ada = world.account("ada").await;
    let phone = world.phone(&ada).await;
    let mut held = Vec::new();
    for _ in 0..100 {
        let browser = world.browser();
        let id = world.journey(&browser).await;
        let claim = world.scanned(&browser, &id, &phone).await;
        let code = world.signin.phone_code(&id, &browser.visitor()).await.unwrap().text().to_owned();
        held.push((claim, code));
    }
    let rotations = join_all((0..100).map(|_| rotate(&world, &phone)));
    let approvals = join_all(held.iter().map(|(claim, code)| phone.approve(&world, claim, code)));
    let (rotated, approved) = tokio::join!(rotations, approvals);
    let [pair] = rotated.into_iter().filter_map(Result::ok).collect::<Vec<_>>().try_into().unwrap();
    for answer in approved {
        assert!(matches!(answer, Ok(Decided::Done) | Err(Refusal::Forbidden)), "{answer:?}");
    }
    // The old key is dead for every kind of request; the new one works.
    let browser = world.browser();
    let id = world.journey(&browser).await;
    let opened = world.signin.phone_open(&id, &browser.visitor()).await.unwrap();
    assert!(matches!(phone.scan(&world, &opened).await, Err(Refusal::Forbidden)));
    assert!(matches!(rotate(&world, &phone).await, Err(Refusal::Forbidden)));
    let phone = Phone { pair, ..phone };
    let claim = phone.scan(&world, &opened).await.unwrap();
    let code = world.signin.phone_code(&id, &browser.visitor()).await.unwrap();
    assert_eq!(phone.approve(&world, &claim, code.text()).await, Ok(Decided::Done));
    let keys = world.app.store().read().await.unwrap().keys_of_device(&phone.device.id).await.unwrap();
    let working: Vec<&PastKey> = keys.iter().filter(|key| key.ended_at.is_none()).collect();
    assert_eq!((keys.len(), working.len()), (2, 1));
    assert_eq!(standing(&world, &phone).await.1, working[0].thumbprint);
    assert_eq!(world.events().await.iter().filter(|event| **event == "device.rotated").count(), 1);
}

#[tokio::test]
async fn sec_077_what_was_recorded_at_enrolment_counts_whatever_the_phone_says_now() {
    let world = world().await;
    let ada = world.account("ada").await;
    let phone = world.phone_with(&ada, |device| device.verifies_user = false).await;
    assert_eq!(reverify(&world, &phone, true).await, Err(Refusal::Forbidden));
    assert!(matches!(rotate(&world, &phone).await, Err(Refusal::Forbidden)));
}

#[tokio::test]
async fn sec_079_running_claims_end_when_their_phone_is_stopped() {
    let world = world().await;
    let ada = world.account("ada").await;
    let signin = world.signin.clone();
    let listening = tokio::spawn(async move { signin.end_stopped_claims().await });
    tokio::task::yield_now().await;
    for (state, is_stopped) in [(DeviceState::Suspended, true), (DeviceState::Active, false)] {
        let phone = world.phone(&ada).await;
        let browser = world.browser();
        let id = world.journey(&browser).await;
        let mut watch = world.signin.phone_watch(&id, &browser.visitor()).await.unwrap();
        let _ = world.scanned(&browser, &id, &phone).await;
        if is_stopped {
            world.move_device(&phone, state).await;
        }
        world.app.tell(Change::Device(phone.device.id)).await;
        let told = async {
            while let Some(word) = watch.next().await {
                if word.state == "expired" {
                    return true;
                }
            }
            false
        };
        let told = tokio::time::timeout(std::time::Duration::from_secs(1), told).await;
        assert_eq!(told.unwrap_or(false), is_stopped, "{state:?}");
    }
    listening.abort();
    let ended = world.trail().await.into_iter().find(|entry| entry.event.as_str() == "channel.expired");
    assert_eq!(ended.unwrap().detail.as_deref(), Some("phone stopped"));
}
