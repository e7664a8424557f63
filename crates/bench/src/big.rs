//! The single node's figures with a million users and 10,000 clients stored, beside those with few.
//!
//! Owns: two towns, one small and one big, that are visited by turns, so that both see the same machine and
//! the same warm-up. Not here: the rows (`people`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::ground::{Ground, On};
use crate::load::{Count, Crew, Figure};
use crate::report::Goals;
use crate::town::Town;
use crate::visit::{Operation, Roam};
use crate::{Asked, GOALS_AT, people, report};

/// What the big one may cost, in times of the small one.
const AT_MOST: f64 = 1.15;
/// Turns of each.
const ROUNDS: u32 = 6;

struct Pair {
    small: Town,
    big: Town,
    _folders: [TempDir; 2],
}

pub(crate) async fn run(asked: &Asked, goals: &mut Goals) {
    let on = asked.on.unwrap_or(On::Sqlite);
    println!("ground   {}", on.name());
    let mut pair = build(on).await;
    if asked.wants("start") {
        start_times(&mut pair, goals).await;
    } else {
        pair.small.restart().await;
        pair.big.restart().await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let idle = [&pair.small, &pair.big].map(|town| town.meter().resident_kib()[0]);
    report::split_heading();
    for operation in [Operation::Sso, Operation::Userinfo, Operation::Password, Operation::Qr] {
        if !asked.wants(operation.name()) {
            continue;
        }
        let (small, big) = by_turns(&pair, operation, asked).await;
        report::split_row(operation.name(), 1, &small);
        report::split_row(&format!("{} big", operation.name()), 1, &big);
        let (name, ratio) = if operation == Operation::Password {
            let beside = |figure: &Figure| figure.cpu_per_1000 - figure.hashing_per_1000;
            println!("{:<14} beside the hash {:.3} and {:.3} CPU-s/1000", "", beside(&small), beside(&big));
            ("password beside the hash, big / small".to_owned(), beside(&big) / beside(&small))
        } else {
            (format!("{}, big / small", operation.name()), big.cpu_per_1000 / small.cpu_per_1000)
        };
        goals.at_most(&name, ratio, AT_MOST, "times");
    }
    let after = [&pair.small, &pair.big].map(|town| town.meter().resident_kib()[0]);
    anyone(&pair.big, asked).await;
    println!("\nmemory   small: idle {} KiB, after load {} KiB", idle[0], after[0]);
    println!("         big:   idle {} KiB, after load {} KiB", idle[1], after[1]);
}

/// Two towns; the big one has been filled.
async fn build(on: On) -> Pair {
    let folders = [0, 1].map(|_| tempfile::tempdir().expect("a folder"));
    let mut towns = Vec::new();
    for (index, folder) in folders.iter().enumerate() {
        let ground = Arc::new(Ground::start(on, folder.path(), false));
        let mut town = Town::build(&crate::program(), folder.path(), Arc::clone(&ground));
        town.restart().await;
        town.open_doors().await;
        // Of each thing one, in both: the rows of the million are modelled on them.
        let mut first = town.visitor(0).await;
        first.prepare(Operation::Userinfo).await;
        first.sign_in_by_phone().await;
        town.stop();
        if index == 1 {
            let began = Instant::now();
            people::settle(&ground, people::Size::MILLION).await;
            println!(
                "stored   {} users and {} clients in {:.0} s",
                people::PEOPLE,
                people::CLIENTS,
                began.elapsed().as_secs_f64()
            );
        }
        towns.push(town);
    }
    let (big, small) = (towns.pop().expect("a town"), towns.pop().expect("a town"));
    Pair { small, big, _folders: folders }
}

async fn start_times(pair: &mut Pair, goals: &mut Goals) {
    let (mut small, mut big) = (Vec::new(), Vec::new());
    // The first of each finds nothing of the program and the database in memory.
    for turn in 0..10 {
        let times = [pair.small.restart().await, pair.big.restart().await];
        if turn > 0 {
            small.push(times[0]);
            big.push(times[1]);
        }
    }
    small.sort();
    big.sort();
    let middle = |times: &[Duration]| times[times.len() / 2].as_secs_f64() * 1000.0;
    println!("start    {:.1} ms small, {:.1} ms big (medians of 9)", middle(&small), middle(&big));
    goals.at_most("start, big / small", middle(&big) / middle(&small), AT_MOST, "times");
}

/// An operation in both towns, turn by turn.
async fn by_turns(pair: &Pair, operation: Operation, asked: &Asked) -> (Figure, Figure) {
    let mut crews =
        [Crew::of(&pair.small, operation, GOALS_AT).await, Crew::of(&pair.big, operation, GOALS_AT).await];
    let mut counts = [Count::default(), Count::default()];
    for crew in &mut crews {
        crew.work(asked.turn / 2, &mut Count::default()).await;
    }
    for _ in 0..ROUNDS {
        for (crew, count) in crews.iter_mut().zip(&mut counts) {
            crew.work(asked.turn / 2, count).await;
        }
    }
    let [small, big] = counts.map(|count| Figure::of(GOALS_AT, count));
    (small, big)
}

/// Anybody of the million, and any of the clients: what no cache of the program holds.
async fn anyone(big: &Town, asked: &Asked) {
    let roams = [
        ("sso any client", Operation::Sso, Roam { people: 0, clients: people::CLIENTS }),
        ("password any", Operation::Password, Roam { people: people::PEOPLE, clients: 0 }),
    ];
    for (name, operation, roam) in roams {
        if !asked.wants(operation.name()) {
            continue;
        }
        let mut crew = Crew::roaming(big, operation, GOALS_AT, roam).await;
        crew.work(asked.turn / 2, &mut Count::default()).await;
        let mut count = Count::default();
        crew.work(asked.turn, &mut count).await;
        report::split_row(name, 1, &Figure::of(GOALS_AT, count));
    }
}
