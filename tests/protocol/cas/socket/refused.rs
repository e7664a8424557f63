//! What the socket refuses, and to whom it says nothing (cas-wire §19, §20).

use serde_json::json;
use testkit::Browser;

use super::raw::{End, Frame, RAW, Stomp, WebSocket, begin, stomp, upgrade};
use super::world::{Apps, CHANNEL, DEVICE, ask_code, code};

/// A channel that nobody opened.
const INVENTED: &str = "5b6f0c0e-5a9e-4d5b-9d0a-0a8f3a1f7c11";

/// Everything that comes until the end.
async fn all(stomp: &mut Stomp) -> (Vec<Frame>, End) {
    let mut frames = Vec::new();
    loop {
        match stomp.next().await {
            End::Frame(frame) => frames.push(frame),
            end => return (frames, end),
        }
    }
}

#[tokio::test]
async fn sec_067_patterns_foreign_topics_and_selectors_are_refused() {
    let apps = Apps::new().await;
    let shown = apps.shown().await;
    let own = format!("/qrtopic/{}/verify", shown.channel);
    let upper = own.to_uppercase().replace("/QRTOPIC", "/qrtopic").replace("/VERIFY", "/verify");
    let mut refused = vec![
        "/qrtopic/**".to_owned(),
        "/qrtopic/*/verify".to_owned(),
        "/**".to_owned(),
        "**".to_owned(),
        "*".to_owned(),
        "/qrtopic/".to_owned(),
        "/qrtopic".to_owned(),
        "/topic/accept".to_owned(),
        "/qr/accept".to_owned(),
        "/user/queue/errors".to_owned(),
        String::new(),
        upper,
        format!("/qrtopic/{}/**", shown.channel),
        format!("/qrtopic/{}", shown.channel),
        format!("{own}/"),
        format!("/{own}"),
        format!("{own},/qrtopic/**"),
        format!(" {own}"),
        format!("{own}?x"),
        own.replace("verify", "{x}"),
        own.replace(&shown.channel[..1], "?"),
        own.replace("-4", "-1"),
    ];
    refused.push(own.replace("/qrtopic", "/QRTOPIC"));
    for destination in &refused {
        let mut socket = Stomp::connect(&shown.browser, RAW, "1.0").await;
        socket.say("SUBSCRIBE", &[("id", "1"), ("destination", destination), ("receipt", "r")], "").await;
        let error = socket.refused().await;
        assert_eq!(error.header("receipt-id"), Some("r"), "{destination}");
    }
    for headers in [
        &[("id", "1"), ("destination", own.as_str()), ("selector", "1=1")][..],
        &[("id", "1")],
        &[("destination", own.as_str())],
    ] {
        let mut socket = Stomp::connect(&shown.browser, RAW, "1.2").await;
        socket.say("SUBSCRIBE", headers, "").await;
        let _ = socket.refused().await;
    }
    // One subscription a socket (W-16).
    let mut page = shown.listen().await;
    page.say("SUBSCRIBE", &[("id", "2"), ("destination", &own)], "").await;
    let _ = page.refused().await;
    // Over SockJS as well.
    let mut socket = Stomp::connect(&shown.browser, "/cas/qr-websocket/1/a/websocket", "1.1").await;
    socket.say("SUBSCRIBE", &[("id", "1"), ("destination", "/qrtopic/**")], "").await;
    let _ = socket.refused().await;
    // The page that asks for its own is told.
    let handle = apps.handle(&shown, &apps.token().await).await;
    assert!(shown.finish(&handle).await.query("ticket").is_some());
}

#[tokio::test]
async fn sec_067_a_channel_is_heard_by_its_own_browser_alone() {
    let apps = Apps::new().await;
    let (shown, other) = (apps.shown().await, apps.shown().await);
    let fresh = apps.ground.server.browser();
    let mut errors = Vec::new();
    for (browser, channel) in [
        (&other.browser, shown.channel.as_str()),
        (&fresh, &shown.channel),
        (&shown.browser, &other.channel),
        (&shown.browser, INVENTED),
        (&fresh, INVENTED),
    ] {
        let mut socket = Stomp::connect(browser, RAW, "1.1").await;
        let topic = format!("/qrtopic/{channel}/verify");
        socket.say("SUBSCRIBE", &[("id", "1"), ("destination", &topic)], "").await;
        errors.push(socket.refused().await);
    }
    assert!(
        errors.iter().all(|error| *error == errors[0]),
        "none tells whether there is such a channel: {errors:?}"
    );
    // A third listener of the same browser is one too many (SEC-051), and hears nothing of the approval.
    let mut listeners = [shown.listen().await, shown.listen().await];
    let mut third = Stomp::connect(&shown.browser, RAW, "1.1").await;
    third
        .say("SUBSCRIBE", &[("id", "1"), ("destination", &format!("/qrtopic/{}/verify", shown.channel))], "")
        .await;
    let _ = third.refused().await;
    let token = apps.token().await;
    apps.approve(&shown.channel, "Adas-App", &token).await;
    for page in &mut listeners {
        let told = page.frame().await;
        assert_eq!(told.json()["success"], "true");
        assert!(!told.body.contains(&token), "never the app's token");
    }
}

#[tokio::test]
async fn sec_067_nobody_publishes_to_a_topic() {
    let apps = Apps::new().await;
    let shown = apps.shown().await;
    let mut page = shown.listen().await;
    let topic = format!("/qrtopic/{}/verify", shown.channel);
    let forged = json!({"success": "true", "token": "mine", "deviceId": "x"}).to_string();
    for browser in [&shown.browser, &apps.ground.server.browser()] {
        for destination in
            [&topic, "/qrtopic/x", "/topic/accept", "/user/x", "", "/qr", "accept", "/QR/accept"]
        {
            let mut socket = Stomp::connect(browser, RAW, "1.2").await;
            socket.say("SEND", &[("destination", destination), ("receipt", "r")], &forged).await;
            let error = socket.refused().await;
            assert_eq!(error.header("receipt-id"), Some("r"), "{destination}");
        }
    }
    let mut socket = Stomp::connect(&apps.ground.server.browser(), RAW, "1.2").await;
    socket.say("SEND", &[], &forged).await;
    let _ = socket.refused().await;
    // The first thing that the page hears is the truth.
    apps.approve(&shown.channel, "Adas-App", &apps.token().await).await;
    assert_eq!(page.frame().await.json()["deviceId"], "adas-app");
}

#[tokio::test]
async fn sec_067_an_approval_without_its_headers_is_silent() {
    let apps = Apps::new().await;
    let shown = apps.shown().await;
    let mut page = shown.listen().await;
    let token = apps.token().await;
    let body = json!({"token": token}).to_string();
    let channel = (CHANNEL, shown.channel.as_str());
    let upper = shown.channel.to_uppercase();
    let mut app = Stomp::connect(&apps.ground.server.browser(), RAW, "1.2").await;
    for headers in [
        &[channel][..],
        &[(DEVICE, "Adas-App")],
        &[],
        &[("qr_authentication_channel_id", shown.channel.as_str()), (DEVICE, "Adas-App")],
        &[channel, ("qr_authentication_device_id", "Adas-App")],
        &[(CHANNEL, "not a channel"), (DEVICE, "Adas-App")],
        &[(CHANNEL, upper.as_str()), (DEVICE, "Adas-App")],
    ] {
        let headers = [&[("destination", "/qr/accept"), ("receipt", "r")], headers].concat();
        app.say("SEND", &headers, &body).await;
        app.receipt("r").await;
    }
    app.say("SEND", &[("destination", "/qr/other"), channel, (DEVICE, "Adas-App"), ("receipt", "r")], &body)
        .await;
    app.receipt("r").await;
    // Nothing of it was heard: the first word is of the approval that is one.
    app.accept(&shown.channel, "Adas-App", &body).await;
    assert_eq!(page.frame().await.json()["success"], "true");
}

/// C-17 (W-5): the same frames, whatever is true of channel, device and token.
#[tokio::test]
async fn sec_066_an_app_learns_nothing_from_what_it_is_answered() {
    let apps = Apps::new().await;
    let shown = apps.shown().await;
    let token = apps.token().await;
    let good = json!({"token": token}).to_string();
    let mut answers = Vec::new();
    for (at, (channel, device, body)) in [
        (INVENTED, "Adas-App", good.as_str()),
        (&shown.channel, "Adas-App", "{\"token\":\"wrong\"}"),
        (&shown.channel, "Other-App", &good),
        (&shown.channel, "Adas-App", "no json"),
        (&shown.channel, "Adas-App", &good),
        (&shown.channel, "Adas-App", &good),
    ]
    .into_iter()
    .enumerate()
    {
        let line = apps.ground.server.browser().from_address([127, 0, 1, u8::try_from(at).unwrap()]);
        let mut app = Stomp::connect(&line, RAW, "1.2").await;
        app.accept(channel, device, body).await;
        app.say("DISCONNECT", &[("receipt", "bye")], "").await;
        answers.push(all(&mut app).await);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[tokio::test]
async fn sec_066_five_failures_end_a_channel_and_are_written_down() {
    let apps = Apps::new().await;
    let shown = apps.shown().await;
    let mut page = shown.listen().await;
    let token = apps.token().await;
    let mut app = Stomp::connect(&apps.ground.server.browser(), RAW, "1.2").await;
    // W-9: a token's own word for its algorithm counts for nothing, like every other invention.
    let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEiLCJqdGkiOiJUR1QtMSJ9.";
    for (device, body) in [
        ("Adas-App", json!({"token": unsigned}).to_string()),
        ("Other-App", json!({"token": token}).to_string()),
        ("Adas-App", "no json".to_owned()),
        ("Adas-App", json!({"tokens": token}).to_string()),
        ("Adas-App", json!({"token": [token]}).to_string()),
    ] {
        app.accept(&shown.channel, device, &body).await;
        assert_eq!(page.frame().await.body, "{\"error\":\"cas.authn.qr.fail\"}");
    }
    assert_eq!(page.closed().await, 1000, "the channel is over");
    app.accept(&shown.channel, "Adas-App", &json!({"token": token}).to_string()).await;
    let denied = apps.ground.server.audit("channel.denied").await;
    assert_eq!(denied.len(), 1);
    assert!(denied[0].detail.as_deref().unwrap().contains("CAS app"), "{denied:?}");
    // The next code of the page is a good one.
    let again = code(&shown.browser, &shown.page).await;
    assert_ne!(again, shown.channel);
    assert!(apps.ground.server.audit("channel.approved").await.is_empty());
}

/// A code is replaced by the next one, which is another; the old one neither hears nor takes anything (SEC-004).
#[tokio::test]
async fn sec_066_a_code_that_was_replaced_is_over() {
    let apps = Apps::new().await;
    let shown = apps.shown().await;
    let mut page = shown.listen().await;
    let next = code(&shown.browser, &shown.page).await;
    assert_ne!(next, shown.channel);
    assert_eq!(page.closed().await, 1000);
    let mut late = Stomp::connect(&shown.browser, RAW, "1.2").await;
    late.say("SUBSCRIBE", &[("id", "1"), ("destination", &format!("/qrtopic/{}/verify", shown.channel))], "")
        .await;
    let _ = late.refused().await;
    let token = apps.token().await;
    apps.approve(&shown.channel, "Adas-App", &token).await;
    let shown = super::world::Shown { channel: next, ..shown };
    let handle = apps.handle(&shown, &token).await;
    assert!(shown.finish(&handle).await.query("ticket").is_some());
    assert_eq!(apps.ground.server.audit("channel.approved").await.len(), 1);
}

#[tokio::test]
async fn sec_066_codes_are_limited_per_browser() {
    let apps = Apps::new().await;
    let shown = apps.shown().await;
    for made in 1..60 {
        let answer = ask_code(&shown.browser, &shown.page, &[]).await;
        if answer.status == 429 {
            assert!(answer.header("retry-after").is_some() && made > 5, "{made}");
            return;
        }
        assert_eq!(answer.status, 200);
    }
    panic!("codes are not limited");
}

#[tokio::test]
async fn frames_that_are_none_end_the_socket() {
    let apps = Apps::new().await;
    let browser = apps.ground.server.browser();
    let connect = stomp("CONNECT", &[("accept-version", "1.2")], "");
    let wide = "x".repeat(1100);
    let big = "x".repeat(8 * 1024);
    let many: Vec<(String, String)> = (0..33).map(|at| (format!("h{at}"), "x".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    for (what, text) in [
        ("before CONNECT", stomp("SEND", &[("destination", "/qr/accept")], "{}")),
        ("second CONNECT", connect.clone() + &connect),
        ("unknown command", connect.clone() + &stomp("HELLO", &[], "")),
        ("lower case", connect.clone() + &stomp("send", &[("destination", "/qr/accept")], "{}")),
        ("broken escape", connect.clone() + &stomp("SEND", &[("destination", "/qr/acc\\ept")], "{}")),
        ("no colon", connect.clone() + "SEND\nno colon\n\n\0"),
        ("no name", connect.clone() + "SEND\n:x\n\n\0"),
        ("no end of headers", connect.clone() + "SEND\na:b\0"),
        ("wrong length", connect.clone() + "SEND\ndestination:/qr/accept\ncontent-length:1\n\nabc\0"),
        ("negative length", connect.clone() + "SEND\ndestination:/qr/accept\ncontent-length:-1\n\nabc\0"),
        ("33 headers", connect.clone() + &stomp("SEND", &many, "{}")),
        (
            "a wide header",
            connect.clone() + &stomp("SEND", &[("destination", "/qr/accept"), ("x", &wide)], "{}"),
        ),
        ("over 8 kB", connect.clone() + &stomp("SEND", &[("destination", "/qr/accept")], &big)),
        ("over 8 kB without an end", connect.clone() + "SEND\n" + &big),
        (
            "said to be over 8 kB",
            connect.clone() + "SEND\ndestination:/qr/accept\ncontent-length:9000\n\nx\0",
        ),
        ("a NUL alone", connect.clone() + "\0"),
    ] {
        let mut socket = Stomp::silent(&browser, RAW).await;
        socket.push(&text).await;
        let (frames, end) = all(&mut socket).await;
        let error = frames.last().unwrap_or_else(|| panic!("nothing is said of {what}"));
        assert_eq!((error.command.as_str(), end), ("ERROR", End::Closed(1002)), "{what}");
        assert!(error.header("message").is_some());
    }
    // Over 8 kB in many messages.
    let mut socket = Stomp::connect(&browser, RAW, "1.2").await;
    socket.push("SEND\ndestination:/qr/accept\n\n").await;
    for _ in 0..20 {
        socket.push(&"x".repeat(500)).await;
    }
    let _ = socket.refused().await;
}

#[tokio::test]
async fn messages_that_are_none_end_the_socket() {
    let apps = Apps::new().await;
    let browser = apps.ground.server.browser();
    // Larger than any frame in any dress, in one piece or in parts.
    let mut socket = Stomp::connect(&browser, RAW, "1.2").await;
    socket.socket.text(&"\n".repeat(70_000)).await;
    assert_eq!(socket.closed().await, 1009);
    let mut socket = Stomp::connect(&browser, RAW, "1.2").await;
    for opcode in [1, 0] {
        socket.socket.frame(false, opcode, &[b'\n'; 40_000]).await;
    }
    assert_eq!(socket.closed().await, 1009);
    // Text that is none, and frames that RFC 6455 does not know.
    let mut socket = Stomp::connect(&browser, RAW, "1.2").await;
    socket.socket.frame(true, 1, b"\xff\xfe").await;
    assert_eq!(socket.closed().await, 1007);
    let mut socket = Stomp::connect(&browser, RAW, "1.2").await;
    socket.socket.frame(true, 3, b"x").await;
    assert_eq!(socket.closed().await, 1002);
    // More than anybody has to say.
    let mut socket = Stomp::connect(&browser, RAW, "1.2").await;
    for _ in 0..201 {
        socket.push("\n").await;
    }
    assert_eq!(socket.closed().await, 1008);
    // The same in a single message.
    let shown = apps.shown().await;
    let mut socket = Stomp::connect(&shown.browser, RAW, "1.2").await;
    let topic = format!("/qrtopic/{}/verify", shown.channel);
    let pair = stomp("SUBSCRIBE", &[("id", "a"), ("destination", &topic)], "")
        + &stomp("UNSUBSCRIBE", &[("id", "a")], "");
    socket.push(&pair.repeat(150)).await;
    socket.push(&pair.repeat(60)).await;
    let _ = socket.refused().await;
    let mut socket = Stomp::connect(&browser, "/cas/qr-websocket/1/a/websocket", "1.2").await;
    socket.socket.frame(true, 2, b"x").await;
    assert_eq!(socket.closed().await, 1003, "SockJS is text");
}

/// W-16, and the last line of C-14.
#[tokio::test]
async fn sec_066_sockets_and_approvals_are_limited_per_address() {
    let apps = Apps::new().await;
    let busy = apps.ground.server.browser().from_address([127, 0, 0, 77]);
    let mut open = Vec::new();
    let full = loop {
        let (line, head) = begin(&busy, upgrade(RAW)).await;
        if head.status != 101 {
            break head;
        }
        open.push(line);
        assert!(open.len() < 200, "sockets are not limited");
    };
    assert_eq!(full.status, 429);
    assert!(full.header("retry-after").is_some() && open.len() >= 32);
    let polled = busy.send(testkit::wire::Request::new("POST", "/cas/qr-websocket/1/full/xhr")).await;
    assert_eq!(polled.status, 503, "sessions over HTTP count with them");
    drop(WebSocket::open(&apps.ground.server.browser(), upgrade(RAW)).await);
    drop(open);
    // Channels that nobody opened count double: 15 of them use up what an address has.
    let guesser = apps.ground.server.browser().from_address([127, 0, 0, 78]);
    let token = apps.token().await;
    for _ in 0..20 {
        apps.approve_from(&guesser, INVENTED, "Adas-App", "wrong").await;
    }
    let shown = apps.shown().await;
    let mut page = shown.listen().await;
    apps.approve_from(&guesser, &shown.channel, "Adas-App", "wrong").await;
    apps.approve_from(&guesser, &shown.channel, "Adas-App", &token).await;
    // Neither was taken: the first word comes from elsewhere.
    apps.approve(&shown.channel, "No-App", &token).await;
    assert!(page.frame().await.json()["error"].is_string());
    apps.approve(&shown.channel, "Adas-App", &token).await;
    assert_eq!(page.frame().await.json()["success"], "true");
}

/// A channel belongs to one mode: ids of the other are nothing.
#[tokio::test]
async fn sec_065_neither_modes_codes_mean_anything_to_the_other() {
    let apps = Apps::new().await;
    let phone = apps.ground.server.phone("ada", &apps.ground.password, testkit::Kind::App).await;
    let shown = apps.shown().await;
    let native = shown.browser.show_qr(&shown.page).await;
    let mut socket = Stomp::connect(&shown.browser, RAW, "1.0").await;
    let topic = format!("/qrtopic/{}/verify", native.channel);
    socket.say("SUBSCRIBE", &[("id", "1"), ("destination", &topic)], "").await;
    let _ = socket.refused().await;
    let mut page = shown.listen().await;
    apps.approve(&native.channel, "Adas-App", &apps.token().await).await;
    // The phone of our own with the other code, in every dress, and the app's device without a key.
    for text in [shown.channel.clone(), native.url.replace(&native.channel, &shown.channel)] {
        let scanned = phone.try_scan(&text).await;
        assert!((400..500).contains(&scanned.status), "{} {}", scanned.status, scanned.text());
    }
    let unknown = phone.try_scan(&native.url.replace(&native.channel, INVENTED)).await;
    let other = phone.try_scan(&native.url.replace(&native.channel, &shown.channel)).await;
    assert_eq!(
        (unknown.status, unknown.json()["code"].clone()),
        (other.status, other.json()["code"].clone())
    );
    // Both go their own way still.
    let claim = phone.scan(&native.url).await;
    phone.approve(&claim, &shown.browser.check_code(&shown.page).await).await;
    apps.approve(&shown.channel, "Adas-App", &apps.token().await).await;
    assert_eq!(page.frame().await.json()["success"], "true");
}

/// The mode is switched on per deployment and per relying party.
#[tokio::test]
async fn sec_065_a_service_that_takes_no_apps_shows_no_code() {
    let apps = Apps::new().await;
    let browser = apps.ground.server.browser();
    for query in [
        &[("service", "https://wiki.example/in")][..],
        &[],
        &[("service", super::super::FORUM), ("renew", "true")],
    ] {
        let page = browser.follow(&super::super::login(query)).await;
        assert!(!page.has("qrlogin"), "{query:?}");
        assert_eq!(ask_code(&browser, &page, &[]).await.status, 403, "{query:?}");
    }
    let page = browser.follow(&super::super::login(&[("service", super::super::FORUM)])).await;
    assert!(page.has("qrlogin"));
    // Another site's script gets none.
    let (journey, csrf) = (Browser::journey(&page), page.csrf().unwrap());
    let request = testkit::wire::Request::form("/cas/login/code", &[("journey", &journey), ("csrf", &csrf)]);
    let request = request.header("origin", "https://evil.example").header("sec-fetch-site", "cross-site");
    assert_eq!(browser.send(request).await.status, 403);
    let form = [("journey", journey.as_str()), ("csrf", "made-up")];
    let request = browser.same_origin(testkit::wire::Request::form("/cas/login/code", &form));
    assert_eq!(browser.send(request).await.status, 403);
}
