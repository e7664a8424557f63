//! The benchmark: what one operation costs a real server, beside a floor that does only what physics asks for.
//!
//! `cargo run --release -p latchbolt-bench` builds on `target/release/latchbolt` (built first by
//! `cargo build --release -p latchbolt`), drives it over loopback and prints CPU-seconds of the server per
//! 1,000 operations (the operating system's accounting, which holds when other work shares the cores), rates,
//! latencies, memory, and which goals are reached. `--quick` takes shorter turns; `--only NAMES` some operations.
//! `--on GROUND` and `--nodes` run on PostgreSQL and Redis and say where the CPU time went (`nodes`); `--big`
//! compares a small database with one of a million users (`big`). Not here: correctness (`tests/`).
#![expect(clippy::expect_used, reason = "a broken run has nothing to say but why")]

mod apps;
mod big;
mod cas;
mod floor;
mod goodbyes;
mod grants;
mod ground;
mod lists;
mod load;
mod machine;
mod meter;
mod nodes;
mod people;
mod report;
mod spread;
mod town;
mod visit;
mod waiting;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ground::{Ground, On};
use load::{Count, Crew, Figure};
use machine::{BareHash, Process};
use report::Goals;
use town::Town;
use visit::Operation;

/// The goals are for so many clients.
const GOALS_AT: usize = 16;

/// Sessions of one person that end together.
const GOODBYES: usize = 1_000;

const USAGE: &str = "usage: latchbolt-bench [--quick] [--only OPERATION]
                       [--on sqlite|postgres|postgres+redis] [--nodes 1|2|3|1,2,3] [--big]
                       [--lists [--people N]]
  OPERATION: discovery, jwks, userinfo, sso, par+sso, refresh, dpop-refresh, client-creds, introspection,
             password, qr, logout, waiting, start, cas-sso, cas-validate, cas-told; several with commas
  --on, --nodes  where the CPU time goes, on so many nodes (of postgres+redis, when --on is left out)
  --big          a million users and 10,000 clients beside a small database, on SQLite or what --on says
  --lists        every list of the admin API over 100,000 users (or N), one and a half phones and 50 audit entries
                 for each, and an import of 10,000 phones";

/// Open files beside the waiting pages.
const BESIDE: usize = 2_000;

/// How the run was asked for.
#[derive(Debug, Clone)]
struct Asked {
    turn: Duration,
    clients: Vec<usize>,
    waiting_pages: usize,
    only: Option<String>,
    on: Option<On>,
    nodes: Vec<usize>,
    is_big: bool,
    is_lists: bool,
    /// Users of the lists.
    people: u64,
}

impl Asked {
    /// Reads the command line.
    ///
    /// # Errors
    /// What is not understood.
    fn read(args: &[String]) -> Result<Self, String> {
        let mut asked = Self {
            turn: Duration::from_millis(4_000),
            clients: vec![1, GOALS_AT, 64],
            waiting_pages: 10_000,
            only: None,
            on: None,
            nodes: Vec::new(),
            is_big: false,
            is_lists: false,
            people: 100_000,
        };
        let mut words = args.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--quick" => {
                    asked.turn = Duration::from_millis(1_000);
                    asked.waiting_pages = 2_000;
                }
                "--big" => asked.is_big = true,
                "--lists" => asked.is_lists = true,
                "--people" => {
                    let number = value()?;
                    let people = number.parse().ok().filter(|people| (10..=1_000_000).contains(people));
                    asked.people = people.ok_or_else(|| format!("--people does not take {number}"))?;
                }
                "--only" => asked.only = Some(value()?.clone()),
                "--on" => {
                    let name = value()?;
                    asked.on = Some(On::parse(name).ok_or_else(|| format!("--on does not know {name}"))?);
                }
                "--nodes" => {
                    let counts = value()?.split(',').map(|part| match part {
                        "1" => Ok(1),
                        "2" => Ok(2),
                        "3" => Ok(3),
                        other => Err(format!("--nodes does not know {other}")),
                    });
                    asked.nodes = counts.collect::<Result<_, _>>()?;
                }
                other => return Err(format!("{other} is not known")),
            }
        }
        if asked.on == Some(On::Sqlite) && asked.nodes.iter().any(|count| *count != 1) {
            return Err("SQLite carries one node".to_owned());
        }
        Ok(asked)
    }

    fn wants(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only.split(',').any(|one| one == name))
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|word| word == "floor") {
        return floor::serve(args.get(1).expect("floor PORT FILE"), args.get(2).expect("floor PORT FILE"));
    }
    if args.iter().any(|word| word == "--help") {
        return println!("{USAGE}");
    }
    let mut asked = match Asked::read(&args) {
        Ok(asked) => asked,
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
            std::process::exit(2);
        }
    };
    // The balancer in the driver has two more ends of each page's stream.
    let ends = if asked.nodes.iter().any(|count| *count > 1) { 3 } else { 1 };
    let files = machine::raise_open_files(asked.waiting_pages * ends + BESIDE);
    if files < asked.waiting_pages * ends + BESIDE {
        asked.waiting_pages = files.saturating_sub(BESIDE) / ends;
        eprintln!("Only {files} files may be open: {} pages will wait.", asked.waiting_pages);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut goals = Goals::default();
        println!("program  {}", program().display());
        println!("cores    {}", std::thread::available_parallelism().map_or(0, usize::from));
        println!("load     {} before the run", machine::load());
        if asked.is_lists {
            lists::run(&asked, &mut goals).await;
        } else if asked.is_big {
            big::run(&asked, &mut goals).await;
        } else if asked.on.is_some() || !asked.nodes.is_empty() {
            nodes::run(&asked, &mut goals).await;
        } else {
            run(&asked, &mut goals).await;
        }
        goals.print();
    });
}

/// One node on SQLite beside the floor.
async fn run(asked: &Asked, goals: &mut Goals) {
    let program = program();
    report::size(&program, goals);

    let folder = tempfile::tempdir().expect("a folder");
    let ground = Arc::new(Ground::start(On::Sqlite, folder.path(), false));
    let mut town = Town::build(&program, folder.path(), ground);
    if asked.wants("start") {
        start_times(&mut town, goals).await;
    }
    // Idle: as a server stands after its start on an existing database, before any load.
    town.restart().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let idle = town.meter().resident_kib()[0];
    goals.at_most("idle RSS", idle as f64 / 1024.0, 19.0, "MiB");
    town.open_doors().await;

    let needs_floor = asked.wants("sso") || asked.wants(cas::SSO);
    let floor = if needs_floor { Some(floor::Floor::start(folder.path()).await) } else { None };
    report::heading();
    let mut ground = Vec::new();
    for operation in Operation::ALL {
        if !asked.wants(operation.name()) {
            continue;
        }
        match (operation, &floor) {
            (Operation::Sso, Some(floor)) => {
                ground = beside_floor(&town, floor, asked, goals).await;
            }
            (Operation::Password, _) => beside_hash(&town, &ground, asked, goals).await,
            _ => alone(&town, *operation, &ground, asked, goals).await,
        }
    }
    if asked.wants("logout") {
        let told = goodbyes::run(&town, GOODBYES).await;
        println!(
            "\nlogout   {GOODBYES} sessions ended at once: first party told after {} ms, all after {} ms, {:.3} CPU-s",
            told.first.as_millis(),
            told.all.as_millis(),
            told.spent.all().as_secs_f64()
        );
    }
    // Before pages wait: they are counted by themselves, in a fresh process.
    let meter = town.meter();
    println!(
        "\nmemory   idle {idle} KiB, after load {} KiB, high water {} KiB",
        meter.resident_kib()[0],
        meter.high_water_kib()
    );
    goals.at_most("high-water RSS", meter.high_water_kib() as f64 / 1024.0, 68.0, "MiB");
    if asked.wants("waiting") {
        let waited = waiting::run(&mut town, asked.waiting_pages).await;
        goals.at_most("approve to browser told, p99", waited.told_p99.as_secs_f64() * 1000.0, 20.0, "ms");
        goals.at_most("waiting page", waited.bytes_a_page / 1000.0, 11.4, "kB");
        goals.at_most("CPU while they wait", waited.percent, 1.0, "% of a core");
    }
    if [cas::SSO, cas::VALIDATE, cas::TOLD].iter().any(|row| asked.wants(row)) {
        cas::run(&mut town, floor.as_ref(), &ground, asked, goals).await;
    }
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
        let mut visitors = Crew::of(town, Operation::Sso, clients).await;
        let (sso, lowest) = by_turns(&mut visitors, floor, clients, asked.turn).await;
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

/// A crew and the floor by turns, half a turn each time; the figures of both.
async fn by_turns<C: load::Client>(
    crew: &mut Crew<C>,
    floor: &floor::Floor,
    clients: usize,
    turn: Duration,
) -> (Figure, Figure) {
    let mut walkers = Crew::on(floor, clients).await;
    let (mut done, mut steps) = (Count::default(), Count::default());
    for _ in 0..ROUNDS {
        walkers.work(turn / 2, &mut steps).await;
        crew.work(turn / 2, &mut done).await;
    }
    (Figure::of(clients, done), Figure::of(clients, steps))
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
            Operation::Userinfo | Operation::Introspection => 0.045,
            Operation::ClientCredentials => 0.075,
            // Beside the floor of a code flow: one durable commit and two signatures, too.
            Operation::Refresh => {
                if let Some(lowest) = ground.iter().find(|one| one.clients == clients) {
                    let times = figure.cpu_per_1000 / lowest.cpu_per_1000;
                    goals.at_most("refresh / floor", times, 2.0, "times");
                }
                continue;
            }
            // Told, without a goal.
            Operation::Par | Operation::DpopRefresh => continue,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Asked, String> {
        Asked::read(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_run_is_asked_for_in_words() {
        let asked = read(&["--quick", "--on", "postgres+redis", "--nodes", "1,3", "--only", "sso"]).unwrap();
        assert_eq!((asked.on, asked.nodes.as_slice()), (Some(On::PostgresRedis), [1, 3].as_slice()));
        assert!(asked.wants("sso") && !asked.wants("qr"));
        let asked = read(&["--only", "sso,cas-told"]).unwrap();
        assert!(asked.wants("sso") && asked.wants(cas::TOLD) && !asked.wants("told"));
        for bad in [&["--nodes", "4"][..], &["--on", "oracle"], &["--only"], &["fast"]] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
        assert!(read(&["--on", "sqlite", "--nodes", "2"]).is_err());
    }
}
