//! A model of the QR channel: several phones, browsers and nodes over a live store that loses things.
//!
//! Owns: the worlds that are walked through, every state of each (stateright), and the faults that must be found.
//! The states of the channel are real `qr::Channel` values, moved by `qr` alone, with real signatures. Not here: the
//! use cases themselves (`signin::phone`), which `model` follows step by step and a change of which belongs there
//! too; adapters, which have suites of their own.
//!
//! ```text
//! cargo test -p qr --test model -- --nocapture     prints states, seconds and the shortest way to each fault
//! ```

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod model;
mod promises;
mod setting;
mod state;
mod world;

use std::collections::BTreeSet;
use std::time::Instant;

use stateright::{Checker as _, Expectation, HasDiscoveries, Model as _};

use crate::model::Channels;
use crate::promises::{
    ACTIVE, DENIAL_WINS, IN_TIME, NO_STRANGER, ONE_PHONE, ONE_SESSION, RIGHT_BROWSER, RIGHT_OWNER, WRITTEN,
};
use crate::setting::{Fault, Gate, Setting, Units};
use crate::world::{PHONE, STRANGER, TABLET};

const ALL: &[u8] = &[PHONE, TABLET, STRANGER];

/// One phone, one browser, nothing goes wrong, the database as it is meant to be.
const QUIET: Setting = Setting {
    times: &[0],
    phones: &[PHONE],
    stranger_sees_code: true,
    is_attacked: false,
    redeems: 2,
    rotates: false,
    vanishes: false,
    losses: 0,
    failovers: 0,
    revokes: false,
    disables: false,
    gate: Gate::End,
    units: Units::Serial,
    fault: None,
};

/// Walks through every state: all promises hold but those named, which do not; what must be reachable is.
fn holds(what: &str, setting: Setting, but: &[&str]) {
    let begun = Instant::now();
    let checker = Channels::new(setting).checker().spawn_bfs().join();
    let (values, moves) = checker.model().world.sizes();
    println!(
        "{what}: {} states, {} steps, depth {}, {values} channel values, {moves} moves of qr, {:.1} s",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        begun.elapsed().as_secs_f32(),
    );
    for property in checker.model().properties() {
        let name = property.name;
        let is_found = checker.discovery(name);
        match property.expectation {
            Expectation::Always if but.contains(&name) => {
                assert!(is_found.is_some(), "{what}: \"{name}\" holds by now; take it off the list");
            }
            Expectation::Always => {
                if let Some(path) = is_found {
                    panic!("{what}: not \"{name}\": {:#?}", path.into_actions());
                }
            }
            _ => assert!(is_found.is_some(), "{what}: never \"{name}\""),
        }
    }
}

/// The promise is broken; prints a shortest way there.
fn is_found(what: &str, setting: Setting, promise: &'static str) {
    let begun = Instant::now();
    for depth in 2..60 {
        let checker = Channels::new(setting)
            .checker()
            .target_max_depth(depth)
            .finish_when(HasDiscoveries::AllOf(BTreeSet::from([promise])))
            .spawn_bfs()
            .join();
        if let Some(path) = checker.discovery(promise) {
            let steps = path.into_actions();
            let states = checker.unique_state_count();
            println!("{what}: not \"{promise}\" ({states} states, {:.1} s)", begun.elapsed().as_secs_f32());
            for step in steps {
                println!("    {step:?}");
            }
            return;
        }
    }
    panic!("{what}: nothing was found");
}

#[test]
fn sec_006_sec_021_sec_037_all_promises_hold_while_the_live_store_keeps_its_word() {
    let setting = Setting {
        times: &[0, 31],
        phones: ALL,
        is_attacked: true,
        rotates: true,
        vanishes: true,
        losses: 1,
        revokes: true,
        ..QUIET
    };
    holds("three phones, an attacker, lost answers, no failover", setting, &[WRITTEN]);
}

#[test]
fn sec_004_sec_017_every_limit_of_time_is_kept() {
    let times = &[0, 31, 62, 125, 301];
    let setting = Setting { times, phones: &[PHONE, STRANGER], rotates: true, ..QUIET };
    holds("two phones, five points in time", setting, &[]);
}

#[test]
fn sec_015_sec_023_a_stranger_without_the_check_code_signs_nobody_in() {
    let setting = Setting {
        phones: ALL,
        stranger_sees_code: false,
        is_attacked: true,
        rotates: true,
        failovers: 1,
        ..QUIET
    };
    holds("a stranger who cannot see the code", setting, &[]);
}

#[test]
fn sec_064_all_promises_hold_with_a_failover() {
    let setting = Setting { phones: ALL, is_attacked: true, rotates: true, failovers: 1, losses: 1, ..QUIET };
    holds("three phones, an attacker, lost answers, one failover", setting, &[WRITTEN]);
    let setting = Setting { times: &[0, 31], phones: &[PHONE, STRANGER], failovers: 1, ..QUIET };
    holds("two phones, a clock, one failover", setting, &[]);
    let setting = Setting { phones: &[PHONE, STRANGER], failovers: 2, rotates: true, ..QUIET };
    holds("two phones, two failovers", setting, &[]);
}

/// What a gate that only sessions pass is worth: everything but a denial that the live store forgets.
#[test]
fn sec_006_sessions_alone_at_the_gate_keep_all_but_denials() {
    let gate = Gate::Channel;
    let setting = Setting { phones: ALL, is_attacked: true, rotates: true, failovers: 1, gate, ..QUIET };
    holds("three phones, one failover, denials do not pass the gate", setting, &[DENIAL_WINS]);
}

#[test]
fn sec_036_who_is_revoked_or_disabled_is_signed_in_by_no_unit_after_that() {
    let serial = Setting { phones: &[PHONE, STRANGER], failovers: 1, revokes: true, disables: true, ..QUIET };
    holds("revoked and disabled, units in turn", serial, &[]);
    let units = Units::ReadCommitted { locks_account: true };
    holds("revoked and disabled, READ COMMITTED", Setting { units, ..serial }, &[]);
}

mod planted_faults {
    use super::*;

    #[test]
    fn a_swap_that_does_not_compare_versions() {
        let setting = Setting { fault: Some(Fault::BlindSwap), ..QUIET };
        is_found("a blind swap", Setting { gate: Gate::Channel, ..setting }, DENIAL_WINS);
        is_found("a blind swap", Setting { phones: &[PHONE, STRANGER], ..setting }, ONE_PHONE);
    }

    #[test]
    fn a_take_that_reads_and_then_deletes() {
        let setting = Setting { fault: Some(Fault::ReadThenDelete), ..QUIET };
        is_found("no take, no gate", Setting { gate: Gate::Missing, ..setting }, ONE_SESSION);
        is_found("no take, a gate", Setting { gate: Gate::Channel, ..setting }, DENIAL_WINS);
    }

    #[test]
    fn a_failover_where_the_database_has_no_gate() {
        let setting = Setting { failovers: 1, gate: Gate::Missing, ..QUIET };
        is_found("a failover, no gate", setting, ONE_SESSION);
    }

    #[test]
    fn a_gate_that_knows_the_scanned_id_and_not_the_channel() {
        let setting = Setting { failovers: 1, rotates: true, gate: Gate::ScannedId, ..QUIET };
        is_found("a failover, the scanned id at the gate", setting, ONE_SESSION);
    }

    #[test]
    fn a_gate_that_denials_do_not_pass() {
        let setting = Setting { failovers: 1, gate: Gate::Channel, ..QUIET };
        is_found("a failover, only sessions at the gate", setting, DENIAL_WINS);
    }

    #[test]
    fn a_redeem_that_does_not_ask_who_is_active() {
        let setting = Setting { revokes: true, fault: Some(Fault::NotAskedIfActive), ..QUIET };
        is_found("nobody asks who is active", setting, ACTIVE);
    }

    #[test]
    fn a_read_committed_check_that_does_not_lock_the_account() {
        let units = Units::ReadCommitted { locks_account: false };
        is_found("the account's row is not locked", Setting { disables: true, units, ..QUIET }, ACTIVE);
    }

    #[test]
    fn a_redeem_for_any_browser() {
        let setting = Setting { is_attacked: true, fault: Some(Fault::AnyBrowser), ..QUIET };
        is_found("any browser redeems", setting, RIGHT_BROWSER);
    }

    #[test]
    fn a_redeem_whose_clock_stands_still() {
        let setting = Setting { times: &[0, 31], fault: Some(Fault::StoppedClock), ..QUIET };
        is_found("a stopped clock", setting, IN_TIME);
    }

    #[test]
    fn a_decision_under_any_key() {
        let setting = Setting { phones: ALL, fault: Some(Fault::AnyKey), ..QUIET };
        is_found("any key signs", setting, RIGHT_OWNER);
    }

    #[test]
    fn a_channel_without_a_check_code() {
        let phones = &[PHONE, STRANGER];
        let setting = Setting { phones, stranger_sees_code: false, fault: Some(Fault::NoCode), ..QUIET };
        is_found("no check code", setting, NO_STRANGER);
    }

    #[test]
    fn a_node_that_dies_between_the_swap_and_the_trail() {
        is_found("a node dies after its swap", Setting { losses: 1, ..QUIET }, WRITTEN);
    }
}
