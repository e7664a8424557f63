//! Pages that wait: their memory, their CPU, and how fast one among many is told.

use std::time::Duration;

use testkit::{Browser, Events, RelyingParty};

use crate::report::Goals;
use crate::visit::Town;

/// Pages that wait while the way from approve to the browser is timed.
const CROWD: usize = 1_000;
/// Sign-ins timed in the crowd.
const TIMED: usize = 300;

pub(crate) async fn run(town: &mut Town, pages: usize, goals: &mut Goals) {
    // A fresh process: what load before has left in it would hide what pages need.
    town.restart().await;
    let mut visitor = town.visitor(0).await;
    for _ in 0..20 {
        visitor.sign_in_by_phone().await;
    }
    let before = town.process().resident_kib();
    let mut waiting = Vec::new();
    open(town, CROWD.min(pages), &mut waiting).await;
    let mut times = Vec::new();
    for _ in 0..TIMED {
        times.push(visitor.sign_in_by_phone().await);
    }
    times.sort();
    let ms = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)].as_secs_f64() * 1000.0;
    println!(
        "\ntold     approve to browser with {CROWD} waiting: p50 {:.2} ms, p99 {:.2} ms",
        ms(50),
        ms(99)
    );
    goals.at_most("approve to browser told, p99", ms(99), 20.0, "ms");

    let missing = pages.saturating_sub(waiting.len());
    open(town, missing, &mut waiting).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let process = town.process();
    let bytes = (process.resident_kib().saturating_sub(before) * 1024) as f64 / waiting.len() as f64;
    let cpu = process.cpu();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let idle = (process.cpu() - cpu).as_secs_f64() / 5.0 * 100.0;
    println!(
        "waiting  {} pages: {bytes:.0} bytes a page, {idle:.1} % of a core while they wait",
        waiting.len()
    );
    goals.at_most("waiting page", bytes / 1000.0, 11.4, "kB");
    goals.at_most("CPU while they wait", idle, 1.0, "% of a core");
}

/// Opens login pages with their QR code and stream, 32 at a time.
async fn open(town: &Town, count: usize, waiting: &mut Vec<(Browser, Events)>) {
    let mut left = count;
    while left > 0 {
        let some = left.min(32);
        let tasks: Vec<_> = (0..some)
            .map(|_| {
                let browser = Browser::new(&town.issuer);
                let party = RelyingParty {
                    line: Browser::new(&town.issuer),
                    client_id: "bench".to_owned(),
                    secret: None,
                    redirect_uri: "https://bench.example/callback".to_owned(),
                    scope: "openid".to_owned(),
                };
                tokio::spawn(async move {
                    let page = browser.follow(&party.start().url).await;
                    browser.show_qr(&page).await;
                    let events = browser.watch(&page).await;
                    // A browser keeps its stream alone open: other connections end when they are idle.
                    browser.hang_up();
                    (browser, events)
                })
            })
            .collect();
        for task in tasks {
            waiting.push(task.await.expect("a waiting page"));
        }
        left -= some;
    }
}
