//! Commands over the admin API: they need no running server.

use serde_json::{Value, json};
use testkit::{DeviceKey, Kind, Server, Setup};

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

#[tokio::test]
async fn sec_186_the_trail_names_who_stood_at_the_command_line() {
    let server = Setup::default().prepare();
    let _password = server.user("ada");
    run(&server, &["user", "create", "bob"]);
    let _ = server.command_with(&["user", "set-password", "bob"], "another quiet secret 7\n").done();
    run(&server, &["user", "disable", "bob"]);
    run(&server, &["user", "enable", "bob"]);
    run(&server, &["device", "enrol", "--user", "ada"]);
    let key = server.file("key.json", &DeviceKey::generate().jwk().to_string());
    let key = key.to_string_lossy().into_owned();
    let id = run(&server, &["device", "add", "--user", "ada", "--public-key", &key, "--name", "App"]);
    let id = id["id"].as_str().unwrap();
    run(&server, &["device", "suspend", id]);
    run(&server, &["device", "restore", id]);
    run(&server, &["device", "revoke", id]);
    let file = server.file("client.json", &json!({"redirect_uris": ["https://a.example/cb"]}).to_string());
    let file = file.to_string_lossy().into_owned();
    run(&server, &["client", "create", "--file", &file, "--client-id", "shop"]);
    run(&server, &["client", "update", "shop", "--file", &file]);
    run(&server, &["client", "token", "create", "--name", "partner"]);
    run(&server, &["client", "token", "delete", "partner"]);
    run(&server, &["client", "delete", "shop"]);
    run(&server, &["keys", "rotate", "--alg", "ES256", "--force"]);
    let entries = server.audit("").await;
    let mut seen = std::collections::BTreeSet::new();
    for entry in &entries {
        let by = entry.actor.as_ref().map(ToString::to_string).unwrap_or_default();
        // Keys that are missing make themselves.
        let expected: &[&str] =
            if entry.event.as_str() == "key.created" { &["operator", "system"] } else { &["operator"] };
        assert!(expected.contains(&by.as_str()), "{by:?} {entry:?}");
        seen.insert(entry.event.as_str());
    }
    for event in ["account.created", "account.changed", "enrolment.created", "device.added", "key.rotated"] {
        assert!(seen.contains(event), "{event} {seen:?}");
    }
}

#[tokio::test]
async fn sec_078_owners_are_told_what_an_operator_did_to_their_account() {
    let server = Server::start().await;
    let password = server.user("ada");
    let phone = server.phone("ada", &password, Kind::App).await;
    let _ = server.command_with(&["user", "set-password", "ada"], "another quiet secret 7\n").done();
    run(&server, &["device", "enrol", "--user", "ada"]);
    let told = phone.signed("/devices/self/notices", Some(&json!({}))).await.json();
    for kind in ["password_changed", "enrolment_made"] {
        let all = told["notices"].as_array().unwrap();
        let found = all.iter().find(|one| one["notice"]["kind"] == kind);
        assert_eq!(found.unwrap_or_else(|| panic!("{kind} {told}"))["notice"]["by"], "admin");
    }
}

#[tokio::test]
async fn claims_recoveries_and_mails_are_looked_after() {
    let server = Setup::default().prepare();
    let _password = server.user("ada");
    let made = run(
        &server,
        &[
            "claim", "create", "seat", "--kind", "number", "--scope", "work", "--label", "de=Platz",
            "--limit", "max=9",
        ],
    );
    assert_eq!((&made["edited_by"], &made["limits"]["max"]), (&json!("admin"), &json!(9)), "{made}");
    let args = ["claim", "update", "seat", "--scope", "none", "--edited-by", "owner", "--label", "en=Seat"];
    let changed = run(&server, &args);
    assert_eq!(changed["scope"], Value::Null);
    assert_eq!(changed["labels"], json!({"de": "Platz", "en": "Seat"}));
    assert_eq!((&changed["kind"], &changed["limits"]["max"]), (&json!("number"), &json!(9)));
    assert_eq!(run(&server, &["claim", "list"])[0]["name"], "seat");
    run(&server, &["user", "edit", "ada", "--claim", "seat=7"]);
    run(&server, &["claim", "delete", "seat"]);
    assert_eq!(run(&server, &["claim", "list"]), json!([]));

    let opened = run(&server, &["recovery", "open", "ada", "--reason", "called, known by voice"]);
    let id = opened["id"].as_str().unwrap();
    let early = server.command(&["recovery", "complete", id]);
    assert!(early.code == 1 && early.err.contains("waiting time"), "{early:?}");
    let again = server.command(&["recovery", "open", "ada", "--reason", "called again"]);
    assert!(again.code == 1 && again.err.contains("open already"), "{again:?}");
    assert_eq!(run(&server, &["recovery", "list", "--state", "open", "--user", "ada"])[0]["id"], id);
    assert_eq!(run(&server, &["recovery", "show", id])["reason"], "called, known by voice");
    assert_eq!(run(&server, &["recovery", "cancel", id])["state"], "cancelled");
    run(&server, &["policy", "set", "recovery", "waiting_hours=0"]);
    let opened = run(&server, &["recovery", "open", "ada", "--reason", "called once more"]);
    let done = run(&server, &["recovery", "complete", opened["id"].as_str().unwrap()]);
    assert!(done["url"].as_str().unwrap().contains("/recover#"), "{done}");

    assert_eq!(run(&server, &["notice", "list"]), json!([]));
    assert_eq!(run(&server, &["notice", "status"])["is_on"], false);
    for wrong in [
        &["notice", "test", "ada@example.org"][..],
        &["notice", "retry", "ntc_x"],
        &["claim", "delete", "seat"],
        &["claim", "update", "seat", "--scope", "work"],
        &["claim", "create", "sub", "--kind", "text"],
        &["recovery", "show", "rcv_x"],
        &["recovery", "open", "nobody", "--reason", "called"],
    ] {
        let refused = server.command(wrong);
        assert!(refused.code == 1 && !refused.err.contains("Something went wrong"), "{wrong:?} {refused:?}");
    }
}

#[tokio::test]
async fn a_job_is_undone_to_its_end_without_a_server() {
    let mut server = Setup::one_node().start().await;
    let _password = server.user("ada");
    let admin = server.administrator("root", &["superadmin"]).await;
    let ada = run(&server, &["user", "show", "ada"])["id"].clone();
    let asked = json!({"action": "disable_users", "ids": [ada]});
    let job = admin.ask("POST", "/bulk", Some(&asked)).await.json();
    let id = job["id"].as_str().unwrap_or_else(|| panic!("{job}")).to_owned();
    let _ = server.stop().await;
    assert_eq!(run(&server, &["job", "start", &id])["state"], "undoable");
    assert_eq!(run(&server, &["user", "show", "ada"])["state"], "disabled");
    let undone = run(&server, &["job", "undo", &id]);
    assert_eq!((&undone["state"], &undone["rows"]["undone"]), (&json!("undone"), &json!(1)), "{undone}");
    assert_eq!(run(&server, &["user", "show", "ada"])["state"], "active");
}
