//! Section 1.5, first half: origins, listeners, sizes, limits.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use testkit::wire::Request;
use testkit::{Browser, Kind, b64, random};

use crate::clock::Timed;
use crate::given::{Scene, Waiting, refused};

fn upgrade(journey: &str) -> Request {
    Request::get(&format!("/login/wait/ws?journey={journey}"))
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

#[tokio::test]
async fn sec_050_streams_ask_for_origin_and_browser_secret() {
    let scene = Scene::new().await;
    let waiting = scene.waiting().await;
    let journey = Browser::journey(&waiting.page);
    let issuer = &scene.server.issuer;
    let foreign = [
        "null".to_owned(),
        "https://evil.example".to_owned(),
        format!("{issuer}.evil.test"),
        issuer.replace("localhost", "evillocalhost"),
        issuer.replace("http:", "https:"),
        "http://localhost".to_owned(),
        format!("{issuer}, {issuer}"),
    ];
    for origin in &foreign {
        refused(&waiting.browser.send(upgrade(&journey).header("origin", origin)).await);
        let events = waiting
            .browser
            .try_watch(&journey, &[("origin", origin), ("sec-fetch-site", "cross-site")])
            .await;
        refused(&events.head);
    }
    // A WebSocket without any origin is no browser's.
    refused(&waiting.browser.send(upgrade(&journey)).await);
    // The right origin without the secret.
    let stranger = scene.server.browser();
    refused(&stranger.send(upgrade(&journey).header("origin", issuer)).await);
    let good = waiting.browser.send(upgrade(&journey).header("origin", issuer)).await;
    assert_eq!(good.status, 101, "{}", good.text());
}

#[tokio::test]
async fn sec_051_a_connection_sees_its_own_channel_and_there_are_two_listeners() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    let other = scene.waiting().await;
    for target in ["*", "**", "channel:*", "changes", "", "../", &Browser::journey(&other.page)] {
        let target: String = testkit::wire::encode(&[("journey", target)]);
        refused(&waiting.browser.send(Request::get(&format!("/login/wait?{target}"))).await);
    }
    let mut first = waiting.browser.watch(&waiting.page).await;
    let mut second = waiting.browser.watch(&waiting.page).await;
    assert!(first.next().await.is_some() && second.next().await.is_some());
    let third = waiting.browser.try_watch(&Browser::journey(&waiting.page), &[]).await;
    refused(&third.head);
    // What happens elsewhere is not heard here.
    phone.scan(&other.qr.url).await;
    let heard = first.next_within(Duration::from_millis(700)).await;
    assert!(heard.is_none_or(|told| told.state == "waiting"));
    // A listener that left makes room.
    drop(second);
    drop(third);
    let mut again = None;
    for _ in 0..40 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let events = waiting.browser.try_watch(&Browser::journey(&waiting.page), &[]).await;
        if events.head.status == 200 {
            again = Some(events);
            break;
        }
    }
    assert!(again.is_some(), "a closed listener is never forgotten");
}

#[tokio::test]
async fn sec_052_frames_and_bodies_are_small() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    let large = "x".repeat(1024 * 1024);
    for path in ["/challenges", "/claims", "/enrolments"] {
        let answer = phone.post(path, &json!({"device": large})).await;
        assert_eq!(answer.status, 413, "{path}: {}", answer.text());
    }
    let csrf = waiting.page.csrf().unwrap();
    for path in ["/login/phone", "/login/password", "/login/qr"] {
        let form = Request::form(path, &[("journey", "x"), ("csrf", &csrf), ("password", &large)]);
        let answer = waiting.browser.send(waiting.browser.same_origin(form)).await;
        assert_eq!(answer.status, 413, "{path}: {}", answer.text());
    }

    // A frame of a megabyte, then ten thousand tiny ones that nobody asked for.
    let before = scene.server.resident_kib();
    let journey = Browser::journey(&waiting.page);
    for flood in [frame(&vec![b'x'; 1024 * 1024]), frame(b"x").repeat(10_000)] {
        let mut socket = waiting.browser.connect().await;
        let cookies: Vec<String> =
            waiting.browser.cookies().iter().map(|(n, v)| format!("{n}={v}")).collect();
        let request =
            upgrade(&journey).header("origin", &scene.server.issuer).header("cookie", &cookies.join("; "));
        socket.write(&request.bytes(&format!("localhost:{}", scene.server.port))).await.unwrap();
        assert_eq!(socket.head().await.unwrap().status, 101);
        let _ = socket.write(&flood).await;
        let closed = tokio::time::timeout(Duration::from_secs(10), async {
            while socket.some_bytes().await.is_ok() {}
        });
        assert!(closed.await.is_ok(), "a flooded socket stays open");
    }
    assert!(scene.server.resident_kib() < before + 8 * 1024, "memory grew");
    assert_eq!(waiting.state().await, "waiting");
}

/// A masked text frame (RFC 6455 §5.2).
fn frame(payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x81];
    if payload.len() < 126 {
        out.push(0x80 | u8::try_from(payload.len()).unwrap());
    } else {
        out.push(0x80 | 127);
        out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_053_channels_one_has_no_right_to_answer_alike() {
    let timed = Timed::with(testkit::Setup::default().set("limits.off", true)).await;
    let scene = &timed.scene;
    let phone = scene.phone(Kind::App).await;
    let other = scene.phone_of("grace").await;
    // Expired, claimed by another, denied, redeemed, never issued.
    let expired = scene.waiting().await.qr.channel;
    timed.advance(61);
    let foreign = scene.waiting().await;
    other.scan(&foreign.qr.url).await;
    let denied = scene.waiting().await;
    let claim = phone.scan(&denied.qr.url).await;
    assert_eq!(phone.decide(&claim, "deny", None).await.status, 204);
    let finished = scene.waiting().await;
    finished.approved_by(&phone).await;
    scene.shop.code(&finished.started, &finished.redeem().await);
    let channels = [
        expired,
        foreign.qr.channel.clone(),
        denied.qr.channel.clone(),
        finished.qr.channel.clone(),
        b64(&random::<16>()),
    ];

    // A busy machine makes any of them slow for a while: only one that is apart each time tells something.
    let mut shapes = BTreeSet::new();
    let mut apart: BTreeSet<usize> = (0..channels.len()).collect();
    let mut told = Vec::new();
    for _ in 0..3 {
        let medians = timed_rounds(&phone, &channels, &mut shapes).await;
        apart.retain(|at| is_apart(&medians, *at));
        told.push(medians);
        if apart.is_empty() {
            break;
        }
    }
    assert_eq!(shapes.len(), 1, "{shapes:?}");
    assert!(apart.is_empty(), "told apart by time: {apart:?} of {told:?} µs");

    // The browser's side: journeys of others, and ones that never were.
    let mine = scene.waiting().await;
    let mut shapes = BTreeSet::new();
    for journey in [Browser::journey(&foreign.page), Browser::journey(&finished.page), b64(&random::<16>())] {
        let answer = mine.browser.send(Request::get(&format!("/login/state?journey={journey}"))).await;
        shapes.insert(shape(&answer, &journey));
    }
    assert_eq!(shapes.len(), 1, "{shapes:?}");
}

/// Claims each channel forty times, in an order that is drawn anew each time: the median times in microseconds.
async fn timed_rounds(
    phone: &testkit::Phone,
    channels: &[String],
    shapes: &mut BTreeSet<(u16, String, Vec<String>)>,
) -> Vec<u64> {
    let mut times = vec![Vec::new(); channels.len()];
    for _ in 0..40 {
        let mut order: Vec<(u8, usize)> = (0..channels.len()).map(|at| (random::<1>()[0], at)).collect();
        order.sort_unstable();
        for (_, at) in order {
            let body = phone.claim_body(&channels[at], &phone.challenge().await);
            let began = std::time::Instant::now();
            let answer = phone.post("/claims", &body).await;
            times[at].push(u64::try_from(began.elapsed().as_micros()).unwrap());
            shapes.insert(shape(&answer, &channels[at]));
        }
    }
    times.iter_mut().map(|all| median(all)).collect()
}

fn median(all: &mut [u64]) -> u64 {
    all.sort_unstable();
    all[all.len() / 2]
}

/// Whether this median is three milliseconds from that of the others.
fn is_apart(medians: &[u64], at: usize) -> bool {
    let mut others: Vec<u64> =
        medians.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, median)| *median).collect();
    medians[at].abs_diff(median(&mut others)) >= 3_000
}

/// What a caller sees, without what they sent themselves and the number of the log line.
fn shape(answer: &testkit::wire::Answer, own: &str) -> (u16, String, Vec<String>) {
    let mut body = answer.json();
    if let Some(members) = body.as_object_mut() {
        members.remove("id");
    }
    let mut names: Vec<String> = answer.headers.iter().map(|(name, _)| name.clone()).collect();
    names.sort();
    (answer.status, body.to_string().replace(own, ""), names)
}

#[tokio::test]
async fn sec_054_starts_are_limited_and_other_ways_keep_working() {
    let scene = Scene::new().await;
    // One browser that starts without end.
    let waiting = scene.waiting_in(scene.server.browser().from_address([127, 2, 0, 1])).await;
    let mut limited = None;
    for _ in 0..200 {
        let answer = waiting.browser.ask_qr(&waiting.page).await;
        if answer.status == 429 {
            limited = Some(answer);
            break;
        }
    }
    let limited = limited.expect("two hundred codes for one browser");
    assert!(limited.header("retry-after").and_then(|value| value.parse::<u64>().ok()).is_some());
    // One address with ever new browsers.
    let mut starts = 0;
    let mut refusals = 0;
    for _ in 0..250 {
        let browser = scene.server.browser().from_address([127, 3, 0, 1]);
        let page = browser.follow(&scene.shop.start().url).await;
        let status = browser.ask_qr(&page).await.status;
        starts += u32::from(status == 200);
        refusals += u32::from(status == 429);
        if refusals > 3 {
            break;
        }
    }
    assert!(refusals > 3, "{starts} starts from one address");
    // At that address the password still works, and elsewhere everything does.
    let browser = scene.server.browser().from_address([127, 3, 0, 1]);
    let started = scene.shop.start();
    let landed = browser.sign_in(&started.url, "ada", &scene.password).await;
    scene.shop.code(&started, &landed);
    scene.waiting_in(scene.server.browser().from_address([127, 4, 0, 1])).await;
}

#[tokio::test]
async fn sec_055_bad_approvals_are_limited() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let grace = scene.server.user("grace");
    let grace = testkit::Phone::enrol(
        scene.server.browser().from_address([127, 6, 0, 1]),
        "grace",
        &grace,
        Kind::App,
    )
    .await;
    let waiting = scene.waiting().await;
    let (claim, code) = waiting.claimed_by(&phone).await;
    let mut limited = None;
    for _ in 0..200 {
        let mut draft = phone.draft(&claim, "approve", Some(&code));
        draft.sign_other("nonce", &b64(&random::<16>()));
        let answer = phone.send(&claim, &draft).await;
        refused(&answer);
        if answer.status == 429 {
            limited = Some(answer);
            break;
        }
    }
    let limited = limited.expect("two hundred bad approvals and no limit");
    assert!(limited.header("retry-after").and_then(|value| value.parse::<u64>().ok()).is_some());
    // Another person, elsewhere, is not affected.
    let other = scene.waiting_in(scene.server.browser().from_address([127, 6, 0, 2])).await;
    let (claim, code) = other.claimed_by(&grace).await;
    grace.approve(&claim, &code).await;
}

#[tokio::test]
async fn sec_056_a_start_reaches_nobodys_phone() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let before = phone.signed("/devices/self", None).await;
    assert_eq!(before.status, 200, "{}", before.text());
    for _ in 0..15 {
        let started = scene.shop.start_with(&[("login_hint", "ada")]);
        Waiting::start_at(scene.server.browser(), started).await;
    }
    // Nothing waits on the phone: what it can ask has not changed, there is no list of requests to it.
    let after = phone.signed("/devices/self", None).await;
    assert_eq!(before.text(), after.text());
    for path in ["/claims", "/devices/self/claims", "/devices/self/requests", "/requests"] {
        refused(&phone.line.send(Request::get(&format!("/api/phone/v1{path}"))).await);
    }
    let started = scene.shop.start();
    let browser = scene.server.browser();
    let landed = browser.sign_in(&started.url, "ada", &scene.password).await;
    scene.shop.code(&started, &landed);
}

#[tokio::test]
async fn sec_057_polling_has_a_pace() {
    let scene = Scene::new().await;
    let waiting = scene.waiting().await;
    let mut refusals = 0;
    for _ in 0..150 {
        let answer = waiting.browser.poll(&waiting.page).await;
        if answer.status == 429 {
            assert!(answer.header("retry-after").is_some());
            refusals += 1;
        }
    }
    assert!(refusals > 20, "150 polls at once, {refusals} refused");
    // Another browser at a normal pace is untouched.
    let calm = scene.waiting().await;
    for _ in 0..4 {
        assert_eq!(calm.browser.poll(&calm.page).await.status, 200);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
