//! Browsers and phones.

use std::collections::HashMap;
use std::sync::Mutex;

use app::{Refusal, Visitor};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{ClientAddress, Device, DeviceId};
use qr::approval::{self, Bound, ClaimProof, DeviceProof, Said};
use qr::{CheckCode, facts};
use ring::signature::Ed25519KeyPair;
use serde_json::Value;

use super::authenticator::Authenticator;
use super::world::{ISSUER, World, address};
use crate::{ClaimAsked, Claimed, Decided, Decision, DeviceAsked, NewCookies, Opened, SignIn};

/// A browser and its cookies.
pub struct Browser(pub Mutex<Visitor>);

impl Browser {
    pub fn visitor(&self) -> Visitor {
        self.0.lock().unwrap().clone()
    }
    pub fn take(&self, cookies: &NewCookies) {
        let mut visitor = self.0.lock().unwrap();
        if cookies.session.is_some() {
            visitor.session.clone_from(&cookies.session);
        }
        if cookies.browser.is_some() {
            visitor.browser.clone_from(&cookies.browser);
        }
        if cookies.known.is_some() {
            visitor.known.clone_from(&cookies.known);
        }
    }
    pub fn moves_to(&self, text: &str) {
        self.0.lock().unwrap().address = address(text);
    }
    pub fn drops_session(&self) {
        self.0.lock().unwrap().session = None;
    }
}

/// A phone: a key, and perhaps a passkey.
pub struct Phone {
    pub pair: Ed25519KeyPair,
    pub device: Device,
    pub authenticator: Mutex<Option<Authenticator>>,
    pub address: ClientAddress,
}

/// A claim as the phone holds it.
#[derive(Clone)]
pub struct Held {
    pub channel: String,
    pub claimed: Claimed,
    pub client: Option<String>,
}

/// A decision before it is signed.
#[derive(Clone)]
pub struct Draft {
    pub decision: qr::Decision,
    pub uv: bool,
    pub code: Option<CheckCode>,
    pub time: i64,
}

impl Phone {
    pub fn sign(&self, message: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.pair.sign(message.as_bytes()))
    }

    pub async fn scan(&self, world: &World, opened: &Opened) -> Result<Held, Refusal> {
        let channel = qr::wire::parse_qr_text(&opened.url, ISSUER).unwrap().to_owned();
        self.claim(world, &channel).await
    }

    pub async fn claim(&self, world: &World, channel: &str) -> Result<Held, Refusal> {
        let challenge = world.signin.challenge(&self.device.id, self.address).await?.challenge;
        let proof = ClaimProof {
            issuer: ISSUER,
            channel,
            device: &self.device.id.to_string(),
            challenge: &challenge,
        };
        let signature = self.sign(&proof.message().unwrap());
        self.claim_signed(world, channel, &challenge, &signature).await
    }

    pub async fn claim_signed(
        &self,
        world: &World,
        channel: &str,
        challenge: &str,
        signature: &str,
    ) -> Result<Held, Refusal> {
        let asked =
            ClaimAsked { device: self.device.id, channel, challenge, signature, address: self.address };
        let claimed = world.signin.claim(asked).await?;
        let facts: Value = serde_json::from_str(&claimed.facts).unwrap();
        let client = facts["client"]["id"].as_str().map(str::to_owned);
        Ok(Held { channel: channel.to_owned(), claimed, client })
    }

    pub async fn approve(&self, world: &World, held: &Held, code: &str) -> Result<Decided, Refusal> {
        let code = CheckCode::parse(code);
        self.decide(world, held, &Draft { code, ..draft(world, qr::Decision::Approve) }).await
    }

    pub async fn deny(&self, world: &World, held: &Held) -> Result<Decided, Refusal> {
        self.decide(world, held, &draft(world, qr::Decision::Deny)).await
    }

    pub async fn decide(&self, world: &World, held: &Held, draft: &Draft) -> Result<Decided, Refusal> {
        let signature = self.signed(held, draft);
        self.send(world, held, draft, &signature).await
    }

    pub fn signed(&self, held: &Held, draft: &Draft) -> String {
        self.sign(&message(held, draft, self.device.id, &self.device.account))
    }

    pub async fn send(
        &self,
        world: &World,
        held: &Held,
        draft: &Draft,
        signature: &str,
    ) -> Result<Decided, Refusal> {
        let assertion = match (&held.claimed.webauthn, draft.decision) {
            (Some(options), qr::Decision::Approve) => {
                self.authenticator.lock().unwrap().as_mut().map(|it| it.get(options))
            }
            _ => None,
        };
        let decision = Decision {
            device: self.device.id,
            claim: &held.claimed.claim,
            decision: draft.decision,
            check_code: draft.code,
            uv: draft.uv,
            time: draft.time,
            signature,
            assertion,
            address: self.address,
        };
        world.signin.decide(decision).await
    }

    pub async fn ask<T, F: Future<Output = T>>(
        &self,
        world: &World,
        path: &str,
        then: impl FnOnce(SignIn, OwnedAsk) -> F,
    ) -> T {
        let challenge = world.signin.challenge(&self.device.id, self.address).await.unwrap().challenge;
        let proof = DeviceProof {
            issuer: ISSUER,
            device: &self.device.id.to_string(),
            challenge: &challenge,
            method: "POST",
            path,
            body: b"{}",
        };
        let signature = self.sign(&proof.message().unwrap());
        let ask = OwnedAsk {
            device: self.device.id,
            challenge,
            signature,
            path: path.into(),
            address: self.address,
        };
        then(world.signin.clone(), ask).await
    }
}

/// A signed request that owns its parts.
pub struct OwnedAsk {
    pub device: DeviceId,
    pub challenge: String,
    pub signature: String,
    pub path: String,
    pub address: ClientAddress,
}

impl OwnedAsk {
    pub fn asked(&self) -> DeviceAsked<'_> {
        DeviceAsked {
            device: self.device,
            challenge: &self.challenge,
            signature: &self.signature,
            method: "POST",
            path: &self.path,
            body: b"{}",
            address: self.address,
        }
    }
}

pub fn draft(world: &World, decision: qr::Decision) -> Draft {
    let uv = decision == qr::Decision::Approve;
    Draft { decision, uv, code: None, time: world.app.now().seconds() }
}

pub fn message(held: &Held, draft: &Draft, device: DeviceId, account: &domain::AccountId) -> String {
    let client = held.client.as_ref().map(|id| id.parse().unwrap());
    let bound = Bound {
        issuer: ISSUER,
        channel: &held.channel,
        nonce: &held.claimed.nonce,
        facts: &facts::hash(&held.claimed.facts),
        client: client.as_ref(),
        account,
        device: &device,
    };
    let said =
        Said { decision: draft.decision, uv: draft.uv, code: draft.code, time: draft.time, signature: "" };
    approval::decision_message(&bound, &said).unwrap()
}

/// How often each word occurs.
pub fn tally(words: impl IntoIterator<Item = &'static str>) -> HashMap<&'static str, usize> {
    let mut counts = HashMap::new();
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    counts
}
