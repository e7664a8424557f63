//! The fault run: a load on three nodes while nodes, PostgreSQL and Redis are killed, paused and cut off.
//!
//! Owns: the command line and the order of a run. A ledger keeps every deed that the server acknowledged and every
//! one that it may have done; afterwards it is compared with the database. The faults come from the seed alone;
//! which of the load they meet depends on the machine's pace.
//!
//! ```text
//! stage ─ nodes, servers, wires        plan ─ inflict ─ faults, healing
//! load ─ visitors ─ ledger             watch ─ what is over stays over
//!                       ╰── compare ── rows of the database ── findings ── report
//! ```
#![expect(clippy::print_stdout, reason = "it reports on standard output")]

mod chain;
mod chance;
mod compare;
mod findings;
mod inflict;
mod ledger;
mod load;
mod machine;
mod plan;
mod plant;
mod report;
mod rows;
mod stage;
mod visitor;
mod watch;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::chance::Chance;
use crate::findings::{Check, Findings, Outcome};
use crate::inflict::WHOLE;
use crate::load::steps::{self, SignedIn};
use crate::plan::Kind;
use crate::stage::{Durability, Stage};
use crate::visitor::Visitor;
use crate::world::{Living, Person, World};

const USAGE: &str =
    "usage: faults [--seed N] [--minutes M] [--rate OPERATIONS-A-SECOND] [--plant] [--not-durable]
  --seed N        the faults of this seed (else one of the clock)
  --minutes M     how long the load runs (20; may be hours)
  --rate R        operations begun a second (12)
  --plant         afterwards losses are planted in the database: the run succeeds when each is found
  --not-durable   PostgreSQL without fsync and synchronous commit: to see that losses are found";

/// People with a phone.
const PEOPLE: usize = 8;
/// A run so long has to have met everything.
const LONG: Duration = Duration::from_secs(8 * 60);

struct Asked {
    seed: u64,
    time: Duration,
    rate: f64,
    plants: bool,
    durability: Durability,
}

impl Asked {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut asked = Self {
            seed: u64::try_from(ledger::now()).unwrap_or_default() % 1_000_000,
            time: Duration::from_secs(20 * 60),
            rate: 12.0,
            plants: false,
            durability: Durability::Full,
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
            let number = |text: String| text.parse::<f64>().map_err(|_| format!("{text} is no number"));
            match word.as_str() {
                "--seed" => {
                    let text = value()?;
                    asked.seed = text.parse().map_err(|_| format!("{text} is no seed"))?;
                }
                "--minutes" => {
                    let minutes = number(value()?)?;
                    if !(0.1..=60.0 * 24.0).contains(&minutes) {
                        return Err("--minutes: from 0.1 to 1440".to_owned());
                    }
                    asked.time = Duration::from_secs_f64(minutes * 60.0);
                }
                "--rate" => {
                    asked.rate = number(value()?)?;
                    if !(0.1..=1000.0).contains(&asked.rate) {
                        return Err("--rate: from 0.1 to 1000".to_owned());
                    }
                }
                "--plant" => asked.plants = true,
                "--not-durable" => asked.durability = Durability::None,
                other => return Err(format!("{other} is not known")),
            }
        }
        Ok(asked)
    }
}

fn main() -> ExitCode {
    let asked = match Asked::read(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(why) => {
            eprintln!("no runtime: {why}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(&asked)) {
        Ok(failed) => {
            println!("{} passed, {failed} failed", Check::ALL.len() - failed);
            if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(why) => {
            println!("{why}\n0 passed, 1 failed");
            ExitCode::FAILURE
        }
    }
}

/// Where journal and logs of the last run of this seed are kept.
fn folder(seed: u64) -> Result<PathBuf, String> {
    let folder =
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/out/faults")).join(format!("seed-{seed}"));
    std::fs::create_dir_all(&folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    Ok(folder)
}

/// One run; answers how many kinds of checks failed.
async fn run(asked: &Asked) -> Result<usize, String> {
    let folder = folder(asked.seed)?;
    println!(
        "seed {}, {:.1} minutes, {} operations a second",
        asked.seed,
        asked.time.as_secs_f64() / 60.0,
        asked.rate
    );
    println!("journal and logs: {}", folder.display());
    let findings = Findings::new(Some(&folder.join("journal")));
    let stage = Stage::start(asked.durability, folder).await?;
    findings.note("servers and nodes are up");
    let mut world = World::new(asked.seed, stage, findings);
    let probe = people(&mut world).await?;
    let world = Arc::new(world);
    println!("{:9.3} the stage is set; every operation once in calm", world.findings.clock());
    load::each_once(&world).await;

    let began = Instant::now();
    let mut tasks = load::start(&world, asked.rate);
    tasks.extend(watch::start(&world));
    inflict::run(&world, began + asked.time, &probe).await;
    let ran = began.elapsed();
    // A last time in calm, so that what is new is looked at, too.
    tokio::time::sleep(Duration::from_secs(3)).await;
    world.end();
    for task in tasks {
        if let Err(why) = task.await {
            world.findings.violation(Check::Work, format!("a part of the load broke: {why}"));
        }
    }
    finish(&world, asked, &probe, ran).await
}

/// After the load: everything is mended, looked at and compared.
async fn finish(world: &Arc<World>, asked: &Asked, probe: &Living, ran: Duration) -> Result<usize, String> {
    println!("{:9.3} the load is over: everything is looked at once more", world.findings.clock());
    world.stage.mend();
    let mut chance = Chance::part(world.seed, 4_000);
    let _ = inflict::until_whole(world, Instant::now(), probe, &mut chance).await;
    inflict::rolling_restart(world, probe, &mut chance).await;
    let _ = inflict::until_whole(world, Instant::now(), probe, &mut chance).await;
    // What ended last has its five seconds.
    tokio::time::sleep(WHOLE).await;
    watch::at_the_end(world).await;
    watch::living_at_the_end(world).await;
    for node in &world.stage.nodes {
        let log = node.program.log();
        world.findings.check(Check::NoFault, !log.contains("panicked"), || {
            let at = log.find("panicked").unwrap_or_default();
            format!(
                "node {} panicked: {:.600}",
                node.number,
                log.get(at.saturating_sub(100)..).unwrap_or_default()
            )
        });
    }
    world.stage.keep_logs();
    enough_work(world, ran);
    if asked.plants {
        world.findings.flush();
        return plant::and_find(world).await;
    }
    chain::is_whole(world).await;
    let rows = rows::Rows::read(&world.stage)?;
    let said = compare::compare(&world.ledger.lines(), &world.ledger.kids(), &rows);
    for (check, looks) in said.looked {
        world.findings.looked(check, looks);
    }
    for (check, what) in said.found {
        world.findings.violation(check, what);
    }
    world.findings.flush();
    Ok(report::print(world.seed, ran, world.machine.slowness(), &world.findings.figures()))
}

/// A run that met too little shows nothing.
fn enough_work(world: &World, ran: Duration) {
    let figures = world.findings.figures();
    for name in load::names() {
        let is_done = figures.operations.get(&(name, Outcome::Acknowledged)).is_some_and(|count| *count > 0);
        world.findings.check(Check::Work, is_done, || format!("never done: {name}"));
    }
    for kind in Kind::ALL.iter().filter(|_| ran >= LONG) {
        world.findings.check(Check::Work, figures.faults.contains_key(kind), || {
            format!("never came: {}", kind.words())
        });
    }
    world.findings.check(Check::Work, !figures.faults.is_empty(), || "no fault came".to_owned());
}

/// Relying parties, people with phones, and the session by which wholeness is found out.
async fn people(world: &mut World) -> Result<Living, String> {
    for (client, alg) in [("shop", "ES256"), ("bank", "RS256")] {
        if !load::parties::register(world, client, true, alg).await {
            return Err("a relying party cannot be registered: see the journal".to_owned());
        }
        world.parties.push(world.party(client));
    }
    let mut chance = Chance::part(world.seed, 5_000);
    world.admin.key = load::work::key(world).await?;
    world.admin.group = load::work::group(world, &mut chance).await?;
    for _ in 0..PEOPLE {
        let account = steps::account(world).await.ok_or("an account cannot be made")?;
        let mut mobile = Visitor::new(world, &mut chance);
        let phone = steps::enrol(&mut mobile, &account).await;
        let phone = phone.ok_or_else(|| format!("a phone cannot be enrolled: {:#?}", mobile.trail))?;
        let phone = Arc::try_unwrap(phone).map_err(|_| "a phone has one owner".to_owned())?;
        let steps::Account { name, id, password } = account;
        world.people.push(Person { name, account: id, password, phone });
    }
    let account = steps::account(world).await.ok_or("an account cannot be made")?;
    let mut visitor = Visitor::new(world, &mut chance);
    let started = world.parties[0].start();
    match steps::sign_in(&mut visitor, &started, &account, 0).await {
        SignedIn::Yes(probe, _) => Ok(probe),
        _ => Err(format!("the probe cannot sign in: {:#?}", visitor.trail)),
    }
}
