//! Pages that wait: their memory, their CPU, and how fast one among many is told.

use std::time::Duration;

use testkit::{Browser, Events, RelyingParty};

use crate::town::Town;

/// Pages that wait while the way from approve to the browser is timed.
const CROWD: usize = 1_000;
/// Sign-ins timed in the crowd.
const TIMED: usize = 300;

/// What came out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waited {
    /// From sending the approval to the word in the browser.
    pub(crate) told_p99: Duration,
    /// Memory of all nodes for one page.
    pub(crate) bytes_a_page: f64,
    /// What all processes use while the pages wait, in per cent of a core.
    pub(crate) percent: f64,
}

/// Times approvals in a crowd, then lets many pages wait. With several nodes the browser's stream and the
/// phone's decision are on different ones.
pub(crate) async fn run(town: &mut Town, pages: usize) -> Waited {
    // A fresh process: what load before has left in it would hide what pages need.
    town.restart().await;
    let mut visitor = town.visitor(0).await;
    for _ in 0..20 {
        visitor.sign_in_by_phone().await;
    }
    let meter = town.meter();
    let resident = || meter.resident_kib().iter().sum::<u64>();
    let before = resident();
    let mut waiting = Vec::new();
    open(town, CROWD.min(pages), &mut waiting).await;
    town.part_phones(true);
    let mut times = Vec::new();
    for _ in 0..TIMED {
        times.push(visitor.sign_in_by_phone().await);
    }
    town.part_phones(false);
    times.sort();
    let part = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)];
    println!(
        "\ntold     approve to browser with {CROWD} waiting: p50 {:.2} ms, p99 {:.2} ms",
        part(50).as_secs_f64() * 1000.0,
        part(99).as_secs_f64() * 1000.0
    );

    let missing = pages.saturating_sub(waiting.len());
    open(town, missing, &mut waiting).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let bytes_a_page = (resident().saturating_sub(before) * 1024) as f64 / waiting.len() as f64;
    let spent = meter.read();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let spent = meter.read() - spent;
    let percent = spent.all().as_secs_f64() / 5.0 * 100.0;
    println!(
        "waiting  {} pages: {bytes_a_page:.0} bytes a page, {percent:.1} % of a core while they wait",
        waiting.len()
    );
    Waited { told_p99: part(99), bytes_a_page, percent }
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
