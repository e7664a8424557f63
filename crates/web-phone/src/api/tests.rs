//! The API over real use cases: what a stranger sees and what it costs.

mod description;

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::body::to_bytes;
use actix_web::dev::Service as _;
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, init_service};
use app::{App, Clock, Entropy, HashSettings, Issuer, Limits, Parts};
use domain::{DeviceState, Timestamp};
use jose::seal::MasterKey;
use registry::users::NewUser;
use secrecy::SecretString;
use serde_json::{Value, json};
use signin::SignIn;
use testkit::{DeviceKey, canonical};

use super::*;

const ISSUER: &str = "https://id.example";
const PASSWORD: &str = "correct horse battery";

struct Here {
    app: App,
    registry: registry::Registry,
    signin: SignIn,
    web: web::Web,
}

struct Answer {
    status: u16,
    headers: BTreeSet<String>,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

async fn here() -> Here {
    let app = App::new(Parts {
        issuer: Issuer::parse(ISSUER).unwrap(),
        store: Arc::new(store_sql::SqlStore::open(store_sql::Settings::temporary()).await.unwrap()),
        live: Arc::new(live::InProcess::default()),
        outbound: Arc::new(outbound::Closed),
        mailer: None,
        clock: Clock::manual(Timestamp::from_seconds(1_800_000_000)),
        entropy: Entropy::system(),
        hashing: HashSettings::default(),
        master_key: MasterKey::new([7; 32]),
        limits: Limits::default(),
    });
    let registry = registry::Registry::new(&app, registry::Settings::default());
    let signin = SignIn::new(&app, signin::Settings::default(), Vec::new());
    let settings = web::Settings {
        trusted_proxies: Vec::new(),
        theme: web::Theme::built_in().unwrap(),
        virtual_phone: None,
    };
    let web = web::Web::new(&app, settings).unwrap();
    let ada = NewUser {
        username: "ada".to_owned(),
        password: Some(SecretString::from(PASSWORD.to_owned())),
        ..NewUser::default()
    };
    registry.create_user(ada).await.unwrap();
    Here { app, registry, signin, web }
}

impl Here {
    async fn send(&self, request: TestRequest) -> Answer {
        let (web, signin, registry) = (self.web.clone(), self.signin.clone(), self.registry.clone());
        let service = init_service(
            actix_web::App::new()
                .wrap(from_fn(web::shell::shell))
                .configure(move |cfg| crate::mount(cfg, &signin, &registry))
                .configure(move |cfg| web::mount(cfg, &web)),
        )
        .await;
        let response = service.call(request.to_request()).await.unwrap();
        let status = response.status().as_u16();
        let headers = response.headers().keys().map(|name| name.as_str().to_owned()).collect();
        let body = to_bytes(response.into_body()).await.unwrap_or_default().to_vec();
        Answer { status, headers, body }
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(post(path).set_payload(body.to_string())).await
    }

    async fn challenge(&self, device: &str) -> String {
        let answer = self.post("/challenges", &json!({ "device": device })).await;
        assert_eq!(answer.status, 200);
        answer.json()["challenge"].as_str().unwrap().to_owned()
    }

    async fn enrolled(&self) -> (String, DeviceKey) {
        let begun =
            self.post("/enrolments", &json!({ "username": "ada", "password": PASSWORD })).await.json();
        let key = DeviceKey::generate();
        let done = self.post(&enrolment_path(&begun), &completion(&begun, &key)).await;
        assert_eq!(done.status, 201, "{}", done.json());
        (done.json()["device"].as_str().unwrap().to_owned(), key)
    }

    async fn signed(&self, device: &str, key: &DeviceKey, path: &str, body: &str) -> Answer {
        let challenge = self.challenge(device).await;
        self.send(signed_request(device, key, &challenge, path, body)).await
    }
}

fn post(path: &str) -> TestRequest {
    TestRequest::post()
        .uri(&format!("/api/phone/v1{path}"))
        .insert_header(("content-type", "application/json"))
        .peer_addr("192.0.2.7:4000".parse().unwrap())
}

fn enrolment_path(begun: &Value) -> String {
    format!("/enrolments/{}", begun["enrolment"].as_str().unwrap())
}

fn completion(begun: &Value, key: &DeviceKey) -> Value {
    let message = canonical(
        "latchbolt-enrolment-v1",
        &[
            ("issuer", ISSUER),
            ("enrolment", begun["enrolment"].as_str().unwrap()),
            ("nonce", begun["nonce"].as_str().unwrap()),
            ("key", &key.thumbprint()),
            ("name", "Phone"),
            ("platform", "Test"),
            ("agree", "true"),
        ],
    );
    json!({
        "kind": "app", "key": key.jwk(), "name": "Phone", "platform": "Test", "agree": true,
        "verifies_user": true, "signature": key.sign(&message),
    })
}

fn signed_request(device: &str, key: &DeviceKey, challenge: &str, path: &str, body: &str) -> TestRequest {
    let message = canonical(
        "latchbolt-device-v1",
        &[
            ("issuer", ISSUER),
            ("device", device),
            ("challenge", challenge),
            ("method", "POST"),
            ("path", &format!("/api/phone/v1{path}")),
            ("body", &testkit::b64(&testkit::sha256(body.as_bytes()))),
        ],
    );
    post(path)
        .insert_header(("lb-device", device))
        .insert_header(("lb-challenge", challenge))
        .insert_header(("lb-signature", key.sign(&message)))
        .set_payload(body.to_owned())
}

#[actix_web::test]
async fn only_json_of_the_right_size_and_form_is_read() {
    let here = here().await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonx"] {
        let request =
            post("/challenges").insert_header(("content-type", kind)).set_payload(r#"{"device":"d"}"#);
        let answer = here.send(request).await;
        assert_eq!((answer.status, answer.code().as_str()), (415, "wrong_content_type"), "{kind}");
    }
    let charset = post("/challenges")
        .insert_header(("content-type", "application/json; charset=utf-8"))
        .set_payload(r#"{"device":"d"}"#);
    assert_eq!(here.send(charset).await.status, 200);
    for body in ["", "{", "[]", "null", "{}", r#"{"device":1}"#, r#"{"device":"a","device":"b"}"#] {
        let answer = here.send(post("/challenges").set_payload(body)).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_request"), "{body}");
    }
    let big = json!({ "device": "x".repeat(9000) });
    assert_eq!(here.post("/challenges", &big).await.status, 413);
    let huge = json!({ "token": "x".repeat(70_000) });
    assert_eq!(here.post("/enrolments", &huge).await.status, 413);
}

#[actix_web::test]
async fn other_methods_and_origins_get_nothing() {
    let here = here().await;
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let request = TestRequest::default().method(method.clone()).uri("/api/phone/v1/claims");
        let answer = here.send(request.insert_header(("origin", "https://evil.example"))).await;
        assert_eq!(answer.status, 405, "{method}");
        assert!(!answer.headers.iter().any(|name| name.starts_with("access-control")), "{method}");
    }
}

#[actix_web::test]
async fn a_phone_is_enrolled_and_stands_and_leaves() {
    let here = here().await;
    let (device, key) = here.enrolled().await;
    let standing = here.signed(&device, &key, "/devices/self", "{}").await;
    assert_eq!((standing.status, &standing.json()["state"]), (200, &json!("active")));
    assert_eq!(standing.json()["account"]["username"], "ada");
    let sessions = here.signed(&device, &key, "/devices/self/sessions", "{}").await;
    assert_eq!(sessions.json(), json!({ "sessions": [] }));
    let missing = format!("/devices/self/sessions/{}/end", domain::SessionId::from_random([1; 16]));
    assert_eq!(here.signed(&device, &key, &missing, "{}").await.code(), "not_found");
    let left = here.signed(&device, &key, "/devices/self/revoke", r#"{"end_sessions":true}"#).await;
    assert_eq!(left.status, 204);
    let standing = here.signed(&device, &key, "/devices/self", "{}").await;
    assert_eq!((standing.status, &standing.json()["state"]), (200, &json!("revoked")));
    assert_eq!(here.signed(&device, &key, "/devices/self/sessions", "{}").await.code(), "forbidden");
}

#[actix_web::test]
async fn sec_075_a_pending_phone_can_ask_its_state_and_no_more() {
    let here = here().await;
    let (device, key) = here.enrolled().await;
    let mut work = here.app.store().begin().await.unwrap();
    let id = device.parse().unwrap();
    let moved = work
        .move_device(&id, None, &[DeviceState::Active], DeviceState::Pending, here.app.now())
        .await
        .unwrap();
    work.commit().await.unwrap();
    assert!(moved);
    let standing = here.signed(&device, &key, "/devices/self", "{}").await;
    assert_eq!((standing.status, &standing.json()["state"]), (200, &json!("pending")));
    assert_eq!(here.signed(&device, &key, "/devices/self/sessions", "{}").await.code(), "forbidden");
    let challenge = here.challenge(&device).await;
    let channel = "AAAAAAAAAAAAAAAAAAAAAA";
    let message = canonical(
        "latchbolt-claim-v1",
        &[("issuer", ISSUER), ("channel", channel), ("device", &device), ("challenge", &challenge)],
    );
    let claim = json!({ "device": device, "channel": channel, "challenge": challenge, "signature": key.sign(&message) });
    assert_eq!(here.post("/claims", &claim).await.code(), "forbidden");
}

#[actix_web::test]
async fn a_signed_request_is_signed_as_a_whole_and_counts_once() {
    let here = here().await;
    let (device, key) = here.enrolled().await;
    let challenge = here.challenge(&device).await;
    let good = || signed_request(&device, &key, &challenge, "/devices/self", "{}");
    assert_eq!(here.send(good()).await.status, 200);
    assert_eq!(here.send(good()).await.code(), "forbidden", "again");
    let challenge = here.challenge(&device).await;
    let other_body = signed_request(&device, &key, &challenge, "/devices/self", "{}").set_payload("{ }");
    assert_eq!(here.send(other_body).await.code(), "forbidden", "another body");
    let challenge = here.challenge(&device).await;
    let other_path = signed_request(&device, &key, &challenge, "/devices/self", "{}")
        .uri("/api/phone/v1/devices/self/sessions");
    assert_eq!(here.send(other_path).await.code(), "forbidden", "another path");
    let bare = here.post("/devices/self", &json!({})).await;
    assert_eq!((bare.status, bare.code().as_str()), (400, "invalid_request"), "no signature");
    let cookie_only = post("/devices/self/sessions")
        .insert_header(("cookie", "__Host-lb_session=AAAA"))
        .insert_header(("authorization", "Bearer AAAA"))
        .set_payload("{}");
    assert_eq!(here.send(cookie_only).await.status, 400, "a cookie or bearer token is no signature");
}

#[actix_web::test]
async fn sec_053_unknown_and_malformed_phones_and_channels_are_answered_alike() {
    let here = here().await;
    let (device, key) = here.enrolled().await;
    let unknown = domain::DeviceId::from_random([9; 16]).to_string();
    let mut forbidden = BTreeSet::new();
    for name in [unknown.as_str(), "nonsense", "", "dev_"] {
        let challenge = here.challenge(name).await;
        let claim = json!({
            "device": name, "channel": "AAAAAAAAAAAAAAAAAAAAAA", "challenge": challenge,
            "signature": key.sign("anything"),
        });
        let answer = here.post("/claims", &claim).await;
        let mut body = answer.json();
        body.as_object_mut().unwrap().remove("id");
        forbidden.insert(format!("{} {body}", answer.status));
    }
    assert_eq!(forbidden.len(), 1, "{forbidden:?}");
    let mut gone = BTreeSet::new();
    for channel in ["AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAQ", "short", "", "../../x"] {
        let challenge = here.challenge(&device).await;
        let message = canonical(
            "latchbolt-claim-v1",
            &[("issuer", ISSUER), ("channel", channel), ("device", &device), ("challenge", &challenge)],
        );
        let claim = json!({
            "device": device, "channel": channel, "challenge": challenge, "signature": key.sign(&message),
        });
        let answer = here.post("/claims", &claim).await;
        let mut body = answer.json();
        body.as_object_mut().unwrap().remove("id");
        gone.insert(format!("{} {body}", answer.status));
    }
    assert_eq!(gone.len(), 1, "{gone:?}");
    assert!(gone.iter().all(|answer| answer.starts_with("410")));
}

#[actix_web::test]
async fn sec_165_wrong_names_and_passwords_are_answered_alike() {
    let here = here().await;
    let mut seen = BTreeSet::new();
    for (name, password) in [("ada", "wrong"), ("nobody", PASSWORD), ("", ""), ("a b", "x"), ("ada", "")] {
        let answer = here.post("/enrolments", &json!({ "username": name, "password": password })).await;
        let mut body = answer.json();
        body.as_object_mut().unwrap().remove("id");
        seen.insert(format!("{} {body}", answer.status));
    }
    assert_eq!(seen.len(), 1, "{seen:?}");
    let both = json!({ "username": "ada", "password": PASSWORD, "token": "x" });
    assert_eq!(here.post("/enrolments", &both).await.status, 400);
    assert_eq!(here.post("/enrolments", &json!({})).await.status, 400);
}

#[actix_web::test]
async fn sec_090_a_body_cannot_say_whose_phone_it_becomes() {
    let here = here().await;
    let begun = here.post("/enrolments", &json!({ "username": "ada", "password": PASSWORD })).await.json();
    for name in ["account", "user", "user_id", "sub", "owner", "email", "state"] {
        let mut body = completion(&begun, &DeviceKey::generate());
        body[name] = json!("acc_aaaaaaaaaaaaaaaaaaaaaaaaaa");
        assert_eq!(here.post(&enrolment_path(&begun), &body).await.status, 400, "{name}");
    }
}

#[actix_web::test]
async fn sec_073_only_good_public_keys_enter() {
    let here = here().await;
    let begun = here.post("/enrolments", &json!({ "username": "ada", "password": PASSWORD })).await.json();
    let good = DeviceKey::generate();
    let jwk = good.jwk();
    let with = |name: &str, value: Value| {
        let mut bent = jwk.clone();
        bent[name] = value;
        bent
    };
    let zero = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for bad in [
        with("d", json!(zero)),
        with("x", json!(zero)),
        json!({ "kty": "EC", "crv": "P-256", "x": zero, "y": zero }),
        with("crv", json!("P-192")),
        with("kty", json!("RSA")),
        json!({ "kty": "RSA", "n": zero, "e": "AQAB" }),
        json!({ "kty": "oct", "k": zero }),
        json!({}),
        json!("key"),
        Value::Null,
    ] {
        let mut body = completion(&begun, &good);
        body["key"] = bad.clone();
        let answer = here.post(&enrolment_path(&begun), &body).await;
        assert_eq!(answer.status, 400, "{bad}");
    }
    let twice =
        completion(&begun, &good).to_string().replacen(r#""kty":"EC""#, r#""kty":"EC","kty":"EC""#, 1);
    assert!(twice.matches("\"kty\"").count() == 2);
    let answer = here.send(post(&enrolment_path(&begun)).set_payload(twice)).await;
    assert_eq!(answer.status, 400, "a member twice");
    assert_eq!(here.post(&enrolment_path(&begun), &completion(&begun, &good)).await.status, 201);
}

#[actix_web::test]
async fn too_many_tries_are_told_when_to_come_again() {
    let here = here().await;
    let mut last = None;
    for _ in 0..=Limits::default().enrol_address.most {
        let answer = here.post("/enrolments", &json!({ "token": "nonsense" })).await;
        if answer.status != 410 {
            last = Some(answer);
            break;
        }
    }
    let last = last.unwrap();
    assert_eq!((last.status, last.code().as_str()), (429, "slow_down"));
    assert!(last.headers.contains("retry-after"));
}

#[actix_web::test]
async fn sec_060_the_codes_page_reads_and_changes_nothing() {
    let here = here().await;
    for method in [Method::GET, Method::HEAD] {
        for _ in 0..50 {
            let answer = here.send(TestRequest::default().method(method.clone()).uri("/s")).await;
            assert_eq!(answer.status, 200);
            assert!(!answer.headers.contains("set-cookie"));
        }
    }
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        let answer = here.send(TestRequest::default().method(method).uri("/s")).await;
        assert_eq!(answer.status, 405);
    }
}
