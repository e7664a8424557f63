//! Sessions of SockJS (cas-wire §6.5): what every transport says, to whom, and how a session ends.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::Browser;
use testkit::wire::{Answer, Connection, Request};

use super::raw::{End, Message, RAW, Stomp, begin, stomp};
use super::sockjs::{BASE, NO_STORE};
use super::world::{Apps, Shown};

const GO_AWAY: &str = "c[3000,\"Go away!\"]";
const STILL_OPEN: &str = "c[2010,\"Another connection still open\"]";

/// One session over plain HTTP.
struct Session<'w> {
    browser: &'w Browser,
    path: String,
}

impl<'w> Session<'w> {
    fn new(browser: &'w Browser, id: &str) -> Self {
        Self { browser, path: format!("{BASE}/042/{id}") }
    }

    async fn post(&self, transport: &str, body: &str) -> Answer {
        let mut request =
            Request::new("POST", &format!("{}/{transport}", self.path)).header("content-type", "text/plain");
        request.body = body.as_bytes().to_vec();
        self.browser.send(request).await
    }

    async fn say(&self, frames: &[String]) {
        let taken = self.post("xhr_send", &json!(frames).to_string()).await;
        assert_eq!((taken.status, taken.header("content-type")), (204, Some("text/plain;charset=UTF-8")));
        assert_eq!((taken.header("cache-control"), taken.body.len()), (NO_STORE, 0));
    }

    /// One answer of `xhr`, without its line's end.
    async fn poll(&self) -> String {
        let answer = self.post("xhr", "").await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some("application/javascript;charset=UTF-8"))
        );
        assert_eq!(answer.header("cache-control"), NO_STORE);
        answer.text().strip_suffix('\n').unwrap().to_owned()
    }

    async fn connect(&self) {
        self.say(&[stomp("CONNECT", &[("accept-version", "1.2")], "")]).await;
    }

    fn subscribe(channel: &str) -> String {
        let topic = format!("/qrtopic/{channel}/verify");
        stomp("SUBSCRIBE", &[("id", "s"), ("destination", &topic), ("receipt", "r")], "")
    }
}

/// A streaming answer as it comes.
struct Stream {
    line: Connection,
    head: Answer,
    /// What came, without the nonces of its scripts.
    text: String,
    nonce: Option<String>,
}

impl Stream {
    async fn open(session: &Session<'_>, transport: &str) -> Self {
        let method = if transport == "xhr_streaming" { "POST" } else { "GET" };
        let query = if transport == "htmlfile" { "?c=_jp.a1b2c3" } else { "" };
        let (line, head) =
            begin(session.browser, Request::new(method, &format!("{}/{transport}{query}", session.path)))
                .await;
        assert_eq!(head.status, 200, "{head:?}");
        let nonce = head.header("content-security-policy").and_then(|csp| csp.split_once("'nonce-"));
        let nonce = nonce.map(|(_, rest)| rest.split('\'').next().unwrap().to_owned());
        Self { line, head, text: String::new(), nonce }
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.text.push_str(std::str::from_utf8(bytes).unwrap());
        if let Some(nonce) = &self.nonce {
            self.text = self.text.replace(&format!(" nonce=\"{nonce}\""), "");
        }
    }

    /// Reads until this has come.
    async fn until(&mut self, part: &str) {
        while !self.text.contains(part) {
            let chunk = tokio::time::timeout(Duration::from_secs(60), self.line.chunk()).await;
            let chunk = chunk.unwrap_or_else(|_| panic!("{part:?} never came: {:?}", self.text)).unwrap();
            let chunk = chunk.unwrap_or_else(|| panic!("the answer ended before {part:?}: {:?}", self.text));
            self.keep(&chunk);
        }
    }

    /// Reads to its end.
    async fn end(mut self) -> String {
        while let Some(chunk) =
            tokio::time::timeout(Duration::from_secs(60), self.line.chunk()).await.unwrap().unwrap()
        {
            self.keep(&chunk);
        }
        self.text
    }
}

#[tokio::test]
async fn a_browser_is_told_by_polling() {
    let apps = Apps::new().await;
    let shown = apps.shown().await;
    let session = Session::new(&shown.browser, "poll0001");
    assert_eq!(session.post("xhr_send", "[\"x\"]").await.status, 404, "not before the session");
    assert_eq!(session.poll().await, "o");
    session.connect().await;
    let connected = session.poll().await;
    assert_eq!(connected, "a[\"CONNECTED\\nversion:1.2\\nheart-beat:0,0\\n\\n\\u0000\"]");
    session.say(&[Session::subscribe(&shown.channel)]).await;
    assert_eq!(session.poll().await, "a[\"RECEIPT\\nreceipt-id:r\\n\\n\\u0000\"]");
    // It waits until there is something to say.
    let token = apps.token().await;
    let (told, ()) = tokio::join!(session.poll(), apps.approve(&shown.channel, "Adas-App", &token));
    let texts: Vec<String> = serde_json::from_str(told.strip_prefix('a').unwrap()).unwrap();
    assert!(texts[0].starts_with("MESSAGE\n") && texts[0].contains("\"success\":\"true\""), "{texts:?}");
    assert!(!texts[0].contains(&token));
    for _ in 0..2 {
        assert_eq!(session.poll().await, GO_AWAY);
    }
    assert_eq!(session.post("xhr_send", "[\"x\"]").await.status, 404, "over");
}

#[tokio::test]
async fn a_browser_is_told_by_every_stream() {
    let apps = Apps::new().await;
    let token = apps.token().await;
    for (transport, content_type, prelude, framed) in [
        (
            "xhr_streaming",
            "application/javascript;charset=UTF-8",
            format!("{}\n", "h".repeat(2048)),
            ["", "\n"],
        ),
        ("eventsource", "text/event-stream;charset=UTF-8", "\r\n".to_owned(), ["data: ", "\r\n\r\n"]),
        (
            "htmlfile",
            "text/html;charset=UTF-8",
            "<!doctype html>\n<html><head>".to_owned(),
            ["<script>\np(\"", "\");\n</script>\r\n"],
        ),
    ] {
        let shown = apps.shown().await;
        let session = Session::new(&shown.browser, &format!("s-{transport}"));
        let mut stream = Stream::open(&session, transport).await;
        assert_eq!(stream.head.header("content-type"), Some(content_type));
        assert_eq!(
            (stream.head.header("cache-control"), stream.head.header("content-encoding")),
            (NO_STORE, None)
        );
        let frame = |text: &str| {
            let text = if transport == "htmlfile" {
                text.replace('\\', "\\\\").replace('"', "\\\"")
            } else {
                text.to_owned()
            };
            format!("{}{text}{}", framed[0], framed[1])
        };
        stream.until(&frame("o")).await;
        assert!(stream.text.starts_with(&prelude), "{:?}", stream.text);
        if transport == "htmlfile" {
            let head = stream.text.find("<script>\np(").unwrap();
            let head = head + " nonce=\"\"".len() + stream.nonce.as_ref().map_or(0, String::len);
            assert!(head >= 1024 && stream.text.contains("var c = parent._jp.a1b2c3;"));
            let policy = stream.head.header("content-security-policy").unwrap();
            assert!(
                policy.starts_with("default-src 'none'; script-src 'nonce-")
                    && policy.ends_with("frame-ancestors 'self'")
            );
            assert_eq!(stream.head.header("x-frame-options"), Some("SAMEORIGIN"));
        }
        session.connect().await;
        stream.until(&frame("a[\"CONNECTED\\nversion:1.2\\nheart-beat:0,0\\n\\n\\u0000\"]")).await;
        // A second receiver is told so after the same prelude, and the first goes on.
        let second = Stream::open(&session, transport).await;
        assert!(second.nonce.is_none() || second.nonce != stream.nonce, "a nonce of its own");
        let second = match second.head.header("content-length") {
            Some(_) => rest(second).await,
            None => second.end().await,
        };
        assert!(second.starts_with(&prelude) && second.ends_with(&frame(STILL_OPEN)), "{second:?}");
        session.say(&[Session::subscribe(&shown.channel)]).await;
        stream.until("receipt-id:r").await;
        apps.approve(&shown.channel, "Adas-App", &token).await;
        let all = stream.end().await;
        assert!(
            all.contains("MESSAGE") && all.contains("success") && all.ends_with(&frame(GO_AWAY)),
            "{all:?}"
        );
        let late = Stream::open(&session, transport).await;
        assert!(rest(late).await.ends_with(&frame(GO_AWAY)));
    }
}

/// The rest of an answer whose length is known.
async fn rest(mut stream: Stream) -> String {
    let length: usize = stream.head.header("content-length").unwrap().parse().unwrap();
    let mut seen = 0;
    while seen < length {
        let bytes = stream.line.some_bytes().await.unwrap();
        seen += bytes.len();
        stream.keep(&bytes);
    }
    stream.text
}

#[tokio::test]
async fn callbacks_are_names() {
    let apps = Apps::new().await;
    let browser = apps.ground.server.browser();
    for query in ["", "?c=", "?c=a;b", "?c=a%3C/script%3E", "?c=a-b", "?c=%C3%A4", "?d=x"] {
        let answer = browser.send(Request::get(&format!("{BASE}/042/html0001/htmlfile{query}"))).await;
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (500, "\"callback\" parameter required"),
            "{query}"
        );
    }
    // No session came of it.
    assert_eq!(Session::new(&browser, "html0001").post("xhr_send", "[]").await.status, 404);
}

#[tokio::test]
async fn what_is_no_message_is_said() {
    let apps = Apps::new().await;
    let browser = apps.ground.server.browser();
    let session = Session::new(&browser, "bad00001");
    assert_eq!(session.poll().await, "o");
    for (body, text) in [
        ("", "Payload expected."),
        ("x", "Broken JSON encoding."),
        ("[\"a\"", "Broken JSON encoding."),
        ("{\"a\":1}", "Broken JSON encoding."),
        ("[1]", "Broken JSON encoding."),
    ] {
        let answer = session.post("xhr_send", body).await;
        assert_eq!((answer.status, answer.text().as_str()), (500, text), "{body}");
    }
    assert_eq!(session.post("xhr_send", &format!("[\"{}\"]", "x".repeat(70_000))).await.status, 413);
    // The session goes on, until what is said is no STOMP.
    session.say(&[]).await;
    session.say(&["HELLO\n\n\0".to_owned()]).await;
    let error = session.poll().await;
    assert!(error.starts_with("a[\"ERROR\\nmessage:Not connected"), "{error}");
    assert_eq!(session.poll().await, "c[1002,\"Protocol error\"]");
    // On a WebSocket nothing is said, but why it ends.
    for (text, end) in [("x", End::Closed(1007)), ("[1]", End::Closed(1007)), ("{}", End::Closed(1007))] {
        let mut socket = Stomp::silent(&browser, "/cas/qr-websocket/042/abc/websocket").await;
        for nothing in ["", "[]"] {
            socket.socket.text(nothing).await;
        }
        socket.socket.text(text).await;
        assert_eq!(socket.next().await, end, "{text}");
    }
    let mut socket = Stomp::silent(&browser, "/cas/qr-websocket/042/abc/websocket").await;
    socket.socket.text(&json!(stomp("CONNECT", &[("accept-version", "1.1")], "")).to_string()).await;
    assert_eq!(socket.frame().await.command, "CONNECTED", "one string will do");
    socket.say("DISCONNECT", &[("receipt", "bye")], "").await;
    socket.receipt("bye").await;
    assert_eq!((socket.closed().await, socket.last.as_deref()), (1000, Some(GO_AWAY)));
}

/// The id of a session is no secret and gives no right (§6.5): whoever knows it receives nothing.
#[tokio::test]
async fn sec_067_a_session_is_its_browsers_alone() {
    let apps = Apps::new().await;
    let shown = apps.shown().await;
    let session = Session::new(&shown.browser, "own00001");
    assert_eq!(session.poll().await, "o");
    session.connect().await;
    let _ = session.poll().await;
    session.say(&[Session::subscribe(&shown.channel)]).await;
    let _ = session.poll().await;
    let other = apps.shown().await.browser;
    let elsewhere = apps.ground.server.browser().from_address([127, 0, 0, 9]);
    for (name, value) in shown.browser.cookies() {
        elsewhere.set_cookie(&name, &value);
    }
    for stranger in [&other, &apps.ground.server.browser(), &elsewhere] {
        let theirs = Session::new(stranger, "own00001");
        for transport in ["xhr", "xhr_send"] {
            assert_eq!(theirs.post(transport, "[\"x\"]").await.status, 404);
        }
    }
    assert_eq!(session.post("xhr_streaming", "").await.status, 404, "one kind of transport a session");
    let (told, ()) = tokio::join!(session.poll(), async {
        apps.approve(&shown.channel, "Adas-App", &apps.token().await).await;
    });
    assert!(told.contains("success"), "{told}");
}

#[tokio::test]
async fn no_answer_grows_without_end_and_none_loses_a_word() {
    let apps = Apps::new().await;
    let Shown { browser, .. } = apps.shown().await;
    let session = Session::new(&browser, "long0001");
    let mut stream = Stream::open(&session, "xhr_streaming").await;
    session.connect().await;
    stream.until("CONNECTED").await;
    let receipts = |from: usize| -> Vec<String> {
        let receipt = |at| stomp("UNSUBSCRIBE", &[("id", "x"), ("receipt", &format!("{at:->900}"))], "");
        (from..from + 50).map(receipt).collect()
    };
    for from in [0, 50] {
        session.say(&receipts(from)).await;
        stream.until(&format!("-{}", from + 49)).await;
    }
    session.say(&receipts(100)).await;
    let all = stream.end().await;
    assert!(all.len() >= 128 * 1024 && all.ends_with("]\n") && !all.contains("c["), "{}", all.len());
    session.say(&receipts(150)[..10]).await;
    let mut next = Stream::open(&session, "xhr_streaming").await;
    next.until("-159").await;
}

#[tokio::test]
async fn a_session_that_nobody_receives_is_forgotten() {
    let apps = Apps::new().await;
    let browser = apps.ground.server.browser();
    let session = Session::new(&browser, "gone0001");
    assert_eq!(session.poll().await, "o");
    let began = Instant::now();
    while session.post("xhr_send", "[]").await.status == 204 {
        assert!(began.elapsed() < Duration::from_secs(60), "it is never forgotten");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(began.elapsed() > Duration::from_secs(2), "for five seconds it waits for its browser");
    assert_eq!(session.poll().await, "o", "the id is free");
}

#[tokio::test]
async fn a_stream_that_the_network_cuts_ends_its_session() {
    let apps = Apps::new().await;
    let browser = apps.ground.server.browser();
    let session = Session::new(&browser, "cut00001");
    let mut stream = Stream::open(&session, "eventsource").await;
    session.connect().await;
    stream.until("CONNECTED").await;
    drop(stream);
    for _ in 0..300 {
        // The server finds out when it has something to say.
        let _ = session
            .post(
                "xhr_send",
                &json!([stomp("UNSUBSCRIBE", &[("id", "x"), ("receipt", "y")], "")]).to_string(),
            )
            .await;
        let again = Stream::open(&session, "eventsource").await;
        if again.head.header("content-length").is_none() {
            // Forgotten already: a new one.
            return;
        }
        let text = rest(again).await;
        if text.contains("c[1002,\"Connection interrupted\"]") {
            return;
        }
        assert!(text.contains(STILL_OPEN), "{text}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the session goes on without anybody");
}

#[tokio::test]
async fn an_idle_socket_is_asked_whether_it_is_there() {
    let apps = Apps::new().await;
    let browser = apps.ground.server.browser();
    let mut plain = Stomp::connect(&browser, RAW, "1.2").await;
    let mut sockjs = Stomp::connect(&browser, "/cas/qr-websocket/042/beat/websocket", "1.2").await;
    let session = Session::new(&browser, "beat0001");
    assert_eq!(session.poll().await, "o");
    let (ping, beat, polled) = tokio::join!(plain.socket.next(), sockjs.socket.next(), session.poll());
    assert_eq!(ping, Some(Message::Ping(Vec::new())));
    assert_eq!((beat, polled.as_str()), (Some(Message::Text("h".to_owned())), "h"));
}
