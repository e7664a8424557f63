//! SEC-064: each step on another node, and everything that is good once raced on all of them.

use std::sync::Arc;
use std::time::Instant;

use testkit::Kind;
use testkit::wire::Request;

use crate::given::{Login, Scene, gives_session, patient};

/// All ways to put the four steps on three nodes so that no two neighbours share one.
const WAYS: [[usize; 4]; 6] =
    [[0, 1, 2, 0], [1, 2, 0, 1], [2, 0, 1, 2], [0, 2, 1, 0], [1, 0, 2, 1], [2, 1, 0, 2]];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_064_any_node_serves_any_step_under_load() {
    let scene = Arc::new(Scene::with(patient(3)).await);
    let began = Instant::now();
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let scene = Arc::clone(&scene);
            tokio::spawn(async move {
                let name = format!("user{task}");
                let password = scene.server.user(&name);
                let phone = scene.server.phone(&name, &password, Kind::App).await;
                for round in 0..7 {
                    sign_in(&scene, &phone, WAYS[(task + round) % WAYS.len()]).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    println!("56 sign-ins by phone over three nodes, by 8 at a time: {:?}", began.elapsed());
    for event in ["channel.opened", "channel.claimed", "channel.approved", "channel.redeemed"] {
        assert_eq!(scene.server.audit(event).await.len(), 56, "{event}");
    }
    assert_eq!(scene.server.audit("session.started").await.len(), 56);
    assert_eq!(scene.server.audit("code.redeemed").await.len(), 56);
}

/// Shown on the first, claimed on the second, approved on the third, redeemed on the fourth.
async fn sign_in(scene: &Scene, phone: &testkit::Phone, [shown, claimed, approved, redeemed]: [usize; 4]) {
    let login = scene.shown_by(shown).await;
    // The page waits on yet another node.
    login.browser.go_to(scene.port(approved));
    let mut events = login.browser.watch(&login.page).await;
    assert_eq!(events.next().await.unwrap().state, "waiting");
    phone.line.go_to(scene.port(claimed));
    let claim = phone.scan(&login.qr.url).await;
    events.until("claimed").await.expect("the word from another node");
    let code = login.browser.check_code(&login.page).await;
    phone.line.go_to(scene.port(approved));
    phone.approve(&claim, &code).await;
    events.until("approved").await.expect("the word from another node");
    login.browser.go_to(scene.port(redeemed));
    let landed = login.browser.redeem(&login.page).await;
    let tokens = scene.shop_at(claimed).exchange(&login.started, &landed).await;
    assert_eq!(tokens.claims["acr"], "urn:latchbolt:acr:qr");
    // The session and the tokens are good on every node at once.
    for node in 0..3 {
        login.browser.go_to(scene.port(node));
        assert!(scene.silently(&login.browser).await.query("code").is_some(), "no session on node {node}");
        assert_eq!(scene.shop_at(node).userinfo(&tokens.access_token).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_064_a_channel_raced_on_all_nodes_gives_one_session() {
    let scene = Scene::with(patient(3)).await;
    let phone = scene.phone().await;
    for round in 0..5 {
        let login = scene.shown_by(round % 3).await;
        let (claim, code) = login.claimed_by(&phone).await;
        phone.approve(&claim, &code).await;
        let request = login.browser.script_request(&login.page, "/login/phone");
        let jar: Vec<String> = login.browser.cookies().iter().map(|(n, v)| format!("{n}={v}")).collect();
        let request = request.header("cookie", &jar.join("; "));
        let tries: Vec<_> = (0..30)
            .map(|at| {
                let (browser, request) = (scene.server.browser_at(at % 3), request.clone());
                tokio::spawn(async move { browser.send(request).await })
            })
            .collect();
        let mut sessions = 0;
        for one in tries {
            let answer = one.await.unwrap();
            assert!(answer.status < 500, "{} {}", answer.status, answer.text());
            sessions += usize::from(gives_session(&answer));
        }
        assert_eq!(sessions, 1);
    }
    assert_eq!(scene.server.audit("session.started").await.len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_064_claims_and_decisions_raced_on_all_nodes_have_one_winner() {
    let scene = Scene::with(patient(3)).await;
    let mut phones = Vec::new();
    for node in 0..3 {
        let phone = scene.phone().await;
        phone.line.go_to(scene.port(node));
        phones.push(phone);
    }
    for round in 0..6 {
        let login = scene.shown_by(round % 3).await;
        let (a, b, c) = tokio::join!(
            phones[0].try_scan(&login.qr.url),
            phones[1].try_scan(&login.qr.url),
            phones[2].try_scan(&login.qr.url)
        );
        let won: Vec<usize> = [&a, &b, &c]
            .iter()
            .enumerate()
            .filter(|(_, answer)| answer.status < 300)
            .map(|(at, _)| at)
            .collect();
        assert_eq!(won.len(), 1, "{} {} {}", a.status, b.status, c.status);
        assert!([&a, &b, &c].iter().all(|answer| answer.status < 500));
        let winner = &phones[won[0]];
        let claim = testkit::Claim::read([&a, &b, &c][won[0]], &login.qr.channel);
        let code = login.browser.check_code(&login.page).await;

        // The same approval to two nodes, and a denial to the third: the channel ends in one way.
        let (yes, no) = (winner.draft(&claim, "approve", Some(&code)), winner.draft(&claim, "deny", None));
        let lines: Vec<testkit::Browser> = (0..3).map(|node| scene.server.browser_at(node)).collect();
        let body = |draft: &testkit::Draft| {
            let mut body = draft.body.clone();
            body["signature"] = winner.key.sign(&draft.message()).into();
            Request::json(&format!("/api/phone/v1/claims/{}/decision", claim.claim), &body)
        };
        let (a, b, c) =
            tokio::join!(lines[0].send(body(&yes)), lines[1].send(body(&yes)), lines[2].send(body(&no)));
        assert!(
            [&a, &b, &c].iter().all(|answer| answer.status < 500),
            "{} {} {}",
            a.status,
            b.status,
            c.status
        );
        let state = login.browser.poll(&login.page).await.word("state");
        let session = gives_session(&login.browser.redeem_once(&login.page).await);
        match state.as_str() {
            "approved" => assert!(session, "approved, and nobody signed in"),
            "denied" => assert!(!session, "denied, and somebody signed in"),
            other => panic!("{other} after a decision"),
        }
    }
    let ended =
        scene.server.audit("channel.redeemed").await.len() + scene.server.audit("channel.denied").await.len();
    assert!(ended >= 6, "{ended}");
    let approved = scene.server.audit("channel.approved").await.len();
    assert!(approved <= 6, "{approved} approvals of six channels");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_064_a_code_raced_on_all_nodes_is_good_once_and_then_revoked() {
    let scene = Scene::with(patient(3)).await;
    for _ in 0..5 {
        let (browser, started) = (scene.server.browser(), scene.shop.start());
        let landed = browser.sign_in(&started.url, "ada", &scene.password).await;
        let code = scene.shop.code(&started, &landed);
        let shops: Vec<_> = (0..3).map(|node| scene.shop_at(node)).collect();
        let (a, b, c) = tokio::join!(
            shops[0].redeem(&started, &code),
            shops[1].redeem(&started, &code),
            shops[2].redeem(&started, &code)
        );
        let answers = [a, b, c];
        let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(won.len(), 1, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
        for lost in answers.iter().filter(|answer| answer.status != 200) {
            assert_eq!((lost.status, lost.word("error").as_str()), (400, "invalid_grant"));
        }
        // Two of three were somebody else: what the first got is worth nothing (RFC 6749 §4.1.2).
        let token = won[0].word("access_token");
        for shop in &shops {
            crate::given::becomes(
                "a replayed code's token is dead",
                std::time::Duration::from_secs(5),
                async || shop.userinfo(&token).await.status == 401,
            )
            .await;
        }
    }
    assert_eq!(scene.server.audit("code.redeemed").await.len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_064_a_challenge_raced_on_all_nodes_is_good_once() {
    let scene = Scene::with(patient(3)).await;
    let phone = scene.phone().await;
    for _ in 0..5 {
        // Three channels, one challenge: one of the claims may pass.
        let mut logins: Vec<Login> = Vec::new();
        for node in 0..3 {
            logins.push(scene.shown_by(node).await);
        }
        let challenge = phone.challenge().await;
        let lines: Vec<testkit::Browser> = (0..3).map(|node| scene.server.browser_at(node)).collect();
        let body = |login: &Login| {
            Request::json("/api/phone/v1/claims", &phone.claim_body(&login.qr.channel, &challenge))
        };
        let (a, b, c) = tokio::join!(
            lines[0].send(body(&logins[0])),
            lines[1].send(body(&logins[1])),
            lines[2].send(body(&logins[2]))
        );
        let won = [&a, &b, &c].iter().filter(|answer| answer.status < 300).count();
        assert_eq!(won, 1, "{} {} {}", a.status, b.status, c.status);
    }
}
