//! People: signing in by password, going on without being asked, signing out, being disabled, a new password.

use std::time::Duration;

use testkit::wire::Request;

use super::steps::{self, Account, Code, Exchanged, SignedIn, Silent, Who};
use crate::chance::Chance;
use crate::findings::{Check, Outcome};
use crate::ledger::Deed;
use crate::stage::Said;
use crate::visitor::{Reply, Visitor};
use crate::watch::Dead;
use crate::world::World;

/// Sessions have to be over everywhere after so long (SEC-153).
pub const SESSIONS: Duration = Duration::from_secs(5);

fn pick<'a, T>(all: &'a [T], chance: &mut Chance) -> &'a T {
    &all[chance.below(all.len())]
}

/// Signs in by password; the code becomes tokens.
pub async fn by_password(world: &World, chance: &mut Chance) -> Outcome {
    let (person, party) = (pick(&world.people, chance), pick(&world.parties, chance));
    let mut visitor = Visitor::new(world, chance);
    let started = party.start();
    let Some(page) = steps::login_page(&mut visitor, &started).await else { return Outcome::Refused };
    let who = Who { account: &person.account, device: None, generation: 0 };
    match steps::password(&mut visitor, &page, &person.name, &person.password, who).await {
        SignedIn::Yes(living, code) => {
            if let Some(code) = code {
                let client = party.client_id.clone();
                let code = Code { client, started, code, secret: living.secret.clone() };
                let _ = steps::exchange(&mut visitor, &code).await;
            }
            world.keep_living(living, chance);
            Outcome::Acknowledged
        }
        SignedIn::No(status) => {
            world.findings.check(Check::LivingLives, status != 401, || {
                format!("the right password of {} is refused: {:#?}", person.name, visitor.trail)
            });
            Outcome::Refused
        }
        SignedIn::Unknown => Outcome::Unknown,
    }
}

/// A living session gets a code for a relying party, and that becomes tokens.
pub async fn goes_on(world: &World, chance: &mut Chance) -> Outcome {
    let Some(living) = world.take_living(chance) else { return Outcome::Refused };
    let party = pick(&world.parties, chance);
    let mut visitor = steps::browser(world, &living, chance);
    let outcome = match steps::silent(&mut visitor, party).await {
        Silent::Code(started, code) => {
            let client = party.client_id.clone();
            let code = Code { client, started, code, secret: living.secret.clone() };
            match steps::exchange(&mut visitor, &code).await {
                Exchanged::Tokens(tokens) => {
                    if chance.percent(40) {
                        let reply = visitor.send_safely(userinfo(&tokens.access)).await;
                        world.findings.check(Check::LivingLives, reply.with(401).is_none(), || {
                            format!("a new access token is refused: {:#?}", visitor.trail)
                        });
                    }
                    if chance.percent(25) {
                        // Once more, much later and elsewhere.
                        let wait = Duration::from_millis(chance.between(500, 40_000));
                        world.graves.bury(Dead::Code { code, grant: tokens.grant }, wait);
                    }
                    Outcome::Acknowledged
                }
                Exchanged::Unknown => Outcome::Unknown,
                _ => Outcome::Refused,
            }
        }
        Silent::Error(error) => {
            world.findings.check(Check::LivingLives, false, || {
                format!("a living session ({}) is told {error}: {:#?}", living.secret, visitor.trail)
            });
            return Outcome::Refused;
        }
        Silent::Nothing => Outcome::Refused,
    };
    world.keep_living(living, chance);
    outcome
}

/// One code, sent to two nodes at once.
pub async fn replays_code(world: &World, chance: &mut Chance) -> Outcome {
    let Some(living) = world.take_living(chance) else { return Outcome::Refused };
    let party = pick(&world.parties, chance);
    let mut visitor = steps::browser(world, &living, chance);
    let found = steps::silent(&mut visitor, party).await;
    let Silent::Code(started, code) = found else {
        world.keep_living(living, chance);
        return Outcome::Refused;
    };
    let code = Code { client: party.client_id.clone(), started, code, secret: living.secret.clone() };
    let [first, second, _] = visitor.all_nodes();
    let second = if chance.percent(20) { first } else { second };
    let both = steps::redeem_twice(&mut visitor, [first, second], &code).await;
    world.keep_living(living, chance);
    let (mut won, mut again, mut refused, mut unknown) = (Vec::new(), 0, 0, 0);
    for one in both {
        match one {
            Exchanged::Tokens(tokens) => won.push(tokens),
            Exchanged::UsedBefore => again += 1,
            Exchanged::Refused(_) => refused += 1,
            Exchanged::Unknown => unknown += 1,
            Exchanged::Unreached => {}
        }
    }
    let trace = || format!("{:#?}", visitor.trail);
    world
        .findings
        .check(Check::CodesOnce, won.len() <= 1, || format!("tokens twice for one code: {}", trace()));
    world.findings.check(Check::LivingLives, refused == 0, || format!("a new code is refused: {}", trace()));
    world.findings.check(Check::LivingLives, again == 0 || won.len() + unknown > 0, || {
        format!("a new code is called used: {}", trace())
    });
    for _ in 0..unknown {
        world.ledger.maybe(steps::tokens_deed(&code, None), &visitor.trail);
    }
    let Some(tokens) = won.pop() else {
        return if unknown > 0 { Outcome::Unknown } else { Outcome::Refused };
    };
    world.ledger.certain(steps::tokens_deed(&code, Some(&tokens)), &visitor.trail);
    let deed = Deed::Replayed { grant: tokens.grant };
    if again > 0 {
        world.ledger.certain(deed, &visitor.trail);
        world.graves.bury(Dead::Token { access: tokens.access }, SESSIONS);
        return Outcome::Acknowledged;
    }
    if unknown > 0 {
        world.ledger.maybe(deed, &visitor.trail);
        return Outcome::Unknown;
    }
    Outcome::Refused
}

/// A living session ends by its owner's wish, with its tokens.
pub async fn signs_out(world: &World, chance: &mut Chance) -> Outcome {
    let Some(living) = world.take_living(chance) else { return Outcome::Refused };
    let party = pick(&world.parties, chance);
    let mut visitor = steps::browser(world, &living, chance);
    let access = match steps::silent(&mut visitor, party).await {
        Silent::Code(started, code) => {
            let code = Code { client: party.client_id.clone(), started, code, secret: living.secret.clone() };
            match steps::exchange(&mut visitor, &code).await {
                Exchanged::Tokens(tokens) => Some(tokens.access),
                _ => None,
            }
        }
        _ => None,
    };
    let page = visitor.follow("/logout").await;
    let Some(page) = page.filter(|page| page.status() == 200) else {
        world.keep_living(living, chance);
        return Outcome::Refused;
    };
    world.findings.check(Check::LivingLives, page.find_form("logout").is_some(), || {
        format!("a living session ({}) has nothing to sign out of: {:#?}", living.secret, visitor.trail)
    });
    // A code that becomes tokens in the very moment of the end: they end, too.
    let mut beside = steps::browser(world, &living, chance);
    let late = match steps::silent(&mut beside, party).await {
        Silent::Code(started, code) => {
            Some(Code { client: party.client_id.clone(), started, code, secret: living.secret.clone() })
        }
        _ => None,
    };
    let racing = async {
        let code = late.as_ref()?;
        tokio::time::sleep(Duration::from_millis(beside.chance.between(0, 12))).await;
        let node = beside.any_node();
        Some(steps::redeem_at(&mut beside, node, code).await)
    };
    let (reply, raced) = tokio::join!(steps::submit(&mut visitor, &page, "logout", "logout-confirm"), racing);
    let mut accesses = Vec::from_iter(access);
    if let (Some(code), Some(raced)) = (&late, raced) {
        match raced {
            Exchanged::Tokens(tokens) => {
                world.ledger.certain(steps::tokens_deed(code, Some(&tokens)), &beside.trail);
                accesses.push(tokens.access);
            }
            Exchanged::Unknown => world.ledger.maybe(steps::tokens_deed(code, None), &beside.trail),
            _ => {}
        }
    }
    let deed = Deed::SignedOut { secret: living.secret.clone() };
    match &reply {
        Reply::Answer(answer) if answer.status == 303 => {
            world.ledger.certain(deed, &visitor.trail);
            world.graves.bury(Dead::Session { jar: living.jar, secret: living.secret }, SESSIONS);
            for access in accesses {
                world.graves.bury(Dead::Token { access }, SESSIONS);
            }
            Outcome::Acknowledged
        }
        reply if reply.may_be_done() => {
            world.ledger.maybe(deed, &visitor.trail);
            Outcome::Unknown
        }
        _ => {
            world.keep_living(living, chance);
            Outcome::Refused
        }
    }
}

/// Signs in while something else is going on; what comes of it is in the ledger alone.
async fn signs_in_meanwhile(world: &World, account: &Account, generation: u32, mut chance: Chance) {
    let party = pick(&world.parties, &mut chance);
    for _ in 0..3 {
        let mut visitor = Visitor::new(world, &mut chance);
        let _ = steps::sign_in(&mut visitor, &party.start(), account, generation).await;
    }
}

/// An account is made, signs in, and is disabled while it signs in elsewhere.
pub async fn is_disabled(world: &World, chance: &mut Chance) -> Outcome {
    let Some(account) = steps::account(world).await else { return Outcome::Unknown };
    let party = pick(&world.parties, chance);
    let mut visitor = Visitor::new(world, chance);
    let started = party.start();
    let signed_in = steps::sign_in(&mut visitor, &started, &account, 0).await;
    let mut access = None;
    if let SignedIn::Yes(living, Some(code)) = &signed_in {
        let code = Code {
            client: party.client_id.clone(),
            started,
            code: code.clone(),
            secret: living.secret.clone(),
        };
        if let Exchanged::Tokens(tokens) = steps::exchange(&mut visitor, &code).await {
            access = Some(tokens.access);
        }
    }
    let meanwhile = signs_in_meanwhile(world, &account, 0, Chance::new(chance.next()));
    let words = ["user", "disable", &account.name];
    let (said, ()) = tokio::join!(world.stage.command(&words, ""), meanwhile);
    let deed = Deed::Disabled { account: account.id.clone() };
    let Said::Done(_) = said else {
        world.ledger.maybe(deed, &[]);
        return Outcome::Unknown;
    };
    world.ledger.certain(deed, &[]);
    if let SignedIn::Yes(living, _) = signed_in {
        world.graves.bury(Dead::Session { jar: living.jar, secret: living.secret }, SESSIONS);
    }
    if let Some(access) = access {
        world.graves.bury(Dead::Token { access }, SESSIONS);
    }
    let dead = Dead::Password { name: account.name, password: account.password };
    world.graves.bury(dead, SESSIONS);
    Outcome::Acknowledged
}

/// An account is made, signs in, and gets a new password while it signs in with the old one.
pub async fn new_password(world: &World, chance: &mut Chance) -> Outcome {
    let Some(old) = steps::account(world).await else { return Outcome::Unknown };
    let party = pick(&world.parties, chance);
    let mut visitor = Visitor::new(world, chance);
    let signed_in = steps::sign_in(&mut visitor, &party.start(), &old, 0).await;
    let new = Account { password: format!("{} keeps a long secret 1", old.name), ..old.clone() };
    let input = format!("{}\n", new.password);
    let meanwhile = signs_in_meanwhile(world, &old, 0, Chance::new(chance.next()));
    let words = ["user", "set-password", &old.name];
    let (said, ()) = tokio::join!(world.stage.command(&words, &input), meanwhile);
    let deed = Deed::Password { account: old.id.clone(), generation: 1 };
    let Said::Done(_) = said else {
        world.ledger.maybe(deed, &[]);
        return Outcome::Unknown;
    };
    world.ledger.certain(deed, &[]);
    if let SignedIn::Yes(living, _) = signed_in {
        world.graves.bury(Dead::Session { jar: living.jar, secret: living.secret }, SESSIONS);
    }
    world.graves.bury(Dead::Password { name: old.name, password: old.password }, SESSIONS);
    let mut visitor = Visitor::new(world, chance);
    match steps::sign_in(&mut visitor, &party.start(), &new, 1).await {
        SignedIn::Yes(living, _) => world.keep_living(living, chance),
        SignedIn::No(status) => world.findings.check(Check::LivingLives, status != 401, || {
            format!("the new password of {} is refused: {:#?}", new.name, visitor.trail)
        }),
        SignedIn::Unknown => {}
    }
    Outcome::Acknowledged
}

/// The signing keys are rotated.
pub async fn rotates(world: &World, _: &mut Chance) -> Outcome {
    match world.stage.command(&["keys", "rotate", "--force"], "").await {
        Said::Done(_) => {
            world.ledger.certain(Deed::Rotated, &[]);
            Outcome::Acknowledged
        }
        Said::Failed(why) => {
            world.findings.note(&format!("keys rotate: {why}"));
            world.ledger.maybe(Deed::Rotated, &[]);
            Outcome::Unknown
        }
    }
}

/// What a token endpoint's caller with an access token is told.
pub fn userinfo(access: &str) -> Request {
    Request::get("/userinfo").header("authorization", &format!("Bearer {access}"))
}
