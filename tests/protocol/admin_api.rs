//! The admin API as its callers see it: who gets in, by what, and what they may.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::wire::{Answer, Request};
use testkit::{Administrator, Server, Setup, api_request};

/// Role → what it allows, written down a second time; `superadmin` has everything.
const ROLES: &[(&str, &str)] = &[
    (
        "device_registrar",
        "statistics.read users.read groups.read devices.read devices.write devices.suspend enrolments.read \
         enrolments.write jobs.read jobs.write",
    ),
    (
        "helpdesk",
        "users.read users.lock groups.read devices.read devices.suspend enrolments.read recoveries.read \
         recoveries.write sessions.read sessions.end",
    ),
    ("client_manager", "statistics.read clients.read clients.write consents.read"),
    (
        "auditor",
        "statistics.read users.read groups.read claims.read devices.read enrolments.read recoveries.read clients.read \
         sessions.read consents.read keys.read audit.read policy.read api_keys.read jobs.read",
    ),
];

/// A route as the description has it.
#[derive(Debug, Clone)]
pub(crate) struct Described {
    pub(crate) method: String,
    pub(crate) path: String,
    permission: String,
    /// Whether a session needs a fresh proof for it.
    pub(crate) wants_fresh: bool,
}

impl Described {
    /// The path with ids that nobody has.
    pub(crate) fn path(&self) -> String {
        let mut path = String::new();
        for (at, part) in self.path.split(['{', '}']).enumerate() {
            path.push_str(if at % 2 == 0 { part } else { "x" });
        }
        path
    }

    fn is_stream(&self) -> bool {
        self.path.ends_with("/live")
    }

    fn body(&self) -> Option<Value> {
        (self.method != "GET" && self.method != "DELETE").then(|| json!({}))
    }
}

/// All routes, as the server itself describes them; that none is left out is a test of `web-admin`.
pub(crate) async fn routes(server: &Server) -> Vec<Described> {
    let document = server.browser().send(Request::get("/api/admin/v1/openapi.json")).await;
    assert_eq!(document.status, 200);
    let mut routes = Vec::new();
    for (path, item) in document.json()["paths"].as_object().unwrap() {
        for method in ["get", "post", "put", "patch", "delete"] {
            let Some(operation) = item.get(method) else { continue };
            routes.push(Described {
                method: method.to_uppercase(),
                path: path.strip_prefix("/api/admin/v1").unwrap().to_owned(),
                permission: operation["x-permission"].as_str().unwrap().to_owned(),
                wants_fresh: operation.get("x-fresh-proof").is_some(),
            });
        }
    }
    assert!(routes.len() > 20, "{routes:?}");
    routes
}

async fn server() -> Server {
    // The matrix refuses more often than one network may.
    Setup::default().set("limits.factor", 1000).start().await
}

pub(crate) fn code(answer: &Answer) -> (u16, String) {
    // What is done has no word, and may have no JSON.
    (answer.status, if answer.status < 400 { String::new() } else { answer.word("code") })
}

#[tokio::test]
async fn sec_180_every_role_meets_every_route() {
    let server = server().await;
    let routes = routes(&server).await;
    let stranger = server.browser();
    let nobody = server.administrator("nobody", &[]).await;
    for route in &routes {
        let request = api_request(&route.method, &route.path(), route.body().as_ref());
        let answer = stranger.send(request).await;
        assert_eq!(code(&answer), (401, "login_required".to_owned()), "{route:?}");
        let answer = nobody.ask(&route.method, &route.path(), route.body().as_ref()).await;
        assert_eq!(code(&answer), (403, "forbidden".to_owned()), "{route:?}");
    }
    for (role, allows) in ROLES {
        let allows: BTreeSet<&str> = allows.split(' ').collect();
        let caller = server.administrator(role, &[role]).await;
        for route in &routes {
            let may = route.permission == "any" || allows.contains(route.permission.as_str());
            if may && route.is_stream() {
                continue;
            }
            let answer = caller.ask(&route.method, &route.path(), route.body().as_ref()).await;
            let refused = code(&answer) == (403, "forbidden".to_owned());
            assert_eq!(refused, !may, "{role} {route:?}: {} {}", answer.status, answer.text());
            assert_ne!(answer.status, 401, "{role} {route:?}");
            assert!(answer.status < 500, "{role} {route:?}: {}", answer.text());
        }
    }
    let refusals = server.audit("admin.refused").await;
    assert!(refusals.len() > routes.len(), "refusals are written down");
}

#[tokio::test]
async fn sec_182_only_a_passkey_opens_the_administration() {
    let server = server().await;
    let routes = routes(&server).await;
    let now = Duration::from_secs(1);
    let weak = [
        server.signed_in("by-password", &["superadmin"], "password", now).await,
        server.signed_in("by-phone", &["superadmin"], "phone", now).await,
        server.signed_in("long-ago", &["superadmin"], "passkey", Duration::from_secs(13 * 3600)).await,
    ];
    for caller in &weak {
        for route in &routes {
            let answer = caller.ask(&route.method, &route.path(), route.body().as_ref()).await;
            assert_eq!(code(&answer), (403, "step_up_needed".to_owned()), "{route:?}");
        }
    }
    let strong = server.administrator("by-passkey", &["superadmin"]).await;
    assert_eq!(strong.ask("GET", "/me", None).await.status, 200);
}

#[tokio::test]
async fn sec_144_a_change_by_cookie_is_our_own_pages() {
    let server = server().await;
    let admin = server.administrator("root", &["superadmin"]).await;
    let body = json!({"name": "partner"});
    let plain = || api_request("POST", "/initial-tokens", Some(&body));
    let csrf = admin.browser.csrf();
    let origin = admin.browser.origin();
    for (request, expected) in [
        (plain(), "cross_site"),
        (plain().header("lb-csrf", &csrf), "cross_site"),
        (plain().header("lb-csrf", &csrf).header("origin", "https://evil.example"), "cross_site"),
        (plain().header("lb-csrf", &csrf).header("origin", "null"), "cross_site"),
        (plain().header("lb-csrf", &csrf).header("sec-fetch-site", "same-site"), "cross_site"),
        (plain().header("origin", &origin), "stale_form"),
        (plain().header("origin", &origin).header("lb-csrf", "x"), "stale_form"),
    ] {
        let answer = admin.browser.send(request).await;
        assert_eq!(code(&answer), (403, expected.to_owned()));
    }
    let me = admin.ask("GET", "/me", None).await;
    assert_eq!(me.word("csrf"), csrf);
    assert_eq!(admin.ask("GET", "/initial-tokens", None).await.json()["total"], 0);
    assert_eq!(admin.ask("POST", "/initial-tokens", Some(&body)).await.status, 201);
}

#[tokio::test]
async fn sec_149_methods_and_content_types_are_what_is_needed() {
    let server = server().await;
    let admin = server.administrator("root", &["superadmin"]).await;
    for method in ["TRACE", "PUT", "PATCH", "DELETE", "POST", "OPTIONS", "HEAD", "BREW"] {
        let answer = admin.ask(method, "/me", None).await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("GET"), "{method}");
    }
    let body = json!({"name": "partner"});
    for wrong in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json"] {
        let mut request = admin.request("POST", "/initial-tokens", Some(&body));
        request.headers.retain(|(name, _)| name != "content-type");
        let answer = admin.browser.send(request.header("content-type", wrong)).await;
        assert_eq!(code(&answer), (415, "wrong_content_type".to_owned()), "{wrong}");
    }
    for bad in [
        json!({}),
        json!([]),
        json!({"name": "x", "more": 1}),
        json!({"name": 7}),
        json!({"name": "x", "uses": -1}),
    ] {
        assert_eq!(admin.ask("POST", "/initial-tokens", Some(&bad)).await.status, 400, "{bad}");
    }
    let mut twice = admin.request("POST", "/initial-tokens", Some(&body));
    twice.body = br#"{"name": "a", "name": "b"}"#.to_vec();
    assert_eq!(admin.browser.send(twice).await.status, 400);
    let mut large = admin.request("POST", "/initial-tokens", Some(&body));
    large.body = format!("{{\"name\": \"{}\"}}", "x".repeat(80_000)).into_bytes();
    assert_eq!(admin.browser.send(large).await.status, 413);
}

#[tokio::test]
async fn sec_189_pages_are_capped() {
    let server = server().await;
    let admin = server.administrator("root", &["superadmin"]).await;
    for path in ["/sessions", "/consents", "/clients", "/api-keys"] {
        for query in
            ["limit=0", "limit=-1", "limit=1000000000", "limit=201", "cursor=!", "sort=secret_hash", "x=1"]
        {
            let answer = admin.ask("GET", &format!("{path}?{query}"), None).await;
            assert_eq!(code(&answer), (400, "invalid_request".to_owned()), "{path}?{query}");
        }
        let answer = admin.ask("GET", &format!("{path}?limit=200"), None).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
}

/// A call with what stands in `Authorization`.
async fn call(
    server: &Server,
    authorization: &str,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Answer {
    server.browser().send(api_request(method, path, body).header("authorization", authorization)).await
}

async fn made_key(admin: &Administrator, body: &Value) -> Value {
    let answer = admin.ask("POST", "/api-keys", Some(body)).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn sec_184_an_api_key_is_scoped_listed_and_revocable() {
    let server = server().await;
    let admin = server.administrator("root", &["superadmin"]).await;
    let routes = routes(&server).await;
    let made =
        made_key(&admin, &json!({"name": "reader", "permissions": ["sessions.read"], "days": 7})).await;
    let text = made["key"].as_str().unwrap().to_owned();
    assert!(text.starts_with("lbk_") && text.len() == 4 + 26 + 1 + 43, "{text}");
    let bearer = format!("Bearer {text}");
    for route in &routes {
        let may = ["any", "sessions.read"].contains(&route.permission.as_str());
        let answer = call(&server, &bearer, &route.method, &route.path(), route.body().as_ref()).await;
        assert_eq!(code(&answer) == (403, "forbidden".to_owned()), !may, "{route:?}");
        assert_ne!(answer.status, 401, "{route:?}");
    }
    // Shown once, kept as a hash.
    let secret = text.rsplit_once('_').map_or("", |(_, secret)| secret);
    let listed = admin.ask("GET", "/api-keys", None).await.text();
    assert!(!listed.contains(secret) && listed.contains("reader"));
    let dump = server.database_bytes();
    assert!(!dump.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()));
    // From elsewhere it is none.
    let body =
        json!({"name": "away", "permissions": ["sessions.read"], "days": 1, "networks": ["192.0.2.0/24"]});
    let away = format!("Bearer {}", made_key(&admin, &body).await["key"].as_str().unwrap());
    assert_eq!(
        code(&call(&server, &away, "GET", "/sessions", None).await),
        (401, "invalid_token".to_owned())
    );
    // The next call after it was revoked is refused.
    let id = made["id"].as_str().unwrap();
    assert_eq!(call(&server, &bearer, "GET", "/sessions", None).await.status, 200);
    assert_eq!(admin.ask("DELETE", &format!("/api-keys/{id}"), None).await.status, 204);
    assert_eq!(
        code(&call(&server, &bearer, "GET", "/sessions", None).await),
        (401, "invalid_token".to_owned())
    );
    assert_eq!(admin.ask("GET", &format!("/api-keys/{id}"), None).await.word("state"), "revoked");
    for wrong in ["Bearer lbk_x", "Bearer lbk_", "Basic lbk_x", "Bearer", ""] {
        assert_eq!(call(&server, wrong, "GET", "/sessions", None).await.status, 401, "{wrong:?}");
    }
    for bad in [
        json!({"name": "x", "permissions": ["sessions.read"]}),
        json!({"name": "x", "permissions": ["sessions.read"], "days": 0}),
        json!({"name": "x", "permissions": ["sessions.read"], "days": 367}),
        json!({"name": "x", "permissions": [], "days": 1}),
        json!({"name": "x", "permissions": ["root"], "days": 1}),
        json!({"name": "x", "permissions": ["sessions.read"], "days": 1, "networks": ["all"]}),
    ] {
        assert_eq!(admin.ask("POST", "/api-keys", Some(&bad)).await.status, 400, "{bad}");
    }
    assert_eq!(server.audit("api_key.created").await.len(), 2);
    assert_eq!(server.audit("api_key.revoked").await.len(), 1);
}

#[tokio::test]
async fn sec_181_nobody_gives_a_program_more_than_they_hold() {
    let server = server().await;
    let manager = server.administrator("manager", &["client_manager"]).await;
    let registration = |scope: &str| {
        json!({"client_id": "robot", "client_name": "Robot", "grant_types": ["client_credentials"],
               "response_types": [], "scope": scope})
    };
    for scope in ["admin", "admin:users.write", "read admin:api_keys.write"] {
        let answer = manager.ask("POST", "/clients", Some(&registration(scope))).await;
        assert_eq!(code(&answer), (403, "forbidden".to_owned()), "{scope}");
    }
    // One that an administrator made is out of reach: whoever has its secret has what it opens.
    let root = server.administrator("root", &["superadmin"]).await;
    let made = root.ask("POST", "/clients", Some(&registration("admin:users.write"))).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let answer = manager.ask("POST", "/clients/robot/secret", None).await;
    assert_eq!(code(&answer), (403, "forbidden".to_owned()));
    let current = manager.ask("GET", "/clients/robot", None).await;
    let version = current.header("etag").unwrap().to_owned();
    let harmless =
        manager.request("PUT", "/clients/robot", Some(&registration("read"))).header("if-match", &version);
    assert_eq!(code(&manager.browser.send(harmless).await), (403, "forbidden".to_owned()));
    assert_eq!(
        manager
            .ask(
                "POST",
                "/clients",
                Some(&json!({"client_id": "wares", "client_name": "Wares",
        "grant_types": ["client_credentials"], "response_types": [], "scope": "read"}))
            )
            .await
            .status,
        201
    );
    assert_eq!(manager.ask("POST", "/clients/wares/secret", None).await.status, 200);
}

#[tokio::test]
async fn an_edit_names_the_version_it_was_made_on() {
    let server = server().await;
    let admin = server.administrator("root", &["superadmin"]).await;
    let registration = json!({"client_name": "Shop", "redirect_uris": ["https://shop.example/cb"]});
    let made = admin.ask("POST", "/clients", Some(&registration)).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let path = made.header("location").unwrap().strip_prefix("/api/admin/v1").unwrap().to_owned();
    assert!(made.json()["client_secret"].is_string());
    let shown = admin.ask("GET", &path, None).await;
    assert!(shown.json().get("client_secret").is_none());
    let version = shown.header("etag").unwrap().to_owned();
    assert_eq!(made.header("etag"), Some(version.as_str()));
    let put = async |seen: Option<&str>, name: &str| {
        let mut body = shown.json();
        body["client_name"] = name.into();
        let mut request = admin.request("PUT", &path, Some(&body));
        if let Some(seen) = seen {
            request = request.header("if-match", seen);
        }
        admin.browser.send(request).await
    };
    assert_eq!(code(&put(None, "Other").await), (428, "precondition_required".to_owned()));
    let first = put(Some(&version), "First").await;
    assert_eq!(first.status, 200, "{}", first.text());
    let late = put(Some(&version), "Late").await;
    assert_eq!(code(&late), (412, "outdated".to_owned()));
    let now = format!("\"{}\"", late.json()["current_version"]);
    assert_eq!(first.header("etag"), Some(now.as_str()));
    assert_eq!(put(Some("*"), "Whatever").await.status, 200);
    assert_eq!(admin.ask("GET", &path, None).await.word("client_name"), "Whatever");
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_done_once() {
    let server = server().await;
    let admin = server.administrator("root", &["superadmin"]).await;
    let other = server.administrator("other", &["superadmin"]).await;
    let send = async |who: &Administrator, key: &str, name: &str| {
        let body = json!({"name": name, "permissions": ["users.read"], "days": 1});
        who.browser.send(who.request("POST", "/api-keys", Some(&body)).header("idempotency-key", key)).await
    };
    let first = send(&admin, "k1", "one").await;
    let again = send(&admin, "k1", "one").await;
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(first.json(), again.json(), "the same answer, secret and all");
    assert_eq!(code(&send(&admin, "k1", "two").await), (422, "idempotency_key_used".to_owned()));
    assert_eq!(send(&other, "k1", "two").await.status, 201, "keys are each caller's own");
    assert_eq!(admin.ask("GET", "/api-keys", None).await.json()["items"].as_array().unwrap().len(), 2);
    // What was refused may be tried again.
    assert_eq!(send(&admin, "k2", "").await.status, 400);
    assert_eq!(send(&admin, "k2", "").await.status, 400);
    for bad in ["", " ", &"x".repeat(65), "a b"] {
        assert_eq!(send(&admin, bad, "three").await.status, 400, "{bad:?}");
    }
}

#[tokio::test]
async fn access_tokens_open_what_their_scopes_and_roles_allow() {
    let server = server().await;
    let resource = format!("{}/api/admin/v1", server.issuer);
    let machine = server.client_with(
        "machine",
        &json!({"grant_types": ["client_credentials"], "scope": "admin:sessions.read read", "response_types": [],
                "latchbolt_resources": [resource, "https://api.example"]}),
    );
    let token = async |more: &[(&str, &str)]| {
        let mut fields = vec![("grant_type", "client_credentials")];
        fields.extend_from_slice(more);
        let answer = machine.line.send(machine.authenticated(Request::form("/token", &fields))).await;
        format!("Bearer {}", answer.word("access_token"))
    };
    let good = token(&[("scope", "admin:sessions.read"), ("resource", &resource)]).await;
    let answer = call(&server, &good, "GET", "/sessions", None).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(code(&call(&server, &good, "GET", "/clients", None).await), (403, "forbidden".to_owned()));
    let elsewhere = token(&[("scope", "admin:sessions.read"), ("resource", "https://api.example")]).await;
    let answer = call(&server, &elsewhere, "GET", "/sessions", None).await;
    assert_eq!(code(&answer), (401, "invalid_token".to_owned()), "another audience");
    let powerless = token(&[("scope", "read"), ("resource", &resource)]).await;
    assert_eq!(code(&call(&server, &powerless, "GET", "/me", None).await), (403, "forbidden".to_owned()));
    assert_eq!(call(&server, "Bearer x.y.z", "GET", "/sessions", None).await.status, 401);
    // A cookie beside a bad token does not help.
    let admin = server.administrator("root", &["superadmin"]).await;
    let both = admin.request("GET", "/sessions", None).header("authorization", "Bearer x.y.z");
    assert_eq!(admin.browser.send(both).await.status, 401);
}

#[tokio::test]
async fn sec_183_no_answer_shows_what_is_secret() {
    let server = server().await;
    let password = server.user("ada");
    let root = server.administrator("root", &["superadmin"]).await;
    let key = made_key(&root, &json!({"name": "k", "permissions": ["users.read"], "days": 1})).await;
    let registration = json!({"client_id": "shop", "client_name": "Shop", "redirect_uris": ["https://shop.example/cb"],
                              "token_endpoint_auth_method": "client_secret_jwt"});
    let client = root.ask("POST", "/clients", Some(&registration)).await.json();
    let token = root.ask("POST", "/initial-tokens", Some(&json!({"name": "partner"}))).await.json();
    let mut secrets: Vec<String> = vec![password, "$argon2".to_owned(), "secret_hash".to_owned()];
    for made in [&key["key"], &client["client_secret"], &token["token"]] {
        secrets.push(made.as_str().unwrap().to_owned());
    }
    for name in ["__Host-lb_session", "__Host-lb_browser"] {
        secrets.push(root.browser.cookie(name).unwrap());
    }
    let hashes: Vec<String> =
        secrets.iter().map(|secret| testkit::b64(&testkit::sha256(secret.as_bytes()))).collect();
    // The value that a browser's own scripts send is a hash of its secret, and is that browser's alone.
    let own = root.browser.csrf();
    let readers = [root, server.administrator("auditor", &["auditor"]).await];
    for route in routes(&server).await {
        if route.method != "GET" || route.is_stream() {
            continue;
        }
        for reader in &readers {
            let ids = [&reader.account, "shop", key["id"].as_str().unwrap(), "partner", "devices"];
            for id in ids {
                let path = route.path().replace("/x", &format!("/{id}"));
                let answer = reader.ask("GET", &path, None).await;
                let text = answer.text();
                for secret in secrets.iter().chain(hashes.iter().filter(|hash| **hash != own)) {
                    assert!(!text.contains(secret.as_str()), "{path}: {secret}");
                }
                if !route.path.contains('{') {
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn sessions_and_consents_are_found_and_ended() {
    let server = server().await;
    let password = server.user("ada");
    let shop = server.client_with("shop", &json!({"latchbolt_skip_consent": false}));
    let browser = server.browser();
    let page = browser.sign_in(&shop.start().url, "ada", &password).await;
    let form = testkit::press(&page, &page.form("consent"), "consent-allow");
    browser.submit(&page, &form).await;
    let helper = server.administrator("helper", &["helpdesk"]).await;
    let found = helper.ask("GET", "/sessions?q=ada", None).await.json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "{found}");
    let session = &found["items"][0];
    assert_eq!((&session["username"], &session["methods"]), (&json!("ada"), &json!(["password"])));
    let id = session["id"].as_str().unwrap();
    assert_eq!(helper.ask("DELETE", &format!("/sessions/{id}"), None).await.status, 204);
    assert_eq!(helper.ask("DELETE", &format!("/sessions/{id}"), None).await.status, 404);
    assert_eq!(helper.ask("GET", "/sessions?q=ada", None).await.json()["items"], json!([]));
    assert!(!browser.is_signed_in(&shop.start_with(&[("prompt", "none")]).url).await);
    let ended = server.audit("session.ended").await;
    assert_eq!(ended.last().unwrap().actor.as_ref().map(ToString::to_string), Some(helper.account.clone()));

    let root = server.administrator("root", &["superadmin"]).await;
    let consents = root.ask("GET", "/consents?client=shop", None).await.json();
    assert_eq!(consents["items"][0]["username"], "ada", "{consents}");
    let user = consents["items"][0]["user"].as_str().unwrap();
    assert_eq!(root.ask("DELETE", &format!("/consents/{user}/shop"), None).await.status, 204);
    assert_eq!(root.ask("DELETE", &format!("/consents/{user}/shop"), None).await.status, 404);
    assert_eq!(root.ask("GET", "/consents", None).await.json()["items"], json!([]));
}
