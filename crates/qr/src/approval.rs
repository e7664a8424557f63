//! The canonical messages that a phone signs, and the one way to verify them.
//!
//! Owns: the exact text of each message (SEC-030) and [`SignedApproval`], which only [`verify`] makes.
//! Not here: what an approval does to a channel (`channel`), WebAuthn assertions (`signin::phone::decide`).
//!
//! A message is a label and its version, then `name=value` lines, each ended by a line feed. The server
//! never parses one: it builds the message from what it knows and verifies the signature over that. So
//! every field is checked, and nothing a phone says about itself is believed.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{AccountId, ClientId, DeviceId, DeviceKey, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::channel::Refused;
use crate::code::CheckCode;
use crate::key::is_signed;

/// A signed time may differ this much from ours.
pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// A value cannot stand in a canonical message: it holds a line break or another control character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a value of the message holds a control character")]
pub struct Malformed;

/// What the phone's owner decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Sign the browser in.
    Approve,
    /// Do not.
    Deny,
    /// Do not, and this was not me (SEC-029).
    Report,
}

impl Decision {
    /// The word in the message.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
            Self::Report => "report",
        }
    }

    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Approve, Self::Deny, Self::Report];
}

/// What a decision is bound to. The server takes every value from its own state, the phone from the claim.
#[derive(Debug, Clone, Copy)]
pub struct Bound<'a> {
    /// The issuer, no slash at the end.
    pub issuer: &'a str,
    /// The channel id as the QR holds it.
    pub channel: &'a str,
    /// The claim's nonce.
    pub nonce: &'a str,
    /// `facts::hash` of the exact facts.
    pub facts: &'a str,
    /// Who asks; none for the provider's own pages.
    pub client: Option<&'a ClientId>,
    /// Who would be signed in.
    pub account: &'a AccountId,
    /// Who decides.
    pub device: &'a DeviceId,
}

/// What the phone says.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// The decision.
    pub decision: Decision,
    /// Its user was verified for this very decision.
    pub uv: bool,
    /// The digits that were typed; none where none were asked for.
    pub code: Option<CheckCode>,
    /// The phone's clock: seconds since 1970.
    pub time: i64,
    /// base64url.
    pub signature: &'a str,
}

/// A decision whose signature was verified over everything it is bound to. Only [`verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedApproval {
    pub(crate) decision: Decision,
    pub(crate) uv: bool,
    pub(crate) code: Option<CheckCode>,
    pub(crate) nonce: String,
    pub(crate) device: DeviceId,
}

impl SignedApproval {
    /// What was decided.
    #[must_use]
    pub const fn decision(&self) -> Decision {
        self.decision
    }
}

/// The message of a decision.
///
/// # Errors
/// A value holds a control character.
pub fn decision_message(bound: &Bound<'_>, said: &Said<'_>) -> Result<String, Malformed> {
    let code = said.code.map(|code| code.text());
    Lines::new("latchbolt-approval-v1")
        .line("issuer", bound.issuer)?
        .line("channel", bound.channel)?
        .line("nonce", bound.nonce)?
        .line("facts", bound.facts)?
        .line("client", bound.client.map_or("-", ClientId::as_str))?
        .line("account", &bound.account.to_string())?
        .line("device", &bound.device.to_string())?
        .line("decision", said.decision.as_str())?
        .line("uv", if said.uv { "true" } else { "false" })?
        .line("code", code.as_deref().unwrap_or("-"))?
        .line("time", &said.time.to_string())
        .map(Lines::text)
}

/// Verifies a decision: the signature by the enrolled key over the message made from what the server knows,
/// at a time close to ours.
///
/// # Errors
/// `BadSignature` or `TimeOff`.
pub fn verify(
    bound: &Bound<'_>,
    said: &Said<'_>,
    key: &DeviceKey,
    now: Timestamp,
) -> Result<SignedApproval, Refused> {
    let message = decision_message(bound, said).map_err(|_| Refused::BadSignature)?;
    if !is_signed(key, &message, said.signature) {
        return Err(Refused::BadSignature);
    }
    if now.seconds().abs_diff(said.time) > CLOCK_TOLERANCE.as_secs() {
        return Err(Refused::TimeOff);
    }
    Ok(SignedApproval {
        decision: said.decision,
        uv: said.uv,
        code: said.code,
        nonce: bound.nonce.to_owned(),
        device: *bound.device,
    })
}

/// What a phone signs to claim a channel.
#[derive(Debug, Clone, Copy)]
pub struct ClaimProof<'a> {
    /// The issuer, no slash at the end.
    pub issuer: &'a str,
    /// The channel id as the QR holds it.
    pub channel: &'a str,
    /// Who claims.
    pub device: &'a str,
    /// The server's single-use challenge.
    pub challenge: &'a str,
}

impl ClaimProof<'_> {
    /// The message.
    ///
    /// # Errors
    /// A value holds a control character.
    pub fn message(&self) -> Result<String, Malformed> {
        Lines::new("latchbolt-claim-v1")
            .line("issuer", self.issuer)?
            .line("channel", self.channel)?
            .line("device", self.device)?
            .line("challenge", self.challenge)
            .map(Lines::text)
    }
}

/// What a phone signs to enrol: it holds the key, and its owner agreed (SEC-072).
#[derive(Debug, Clone, Copy)]
pub struct EnrolmentProof<'a> {
    /// The issuer, no slash at the end.
    pub issuer: &'a str,
    /// The enrolment's handle.
    pub enrolment: &'a str,
    /// The server's nonce.
    pub nonce: &'a str,
    /// The key's thumbprint.
    pub key: &'a str,
    /// The device's name.
    pub name: &'a str,
    /// The device's platform.
    pub platform: &'a str,
}

impl EnrolmentProof<'_> {
    /// The message.
    ///
    /// # Errors
    /// A value holds a control character.
    pub fn message(&self) -> Result<String, Malformed> {
        Lines::new("latchbolt-enrolment-v1")
            .line("issuer", self.issuer)?
            .line("enrolment", self.enrolment)?
            .line("nonce", self.nonce)?
            .line("key", self.key)?
            .line("name", self.name)?
            .line("platform", self.platform)?
            .line("agree", "true")
            .map(Lines::text)
    }
}

/// What a phone signs for any other request of its own.
#[derive(Debug, Clone, Copy)]
pub struct DeviceProof<'a> {
    /// The issuer, no slash at the end.
    pub issuer: &'a str,
    /// Who asks.
    pub device: &'a str,
    /// The server's single-use challenge.
    pub challenge: &'a str,
    /// HTTP method in capitals.
    pub method: &'a str,
    /// Path of the request, as sent.
    pub path: &'a str,
    /// Body of the request; empty for none.
    pub body: &'a [u8],
}

impl DeviceProof<'_> {
    /// The message.
    ///
    /// # Errors
    /// A value holds a control character.
    pub fn message(&self) -> Result<String, Malformed> {
        let body = match self.body {
            [] => "-".to_owned(),
            body => URL_SAFE_NO_PAD.encode(Sha256::digest(body)),
        };
        Lines::new("latchbolt-device-v1")
            .line("issuer", self.issuer)?
            .line("device", self.device)?
            .line("challenge", self.challenge)?
            .line("method", self.method)?
            .line("path", self.path)?
            .line("body", &body)
            .map(Lines::text)
    }
}

/// What a phone signs with the key that is to take the place of its present one (SEC-082). The present one signs
/// the request that holds it.
#[derive(Debug, Clone, Copy)]
pub struct RotationProof<'a> {
    /// The issuer, no slash at the end.
    pub issuer: &'a str,
    /// Whose key it will be.
    pub device: &'a DeviceId,
    /// The verification's nonce.
    pub nonce: &'a str,
    /// The new key's thumbprint.
    pub key: &'a str,
}

impl RotationProof<'_> {
    /// The message.
    ///
    /// # Errors
    /// A value holds a control character.
    pub fn message(&self) -> Result<String, Malformed> {
        Lines::new("latchbolt-rotation-v1")
            .line("issuer", self.issuer)?
            .line("device", &self.device.to_string())?
            .line("nonce", self.nonce)?
            .line("key", self.key)
            .map(Lines::text)
    }
}

/// What a maker's certificate signs about a phone's key while it is enrolled (SEC-076).
#[derive(Debug, Clone, Copy)]
pub struct KeyStatement<'a> {
    /// The issuer, no slash at the end.
    pub issuer: &'a str,
    /// The enrolment's handle.
    pub enrolment: &'a str,
    /// The server's nonce.
    pub nonce: &'a str,
    /// The key's thumbprint.
    pub key: &'a str,
}

impl KeyStatement<'_> {
    /// The message.
    ///
    /// # Errors
    /// A value holds a control character.
    pub fn message(&self) -> Result<String, Malformed> {
        Lines::new("latchbolt-attestation-v1")
            .line("issuer", self.issuer)?
            .line("enrolment", self.enrolment)?
            .line("nonce", self.nonce)?
            .line("key", self.key)
            .map(Lines::text)
    }
}

/// What a phone's owner is verified for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Another key; the subject is its thumbprint.
    Rotate,
    /// The phone was not used for long (SEC-089); the subject is `-`.
    Reverify,
    /// Another phone takes this one's place; the subject is the offer it shows.
    Move,
    /// A lost phone turned up; the subject is its id.
    Found,
}

impl Purpose {
    /// The word in the challenge.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rotate => "rotate",
            Self::Reverify => "reverify",
            Self::Move => "move",
            Self::Found => "found",
        }
    }
}

/// The WebAuthn challenge of a verification: a passkey that answers it was asked for this purpose, this once.
#[must_use]
pub fn verification_challenge(purpose: Purpose, device: &DeviceId, subject: &str, nonce: &str) -> [u8; 32] {
    let mut sha = Sha256::new();
    for part in ["latchbolt-verification-v1", purpose.as_str(), &device.to_string(), subject, nonce] {
        sha.update(part.as_bytes());
        sha.update(b"\n");
    }
    sha.finalize().into()
}

struct Lines(String);

impl Lines {
    fn new(label: &str) -> Self {
        let mut text = String::with_capacity(512);
        text.push_str(label);
        text.push('\n');
        Self(text)
    }

    /// A value with a line break could pass for two fields.
    fn line(mut self, name: &str, value: &str) -> Result<Self, Malformed> {
        if value.chars().any(char::is_control) {
            return Err(Malformed);
        }
        self.0.push_str(name);
        self.0.push('=');
        self.0.push_str(value);
        self.0.push('\n');
        Ok(self)
    }

    fn text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests;
