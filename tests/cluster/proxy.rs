//! nginx with the project's own configuration, `deploy/nginx/latchbolt.conf`, its ports and TLS taken out.

use std::time::{Duration, Instant};

use backing::Nginx;
use testkit::wire::Request;
use testkit::{Kind, RelyingParty, Setup};

use crate::given::{Login, Scene};

/// The file as it is shipped, in front of these ports, without TLS.
fn shipped(port: u16, nodes: &[u16]) -> String {
    let text = include_str!("../../deploy/nginx/latchbolt.conf");
    let plain = text.split("\nserver {\n    listen 80;").next().unwrap();
    let servers: String = nodes.iter().map(|node| format!("    server 127.0.0.1:{node};\n")).collect();
    let kept: Vec<&str> = plain
        .lines()
        .filter(|line| !["ssl_", "listen [::]"].iter().any(|gone| line.trim().starts_with(gone)))
        .collect();
    let text = kept.join("\n");
    for part in ["    server 127.0.0.1:8400;\n", "    listen 443 ssl http2;\n"] {
        assert!(text.contains(part), "deploy/nginx/latchbolt.conf has no {part}");
    }
    text.replace("    server 127.0.0.1:8400;\n", &servers)
        .replace("    listen 443 ssl http2;\n", &format!("    listen 127.0.0.1:{port};\n"))
}

/// Two nodes behind the shipped nginx; they believe what comes from 127.0.0.1 alone.
async fn behind() -> (Scene, Nginx) {
    let setup = Setup::cluster(2)
        .set("issuer.url", "http://localhost")
        .set("networks.trusted_proxies", vec![toml::Value::from("127.0.0.1")])
        .set("limits.off", true);
    let mut scene = Scene { server: setup.prepare(), password: String::new(), shop: nobody() };
    let ports: Vec<u16> = scene.server.nodes.iter().map(|node| node.port).collect();
    let port = testkit::free_port();
    let nginx = Nginx::start(port, &shipped(port, &ports));
    scene.server.run_again().await;
    scene.password = scene.server.user("ada");
    scene.shop = scene.server.client("shop");
    scene.shop.line.go_to(port);
    (scene, nginx)
}

fn nobody() -> RelyingParty {
    RelyingParty {
        line: testkit::Browser::new("http://localhost"),
        client_id: String::new(),
        secret: None,
        redirect_uri: String::new(),
        scope: String::new(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shipped_nginx_holds_no_stream_back() {
    let (scene, nginx) = behind().await;
    let line = scene.server.browser();
    line.go_to(nginx.port());
    let phone = testkit::Phone::enrol(line, "ada", &scene.password, Kind::App).await;
    let browser = scene.server.browser();
    browser.go_to(nginx.port());
    let login = Login::start(browser, scene.shop.start()).await;
    let began = Instant::now();
    let mut events = login.browser.watch(&login.page).await;
    assert_eq!(events.next().await.unwrap().state, "waiting");
    println!("the first event through nginx: {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let (claim, code) = {
        let began = Instant::now();
        let claim = phone.scan(&login.qr.url).await;
        events.until("claimed").await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        (claim, login.browser.check_code(&login.page).await)
    };
    let draft = phone.draft(&claim, "approve", Some(&code));
    let began = Instant::now();
    let (answer, word) = tokio::join!(phone.send(&claim, &draft), events.until("approved"));
    assert!(answer.status == 204 && word.is_some());
    println!("approve → the waiting page, through nginx: {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let landed = login.browser.redeem(&login.page).await;
    scene.shop.exchange(&login.started, &landed).await;

    // The same words over a WebSocket.
    let login = Login::start(login.browser, scene.shop.start_with(&[("prompt", "login")])).await;
    let mut socket = login.browser.connect().await;
    let jar: Vec<String> = login.browser.cookies().iter().map(|(n, v)| format!("{n}={v}")).collect();
    let journey = testkit::Browser::journey(&login.page);
    let request = Request::get(&format!("/login/wait/ws?journey={journey}"))
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("origin", "http://localhost")
        .header("cookie", &jar.join("; "));
    socket.write(&request.bytes("localhost")).await.unwrap();
    assert_eq!(socket.head().await.unwrap().status, 101);
    let frame = socket.some_bytes().await.unwrap();
    assert!(String::from_utf8_lossy(&frame).contains("waiting"), "{frame:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_028_the_address_comes_from_the_trusted_proxy_alone() {
    let (scene, nginx) = behind().await;
    let lies = ["203.0.113.7", "a", "203.0.113.7, 198.51.100.1", "127.0.0.1", ""];
    // Through nginx: it says where the visitor comes from, whatever the visitor said.
    for lie in lies {
        let browser = scene
            .server
            .browser()
            .from_address([127, 9, 0, 1])
            .with_header("x-forwarded-for", lie)
            .with_header("forwarded", "for=203.0.113.8");
        browser.go_to(nginx.port());
        let _ = Login::start(browser, scene.shop.start()).await;
    }
    // Past nginx, at a node: nobody else is believed.
    for lie in lies {
        let browser = scene.server.browser().from_address([127, 9, 0, 2]).with_header("x-forwarded-for", lie);
        browser.go_to(scene.port(1));
        let _ = Login::start(browser, scene.shop.start()).await;
    }
    let phone = {
        let line = scene.server.browser().from_address([127, 9, 0, 3]);
        line.go_to(nginx.port());
        testkit::Phone::enrol(line, "ada", &scene.password, Kind::App).await
    };
    let mut proximities = Vec::new();
    for (from, port) in [([127, 9, 0, 3], nginx.port()), ([127, 200, 0, 4], nginx.port())] {
        let browser = scene.server.browser().from_address(from);
        browser.go_to(port);
        let login = Login::start(browser, scene.shop.start()).await;
        let claim = phone.scan(&login.qr.url).await;
        proximities.push(claim.facts()["proximity"].as_str().unwrap().to_owned());
        assert_eq!(phone.decide(&claim, "deny", None).await.status, 204);
    }
    assert_eq!(proximities[0], "same_address");
    assert_ne!(proximities[1], "same_address");
    let trail = scene.server.audit("channel.denied").await;
    let browsers: Vec<_> =
        trail.iter().map(|entry| entry.other_address.clone().unwrap_or_default()).collect();
    assert_eq!(browsers, ["127.9.0.3", "127.200.0.4"]);
    let opened = scene.server.audit("channel.opened").await;
    let addresses: Vec<_> = opened.iter().filter_map(|entry| entry.address.clone()).collect();
    assert!(
        addresses.iter().all(|address| address.starts_with("127.") && address != "127.0.0.1"),
        "{addresses:?}"
    );
}
