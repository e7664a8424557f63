//! Who vouches for keys (SEC-076), and which keys a passkey may have at all (SEC-172).

use serde_json::{Value, json};
use testkit::wire::{Answer, Request};
use testkit::{Administrator, Browser, DeviceKey, Kind, Maker, Phone, Server, Setup, SoftPasskey};

use crate::admin_api::code;
use crate::given::Scene;

struct Ground {
    server: Server,
    root: Administrator,
}

impl Ground {
    async fn new() -> Self {
        let server = Setup::one_node().set("limits.factor", 1000).start().await;
        let _ = server.user("ada");
        let root = server.administrator("root", &["superadmin"]).await;
        Self { server, root }
    }

    /// Sets the policy of phones: what is wished, and whose word counts.
    async fn policy(&self, wish: &str, makers: &[&Maker]) {
        let roots: Vec<&str> = makers.iter().map(|maker| maker.root()).collect();
        let body = json!({"attestation": wish, "attestation_roots": roots, "per_user": 50});
        let request = self.root.request("PATCH", "/policies/devices", Some(&body)).header("if-match", "*");
        let answer = self.root.browser.send(request).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// Enrols a phone whose key this maker vouches for.
    async fn enrol(&self, kind: Kind, maker: Option<&Maker>) -> Result<Phone, Answer> {
        let offered = self.root.ask("POST", "/enrolments", Some(&json!({"user": "ada"}))).await.json();
        let token = offered["url"].as_str().unwrap().split_once("#e1").unwrap().1.to_owned();
        let line = self.server.browser();
        let request = Request::json("/api/phone/v1/enrolments", &json!({"token": token}));
        let begun = line.send(request).await;
        assert_eq!(begun.status, 200, "{}", begun.text());
        Phone::finish_vouched(line, &begun.json(), kind, DeviceKey::generate(), maker).await
    }

    async fn shown(&self, phone: &Phone) -> Value {
        self.root.ask("GET", &format!("/devices/{}", phone.device), None).await.json()
    }
}

#[tokio::test]
async fn sec_076_a_chain_to_a_trusted_root_vouches_and_no_other_does() {
    let ground = Ground::new().await;
    let (trusted, other) = (Maker::new(), Maker::new());
    for kind in [Kind::App, Kind::Web] {
        // Where it is required: a chain to one of the roots, and nothing else.
        ground.policy("required", &[&other, &trusted]).await;
        let phone =
            ground.enrol(kind, Some(&trusted)).await.unwrap_or_else(|why| panic!("{kind:?}: {}", why.text()));
        let shown = ground.shown(&phone).await;
        assert_eq!(shown["attestation"], "verified", "{kind:?} {shown}");
        assert!(shown["attested_by"].is_string(), "{shown}");
        assert_eq!(phone.signed("/devices/self", Some(&json!({}))).await.word("state"), "active");
        ground.policy("required", &[&trusted]).await;
        for (what, maker) in [("another root", Some(&other)), ("nobody", None)] {
            let refused = ground.enrol(kind, maker).await.unwrap_err();
            let expected = (403, "attestation_required".to_owned());
            assert_eq!(code(&refused), expected, "{kind:?} {what}: {}", refused.text());
        }
        ground.policy("required", &[]).await;
        assert!(ground.enrol(kind, Some(&trusted)).await.is_err(), "without roots nobody's word counts");
        // Where it is wanted: all are taken, and told apart.
        ground.policy("wanted", &[&trusted]).await;
        for (maker, expected) in [(Some(&trusted), "verified"), (Some(&other), "none"), (None, "none")] {
            let phone =
                ground.enrol(kind, maker).await.unwrap_or_else(|why| panic!("{kind:?}: {}", why.text()));
            assert_eq!(ground.shown(&phone).await["attestation"], expected, "{kind:?}");
        }
        // Where nobody asked for it, it raises nothing.
        ground.policy("none", &[&trusted]).await;
        let phone =
            ground.enrol(kind, Some(&trusted)).await.unwrap_or_else(|why| panic!("{kind:?}: {}", why.text()));
        assert_eq!(ground.shown(&phone).await["attestation"], "none", "{kind:?}");
    }
    assert_eq!(
        ground.root.ask("GET", "/devices?attestation=verified", None).await.json()["items"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
}

/// What the page's script sends for a new passkey.
struct Page {
    browser: Browser,
    csrf: String,
}

impl Page {
    async fn open(browser: Browser) -> Self {
        let page = browser.follow("/login/passkey/new").await;
        assert_eq!(page.status(), 200, "{} {}", page.url, page.html());
        let csrf = page.csrf().unwrap();
        Self { browser, csrf }
    }

    async fn ask(&self, path: &str, body: &Value) -> Answer {
        let request = self.browser.same_origin(Request::json(path, body)).header("x-csrf-token", &self.csrf);
        self.browser.send(request).await
    }

    async fn options(&self) -> Value {
        let answer = self.ask("/login/passkey/new/options", &json!({})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    async fn add(&self, credential: &Value) -> Answer {
        self.ask("/login/passkey/new", &json!({"credential": credential, "name": "Mine"})).await
    }
}

#[tokio::test]
async fn sec_172_algorithms_and_exclude_lists_are_the_servers_whatever_the_page_says() {
    let scene = Scene::with(Setup::one_node().set("limits.factor", 1000)).await;
    let password = scene.server.user("bob");
    let origin = scene.browser.origin();
    let bob = scene.server.browser();
    let _ = bob.sign_in(&scene.shop.start().url, "bob", &password).await;
    let (ada, bob) = (Page::open(scene.browser).await, Page::open(bob).await);
    let options = ada.options().await;
    let listed: Vec<i64> = options["publicKey"]["pubKeyCredParams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["alg"].as_i64().unwrap())
        .collect();
    assert!(listed.contains(&-7), "{listed:?}");
    // EdDSA, ES256K, RS1 and "none": what the page did not list is not taken, however the page was edited.
    let mut point = vec![0x58, 0x20];
    point.extend_from_slice(&[3; 32]);
    let key = |head: &[u8], tail: &[u8]| [head, &point, tail].concat();
    let y = [&[0x22][..], &point].concat();
    for (name, alg, cose) in [
        ("EdDSA", -8, key(&[0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21], &[])),
        ("ES256K", -47, key(&[0xa5, 0x01, 0x02, 0x03, 0x38, 0x2e, 0x20, 0x08, 0x21], &y)),
        ("RS1", -65535, {
            let mut rsa = vec![0xa4, 0x01, 0x03, 0x03, 0x39, 0xff, 0xfe, 0x20, 0x59, 0x01, 0x00];
            rsa.extend_from_slice(&[0xc5; 256]);
            rsa.extend_from_slice(&[0x21, 0x43, 1, 0, 1]);
            rsa
        }),
        ("none", 0, key(&[0xa5, 0x01, 0x02, 0x03, 0x00, 0x20, 0x01, 0x21], &y)),
        ("a point off the curve", -7, key(&[0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21], &y)),
    ] {
        assert!(alg == -7 || !listed.contains(&alg), "{name} is listed");
        let mut edited = ada.options().await;
        edited["publicKey"]["pubKeyCredParams"] = json!([{"type": "public-key", "alg": alg}]);
        let answer = ada.add(&SoftPasskey::create_with_key(&edited, &origin, &cose)).await;
        assert_eq!(
            (answer.status, &answer.json()["field"]),
            (400, &json!("credential")),
            "{name}: {}",
            answer.text()
        );
    }
    // The user was verified, at this site, for this page: said by the authenticator, checked by the server.
    let (mut weak, _) = SoftPasskey::create(&ada.options().await, &origin);
    weak.verifies_user = false;
    let unverified = weak.register_again(&ada.options().await, &origin);
    assert_eq!(ada.add(&unverified).await.status, 400, "without user verification");
    let elsewhere = SoftPasskey::create(&ada.options().await, "https://evil.example").1;
    assert_eq!(ada.add(&elsewhere).await.status, 400, "of another site");
    let foreign = SoftPasskey::create(&bob.options().await, &origin).1;
    ada.options().await;
    assert_eq!(ada.add(&foreign).await.status, 400, "for another's challenge");
    // A good one, once.
    let options = ada.options().await;
    let (passkey, credential) = SoftPasskey::create(&options, &origin);
    let answer = ada.add(&credential).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_ne!(ada.add(&credential).await.status, 201, "its challenge was used");
    // The list of those that are there is the server's: a page that drops it gets nothing in.
    let mut options = ada.options().await;
    let excluded = options["publicKey"]["excludeCredentials"].as_array().unwrap();
    assert!(excluded.iter().any(|one| one["id"] == passkey.id()), "{excluded:?}");
    options["publicKey"]["excludeCredentials"] = json!([]);
    let twice = ada.add(&passkey.register_again(&options, &origin)).await;
    assert!([400, 409].contains(&twice.status), "{}", twice.text());
    // Nor does somebody else register it as theirs.
    let theirs = bob.add(&passkey.register_again(&bob.options().await, &origin)).await;
    assert!([400, 409].contains(&theirs.status), "{}", theirs.text());
    let root = scene.server.administrator("root", &["superadmin"]).await;
    for (name, count) in [("ada", 1), ("bob", 0)] {
        let found = root.ask("GET", &format!("/users?q={name}"), None).await.json();
        let id = found["items"][0]["id"].as_str().unwrap();
        let passkeys = root.ask("GET", &format!("/users/{id}/passkeys"), None).await.json();
        assert_eq!(passkeys["total"], count, "{name} {passkeys}");
    }
}
