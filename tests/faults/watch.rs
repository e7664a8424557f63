//! What is over must stay over: looked at soon, again later, and at the end, on every node.
//!
//! Owns: the list of what is over and when it is looked at; the looks. A node that cannot be reached says
//! nothing; one that cannot reach its database must refuse. Also here: the looks at what must stay up whatever
//! happens (discovery, JWKS, liveness).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use testkit::Phone;
use testkit::wire::Request;

use crate::chance::Chance;
use crate::findings::Check;
use crate::ledger::Deed;
use crate::load::people::userinfo;
use crate::load::steps::{self, Code, Exchanged};
use crate::stage::{NODES, Standing};
use crate::visitor::{Reply, Visitor, ask, code_in};
use crate::world::World;

/// So much is looked at once more at the end.
const AT_THE_END: usize = 600;
/// What must stay up is looked at this often.
const LIGHTHOUSE: Duration = Duration::from_millis(400);

/// Something that is over.
#[derive(Debug, Clone)]
pub enum Dead {
    /// A session that ended.
    Session { jar: BTreeMap<String, String>, secret: String },
    /// An access token whose grant or session ended.
    Token { access: String },
    /// A code that gave tokens.
    Code { code: Code, grant: String },
    /// A phone that was stopped.
    Phone { phone: Arc<Phone> },
    /// A password that was replaced, or whose account is disabled.
    Password { name: String, password: String },
    /// A relying party that was deleted, and a browser that is signed in.
    Client { client: String, jar: BTreeMap<String, String> },
}

#[derive(Debug)]
struct Grave {
    dead: Dead,
    due: Instant,
    looks: u32,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: Vec<Grave>,
    /// Looked at twice: for the end.
    old: Vec<Dead>,
    seen: usize,
}

/// All that is over.
#[derive(Debug, Default)]
pub struct Graves(Mutex<Inner>);

impl Graves {
    /// It is over everywhere after `grace`.
    pub fn bury(&self, dead: Dead, grace: Duration) {
        let grave = Grave { dead, due: Instant::now() + grace, looks: 0 };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).waiting.push(grave);
    }

    fn take_due(&self) -> Option<Grave> {
        let now = Instant::now();
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = inner.waiting.iter().position(|grave| grave.due <= now)?;
        Some(inner.waiting.swap_remove(at))
    }

    fn again(&self, mut grave: Grave, chance: &mut Chance) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        grave.looks += 1;
        // A code ends by itself within a minute; a late look at it says nothing.
        if grave.looks < 2 && !matches!(grave.dead, Dead::Code { .. }) {
            grave.due = Instant::now() + Duration::from_millis(chance.between(4_000, 45_000));
            inner.waiting.push(grave);
            return;
        }
        inner.seen += 1;
        if inner.old.len() < AT_THE_END {
            inner.old.push(grave.dead);
        } else {
            let at = chance.below(inner.seen);
            if at < AT_THE_END {
                inner.old[at] = grave.dead;
            }
        }
    }

    /// Everything that is to be looked at once more.
    fn all(&self) -> Vec<Dead> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.old.iter().cloned().chain(inner.waiting.iter().map(|grave| grave.dead.clone())).collect()
    }
}

/// Starts those who look. They end with the world.
pub fn start(world: &Arc<World>) -> Vec<tokio::task::JoinHandle<()>> {
    let watcher = |number: u64| {
        let world = Arc::clone(world);
        tokio::spawn(async move {
            let mut chance = Chance::part(world.seed, 2_000 + number);
            while !world.is_over() {
                let Some(grave) = world.graves.take_due() else {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                look(&world, &grave.dead, &mut chance).await;
                world.graves.again(grave, &mut chance);
            }
        })
    };
    let mut all: Vec<_> = (0..4).map(watcher).collect();
    for node in 0..NODES {
        let world = Arc::clone(world);
        all.push(tokio::spawn(async move { lighthouse(&world, node).await }));
    }
    all
}

/// Looks at everything that is over, once more, when all nodes are well.
pub async fn at_the_end(world: &World) {
    let mut chance = Chance::part(world.seed, 2_100);
    for dead in world.graves.all() {
        look(world, &dead, &mut chance).await;
    }
}

/// Everything that is known to be alive gets a code at every node.
pub async fn living_at_the_end(world: &World) {
    let mut chance = Chance::part(world.seed, 2_200);
    for living in world.all_living() {
        for node in 0..NODES {
            let mut visitor = steps::browser(world, &living, &mut chance);
            let is_alive = gives_code(&mut visitor, node, &world.parties[0].client_id).await;
            world.findings.check(Check::LivingLives, is_alive == Some(true), || {
                format!("node {node} does not know the session {}: {:#?}", living.secret, visitor.trail)
            });
        }
    }
}

/// Whether this node gives the browser a code without asking; none when it cannot say.
async fn gives_code(visitor: &mut Visitor<'_>, node: usize, client: &str) -> Option<bool> {
    let started = visitor.world.party(client).start_with(&[("prompt", "none")]);
    let address = started.url.trim_start_matches(&visitor.world.stage.issuer).to_owned();
    match visitor.send_to(node, Request::get(&address)).await {
        Reply::Answer(answer) if answer.status < 500 => Some(code_in(&answer).is_some()),
        _ => None,
    }
}

/// Looks at one thing; a violation when it is alive.
async fn look(world: &World, dead: &Dead, chance: &mut Chance) {
    let is_over =
        |is_over: bool, what: &dyn Fn() -> String| world.findings.check(Check::DeadStaysDead, is_over, what);
    let mut visitor = Visitor::new(world, chance);
    match dead {
        Dead::Session { jar, secret } => {
            for node in visitor.all_nodes() {
                visitor.jar.clone_from(jar);
                let alive = gives_code(&mut visitor, node, &world.parties[0].client_id).await == Some(true);
                is_over(!alive, &|| format!("node {node} takes the ended session {secret}"));
            }
        }
        Dead::Client { client, jar } => {
            for node in visitor.all_nodes() {
                visitor.jar.clone_from(jar);
                let alive = gives_code(&mut visitor, node, client).await == Some(true);
                is_over(!alive, &|| format!("node {node} gives codes to the deleted {client}"));
            }
        }
        Dead::Token { access } => {
            for node in visitor.all_nodes() {
                let reply = ask(world, node, visitor.from, &userinfo(access)).await;
                is_over(reply.with(200).is_none(), &|| {
                    format!("node {node} takes a revoked token: {access}")
                });
            }
        }
        Dead::Code { code, grant } => {
            let node = visitor.any_node();
            match steps::redeem_at(&mut visitor, node, code).await {
                Exchanged::Tokens(tokens) => {
                    let what = format!(
                        "the code of {grant} gave tokens again ({}): {:#?}",
                        tokens.grant, visitor.trail
                    );
                    world.findings.check(Check::CodesOnce, false, || what);
                }
                Exchanged::UsedBefore => {
                    world.findings.check(Check::CodesOnce, true, String::new);
                    world.ledger.certain(Deed::Replayed { grant: grant.clone() }, &visitor.trail);
                }
                Exchanged::Unknown | Exchanged::Refused(_) => {
                    world.ledger.maybe(Deed::Replayed { grant: grant.clone() }, &visitor.trail);
                }
                Exchanged::Unreached => {}
            }
        }
        Dead::Password { name, password } => {
            let started = world.parties[0].start();
            let Some(page) = steps::login_page(&mut visitor, &started).await else { return };
            let form = page.form("login").with("username", name).with("password", password);
            let request = visitor.same_origin(Request::form(&form.action, &form.pairs()));
            let reply = visitor.send(request).await;
            let is_in =
                matches!(&reply, Reply::Answer(answer) if crate::visitor::session_in(answer).is_some());
            is_over(!is_in, &|| format!("{name} signs in with what is over: {:#?}", visitor.trail));
        }
        Dead::Phone { phone } => {
            let started = world.parties[0].start();
            let Some(page) = steps::login_page(&mut visitor, &started).await else { return };
            let Some(channel) = steps::show_qr(&mut visitor, &page).await else { return };
            let mut mobile = Visitor::new(world, chance);
            let claimed = steps::claim(&mut mobile, phone, &channel).await;
            is_over(claimed.is_none(), &|| {
                format!("the stopped {} claims: {:#?}", phone.device, mobile.trail)
            });
        }
    }
}

/// Looks at one node's lights, as long as nobody touches it.
async fn lighthouse(world: &World, number: usize) {
    let node = &world.stage.nodes[number];
    let from = std::net::IpAddr::from([127, 0, 0, 1]);
    while !world.is_over() {
        tokio::time::sleep(LIGHTHOUSE).await;
        let before = node.standing();
        if before.0 != Standing::Up {
            continue;
        }
        let began = Instant::now();
        let mut dark = None;
        for path in ["/jwks", "/.well-known/openid-configuration", "/healthz"] {
            if ask(world, number, from, &Request::get(path)).await.with(200).is_none() {
                dark = Some(path);
            }
        }
        let is_running = node.program.is_running();
        if node.standing() != before {
            continue;
        }
        world.findings.check(Check::Lighthouse, dark.is_none(), || {
            format!("node {number} does not answer {} ({:?})", dark.unwrap_or_default(), began.elapsed())
        });
        world.findings.check(Check::NoFault, is_running, || {
            format!("node {number} ended by itself:\n{}", last_lines(&node.program.log(), 20))
        });
    }
}

/// The end of a text.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
