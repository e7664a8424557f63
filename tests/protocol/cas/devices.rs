//! The endpoint for devices of a CAS server (cas-wire §10.2), and what becomes of an app's approvals when it is removed
//! (§20 W-1 and W-14).

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Administrator, api_request};

use super::socket::world::Apps;
use super::*;
use crate::admin_api;

/// Where it is.
const BASE: &str = "/cas/actuator/qrDevices";

/// A server that takes apps made for CAS, and a script with a key that may look after them.
struct Place {
    ground: Ground,
    root: Administrator,
    script: String,
}

fn setup() -> Setup {
    Setup::default().set("cas_qr.enabled", true).set("limits.factor", 1000)
}

/// A service that takes such apps.
fn shelf() -> Client {
    let mut client = forum();
    client.metadata.takes_cas_apps = true;
    client
}

impl Place {
    async fn new() -> Self {
        let ground = Ground::with(setup(), |_| vec![shelf()]).await;
        let root = ground.server.administrator("root", &["superadmin"]).await;
        let script = key(&ground.server, &["devices.read", "devices.write"]).await;
        Self { ground, root, script }
    }

    async fn call(&self, method: &str, path: &str) -> Answer {
        let request = Request::new(method, &format!("{BASE}{path}")).header("authorization", &self.script);
        self.ground.server.browser().send(request).await
    }

    async fn of(&self, person: &str) -> Value {
        let listed = self.call("GET", &format!("/{person}")).await;
        assert_eq!(listed.status, 200, "{}", listed.text());
        assert_eq!(listed.header("content-type"), Some("application/json"));
        listed.json()
    }

    /// What an app gets for the password of a person.
    async fn token(&self, person: &str, password: &str, device: &str) -> Answer {
        let fields = [
            ("username", person),
            ("password", password),
            ("token", "true"),
            ("QR_AUTHENTICATION_DEVICE_ID", device),
        ];
        self.ground.server.browser().send(Request::form("/cas/v1/tickets", &fields)).await
    }

    async fn audited(&self, event: &str) -> Vec<domain::AuditEntry> {
        self.ground.server.audit(event).await
    }
}

/// `Authorization` of a program with these permissions.
async fn key(server: &Server, permissions: &[&str]) -> String {
    format!("Bearer {}", server.api_key(permissions, Duration::from_secs(600)).await)
}

#[tokio::test]
async fn sec_065_the_endpoint_is_off_where_such_apps_are() {
    for (is_cas, setup) in [
        (false, Setup::default()),
        (true, Setup::default().set("cas.enabled", true)),
        (true, Setup::default().set("cas.enabled", true).set("cas_rest.enabled", true)),
    ] {
        let server = setup.start().await;
        let script = key(&server, &["devices.read", "devices.write"]).await;
        let ask = async |method: &str, path: &str| {
            let request = Request::new(method, path).header("authorization", &script);
            server.browser().send(request).await.status
        };
        let _ = server.user("ada");
        assert_eq!(ask("GET", "/api/admin/v1/devices").await, 200, "the key is good");
        for (method, path) in [("GET", "/ada"), ("POST", "/ada/phone-1"), ("DELETE", "/phone-1")] {
            assert_eq!(ask(method, &format!("{BASE}{path}")).await, 404, "{method} {path} {is_cas}");
        }
        let document = server.browser().send(Request::get("/api/admin/v1/openapi.json")).await.text();
        assert!(!document.contains(BASE));
    }
}

#[tokio::test]
async fn sec_068_sec_084_a_script_lists_registers_and_removes_apps() {
    let place = Place::new().await;
    let _ = place.ground.server.user("bob");
    assert_eq!(place.of("ada").await, json!([]));
    assert_eq!(place.of("nobody").await, json!([]), "as a CAS server answers");
    assert_eq!(place.of(&"x".repeat(300)).await, json!([]));
    let registered = async |person: &str, device: &str| {
        let answer = place.call("POST", &format!("/{person}/{device}")).await;
        assert!(answer.status >= 400 || answer.text().is_empty());
        (answer.status, answer)
    };
    // The person first, then the device: what its published releases mix up.
    assert_eq!(registered("ada", "Ada.Phone_1:x@y-z").await.0, 204);
    assert_eq!(registered("ADA", "a").await.0, 204);
    let (longest, longer) = ("L".repeat(128), "L".repeat(129));
    assert_eq!(registered("ada", &longest).await.0, 204);
    assert_eq!(place.of("ada").await, json!(["a", "ada.phone_1:x@y-z", longest.to_lowercase()]));
    assert_eq!(place.of("ada.phone_1:x@y-z").await, json!([]));
    assert_eq!(registered("ada", "ADA.phone%5F1%3Ax%40y-z").await.0, 204, "twice is once");
    assert_eq!(place.of("ada").await.as_array().unwrap().len(), 3);
    // Nobody takes another's over: the last writer does not win (W-1).
    let (status, taken) = registered("bob", "A").await;
    assert_eq!((status, taken.json()["field"].as_str()), (409, Some("cas_name")), "{}", taken.text());
    assert_eq!(place.of("bob").await, json!([]));
    for bad in [longer.as_str(), "a%20b", "a%2Bb", "a%2Fb", "a%25b", "%C3%A4", "a%00", "*", "a%0Ab"] {
        let (status, wrong) = registered("ada", bad).await;
        assert_eq!(
            (status, wrong.json()["field"].as_str()),
            (400, Some("cas_name")),
            "{bad}: {}",
            wrong.text()
        );
        assert_eq!(wrong.header("content-type"), Some("application/problem+json"));
    }
    let (status, nobody) = registered("nobody", "b").await;
    assert_eq!((status, nobody.word("code").as_str()), (404, "not_found"));
    assert_eq!(nobody.header("content-type"), Some("application/problem+json"));
    // What is not there is not there; and what does not fit a name is no device.
    for gone in ["unknown", "a", "A", &longer, "a%20b"] {
        let answer = place.call("DELETE", &format!("/{gone}")).await;
        assert_eq!((answer.status, answer.text().as_str()), (204, ""), "{gone}");
    }
    assert_eq!(place.of("ada").await, json!(["ada.phone_1:x@y-z", longest.to_lowercase()]));
    assert_eq!(registered("bob", "a").await.0, 204, "what was removed is free again");
    for (method, path, allow) in [
        ("POST", "/ada", "DELETE, GET"),
        ("PUT", "/ada", "DELETE, GET"),
        ("GET", "/ada/b", "POST"),
        ("DELETE", "/ada/b", "POST"),
    ] {
        let answer = place.call(method, path).await;
        assert_eq!(answer.status, 405, "{method} {path}");
        let mut allowed: Vec<_> = answer.header("allow").unwrap_or_default().split(", ").collect();
        allowed.sort_unstable();
        assert_eq!(allowed.join(", "), allow, "{method} {path}");
    }
    for path in ["", "/", "/ada/b/c"] {
        assert_eq!(place.call("GET", path).await.status, 404, "{path}");
    }
    // The same registry: seen, and stopped, as any other phone.
    let listed = place.root.ask("GET", "/devices?kind=cas&user=bob&state=active", None).await.json();
    assert_eq!(listed["items"][0]["cas_name"], "a");
    let path = format!("/devices/{}/suspend", listed["items"][0]["id"].as_str().unwrap());
    assert_eq!(place.root.ask("POST", &path, Some(&json!({}))).await.status, 200);
    assert_eq!(place.of("bob").await, json!([]), "one that was stopped may not approve");
    let (status, stopped) = registered("bob", "a").await;
    assert_eq!(
        (status, stopped.json()["field"].as_str()),
        (409, Some("device_state")),
        "and is not let back so"
    );
}

#[tokio::test]
async fn a_name_with_any_letters_is_named_in_the_address() {
    let place = Place::new().await;
    for (at, (name, written)) in
        [("a/b+c%d", "a%2Fb%2Bc%25d"), ("a%2fb", "a%252fb"), ("zoë@mail.example", "zo%C3%AB%40mail.example")]
            .into_iter()
            .enumerate()
    {
        let _ = place.ground.server.user(name);
        let device = format!("phone-{at}");
        assert_eq!(place.call("POST", &format!("/{written}/{device}")).await.status, 204, "{name}");
        assert_eq!(place.of(written).await, json!([device]), "{name}");
    }
}

/// Each route with each permission alone; and everything that proves nobody.
#[tokio::test]
async fn sec_180_every_permission_meets_every_route() {
    let place = Place::new().await;
    let server = &place.ground.server;
    let document = server.browser().send(Request::get("/api/admin/v1/openapi.json")).await.json();
    let mut permissions: Vec<String> = Vec::new();
    let mut routes: Vec<(String, String, String)> = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["get", "post", "put", "patch", "delete"] {
            let Some(operation) = item.get(method) else { continue };
            let permission = operation["x-permission"].as_str().unwrap().to_owned();
            if path.starts_with("/cas/") {
                assert_eq!(operation["security"], json!([{"bearer": []}]), "{path}");
                routes.push((method.to_uppercase(), path.replace(['{', '}'], ""), permission.clone()));
            }
            permissions.push(permission);
        }
    }
    permissions.sort_unstable();
    permissions.dedup();
    permissions.retain(|word| word != "any");
    assert_eq!(routes.len(), 3, "{routes:?}");
    assert!(permissions.len() > 10, "{permissions:?}");
    for permission in &permissions {
        let script = key(server, &[permission]).await;
        for (method, path, needed) in &routes {
            let answer =
                server.browser().send(Request::new(method, path).header("authorization", &script)).await;
            let refused = admin_api::code(&answer) == (403, "forbidden".to_owned());
            assert_eq!(refused, permission != needed, "{permission} {method} {path}: {}", answer.text());
            assert!(![401, 405].contains(&answer.status), "{permission} {method} {path}");
        }
    }
    let refusals = place.audited("admin.refused").await;
    assert!(refusals.iter().any(|entry| entry.detail.as_deref() == Some("POST /{principal}/{device}")));
    let bare = place.script.strip_prefix("Bearer ").unwrap();
    for (method, path, _) in &routes {
        let unproven = |answer: &Answer, what: &str| {
            assert_eq!(answer.status, 401, "{what} {method} {path}: {}", answer.text());
            assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"admin\""), "{what}");
            assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{what}");
        };
        // No cookie opens it, whoever's that is and however it is sent.
        let request = api_request(method, "", None);
        let request = Request { target: path.clone(), ..request };
        let request = place.root.browser.same_origin(request).header("lb-csrf", &place.root.browser.csrf());
        unproven(&place.root.browser.send(request).await, "a cookie");
        unproven(&server.browser().send(Request::new(method, path)).await, "nothing");
        for query in [
            format!("access_token={bare}"),
            format!("api_key={bare}"),
            format!("token={bare}&authorization={bare}"),
            "username=root&password=x".to_owned(),
        ] {
            let request = Request::new(method, &format!("{path}?{query}"));
            unproven(&server.browser().send(request).await, &query);
        }
        for wrong in ["Basic cm9vdDp4", "Bearer lbk_x", "Bearer", &format!("Basic {bare}"), bare] {
            let request = Request::new(method, path).header("authorization", wrong);
            unproven(&server.browser().send(request).await, wrong);
        }
        // A query says nothing here, and is refused rather than overlooked.
        let request = Request::new(method, &format!("{path}?force=true"));
        let answer = server.browser().send(request.header("authorization", &place.script)).await;
        assert_eq!(
            (answer.status, answer.json()["field"].as_str()),
            (400, Some("force")),
            "{}",
            answer.text()
        );
    }
    let log = server.log();
    assert!(!log.contains(bare), "a key that was sent in a query is not in the log");
}

/// A token of a program opens it with its scope; it shares the count of bad ones with the admin API.
#[tokio::test]
async fn sec_184_a_programs_token_opens_it_and_guesses_are_counted() {
    let ground = Ground::with(Setup::default().set("cas_qr.enabled", true), |_| vec![shelf()]).await;
    let server = &ground.server;
    let resource = format!("{}/api/admin/v1", server.issuer);
    let token = async |id: &str, scope: &str| {
        let program = server.client_with(
            id,
            &json!({"grant_types": ["client_credentials"], "scope": scope, "response_types": [],
                    "latchbolt_resources": [resource]}),
        );
        let fields = [("grant_type", "client_credentials"), ("scope", scope), ("resource", &resource)];
        let asked = program.authenticated(Request::form("/token", &fields));
        format!("Bearer {}", program.line.send(asked).await.word("access_token"))
    };
    let ask = async |authorization: &str, method: &str, path: &str| {
        let request = Request::new(method, path).header("authorization", authorization);
        server.browser().send(request).await
    };
    let writer = token("writer", "admin:devices.write").await;
    assert_eq!(ask(&writer, "POST", &format!("{BASE}/ada/phone-1")).await.status, 204);
    let answer = ask(&writer, "GET", &format!("{BASE}/ada")).await;
    assert_eq!(admin_api::code(&answer), (403, "forbidden".to_owned()));
    let reader = token("reader", "admin:devices.read").await;
    assert_eq!(ask(&reader, "GET", &format!("{BASE}/ada")).await.json(), json!(["phone-1"]));
    let added = server.audit("device.added").await;
    assert_eq!(added[0].actor.as_ref().map(ToString::to_string).as_deref(), Some("client:writer"));
    let mut statuses = Vec::new();
    for number in 0..150 {
        let answer = ask(&format!("Bearer lbk_{number}"), "DELETE", &format!("{BASE}/phone-1")).await;
        statuses.push(answer.status);
        if answer.status == 429 {
            assert!(answer.header("retry-after").is_some());
            break;
        }
    }
    assert_eq!((statuses[0], statuses.last()), (401, Some(&429)), "{statuses:?}");
    assert_eq!(ask("Bearer lbk_x", "GET", "/api/admin/v1/devices").await.status, 429, "one count for both");
}

/// W-1: no app may approve by default, and its name is good for its owner alone.
#[tokio::test]
async fn sec_068_an_app_that_nobody_registered_gets_no_token() {
    let place = Place::new().await;
    let bobs = place.ground.server.user("bob");
    let refused = place.token("ada", &place.ground.password, "phone-1").await;
    assert_eq!(refused.status, 401, "{}", refused.text());
    assert_eq!(place.call("POST", "/ada/Phone-1").await.status, 204);
    assert_eq!(
        place.token("ada", &place.ground.password, "PHONE-1").await.status,
        201,
        "case does not matter"
    );
    assert_eq!(place.token("bob", &bobs, "phone-1").await.status, 401, "it is Ada's");
    assert_eq!(place.token("ada", &bobs, "phone-1").await.status, 401);
    assert_eq!(place.call("DELETE", "/phone-1").await.status, 204);
    assert_eq!(place.token("ada", &place.ground.password, "phone-1").await.status, 401, "it was removed");
}

/// W-14: who did it is written down, its owner is told, sees it, and removes it.
#[tokio::test]
async fn sec_068_an_owner_hears_of_each_new_app() {
    let place = Place::new().await;
    assert_eq!(place.call("POST", "/ada/phone-1").await.status, 204);
    assert_eq!(place.call("POST", "/ada/phone-1").await.status, 204);
    let added = place.audited("device.added").await;
    assert_eq!(added.len(), 1, "twice is once");
    let actor = added[0].actor.as_ref().map(ToString::to_string).unwrap();
    assert!(actor.starts_with("key_"), "{actor}");
    let page = place.ground.browser.follow("/account/activity").await;
    let page = place.ground.browser.fill_in(&page, "ada", &place.ground.password).await;
    assert!(page.html().contains("phone-1"), "{}", page.html());
    let page = place.ground.browser.get("/account/devices").await;
    assert!(page.html().contains("App for CAS, lowest assurance (phone-1)"));
    assert_eq!(place.call("DELETE", "/phone-1").await.status, 204);
    assert_eq!(place.call("DELETE", "/phone-1").await.status, 204);
    let removed = place.audited("device.revoked").await;
    assert_eq!(removed.len(), 1);
    assert_eq!(removed[0].actor, added[0].actor);
    assert!(!place.ground.browser.get("/account/devices").await.has("devices"));
}

/// W-14, W-17: with an app go the sessions that it approved, what it approved and nobody fetched, and its token.
#[tokio::test]
async fn sec_068_removing_an_app_ends_its_sessions_and_approvals() {
    let apps = Apps::with(Setup::default().set("limits.factor", 1000)).await;
    let server = &apps.ground.server;
    let script = key(server, &["devices.read", "devices.write"]).await;
    let call = async |method: &str, path: &str| {
        let request = Request::new(method, &format!("{BASE}{path}")).header("authorization", &script);
        server.browser().send(request).await.status
    };
    let token = apps.token().await;
    let (browser, landed) = apps.signed_in().await;
    assert!(landed.url.as_str().starts_with("https://forum.example/in?ticket=ST-"), "{}", landed.url);
    let lands = async |browser: &Browser| browser.follow(&login(&[("service", FORUM)])).await.query("ticket");
    assert!(lands(&browser).await.is_some());
    // Approved, and fetched by nobody yet; and one that its browser is just asked about.
    let (pending, asked) = (apps.shown().await, apps.shown().await);
    let unfetched = apps.handle(&pending, &token).await;
    let question = asked.question(&apps.handle(&asked, &token).await).await;

    assert_eq!(call("DELETE", "/adas-APP").await, 204);
    assert_eq!(lands(&browser).await, None, "its session ended");
    let late = pending.finish(&unfetched).await;
    assert_eq!((late.status(), late.query("ticket")), (401, None), "{}", late.html());
    let form = question.form("cas-confirm-form").with("answer", "yes");
    let late = asked.browser.submit(&question, &form).await;
    assert_eq!((late.status(), late.query("ticket")), (401, None), "{}", late.html());
    for shown in [&pending, &asked] {
        assert_eq!(lands(&shown.browser).await, None);
    }
    // The token that it still has is good for nothing, also after another was registered by its name.
    assert_eq!(call("POST", "/ada/adas-app").await, 204);
    let told = apps.told(&apps.shown().await, "Adas-App", &token).await;
    assert_eq!(told, json!({"error": "cas.authn.qr.fail"}));
    assert_eq!(server.audit("session.ended").await.len(), 1);
}
