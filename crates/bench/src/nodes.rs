//! One, two and three nodes on PostgreSQL with or without Redis: what each operation costs all processes.
//!
//! Owns: the order of such a run. Not here: reading CPU time (`meter`), the balancer (`spread`).

use std::sync::Arc;
use std::time::Duration;

use crate::ground::{Ground, On};
use crate::load::{Count, Crew, Figure};
use crate::report::Goals;
use crate::town::Town;
use crate::visit::Operation;
use crate::{Asked, GOALS_AT, report, waiting};

/// What an SSO flow may cost all processes.
const SSO_AT_MOST: f64 = 0.75;
/// What the way from approval to browser may take, from one node to another.
const TOLD_AT_MOST: f64 = 50.0;

const OPERATIONS: [Operation; 4] = [Operation::Sso, Operation::Userinfo, Operation::Password, Operation::Qr];

pub(crate) async fn run(asked: &Asked, goals: &mut Goals) {
    let on = asked.on.unwrap_or(On::PostgresRedis);
    let sizes = match asked.nodes.as_slice() {
        [] => vec![1],
        some => some.to_vec(),
    };
    println!("ground   {}", on.name());
    let folder = tempfile::tempdir().expect("a folder");
    let ground = Arc::new(Ground::start(on, folder.path(), true));
    let mut town = Town::build(&crate::program(), folder.path(), ground);
    town.restart().await;
    town.open_doors().await;
    for size in sizes {
        town.resize(size).await;
        one(&mut town, size, asked, goals).await;
    }
}

/// So many nodes.
async fn one(town: &mut Town, size: usize, asked: &Asked, goals: &mut Goals) {
    let among = match size {
        1 => "one node".to_owned(),
        more => format!("{more} nodes"),
    };
    if asked.wants("start") {
        let mut times = Vec::new();
        for _ in 0..5 {
            times.push(town.restart().await);
        }
        times.sort();
        println!("\nstart    {among}: {} ms until all have answered (median of 5)", times[2].as_millis());
    }
    town.restart().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let idle = town.meter().resident_kib();
    report::split_heading();
    for operation in OPERATIONS {
        if !asked.wants(operation.name()) {
            continue;
        }
        for &clients in &asked.clients {
            let mut crew = Crew::of(town, operation, clients).await;
            // Connections to the database and what is prepared on them come with the first load.
            crew.work(asked.turn / 4, &mut Count::default()).await;
            let mut count = Count::default();
            crew.work(asked.turn, &mut count).await;
            let figure = Figure::of(clients, count);
            report::split_row(operation.name(), size, &figure);
            if operation == Operation::Sso && clients == GOALS_AT && town.meter().postgres.is_some() {
                let name = format!("SSO flow, all processes, {among}");
                goals.at_most(&name, figure.cpu_per_1000, SSO_AT_MOST, "CPU-s/1000");
            }
        }
    }
    let meter = town.meter();
    println!("\nmemory   {among}: idle {idle:?} KiB, after load {:?} KiB", meter.resident_kib());
    if meter.postgres.is_some() {
        println!("         beside: {}", meter.beside());
    }
    if asked.wants("waiting") {
        let waited = waiting::run(town, asked.waiting_pages).await;
        let name = match size {
            1 => "approve to browser told, p99".to_owned(),
            _ => format!("told across nodes, p99, {among}"),
        };
        goals.at_most(&name, waited.told_p99.as_secs_f64() * 1000.0, TOLD_AT_MOST, "ms");
        if town.meter().postgres.is_some() {
            println!("         beside: {}", town.meter().beside());
        }
    }
}
