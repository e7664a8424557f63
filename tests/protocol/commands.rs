//! The command line: `--json` for machines, sentences for people, exit codes.

use serde_json::{Value, json};
use testkit::{DeviceKey, Run, Server};

fn items(value: &Value) -> Vec<Value> {
    if let Some(list) = value.as_array() {
        return list.clone();
    }
    let object = value.as_object().expect("a list, or an object with one");
    object.values().find_map(Value::as_array).cloned().expect("a list")
}

#[track_caller]
fn wrong(run: &Run, code: i32) {
    assert_eq!(run.code, code, "{run:?}");
    assert!(run.out.is_empty() || code == 1, "{run:?}");
    assert!(!run.err.trim().is_empty() && !run.err.contains("panicked"), "{run:?}");
}

#[tokio::test]
async fn users_are_made_listed_disabled_and_enabled() {
    let server = Server::start().await;
    let _ = server.user("ada");
    let made = server
        .command_with(
            &["user", "create", "grace", "--email", "grace@mail.example", "--password-stdin", "--json"],
            "another long secret\n",
        )
        .done()
        .json();
    assert_eq!(made["username"], "grace");
    assert!(!made.to_string().contains("another long secret"));
    let list = items(&server.command(&["user", "list", "--json"]).done().json());
    assert_eq!(list.len(), 2, "{list:?}");
    let state = |name: &str| {
        let list = items(&server.command(&["user", "list", "--json"]).done().json());
        list.iter().find(|user| user["username"] == name).map(|user| user["state"].clone()).unwrap()
    };
    let active = state("ada");
    let _ = server.command(&["user", "disable", "ada", "--json"]).done();
    assert_ne!(state("ada"), active);
    let _ = server.command(&["user", "enable", "ada", "--json"]).done();
    assert_eq!(state("ada"), active);
    // Taken, also in other letters; unknown; too short.
    wrong(&server.command_with(&["user", "create", "Ada", "--password-stdin"], "a long enough secret\n"), 1);
    wrong(&server.command(&["user", "disable", "nobody"]), 1);
    wrong(&server.command_with(&["user", "create", "short", "--password-stdin"], "123\n"), 1);
}

#[tokio::test]
async fn clients_are_registered_and_deleted() {
    let server = Server::start().await;
    let file = server.file(
        "client.json",
        &json!({"redirect_uris": ["https://a.example/cb"], "client_name": "A"}).to_string(),
    );
    let file = file.to_string_lossy().into_owned();
    let made = server.command(&["client", "create", "--file", &file, "--json"]).done().json();
    let id = made["client_id"].as_str().unwrap().to_owned();
    assert!(made["client_secret"].as_str().is_some_and(|secret| secret.len() >= 32));
    assert_eq!(made["redirect_uris"], json!(["https://a.example/cb"]));
    let list = server.command(&["client", "list", "--json"]).done();
    assert!(list.out.contains(&id) && !list.out.contains(made["client_secret"].as_str().unwrap()));
    wrong(&server.command(&["client", "create", "--file", &file, "--client-id", &id]), 1);
    let _ = server.command(&["client", "delete", &id, "--json"]).done();
    wrong(&server.command(&["client", "delete", &id]), 1);
    let own = "a secret of our own choice, long enough";
    let chosen =
        ["client", "create", "--file", &file, "--client-id", "own", "--client-secret-stdin", "--json"];
    let _ = server.command_with(&chosen, &format!("{own}\n")).done();
    wrong(&server.command(&["client", "create", "--file", "/no/such/file"]), 1);
    let broken = server.file("broken.json", "{").to_string_lossy().into_owned();
    wrong(&server.command(&["client", "create", "--file", &broken]), 1);
}

#[tokio::test]
async fn devices_are_added_suspended_and_revoked() {
    let server = Server::start().await;
    let _ = server.user("ada");
    let key = DeviceKey::generate();
    let jwk = server.file("jwk.json", &key.jwk().to_string()).to_string_lossy().into_owned();
    let add = ["device", "add", "--user", "ada", "--public-key", &jwk, "--name", "My phone", "--json"];
    let added = server.command(&add).done().json();
    let id = added["id"].as_str().or_else(|| added["device"].as_str()).unwrap().to_owned();
    // The same key once in the whole system (SEC-072).
    wrong(&server.command(&add[..8]), 1);
    let list = server.command(&["device", "list", "--json"]).done();
    assert!(list.out.contains(&id) && list.out.contains("My phone"));
    let _ = server.command(&["device", "suspend", &id]).done();
    let _ = server.command(&["device", "revoke", &id, "--json"]).done();
    wrong(&server.command(&["device", "restore", &id]), 1);
    // An app made for CAS goes by its name, whose owner is one person; it has no key (SEC-084).
    let app = ["device", "add", "--user", "ada", "--cas-id", "Adas-App", "--json"];
    let added = server.command(&app).done().json();
    assert_eq!((&added["kind"], &added["cas_name"]), (&json!("cas"), &json!("adas-app")));
    assert_eq!((&added["key"], &added["name"]), (&json!(null), &json!("adas-app")));
    wrong(&server.command(&app), 1);
    let (both, neither) = (["--cas-id", "x", "--public-key", &jwk], ["--name", "x"]);
    let begins = ["device", "add", "--user", "ada"];
    wrong(&server.command(&[&begins[..], &both].concat()), 2);
    wrong(&server.command(&[&begins[..], &neither].concat()), 2);
    // Bad keys do not enter (SEC-073).
    let good = key.jwk();
    for (at, bad) in [
        json!({}),
        json!({"kty": "EC", "crv": "P-192", "x": "AA", "y": "AA"}),
        json!({"kty": "EC", "crv": "P-256", "x": good["x"], "y": good["x"]}),
        json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}),
        json!({"kty": "EC", "crv": "P-256", "x": good["x"], "y": good["y"], "d": good["x"]}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"}),
    ]
    .iter()
    .enumerate()
    {
        let file = server.file(&format!("bad{at}.json"), &bad.to_string()).to_string_lossy().into_owned();
        wrong(&server.command(&["device", "add", "--user", "ada", "--public-key", &file, "--name", "x"]), 1);
    }
}

#[tokio::test]
async fn keys_are_listed_without_their_secrets() {
    let server = Server::start().await;
    let list = server.command(&["keys", "list", "--json"]).done();
    assert!(items(&list.json()).len() >= 2);
    assert!(!list.out.contains("\"d\"") && !list.out.contains("PRIVATE"));
    let again = server.command(&["keys", "rotate", "--force", "--json"]).done();
    assert_ne!(server.command(&["keys", "list", "--json"]).done().out, list.out);
    assert!(!again.out.contains("\"d\""));
}

#[tokio::test]
async fn check_config_names_line_and_nearest_key() {
    let server = Server::start().await;
    assert_eq!(server.command(&["check-config"]).code, 0);
    let good = std::fs::read_to_string(server.config()).unwrap();
    let path = server.file("odd.toml", &good.replace("[issuer]", "[issuer]\nulr = \"https://x.example\""));
    let line =
        std::fs::read_to_string(&path).unwrap().lines().position(|line| line.starts_with("ulr")).unwrap() + 1;
    let run = std::process::Command::new(testkit::program())
        .args(["check-config", "--config"])
        .arg(&path)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&run.stderr).into_owned() + &String::from_utf8_lossy(&run.stdout);
    assert_eq!(run.status.code(), Some(1), "{told}");
    assert!(told.contains("ulr") && told.contains("url") && told.contains(&line.to_string()), "{told}");
    // The server does not start with it either.
    let run = std::process::Command::new(testkit::program())
        .args(["serve", "--config"])
        .arg(&path)
        .output()
        .unwrap();
    assert_ne!(run.status.code(), Some(0));
}

#[test]
fn wrong_usage_is_exit_code_2() {
    for args in [vec!["nonsense"], vec!["user"], vec!["user", "create"], vec!["serve", "--nonsense"], vec![]]
    {
        let run = std::process::Command::new(testkit::program()).args(&args).output().unwrap();
        assert_eq!(run.status.code(), Some(2), "{args:?}");
    }
}
