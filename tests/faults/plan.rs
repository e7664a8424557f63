//! Which faults come, in which order, for how long: all of it from the seed.
//!
//! Owns: the kinds of faults and their schedule. Not here: doing them (`inflict`).

use std::fmt;
use std::time::Duration;

use crate::chance::Chance;
use crate::stage::NODES;

/// What can be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    NodeKill,
    NodeStop,
    NodePause,
    PostgresKill,
    PostgresPause,
    PostgresCut,
    PostgresStall,
    RedisKill,
    RedisPause,
    RedisCut,
    RedisStall,
}

/// What a fault is about: two at once are never about the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    Node(usize),
    Postgres,
    Redis,
    PostgresWire(usize),
    RedisWire(usize),
}

impl Kind {
    pub const ALL: &[Self] = &[
        Self::NodeKill,
        Self::NodeStop,
        Self::NodePause,
        Self::PostgresKill,
        Self::PostgresPause,
        Self::PostgresCut,
        Self::PostgresStall,
        Self::RedisKill,
        Self::RedisPause,
        Self::RedisCut,
        Self::RedisStall,
    ];

    pub const fn words(self) -> &'static str {
        match self {
            Self::NodeKill => "a node killed (-9)",
            Self::NodeStop => "a node told to stop (SIGTERM)",
            Self::NodePause => "a node paused (SIGSTOP)",
            Self::PostgresKill => "PostgreSQL killed (-9)",
            Self::PostgresPause => "PostgreSQL paused (SIGSTOP)",
            Self::PostgresCut => "a node cut off from PostgreSQL",
            Self::PostgresStall => "a node's wire to PostgreSQL stalled",
            Self::RedisKill => "Redis killed (-9), comes back empty",
            Self::RedisPause => "Redis paused (SIGSTOP)",
            Self::RedisCut => "a node cut off from Redis",
            Self::RedisStall => "a node's wire to Redis stalled",
        }
    }

    /// Milliseconds that it may last.
    const fn lasts(self) -> (u64, u64) {
        match self {
            Self::NodeKill | Self::NodeStop => (100, 3_000),
            Self::PostgresKill | Self::RedisKill => (0, 4_000),
            Self::NodePause => (500, 8_000),
            Self::PostgresPause
            | Self::RedisPause
            | Self::PostgresCut
            | Self::RedisCut
            | Self::PostgresStall
            | Self::RedisStall => (500, 7_000),
        }
    }
}

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    pub kind: Kind,
    /// Whose: for the kinds that are about one node.
    pub node: usize,
    /// After the beginning of its step.
    pub after: Duration,
    /// How long it holds.
    pub length: Duration,
}

impl Fault {
    const fn about(&self) -> About {
        match self.kind {
            Kind::NodeKill | Kind::NodeStop | Kind::NodePause => About::Node(self.node),
            Kind::PostgresKill | Kind::PostgresPause => About::Postgres,
            Kind::RedisKill | Kind::RedisPause => About::Redis,
            Kind::PostgresCut | Kind::PostgresStall => About::PostgresWire(self.node),
            Kind::RedisCut | Kind::RedisStall => About::RedisWire(self.node),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.words())?;
        if !matches!(self.about(), About::Postgres | About::Redis) {
            write!(f, " (node {})", self.node)?;
        }
        write!(f, " for {:.1} s", self.length.as_secs_f64())
    }
}

/// Some calm, then one or two faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub calm: Duration,
    pub faults: Vec<Fault>,
}

/// The endless schedule of a seed.
#[derive(Debug)]
pub struct Plan {
    chance: Chance,
    /// What has not come yet of this round: in each round every kind comes once.
    left: Vec<Kind>,
}

impl Plan {
    pub fn new(seed: u64) -> Self {
        Self { chance: Chance::part(seed, 0), left: Vec::new() }
    }

    fn kind(&mut self) -> Kind {
        if self.left.is_empty() {
            self.left = Kind::ALL.to_vec();
        }
        let at = self.chance.below(self.left.len());
        self.left.swap_remove(at)
    }

    fn fault(&mut self, after: u64) -> Fault {
        let kind = self.kind();
        let (least, most) = kind.lasts();
        Fault {
            kind,
            node: self.chance.below(NODES),
            after: Duration::from_millis(after),
            length: Duration::from_millis(self.chance.between(least, most)),
        }
    }

    pub fn next(&mut self) -> Step {
        let calm = Duration::from_millis(self.chance.between(1_500, 5_000));
        let first = self.fault(0);
        let mut faults = vec![first];
        if self.chance.percent(30) {
            let latest = u64::try_from(first.length.as_millis()).unwrap_or(0);
            let after = self.chance.between(0, latest);
            let second = self.fault(after);
            if second.about() != first.about() {
                faults.push(second);
            }
        }
        Step { calm, faults }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_has_one_schedule_and_every_kind_comes() {
        let steps = |seed| {
            let mut plan = Plan::new(seed);
            (0..200).map(|_| plan.next()).collect::<Vec<_>>()
        };
        assert_eq!(steps(5), steps(5));
        assert_ne!(steps(5), steps(6));
        let all = steps(7);
        for kind in Kind::ALL {
            assert!(
                all[..22].iter().flat_map(|step| &step.faults).any(|fault| fault.kind == *kind),
                "{kind:?}"
            );
        }
        assert!(all.iter().any(|step| step.faults.len() == 2));
        for step in &all {
            assert!(step.faults.len() < 2 || step.faults[0].about() != step.faults[1].about());
            assert!(step.faults.iter().all(|fault| fault.after + fault.length <= Duration::from_secs(16)));
        }
    }
}
