//! One person signs out of everything: how long until all relying parties know, and what telling them costs.
//!
//! Owns: the sessions, the party that is told, and the end of them all. Not here: the party's registration (`town`).

use std::time::{Duration, Instant};

use testkit::site::Reply;
use testkit::{Browser, RelyingParty};

use crate::meter::Spent;
use crate::town::{PASSWORD, Town};

/// Where the party is told.
pub(crate) const PATH: &str = "/told";
/// Sign-ins under way at once.
const AT_ONCE: usize = 16;

/// What came out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    /// From the end of the sessions to the last word at the party.
    pub(crate) all: Duration,
    /// From the end of the sessions to the first.
    pub(crate) first: Duration,
    /// What the server used meanwhile.
    pub(crate) spent: Spent,
}

/// Begins so many sessions of one person, each at a party that wants to be told, and disables the person.
pub(crate) async fn run(town: &Town, sessions: usize) -> Told {
    let site = town.site();
    site.put(PATH, Reply::status(200));
    let mut left = sessions;
    while left > 0 {
        let some = left.min(AT_ONCE);
        let tasks: Vec<_> = (0..some).map(|_| tokio::spawn(begin(party(town)))).collect();
        for task in tasks {
            task.await.expect("a session");
        }
        left -= some;
    }
    let meter = town.meter();
    let before = meter.read();
    let began = Instant::now();
    town.command(&["user", "disable", "user63"], "");
    let mut first = None;
    while site.seen(PATH).len() < sessions {
        if first.is_none() && !site.seen(PATH).is_empty() {
            first = Some(began.elapsed());
        }
        assert!(began.elapsed() < Duration::from_secs(120), "told {} of {sessions}", site.seen(PATH).len());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let all = began.elapsed();
    let spent = meter.read() - before;
    Told { all, first: first.unwrap_or(all), spent }
}

fn party(town: &Town) -> RelyingParty {
    RelyingParty {
        line: Browser::new(&town.issuer),
        client_id: "told".to_owned(),
        secret: Some(town.secret.clone()),
        redirect_uri: "https://bench.example/callback".to_owned(),
        scope: "openid".to_owned(),
    }
}

async fn begin(party: RelyingParty) {
    let browser = Browser::new(party.line.issuer());
    let started = party.start();
    let landed = browser.sign_in(&started.url, "user63", PASSWORD).await;
    let code = party.code(&started, &landed);
    let answer = party.redeem(&started, &code).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}
