//! The guarded client against real servers: each refusal of SEC-130, at the wire.
#![expect(clippy::expect_used, reason = "tests")]

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use outbound::{MAX_BYTES, MAX_TIME, Outbound as _, OutboundError};
use outbound_net::{Allowed, Lookup, Net, Network, Settings};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use testkit::site::{Reply, Site};
use testkit::tls::Authority;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use url::{Host, Url};

const JSON: &str = "application/json";
const ENDLESS_CHUNK: &[u8] =
    b"20\r\n0123456789abcdef0123456789abcdef\r\n20\r\n0123456789abcdef0123456789abcdef\r\n";

fn trusting(authority: &Authority, allow: Vec<Allowed>) -> Settings {
    let ca = CertificateDer::from_pem_slice(authority.pem().as_bytes()).expect("PEM");
    Settings { extra_ca: vec![ca], allow }
}

fn named(site: &Site) -> Allowed {
    let (host, port) =
        site.host().rsplit_once(':').map(|(h, p)| (h.to_owned(), p.to_owned())).expect("a port");
    Allowed::Named { host: Host::parse(&host).expect("a host"), port: port.parse().expect("a port") }
}

fn loopback() -> Allowed {
    Allowed::Network(Network { address: Ipv4Addr::LOCALHOST.into(), bits: 8 })
}

fn url(text: &str) -> Url {
    text.parse().expect("an address")
}

async fn get(net: &Net, address: &str) -> Result<Vec<u8>, OutboundError> {
    net.get(&url(address), JSON, MAX_BYTES).await.map(|fetched| fetched.body.to_vec())
}

/// Names that lead where a test says, one answer after the other; the last one stays.
struct Names {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Names {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parsed = |all: &&[&str]| all.iter().map(|one| one.parse().expect("an address")).collect();
        Arc::new(Self { answers: answers.iter().map(parsed).collect(), asked: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl Lookup for Names {
    async fn addresses(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let at = self.asked.fetch_add(1, Ordering::SeqCst).min(self.answers.len() - 1);
        Ok(self.answers[at].clone())
    }
}

/// A listener that counts who connects and says nothing.
async fn trap() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, count)
}

/// A TLS server that sends these bytes, then `more` again and again, with a pause between.
async fn raw(authority: &Authority, first: &'static str, more: &'static [u8], pause: Duration) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let acceptor = tokio_rustls::TlsAcceptor::from(authority.server());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await?;
                let mut asked = [0; 1024];
                let _ = stream.read(&mut asked).await?;
                stream.write_all(first.as_bytes()).await?;
                loop {
                    stream.write_all(more).await?;
                    stream.flush().await?;
                    tokio::time::sleep(pause).await;
                }
                #[expect(unreachable_code, reason = "says what the task answers")]
                Ok::<(), io::Error>(())
            });
        }
    });
    port
}

#[tokio::test]
async fn what_is_allowed_by_name_is_fetched_over_tls_1_3_without_credentials() {
    let authority = Authority::new();
    let site = Site::start(&authority);
    site.put(
        "/jwks",
        Reply::ok("application/jwk-set+json; charset=utf-8", "{}").header("cache-control", "max-age=77"),
    );
    let net = Net::new(trusting(&authority, vec![named(&site)])).expect("a client");
    let fetched = net.get(&url(&site.url("/jwks")), JSON, MAX_BYTES).await.expect("an answer");
    assert_eq!(fetched.content_type, "application/jwk-set+json");
    assert_eq!(fetched.max_age, Some(Duration::from_secs(77)));
    assert_eq!(&fetched.body[..], b"{}");
    net.post_form(&url(&site.url("/jwks")), &[("logout_token", "a.b+c"), ("x", "ä &")])
        .await
        .expect("an answer");
    let seen = site.seen("/jwks");
    assert!(seen.iter().all(|seen| seen.is_tls_1_3));
    assert_eq!(seen[0].header("accept"), Some(JSON));
    for name in ["authorization", "cookie", "referer", "proxy-authorization"] {
        assert!(seen.iter().all(|seen| seen.header(name).is_none()), "{name}");
    }
    assert_eq!(seen[1].header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(
        seen[1].form(),
        [("logout_token".to_owned(), "a.b+c".to_owned()), ("x".to_owned(), "ä &".to_owned())]
    );
}

#[tokio::test]
async fn sec_130_private_addresses_are_not_connected_to() {
    let authority = Authority::new();
    let (port, count) = trap().await;
    let net = Net::new(trusting(&authority, Vec::new())).expect("a client");
    for host in [
        "localhost",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0",
    ] {
        let answer = get(&net, &format!("https://{host}:{port}/")).await;
        assert!(matches!(answer, Err(OutboundError::Refused(_))), "{host}: {answer:?}");
    }
    assert_eq!(count.load(Ordering::SeqCst), 0, "nobody was called");
}

#[tokio::test]
async fn sec_130_names_that_lead_inside_are_not_connected_to() {
    let authority = Authority::new();
    let (port, count) = trap().await;
    for inside in
        ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00::1", "100.64.0.1"]
    {
        let names = Names::new(&[&[inside]]);
        let names: Arc<dyn Lookup> = names;
        let net = Net::with_lookup(trusting(&authority, Vec::new()), &names).expect("a client");
        let answer = get(&net, &format!("https://rp.example:{port}/")).await;
        assert!(matches!(answer, Err(OutboundError::Refused(_))), "{inside}: {answer:?}");
    }
    assert_eq!(count.load(Ordering::SeqCst), 0, "nobody was called");
}

#[tokio::test]
async fn sec_130_a_name_that_changes_its_mind_is_looked_at_each_time_and_only_once_per_call() {
    let authority = Authority::new();
    let site = Site::start(&authority);
    site.put("/", Reply::ok(JSON, "1"));
    let (_, port) = site.host().rsplit_once(':').map(|(h, p)| (h.to_owned(), p.to_owned())).expect("a port");
    // Only 127.0.0.1 is allowed; then the name leads to another address, and to both.
    let one = Allowed::Network(Network { address: Ipv4Addr::LOCALHOST.into(), bits: 32 });
    let names = Names::new(&[&["127.0.0.1"], &["127.0.0.2"], &["127.0.0.2", "127.0.0.1"]]);
    let net = Net::with_lookup(trusting(&authority, vec![one]), &(Arc::clone(&names) as Arc<dyn Lookup>))
        .expect("a client");
    let address = format!("https://localhost:{port}/");
    assert_eq!(get(&net, &address).await, Ok(b"1".to_vec()));
    assert_eq!(names.asked.load(Ordering::SeqCst), 1, "looked up once, and connected to what came out");
    assert!(matches!(get(&net, &address).await, Err(OutboundError::Refused(_))));
    assert_eq!(get(&net, &address).await, Ok(b"1".to_vec()), "the private one of the two is left out");
}

#[tokio::test]
async fn sec_130_redirects_are_not_followed() {
    let authority = Authority::new();
    let (site, inside) = (Site::start(&authority), Site::start(&authority));
    inside.put("/secret", Reply::ok(JSON, "\"secret\""));
    let net = Net::new(trusting(&authority, vec![named(&site), named(&inside)])).expect("a client");
    for status in [301, 302, 303, 307, 308] {
        site.put("/away", Reply::status(status).header("location", &inside.url("/secret")));
        assert_eq!(get(&net, &site.url("/away")).await, Err(OutboundError::Status(status)));
        let posted = net.post_form(&url(&site.url("/away")), &[("a", "b")]).await;
        assert_eq!(posted, Err(OutboundError::Status(status)));
    }
    assert!(inside.seen("/secret").is_empty());
}

#[tokio::test]
async fn sec_130_only_https_and_only_trusted_authorities() {
    let authority = Authority::new();
    let site = Site::start(&authority);
    site.put("/", Reply::ok(JSON, "1"));
    let net = Net::new(trusting(&authority, vec![named(&site)])).expect("a client");
    let plain = site.url("/").replacen("https:", "http:", 1);
    assert!(matches!(get(&net, &plain).await, Err(OutboundError::Refused(_))));
    let with_user = site.url("/").replacen("https://", "https://user:pass@", 1);
    assert!(matches!(get(&net, &with_user).await, Err(OutboundError::Refused(_))));
    let stranger = Net::new(Settings { extra_ca: Vec::new(), allow: vec![named(&site)] }).expect("a client");
    assert!(matches!(get(&stranger, &site.url("/")).await, Err(OutboundError::Unreachable(_))));
    assert!(site.seen("/").is_empty());
}

#[tokio::test]
async fn sec_130_long_bodies_end_the_reading() {
    let authority = Authority::new();
    let site = Site::start(&authority);
    site.put("/fits", Reply::ok(JSON, vec![b' '; MAX_BYTES]));
    site.put("/long", Reply::ok(JSON, vec![b' '; MAX_BYTES + 1]));
    let net = Net::new(trusting(&authority, vec![named(&site), loopback()])).expect("a client");
    assert_eq!(get(&net, &site.url("/fits")).await.map(|body| body.len()), Ok(MAX_BYTES));
    assert_eq!(get(&net, &site.url("/long")).await, Err(OutboundError::TooLong));
    let asked_for_less = net.get(&url(&site.url("/fits")), JSON, 100).await;
    assert_eq!(asked_for_less, Err(OutboundError::TooLong));
    let no_more_than_all = net.get(&url(&site.url("/long")), JSON, usize::MAX).await;
    assert_eq!(no_more_than_all, Err(OutboundError::TooLong));
    // Without a length, and without an end.
    let endless = raw(&authority, "HTTP/1.1 200 OK\r\n\r\n", &[b' '; 8192], Duration::ZERO).await;
    let begun = Instant::now();
    assert_eq!(get(&net, &format!("https://127.0.0.1:{endless}/")).await, Err(OutboundError::TooLong));
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunks = raw(&authority, chunked, ENDLESS_CHUNK, Duration::ZERO).await;
    assert_eq!(get(&net, &format!("https://127.0.0.1:{chunks}/")).await, Err(OutboundError::TooLong));
    assert!(begun.elapsed() < MAX_TIME);
}

#[tokio::test]
async fn sec_130_slow_answers_are_given_up_after_five_seconds() {
    let authority = Authority::new();
    let net = Net::new(trusting(&authority, vec![loopback()])).expect("a client");
    // Never speaks TLS; never ends its headers; drips its body.
    let (silent, _) = trap().await;
    let headers = raw(&authority, "HTTP/1.1 200 OK\r\n", b"a: b\r\n", Duration::from_millis(500)).await;
    let drips =
        raw(&authority, "HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n", b" ", Duration::from_millis(200))
            .await;
    let begun = Instant::now();
    let calls = [silent, headers, drips].map(|port| {
        let net = &net;
        async move { get(net, &format!("https://127.0.0.1:{port}/")).await }
    });
    let [one, two, three] = calls;
    let answers: [_; 3] = tokio::join!(one, two, three).into();
    for answer in answers {
        assert!(matches!(answer, Err(OutboundError::Unreachable(_))), "{answer:?}");
    }
    assert!(begun.elapsed() < MAX_TIME + Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn sec_130_a_slow_host_keeps_nobody_from_others() {
    let authority = Authority::new();
    let (slow, _) = trap().await;
    let site = Site::start(&authority);
    site.put("/", Reply::ok(JSON, "1"));
    let net = Arc::new(Net::new(trusting(&authority, vec![named(&site), loopback()])).expect("a client"));
    let mut calls = Vec::new();
    for _ in 0..300 {
        let net = Arc::clone(&net);
        calls.push(tokio::spawn(async move { get(&net, &format!("https://127.0.0.1:{slow}/")).await }));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(get(&net, &site.url("/")).await, Ok(b"1".to_vec()));
    let turned_away = calls.iter().filter(|call| call.is_finished()).count();
    assert!(turned_away >= 260, "more than some of one host are not begun: {turned_away}");
    calls.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn other_statuses_are_told_and_their_bodies_are_not() {
    let authority = Authority::new();
    let site = Site::start(&authority);
    let net = Net::new(trusting(&authority, vec![named(&site)])).expect("a client");
    for status in [400, 404, 500, 503] {
        site.put("/", Reply { body: b"secret".to_vec(), ..Reply::status(status) });
        assert_eq!(get(&net, &site.url("/")).await, Err(OutboundError::Status(status)));
    }
    for status in [200, 202, 204] {
        site.put("/", Reply::status(status));
        assert_eq!(net.post_form(&url(&site.url("/")), &[]).await, Ok(()));
    }
}
