//! An enrolled phone: what it can do, each in one call.
//!
//! Owns: the order of requests and what is signed in each. Not here: HTTP (`service`), the messages' form
//! (`qr`), keeping the phone (`state`).

use qr::approval::{
    Bound, ClaimProof, DeviceProof, EnrolmentProof, Malformed, Purpose, Said, decision_message,
};
use qr::wire::{
    AccountShown, ChallengeAnswer, ChallengeRequest, ClaimAnswer, ClaimRequest, DeviceShown, EnrolmentBegun,
    EnrolmentDone, EnrolmentRequest, Hidden, RevokeRequest, SessionsShown, UserProof, VerificationAnswer,
    VerificationRequest,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{PhoneError, Result};
use crate::facts::Facts;
use crate::key::DeviceKeyPair;
use crate::link::SignInLink;
use crate::service::{API, Service, to_json};

/// Longest name of a phone or platform, in characters.
const MAX_TEXT: usize = 60;

/// What lets a phone be enrolled.
#[derive(Clone)]
pub enum Credentials {
    /// The owner's user name and password.
    Password {
        /// User name.
        username: String,
        /// Password.
        password: String,
    },
    /// The token of an enrolment link (`EnrolmentLink::parse(…).token`).
    Token(String),
    /// A code that was given to the owner, and their user name.
    Code {
        /// User name.
        username: String,
        /// The code, as it was typed.
        code: String,
    },
    /// The place of an old phone whose owner agreed ([`crate::MoveOffer::credentials`]).
    Move(String),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Password { .. } => "Password(…)",
            Self::Token(_) => "Token(…)",
            Self::Code { .. } => "Code(…)",
            Self::Move(_) => "Move(…)",
        })
    }
}

/// How a phone introduces itself.
#[derive(Debug, Clone)]
pub struct Introduction {
    /// The owner's name for it: one plain line of at most 60 characters.
    pub name: String,
    /// Operating system or model: one plain line of at most 60 characters.
    pub platform: String,
    /// The owner agrees to future sign-ins by QR code. Must be true.
    pub agree: bool,
}

/// Whose phone it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The account's id.
    pub id: String,
    /// User name.
    pub username: String,
    /// What the person is called.
    pub name: String,
}

/// An enrolled phone with a key of its own (kind `app`).
#[derive(Debug)]
pub struct Phone {
    pub(crate) service: Service,
    pub(crate) key: DeviceKeyPair,
    pub(crate) device: String,
    owner: Owner,
    /// The key that is to take the present one's place ([`Phone::renew`]).
    pub(crate) next: Option<DeviceKeyPair>,
    /// The sign-in that waits for a decision, if it shall survive a restart of the program.
    pub claim: Option<Claim>,
    /// The offer of a new phone that waits for a decision, likewise.
    pub moving: Option<String>,
}

/// A scanned sign-in that this phone holds and no other can have.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claim {
    /// The handle to decide by.
    pub handle: String,
    channel: String,
    nonce: String,
    facts_text: String,
    /// What to show.
    pub facts: Facts,
    /// Until when it can be decided, in seconds since 1970 by the phone's clock.
    pub expires_at: i64,
    /// Whether the check code must be typed.
    pub code_needed: bool,
}

/// What the owner decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Let the browser in.
    Approve,
    /// Do not.
    Deny,
    /// Do not, and it was not me.
    Report,
}

impl Decision {
    /// The word that is signed and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
            Self::Report => "report",
        }
    }

    const fn said(self) -> qr::Decision {
        match self {
            Self::Approve => qr::Decision::Approve,
            Self::Deny => qr::Decision::Deny,
            Self::Report => qr::Decision::Report,
        }
    }
}

/// Where the phone stands with the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The phone's id.
    pub device: String,
    /// `pending`, `active`, `suspended` or `revoked`.
    pub state: String,
    /// The name it has there.
    pub name: String,
}

/// A browser that this phone let in and that is still signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovedSession {
    /// Its id, to end it by.
    pub id: String,
    /// "Firefox on Linux".
    pub browser: String,
    /// The address it began from.
    pub address: String,
    /// When it began, in seconds since 1970.
    pub started_at: i64,
    /// When it was last used, in seconds since 1970.
    pub last_used_at: i64,
}

impl Phone {
    /// Enrols a new phone: makes a key, proves it, and is the owner's from then on. The caller has shown
    /// its owner what it means (`Introduction::agree`) and verifies its user by itself before each approval.
    ///
    /// # Errors
    /// The owner did not agree; the service refused or is not the one it was asked as.
    pub async fn enrol(
        service: Service,
        credentials: Credentials,
        introduction: Introduction,
    ) -> Result<Self> {
        if !introduction.agree {
            return Err(PhoneError::NotAgreed);
        }
        let name = plain(&introduction.name, "name")?;
        let platform = plain(&introduction.platform, "platform")?;
        let question = match credentials {
            Credentials::Password { username, password } => EnrolmentRequest {
                username: Some(username),
                password: Some(Hidden(password)),
                ..EnrolmentRequest::default()
            },
            Credentials::Token(token) => {
                EnrolmentRequest { token: Some(Hidden(token)), ..EnrolmentRequest::default() }
            }
            Credentials::Code { username, code } => EnrolmentRequest {
                username: Some(username),
                code: Some(Hidden(code)),
                ..EnrolmentRequest::default()
            },
            Credentials::Move(secret) => {
                EnrolmentRequest { moving: Some(Hidden(secret)), ..EnrolmentRequest::default() }
            }
        };
        let begun: EnrolmentBegun = service.ask("/enrolments", &question).await?;
        same_issuer(&service, &begun.issuer)?;
        let key = DeviceKeyPair::generate()?;
        let thumbprint = key.thumbprint();
        let message = EnrolmentProof {
            issuer: service.issuer(),
            enrolment: &begun.enrolment,
            nonce: &begun.nonce,
            key: &thumbprint,
            name: &name,
            platform: &platform,
        }
        .message()
        .map_err(unfit)?;
        let completion = json!({
            "kind": "app",
            "key": key.public_jwk(),
            "name": name,
            "platform": platform,
            "agree": true,
            "verifies_user": true,
            "signature": key.sign(message.as_bytes())?,
        });
        let enrolled: EnrolmentDone =
            service.ask(&format!("/enrolments/{}", segment(&begun.enrolment)?), &completion).await?;
        same_issuer(&service, &enrolled.issuer)?;
        Ok(Self::adopt(service, key, enrolled.device, enrolled.account.into()))
    }

    /// A phone that is enrolled already: from a state file, or added to the registry by its public key.
    #[must_use]
    pub fn adopt(service: Service, key: DeviceKeyPair, device: String, owner: Owner) -> Self {
        Self { service, key, device, owner, next: None, claim: None, moving: None }
    }

    /// Where it is enrolled.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> &DeviceKeyPair {
        &self.key
    }

    /// Its id. Not a credential.
    #[must_use]
    pub fn device(&self) -> &str {
        &self.device
    }

    /// Whose it is.
    #[must_use]
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Scans: claims the sign-in that a QR's text names. Nobody else can have it then.
    ///
    /// # Errors
    /// The code is none of ours or another service's; it is over or taken; the phone may not.
    pub async fn scan(&self, qr_text: &str) -> Result<Claim> {
        let link = SignInLink::parse_for(qr_text, self.service.issuer())?;
        self.claim(&link.channel).await
    }

    /// Claims the sign-in with this channel id.
    ///
    /// # Errors
    /// As [`Phone::scan`].
    pub async fn claim(&self, channel: &str) -> Result<Claim> {
        let challenge = self.challenge().await?;
        let message = ClaimProof {
            issuer: self.service.issuer(),
            channel,
            device: &self.device,
            challenge: &challenge,
        }
        .message()
        .map_err(unfit)?;
        let signature = self.key.sign(message.as_bytes())?;
        let claimed: ClaimAnswer = self
            .service
            .ask(
                "/claims",
                &ClaimRequest {
                    device: self.device.clone(),
                    channel: channel.to_owned(),
                    challenge,
                    signature,
                },
            )
            .await?;
        let facts: Facts =
            serde_json::from_str(&claimed.facts).map_err(|error| PhoneError::Nonsense(error.to_string()))?;
        Ok(Claim {
            handle: claimed.claim,
            channel: channel.to_owned(),
            nonce: claimed.nonce,
            facts_text: claimed.facts,
            facts,
            expires_at: self.service.now().saturating_add(i64::from(claimed.expires_in)),
            code_needed: claimed.code_needed,
        })
    }

    /// Approves with the check code that the browser shows. The caller has verified the phone's user (PIN,
    /// fingerprint…) for this very approval.
    ///
    /// # Errors
    /// The code is not three digits or wrong; the sign-in is over; the phone may not.
    pub async fn approve(&self, claim: &Claim, check_code: &str) -> Result<()> {
        let code = check_code.trim();
        if code.len() != 3 || !code.bytes().all(|b| b.is_ascii_digit()) {
            return Err(PhoneError::NotACheckCode);
        }
        self.decide(claim, Decision::Approve, Some(code)).await
    }

    /// Denies. Needs no user verification (SEC-029).
    ///
    /// # Errors
    /// The sign-in is over; the phone may not.
    pub async fn deny(&self, claim: &Claim) -> Result<()> {
        self.decide(claim, Decision::Deny, None).await
    }

    /// Denies and reports: somebody else started this.
    ///
    /// # Errors
    /// As [`Phone::deny`].
    pub async fn report(&self, claim: &Claim) -> Result<()> {
        self.decide(claim, Decision::Report, None).await
    }

    /// Where the phone stands with the service.
    ///
    /// # Errors
    /// The service does not know the phone or cannot be reached.
    pub async fn standing(&self) -> Result<Standing> {
        let shown: DeviceShown = self.signed("/devices/self", b"{}").await?.read()?;
        Ok(Standing { device: shown.device, state: shown.state.as_str().to_owned(), name: shown.name })
    }

    /// The living sign-ins that this phone approved, newest first.
    ///
    /// # Errors
    /// The phone may not, or the service cannot be reached.
    pub async fn sessions(&self) -> Result<Vec<ApprovedSession>> {
        let shown: SessionsShown = self.signed("/devices/self/sessions", b"{}").await?.read()?;
        Ok(shown
            .sessions
            .into_iter()
            .map(|it| ApprovedSession {
                id: it.id,
                browser: it.browser,
                address: it.address,
                started_at: it.started_at,
                last_used_at: it.last_used_at,
            })
            .collect())
    }

    /// Ends a sign-in that this phone approved (SEC-043).
    ///
    /// # Errors
    /// There is no such sign-in; the phone may not.
    pub async fn end_session(&self, id: &str) -> Result<()> {
        let path = format!("/devices/self/sessions/{}/end", segment(id)?);
        self.signed(&path, b"{}").await?.accepted().map(|_| ())
    }

    /// Removes the phone from the account for good and, if wanted, ends what it approved.
    ///
    /// # Errors
    /// The service cannot be reached or does not know the phone.
    pub async fn revoke(&self, end_sessions: bool) -> Result<()> {
        let body = to_json(&RevokeRequest { end_sessions })?;
        self.signed("/devices/self/revoke", &body).await?.accepted().map(|_| ())
    }

    async fn challenge(&self) -> Result<String> {
        let question = ChallengeRequest { device: self.device.clone() };
        let given: ChallengeAnswer = self.service.ask("/challenges", &question).await?;
        Ok(given.challenge)
    }

    async fn decide(&self, claim: &Claim, decision: Decision, code: Option<&str>) -> Result<()> {
        self.service
            .tell(
                &format!("/claims/{}/decision", segment(&claim.handle)?),
                &self.decision(claim, decision, code)?,
            )
            .await
    }

    /// The signed decision as it is sent: for callers that send it by another way, and for tests.
    ///
    /// # Errors
    /// A value does not fit into the message, or the key cannot sign.
    pub fn decision(&self, claim: &Claim, decision: Decision, code: Option<&str>) -> Result<Value> {
        let time = self.service.now();
        // Only an approval needs the user verified; for the others nobody was asked (SEC-029, SEC-031).
        let uv = decision == Decision::Approve;
        let typed =
            code.map(|code| qr::CheckCode::parse(code).ok_or(PhoneError::NotACheckCode)).transpose()?;
        let client =
            claim.facts.client.id.as_deref().map(str::parse).transpose().map_err(|_| odd("client id"))?;
        let message = decision_message(
            &Bound {
                issuer: self.service.issuer(),
                channel: &claim.channel,
                nonce: &claim.nonce,
                facts: &qr::facts::hash(&claim.facts_text),
                client: client.as_ref(),
                account: &self.owner.id.parse().map_err(|_| odd("account id"))?,
                device: &self.device.parse().map_err(|_| odd("device id"))?,
            },
            &Said { decision: decision.said(), uv, code: typed, time, signature: "" },
        )
        .map_err(unfit)?;
        let mut body = json!({
            "device": self.device,
            "decision": decision.as_str(),
            "uv": uv,
            "time": time,
            "signature": self.key.sign(message.as_bytes())?,
        });
        if let (Some(code), Some(members)) = (code, body.as_object_mut()) {
            members.insert("check_code".to_owned(), code.into());
        }
        Ok(body)
    }

    /// The phone's user was verified by the caller for this one deed.
    pub(crate) async fn proof(&self, purpose: Purpose, subject: &str) -> Result<UserProof> {
        let question = to_json(&VerificationRequest { purpose, subject: subject.to_owned() })?;
        let begun: VerificationAnswer = self.signed("/devices/self/verification", &question).await?.read()?;
        Ok(UserProof { nonce: begun.nonce, uv: true, assertion: None })
    }

    /// Sends a request that is signed as a whole: over a fresh challenge, method, path and body.
    pub(crate) async fn signed(&self, path: &str, body: &[u8]) -> Result<crate::service::Answer> {
        let challenge = self.challenge().await?;
        let message = DeviceProof {
            issuer: self.service.issuer(),
            device: &self.device,
            challenge: &challenge,
            method: "POST",
            path: &format!("{API}{path}"),
            body,
        }
        .message()
        .map_err(unfit)?;
        let signature = self.key.sign(message.as_bytes())?;
        let headers =
            [("lb-device", &*self.device), ("lb-challenge", &*challenge), ("lb-signature", &*signature)];
        self.service.send(path, &headers, body.to_vec()).await
    }
}

impl From<AccountShown> for Owner {
    fn from(shown: AccountShown) -> Self {
        Self { id: shown.id, username: shown.username, name: shown.name }
    }
}

pub(crate) fn unfit(_: Malformed) -> PhoneError {
    odd("value with a control character")
}

pub(crate) fn odd(what: &str) -> PhoneError {
    PhoneError::Nonsense(format!("an odd {what}"))
}

/// A handle from the service must not lead a request elsewhere.
fn segment(text: &str) -> Result<&str> {
    let fits = (1..=200).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    if fits { Ok(text) } else { Err(PhoneError::Nonsense("a malformed handle".to_owned())) }
}

pub(crate) fn plain(text: &str, what: &'static str) -> Result<String> {
    let line = text.trim();
    let count = line.chars().count();
    if count == 0 || count > MAX_TEXT || line.chars().any(char::is_control) {
        return Err(PhoneError::BadText(what));
    }
    Ok(line.to_owned())
}

fn same_issuer(service: &Service, said: &str) -> Result<()> {
    if service.issuer() == said {
        return Ok(());
    }
    Err(PhoneError::AnotherIssuer { expected: service.issuer().to_owned(), said: said.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_cannot_lead_elsewhere() {
        for bad in ["", "a/b", "..", "a?b", "a%2fb", "a#b"] {
            assert!(segment(bad).is_err(), "{bad}");
        }
        assert_eq!(segment("aZ09-_").unwrap(), "aZ09-_");
    }

    #[test]
    fn names_are_one_plain_line() {
        assert_eq!(plain(" My phone ", "name").unwrap(), "My phone");
        for bad in ["", "  ", "a\nb", &"x".repeat(61)] {
            assert!(plain(bad, "name").is_err(), "{bad:?}");
        }
    }
}
