//! Scopes and the `claims` parameter: who is told what, and where.

use serde_json::json;

use crate::conformance::claims::of_scopes;
use crate::conformance::flow::{Flow, Module};
use crate::conformance::house::claims_of_the_user;

/// Asks for a scope and finds its claims where they belong; `check` sees to it that they are nowhere else.
async fn of_scope(m: &Module, scope: &str) -> Flow {
    for word in scope.split(' ') {
        assert!(m.supports("scopes_supported", word), "{word} is not advertised");
    }
    let party = m.party().await;
    let flow = m.flow(&m.visitor(), &party, m.asked(&party).with("scope", scope)).await;
    let known = claims_of_the_user();
    for name in of_scopes(scope) {
        let told =
            flow.personal().get(&name).unwrap_or_else(|| panic!("{name} is missing: {}", flow.personal()));
        if name != "updated_at" {
            assert_eq!(*told, known[&name], "{name}");
        }
        // Where an access token is given, ID tokens stay lean.
        assert_eq!(flow.claims().get(&name).is_some(), m.at.is_id_token_alone(), "{name} in the ID token");
    }
    flow
}

pub(crate) async fn oidcc_scope_profile(m: &Module) {
    of_scope(m, "openid profile").await;
}

pub(crate) async fn oidcc_scope_email(m: &Module) {
    let flow = of_scope(m, "openid email").await;
    assert!(flow.personal().get("name").is_none(), "name without the scope profile");
}

pub(crate) async fn oidcc_scope_address(m: &Module) {
    let flow = of_scope(m, "openid address").await;
    assert!(flow.personal()["address"].is_object());
}

pub(crate) async fn oidcc_scope_phone(m: &Module) {
    let flow = of_scope(m, "openid phone").await;
    assert!(flow.personal()["phone_number_verified"].is_boolean());
}

pub(crate) async fn oidcc_scope_all(m: &Module) {
    of_scope(m, "openid profile email address phone").await;
}

/// The words of the scope and the parameters in another order.
pub(crate) async fn oidcc_alternate_happy_flow(m: &Module) {
    let party = m.party().await;
    let asked = m.asked(&party).with("scope", "email openid").reversed();
    let flow = m.flow(&m.visitor(), &party, asked).await;
    assert_eq!(flow.personal()["email"], claims_of_the_user()["email"]);
}

pub(crate) async fn oidcc_claims_essential(m: &Module) {
    assert_eq!(m.metadata["claims_parameter_supported"], true);
    let party = m.party().await;
    let place = if m.at.is_id_token_alone() { "id_token" } else { "userinfo" };
    let claims = json!({place: {"name": {"essential": true}}}).to_string();
    let flow = m.flow(&m.visitor(), &party, m.asked(&party).with("claims", &claims)).await;
    assert_eq!(flow.personal()["name"], claims_of_the_user()["name"]);
    assert_eq!(flow.claims().get("name").is_some(), m.at.is_id_token_alone());
    // In both places, and what nobody knows is left out without an error.
    let claims = json!({
        "id_token": {"nickname": null, "http://claims.example/unknown": {"essential": true}},
        "userinfo": {"locale": null},
        "elsewhere": {"name": null},
    });
    let asked = m.asked(&party).with("claims", &claims.to_string());
    let flow = m.flow(&m.visitor(), &party, asked).await;
    assert_eq!(flow.claims()["nickname"], claims_of_the_user()["nickname"]);
}
