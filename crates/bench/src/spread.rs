//! A balancer in the driver: each request goes to the next node, whatever it belongs to.
//!
//! Owns: reading requests one by one, passing answers and streams. It keeps the driver's own requests only, so
//! it knows what they look like. Not here: nginx, which the tests run (`tests/`); this one costs the driver
//! little and can be told which node gets what.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const PHONES: &[u8] = b"POST /api/phone/";

struct State {
    nodes: Vec<SocketAddr>,
    next: AtomicUsize,
    parts_phones: AtomicBool,
}

impl State {
    fn node_for(&self, request: &[u8]) -> usize {
        if self.parts_phones.load(Ordering::Relaxed) {
            return usize::from(request.starts_with(PHONES)).min(self.nodes.len() - 1);
        }
        self.next.fetch_add(1, Ordering::Relaxed) % self.nodes.len()
    }
}

/// The balancer; dropping it ends it.
pub(crate) struct Spread {
    state: Arc<State>,
    task: JoinHandle<()>,
}

impl Spread {
    /// Listens at an address in front of the nodes.
    pub(crate) async fn start(at: SocketAddr, nodes: Vec<SocketAddr>) -> Self {
        let state =
            Arc::new(State { nodes, next: AtomicUsize::new(0), parts_phones: AtomicBool::new(false) });
        let listener = TcpListener::bind(at).await.expect("the balancer's port");
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            loop {
                // Too many open files end the run, with that sentence.
                let (client, _) = listener.accept().await.expect("the balancer takes one more");
                // A visitor who hangs up has ended; there is nobody to tell.
                tokio::spawn(serve(client, Arc::clone(&shared)));
            }
        });
        Self { state, task }
    }

    /// The nodes behind it.
    pub(crate) fn nodes(&self) -> &[SocketAddr] {
        &self.state.nodes
    }

    /// Phones to the second node and everybody else to the first, or each request to the next.
    pub(crate) fn part_phones(&self, yes: bool) {
        self.state.parts_phones.store(yes, Ordering::Relaxed);
    }
}

impl Drop for Spread {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut client: TcpStream, state: Arc<State>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut lines: Vec<Option<TcpStream>> = state.nodes.iter().map(|_| None).collect();
    let mut request = Vec::new();
    let mut answer = Vec::new();
    loop {
        let Some(head) = read_head(&mut client, &mut request).await? else { return Ok(()) };
        let whole = head + length_of(&request[..head]).unwrap_or(0);
        read_until(&mut client, &mut request, whole).await?;
        let index = state.node_for(&request);
        answer.clear();
        let mut line = lines[index].take();
        let head = loop {
            let is_fresh = line.is_none();
            let mut node = match line.take() {
                Some(node) => node,
                None => open(state.nodes[index]).await?,
            };
            let asked = node.write_all(&request[..whole]).await;
            match (asked, read_head(&mut node, &mut answer).await) {
                (Ok(()), Ok(Some(head))) => {
                    line = Some(node);
                    break head;
                }
                // The node has closed a connection that was idle.
                _ if !is_fresh && answer.is_empty() => {}
                _ => return Err(io::ErrorKind::ConnectionReset.into()),
            }
        };
        let Some(mut node) = line else { return Ok(()) };
        request.drain(..whole);
        let Some(length) = length_of(&answer[..head]).or_else(|| has_no_body(&answer).then_some(0)) else {
            return stream(client, node, answer).await;
        };
        read_until(&mut node, &mut answer, head + length).await?;
        client.write_all(&answer).await?;
        lines[index] = Some(node);
    }
}

/// Passes an answer without a length until either side ends it.
async fn stream(mut client: TcpStream, mut node: TcpStream, so_far: Vec<u8>) -> io::Result<()> {
    client.write_all(&so_far).await?;
    drop(so_far);
    let (mut from_client, mut to_client) = client.split();
    let (mut from_node, mut to_node) = node.split();
    tokio::select! {
        ended = pass(&mut from_node, &mut to_client) => ended,
        ended = pass(&mut from_client, &mut to_node) => ended,
    }
}

/// Copies with a small room: 10,000 of these stand open.
async fn pass(
    from: &mut (impl tokio::io::AsyncRead + Unpin),
    to: &mut (impl tokio::io::AsyncWrite + Unpin),
) -> io::Result<()> {
    let mut room = [0; 512];
    loop {
        let count = from.read(&mut room).await?;
        if count == 0 {
            return Ok(());
        }
        to.write_all(&room[..count]).await?;
    }
}

async fn open(at: SocketAddr) -> io::Result<TcpStream> {
    let node = TcpStream::connect(at).await?;
    node.set_nodelay(true)?;
    Ok(node)
}

/// Reads to the end of a head; its length, or none when the other side has ended before one began.
async fn read_head(from: &mut TcpStream, held: &mut Vec<u8>) -> io::Result<Option<usize>> {
    let mut seen = 0;
    loop {
        if let Some(at) = held[seen..].windows(4).position(|part| part == b"\r\n\r\n") {
            return Ok(Some(seen + at + 4));
        }
        seen = held.len().saturating_sub(3);
        if from.read_buf(held).await? == 0 {
            return if held.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    }
}

async fn read_until(from: &mut TcpStream, held: &mut Vec<u8>, length: usize) -> io::Result<()> {
    while held.len() < length {
        if from.read_buf(held).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

/// The length that a head names.
fn length_of(head: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(head).ok()?;
    let named = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    };
    text.split("\r\n").find_map(named)
}

/// RFC 9110 §15.3.5, §15.4.5.
fn has_no_body(answer: &[u8]) -> bool {
    [b" 204 ", b" 304 "].iter().any(|status| answer.get(8..13) == Some(status.as_slice()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_found_whatever_its_letters() {
        assert_eq!(length_of(b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n"), Some(17));
        assert_eq!(length_of(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"), None);
        assert!(has_no_body(b"HTTP/1.1 204 No Content\r\n\r\n"));
        assert!(!has_no_body(b"HTTP/1.1 200 OK\r\n\r\n"));
    }

    #[tokio::test]
    async fn each_request_goes_to_the_next_node_and_phones_to_the_second_when_parted() {
        let mut nodes = Vec::new();
        for name in ["a", "b"] {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
            nodes.push(listener.local_addr().expect("an address"));
            tokio::spawn(async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    tokio::spawn(async move {
                        let mut held = Vec::new();
                        while let Ok(Some(head)) = read_head(&mut stream, &mut held).await {
                            let whole = head + length_of(&held[..head]).unwrap_or(0);
                            read_until(&mut stream, &mut held, whole).await.expect("a body");
                            held.drain(..whole);
                            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{name}");
                            stream.write_all(answer.as_bytes()).await.expect("written");
                        }
                    });
                }
            });
        }
        let at = SocketAddr::from(([127, 0, 0, 1], testkit::free_port()));
        let spread = Spread::start(at, nodes).await;
        let mut line = testkit::wire::Connection::open(at, "localhost", at.ip()).await.expect("the balancer");
        let get = testkit::wire::Request::get("/");
        let phone = testkit::wire::Request::json("/api/phone/v1/claims", &serde_json::json!({"a": 1}));
        let mut seen = String::new();
        for request in [&get, &phone, &get, &get] {
            seen += &line.send(request).await.expect("an answer").text();
        }
        assert_eq!(seen, "abab");
        spread.part_phones(true);
        seen.clear();
        for request in [&get, &phone, &phone, &get] {
            seen += &line.send(request).await.expect("an answer").text();
        }
        assert_eq!(seen, "abba");
    }
}
