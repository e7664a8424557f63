//! Request objects by value at `/authorize` (`oidcc-unsigned-request-object-…`,
//! `oidcc-ensure-request-object-with-redirect-uri`, SEC-129), seen from outside.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use testkit::{RelyingParty, Started, b64, unix_now};

use crate::given::Scene;

/// A key made here.
struct Key(EcdsaKeyPair);

impl Key {
    fn new() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap())
    }

    fn jwks(&self) -> Value {
        let point = self.0.public_key().as_ref();
        json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "k", "alg": "ES256", "use": "sig",
                         "x": b64(&point[1..33]), "y": b64(&point[33..])}]})
    }

    fn sign(&self, claims: &Value) -> String {
        let message =
            format!("{}.{}", b64(br#"{"alg":"ES256","kid":"k"}"#), b64(claims.to_string().as_bytes()));
        let signature = self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", b64(signature.as_ref()))
    }
}

/// The claims of a whole request, and what goes with it.
fn request(scene: &Scene, client: &RelyingParty) -> (Value, Started) {
    let started = client.start();
    let mut claims = json!({"iss": client.client_id, "aud": scene.server.issuer, "exp": unix_now() + 60});
    for (name, value) in url::Url::parse(&started.url).unwrap().query_pairs() {
        claims[name.as_ref()] = value.as_ref().into();
    }
    (claims, started)
}

fn address(client: &RelyingParty, object: &str, more: &[(&str, &str)]) -> String {
    let fields = [("client_id", client.client_id.as_str()), ("response_type", "code"), ("request", object)];
    let fields: Vec<_> = fields.iter().chain(more).copied().collect();
    format!("/authorize?{}", testkit::wire::encode(&fields))
}

#[tokio::test]
async fn sec_129_a_signed_request_is_taken_to_the_letter() {
    let scene = Scene::new().await;
    let key = Key::new();
    let client = scene.server.client_with(
        "signer",
        &json!({"jwks": key.jwks(), "request_object_signing_alg": "ES256", "require_signed_request_object": true}),
    );
    let (claims, started) = request(&scene, &client);
    let good = key.sign(&claims);
    for outer in [("state", "outer"), ("redirect_uri", "https://evil.test/")] {
        let landed = scene.browser.follow(&address(&client, &good, &[outer])).await;
        let code = client.code(&started, &landed);
        assert_eq!(client.redeem(&started, &code).await.status, 200);
    }
    let with = |name: &str, value: Value| {
        let mut changed = claims.clone();
        changed[name] = value;
        changed
    };
    let unsigned = format!("{}.{}.", b64(br#"{"alg":"none"}"#), b64(claims.to_string().as_bytes()));
    let beside = [("redirect_uri", client.redirect_uri.as_str()), ("state", "outer")];
    for object in [
        unsigned,
        Key::new().sign(&claims),
        key.sign(&with("aud", json!("https://other.example"))),
        key.sign(&with("iss", json!("shop"))),
        key.sign(&with("exp", json!(unix_now() - 120))),
        key.sign(&with("exp", json!(unix_now() + 70 * 60))),
        key.sign(&with("nbf", json!(unix_now() + 120))),
        key.sign(&with("request_uri", json!("https://shop.example/r"))),
        key.sign(&with("sub", json!(client.client_id))),
        format!("{good}x"),
    ] {
        let landed = scene.browser.follow(&address(&client, &object, &beside)).await;
        assert_eq!(landed.query("error").as_deref(), Some("invalid_request_object"), "{}", landed.url);
        assert_eq!(landed.query("state").as_deref(), Some("outer"));
        let page = scene.browser.follow(&address(&client, &object, &[])).await;
        assert_eq!(page.attribute("refused", "data-error").as_deref(), Some("invalid_request_object"));
    }
    // Who must sign is not answered without.
    let landed = scene.browser.follow(&client.start().url).await;
    assert_eq!(landed.query("error").as_deref(), Some("invalid_request"));
}

#[tokio::test]
async fn oidcc_unsigned_request_object_supported_correctly() {
    let scene = Scene::new().await;
    let (claims, started) = request(&scene, &scene.shop);
    let object = format!("{}.{}.", b64(br#"{"alg":"none"}"#), b64(claims.to_string().as_bytes()));
    // oidcc-ensure-request-object-with-redirect-uri: the one inside is used.
    let bad = [("redirect_uri", "https://shop.example/callback/other"), ("scope", "openid")];
    for more in [&[][..], &bad[..]] {
        let landed = scene.browser.follow(&address(&scene.shop, &object, more)).await;
        let tokens = scene.shop.exchange(&started, &landed).await;
        assert_eq!(tokens.claims["nonce"], started.nonce.as_str());
    }
    let signed = json!({"request_object_signing_alg": "ES256", "jwks": Key::new().jwks()});
    let strict = scene.server.client_with("strict", &signed);
    let (claims, _) = request(&scene, &strict);
    let object = format!("{}.{}.", b64(br#"{"alg":"none"}"#), b64(claims.to_string().as_bytes()));
    let beside = [("redirect_uri", strict.redirect_uri.as_str())];
    let landed = scene.browser.follow(&address(&strict, &object, &beside)).await;
    assert_eq!(landed.query("error").as_deref(), Some("invalid_request_object"));
}
