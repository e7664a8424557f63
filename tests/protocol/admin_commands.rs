//! Commands over the admin API: they need no running server.

use serde_json::{Value, json};
use testkit::{Server, Setup};

fn run(server: &Server, args: &[&str]) -> Value {
    let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
    server.command(&args).done().json()
}

#[tokio::test]
async fn people_groups_and_roles_are_looked_after() {
    let server = Setup::default().prepare();
    let _password = server.user("ada");
    assert_eq!(run(&server, &["user", "edit", "ada", "--name", "Ada Lovelace"])["name"], "Ada Lovelace");
    assert_eq!(run(&server, &["group", "create", "Staff", "--role", "auditor"])["roles"], json!(["auditor"]));
    run(&server, &["user", "group", "add", "ADA", "staff"]);
    run(&server, &["user", "role", "add", "ada", "helpdesk"]);
    let ada = run(&server, &["user", "show", "ada"]);
    assert_eq!((&ada["own_roles"], &ada["groups"]), (&json!(["helpdesk"]), &json!(["Staff"])));
    assert_eq!(ada["roles"], json!(["helpdesk", "auditor"]));
    run(&server, &["user", "role", "remove", "ada", "helpdesk"]);
    assert_eq!(run(&server, &["user", "show", "ada"])["roles"], json!(["auditor"]));
    let key = run(&server, &["api-key", "create", "backup", "--permission", "users.read", "--days", "3"]);
    assert!(key["key"].as_str().unwrap().starts_with("lbk_"));
    assert_eq!(run(&server, &["api-key", "list"])[0]["state"], "active");
    run(&server, &["api-key", "revoke", key["id"].as_str().unwrap()]);
    assert_eq!(run(&server, &["api-key", "list"])[0]["state"], "revoked");
    run(&server, &["user", "lock-down", "ada"]);
    assert_eq!(run(&server, &["user", "show", "ada"])["state"], "disabled");
    for wrong in [
        &["user", "show", "nobody"][..],
        &["user", "delete", "ada"],
        &["user", "role", "add", "ada", "emperor"],
        &["session", "end", "ses_x"],
        &["policy", "show", "weather"],
        &["job", "show", "job_x"],
    ] {
        assert_eq!(server.command(wrong).code, 1, "{wrong:?}");
    }
}

#[tokio::test]
async fn files_are_applied_once_and_come_back() {
    let server = Setup::default().prepare();
    let _password = server.user("ada");
    let folder = server.folder().join("wanted");
    std::fs::create_dir_all(&folder).unwrap();
    let all = folder.join("all.toml");
    std::fs::write(
        &all,
        r#"
        [claims.department]
        kind = "text"
        edited_by = "admin"
        [policies.devices]
        per_user = 3
        [groups.Staff]
        description = "Everybody"
        [clients.shop]
        client_name = "Shop"
        redirect_uris = ["https://shop.example/cb"]
        [users.ada]
        name = "Ada Lovelace"
        groups = ["Staff"]
        roles = ["auditor"]
        claims = { department = "Research" }
        [users.bob]
        email = "bob@example.org"
        state = "disabled"
        "#,
    )
    .unwrap();
    let dir = folder.to_str().unwrap();
    assert_eq!(server.command(&["apply", dir, "--dry-run"]).code, 1, "something differs");
    assert_eq!(server.command(&["apply", dir]).code, 1, "nobody said yes");
    let done = run(&server, &["apply", dir, "--yes"]);
    assert_eq!((&done["applied"], done["plan"].as_array().unwrap().len()), (&json!(true), 6), "{done}");
    assert!(done["client_secrets"]["shop"].is_string());
    assert_eq!(run(&server, &["apply", dir, "--yes"]), json!({"plan": [], "applied": false}));
    let ada = run(&server, &["user", "show", "ada"]);
    assert_eq!((&ada["claims"]["department"], &ada["groups"]), (&json!("Research"), &json!(["Staff"])));
    // What is there, as files: applied to itself it changes nothing, and no secret is in it.
    let out = server.folder().join("out");
    run(&server, &["export", out.to_str().unwrap()]);
    assert_eq!(run(&server, &["apply", out.to_str().unwrap(), "--dry-run"])["plan"], json!([]));
    for file in std::fs::read_dir(&out).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(
            !text.contains(done["client_secrets"]["shop"].as_str().unwrap()) && !text.contains("$argon2")
        );
    }
    std::fs::write(&all, "[users.ada]\nemial = \"x\"\n").unwrap();
    let refused = server.command(&["apply", dir, "--yes"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("is `email` meant?"), "{}", refused.err);
}
