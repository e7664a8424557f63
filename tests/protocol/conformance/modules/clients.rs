//! What clients register about themselves that has to be fetched: keys and sectors. And whom assertions are for.

use serde_json::{Value, json};
use testkit::site::Reply;
use testkit::{b64, random};

use crate::conformance::check;
use crate::conformance::flow::Module;
use crate::conformance::keys::Key;
use crate::conformance::party::{Auth, Party, metadata};

/// Hosts JSON under a new path; answers its address.
fn hosted(m: &Module, json: &Value) -> String {
    let path = format!("/{}/document.json", b64(&random::<9>()));
    m.house.site.put(&path, Reply::ok("application/json", json.to_string()));
    m.house.site.url(&path)
}

pub(crate) async fn oidcc_registration_jwks_uri(m: &Module) {
    let key = Key::es256();
    let uri = hosted(m, &key.set());
    let registered = m.dynamic(Auth::PrivateKeyJwt, &json!({"jwks": null, "jwks_uri": uri})).await;
    let party = Party { key, ..registered };
    m.flow(&m.visitor(), &party, m.asked(&party)).await;
    // A key that is not there proves nothing.
    let stranger =
        Party { key: Key::es256(), ..Party::new(m, Auth::PrivateKeyJwt, Key::es256(), party.answer.clone()) };
    let (_, response) = m.respond(&m.visitor(), &party, &m.asked(&party)).await;
    let code = response.get("code").expect("a code");
    let fields =
        [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", &party.redirect_uri)];
    check::token_error(&stranger.token(m, &fields).await, "invalid_client");
    check::token_response(&party.token(m, &fields).await);
}

pub(crate) async fn oidcc_registration_sector_uri(m: &Module) {
    assert!(m.supports("subject_types_supported", "pairwise"));
    let own = |name: &str| m.house.site.url(&format!("/{name}/callback"));
    let uri = hosted(m, &json!([own("sector-a"), own("sector-b")]));
    let paired = |redirect: &str| json!({"subject_type": "pairwise", "sector_identifier_uri": uri, "redirect_uris": [redirect]});
    let mut subjects = Vec::new();
    for name in ["sector-a", "sector-b"] {
        let party = m.dynamic(Auth::PrivateKeyJwt, &paired(&own(name))).await;
        let flow = m.flow(&m.visitor(), &party, m.asked(&party)).await;
        subjects.push(flow.claims()["sub"].clone());
        // A hint with such a subject is understood, too.
        let visitor = m.visitor();
        let first = m.flow(&visitor, &party, m.asked(&party)).await;
        let silent = m.asked(&party).with("prompt", "none").with("id_token_hint", first.id_token());
        m.flow(&visitor, &party, silent).await.is_same_sign_in(&first);
    }
    assert_eq!(subjects[0], subjects[1], "one sector, one subject");
    let party = m.dynamic(Auth::PrivateKeyJwt, &json!({})).await;
    let public = m.flow(&m.visitor(), &party, m.asked(&party)).await;
    assert_ne!(subjects[0], public.claims()["sub"], "the public subject");
}

pub(crate) async fn oidcc_registration_sector_bad(m: &Module) {
    let key = Key::es256();
    let other = m.house.site.url("/other/callback");
    let not_a_list = json!({"redirect_uris": [m.house.site.url("/mine/callback")]});
    for document in [hosted(m, &json!([other])), hosted(m, &json!([])), hosted(m, &not_a_list)] {
        for subject in ["pairwise", "public"] {
            let more = json!({
                "subject_type": subject, "sector_identifier_uri": document,
                "redirect_uris": [m.house.site.url("/mine/callback")],
            });
            let answer = m.register(&metadata(m, Auth::PrivateKeyJwt, &key, &more)).await;
            check::registration_error(&answer, &["invalid_client_metadata"]);
        }
    }
    // One that cannot be fetched is no better.
    let more =
        json!({"subject_type": "pairwise", "sector_identifier_uri": m.house.site.url("/not/there.json")});
    let answer = m.register(&metadata(m, Auth::PrivateKeyJwt, &key, &more)).await;
    check::registration_error(&answer, &["invalid_client_metadata"]);
}

/// The issuer as `aud`, and who else may not be.
pub(crate) async fn oidcc_ensure_client_assertion_with_iss_aud_succeeds(m: &Module) {
    let party = m.party_with(Auth::PrivateKeyJwt, &json!({})).await;
    let visitor = m.visitor();
    let (_, response) = m.respond(&visitor, &party, &m.asked(&party)).await;
    let code = response.get("code").expect("a code");
    let fields =
        [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", &party.redirect_uri)];
    let now = m.house.now();
    let good = party.assertion_claims(&m.house.issuer, now);
    let with = |name: &str, value: Value| {
        let mut claims = party.assertion_claims(&m.house.issuer, now);
        if value.is_null() {
            claims.as_object_mut().expect("claims").remove(name);
        } else {
            claims[name] = value;
        }
        claims
    };
    for bad in [
        with("aud", "https://other.example".into()),
        with("aud", m.endpoint("userinfo_endpoint").as_str().into()),
        with("aud", Value::Null),
        with("iss", "somebody-else".into()),
        with("sub", "somebody-else".into()),
        with("sub", Value::Null),
        with("jti", Value::Null),
        with("exp", Value::Null),
        with("exp", (now - 120).into()),
    ] {
        check::token_error(&party.token_asserting(&fields, &bad).await, "invalid_client");
    }
    check::token_response(&party.token_asserting(&fields, &good).await);
    // Once, and never again (its `jti` is kept).
    check::token_error(&party.token_asserting(&fields, &good).await, "invalid_client");
}
