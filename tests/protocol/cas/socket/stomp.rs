//! The way of the CAS blog post, in every version of STOMP and however its frames are cut.

use serde_json::json;
use testkit::wire::Request;

use super::super::FORUM;
use super::raw::{End, Message, RAW, Stomp, WebSocket, stomp, upgrade};
use super::world::{Apps, CHANNEL, DEVICE};

#[tokio::test]
async fn an_app_made_for_cas_signs_a_browser_in() {
    let apps = Apps::new().await;
    let shown = apps.shown().await;
    assert!(shown.page.has("qrlogin") && shown.page.has("qrchannel") && shown.page.has("qrerror"));
    let mut page = shown.listen().await;
    let token = apps.token().await;
    apps.approve(&shown.channel, "Adas-App", &token).await;
    let told = page.frame().await;
    assert_eq!(told.command, "MESSAGE");
    let topic = format!("/qrtopic/{}/verify", shown.channel);
    for (name, value) in
        [("destination", topic.as_str()), ("content-type", "application/json"), ("subscription", "sub-0")]
    {
        let value = value.replace(':', "\\c");
        assert_eq!(told.header(name), Some(value.as_str()));
    }
    assert!(told.header("message-id").is_some());
    let body = told.json();
    assert_eq!((&body["success"], &body["deviceId"]), (&json!("true"), &json!("adas-app")));
    let handle = body["token"].as_str().unwrap();
    // Nothing more will come: the channel is over.
    assert_eq!(page.closed().await, 1000);
    let question = shown.question(handle).await;
    assert!(question.html().contains("ada") && question.html().contains("adas-app"));
    assert!(shown.browser.cookie("__Host-lb_session").is_none(), "not before the person says so");
    // The question survives a reload.
    let again = shown
        .browser
        .get(&format!("/cas/login/confirm?journey={}", testkit::Browser::journey(&shown.page)))
        .await;
    assert!(again.find_form("cas-confirm-form").is_some());
    let form = question.form("cas-confirm-form").with("answer", "yes");
    let landed = shown.browser.submit(&question, &form).await;
    let ticket = landed.query("ticket").unwrap_or_else(|| panic!("{} {}", landed.url, landed.html()));
    let told = apps.ground.validate(FORUM, &ticket).await;
    assert!(
        told.contains("<cas:user>ada</cas:user>") && told.contains("QRAuthenticationTokenCredential"),
        "{told}"
    );
    assert!(shown.browser.cookie("__Host-lb_session").is_some());
}

#[tokio::test]
async fn every_version_is_spoken_on_every_socket() {
    let apps = Apps::new().await;
    let token = apps.token().await;
    for (offered, chosen) in [("1.0", "1.0"), ("1.1,1.0", "1.1"), ("1.0,1.1,1.2", "1.2"), ("1.1,1.2", "1.2")]
    {
        for path in
            [RAW, "/cas/qr-websocket", "/cas/qr-websocket/", "/cas/qr-websocket/042/ab3cd0ef/websocket"]
        {
            let shown = apps.shown().await;
            let mut page = Stomp::silent(&shown.browser, path).await;
            page.say("CONNECT", &[("accept-version", offered), ("host", "x"), ("login", "nobody")], "").await;
            let connected = page.frame().await;
            assert_eq!(
                (connected.command.as_str(), connected.header("version")),
                ("CONNECTED", Some(chosen))
            );
            page.subscribe(&shown.channel).await;
            let mut app = Stomp::connect(&apps.ground.server.browser(), path, offered).await;
            app.accept(&shown.channel, "Adas-App", &json!({"token": token}).to_string()).await;
            let told = page.frame().await.json();
            assert_eq!(told["success"], "true", "{offered} {path}");
        }
    }
    // Without the header it is 1.0, where a subscription needs no id; STOMP is another word for CONNECT.
    let shown = apps.shown().await;
    let mut page = Stomp::silent(&shown.browser, RAW).await;
    page.say("STOMP", &[], "").await;
    assert_eq!(page.frame().await.header("version"), Some("1.0"));
    page.say(
        "SUBSCRIBE",
        &[("destination", &format!("/qrtopic/{}/verify", shown.channel)), ("receipt", "r")],
        "",
    )
    .await;
    page.receipt("r").await;
    apps.approve(&shown.channel, "Adas-App", &token).await;
    let told = page.frame().await;
    assert_eq!((told.header("subscription"), &told.json()["success"]), (None, &json!("true")));
    // None in common.
    let mut other = Stomp::silent(&shown.browser, RAW).await;
    other.say("CONNECT", &[("accept-version", "2.0")], "").await;
    let _ = other.refused().await;
}

#[tokio::test]
async fn the_first_known_subprotocol_is_named() {
    let apps = Apps::new().await;
    let browser = apps.ground.server.browser();
    for (offered, chosen) in [
        (Some("v12.stomp, v11.stomp, v10.stomp"), Some("v12.stomp")),
        (Some("v10.stomp,v12.stomp"), Some("v10.stomp")),
        (Some("chat"), None),
        (None, None),
    ] {
        for path in [RAW, "/cas/qr-websocket"] {
            let request = offered
                .into_iter()
                .fold(upgrade(path), |request, value| request.header("sec-websocket-protocol", value));
            let socket = WebSocket::open(&browser, request).await;
            assert_eq!(socket.head.header("sec-websocket-protocol"), chosen);
        }
    }
}

#[tokio::test]
async fn frames_may_be_cut_and_put_together_anywhere() {
    let apps = Apps::new().await;
    let token = apps.token().await;
    let shown = apps.shown().await;
    let mut page = Stomp::silent(&shown.browser, RAW).await;
    // Bytes in many messages, with heart-beats between frames.
    let topic = format!("/qrtopic/{}/verify", shown.channel);
    let text = stomp("CONNECT", &[("accept-version", "1.2")], "")
        + "\n\r\n\n"
        + &stomp("SUBSCRIBE", &[("id", "7"), ("destination", &topic), ("receipt", "r-1")], "");
    let pieces: Vec<char> = text.chars().collect();
    for piece in pieces.chunks(5) {
        page.push(&piece.iter().collect::<String>()).await;
    }
    assert_eq!(page.frame().await.command, "CONNECTED");
    page.receipt("r-1").await;
    // Heart-beats alone are nothing.
    page.push("\n").await;
    // All at once in one binary message, in parts of WebSocket's own, with lines that end in CR LF.
    let body = format!("{{\"token\":\"{token}\",\"more\":\"x\"}}");
    let send = format!(
        "SEND\r\ndestination:/qr/accept\r\n{CHANNEL}:{}\r\n{DEVICE}:ADAS-app\r\nreceipt:s\r\ncontent-length:{}\r\n\r\n{body}\0\n",
        shown.channel,
        body.len()
    );
    let all = stomp("CONNECT", &[("accept-version", "1.1")], "")
        + &send
        + &stomp("DISCONNECT", &[("receipt", "d")], "");
    let mut app = Stomp::silent(&apps.ground.server.browser(), RAW).await;
    let (one, rest) = all.as_bytes().split_at(40);
    let (two, three) = rest.split_at(70);
    app.socket.frame(false, 2, one).await;
    app.socket.frame(false, 0, two).await;
    app.socket.frame(true, 0, three).await;
    assert_eq!(app.frame().await.header("version"), Some("1.1"));
    app.receipt("s").await;
    app.receipt("d").await;
    assert_eq!(app.closed().await, 1000);
    assert_eq!(page.frame().await.json()["success"], "true");
}

#[tokio::test]
async fn a_result_that_is_known_is_told_to_a_late_subscriber() {
    let apps = Apps::new().await;
    let shown = apps.shown().await;
    apps.approve(&shown.channel, "Adas-App", &apps.token().await).await;
    // Nothing says when an approval has been taken but the trail.
    while apps.ground.server.audit("channel.approved").await.is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let mut handles = Vec::new();
    for _ in 0..2 {
        let told = shown.listen().await.frame().await.json();
        handles.push(told["token"].as_str().unwrap().to_owned());
    }
    assert_eq!(handles[0], handles[1], "one approval has one handle");
    assert!(shown.finish(&handles[0]).await.query("ticket").is_some());
}

#[tokio::test]
async fn what_an_app_may_leave_out_or_add_changes_nothing() {
    let apps = Apps::new().await;
    let token = apps.token().await;
    let shown = apps.shown().await;
    let mut page = shown.listen().await;
    let mut app = Stomp::connect(&apps.ground.server.browser(), RAW, "1.2,1.1").await;
    // Other frames are silent.
    for command in ["BEGIN", "COMMIT", "ABORT", "ACK", "NACK"] {
        app.say(command, &[("transaction", "x"), ("id", "y")], "").await;
    }
    app.say("UNSUBSCRIBE", &[("id", "nothing"), ("receipt", "u")], "").await;
    app.receipt("u").await;
    // Neither content-type nor length are needed; of a header that is repeated the first counts.
    let headers = [
        ("destination", "/qr/accept"),
        ("destination", "/qrtopic/x"),
        (CHANNEL, shown.channel.as_str()),
        (CHANNEL, "other"),
        (DEVICE, "adas-APP"),
        ("content-type", "text/plain"),
    ];
    app.say("SEND", &headers, &json!({"token": token}).to_string()).await;
    assert_eq!(page.frame().await.json()["success"], "true");
    // The socket goes on, and answers pings as sockets do.
    app.socket.frame(true, 9, b"there?").await;
    assert_eq!(app.socket.next().await, Some(Message::Pong(b"there?".to_vec())));
    // Without a receipt it just ends; so it does when the client closes.
    app.say("DISCONNECT", &[], "").await;
    assert_eq!(app.next().await, End::Closed(1000));
    let mut other = Stomp::connect(&apps.ground.server.browser(), RAW, "1.2").await;
    other.socket.frame(true, 8, &1000u16.to_be_bytes()).await;
    assert_eq!(other.next().await, End::Closed(1000));
}

#[tokio::test]
async fn scan_and_go_takes_one_password_for_many_logins() {
    let apps = Apps::new().await;
    let token = apps.token().await;
    for _ in 0..3 {
        let shown = apps.shown().await;
        let handle = apps.handle(&shown, &token).await;
        let ticket = shown.finish(&handle).await.query("ticket").unwrap();
        assert!(apps.ground.validate(FORUM, &ticket).await.contains("<cas:user>ada<"));
    }
    let tried = apps.ground.server.audit("password.tried").await;
    assert_eq!(tried.len(), 1);
    let page = apps.ground.server.browser().send(Request::get(RAW)).await;
    assert_eq!(page.status, 400, "a socket is no page");
}
