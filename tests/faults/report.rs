//! The summary of a run.

use std::time::Duration;

use crate::findings::{Check, Figures, Outcome};
use crate::load;
use crate::plan::Kind;
use crate::watch::last_lines;

/// No violation is printed at more length than this.
const LINES: usize = 40;
/// Nor more of one kind than this.
const EACH: usize = 4;

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// Prints it all; answers how many kinds of checks failed.
pub fn print(seed: u64, ran: Duration, slowness: f64, figures: &Figures) -> usize {
    println!("\nFaults injected, and until all three nodes did everything again");
    println!("  {:44} {:>6} {:>10} {:>10}", "", "count", "median", "worst");
    let mut count = 0;
    let mut worst = Duration::ZERO;
    for kind in Kind::ALL {
        let faults = figures.faults.get(kind).copied().unwrap_or_default();
        count += faults;
        let mut healed = figures.healed.get(kind).cloned().unwrap_or_default();
        healed.sort();
        let last = healed.last().copied().unwrap_or_default();
        worst = worst.max(last);
        let median = healed.get(healed.len() / 2).copied().unwrap_or_default();
        println!("  {:44} {faults:>6} {:>10} {:>10}", kind.words(), seconds(median), seconds(last));
    }
    println!("  {:44} {count:>6} {:>10} {:>10}", "all", "", seconds(worst));

    println!("\nOperations");
    println!("  {:44} {:>12} {:>8} {:>8}", "", "acknowledged", "refused", "unknown");
    let mut sums = [0; 3];
    for name in load::names() {
        let of = |outcome| figures.operations.get(&(name, outcome)).copied().unwrap_or_default();
        let counts = [of(Outcome::Acknowledged), of(Outcome::Refused), of(Outcome::Unknown)];
        println!("  {name:44} {:>12} {:>8} {:>8}", counts[0], counts[1], counts[2]);
        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    println!("  {:44} {:>12} {:>8} {:>8}", "all", sums[0], sums[1], sums[2]);

    let answers: Vec<String> =
        figures.answers.iter().map(|(status, count)| format!("{status}: {count}")).collect();
    println!("\nAnswers by status: {}", answers.join(", "));
    for (class, (time, of)) in &figures.slowest {
        println!("The slowest {class}: {} ({of})", seconds(*time));
    }

    println!(
        "The machine was {slowness:.1} times slower than at its best; limits of time are stretched by that much."
    );

    println!("\nChecks");
    let mut failed = 0;
    for check in Check::ALL {
        let looks = figures.checked.get(check).copied().unwrap_or_default();
        let found = figures.violations.iter().filter(|(of, _)| of == check).count();
        if found > 0 {
            failed += 1;
        }
        println!(
            "  {} {} ({looks} looks, {found} violations)",
            if found > 0 { "NO " } else { "yes" },
            check.words()
        );
    }
    if !figures.violations.is_empty() {
        println!("\nViolations: the first of each kind; all of them are in the journal");
        for check in Check::ALL {
            for (_, what) in figures.violations.iter().filter(|(of, _)| of == check).take(EACH) {
                println!("- not so: {}: {}", check.words(), last_lines(what, LINES));
            }
        }
    }
    println!(
        "\nseed {seed}, {} faults, {} operations, {} violations, worst healing {}, {} of load",
        count,
        sums.iter().sum::<u64>(),
        figures.violations.len(),
        seconds(worst),
        seconds(ran)
    );
    if failed > 0 {
        println!(
            "again with the same faults: tests/run faults --seed {seed} --minutes {:.0}",
            ran.as_secs_f64() / 60.0
        );
    }
    failed
}
