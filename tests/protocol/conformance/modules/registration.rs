//! What the sign-in page shows of a client, and login that a third party begins.

use serde_json::json;
use testkit::Page;
use testkit::site::Reply;
use testkit::wire::Request;
use testkit::{b64, random};
use url::Url;

use crate::conformance::check;
use crate::conformance::flow::Module;
use crate::conformance::keys::Key;
use crate::conformance::party::{Auth, metadata};
use crate::conformance::visitor::{directive, policy};

/// A picture of one pixel.
const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// The sign-in page of a client with this metadata.
async fn sign_in_page(m: &Module, more: &serde_json::Value) -> Page {
    let party = m.party_with(Auth::PrivateKeyJwt, more).await;
    let page = m.visitor().look(&m.asked(&party).url()).await;
    assert!(page.find_form("login").is_some(), "{} {}", page.status(), page.url);
    page
}

/// Nobody signs in: the picture is there before.
pub(crate) async fn oidcc_registration_logo_uri(m: &Module) {
    use base64::Engine as _;
    let path = format!("/{}/logo.png", b64(&random::<9>()));
    let picture = base64::engine::general_purpose::STANDARD.decode(PIXEL).expect("base64");
    m.house.site.put(&path, Reply::ok("image/png", picture.clone()));
    let page = sign_in_page(m, &json!({"logo_uri": m.house.site.url(&path)})).await;
    let pictures = page.all("img", "src");
    assert_eq!(pictures.len(), 1, "{pictures:?}");
    let at = page.url.join(&pictures[0]).expect("an address");
    // Through us: the page's policy lets it be shown, and the client's site does not see who looks.
    assert_eq!(at.origin(), page.url.origin());
    let policy = policy(&page.answer);
    let sources = directive(&policy, "img-src").or_else(|| directive(&policy, "default-src"));
    assert!(sources.is_some_and(|all| all.contains(&"'self'")), "the policy blocks it: {policy}");
    let shown = m.visitor().look(at.as_str()).await;
    assert_eq!((shown.status(), &shown.answer.body), (200, &picture));
    assert_eq!(shown.answer.header("content-type"), Some("image/png"));
}

pub(crate) async fn oidcc_registration_policy_uri(m: &Module) {
    let uri = m.house.site.url("/policy.html?of=this");
    let page = sign_in_page(m, &json!({"policy_uri": uri})).await;
    assert!(page.all("a", "href").contains(&uri), "{:?}", page.links());
}

pub(crate) async fn oidcc_registration_tos_uri(m: &Module) {
    let uri = m.house.site.url("/terms.html");
    let page = sign_in_page(m, &json!({"tos_uri": uri})).await;
    assert!(page.all("a", "href").contains(&uri), "{:?}", page.links());
    // What is no web address cannot be linked.
    let key = Key::es256();
    let bad = metadata(m, Auth::PrivateKeyJwt, &key, &json!({"tos_uri": "javascript:alert(1)"}));
    check::registration_error(&m.register(&bad).await, &["invalid_client_metadata"]);
}

pub(crate) async fn oidcc_3rd_party_init_login(m: &Module) {
    let uri = m.house.site.url("/login");
    let party = m.dynamic(Auth::Basic, &json!({"initiate_login_uri": uri})).await;
    let at = Url::parse(party.answer["registration_client_uri"].as_str().expect("text")).expect("an address");
    let read = |token: &str| {
        let target = at.query().map_or(at.path().to_owned(), |query| format!("{}?{query}", at.path()));
        Request::get(&target).header("authorization", &format!("Bearer {token}"))
    };
    let token = party.answer["registration_access_token"].as_str().expect("text");
    let answer = m.line.send(read(token)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("application/json")));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.word("initiate_login_uri"), uri);
    assert_eq!(answer.word("client_id"), party.id);
    // Nobody else reads it.
    let other = m.dynamic(Auth::Basic, &json!({})).await;
    let others = other.answer["registration_access_token"].as_str().expect("text");
    for token in [others, "nonsense"] {
        assert_eq!(m.line.send(read(token)).await.status, 401);
    }
}

pub(crate) async fn oidcc_3rd_party_init_login_nohttps(m: &Module) {
    let key = Key::es256();
    for uri in ["http://rp.example/login", "javascript:alert(1)", "/login"] {
        let asked = metadata(m, Auth::Basic, &key, &json!({"initiate_login_uri": uri}));
        check::registration_error(&m.register(&asked).await, &["invalid_client_metadata"]);
    }
}
