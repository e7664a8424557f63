//! What changes on one node, or by the command line, is seen on every node in time (SEC-079, SEC-153).

use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::wire::Request;
use testkit::{Page, press};

use crate::given::{Scene, becomes, patient};

/// SEC-153.
const ENDED: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_079_a_revoked_phone_is_dead_on_every_node_within_a_second() {
    let scene = Scene::with(patient(3)).await;
    for way in ["command", "phone"] {
        let phone = scene.phone().await;
        // In mid-approval on each node; and every node has just seen the phone alive.
        let mut running = Vec::new();
        for node in 0..3 {
            let login = scene.shown_by(node).await;
            phone.line.go_to(scene.port(node));
            let (claim, code) = login.claimed_by(&phone).await;
            running.push((login, claim, code));
        }
        let approvals: Vec<Request> = running
            .iter()
            .map(|(_, claim, code)| {
                let draft = phone.draft(claim, "approve", Some(code));
                let mut body = draft.body.clone();
                body["signature"] = phone.key.sign(&draft.message()).into();
                Request::json(&format!("/api/phone/v1/claims/{}/decision", claim.claim), &body)
            })
            .collect();
        let lines: Vec<_> = (0..3).map(|node| scene.server.browser_at(node)).collect();
        if way == "command" {
            let _ = scene.server.command(&["device", "revoke", &phone.device, "--json"]).done();
        } else {
            phone.line.go_to(scene.port(1));
            let answer =
                phone.signed("/devices/self/revoke", Some(&serde_json::json!({"end_sessions": false}))).await;
            assert!(answer.status < 300, "{} {}", answer.status, answer.text());
        }
        let revoked = Instant::now();
        // At once on all nodes: no node may still think of the phone as it was.
        let (a, b, c) = tokio::join!(
            lines[0].send(approvals[0].clone()),
            lines[1].send(approvals[1].clone()),
            lines[2].send(approvals[2].clone())
        );
        println!("a phone revoked by {way} is refused on three nodes: {:?}", revoked.elapsed());
        for answer in [a, b, c] {
            assert!((400..500).contains(&answer.status), "{} {}", answer.status, answer.text());
        }
        for (node, (login, _, _)) in running.iter().enumerate() {
            phone.line.go_to(scene.port(node));
            let answer = login.browser.redeem_once(&login.page).await;
            assert!(!crate::given::gives_session(&answer));
            let challenge = phone.post("/challenges", &serde_json::json!({"device": phone.device})).await;
            if challenge.status == 200 {
                let fresh = scene.shown_by(node).await;
                let body = phone.claim_body(&fresh.qr.channel, &challenge.word("challenge"));
                let answer = phone.post("/claims", &body).await;
                assert!((400..500).contains(&answer.status), "node {node}: {}", answer.text());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_153_logging_out_is_seen_on_every_node() {
    let scene = Scene::new().await;
    let (browser, tokens) = scene.signed_in().await;
    let cookie = browser.cookie("__Host-lb_session").unwrap();
    let copies: Vec<_> = (0..3)
        .map(|node| {
            let copy = scene.server.browser_at(node);
            copy.set_cookie("__Host-lb_session", &cookie);
            (copy, scene.shop_at(node))
        })
        .collect();
    for (copy, shop) in &copies {
        assert!(scene.silently(copy).await.query("code").is_some());
        assert_eq!(shop.userinfo(&tokens.access_token).await.status, 200);
    }
    browser.go_to(scene.port(0));
    let page: Page = browser.follow("/logout").await;
    let after = browser.submit(&page, &press(&page, &page.form("logout"), "logout-confirm")).await;
    assert!(after.status() < 400);
    for (node, (copy, shop)) in copies.iter().enumerate() {
        becomes(&format!("logged out: the session on node {node} is over"), ENDED, async || {
            copy.set_cookie("__Host-lb_session", &cookie);
            scene.silently(copy).await.query("code").is_none()
        })
        .await;
        becomes(&format!("logged out: the token on node {node} is dead"), ENDED, async || {
            shop.userinfo(&tokens.access_token).await.status == 401
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_153_disabling_a_person_is_seen_on_every_node() {
    let scene = Scene::new().await;
    let (browser, tokens) = scene.signed_in().await;
    let phone = scene.phone().await;
    let cookie = browser.cookie("__Host-lb_session").unwrap();
    for node in 0..3 {
        assert_eq!(scene.shop_at(node).userinfo(&tokens.access_token).await.status, 200);
    }
    let _ = scene.server.command(&["user", "disable", "ada"]).done();
    for node in 0..3 {
        let (copy, shop) = (scene.server.browser_at(node), scene.shop_at(node));
        copy.set_cookie("__Host-lb_session", &cookie);
        becomes(&format!("disabled: node {node}"), ENDED, async || {
            shop.userinfo(&tokens.access_token).await.status == 401
                && scene.silently(&copy).await.query("code").is_none()
        })
        .await;
        let login = scene.shown_by(node).await;
        phone.line.go_to(scene.port(node));
        let challenge = phone.post("/challenges", &serde_json::json!({"device": phone.device})).await;
        if challenge.status == 200 {
            let body = phone.claim_body(&login.qr.channel, &challenge.word("challenge"));
            assert!((400..500).contains(&phone.post("/claims", &body).await.status));
        }
    }
}

/// Four algorithms sign, each with a current and a next key; two decrypt.
const KEYS: usize = 10;

/// The ids of the keys that the command line lists, but of those that only open what was encrypted before: nobody is
/// to encrypt with them any more.
fn listed(said: &Value) -> Vec<String> {
    let rows = said.as_array().or_else(|| said.as_object()?.values().find_map(Value::as_array));
    let rows = rows.unwrap_or_else(|| panic!("no list: {said}"));
    let is_shown = |row: &&Value| {
        let decrypts = ["RSA-OAEP-256", "ECDH-ES"].iter().any(|alg| row["alg"] == *alg);
        row["state"] != "retired" || !decrypts
    };
    let shown = rows.iter().filter(is_shown);
    let mut kids: Vec<String> = shown.map(|row| row["kid"].as_str().unwrap().to_owned()).collect();
    kids.sort();
    kids
}

async fn kids(scene: &Scene, node: usize) -> Vec<String> {
    let answer = scene.server.browser_at(node).send(Request::get("/jwks")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let all: Value = answer.json();
    let mut kids: Vec<String> =
        all["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect();
    kids.sort();
    kids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_of_keys_is_seen_on_every_node_and_breaks_no_token() {
    let scene = Scene::new().await;
    // Keys that take long to make come a moment after the start, by whichever node is first.
    becomes("every node has every key", ENDED * 4, async || {
        let all = listed(&scene.server.command(&["keys", "list", "--json"]).done().json());
        let seen = [kids(&scene, 0).await, kids(&scene, 1).await, kids(&scene, 2).await];
        all.len() == KEYS && seen.iter().all(|kids| *kids == all)
    })
    .await;
    let before = kids(&scene, 0).await;
    let (browser, old) = scene.signed_in().await;
    // Forced: the next keys are not published for the six minutes yet that strangers' caches may need.
    let wanted = listed(&scene.server.command(&["keys", "rotate", "--force", "--json"]).done().json());
    let stays = before.iter().filter(|kid| wanted.contains(kid)).count();
    assert!(stays == KEYS - 2 && wanted.len() > before.len(), "{wanted:?}");
    let began = Instant::now();
    let mut is_everywhere = false;
    // While it spreads: what one node signs, the keys of every other verify.
    while began.elapsed() < ENDED && !is_everywhere {
        for node in 0..3 {
            let started = scene.shop.start_with(&[("prompt", "none")]);
            browser.go_to(scene.port(node));
            let landed = browser.follow(&started.url).await;
            let tokens = scene.shop_at(node).exchange(&started, &landed).await;
            let token = tokens.all["id_token"].as_str().unwrap();
            scene.shop_at((node + 1) % 3).verify(token).await;
            scene.shop_at((node + 2) % 3).verify(token).await;
            assert_eq!(scene.shop_at((node + 1) % 3).userinfo(&tokens.access_token).await.status, 200);
        }
        let all = [kids(&scene, 0).await, kids(&scene, 1).await, kids(&scene, 2).await];
        is_everywhere = all.iter().all(|kids| *kids == wanted);
    }
    println!("new keys on three nodes: {:?}", began.elapsed());
    assert!(is_everywhere, "not within {ENDED:?}");
    let after = kids(&scene, 0).await;
    assert_eq!((kids(&scene, 1).await, kids(&scene, 2).await), (after.clone(), after));
    // Tokens of before are as good as they were.
    for node in 0..3 {
        scene.shop_at(node).verify(old.all["id_token"].as_str().unwrap()).await;
        assert_eq!(scene.shop_at(node).userinfo(&old.access_token).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_clients_are_seen_on_every_node() {
    let scene = Scene::new().await;
    let bank = scene.server.client("bank");
    for node in 0..3 {
        // Known at once, although each node was asked for it before it was there.
        let page = scene.server.browser_at(node).follow(&bank.start().url).await;
        assert!(page.find_form("login").is_some(), "{}", page.html());
    }
    let _ = scene.server.command(&["client", "delete", "bank", "--json"]).done();
    for node in 0..3 {
        becomes(&format!("a deleted client: node {node}"), ENDED, async || {
            let page = scene.server.browser_at(node).follow(&bank.start().url).await;
            page.attribute("refused", "data-error").is_some() || page.find_form("login").is_none()
        })
        .await;
    }
}
