//! Many clients at once for a time, and what that cost the server.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use testkit::wire::{Connection, Request};

use crate::floor::Floor;
use crate::meter::{Meter, Spent};
use crate::town::Town;
use crate::visit::{Operation, Roam, Visitor};

/// What was counted, over one turn or several.
#[derive(Debug, Default)]
pub(crate) struct Count {
    times: Vec<Duration>,
    spent: Spent,
    wall: Duration,
}

impl Count {
    /// How long the turns took together.
    pub(crate) const fn wall(&self) -> Duration {
        self.wall
    }
}

/// A count, told.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) clients: usize,
    pub(crate) count: usize,
    /// CPU-seconds of all processes for 1,000 operations.
    pub(crate) cpu_per_1000: f64,
    /// Those of our nodes.
    pub(crate) nodes_per_1000: f64,
    /// Those of their hashing threads.
    pub(crate) hashing_per_1000: f64,
    /// Those of PostgreSQL.
    pub(crate) postgres_per_1000: f64,
    /// Those of Redis.
    pub(crate) redis_per_1000: f64,
    /// Operations a second.
    pub(crate) rate: f64,
    pub(crate) p50: Duration,
    pub(crate) p95: Duration,
    pub(crate) p99: Duration,
}

impl Figure {
    pub(crate) fn of(clients: usize, count: Count) -> Self {
        let Count { mut times, spent, wall } = count;
        times.sort_unstable();
        let at = |part: f64| {
            let last = times.len().saturating_sub(1);
            times.get(((times.len() as f64 * part) as usize).min(last)).copied().unwrap_or_default()
        };
        let per_1000 = |time: Duration| time.as_secs_f64() * 1000.0 / times.len().max(1) as f64;
        Self {
            clients,
            count: times.len(),
            cpu_per_1000: per_1000(spent.all()),
            nodes_per_1000: per_1000(spent.nodes),
            hashing_per_1000: per_1000(spent.hashing),
            postgres_per_1000: per_1000(spent.postgres),
            redis_per_1000: per_1000(spent.redis),
            rate: times.len() as f64 / wall.as_secs_f64(),
            p50: at(0.50),
            p95: at(0.95),
            p99: at(0.99),
        }
    }
}

/// One who does something again and again.
pub(crate) trait Client: Send + 'static {
    fn once(&mut self) -> impl Future<Output = ()> + Send;
}

/// Clients who work at the same time.
pub(crate) struct Crew<C> {
    meter: Meter,
    clients: Vec<C>,
}

/// A visitor with something to do.
pub(crate) struct Busy {
    visitor: Visitor,
    operation: Operation,
}

impl Client for Busy {
    async fn once(&mut self) {
        self.visitor.once(self.operation).await;
    }
}

impl Crew<Busy> {
    /// Visitors, ready and warm: connections, caches, prepared statements.
    pub(crate) async fn of(town: &Town, operation: Operation, size: usize) -> Self {
        Self::roaming(town, operation, size, Roam::default()).await
    }

    /// The same by any of so many people, at any of so many relying parties.
    pub(crate) async fn roaming(town: &Town, operation: Operation, size: usize, roam: Roam) -> Self {
        let mut clients = Vec::new();
        for index in 0..size {
            let mut visitor = town.visitor(index).await;
            visitor.roam = roam;
            visitor.prepare(operation).await;
            visitor.once(operation).await;
            clients.push(Busy { visitor, operation });
        }
        Self { meter: town.meter(), clients }
    }
}

impl<C: Client> Crew<C> {
    /// Those who are ready, and who works for them.
    pub(crate) const fn ready(meter: Meter, clients: Vec<C>) -> Self {
        Self { meter, clients }
    }

    /// All of them, to be made ready for another round.
    pub(crate) fn clients(&mut self) -> &mut [C] {
        &mut self.clients
    }

    /// Works for a turn, and adds what that took.
    pub(crate) async fn work(&mut self, turn: Duration, count: &mut Count) {
        let began = Instant::now();
        self.round(move |_| began.elapsed() >= turn, count).await;
    }

    /// Each does it so many times; adds what that took.
    pub(crate) async fn each(&mut self, times: usize, count: &mut Count) {
        self.round(move |done| done >= times, count).await;
    }

    /// Each works until it is over for them, by how many times they have done it.
    async fn round(&mut self, is_over: impl Fn(usize) -> bool + Copy + Send + 'static, count: &mut Count) {
        let spent = self.meter.read();
        let began = Instant::now();
        let run = |mut client: C| async move {
            let mut times = Vec::new();
            while !is_over(times.len()) {
                let began = Instant::now();
                client.once().await;
                times.push(began.elapsed());
            }
            (client, times)
        };
        let tasks: Vec<_> = self.clients.drain(..).map(run).map(tokio::spawn).collect();
        for task in tasks {
            let (client, times) = task.await.expect("a client");
            self.clients.push(client);
            count.times.extend(times);
        }
        count.wall += began.elapsed();
        count.spent += self.meter.read() - spent;
    }
}

/// A client of the floor.
pub(crate) struct Walker {
    connection: Connection,
    get: Vec<u8>,
}

impl Crew<Walker> {
    pub(crate) async fn on(floor: &Floor, size: usize) -> Self {
        let mut clients = Vec::new();
        for index in 0..size {
            let connection = Connection::open(floor.at, "localhost", IpAddr::V4(Ipv4Addr::LOCALHOST))
                .await
                .expect("the floor");
            let target = format!(
                "/authorize?response_type=code&client_id=bench&redirect_uri=https%3A%2F%2Fbench.example%2Fcallback\
                 &scope=openid&state={index}&nonce=abcdefgh&code_challenge_method=S256"
            );
            let mut walker = Walker { connection, get: Request::get(&target).bytes("localhost") };
            walker.once().await;
            clients.push(walker);
        }
        Self { meter: Meter::of(floor.process()), clients }
    }
}

impl Client for Walker {
    async fn once(&mut self) {
        let answer = self.connection.send_bytes(&self.get, "GET").await.expect("an answer");
        let to = answer.header("location").expect("a place").to_owned();
        let code = to.split("code=").nth(1).and_then(|rest| rest.split('&').next()).expect("a code");
        let post = Request::form(
            "/token",
            &[
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", "https://bench.example/callback"),
                ("code_verifier", "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"),
            ],
        );
        let answer = self.connection.send(&post).await.expect("an answer");
        assert_eq!(answer.status, 200);
    }
}
