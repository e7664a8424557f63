//! Browser sessions and what was proven in them.
//!
//! Owns: the session, the methods of proof, and the truth they amount to (`acr`, `amr`, `auth_time`).
//! Not here: cookies (`web`), limits of time (`signin::sessions`).

use serde::{Deserialize, Serialize};

use crate::{AccountId, DeviceId, SecretHash, SessionId, Timestamp};

/// How somebody proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// User name and password.
    Password,
    /// A passkey with user verification.
    Passkey,
    /// A QR approval by an enrolled phone.
    Phone,
    /// A code of an authenticator app, after the password.
    Totp,
    /// A recovery code, after the password.
    RecoveryCode,
    /// An approval by an app made for the QR module of CAS: it shows a token, and verifies nobody (SEC-068).
    CasPhone,
    /// The link of a recovery by the helpdesk: lets its owner set up a passkey or a phone, and nothing else.
    Recovery,
}

impl Method {
    /// The word kept and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Passkey => "passkey",
            Self::Phone => "phone",
            Self::Totp => "totp",
            Self::RecoveryCode => "recovery_code",
            Self::CasPhone => "cas_phone",
            Self::Recovery => "recovery",
        }
    }

    /// Whether it says who somebody is by itself. What does not, only adds to a password, and meets no demand alone.
    #[must_use]
    pub const fn stands_alone(self) -> bool {
        matches!(self, Self::Password | Self::Passkey | Self::Phone | Self::CasPhone)
    }

    /// Whether it makes a second factor of a password.
    #[must_use]
    pub const fn adds_to_password(self) -> bool {
        matches!(self, Self::Totp | Self::RecoveryCode | Self::Phone)
    }
}

/// Authentication context classes we assert, weakest first. `phr` (OpenID EAP ACR) is given for passkeys
/// alone (SEC-039).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Acr {
    /// An approval by an app made for the QR module of CAS (SEC-068): the least there is.
    #[serde(rename = "urn:latchbolt:acr:cas-app")]
    CasApp,
    /// A password alone.
    #[serde(rename = "urn:latchbolt:acr:password")]
    Password,
    /// A QR approval in a browser not used before.
    #[serde(rename = "urn:latchbolt:acr:qr")]
    Qr,
    /// A QR approval in a browser this account has used before.
    #[serde(rename = "urn:latchbolt:acr:qr-known-browser")]
    QrKnownBrowser,
    /// A passkey with user verification.
    #[serde(rename = "phr")]
    Passkey,
}

impl Acr {
    /// All, weakest first.
    pub const ALL: &'static [Self] =
        &[Self::CasApp, Self::Password, Self::Qr, Self::QrKnownBrowser, Self::Passkey];

    /// Those that a relying party may ask for: the least is what it gets without asking.
    pub const ASKED: &'static [Self] = &[Self::Password, Self::Qr, Self::QrKnownBrowser, Self::Passkey];

    /// The value in `acr`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CasApp => "urn:latchbolt:acr:cas-app",
            Self::Password => "urn:latchbolt:acr:password",
            Self::Qr => "urn:latchbolt:acr:qr",
            Self::QrKnownBrowser => "urn:latchbolt:acr:qr-known-browser",
            Self::Passkey => "phr",
        }
    }

    /// The class with this value.
    #[must_use]
    pub fn from_value(value: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|acr| acr.as_str() == value)
    }
}

/// One thing that was proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// How.
    pub method: Method,
    /// When: for a phone the time of approval.
    pub at: Timestamp,
    /// For a phone: this account had signed in with this browser before.
    pub known_browser: bool,
}

impl Proof {
    /// The class it amounts to.
    #[must_use]
    pub const fn acr(&self) -> Acr {
        match (self.method, self.known_browser) {
            (Method::CasPhone, _) => Acr::CasApp,
            // A code makes a password no phishing-resistant thing: the class stays, and `amr` says `mfa`.
            (Method::Password | Method::Totp | Method::RecoveryCode | Method::Recovery, _) => Acr::Password,
            (Method::Phone, false) => Acr::Qr,
            (Method::Phone, true) => Acr::QrKnownBrowser,
            (Method::Passkey, _) => Acr::Passkey,
        }
    }

    /// RFC 8176 values. A phone signs with a key we cannot see to be in hardware (`swk`), verifies its user
    /// (`user`, `mfa`) and is a second channel (`mca`). Passkeys come without attestation, so `swk` too.
    #[must_use]
    pub const fn amr(&self) -> &'static [&'static str] {
        match self.method {
            Method::Password => &["pwd"],
            Method::Phone => &["swk", "user", "mca", "mfa"],
            Method::Passkey => &["swk", "user", "mfa"],
            // Both are told after a right password only, and a recovery code is a password used once.
            Method::Totp | Method::RecoveryCode => &["otp", "mfa"],
            // A second channel, and nothing more is known.
            Method::CasPhone => &["mca"],
            Method::Recovery => &[],
        }
    }
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionEnd {
    /// Its owner signed out.
    SignedOut,
    /// Another sign-in took its place in the same browser.
    Replaced,
    /// Ended from a phone, or with the phone that approved it.
    EndedByDevice,
    /// Ended by an administrator, or with its account.
    EndedByAdmin,
}

impl SessionEnd {
    /// The word kept.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::Replaced => "replaced",
            Self::EndedByDevice => "ended_by_device",
            Self::EndedByAdmin => "ended_by_admin",
        }
    }
}

/// A signed-in browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrowserSession {
    /// `sid` of ID tokens; not secret.
    pub id: SessionId,
    /// Who.
    pub account: AccountId,
    /// SHA-256 of the cookie's secret (SEC-151).
    pub secret_hash: SecretHash,
    /// What was proven when it began (and since: the newest last).
    pub proofs: Vec<Proof>,
    /// The phone that approved it.
    pub device: Option<DeviceId>,
    /// Browser and system, as a label: "Firefox on Linux".
    pub browser: String,
    /// Address it began from.
    pub address: String,
    /// Began.
    pub created_at: Timestamp,
    /// Last used by its person (kept coarse: written at most once a minute).
    pub last_used_at: Timestamp,
    /// Inactivity limit in seconds (SEC-152).
    pub idle_seconds: u32,
    /// Absolute end (SEC-152).
    pub expires_at: Timestamp,
    /// When and why it ended early.
    pub ended: Option<(Timestamp, SessionEnd)>,
}

impl BrowserSession {
    /// Whether it counts at `now`: not ended, not idle too long, not past its absolute end.
    #[must_use]
    pub fn is_alive(&self, now: Timestamp) -> bool {
        self.ended.is_none()
            && now < self.expires_at
            && now.since(self.last_used_at).as_secs() < u64::from(self.idle_seconds)
    }

    /// The newest proof: `auth_time`.
    #[must_use]
    pub fn auth_time(&self) -> Option<Timestamp> {
        self.proofs.iter().filter(|p| p.method.stands_alone()).map(|p| p.at).max()
    }

    /// The strongest class among the proofs.
    #[must_use]
    pub fn acr(&self) -> Option<Acr> {
        self.proofs.iter().filter(|p| p.method.stands_alone()).map(Proof::acr).max()
    }

    /// The union of the proofs' `amr`, each value once.
    #[must_use]
    pub fn amr(&self) -> Vec<&'static str> {
        let mut all: Vec<&'static str> = Vec::new();
        for value in self.proofs.iter().flat_map(Proof::amr) {
            if !all.contains(value) {
                all.push(value);
            }
        }
        all
    }
}

/// Which sessions: all that is said has to hold. Only living ones are found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionFilter {
    /// Whose.
    pub account: Option<AccountId>,
    /// Approved by this phone.
    pub device: Option<DeviceId>,
    /// Part of the user name (folded), the browser's label or the address; empty: any.
    pub text: String,
    /// Begun then or later.
    pub since: Option<Timestamp>,
    /// Begun before.
    pub until: Option<Timestamp>,
}

/// A session, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedSession {
    /// The session.
    pub session: BrowserSession,
    /// The user name.
    pub username: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_039_a_phone_never_amounts_to_phr() {
        for known_browser in [false, true] {
            let proof = Proof { method: Method::Phone, at: Timestamp::from_seconds(1), known_browser };
            assert!(proof.acr() < Acr::Passkey);
            assert!(!proof.acr().as_str().starts_with("phr"));
        }
    }

    #[test]
    fn sec_156_a_code_after_a_password_is_told_and_adds_no_class() {
        let at = |method| Proof { method, at: Timestamp::from_seconds(1), known_browser: false };
        for code in [Method::Totp, Method::RecoveryCode] {
            assert_eq!(at(code).acr(), at(Method::Password).acr());
            assert_eq!(at(code).amr(), ["otp", "mfa"]);
            assert!(!code.stands_alone() && code.adds_to_password());
        }
        assert!(!at(Method::Password).amr().contains(&"mfa"));
        assert!(!Method::Recovery.stands_alone() && !Method::Recovery.adds_to_password());
    }

    #[test]
    fn classes_are_a_ladder() {
        assert!(
            Acr::CasApp < Acr::Password
                && Acr::Password < Acr::Qr
                && Acr::Qr < Acr::QrKnownBrowser
                && Acr::QrKnownBrowser < Acr::Passkey
        );
        for acr in Acr::ALL {
            assert_eq!(Acr::from_value(acr.as_str()), Some(*acr));
        }
    }
}
