//! Somebody who visits the nodes over connections that may break.
//!
//! Owns: cookies, redirects, which node is asked, and what is known after a broken connection. A visitor is
//! the one client behind a proxy: whoever cannot be connected to was not asked, and the next node is; a request
//! that was sent is sent again only when it changes nothing.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use testkit::Page;
use testkit::wire::{Answer, Connection, Request};

use crate::chance::Chance;
use crate::findings::Check;
use crate::stage::{NODES, Standing};
use crate::world::World;

/// A visitor waits so long for an answer.
const PATIENCE: Duration = Duration::from_secs(8);
/// And so long for a connection.
const CONNECT: Duration = Duration::from_secs(1);
/// A running node answers within this time, whatever is broken around it: the two seconds of SEC-212, and some
/// for a busy machine.
const ANSWER: Duration = Duration::from_secs(4);

/// What became of a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// An answer.
    Answer(Answer),
    /// It was sent, and nothing came back: it may have been done.
    Broken,
    /// It was not sent.
    Unreached,
}

impl Reply {
    /// The answer, if there is one with this status.
    pub fn with(self, status: u16) -> Option<Answer> {
        self.answer().filter(|answer| answer.status == status)
    }

    pub fn answer(self) -> Option<Answer> {
        match self {
            Self::Answer(answer) => Some(answer),
            Self::Broken | Self::Unreached => None,
        }
    }

    /// Whether it may have been done although nobody said so.
    pub fn may_be_done(&self) -> bool {
        match self {
            Self::Answer(answer) => answer.status >= 500,
            Self::Broken => true,
            Self::Unreached => false,
        }
    }

    fn status(&self) -> String {
        match self {
            Self::Answer(answer) => answer.status.to_string(),
            Self::Broken => "broken".to_owned(),
            Self::Unreached => "unreached".to_owned(),
        }
    }
}

/// Asks one node once.
pub async fn ask(world: &World, node: usize, from: IpAddr, request: &Request) -> Reply {
    let standing = world.stage.nodes[node].standing();
    let at = SocketAddr::from(([127, 0, 0, 1], world.stage.nodes[node].port));
    let host = world.stage.issuer.trim_start_matches("http://");
    let opened = tokio::time::timeout(CONNECT, Connection::open(at, host, from)).await;
    let Ok(Ok(mut connection)) = opened else { return Reply::Unreached };
    let began = Instant::now();
    let sent = tokio::time::timeout(PATIENCE, connection.send(request)).await;
    let took = began.elapsed();
    let of = || format!("node {node}: {} {}", request.method, shown(&request.target));
    if standing.0 == Standing::Up && world.stage.nodes[node].standing() == standing {
        // Nobody touched the node: it answers, whatever it misses.
        let is_in_time = took <= ANSWER || took <= world.machine.stretched(ANSWER, began);
        world.findings.check(Check::Patience, is_in_time, || format!("{} takes {took:?}", of()));
        let class = match &sent {
            Ok(Ok(answer)) if answer.status == 503 => "503",
            _ => "other answer",
        };
        world.findings.took(class, took, of);
    }
    let Ok(Ok(answer)) = sent else { return Reply::Broken };
    world.findings.answer(answer.status);
    let is_fault = answer.status >= 500 && answer.status != 503;
    world.findings.check(Check::NoFault, !is_fault, || {
        format!("{} answers {}: {:.300}", of(), answer.status, answer.text())
    });
    if answer.status == 503 {
        let says_when = answer.header("retry-after").is_some_and(|value| value.parse::<u32>().is_ok());
        world
            .findings
            .check(Check::RetryAfter, says_when, || format!("{} answers {:?}", of(), answer.headers));
    }
    Reply::Answer(answer)
}

/// A target without its query.
fn shown(target: &str) -> &str {
    target.split('?').next().unwrap_or(target)
}

/// A visitor with cookies of its own and an address that no other visitor has.
pub struct Visitor<'w> {
    pub world: &'w World,
    pub jar: BTreeMap<String, String>,
    pub from: IpAddr,
    pub chance: Chance,
    /// What was asked and answered, for traces.
    pub trail: Vec<String>,
}

pub const SESSION: &str = "__Host-lb_session";

impl<'w> Visitor<'w> {
    /// A new one.
    pub fn new(world: &'w World, chance: &mut Chance) -> Self {
        let chance = Chance::new(chance.next());
        Self { world, jar: BTreeMap::new(), from: world.address(), chance, trail: Vec::new() }
    }

    /// A node of chance.
    pub fn any_node(&mut self) -> usize {
        self.chance.below(NODES)
    }

    /// All nodes, beginning with one of chance.
    pub fn all_nodes(&mut self) -> [usize; NODES] {
        let first = self.any_node();
        std::array::from_fn(|at| (first + at) % NODES)
    }

    /// The request as this browser sends it.
    pub fn dressed(&self, mut request: Request) -> Request {
        if !self.jar.is_empty() {
            let line: Vec<String> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", &line.join("; "));
        }
        request.header("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
    }

    /// A form or script of the page.
    pub fn same_origin(&self, request: Request) -> Request {
        request.header("origin", &self.world.stage.issuer).header("sec-fetch-site", "same-origin")
    }

    /// Writes into the trail.
    pub fn wrote(&mut self, node: usize, request: &Request, reply: &Reply) {
        let at = self.world.findings.clock();
        let line =
            format!("{at:.3} node {node} {} {} {}", request.method, shown(&request.target), reply.status());
        self.trail.push(line);
    }

    /// Takes an answer's cookies.
    pub fn keep_cookies(&mut self, answer: &Answer) {
        for line in answer.all("set-cookie") {
            let Some((name, value)) = line.split(';').next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            let is_gone =
                value.is_empty() || line.to_ascii_lowercase().replace(' ', "").contains("max-age=0");
            if is_gone {
                self.jar.remove(name.trim());
            } else {
                self.jar.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }

    /// Asks this node once.
    pub async fn send_to(&mut self, node: usize, request: Request) -> Reply {
        let request = self.dressed(request);
        let reply = ask(self.world, node, self.from, &request).await;
        self.wrote(node, &request, &reply);
        if let Reply::Answer(answer) = &reply {
            self.keep_cookies(answer);
        }
        reply
    }

    /// Asks once, whichever node can be connected to.
    pub async fn send(&mut self, request: Request) -> Reply {
        for node in self.all_nodes() {
            let reply = self.send_to(node, request.clone()).await;
            if !matches!(reply, Reply::Unreached) {
                return reply;
            }
        }
        Reply::Unreached
    }

    /// A request that changes nothing: asked again at the other nodes while one cannot answer.
    pub async fn send_safely(&mut self, request: Request) -> Reply {
        let mut last = Reply::Unreached;
        for node in self.all_nodes() {
            last = self.send_to(node, request.clone()).await;
            if matches!(&last, Reply::Answer(answer) if answer.status < 500) {
                return last;
            }
        }
        last
    }

    /// A page, over redirects within the issuer; one to another origin is landed on.
    pub async fn follow(&mut self, address: &str) -> Option<Page> {
        let base = url::Url::parse(&format!("{}/", self.world.stage.issuer)).ok()?;
        let mut url = base.join(address).ok()?;
        for _ in 0..10 {
            if url.origin() != base.origin() {
                return Some(Page { url, answer: Answer::default() });
            }
            let request = Request::get(&target(&url)).header("accept", "text/html");
            let answer = self.send_safely(request).await.answer()?;
            match next(&url, &answer) {
                Some(to) => url = to,
                None => return Some(Page { url, answer }),
            }
        }
        None
    }

    /// The request of a login page's own script.
    pub fn script(&self, page: &Page, path: &str) -> Option<Request> {
        let journey = page
            .query("journey")
            .or_else(|| page.find_form("login").and_then(|form| form.value("journey").map(str::to_owned)))?;
        let csrf = page.csrf()?;
        let request = Request::form(path, &[("journey", &journey), ("csrf", &csrf)]);
        Some(self.same_origin(request).header("x-csrf-token", &csrf).header("accept", "application/json"))
    }
}

/// Path and query.
pub fn target(url: &url::Url) -> String {
    url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
}

/// Where a redirect leads.
fn next(from: &url::Url, answer: &Answer) -> Option<url::Url> {
    let to = answer.header("location").filter(|_| (300..400).contains(&answer.status))?;
    from.join(to).ok()
}

/// Where an answer sends the browser, if that is the client's address with a code.
pub fn code_in(answer: &Answer) -> Option<String> {
    let to = url::Url::parse(answer.header("location")?).ok()?;
    to.query_pairs().find(|(name, _)| name == "code").map(|(_, value)| value.into_owned())
}

/// The secret of a new session, if the answer gives one.
pub fn session_in(answer: &Answer) -> Option<String> {
    let line = answer.all("set-cookie").find(|line| line.starts_with(SESSION))?;
    let value = line.split(';').next()?.split_once('=')?.1.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

/// What the database keeps of a session's secret, in hex.
pub fn kept(secret: &str) -> String {
    let hash = testkit::sha256(&testkit::unb64(secret));
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
