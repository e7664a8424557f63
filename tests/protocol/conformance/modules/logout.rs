//! Sign-out that a relying party begins, and who is told of it.

use serde_json::{Value, json};
use testkit::site::Reply;
use testkit::wire::{Request, encode};
use testkit::{b64, random, sha256};
use url::Url;

use crate::conformance::flow::{Flow, Module};
use crate::conformance::keys::{read, unsigned, verify};
use crate::conformance::party::{Auth, Party};
use crate::conformance::visitor::{End, Visit, Visitor};

/// A person who is signed in, and the relying party that signs them out.
struct Scene {
    party: Party,
    visitor: Visitor,
    flow: Flow,
    back: String,
}

impl Scene {
    async fn new(m: &Module) -> Self {
        Self::with(m, &json!({})).await
    }

    async fn with(m: &Module, more: &Value) -> Self {
        let back = m.house.site.url("/signed-out");
        let mut all = json!({"post_logout_redirect_uris": [back]});
        all.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        let party = m.party_with(Auth::Basic, &all).await;
        let visitor = m.visitor();
        let flow = m.flow(&visitor, &party, m.asked(&party)).await;
        Self { party, visitor, flow, back }
    }

    async fn sign_out(&self, m: &Module, fields: &[(&str, &str)]) -> Visit {
        let at = m.endpoint("end_session_endpoint");
        let query = encode(fields);
        let address = if query.is_empty() { at.to_string() } else { format!("{at}?{query}") };
        self.visitor.visit(&address).await
    }

    /// The person is signed out: `prompt=none` finds nobody.
    async fn is_signed_out(&self, m: &Module) {
        let asked = m.asked(&self.party).with("prompt", "none");
        m.respond(&self.visitor, &self.party, &asked).await.1.is_error(&["login_required"]);
    }

    /// Still signed in.
    async fn is_signed_in(&self, m: &Module) {
        let again = m.flow(&self.visitor, &self.party, m.asked(&self.party).with("prompt", "none")).await;
        again.is_same_sign_in(&self.flow);
    }
}

/// The browser was sent to this address with nothing but this.
#[track_caller]
fn sent_to(visit: &Visit, address: &str, state: Option<&str>) {
    let End::Away(url) = &visit.end else { panic!("not sent back: {:?}", visit.end) };
    let base = url.as_str().split(['?', '#']).next().unwrap_or_default();
    assert_eq!(base, address);
    let found: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let wanted: Vec<(String, String)> =
        state.map(|state| ("state".to_owned(), state.to_owned())).into_iter().collect();
    assert_eq!(found, wanted, "{url}");
    assert_eq!(url.fragment().unwrap_or_default(), "", "{url}");
}

/// The browser stayed with the provider: an error page, or the person was asked and is signed out.
#[track_caller]
fn stayed(visit: &Visit) {
    let page = visit.page();
    let is_done = page.status() == 200 && page.has("logged-out");
    assert!(
        is_done || (400..500).contains(&page.status()) && page.has("refused"),
        "{} {}",
        page.status(),
        page.url
    );
}

pub(crate) async fn oidcc_rp_initiated_logout(m: &Module) {
    let scene = Scene::new(m).await;
    let state = b64(&random::<96>());
    let hint = scene.flow.id_token();
    let fields = [("id_token_hint", hint), ("post_logout_redirect_uri", &scene.back), ("state", &state)];
    let cookies = scene.visitor.browser.cookies();
    let visit = scene.sign_out(m, &fields).await;
    sent_to(&visit, &scene.back, Some(&state));
    scene.is_signed_out(m).await;
    // On the server too: who kept the old cookies is nobody.
    for (name, value) in cookies {
        scene.visitor.browser.set_cookie(&name, &value);
    }
    scene.is_signed_out(m).await;
    // A form will do as well.
    let scene = Scene::new(m).await;
    let fields = [
        ("id_token_hint", scene.flow.id_token()),
        ("post_logout_redirect_uri", &scene.back),
        ("state", &state),
    ];
    let page = scene.visitor.look(m.endpoint("check_session_iframe").as_str()).await;
    let form = testkit::Form {
        action: m.endpoint("end_session_endpoint").into(),
        method: "post".to_owned(),
        fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
    };
    let sent = scene.visitor.browser.submit(&page, &form).await;
    let visit = scene.visitor.go_on_from(sent).await;
    sent_to(&visit, &scene.back, Some(&state));
    scene.is_signed_out(m).await;
}

/// On the clock that moves: the same with a hint that has expired, by POST.
pub(crate) async fn oidcc_rp_initiated_logout_no_state(m: &Module) {
    let scene = Scene::new(m).await;
    m.house.advance(900);
    let hint = scene.flow.id_token();
    assert!(scene.flow.number("exp") < m.house.now());
    let fields = [("id_token_hint", hint), ("post_logout_redirect_uri", scene.back.as_str())];
    sent_to(&scene.sign_out(m, &fields).await, &scene.back, None);
    scene.is_signed_out(m).await;
}

async fn goes_nowhere(m: &Module, back: &str) {
    let scene = Scene::new(m).await;
    let fields = [
        ("id_token_hint", scene.flow.id_token()),
        ("post_logout_redirect_uri", back),
        ("state", "some-state"),
    ];
    stayed(&scene.sign_out(m, &fields).await);
}

pub(crate) async fn oidcc_rp_initiated_logout_bad_post_logout_redirect_uri(m: &Module) {
    goes_nowhere(m, &m.house.site.url("/not-registered")).await;
    goes_nowhere(m, "https://evil.example/").await;
}

pub(crate) async fn oidcc_rp_initiated_logout_query_added_to_post_logout_redirect_uri(m: &Module) {
    goes_nowhere(m, &m.house.site.url("/signed-out?foo=bar")).await;
    goes_nowhere(m, &m.house.site.url("/signed-out?")).await;
}

/// A hint that is none: nobody is redirected, and who is not asked stays signed in.
async fn with_bad_hint(m: &Module, hint: impl Fn(&Scene) -> String) {
    let scene = Scene::new(m).await;
    let hint = hint(&scene);
    let fields =
        [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", scene.back.as_str()), ("state", "s")];
    let at = m.endpoint("end_session_endpoint");
    let page = scene.visitor.look(&format!("{at}?{}", encode(&fields))).await;
    assert_ne!(page.status(), 0, "redirected to {}", page.url);
    scene.is_signed_in(m).await;
    stayed(&scene.sign_out(m, &fields).await);
}

pub(crate) async fn oidcc_rp_initiated_logout_modified_id_token_hint(m: &Module) {
    with_bad_hint(m, |scene| unsigned(&read(scene.flow.id_token()).1)).await;
}

pub(crate) async fn oidcc_rp_initiated_logout_bad_id_token_hint(m: &Module) {
    with_bad_hint(m, |scene| {
        let (_, mut claims) = read(scene.flow.id_token());
        let issuer = claims["iss"].take();
        claims["iss"] = scene.party.id.as_str().into();
        claims["aud"] = issuer;
        scene.party.key.sign(&claims)
    })
    .await;
}

pub(crate) async fn oidcc_rp_initiated_logout_no_id_token_hint(m: &Module) {
    let scene = Scene::new(m).await;
    stayed(&scene.sign_out(m, &[("post_logout_redirect_uri", &scene.back), ("state", "s")]).await);
}

/// The person is signed out and told so, by a page.
async fn ends_on_a_page(m: &Module, fields: &[(&str, &str)]) {
    let scene = Scene::new(m).await;
    let visit = scene.sign_out(m, fields).await;
    let page = visit.page();
    assert_eq!(page.status(), 200, "{}", page.html());
    assert!(page.has("logged-out"), "the page does not say that the person is signed out");
    scene.is_signed_out(m).await;
}

pub(crate) async fn oidcc_rp_initiated_logout_no_params(m: &Module) {
    ends_on_a_page(m, &[]).await;
}

pub(crate) async fn oidcc_rp_initiated_logout_only_state(m: &Module) {
    ends_on_a_page(m, &[("state", "only-a-state")]).await;
}

pub(crate) async fn oidcc_rp_initiated_logout_no_post_logout_redirect_uri(m: &Module) {
    let scene = Scene::new(m).await;
    let hint = scene.flow.id_token().to_owned();
    let visit = scene.sign_out(m, &[("id_token_hint", &hint), ("state", "s")]).await;
    assert!(visit.page().has("logged-out") && visit.page().status() == 200);
    scene.is_signed_out(m).await;
}

/// The browser's half by hand, since frames need a real one: the same module runs in Chromium (`tests/clients`).
pub(crate) async fn oidcc_session_management_rp_initiated_logout(m: &Module) {
    let scene = Scene::new(m).await;
    let session_state = scene.flow.response.get("session_state").expect("session_state").to_owned();
    assert!(!session_state.contains(' '));
    let frame = m.endpoint("check_session_iframe");
    let page = scene.visitor.look(frame.as_str()).await;
    assert_eq!(page.status(), 200);
    assert!(page.answer.header("x-frame-options").is_none(), "it is made to be framed");
    let policy = crate::conformance::visitor::policy(&page.answer);
    let framers = crate::conformance::visitor::directive(&policy, "frame-ancestors");
    assert!(framers.is_none_or(|all| all.contains(&"*") || all.contains(&"https:")), "{policy}");
    let origin = Url::parse(&scene.party.redirect_uri).expect("an address").origin().ascii_serialization();
    // Any cookie of the jar may be the one: the frame's script says which, and exactly one fits.
    let is_unchanged = || {
        let (hash, salt) = session_state.rsplit_once('.').expect("a salt after the dot");
        scene.visitor.browser.cookies().values().any(|state| {
            let text = format!("{} {origin} {state} {salt}", scene.party.id);
            b64(&sha256(text.as_bytes())) == hash
        })
    };
    assert!(is_unchanged(), "the frame would say changed");
    // A script in a frame of another site has to read it.
    let lines = scene.visitor.browser.cookie_lines();
    let readable = lines.iter().filter(|line| !line.to_ascii_lowercase().contains("httponly"));
    assert!(
        readable.clone().all(|line| line.contains("SameSite=None") && line.contains("Secure")),
        "{lines:?}"
    );
    assert_eq!(readable.count(), 1, "{lines:?}");
    let fields =
        [("id_token_hint", scene.flow.id_token()), ("post_logout_redirect_uri", &scene.back), ("state", "s")];
    sent_to(&scene.sign_out(m, &fields).await, &scene.back, Some("s"));
    assert!(!is_unchanged(), "the frame would say unchanged");
    scene.is_signed_out(m).await;
}

/// The session that an ID token belongs to.
#[track_caller]
fn sid(flow: &Flow) -> String {
    flow.claims()["sid"].as_str().expect("sid in the ID token").to_owned()
}

pub(crate) async fn oidcc_frontchannel_rp_initiated_logout(m: &Module) {
    let uri = m.house.site.url("/front?own=1");
    let more = json!({"frontchannel_logout_uri": uri, "frontchannel_logout_session_required": true});
    let scene = Scene::with(m, &more).await;
    let fields =
        [("id_token_hint", scene.flow.id_token()), ("post_logout_redirect_uri", &scene.back), ("state", "s")];
    let visit = scene.sign_out(m, &fields).await;
    assert_eq!(visit.frames.len(), 1, "{visit:?}");
    let frame = Url::parse(&visit.frames[0]).expect("an address");
    let mut told: Vec<(String, String)> = frame.query_pairs().into_owned().collect();
    told.sort();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(told, [pair("iss", &m.house.issuer), pair("own", "1"), pair("sid", &sid(&scene.flow))]);
    assert!(frame.as_str().starts_with(&m.house.site.url("/front?")));
    sent_to(&visit, &scene.back, Some("s"));
    scene.is_signed_out(m).await;
}

pub(crate) async fn oidcc_backchannel_rp_initiated_logout(m: &Module) {
    let path = format!("/{}/back", b64(&random::<9>()));
    m.house.site.put(&path, Reply::status(200));
    let uri = m.house.site.url(&path);
    let more = json!({"backchannel_logout_uri": uri, "backchannel_logout_session_required": true});
    let scene = Scene::with(m, &more).await;
    let fields =
        [("id_token_hint", scene.flow.id_token()), ("post_logout_redirect_uri", &scene.back), ("state", "s")];
    sent_to(&scene.sign_out(m, &fields).await, &scene.back, Some("s"));
    let seen = m.house.site.wait_for(&path, 1).await;
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].method, "POST");
    let kind = seen[0].header("content-type").unwrap_or_default();
    assert!(kind.starts_with("application/x-www-form-urlencoded"), "{kind}");
    assert!(seen[0].is_tls_1_3, "an old TLS");
    let form = seen[0].form();
    let [(name, token)] = form.as_slice() else { panic!("more than a token: {form:?}") };
    assert_eq!(name, "logout_token");
    let (header, claims) = verify(token, &m.keys().await);
    assert_eq!(header["alg"], scene.party.id_token_alg(), "the algorithm of the client's ID tokens");
    assert_eq!(header["typ"], "logout+jwt");
    assert_eq!(claims["iss"], m.house.issuer.as_str());
    assert!(claims["aud"] == scene.party.id.as_str() || claims["aud"] == json!([scene.party.id]));
    assert!(claims["jti"].as_str().is_some_and(|jti| jti.len() >= 16));
    let (now, iat, exp) = (m.house.now(), claims["iat"].as_i64(), claims["exp"].as_i64());
    assert!(iat.is_some_and(|iat| iat <= now + 1 && iat > now - 60), "{claims}");
    assert!(exp.is_some_and(|exp| exp > now && exp <= now + 121), "{claims}");
    assert_eq!(claims["events"], json!({"http://schemas.openid.net/event/backchannel-logout": {}}));
    assert_eq!(claims["sub"], scene.flow.claims()["sub"]);
    assert_eq!(claims["sid"], sid(&scene.flow).as_str());
    assert!(claims.get("nonce").is_none());
    scene.is_signed_out(m).await;
    // It is no hint, and no token for anything else.
    let answer = m
        .line
        .send(
            Request::get(m.endpoint("userinfo_endpoint").path())
                .header("authorization", &format!("Bearer {token}")),
        )
        .await;
    assert_eq!(answer.status, 401);
}
