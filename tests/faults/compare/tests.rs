//! A ledger and a database that agree; then one thing at a time is taken away behind its back.

use super::*;
use crate::rows::{Account, Device, Grant, Key};

fn line(deed: Deed, is_certain: bool) -> Line {
    Line { deed, is_certain, at: 1_000, trail: Vec::new() }
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn session(id: &str, account: &str, device: Option<&str>) -> Deed {
    Deed::Session {
        secret: Some(format!("secret of {id}")),
        account: text(account),
        device: device.map(text),
        address: format!("address of {id}"),
        generation: 0,
    }
}

fn row(id: &str, account: &str, device: Option<&str>, ended: Option<&str>) -> Session {
    Session {
        id: text(id),
        account: text(account),
        secret: format!("secret of {id}"),
        device: device.map(text),
        address: format!("address of {id}"),
        created_at: 500,
        ended_why: ended.map(text),
    }
}

fn entry(event: &str, key: &str, detail: Option<&str>) -> Entry {
    Entry {
        event: text(event),
        is_done: event != "code.replayed",
        account: key.starts_with("acc").then(|| text(key)),
        device: key.starts_with("dev").then(|| text(key)),
        session: key.starts_with("ses").then(|| text(key)),
        client: key.starts_with("shop").then(|| text(key)),
        detail: detail.map(text),
    }
}

/// Everything that can be in a ledger, once.
fn ledger() -> Vec<Line> {
    let secret = || text("secret of ses_1");
    let tokens =
        |grant: &str| Deed::Tokens { grant: Some(text(grant)), secret: secret(), client: text("shop") };
    let mut lines: Vec<Line> = vec![
        Deed::Account { account: text("acc_1"), name: text("ada") },
        Deed::Account { account: text("acc_2"), name: text("bob") },
        Deed::Disabled { account: text("acc_2") },
        Deed::Account { account: text("acc_3"), name: text("eve") },
        Deed::Password { account: text("acc_3"), generation: 1 },
        session("ses_1", "acc_1", None),
        session("ses_2", "acc_1", Some("dev_1")),
        session("ses_3", "acc_2", None),
        session("ses_4", "acc_1", None),
        session("ses_5", "acc_3", None),
        Deed::SignedOut { secret: text("secret of ses_4") },
        tokens("grt_1"),
        tokens("grt_2"),
        Deed::Replayed { grant: text("grt_2") },
        Deed::Client { client: text("shop") },
        Deed::Client { client: text("shop-2") },
        Deed::Consent { account: text("acc_1"), client: text("shop") },
        Deed::ClientDeleted { client: text("shop-2") },
        Deed::Enrolment { account: text("acc_1") },
        Deed::Device { device: text("dev_1"), account: text("acc_1") },
        Deed::Stopped { device: text("dev_1"), state: "revoked", with_sessions: true },
        Deed::Approved { device: text("dev_1") },
        Deed::Enrolment { account: text("acc_3") },
        Deed::Device { device: text("dev_3"), account: text("acc_3") },
        Deed::Waits { device: text("dev_3") },
        Deed::LetIn { device: text("dev_3") },
        Deed::Rotated,
    ]
    .into_iter()
    .map(|deed| line(deed, true))
    .collect();
    // What nobody was told of may be there or not.
    lines.push(line(Deed::Tokens { grant: None, secret: secret(), client: text("shop") }, false));
    lines.push(line(Deed::SignedOut { secret: text("secret of ses_9") }, false));
    lines
}

/// A database that agrees with it.
fn rows() -> Rows {
    let mut rows = Rows::default();
    for (id, name, is_active) in [("acc_1", "ada", true), ("acc_2", "bob", false), ("acc_3", "eve", true)] {
        rows.accounts.insert(text(id), Account { username_key: text(name), is_active });
        rows.audit.push(entry("account.created", id, None));
    }
    rows.audit.push(entry("account.disabled", "acc_2", None));
    rows.audit.push(entry("account.changed", "acc_3", Some("password set")));
    rows.sessions = vec![
        row("ses_1", "acc_1", None, None),
        row("ses_2", "acc_1", Some("dev_1"), Some("ended_by_admin")),
        row("ses_3", "acc_2", None, Some("ended_by_admin")),
        row("ses_4", "acc_1", None, Some("signed_out")),
        row("ses_5", "acc_3", None, Some("ended_by_admin")),
    ];
    for id in ["ses_1", "ses_2", "ses_3", "ses_4", "ses_5"] {
        rows.audit.push(entry("session.started", id, None));
    }
    rows.audit.push(entry("session.ended", "ses_4", None));
    rows.audit.push(entry("channel.redeemed", "ses_2", None));
    rows.audit.push(entry("channel.approved", "dev_1", None));
    for (id, is_revoked) in [("grt_1", false), ("grt_2", true)] {
        let grant = Grant { client: text("shop"), session: text("ses_1"), is_revoked };
        rows.grants.insert(text(id), grant);
        rows.audit.push(entry("code.redeemed", "ses_1", None));
    }
    rows.audit.push(entry("code.replayed", "ses_1", None));
    rows.clients.insert(text("shop"));
    rows.audit.push(entry("client.created", "shop", None));
    rows.audit.push(entry("client.created", "shop-2", None));
    rows.audit.push(entry("client.deleted", "shop-2", None));
    rows.consents.insert((text("acc_1"), text("shop")));
    rows.audit.push(entry("consent.given", "shop", None));
    rows.devices.insert(text("dev_1"), Device { account: text("acc_1"), state: text("revoked") });
    rows.audit.push(entry("device.added", "dev_1", None));
    rows.devices.insert(text("dev_3"), Device { account: text("acc_3"), state: text("active") });
    rows.audit.push(entry("device.added", "dev_3", None));
    rows.audit.push(entry("device.approved", "dev_3", None));
    rows.audit.push(entry("device.revoked", "dev_1", None));
    for (kid, state) in [("k1", "retired"), ("k2", "current"), ("k3", "next")] {
        rows.keys.push(Key { kid: text(kid), alg: text("ES256"), state: text(state) });
    }
    rows.audit.push(entry("key.rotated", "", None));
    rows
}

fn kids() -> BTreeSet<String> {
    ["k1", "k2"].map(text).into()
}

/// What the comparison finds after the database was changed behind its back.
fn found(change: impl FnOnce(&mut Rows)) -> BTreeSet<Check> {
    let mut rows = rows();
    change(&mut rows);
    compare(&ledger(), &kids(), &rows).checks()
}

#[test]
fn a_database_that_agrees_is_left_alone() {
    let said = compare(&ledger(), &kids(), &rows());
    assert_eq!(said.found, []);
    assert!(said.looked.len() >= 12, "{:?}", said.looked);
}

#[test]
fn every_planted_loss_is_found() {
    type Change = fn(&mut Rows);
    let losses: &[(Check, Change)] = &[
        (Check::Accounts, |rows| drop(rows.accounts.remove("acc_1"))),
        (Check::Accounts, |rows| rows.accounts.get_mut("acc_2").unwrap().is_active = true),
        (Check::Accounts, |rows| rows.audit.retain(|e| e.detail.as_deref() != Some("password set"))),
        (Check::Sessions, |rows| rows.sessions.retain(|row| row.id != "ses_1")),
        (Check::Sessions, |rows| rows.sessions[0].account = text("acc_2")),
        (Check::Grants, |rows| drop(rows.grants.remove("grt_1"))),
        (Check::Grants, |rows| rows.grants.get_mut("grt_1").unwrap().session = text("ses_4")),
        (Check::Consents, |rows| rows.consents.clear()),
        (Check::Devices, |rows| rows.devices.clear()),
        (Check::Clients, |rows| rows.clients.clear()),
        (Check::Keys, |rows| rows.keys.retain(|key| key.kid != "k1")),
        (Check::Trail, |rows| rows.audit.retain(|entry| entry.event != "session.started")),
        (Check::Trail, |rows| rows.audit.retain(|entry| entry.event != "channel.approved")),
        (Check::Trail, |rows| rows.audit.retain(|entry| entry.event != "code.redeemed")),
        (Check::Trail, |rows| rows.audit.retain(|entry| entry.event != "device.revoked")),
        (Check::Trail, |rows| rows.audit.retain(|entry| entry.event != "device.approved")),
        (Check::Trail, |rows| rows.audit.push(entry("device.approved", "dev_3", None))),
        (Check::Unasked, |rows| rows.devices.get_mut("dev_3").unwrap().state = text("pending")),
        (Check::Trail, |rows| rows.audit.push(entry("device.suspended", "dev_1", None))),
        (Check::Trail, |rows| rows.audit.retain(|entry| entry.event != "account.disabled")),
    ];
    for (number, (check, change)) in losses.iter().enumerate() {
        let found = found(change);
        assert!(found.contains(check), "loss {number} ({check:?}): {found:?}");
    }
}

#[test]
fn what_is_over_in_the_ledger_and_alive_in_the_database_is_found() {
    type Change = fn(&mut Rows);
    let alive: &[(Check, Change)] = &[
        (Check::SignOuts, |rows| rows.sessions[3].ended_why = None),
        // Of a disabled account; of a phone that was revoked with its sessions; of an old password.
        (Check::DeadStaysDead, |rows| rows.sessions[2].ended_why = None),
        (Check::DeadStaysDead, |rows| rows.sessions[1].ended_why = None),
        (Check::DeadStaysDead, |rows| rows.sessions[4].ended_why = None),
        (Check::DeadStaysDead, |rows| rows.sessions[1].created_at = 1_001),
        (Check::DeadStaysDead, |rows| rows.consents.extend([(text("acc_1"), text("shop-2"))])),
        (Check::Devices, |rows| rows.devices.get_mut("dev_1").unwrap().state = text("active")),
        (Check::ReplaysRevoked, |rows| rows.grants.get_mut("grt_2").unwrap().is_revoked = false),
        (Check::Clients, |rows| rows.clients.extend([text("shop-2")])),
    ];
    for (number, (check, change)) in alive.iter().enumerate() {
        let found = found(change);
        assert!(found.contains(check), "case {number} ({check:?}): {found:?}");
    }
}

#[test]
fn what_was_taken_twice_is_found() {
    let twice = found(|rows| {
        let again = Session { id: text("ses_7"), secret: text("another"), ..rows.sessions[1].clone() };
        rows.sessions.push(again);
        rows.audit.push(entry("session.started", "ses_7", None));
        rows.audit.push(entry("channel.redeemed", "ses_7", None));
    });
    assert_eq!(twice, [Check::ChannelsOnce].into());
    let grants = found(|rows| {
        // One more may have come of the request that nobody answered; two may not.
        for id in ["grt_3", "grt_4"] {
            let grant = Grant { client: text("shop"), session: text("ses_1"), is_revoked: false };
            rows.grants.insert(text(id), grant);
            rows.audit.push(entry("code.redeemed", "ses_1", None));
        }
    });
    assert_eq!(grants, [Check::CodesOnce].into());
    let phones = found(|rows| {
        rows.devices.insert(text("dev_2"), Device { account: text("acc_1"), state: text("active") });
    });
    assert_eq!(phones, [Check::EnrolmentsOnce].into());
    let keys = found(|rows| rows.keys[0].state = text("current"));
    assert_eq!(keys, [Check::Keys].into());
}

#[test]
fn what_nobody_asked_for_is_found_and_what_is_unknown_is_not() {
    assert_eq!(found(|rows| rows.sessions[0].ended_why = Some(text("signed_out"))), [Check::Unasked].into());
    assert_eq!(
        found(|rows| rows.grants.get_mut("grt_1").unwrap().is_revoked = true),
        [Check::Unasked].into()
    );
    // The request for tokens that nobody answered may have been granted.
    let more = found(|rows| {
        let grant = Grant { client: text("shop"), session: text("ses_1"), is_revoked: false };
        rows.grants.insert(text("grt_3"), grant);
        rows.audit.push(entry("code.redeemed", "ses_1", None));
    });
    assert_eq!(more, BTreeSet::new());
    // A sign-out that nobody answered may have happened.
    let mut lines = ledger();
    lines.push(line(Deed::SignedOut { secret: text("secret of ses_1") }, false));
    let mut rows = rows();
    rows.sessions[0].ended_why = Some(text("signed_out"));
    assert_eq!(compare(&lines, &kids(), &rows).found, []);
}
