//! A phone app made for CAS approves, and the browser that waits is told, among many that wait.
//!
//! Owns: pages with their socket, the app's token and its frames, and the row. Not here: phones of our own (`waiting`).

use std::time::{Duration, Instant};

use testkit::Browser;
use testkit::wire::{Connection, Request};

use crate::cas;
use crate::town::{PASSWORD, Town};

/// Whose app approves: somebody who has nothing else, so that a password is enough for its token.
pub(crate) const OWNER: &str = "caller";
/// What the app calls itself.
pub(crate) const DEVICE: &str = "bench-app";

/// Pages that wait meanwhile, as with phones of our own.
const CROWD: usize = 1_000;
/// Approvals that are timed.
const TIMED: usize = 300;
/// Pages, or phones, of one address: it may have 64 sockets.
const NEIGHBOURS: usize = 30;
/// Pages that are opened at once.
const AT_ONCE: usize = 32;
/// After the last approval, until its CPU time is read.
const LEFT: Duration = Duration::from_millis(250);

/// Where the visitor of this number comes from: browsers from one net, phones from another.
fn address(net: u8, index: usize) -> [u8; 4] {
    [127, net, u8::try_from(index / NEIGHBOURS).expect("fewer addresses"), 1]
}

/// A WebSocket on which STOMP is spoken (RFC 6455).
struct Socket {
    connection: Connection,
    held: Vec<u8>,
}

impl Socket {
    /// Opens one and says CONNECT.
    async fn open(browser: &Browser) -> Self {
        let request = Request::get("/cas/qr-websocket/websocket")
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-protocol", "v12.stomp")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let mut connection = browser.connect().await;
        let host = browser.origin().replace("http://", "");
        connection.write(&browser.dress(request).bytes(&host)).await.expect("written");
        assert_eq!(connection.head().await.expect("an answer").status, 101);
        let mut socket = Self { connection, held: Vec::new() };
        socket.say("CONNECT\naccept-version:1.2\nheart-beat:0,0\n\n\0").await;
        socket.until("CONNECTED").await;
        socket
    }

    /// One text message; a mask of zeroes leaves it as it is.
    async fn say(&mut self, text: &str) {
        let length = u16::try_from(text.len()).expect("a short message");
        let mut frame = vec![0x81];
        match u8::try_from(length) {
            Ok(short) if short < 126 => frame.push(0x80 | short),
            _ => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&length.to_be_bytes());
            }
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(text.as_bytes());
        self.connection.write(&frame).await.expect("written");
    }

    /// The next frame of STOMP with this command; pings are passed over.
    async fn until(&mut self, command: &str) -> String {
        loop {
            let (opcode, payload) = self.message().await;
            let text = String::from_utf8_lossy(&payload);
            assert!(opcode != 8 && !text.starts_with("ERROR"), "{text}");
            if text.starts_with(command) {
                return text.into_owned();
            }
        }
    }

    async fn message(&mut self) -> (u8, Vec<u8>) {
        self.fill(4).await;
        let (start, length) = match self.held[1] {
            126 => (4, usize::from(u16::from_be_bytes([self.held[2], self.held[3]]))),
            short => (2, usize::from(short)),
        };
        self.fill(start + length).await;
        let frame: Vec<u8> = self.held.drain(..start + length).collect();
        (frame[0] & 0x0f, frame[start..].to_vec())
    }

    async fn fill(&mut self, count: usize) {
        while self.held.len() < count {
            self.held.extend(self.connection.some_bytes().await.expect("a message"));
        }
    }
}

/// A page that shows a code and listens.
struct Waiting {
    channel: String,
    socket: Socket,
}

impl Waiting {
    async fn open(issuer: String, login: String, address: [u8; 4]) -> Self {
        let browser = Browser::new(&issuer).from_address(address);
        let page = browser.follow(&login).await;
        let shown = browser.send(browser.script_request(&page, "/cas/login/code")).await;
        let channel = shown.word("channel");
        let mut socket = Socket::open(&browser).await;
        let subscribe =
            format!("SUBSCRIBE\nid:sub-0\nreceipt:r\ndestination:/qrtopic/{channel}/verify\n\n\0");
        socket.say(&subscribe).await;
        socket.until("RECEIPT").await;
        Self { channel, socket }
    }
}

/// Opens so many pages, some at a time.
async fn open(town: &Town, count: usize) -> Vec<Waiting> {
    let mut pages = Vec::new();
    while pages.len() < count {
        let some = AT_ONCE.min(count - pages.len());
        let tasks: Vec<_> = (pages.len()..pages.len() + some)
            .map(|index| {
                tokio::spawn(Waiting::open(town.issuer.clone(), cas::login(town), address(1, index)))
            })
            .collect();
        for task in tasks {
            pages.push(task.await.expect("a waiting page"));
        }
    }
    pages
}

/// The app's token, for the password of its owner.
async fn token(town: &Town) -> String {
    let fields = [
        ("username", OWNER),
        ("password", PASSWORD),
        ("token", "true"),
        ("QR_AUTHENTICATION_DEVICE_ID", DEVICE),
    ];
    let answer = Browser::new(&town.issuer).send(Request::form("/cas/v1/tickets", &fields)).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.text()
}

/// Times approvals, each of a page and from a connection of its own, one after the other. Answers the p99 from sending
/// one to the word in the browser.
pub(crate) async fn run(town: &Town, pages: usize) -> Duration {
    let body = format!("{{\"token\":\"{}\"}}", token(town).await);
    let mut waiting = open(town, TIMED + CROWD.min(pages)).await;
    let crowd = waiting.split_off(TIMED);
    let mut phones = Vec::new();
    for index in 0..TIMED {
        // An app has no cookies, and is not where the browser is.
        phones.push(Socket::open(&Browser::new(&town.issuer).from_address(address(2, index))).await);
    }
    let meter = town.meter();
    let before = meter.finely();
    let mut times = Vec::new();
    for (phone, page) in phones.iter_mut().zip(&mut waiting) {
        let accept = format!(
            "SEND\ndestination:/qr/accept\nQR_AUTHENTICATION_CHANNEL_ID:{}\nQR_AUTHENTICATION_DEVICE_ID:{DEVICE}\n\
             content-length:{}\n\n{body}\0",
            page.channel,
            body.len()
        );
        let sent = Instant::now();
        phone.say(&accept).await;
        let told = page.socket.until("MESSAGE").await;
        times.push(sent.elapsed());
        assert!(told.contains("\"success\":\"true\""), "{told}");
    }
    // What is left to do once the browser knows counts too.
    tokio::time::sleep(LEFT).await;
    let spent = meter.finely().saturating_sub(before);
    drop(crowd);
    times.sort();
    let part = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)];
    println!(
        "\n{}  app accepts to browser with {} waiting: p50 {:.2} ms, p99 {:.2} ms, {:.3} CPU-s/1000",
        cas::TOLD,
        CROWD.min(pages),
        part(50).as_secs_f64() * 1000.0,
        part(99).as_secs_f64() * 1000.0,
        spent.as_secs_f64() * 1000.0 / times.len() as f64
    );
    part(99)
}
