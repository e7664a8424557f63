//! Clients that act for themselves, and clients that prove themselves by assertions.

use domain::{AssertionAlg, ClientKeys, GrantType};
use jose::SigningKey;
use oidc::client_auth::JWT_BEARER;

use super::*;

fn machine() -> Client {
    let mut machine = shop();
    machine.scopes.extend(["read".to_owned(), "write".to_owned()]);
    machine.metadata.grant_types = vec![GrantType::ClientCredentials];
    machine.metadata.resources = vec!["https://api.example".to_owned()];
    machine
}

impl World {
    async fn for_itself(&self, more: &[(&str, &str)]) -> Result<Value, TokenRefused> {
        let params: Params = [("grant_type", "client_credentials")].iter().chain(more).copied().collect();
        self.token(&params, None).await
    }

    async fn with_assertion(&self, assertion: &str) -> Result<Value, TokenRefused> {
        self.for_itself(&[("client_assertion", assertion), ("client_assertion_type", JWT_BEARER)]).await
    }

    fn claims(&self, changes: &[(&str, Value)]) -> Vec<u8> {
        let now = self.app.wall().seconds();
        let jti = URL_SAFE_NO_PAD.encode(self.app.entropy().bytes::<12>());
        let mut claims = json!({"iss": "shop", "sub": "shop", "aud": "https://id.example", "exp": now + 60,
                                "iat": now, "jti": jti});
        for (name, value) in changes {
            claims[*name] = value.clone();
        }
        serde_json::to_vec(&claims).unwrap()
    }
}

#[tokio::test]
async fn a_client_gets_tokens_for_itself_and_nothing_is_written() {
    let world = world(&[machine()]).await;
    let before = world.events().await;
    let tokens = world.for_itself(&[]).await.unwrap();
    assert_eq!((&tokens["scope"], &tokens["token_type"]), (&json!("read write"), &json!("Bearer")));
    assert!(tokens.get("id_token").is_none() && tokens.get("refresh_token").is_none());
    let claims = inside(tokens["access_token"].as_str().unwrap());
    assert_eq!((&claims["sub"], &claims["aud"]), (&json!("shop"), &json!("https://id.example")));
    assert!(claims.get("auth_time").is_none() && claims.get("acr").is_none());
    let narrow = world.for_itself(&[("scope", "write"), ("resource", "https://api.example")]).await.unwrap();
    let claims = inside(narrow["access_token"].as_str().unwrap());
    assert_eq!((&claims["scope"], &claims["aud"]), (&json!("write"), &json!("https://api.example")));
    for (more, code) in [
        (("scope", "openid"), ErrorCode::InvalidScope),
        (("scope", "read admin"), ErrorCode::InvalidScope),
        (("resource", "https://other.example"), ErrorCode::InvalidTarget),
    ] {
        assert_eq!(refusal(world.for_itself(&[more]).await), code, "{more:?}");
    }
    assert_eq!(world.events().await, before);
    // Nobody is behind it.
    let token = tokens["access_token"].as_str().unwrap();
    let answer = world.userinfo_by(token, Scheme::Bearer, None).await;
    assert!(matches!(answer, Err(UserinfoRefused::InsufficientScope)), "{answer:?}");
}

#[tokio::test]
async fn sec_116_only_registered_and_confidential_clients_act_for_themselves() {
    let plain = world(&[shop()]).await;
    assert_eq!(refusal(plain.for_itself(&[]).await), ErrorCode::UnauthorizedClient);
    let public = Client { auth_method: ClientAuthMethod::None, secret_hash: None, ..machine() };
    let public = world(&[public]).await;
    assert_eq!(refusal(public.for_itself(&[("client_id", "shop")]).await), ErrorCode::UnauthorizedClient);
}

fn with_keys(key: &SigningKey) -> Client {
    let mut client = machine();
    client.auth_method = ClientAuthMethod::PrivateKeyJwt;
    client.secret_hash = None;
    client.metadata.keys = Some(ClientKeys::Jwks(json!({"keys": [key.public_jwk()]}).to_string()));
    client
}

#[tokio::test]
async fn sec_117_an_assertion_is_used_once() {
    let key = SigningKey::generate(SigningAlg::ES256).unwrap();
    let world = world(&[with_keys(&key)]).await;
    let assertion = key.sign("JWT", &world.claims(&[])).unwrap();
    assert!(world.with_assertion(&assertion).await.is_ok());
    assert_eq!(refusal(world.with_assertion(&assertion).await), ErrorCode::InvalidClient);
    for typ in ["JWT", "client-authentication+jwt"] {
        assert!(world.with_assertion(&key.sign(typ, &world.claims(&[])).unwrap()).await.is_ok(), "{typ}");
    }
}

#[tokio::test]
async fn sec_117_bad_assertions_are_refused() {
    let key = SigningKey::generate(SigningAlg::ES256).unwrap();
    let world = world(&[with_keys(&key)]).await;
    let now = world.app.wall().seconds();
    for change in [
        ("sub", Value::Null),
        ("iss", json!("other")),
        ("aud", json!(["https://id.example", "https://other.example"])),
        ("aud", json!("https://id.example/authorize")),
        ("exp", json!(now - 300)),
        ("exp", json!(now + 7_200)),
        ("iat", json!(now + 61)),
        ("jti", Value::Null),
    ] {
        let assertion = key.sign("JWT", &world.claims(std::slice::from_ref(&change))).unwrap();
        assert_eq!(refusal(world.with_assertion(&assertion).await), ErrorCode::InvalidClient, "{change:?}");
    }
    // Another key, another type, an algorithm that is none, and the public key as a secret.
    let other = SigningKey::generate(SigningAlg::ES256).unwrap();
    let claims = world.claims(&[]);
    let payload = URL_SAFE_NO_PAD.encode(&claims);
    let none = format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#));
    let hs256 = {
        let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
        let mac = jose::seal::Macer::new(&Sha256::digest(key.public_jwk().to_string()).into())
            .mac(format!("{head}.{payload}").as_bytes());
        format!("{head}.{payload}.{}", URL_SAFE_NO_PAD.encode(mac))
    };
    for bad in [
        other.sign("JWT", &claims).unwrap(),
        key.sign("dpop+jwt", &claims).unwrap(),
        key.sign("at+jwt", &claims).unwrap(),
        none,
        hs256,
        "x".to_owned(),
    ] {
        assert_eq!(refusal(world.with_assertion(&bad).await), ErrorCode::InvalidClient, "{bad}");
    }
    assert!(world.with_assertion(&key.sign("JWT", &claims).unwrap()).await.is_ok());
    // A weaker way than the registered one.
    assert_eq!(
        refusal(world.for_itself(&[("client_id", "shop"), ("client_secret", SECRET)]).await),
        ErrorCode::InvalidClient
    );
}

#[tokio::test]
async fn sec_117_only_the_registered_algorithm() {
    let key = SigningKey::generate(SigningAlg::ES256).unwrap();
    let mut client = with_keys(&key);
    client.metadata.assertion_alg = Some(AssertionAlg::Asymmetric(SigningAlg::PS256));
    let world = world(&[client]).await;
    let assertion = key.sign("JWT", &world.claims(&[])).unwrap();
    assert_eq!(refusal(world.with_assertion(&assertion).await), ErrorCode::InvalidClient);
}

#[tokio::test]
async fn a_secret_signs_assertions_without_being_sent() {
    let world = world(&[]).await;
    let sealer = world.app.lasting_sealer(crate::client_auth::CLIENT_SECRET).unwrap();
    let mut client = Client { auth_method: ClientAuthMethod::ClientSecretJwt, ..machine() };
    client.metadata.sealed_secret = Some(sealer.try_seal(b"shop", SECRET.as_bytes()).unwrap());
    let mut work = world.app.store().begin().await.unwrap();
    work.add_client(&client).await.unwrap();
    work.commit().await.unwrap();
    let sign = |secret: &str, claims: &[u8]| {
        let mut key = [0; 64];
        key[..secret.len()].copy_from_slice(secret.as_bytes());
        let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#);
        let message = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims));
        // HMAC by its definition (RFC 2104 §2).
        let pad = |byte: u8| key.map(|k| k ^ byte);
        let inner = Sha256::digest([&pad(0x36)[..], message.as_bytes()].concat());
        let mac = Sha256::digest([&pad(0x5c)[..], &inner[..]].concat());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac))
    };
    let good = sign(SECRET, &world.claims(&[]));
    assert!(world.with_assertion(&good).await.is_ok());
    assert_eq!(refusal(world.with_assertion(&good).await), ErrorCode::InvalidClient, "once");
    let wrong = sign("another-secret-of-more-than-32-chars", &world.claims(&[]));
    assert_eq!(refusal(world.with_assertion(&wrong).await), ErrorCode::InvalidClient);
    let posted = world.for_itself(&[("client_id", "shop"), ("client_secret", SECRET)]).await;
    assert_eq!(refusal(posted), ErrorCode::InvalidClient, "SEC-116");
}
