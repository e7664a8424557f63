//! HTTP/1.1 on a socket, with nothing added: what is written here is what the server reads.
//!
//! Owns: requests as bytes, answers as they came, keep-alive, chunked bodies read bit by bit.
//! Not here: cookies, redirects (`browser`). Cheap on purpose: `bench` drives its load with it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::client::TlsStream;

use crate::tls::Trust;

/// No answer takes longer in a test.
const PATIENCE: Duration = Duration::from_secs(60);
/// No answer is larger in a test.
const LARGEST: usize = 16 * 1024 * 1024;

/// A request to be sent.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `GET`…
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names and values in their order; `host` and `content-length` are added when missing.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without body.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), ..Self::default() }
    }

    /// `GET target`.
    #[must_use]
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// `POST target` with a form.
    #[must_use]
    pub fn form(target: &str, fields: &[(&str, &str)]) -> Self {
        let mut request =
            Self::new("POST", target).header("content-type", "application/x-www-form-urlencoded");
        request.body = encode(fields).into_bytes();
        request
    }

    /// `POST target` with JSON.
    #[must_use]
    pub fn json(target: &str, body: &serde_json::Value) -> Self {
        let mut request = Self::new("POST", target).header("content-type", "application/json");
        request.body = body.to_string().into_bytes();
        request
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
    }

    /// The bytes on the wire.
    #[must_use]
    pub fn bytes(&self, host: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(512 + self.body.len());
        out.extend_from_slice(self.method.as_bytes());
        out.push(b' ');
        out.extend_from_slice(self.target.as_bytes());
        out.extend_from_slice(b" HTTP/1.1\r\n");
        if !self.has("host") {
            for part in ["host: ", host, "\r\n"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
        for (name, value) in &self.headers {
            for part in [name.as_str(), ": ", value, "\r\n"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
        if (!self.body.is_empty() || self.method == "POST") && !self.has("content-length") {
            out.extend_from_slice(format!("content-length: {}\r\n", self.body.len()).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
        out
    }
}

/// Form encoding of fields.
#[must_use]
pub fn encode(fields: &[(&str, &str)]) -> String {
    let mut out = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields {
        out.append_pair(name, value);
    }
    out.finish()
}

/// An answer as it came.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Names (lower case) and values in their order.
    pub headers: Vec<(String, String)>,
    /// Body, chunks put together.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of this name (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// All headers of this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|why| panic!("no JSON ({why}) with status {}: {}", self.status, self.text()))
    }

    /// A member of the JSON body that is text.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn word(&self, member: &str) -> String {
        self.json()[member]
            .as_str()
            .unwrap_or_else(|| panic!("no {member} with status {}: {}", self.status, self.text()))
            .to_owned()
    }

    fn keeps_alive(&self) -> bool {
        self.header("connection").is_none_or(|value| !value.eq_ignore_ascii_case("close"))
    }

    fn has_no_body(&self, method: &str) -> bool {
        method == "HEAD" || self.status == 204 || self.status == 304 || self.status < 200
    }
}

/// What is under a connection.
#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes).await,
            Self::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    async fn read(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read_buf(into).await,
            Self::Tls(stream) => stream.read_buf(into).await,
        }
    }
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    host: String,
    held: Vec<u8>,
    read: usize,
    open: bool,
}

impl Connection {
    /// Connects from an address of this machine (all of 127.0.0.0/8 will do).
    ///
    /// # Errors
    /// As the operating system says.
    pub async fn open(to: SocketAddr, host: &str, from: IpAddr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        if from != IpAddr::V4(Ipv4Addr::LOCALHOST) && from.is_ipv4() {
            socket.bind(SocketAddr::new(from, 0))?;
        }
        let stream = socket.connect(to).await?;
        stream.set_nodelay(true)?;
        let stream = Stream::Plain(stream);
        Ok(Self { stream, host: host.to_owned(), held: Vec::new(), read: 0, open: true })
    }

    /// Speaks TLS on it from now on, before anything else was said.
    ///
    /// # Errors
    /// As the operating system says; the other side is not who it should be.
    pub async fn secured(self, trust: &Trust) -> io::Result<Self> {
        let stream = match self.stream {
            Stream::Plain(stream) => Stream::Tls(Box::new(trust.connect(&self.host, stream).await?)),
            Stream::Tls(_) => return Err(wrong("TLS twice")),
        };
        Ok(Self { stream, ..self })
    }

    /// Whether another request may follow.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// As the operating system says.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Sends a request and reads its whole answer.
    ///
    /// # Errors
    /// As the operating system says; `TimedOut` after a minute; `InvalidData` when it is no HTTP.
    pub async fn send(&mut self, request: &Request) -> io::Result<Answer> {
        let bytes = request.bytes(&self.host);
        self.send_bytes(&bytes, &request.method).await
    }

    /// Sends a request made before and reads its whole answer.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub async fn send_bytes(&mut self, request: &[u8], method: &str) -> io::Result<Answer> {
        let work = async {
            // A server may answer and close before it has read everything (413): read on all the same.
            let written = self.stream.write_all(request).await;
            match self.answer(method).await {
                Err(why) if written.is_ok() || why.kind() == io::ErrorKind::InvalidData => Err(why),
                Err(_) => Err(written.err().unwrap_or(io::ErrorKind::ConnectionReset.into())),
                done => done,
            }
        };
        match tokio::time::timeout(PATIENCE, work).await {
            Ok(done) => done,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Reads one whole answer.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub async fn answer(&mut self, method: &str) -> io::Result<Answer> {
        let mut answer = self.head().await?;
        if answer.has_no_body(method) {
            return Ok(answer);
        }
        if let Some(length) = answer.header("content-length") {
            let length: usize = length.parse().map_err(|_| wrong("content-length"))?;
            while self.held.len() - self.read < length {
                self.more().await?;
            }
            answer.body = self.held[self.read..self.read + length].to_vec();
            self.consume(length);
        } else if answer.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk().await? {
                answer.body.extend_from_slice(&chunk);
            }
        } else {
            self.open = false;
            while self.more().await.is_ok() {}
            answer.body = self.held.split_off(self.read);
        }
        Ok(answer)
    }

    /// Reads status and headers only; the body follows by [`Connection::chunk`].
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub async fn head(&mut self) -> io::Result<Answer> {
        let end = loop {
            if let Some(at) = find(&self.held[self.read..], b"\r\n\r\n") {
                break self.read + at;
            }
            self.more().await?;
        };
        let text = std::str::from_utf8(&self.held[self.read..end]).map_err(|_| wrong("head"))?;
        let mut lines = text.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| wrong("status"))?;
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let answer = Answer { status, headers, body: Vec::new() };
        self.open = answer.keeps_alive();
        self.consume(end + 4 - self.read);
        Ok(answer)
    }

    /// The next chunk of a chunked body; none at its end.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub async fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let line_end = loop {
            if let Some(at) = find(&self.held[self.read..], b"\r\n") {
                break self.read + at;
            }
            self.more().await?;
        };
        let text = std::str::from_utf8(&self.held[self.read..line_end]).map_err(|_| wrong("chunk"))?;
        let size = usize::from_str_radix(text.trim(), 16).map_err(|_| wrong("chunk size"))?;
        let start = line_end + 2;
        while self.held.len() < start + size + 2 {
            self.more().await?;
        }
        let chunk = self.held[start..start + size].to_vec();
        self.consume(start + size + 2 - self.read);
        Ok((size > 0).then_some(chunk))
    }

    /// What has arrived and was not read, after waiting for at least one more byte.
    ///
    /// # Errors
    /// `UnexpectedEof` when the other side closed.
    pub async fn some_bytes(&mut self) -> io::Result<Vec<u8>> {
        if self.read == self.held.len() {
            self.more().await?;
        }
        let bytes = self.held[self.read..].to_vec();
        self.consume(bytes.len());
        Ok(bytes)
    }

    fn consume(&mut self, count: usize) {
        self.read += count;
        if self.read == self.held.len() {
            self.held.clear();
            self.read = 0;
        }
    }

    async fn more(&mut self) -> io::Result<()> {
        if self.held.len() > LARGEST {
            return Err(wrong("size"));
        }
        let count = self.stream.read(&mut self.held).await?;
        if count == 0 {
            self.open = false;
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("no HTTP: {what}"))
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}
