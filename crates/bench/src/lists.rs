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
use crate::meter::Meter;
use crate::people::Size;
use crate::report::Goals;
use crate::town::Town;
use crate::visit::Operation;
use crate::{Asked, people};

/// What a list may take.
const AT_MOST: f64 = 100.0;
/// Requests of each kind, and how many of them are not counted, the first ones.
const TIMES: usize = 12;
const UNCOUNTED: usize = 2;
/// Pages that are turned for a deep one.
const DEEP: usize = 25;
/// Phones imported in one go.
const IMPORTED: usize = 10_000;
const BASE: &str = "/api/admin/v1";

/// Paths and queries; `{user}` is a user's id, `{device}` a phone's, `{group}` a group's, `{day}` and `{next}` two days
/// of the trail. Each is asked for its first page and, where there is one, for a deep page.
const ASKED: &[&str] = &[
    "/users",
    "/users?sort=-username",
    "/users?sort=created_at",
    "/users?sort=-created_at",
    "/users?q=person5",
    "/users?q=4321@mail",
    "/users?q=nobody+has+this",
    "/users?sort=-created_at&q=nobody+has+this",
    "/users?state=active",
    "/users?state=disabled",
    "/users?state=disabled&role=auditor",
    "/users?state=disabled&q=99",
    "/users?has_device=false",
    "/users?has_device=true&sort=-created_at",
    "/users?has_passkey=true",
    "/users?has_passkey=false",
    "/users?role=helpdesk",
    "/users?role=auditor",
    "/users?group={group}",
    "/users?group={group}&q=nobody",
    "/users/{user}",
    "/users/{user}/devices",
    "/users/{user}/sessions",
    "/users/{user}/passkeys",
    "/users/{user}/consents",
    "/users/{user}/activity",
    "/users/{user}/second-factor",
    "/groups",
    "/groups?q=group+9",
    "/groups/{group}",
    "/groups/{group}/members",
    "/roles",
    "/claims",
    "/policies",
    "/devices",
    "/devices?sort=created",
    "/devices?sort=used",
    "/devices?sort=-used",
    "/devices?sort=name",
    "/devices?sort=-name",
    "/devices?q=tablet+77",
    "/devices?q=p",
    "/devices?q=person&sort=-used",
    "/devices?q=nobody+has+this",
    "/devices?q={device}",
    "/devices?state=suspended",
    "/devices?state=suspended&sort=name",
    "/devices?state=revoked&kind=app",
    "/devices?kind=web",
    "/devices?kind=web&state=pending",
    "/devices?attestation=verified",
    "/devices?unused_days=60",
    "/devices?unused_days=60&sort=-created",
    "/devices?unused_days=3000",
    "/devices?user=person77",
    "/devices/{device}",
    "/approvals",
    "/approvals?q=person5",
    "/approvals?q=nobody+has+this",
    "/enrolments",
    "/enrolments?state=open",
    "/enrolments?state=cancelled",
    "/enrolments?state=expired",
    "/enrolments?kind=code",
    "/enrolments?user={user}",
    "/enrolments?q=person77",
    "/enrolments?q=nobody+has+this",
    "/jobs",
    "/jobs?kind=import_users&state=cancelled",
    "/jobs?kind=bulk_enrol",
    "/clients",
    "/clients?q=client99",
    "/clients?q=nobody+has+this",
    "/clients?enabled=false",
    "/sessions",
    "/sessions?user={user}",
    "/sessions?device={device}",
    "/sessions?q=person77",
    "/sessions?q=nobody+has+this",
    "/sessions?since={day}&until={next}",
    "/consents",
    "/consents?user={user}",
    "/consents?client=client77",
    "/api-keys",
    "/keys",
    "/notices",
    "/notices?state=waiting",
    "/notices?state=sent",
    "/notices?state=failed",
    "/notices/outbox",
    "/recoveries",
    "/recoveries?state=open",
    "/recoveries?user={user}",
    "/audit",
    "/audit?sort=number",
    "/audit?account={user}",
    "/audit?account={user}&outcome=refused",
    "/audit?device={device}",
    "/audit?client=client77",
    "/audit?client=client77&event=session.ended",
    "/audit?event=session.started",
    "/audit?event=session.started&sort=number",
    "/audit?event=key.created",
    "/audit?event=key.created,key.rotated,admin.refused",
    "/audit?event=session.started,session.ended,password.tried",
    "/audit?event=session.started&q=nobody",
    "/audit?outcome=refused",
    "/audit?outcome=refused&event=channel.approved",
    "/audit?outcome=refused&event=channel.reported",
    "/audit?actor=operator",
    "/audit?session=ses_aaaaaaaaaaaaaaaaaaaaaaaaaa",
    "/audit?q=wrong",
    "/audit?q=nobody+wrote+this",
    "/audit?since={day}&until={next}",
    "/audit?since={day}&until={next}&event=session.ended&outcome=refused",
    "/audit?since={day}&account={user}",
    "/audit?since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z",
    "/audit/events",
    "/audit/head",
    "/statistics/overview?days=1",
    "/statistics/overview?days=7",
    "/statistics/overview?days=90",
    "/me",
];

/// What the key may that the lists are asked with.
const PERMISSIONS: &str = r#"["statistics.read","users.read","groups.read","claims.read","devices.read","devices.write",
"enrolments.read","clients.read","sessions.read","consents.read","keys.read","audit.read","policy.read","api_keys.read",
"jobs.read","jobs.write","recoveries.read","users.write"]"#;

struct Desk {
    line: Connection,
    meter: Meter,
    key: String,
}

impl Desk {
    async fn of(town: &Town, key: &str) -> Self {
        let line = Connection::open(town.at, "localhost", IpAddr::V4(Ipv4Addr::LOCALHOST)).await;
        Self { line: line.expect("a connection"), meter: town.meter(), key: key.to_owned() }
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

    /// The same several times.
    async fn measure(&mut self, path: &str) -> Took {
        let (mut times, mut status) = (Vec::new(), 0);
        let mut before = Duration::ZERO;
        for turn in 0..TIMES {
            if turn == UNCOUNTED {
                before = self.meter.finely();
            }
            let (answered, _, took) = self.get(path).await;
            status = answered;
            if turn >= UNCOUNTED {
                times.push(took);
            }
        }
        let cpu = self.meter.finely().saturating_sub(before) / u32::try_from(times.len()).unwrap_or(1);
        times.sort();
        Took { status, middle: ms(times[times.len() / 2]), most: ms(times[times.len() - 1]), cpu: ms(cpu) }
    }
}

/// What a request took, in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
struct Took {
    status: u16,
    /// The median, the longest.
    middle: f64,
    most: f64,
    /// CPU time of the server and PostgreSQL, the mean.
    cpu: f64,
}

impl Took {
    /// The worse of both.
    fn worse(self, other: Self) -> Self {
        Self {
            status: self.status,
            middle: self.middle.max(other.middle),
            most: self.most.max(other.most),
            cpu: self.cpu.max(other.cpu),
        }
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
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
    let holes = holes(&mut desk).await;
    println!(
        "\n{:<66} {:>6} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "list, ms", "status", "p50", "most", "CPU", "deep p50", "deep most", "deep CPU"
    );
    let mut slowest = Slowest::default();
    for asked in ASKED {
        let path = holes.iter().fold((*asked).to_owned(), |path, (hole, value)| path.replace(hole, value));
        row(&mut desk, asked, &path, &mut slowest).await;
    }
    let job = import(&town, &mut desk, size.people, goals).await;
    for asked in ["", "/rows", "/rows?outcome=done", "/rows?outcome=failed"] {
        row(&mut desk, &format!("/jobs/{{job}}{asked}"), &format!("/jobs/{job}{asked}"), &mut slowest).await;
    }
    for (name, (took, asked)) in [
        ("slowest list, median", &slowest.middle),
        ("dearest list, CPU", &slowest.cpu),
        ("slowest single answer", &slowest.most),
    ] {
        println!("{name}: {asked}");
        goals.at_most(name, *took, AT_MOST, "ms");
    }
    goals.at_most("lists not answered with 200", f64::from(slowest.unanswered), 0.0, "");
}

/// The worst so far, with what was asked.
#[derive(Debug, Default)]
struct Slowest {
    middle: (f64, String),
    cpu: (f64, String),
    most: (f64, String),
    unanswered: u32,
}

/// Asks for a list and a deep page of it, and prints the line.
async fn row(desk: &mut Desk, asked: &str, path: &str, slowest: &mut Slowest) {
    let first = desk.measure(path).await;
    let deep = if first.status == 200 { deep_page(desk, path).await } else { None };
    let shown = |took: Took| format!("{:>9.2} {:>9.2} {:>9.2}", took.middle, took.most, took.cpu);
    let further = deep.map_or_else(|| format!("{:>9} {:>9} {:>9}", "-", "-", "-"), shown);
    println!("{asked:<66} {:>6} {} {further}", first.status, shown(first));
    let worst = first.worse(deep.unwrap_or_default());
    for (kept, now) in
        [(&mut slowest.middle, worst.middle), (&mut slowest.cpu, worst.cpu), (&mut slowest.most, worst.most)]
    {
        if now > kept.0 {
            *kept = (now, asked.to_owned());
        }
    }
    slowest.unanswered += u32::from(first.status != 200);
}

/// What stands for the holes in what is asked.
async fn holes(desk: &mut Desk) -> Vec<(&'static str, String)> {
    let user = one_of(desk, "/users?q=person7&limit=1").await;
    let device = one_of(desk, &format!("/users/{user}/devices")).await;
    let group = one_of(desk, "/groups?limit=1").await;
    let (_, trail, _) = desk.get(&format!("/audit?account={user}")).await;
    let day = |place: usize| {
        let at = trail["items"][place]["at"].as_str().unwrap_or("2026-01-01T00:00:00Z");
        format!("{}T00:00:00Z", at.get(..10).unwrap_or("2026-01-01"))
    };
    vec![("{user}", user), ("{device}", device), ("{group}", group), ("{day}", day(20)), ("{next}", day(19))]
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
async fn deep_page(desk: &mut Desk, path: &str) -> Option<Took> {
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
    Some(desk.measure(&deepest?).await)
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

/// Phones for so many users, by one file; answers the job's id.
async fn import(town: &Town, desk: &mut Desk, people: u64, goals: &mut Goals) -> String {
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
    let id = job["id"].as_str().unwrap_or_default().to_owned();
    assert!(status == 201 && !id.is_empty(), "the import was refused: {status} {job}");
    let began = Instant::now();
    let (status, mut job, _) =
        desk.send(Request::json(&format!("{BASE}/jobs/{id}/start"), &serde_json::json!({}))).await;
    assert_eq!(status, 200, "{job}");
    while job["state"] != "finished" {
        assert!(began.elapsed() < Duration::from_secs(600), "{job}");
        tokio::time::sleep(Duration::from_millis(100)).await;
        job = desk.get(&format!("/jobs/{id}")).await.1;
    }
    let (spent, took) = (town.meter().read() - before, began.elapsed());
    println!(
        "\nimport   {count} phones: dry run {:.2} s, done after {:.2} s more ({:.0} a second), {:.2} CPU-s; {} done, {} \
         failed",
        planned.as_secs_f64(),
        took.as_secs_f64(),
        count as f64 / took.as_secs_f64(),
        spent.all().as_secs_f64(),
        job["rows"]["done"],
        job["rows"]["failed"]
    );
    let rows = |word: &str| job["rows"][word].as_f64().unwrap_or_default();
    // Those of the helpdesk, whom the key may not give a phone: they are told as conflicts, and not done.
    println!("         {} were refused in the dry run", rows("conflict"));
    goals.at_most("phones of the import left out", count as f64 - rows("done") - rows("conflict"), 0.0, "");
    id
}
