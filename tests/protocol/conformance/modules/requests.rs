//! Parameters that a provider accepts, with or without effect, and refuses nobody for.

use testkit::{b64, random};
use url::Url;

use crate::conformance::check;
use crate::conformance::flow::{Asked, Flow, Module};
use crate::conformance::party::Auth;

/// A request with one more parameter just works.
async fn works_with(m: &Module, name: &str, value: &str) -> Flow {
    let party = m.party().await;
    m.flow(&m.visitor(), &party, m.asked(&party).with(name, value)).await
}

pub(crate) async fn oidcc_ensure_request_without_nonce_succeeds_for_code_flow(m: &Module) {
    let party = m.party().await;
    let flow = m.flow(&m.visitor(), &party, m.asked(&party).without("nonce")).await;
    assert!(flow.claims().get("nonce").is_none());
}

pub(crate) async fn oidcc_ensure_request_without_nonce_fails(m: &Module) {
    let party = m.party().await;
    let visitor = m.visitor();
    m.flow(&visitor, &party, m.asked(&party)).await;
    // Signed in or not makes no difference.
    for visitor in [&visitor, &m.visitor()] {
        let asked = m.asked(&party).without("nonce");
        let (visit, response) = m.respond(visitor, &party, &asked).await;
        response.is_error(&["invalid_request"]);
        visit.asked_nothing();
    }
}

pub(crate) async fn oidcc_display_page(m: &Module) {
    works_with(m, "display", "page").await;
}

pub(crate) async fn oidcc_display_popup(m: &Module) {
    works_with(m, "display", "popup").await;
}

pub(crate) async fn oidcc_ensure_request_with_unknown_parameter_succeeds(m: &Module) {
    works_with(m, "extra", "foobar").await;
}

pub(crate) async fn oidcc_login_hint(m: &Module) {
    // Nobody of that name is here.
    let host = Url::parse(&m.house.issuer).expect("an address").host_str().unwrap_or_default().to_owned();
    works_with(m, "login_hint", &format!("buffy@{host}")).await;
}

pub(crate) async fn oidcc_ui_locales(m: &Module) {
    works_with(m, "ui_locales", "se").await;
}

pub(crate) async fn oidcc_claims_locales(m: &Module) {
    works_with(m, "claims_locales", "se").await;
}

pub(crate) async fn oidcc_ensure_request_with_acr_values_succeeds(m: &Module) {
    let advertised = m.metadata["acr_values_supported"].as_array().expect("a list");
    let words: Vec<&str> = advertised.iter().filter_map(|acr| acr.as_str()).collect();
    let flow = works_with(m, "acr_values", &words.join(" ")).await;
    let acr = flow.claims()["acr"].as_str().expect("acr").to_owned();
    assert!(words.contains(&acr.as_str()), "{acr} is not one of {words:?}");
    // Without any: those nobody knows refuse nobody, and nothing that was not reached is claimed.
    let flow = works_with(m, "acr_values", "1 2").await;
    assert_eq!(flow.claims()["acr"], acr.as_str());
}

pub(crate) async fn oidcc_ensure_request_with_valid_pkce_succeeds(m: &Module) {
    let (party, visitor) = (m.party().await, m.visitor());
    m.flow(&visitor, &party, m.asked(&party).with_pkce()).await;
    // With another verifier, or none: not.
    for verifier in [Some(b64(&random::<32>())), None] {
        let asked = m.asked(&party).with_pkce();
        let (_, response) = m.respond(&visitor, &party, &asked).await;
        let code = response.get("code").expect("a code");
        let mut fields = vec![("grant_type", "authorization_code"), ("code", code)];
        fields.extend([("redirect_uri", party.redirect_uri.as_str())]);
        fields.extend(verifier.as_deref().map(|verifier| ("code_verifier", verifier)));
        check::token_error(&party.token(m, &fields).await, "invalid_grant");
    }
}

pub(crate) async fn oidcc_server_client_secret_post(m: &Module) {
    assert!(m.supports("token_endpoint_auth_methods_supported", "client_secret_post"));
    let party = m.party_with(Auth::Post, &serde_json::json!({})).await;
    m.flow(&m.visitor(), &party, m.asked(&party)).await;
}

/// The parameters as a form that another site posts.
pub(crate) async fn oidcc_ensure_post_request_succeeds(m: &Module) {
    let party = m.party().await;
    let visitor = m.visitor();
    for _ in 0..2 {
        let asked: Asked = m.asked(&party).with("scope", "openid email");
        let visit = visitor.post(asked.endpoint(), &asked.pairs()).await;
        let response = check::response(m, &party, &asked, &visit);
        m.finish(&party, asked, visit, response).await;
    }
}
