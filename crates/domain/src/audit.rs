//! The audit trail: who did what, when, from where, with which result (SEC-063, SEC-186).
//!
//! Owns: the entry and the closed list of events. Not here: keeping it (`store::audit`).
//! Never in an entry: passwords, codes, tokens, channel ids, browser secrets, check codes.

use serde::{Deserialize, Serialize};

use crate::{AccountId, ClientId, DeviceId, SessionId, Timestamp};

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident $word:literal,)*) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum AuditEvent { $($(#[$doc])* #[serde(rename = $word)] $name,)* }

        impl AuditEvent {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The word kept: subject, dot, verb.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

events! {
    /// A password was tried.
    PasswordTried "password.tried",
    /// A passkey was tried.
    PasskeyTried "passkey.tried",
    /// A passkey was registered.
    PasskeyAdded "passkey.added",
    /// A QR channel was opened.
    ChannelOpened "channel.opened",
    /// A phone claimed a channel.
    ChannelClaimed "channel.claimed",
    /// A phone approved.
    ChannelApproved "channel.approved",
    /// A phone denied.
    ChannelDenied "channel.denied",
    /// A phone's owner said: this was not me.
    ChannelReported "channel.reported",
    /// The browser was signed in.
    ChannelRedeemed "channel.redeemed",
    /// A channel ended unused.
    ChannelExpired "channel.expired",
    /// A browser session began.
    SessionStarted "session.started",
    /// A browser session ended.
    SessionEnded "session.ended",
    /// A consent was given.
    ConsentGiven "consent.given",
    /// A consent was refused.
    ConsentRefused "consent.refused",
    /// A code was redeemed.
    CodeRedeemed "code.redeemed",
    /// A code came a second time; its grant is revoked.
    CodeReplayed "code.replayed",
    /// Tokens were given by the authorization endpoint, through the browser.
    TokensGiven "tokens.given",
    /// Tokens were refreshed.
    TokenRefreshed "token.refreshed",
    /// A spent refresh token came again; its family is revoked.
    RefreshReplayed "refresh.replayed",
    /// A token was revoked by its client.
    TokenRevoked "token.revoked",
    /// A consent was taken back; what was made from it is revoked.
    ConsentRevoked "consent.revoked",
    /// A relying party was told by our server that a session ended, or could not be told.
    LogoutTold "logout.told",
    /// A client failed to authenticate.
    ClientRefused "client.refused",
    /// An account was made.
    AccountCreated "account.created",
    /// An account was changed, disabled or enabled.
    AccountChanged "account.changed",
    /// An enrolment was made.
    EnrolmentCreated "enrolment.created",
    /// A device was registered.
    DeviceAdded "device.added",
    /// A device changed its state.
    DeviceChanged "device.changed",
    /// A client was registered.
    ClientCreated "client.created",
    /// A client's registration was changed.
    ClientChanged "client.changed",
    /// A client was deleted.
    ClientDeleted "client.deleted",
    /// A signing key was made.
    KeyCreated "key.created",
    /// Signing keys were rotated.
    KeyRotated "key.rotated",
    /// A key was taken out of use by hand.
    KeyRetired "key.retired",
    /// All kept secrets were sealed anew with another wrapping key.
    WrappingKeyReplaced "wrapping_key.replaced",
    /// A right to register clients was made or taken back.
    InitialTokenChanged "initial_token.changed",
    /// The first administrator was set up.
    AdminSetUp "admin.set_up",
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done.
    Done,
    /// Refused.
    Refused,
}

/// One entry of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: AuditEvent,
    /// With which result.
    pub outcome: Outcome,
    /// Whose account, once known.
    pub account: Option<AccountId>,
    /// Which phone, once known.
    pub device: Option<DeviceId>,
    /// Which relying party.
    pub client: Option<ClientId>,
    /// Which browser session.
    pub session: Option<SessionId>,
    /// The address of the one who acted.
    pub address: Option<String>,
    /// The other side's address (QR: the browser's for a phone's deed, and the reverse).
    pub other_address: Option<String>,
    /// A word or short sentence: the reason of a refusal. Plain, at most 200 characters.
    pub detail: Option<String>,
}

impl AuditEntry {
    /// An entry that names only what happened; fill in the rest.
    #[must_use]
    pub const fn new(event: AuditEvent, outcome: Outcome, at: Timestamp) -> Self {
        Self {
            at,
            event,
            outcome,
            account: None,
            device: None,
            client: None,
            session: None,
            address: None,
            other_address: None,
            detail: None,
        }
    }
}
