//! The real channel behind the model: every value is a `qr::Channel`, every move is `qr`'s own.
//!
//! Owns: the few people, phones and browsers there are, their keys, and the moves as the use cases of
//! `signin::phone` make them. A value is known by the bytes that the live store would keep; moves are pure, so
//! what came out of one is remembered. Not here: who moves when (`model`).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{
    AccountId, ClientAddress, ClientId, DeviceId, DeviceKey, JourneyId, KeyAlg, SecretHash, Timestamp,
    UserAgent,
};
use qr::approval::{self, Bound, Decision, Said, SignedApproval};
use qr::facts::{self, Asker};
use qr::{
    Channel, CheckCode, Claim, Claimant, Common, Created, Decided, Opening, Refused, Seen, UserVerification,
};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};

/// Ada's phone.
pub const PHONE: u8 = 0;
/// Ada's second one.
pub const TABLET: u8 = 1;
/// Somebody else's phone.
pub const STRANGER: u8 = 2;

/// The owner of two phones.
pub const ADA: u8 = 0;
/// The stranger.
pub const EVE: u8 = 1;

/// Whose phone this is.
pub const fn owner(phone: u8) -> u8 {
    if phone == STRANGER { EVE } else { ADA }
}

/// A channel as it is kept: an index into the world's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Value(pub u16);

/// A browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Browser {
    /// It opened the channel and holds the secret.
    Right,
    /// It read the id off the screen and has a secret of its own only.
    Attacker,
}

/// What a phone was told with its claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Handle {
    /// Which of this phone's claims, from 0: stands for the nonce.
    pub nth: u8,
    /// The channel id that was scanned.
    pub id: u8,
}

/// A decision as it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sent {
    /// The phone it names.
    pub by: u8,
    /// The phone whose key signed it.
    pub signer: u8,
    /// The claim it was signed for.
    pub handle: Handle,
    /// Yes or no.
    pub is_approval: bool,
    /// It comes with the digits that the browser shows; otherwise with none.
    pub knows_code: bool,
    /// The server takes the key that signed for the key of the phone that is named: a planted fault.
    pub trusts_signer: bool,
}

impl Sent {
    /// By the phone itself.
    pub const fn honest(by: u8, handle: Handle, is_approval: bool, knows_code: bool) -> Self {
        Self { by, signer: by, handle, is_approval, knows_code, trusts_signer: false }
    }
}

/// What a decision made of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Became {
    /// Approved.
    Approved(Value),
    /// Denied, by the owner or for wrong codes.
    Denied(Value),
    /// One more wrong code.
    Mistyped(Value),
}

/// What a redeemed channel says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Vouch {
    /// Whose phone, by `qr`.
    pub phone: u8,
    /// Which account, by `qr`.
    pub account: u8,
    /// Which id was scanned.
    pub id: u8,
    /// Some limit of SEC-004 or SEC-017 was over when the request came. Reckoned here, not by `qr`.
    pub is_late: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Move {
    Rotate(Value, u8),
    Claim(Value, u8, Handle, u8),
    Decide(Value, Sent, u8),
    Redeem(Value, Browser, u8, u8),
}

#[derive(Debug, Clone, Copy)]
enum Outcome {
    Value(Result<Value, Refused>),
    Became(Result<Became, Refused>),
    Vouch(Result<Vouch, Refused>),
}

enum Key {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

/// All values and moves met so far.
pub struct World {
    /// Seconds since the opening, by tick.
    times: &'static [u32],
    keys: [Key; 3],
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    values: Vec<Channel>,
    by_bytes: HashMap<Vec<u8>, Value>,
    moves: HashMap<Move, Outcome>,
}

const ISSUER: &str = "https://id.example";
const CLIENT: &str = "shop";
const IDS: [&str; 2] = ["AAAAAAAAAAAAAAAAAAAAAA", "BBBBBBBBBBBBBBBBBBBBBA"];
const ADDRESS: ClientAddress = ClientAddress(IpAddr::V4(Ipv4Addr::LOCALHOST));
const T0: i64 = 1_800_000_000;

impl World {
    /// With a clock that knows these points in time.
    pub fn new(times: &'static [u32]) -> Self {
        let ed25519 = |seed: u8| Key::Ed25519(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap());
        Self { times, keys: [ed25519(1), Key::p256(), ed25519(3)], memory: Mutex::default() }
    }

    /// How many values and moves there were.
    pub fn sizes(&self) -> (usize, usize) {
        let memory = self.memory();
        (memory.values.len(), memory.moves.len())
    }

    /// Opened by the right browser.
    pub fn opened(&self, needs_code: bool) -> Value {
        let opening = Opening {
            browser: secret(Browser::Right),
            journey: journey(Browser::Right),
            asker: Asker {
                id: Some(CLIENT.into()),
                name: "Shop".into(),
                host: "shop.example".into(),
                verified: true,
            },
            scopes: vec!["openid".into()],
            needs_code,
            same_country: false,
            seen: Seen { address: ADDRESS, agent: UserAgent::default(), mark: None },
        };
        self.keep(Channel::Created(Created::open(opening, mac(0), self.at(0))))
    }

    /// As `signin::phone::open`.
    pub fn rotate(&self, value: Value, now: u8) -> Option<Value> {
        let outcome = self.once(Move::Rotate(value, now), || {
            Outcome::Value(match self.channel(value) {
                Channel::Created(created) => {
                    created.rotate(mac(1), self.at(now)).map(|created| self.keep(Channel::Created(created)))
                }
                _ => Err(Refused::NotNow),
            })
        });
        if let Outcome::Value(Ok(value)) = outcome { Some(value) } else { None }
    }

    /// As `signin::phone::claim`.
    pub fn claim(&self, value: Value, phone: u8, handle: Handle, now: u8) -> Option<Value> {
        let outcome = self.once(Move::Claim(value, phone, handle, now), || {
            Outcome::Value(match self.channel(value) {
                Channel::Created(created) => {
                    let claim = Claim {
                        channel: mac(handle.id),
                        device: device(phone),
                        account: account(owner(phone)),
                        nonce: nonce(phone, handle.nth),
                        facts: told(),
                        known_browser: false,
                        at: self.at(now),
                        address: ADDRESS,
                    };
                    let code = code(phone, handle.nth);
                    created
                        .claim(Claimant { claim, is_active: true }, code, self.at(now))
                        .map(|claimed| self.keep(Channel::Claimed(claimed)))
                }
                _ => Err(Refused::Gone),
            })
        });
        if let Outcome::Value(Ok(value)) = outcome { Some(value) } else { None }
    }

    /// As `signin::phone::decide`: verifies, then moves.
    pub fn decide(&self, value: Value, sent: Sent, now: u8) -> Option<Became> {
        let outcome = self.once(Move::Decide(value, sent, now), || {
            let channel = self.channel(value);
            let signed = self.verified(&channel, sent, now);
            Outcome::Became(signed.and_then(|signed| self.decided(channel, &signed, now)))
        });
        if let Outcome::Became(Ok(became)) = outcome { Some(became) } else { None }
    }

    /// As `signin::phone::redeem` after its take; `asked` is the clock of the request, `now` what `qr` is told.
    pub fn redeem(&self, value: Value, browser: Browser, asked: u8, now: u8) -> Option<Vouch> {
        let outcome = self.once(Move::Redeem(value, browser, asked, now), || {
            Outcome::Vouch(match self.channel(value) {
                Channel::Approved(approved) => {
                    let (common, claim) = (approved.common.clone(), approved.claim.clone());
                    approved.redeem(&secret(browser), &journey(browser), self.at(now)).map(|vouched| Vouch {
                        phone: (0..3).find(|phone| device(*phone) == vouched.device).unwrap(),
                        account: (0..2).find(|who| account(*who) == vouched.account).unwrap(),
                        id: (0..2).find(|id| mac(*id) == claim.channel).unwrap(),
                        is_late: self.is_late(&common, &claim, vouched.at, asked),
                    })
                }
                _ => Err(Refused::Gone),
            })
        });
        if let Outcome::Vouch(Ok(vouch)) = outcome { Some(vouch) } else { None }
    }

    /// The value is approved and in time: what a redeem looks for first.
    pub fn is_approved(&self, value: Value, now: u8) -> bool {
        self.memory().values[usize::from(value.0)].standing(self.at(now)).state == qr::State::Approved
    }

    /// Who claimed it, and with what.
    pub fn claimed(&self, value: Value) -> Option<(u8, Handle)> {
        let channel = self.channel(value);
        let claim = channel.claim()?;
        let phone = (0..3).find(|phone| device(*phone) == claim.device)?;
        let nth = (0..9).find(|nth| nonce(phone, *nth) == claim.nonce)?;
        let id = (0..2).find(|id| mac(*id) == claim.channel)?;
        Some((phone, Handle { nth, id }))
    }

    /// The tick at which it was approved.
    pub fn approved_at(&self, value: Value) -> Option<u8> {
        let Channel::Approved(approved) = self.channel(value) else { return None };
        (0..9).find(|tick| self.at(*tick) == approved.at)
    }

    fn is_late(&self, common: &Common, claim: &Claim, approved: Timestamp, asked: u8) -> bool {
        let seconds = |to: Timestamp, from: Timestamp| to.seconds() - from.seconds();
        let asked = self.at(asked);
        let shown_first = claim.channel == mac(0);
        seconds(asked, approved) >= 30
            || seconds(approved, claim.at) >= 120
            || seconds(asked, common.opened) >= 300
            || (shown_first && seconds(claim.at, common.opened) >= 65)
    }

    fn verified(&self, channel: &Channel, sent: Sent, now: u8) -> Result<SignedApproval, Refused> {
        let claim = channel.claim().ok_or(Refused::Gone)?;
        let (by, whose) = (device(sent.by), account(owner(sent.by)));
        if claim.device != by || claim.account != whose || claim.channel != mac(sent.handle.id) {
            return Err(Refused::Gone);
        }
        let client: ClientId = CLIENT.parse().unwrap();
        // What the server knows is the claim's nonce; what the phone signed is the one it was told.
        let bound = |nonce| Bound {
            issuer: ISSUER,
            channel: IDS[usize::from(sent.handle.id)],
            nonce,
            facts: &claim.facts,
            client: Some(&client),
            account: &claim.account,
            device: &claim.device,
        };
        let was_told = nonce(sent.by, sent.handle.nth);
        let typed = sent.knows_code.then(|| code(sent.by, sent.handle.nth));
        let said = Said {
            decision: if sent.is_approval { Decision::Approve } else { Decision::Deny },
            uv: sent.is_approval,
            code: typed.filter(|_| sent.is_approval),
            time: self.at(now).seconds(),
            signature: "",
        };
        let message = approval::decision_message(&bound(&was_told), &said).unwrap();
        let signature = self.keys[usize::from(sent.signer)].sign(&message);
        let key = self.keys[usize::from(if sent.trusts_signer { sent.signer } else { sent.by })].public();
        approval::verify(&bound(&claim.nonce), &Said { signature: &signature, ..said }, &key, self.at(now))
    }

    fn decided(&self, channel: Channel, signed: &SignedApproval, now: u8) -> Result<Became, Refused> {
        let now = self.at(now);
        match channel {
            Channel::Claimed(claimed) => {
                Ok(match claimed.decide(signed, || UserVerification::Keystore, now)? {
                    Decided::Approved(approved) => Became::Approved(self.keep(Channel::Approved(approved))),
                    Decided::Denied(denied) => Became::Denied(self.keep(Channel::Denied(denied))),
                    Decided::WrongCode(claimed, _) => Became::Mistyped(self.keep(Channel::Claimed(claimed))),
                })
            }
            Channel::Approved(approved) => {
                Ok(Became::Denied(self.keep(Channel::Denied(approved.decide(signed, now)?))))
            }
            Channel::Created(_) | Channel::Denied(_) => Err(Refused::Gone),
        }
    }

    fn once(&self, step: Move, work: impl FnOnce() -> Outcome) -> Outcome {
        if let Some(known) = self.memory().moves.get(&step) {
            return *known;
        }
        let outcome = work();
        self.memory().moves.insert(step, outcome);
        outcome
    }

    fn keep(&self, channel: Channel) -> Value {
        let bytes = serde_json::to_vec(&channel).unwrap();
        // As the live store does it: what is read is what was written.
        assert_eq!(serde_json::from_slice::<Channel>(&bytes).unwrap(), channel);
        let mut memory = self.memory();
        let next = Value(u16::try_from(memory.values.len()).unwrap());
        let value = *memory.by_bytes.entry(bytes).or_insert(next);
        if value == next {
            memory.values.push(channel);
        }
        value
    }

    fn channel(&self, value: Value) -> Channel {
        self.memory().values[usize::from(value.0)].clone()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn at(&self, tick: u8) -> Timestamp {
        Timestamp::from_seconds(T0 + self.times.get(usize::from(tick)).map_or(1 << 20, |at| i64::from(*at)))
    }
}

impl Key {
    /// The key of RFC 6979 §A.2.5.
    fn p256() -> Self {
        let private = hex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
        let public = hex("0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6\
             7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299");
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &private,
            &public,
            &SystemRandom::new(),
        );
        Self::P256(pair.unwrap())
    }

    fn public(&self) -> DeviceKey {
        let (alg, public) = match self {
            Self::Ed25519(pair) => (KeyAlg::EdDSA, pair.public_key().as_ref().to_vec()),
            Self::P256(pair) => (KeyAlg::ES256, pair.public_key().as_ref().to_vec()),
        };
        DeviceKey { alg, public, thumbprint: String::new() }
    }

    fn sign(&self, message: &str) -> String {
        match self {
            Self::Ed25519(pair) => URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes())),
            Self::P256(pair) => {
                URL_SAFE_NO_PAD.encode(pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap())
            }
        }
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn mac(id: u8) -> SecretHash {
    SecretHash([10 + id; 32])
}

fn secret(browser: Browser) -> SecretHash {
    SecretHash([20 + browser as u8; 32])
}

fn journey(browser: Browser) -> JourneyId {
    JourneyId::from_random([30 + browser as u8; 16])
}

fn device(phone: u8) -> DeviceId {
    DeviceId::from_random([40 + phone; 16])
}

fn account(who: u8) -> AccountId {
    AccountId::from_random([50 + who; 16])
}

fn nonce(phone: u8, nth: u8) -> String {
    URL_SAFE_NO_PAD.encode([60 + 16 * phone + nth; 16])
}

fn told() -> String {
    facts::hash("what the phone shows")
}

fn code(phone: u8, nth: u8) -> CheckCode {
    CheckCode::from_number(100 + 10 * u16::from(phone) + u16::from(nth)).unwrap()
}
