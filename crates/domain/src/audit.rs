//! The audit trail: who did what, when, from where, with which result (SEC-063, SEC-186).
//!
//! Owns: the entry and the closed list of events. Not here: keeping it (`store::audit`).
//! Never in an entry: passwords, codes, tokens, channel ids, browser secrets, check codes.

pub mod chain;
pub mod search;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{AccountId, ApiKeyId, ClientId, DeviceId, SessionId, Timestamp};

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

            /// The event with this word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|event| event.as_str() == word)
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
    /// A CAS service asked about a ticket that was issued.
    TicketValidated "ticket.validated",
    /// A CAS service got a ticket for another.
    TicketProxied "ticket.proxied",
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
    /// An account was deleted with all that belongs to it.
    AccountDeleted "account.deleted",
    /// An account was locked down: sign-in, sessions, phones, enrolments and API keys at once.
    AccountLockedDown "account.locked_down",
    /// An account may sign in again.
    AccountEnabled "account.enabled",
    /// An account may not sign in any more.
    AccountDisabled "account.disabled",
    /// Roles were given to an account or taken from it.
    RoleChanged "role.changed",
    /// A group was made.
    GroupCreated "group.created",
    /// A group was changed: its name, its roles, its rules.
    GroupChanged "group.changed",
    /// A group was deleted.
    GroupDeleted "group.deleted",
    /// An account became a member of a group.
    GroupJoined "group.joined",
    /// An account is no member of a group any more.
    GroupLeft "group.left",
    /// A claim was defined, or its definition changed.
    ClaimDefined "claim.defined",
    /// A claim's definition was removed.
    ClaimRemoved "claim.removed",
    /// A policy was saved, or set back to the configuration.
    PolicyChanged "policy.changed",
    /// A device that waited was approved.
    DeviceApproved "device.approved",
    /// A device that waited was rejected.
    DeviceRejected "device.rejected",
    /// A device was suspended.
    DeviceSuspended "device.suspended",
    /// A suspended device may act again.
    DeviceRestored "device.restored",
    /// A device was revoked for good.
    DeviceRevoked "device.revoked",
    /// A device was reported lost or stolen.
    DeviceLost "device.lost",
    /// A device has another key.
    DeviceRotated "device.rotated",
    /// A device was replaced by a new one.
    DeviceMoved "device.moved",
    /// A device proved anew that it is in its owner's hands, or is due to.
    DeviceReverified "device.reverified",
    /// A device has another name.
    DeviceRenamed "device.renamed",
    /// A device's attestation was checked.
    DeviceAttested "device.attested",
    /// An enrolment was used.
    EnrolmentUsed "enrolment.used",
    /// An enrolment was cancelled.
    EnrolmentCancelled "enrolment.cancelled",
    /// Letters with enrolment codes were printed.
    LettersPrinted "letters.printed",
    /// A job was planned: what it would do was written down, nothing was done.
    JobPlanned "job.planned",
    /// A job was started: import, bulk action.
    JobStarted "job.started",
    /// A job came to its end.
    JobFinished "job.finished",
    /// A job was cancelled.
    JobCancelled "job.cancelled",
    /// What a job did was undone.
    JobUndone "job.undone",
    /// A further factor was added.
    FactorAdded "factor.added",
    /// A further factor was removed.
    FactorRemoved "factor.removed",
    /// A further factor was used, or tried.
    FactorUsed "factor.used",
    /// A recovery was opened at the help desk.
    RecoveryOpened "recovery.opened",
    /// A recovery was cancelled.
    RecoveryCancelled "recovery.cancelled",
    /// A recovery was completed.
    RecoveryCompleted "recovery.completed",
    /// The link of a recovery was used.
    RecoveryUsed "recovery.used",
    /// Recovery codes were made; those before are void.
    RecoveryCodesMade "recovery_codes.made",
    /// A recovery code was used, or tried.
    RecoveryCodeUsed "recovery_codes.used",
    /// A password was changed by its owner.
    PasswordChanged "password.changed",
    /// A password's reset was started, or done by the link of a mail.
    PasswordReset "password.reset",
    /// A passkey was removed.
    PasskeyRemoved "passkey.removed",
    /// A passkey has another name.
    PasskeyRenamed "passkey.renamed",
    /// An address was proven by the link of a mail.
    EmailVerified "email.verified",
    /// An API key was made.
    ApiKeyCreated "api_key.created",
    /// An API key was changed: name, scopes, networks.
    ApiKeyChanged "api_key.changed",
    /// An API key was revoked.
    ApiKeyRevoked "api_key.revoked",
    /// An API key was used for the first time, or from an address it was not used from before.
    ApiKeyUsed "api_key.used",
    /// A client's secret was replaced.
    ClientSecretReplaced "client.secret_replaced",
    /// A notice could not be delivered and will not be tried again.
    NoticeFailed "notice.failed",
    /// Users were imported or exported as a list.
    PeopleExported "people.exported",
    /// A configuration was applied as a whole (`apply`).
    ConfigurationApplied "configuration.applied",
    /// The audit trail was exported.
    AuditExported "audit.exported",
    /// Somebody asked for something that their role does not allow.
    AdminRefused "admin.refused",
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

impl Outcome {
    /// The word kept and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }
}

/// Who acted. Its text form names the kind: `acc_…`, `dev_…`, `key_…`, `client:<id>`, `operator`, `system`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A person, signed in; also by an access token.
    Account(AccountId),
    /// A phone.
    Device(DeviceId),
    /// An API key.
    ApiKey(ApiKeyId),
    /// A relying party or service, as itself.
    Client(ClientId),
    /// The operator at the command line of the server.
    Operator,
    /// The server by itself.
    System,
}

/// The text names no actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("names no actor")]
pub struct NotAnActor;

const CLIENT: &str = "client:";

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(id) => id.fmt(f),
            Self::Device(id) => id.fmt(f),
            Self::ApiKey(id) => id.fmt(f),
            Self::Client(id) => write!(f, "{CLIENT}{}", id.as_str()),
            Self::Operator => f.write_str("operator"),
            Self::System => f.write_str("system"),
        }
    }
}

impl FromStr for Actor {
    type Err = NotAnActor;

    fn from_str(text: &str) -> Result<Self, NotAnActor> {
        if let Some(id) = text.strip_prefix(CLIENT) {
            return id.parse().map(Self::Client).map_err(|_| NotAnActor);
        }
        let account = || text.parse().map(Self::Account).ok();
        let device = || text.parse().map(Self::Device).ok();
        let key = || text.parse().map(Self::ApiKey).ok();
        match text {
            "operator" => Ok(Self::Operator),
            "system" => Ok(Self::System),
            _ => account().or_else(device).or_else(key).ok_or(NotAnActor),
        }
    }
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
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
    /// Who acted, where it is not the one whom the entry is about: an administrator, an API key, the operator, the
    /// server by itself. None: the account, phone or client that the entry names, by itself.
    pub actor: Option<Actor>,
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
            actor: None,
            account: None,
            device: None,
            client: None,
            session: None,
            address: None,
            other_address: None,
            detail: None,
        }
    }

    /// The same, by somebody else than the one whom it is about.
    #[must_use]
    pub fn by(self, actor: Actor) -> Self {
        Self { actor: Some(actor), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_have_words_of_their_own() {
        let mut words: Vec<_> = AuditEvent::ALL.iter().map(|event| event.as_str()).collect();
        for (event, word) in AuditEvent::ALL.iter().zip(&words) {
            assert_eq!(serde_json::to_value(event).unwrap(), *word);
            assert_eq!(AuditEvent::from_word(word), Some(*event));
            let (subject, deed) = word.split_once('.').unwrap();
            assert!(!subject.is_empty() && !deed.is_empty() && !deed.contains('.'), "{word}");
        }
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), AuditEvent::ALL.len());
        assert_eq!(AuditEvent::from_word("no.such"), None);
    }

    #[test]
    fn an_actor_is_found_in_its_text() {
        for actor in [
            Actor::Account(AccountId::from_random([1; 16])),
            Actor::Device(DeviceId::from_random([2; 16])),
            Actor::ApiKey(ApiKeyId::from_random([3; 16])),
            Actor::Client("shop".parse().unwrap()),
            Actor::Operator,
            Actor::System,
        ] {
            assert_eq!(actor.to_string().parse(), Ok(actor.clone()));
            let json = serde_json::to_string(&actor).unwrap();
            assert_eq!(serde_json::from_str::<Actor>(&json).unwrap(), actor);
        }
        for text in ["", "root", "acc_", "client:", "ses_aaaaaaaaaaaaaaaaaaaaaaaaaa"] {
            assert_eq!(text.parse::<Actor>(), Err(NotAnActor), "{text}");
        }
    }
}
