//! The ledger against the database.
//!
//! Owns: what must be there because it was acknowledged, what must not be there because something else was,
//! and what may have happened because nobody was told. Pure: lines and rows in, violations out.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::findings::Check;
use crate::ledger::{Deed, Line};
use crate::rows::{Entry, Rows, Session};

/// What a comparison says: how often each check looked, and what it found.
#[derive(Debug, Default)]
pub struct Said {
    pub looked: BTreeMap<Check, u64>,
    pub found: Vec<(Check, String)>,
}

impl Said {
    fn so(&mut self, check: Check, is_so: bool, otherwise: impl FnOnce() -> String) {
        *self.looked.entry(check).or_default() += 1;
        if !is_so {
            self.found.push((check, otherwise()));
        }
    }

    /// The checks that found something, each once.
    #[cfg(test)]
    pub fn checks(&self) -> BTreeSet<Check> {
        self.found.iter().map(|(check, _)| *check).collect()
    }
}

/// The rows, by what they are looked for.
struct Index<'r> {
    rows: &'r Rows,
    by_secret: BTreeMap<&'r str, &'r Session>,
    by_address: BTreeMap<&'r str, Vec<&'r Session>>,
    of_account: BTreeMap<&'r str, Vec<&'r Session>>,
    of_device: BTreeMap<&'r str, Vec<&'r Session>>,
    /// Entries that say `done` or, for replays, that somebody was refused: how many for each key.
    trail: BTreeMap<(&'r str, &'r str), u64>,
    /// The same with their detail.
    details: BTreeSet<(&'r str, &'r str, &'r str)>,
    grants_of_session: BTreeMap<&'r str, u64>,
    /// Ids, and whether they are revoked.
    grants_of_client: BTreeMap<&'r str, Vec<(&'r str, bool)>>,
}

/// What an entry of the trail is looked for by: session, phone, relying party or account.
fn keys(entry: &Entry) -> impl Iterator<Item = &str> {
    [&entry.session, &entry.device, &entry.client, &entry.account]
        .into_iter()
        .filter_map(|key| key.as_deref())
}

impl<'r> Index<'r> {
    fn new(rows: &'r Rows) -> Self {
        let mut index = Self {
            rows,
            by_secret: rows.sessions.iter().map(|session| (session.secret.as_str(), session)).collect(),
            by_address: BTreeMap::new(),
            of_account: BTreeMap::new(),
            of_device: BTreeMap::new(),
            trail: BTreeMap::new(),
            details: BTreeSet::new(),
            grants_of_session: BTreeMap::new(),
            grants_of_client: BTreeMap::new(),
        };
        for session in &rows.sessions {
            index.by_address.entry(&session.address).or_default().push(session);
            index.of_account.entry(&session.account).or_default().push(session);
            if let Some(device) = &session.device {
                index.of_device.entry(device).or_default().push(session);
            }
        }
        for entry in &rows.audit {
            if entry.is_done || entry.event == "code.replayed" {
                for key in keys(entry) {
                    *index.trail.entry((&entry.event, key)).or_default() += 1;
                    if let Some(detail) = &entry.detail {
                        index.details.insert((&entry.event, key, detail));
                    }
                }
            }
        }
        for (id, grant) in &rows.grants {
            *index.grants_of_session.entry(&grant.session).or_default() += 1;
            index.grants_of_client.entry(&grant.client).or_default().push((id, grant.is_revoked));
        }
        index
    }

    fn at(&self, address: &str) -> &[&'r Session] {
        self.by_address.get(address).map_or(&[], Vec::as_slice)
    }

    fn sessions_of(&self, account: &str) -> &[&'r Session] {
        self.of_account.get(account).map_or(&[], Vec::as_slice)
    }

    fn sessions_by(&self, device: &str) -> &[&'r Session] {
        self.of_device.get(device).map_or(&[], Vec::as_slice)
    }

    fn grants_to(&self, client: &str) -> &[(&'r str, bool)] {
        self.grants_of_client.get(client).map_or(&[], Vec::as_slice)
    }

    fn entries(&self, event: &'static str, key: &str) -> u64 {
        self.trail.get(&(event, key)).copied().unwrap_or_default()
    }

    fn has_detail(&self, event: &'static str, key: &str, detail: &'static str) -> bool {
        self.details.contains(&(event, key, detail))
    }
}

/// What the ledger knows of one thing from several lines.
#[derive(Debug, Default)]
struct Known<'l> {
    signed_out: BTreeSet<&'l str>,
    disabled: BTreeSet<&'l str>,
    /// Accounts by the newest generation of their password that was certain, and that may be.
    passwords: BTreeMap<&'l str, u32>,
    new_passwords: BTreeSet<&'l str>,
    stopped: BTreeMap<&'l str, Vec<&'l Line>>,
    /// Phones that waited, and such as an administrator let in for certain.
    waiting: BTreeSet<&'l str>,
    let_in: BTreeSet<&'l str>,
    replayed: BTreeSet<&'l str>,
    deleted: BTreeSet<&'l str>,
    /// Tokens of a session: certain, and at most.
    tokens: BTreeMap<&'l str, (u64, u64)>,
    approvals: BTreeMap<&'l str, (u64, u64)>,
    enrolments: BTreeMap<&'l str, u64>,
    rotations: u64,
}

impl<'l> Known<'l> {
    fn new(lines: &'l [Line]) -> Self {
        let mut known = Self::default();
        for line in lines {
            let certain = u64::from(line.is_certain);
            match &line.deed {
                Deed::SignedOut { secret } => drop(known.signed_out.insert(secret)),
                Deed::Disabled { account } => drop(known.disabled.insert(account)),
                Deed::Password { account, generation } => {
                    known.new_passwords.insert(account);
                    if line.is_certain {
                        let newest = known.passwords.entry(account).or_default();
                        *newest = (*newest).max(*generation);
                    }
                }
                Deed::Stopped { device, .. } => known.stopped.entry(device).or_default().push(line),
                Deed::Waits { device } => drop(known.waiting.insert(device)),
                Deed::LetIn { device } if line.is_certain => drop(known.let_in.insert(device)),
                Deed::Replayed { grant } => drop(known.replayed.insert(grant)),
                Deed::ClientDeleted { client } => drop(known.deleted.insert(client)),
                Deed::Tokens { secret, .. } => count(known.tokens.entry(secret).or_default(), certain),
                Deed::Approved { device } => count(known.approvals.entry(device).or_default(), certain),
                Deed::Enrolment { account } => *known.enrolments.entry(account).or_default() += 1,
                Deed::Rotated => known.rotations += certain,
                Deed::Account { .. }
                | Deed::Session { .. }
                | Deed::Consent { .. }
                | Deed::Device { .. }
                | Deed::LetIn { .. }
                | Deed::Client { .. } => {}
            }
        }
        known
    }
}

fn count(place: &mut (u64, u64), certain: u64) {
    place.0 += certain;
    place.1 += 1;
}

/// Compares them.
pub fn compare(lines: &[Line], kids: &BTreeSet<String>, rows: &Rows) -> Said {
    let (index, known) = (Index::new(rows), Known::new(lines));
    let mut said = Said::default();
    for line in lines {
        let mut of_line = Said::default();
        one(line, &index, &known, &mut of_line);
        for (check, looks) in of_line.looked {
            *said.looked.entry(check).or_default() += looks;
        }
        let trail = line.trail.join("\n      ");
        said.found.extend(of_line.found.into_iter().map(|(check, what)| {
            (check, format!("{what}\n    {:?}, heard of at {}\n      {trail}", line.deed, line.at))
        }));
    }
    sums(&index, &known, &mut said);
    signing_keys(kids, rows, known.rotations, &mut said);
    said
}

fn one(line: &Line, index: &Index<'_>, known: &Known<'_>, said: &mut Said) {
    let rows = index.rows;
    match &line.deed {
        Deed::Session { .. } => session(line, index, known, said),
        Deed::Account { account, name } if line.is_certain => {
            let is_there = rows.accounts.get(account).is_some_and(|row| row.username_key == *name);
            said.so(Check::Accounts, is_there, || format!("the account {name} is lost"));
            let is_told = index.entries("account.created", account) == 1;
            said.so(Check::Trail, is_told, || format!("the trail does not know of the account {name}"));
        }
        Deed::Disabled { account } if line.is_certain => {
            let is_stopped = rows.accounts.get(account).is_some_and(|row| !row.is_active);
            said.so(Check::Accounts, is_stopped, || format!("{account} is not disabled"));
            let is_told = index.entries("account.disabled", account) == 1;
            said.so(Check::Trail, is_told, || format!("the trail does not know that {account} was disabled"));
            for alive in index.sessions_of(account).iter().filter(|row| row.ended_why.is_none()) {
                said.so(Check::DeadStaysDead, false, || {
                    format!(
                        "session {} of the disabled {account} has not ended (from {})",
                        alive.id, alive.address
                    )
                });
            }
        }
        Deed::Password { account, .. } if line.is_certain => {
            let is_told = index.has_detail("account.changed", account, "password set");
            said.so(Check::Accounts, is_told, || format!("the new password of {account} is lost"));
        }
        Deed::SignedOut { secret } if line.is_certain => {
            let row = index.by_secret.get(secret.as_str());
            said.so(Check::SignOuts, row.is_some_and(|row| row.ended_why.is_some()), || {
                format!("the session {secret} is alive after its sign-out")
            });
            if let Some(row) = row {
                let is_told = index.entries("session.ended", &row.id) > 0;
                said.so(Check::Trail, is_told, || format!("the trail does not know the end of {}", row.id));
            }
        }
        Deed::Tokens { grant: Some(grant), secret, client } if line.is_certain => {
            let session = index.by_secret.get(secret.as_str()).map(|row| row.id.as_str());
            let row = rows.grants.get(grant);
            let is_there =
                row.is_some_and(|row| row.client == *client && Some(row.session.as_str()) == session);
            said.so(Check::Grants, is_there, || format!("the grant {grant} is lost or another's: {row:?}"));
            // The end of a session is the end of its tokens.
            let has_ended = index.by_secret.get(secret.as_str()).is_some_and(|row| row.ended_why.is_some());
            let may_be_revoked = has_ended
                || known.replayed.contains(grant.as_str())
                || known.deleted.contains(client.as_str());
            let is_revoked = row.is_some_and(|row| row.is_revoked);
            said.so(Check::Unasked, may_be_revoked || !is_revoked, || {
                format!("nobody asked to revoke {grant}")
            });
        }
        Deed::Replayed { grant } if line.is_certain => {
            let row = rows.grants.get(grant);
            said.so(Check::ReplaysRevoked, row.is_some_and(|row| row.is_revoked), || {
                format!("the grant {grant} is alive although its code came twice")
            });
            let is_told = row.is_some_and(|row| index.entries("code.replayed", &row.session) > 0);
            said.so(Check::Trail, is_told, || format!("the trail does not know of the replay of {grant}"));
        }
        Deed::Consent { account, client } if line.is_certain => {
            let is_there = rows.consents.contains(&(account.clone(), client.clone()));
            let is_deleted = known.deleted.contains(client.as_str());
            said.so(Check::Consents, is_there || is_deleted, || {
                format!("the consent of {account} to {client} is lost")
            });
            let is_told = index.entries("consent.given", client) > 0;
            said.so(Check::Trail, is_told, || format!("the trail does not know of a consent to {client}"));
        }
        Deed::Device { device, account } if line.is_certain => {
            let row = rows.devices.get(device);
            let is_there = row.is_some_and(|row| row.account == *account);
            said.so(Check::Devices, is_there, || format!("the phone {device} is lost"));
            let waits = known.waiting.contains(device.as_str()) && !known.let_in.contains(device.as_str());
            let is_active = row.is_some_and(|row| row.state == "active" || (waits && row.state == "pending"));
            said.so(
                Check::Unasked,
                !is_there || is_active || known.stopped.contains_key(device.as_str()),
                || format!("nobody asked to stop {device}"),
            );
            let is_told = index.entries("device.added", device) > 0;
            said.so(Check::Trail, is_told, || format!("the trail does not know of the phone {device}"));
        }
        Deed::LetIn { device } if line.is_certain => {
            let told = index.entries("device.approved", device);
            said.so(Check::Trail, told == 1, || {
                format!("{device} was let in once; the trail has that {told} times")
            });
        }
        Deed::Stopped { device, state, with_sessions } if line.is_certain => {
            stopped(line, device, state, *with_sessions, index, said);
        }
        Deed::Client { client } if line.is_certain => {
            let is_there = rows.clients.contains(client);
            said.so(Check::Clients, is_there || known.deleted.contains(client.as_str()), || {
                format!("the relying party {client} is lost")
            });
            let is_told = index.entries("client.created", client) > 0;
            said.so(Check::Trail, is_told, || format!("the trail does not know of {client}"));
        }
        Deed::ClientDeleted { client } if line.is_certain => {
            said.so(Check::Clients, !rows.clients.contains(client), || {
                format!("the deleted {client} is there")
            });
            let is_told = index.entries("client.deleted", client) > 0;
            said.so(Check::Trail, is_told, || format!("the trail does not know that {client} was deleted"));
            for (grant, is_revoked) in index.grants_to(client) {
                said.so(Check::DeadStaysDead, *is_revoked, || {
                    format!("{grant} outlives its client {client}")
                });
            }
            let consents = rows.consents.iter().filter(|(_, of)| of == client).count();
            said.so(Check::DeadStaysDead, consents == 0, || format!("{consents} consents outlive {client}"));
        }
        _ => {}
    }
}

fn session(line: &Line, index: &Index<'_>, known: &Known<'_>, said: &mut Said) {
    let Deed::Session { secret, account, device, address, generation } = &line.deed else { return };
    let made = index.at(address);
    let check = if device.is_some() { Check::ChannelsOnce } else { Check::Sessions };
    said.so(check, made.len() <= 1, || format!("{} sessions of one sign-in: {made:?}", made.len()));
    for row in made {
        let is_theirs = row.account == *account && row.device == *device;
        said.so(Check::Sessions, is_theirs, || format!("the session {} is another's: {row:?}", row.id));
        let is_told = index.entries("session.started", &row.id) > 0;
        said.so(Check::Trail, is_told, || format!("the trail does not know the beginning of {}", row.id));
        if device.is_some() {
            let redeemed = index.entries("channel.redeemed", &row.id);
            said.so(Check::ChannelsOnce, redeemed == 1, || {
                format!("{redeemed} channels were redeemed for the session {}", row.id)
            });
        }
        let newest = known.passwords.get(account.as_str()).copied().unwrap_or_default();
        if device.is_none() && newest > *generation {
            said.so(Check::DeadStaysDead, row.ended_why.is_some(), || {
                format!("the session {} was made with a password that is no more, and is alive", row.id)
            });
        }
    }
    let Some(secret) = secret.as_ref().filter(|_| line.is_certain) else { return };
    let row = index.by_secret.get(secret.as_str());
    said.so(Check::Sessions, row.is_some(), || format!("the session {secret} of {account} is lost"));
    let Some(row) = row else { return };
    let is_asked = known.signed_out.contains(secret.as_str())
        || known.disabled.contains(account.as_str())
        || known.new_passwords.contains(account.as_str())
        || device.as_ref().and_then(|device| known.stopped.get(device.as_str())).is_some_and(|stops| {
            stops.iter().any(|stop| matches!(stop.deed, Deed::Stopped { with_sessions: true, .. }))
        });
    said.so(Check::Unasked, is_asked || row.ended_why.is_none(), || {
        format!("nobody asked to end {}: {:?}", row.id, row.ended_why)
    });
}

fn stopped(line: &Line, device: &str, state: &str, with_sessions: bool, index: &Index<'_>, said: &mut Said) {
    let is_stopped = index.rows.devices.get(device).is_some_and(|row| row.state == state);
    said.so(Check::Devices, is_stopped, || format!("{device} is not {state}"));
    let (word, other) = if state == "suspended" {
        ("device.suspended", "device.revoked")
    } else {
        ("device.revoked", "device.suspended")
    };
    let told = (index.entries(word, device), index.entries(other, device));
    said.so(Check::Trail, told == (1, 0), || {
        format!("{device} was {state} once; the trail has {} of {word}, {} of {other}", told.0, told.1)
    });
    for row in index.sessions_by(device) {
        said.so(Check::DeadStaysDead, row.created_at <= line.at, || {
            format!(
                "the session {} began {} ms after its phone was {state}",
                row.id,
                row.created_at - line.at
            )
        });
        if with_sessions {
            said.so(Check::DeadStaysDead, row.ended_why.is_some(), || {
                format!("the session {} outlives its phone, which was revoked with its sessions", row.id)
            });
        }
    }
}

/// What is compared by counting.
fn sums(index: &Index<'_>, known: &Known<'_>, said: &mut Said) {
    for (secret, (certain, most)) in &known.tokens {
        let Some(row) = index.by_secret.get(secret) else { continue };
        let grants = index.grants_of_session.get(row.id.as_str()).copied().unwrap_or_default();
        said.so(Check::CodesOnce, (*certain..=*most).contains(&grants), || {
            format!("session {}: {grants} grants, but {certain} to {most} codes were redeemed", row.id)
        });
        let told = index.entries("code.redeemed", &row.id);
        said.so(Check::Trail, told == grants, || {
            format!("session {}: {grants} grants, {told} in the trail", row.id)
        });
    }
    for (device, (certain, most)) in &known.approvals {
        let told = index.entries("channel.approved", device);
        said.so(Check::Trail, (*certain..=*most).contains(&told), || {
            format!("{device}: {told} approvals in the trail, but {certain} to {most} were given")
        });
    }
    let mut phones: BTreeMap<&str, u64> = BTreeMap::new();
    for device in index.rows.devices.values() {
        *phones.entry(&device.account).or_default() += 1;
    }
    for (account, count) in phones {
        let most = known.enrolments.get(account).copied().unwrap_or_default();
        said.so(Check::EnrolmentsOnce, count <= most, || {
            format!("{account} has {count} phones of {most} enrolments")
        });
    }
}

fn signing_keys(kids: &BTreeSet<String>, rows: &Rows, rotations: u64, said: &mut Said) {
    for kid in kids {
        let is_there = rows.keys.iter().any(|key| key.kid == *kid);
        said.so(Check::Keys, is_there, || format!("the key {kid}, which signed tokens, is lost"));
    }
    let algs: BTreeSet<&str> = rows.keys.iter().map(|key| key.alg.as_str()).collect();
    said.so(Check::Keys, !algs.is_empty(), || "there is no signing key".to_owned());
    for alg in algs {
        // Nobody has to know a key that decrypts before it is used: such keys have no successor ready.
        let decrypts = ["RSA-OAEP-256", "ECDH-ES"].contains(&alg);
        let states: &[&str] = if decrypts { &["current"] } else { &["current", "next"] };
        for state in states {
            let count = rows.keys.iter().filter(|key| key.alg == alg && key.state == *state).count();
            said.so(Check::Keys, count == 1, || format!("{count} keys of {alg} are {state}"));
        }
        let retired = rows.keys.iter().filter(|key| key.alg == alg && key.state == "retired").count();
        let retired = u64::try_from(retired).unwrap_or(u64::MAX);
        said.so(Check::Keys, retired >= rotations, || {
            format!("{rotations} rotations were acknowledged, {retired} keys of {alg} are retired")
        });
    }
    let told = rows.audit.iter().filter(|entry| entry.event == "key.rotated" && entry.is_done).count();
    let told = u64::try_from(told).unwrap_or(u64::MAX);
    said.so(Check::Trail, told >= rotations, || format!("{rotations} rotations, {told} in the trail"));
}
