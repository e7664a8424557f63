//! Complete flows, ID token signatures, userinfo in its three ways.

use serde_json::json;
use testkit::wire::Request;

use crate::conformance::check;
use crate::conformance::flow::Module;
use crate::conformance::keys::read;
use crate::conformance::party::{Auth, metadata};

/// A complete flow, and all of section 2 with it.
pub(crate) async fn oidcc_server(m: &Module) {
    // The plan "Dynamic" has its clients authenticate with keys.
    let auth = if m.is_dynamic_plan() { Auth::PrivateKeyJwt } else { Auth::Basic };
    let party = m.party_with(auth, &json!({})).await;
    let flow = m.flow(&m.visitor(), &party, m.asked(&party)).await;
    assert_eq!(flow.front.is_some(), m.at.has_id_token());
    assert_eq!(flow.back.is_some(), m.at.has_code());
    assert_eq!(flow.userinfo.is_some(), !m.at.is_id_token_alone());
    if m.at.is_id_token_alone() {
        assert!(flow.claims().get("at_hash").is_none());
    }
    // What is risky is switched on by name: a client that registered the code alone gets no token in front.
    if m.at.has_front_tokens() {
        let plain = json!({"response_types": ["code"], "grant_types": ["authorization_code"]});
        let party = m.party_with(auth, &plain).await;
        let (visit, response) = m.respond(&m.visitor(), &party, &m.asked(&party)).await;
        response.is_error(&["unauthorized_client", "unsupported_response_type"]);
        visit.asked_nothing();
    }
}

pub(crate) async fn oidcc_response_type_missing(m: &Module) {
    let party = m.party().await;
    let asked = m.asked(&party).without("response_type");
    let (visit, response) = m.respond(&m.visitor(), &party, &asked).await;
    response.is_error(&["invalid_request", "unsupported_response_type"]);
    visit.asked_nothing();
}

/// A client that named no algorithm gets RS256, with `kid`.
pub(crate) async fn oidcc_idtoken_signature(m: &Module) {
    let party = m.dynamic(Auth::Basic, &json!({})).await;
    let flow = m.flow(&m.visitor(), &party, m.asked(&party)).await;
    let (header, _) = read(flow.id_token());
    assert_eq!(header["alg"], "RS256");
    assert!(header["kid"].is_string());
}

/// Skipped by the suite where `none` is not advertised: it never is, and such a registration is refused.
pub(crate) async fn oidcc_idtoken_unsigned(m: &Module) {
    let algs = m.metadata["id_token_signing_alg_values_supported"].as_array().expect("a list");
    assert!(!algs.iter().any(|alg| alg == "none"));
    let key = crate::conformance::keys::Key::es256();
    let asked = metadata(m, Auth::Basic, &key, &json!({"id_token_signed_response_alg": "none"}));
    check::registration_error(&m.register(&asked).await, &["invalid_client_metadata"]);
}

/// A flow, and the path of userinfo with its access token.
async fn with_token(m: &Module) -> (crate::conformance::flow::Flow, String, String) {
    let party = m.party().await;
    let flow = m.flow(&m.visitor(), &party, m.asked(&party).with("scope", "openid email")).await;
    let token = flow.access_token().expect("an access token").to_owned();
    (flow, token, m.endpoint("userinfo_endpoint").path().to_owned())
}

pub(crate) async fn oidcc_userinfo_get(m: &Module) {
    let (flow, token, path) = with_token(m).await;
    let line = &m.line;
    for scheme in ["Bearer", "bearer"] {
        let request = Request::get(&path).header("authorization", &format!("{scheme} {token}"));
        check::userinfo(&flow, &line.send(request).await);
    }
    // A token in the query is not looked at (RFC 6750 §2.3 is not for new servers); none, or a broken one, is told so.
    for (status, request) in [
        (400, Request::get(&format!("{path}?access_token={token}"))),
        (401, Request::get(&path)),
        (401, Request::get(&path).header("authorization", &format!("Bearer {token}x"))),
    ] {
        let answer = line.send(request).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")));
    }
}

pub(crate) async fn oidcc_userinfo_post_header(m: &Module) {
    let (flow, token, path) = with_token(m).await;
    let request = Request::new("POST", &path).header("authorization", &format!("Bearer {token}"));
    check::userinfo(&flow, &m.line.send(request).await);
}

pub(crate) async fn oidcc_userinfo_post_body(m: &Module) {
    let (flow, token, path) = with_token(m).await;
    let request = Request::form(&path, &[("access_token", &token)]);
    check::userinfo(&flow, &m.line.send(request).await);
    let answer = m.line.send(Request::form(&path, &[("access_token", "nonsense")])).await;
    assert_eq!(answer.status, 401, "no 2xx with an error inside: {}", answer.text());
}

/// Userinfo as a signed JWT.
pub(crate) async fn oidcc_userinfo_rs256(m: &Module) {
    assert!(m.supports("userinfo_signing_alg_values_supported", "RS256"));
    let party = m.party_with(Auth::PrivateKeyJwt, &json!({"userinfo_signed_response_alg": "RS256"})).await;
    let asked = m.asked(&party).with("scope", "openid email");
    let (visit, response) = m.respond(&m.visitor(), &party, &asked).await;
    let flow = m.finish_signed(&party, asked, visit, response).await;
    let answer = m.userinfo(flow.access_token().expect("an access token")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let kind = answer.header("content-type").unwrap_or_default();
    assert!(kind.split(';').next() == Some("application/jwt"), "{kind}");
    let (header, claims) = crate::conformance::keys::verify(&answer.text(), &m.keys().await);
    assert_eq!(header["alg"], "RS256");
    assert!(claims.get("nonce").is_none());
    assert_eq!(claims["iss"], m.house.issuer.as_str());
    assert_eq!(claims["aud"], party.id.as_str());
    check::userinfo_claims(&flow, &claims, &["sub", "iss", "aud", "iat", "exp", "jti"]);
}

/// Registered for RS256 in so many words.
pub(crate) async fn oidcc_idtoken_rs256(m: &Module) {
    let more = json!({"id_token_signed_response_alg": "RS256"});
    let party = m.party_with(Auth::PrivateKeyJwt, &more).await;
    let flow = m.flow(&m.visitor(), &party, m.asked(&party)).await;
    let (header, _) = read(flow.id_token());
    assert_eq!(header["alg"], "RS256");
    assert!(header["kid"].is_string());
    // The registered value is not ignored: another one is followed, too.
    for alg in ["ES256", "PS256", "EdDSA"] {
        if m.supports("id_token_signing_alg_values_supported", alg) {
            let more = json!({"id_token_signed_response_alg": alg});
            let party = m.party_with(Auth::PrivateKeyJwt, &more).await;
            let flow = m.flow(&m.visitor(), &party, m.asked(&party)).await;
            assert_eq!(read(flow.id_token()).0["alg"], alg);
        }
    }
}
