//! SEC-215: nodes restarted in turn under load, and nobody notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use testkit::wire::Request;
use testkit::{Browser, Setup};

use crate::given::Scene;

/// What the load saw.
#[derive(Default)]
struct Seen {
    is_over: AtomicBool,
    flows: AtomicUsize,
    failures: std::sync::Mutex<Vec<String>>,
}

impl Seen {
    fn failed(&self, what: String) {
        self.failures.lock().unwrap().push(what);
    }

    fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_215_a_rolling_restart_loses_no_session_no_request_and_no_waiting_page() {
    let setup = Setup::cluster(3)
        .set("limits.off", true)
        .set("server.stop_seconds", 10)
        .set("server.drain_seconds", 1);
    let mut scene = Scene::with(setup).await;
    let phone = scene.phone().await;
    let mut nodes = std::mem::take(&mut scene.server.nodes);
    let scene = Arc::new(scene);
    let seen = Arc::new(Seen::default());

    let ports: Vec<u16> = nodes.iter().map(|node| node.port).collect();
    let balancer = tokio::spawn(balance(Arc::clone(&scene), Arc::clone(&seen), ports));
    let mut load = Vec::new();
    let mut browsers = Vec::new();
    for _ in 0..4 {
        let browser = Arc::new(scene.signed_in().await.0);
        browsers.push(Arc::clone(&browser));
        load.push(tokio::spawn(silent_sign_ins(Arc::clone(&scene), Arc::clone(&seen), browser)));
    }
    load.push(tokio::spawn(password_sign_ins(Arc::clone(&scene), Arc::clone(&seen))));
    let login = Arc::new(scene.shown().await);
    let page = Arc::clone(&login);
    let words = tokio::spawn(async move { watch_until_approved(&page).await });

    let began = Instant::now();
    for round in 0..2 {
        for (at, node) in nodes.iter_mut().enumerate() {
            let stopping = Instant::now();
            assert_eq!(node.stop().await, 0, "{}", node.log());
            let stopped = stopping.elapsed();
            node.start().await;
            println!("round {round}, node {at}: stopped in {stopped:?}, back after {:?}", stopping.elapsed());
            assert!(stopped < Duration::from_secs(10), "{stopped:?}");
            // Until the balancer knows it again.
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
    let took = began.elapsed();
    let (claim, code) = login.claimed_by(&phone).await;
    phone.approve(&claim, &code).await;
    let breaks = words.await.unwrap();
    seen.is_over.store(true, Ordering::SeqCst);
    for one in load {
        one.await.unwrap();
    }
    balancer.await.unwrap();
    let landed = login.browser.redeem(&login.page).await;
    scene.shop.exchange(&login.started, &landed).await;
    for browser in &browsers {
        assert!(scene.silently(browser).await.query("code").is_some(), "a session is lost");
    }
    let flows = seen.flows.load(Ordering::SeqCst);
    let failures = seen.failures.lock().unwrap();
    println!(
        "six restarts in {took:?}: {flows} flows, {} failures, the stream came back {breaks} times",
        failures.len()
    );
    let logs: String = nodes.iter().map(testkit::Node::log).collect();
    let bad: Vec<&str> =
        logs.lines().filter(|line| line.contains("ERROR") || line.contains("WARN")).collect();
    assert!(
        failures.is_empty(),
        "{} of {flows} flows: {failures:#?}\n{bad:#?}\n{}",
        failures.len(),
        scene.server.nginx().log()
    );
    assert!(flows > 50, "{flows} flows are no load");
}

/// A balancer that asks each node every 100 ms whether it wants visitors, as the documents ask for.
async fn balance(scene: Arc<Scene>, seen: Arc<Seen>, ports: Vec<u16>) {
    let lines: Vec<(u16, Browser)> = ports
        .iter()
        .map(|port| {
            let line = scene.server.browser();
            line.go_to(*port);
            (*port, line)
        })
        .collect();
    let mut known = ports;
    while seen.goes_on() {
        let mut ready = Vec::new();
        for (port, line) in &lines {
            let answer = line.try_send(Request::get("/readyz")).await;
            if answer.is_ok_and(|answer| answer.status == 200) {
                ready.push(*port);
            }
        }
        if ready != known {
            assert!(!ready.is_empty(), "no node is ready");
            scene.server.balance(&ready);
            known = ready;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A browser with a session, relying parties that ask silently, tokens, their use.
async fn silent_sign_ins(scene: Arc<Scene>, seen: Arc<Seen>, browser: Arc<Browser>) {
    let shop = scene.shop();
    while seen.goes_on() {
        let started = shop.start_with(&[("prompt", "none")]);
        let page = browser.get(&started.url).await;
        let to = page.answer.header("location").unwrap_or_default().to_owned();
        let Some(code) = url::Url::parse(&to).ok().and_then(|url| {
            url.query_pairs().find(|(name, _)| name == "code").map(|(_, code)| code.into_owned())
        }) else {
            seen.failed(format!("authorize: {} {to}", page.answer.status));
            continue;
        };
        let answer = shop.redeem(&started, &code).await;
        if answer.status != 200 {
            seen.failed(format!("token: {} {}", answer.status, answer.text()));
            continue;
        }
        let answer = shop.userinfo(&answer.word("access_token")).await;
        if answer.status != 200 {
            seen.failed(format!("userinfo: {} {}", answer.status, answer.text()));
        }
        seen.flows.fetch_add(1, Ordering::SeqCst);
    }
}

/// Ever new browsers whose people sign in: pages, forms, redirects.
async fn password_sign_ins(scene: Arc<Scene>, seen: Arc<Seen>) {
    while seen.goes_on() {
        let (browser, started) = (scene.server.browser(), scene.shop.start());
        let page = browser.follow(&started.url).await;
        let Some(form) = page.find_form("login") else {
            seen.failed(format!("login page: {}", page.status()));
            continue;
        };
        let form = form.with("username", "ada").with("password", &scene.password);
        let answer = browser.submit_once(&page, &form).await;
        if answer.status != 303 {
            seen.failed(format!("password: {} {}", answer.status, answer.text()));
        }
        seen.flows.fetch_add(1, Ordering::SeqCst);
    }
}

/// What the page's script does: listens, comes back when the stream ends. Answers how often it did.
async fn watch_until_approved(login: &crate::given::Login) -> usize {
    let journey = Browser::journey(&login.page);
    let (mut last, mut breaks) = (String::new(), 0);
    loop {
        let mut events = login.browser.try_watch(&journey, &[("last-event-id", &last)]).await;
        assert_eq!(events.head.status, 200, "the page is sent away: {}", events.head.text());
        while let Some(told) = events.next().await {
            last = told.id;
            match told.state.as_str() {
                "waiting" | "claimed" => {}
                "approved" => return breaks,
                other => panic!("the page is told {other}"),
            }
        }
        breaks += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_215_a_node_that_stops_says_so_and_finishes_what_runs() {
    let setup = Setup::cluster(2).set("server.stop_seconds", 5).set("server.drain_seconds", 1);
    let mut scene = Scene::with(setup).await;
    let browser = scene.server.browser_at(0);
    assert_eq!(browser.send(Request::get("/readyz")).await.status, 200);
    let waiting = scene.shown_by(0).await;
    let mut events = waiting.browser.watch(&waiting.page).await;
    assert!(events.next().await.is_some());
    scene.server.nodes[0].signal("TERM");
    tokio::time::sleep(Duration::from_millis(150)).await;
    // A balancer that asks is told, while visitors it still sends are served.
    assert_eq!(scene.server.nodes[0].ready().await, Some(503));
    let page = scene.server.browser_at(0).follow(&scene.shop.start().url).await;
    assert_eq!(page.status(), 200, "{}", page.html());
    let began = Instant::now();
    assert_eq!(scene.server.nodes[0].ended().await.and_then(|status| status.code()), Some(0));
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    while events.next().await.is_some() {}
    // The other node goes on with the page.
    waiting.browser.go_to(scene.port(1));
    assert_eq!(waiting.browser.poll(&waiting.page).await.word("state"), "waiting");
}
