//! Services that speak CAS: a ticket for a browser that is signed in, and what the service asks about it.
//!
//! Owns: the registration, the two rows and how tickets are kept ready for one of them. Not here: apps that approve
//! (`apps`).

use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};
use testkit::Browser;
use testkit::wire::{Connection, Request, encode};

use crate::apps;
use crate::floor::Floor;
use crate::load::{Client, Count, Crew, Figure};
use crate::report::{self, Goals};
use crate::town::{PASSWORD, Town, VISITORS};
use crate::{Asked, by_turns};

/// A browser with a session goes for a ticket, and the service asks about it.
pub(crate) const SSO: &str = "cas-sso";
/// The service alone asks.
pub(crate) const VALIDATE: &str = "cas-validate";
/// An app approves and the browser is told.
pub(crate) const TOLD: &str = "cas-told";

/// The sections of the configuration that switch CAS on; tickets wait for their row as long as they may.
pub(crate) const SECTIONS: &str =
    "[cas]\nenabled = true\nticket_seconds = 60\n[cas_rest]\nenabled = true\n[cas_qr]\nenabled = true\n";

/// Where the service is.
const SERVICE: &str = "https://service.bench.example/in";
/// Tickets that are kept ready: all are asked about before they end.
const STOCK: usize = 6_400;

/// The registration of the service: told three attributes and the end of sessions.
pub(crate) fn service() -> Value {
    json!({"client_name": "Service", "latchbolt_cas_apps": true, "latchbolt_cas": {
        "services": ["https://service.bench.example/**"], "single_logout": "back",
        "attributes": {"uid": "preferred_username", "mail": "email", "memberOf": "groups"}}})
}

/// The address to which a browser goes for a ticket.
pub(crate) fn login(town: &Town) -> String {
    format!("{}/cas/login?{}", town.issuer, encode(&[("service", SERVICE)]))
}

/// A browser with a session, and the service that it goes to.
struct Guest {
    login: String,
    browser: Browser,
    /// The service's own connection.
    line: Connection,
    /// Tickets that were fetched before; none are kept where fetching them is a part of what is measured.
    stock: Option<Vec<String>>,
}

impl Guest {
    async fn of(town: &Town, index: usize) -> Self {
        let (browser, login) = (Browser::new(&town.issuer), login(town));
        let landed = browser.sign_in(&login, &format!("user{}", index % VISITORS), PASSWORD).await;
        assert!(landed.query("ticket").is_some(), "{}", landed.html());
        let host = format!("localhost:{}", town.at.port());
        let line = Connection::open(town.at, &host, IpAddr::V4(Ipv4Addr::LOCALHOST)).await;
        Self { login, browser, line: line.expect("the server"), stock: None }
    }

    async fn ticket(&self) -> String {
        self.browser.follow(&self.login).await.query("ticket").expect("a ticket")
    }

    async fn fetch(&mut self, tickets: usize) {
        let mut stock = Vec::with_capacity(tickets);
        for _ in 0..tickets {
            stock.push(self.ticket().await);
        }
        self.stock = Some(stock);
    }
}

impl Client for Guest {
    async fn once(&mut self) {
        let ticket = match &mut self.stock {
            Some(stock) => stock.pop().expect("a ticket in stock"),
            None => self.ticket().await,
        };
        let query = encode(&[("service", SERVICE), ("ticket", &ticket)]);
        let ask = Request::get(&format!("/cas/p3/serviceValidate?{query}"));
        let answer = self.line.send(&ask).await.expect("an answer");
        assert!(answer.text().contains("<cas:uid>user"), "{}", answer.text());
    }
}

/// Guests, ready and warm.
async fn crew(town: &Town, size: usize) -> Crew<Guest> {
    let mut guests = Vec::new();
    for index in 0..size {
        let mut guest = Guest::of(town, index).await;
        guest.once().await;
        guests.push(guest);
    }
    Crew::ready(town.meter(), guests)
}

/// The rows of CAS, on a server of their own on the same database.
pub(crate) async fn run(
    town: &mut Town,
    floor: Option<&Floor>,
    ground: &[Figure],
    asked: &Asked,
    goals: &mut Goals,
) {
    town.learn_cas();
    town.restart().await;
    if asked.wants(SSO) || asked.wants(VALIDATE) {
        report::heading();
    }
    let mut beside = Vec::new();
    if let Some(floor) = floor.filter(|_| asked.wants(SSO)) {
        for &clients in &asked.clients {
            let mut guests = crew(town, clients).await;
            let (flow, lowest) = by_turns(&mut guests, floor, clients, asked.turn).await;
            beside.push(lowest);
            report::row(SSO, &flow, &beside);
        }
        for lowest in &beside {
            report::row("floor (sso)", lowest, &beside);
        }
    }
    if asked.wants(VALIDATE) {
        for &clients in &asked.clients {
            report::row(
                VALIDATE,
                &validations(town, clients, asked).await,
                if beside.is_empty() { ground } else { &beside },
            );
        }
    }
    if asked.wants(TOLD) {
        let told = apps::run(town, asked.waiting_pages).await;
        goals.at_most("CAS app accepts to browser told, p99", told.as_secs_f64() * 1000.0, 20.0, "ms");
    }
}

/// Rounds of as many questions as there are tickets; fetching these is not counted.
async fn validations(town: &Town, clients: usize, asked: &Asked) -> Figure {
    let mut guests = crew(town, clients).await;
    let mut count = Count::default();
    let each = STOCK / clients;
    while count.wall() < asked.turn {
        let fetching = guests.clients().iter_mut().map(|guest| guest.fetch(each));
        futures_util::future::join_all(fetching).await;
        guests.each(each, &mut count).await;
    }
    Figure::of(clients, count)
}
