//! WebSockets and STOMP from the client's side, with nothing added: what is written here is what the server reads.
//!
//! Owns: frames of RFC 6455 and of STOMP, plain or in SockJS's. Not here: who says what (`world`).

use std::collections::VecDeque;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use testkit::wire::{Answer, Connection, Request};
use testkit::{Browser, random};

pub const RAW: &str = "/cas/qr-websocket/websocket";
/// Nothing takes longer in a test.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came on a WebSocket.
#[derive(Debug, PartialEq, Eq)]
pub enum Message {
    Text(String),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16),
}

pub struct WebSocket {
    line: Connection,
    held: Vec<u8>,
    pub head: Answer,
}

/// The request that opens one.
pub fn upgrade(path: &str) -> Request {
    Request::get(path)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", &STANDARD.encode(random::<16>()))
}

/// Sends a request of this browser on a connection of its own, and reads the head of its answer.
pub async fn begin(browser: &Browser, request: Request) -> (Connection, Answer) {
    let host = browser.origin().split_once("://").unwrap().1.to_owned();
    let mut line = browser.connect().await;
    line.write(&browser.dress(request).bytes(&host)).await.unwrap();
    let head = tokio::time::timeout(PATIENCE, line.head()).await.expect("an answer").unwrap();
    (line, head)
}

impl WebSocket {
    pub async fn open(browser: &Browser, request: Request) -> Self {
        let (line, head) = begin(browser, request).await;
        assert_eq!(head.status, 101, "{head:?}");
        Self { line, held: Vec::new(), head }
    }

    /// One frame, masked as clients must.
    pub async fn frame(&mut self, is_last: bool, opcode: u8, payload: &[u8]) {
        let mask = random::<4>();
        let mut bytes = vec![u8::from(is_last) << 7 | opcode];
        match u16::try_from(payload.len()) {
            Ok(short) if short < 126 => bytes.push(0x80 | short as u8),
            Ok(long) => {
                bytes.push(0x80 | 126);
                bytes.extend(long.to_be_bytes());
            }
            Err(_) => {
                bytes.push(0x80 | 127);
                bytes.extend((payload.len() as u64).to_be_bytes());
            }
        }
        bytes.extend(mask);
        bytes.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
        // The server may have closed meanwhile: what it said before is read then.
        let _ = self.line.write(&bytes).await;
    }

    pub async fn text(&mut self, text: &str) {
        self.frame(true, 1, text.as_bytes()).await;
    }

    /// The next message; none: the connection ended without a word.
    pub async fn next(&mut self) -> Option<Message> {
        tokio::time::timeout(PATIENCE, self.read()).await.expect("a message on the socket")
    }

    async fn read(&mut self) -> Option<Message> {
        let head = self.take(2).await?;
        assert_eq!(head[0] & 0x70, 0, "no extension was asked for");
        assert_eq!(head[1] & 0x80, 0, "a server masks nothing");
        let length = match head[1] {
            126 => self.take(2).await?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
            127 => self.take(8).await?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
            short => usize::from(short),
        };
        let payload = self.take(length).await?;
        Some(match head[0] {
            0x81 => Message::Text(String::from_utf8(payload).unwrap()),
            0x88 => Message::Close(payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code))),
            0x89 => Message::Ping(payload),
            0x8a => Message::Pong(payload),
            other => panic!("opcode {other:#x}"),
        })
    }

    async fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.held.len() < count {
            self.held.extend(self.line.some_bytes().await.ok()?);
        }
        let rest = self.held.split_off(count);
        Some(std::mem::replace(&mut self.held, rest))
    }
}

/// A frame of STOMP that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub command: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Frame {
    pub fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap_or_else(|| panic!("no frame: {text:?}"));
        let mut lines = head.lines();
        let command = lines.next().unwrap_or_default().to_owned();
        let header = |line: &str| line.split_once(':').map(|(n, v)| (n.to_owned(), v.to_owned())).unwrap();
        let frame = Self { command, headers: lines.map(header).collect(), body: body.to_owned() };
        if let Some(length) = frame.header("content-length") {
            assert_eq!(length, frame.body.len().to_string(), "{text:?}");
        }
        frame
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|why| panic!("no JSON ({why}): {self:?}"))
    }
}

/// A frame of STOMP to be sent.
pub fn stomp(command: &str, headers: &[(&str, &str)], body: &str) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    format!("{command}\n{headers}\n{body}\0")
}

/// One connection that speaks STOMP.
pub struct Stomp {
    pub socket: WebSocket,
    is_sockjs: bool,
    frames: VecDeque<String>,
    /// The SockJS frame that ended it.
    pub last: Option<String>,
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    Frame(Frame),
    Closed(u16),
    Cut,
}

impl Stomp {
    /// A socket that has said nothing.
    pub async fn silent(browser: &Browser, path: &str) -> Self {
        let is_sockjs = path != RAW && path.ends_with("/websocket");
        let mut socket = WebSocket::open(browser, upgrade(path)).await;
        if is_sockjs {
            assert_eq!(socket.next().await, Some(Message::Text("o".to_owned())));
        }
        Self { socket, is_sockjs, frames: VecDeque::new(), last: None }
    }

    /// A socket that is connected in this version.
    pub async fn connect(browser: &Browser, path: &str, versions: &str) -> Self {
        let mut stomp = Self::silent(browser, path).await;
        stomp.say("CONNECT", &[("accept-version", versions), ("heart-beat", "10000,10000")], "").await;
        let connected = stomp.frame().await;
        assert_eq!((connected.command.as_str(), connected.header("heart-beat")), ("CONNECTED", Some("0,0")));
        stomp
    }

    pub async fn say(&mut self, command: &str, headers: &[(&str, &str)], body: &str) {
        self.push(&stomp(command, headers, body)).await;
    }

    /// Text as one message.
    pub async fn push(&mut self, text: &str) {
        match self.is_sockjs {
            true => self.socket.text(&serde_json::json!([text]).to_string()).await,
            false => self.socket.text(text).await,
        }
    }

    /// The next frame, or the end.
    pub async fn next(&mut self) -> End {
        loop {
            if let Some(text) = self.frames.pop_front() {
                return End::Frame(Frame::read(&text));
            }
            match self.socket.next().await {
                Some(Message::Text(text)) if self.is_sockjs => match text.as_bytes()[0] {
                    b'a' => {
                        let texts: Vec<String> = serde_json::from_str(&text[1..]).unwrap();
                        self.keep(&texts.concat());
                    }
                    b'h' => {}
                    _ => self.last = Some(text),
                },
                Some(Message::Text(text)) => self.keep(&text),
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                Some(Message::Close(code)) => return End::Closed(code),
                None => return End::Cut,
            }
        }
    }

    fn keep(&mut self, text: &str) {
        self.frames.extend(text.split_terminator('\0').map(str::to_owned));
    }

    /// The next frame.
    pub async fn frame(&mut self) -> Frame {
        match self.next().await {
            End::Frame(frame) => frame,
            end => panic!("no frame: {end:?} {:?}", self.last),
        }
    }

    /// The close code, where nothing comes before it.
    pub async fn closed(&mut self) -> u16 {
        match self.next().await {
            End::Closed(code) => code,
            end => panic!("not closed: {end:?}"),
        }
    }

    /// ERROR, and the code of the end that follows it.
    pub async fn refused(&mut self) -> Frame {
        let error = self.frame().await;
        assert_eq!(
            (error.command.as_str(), error.header("content-length")),
            ("ERROR", Some("0")),
            "{error:?}"
        );
        match self.is_sockjs {
            true => assert_eq!(
                (self.closed().await, self.last.as_deref()),
                (1000, Some("c[1002,\"Protocol error\"]"))
            ),
            false => assert_eq!(self.closed().await, 1002),
        }
        error
    }

    /// Awaits the receipt.
    pub async fn receipt(&mut self, id: &str) {
        let frame = self.frame().await;
        assert_eq!((frame.command.as_str(), frame.header("receipt-id")), ("RECEIPT", Some(id)), "{frame:?}");
    }

    /// Subscribes and waits until that is in force.
    pub async fn subscribe(&mut self, channel: &str) {
        let topic = format!("/qrtopic/{channel}/verify");
        self.say("SUBSCRIBE", &[("id", "sub-0"), ("destination", &topic), ("receipt", "listening")], "")
            .await;
        self.receipt("listening").await;
    }
}
