//! The benchmark: what one operation costs a real server, beside a floor that does only what physics asks for.
//!
//! `cargo run --release -p latchbolt-bench` builds on `target/release/latchbolt` (built first by
//! `cargo build --release -p latchbolt`), drives it over loopback and prints CPU-seconds of the server per
//! 1,000 operations (the operating system's accounting, which holds when other work shares the cores), rates,
//! latencies, memory, and which goals are reached. `--quick` takes shorter turns; `--only NAME` one operation.
//! Not here: correctness (`tests/`).
#![expect(clippy::expect_used, reason = "a broken run has nothing to say but why")]

mod floor;
mod load;
mod machine;
mod report;
mod visit;
mod waiting;

use std::path::PathBuf;
use std::time::Duration;

use load::{Count, Crew, Figure};
use machine::{BareHash, Process};
use report::Goals;
use visit::{Operation, Town};

/// The goals are for so many clients.
const GOALS_AT: usize = 16;

/// How the run was asked for.
#[derive(Debug, Clone)]
struct Asked {
    turn: Duration,
    clients: Vec<usize>,
    waiting_pages: usize,
    only: Option<String>,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|word| word == "floor") {
        return floor::serve(args.get(1).expect("floor PORT FILE"), args.get(2).expect("floor PORT FILE"));
    }
    if args.iter().any(|word| word == "--help") {
        println!(
            "usage: latchbolt-bench [--quick] [--only discovery|jwks|password|sso|qr|userinfo|waiting|start]"
        );
        return;
    }
    if !machine::with_many_files() {
        eprintln!("The limit of open files could not be raised: 10,000 waiting pages may be out of reach.");
    }
    let is_quick = args.iter().any(|word| word == "--quick");
    let asked = Asked {
        turn: Duration::from_millis(if is_quick { 1_000 } else { 4_000 }),
        clients: vec![1, 16, 64],
        waiting_pages: if is_quick { 2_000 } else { 10_000 },
        only: args.iter().position(|word| word == "--only").and_then(|at| args.get(at + 1).cloned()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run(&asked));
}

async fn run(asked: &Asked) {
    let program = program();
    println!("program  {}", program.display());
    println!("cores    {}", std::thread::available_parallelism().map_or(0, usize::from));
    let wants = |name: &str| asked.only.as_deref().is_none_or(|only| only == name);
    let mut goals = Goals::default();
    report::size(&program, &mut goals);

    let folder = tempfile::tempdir().expect("a folder");
    let mut town = Town::build(&program, folder.path()).await;
    if wants("start") {
        start_times(&mut town, &mut goals).await;
    }
    // Idle: as a server stands after its start on an existing database, before any load.
    town.restart().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let idle = town.process().resident_kib();
    goals.at_most("idle RSS", idle as f64 / 1024.0, 19.0, "MiB");
    town.open_doors(64).await;

    let floor = if wants("sso") { Some(floor::Floor::start(folder.path()).await) } else { None };
    report::heading();
    let mut ground = Vec::new();
    for operation in Operation::ALL {
        if !wants(operation.name()) {
            continue;
        }
        match (operation, &floor) {
            (Operation::Sso, Some(floor)) => {
                ground = beside_floor(&town, floor, asked, &mut goals).await;
            }
            (Operation::Password, _) => beside_hash(&town, &ground, asked, &mut goals).await,
            _ => alone(&town, *operation, &ground, asked, &mut goals).await,
        }
    }
    drop(floor);
    // Before pages wait: they are counted by themselves, in a fresh process.
    let process = town.process();
    println!(
        "\nmemory   idle {idle} KiB, after load {} KiB, high water {} KiB",
        process.resident_kib(),
        process.high_water_kib()
    );
    goals.at_most("high-water RSS", process.high_water_kib() as f64 / 1024.0, 68.0, "MiB");
    if wants("waiting") {
        waiting::run(&mut town, asked.waiting_pages, &mut goals).await;
    }
    goals.print();
}

fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("LATCHBOLT_BIN") {
        return PathBuf::from(path);
    }
    let beside = std::env::current_exe().expect("this program").with_file_name("latchbolt");
    assert!(beside.exists(), "{} is missing: run cargo build --release -p latchbolt first", beside.display());
    beside
}

/// Turns that alternate with those of a yardstick: both see the same machine, whatever else it does.
const ROUNDS: u32 = 4;

/// SSO flows and the floor by turns; answers the floor's figures.
async fn beside_floor(town: &Town, floor: &floor::Floor, asked: &Asked, goals: &mut Goals) -> Vec<Figure> {
    let mut ground = Vec::new();
    for &clients in &asked.clients {
        let (mut visitors, mut walkers) =
            (Crew::of(town, Operation::Sso, clients).await, Crew::on(floor, clients).await);
        let (mut flows, mut steps) = (Count::default(), Count::default());
        for _ in 0..ROUNDS {
            walkers.work(asked.turn / 2, &mut steps).await;
            visitors.work(asked.turn / 2, &mut flows).await;
        }
        let (sso, lowest) = (Figure::of(clients, flows), Figure::of(clients, steps));
        if clients == GOALS_AT {
            goals.at_most("SSO code flow / floor", sso.cpu_per_1000 / lowest.cpu_per_1000, 1.6, "times");
        }
        ground.push(lowest);
        report::row(Operation::Sso.name(), &sso, &ground);
    }
    for lowest in &ground {
        report::row("floor (sso)", lowest, &ground);
    }
    ground
}

/// Password sign-ins and bare hashes by turns.
async fn beside_hash(town: &Town, ground: &[Figure], asked: &Asked, goals: &mut Goals) {
    for &clients in &asked.clients {
        let mut visitors = Crew::of(town, Operation::Password, clients).await;
        let (mut count, mut bare) = (Count::default(), BareHash::default());
        for _ in 0..ROUNDS {
            bare.work(asked.turn / 4);
            visitors.work(asked.turn / 2, &mut count).await;
        }
        let (figure, bare) = (Figure::of(clients, count), bare.cpu_per_1000());
        report::row(Operation::Password.name(), &figure, ground);
        let (all, hashing) = (figure.cpu_per_1000, figure.hashing_per_1000);
        println!(
            "{:<14} {clients:>7} bare hash {bare:.2}, hashing threads {hashing:.2}, beside {:.2} CPU-s/1000",
            "",
            all - hashing
        );
        if clients == GOALS_AT {
            goals.at_most("password login / bare hash", all / bare, 1.05, "times");
            goals.at_most("password login beside the hash", all - hashing, 0.7, "CPU-s/1000");
        }
    }
}

async fn alone(town: &Town, operation: Operation, ground: &[Figure], asked: &Asked, goals: &mut Goals) {
    for &clients in &asked.clients {
        let mut count = Count::default();
        Crew::of(town, operation, clients).await.work(asked.turn, &mut count).await;
        let figure = Figure::of(clients, count);
        report::row(operation.name(), &figure, ground);
        if clients != GOALS_AT {
            continue;
        }
        let at_most = match operation {
            Operation::Discovery | Operation::Jwks => 0.015,
            Operation::Userinfo => 0.045,
            _ => 1.6,
        };
        goals.at_most(operation.name(), figure.cpu_per_1000, at_most, "CPU-s/1000");
    }
}

async fn start_times(town: &mut Town, goals: &mut Goals) {
    let mut times = Vec::new();
    for _ in 0..7 {
        times.push(town.restart().await);
    }
    times.sort();
    println!("start    {} ms to the first answer (median of 7)", times[3].as_millis());
    goals.at_most("start to first answer", times[3].as_secs_f64() * 1000.0, 90.0, "ms");
}

/// The process of a child.
fn process_of(child: &std::process::Child) -> Process {
    Process::of(child.id())
}
