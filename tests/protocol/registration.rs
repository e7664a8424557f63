//! `/register` and what lies under it (RFC 7591, RFC 7592), and the commands that make clients and rights.

use serde_json::{Value, json};
use testkit::site::{Reply, Site};
use testkit::tls::Authority;
use testkit::wire::{Answer, Request};
use testkit::{Browser, Server, Setup};

const SECTOR: &str = "/sector.json";

fn plain() -> Value {
    json!({
        "client_name": "A client whose name is longer than forty characters",
        "contacts": ["ops@shop.example"],
        "redirect_uris": ["https://shop.example/cb"],
        "unknown_member": {"a": [1]},
        "client_name#ja": "お店",
    })
}

async fn open() -> Server {
    Setup::default().set("registration.mode", "open").start().await
}

async fn register(line: &Browser, body: &Value) -> Answer {
    line.send(Request::json("/register", body)).await
}

fn bearer(method: &str, target: &str, token: &str) -> Request {
    Request::new(method, target).header("authorization", &format!("Bearer {token}"))
}

fn put(target: &str, token: &str, body: &Value) -> Request {
    let mut request = bearer("PUT", target, token).header("content-type", "application/json");
    request.body = body.to_string().into_bytes();
    request
}

fn token_of(made: &Value) -> String {
    made["registration_access_token"].as_str().expect("a registration token").to_owned()
}

fn place_of(server: &Server, made: &Value) -> String {
    let uri = made["registration_client_uri"].as_str().expect("a configuration endpoint");
    uri.strip_prefix(&server.issuer).expect("an address of ours").to_owned()
}

fn is_refused(answer: &Answer, code: &str) {
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(answer.json()["error"], code, "{}", answer.text());
    let told = answer.json()["error_description"].as_str().expect("a sentence").to_owned();
    assert!(told.bytes().all(|b| matches!(b, 0x20..=0x7e) && b != b'"' && b != b'\\'), "{told}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn a_client_registers_reads_changes_and_deletes_itself() {
    let server = open().await;
    let line = server.browser();
    let answer = register(&line, &plain()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("application/json")));
    let made = answer.json();
    for (member, value) in plain().as_object().unwrap() {
        match made.get(member) {
            Some(echoed) => assert_eq!(echoed, value, "{member}"),
            None => assert!(member.contains('#') || member == "unknown_member", "{member} is not echoed"),
        }
    }
    assert_eq!(made["client_secret_expires_at"], 0);
    assert_eq!(made["id_token_signed_response_alg"], "RS256");
    assert!(made["client_secret"].as_str().is_some_and(|secret| secret.len() >= 43));
    assert!(made.as_object().unwrap().keys().all(|name| !name.starts_with("latchbolt_")), "{made}");
    assert!(made.as_object().unwrap().values().all(|value| !value.is_null()), "{made}");

    let (place, token) = (place_of(&server, &made), token_of(&made));
    let read = line.send(bearer("GET", &place, &token)).await;
    assert_eq!((read.status, &read.json()["client_name"]), (200, &made["client_name"]));
    assert!(read.json().get("client_secret").is_none(), "shown once");
    assert_eq!(read.json()["registration_access_token"], token.as_str());

    let mut wanted = read.json();
    wanted["client_name"] = "Another".into();
    wanted["initiate_login_uri"] = "https://shop.example/start".into();
    wanted.as_object_mut().unwrap().remove("contacts");
    let changed = line.send(put(&place, &token, &wanted)).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let changed = changed.json();
    assert_eq!(changed["client_name"], "Another");
    assert_eq!(changed["initiate_login_uri"], "https://shop.example/start");
    assert!(changed.get("contacts").is_none() && changed.get("client_secret").is_none());
    assert_eq!(changed["client_id"], made["client_id"]);

    // The secret of the beginning still proves it.
    let (id, secret) = (made["client_id"].as_str().unwrap(), made["client_secret"].as_str().unwrap());
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", "none"),
        ("redirect_uri", "https://shop.example/cb"),
        ("code_verifier", "none-none-none-none-none-none-none-none-none"),
    ];
    let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{id}:{secret}"));
    let redeem = Request::form("/token", &fields).header("authorization", &format!("Basic {basic}"));
    assert_eq!(line.send(redeem).await.json()["error"], "invalid_grant");

    // Another method, another secret.
    wanted["token_endpoint_auth_method"] = "client_secret_jwt".into();
    let changed = line.send(put(&place, &token, &wanted)).await.json();
    assert!(changed["client_secret"].as_str().is_some_and(|new| new != secret), "{changed}");
    assert_eq!(changed["client_secret_expires_at"], 0);

    let gone = line.send(bearer("DELETE", &place, &token)).await;
    assert_eq!((gone.status, gone.body.len()), (204, 0));
    assert_eq!(line.send(bearer("GET", &place, &token)).await.status, 401);
    let trail = server.audit("").await;
    for event in ["client.created", "client.changed", "client.deleted"] {
        let noted = trail.iter().find(|entry| entry.event.as_str() == event).expect(event);
        assert!(noted.address.is_some() && noted.client.is_some(), "{noted:?}");
    }
}

#[tokio::test]
async fn a_replacement_names_itself_and_keeps_its_secret() {
    let server = open().await;
    let line = server.browser();
    let made = register(&line, &plain()).await.json();
    let (place, token) = (place_of(&server, &made), token_of(&made));
    is_refused(&line.send(put(&place, &token, &plain())).await, "invalid_client_metadata");
    let mut body = plain();
    body["client_id"] = "another".into();
    is_refused(&line.send(put(&place, &token, &body)).await, "invalid_client_metadata");
    body["client_id"] = made["client_id"].clone();
    body["client_secret"] = "a secret that the client would like to have".into();
    is_refused(&line.send(put(&place, &token, &body)).await, "invalid_client_metadata");
    body["client_secret"] = made["client_secret"].clone();
    assert_eq!(line.send(put(&place, &token, &body)).await.status, 200);
    body["redirect_uris"] = json!(["https://shop.example/cb#x"]);
    is_refused(&line.send(put(&place, &token, &body)).await, "invalid_redirect_uri");
}

#[tokio::test]
async fn sec_131_nobody_registers_unless_the_operator_says_so() {
    let server = Server::start().await;
    let line = server.browser();
    assert_eq!(register(&line, &plain()).await.status, 404);
    let told = line.send(Request::get("/.well-known/openid-configuration")).await.json();
    assert!(told.get("registration_endpoint").is_none());
    let got = line.send(Request::get("/register")).await;
    assert_eq!((got.status, got.header("allow")), (405, Some("POST")));
}

#[tokio::test]
async fn sec_131_a_right_is_needed_and_spent_once_for_each_client() {
    let server = Setup::default().set("registration.mode", "token").start().await;
    let line = server.browser();
    let none = register(&line, &plain()).await;
    assert_eq!(none.status, 401);
    assert!(none.header("www-authenticate").is_some_and(|told| told.starts_with("Bearer")), "{none:?}");
    let make = ["client", "token", "create", "--name", "partner", "--uses", "2", "--json"];
    let right = server.command(&make).done().json();
    let text = right["token"].as_str().expect("shown once").to_owned();
    let with = |token: &str, body: &Value| {
        Request::json("/register", body).header("authorization", &format!("Bearer {token}"))
    };
    let wrong = line.send(with(&testkit::b64(&[7; 32]), &plain())).await;
    assert_eq!((wrong.status, wrong.json()["error"].as_str()), (401, Some("invalid_token")));
    // A registration that is refused costs nothing.
    let mut bad = plain();
    bad["redirect_uris"] = json!(["http://shop.example/cb"]);
    is_refused(&line.send(with(&text, &bad)).await, "invalid_redirect_uri");
    for _ in 0..2 {
        assert_eq!(line.send(with(&text, &plain())).await.status, 201);
    }
    assert_eq!(line.send(with(&text, &plain())).await.status, 401, "spent");
    let listed = server.command(&["client", "token", "list", "--json"]).done();
    assert_eq!(listed.json()[0]["uses_left"], 0);
    assert!(!listed.out.contains(&text), "nothing secret in a list");
    let database = server.database_bytes();
    assert!(!database.windows(text.len()).any(|window| window == text.as_bytes()), "kept as a hash");
    let _ = server.command(&["client", "token", "delete", "partner"]).done();
    assert_ne!(server.command(&["client", "token", "delete", "partner"]).code, 0);
}

#[tokio::test]
async fn sec_131_one_right_makes_one_client_however_many_ask_at_once() {
    let server = Setup::default().set("registration.mode", "token").start().await;
    let right = server.command(&["client", "token", "create", "--name", "one", "--json"]).done().json();
    let header = format!("Bearer {}", right["token"].as_str().unwrap());
    let racers: Vec<_> = (0..12)
        .map(|_| {
            let (line, header) = (server.browser(), header.clone());
            tokio::spawn(async move {
                line.send(Request::json("/register", &plain()).header("authorization", &header)).await.status
            })
        })
        .collect();
    let mut made = 0;
    for racer in racers {
        match racer.await.unwrap() {
            201 => made += 1,
            401 => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(made, 1);
}

#[tokio::test]
async fn sec_131_nobody_reads_or_changes_anothers_registration() {
    let server = open().await;
    let line = server.browser();
    let _shop = server.client("shop");
    let (one, other) = (register(&line, &plain()).await.json(), register(&line, &plain()).await.json());
    let (place, token) = (place_of(&server, &one), token_of(&other));
    let mut body = plain();
    body["client_id"] = one["client_id"].clone();
    let mut answers = vec![
        line.send(bearer("GET", &place, &token)).await,
        line.send(put(&place, &token, &body)).await,
        line.send(bearer("DELETE", &place, &token)).await,
        line.send(bearer("GET", "/register/shop", &token)).await,
        line.send(bearer("DELETE", "/register/nobody", &token)).await,
        line.send(bearer("GET", &place, "x")).await,
    ];
    let first = answers.remove(0);
    assert_eq!((first.status, first.json()["error"].as_str()), (401, Some("invalid_token")));
    for answer in answers {
        assert_eq!((answer.status, answer.text()), (401, first.text()), "all alike");
    }
    let none = line.send(Request::get(&place)).await;
    assert_eq!(none.status, 401);
    assert_eq!(line.send(bearer("GET", &place, &token_of(&one))).await.status, 200, "it is still there");
}

#[tokio::test]
async fn sec_131_what_is_the_operators_cannot_be_set() {
    let server = open().await;
    let line = server.browser();
    let mut greedy = plain();
    for ours in ["latchbolt_verified", "latchbolt_skip_consent", "latchbolt_skip_check_code", "is_verified"] {
        greedy[ours] = true.into();
    }
    for ours in ["client_id", "client_secret", "registration_access_token", "id"] {
        greedy[ours] = "chosen-by-a-stranger-who-wants-to-be-it".into();
    }
    greedy["scope"] = "openid admin".into();
    let made = register(&line, &greedy).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert!(!made.text().contains("chosen-by-a-stranger"));
    let id = made.json()["client_id"].as_str().unwrap().to_owned();
    let kept = server.command(&["client", "show", &id, "--json"]).done().json();
    for ours in ["latchbolt_verified", "latchbolt_skip_consent", "latchbolt_skip_check_code"] {
        assert_eq!(kept[ours], false, "{ours}");
    }
    assert_eq!(kept["scope"], "openid");
}

#[tokio::test]
async fn sec_131_registrations_are_limited() {
    let server =
        Setup::default().set("registration.mode", "open").set("registration.per_hour", 3).start().await;
    let line = server.browser();
    for _ in 0..3 {
        assert_eq!(register(&line, &plain()).await.status, 201);
    }
    let late = register(&line, &plain()).await;
    assert_eq!(late.status, 429);
    assert!(late.header("retry-after").is_some());
}

#[tokio::test]
async fn sec_101_no_dangerous_address_is_registered() {
    let server = open().await;
    let line = server.browser();
    for bad in [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "https://shop.example/cb#fragment",
        "http://shop.example/cb",
        "https://*.example/cb",
        "https://user@shop.example/cb",
        "//shop.example/cb",
    ] {
        let mut body = plain();
        body["redirect_uris"] = json!([bad]);
        is_refused(&register(&line, &body).await, "invalid_redirect_uri");
    }
    for (member, bad) in [
        ("initiate_login_uri", json!("http://shop.example/start")),
        ("logo_uri", json!("javascript:alert(1)")),
        ("policy_uri", json!("data:text/html,x")),
        ("post_logout_redirect_uris", json!(["javascript:alert(1)"])),
        ("frontchannel_logout_uri", json!("https://victim.example/x")),
        ("backchannel_logout_uri", json!("http://127.0.0.1/x")),
        ("id_token_signed_response_alg", json!("none")),
        ("token_endpoint_auth_method", json!("private_key_jwt")),
        ("jwks", json!({"keys": [{"kty": "EC", "crv": "P-256", "x": "!", "y": "!", "d": "AA"}]})),
        ("response_types", json!(["token"])),
    ] {
        let mut body = plain();
        body[member] = bad;
        is_refused(&register(&line, &body).await, "invalid_client_metadata");
    }
    let mut vouched = plain();
    vouched["software_statement"] = "e30.e30.".into();
    is_refused(&register(&line, &vouched).await, "unapproved_software_statement");
}

#[tokio::test]
async fn bodies_that_are_no_registration_are_refused() {
    let server = open().await;
    let line = server.browser();
    let send = async |body: &str, kind: &str| {
        let mut request = Request::new("POST", "/register").header("content-type", kind);
        request.body = body.as_bytes().to_vec();
        line.send(request).await
    };
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    let twice = r#"{"redirect_uris":["https://a.example/"],"redirect_uris":["https://b.example/"]}"#;
    for bad in ["", "{", "[]", "7", &deep, twice] {
        is_refused(&send(bad, "application/json").await, "invalid_client_metadata");
    }
    is_refused(&send(&plain().to_string(), "text/plain").await, "invalid_client_metadata");
    let large = json!({"redirect_uris": ["https://a.example/"], "x": "x".repeat(70_000)}).to_string();
    assert_eq!(send(&large, "application/json").await.status, 413);
    assert_eq!(send(&plain().to_string(), "application/json; charset=utf-8").await.status, 201);
}

#[tokio::test]
async fn sec_132_a_sector_document_lists_all_redirect_uris() {
    let (authority, papers) = (Authority::new(), tempfile::tempdir().unwrap());
    let site = Site::start(&authority);
    let ca = papers.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let server = Setup::default()
        .set("registration.mode", "open")
        .set("outbound.extra_ca", ca.to_str().unwrap())
        .set("outbound.allow", vec![site.host()])
        .start()
        .await;
    let line = server.browser();
    let mut body = plain();
    body["subject_type"] = "pairwise".into();
    body["redirect_uris"] = json!(["https://shop.example/cb", "https://club.example/cb"]);
    is_refused(&register(&line, &body).await, "invalid_client_metadata");
    body["sector_identifier_uri"] = site.url(SECTOR).into();
    let put = |list: &Value| site.put(SECTOR, Reply::ok("application/json", list.to_string()));
    put(&json!(["https://shop.example/cb", "https://club.example/cb", "https://else.example/"]));
    let made = register(&line, &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.json()["sector_identifier_uri"], site.url(SECTOR));
    for bad in [json!(["https://shop.example/cb"]), json!([]), json!({"a": 1}), json!("x")] {
        put(&bad);
        is_refused(&register(&line, &body).await, "invalid_client_metadata");
    }
    site.put(SECTOR, Reply::status(302).header("location", &site.url("/other")));
    let moved = register(&line, &body).await;
    is_refused(&moved, "invalid_client_metadata");
    // What may not be called looks like what is not there.
    body["sector_identifier_uri"] = "https://169.254.169.254/latest".into();
    let inside = register(&line, &body).await;
    assert_eq!(inside.text(), moved.text());
    assert!(site.seen("/other").is_empty(), "redirects are not followed");
}

#[tokio::test]
async fn operators_change_and_show_clients() {
    let server = Server::start().await;
    let shop = server.client("shop");
    let shown = server.command(&["client", "show", "shop", "--json"]).done();
    assert!(!shown.out.contains(shop.secret.as_deref().unwrap()));
    let mut wanted = shown.json();
    wanted["client_name"] = "Renamed".into();
    wanted["grant_types"] = json!(["authorization_code", "client_credentials"]);
    wanted["scope"] = "openid api:read".into();
    wanted["latchbolt_resources"] = json!(["https://api.example/"]);
    let file = server.file("new.json", &wanted.to_string());
    let file = file.to_str().unwrap();
    let changed = server.command(&["client", "update", "shop", "--file", file, "--json"]).done().json();
    assert_eq!(changed["client_name"], "Renamed");
    assert!(changed.get("client_secret").is_none(), "it keeps the one it has");
    let shown = server.command(&["client", "show", "shop", "--json"]).done().json();
    assert_eq!(shown["scope"], "openid api:read");
    assert_eq!(shown["latchbolt_resources"], json!(["https://api.example/"]));
    let typo = server.file("typo.json", r#"{"redirect_uris":["https://a.example/"],"latchbolt_skip":true}"#);
    let refused = server.command(&["client", "update", "shop", "--file", typo.to_str().unwrap()]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert_eq!(server.command(&["client", "update", "none", "--file", file]).code, 1);
    assert_eq!(server.command(&["client", "show", "none"]).code, 1);
}
