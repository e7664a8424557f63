//! Proof of possession, at the token endpoint and at userinfo.

use domain::GrantType;
use jose::SigningKey;

use super::*;

const TOKEN: &str = "https://id.example/token";
const USERINFO: &str = "https://id.example/userinfo";

/// A proof by this key with these claims.
fn signed(key: &SigningKey, claims: &Value) -> String {
    let jwk = key.public_jwk();
    let bare = json!({"kty": jwk["kty"], "crv": jwk["crv"], "x": jwk["x"], "y": jwk["y"]});
    let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": bare});
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let signature = key.sign_bytes(message.as_bytes()).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

impl World {
    pub(super) fn proof(&self, key: &SigningKey, method: &str, url: &str, token: Option<&str>) -> String {
        signed(key, &self.proof_claims(method, url, token))
    }

    fn proof_claims(&self, method: &str, url: &str, token: Option<&str>) -> Value {
        let mut claims = json!({
            "jti": URL_SAFE_NO_PAD.encode(self.app.entropy().bytes::<12>()),
            "htm": method, "htu": url, "iat": self.app.wall().seconds(), "nonce": self.provider.dpop_nonce(),
        });
        if let Some(token) = token {
            claims["ath"] = oidc::dpop::token_hash(token).into();
        }
        claims
    }

    async fn redeem_bound(&self, code: &str, proof: Option<&str>) -> Result<Value, TokenRefused> {
        let params: Params = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", "https://shop.example/cb"),
            ("code_verifier", VERIFIER),
        ]
        .into_iter()
        .collect();
        self.token(&params, proof).await
    }
}

#[tokio::test]
async fn sec_126_a_bound_token_needs_its_key() {
    let (key, other) =
        (SigningKey::generate(SigningAlg::ES256).unwrap(), SigningKey::generate(SigningAlg::ES256).unwrap());
    let world = world(&[shop()]).await;
    let proof = world.proof(&key, "POST", TOKEN, None);
    let tokens = world.redeem_bound(&world.code(&[]).await, Some(&proof)).await.unwrap();
    assert_eq!(tokens["token_type"], "DPoP");
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(inside(token)["cnf"]["jkt"], key.kid());
    let good = world.proof(&key, "GET", USERINFO, Some(token));
    assert!(world.userinfo_by(token, Scheme::Dpop, Some(&good)).await.is_ok());
    for (proof, scheme) in [
        (Some(good.clone()), Scheme::Dpop),
        (None, Scheme::Dpop),
        (None, Scheme::Bearer),
        (Some(world.proof(&key, "GET", USERINFO, Some(token))), Scheme::Bearer),
        (Some(world.proof(&other, "GET", USERINFO, Some(token))), Scheme::Dpop),
        (Some(world.proof(&key, "GET", USERINFO, Some("other"))), Scheme::Dpop),
        (Some(world.proof(&key, "GET", USERINFO, None)), Scheme::Dpop),
        (Some(world.proof(&key, "POST", USERINFO, Some(token))), Scheme::Dpop),
        (Some(world.proof(&key, "GET", TOKEN, Some(token))), Scheme::Dpop),
    ] {
        let answer = world.userinfo_by(token, scheme, proof.as_deref()).await;
        assert!(
            matches!(answer, Err(UserinfoRefused::InvalidToken | UserinfoRefused::Proof(_))),
            "{scheme:?} {proof:?}: {answer:?}"
        );
    }
    // A token that is bound to nothing is not presented as if it were.
    let plain = world.redeem(&world.code(&[]).await, &[]).await.unwrap();
    let plain = plain["access_token"].as_str().unwrap();
    let proof = world.proof(&key, "GET", USERINFO, Some(plain));
    let answer = world.userinfo_by(plain, Scheme::Dpop, Some(&proof)).await;
    assert!(matches!(answer, Err(UserinfoRefused::InvalidToken)));
}

#[tokio::test]
async fn sec_126_a_proof_is_used_once_and_holds_our_nonce() {
    let key = SigningKey::generate(SigningAlg::ES256).unwrap();
    let world = world(&[shop()]).await;
    let code = world.code(&[]).await;
    let mut claims = world.proof_claims("POST", TOKEN, None);
    for nonce in [Value::Null, json!("x"), json!(URL_SAFE_NO_PAD.encode([0; 24]))] {
        if nonce.is_null() {
            claims.as_object_mut().unwrap().remove("nonce");
        } else {
            claims["nonce"] = nonce.clone();
        }
        let refused = world.redeem_bound(&code, Some(&signed(&key, &claims))).await;
        assert_eq!(refusal(refused), ErrorCode::UseDpopNonce, "{nonce}");
    }
    let old = world.provider.dpop_nonce();
    world.clock.advance(Duration::from_secs(20));
    let proof = world.proof(&key, "POST", TOKEN, None);
    assert!(world.redeem_bound(&code, Some(&proof)).await.is_ok(), "the code was not spent by that");
    let again = world.redeem_bound(&world.code(&[]).await, Some(&proof)).await;
    assert_eq!(refusal(again), ErrorCode::InvalidDpopProof);
    world.clock.advance(Duration::from_secs(600));
    let mut claims = world.proof_claims("POST", TOKEN, None);
    claims["nonce"] = json!(old);
    let late = world.redeem_bound(&world.code(&[]).await, Some(&signed(&key, &claims))).await;
    assert_eq!(refusal(late), ErrorCode::UseDpopNonce);
}

#[tokio::test]
async fn sec_126_a_code_may_be_bound_and_a_client_may_have_to_prove() {
    let (key, other) =
        (SigningKey::generate(SigningAlg::ES256).unwrap(), SigningKey::generate(SigningAlg::ES256).unwrap());
    let mut strict = shop();
    strict.metadata.requires_dpop = true;
    let world = world(&[strict.clone()]).await;
    let bound =
        || world.sealed(&CodeContent { jkt: Some(key.kid().to_owned()), ..world.code_of(&strict, "openid") });
    assert_eq!(refusal(world.redeem_bound(&bound(), None).await), ErrorCode::InvalidDpopProof);
    let proof = world.proof(&other, "POST", TOKEN, None);
    assert_eq!(refusal(world.redeem_bound(&bound(), Some(&proof)).await), ErrorCode::InvalidGrant);
    let proof = world.proof(&key, "POST", TOKEN, None);
    assert!(world.redeem_bound(&bound(), Some(&proof)).await.is_ok());
}

#[tokio::test]
async fn sec_126_refresh_tokens_of_public_clients_stay_with_their_key() {
    let (key, other) =
        (SigningKey::generate(SigningAlg::ES256).unwrap(), SigningKey::generate(SigningAlg::ES256).unwrap());
    for is_public in [true, false] {
        let mut client = shop();
        client.metadata.grant_types.push(GrantType::RefreshToken);
        if is_public {
            client.auth_method = ClientAuthMethod::None;
            client.secret_hash = None;
        }
        let world = world(&[client.clone()]).await;
        let code = world.sealed(&world.code_of(&client, "openid offline_access"));
        let send = async |fields: &[(&str, &str)], proof: Option<&str>| {
            let id = [("client_id", "shop")];
            let id = if is_public { &id[..] } else { &[] };
            let params: Params = fields.iter().chain(id).copied().collect();
            world.token(&params, proof).await
        };
        let redeem = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", "https://shop.example/cb"),
            ("code_verifier", VERIFIER),
        ];
        let first = send(&redeem, Some(&world.proof(&key, "POST", TOKEN, None))).await.unwrap();
        let refresh =
            [("grant_type", "refresh_token"), ("refresh_token", first["refresh_token"].as_str().unwrap())];
        if is_public {
            assert_eq!(refusal(send(&refresh, None).await), ErrorCode::InvalidGrant);
            let foreign = world.proof(&other, "POST", TOKEN, None);
            assert_eq!(refusal(send(&refresh, Some(&foreign)).await), ErrorCode::InvalidGrant);
            let own = world.proof(&key, "POST", TOKEN, None);
            assert!(send(&refresh, Some(&own)).await.is_ok());
        } else {
            let new = send(&refresh, Some(&world.proof(&other, "POST", TOKEN, None))).await.unwrap();
            assert_eq!(inside(new["access_token"].as_str().unwrap())["cnf"]["jkt"], other.kid());
        }
    }
}

#[tokio::test]
async fn sec_221_nobody_fills_the_memory_of_proofs_in_a_public_clients_name() {
    let key = SigningKey::generate(SigningAlg::ES256).unwrap();
    let public = Client { auth_method: ClientAuthMethod::None, secret_hash: None, ..shop() };
    let world = world(std::slice::from_ref(&public)).await;
    let send = async |code: &str, proof: &str| {
        let params: Params = [
            ("client_id", "shop"),
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", "https://shop.example/cb"),
            ("code_verifier", VERIFIER),
        ]
        .into_iter()
        .collect();
        world.token(&params, Some(proof)).await
    };
    let proof = world.proof(&key, "POST", TOKEN, None);
    assert_eq!(refusal(send("none", &proof).await), ErrorCode::InvalidGrant);
    let code = world.sealed(&world.code_of(&public, "openid"));
    assert!(send(&code, &proof).await.is_ok(), "it was not remembered");
    let late = CodeContent { expires_at: START, ..world.code_of(&public, "openid") };
    let proof = world.proof(&key, "POST", TOKEN, None);
    assert_eq!(refusal(send(&world.sealed(&late), &proof).await), ErrorCode::InvalidGrant);
    // And what is pushed is counted before.
    let params = params(&[("client_id", "shop"), ("scope", "none")]);
    for _ in 0..600 {
        let push = crate::PushAsked { authorization: None, proof: None, params: &params, address: HERE };
        assert!(world.provider.push(push).await.is_err());
    }
    let proof = world.proof(&key, "POST", "https://id.example/par", None);
    let push = crate::PushAsked { authorization: None, proof: Some(&proof), params: &params, address: HERE };
    let refused = world.provider.push(push).await;
    assert!(matches!(refused, Err(TokenRefused::Later(app::Refusal::TooMany { .. }))), "{refused:?}");
}
