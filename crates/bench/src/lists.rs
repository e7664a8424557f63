//! The lists of the admin API over a full registry, and what sealing its audit trail and a large import cost.
//!
//! Owns: what is asked, and the table that is printed. Not here: the rows (`people`).
//!
//! A time is that of one request over a kept connection on loopback, from the first byte sent to the last one read:
//! the server's time and a little more.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::Value;
use testkit::wire::{Connection, Request};

use crate::ground::{Ground, On};
use crate::people::Size;
use crate::report::Goals;
use crate::town::Town;
use crate::visit::Operation;
use crate::{Asked, people};

/// What a list may take.
const AT_MOST: f64 = 100.0;
/// Requests of each kind; the first two are not counted.
const TIMES: usize = 12;
/// Pages that are turned for a deep one.
const DEEP: usize = 25;
/// Phones imported in one go.
const IMPORTED: usize = 10_000;
const BASE: &str = "/api/admin/v1";

/// Paths and queries; `{user}` is a user's id, `{device}` a phone's. Each is asked for its first page and, where
/// there is one, for a deep page.
const ASKED: &[&str] = &[
    "/users",
    "/users?sort=-created_at",
    "/users?q=person5",
    "/users?q=nobody+has+this",
    "/users?state=active",
    "/users?state=disabled",
    "/users?has_device=false",
    "/users?has_passkey=true",
    "/users?role=helpdesk",
    "/users/{user}",
    "/users/{user}/devices",
    "/users/{user}/sessions",
    "/users/{user}/activity",
    "/groups",
    "/groups?q=group+9",
    "/claims",
    "/policies",
    "/devices",
    "/devices?sort=-created",
    "/devices?sort=used",
    "/devices?sort=name",
    "/devices?q=tablet+77",
    "/devices?q=nobody+has+this",
    "/devices?state=suspended",
    "/devices?state=revoked&kind=app",
    "/devices?kind=web",
    "/devices?unused_days=180",
    "/devices?user=person77",
    "/devices/{device}",
    "/approvals",
    "/approvals?q=person5",
    "/enrolments",
    "/enrolments?state=open",
    "/jobs",
    "/clients",
    "/clients?q=client99",
    "/clients?q=nobody+has+this",
    "/sessions",
    "/sessions?user={user}",
    "/sessions?q=person77",
    "/consents",
    "/consents?user={user}",
    "/consents?client=client77",
    "/api-keys",
    "/keys",
    "/notices",
    "/notices?state=sent",
    "/recoveries",
    "/audit",
    "/audit?sort=number",
    "/audit?account={user}",
    "/audit?account={user}&outcome=refused",
    "/audit?device={device}",
    "/audit?client=client77",
    "/audit?client=client77&event=session.ended",
    "/audit?event=session.started",
    "/audit?event=key.created",
    "/audit?event=key.created,key.rotated,admin.refused",
    "/audit?outcome=refused",
    "/audit?outcome=refused&event=channel.approved",
    "/audit?actor=operator",
    "/audit?session=ses_aaaaaaaaaaaaaaaaaaaaaaaaaa",
    "/audit?q=wrong",
    "/audit?q=nobody+wrote+this",
    "/audit?since=2026-01-01&until=2026-01-02",
    "/audit/head",
    "/statistics/overview?days=7",
    "/statistics/overview?days=90",
];

/// What the key may that the lists are asked with.
const PERMISSIONS: &str = r#"["statistics.read","users.read","groups.read","claims.read","devices.read","devices.write",
"enrolments.read","clients.read","sessions.read","consents.read","keys.read","audit.read","policy.read","api_keys.read",
"jobs.read","jobs.write","recoveries.read","users.write"]"#;

struct Desk {
    line: Connection,
    key: String,
}

impl Desk {
    async fn of(town: &Town, key: &str) -> Self {
        let line = Connection::open(town.at, "localhost", IpAddr::V4(Ipv4Addr::LOCALHOST)).await;
        Self { line: line.expect("a connection"), key: key.to_owned() }
    }

    async fn send(&mut self, request: Request) -> (u16, Value, Duration) {
        let request = request.header("authorization", &format!("Bearer {}", self.key));
        let began = Instant::now();
        let answer = self.line.send(&request).await.expect("an answer");
        let took = began.elapsed();
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default(), took)
    }

    async fn get(&mut self, path: &str) -> (u16, Value, Duration) {
        self.send(Request::get(&format!("{BASE}{path}"))).await
    }

    /// Median and longest of several.
    async fn measure(&mut self, path: &str) -> (u16, Duration, Duration) {
        let (mut times, mut last) = (Vec::new(), 0);
        for turn in 0..TIMES {
            let (status, _, took) = self.get(path).await;
            last = status;
            if turn > 1 {
                times.push(took);
            }
        }
        times.sort();
        (last, times[times.len() / 2], times[times.len() - 1])
    }
}

/// Fills a registry and asks for everything.
pub(crate) async fn run(asked: &Asked, goals: &mut Goals) {
    let on = asked.on.unwrap_or(On::Sqlite);
    let size = Size {
        people: asked.people,
        clients: (asked.people / 10).clamp(1, 10_000),
        turns: 49.min(asked.people),
    };
    println!("ground   {}", on.name());
    let folder = tempfile::tempdir().expect("a folder");
    let ground = Arc::new(Ground::start(on, folder.path(), false));
    let mut town = Town::build(&crate::program(), folder.path(), Arc::clone(&ground));
    town.restart().await;
    town.open_doors().await;
    let mut first = town.visitor(0).await;
    first.prepare(Operation::Userinfo).await;
    first.sign_in_by_phone().await;
    drop(first);
    town.stop();
    let began = Instant::now();
    people::settle(&ground, size).await;
    println!(
        "stored   {} users, as the lists below are asked, in {:.0} s",
        size.people,
        began.elapsed().as_secs_f64()
    );
    let key = people::put_key(&ground, &hash_of_key(), PERMISSIONS).await;
    town.restart().await;
    let mut desk = Desk::of(&town, &format!("lbk_{key}_{}", URL_SAFE_NO_PAD.encode(SECRET))).await;
    sealing(&town, &mut desk).await;
    let (user, device) =
        (one_of(&mut desk, "/users?q=person7&limit=1").await, one_of(&mut desk, "/devices?limit=1").await);
    println!(
        "\n{:<56} {:>6} {:>9} {:>9} {:>9} {:>9}",
        "list", "status", "p50 ms", "most ms", "deep p50", "deep most"
    );
    let mut slowest = (0.0, String::new());
    for asked in ASKED {
        let path = asked.replace("{user}", &user).replace("{device}", &device);
        let (status, middle, most) = desk.measure(&path).await;
        let deep = if status == 200 { deep_page(&mut desk, &path).await } else { None };
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        let text =
            |time: Option<Duration>| time.map_or_else(|| "-".to_owned(), |time| format!("{:.2}", ms(time)));
        println!(
            "{asked:<56} {status:>6} {:>9.2} {:>9.2} {:>9} {:>9}",
            ms(middle),
            ms(most),
            text(deep.map(|deep| deep.0)),
            text(deep.map(|deep| deep.1))
        );
        let worst = ms(deep.map_or(middle, |deep| deep.0.max(middle)));
        if worst > slowest.0 {
            slowest = (worst, (*asked).to_owned());
        }
    }
    goals.at_most(&format!("slowest list ({})", slowest.1), slowest.0, AT_MOST, "ms");
    import(&town, &mut desk, size.people).await;
}

const SECRET: [u8; 32] = [7; 32];

fn hash_of_key() -> String {
    digest(&SHA256, &SECRET).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn one_of(desk: &mut Desk, path: &str) -> String {
    let (status, body, _) = desk.get(path).await;
    let id = body["items"][0]["id"].as_str().unwrap_or_default().to_owned();
    assert!(status == 200 && !id.is_empty(), "{path}: {status} {body}");
    id
}

/// A page behind so many others, asked for several times.
async fn deep_page(desk: &mut Desk, path: &str) -> Option<(Duration, Duration)> {
    let joined = |cursor: &str| {
        let sign = if path.contains('?') { '&' } else { '?' };
        format!("{path}{sign}limit=200&cursor={cursor}")
    };
    let (_, mut page, _) = desk.get(path).await;
    let mut deepest = None;
    for _ in 0..DEEP {
        let Some(next) = page["next"].as_str().map(joined) else { break };
        page = desk.get(&next).await.1;
        deepest = Some(next);
    }
    let (_, middle, most) = desk.measure(&deepest?).await;
    Some((middle, most))
}

/// The trail was put in unsealed: the server seals it by and by.
async fn sealing(town: &Town, desk: &mut Desk) {
    let (_, newest, _) = desk.get("/audit?limit=1").await;
    let last = newest["items"][0]["number"].as_i64().unwrap_or_default();
    let (before, began) = (town.meter().read(), Instant::now());
    let mut sealed = 0;
    while sealed < last {
        assert!(began.elapsed() < Duration::from_secs(1_800), "sealed up to {sealed} of {last}");
        tokio::time::sleep(Duration::from_millis(250)).await;
        sealed = desk.get("/audit/head").await.1["last"].as_i64().unwrap_or_default();
    }
    let spent = town.meter().read() - before;
    let thousands = last as f64 / 1000.0;
    println!(
        "sealed   {last} entries in {:.0} s: {:.2} CPU-ms of the server and {:.2} of PostgreSQL for 1,000 entries",
        began.elapsed().as_secs_f64(),
        spent.nodes.as_secs_f64() * 1000.0 / thousands,
        spent.postgres.as_secs_f64() * 1000.0 / thousands
    );
}

/// Phones for so many users, by one file.
async fn import(town: &Town, desk: &mut Desk, people: u64) {
    let count = usize::try_from(people).unwrap_or(IMPORTED).min(IMPORTED);
    let random = SystemRandom::new();
    let mut file = String::from("username,public_key,name,platform\n");
    for number in 1..=count {
        let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pair.as_ref(), &random)
            .expect("a key");
        let key = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        file += &format!("person{number},{key},Imported {number},Android 16\n");
    }
    let before = town.meter().read();
    let mut request = Request::new("POST", &format!("{BASE}/imports?kind=devices"));
    request = request.header("content-type", "text/csv");
    request.body = file.into_bytes();
    let (status, job, planned) = desk.send(request).await;
    let Some(id) = job["id"].as_str().filter(|_| status == 201).map(str::to_owned) else {
        println!("\nimport   is not there: {status} {job}");
        return;
    };
    let began = Instant::now();
    let (status, mut job, _) =
        desk.send(Request::json(&format!("{BASE}/jobs/{id}/start"), &serde_json::json!({}))).await;
    assert_eq!(status, 200, "{job}");
    while job["state"] != "finished" {
        assert!(began.elapsed() < Duration::from_secs(600), "{job}");
        tokio::time::sleep(Duration::from_millis(100)).await;
        job = desk.get(&format!("/jobs/{id}")).await.1;
    }
    let spent = town.meter().read() - before;
    println!(
        "\nimport   {count} phones: dry run {:.2} s, done after {:.2} s more, {:.2} CPU-s; {} done, {} failed",
        planned.as_secs_f64(),
        began.elapsed().as_secs_f64(),
        spent.all().as_secs_f64(),
        job["rows"]["done"],
        job["rows"]["failed"]
    );
}
