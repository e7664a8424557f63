//! Users, groups, roles, claims and policies through the admin API.

use serde_json::{Value, json};
use testkit::wire::{Answer, Request};
use testkit::{Administrator, Server};

use crate::given::Scene;

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.word("code"))
}

fn made(answer: &Answer) -> Value {
    assert!(matches!(answer.status, 200 | 201), "{} {}", answer.status, answer.text());
    answer.json()
}

/// A change of what was seen in this version.
async fn change(who: &Administrator, method: &str, path: &str, version: u64, body: &Value) -> Answer {
    let request = who.request(method, path, Some(body)).header("if-match", &format!("\"{version}\""));
    who.browser.send(request).await
}

fn path(user: &Value) -> String {
    format!("/users/{}", user["id"].as_str().unwrap())
}

async fn user(root: &Administrator, name: &str) -> Value {
    made(&root.ask("POST", "/users", Some(&json!({ "username": name }))).await)
}

#[tokio::test]
async fn sec_084_no_field_moves_what_a_user_is() {
    let server = Server::start().await;
    let root = server.administrator("root", &["superadmin"]).await;
    let eve = user(&root, "eve").await;
    let ada =
        made(&root.ask("POST", "/users", Some(&json!({"username": "ada", "email": "a@example.org"}))).await);
    assert_eq!((&ada["email_verified"], &ada["version"]), (&json!(false), &json!(1)));
    for body in [
        json!({"id": eve["id"]}),
        json!({"sub": eve["id"]}),
        json!({"user": {"id": eve["id"]}}),
        json!({"webauthn_handle": "AAAA"}),
        json!({"roles": ["superadmin"]}),
        json!({"own_roles": ["superadmin"]}),
        json!({"groups": ["Masters"]}),
        json!({"state": "disabled"}),
        json!({"version": 9}),
        json!({"password": "a long secret of somebody"}),
        json!({"devices": []}),
        json!({"claims": {"sub": eve["id"]}}),
        json!({"claims": {"iss": "https://evil.example"}}),
        json!({"claims": {"groups": ["Masters"]}}),
        json!({"claims": {"undefined": 1}}),
    ] {
        let answer = change(&root, "PATCH", &path(&ada), 1, &body).await;
        assert_eq!(code(&answer), (400, "invalid_request".to_owned()), "{body}: {}", answer.text());
    }
    assert_eq!(made(&root.ask("GET", &path(&ada), None).await), ada);
}

#[tokio::test]
async fn sec_185_an_administrator_neither_chooses_nor_sees_a_password() {
    let scene = Scene::new().await;
    let root = scene.server.administrator("root", &["superadmin"]).await;
    let new = json!({"username": "eve", "password": "a long secret of somebody"});
    assert_eq!(root.ask("POST", "/users", Some(&new)).await.status, 400);
    let found = made(&root.ask("GET", "/users?q=ada", None).await);
    let ada = &found["items"][0];
    assert_eq!(ada["has_password"], true);
    let text = found.to_string();
    for secret in ["argon2", "\"phc\"", "hash\"", "secret\"", &scene.password] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    for field in ["password", "new_password", "phc"] {
        let answer =
            change(&root, "PATCH", &path(ada), 1, &json!({ field: "a long secret of somebody" })).await;
        assert_eq!(answer.status, 400, "{field}");
    }
    for verb in ["password", "set-password", "impersonate"] {
        let answer =
            root.ask("POST", &format!("{}/{verb}", path(ada)), Some(&json!({"password": "x"}))).await;
        assert_eq!(answer.status, 404, "{verb}");
    }
}

#[tokio::test]
async fn users_are_found_edited_stopped_and_told_apart() {
    let server = Server::start().await;
    let root = server.administrator("root", &["superadmin"]).await;
    for name in ["ada", "bob", "carl"] {
        user(&root, name).await;
    }
    let first = made(&root.ask("GET", "/users?limit=2&sort=username", None).await);
    assert_eq!((first["items"].as_array().unwrap().len(), &first["total"]), (2, &json!(4)));
    let next = format!("/users?limit=2&sort=username&cursor={}", first["next"].as_str().unwrap());
    let second = made(&root.ask("GET", &next, None).await);
    let names: Vec<_> = [&first, &second]
        .iter()
        .flat_map(|page| page["items"].as_array().unwrap())
        .map(|user| user["username"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["ada", "bob", "carl", "root"]);
    assert_eq!(second["next"], Value::Null);
    for (query, count) in [
        ("q=BO", 1),
        ("q=%25", 0),
        ("role=superadmin", 1),
        ("role=auditor", 0),
        ("state=disabled", 0),
        ("has_device=true", 0),
        ("has_passkey=false&sort=-created_at", 4),
    ] {
        let found = made(&root.ask("GET", &format!("/users?{query}"), None).await);
        assert_eq!(found["items"].as_array().unwrap().len(), count, "{query}");
    }
    for bad in [
        "limit=0",
        "limit=201",
        "sort=password",
        "state=gone",
        "role=root",
        "group=x",
        "has_device=maybe",
        "colour=red",
        "cursor=!",
        "sort=created_at&cursor=YQBh",
    ] {
        assert_eq!(
            code(&root.ask("GET", &format!("/users?{bad}"), None).await),
            (400, "invalid_request".to_owned()),
            "{bad}"
        );
    }

    let ada = made(&root.ask("GET", "/users?q=ada", None).await)["items"][0].clone();
    let shown = root.ask("GET", &path(&ada), None).await;
    assert_eq!(shown.header("etag"), Some("\"1\""));
    let blind = root.ask("PATCH", &path(&ada), Some(&json!({"name": "Ada"}))).await;
    assert_eq!(blind.status, 428);
    let edited =
        made(&change(&root, "PATCH", &path(&ada), 1, &json!({"name": "Ada <b>", "language": "de"})).await);
    assert_eq!((&edited["name"], &edited["version"]), (&json!("Ada <b>"), &json!(2)));
    let late = change(&root, "PATCH", &path(&ada), 1, &json!({"name": "Eve"})).await;
    assert_eq!((late.status, &late.json()["current_version"]), (412, &json!(2)));
    for bad in [
        json!({"name": "a\u{202e}b"}),
        json!({"name": "a\nb"}),
        json!({"name": "\u{0}"}),
        json!({"name": 7}),
        json!({"username": "a b"}),
        json!({"username": "p\u{430}ypal"}),
        json!({"username": ""}),
        json!({"email": "nobody"}),
        json!({"email": "a\u{202e}@example.org"}),
        json!({"language": "not a tag"}),
        json!({"name": "x".repeat(5000)}),
    ] {
        let answer = change(&root, "PATCH", &path(&ada), 2, &bad).await;
        assert_eq!(code(&answer), (400, "invalid_request".to_owned()), "{bad}");
        assert!(answer.json()["field"].is_string(), "{bad}: {}", answer.text());
    }
    let taken = change(&root, "PATCH", &path(&ada), 2, &json!({"username": "BOB"})).await;
    assert_eq!((code(&taken), &taken.json()["field"]), ((409, "conflict".to_owned()), &json!("username")));
    let alike = root.ask("POST", "/users", Some(&json!({"username": "b0b"}))).await;
    assert!(matches!(alike.status, 201 | 400));
    let alike = root.ask("POST", "/users", Some(&json!({"username": "car1"}))).await;
    assert_eq!(alike.status, 400);
    assert!(alike.text().contains("looks like"), "{}", alike.text());

    // Foreign ids are as if they did not exist.
    for id in ["acc_x", "x", "..", "acc_00000000000000000000000000"] {
        assert_eq!(root.ask("GET", &format!("/users/{id}"), None).await.status, 404, "{id}");
    }
    let stopped = made(&root.ask("POST", &format!("{}/disable", path(&ada)), None).await);
    assert_eq!(stopped["state"], "disabled");
    let started = made(&root.ask("POST", &format!("{}/enable", path(&ada)), None).await);
    assert_eq!(started["state"], "active");
    let bad = root.ask("POST", &format!("{}/disable", path(&ada)), Some(&json!({"reason": "a\nb"}))).await;
    assert_eq!(bad.status, 400);
}

#[tokio::test]
async fn sec_199_a_locked_then_deleted_user_is_out_at_once() {
    let scene = Scene::new().await;
    let root = scene.server.administrator("root", &["superadmin"]).await;
    let ada = made(&root.ask("GET", "/users?q=ada", None).await)["items"][0].clone();
    let tokens = scene.tokens().await;
    assert_eq!(scene.shop.userinfo(&tokens.access_token).await.status, 200);
    let locked = made(
        &root.ask("POST", &format!("{}/lock-down", path(&ada)), Some(&json!({"reason": "stolen"}))).await,
    );
    assert_eq!((&locked["user"]["state"], &locked["sessions"]), (&json!("disabled"), &json!(1)));
    assert_eq!(scene.shop.userinfo(&tokens.access_token).await.status, 401);
    assert!(!scene.browser.is_signed_in(&scene.shop.start_with(&[("prompt", "none")]).url).await);

    assert_eq!(root.ask("DELETE", &path(&ada), None).await.status, 204);
    assert_eq!(root.ask("GET", &path(&ada), None).await.status, 404);
    assert_eq!(root.ask("DELETE", &path(&ada), None).await.status, 404);
    assert_eq!(scene.shop.userinfo(&tokens.access_token).await.status, 401);
    let entry = scene.server.audit("account.deleted").await.remove(0);
    assert_eq!(entry.account.unwrap().to_string(), ada["id"].as_str().unwrap());
    assert_eq!(entry.actor.unwrap().to_string(), root.account);
    // The name is free, and whoever has it now is somebody else.
    let next = user(&root, "ada").await;
    assert_ne!(next["id"], ada["id"]);
}

#[tokio::test]
async fn sec_181_a_group_manager_does_not_make_itself_administrator() {
    let server = Server::start().await;
    let root = server.administrator("root", &["superadmin"]).await;
    let helper = server.administrator("helper", &["helpdesk"]).await;
    let own = format!("/users/{}", helper.account);
    let body = json!({"name": "Masters", "roles": ["superadmin"]});
    let masters = made(&root.ask("POST", "/groups", Some(&body)).await);
    let group = format!("/groups/{}", masters["id"].as_str().unwrap());
    // An API key may be given less than its maker, never more: this one manages groups and roles, and nothing else.
    let permissions = ["groups.read", "groups.write", "roles.write", "users.read", "users.write"];
    let key = json!({"name": "groups", "days": 7, "permissions": permissions});
    let key = made(&root.ask("POST", "/api-keys", Some(&key)).await);
    let bearer = format!("Bearer {}", key["key"].as_str().unwrap());
    let by_key = async |method: &str, path: &str, body: Value, version: u64| {
        let request = testkit::api_request(method, path, Some(&body))
            .header("authorization", &bearer)
            .header("if-match", &format!("\"{version}\""));
        server.browser().send(request).await
    };
    for (method, path, body) in [
        ("PUT", format!("{own}/roles"), json!({"roles": ["helpdesk", "superadmin"]})),
        ("POST", "/users".to_owned(), json!({"username": "mine", "roles": ["superadmin"]})),
        ("POST", "/users".to_owned(), json!({"username": "mine", "groups": [masters["id"]]})),
        ("POST", "/groups".to_owned(), json!({"name": "Mine", "roles": ["superadmin"]})),
        ("POST", format!("{group}/members"), json!({"add": [helper.account]})),
        ("PATCH", group.clone(), json!({"name": "Masters of all"})),
        ("PATCH", format!("/users/{}", root.account), json!({"email": "mine@example.org"})),
    ] {
        let answer = by_key(method, &path, body.clone(), 1).await;
        assert_eq!(code(&answer), (403, "forbidden".to_owned()), "{method} {path} {body}: {}", answer.text());
    }
    let me = made(&root.ask("GET", &own, None).await);
    assert_eq!((&me["roles"], &me["groups"]), (&json!(["helpdesk"]), &json!([])));

    // Through the group it has them at once, and loses them with it.
    let joined = json!({"add": [helper.account]});
    assert_eq!(made(&root.ask("POST", &format!("{group}/members"), Some(&joined)).await)["added"], 1);
    assert_eq!(made(&helper.ask("GET", "/policies", None).await)["items"].as_array().unwrap().len(), 4);
    let request = root.request("DELETE", &group, None).header("if-match", "\"1\"");
    assert_eq!(root.browser.send(request).await.status, 204);
    assert_eq!(code(&helper.ask("GET", "/policies", None).await), (403, "forbidden".to_owned()));
    // The last superadmin stays.
    let last =
        change(&root, "PUT", &format!("/users/{}/roles", root.account), 1, &json!({"roles": []})).await;
    assert_eq!((last.status, &last.json()["field"]), (400, &json!("roles")));
    assert_eq!(root.ask("DELETE", &format!("/users/{}", root.account), None).await.status, 400);
}

#[tokio::test]
async fn own_claims_and_groups_are_told_by_their_scopes() {
    let server = Server::start().await;
    let password = server.user("ada");
    let shop = server.client_with("shop", &json!({"scope": "openid profile work groups"}));
    let root = server.administrator("root", &["superadmin"]).await;
    let definition =
        json!({"kind": "text", "scope": "work", "labels": {"en": "Department"}, "edited_by": "admin"});
    assert_eq!(root.ask("PUT", "/claims/department", Some(&definition)).await.status, 201);
    for (name, bad) in [
        ("sub", definition.clone()),
        ("email", definition.clone()),
        ("Two%20words", definition.clone()),
        ("x", json!({"kind": "text", "scope": "openid", "edited_by": "admin"})),
        ("x", json!({"kind": "secret", "edited_by": "admin"})),
        ("x", json!({"kind": "text", "edited_by": "admin", "limits": {"min": 1}})),
        ("x", json!({"kind": "text", "edited_by": "admin", "labels": {"en": "a\u{202e}b"}})),
    ] {
        let answer = root.ask("PUT", &format!("/claims/{name}"), Some(&bad)).await;
        assert_eq!(code(&answer), (400, "invalid_request".to_owned()), "{name} {bad}");
    }
    let metadata = shop.line.send(Request::get("/.well-known/openid-configuration")).await.json();
    for (list, word) in
        [("scopes_supported", "work"), ("scopes_supported", "groups"), ("claims_supported", "department")]
    {
        assert!(metadata[list].as_array().unwrap().contains(&json!(word)), "{list} {word}: {metadata}");
    }

    let ada = made(&root.ask("GET", "/users?q=ada", None).await)["items"][0].clone();
    let body = json!({"claims": {"department": "Engines"}});
    made(&change(&root, "PATCH", &path(&ada), 1, &body).await);
    let staff = made(&root.ask("POST", "/groups", Some(&json!({"name": "Field Staff"}))).await);
    let members = format!("/groups/{}/members", staff["id"].as_str().unwrap());
    made(&root.ask("POST", &members, Some(&json!({"add": [ada["id"]]}))).await);

    let browser = server.browser();
    let started = shop.start_with(&[("scope", "openid work groups")]);
    let landed = browser.sign_in(&started.url, "ada", &password).await;
    let tokens = shop.exchange(&started, &landed).await;
    let told = shop.userinfo(&tokens.access_token).await.json();
    assert_eq!((&told["department"], &told["groups"]), (&json!("Engines"), &json!(["Field Staff"])));
    // Who did not ask learns nothing.
    let started = shop.start_with(&[("scope", "openid profile")]);
    let landed = browser.follow(&started.url).await;
    let less = shop.exchange(&started, &landed).await;
    let told = shop.userinfo(&less.access_token).await.json();
    assert!(told.get("department").is_none() && told.get("groups").is_none(), "{told}");
    // A definition that goes takes the claim along, also from tokens that are about.
    assert_eq!(root.ask("DELETE", "/claims/department", None).await.status, 204);
    let told = shop.userinfo(&tokens.access_token).await.json();
    assert!(told.get("department").is_none() && told["groups"].is_array(), "{told}");
}

#[tokio::test]
async fn policies_are_saved_in_versions_and_count_at_once() {
    let server = Server::start().await;
    let root = server.administrator("root", &["superadmin"]).await;
    let all = made(&root.ask("GET", "/policies", None).await);
    assert_eq!(all["items"].as_array().unwrap().len(), 4);
    let saved = made(&change(&root, "PATCH", "/policies/devices", 0, &json!({"per_user": 2})).await);
    assert_eq!((&saved["version"], &saved["value"]["per_user"]), (&json!(1), &json!(2)));
    let late = change(&root, "PUT", "/policies/devices", 0, &json!({})).await;
    assert_eq!((late.status, &late.json()["current_version"]), (412, &json!(1)));
    for bad in [json!({"per_user": 0}), json!({"per_user": 1e9}), json!({"per_user": "x"}), json!({"x": 1})] {
        assert_eq!(change(&root, "PATCH", "/policies/devices", 1, &bad).await.status, 400, "{bad}");
    }
    assert_eq!(root.ask("PATCH", "/policies/devices", Some(&json!({}))).await.status, 428);
    assert_eq!(change(&root, "PATCH", "/policies/moon", 0, &json!({})).await.status, 404);
    assert_eq!(made(&root.ask("GET", "/policies/devices", None).await)["value"]["per_user"], 2);
    let entry = server.audit("policy.changed").await.remove(0);
    assert_eq!(
        (entry.detail.as_deref(), entry.actor.unwrap().to_string()),
        (Some("devices"), root.account.clone())
    );
}
