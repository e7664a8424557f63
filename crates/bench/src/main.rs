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

use std::path::{Path, PathBuf};
use std::time::Duration;

use load::Figure;
use machine::Process;
use report::Goals;
use visit::{Operation, Town};

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
    let floor = if asked.only.is_none() || wants("sso") {
        Some(floor_figures(folder.path(), asked).await)
    } else {
        None
    };
    let hash = wants("password").then(machine::bare_hash);

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

    report::heading();
    for operation in Operation::ALL {
        if !wants(operation.name()) {
            continue;
        }
        let mut figures = Vec::new();
        for clients in &asked.clients {
            let turn = if *operation == Operation::Password { asked.turn * 2 } else { asked.turn };
            let figure = load::measure(&town, *operation, *clients, turn).await;
            report::row(operation.name(), &figure, floor.as_ref());
            figures.push(figure);
        }
        judge(*operation, &figures, floor.as_ref(), hash, &mut goals);
    }
    if let Some(floor) = &floor {
        for figure in floor {
            report::row("floor (sso)", figure, Some(floor));
        }
    }
    if wants("waiting") {
        waiting::run(&mut town, asked.waiting_pages, &mut goals).await;
    }
    let process = town.process();
    println!(
        "\nmemory   idle {} KiB, after load {} KiB, high water {} KiB",
        idle,
        process.resident_kib(),
        process.high_water_kib()
    );
    goals.at_most("high-water RSS", process.high_water_kib() as f64 / 1024.0, 68.0, "MiB");
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

async fn floor_figures(folder: &Path, asked: &Asked) -> Vec<Figure> {
    let floor = floor::Floor::start(folder).await;
    let mut figures = Vec::new();
    for clients in &asked.clients {
        figures.push(load::measure_floor(&floor, *clients, asked.turn).await);
    }
    figures
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

/// The goals are for 16 clients.
fn judge(
    operation: Operation,
    figures: &[Figure],
    floor: Option<&Vec<Figure>>,
    hash: Option<f64>,
    goals: &mut Goals,
) {
    let at_16 =
        |all: &[Figure]| all.iter().find(|figure| figure.clients == 16).map(|figure| figure.cpu_per_1000);
    let Some(cpu) = at_16(figures) else { return };
    match operation {
        Operation::Discovery | Operation::Jwks => goals.at_most(operation.name(), cpu, 0.015, "CPU-s/1000"),
        Operation::Userinfo => goals.at_most("userinfo", cpu, 0.045, "CPU-s/1000"),
        Operation::Qr => goals.at_most("full QR login", cpu, 1.6, "CPU-s/1000"),
        Operation::Sso => {
            if let Some(floor) = floor.and_then(|all| at_16(all)) {
                goals.at_most("SSO code flow / floor", cpu / floor, 1.6, "times");
            }
        }
        Operation::Password => {
            if let Some(hash) = hash {
                println!("bare hash {hash:.2} CPU-s/1000 (argon2id 19 MiB, t=2, p=1, memory kept)");
                goals.at_most("password login / bare hash", cpu / hash, 1.05, "times");
                goals.at_most("password login beside the hash", cpu - hash, 0.7, "CPU-s/1000");
            }
        }
    }
}

/// The process of a child.
fn process_of(child: &std::process::Child) -> Process {
    Process::of(child.id())
}
