//! Phones: signing in by QR, redeeming twice, enrolling twice, being stopped.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use testkit::wire::Request;
use testkit::{DeviceKey, Phone, RelyingParty, b64, canonical, sha256};

use super::people::SESSIONS;
use super::steps::{self, Begun, Code, SignedIn, Who};
use crate::chance::Chance;
use crate::findings::{Check, Outcome};
use crate::ledger::Deed;
use crate::stage::Said;
use crate::visitor::{Reply, Visitor, ask};
use crate::watch::Dead;
use crate::world::{Living, World};

/// A stopped phone can do nothing on any node after so long (SEC-079).
pub const DEVICES: Duration = Duration::from_secs(1);

/// A browser that waits for the phone's owner, and the channel it shows.
async fn waiting(
    visitor: &mut Visitor<'_>,
    party: &RelyingParty,
) -> Option<(testkit::Page, testkit::Started, String)> {
    let started = party.start();
    let page = steps::login_page(visitor, &started).await?;
    let channel = steps::show_qr(visitor, &page).await?;
    Some((page, started, channel))
}

/// Signs in by QR; `times` says at how many nodes at once the browser redeems. With 0 it is one, and the code is
/// left alone.
async fn by_qr(world: &World, phone: &Phone, times: usize, chance: &mut Chance) -> (Outcome, Option<Living>) {
    let party = &world.parties[chance.below(world.parties.len())];
    let (mut visitor, mut mobile) = (Visitor::new(world, chance), Visitor::new(world, chance));
    let refused = (Outcome::Refused, None);
    let Some((page, started, channel)) = waiting(&mut visitor, party).await else { return refused };
    let Some(claim) = steps::claim(&mut mobile, phone, &channel).await else { return refused };
    let Some(check) = steps::check_code(&mut visitor, &page).await else { return refused };
    let reply = steps::approve(&mut mobile, phone, &claim, &check).await;
    let is_approved = matches!(&reply, Reply::Answer(answer) if answer.status == 204) || reply.may_be_done();
    let Some(request) = visitor.script(&page, "/login/phone").filter(|_| is_approved) else { return refused };
    let request = visitor.dressed(request.header("accept", "text/html"));
    let nodes = visitor.all_nodes();
    let from = visitor.from;
    let replies = if times > 1 {
        let (one, other) =
            tokio::join!(ask(world, nodes[0], from, &request), ask(world, nodes[1], from, &request));
        vec![one, other]
    } else {
        let mut last = ask(world, nodes[0], from, &request).await;
        if matches!(last, Reply::Unreached) {
            last = ask(world, nodes[1], from, &request).await;
        }
        vec![last]
    };
    for (node, reply) in nodes.into_iter().zip(&replies) {
        visitor.wrote(node, &request, reply);
    }
    let who = Who { account: &phone.account, device: Some(&phone.device), generation: 0 };
    match steps::signed_in(&mut visitor, &replies, who) {
        SignedIn::Yes(living, code) => {
            // Of two that race for something else the code may be over before it is redeemed.
            if let Some(code) = code.filter(|_| times > 0) {
                let code =
                    Code { client: party.client_id.clone(), started, code, secret: living.secret.clone() };
                let _ = steps::exchange(&mut visitor, &code).await;
            }
            (Outcome::Acknowledged, Some(living))
        }
        SignedIn::No(_) => refused,
        SignedIn::Unknown => (Outcome::Unknown, None),
    }
}

/// A person signs in by QR.
pub async fn signs_in(world: &World, chance: &mut Chance) -> Outcome {
    let phone = &world.people[chance.below(world.people.len())].phone;
    let (outcome, living) = by_qr(world, phone, 1, chance).await;
    if let Some(living) = living {
        world.keep_living(living, chance);
    }
    outcome
}

/// The same, and the browser redeems at two nodes at once.
pub async fn redeems_twice(world: &World, chance: &mut Chance) -> Outcome {
    let phone = &world.people[chance.below(world.people.len())].phone;
    let (outcome, living) = by_qr(world, phone, 2, chance).await;
    if let Some(living) = living {
        world.keep_living(living, chance);
    }
    outcome
}

/// One enrolment link, taken at two nodes at once; what was begun is completed twice at once.
async fn enrols_twice(
    world: &World,
    account: &steps::Account,
    chance: &mut Chance,
) -> (Outcome, Option<Arc<Phone>>) {
    let refused = (Outcome::Refused, None);
    let said = world.stage.command(&["device", "enrol", "--user", &account.name], "").await;
    let Said::Done(link) = said else { return (Outcome::Unknown, None) };
    let Some((_, token)) = link["url"].as_str().and_then(|url| url.split_once("#e1")) else { return refused };
    let mut mobile = Visitor::new(world, chance);
    let [first, second, third] = mobile.all_nodes();
    let from = mobile.from;
    let request = Request::json("/api/phone/v1/enrolments", &json!({"token": token}));
    let (one, other) = tokio::join!(ask(world, first, from, &request), ask(world, second, from, &request));
    mobile.wrote(first, &request, &one);
    mobile.wrote(second, &request, &other);
    // Whatever comes: this link makes one phone at most.
    world.ledger.maybe(Deed::Enrolment { account: account.id.clone() }, &mobile.trail);
    let is_unknown = one.may_be_done() || other.may_be_done();
    let begun: Vec<Begun> =
        [one, other].into_iter().filter_map(|reply| Begun::read(&reply.with(200)?)).collect();
    world.findings.check(Check::EnrolmentsOnce, begun.len() <= 1, || {
        format!("one link was taken twice: {:#?}", mobile.trail)
    });
    let Some(begun) = begun.first() else {
        return if is_unknown { (Outcome::Unknown, None) } else { refused };
    };
    let keys = [DeviceKey::generate(), DeviceKey::generate()];
    let requests = [begun.request(world, &keys[0]), begun.request(world, &keys[1])];
    let (one, other) =
        tokio::join!(ask(world, second, from, &requests[0]), ask(world, third, from, &requests[1]));
    mobile.wrote(second, &requests[0], &one);
    mobile.wrote(third, &requests[1], &other);
    let is_unknown = one.may_be_done() || other.may_be_done();
    let phones: Vec<Arc<Phone>> = [one, other]
        .into_iter()
        .zip(keys)
        .filter_map(|(reply, key)| steps::enrolled(&mobile, reply, &account.id, key))
        .collect();
    world.findings.check(Check::EnrolmentsOnce, phones.len() <= 1, || {
        format!("one enrolment made two phones: {:#?}", mobile.trail)
    });
    match phones.into_iter().next() {
        Some(phone) => (Outcome::Acknowledged, Some(phone)),
        None if is_unknown => (Outcome::Unknown, None),
        None => refused,
    }
}

/// A request of the phone about itself, signed as a whole.
async fn leaves(world: &World, phone: &Phone, with_sessions: bool, chance: &mut Chance) -> Reply {
    let mut mobile = Visitor::new(world, chance);
    let asked = steps::post(&mut mobile, "/challenges", &json!({"device": phone.device})).await;
    let Some(answer) = asked.with(200) else { return Reply::Unreached };
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let challenge = body["challenge"].as_str().unwrap_or_default().to_owned();
    let path = "/api/phone/v1/devices/self/revoke";
    let body = json!({"end_sessions": with_sessions}).to_string().into_bytes();
    let message = canonical(
        "latchbolt-device-v1",
        &[
            ("issuer", &world.stage.issuer),
            ("device", &phone.device),
            ("challenge", &challenge),
            ("method", "POST"),
            ("path", path),
            ("body", &b64(&sha256(&body))),
        ],
    );
    let mut request = Request::new("POST", path)
        .header("content-type", "application/json")
        .header("lb-device", &phone.device)
        .header("lb-challenge", &challenge)
        .header("lb-signature", &phone.key.sign(&message));
    request.body = body;
    mobile.send(request).await
}

/// An account is made and enrols a phone (by a link that is taken twice, or by password); the phone signs in,
/// claims once more, and is stopped meanwhile.
pub async fn lives_and_ends(world: &World, chance: &mut Chance) -> Outcome {
    let Some(account) = steps::account(world).await else { return Outcome::Unknown };
    let (outcome, phone) = if chance.percent(60) {
        enrols_twice(world, &account, chance).await
    } else {
        let mut mobile = Visitor::new(world, chance);
        match steps::enrol(&mut mobile, &account).await {
            Some(phone) => (Outcome::Acknowledged, Some(phone)),
            None => (Outcome::Unknown, None),
        }
    };
    let Some(phone) = phone else { return outcome };
    let (_, living) = by_qr(world, &phone, 1, chance).await;

    // A claim that is under way when the phone is stopped.
    let party = &world.parties[0];
    let (mut visitor, mut mobile) = (Visitor::new(world, chance), Visitor::new(world, chance));
    let mut under_way = None;
    if let Some((page, _, channel)) = waiting(&mut visitor, party).await
        && let Some(claim) = steps::claim(&mut mobile, &phone, &channel).await
    {
        under_way = steps::check_code(&mut visitor, &page).await.map(|code| (claim, code));
    }

    let (with_sessions, state) =
        (chance.percent(60), if chance.percent(30) { "suspended" } else { "revoked" });
    let with_sessions = with_sessions && state == "revoked";
    let by_itself = state == "revoked" && chance.percent(30);
    let racing = Chance::new(chance.next());
    let race = async {
        // A sign-in that may come in before the end, or too late.
        let mut racing = racing;
        by_qr(world, &phone, 0, &mut racing).await.1
    };
    let stop = async {
        if by_itself {
            let reply = leaves(world, &phone, with_sessions, chance).await;
            return (reply.clone().with(204).is_some(), reply.may_be_done());
        }
        let mut words =
            vec!["device", if state == "revoked" { "revoke" } else { "suspend" }, phone.device.as_str()];
        if with_sessions {
            words.push("--end-sessions");
        }
        match world.stage.command(&words, "").await {
            Said::Done(_) => (true, true),
            Said::Failed(_) => (false, true),
        }
    };
    let ((is_done, is_maybe), raced) = tokio::join!(stop, race);
    let stopped = std::time::Instant::now();
    let deed = Deed::Stopped { device: phone.device.clone(), state, with_sessions };
    if !is_done {
        if is_maybe {
            world.ledger.maybe(deed, &[]);
            return Outcome::Unknown;
        }
        return Outcome::Refused;
    }
    world.ledger.certain(deed, &[]);
    world.graves.bury(Dead::Phone { phone: Arc::clone(&phone) }, DEVICES);
    if with_sessions {
        for living in [living, raced].into_iter().flatten() {
            world.graves.bury(Dead::Session { jar: living.jar, secret: living.secret }, SESSIONS);
        }
    }
    if let Some((claim, code)) = under_way {
        tokio::time::sleep(DEVICES.saturating_sub(stopped.elapsed())).await;
        let reply = steps::approve(&mut mobile, &phone, &claim, &code).await;
        world.findings.check(Check::DeadStaysDead, reply.with(204).is_none(), || {
            format!("the {state} phone {} approves: {:#?}", phone.device, mobile.trail)
        });
    }
    Outcome::Acknowledged
}
