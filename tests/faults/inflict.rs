//! Faults come, hold, and go; then everything has to be whole again.
//!
//! Owns: doing what the plan says, and measuring how long it takes until every node does everything again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use testkit::wire::Request;

use crate::chance::Chance;
use crate::findings::Check;
use crate::load::steps::{self, Code, Exchanged, Silent};
use crate::plan::{Fault, Kind, Plan, Step};
use crate::stage::{NODES, Standing};
use crate::visitor::Visitor;
use crate::watch::last_lines;
use crate::world::{Living, World};

/// Whole again within this time after the last fault is mended (SEC-212; SEC-211 for nodes).
pub const WHOLE: Duration = Duration::from_secs(5);
/// Given up after this.
const GIVEN_UP: Duration = Duration::from_secs(60);
/// A node that was told to stop has this long: its `stop_seconds`, and some.
const STOP: Duration = Duration::from_secs(10);

/// Runs the plan until the time is over.
pub async fn run(world: &Arc<World>, until: Instant, probe: &Living) {
    let mut plan = Plan::new(world.seed);
    let mut chance = Chance::part(world.seed, 3_000);
    while Instant::now() < until {
        let step = plan.next();
        tokio::time::sleep(step.calm).await;
        let said: Vec<String> = step.faults.iter().map(ToString::to_string).collect();
        println!("{:9.3} {}", world.findings.clock(), said.join(", and "));
        world.findings.note(&format!("FAULT {}", said.join(", and ")));
        let healed = inflict(world, &step).await;
        let kinds: Vec<Kind> = step.faults.iter().map(|fault| fault.kind).collect();
        let took = until_whole(world, healed, probe, &mut chance).await;
        world.findings.healed(&kinds, took);
        world.findings.note(&format!("WHOLE after {took:?}"));
        let most = world.machine.stretched(WHOLE, healed);
        world.findings.check(Check::Healing, took <= most, || {
            format!("after {}: whole only after {took:.1?} (at most {most:.1?})", said.join(", and "))
        });
    }
}

/// All faults of a step; answers when the last one was mended.
async fn inflict(world: &Arc<World>, step: &Step) -> Instant {
    let running: Vec<_> = step
        .faults
        .iter()
        .map(|fault| {
            let (world, fault) = (Arc::clone(world), *fault);
            tokio::spawn(async move {
                tokio::time::sleep(fault.after).await;
                world.findings.fault(fault.kind);
                one(&world, fault).await
            })
        })
        .collect();
    let mut healed = Instant::now();
    for task in running {
        match task.await {
            Ok(at) => healed = healed.max(at),
            Err(why) => world.findings.violation(Check::Healing, format!("a fault could not be done: {why}")),
        }
    }
    healed
}

/// One fault from its beginning to its end; answers when it was mended.
async fn one(world: &Arc<World>, fault: Fault) -> Instant {
    let stage = &world.stage;
    let node = &stage.nodes[fault.node];
    match fault.kind {
        Kind::NodeKill => {
            node.stands(Standing::Touched);
            node.program.kill9();
            tokio::time::sleep(fault.length).await;
            return start(world, fault.node).await;
        }
        Kind::NodeStop => {
            node.stands(Standing::Touched);
            stop(world, fault.node).await;
            tokio::time::sleep(fault.length).await;
            return start(world, fault.node).await;
        }
        Kind::NodePause => {
            node.stands(Standing::Touched);
            node.program.pause();
            tokio::time::sleep(fault.length).await;
            node.program.resume();
            node.stands(Standing::Up);
        }
        Kind::PostgresKill => {
            let beside = Arc::clone(world);
            let _ = tokio::task::spawn_blocking(move || beside.stage.postgres.kill9()).await;
            tokio::time::sleep(fault.length).await;
            let beside = Arc::clone(world);
            let came = tokio::task::spawn_blocking(move || beside.stage.postgres.start_again()).await;
            if let Err(why) = came {
                world.findings.violation(Check::Healing, format!("PostgreSQL does not come back: {why}"));
            }
        }
        Kind::PostgresPause => {
            stage.postgres.pause();
            tokio::time::sleep(fault.length).await;
            stage.postgres.resume();
        }
        Kind::PostgresCut => {
            node.to_postgres.cut();
            tokio::time::sleep(fault.length).await;
            node.to_postgres.mend();
        }
        Kind::PostgresStall => {
            node.to_postgres.stall();
            tokio::time::sleep(fault.length).await;
            node.to_postgres.mend();
        }
        Kind::RedisKill => {
            stage.redis.kill9();
            tokio::time::sleep(fault.length).await;
            let beside = Arc::clone(world);
            let came = tokio::task::spawn_blocking(move || beside.stage.redis.start_again()).await;
            if let Err(why) = came {
                world.findings.violation(Check::Healing, format!("Redis does not come back: {why}"));
            }
        }
        Kind::RedisPause => {
            stage.redis.pause();
            tokio::time::sleep(fault.length).await;
            stage.redis.resume();
        }
        Kind::RedisCut => {
            node.to_redis.cut();
            tokio::time::sleep(fault.length).await;
            node.to_redis.mend();
        }
        Kind::RedisStall => {
            node.to_redis.stall();
            tokio::time::sleep(fault.length).await;
            node.to_redis.mend();
        }
    }
    Instant::now()
}

/// Asks a node to stop and sees that it does.
pub async fn stop(world: &World, number: usize) {
    let program = &world.stage.nodes[number].program;
    program.terminate();
    let began = Instant::now();
    let code = loop {
        if let Some(code) = program.ended() {
            world.findings.took("stop of a node", began.elapsed(), || format!("node {number}"));
            break Some(code);
        }
        if began.elapsed() > STOP {
            program.kill9();
            break None;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    world.findings.check(Check::Stops, code == Some(0), || {
        format!(
            "node {number} ended with {code:?} after {:?}:\n{}",
            began.elapsed(),
            last_lines(&program.log(), 8)
        )
    });
}

/// Starts a node; answers when its start began. It may have to be tried again while a server is away.
async fn start(world: &World, number: usize) -> Instant {
    let began = Instant::now();
    match world.stage.nodes[number].start(GIVEN_UP).await {
        Ok(took) => world.findings.took("start of a node", took, || format!("node {number}")),
        Err(log) => {
            let log = last_lines(&log, 12);
            world.findings.violation(Check::Healing, format!("node {number} does not come up again:\n{log}"));
        }
    }
    began
}

/// How long after `healed` every node does everything again.
pub async fn until_whole(world: &World, healed: Instant, probe: &Living, chance: &mut Chance) -> Duration {
    let (a, b, c) = (Chance::new(chance.next()), Chance::new(chance.next()), Chance::new(chance.next()));
    let (a, b, c) = tokio::join!(
        node_whole(world, 0, healed, probe, a),
        node_whole(world, 1, healed, probe, b),
        node_whole(world, 2, healed, probe, c)
    );
    let all: [Duration; NODES] = [a, b, c];
    all.into_iter().max().unwrap_or_default()
}

async fn node_whole(
    world: &World,
    number: usize,
    healed: Instant,
    probe: &Living,
    mut chance: Chance,
) -> Duration {
    loop {
        let tried = Instant::now();
        let done = does_everything(world, number, probe, &mut chance).await;
        let took = healed.elapsed();
        match done {
            Ok(()) => return took,
            Err(why) if took > GIVEN_UP => {
                world.findings.violation(Check::Healing, format!("node {number} stays broken: {why}"));
                return took;
            }
            Err(why) => {
                world
                    .findings
                    .note(&format!("node {number} is not whole, seen in {:?}: {why}", tried.elapsed()));
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Ready, reads and writes the database, puts and finds live state.
async fn does_everything(
    world: &World,
    number: usize,
    probe: &Living,
    chance: &mut Chance,
) -> Result<(), String> {
    if !world.stage.nodes[number].is_ready().await {
        return Err("not ready".to_owned());
    }
    // Live state: a journey is kept, and found.
    let party = &world.parties[0];
    let mut visitor = Visitor::new(world, chance);
    let path = party.start().url.trim_start_matches(&world.stage.issuer).to_owned();
    let answer = visitor.send_to(number, Request::get(&path)).await.with(303).ok_or("no journey")?;
    let to = answer.header("location").unwrap_or_default().to_owned();
    let to = to.trim_start_matches(&world.stage.issuer).to_owned();
    visitor.send_to(number, Request::get(&to)).await.with(200).ok_or("no login page")?;
    // The database: a session is read, a grant written.
    let mut visitor = steps::browser(world, probe, chance);
    let started = party.start_with(&[("prompt", "none")]);
    let path = started.url.trim_start_matches(&world.stage.issuer).to_owned();
    let answer =
        visitor.send_to(number, Request::get(&path)).await.with(303).ok_or("no answer to a session")?;
    let Some(code) = crate::visitor::code_in(&answer) else {
        let what =
            format!("node {number} does not know the probe's session: {:?}", answer.header("location"));
        world.findings.check(Check::LivingLives, false, || what.clone());
        return Err(what);
    };
    let code = Code { client: party.client_id.clone(), started, code, secret: probe.secret.clone() };
    match steps::redeem_at(&mut visitor, number, &code).await {
        Exchanged::Tokens(tokens) => {
            world.ledger.certain(steps::tokens_deed(&code, Some(&tokens)), &visitor.trail);
            Ok(())
        }
        Exchanged::Unknown => {
            world.ledger.maybe(steps::tokens_deed(&code, None), &visitor.trail);
            Err("no tokens".to_owned())
        }
        _ => Err("no tokens".to_owned()),
    }
}

/// Every node once more from its beginning, one after the other, while the others serve; a living session
/// goes on all the time.
pub async fn rolling_restart(world: &World, probe: &Living, chance: &mut Chance) {
    for number in 0..NODES {
        let node = &world.stage.nodes[number];
        node.stands(Standing::Touched);
        stop(world, number).await;
        let mut visitor = steps::browser(world, probe, chance);
        let silent = steps::silent(&mut visitor, &world.parties[0]).await;
        world.findings.check(Check::LivingLives, matches!(silent, Silent::Code(..)), || {
            format!("with node {number} away a living session gets no code: {:#?}", visitor.trail)
        });
        let _ = start(world, number).await;
    }
}
