//! What administrators do through the API: a file of people imported, a waiting phone let in and revoked.
//!
//! Long work goes on whatever happens to the node that does it: of its rows none is lost and none is done twice.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::wire::Request;

use super::phones::DEVICES;
use super::steps;
use crate::chance::Chance;
use crate::findings::{Check, Outcome};
use crate::ledger::Deed;
use crate::stage::Said;
use crate::visitor::{Reply, Visitor};
use crate::watch::Dead;
use crate::world::World;

const API: &str = "/api/admin/v1";
/// Rows of a file: several units of work.
const ROWS: usize = 120;
/// Work is finished in this time: twice the half minute after which a silent node loses it, and some to do it.
const FINISHED: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(300);

/// A request with the API key of the run.
fn request(world: &World, method: &str, path: &str, body: Option<&Value>) -> Request {
    let target = format!("{API}{path}");
    let request = match body {
        Some(body) => Request { method: method.to_owned(), ..Request::json(&target, body) },
        None => Request::new(method, &target),
    };
    request.header("authorization", &format!("Bearer {}", world.admin.key))
}

fn post(world: &World, path: &str, body: &Value) -> Request {
    request(world, "POST", path, Some(body))
}

fn json_of(reply: Reply, status: u16) -> Option<Value> {
    serde_json::from_slice(&reply.with(status)?.body).ok()
}

/// The API key of the run.
///
/// # Errors
/// It cannot be made.
pub async fn key(world: &World) -> Result<String, String> {
    let mut words = vec!["api-key", "create", "faults"];
    for permission in
        ["users.write", "groups.write", "policy.write", "devices.write", "jobs.read", "jobs.write"]
    {
        words.extend(["--permission", permission]);
    }
    match world.stage.command(&words, "").await {
        Said::Done(made) => made["key"].as_str().map(str::to_owned).ok_or_else(|| format!("no key: {made}")),
        Said::Failed(why) => Err(format!("an API key cannot be made: {why}")),
    }
}

/// The group whose members' phones wait until they are let in.
///
/// # Errors
/// It cannot be made.
pub async fn group(world: &World, chance: &mut Chance) -> Result<String, String> {
    let mut admin = Visitor::new(world, chance);
    let body = json!({"name": "watched", "overrides": {"approval": true}});
    let made = json_of(admin.send(post(world, "/groups", &body)).await, 201);
    let id = made.and_then(|group| group["id"].as_str().map(str::to_owned));
    id.ok_or_else(|| format!("a group cannot be made: {:#?}", admin.trail))
}

/// A file of people is read, looked at, and done row by row.
pub async fn imports(world: &World, chance: &mut Chance) -> Outcome {
    let mut admin = Visitor::new(world, chance);
    let names: Vec<String> = (0..ROWS).map(|_| world.name("imported")).collect();
    let mut file = request(world, "POST", "/imports?kind=users", None).header("content-type", "text/csv");
    file.body = format!("username\n{}\n", names.join("\n")).into_bytes();
    let Some(planned) = json_of(admin.send(file).await, 201) else { return Outcome::Refused };
    let Some(id) = planned["id"].as_str().map(str::to_owned) else { return Outcome::Refused };
    let job = format!("/jobs/{id}");
    let reply = admin.send(post(world, &format!("{job}/start"), &json!({}))).await;
    let is_started = matches!(&reply, Reply::Answer(answer) if answer.status == 200);
    if !is_started && !reply.may_be_done() {
        return Outcome::Refused;
    }
    let (began, mut most) = (Instant::now(), 0);
    while began.elapsed() < FINISHED {
        tokio::time::sleep(LOOK).await;
        let reply = admin.send_safely(request(world, "GET", &job, None)).await;
        let Some(seen) = json_of(reply, 200) else { continue };
        let done = seen["rows"]["done"].as_u64().unwrap_or_default();
        world.findings.check(Check::LongWork, done >= most, || {
            format!("of {id} {most} rows were done, and then {done}: {:#?}", admin.trail)
        });
        most = most.max(done);
        if seen["state"] == "finished" {
            let (failed, all) = (&seen["rows"]["failed"], u64::try_from(ROWS).unwrap_or_default());
            world.findings.check(Check::LongWork, most == all && *failed == 0, || {
                format!("{id} was finished with {most} of {all} rows done: {seen}")
            });
            return told(world, &mut admin, &job).await;
        }
        if seen["state"] == "ready" && !is_started {
            // The start that nobody answered did not happen.
            return Outcome::Refused;
        }
    }
    world.findings.violation(Check::LongWork, format!("{id} is not finished: {:#?}", admin.trail));
    Outcome::Unknown
}

/// Writes down the accounts that finished work says to have made.
async fn told(world: &World, admin: &mut Visitor<'_>, job: &str) -> Outcome {
    let reply = admin.send_safely(request(world, "GET", &format!("{job}/rows?limit=200"), None)).await;
    let Some(rows) = json_of(reply, 200) else { return Outcome::Unknown };
    for row in rows["items"].as_array().into_iter().flatten() {
        if let (Some(account), Some(name)) = (row["subject"].as_str(), row["label"].as_str()) {
            let deed = Deed::Account { account: account.to_owned(), name: name.to_owned() };
            world.ledger.certain(deed, &[]);
        }
    }
    Outcome::Acknowledged
}

/// Somebody whose phones wait enrols one; it is let in, and revoked.
pub async fn lets_in(world: &World, chance: &mut Chance) -> Outcome {
    let Some(account) = steps::account(world).await else { return Outcome::Unknown };
    let mut admin = Visitor::new(world, chance);
    let members = format!("/groups/{}/members", world.admin.group);
    let joined = admin.send(post(world, &members, &json!({"add": [account.id]}))).await;
    if joined.with(200).is_none() {
        return Outcome::Refused;
    }
    let mut mobile = Visitor::new(world, chance);
    let Some(phone) = steps::enrol(&mut mobile, &account).await else { return Outcome::Unknown };
    let device = phone.device.clone();
    world.ledger.certain(Deed::Waits { device: device.clone() }, &mobile.trail);

    let body = json!({"ids": [device], "decision": "approve", "reason": "seen"});
    let reply = admin.send(post(world, "/approvals/decide", &body)).await;
    let deed = Deed::LetIn { device: device.clone() };
    let is_unknown = reply.may_be_done();
    match json_of(reply, 200) {
        Some(said) => {
            world.findings.check(Check::Devices, said["results"][0]["outcome"] == "done", || {
                format!("the waiting phone {device} is not let in: {said}")
            });
            world.ledger.certain(deed, &admin.trail);
        }
        None if is_unknown => world.ledger.maybe(deed, &admin.trail),
        None => return Outcome::Refused,
    }

    let reply = admin.send(post(world, &format!("/devices/{device}/revoke"), &json!({}))).await;
    let deed = Deed::Stopped { device, state: "revoked", with_sessions: false };
    let is_unknown = reply.may_be_done();
    if reply.with(200).is_some() {
        world.ledger.certain(deed, &admin.trail);
        world.graves.bury(Dead::Phone { phone }, DEVICES);
        return Outcome::Acknowledged;
    }
    if is_unknown {
        world.ledger.maybe(deed, &admin.trail);
        return Outcome::Unknown;
    }
    Outcome::Refused
}
