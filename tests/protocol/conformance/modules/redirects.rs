//! Redirect addresses: compared as they were registered.

use serde_json::json;

use crate::conformance::check;
use crate::conformance::flow::Module;
use crate::conformance::keys::{Key, unsigned};
use crate::conformance::party::{Auth, metadata};

/// What the error page says about an address.
const BAD: [&str; 1] = ["invalid_redirect_uri"];

pub(crate) async fn oidcc_ensure_registered_redirect_uri(m: &Module) {
    let party = m.party().await;
    for uri in [
        format!("{}/extra", party.redirect_uri),
        format!("{}/../callback", party.redirect_uri),
        format!("{}.evil.example/", m.house.site.url("")),
    ] {
        for prompt in ["none", "login"] {
            let asked = m.asked(&party).with("redirect_uri", &uri).with("prompt", prompt);
            m.visitor().visit(&asked.url()).await.is_refused(&BAD);
        }
    }
}

pub(crate) async fn oidcc_ensure_redirect_uri_in_authorization_request(m: &Module) {
    let two = json!({"redirect_uris": [m.house.site.url("/one"), m.house.site.url("/two")]});
    let party = m.party_with(Auth::PrivateKeyJwt, &two).await;
    let asked = m.asked(&party).without("redirect_uri");
    m.visitor().visit(&asked.url()).await.is_refused(&["invalid_request", "invalid_redirect_uri"]);
    m.flow(&m.visitor(), &party, m.asked(&party).with("redirect_uri", &m.house.site.url("/two"))).await;
}

pub(crate) async fn oidcc_redirect_uri_query_ok(m: &Module) {
    let uri = m.house.site.url("/with?foo=bar&code=own%20code");
    let party = m
        .party_with(Auth::PrivateKeyJwt, &json!({"redirect_uris": [m.house.site.url("/q?foo=bar"), uri]}))
        .await;
    // That the query is kept is looked at with every response.
    m.flow(&m.visitor(), &party, m.asked(&party)).await;
    let asked = m.asked(&party).with("prompt", "none");
    m.respond(&m.visitor(), &party, &asked).await.1.is_error(&["login_required"]);
}

pub(crate) async fn oidcc_redirect_uri_query_mismatch(m: &Module) {
    let party =
        m.party_with(Auth::PrivateKeyJwt, &json!({"redirect_uris": [m.house.site.url("/q?foo=bar")]})).await;
    for query in ["foo=baz", "foo=bar&x=1", "", "foo", "FOO=bar", "foo=bar#"] {
        let asked = m.asked(&party).with("redirect_uri", &m.house.site.url(&format!("/q?{query}")));
        m.visitor().visit(&asked.url()).await.is_refused(&BAD);
    }
}

pub(crate) async fn oidcc_redirect_uri_query_added(m: &Module) {
    let party = m.party_with(Auth::PrivateKeyJwt, &json!({})).await;
    for query in ["?foo=bar", "?"] {
        let asked = m.asked(&party).with("redirect_uri", &format!("{}{query}", party.redirect_uri));
        m.visitor().visit(&asked.url()).await.is_refused(&BAD);
    }
}

pub(crate) async fn oidcc_redirect_uri_regfrag(m: &Module) {
    for uri in ["/callback#foobar", "/callback#"] {
        let more = json!({"redirect_uris": [m.house.site.url(uri)]});
        let asked = metadata(m, Auth::PrivateKeyJwt, &Key::es256(), &more);
        let answer = m.register(&asked).await;
        check::registration_error(&answer, &["invalid_redirect_uri", "invalid_client_metadata"]);
    }
}

/// The good address is in the request object, a bad one beside it: what is inside counts, or a page refuses.
pub(crate) async fn oidcc_ensure_request_object_with_redirect_uri(m: &Module) {
    let auth = if m.is_dynamic_plan() { Auth::PrivateKeyJwt } else { Auth::Basic };
    let party = m.party_with(auth, &json!({})).await;
    let bad = format!("{}/bad", party.redirect_uri);
    let asked = m.asked(&party);
    let object = unsigned(&asked.object(&m.house.issuer));
    let outer = [
        ("client_id", party.id.as_str()),
        ("response_type", m.at.types),
        ("scope", "openid"),
        ("redirect_uri", bad.as_str()),
        ("request", object.as_str()),
    ];
    let asked = asked.with_outer(&outer);
    m.flow(&m.visitor(), &party, asked).await;
    // The other way round: the bad one inside is not healed by a good one beside it.
    let asked = m.asked(&party).with("redirect_uri", &bad);
    let object = unsigned(&asked.object(&m.house.issuer));
    let outer =
        [("client_id", party.id.as_str()), ("redirect_uri", &party.redirect_uri), ("request", &object)];
    m.visitor().visit(&asked.with_outer(&outer).url()).await.is_refused(&BAD);
}
