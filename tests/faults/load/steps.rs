//! What several operations do: the login page, a password, a code for tokens, a phone's messages.
//!
//! Each step writes into the ledger what it was told.

use std::sync::Arc;

use serde_json::{Value, json};
use testkit::wire::{Answer, Request};
use testkit::{Claim, DeviceKey, Page, Phone, RelyingParty, Started, canonical, press, unb64};

use crate::findings::Check;
use crate::ledger::Deed;
use crate::stage::Said;
use crate::visitor::{Reply, SESSION, Visitor, ask, code_in, kept, session_in};
use crate::world::{Living, World};

const API: &str = "/api/phone/v1";

/// An account of its own.
#[derive(Debug, Clone)]
pub struct Account {
    pub name: String,
    pub id: String,
    pub password: String,
}

/// Makes an account by the command of the program.
pub async fn account(world: &World) -> Option<Account> {
    let name = world.name("person");
    let password = format!("{name} keeps a long secret 0");
    let said =
        world.stage.command(&["user", "create", &name, "--password-stdin"], &format!("{password}\n")).await;
    let Said::Done(json) = said else { return None };
    let id = json["id"].as_str()?.to_owned();
    world.ledger.certain(Deed::Account { account: id.clone(), name: name.clone() }, &[]);
    Some(Account { name, id, password })
}

/// The login page that a request leads to.
pub async fn login_page(visitor: &mut Visitor<'_>, started: &Started) -> Option<Page> {
    let page = visitor.follow(&started.url).await?;
    (page.status() == 200 && page.find_form("login").is_some()).then_some(page)
}

/// How a sign-in ended.
pub enum SignedIn {
    /// Signed in; the code, if the request got one at once.
    Yes(Living, Option<String>),
    /// The server said no, with this status; 0 when it was not asked.
    No(u16),
    /// Nobody knows.
    Unknown,
}

/// Who signs in, for the ledger.
#[derive(Debug, Clone, Copy)]
pub struct Who<'a> {
    pub account: &'a str,
    pub device: Option<&'a str>,
    pub generation: u32,
}

/// Writes down what the answers to one sign-in (sent to one node or to several) say.
pub fn signed_in(visitor: &mut Visitor<'_>, replies: &[Reply], who: Who<'_>) -> SignedIn {
    let answers: Vec<&Answer> = replies
        .iter()
        .filter_map(|reply| if let Reply::Answer(answer) = reply { Some(answer) } else { None })
        .collect();
    let won: Vec<(&Answer, String)> =
        answers.iter().filter_map(|answer| session_in(answer).map(|secret| (*answer, secret))).collect();
    visitor.world.findings.check(Check::ChannelsOnce, won.len() <= 1, || {
        format!("{} sessions of one sign-in of {}: {:#?}", won.len(), who.account, visitor.trail)
    });
    let mut deed = Deed::Session {
        secret: None,
        account: who.account.to_owned(),
        device: who.device.map(str::to_owned),
        address: visitor.from.to_string(),
        generation: who.generation,
    };
    if let Some((answer, secret)) = won.first() {
        let hash = kept(secret);
        if let Deed::Session { secret, .. } = &mut deed {
            *secret = Some(hash.clone());
        }
        visitor.world.ledger.certain(deed, &visitor.trail);
        let code = code_in(answer);
        let answer = (*answer).clone();
        visitor.keep_cookies(&answer);
        let living = Living { jar: visitor.jar.clone(), account: who.account.to_owned(), secret: hash };
        return SignedIn::Yes(living, code);
    }
    if replies.iter().any(Reply::may_be_done) {
        visitor.world.ledger.maybe(deed, &visitor.trail);
        return SignedIn::Unknown;
    }
    SignedIn::No(answers.first().map_or(0, |answer| answer.status))
}

/// Fills in the password form.
pub async fn password(
    visitor: &mut Visitor<'_>,
    page: &Page,
    name: &str,
    password: &str,
    who: Who<'_>,
) -> SignedIn {
    let form = page.form("login").with("username", name).with("password", password);
    let request = visitor.same_origin(Request::form(&form.action, &form.pairs()));
    let reply = visitor.send(request).await;
    signed_in(visitor, &[reply], who)
}

/// A whole sign-in by password in a new browser.
pub async fn sign_in(
    visitor: &mut Visitor<'_>,
    started: &Started,
    account: &Account,
    generation: u32,
) -> SignedIn {
    let Some(page) = login_page(visitor, started).await else { return SignedIn::No(0) };
    let who = Who { account: &account.id, device: None, generation };
    password(visitor, &page, &account.name, &account.password, who).await
}

/// What a silent request of a signed-in browser led to.
pub enum Silent {
    Code(Started, String),
    /// The error that the relying party was told.
    Error(String),
    /// No word.
    Nothing,
}

/// Asks for a code without asking the person, at the nodes that answer.
pub async fn silent(visitor: &mut Visitor<'_>, party: &RelyingParty) -> Silent {
    let started = party.start_with(&[("prompt", "none")]);
    let address = started.url.trim_start_matches(&visitor.world.stage.issuer).to_owned();
    let reply = visitor.send_safely(Request::get(&address)).await;
    let Some(answer) = reply.with(303) else { return Silent::Nothing };
    if let Some(code) = code_in(&answer) {
        return Silent::Code(started, code);
    }
    let error = answer.header("location").and_then(|to| url::Url::parse(to).ok()).and_then(|to| {
        to.query_pairs().find(|(name, _)| name == "error").map(|(_, value)| value.into_owned())
    });
    error.map_or(Silent::Nothing, Silent::Error)
}

/// Tokens, as far as they are of interest.
#[derive(Debug, Clone)]
pub struct Tokens {
    pub grant: String,
    pub access: String,
}

/// What the token endpoint said.
pub enum Exchanged {
    Tokens(Tokens),
    /// `invalid_grant` because it was used before: its tokens are revoked.
    UsedBefore,
    Refused(String),
    Unknown,
    Unreached,
}

fn part(token: &str, number: usize) -> Value {
    let part = token.split('.').nth(number).unwrap_or_default();
    serde_json::from_slice(&unb64(part)).unwrap_or(Value::Null)
}

/// Reads an answer of the token endpoint.
fn read_tokens(world: &World, reply: Reply) -> Exchanged {
    let answer = match reply {
        Reply::Answer(answer) => answer,
        Reply::Broken => return Exchanged::Unknown,
        Reply::Unreached => return Exchanged::Unreached,
    };
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    match answer.status {
        200 => {
            let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
            let (access, id_token) = (text("access_token"), text("id_token"));
            let jti = part(&access, 1)["jti"].as_str().unwrap_or_default().to_owned();
            for token in [&access, &id_token] {
                world.ledger.signed_by(part(token, 0)["kid"].as_str().unwrap_or_default());
            }
            Exchanged::Tokens(Tokens { grant: jti.split('.').next().unwrap_or_default().to_owned(), access })
        }
        400 if body["error_description"].as_str().is_some_and(|why| why.contains("used before")) => {
            Exchanged::UsedBefore
        }
        400..500 => Exchanged::Refused(body.to_string()),
        _ => Exchanged::Unknown,
    }
}

/// A code and the browser it came to.
#[derive(Debug, Clone)]
pub struct Code {
    pub client: String,
    pub started: Started,
    pub code: String,
    /// The session's secret as it is kept.
    pub secret: String,
}

/// The token request for a code.
pub fn token_request(world: &World, code: &Code) -> Request {
    let party = world.party(&code.client);
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.code.as_str()),
        ("redirect_uri", party.redirect_uri.as_str()),
        ("code_verifier", code.started.verifier.as_str()),
    ];
    party.authenticated(Request::form("/token", &fields))
}

/// Sends a code to one node; nothing is written down yet.
pub async fn redeem_at(visitor: &mut Visitor<'_>, node: usize, code: &Code) -> Exchanged {
    let request = token_request(visitor.world, code);
    let reply = ask(visitor.world, node, visitor.from, &request).await;
    visitor.wrote(node, &request, &reply);
    read_tokens(visitor.world, reply)
}

/// The same at two nodes at once.
pub async fn redeem_twice(visitor: &mut Visitor<'_>, nodes: [usize; 2], code: &Code) -> [Exchanged; 2] {
    let world = visitor.world;
    let request = token_request(world, code);
    let (one, other) = tokio::join!(
        ask(world, nodes[0], visitor.from, &request),
        ask(world, nodes[1], visitor.from, &request)
    );
    visitor.wrote(nodes[0], &request, &one);
    visitor.wrote(nodes[1], &request, &other);
    [read_tokens(world, one), read_tokens(world, other)]
}

/// Writes down what became of a code.
pub fn tokens_deed(code: &Code, tokens: Option<&Tokens>) -> Deed {
    Deed::Tokens {
        grant: tokens.map(|tokens| tokens.grant.clone()),
        secret: code.secret.clone(),
        client: code.client.clone(),
    }
}

/// Redeems a code once; should nobody answer, now and then once more elsewhere.
pub async fn exchange(visitor: &mut Visitor<'_>, code: &Code) -> Exchanged {
    let world = visitor.world;
    let mut is_first = true;
    let mut last = Exchanged::Unreached;
    for node in visitor.all_nodes() {
        last = redeem_at(visitor, node, code).await;
        match &last {
            Exchanged::Tokens(tokens) => {
                world.ledger.certain(tokens_deed(code, Some(tokens)), &visitor.trail);
                return last;
            }
            Exchanged::Unknown => {
                world.ledger.maybe(tokens_deed(code, None), &visitor.trail);
                if !(is_first && visitor.chance.percent(50)) {
                    return last;
                }
                is_first = false;
            }
            Exchanged::UsedBefore | Exchanged::Refused(_) => {
                // A code that was sent once is as good as new; one that nobody answered may be used.
                world.findings.check(Check::LivingLives, !is_first, || {
                    let why = if let Exchanged::Refused(why) = &last { why.as_str() } else { "used before" };
                    format!("a new code is refused ({why}): {:#?}", visitor.trail)
                });
                return last;
            }
            Exchanged::Unreached => {}
        }
    }
    last
}

/// The channel that a login page shows.
pub async fn show_qr(visitor: &mut Visitor<'_>, page: &Page) -> Option<String> {
    let request = visitor.script(page, "/login/qr")?;
    let answer = visitor.send(request).await.with(200)?;
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    Some(body["url"].as_str()?.split_once("#1")?.1.to_owned())
}

/// Posts JSON to the phone API.
pub async fn post(mobile: &mut Visitor<'_>, path: &str, body: &Value) -> Reply {
    mobile.send(Request::json(&format!("{API}{path}"), body)).await
}

/// Scans: claims a channel. None: no.
pub async fn claim(mobile: &mut Visitor<'_>, phone: &Phone, channel: &str) -> Option<Claim> {
    let asked = post(mobile, "/challenges", &json!({"device": phone.device})).await.with(200)?;
    let asked: Value = serde_json::from_slice(&asked.body).ok()?;
    let body = phone.claim_body(channel, asked["challenge"].as_str()?);
    let answer = post(mobile, "/claims", &body).await.answer().filter(|answer| answer.status < 300)?;
    Some(Claim::read(&answer, channel))
}

/// Approves with this check code.
pub async fn approve(mobile: &mut Visitor<'_>, phone: &Phone, claim: &Claim, code: &str) -> Reply {
    let draft = phone.draft(claim, "approve", Some(code));
    let mut body = draft.body.clone();
    body["signature"] = json!(phone.key.sign(&draft.message()));
    let reply = post(mobile, &format!("/claims/{}/decision", claim.claim), &body).await;
    let deed = Deed::Approved { device: phone.device.clone() };
    if matches!(&reply, Reply::Answer(answer) if answer.status == 204) {
        mobile.world.ledger.certain(deed, &mobile.trail);
    } else if reply.may_be_done() {
        mobile.world.ledger.maybe(deed, &mobile.trail);
    }
    reply
}

/// The check code that the browser shows.
pub async fn check_code(visitor: &mut Visitor<'_>, page: &Page) -> Option<String> {
    let journey = page.query("journey")?;
    let request =
        Request::get(&format!("/login/code?journey={journey}")).header("sec-fetch-site", "same-origin");
    let answer = visitor.send_safely(request).await.with(200)?;
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    Some(body["check_code"].as_str()?.to_owned())
}

/// An enrolment that was begun.
pub struct Begun {
    pub enrolment: String,
    nonce: String,
}

impl Begun {
    /// Reads the answer of the first step.
    pub fn read(answer: &Answer) -> Option<Self> {
        let body: Value = serde_json::from_slice(&answer.body).ok()?;
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        Some(Self { enrolment: text("enrolment")?, nonce: text("nonce")? })
    }

    /// The second step's request, by a new key.
    pub fn request(&self, world: &World, key: &DeviceKey) -> Request {
        let message = canonical(
            "latchbolt-enrolment-v1",
            &[
                ("issuer", &world.stage.issuer),
                ("enrolment", &self.enrolment),
                ("nonce", &self.nonce),
                ("key", &key.thumbprint()),
                ("name", "Phone"),
                ("platform", "Faults 1"),
                ("agree", "true"),
            ],
        );
        let body = json!({
            "kind": "app", "key": key.jwk(), "name": "Phone", "platform": "Faults 1", "agree": true,
            "verifies_user": true, "signature": key.sign(&message),
        });
        Request::json(&format!("{API}/enrolments/{}", self.enrolment), &body)
    }
}

/// The phone that an answer to the second step makes.
pub fn enrolled(visitor: &Visitor<'_>, reply: Reply, account: &str, key: DeviceKey) -> Option<Arc<Phone>> {
    let answer = reply.with(201)?;
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let device = body["device"].as_str()?.to_owned();
    let deed = Deed::Device { device: device.clone(), account: account.to_owned() };
    visitor.world.ledger.certain(deed, &visitor.trail);
    Some(Arc::new(visitor.world.phone(&device, account, key)))
}

/// Enrols a phone by user name and password.
pub async fn enrol(mobile: &mut Visitor<'_>, account: &Account) -> Option<Arc<Phone>> {
    let asked = json!({"username": account.name, "password": account.password});
    let begun = Begun::read(&post(mobile, "/enrolments", &asked).await.with(200)?)?;
    let key = DeviceKey::generate();
    let reply = mobile.send(begun.request(mobile.world, &key)).await;
    if matches!(&reply, Reply::Answer(answer) if answer.status == 201) || reply.may_be_done() {
        mobile.world.ledger.maybe(Deed::Enrolment { account: account.id.clone() }, &mobile.trail);
    }
    enrolled(mobile, reply, &account.id, key)
}

/// Presses a button of a form of the page; the answer, without following it.
pub async fn submit(visitor: &mut Visitor<'_>, page: &Page, form: &str, button: &str) -> Reply {
    let Some(found) = page.find_form(form) else { return Reply::Unreached };
    let form = press(page, &found, button);
    let action = page.url.join(&form.action).map_or(form.action.clone(), |url| crate::visitor::target(&url));
    let request = visitor.same_origin(Request::form(&action, &form.pairs()));
    visitor.send(request).await
}

/// The browser of a living session.
pub fn browser<'w>(world: &'w World, living: &Living, chance: &mut crate::chance::Chance) -> Visitor<'w> {
    let mut visitor = Visitor::new(world, chance);
    visitor.jar.clone_from(&living.jar);
    debug_assert!(visitor.jar.contains_key(SESSION), "a living session has a cookie");
    visitor
}
