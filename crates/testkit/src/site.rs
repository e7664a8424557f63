//! A relying party's own web site on loopback, over https: what a provider fetches, and where it sends.
//!
//! Owns: documents by path, answers of choice, and everything that was asked. Lives on a thread of its own, so that
//! tests with runtimes of their own share one. Not here: the authority (`tls`), what documents say (tests).

use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

use crate::tls::Authority;

/// Nobody sends more in a test.
const LARGEST: usize = 1024 * 1024;

/// What a path answers.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Names and values; `content-length` and `connection` are added.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
    /// How long it takes.
    pub after: Duration,
}

impl Reply {
    /// 200 with a body of this type.
    #[must_use]
    pub fn ok(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self { status: 200, headers, body: body.into(), after: Duration::ZERO }
    }

    /// A status without a body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), after: Duration::ZERO }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} X\r\nconnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", self.body.len()));
        [head.as_bytes(), &self.body].concat()
    }
}

/// A request that came.
#[derive(Debug, Clone)]
pub struct Seen {
    /// `GET`…
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names (lower case) and values.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
    /// Whether the newest version of TLS was spoken.
    pub is_tls_1_3: bool,
}

impl Seen {
    /// The first header of this name (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The fields of a form that was sent.
    #[must_use]
    pub fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

#[derive(Debug, Default)]
struct Shared {
    replies: Mutex<HashMap<String, Reply>>,
    seen: Mutex<Vec<Seen>>,
    news: Notify,
}

/// A running site. It ends with its last handle or the process.
#[derive(Debug)]
pub struct Site {
    port: u16,
    shared: Arc<Shared>,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl Site {
    /// Starts one.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn start(authority: &Authority) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared::default());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (acceptor, served) = (TlsAcceptor::from(authority.server()), Arc::clone(&shared));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a socket");
                tokio::select! {
                    () = serve(listener, acceptor, served) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { port, shared, _stop: stop }
    }

    /// `host:port`, as an allow-list has it.
    #[must_use]
    pub fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// The address of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// Answers a path (without query) so from now on.
    pub fn put(&self, path: &str, reply: Reply) {
        self.shared.replies.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), reply);
    }

    /// What was asked of a path (without query) so far.
    #[must_use]
    pub fn seen(&self, path: &str) -> Vec<Seen> {
        let all = self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|seen| path_of(&seen.target) == path).cloned().collect()
    }

    /// Waits until a path was asked so many times.
    ///
    /// # Panics
    /// When it was not within 20 seconds.
    pub async fn wait_for(&self, path: &str, count: usize) -> Vec<Seen> {
        let wait = async {
            loop {
                let news = self.shared.news.notified();
                let seen = self.seen(path);
                if seen.len() >= count {
                    return seen;
                }
                // Also by the clock: another test may have taken the word.
                let _ = tokio::time::timeout(Duration::from_millis(100), news).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait)
            .await
            .unwrap_or_else(|_| panic!("{path} was not asked {count} times: {:?}", self.seen(path)))
    }
}

fn path_of(target: &str) -> &str {
    target.split('?').next().unwrap_or(target)
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        // A visitor that goes away is its own affair.
        tokio::spawn(async move { visit(stream, acceptor, shared).await.ok() });
    }
}

async fn visit(stream: TcpStream, acceptor: TlsAcceptor, shared: Arc<Shared>) -> io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let version = stream.get_ref().1.protocol_version();
    let (mut held, mut wanted) = (Vec::new(), None);
    let seen = loop {
        if wanted.is_none() {
            wanted = head(&held);
        }
        if let Some((seen, start, length)) = &wanted
            && held.len() >= start + length
        {
            let body = held[*start..start + length].to_vec();
            break Seen {
                body,
                is_tls_1_3: version == Some(rustls::ProtocolVersion::TLSv1_3),
                ..seen.clone()
            };
        }
        if held.len() > LARGEST || stream.read_buf(&mut held).await? == 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
    };
    // Whoever sees the request and then changes the reply does not change this one's.
    let reply =
        shared.replies.lock().unwrap_or_else(PoisonError::into_inner).get(path_of(&seen.target)).cloned();
    let reply = reply.unwrap_or_else(|| Reply::status(404));
    shared.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    shared.news.notify_waiters();
    tokio::time::sleep(reply.after).await;
    stream.write_all(&reply.bytes()).await?;
    stream.shutdown().await
}

/// The request line and headers, where the body begins, and its length.
fn head(bytes: &[u8]) -> Option<(Seen, usize, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = text.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let seen = Seen { method, target, headers, body: Vec::new(), is_tls_1_3: false };
    let length = seen.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    Some((seen, end + 4, length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Browser;
    use crate::wire::Request;

    #[tokio::test]
    async fn a_site_answers_and_remembers() {
        let authority = Authority::new();
        let site = Site::start(&authority);
        site.put("/doc", Reply::ok("application/json", "[1]").header("cache-control", "max-age=5"));
        let visitor = Browser::new(&site.url("")).trusting(&authority.client());
        let answer = visitor.send(Request::form("/doc?x=1", &[("a", "b c")])).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "[1]"));
        assert_eq!(visitor.send(Request::get("/none")).await.status, 404);
        let seen = site.wait_for("/doc", 1).await;
        assert_eq!(seen[0].form(), [("a".to_owned(), "b c".to_owned())]);
        assert!(seen[0].is_tls_1_3 && seen[0].target == "/doc?x=1" && seen[0].method == "POST");
    }

    #[tokio::test]
    async fn who_trusts_another_authority_is_not_served() {
        let site = Site::start(&Authority::new());
        let stranger = Browser::new(&site.url("")).trusting(&Authority::new().client());
        assert!(stranger.try_send(Request::get("/")).await.is_err());
    }
}
