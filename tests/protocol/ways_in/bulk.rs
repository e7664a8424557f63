//! Deeds to many, and long work that is killed.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{DeviceKey, Kind, Phone};

use super::{asked, got, made, planned, reached, rows, run, server};

#[tokio::test]
async fn a_deed_to_many_is_looked_at_done_and_undone() {
    let (server, admin) = server().await;
    let _ = server.user("ada");
    let mut phones = Vec::new();
    for _ in 0..3 {
        let link = made(&admin, "/enrolments", &json!({"user": "ada"})).await;
        phones.push(Phone::enrol_by_link(server.browser(), link["url"].as_str().unwrap(), Kind::App).await);
    }
    let ids: Vec<&str> = phones.iter().map(|phone| phone.device.as_str()).collect();
    let mut wanted =
        json!({"action": "suspend_devices", "ids": [ids[0], ids[1], "dev_x"], "reason": "stock-taking"});
    let job = made(&admin, "/bulk", &wanted).await;
    assert_eq!((&job["rows"]["to_do"], &job["rows"]["conflict"]), (&json!(2), &json!(1)));
    assert_eq!(asked(&phones[0]).await.status, 200, "a preview changes nothing");
    // One of them changes by another hand before the start: that decision stands.
    assert_eq!(made(&admin, &format!("/devices/{}/suspend", ids[1]), &json!({})).await["state"], "suspended");
    let done = run(&admin, &job, "undoable").await;
    assert_eq!((&done["rows"]["done"], &done["rows"]["failed"]), (&json!(1), &json!(1)));
    assert!(done["undo_until"].is_string());
    assert_eq!(asked(&phones[0]).await.status, 403);
    assert_eq!(asked(&phones[2]).await.status, 200);
    made(&admin, &format!("/jobs/{}/undo", done["id"].as_str().unwrap()), &json!({})).await;
    let undone = reached(&admin, done["id"].as_str().unwrap(), "undone").await;
    assert_eq!(undone["rows"]["undone"], 1);
    assert_eq!(asked(&phones[0]).await.status, 200);
    assert_eq!(asked(&phones[1]).await.status, 403, "the other hand's decision stands");

    wanted = json!({"action": "suspend_devices", "filter": {"state": "active", "q": "ada"}});
    let job = made(&admin, "/bulk", &wanted).await;
    assert_eq!(job["rows"]["to_do"], 2);
    let stopped =
        admin.ask("POST", &format!("/jobs/{}/cancel", job["id"].as_str().unwrap()), Some(&json!({}))).await;
    assert_eq!(stopped.json()["state"], "cancelled");

    // People: disabled, and let back by undoing.
    let account = phones[0].account.clone();
    let job =
        made(&admin, "/bulk", &json!({"action": "disable_users", "ids": [account, admin.account]})).await;
    assert_eq!(
        (&job["rows"]["to_do"], &job["rows"]["conflict"]),
        (&json!(1), &json!(1)),
        "no superadmin among them"
    );
    let done = run(&admin, &job, "undoable").await;
    assert_eq!(asked(&phones[0]).await.status, 403);
    made(&admin, &format!("/jobs/{}/undo", done["id"].as_str().unwrap()), &json!({})).await;
    reached(&admin, done["id"].as_str().unwrap(), "undone").await;
    assert_eq!(asked(&phones[0]).await.status, 200);

    // What cannot be undone says so by being finished at once.
    let job = made(&admin, "/bulk", &json!({"action": "end_user_sessions", "ids": [account]})).await;
    let over = run(&admin, &job, "finished").await;
    assert_eq!(over["undo_until"], Value::Null);

    for bad in [
        json!({"action": "delete_users", "ids": []}),
        json!({"action": "suspend_devices"}),
        json!({"action": "suspend_devices", "ids": [], "filter": {}}),
        json!({"action": "suspend_devices", "filter": {"state": "x"}}),
        json!({"action": "disable_users", "filter": {"unused_days": 3}}),
        json!({"action": "add_to_group", "ids": []}),
        json!({"action": "add_to_group", "ids": [], "group": "nobody's"}),
        json!({"action": "suspend_devices", "ids": [], "group": "x"}),
    ] {
        assert_eq!(admin.ask("POST", "/bulk", Some(&bad)).await.status, 400, "{bad}");
    }
    let registrar = server.administrator("registrar", &["device_registrar"]).await;
    let refused = registrar.ask("POST", "/bulk", Some(&json!({"action": "disable_users", "ids": []}))).await;
    assert_eq!(refused.status, 403, "each deed needs its own permission");
}

#[tokio::test]
async fn an_import_that_is_killed_goes_on_and_does_each_row_once() {
    const PEOPLE: usize = 200;
    const KEYS: usize = 5;
    let (mut server, admin) = server().await;
    let names: Vec<String> = (0..PEOPLE).map(|number| format!("person{number}")).collect();
    let job = planned(&admin, "users", &format!("username\n{}\n", names.join("\n"))).await;
    let made_people = run(&admin, &job, "finished").await;
    assert_eq!(made_people["rows"]["done"], PEOPLE);

    let mut file = "username,public_key\n".to_owned();
    for number in 0..PEOPLE * KEYS {
        let jwk = DeviceKey::generate().jwk().to_string().replace('"', "\"\"");
        file.push_str(&format!("{},\"{jwk}\"\n", names[number % PEOPLE]));
    }
    let job = planned(&admin, "devices", &file).await;
    let id = job["id"].as_str().unwrap().to_owned();
    made(&admin, &format!("/jobs/{id}/start"), &json!({})).await;
    let mut acknowledged = 0;
    for pause in [150, 40, 250, 90] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let seen = admin.browser.try_send(admin.request("GET", &format!("/jobs/{id}"), None)).await;
        server.kill();
        if let Ok(answer) = seen {
            acknowledged = answer.json()["rows"]["done"].as_u64().unwrap();
        }
        server.run_again().await;
        let after = got(&admin, &format!("/jobs/{id}")).await;
        assert!(
            after["rows"]["done"].as_u64().unwrap() >= acknowledged,
            "nothing acknowledged is lost: {after}"
        );
    }
    let done = reached(&admin, &id, "finished").await;
    assert_eq!((&done["rows"]["done"], &done["rows"]["failed"]), (&json!(PEOPLE * KEYS), &json!(0)));
    let subjects: BTreeSet<String> =
        rows(&admin, &done, "").await.iter().map(|row| row["subject"].as_str().unwrap().to_owned()).collect();
    assert_eq!(subjects.len(), PEOPLE * KEYS, "each row made one phone");
    assert_eq!(server.audit("device.added").await.len().min(500), 500);
    let mut listed = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let page = got(&admin, &format!("/devices?limit=200{cursor}")).await;
        listed.extend(
            page["items"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(listed, subjects, "and there are no others");
}
