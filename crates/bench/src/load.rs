//! Many clients at once for a time, and what that cost the server.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use testkit::wire::{Connection, Request};

use crate::floor::Floor;
use crate::machine::Process;
use crate::visit::{Operation, Town, Visitor};

/// One turn.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) clients: usize,
    pub(crate) count: usize,
    /// CPU-seconds of the server for 1,000 operations.
    pub(crate) cpu_per_1000: f64,
    /// Operations a second.
    pub(crate) rate: f64,
    pub(crate) p50: Duration,
    pub(crate) p95: Duration,
    pub(crate) p99: Duration,
}

impl Figure {
    fn of(clients: usize, mut times: Vec<Duration>, cpu: Duration, wall: Duration) -> Self {
        times.sort_unstable();
        let at = |part: f64| {
            let last = times.len().saturating_sub(1);
            times.get(((times.len() as f64 * part) as usize).min(last)).copied().unwrap_or_default()
        };
        Self {
            clients,
            count: times.len(),
            cpu_per_1000: cpu.as_secs_f64() * 1000.0 / times.len().max(1) as f64,
            rate: times.len() as f64 / wall.as_secs_f64(),
            p50: at(0.50),
            p95: at(0.95),
            p99: at(0.99),
        }
    }
}

/// Runs an operation with so many clients.
pub(crate) async fn measure(town: &Town, operation: Operation, clients: usize, turn: Duration) -> Figure {
    let mut visitors = Vec::new();
    for index in 0..clients {
        let mut visitor = town.visitor(index).await;
        visitor.prepare(operation).await;
        // Once for warmth: connections, caches, prepared statements.
        visitor.once(operation).await;
        visitors.push(visitor);
    }
    let process = town.process();
    let run = |mut visitor: Visitor| async move {
        let until = Instant::now() + turn;
        let mut times = Vec::new();
        while Instant::now() < until {
            let began = Instant::now();
            visitor.once(operation).await;
            times.push(began.elapsed());
        }
        times
    };
    drive(process, clients, visitors.into_iter().map(run).map(tokio::spawn).collect()).await
}

/// The same for the floor.
pub(crate) async fn measure_floor(floor: &Floor, clients: usize, turn: Duration) -> Figure {
    let mut tasks = Vec::new();
    for index in 0..clients {
        let mut connection = Connection::open(floor.at, "localhost", IpAddr::V4(Ipv4Addr::LOCALHOST))
            .await
            .expect("the floor");
        tasks.push(tokio::spawn(async move {
            let until = Instant::now() + turn;
            let mut times = Vec::new();
            let target = format!(
                "/authorize?response_type=code&client_id=bench&redirect_uri=https%3A%2F%2Fbench.example%2Fcallback\
                 &scope=openid&state={index}&nonce=abcdefgh&code_challenge_method=S256"
            );
            let get = Request::get(&target).bytes("localhost");
            while Instant::now() < until {
                let began = Instant::now();
                let answer = connection.send_bytes(&get, "GET").await.expect("an answer");
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
                let answer = connection.send(&post).await.expect("an answer");
                assert_eq!(answer.status, 200);
                times.push(began.elapsed());
            }
            times
        }));
    }
    drive(floor.process(), clients, tasks).await
}

async fn drive(
    process: Process,
    clients: usize,
    tasks: Vec<tokio::task::JoinHandle<Vec<Duration>>>,
) -> Figure {
    let (cpu, began) = (process.cpu(), Instant::now());
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.expect("a client"));
    }
    let (wall, cpu) = (began.elapsed(), process.cpu() - cpu);
    Figure::of(clients, times, cpu, wall)
}
