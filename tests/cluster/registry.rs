//! The registry on several nodes: what one node says of a phone holds on all, work outlives its node, and the trail
//! is one chain whoever writes (SEC-079, SEC-080, SEC-186).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::wire::{Answer, Request};
use testkit::{Administrator, Kind, Phone};

use crate::given::{Scene, becomes, patient};

/// SEC-079.
const STOPPED: Duration = Duration::from_secs(1);
/// A node that is not heard of loses its work after thirty seconds.
const TAKEN_OVER: Duration = Duration::from_secs(45);

async fn scene(nodes: usize) -> (Scene, Administrator) {
    let scene = Scene::with(patient(nodes)).await;
    let admin = scene.server.administrator("root", &["superadmin"]).await;
    (scene, admin)
}

/// Asks at one node.
async fn at(scene: &Scene, admin: &Administrator, node: usize, path: &str, body: Option<&Value>) -> Value {
    admin.browser.go_to(scene.port(node));
    let answer = admin.ask(if body.is_some() { "POST" } else { "GET" }, path, body).await;
    assert!([200, 201].contains(&answer.status), "node {node}: {path}: {} {}", answer.status, answer.text());
    answer.json()
}

/// New phones wait from now on.
async fn approval_is_needed(scene: &Scene, admin: &Administrator, node: usize) {
    let policy = at(scene, admin, node, "/policies/devices", None).await;
    let request = admin
        .request("PATCH", "/policies/devices", Some(&json!({"approval": true})))
        .header("if-match", &format!("\"{}\"", policy["version"]));
    assert_eq!(admin.browser.send(request).await.status, 200);
}

/// What a node tells a phone about itself.
async fn state(scene: &Scene, phone: &Phone, node: usize) -> String {
    phone.line.go_to(scene.port(node));
    let answer = phone.signed("/devices/self", Some(&json!({}))).await;
    assert_eq!(answer.status, 200, "node {node}: {}", answer.text());
    answer.word("state")
}

/// What a node answers a phone that scans the QR of a browser there.
async fn scanned(scene: &Scene, phone: &Phone, node: usize) -> u16 {
    phone.line.go_to(scene.port(node));
    let login = scene.shown_by(node).await;
    phone.try_scan(&login.qr.url).await.status
}

fn decision(phone: &Phone, word: &str) -> Value {
    json!({"ids": [phone.device], "decision": word, "reason": "seen"})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_079_what_one_node_says_of_a_phone_holds_on_every_node() {
    let (scene, admin) = scene(3).await;
    let phone = scene.phone().await;
    for node in 0..3 {
        assert_eq!(scanned(&scene, &phone, node).await, 200);
    }
    let path = |verb: &str| format!("/devices/{}/{verb}", phone.device);
    for (by, verb, word, answers) in
        [(0, "suspend", "suspended", 403), (1, "restore", "active", 200), (2, "revoke", "revoked", 403)]
    {
        let done = at(&scene, &admin, by, &path(verb), Some(&json!({"reason": "seen"}))).await;
        let said = Instant::now();
        let done = if done["device"].is_object() { &done["device"] } else { &done };
        assert_eq!(done["state"], word, "{done}");
        // The nodes that were told last first, and all of them within the second: nobody waits for a cache.
        let others = [(by + 1) % 3, (by + 2) % 3, by];
        for node in others {
            assert_eq!(state(&scene, &phone, node).await, word, "node {node}");
        }
        let took = said.elapsed();
        println!("{word} on node {by}, known on every node: {took:?}");
        assert!(took < STOPPED, "{word}: {took:?}");
        for node in others {
            assert_eq!(scanned(&scene, &phone, node).await, answers, "{word} by node {by}, node {node}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_075_a_queue_is_one_queue_on_every_node() {
    let (scene, admin) = scene(3).await;
    approval_is_needed(&scene, &admin, 0).await;
    // Policies may be two seconds old elsewhere.
    for node in 1..3 {
        becomes(&format!("the policy on node {node}"), Duration::from_secs(3), async || {
            at(&scene, &admin, node, "/policies/devices", None).await["value"]["approval"] == true
        })
        .await;
    }
    let mut phones = Vec::new();
    for (node, name) in ["bob", "carol", "dora"].into_iter().enumerate() {
        let password = scene.server.user(name);
        phones.push(Phone::enrol(scene.server.browser_at(node), name, &password, Kind::App).await);
        assert_eq!(state(&scene, &phones[node], (node + 1) % 3).await, "pending");
    }
    let waiting = async |node| {
        let queue = at(&scene, &admin, node, "/approvals", None).await;
        let ids = queue["items"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned());
        ids.collect::<BTreeSet<_>>()
    };
    let all: BTreeSet<String> = phones.iter().map(|phone| phone.device.clone()).collect();
    for node in 0..3 {
        assert_eq!(waiting(node).await, all, "node {node}");
    }
    let approved = at(&scene, &admin, 1, "/approvals/decide", Some(&decision(&phones[0], "approve"))).await;
    assert_eq!(approved["results"][0]["outcome"], "done", "{approved}");
    for node in [0, 2, 1] {
        assert!(!waiting(node).await.contains(&phones[0].device), "node {node}");
        assert_eq!(scanned(&scene, &phones[0], node).await, 200, "node {node}");
        assert_eq!(scanned(&scene, &phones[1], node).await, 403, "node {node}");
    }
    // Two who decide at the same moment on two nodes: one of them decides.
    let other = scene.server.administrator("second", &["device_registrar"]).await;
    for phone in &phones[1..] {
        admin.browser.go_to(scene.port(0));
        other.browser.go_to(scene.port(2));
        let (yes, no) = (decision(phone, "approve"), decision(phone, "reject"));
        let (one, two) = tokio::join!(
            admin.ask("POST", "/approvals/decide", Some(&yes)),
            other.ask("POST", "/approvals/decide", Some(&no)),
        );
        let outcomes = [&one, &two].map(|answer| answer.json()["results"][0]["outcome"].clone());
        let won = outcomes.iter().filter(|outcome| **outcome == "done").count();
        assert_eq!(won, 1, "{outcomes:?}");
        let word = if outcomes[0] == "done" { "active" } else { "revoked" };
        let entries = ["device.approved", "device.rejected"];
        let mut told = 0;
        for (event, is_this) in entries.into_iter().zip([word == "active", word == "revoked"]) {
            let path = format!("/audit?event={event}&device={}", phone.device);
            let found = at(&scene, &admin, 1, &path, None).await["items"].as_array().unwrap().len();
            assert_eq!(found, usize::from(is_this), "{event}");
            told += found;
        }
        assert_eq!(told, 1);
        assert_eq!(state(&scene, phone, 1).await, word);
    }
}

/// Sends to node 0 while it is killed.
async fn in_peril(
    scene: &mut Scene,
    admin: &Administrator,
    request: Request,
    after: Duration,
) -> Option<Answer> {
    admin.browser.go_to(scene.port(0));
    let node = &mut scene.server.nodes[0];
    let killing = async {
        tokio::time::sleep(after).await;
        node.kill();
    };
    tokio::join!(admin.browser.try_send(request), killing).0.ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_080_an_approval_or_a_revocation_that_was_acknowledged_outlives_its_node() {
    let (mut scene, admin) = scene(2).await;
    approval_is_needed(&scene, &admin, 1).await;
    let (mut acknowledged, mut lost) = (0, 0);
    for (round, after) in [0, 2_000, 6_000, 12_000, 25_000, 60_000, 150_000].into_iter().enumerate() {
        let after = Duration::from_micros(after);
        let name = format!("person{round}");
        let password = scene.server.user(&name);
        let phone = Phone::enrol(scene.server.browser_at(1), &name, &password, Kind::App).await;
        assert_eq!(state(&scene, &phone, 1).await, "pending");
        let deeds = [
            ("/approvals/decide".to_owned(), decision(&phone, "approve"), "pending", "active"),
            (format!("/devices/{}/revoke", phone.device), json!({}), "active", "revoked"),
        ];
        for (path, body, before, done) in deeds {
            let request = admin.request("POST", &path, Some(&body));
            let answer = in_peril(&mut scene, &admin, request, after).await;
            let now = state(&scene, &phone, 1).await;
            match answer {
                Some(answer) => {
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    assert_eq!(now, done, "acknowledged: {}", answer.text());
                    acknowledged += 1;
                }
                None => {
                    assert!([before, done].contains(&now.as_str()), "{now}");
                    lost += 1;
                }
            }
            // Asked once more where somebody answers: done once, whichever of the two did it.
            at(&scene, &admin, 1, &path, Some(&body)).await;
            assert_eq!(state(&scene, &phone, 1).await, done);
            scene.server.nodes[0].start().await;
            assert_eq!(state(&scene, &phone, 0).await, done);
        }
        for event in ["device.approved", "device.revoked"] {
            let found =
                at(&scene, &admin, 0, &format!("/audit?event={event}&device={}", phone.device), None).await;
            assert_eq!(found["items"].as_array().unwrap().len(), 1, "{event}: {found}");
        }
    }
    println!("{acknowledged} deeds were acknowledged, {lost} lost their answer");
    assert!(acknowledged > 0 && lost > 0);
    let _ = scene.server.command(&["audit", "verify"]).done();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_goes_on_when_its_node_is_killed_and_does_each_row_once() {
    const PEOPLE: usize = 1_500;
    let (mut scene, admin) = scene(3).await;
    let names: Vec<String> = (0..PEOPLE).map(|number| format!("person{number}")).collect();
    admin.browser.go_to(scene.port(0));
    let mut request = admin.request("POST", "/imports?kind=users", None);
    request.headers.push(("content-type".to_owned(), "text/csv".to_owned()));
    request.body = format!("username\n{}\n", names.join("\n")).into_bytes();
    let planned = admin.browser.send(request).await;
    assert_eq!(planned.status, 201, "{}", planned.text());
    let id = planned.json()["id"].as_str().unwrap().to_owned();
    let job = format!("/jobs/{id}");

    // The others are held while node 0 takes the work.
    for node in 1..3 {
        scene.server.nodes[node].signal("STOP");
    }
    at(&scene, &admin, 0, &format!("{job}/start"), Some(&json!({}))).await;
    let begun = Instant::now();
    let acknowledged = loop {
        let seen = at(&scene, &admin, 0, &job, None).await;
        let done = seen["rows"]["done"].as_u64().unwrap();
        if done > 0 {
            break done;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "node 0 does not begin: {seen}");
    };
    scene.server.nodes[0].kill();
    for node in 1..3 {
        scene.server.nodes[node].signal("CONT");
    }
    let seen = at(&scene, &admin, 1, &job, None).await;
    assert!(seen["rows"]["done"].as_u64().unwrap() >= acknowledged, "{seen}");
    assert_eq!(seen["state"], "running", "killed too late to show anything: {seen}");
    becomes("work of a killed node is finished by another", TAKEN_OVER, async || {
        at(&scene, &admin, 2, &job, None).await["state"] == "finished"
    })
    .await;
    scene.server.nodes[0].start().await;
    let done = at(&scene, &admin, 0, &job, None).await;
    assert_eq!((&done["rows"]["done"], &done["rows"]["failed"]), (&json!(PEOPLE), &json!(0)), "{done}");
    let count = |sql: &str| scene.server.postgres().query(sql).unwrap();
    let people = PEOPLE.to_string();
    assert_eq!(count("SELECT count(*) FROM accounts WHERE username LIKE 'person%'"), people);
    assert_eq!(count("SELECT count(DISTINCT subject) FROM job_rows"), people);
    let told = "SELECT count(*) FROM audit WHERE event = 'account.created' AND account_id IN (SELECT subject FROM job_rows)";
    assert_eq!(count(told), people);
    let _ = scene.server.command(&["audit", "verify"]).done();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_186_three_nodes_write_one_chain_and_a_change_to_it_is_found() {
    let (scene, _) = scene(3).await;
    let (browser, _) = scene.signed_in().await;
    let cookie = browser.cookie("__Host-lb_session").unwrap();
    // One who draws a number early and is done late, past two times of sealing.
    let late = "INSERT INTO audit (at, event, outcome, detail) VALUES (1, 'key.created', 'done', 'late'); SELECT pg_sleep(14)";
    let database = scene.server.postgres().name().to_owned();
    let beside = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let slow = move || backing::Postgres::shared().query(&database, late);
        tokio::task::spawn_blocking(slow).await.unwrap().unwrap();
    };
    let began = Instant::now();
    let write = async |node: usize| {
        let (copy, shop) = (scene.server.browser_at(node), scene.shop_at(node));
        copy.set_cookie("__Host-lb_session", &cookie);
        let mut written = 0;
        while began.elapsed() < Duration::from_secs(24) {
            let started = scene.shop.start_with(&[("prompt", "none")]);
            let landed = copy.follow(&started.url).await;
            shop.exchange(&started, &landed).await;
            written += 1;
        }
        written
    };
    let (_, a, b, c, d, e, f) =
        tokio::join!(beside, write(0), write(1), write(2), write(0), write(1), write(2));
    let written = a + b + c + d + e + f;
    let verify = || scene.server.command(&["audit", "verify", "--json"]);
    let mut found = Value::Null;
    becomes("all entries are sealed", Duration::from_secs(40), async || {
        found = verify().done().json();
        assert_eq!(found["intact"], true, "{found}");
        found["waiting"] == 0
    })
    .await;
    let query = |sql: &str| scene.server.postgres().query(sql).unwrap();
    assert_eq!(found["entries"].to_string(), query("SELECT count(*) FROM audit"));
    println!("{written} codes were redeemed by three nodes: {found}");
    assert!(found["blocks"].as_i64().unwrap() >= 2, "{found}");

    let late = query("SELECT number FROM audit WHERE detail = 'late'");
    query("CREATE TABLE kept AS SELECT * FROM audit");
    let restore = format!(
        "DELETE FROM audit WHERE number = {late};
         INSERT INTO audit OVERRIDING SYSTEM VALUE SELECT * FROM kept WHERE number = {late}"
    );
    for (sql, what) in [
        (format!("UPDATE audit SET address = '203.0.113.9' WHERE number = {late}"), "changed"),
        (format!("UPDATE audit SET at = at + 1 WHERE number = {late}"), "changed"),
        (format!("DELETE FROM audit WHERE number = {late}"), "removed"),
    ] {
        query(&sql);
        let run = verify();
        assert_eq!(run.code, 1, "{sql}: {run:?}");
        let said: Value = serde_json::from_str(run.out.trim()).unwrap();
        let broken = &said["broken"];
        assert_eq!((broken["entry"].to_string(), &broken["what"]), (late.clone(), &json!(what)), "{said}");
        query(&restore);
        let _ = verify().done();
    }
    query("UPDATE audit_blocks SET head = decode(repeat('00', 32), 'hex') WHERE block = 1");
    let run = verify();
    assert!(run.code == 1 && run.out.contains("\"block\":1"), "{run:?}");
}
