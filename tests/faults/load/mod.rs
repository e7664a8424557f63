//! The load: who does what, how often.
//!
//! Owns: the mix of operations and their pace. Not here: what the answers mean for the ledger (`steps`).

pub mod parties;
pub mod people;
pub mod phones;
pub mod steps;
pub mod work;

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::chance::Chance;
use crate::findings::Outcome;
use crate::world::World;

/// Actors at work at the same time.
const ACTORS: u64 = 10;

/// Operations with their share of a thousand.
const MIX: &[(&str, usize)] = &[
    ("sign-in by password", 160),
    ("single sign-on, code and tokens", 290),
    ("a code sent twice at once", 150),
    ("sign-in by QR", 130),
    ("a channel redeemed twice at once", 80),
    ("sign-out", 70),
    ("a phone enrolled, then stopped", 35),
    ("an account made, then disabled", 20),
    ("a password changed", 18),
    ("a relying party made, agreed to, deleted", 23),
    ("keys rotated", 4),
    ("a file of people imported", 6),
    ("a waiting phone let in, then revoked", 14),
];

/// The names of all operations.
pub fn names() -> impl Iterator<Item = &'static str> {
    MIX.iter().map(|(name, _)| *name)
}

type Running<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

fn run<'a>(number: usize, world: &'a World, chance: &'a mut Chance) -> Running<'a> {
    match number {
        0 => Box::pin(people::by_password(world, chance)),
        1 => Box::pin(people::goes_on(world, chance)),
        2 => Box::pin(people::replays_code(world, chance)),
        3 => Box::pin(phones::signs_in(world, chance)),
        4 => Box::pin(phones::redeems_twice(world, chance)),
        5 => Box::pin(people::signs_out(world, chance)),
        6 => Box::pin(phones::lives_and_ends(world, chance)),
        7 => Box::pin(people::is_disabled(world, chance)),
        8 => Box::pin(people::new_password(world, chance)),
        9 => Box::pin(parties::comes_and_goes(world, chance)),
        10 => Box::pin(people::rotates(world, chance)),
        11 => Box::pin(work::imports(world, chance)),
        _ => Box::pin(work::lets_in(world, chance)),
    }
}

/// Which operation comes next.
fn draw(chance: &mut Chance) -> usize {
    let mut left = chance.below(MIX.iter().map(|(_, share)| share).sum());
    for (number, (_, share)) in MIX.iter().enumerate() {
        if left < *share {
            return number;
        }
        left -= share;
    }
    0
}

/// Does one operation and counts it.
async fn once(world: &World, number: usize, chance: &mut Chance) -> Outcome {
    let outcome = run(number, world, chance).await;
    let name = MIX[number].0;
    world.findings.operation(name, outcome);
    world.findings.note(&format!("{outcome:?}: {name}"));
    outcome
}

/// Starts the actors; together they begin `rate` operations a second. They end with the world.
pub fn start(world: &Arc<World>, rate: f64) -> Vec<tokio::task::JoinHandle<()>> {
    let actor = |number: u64| {
        let world = Arc::clone(world);
        tokio::spawn(async move {
            let mut chance = Chance::part(world.seed, 1_000 + number);
            #[expect(clippy::cast_precision_loss, reason = "a handful of actors")]
            let pace = Duration::from_secs_f64(ACTORS as f64 / rate);
            tokio::time::sleep(pace.mul_f64(chance.between(0, 100) as f64 / 100.0)).await;
            while !world.is_over() {
                let began = Instant::now();
                let number = draw(&mut chance);
                let _ = once(&world, number, &mut chance).await;
                tokio::time::sleep(pace.saturating_sub(began.elapsed())).await;
            }
        })
    };
    (0..ACTORS).map(actor).collect()
}

/// Every operation once in calm: some that a short run's dice might leave out.
pub async fn each_once(world: &World) {
    let mut chance = Chance::part(world.seed, 999);
    for number in 0..MIX.len() {
        let _ = once(world, number, &mut chance).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_its_share() {
        let mut chance = Chance::new(3);
        let mut seen = vec![0_usize; MIX.len()];
        for _ in 0..10_000 {
            seen[draw(&mut chance)] += 1;
        }
        assert_eq!(MIX.iter().map(|(_, share)| share).sum::<usize>(), 1_000);
        for (count, (name, share)) in seen.iter().zip(MIX) {
            assert!(count.abs_diff(share * 10) < 40 + share * 3, "{name}: {count}");
        }
    }
}
