//! `/devices` of the admin API: registering, editing and stopping phones, and whose requests a phone may sign.

use serde_json::{Value, json};
use testkit::wire::{Answer, Request};
use testkit::{Administrator, DeviceKey, Phone, Server, Setup, b64, canonical, sha256};

use crate::admin_api::code;

struct Ground {
    server: Server,
    root: Administrator,
}

impl Ground {
    async fn new() -> Self {
        let server = Setup::one_node().set("limits.factor", 1000).start().await;
        let _ = server.user("ada");
        let _ = server.user("bob");
        let root = server.administrator("root", &["superadmin"]).await;
        Self { server, root }
    }

    async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.root.ask(method, path, body).await
    }

    async fn at(&self, version: &str, method: &str, path: &str, body: &Value) -> Answer {
        let request = self.root.request(method, path, Some(body)).header("if-match", version);
        self.root.browser.send(request).await
    }

    /// Registers a phone of somebody.
    async fn registered(&self, user: &str, name: &str) -> (Phone, Answer) {
        let key = DeviceKey::generate();
        let body = json!({"user": user, "public_key": key.jwk(), "name": name, "platform": "Fairphone OS 6",
                          "model": "Fairphone 6"});
        let made = self.ask("POST", "/devices", Some(&body)).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let account = made.json()["user"]["id"].as_str().unwrap().to_owned();
        (Phone::of(self.server.browser(), &made.word("id"), &account, key), made)
    }
}

async fn own_state(phone: &Phone) -> Answer {
    phone.signed("/devices/self", Some(&json!({}))).await
}

#[tokio::test]
async fn an_administrator_registers_edits_stops_and_revokes_a_phone() {
    let ground = Ground::new().await;
    let (phone, made) = ground.registered("ADA", "Work phone").await;
    let shown = made.json();
    assert_eq!(made.header("location"), Some(format!("/api/admin/v1/devices/{}", phone.device).as_str()));
    assert_eq!(made.header("etag"), Some(format!("\"{}\"", shown["version"]).as_str()));
    for (member, value) in [
        ("state", "active"),
        ("kind", "app"),
        ("name", "Work phone"),
        ("platform", "Fairphone OS 6"),
        ("model", "Fairphone 6"),
        ("added_by", "admin"),
        ("added_by_account", &ground.root.account),
        ("attestation", "none"),
    ] {
        assert_eq!(shown[member], value, "{member}");
    }
    assert_eq!(
        (&shown["user"]["username"], &shown["key"]["thumbprint"]),
        (&json!("ada"), &json!(phone.key.thumbprint()))
    );
    assert_eq!(own_state(&phone).await.word("state"), "active", "its key works at once");

    // Two who edit at the same time: the later one is told what there is now.
    let path = format!("/devices/{}", phone.device);
    let seen = made.header("etag").unwrap();
    let first = ground.at(seen, "PATCH", &path, &json!({"name": "Ada's phone"})).await;
    assert_eq!((first.status, first.word("name").as_str()), (200, "Ada's phone"), "{}", first.text());
    let current = first.json()["version"].clone();
    let late = ground.at(seen, "PATCH", &path, &json!({"name": "Mine"})).await;
    assert_eq!(code(&late), (412, "outdated".to_owned()));
    assert_eq!(late.json()["current_version"], current);
    for verb in ["suspend", "restore", "revoke"] {
        let late = ground.at(seen, "POST", &format!("{path}/{verb}"), &json!({})).await;
        assert_eq!((late.status, &late.json()["current_version"]), (412, &current), "{verb}");
    }
    assert_eq!(ground.ask("GET", &path, None).await.word("name"), "Ada's phone");

    let post =
        async |verb: &str, body: Value| ground.ask("POST", &format!("{path}/{verb}"), Some(&body)).await;
    assert_eq!(code(&post("restore", json!({})).await), (409, "conflict".to_owned()), "it is not suspended");
    let stopped = post("suspend", json!({"reason": "In the repair shop"})).await;
    assert_eq!(stopped.word("state"), "suspended", "{}", stopped.text());
    assert_eq!(stopped.word("change_reason"), "In the repair shop");
    assert_eq!(own_state(&phone).await.word("state"), "suspended");
    assert_eq!(phone.signed("/devices/self/sessions", Some(&json!({}))).await.status, 403);
    let back = post("restore", json!({})).await;
    assert_eq!(back.word("state"), "active", "{}", back.text());
    assert_eq!(phone.signed("/devices/self/sessions", Some(&json!({}))).await.status, 200);
    let over = post("revoke", json!({"reason": "Sold", "end_sessions": true})).await;
    assert_eq!(over.json()["device"]["state"], "revoked", "{}", over.text());
    assert_ne!(phone.signed("/devices/self/sessions", Some(&json!({}))).await.status, 200);
    // For good: it comes back by no verb, and its key under no other name.
    for verb in ["restore", "suspend"] {
        assert_eq!(post(verb, json!({})).await.status, 409, "{verb}");
    }
    assert_eq!(ground.ask("PATCH", &path, Some(&json!({"name": "Again"}))).await.status, 409);
    for user in ["ada", "bob"] {
        let body = json!({"user": user, "public_key": phone.key.jwk(), "name": "x", "platform": "x"});
        let again = ground.ask("POST", "/devices", Some(&body)).await;
        assert_eq!(again.status, 409, "{}", again.text());
    }
    for event in ["device.added", "device.renamed", "device.suspended", "device.restored", "device.revoked"] {
        let told = ground.server.audit(event).await;
        assert_eq!(told.len(), 1, "{event}");
        assert_eq!(
            told[0].actor.as_ref().map(ToString::to_string),
            Some(ground.root.account.clone()),
            "{event}"
        );
    }
}

/// A phone with an app made for CAS has a name and no key: it is shown so, taken over by nobody, and signs nothing.
#[tokio::test]
async fn sec_065_sec_084_an_app_made_for_cas_is_registered_by_its_name() {
    let ground = Ground::new().await;
    let new = |user: &str, name: &str| json!({"user": user, "kind": "cas", "cas_name": name});
    let made = ground.ask("POST", "/devices", Some(&new("ada", "My.Phone"))).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let shown = made.json();
    for (member, value) in [
        ("kind", json!("cas")),
        ("cas_name", json!("my.phone")),
        ("name", json!("my.phone")),
        ("key", Value::Null),
        ("verifies_user", json!(false)),
        ("state", json!("active")),
        ("added_by", json!("admin")),
    ] {
        assert_eq!(shown[member], value, "{member}");
    }
    for (user, name) in [("ada", "my.phone"), ("bob", "MY.PHONE")] {
        let taken = ground.ask("POST", "/devices", Some(&new(user, name))).await;
        assert_eq!(taken.status, 409, "{}", taken.text());
    }
    let key = DeviceKey::generate();
    let with = |member: &str, value: Value| {
        let mut body = new("bob", "other");
        body[member] = value;
        body
    };
    for (field, body) in [
        ("kind", with("kind", json!("web"))),
        ("kind", with("kind", json!("CAS"))),
        ("public_key", with("public_key", key.jwk())),
        ("platform", with("platform", json!("Android"))),
        ("model", with("model", json!("x"))),
        ("cas_name", with("cas_name", json!("a b"))),
        ("cas_name", with("cas_name", json!("x".repeat(129)))),
        ("cas_name", with("cas_name", Value::Null)),
        ("public_key", json!({"user": "bob", "name": "x", "platform": "x"})),
        (
            "cas_name",
            json!({"user": "bob", "name": "x", "platform": "x", "public_key": key.jwk(), "cas_name": "x"}),
        ),
    ] {
        let refused = ground.ask("POST", "/devices", Some(&body)).await;
        assert_eq!((refused.status, &refused.json()["field"]), (400, &json!(field)), "{body}");
    }
    let _ = ground.registered("ada", "Work phone").await;
    for (query, names) in
        [("kind=cas", vec!["my.phone"]), ("kind=app", vec!["Work phone"]), ("q=my.phone", vec!["my.phone"])]
    {
        let listed = ground.ask("GET", &format!("/devices?{query}"), None).await.json();
        let listed: Vec<_> =
            listed["items"].as_array().unwrap().iter().map(|row| row["name"].clone()).collect();
        assert_eq!(listed, names, "{query}");
    }
    // Whoever signs in its name is nobody, whatever the key.
    let id = made.word("id");
    let account = shown["user"]["id"].as_str().unwrap();
    let phone = Phone::of(ground.server.browser(), &id, account, key);
    assert_eq!(own_state(&phone).await.status, 403);
    let path = format!("/devices/{id}");
    let renamed = ground.ask("PATCH", &path, Some(&json!({"name": "Old app"}))).await.json();
    assert_eq!((&renamed["name"], &renamed["cas_name"]), (&json!("Old app"), &json!("my.phone")));
    assert_eq!(ground.ask("GET", &path, None).await.json()["keys"], json!([]));
    let found = ground.ask("GET", "/devices?q=MY.phone", None).await.json();
    assert_eq!(found["items"][0]["id"], json!(id), "also by what the app calls itself");
    let over = ground.ask("POST", &format!("{path}/revoke"), Some(&json!({}))).await;
    assert_eq!(over.json()["device"]["state"], "revoked", "{}", over.text());
    let free = ground.ask("POST", "/devices", Some(&new("bob", "my.phone"))).await;
    assert_eq!(free.status, 201, "{}", free.text());
}

#[tokio::test]
async fn sec_083_foreign_ids_of_phones_are_as_if_they_did_not_exist() {
    let ground = Ground::new().await;
    let (phone, _) = ground.registered("ada", "Work phone").await;
    let shown = |answer: &Answer| {
        let mut body = answer.json();
        body.as_object_mut().unwrap().remove("id");
        (answer.status, body)
    };
    let mut alike = Vec::new();
    for id in ["dev_aaaaaaaaaaaaaaaaaaaaaaaaaa", "dev_x", "x", &ground.root.account, &phone.account] {
        for (method, verb, body) in [
            ("GET", "", None),
            ("PATCH", "", Some(json!({"name": "x"}))),
            ("POST", "/suspend", Some(json!({}))),
            ("POST", "/restore", Some(json!({}))),
            ("POST", "/revoke", Some(json!({}))),
            ("POST", "/lost", Some(json!({"reason": "lost"}))),
        ] {
            let answer = ground.ask(method, &format!("/devices/{id}{verb}"), body.as_ref()).await;
            assert_eq!(
                code(&answer),
                (404, "not_found".to_owned()),
                "{method} {id}{verb}: {}",
                answer.text()
            );
            alike.push(shown(&answer));
        }
    }
    alike.dedup();
    assert_eq!(alike.len(), 1, "{alike:?}");
    for user in ["acc_aaaaaaaaaaaaaaaaaaaaaaaaaa", "acc_x", "nobody", &phone.device] {
        let answer = ground.ask("GET", &format!("/users/{user}/devices"), None).await;
        assert_eq!(answer.status, 404, "{user}");
        let body =
            json!({"user": user, "public_key": DeviceKey::generate().jwk(), "name": "x", "platform": "x"});
        assert_eq!(ground.ask("POST", "/devices", Some(&body)).await.status, 404, "{user}");
    }
    assert_eq!(ground.ask("GET", "/devices", None).await.json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_wrong_with_a_phone_is_told_at_its_field() {
    let ground = Ground::new().await;
    let good =
        json!({"user": "ada", "public_key": DeviceKey::generate().jwk(), "name": "x", "platform": "x"});
    let with = |member: &str, value: Value| {
        let mut body = good.clone();
        body[member] = value;
        body
    };
    let private = {
        let mut jwk = DeviceKey::generate().jwk();
        jwk["d"] = json!("AAAA");
        jwk
    };
    for (field, body) in [
        ("public_key", with("public_key", private)),
        ("public_key", with("public_key", json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}))),
        ("public_key", with("public_key", json!({"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}))),
        ("public_key", with("public_key", json!("AAAA"))),
        ("name", with("name", json!("x".repeat(61)))),
        ("name", with("name", json!("a\u{202e}b"))),
        ("name", with("name", json!(""))),
        ("platform", with("platform", json!("a\nb"))),
        ("model", with("model", json!("\u{0}"))),
    ] {
        let answer = ground.ask("POST", "/devices", Some(&body)).await;
        assert_eq!(code(&answer), (400, "invalid_request".to_owned()), "{body}: {}", answer.text());
        assert_eq!(answer.json()["field"], field, "{body}: {}", answer.text());
    }
    // Nobody says who it belongs to, in what state it is, or who vouches for it (SEC-084).
    for member in ["owner", "user_id", "sub", "state", "attestation", "verifies_user", "id"] {
        assert_eq!(
            ground.ask("POST", "/devices", Some(&with(member, json!("x")))).await.status,
            400,
            "{member}"
        );
    }
    assert_eq!(ground.ask("GET", "/devices", None).await.json()["items"], json!([]));
    // The sixth is refused, and none is dropped for it (SEC-074).
    for number in 0..5 {
        let _ = ground.registered("ada", &format!("Phone {number}")).await;
    }
    let sixth = ground.ask("POST", "/devices", Some(&good)).await;
    assert_eq!(sixth.status, 409, "{}", sixth.text());
    assert_eq!(
        ground.ask("GET", "/devices?user=ada", None).await.json()["items"].as_array().unwrap().len(),
        5
    );
    let one = &ground.ask("GET", "/devices?user=ada", None).await.json()["items"][0];
    let path = format!("/devices/{}", one["id"].as_str().unwrap());
    for (field, body) in [
        ("name", json!({"name": ""})),
        ("name", json!({"name": "x".repeat(61)})),
        ("name", json!({"name": "a\u{202e}b"})),
    ] {
        let answer = ground.ask("PATCH", &path, Some(&body)).await;
        assert_eq!((answer.status, &answer.json()["field"]), (400, &json!(field)), "{body}");
    }
    for member in ["user", "user_id", "sub", "owner", "state", "public_key", "key", "verifies_user"] {
        let body = json!({"name": "x", member: "bob"});
        assert_eq!(ground.ask("PATCH", &path, Some(&body)).await.status, 400, "{member}");
        assert_eq!(
            ground.ask("PATCH", &path, Some(&json!({"name": "x", member: {"id": "bob"}}))).await.status,
            400
        );
    }
    for (verb, body) in [
        ("suspend", json!({"reason": "x".repeat(201)})),
        ("suspend", json!({"reason": "a\nb"})),
        ("revoke", json!({"reason": "a\u{1b}[2J"})),
        ("lost", json!({"reason": "borrowed"})),
    ] {
        let answer = ground.ask("POST", &format!("{path}/{verb}"), Some(&body)).await;
        assert_eq!((answer.status, &answer.json()["field"]), (400, &json!("reason")), "{verb} {body}");
    }
    assert_eq!(ground.ask("GET", &path, None).await.word("state"), "active");
}

#[tokio::test]
async fn sec_189_lists_of_phones_are_paged_and_their_filters_bounded() {
    let ground = Ground::new().await;
    for number in 0..4 {
        let _ = ground.registered("ada", &format!("Phone {number}")).await;
    }
    let _ = ground.registered("bob", "Bob's").await;
    for path in ["/devices", "/approvals"] {
        for (field, query) in [
            ("limit", "limit=0".to_owned()),
            ("limit", "limit=-1".to_owned()),
            ("limit", "limit=201".to_owned()),
            ("limit", "limit=1000000000".to_owned()),
            ("limit", "limit=99999999999999999999".to_owned()),
            ("limit", "limit=x".to_owned()),
            ("cursor", "cursor=!".to_owned()),
            ("sort", "sort=secret_hash".to_owned()),
            ("q", format!("q={}", "x".repeat(201))),
            ("colour", "colour=red".to_owned()),
        ] {
            let answer = ground.ask("GET", &format!("{path}?{query}"), None).await;
            assert_eq!(
                code(&answer),
                (400, "invalid_request".to_owned()),
                "{path}?{query}: {}",
                answer.text()
            );
            assert_eq!(answer.json()["field"], field, "{path}?{query}");
        }
    }
    for (field, query) in [
        ("state", "state=gone"),
        ("kind", "kind=cas9"),
        ("attestation", "attestation=maybe"),
        ("unused_days", "unused_days=-1"),
        ("unused_days", "unused_days=1000000000"),
        ("unused_days", "unused_days=x"),
    ] {
        let answer = ground.ask("GET", &format!("/devices?{query}"), None).await;
        assert_eq!(
            (answer.status, &answer.json()["field"]),
            (400, &json!(field)),
            "{query}: {}",
            answer.text()
        );
    }
    let first = ground.ask("GET", "/devices?limit=2&sort=name", None).await.json();
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let next = first["next"].as_str().unwrap();
    // A cursor of another order is none of this one.
    let mixed = ground.ask("GET", &format!("/devices?limit=2&sort=created&cursor={next}"), None).await;
    assert_eq!((mixed.status, &mixed.json()["field"]), (400, &json!("cursor")), "{}", mixed.text());
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = ground.ask("GET", &format!("/devices?limit=2&sort=name{cursor}"), None).await.json();
        names.extend(
            page["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(names, ["Bob's", "Phone 0", "Phone 1", "Phone 2", "Phone 3"]);
    for (query, count) in [
        ("q=phone", 4),
        ("q=%25", 0),
        ("user=bob", 1),
        ("state=revoked", 0),
        ("kind=app&attestation=none", 5),
    ] {
        let found = ground.ask("GET", &format!("/devices?{query}"), None).await.json();
        assert_eq!(found["items"].as_array().unwrap().len(), count, "{query}: {found}");
    }
}

/// A request of a phone with each part of its proof as given.
async fn sent(phone: &Phone, device: &str, key: &DeviceKey, challenge: &str, issuer: &str) -> Answer {
    let (path, body) = ("/api/phone/v1/devices/self/sessions", json!({}).to_string());
    let message = canonical(
        "latchbolt-device-v1",
        &[
            ("issuer", issuer),
            ("device", device),
            ("challenge", challenge),
            ("method", "POST"),
            ("path", path),
            ("body", &b64(&sha256(body.as_bytes()))),
        ],
    );
    let mut request = Request::new("POST", path)
        .header("content-type", "application/json")
        .header("lb-device", device)
        .header("lb-challenge", challenge)
        .header("lb-signature", &key.sign(&message));
    request.body = body.into_bytes();
    phone.line.send(request).await
}

#[tokio::test]
async fn sec_088_a_phone_proves_its_own_key_with_each_request() {
    let ground = Ground::new().await;
    let (ada, _) = ground.registered("ada", "Ada's").await;
    let (bob, _) = ground.registered("bob", "Bob's").await;
    let issuer = ground.server.issuer.clone();
    let challenge = ada.challenge().await;
    assert_eq!(sent(&ada, &ada.device, &ada.key, &challenge, &issuer).await.status, 200);
    let refused = async |what: &str, answer: Answer| {
        assert_eq!(code(&answer), (403, "forbidden".to_owned()), "{what}: {}", answer.text());
    };
    // What was sent once is of no use to whoever saw it.
    refused("again", sent(&ada, &ada.device, &ada.key, &challenge, &issuer).await).await;
    // A challenge, the only thing that could be carried off, is its phone's, and says nothing without its key.
    let challenge = ada.challenge().await;
    refused("another key", sent(&bob, &ada.device, &bob.key, &challenge, &issuer).await).await;
    let challenge = ada.challenge().await;
    refused("another phone", sent(&bob, &bob.device, &bob.key, &challenge, &issuer).await).await;
    let challenge = ada.challenge().await;
    refused(
        "another key of nobody",
        sent(&ada, &ada.device, &DeviceKey::generate(), &challenge, &issuer).await,
    )
    .await;
    let challenge = ada.challenge().await;
    refused("another issuer", sent(&ada, &ada.device, &ada.key, &challenge, "https://id.example").await)
        .await;
    refused("a challenge of nobody", sent(&ada, &ada.device, &ada.key, &b64(&[7; 32]), &issuer).await).await;
    // Nothing else opens the door: no cookie, no bearer token, not even an administrator's.
    let key = ground.server.api_key(&["devices.write"], std::time::Duration::from_secs(600)).await;
    for (name, value) in [
        ("authorization", format!("Bearer {key}")),
        ("authorization", format!("Device {}", ada.device)),
        ("cookie", format!("__Host-lb_session={}", ground.root.browser.cookie("__Host-lb_session").unwrap())),
        ("lb-device", ada.device.clone()),
    ] {
        for path in ["/devices/self", "/devices/self/sessions", "/devices/self/revoke"] {
            let request = Request::json(&format!("/api/phone/v1{path}"), &json!({})).header(name, &value);
            let answer = ground.server.browser().send(request).await;
            assert!([400, 401, 403].contains(&answer.status), "{path} {name}: {}", answer.text());
        }
    }
    assert_eq!(own_state(&ada).await.word("state"), "active");
    assert_eq!(own_state(&bob).await.word("state"), "active");
}
