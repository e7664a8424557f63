//! The audit trail: asked, taken out, heard live, sealed and checked; and what is counted for charts.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sqlx::{ConnectOptions as _, Connection as _};
use testkit::{Administrator, Kind, Phone, RelyingParty, Server, Setup};

/// Runs SQL past the program.
pub(crate) async fn past(server: &Server, text: &'static str) {
    if server.configs().len() > 1 {
        let _ = server.postgres().query(text).unwrap();
        return;
    }
    let file = server.folder().join("latchbolt.db");
    let mut connection = sqlx::sqlite::SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    let done = sqlx::raw_sql(text).execute(&mut connection).await.unwrap();
    assert!(done.rows_affected() > 0, "{text}");
    connection.close().await.unwrap();
}

/// Somebody who reads the trail.
struct Auditor(Administrator);

impl Auditor {
    async fn of(server: &Server, role: &str) -> Self {
        Self(server.administrator(&role.replace('_', "-"), &[role]).await)
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.0.ask("GET", path, None).await;
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    async fn text(&self, path: &str) -> String {
        let answer = self.0.ask("GET", path, None).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    }

    /// All items of a list, page by page.
    async fn all(&self, path: &str) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        for _ in 0..200 {
            let sign = if path.contains('?') { '&' } else { '?' };
            let (status, page) = self.get(&format!("{path}{sign}limit=7{cursor}")).await;
            assert_eq!(status, 200, "{path}: {page}");
            assert!(page["items"].as_array().unwrap().len() <= 7);
            all.extend(page["items"].as_array().unwrap().clone());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
        panic!("{path} has no end");
    }
}

/// Ada with a phone, after sign-ins by phone and by password and one with a wrong password.
async fn lived(server: &Server) {
    let password = server.user("ada");
    let shop = server.client("shop");
    let phone = server.phone("ada", &password, Kind::App).await;
    let browser = server.browser();
    let page = browser.follow(&shop.start().url).await;
    let shown = browser.show_qr(&page).await;
    let claimed = phone.scan(&shown.url).await;
    let code = browser.check_code(&page).await;
    phone.approve(&claimed, &code).await;
    let _ = browser.redeem(&page).await;
    let other = server.browser();
    let _ = other.sign_in(&shop.start().url, "ada", "not her password").await;
    let _ = other.sign_in(&shop.start().url, "ada", &password).await;
}

#[tokio::test]
async fn sec_186_the_trail_is_asked_in_pages_and_by_what_it_is_about() {
    let server = Server::start().await;
    lived(&server).await;
    let auditor = Auditor::of(&server, "auditor").await;
    let trail = auditor.all("/audit?sort=number").await;
    assert!(trail.len() >= 8, "{trail:?}");
    let number = |entry: &Value| entry["number"].as_i64().unwrap();
    assert!(trail.windows(2).all(|pair| number(&pair[0]) < number(&pair[1])));
    let mut newest = auditor.all("/audit").await;
    newest.retain(|entry| trail.contains(entry));
    newest.reverse();
    assert_eq!(newest, trail);
    for entry in &trail {
        assert!(entry["at"].as_str().is_some_and(|at| at.ends_with('Z')), "{entry}");
    }
    let redeemed = auditor.all("/audit?event=channel.redeemed").await;
    assert_eq!(redeemed.len(), 1);
    assert_eq!((&redeemed[0]["account_name"], &redeemed[0]["client"]), (&"ada".into(), &"shop".into()));
    let (account, device) =
        (redeemed[0]["account"].as_str().unwrap(), redeemed[0]["device"].as_str().unwrap());
    let session = redeemed[0]["session"].as_str().unwrap();
    for (query, member, value) in [
        (format!("account={account}"), "account", account),
        (format!("device={device}"), "device", device),
        (format!("session={session}"), "session", session),
        ("client=shop".to_owned(), "client", "shop"),
        ("outcome=refused".to_owned(), "outcome", "refused"),
        ("event=channel.claimed".to_owned(), "event", "channel.claimed"),
    ] {
        let found = auditor.all(&format!("/audit?{query}")).await;
        let wanted = trail.iter().filter(|entry| entry[member] == value).count();
        assert_eq!((found.len(), wanted > 0), (wanted, true), "{query}");
        assert!(found.iter().all(|entry| entry[member] == value), "{query}");
    }
    let of_account = trail.iter().filter(|entry| entry["account"] == account).count();
    assert_eq!(auditor.all(&format!("/users/{account}/activity")).await.len(), of_account);
    assert_eq!(auditor.all("/audit?event=session.started,channel.redeemed").await.len(), {
        trail.iter().filter(|e| e["event"] == "session.started" || e["event"] == "channel.redeemed").count()
    });
    assert_eq!(auditor.all("/audit?since=2100-01-01").await, [] as [Value; 0]);
    assert_eq!(auditor.all("/audit?until=2000-01-01").await, [] as [Value; 0]);
    let (_, events) = auditor.get("/audit/events").await;
    assert!(events["items"].as_array().unwrap().contains(&"session.started".into()));
    // What nobody may ask, and who may not ask.
    for bad in [
        "event=no.such",
        "outcome=maybe",
        "account=ada",
        "limit=0",
        "limit=-1",
        "limit=1000000000",
        "cursor=x",
        "sort=at",
        "since=yesterday",
        "number=1",
    ] {
        assert_eq!(auditor.get(&format!("/audit?{bad}")).await.0, 400, "{bad}");
    }
    let other = Auditor::of(&server, "client_manager").await;
    for path in ["/audit", "/audit/head", "/audit/export", "/audit/live", "/audit/events"] {
        assert_eq!(other.get(path).await.0, 403, "{path}");
    }
}

#[tokio::test]
async fn sec_187_an_export_is_one_line_an_entry_and_is_written_down() {
    let server = Server::start().await;
    lived(&server).await;
    let auditor = Auditor::of(&server, "auditor").await;
    let trail = auditor.all("/audit?sort=number").await;
    let lines: Vec<Value> =
        auditor.text("/audit/export").await.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), trail.len() + 1, "and the export itself");
    for (line, entry) in lines.iter().zip(&trail) {
        for member in ["number", "at", "event", "outcome", "account", "detail"] {
            assert_eq!(line[member], entry[member]);
        }
    }
    let exported = lines.last().unwrap();
    assert_eq!(exported["event"], "audit.exported");
    assert_eq!(exported["actor"], auditor.0.account.as_str());
    let csv = auditor.text("/audit/export?format=csv&event=password.tried&outcome=refused").await;
    assert_eq!(csv.lines().count(), 2, "{csv}");
    assert!(csv.starts_with("number,at,event,"));
    assert_eq!(auditor.get("/audit/export?format=xml").await.0, 400);
    let by_command =
        server.command(&["audit", "export", "--user", "ada", "--event", "session.started"]).done();
    assert_eq!(by_command.out.lines().count(), 2, "{}", by_command.out);
    let last = auditor.all("/audit?event=audit.exported").await;
    assert_eq!((last.len(), &last[0]["actor"]), (3, &"operator".into()));
}

#[tokio::test]
async fn what_happens_is_heard_live() {
    let server = Server::start().await;
    let password = server.user("ada");
    let shop = server.client("shop");
    let auditor = Auditor::of(&server, "auditor").await;
    let mut line = auditor.0.browser.connect().await;
    let asked = auditor.0.request("GET", "/audit/live?event=session.started", None);
    let asked = auditor.0.browser.dress(asked).bytes(server.issuer.trim_start_matches("http://"));
    line.write(&asked).await.unwrap();
    let head = line.head().await.unwrap();
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream; charset=utf-8")));
    let _ = server.browser().sign_in(&shop.start().url, "ada", &password).await;
    let mut heard = String::new();
    let begun = Instant::now();
    while !heard.contains("\ndata: ") {
        assert!(begun.elapsed() < Duration::from_secs(20), "{heard}");
        let chunk = line.chunk().await.unwrap().expect("the stream goes on");
        heard.push_str(&String::from_utf8(chunk).unwrap());
    }
    let data = heard.split("\ndata: ").nth(1).unwrap().lines().next().unwrap();
    let entry: Value = serde_json::from_str(data).unwrap();
    assert_eq!((&entry["event"], &entry["account_name"]), (&"session.started".into(), &"ada".into()));
    assert!(heard.contains(&format!("event: entry\nid: {}\n", entry["number"])));
    assert!(!heard.contains("password.tried"), "{heard}");
}

#[tokio::test]
async fn sec_186_a_sealed_trail_shows_each_change_to_it() {
    let server = Server::start().await;
    lived(&server).await;
    let verify = || server.command(&["audit", "verify", "--json"]);
    // Sealed by the running server, every ten seconds.
    let begun = Instant::now();
    let found = loop {
        let found = verify().done().json();
        assert_eq!(found["intact"], true, "{found}");
        if found["entries"].as_i64().unwrap() > 5 && found["waiting"] == 0 {
            break found;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{found}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    let head = found["head"].as_str().unwrap().to_owned();
    let _ = server.command(&["audit", "verify", "--expect", &head]).done();
    let elsewhere = format!("{}:{}", head.split_once(':').unwrap().0, URL_SAFE_NO_PAD.encode([0; 32]));
    assert_eq!(server.command(&["audit", "verify", "--expect", &elsewhere]).code, 1);
    let auditor = Auditor::of(&server, "auditor").await;
    assert_eq!(auditor.get("/audit/head").await.1["expect"], head.as_str());
    past(&server, "UPDATE audit SET address = '203.0.113.9' WHERE number = 3").await;
    let run = verify();
    assert_eq!(run.code, 1, "{run:?}");
    let found: Value = serde_json::from_str(run.out.trim()).unwrap();
    assert_eq!((&found["broken"]["entry"], &found["broken"]["what"]), (&3.into(), &"changed".into()));
    assert!(run.err.contains("entry 3 was changed"), "{}", run.err);
    past(&server, "DELETE FROM audit WHERE number = 2").await;
    assert!(server.command(&["audit", "verify"]).err.contains("entry 2 was removed"));
}

/// What a phone is answered that scans the QR of a new sign-in.
async fn scanned(server: &Server, phone: &Phone, shop: &RelyingParty) -> u16 {
    let browser = server.browser();
    let page = browser.follow(&shop.start().url).await;
    phone.try_scan(&browser.show_qr(&page).await.url).await.status
}

#[tokio::test]
async fn sec_080_sec_186_what_was_said_of_a_phone_outlives_a_kill() {
    let mut server = Setup::one_node().start().await;
    let admin = server.administrator("root", &["superadmin"]).await;
    let password = server.user("ada");
    let shop = server.client("shop");
    let policy = admin.ask("GET", "/policies/devices", None).await.json();
    let request = admin
        .request("PATCH", "/policies/devices", Some(&json!({"approval": true})))
        .header("if-match", &format!("\"{}\"", policy["version"]));
    assert_eq!(admin.browser.send(request).await.status, 200);
    let phone = Phone::enrol(server.browser(), "ada", &password, Kind::App).await;
    let body = json!({"ids": [phone.device], "decision": "approve", "reason": "seen"});
    let approved = admin.ask("POST", "/approvals/decide", Some(&body)).await;
    server.kill();
    assert_eq!((approved.status, &approved.json()["results"][0]["outcome"]), (200, &json!("done")));
    server.run_again().await;
    assert_eq!(scanned(&server, &phone, &shop).await, 200, "an approved phone stays approved");

    let revoked = admin.ask("POST", &format!("/devices/{}/revoke", phone.device), Some(&json!({}))).await;
    server.kill();
    assert_eq!((revoked.status, &revoked.json()["device"]["state"]), (200, &json!("revoked")));
    server.run_again().await;
    assert_eq!(scanned(&server, &phone, &shop).await, 403, "and a revoked one revoked");
    for event in ["device.approved", "device.revoked"] {
        let found =
            admin.ask("GET", &format!("/audit?event={event}&device={}", phone.device), None).await.json();
        let entries = found["items"].as_array().unwrap();
        assert_eq!(entries.len(), 1, "{event}: {found}");
        assert_eq!((&entries[0]["account_name"], &entries[0]["outcome"]), (&json!("ada"), &json!("done")));
        assert_eq!(entries[0]["actor"], admin.account.as_str(), "{event}");
    }
    let _ = server.command(&["audit", "verify"]).done();
}

#[tokio::test]
async fn what_is_counted_is_shown_step_by_step() {
    let server = Server::start().await;
    lived(&server).await;
    let auditor = Auditor::of(&server, "auditor").await;
    let begun = Instant::now();
    let shown = loop {
        let (status, shown) = auditor.get("/statistics/overview?days=1").await;
        assert_eq!(status, 200, "{shown}");
        let total = |name: &str| {
            let all = shown["series"].as_array().unwrap().iter();
            all.filter(|series| series["name"] == name)
                .map(|series| series["total"].as_u64().unwrap())
                .sum::<u64>()
        };
        let all = ["sign_in.password", "sign_in.phone", "refused.password", "enrolment.used"];
        if all.into_iter().all(|name| total(name) == 1) {
            break shown;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{shown}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    assert_eq!(
        (&shown["step_hours"], shown["series"][0]["points"].as_array().unwrap().len()),
        (&1.into(), 24)
    );
    assert_eq!(shown["active_sessions"]["capped"], false);
    assert!(shown["active_sessions"]["count"].as_u64().unwrap() >= 2);
    let funnel = shown["funnel"].as_array().unwrap();
    let steps: Vec<_> =
        funnel.iter().map(|step| (step["step"].as_str().unwrap(), step["count"].as_u64().unwrap())).collect();
    assert_eq!(steps, [("shown", 1), ("claimed", 1), ("approved", 1), ("redeemed", 1)]);
    for step in &funnel[1..] {
        assert!(
            step["p50_ms"].as_u64() >= step["p50_from_ms"].as_u64() && step["p99_ms"] == step["p50_ms"],
            "{step}"
        );
    }
    let (_, month) = auditor.get("/statistics/overview?days=30").await;
    assert_eq!(
        (&month["step_hours"], month["series"][0]["points"].as_array().unwrap().len()),
        (&24.into(), 30)
    );
    for bad in ["days=0", "days=91", "days=x", "day=1"] {
        assert_eq!(auditor.get(&format!("/statistics/overview?{bad}")).await.0, 400, "{bad}");
    }
}
