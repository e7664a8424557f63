//! What server and phone exchange: the text of the QR and the JSON of `/api/phone/v1`.
//!
//! Owns: their exact form. Not here: paths and status codes (`web-phone`), what is done with them
//! (`signin`, `registry`).
//!
//! Requests refuse members they do not know, so that nobody believes a user id or a device id in a body
//! had any effect (SEC-034, SEC-084).

use std::fmt;

use domain::{DeviceKind, DeviceState};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::approval::{Decision, Purpose};
use crate::code::CheckCode;
use crate::key::Jwk;

/// The first character of the QR's fragment: how the rest is to be read.
pub const QR_VERSION: char = '1';
/// The longest text a QR of ours may hold (SEC-059).
pub const MAX_QR_TEXT: usize = 300;
/// A channel id: 16 random bytes in base64url.
pub const CHANNEL_ID_LEN: usize = 22;

/// The text of a QR: `<issuer>/s#1<channel id>`, and nothing else (SEC-059).
#[must_use]
pub fn qr_text(issuer: &str, channel: &str) -> String {
    format!("{issuer}/s#{QR_VERSION}{channel}")
}

/// The text of a new phone's QR: `<issuer>/phone#m1<offer>`. Takes it apart: the offer, if it is one of this issuer.
#[must_use]
pub fn parse_move_text<'a>(text: &'a str, issuer: &str) -> Option<&'a str> {
    if text.len() > MAX_QR_TEXT {
        return None;
    }
    let fragment = text.strip_prefix(issuer)?.strip_prefix("/phone#m")?;
    fragment.strip_prefix(QR_VERSION).filter(|offer| is_channel_id(offer))
}

/// Takes the text of a QR apart: the channel id, if it is a sign-in code of this very issuer.
#[must_use]
pub fn parse_qr_text<'a>(text: &'a str, issuer: &str) -> Option<&'a str> {
    if text.len() > MAX_QR_TEXT {
        return None;
    }
    let fragment = text.strip_prefix(issuer)?.strip_prefix("/s#")?;
    fragment.strip_prefix(QR_VERSION).filter(|id| is_channel_id(id))
}

/// Whether this has the form of a channel id: base64url of 16 bytes in its one canonical spelling.
#[must_use]
pub fn is_channel_id(text: &str) -> bool {
    text.len() == CHANNEL_ID_LEN
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        // 22 letters hold 132 bits; the last 4 of them must be zero.
        && text.ends_with(['A', 'Q', 'g', 'w'])
}

/// A text that must not be printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hidden(pub String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// `POST /challenges`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChallengeRequest {
    /// The device's id, as text: unknown and malformed ones are answered alike.
    pub device: String,
}

/// A single-use challenge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChallengeAnswer {
    /// To be signed; base64url.
    pub challenge: String,
    /// Seconds.
    pub expires_in: u32,
}

/// `POST /claims`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimRequest {
    /// The device's id.
    pub device: String,
    /// The channel id from the QR.
    pub channel: String,
    /// From `/challenges`.
    pub challenge: String,
    /// Over `approval::ClaimProof`; base64url.
    pub signature: String,
}

/// What the claiming phone is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClaimAnswer {
    /// The handle by which to decide. Opaque; good for this device alone.
    pub claim: String,
    /// To be signed with the decision.
    pub nonce: String,
    /// The facts as JSON text. Its exact bytes are hashed and signed.
    pub facts: String,
    /// Seconds to decide in.
    pub expires_in: u32,
    /// Options for `navigator.credentials.get` (kind `web`): the passkey that verifies the phone's user.
    pub webauthn: Option<Value>,
    /// The check code must be typed.
    pub code_needed: bool,
}

/// `POST /claims/{claim}/decision`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionRequest {
    /// The device's id.
    pub device: String,
    /// The decision.
    pub decision: Decision,
    /// What was typed: three digits.
    #[serde(default)]
    pub check_code: Option<CheckCode>,
    /// The phone verified its user for this very decision.
    pub uv: bool,
    /// The phone's clock: seconds since 1970.
    pub time: i64,
    /// Over `approval::decision_message`; base64url.
    pub signature: String,
    /// The WebAuthn assertion (kind `web`).
    #[serde(default)]
    pub assertion: Option<Value>,
}

/// `POST /enrolments`: either a name and a password or code, or a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentRequest {
    /// User name.
    #[serde(default)]
    pub username: Option<String>,
    /// Password.
    #[serde(default)]
    pub password: Option<Hidden>,
    /// From an enrolment link or QR.
    #[serde(default)]
    pub token: Option<Hidden>,
    /// Typed in place of a link, with `username`: from a letter or an administrator's screen.
    #[serde(default)]
    pub code: Option<Hidden>,
    /// From `/moves`, once the old phone's owner agreed: this phone takes its place.
    #[serde(default, rename = "move")]
    pub moving: Option<Hidden>,
}

/// Whose phone it will be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountShown {
    /// The account's id, as it stands in signed decisions.
    pub id: String,
    /// User name.
    pub username: String,
    /// What the person is called.
    pub name: String,
}

/// What the phone needs to register.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnrolmentBegun {
    /// The enrolment's handle.
    pub enrolment: String,
    /// To be signed.
    pub nonce: String,
    /// To be signed; the phone compares it with where it believes to be.
    pub issuer: String,
    /// Whose phone it will be.
    pub account: AccountShown,
    /// Options for `navigator.credentials.create` (kind `web`).
    pub webauthn: Option<Value>,
    /// Options for `navigator.credentials.get` (kind `web`), for a phone that holds a passkey of the account
    /// already and so cannot make another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing: Option<Value>,
    /// Seconds.
    pub expires_in: u32,
}

/// `POST /enrolments/{enrolment}`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentCompletion {
    /// What kind of phone.
    pub kind: DeviceKind,
    /// Its public key.
    pub key: Jwk,
    /// The owner's name for it.
    pub name: String,
    /// Operating system or model.
    pub platform: String,
    /// Model, if told apart.
    #[serde(default)]
    pub model: Option<String>,
    /// The owner agrees to sign-ins by QR.
    pub agree: bool,
    /// The keystore verifies its user before each use of the key (kind `app`).
    pub verifies_user: bool,
    /// Over `approval::EnrolmentProof`; base64url.
    pub signature: String,
    /// The WebAuthn registration (kind `web`).
    #[serde(default)]
    pub credential: Option<Value>,
    /// In its place the assertion of a passkey that the account has already (kind `web`).
    #[serde(default)]
    pub assertion: Option<Value>,
    /// What vouches for the key (kind `app`).
    #[serde(default)]
    pub attestation: Option<KeyAttestation>,
}

/// What vouches for an app's key: a maker's certificate signed `approval::KeyStatement`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyAttestation {
    /// `latchbolt-x5c-v1`.
    pub format: String,
    /// base64 of DER: the certificate that signed first, then those above it.
    pub x5c: Vec<String>,
    /// base64url: ECDSA with SHA-256 (DER), RSA PKCS#1 with SHA-256, or Ed25519.
    pub signature: String,
}

/// A registered phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolmentDone {
    /// Its id. Not a credential.
    pub device: String,
    /// Where it stands.
    pub state: DeviceState,
    /// Whose it is.
    pub account: AccountShown,
    /// Where it is enrolled.
    pub issuer: String,
}

/// `POST /devices/self`: where a phone stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceShown {
    /// Its id.
    pub device: String,
    /// Where it stands.
    pub state: DeviceState,
    /// What kind of phone.
    pub kind: DeviceKind,
    /// The owner's name for it.
    pub name: String,
    /// Whose it is.
    pub account: AccountShown,
    /// It was not used for so long that its owner has to be verified before it can claim.
    #[serde(default)]
    pub reverify: bool,
}

/// `POST /devices/self/verification`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerificationRequest {
    /// For what.
    pub purpose: Purpose,
    /// About what: a thumbprint, an offer, a phone's id, or `-`.
    pub subject: String,
}

/// What the phone answers with the deed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerificationAnswer {
    /// Comes back with the deed.
    pub nonce: String,
    /// Options for `navigator.credentials.get` (kind `web`).
    pub webauthn: Option<Value>,
    /// Seconds.
    pub expires_in: u32,
}

/// The owner is there: part of requests that need it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserProof {
    /// From `/devices/self/verification`.
    pub nonce: String,
    /// The phone verified its user for this.
    pub uv: bool,
    /// The WebAuthn assertion (kind `web`).
    #[serde(default)]
    pub assertion: Option<Value>,
}

/// `POST /devices/self/key`: the request is signed by the key that is to go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotateRequest {
    /// The new key.
    pub key: Jwk,
    /// By it, over `approval::RotationProof`; base64url.
    pub signature: String,
    /// For purpose `rotate` and the new key's thumbprint.
    pub proof: UserProof,
}

/// `POST /devices/self/verify`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReverifyRequest {
    /// For purpose `reverify` and the subject `-`.
    pub proof: UserProof,
}

/// `POST /devices/self/name`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenameRequest {
    /// 1 to 60 plain characters.
    pub name: String,
}

/// Another phone of the same owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherPhone {
    /// Its id.
    pub device: String,
    /// The owner's name for it.
    pub name: String,
    /// Operating system or model.
    pub platform: String,
    /// Where it stands.
    pub state: DeviceState,
    /// Seconds since 1970.
    pub last_used_at: Option<i64>,
}

/// `POST /devices/self/others`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherPhones {
    /// Oldest first; without revoked ones and the phone itself.
    pub phones: Vec<OtherPhone>,
}

/// `POST /devices/self/others/{device}/lost`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LostRequest {
    /// `lost` or `stolen`.
    pub reason: String,
    /// More, in a plain line.
    #[serde(default)]
    pub note: Option<String>,
}

/// `POST /devices/self/others/{device}/found`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoundRequest {
    /// For purpose `found` and the id of the phone that turned up.
    pub proof: UserProof,
}

/// `POST /moves`: a new phone offers to take an old one's place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoveOffer {
    /// Operating system.
    pub platform: String,
    /// Model, if told apart.
    #[serde(default)]
    pub model: Option<String>,
}

/// An offer, for the phone that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveOpened {
    /// Comes back with every question about it; a secret.
    #[serde(rename = "move")]
    pub secret: Hidden,
    /// What the old phone scans.
    pub url: String,
    /// That link as a QR code, for the new phone's page: SVG.
    pub svg: String,
    /// Seconds.
    pub expires_in: u32,
}

/// `POST /moves/state`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoveQuestion {
    /// From `/moves`.
    #[serde(rename = "move")]
    pub secret: Hidden,
}

/// Where an offer stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveStood {
    /// `waiting`, `claimed`, `approved` or `denied`.
    pub state: String,
    /// To be typed on the old phone, while `claimed`.
    pub number: Option<CheckCode>,
    /// Whose phone the old one is.
    pub username: Option<String>,
}

/// `POST /devices/self/moves/claim` and `…/deny`: the old phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoveClaim {
    /// From the QR of the new phone: what follows `#m1`.
    pub offer: String,
}

/// What the old phone shows of the new one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveClaimed {
    /// Operating system.
    pub platform: String,
    /// Model.
    pub model: Option<String>,
    /// Both phones come from the same network.
    pub same_network: bool,
    /// Seconds.
    pub expires_in: u32,
}

/// `POST /devices/self/moves/approve`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoveApproval {
    /// As claimed.
    pub offer: String,
    /// What the new phone shows.
    pub number: CheckCode,
    /// For purpose `move` and this offer.
    pub proof: UserProof,
}

/// A word to the phone's owner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticeTold {
    /// Its id.
    pub id: String,
    /// Seconds since 1970.
    pub at: i64,
    /// It was not seen before.
    pub is_new: bool,
    /// What happened: `kind` and its facts.
    pub notice: Value,
}

/// `POST /devices/self/notices`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticesTold {
    /// Newest first.
    pub notices: Vec<NoticeTold>,
}

/// A living session that a phone approved (SEC-043).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionShown {
    /// Its id, to end it by.
    pub id: String,
    /// "Firefox on Linux".
    pub browser: String,
    /// The address it began from.
    pub address: String,
    /// Seconds since 1970.
    pub started_at: i64,
    /// Seconds since 1970.
    pub last_used_at: i64,
}

/// `POST /devices/self/sessions`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionsShown {
    /// Newest first.
    pub sessions: Vec<SessionShown>,
}

/// `POST /devices/self/revoke`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct RevokeRequest {
    /// End the sessions it approved, too.
    #[serde(default)]
    pub end_sessions: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://id.example";
    const ID: &str = "AAAAAAAAAAAAAAAAAAAAAA";

    #[test]
    fn sec_059_the_qr_holds_our_address_a_version_and_the_id() {
        let text = qr_text(ISSUER, ID);
        assert_eq!(text, "https://id.example/s#1AAAAAAAAAAAAAAAAAAAAAA");
        assert!(text.len() <= MAX_QR_TEXT);
        assert_eq!(parse_qr_text(&text, ISSUER), Some(ID));
    }

    #[test]
    fn sec_059_other_texts_are_no_codes_of_ours() {
        for bad in [
            "",
            "https://id.example/s",
            "https://id.example/s#",
            "https://id.example/s#2AAAAAAAAAAAAAAAAAAAAAA",
            "https://id.example/s#1AAAAAAAAAAAAAAAAAAAAA",
            "https://id.example/s#1AAAAAAAAAAAAAAAAAAAAAAA",
            "https://id.example/s#1AAAAAAAAAAAAAAAAAAAAAB",
            "https://id.example/s#1AAAAAAAAAAAAAAAAAAAA+A",
            "https://id.example/s?x=1#1AAAAAAAAAAAAAAAAAAAAAA",
            "https://id.example.evil.test/s#1AAAAAAAAAAAAAAAAAAAAAA",
            "https://evil.test/https://id.example/s#1AAAAAAAAAAAAAAAAAAAAAA",
            "https://id.example@evil.test/s#1AAAAAAAAAAAAAAAAAAAAAA",
            "HTTPS://ID.EXAMPLE/S#1AAAAAAAAAAAAAAAAAAAAAA",
            " https://id.example/s#1AAAAAAAAAAAAAAAAAAAAAA",
            "http://id.example/s#1AAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert_eq!(parse_qr_text(bad, ISSUER), None, "{bad}");
        }
        let long = format!("https://{}/s#1{ID}", "a".repeat(300));
        assert_eq!(parse_qr_text(&long, &format!("https://{}", "a".repeat(300))), None);
    }

    #[test]
    fn sec_034_a_body_cannot_name_a_user() {
        let body = r#"{"device":"d","channel":"c","challenge":"x","signature":"s"}"#;
        assert!(serde_json::from_str::<ClaimRequest>(body).is_ok());
        for name in ["user", "user_id", "sub", "account", "email"] {
            let named = body.replacen('{', &format!("{{\"{name}\":\"bob\","), 1);
            assert!(serde_json::from_str::<ClaimRequest>(&named).is_err(), "{name}");
        }
    }

    #[test]
    fn sec_038_a_decision_needs_all_its_parts() {
        let body =
            r#"{"device":"d","decision":"approve","check_code":"407","uv":true,"time":1,"signature":"s"}"#;
        assert!(serde_json::from_str::<DecisionRequest>(body).is_ok());
        let whole: Value = serde_json::from_str(body).unwrap();
        for name in ["device", "decision", "uv", "time", "signature"] {
            let mut part = whole.clone();
            part.as_object_mut().unwrap().remove(name);
            assert!(serde_json::from_value::<DecisionRequest>(part).is_err(), "{name}");
        }
        for (name, value) in
            [("uv", "\"true\""), ("uv", "1"), ("decision", "\"Approve\""), ("check_code", "407")]
        {
            let mut bent = whole.clone();
            bent[name] = serde_json::from_str(value).unwrap();
            assert!(serde_json::from_value::<DecisionRequest>(bent).is_err(), "{name}={value}");
        }
    }

    #[test]
    fn passwords_and_tokens_are_not_printed() {
        let request = EnrolmentRequest {
            username: Some("ada".into()),
            password: Some(Hidden("correct horse".into())),
            token: Some(Hidden("token".into())),
            code: Some(Hidden("typed".into())),
            moving: Some(Hidden("token".into())),
        };
        let printed = format!("{request:?}");
        assert!(!printed.contains("horse") && !printed.contains("\"token\"") && !printed.contains("typed"));
    }
}
