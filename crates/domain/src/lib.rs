//! The nouns of Latchbolt.
//!
//! Owns: the ids (one type per kind), the things the product keeps (accounts, credentials, devices,
//! clients, grants, consents, browser sessions, enrolments, signing key records, audit entries), and the
//! invariants of each.
//! Not here: how they are kept (`store`), what is done with them (`signin`, `provider`, `registry`),
//! protocol rules (`oidc`, `qr`, `journey`).
//!
//! Invariant: nothing in this crate reads a clock, a socket, a store or randomness; times and random
//! bytes are handed in.

pub mod account;
pub mod api_key;
pub mod audit;
pub mod cas_service;
pub mod claim_definition;
pub mod client;
pub mod credential;
pub mod device;
pub mod enrolment;
pub mod factor;
pub mod form;
pub mod grant;
pub mod group;
pub mod id;
pub mod initial_token;
pub mod job;
pub mod json;
pub mod key;
pub mod list;
pub mod metadata;
pub mod network;
pub mod notice;
pub mod people;
pub mod permissions;
pub mod place;
pub mod policy;
pub mod recovery;
pub mod refresh;
pub mod role;
pub mod session;
pub mod text;
pub mod time;

pub use account::{Account, AccountState, Username};
pub use api_key::{ApiKey, ListedApiKey};
pub use audit::search::{AuditFilter, AuditOrder, AuditPage, StoredAudit};
pub use audit::{Actor, AuditEntry, AuditEvent, Outcome};
pub use cas_service::{CasService, SingleLogout};
pub use claim_definition::{ClaimDefinition, ClaimEditor, ClaimKind, ClaimLimits};
pub use client::{Client, ClientAuthMethod, SigningAlg};
pub use credential::{Passkey, PasswordHash};
pub use device::{
    AddedBy, Attestation, Device, DeviceKey, DeviceKind, DeviceRecord, DeviceSort, DeviceState, KeyAlg,
    ListedDevice, PastKey,
};
pub use enrolment::{
    Enrolment, EnrolmentCode, EnrolmentKind, EnrolmentOrigin, EnrolmentOutcome, EnrolmentState,
};
pub use factor::{Held, Totp};
pub use grant::{Consent, Grant, ListedConsent};
pub use group::{Group, GroupName};
pub use id::{
    AccountId, ApiKeyId, AuditId, BatchId, ClientId, CredentialId, DeviceId, EnrolmentId, GrantId, GroupId,
    Id, JobId, JourneyId, NoticeId, RecoveryId, SecretHash, SessionId,
};
pub use initial_token::InitialToken;
pub use job::{
    BulkAction, BulkSubject, Job, JobCounts, JobKind, JobRow, JobState, OutcomeFilter, RowDone, RowFate,
    RowOutcome,
};
pub use key::{KeyRecord, KeyState, KeyUse};
pub use list::{Cursor, NotACursor};
pub use metadata::{
    AccessTokenFormat, AssertionAlg, ClientKeys, ClientMetadata, ContentEncryption, Encryption, GrantType,
    KeyEncryptionAlg, LogoutUri, RequestObjectAlg, ResponseType, SubjectType,
};
pub use network::{Network, NotANetwork};
pub use notice::{MailCounts, MailState, Notice, NoticeAction, NoticeBy, NoticeKind, NoticeMail};
pub use people::{PeopleFilter, PeopleOrder, PeoplePage, Person};
pub use permissions::Permissions;
pub use place::{ClientAddress, Place, Proximity, UserAgent};
pub use policy::{
    AttestationWish, DevicePolicy, EnrolmentPolicy, FirstEnrolment, Overrides, PasswordPolicy, Policies,
    Policy, RecoveryPolicy, SecondFactor,
};
pub use recovery::{ListedRecovery, Recovery, RecoveryState};
pub use refresh::RefreshFamily;
pub use role::{Permission, Role, Roles};
pub use session::{Acr, BrowserSession, ListedSession, Method, Proof, SessionEnd, SessionFilter};
pub use time::Timestamp;
