//! What everyone in a run shares.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use testkit::{Browser, DeviceKey, Phone, RelyingParty};

use crate::chance::Chance;
use crate::findings::Findings;
use crate::ledger::Ledger;
use crate::machine::Machine;
use crate::stage::Stage;
use crate::watch::Graves;

/// So many living sessions are kept at hand.
const LIVING: usize = 48;
/// So many more are remembered for the end.
const RESTING: usize = 400;

/// A person who is never disabled, with a phone.
#[derive(Debug)]
pub struct Person {
    pub name: String,
    pub account: String,
    pub password: String,
    pub phone: Phone,
}

/// What administrators do the run's work with.
#[derive(Debug, Default)]
pub struct Admin {
    /// An API key.
    pub key: String,
    /// The group whose members' phones wait until they are let in.
    pub group: String,
}

/// A browser that is signed in.
#[derive(Debug, Clone)]
pub struct Living {
    pub jar: BTreeMap<String, String>,
    pub account: String,
    /// As the database keeps its secret.
    pub secret: String,
}

/// All of it.
pub struct World {
    pub seed: u64,
    pub stage: Stage,
    pub findings: Findings,
    pub ledger: Ledger,
    pub graves: Graves,
    pub machine: Machine,
    pub admin: Admin,
    pub people: Vec<Person>,
    pub parties: Vec<RelyingParty>,
    secrets: Mutex<BTreeMap<String, String>>,
    living: Mutex<Vec<Living>>,
    resting: Mutex<Vec<Living>>,
    visitors: AtomicU32,
    names: AtomicU32,
    is_over: AtomicBool,
}

fn held<T>(place: &Mutex<T>) -> MutexGuard<'_, T> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    pub fn new(seed: u64, stage: Stage, findings: Findings) -> Self {
        Self {
            seed,
            stage,
            findings,
            ledger: Ledger::default(),
            graves: Graves::default(),
            machine: Machine::watched(),
            admin: Admin::default(),
            people: Vec::new(),
            parties: Vec::new(),
            secrets: Mutex::default(),
            living: Mutex::default(),
            resting: Mutex::default(),
            visitors: AtomicU32::new(0),
            names: AtomicU32::new(0),
            is_over: AtomicBool::new(false),
        }
    }

    /// An address of this machine that nobody else comes from.
    pub fn address(&self) -> IpAddr {
        let number = self.visitors.fetch_add(1, Ordering::Relaxed);
        IpAddr::V4(Ipv4Addr::from(0x7F10_0001_u32 + number % 0x00E0_0000))
    }

    /// A name that was not given yet.
    pub fn name(&self, kind: &str) -> String {
        format!("{kind}-{}", self.names.fetch_add(1, Ordering::Relaxed))
    }

    /// The load comes to its end.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    pub fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    /// Takes a living session out of the pool: nobody else uses it meanwhile.
    pub fn take_living(&self, chance: &mut Chance) -> Option<Living> {
        let mut living = held(&self.living);
        if living.is_empty() {
            return None;
        }
        let at = chance.below(living.len());
        Some(living.swap_remove(at))
    }

    /// Puts one (back) into the pool; with too many one is laid to rest, alive.
    pub fn keep_living(&self, one: Living, chance: &mut Chance) {
        let mut living = held(&self.living);
        living.push(one);
        if living.len() > LIVING {
            let at = chance.below(living.len());
            let gone = living.swap_remove(at);
            let mut resting = held(&self.resting);
            if resting.len() < RESTING {
                resting.push(gone);
            } else {
                let at = chance.below(RESTING);
                resting[at] = gone;
            }
        }
    }

    /// All living sessions that are known, at the end.
    pub fn all_living(&self) -> Vec<Living> {
        held(&self.living).iter().chain(held(&self.resting).iter()).cloned().collect()
    }

    /// A phone made of parts.
    pub fn phone(&self, device: &str, account: &str, key: DeviceKey) -> Phone {
        Phone::of(Browser::new(&self.stage.issuer), device, account, key)
    }

    /// A relying party was given this secret.
    pub fn keep_secret(&self, client: &str, secret: &str) {
        held(&self.secrets).insert(client.to_owned(), secret.to_owned());
    }

    /// A relying party.
    pub fn party(&self, client: &str) -> RelyingParty {
        RelyingParty {
            line: Browser::new(&self.stage.issuer),
            client_id: client.to_owned(),
            secret: held(&self.secrets).get(client).cloned(),
            redirect_uri: format!("https://{client}.example/callback"),
            scope: "openid profile".to_owned(),
        }
    }
}
