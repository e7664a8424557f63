//! Families of refresh tokens.
//!
//! Owns: the family of one grant and where its rotation stands. Not here: the tokens' text
//! (`provider`), rotating atomically (`store`).

use serde::{Deserialize, Serialize};

use crate::{GrantId, Timestamp};

/// All refresh tokens that follow from one grant. Of them exactly one is good at a time: the one of the current
/// generation (RFC 9700 §4.14.2). A token holds the grant's id and its own generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshFamily {
    /// Whose: revoking the grant ends the family.
    pub grant: GrantId,
    /// The generation that is good; the first is 0.
    pub generation: u32,
    /// When the generation before was spent; none for the first.
    pub rotated_at: Option<Timestamp>,
    /// Unused until then, it ends.
    pub idle_ends_at: Timestamp,
    /// It ends then, whatever happens (SEC-122).
    pub ends_at: Timestamp,
    /// What tokens of the family say; the text is its maker's.
    pub content: String,
}
