//! How slow the machine is for everybody: limits of time are meant for one that has time for us.
//!
//! Owns: a thread that does the same small work again and again and sees how long it takes.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Between two samples.
const EVERY: Duration = Duration::from_millis(150);
/// Samples that are remembered: some minutes.
const SAMPLES: usize = 2_000;
/// No sample counts more than this; a limit is stretched by a quarter of it at most.
const SLOWEST: f64 = 20.0;
/// No limit is stretched more than so many times.
const MOST: f64 = 5.0;

#[derive(Debug, Default)]
struct Inner {
    samples: VecDeque<(Instant, f64)>,
    sum: f64,
    count: f64,
}

/// The machine as it was lately.
#[derive(Debug, Clone, Default)]
pub struct Machine(Arc<Mutex<Inner>>);

fn work() -> Duration {
    let began = Instant::now();
    let mut number = black_box(1_u64);
    for _ in 0..black_box(100_000) {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    }
    black_box(number);
    began.elapsed()
}

impl Machine {
    /// Looks from now on; the thread ends with the process.
    pub fn watched() -> Self {
        let machine = Self::default();
        let looked_at = machine.clone();
        thread::spawn(move || {
            let mut best = (0..30).map(|_| work()).min().unwrap_or(Duration::from_millis(1));
            loop {
                let slept = Instant::now();
                thread::sleep(EVERY);
                let late = slept.elapsed().saturating_sub(EVERY + Duration::from_millis(5));
                let took = work();
                best = best.min(took);
                looked_at.saw((took + late).as_secs_f64() / best.as_secs_f64().max(1e-6));
            }
        });
        machine
    }

    fn saw(&self, slow: f64) {
        let slow = slow.clamp(1.0, SLOWEST);
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.samples.push_back((Instant::now(), slow));
        if inner.samples.len() > SAMPLES {
            inner.samples.pop_front();
        }
        inner.sum += slow;
        inner.count += 1.0;
    }

    /// A limit, stretched by how slow the machine was since then.
    pub fn stretched(&self, limit: Duration, since: Instant) -> Duration {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lately: Vec<f64> =
            inner.samples.iter().rev().take_while(|(at, _)| *at >= since).map(|(_, slow)| *slow).collect();
        limit.mul_f64(mean(&lately).min(MOST))
    }

    /// How much slower than at its best it was, all in all.
    pub fn slowness(&self) -> f64 {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.count > 0.0 { inner.sum / inner.count } else { 1.0 }
    }
}

fn mean(samples: &[f64]) -> f64 {
    let count = samples.iter().map(|_| 1.0).sum::<f64>();
    if count > 0.0 { (samples.iter().sum::<f64>() / count).max(1.0) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_stretched_only_by_what_was_seen_since() {
        let machine = Machine::default();
        let limit = Duration::from_secs(5);
        let long_ago = Instant::now();
        assert_eq!(machine.stretched(limit, long_ago), limit);
        machine.saw(3.0);
        machine.saw(1_000.0);
        let now = Instant::now();
        assert_eq!(machine.stretched(limit, now + Duration::from_millis(1)), limit);
        assert_eq!(machine.stretched(limit, long_ago), limit.mul_f64(MOST));
        machine.saw(1.0);
        assert_eq!(machine.stretched(limit, now), limit);
    }
}
