//! What administrators may not do to people who may do more than they: anything that lets somebody in as them, or keeps
//! them out (SEC-181). Every route that changes something is looked at here, or said to reach nobody.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::wire::Answer;
use testkit::{Administrator, DeviceKey, Kind, Phone, Server, Setup, api_request};

use crate::admin_api::{code, routes};

/// Routes that only stop what is there: a phone, a session, an offer. Whoever may stop people's phones and sessions may
/// stop everybody's, since nobody gets in by that (SEC-079: at once on report, whoever hears of it first).
const STOPS: &[&str] = &[
    "POST /devices/{id}/suspend",
    "POST /devices/{id}/revoke",
    "POST /devices/{id}/lost",
    "DELETE /enrolments/{id}",
    "POST /recoveries/{id}/cancel",
    "DELETE /sessions/{id}",
    "DELETE /users/{id}/sessions",
    "DELETE /consents/{user}/{client}",
    "DELETE /api-keys/{id}",
    "POST /jobs/{id}/cancel",
];

/// Routes that are about no account, or whose rows are looked at one by one when they are done (`registry::jobs`, and
/// [`sec_181_deeds_to_many_leave_out_who_may_do_more`]).
const ELSEWHERE: &[&str] = &[
    "PATCH /devices/{id}",
    "POST /bulk",
    "POST /imports",
    "POST /imports/letters",
    "POST /jobs/{id}/start",
    "POST /jobs/{id}/undo",
    "POST /jobs/{id}/letters/confirm",
    "POST /initial-tokens",
    "DELETE /initial-tokens/{name}",
    "POST /keys/rotate",
    "POST /keys/retire",
    "PUT /policies/{name}",
    "PATCH /policies/{name}",
    "PUT /claims/{name}",
    "DELETE /claims/{name}",
    "POST /notices/test",
    "POST /notices/{id}/retry",
];

/// Somebody with everything that can be given, let in or taken away.
struct Person {
    id: String,
    suspended: String,
    pending: String,
    recovery: String,
}

/// One deed: its route, the path with ids, the body, and whether it is about a person alone (and so allowed for people
/// who may do nothing).
struct Deed {
    route: &'static str,
    path: String,
    body: Value,
    is_about_person: bool,
}

impl Deed {
    fn method(&self) -> &'static str {
        self.route.split_once(' ').unwrap().0
    }
}

fn deeds(person: &Person, masters: &str) -> Vec<Deed> {
    let id = &person.id;
    let deed =
        |route: &'static str, path: String, body: Value| Deed { route, path, body, is_about_person: true };
    let user = |verb: &str| format!("/users/{id}{verb}");
    let new_phone =
        json!({"user": id, "public_key": DeviceKey::generate().jwk(), "name": "Mine", "platform": "Test"});
    let robot = |id: &str| {
        json!({"client_id": id, "client_name": "Mine", "grant_types": ["client_credentials"], "response_types": [],
               "scope": "admin:keys.write"})
    };
    let other =
        |route, path: &str, body| Deed { is_about_person: false, ..deed(route, path.to_owned(), body) };
    vec![
        deed("POST /devices", "/devices".to_owned(), new_phone),
        deed("POST /devices/{id}/restore", format!("/devices/{}/restore", person.suspended), json!({})),
        deed(
            "POST /approvals/decide",
            "/approvals/decide".to_owned(),
            json!({"ids": [person.pending], "decision": "approve"}),
        ),
        deed("POST /enrolments", "/enrolments".to_owned(), json!({"user": id, "kind": "link"})),
        deed("POST /enrolments", "/enrolments".to_owned(), json!({"user": id, "kind": "letter"})),
        deed("POST /users/{id}/reset-password", user("/reset-password"), json!({})),
        deed("POST /users/{id}/unlock", user("/unlock"), json!({})),
        deed("DELETE /users/{id}/second-factor", user("/second-factor"), Value::Null),
        deed("DELETE /users/{id}/recovery-codes", user("/recovery-codes"), Value::Null),
        deed(
            "DELETE /users/{id}/passkeys/{passkey}",
            user("/passkeys/crd_aaaqeayeaudaocajbifqydiob4"),
            Value::Null,
        ),
        deed(
            "POST /recoveries/{id}/complete",
            format!("/recoveries/{}/complete", person.recovery),
            json!({}),
        ),
        deed("POST /recoveries", "/recoveries".to_owned(), json!({"user": id, "reason": "Lost the phone"})),
        deed("PATCH /users/{id}", user(""), json!({"email": "mine@example.org"})),
        deed("POST /users/{id}/disable", user("/disable"), json!({})),
        deed("POST /users/{id}/enable", user("/enable"), json!({})),
        deed("PUT /users/{id}/roles", user("/roles"), json!({"roles": []})),
        deed("POST /users/{id}/lock-down", user("/lock-down"), json!({})),
        deed("DELETE /users/{id}", user(""), Value::Null),
        other("POST /users", "/users", json!({"username": "mine", "roles": ["superadmin"]})),
        other("POST /groups", "/groups", json!({"name": "Mine", "roles": ["superadmin"]})),
        other("PATCH /groups/{id}", &format!("/groups/{masters}"), json!({"name": "Mine"})),
        other("POST /groups/{id}/members", &format!("/groups/{masters}/members"), json!({"add": [id]})),
        other("POST /groups/{id}/members", &format!("/groups/{masters}/members"), json!({"remove": [id]})),
        other("DELETE /groups/{id}", &format!("/groups/{masters}"), Value::Null),
        other("POST /clients", "/clients", robot("mine")),
        other("PUT /clients/{id}", "/clients/robot", robot("robot")),
        other("PATCH /clients/{id}", "/clients/robot", json!({"enabled": false})),
        other("POST /clients/{id}/secret", "/clients/robot/secret", json!({})),
        other("DELETE /clients/{id}", "/clients/robot", Value::Null),
        other("POST /api-keys", "/api-keys", json!({"name": "x", "permissions": ["keys.write"], "days": 1})),
    ]
}

async fn made(admin: &Administrator, method: &str, path: &str, body: &Value) -> Value {
    let request = admin.request(method, path, Some(body)).header("if-match", "*");
    let answer = admin.browser.send(request).await;
    assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.text());
    answer.json()
}

async fn phone(server: &Server, root: &Administrator, id: &str) -> String {
    let offered = made(root, "POST", "/enrolments", &json!({"user": id})).await;
    Phone::enrol_by_link(server.browser(), offered["url"].as_str().unwrap(), Kind::App).await.device
}

/// Makes all that can be done to somebody: phones in each state, a recovery.
async fn person(server: &Server, root: &Administrator, id: &str) -> Person {
    made(root, "PATCH", "/policies/devices", &json!({"approval": false})).await;
    let suspended = phone(server, root, id).await;
    made(root, "POST", &format!("/devices/{suspended}/suspend"), &json!({})).await;
    made(root, "PATCH", "/policies/devices", &json!({"approval": true})).await;
    let pending = phone(server, root, id).await;
    let recovery = made(root, "POST", "/recoveries", &json!({"user": id, "reason": "Lost the phone"})).await;
    let recovery = recovery["id"].as_str().unwrap().to_owned();
    Person { id: id.to_owned(), suspended, pending, recovery }
}

async fn ground() -> (Server, Administrator) {
    let server = Setup::one_node()
        .set("limits.off", true)
        .set("mail.enabled", true)
        .set("mail.host", "localhost")
        .set("mail.port", 9)
        .set("mail.tls", "none")
        .set("mail.from", "sign-in@id.example")
        .start()
        .await;
    let root = server.administrator("root", &["superadmin"]).await;
    (server, root)
}

#[tokio::test]
async fn sec_181_nobody_reaches_those_who_may_do_more_by_any_route() {
    let (server, root) = ground().await;
    let masters = made(&root, "POST", "/groups", &json!({"name": "Masters", "roles": ["superadmin"]})).await;
    let masters = masters["id"].as_str().unwrap().to_owned();
    let robot = json!({"client_id": "robot", "client_name": "Robot", "grant_types": ["client_credentials"],
                       "response_types": [], "scope": "admin:keys.write"});
    made(&root, "POST", "/clients", &robot).await;
    // One has everything, the other a right or two that the helpdesk and the registrar have not.
    let chief = server.administrator("chief", &["superadmin"]).await;
    let auditor = server.administrator("auditor", &["auditor"]).await;
    let ada = server.user("ada");
    assert!(!ada.is_empty());
    let ada =
        made(&root, "GET", "/users?q=ada", &Value::Null).await["items"][0]["id"].as_str().unwrap().to_owned();

    // A route that nobody thought about fails here.
    let all: BTreeSet<String> = routes(&server)
        .await
        .iter()
        .filter(|route| route.method != "GET")
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    let chief = person(&server, &root, &chief.account).await;
    let known: BTreeSet<String> = deeds(&chief, &masters)
        .iter()
        .map(|deed| deed.route)
        .chain(STOPS.iter().copied())
        .chain(ELSEWHERE.iter().copied())
        .map(str::to_owned)
        .collect();
    assert_eq!(all, known);

    let permissions: Vec<&str> =
        domain::Permission::ALL.iter().map(|one| one.as_str()).filter(|one| *one != "keys.write").collect();
    let bearer = format!("Bearer {}", server.api_key(&permissions, Duration::from_secs(3600)).await);
    let by_key = async |deed: &Deed| -> Answer {
        let body = (!deed.body.is_null()).then_some(&deed.body);
        let request = api_request(deed.method(), &deed.path, body).header("if-match", "*");
        server.browser().send(request.header("authorization", &bearer)).await
    };
    let refused = |who: &str, deed: &Deed, answer: &Answer| {
        let told =
            format!("{who} {} {} {}: {} {}", deed.route, deed.path, deed.body, answer.status, answer.text());
        assert_eq!(code(answer), (403, "forbidden".to_owned()), "{told}");
    };
    for deed in deeds(&chief, &masters) {
        refused("key", &deed, &by_key(&deed).await);
    }
    let auditor = person(&server, &root, &auditor.account).await;
    for role in ["device_registrar", "helpdesk", "client_manager"] {
        let caller = server.administrator(&role.replace('_', "-"), &[role]).await;
        for target in [&chief, &auditor] {
            for deed in deeds(target, &masters) {
                let body = (!deed.body.is_null()).then_some(&deed.body);
                let request = caller.request(deed.method(), &deed.path, body).header("if-match", "*");
                refused(role, &deed, &caller.browser.send(request).await);
            }
        }
    }
    for target in [&chief, &auditor] {
        let phones = made(&root, "GET", &format!("/users/{}/devices", target.id), &Value::Null).await;
        let mut states: Vec<&str> = phones["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|phone| phone["state"].as_str().unwrap())
            .collect();
        states.sort_unstable();
        assert_eq!(states, ["pending", "suspended"]);
    }
    // The same deeds are done to somebody who may do nothing: it is the person that they were refused for.
    let ada = person(&server, &root, &ada).await;
    for deed in deeds(&ada, &masters).iter().filter(|deed| deed.is_about_person) {
        let answer = by_key(deed).await;
        let is_done = answer.status < 300;
        // She has no confirmed address, no such factors, one open recovery, and that one waits.
        let is_wrong_state = [404, 409].contains(&answer.status)
            && ["reset-password", "second-factor", "recovery-codes", "{passkey}", "recoveries"]
                .iter()
                .any(|word| deed.route.contains(word));
        assert!(
            is_done || is_wrong_state,
            "{} {}: {} {}",
            deed.route,
            deed.body,
            answer.status,
            answer.text()
        );
    }
}

async fn reached(admin: &Administrator, id: &str) -> Value {
    let started = Instant::now();
    loop {
        let job = made(admin, "GET", &format!("/jobs/{id}"), &Value::Null).await;
        if ["undoable", "finished"].contains(&job["state"].as_str().unwrap()) {
            return job;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{job}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn sec_181_deeds_to_many_leave_out_who_may_do_more() {
    let (server, root) = ground().await;
    let chief = server.administrator("chief", &["superadmin"]).await;
    let chief = person(&server, &root, &chief.account).await;
    let _ = server.user("ada");
    let ada =
        made(&root, "GET", "/users?q=ada", &Value::Null).await["items"][0]["id"].as_str().unwrap().to_owned();
    let ada = person(&server, &root, &ada).await;
    let registrar = server.administrator("registrar", &["device_registrar"]).await;
    for (action, theirs, hers) in [
        ("restore_devices", &chief.suspended, &ada.suspended),
        ("approve_devices", &chief.pending, &ada.pending),
    ] {
        let asked = json!({"action": action, "ids": [theirs, hers]});
        let job = made(&registrar, "POST", "/bulk", &asked).await;
        let id = job["id"].as_str().unwrap();
        made(&registrar, "POST", &format!("/jobs/{id}/start"), &json!({})).await;
        reached(&registrar, id).await;
        let state = async |device: &str| {
            made(&root, "GET", &format!("/devices/{device}"), &Value::Null).await["state"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        assert_ne!(state(theirs).await, "active", "{action}");
        assert_eq!(state(hers).await, "active", "{action}");
    }
}

#[tokio::test]
async fn sec_181_a_client_manager_touches_no_client_beyond_its_scopes() {
    let (server, root) = ground().await;
    let manager = server.administrator("manager", &["client_manager"]).await;
    let registration = |id: &str, scope: &str| {
        json!({"client_id": id, "client_name": id, "grant_types": ["client_credentials"], "response_types": [],
               "scope": scope})
    };
    for (id, scope) in
        [("nightly", "admin"), ("reader", "read admin:users.read"), ("shop", "read admin:clients.write")]
    {
        made(&root, "POST", "/clients", &registration(id, scope)).await;
    }
    let ask = async |method: &str, path: &str, body: Option<Value>| {
        let request = manager.request(method, path, body.as_ref()).header("if-match", "*");
        manager.browser.send(request).await
    };
    for (id, scope) in [("nightly", "admin"), ("reader", "read admin:users.read")] {
        let path = format!("/clients/{id}");
        let before = root.ask("GET", &path, None).await;
        for (method, path, body) in [
            ("PUT", path.clone(), Some(registration(id, "read"))),
            ("PUT", path.clone(), Some(registration(id, scope))),
            ("PATCH", path.clone(), Some(json!({"enabled": false}))),
            ("POST", format!("{path}/secret"), Some(json!({}))),
            ("DELETE", path.clone(), None),
        ] {
            let answer = ask(method, &path, body).await;
            assert_eq!(code(&answer), (403, "forbidden".to_owned()), "{method} {path}: {}", answer.text());
        }
        let after = root.ask("GET", &path, None).await;
        assert_eq!((before.header("etag"), before.json()), (after.header("etag"), after.json()));
    }
    // Its own may not grow beyond what it holds either.
    let grown = ask("PUT", "/clients/shop", Some(registration("shop", "read admin:users.read"))).await;
    assert_eq!(code(&grown), (403, "forbidden".to_owned()));
    assert_eq!(ask("PATCH", "/clients/shop", Some(json!({"enabled": false}))).await.status, 200);
    assert_eq!(ask("POST", "/clients/shop/secret", Some(json!({}))).await.status, 200);
    assert_eq!(ask("DELETE", "/clients/shop", None).await.status, 204);
    assert_eq!(server.audit("client.deleted").await.len(), 1);
}
