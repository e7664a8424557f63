//! What a token is and whose: introspection, revocation, pairwise subjects, and the forms of userinfo.

use domain::{
    AccessTokenFormat, ClientKeys, ContentEncryption, Encryption, GrantType, KeyEncryptionAlg, SubjectType,
};
use jose::DecryptionKey;

use super::*;
use crate::{IntrospectionAnswer, IntrospectionAsked, RevocationAsked};

const API: &str = "https://api.example";

fn other(id: &str) -> Client {
    Client { id: id.parse().unwrap(), ..shop() }
}

fn offline() -> Client {
    let mut shop = shop();
    shop.metadata.grant_types.extend([GrantType::RefreshToken, GrantType::ClientCredentials]);
    shop.scopes.push("read".to_owned());
    shop.metadata.resources = vec![API.to_owned()];
    shop
}

impl World {
    async fn ask_about(
        &self,
        client: &str,
        token: &str,
        wants_jwt: bool,
    ) -> Result<IntrospectionAnswer, TokenRefused> {
        let params: Params = [("token", token)].into_iter().collect();
        let authorization = basic(client);
        let authorization = Some(authorization.as_str());
        let asked = IntrospectionAsked { authorization, params: &params, address: HERE, wants_jwt };
        self.provider.introspect(asked).await
    }

    async fn about(&self, client: &str, token: &str) -> Value {
        let Ok(IntrospectionAnswer::Json(answer)) = self.ask_about(client, token, false).await else {
            panic!("not answered")
        };
        serde_json::from_slice(&answer).unwrap()
    }

    async fn give_back(&self, client: &str, token: &str) {
        let params: Params = [("token", token)].into_iter().collect();
        let authorization = basic(client);
        let authorization = Some(authorization.as_str());
        self.provider
            .revoke(RevocationAsked { authorization, params: &params, address: HERE })
            .await
            .unwrap();
    }

    async fn offline_tokens(&self) -> (String, String) {
        let code = self.code(&[("scope", "openid offline_access")]).await;
        let tokens = self.redeem(&code, &[]).await.unwrap();
        let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
        (text("access_token"), text("refresh_token"))
    }

    async fn own_token(&self, more: &[(&str, &str)]) -> String {
        let params: Params = [("grant_type", "client_credentials")].iter().chain(more).copied().collect();
        let tokens = self.token(&params, None).await.unwrap();
        tokens["access_token"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn sec_120_a_token_is_told_to_its_client_and_its_resource_server_alone() {
    let mut api = other("api");
    api.metadata.serves = vec![API.to_owned()];
    let world = world(&[offline(), other("bank"), api]).await;
    let (access, refresh) = world.offline_tokens().await;
    let told = world.about("shop", &access).await;
    assert_eq!(
        (&told["active"], &told["client_id"], &told["token_type"]),
        (&json!(true), &json!("shop"), &json!("Bearer"))
    );
    assert_eq!(
        (&told["sub"], &told["iss"]),
        (&json!(world.account.id.to_string()), &json!("https://id.example"))
    );
    let told = world.about("shop", &refresh).await;
    assert_eq!((&told["active"], &told["scope"]), (&json!(true), &json!("openid offline_access")));
    assert!(told.get("token_type").is_none());
    let inactive = json!({"active": false});
    for token in [access.as_str(), &refresh, "x", "a.b.c"] {
        assert_eq!(world.about("bank", token).await, inactive, "{token}");
        assert_eq!(world.about("api", token).await, inactive, "{token}");
    }
    let for_api = world.own_token(&[("scope", "read"), ("resource", API)]).await;
    let told = world.about("api", &for_api).await;
    assert_eq!((&told["active"], &told["sub"], &told["aud"]), (&json!(true), &json!("shop"), &json!(API)));
    assert_eq!(world.about("bank", &for_api).await, inactive);
    // What is over is told as over, also out of the cache.
    world.clock.advance(Duration::from_secs(600));
    for token in [&access, &for_api] {
        assert_eq!(world.about("shop", token).await, inactive);
    }
    assert_eq!(world.about("shop", &refresh).await["active"], true);
    world.disable_account().await;
    assert_eq!(world.about("shop", &refresh).await, inactive);
}

#[tokio::test]
async fn sec_121_nobody_asks_without_proving_who_it_is() {
    let public = Client { auth_method: ClientAuthMethod::None, secret_hash: None, ..other("app") };
    let world = world(&[offline(), public]).await;
    let (access, _) = world.offline_tokens().await;
    let wrong = format!("Basic {}", STANDARD.encode("shop:wrong"));
    let no_token = [("client_id", "app")];
    for (authorization, fields) in
        [(Some(wrong.as_str()), &[][..]), (None, &[]), (None, &no_token), (None, &[("client_id", "nobody")])]
    {
        let params: Params = [("token", access.as_str())].iter().chain(fields).copied().collect();
        let asked = IntrospectionAsked { authorization, params: &params, address: HERE, wants_jwt: false };
        assert!(matches!(world.provider.introspect(asked).await, Err(TokenRefused::Client(_))), "{fields:?}");
    }
    let params: Params = [("token", access.as_str())].into_iter().collect();
    let asked = RevocationAsked { authorization: None, params: &params, address: HERE };
    assert!(matches!(world.provider.revoke(asked).await, Err(TokenRefused::Client(_))));
    // Guessing is limited.
    let asked = RevocationAsked { authorization: Some(&wrong), ..asked };
    let mut limited = false;
    for _ in 0..60 {
        limited |= matches!(world.provider.revoke(asked).await, Err(TokenRefused::Later(_)));
    }
    assert!(limited);
}

#[tokio::test]
async fn sec_119_signed_answers_have_a_type_of_their_own() {
    let mut signing = offline();
    signing.metadata.introspection_alg = Some(SigningAlg::ES256);
    let world = world(&[signing]).await;
    let (access, _) = world.offline_tokens().await;
    let Ok(IntrospectionAnswer::Jwt(answer)) = world.ask_about("shop", &access, true).await else {
        panic!("not signed")
    };
    let answer = String::from_utf8(answer.to_vec()).unwrap();
    assert_eq!(header(&answer)["typ"], "token-introspection+jwt");
    let claims = inside(&answer);
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!("https://id.example"), &json!("shop")));
    assert_eq!(claims["token_introspection"]["active"], true);
    assert!(claims.get("sub").is_none() && claims.get("exp").is_none(), "RFC 9701 5");
    assert_eq!(world.userinfo(&answer).await, None);
}

#[tokio::test]
async fn sec_120_only_the_clients_own_tokens_are_revoked() {
    let world = world(&[offline(), other("bank")]).await;
    let (access, refresh) = world.offline_tokens().await;
    for foreign in [&access, &refresh] {
        world.give_back("bank", foreign).await;
    }
    assert!(world.userinfo(&access).await.is_some());
    assert_eq!(world.about("shop", &refresh).await["active"], true);
    world.give_back("shop", "nonsense").await;
    world.give_back("shop", &refresh).await;
    assert_eq!(world.userinfo(&access).await, None);
    assert_eq!(world.about("shop", &refresh).await["active"], false);
    let (access, refresh) = world.offline_tokens().await;
    world.give_back("shop", &access).await;
    assert_eq!(world.userinfo(&access).await, None);
    let params: Params =
        [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())].into_iter().collect();
    assert_eq!(refusal(world.token(&params, None).await), ErrorCode::InvalidGrant);
    let own = world.own_token(&[]).await;
    assert_eq!(world.about("shop", &own).await["active"], true);
    world.give_back("bank", &own).await;
    assert_eq!(world.about("shop", &own).await["active"], true);
    world.give_back("shop", &own).await;
    world.give_back("shop", &own).await;
    assert_eq!(world.about("shop", &own).await["active"], false);
    let events = world.events().await;
    assert_eq!(events.iter().filter(|event| **event == AuditEvent::TokenRevoked).count(), 3);
}

#[tokio::test]
async fn opaque_tokens_say_nothing_and_are_taken_like_others() {
    let mut opaque = offline();
    opaque.metadata.access_token_format = AccessTokenFormat::Opaque;
    let world = world(&[opaque]).await;
    let (access, _) = world.offline_tokens().await;
    assert!(!access.contains('.'));
    assert!(world.userinfo(&access).await.is_some());
    assert_eq!(world.about("shop", &access).await["active"], true);
    let bent = format!("{}A", &access[..access.len() - 1]);
    assert_eq!(world.userinfo(&bent).await.is_some(), bent == access);
    // A code is sealed too, but is no access token.
    assert_eq!(world.userinfo(&world.code(&[]).await).await, None);
}

#[tokio::test]
async fn sec_132_pairwise_subjects_are_one_for_each_sector_and_lead_back() {
    let pairwise = |id: &str, sector: &str| {
        let mut client = other(id);
        client.metadata.subject = SubjectType::Pairwise { sector: sector.to_owned() };
        client
    };
    let (one, two, same) =
        (pairwise("one", "one.example"), pairwise("two", "two.example"), pairwise("same", "one.example"));
    let mut shop = shop();
    shop.metadata.subject = SubjectType::Pairwise { sector: "shop.example".to_owned() };
    let world = world(&[shop.clone()]).await;
    let provider = &world.provider;
    let id = &world.account.id;
    let sub = provider.subject_of(&one, id).unwrap();
    assert_eq!(provider.subject_of(&same, id).unwrap(), sub);
    assert_ne!(provider.subject_of(&two, id).unwrap(), sub);
    assert_ne!(sub, id.to_string());
    assert_eq!(provider.account_of(&one, &sub), Some(*id));
    assert_ne!(provider.account_of(&two, &sub), Some(*id));
    assert_eq!(provider.account_of(&other("x"), &id.to_string()), Some(*id));
    let mut seen = std::collections::HashSet::new();
    assert!((0..5_000).all(|_| seen.insert(provider.subject_of(&one, &world.app.entropy().id()).unwrap())));
    // The same everywhere.
    let tokens = world.redeem(&world.code(&[]).await, &[]).await.unwrap();
    let mine = provider.subject_of(&shop, id).unwrap();
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(inside(tokens["id_token"].as_str().unwrap())["sub"], json!(mine));
    assert_eq!(inside(access)["sub"], json!(mine));
    assert_eq!(world.userinfo(access).await.unwrap()["sub"], json!(mine));
    assert_eq!(world.about("shop", access).await["sub"], json!(mine));
}

#[tokio::test]
async fn userinfo_is_signed_and_encrypted_for_those_that_registered_it() {
    let key = DecryptionKey::generate(KeyEncryptionAlg::EcdhEs).unwrap();
    let how = Encryption { alg: KeyEncryptionAlg::EcdhEs, enc: ContentEncryption::A256Gcm };
    for (alg, encryption) in
        [(Some(SigningAlg::RS256), None), (None, Some(how)), (Some(SigningAlg::EdDSA), Some(how))]
    {
        let mut client = shop();
        client.metadata.userinfo_alg = alg;
        client.metadata.userinfo_encryption = encryption;
        client.metadata.id_token_encryption = encryption;
        client.metadata.keys = Some(ClientKeys::Jwks(json!({"keys": [key.public_jwk()]}).to_string()));
        let world = world(&[client]).await;
        keys::complete(&world.app).await.unwrap();
        let tokens = world.redeem(&world.code(&[]).await, &[]).await.unwrap();
        let opened = |text: &str| {
            if encryption.is_some() {
                assert_eq!(header(text)["kid"], key.public_jwk()["kid"]);
                String::from_utf8(key.decrypt(text).unwrap()).unwrap()
            } else {
                text.to_owned()
            }
        };
        let id_token = opened(tokens["id_token"].as_str().unwrap());
        assert_eq!(inside(&id_token)["aud"], "shop");
        let token = tokens["access_token"].as_str().unwrap();
        let Ok(UserinfoAnswer::Jwt(answer)) = world.userinfo_by(token, Scheme::Bearer, None).await else {
            panic!("plain")
        };
        let answer = opened(std::str::from_utf8(&answer).unwrap());
        match alg {
            None => {
                let claims: Value = serde_json::from_str(&answer).unwrap();
                assert_eq!(claims["sub"], world.account.id.to_string());
            }
            Some(alg) => {
                assert_eq!(
                    (&header(&answer)["alg"], &header(&answer)["typ"]),
                    (&json!(alg.as_str()), &json!("userinfo+jwt"))
                );
                let claims = inside(&answer);
                assert_eq!((&claims["iss"], &claims["aud"]), (&json!("https://id.example"), &json!("shop")));
                assert_eq!(claims["email"], "ada@example.org");
                assert_eq!(world.error(&[("id_token_hint", &answer)]).await, "invalid_request", "SEC-119");
            }
        }
    }
}

#[tokio::test]
async fn sec_119_no_kind_of_token_passes_for_another() {
    let world = world(&[offline()]).await;
    let code = world.code(&[("scope", "openid offline_access")]).await;
    let tokens = world.redeem(&world.code(&[("scope", "openid offline_access")]).await, &[]).await.unwrap();
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    let own = world.own_token(&[]).await;
    let kinds = [
        ("code", code),
        ("access token", text("access_token")),
        ("refresh token", text("refresh_token")),
        ("ID token", text("id_token")),
        ("client's token", own),
    ];
    for (kind, token) in &kinds {
        let bearer = world.userinfo_by(token, Scheme::Bearer, None).await;
        assert_eq!(bearer.is_ok(), *kind == "access token", "{kind} at userinfo");
        let known = ["access token", "refresh token", "client's token"].contains(kind);
        assert_eq!(world.about("shop", token).await["active"], known, "{kind} at introspection");
        assert_eq!(
            world.error(&[("id_token_hint", token)]).await == "none",
            *kind == "ID token",
            "{kind} as hint"
        );
        if *kind != "code" {
            assert_eq!(world.refused(token, &[]).await, ErrorCode::InvalidGrant, "{kind} as code");
        }
        let assertion: Params = [
            ("grant_type", "client_credentials"),
            ("client_assertion", token),
            ("client_assertion_type", oidc::client_auth::JWT_BEARER),
        ]
        .into_iter()
        .collect();
        assert_eq!(
            refusal(world.token(&assertion, None).await),
            ErrorCode::InvalidClient,
            "{kind} as assertion"
        );
        let proof: Params = [("grant_type", "client_credentials")].into_iter().collect();
        assert_eq!(
            refusal(world.token(&proof, Some(token)).await),
            ErrorCode::InvalidDpopProof,
            "{kind} as proof"
        );
        if *kind != "refresh token" {
            let refresh: Params =
                [("grant_type", "refresh_token"), ("refresh_token", token)].into_iter().collect();
            assert_eq!(
                refusal(world.token(&refresh, None).await),
                ErrorCode::InvalidGrant,
                "{kind} to refresh"
            );
        }
    }
}
