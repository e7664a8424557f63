//! The lines that are printed.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::load::Figure;

/// What was hoped for, and what came.
#[derive(Debug, Default)]
pub(crate) struct Goals(Vec<(String, f64, f64, &'static str)>);

impl Goals {
    pub(crate) fn at_most(&mut self, name: &str, got: f64, goal: f64, unit: &'static str) {
        self.0.push((name.to_owned(), got, goal, unit));
    }

    pub(crate) fn print(&self) {
        println!("\n{:<34} {:>12} {:>12}  unit         result", "goal", "measured", "at most");
        for (name, got, goal, unit) in &self.0 {
            let result = if got <= goal {
                "reached".to_owned()
            } else {
                format!("missed by {:.0} %", (got / goal - 1.0) * 100.0)
            };
            println!("{name:<34} {got:>12.3} {goal:>12.3}  {unit:<12} {result}");
        }
    }
}

pub(crate) fn heading() {
    println!(
        "\n{:<14} {:>7} {:>9} {:>14} {:>9} {:>10} {:>9} {:>9} {:>9}",
        "operation", "clients", "count", "CPU-s/1000", "x floor", "per s", "p50 ms", "p95 ms", "p99 ms"
    );
}

pub(crate) fn row(name: &str, figure: &Figure, floor: &[Figure]) {
    let floor = floor.iter().find(|one| one.clients == figure.clients);
    let ratio =
        floor.map_or_else(|| "-".to_owned(), |one| format!("{:.2}", figure.cpu_per_1000 / one.cpu_per_1000));
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    println!(
        "{name:<14} {:>7} {:>9} {:>14.4} {ratio:>9} {:>10.0} {:>9.2} {:>9.2} {:>9.2}",
        figure.clients,
        figure.count,
        figure.cpu_per_1000,
        figure.rate,
        ms(figure.p50),
        ms(figure.p95),
        ms(figure.p99)
    );
}

/// The heading of rows that say where the CPU time went.
pub(crate) fn split_heading() {
    println!(
        "\n{:<14} {:>5} {:>7} {:>9} {:>14} {:>9} {:>10} {:>8} {:>8} {:>9} {:>9} {:>9}",
        "operation",
        "nodes",
        "clients",
        "count",
        "CPU-s/1000 all",
        "nodes",
        "PostgreSQL",
        "Redis",
        "per s",
        "p50 ms",
        "p95 ms",
        "p99 ms"
    );
}

/// A row that says where the CPU time went.
pub(crate) fn split_row(name: &str, nodes: usize, figure: &Figure) {
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    println!(
        "{name:<14} {nodes:>5} {:>7} {:>9} {:>14.4} {:>9.4} {:>10.4} {:>8.4} {:>8.0} {:>9.2} {:>9.2} {:>9.2}",
        figure.clients,
        figure.count,
        figure.cpu_per_1000,
        figure.nodes_per_1000,
        figure.postgres_per_1000,
        figure.redis_per_1000,
        figure.rate,
        ms(figure.p50),
        ms(figure.p95),
        ms(figure.p99)
    );
}

/// The size of the program as built and without symbols.
pub(crate) fn size(program: &Path, goals: &mut Goals) {
    let mib = |path: &Path| std::fs::metadata(path).map_or(0.0, |about| about.len() as f64 / 1e6);
    let built = mib(program);
    let copy = std::env::temp_dir().join(format!("latchbolt-stripped-{}", std::process::id()));
    let stripped = Command::new("strip").arg("-o").arg(&copy).arg(program).status();
    let bare = if stripped.is_ok_and(|status| status.success()) { mib(&copy) } else { built };
    let _ = std::fs::remove_file(&copy);
    println!("size     {built:.1} MB as built, {bare:.1} MB without symbols");
    goals.at_most("program without symbols", bare, 22.0, "MB");
}
