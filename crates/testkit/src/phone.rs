//! A phone: device key, canonical messages, the JSON API.
//!
//! Owns: the messages of `/api/phone/v1` built by hand from their description, so that every field can be
//! sent wrong. Not here: what an app would use (`phone-client`).

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::maker::Maker;
use crate::passkey::SoftPasskey;
use crate::wire::{Answer, Request};
use crate::{b64, sha256, unix_now};

/// What kind of phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Native app: a keystore key that verifies its user.
    App,
    /// Web app: a device key and a passkey.
    Web,
}

/// A key pair of a device.
#[derive(Debug)]
pub struct DeviceKey(Vec<u8>);

impl DeviceKey {
    /// A new P-256 key.
    ///
    /// # Panics
    /// When none can be made.
    #[must_use]
    pub fn generate() -> Self {
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        Self(made.expect("a key").as_ref().to_vec())
    }

    fn pair(&self) -> EcdsaKeyPair {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.0, &SystemRandom::new())
            .expect("own key")
    }

    /// The public key as JWK.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let pair = self.pair();
        let point = pair.public_key().as_ref();
        json!({"kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..65])})
    }

    /// RFC 7638 thumbprint.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]);
        b64(&sha256(canonical.as_bytes()))
    }

    /// Signature over a message: r and s, 64 bytes, base64url.
    ///
    /// # Panics
    /// When signing fails.
    #[must_use]
    pub fn sign(&self, message: &str) -> String {
        b64(self.pair().sign(&SystemRandom::new(), message.as_bytes()).expect("a signature").as_ref())
    }
}

/// A canonical message: a label, then `name=value` lines.
#[must_use]
pub fn canonical(label: &str, fields: &[(&str, &str)]) -> String {
    use std::fmt::Write as _;
    let mut out = format!("{label}\n");
    for (name, value) in fields {
        let _ = writeln!(out, "{name}={value}");
    }
    out
}

/// An enrolled phone.
#[derive(Debug)]
pub struct Phone {
    /// Its own way to the server (it carries no cookies of use).
    pub line: Browser,
    /// Device id.
    pub device: String,
    /// Account id.
    pub account: String,
    /// The key it signs with.
    pub key: DeviceKey,
    /// The passkey of kind `web`.
    pub passkey: Option<SoftPasskey>,
    issuer: String,
}

/// A running claim, as the phone knows it. All fields may be bent by a test before it decides.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Handle for the decision's address.
    pub claim: String,
    /// The channel id from the QR.
    pub channel: String,
    /// Server's nonce.
    pub nonce: String,
    /// Exact text of the facts.
    pub facts: String,
    /// WebAuthn options for kind `web`.
    pub webauthn: Option<Value>,
    /// Whether a check code is demanded.
    pub code_needed: bool,
    /// Seconds.
    pub expires_in: u64,
}

impl Claim {
    /// The facts as JSON.
    ///
    /// # Panics
    /// When they are none.
    #[must_use]
    pub fn facts(&self) -> Value {
        serde_json::from_str(&self.facts).expect("facts are JSON")
    }

    /// Reads the answer of a claim.
    #[must_use]
    pub fn read(answer: &Answer, channel: &str) -> Self {
        let body = answer.json();
        let text =
            |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body}")).to_owned();
        Self {
            claim: text("claim"),
            channel: channel.to_owned(),
            nonce: text("nonce"),
            facts: text("facts"),
            webauthn: body.get("webauthn").filter(|value| !value.is_null()).cloned(),
            code_needed: body["code_needed"].as_bool().unwrap_or(true),
            expires_in: body["expires_in"].as_u64().unwrap_or_default(),
        }
    }
}

/// A decision about to be sent: the signed fields, then the body, both free to be bent.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Fields of the canonical message, in order.
    pub fields: Vec<(&'static str, String)>,
    /// The JSON body without the signature.
    pub body: Value,
}

impl Draft {
    /// Changes a field of the signed message.
    ///
    /// # Panics
    /// When there is no such field.
    pub fn sign_other(&mut self, name: &str, value: &str) {
        let field = self.fields.iter_mut().find(|(n, _)| *n == name);
        value.clone_into(&mut field.unwrap_or_else(|| panic!("no field {name}")).1);
    }

    /// The message to be signed.
    #[must_use]
    pub fn message(&self) -> String {
        let fields: Vec<(&str, &str)> = self.fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        canonical("latchbolt-approval-v1", &fields)
    }
}

const API: &str = "/api/phone/v1";

impl Phone {
    /// Enrols a phone by user name and password.
    ///
    /// # Panics
    /// When that is refused.
    pub async fn enrol(line: Browser, username: &str, password: &str, kind: Kind) -> Self {
        Self::try_enrol(line, username, password, kind)
            .await
            .unwrap_or_else(|answer| panic!("enrolment: {} {}", answer.status, answer.text()))
    }

    /// Tries to enrol.
    ///
    /// # Errors
    /// The answer that refuses.
    pub async fn try_enrol(
        line: Browser,
        username: &str,
        password: &str,
        kind: Kind,
    ) -> Result<Self, Answer> {
        let asked = json!({"username": username, "password": password});
        let begun = line.send(Request::json(&format!("{API}/enrolments"), &asked)).await;
        if begun.status != 200 && begun.status != 201 {
            return Err(begun);
        }
        Self::finish_enrolment(line, &begun.json(), kind, DeviceKey::generate()).await
    }

    /// Enrols a phone by a link.
    ///
    /// # Panics
    /// When that is refused.
    pub async fn enrol_by_link(line: Browser, url: &str, kind: Kind) -> Self {
        let token = url.split_once("#e1").expect("an enrolment link").1;
        let begun = line.send(Request::json(&format!("{API}/enrolments"), &json!({"token": token}))).await;
        assert_eq!(begun.status, 200, "enrolment: {}", begun.text());
        Self::finish_enrolment(line, &begun.json(), kind, DeviceKey::generate())
            .await
            .unwrap_or_else(|answer| panic!("enrolment: {} {}", answer.status, answer.text()))
    }

    /// Finishes an enrolment that was begun.
    ///
    /// # Errors
    /// The answer that refuses.
    pub async fn finish_enrolment(
        line: Browser,
        begun: &Value,
        kind: Kind,
        key: DeviceKey,
    ) -> Result<Self, Answer> {
        Self::finish_vouched(line, begun, kind, key, None).await
    }

    /// The same with a statement of its maker, if there is one.
    ///
    /// # Errors
    /// The answer that refuses.
    pub async fn finish_vouched(
        line: Browser,
        begun: &Value,
        kind: Kind,
        key: DeviceKey,
        maker: Option<&Maker>,
    ) -> Result<Self, Answer> {
        let word =
            |name: &str| begun[name].as_str().unwrap_or_else(|| panic!("no {name} in {begun}")).to_owned();
        let (enrolment, issuer) = (word("enrolment"), word("issuer"));
        let (name, platform) = ("Test phone", "Testkit 1");
        let message = canonical(
            "latchbolt-enrolment-v1",
            &[
                ("issuer", &issuer),
                ("enrolment", &enrolment),
                ("nonce", &word("nonce")),
                ("key", &key.thumbprint()),
                ("name", name),
                ("platform", platform),
                ("agree", "true"),
            ],
        );
        let mut body = json!({
            "kind": match kind { Kind::App => "app", Kind::Web => "web" },
            "key": key.jwk(), "name": name, "platform": platform, "agree": true, "verifies_user": true,
            "signature": key.sign(&message),
        });
        let mut passkey = None;
        if kind == Kind::Web {
            let (made, credential) = match maker {
                None => SoftPasskey::create(&begun["webauthn"], &line.origin()),
                Some(maker) => SoftPasskey::create_vouched(&begun["webauthn"], &line.origin(), maker),
            };
            body["credential"] = credential;
            passkey = Some(made);
        } else if let Some(maker) = maker {
            let message = canonical(
                "latchbolt-attestation-v1",
                &[
                    ("issuer", &issuer),
                    ("enrolment", &enrolment),
                    ("nonce", &word("nonce")),
                    ("key", &key.thumbprint()),
                ],
            );
            body["attestation"] = maker.statement(&message);
        }
        let done = line.send(Request::json(&format!("{API}/enrolments/{enrolment}"), &body)).await;
        if done.status != 201 {
            return Err(done);
        }
        Ok(Self {
            device: done.word("device"),
            account: account_id(&done.json()["account"]),
            issuer,
            key,
            passkey,
            line,
        })
    }

    /// A phone made of parts, for strangers and impostors.
    #[must_use]
    pub fn of(line: Browser, device: &str, account: &str, key: DeviceKey) -> Self {
        let issuer = line.issuer().to_owned();
        Self { line, device: device.to_owned(), account: account.to_owned(), key, passkey: None, issuer }
    }

    /// Posts JSON to the phone API.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.line.send(Request::json(&format!("{API}{path}"), body)).await
    }

    /// A fresh challenge for this device.
    pub async fn challenge(&self) -> String {
        let answer = self.post("/challenges", &json!({"device": self.device})).await;
        assert_eq!(answer.status, 200, "challenge: {}", answer.text());
        answer.word("challenge")
    }

    /// Scans: claims the channel of a QR text.
    pub async fn try_scan(&self, qr: &str) -> Answer {
        let channel = qr.split_once("#1").map_or(qr, |(_, id)| id);
        let challenge = self.challenge().await;
        self.post("/claims", &self.claim_body(channel, &challenge)).await
    }

    /// The body of a claim.
    #[must_use]
    pub fn claim_body(&self, channel: &str, challenge: &str) -> Value {
        let message = canonical(
            "latchbolt-claim-v1",
            &[
                ("issuer", &self.issuer),
                ("channel", channel),
                ("device", &self.device),
                ("challenge", challenge),
            ],
        );
        json!({"device": self.device, "channel": channel, "challenge": challenge,
               "signature": self.key.sign(&message)})
    }

    /// Scans and gets the claim.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn scan(&self, qr: &str) -> Claim {
        let answer = self.try_scan(qr).await;
        assert!(answer.status < 300, "claim: {} {}", answer.status, answer.text());
        Claim::read(&answer, qr.split_once("#1").map_or(qr, |(_, id)| id))
    }

    /// A decision as it should be.
    #[must_use]
    pub fn draft(&self, claim: &Claim, decision: &str, code: Option<&str>) -> Draft {
        let verified = decision == "approve";
        let time = unix_now();
        let client = claim.facts()["client"]["id"].as_str().unwrap_or("-").to_owned();
        let fields = vec![
            ("issuer", self.issuer.clone()),
            ("channel", claim.channel.clone()),
            ("nonce", claim.nonce.clone()),
            ("facts", b64(&sha256(claim.facts.as_bytes()))),
            ("client", client),
            ("account", self.account.clone()),
            ("device", self.device.clone()),
            ("decision", decision.to_owned()),
            ("uv", verified.to_string()),
            ("code", code.unwrap_or("-").to_owned()),
            ("time", time.to_string()),
        ];
        let mut body = json!({"device": self.device, "decision": decision, "uv": verified, "time": time});
        if let Some(code) = code {
            body["check_code"] = json!(code);
        }
        if verified && let (Some(passkey), Some(options)) = (&self.passkey, &claim.webauthn) {
            body["assertion"] = passkey.assert(options, &self.line.origin());
        }
        Draft { fields, body }
    }

    /// Signs and sends a decision.
    pub async fn send(&self, claim: &Claim, draft: &Draft) -> Answer {
        let mut body = draft.body.clone();
        body["signature"] = json!(self.key.sign(&draft.message()));
        self.post(&format!("/claims/{}/decision", claim.claim), &body).await
    }

    /// Decides, as it should be.
    pub async fn decide(&self, claim: &Claim, decision: &str, code: Option<&str>) -> Answer {
        self.send(claim, &self.draft(claim, decision, code)).await
    }

    /// Approves with the code the browser shows.
    ///
    /// # Panics
    /// When that is refused.
    pub async fn approve(&self, claim: &Claim, code: &str) {
        let answer = self.decide(claim, "approve", Some(code)).await;
        assert_eq!(answer.status, 204, "approve: {}", answer.text());
    }

    /// The owner is there, for one deed: part of its request.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn proof(&self, purpose: &str, subject: &str) -> Value {
        let asked = json!({"purpose": purpose, "subject": subject});
        let answer = self.signed("/devices/self/verification", Some(&asked)).await;
        assert_eq!(answer.status, 200, "verification: {}", answer.text());
        let begun = answer.json();
        let mut proof = json!({"nonce": begun["nonce"], "uv": true});
        if let (Some(passkey), false) = (&self.passkey, begun["webauthn"].is_null()) {
            proof["assertion"] = passkey.assert(&begun["webauthn"], &self.line.origin());
        }
        proof
    }

    /// The body of a rotation to this key.
    pub async fn rotation(&self, new: &DeviceKey) -> Value {
        let proof = self.proof("rotate", &new.thumbprint()).await;
        let message = canonical(
            "latchbolt-rotation-v1",
            &[
                ("issuer", &self.issuer),
                ("device", &self.device),
                ("nonce", proof["nonce"].as_str().unwrap_or_default()),
                ("key", &new.thumbprint()),
            ],
        );
        json!({"key": new.jwk(), "signature": new.sign(&message), "proof": proof})
    }

    /// Any other signed request of the device (`/devices/self…`).
    pub async fn signed(&self, path: &str, body: Option<&Value>) -> Answer {
        let challenge = self.challenge().await;
        let path = format!("{API}{path}");
        let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let hash = if bytes.is_empty() { "-".to_owned() } else { b64(&sha256(&bytes)) };
        let message = canonical(
            "latchbolt-device-v1",
            &[
                ("issuer", &self.issuer),
                ("device", &self.device),
                ("challenge", &challenge),
                ("method", "POST"),
                ("path", &path),
                ("body", &hash),
            ],
        );
        let mut request = Request::new("POST", &path)
            .header("content-type", "application/json")
            .header("lb-device", &self.device)
            .header("lb-challenge", &challenge)
            .header("lb-signature", &self.key.sign(&message));
        request.body = bytes;
        self.line.send(request).await
    }
}

fn account_id(account: &Value) -> String {
    let id = account.as_str().or_else(|| account["id"].as_str());
    id.unwrap_or_else(|| panic!("no account in {account}")).to_owned()
}
