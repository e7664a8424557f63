//! What the operating system knows: CPU time, memory, limits.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};

/// A running process, seen through `/proc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process(u32);

impl Process {
    pub(crate) const fn of(pid: u32) -> Self {
        Self(pid)
    }

    /// User and system time of all its threads (`/proc/<pid>/stat`, fields 14 and 15, in hundredths).
    pub(crate) fn cpu(self) -> Duration {
        self.ticks(11, 2)
    }

    /// The same of the processes it started that have ended and were waited for (fields 16 and 17).
    fn cpu_of_ended(self) -> Duration {
        self.ticks(13, 2)
    }

    fn ticks(self, from: usize, count: usize) -> Duration {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.0)).unwrap_or_default();
        let after_name = text.rsplit_once(')').map_or("", |(_, rest)| rest);
        let words = after_name.split_whitespace().skip(from).take(count);
        let ticks: u64 = words.filter_map(|n| n.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// Itself and the processes it has started.
    pub(crate) fn family(self) -> Vec<Self> {
        let path = format!("/proc/{}/task/{}/children", self.0, self.0);
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let children = text.split_whitespace().filter_map(|word| word.parse().ok().map(Self));
        std::iter::once(self).chain(children).collect()
    }

    /// User and system time of itself and of all it ever started. A child that ends while we read would be
    /// counted twice or not at all: it is read again until the family stays the same.
    pub(crate) fn cpu_of_family(self) -> Duration {
        for _ in 0..20 {
            let (family, ended) = (self.family(), self.cpu_of_ended());
            let living: Duration = family.iter().map(|one| one.cpu()).sum();
            if self.family() == family && self.cpu_of_ended() == ended {
                return living + ended;
            }
        }
        self.family().iter().map(|one| one.cpu()).sum::<Duration>() + self.cpu_of_ended()
    }

    /// Memory of the family, what they share counted once (`Pss` of `smaps_rollup`; zero for whom we may not
    /// look at).
    pub(crate) fn share_of_family_kib(self) -> u64 {
        self.family().iter().map(|one| one.field("smaps_rollup", "Pss:")).sum()
    }

    /// What its living threads with such names have run, to the nanosecond (`schedstat`).
    pub(crate) fn cpu_of_threads(self, name: &str) -> Duration {
        let Ok(threads) = std::fs::read_dir(format!("/proc/{}/task", self.0)) else { return Duration::ZERO };
        let text = |path: PathBuf| std::fs::read_to_string(path).unwrap_or_default();
        threads
            .flatten()
            .map(|thread| thread.path())
            .filter(|thread| text(thread.join("comm")).starts_with(name))
            .map(|thread| ran(&text(thread.join("schedstat"))))
            .sum()
    }

    /// What its living threads have run, to the nanosecond: for what takes less than a hundredth of a second.
    pub(crate) fn cpu_of_all_threads(self) -> Duration {
        self.cpu_of_threads("")
    }

    fn field(self, file: &str, name: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/{file}", self.0)).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or_default()
    }

    /// Resident memory.
    pub(crate) fn resident_kib(self) -> u64 {
        self.field("status", "VmRSS:")
    }

    /// The most it ever had.
    pub(crate) fn high_water_kib(self) -> u64 {
        self.field("status", "VmHWM:")
    }
}

/// How many processes want a core, over the last minute and the last five: other work that the figures saw.
pub(crate) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// Tries to let this process, and so its children, open so many files; answers how many they may.
pub(crate) fn raise_open_files(wanted: usize) -> usize {
    let may = || {
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap_or_default();
        match line.split_whitespace().nth(3).unwrap_or_default() {
            "unlimited" => usize::MAX,
            soft => soft.parse().unwrap_or(1024),
        }
    };
    let pid = std::process::id().to_string();
    for limit in ["--nofile=65536:65536", "--nofile=65536", "--nofile=20000"] {
        if may() >= wanted {
            break;
        }
        let raised = Command::new("prlimit").args(["--pid", &pid, limit]).stderr(Stdio::null()).status();
        if raised.is_ok_and(|status| status.success()) {
            break;
        }
    }
    may()
}

/// The first number of a `schedstat`: nanoseconds on a core.
fn ran(schedstat: &str) -> Duration {
    Duration::from_nanos(schedstat.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or_default())
}

/// Bare hashes with kept memory, as many at once as there are cores, as the server makes them.
#[derive(Debug, Default)]
pub(crate) struct BareHash {
    cpu: Duration,
    count: u32,
}

impl BareHash {
    /// Hashes for a turn.
    pub(crate) fn work(&mut self, turn: Duration) {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..cores).map(|_| std::thread::spawn(move || hash_for(turn))).collect();
        for thread in threads {
            let (cpu, count) = thread.join().expect("a thread that hashes");
            self.cpu += cpu;
            self.count += count;
        }
    }

    /// CPU-seconds of 1,000 hashes.
    pub(crate) fn cpu_per_1000(&self) -> f64 {
        self.cpu.as_secs_f64() * 1000.0 / f64::from(self.count.max(1))
    }
}

fn hash_for(turn: Duration) -> (Duration, u32) {
    let params = Params::new(19_456, 2, 1, Some(32)).expect("parameters");
    let mut memory = vec![Block::default(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut out = [0; 32];
    let mut once = || {
        argon2
            .hash_password_into_with_memory(
                b"ada keeps a long secret 7",
                b"0123456789abcdef",
                &mut out,
                &mut memory,
            )
            .expect("a hash");
    };
    // Once for the memory.
    once();
    let own = || ran(&std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default());
    let (cpu, began) = (own(), Instant::now());
    let mut count = 0;
    while began.elapsed() < turn {
        once();
        count += 1;
    }
    (own() - cpu, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_children_used_is_counted() {
        let own = Process::of(std::process::id());
        let before = own.cpu_of_family();
        let busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let done = Command::new("sh").args(["-c", busy]).status();
        assert!(done.is_ok_and(|status| status.success()));
        let used = own.cpu_of_family() - before;
        assert!(used >= Duration::from_millis(20), "{used:?}");
    }
}
