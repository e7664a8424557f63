//! Refresh tokens.

use serde_json::{Value, json};
use testkit::site::Reply;
use testkit::{b64, random};

use crate::conformance::check;
use crate::conformance::flow::{Asked, Flow, Module};
use crate::conformance::keys::{Key, read, verify};
use crate::conformance::party::{Auth, Party};

/// The grants of a client that refreshes.
fn grants(m: &Module) -> Vec<&'static str> {
    let mut grants = vec!["authorization_code", "refresh_token"];
    grants.extend(m.at.has_front_tokens().then_some("implicit"));
    grants
}

fn asked(m: &Module, party: &Party) -> Asked {
    m.asked(party).with("scope", "openid offline_access").with("prompt", "consent")
}

/// A flow that gave a refresh token.
async fn offline(m: &Module, party: &Party) -> (Flow, String) {
    for (member, word) in [("scopes_supported", "offline_access"), ("grant_types_supported", "refresh_token")]
    {
        assert!(m.supports(member, word), "{member} lacks {word}");
    }
    let flow = m.flow(&m.visitor(), party, asked(m, party)).await;
    let all = &flow.back.as_ref().expect("tokens").all;
    let refresh =
        all["refresh_token"].as_str().unwrap_or_else(|| panic!("no refresh token: {all}")).to_owned();
    (flow, refresh)
}

/// The answer to a refresh, after the checks that a client makes (OpenID Connect Core §12.2).
async fn refreshed(m: &Module, flow: &Flow, answer: &testkit::wire::Answer) -> Value {
    let tokens = check::token_response(answer);
    let (_, claims) = verify(tokens["id_token"].as_str().expect("an ID token"), &m.keys().await);
    let before = flow.claims();
    for same in ["iss", "sub", "aud", "auth_time", "azp", "sid", "acr"] {
        assert_eq!(claims.get(same), before.get(same), "{same} of the refreshed ID token");
    }
    assert!(claims["iat"].as_i64() >= before["iat"].as_i64(), "iat: {claims}");
    let nonce = claims.get("nonce");
    assert!(nonce.is_none() || nonce == before.get("nonce"), "nonce: {claims}");
    check::userinfo(flow, &m.userinfo(tokens["access_token"].as_str().expect("an access token")).await);
    tokens
}

async fn refresh(m: &Module, party: &Party, token: &str) -> testkit::wire::Answer {
    party.token(m, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
}

pub(crate) async fn oidcc_refresh_token(m: &Module) {
    let auth = if m.is_dynamic_plan() { Auth::PrivateKeyJwt } else { Auth::Basic };
    let party = m.party_with(auth, &json!({"grant_types": grants(m)})).await;
    let (flow, first) = offline(m, &party).await;
    let tokens = refreshed(m, &flow, &refresh(m, &party, &first).await).await;
    let second = tokens["refresh_token"].as_str().unwrap_or(&first).to_owned();
    refreshed(m, &flow, &refresh(m, &party, &second).await).await;
    // Another client's token is no grant, whatever the client can prove.
    let named =
        json!({"grant_types": grants(m), "client_name": "Another relying party of the refresh module"});
    let other = m.party_with(auth, &named).await;
    assert_ne!(other.id, party.id);
    let (_, theirs) = offline(m, &other).await;
    check::token_error(&refresh(m, &party, &theirs).await, "invalid_grant");
    check::token_error(&refresh(m, &party, "nonsense").await, "invalid_grant");
    // Theirs is not harmed by that.
    check::token_response(&refresh(m, &other, &theirs).await);
}

/// On the clock that moves: the client changes its keys behind `jwks_uri`, and a minute later asserts with the new.
pub(crate) async fn oidcc_refresh_token_rp_key_rotation(m: &Module) {
    let path = format!("/{}/jwks.json", b64(&random::<9>()));
    let old = Key::es256();
    let json_of = |key: &Key| Reply::ok("application/json", key.set().to_string());
    m.house.site.put(&path, json_of(&old));
    let more = json!({
        "grant_types": grants(m), "jwks": null, "jwks_uri": m.house.site.url(&path),
    });
    let mut party = m.dynamic(Auth::PrivateKeyJwt, &more).await;
    party.key = old;
    let (flow, token) = offline(m, &party).await;
    party.key = Key::es256();
    m.house.site.put(&path, json_of(&party.key));
    m.house.advance(60);
    let answer = refresh(m, &party, &token).await;
    let tokens = refreshed(m, &flow, &answer).await;
    assert!(
        read(tokens["id_token"].as_str().expect("text")).1["iat"].as_i64() > flow.claims()["iat"].as_i64()
    );
}
