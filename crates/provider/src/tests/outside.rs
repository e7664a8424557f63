//! What is fetched from clients and sent to them: when, how often, and what becomes of failures. The outside is a
//! list of answers here; the real one is tested in `outbound-net` and over HTTP.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use domain::{ClientKeys, ContentEncryption, KeyEncryptionAlg, LogoutUri};
use jose::{KeySet, SigningKey};
use oidc::logout::Asked;
use outbound::{Fetched, Outbound, OutboundError};
use url::Url;

use super::*;
use crate::{ClientKeysError, LogoutOutcome};

type Answered = Result<Fetched, OutboundError>;

/// Answers in order; without one it cannot be reached.
#[derive(Default)]
pub(super) struct Outside {
    answers: Mutex<VecDeque<Answered>>,
    asked: Mutex<Vec<String>>,
    sent: Mutex<Vec<(String, String)>>,
}

impl Outside {
    pub(super) fn will(&self, answer: Answered) {
        self.answers.lock().unwrap().push_back(answer);
    }

    pub(super) fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn sent(&self) -> Vec<(String, String)> {
        self.sent.lock().unwrap().clone()
    }

    fn next(&self) -> Answered {
        let next = self.answers.lock().unwrap().pop_front();
        next.unwrap_or_else(|| Err(OutboundError::Unreachable("nothing more".to_owned())))
    }
}

#[async_trait]
impl Outbound for Outside {
    async fn get(&self, url: &Url, _: &str, _: usize) -> Answered {
        self.asked.lock().unwrap().push(url.to_string());
        self.next()
    }

    async fn post_form(&self, url: &Url, form: &[(&str, &str)]) -> Result<(), OutboundError> {
        assert_eq!(form.len(), 1);
        self.sent.lock().unwrap().push((url.to_string(), form[0].1.to_owned()));
        self.next().map(drop)
    }
}

pub(super) async fn world(clients: &[Client]) -> (World, Arc<Outside>) {
    let world = super::world(clients).await;
    let outside = Arc::new(Outside::default());
    let app = App::new(Parts {
        issuer: Issuer::parse("https://id.example").unwrap(),
        store: store().await,
        live: Arc::new(live::InProcess::default()),
        outbound: Arc::clone(&outside) as Arc<dyn Outbound>,
        mailer: None,
        clock: world.clock.clone(),
        entropy: Entropy::system(),
        hashing: HashSettings::default(),
        master_key: MasterKey::new([7; 32]),
        limits: Limits::default(),
    });
    let mut work = app.store().begin().await.unwrap();
    work.add_account(&world.account).await.unwrap();
    work.add_session(&world.session, None).await.unwrap();
    for client in clients {
        work.add_client(client).await.unwrap();
    }
    work.commit().await.unwrap();
    keys::ensure(&app).await.unwrap();
    let provider = Provider::new(&app, Settings::default()).unwrap();
    (World { app, provider, ..world }, outside)
}

fn keys_at(uri: &str) -> Client {
    let mut shop = shop();
    shop.metadata.keys = Some(ClientKeys::JwksUri(uri.to_owned()));
    shop
}

fn set(key: &SigningKey, max_age: Option<u64>) -> Answered {
    let body = json!({"keys": [key.public_jwk()]}).to_string();
    let max_age = max_age.map(Duration::from_secs);
    Ok(Fetched { content_type: "application/json".to_owned(), max_age, body: body.into() })
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test]
async fn fetched_keys_count_for_their_age_within_bounds() {
    let key = SigningKey::generate(SigningAlg::ES256).unwrap();
    for (said, counts) in [(Some(5), 30), (Some(0), 30), (Some(100), 100), (None, 300), (Some(999_999), 3600)]
    {
        let shop = keys_at("https://shop.example/jwks");
        let (world, outside) = world(std::slice::from_ref(&shop)).await;
        outside.will(set(&key, said));
        outside.will(set(&key, said));
        world.provider.client_keys(&shop).await.unwrap();
        world.clock.advance(seconds(counts - 1));
        world.provider.client_keys(&shop).await.unwrap();
        assert_eq!(outside.asked(), 1, "{said:?}");
        world.clock.advance(seconds(2));
        world.provider.client_keys(&shop).await.unwrap();
        assert_eq!(outside.asked(), 2, "{said:?}");
    }
}

#[tokio::test]
async fn good_keys_outlive_failures_for_a_day_and_a_failing_address_is_left_alone() {
    let key = SigningKey::generate(SigningAlg::ES256).unwrap();
    let shop = keys_at("https://shop.example/jwks");
    let (world, outside) = world(std::slice::from_ref(&shop)).await;
    // Nothing yet: an error, and no second call for ten seconds.
    for _ in 0..3 {
        let failed = world.provider.client_keys(&shop).await;
        assert!(matches!(failed, Err(ClientKeysError::NotFetched(_))), "{failed:?}");
    }
    assert_eq!(outside.asked(), 1);
    world.clock.advance(seconds(11));
    outside.will(set(&key, None));
    let good = world.provider.client_keys(&shop).await.unwrap();
    for broken in [r#"{"keys":[]}"#, "{}", "no json", ""] {
        world.clock.advance(seconds(3601));
        outside.will(Ok(Fetched { body: broken.to_owned().into(), ..Fetched::default() }));
        let kept = world.provider.client_keys(&shop).await.unwrap();
        assert!(Arc::ptr_eq(&good, &kept), "{broken}");
    }
    let before = outside.asked();
    assert!(world.provider.client_keys(&shop).await.is_ok());
    assert_eq!(outside.asked(), before, "it failed a moment ago");
    world.clock.advance(seconds(24 * 3600));
    assert!(world.provider.client_keys(&shop).await.is_err());
}

#[tokio::test]
async fn an_unknown_key_is_looked_for_at_once_and_then_every_ten_seconds() {
    let (old, new) =
        (SigningKey::generate(SigningAlg::ES256).unwrap(), SigningKey::generate(SigningAlg::ES256).unwrap());
    let shop = keys_at("https://shop.example/jwks");
    let (world, outside) = world(std::slice::from_ref(&shop)).await;
    outside.will(set(&old, None));
    outside.will(set(&new, None));
    let first = world.provider.client_keys(&shop).await.unwrap();
    let second = world.provider.client_keys_again(&shop).await.unwrap();
    assert!(!Arc::ptr_eq(&first, &second));
    for _ in 0..5 {
        assert!(Arc::ptr_eq(&second, &world.provider.client_keys_again(&shop).await.unwrap()));
    }
    assert_eq!(outside.asked(), 2);
    world.clock.advance(seconds(11));
    assert!(Arc::ptr_eq(&second, &world.provider.client_keys_again(&shop).await.unwrap()), "kept on failure");
    assert_eq!(outside.asked(), 3);
}

#[tokio::test]
async fn a_client_that_registers_other_keys_has_other_keys() {
    let key = SigningKey::generate(SigningAlg::ES256).unwrap();
    let shop = keys_at("https://shop.example/jwks");
    let (world, outside) = world(std::slice::from_ref(&shop)).await;
    outside.will(set(&key, None));
    let before = world.provider.client_keys(&shop).await.unwrap();
    let mut changed = shop.clone();
    changed.metadata.keys = Some(ClientKeys::Jwks(json!({"keys": [key.public_jwk()]}).to_string()));
    let after = world.provider.client_keys(&changed).await.unwrap();
    assert!(!Arc::ptr_eq(&before, &after));
    assert!(Arc::ptr_eq(&after, &world.provider.client_keys(&changed).await.unwrap()), "parsed once");
    assert!(Arc::ptr_eq(&after, &world.provider.client_keys_again(&changed).await.unwrap()));
    assert_eq!(outside.asked(), 1);
    changed.metadata.keys = None;
    assert_eq!(world.provider.client_keys(&changed).await.err(), Some(ClientKeysError::NotRegistered));
    changed.metadata.keys = Some(ClientKeys::Jwks("{\"keys\":[]}".to_owned()));
    assert!(matches!(world.provider.client_keys(&changed).await, Err(ClientKeysError::Unusable(_))));
}

#[tokio::test]
async fn a_request_object_is_fetched_from_registered_addresses_without_their_fragment() {
    let mut shop = shop();
    shop.metadata.request_uris = vec!["https://shop.example/request#any".to_owned()];
    let (world, outside) = world(std::slice::from_ref(&shop)).await;
    outside.will(Ok(Fetched { body: " a.b.c\r\n".to_owned().into(), ..Fetched::default() }));
    let fetch = |uri: &'static str| world.provider.fetch_request_object(&shop, uri);
    assert_eq!(fetch("https://shop.example/request#any").await.as_deref(), Ok("a.b.c"));
    assert_eq!(*outside.asked.lock().unwrap(), ["https://shop.example/request"]);
    for other in
        ["https://shop.example/request", "https://shop.example/request#other", "https://evil.example/"]
    {
        assert_eq!(fetch(other).await, Err(crate::DocumentError::NotRegistered), "{other}");
    }
    assert_eq!(outside.asked(), 1);
}

/// An ID token of this world's session.
async fn id_token(world: &World) -> String {
    let code = world.code(&[]).await;
    world.redeem(&code, &[]).await.unwrap()["id_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn sec_134_a_hint_may_come_encrypted_for_us_and_is_refused_otherwise() {
    let (world, _) = world(&[shop()]).await;
    keys::complete(&world.app).await.unwrap();
    let hint = id_token(&world).await;
    let ours = KeySet::parse(&world.app.keys().jwks().bytes).unwrap();
    let foreign = jose::DecryptionKey::generate(KeyEncryptionAlg::EcdhEs).unwrap();
    let theirs = KeySet::parse(json!({"keys": [foreign.public_jwk()]}).to_string().as_bytes()).unwrap();
    let sealed = |set: &KeySet| {
        let key = set.encryption_key(KeyEncryptionAlg::EcdhEs).unwrap();
        jose::encrypt(key, ContentEncryption::A128Gcm, hint.as_bytes(), Some("JWT")).unwrap()
    };
    let end = async |hint: String| {
        let asked = Asked { hint: Some(hint), ..Asked::default() };
        world.provider.end_session(&asked, &world.visitor, false).await.unwrap()
    };
    for bad in [sealed(&theirs), "a.b.c.d.e".to_owned(), "....".to_owned()] {
        assert!(matches!(end(bad).await, LogoutOutcome::Ask { .. }));
    }
    assert!(matches!(end(sealed(&ours)).await, LogoutOutcome::Out(_)));
}

#[tokio::test]
async fn clients_are_told_soon_and_again_until_they_answer() {
    let mut shop = shop();
    let uri = "https://shop.example/out".to_owned();
    shop.metadata.backchannel_logout = Some(LogoutUri { uri: uri.clone(), session_required: true });
    let (world, outside) = world(&[shop]).await;
    let hint = id_token(&world).await;
    let told = world.provider.clone();
    let worker = tokio::spawn(async move { told.tell_logouts().await });
    outside.will(Err(OutboundError::Status(503)));
    outside.will(Ok(Fetched::default()));
    let asked = Asked { hint: Some(hint), ..Asked::default() };
    assert!(matches!(
        world.provider.end_session(&asked, &world.visitor, false).await,
        Ok(LogoutOutcome::Out(_))
    ));
    let sent = async |count: usize| {
        for _ in 0..300 {
            if outside.sent().len() >= count {
                return outside.sent();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not sent: {:?}", outside.sent())
    };
    assert_eq!(sent(1).await[0].0, uri);
    // The clock of this world stands still: it is due again when it has moved.
    tokio::time::sleep(Duration::from_millis(500)).await;
    world.clock.advance(seconds(6));
    let all = sent(2).await;
    let claims: Vec<Value> = all.iter().map(|(_, token)| inside(token)).collect();
    assert_eq!(header(&all[1].1)["typ"], "logout+jwt");
    assert_eq!(claims[0]["sid"], world.session.id.to_string());
    assert_ne!(claims[0]["jti"], claims[1]["jti"]);
    for _ in 0..100 {
        if world.app.store().read().await.unwrap().waiting_logouts().await.unwrap() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(world.events().await.iter().filter(|event| **event == AuditEvent::LogoutTold).count(), 1);
    assert_eq!(outside.sent().len(), 2);
    worker.abort();
}

#[tokio::test]
async fn logos_are_pictures_fetched_once() {
    let with = |id: &str, uri: Option<&str>| Client {
        id: id.parse().unwrap(),
        logo_uri: uri.map(str::to_owned),
        is_verified: false,
        ..shop()
    };
    let clients = [
        with("good", Some("https://shop.example/logo")),
        with("drawing", Some("https://shop.example/drawing")),
        with("none", None),
    ];
    let (world, outside) = world(&clients).await;
    let fetched = |body: &'static [u8]| {
        let body = bytes::Bytes::from_static(body);
        Ok(Fetched { content_type: "text/html".to_owned(), max_age: None, body })
    };
    outside.will(fetched(b"\x89PNG\r\n\x1a\n1234"));
    let good = "good".parse().unwrap();
    let (one, other) =
        futures_util::future::join(world.provider.logo(&good), world.provider.logo(&good)).await;
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!((one.content_type, &one.bytes[..]), ("image/png", &b"\x89PNG\r\n\x1a\n1234"[..]));
    assert_eq!((one, outside.asked()), (other, 1));
    // A drawing is a document, whatever it is called; that it is none is remembered for a while.
    outside.will(fetched(b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"));
    for id in ["drawing", "drawing", "none", "nobody"] {
        let refused = world.provider.logo(&id.parse().unwrap()).await;
        assert!(matches!(refused, Err(app::Refusal::NotFound)), "{id}: {refused:?}");
    }
    assert_eq!(outside.asked(), 2);
}
