//! Request objects, by value and by reference.

use serde_json::{Value, json};
use testkit::site::Reply;
use testkit::{b64, random};

use crate::conformance::flow::{Asked, Module};
use crate::conformance::keys::{Key, unsigned};
use crate::conformance::party::{Auth, Party};

/// What has to stand beside a request object all the same (OpenID Connect Core §6.1).
fn outer<'a>(m: &'a Module, party: &'a Party, name: &'a str, value: &'a str) -> [(&'a str, &'a str); 5] {
    [
        ("client_id", &party.id),
        ("response_type", m.at.types),
        ("scope", "openid"),
        ("redirect_uri", &party.redirect_uri),
        (name, value),
    ]
}

/// Hosts a request object and asks by its address, as registered.
async fn by_reference(m: &Module, party: &Party, registered: &str, asked: Asked, object: &str) {
    let path = url::Url::parse(registered).expect("an address").path().to_owned();
    m.house.site.put(&path, Reply::ok("application/jwt", object));
    let asked = asked.with_outer(&outer(m, party, "request_uri", registered));
    m.flow(&m.visitor(), party, asked).await;
    let seen = m.house.site.seen(&path);
    assert!(!seen.is_empty() && seen.iter().all(|one| one.method == "GET" && one.target == path), "{seen:?}");
}

async fn unsigned_by_reference(m: &Module, auth: Auth) {
    assert!(m.supports("request_object_signing_alg_values_supported", "none"));
    assert_ne!(m.metadata["request_uri_parameter_supported"], false);
    let uri = m.house.site.url(&format!("/{}/request.jwt", b64(&random::<9>())));
    let more = json!({"request_uris": [uri], "request_object_signing_alg": "none"});
    let party = m.dynamic(auth, &more).await;
    let asked = m.asked(&party);
    let object = unsigned(&asked.object(&m.house.issuer));
    by_reference(m, &party, &uri, asked, &object).await;
    // An address that was not registered is not called.
    let strange = m.house.site.url(&format!("/{}/strange.jwt", b64(&random::<9>())));
    let asked = m.asked(&party).with_outer(&outer(m, &party, "request_uri", &strange));
    let visit = m.visitor().visit(&asked.url()).await;
    assert!(visit.met.is_empty(), "asked although the request could not be read");
    let path = url::Url::parse(&strange).expect("an address").path().to_owned();
    assert!(m.house.site.seen(&path).is_empty(), "an address that nobody registered was called");
}

pub(crate) async fn oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(m: &Module) {
    unsigned_by_reference(m, Auth::Basic).await;
}

pub(crate) async fn oidcc_request_uri_unsigned(m: &Module) {
    unsigned_by_reference(m, Auth::PrivateKeyJwt).await;
}

/// `state` and `nonce` are only inside it, which the checks of the flow see.
pub(crate) async fn oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported(m: &Module) {
    assert_eq!(m.metadata["request_parameter_supported"], true);
    let party = m.party().await;
    let asked = m.asked(&party);
    let object = unsigned(&asked.object(&m.house.issuer));
    let asked = asked.with_outer(&outer(m, &party, "request", &object));
    m.flow(&m.visitor(), &party, asked).await;
}

pub(crate) async fn oidcc_request_uri_signed_rs256(m: &Module) {
    assert!(m.supports("request_object_signing_alg_values_supported", "RS256"));
    // The fragment is random: matched as registered, dropped when fetching, no digest.
    let uri = m.house.site.url(&format!("/{}/request.jwt#{}", b64(&random::<9>()), b64(&random::<24>())));
    let key = Key::rs256();
    let more = json!({
        "request_uris": [uri], "request_object_signing_alg": "RS256", "jwks": key.set(),
        "token_endpoint_auth_signing_alg": "RS256",
    });
    let party = Party { key, ..m.dynamic(Auth::PrivateKeyJwt, &more).await };
    let asked = m.asked(&party);
    let mut claims = asked.object(&m.house.issuer);
    claims["exp"] = (m.house.now() + 60).into();
    by_reference(m, &party, &uri, asked, &party.key.sign(&claims)).await;
    // Not signed, signed by another key, for somebody else, over: refused, and nobody is asked anything.
    let asked = m.asked(&party);
    let with = |name: &str, value: Value| {
        let mut claims = asked.object(&m.house.issuer);
        claims[name] = value;
        party.key.sign(&claims)
    };
    let claims = asked.object(&m.house.issuer);
    let path = url::Url::parse(&uri).expect("an address").path().to_owned();
    for object in [
        unsigned(&claims),
        Key::es256().sign(&claims),
        with("aud", "https://other.example".into()),
        with("iss", "somebody-else".into()),
        with("exp", (m.house.now() - 600).into()),
    ] {
        m.house.site.put(&path, Reply::ok("application/jwt", object));
        let asked = m.asked(&party).with_outer(&outer(m, &party, "request_uri", &uri));
        let visit = m.visitor().visit(&asked.url()).await;
        assert!(visit.met.is_empty(), "a bad request object was taken");
    }
}
