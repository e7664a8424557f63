//! What the server fetches by itself (SEC-130), seen from both ends: by whoever makes it fetch, and by the site that
//! is asked. The client alone is tested in `outbound-net`.

use std::collections::BTreeSet;
use std::time::Duration;

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use testkit::site::{Reply, Site};
use testkit::wire::{Answer, Request};
use testkit::{RelyingParty, b64, random, unix_now};

use crate::logout::Ground;

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A key of a client.
struct Key {
    pair: EcdsaKeyPair,
    kid: String,
}

impl Key {
    fn new() -> Self {
        let random_source = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random_source).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random_source);
        Self { pair: pair.unwrap(), kid: b64(&random::<8>()) }
    }

    fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.kid,
            "x": b64(&point[1..33]), "y": b64(&point[33..]),
        })
    }

    fn assertion(&self, client: &str, audience: &str) -> String {
        let header = json!({"alg": "ES256", "typ": "JWT", "kid": self.kid});
        let now = unix_now();
        let claims = json!({
            "iss": client, "sub": client, "aud": audience, "iat": now, "exp": now + 60, "jti": b64(&random::<16>()),
        });
        let message =
            format!("{}.{}", b64(header.to_string().as_bytes()), b64(claims.to_string().as_bytes()));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", b64(signature.as_ref()))
    }
}

fn keys(all: &[&Key]) -> Reply {
    let set = json!({"keys": all.iter().map(|key| key.jwk()).collect::<Vec<_>>()});
    Reply::ok("application/jwk-set+json", set.to_string())
}

fn client(ground: &Ground, id: &str, jwks_uri: &str) -> RelyingParty {
    let more = json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": jwks_uri});
    ground.client(id, &more)
}

/// A code that is none: who proved itself is told so, and who did not is told only that.
async fn ask(client: &RelyingParty, key: &Key) -> Answer {
    let assertion = key.assertion(&client.client_id, client.line.issuer());
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", "none"),
        ("redirect_uri", client.redirect_uri.as_str()),
        ("client_assertion_type", TYPE),
        ("client_assertion", &assertion),
    ];
    client.line.send(Request::form("/token", &fields)).await
}

#[track_caller]
fn is_known(answer: &Answer) {
    assert_eq!((answer.status, answer.word("error").as_str()), (400, "invalid_grant"), "{}", answer.text());
}

#[track_caller]
fn is_unknown(answer: &Answer) {
    assert_eq!((answer.status, answer.word("error").as_str()), (401, "invalid_client"), "{}", answer.text());
}

#[tokio::test]
async fn a_rotated_key_is_found_at_once_and_fetched_no_more_than_needed() {
    let ground = Ground::new().await;
    let (first, second, foreign) = (Key::new(), Key::new(), Key::new());
    ground.site.put("/jwks", keys(&[&first]));
    let shop = client(&ground, "shop", &ground.site.url("/jwks"));
    for _ in 0..5 {
        is_known(&ask(&shop, &first).await);
    }
    assert_eq!(ground.site.seen("/jwks").len(), 1, "kept");
    ground.site.put("/jwks", keys(&[&second]));
    is_known(&ask(&shop, &second).await);
    assert_eq!(ground.site.seen("/jwks").len(), 2, "fetched again for an unknown key");
    is_unknown(&ask(&shop, &first).await);
    for _ in 0..5 {
        is_unknown(&ask(&shop, &foreign).await);
    }
    assert_eq!(ground.site.seen("/jwks").len(), 2, "not for everybody who makes up a key");
    is_known(&ask(&shop, &second).await);
}

#[tokio::test]
async fn what_is_broken_never_takes_the_place_of_good_keys() {
    let ground = Ground::new().await;
    let key = Key::new();
    let foreign = Key::new();
    for (at, broken) in [
        keys(&[]),
        Reply::status(500),
        Reply::status(404),
        Reply::ok("application/json", "{}"),
        Reply::ok("application/json", "not json"),
        Reply::ok("text/html", "<html>"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/jwks{at}");
        ground.site.put(&path, keys(&[&key]));
        let shop = client(&ground, &format!("shop{at}"), &ground.site.url(&path));
        is_known(&ask(&shop, &key).await);
        ground.site.put(&path, broken);
        is_unknown(&ask(&shop, &foreign).await);
        assert_eq!(ground.site.seen(&path).len(), 2);
        is_known(&ask(&shop, &key).await);
    }
}

#[tokio::test]
async fn many_who_come_at_once_cause_one_fetch() {
    let ground = Ground::new().await;
    let key = Key::new();
    ground.site.put("/jwks", Reply { after: Duration::from_millis(300), ..keys(&[&key]) });
    let shop = client(&ground, "shop", &ground.site.url("/jwks"));
    let (one, two, three) = tokio::join!(ask(&shop, &key), ask(&shop, &key), ask(&shop, &key));
    for answer in [one, two, three] {
        is_known(&answer);
    }
    assert_eq!(ground.site.seen("/jwks").len(), 1);
}

#[tokio::test]
async fn sec_130_whatever_is_wrong_with_an_address_the_answer_is_the_same() {
    let ground = Ground::new().await;
    let key = Key::new();
    let inside = Site::start(&ground.authority);
    inside.put("/jwks", keys(&[&key]));
    let port = inside.host().rsplit_once(':').unwrap().1.to_owned();
    ground.site.put("/away", Reply::status(302).header("location", &inside.url("/jwks")));
    ground.site.put("/home", Reply::status(307).header("location", &ground.site.url("/jwks")));
    ground.site.put("/jwks", keys(&[&key]));
    ground.site.put("/long", Reply::ok("application/json", vec![b' '; 70_000]));
    ground.site.put("/slow", Reply { after: Duration::from_secs(30), ..keys(&[&key]) });
    let addresses = [
        inside.url("/jwks"),
        format!("https://127.0.0.1:{port}/jwks"),
        format!("https://2130706433:{port}/jwks"),
        format!("https://[::ffff:127.0.0.1]:{port}/jwks"),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
        "https://10.0.0.1/jwks".to_owned(),
        "https://no-such-name.invalid/jwks".to_owned(),
        ground.site.url("/away"),
        ground.site.url("/home"),
        ground.site.url("/long"),
        ground.site.url("/slow"),
        ground.site.url("/nothing"),
    ];
    let mut told = BTreeSet::new();
    for (at, address) in addresses.iter().enumerate() {
        let shop = client(&ground, &format!("shop{at}"), address);
        let answer = ask(&shop, &key).await;
        is_unknown(&answer);
        told.insert(answer.text());
    }
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(inside.seen("/jwks").is_empty(), "nobody inside was called");
    assert!(ground.site.seen("/jwks").is_empty(), "no redirect was followed");
}

#[tokio::test]
async fn sec_130_nothing_is_called_that_nobody_registered() {
    let ground = Ground::new().await;
    let shop = ground.client("shop", &json!({}));
    let stranger = ground.site.url("/request");
    ground.site.put("/request", Reply::ok("application/oauth-authz-req+jwt", "a.b.c"));
    let started = shop.start_with(&[("request_uri", &stranger)]);
    let _ = ground.browser.follow(&started.url).await;
    assert!(ground.site.seen("/request").is_empty());
}

#[tokio::test]
async fn an_empty_answer_and_a_switch_that_is_off_are_refusals_too() {
    let server = testkit::Setup::default().set("outbound.enabled", false).start().await;
    let more =
        json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://rp.example/jwks"});
    let shop = server.client_with("shop", &more);
    is_unknown(&ask(&shop, &Key::new()).await);
}
