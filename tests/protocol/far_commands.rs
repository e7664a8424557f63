//! Commands that go elsewhere: to a server's admin API with a key, and to the phone API as a phone.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use testkit::{Server, program};

/// A command on a computer without the server's configuration; the key stands in the environment.
fn far(server: &Server, key: &str, args: &[&str]) -> testkit::Run {
    let folder = tempfile::tempdir().unwrap();
    let done = Command::new(program())
        .args(args)
        .args(["--server", &server.issuer])
        .env("LATCHBOLT_API_KEY", key)
        .env_remove("LATCHBOLT_API_KEY_FILE")
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    testkit::Run {
        code: done.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&done.stdout).into_owned(),
        err: String::from_utf8_lossy(&done.stderr).into_owned(),
    }
}

fn key(server: &Server, permissions: &[&str]) -> String {
    let mut args = vec!["api-key", "create", "far", "--json"];
    for permission in permissions {
        args.extend(["--permission", permission]);
    }
    server.command(&args).done().json()["key"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_go_to_a_server_elsewhere_with_the_rights_of_their_key() {
    let server = Server::start().await;
    let key = key(
        &server,
        &["users.read", "users.write", "users.lock", "devices.read", "clients.write", "clients.read"],
    );
    let made = far(&server, &key, &["user", "create", "ada", "--email", "ada@example.org", "--json"]);
    assert_eq!(made.done().json()["username"], "ada");
    let here = server.command(&["user", "list", "--json"]).done().json();
    assert_eq!(far(&server, &key, &["user", "list", "--json"]).done().json(), here);
    // Users and clients demand a version over HTTP: the command names whatever is there.
    let edited = far(&server, &key, &["user", "edit", "ada", "--name", "Ada Lovelace", "--json"]);
    assert_eq!(edited.done().json()["name"], "Ada Lovelace");
    let file = server.file("far.json", &json!({"redirect_uris": ["https://a.example/cb"]}).to_string());
    let file = file.to_string_lossy().into_owned();
    let client = far(&server, &key, &["client", "create", "--file", &file, "--client-id", "far", "--json"]);
    assert!(client.done().json()["client_secret"].is_string());
    let _ = far(&server, &key, &["client", "delete", "far"]).done();
    assert_eq!(far(&server, &key, &["user", "disable", "ada", "--json"]).done().json()["state"], "disabled");
    let entries = server.audit("account.disabled").await;
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert!(entries[0].actor.as_ref().unwrap().to_string().starts_with("key_"), "{entries:?}");

    // What the key may not, what is local by nature, what is wrong.
    for (args, word) in [
        (&["group", "create", "Staff"][..], "not allowed"),
        (&["user", "disable", "nobody"], "There is no user `nobody`"),
        (&["user", "create", "Ada"], "is taken"),
        (&["user", "set-password", "ada"], "server's own computer"),
        (&["keys", "rewrap", "--new-key-file", "new.key"], "server's own computer"),
        (&["audit", "verify"], "server's own computer"),
        (&["migrate"], "server's own computer"),
    ] {
        let refused = far(&server, &key, args);
        assert_eq!(refused.code, 1, "{args:?} {refused:?}");
        assert!(refused.err.contains(word), "{args:?} {refused:?}");
    }
    let stranger = far(&server, "lbk_nobody", &["user", "list"]);
    assert_eq!(stranger.code, 1, "{stranger:?}");
    assert!(stranger.err.contains("not good") && !stranger.err.contains("lbk_nobody"), "{stranger:?}");
    assert!(far(&server, "", &["user", "list"]).err.contains("LATCHBOLT_API_KEY"));
}

/// A phone on the command line, with its state in this file.
fn phone(server: &Server, state: &str, args: &[&str], input: &str) -> testkit::Run {
    let state = server.folder().join(state).to_string_lossy().into_owned();
    let mut all = vec!["phone", "--state", &state, "--json"];
    all.extend(args);
    server.command_with(&all, input)
}

fn enrolled(server: &Server) {
    let password = server.user("ada");
    let args = ["enrol", "--issuer", &server.issuer, "--user", "ada", "--password-stdin", "--agree"];
    let _ = phone(server, "old.json", &args, &format!("{password}\n")).done();
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_082_a_phone_on_the_command_line_renews_its_key() {
    let server = Server::start().await;
    enrolled(&server);
    let file = server.folder().join("old.json");
    let before = std::fs::read(&file).unwrap();
    let renewed = phone(&server, "old.json", &["renew"], "").done().json();
    let device = renewed["device"].as_str().unwrap();
    let shown = server.command(&["device", "show", device, "--json"]).done().json();
    assert_eq!(shown["key"]["thumbprint"], renewed["key"]);
    assert_eq!(phone(&server, "old.json", &["status"], "").done().json()["state"], "active");
    // An answer that was lost: the file has the present key and the next one, and the server took the next one.
    let mut kept: Value = serde_json::from_slice(&before).unwrap();
    let now: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert!(now.get("next").is_none());
    kept["next"] = now["key"].clone();
    std::fs::write(&file, kept.to_string()).unwrap();
    assert_eq!(phone(&server, "old.json", &["status"], "").code, 1, "the key before is dead");
    assert_eq!(phone(&server, "old.json", &["renew"], "").done().json()["key"], renewed["key"]);
    assert_eq!(phone(&server, "old.json", &["status"], "").done().json()["state"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_on_the_command_line_moves_to_a_new_one() {
    let server = Server::start().await;
    enrolled(&server);
    let device = phone(&server, "old.json", &["status"], "").done().json()["device"].clone();
    assert_eq!(
        phone(&server, "old.json", &["move", "approve", "--number", "123"], "").code,
        1,
        "nothing scanned"
    );
    let state = server.folder().join("new.json");
    let mut new = Command::new(program())
        .args(["phone", "--state"])
        .arg(&state)
        .args(["--json", "move", "begin", "--issuer", &server.issuer, "--agree"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(new.stdout.take().unwrap()).lines();
    let mut line = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    let url = line()["url"].as_str().unwrap().to_owned();
    assert_eq!(phone(&server, "old.json", &["move", "scan", "--url", &format!("{url}x")], "").code, 1);
    let scanned = phone(&server, "old.json", &["move", "scan", "--url", &url], "").done().json();
    assert_eq!(scanned["same_network"], true);
    let shown = line();
    assert_eq!(shown["username"], "ada");
    let number = shown["number"].as_str().unwrap();
    let wrong = if number == "123" { "124" } else { "123" };
    let refused = phone(&server, "old.json", &["move", "approve", "--number", wrong], "");
    assert!(refused.code == 1 && refused.err.contains("2 more tries"), "{refused:?}");
    let _ = phone(&server, "old.json", &["move", "approve", "--number", number], "").done();
    assert_eq!(line()["device"], device, "the device stays the same one");
    assert!(new.wait().unwrap().success());
    assert_eq!(phone(&server, "new.json", &["status"], "").done().json()["state"], "active");
    assert_eq!(phone(&server, "old.json", &["status"], "").code, 1, "the old key is dead");
    assert_eq!(server.command(&["device", "list", "--json"]).done().json().as_array().unwrap().len(), 1);
}
