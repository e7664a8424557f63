//! Where CPU time goes: our nodes, PostgreSQL, Redis. The driver is not counted.
//!
//! Owns: reading several processes as one. Not here: what a single process says (`machine`).

use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

use crate::machine::Process;

/// The server's threads that hash passwords are named so.
const HASHING: &str = "hash-";

/// CPU time by kind of process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    /// All our nodes.
    pub(crate) nodes: Duration,
    /// Their threads that hash passwords: a part of `nodes`.
    pub(crate) hashing: Duration,
    /// PostgreSQL: the first process and all it ever started.
    pub(crate) postgres: Duration,
    /// Redis.
    pub(crate) redis: Duration,
}

impl Spent {
    /// All processes together.
    pub(crate) fn all(self) -> Duration {
        self.nodes + self.postgres + self.redis
    }

    fn each(self, other: Self, join: impl Fn(Duration, Duration) -> Duration) -> Self {
        Self {
            nodes: join(self.nodes, other.nodes),
            hashing: join(self.hashing, other.hashing),
            postgres: join(self.postgres, other.postgres),
            redis: join(self.redis, other.redis),
        }
    }
}

impl Add for Spent {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.each(other, Duration::add)
    }
}
impl AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
impl Sub for Spent {
    type Output = Self;
    fn sub(self, before: Self) -> Self {
        self.each(before, Duration::saturating_sub)
    }
}
impl Sum for Spent {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

/// What is read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter {
    pub(crate) nodes: Vec<Process>,
    pub(crate) postgres: Option<Process>,
    pub(crate) redis: Option<Process>,
}

impl Meter {
    /// Our nodes alone.
    pub(crate) fn of(process: Process) -> Self {
        Self { nodes: vec![process], ..Self::default() }
    }

    /// What they have used since they started.
    pub(crate) fn read(&self) -> Spent {
        Spent {
            nodes: self.nodes.iter().map(|node| node.cpu()).sum(),
            hashing: self.nodes.iter().map(|node| node.cpu_of_threads(HASHING)).sum(),
            postgres: self.postgres.map(Process::cpu_of_family).unwrap_or_default(),
            redis: self.redis.map(Process::cpu).unwrap_or_default(),
        }
    }

    /// What nodes (to the nanosecond, without threads that ended) and PostgreSQL (in hundredths) have used.
    pub(crate) fn finely(&self) -> Duration {
        let nodes: Duration = self.nodes.iter().map(|node| node.cpu_of_all_threads()).sum();
        nodes + self.postgres.map(Process::cpu_of_family).unwrap_or_default()
    }

    /// Resident memory of each node.
    pub(crate) fn resident_kib(&self) -> Vec<u64> {
        self.nodes.iter().map(|node| node.resident_kib()).collect()
    }

    /// The most that any node ever had.
    pub(crate) fn high_water_kib(&self) -> u64 {
        self.nodes.iter().map(|node| node.high_water_kib()).max().unwrap_or_default()
    }

    /// Memory of the servers beside our nodes, in a line.
    pub(crate) fn beside(&self) -> String {
        let mut parts = Vec::new();
        if let Some(postgres) = self.postgres {
            parts.push(format!(
                "PostgreSQL {} KiB in {} processes",
                postgres.share_of_family_kib(),
                postgres.family().len()
            ));
        }
        if let Some(redis) = self.redis {
            parts.push(format!("Redis {} KiB", redis.resident_kib()));
        }
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_spent_between_two_readings_is_told_by_kind() {
        let ms = Duration::from_millis;
        let before = Spent { nodes: ms(10), hashing: ms(1), postgres: ms(20), redis: ms(30) };
        let after = Spent { nodes: ms(15), hashing: ms(1), postgres: ms(27), redis: ms(31) };
        let between = after - before;
        assert_eq!(between, Spent { nodes: ms(5), hashing: ms(0), postgres: ms(7), redis: ms(1) });
        assert_eq!(between.all(), ms(13), "hashing is a part of the nodes");
        assert_eq!([between, between].into_iter().sum::<Spent>().postgres, ms(14));
    }
}
