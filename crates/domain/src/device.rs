//! Phones in the registry.
//!
//! Owns: the device, its kinds, states and key. Not here: what a phone signs (`qr::approval`), how it is
//! enrolled (`registry::enrolment`).
//!
//! ```text
//! Pending ──approve──▶ Active ◀──restore── Suspended
//!    │                   │  ╰──suspend──▶     │
//!    ╰───────reject──────┴──── revoke ────────┴──▶ Revoked   (for good, SEC-081)
//! ```

use serde::{Deserialize, Serialize};

use crate::{AccountId, Actor, CredentialId, DeviceId, Timestamp};

/// What kind of phone it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// The web app at `/phone`: a WebCrypto device key and a passkey that verifies its owner.
    Web,
    /// A native app (or the command line) with a keystore key that verifies its owner by itself.
    App,
    /// A phone with an app made for CAS. It has a name instead of a key, can sign nothing and verifies nobody.
    Cas,
}

impl DeviceKind {
    /// The word kept and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::App => "app",
            Self::Cas => "cas",
        }
    }
}

/// Where the device stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// Waits for an administrator; can only ask its own state (SEC-075).
    Pending,
    /// Can claim and approve.
    Active,
    /// Stopped for the time being.
    Suspended,
    /// Stopped for good.
    Revoked,
}

impl DeviceState {
    /// The word kept and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
        }
    }
}

/// Signature algorithm of a device key (SEC-073: nothing else enters).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyAlg {
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
}

impl KeyAlg {
    /// The JOSE name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
        }
    }
}

/// A device's public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceKey {
    /// How it signs.
    pub alg: KeyAlg,
    /// ES256: uncompressed point, 65 bytes. EdDSA: 32 bytes.
    pub public: Vec<u8>,
    /// RFC 7638 thumbprint with SHA-256, base64url; unique in the whole system (SEC-072).
    pub thumbprint: String,
}

/// Who added the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddedBy {
    /// Its owner, after proving themselves on the phone.
    Owner,
    /// Its owner, from a signed-in desktop browser.
    Desktop,
    /// An administrator.
    Admin,
}

impl AddedBy {
    /// The word kept and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Desktop => "desktop",
            Self::Admin => "admin",
        }
    }
}

/// Whether somebody vouches for the device key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attestation {
    /// Nobody does; also where a statement came and policy did not ask for one.
    None,
    /// A chain to a root of the policy was verified when the key came (SEC-076).
    Verified,
}

impl Attestation {
    /// The word kept and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Verified => "verified",
        }
    }
}

/// What is known about a device besides what lets it act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRecord {
    /// The model as the phone told it: one plain line, at most 60 characters.
    pub model: Option<String>,
    /// Whether somebody vouches for the key; decided when the key came, never raised later (SEC-077).
    pub attestation: Attestation,
    /// Who vouches: format and name of the root, at most 120 characters.
    pub attested_by: Option<String>,
    /// The administrator who added it, or made the enrolment.
    pub added_by_account: Option<AccountId>,
    /// When its owner was last verified for the registry: enrolled, moved, or verified anew (SEC-089).
    pub verified_at: Timestamp,
    /// From where it approved last: network, place or country, as far as the operator's table tells.
    pub last_place: Option<String>,
    /// The browser it approved last: "Firefox on Linux".
    pub last_browser: Option<String>,
    /// When that was.
    pub last_approved_at: Option<Timestamp>,
    /// Last change of state, name or key.
    pub changed_at: Timestamp,
    /// Who made it; none: who added it.
    pub changed_by: Option<Actor>,
    /// Why: a word or the sentence that was given, at most 200 characters.
    pub changed_why: Option<String>,
    /// Grows with every change of state, name or key; what an `ETag` says.
    pub version: u32,
}

impl DeviceRecord {
    /// The record of a device that is added now.
    #[must_use]
    pub const fn new(now: Timestamp) -> Self {
        Self {
            model: None,
            attestation: Attestation::None,
            attested_by: None,
            added_by_account: None,
            verified_at: now,
            last_place: None,
            last_browser: None,
            last_approved_at: None,
            changed_at: now,
            changed_by: None,
            changed_why: None,
            version: 1,
        }
    }
}

/// A key that a device has or had. None ever comes back (SEC-081, SEC-082).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastKey {
    /// RFC 7638 thumbprint.
    pub thumbprint: String,
    /// Since when.
    pub added_at: Timestamp,
    /// Until when; none for the one that works.
    pub ended_at: Option<Timestamp>,
}

/// An enrolled phone. It belongs to one account for life (SEC-084).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Not a credential (SEC-083).
    pub id: DeviceId,
    /// Its owner.
    pub account: AccountId,
    /// What kind of phone.
    pub kind: DeviceKind,
    /// The owner's name for it: one plain line, at most 60 characters.
    pub name: String,
    /// Operating system or model as the phone told it: one plain line, at most 60 characters.
    pub platform: String,
    /// The key it signs with; none for kind `cas`, which can sign nothing.
    pub key: Option<DeviceKey>,
    /// What a CAS app calls itself (kind `cas`, and only that): 1 to 128 of `[A-Za-z0-9._:@-]`, in lower case. It
    /// proves nothing.
    pub cas_name: Option<String>,
    /// Whether it can verify its user; recorded at enrolment, never raised later (SEC-077).
    pub verifies_user: bool,
    /// The passkey that verifies its user (kind `web`).
    pub passkey: Option<CredentialId>,
    /// Where it stands.
    pub state: DeviceState,
    /// Who added it.
    pub added_by: AddedBy,
    /// When its owner agreed to sign-ins by QR.
    pub agreed_at: Option<Timestamp>,
    /// Enrolled.
    pub created_at: Timestamp,
    /// Last claim or approval.
    pub last_used_at: Option<Timestamp>,
    /// What else is known.
    pub record: DeviceRecord,
}

impl Device {
    /// Whether it may claim and approve (state only; `registry` re-verifies after long disuse).
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.state == DeviceState::Active
    }

    /// Thumbprint of the key that it signs with; none where it can sign nothing.
    #[must_use]
    pub fn thumbprint(&self) -> Option<&str> {
        self.key.as_ref().map(|key| key.thumbprint.as_str())
    }

    /// When it was last heard of or its owner last verified: what disuse is counted from (SEC-089).
    #[must_use]
    pub fn seen_at(&self) -> Timestamp {
        self.last_used_at.unwrap_or(self.created_at).max(self.record.verified_at)
    }
}

/// What a list of phones is sorted by; ids tell equal ones apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceSort {
    /// Enrolled. The cursor's key: milliseconds.
    Created,
    /// Last used, or enrolled. The cursor's key: milliseconds.
    Used,
    /// Name in small letters.
    Name,
}

/// A phone in a list: with its owner's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedDevice {
    /// The phone.
    pub device: Device,
    /// Whose, by name.
    pub username: String,
}
