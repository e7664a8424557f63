//! What a person gave a relying party.
//!
//! Owns: the grant (one redeemed code and the tokens made from it) and the remembered consent.

use serde::{Deserialize, Serialize};

use crate::{AccountId, ClientId, GrantId, SessionId, Timestamp};

/// One redeemed authorization code and everything made from it. Revoking it revokes the tokens (SEC-113).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The code's own id: inserting the grant is spending the code.
    pub id: GrantId,
    /// Who gave.
    pub account: AccountId,
    /// To whom.
    pub client: ClientId,
    /// In which browser session.
    pub session: SessionId,
    /// What: scope values, space-separated.
    pub scope: String,
    /// The code was redeemed.
    pub created_at: Timestamp,
    /// The last token made from it has ended; the row may go.
    pub expires_at: Timestamp,
    /// Revoked.
    pub revoked_at: Option<Timestamp>,
}

/// A consent that is remembered per account and client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Who.
    pub account: AccountId,
    /// To whom.
    pub client: ClientId,
    /// All that was agreed to so far, sorted: scopes, and single claims (`claim name`).
    pub scopes: Vec<String>,
    /// What was left out when it was asked for last, sorted; not asked again by itself.
    pub declined: Vec<String>,
    /// Last given.
    pub given_at: Timestamp,
}

/// A consent, and whose and for whom it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedConsent {
    /// The consent.
    pub consent: Consent,
    /// The user name.
    pub username: String,
    /// What the relying party is called.
    pub client_name: String,
}
