//! What becomes of phones after they were enrolled: other keys, other phones, lost ones (SEC-070…090).

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::wire::Request;
use testkit::{Browser, DeviceKey, Kind, Phone};

use crate::given::{Scene, Waiting};

const API: &str = "/api/phone/v1";

async fn state(phone: &Phone) -> String {
    let answer = phone.signed("/devices/self", Some(&json!({}))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.word("state")
}

/// A phone that enrols by the link that an administrator made.
async fn by_link(scene: &Scene) -> Phone {
    scene.phone(Kind::App).await
}

async fn post(line: &Browser, path: &str, body: &Value) -> testkit::wire::Answer {
    line.send(Request::json(&format!("{API}{path}"), body)).await
}

/// Waits until the browser is told that its claim is over; how long that took.
async fn over(waiting: &Waiting, since: Instant) -> Duration {
    loop {
        if waiting.state().await == "expired" {
            return since.elapsed();
        }
        assert!(since.elapsed() < Duration::from_secs(10), "the browser still waits");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn sec_070_a_password_alone_adds_the_first_phone_and_no_other() {
    let scene = Scene::new().await;
    let first = Phone::try_enrol(scene.server.browser(), "ada", &scene.password, Kind::App).await.unwrap();
    assert_eq!(state(&first).await, "active");
    for kind in [Kind::App, Kind::Web] {
        let refused =
            Phone::try_enrol(scene.server.browser(), "ada", &scene.password, kind).await.unwrap_err();
        assert_eq!((refused.status, refused.word("code").as_str()), (403, "step_up_needed"));
    }
    // Nobody else's phone stands in the way.
    let password = scene.server.user("bob");
    Phone::try_enrol(scene.server.browser(), "bob", &password, Kind::App).await.unwrap();
}

#[tokio::test]
async fn sec_082_the_old_key_dies_when_the_new_one_is_there() {
    let scene = Scene::new().await;
    for kind in [Kind::App, Kind::Web] {
        let name = if kind == Kind::App { "rita" } else { "rolf" };
        let password = scene.server.user(name);
        let mut phone = scene.server.phone(name, &password, kind).await;
        let new = DeviceKey::generate();
        let body = phone.rotation(&new).await;
        let mut foreign = body.clone();
        foreign["signature"] = json!(DeviceKey::generate().sign("another"));
        // A request is good once, and so is the owner's proof in it.
        let refused = phone.signed("/devices/self/key", Some(&foreign)).await;
        assert_eq!(
            (refused.status, refused.word("field").as_str()),
            (400, "signature"),
            "{}",
            refused.text()
        );
        assert_eq!(phone.signed("/devices/self/key", Some(&body)).await.status, 410);

        let body = phone.rotation(&new).await;
        let done = phone.signed("/devices/self/key", Some(&body)).await;
        assert_eq!(done.status, 200, "{}", done.text());
        let old = std::mem::replace(&mut phone.key, new);
        assert_eq!(state(&phone).await, "active");
        let stale = Phone::of(scene.server.browser(), &phone.device, &phone.account, old);
        assert_eq!(stale.signed("/devices/self", Some(&json!({}))).await.status, 403);
        // The key before never comes back, here or on another phone (SEC-081).
        let back = phone.rotation(&stale.key).await;
        let refused = phone.signed("/devices/self/key", Some(&back)).await;
        assert_eq!((refused.status, refused.word("code").as_str()), (409, "key_known"));
        let waiting = scene.waiting().await;
        assert_eq!(stale.try_scan(&waiting.qr.url).await.status, 403);
        let _ = waiting.approved_by(&phone).await;
        scene.shop.code(&waiting.started, &waiting.redeem().await);
    }
}

#[tokio::test]
async fn sec_082_without_its_owner_no_key_follows() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::Web).await;
    let new = DeviceKey::generate();
    let mut unverified = phone.rotation(&new).await;
    unverified["proof"]["uv"] = json!(false);
    assert_eq!(phone.signed("/devices/self/key", Some(&unverified)).await.status, 403);
    let mut bare = phone.rotation(&new).await;
    bare["proof"].as_object_mut().unwrap().remove("assertion");
    assert_eq!(phone.signed("/devices/self/key", Some(&bare)).await.status, 403);
    // A proof for something else is none for this.
    let mut other = phone.rotation(&new).await;
    other["proof"] = phone.proof("reverify", "-").await;
    assert_eq!(phone.signed("/devices/self/key", Some(&other)).await.status, 410);
    assert_eq!(state(&phone).await, "active");
}

#[tokio::test]
async fn sec_079_a_lost_phone_stops_at_once_and_its_claim_and_sessions_end() {
    let scene = Scene::new().await;
    let lost = scene.phone(Kind::App).await;
    let other = by_link(&scene).await;
    let before = scene.waiting().await;
    before.approved_by(&lost).await;
    scene.shop.code(&before.started, &before.redeem().await);
    assert!(scene.is_signed_in(&before.browser).await);

    let running = scene.waiting().await;
    let (claim, code) = running.claimed_by(&lost).await;
    let seen = other.signed("/devices/self/others", Some(&json!({}))).await.json();
    assert_eq!(seen["phones"][0]["device"], json!(lost.device));
    let since = Instant::now();
    let told = other
        .signed(
            &format!("/devices/self/others/{}/lost", lost.device),
            Some(&json!({"reason": "lost", "note": "on the train"})),
        )
        .await;
    assert_eq!(told.status, 204, "{}", told.text());
    assert_eq!(lost.decide(&claim, "approve", Some(&code)).await.status, 403);
    let took = over(&running, since).await;
    assert!(took < Duration::from_secs(3), "the browser waited {took:?}");
    assert_eq!(state(&lost).await, "suspended");
    assert!(!scene.is_signed_in(&before.browser).await, "the session it approved goes on");
    assert_eq!(lost.try_scan(&scene.waiting().await.qr.url).await.status, 403);
    let entries = scene.server.audit("device.lost").await;
    assert_eq!(entries[0].detail.as_deref(), Some("lost: on the train"));

    // It turned up: its owner proves to be there on the other phone.
    let path = format!("/devices/self/others/{}/found", lost.device);
    let unverified = json!({"proof": {"nonce": "AAAAAAAAAAAAAAAAAAAAAA", "uv": true}});
    assert_eq!(other.signed(&path, Some(&unverified)).await.status, 410);
    let proof = other.proof("found", &lost.device).await;
    assert_eq!(other.signed(&path, Some(&json!({"proof": proof}))).await.status, 204);
    assert_eq!(state(&lost).await, "active");

    // Stolen is for good.
    let stolen = json!({"reason": "stolen"});
    let path = format!("/devices/self/others/{}/lost", lost.device);
    assert_eq!(other.signed(&path, Some(&stolen)).await.status, 204);
    assert_eq!(state(&lost).await, "revoked");
    let proof = other.proof("found", &lost.device).await;
    let path = format!("/devices/self/others/{}/found", lost.device);
    assert_eq!(other.signed(&path, Some(&json!({"proof": proof}))).await.status, 409);
}

#[tokio::test]
async fn sec_079_revoking_from_the_command_line_ends_a_running_claim() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    let (claim, code) = waiting.claimed_by(&phone).await;
    let _ = scene.server.command(&["device", "revoke", &phone.device]).done();
    let since = Instant::now();
    assert_eq!(phone.decide(&claim, "approve", Some(&code)).await.status, 403);
    let took = over(&waiting, since).await;
    assert!(took < Duration::from_secs(4), "the browser waited {took:?}");
}

/// When the answer is there the phone is revoked for good, whoever kills the server then; what it approved ends on request,
/// and its running claim within a second.
#[tokio::test]
async fn sec_079_sec_080_an_administrators_revocation_is_at_once_and_durable() {
    let mut scene = Scene::new().await;
    let root = scene.server.administrator("root", &["superadmin"]).await;
    let (one, other) = (scene.phone(Kind::App).await, by_link(&scene).await);
    let (stays, goes) = (scene.waiting().await, scene.waiting().await);
    for (waiting, phone) in [(&stays, &one), (&goes, &other)] {
        waiting.approved_by(phone).await;
        waiting.redeem().await;
        assert!(scene.is_signed_in(&waiting.browser).await);
    }
    let waiting = scene.waiting().await;
    let (claim, code) = waiting.claimed_by(&other).await;
    for (phone, with_sessions) in [(&one, false), (&other, true)] {
        let path = format!("/devices/{}/revoke", phone.device);
        let done = root.ask("POST", &path, Some(&json!({"end_sessions": with_sessions}))).await;
        assert_eq!(done.status, 200, "{}", done.text());
    }
    let took = over(&waiting, Instant::now()).await;
    assert!(took < Duration::from_secs(1), "the browser waited {took:?}");
    assert_eq!(other.decide(&claim, "approve", Some(&code)).await.status, 403);
    scene.is_signed_out(&goes.browser).await;
    assert!(scene.is_signed_in(&stays.browser).await, "nobody asked for its end");
    scene.server.kill();
    scene.server.run_again().await;
    assert!(scene.is_signed_in(&stays.browser).await && !scene.is_signed_in(&goes.browser).await);
    for phone in [&one, &other] {
        assert_eq!(phone.try_scan(&scene.waiting().await.qr.url).await.status, 403);
    }
}

#[tokio::test]
async fn sec_083_a_stranger_finds_no_phone() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let bob = scene.phone_of("bob").await;
    let lost = format!("/devices/self/others/{}/lost", phone.device);
    let foreign = bob.signed(&lost, Some(&json!({"reason": "stolen"}))).await;
    let unknown = bob
        .signed(
            "/devices/self/others/dev_aaaaaaaaaaaaaaaaaaaaaaaaaa/lost",
            Some(&json!({"reason": "stolen"})),
        )
        .await;
    assert_eq!((foreign.status, unknown.status), (404, 404));
    assert_eq!(foreign.word("code"), unknown.word("code"));
    let proof = bob.proof("found", &phone.device).await;
    let found = format!("/devices/self/others/{}/found", phone.device);
    assert_eq!(bob.signed(&found, Some(&json!({"proof": proof}))).await.status, 404);
    let seen = bob.signed("/devices/self/others", Some(&json!({}))).await;
    assert_eq!(seen.json()["phones"], json!([]));
    assert_eq!(state(&phone).await, "active");
}

#[tokio::test]
async fn sec_084_no_body_names_an_owner() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    for name in ["user", "user_id", "sub", "owner", "account"] {
        let body = json!({"name": "Mine", name: "bob"});
        assert_eq!(phone.signed("/devices/self/name", Some(&body)).await.status, 400, "{name}");
        let body = json!({"platform": "Test", name: {"id": "bob"}});
        assert_eq!(post(&phone.line, "/moves", &body).await.status, 400, "{name}");
    }
    let renamed = phone.signed("/devices/self/name", Some(&json!({"name": "Ada's old one"}))).await;
    assert_eq!(renamed.word("name"), "Ada's old one");
}

#[tokio::test]
async fn sec_078_phones_are_told_of_every_change() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let other = by_link(&scene).await;
    phone.signed("/devices/self/name", Some(&json!({"name": "Renamed"}))).await;
    let body = phone.rotation(&DeviceKey::generate()).await;
    assert_eq!(phone.signed("/devices/self/key", Some(&body)).await.status, 200);
    let path = format!("/devices/self/others/{}/lost", phone.device);
    other.signed(&path, Some(&json!({"reason": "stolen"}))).await;
    let told = other.signed("/devices/self/notices", Some(&json!({}))).await.json();
    let kinds: Vec<&str> =
        told["notices"].as_array().unwrap().iter().filter_map(|n| n["notice"]["kind"].as_str()).collect();
    for kind in ["device_added", "device_changed", "device_key_rotated", "device_revoked"] {
        assert!(kinds.contains(&kind), "{kind} is missing in {kinds:?}");
    }
}

#[tokio::test]
async fn sec_043_a_new_sign_in_is_told_on_the_phone_and_ended_there() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    waiting.approved_by(&phone).await;
    scene.shop.code(&waiting.started, &waiting.redeem().await);
    let told = phone.signed("/devices/self/notices", Some(&json!({}))).await.json();
    let notices = told["notices"].as_array().unwrap();
    let new =
        notices.iter().find(|n| n["notice"]["kind"] == "new_sign_in").unwrap_or_else(|| panic!("{told}"));
    let session = new["notice"]["session"].as_str().unwrap();
    assert_eq!(
        phone.signed(&format!("/devices/self/sessions/{session}/end"), Some(&json!({}))).await.status,
        204
    );
    assert!(!scene.is_signed_in(&waiting.browser).await);
}

/// Goes through a move up to the typed number.
async fn offered(scene: &Scene, old: &Phone) -> (Browser, String, String, String) {
    let line = scene.server.browser();
    let opened = post(&line, "/moves", &json!({"platform": "Android 17", "model": "Pixel 12"})).await;
    assert_eq!(opened.status, 201, "{}", opened.text());
    let (secret, url) = (opened.word("move"), opened.word("url"));
    let offer = url.split_once("#m1").unwrap().1.to_owned();
    let claimed = old.signed("/devices/self/moves/claim", Some(&json!({"offer": offer}))).await;
    assert_eq!(claimed.status, 200, "{}", claimed.text());
    assert_eq!((claimed.word("platform"), claimed.word("model")), ("Android 17".into(), "Pixel 12".into()));
    let stood = post(&line, "/moves/state", &json!({"move": secret})).await;
    assert_eq!((stood.word("state"), stood.word("username")), ("claimed".into(), "ada".into()));
    let number = stood.word("number");
    (line, secret, offer, number)
}

#[tokio::test]
async fn a_new_phone_takes_the_place_of_an_old_one() {
    let scene = Scene::new().await;
    for kind in [Kind::App, Kind::Web] {
        let name = "ada";
        let old = by_link(&scene).await;
        let before = scene.waiting().await;
        before.approved_by(&old).await;
        scene.shop.code(&before.started, &before.redeem().await);
        let (line, secret, offer, number) = offered(&scene, &old).await;
        // Not before its owner agreed.
        assert_eq!(post(&line, "/enrolments", &json!({"move": secret})).await.status, 410);
        let wrong = if number == "000" { "001" } else { "000" };
        let proof = old.proof("move", &offer).await;
        let typed = json!({"offer": offer, "number": wrong, "proof": proof});
        let refused = old.signed("/devices/self/moves/approve", Some(&typed)).await;
        assert_eq!((refused.status, refused.json()["left"].as_u64()), (422, Some(2)), "{}", refused.text());
        let proof = old.proof("move", &offer).await;
        let typed = json!({"offer": offer, "number": number, "proof": proof});
        let agreed = old.signed("/devices/self/moves/approve", Some(&typed)).await;
        assert_eq!(agreed.status, 204, "{}", agreed.text());

        let begun = post(&line, "/enrolments", &json!({"move": secret})).await;
        assert_eq!(begun.status, 200, "{}", begun.text());
        assert_eq!(begun.json()["account"]["username"], name);
        // The offer is spent, and the old phone works until the new one is there.
        assert_eq!(post(&line, "/enrolments", &json!({"move": secret})).await.status, 410);
        assert_eq!(state(&old).await, "active");
        let new = Phone::finish_enrolment(line, &begun.json(), kind, DeviceKey::generate()).await.unwrap();
        assert_eq!(new.device, old.device, "the device stays itself");
        assert_eq!(old.signed("/devices/self", Some(&json!({}))).await.status, 403, "the old key is dead");
        let sessions = new.signed("/devices/self/sessions", Some(&json!({}))).await.json();
        assert_eq!(sessions["sessions"].as_array().map(Vec::len), Some(1), "history is kept");
        let waiting = scene.waiting().await;
        waiting.approved_by(&new).await;
        scene.shop.code(&waiting.started, &waiting.redeem().await);
        let moved = scene.server.audit("device.moved").await;
        assert!(moved.iter().any(|entry| entry.device.is_some_and(|id| id.to_string() == new.device)));
    }
}

#[tokio::test]
async fn a_move_is_its_owners_alone_and_ends_with_wrong_numbers() {
    let scene = Scene::new().await;
    let old = scene.phone(Kind::App).await;
    let bob = scene.phone_of("bob").await;
    let (line, secret, offer, number) = offered(&scene, &old).await;
    let again = bob.signed("/devices/self/moves/claim", Some(&json!({"offer": offer}))).await;
    assert_eq!(again.status, 410, "the first phone has it");
    let proof = bob.proof("move", &offer).await;
    let typed = json!({"offer": offer, "number": number, "proof": proof});
    assert_eq!(bob.signed("/devices/self/moves/approve", Some(&typed)).await.status, 410);
    let unverified = json!({"offer": offer, "number": number,
        "proof": {"nonce": "AAAAAAAAAAAAAAAAAAAAAA", "uv": true}});
    assert_eq!(old.signed("/devices/self/moves/approve", Some(&unverified)).await.status, 410);
    let wrong = if number == "000" { "001" } else { "000" };
    for left in [2, 1, 0] {
        let proof = old.proof("move", &offer).await;
        let typed = json!({"offer": offer, "number": wrong, "proof": proof});
        let refused = old.signed("/devices/self/moves/approve", Some(&typed)).await;
        assert_eq!(refused.json()["left"], json!(left));
    }
    let stood = post(&line, "/moves/state", &json!({"move": secret})).await;
    assert_eq!(stood.word("state"), "denied");
    assert_eq!(post(&line, "/enrolments", &json!({"move": secret})).await.status, 410);
    assert_eq!(state(&old).await, "active");
    // Who takes back what was agreed to in time, has it back.
    let (line, secret, offer, number) = offered(&scene, &old).await;
    let proof = old.proof("move", &offer).await;
    let typed = json!({"offer": offer, "number": number, "proof": proof});
    assert_eq!(old.signed("/devices/self/moves/approve", Some(&typed)).await.status, 204);
    assert_eq!(old.signed("/devices/self/moves/deny", Some(&json!({"offer": offer}))).await.status, 204);
    assert_eq!(post(&line, "/enrolments", &json!({"move": secret})).await.status, 410);
}
