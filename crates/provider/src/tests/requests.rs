//! Requests that come inside something else: request objects, by value and by reference, and pushed ones.

use app::journeys::{JourneySlot, KeptJourney};
use app::{Ending, Landing};
use bytes::Bytes;
use domain::{ClientKeys, ContentEncryption, KeyEncryptionAlg, RequestObjectAlg};
use jose::{KeySet, SigningKey};
use oidc::authorize::Shown;
use outbound::Fetched;
use store::SignedIn;

use super::*;
use crate::{PushAsked, Pushed};

const OUTER: [(&str, &str); 2] = [("client_id", "shop"), ("redirect_uri", "https://shop.example/cb")];

fn signing(alg: SigningAlg) -> (SigningKey, Client) {
    let key = SigningKey::generate(alg).unwrap();
    let mut client = shop();
    client.metadata.keys = Some(ClientKeys::Jwks(json!({"keys": [key.public_jwk()]}).to_string()));
    (key, client)
}

impl World {
    /// The usual request as claims.
    fn object(&self, changes: &[(&str, Value)]) -> Value {
        let mut claims =
            json!({"iss": "shop", "aud": "https://id.example", "exp": self.app.wall().seconds() + 60});
        for name in [
            "client_id",
            "redirect_uri",
            "response_type",
            "scope",
            "state",
            "nonce",
            "code_challenge",
            "code_challenge_method",
        ] {
            claims[name] = params(&[]).get(name).unwrap().into();
        }
        for (name, value) in changes {
            claims[*name] = value.clone();
        }
        claims
    }

    fn signed(&self, key: &SigningKey, changes: &[(&str, Value)]) -> String {
        key.sign("oauth-authz-req+jwt", self.object(changes).to_string().as_bytes()).unwrap()
    }

    async fn with(&self, fields: &[(&str, &str)]) -> Outcome {
        let fields = fields.iter().copied().filter(|(_, value)| !value.is_empty());
        self.provider.authorize(fields.collect(), &self.visitor).await.unwrap()
    }

    /// `code`, the error told to the client, or the word of the page.
    async fn by_value(&self, object: &str, outer: &[(&str, &str)]) -> String {
        let fields: Vec<_> = outer.iter().copied().chain([("request", object)]).collect();
        self.what(&fields).await
    }

    async fn what(&self, fields: &[(&str, &str)]) -> String {
        match self.with(fields).await {
            Outcome::Redirect(location) => {
                let told = answer(&location);
                told.get("error").or(told.get("code").map(|_| "code")).unwrap().to_owned()
            }
            Outcome::Page(shown) => format!("page {}", shown.as_str()),
            other => format!("{other:?}"),
        }
    }

    async fn push(&self, changes: &[(&str, &str)], proof: Option<&str>) -> Result<Pushed, TokenRefused> {
        let basic = basic("shop");
        let params = params(changes);
        let asked = PushAsked { authorization: Some(&basic), proof, params: &params, address: HERE };
        self.provider.push(asked).await
    }

    async fn pushed(&self, changes: &[(&str, &str)]) -> String {
        self.push(changes, None).await.unwrap().request_uri
    }

    async fn not_pushed(&self, changes: &[(&str, &str)]) -> ErrorCode {
        match self.push(changes, None).await {
            Err(TokenRefused::Error(error)) => error.code,
            Err(TokenRefused::Client(refused)) => refused.error.code,
            other => panic!("{other:?}"),
        }
    }
}

/// Encoded without signature.
fn unsigned(claims: &Value) -> String {
    format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

#[tokio::test]
async fn sec_129_only_the_signed_inside_counts() {
    for alg in SigningAlg::ALL {
        let (key, client) = signing(*alg);
        let world = world(&[client]).await;
        let object = world.signed(&key, &[("state", json!("inner"))]);
        // Neither state nor address from outside is used, be it good or bad.
        for outer in [("state", "outer"), ("redirect_uri", "https://evil.test/"), ("scope", "none")] {
            let fields = [("client_id", "shop"), outer, ("request", object.as_str())];
            let Outcome::Redirect(location) = world.with(&fields).await else { panic!("{alg:?} {outer:?}") };
            let told = answer(&location);
            assert!(
                location.starts_with("https://shop.example/cb?") && told.get("code").is_some(),
                "{location}"
            );
            assert_eq!(told.get("state"), Some("inner"));
        }
        // What only the outside has is not there.
        let object = world.signed(&key, &[("state", Value::Null), ("nonce", Value::Null)]);
        let fields = [OUTER[0], ("state", "outer"), ("nonce", "outer"), ("request", object.as_str())];
        let Outcome::Redirect(location) = world.with(&fields).await else { panic!("no answer") };
        assert_eq!(answer(&location).get("state"), None);
        let tokens = world.redeem(answer(&location).get("code").unwrap(), &[]).await.unwrap();
        assert!(inside(tokens["id_token"].as_str().unwrap()).get("nonce").is_none());
    }
}

#[tokio::test]
async fn sec_129_118_119_bad_objects_are_refused() {
    let (key, client) = signing(SigningAlg::ES256);
    let world = world(&[client]).await;
    let good = world.signed(&key, &[]);
    assert_eq!(world.by_value(&good, &OUTER).await, "code");
    let other = SigningKey::generate(SigningAlg::ES256).unwrap();
    let (head, tail) = good.rsplit_once('.').unwrap();
    let forged = unsigned(&world.object(&[]));
    for (object, why) in [
        (other.sign("JWT", world.object(&[]).to_string().as_bytes()).unwrap(), "another key"),
        (key.sign("at+jwt", world.object(&[]).to_string().as_bytes()).unwrap(), "another type"),
        (key.sign("dpop+jwt", world.object(&[]).to_string().as_bytes()).unwrap(), "a proof"),
        (world.signed(&key, &[("iss", json!("other"))]), "another's"),
        (world.signed(&key, &[("aud", json!("https://other.example"))]), "for another"),
        (world.signed(&key, &[("exp", json!(world.app.wall().seconds() - 61))]), "expired"),
        (world.signed(&key, &[("sub", json!("shop"))]), "a client assertion"),
        (world.signed(&key, &[("client_id", json!("other"))]), "for another client"),
        (world.signed(&key, &[("request", json!(good))]), "nested"),
        (format!("{head}.{}", tail.chars().rev().collect::<String>()), "a broken signature"),
        (format!("{forged}{tail}"), "none with a signature"),
        ("nonsense".to_owned(), "no JWT"),
        (format!("{}.e30.", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#)), "HS256"),
        (
            key.sign("JWT", br#"{"iss":"shop","iss":"shop","aud":"https://id.example"}"#).unwrap(),
            "twice a member",
        ),
        (key.sign("JWT", b"[]").unwrap(), "no object"),
    ] {
        assert_eq!(world.by_value(&object, &OUTER).await, "invalid_request_object", "{why}");
        assert_eq!(world.by_value(&object, &OUTER[..1]).await, "page invalid_request_object", "{why}");
    }
    let both = [OUTER[0], OUTER[1], ("request", good.as_str()), ("request_uri", "https://shop.example/r")];
    assert_eq!(world.what(&both).await, "invalid_request");
    let bad_inside = world.signed(&key, &[("redirect_uri", json!("https://evil.test/"))]);
    assert_eq!(world.by_value(&bad_inside, &OUTER).await, "page invalid_redirect_uri", "SEC-102");
}

#[tokio::test]
async fn sec_129_the_registered_algorithm_and_no_other() {
    let (key, client) = signing(SigningAlg::ES256);
    let world = world(std::slice::from_ref(&client)).await;
    let (signed, plain) = (world.signed(&key, &[]), unsigned(&world.object(&[])));
    let refused = "invalid_request_object";
    for (alg, must, of_signed, of_plain) in [
        (None, false, "code", "code"),
        (None, true, "code", refused),
        (Some(RequestObjectAlg::Signed(SigningAlg::ES256)), false, "code", refused),
        (Some(RequestObjectAlg::Signed(SigningAlg::RS256)), false, refused, refused),
        (Some(RequestObjectAlg::Unsigned), false, refused, "code"),
    ] {
        let mut changed = client.clone();
        changed.metadata.request_object_alg = alg;
        changed.metadata.requires_signed_request = must;
        world.update(&changed).await;
        assert_eq!(world.by_value(&signed, &OUTER).await, of_signed, "{alg:?} {must}");
        assert_eq!(world.by_value(&plain, &OUTER).await, of_plain, "{alg:?} {must}");
        assert_eq!(world.error(&[]).await, if must { "invalid_request" } else { "none" });
    }
}

#[tokio::test]
async fn objects_may_be_encrypted_for_us() {
    let (key, client) = signing(SigningAlg::ES256);
    let world = world(&[client]).await;
    let set = KeySet::parse(&world.app.keys().jwks().bytes).unwrap();
    let signed = world.signed(&key, &[]);
    for alg in world.app.keys().encryption_algs() {
        let ours = set.encryption_key(alg).unwrap();
        let sealed = jose::encrypt(ours, ContentEncryption::A256Gcm, signed.as_bytes(), Some("JWT")).unwrap();
        assert_eq!(world.by_value(&sealed, &OUTER).await, "code", "{alg:?}");
        let twice = jose::encrypt(ours, ContentEncryption::A256Gcm, sealed.as_bytes(), Some("JWT")).unwrap();
        assert_eq!(world.by_value(&twice, &OUTER).await, "invalid_request_object", "encrypted twice");
    }
    let theirs = jose::DecryptionKey::generate(KeyEncryptionAlg::EcdhEs).unwrap();
    let other = KeySet::parse(json!({"keys": [theirs.public_jwk()]}).to_string().as_bytes()).unwrap();
    let other = other.encryption_key(KeyEncryptionAlg::EcdhEs).unwrap();
    let sealed = jose::encrypt(other, ContentEncryption::A128Gcm, signed.as_bytes(), Some("JWT")).unwrap();
    assert_eq!(world.by_value(&sealed, &OUTER).await, "invalid_request_object");
}

#[tokio::test]
async fn objects_by_reference_are_fetched_from_registered_addresses_alone() {
    let (key, mut client) = signing(SigningAlg::RS256);
    let uri = "https://shop.example/request#random";
    client.metadata.request_uris = vec![uri.to_owned()];
    let (world, outside) = outside::world(&[client]).await;
    let object = world.signed(&key, &[]);
    let found = |body: &str| {
        Ok(Fetched {
            content_type: "text/plain".to_owned(),
            max_age: None,
            body: Bytes::from(body.to_owned()),
        })
    };
    let by = |uri| [OUTER[0], OUTER[1], ("request_uri", uri)];
    outside.will(found(&object));
    assert_eq!(world.what(&by(uri)).await, "code");
    outside.will(found("nonsense"));
    assert_eq!(world.what(&by(uri)).await, "invalid_request_object");
    assert_eq!(world.what(&by(uri)).await, "invalid_request_uri", "unreachable");
    let calls = outside.asked();
    for other in
        ["https://shop.example/request", "https://evil.test/", "http://shop.example/request#random", "x"]
    {
        assert_eq!(world.what(&by(other)).await, "invalid_request_uri", "{other}");
        assert_eq!(world.what(&[OUTER[0], ("request_uri", other)]).await, "page invalid_request_uri");
    }
    assert_eq!(outside.asked(), calls, "SEC-130: nothing else was called");
}

#[tokio::test]
async fn sec_130_nothing_is_fetched_for_who_may_not_ask_so() {
    let (key, mut client) = signing(SigningAlg::RS256);
    let uri = "https://shop.example/request";
    client.metadata.request_uris = vec![uri.to_owned()];
    client.metadata.keys = Some(ClientKeys::JwksUri("https://shop.example/keys".to_owned()));
    let pushes = domain::ClientMetadata { requires_par: true, ..client.metadata.clone() };
    let disabled = Client { is_enabled: false, ..client.clone() };
    let (world, outside) = outside::world(&[disabled]).await;
    let before = outside.asked();
    let object = world.signed(&key, &[]);
    for carried in [("request_uri", uri), ("request", object.as_str())] {
        assert_eq!(world.what(&[OUTER[0], OUTER[1], carried]).await, "page unauthorized_client");
    }
    world.update(&Client { metadata: pushes, ..client }).await;
    assert_eq!(world.what(&[OUTER[0], OUTER[1], ("request_uri", uri)]).await, "invalid_request");
    assert_eq!(outside.asked(), before, "nothing was called");
}

#[tokio::test]
async fn sec_221_large_pushes_of_public_clients_count_for_more() {
    let public = Client { auth_method: ClientAuthMethod::None, secret_hash: None, ..shop() };
    let world = world(&[public]).await;
    let long = "x".repeat(8 * 1024);
    let params = params(&[("state", &long)]);
    let asked = PushAsked { authorization: None, proof: None, params: &params, address: HERE };
    let mut pushed = 0;
    while pushed < 600 && world.provider.push(asked).await.is_ok() {
        pushed += 1;
    }
    assert!((50..200).contains(&pushed), "{pushed}");
}

#[tokio::test]
async fn sec_128_a_pushed_request_is_the_clients_own_short_lived_and_answered_once() {
    let other = Client { id: "other".parse().unwrap(), ..shop() };
    let world = world(&[shop(), other]).await;
    let Pushed { request_uri: uri, expires_in } = world.push(&[], None).await.unwrap();
    assert!(
        uri.starts_with("urn:ietf:params:oauth:request_uri:") && uri.len() == 34 + 43 && expires_in == 60
    );
    let gone = "page invalid_request_uri";
    assert_eq!(world.what(&[("client_id", "other"), ("request_uri", &uri)]).await, gone);
    assert_eq!(world.what(&[("client_id", "nobody"), ("request_uri", &uri)]).await, "page unknown_client");
    // Nothing beside it counts.
    let fields =
        [("client_id", "shop"), ("request_uri", uri.as_str()), ("state", "outer"), ("redirect_uri", "x")];
    let Outcome::Redirect(location) = world.with(&fields).await else { panic!("no answer") };
    assert_eq!(answer(&location).get("state"), Some("st"));
    assert!(world.redeem(answer(&location).get("code").unwrap(), &[]).await.is_ok());
    assert_eq!(world.what(&[("client_id", "shop"), ("request_uri", &uri)]).await, gone, "used");
    let late = world.pushed(&[]).await;
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.what(&[("client_id", "shop"), ("request_uri", &late)]).await, gone, "late");
    for made_up in ["urn:ietf:params:oauth:request_uri:x", "urn:x"] {
        assert_eq!(world.what(&[("client_id", "shop"), ("request_uri", made_up)]).await, gone);
    }
}

#[tokio::test]
async fn par_ensure_reused_request_uri_prior_to_auth_completion_succeeds() {
    let mut world = world(&[shop()]).await;
    let secret = world.visitor.session.take();
    let uri = world.pushed(&[]).await;
    let fields = [("client_id", "shop"), ("request_uri", uri.as_str())];
    let mut kept: Vec<KeptJourney> = Vec::new();
    for _ in 0..2 {
        let Outcome::SignIn { url, .. } = world.with(&fields).await else { panic!("no journey") };
        let id = url.rsplit('=').next().unwrap().to_owned();
        kept.push(world.app.slots::<JourneySlot>().get(&id).await.unwrap().unwrap().0);
    }
    world.visitor.session = secret;
    let who = SignedIn { session: world.session.clone(), account: world.account.clone() };
    world.clock.advance(Duration::from_secs(600));
    let landed = world.provider.finish(&kept[0].purpose, &who).await.unwrap();
    assert!(matches!(landed, Landing::SeeOther(to) if to.contains("code=")));
    for journey in &kept {
        assert_eq!(world.provider.finish(&journey.purpose, &who).await, Err(app::Refusal::Gone), "answered");
    }
    assert!(matches!(world.with(&fields).await, Outcome::Page(Shown::InvalidRequestUri)));
}

#[tokio::test]
async fn sec_128_what_would_be_refused_later_is_refused_when_it_is_pushed() {
    let (key, client) = signing(SigningAlg::ES256);
    let world = world(&[client]).await;
    let good = world.signed(&key, &[("state", json!("inner"))]);
    for (changes, code) in [
        (&[("request_uri", "urn:ietf:params:oauth:request_uri:x")][..], ErrorCode::InvalidRequest),
        (&[("redirect_uri", "https://evil.test/")], ErrorCode::InvalidRequest),
        (&[("redirect_uri", "")], ErrorCode::InvalidRequest),
        (&[("client_id", "other")], ErrorCode::InvalidClient),
        (&[("response_type", "code id_token")], ErrorCode::UnauthorizedClient),
        (&[("response_type", "token")], ErrorCode::UnsupportedResponseType),
        (&[("scope", "profile")], ErrorCode::InvalidScope),
        (&[("code_challenge_method", "plain")], ErrorCode::InvalidRequest),
        (&[("code_challenge", ""), ("code_challenge_method", "")], ErrorCode::InvalidRequest),
        (&[("request", "nonsense")], ErrorCode::InvalidRequestObject),
        (&[("state", "1"), ("state", "2")], ErrorCode::InvalidRequest),
    ] {
        let code_of = world.not_pushed(changes).await;
        assert!(code_of == code || code_of == ErrorCode::InvalidRequest, "{changes:?}: {code_of:?}");
    }
    let uri = world.pushed(&[("request", &good)]).await;
    let Outcome::Redirect(location) = world.with(&[OUTER[0], ("request_uri", &uri)]).await else { panic!() };
    assert_eq!(answer(&location).get("state"), Some("inner"), "SEC-129");
    let params = params(&[]);
    let wrong = PushAsked { authorization: None, proof: None, params: &params, address: HERE };
    assert!(matches!(world.provider.push(wrong).await, Err(TokenRefused::Client(_))), "not authenticated");
}

#[tokio::test]
async fn sec_128_a_client_that_must_push_is_not_answered_otherwise() {
    let mut client = shop();
    client.metadata.requires_par = true;
    let world = world(&[client]).await;
    assert_eq!(world.error(&[]).await, "invalid_request");
    let uri = world.pushed(&[]).await;
    assert_eq!(world.what(&[OUTER[0], ("request_uri", &uri)]).await, "code");
}

#[tokio::test]
async fn sec_126_a_proof_at_par_binds_the_code() {
    let world = world(&[shop()]).await;
    let key = SigningKey::generate(SigningAlg::ES256).unwrap();
    let par = "https://id.example/par";
    let proof = world.proof(&key, "POST", par, None);
    let uri = world.push(&[], Some(&proof)).await.unwrap().request_uri;
    let Outcome::Redirect(location) = world.with(&[OUTER[0], ("request_uri", &uri)]).await else { panic!() };
    let code = answer(&location).get("code").unwrap().to_owned();
    assert_eq!(world.refused(&code, &[]).await, ErrorCode::InvalidGrant, "without the key");
    let proof = world.proof(&key, "POST", par, None);
    let other = [("dpop_jkt", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")];
    assert!(matches!(
        world.push(&other, Some(&proof)).await,
        Err(TokenRefused::Error(error)) if error.code == ErrorCode::InvalidDpopProof
    ));
    assert!(world.push(&other, None).await.is_ok());
}
